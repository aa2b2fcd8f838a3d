/*
 * store_parquet.h: a file in a store as a source for the Parquet reader.
 */
#ifndef ICEBERG_STORE_PARQUET_H
#define ICEBERG_STORE_PARQUET_H

#include "iceberg/store.h"
#include "parquet/reader.h"

/* Lives as long as the reader that uses it. */
typedef struct iceberg_store_file {
    const iceberg_store *store;
    const char *location;
} iceberg_store_file;

static inline slu_status
iceberg_store_file_read(void *context, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    const iceberg_store_file *file = context;
    return file->store->ops->read(file->store->self, file->location, offset, out, bytes, err);
}

static inline parquet_source
iceberg_store_file_source(iceberg_store_file *file, int64_t bytes)
{
    const parquet_source source = {iceberg_store_file_read, file, bytes};
    return source;
}

#endif
