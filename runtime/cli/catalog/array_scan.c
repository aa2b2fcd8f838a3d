#include "array_scan.h"

#include "base/alloc.h"
#include "batch/batch.h"

typedef struct array_scan {
    slu_sql_scan base; /* first */
    struct ArrowArray array;
} array_scan;

static slu_status
scan_next(slu_sql_scan *base, slu_sql_batch *out, slu_error *err)
{
    array_scan *scan = (array_scan *)base;
    (void)err;
    if (scan->array.release == NULL)
        return SLU_END;
    *out = (slu_sql_batch){.rows = scan->array.length};
    slu_array_move(&scan->array, &out->array);
    return SLU_OK;
}

static void
scan_close(slu_sql_scan *base)
{
    array_scan *scan = (array_scan *)base;
    slu_array_release(&scan->array);
    slu_free(scan);
}

slu_status
cli_array_scan_new(struct ArrowArray *array, slu_sql_scan **out, slu_error *err)
{
    array_scan *scan = slu_alloc_zero(1, sizeof *scan);
    if (scan == NULL) {
        slu_array_release(array);
        return slu_error_set(err, SLU_NOMEM, "no memory for a scan");
    }
    slu_array_move(array, &scan->array);
    scan->base = (slu_sql_scan){.next = scan_next, .close = scan_close};
    *out = &scan->base;
    return SLU_OK;
}
