#include "iceberg/merge.h"

#include "iceberg/names.h"

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
    return manifest->content == ICEBERG_MANIFEST_DATA && manifest->spec_id == merge->metadata->default_spec_id;
}

/* The live entries of one manifest, as EXISTING. */
static slu_status
entries_add(const iceberg_merge *merge, const iceberg_manifest_file *listed, const iceberg_type *types, slu_arena *arena,
            iceberg_manifest *all, size_t *capacity, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf raw = {0};
    iceberg_manifest manifest;
    slu_buf_init(&raw, ICEBERG_MANIFEST_BYTES_MAX + 1);
    SLU_TRY(iceberg_store_get(merge->store, listed->path, ICEBERG_MANIFEST_BYTES_MAX, &raw, err));
    SLU_TRY_IN(iceberg_manifest_decode(slu_buf_view(&raw), listed, iceberg_metadata_spec(merge->metadata), types, true, arena,
                                       &manifest, err),
               err, "%s", listed->path);
    if (all->count + manifest.count > *capacity) {
        *capacity = (all->count + manifest.count) * 2;
        iceberg_manifest_entry *grown = slu_arena_array(arena, *capacity, sizeof *grown);
        SLU_TRY(slu_arena_status(arena, err));
        if (all->count != 0)
            memcpy(grown, all->entries, all->count * sizeof *grown);
        all->entries = grown;
    }
    for (size_t i = 0; i < manifest.count; i++) {
        if (manifest.entries[i].status == ICEBERG_STATUS_DELETED)
            continue;
        all->entries[all->count] = manifest.entries[i];
        all->entries[all->count++].status = ICEBERG_STATUS_EXISTING;
    }
    return SLU_OK;
}

static slu_status
manifest_write(iceberg_merge *merge, const iceberg_manifest *all, iceberg_manifest_file *out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    const char *codec = iceberg_metadata_property(merge->metadata, "write.manifest.compression-codec");
    iceberg_manifest_head head = {2,
                                  ICEBERG_MANIFEST_DATA,
                                  iceberg_metadata_schema(merge->metadata),
                                  iceberg_metadata_spec(merge->metadata),
                                  codec == NULL ? slu_view_of(NULL, 0) : slu_view_of_text(codec),
                                  {0}};
    const char *path = slu_arena_printf(merge->arena, "%s/metadata/%s-m%d-%zu.avro", merge->metadata->location, merge->uuid,
                                        merge->attempt, merge->written_count + 1);
    iceberg_random(merge->env, head.sync, sizeof head.sync);
    slu_buf_init(&bytes, ICEBERG_MANIFEST_BYTES_MAX);
    SLU_TRY(slu_arena_status(merge->arena, err));
    SLU_TRY(iceberg_manifest_encode(&head, all->entries, all->count, path, merge->arena, &bytes, out, err));
    merge->written[merge->written_count++] = path; /* also when put fails: it may be there */
    SLU_TRY(iceberg_store_put(merge->store, path, slu_buf_view(&bytes), true, err));
    out->snapshot_id = merge->snapshot_id;
    out->sequence_number = merge->sequence_number;
    if (out->min_sequence_number == ICEBERG_ABSENT)
        out->min_sequence_number = merge->sequence_number;
    return SLU_OK;
}

/* Summaries borrow from the entries, which go with their arena. */
static slu_status
summaries_keep(iceberg_merge *merge, iceberg_manifest_file *manifest, slu_error *err)
{
    for (uint32_t i = 0; i < manifest->partition_count; i++) {
        SLU_TRY(iceberg_value_copy(manifest->partitions[i].lower, merge->arena, &manifest->partitions[i].lower, err));
        SLU_TRY(iceberg_value_copy(manifest->partitions[i].upper, merge->arena, &manifest->partitions[i].upper, err));
    }
    return SLU_OK;
}

static slu_status
bin_merge(iceberg_merge *merge, const iceberg_manifest_file *manifests, const merge_bin *bin, iceberg_manifest_file *out,
          slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_type *types = NULL;
    iceberg_manifest all = {0};
    size_t capacity = 0;
    slu_arena_init(&arena, MERGE_ENTRIES_BYTES_MAX);
    SLU_TRY(
        iceberg_spec_types(iceberg_metadata_spec(merge->metadata), iceberg_metadata_schema(merge->metadata), &arena, &types, err));
    for (size_t i = bin->first; i <= bin->last; i++)
        if (mergeable(merge, &manifests[i]))
            SLU_TRY(entries_add(merge, &manifests[i], types, &arena, &all, &capacity, err));
    SLU_TRY(manifest_write(merge, &all, out, err));
    return summaries_keep(merge, out, err);
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
    const int64_t members_min = iceberg_metadata_property_i64(merge->metadata, "commit.manifest.min-count-to-merge", 100);
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
