#include "fluss/server/tables/tables.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TABLES_SLOTS 1024                 /* a power of two */
#define KV_ROOM_BYTES ((uint64_t)1 << 20) /* what a store takes that is opened, and some rows */
#define FILES_KEPT_MAX 256                /* for connections, the catalogue and files that are open for a moment */
#define TABLES_ARENA_BYTES_MAX ((size_t)64 << 20)
#define ERROR_TABLE_NOT_EXIST 7
#define ERROR_SCHEMA_NOT_EXIST 9
#define ERROR_LOG_STORAGE 10
#define ERROR_NON_PRIMARY_KEY_TABLE 20
#define ERROR_UNKNOWN_TABLE_OR_BUCKET 21

struct fluss_tables {
    fluss_tables_options options;
    fluss_served *by_id[TABLES_SLOTS];
    fluss_served *by_path[TABLES_SLOTS];
    bool files_short; /* and that was said */
    slu_ipc_codec *codec;
};

slu_status
fluss_tables_open(const fluss_tables_options *options, fluss_tables **out, slu_error *err)
{
    fluss_tables *tables = slu_alloc_zero(1, sizeof *tables);
    if (tables == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for tables");
    tables->options = *options;
    *out = tables;
    return slu_ipc_codec_new(&tables->codec, err);
}

/* ---- tablets ---- */

static void
partition_close_tablets(fluss_served *table, fluss_partition *partition)
{
    for (int32_t i = 0; i < table->table.bucket_count; i++) {
        fluss_tablet *tablet = &partition->tablets[i];
        SLU_ASSERT(tablet->waiting == NULL);
        fluss_kv_tablet_close(&tablet->kv);
        fluss_log_close(&tablet->log);
        fluss_remote_log_close(&tablet->remote);
    }
}

static void
partition_free(fluss_served *table, fluss_partition *partition)
{
    partition_close_tablets(table, partition);
    slu_free(partition->tablets);
    slu_free(partition->name);
    slu_free(partition);
}

static slu_status
partition_new(fluss_served *table, int64_t id, const char *name, slu_error *err)
{
    fluss_partition *partition = slu_alloc_zero(1, sizeof *partition);
    if (partition != NULL) {
        partition->id = id;
        partition->name = slu_strdup(name);
        partition->tablets = slu_alloc_zero((size_t)table->table.bucket_count, sizeof *partition->tablets);
    }
    if (partition == NULL || partition->name == NULL || partition->tablets == NULL) {
        if (partition != NULL) {
            slu_free(partition->name);
            slu_free(partition->tablets);
        }
        slu_free(partition);
        return slu_error_set(err, SLU_NOMEM, "no memory for a partition");
    }
    for (int32_t i = 0; i < table->table.bucket_count; i++) {
        partition->tablets[i].table = table;
        partition->tablets[i].partition_id = id;
        partition->tablets[i].bucket = i;
    }
    partition->next = table->partitions;
    table->partitions = partition;
    return SLU_OK;
}

static slu_status
tables_partition(fluss_tables *tables, fluss_served *table, int64_t id, fluss_partition **out, slu_error *err)
{
    for (*out = table->partitions; *out != NULL; *out = (*out)->next)
        if ((*out)->id == id)
            return SLU_OK;
    const bool partitioned = table->table.partition_column_count != 0;
    if (partitioned != (id != FLUSS_NO_PARTITION))
        return slu_error_coded(err,
                               slu_error_set(err, SLU_NOTFOUND,
                                             "Unknown table or bucket: table %s.%s (id %" PRId64 ") is %spartitioned",
                                             table->row.database, table->row.name, table->row.id, partitioned ? "" : "not "),
                               ERROR_UNKNOWN_TABLE_OR_BUCKET);
    if (partitioned) {
        SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
        fluss_partition_row row;
        slu_arena_init(&arena, 64 << 10);
        const slu_status found =
            fluss_catalogue_get_partition_by_id(tables->options.catalogue, table->row.id, id, &arena, &row, err);
        /* For whoever reads and writes it is a bucket that is not here; only metadata says that the partition is gone. */
        if (found == SLU_NOTFOUND)
            return slu_error_coded(err,
                                   slu_error_set(err, SLU_NOTFOUND, "Unknown table or bucket: partition %" PRId64 " of table %s.%s",
                                                 id, table->row.database, table->row.name),
                                   ERROR_UNKNOWN_TABLE_OR_BUCKET);
        SLU_TRY(found);
        SLU_TRY(partition_new(table, id, row.name, err));
    } else {
        SLU_TRY(partition_new(table, id, "", err));
    }
    *out = table->partitions;
    return SLU_OK;
}

/* "data/db/table-7/" or "data/db/table-7/2024-p3/" with a suffix. */
static slu_status
tables_path(const fluss_tables *tables, const fluss_served *table, const fluss_partition *partition, const char *suffix, char *out,
            slu_error *err)
{
    int n = 0;
    if (partition == NULL || partition->id == FLUSS_NO_PARTITION)
        n = snprintf(out, SLU_PATH_BYTES_MAX, "%s/%s/%s-%" PRId64 "%s%s", tables->options.data_dir, table->row.database,
                     table->row.name, table->row.id, suffix[0] != 0 ? "/" : "", suffix);
    else
        n = snprintf(out, SLU_PATH_BYTES_MAX, "%s/%s/%s-%" PRId64 "/%s-p%" PRId64 "%s%s", tables->options.data_dir,
                     table->row.database, table->row.name, table->row.id, partition->name, partition->id, suffix[0] != 0 ? "/" : "",
                     suffix);
    return n < SLU_PATH_BYTES_MAX ? SLU_OK : slu_error_set(err, SLU_LIMIT, "the path of table %s is too long", table->row.name);
}

/* A file is given the lowest free number: one near the limit says that few are left. A bucket that took the last ones would leave none
 * to connections, and nobody would be told why. */
static slu_status
files_check(fluss_tables *tables, const fluss_served *table, slu_error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return SLU_OK;
    const rlim_t kept = limit.rlim_cur / 8 < FILES_KEPT_MAX ? limit.rlim_cur / 8 : FILES_KEPT_MAX;
    const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const bool enough = file >= 0 && (rlim_t)file + kept < limit.rlim_cur;
    if (file >= 0)
        (void)close(file);
    if (enough) {
        tables->files_short = false;
        return SLU_OK;
    }
    if (!tables->files_short)
        slu_log_warn(tables->options.env, "FILES-SHORT",
                     "all but %llu of %llu files are open: buckets that are not in use yet are refused until `ulimit -n` is raised",
                     (unsigned long long)kept, (unsigned long long)limit.rlim_cur);
    tables->files_short = true;
    return slu_error_coded(err,
                           slu_error_set(err, SLU_LIMIT,
                                         "table %s.%s: too many open files (`ulimit -n` of the table server is %llu)",
                                         table->row.database, table->row.name, (unsigned long long)limit.rlim_cur),
                           ERROR_LOG_STORAGE);
}

static slu_status
tablet_open_log(fluss_tables *tables, fluss_partition *partition, fluss_tablet *tablet, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    char name[128];
    char suffix[32];
    (void)snprintf(suffix, sizeof suffix, "log-%" PRId32, tablet->bucket);
    if (partition->id == FLUSS_NO_PARTITION)
        (void)snprintf(name, sizeof name, "TableBucket{tableId=%" PRId64 ", bucket=%" PRId32 "}", tablet->table->row.id,
                       tablet->bucket);
    else
        (void)snprintf(name, sizeof name, "TableBucket{tableId=%" PRId64 ", partitionId=%" PRId64 ", bucket=%" PRId32 "}",
                       tablet->table->row.id, partition->id, tablet->bucket);
    SLU_TRY(tables_path(tables, tablet->table, partition, suffix, dir, err));
    fluss_log_options options = tables->options.log;
    if (tables->options.remote != NULL && tablet->remote == NULL)
        SLU_TRY(fluss_remote_log_open(tables->options.remote, tablet, partition->name, &tablet->remote, err));
    if (tablet->remote != NULL)
        options.begin_offset = fluss_remote_log_copied_end(tablet->remote);
    SLU_TRY_IN(fluss_log_open(tables->options.env, dir, name, &options, &tablet->log, err), err, "table %s.%s",
               tablet->table->row.database, tablet->table->row.name);
    if (tablet->remote != NULL) {
        const fluss_log_archive archive = fluss_remote_log_archive(tablet->remote);
        fluss_log_set_archive(tablet->log, &archive);
    }
    return SLU_OK;
}

slu_status
fluss_tables_tablet(fluss_tables *tables, fluss_served *table, int64_t partition_id, int32_t bucket, fluss_tablet **out,
                    slu_error *err)
{
    fluss_partition *partition = NULL;
    SLU_TRY(tables_partition(tables, table, partition_id, &partition, err));
    if (bucket < 0 || bucket >= table->table.bucket_count)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_NOTFOUND,
                                             "Unknown table or bucket: TableBucket{tableId=%" PRId64 ", bucket=%" PRId32 "}",
                                             table->row.id, bucket),
                               ERROR_UNKNOWN_TABLE_OR_BUCKET);
    fluss_tablet *tablet = &partition->tablets[bucket];
    if (tablet->log == NULL) {
        SLU_TRY(files_check(tables, table, err));
        SLU_TRY(tablet_open_log(tables, partition, tablet, err));
    }
    *out = tablet;
    return SLU_OK;
}

