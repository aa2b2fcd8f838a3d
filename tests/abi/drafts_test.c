/*
 * Four drafts against the door: a lookup join, a tiering source, a two-phase sink, a rule swap. Each is the smallest plugin that needs
 * what its kind needs, driven by a host of a few lines. They were written with the header, before any room behind it: what they could
 * not say, the header gained. The shipped plugins are the real ones; these hold the door to what it promised.
 */
#include "support/check.h"

#include <sluice/plugin.h>

/* ---- A host of a few lines: records what it is asked for. ---- */

typedef struct draft_host {
    slu_host host;
    int emitted;
    uint32_t last_attrs;
    const struct ArrowSchema *last_schema;
    void *join;
    slu_lookup_spec lookup;
    uint64_t submitted[4];
    int submitted_count;
} draft_host;

static slu_status
host_emit(slu_host *host, slu_emit *emit, slu_error *err)
{
    draft_host *self = host->context;
    (void)err;
    self->emitted++;
    self->last_attrs = emit->attr_count;
    self->last_schema = emit->schema;
    if (emit->array != NULL && emit->array->release != NULL)
        emit->array->release(emit->array);
    return SLU_OK;
}

static slu_status
host_lookup_open(slu_host *host, const slu_lookup_spec *spec, slu_lookup_port **out, slu_error *err)
{
    draft_host *self = host->context;
    (void)err;
    self->lookup = *spec;
    *out = (slu_lookup_port *)self;
    return SLU_OK;
}

static slu_status
host_lookup_submit(slu_host *host, slu_lookup_port *port, uint64_t token, struct ArrowArray *keys, slu_error *err)
{
    draft_host *self = host->context;
    (void)port;
    (void)err;
    if (keys->release != NULL)
        keys->release(keys);
    self->submitted[self->submitted_count++] = token;
    return SLU_OK;
}

static const slu_batch *
host_batch_ref(slu_host *host, const slu_batch *batch)
{
    (void)host;
    return batch;
}

static void
host_batch_unref(slu_host *host, const slu_batch **batch)
{
    (void)host;
    *batch = NULL;
}

static void
draft_host_init(draft_host *self)
{
    memset(self, 0, sizeof *self);
    self->host = (slu_host){.size = sizeof self->host,
                            .abi = SLU_ABI,
                            .context = self,
                            .emit = host_emit,
                            .batch_ref = host_batch_ref,
                            .batch_unref = host_batch_unref,
                            .lookup_open = host_lookup_open,
                            .lookup_submit = host_lookup_submit};
}

/* ---- 1. A lookup join: batches in flight, answers out of order, results in order, barrier waits for pending. ---- */

#define JOIN_FLIGHT_MAX 2

typedef struct join {
    slu_host *host;
    slu_lookup_port *port;
    const slu_batch *waiting[JOIN_FLIGHT_MAX];
    int answered[JOIN_FLIGHT_MAX];
    uint64_t first; /* token of the oldest batch in flight */
    uint64_t next;
} join;

static void
join_on_answer(void *owner, const slu_lookup_answer *answer)
{
    join *self = owner;
    self->answered[answer->token % JOIN_FLIGHT_MAX] = 1;
    while (self->first < self->next && self->answered[self->first % JOIN_FLIGHT_MAX]) {
        slu_emit emit = {.size = sizeof emit, .base = self->waiting[self->first % JOIN_FLIGHT_MAX]};
        (void)self->host->emit(self->host, &emit, NULL);
        self->host->batch_unref(self->host, &self->waiting[self->first % JOIN_FLIGHT_MAX]);
        self->first++;
    }
}

static slu_status
join_open(void *instance, const slu_open *open, slu_error *err)
{
    join *self = instance;
    const slu_lookup_spec spec = {.size = sizeof spec, .owner = self, .on_answer = join_on_answer};
    self->host = open->host;
    return self->host->lookup_open(self->host, &spec, &self->port, err);
}

static slu_status
join_process(void *instance, uint32_t input, const slu_batch *batch, slu_error *err)
{
    join *self = instance;
    struct ArrowArray keys = {0};
    (void)input;
    if (self->next - self->first == JOIN_FLIGHT_MAX)
        return SLU_AGAIN;
    SLU_TRY(self->host->lookup_submit(self->host, self->port, self->next, &keys, err));
    self->waiting[self->next % JOIN_FLIGHT_MAX] = self->host->batch_ref(self->host, batch);
    self->answered[self->next++ % JOIN_FLIGHT_MAX] = 0;
    return SLU_OK;
}

