/* Merge engines: every aggregate function on every kind of type, in both row formats; versions, partial rows, deletes, ids. */
#include "support/check.h"

#include "fluss/merge/aggregate.h"
#include "fluss/merge/decimal.h"
#include "fluss/merge/key_row.h"
#include "fluss/merge/merge.h"
#include "fluss/record/row.h"

#include <inttypes.h>
#include <stdlib.h>

#define NIL NULL

static slu_arena arena;
static slu_error err;

/* ---- rows out of words ---- */

static fluss_i128
decimal_of(const char *digits)
{
    const bool negative = digits[0] == '-';
    fluss_i128 value = 0;
    for (const char *at = digits + negative; *at != 0; at++)
        value = value * 10 + (*at - '0');
    return negative ? -value : value;
}

/* Appends a cell: a decimal's digits unscaled, a timestamp as "ms.nanos", text as it is. */
static void
put_word(uint8_t format, const fluss_type *type, const char *word, slu_buf *out)
{
    const bool indexed = format == FLUSS_ROW_INDEXED;
    uint8_t bytes[16];
    char *end = NULL;
    float real = 0;
    double wide = 0;
    int64_t number = 0;
    uint32_t nanos = 0;
    size_t count = 0;
    switch (type->id) {
    case FLUSS_TYPE_FLOAT:
        real = strtof(word, NULL);
        slu_buf_append(out, &real, sizeof real);
        return;
    case FLUSS_TYPE_DOUBLE:
        wide = strtod(word, NULL);
        slu_buf_append(out, &wide, sizeof wide);
        return;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ:
        number = strtoll(word, &end, 10);
        nanos = *end == '.' ? (uint32_t)strtoul(end + 1, NULL, 10) : 0;
        if (indexed)
            slu_buf_u64le(out, (uint64_t)number);
        else
            slu_buf_varint(out, (uint64_t)number);
        if (type->precision > 3 && indexed)
            slu_buf_u32le(out, nanos);
        else if (type->precision > 3)
            slu_buf_varint(out, nanos);
        return;
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING:
    case FLUSS_TYPE_BYTES:
        fluss_cell_put_length(format, strlen(word), out);
        slu_buf_text(out, word);
        if (indexed && type->id == FLUSS_TYPE_CHAR)
            slu_buf_zero(out, (size_t)type->length - strlen(word));
        return;
    case FLUSS_TYPE_DECIMAL:
        if (type->precision > 18) {
            count = fluss_decimal_encode(decimal_of(word), bytes);
            fluss_cell_put_length(format, count, out);
            slu_buf_append(out, bytes, count);
            return;
        }
        break;
    default: break;
    }
    fluss_cell_put_int(format, type, strtoll(word, NULL, 10), out);
}

/* A row out of words, NIL for null, over the first `columns` columns. */
static slu_view
row_of(const fluss_schema *schema, uint8_t format, size_t columns, const char *const *words)
{
    fluss_schema shorter = *schema;
    fluss_row_shape shape;
    fluss_row_writer writer;
    slu_buf out;
    slu_buf_init(&out, 1 << 20);
    shorter.column_count = columns;
    CHECK_OK(fluss_row_shape_init(&shape, &shorter, format, &err));
    fluss_row_begin(&writer, &shape, &out);
    for (size_t c = 0; c < columns; c++) {
        fluss_row_open(&writer);
        if (words[c] != NIL)
            put_word(format, &schema->columns[c].type, words[c], &out);
        fluss_row_close(&writer, words[c] == NIL);
    }
    CHECK_OK(fluss_row_end(&writer, &err));
    uint8_t *copy = slu_arena_alloc(&arena, out.bytes);
    memcpy(copy, out.data, out.bytes);
    const slu_view row = slu_view_of(copy, out.bytes);
    fluss_row_shape_fini(&shape);
    slu_buf_fini(&out);
    CHECK_OK(fluss_row_verify(&shorter, format, row, &err));
    return row;
}

static void
check_row(const fluss_schema *schema, uint8_t format, slu_view row, const char *const *words, const char *what)
{
    const slu_view wanted = row_of(schema, format, schema->column_count, words);
    if (!slu_view_equal(row, wanted)) {
        for (size_t i = 0; i < row.bytes; i++)
            print_error("%02x ", row.data[i]);
        print_error("\n");
        for (size_t i = 0; i < wanted.bytes; i++)
            print_error("%02x ", wanted.data[i]);
        fail_msg("%s, format %d: other bytes than %s", what, format, words[1] == NIL ? "null" : words[1]);
    }
}

