#include "iceberg/merge.h"

#include "iceberg/manifest_io.h"

#define MERGE_ENTRIES_BYTES_MAX ((size_t)1 << 30)

/* A run of manifests of the list, [first, last], that becomes one. */
typedef struct merge_bin {
    size_t first;
    size_t last;
    size_t members;
    int64_t bytes;
} merge_bin;

static bool
mergeable(const iceberg_merge *merge, const iceberg_manifest_file *manifest)
{
    return manifest->content == merge->content && manifest->spec_id == merge->metadata->default_spec_id;
}

/* The live entries of one manifest, as EXISTING. */
static slu_status
entries_add(const iceberg_merge *merge, const iceberg_manifest_file *listed, slu_arena *arena, iceberg_manifest *all,
            size_t *capacity, slu_error *err)
{
    iceberg_manifest manifest;
    SLU_TRY(iceberg_manifest_get(merge->store, merge->metadata, listed, true, arena, &manifest, err));
    if (all->count + manifest.count > *capacity) {
        *capacity = (all->count + manifest.count) * 2;
        iceberg_manifest_entry *grown = slu_arena_array(arena, *capacity, sizeof *grown);
        SLU_TRY(slu_arena_status(arena, err));
        if (all->count != 0)
            memcpy(grown, all->entries, all->count * sizeof *grown);
        all->entries = grown;
    }
    for (size_t i = 0; i < manifest.count; i++) {
        const iceberg_manifest_entry *entry = &manifest.entries[i];
        const bool own = entry->snapshot_id == merge->snapshot_id;
        if (entry->status == ICEBERG_STATUS_DELETED && !own)
            continue;
        all->entries[all->count] = *entry;
        all->entries[all->count++].status =
            entry->status == ICEBERG_STATUS_DELETED ? ICEBERG_STATUS_DELETED : ICEBERG_STATUS_EXISTING;
    }
    return SLU_OK;
}

static slu_status
manifest_write(iceberg_merge *merge, const iceberg_manifest *all, iceberg_manifest_file *out, slu_error *err)
{
    const iceberg_manifest_make make = {merge->env,   merge->store,       merge->metadata,
                                        merge->arena, merge->snapshot_id, merge->sequence_number};
    const char *path = slu_arena_printf(merge->arena, "%s/metadata/%s-m%d-%zu.avro", merge->metadata->location, merge->uuid,
                                        merge->attempt, merge->written_count + 1);
    SLU_TRY(slu_arena_status(merge->arena, err));
    merge->written[merge->written_count++] = path; /* also when it fails: it may be there */
    return iceberg_manifest_put(&make, merge->metadata->default_spec_id, merge->content, all, path, out, err);
}

static slu_status
bin_merge(iceberg_merge *merge, const iceberg_manifest_file *manifests, const merge_bin *bin, iceberg_manifest_file *out,
          slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_manifest all = {0};
    size_t capacity = 0;
    slu_arena_init(&arena, MERGE_ENTRIES_BYTES_MAX);
    for (size_t i = bin->first; i <= bin->last; i++)
        if (mergeable(merge, &manifests[i]))
            SLU_TRY(entries_add(merge, &manifests[i], &arena, &all, &capacity, err));
    return manifest_write(merge, &all, out, err);
}

/* Packs from the oldest (the end of the list) towards the newest; true when there is another bin before *from. */
static bool
bin_next(const iceberg_merge *merge, const iceberg_manifest_file *manifests, size_t *from, int64_t target, merge_bin *bin)
{
    *bin = (merge_bin){0};
    while (*from > 0) {
        const size_t i = *from - 1;
        if (!mergeable(merge, &manifests[i])) {
            --*from;
            continue;
        }
        if (bin->members > 0 && bin->bytes + manifests[i].bytes > target)
            return true;
        bin->last = bin->members == 0 ? i : bin->last;
        bin->first = i;
        bin->members++;
        bin->bytes += manifests[i].bytes;
        --*from;
    }
    return bin->members > 0;
}

/* The merged manifest takes the place of its newest member; the others leave the list. */
static size_t
bin_replace(const iceberg_merge *merge, iceberg_manifest_file *manifests, size_t count, const merge_bin *bin,
            const iceberg_manifest_file *merged)
{
    size_t to = bin->first + 1;
    manifests[bin->first] = *merged;
    for (size_t i = bin->first + 1; i < count; i++)
        if (i > bin->last || !mergeable(merge, &manifests[i]))
            manifests[to++] = manifests[i];
    return to;
}

slu_status
iceberg_manifests_merge(iceberg_merge *merge, iceberg_manifest_file *manifests, size_t *count, bool is_new, slu_error *err)
{
    const char *enabled = iceberg_metadata_property(merge->metadata, "commit.manifest-merge.enabled");
    const int64_t target = iceberg_metadata_property_i64(merge->metadata, "commit.manifest.target-size-bytes", INT64_C(8388608));
    const int64_t members_min =
        merge->all ? 2 : iceberg_metadata_property_i64(merge->metadata, "commit.manifest.min-count-to-merge", 100);
    size_t from = *count;
    merge_bin bin;
    if (enabled != NULL && strcmp(enabled, "false") == 0)
        return SLU_OK;
    while (merge->written_count < ICEBERG_MERGED_MAX && bin_next(merge, manifests, &from, target, &bin)) {
        const bool newest = from == 0;
        const int64_t members = (int64_t)bin.members + (newest && is_new ? 1 : 0);
        iceberg_manifest_file merged;
        if (bin.members < 2 || (newest && members < members_min))
            continue;
        SLU_TRY_IN(bin_merge(merge, manifests, &bin, &merged, err), err, "merging %zu manifests", bin.members);
        *count = bin_replace(merge, manifests, *count, &bin, &merged);
    }
    return SLU_OK;
}
