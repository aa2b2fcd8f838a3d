#include "iceberg/data_writer.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "iceberg/fluss_spec.h"
#include "iceberg/names.h"
#include "iceberg/parquet_columns.h"
#include "parquet/writer.h"

#include <sluice/columns.h>
#include <strings.h>

#define WRITER_ARENA_BYTES_MAX ((size_t)64 << 20)

struct iceberg_data_writer {
    slu_arena arena;
    const iceberg_store *store;
    const iceberg_metadata *metadata;
    char *location;
    void *file; /* NULL once finished */
    bool exists;
    bool sorted;
    int64_t row_group_bytes;
    const iceberg_value *partition;
    uint32_t partition_count;
    const iceberg_schema *schema; /* of the file: the table's, or that of position deletes */
    const int32_t *equality_ids;  /* NULL: no equality deletes */
    uint32_t equality_count;
    const char *positions_of; /* NULL: no position deletes */
    parquet_column *columns;
    size_t column_count;
    int64_t *sources; /* which child of the input a column is */
    struct ArrowSchema input;
    struct ArrowArray **children;
    slu_status (*write)(void *context, const void *data, size_t bytes, slu_error *err);
    parquet_sink sink;
    parquet_writer *parquet;
};

int64_t
iceberg_target_file_bytes(const iceberg_metadata *metadata)
{
    const int64_t bytes = iceberg_metadata_property_i64(metadata, "write.target-file-size-bytes", INT64_C(536870912));
    return bytes < 1 ? 1 : bytes;
}

static bool
is_deletes(const iceberg_data_writer *writer)
{
    return writer->equality_count != 0 || writer->positions_of != NULL;
}

static slu_status
sink_write(void *context, const void *data, size_t bytes, slu_error *err)
{
    iceberg_data_writer *writer = context;
    return writer->store->ops->append(writer->store->self, writer->file, data, bytes, err);
}

/* ---- columns ---- */

/* Parquet's writer goes by position inside a nested column: a field of another name would land in the wrong place. */
static slu_status
nested_names_match(const iceberg_type *type, const struct ArrowSchema *input, const char *column, slu_error *err)
{
    if (type->kind == ICEBERG_MAP && input->n_children == 1)
        input = input->children[0];
    if (type->field_count != 0 && (int64_t)type->field_count != input->n_children)
        return slu_error_set(err, SLU_INVALID, "column \"%s\": the table has %u fields inside it, the input %lld", column,
                             type->field_count, (long long)input->n_children);
    for (uint32_t i = 0; i < type->field_count; i++) {
        const char *name = input->children[i]->name;
        if (type->kind == ICEBERG_STRUCT && (name == NULL || strcmp(name, type->fields[i].name) != 0))
            return slu_error_set(err, SLU_INVALID, "column \"%s\": field %u is \"%s\" in the table and \"%s\" in the input", column,
                                 i, type->fields[i].name, name == NULL ? "" : name);
        SLU_TRY(nested_names_match(&type->fields[i].type, input->children[i], column, err));
    }
    return SLU_OK;
}

/* Equality deletes may hold their key columns alone. */
static bool
is_kept(const iceberg_data_writer *writer, int32_t field_id)
{
    for (uint32_t i = 0; i < writer->equality_count; i++)
        if (writer->equality_ids[i] == field_id)
            return true;
    return writer->equality_count == 0;
}

static slu_status
column_add(iceberg_data_writer *writer, const iceberg_field *field, const struct ArrowSchema *input, slu_error *err)
{
    const int64_t source = slu_schema_find(input, field->name);
    if (source < 0 && (!field->required || !is_kept(writer, field->id)))
        return SLU_OK;
    if (source < 0)
        return slu_error_set(err, SLU_INVALID, "the table's column \"%s\" is required, and the input does not have it",
                             field->name);
    SLU_TRY(nested_names_match(&field->type, input->children[source], field->name, err));
    /* Iceberg's own vectorized reader, which Spark uses, reads no DELTA page before 1.10 ("Cannot support vectorized reads"). */
    const char *delta = iceberg_metadata_property(writer->metadata, "sluice.parquet.delta-encoding");
    const bool rising = strcmp(field->name, ICEBERG_OFFSET_COLUMN) == 0 || strcmp(field->name, ICEBERG_TIMESTAMP_COLUMN) == 0;
    parquet_column *column = &writer->columns[writer->column_count];
    SLU_TRY(iceberg_parquet_column(field, &writer->arena, column, err));
    column->delta = rising && delta != NULL && strcmp(delta, "true") == 0;
    writer->sources[writer->column_count++] = source;
    return SLU_OK;
}

