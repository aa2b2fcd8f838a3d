/*
 * graph_codec.c: a graph as bytes.
 *
 * Format   MessagePack: a map of "version" (1) and named parts; the small things inside are arrays, which a later version may
 *          lengthen: a reader takes what it knows and passes over the rest. Unknown names are passed over too.
 *
 *   job         [name, path, parallelism, max_parallelism, flush_interval_ms]
 *   checkpoint  [interval_ms, timeout_ms, min_pause_ms, tolerated_failures, retained, dir]
 *   state       [backend, incremental, memory_bytes, local_dir]; missing from older ones: the heap
 *   restart     [strategy, attempts_max, delay_ms, delay_max_ms; since 0.1 also: failures_max, interval_ms, reset_ms, same_max]
 *   params      [[name, text|nil, origin, line, column] ...]
 *   operators   [[id, use, module, sha256, kind, flags, parallelism, parallelism_origin, inputs, with|nil, outputs, dynamic, bounded,
 *                splits, line, column] ...]
 *   input       [from, from_output, partition, [key ...]]
 *   output      schema bytes (batch/schema.h), or nil when dynamic
 *   split       [id, bytes]
 *   with        value_codec.h
 */
#include "graph.h"

#include "base/alloc.h"
#include "batch/schema.h"
#include "control/pack.h"
#include "value_codec.h"

#define GRAPH_FORMAT 1
#define SPLITS_MAX 65536

/* ---- Encoding ---------------------------------------------------------------------------------------------------------------- */

static void
edge_encode(const slu_edge *edge, slu_buf *out)
{
    slu_pack_array(out, 4);
    slu_pack_u64(out, edge->from);
    slu_pack_u64(out, edge->from_output);
    slu_pack_u64(out, edge->partition);
    slu_pack_array(out, edge->key_count);
    for (uint32_t i = 0; i < edge->key_count; i++)
        slu_pack_cstr(out, edge->keys[i]);
}

static void
outputs_encode(const slu_operator *op, slu_buf *out)
{
    slu_buf schema;
    slu_buf_init(&schema, SLU_GRAPH_BYTES_MAX);
    slu_pack_array(out, op->output_count);
    for (uint32_t i = 0; i < op->output_count; i++) {
        if (op->outputs == NULL || op->outputs[i] == NULL) {
            slu_pack_nil(out);
            continue;
        }
        slu_buf_reset(&schema);
        slu_schema_encode(op->outputs[i], &schema);
        if (schema.failed != SLU_OK)
            out->failed = schema.failed;
        slu_pack_bytes(out, slu_view_of(schema.data, schema.bytes));
    }
    slu_buf_fini(&schema);
}

static void
operator_encode(const slu_operator *op, slu_buf *out)
{
    slu_pack_array(out, 16);
    slu_pack_cstr(out, op->id);
    slu_pack_cstr(out, op->use);
    slu_pack_cstr(out, op->module == NULL ? "" : op->module);
    slu_pack_cstr(out, op->module_sha256 == NULL ? "" : op->module_sha256);
    slu_pack_u64(out, op->kind);
    slu_pack_u64(out, op->flags);
    slu_pack_u64(out, op->parallelism);
    slu_pack_u64(out, op->parallelism_origin);
    slu_pack_array(out, op->input_count);
    for (uint32_t i = 0; i < op->input_count; i++)
        edge_encode(&op->inputs[i], out);
    if (op->with == NULL)
        slu_pack_nil(out);
    else
        slu_value_pack(op->with, out);
    outputs_encode(op, out);
    slu_pack_u64(out, op->dynamic);
    slu_pack_u64(out, op->bounded);
    slu_pack_array(out, op->split_count);
    for (uint32_t i = 0; i < op->split_count; i++) {
        slu_pack_array(out, 2);
        slu_pack_cstr(out, op->splits[i].id);
        slu_pack_bytes(out, slu_view_of(op->splits[i].data, op->splits[i].data_bytes));
    }
    slu_pack_u64(out, op->line);
    slu_pack_u64(out, op->column);
}

