/* verify_manifests.c: manifest lists and manifests, against each other and against the snapshot's summary. */
#include "iceberg/manifest_io.h"
#include "iceberg_care/verify_parts.h"

#include <stdlib.h>

#define SNAPSHOT_ARENA_BYTES_MAX ((size_t)2 << 30)

/* ---- a manifest against its entries ---- */

typedef struct counted {
    int64_t files[3]; /* by status */
    int64_t rows[3];
    int64_t sequence_min; /* of live entries; INT64_MAX: none */
} counted;

static void
check_count(iceberg_verifying *work, const char *where, const char *what, int64_t said, int64_t is)
{
    if (said != ICEBERG_ABSENT && said != is)
        iceberg_verify_say(work, VERIFY_WRONG, "manifest-count", where, "the list says %lld %s, the manifest has %lld",
                           (long long)said, what, (long long)is);
}

static void
check_counts(iceberg_verifying *work, const iceberg_manifest_file *listed, const counted *got)
{
    check_count(work, listed->path, "existing files", listed->existing_files, got->files[ICEBERG_STATUS_EXISTING]);
    check_count(work, listed->path, "added files", listed->added_files, got->files[ICEBERG_STATUS_ADDED]);
    check_count(work, listed->path, "deleted files", listed->deleted_files, got->files[ICEBERG_STATUS_DELETED]);
    check_count(work, listed->path, "existing rows", listed->existing_rows, got->rows[ICEBERG_STATUS_EXISTING]);
    check_count(work, listed->path, "added rows", listed->added_rows, got->rows[ICEBERG_STATUS_ADDED]);
    check_count(work, listed->path, "deleted rows", listed->deleted_rows, got->rows[ICEBERG_STATUS_DELETED]);
    if (got->sequence_min < listed->min_sequence_number)
        iceberg_verify_say(work, VERIFY_WRONG, "manifest-sequence", listed->path,
                           "the list says no sequence number is below %lld, an entry has %lld",
                           (long long)listed->min_sequence_number, (long long)got->sequence_min);
}

static void
check_summaries(iceberg_verifying *work, const iceberg_manifest_file *listed, const iceberg_type *types,
                const iceberg_data_file *file)
{
    for (uint32_t i = 0; i < listed->partition_count && i < file->partition_count; i++) {
        const iceberg_partition_summary *summary = &listed->partitions[i];
        const iceberg_value *value = &file->partition[i];
        if (value->is_null && !summary->contains_null)
            iceberg_verify_say(work, VERIFY_WRONG, "partition-summary", listed->path, "it says there is no null, %s has one",
                               file->path);
        if (value->is_null || types[i].kind == ICEBERG_UNKNOWN || types[i].kind == ICEBERG_FLOAT || types[i].kind == ICEBERG_DOUBLE)
            continue;
        const bool below = !summary->lower.is_null && iceberg_value_compare(&types[i], value->bytes, summary->lower.bytes) < 0;
        const bool above = !summary->upper.is_null && iceberg_value_compare(&types[i], value->bytes, summary->upper.bytes) > 0;
        if (below || above)
            iceberg_verify_say(work, VERIFY_WRONG, "partition-summary", listed->path,
                               "partition value %u of %s is outside its bounds", i, file->path);
    }
}

static slu_status
check_entries(iceberg_verifying *work, const iceberg_manifest_file *listed, const iceberg_manifest *manifest, slu_arena *arena,
              slu_error *err)
{
    counted got = {.sequence_min = INT64_MAX};
    iceberg_type *types = NULL;
    const iceberg_partition_spec *spec = iceberg_metadata_spec_of(work->metadata, listed->spec_id);
    SLU_TRY(iceberg_spec_types(spec, iceberg_metadata_schema(work->metadata), arena, &types, err));
    for (size_t i = 0; i < manifest->count; i++) {
        const iceberg_manifest_entry *entry = &manifest->entries[i];
        bool is_new = false;
        got.files[entry->status]++;
        got.rows[entry->status] += entry->file.record_count;
        iceberg_verify_entry(work, listed, entry);
        if (entry->status == ICEBERG_STATUS_DELETED)
            continue;
        got.sequence_min = entry->sequence_number < got.sequence_min ? entry->sequence_number : got.sequence_min;
        check_summaries(work, listed, types, &entry->file);
        SLU_TRY(iceberg_locations_add(&work->files, entry->file.path, &is_new, err));
        if (is_new)
            iceberg_verify_footer(work, &entry->file);
    }
    check_counts(work, listed, &got);
    return SLU_OK;
}

