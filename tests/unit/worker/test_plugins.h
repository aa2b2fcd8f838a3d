/*
 * test_plugins.h: a module of small plugins given to a registry by pointer, and hands to build graphs of them.
 *
 *   numbers   source. Row i of a split "p" of n parts is id = p + i * n, key = id % 100; a split's bytes are (next, end, parts).
 *   even      operator: keeps even ids.
 *   count     operator, keyed by `key`: emits (id, key, how many of that key came so far), in two calls by way of MORE.
 *   fail      operator: passes everything on, and fails or stalls once, as test_world says.
 *   alarm     operator, keyed: sets an event timer 500 after each id, and passes the id on when it fires, and not before.
 *   slow      operator: keeps up to two batches in flight and emits them only after a callback.
 *   ledger    sink of two phases: what is committed lands in test_world.committed, once per (subtask, checkpoint).
 *   tally     sink: counts rows and remembers what was written.
 */
#ifndef SLUICE_TESTS_TEST_PLUGINS_H
#define SLUICE_TESTS_TEST_PLUGINS_H

#include "support/arrays.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "exchange/keys.h"
#include "plan/graph.h"
#include "worker/local.h"

#include <pthread.h>
#include <stdatomic.h>

#define TEST_IDS_MAX 1000000

typedef struct test_world {
    pthread_mutex_t lock;
    uint16_t *committed; /* [TEST_IDS_MAX]: how often an id was committed or written */
    int64_t *counts;     /* [TEST_IDS_MAX]: the count that came with it */
    _Atomic int64_t rows;
    _Atomic int64_t polls;
    _Atomic int64_t fail_at; /* rows seen by `fail` before it fails; 0: never */
    _Atomic int64_t failures;
    _Atomic int64_t fault_kind; /* a TEST_FAULT_: which call fails once, at its fault_at-th time */
    _Atomic int64_t fault_at;
    _Atomic int64_t opens, closes;
    _Atomic int64_t restored;                        /* opens that a restore followed */
    _Atomic int64_t first_write_before_checkpoint_0; /* must stay 0 */
    _Atomic int64_t commits;
    _Atomic int64_t commit_refusals; /* how many commits answer AGAIN first */
    char commits_seen[512][64];      /* "subtask:checkpoint:first id" of each commit */
    _Atomic int64_t watermark;
    uint32_t value_bytes;    /* of what `count` keeps; 0: 8 */
    _Atomic int64_t stalled; /* `slow` lets nothing go */
} test_world;

static test_world world;

#define TEST_FAULT_SOURCE_SNAPSHOT 1
#define TEST_FAULT_PREPARE 2
#define TEST_FAULT_COMMIT 3
#define TEST_FAULT_COMMITTED 4 /* the commit was done, its answer is lost */
#define TEST_FAULT_RESTORE 5   /* the open after a failure fails */
#define TEST_FAULT_COUNT 5

static inline slu_status
test_fault(int64_t kind, slu_error *err)
{
    if (atomic_load(&world.fault_kind) != kind || atomic_fetch_sub(&world.fault_at, 1) != 1)
        return SLU_OK;
    atomic_fetch_add(&world.failures, 1);
    return slu_error_set(err, SLU_IO, "fault %lld", (long long)kind);
}

#ifndef TEST_SOURCE
#define TEST_SOURCE "numbers" /* the plugin that has these functions; whoever makes another one of them says its name before */
#endif

/* Whoever watches the thread sees whose call this is. */
static inline void
test_noted(const char *plugin)
{
    assert_non_null(slu_crash_now.plugin);
    assert_string_equal(slu_crash_now.plugin, plugin);
}

static inline void
test_world_reset(void)
{
    free(world.committed);
    free(world.counts);
    memset(&world, 0, sizeof world);
    (void)pthread_mutex_init(&world.lock, NULL);
    world.committed = calloc(TEST_IDS_MAX, sizeof *world.committed);
    world.counts = calloc(TEST_IDS_MAX, sizeof *world.counts);
}

/* ---- numbers */

