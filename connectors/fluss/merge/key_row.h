/*
 * key_row.h: the row that a key alone makes: its columns, the others null. What LOOKUP inserts for a key that is missing.
 *
 * Source   Apache Fluss 0.9.1 (KeyRecordBatch; CompactedKeyDecoder, IcebergKeyDecoder, PaimonKeyDecoder). Encodings as in fluss/record.
 * Threads  any.
 * Errors   CORRUPT: bytes that are not a key of the table. INVALID (-1): a table with partition keys, whose values are not in the key;
 *          Fluss fails there too.
 */
#ifndef FLUSS_MERGE_KEY_ROW_H
#define FLUSS_MERGE_KEY_ROW_H

#include "base/bytes.h"
#include "fluss/record/descriptor.h"

/* Appends a row of the table's newest schema and kv format. */
SLU_CHECK slu_status fluss_key_row(const fluss_table *table, slu_view key, slu_buf *out, slu_error *err);

#endif