const char *
fluss_tables_partition_name(const fluss_tablet *tablet)
{
    const fluss_partition *partition = tablet->table->partitions;
    while (partition != NULL && partition->id != tablet->partition_id)
        partition = partition->next;
    return partition == NULL ? "" : partition->name;
}

static bool
tables_have_room(const fluss_tables *tables)
{
    struct statvfs disk;
    return statvfs(tables->options.data_dir, &disk) != 0 || disk.f_bavail * disk.f_frsize >= KV_ROOM_BYTES;
}

slu_status
fluss_tables_kv(fluss_tables *tables, fluss_tablet *tablet, fluss_kv_tablet **out, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    char suffix[32];
    fluss_partition *partition = NULL;
    if (tablet->table->table.key_column_count == 0)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_NOTFOUND,
                                             "the primary key table not exists for TableBucket{tableId=%" PRId64 ", bucket=%" PRId32
                                             "}",
                                             tablet->table->row.id, tablet->bucket),
                               ERROR_NON_PRIMARY_KEY_TABLE);
    if (tablet->kv != NULL && fluss_kv_tablet_failed(tablet->kv) && tables_have_room(tables))
        fluss_kv_tablet_close(
            &tablet->kv); /* RocksDB does not always see that there is room again; what it did not keep is replayed */
    if (tablet->kv == NULL) {
        SLU_TRY(files_check(tables, tablet->table, err));
        (void)snprintf(suffix, sizeof suffix, "kv-%" PRId32, tablet->bucket);
        SLU_TRY(tables_partition(tables, tablet->table, tablet->partition_id, &partition, err));
        SLU_TRY(tables_path(tables, tablet->table, partition, suffix, dir, err));
        SLU_TRY(fluss_kv_tablet_open(tables, tablet, tables->options.kv_pool, dir, &tablet->kv, err));
    }
    *out = tablet->kv;
    return SLU_OK;
}