typedef struct numbers_options {
    int64_t batch_rows;
    uint32_t endless;
} numbers_options;

static const slu_option numbers_option_table[] = {
    SLU_OPTION("batch-rows", I64, numbers_options, batch_rows, "100", "rows of a batch"),
    SLU_OPTION("endless", BOOL, numbers_options, endless, "false", "waits instead of ending"),
};

typedef struct number_split {
    int64_t next, end, parts;
} number_split;

typedef struct numbers {
    slu_host *host;
    const numbers_options *options;
    uint32_t split_count, turn;
    char ids[8][16];
    number_split splits[8];
} numbers;

static slu_status
numbers_list(const slu_plan_call *call, slu_split_list *list, slu_error *err)
{
    (void)call;
    (void)list;
    return slu_error_set(err, SLU_UNSUPPORTED, "graphs of tests are built by hand");
}

static slu_status
numbers_open(void *self, const slu_open *open, slu_error *err)
{
    numbers *n = self;
    (void)err;
    n->host = open->host;
    n->options = open->options;
    atomic_fetch_add(&world.opens, 1);
    return SLU_OK;
}

static slu_status
numbers_assign(void *self, const slu_split *splits, uint32_t count, slu_error *err)
{
    numbers *n = self;
    test_noted(TEST_SOURCE);
    for (uint32_t i = 0; i < count; i++) {
        if (n->split_count == 8 || splits[i].data_bytes != sizeof(number_split))
            return slu_error_set(err, SLU_INVALID, "split %s of %u bytes", splits[i].id, splits[i].data_bytes);
        (void)snprintf(n->ids[n->split_count], 16, "%s", splits[i].id);
        memcpy(&n->splits[n->split_count++], splits[i].data, sizeof(number_split));
    }
    return SLU_OK;
}

static slu_status
numbers_poll(void *self, slu_error *err)
{
    numbers *n = self;
    atomic_fetch_add(&world.polls, 1);
    for (uint32_t tried = 0; tried < n->split_count; tried++) {
        const uint32_t at = n->turn++ % n->split_count;
        number_split *split = &n->splits[at];
        const int64_t left = split->end - split->next;
        const int64_t rows = left < n->options->batch_rows ? left : n->options->batch_rows;
        if (rows == 0)
            continue;
        int64_t *ids = malloc((size_t)rows * 8), *keys = malloc((size_t)rows * 8);
        const int64_t part = n->ids[at][0] - '0';
        for (int64_t i = 0; i < rows; i++) {
            ids[i] = part + (split->next + i) * split->parts;
            keys[i] = ids[i] % 100;
        }
        const test_column columns[2] = {{.name = "id", .format = "l", .values = ids},
                                        {.name = "key", .format = "l", .values = keys}};
        struct ArrowArray array;
        test_array_make(&array, columns, 2, rows);
        const int64_t last = ids[rows - 1];
        free(ids);
        free(keys);
        split->next += rows;
        slu_emit emit = {.size = sizeof emit, .array = &array};
        SLU_TRY(n->host->emit(n->host, &emit, err));
        SLU_TRY(n->host->emit_watermark(n->host, last, err));
        return SLU_MORE;
    }
    return n->options->endless ? SLU_AGAIN : SLU_END;
}

static slu_status
numbers_snapshot(void *self, int64_t checkpoint, slu_split_list *list, slu_error *err)
{
    numbers *n = self;
    (void)checkpoint;
    test_noted(TEST_SOURCE);
    SLU_TRY(test_fault(TEST_FAULT_SOURCE_SNAPSHOT, err));
    for (uint32_t i = 0; i < n->split_count; i++) {
        const slu_split split = {.size = sizeof split, .id = n->ids[i], .data = &n->splits[i], .data_bytes = sizeof(number_split)};
        SLU_TRY(list->add(list, &split, err));
    }
    return SLU_OK;
}

static void
any_close(void *self)
{
    (void)self;
    atomic_fetch_add(&world.closes, 1);
}

