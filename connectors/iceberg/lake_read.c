#include "iceberg/lake_read.h"

#include "base/alloc.h"
#include "iceberg/deletes.h"
#include "iceberg/parquet_columns.h"
#include "iceberg/prune_parquet.h"
#include "iceberg/store_parquet.h"

#include <sluice/columns.h>
#include <sluice/sdk/columns_build.h>
#include <strings.h>

#define READ_ARENA_BYTES_MAX ((size_t)64 << 20)
#define BATCH_ROWS 8192
#define ICEBERG_READ_DELETE_COLUMNS_MAX 64

struct iceberg_read {
    slu_arena arena;
    const iceberg_store *store;
    const iceberg_metadata *metadata;
    const iceberg_schema *schema;
    iceberg_predicate *predicates;
    size_t predicate_count;
    const iceberg_field **columns;
    parquet_want *wants; /* the columns, then those that deletes need */
    size_t column_count;
    size_t want_count; /* of the file in hand */
    int64_t batch_rows;
    struct ArrowSchema arrow;
    iceberg_scan scan;
    size_t next_file;
    size_t groups_skipped;
    const iceberg_scan_file *file; /* being read */
    parquet_reader *parquet;
    iceberg_store_file store_file;
    iceberg_deletes *deletes; /* NULL: the snapshot has none */
    bool deletes_lent;        /* they are the caller's */
    bool file_deletes;        /* some may touch the file in hand */
    const iceberg_field *const *delete_fields;
    size_t delete_field_count;
    size_t delete_columns[ICEBERG_READ_DELETE_COLUMNS_MAX]; /* where in wants they are */
    struct ArrowSchema file_arrow;                          /* of what is read from the file in hand */
    uint8_t *drop;
    int32_t *kept;
    int64_t mark_capacity;
    iceberg_value *constants; /* per column: not null where the file's partition gives the value */
    int64_t rows_left;        /* of a file read for its count alone */
};

/* ---- opening ---- */

static slu_status
columns_find(iceberg_read *read, const iceberg_read_options *options, slu_error *err)
{
    const bool all = options->columns == NULL;
    read->column_count = all ? read->schema->root.field_count : options->column_count;
    read->columns = slu_arena_array(&read->arena, read->column_count, sizeof *read->columns);
    read->wants = slu_arena_array(&read->arena, read->column_count + ICEBERG_READ_DELETE_COLUMNS_MAX, sizeof *read->wants);
    read->constants = slu_arena_array(&read->arena, read->column_count + ICEBERG_READ_DELETE_COLUMNS_MAX, sizeof *read->constants);
    SLU_TRY(slu_arena_status(&read->arena, err));
    for (size_t i = 0; i < read->column_count; i++) {
        const iceberg_field *field = all ? &read->schema->root.fields[i] : iceberg_schema_column(read->schema, options->columns[i]);
        if (field == NULL)
            return slu_error_set(err, SLU_NOTFOUND, "there is no column \"%s\"", options->columns[i]);
        read->columns[i] = field;
        SLU_TRY(iceberg_parquet_want(field, &read->arena, &read->wants[i], err));
    }
    return SLU_OK;
}

static slu_status
arrow_make(iceberg_read *read, slu_error *err)
{
    slu_status status = slu_schema_init_struct(&read->arrow);
    for (size_t i = 0; i < read->column_count && status == SLU_OK; i++) {
        iceberg_field field = *read->columns[i];
        struct ArrowSchema *child = slu_schema_grow(&read->arrow);
        field.required = false; /* an old file may hold nulls even here */
        status = child == NULL ? SLU_NOMEM : iceberg_field_to_arrow(&field, child);
    }
    return status == SLU_OK ? SLU_OK : slu_error_set(err, status, "no memory for a schema");
}

static slu_status
predicates_copy(iceberg_read *read, const iceberg_read_options *options, slu_error *err)
{
    read->predicates = slu_arena_array(&read->arena, options->predicate_count, sizeof *read->predicates);
    SLU_TRY(slu_arena_status(&read->arena, err));
    for (size_t i = 0; i < options->predicate_count; i++) {
        iceberg_value value;
        SLU_TRY(iceberg_value_copy(iceberg_value_of(options->predicates[i].value), &read->arena, &value, err));
        read->predicates[i] = options->predicates[i];
        read->predicates[i].value = value.bytes;
    }
    read->predicate_count = options->predicate_count;
    return SLU_OK;
}

