#include "type_parse.h"

#include "base/limits.h"
#include "base/sizes.h"
#include "base/suggest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS_MAX 10

typedef struct parse {
    const char *text;
    const char *at;
    slu_arena *arena;
    slu_error *err;
    int depth;
} parse;

static const struct {
    const char *word;
    uint8_t id;
    int8_t numbers;   /* it may take in parentheses */
    int32_t defaults; /* of the first */
} words[] = {
    {"BOOLEAN", FLUSS_TYPE_BOOLEAN, 0, 0},
    {"TINYINT", FLUSS_TYPE_TINYINT, 0, 0},
    {"SMALLINT", FLUSS_TYPE_SMALLINT, 0, 0},
    {"INT", FLUSS_TYPE_INTEGER, 0, 0},
    {"INTEGER", FLUSS_TYPE_INTEGER, 0, 0},
    {"BIGINT", FLUSS_TYPE_BIGINT, 0, 0},
    {"FLOAT", FLUSS_TYPE_FLOAT, 0, 0},
    {"REAL", FLUSS_TYPE_FLOAT, 0, 0},
    {"DOUBLE", FLUSS_TYPE_DOUBLE, 0, 0},
    {"BOOL", FLUSS_TYPE_BOOLEAN, 0, 0},
    {"CHAR", FLUSS_TYPE_CHAR, 1, 1},
    {"STRING", FLUSS_TYPE_STRING, 0, 0},
    {"TEXT", FLUSS_TYPE_STRING, 0, 0},
    {"VARCHAR", FLUSS_TYPE_STRING, 1, 0},
    {"BINARY", FLUSS_TYPE_BINARY, 1, 1},
    {"BYTES", FLUSS_TYPE_BYTES, 0, 0},
    {"VARBINARY", FLUSS_TYPE_BYTES, 1, 0},
    {"DECIMAL", FLUSS_TYPE_DECIMAL, 2, 10},
    {"NUMERIC", FLUSS_TYPE_DECIMAL, 2, 10},
    {"DEC", FLUSS_TYPE_DECIMAL, 2, 10},
    {"DATE", FLUSS_TYPE_DATE, 0, 0},
    {"TIME", FLUSS_TYPE_TIME, 1, 0},
    {"TIMESTAMP", FLUSS_TYPE_TIMESTAMP, 1, 6},
    {"TIMESTAMP_LTZ", FLUSS_TYPE_TIMESTAMP_LTZ, 1, 6},
    {"ARRAY", FLUSS_TYPE_ARRAY, 0, 0},
    {"MAP", FLUSS_TYPE_MAP, 0, 0},
    {"ROW", FLUSS_TYPE_ROW, 0, 0},
};

static slu_status
fail(const parse *in, const char *what)
{
    return slu_error_set(in->err, SLU_INVALID, "type '%.200s': %s at byte %d", in->text, what, (int)(in->at - in->text));
}

static bool
take(parse *in, char c)
{
    in->at += strspn(in->at, " \t\r\n");
    if (*in->at != c)
        return false;
    in->at++;
    return true;
}

static slu_status
want(parse *in, char c)
{
    const char wanted[] = {'\'', c, '\'', ' ', 'i', 's', ' ', 'e', 'x', 'p', 'e', 'c', 't', 'e', 'd', 0};
    return take(in, c) ? SLU_OK : fail(in, wanted);
}

static size_t
word_bytes(const char *at)
{
    size_t bytes = 0;
    while (isalnum((unsigned char)at[bytes]) || at[bytes] == '_')
        bytes++;
    return bytes;
}

static bool
take_word(parse *in, const char *word)
{
    in->at += strspn(in->at, " \t\r\n");
    const size_t bytes = strlen(word);
    if (word_bytes(in->at) != bytes || strncasecmp(in->at, word, bytes) != 0)
        return false;
    in->at += bytes;
    return true;
}