static fluss_descriptor
table_of(const char *columns, const char *properties, const char *more)
{
    char json[6000];
    fluss_descriptor d;
    (void)snprintf(json, sizeof json,
                   "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"k\",\"data_type\":{\"type\":\"INTEGER\","
                   "\"nullable\":false}},%s],\"primary_key\":[\"k\"]%s},\"partition_key\":[],\"bucket_key\":[\"k\"],"
                   "\"bucket_count\":1,\"properties\":{%s},\"custom_properties\":{}}",
                   columns, more, properties);
    CHECK_OK(fluss_descriptor_decode(slu_view_of_text(json), &arena, &d, &err));
    fluss_schema_normalize(&d.schema);
    return d;
}

static void
begin(void)
{
    slu_arena_init(&arena, 1 << 24);
}

/* ---- aggregate functions ---- */

#define T(name) "{\"type\":\"" name "\"}"
#define DEC(p, s) "{\"type\":\"DECIMAL\",\"precision\":" #p ",\"scale\":" #s "}"
#define TS(p) "{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\",\"precision\":" #p "}"
#define NINES "99999999999999999999999999999999999999" /* 38 */

static const struct {
    const char *type;
    const char *function;
    const char *old_value;
    const char *new_value;
    const char *result;
} cases[] = {
    {T("TINYINT"), "sum", "100", "100", "-56"},
    {T("SMALLINT"), "sum", "32767", "1", "-32768"},
    {T("INTEGER"), "sum", "2147483647", "1", "-2147483648"},
    {T("BIGINT"), "sum", "9223372036854775807", "1", "-9223372036854775808"},
    {T("BIGINT"), "sum", "-5", NIL, "-5"},
    {T("BIGINT"), "sum", NIL, "7", "7"},
    {T("BIGINT"), "sum", NIL, NIL, NIL},
    {T("FLOAT"), "sum", "16777216", "1", "16777216"},
    {T("DOUBLE"), "sum", "0.1", "0.2", "0.30000000000000004"},
    {DEC(10, 2), "sum", "150", "-275", "-125"},
    {DEC(38, 0), "sum", NINES, "1", NIL},
    {DEC(38, 10), "sum", NINES, "-1", "99999999999999999999999999999999999998"},
    {DEC(20, 0), "sum", "-170000000000000000", "1", "-169999999999999999"},
    {T("TINYINT"), "product", "16", "16", "0"},
    {T("SMALLINT"), "product", "300", "300", "24464"},
    {T("INTEGER"), "product", "65536", "65536", "0"},
    {T("BIGINT"), "product", "4294967296", "4294967296", "0"},
    {T("BIGINT"), "product", "-3", "7", "-21"},
    {T("FLOAT"), "product", "0.5", "3", "1.5"},
    {T("DOUBLE"), "product", "1e200", "1e200", "inf"},
    {DEC(10, 2), "product", "150", "150", "225"},
    {DEC(10, 2), "product", "-105", "50", "-53"}, /* -0.525 is rounded away from zero */
    {DEC(5, 2), "product", "99999", "99999", NIL},
    {DEC(38, 4), "product", "12345678901234567890", "10000", "12345678901234567890"},
    {DEC(38, 0), "product", "9999999999999999999", "9999999999999999999", "99999999999999999980000000000000000001"},
    {DEC(38, 0), "product", NINES, "10", NIL},
    {DEC(38, 38), "product", NINES, NINES, "99999999999999999999999999999999999998"},
    {T("INTEGER"), "max", "-1", "3", "3"},
    {T("INTEGER"), "min", "-1", "3", "-1"},
    {T("BIGINT"), "max", "5", NIL, "5"},
    {T("BIGINT"), "min", NIL, "5", "5"},
    {T("FLOAT"), "max", "-0.0", "0.0", "0.0"},
    {T("DOUBLE"), "min", "-0.0", "0.0", "-0.0"},
    {T("DOUBLE"), "max", "1", "nan", "nan"},
    {T("DOUBLE"), "min", "nan", "-inf", "-inf"},
    {T("STRING"), "max", "a", "b", "b"},
    {T("STRING"), "max", "ab", "a", "ab"},
    {T("STRING"), "min", "\xc3\xa4", "z", "z"},
    {"{\"type\":\"CHAR\",\"length\":4}", "min", "abc", "ab", "ab"},
    {DEC(30, 2), "max", "-100000000000000000000", "5", "5"},
    {DEC(30, 2), "min", "-100000000000000000000", "5", "-100000000000000000000"},
    {DEC(6, 2), "max", "-7", "-6", "-6"},
    {T("DATE"), "max", "19000", "18999", "19000"},
    {"{\"type\":\"TIME_WITHOUT_TIME_ZONE\",\"precision\":3}", "min", "1000", "999", "999"},
    {TS(3), "max", "-5", "-6", "-5"},
    {TS(6), "max", "5.1000", "5.2000", "5.2000"},
    {"{\"type\":\"TIMESTAMP_WITH_LOCAL_TIME_ZONE\",\"precision\":9}", "min", "5.1", "4.999999", "4.999999"},
    {T("STRING"), "last_value", "a", NIL, NIL},
    {T("STRING"), "last_value", "a", "b", "b"},
    {T("STRING"), "last_value_ignore_nulls", "a", NIL, "a"},
    {T("STRING"), "last_value_ignore_nulls", "a", "b", "b"},
    {T("STRING"), "first_value", "a", "b", "a"},
    {T("STRING"), "first_value", NIL, "b", "b"},
    {T("BYTES"), "first_value_ignore_nulls", NIL, "b", "b"},
    {T("BYTES"), "first_value_ignore_nulls", "", "b", ""},
    {T("STRING"), "listagg", "a", "b", "a,b"},
    {T("STRING"), "string_agg", "", "", ","},
    {T("STRING"), "listagg", NIL, "b", "b"},
    {T("STRING"), "listagg\",\"parameters\":{\"delimiter\":\" | \"},\"x\":\"", "a", "b", "a | b"},
    {T("BOOLEAN"), "bool_and", "1", "0", "0"},
    {T("BOOLEAN"), "bool_and", "1", NIL, "1"},
    {T("BOOLEAN"), "bool_or", "0", "1", "1"},
    {T("BOOLEAN"), "bool_or", "0", "0", "0"},
    {T("INTEGER"), "no_such_function", "1", NIL, "1"},
    {T("BIGINT"), "SUM", "1", "2", "3"},
};

