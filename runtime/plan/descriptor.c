#include "descriptor.h"

#include "base/file.h"
#include "base/suggest.h"
#include "plan/restart.h"
#include "store/place.h"
#include "yaml.h"

#include <ctype.h>
#include <strings.h>

/* ---- What a descriptor may say: option tables over these structs ----------------------------------------------------------------- */

typedef struct job_keys {
    const char *job;
    int64_t parallelism;
    int64_t max_parallelism;
    int64_t flush_interval_ms;
    const slu_value *checkpoint;
    const slu_value *state;
    const slu_value *restart;
    const slu_value *params;
    const slu_value *operators;
} job_keys;

typedef struct checkpoint_keys {
    int64_t interval_ms;
    const char *mode;
    int64_t timeout_ms;
    int64_t min_pause_ms;
    int64_t tolerated_failures;
    int64_t retained;
    const char *dir;
} checkpoint_keys;

typedef struct state_keys {
    const char *backend;
    uint32_t incremental;
    int64_t memory_bytes;
    const char *local_dir;
} state_keys;

typedef struct restart_keys {
    const char *strategy;
    int64_t attempts;
    int64_t delay_ms;
    int64_t delay_max_ms;
    int64_t max_failures;
    int64_t interval_ms;
    int64_t reset_ms;
    int64_t same_failures;
} restart_keys;

typedef struct operator_keys {
    const char *id;
    const char *use;
    const slu_value *from;
    const slu_value *partition;
    int64_t parallelism;
    const slu_value *with;
} operator_keys;

#define DAY_MS ((int64_t)86400000)

