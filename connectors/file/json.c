#include "rows.h"

typedef struct json {
    const char *at, *end;
    char *scratch; /* where unescaped texts go; as large as the record, which they never outgrow */
    int depth;
    const char *problem;
} json;

static bool
json_fail(json *in, const char *problem)
{
    if (in->problem == NULL)
        in->problem = problem;
    return false;
}

static void
json_space(json *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\r' || *in->at == '\n'))
        in->at++;
}

static bool
json_take(json *in, char c)
{
    json_space(in);
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

/* ---- Texts ------------------------------------------------------------------------------------------------------------------ */

static bool
json_hex4(json *in, uint32_t *out)
{
    *out = 0;
    if (in->end - in->at < 4)
        return json_fail(in, "an escape that is cut short");
    for (int i = 0; i < 4; i++) {
        const char c = *in->at++;
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return json_fail(in, "an escape that is no number");
        *out = *out * 16 + (uint32_t)digit;
    }
    return true;
}

/* At most four bytes, where the escape took six or twelve. */
static void
json_put_utf8(json *in, uint32_t code)
{
    if (code < 0x80) {
        *in->scratch++ = (char)code;
    } else if (code < 0x800) {
        *in->scratch++ = (char)(0xc0 | code >> 6);
        *in->scratch++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *in->scratch++ = (char)(0xe0 | code >> 12);
        *in->scratch++ = (char)(0x80 | (code >> 6 & 0x3f));
        *in->scratch++ = (char)(0x80 | (code & 0x3f));
    } else {
        *in->scratch++ = (char)(0xf0 | code >> 18);
        *in->scratch++ = (char)(0x80 | (code >> 12 & 0x3f));
        *in->scratch++ = (char)(0x80 | (code >> 6 & 0x3f));
        *in->scratch++ = (char)(0x80 | (code & 0x3f));
    }
}

/* \uXXXX, two of them for what lies beyond 16 bits. */
static bool
json_unicode(json *in)
{
    uint32_t code, low;
    if (!json_hex4(in, &code))
        return false;
    if (code >= 0xdc00 && code <= 0xdfff)
        return json_fail(in, "half of a pair of escapes");
    if (code >= 0xd800 && code <= 0xdbff) {
        if (in->end - in->at < 6 || in->at[0] != '\\' || in->at[1] != 'u')
            return json_fail(in, "half of a pair of escapes");
        in->at += 2;
        if (!json_hex4(in, &low) || low < 0xdc00 || low > 0xdfff)
            return json_fail(in, "half of a pair of escapes");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    json_put_utf8(in, code);
    return true;
}

static bool
json_escape(json *in)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (in->at == in->end)
        return json_fail(in, "a text that is not closed");
    const char c = *in->at++;
    if (c == 'u')
        return json_unicode(in);
    const char *known = c == 0 ? NULL : strchr(from, c);
    if (known == NULL)
        return json_fail(in, "an unknown escape");
    *in->scratch++ = to[known - from];
    return true;
}

/* Behind the opening quote; the unescaped text lies in scratch. */
static bool
json_text(json *in, file_field *out)
{
    out->kind = FILE_FIELD_VALUE;
    out->data = in->scratch;
    while (in->at < in->end && *in->at != '"') {
        if ((unsigned char)*in->at < 0x20)
            return json_fail(in, "a control character in a text");
        if (*in->at != '\\')
            *in->scratch++ = *in->at++;
        else if (in->at++, !json_escape(in))
            return false;
    }
    if (in->at == in->end)
        return json_fail(in, "a text that is not closed");
    in->at++;
    out->bytes = (size_t)(in->scratch - out->data);
    return true;
}

/* ---- Values ----------------------------------------------------------------------------------------------------------------- */

static bool json_value(json *in, file_field *out);

static bool
json_members(json *in, char close)
{
    file_field ignored;
    if (json_take(in, close))
        return true;
    for (;;) {
        if (close == '}' && (!json_take(in, '"') || !json_text(in, &ignored) || !json_take(in, ':')))
            return json_fail(in, "a member's name is expected");
        if (!json_value(in, &ignored))
            return false;
        if (json_take(in, close))
            return true;
        if (!json_take(in, ','))
            return json_fail(in, "',' or the end of an object or array is expected");
    }
}

/* The text of an object or array as it stands. What its members leave in scratch is not needed: it is given back. */
static bool
json_nested(json *in, char close, file_field *out)
{
    char *const scratch = in->scratch;
    const char *start = in->at - 1;
    if (++in->depth > FILE_JSON_DEPTH_MAX)
        return json_fail(in, "nested too deep");
    if (!json_members(in, close))
        return false;
    in->depth--;
    in->scratch = scratch;
    out->kind = FILE_FIELD_VALUE;
    out->data = start;
    out->bytes = (size_t)(in->at - start);
    return true;
}

static bool
json_word(json *in, file_field *out)
{
    out->data = in->at;
    while (in->at < in->end && strchr(",]} \t\r\n", *in->at) == NULL)
        in->at++;
    out->bytes = (size_t)(in->at - out->data);
    const char first = out->bytes == 0 ? 0 : out->data[0];
    const bool null = out->bytes == 4 && memcmp(out->data, "null", 4) == 0;
    const bool known =
        null || (out->bytes == 4 && memcmp(out->data, "true", 4) == 0) || (out->bytes == 5 && memcmp(out->data, "false", 5) == 0);
    out->kind = null ? FILE_FIELD_NULL : FILE_FIELD_VALUE;
    if (!known && first != '-' && !(first >= '0' && first <= '9'))
        return json_fail(in, "a value is expected");
    return true;
}

static bool
json_value(json *in, file_field *out)
{
    json_space(in);
    if (json_take(in, '"'))
        return json_text(in, out);
    if (json_take(in, '{'))
        return json_nested(in, '}', out);
    if (json_take(in, '['))
        return json_nested(in, ']', out);
    return json_word(in, out);
}

bool
file_json_cut(const char *record, size_t bytes, const struct ArrowSchema *schema, char *scratch, file_field *fields,
              const char **problem)
{
    json in = {record, record + bytes, scratch, 0, NULL};
    bool more = json_take(&in, '{');
    if (!more)
        (void)json_fail(&in, "an object is expected");
    if (more && json_take(&in, '}'))
        more = false;
    while (more && in.problem == NULL) {
        file_field name, value;
        if (!json_take(&in, '"') || !json_text(&in, &name) || !json_take(&in, ':')) {
            (void)json_fail(&in, "a member's name is expected");
            break;
        }
        if (!json_value(&in, &value))
            break;
        const int64_t column = slu_schema_find_n(schema, name.data, name.bytes);
        if (column >= 0)
            fields[column] = value;
        more = json_take(&in, ',');
        if (!more && !json_take(&in, '}'))
            (void)json_fail(&in, "',' or '}' is expected");
    }
    json_space(&in);
    if (in.problem == NULL && in.at != in.end)
        (void)json_fail(&in, "text behind the object");
    *problem = in.problem;
    return in.problem == NULL;
}
