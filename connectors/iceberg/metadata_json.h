/*
 * metadata_json.h: the document behind a table's metadata, for the catalogs of this room.
 */
#ifndef ICEBERG_METADATA_JSON_H
#define ICEBERG_METADATA_JSON_H

#include "iceberg/json.h"
#include "iceberg/metadata.h"

/* Borrowed, as long as the metadata. */
const json_t *iceberg_metadata_document(const iceberg_metadata *metadata);

/* Takes the document, whatever it answers. */
SLU_CHECK slu_status iceberg_metadata_of_document(json_t *document, iceberg_metadata **out, slu_error *err);
json_t *iceberg_snapshot_to_json(const iceberg_snapshot *snapshot); /* NULL: no memory */

#endif
