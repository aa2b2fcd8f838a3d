#include "harness.h"

#include <dlfcn.h>
#include <poll.h>

/* ---- Birth and death -------------------------------------------------------------------------------------------------------- */

slu_status
sdk_module_load(const char *path, const slu_module **out, slu_error *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return slu_error_set(err, SLU_NOTFOUND, "%s", dlerror());
    const slu_module *(*entry)(void);
    *(void **)&entry = dlsym(handle, "slu_plugin_entry");
    if (entry == NULL)
        return slu_error_set(err, SLU_INVALID, "%s exports no slu_plugin_entry", path);
    *out = entry();
    return SLU_OK;
}

const slu_plugin *
sdk_module_plugin(const slu_module *module, const char *name)
{
    for (uint32_t i = 0; i < module->plugin_count; i++)
        if (strcmp(module->plugins[i]->name, name) == 0)
            return module->plugins[i];
    return NULL;
}

slu_status
sdk_harness_new(const slu_plugin *plugin, sdk_harness **out)
{
    sdk_harness *h = calloc(1, sizeof *h);
    if (h == NULL)
        return SLU_NOMEM;
    h->plugin = plugin;
    h->parallelism = 1;
    h->deadline_ms = INT64_MAX;
    h->random = 1;
    harness_host_init(h);
    *out = h;
    return SLU_OK;
}

static void
pieces_fini(pieces *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i].id);
        free(p->items[i].data);
    }
    free(p->items);
    memset(p, 0, sizeof *p);
}

static void
instance_close(sdk_harness *h)
{
    if (!h->opened)
        return;
    h->opened = false;
    switch (h->plugin->kind) {
    case SLU_KIND_SOURCE: ((const slu_source_ops *)h->plugin->ops)->close(h->instance); break;
    case SLU_KIND_OPERATOR: ((const slu_operator_ops *)h->plugin->ops)->close(h->instance); break;
    case SLU_KIND_SINK: ((const slu_sink_ops *)h->plugin->ops)->close(h->instance); break;
    case SLU_KIND_LOOKUP: ((const slu_lookup_ops *)h->plugin->ops)->close(h->instance); break;
    default: break;
    }
}

/* A plugin that keeps a batch or memory past close is a bug of the plugin, said loudly. */
static void
leaks_check(sdk_harness *h)
{
    const long batches = atomic_load(&h->batches_alive), memory = atomic_load(&h->memory_alive);
    if (batches == 0 && memory == 0)
        return;
    (void)fprintf(stderr, "sdk_harness: plugin %s leaked %ld batches and %ld pieces of memory\n", h->plugin->name, batches, memory);
    abort();
}

static void
instance_drop(sdk_harness *h)
{
    instance_close(h);
    harness_lookups_reset(h);
    harness_states_free(h->states, &h->state_count);
    timers_fini(&h->timers);
    free(h->instance);
    h->instance = NULL;
    h->deadline_ms = INT64_MAX;
    h->watch_count = 0;
}

void
sdk_harness_free(sdk_harness **harness)
{
    sdk_harness *h = slu_take(harness);
    if (h == NULL)
        return;
    instance_drop(h);
    sdk_harness_clear(h);
    leaks_check(h);
    harness_states_free(h->saved_states, &h->saved_state_count);
    timers_fini(&h->saved_timers);
    pieces_fini(&h->saved_pieces);
    pieces_fini(&h->saved_splits);
    pieces_fini(&h->saved_commits);
    for (uint32_t i = 0; i < h->input_count; i++)
        slu_schema_release(&h->inputs[i]);
    for (uint32_t i = 0; i < HARNESS_OUTPUTS_MAX; i++) {
        slu_schema_release(&h->outputs[i]);
        sdk_text_fini(&h->texts[i]);
    }
    for (uint32_t i = 0; i < h->table_count; i++) {
        slu_schema_release(&h->tables[i].schema);
        slu_array_release(&h->tables[i].array);
        free(h->tables[i].use);
    }
    for (uint32_t i = 0; i < HARNESS_METRICS_MAX; i++)
        free(h->metrics[i].name);
    for (uint32_t i = 0; i < h->key_count; i++)
        free((char *)(uintptr_t)h->keys[i]);
    sdk_values_fini(&h->values);
    sdk_text_fini(&h->schema_text);
    free(h->kept);
    free(h->asked);
    free(h->take);
    free(h);
}

