#include "iceberg/row_delta.h"

#include "iceberg/scan.h"

#include "base/alloc.h"

#include <stdlib.h>

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

/* The paths of data files, in order: of those that are committed with the deletes, or of those that the table has. */
typedef struct path_list {
    const char **paths;
    size_t count;
} path_list;

static void
path_list_fini(path_list *list)
{
    slu_free(list->paths);
}

static int
path_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static slu_status
path_list_new(path_list *list, size_t count, slu_error *err)
{
    list->paths = slu_alloc_zero(count + 1, sizeof *list->paths);
    return list->paths != NULL ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for %zu paths", count);
}

static slu_status
paths_of_append(const iceberg_append *append, path_list *out, slu_error *err)
{
    SLU_TRY(path_list_new(out, append->file_count, err));
    for (; out->count < append->file_count; out->count++)
        out->paths[out->count] = append->files[out->count].path;
    qsort(out->paths, out->count, sizeof *out->paths, path_compare);
    return SLU_OK;
}

static slu_status
paths_of_scan(const iceberg_scan *scan, path_list *out, slu_error *err)
{
    SLU_TRY(path_list_new(out, scan->count, err));
    for (; out->count < scan->count; out->count++)
        out->paths[out->count] = scan->files[out->count].file.path;
    qsort(out->paths, out->count, sizeof *out->paths, path_compare);
    return SLU_OK;
}

static bool
path_list_has(const path_list *list, const char *path)
{
    return bsearch(&path, list->paths, list->count, sizeof *list->paths, path_compare) != NULL;
}

/* `own`: what is committed with the deletes. */
static slu_status
check_live(const iceberg_scan *scan, const path_list *own, const iceberg_append *append, slu_error *err)
{
    SLU_AUTO(path_list_fini) path_list live = {0};
    SLU_TRY(paths_of_scan(scan, &live, err));
    for (size_t i = 0; i < append->delete_count; i++) {
        const char *path = append->deletes[i].referenced_file;
        if (path != NULL && !path_list_has(own, path) && !path_list_has(&live, path))
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
    SLU_AUTO(path_list_fini) path_list own = {0};
    SLU_AUTO(iceberg_scan_fini) iceberg_scan scan = {0};
    const iceberg_scan_options options = {.deletes = true};
    bool others = false;
    SLU_TRY(paths_of_append(append, &own, err));
    for (size_t i = 0; i < append->delete_count; i++) {
        const char *path = append->deletes[i].referenced_file;
        SLU_TRY(check_kind(&append->deletes[i], err));
        others |= path != NULL && !path_list_has(&own, path);
    }
    if (!others)
        return SLU_OK;
    SLU_TRY(iceberg_scan_plan(store, metadata, parent, &options, &scan, err));
    return check_live(&scan, &own, append, err);
}
