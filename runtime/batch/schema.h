/*
 * schema.h: a counted, immutable ArrowSchema shared by the batches of an edge, and its bytes on our own wire.
 *
 * Owns     slu_schema_new copies; the last unref releases.
 * Threads  ref, unref: any.
 * Errors   INVALID: not a "+s" schema or a format we do not know; CORRUPT: bytes that are no schema; LIMIT: SLU_COLUMNS_MAX,
 *          SLU_NESTING_MAX.
 * Format   (little-endian) u32 column count, then per column: u32 name bytes, name, u32 format bytes, format, u8 nullable,
 *          u32 child count, children.
 */
#ifndef SLU_BATCH_SCHEMA_H
#define SLU_BATCH_SCHEMA_H

#include "base/bytes.h"

#include <sluice/columns.h>
#include <sluice/status.h>

typedef struct slu_schema slu_schema;

SLU_CHECK slu_status slu_schema_new(const struct ArrowSchema *source, slu_schema **out, slu_error *err);
slu_schema *slu_schema_ref(slu_schema *schema);
void slu_schema_unref(slu_schema **schema);
const struct ArrowSchema *slu_schema_arrow(const slu_schema *schema); /* borrowed, as long as the schema */

/* Copying, releasing and comparing plain ArrowSchemas: slu_schema_copy, slu_schema_release, slu_schema_equal of sluice/columns.h. */
void slu_schema_encode(const struct ArrowSchema *schema, slu_buf *out);
SLU_CHECK slu_status slu_schema_decode(slu_view bytes, struct ArrowSchema *out, slu_error *err);

#endif