/* The files that the caller planned. */
static void
files_lend(iceberg_read *read, const iceberg_read_options *options)
{
    read->scan.files = options->files;
    read->scan.count = options->file_count;
    for (size_t i = 0; i < options->file_count; i++)
        read->scan.row_count += options->files[i].file.record_count;
    read->deletes = options->deletes;
    read->deletes_lent = true;
}

static slu_status
read_begin(iceberg_read *read, const iceberg_read_options *options, slu_error *err)
{
    read->schema = options->schema == NULL ? iceberg_metadata_schema(read->metadata) : options->schema;
    read->batch_rows = options->batch_rows <= 0 ? BATCH_ROWS : options->batch_rows;
    SLU_TRY(columns_find(read, options, err));
    SLU_TRY(arrow_make(read, err));
    SLU_TRY(predicates_copy(read, options, err));
    if (options->files != NULL) {
        files_lend(read, options);
        return SLU_OK;
    }
    const iceberg_scan_options scan = {read->predicates, read->predicate_count, false, true};
    const iceberg_snapshot *snapshot = options->snapshot == NULL ? iceberg_metadata_snapshot(read->metadata) : options->snapshot;
    SLU_TRY(iceberg_scan_plan(read->store, read->metadata, snapshot, &scan, &read->scan, err));
    return read->scan.delete_count == 0 ? SLU_OK
                                        : iceberg_deletes_load(read->store, read->metadata, &read->scan, &read->deletes, err);
}

