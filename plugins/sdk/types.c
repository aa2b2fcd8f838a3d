#include <sluice/sdk/types.h>

#include <ctype.h>
#include <strings.h>

#define DEPTH_MAX SLU_SCHEMA_DEPTH_MAX
#define FORMAT_BYTES_MAX 32

/* ---- Reading ---------------------------------------------------------------------------------------------------------------- */

typedef struct reader {
    const char *text;
    const char *at;
    slu_error *err;
    int depth;
} reader;

static slu_status
reader_fail(reader *in, const char *what)
{
    return slu_error_set(in->err, SLU_INVALID, "type '%.200s': %s at byte %d", in->text, what, (int)(in->at - in->text));
}

static void
reader_space(reader *in)
{
    while (isspace((unsigned char)*in->at))
        in->at++;
}

static bool
reader_take(reader *in, char c)
{
    reader_space(in);
    if (*in->at != c)
        return false;
    in->at++;
    return true;
}

static size_t
reader_word_bytes(const char *at)
{
    size_t bytes = 0;
    while (isalnum((unsigned char)at[bytes]) || at[bytes] == '_')
        bytes++;
    return bytes;
}

/* Takes the word if it is next, in any case. */
static bool
reader_take_word(reader *in, const char *word)
{
    reader_space(in);
    const size_t bytes = strlen(word);
    if (reader_word_bytes(in->at) != bytes || strncasecmp(in->at, word, bytes) != 0)
        return false;
    in->at += bytes;
    return true;
}

/* "(a)" or "(a,b)" or nothing; numbers left out keep their defaults. */
static slu_status
reader_numbers(reader *in, int32_t *first, int32_t *second)
{
    if (!reader_take(in, '('))
        return SLU_OK;
    reader_space(in);
    if ((*first = slu_type_number(&in->at)) < 0)
        return reader_fail(in, "a number is expected");
    if (second != NULL && reader_take(in, ',')) {
        reader_space(in);
        if ((*second = slu_type_number(&in->at)) < 0)
            return reader_fail(in, "a number is expected");
    }
    return reader_take(in, ')') ? SLU_OK : reader_fail(in, "')' is expected");
}

static char
unit_of_digits(int32_t digits)
{
    return digits <= 0 ? 's' : digits <= 3 ? 'm' : digits <= 6 ? 'u' : 'n';
}

/* The words whose format needs nothing more; a length in parentheses (VARCHAR(10)) is read over. */
static const struct {
    const char *word;
    const char *format;
} plain_types[] = {{"BOOLEAN", "b"}, {"TINYINT", "c"}, {"SMALLINT", "s"}, {"INT", "i"},       {"INTEGER", "i"}, {"BIGINT", "l"},
                   {"FLOAT", "f"},   {"REAL", "f"},    {"DOUBLE", "g"},   {"STRING", "u"},    {"VARCHAR", "u"}, {"TEXT", "u"},
                   {"CHAR", "u"},    {"BYTES", "z"},   {"DATE", "tdD"},   {"VARBINARY", "z"}, {"BOOL", "b"}};

static const char *const parametric_types[] = {"DECIMAL",       "NUMERIC", "BINARY", "TIME", "TIMESTAMP",
                                               "TIMESTAMP_LTZ", "ARRAY",   "MAP",    "ROW"};

static const char *
reader_plain(reader *in)
{
    for (size_t i = 0; i < sizeof plain_types / sizeof *plain_types; i++)
        if (reader_take_word(in, plain_types[i].word))
            return plain_types[i].format;
    return NULL;
}

static slu_status
reader_decimal(reader *in, char *format)
{
    int32_t precision = 10, scale = 0;
    SLU_TRY(reader_numbers(in, &precision, &scale));
    if (precision < 1 || precision > SLU_DECIMAL_PRECISION_MAX || scale > precision)
        return reader_fail(in, "DECIMAL(precision 1..38, scale 0..precision) is expected");
    (void)snprintf(format, FORMAT_BYTES_MAX, "d:%d,%d", precision, scale);
    return SLU_OK;
}

static slu_status
reader_timestamp(reader *in, bool zoned, char *format)
{
    int32_t digits = 6;
    SLU_TRY(reader_numbers(in, &digits, NULL));
    if (digits > 9)
        return reader_fail(in, "at most 9 digits after the second");
    if (reader_take_word(in, "WITH")) {
        if (!reader_take_word(in, "LOCAL") || !reader_take_word(in, "TIME") || !reader_take_word(in, "ZONE"))
            return reader_fail(in, "WITH LOCAL TIME ZONE is expected");
        zoned = true;
    } else if (reader_take_word(in, "WITHOUT")) {
        if (!reader_take_word(in, "TIME") || !reader_take_word(in, "ZONE"))
            return reader_fail(in, "WITHOUT TIME ZONE is expected");
    }
    (void)snprintf(format, FORMAT_BYTES_MAX, "ts%c:%s", unit_of_digits(digits), zoned ? "UTC" : "");
    return SLU_OK;
}

