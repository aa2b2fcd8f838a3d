#include "iceberg/filter.h"

#include "iceberg/manifest_io.h"

#include <stdlib.h>

#define FILTER_ENTRIES_BYTES_MAX ((size_t)1 << 30)
#define DELETE_PATH_FIELD 2147483546 /* file_path of a position delete file */

static int
path_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
is_removed(const iceberg_filter *filter, const char *path)
{
    return bsearch(&path, filter->removed, filter->removed_count, sizeof *filter->removed, path_compare) != NULL;
}

static void
removed_count(iceberg_filter *filter, const iceberg_data_file *file)
{
    filter->found++;
    filter->bytes += file->file_bytes;
    if (file->content == ICEBERG_CONTENT_DATA) {
        filter->data_files++;
        filter->records += file->record_count;
    } else if (file->content == ICEBERG_CONTENT_POSITION_DELETES) {
        filter->position_files++;
        filter->position_deletes += file->record_count;
    } else {
        filter->equality_files++;
        filter->equality_deletes += file->record_count;
    }
}

/* ---- deletes that came since ---- */

/* Whether any removed path lies within the bounds of a position delete file's paths. */
static bool
bounds_meet(const iceberg_filter *filter, const iceberg_data_file *file)
{
    const iceberg_column_metrics *paths = NULL;
    for (uint32_t i = 0; i < file->column_count; i++)
        if (file->columns[i].field_id == DELETE_PATH_FIELD)
            paths = &file->columns[i];
    if (paths == NULL || !paths->has_lower || !paths->has_upper)
        return true;
    const iceberg_type text = {.kind = ICEBERG_STRING};
    for (size_t i = 0; i < filter->removed_count; i++) {
        const slu_view path = slu_view_of_text(filter->removed[i]);
        if (iceberg_value_compare(&text, path, paths->lower) >= 0 && iceberg_value_compare(&text, path, paths->upper) <= 0)
            return true;
    }
    return false;
}

static slu_status
delete_check(const iceberg_filter *filter, const iceberg_manifest_entry *entry, slu_error *err)
{
    const iceberg_data_file *file = &entry->file;
    if (entry->status == ICEBERG_STATUS_DELETED || entry->sequence_number <= filter->data_sequence)
        return SLU_OK;
    bool meets = filter->data_sequence == 0; /* what takes the place is newer than an equality delete, which would not count */
    if (file->content == ICEBERG_CONTENT_POSITION_DELETES)
        meets = file->referenced_file == NULL ? bounds_meet(filter, file) : is_removed(filter, file->referenced_file);
    if (!meets)
        return SLU_OK;
    return slu_error_set(err, SLU_CONFLICT, "rows were deleted meanwhile (%s) that a rewrite would bring back", file->path);
}

/* ---- one manifest ---- */

/* In place: what stays and what leaves. *out_removed: how many leave. */
static slu_status
entries_turn(iceberg_filter *filter, iceberg_manifest *manifest, size_t *out_removed, slu_error *err)
{
    size_t count = 0;
    *out_removed = 0;
    for (size_t i = 0; i < manifest->count; i++) {
        iceberg_manifest_entry *entry = &manifest->entries[i];
        SLU_TRY(entry->file.content == ICEBERG_CONTENT_DATA ? SLU_OK : delete_check(filter, entry, err));
        if (entry->status == ICEBERG_STATUS_DELETED)
            continue;
        const bool leaves = is_removed(filter, entry->file.path);
        entry->status = leaves ? ICEBERG_STATUS_DELETED : ICEBERG_STATUS_EXISTING;
        if (leaves) {
            entry->snapshot_id = filter->snapshot_id;
            removed_count(filter, &entry->file);
            ++*out_removed;
        }
        manifest->entries[count++] = *entry;
    }
    manifest->count = count;
    return SLU_OK;
}

static slu_status
manifest_filter(iceberg_filter *filter, iceberg_manifest_file *listed, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    const iceberg_manifest_make make = {filter->env,   filter->store,       filter->metadata,
                                        filter->arena, filter->snapshot_id, filter->sequence_number};
    iceberg_manifest manifest;
    size_t removed = 0;
    slu_arena_init(&arena, FILTER_ENTRIES_BYTES_MAX);
    SLU_TRY(iceberg_manifest_get(filter->store, filter->metadata, listed, true, &arena, &manifest, err));
    SLU_TRY(entries_turn(filter, &manifest, &removed, err));
    if (removed == 0)
        return SLU_OK;
    const char *path = slu_arena_printf(filter->arena, "%s/metadata/%s-f%d-%zu.avro", filter->metadata->location, filter->uuid,
                                        filter->attempt, filter->written_count + 1);
    SLU_TRY(slu_arena_status(filter->arena, err));
    filter->written[filter->written_count++] = path; /* also when it fails: it may be there */
    return iceberg_manifest_put(&make, listed->spec_id, listed->content, &manifest, path, listed, err);
}

slu_status
iceberg_manifests_filter(iceberg_filter *filter, iceberg_manifest_file *manifests, size_t count, slu_error *err)
{
    filter->written = slu_arena_array(filter->arena, count, sizeof *filter->written);
    SLU_TRY(slu_arena_status(filter->arena, err));
    for (size_t i = 0; i < count; i++) {
        const bool since = manifests[i].content == ICEBERG_MANIFEST_DELETES && manifests[i].sequence_number > filter->data_sequence;
        if (filter->found < filter->removed_count || since)
            SLU_TRY(manifest_filter(filter, &manifests[i], err));
    }
    if (filter->found != filter->removed_count)
        return slu_error_set(err, SLU_CONFLICT, "%zu of %zu files that were to be replaced are not in the table any more",
                             filter->removed_count - filter->found, filter->removed_count);
    return SLU_OK;
}
