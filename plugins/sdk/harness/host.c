#include "harness.h"

#include <sluice/sdk/suggest.h>

/* ---- Log, memory, clocks ---------------------------------------------------------------------------------------------------- */

static void
host_log(slu_host *host, int32_t level, const char *event, const char *message)
{
    (void)host;
    if (level <= SLU_HOST_LOG_WARN)
        (void)fprintf(stderr, "%s %s\n", event, message);
}

static void *
host_alloc(slu_host *host, uint64_t bytes)
{
    void *memory = aligned_alloc(64, (size_t)(bytes + 64) / 64 * 64);
    if (memory != NULL)
        atomic_fetch_add(&harness_of(host)->memory_alive, 1);
    return memory;
}

static void
host_release(slu_host *host, void *memory)
{
    if (memory != NULL)
        atomic_fetch_sub(&harness_of(host)->memory_alive, 1);
    free(memory);
}

static int64_t
host_now(slu_host *host)
{
    return harness_of(host)->now_ms;
}

static uint64_t
host_random(slu_host *host)
{
    sdk_harness *h = harness_of(host);
    h->random = h->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return h->random ^ h->random >> 29;
}

/* ---- Batches ---------------------------------------------------------------------------------------------------------------- */

slu_status
harness_batch_new(sdk_harness *h, const struct ArrowSchema *schema, struct ArrowArray *array, held_batch **out, slu_error *err)
{
    held_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        slu_array_release(array);
        return slu_error_set(err, SLU_NOMEM, "harness: no memory for a batch");
    }
    atomic_init(&batch->references, 1);
    atomic_fetch_add(&h->batches_alive, 1);
    slu_array_move(array, &batch->array);
    batch->shown.size = sizeof batch->shown;
    batch->shown.schema = schema;
    batch->shown.array = &batch->array;
    batch->shown.rows = batch->array.length;
    *out = batch;
    return SLU_OK;
}

void
harness_batch_unref(sdk_harness *h, held_batch *batch)
{
    if (batch == NULL || atomic_fetch_sub(&batch->references, 1) != 1)
        return;
    slu_array_release(&batch->array);
    if (batch->base != NULL)
        harness_batch_unref(h, (held_batch *)(uintptr_t)batch->base);
    if (batch->schema != NULL) {
        slu_schema_release(batch->schema);
        free(batch->schema);
    }
    for (uint32_t i = 0; i < batch->shown.attr_count; i++) {
        free((char *)(uintptr_t)batch->attrs[i].key);
        free((void *)(uintptr_t)batch->attrs[i].data);
    }
    free(batch->attrs);
    free(batch->selection);
    free(batch->kinds);
    free(batch);
    atomic_fetch_sub(&h->batches_alive, 1);
}

static const slu_batch *
host_batch_ref(slu_host *host, const slu_batch *batch)
{
    (void)host;
    atomic_fetch_add(&((held_batch *)(uintptr_t)batch)->references, 1);
    return batch;
}

static void
host_batch_unref(slu_host *host, const slu_batch **batch)
{
    held_batch *mine = (held_batch *)(uintptr_t)slu_take(batch);
    harness_batch_unref(harness_of(host), mine);
}

static bool
copy_bytes(const void *from, size_t bytes, void **out)
{
    *out = malloc(bytes + 1);
    if (*out != NULL && bytes != 0)
        memcpy(*out, from, bytes);
    return *out != NULL;
}

static bool
copy_attrs(held_batch *batch, const slu_attr *attrs, uint32_t count)
{
    batch->attrs = calloc(count + 1, sizeof *batch->attrs);
    if (batch->attrs == NULL)
        return false;
    batch->shown.attrs = batch->attrs;
    for (uint32_t i = 0; i < count; i++) {
        void *data;
        batch->attrs[i].key = strdup(attrs[i].key);
        if (!copy_bytes(attrs[i].data, (size_t)attrs[i].data_bytes, &data))
            return false;
        batch->attrs[i].data = data;
        batch->attrs[i].data_bytes = attrs[i].data_bytes;
        batch->shown.attr_count = i + 1;
    }
    return true;
}

