#include "planner.h"

#include "base/crash.h"
#include "base/sizes.h"
#include "base/suggest.h"
#include "descriptor.h"
#include "planning_host.h"
#include "store/place.h"

#include <sluice/columns.h>
#include <stdlib.h>

#define PLAN_PARAMS_MAX 1024
#define PLAN_SPLITS_MAX 65536
#define PLAN_USE_DEPTH_MAX 8

typedef struct planning {
    slu_graph *graph;
    const slu_planner *planner;
    slu_planning_host host;
    slu_registered *plugins; /* by operator */
    slu_error *err;
} planning;

/* ---- Errors -------------------------------------------------------------------------------------------------------------------- */

/* An error at the value of one key of the operator, else at the operator. */
#define operator_fail(p, op, key, ...)                                                                                             \
    (__extension__({                                                                                                               \
        const slu_status fail_status_ = slu_error_set((p)->err, SLU_INVALID, __VA_ARGS__);                                         \
        error_place((p)->err, (op), (key));                                                                                        \
        fail_status_;                                                                                                              \
    }))

static void
error_place(slu_error *err, const slu_operator *op, const char *key)
{
    const slu_value *at = op->node == NULL ? NULL : slu_value_get(op->node, key);
    err->line = at == NULL ? op->line : at->line;
    err->column = at == NULL ? op->column : at->column;
}

/* Gives an error of a lower floor the operator's name, and its place when it has none. */
static slu_status
operator_error(planning *p, const slu_operator *op, const char *key, slu_status status)
{
    if (status == SLU_OK)
        return status;
    if (status > 0)
        status = slu_error_set(p->err, SLU_INVALID, "%s answered %s while planning", op->use, slu_status_name(status));
    slu_error_in(p->err, status, "operator %s", op->id);
    if (p->err->line == 0)
        error_place(p->err, op, key);
    return status;
}

static slu_status
edge_fail_place(planning *p, const slu_edge *edge, const slu_operator *op)
{
    p->err->line = edge->line != 0 ? edge->line : op->line;
    p->err->column = edge->line != 0 ? edge->column : op->column;
    return SLU_INVALID;
}

/* ---- Plugins and the number of their inputs ------------------------------------------------------------------------------------ */

static slu_status
plugin_find(planning *p, slu_operator *op, slu_registered *out)
{
    const slu_status status = slu_registry_find(p->planner->registry, op->use, 0, out, p->err);
    if (status != SLU_OK)
        return operator_error(p, op, "use", status);
    const slu_plugin *plugin = out->plugin;
    if (plugin->kind != SLU_KIND_SOURCE && plugin->kind != SLU_KIND_OPERATOR && plugin->kind != SLU_KIND_SINK)
        return operator_fail(p, op, "use", "operator %s: %s is a %s, and a source, an operator or a sink is wanted here", op->id,
                             op->use, slu_kind_name(plugin->kind));
    op->module = slu_arena_strdup(&p->graph->arena, out->module->name);
    op->module_sha256 = slu_arena_strdup(&p->graph->arena, out->sha256);
    op->kind = plugin->kind;
    op->flags |= plugin->flags | (plugin->partitioner != NULL ? SLU_OPERATOR_BUCKETS : 0);
    op->output_count = plugin->kind == SLU_KIND_SINK ? 0 : plugin->output_count;
    return slu_arena_status(&p->graph->arena, p->err);
}

static slu_status
inputs_check(planning *p, const slu_operator *op, const slu_plugin *plugin)
{
    const uint32_t least = plugin->kind == SLU_KIND_SOURCE ? 0 : SLU_MAX(plugin->input_min, 1u);
    const uint32_t most = plugin->kind == SLU_KIND_SOURCE ? 0 : plugin->input_max;
    if (op->input_count > 0 && most == 0)
        return operator_fail(p, op, "from", "operator %s: %s is a source and takes no input", op->id, op->use);
    if (op->input_count == 0 && least > 0)
        return operator_fail(p, op, "", "operator %s: %s needs an input: say `from: ...`", op->id, op->use);
    if (op->input_count < least || op->input_count > most)
        return operator_fail(p, op, "from", "operator %s: %s takes %u to %u inputs, not %u", op->id, op->use, least, most,
                             op->input_count);
    return SLU_OK;
}