static slu_status
number(parse *in, int32_t *out)
{
    int64_t value = 0;
    in->at += strspn(in->at, " \t\r\n");
    const size_t digits = strspn(in->at, "0123456789");
    for (size_t i = 0; i < digits && digits <= LENGTH_DIGITS_MAX; i++)
        value = value * 10 + (in->at[i] - '0');
    if (digits == 0 || digits > LENGTH_DIGITS_MAX || value > INT32_MAX)
        return fail(in, "a number is expected");
    in->at += digits;
    *out = (int32_t)value;
    return SLU_OK;
}

static slu_status
numbers(parse *in, int count, int32_t *first, int32_t *second)
{
    if (count == 0 || !take(in, '('))
        return SLU_OK;
    SLU_TRY(number(in, first));
    if (count == 2 && take(in, ','))
        SLU_TRY(number(in, second));
    return want(in, ')');
}

static slu_status field(parse *in, fluss_type *out);

static slu_status
name(parse *in, const char **out)
{
    in->at += strspn(in->at, " \t\r\n");
    const char quote = *in->at == '"' || *in->at == '`' ? *in->at : 0;
    const char *from = in->at + (quote != 0);
    const char *end = quote == 0 ? from + word_bytes(from) : strchr(from, quote);
    if (end == NULL || end == from || end - from >= SLU_NAME_BYTES_MAX)
        return fail(in, "a column's name is expected");
    *out = slu_arena_strndup(in->arena, from, (size_t)(end - from));
    in->at = end + (quote != 0);
    return slu_arena_status(in->arena, in->err);
}

/* One more at the end of an array of columns that doubles. */
static slu_status
column_add(parse *in, fluss_column **columns, uint32_t *count, fluss_column **out)
{
    if (*count >= SLU_COLUMNS_MAX)
        return slu_error_set(in->err, SLU_LIMIT, "type '%.200s': more than %d columns", in->text, (int)SLU_COLUMNS_MAX);
    if ((*count & (*count - 1)) == 0) {
        fluss_column *grown = slu_arena_array(in->arena, *count == 0 ? 1 : (size_t)*count * 2, sizeof *grown);
        SLU_TRY(slu_arena_status(in->arena, in->err));
        if (*count > 0)
            memcpy(grown, *columns, *count * sizeof *grown);
        *columns = grown;
    }
    *out = &(*columns)[(*count)++];
    **out = (fluss_column){.id = -1};
    return SLU_OK;
}

/* "name TYPE, .." up to a character that is not taken. */
static slu_status
columns(parse *in, fluss_column **out, uint32_t *count)
{
    do {
        fluss_column *column = NULL;
        fluss_type type;
        const char *called = NULL;
        SLU_TRY(name(in, &called));
        for (uint32_t i = 0; i < *count; i++)
            if (strcmp((*out)[i].name, called) == 0)
                return slu_error_set(in->err, SLU_INVALID, "type '%.200s': column '%s' is there twice", in->text, called);
        SLU_TRY(field(in, &type));
        SLU_TRY(column_add(in, out, count, &column));
        column->name = called;
        column->type = type;
    } while (take(in, ','));
    return SLU_OK;
}

static slu_status
children(parse *in, fluss_type *out)
{
    if (out->id < FLUSS_TYPE_ARRAY)
        return SLU_OK;
    SLU_TRY(want(in, '<'));
    if (out->id == FLUSS_TYPE_ROW) {
        SLU_TRY(columns(in, &out->children, &out->child_count));
        return want(in, '>');
    }
    const uint32_t count = out->id == FLUSS_TYPE_MAP ? 2 : 1;
    for (uint32_t i = 0; i < count; i++) {
        fluss_column *child = NULL;
        if (i > 0)
            SLU_TRY(want(in, ','));
        SLU_TRY(column_add(in, &out->children, &out->child_count, &child));
        SLU_TRY(field(in, &child->type));
    }
    if (count == 2)
        out->children[0].type.nullable = false; /* as MapType makes every key */
    return want(in, '>');
}