static const slu_source_ops numbers_ops = {.size = sizeof numbers_ops,
                                           .list_splits = numbers_list,
                                           .open = numbers_open,
                                           .assign = numbers_assign,
                                           .poll = numbers_poll,
                                           .snapshot = numbers_snapshot,
                                           .close = any_close};

/* ---- even, fail, slow */

typedef struct pass {
    slu_host *host;
    const slu_batch *held[2];
    uint32_t held_count;
} pass;

static slu_status
pass_open(void *self, const slu_open *open, slu_error *err)
{
    (void)err;
    ((pass *)self)->host = open->host;
    atomic_fetch_add(&world.opens, 1);
    return SLU_OK;
}

static slu_status
even_process(void *self, uint32_t input, const slu_batch *batch, slu_error *err)
{
    slu_host *host = ((pass *)self)->host;
    const int64_t *ids = batch->array->children[0]->buffers[1];
    int32_t *rows = malloc((size_t)batch->rows * sizeof *rows + 1);
    int64_t count = 0;
    (void)input;
    for (int64_t i = 0; i < batch->rows; i++)
        if (ids[slu_batch_row(batch, i)] % 2 == 0)
            rows[count++] = (int32_t)slu_batch_row(batch, i);
    slu_emit emit = {.size = sizeof emit, .base = batch, .selection = rows, .rows = count};
    const slu_status status = host->emit(host, &emit, err);
    free(rows);
    return status;
}

static slu_status
fail_process(void *self, uint32_t input, const slu_batch *batch, slu_error *err)
{
    slu_host *host = ((pass *)self)->host;
    (void)input;
    int64_t at = atomic_load(&world.fail_at);
    /* One of the threads that see it fails. */
    if (at > 0 && atomic_fetch_add(&world.rows, batch->rows) + batch->rows >= at &&
        atomic_compare_exchange_strong(&world.fail_at, &at, 0)) {
        atomic_fetch_add(&world.failures, 1);
        return slu_error_set(err, SLU_IO, "it was to fail here");
    }
    slu_emit emit = {.size = sizeof emit, .base = batch};
    return host->emit(host, &emit, err);
}

static slu_status
pass_watermark(void *self, int64_t event_ms, slu_error *err)
{
    (void)self;
    (void)err;
    if (event_ms != INT64_MAX)
        atomic_store(&world.watermark, event_ms);
    return SLU_OK;
}

static const slu_operator_ops even_ops = {.size = sizeof even_ops, .open = pass_open, .process = even_process, .close = any_close};
static const slu_operator_ops fail_ops = {
    .size = sizeof fail_ops, .open = pass_open, .process = fail_process, .watermark = pass_watermark, .close = any_close};

static slu_status
slow_process(void *self, uint32_t input, const slu_batch *batch, slu_error *err)
{
    pass *p = self;
    (void)input;
    (void)err;
    if (p->held_count == 2)
        return SLU_AGAIN;
    p->held[p->held_count++] = p->host->batch_ref(p->host, batch);
    p->host->deadline(p->host, p->host->now_ms(p->host) + 1);
    return SLU_OK;
}

static slu_status
slow_ready(void *self, uint64_t cookie, uint32_t events, slu_error *err)
{
    pass *p = self;
    (void)cookie;
    (void)events;
    if (atomic_load(&world.stalled)) {
        p->host->deadline(p->host, p->host->now_ms(p->host) + 1);
        return SLU_OK;
    }
    for (uint32_t i = 0; i < p->held_count; i++) {
        slu_emit emit = {.size = sizeof emit, .base = p->held[i]};
        SLU_TRY(p->host->emit(p->host, &emit, err));
        p->host->batch_unref(p->host, &p->held[i]);
    }
    p->held_count = 0;
    return SLU_OK;
}

static uint32_t
slow_pending(const void *self)
{
    return ((const pass *)self)->held_count;
}

static void
slow_close(void *self)
{
    pass *p = self;
    for (uint32_t i = 0; i < p->held_count; i++)
        p->host->batch_unref(p->host, &p->held[i]);
    any_close(self);
}