static slu_status
edge_source_check(planning *p, const slu_operator *op, const slu_edge *edge)
{
    const slu_operator *from = &p->graph->operators[edge->from];
    if (from->kind == SLU_KIND_SINK) {
        slu_error_set(p->err, SLU_INVALID, "operator %s takes from %s, which is a sink (%s) and gives nothing", op->id, from->id,
                      from->use);
        return edge_fail_place(p, edge, op);
    }
    if (edge->from_output >= from->output_count) {
        slu_error_set(p->err, SLU_INVALID, "operator %s takes output %u of %s, and %s has only %u (the first is 0)", op->id,
                      edge->from_output, from->id, from->use, from->output_count);
        return edge_fail_place(p, edge, op);
    }
    return SLU_OK;
}

static slu_status
consumers_check(planning *p)
{
    bool taken[SLU_OPERATORS_MAX] = {false};
    bool source = false, sink = false;
    for (uint32_t i = 0; i < p->graph->operator_count; i++) {
        const slu_operator *op = &p->graph->operators[i];
        source |= op->kind == SLU_KIND_SOURCE;
        sink |= op->kind == SLU_KIND_SINK;
        for (uint32_t k = 0; k < op->input_count; k++)
            taken[op->inputs[k].from] = true;
    }
    const slu_operator *first = &p->graph->operators[0];
    const slu_operator *last = &p->graph->operators[p->graph->operator_count - 1];
    if (!source)
        return operator_fail(p, first, "use", "the job has no source");
    if (!sink)
        return operator_fail(p, last, "use",
                             "the job has no sink: nobody takes what operator %s gives (a sink that drops it is `blackhole`)",
                             last->id);
    for (uint32_t i = 0; i < p->graph->operator_count; i++)
        if (p->graph->operators[i].kind != SLU_KIND_SINK && !taken[i])
            return operator_fail(p, &p->graph->operators[i], "id", "nobody takes what operator %s gives: add a sink, or remove it",
                                 p->graph->operators[i].id);
    return SLU_OK;
}

static slu_status
plugins_find(planning *p)
{
    p->plugins = slu_arena_array(&p->graph->arena, p->graph->operator_count, sizeof *p->plugins);
    SLU_TRY(slu_arena_status(&p->graph->arena, p->err));
    for (uint32_t i = 0; i < p->graph->operator_count; i++) {
        SLU_TRY(plugin_find(p, &p->graph->operators[i], &p->plugins[i]));
        SLU_TRY(inputs_check(p, &p->graph->operators[i], p->plugins[i].plugin));
    }
    for (uint32_t i = 0; i < p->graph->operator_count; i++)
        for (uint32_t k = 0; k < p->graph->operators[i].input_count; k++)
            SLU_TRY(edge_source_check(p, &p->graph->operators[i], &p->graph->operators[i].inputs[k]));
    return consumers_check(p);
}

/* ---- Parameters ---------------------------------------------------------------------------------------------------------------- */

/* The names that some plugin of the job asks for. */
typedef struct asked {
    const char *names[PLAN_PARAMS_MAX];
    size_t count;
} asked;

static void
asked_add(asked *a, const slu_plugin *plugin)
{
    for (uint32_t i = 0; i < plugin->option_count && a->count < PLAN_PARAMS_MAX; i++) {
        const char *name = plugin->options[i].param;
        bool seen = name == NULL;
        for (size_t k = 0; k < a->count && !seen; k++)
            seen = strcmp(a->names[k], name) == 0;
        if (!seen)
            a->names[a->count++] = name;
    }
}

