/*
 * lex.h: an expression's text as tokens.
 *
 * Owns     a token borrows from the text. A quoted text or name still has its doubled quotes: lex_unquote.
 * Errors   T_BAD with what is wrong in `error`.
 */
#ifndef SDK_EXPR_LEX_H
#define SDK_EXPR_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum token_kind {
    T_END,
    T_BAD,
    T_NUMBER,
    T_TEXT,   /* 'it''s' */
    T_WORD,   /* a name or a keyword */
    T_QUOTED, /* "name" or `name` */
    T_SYMBOL  /* one or two characters */
} token_kind;

typedef struct token {
    token_kind kind;
    const char *text;
    size_t bytes;
    int32_t at;
} token;

typedef struct lexer {
    const char *text;
    size_t bytes;
    size_t at;
    const char *error;
} lexer;

token lex_next(lexer *in);
bool token_is_word(token t, const char *word); /* in any case */
bool token_is_symbol(token t, const char *symbol);
/* The content of a T_TEXT or T_QUOTED without its quotes; `out` has room for t.bytes. Returns the length. */
size_t lex_unquote(token t, char *out);

#endif
