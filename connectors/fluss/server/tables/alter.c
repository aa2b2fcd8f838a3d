/* alter.c: ALTER_TABLE: properties, and columns at the end (what Fluss 0.9 accepts). */
#include "base/fail.h"
#include "base/sizes.h"
#include "fluss/server/partitions/auto_partition.h"
#include "fluss/server/log/fetch.h"
#include "fluss/server/reply.h"
#include "fluss/server/tables/schema_rules.h"
#include "fluss/server/tables/table_rules.h"
#include "fluss/server/lake/tiering.h"

#include <inttypes.h>

#define ALTERS_ARENA_BYTES_MAX ((size_t)256 << 20)
#define ALTER_SET 0
#define ALTER_DELETE 1
#define ALTER_TYPE_MAX 3
#define COLUMN_LAST 0

static slu_status
alter_fail(slu_error *err, slu_status status)
{
    if (err != NULL)
        err->code = FLUSS_ERROR_INVALID_ALTER_TABLE_EXCEPTION;
    return status;
}

static bool
property_is_table_option(const char *key)
{
    return strncmp(key, "table.", 6) == 0;
}

/* Sets, or with a NULL value removes, one entry of a list that lives in the arena. */
static slu_status
property_change(fluss_property **list, size_t *count, slu_arena *arena, const char *key, const char *value, slu_error *err)
{
    size_t at = 0;
    while (at < *count && strcmp((*list)[at].key, key) != 0)
        at++;
    if (value == NULL) {
        if (at < *count)
            (*list)[at] = (*list)[--*count];
        return SLU_OK;
    }
    if (at == *count) {
        fluss_property *larger = slu_arena_array(arena, *count + 1, sizeof *larger);
        if (larger == NULL)
            return slu_arena_status(arena, err);
        if (*count != 0)
            memcpy(larger, *list, *count * sizeof *larger);
        *list = larger;
        ++*count;
    }
    (*list)[at].key = slu_arena_strdup(arena, key);
    (*list)[at].value = slu_arena_strdup(arena, value);
    return slu_arena_status(arena, err);
}

static slu_status
alter_property(fluss_descriptor *d, slu_arena *arena, const Fluss__PbAlterConfig *change, slu_error *err)
{
    const char *key = change->config_key;
    if (change->op_type == ALTER_SET && change->config_value == NULL)
        return alter_fail(err, slu_error_set(err, SLU_INVALID, "'%s' is set without a value", key));
    const char *value = change->op_type == ALTER_SET ? change->config_value : NULL;
    if (!property_is_table_option(key))
        return property_change(&d->custom_properties, &d->custom_property_count, arena, key, value, err);
    if (!fluss_rules_may_alter(key))
        return alter_fail(err, slu_error_set(err, SLU_INVALID, "The option '%s' is not supported to alter yet.", key));
    if (strcmp(key, "table.datalake.enabled") == 0 && fluss_descriptor_get(d, "table.datalake.format") == NULL)
        return alter_fail(err, slu_error_set(err, SLU_INVALID,
                                             "The option '%s' cannot be altered for tables that were created before the Fluss "
                                             "cluster enabled datalake.",
                                             key));
    return property_change(&d->properties, &d->property_count, arena, key, value, err);
}

static slu_status
alter_add_column(fluss_schema *schema, slu_arena *arena, const Fluss__PbAddColumn *add, slu_error *err)
{
    fluss_type type;
    if (fluss_schema_find(schema, add->column_name) >= 0)
        return alter_fail(err, slu_error_set(err, SLU_CONFLICT, "Column %s already exists.", add->column_name));
    SLU_TRY(fluss_type_decode(fluss_bytes_view(&add->data_type_json), arena, &type, err));
    if (!type.nullable)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_UNKNOWN_SERVER_ERROR,
                                   "java.lang.IllegalArgumentException: Column %s must be nullable.", add->column_name);
    if (fluss_name_is_blank(add->column_name))
        return slu_error_set_coded(
            err, SLU_INVALID, FLUSS_ERROR_UNKNOWN_SERVER_ERROR,
            "java.lang.IllegalArgumentException: Field names must contain at least one non-whitespace character.");
    fluss_column *columns = slu_arena_array(arena, schema->column_count + 1, sizeof *columns);
    if (columns == NULL)
        return slu_arena_status(arena, err);
    memcpy(columns, schema->columns, schema->column_count * sizeof *columns);
    fluss_column *column = &columns[schema->column_count];
    column->name = slu_arena_strdup(arena, add->column_name);
    column->type = type;
    column->comment = add->comment == NULL ? NULL : slu_arena_strdup(arena, add->comment);
    fluss_column_number(column, &schema->highest_field_id);
    schema->columns = columns;
    schema->column_count++;
    return slu_arena_status(arena, err);
}