static const slu_operator_ops slow_ops = {.size = sizeof slow_ops,
                                          .open = pass_open,
                                          .process = slow_process,
                                          .ready = slow_ready,
                                          .pending = slow_pending,
                                          .close = slow_close};

/* ---- count */

typedef struct count_op {
    slu_host *host;
    slu_state *state;
    slu_keyer *keyer;
    const slu_batch *rest; /* the second half of a batch, for `more` */
} count_op;

static slu_status
count_open(void *self, const slu_open *open, slu_error *err)
{
    count_op *c = self;
    static const char *const keys[] = {"key"};
    const slu_state_spec spec = {.size = sizeof spec,
                                 .kind = SLU_STATE_FIXED,
                                 .name = "seen",
                                 .key_bytes = 9,
                                 .value_bytes = world.value_bytes == 0 ? 8 : world.value_bytes};
    c->host = open->host;
    SLU_TRY(slu_keyer_new(open->inputs[0], keys, 1, &c->keyer, err));
    const slu_status status = c->host->state_open(c->host, &spec, &c->state, err);
    if (status == SLU_OK)
        atomic_fetch_add(&world.opens, 1);
    else
        slu_keyer_free(&c->keyer);
    return status;
}

static slu_status
count_some(count_op *c, const slu_batch *batch, slu_error *err)
{
    slu_keys keys;
    void **values = malloc((size_t)batch->rows * sizeof *values + 1);
    slu_status status = slu_keyer_encode(c->keyer, batch, &keys, err);
    if (status == SLU_OK)
        status = c->host->state_upsert_many(c->host, c->state, &keys, values, err);
    if (status != SLU_OK) {
        free(values);
        return status;
    }
    int64_t *ids = malloc((size_t)batch->rows * 8 + 1), *key = malloc((size_t)batch->rows * 8 + 1),
            *counts = malloc((size_t)batch->rows * 8 + 1);
    for (int64_t i = 0; i < batch->rows; i++) {
        const int64_t row = slu_batch_row(batch, i);
        ids[i] = ((const int64_t *)batch->array->children[0]->buffers[1])[row];
        key[i] = ((const int64_t *)batch->array->children[1]->buffers[1])[row];
        counts[i] = ++*(int64_t *)values[i];
    }
    const test_column columns[3] = {{.name = "id", .format = "l", .values = ids},
                                    {.name = "key", .format = "l", .values = key},
                                    {.name = "count", .format = "l", .values = counts}};
    struct ArrowArray array;
    test_array_make(&array, columns, 3, batch->rows);
    free(values);
    free(ids);
    free(key);
    free(counts);
    slu_emit emit = {.size = sizeof emit, .array = &array};
    return c->host->emit(c->host, &emit, err);
}

static slu_status
count_half(count_op *c, const slu_batch *batch, int64_t from, int64_t to, slu_error *err)
{
    int32_t *rows = malloc((size_t)(to - from) * sizeof *rows + 1);
    const slu_batch *half = NULL;
    for (int64_t i = from; i < to; i++)
        rows[i - from] = (int32_t)slu_batch_row(batch, i);
    slu_status status = slu_batch_select(batch, &(slu_batch_spec){.selection = rows, .rows = to - from}, &half, err);
    if (status == SLU_OK)
        status = count_some(c, half, err);
    slu_batch_unref(&half);
    free(rows);
    return status;
}

static slu_status
count_process(void *self, uint32_t input, const slu_batch *batch, slu_error *err)
{
    count_op *c = self;
    (void)input;
    assert_null(c->rest); /* `more` comes before the next batch */
    SLU_TRY(count_half(c, batch, 0, batch->rows / 2, err));
    c->rest = c->host->batch_ref(c->host, batch);
    return SLU_MORE;
}

static slu_status
count_more(void *self, slu_error *err)
{
    count_op *c = self;
    const slu_status status = count_half(c, c->rest, c->rest->rows / 2, c->rest->rows, err);
    c->host->batch_unref(c->host, &c->rest);
    return status;
}

static void
count_close(void *self)
{
    count_op *c = self;
    c->host->batch_unref(c->host, &c->rest);
    slu_keyer_free(&c->keyer);
    any_close(self);
}

