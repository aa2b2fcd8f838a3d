#include "fluss/server/cluster/dynamic_config.h"

#include "fluss/config/values.h"
#include "fluss/security/sasl.h"
#include "fluss/server/catalogue/security.h"
#include "fluss/server/reply.h"

#include <ctype.h>

#define DYNAMIC_WHERE "altered at run time"
#define DYNAMIC_HIDDEN "******"
#define DYNAMIC_ARENA_BYTES_MAX ((size_t)8 << 20)

#define ALTER_SET 0
#define ALTER_DELETE 1
#define ALTER_APPEND 2
#define ALTER_SUBTRACT 3

static slu_status
config_fail(slu_error *err)
{
    err->code = FLUSS_ERROR_CONFIG_EXCEPTION;
    return SLU_INVALID;
}

/* ---- Building ------------------------------------------------------------------------------------------------------------------- */

static const fluss_config_row *
row_find(const fluss_config_row *rows, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].key, key) == 0)
            return &rows[i];
    return NULL;
}

/* Fluss's names of the types of its settings. */
static const char *
java_type(const fluss_setting *setting)
{
    switch (setting->kind) {
    case FLUSS_SETTING_WHOLE: return "Integer";
    case FLUSS_SETTING_FRACTION: return "Double";
    case FLUSS_SETTING_TRUTH: return "Boolean";
    case FLUSS_SETTING_DURATION: return "Duration";
    case FLUSS_SETTING_SIZE: return "MemorySize";
    case FLUSS_SETTING_LIST: return "List<String>";
    case FLUSS_SETTING_MAP: return "Map";
    case FLUSS_SETTING_CHOICE: return strcmp(setting->key, "datalake.format") == 0 ? "DataLakeFormat" : "Enum";
    default: return "String";
    }
}

static slu_status
row_check(const fluss_config_row *row, slu_error *err)
{
    slu_error why;
    const fluss_setting *setting = fluss_setting_find(row->key);
    if (setting == NULL) {
        (void)slu_error_set(err, SLU_INVALID, "No ConfigOption found for config key: %s", row->key);
        return config_fail(err);
    }
    if (row->value == NULL || fluss_config_check(row->key, row->value, DYNAMIC_WHERE, &why) == SLU_OK)
        return SLU_OK;
    const char *shown = fluss_setting_is_secret(row->key) ? DYNAMIC_HIDDEN : row->value;
    (void)slu_error_set(err, SLU_INVALID, "Cannot parse '%s' as %s for config '%s': Could not parse value '%s' for key '%s'.",
                        shown, java_type(setting), row->key, shown, row->key);
    return config_fail(err);
}

static slu_status
config_build(const fluss_config *initial, const fluss_config_row *rows, size_t count, fluss_config **out, slu_error *err)
{
    SLU_AUTO(fluss_config_free) fluss_config *config = NULL;
    SLU_TRY(fluss_config_new(&config, err));
    for (size_t i = 0; i < initial->entry_count; i++) {
        const fluss_config_entry *entry = &initial->entries[i];
        if (row_find(rows, count, entry->key) == NULL)
            SLU_TRY(fluss_config_set(config, entry->key, entry->text, entry->where, err));
    }
    for (size_t i = 0; i < count; i++)
        if (rows[i].value != NULL)
            SLU_TRY(fluss_config_set(config, rows[i].key, rows[i].value, DYNAMIC_WHERE, err));
    *out = slu_take(&config);
    return SLU_OK;
}

/* Do the settings below datalake. differ? */
static bool
lake_differs(const fluss_config *a, const fluss_config *b)
{
    const fluss_config *both[] = {a, b, a};
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < both[i]->entry_count; k++) {
            const fluss_config_entry *entry = &both[i]->entries[k];
            const fluss_config_entry *other = fluss_config_find(both[i + 1], entry->key);
            if (strncmp(entry->key, "datalake.", 9) == 0 && (other == NULL || strcmp(other->text, entry->text) != 0))
                return true;
        }
    return false;
}