static slu_status
alter_columns(fluss_descriptor *d, slu_arena *arena, const Fluss__AlterTableRequest *request, slu_error *err)
{
    for (size_t i = 0; i < request->n_add_columns; i++)
        SLU_TRY(alter_add_column(&d->schema, arena, request->add_columns[i], err));
    if (request->n_drop_columns != 0 || request->n_rename_columns != 0 || request->n_modify_columns != 0)
        return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_UNKNOWN_SERVER_ERROR,
                                   "org.apache.fluss.exception.SchemaChangeException: Not support %s column now.",
                                   request->n_drop_columns != 0     ? "drop"
                                   : request->n_rename_columns != 0 ? "rename"
                                                                    : "modify");
    return SLU_OK;
}

/* What is no change at all is refused before the table is looked for. */
static slu_status
alter_check(const Fluss__AlterTableRequest *request, slu_error *err)
{
    SLU_TRY(fluss_rules_database_name(request->table_path->database_name, err));
    SLU_TRY(fluss_rules_table_name(request->table_path->table_name, err));
    for (size_t i = 0; i < request->n_config_changes; i++) {
        const int32_t type = request->config_changes[i]->op_type;
        if (type < ALTER_SET || type > ALTER_TYPE_MAX)
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_UNKNOWN_SERVER_ERROR,
                                       "java.lang.IllegalArgumentException: Unsupported AlterConfigOpType: %d", type);
        if (type != ALTER_SET && type != ALTER_DELETE)
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_UNKNOWN_SERVER_ERROR,
                                       "java.lang.IllegalArgumentException: Unsupported alter configs op type %d", type);
    }
    for (size_t i = 0; i < request->n_add_columns; i++) {
        const Fluss__PbAddColumn *add = request->add_columns[i];
        slu_error why = {0};
        if (add->column_position_type != COLUMN_LAST)
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_UNKNOWN_SERVER_ERROR,
                                       "java.lang.IllegalArgumentException: Unsupported ColumnPositionType: %d",
                                       add->column_position_type);
        if (fluss_type_rules(fluss_bytes_view(&add->data_type_json), &why) != SLU_OK)
            return slu_error_set_coded(err, SLU_INVALID, FLUSS_ERROR_UNKNOWN_SERVER_ERROR, "java.lang.IllegalArgumentException: %s",
                                       why.message);
    }
    return SLU_OK;
}

/* ---- the lake first ---- */

/* Whether a lake's table has to follow. */
static slu_status
alter_needs_lake(const fluss_server *server, const fluss_served *table, const fluss_descriptor *now, bool *out, slu_error *err)
{
    const fluss_table_row *row = &table->row;
    const bool before = fluss_lake_enabled(&table->descriptor);
    *out = fluss_lake_enabled(now) && server->has_lake;
    if (!server->has_lake && fluss_lake_enabled(now) && !before)
        return alter_fail(err, slu_error_set(err, SLU_INVALID,
                                             "Cannot alter table %s.%s in data lake, because the Fluss cluster doesn't "
                                             "enable datalake tables.",
                                             row->database, row->name));
    if (*out && before && server->lake.alter_table == NULL)
        return alter_fail(err, slu_error_set(err, SLU_UNSUPPORTED,
                                             "table %s.%s is a lake table, and its lake table cannot be altered by this "
                                             "server yet",
                                             row->database, row->name));
    return SLU_OK;
}

/* Made when the lake is switched on, altered while it is on; either does nothing when it was done before. */
static slu_status
alter_lake(const fluss_server *server, const fluss_served *table, const char *json, slu_error *err)
{
    const fluss_table_row *row = &table->row;
    const bool before = fluss_lake_enabled(&table->descriptor);
    const slu_status status = before ? server->lake.alter_table(server->lake.context, row->database, row->name, json, err)
                                     : server->lake.create_table(server->lake.context, row->database, row->name, json, err);
    if (status < 0 && err != NULL)
        err->code =
            status == SLU_CONFLICT && !before ? FLUSS_ERROR_LAKE_TABLE_ALREADY_EXIST : FLUSS_ERROR_INVALID_ALTER_TABLE_EXCEPTION;
    return status;
}

static slu_status
alter_store(fluss_server *server, fluss_served *table, const char *json, const char *schema_json, slu_error *err)
{
    SLU_TRY(fluss_catalogue_alter_table(server->catalogue, table->row.id, json, schema_json, err));
    fluss_fetches_wake_table(server->fetches, table); /* their projections may mean other columns now */
    SLU_TRY(fluss_tables_altered(server->tables, table, err));
    fluss_tiering_remove(server->tiering, table->row.id);
    fluss_auto_partitions_changed(server->auto_partitions, table->row.id);
    return fluss_lake_enabled(&table->descriptor)
               ? fluss_lake_add(server, &table->row, &table->descriptor, slu_wall_ms(server->env), err)
               : SLU_OK;
}