static void
settings_encode(const slu_graph *graph, slu_buf *out)
{
    slu_pack_cstr(out, "job");
    slu_pack_array(out, 5);
    slu_pack_cstr(out, graph->name);
    slu_pack_cstr(out, graph->source_path);
    slu_pack_u64(out, graph->parallelism);
    slu_pack_u64(out, graph->max_parallelism);
    slu_pack_i64(out, graph->flush_interval_ms);
    slu_pack_cstr(out, "checkpoint");
    slu_pack_array(out, 6);
    slu_pack_i64(out, graph->checkpoint.interval_ms);
    slu_pack_i64(out, graph->checkpoint.timeout_ms);
    slu_pack_i64(out, graph->checkpoint.min_pause_ms);
    slu_pack_u64(out, graph->checkpoint.tolerated_failures);
    slu_pack_u64(out, graph->checkpoint.retained);
    slu_pack_cstr(out, graph->checkpoint.dir);
    slu_pack_cstr(out, "state");
    slu_pack_array(out, 4);
    slu_pack_u64(out, graph->state.backend);
    slu_pack_u64(out, graph->state.incremental);
    slu_pack_i64(out, graph->state.memory_bytes);
    slu_pack_cstr(out, graph->state.local_dir);
    slu_pack_cstr(out, "restart");
    slu_pack_array(out, 8);
    slu_pack_u64(out, graph->restart.strategy);
    slu_pack_u64(out, graph->restart.attempts_max);
    slu_pack_i64(out, graph->restart.delay_ms);
    slu_pack_i64(out, graph->restart.delay_max_ms);
    slu_pack_u64(out, graph->restart.failures_max);
    slu_pack_i64(out, graph->restart.interval_ms);
    slu_pack_i64(out, graph->restart.reset_ms);
    slu_pack_u64(out, graph->restart.same_max);
}

slu_status
slu_graph_encode(const slu_graph *graph, slu_buf *out, slu_error *err)
{
    slu_pack_map(out, 7);
    slu_pack_cstr(out, "version");
    slu_pack_u64(out, GRAPH_FORMAT);
    settings_encode(graph, out);
    slu_pack_cstr(out, "params");
    slu_pack_array(out, graph->params.count);
    for (uint32_t i = 0; i < graph->params.count; i++) {
        const slu_param *param = &graph->params.items[i];
        slu_pack_array(out, 5);
        slu_pack_cstr(out, param->name);
        if (param->text == NULL)
            slu_pack_nil(out);
        else
            slu_pack_cstr(out, param->text);
        slu_pack_u64(out, param->origin);
        slu_pack_u64(out, param->line);
        slu_pack_u64(out, param->column);
    }
    slu_pack_cstr(out, "operators");
    slu_pack_array(out, graph->operator_count);
    for (uint32_t i = 0; i < graph->operator_count; i++)
        operator_encode(&graph->operators[i], out);
    return slu_buf_status(out, err);
}

/* ---- Decoding ---------------------------------------------------------------------------------------------------------------- */

/* What a decoder of one part needs; failure is sticky in `in`, or in the arena. */
typedef struct reader {
    slu_cursor in;
    slu_graph *graph;
    bool nomem; /* it is not the bytes that are wrong */
} reader;

static uint32_t
u32_decode(reader *r)
{
    const uint64_t value = slu_unpack_u64(&r->in);
    if (value > UINT32_MAX)
        slu_cursor_fail(&r->in);
    return value > UINT32_MAX ? 0 : (uint32_t)value;
}

/* A text of the arena; one with a zero inside fails. */
static const char *
text_decode(reader *r)
{
    const slu_view view = slu_unpack_text(&r->in);
    if (view.bytes != 0 && memchr(view.data, 0, view.bytes) != NULL)
        slu_cursor_fail(&r->in);
    const char *text = slu_arena_strndup(&r->graph->arena, view.data == NULL ? "" : (const char *)view.data, view.bytes);
    if (text == NULL)
        slu_cursor_fail(&r->in);
    return text == NULL ? "" : text;
}

static const char *
text_or_nil_decode(reader *r)
{
    return slu_unpack_is_nil(&r->in) ? NULL : text_decode(r);
}

