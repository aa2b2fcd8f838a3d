/*
 * partition_time.h: the partitions that time makes: what `table.auto-partition.*` asks for, and the value that stands for an hour, a
 * day, a month, a quarter or a year.
 *
 * Source   Apache Fluss 0.9.1 (AutoPartitionStrategy, PartitionUtils), and `time-format` of 1.0.
 * Threads  any.
 * Errors   with Fluss's codes and texts: 15 (table), 39 (property), 43 (a partition outside of what is kept: only with a
 *          `time-format`, as 1.0 does; 0.9.1 makes it and drops it at its next round).
 */
#ifndef FLUSS_SERVER_PARTITION_TIME_H
#define FLUSS_SERVER_PARTITION_TIME_H

#include "fluss/record/descriptor.h"

#define FLUSS_UNIT_HOUR 0
#define FLUSS_UNIT_DAY 1
#define FLUSS_UNIT_MONTH 2
#define FLUSS_UNIT_QUARTER 3
#define FLUSS_UNIT_YEAR 4

#define FLUSS_PARTITION_VALUE_BYTES_MAX 201

typedef struct fluss_auto_partition {
    bool enabled;
    const char *key; /* the partition key that time makes; never NULL for a partitioned table */
    size_t key_at;   /* its place among the partition keys */
    int32_t unit;
    const char *format; /* as Java's DateTimeFormatter has it */
    bool own_format;    /* `time-format` was said */
    const char *zone;   /* NULL: this machine's */
    int64_t precreate;
    int64_t retention; /* below 0: nothing is dropped */
} fluss_auto_partition;

/* Texts point into the descriptor. */
void fluss_auto_partition_of(const fluss_descriptor *descriptor, fluss_auto_partition *out);
/* What CREATE and ALTER TABLE refuse. */
SLU_CHECK slu_status fluss_auto_partition_check(const fluss_descriptor *descriptor, slu_error *err);
/* The value `steps` units after the one that an instant lies in. */
SLU_CHECK slu_status fluss_auto_partition_value(const fluss_auto_partition *of, int64_t wall_ms, int64_t steps,
                                                char out[FLUSS_PARTITION_VALUE_BYTES_MAX], slu_error *err);
/* May a partition with this value of the key be made now? */
SLU_CHECK slu_status fluss_auto_partition_admits(const fluss_auto_partition *of, const char *value, int64_t wall_ms,
                                                 slu_error *err);

#endif
