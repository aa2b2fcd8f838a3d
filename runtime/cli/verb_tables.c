/* verb_tables.c: the tables of a Fluss cluster: list, create, describe, load, read, drop. */
#include "tables.h"

#include "cli/catalog/descriptor_words.h"
#include "fluss/record/type_parse.h"
#include "table.h"
#include "fluss/s3/fluss_s3.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#define SERVERS_DEFAULT "127.0.0.1:9123"
#define TABLES_ARENA_BYTES_MAX ((size_t)16 << 20)

/* ---- Shared ---------------------------------------------------------------------------------------------------------------------- */

/* What a job is told in its environment, a verb understands as well. */
static fluss_login
tables_login(const slu_args *args)
{
    const char *user = slu_args_get(args, "user");
    const char *password = slu_args_get(args, "password");
    return (fluss_login){.username = user != NULL ? user : slu_setting_environment(environ, "fluss.client.security.sasl.username"),
                         .password =
                             password != NULL ? password : slu_setting_environment(environ, "fluss.client.security.sasl.password")};
}

static fluss_files_options
tables_files(void)
{
    return (fluss_files_options){.open = fluss_s3_open,
                                 .endpoint = slu_setting_environment(environ, "fluss.client.fs.s3.endpoint"),
                                 .region = slu_setting_environment(environ, "fluss.client.fs.s3.region"),
                                 .access_key = slu_setting_environment(environ, "fluss.client.fs.s3.access-key"),
                                 .secret_key = slu_setting_environment(environ, "fluss.client.fs.s3.secret-key"),
                                 .path_style = slu_setting_environment(environ, "fluss.client.fs.s3.path-style-access")};
}

slu_status
slu_tables_client(const slu_args *args, fluss_client **out, slu_error *err)
{
    return slu_tables_client_at(args, slu_args_get(args, "fluss.bootstrap.servers"), out, err);
}

slu_status
slu_tables_client_at(const slu_args *args, const char *servers, fluss_client **out, slu_error *err)
{
    const fluss_client_options options = {.bootstrap_servers = servers == NULL ? SERVERS_DEFAULT : servers,
                                          .connect_timeout_ms = 5000,
                                          .stopped = slu_cli_interrupted,
                                          .login = tables_login(args),
                                          .files = tables_files()};
    return fluss_client_open(slu_cli_env(), &options, out, err);
}

slu_status
slu_table_name_parse(const char *text, slu_table_name *out, slu_error *err)
{
    const char *dot = strchr(text, '.');
    const size_t database_bytes = dot == NULL ? 5 : (size_t)(dot - text);
    const char *table = dot == NULL ? text : dot + 1;
    if (database_bytes == 0 || database_bytes >= sizeof out->database || table[0] == 0 || strlen(table) >= sizeof out->table ||
        strchr(table, '.') != NULL || strchr(text, '/') != NULL) /* names become paths, and may come from a cluster */
        return slu_error_set(err, SLU_INVALID, "\"%s\" is no table: write database.table", text);
    (void)snprintf(out->database, sizeof out->database, "%.*s", (int)database_bytes, dot == NULL ? "fluss" : text);
    (void)snprintf(out->table, sizeof out->table, "%s", table);
    return SLU_OK;
}

slu_status
slu_tables_target(fluss_client *client, const char *name, fluss_target **out, slu_error *err)
{
    slu_table_name parsed;
    SLU_TRY(slu_table_name_parse(name, &parsed, err));
    SLU_TRY(fluss_target_open(client, parsed.database, parsed.table, out, err));
    return fluss_target_wait(*out, TABLES_TIMEOUT_MS, err);
}

int
slu_tables_fail(const slu_args *args, const slu_error *err)
{
    (void)slu_cli_fail(args, err);
    const bool silent = err->status == SLU_TIMEOUT || err->status == SLU_CLOSED || (err->status == SLU_IO && err->retriable != 0);
    return silent ? SLU_EXIT_NO_ANSWER : SLU_EXIT_FAILED;
}

/* ---- list ------------------------------------------------------------------------------------------------------------------------ */