static void
every_function_gives_what_java_gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        const uint8_t format = (uint8_t)(i % 2);
        char column[500];
        slu_buf out;
        fluss_merge *merge = NULL;
        fluss_verdict verdict = FLUSS_VERDICT_KEEP;
        begin();
        slu_buf_init(&out, 1 << 16);
        (void)snprintf(column, sizeof column, "{\"name\":\"v\",\"data_type\":%s,\"agg_function\":{\"type\":\"%s\"}}",
                       cases[i / 2].type, cases[i / 2].function);
        const fluss_descriptor d = table_of(column, "\"table.merge-engine\":\"aggregation\"", "");
        CHECK_OK(fluss_merge_check(&d, &arena, &err));
        CHECK_OK(fluss_merge_new(&d, format, &merge, &err));
        CHECK_OK(fluss_merge_begin(merge, NULL, 0, false, &err));
        const char *const old_words[] = {"1", cases[i / 2].old_value};
        const char *const new_words[] = {"1", cases[i / 2].new_value};
        const char *const results[] = {"1", cases[i / 2].result};
        const fluss_kv_row old_row = {row_of(&d.schema, format, 2, old_words), 2};
        const fluss_kv_row new_row = {row_of(&d.schema, format, 2, new_words), 2};
        CHECK_OK(fluss_merge_upsert(merge, &old_row, &new_row, &out, &verdict, &err));
        assert_int_equal(verdict, FLUSS_VERDICT_MADE);
        check_row(&d.schema, format, slu_buf_view(&out), results, cases[i / 2].function);
        fluss_merge_free(&merge);
        slu_buf_fini(&out);
        slu_arena_fini(&arena);
    }
}

/* ---- what may be declared ---- */