slu_status
fluss_tables_restore(fluss_tables *tables, const fluss_tablet *tablet, int64_t low, int64_t high, const char *dir, slu_error *err)
{
    return tables->options.restore == NULL ? SLU_NOTFOUND
                                           : tables->options.restore(tables->options.restore_context, tablet, low, high, dir, err);
}

slu_ipc_codec *
fluss_tables_codec(const fluss_tables *tables)
{
    return tables->codec;
}

const slu_env *
fluss_tables_env(const fluss_tables *tables)
{
    return tables->options.env;
}

/* ---- tables ---- */

static fluss_served **
tables_id_slot(fluss_tables *tables, int64_t id)
{
    return &tables->by_id[(uint64_t)id & (TABLES_SLOTS - 1)];
}

static fluss_served **
tables_path_slot(fluss_tables *tables, const char *database, const char *name)
{
    const uint64_t hash = slu_hash64(database, strlen(database)) * 31 + slu_hash64(name, strlen(name));
    return &tables->by_path[hash & (TABLES_SLOTS - 1)];
}

static void
served_free(fluss_served *table)
{
    while (table->partitions != NULL) {
        fluss_partition *partition = table->partitions;
        table->partitions = partition->next;
        partition_free(table, partition);
    }
    fluss_table_fini(&table->table);
    slu_arena_fini(&table->arena);
    slu_free(table);
}

/* Descriptor and formats from the row. */
static slu_status
served_load(fluss_served *table, slu_error *err)
{
    SLU_TRY(fluss_descriptor_decode(slu_view_of_text(table->row.json), &table->arena, &table->descriptor, err));
    return fluss_table_init(&table->table, &table->descriptor, table->row.id, table->row.schema_id, &table->arena, err);
}

static void
tables_link(fluss_tables *tables, fluss_served *table)
{
    fluss_served **by_id = tables_id_slot(tables, table->row.id);
    fluss_served **by_path = tables_path_slot(tables, table->row.database, table->row.name);
    table->next_by_id = *by_id;
    *by_id = table;
    table->next_by_path = *by_path;
    *by_path = table;
}