slu_status
iceberg_read_open(const iceberg_store *store, const iceberg_metadata *metadata, const iceberg_read_options *options,
                  iceberg_read **out, slu_error *err)
{
    SLU_AUTO(iceberg_read_free) iceberg_read *read = slu_alloc_zero(1, sizeof *read);
    if (read == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to read a table");
    slu_arena_init(&read->arena, READ_ARENA_BYTES_MAX);
    read->store = store;
    read->metadata = metadata;
    SLU_TRY_IN(read_begin(read, options, err), err, "table at %s", metadata->location);
    *out = slu_take(&read);
    return SLU_OK;
}

void
iceberg_read_free(iceberg_read **pointer)
{
    iceberg_read *read = slu_take(pointer);
    if (read == NULL)
        return;
    parquet_reader_free(&read->parquet);
    if (!read->deletes_lent)
        iceberg_deletes_free(&read->deletes);
    iceberg_scan_fini(&read->scan);
    slu_schema_release(&read->arrow);
    slu_schema_release(&read->file_arrow);
    slu_free(read->drop);
    slu_free(read->kept);
    slu_arena_fini(&read->arena);
    slu_free(read);
}

const struct ArrowSchema *
iceberg_read_schema(const iceberg_read *read)
{
    return &read->arrow;
}

int64_t
iceberg_read_rows(const iceberg_read *read)
{
    return read->scan.delete_count == 0 && read->deletes == NULL ? read->scan.row_count : -1;
}

iceberg_read_stats
iceberg_read_stats_of(const iceberg_read *read)
{
    return (iceberg_read_stats){read->scan.count, read->scan.skipped_files, read->scan.skipped_manifests, read->groups_skipped};
}

/* ---- a file ---- */

static bool
keep_group(void *context, parquet_reader *reader, size_t group)
{
    iceberg_read *read = context;
    for (size_t i = 0; i < read->predicate_count; i++) {
        const iceberg_field *column = iceberg_schema_field(read->schema, read->predicates[i].field_id);
        if (column == NULL || iceberg_prune_group(reader, group, &read->predicates[i], column))
            continue;
        read->groups_skipped++;
        return false;
    }
    return true;
}

/* NULL: the file does not have it. */
static const parquet_column *
file_column(const parquet_reader *reader, const iceberg_field *column)
{
    for (size_t i = 0; i < parquet_reader_column_count(reader); i++) {
        const parquet_column *in_file = parquet_reader_column(reader, i);
        if (in_file->field_id == column->id ||
            (in_file->field_id == PARQUET_FIELD_ID_NONE && strcmp(in_file->name, column->name) == 0))
            return in_file;
    }
    return NULL;
}

/* Whether a field inside has a default and is not in the file: what is read there are nulls. */
static bool
nested_default_lacks(const parquet_column *in_file, const iceberg_field *column)
{
    for (uint32_t i = 0; i < column->type.field_count; i++) {
        const iceberg_field *field = &column->type.fields[i];
        const parquet_column *found = NULL;
        for (uint32_t k = 0; k < in_file->field_count && found == NULL; k++)
            if (in_file->fields[k].field_id == field->id)
                found = &in_file->fields[k];
        if (found == NULL ? field->has_default : nested_default_lacks(found, field))
            return true;
    }
    return false;
}

/* The value that a file's identity partition gives a column; null when it gives none. */
static iceberg_value
partition_constant(const iceberg_read *read, const iceberg_field *column)
{
    const iceberg_partition_spec *spec = iceberg_metadata_spec_of(read->metadata, read->file->spec_id);
    for (uint32_t i = 0; spec != NULL && i < spec->field_count; i++)
        if (spec->fields[i].source_id == column->id && spec->fields[i].transform.kind == ICEBERG_TRANSFORM_IDENTITY)
            return read->file->file.partition[i];
    return iceberg_value_null();
}

static const iceberg_field *
want_field(const iceberg_read *read, size_t want)
{
    return want < read->column_count ? read->columns[want] : read->delete_fields[want - read->column_count];
}

static slu_status
constants_find(iceberg_read *read, slu_error *err)
{
    for (size_t i = 0; i < read->want_count; i++) {
        const iceberg_field *field = want_field(read, i);
        read->constants[i] = iceberg_value_null();
        const parquet_column *in_file = file_column(read->parquet, field);
        if (in_file != NULL && nested_default_lacks(in_file, field))
            return slu_error_set(err, SLU_UNSUPPORTED, "a field in column \"%s\" has a default (format 3), which is not read",
                                 field->name);
        if (in_file != NULL)
            continue;
        read->constants[i] = partition_constant(read, field);
        if (read->constants[i].is_null && field->default_known)
            read->constants[i] = iceberg_value_of(field->initial_default);
        else if (read->constants[i].is_null && field->has_default)
            return slu_error_set(err, SLU_UNSUPPORTED,
                                 "column \"%s\" has a default (format 3) of a type whose defaults are not read", field->name);
    }
    return SLU_OK;
}

/* What the file's deletes need beyond the columns asked for is read as well, and left out of the batch afterwards. */
static slu_status
deletes_begin(iceberg_read *read, slu_error *err)
{
    read->want_count = read->column_count;
    read->file_deletes = false;
    read->delete_field_count = 0;
    if (read->deletes == NULL)
        return SLU_OK;
    SLU_TRY(iceberg_deletes_begin(read->deletes, read->file, &read->delete_fields, &read->delete_field_count, &read->file_deletes,
                                  err));
    for (size_t i = 0; i < read->delete_field_count; i++) {
        read->delete_columns[i] = read->column_count + i;
        SLU_TRY(iceberg_parquet_want(read->delete_fields[i], &read->arena, &read->wants[read->want_count++], err));
    }
    return SLU_OK;
}

/* Rows are counted over any column that can be read. */
static void
any_column(iceberg_read *read)
{
    for (size_t i = 0; i < parquet_reader_column_count(read->parquet) && read->want_count == 0; i++) {
        const parquet_column *column = parquet_reader_column(read->parquet, i);
        if (column->kind != PARQUET_KIND_UNKNOWN && !parquet_column_is_nested(column))
            read->wants[read->want_count++] = (parquet_want){.field_id = column->field_id, .name = column->name, .column = *column};
    }
}

static slu_status
file_open(iceberg_read *read, slu_error *err)
{
    read->store_file = (iceberg_store_file){read->store, read->file->file.path};
    const parquet_source source = iceberg_store_file_source(&read->store_file, read->file->file.file_bytes);
    const parquet_reader_options options = {read->batch_rows, read->predicate_count == 0 ? NULL : keep_group, read};
    SLU_TRY(parquet_reader_open(&source, &options, &read->parquet, err));
    if (read->want_count == 0)
        any_column(read);
    SLU_TRY(parquet_reader_select(read->parquet, read->wants, read->want_count, err));
    read->want_count = read->column_count + read->delete_field_count;
    SLU_TRY(constants_find(read, err));
    slu_schema_release(&read->file_arrow);
    return parquet_reader_schema(read->parquet, &read->file_arrow, err);
}

static slu_status
file_begin(iceberg_read *read, slu_error *err)
{
    read->file = &read->scan.files[read->next_file++];
    const char *format = read->file->file.format;
    if (strcasecmp(format, "parquet") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "%s is %s: only Parquet files are read", read->file->file.path, format);
    SLU_TRY_IN(deletes_begin(read, err), err, "%s", read->file->file.path);
    if (read->column_count == 0 && !read->file_deletes) { /* only the number of rows matters: no file is opened */
        read->rows_left = read->file->file.record_count;
        return SLU_OK;
    }
    SLU_TRY_IN(file_open(read, err), err, "%s", read->file->file.path);
    return SLU_OK;
}

/* ---- batches ---- */

static void
builder_add(sdk_builder *builder, const iceberg_type *type, slu_view bytes)
{
    int64_t number = 0;
    double real = 0;
    if (type->kind == ICEBERG_BOOLEAN)
        sdk_builder_bool(builder, bytes.bytes == 1 && bytes.data[0] != 0);
    else if (iceberg_value_i64(type, bytes, &number))
        sdk_builder_int(builder, number);
    else if (iceberg_value_double(type, bytes, &real))
        sdk_builder_f64(builder, real);
    else if (type->kind == ICEBERG_DECIMAL)
        sdk_builder_decimal(builder, iceberg_value_decimal(bytes));
    else
        sdk_builder_bytes(builder, bytes.data, bytes.bytes);
}

static slu_status
constant_column(const iceberg_type *type, slu_view bytes, int64_t rows, struct ArrowArray *out, slu_error *err)
{
    char format[32];
    sdk_builder builder;
    iceberg_type_format(type, format, sizeof format);
    SLU_TRY(sdk_builder_init(&builder, format, NULL));
    for (int64_t i = 0; i < rows; i++)
        builder_add(&builder, type, bytes);
    const slu_status status = sdk_builder_finish(&builder, out, err);
    sdk_builder_fini(&builder);
    return status;
}

/* Columns of nulls that the partition knows better become its value. */
static slu_status
constants_put(const iceberg_read *read, struct ArrowArray *batch, slu_error *err)
{
    for (size_t i = 0; i < read->want_count; i++) {
        struct ArrowArray column;
        if (read->constants[i].is_null)
            continue;
        SLU_TRY(constant_column(&want_field(read, i)->type, read->constants[i].bytes, batch->length, &column, err));
        slu_array_release(batch->children[i]);
        slu_array_move(&column, batch->children[i]);
    }
    return SLU_OK;
}

static slu_status
next_count(iceberg_read *read, struct ArrowArray *out, slu_error *err)
{
    const int64_t rows = read->rows_left < read->batch_rows ? read->rows_left : read->batch_rows;
    if (rows == 0)
        return SLU_END;
    SLU_TRY(sdk_struct(NULL, 0, rows, out, err));
    read->rows_left -= rows;
    return SLU_OK;
}

static slu_status
mark_room(iceberg_read *read, int64_t rows, slu_error *err)
{
    if (rows <= read->mark_capacity)
        return SLU_OK;
    slu_free(read->drop);
    slu_free(read->kept);
    read->drop = slu_alloc((size_t)rows);
    read->kept = slu_alloc((size_t)rows * sizeof *read->kept);
    read->mark_capacity = read->drop == NULL || read->kept == NULL ? 0 : rows;
    return read->mark_capacity == 0 ? slu_error_set(err, SLU_NOMEM, "no memory for a batch of %lld rows", (long long)rows) : SLU_OK;
}

/* The rows of a batch that no delete touches, into read->kept. */
static slu_status
rows_keep(iceberg_read *read, const struct ArrowArray *batch, int64_t first_row, int64_t *out_kept, slu_error *err)
{
    slu_column columns[ICEBERG_READ_DELETE_COLUMNS_MAX];
    int64_t kept = 0;
    SLU_TRY(mark_room(read, batch->length, err));
    for (size_t i = 0; i < read->delete_field_count; i++)
        columns[i] = slu_column_child(&read->file_arrow, batch, (int64_t)read->delete_columns[i]);
    SLU_TRY(iceberg_deletes_mark(read->deletes, first_row, columns, batch->length, read->drop, err));
    for (int64_t row = 0; row < batch->length; row++) {
        read->kept[kept] = (int32_t)row;
        kept += !read->drop[row];
    }
    *out_kept = kept;
    return SLU_OK;
}

/* The columns asked for, only the rows kept. */
static slu_status
rows_gather(iceberg_read *read, const struct ArrowArray *batch, int64_t kept, struct ArrowArray *out, slu_error *err)
{
    struct ArrowArray *columns = slu_alloc_zero(read->column_count + 1, sizeof *columns);
    slu_status status = columns == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a batch") : SLU_OK;
    for (size_t i = 0; i < read->column_count && status == SLU_OK; i++) {
        const slu_column column = slu_column_child(&read->file_arrow, batch, (int64_t)i);
        status = sdk_gather(read->file_arrow.children[i], &column, read->kept, kept, NULL, &columns[i], err);
    }
    if (status == SLU_OK)
        status = sdk_struct(columns, (int64_t)read->column_count, kept, out, err);
    for (size_t i = 0; i < read->column_count && columns != NULL; i++)
        slu_array_release(&columns[i]);
    slu_free(columns);
    return status;
}

static slu_status
next_of_file(iceberg_read *read, struct ArrowArray *out, slu_error *err)
{
    struct ArrowArray batch = {0};
    int64_t first_row = 0;
    int64_t kept = 0;
    if (read->parquet == NULL)
        return next_count(read, out, err);
    slu_status status = parquet_reader_next(read->parquet, &batch, &first_row, err);
    if (status == SLU_OK)
        status = constants_put(read, &batch, err);
    if (status == SLU_OK && !read->file_deletes) {
        slu_array_move(&batch, out);
        return SLU_OK;
    }
    if (status == SLU_OK)
        status = rows_keep(read, &batch, first_row, &kept, err);
    if (status == SLU_OK)
        status = rows_gather(read, &batch, kept, out, err);
    slu_array_release(&batch);
    return slu_error_in(err, status, "%s", read->file->file.path);
}

slu_status
iceberg_read_next(iceberg_read *read, struct ArrowArray *out, slu_error *err)
{
    for (;;) {
        if (read->file == NULL) {
            if (read->next_file == read->scan.count)
                return SLU_END;
            SLU_TRY(file_begin(read, err));
        }
        const slu_status status = next_of_file(read, out, err);
        if (status == SLU_OK && out->length == 0) { /* every row was deleted */
            slu_array_release(out);
            continue;
        }
        if (status != SLU_END)
            return status;
        parquet_reader_free(&read->parquet);
        read->file = NULL;
    }
}

/* ---- literals ---- */

static bool
literal_decimal(const iceberg_type *type, const iceberg_literal *literal, iceberg_scalar *room, iceberg_predicate *out)
{
    slu_i128_natural unscaled = literal->i64;
    if (literal->kind != ICEBERG_LITERAL_I64)
        return false;
    for (int32_t i = 0; i < type->scale; i++)
        if (__builtin_mul_overflow(unscaled, 10, &unscaled))
            return false;
    out->value = iceberg_value_of_decimal(unscaled, room).bytes;
    return true;
}

static bool
literal_number(const iceberg_type *type, const iceberg_literal *literal, iceberg_scalar *room, iceberg_predicate *out)
{
    const int64_t number = literal->i64;
    if (literal->kind != ICEBERG_LITERAL_I64)
        return false;
    if (type->kind == ICEBERG_LONG) {
        out->value = iceberg_value_of_i64(number, room).bytes;
        return true;
    }
    if (number < INT32_MIN || number > INT32_MAX)
        return false;
    out->value = iceberg_value_of_i32((int32_t)number, room).bytes;
    return true;
}

bool
iceberg_predicate_make(const iceberg_field *column, uint8_t compare, const iceberg_literal *literal, iceberg_scalar *room,
                       iceberg_predicate *out)
{
    *out = (iceberg_predicate){column->id, compare, {NULL, 0}};
    if (compare == ICEBERG_IS_NULL || compare == ICEBERG_NOT_NULL)
        return true;
    switch (column->type.kind) {
    case ICEBERG_INT:
    case ICEBERG_LONG: return literal_number(&column->type, literal, room, out);
    case ICEBERG_DECIMAL: return literal_decimal(&column->type, literal, room, out);
    case ICEBERG_STRING: out->value = literal->text; return literal->kind == ICEBERG_LITERAL_TEXT;
    case ICEBERG_DOUBLE: {
        const double real = literal->kind == ICEBERG_LITERAL_I64 ? (double)literal->i64 : literal->f64;
        memcpy(room->bytes, &real, sizeof real);
        out->value = slu_view_of(room->bytes, sizeof real);
        return literal->kind == ICEBERG_LITERAL_F64 ||
               (literal->kind == ICEBERG_LITERAL_I64 && (literal->i64 >> 52) == (literal->i64 >> 63));
    }
    default: return false;
    }
}