static void
what_may_not_be_declared_is_refused_in_flusss_words(void **state)
{
    (void)state;
    static const struct {
        const char *columns;
        const char *properties;
        const char *more;
        int64_t code;
        const char *says;
    } bad[] = {
        {"{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"},\"agg_function\":{\"type\":\"sum\"}}", "", "", 39,
         "Invalid aggregation function for column 'v': Data type for sum column must be part of [TINYINT, SMALLINT, INTEGER, "
         "BIGINT, "
         "FLOAT, DOUBLE, DECIMAL] but was 'STRING'."},
        {"{\"name\":\"v\",\"data_type\":{\"type\":\"INTEGER\",\"nullable\":false},\"agg_function\":{\"type\":\"bool_or\"}}", "", "",
         39, "Data type for bool_or column must be part of [BOOLEAN] but was 'INT NOT NULL'."},
        {"{\"name\":\"v\",\"data_type\":{\"type\":\"INTEGER\"},\"agg_function\":{\"type\":\"max\",\"parameters\":{\"x\":\"y\"}}}",
         "", "", 39, "Parameter 'x' is not supported for aggregation function 'max'. Supported parameters: none"},
        {"{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"},\"agg_function\":{\"type\":\"listagg\",\"parameters\":{\"x\":\"y\"}}"
         "}",
         "", "", 39, "Supported parameters: [delimiter]"},
        {"{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"},\"agg_function\":{\"type\":\"listagg\",\"parameters\":{\"delimiter\":"
         "\"\"}}}",
         "", "", 39, "Parameter 'delimiter' for aggregation function 'listagg' must be a non-empty string"},
        {"{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"}}", ",\"table.changelog.image\":\"wal\"", "", 39,
         "does not support 'WAL' changelog image mode"},
        {"{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"}}", "", ",\"auto_increment_column\":[\"v\"]", -1,
         "The data type of auto increment column must be INT or BIGINT."},
        {"{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"}}", "", ",\"auto_increment_column\":[\"k\"]", -1,
         "Auto increment column can not be used as the primary key."},
        {"{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"}}", "", ",\"auto_increment_column\":[\"z\"]", -1, "does not exist"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char properties[200];
        begin();
        (void)snprintf(properties, sizeof properties, "\"table.merge-engine\":\"aggregation\"%s", bad[i].properties);
        const fluss_descriptor d = table_of(bad[i].columns, properties, bad[i].more);
        CHECK_STATUS(fluss_merge_check(&d, &arena, &err), SLU_INVALID);
        assert_int_equal(err.code, bad[i].code);
        CHECK_MESSAGE(err, bad[i].says);
        slu_arena_fini(&arena);
    }
}

/* ---- engines, step by step ---- */

#define ABC                                                                                                                        \
    "{\"name\":\"a\",\"data_type\":{\"type\":\"BIGINT\"},\"agg_function\":{\"type\":\"sum\"}},"                                    \
    "{\"name\":\"b\",\"data_type\":{\"type\":\"STRING\"}},{\"name\":\"c\",\"data_type\":{\"type\":\"BIGINT\"}}"

typedef struct step {
    const char *what;
    fluss_merge *merge;
    fluss_descriptor d;
    uint8_t format;
    slu_buf out;
} step;

static void
step_begin(step *s, uint8_t format, const char *properties, const char *more)
{
    begin();
    s->format = format;
    s->d = table_of(ABC, properties, more);
    slu_buf_init(&s->out, 1 << 16);
    CHECK_OK(fluss_merge_new(&s->d, format, &s->merge, &err));
}

static void
step_end(step *s)
{
    fluss_merge_free(&s->merge);
    slu_buf_fini(&s->out);
    slu_arena_fini(&arena);
}

/* old or new NULL: none, a delete. `old_columns`: how many it was written with. */
static void
step_check(step *s, size_t old_columns, const char *const *old_words, const char *const *new_words, fluss_verdict wanted,
           const char *const *result)
{
    const slu_view none = {0};
    const fluss_kv_row old_row = {old_words == NULL ? none : row_of(&s->d.schema, s->format, old_columns, old_words), old_columns};
    const fluss_kv_row new_row = {new_words == NULL ? none : row_of(&s->d.schema, s->format, 4, new_words), 4};
    fluss_verdict verdict = FLUSS_VERDICT_KEEP;
    slu_buf_reset(&s->out);
    if (new_words != NULL)
        CHECK_OK(fluss_merge_upsert(s->merge, &old_row, &new_row, &s->out, &verdict, &err));
    else
        CHECK_OK(fluss_merge_delete(s->merge, &old_row, &s->out, &verdict, &err));
    assert_int_equal(verdict, wanted);
    if (verdict == FLUSS_VERDICT_MADE)
        check_row(&s->d.schema, s->format, slu_buf_view(&s->out), result, "step");
}

