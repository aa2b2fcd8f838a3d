/*
 * admin.h: databases, tables, offsets and the lake, asked and waited for: for tools, planning and tests.
 *
 * Threads  the client's owner. Every function steps the client until its answer is there (client.h, fluss_client_ask).
 * Errors   what Fluss says (code set): NOTFOUND: no such database or table; CONFLICT: it exists already; and the client's own.
 */
#ifndef FLUSS_CLIENT_ADMIN_H
#define FLUSS_CLIENT_ADMIN_H

#include "client.h"
#include "target.h"

#define FLUSS_OFFSETS_EARLIEST 0
#define FLUSS_OFFSETS_LATEST 1
#define FLUSS_OFFSETS_TIMESTAMP 2

typedef void (*fluss_name_found)(void *to, const char *name);

SLU_CHECK slu_status fluss_admin_create_database(fluss_client *client, const char *database, bool ignore_if_exists, slu_error *err);
/* `json`: a DatabaseDescriptor. */
SLU_CHECK slu_status fluss_admin_create_database_described(fluss_client *client, const char *database, slu_view json,
                                                           bool ignore_if_exists, slu_error *err);
SLU_CHECK slu_status fluss_admin_drop_database(fluss_client *client, const char *database, bool ignore_if_missing, bool cascade,
                                               slu_error *err);
SLU_CHECK slu_status fluss_admin_list_databases(fluss_client *client, fluss_name_found found, void *to, slu_error *err);
/* `json`: a TableDescriptor. */
SLU_CHECK slu_status fluss_admin_create_table(fluss_client *client, const char *database, const char *table, slu_view json,
                                              bool ignore_if_exists, slu_error *err);
SLU_CHECK slu_status fluss_admin_drop_table(fluss_client *client, const char *database, const char *table, bool ignore_if_missing,
                                            slu_error *err);

/* What ALTER TABLE asks for: columns behind the others, or properties, not both. A property without a value is reset. */
typedef struct fluss_alteration {
    const fluss_column *columns;
    size_t column_count;
    const fluss_property *properties;
    size_t property_count;
} fluss_alteration;

SLU_CHECK slu_status fluss_admin_alter_table(fluss_client *client, const char *database, const char *table,
                                             const fluss_alteration *alteration, bool ignore_if_missing, slu_error *err);
SLU_CHECK slu_status fluss_admin_list_tables(fluss_client *client, const char *database, fluss_name_found found, void *to,
                                             slu_error *err);
SLU_CHECK slu_status fluss_admin_table_exists(fluss_client *client, const char *database, const char *table, bool *out,
                                              slu_error *err);

/* The values of partition keys, in any order. */
typedef struct fluss_spec {
    const char *const *keys;
    const char *const *values;
    size_t count;
} fluss_spec;

#define FLUSS_SPEC_KEYS_MAX 32

typedef void (*fluss_partition_found)(void *to, int64_t id, const fluss_spec *spec);

SLU_CHECK slu_status fluss_admin_create_partition(fluss_client *client, const char *database, const char *table,
                                                  const fluss_spec *spec, bool ignore_if_exists, slu_error *err);
SLU_CHECK slu_status fluss_admin_drop_partition(fluss_client *client, const char *database, const char *table,
                                                const fluss_spec *spec, bool ignore_if_missing, slu_error *err);
/* Those that a spec of some of the keys fits; NULL: all. */
SLU_CHECK slu_status fluss_admin_list_partitions(fluss_client *client, const char *database, const char *table,
                                                 const fluss_spec *partial, fluss_partition_found found, void *to, slu_error *err);

/* Offsets of the buckets 0 .. bucket_count-1 of a table (partition_id -1: not partitioned), asked of each bucket's leader.
 * `leaders[bucket]` are node ids as table.h knows them. */
SLU_CHECK slu_status fluss_admin_list_offsets(fluss_client *client, int64_t table_id, int64_t partition_id, int32_t offset_type,
                                              int64_t timestamp_ms, const int32_t *leaders, int32_t bucket_count, int64_t *out,
                                              slu_error *err);

/* Offsets of every bucket number of an opened table, whose partitions are known (fluss_target_slots_wait); 0 for partitions that are
 * gone. `out` has fluss_target_bucket_numbers entries. */
SLU_CHECK slu_status fluss_admin_target_offsets(fluss_target *target, int32_t offset_type, int64_t timestamp_ms, int64_t *out,
                                                slu_error *err);

/* The newest (readable: the newest readable) lake snapshot; NOTFOUND (code 53): none yet. `offsets[bucket]` -1 where it has none. */
SLU_CHECK slu_status fluss_admin_lake_snapshot(fluss_client *client, const char *database, const char *table, bool readable,
                                               int64_t *out_snapshot, int64_t *offsets, int32_t bucket_count, slu_error *err);

/* The same by bucket number of an opened table, whose partitions are known; partitions that are gone are left out. */
SLU_CHECK slu_status fluss_admin_target_lake_snapshot(fluss_target *target, bool readable, int64_t *out_snapshot, int64_t *offsets,
                                                      slu_error *err);

#endif
