/*
 * lookup_join.c: adds columns that a lookup answers for some columns of each row, at the time the row comes by.
 *
 * Batch    the keys of a batch are encoded and made distinct; those the cache does not know are asked for in one request. When the answer
 *          is there, the taken columns are gathered by row; the input's columns are passed on without a copy.
 * Order    batches leave in the order in which they came: `pending` is a ring of at most in_flight batches; the first waits for its answer,
 *          later ones behind it. Watermarks and barriers wait for pending to be 0 (the host asks).
 * Nulls    a row whose key has a null is not asked for and has no match, as in SQL.
 * (1) number[i] of a batch's row i is its distinct key, or -1; answer[n] is where the values of distinct key n are, or -1 for none.
 */
#include "join.h"

#include <sluice/sdk/host.h>

#include <inttypes.h>

typedef struct pending {
    const slu_batch *batch;
    const slu_batch *values; /* the answer; NULL: not there, or none was needed */
    uint64_t token;
    bool waiting;
    int32_t *number; /* by row of the batch */
    int64_t row_capacity;
    /* By distinct key. */
    int32_t distinct, asked, cached;
    int32_t *answer;
    int32_t *first;       /* a row of the array that has the key */
    int32_t *request;     /* by asked key: its distinct number */
    uint8_t *found;       /* of the answer */
    sdk_builder *columns; /* values that came from the cache */
} pending;

typedef struct join {
    slu_host *host;
    const join_options *options;
    const struct ArrowSchema *input;
    join_plan plan;
    bool inner;
    slu_lookup_port *port;
    sdk_keys keys;
    sdk_map distinct;
    cache cache;
    pending ring[JOIN_IN_FLIGHT_MAX];
    uint32_t ring_first, ring_count, ring_size;
    uint64_t next_token;
    slu_error failure; /* of an answer: the next call reports it */
    bool failed;
    int32_t *rows; /* scratch: gather indices, then the selection of an inner join */
    int64_t rows_capacity;
    struct ArrowArray *arrays;
    slu_metric *requests, *hits, *misses;
} join;