/* Begun in the catalogue, done in the lake, ended in the catalogue: whatever a crash leaves between is finished at the next start. */
static slu_status
alter_both(fluss_server *server, fluss_served *table, const char *json, const char *schema_json, slu_error *err)
{
    slu_error why;
    SLU_TRY(fluss_catalogue_begin_alter(server->catalogue, table->row.id, json, schema_json, err));
    const slu_status status = alter_lake(server, table, json, err);
    if (status == SLU_OK)
        return alter_store(server, table, json, schema_json, err);
    if (fluss_catalogue_forget_alter(server->catalogue, table->row.id, &why) != SLU_OK)
        slu_log_warn(server->env, "LAKE-ALTER-LEFT", "table %s.%s: %s; the next start tries what was refused now",
                     table->row.database, table->row.name, why.message);
    return status;
}

static bool
lake_is_away(slu_status status)
{
    return status == SLU_IO || status == SLU_TIMEOUT || status == SLU_CLOSED;
}

/* One that a crash left. While the lake cannot be reached it is kept for a later start. */
static void
alter_finish(fluss_server *server, const fluss_alter_row *row)
{
    slu_error why = {0};
    fluss_served *table = NULL;
    slu_status status = fluss_tables_get_by_id(server->tables, row->table_id, &table, &why);
    if (status == SLU_OK)
        status = alter_lake(server, table, row->json, &why);
    if (status == SLU_OK)
        status = alter_store(server, table, row->json, row->schema_json, &why);
    if (status == SLU_OK) {
        slu_log_info(server->env, "LAKE-ALTER", "table %s.%s: an ALTER TABLE that had begun is finished", table->row.database,
                     table->row.name);
        return;
    }
    slu_log_warn(server->env, "LAKE-ALTER-LEFT", "an ALTER TABLE of table %" PRId64 " that had begun is not finished: %s",
                 row->table_id, why.message);
    if (!lake_is_away(status) && fluss_catalogue_forget_alter(server->catalogue, row->table_id, &why) != SLU_OK)
        slu_log_warn(server->env, "LAKE-ALTER-LEFT", "%s", why.message);
}

slu_status
fluss_alters_finish(fluss_server *server, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    fluss_alter_row *rows = NULL;
    size_t count = 0;
    slu_arena_init(&arena, ALTERS_ARENA_BYTES_MAX);
    SLU_TRY(fluss_catalogue_list_alters(server->catalogue, &arena, &rows, &count, err));
    for (size_t i = 0; i < count && server->has_lake && server->lake.alter_table != NULL; i++)
        alter_finish(server, &rows[i]);
    return SLU_OK;
}

static slu_status
alter_table(const fluss_request *r, fluss_served *table, const Fluss__AlterTableRequest *request, slu_error *err)
{
    fluss_descriptor descriptor;
    bool lake = false;
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    SLU_AUTO(slu_buf_fini) slu_buf schema = {0};
    const bool columns =
        request->n_add_columns + request->n_drop_columns + request->n_rename_columns + request->n_modify_columns != 0;
    slu_buf_init(&json, FLUSS_JSON_BYTES_MAX);
    slu_buf_init(&schema, FLUSS_JSON_BYTES_MAX);
    SLU_TRY(fluss_descriptor_decode(slu_view_of_text(table->row.json), r->arena, &descriptor, err));
    for (size_t i = 0; i < request->n_config_changes; i++)
        SLU_TRY(alter_property(&descriptor, r->arena, request->config_changes[i], err));
    SLU_TRY(alter_columns(&descriptor, r->arena, request, err));
    SLU_TRY(fluss_rules_altered_table(&descriptor, err));
    SLU_TRY(fluss_descriptor_encode(&descriptor, &json, err));
    SLU_TRY(fluss_schema_encode(&descriptor.schema, &schema, err));
    SLU_TRY(alter_needs_lake(r->server, table, &descriptor, &lake, err));
    const char *schema_json = columns ? slu_buf_cstr(&schema) : NULL;
    return lake ? alter_both(r->server, table, slu_buf_cstr(&json), schema_json, err)
                : alter_store(r->server, table, slu_buf_cstr(&json), schema_json, err);
}

slu_status
fluss_handle_alter_table(fluss_request *r, slu_error *err)
{
    const Fluss__AlterTableRequest *request = (const Fluss__AlterTableRequest *)r->message;
    const Fluss__AlterTableResponse response = FLUSS__ALTER_TABLE_RESPONSE__INIT;
    fluss_served *table = NULL;
    const bool columns =
        request->n_add_columns + request->n_drop_columns + request->n_rename_columns + request->n_modify_columns != 0;
    SLU_TRY(alter_check(request, err));
    if (!columns && request->n_config_changes == 0)
        return fluss_request_answer(r, &response.base, err);
    if (columns && request->n_config_changes != 0)
        return alter_fail(err, slu_error_set(err, SLU_INVALID,
                                             "Table alteration can only be applied to one of the following: table properties or "
                                             "table schema."));
    const slu_status found =
        fluss_tables_get(r->server->tables, request->table_path->database_name, request->table_path->table_name, &table, err);
    if (found == SLU_NOTFOUND && request->ignore_if_not_exists)
        return fluss_request_answer(r, &response.base, err);
    SLU_TRY(found);
    SLU_TRY(alter_table(r, table, request, err));
    return fluss_request_answer(r, &response.base, err);
}