static uint32_t
join_pending(const void *instance)
{
    const join *self = instance;
    return (uint32_t)(self->next - self->first);
}

static const slu_operator_ops join_ops = {
    .size = sizeof join_ops, .open = join_open, .process = join_process, .pending = join_pending};

static void
a_lookup_join_keeps_order_and_holds_the_barrier(void **state)
{
    (void)state;
    draft_host host;
    join instance = {0};
    slu_error err = {0};
    slu_batch batches[3] = {{.rows = 1}, {.rows = 2}, {.rows = 3}};
    draft_host_init(&host);
    CHECK_OK(join_ops.open(&instance, &(slu_open){.size = sizeof(slu_open), .host = &host.host}, &err));
    CHECK_OK(join_ops.process(&instance, 0, &batches[0], &err));
    CHECK_OK(join_ops.process(&instance, 0, &batches[1], &err));
    CHECK_STATUS(join_ops.process(&instance, 0, &batches[2], &err), SLU_AGAIN);
    assert_int_equal(join_ops.pending(&instance), 2);
    host.lookup.on_answer(host.lookup.owner, &(slu_lookup_answer){.size = sizeof(slu_lookup_answer), .token = host.submitted[1]});
    assert_int_equal(host.emitted, 0);
    host.lookup.on_answer(host.lookup.owner, &(slu_lookup_answer){.size = sizeof(slu_lookup_answer), .token = host.submitted[0]});
    assert_int_equal(host.emitted, 2);
    assert_int_equal(join_ops.pending(&instance), 0);
}

/* ---- 2. A tiering source: no splits, every batch its own schema, attributes that travel along. ---- */

typedef struct tiering {
    slu_host *host;
    struct ArrowSchema schemas[2];
    int round;
} tiering;

static slu_status
tiering_plan(slu_plan_call *call, slu_error *err)
{
    (void)err;
    call->dynamic = 1;
    return SLU_OK;
}

static slu_status
tiering_list_splits(const slu_plan_call *call, slu_split_list *list, slu_error *err)
{
    (void)call;
    (void)list;
    (void)err;
    return SLU_OK; /* none: what to read is asked of the coordinator while running */
}

static slu_status
tiering_poll(void *instance, slu_error *err)
{
    tiering *self = instance;
    static const slu_attr attrs[] = {{"table", "fraud", 5}, {"epoch", "7", 1}};
    struct ArrowArray array = {0};
    slu_emit emit = {
        .size = sizeof emit, .array = &array, .schema = &self->schemas[self->round++ % 2], .attrs = attrs, .attr_count = 2};
    SLU_TRY(self->host->emit(self->host, &emit, err));
    return SLU_MORE;
}

static void
a_tiering_source_sends_schemas_of_its_own(void **state)
{
    (void)state;
    draft_host host;
    tiering instance = {0};
    slu_error err = {0};
    slu_plan_call plan = {.size = sizeof plan};
    draft_host_init(&host);
    instance.host = &host.host;
    CHECK_OK(tiering_plan(&plan, &err));
    assert_int_equal(plan.dynamic, 1);
    CHECK_OK(tiering_list_splits(&plan, NULL, &err));
    CHECK_STATUS(tiering_poll(&instance, &err), SLU_MORE);
    assert_ptr_equal(host.last_schema, &instance.schemas[0]);
    CHECK_STATUS(tiering_poll(&instance, &err), SLU_MORE);
    assert_ptr_equal(host.last_schema, &instance.schemas[1]);
    assert_int_equal(host.last_attrs, 2);
}

/* ---- 3. A two-phase sink: what prepare stages comes back in commit, also after a crash, and counts once. ---- */

typedef struct two_phase {
    int64_t written;
    int64_t *visible;        /* the other system */
    int64_t *last_committed; /* and what it remembers of us */
} two_phase;

static slu_status
two_phase_write(void *instance, const slu_batch *batch, slu_error *err)
{
    (void)err;
    ((two_phase *)instance)->written += batch->rows;
    return SLU_OK;
}

static slu_status
two_phase_prepare(void *instance, slu_snapshot *committables, slu_error *err)
{
    two_phase *self = instance;
    const int64_t staged = self->written;
    self->written = 0;
    return committables->write(committables, SLU_KEY_GROUP_NONE, &staged, sizeof staged, err);
}