/* Names are collected first: an answer lives only during its call. */
typedef struct names {
    slu_arena arena;
    const char *all[4096];
    size_t count;
} names;

static void
name_found(void *to, const char *name)
{
    names *n = to;
    const char *copy = slu_arena_strdup(&n->arena, name);
    if (copy != NULL && n->count < sizeof n->all / sizeof n->all[0])
        n->all[n->count++] = copy;
}

static slu_status
list_collect(fluss_client *client, const char *database, json_t *out, slu_error *err)
{
    names *tables = calloc(1, sizeof *tables);
    if (tables == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for names");
    slu_arena_init(&tables->arena, TABLES_ARENA_BYTES_MAX);
    const slu_status status = fluss_admin_list_tables(client, database, name_found, tables, err);
    for (size_t i = 0; i < tables->count && status == SLU_OK; i++)
        json_array_append_new(out, json_pack("{s:s, s:s}", "database", database, "table", tables->all[i]));
    slu_arena_fini(&tables->arena);
    free(tables);
    return status;
}

static slu_status
list_all(const slu_args *args, fluss_client *client, json_t *out, slu_error *err)
{
    const char *only = slu_args_get(args, "database");
    if (only != NULL)
        return list_collect(client, only, out, err);
    names *databases = calloc(1, sizeof *databases);
    if (databases == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for names");
    slu_arena_init(&databases->arena, TABLES_ARENA_BYTES_MAX);
    slu_status status = fluss_admin_list_databases(client, name_found, databases, err);
    for (size_t i = 0; i < databases->count && status == SLU_OK; i++)
        status = list_collect(client, databases->all[i], out, err);
    slu_arena_fini(&databases->arena);
    free(databases);
    return status;
}

static int
json_show(json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));
    (void)printf("%s\n", text == NULL ? "null" : text);
    free(text);
    return fflush(stdout) == 0 ? SLU_EXIT_DONE : SLU_EXIT_FAILED;
}

static int
list_show(json_t *tables)
{
    slu_error err;
    slu_buf out;
    slu_table table;
    slu_buf_init(&out, TABLES_OUTPUT_BYTES_MAX);
    slu_table_init(&table, "DATABASE|TABLE");
    for (size_t i = 0; i < json_array_size(tables); i++) {
        slu_table_cell(&table, "%s", json_string_value(json_object_get(json_array_get(tables, i), "database")));
        slu_table_cell(&table, "%s", json_string_value(json_object_get(json_array_get(tables, i), "table")));
    }
    if (slu_table_print(&table, slu_terminal_columns(), &out, &err) != SLU_OK)
        slu_buf_printf(&out, "%s\n", err.message);
    slu_table_fini(&table);
    const int code = slu_cli_print(&out);
    slu_buf_fini(&out);
    return code;
}

static int
tables_list(const slu_args *args)
{
    slu_error err;
    SLU_AUTO(fluss_client_close) fluss_client *client = NULL;
    json_t *found = json_array();
    slu_status status = slu_tables_client(args, &client, &err);
    if (status == SLU_OK)
        status = list_all(args, client, found, &err);
    const int code = status != SLU_OK ? slu_tables_fail(args, &err) : args->json ? json_show(found) : list_show(found);
    json_decref(found);
    return code;
}

/* ---- create ---------------------------------------------------------------------------------------------------------------------- */

/* "column=function, .." */
static slu_status
aggregates_set(const char *text, slu_arena *arena, fluss_schema *schema, slu_error *err)
{
    char *copy = slu_arena_strdup(arena, text == NULL ? "" : text);
    SLU_TRY(slu_arena_status(arena, err));
    for (char *save = NULL, *said = strtok_r(copy, ", ", &save); said != NULL; said = strtok_r(NULL, ", ", &save)) {
        char *function = strchr(said, '=');
        if (function == NULL)
            return slu_error_set(err, SLU_INVALID, "--aggregate: %s is not COLUMN=FUNCTION", said);
        *function++ = 0;
        SLU_TRY(cli_aggregate_set("--aggregate", said, function, arena, schema, err));
    }
    return SLU_OK;
}