#define ROW(...) ((const char *const[]){__VA_ARGS__})

static const int32_t keys_and_b[] = {0, 2};
static const int32_t keys_alone[] = {0};
static const int32_t b_alone[] = {2};
static const int32_t keys_and_a[] = {0, 1};

static void
partial_rows_and_deletes(void **state)
{
    (void)state;
    for (uint8_t format = 0; format < 2; format++) {
        step s;
        step_begin(&s, format, "", "");
        CHECK_OK(fluss_merge_begin(s.merge, NULL, 0, false, &err));
        step_check(&s, 4, NULL, ROW("1", "2", "x", "3"), FLUSS_VERDICT_NEW, NULL);
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "2", "x", "3"), FLUSS_VERDICT_NEW, NULL);
        step_check(&s, 4, ROW("1", "2", "x", "3"), NULL, FLUSS_VERDICT_REMOVE, NULL);
        step_check(&s, 4, NULL, NULL, FLUSS_VERDICT_KEEP, NULL);
        CHECK_OK(fluss_merge_begin(s.merge, keys_and_b, 2, false, &err));
        step_check(&s, 4, NULL, ROW("1", "2", "x", "3"), FLUSS_VERDICT_MADE, ROW("1", NIL, "x", NIL));
        step_check(&s, 4, ROW("1", "7", "y", "9"), ROW("1", "2", "x", "3"), FLUSS_VERDICT_MADE, ROW("1", "7", "x", "9"));
        step_check(&s, 4, ROW("1", "7", "y", "9"), ROW("1", "2", NIL, "3"), FLUSS_VERDICT_MADE, ROW("1", "7", NIL, "9"));
        step_check(&s, 2, ROW("1", "7"), ROW("1", "2", "x", "3"), FLUSS_VERDICT_MADE,
                   ROW("1", "7", "x", NIL)); /* an older schema */
        step_check(&s, 4, ROW("1", "7", "y", "9"), NULL, FLUSS_VERDICT_MADE, ROW("1", "7", NIL, "9"));
        step_check(&s, 4, ROW("1", NIL, "y", NIL), NULL, FLUSS_VERDICT_REMOVE, NULL);
        step_check(&s, 2, ROW("1", "7"), NULL, FLUSS_VERDICT_MADE, ROW("1", "7", NIL, NIL));
        CHECK_OK(fluss_merge_begin(s.merge, keys_alone, 1, false, &err));
        step_check(&s, 4, NULL, ROW("1", "2", "x", "3"), FLUSS_VERDICT_MADE, ROW("1", NIL, NIL, NIL));
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "2", "x", "3"), FLUSS_VERDICT_KEEP, NULL);
        CHECK_STATUS(fluss_merge_begin(s.merge, b_alone, 1, false, &err), SLU_INVALID);
        assert_int_equal(err.code, 35);
        CHECK_TEXT(err.message, "The target write columns [b] must contain the primary key columns [k].");
        step_end(&s);
    }
}

