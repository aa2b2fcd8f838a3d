#include "iceberg_care/reach.h"

#include "iceberg/manifest_io.h"
#include "iceberg/metadata_json.h"

#define MANIFEST_ARENA_BYTES_MAX ((size_t)1 << 30)

void
iceberg_reach_init(iceberg_reach *reach, const iceberg_store *store, const iceberg_metadata *metadata)
{
    memset(reach, 0, sizeof *reach);
    reach->store = store;
    reach->metadata = metadata;
    iceberg_locations_init(&reach->files);
}

void
iceberg_reach_fini(iceberg_reach *reach)
{
    iceberg_locations_fini(&reach->files);
}

/* *out_new: it is reached for the first time, and not by `but`. */
static slu_status
reach_add(iceberg_reach *reach, int kind, const char *location, int64_t bytes, bool *out_new, slu_error *err)
{
    const iceberg_reached reached = {kind, location, bytes};
    bool is_new = false;
    if (reach->but == NULL || !iceberg_locations_have(&reach->but->files, location))
        SLU_TRY(iceberg_locations_add(&reach->files, location, &is_new, err));
    if (out_new != NULL)
        *out_new = is_new;
    return is_new && reach->found != NULL ? reach->found(reach->to, &reached, err) : SLU_OK;
}

static slu_status
reach_manifest(iceberg_reach *reach, const iceberg_manifest_file *listed, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_manifest manifest = {0};
    slu_arena_init(&arena, MANIFEST_ARENA_BYTES_MAX);
    SLU_TRY(iceberg_manifest_get(reach->store, reach->metadata, listed, false, &arena, &manifest, err));
    for (size_t i = 0; i < manifest.count; i++) {
        const iceberg_data_file *file = &manifest.entries[i].file;
        if (reach->live && manifest.entries[i].status == ICEBERG_STATUS_DELETED)
            continue;
        SLU_TRY(reach_add(reach, file->content == ICEBERG_CONTENT_DATA ? ICEBERG_REACHED_DATA : ICEBERG_REACHED_DELETES, file->path,
                          file->file_bytes, NULL, err));
    }
    return SLU_OK;
}

static slu_status
reach_list(iceberg_reach *reach, const iceberg_snapshot *snapshot, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_manifest_file *manifests = NULL;
    size_t count = 0;
    bool is_new = false;
    slu_arena_init(&arena, MANIFEST_ARENA_BYTES_MAX);
    SLU_TRY(reach_add(reach, ICEBERG_REACHED_LIST, snapshot->manifest_list, -1, &is_new, err));
    if (!is_new)
        return SLU_OK;
    SLU_TRY(iceberg_list_get(reach->store, snapshot->manifest_list, &arena, &manifests, &count, err));
    for (size_t i = 0; i < count; i++) {
        SLU_TRY(reach_add(reach, ICEBERG_REACHED_MANIFEST, manifests[i].path, manifests[i].bytes, &is_new, err));
        if (is_new)
            SLU_TRY(reach_manifest(reach, &manifests[i], err));
    }
    return SLU_OK;
}

slu_status
iceberg_reach_snapshot(iceberg_reach *reach, const iceberg_snapshot *snapshot, slu_error *err)
{
    SLU_TRY_IN(reach_list(reach, snapshot, err), err, "snapshot %lld", (long long)snapshot->id);
    return SLU_OK;
}

slu_status
iceberg_reach_snapshots(iceberg_reach *reach, slu_error *err)
{
    for (uint32_t i = 0; i < reach->metadata->snapshot_count; i++)
        SLU_TRY(iceberg_reach_snapshot(reach, &reach->metadata->snapshots[i], err));
    return SLU_OK;
}

static slu_status
reach_statistics(iceberg_reach *reach, const json_t *list, int64_t snapshot_id, slu_error *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *path = json_string_value(json_object_get(item, "statistics-path"));
        const json_t *bytes = json_object_get(item, "file-size-in-bytes");
        if (path == NULL || (snapshot_id != -1 && json_integer_value(json_object_get(item, "snapshot-id")) != snapshot_id))
            continue;
        SLU_TRY(reach_add(reach, ICEBERG_REACHED_OTHER, path, json_is_integer(bytes) ? json_integer_value(bytes) : -1, NULL, err));
    }
    return SLU_OK;
}

slu_status
iceberg_reach_statistics(iceberg_reach *reach, int64_t snapshot_id, slu_error *err)
{
    const json_t *document = iceberg_metadata_document(reach->metadata);
    SLU_TRY(reach_statistics(reach, json_object_get(document, "statistics"), snapshot_id, err));
    return reach_statistics(reach, json_object_get(document, "partition-statistics"), snapshot_id, err);
}

slu_status
iceberg_reach_table(iceberg_reach *reach, const iceberg_table *table, slu_error *err)
{
    char hint[ICEBERG_LOCATION_BYTES_MAX];
    const iceberg_metadata *metadata = table->metadata;
    SLU_TRY(reach_add(reach, ICEBERG_REACHED_OTHER, table->metadata_location, -1, NULL, err));
    for (uint32_t i = 0; i < metadata->log_count; i++)
        SLU_TRY(reach_add(reach, ICEBERG_REACHED_OTHER, metadata->log[i].file, -1, NULL, err));
    (void)snprintf(hint, sizeof hint, "%s/metadata/version-hint.text", metadata->location);
    SLU_TRY(reach_add(reach, ICEBERG_REACHED_OTHER, hint, -1, NULL, err));
    for (uint32_t i = 0; i < metadata->snapshot_count; i++) {
        const char *offsets = iceberg_snapshot_property(&metadata->snapshots[i], "fluss-offsets");
        if (offsets != NULL && offsets[0] != '{' && offsets[0] != '[')
            SLU_TRY(reach_add(reach, ICEBERG_REACHED_OTHER, offsets, -1, NULL, err));
    }
    return SLU_OK;
}