static slu_status
reader_time(reader *in, char *format)
{
    int32_t digits = 0;
    SLU_TRY(reader_numbers(in, &digits, NULL));
    if (digits > 9)
        return reader_fail(in, "at most 9 digits after the second");
    (void)snprintf(format, FORMAT_BYTES_MAX, "tt%c", unit_of_digits(digits));
    return SLU_OK;
}

static slu_status
reader_binary(reader *in, char *format)
{
    int32_t width = 1;
    SLU_TRY(reader_numbers(in, &width, NULL));
    if (width < 1)
        return reader_fail(in, "BINARY(N) needs N of at least 1");
    (void)snprintf(format, FORMAT_BYTES_MAX, "w:%d", width);
    return SLU_OK;
}

/* Types whose format follows from numbers; *taken says whether the word was one of them. */
static slu_status
reader_parametric(reader *in, char *format, bool *taken)
{
    *taken = true;
    if (reader_take_word(in, "DECIMAL") || reader_take_word(in, "NUMERIC"))
        return reader_decimal(in, format);
    if (reader_take_word(in, "BINARY"))
        return reader_binary(in, format);
    if (reader_take_word(in, "TIMESTAMP_LTZ"))
        return reader_timestamp(in, true, format);
    if (reader_take_word(in, "TIMESTAMP"))
        return reader_timestamp(in, false, format);
    if (reader_take_word(in, "TIME"))
        return reader_time(in, format);
    *taken = false;
    return SLU_OK;
}

static slu_status reader_field(reader *in, const char *name, struct ArrowSchema *out);

static slu_status
reader_child(reader *in, struct ArrowSchema *parent, const char *name)
{
    struct ArrowSchema *child = slu_schema_grow(parent);
    return child == NULL ? slu_error_set(in->err, SLU_NOMEM, "no memory for a type") : reader_field(in, name, child);
}

/* Letters, digits and '_', or anything between quotes. */
static slu_status
reader_name(reader *in, char name[SDK_NAME_BYTES_MAX])
{
    reader_space(in);
    const char quote = *in->at == '"' || *in->at == '`' ? *in->at : 0;
    const char *from = quote != 0 ? in->at + 1 : in->at;
    size_t bytes = reader_word_bytes(from);
    if (quote != 0) {
        const char *end = strchr(from, quote);
        bytes = end == NULL ? 0 : (size_t)(end - from);
    }
    if (bytes == 0)
        return reader_fail(in, "a column name is expected");
    if (bytes >= SDK_NAME_BYTES_MAX)
        return reader_fail(in, "a column name of less than 256 bytes is expected");
    memcpy(name, from, bytes);
    name[bytes] = 0;
    in->at = from + bytes + (quote != 0);
    return SLU_OK;
}

/* "name TYPE, name TYPE" up to `end` (0: the end of the text), as children of `parent`. */
static slu_status
reader_columns(reader *in, struct ArrowSchema *parent, char end)
{
    for (;;) {
        char name[SDK_NAME_BYTES_MAX];
        SLU_TRY(reader_name(in, name));
        if (slu_schema_find(parent, name) >= 0)
            return slu_error_set(in->err, SLU_INVALID, "type '%.200s': column '%s' is there twice", in->text, name);
        if (parent->n_children >= SDK_COLUMNS_MAX)
            return reader_fail(in, "more than 1024 columns");
        SLU_TRY(reader_child(in, parent, name));
        reader_space(in);
        if (*in->at == end)
            return SLU_OK;
        if (!reader_take(in, ','))
            return reader_fail(in, "',' is expected");
    }
}

static slu_status
reader_array(reader *in, const char *name, struct ArrowSchema *out)
{
    SLU_TRY(slu_schema_init(out, "+l", name, true));
    if (!reader_take(in, '<'))
        return reader_fail(in, "'<' is expected");
    SLU_TRY(reader_child(in, out, "element"));
    return reader_take(in, '>') ? SLU_OK : reader_fail(in, "'>' is expected");
}