static void
aggregation_of_some_columns(void **state)
{
    (void)state;
    for (uint8_t format = 0; format < 2; format++) {
        step s;
        step_begin(&s, format, "\"table.merge-engine\":\"aggregation\",\"table.delete.behavior\":\"allow\"", "");
        CHECK_OK(fluss_merge_begin(s.merge, NULL, 0, false, &err));
        step_check(&s, 4, NULL, ROW("1", "2", "x", "3"), FLUSS_VERDICT_NEW, NULL);
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "5", NIL, "4"), FLUSS_VERDICT_MADE, ROW("1", "7", "x", "4"));
        step_check(&s, 2, ROW("1", "2"), ROW("1", "5", "y", NIL), FLUSS_VERDICT_MADE, ROW("1", "7", "y", NIL));
        step_check(&s, 4, ROW("1", "2", "x", "3"), NULL, FLUSS_VERDICT_REMOVE, NULL);
        CHECK_OK(fluss_merge_begin(s.merge, keys_and_a, 2, false, &err));
        step_check(&s, 4, NULL, ROW("1", "2", "x", "3"), FLUSS_VERDICT_NEW, NULL);
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "5", "y", "4"), FLUSS_VERDICT_MADE, ROW("1", "7", "x", "3"));
        step_check(&s, 4, ROW("1", "2", "x", "3"), NULL, FLUSS_VERDICT_MADE, ROW("1", NIL, "x", "3"));
        step_check(&s, 4, ROW("1", "2", NIL, NIL), NULL, FLUSS_VERDICT_REMOVE, NULL);
        CHECK_OK(fluss_merge_begin(s.merge, NULL, 0, true, &err)); /* overwrite */
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "5", NIL, "4"), FLUSS_VERDICT_NEW, NULL);
        CHECK_STATUS(fluss_merge_begin(s.merge, b_alone, 1, false, &err), SLU_INVALID);
        CHECK_TEXT(err.message, "The target write columns must contain the primary key columns [k].");
        step_end(&s);
    }
}

static void
first_rows_and_versions(void **state)
{
    (void)state;
    for (uint8_t format = 0; format < 2; format++) {
        step s;
        step_begin(&s, format, "\"table.merge-engine\":\"first_row\"", "");
        CHECK_OK(fluss_merge_begin(s.merge, NULL, 0, false, &err));
        step_check(&s, 4, NULL, ROW("1", "2", "x", "3"), FLUSS_VERDICT_NEW, NULL);
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "5", NIL, "4"), FLUSS_VERDICT_KEEP, NULL);
        step_check(&s, 4, ROW("1", "2", "x", "3"), NULL, FLUSS_VERDICT_KEEP, NULL);
        CHECK_STATUS(fluss_merge_begin(s.merge, keys_and_b, 2, false, &err), SLU_INVALID);
        assert_int_equal(err.code, -1);
        CHECK_MESSAGE(err, "Partial update is not supported for the first_row merge engine.");
        CHECK_OK(fluss_merge_begin(s.merge, keys_and_b, 2, true, &err));
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "5", NIL, "4"), FLUSS_VERDICT_MADE, ROW("1", "2", NIL, "3"));
        step_end(&s);
        step_begin(&s, format,
                   "\"table.merge-engine\":\"versioned\",\"table.merge-engine.versioned.ver-column\":\"c\","
                   "\"table.delete.behavior\":\"disable\"",
                   "");
        CHECK_OK(fluss_merge_begin(s.merge, NULL, 0, false, &err));
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "5", NIL, "4"), FLUSS_VERDICT_NEW, NULL);
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "5", NIL, "3"), FLUSS_VERDICT_NEW, NULL);
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "5", NIL, "2"), FLUSS_VERDICT_KEEP, NULL);
        step_check(&s, 4, ROW("1", "2", "x", "3"), ROW("1", "5", NIL, NIL), FLUSS_VERDICT_KEEP, NULL);
        step_check(&s, 4, ROW("1", "2", "x", NIL), ROW("1", "5", NIL, NIL), FLUSS_VERDICT_NEW, NULL);
        step_check(&s, 2, ROW("1", "2"), ROW("1", "5", NIL, "-9"), FLUSS_VERDICT_NEW, NULL);
        const fluss_kv_row none = {0};
        fluss_verdict verdict;
        CHECK_STATUS(fluss_merge_delete(s.merge, &none, &s.out, &verdict, &err), SLU_INVALID);
        assert_int_equal(err.code, 57);
        step_end(&s);
    }
}

