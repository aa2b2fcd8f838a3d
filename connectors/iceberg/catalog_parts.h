/*
 * catalog_parts.h: what the catalogs of this room share.
 */
#ifndef ICEBERG_CATALOG_PARTS_H
#define ICEBERG_CATALOG_PARTS_H

#include "iceberg/catalog.h"

/* Takes *metadata on success. */
SLU_CHECK slu_status iceberg_table_make(const char *ns, const char *name, const char *metadata_location,
                                        iceberg_metadata **metadata, iceberg_table *out, slu_error *err);
/* Reads and parses a metadata file; gzip is recognised by its content. */
SLU_CHECK slu_status iceberg_metadata_load(const iceberg_store *store, const char *location, iceberg_metadata **out,
                                           slu_error *err);

#endif