/* ---- Before open ------------------------------------------------------------------------------------------------------------ */

slu_status
sdk_harness_with(sdk_harness *h, const char *options, slu_error *err)
{
    return sdk_value_read(&h->values, options, &h->with, err);
}

slu_status
sdk_harness_input(sdk_harness *h, const char *columns, slu_error *err)
{
    if (h->input_count == HARNESS_INPUTS_MAX)
        return slu_error_set(err, SLU_LIMIT, "harness: more than %d inputs", HARNESS_INPUTS_MAX);
    SLU_TRY(sdk_schema_from_columns(columns, &h->inputs[h->input_count], err));
    h->input_pointers[h->input_count] = &h->inputs[h->input_count];
    h->input_count++;
    return SLU_OK;
}

void
sdk_harness_take(sdk_harness *h, const char *columns)
{
    free(h->take);
    h->take = columns == NULL ? NULL : strdup(columns);
}

slu_status
sdk_harness_keys(sdk_harness *h, const char *columns, slu_error *err)
{
    char *copy = strdup(columns), *rest = NULL;
    if (copy == NULL)
        return slu_error_set(err, SLU_NOMEM, "harness: no memory");
    slu_status status = SLU_OK;
    for (char *word = strtok_r(copy, ", ", &rest); word != NULL && h->key_count < HARNESS_KEYS_MAX;
         word = strtok_r(NULL, ", ", &rest)) {
        h->keys[h->key_count] = strdup(word);
        if (h->keys[h->key_count] == NULL) {
            status = slu_error_set(err, SLU_NOMEM, "harness: no memory");
            break;
        }
        h->key_count++;
    }
    free(copy);
    return status;
}

void
sdk_harness_subtask(sdk_harness *h, uint32_t subtask, uint32_t parallelism)
{
    h->subtask = subtask;
    h->parallelism = parallelism;
}

void
sdk_harness_clock(sdk_harness *h, int64_t now_ms)
{
    h->now_ms = now_ms;
}

slu_status
sdk_harness_lookup_table(sdk_harness *h, const char *use, const char *columns, const char *rows, slu_error *err)
{
    lookup_table *table = &h->tables[h->table_count];
    if (h->table_count == HARNESS_TABLES_MAX)
        return slu_error_set(err, SLU_LIMIT, "harness: more than %d tables", HARNESS_TABLES_MAX);
    SLU_TRY(sdk_schema_from_columns(columns, &table->schema, err));
    const slu_status status = sdk_rows_parse(&table->schema, rows, &table->array, err);
    table->use = strdup(use);
    if (status != SLU_OK || table->use == NULL) {
        slu_schema_release(&table->schema);
        if (status == SLU_OK)
            slu_array_release(&table->array);
        free(table->use);
        return status != SLU_OK ? status : slu_error_set(err, SLU_NOMEM, "harness: no memory");
    }
    h->table_count++;
    return SLU_OK;
}

void
sdk_harness_hold_answers(sdk_harness *h, bool hold)
{
    h->hold = hold;
}

void
sdk_harness_discard(sdk_harness *h, bool discard)
{
    h->discard = discard;
}

/* ---- Plan and open ---------------------------------------------------------------------------------------------------------- */

static slu_plan_call
plan_call(sdk_harness *h)
{
    const slu_plan_call call = {.size = sizeof call,
                                .parallelism = h->parallelism,
                                .host = &h->host,
                                .options = h->options,
                                .with = h->with,
                                .inputs = h->input_pointers,
                                .input_count = h->input_count,
                                .output_count = h->plugin->output_count,
                                .outputs = h->outputs,
                                .operator_id = "under-test",
                                .keys = h->keys,
                                .key_count = h->key_count};
    return call;
}