static void
ids_are_given_to_new_rows(void **state)
{
    (void)state;
    for (uint8_t format = 0; format < 2; format++) {
        step s;
        step_begin(&s, format, "", ",\"auto_increment_column\":[\"a\"]");
        assert_int_equal(fluss_merge_numbered(s.merge), 1);
        CHECK_STATUS(fluss_merge_begin(s.merge, NULL, 0, false, &err), SLU_INVALID);
        assert_int_equal(err.code, 35);
        CHECK_MESSAGE(err, "The table contains an auto-increment column [a], but update target columns are not explicitly");
        CHECK_STATUS(fluss_merge_begin(s.merge, keys_and_a, 2, false, &err), SLU_INVALID);
        CHECK_TEXT(err.message, "Auto-increment column [a] at index 1 must not be included in target columns.");
        CHECK_OK(fluss_merge_begin(s.merge, keys_and_b, 2, false, &err));
        const fluss_kv_row row = {row_of(&s.d.schema, format, 4, ROW("1", NIL, "x", NIL)), 4};
        CHECK_OK(fluss_merge_number(s.merge, &row, INT64_C(5000000000), &s.out, &err));
        check_row(&s.d.schema, format, slu_buf_view(&s.out), ROW("1", "5000000000", "x", NIL), "numbered");
        step_end(&s);
    }
}

/* Every byte of a row changed or cut: it is refused, or what is made is a row that its schema accepts. */
static void
nothing_is_made_that_is_not_a_row(void **state)
{
    (void)state;
    size_t made = 0;
    for (uint8_t format = 0; format < 2; format++) {
        step s;
        step_begin(&s, format, "\"table.merge-engine\":\"aggregation\"", "");
        CHECK_OK(fluss_merge_begin(s.merge, NULL, 0, false, &err));
        const fluss_kv_row good = {row_of(&s.d.schema, format, 4, ROW("1", "200", "hello", "-3")), 4};
        for (size_t at = 0; at < good.row.bytes; at++) {
            for (int change = 0; change < 9; change++) {
                uint8_t bytes[200];
                memcpy(bytes, good.row.data, good.row.bytes);
                const size_t count = change == 8 ? at : good.row.bytes;
                if (change < 8)
                    bytes[at] = (uint8_t)(bytes[at] ^ 1U << change);
                uint8_t *copy = guarded_copy(bytes, count);
                const fluss_kv_row bad = {slu_view_of(copy, count), 4};
                fluss_verdict verdict = FLUSS_VERDICT_KEEP;
                slu_buf_reset(&s.out);
                if (count != 0 && fluss_merge_upsert(s.merge, &good, &bad, &s.out, &verdict, &err) == SLU_OK) {
                    CHECK_OK(fluss_row_verify(&s.d.schema, format, slu_buf_view(&s.out), &err));
                    made++;
                }
                guarded_free(copy, count);
            }
        }
        step_end(&s);
    }
    assert_true(made > 20);
}

/* ---- bitmaps, with what Java 's RoaringBitmap wrote ---- */

static const uint8_t bitmap_1_2[] = {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 1, 0, 2, 0};
static const uint8_t bitmap_3_70000[] = {0x3a, 0x30, 0,  0, 2, 0, 0,  0, 0, 0, 0, 0, 1,    0,
                                         0,    0,    24, 0, 0, 0, 26, 0, 0, 0, 3, 0, 0x70, 0x11};
/* {1, 2, 3} as values is 6 bytes, as a run 6 too: values. {1, 2, 3, 70000}. */
static const uint8_t bitmap_both[] = {0x3a, 0x30, 0, 0, 2,  0, 0, 0, 0, 0, 2, 0, 1, 0, 0,    0,
                                      24,   0,    0, 0, 30, 0, 0, 0, 1, 0, 2, 0, 3, 0, 0x70, 0x11};

static void
bitmaps_unite(void **state)
{
    (void)state;
    const fluss_aggregate rbm = {FLUSS_AGG_RBM32, ","};
    const fluss_type bytes = {.id = FLUSS_TYPE_BYTES, .nullable = true};
    slu_buf out;
    bool null = false;
    slu_buf_init(&out, 1 << 20);
    CHECK_OK(fluss_aggregate_apply(&rbm, FLUSS_ROW_INDEXED, &bytes, slu_view_of(bitmap_1_2, sizeof bitmap_1_2),
                                   slu_view_of(bitmap_3_70000, sizeof bitmap_3_70000), &out, &null, &err));
    assert_false(null);
    assert_int_equal(out.bytes, sizeof bitmap_both);
    assert_memory_equal(out.data, bitmap_both, sizeof bitmap_both);
    for (size_t cut = 0; cut < sizeof bitmap_3_70000; cut++) {
        uint8_t *copy = guarded_copy(bitmap_3_70000, cut);
        slu_buf_reset(&out);
        if (cut != 0)
            CHECK_STATUS(fluss_aggregate_apply(&rbm, FLUSS_ROW_INDEXED, &bytes, slu_view_of(bitmap_1_2, sizeof bitmap_1_2),
                                               slu_view_of(copy, cut), &out, &null, &err),
                         SLU_INVALID);
        guarded_free(copy, cut);
    }
    slu_buf_fini(&out);
}