static void
tables_unlink(fluss_tables *tables, fluss_served *table)
{
    fluss_served **at = tables_id_slot(tables, table->row.id);
    while (*at != table)
        at = &(*at)->next_by_id;
    *at = table->next_by_id;
    at = tables_path_slot(tables, table->row.database, table->row.name);
    while (*at != table)
        at = &(*at)->next_by_path;
    *at = table->next_by_path;
}

/* `database` NULL: by id. */
static slu_status
tables_load(fluss_tables *tables, const char *database, const char *name, int64_t id, fluss_served **out, slu_error *err)
{
    fluss_served *table = slu_alloc_zero(1, sizeof *table);
    if (table == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a table");
    slu_arena_init(&table->arena, TABLES_ARENA_BYTES_MAX);
    slu_status status = database != NULL
                            ? fluss_catalogue_get_table(tables->options.catalogue, database, name, &table->arena, &table->row, err)
                            : fluss_catalogue_get_table_by_id(tables->options.catalogue, id, &table->arena, &table->row, err);
    if (status == SLU_OK)
        status = served_load(table, err);
    if (status != SLU_OK) {
        served_free(table);
        return status;
    }
    tables_link(tables, table);
    *out = table;
    return SLU_OK;
}

slu_status
fluss_tables_get(fluss_tables *tables, const char *database, const char *name, fluss_served **out, slu_error *err)
{
    for (*out = *tables_path_slot(tables, database, name); *out != NULL; *out = (*out)->next_by_path)
        if (strcmp((*out)->row.name, name) == 0 && strcmp((*out)->row.database, database) == 0)
            return SLU_OK;
    return tables_load(tables, database, name, 0, out, err);
}

slu_status
fluss_tables_get_by_id(fluss_tables *tables, int64_t table_id, fluss_served **out, slu_error *err)
{
    for (*out = *tables_id_slot(tables, table_id); *out != NULL; *out = (*out)->next_by_id)
        if ((*out)->row.id == table_id)
            return SLU_OK;
    const slu_status status = tables_load(tables, NULL, NULL, table_id, out, err);
    if (status == SLU_NOTFOUND)
        return slu_error_coded(
            err, slu_error_set(err, SLU_NOTFOUND, "Unknown table or bucket: there is no table with id %" PRId64, table_id),
            ERROR_UNKNOWN_TABLE_OR_BUCKET);
    return status;
}

slu_status
fluss_tables_schema(fluss_tables *tables, fluss_served *table, int32_t schema_id, const fluss_schema **out, slu_error *err)
{
    if (schema_id == table->row.schema_id) {
        *out = &table->descriptor.schema;
        return SLU_OK;
    }
    if (schema_id < 1 || schema_id >= FLUSS_SCHEMAS_MAX)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_NOTFOUND, "Schema for table %s.%s with schema id %" PRId32 " does not exist.",
                                             table->row.database, table->row.name, schema_id),
                               ERROR_SCHEMA_NOT_EXIST);
    if (table->schemas[schema_id] == NULL) {
        const char *json = NULL;
        fluss_schema *schema = slu_arena_alloc(&table->arena, sizeof *schema);
        if (schema == NULL)
            return slu_arena_status(&table->arena, err);
        SLU_TRY(fluss_catalogue_get_schema(tables->options.catalogue, table->row.id, schema_id, &table->arena, &json, err));
        SLU_TRY(fluss_schema_decode(slu_view_of_text(json), &table->arena, schema, err));
        table->schemas[schema_id] = schema;
    }
    *out = table->schemas[schema_id];
    return SLU_OK;
}

slu_status
fluss_tables_take_ids(fluss_tables *tables, fluss_served *table, int64_t count, int64_t *out_before, slu_error *err)
{
    const int32_t at = fluss_schema_find(&table->descriptor.schema, table->descriptor.schema.auto_increment_column);
    const int32_t id = at < 0 ? -1 : table->descriptor.schema.columns[at].id;
    return fluss_catalogue_take_column_ids(tables->options.catalogue, table->row.id, id < 0 ? at : id, count, out_before, err);
}

/* What hangs on the old descriptor is let go before its arena is. */
static void
served_close_rows(fluss_served *table)
{
    for (fluss_partition *partition = table->partitions; partition != NULL; partition = partition->next)
        for (int32_t i = 0; i < table->table.bucket_count; i++)
            fluss_kv_tablet_close(&partition->tablets[i].kv);
}

