/*
 * key.h: encoded keys and the buckets they fall into, a batch at a time.
 *
 * Source   Apache Fluss: CompactedKeyEncoder, IcebergKeyEncoder, PaimonKeyEncoder; FlussBucketingFunction, PaimonBucketingFunction,
 *          IcebergBucketingFunction; MurmurHashUtils. Little endian.
 * Shape    columns are views over Arrow arrays; types say what Fluss calls them. Keys are appended back to back.
 * Threads  any.
 * Errors   INVALID: a null in a key, a column that is not of its type. UNSUPPORTED: a type the encoding refuses (Iceberg: BOOLEAN,
 *          TINYINT, SMALLINT, TIMESTAMP_LTZ, more than one column; all: nested).
 */
#ifndef FLUSS_RECORD_KEY_H
#define FLUSS_RECORD_KEY_H

#include "base/bytes.h"
#include "descriptor.h"

/* Appends the key of one row. columns[i] has the type types[i]. */
SLU_CHECK slu_status fluss_key_encode(uint8_t encoding, const fluss_type *const *types, const slu_column *columns, size_t count,
                                      int64_t row, slu_buf *out, slu_error *err);

/* The bucket of an encoded bucket key; 0 <= result < buckets. buckets >= 1. */
int32_t fluss_bucket_of(uint8_t function, slu_view key, int32_t buckets);

/* The bucket of each chosen row of a batch (selection NULL: the first `rows`) by the table's bucket key. `schema` and `array` are a
 * batch that holds the bucket key columns by the table's names, anywhere. INVALID where the table has no bucket key. */
SLU_CHECK slu_status fluss_table_buckets(const fluss_table *table, const struct ArrowSchema *schema, const struct ArrowArray *array,
                                         const int32_t *selection, int64_t rows, int32_t *out_buckets, slu_error *err);

/* The primary keys of chosen rows, back to back; key i is out[offsets[i] .. offsets[i + 1]], where `out` was empty. offsets has
 * rows + 1 entries. `schema` holds the key columns by name. */
SLU_CHECK slu_status fluss_table_keys(const fluss_table *table, const struct ArrowSchema *schema, const struct ArrowArray *array,
                                      const int32_t *selection, int64_t rows, slu_buf *out, uint32_t *offsets, slu_error *err);

#endif