/* Options may hold a map whose `use` names another plugin (a lookup): its parameters count too. */
static void
asked_add_nested(asked *a, slu_registry *registry, const slu_value *value, int level)
{
    slu_registered found;
    if (value == NULL || level > PLAN_USE_DEPTH_MAX)
        return;
    const slu_value *use = slu_value_get(value, "use");
    if (use != NULL && use->kind == SLU_VALUE_SCALAR && slu_registry_find(registry, use->text, 0, &found, NULL) == SLU_OK)
        asked_add(a, found.plugin);
    for (uint32_t i = 0; i < value->count; i++)
        asked_add_nested(a, registry, &value->items[i], level + 1);
}

static bool
param_asked(const asked *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++)
        if (slu_param_matches(a->names[i], name))
            return true;
    return false;
}

static bool
param_known(const planning *p, const asked *a, const char *name)
{
    if (param_asked(a, name))
        return true;
    for (uint32_t i = 0; i < p->graph->params.count; i++)
        if (p->graph->params.items[i].line != 0 && slu_param_matches(p->graph->params.items[i].name, name))
            return true;
    return false;
}

static slu_status
param_unknown(planning *p, const asked *a, const char *name)
{
    const char *names[2 * PLAN_PARAMS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++)
        names[count++] = a->names[i];
    for (uint32_t i = 0; i < p->graph->params.count && count < SLU_COUNT_OF(names); i++)
        if (p->graph->params.items[i].line != 0)
            names[count++] = p->graph->params.items[i].name;
    for (uint32_t i = 0; i < p->graph->settings.count && count < SLU_COUNT_OF(names); i++)
        names[count++] = p->graph->settings.items[i].name;
    const char *near = slu_suggest(name, names, count);
    if (near != NULL)
        return slu_error_set(p->err, SLU_INVALID, "unknown option --%s: did you mean --%s?", name, near);
    return slu_error_set(p->err, SLU_INVALID,
                         "unknown option --%s: no plugin of this job asks for it, and `params` does not name it", name);
}

/* What no plugin of this job asks for stays here, for explain: it does not travel, and is not kept in any job's state. */
static slu_status
params_divide(planning *p, const asked *a)
{
    slu_graph *graph = p->graph;
    const size_t most = (size_t)graph->params.count + graph->settings.count;
    slu_param *kept = slu_arena_array(&graph->arena, graph->params.count, sizeof *kept);
    slu_param *settings = slu_arena_array(&graph->arena, most, sizeof *settings);
    SLU_TRY(slu_arena_status(&graph->arena, p->err));
    uint32_t kept_count = 0, setting_count = graph->settings.count;
    if (setting_count != 0)
        memcpy(settings, graph->settings.items, setting_count * sizeof *settings);
    for (uint32_t i = 0; i < graph->params.count; i++)
        if (param_asked(a, graph->params.items[i].name))
            kept[kept_count++] = graph->params.items[i];
        else
            settings[setting_count++] = graph->params.items[i];
    graph->params = (slu_params){kept, kept_count};
    graph->settings = (slu_params){settings, setting_count};
    return SLU_OK;
}

/* Adds what only plugins name, from the environment; refuses what nobody names. */
static slu_status
params_complete(planning *p)
{
    asked a = {.count = 0};
    for (uint32_t i = 0; i < p->graph->operator_count; i++) {
        asked_add(&a, p->plugins[i].plugin);
        asked_add_nested(&a, p->planner->registry, p->graph->operators[i].with, 0);
    }
    const slu_params old = p->graph->params;
    for (uint32_t i = 0; i < old.count; i++)
        if (old.items[i].line == 0 && !param_known(p, &a, old.items[i].name))
            return param_unknown(p, &a, old.items[i].name);
    slu_param *params = slu_arena_array(&p->graph->arena, old.count + a.count, sizeof *params);
    SLU_TRY(slu_arena_status(&p->graph->arena, p->err));
    if (old.count != 0)
        memcpy(params, old.items, old.count * sizeof *params);
    uint32_t count = old.count;
    for (size_t i = 0; i < a.count; i++) {
        const char *text = slu_setting_environment(p->planner->environment, a.names[i]);
        if (text == NULL || slu_params_find(old, a.names[i]) != NULL)
            continue;
        params[count++] = (slu_param){.name = slu_arena_strdup(&p->graph->arena, a.names[i]),
                                      .text = slu_arena_strdup(&p->graph->arena, text),
                                      .origin = SLU_ORIGIN_ENVIRONMENT};
    }
    p->graph->params = (slu_params){params, count};
    SLU_TRY(slu_arena_status(&p->graph->arena, p->err));
    return params_divide(p, &a);
}

