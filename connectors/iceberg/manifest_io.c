#include "iceberg/manifest_io.h"

#include "iceberg/names.h"

slu_status
iceberg_list_get(const iceberg_store *store, const char *location, slu_arena *arena, iceberg_manifest_file **out, size_t *out_count,
                 slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf raw = {0};
    slu_buf_init(&raw, ICEBERG_LIST_BYTES_MAX + 1);
    SLU_TRY(iceberg_store_get(store, location, ICEBERG_LIST_BYTES_MAX, &raw, err));
    SLU_TRY_IN(iceberg_list_decode(slu_buf_view(&raw), arena, out, out_count, err), err, "%s", location);
    return SLU_OK;
}

slu_status
iceberg_manifest_get(const iceberg_store *store, const iceberg_metadata *metadata, const iceberg_manifest_file *listed,
                     bool metrics, slu_arena *arena, iceberg_manifest *out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf raw = {0};
    iceberg_type *types = NULL;
    const iceberg_partition_spec *spec = iceberg_metadata_spec_of(metadata, listed->spec_id);
    if (spec == NULL)
        return slu_error_set(err, SLU_CORRUPT, "%s is of partition spec %d, which the table does not have", listed->path,
                             (int)listed->spec_id);
    /* Partition sources may have been dropped from an older schema: the current one has the table's newest types. */
    SLU_TRY(iceberg_spec_types(spec, iceberg_metadata_schema(metadata), arena, &types, err));
    slu_buf_init(&raw, ICEBERG_MANIFEST_BYTES_MAX + 1);
    SLU_TRY(iceberg_store_get(store, listed->path, ICEBERG_MANIFEST_BYTES_MAX, &raw, err));
    SLU_TRY_IN(iceberg_manifest_decode(slu_buf_view(&raw), listed, spec, types, metrics, arena, out, err), err, "%s", listed->path);
    return SLU_OK;
}

/* Summaries borrow from the entries, which may go before the list is written. */
static slu_status
summaries_keep(iceberg_manifest_file *manifest, slu_arena *arena, slu_error *err)
{
    for (uint32_t i = 0; i < manifest->partition_count; i++) {
        SLU_TRY(iceberg_value_copy(manifest->partitions[i].lower, arena, &manifest->partitions[i].lower, err));
        SLU_TRY(iceberg_value_copy(manifest->partitions[i].upper, arena, &manifest->partitions[i].upper, err));
    }
    return SLU_OK;
}

slu_status
iceberg_manifest_put(const iceberg_manifest_make *make, int32_t spec_id, int32_t content, const iceberg_manifest *manifest,
                     const char *path, iceberg_manifest_file *out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    const char *codec = iceberg_metadata_property(make->metadata, "write.manifest.compression-codec");
    iceberg_manifest_head head = {2,
                                  content,
                                  iceberg_metadata_schema(make->metadata),
                                  iceberg_metadata_spec_of(make->metadata, spec_id),
                                  codec == NULL ? slu_view_of(NULL, 0) : slu_view_of_text(codec),
                                  {0}};
    iceberg_random(make->env, head.sync, sizeof head.sync);
    slu_buf_init(&bytes, ICEBERG_MANIFEST_BYTES_MAX);
    SLU_TRY(iceberg_manifest_encode(&head, manifest->entries, manifest->count, path, make->arena, &bytes, out, err));
    SLU_TRY(iceberg_store_put(make->store, path, slu_buf_view(&bytes), true, err));
    out->snapshot_id = make->snapshot_id;
    out->sequence_number = make->sequence_number;
    if (out->min_sequence_number == ICEBERG_ABSENT)
        out->min_sequence_number = make->sequence_number;
    return summaries_keep(out, make->arena, err);
}
