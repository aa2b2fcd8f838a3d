#include "lex.h"

#include <string.h>
#include <strings.h>

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Bytes above 127 belong to names: UTF-8 column names need no quotes. */
static bool
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || is_digit(c) || (unsigned char)c >= 0x80;
}

static void
skip_space(lexer *in)
{
    while (in->at < in->bytes) {
        const char c = in->text[in->at];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            in->at++;
        } else if (c == '-' && in->at + 1 < in->bytes && in->text[in->at + 1] == '-') {
            while (in->at < in->bytes && in->text[in->at] != '\n')
                in->at++;
        } else {
            return;
        }
    }
}

static token
token_from(lexer *in, token_kind kind, size_t start)
{
    const token t = {kind, in->text + start, in->at - start, (int32_t)start};
    return t;
}

static token
token_bad(lexer *in, size_t start, const char *error)
{
    in->error = error;
    return token_from(in, T_BAD, start);
}

static token
lex_quoted(lexer *in, char quote)
{
    const size_t start = in->at++;
    for (; in->at < in->bytes; in->at++) {
        if (in->text[in->at] != quote)
            continue;
        if (in->at + 1 < in->bytes && in->text[in->at + 1] == quote) {
            in->at++;
            continue;
        }
        in->at++;
        return token_from(in, quote == '\'' ? T_TEXT : T_QUOTED, start);
    }
    return token_bad(in, start, "a quote that is not closed");
}

static token
lex_number(lexer *in)
{
    const size_t start = in->at;
    while (in->at < in->bytes && is_digit(in->text[in->at]))
        in->at++;
    if (in->at < in->bytes && in->text[in->at] == '.')
        in->at++;
    while (in->at < in->bytes && is_digit(in->text[in->at]))
        in->at++;
    if (in->at < in->bytes && (in->text[in->at] == 'e' || in->text[in->at] == 'E')) {
        in->at++;
        if (in->at < in->bytes && (in->text[in->at] == '-' || in->text[in->at] == '+'))
            in->at++;
        if (in->at == in->bytes || !is_digit(in->text[in->at]))
            return token_bad(in, start, "a number whose exponent has no digits");
        while (in->at < in->bytes && is_digit(in->text[in->at]))
            in->at++;
    }
    if (in->at < in->bytes && is_word(in->text[in->at]))
        return token_bad(in, start, "a number that runs into a word");
    return token_from(in, T_NUMBER, start);
}

static token
lex_symbol(lexer *in)
{
    static const char *const twos[] = {"<=", ">=", "<>", "!=", "||", "=="};
    const size_t start = in->at;
    for (size_t i = 0; in->bytes - start >= 2 && i < sizeof twos / sizeof *twos; i++) {
        if (memcmp(in->text + start, twos[i], 2) == 0) {
            in->at += 2;
            return token_from(in, T_SYMBOL, start);
        }
    }
    in->at++;
    if (in->text[start] == 0 || strchr("=<>+-*/%(),.", in->text[start]) == NULL)
        return token_bad(in, start, "a character that means nothing here");
    return token_from(in, T_SYMBOL, start);
}

token
lex_next(lexer *in)
{
    skip_space(in);
    const size_t start = in->at;
    if (start >= in->bytes)
        return token_from(in, T_END, start);
    const char c = in->text[start];
    if (c == '\'' || c == '"' || c == '`')
        return lex_quoted(in, c);
    if (is_digit(c) || (c == '.' && start + 1 < in->bytes && is_digit(in->text[start + 1])))
        return lex_number(in);
    if (!is_word(c))
        return lex_symbol(in);
    while (in->at < in->bytes && is_word(in->text[in->at]))
        in->at++;
    return token_from(in, T_WORD, start);
}

bool
token_is_word(token t, const char *word)
{
    return t.kind == T_WORD && t.bytes == strlen(word) && strncasecmp(t.text, word, t.bytes) == 0;
}

bool
token_is_symbol(token t, const char *symbol)
{
    return t.kind == T_SYMBOL && t.bytes == strlen(symbol) && memcmp(t.text, symbol, t.bytes) == 0;
}

size_t
lex_unquote(token t, char *out)
{
    size_t length = 0;
    for (size_t i = 1; i + 1 < t.bytes; i++) {
        out[length++] = t.text[i];
        i += t.text[i] == t.text[0]; /* a doubled quote stands for one */
    }
    return length;
}
