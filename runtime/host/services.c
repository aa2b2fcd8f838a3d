#include "services.h"

#include "base/alloc.h"
#include "base/limits.h"

#include <stdatomic.h>

#define STATES_MAX 64u
#define METRICS_MAX 256u
#define LOOKUPS_MAX 64u
#define SCHEMAS_CACHED 8u
#define ALLOC_HEAD 64u /* keeps the size in front and the alignment behind */

struct slu_metric {
    char name[64];
    uint32_t kind;
    _Atomic int64_t value;
};

/* A lookup's finished answer, waiting to be handed over outside of lookup_submit. */
typedef struct answer {
    struct answer *next;
    uint64_t token;
    const slu_batch *values;
    bool failed;
    slu_error failure;
    uint8_t found[];
} answer;

struct slu_lookup_port {
    slu_services *services; /* the lookup plugin's own */
    slu_services *user;     /* who opened it */
    const slu_lookup_ops *ops;
    void *instance;
    bool open;
    slu_arena arena;
    slu_schema *keys;
    slu_schema *values;
    void *owner;
    void (*on_answer)(void *owner, const slu_lookup_answer *answer);
    answer *first, **last;
};

typedef struct cached_schema {
    const struct ArrowSchema *pointer;
    slu_schema *schema;
} cached_schema;

struct slu_services {
    slu_host host; /* first: a slu_host pointer is ours */
    slu_services_spec spec;
    _Atomic uint32_t woken;
    int64_t deadline_ms;
    uint32_t state_count;
    slu_state *states[STATES_MAX];
    slu_timers *timers;
    uint32_t port_count;
    slu_lookup_port *ports[LOOKUPS_MAX];
    slu_lookup_port *answers_to; /* this is a lookup plugin's services: where its answers go */
    cached_schema cached[SCHEMAS_CACHED];
    uint32_t cache_next;
    _Atomic uint32_t metric_count;
    slu_metric *metrics[METRICS_MAX];
};

static slu_services *
services_of(const slu_host *host)
{
    return host->context;
}

static slu_status
unsupported(slu_services *services, const char *what, slu_error *err)
{
    return slu_error_set(err, SLU_UNSUPPORTED, "%s: %s is not possible here", services->spec.operator_id, what);
}

/* ---- Log, memory, clocks */

static void
host_log(slu_host *host, int32_t level, const char *event, const char *message)
{
    const slu_services *services = services_of(host);
    slu_log(services->spec.env, level, event, "%s[%u]: %s", services->spec.operator_id, services->spec.subtask, message);
}

static void *
host_alloc(slu_host *host, uint64_t bytes)
{
    slu_services *services = services_of(host);
    if (bytes > (uint64_t)SLU_BATCH_BYTES_MAX * 4 || !slu_account_take(services->spec.account, (int64_t)(bytes + ALLOC_HEAD)))
        return NULL;
    uint8_t *memory = slu_alloc_aligned((size_t)bytes + ALLOC_HEAD);
    if (memory == NULL) {
        slu_account_give(services->spec.account, (int64_t)(bytes + ALLOC_HEAD));
        return NULL;
    }
    /* The account stands in the head, because a batch may be released on another thread after the instance is gone. */
    memcpy(memory, &bytes, sizeof bytes);
    memcpy(memory + sizeof bytes, &services->spec.account, sizeof services->spec.account);
    return memory + ALLOC_HEAD;
}

static void
host_release(slu_host *host, void *memory)
{
    (void)host;
    if (memory == NULL)
        return;
    uint8_t *head = (uint8_t *)memory - ALLOC_HEAD;
    uint64_t bytes;
    slu_account *account;
    memcpy(&bytes, head, sizeof bytes);
    memcpy(&account, head + sizeof bytes, sizeof account);
    slu_account_give(account, (int64_t)(bytes + ALLOC_HEAD));
    slu_free(head);
}

static int64_t
host_now(slu_host *host)
{
    return slu_now_ms(services_of(host)->spec.env);
}