static void *
array_decode(reader *r, size_t count, size_t bytes)
{
    void *array = slu_arena_array(&r->graph->arena, count, bytes);
    if (array == NULL)
        slu_cursor_fail(&r->in);
    return array;
}

/* Opens an array of at least `least` values; answers how many more there are, for parts_end. */
static uint32_t
parts_begin(reader *r, uint32_t least)
{
    const uint32_t count = slu_unpack_array(&r->in);
    if (count < least) {
        slu_cursor_fail(&r->in);
        return 0;
    }
    return count - least;
}

static void
parts_end(reader *r, uint32_t more)
{
    for (; more > 0 && slu_cursor_ok(&r->in); more--)
        slu_unpack_skip(&r->in, SLU_VALUE_DEPTH_MAX);
}

static void
edge_decode(reader *r, slu_edge *edge)
{
    const uint32_t more = parts_begin(r, 4);
    edge->from = u32_decode(r);
    edge->from_output = u32_decode(r);
    edge->partition = u32_decode(r);
    edge->key_count = slu_unpack_array(&r->in);
    const char **keys = array_decode(r, edge->key_count, sizeof *keys);
    for (uint32_t i = 0; i < edge->key_count && slu_cursor_ok(&r->in); i++)
        keys[i] = text_decode(r);
    edge->keys = keys;
    parts_end(r, more);
}

static void
inputs_decode(reader *r, slu_operator *op)
{
    op->input_count = slu_unpack_array(&r->in);
    slu_edge *inputs = array_decode(r, op->input_count, sizeof *inputs);
    for (uint32_t i = 0; i < op->input_count && slu_cursor_ok(&r->in); i++)
        edge_decode(r, &inputs[i]);
    op->inputs = inputs;
}

static void
outputs_decode(reader *r, slu_operator *op)
{
    const uint32_t count = slu_unpack_array(&r->in);
    const struct ArrowSchema **outputs = array_decode(r, count, sizeof *outputs);
    if (outputs == NULL)
        return;
    op->outputs = outputs;
    op->output_count = count;
    for (uint32_t i = 0; i < count && slu_cursor_ok(&r->in); i++) {
        if (slu_unpack_is_nil(&r->in))
            continue;
        const slu_view bytes = slu_unpack_bytes(&r->in);
        struct ArrowSchema *schema = array_decode(r, 1, sizeof *schema);
        const slu_status status = slu_cursor_ok(&r->in) ? slu_schema_decode(bytes, schema, NULL) : SLU_CORRUPT;
        r->nomem |= status == SLU_NOMEM;
        if (status != SLU_OK)
            slu_cursor_fail(&r->in);
        else
            outputs[i] = schema;
    }
}

static void
splits_decode(reader *r, slu_operator *op)
{
    op->split_count = slu_unpack_array(&r->in);
    if (op->split_count > SPLITS_MAX)
        slu_cursor_fail(&r->in);
    slu_split *splits = array_decode(r, slu_cursor_ok(&r->in) ? op->split_count : 0, sizeof *splits);
    for (uint32_t i = 0; i < op->split_count && slu_cursor_ok(&r->in); i++) {
        const uint32_t more = parts_begin(r, 2);
        const char *id = text_decode(r);
        const slu_view data = slu_unpack_bytes(&r->in);
        uint8_t *copy = array_decode(r, data.bytes, 1);
        if (copy != NULL && data.bytes != 0)
            memcpy(copy, data.data, data.bytes);
        splits[i] = (slu_split){.size = sizeof *splits, .data_bytes = (uint32_t)data.bytes, .id = id, .data = copy};
        parts_end(r, more);
    }
    op->splits = splits;
}

static void
operator_decode(reader *r, slu_operator *op)
{
    const uint32_t more = parts_begin(r, 16);
    op->id = text_decode(r);
    op->use = text_decode(r);
    op->module = text_decode(r);
    op->module_sha256 = text_decode(r);
    op->kind = u32_decode(r);
    op->flags = u32_decode(r);
    op->parallelism = u32_decode(r);
    op->parallelism_origin = u32_decode(r);
    inputs_decode(r, op);
    if (!slu_unpack_is_nil(&r->in)) {
        slu_value *with = array_decode(r, 1, sizeof *with);
        if (with != NULL)
            slu_value_unpack(&r->in, &r->graph->arena, with);
        op->with = with;
    }
    outputs_decode(r, op);
    op->dynamic = u32_decode(r);
    op->bounded = u32_decode(r);
    splits_decode(r, op);
    op->line = u32_decode(r);
    op->column = u32_decode(r);
    parts_end(r, more);
}