static const slu_operator_ops count_ops = {
    .size = sizeof count_ops, .open = count_open, .process = count_process, .more = count_more, .close = count_close};

/* ---- alarm */

typedef struct alarm_op {
    slu_host *host;
    slu_keyer *keyer;
    int64_t watermark;
} alarm_op;

static slu_status
alarm_open(void *self, const slu_open *open, slu_error *err)
{
    alarm_op *a = self;
    SLU_TRY(slu_keyer_new(open->inputs[0], open->keys, open->key_count, &a->keyer, err));
    a->host = open->host;
    a->watermark = INT64_MIN;
    atomic_fetch_add(&world.opens, 1);
    return SLU_OK;
}

static slu_status
alarm_process(void *self, uint32_t input, const slu_batch *batch, slu_error *err)
{
    alarm_op *a = self;
    slu_keys keys;
    (void)input;
    SLU_TRY(slu_keyer_encode(a->keyer, batch, &keys, err));
    for (int64_t i = 0; i < batch->rows; i++) {
        const int64_t id = ((const int64_t *)batch->array->children[0]->buffers[1])[slu_batch_row(batch, i)];
        const slu_timer timer = {.size = sizeof timer,
                                 .domain = SLU_TIME_EVENT,
                                 .at_ms = id + 500,
                                 .key_hash = keys.hashes[i],
                                 .key_bytes = 9,
                                 .key = keys.data + 9 * i,
                                 .tag = (uint64_t)id};
        SLU_TRY(a->host->timer_set(a->host, &timer, err));
    }
    return SLU_OK;
}

static slu_status
alarm_watermark(void *self, int64_t event_ms, slu_error *err)
{
    (void)err;
    ((alarm_op *)self)->watermark = event_ms;
    return SLU_OK;
}

static slu_status
alarm_timer(void *self, const slu_timer *timer, slu_error *err)
{
    alarm_op *a = self;
    const int64_t id = (int64_t)timer->tag, key = id % 100;
    struct ArrowArray array;
    int64_t in_key;
    memcpy(&in_key, (const uint8_t *)timer->key + 1, 8);
    assert_int_equal(in_key, key);
    assert_int_equal(timer->at_ms, id + 500);
    assert_true(timer->at_ms <= a->watermark);
    const test_column columns[2] = {{.name = "id", .format = "l", .values = &id}, {.name = "key", .format = "l", .values = &key}};
    test_array_make(&array, columns, 2, 1);
    return a->host->emit(a->host, &(slu_emit){.size = sizeof(slu_emit), .array = &array}, err);
}

static void
alarm_close(void *self)
{
    slu_keyer_free(&((alarm_op *)self)->keyer);
    any_close(self);
}

static const slu_operator_ops alarm_ops = {.size = sizeof alarm_ops,
                                           .open = alarm_open,
                                           .process = alarm_process,
                                           .watermark = alarm_watermark,
                                           .timer = alarm_timer,
                                           .close = alarm_close};

/* ---- ledger and tally */

typedef struct ledger {
    slu_host *host;
    uint32_t subtask;
    bool prepared_0, restored;
    int64_t *rows; /* id, count pairs since the last barrier */
    size_t count, capacity;
} ledger;

static slu_status
ledger_open(void *self, const slu_open *open, slu_error *err)
{
    ledger *l = self;
    if (open->attempt > 1)
        SLU_TRY(test_fault(TEST_FAULT_RESTORE, err));
    l->host = open->host;
    l->subtask = open->subtask;
    l->restored = open->restored;
    atomic_fetch_add(&world.restored, open->restored);
    atomic_fetch_add(&world.opens, 1);
    return SLU_OK;
}

