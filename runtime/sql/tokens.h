/*
 * tokens.h: a statement of ours, taken word by word: for what SQLite's own parser does not know.
 *
 * Shape    every take skips blanks and comments, and moves only when what it wants is there. The first complaint sticks: tokens_fail.
 * Owns     nothing; texts that were taken live in the arena.
 * Threads  owner.
 */
#ifndef SLU_SQL_TOKENS_H
#define SLU_SQL_TOKENS_H

#include "base/arena.h"

#include <stdbool.h>

typedef struct sql_tokens {
    const char *text;
    const char *at;
    slu_arena *arena;
} sql_tokens;

bool sql_take_word(sql_tokens *in, const char *word); /* in any case */
/* "if not exists" and the like: all of them, or none is taken. */
bool sql_take_words(sql_tokens *in, const char *words);
bool sql_take_char(sql_tokens *in, char c);
/* A plain word, or anything in double quotes or backticks; NULL: there is none. */
const char *sql_take_name(sql_tokens *in);
/* 'text', with '' for a quote; NULL: there is none. */
const char *sql_take_text(sql_tokens *in);
/* The text of a type: up to a comma or a closing parenthesis outside brackets, or a word that ends it. */
const char *sql_take_type(sql_tokens *in);
/* Whether nothing but a ';' is left. */
bool sql_at_end(sql_tokens *in);
/* INVALID: `wanted` was expected where the text stands. */
slu_status sql_tokens_fail(const sql_tokens *in, const char *wanted, slu_error *err);

#endif