/* ---- Partitions ---------------------------------------------------------------------------------------------------------------- */

static slu_status
partition_fail(planning *p, const slu_operator *op, const slu_edge *edge)
{
    const slu_value *at = edge->partition_value;
    p->err->line = at == NULL ? op->line : at->line;
    p->err->column = at == NULL ? op->column : at->column;
    return SLU_INVALID;
}

static slu_status
partition_choose(planning *p, uint32_t index, slu_edge *edge)
{
    const slu_operator *op = &p->graph->operators[index];
    const slu_operator *from = &p->graph->operators[edge->from];
    const bool partitioner = p->plugins[index].plugin->partitioner != NULL;
    const bool equal = from->parallelism == op->parallelism;
    if (edge->partition == 0 && partitioner && op->parallelism > 1)
        edge->partition = SLU_PARTITION_BUCKET;
    else if (edge->partition == 0)
        edge->partition = equal ? SLU_PARTITION_FORWARD : SLU_PARTITION_REBALANCE;
    if (edge->partition == SLU_PARTITION_BUCKET && !partitioner) {
        slu_error_set(p->err, SLU_INVALID, "operator %s: %s has no bucket function of its own, so rows cannot be divided by bucket",
                      op->id, op->use);
        return partition_fail(p, op, edge);
    }
    if (edge->partition == SLU_PARTITION_FORWARD && !equal) {
        slu_error_set(p->err, SLU_INVALID, "operator %s: forward needs equal parallelism, and %s has %u, %s has %u", op->id,
                      from->id, from->parallelism, op->id, op->parallelism);
        return partition_fail(p, op, edge);
    }
    return SLU_OK;
}

static slu_status
keyed_check(planning *p, const slu_operator *op)
{
    bool hash = (op->flags & SLU_PLUGIN_KEYED) == 0;
    for (uint32_t k = 0; k < op->input_count; k++)
        hash |= op->inputs[k].partition == SLU_PARTITION_HASH;
    if (hash)
        return SLU_OK;
    return operator_fail(
        p, op, op->node != NULL && slu_value_get(op->node, "partition") != NULL ? "partition" : "use",
        "operator %s: %s keeps state per key, so its rows must be divided by it: say `partition: { hash: [column] }`", op->id,
        op->use);
}

static slu_status
partitions_choose(planning *p, uint32_t index)
{
    slu_operator *op = &p->graph->operators[index];
    /* Edges are in the graph's own arena: const only to readers. */
    slu_edge *inputs = (slu_edge *)(uintptr_t)op->inputs;
    for (uint32_t k = 0; k < op->input_count; k++)
        SLU_TRY(partition_choose(p, index, &inputs[k]));
    return keyed_check(p, op);
}

/* ---- Hash columns -------------------------------------------------------------------------------------------------------------- */

static const slu_value *
key_value(const slu_edge *edge, uint32_t index)
{
    const slu_value *hash = edge->partition_value == NULL ? NULL : slu_value_get(edge->partition_value, "hash");
    return hash == NULL || hash->kind != SLU_VALUE_LIST ? hash : &hash->items[index];
}

static slu_status
column_unknown(planning *p, const slu_operator *op, const slu_edge *edge, uint32_t index, const struct ArrowSchema *schema)
{
    const char *names[SLU_COLUMNS_MAX];
    size_t count = 0;
    for (int64_t i = 0; i < schema->n_children && count < SLU_COLUMNS_MAX; i++)
        names[count++] = schema->children[i]->name;
    const slu_operator *from = &p->graph->operators[edge->from];
    const char *near = slu_suggest(edge->keys[index], names, count);
    const slu_status status =
        slu_error_at(p->err, SLU_INVALID, key_value(edge, index), 0, "operator %s: %s gives no column %s%s%s%s", op->id, from->id,
                     edge->keys[index], near == NULL ? "" : ": did you mean ", near == NULL ? "" : near, near == NULL ? "" : "?");
    if (p->err->line == 0)
        (void)partition_fail(p, op, edge);
    return status;
}

