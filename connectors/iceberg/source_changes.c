#include "iceberg/source_changes.h"

#include "base/alloc.h"

#include <inttypes.h>

static bool
is_operation(const iceberg_snapshot *snapshot, const char *operation)
{
    const char *said = iceberg_snapshot_property(snapshot, "operation");
    return strcmp(said == NULL ? "append" : said, operation) == 0; /* format 1 may not say */
}

static slu_status
snapshot_files(const iceberg_changes *of, const iceberg_snapshot *snapshot, iceberg_change_found found, void *context,
               slu_error *err)
{
    const iceberg_scan_options options = {.deletes = true};
    SLU_AUTO(iceberg_scan_fini) iceberg_scan scan = {0};
    if (is_operation(snapshot, "replace"))
        return SLU_OK;
    if (!is_operation(snapshot, "append") && of->skip_overwrites)
        return SLU_OK;
    if (!is_operation(snapshot, "append"))
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "snapshot %" PRId64 " is an %s, which takes rows away: this cannot be read as rows that came "
                             "(overwrites: skip passes over it)",
                             snapshot->id, iceberg_snapshot_property(snapshot, "operation"));
    SLU_TRY(iceberg_scan_plan(of->store, of->metadata, snapshot, &options, &scan, err));
    for (size_t i = 0; i < scan.count; i++)
        if (scan.files[i].snapshot_id == snapshot->id)
            SLU_TRY(found(context, snapshot, &scan.files[i], err));
    return SLU_OK;
}

/* The ancestors of `to` behind `from`, newest first. */
static slu_status
line_find(const iceberg_changes *of, const iceberg_snapshot **line, uint32_t *count, slu_error *err)
{
    int64_t at = of->to;
    *count = 0;
    while (at != of->from && at >= 0 && *count < of->metadata->snapshot_count) {
        const iceberg_snapshot *snapshot = iceberg_metadata_snapshot_of(of->metadata, at);
        if (snapshot == NULL && of->from < 0 &&
            *count > 0) /* what came before was expired: its rows are not to be had as changes */
            break;
        if (snapshot == NULL)
            return slu_error_set(err, SLU_INVALID, "snapshot %" PRId64 " is not in the table (expired?)", at);
        line[(*count)++] = snapshot;
        at = snapshot->parent_id;
    }
    if (of->from >= 0 && at != of->from)
        return slu_error_set(err, SLU_INVALID, "snapshot %" PRId64 " is no ancestor of %" PRId64, of->from, of->to);
    return SLU_OK;
}

slu_status
iceberg_changes_each(const iceberg_changes *of, iceberg_change_found found, void *context, slu_error *err)
{
    uint32_t count = 0;
    const iceberg_snapshot **line = slu_alloc_zero(of->metadata->snapshot_count + 1, sizeof *line);
    if (line == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %u snapshots", of->metadata->snapshot_count);
    slu_status status = line_find(of, line, &count, err);
    while (status == SLU_OK && count > 0)
        status = snapshot_files(of, line[--count], found, context, err);
    slu_free(line);
    return status;
}
