#include "fluss/server/partitions/partitions.h"

#include "base/fail.h"
#include "base/limits.h"
#include "fluss/server/commits.h"
#include "fluss/server/log/fetch.h"
#include "fluss/server/kv/snapshots.h"
#include "fluss/server/partitions/partition_time.h"
#include "fluss/server/tables/table_rules.h"

#include <inttypes.h>

#define PARTITION_NAME_BYTES_MAX 230 /* with its id it is the name of a directory, which 255 bytes is the end of */

/* "region=eu/day=20240101": what Fluss calls a partition in a message. */
static const char *
qualified_name(const fluss_served *table, const char *name, slu_arena *arena)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, SLU_PATH_BYTES_MAX);
    for (size_t i = 0; i < table->descriptor.partition_key_count; i++) {
        const char *end = strchr(name, '$');
        const size_t bytes = end != NULL ? (size_t)(end - name) : strlen(name);
        slu_buf_printf(&text, "%s%s=%.*s", i == 0 ? "" : "/", table->descriptor.partition_keys[i], (int)bytes, name);
        name += end != NULL ? bytes + 1 : bytes;
    }
    const char *copied = slu_buf_status(&text, NULL) == SLU_OK ? slu_arena_strdup(arena, slu_buf_cstr(&text)) : NULL;
    return copied != NULL ? copied : name;
}

static slu_status
partition_exists(const fluss_served *table, const char *name, slu_arena *arena, slu_error *err)
{
    return slu_error_coded(err,
                           slu_error_set(err, SLU_CONFLICT, "Partition '%s' already exists for table %s.%s",
                                         qualified_name(table, name, arena), table->row.database, table->row.name),
                           FLUSS_ERROR_PARTITION_ALREADY_EXISTS);
}

slu_status
fluss_partition_create(fluss_server *server, const fluss_served *table, const char *name, slu_arena *arena, slu_error *err)
{
    fluss_partition_row *rows = NULL;
    size_t count = 0;
    int64_t id = 0;
    const int64_t partitions_max = server->config->max_partition_num;
    const int64_t buckets_max = server->config->max_bucket_num;
    const slu_status found = fluss_catalogue_get_partition(server->catalogue, table->row.id, name, &id, err);
    if (found == SLU_NOTFOUND && strlen(name) > PARTITION_NAME_BYTES_MAX)
        return slu_error_coded(
            err,
            slu_error_set(err, SLU_INVALID,
                          "The name of the partition has %zu characters; %d are allowed, for it is a directory's.", strlen(name),
                          PARTITION_NAME_BYTES_MAX),
            FLUSS_ERROR_PARTITION_SPEC_INVALID_EXCEPTION);
    if (found != SLU_NOTFOUND)
        return found != SLU_OK ? found : partition_exists(table, name, arena, err);
    SLU_TRY(fluss_catalogue_list_partitions(server->catalogue, table->row.id, arena, &rows, &count, err));
    if ((int64_t)count >= partitions_max)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_LIMIT,
                                             "Exceed the maximum number of partitions for table %s.%s, only allow %" PRId64
                                             " partitions.",
                                             table->row.database, table->row.name, partitions_max),
                               FLUSS_ERROR_PARTITION_MAX_NUM_EXCEPTION);
    const int64_t buckets = ((int64_t)count + 1) * table->table.bucket_count;
    if (buckets > buckets_max)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_LIMIT,
                                             "Adding partition '%s' would result in %" PRId64
                                             " total buckets for table %s.%s, exceeding the maximum of %" PRId64 " buckets.",
                                             name, buckets, table->row.database, table->row.name, buckets_max),
                               FLUSS_ERROR_BUCKET_MAX_NUM_EXCEPTION);
    return fluss_catalogue_create_partition(server->catalogue, table->row.id, name, &id, err);
}

/* The rows go after the catalogue: what a crash leaves behind is a directory that nobody names. */
slu_status
fluss_partition_drop(fluss_server *server, fluss_served *table, const char *name, int64_t id, slu_error *err)
{
    slu_error why;
    fluss_commits_flush(server->commits); /* nobody waits for a sync of what is closed here: a clock drops, too */
    fluss_fetches_wake_table(server->fetches, table);
    SLU_TRY(fluss_tables_close_partition(server->tables, table, id, err));
    SLU_TRY(fluss_catalogue_drop_partition(server->catalogue, table->row.id, id, err));
    fluss_kv_snapshots_dropped(server, &table->row, id, name);
    if (fluss_tables_remove_partition(server->tables, table, name, id, &why) != SLU_OK)
        slu_log_warn(server->env, "DROP-LEFTOVER", "files of the dropped partition %s of table %s.%s are left: %s", name,
                     table->row.database, table->row.name, why.message);
    return SLU_OK;
}

/* ---- Requests ---- */

/* Where Java's HashMap of few entries keeps a key. */
static uint32_t
java_place(const char *key)
{
    uint32_t hash = 0;
    for (; *key != 0; key++)
        hash = hash * 31 + (unsigned char)*key;
    return (hash ^ hash >> 16) & 15;
}