static slu_status
ledger_write(void *self, const slu_batch *batch, slu_error *err)
{
    ledger *l = self;
    (void)err;
    if (!l->prepared_0 && !l->restored)
        atomic_fetch_add(&world.first_write_before_checkpoint_0, 1);
    if (l->count + 2 * (size_t)batch->rows > l->capacity) {
        l->capacity = 2 * (l->count + 2 * (size_t)batch->rows);
        l->rows = realloc(l->rows, l->capacity * sizeof *l->rows);
    }
    for (int64_t i = 0; i < batch->rows; i++) {
        const int64_t row = slu_batch_row(batch, i);
        l->rows[l->count++] = ((const int64_t *)batch->array->children[0]->buffers[1])[row];
        l->rows[l->count++] = batch->array->n_children > 2 ? ((const int64_t *)batch->array->children[2]->buffers[1])[row] : 0;
    }
    return SLU_OK;
}

static slu_status
ledger_prepare(void *self, slu_snapshot *committables, slu_error *err)
{
    ledger *l = self;
    SLU_TRY(test_fault(TEST_FAULT_PREPARE, err));
    l->prepared_0 = l->prepared_0 || committables->checkpoint == 0;
    if (l->count > 0)
        SLU_TRY(committables->write(committables, SLU_KEY_GROUP_NONE, l->rows, l->count * sizeof *l->rows, err));
    l->count = 0;
    return SLU_OK;
}

static slu_status
ledger_commit(void *self, int64_t checkpoint, const void *data, uint64_t bytes, slu_error *err)
{
    ledger *l = self;
    char name[64];
    const int64_t *rows = data;
    SLU_TRY(test_fault(TEST_FAULT_COMMIT, err));
    if (atomic_load(&world.commit_refusals) > 0) {
        atomic_fetch_sub(&world.commit_refusals, 1);
        l->host->deadline(l->host, l->host->now_ms(l->host) + 1);
        return SLU_AGAIN;
    }
    (void)snprintf(name, sizeof name, "%u:%lld:%lld", l->subtask, (long long)checkpoint, (long long)rows[0]);
    (void)pthread_mutex_lock(&world.lock);
    bool seen = false;
    for (int i = 0; i < 512 && world.commits_seen[i][0] != 0; i++)
        seen = seen || strcmp(world.commits_seen[i], name) == 0;
    for (int i = 0; i < 512 && !seen; i++)
        if (world.commits_seen[i][0] == 0) {
            (void)snprintf(world.commits_seen[i], 64, "%s", name);
            break;
        }
    for (uint64_t i = 0; !seen && i + 1 < bytes / 8; i += 2) {
        world.committed[rows[i]]++;
        world.counts[rows[i]] = rows[i + 1];
    }
    atomic_fetch_add(&world.commits, 1);
    (void)pthread_mutex_unlock(&world.lock);
    return test_fault(TEST_FAULT_COMMITTED, err);
}

static slu_status
ledger_ready(void *self, uint64_t cookie, uint32_t events, slu_error *err)
{
    (void)self;
    (void)cookie;
    (void)events;
    (void)err;
    return SLU_OK;
}

static void
ledger_close(void *self)
{
    free(((ledger *)self)->rows);
    any_close(self);
}

static const slu_sink_ops ledger_ops = {.size = sizeof ledger_ops,
                                        .open = ledger_open,
                                        .write = ledger_write,
                                        .ready = ledger_ready,
                                        .prepare = ledger_prepare,
                                        .commit = ledger_commit,
                                        .close = ledger_close};

static slu_status
tally_write(void *self, const slu_batch *batch, slu_error *err)
{
    (void)self;
    (void)err;
    (void)pthread_mutex_lock(&world.lock);
    for (int64_t i = 0; i < batch->rows; i++) {
        const int64_t row = slu_batch_row(batch, i);
        const int64_t id = ((const int64_t *)batch->array->children[0]->buffers[1])[row];
        world.committed[id]++;
        if (batch->array->n_children > 2)
            world.counts[id] = ((const int64_t *)batch->array->children[2]->buffers[1])[row];
    }
    (void)pthread_mutex_unlock(&world.lock);
    return SLU_OK;
}

static slu_status
tally_prepare(void *self, slu_snapshot *committables, slu_error *err)
{
    (void)self;
    (void)committables;
    (void)err;
    return SLU_OK;
}