static slu_status
keys_set(const slu_args *args, slu_arena *arena, fluss_descriptor *out, slu_error *err)
{
    const char **key = NULL;
    size_t count = 0;
    const char *partitions = slu_args_get(args, "partitioned-by");
    SLU_TRY(cli_name_list(slu_args_get(args, "primary-key"), arena, &key, &count, err));
    SLU_TRY(cli_primary_key_set("--primary-key", key, count, arena, &out->schema, err));
    SLU_TRY(cli_name_list(slu_args_get(args, "bucket-key"), arena, &out->bucket_keys, &out->bucket_key_count, err));
    return cli_name_list(partitions != NULL ? partitions : slu_args_get(args, "partition-keys"), arena, &out->partition_keys,
                         &out->partition_key_count, err);
}

static slu_status
descriptor_make(const slu_args *args, slu_arena *arena, fluss_descriptor *out, slu_error *err)
{
    int64_t buckets = 0;
    memset(out, 0, sizeof *out);
    SLU_TRY(slu_args_i64(args, "buckets", 1, 128000, &buckets, err));
    SLU_TRY(fluss_columns_parse(args->words[1], arena, &out->schema, err));
    SLU_TRY(keys_set(args, arena, out, err));
    SLU_TRY(aggregates_set(slu_args_get(args, "aggregate"), arena, &out->schema, err));
    SLU_TRY(cli_auto_increment_set("--auto-increment", slu_args_get(args, "auto-increment"), &out->schema, err));
    fluss_schema_normalize(&out->schema);
    out->bucket_count = (int32_t)buckets;
    out->comment = slu_args_get(args, "comment");
    for (uint32_t i = 0; i < args->setting_count; i++)
        SLU_TRY(cli_property_add(args->settings[i].name, args->settings[i].text, arena, out, err));
    return SLU_OK;
}

static slu_status
table_create(const slu_args *args, slu_arena *arena, slu_buf *json, fluss_client **client, slu_error *err)
{
    slu_table_name name;
    fluss_descriptor descriptor;
    SLU_TRY(slu_table_name_parse(args->words[0], &name, err));
    SLU_TRY(descriptor_make(args, arena, &descriptor, err));
    SLU_TRY(fluss_descriptor_encode(&descriptor, json, err));
    SLU_TRY(slu_buf_status(json, err));
    SLU_TRY(slu_tables_client(args, client, err));
    if (slu_args_has(args, "create-database"))
        SLU_TRY(fluss_admin_create_database(*client, name.database, true, err));
    return fluss_admin_create_table(*client, name.database, name.table, slu_buf_view(json), slu_args_has(args, "if-not-exists"),
                                    err);
}

static int
tables_create(const slu_args *args)
{
    slu_error err;
    slu_arena arena;
    slu_buf json;
    fluss_client *client = NULL;
    slu_arena_init(&arena, TABLES_ARENA_BYTES_MAX);
    slu_buf_init(&json, FLUSS_JSON_BYTES_MAX);
    const slu_status status = table_create(args, &arena, &json, &client, &err);
    fluss_client_close(&client);
    slu_buf_fini(&json);
    slu_arena_fini(&arena);
    if (status != SLU_OK)
        return slu_tables_fail(args, &err);
    (void)printf("table %s created\n", args->words[0]);
    return SLU_EXIT_DONE;
}

/* ---- describe -------------------------------------------------------------------------------------------------------------------- */

static const char *
column_key(const fluss_descriptor *descriptor, int32_t column)
{
    for (size_t i = 0; i < descriptor->schema.primary_key_count; i++)
        if (descriptor->schema.primary_key[i] == column)
            return "primary key";
    for (size_t i = 0; i < descriptor->bucket_key_count; i++)
        if (strcmp(descriptor->bucket_keys[i], descriptor->schema.columns[column].name) == 0)
            return "bucket key";
    for (size_t i = 0; i < descriptor->partition_key_count; i++)
        if (strcmp(descriptor->partition_keys[i], descriptor->schema.columns[column].name) == 0)
            return "partition key";
    return "";
}