static void
operators_decode(reader *r)
{
    const uint32_t count = slu_unpack_array(&r->in);
    if (count > SLU_OPERATORS_MAX)
        slu_cursor_fail(&r->in);
    slu_operator *operators = array_decode(r, slu_cursor_ok(&r->in) ? count : 0, sizeof *operators);
    r->graph->operators = operators;
    for (uint32_t i = 0; i < count && slu_cursor_ok(&r->in); i++) {
        r->graph->operator_count = i + 1;
        operator_decode(r, &operators[i]);
    }
}

static void
params_decode(reader *r)
{
    const uint32_t count = slu_unpack_array(&r->in);
    slu_param *params = array_decode(r, count, sizeof *params);
    for (uint32_t i = 0; i < count && slu_cursor_ok(&r->in); i++) {
        const uint32_t more = parts_begin(r, 5);
        params[i].name = text_decode(r);
        params[i].text = text_or_nil_decode(r);
        params[i].origin = u32_decode(r);
        params[i].line = u32_decode(r);
        params[i].column = u32_decode(r);
        parts_end(r, more);
    }
    r->graph->params.items = params;
    r->graph->params.count = slu_cursor_ok(&r->in) ? count : 0;
}

static void
job_decode(reader *r)
{
    const uint32_t more = parts_begin(r, 5);
    r->graph->name = text_decode(r);
    r->graph->source_path = text_decode(r);
    r->graph->parallelism = u32_decode(r);
    r->graph->max_parallelism = u32_decode(r);
    r->graph->flush_interval_ms = slu_unpack_i64(&r->in);
    parts_end(r, more);
}

static void
checkpoint_decode(reader *r)
{
    slu_checkpoint_settings *settings = &r->graph->checkpoint;
    const uint32_t more = parts_begin(r, 6);
    settings->interval_ms = slu_unpack_i64(&r->in);
    settings->timeout_ms = slu_unpack_i64(&r->in);
    settings->min_pause_ms = slu_unpack_i64(&r->in);
    settings->tolerated_failures = u32_decode(r);
    settings->retained = u32_decode(r);
    settings->dir = text_decode(r);
    parts_end(r, more);
}

static void
state_decode(reader *r)
{
    slu_state_settings *settings = &r->graph->state;
    const uint32_t more = parts_begin(r, 4);
    settings->backend = u32_decode(r);
    settings->incremental = u32_decode(r);
    settings->memory_bytes = slu_unpack_i64(&r->in);
    settings->local_dir = text_decode(r);
    if (settings->backend > SLU_STATE_ROCKSDB || settings->memory_bytes < 0)
        slu_cursor_fail(&r->in);
    parts_end(r, more);
}

static void
restart_decode(reader *r)
{
    slu_restart_settings *settings = &r->graph->restart;
    uint32_t more = parts_begin(r, 4);
    settings->strategy = u32_decode(r);
    settings->attempts_max = u32_decode(r);
    settings->delay_ms = slu_unpack_i64(&r->in);
    settings->delay_max_ms = slu_unpack_i64(&r->in);
    if (more >= 4) { /* of a graph that an older build made and the job store keeps they are missing */
        settings->failures_max = u32_decode(r);
        settings->interval_ms = slu_unpack_i64(&r->in);
        settings->reset_ms = slu_unpack_i64(&r->in);
        settings->same_max = u32_decode(r);
        more -= 4;
    }
    parts_end(r, more);
}

