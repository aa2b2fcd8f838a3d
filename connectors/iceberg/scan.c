#include "iceberg/scan.h"

#include "iceberg/manifest_io.h"
#include "iceberg/prune.h"

#include <strings.h>

typedef struct scan_work {
    const iceberg_store *store;
    const iceberg_metadata *metadata;
    const iceberg_schema *schema;
    const iceberg_scan_options *options;
    iceberg_scan *scan;
    size_t capacity;
    size_t delete_capacity;
} scan_work;

void
iceberg_scan_fini(iceberg_scan *scan)
{
    slu_arena_fini(&scan->arena);
    memset(scan, 0, sizeof *scan);
}

static slu_status
scan_room(scan_work *work, iceberg_scan_file **files, size_t count, size_t *capacity, slu_error *err)
{
    if (count < *capacity)
        return SLU_OK;
    const size_t wanted = *capacity == 0 ? 64 : *capacity * 2;
    iceberg_scan_file *grown = slu_arena_array(&work->scan->arena, wanted, sizeof *grown);
    SLU_TRY(slu_arena_status(&work->scan->arena, err));
    if (count != 0)
        memcpy(grown, *files, count * sizeof *grown);
    *files = grown;
    *capacity = wanted;
    return SLU_OK;
}

static slu_status
scan_add(scan_work *work, const iceberg_manifest_file *listed, const iceberg_partition_spec *spec, const iceberg_type *types,
         const iceberg_manifest_entry *entry, slu_error *err)
{
    iceberg_scan *scan = work->scan;
    if (!iceberg_prune_file(work->options, work->schema, spec, types, &entry->file)) {
        scan->skipped_files++;
        return SLU_OK;
    }
    SLU_TRY(scan_room(work, &scan->files, scan->count, &work->capacity, err));
    iceberg_scan_file *file = &scan->files[scan->count++];
    *file = (iceberg_scan_file){entry->file, listed->spec_id, entry->sequence_number, entry->snapshot_id, listed->path};
    if (!work->options->metrics) {
        file->file.columns = NULL;
        file->file.column_count = 0;
    }
    scan->row_count += entry->file.record_count;
    return SLU_OK;
}

static const char *
delete_kind(const iceberg_data_file *file)
{
    if (file->content == ICEBERG_CONTENT_EQUALITY_DELETES)
        return "an equality delete file";
    return file->content_offset != ICEBERG_ABSENT ? "a deletion vector" : "a position delete file";
}

/* Parquet with positions or keys, or a deletion vector in a Puffin file. */
static bool
delete_known(const iceberg_data_file *file)
{
    const bool vector = file->content == ICEBERG_CONTENT_POSITION_DELETES && file->content_offset >= 0 &&
                        file->content_bytes >= 0 && file->referenced_file != NULL && strcasecmp(file->format, "puffin") == 0;
    return vector || (file->content_offset == ICEBERG_ABSENT && strcasecmp(file->format, "parquet") == 0);
}

static slu_status
delete_add(scan_work *work, const iceberg_manifest_file *listed, const iceberg_manifest_entry *entry, slu_error *err)
{
    iceberg_scan *scan = work->scan;
    if (!work->options->deletes || !delete_known(&entry->file))
        return slu_error_set(err, SLU_UNSUPPORTED, "the snapshot has %s (%s), %s: this is not applied here",
                             delete_kind(&entry->file), entry->file.format, entry->file.path);
    SLU_TRY(scan_room(work, &scan->deletes, scan->delete_count, &work->delete_capacity, err));
    scan->deletes[scan->delete_count++] =
        (iceberg_scan_file){entry->file, listed->spec_id, entry->sequence_number, entry->snapshot_id, listed->path};
    return SLU_OK;
}

static slu_status
manifest_scan(scan_work *work, const iceberg_manifest_file *listed, slu_error *err)
{
    const iceberg_partition_spec *spec = iceberg_metadata_spec_of(work->metadata, listed->spec_id);
    iceberg_type *types = NULL;
    iceberg_manifest manifest = {0};
    const bool metrics = work->options->metrics || work->options->predicate_count != 0;
    if (spec == NULL)
        return slu_error_set(err, SLU_CORRUPT, "%s is of partition spec %d, which the table does not have", listed->path,
                             (int)listed->spec_id);
    if (listed->added_files == 0 && listed->existing_files == 0) /* nothing live */
        return SLU_OK;
    SLU_TRY(iceberg_spec_types(spec, work->schema, &work->scan->arena, &types, err));
    if (listed->content == ICEBERG_MANIFEST_DATA && !iceberg_prune_manifest(work->options, work->schema, spec, types, listed)) {
        work->scan->skipped_manifests++;
        return SLU_OK;
    }
    SLU_TRY(iceberg_manifest_get(work->store, work->metadata, listed, metrics, &work->scan->arena, &manifest, err));
    for (size_t i = 0; i < manifest.count; i++) {
        if (manifest.entries[i].status == ICEBERG_STATUS_DELETED)
            continue;
        SLU_TRY(listed->content == ICEBERG_MANIFEST_DELETES ? delete_add(work, listed, &manifest.entries[i], err)
                                                            : scan_add(work, listed, spec, types, &manifest.entries[i], err));
    }
    return SLU_OK;
}

static slu_status
scan_lists(scan_work *work, const iceberg_snapshot *snapshot, slu_error *err)
{
    iceberg_manifest_file *manifests = NULL;
    size_t count = 0;
    SLU_TRY(iceberg_list_get(work->store, snapshot->manifest_list, &work->scan->arena, &manifests, &count, err));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(manifest_scan(work, &manifests[i], err));
    return SLU_OK;
}

slu_status
iceberg_scan_plan(const iceberg_store *store, const iceberg_metadata *metadata, const iceberg_snapshot *snapshot,
                  const iceberg_scan_options *options, iceberg_scan *out, slu_error *err)
{
    static const iceberg_scan_options ALL = {0};
    SLU_AUTO(iceberg_scan_fini) iceberg_scan scan = {0};
    /* Partition sources may have been dropped from the snapshot's schema: the current one has the table's newest types. */
    scan_work work = {store, metadata, iceberg_metadata_schema(metadata), options == NULL ? &ALL : options, &scan, 0, 0};
    slu_arena_init(&scan.arena, ICEBERG_SCAN_BYTES_MAX);
    if (snapshot != NULL)
        SLU_TRY_IN(scan_lists(&work, snapshot, err), err, "snapshot %lld", (long long)snapshot->id);
    *out = scan;
    memset(&scan, 0, sizeof scan);
    return SLU_OK;
}