static slu_status
reader_map(reader *in, const char *name, struct ArrowSchema *out)
{
    SLU_TRY(slu_schema_init(out, "+m", name, true));
    SLU_TRY(slu_schema_add(out, "+s", "entries", false));
    if (!reader_take(in, '<'))
        return reader_fail(in, "'<' is expected");
    SLU_TRY(reader_child(in, out->children[0], "key"));
    out->children[0]->children[0]->flags &= ~(int64_t)ARROW_FLAG_NULLABLE; /* Arrow's keys never are */
    if (!reader_take(in, ','))
        return reader_fail(in, "',' is expected");
    SLU_TRY(reader_child(in, out->children[0], "value"));
    return reader_take(in, '>') ? SLU_OK : reader_fail(in, "'>' is expected");
}

static slu_status
reader_row(reader *in, const char *name, struct ArrowSchema *out)
{
    SLU_TRY(slu_schema_init(out, "+s", name, true));
    if (!reader_take(in, '<'))
        return reader_fail(in, "'<' is expected");
    SLU_TRY(reader_columns(in, out, '>'));
    in->at++;
    return SLU_OK;
}

/* How many letters two words share from the start: enough to name the type that was probably meant. */
static const char *
nearest_type(const char *word, size_t bytes)
{
    const char *best = NULL;
    size_t best_shared = 1;
    for (size_t i = 0; i < sizeof plain_types / sizeof *plain_types + sizeof parametric_types / sizeof *parametric_types; i++) {
        const size_t plain = sizeof plain_types / sizeof *plain_types;
        const char *name = i < plain ? plain_types[i].word : parametric_types[i - plain];
        size_t shared = 0;
        while (shared < bytes && name[shared] == toupper((unsigned char)word[shared]))
            shared++;
        if (shared > best_shared) {
            best_shared = shared;
            best = name;
        }
    }
    return best;
}