static slu_status
parts_decode(reader *r, slu_error *err)
{
    uint64_t version = 0;
    bool seen_operators = false;
    const uint32_t pairs = slu_unpack_map(&r->in);
    for (uint32_t i = 0; i < pairs && slu_cursor_ok(&r->in); i++) {
        const slu_view name = slu_unpack_text(&r->in);
        if (slu_view_is(name, "version"))
            version = slu_unpack_u64(&r->in);
        else if (slu_view_is(name, "job"))
            job_decode(r);
        else if (slu_view_is(name, "checkpoint"))
            checkpoint_decode(r);
        else if (slu_view_is(name, "state"))
            state_decode(r);
        else if (slu_view_is(name, "restart"))
            restart_decode(r);
        else if (slu_view_is(name, "params"))
            params_decode(r);
        else if (slu_view_is(name, "operators") && !seen_operators) {
            operators_decode(r);
            seen_operators = true;
        } else
            slu_unpack_skip(&r->in, SLU_VALUE_DEPTH_MAX);
        if (slu_cursor_ok(&r->in) && version != GRAPH_FORMAT)
            return slu_error_set(err, SLU_UNSUPPORTED, "job graph of format %llu, this build reads %d", (unsigned long long)version,
                                 GRAPH_FORMAT);
    }
    SLU_TRY(slu_arena_status(&r->graph->arena, err));
    if (r->nomem)
        return slu_error_set(err, SLU_NOMEM, "no memory for a job graph");
    if (!slu_cursor_ok(&r->in) || slu_cursor_left(&r->in) != 0 || !seen_operators)
        return slu_error_set(err, SLU_CORRUPT, "these bytes are no job graph");
    return SLU_OK;
}

/* ---- What a graph from outside must not say ---------------------------------------------------------------------------------- */

static bool
edge_sane(const slu_graph *graph, uint32_t index, const slu_edge *edge)
{
    if (edge->from >= index || edge->partition < SLU_PARTITION_FORWARD || edge->partition > SLU_PARTITION_GLOBAL)
        return false;
    const slu_operator *from = &graph->operators[edge->from];
    if (edge->from_output >= from->output_count || (edge->partition == SLU_PARTITION_HASH && edge->key_count == 0))
        return false;
    return edge->partition != SLU_PARTITION_FORWARD || from->parallelism == graph->operators[index].parallelism;
}

static bool
operator_sane(const slu_graph *graph, uint32_t index)
{
    const slu_operator *op = &graph->operators[index];
    if (op->id[0] == 0 || op->parallelism < 1 || op->parallelism > SLU_PARALLELISM_MAX || op->kind > SLU_KIND_STORE)
        return false;
    for (uint32_t k = 0; k < op->output_count; k++)
        if (op->dynamic == 0 && op->outputs[k] == NULL)
            return false;
    for (uint32_t i = 0; i < op->input_count; i++)
        if (!edge_sane(graph, index, &op->inputs[i]))
            return false;
    return true;
}

static slu_status
graph_sane(const slu_graph *graph, slu_error *err)
{
    uint64_t tasks = 0;
    if (graph->operator_count == 0 || graph->max_parallelism < 1 || graph->max_parallelism > SLU_KEY_GROUPS_MAX)
        return slu_error_set(err, SLU_CORRUPT, "a job graph with %u operators and %u key groups", graph->operator_count,
                             graph->max_parallelism);
    for (uint32_t i = 0; i < graph->operator_count; i++) {
        if (!operator_sane(graph, i))
            return slu_error_set(err, SLU_CORRUPT, "job graph: operator %u (%s) cannot be true", i, graph->operators[i].id);
        tasks += graph->operators[i].parallelism;
    }
    return tasks <= (uint64_t)SLU_TASKS_MAX * 4
               ? SLU_OK
               : slu_error_set(err, SLU_LIMIT, "a job graph of %llu tasks", (unsigned long long)tasks);
}

slu_status
slu_graph_decode(slu_view bytes, slu_graph **out, slu_error *err)
{
    SLU_AUTO(slu_graph_free) slu_graph *graph = NULL;
    if (bytes.bytes > (size_t)SLU_CONTROL_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a job graph of %zu bytes", bytes.bytes);
    SLU_TRY(slu_graph_new(&graph, err));
    reader r = {.in = slu_cursor_of_view(bytes), .graph = graph};
    SLU_TRY(parts_decode(&r, err));
    SLU_TRY(graph_sane(graph, err));
    *out = slu_take(&graph);
    return SLU_OK;
}
