/*
 * random_tables WAREHOUSE SEED COUNT: tables of random columns, partitions, rows and deletes, and beside each what a reader must see:
 * WAREHOUSE/rN.rows, one JSON array of texts (or nulls) a row.
 * random_tables WAREHOUSE care COUNT: compacts and expires every one of them.
 *
 * Texts    numbers, dates (days), times and timestamps (microseconds), decimals (unscaled): decimal digits; real numbers: the 16 hex
 *          digits of the double's bits, NaN as "nan"; bytes: hex; strings as they are.
 */
#include "iceberg/commit.h"
#include "iceberg/delete_writer.h"
#include "iceberg_care/compact.h"
#include "iceberg_care/expire.h"
#include "support/arrays.h"

#include <inttypes.h>
#include <math.h>

#define COLUMNS_MAX 8
#define FILES_MAX 6
#define FILE_ROWS_MAX 120
#define TEXT_BYTES 96
#define KINDS (sizeof FORMATS / sizeof *FORMATS)

static slu_env env;
static slu_error err;
static iceberg_catalog catalog;
static uint64_t random_state;

#define MUST(call)                                                                                                                 \
    do {                                                                                                                           \
        const slu_status must_status_ = (call);                                                                                    \
        if (must_status_ != SLU_OK) {                                                                                              \
            (void)fprintf(stderr, "%s: %s: %s\n", #call, slu_status_name(must_status_), err.message);                              \
            exit(1);                                                                                                               \
        }                                                                                                                          \
    } while (0)

static uint64_t
rnd(uint64_t below)
{
    uint64_t x = random_state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (x ^ (x >> 31)) % below;
}

/* ---- columns ---- */

static const char *const FORMATS[] = {"b",      "c",      "s",   "i",   "l",    "f",       "g", "d:9,2",
                                      "d:18,4", "d:38,6", "tdD", "ttu", "tsu:", "tsu:UTC", "u", "z"};

typedef struct column {
    char name[16];
    const char *format;
    bool optional;
    /* of the file being made */
    uint8_t values[FILE_ROWS_MAX * 16];
    const char *texts[FILE_ROWS_MAX];
    char text_room[FILE_ROWS_MAX][TEXT_BYTES];
    uint8_t nulls[FILE_ROWS_MAX];
    char shown[FILE_ROWS_MAX][TEXT_BYTES];
} column;

typedef struct row {
    int file;
    int64_t at; /* in its file */
    int64_t id;
    bool alive;
    char *json;
} row;

typedef struct random_table {
    iceberg_table table;
    slu_arena arena;
    column columns[COLUMNS_MAX];
    int column_count;
    int partition; /* column; -1: unpartitioned */
    iceberg_transform transform;
    iceberg_data_file files[FILES_MAX];
    iceberg_value tuples[FILES_MAX];
    int file_count;
    row *rows;
    size_t row_count;
    int64_t next_id;
} random_table;

static bool
is_text(const char *format)
{
    return format[0] == 'u' || format[0] == 'z';
}

static int64_t
number_of(int bits)
{
    const int64_t odd[] = {0, -1, 1, (INT64_C(1) << (bits - 1)) - 1, -(INT64_C(1) << (bits - 2)) * 2};
    if (rnd(5) == 0)
        return odd[rnd(5)];
    const int shift = (int)rnd((uint64_t)bits - 1) + 65 - bits;
    return (int64_t)rnd(UINT64_MAX) >> (shift > 63 ? 63 : shift);
}

static void
real_put(column *c, int64_t at, bool narrow)
{
    static const double ODD[] = {0.0, -0.0, 1.5, -1e30, 3.14159, (double)NAN, (double)INFINITY, -(double)INFINITY};
    double value = rnd(3) == 0 ? ODD[rnd(8)] : (double)number_of(50) / 64.0;
    uint64_t bits = 0;
    if (narrow) {
        const float small = (float)value;
        memcpy(c->values + at * 4, &small, 4);
        value = (double)small;
    } else {
        memcpy(c->values + at * 8, &value, 8);
    }
    memcpy(&bits, &value, 8);
    (void)snprintf(c->shown[at], TEXT_BYTES, isnan(value) ? "nan" : "%016" PRIx64, bits);
}

static void
whole_put(column *c, int64_t at, int64_t value, size_t bytes)
{
    memcpy(c->values + (size_t)at * bytes, &value, bytes);
    (void)snprintf(c->shown[at], TEXT_BYTES, "%" PRId64, value);
}

static void
decimal_put(column *c, int64_t at, int64_t value)
{
    const slu_i128_natural wide = value;
    memcpy(c->values + at * 16, &wide, 16);
    (void)snprintf(c->shown[at], TEXT_BYTES, "%" PRId64, value);
}

static void
text_put(column *c, int64_t at)
{
    static const char accents[] = "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
                                  "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9";
    static const char *const WORDS[] = {"", "a", "Z\xC3\xBCrich", "0123456789abcdef+", "\xF0\x9F\x98\x80", "=/ %", accents};
    (void)snprintf(c->text_room[at], TEXT_BYTES, "%s%d", WORDS[rnd(7)], (int)rnd(50));
    c->texts[at] = c->text_room[at];
    if (c->format[0] == 'u') {
        (void)snprintf(c->shown[at], TEXT_BYTES, "%s", c->text_room[at]);
        return;
    }
    c->shown[at][0] = 0;
    for (size_t i = 0; c->texts[at][i] != 0 && i < TEXT_BYTES / 2 - 1; i++)
        (void)snprintf(c->shown[at] + 2 * i, 3, "%02x", (uint8_t)c->texts[at][i]);
}

static void
value_put(column *c, int64_t at)
{
    c->nulls[at] = c->optional && rnd(7) == 0;
    const char *format = c->format;
    switch (format[0]) {
    case 'b': {
        const bool value = rnd(2) == 1;
        c->values[at / 8] = (uint8_t)((c->values[at / 8] & ~(1u << (at % 8))) | ((unsigned)value << (at % 8)));
        (void)snprintf(c->shown[at], TEXT_BYTES, value ? "true" : "false");
        break;
    }
    case 'c': whole_put(c, at, number_of(8), 1); break;
    case 's': whole_put(c, at, number_of(16), 2); break;
    case 'i': whole_put(c, at, number_of(32), 4); break;
    case 'l': whole_put(c, at, number_of(64), 8); break;
    case 'f': real_put(c, at, true); break;
    case 'g': real_put(c, at, false); break;
    case 'd': decimal_put(c, at, strcmp(format, "d:9,2") == 0 ? number_of(29) : number_of(58)); break;
    case 't':
        if (format[1] == 'd')
            whole_put(c, at, number_of(20), 4);
        else
            whole_put(c, at, format[1] == 't' ? (int64_t)rnd(UINT64_C(86400000000)) : number_of(56), 8);
        break;
    default: text_put(c, at); break;
    }
}

/* Row `at` has what row 0 has. */
static void
value_repeat(column *c, int64_t at)
{
    const slu_type type = slu_type_of(c->format);
    c->nulls[at] = c->nulls[0];
    memcpy(c->shown[at], c->shown[0], TEXT_BYTES);
    memcpy(c->text_room[at], c->text_room[0], TEXT_BYTES);
    c->texts[at] = c->text_room[at];
    if (type.id == SLU_TYPE_BOOL)
        c->values[at / 8] = (uint8_t)((c->values[at / 8] & ~(1u << (at % 8))) | ((unsigned)(c->values[0] & 1) << (at % 8)));
    else if (!is_text(c->format))
        memcpy(c->values + (size_t)at * (size_t)type.width_bytes, c->values, (size_t)type.width_bytes);
}

/* ---- a table ---- */

static const char *const TRANSFORMS[] = {"identity", "bucket[5]", "truncate[3]", "year", "month", "day", "hour", "void"};

/* Whether a transform can be of a column. */
static bool
transform_fits(const char *transform, const char *format)
{
    const bool whole = strchr("csil", format[0]) != NULL;
    const bool stamp = strncmp(format, "ts", 2) == 0;
    switch (transform[0]) {
    case 'i': return strchr("fgzw", format[0]) == NULL;
    case 'b': return strchr("bfg", format[0]) == NULL;
    case 't': return whole || format[0] == 'u' || format[0] == 'd';
    case 'h': return stamp;
    case 'v': return true;
    default: return stamp || strcmp(format, "tdD") == 0;
    }
}

static void
columns_choose(random_table *t, bool by_key)
{
    t->column_count = 2 + (int)rnd(COLUMNS_MAX - 2);
    t->partition = -1;
    for (int i = 0; i < t->column_count; i++) {
        column *c = &t->columns[i];
        c->format = i == 0 ? "l" : FORMATS[rnd(KINDS)];
        c->optional = i != 0 && rnd(3) != 0;
        (void)snprintf(c->name, sizeof c->name, i == 0 ? "id" : rnd(6) == 0 ? "c %d-\xC3\xA4" : "c%d", i);
    }
    for (int i = 0; i < 20 && t->partition < 0 && rnd(4) != 0; i++) {
        const int wanted = 1 + (int)rnd((uint64_t)t->column_count - 1);
        const char *text = TRANSFORMS[rnd(8)];
        if (!transform_fits(text, t->columns[wanted].format) || (by_key && text[0] == 'v'))
            continue;
        MUST(iceberg_transform_parse(text, &t->arena, &t->transform, &err));
        t->partition = wanted;
    }
    /* DuckDB 1.5 dies over equality deletes where a partition value is null ("Comparison on NULL values"). */
    if (by_key && t->partition >= 0)
        t->columns[t->partition].optional = false;
}

static void
table_create(random_table *t, const char *name)
{
    struct ArrowSchema arrow;
    iceberg_schema schema;
    iceberg_partition_field field = {.field_id = ICEBERG_PARTITION_ID_FIRST, .name = "part", .transform = t->transform};
    const iceberg_partition_spec spec = {0, 1, &field};
    static const char *const CODECS[] = {"zstd", "snappy", "gzip", "uncompressed"};
    const iceberg_property property = {"write.parquet.compression-codec", CODECS[rnd(4)]};
    MUST(slu_schema_init_struct(&arrow));
    for (int i = 0; i < t->column_count; i++)
        MUST(slu_schema_add(&arrow, t->columns[i].format, t->columns[i].name, t->columns[i].optional));
    MUST(iceberg_schema_of_arrow(&arrow, &t->arena, &schema, &err));
    field.source_id = t->partition < 0 ? 0 : schema.root.fields[t->partition].id;
    const iceberg_create create = {
        .schema = &schema, .spec = t->partition < 0 ? NULL : &spec, .properties = &property, .property_count = 1};
    MUST(iceberg_catalog_create(&catalog, "lake", name, &create, &t->table, &err));
    slu_schema_release(&arrow);
}

/* The file's partition value, from its first row. */
static iceberg_value
tuple_make(random_table *t, const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    iceberg_scalar rooms[2];
    iceberg_value value;
    iceberg_value result;
    iceberg_value kept;
    if (t->partition < 0 || t->transform.kind == ICEBERG_TRANSFORM_VOID)
        return iceberg_value_null();
    const iceberg_field *field = &iceberg_metadata_schema(t->table.metadata)->root.fields[t->partition];
    const slu_column c = slu_column_child(schema, array, t->partition);
    MUST(iceberg_value_of_column(&field->type, &c, 0, &rooms[0], &value, &err));
    MUST(iceberg_transform_apply(&t->transform, &field->type, value, &rooms[1], &result, &err));
    MUST(iceberg_value_copy(result, &t->arena, &kept, &err));
    return kept;
}

static void
json_text(slu_buf *out, const char *text)
{
    slu_buf_text(out, "\"");
    for (const char *c = text; *c != 0; c++)
        slu_buf_printf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    slu_buf_text(out, "\"");
}

static void
rows_note(random_table *t, int64_t count)
{
    t->rows = realloc(t->rows, (t->row_count + (size_t)count) * sizeof *t->rows);
    for (int64_t i = 0; i < count; i++) {
        slu_buf text;
        int64_t id = 0;
        slu_buf_init(&text, 1 << 16);
        for (int c = 0; c < t->column_count; c++) {
            slu_buf_text(&text, c == 0 ? "[" : ", ");
            if (t->columns[c].nulls[i])
                slu_buf_text(&text, "null");
            else
                json_text(&text, t->columns[c].shown[i]);
        }
        slu_buf_text(&text, "]");
        memcpy(&id, t->columns[0].values + i * 8, 8);
        t->rows[t->row_count++] = (row){t->file_count, i, id, true, strdup(slu_buf_cstr(&text))};
        slu_buf_fini(&text);
    }
}

static void
file_make(random_table *t)
{
    const int64_t count = 1 + (int64_t)rnd(FILE_ROWS_MAX);
    test_column views[COLUMNS_MAX];
    struct ArrowSchema schema;
    struct ArrowArray array;
    iceberg_data_writer *writer = NULL;
    MUST(slu_schema_init_struct(&schema));
    for (int i = 0; i < t->column_count; i++) {
        column *c = &t->columns[i];
        for (int64_t at = 0; at < count; at++) {
            if (i == 0)
                whole_put(c, at, t->next_id++, 8);
            else if (i == t->partition && at > 0)
                value_repeat(c, at);
            else
                value_put(c, at);
            if (is_text(c->format) && c->nulls[at])
                c->texts[at] = NULL;
        }
        views[i] = (test_column){c->name, c->format, c->values, is_text(c->format) ? c->texts : NULL,
                                 is_text(c->format) ? NULL : c->nulls};
        MUST(slu_schema_add(&schema, c->format, c->name, c->optional));
    }
    test_array_make(&array, views, t->column_count, count);
    t->tuples[t->file_count] = tuple_make(t, &schema, &array);
    const iceberg_data_writer_options options = {.env = &env,
                                                 .store = iceberg_catalog_store(&catalog, &t->table),
                                                 .metadata = t->table.metadata,
                                                 .partition = &t->tuples[t->file_count],
                                                 .input = &schema};
    MUST(iceberg_data_writer_open(&options, &writer, &err));
    MUST(iceberg_data_writer_append(writer, &array, NULL, count, &err));
    MUST(iceberg_data_writer_finish(writer, &t->arena, &t->files[t->file_count], &err));
    iceberg_data_writer_free(&writer);
    rows_note(t, count);
    t->file_count++;
    slu_array_release(&array);
    slu_schema_release(&schema);
}

static void
file_add(random_table *t)
{
    file_make(t);
    const iceberg_append append = {.files = &t->files[t->file_count - 1], .file_count = 1};
    MUST(iceberg_table_append(&catalog, &t->table, &append, NULL, &err));
}

/* ---- deletes: some rows of an earlier file, by place or by key ---- */

static iceberg_data_file
keys_write(random_table *t, const iceberg_data_writer_options *given, const int64_t *ids, int64_t count)
{
    static const int32_t FIRST[] = {1};
    const test_column view = {"id", "l", ids, NULL, NULL};
    iceberg_data_writer_options options = *given;
    iceberg_data_writer *writer = NULL;
    iceberg_data_file file;
    struct ArrowSchema schema;
    struct ArrowArray array;
    MUST(slu_schema_init_struct(&schema));
    MUST(slu_schema_add(&schema, "l", "id", false));
    test_array_make(&array, &view, 1, count);
    options.input = &schema;
    options.equality_ids = FIRST;
    options.equality_count = 1;
    MUST(iceberg_data_writer_open(&options, &writer, &err));
    MUST(iceberg_data_writer_append(writer, &array, NULL, count, &err));
    MUST(iceberg_data_writer_finish(writer, &t->arena, &file, &err));
    iceberg_data_writer_free(&writer);
    slu_array_release(&array);
    slu_schema_release(&schema);
    return file;
}

static void
rows_delete(random_table *t, bool by_key)
{
    int64_t picked[FILE_ROWS_MAX];
    int64_t ids[FILE_ROWS_MAX];
    size_t count = 0;
    const int which = (int)rnd((uint64_t)t->file_count);
    const uint64_t part = rnd(8) == 0 ? 1 : 3; /* now and then the whole file */
    iceberg_data_file file;
    iceberg_data_writer_options options = {.env = &env,
                                           .store = iceberg_catalog_store(&catalog, &t->table),
                                           .metadata = t->table.metadata,
                                           .partition = &t->tuples[which]};
    for (size_t i = 0; i < t->row_count; i++) {
        if (t->rows[i].file != which || !t->rows[i].alive || rnd(part) != 0)
            continue;
        t->rows[i].alive = false;
        ids[count] = t->rows[i].id;
        picked[count++] = t->rows[i].at;
    }
    if (count == 0)
        return;
    if (by_key) {
        file = keys_write(t, &options, ids, (int64_t)count);
    } else {
        options.positions_of = t->files[which].path;
        MUST(iceberg_position_deletes_write(&options, picked, count, &t->arena, &file, &err));
    }
    const iceberg_append append = {.deletes = &file, .delete_count = 1};
    MUST(iceberg_table_append(&catalog, &t->table, &append, NULL, &err));
}

static void
rows_tell(const random_table *t, const char *warehouse, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.rows", warehouse, name);
    FILE *out = fopen(path, "w");
    if (out == NULL)
        exit(1);
    for (size_t i = 0; i < t->row_count; i++) {
        if (t->rows[i].alive)
            (void)fprintf(out, "%s\n", t->rows[i].json);
        free(t->rows[i].json);
    }
    (void)fclose(out);
}

static void
table_write(const char *warehouse, int number)
{
    random_table *t = calloc(1, sizeof *t);
    char name[16];
    const int deletes = (int)rnd(3); /* none, by place, by place and key */
    (void)snprintf(name, sizeof name, "r%d", number);
    slu_arena_init(&t->arena, (size_t)64 << 20);
    columns_choose(t, deletes == 2);
    table_create(t, name);
    for (int files = 1 + (int)rnd(FILES_MAX); t->file_count < files;) {
        file_add(t);
        if (deletes != 0 && rnd(2) == 0)
            rows_delete(t, deletes == 2 && rnd(2) == 0);
    }
    rows_tell(t, warehouse, name);
    iceberg_table_fini(&t->table);
    slu_arena_fini(&t->arena);
    free(t->rows);
    free(t);
}

static void
table_care(int number)
{
    iceberg_table table = {0};
    iceberg_compacted compacted;
    iceberg_expired expired;
    char name[16];
    const iceberg_compact_options compact = {0};
    const iceberg_expire_options expire = {.keep_last = 1};
    (void)snprintf(name, sizeof name, "r%d", number);
    MUST(iceberg_catalog_load(&catalog, "lake", name, &table, &err));
    MUST(iceberg_compact(&catalog, &table, &compact, &compacted, &err));
    MUST(iceberg_expire(&catalog, &table, &expire, &expired, &err));
    iceberg_table_fini(&table);
}

int
main(int argc, char **argv)
{
    iceberg_store store;
    if (argc != 4)
        return 2;
    const int count = atoi(argv[3]);
    const bool care = strcmp(argv[2], "care") == 0;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    random_state = strtoull(argv[2], NULL, 10);
    MUST(iceberg_store_local_open(false, &store, &err));
    MUST(iceberg_catalog_files_open(&env, argv[1], &store, &catalog, &err));
    for (int i = 0; i < count; i++) {
        if (care)
            table_care(i);
        else
            table_write(argv[1], i);
    }
    iceberg_catalog_close(&catalog);
    return 0;
}