static bool
hashable(const char *format)
{
    const slu_type type = slu_type_of(format);
    return type.id != SLU_TYPE_OTHER && type.id < SLU_TYPE_STRUCT;
}

static slu_status
hash_edge_check(planning *p, const slu_operator *op, const slu_edge *edge)
{
    const slu_operator *from = &p->graph->operators[edge->from];
    const struct ArrowSchema *schema = from->outputs[edge->from_output];
    if (schema == NULL) {
        slu_error_set(p->err, SLU_INVALID,
                      "operator %s: every batch of %s has a schema of its own, so there is no column to hash by", op->id, from->id);
        return partition_fail(p, op, edge);
    }
    for (uint32_t i = 0; i < edge->key_count; i++) {
        const int64_t column = slu_schema_find(schema, edge->keys[i]);
        if (column < 0)
            return column_unknown(p, op, edge, i, schema);
        if (!hashable(schema->children[column]->format)) {
            const slu_status status = slu_error_at(p->err, SLU_INVALID, key_value(edge, i), 0,
                                                   "operator %s: column %s has a type that has no hash", op->id, edge->keys[i]);
            return p->err->line == 0 ? partition_fail(p, op, edge) : status;
        }
    }
    return SLU_OK;
}

static const char *
key_format(const planning *p, const slu_edge *edge, uint32_t index)
{
    const struct ArrowSchema *schema = p->graph->operators[edge->from].outputs[edge->from_output];
    return schema->children[slu_schema_find(schema, edge->keys[index])]->format;
}

/* Equal keys of two inputs meet only when they have the same bytes: the types must be the same. */
static slu_status
hash_edges_agree(planning *p, const slu_operator *op)
{
    const slu_edge *first = NULL;
    for (uint32_t k = 0; k < op->input_count; k++) {
        const slu_edge *edge = &op->inputs[k];
        if (edge->partition != SLU_PARTITION_HASH)
            continue;
        if (first == NULL) {
            first = edge;
            continue;
        }
        bool same = edge->key_count == first->key_count;
        for (uint32_t i = 0; same && i < edge->key_count; i++)
            same = strcmp(key_format(p, edge, i), key_format(p, first, i)) == 0;
        if (!same) {
            slu_error_set(p->err, SLU_INVALID, "operator %s: its inputs are hashed by columns of different types", op->id);
            return partition_fail(p, op, edge);
        }
    }
    return SLU_OK;
}

/* ---- Schemas ------------------------------------------------------------------------------------------------------------------- */

static struct ArrowSchema *const no_columns[1];
static const struct ArrowSchema dynamic_schema = {
    .format = "+s", .name = "", .children = (struct ArrowSchema **)(uintptr_t)no_columns};

static slu_status
outputs_check(planning *p, const slu_operator *op, const slu_plan_call *call)
{
    for (uint32_t i = 0; i < call->output_count && call->dynamic == 0; i++) {
        const struct ArrowSchema *schema = &call->outputs[i];
        if (schema->release == NULL || schema->format == NULL || strcmp(schema->format, "+s") != 0)
            return operator_fail(p, op, "use", "operator %s: %s planned no columns for output %u", op->id, op->use, i);
        for (int64_t a = 0; a < schema->n_children; a++)
            for (int64_t b = 0; b < a; b++)
                if (strcmp(schema->children[a]->name, schema->children[b]->name) == 0)
                    return operator_fail(p, op, "with", "operator %s gives two columns called %s", op->id,
                                         schema->children[a]->name);
    }
    return SLU_OK;
}