/* WITH LOCAL TIME ZONE, WITHOUT TIME ZONE. */
static slu_status
zone(parse *in, fluss_type *out)
{
    const bool with = take_word(in, "WITH");
    if (!with && !take_word(in, "WITHOUT"))
        return SLU_OK;
    if ((with && !take_word(in, "LOCAL")) || !take_word(in, "TIME") || !take_word(in, "ZONE"))
        return fail(in, with ? "WITH LOCAL TIME ZONE is expected" : "WITHOUT TIME ZONE is expected");
    if (with)
        out->id = FLUSS_TYPE_TIMESTAMP_LTZ;
    return SLU_OK;
}

static slu_status
unknown(parse *in)
{
    const char *known[SLU_COUNT_OF(words)];
    char word[64];
    const size_t bytes = word_bytes(in->at);
    if (bytes == 0)
        return fail(in, "a type is expected");
    for (size_t i = 0; i < SLU_COUNT_OF(words); i++)
        known[i] = words[i].word;
    (void)snprintf(word, sizeof word, "%.*s", (int)SLU_MIN(bytes, sizeof word - 1), in->at);
    const char *nearest = slu_suggest(word, known, SLU_COUNT_OF(known));
    return slu_error_set(in->err, SLU_INVALID, "type '%.200s': '%s' is no type%s%s%s", in->text, word,
                         nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
}

static slu_status
plain(parse *in, fluss_type *out)
{
    for (size_t i = 0; i < SLU_COUNT_OF(words); i++) {
        int32_t first = words[i].defaults;
        int32_t second = 0;
        if (!take_word(in, words[i].word))
            continue;
        SLU_TRY(numbers(in, words[i].numbers, &first, &second));
        *out = (fluss_type){.id = words[i].id, .nullable = true};
        if (out->id == FLUSS_TYPE_CHAR || out->id == FLUSS_TYPE_BINARY)
            out->length = first;
        else if (out->id == FLUSS_TYPE_DECIMAL || out->id == FLUSS_TYPE_TIME || out->id == FLUSS_TYPE_TIMESTAMP ||
                 out->id == FLUSS_TYPE_TIMESTAMP_LTZ)
            out->precision = first;
        out->scale = second;
        SLU_TRY(out->id == FLUSS_TYPE_TIMESTAMP ? zone(in, out) : SLU_OK);
        return children(in, out);
    }
    return unknown(in);
}

static slu_status
field(parse *in, fluss_type *out)
{
    if (++in->depth > SLU_NESTING_MAX)
        return slu_error_set(in->err, SLU_LIMIT, "type '%.200s': nested deeper than %d", in->text, (int)SLU_NESTING_MAX);
    SLU_TRY(plain(in, out));
    in->depth--;
    if (take_word(in, "NOT")) {
        if (!take_word(in, "NULL"))
            return fail(in, "NOT NULL is expected");
        out->nullable = false;
    } else {
        (void)take_word(in, "NULL");
    }
    return SLU_OK;
}

static slu_status
ended(parse *in)
{
    in->at += strspn(in->at, " \t\r\n");
    return *in->at == 0 ? SLU_OK : fail(in, "',' or the end is expected");
}

slu_status
fluss_type_parse(const char *text, slu_arena *arena, fluss_type *out, slu_error *err)
{
    parse in = {text, text, arena, err, 0};
    SLU_TRY(field(&in, out));
    return ended(&in);
}

slu_status
fluss_columns_parse(const char *text, slu_arena *arena, fluss_schema *out, slu_error *err)
{
    parse in = {text, text, arena, err, 0};
    uint32_t count = 0;
    fluss_column *made = NULL;
    SLU_TRY(columns(&in, &made, &count));
    SLU_TRY(ended(&in));
    *out = (fluss_schema){.columns = made, .column_count = count, .highest_field_id = -1};
    return SLU_OK;
}