static slu_status
columns_make(iceberg_data_writer *writer, const struct ArrowSchema *input, slu_error *err)
{
    const iceberg_schema *schema = writer->schema;
    const uint32_t count = schema->root.field_count;
    writer->columns = slu_arena_array(&writer->arena, count, sizeof *writer->columns);
    writer->sources = slu_arena_array(&writer->arena, count, sizeof *writer->sources);
    writer->children = slu_arena_array(&writer->arena, count, sizeof *writer->children);
    writer->input = *input;
    writer->input.children = slu_arena_array(&writer->arena, count, sizeof *writer->input.children);
    SLU_TRY(slu_arena_status(&writer->arena, err));
    for (uint32_t i = 0; i < count; i++)
        SLU_TRY(column_add(writer, &schema->root.fields[i], input, err));
    for (size_t i = 0; i < writer->column_count; i++)
        writer->input.children[i] = input->children[writer->sources[i]];
    writer->input.n_children = (int64_t)writer->column_count;
    for (int64_t i = 0; i < input->n_children; i++)
        if (iceberg_schema_column(schema, input->children[i]->name) == NULL)
            return slu_error_set(err, SLU_INVALID, "the table has no column \"%s\"", input->children[i]->name);
    return SLU_OK;
}

/* ---- opening ---- */

static slu_status
partition_copy(iceberg_data_writer *writer, const iceberg_value *partition, slu_error *err)
{
    const iceberg_partition_spec *spec = iceberg_metadata_spec(writer->metadata);
    iceberg_value *copy = slu_arena_array(&writer->arena, spec->field_count, sizeof *copy);
    SLU_TRY(slu_arena_status(&writer->arena, err));
    for (uint32_t i = 0; i < spec->field_count; i++)
        SLU_TRY(iceberg_value_copy(partition[i], &writer->arena, &copy[i], err));
    writer->partition = copy;
    writer->partition_count = spec->field_count;
    return SLU_OK;
}

static slu_status
location_make(iceberg_data_writer *writer, const iceberg_data_writer_options *options, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    iceberg_type *types = NULL;
    char uuid[SLU_UUID_TEXT_BYTES];
    const iceberg_partition_spec *spec = iceberg_metadata_spec(writer->metadata);
    const char *folder = iceberg_metadata_property(writer->metadata, "write.data.path");
    slu_buf_init(&path, SLU_PATH_BYTES_MAX);
    slu_uuid_new(options->env, uuid);
    SLU_TRY(iceberg_spec_types(spec, iceberg_metadata_schema(writer->metadata), &writer->arena, &types, err));
    SLU_TRY(iceberg_spec_path(spec, types, writer->partition, &path, err));
    writer->location =
        slu_arena_printf(&writer->arena, "%s%s/%s%s%05u-0-%s-00001%s.parquet", folder == NULL ? writer->metadata->location : folder,
                         folder == NULL ? "/data" : "", slu_buf_cstr(&path), path.bytes == 0 ? "" : "/", options->subtask, uuid,
                         is_deletes(writer) ? "-deletes" : "");
    return slu_arena_status(&writer->arena, err);
}