/* Moves what plan answered into the graph. From here on slu_graph_free releases it. */
static void
outputs_keep(slu_operator *op, const slu_plan_call *call, const struct ArrowSchema **outputs)
{
    for (uint32_t i = 0; i < call->output_count; i++) {
        const bool there = call->dynamic == 0 && call->outputs[i].release != NULL;
        outputs[i] = there ? &call->outputs[i] : NULL;
        if (!there)
            slu_schema_release(&call->outputs[i]);
    }
    op->outputs = outputs;
    op->dynamic = call->dynamic;
    op->bounded = call->bounded;
}

static slu_status
plan_call_make(planning *p, uint32_t index, slu_plan_call *call)
{
    slu_operator *op = &p->graph->operators[index];
    slu_arena *arena = &p->graph->arena;
    const struct ArrowSchema **inputs = slu_arena_array(arena, op->input_count, sizeof *inputs);
    struct ArrowSchema *outputs = slu_arena_array(arena, op->output_count, sizeof *outputs);
    SLU_TRY(slu_arena_status(arena, p->err));
    for (uint32_t k = 0; k < op->input_count; k++) {
        const slu_operator *from = &p->graph->operators[op->inputs[k].from];
        inputs[k] = from->outputs[op->inputs[k].from_output];
        if (inputs[k] == NULL)
            inputs[k] = &dynamic_schema;
    }
    *call = (slu_plan_call){.size = sizeof *call,
                            .parallelism = op->parallelism,
                            .host = &p->host.host,
                            .with = op->with,
                            .inputs = inputs,
                            .input_count = op->input_count,
                            .output_count = op->output_count,
                            .outputs = outputs,
                            .operator_id = op->id};
    if (op->input_count != 0) {
        call->keys = op->inputs[0].keys;
        call->key_count = op->inputs[0].key_count;
    }
    p->host.operator_id = op->id;
    p->host.parallelism = op->parallelism;
    p->host.params = p->graph->params;
    return SLU_OK;
}

/* ---- Splits -------------------------------------------------------------------------------------------------------------------- */

typedef struct collector {
    slu_split_list list; /* first: add gets its address */
    slu_arena *arena;
    slu_split *splits;
    uint32_t count;
    uint32_t capacity;
} collector;

static slu_status
collector_grow(collector *c, slu_error *err)
{
    const uint32_t capacity = c->capacity == 0 ? 16 : c->capacity * 2;
    slu_split *splits = slu_arena_array(c->arena, capacity, sizeof *splits);
    SLU_TRY(slu_arena_status(c->arena, err));
    if (c->count != 0)
        memcpy(splits, c->splits, c->count * sizeof *splits);
    c->splits = splits;
    c->capacity = capacity;
    return SLU_OK;
}