/* A lookup is asked for some of the columns that it can return. */
static slu_status
take_columns(sdk_harness *h, slu_error *err)
{
    struct ArrowSchema taken;
    char *copy, *rest = NULL;
    if (h->plugin->kind != SLU_KIND_LOOKUP || h->take == NULL)
        return SLU_OK;
    SLU_TRY(slu_schema_init_struct(&taken));
    slu_status status = (copy = strdup(h->take)) == NULL ? SLU_NOMEM : SLU_OK;
    for (char *word = status == SLU_OK ? strtok_r(copy, ", ", &rest) : NULL; word != NULL && status == SLU_OK;
         word = strtok_r(NULL, ", ", &rest)) {
        const int64_t at = slu_schema_find(&h->outputs[0], word);
        status = at < 0 ? slu_error_set(err, SLU_INVALID, "harness: the lookup has no column '%s'", word)
                        : slu_schema_add_copy(&taken, h->outputs[0].children[at], NULL);
    }
    free(copy);
    if (status != SLU_OK) {
        slu_schema_release(&taken);
        return status;
    }
    slu_schema_release(&h->outputs[0]);
    slu_schema_move(&taken, &h->outputs[0]);
    return SLU_OK;
}

slu_status
sdk_harness_plan(sdk_harness *h, slu_error *err)
{
    SLU_TRY(sdk_options_read(&h->values, h->plugin, h->with, &h->options, err));
    if (h->plugin->kind != SLU_KIND_SOURCE && (h->input_count < h->plugin->input_min || h->input_count > h->plugin->input_max) &&
        h->plugin->kind != SLU_KIND_LOOKUP)
        return slu_error_set(err, SLU_INVALID, "%s takes %u to %u inputs, not %u", h->plugin->name, h->plugin->input_min,
                             h->plugin->input_max, h->input_count);
    slu_plan_call call = plan_call(h);
    SLU_TRY(h->plugin->plan(&call, err));
    h->dynamic = call.dynamic != 0;
    h->bounded = call.bounded != 0;
    SLU_TRY(take_columns(h, err));
    const uint32_t outputs = h->plugin->kind == SLU_KIND_LOOKUP ? 1 : h->plugin->output_count;
    for (uint32_t i = 0; i < outputs; i++) {
        if (!h->dynamic && h->outputs[i].release == NULL)
            return slu_error_set(err, SLU_INVALID, "%s planned no schema for output %u", h->plugin->name, i);
        h->output_pointers[i] = &h->outputs[i];
    }
    h->planned = true;
    return SLU_OK;
}

typedef struct split_list {
    slu_split_list list; /* first */
    pieces *to;
    uint32_t stride, first; /* which ones are kept */
    uint32_t seen;
} split_list;

static slu_status
pieces_add(pieces *p, const char *id, uint32_t key_group, const void *data, uint64_t bytes, slu_error *err)
{
    if (p->count == p->capacity) {
        const size_t capacity = p->capacity == 0 ? 16 : p->capacity * 2;
        piece *wider = realloc(p->items, capacity * sizeof *wider);
        if (wider == NULL)
            return slu_error_set(err, SLU_NOMEM, "harness: no memory");
        p->items = wider;
        p->capacity = capacity;
    }
    piece *made = &p->items[p->count];
    made->id = strdup(id);
    made->key_group = key_group;
    made->bytes = bytes;
    made->data = malloc((size_t)bytes + 1);
    if (made->id == NULL || made->data == NULL)
        return slu_error_set(err, SLU_NOMEM, "harness: no memory");
    if (bytes != 0)
        memcpy(made->data, data, (size_t)bytes);
    p->count++;
    return SLU_OK;
}

static slu_status
split_add(slu_split_list *list, const slu_split *split, slu_error *err)
{
    split_list *mine = (split_list *)(void *)list;
    if (mine->seen++ % mine->stride != mine->first)
        return SLU_OK;
    return pieces_add(mine->to, split->id, 0, split->data, split->data_bytes, err);
}

