/* ddl.c: what creates and drops: databases and tables. */
#include "fluss/server/commits.h"
#include "fluss/server/partitions/auto_partition.h"
#include "fluss/server/log/fetch.h"
#include "fluss/server/kv/snapshots.h"
#include "fluss/server/reply.h"
#include "fluss/server/tables/schema_rules.h"
#include "fluss/server/tables/table_rules.h"
#include "fluss/server/lake/tiering.h"

#include "base/fail.h"
#include "base/file.h"
#include "base/limits.h"

#include <inttypes.h>

/* Fluss has no words of its own for a descriptor that it cannot read. */
static slu_status
database_from_request(const fluss_request *r, slu_view json, fluss_database_descriptor *out, slu_error *err)
{
    const slu_status status = fluss_database_descriptor_decode(json, r->arena, out, err);
    return status == SLU_OK
               ? SLU_OK
               : slu_error_coded(err, slu_error_in(err, status, "java.io.UncheckedIOException"), FLUSS_ERROR_UNKNOWN_SERVER_ERROR);
}

slu_status
fluss_handle_create_database(fluss_request *r, slu_error *err)
{
    const Fluss__CreateDatabaseRequest *request = (const Fluss__CreateDatabaseRequest *)r->message;
    const Fluss__CreateDatabaseResponse response = FLUSS__CREATE_DATABASE_RESPONSE__INIT;
    fluss_database_descriptor descriptor = {0};
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    slu_buf_init(&json, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(fluss_rules_database_name(request->database_name, err));
    if (request->has_database_json)
        SLU_TRY(database_from_request(r, fluss_bytes_view(&request->database_json), &descriptor, err));
    SLU_TRY(fluss_database_descriptor_encode(&descriptor, &json, err));
    const slu_status status =
        fluss_catalogue_create_database(r->server->catalogue, request->database_name, slu_buf_cstr(&json), err);
    if (!(status == SLU_CONFLICT && request->ignore_if_exists))
        SLU_TRY(status);
    return fluss_request_answer(r, &response.base, err);
}

/* The rows go after the catalogue: what a crash leaves behind is a directory that nobody names. */
static slu_status
drop_table(fluss_server *server, fluss_served *table, slu_error *err)
{
    const int64_t id = table->row.id;
    fluss_commits_flush(server->commits); /* nobody waits for a sync of what is closed here */
    SLU_TRY(fluss_catalogue_drop_table(server->catalogue, id, err));
    fluss_tiering_remove(server->tiering, id);
    fluss_auto_partitions_remove(server->auto_partitions, id);
    fluss_fetches_wake_table(server->fetches, table);
    fluss_kv_snapshots_dropped(server, &table->row, FLUSS_NO_PARTITION, NULL);
    slu_error why;
    if (fluss_tables_drop(server->tables, table, &why) != SLU_OK)
        slu_log_warn(server->env, "DROP-LEFTOVER", "files of the dropped table %" PRId64 " are left: %s", id, why.message);
    return SLU_OK;
}

static slu_status
drop_all_tables(fluss_request *r, const char *database, slu_error *err)
{
    fluss_table_row *rows = NULL;
    fluss_served *table = NULL;
    size_t count = 0;
    SLU_TRY(fluss_catalogue_list_tables(r->server->catalogue, database, r->arena, &rows, &count, err));
    for (size_t i = 0; i < count; i++) {
        SLU_TRY(fluss_tables_get_by_id(r->server->tables, rows[i].id, &table, err));
        SLU_TRY(drop_table(r->server, table, err));
    }
    return SLU_OK;
}

slu_status
fluss_handle_drop_database(fluss_request *r, slu_error *err)
{
    const Fluss__DropDatabaseRequest *request = (const Fluss__DropDatabaseRequest *)r->message;
    const Fluss__DropDatabaseResponse response = FLUSS__DROP_DATABASE_RESPONSE__INIT;
    slu_status status = request->cascade ? drop_all_tables(r, request->database_name, err) : SLU_OK;
    if (status == SLU_OK)
        status = fluss_catalogue_drop_database(r->server->catalogue, request->database_name, err);
    if (!(status == SLU_NOTFOUND && request->ignore_if_not_exists))
        SLU_TRY(status);
    return fluss_request_answer(r, &response.base, err);
}

/* ---- tables ---- */

/* More copies than one are kept as a wish and reported as one; said once. */
static void
copies_warn(fluss_server *server, const fluss_descriptor *descriptor)
{
    const char *factor = fluss_descriptor_get(descriptor, "table.replication.factor");
    if (server->copies_warned || factor == NULL || strcmp(factor, "1") == 0)
        return;
    server->copies_warned = true;
    slu_log_warn(server->env, "ONE-COPY", "a table wants table.replication.factor %s, but this node has one copy of every row",
                 factor);
}

static slu_status
kind_check(const fluss_config *config, const fluss_descriptor *descriptor, slu_error *err)
{
    const bool keyed = descriptor->schema.primary_key_count != 0;
    if (keyed ? config->allow_create_kv_tables : config->allow_create_log_tables)
        return SLU_OK;
    return slu_error_coded(
        err, slu_error_set(err, SLU_INVALID, "Creation of %s Tables is disallowed in the cluster.", keyed ? "Primary Key" : "Log"),
        FLUSS_ERROR_INVALID_TABLE_EXCEPTION);
}

static slu_status
descriptor_from_request(const fluss_request *r, slu_view json, fluss_descriptor *out, slu_error *err)
{
    const fluss_config *config = r->server->config;
    const fluss_rules rules = {(int32_t)config->default_bucket_number, config->datalake_format, (int32_t)config->max_bucket_num,
                               config->default_replication_factor, !config->datalake_enabled};
    SLU_TRY(fluss_descriptor_rules(json, err));
    const slu_status status = fluss_descriptor_decode(json, r->arena, out, err);
    if (status < 0)
        return slu_error_coded(err, slu_error_in(err, status, "Failed to parse table descriptor"),
                               FLUSS_ERROR_INVALID_TABLE_EXCEPTION);
    fluss_schema_normalize(&out->schema);
    SLU_TRY(fluss_rules_new_table(&rules, out, r->arena, err));
    copies_warn(r->server, out);
    return kind_check(config, out, err);
}

static slu_status
create_lake_table(const fluss_request *r, const Fluss__PbTablePath *path, const char *json, slu_error *err)
{
    fluss_server *server = r->server;
    if (!server->has_lake || server->lake.create_table == NULL) {
        slu_log_warn(server->env, "LAKE-NOOP",
                     "table %s.%s: this server makes no tables in a lake of format %s; it is only recorded", path->database_name,
                     path->table_name, server->config->datalake_format);
        return SLU_OK;
    }
    const slu_status status = server->lake.create_table(server->lake.context, path->database_name, path->table_name, json, err);
    if (status < 0)
        return slu_error_coded(err, status,
                               status == SLU_CONFLICT ? FLUSS_ERROR_LAKE_TABLE_ALREADY_EXIST : FLUSS_ERROR_UNKNOWN_SERVER_ERROR);
    return SLU_OK;
}

static slu_status
create_table(fluss_request *r, const Fluss__CreateTableRequest *request, slu_error *err)
{
    const Fluss__PbTablePath *path = request->table_path;
    fluss_descriptor descriptor = {0};
    fluss_served *existing = NULL;
    fluss_database_row database;
    int64_t id = 0;
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    SLU_AUTO(slu_buf_fini) slu_buf schema = {0};
    slu_buf_init(&json, FLUSS_JSON_BYTES_MAX);
    slu_buf_init(&schema, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(descriptor_from_request(r, fluss_bytes_view(&request->table_json), &descriptor, err));
    SLU_TRY(fluss_descriptor_encode(&descriptor, &json, err));
    SLU_TRY(fluss_schema_encode(&descriptor.schema, &schema, err));
    /* Everything that can be refused is, before the lake is asked: nothing may be left behind there. */
    const slu_status found = fluss_catalogue_get_database(r->server->catalogue, path->database_name, r->arena, &database, err);
    if (found == SLU_NOTFOUND)
        return slu_error_coded(err, slu_error_set(err, SLU_NOTFOUND, "Database %s does not exist.", path->database_name),
                               FLUSS_ERROR_DATABASE_NOT_EXIST);
    SLU_TRY(found);
    slu_error ignored;
    if (fluss_tables_get(r->server->tables, path->database_name, path->table_name, &existing, &ignored) == SLU_OK)
        return slu_error_coded(
            err, slu_error_set(err, SLU_CONFLICT, "Table %s.%s already exists.", path->database_name, path->table_name),
            FLUSS_ERROR_TABLE_ALREADY_EXIST);
    if (fluss_lake_enabled(&descriptor))
        SLU_TRY(create_lake_table(r, path, slu_buf_cstr(&json), err));
    SLU_TRY(fluss_catalogue_create_table(r->server->catalogue, path->database_name, path->table_name, slu_buf_cstr(&json),
                                         slu_buf_cstr(&schema), &id, err));
    fluss_auto_partitions_changed(r->server->auto_partitions, id);
    const fluss_table_row row = {.id = id, .database = path->database_name, .name = path->table_name};
    return fluss_lake_enabled(&descriptor) ? fluss_lake_add(r->server, &row, &descriptor, slu_wall_ms(r->server->env), err)
                                           : SLU_OK;
}

slu_status
fluss_handle_create_table(fluss_request *r, slu_error *err)
{
    const Fluss__CreateTableRequest *request = (const Fluss__CreateTableRequest *)r->message;
    const Fluss__CreateTableResponse response = FLUSS__CREATE_TABLE_RESPONSE__INIT;
    SLU_TRY(fluss_rules_database_name(request->table_path->database_name, err));
    SLU_TRY(fluss_rules_table_name(request->table_path->table_name, err));
    const slu_status status = create_table(r, request, err);
    const bool exists = status == SLU_CONFLICT && err->code == FLUSS_ERROR_TABLE_ALREADY_EXIST;
    if (!(exists && request->ignore_if_exists))
        SLU_TRY(status);
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_drop_table(fluss_request *r, slu_error *err)
{
    const Fluss__DropTableRequest *request = (const Fluss__DropTableRequest *)r->message;
    const Fluss__DropTableResponse response = FLUSS__DROP_TABLE_RESPONSE__INIT;
    fluss_served *table = NULL;
    const char *database = request->table_path->database_name;
    const slu_status status = fluss_tables_get(r->server->tables, database, request->table_path->table_name, &table, err);
    if (status == SLU_OK)
        SLU_TRY(drop_table(r->server, table, err));
    else if (!(status == SLU_NOTFOUND && request->ignore_if_not_exists))
        return status == SLU_NOTFOUND ? slu_error_coded(err,
                                                        slu_error_set(err, SLU_NOTFOUND, "Table %s.%s does not exist.", database,
                                                                      request->table_path->table_name),
                                                        FLUSS_ERROR_TABLE_NOT_EXIST)
                                      : status;
    return fluss_request_answer(r, &response.base, err);
}