static slu_status
config_apply(fluss_server *server, fluss_config **config, slu_error *err)
{
    if ((*config)->sasl_plain_credentials != NULL && fluss_sasl_check_credentials((*config)->sasl_plain_credentials, err) != SLU_OK)
        return config_fail(err);
    if (lake_differs(server->config, *config) && fluss_server_change_lake(server, *config, err) != SLU_OK)
        return config_fail(err);
    fluss_config_take(server->config, config);
    return SLU_OK;
}

slu_status
fluss_dynamic_config_open(fluss_server *server, slu_error *err)
{
    SLU_AUTO(fluss_config_free) fluss_config *config = NULL;
    SLU_AUTO(slu_arena_fini) slu_arena arena;
    fluss_config_row *rows = NULL;
    size_t count = 0;
    size_t good = 0;
    slu_error why;
    slu_arena_init(&arena, DYNAMIC_ARENA_BYTES_MAX);
    SLU_TRY(fluss_config_clone(server->config, &server->initial_config, err));
    SLU_TRY(fluss_catalogue_list_configs(server->catalogue, &arena, &rows, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (row_check(&rows[i], &why) == SLU_OK)
            rows[good++] = rows[i];
        else
            slu_log_warn(server->env, "SETTING-SKIPPED", "%s", why.message);
    }
    SLU_TRY(config_build(server->initial_config, rows, good, &config, err));
    if (config_apply(server, &config, &why) != SLU_OK)
        slu_log_warn(server->env, "SETTING-SKIPPED", "what was altered at run time does not hold: %s", why.message);
    return SLU_OK;
}

void
fluss_dynamic_config_close(fluss_server *server)
{
    fluss_config_free(&server->initial_config);
}

/* ---- ALTER_CLUSTER_CONFIGS ------------------------------------------------------------------------------------------------------ */

typedef struct altering {
    fluss_request *r;
    fluss_config_row *rows; /* what was altered, with the changes so far */
    size_t count;
} altering;

static slu_status
alter_fail(slu_error *err, const char *format, const char *key, const char *more)
{
    char text[SLU_ERROR_MESSAGE_BYTES];
    const char *at = strstr(format, "{}");
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - format), format, key, at + 2);
    (void)slu_error_set(err, SLU_INVALID, "%s%s", text, more);
    return config_fail(err);
}

static const char *
value_now(const altering *a, const char *key)
{
    const fluss_config_row *row = row_find(a->rows, a->count, key);
    const fluss_config_entry *entry = fluss_config_find(a->r->server->initial_config, key);
    return row != NULL ? row->value : entry == NULL ? NULL : entry->text;
}

static void
value_put(altering *a, const char *key, const char *value)
{
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->rows[i].key, key) == 0) {
            a->rows[i].value = value;
            return;
        }
    a->rows[a->count++] = (fluss_config_row){key, value};
}

static void
value_remove(altering *a, const char *key)
{
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->rows[i].key, key) == 0) {
            memmove(&a->rows[i], &a->rows[i + 1], (a->count - i - 1) * sizeof *a->rows);
            a->count--;
            return;
        }
}

/* Two entries of a map are the same when their keys are. */
static bool
item_is(const char *item, size_t bytes, const char *wanted, bool map)
{
    const size_t wanted_bytes = map ? strcspn(wanted, ":") : strlen(wanted);
    const char *colon = map ? memchr(item, ':', bytes) : NULL;
    const size_t item_bytes = colon == NULL ? bytes : (size_t)(colon - item);
    return item_bytes == wanted_bytes && memcmp(item, wanted, item_bytes) == 0;
}

static bool
list_has(const char *list, const char *wanted, bool map)
{
    const char *item;
    size_t bytes;
    while (list != NULL && fluss_list_next(&list, &item, &bytes))
        if (item_is(item, bytes, wanted, map))
            return true;
    return false;
}

static slu_status
alter_append(altering *a, const char *key, const char *value, bool map, slu_error *err)
{
    const char *now = value_now(a, key);
    if (map && list_has(now, value, true)) {
        char entry[128];
        (void)snprintf(entry, sizeof entry, "%.*s'.", (int)strcspn(value, ":"), value);
        return alter_fail(err, "{} must not contain duplicate map entry keys: '", key, entry);
    }
    value_put(a, key, now == NULL || now[0] == 0 ? value : slu_arena_printf(a->r->arena, "%s,%s", now, value));
    return slu_arena_status(a->r->arena, err);
}

