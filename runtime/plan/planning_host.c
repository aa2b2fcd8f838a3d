#include "planning_host.h"

#include "base/alloc.h"

#include <sluice/columns.h>

static slu_planning_host *
planning_of(slu_host *host)
{
    return host->context;
}

/* ---- Served -------------------------------------------------------------------------------------------------------------------- */

static void
host_log(slu_host *host, int32_t level, const char *event, const char *message)
{
    const slu_planning_host *planning = planning_of(host);
    slu_log(planning->env, level, event, "planning %s: %s", planning->operator_id, message);
}

static void *
host_alloc(slu_host *host, uint64_t bytes)
{
    return bytes > SIZE_MAX / 2 ? NULL : slu_alloc_aligned((size_t)bytes);
}

static void
host_release(slu_host *host, void *memory)
{
    slu_free(memory);
}

static int64_t
host_now_ms(slu_host *host)
{
    return slu_now_ms(planning_of(host)->env);
}

static int64_t
host_wall_ms(slu_host *host)
{
    return slu_wall_ms(planning_of(host)->env);
}

static uint64_t
host_random(slu_host *host)
{
    return planning_of(host)->env->random(planning_of(host)->env);
}

static slu_status
lookup_name(const slu_value *use, const char **out, slu_error *err)
{
    const slu_value *name = slu_value_get(use, "use");
    if (name == NULL || name->kind != SLU_VALUE_SCALAR)
        return slu_error_at(err, SLU_INVALID, use, 0, "a lookup is a map whose `use` names a lookup plugin");
    *out = name->text;
    return SLU_OK;
}

static slu_status
host_lookup_plan(slu_host *host, const slu_value *use, const struct ArrowSchema *keys, struct ArrowSchema *out_values,
                 slu_error *err)
{
    slu_planning_host *planning = planning_of(host);
    slu_registered found;
    const char *name = NULL;
    SLU_TRY(lookup_name(use, &name, err));
    const slu_status known = slu_registry_find(planning->registry, name, SLU_KIND_LOOKUP, &found, err);
    if (known != SLU_OK && err != NULL) {
        const slu_value *at = slu_value_get(use, "use");
        err->line = at->line;
        err->column = at->column;
    }
    SLU_TRY(known);
    struct ArrowSchema output = {0};
    slu_plan_call call = {.size = sizeof call,
                          .parallelism = planning->parallelism,
                          .host = host,
                          .with = use,
                          .inputs = &keys,
                          .input_count = 1,
                          .output_count = 1,
                          .outputs = &output,
                          .operator_id = planning->operator_id};
    SLU_TRY(slu_options_parse(found.plugin, use, planning->params, planning->arena, &call.options, err));
    const slu_status status = found.plugin->plan(&call, err);
    if (status == SLU_OK && output.release == NULL)
        return slu_error_set(err, SLU_INVALID, "lookup %s planned no columns", name);
    if (status != SLU_OK) {
        slu_schema_release(&output);
        return slu_error_in(err, status, "lookup %s", name);
    }
    slu_schema_move(&output, out_values);
    return SLU_OK;
}

/* ---- Not while planning -------------------------------------------------------------------------------------------------------- */

static slu_status
not_now(const char *what, slu_error *err)
{
    return slu_error_set(err, SLU_UNSUPPORTED, "%s is not there while a job is planned", what);
}

static const slu_batch *
no_batch_ref(slu_host *host, const slu_batch *batch)
{
    return batch;
}

static void
no_batch_unref(slu_host *host, const slu_batch **batch)
{
    *batch = NULL;
}

static slu_status
no_emit(slu_host *host, slu_emit *emit, slu_error *err)
{
    if (emit->array != NULL)
        slu_array_release(emit->array);
    return not_now("emit", err);
}

static slu_status
no_emit_watermark(slu_host *host, int64_t event_ms, slu_error *err)
{
    return not_now("emit_watermark", err);
}

