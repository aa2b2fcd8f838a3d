#include "fluss/server/kv_merge.h"

#include <strings.h>

static bool
merge_property_is(const fluss_descriptor *descriptor, const char *key, const char *value)
{
    const char *set = fluss_descriptor_get(descriptor, key);
    return set != NULL && strcasecmp(set, value) == 0;
}

slu_status
fluss_merge_init(fluss_merge *merge, const fluss_descriptor *descriptor, slu_error *err)
{
    memset(merge, 0, sizeof *merge);
    merge->schema = &descriptor->schema;
    merge->wal_image = merge_property_is(descriptor, "table.changelog.image", "WAL");
    if (merge_property_is(descriptor, "table.merge-engine", "FIRST_ROW"))
        merge->engine = FLUSS_MERGE_FIRST_ROW;
    if (merge_property_is(descriptor, "table.merge-engine", "AGGREGATION"))
        return slu_error_set(err, SLU_UNSUPPORTED, "the aggregation merge engine is not served by this server yet");
    if (!merge_property_is(descriptor, "table.merge-engine", "VERSIONED"))
        return SLU_OK;
    const char *column = fluss_descriptor_get(descriptor, "table.merge-engine.versioned.ver-column");
    merge->engine = FLUSS_MERGE_VERSIONED;
    merge->version_column = column == NULL ? -1 : fluss_schema_find(&descriptor->schema, column);
    return merge->version_column >= 0 ? SLU_OK
                                      : slu_error_set(err, SLU_INVALID, "the versioned merge engine has no version column");
}

slu_status
fluss_merge_replaces(const fluss_merge *merge, const fluss_splice_row *old_row, const fluss_splice_row *new_row, bool *out,
                     slu_error *err)
{
    fluss_row_number old_version;
    fluss_row_number new_version;
    *out = merge->engine == FLUSS_MERGE_NONE;
    if (merge->engine != FLUSS_MERGE_VERSIONED)
        return SLU_OK;
    SLU_TRY(fluss_row_get_number(merge->schema, old_row, (size_t)merge->version_column, &old_version, err));
    SLU_TRY(fluss_row_get_number(merge->schema, new_row, (size_t)merge->version_column, &new_version, err));
    if (old_version.null || new_version.null)
        *out = old_version.null;
    else if (new_version.value != old_version.value)
        *out = new_version.value > old_version.value;
    else
        *out = new_version.nanos >= old_version.nanos;
    return SLU_OK;
}
