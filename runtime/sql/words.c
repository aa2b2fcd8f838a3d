#include "words.h"

#include <sqlite3.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool
word_first(char c)
{
    return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool
word_part(char c)
{
    return word_first(c) || isdigit((unsigned char)c) || c == '$';
}

size_t
slu_sql_untouched(const char *at)
{
    const char *end = NULL;
    if (at[0] == '-' && at[1] == '-')
        return strcspn(at, "\n");
    if (at[0] == '/' && at[1] == '*') {
        end = strstr(at + 2, "*/");
        return end == NULL ? strlen(at) : (size_t)(end - at) + 2;
    }
    if (at[0] != '\'' && at[0] != '"' && at[0] != '`' && at[0] != '[')
        return 0;
    const char close = at[0] == '[' ? ']' : at[0];
    for (end = at + 1; *end != 0; end++) {
        if (*end != close)
            continue;
        if (close != ']' && end[1] == close)
            end++;
        else
            return (size_t)(end - at) + 1;
    }
    return strlen(at);
}

static size_t
word_length(const char *at)
{
    size_t length = 0;
    while (word_part(at[length]))
        length++;
    return length;
}

/* The longest name at `at`: word[.word][@digits behind a suffix]. */
static size_t
name_length(const char *at, size_t *dot)
{
    size_t length = word_length(at);
    *dot = 0;
    if (at[length] == '.' && word_first(at[length + 1])) {
        *dot = length;
        length += 1 + word_length(at + length + 1);
    }
    if (at[length] == '@' && memchr(at, '$', length) != NULL && isdigit((unsigned char)at[length + 1]))
        for (length++; isdigit((unsigned char)at[length]);)
            length++;
    return length;
}

static bool
piece(char *to, const char *from, size_t bytes)
{
    if (bytes >= SLU_SQL_NAME_BYTES_MAX)
        return false;
    memcpy(to, from, bytes);
    to[bytes] = 0;
    return true;
}

static bool
name_split(const char *at, size_t length, size_t dot, slu_sql_name *name)
{
    const char *table = dot == 0 ? at : at + dot + 1;
    const size_t table_length = length - (size_t)(table - at);
    const char *dollar = memchr(table, '$', table_length);
    const size_t base_length = dollar == NULL ? table_length : (size_t)(dollar - table);
    memset(name, 0, sizeof *name);
    return piece(name->database, at, dot) && piece(name->table, table, base_length) &&
           (dollar == NULL || piece(name->suffix, dollar + 1, table_length - base_length - 1));
}

static bool
is_word(const char *at, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(at, word, length) == 0;
}

/* Whether BEGIN, COMMIT, END or ROLLBACK stands just before. */
static bool
transaction_verb(const char *previous, size_t length)
{
    return is_word(previous, length, "begin") || is_word(previous, length, "commit") || is_word(previous, length, "end") ||
           is_word(previous, length, "rollback") || is_word(previous, length, "deferred") ||
           is_word(previous, length, "immediate") || is_word(previous, length, "exclusive");
}

/* A table may be called `order` or `count`, and a statement with ORDER BY means the keyword all the same: such a word is a table's name
 * behind FROM or JOIN, with a suffix, in front of a dot, or where the text is only a name (as DESCRIBE has it). */
static bool
stands_as_keyword(const char *at, size_t length, const char *previous, size_t previous_length)
{
    if (is_word(at, length, "transaction"))
        return transaction_verb(previous, previous_length);
    const char *between = previous + previous_length;
    const bool adjacent = between + strspn(between, " \t\r\n") == at;
    const bool behind_from = adjacent && (is_word(previous, previous_length, "from") || is_word(previous, previous_length, "join"));
    const bool alone = previous_length == 0 && at[length] == 0;
    return sqlite3_keyword_check(at, (int)length) != 0 && at[length] != '.' && !behind_from && !alone;
}

static void
quote(slu_buf *out, const char *name)
{
    slu_buf_u8(out, '"');
    for (; *name != 0; name++) {
        if (*name == '"')
            slu_buf_u8(out, '"');
        slu_buf_u8(out, (uint8_t)*name);
    }
    slu_buf_u8(out, '"');
}

/* Tries the name as a whole, then only its first word (alias.column has that shape too). Returns the bytes consumed. */
static size_t
name_resolve(const char *at, slu_sql_resolve resolve, void *context, slu_buf *out)
{
    char shown[2 * SLU_SQL_NAME_BYTES_MAX];
    slu_sql_name name;
    size_t dot;
    const size_t length = name_length(at, &dot);
    if (name_split(at, length, dot, &name) && resolve(context, &name, shown, sizeof shown)) {
        quote(out, shown);
        return length;
    }
    const size_t first = word_length(at);
    if (dot != 0 && name_split(at, first, 0, &name) && resolve(context, &name, shown, sizeof shown)) {
        quote(out, shown);
        return first;
    }
    slu_buf_append(out, at, first);
    return first;
}

/* A name in double quotes, or in backticks as Flink has them, is resolved too, but written as it stands. */
static void
quoted_resolve(const char *at, size_t length, slu_sql_resolve resolve, void *context, slu_buf *out)
{
    char shown[2 * SLU_SQL_NAME_BYTES_MAX];
    slu_sql_name name;
    const char *dot = memchr(at, '.', length);
    const bool closed = length > 2 && (at[0] == '"' || at[0] == '`') && at[length - 1] == at[0]; /* the text may end first */
    if (closed && name_split(at + 1, length - 2, dot == NULL ? 0 : (size_t)(dot - at - 1), &name)) {
        name.quoted = true;
        if (resolve(context, &name, shown, sizeof shown)) {
            quote(out, shown);
            return;
        }
    }
    slu_buf_append(out, at, length);
}

void
slu_sql_quote_names(const char *statement, slu_sql_resolve resolve, void *context, slu_buf *out)
{
    const char *previous = statement;
    size_t previous_length = 0;
    for (const char *at = statement; *at != 0;) {
        const size_t kept = slu_sql_untouched(at);
        if (kept > 0) {
            quoted_resolve(at, kept, resolve, context, out);
            at += kept;
        } else if (word_first(*at) && !(at > statement && (at[-1] == '.' || word_part(at[-1])))) {
            const size_t length = word_length(at);
            const bool keyword = stands_as_keyword(at, length, previous, previous_length);
            previous = at;
            previous_length = length;
            if (keyword)
                slu_buf_append(out, at, length);
            at += keyword ? length : name_resolve(at, resolve, context, out);
        } else {
            slu_buf_u8(out, (uint8_t)*at++);
        }
    }
}

bool
slu_sql_word_in(const char *text, const char *word)
{
    for (const char *at = text; *at != 0;) {
        const size_t length = slu_sql_untouched(at) + word_length(at);
        if (word_first(*at) && is_word(at, length, word))
            return true;
        at += length == 0 ? 1 : length;
    }
    return false;
}

size_t
slu_sql_statement_bytes(const char *text)
{
    const char *at = text;
    while (*at != 0 && *at != ';') {
        const size_t kept = slu_sql_untouched(at);
        at += kept > 0 ? kept : 1;
    }
    return (size_t)(at - text) + (*at == ';');
}

const char *
slu_sql_first_word(const char *text)
{
    for (;;) {
        while (isspace((unsigned char)*text))
            text++;
        if (*text != '-' && *text != '/')
            return text;
        const size_t comment = slu_sql_untouched(text);
        if (comment == 0)
            return text;
        text += comment;
    }
}

bool
slu_sql_text_complete(const char *text)
{
    bool ended = false;
    for (const char *at = slu_sql_first_word(text); *at != 0; at = slu_sql_first_word(at)) {
        while (*at != 0 && *at != ';') {
            const size_t kept = slu_sql_untouched(at);
            at += kept > 0 ? kept : 1;
        }
        ended = *at == ';';
        at += ended;
    }
    return ended;
}
