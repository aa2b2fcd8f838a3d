#include "iceberg/row_delta.h"

#include "iceberg/scan.h"

static slu_status
check_kind(const iceberg_data_file *file, slu_error *err)
{
    if (file->content == ICEBERG_CONTENT_EQUALITY_DELETES && file->equality_count != 0)
        return SLU_OK;
    if (file->content == ICEBERG_CONTENT_POSITION_DELETES && file->referenced_file != NULL)
        return SLU_OK;
    return slu_error_set(err, SLU_INVALID, "%s: content %d is no delete file that says what it deletes by or from", file->path,
                         file->content);
}

/* Whether a file of position deletes speaks of a data file that is committed with it. */
static bool
is_own(const iceberg_append *append, const char *path)
{
    for (size_t i = 0; i < append->file_count; i++)
        if (strcmp(append->files[i].path, path) == 0)
            return true;
    return false;
}

static bool
is_live(const iceberg_scan *scan, const char *path)
{
    for (size_t i = 0; i < scan->count; i++)
        if (strcmp(scan->files[i].file.path, path) == 0)
            return true;
    return false;
}

static slu_status
check_live(const iceberg_store *store, const iceberg_metadata *metadata, const iceberg_snapshot *parent,
           const iceberg_append *append, slu_error *err)
{
    SLU_AUTO(iceberg_scan_fini) iceberg_scan scan = {0};
    const iceberg_scan_options options = {.deletes = true};
    SLU_TRY(iceberg_scan_plan(store, metadata, parent, &options, &scan, err));
    for (size_t i = 0; i < append->delete_count; i++) {
        const char *path = append->deletes[i].referenced_file;
        if (path != NULL && !is_own(append, path) && !is_live(&scan, path))
            return slu_error_set(err, SLU_CONFLICT,
                                 "%s deletes rows of %s, which is not in the table any more: it was rewritten or removed",
                                 append->deletes[i].path, path);
    }
    return SLU_OK;
}

slu_status
iceberg_row_delta_check(const iceberg_store *store, const iceberg_metadata *metadata, const iceberg_snapshot *parent,
                        const iceberg_append *append, slu_error *err)
{
    bool others = false;
    for (size_t i = 0; i < append->delete_count; i++) {
        const char *path = append->deletes[i].referenced_file;
        SLU_TRY(check_kind(&append->deletes[i], err));
        others |= path != NULL && !is_own(append, path);
    }
    return others ? check_live(store, metadata, parent, append, err) : SLU_OK;
}