/* Selection, kinds and attributes: the emit's own, or those of its base. */
static bool
copy_extras(held_batch *batch, const slu_emit *emit)
{
    const slu_batch *base = emit->array == NULL ? emit->base : NULL;
    const int32_t *selection = emit->selection != NULL ? emit->selection : base != NULL ? base->selection : NULL;
    const int64_t rows = emit->selection != NULL ? emit->rows : base != NULL ? base->rows : batch->shown.rows;
    const uint8_t *kinds = emit->kinds != NULL ? emit->kinds : base != NULL ? base->kinds : NULL;
    void *copy;
    if (selection != NULL) {
        if (!copy_bytes(selection, (size_t)rows * sizeof *selection, &copy))
            return false;
        batch->selection = copy;
        batch->shown.selection = copy;
    }
    batch->shown.rows = rows;
    if (kinds != NULL) {
        if (!copy_bytes(kinds, (size_t)batch->shown.array->length, &copy))
            return false;
        batch->kinds = copy;
        batch->shown.kinds = copy;
    }
    if (emit->attrs != NULL)
        return copy_attrs(batch, emit->attrs, emit->attr_count);
    return base == NULL || copy_attrs(batch, base->attrs, base->attr_count);
}

slu_status
harness_keep(sdk_harness *h, held_batch *batch, slu_error *err)
{
    h->rows += batch->shown.rows;
    if (h->discard) {
        harness_batch_unref(h, batch);
        return SLU_OK;
    }
    if (h->kept_count == h->kept_capacity) {
        const uint32_t capacity = h->kept_capacity == 0 ? 16 : h->kept_capacity * 2;
        held_batch **wider = realloc(h->kept, capacity * sizeof(held_batch *));
        if (wider == NULL) {
            harness_batch_unref(h, batch);
            return slu_error_set(err, SLU_NOMEM, "harness: no memory");
        }
        h->kept = wider;
        h->kept_capacity = capacity;
    }
    h->kept[h->kept_count++] = batch;
    return SLU_OK;
}

/* What a real host would refuse too: rows that are not there, or out of order. */
static slu_status
emit_check(const sdk_harness *h, const slu_emit *emit, slu_error *err)
{
    const struct ArrowArray *array = emit->array != NULL ? emit->array : emit->base != NULL ? emit->base->array : NULL;
    if (array == NULL)
        return slu_error_set(err, SLU_INVALID, "emit: neither an array nor a base");
    if (emit->output >= h->plugin->output_count)
        return slu_error_set(err, SLU_INVALID, "emit: output %u of %u", emit->output, h->plugin->output_count);
    if (h->dynamic && emit->schema == NULL && emit->array != NULL)
        return slu_error_set(err, SLU_INVALID, "emit: a dynamic output needs a schema");
    if (!h->dynamic && emit->array != NULL && array->n_children != h->outputs[emit->output].n_children)
        return slu_error_set(err, SLU_INVALID, "emit: %lld columns, planned were %lld", (long long)array->n_children,
                             (long long)h->outputs[emit->output].n_children);
    for (int64_t i = 0; emit->selection != NULL && i < emit->rows; i++)
        if (emit->selection[i] < 0 || emit->selection[i] >= array->length ||
            (i > 0 && emit->selection[i] <= emit->selection[i - 1]))
            return slu_error_set(err, SLU_INVALID, "emit: the selection is not ascending within the array");
    for (int64_t c = 0; emit->array != NULL && c < array->n_children; c++)
        if (array->children[c]->length < array->length)
            return slu_error_set(err, SLU_INVALID, "emit: column %lld is shorter than the batch", (long long)c);
    return SLU_OK;
}

static slu_status
batch_own_schema(held_batch *batch, const struct ArrowSchema *schema, slu_error *err)
{
    batch->schema = calloc(1, sizeof *batch->schema);
    if (batch->schema == NULL)
        return slu_error_set(err, SLU_NOMEM, "harness: no memory");
    SLU_TRY(slu_schema_copy(schema, batch->schema, err));
    batch->shown.schema = batch->schema;
    return SLU_OK;
}

static slu_status
host_emit(slu_host *host, slu_emit *emit, slu_error *err)
{
    sdk_harness *h = harness_of(host);
    struct ArrowArray none = {0};
    held_batch *batch = NULL;
    slu_status status = emit_check(h, emit, err);
    if (status != SLU_OK) {
        if (emit->array != NULL)
            slu_array_release(emit->array);
        return status;
    }
    const struct ArrowSchema *schema = h->output_pointers[emit->output];
    SLU_TRY(harness_batch_new(h, schema, emit->array != NULL ? emit->array : &none, &batch, err));
    batch->output = emit->output;
    if (emit->array == NULL) {
        batch->base = (const held_batch *)(const void *)host_batch_ref(host, emit->base);
        batch->shown.array = emit->base->array;
        batch->shown.schema = emit->base->schema;
    } else if (emit->schema != NULL) {
        status = batch_own_schema(batch, emit->schema, err);
    }
    if (status == SLU_OK && !copy_extras(batch, emit))
        status = slu_error_set(err, SLU_NOMEM, "harness: no memory");
    if (status != SLU_OK) {
        harness_batch_unref(h, batch);
        return status;
    }
    return harness_keep(h, batch, err);
}