static slu_status
codec_of(const iceberg_metadata *metadata, uint8_t *out, slu_error *err)
{
    static const struct {
        const char *name;
        uint8_t codec;
    } CODECS[] = {
        {"zstd", PARQUET_CODEC_ZSTD},       {"snappy", PARQUET_CODEC_SNAPPY},
        {"gzip", PARQUET_CODEC_GZIP},       {"uncompressed", PARQUET_CODEC_UNCOMPRESSED},
        {"lz4_raw", PARQUET_CODEC_LZ4_RAW},
    };
    const char *wanted = iceberg_metadata_property(metadata, "write.parquet.compression-codec");
    for (size_t i = 0; i < sizeof CODECS / sizeof *CODECS; i++) {
        if (wanted != NULL && strcasecmp(wanted, CODECS[i].name) != 0)
            continue;
        *out = CODECS[i].codec;
        return SLU_OK;
    }
    return slu_error_set(err, SLU_UNSUPPORTED, "write.parquet.compression-codec=%s is not built in", wanted);
}

/* What the footer says: the schema, and of a file of deletes what Java's writers say there. */
static size_t
footer_keys(iceberg_data_writer *writer, slu_buf *schema, parquet_key_value *out)
{
    const char *ids = "";
    size_t count = 0;
    out[count++] = (parquet_key_value){"iceberg.schema", slu_buf_cstr(schema)};
    if (is_deletes(writer))
        out[count++] = (parquet_key_value){"delete-type", writer->positions_of != NULL ? "position" : "equality"};
    for (uint32_t i = 0; i < writer->equality_count && ids != NULL; i++)
        ids = slu_arena_printf(&writer->arena, "%s%s%d", ids, i == 0 ? "" : ", ", writer->equality_ids[i]);
    if (writer->equality_count != 0)
        out[count++] = (parquet_key_value){"delete-field-ids", ids};
    return count;
}

static slu_status
parquet_begin(iceberg_data_writer *writer, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf schema = {0};
    parquet_key_value keys[3];
    parquet_writer_options options;
    const char *format = iceberg_metadata_property(writer->metadata, "write.format.default");
    if (format != NULL && strcasecmp(format, "parquet") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "write.format.default=%s: only parquet is written", format);
    slu_buf_init(&schema, (size_t)16 << 20);
    iceberg_schema_print(writer->schema, &schema);
    SLU_TRY(slu_buf_status(&schema, err));
    parquet_writer_options_init(&options);
    options.key_values = keys;
    options.key_value_count = footer_keys(writer, &schema, keys);
    SLU_TRY(slu_arena_status(&writer->arena, err));
    options.row_group_bytes =
        iceberg_metadata_property_i64(writer->metadata, "write.parquet.row-group-size-bytes",
                                      writer->row_group_bytes != 0 ? writer->row_group_bytes : PARQUET_ROW_GROUP_BYTES_DEFAULT);
    if (writer->positions_of != NULL)
        options.metrics_truncate = PARQUET_BOUNDS_FULL; /* readers compare paths with the bounds */
    SLU_TRY(codec_of(writer->metadata, &options.codec, err));
    writer->sink = (parquet_sink){writer->write, writer};
    return parquet_writer_open(&options, writer->columns, writer->column_count, &writer->input, &writer->sink, &writer->parquet,
                               err);
}

/* Position deletes have a schema of their own, with reserved ids. */
static iceberg_field POSITION_FIELDS[] = {
    {.id = ICEBERG_FIELD_FILE_PATH, .required = true, .name = "file_path", .type = {.kind = ICEBERG_STRING}},
    {.id = ICEBERG_FIELD_POS, .required = true, .name = "pos", .type = {.kind = ICEBERG_LONG}},
};
static const iceberg_schema POSITION_SCHEMA = {.root = {.kind = ICEBERG_STRUCT, .field_count = 2, .fields = POSITION_FIELDS}};

static iceberg_data_writer *
writer_new(const iceberg_metadata *metadata, const char *positions_of, slu_error *err)
{
    iceberg_data_writer *writer = slu_alloc_zero(1, sizeof *writer);
    if (writer == NULL) {
        (void)slu_error_set(err, SLU_NOMEM, "no memory for a data file");
        return NULL;
    }
    slu_arena_init(&writer->arena, WRITER_ARENA_BYTES_MAX);
    writer->metadata = metadata;
    writer->positions_of = positions_of;
    writer->schema = positions_of != NULL ? &POSITION_SCHEMA : iceberg_metadata_schema(metadata);
    return writer;
}