/* "PartitionSpec{{day=20240101}}", as Java prints one. */
static const char *
spec_text(const Fluss__PbPartitionSpec *spec, slu_arena *arena)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, SLU_PATH_BYTES_MAX);
    slu_buf_text(&text, "PartitionSpec{{");
    bool first = true;
    for (uint32_t place = 0; place < 16; place++)
        for (size_t i = 0; i < spec->n_partition_key_values; i++) {
            const Fluss__PbKeyValue *pair = spec->partition_key_values[i];
            if (java_place(pair->key) != place)
                continue;
            slu_buf_printf(&text, "%s%s=%s", first ? "" : ", ", pair->key, pair->value);
            first = false;
        }
    slu_buf_text(&text, "}}");
    const char *copied = slu_buf_status(&text, NULL) == SLU_OK ? slu_arena_strdup(arena, slu_buf_cstr(&text)) : NULL;
    return copied != NULL ? copied : "PartitionSpec";
}

/* The name of a partition: the values in the order of the table's keys, joined by $. */
static slu_status
partition_name(const fluss_request *r, const Fluss__PbTablePath *path, const Fluss__PbPartitionSpec *spec, bool create,
               fluss_served **out_table, const char **out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf name = {0};
    fluss_served *table = NULL;
    slu_buf_init(&name, SLU_PATH_BYTES_MAX);
    SLU_TRY(fluss_tables_get(r->server->tables, path->database_name, path->table_name, &table, err));
    const fluss_descriptor *d = &table->descriptor;
    if (d->partition_key_count == 0)
        return slu_error_coded(
            err, slu_error_set(err, SLU_INVALID, "Only partitioned table support %s partition.", create ? "create" : "drop"),
            FLUSS_ERROR_TABLE_NOT_PARTITIONED_EXCEPTION);
    if (spec->n_partition_key_values != d->partition_key_count)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_INVALID,
                                             "PartitionSpec size is not equal to partition keys size for partitioned table %s.%s.",
                                             path->database_name, path->table_name),
                               FLUSS_ERROR_PARTITION_SPEC_INVALID_EXCEPTION);
    for (size_t k = 0; k < d->partition_key_count; k++) {
        const char *value = NULL;
        for (size_t i = 0; i < spec->n_partition_key_values; i++)
            if (strcmp(spec->partition_key_values[i]->key, d->partition_keys[k]) == 0)
                value = spec->partition_key_values[i]->value;
        if (value == NULL)
            return slu_error_coded(
                err,
                slu_error_set(err, SLU_INVALID, "PartitionSpec %s does not contain partition key '%s' for partitioned table %s.%s.",
                              spec_text(spec, r->arena), d->partition_keys[k], path->database_name, path->table_name),
                FLUSS_ERROR_PARTITION_SPEC_INVALID_EXCEPTION);
        SLU_TRY(fluss_rules_partition_value(value, create, err));
        slu_buf_printf(&name, "%s%s", k == 0 ? "" : "$", value);
    }
    *out = slu_arena_strdup(r->arena, slu_buf_cstr(&name));
    *out_table = table;
    return slu_arena_status(r->arena, err);
}

/* Is the time that a client names one that the table keeps? */
static slu_status
partition_admits(const fluss_request *r, const fluss_served *table, const char *name, slu_error *err)
{
    fluss_auto_partition of;
    fluss_auto_partition_of(&table->descriptor, &of);
    for (size_t at = 0; at < of.key_at; at++)
        name = strchr(name, '$') + 1;
    const char *end = strchr(name, '$');
    const char *value = slu_arena_strndup(r->arena, name, end == NULL ? strlen(name) : (size_t)(end - name));
    SLU_TRY(slu_arena_status(r->arena, err));
    return fluss_auto_partition_admits(&of, value, slu_wall_ms(r->server->env), err);
}

slu_status
fluss_handle_create_partition(fluss_request *r, slu_error *err)
{
    const Fluss__CreatePartitionRequest *request = (const Fluss__CreatePartitionRequest *)r->message;
    const Fluss__CreatePartitionResponse response = FLUSS__CREATE_PARTITION_RESPONSE__INIT;
    fluss_served *table = NULL;
    const char *name = NULL;
    SLU_TRY(partition_name(r, request->table_path, request->partition_spec, true, &table, &name, err));
    SLU_TRY(partition_admits(r, table, name, err));
    const slu_status status = fluss_partition_create(r->server, table, name, r->arena, err);
    if (!(status == SLU_CONFLICT && request->ignore_if_not_exists)) /* the flag's name says the contrary of what it means */
        SLU_TRY(status);
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_drop_partition(fluss_request *r, slu_error *err)
{
    const Fluss__DropPartitionRequest *request = (const Fluss__DropPartitionRequest *)r->message;
    const Fluss__DropPartitionResponse response = FLUSS__DROP_PARTITION_RESPONSE__INIT;
    fluss_served *table = NULL;
    const char *name = NULL;
    int64_t id = 0;
    SLU_TRY(partition_name(r, request->table_path, request->partition_spec, false, &table, &name, err));
    const slu_status found = fluss_catalogue_get_partition(r->server->catalogue, table->row.id, name, &id, err);
    if (found == SLU_NOTFOUND && request->ignore_if_not_exists)
        return fluss_request_answer(r, &response.base, err);
    if (found == SLU_NOTFOUND)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_NOTFOUND, "Partition '%s' does not exist for table %s.%s",
                                             qualified_name(table, name, r->arena), table->row.database, table->row.name),
                               FLUSS_ERROR_PARTITION_NOT_EXISTS);
    SLU_TRY(found);
    SLU_TRY(fluss_partition_drop(r->server, table, name, id, err));
    return fluss_request_answer(r, &response.base, err);
}