static slu_status
splits_assign(sdk_harness *h, const pieces *from, slu_error *err)
{
    const slu_source_ops *ops = h->plugin->ops;
    for (size_t i = 0; i < from->count; i++) {
        const piece *p = &from->items[i];
        const slu_split split = {.size = sizeof split, .id = p->id, .data = p->data, .data_bytes = (uint32_t)p->bytes};
        SLU_TRY(ops->assign(h->instance, &split, 1, err));
    }
    return SLU_OK;
}

static slu_status
splits_fresh(sdk_harness *h, slu_error *err)
{
    const slu_source_ops *ops = h->plugin->ops;
    pieces splits = {0};
    split_list list = {{sizeof(slu_split_list), 0, split_add}, &splits, h->parallelism, h->subtask, 0};
    slu_plan_call call = plan_call(h);
    slu_status status = ops->list_splits(&call, &list.list, err);
    if (status == SLU_OK)
        status = splits_assign(h, &splits, err);
    pieces_fini(&splits);
    return status;
}

static slu_status
instance_restore(sdk_harness *h, slu_error *err)
{
    for (size_t i = 0; i < h->saved_pieces.count; i++) {
        const piece *p = &h->saved_pieces.items[i];
        slu_status (*restore)(void *, uint32_t, uint32_t, const void *, uint64_t, slu_error *) =
            h->plugin->kind == SLU_KIND_SINK ? ((const slu_sink_ops *)h->plugin->ops)->restore
                                             : ((const slu_operator_ops *)h->plugin->ops)->restore;
        if (restore == NULL)
            return slu_error_set(err, SLU_INVALID, "%s wrote a snapshot that it cannot restore", h->plugin->name);
        SLU_TRY(restore(h->instance, h->plugin->state_version, p->key_group, p->data, p->bytes, err));
    }
    return SLU_OK;
}

static slu_status
instance_open(sdk_harness *h, slu_error *err)
{
    const slu_open open = {.size = sizeof open,
                           .restored = h->saved,
                           .host = &h->host,
                           .options = h->options,
                           .with = h->with,
                           .job_id = "00000000000000000000000000000000",
                           .job_name = "harness",
                           .operator_id = "under-test",
                           .subtask = h->subtask,
                           .parallelism = h->parallelism,
                           .max_parallelism = 128,
                           .key_group_first = (h->subtask * 128 + h->parallelism - 1) / h->parallelism,
                           .key_group_last = ((h->subtask + 1) * 128 - 1) / h->parallelism,
                           .attempt = ++h->attempt,
                           .inputs = h->input_pointers,
                           .outputs = h->output_pointers,
                           .input_count = h->input_count,
                           .output_count = h->plugin->kind == SLU_KIND_LOOKUP ? 1 : h->plugin->output_count,
                           .keys = h->keys,
                           .key_count = h->key_count};
    /* Every ops table begins with size, reserved; open stands third but for a source, where list_splits does. */
    switch (h->plugin->kind) {
    case SLU_KIND_SOURCE: return ((const slu_source_ops *)h->plugin->ops)->open(h->instance, &open, err);
    case SLU_KIND_OPERATOR: return ((const slu_operator_ops *)h->plugin->ops)->open(h->instance, &open, err);
    case SLU_KIND_SINK: return ((const slu_sink_ops *)h->plugin->ops)->open(h->instance, &open, err);
    case SLU_KIND_LOOKUP: return ((const slu_lookup_ops *)h->plugin->ops)->open(h->instance, &open, err);
    default: return slu_error_set(err, SLU_UNSUPPORTED, "harness: stores are not served");
    }
}

static slu_status
instance_start(sdk_harness *h, slu_error *err)
{
    h->instance = calloc(1, (size_t)h->plugin->instance_bytes + 64);
    if (h->instance == NULL)
        return slu_error_set(err, SLU_NOMEM, "harness: no memory");
    SLU_TRY(instance_open(h, err));
    h->opened = true;
    if (h->plugin->kind == SLU_KIND_SOURCE)
        return h->saved ? splits_assign(h, &h->saved_splits, err) : splits_fresh(h, err);
    return h->saved ? instance_restore(h, err) : SLU_OK;
}