static void
describe_text(const fluss_target *target, slu_buf *out)
{
    slu_error err;
    slu_buf type;
    slu_table table;
    const fluss_table *t = fluss_target_table(target);
    const fluss_descriptor *descriptor = t->descriptor;
    slu_buf_init(&type, 1 << 16);
    slu_buf_printf(out, "table     %s, id %" PRId64 ", %s, %d buckets\n", fluss_target_name(target), t->table_id,
                   t->key_column_count != 0 ? "primary key" : "log", t->bucket_count);
    for (size_t i = 0; i < descriptor->partition_key_count; i++)
        slu_buf_printf(out, "%s%s%s", i == 0 ? "partitioned by " : ", ", descriptor->partition_keys[i],
                       i + 1 == descriptor->partition_key_count ? "\n" : "");
    for (size_t i = 0; i < descriptor->property_count + descriptor->custom_property_count; i++) {
        const fluss_property *property = i < descriptor->property_count
                                             ? &descriptor->properties[i]
                                             : &descriptor->custom_properties[i - descriptor->property_count];
        slu_buf_printf(out, "property  %s = %s\n", property->key, property->value);
    }
    slu_buf_text(out, "\n");
    slu_table_init(&table, "COLUMN|TYPE|KEY|COMMENT");
    for (size_t c = 0; c < descriptor->schema.column_count; c++) {
        const fluss_column *column = &descriptor->schema.columns[c];
        slu_buf_reset(&type);
        fluss_type_print(&column->type, &type);
        slu_table_cell(&table, "%s", column->name);
        slu_table_cell(&table, "%s", slu_buf_cstr(&type));
        slu_table_cell(&table, "%s", column_key(descriptor, (int32_t)c));
        slu_table_cell(&table, "%s", column->comment == NULL ? "" : column->comment);
    }
    if (slu_table_print(&table, slu_terminal_columns(), out, &err) != SLU_OK)
        slu_buf_printf(out, "%s\n", err.message);
    slu_table_fini(&table);
    slu_buf_fini(&type);
}

static int
describe_json(const fluss_target *target)
{
    slu_error err;
    slu_buf descriptor;
    const fluss_table *t = fluss_target_table(target);
    slu_buf_init(&descriptor, FLUSS_JSON_BYTES_MAX);
    json_t *parsed = NULL;
    if (fluss_descriptor_encode(t->descriptor, &descriptor, &err) == SLU_OK)
        parsed = json_loadb((const char *)descriptor.data, descriptor.bytes, 0, NULL);
    slu_buf_fini(&descriptor);
    json_t *root = json_pack("{s:s, s:I, s:i, s:o}", "table", fluss_target_name(target), "table_id", (json_int_t)t->table_id,
                             "buckets", (int)t->bucket_count, "descriptor", parsed == NULL ? json_null() : parsed);
    const int code = json_show(root);
    json_decref(root);
    return code;
}

static int
tables_describe(const slu_args *args)
{
    slu_error err;
    slu_buf out;
    fluss_client *client = NULL;
    fluss_target *target = NULL;
    slu_status status = slu_tables_client(args, &client, &err);
    if (status == SLU_OK)
        status = slu_tables_target(client, args->words[0], &target, &err);
    int code = SLU_EXIT_DONE;
    slu_buf_init(&out, TABLES_OUTPUT_BYTES_MAX);
    if (status != SLU_OK) {
        code = slu_tables_fail(args, &err);
    } else if (args->json) {
        code = describe_json(target);
    } else {
        describe_text(target, &out);
        code = slu_cli_print(&out);
    }
    slu_buf_fini(&out);
    fluss_target_close(&target);
    fluss_client_close(&client);
    return code;
}

/* ---- drop ------------------------------------------------------------------------------------------------------------------------ */

static int
tables_drop(const slu_args *args)
{
    slu_error err;
    slu_table_name name;
    SLU_AUTO(fluss_client_close) fluss_client *client = NULL;
    slu_status status = slu_table_name_parse(args->words[0], &name, &err);
    if (status == SLU_OK)
        status = slu_tables_client(args, &client, &err);
    if (status == SLU_OK)
        status = fluss_admin_drop_table(client, name.database, name.table, slu_args_has(args, "if-exists"), &err);
    if (status != SLU_OK)
        return slu_tables_fail(args, &err);
    (void)printf("table %s dropped; its lake table, if there is one, stays\n", args->words[0]);
    return SLU_EXIT_DONE;
}