slu_status
fluss_tables_altered(fluss_tables *tables, fluss_served *table, slu_error *err)
{
    fluss_served anew = {0};
    slu_arena_init(&anew.arena, TABLES_ARENA_BYTES_MAX);
    slu_status status = fluss_catalogue_get_table_by_id(tables->options.catalogue, table->row.id, &anew.arena, &anew.row, err);
    if (status == SLU_OK)
        status = fluss_descriptor_decode(slu_view_of_text(anew.row.json), &anew.arena, &anew.descriptor, err);
    if (status != SLU_OK) {
        slu_arena_fini(&anew.arena);
        return status;
    }
    served_close_rows(table);
    fluss_table_fini(&table->table);
    slu_arena_fini(&table->arena);
    table->arena = anew.arena;
    table->row = anew.row;
    table->descriptor = anew.descriptor;
    memset(table->schemas, 0, sizeof table->schemas);
    return fluss_table_init(&table->table, &table->descriptor, table->row.id, table->row.schema_id, &table->arena, err);
}

slu_status
fluss_tables_drop(fluss_tables *tables, fluss_served *table, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    slu_status status = tables_path(tables, table, NULL, "", dir, err);
    if (status == SLU_OK && tables->options.remote != NULL)
        status = fluss_remote_drop(tables->options.remote, table, FLUSS_NO_PARTITION, NULL, err);
    tables_unlink(tables, table); /* whatever is left of it: the catalogue knows it no longer, and it is served no longer */
    served_free(table);
    return status == SLU_OK ? slu_dir_remove(dir, err) : status;
}

slu_status
fluss_tables_close_partition(fluss_tables *tables, fluss_served *table, int64_t partition_id, slu_error *err)
{
    fluss_partition *partition = NULL;
    SLU_TRY(tables_partition(tables, table, partition_id, &partition, err));
    fluss_partition **at = &table->partitions;
    while (*at != partition)
        at = &(*at)->next;
    *at = partition->next;
    partition_free(table, partition);
    return SLU_OK;
}

slu_status
fluss_tables_remove_partition(fluss_tables *tables, const fluss_served *table, const char *name, int64_t partition_id,
                              slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    const fluss_partition gone = {.id = partition_id, .name = (char *)(uintptr_t)name};
    SLU_TRY(tables_path(tables, table, &gone, "", dir, err));
    if (tables->options.remote != NULL)
        SLU_TRY(fluss_remote_drop(tables->options.remote, table, partition_id, name, err));
    return slu_dir_remove(dir, err);
}

fluss_tablet *
fluss_tables_peek(fluss_tables *tables, int64_t table_id, int64_t partition_id, int32_t bucket)
{
    fluss_served *table = *tables_id_slot(tables, table_id);
    while (table != NULL && table->row.id != table_id)
        table = table->next_by_id;
    fluss_partition *partition = table == NULL ? NULL : table->partitions;
    while (partition != NULL && partition->id != partition_id)
        partition = partition->next;
    if (partition == NULL || bucket < 0 || bucket >= table->table.bucket_count || partition->tablets[bucket].log == NULL)
        return NULL;
    return &partition->tablets[bucket];
}

void
fluss_tables_reset(fluss_tables *tables, fluss_tablet *tablet)
{
    (void)tables;
    fluss_kv_tablet_close(&tablet->kv);
    fluss_log_abandon(&tablet->log);
}

void
fluss_tables_each(fluss_tables *tables, void (*each)(void *context, fluss_tablet *tablet), void *context)
{
    for (size_t slot = 0; slot < TABLES_SLOTS; slot++)
        for (fluss_served *table = tables->by_id[slot]; table != NULL; table = table->next_by_id)
            for (fluss_partition *partition = table->partitions; partition != NULL; partition = partition->next)
                for (int32_t i = 0; i < table->table.bucket_count; i++)
                    if (partition->tablets[i].log != NULL)
                        each(context, &partition->tablets[i]);
}

void
fluss_tables_close(fluss_tables **tables)
{
    if (*tables == NULL)
        return;
    for (size_t slot = 0; slot < TABLES_SLOTS; slot++) {
        while ((*tables)->by_id[slot] != NULL) {
            fluss_served *table = (*tables)->by_id[slot];
            tables_unlink(*tables, table);
            served_free(table);
        }
    }
    slu_ipc_codec_free(&(*tables)->codec);
    slu_free(*tables);
    *tables = NULL;
}