/* One container of runs: {head}, count of runs, then start and length less one of each. */
static void
bitmaps_of_strange_runs_are_refused(void **state)
{
    (void)state;
    static const uint8_t good[] = {0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 2, 0, 5, 0, 1, 0, 7, 0, 1, 0};
    static const uint8_t none[] = {0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 0, 0};
    static const uint8_t twice[] = {0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 2, 0, 5, 0, 1, 0, 6, 0, 1, 0};
    static const uint8_t back[] = {0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 2, 0, 7, 0, 1, 0, 5, 0, 1, 0};
    const slu_view bad[] = {slu_view_of(none, sizeof none), slu_view_of(twice, sizeof twice), slu_view_of(back, sizeof back)};
    const fluss_aggregate rbm = {FLUSS_AGG_RBM32, ","};
    const fluss_type bytes = {.id = FLUSS_TYPE_BYTES, .nullable = true};
    const slu_view other = slu_view_of(bitmap_3_70000, sizeof bitmap_3_70000);
    slu_buf out;
    bool null = false;
    slu_buf_init(&out, 1 << 20);
    CHECK_OK(fluss_aggregate_apply(&rbm, FLUSS_ROW_INDEXED, &bytes, slu_view_of(good, sizeof good), other, &out, &null, &err));
    for (size_t i = 0; i < 3; i++) {
        slu_buf_reset(&out);
        CHECK_STATUS(fluss_aggregate_apply(&rbm, FLUSS_ROW_INDEXED, &bytes, other, bad[i], &out, &null, &err), SLU_INVALID);
    }
    slu_buf_fini(&out);
}

/* ---- keys ---- */

static void
a_key_makes_a_row(void **state)
{
    (void)state;
    static const char *const formats[] = {"", "\"table.datalake.format\":\"iceberg\"", "\"table.datalake.format\":\"paimon\""};
    static const uint8_t keys[3][16] = {{0xac, 0x02}, {0x2c, 1}, {0, 0, 0, 0, 0, 0, 0, 0, 0x2c, 1}};
    static const size_t sizes[3] = {2, 8, 16};
    for (size_t lake = 0; lake < 3; lake++) {
        for (int kv = 0; kv < 2; kv++) {
            char properties[200];
            slu_buf out;
            fluss_table table;
            begin();
            slu_buf_init(&out, 1 << 16);
            (void)snprintf(properties, sizeof properties, "%s%s\"table.kv.format-version\":\"2\",\"table.kv.format\":\"%s\"",
                           formats[lake], lake == 0 ? "" : ",", kv == 0 ? "compacted" : "indexed");
            const fluss_descriptor d = table_of(ABC, properties, "");
            CHECK_OK(fluss_table_init(&table, &d, 1, 1, &arena, &err));
            CHECK_OK(fluss_key_row(&table, slu_view_of(keys[lake], sizes[lake]), &out, &err));
            check_row(&d.schema, table.kv_format, slu_buf_view(&out), ROW("300", NIL, NIL, NIL), formats[lake]);
            CHECK_STATUS(fluss_key_row(&table, slu_view_of(keys[lake], 1), &out, &err), SLU_CORRUPT);
            fluss_table_fini(&table);
            slu_buf_fini(&out);
            slu_arena_fini(&arena);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_gives_what_java_gives),
        cmocka_unit_test(what_may_not_be_declared_is_refused_in_flusss_words),
        cmocka_unit_test(partial_rows_and_deletes),
        cmocka_unit_test(aggregation_of_some_columns),
        cmocka_unit_test(first_rows_and_versions),
        cmocka_unit_test(ids_are_given_to_new_rows),
        cmocka_unit_test(nothing_is_made_that_is_not_a_row),
        cmocka_unit_test(bitmaps_unite),
        cmocka_unit_test(bitmaps_of_strange_runs_are_refused),
        cmocka_unit_test(a_key_makes_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