/* ---- The verbs ------------------------------------------------------------------------------------------------------------------- */

static const slu_flag list_flags[] = {TABLES_SERVERS_FLAG, {"database", 0, "NAME", "only this one"}};
static const slu_flag plain_flags[] = {TABLES_SERVERS_FLAG};
static const slu_flag drop_flags[] = {TABLES_SERVERS_FLAG, {"if-exists", 0, NULL, "a missing table is fine"}};
static const slu_flag read_flags[] = {
    TABLES_SERVERS_FLAG,
    {"limit", 'n', "N", "at most so many rows"},
    {"follow", 'f', NULL, "goes on as rows come"},
    {"partition", 0, "NAME", "of a partitioned table only this one: a, or a$b"},
    {"full", 0, NULL, "a primary-key table: its rows from kv snapshots, then the changes behind them"}};
static const slu_flag load_flags[] = {TABLES_SERVERS_FLAG, {"format", 0, "NAME", "csv or json (by the name of the file)"}};
static const slu_flag create_flags[] = {
    TABLES_SERVERS_FLAG,
    {"primary-key", 0, "COLUMNS", "makes it a primary-key table"},
    {"aggregate", 0, "COLUMN=FUNCTION,..", "for table.merge-engine aggregation: sum, max, listagg:DELIMITER .."},
    {"auto-increment", 0, "COLUMN", "is given a number for each new key"},
    {"buckets", 0, "N", "number of buckets (the server's default)"},
    {"bucket-key", 0, "COLUMNS", "what decides a row's bucket"},
    {"partitioned-by", 0, "COLUMNS", "makes it a partitioned table"},
    {"partition-keys", 0, "COLUMNS", "the same"},
    {"comment", 0, "TEXT", "for people"},
    {"if-not-exists", 0, NULL, "an existing table is fine"},
    {"create-database", 0, NULL, "and its database, when it is not there"},
};

const slu_verb slu_verb_tables_list = {.name = "tables list",
                                       .summary = "databases and tables",
                                       .usage = "",
                                       SLU_VERB_FLAGS(list_flags),
                                       .json = true,
                                       .run = tables_list};
const slu_verb slu_verb_tables_create = {
    .name = "tables create",
    .summary = "creates a table",
    .usage = "DB.TABLE \"id BIGINT NOT NULL, name STRING\"",
    SLU_VERB_FLAGS(create_flags),
    .words_min = 2,
    .words_max = 2,
    .settings = true,
    .more = "Settings become properties of the table: --table.datalake.enabled true --table.datalake.freshness 30s\n",
    .run = tables_create};
const slu_verb slu_verb_tables_describe = {.name = "tables describe",
                                           .summary = "columns, keys and properties of a table",
                                           .usage = "DB.TABLE",
                                           SLU_VERB_FLAGS(plain_flags),
                                           .words_min = 1,
                                           .words_max = 1,
                                           .json = true,
                                           .run = tables_describe};
const slu_verb slu_verb_tables_load = {.name = "tables load",
                                       .summary = "rows of a CSV or JSON-lines file into a table",
                                       .usage = "DB.TABLE FILE",
                                       SLU_VERB_FLAGS(load_flags),
                                       .words_min = 2,
                                       .words_max = 2,
                                       .json = true,
                                       .more = "CSV: the first line names the columns. `-` is standard input.\n",
                                       .run = slu_tables_load};
const slu_verb slu_verb_tables_read = {.name = "tables read",
                                       .summary = "the log of a table, as lines of text or JSON",
                                       .usage = "DB.TABLE",
                                       SLU_VERB_FLAGS(read_flags),
                                       .words_min = 1,
                                       .words_max = 1,
                                       .json = true,
                                       .run = slu_tables_read};
const slu_verb slu_verb_tables_drop = {.name = "tables drop",
                                       .summary = "drops a table",
                                       .usage = "DB.TABLE",
                                       SLU_VERB_FLAGS(drop_flags),
                                       .words_min = 1,
                                       .words_max = 1,
                                       .run = tables_drop};