slu_status
sdk_harness_open(sdk_harness *h, slu_error *err)
{
    if (!h->planned)
        SLU_TRY(sdk_harness_plan(h, err));
    return instance_start(h, err);
}

/* ---- Running ---------------------------------------------------------------------------------------------------------------- */

static slu_status
ready_call(sdk_harness *h, uint64_t cookie, uint32_t events, slu_error *err)
{
    slu_status (*ready)(void *, uint64_t, uint32_t, slu_error *) = NULL;
    switch (h->plugin->kind) {
    case SLU_KIND_SOURCE: ready = ((const slu_source_ops *)h->plugin->ops)->ready; break;
    case SLU_KIND_OPERATOR: ready = ((const slu_operator_ops *)h->plugin->ops)->ready; break;
    case SLU_KIND_SINK: ready = ((const slu_sink_ops *)h->plugin->ops)->ready; break;
    case SLU_KIND_LOOKUP: ready = ((const slu_lookup_ops *)h->plugin->ops)->ready; break;
    default: break;
    }
    return ready == NULL ? SLU_OK : ready(h->instance, cookie, events, err);
}

/* MORE is followed until the operator has emitted all it has. */
static slu_status
more_follow(sdk_harness *h, slu_status status, slu_error *err)
{
    const slu_operator_ops *ops = h->plugin->ops;
    while (status == SLU_MORE && h->plugin->kind == SLU_KIND_OPERATOR) {
        if (ops->more == NULL)
            return slu_error_set(err, SLU_INVALID, "%s said MORE and has no `more`", h->plugin->name);
        status = ops->more(h->instance, err);
    }
    return status;
}

/* What the plugin asked for during a call: a wake, answers of lookups; each may make it emit more. */
static slu_status
settle(sdk_harness *h, slu_status status, slu_error *err)
{
    status = more_follow(h, status, err);
    if (status < 0)
        return status;
    for (int rounds = 0; rounds < 10000; rounds++) {
        slu_status next = SLU_OK;
        if (atomic_exchange(&h->woken, false))
            next = ready_call(h, SLU_COOKIE_WAKE, 0, err);
        else if (h->asked_count > 0 && !h->hold)
            next = harness_answers(h, err);
        else
            return status;
        next = more_follow(h, next, err);
        if (next < 0)
            return next;
    }
    return slu_error_set(err, SLU_LIMIT, "%s wakes itself without an end", h->plugin->name);
}

slu_status
sdk_harness_push_batch(sdk_harness *h, uint32_t input, const slu_batch *batch, slu_error *err)
{
    if (h->plugin->kind == SLU_KIND_SINK)
        return settle(h, ((const slu_sink_ops *)h->plugin->ops)->write(h->instance, batch, err), err);
    if (h->plugin->kind != SLU_KIND_OPERATOR)
        return slu_error_set(err, SLU_INVALID, "harness: %s takes no batches", h->plugin->name);
    return settle(h, ((const slu_operator_ops *)h->plugin->ops)->process(h->instance, input, batch, err), err);
}

slu_status
sdk_harness_batch(sdk_harness *h, uint32_t input, const char *rows, const slu_batch **out, slu_error *err)
{
    struct ArrowArray array;
    held_batch *batch;
    SLU_TRY(sdk_rows_parse(&h->inputs[input], rows, &array, err));
    SLU_TRY(harness_batch_new(h, &h->inputs[input], &array, &batch, err));
    *out = &batch->shown;
    return SLU_OK;
}

void
sdk_harness_drop(sdk_harness *h, const slu_batch **batch)
{
    h->host.batch_unref(&h->host, batch);
}

