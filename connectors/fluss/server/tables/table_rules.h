/*
 * table_rules.h: which names and tables may be created, and the defaults that a server fills in.
 *
 * Errors   with Fluss's codes and texts: 16 (database name), 15 (table), 39 (property), 43 (partition), 49 (buckets). UNSUPPORTED
 *          (2): what Fluss has and this server does not serve yet, by name.
 * Threads  any.
 */
#ifndef FLUSS_SERVER_TABLE_RULES_H
#define FLUSS_SERVER_TABLE_RULES_H

#include "fluss/config/values.h"
#include "fluss/record/descriptor.h"

#define FLUSS_BUCKETS_MAX 128000
#define FLUSS_PARTITIONS_MAX 1000
#define FLUSS_DURATION_DEFAULT_FRESHNESS_MS ((int64_t)3 * 60 * 1000)

SLU_CHECK slu_status fluss_rules_database_name(const char *name, slu_error *err);
SLU_CHECK slu_status fluss_rules_table_name(const char *name, slu_error *err);
/* A name under which a sink registers offsets; 63. */
SLU_CHECK slu_status fluss_rules_producer_id(const char *producer_id, slu_error *err);
/* A value of a partition key. */
SLU_CHECK slu_status fluss_rules_partition_value(const char *value, bool create, slu_error *err);

typedef struct fluss_rules {
    int32_t default_buckets;
    const char *datalake_format; /* NULL: no lake */
    int32_t buckets_max;         /* of a table or partition; 0: FLUSS_BUCKETS_MAX */
    int64_t default_replication; /* what a table is told that does not say; 0: 1 */
    bool lake_off;               /* there is a format, but no table may enable the lake yet */
} fluss_rules;

/* Fills in the defaults, then checks everything. */
SLU_CHECK slu_status fluss_rules_new_table(const fluss_rules *rules, fluss_descriptor *descriptor, slu_arena *arena,
                                           slu_error *err);

/* Checks a descriptor that was changed; fills nothing in. */
SLU_CHECK slu_status fluss_rules_altered_table(const fluss_descriptor *descriptor, slu_error *err);
/* Is this `table.*` property one that ALTER_TABLE may change? */
bool fluss_rules_may_alter(const char *key);

#endif
