/*
 * manifest_io.h: manifests and manifest lists between a store and C values.
 *
 * Owns     what is read, and the summaries of what is written, live in the arena given.
 * Errors   the store's; CORRUPT and LIMIT of manifest.h, with the file's location.
 */
#ifndef ICEBERG_MANIFEST_IO_H
#define ICEBERG_MANIFEST_IO_H

#include "base/env.h"
#include "iceberg/manifest.h"
#include "iceberg/metadata.h"
#include "iceberg/store.h"

SLU_CHECK slu_status iceberg_list_get(const iceberg_store *store, const char *location, slu_arena *arena,
                                      iceberg_manifest_file **out, size_t *out_count, slu_error *err);
/* CORRUPT also: a manifest of a partition spec that the table does not have. */
SLU_CHECK slu_status iceberg_manifest_get(const iceberg_store *store, const iceberg_metadata *metadata,
                                          const iceberg_manifest_file *listed, bool metrics, slu_arena *arena,
                                          iceberg_manifest *out, slu_error *err);

/* A manifest that a snapshot makes of others; its entries have their sequence numbers. */
typedef struct iceberg_manifest_make {
    const slu_env *env;
    const iceberg_store *store;
    const iceberg_metadata *metadata;
    slu_arena *arena;
    int64_t snapshot_id;
    int64_t sequence_number;
} iceberg_manifest_make;

/* Creates the file at `path`; *out is ready for the list. */
SLU_CHECK slu_status iceberg_manifest_put(const iceberg_manifest_make *make, int32_t spec_id, int32_t content,
                                          const iceberg_manifest *manifest, const char *path, iceberg_manifest_file *out,
                                          slu_error *err);

#endif