static const slu_option join_option_table[] = {
    SLU_OPTION("lookup", VALUE, join_options, lookup, NULL,
               "the lookup and its options, as in { use: fluss_lookup, table: fluss.account }", .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("on", VALUE, join_options, on, NULL,
               "input columns to the lookup's keys, { accountId: id }, or a list of common names", .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("take", VALUE, join_options, take, NULL,
               "the lookup's columns to add, [name], or new names to them, { owner: name }", .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("type", CHOICE, join_options, type, "left", "left keeps rows without a match, inner drops them",
               .choices = "left|inner"),
    SLU_OPTION("cache-rows", I64, join_options, cache_rows, "0", "answers to remember per subtask; 0 none", .min = 0,
               .max = 100000000),
    SLU_OPTION("cache-ttl", DURATION, join_options, cache_ttl_ms, "10m", "how long an answer is believed; 0s for ever", .min = 0,
               .max = INT64_MAX),
    SLU_OPTION("cache-missing", BOOL, join_options, cache_missing, "true", "remember also that a key is not there"),
    SLU_OPTION("in-flight", I64, join_options, in_flight, "8", "batches whose answers may be awaited at once", .min = 1,
               .max = JOIN_IN_FLIGHT_MAX)};

/* ---- Planning --------------------------------------------------------------------------------------------------------------- */

static slu_status
join_plan_call(slu_plan_call *call, slu_error *err)
{
    const join_options *options = call->options;
    join_plan plan;
    SLU_TRY(join_plan_read(call->host, options, call->inputs[0], &plan, err));
    const slu_status status = join_output(options, &plan, call->inputs[0], &call->outputs[0], err);
    join_plan_fini(&plan);
    return status;
}

/* ---- Life ------------------------------------------------------------------------------------------------------------------- */

static void
pending_fini(join *self, pending *p)
{
    self->host->batch_unref(self->host, &p->batch);
    self->host->batch_unref(self->host, &p->values);
    for (int64_t c = 0; p->columns != NULL && c < self->plan.values.n_children; c++)
        if (p->columns[c].memory.free != NULL)
            sdk_builder_fini(&p->columns[c]);
    free(p->columns);
    free(p->number);
    free(p->answer);
    free(p->first);
    free(p->request);
    free(p->found);
    memset(p, 0, sizeof *p);
}

static void
join_close(void *instance)
{
    join *self = instance;
    self->host->lookup_close(self->host, &self->port);
    for (uint32_t i = 0; i < JOIN_IN_FLIGHT_MAX; i++)
        pending_fini(self, &self->ring[i]);
    cache_fini(&self->cache);
    sdk_keys_fini(&self->keys);
    sdk_map_fini(&self->distinct);
    join_plan_fini(&self->plan);
    free(self->arrays);
    free(self->rows);
    self->arrays = NULL;
    self->rows = NULL;
    self->ring_count = 0;
}

static void join_answer(void *owner, const slu_lookup_answer *answer);

static slu_status
port_open(join *self, slu_error *err)
{
    const slu_lookup_spec spec = {.size = sizeof spec,
                                  .use = self->options->lookup,
                                  .keys = &self->plan.keys,
                                  .values = &self->plan.values,
                                  .owner = self,
                                  .on_answer = join_answer};
    return self->host->lookup_open(self->host, &spec, &self->port, err);
}

static slu_status
ring_open(join *self, slu_error *err)
{
    const int64_t columns = self->plan.values.n_children;
    self->ring_size = (uint32_t)self->options->in_flight;
    for (uint32_t i = 0; self->options->cache_rows > 0 && i < self->ring_size; i++) {
        self->ring[i].columns = calloc((size_t)columns + 1, sizeof(sdk_builder));
        if (self->ring[i].columns == NULL)
            return slu_error_set(err, SLU_NOMEM, "lookup_join: no memory");
        for (int64_t c = 0; c < columns; c++)
            if (sdk_builder_init(&self->ring[i].columns[c], self->plan.values.children[c]->format, NULL) != SLU_OK)
                return slu_error_set(err, SLU_UNSUPPORTED, "lookup_join: column '%s' cannot be cached",
                                     self->plan.values.children[c]->name);
    }
    self->arrays = calloc((size_t)(self->input->n_children + columns), sizeof *self->arrays);
    return self->arrays == NULL ? slu_error_set(err, SLU_NOMEM, "lookup_join: no memory") : SLU_OK;
}

static slu_status
join_open(void *instance, const slu_open *open, slu_error *err)
{
    join *self = instance;
    self->host = open->host;
    self->options = open->options;
    self->input = open->inputs[0];
    self->inner = strcmp(self->options->type, "inner") == 0;
    self->requests = self->host->metric(self->host, SLU_METRIC_COUNTER, "requests");
    self->hits = self->host->metric(self->host, SLU_METRIC_COUNTER, "cacheHits");
    self->misses = self->host->metric(self->host, SLU_METRIC_COUNTER, "cacheMisses");
    sdk_map_init(&self->distinct);
    slu_status status = join_plan_reopen(self->options, self->input, open->outputs[0], &self->plan, err);
    if (status == SLU_OK)
        status = sdk_keys_init(&self->keys, self->input, self->plan.key_columns, self->plan.key_count, err);
    if (status == SLU_OK)
        status = cache_init(&self->cache, self->options, &self->plan.values, err);
    if (status == SLU_OK)
        status = ring_open(self, err);
    if (status == SLU_OK)
        status = port_open(self, err);
    if (status != SLU_OK)
        join_close(self);
    return status;
}

/* ---- A batch comes ---------------------------------------------------------------------------------------------------------- */

static slu_status
pending_room(pending *p, int64_t rows, slu_error *err)
{
    if (rows <= p->row_capacity)
        return SLU_OK;
    free(p->number);
    free(p->answer);
    free(p->first);
    free(p->request);
    free(p->found);
    p->number = malloc((size_t)rows * sizeof *p->number);
    p->answer = malloc((size_t)rows * sizeof *p->answer);
    p->first = malloc((size_t)rows * sizeof *p->first);
    p->request = malloc((size_t)rows * sizeof *p->request);
    p->found = malloc((size_t)rows);
    const bool good = p->number != NULL && p->answer != NULL && p->first != NULL && p->request != NULL && p->found != NULL;
    p->row_capacity = good ? rows : 0;
    return good ? SLU_OK : slu_error_set(err, SLU_NOMEM, "lookup_join: no memory for %" PRId64 " rows", rows);
}

static const uint8_t *
key_at(const sdk_keys *keys, int64_t i, uint32_t *bytes)
{
    *bytes = keys->key_bytes != 0 ? keys->key_bytes : (uint32_t)(keys->offsets[i + 1] - keys->offsets[i]);
    return keys->data + (keys->key_bytes != 0 ? (int64_t)keys->key_bytes * i : keys->offsets[i]);
}

/* Marks rows whose key has a null: number -1. */
static void
nulls_mark(const join *self, const slu_batch *batch, pending *p)
{
    memset(p->number, 0, (size_t)batch->rows * sizeof *p->number);
    for (uint32_t k = 0; k < self->keys.column_count; k++) {
        const slu_column column = slu_batch_column(batch, self->keys.columns[k]);
        for (int64_t i = 0; column.validity != NULL && i < batch->rows; i++)
            if (!slu_column_valid(&column, slu_batch_row(batch, i)))
                p->number[i] = -1;
    }
}

/* Keeps (1): numbers the distinct keys in the order of their first rows. */
static slu_status
distinct_make(join *self, const slu_batch *batch, pending *p, slu_error *err)
{
    SLU_TRY(sdk_keys_encode(&self->keys, batch, NULL, 0, err));
    nulls_mark(self, batch, p);
    sdk_map_reset(&self->distinct);
    p->distinct = 0;
    for (int64_t i = 0; i < batch->rows; i++) {
        uint32_t bytes;
        bool added;
        if (p->number[i] < 0)
            continue;
        const uint8_t *key = key_at(&self->keys, i, &bytes);
        p->number[i] = sdk_map_put(&self->distinct, self->keys.hashes[i], key, bytes, &added);
        if (p->number[i] < 0)
            return slu_error_set(err, SLU_NOMEM, "lookup_join: no memory for keys");
        if (added)
            p->first[p->distinct++] = (int32_t)slu_batch_row(batch, i);
    }
    return SLU_OK;
}

/* What the cache knows is copied out at once (it may be gone when the answer comes); the rest is to be asked for. */
static void
cache_ask(join *self, pending *p)
{
    const int64_t now = self->host->now_ms(self->host);
    p->asked = p->cached = 0;
    for (int64_t c = 0; p->columns != NULL && c < self->plan.values.n_children; c++)
        sdk_builder_reset(&p->columns[c]);
    const sdk_map_entry *keys = self->distinct.entries;
    for (int32_t n = 0; n < p->distinct; n++) {
        if (p->columns != NULL && n + 16 < p->distinct)
            cache_prefetch(&self->cache, keys[n + 16].hash, 0);
        if (p->columns != NULL && n + 8 < p->distinct)
            cache_prefetch(&self->cache, keys[n + 8].hash, 1);
        const int known = p->columns == NULL ? -1
                                             : cache_get(&self->cache, keys[n].hash, sdk_map_key(&self->distinct, n),
                                                         keys[n].key_bytes, now, p->columns);
        if (known >= 0)
            p->answer[n] = known ? p->cached : -1;
        else
            p->request[p->asked++] = n;
        p->cached += known >= 0;
    }
    if (p->columns != NULL) {
        self->host->metric_add(self->host, self->hits, p->cached);
        self->host->metric_add(self->host, self->misses, p->asked);
    }
}

/* The request: the key columns of one row for each key that is asked for. */
static slu_status
request_make(join *self, const slu_batch *batch, pending *p, struct ArrowArray *out, slu_error *err)
{
    struct ArrowArray columns[SDK_KEY_COLUMNS_MAX];
    slu_status status = SLU_OK;
    memset(columns, 0, sizeof columns);
    int32_t *rows = self->rows;
    for (int32_t i = 0; i < p->asked; i++)
        rows[i] = p->first[p->request[i]];
    for (uint32_t k = 0; k < self->keys.column_count && status == SLU_OK; k++) {
        const slu_column column = slu_batch_column(batch, self->keys.columns[k]);
        status = sdk_gather(batch->schema->children[self->keys.columns[k]], &column, rows, p->asked, NULL, &columns[k], err);
    }
    if (status == SLU_OK)
        status = sdk_struct(columns, self->keys.column_count, p->asked, out, err);
    for (uint32_t k = 0; k < self->keys.column_count; k++)
        slu_array_release(&columns[k]);
    return status;
}

static slu_status
request_submit(join *self, const slu_batch *batch, pending *p, slu_error *err)
{
    struct ArrowArray keys = {0};
    p->waiting = p->asked > 0;
    if (!p->waiting)
        return SLU_OK;
    SLU_TRY(request_make(self, batch, p, &keys, err));
    p->token = ++self->next_token;
    const slu_status status = self->host->lookup_submit(self->host, self->port, p->token, &keys, err);
    slu_array_release(&keys);
    if (status == SLU_OK)
        self->host->metric_add(self->host, self->requests, 1);
    return status;
}

static slu_status
rows_room(join *self, int64_t rows, slu_error *err)
{
    if (rows <= self->rows_capacity)
        return SLU_OK;
    free(self->rows);
    self->rows = malloc((size_t)rows * sizeof *self->rows);
    self->rows_capacity = self->rows == NULL ? 0 : rows;
    return self->rows != NULL ? SLU_OK : slu_error_set(err, SLU_NOMEM, "lookup_join: no memory for %" PRId64 " rows", rows);
}

static slu_status join_more(void *instance, slu_error *err);

static slu_status
join_process(void *instance, uint32_t input, const slu_batch *batch, slu_error *err)
{
    join *self = instance;
    (void)input;
    if (self->failed)
        return join_more(self, err);
    if (batch->rows == 0)
        return SLU_OK;
    if (self->ring_count == self->ring_size)
        return SLU_AGAIN;
    pending *p = &self->ring[(self->ring_first + self->ring_count) % self->ring_size];
    SLU_TRY(pending_room(p, batch->rows, err));
    SLU_TRY(rows_room(self, batch->rows, err));
    SLU_TRY(distinct_make(self, batch, p, err));
    cache_ask(self, p);
    const slu_status status = request_submit(self, batch, p, err);
    if (status != SLU_OK)
        return status; /* AGAIN: too many of the lookup's own are in flight; nothing was taken */
    p->batch = self->host->batch_ref(self->host, batch);
    self->ring_count++;
    return join_more(self, err);
}

/* ---- An answer comes -------------------------------------------------------------------------------------------------------- */

static void
answer_cache(join *self, pending *p)
{
    slu_column columns[JOIN_COLUMNS_MAX];
    const int64_t now = self->host->now_ms(self->host);
    if (p->columns == NULL || sdk_keys_encode(&self->keys, p->batch, p->first, p->distinct, NULL) != SLU_OK)
        return;
    for (int64_t c = 0; c < self->plan.values.n_children; c++)
        columns[c] = slu_batch_column(p->values, c);
    for (int32_t i = 0; i < p->asked; i++) {
        uint32_t bytes;
        const uint8_t *key = key_at(&self->keys, p->request[i], &bytes);
        cache_put(&self->cache, self->keys.hashes[p->request[i]], key, bytes, now, columns, slu_batch_row(p->values, i),
                  p->found[i]);
    }
}

static void
join_answer(void *owner, const slu_lookup_answer *answer)
{
    join *self = owner;
    for (uint32_t i = 0; i < self->ring_count; i++) {
        pending *p = &self->ring[(self->ring_first + i) % self->ring_size];
        if (!p->waiting || p->token != answer->token)
            continue;
        if (answer->failure != NULL || answer->values == NULL || answer->values->rows < p->asked) {
            self->failed = true;
            if (answer->failure != NULL)
                self->failure = *answer->failure;
            else
                (void)slu_error_set(&self->failure, SLU_CORRUPT, "the lookup answered fewer rows than it was asked for");
        } else {
            p->values = self->host->batch_ref(self->host, answer->values);
            memcpy(p->found, answer->found, (size_t)p->asked);
            p->waiting = false;
            answer_cache(self, p);
        }
        break;
    }
    self->host->wake(self->host);
}

/* ---- A batch leaves --------------------------------------------------------------------------------------------------------- */

/* answer[] of the keys that were asked for: rows of the answer behind those from the cache. */
static void
answers_place(pending *p)
{
    for (int32_t i = 0; i < p->asked; i++)
        p->answer[p->request[i]] = p->found[i] ? p->cached + i : -1;
}

/* One taken column by row of the batch. Where the answer alone has the values, from it; else cached and answered ones are put together
 * first (one copy per distinct key). */
static slu_status
taken_column(join *self, pending *p, int64_t c, struct ArrowArray *out, slu_error *err)
{
    const struct ArrowSchema *field = self->plan.values.children[c];
    sdk_builder_look look;
    slu_column column;
    if (p->cached == 0 && p->values != NULL) {
        column = slu_batch_column(p->values, c);
        for (int64_t i = 0; p->values->selection != NULL && i < p->batch->rows; i++)
            if (self->rows[i] >= 0)
                self->rows[i] = p->values->selection[self->rows[i]];
        return sdk_gather(field, &column, self->rows, p->batch->rows, NULL, out, err);
    }
    if (p->columns == NULL) { /* no key was asked for, none was cached: all rows have null keys */
        memset(&column, 0, sizeof column);
        const struct ArrowArray none = {.children = NULL};
        column.type = slu_type_of(field->format);
        column.array = &none;
        return sdk_gather(field, &column, self->rows, p->batch->rows, NULL, out, err);
    }
    if (p->values != NULL) {
        const slu_column from = slu_batch_column(p->values, c);
        for (int32_t i = 0; i < p->asked; i++)
            sdk_builder_copy(&p->columns[c], &from, slu_batch_row(p->values, i));
    }
    column = sdk_builder_view(&p->columns[c], &look);
    if (p->columns[c].failed != SLU_OK)
        return slu_error_set(err, p->columns[c].failed, "lookup_join: no memory for answers");
    return sdk_gather(field, &column, self->rows, p->batch->rows, NULL, out, err);
}

static slu_status
columns_make(join *self, pending *p, slu_error *err)
{
    const int64_t inputs = self->input->n_children;
    for (int64_t c = 0; c < inputs; c++)
        SLU_TRY(sdk_dense_column(self->host, p->batch, c, &self->arrays[c], err));
    for (int64_t c = 0; c < self->plan.values.n_children; c++) {
        for (int64_t i = 0; i < p->batch->rows; i++)
            self->rows[i] = p->number[i] < 0 ? -1 : p->answer[p->number[i]];
        SLU_TRY(taken_column(self, p, c, &self->arrays[inputs + c], err));
    }
    return SLU_OK;
}

/* The rows that have a match. */
static int64_t
inner_rows(join *self, const pending *p)
{
    int64_t count = 0;
    for (int64_t i = 0; i < p->batch->rows; i++)
        if (p->number[i] >= 0 && p->answer[p->number[i]] >= 0)
            self->rows[count++] = (int32_t)i;
    return count;
}

/* Row kinds of the rows that go on, when a selection was applied. */
static slu_status
kinds_dense(const slu_batch *batch, uint8_t **out, slu_error *err)
{
    *out = NULL;
    if (batch->kinds == NULL)
        return SLU_OK;
    *out = malloc((size_t)batch->rows);
    if (*out == NULL)
        return slu_error_set(err, SLU_NOMEM, "lookup_join: no memory");
    for (int64_t i = 0; i < batch->rows; i++)
        (*out)[i] = batch->kinds[slu_batch_row(batch, i)];
    return SLU_OK;
}

static slu_status
array_emit(join *self, const pending *p, struct ArrowArray *array, const uint8_t *kinds, slu_error *err)
{
    slu_emit emit = {
        .size = sizeof emit, .array = array, .kinds = kinds, .attrs = p->batch->attrs, .attr_count = p->batch->attr_count};
    if (self->inner) {
        const int64_t rows = inner_rows(self, p);
        if (rows == 0) {
            slu_array_release(array);
            return SLU_OK;
        }
        if (rows != p->batch->rows) {
            emit.selection = self->rows;
            emit.rows = rows;
        }
    }
    return self->host->emit(self->host, &emit, err);
}

static slu_status
pending_emit(join *self, pending *p, slu_error *err)
{
    const int64_t columns = self->input->n_children + self->plan.values.n_children;
    struct ArrowArray array;
    uint8_t *kinds = NULL;
    answers_place(p);
    slu_status status = rows_room(self, p->batch->rows, err);
    if (status == SLU_OK)
        status = columns_make(self, p, err);
    if (status == SLU_OK)
        status = kinds_dense(p->batch, &kinds, err);
    if (status == SLU_OK)
        status = sdk_struct(self->arrays, columns, p->batch->rows, &array, err);
    if (status == SLU_OK)
        status = array_emit(self, p, &array, kinds, err);
    for (int64_t c = 0; c < columns; c++)
        slu_array_release(&self->arrays[c]);
    free(kinds);
    return status;
}

static bool
first_is_ready(const join *self)
{
    return self->ring_count > 0 && !self->ring[self->ring_first].waiting;
}

/* Emits the first batch if its answer is there. MORE: the next one's is there too. */
static slu_status
join_more(void *instance, slu_error *err)
{
    join *self = instance;
    if (self->failed) {
        if (err != NULL)
            *err = self->failure;
        return slu_error_in(err, self->failure.status, "lookup_join");
    }
    if (!first_is_ready(self))
        return SLU_OK;
    pending *p = &self->ring[self->ring_first];
    const slu_status status = pending_emit(self, p, err);
    self->host->batch_unref(self->host, &p->batch);
    self->host->batch_unref(self->host, &p->values);
    self->ring_first = (self->ring_first + 1) % self->ring_size;
    self->ring_count--;
    if (status != SLU_OK)
        return status;
    return first_is_ready(self) ? SLU_MORE : SLU_OK;
}

static slu_status
join_ready(void *instance, uint64_t cookie, uint32_t events, slu_error *err)
{
    join *self = instance;
    (void)cookie;
    (void)events;
    const slu_status status = join_more(self, err);
    if (status == SLU_MORE) /* a host may follow MORE only where rows are pushed: make sure of another turn */
        self->host->wake(self->host);
    return status;
}

static uint32_t
join_pending(const void *instance)
{
    return ((const join *)instance)->ring_count;
}

static const slu_operator_ops join_ops = {.size = sizeof join_ops,
                                          .open = join_open,
                                          .process = join_process,
                                          .more = join_more,
                                          .ready = join_ready,
                                          .pending = join_pending,
                                          .close = join_close};

static const slu_plugin join_plugin = {.size = sizeof join_plugin,
                                       .kind = SLU_KIND_OPERATOR,
                                       .name = "lookup_join",
                                       .help = "Adds columns that a lookup answers for each row",
                                       .options = join_option_table,
                                       .option_count = sizeof join_option_table / sizeof *join_option_table,
                                       .options_bytes = sizeof(join_options),
                                       .instance_bytes = sizeof(join),
                                       .state_version = 1,
                                       .input_min = 1,
                                       .input_max = 1,
                                       .output_count = 1,
                                       .flags = SLU_PLUGIN_NONDETERMINISTIC,
                                       .plan = join_plan_call,
                                       .ops = &join_ops};

static const slu_plugin *const join_plugins[] = {&join_plugin};

const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {.size = sizeof module,
                                      .abi = SLU_ABI,
                                      .name = "lookup_join",
                                      .version = "0.1.0",
                                      .plugins = join_plugins,
                                      .plugin_count = 1};
    return &module;
}
