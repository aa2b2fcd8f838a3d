/*
 * gc.h: whether a table lets its files be removed at all: gc.enabled=false says that others may use them.
 *
 * Errors   UNSUPPORTED: it does not.
 */
#ifndef ICEBERG_GC_H
#define ICEBERG_GC_H

#include "iceberg/metadata.h"

static inline slu_status
iceberg_gc_check(const iceberg_metadata *metadata, slu_error *err)
{
    const char *enabled = iceberg_metadata_property(metadata, "gc.enabled");
    if (enabled == NULL || strcmp(enabled, "false") != 0)
        return SLU_OK;
    return slu_error_set(err, SLU_UNSUPPORTED, "the table says gc.enabled=false: others may use its files, so none is removed");
}

#endif