static int64_t
host_wall(slu_host *host)
{
    return slu_wall_ms(services_of(host)->spec.env);
}

static uint64_t
host_random(slu_host *host)
{
    const slu_env *env = services_of(host)->spec.env;
    return env->random(env);
}

/* ---- Batches and emit */

static const slu_batch *
host_batch_ref(slu_host *host, const slu_batch *batch)
{
    (void)host;
    return slu_batch_ref(batch);
}

static void
host_batch_unref(slu_host *host, const slu_batch **batch)
{
    (void)host;
    slu_batch_unref(batch);
}

/* The counted copy of a schema that a plugin names by pointer; the pointer alone is not trusted to mean the same for ever. */
static slu_status
cached_schema_get(slu_services *services, const struct ArrowSchema *source, slu_schema **out, slu_error *err)
{
    for (uint32_t i = 0; i < SCHEMAS_CACHED; i++) {
        cached_schema *cached = &services->cached[i];
        if (cached->pointer == source && slu_schema_equal(slu_schema_arrow(cached->schema), source)) {
            *out = cached->schema;
            return SLU_OK;
        }
    }
    slu_schema *made = NULL;
    SLU_TRY(slu_schema_new(source, &made, err));
    cached_schema *slot = &services->cached[services->cache_next++ % SCHEMAS_CACHED];
    slu_schema_unref(&slot->schema);
    *slot = (cached_schema){source, made};
    *out = made;
    return SLU_OK;
}

static slu_status
emit_schema(slu_services *services, const slu_emit *emit, slu_schema **out, slu_error *err)
{
    *out = services->spec.outputs == NULL ? NULL : services->spec.outputs[emit->output];
    if (*out != NULL && (emit->schema == NULL || emit->schema == slu_schema_arrow(*out)))
        return SLU_OK;
    if (emit->schema == NULL)
        return slu_error_set(err, SLU_INVALID, "a batch on the dynamic output %u without a schema", emit->output);
    return cached_schema_get(services, emit->schema, out, err);
}

static slu_status
emit_batch(slu_services *services, slu_emit *emit, const slu_batch **out, slu_error *err)
{
    const slu_batch_spec spec = {emit->kinds, emit->selection, emit->rows, emit->attrs, emit->attr_count};
    if (emit->array != NULL) {
        slu_schema *schema = NULL;
        const slu_status status = emit_schema(services, emit, &schema, err);
        if (status != SLU_OK) {
            slu_array_release(emit->array);
            return status;
        }
        return slu_batch_new(schema, emit->array, &spec, out, err);
    }
    if (emit->base == NULL)
        return slu_error_set(err, SLU_INVALID, "emit without array and base");
    if (emit->selection == NULL && emit->kinds == NULL && emit->attrs == NULL) {
        *out = slu_batch_ref(emit->base);
        return SLU_OK;
    }
    return slu_batch_select(emit->base, &spec, out, err);
}

static slu_status
host_emit(slu_host *host, slu_emit *emit, slu_error *err)
{
    slu_services *services = services_of(host);
    const slu_batch *batch = NULL;
    if (services->spec.deliver == NULL || emit->output >= services->spec.output_count) {
        if (emit->array != NULL)
            slu_array_release(emit->array);
        return services->spec.deliver == NULL
                   ? unsupported(services, "emit", err)
                   : slu_error_set(err, SLU_INVALID, "emit on output %u of %u", emit->output, services->spec.output_count);
    }
    SLU_TRY(emit_batch(services, emit, &batch, err));
    if (batch->rows == 0 && batch->attr_count == 0) {
        slu_batch_unref(&batch);
        return SLU_OK;
    }
    return services->spec.deliver(services->spec.owner, emit->output, &batch, err);
}

static slu_status
host_emit_watermark(slu_host *host, int64_t event_ms, slu_error *err)
{
    slu_services *services = services_of(host);
    if (services->spec.watermark == NULL)
        return unsupported(services, "a watermark", err);
    return services->spec.watermark(services->spec.owner, event_ms, err);
}