static slu_status
alter_subtract(altering *a, const char *key, const char *value, bool map, slu_error *err)
{
    const char *now = value_now(a, key);
    const char *item;
    size_t bytes;
    SLU_AUTO(slu_buf_fini) slu_buf left = {0};
    if (now == NULL || now[0] == 0 || (map && !list_has(now, value, true)))
        return SLU_OK;
    slu_buf_init(&left, FLUSS_CONFIG_BYTES_MAX);
    while (fluss_list_next(&now, &item, &bytes))
        if (bytes != 0 && !item_is(item, bytes, value, map))
            slu_buf_printf(&left, "%s%.*s", left.bytes == 0 ? "" : ",", (int)bytes, item);
    SLU_TRY(slu_buf_status(&left, err));
    value_put(a, key, left.bytes == 0 ? NULL : slu_arena_strdup(a->r->arena, slu_buf_cstr(&left)));
    return slu_arena_status(a->r->arena, err);
}

static slu_status
alter_collection(altering *a, const Fluss__PbAlterConfig *change, slu_error *err)
{
    const fluss_setting *setting = fluss_setting_find(change->config_key);
    const bool map = setting->kind == FLUSS_SETTING_MAP;
    const char *value = change->config_value == NULL ? "" : change->config_value;
    if (!map && setting->kind != FLUSS_SETTING_LIST)
        return alter_fail(
            err,
            "APPEND/SUBTRACT operations are only supported for list-typed or map-typed config keys, but '{}' is not a "
            "list or map type.",
            change->config_key, "");
    if (map && (strchr(value, ':') == NULL || value[0] == ':'))
        return alter_fail(err, "Invalid map entry for config '{}': ", change->config_key,
                          fluss_setting_is_secret(change->config_key) ? DYNAMIC_HIDDEN : value);
    return change->op_type == ALTER_APPEND ? alter_append(a, change->config_key, value, map, err)
                                           : alter_subtract(a, change->config_key, value, map, err);
}

static slu_status
alter_one(altering *a, const Fluss__PbAlterConfig *change, slu_error *err)
{
    const fluss_setting *setting = fluss_setting_find(change->config_key);
    if (setting == NULL || (setting->flags & FLUSS_SETTING_DYNAMIC) == 0)
        return alter_fail(err, "The config key {} is not allowed to be changed dynamically.", change->config_key, "");
    switch (change->op_type) {
    case ALTER_SET: value_put(a, change->config_key, change->config_value); return SLU_OK;
    case ALTER_DELETE: value_remove(a, change->config_key); return SLU_OK;
    case ALTER_APPEND:
    case ALTER_SUBTRACT: return alter_collection(a, change, err);
    default: return alter_fail(err, "Unsupported config operation type of {}", change->config_key, "");
    }
}

/* The settings of before, and their lake. */
static void
config_take_back(fluss_server *server, fluss_config **before)
{
    slu_error why;
    if (lake_differs(server->config, *before) && fluss_server_change_lake(server, *before, &why) != SLU_OK)
        slu_log_warn(server->env, "LAKE-ALTERED", "the lake of before cannot be opened again until the next start: %s",
                     why.message);
    fluss_config_take(server->config, before);
}

static slu_status
alter_store(altering *a, slu_error *err)
{
    fluss_server *server = a->r->server;
    SLU_AUTO(fluss_config_free) fluss_config *config = NULL;
    SLU_AUTO(fluss_config_free) fluss_config *before = NULL;
    for (size_t i = 0; i < a->count; i++)
        SLU_TRY(row_check(&a->rows[i], err));
    SLU_TRY(config_build(server->initial_config, a->rows, a->count, &config, err));
    SLU_TRY(fluss_config_clone(server->config, &before, err));
    SLU_TRY(config_apply(server, &config, err));
    const slu_status status = fluss_catalogue_set_configs(server->catalogue, a->rows, a->count, err);
    if (status != SLU_OK) /* what is not written does not hold */
        config_take_back(server, &before);
    return status;
}

