/* lake_lists.c: a table's snapshots and files as batches, and the offsets beside a snapshot. */
#include "iceberg/json.h"
#include "iceberg/lake_read.h"

#include <stdlib.h>

#include <sluice/columns.h>
#include <sluice/sdk/columns_build.h>

#define COLUMNS_MAX 12
#define OFFSETS_MAX 1000000

/* A batch being made, a row at a time, column after column. */
typedef struct list_build {
    struct ArrowSchema schema;
    sdk_builder builders[COLUMNS_MAX];
    size_t count;
    int64_t rows;
} list_build;

typedef struct list_column {
    const char *name;
    const char *format;
} list_column;

static void
list_fini(list_build *build)
{
    for (size_t i = 0; i < build->count; i++)
        sdk_builder_fini(&build->builders[i]);
    slu_schema_release(&build->schema);
}

static slu_status
list_init(list_build *build, const list_column *columns, size_t count, slu_error *err)
{
    memset(build, 0, sizeof *build);
    slu_status status = slu_schema_init_struct(&build->schema);
    for (; build->count < count && status == SLU_OK; build->count++) {
        status = slu_schema_add(&build->schema, columns[build->count].format, columns[build->count].name, true);
        if (status == SLU_OK)
            status = sdk_builder_init(&build->builders[build->count], columns[build->count].format, NULL);
    }
    return status == SLU_OK ? SLU_OK : slu_error_set(err, status, "no memory for a batch");
}

static slu_status
list_finish(list_build *build, struct ArrowSchema *schema, struct ArrowArray *array, slu_error *err)
{
    struct ArrowArray columns[COLUMNS_MAX];
    slu_status status = SLU_OK;
    memset(columns, 0, sizeof columns);
    for (size_t i = 0; i < build->count && status == SLU_OK; i++)
        status = sdk_builder_finish(&build->builders[i], &columns[i], err);
    if (status == SLU_OK)
        status = sdk_struct(columns, (int64_t)build->count, build->rows, array, err);
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        slu_array_release(&columns[i]);
    if (status == SLU_OK)
        slu_schema_move(&build->schema, schema);
    return status;
}

static void
put_text(sdk_builder *builder, const char *text)
{
    if (text == NULL)
        sdk_builder_null(builder);
    else
        sdk_builder_text(builder, text);
}

static slu_status
summary_text(const iceberg_snapshot *snapshot, slu_buf *out, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *json = json_object();
    for (uint32_t i = 0; i < snapshot->summary_count; i++)
        (void)json_object_set_new(json, snapshot->summary[i].key, json_string(snapshot->summary[i].value));
    return iceberg_json_dump(json, out, err);
}

/* A number of the summary; null where it has none. */
static void
put_summary_number(sdk_builder *builder, const iceberg_snapshot *snapshot, const char *key)
{
    const char *text = iceberg_snapshot_property(snapshot, key);
    char *end = NULL;
    const long long number = text == NULL ? 0 : strtoll(text, &end, 10);
    if (text == NULL || end == text || *end != 0)
        sdk_builder_null(builder);
    else
        sdk_builder_i64(builder, (int64_t)number);
}

/* "main, tag:eod": the branches and tags that point at a snapshot. */
static void
put_refs(sdk_builder *builder, const iceberg_metadata *metadata, const iceberg_snapshot *snapshot)
{
    SLU_AUTO(slu_buf_fini) slu_buf names = {0};
    slu_buf_init(&names, 1 << 20);
    for (uint32_t i = 0; i < metadata->ref_count; i++)
        if (metadata->refs[i].snapshot_id == snapshot->id)
            slu_buf_printf(&names, "%s%s%s", names.bytes == 0 ? "" : ", ", metadata->refs[i].is_tag ? "tag:" : "",
                           metadata->refs[i].name);
    put_text(builder, names.bytes == 0 ? NULL : slu_buf_cstr(&names));
}

static slu_status
snapshot_row(list_build *build, const iceberg_metadata *metadata, const iceberg_snapshot *snapshot, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf summary = {0};
    sdk_builder *to = build->builders;
    slu_buf_init(&summary, ICEBERG_METADATA_BYTES_MAX);
    SLU_TRY(summary_text(snapshot, &summary, err));
    sdk_builder_i64(&to[0], snapshot->id);
    if (snapshot->parent_id < 0)
        sdk_builder_null(&to[1]);
    else
        sdk_builder_i64(&to[1], snapshot->parent_id);
    sdk_builder_i64(&to[2], snapshot->sequence_number);
    sdk_builder_i64(&to[3], snapshot->timestamp_ms);
    put_text(&to[4], iceberg_snapshot_property(snapshot, "operation"));
    put_text(&to[5], snapshot->manifest_list);
    put_text(&to[6], slu_buf_cstr(&summary));
    sdk_builder_bool(&to[7], snapshot->id == metadata->current_snapshot_id);
    put_summary_number(&to[8], snapshot, "added-records");
    put_summary_number(&to[9], snapshot, "total-records");
    put_refs(&to[10], metadata, snapshot);
    build->rows++;
    return SLU_OK;
}