slu_status
sdk_harness_push(sdk_harness *h, uint32_t input, const char *rows, slu_error *err)
{
    const slu_batch *batch;
    SLU_TRY(sdk_harness_batch(h, input, rows, &batch, err));
    const slu_status status = sdk_harness_push_batch(h, input, batch, err);
    sdk_harness_drop(h, &batch);
    return status;
}

slu_status
sdk_harness_submit(sdk_harness *h, const char *keys, slu_error *err)
{
    const slu_batch *batch;
    if (h->plugin->kind != SLU_KIND_LOOKUP)
        return slu_error_set(err, SLU_INVALID, "harness: %s is no lookup", h->plugin->name);
    SLU_TRY(sdk_harness_batch(h, 0, keys, &batch, err));
    const slu_status status = ((const slu_lookup_ops *)h->plugin->ops)->submit(h->instance, ++h->lookups, batch, err);
    sdk_harness_drop(h, &batch);
    return settle(h, status, err);
}

slu_status
sdk_harness_poll(sdk_harness *h, slu_error *err)
{
    return settle(h, ((const slu_source_ops *)h->plugin->ops)->poll(h->instance, err), err);
}

slu_status
sdk_harness_drain(sdk_harness *h, slu_error *err)
{
    slu_status status;
    do {
        status = sdk_harness_poll(h, err);
    } while (status == SLU_MORE);
    return status;
}

static slu_status
timers_fire(sdk_harness *h, uint32_t domain, int64_t until_ms, slu_error *err)
{
    kept_timer due;
    slu_status status = SLU_OK;
    while (status >= 0 && timers_take(&h->timers, domain, until_ms, &due)) {
        const slu_operator_ops *ops = h->plugin->ops;
        if (h->plugin->kind == SLU_KIND_OPERATOR && ops->timer != NULL)
            status = settle(h, ops->timer(h->instance, &due.timer, err), err);
        free(due.key);
    }
    return status;
}

slu_status
sdk_harness_watermark(sdk_harness *h, int64_t event_ms, slu_error *err)
{
    const slu_operator_ops *ops = h->plugin->ops;
    const slu_status status = timers_fire(h, SLU_TIME_EVENT, event_ms, err);
    if (status < 0 || h->plugin->kind != SLU_KIND_OPERATOR || ops->watermark == NULL)
        return status;
    return settle(h, ops->watermark(h->instance, event_ms, err), err);
}

slu_status
sdk_harness_advance(sdk_harness *h, int64_t by_ms, slu_error *err)
{
    h->now_ms += by_ms;
    slu_status status = timers_fire(h, SLU_TIME_PROCESSING, h->now_ms, err);
    if (status >= 0 && h->deadline_ms <= h->now_ms) {
        h->deadline_ms = INT64_MAX;
        status = settle(h, ready_call(h, SLU_COOKIE_DEADLINE, 0, err), err);
    }
    return status;
}

slu_status
sdk_harness_wait(sdk_harness *h, int64_t timeout_ms, slu_error *err)
{
    struct pollfd fds[HARNESS_WATCHES_MAX];
    watched watches[HARNESS_WATCHES_MAX];
    const uint32_t count = h->watch_count;
    for (uint32_t i = 0; i < count; i++) {
        watches[i] = h->watches[i];
        fds[i].fd = watches[i].fd;
        fds[i].events = (short)((watches[i].events & SLU_IO_READ ? POLLIN : 0) | (watches[i].events & SLU_IO_WRITE ? POLLOUT : 0));
        fds[i].revents = 0;
    }
    if (poll(fds, count, (int)timeout_ms) <= 0)
        return SLU_AGAIN;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t events =
            (fds[i].revents & (POLLIN | POLLHUP | POLLERR) ? SLU_IO_READ : 0) | (fds[i].revents & POLLOUT ? SLU_IO_WRITE : 0);
        if (events == 0)
            continue;
        const slu_status status = settle(h, ready_call(h, watches[i].cookie, events & watches[i].events, err), err);
        if (status < 0)
            return status;
    }
    return SLU_OK;
}