slu_status
fluss_handle_alter_configs(fluss_request *r, slu_error *err)
{
    const Fluss__AlterClusterConfigsRequest *request = (const Fluss__AlterClusterConfigsRequest *)r->message;
    const Fluss__AlterClusterConfigsResponse response = FLUSS__ALTER_CLUSTER_CONFIGS_RESPONSE__INIT;
    fluss_config_row *stored = NULL;
    altering a = {r, NULL, 0};
    SLU_TRY(fluss_catalogue_list_configs(r->server->catalogue, r->arena, &stored, &a.count, err));
    if (a.count + request->n_alter_configs > FLUSS_CONFIG_ENTRIES_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d altered settings", FLUSS_CONFIG_ENTRIES_MAX);
    a.rows = slu_arena_array(r->arena, a.count + request->n_alter_configs + 1, sizeof *a.rows);
    if (a.rows == NULL)
        return slu_arena_status(r->arena, err);
    if (a.count != 0)
        memcpy(a.rows, stored, a.count * sizeof *stored);
    for (size_t i = 0; i < request->n_alter_configs; i++)
        SLU_TRY(alter_one(&a, request->alter_configs[i], err));
    if (request->n_alter_configs != 0) {
        SLU_TRY(alter_store(&a, err));
        for (size_t i = 0; i < request->n_alter_configs; i++)
            slu_log_info(r->server->env, "SETTING-ALTERED", "%s, by %s", request->alter_configs[i]->config_key, r->principal.name);
    }
    return fluss_request_answer(r, &response.base, err);
}

/* ---- DESCRIBE_CLUSTER_CONFIGS --------------------------------------------------------------------------------------------------- */

/* Of a map of secrets the keys are shown. */
static const char *
value_shown(slu_arena *arena, const char *key, const char *value)
{
    const fluss_setting *setting = fluss_setting_find(key);
    const char *item;
    const char *out = "";
    size_t bytes;
    if (value == NULL || !fluss_setting_is_secret(key))
        return value;
    if (setting == NULL || setting->kind != FLUSS_SETTING_MAP)
        return DYNAMIC_HIDDEN;
    while (out != NULL && fluss_list_next(&value, &item, &bytes))
        out = slu_arena_printf(arena, "%s%s%.*s:" DYNAMIC_HIDDEN, out, out[0] == 0 ? "" : ",", (int)(strcspn(item, ":,")), item);
    return out;
}

static void
describe_one(slu_arena *arena, const char *key, const char *value, const char *source, Fluss__PbDescribeConfig *out)
{
    fluss__pb_describe_config__init(out);
    out->config_key = fluss_reply_text(key);
    out->config_value = fluss_reply_text(value_shown(arena, key, value));
    out->config_source = fluss_reply_text(source);
}

slu_status
fluss_handle_describe_configs(fluss_request *r, slu_error *err)
{
    Fluss__DescribeClusterConfigsResponse response = FLUSS__DESCRIBE_CLUSTER_CONFIGS_RESPONSE__INIT;
    const fluss_config *initial = r->server->initial_config;
    fluss_config_row *rows = NULL;
    size_t count = 0;
    SLU_TRY(fluss_catalogue_list_configs(r->server->catalogue, r->arena, &rows, &count, err));
    Fluss__PbDescribeConfig **list =
        (Fluss__PbDescribeConfig **)fluss_reply_list(r->arena, count + initial->entry_count, sizeof **list);
    if (list == NULL)
        return slu_arena_status(r->arena, err);
    for (size_t i = 0; i < initial->entry_count; i++) {
        const fluss_config_entry *entry = &initial->entries[i];
        if ((entry->setting->flags & FLUSS_SETTING_OURS) == 0 && row_find(rows, count, entry->key) == NULL)
            describe_one(r->arena, entry->key, entry->text, "INITIAL_SERVER_CONFIG", list[response.n_configs++]);
    }
    for (size_t i = 0; i < count; i++)
        describe_one(r->arena, rows[i].key, rows[i].value, "DYNAMIC_SERVER_CONFIG", list[response.n_configs++]);
    response.configs = list;
    return fluss_request_answer(r, &response.base, err);
}