static slu_status
reader_unknown(reader *in)
{
    reader_space(in);
    const size_t bytes = reader_word_bytes(in->at);
    const char *near = nearest_type(in->at, bytes);
    if (bytes == 0)
        return reader_fail(in, "a type is expected");
    return slu_error_set(in->err, SLU_INVALID, "type '%.200s': '%.*s' is no type%s%s%s", in->text, bytes > 64 ? 64 : (int)bytes,
                         in->at, near != NULL ? "; did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
}

static slu_status
reader_type(reader *in, const char *name, struct ArrowSchema *out)
{
    char format[FORMAT_BYTES_MAX];
    bool taken;
    if (reader_take_word(in, "ARRAY"))
        return reader_array(in, name, out);
    if (reader_take_word(in, "MAP"))
        return reader_map(in, name, out);
    if (reader_take_word(in, "ROW"))
        return reader_row(in, name, out);
    SLU_TRY(reader_parametric(in, format, &taken));
    if (taken)
        return slu_schema_init(out, format, name, true);
    const char *plain = reader_plain(in);
    if (plain == NULL)
        return reader_unknown(in);
    int32_t length = 0;
    SLU_TRY(slu_schema_init(out, plain, name, true));
    return reader_numbers(in, &length, NULL);
}

static slu_status
reader_field(reader *in, const char *name, struct ArrowSchema *out)
{
    if (++in->depth > DEPTH_MAX)
        return slu_error_set(in->err, SLU_LIMIT, "type '%.200s': nested deeper than %d", in->text, DEPTH_MAX);
    SLU_TRY(reader_type(in, name, out));
    in->depth--;
    if (reader_take_word(in, "NOT")) {
        if (!reader_take_word(in, "NULL"))
            return reader_fail(in, "NOT NULL is expected");
        out->flags &= ~(int64_t)ARROW_FLAG_NULLABLE;
    } else {
        (void)reader_take_word(in, "NULL");
    }
    return SLU_OK;
}

static slu_status
reader_finish(slu_status status, slu_error *err, struct ArrowSchema *schema, struct ArrowSchema *out)
{
    if (status == SLU_NOMEM)
        (void)slu_error_set(err, SLU_NOMEM, "no memory for a schema");
    if (status != SLU_OK)
        slu_schema_release(schema);
    else
        slu_schema_move(schema, out);
    return status;
}

slu_status
sdk_schema_from_sql(const char *sql, const char *name, struct ArrowSchema *out, slu_error *err)
{
    reader in = {sql, sql, err, 0};
    struct ArrowSchema schema = {0};
    slu_status status = reader_field(&in, name, &schema);
    if (status == SLU_OK) {
        reader_space(&in);
        if (*in.at != 0)
            status = reader_fail(&in, "the end is expected");
    }
    return reader_finish(status, err, &schema, out);
}

slu_status
sdk_schema_from_columns(const char *columns, struct ArrowSchema *out, slu_error *err)
{
    reader in = {columns, columns, err, 0};
    struct ArrowSchema schema = {0};
    slu_status status = slu_schema_init_struct(&schema);
    if (status == SLU_OK)
        status = reader_columns(&in, &schema, 0);
    return reader_finish(status, err, &schema, out);
}

/* ---- Writing ---------------------------------------------------------------------------------------------------------------- */

typedef struct writer {
    char *out;
    size_t bytes;
    size_t at;
    bool full;
} writer;

SLU_PRINTF(2, 3)
static void
writer_put(writer *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(to->out + to->at, to->bytes - to->at, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= to->bytes - to->at)
        to->full = true;
    else
        to->at += (size_t)length;
}

static bool
writer_plain(writer *to, const char *format, slu_type type)
{
    if (type.id == SLU_TYPE_DECIMAL)
        writer_put(to, "DECIMAL(%d,%d)", type.precision, type.scale);
    else if (type.id == SLU_TYPE_FIXED)
        writer_put(to, "BINARY(%d)", type.width_bytes);
    else if (type.id == SLU_TYPE_TIME)
        writer_put(to, "TIME(%d)", type.precision);
    else if (type.id == SLU_TYPE_TIMESTAMP)
        writer_put(to, "TIMESTAMP%s(%d)", type.zoned ? "_LTZ" : "", type.precision);
    else {
        for (size_t i = 0; i < sizeof plain_types / sizeof *plain_types; i++) {
            if (strcmp(plain_types[i].format, format) == 0) {
                writer_put(to, "%s", plain_types[i].word);
                return true;
            }
        }
        return false;
    }
    return true;
}

static bool writer_field(writer *to, const struct ArrowSchema *field, int depth);

static bool
writer_child(writer *to, const struct ArrowSchema *child, int depth)
{
    if (!writer_field(to, child, depth + 1))
        return false;
    if (!slu_schema_nullable(child))
        writer_put(to, " NOT NULL");
    return true;
}

static bool
writer_nested(writer *to, const struct ArrowSchema *field, int32_t id, int depth)
{
    const struct ArrowSchema *entries = field;
    if (id == SLU_TYPE_MAP)
        entries = field->n_children == 1 ? field->children[0] : NULL;
    if (entries == NULL || (id == SLU_TYPE_LIST && field->n_children != 1) || (id == SLU_TYPE_MAP && entries->n_children != 2))
        return false;
    writer_put(to, id == SLU_TYPE_LIST ? "ARRAY<" : id == SLU_TYPE_MAP ? "MAP<" : "ROW<");
    for (int64_t i = 0; i < entries->n_children; i++) {
        if (i != 0)
            writer_put(to, ", ");
        if (id == SLU_TYPE_STRUCT)
            writer_put(to, "%s ", entries->children[i]->name);
        /* A map's key is never null, so it is not said. */
        if (id == SLU_TYPE_MAP && i == 0 ? !writer_field(to, entries->children[i], depth + 1)
                                         : !writer_child(to, entries->children[i], depth))
            return false;
    }
    writer_put(to, ">");
    return true;
}

static bool
writer_field(writer *to, const struct ArrowSchema *field, int depth)
{
    const slu_type type = slu_type_of(field->format);
    if (depth > DEPTH_MAX || type.id == SLU_TYPE_OTHER)
        return false;
    return slu_type_is_nested(type) ? writer_nested(to, field, type.id, depth) : writer_plain(to, field->format, type);
}

slu_status
sdk_schema_to_sql(const struct ArrowSchema *field, char *out, size_t out_bytes, slu_error *err)
{
    writer to = {out, out_bytes, 0, false};
    if (out_bytes == 0)
        return slu_error_set(err, SLU_LIMIT, "no room for a type name");
    out[0] = 0;
    if (!writer_field(&to, field, 0))
        return slu_error_set(err, SLU_UNSUPPORTED, "column '%s': format '%s' has no SQL name",
                             field->name != NULL ? field->name : "", field->format);
    return to.full ? slu_error_set(err, SLU_LIMIT, "a type name of more than %zu bytes", out_bytes) : SLU_OK;
}

slu_status
sdk_format_to_sql(const char *format, char *out, size_t out_bytes, slu_error *err)
{
    const struct ArrowSchema field = {.format = format, .name = ""};
    return sdk_schema_to_sql(&field, out, out_bytes, err);
}