slu_status
iceberg_snapshots_batch(const iceberg_metadata *metadata, struct ArrowSchema *schema, struct ArrowArray *array, slu_error *err)
{
    static const list_column COLUMNS[] = {
        {"snapshot_id", "l"},   {"parent_id", "l"}, {"sequence_number", "l"}, {"committed_at", "tsm:UTC"}, {"operation", "u"},
        {"manifest_list", "u"}, {"summary", "u"},   {"is_current", "b"},      {"added_records", "l"},      {"total_records", "l"},
        {"refs", "u"}};
    list_build build;
    slu_status status = list_init(&build, COLUMNS, sizeof COLUMNS / sizeof *COLUMNS, err);
    for (uint32_t i = 0; i < metadata->snapshot_count && status == SLU_OK; i++)
        status = snapshot_row(&build, metadata, &metadata->snapshots[i], err);
    if (status == SLU_OK)
        status = list_finish(&build, schema, array, err);
    list_fini(&build);
    return status;
}

static slu_status
file_row(list_build *build, const iceberg_metadata *metadata, const iceberg_scan_file *file, slu_arena *arena, slu_error *err)
{
    static const char *const CONTENTS[] = {"data", "position deletes", "equality deletes"};
    SLU_AUTO(slu_buf_fini) slu_buf partition = {0};
    iceberg_type *types = NULL;
    sdk_builder *to = build->builders;
    const iceberg_partition_spec *spec = iceberg_metadata_spec_of(metadata, file->spec_id);
    slu_buf_init(&partition, 1 << 20);
    SLU_TRY(iceberg_spec_types(spec, iceberg_metadata_schema(metadata), arena, &types, err));
    SLU_TRY(iceberg_spec_path(spec, types, file->file.partition, &partition, err));
    put_text(&to[0], file->file.path);
    put_text(&to[1], file->file.format);
    put_text(&to[2], slu_buf_cstr(&partition));
    sdk_builder_i64(&to[3], file->file.record_count);
    sdk_builder_i64(&to[4], file->file.file_bytes);
    sdk_builder_i64(&to[5], file->sequence_number);
    sdk_builder_i64(&to[6], file->snapshot_id);
    sdk_builder_i32(&to[7], file->spec_id);
    put_text(&to[8], file->file.content_offset != ICEBERG_ABSENT ? "deletion vector" : CONTENTS[file->file.content]);
    build->rows++;
    return SLU_OK;
}

slu_status
iceberg_files_batch(const iceberg_store *store, const iceberg_metadata *metadata, const iceberg_snapshot *snapshot,
                    struct ArrowSchema *schema, struct ArrowArray *array, slu_error *err)
{
    static const list_column COLUMNS[] = {
        {"file_path", "u"},       {"file_format", "u"}, {"partition", "u"}, {"record_count", "l"}, {"file_size_in_bytes", "l"},
        {"sequence_number", "l"}, {"snapshot_id", "l"}, {"spec_id", "i"},   {"content", "u"}};
    const iceberg_scan_options options = {.deletes = true};
    SLU_AUTO(iceberg_scan_fini) iceberg_scan scan = {0};
    list_build build;
    SLU_TRY(iceberg_scan_plan(store, metadata, snapshot == NULL ? iceberg_metadata_snapshot(metadata) : snapshot, &options, &scan,
                              err));
    slu_status status = list_init(&build, COLUMNS, sizeof COLUMNS / sizeof *COLUMNS, err);
    for (size_t i = 0; i < scan.count && status == SLU_OK; i++)
        status = file_row(&build, metadata, &scan.files[i], &scan.arena, err);
    for (size_t i = 0; i < scan.delete_count && status == SLU_OK; i++)
        status = file_row(&build, metadata, &scan.deletes[i], &scan.arena, err);
    if (status == SLU_OK)
        status = list_finish(&build, schema, array, err);
    list_fini(&build);
    return status;
}

/* ---- offsets ---- */