static slu_status
writer_begin(iceberg_data_writer *writer, const iceberg_data_writer_options *options, slu_error *err)
{
    writer->row_group_bytes = options->row_group_bytes;
    SLU_TRY(columns_make(writer, options->input, err));
    SLU_TRY(partition_copy(writer, options->partition, err));
    SLU_TRY(location_make(writer, options, err));
    SLU_TRY(writer->store->ops->create(writer->store->self, writer->location, &writer->file, err));
    writer->exists = true;
    return parquet_begin(writer, err);
}

slu_status
iceberg_data_writer_open(const iceberg_data_writer_options *options, iceberg_data_writer **out, slu_error *err)
{
    SLU_AUTO(iceberg_data_writer_free) iceberg_data_writer *writer = writer_new(options->metadata, options->positions_of, err);
    if (writer == NULL)
        return SLU_NOMEM;
    writer->write = sink_write;
    writer->store = options->store;
    writer->sorted = options->sorted;
    writer->equality_ids = options->equality_ids;
    writer->equality_count = options->equality_count;
    SLU_TRY_IN(writer_begin(writer, options, err), err, "data file of %s", options->metadata->location);
    *out = slu_take(&writer);
    return SLU_OK;
}

static slu_status
sink_nothing(void *context, const void *data, size_t bytes, slu_error *err)
{
    return SLU_OK;
}

static slu_status
writer_check(iceberg_data_writer *writer, const struct ArrowSchema *input, slu_error *err)
{
    SLU_TRY(columns_make(writer, input, err));
    SLU_TRY(parquet_begin(writer, err));
    return SLU_OK;
}

slu_status
iceberg_data_writer_check(const iceberg_metadata *metadata, const struct ArrowSchema *input, slu_error *err)
{
    SLU_AUTO(iceberg_data_writer_free) iceberg_data_writer *writer = writer_new(metadata, NULL, err);
    if (writer == NULL)
        return SLU_NOMEM;
    writer->write = sink_nothing;
    SLU_TRY_IN(writer_check(writer, input, err), err, "table at %s", metadata->location);
    return SLU_OK;
}

slu_status
iceberg_data_writer_append(iceberg_data_writer *writer, const struct ArrowArray *array, const int32_t *selection, int64_t rows,
                           slu_error *err)
{
    struct ArrowArray seen = *array;
    for (size_t i = 0; i < writer->column_count; i++)
        writer->children[i] = array->children[writer->sources[i]];
    seen.children = writer->children;
    seen.n_children = (int64_t)writer->column_count;
    SLU_TRY_IN(parquet_writer_append(writer->parquet, &seen, selection, rows, err), err, "%s", writer->location);
    return SLU_OK;
}

int64_t
iceberg_data_writer_rows(const iceberg_data_writer *writer)
{
    return parquet_writer_rows(writer->parquet);
}

int64_t
iceberg_data_writer_bytes(const iceberg_data_writer *writer)
{
    return parquet_writer_bytes(writer->parquet);
}

const char *
iceberg_data_writer_location(const iceberg_data_writer *writer)
{
    return writer->location;
}

/* ---- finishing ---- */

static slu_status
bound_copy(slu_view bound, slu_arena *arena, slu_view *out, slu_error *err)
{
    iceberg_value copy;
    SLU_TRY(iceberg_value_copy(iceberg_value_of(bound), arena, &copy, err));
    *out = copy.bytes;
    return SLU_OK;
}