slu_status
sdk_harness_answer(sdk_harness *h, slu_error *err)
{
    SLU_TRY(harness_answers(h, err));
    return settle(h, SLU_OK, err);
}

slu_status
sdk_harness_end(sdk_harness *h, slu_error *err)
{
    const slu_operator_ops *ops = h->plugin->ops;
    slu_status status = SLU_OK;
    if (h->plugin->kind != SLU_KIND_OPERATOR || ops->end == NULL)
        return SLU_OK;
    do {
        status = settle(h, ops->end(h->instance, err), err);
    } while (status == SLU_MORE);
    return status;
}

slu_status
sdk_harness_control(sdk_harness *h, const void *message, uint64_t bytes, slu_error *err)
{
    const slu_operator_ops *ops = h->plugin->ops;
    if (h->plugin->kind != SLU_KIND_OPERATOR || ops->control == NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "%s takes no control messages", h->plugin->name);
    return settle(h, ops->control(h->instance, message, bytes, err), err);
}

/* ---- Checkpoints ------------------------------------------------------------------------------------------------------------ */

typedef struct snapshot_to {
    slu_snapshot snapshot; /* first */
    pieces *to;
} snapshot_to;

static slu_status
snapshot_write(slu_snapshot *snapshot, uint32_t key_group, const void *data, uint64_t bytes, slu_error *err)
{
    return pieces_add(((snapshot_to *)(void *)snapshot)->to, "", key_group, data, bytes, err);
}

static slu_status
snapshot_splits(sdk_harness *h, slu_error *err)
{
    const slu_source_ops *ops = h->plugin->ops;
    split_list list = {{sizeof(slu_split_list), 0, split_add}, &h->saved_splits, 1, 0, 0};
    return ops->snapshot(h->instance, h->checkpoint, &list.list, err);
}

static slu_status
snapshot_pieces(sdk_harness *h, slu_error *err)
{
    snapshot_to state = {{sizeof(slu_snapshot), 0, h->checkpoint, snapshot_write}, &h->saved_pieces};
    snapshot_to commits = {{sizeof(slu_snapshot), 0, h->checkpoint, snapshot_write}, &h->saved_commits};
    if (h->plugin->kind == SLU_KIND_OPERATOR) {
        const slu_operator_ops *ops = h->plugin->ops;
        return ops->snapshot == NULL ? SLU_OK : ops->snapshot(h->instance, &state.snapshot, err);
    }
    const slu_sink_ops *ops = h->plugin->ops;
    SLU_TRY(ops->prepare(h->instance, &commits.snapshot, err));
    return ops->snapshot == NULL ? SLU_OK : ops->snapshot(h->instance, &state.snapshot, err);
}

slu_status
sdk_harness_snapshot(sdk_harness *h, slu_error *err)
{
    harness_states_free(h->saved_states, &h->saved_state_count);
    timers_fini(&h->saved_timers);
    pieces_fini(&h->saved_pieces);
    pieces_fini(&h->saved_splits);
    pieces_fini(&h->saved_commits);
    h->checkpoint++;
    h->saved = true;
    if (h->plugin->kind == SLU_KIND_SOURCE)
        return snapshot_splits(h, err);
    SLU_TRY(harness_states_copy(h->states, h->state_count, h->saved_states, err));
    h->saved_state_count = h->state_count;
    SLU_TRY(timers_copy(&h->timers, &h->saved_timers, err));
    return snapshot_pieces(h, err);
}

slu_status
sdk_harness_complete(sdk_harness *h, slu_error *err)
{
    if (h->plugin->kind == SLU_KIND_SOURCE) {
        const slu_source_ops *ops = h->plugin->ops;
        return ops->complete == NULL ? SLU_OK : ops->complete(h->instance, h->checkpoint, err);
    }
    const slu_sink_ops *ops = h->plugin->ops;
    for (size_t i = 0; h->plugin->kind == SLU_KIND_SINK && ops->commit != NULL && i < h->saved_commits.count; i++) {
        const piece *p = &h->saved_commits.items[i];
        SLU_TRY(ops->commit(h->instance, h->checkpoint, p->data, p->bytes, err));
    }
    return SLU_OK;
}