static slu_status
host_emit_watermark(slu_host *host, int64_t event_ms, slu_error *err)
{
    (void)host;
    (void)event_ms;
    (void)err;
    return SLU_OK;
}

/* ---- I/O -------------------------------------------------------------------------------------------------------------------- */

static slu_status
host_watch(slu_host *host, int32_t fd, uint32_t events, uint64_t cookie, slu_error *err)
{
    sdk_harness *h = harness_of(host);
    uint32_t i = 0;
    while (i < h->watch_count && h->watches[i].fd != fd)
        i++;
    if (events == 0) {
        if (i < h->watch_count)
            h->watches[i] = h->watches[--h->watch_count];
        return SLU_OK;
    }
    if (i == HARNESS_WATCHES_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d watched descriptors", HARNESS_WATCHES_MAX);
    h->watches[i].fd = fd;
    h->watches[i].events = events;
    h->watches[i].cookie = cookie;
    if (i == h->watch_count)
        h->watch_count++;
    return SLU_OK;
}

static void
host_deadline(slu_host *host, int64_t at_ms)
{
    harness_of(host)->deadline_ms = at_ms;
}

static void
host_wake(slu_host *host)
{
    atomic_store(&harness_of(host)->woken, true);
}

/* ---- Lookups ---------------------------------------------------------------------------------------------------------------- */

static const lookup_table *
table_of(const sdk_harness *h, const slu_value *use, slu_error *err)
{
    const slu_value *name = slu_value_get(use, "use");
    for (uint32_t i = 0; name != NULL && i < h->table_count; i++)
        if (name->text != NULL && strcmp(h->tables[i].use, name->text) == 0)
            return &h->tables[i];
    (void)slu_error_at(err, SLU_NOTFOUND, name, 0, "there is no lookup '%s'", name != NULL && name->text != NULL ? name->text : "");
    return NULL;
}

static slu_status
columns_known(const lookup_table *table, const struct ArrowSchema *wanted, slu_error *err)
{
    for (int64_t i = 0; i < wanted->n_children; i++) {
        const int64_t at = sdk_column_find(&table->schema, wanted->children[i]->name, err);
        if (at < 0)
            return slu_error_in(err, SLU_INVALID, "lookup '%s'", table->use);
        if (strcmp(table->schema.children[at]->format, wanted->children[i]->format) != 0)
            return slu_error_set(err, SLU_INVALID, "lookup '%s': column '%s' has another type", table->use,
                                 wanted->children[i]->name);
    }
    return SLU_OK;
}

static slu_status
host_lookup_plan(slu_host *host, const slu_value *use, const struct ArrowSchema *keys, struct ArrowSchema *out, slu_error *err)
{
    const lookup_table *table = table_of(harness_of(host), use, err);
    if (table == NULL)
        return SLU_NOTFOUND;
    SLU_TRY(columns_known(table, keys, err));
    return slu_schema_copy(&table->schema, out, err);
}

static slu_status
port_init(sdk_harness *h, slu_lookup_port *port, const slu_lookup_spec *spec, slu_error *err)
{
    port->table = table_of(h, spec->use, err);
    if (port->table == NULL)
        return SLU_NOTFOUND;
    SLU_TRY(columns_known(port->table, spec->keys, err));
    SLU_TRY(columns_known(port->table, spec->values, err));
    SLU_TRY(slu_schema_copy(spec->keys, &port->keys, err));
    const slu_status status = slu_schema_copy(spec->values, &port->values, err);
    if (status != SLU_OK)
        slu_schema_release(&port->keys);
    port->harness = h;
    port->owner = spec->owner;
    port->on_answer = spec->on_answer;
    port->open = status == SLU_OK;
    return status;
}

static slu_status
host_lookup_open(slu_host *host, const slu_lookup_spec *spec, slu_lookup_port **out, slu_error *err)
{
    sdk_harness *h = harness_of(host);
    for (uint32_t i = 0; i < HARNESS_PORTS_MAX; i++) {
        if (h->ports[i].open)
            continue;
        SLU_TRY(port_init(h, &h->ports[i], spec, err));
        *out = &h->ports[i];
        return SLU_OK;
    }
    return slu_error_set(err, SLU_LIMIT, "more than %d lookups", HARNESS_PORTS_MAX);
}

static slu_status
host_lookup_submit(slu_host *host, slu_lookup_port *port, uint64_t token, struct ArrowArray *keys, slu_error *err)
{
    sdk_harness *h = harness_of(host);
    if (h->asked_count == h->asked_capacity) {
        const size_t capacity = h->asked_capacity == 0 ? 16 : h->asked_capacity * 2;
        asked *wider = realloc(h->asked, capacity * sizeof *wider);
        if (wider == NULL)
            return slu_error_set(err, SLU_NOMEM, "harness: no memory");
        h->asked = wider;
        h->asked_capacity = capacity;
    }
    asked *a = &h->asked[h->asked_count++];
    a->port = port;
    a->token = token;
    slu_array_move(keys, &a->keys);
    h->lookups++;
    h->lookup_keys += a->keys.length;
    return SLU_OK;
}

static void
port_close(sdk_harness *h, slu_lookup_port *port)
{
    size_t left = 0;
    for (size_t i = 0; i < h->asked_count; i++) {
        if (h->asked[i].port == port)
            slu_array_release(&h->asked[i].keys);
        else
            h->asked[left++] = h->asked[i];
    }
    h->asked_count = left;
    slu_schema_release(&port->keys);
    slu_schema_release(&port->values);
    port->open = false;
}

static void
host_lookup_close(slu_host *host, slu_lookup_port **port)
{
    slu_lookup_port *mine = slu_take(port);
    if (mine != NULL)
        port_close(harness_of(host), mine);
}

void
harness_lookups_reset(sdk_harness *h)
{
    for (uint32_t i = 0; i < HARNESS_PORTS_MAX; i++)
        if (h->ports[i].open)
            port_close(h, &h->ports[i]);
}

/* The keys of a schema's columns, encoded: for the table and for the question alike. */
static slu_status
keys_of(sdk_keys *keys, const struct ArrowSchema *schema, const struct ArrowSchema *names, const struct ArrowArray *array,
        slu_error *err)
{
    const char *columns[HARNESS_KEYS_MAX];
    for (int64_t i = 0; i < names->n_children && i < HARNESS_KEYS_MAX; i++)
        columns[i] = names->children[i]->name;
    const slu_batch batch = {.size = sizeof batch, .rows = array->length, .schema = schema, .array = array};
    SLU_TRY(sdk_keys_init(keys, schema, columns, (uint32_t)names->n_children, err));
    return sdk_keys_encode(keys, &batch, NULL, 0, err);
}

static const uint8_t *
key_at(const sdk_keys *keys, int64_t i, uint32_t *bytes)
{
    *bytes = keys->key_bytes != 0 ? keys->key_bytes : (uint32_t)(keys->offsets[i + 1] - keys->offsets[i]);
    return keys->data + (keys->key_bytes != 0 ? (int64_t)keys->key_bytes * i : keys->offsets[i]);
}

/* Row of the table for each key; -1: not there. */
static slu_status
rows_find(const asked *a, int32_t *rows, slu_error *err)
{
    SLU_AUTO(sdk_keys_fini) sdk_keys table = {0};
    SLU_AUTO(sdk_keys_fini) sdk_keys question = {0};
    SLU_AUTO(sdk_map_fini) sdk_map map;
    uint32_t bytes;
    bool added;
    sdk_map_init(&map);
    SLU_TRY(keys_of(&table, &a->port->table->schema, &a->port->keys, &a->port->table->array, err));
    SLU_TRY(keys_of(&question, &a->port->keys, &a->port->keys, &a->keys, err));
    for (int64_t i = 0; i < table.shown.count; i++) {
        const uint8_t *key = key_at(&table, i, &bytes);
        if (sdk_map_put(&map, table.hashes[i], key, bytes, &added) < 0)
            return slu_error_set(err, SLU_NOMEM, "harness: no memory");
    }
    sdk_map_find_many(&map, &question.shown, rows);
    return SLU_OK;
}

static slu_status
answer_columns(const asked *a, const int32_t *rows, struct ArrowArray *out, slu_error *err)
{
    const struct ArrowSchema *wanted = &a->port->values;
    const lookup_table *table = a->port->table;
    struct ArrowArray *columns = calloc((size_t)wanted->n_children + 1, sizeof *columns);
    slu_status status = columns == NULL ? slu_error_set(err, SLU_NOMEM, "harness: no memory") : SLU_OK;
    for (int64_t c = 0; c < wanted->n_children && status == SLU_OK; c++) {
        const int64_t at = slu_schema_find(&table->schema, wanted->children[c]->name);
        const slu_column column = slu_column_child(&table->schema, &table->array, at);
        status = sdk_gather(table->schema.children[at], &column, rows, a->keys.length, NULL, &columns[c], err);
    }
    if (status == SLU_OK)
        status = sdk_struct(columns, wanted->n_children, a->keys.length, out, err);
    for (int64_t c = 0; c < wanted->n_children && columns != NULL; c++)
        slu_array_release(&columns[c]);
    free(columns);
    return status;
}

static slu_status
answer_one(sdk_harness *h, const asked *a, slu_error *err)
{
    int32_t *rows = malloc(((size_t)a->keys.length + 1) * sizeof *rows);
    uint8_t *found = malloc((size_t)a->keys.length + 1);
    struct ArrowArray values = {0};
    held_batch *batch = NULL;
    slu_status status =
        rows == NULL || found == NULL ? slu_error_set(err, SLU_NOMEM, "harness: no memory") : rows_find(a, rows, err);
    for (int64_t i = 0; status == SLU_OK && i < a->keys.length; i++)
        found[i] = rows[i] >= 0;
    if (status == SLU_OK)
        status = answer_columns(a, rows, &values, err);
    if (status == SLU_OK)
        status = harness_batch_new(h, &a->port->values, &values, &batch, err);
    if (status == SLU_OK) {
        const slu_lookup_answer answer = {.size = sizeof answer, .token = a->token, .values = &batch->shown, .found = found};
        a->port->on_answer(a->port->owner, &answer);
        harness_batch_unref(h, batch);
    }
    free(rows);
    free(found);
    return status;
}

slu_status
harness_answers(sdk_harness *h, slu_error *err)
{
    while (h->asked_count > 0) {
        asked first = h->asked[0];
        memmove(h->asked, h->asked + 1, --h->asked_count * sizeof *h->asked);
        const slu_status status = answer_one(h, &first, err);
        slu_array_release(&first.keys);
        SLU_TRY(status);
    }
    return SLU_OK;
}

/* A lookup plugin under test answers: found, then the values, as a batch of output 0. */
static slu_status
host_lookup_answer(slu_host *host, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    sdk_harness *h = harness_of(host);
    slu_error err;
    held_batch *batch = NULL;
    (void)token;
    if (failure != NULL) {
        (void)fprintf(stderr, "lookup failed: %s\n", failure->message);
        return failure->status;
    }
    SLU_TRY(harness_batch_new(h, h->output_pointers[0], values, &batch, &err));
    batch->kinds = malloc((size_t)batch->shown.rows + 1);
    for (int64_t i = 0; batch->kinds != NULL && i < batch->shown.rows; i++)
        batch->kinds[i] = found[i] ? SLU_ROW_APPEND : SLU_ROW_DELETE; /* "-D" marks a missing key */
    batch->shown.kinds = batch->kinds;
    return harness_keep(h, batch, &err);
}

/* ---- Metrics ---------------------------------------------------------------------------------------------------------------- */

static slu_metric *
host_metric(slu_host *host, uint32_t kind, const char *name)
{
    sdk_harness *h = harness_of(host);
    for (uint32_t i = 0; i < HARNESS_METRICS_MAX; i++) {
        slu_metric *metric = &h->metrics[i];
        if (metric->name != NULL && strcmp(metric->name, name) == 0)
            return metric;
        if (metric->name == NULL) {
            metric->name = strdup(name);
            metric->kind = kind;
            return metric;
        }
    }
    return &h->metrics[HARNESS_METRICS_MAX - 1];
}

static void
host_metric_add(slu_host *host, slu_metric *metric, int64_t delta)
{
    (void)host;
    if (metric != NULL)
        metric->value = metric->kind == SLU_METRIC_GAUGE ? delta : metric->value + delta;
}

static const void *
host_get_extension(slu_host *host, const char *name)
{
    (void)host;
    (void)name;
    return NULL;
}

void
harness_host_init(sdk_harness *h)
{
    const slu_host host = {.size = sizeof host,
                           .abi = SLU_ABI,
                           .context = h,
                           .log = host_log,
                           .alloc = host_alloc,
                           .release = host_release,
                           .now_ms = host_now,
                           .wall_ms = host_now,
                           .random = host_random,
                           .batch_ref = host_batch_ref,
                           .batch_unref = host_batch_unref,
                           .emit = host_emit,
                           .emit_watermark = host_emit_watermark,
                           .state_open = harness_state_open,
                           .state_find_many = harness_state_find,
                           .state_upsert_many = harness_state_upsert,
                           .state_erase_many = harness_state_erase,
                           .state_get_bytes = harness_state_get,
                           .state_put_bytes = harness_state_put,
                           .timer_set = harness_timer_set,
                           .timer_clear = harness_timer_clear,
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
                           .get_extension = host_get_extension};
    h->host = host;
}