static slu_status
metrics_copy(const parquet_file *from, slu_arena *arena, iceberg_data_file *to, slu_error *err)
{
    to->columns = slu_arena_array(arena, from->column_count, sizeof *to->columns);
    to->splits = slu_arena_array(arena, from->split_count, sizeof *to->splits);
    SLU_TRY(slu_arena_status(arena, err));
    to->column_count = (uint32_t)from->column_count;
    to->split_count = (uint32_t)from->split_count;
    if (from->split_count != 0)
        memcpy(to->splits, from->split_offsets, from->split_count * sizeof *to->splits);
    for (size_t i = 0; i < from->column_count; i++) {
        const parquet_column_metrics *column = &from->columns[i];
        iceberg_column_metrics *copy = &to->columns[i];
        *copy = (iceberg_column_metrics){column->field_id,  column->column_bytes, column->value_count, column->null_count,
                                         column->nan_count, column->has_lower,    column->has_upper,   {NULL, 0},
                                         {NULL, 0}};
        if (column->has_lower)
            SLU_TRY(bound_copy(column->lower, arena, &copy->lower, err));
        if (column->has_upper)
            SLU_TRY(bound_copy(column->upper, arena, &copy->upper, err));
    }
    return SLU_OK;
}

static int32_t
content_of(const iceberg_data_writer *writer)
{
    if (writer->positions_of != NULL)
        return ICEBERG_CONTENT_POSITION_DELETES;
    return writer->equality_count == 0 ? ICEBERG_CONTENT_DATA : ICEBERG_CONTENT_EQUALITY_DELETES;
}

static slu_status
file_describe(const iceberg_data_writer *writer, const parquet_file *from, slu_arena *arena, iceberg_data_file *out, slu_error *err)
{
    iceberg_data_file file = {.content = content_of(writer),
                              .path = slu_arena_strdup(arena, writer->location),
                              .format = "PARQUET",
                              .record_count = from->rows,
                              .file_bytes = from->file_bytes,
                              .partition_count = writer->partition_count,
                              .sort_order_id = writer->sorted ? writer->metadata->default_sort_order_id : 0,
                              .content_offset = ICEBERG_ABSENT,
                              .content_bytes = ICEBERG_ABSENT,
                              .first_row_id = ICEBERG_ABSENT};
    file.partition = slu_arena_array(arena, file.partition_count, sizeof *file.partition);
    file.equality_ids = slu_arena_array(arena, writer->equality_count, sizeof *file.equality_ids);
    file.equality_count = writer->equality_count;
    if (writer->positions_of != NULL) {
        file.referenced_file = slu_arena_strdup(arena, writer->positions_of);
        file.sort_order_id = ICEBERG_ABSENT;
    }
    SLU_TRY(slu_arena_status(arena, err));
    if (writer->equality_count != 0)
        memcpy(file.equality_ids, writer->equality_ids, writer->equality_count * sizeof *file.equality_ids);
    for (uint32_t i = 0; i < file.partition_count; i++)
        SLU_TRY(iceberg_value_copy(writer->partition[i], arena, &file.partition[i], err));
    SLU_TRY(metrics_copy(from, arena, &file, err));
    *out = file;
    return SLU_OK;
}

slu_status
iceberg_data_writer_finish(iceberg_data_writer *writer, slu_arena *arena, iceberg_data_file *out, slu_error *err)
{
    const parquet_file *file = NULL;
    iceberg_data_file described;
    SLU_TRY_IN(parquet_writer_finish(writer->parquet, &file, err), err, "%s", writer->location);
    SLU_TRY(file_describe(writer, file, arena, &described, err));
    SLU_TRY(writer->store->ops->finish(writer->store->self, &writer->file, true, err));
    writer->exists = false; /* no longer ours to remove */
    *out = described;
    return SLU_OK;
}

void
iceberg_data_writer_free(iceberg_data_writer **pointer)
{
    iceberg_data_writer *writer = slu_take(pointer);
    if (writer == NULL)
        return;
    parquet_writer_free(&writer->parquet);
    if (writer->file != NULL)
        (void)writer->store->ops->finish(writer->store->self, &writer->file, false, NULL);
    else if (writer->exists)
        (void)iceberg_store_remove(writer->store, writer->location, NULL);
    slu_arena_fini(&writer->arena);
    slu_free(writer);
}