slu_status
sdk_harness_restart(sdk_harness *h, slu_error *err)
{
    instance_drop(h);
    if (h->saved) {
        SLU_TRY(harness_states_copy(h->saved_states, h->saved_state_count, h->states, err));
        h->state_count = h->saved_state_count;
        SLU_TRY(timers_copy(&h->saved_timers, &h->timers, err));
    }
    return instance_start(h, err);
}

/* ---- Looking ---------------------------------------------------------------------------------------------------------------- */

const char *
sdk_harness_output_of(sdk_harness *h, uint32_t output)
{
    sdk_text *text = &h->texts[output];
    sdk_text_reset(text);
    for (uint32_t i = 0; i < h->kept_count; i++)
        if (h->kept[i]->output == output)
            sdk_rows_write(&h->kept[i]->shown, text);
    return sdk_text_cstr(text);
}

const char *
sdk_harness_output(sdk_harness *h)
{
    return sdk_harness_output_of(h, 0);
}

const char *
sdk_harness_schema(sdk_harness *h, uint32_t output)
{
    const struct ArrowSchema *schema = &h->outputs[output];
    sdk_text_reset(&h->schema_text);
    for (int64_t i = 0; i < schema->n_children; i++) {
        char sql[SDK_SQL_BYTES_MAX];
        if (sdk_schema_to_sql(schema->children[i], sql, sizeof sql, NULL) != SLU_OK)
            (void)snprintf(sql, sizeof sql, "?");
        sdk_text_printf(&h->schema_text, "%s%s %s%s", i != 0 ? ", " : "", schema->children[i]->name, sql,
                        slu_schema_nullable(schema->children[i]) ? "" : " NOT NULL");
    }
    return sdk_text_cstr(&h->schema_text);
}

int64_t
sdk_harness_rows(const sdk_harness *h)
{
    return h->rows;
}

uint32_t
sdk_harness_batches(const sdk_harness *h)
{
    return h->kept_count;
}

const slu_batch *
sdk_harness_batch_at(const sdk_harness *h, uint32_t index)
{
    return &h->kept[index]->shown;
}

void
sdk_harness_clear(sdk_harness *h)
{
    for (uint32_t i = 0; i < h->kept_count; i++)
        harness_batch_unref(h, h->kept[i]);
    h->kept_count = 0;
}

int64_t
sdk_harness_metric(const sdk_harness *h, const char *name)
{
    for (uint32_t i = 0; i < HARNESS_METRICS_MAX && h->metrics[i].name != NULL; i++)
        if (strcmp(h->metrics[i].name, name) == 0)
            return h->metrics[i].value;
    return 0;
}

int64_t
sdk_harness_state_entries(const sdk_harness *h, const char *state)
{
    for (uint32_t i = 0; i < h->state_count; i++)
        if (strcmp(h->states[i]->name, state) == 0)
            return h->states[i]->map.live;
    return 0;
}

uint32_t
sdk_harness_pending(const sdk_harness *h)
{
    if (h->plugin->kind == SLU_KIND_OPERATOR) {
        const slu_operator_ops *ops = h->plugin->ops;
        return ops->pending == NULL ? 0 : ops->pending(h->instance);
    }
    if (h->plugin->kind == SLU_KIND_SINK) {
        const slu_sink_ops *ops = h->plugin->ops;
        return ops->pending == NULL ? 0 : ops->pending(h->instance);
    }
    return 0;
}

uint32_t
sdk_harness_lookups(const sdk_harness *h)
{
    return h->lookups;
}

int64_t
sdk_harness_lookup_keys(const sdk_harness *h)
{
    return h->lookup_keys;
}

bool
sdk_harness_bounded(const sdk_harness *h)
{
    return h->bounded;
}

void *
sdk_harness_instance(sdk_harness *h)
{
    return h->instance;
}

slu_host *
sdk_harness_host(sdk_harness *h)
{
    return &h->host;
}
