#include "tokens.h"

#include "base/sizes.h"
#include "words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static size_t
word_bytes(const char *at)
{
    size_t bytes = 0;
    while (isalnum((unsigned char)at[bytes]) || at[bytes] == '_' || (unsigned char)at[bytes] >= 0x80)
        bytes++;
    return bytes;
}

static bool
is_word(const char *at, const char *word)
{
    const size_t bytes = strlen(word);
    return word_bytes(at) == bytes && strncasecmp(at, word, bytes) == 0;
}

bool
sql_take_word(sql_tokens *in, const char *word)
{
    in->at = slu_sql_first_word(in->at);
    if (!is_word(in->at, word))
        return false;
    in->at += strlen(word);
    return true;
}

bool
sql_take_words(sql_tokens *in, const char *words)
{
    const char *begin = in->at;
    for (const char *at = words; *at != 0;) {
        char word[32];
        const size_t bytes = strcspn(at, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)bytes, at);
        if (!sql_take_word(in, word)) {
            in->at = begin;
            return false;
        }
        at += bytes + (at[bytes] == ' ');
    }
    return true;
}

bool
sql_take_char(sql_tokens *in, char c)
{
    in->at = slu_sql_first_word(in->at);
    if (*in->at != c)
        return false;
    in->at++;
    return true;
}

/* What stands between quotes, a doubled one meaning itself; NULL: it does not end. */
static char *
quoted(sql_tokens *in)
{
    const char quote = *in->at;
    const char *from = in->at + 1;
    size_t bytes = 0;
    size_t to = 0;
    while (from[bytes] != 0 && (from[bytes] != quote || from[bytes + 1] == quote))
        bytes += from[bytes] == quote ? 2 : 1;
    char *text = from[bytes] == 0 ? NULL : slu_arena_strndup(in->arena, from, bytes);
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < bytes; i++) {
        i += text[i] == quote;
        text[to++] = text[i];
    }
    text[to] = 0;
    in->at = from + bytes + 1;
    return text;
}

const char *
sql_take_name(sql_tokens *in)
{
    in->at = slu_sql_first_word(in->at);
    if (*in->at == '"' || *in->at == '`')
        return quoted(in);
    const size_t bytes = word_bytes(in->at);
    if (bytes == 0)
        return NULL;
    const char *name = slu_arena_strndup(in->arena, in->at, bytes);
    in->at += bytes;
    return name;
}

const char *
sql_take_text(sql_tokens *in)
{
    in->at = slu_sql_first_word(in->at);
    return *in->at == '\'' ? quoted(in) : NULL;
}

static bool
ends_type(const char *at)
{
    static const char *const words[] = {"PRIMARY", "COMMENT", "METADATA", "CONSTRAINT"};
    for (size_t i = 0; i < SLU_COUNT_OF(words); i++)
        if (is_word(at, words[i]))
            return true;
    return false;
}

const char *
sql_take_type(sql_tokens *in)
{
    in->at = slu_sql_first_word(in->at);
    const char *from = in->at;
    int depth = 0;
    while (*in->at != 0 && *in->at != ';' && (depth > 0 || (*in->at != ',' && *in->at != ')'))) {
        if (depth == 0 && ends_type(in->at))
            break;
        depth += (*in->at == '(' || *in->at == '<') - (*in->at == ')' || *in->at == '>');
        const size_t bytes = word_bytes(in->at);
        in->at += bytes == 0 ? 1 : bytes;
    }
    size_t bytes = (size_t)(in->at - from);
    while (bytes > 0 && isspace((unsigned char)from[bytes - 1]))
        bytes--;
    return bytes == 0 ? NULL : slu_arena_strndup(in->arena, from, bytes);
}

bool
sql_at_end(sql_tokens *in)
{
    (void)sql_take_char(in, ';');
    in->at = slu_sql_first_word(in->at);
    return *in->at == 0;
}

slu_status
sql_tokens_fail(const sql_tokens *in, const char *wanted, slu_error *err)
{
    const char *at = slu_sql_first_word(in->at);
    const int shown = (int)strcspn(at, "\r\n");
    if (*at == 0)
        return slu_error_set(err, SLU_INVALID, "%s is expected at the end of the statement", wanted);
    return slu_error_set(err, SLU_INVALID, "%s is expected at '%.*s'", wanted, shown > 40 ? 40 : shown, at);
}