static const slu_sink_ops tally_ops = {
    .size = sizeof tally_ops, .open = ledger_open, .write = tally_write, .prepare = tally_prepare, .close = any_close};

static slu_status
plan_nothing(slu_plan_call *call, slu_error *err)
{
    (void)call;
    return slu_error_set(err, SLU_UNSUPPORTED, "graphs of tests are built by hand");
}

#define TEST_PLUGIN(plugin_name, plugin_kind, instance, plugin_ops, ...)                                                           \
    {                                                                                                                              \
        .size = sizeof(slu_plugin), .kind = SLU_KIND_##plugin_kind, .name = (plugin_name), .help = "a test.",                      \
        .instance_bytes = sizeof(instance), .state_version = 1, .plan = plan_nothing, .ops = &(plugin_ops), ##__VA_ARGS__          \
    }

static const slu_plugin test_plugins[] = {
    TEST_PLUGIN("numbers", SOURCE, numbers, numbers_ops, .options = numbers_option_table, .option_count = 2,
                .options_bytes = sizeof(numbers_options), .output_count = 1),
    TEST_PLUGIN("even", OPERATOR, pass, even_ops, .input_min = 1, .input_max = 8, .output_count = 1),
    TEST_PLUGIN("fail", OPERATOR, pass, fail_ops, .input_min = 1, .input_max = 8, .output_count = 1),
    TEST_PLUGIN("slow", OPERATOR, pass, slow_ops, .input_min = 1, .input_max = 8, .output_count = 1),
    TEST_PLUGIN("count", OPERATOR, count_op, count_ops, .input_min = 1, .input_max = 1, .output_count = 1),
    TEST_PLUGIN("alarm", OPERATOR, alarm_op, alarm_ops, .input_min = 1, .input_max = 1, .output_count = 1),
    TEST_PLUGIN("ledger", SINK, ledger, ledger_ops, .input_min = 1, .input_max = 8),
    TEST_PLUGIN("tally", SINK, ledger, tally_ops, .input_min = 1, .input_max = 8),
};

static const slu_plugin *const test_plugin_list[] = {&test_plugins[0], &test_plugins[1], &test_plugins[2], &test_plugins[3],
                                                     &test_plugins[4], &test_plugins[5], &test_plugins[6], &test_plugins[7]};

static const slu_module test_module = {.size = sizeof test_module,
                                       .abi = SLU_ABI,
                                       .name = "test",
                                       .version = "1",
                                       .plugins = test_plugin_list,
                                       .plugin_count = sizeof test_plugin_list / sizeof test_plugin_list[0]};

static inline slu_registry *
test_registry(void)
{
    slu_error err = {0};
    slu_registry *registry = NULL;
    CHECK_OK(slu_registry_new(&registry, &err));
    CHECK_OK(slu_registry_add_module(registry, &test_module, &err));
    return registry;
}

/* ---- Graphs */

typedef struct test_op {
    const char *id;
    const char *use;
    uint32_t parallelism;
    uint32_t partition; /* of its one input; 0: forward where equal, else rebalance */
    int64_t rows;       /* sources: per split */
    int64_t batch_rows; /* sources */
    bool endless;
} test_op;

static inline const struct ArrowSchema *
test_graph_schema(slu_graph *graph, bool counted)
{
    struct ArrowSchema *schema = slu_arena_alloc(&graph->arena, sizeof *schema);
    static const char *const names[] = {"id", "key", "count"};
    schema->format = "+s";
    schema->name = "";
    schema->n_children = counted ? 3 : 2;
    schema->children = slu_arena_array(&graph->arena, 3, sizeof *schema->children);
    for (int i = 0; i < 3; i++) {
        schema->children[i] = slu_arena_alloc(&graph->arena, sizeof **schema->children);
        schema->children[i]->format = "l";
        schema->children[i]->name = names[i];
    }
    return schema;
}