static slu_status
no_state_open(slu_host *host, const slu_state_spec *spec, slu_state **out, slu_error *err)
{
    return not_now("state", err);
}

static slu_status
no_state_many(slu_host *host, slu_state *state, const slu_keys *keys, void **values, slu_error *err)
{
    return not_now("state", err);
}

static slu_status
no_state_erase(slu_host *host, slu_state *state, const slu_keys *keys, slu_error *err)
{
    return not_now("state", err);
}

static slu_status
no_state_get(slu_host *host, slu_state *state, const slu_keys *keys, slu_attr *views, slu_error *err)
{
    return not_now("state", err);
}

static slu_status
no_state_put(slu_host *host, slu_state *state, const slu_keys *keys, const slu_attr *values, slu_error *err)
{
    return not_now("state", err);
}

static slu_status
no_timer(slu_host *host, const slu_timer *timer, slu_error *err)
{
    return not_now("timers", err);
}

static slu_status
no_watch(slu_host *host, int32_t fd, uint32_t events, uint64_t cookie, slu_error *err)
{
    return not_now("watch", err);
}

static void
no_deadline(slu_host *host, int64_t at_ms)
{
}

static void
no_wake(slu_host *host)
{
}

static slu_status
no_lookup_open(slu_host *host, const slu_lookup_spec *spec, slu_lookup_port **out, slu_error *err)
{
    return not_now("lookup_open", err);
}

static slu_status
no_lookup_submit(slu_host *host, slu_lookup_port *port, uint64_t token, struct ArrowArray *keys, slu_error *err)
{
    return not_now("lookup_submit", err);
}

static void
no_lookup_close(slu_host *host, slu_lookup_port **port)
{
    *port = NULL;
}

static slu_status
no_lookup_answer(slu_host *host, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    if (values != NULL)
        slu_array_release(values);
    return SLU_UNSUPPORTED;
}

static slu_metric *
no_metric(slu_host *host, uint32_t kind, const char *name)
{
    return NULL;
}

static void
no_metric_add(slu_host *host, slu_metric *metric, int64_t delta)
{
}

static void
host_promise(slu_host *host, const char *text)
{
    slu_planning_host *planning = planning_of(host);
    planning->promise = slu_arena_strdup(planning->arena, text);
}

static const void *
host_extension(slu_host *host, const char *name)
{
    static const slu_promise promise = {.size = sizeof promise, .say = host_promise};
    return strcmp(name, "promise/1") == 0 ? &promise : NULL;
}

void
slu_planning_host_init(slu_planning_host *planning, slu_registry *registry, const slu_env *env, slu_params params, slu_arena *arena)
{
    *planning = (slu_planning_host){
        .registry = registry, .env = env, .params = params, .arena = arena, .operator_id = "", .parallelism = 1};
    planning->host = (slu_host){.size = sizeof planning->host,
                                .abi = SLU_ABI,
                                .context = planning,
                                .log = host_log,
                                .alloc = host_alloc,
                                .release = host_release,
                                .now_ms = host_now_ms,
                                .wall_ms = host_wall_ms,
                                .random = host_random,
                                .batch_ref = no_batch_ref,
                                .batch_unref = no_batch_unref,
                                .emit = no_emit,
                                .emit_watermark = no_emit_watermark,
                                .state_open = no_state_open,
                                .state_find_many = no_state_many,
                                .state_upsert_many = no_state_many,
                                .state_erase_many = no_state_erase,
                                .state_get_bytes = no_state_get,
                                .state_put_bytes = no_state_put,
                                .timer_set = no_timer,
                                .timer_clear = no_timer,
                                .watch = no_watch,
                                .deadline = no_deadline,
                                .wake = no_wake,
                                .lookup_plan = host_lookup_plan,
                                .lookup_open = no_lookup_open,
                                .lookup_submit = no_lookup_submit,
                                .lookup_close = no_lookup_close,
                                .lookup_answer = no_lookup_answer,
                                .metric = no_metric,
                                .metric_add = no_metric_add,
                                .get_extension = host_extension};
}