static const slu_option job_options[] = {
    SLU_OPTION("job", STRING, job_keys, job, NULL, "the job's name", .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("parallelism", I64, job_keys, parallelism, "1", "subtasks of an operator that does not say", .param = "parallelism",
               .min = 1, .max = SLU_PARALLELISM_MAX),
    SLU_OPTION("max-parallelism", I64, job_keys, max_parallelism, NULL, "number of key groups", .param = "max-parallelism",
               .min = 1, .max = SLU_KEY_GROUPS_MAX),
    SLU_OPTION("flush-interval", DURATION, job_keys, flush_interval_ms, "5ms", "how long a batch may wait to be filled",
               .param = "flush-interval", .min = 0, .max = 60000),
    SLU_OPTION("checkpoint", VALUE, job_keys, checkpoint, NULL, "checkpoint settings"),
    SLU_OPTION("state", VALUE, job_keys, state, NULL, "where operators keep their state"),
    SLU_OPTION("restart", VALUE, job_keys, restart, NULL, "restart settings"),
    SLU_OPTION("params", VALUE, job_keys, params, NULL, "job parameters"),
    SLU_OPTION("operators", VALUE, job_keys, operators, NULL, "the list of operators", .flags = SLU_OPTION_REQUIRED),
};

static const slu_option checkpoint_options[] = {
    SLU_OPTION("interval", DURATION, checkpoint_keys, interval_ms, NULL, "time between checkpoints; off when not given",
               .param = "checkpoint.interval", .min = 10, .max = 365 * DAY_MS),
    SLU_OPTION("mode", CHOICE, checkpoint_keys, mode, "exactly-once", "exactly-once", .param = "checkpoint.mode",
               .choices = "exactly-once"),
    SLU_OPTION("timeout", DURATION, checkpoint_keys, timeout_ms, "10m", "a checkpoint that takes longer is given up",
               .param = "checkpoint.timeout", .min = 10, .max = 365 * DAY_MS),
    SLU_OPTION("min-pause", DURATION, checkpoint_keys, min_pause_ms, "0ms",
               "least time between the end of one and the start of the next", .param = "checkpoint.min-pause", .min = 0,
               .max = 365 * DAY_MS),
    SLU_OPTION("tolerated-failures", I64, checkpoint_keys, tolerated_failures, "1000000",
               "failed checkpoints in a row that do not fail the job; each is reported", .param = "checkpoint.tolerated-failures",
               .min = 0, .max = 1000000),
    SLU_OPTION("retained", I64, checkpoint_keys, retained, "1", "whole checkpoints that are kept", .param = "checkpoint.retained",
               .min = 1, .max = 1000),
    SLU_OPTION("dir", STRING, checkpoint_keys, dir, "", "directory of the checkpoints; the job manager's own when not given",
               .param = "checkpoint.dir"),
};

/* Parameters by Flink's names. */
static const slu_option state_options[] = {
    SLU_OPTION("backend", CHOICE, state_keys, backend, "heap", "heap (hashmap is the same), or rocksdb for more than memory",
               .param = "state.backend.type", .choices = "heap|hashmap|rocksdb"),
    SLU_OPTION("incremental", BOOL, state_keys, incremental, "true", "rocksdb: a checkpoint stores only files that are new",
               .param = "state.backend.incremental"),
    SLU_OPTION("memory", BYTES, state_keys, memory_bytes, "64mib", "rocksdb: cache and rows in memory, of one task",
               .param = "state.backend.rocksdb.memory", .min = 1 << 20, .max = INT64_C(1) << 40),
    SLU_OPTION("local-dir", STRING, state_keys, local_dir, "", "rocksdb: where it works; the temporary directory when not given",
               .param = "state.backend.rocksdb.localdir"),
};

static const slu_option restart_options[] = {
    SLU_OPTION("strategy", CHOICE, restart_keys, strategy, "exponential-delay", "what happens after a failure",
               .param = "restart.strategy", .choices = "none|fixed-delay|failure-rate|exponential-delay"),
    SLU_OPTION("attempts", I64, restart_keys, attempts, "0", "restarts before the job fails; 0: no bound",
               .param = "restart.attempts", .min = 0, .max = 1000000),
    SLU_OPTION("delay", DURATION, restart_keys, delay_ms, "100ms", "wait before a restart; the first one when exponential",
               .param = "restart.delay", .min = 0, .max = DAY_MS),
    SLU_OPTION("delay-max", DURATION, restart_keys, delay_max_ms, "1m", "longest wait when exponential",
               .param = "restart.delay-max", .min = 0, .max = DAY_MS),
    SLU_OPTION("max-failures", I64, restart_keys, max_failures, "1", "failure-rate: more of them within the interval end the job",
               .param = "restart.max-failures", .min = 1, .max = SLU_RESTART_FAILURES_MAX),
    SLU_OPTION("interval", DURATION, restart_keys, interval_ms, "1m", "failure-rate: over which failures are counted",
               .param = "restart.interval", .min = 1, .max = 365 * DAY_MS),
    SLU_OPTION("reset", DURATION, restart_keys, reset_ms, "1h", "exponential: after so long without failure the delays begin anew",
               .param = "restart.reset", .min = 1, .max = 365 * DAY_MS),
    SLU_OPTION("same-failures", I64, restart_keys, same_failures, "8",
               "exponential: the same failure of data so often from the same checkpoint ends the job; 0: never",
               .param = "restart.same-failures", .min = 0, .max = 1000000),
};

static const slu_option operator_options[] = {
    SLU_OPTION("id", STRING, operator_keys, id, NULL, "the identity of its state: stable and unique", .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("use", STRING, operator_keys, use, NULL, "the plugin", .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("from", VALUE, operator_keys, from, NULL, "the operator, or a list of operators, whose rows it takes"),
    SLU_OPTION("partition", VALUE, operator_keys, partition, NULL, "how rows are divided among its subtasks"),
    SLU_OPTION("parallelism", I64, operator_keys, parallelism, NULL, "its own number of subtasks", .min = 1,
               .max = SLU_PARALLELISM_MAX),
    SLU_OPTION("with", VALUE, operator_keys, with, NULL, "the plugin's options"),
};

#define TABLE(table_name, table, keys)                                                                                             \
    {                                                                                                                              \
        .size = sizeof(slu_plugin), .name = (table_name), .options = (table), .option_count = sizeof(table) / sizeof((table)[0]),  \
        .options_bytes = sizeof(keys)                                                                                              \
    }

static const slu_plugin job_table = TABLE("a job", job_options, job_keys);
static const slu_plugin checkpoint_table = TABLE("checkpoint", checkpoint_options, checkpoint_keys);
static const slu_plugin state_table = TABLE("state", state_options, state_keys);
static const slu_plugin restart_table = TABLE("restart", restart_options, restart_keys);
static const slu_plugin operator_table = TABLE("an operator", operator_options, operator_keys);
static const slu_plugin *const setting_tables[] = {&job_table, &checkpoint_table, &state_table, &restart_table};

#define SETTING_TABLES (sizeof setting_tables / sizeof setting_tables[0])

#define SETTINGS_MAX 32

/* ---- Settings and parameters ---------------------------------------------------------------------------------------------------- */

typedef struct making {
    const slu_descriptor *descriptor;
    slu_graph *graph;
    slu_arena *arena;                 /* the graph's */
    slu_param settings[SETTINGS_MAX]; /* the job's own, from command line and environment */
    slu_params overrides;
    job_keys job;
    slu_error *err;
} making;

const char *
slu_setting_environment(char *const *environment, const char *name)
{
    char wanted[256] = "SLUICE_";
    size_t bytes = strlen(wanted);
    for (; *name != 0 && bytes < sizeof wanted - 2; name++)
        wanted[bytes++] = isalnum((unsigned char)*name) ? (char)toupper((unsigned char)*name) : '_';
    wanted[bytes++] = '=';
    for (; environment != NULL && *environment != NULL; environment++)
        if (strncmp(*environment, wanted, bytes) == 0)
            return *environment + bytes;
    return NULL;
}

bool
slu_param_matches(const char *declared, const char *name)
{
    const size_t bytes = strlen(declared);
    if (bytes > 2 && strcmp(declared + bytes - 2, ".*") == 0)
        return strncmp(declared, name, bytes - 1) == 0 && name[bytes - 1] != 0;
    return strcmp(declared, name) == 0;
}

/* The last one of a name wins. */
static const char *
setting_text(const slu_setting *settings, uint32_t count, const char *name)
{
    const char *text = NULL;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(settings[i].name, name) == 0)
            text = settings[i].text;
    return text;
}

/* Lets command line, environment and settings file speak before the descriptor does. */
static void
param_override(const making *m, slu_param *param)
{
    const slu_descriptor *d = m->descriptor;
    const char *said[] = {setting_text(d->settings, d->setting_count, param->name),
                          slu_setting_environment(d->environment, param->name),
                          setting_text(d->file_settings, d->file_setting_count, param->name)};
    static const uint32_t origins[] = {SLU_ORIGIN_COMMAND_LINE, SLU_ORIGIN_ENVIRONMENT, SLU_ORIGIN_SETTINGS_FILE};
    for (size_t i = 0; i < 3; i++)
        if (said[i] != NULL) {
            param->text = said[i];
            param->origin = origins[i];
            return;
        }
}

static bool
is_own_setting(const char *name)
{
    for (size_t t = 0; t < SETTING_TABLES; t++)
        for (uint32_t i = 0; i < setting_tables[t]->option_count; i++)
            if (setting_tables[t]->options[i].param != NULL && strcmp(setting_tables[t]->options[i].param, name) == 0)
                return true;
    return false;
}

static void
overrides_collect(making *m)
{
    uint32_t count = 0;
    for (size_t t = 0; t < SETTING_TABLES; t++)
        for (uint32_t i = 0; i < setting_tables[t]->option_count; i++) {
            slu_param param = {.name = setting_tables[t]->options[i].param};
            if (param.name == NULL)
                continue;
            param_override(m, &param);
            if (param.text == NULL || count == SETTINGS_MAX)
                continue;
            param.text = slu_arena_strdup(m->arena, param.text);
            m->settings[count++] = param;
        }
    m->overrides = (slu_params){m->settings, count};
}

/* slu_options_parse takes the file before a parameter; a job's own settings want it the other way round: hide what is overridden. */
static const slu_value *
file_value(making *m, const slu_plugin *table, const slu_value *map)
{
    if (map == NULL || map->kind != SLU_VALUE_MAP)
        return map;
    slu_value *copy = slu_arena_alloc(m->arena, sizeof *copy);
    slu_value *items = slu_arena_array(m->arena, map->count, sizeof *items);
    if (copy == NULL || items == NULL)
        return map;
    *copy = *map;
    copy->items = items;
    for (uint32_t k = 0; k < map->count; k++) {
        items[k] = map->items[k];
        for (uint32_t i = 0; i < table->option_count; i++)
            if (strcmp(table->options[i].name, map->keys[k].text) == 0 && table->options[i].param != NULL &&
                slu_params_find(m->overrides, table->options[i].param) != NULL)
                items[k].kind = SLU_VALUE_NULL;
    }
    return copy;
}

static slu_status
section_parse(making *m, const slu_plugin *table, const slu_value *map, const void **out)
{
    const slu_value *seen = file_value(m, table, map);
    SLU_TRY(slu_arena_status(m->arena, m->err));
    return slu_options_parse(table, seen, m->overrides, m->arena, out, m->err);
}

/* Every setting of the job with its text and origin, for explain. */
static slu_status
settings_note(making *m)
{
    const slu_value *sections[SETTING_TABLES] = {NULL, m->job.checkpoint, m->job.state, m->job.restart};
    slu_param *settings = slu_arena_array(m->arena, SETTINGS_MAX, sizeof *settings);
    uint32_t count = 0;
    SLU_TRY(slu_arena_status(m->arena, m->err));
    sections[0] = m->graph->root;
    for (size_t t = 0; t < SETTING_TABLES; t++)
        for (uint32_t i = 0; i < setting_tables[t]->option_count; i++) {
            const slu_option *option = &setting_tables[t]->options[i];
            if (option->param == NULL)
                continue;
            slu_param *setting = &settings[count++];
            setting->name = option->param;
            setting->text = slu_option_text(option, file_value(m, setting_tables[t], sections[t]), m->overrides, &setting->origin);
        }
    m->graph->settings = (slu_params){settings, count};
    return slu_arena_status(m->arena, m->err);
}

static uint32_t
strategy_of(const char *name)
{
    uint32_t strategy = 0;
    while (strategy < SLU_RESTART_RATE && strcmp(slu_restart_name(strategy), name) != 0)
        strategy++;
    return strategy;
}

static slu_status
checkpoint_dir_check(making *m, const char **dir)
{
    slu_error why = {0};
    if (slu_place_of(*dir, dir, &why) == SLU_OK)
        return SLU_OK;
    return slu_error_at(m->err, why.status, m->job.checkpoint == NULL ? NULL : slu_value_get(m->job.checkpoint, "dir"), 0,
                        "checkpoint dir %s", why.message);
}

static slu_status
state_apply(making *m)
{
    const void *section = NULL;
    SLU_TRY(section_parse(m, &state_table, m->job.state, &section));
    const state_keys *state = section;
    m->graph->state = (slu_state_settings){.backend = strcmp(state->backend, "rocksdb") == 0 ? SLU_STATE_ROCKSDB : SLU_STATE_HEAP,
                                           .incremental = state->incremental,
                                           .memory_bytes = state->memory_bytes,
                                           .local_dir = state->local_dir};
    return SLU_OK;
}

static slu_status
settings_apply(making *m)
{
    const void *section = NULL;
    slu_graph *graph = m->graph;
    SLU_TRY(section_parse(m, &checkpoint_table, m->job.checkpoint, &section));
    const checkpoint_keys *checkpoint = section;
    graph->checkpoint = (slu_checkpoint_settings){.interval_ms = checkpoint->interval_ms,
                                                  .timeout_ms = checkpoint->timeout_ms,
                                                  .min_pause_ms = checkpoint->min_pause_ms,
                                                  .tolerated_failures = (uint32_t)checkpoint->tolerated_failures,
                                                  .retained = (uint32_t)checkpoint->retained,
                                                  .dir = checkpoint->dir};
    SLU_TRY(checkpoint_dir_check(m, &graph->checkpoint.dir));
    SLU_TRY(state_apply(m));
    SLU_TRY(section_parse(m, &restart_table, m->job.restart, &section));
    const restart_keys *restart = section;
    graph->restart = (slu_restart_settings){.strategy = strategy_of(restart->strategy),
                                            .attempts_max = (uint32_t)restart->attempts,
                                            .delay_ms = restart->delay_ms,
                                            .delay_max_ms = restart->delay_max_ms,
                                            .failures_max = (uint32_t)restart->max_failures,
                                            .interval_ms = restart->interval_ms,
                                            .reset_ms = restart->reset_ms,
                                            .same_max = (uint32_t)restart->same_failures};
    graph->name = m->job.job;
    graph->parallelism = (uint32_t)m->job.parallelism;
    graph->flush_interval_ms = m->job.flush_interval_ms;
    return settings_note(m);
}

static slu_status
declared_param_add(making *m, const slu_value *key, const slu_value *value, slu_param *out)
{
    const size_t bytes = strlen(key->text);
    if (is_own_setting(key->text))
        return slu_error_at(m->err, SLU_INVALID, key, 0, "%s is a setting of the job itself: write it outside of params",
                            key->text);
    if (value->kind != SLU_VALUE_SCALAR && value->kind != SLU_VALUE_NULL)
        return slu_error_at(m->err, SLU_INVALID, value, 0, "parameter %s: one value is wanted here", key->text);
    const bool pattern = bytes > 2 && strcmp(key->text + bytes - 2, ".*") == 0;
    if (pattern && value->kind != SLU_VALUE_NULL)
        return slu_error_at(m->err, SLU_INVALID, value, 0, "parameter %s stands for many names and takes no value", key->text);
    *out = (slu_param){.name = key->text, .text = value->text, .origin = SLU_ORIGIN_FILE, .line = key->line, .column = key->column};
    if (value->kind == SLU_VALUE_SCALAR) {
        out->line = value->line;
        out->column = value->column;
    }
    if (!pattern)
        param_override(m, out);
    return SLU_OK;
}

/* Those of the command line or the settings file that the descriptor does not name: kept for plugins that ask for them. */
static uint32_t
undeclared_params_add(const making *m, const slu_setting *settings, uint32_t setting_count, slu_param *params, uint32_t count)
{
    for (uint32_t i = 0; i < setting_count; i++) {
        bool seen = is_own_setting(settings[i].name);
        for (uint32_t k = 0; k < count && !seen; k++)
            seen = strcmp(params[k].name, settings[i].name) == 0;
        if (seen)
            continue;
        params[count] = (slu_param){.name = settings[i].name};
        param_override(m, &params[count++]);
    }
    return count;
}

static slu_status
params_read(making *m)
{
    const slu_value *map = m->job.params;
    uint32_t count = 0;
    if (map != NULL && map->kind != SLU_VALUE_MAP)
        return slu_error_at(m->err, SLU_INVALID, map, 0, "params are a map, such as { name: value }");
    const uint32_t declared = map == NULL ? 0 : map->count;
    const slu_descriptor *d = m->descriptor;
    slu_param *params = slu_arena_array(m->arena, (size_t)declared + d->setting_count + d->file_setting_count, sizeof *params);
    SLU_TRY(slu_arena_status(m->arena, m->err));
    for (; count < declared; count++)
        SLU_TRY(declared_param_add(m, &map->keys[count], &map->items[count], &params[count]));
    count = undeclared_params_add(m, d->settings, d->setting_count, params, count);
    count = undeclared_params_add(m, d->file_settings, d->file_setting_count, params, count);
    /* Names and texts of the command line and environment must live as long as the graph. */
    for (uint32_t i = 0; i < count; i++) {
        params[i].name = slu_arena_strdup(m->arena, params[i].name);
        params[i].text = params[i].text == NULL ? NULL : slu_arena_strdup(m->arena, params[i].text);
    }
    m->graph->params = (slu_params){params, count};
    return slu_arena_status(m->arena, m->err);
}

/* ---- Partitions ---------------------------------------------------------------------------------------------------------------- */

static const char *const partition_words[] = {"forward", "bucket", "rebalance", "broadcast", "global", "hash"};
static const uint32_t partition_values[] = {SLU_PARTITION_FORWARD,   SLU_PARTITION_BUCKET, SLU_PARTITION_REBALANCE,
                                            SLU_PARTITION_BROADCAST, SLU_PARTITION_GLOBAL, SLU_PARTITION_HASH};

static slu_status
partition_word(making *m, const slu_value *value, uint32_t *out)
{
    for (size_t i = 0; i < 6; i++)
        if (strcmp(value->text, partition_words[i]) == 0) {
            *out = partition_values[i];
            return SLU_OK;
        }
    const char *near = slu_suggest(value->text, partition_words, 6);
    return slu_error_at(
        m->err, SLU_INVALID, value, 0, "unknown partition \"%s\": %s%s%s", value->text, near == NULL ? "" : "did you mean ",
        near == NULL ? "forward, bucket, rebalance, broadcast, global or { hash: [column] }" : near, near == NULL ? "" : "?");
}

static slu_status
hash_keys_read(making *m, const slu_value *value, slu_edge *edge)
{
    const slu_value *first = value->kind == SLU_VALUE_SCALAR ? value : value->items;
    const uint32_t count = value->kind == SLU_VALUE_SCALAR ? 1 : value->count;
    if ((value->kind != SLU_VALUE_SCALAR && value->kind != SLU_VALUE_LIST) || count == 0)
        return slu_error_at(m->err, SLU_INVALID, value, 0, "hash wants its columns, such as { hash: [accountId] }");
    const char **keys = slu_arena_array(m->arena, count, sizeof *keys);
    SLU_TRY(slu_arena_status(m->arena, m->err));
    for (uint32_t i = 0; i < count; i++) {
        if (first[i].kind != SLU_VALUE_SCALAR)
            return slu_error_at(m->err, SLU_INVALID, &first[i], 0, "a column name is wanted here");
        keys[i] = first[i].text;
    }
    edge->partition = SLU_PARTITION_HASH;
    edge->keys = keys;
    edge->key_count = count;
    return SLU_OK;
}

static slu_status
partition_read(making *m, const slu_value *value, slu_edge *edge)
{
    if (value == NULL || value->kind == SLU_VALUE_NULL)
        return SLU_OK;
    edge->partition_value = value;
    if (value->kind == SLU_VALUE_SCALAR) {
        SLU_TRY(partition_word(m, value, &edge->partition));
        if (edge->partition == SLU_PARTITION_HASH)
            return slu_error_at(m->err, SLU_INVALID, value, 0, "hash wants its columns, such as { hash: [accountId] }");
        return SLU_OK;
    }
    if (value->kind != SLU_VALUE_MAP || value->count != 1)
        return slu_error_at(m->err, SLU_INVALID, value, 0, "a partition is one word, or { hash: [column] }");
    SLU_TRY(partition_word(m, &value->keys[0], &edge->partition));
    if (edge->partition != SLU_PARTITION_HASH)
        return slu_error_at(m->err, SLU_INVALID, &value->keys[0], 0, "partition %s takes nothing: write `partition: %s`",
                            value->keys[0].text, value->keys[0].text);
    return hash_keys_read(m, &value->items[0], edge);
}

/* ---- Operators ----------------------------------------------------------------------------------------------------------------- */

static slu_status
from_unknown(making *m, const slu_value *at, const char *id, const slu_operator *op)
{
    const char *names[SLU_OPERATORS_MAX];
    for (uint32_t i = 0; i < m->graph->operator_count; i++)
        names[i] = m->graph->operators[i].id;
    const char *near = slu_suggest(id, names, m->graph->operator_count);
    return slu_error_at(m->err, SLU_INVALID, at, 0, "operator %s takes from %s, and there is no such operator%s%s%s", op->id, id,
                        near == NULL ? "" : ": did you mean ", near == NULL ? "" : near, near == NULL ? "" : "?");
}

/* "id" or "id.output" */
static slu_status
from_read(making *m, const slu_value *at, const slu_operator *op, slu_edge *edge)
{
    char id[SLU_NAME_BYTES_MAX];
    int64_t output = 0;
    if (at->kind != SLU_VALUE_SCALAR || strlen(at->text) >= sizeof id)
        return slu_error_at(m->err, SLU_INVALID, at, 0, "operator %s: `from` names an operator, or a list of operators", op->id);
    (void)snprintf(id, sizeof id, "%s", at->text);
    char *dot = strchr(id, '.');
    if (dot != NULL) {
        *dot = 0;
        if (slu_i64_parse(dot + 1, &output, NULL) != SLU_OK || output < 0 || output > 63)
            return slu_error_at(m->err, SLU_INVALID, at, 0, "operator %s: \"%s\" is not id.N, where N is the number of an output",
                                op->id, at->text);
    }
    edge->line = at->line;
    edge->column = at->column;
    edge->from_output = (uint32_t)output;
    for (uint32_t i = 0; i < m->graph->operator_count; i++)
        if (strcmp(m->graph->operators[i].id, id) == 0) {
            edge->from = i;
            return SLU_OK;
        }
    return from_unknown(m, at, id, op);
}

static slu_status
edges_read(making *m, slu_operator *op)
{
    const slu_value *from = slu_value_get(op->node, "from");
    const slu_value *partition = slu_value_get(op->node, "partition");
    if (from == NULL || from->kind == SLU_VALUE_NULL) {
        if (partition != NULL)
            return slu_error_at(m->err, SLU_INVALID, partition, 0, "operator %s has no `from`: there is nothing to divide", op->id);
        return SLU_OK;
    }
    const slu_value *items = from->kind == SLU_VALUE_LIST ? from->items : from;
    const uint32_t count = from->kind == SLU_VALUE_LIST ? from->count : 1;
    slu_edge *edges = slu_arena_array(m->arena, count, sizeof *edges);
    SLU_TRY(slu_arena_status(m->arena, m->err));
    for (uint32_t i = 0; i < count; i++) {
        SLU_TRY(from_read(m, &items[i], op, &edges[i]));
        SLU_TRY(partition_read(m, partition, &edges[i]));
    }
    op->inputs = edges;
    op->input_count = count;
    return SLU_OK;
}

static slu_status
operator_read(making *m, const slu_value *node, slu_operator *op)
{
    const void *parsed = NULL;
    if (node->kind != SLU_VALUE_MAP)
        return slu_error_at(m->err, SLU_INVALID, node, 0, "an operator is a map with at least `id` and `use`");
    SLU_TRY(slu_options_parse(&operator_table, node, (slu_params){NULL, 0}, m->arena, &parsed, m->err));
    const operator_keys *keys = parsed;
    uint32_t parallelism_origin = SLU_ORIGIN_FILE;
    for (uint32_t i = 0; keys->parallelism == 0 && i < m->graph->settings.count; i++)
        if (strcmp(m->graph->settings.items[i].name, "parallelism") == 0)
            parallelism_origin = m->graph->settings.items[i].origin;
    *op = (slu_operator){.id = keys->id,
                         .use = keys->use,
                         .module = "",
                         .module_sha256 = "",
                         .parallelism = keys->parallelism != 0 ? (uint32_t)keys->parallelism : m->graph->parallelism,
                         .parallelism_origin = parallelism_origin,
                         .flags = keys->parallelism != 0 ? SLU_OPERATOR_OWN_PARALLELISM : 0,
                         .with = keys->with,
                         .line = node->line,
                         .column = node->column,
                         .node = node};
    return SLU_OK;
}

static slu_status
operators_read(making *m)
{
    const slu_value *list = m->job.operators;
    if (list->kind != SLU_VALUE_LIST || list->count == 0)
        return slu_error_at(m->err, SLU_INVALID, list, 0, "operators are a list, such as `- id: ...`, of at least one");
    if (list->count > SLU_OPERATORS_MAX)
        return slu_error_at(m->err, SLU_LIMIT, list, 0, "%u operators: at most %d are allowed", list->count, SLU_OPERATORS_MAX);
    m->graph->operators = slu_arena_array(m->arena, list->count, sizeof *m->graph->operators);
    SLU_TRY(slu_arena_status(m->arena, m->err));
    for (uint32_t i = 0; i < list->count; i++) {
        SLU_TRY(operator_read(m, &list->items[i], &m->graph->operators[i]));
        m->graph->operator_count = i + 1;
    }
    for (uint32_t i = 0; i < list->count; i++)
        SLU_TRY(edges_read(m, &m->graph->operators[i]));
    return SLU_OK;
}

/* Flink's default: room for half as many again, as a power of two, at least 128. */
static slu_status
key_groups_choose(making *m)
{
    uint32_t largest = m->graph->parallelism;
    for (uint32_t i = 0; i < m->graph->operator_count; i++)
        if (m->graph->operators[i].parallelism > largest)
            largest = m->graph->operators[i].parallelism;
    uint32_t groups = SLU_KEY_GROUPS_DEFAULT;
    while (groups < largest + largest / 2 && groups < SLU_KEY_GROUPS_MAX)
        groups *= 2;
    m->graph->max_parallelism = m->job.max_parallelism != 0 ? (uint32_t)m->job.max_parallelism : groups;
    if (m->graph->max_parallelism >= largest)
        return SLU_OK;
    return slu_error_at(m->err, SLU_INVALID, slu_value_get(m->graph->root, "max-parallelism"), 0,
                        "max-parallelism %u is below parallelism %u", m->graph->max_parallelism, largest);
}

/* ---- The whole ----------------------------------------------------------------------------------------------------------------- */

static slu_status
descriptor_make(making *m)
{
    const void *parsed = NULL;
    SLU_TRY(slu_yaml_parse(m->descriptor->text, m->arena, &m->graph->root, m->err));
    if (m->graph->root->kind != SLU_VALUE_MAP)
        return slu_error_at(m->err, SLU_INVALID, m->graph->root, 0, "a job descriptor is a map with `job` and `operators`");
    overrides_collect(m);
    SLU_TRY(section_parse(m, &job_table, m->graph->root, &parsed));
    m->job = *(const job_keys *)parsed;
    SLU_TRY(settings_apply(m));
    SLU_TRY(params_read(m));
    SLU_TRY(operators_read(m));
    SLU_TRY(key_groups_choose(m));
    return slu_graph_check(m->graph, m->err);
}

slu_status
slu_descriptor_read(const slu_descriptor *descriptor, slu_graph **out, slu_error *err)
{
    SLU_AUTO(slu_graph_free) slu_graph *graph = NULL;
    slu_error ignored;
    SLU_TRY(slu_graph_new(&graph, err));
    making m = {.descriptor = descriptor, .graph = graph, .arena = &graph->arena, .err = err == NULL ? &ignored : err};
    graph->source_path = slu_arena_strdup(&graph->arena, descriptor->path);
    SLU_TRY(slu_arena_status(&graph->arena, err));
    SLU_TRY(descriptor_make(&m));
    *out = slu_take(&graph);
    return SLU_OK;
}

slu_status
slu_descriptor_read_file(slu_descriptor *descriptor, slu_buf *out_text, slu_graph **out, slu_error *err)
{
    SLU_TRY(slu_file_read(descriptor->path, SLU_GRAPH_TEXT_BYTES_MAX, out_text, err));
    descriptor->text = slu_buf_view(out_text);
    return slu_descriptor_read(descriptor, out, err);
}

/* ---- Reports ------------------------------------------------------------------------------------------------------------------- */

#define REPORT_COLUMNS_MAX 110

static slu_view
line_of(slu_view text, uint32_t line)
{
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.bytes;
    for (; line > 1 && at < end; line--) {
        const uint8_t *next = memchr(at, '\n', (size_t)(end - at));
        at = next == NULL ? end : next + 1;
    }
    const uint8_t *stop = at == end ? end : memchr(at, '\n', (size_t)(end - at));
    return slu_view_of(at, (size_t)((stop == NULL ? end : stop) - at));
}

/* Behind the ':' of a key that names a secret: where its value is. 0: no such key begins here. */
static size_t
secret_key(slu_view line, size_t at)
{
    static const char *const words[] = {"secret", "token", "credential", "password", "access-key", "header."};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t bytes = strlen(words[i]);
        if (line.bytes - at < bytes || strncasecmp((const char *)line.data + at, words[i], bytes) != 0)
            continue;
        for (size_t end = at + bytes; end < line.bytes && strchr(" ,{}", line.data[end]) == NULL; end++)
            if (line.data[end] == ':')
                return end + 1;
    }
    return 0;
}

static size_t
value_end(slu_view line, size_t at)
{
    while (at < line.bytes && line.data[at] == ' ')
        at++;
    const uint8_t quote = at < line.bytes && (line.data[at] == '"' || line.data[at] == '\'') ? line.data[at++] : 0;
    while (at < line.bytes && (quote != 0 ? line.data[at] != quote : line.data[at] != ',' && line.data[at] != '}'))
        at++;
    return at;
}

/* The line with a star for each character of a secret. */
static void
line_masked(slu_view line, slu_buf *out)
{
    size_t hidden = 0; /* up to here */
    for (size_t at = 0; at < line.bytes; at++) {
        const size_t value = at >= hidden ? secret_key(line, at) : 0;
        if (value != 0) {
            slu_buf_append(out, line.data + at, value - at);
            hidden = value_end(line, value);
            at = value - 1;
        } else if (at >= hidden || line.data[at] == ' ') {
            slu_buf_u8(out, line.data[at]);
        } else if ((line.data[at] & 0xc0) != 0x80) {
            slu_buf_u8(out, '*');
        }
    }
}

/* Copies the line, control characters as spaces, and puts the caret below the column: a character, not a byte, each. */
static void
line_report(slu_view line, uint32_t column, slu_buf *out)
{
    size_t skip = column > REPORT_COLUMNS_MAX ? column - REPORT_COLUMNS_MAX / 2 : 0;
    size_t at = 0;
    for (size_t characters = 0; at < line.bytes && characters < skip; at++)
        characters += (line.data[at] & 0xc0) != 0x80;
    while (at < line.bytes && (line.data[at] & 0xc0) == 0x80)
        at++;
    slu_buf_text(out, "  ");
    for (size_t shown = 0; at < line.bytes && shown <= REPORT_COLUMNS_MAX; at++) {
        slu_buf_u8(out, line.data[at] < ' ' ? ' ' : line.data[at]);
        shown += (line.data[at] & 0xc0) != 0x80;
    }
    slu_buf_printf(out, "\n  %*s^\n", column == 0 ? 0 : (int)(column - skip - 1), "");
}

void
slu_descriptor_report(const char *path, slu_view text, const slu_error *error, slu_buf *out)
{
    if (error->line == 0) {
        slu_buf_printf(out, "%s: %s\n", path, error->message);
        return;
    }
    SLU_AUTO(slu_buf_fini) slu_buf line = {0};
    slu_buf_init(&line, SLU_GRAPH_TEXT_BYTES_MAX);
    line_masked(line_of(text, error->line), &line);
    slu_buf_printf(out, "%s:%u:%u: %s\n", path, error->line, error->column, error->message);
    line_report(slu_buf_view(&line), error->column, out);
}