static slu_status
two_phase_commit(void *instance, int64_t checkpoint, const void *data, uint64_t bytes, slu_error *err)
{
    two_phase *self = instance;
    int64_t staged;
    if (bytes != sizeof staged)
        return slu_error_set(err, SLU_CORRUPT, "a committable of %llu bytes", (unsigned long long)bytes);
    if (checkpoint <= *self->last_committed)
        return SLU_OK;
    memcpy(&staged, data, sizeof staged);
    *self->visible += staged;
    *self->last_committed = checkpoint;
    return SLU_OK;
}

static const slu_sink_ops two_phase_ops = {
    .size = sizeof two_phase_ops, .write = two_phase_write, .prepare = two_phase_prepare, .commit = two_phase_commit};

typedef struct kept {
    slu_snapshot snapshot;
    uint8_t data[64];
    uint64_t bytes;
} kept;

static slu_status
kept_write(slu_snapshot *snapshot, uint32_t key_group, const void *data, uint64_t bytes, slu_error *err)
{
    kept *self = (kept *)snapshot;
    (void)key_group;
    (void)err;
    memcpy(self->data, data, bytes);
    self->bytes = bytes;
    return SLU_OK;
}

static void
a_two_phase_sink_commits_once(void **state)
{
    (void)state;
    int64_t visible = 0;
    int64_t last_committed = 0;
    two_phase before = {.visible = &visible, .last_committed = &last_committed};
    two_phase after = before;
    kept checkpoint = {.snapshot = {.size = sizeof(slu_snapshot), .checkpoint = 1, .write = kept_write}};
    slu_error err = {0};
    CHECK_OK(two_phase_ops.write(&before, &(slu_batch){.rows = 5}, &err));
    CHECK_OK(two_phase_ops.prepare(&before, &checkpoint.snapshot, &err));
    CHECK_OK(two_phase_ops.write(&before, &(slu_batch){.rows = 3}, &err));
    assert_int_equal(visible, 0);
    CHECK_OK(two_phase_ops.commit(&before, 1, checkpoint.data, checkpoint.bytes, &err));
    assert_int_equal(visible, 5);
    CHECK_OK(two_phase_ops.commit(&after, 1, checkpoint.data, checkpoint.bytes, &err)); /* restored: told again */
    assert_int_equal(visible, 5);
}

/* ---- 4. A rule swap: a control message at a barrier, versioned; batches before and after see one rule set each. ---- */

typedef struct ruled {
    int64_t limit;
    int64_t version;
    int64_t passed;
} ruled;

static slu_status
ruled_process(void *instance, uint32_t input, const slu_batch *batch, slu_error *err)
{
    ruled *self = instance;
    (void)input;
    (void)err;
    self->passed += batch->rows > self->limit;
    return SLU_OK;
}

static slu_status
ruled_control(void *instance, const void *message, uint64_t bytes, slu_error *err)
{
    ruled *self = instance;
    int64_t rule[2];
    if (bytes != sizeof rule)
        return slu_error_set(err, SLU_INVALID, "a rule set of %llu bytes", (unsigned long long)bytes);
    memcpy(rule, message, sizeof rule);
    if (rule[0] <= self->version)
        return SLU_OK;
    self->version = rule[0];
    self->limit = rule[1];
    return SLU_OK;
}

static const slu_operator_ops ruled_ops = {.size = sizeof ruled_ops, .process = ruled_process, .control = ruled_control};

static void
a_rule_swap_is_versioned_and_repeatable(void **state)
{
    (void)state;
    ruled instance = {.limit = 10, .version = 1};
    slu_error err = {0};
    const slu_batch batch = {.rows = 7};
    const int64_t swap[2] = {2, 5};
    const int64_t stale[2] = {1, 100};
    CHECK_OK(ruled_ops.process(&instance, 0, &batch, &err));
    CHECK_OK(ruled_ops.control(&instance, swap, sizeof swap, &err));
    CHECK_OK(ruled_ops.control(&instance, stale, sizeof stale, &err));
    CHECK_OK(ruled_ops.process(&instance, 0, &batch, &err));
    assert_int_equal(instance.passed, 1);
    CHECK_STATUS(ruled_ops.control(&instance, swap, 3, &err), SLU_INVALID);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lookup_join_keeps_order_and_holds_the_barrier),
        cmocka_unit_test(a_tiering_source_sends_schemas_of_its_own),
        cmocka_unit_test(a_two_phase_sink_commits_once),
        cmocka_unit_test(a_rule_swap_is_versioned_and_repeatable),
    };
    return cmocka_run_group_tests_name("abi.drafts", tests, NULL, NULL);
}
