/*
 * partition.h: the names of partitions: what a row's partition columns are as text.
 *
 * Source   Apache Fluss (PartitionUtils.convertValueOfType, PartitionNameConverters): values joined by $ in the order of the keys.
 * Threads  any.
 * Errors   INVALID: a null, a type that cannot name a partition, or a text that is no name (letters, digits, _ and -, up to 200).
 */
#ifndef FLUSS_RECORD_PARTITION_H
#define FLUSS_RECORD_PARTITION_H

#include "base/bytes.h"
#include "descriptor.h"

#define FLUSS_PARTITION_KEYS_MAX 32
#define FLUSS_PARTITION_VALUE_MAX 200
#define FLUSS_PARTITION_NAME_MAX (FLUSS_PARTITION_KEYS_MAX * (FLUSS_PARTITION_VALUE_MAX + 1))

/* The partition columns of a batch. */
typedef struct fluss_partition_columns {
    const fluss_type *types[FLUSS_PARTITION_KEYS_MAX];
    const char *names[FLUSS_PARTITION_KEYS_MAX];
    slu_column columns[FLUSS_PARTITION_KEYS_MAX];
    size_t count;
} fluss_partition_columns;

/* `schema` and `array` are a batch that holds the table's partition columns by name, anywhere. */
SLU_CHECK slu_status fluss_partition_columns_find(const fluss_table *table, const struct ArrowSchema *schema,
                                                  const struct ArrowArray *array, fluss_partition_columns *out, slu_error *err);
/* Appends the name of the row's partition. */
SLU_CHECK slu_status fluss_partition_name(const fluss_partition_columns *columns, int64_t row, slu_buf *out, slu_error *err);
/* One value's text; `out` is appended to. */
SLU_CHECK slu_status fluss_partition_value(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out,
                                           slu_error *err);

/* Days since 1970-01-01 of a civil date (months from 1), and back. */
int64_t fluss_civil_days(int64_t year, int32_t month, int32_t day);
void fluss_civil_date(int64_t days, int64_t *out_year, int32_t *out_month, int32_t *out_day);

#endif