static slu_status
check_manifest(iceberg_verifying *work, const iceberg_manifest_file *listed, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    slu_error own = {0};
    iceberg_manifest manifest = {0};
    bool is_new = false;
    SLU_TRY(iceberg_locations_add(&work->manifests, listed->path, &is_new, err));
    if (!is_new || !iceberg_verify_size(work, listed->path, listed->bytes, "manifest"))
        return SLU_OK;
    slu_arena_init(&arena, SNAPSHOT_ARENA_BYTES_MAX);
    work->out->manifests++;
    const slu_status status = iceberg_manifest_get(work->store, work->metadata, listed, true, &arena, &manifest, &own);
    if (status != SLU_OK) {
        iceberg_verify_say(work, VERIFY_WRONG, "manifest-unreadable", listed->path, "%s", own.message);
        return SLU_OK;
    }
    return check_entries(work, listed, &manifest, &arena, err);
}

/* ---- a snapshot against its lists ---- */

typedef struct totals {
    int64_t data_files;
    int64_t rows;
    int64_t delete_files;
} totals;

static void
check_total(iceberg_verifying *work, const iceberg_snapshot *snapshot, const char *key, int64_t is)
{
    char where[32];
    const char *said = iceberg_snapshot_property(snapshot, key);
    (void)snprintf(where, sizeof where, "%lld", (long long)snapshot->id);
    if (said != NULL && strtoll(said, NULL, 10) != is)
        iceberg_verify_say(work, VERIFY_WRONG, "snapshot-total", where, "its summary says %s %s, its manifests have %lld", key,
                           said, (long long)is);
}

static void
check_listed(iceberg_verifying *work, const iceberg_snapshot *snapshot, const iceberg_manifest_file *listed)
{
    if (listed->sequence_number > snapshot->sequence_number)
        iceberg_verify_say(work, VERIFY_WRONG, "manifest-sequence", listed->path, "it is newer (%lld) than snapshot %lld (%lld)",
                           (long long)listed->sequence_number, (long long)snapshot->id, (long long)snapshot->sequence_number);
    if (iceberg_metadata_spec_of(work->metadata, listed->spec_id) == NULL)
        iceberg_verify_say(work, VERIFY_WRONG, "manifest-spec", listed->path, "partition spec %d is not in the table",
                           (int)listed->spec_id);
}

static slu_status
check_list(iceberg_verifying *work, const iceberg_snapshot *snapshot, const iceberg_manifest_file *manifests, size_t count,
           slu_error *err)
{
    totals sum = {0};
    bool whole = true; /* counts are optional in version 1 */
    for (size_t i = 0; i < count; i++) {
        const iceberg_manifest_file *listed = &manifests[i];
        whole = whole && listed->added_files >= 0 && listed->existing_files >= 0 && listed->added_rows >= 0 &&
                listed->existing_rows >= 0;
        if (listed->content == ICEBERG_MANIFEST_DATA) {
            sum.data_files += listed->added_files + listed->existing_files;
            sum.rows += listed->added_rows + listed->existing_rows;
        } else {
            sum.delete_files += listed->added_files + listed->existing_files;
        }
        check_listed(work, snapshot, listed);
        SLU_TRY(check_manifest(work, listed, err));
    }
    if (whole) {
        check_total(work, snapshot, "total-data-files", sum.data_files);
        check_total(work, snapshot, "total-records", sum.rows);
        check_total(work, snapshot, "total-delete-files", sum.delete_files);
    }
    return SLU_OK;
}

slu_status
iceberg_verify_snapshot(iceberg_verifying *work, const iceberg_snapshot *snapshot, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    slu_error own = {0};
    iceberg_manifest_file *manifests = NULL;
    size_t count = 0;
    slu_arena_init(&arena, SNAPSHOT_ARENA_BYTES_MAX);
    work->out->snapshots++;
    if (iceberg_list_get(work->store, snapshot->manifest_list, &arena, &manifests, &count, &own) != SLU_OK) {
        iceberg_verify_say(work, VERIFY_WRONG, "list-unreadable", snapshot->manifest_list, "%s", own.message);
        return SLU_OK;
    }
    return check_list(work, snapshot, manifests, count, err);
}