static slu_status
offsets_room(slu_arena *arena, iceberg_offsets *out, size_t more, slu_error *err)
{
    if (more > OFFSETS_MAX - out->count)
        return slu_error_set(err, SLU_LIMIT, "more than %d bucket offsets", OFFSETS_MAX);
    iceberg_bucket_offset *items = slu_arena_array(arena, out->count + more, sizeof *items);
    SLU_TRY(slu_arena_status(arena, err));
    if (out->count != 0)
        memcpy(items, out->items, out->count * sizeof *items);
    out->items = items;
    return SLU_OK;
}

/* An array of offsets, one per bucket; -1 is unknown. */
static slu_status
offsets_array(const json_t *list, int64_t partition_id, slu_arena *arena, iceberg_offsets *out, slu_error *err)
{
    SLU_TRY(offsets_room(arena, out, json_array_size(list), err));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *offset = json_array_get(list, i);
        if (!json_is_integer(offset) || json_integer_value(offset) < -1)
            return slu_error_set(err, SLU_CORRUPT, "offsets: the offset of bucket %zu is not a number from -1", i);
        if (json_integer_value(offset) >= 0)
            out->items[out->count++] = (iceberg_bucket_offset){partition_id, (int32_t)i, json_integer_value(offset)};
    }
    return SLU_OK;
}

static slu_status
offsets_partitions(const json_t *list, slu_arena *arena, iceberg_offsets *out, slu_error *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        int64_t partition_id = 0;
        SLU_TRY_IN(iceberg_json_i64(json_array_get(list, i), "partition_id", NULL, &partition_id, err), err, "offsets");
        SLU_TRY(offsets_array(json_object_get(json_array_get(list, i), "bucket_offsets"), partition_id, arena, out, err));
    }
    return SLU_OK;
}

/* The form of 0.8: a list of objects. */
static slu_status
offsets_list(const json_t *list, slu_arena *arena, iceberg_offsets *out, slu_error *err)
{
    const int64_t no_partition = -1;
    SLU_TRY(offsets_room(arena, out, json_array_size(list), err));
    for (size_t i = 0; i < json_array_size(list); i++) {
        iceberg_bucket_offset *item = &out->items[out->count];
        SLU_TRY_IN(iceberg_json_i64(json_array_get(list, i), "partition_id", &no_partition, &item->partition_id, err), err,
                   "offsets");
        SLU_TRY_IN(iceberg_json_i32(json_array_get(list, i), "bucket", NULL, &item->bucket, err), err, "offsets");
        SLU_TRY_IN(iceberg_json_i64(json_array_get(list, i), "offset", NULL, &item->offset, err), err, "offsets");
        if (item->bucket < 0)
            return slu_error_set(err, SLU_CORRUPT, "offsets: bucket %d", (int)item->bucket);
        out->count++;
    }
    return SLU_OK;
}

slu_status
iceberg_offsets_parse(slu_view text, slu_arena *arena, iceberg_offsets *out, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    const int64_t unsaid = -1;
    int64_t version = 0;
    memset(out, 0, sizeof *out);
    out->table_id = -1;
    if (text.bytes > ICEBERG_OFFSETS_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "offsets of %zu bytes", text.bytes);
    SLU_TRY(iceberg_json_load(text, "offsets", &json, err));
    if (json_is_array(json))
        return offsets_list(json, arena, out, err);
    SLU_TRY_IN(iceberg_json_i64(json, "version", NULL, &version, err), err, "offsets");
    if (version != 1)
        return slu_error_set(err, SLU_UNSUPPORTED, "offsets of version %lld: 1 is known", (long long)version);
    SLU_TRY_IN(iceberg_json_i64(json, "table_id", &unsaid, &out->table_id, err), err, "offsets");
    if (json_object_get(json, "partition_offsets") != NULL)
        return offsets_partitions(json_object_get(json, "partition_offsets"), arena, out, err);
    return offsets_array(json_object_get(json, "bucket_offsets"), -1, arena, out, err);
}

slu_status
iceberg_offsets_of_snapshot(const iceberg_store *store, const iceberg_snapshot *snapshot, slu_arena *arena, iceberg_offsets *out,
                            slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    const char *value = iceberg_snapshot_property(snapshot, "fluss-offsets");
    if (value == NULL)
        return slu_error_set(err, SLU_NOTFOUND, "snapshot %lld has no fluss-offsets", (long long)snapshot->id);
    if (value[0] == '[' || value[0] == '{')
        return iceberg_offsets_parse(slu_view_of_text(value), arena, out, err);
    slu_buf_init(&text, ICEBERG_OFFSETS_BYTES_MAX + 1);
    SLU_TRY(iceberg_store_get(store, value, ICEBERG_OFFSETS_BYTES_MAX, &text, err));
    SLU_TRY_IN(iceberg_offsets_parse(slu_buf_view(&text), arena, out, err), err, "%s", value);
    return SLU_OK;
}