static inline const slu_value *
test_graph_with(slu_graph *graph, const test_op *op)
{
    slu_value *keys = slu_arena_array(&graph->arena, 2, sizeof *keys), *items = slu_arena_array(&graph->arena, 2, sizeof *items);
    slu_value *map = slu_arena_alloc(&graph->arena, sizeof *map);
    static const char *const names[] = {"batch-rows", "endless"};
    for (int i = 0; i < 2; i++) {
        keys[i] = (slu_value){.size = sizeof(slu_value), .kind = SLU_VALUE_SCALAR, .text = names[i]};
        items[i] = (slu_value){.size = sizeof(slu_value), .kind = SLU_VALUE_SCALAR};
    }
    items[0].text = slu_arena_printf(&graph->arena, "%lld", (long long)(op->batch_rows == 0 ? 100 : op->batch_rows));
    items[1].text = op->endless ? "true" : "false";
    *map = (slu_value){.size = sizeof *map, .kind = SLU_VALUE_MAP, .count = 2, .keys = keys, .items = items};
    return map;
}

static inline void
test_graph_splits(slu_graph *graph, slu_operator *made, const test_op *op)
{
    slu_split *splits = slu_arena_array(&graph->arena, op->parallelism, sizeof *splits);
    for (uint32_t i = 0; i < op->parallelism; i++) {
        number_split *data = slu_arena_alloc(&graph->arena, sizeof *data);
        *data = (number_split){0, op->rows, op->parallelism};
        splits[i] = (slu_split){
            .size = sizeof *splits, .id = slu_arena_printf(&graph->arena, "%u", i), .data = data, .data_bytes = sizeof *data};
    }
    made->splits = splits;
    made->split_count = op->parallelism;
    made->bounded = !op->endless;
}

/* The backend of the states of every test_graph. */
static uint32_t test_state_backend;

/* A straight line of operators. */
static inline slu_graph *
test_graph(const test_op *ops, uint32_t count)
{
    static const char *const keys[] = {"key"};
    slu_error err = {0};
    slu_graph *graph = NULL;
    bool counted = false;
    CHECK_OK(slu_graph_new(&graph, &err));
    graph->name = "test";
    graph->max_parallelism = 128;
    graph->state.backend = test_state_backend;
    graph->checkpoint = (slu_checkpoint_settings){.timeout_ms = 10000, .retained = 2, .dir = ""};
    graph->restart = (slu_restart_settings){.strategy = 1, .attempts_max = 5, .delay_ms = 10, .delay_max_ms = 10};
    graph->operator_count = count;
    graph->operators = slu_arena_array(&graph->arena, count, sizeof *graph->operators);
    for (uint32_t i = 0; i < count; i++) {
        slu_operator *made = &graph->operators[i];
        uint32_t kind = 0;
        for (size_t p = 0; p < sizeof test_plugins / sizeof test_plugins[0]; p++)
            if (strcmp(test_plugins[p].name, ops[i].use) == 0)
                kind = test_plugins[p].kind;
        *made = (slu_operator){.id = ops[i].id,
                               .use = ops[i].use,
                               .module = "test",
                               .module_sha256 = "",
                               .kind = kind,
                               .parallelism = ops[i].parallelism};
        counted = counted || strcmp(ops[i].use, "count") == 0;
        if (kind != SLU_KIND_SINK) {
            const struct ArrowSchema **outputs = slu_arena_array(&graph->arena, 1, sizeof *outputs);
            outputs[0] = test_graph_schema(graph, counted);
            made->outputs = outputs;
            made->output_count = 1;
        }
        if (kind == SLU_KIND_SOURCE) {
            made->with = test_graph_with(graph, &ops[i]);
            test_graph_splits(graph, made, &ops[i]);
            continue;
        }
        slu_edge *edge = slu_arena_alloc(&graph->arena, sizeof *edge);
        const bool equal = ops[i].parallelism == ops[i - 1].parallelism;
        *edge = (slu_edge){.from = i - 1,
                           .partition = ops[i].partition != 0 ? ops[i].partition
                                        : equal               ? SLU_PARTITION_FORWARD
                                                              : SLU_PARTITION_REBALANCE,
                           .keys = keys,
                           .key_count = 1};
        made->inputs = edge;
        made->input_count = 1;
    }
    return graph;
}

#endif