static slu_status
collector_add(slu_split_list *list, const slu_split *split, slu_error *err)
{
    collector *c = (collector *)list;
    if (c->count == PLAN_SPLITS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d splits", PLAN_SPLITS_MAX);
    if (split->id == NULL || split->id[0] == 0)
        return slu_error_set(err, SLU_INVALID, "a split without an id");
    if (c->count == c->capacity)
        SLU_TRY(collector_grow(c, err));
    uint8_t *data = slu_arena_alloc(c->arena, split->data_bytes);
    const char *id = slu_arena_strdup(c->arena, split->id);
    SLU_TRY(slu_arena_status(c->arena, err));
    if (split->data_bytes != 0)
        memcpy(data, split->data, split->data_bytes);
    c->splits[c->count++] = (slu_split){.size = sizeof *split, .data_bytes = split->data_bytes, .id = id, .data = data};
    return SLU_OK;
}

static int
text_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static slu_status
splits_unique(planning *p, const slu_operator *op, const collector *c)
{
    const char **ids = slu_arena_array(c->arena, c->count, sizeof *ids);
    SLU_TRY(slu_arena_status(c->arena, p->err));
    for (uint32_t i = 0; i < c->count; i++)
        ids[i] = c->splits[i].id;
    qsort(ids, c->count, sizeof *ids, text_order);
    for (uint32_t i = 1; i < c->count; i++)
        if (strcmp(ids[i - 1], ids[i]) == 0)
            return operator_fail(p, op, "use", "operator %s: %s lists two splits called %s", op->id, op->use, ids[i]);
    return SLU_OK;
}

static slu_status
splits_list(planning *p, uint32_t index, const slu_plan_call *call)
{
    slu_operator *op = &p->graph->operators[index];
    const slu_source_ops *ops = p->plugins[index].plugin->ops;
    collector c = {.list = {.size = sizeof c.list, .add = collector_add}, .arena = &p->graph->arena};
    SLU_TRY(operator_error(p, op, "with", ops->list_splits(call, &c.list, p->err)));
    SLU_TRY(splits_unique(p, op, &c));
    op->splits = c.splits;
    op->split_count = c.count;
    return SLU_OK;
}

/* ---- The whole ----------------------------------------------------------------------------------------------------------------- */

static slu_status
operator_plan(planning *p, uint32_t index)
{
    slu_operator *op = &p->graph->operators[index];
    const slu_plugin *plugin = p->plugins[index].plugin;
    slu_plan_call call;
    for (uint32_t k = 0; k < op->input_count; k++)
        if (op->inputs[k].partition == SLU_PARTITION_HASH)
            SLU_TRY(hash_edge_check(p, op, &op->inputs[k]));
    SLU_TRY(hash_edges_agree(p, op));
    SLU_TRY(plan_call_make(p, index, &call));
    SLU_TRY(operator_error(p, op, "with",
                           slu_options_parse(plugin, op->with, p->graph->params, &p->graph->arena, &call.options, p->err)));
    const struct ArrowSchema **outputs = slu_arena_array(&p->graph->arena, op->output_count, sizeof *outputs);
    SLU_TRY(slu_arena_status(&p->graph->arena, p->err));
    p->host.promise = NULL;
    const slu_crash_note before = slu_crash_enter(plugin->name, op->id);
    const slu_status status = plugin->plan(&call, p->err);
    slu_crash_leave(before);
    op->promise = op->kind == SLU_KIND_SINK ? p->host.promise : NULL;
    outputs_keep(op, &call, outputs);
    SLU_TRY(operator_error(p, op, "with", status));
    SLU_TRY(outputs_check(p, op, &call));
    return op->kind == SLU_KIND_SOURCE ? splits_list(p, index, &call) : SLU_OK;
}

static slu_status
operator_check_offline(planning *p, uint32_t index)
{
    const slu_operator *op = &p->graph->operators[index];
    const void *options = NULL;
    return operator_error(
        p, op, "with", slu_options_parse(p->plugins[index].plugin, op->with, p->graph->params, &p->graph->arena, &options, p->err));
}

/* A store that is not there is better found out now than at the first checkpoint. */
static slu_status
checkpoint_store_check(planning *p)
{
    char scheme[SLU_SCHEME_BYTES_MAX];
    slu_registered found;
    const char *dir = p->graph->checkpoint.dir;
    if (dir == NULL || slu_place_is_local(dir))
        return SLU_OK;
    (void)snprintf(scheme, sizeof scheme, "%.*s", (int)(strstr(dir, "://") - dir), dir);
    return slu_error_in(p->err, slu_registry_find(p->planner->registry, scheme, SLU_KIND_STORE, &found, p->err),
                        "checkpoint dir %.200s", dir);
}

slu_status
slu_plan_graph(slu_graph *graph, const slu_planner *planner, slu_error *err)
{
    slu_error ignored;
    planning p = {.graph = graph, .planner = planner, .err = err == NULL ? &ignored : err};
    slu_planning_host_init(&p.host, planner->registry, planner->env, graph->params, &graph->arena);
    SLU_TRY(plugins_find(&p));
    SLU_TRY(checkpoint_store_check(&p));
    SLU_TRY(params_complete(&p));
    for (uint32_t i = 0; i < graph->operator_count; i++)
        SLU_TRY(partitions_choose(&p, i));
    for (uint32_t i = 0; i < graph->operator_count; i++)
        SLU_TRY(planner->offline ? operator_check_offline(&p, i) : operator_plan(&p, i));
    return SLU_OK;
}