/* ---- State and timers */

static slu_status
host_state_open(slu_host *host, const slu_state_spec *spec, slu_state **out, slu_error *err)
{
    slu_services *services = services_of(host);
    SLU_AUTO(slu_state_free) slu_state *state = NULL;
    if (services->spec.deliver == NULL)
        return unsupported(services, "keyed state", err);
    if (services->state_count == STATES_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %u states of one operator", STATES_MAX);
    for (uint32_t i = 0; i < services->state_count; i++)
        if (spec->name != NULL && strcmp(slu_state_get_spec(services->states[i])->name, spec->name) == 0)
            return slu_error_set(err, SLU_INVALID, "state %s is open already", spec->name);
    const slu_state_opening opening = {spec, services->spec.operator_id, services->spec.subtask, services->spec.max_parallelism,
                                       services->spec.account};
    SLU_TRY(slu_state_open(services->spec.backend, &opening, &state, err));
    if (services->spec.restore_state != NULL)
        SLU_TRY(services->spec.restore_state(services->spec.owner, state, err));
    *out = services->states[services->state_count++] = slu_take(&state);
    return SLU_OK;
}

static slu_status
host_state_find(slu_host *host, slu_state *state, const slu_keys *keys, void **values, slu_error *err)
{
    return slu_state_find_many(state, keys, host_wall(host), values, err);
}

static slu_status
host_state_upsert(slu_host *host, slu_state *state, const slu_keys *keys, void **values, slu_error *err)
{
    return slu_state_upsert_many(state, keys, host_wall(host), values, err);
}

static slu_status
host_state_erase(slu_host *host, slu_state *state, const slu_keys *keys, slu_error *err)
{
    (void)host;
    return slu_state_erase_many(state, keys, err);
}

static slu_status
host_state_get(slu_host *host, slu_state *state, const slu_keys *keys, slu_attr *views, slu_error *err)
{
    return slu_state_get_bytes(state, keys, host_wall(host), views, err);
}

static slu_status
host_state_put(slu_host *host, slu_state *state, const slu_keys *keys, const slu_attr *values, slu_error *err)
{
    return slu_state_put_bytes(state, keys, host_wall(host), values, err);
}

slu_status
slu_services_need_timers(slu_services *services, slu_error *err)
{
    if (services->timers != NULL)
        return SLU_OK;
    SLU_AUTO(slu_timers_free) slu_timers *timers = NULL;
    SLU_TRY(slu_timers_new(services->spec.max_parallelism, services->spec.account, &timers, err));
    if (services->spec.restore_timers != NULL)
        SLU_TRY(services->spec.restore_timers(services->spec.owner, timers, err));
    services->timers = slu_take(&timers);
    return SLU_OK;
}

static slu_status
host_timer_set(slu_host *host, const slu_timer *timer, slu_error *err)
{
    slu_services *services = services_of(host);
    if (services->spec.deliver == NULL)
        return unsupported(services, "a timer", err);
    SLU_TRY(slu_services_need_timers(services, err));
    return slu_timers_set(services->timers, timer, err);
}

static slu_status
host_timer_clear(slu_host *host, const slu_timer *timer, slu_error *err)
{
    slu_services *services = services_of(host);
    (void)err;
    if (services->timers != NULL)
        slu_timers_clear(services->timers, timer);
    return SLU_OK;
}

/* ---- Waiting */

static slu_status
services_ready(void *owner, uint64_t cookie, uint32_t events, slu_error *err)
{
    slu_services *services = owner;
    if (services->spec.ready == NULL || services->spec.instance == NULL)
        return SLU_OK;
    const slu_status status = services->spec.ready(services->spec.instance, cookie, events, err);
    return status < 0 ? status : SLU_OK;
}

static slu_status
host_watch(slu_host *host, int32_t fd, uint32_t events, uint64_t cookie, slu_error *err)
{
    slu_services *services = services_of(host);
    if (services->spec.watches == NULL)
        return unsupported(services, "watching a descriptor", err);
    return slu_watches_set(services->spec.watches, fd, events, cookie, services, services_ready, err);
}

static void
host_deadline(slu_host *host, int64_t at_ms)
{
    services_of(host)->deadline_ms = at_ms;
}

static void
host_wake(slu_host *host)
{
    slu_services *services = services_of(host);
    atomic_store(&services->woken, 1);
    if (services->spec.wake != NULL)
        services->spec.wake(services->spec.wake_owner);
}

/* ---- Lookups */

static slu_status
lookup_find(slu_services *services, const slu_value *use, slu_arena *arena, const slu_plugin **plugin, const void **options,
            slu_error *err)
{
    const slu_value *name = slu_value_get(use, "use");
    slu_registered found;
    if (services->spec.registry == NULL)
        return unsupported(services, "a lookup", err);
    if (name == NULL || name->kind != SLU_VALUE_SCALAR)
        return slu_error_at(err, SLU_INVALID, use, 0, "a lookup needs `use: NAME`");
    if (services->spec.registry_lock != NULL)
        (void)pthread_mutex_lock(services->spec.registry_lock);
    const slu_status status = slu_registry_find(services->spec.registry, name->text, SLU_KIND_LOOKUP, &found, err);
    if (services->spec.registry_lock != NULL)
        (void)pthread_mutex_unlock(services->spec.registry_lock);
    SLU_TRY(status);
    *plugin = found.plugin;
    return slu_options_parse(found.plugin, use, services->spec.params, arena, options, err);
}

static slu_status
lookup_plan_call(slu_services *services, const slu_plugin *plugin, const void *options, const slu_value *use,
                 const struct ArrowSchema *keys, struct ArrowSchema *out, slu_error *err)
{
    slu_plan_call call = {.size = sizeof call,
                          .parallelism = services->spec.parallelism,
                          .host = &services->host,
                          .options = options,
                          .with = use,
                          .inputs = &keys,
                          .input_count = 1,
                          .output_count = 1,
                          .outputs = out,
                          .operator_id = services->spec.operator_id};
    if (plugin->plan == NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "lookup %s cannot say what it returns", plugin->name);
    memset(out, 0, sizeof *out);
    const slu_status status = plugin->plan(&call, err);
    if (status != SLU_OK) {
        slu_schema_release(out);
        return slu_error_in(err, status, "lookup %s", plugin->name);
    }
    return SLU_OK;
}

static slu_status
host_lookup_plan(slu_host *host, const slu_value *use, const struct ArrowSchema *keys, struct ArrowSchema *out_values,
                 slu_error *err)
{
    slu_services *services = services_of(host);
    const slu_plugin *plugin = NULL;
    const void *options = NULL;
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    slu_arena_init(&arena, (size_t)1 << 20);
    SLU_TRY(lookup_find(services, use, &arena, &plugin, &options, err));
    return lookup_plan_call(services, plugin, options, use, keys, out_values, err);
}

static void
answer_free(answer *freed)
{
    slu_batch_unref(&freed->values);
    slu_free(freed);
}

static void
port_free(slu_lookup_port *port)
{
    if (port->open)
        port->ops->close(port->instance);
    slu_services_free(&port->services);
    while (port->first != NULL) {
        answer *next = port->first->next;
        answer_free(port->first);
        port->first = next;
    }
    slu_schema_unref(&port->keys);
    slu_schema_unref(&port->values);
    slu_free(port->instance);
    slu_arena_fini(&port->arena);
    slu_free(port);
}

static slu_status
port_open(slu_lookup_port *port, const slu_lookup_spec *spec, slu_error *err)
{
    const slu_services_spec *user = &port->user->spec;
    const slu_plugin *plugin = NULL;
    const void *options = NULL;
    SLU_TRY(lookup_find(port->user, spec->use, &port->arena, &plugin, &options, err));
    SLU_TRY(slu_schema_new(spec->keys, &port->keys, err));
    SLU_TRY(slu_schema_new(spec->values, &port->values, err));
    slu_services_spec inner = *user;
    inner.outputs = NULL;
    inner.output_count = 0;
    inner.restore_state = NULL;
    inner.restore_timers = NULL;
    SLU_TRY(slu_services_new(&inner, &port->services, err));
    port->services->answers_to = port;
    port->ops = plugin->ops;
    port->instance = slu_alloc_zero(1, plugin->instance_bytes + 1u);
    if (port->instance == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for lookup %s", plugin->name);
    slu_services_bind(port->services, port->instance, port->ops->ready);
    const struct ArrowSchema *keys = slu_schema_arrow(port->keys);
    const struct ArrowSchema *values = slu_schema_arrow(port->values);
    const slu_open call = {.size = sizeof call,
                           .host = &port->services->host,
                           .options = options,
                           .with = spec->use,
                           .job_id = user->job_id,
                           .job_name = user->job_name,
                           .operator_id = user->operator_id,
                           .subtask = user->subtask,
                           .parallelism = user->parallelism,
                           .max_parallelism = user->max_parallelism,
                           .attempt = user->attempt,
                           .inputs = &keys,
                           .outputs = &values,
                           .input_count = 1,
                           .output_count = 1};
    SLU_TRY_IN(port->ops->open(port->instance, &call, err), err, "lookup %s", plugin->name);
    port->open = true;
    return SLU_OK;
}

static slu_status
host_lookup_open(slu_host *host, const slu_lookup_spec *spec, slu_lookup_port **out, slu_error *err)
{
    slu_services *services = services_of(host);
    if (services->spec.deliver == NULL)
        return unsupported(services, "an open lookup", err);
    if (services->port_count == LOOKUPS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %u lookups of one operator", LOOKUPS_MAX);
    slu_lookup_port *port = slu_alloc_zero(1, sizeof *port);
    if (port == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lookup");
    port->user = services;
    port->owner = spec->owner;
    port->on_answer = spec->on_answer;
    port->last = &port->first;
    slu_arena_init(&port->arena, (size_t)1 << 20);
    const slu_status status = port_open(port, spec, err);
    if (status != SLU_OK) {
        port_free(port);
        return status;
    }
    *out = services->ports[services->port_count++] = port;
    return SLU_OK;
}

static void
host_lookup_close(slu_host *host, slu_lookup_port **owned)
{
    slu_services *services = services_of(host);
    slu_lookup_port *port = slu_take(owned);
    for (uint32_t i = 0; port != NULL && i < services->port_count; i++) {
        if (services->ports[i] != port)
            continue;
        services->ports[i] = services->ports[--services->port_count];
        port_free(port);
        return;
    }
}

/* The array of a submitted batch, so that a refused one can be given back untouched: `taken` decides who releases it. */
typedef struct lent_array {
    struct ArrowArray array;
    bool taken;
} lent_array;

static void
lent_release(struct ArrowArray *array)
{
    lent_array *lent = array->private_data;
    array->release = NULL;
    if (lent->taken)
        slu_array_release(&lent->array);
    slu_free(lent);
}

static slu_status
host_lookup_submit(slu_host *host, slu_lookup_port *port, uint64_t token, struct ArrowArray *keys, slu_error *err)
{
    const slu_batch *batch = NULL;
    lent_array *lent = slu_alloc_zero(1, sizeof *lent);
    (void)host;
    if (lent == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lookup");
    lent->array = *keys;
    struct ArrowArray shown = *keys;
    shown.release = lent_release;
    shown.private_data = lent;
    SLU_TRY(slu_batch_new(port->keys, &shown, NULL, &batch, err)); /* on failure lent is gone, keys untouched */
    const slu_batch *mine = slu_batch_ref(batch);
    slu_batch_unref(&batch);
    lent->taken = true; /* whoever keeps the batch past this call keeps the array */
    const slu_status status = port->ops->submit(port->instance, token, mine, err);
    if (status == SLU_AGAIN)
        lent->taken = false;
    else
        keys->release = NULL;
    slu_batch_unref(&mine);
    return status < 0 || status == SLU_AGAIN ? status : SLU_OK;
}

static slu_status
host_lookup_answer(slu_host *host, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    slu_lookup_port *port = services_of(host)->answers_to;
    slu_error err;
    const size_t rows = values != NULL && failure == NULL ? (size_t)values->length : 0;
    answer *made = port == NULL ? NULL : slu_alloc(sizeof *made + rows);
    slu_status status = port == NULL ? SLU_UNSUPPORTED : made == NULL ? SLU_NOMEM : SLU_OK;
    if (status != SLU_OK) {
        if (values != NULL)
            slu_array_release(values);
        return status;
    }
    *made = (answer){.token = token, .failed = failure != NULL || values == NULL};
    if (failure != NULL)
        made->failure = *failure;
    else if (values == NULL)
        (void)slu_error_set(&made->failure, SLU_INVALID, "the lookup answered nothing");
    if (values != NULL && failure == NULL) {
        status = slu_batch_new(port->values, values, NULL, &made->values, &err);
        made->failed = status != SLU_OK;
        if (status != SLU_OK)
            made->failure = err;
        else if (found != NULL)
            memcpy(made->found, found, rows);
        else
            memset(made->found, 1, rows);
    } else if (values != NULL) {
        slu_array_release(values);
    }
    *port->last = made;
    port->last = &made->next;
    return SLU_OK;
}

static void
port_hand_over(slu_lookup_port *port)
{
    answer *given = port->first;
    port->first = given->next;
    if (port->first == NULL)
        port->last = &port->first;
    const slu_lookup_answer shown = {.size = sizeof shown,
                                     .token = given->token,
                                     .values = given->values,
                                     .found = given->found,
                                     .failure = given->failed ? &given->failure : NULL};
    port->on_answer(port->owner, &shown);
    answer_free(given);
}

/* ---- Metrics and extensions */

static slu_metric *
host_metric(slu_host *host, uint32_t kind, const char *name)
{
    slu_services *services = services_of(host);
    const uint32_t count = atomic_load(&services->metric_count);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(services->metrics[i]->name, name) == 0)
            return services->metrics[i];
    slu_metric *made = count == METRICS_MAX ? NULL : slu_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL; /* metric_add of NULL does nothing */
    (void)snprintf(made->name, sizeof made->name, "%s", name);
    made->kind = kind;
    services->metrics[count] = made;
    atomic_store(&services->metric_count, count + 1);
    return made;
}

static void
host_metric_add(slu_host *host, slu_metric *metric, int64_t delta)
{
    (void)host;
    if (metric == NULL)
        return;
    if (metric->kind == SLU_METRIC_GAUGE)
        atomic_store_explicit(&metric->value, delta, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&metric->value, delta, memory_order_relaxed);
}

void
slu_services_metrics(const slu_services *services, void (*each)(void *to, const char *name, uint32_t kind, int64_t value), void *to)
{
    const uint32_t count = atomic_load(&services->metric_count);
    for (uint32_t i = 0; i < count; i++)
        each(to, services->metrics[i]->name, services->metrics[i]->kind,
             atomic_load_explicit(&services->metrics[i]->value, memory_order_relaxed));
}

static const void *
host_extension(slu_host *host, const char *name)
{
    (void)host;
    (void)name;
    return NULL;
}

/* ---- Life */

static const slu_host host_table = {.size = sizeof(slu_host),
                                    .abi = SLU_ABI,
                                    .log = host_log,
                                    .alloc = host_alloc,
                                    .release = host_release,
                                    .now_ms = host_now,
                                    .wall_ms = host_wall,
                                    .random = host_random,
                                    .batch_ref = host_batch_ref,
                                    .batch_unref = host_batch_unref,
                                    .emit = host_emit,
                                    .emit_watermark = host_emit_watermark,
                                    .state_open = host_state_open,
                                    .state_find_many = host_state_find,
                                    .state_upsert_many = host_state_upsert,
                                    .state_erase_many = host_state_erase,
                                    .state_get_bytes = host_state_get,
                                    .state_put_bytes = host_state_put,
                                    .timer_set = host_timer_set,
                                    .timer_clear = host_timer_clear,
                                    .watch = host_watch,
                                    .deadline = host_deadline,
                                    .wake = host_wake,
                                    .lookup_plan = host_lookup_plan,
                                    .lookup_open = host_lookup_open,
                                    .lookup_submit = host_lookup_submit,
                                    .lookup_close = host_lookup_close,
                                    .lookup_answer = host_lookup_answer,
                                    .metric = host_metric,
                                    .metric_add = host_metric_add,
                                    .get_extension = host_extension};

slu_status
slu_services_new(const slu_services_spec *spec, slu_services **out, slu_error *err)
{
    slu_services *services = slu_alloc_zero(1, sizeof *services);
    if (services == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the services of %s", spec->operator_id);
    services->host = host_table;
    services->host.context = services;
    services->spec = *spec;
    services->deadline_ms = INT64_MAX;
    *out = services;
    return SLU_OK;
}

void
slu_services_free(slu_services **owned)
{
    slu_services *services = slu_take(owned);
    if (services == NULL)
        return;
    slu_watches_forget(services->spec.watches, services);
    for (uint32_t i = 0; i < services->port_count; i++)
        port_free(services->ports[i]);
    for (uint32_t i = 0; i < services->state_count; i++)
        slu_state_free(&services->states[i]);
    slu_timers_free(&services->timers);
    for (uint32_t i = 0; i < SCHEMAS_CACHED; i++)
        slu_schema_unref(&services->cached[i].schema);
    for (uint32_t i = 0; i < services->metric_count; i++)
        slu_free(services->metrics[i]);
    slu_free(services);
}

slu_host *
slu_services_host(slu_services *services)
{
    return &services->host;
}

void
slu_services_bind(slu_services *services, void *instance,
                  slu_status (*ready)(void *instance, uint64_t cookie, uint32_t events, slu_error *err))
{
    services->spec.instance = instance;
    services->spec.ready = ready;
}

slu_status
slu_services_step(slu_services *services, int64_t now_ms, bool *did, slu_error *err)
{
    if (atomic_load(&services->woken) != 0 && atomic_exchange(&services->woken, 0) != 0) {
        *did = true;
        SLU_TRY(services_ready(services, SLU_COOKIE_WAKE, 0, err));
    }
    if (services->deadline_ms <= now_ms) {
        services->deadline_ms = INT64_MAX;
        *did = true;
        SLU_TRY(services_ready(services, SLU_COOKIE_DEADLINE, 0, err));
    }
    for (uint32_t i = 0; i < services->port_count; i++) {
        SLU_TRY(slu_services_step(services->ports[i]->services, now_ms, did, err));
        if (services->ports[i]->first != NULL) {
            *did = true;
            port_hand_over(services->ports[i]);
        }
    }
    return SLU_OK;
}

int64_t
slu_services_deadline(const slu_services *services)
{
    int64_t least = atomic_load(&services->woken) != 0 ? 0 : services->deadline_ms;
    for (uint32_t i = 0; i < services->port_count; i++) {
        const int64_t inner = services->ports[i]->first != NULL ? 0 : slu_services_deadline(services->ports[i]->services);
        least = inner < least ? inner : least;
    }
    return least;
}

uint32_t
slu_services_state_count(const slu_services *services)
{
    return services->state_count;
}

slu_state *
slu_services_state(const slu_services *services, uint32_t index)
{
    return services->states[index];
}

slu_timers *
slu_services_timers(slu_services *services)
{
    return services->timers;
}
