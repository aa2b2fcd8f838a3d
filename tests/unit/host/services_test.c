/* services.h: what an instance is lent: emit, memory, wake and deadline, descriptors, and lookups opened through the host. */
#include "support/arrays.h"

#include "host/services.h"

#include <unistd.h>

static slu_error err;

/* ---- A lookup that doubles its key: at once, later, or not at all */

typedef struct doubler {
    slu_host *host;
    const slu_batch *keys[2];
    uint64_t tokens[2];
    uint32_t count;
} doubler;

static uint32_t mode; /* 0: at once, 1: by deadline, 2: failure, 3: always full */
static int doubler_opens, doubler_closes;

static slu_status
doubler_open(void *self, const slu_open *open, slu_error *error)
{
    (void)error;
    ((doubler *)self)->host = open->host;
    assert_int_equal(open->input_count, 1);
    CHECK_TEXT(open->outputs[0]->children[0]->name, "twice");
    doubler_opens++;
    return SLU_OK;
}

static slu_status
doubler_answer(doubler *d, uint64_t token, const slu_batch *keys)
{
    const int64_t *in = keys->array->children[0]->buffers[1];
    int64_t out[8];
    uint8_t found[8];
    struct ArrowArray array;
    for (int64_t i = 0; i < keys->rows; i++) {
        out[i] = 2 * in[i];
        found[i] = in[i] != 13;
    }
    test_array_make(&array, &(test_column){.name = "twice", .format = "l", .values = out}, 1, keys->rows);
    return d->host->lookup_answer(d->host, token, &array, found, NULL);
}

static slu_status
doubler_submit(void *self, uint64_t token, const slu_batch *keys, slu_error *error)
{
    doubler *d = self;
    (void)error;
    if (mode == 0)
        return doubler_answer(d, token, keys);
    if (mode == 2)
        return d->host->lookup_answer(d->host, token, NULL, NULL,
                                      &(slu_error){.status = SLU_IO, .message = "the other side is on fire"});
    if (mode == 3 || d->count == 2)
        return SLU_AGAIN;
    d->tokens[d->count] = token;
    d->keys[d->count++] = d->host->batch_ref(d->host, keys);
    d->host->deadline(d->host, d->host->now_ms(d->host) + 5);
    return SLU_OK;
}

static slu_status
doubler_ready(void *self, uint64_t cookie, uint32_t events, slu_error *error)
{
    doubler *d = self;
    (void)events;
    (void)error;
    assert_true(cookie == SLU_COOKIE_DEADLINE);
    for (uint32_t i = 0; i < d->count; i++) {
        CHECK_STATUS(doubler_answer(d, d->tokens[i], d->keys[i]), SLU_OK);
        d->host->batch_unref(d->host, &d->keys[i]);
    }
    d->count = 0;
    return SLU_OK;
}

static void
doubler_close(void *self)
{
    doubler *d = self;
    for (uint32_t i = 0; i < d->count; i++)
        d->host->batch_unref(d->host, &d->keys[i]);
    doubler_closes++;
}

static const slu_lookup_ops doubler_ops = {
    .size = sizeof doubler_ops, .open = doubler_open, .submit = doubler_submit, .ready = doubler_ready, .close = doubler_close};

static slu_status
doubler_plan(slu_plan_call *call, slu_error *error)
{
    (void)error;
    SLU_TRY(slu_schema_init_struct(&call->outputs[0]));
    return slu_schema_add(&call->outputs[0], "l", "twice", true);
}

static const slu_plugin doubler_plugin = {.size = sizeof doubler_plugin,
                                          .kind = SLU_KIND_LOOKUP,
                                          .name = "doubler",
                                          .help = "a test.",
                                          .instance_bytes = sizeof(doubler),
                                          .state_version = 1,
                                          .plan = doubler_plan,
                                          .ops = &doubler_ops};
static const slu_plugin *const plugins[] = {&doubler_plugin};
static const slu_module module = {
    .size = sizeof module, .abi = SLU_ABI, .name = "test", .version = "1", .plugins = plugins, .plugin_count = 1};

/* ---- The runner's side */

typedef struct fixture {
    slu_env_fake fake;
    slu_registry *registry;
    slu_watches *watches;
    slu_account account;
    slu_schema *schema;
    slu_services *services;
    slu_host *host;
    const slu_batch *emitted;
    int wakes;
    uint64_t cookies[16];
    uint32_t cookie_count;
    uint64_t tokens[16];
    int64_t values[16];
    uint32_t answers, failures;
} fixture;

static slu_status
on_deliver(void *owner, uint32_t output, const slu_batch **batch, slu_error *error)
{
    fixture *f = owner;
    (void)output;
    (void)error;
    slu_batch_unref(&f->emitted);
    f->emitted = slu_take(batch);
    return SLU_OK;
}

static slu_status
on_ready(void *owner, uint64_t cookie, uint32_t events, slu_error *error)
{
    fixture *f = owner;
    (void)events;
    (void)error;
    f->cookies[f->cookie_count++] = cookie;
    return SLU_OK;
}

static void
on_wake(void *owner)
{
    ((fixture *)owner)->wakes++;
}

static bool inside_submit;

static void
on_answer(void *owner, const slu_lookup_answer *answer)
{
    fixture *f = owner;
    assert_false(inside_submit);
    f->tokens[f->answers++] = answer->token;
    if (answer->failure != NULL) {
        CHECK_MESSAGE(*answer->failure, "on fire");
        f->failures++;
        return;
    }
    assert_int_equal(answer->found[1], 0);
    f->values[f->answers - 1] = ((const int64_t *)answer->values->array->children[0]->buffers[1])[0];
}

static const test_column one_column = {.name = "id", .format = "l"};

static void
fixture_open(fixture *f)
{
    memset(f, 0, sizeof *f);
    slu_env_init_fake(&f->fake, 3);
    CHECK_OK(slu_registry_new(&f->registry, &err));
    CHECK_OK(slu_registry_add_module(f->registry, &module, &err));
    CHECK_OK(slu_watches_new(-1, &f->watches, &err));
    f->schema = test_schema_make(&one_column, 1);
    CHECK_OK(slu_services_new(&(slu_services_spec){.env = &f->fake.env,
                                                   .registry = f->registry,
                                                   .account = &f->account,
                                                   .operator_id = "op",
                                                   .job_id = "",
                                                   .job_name = "",
                                                   .parallelism = 1,
                                                   .max_parallelism = 128,
                                                   .outputs = &f->schema,
                                                   .output_count = 1,
                                                   .watches = f->watches,
                                                   .owner = f,
                                                   .deliver = on_deliver,
                                                   .wake_owner = f,
                                                   .wake = on_wake,
                                                   .instance = f,
                                                   .ready = on_ready},
                              &f->services, &err));
    f->host = slu_services_host(f->services);
}

static void
fixture_close(fixture *f)
{
    slu_batch_unref(&f->emitted);
    slu_services_free(&f->services);
    slu_watches_free(&f->watches);
    slu_registry_free(&f->registry);
    slu_schema_unref(&f->schema);
    assert_int_equal(f->account.used_bytes, 0);
}

static void
emitted_batches_arrive_with_their_schema(void **state)
{
    (void)state;
    static const int64_t ids[] = {1, 2, 3};
    static const int32_t selection[] = {0, 2};
    fixture f;
    struct ArrowArray array;
    fixture_open(&f);
    const test_column column = {.name = "id", .format = "l", .values = ids};
    test_array_make(&array, &column, 1, 3);
    CHECK_OK(f.host->emit(f.host, &(slu_emit){.size = sizeof(slu_emit), .array = &array}, &err));
    assert_null(array.release);
    assert_ptr_equal(f.emitted->schema, slu_schema_arrow(f.schema));
    const slu_batch *base = slu_batch_ref(f.emitted);
    CHECK_OK(f.host->emit(f.host, &(slu_emit){.size = sizeof(slu_emit), .base = base, .selection = selection, .rows = 2}, &err));
    assert_ptr_equal(f.emitted->array, base->array);
    assert_int_equal(f.emitted->rows, 2);
    slu_batch_unref(&base);
    test_array_make(&array, &column, 1, 3);
    CHECK_STATUS(f.host->emit(f.host, &(slu_emit){.size = sizeof(slu_emit), .output = 1, .array = &array}, &err), SLU_INVALID);
    assert_null(array.release);
    /* Another schema, by pointer, is copied once and checked again. */
    struct ArrowSchema other;
    CHECK_OK(slu_schema_init_struct(&other));
    CHECK_OK(slu_schema_add(&other, "l", "other", true));
    for (int i = 0; i < 2; i++) {
        test_array_make(&array, &column, 1, 3);
        CHECK_OK(f.host->emit(f.host, &(slu_emit){.size = sizeof(slu_emit), .array = &array, .schema = &other}, &err));
        CHECK_TEXT(f.emitted->schema->children[0]->name, "other");
    }
    slu_schema_release(&other);
    fixture_close(&f);
}

static void
memory_is_accounted_and_bounded(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f);
    f.account.max_bytes = 10000;
    void *memory = f.host->alloc(f.host, 5000);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % 64, 0);
    assert_null(f.host->alloc(f.host, 5000));
    f.host->release(f.host, memory);
    f.host->release(f.host, NULL);
    assert_int_equal(f.account.used_bytes, 0);
    fixture_close(&f);
}

static void
callbacks_come_when_they_are_due(void **state)
{
    (void)state;
    fixture f;
    bool did = false;
    int ends[2];
    fixture_open(&f);
    assert_int_equal(slu_services_deadline(f.services), INT64_MAX);
    CHECK_OK(slu_services_step(f.services, f.fake.now_ms, &did, &err));
    assert_false(did);
    f.host->wake(f.host);
    assert_int_equal(f.wakes, 1);
    assert_int_equal(slu_services_deadline(f.services), 0);
    f.host->deadline(f.host, f.fake.now_ms + 10);
    CHECK_OK(slu_services_step(f.services, f.fake.now_ms + 9, &did, &err));
    assert_int_equal(f.cookie_count, 1);
    assert_true(f.cookies[0] == SLU_COOKIE_WAKE);
    CHECK_OK(slu_services_step(f.services, f.fake.now_ms + 10, &did, &err));
    CHECK_OK(slu_services_step(f.services, f.fake.now_ms + 99, &did, &err));
    assert_int_equal(f.cookie_count, 2);
    assert_true(f.cookies[1] == SLU_COOKIE_DEADLINE);
    assert_int_equal(pipe(ends), 0);
    CHECK_OK(f.host->watch(f.host, ends[0], SLU_IO_READ, 77, &err));
    CHECK_OK(slu_watches_dispatch(f.watches, &did, &err));
    assert_int_equal(f.cookie_count, 2);
    assert_int_equal(write(ends[1], "x", 1), 1);
    for (int i = 0; i < 2; i++) /* level triggered */
        CHECK_OK(slu_watches_dispatch(f.watches, &did, &err));
    assert_int_equal(f.cookie_count, 4);
    assert_int_equal(f.cookies[3], 77);
    CHECK_OK(f.host->watch(f.host, ends[0], 0, 77, &err));
    CHECK_OK(slu_watches_dispatch(f.watches, &did, &err));
    assert_int_equal(f.cookie_count, 4);
    CHECK_STATUS(f.host->watch(f.host, -1, SLU_IO_READ, 0, &err), SLU_INVALID);
    (void)close(ends[0]);
    (void)close(ends[1]);
    fixture_close(&f);
}

static const slu_value use_key = {.size = sizeof(slu_value), .kind = SLU_VALUE_SCALAR, .text = "use"};
static const slu_value use_name = {.size = sizeof(slu_value), .kind = SLU_VALUE_SCALAR, .text = "doubler"};
static const slu_value use = {.size = sizeof(slu_value), .kind = SLU_VALUE_MAP, .count = 1, .keys = &use_key, .items = &use_name};

static slu_status
submit(fixture *f, slu_lookup_port *port, uint64_t token, int64_t key)
{
    const int64_t keys[] = {key, 13};
    struct ArrowArray array;
    test_array_make(&array, &(test_column){.name = "id", .format = "l", .values = keys}, 1, 2);
    inside_submit = true;
    const slu_status status = f->host->lookup_submit(f->host, port, token, &array, &err);
    inside_submit = false;
    assert_int_equal(array.release == NULL, status != SLU_AGAIN);
    if (status == SLU_AGAIN) { /* untouched: it can still be read and released */
        assert_int_equal(((const int64_t *)array.children[0]->buffers[1])[0], key);
        slu_array_release(&array);
    }
    return status;
}

static void
lookups_answer_later_in_turn_or_refuse(void **state)
{
    (void)state;
    fixture f;
    slu_lookup_port *port = NULL;
    struct ArrowSchema values;
    bool did = false;
    doubler_opens = doubler_closes = 0;
    fixture_open(&f);
    CHECK_OK(f.host->lookup_plan(f.host, &use, slu_schema_arrow(f.schema), &values, &err));
    CHECK_OK(f.host->lookup_open(f.host,
                                 &(slu_lookup_spec){.size = sizeof(slu_lookup_spec),
                                                    .use = &use,
                                                    .keys = slu_schema_arrow(f.schema),
                                                    .values = &values,
                                                    .owner = &f,
                                                    .on_answer = on_answer},
                                 &port, &err));
    slu_schema_release(&values);
    mode = 0;
    CHECK_OK(submit(&f, port, 1, 21));
    assert_int_equal(f.answers, 0); /* never from inside lookup_submit */
    assert_int_equal(slu_services_deadline(f.services), 0);
    CHECK_OK(slu_services_step(f.services, f.fake.now_ms, &did, &err));
    assert_int_equal(f.answers, 1);
    assert_int_equal(f.values[0], 42);
    mode = 1;
    CHECK_OK(submit(&f, port, 2, 1));
    CHECK_OK(submit(&f, port, 3, 2));
    CHECK_STATUS(submit(&f, port, 4, 3), SLU_AGAIN);
    CHECK_OK(slu_services_step(f.services, f.fake.now_ms, &did, &err));
    assert_int_equal(f.answers, 1);
    assert_int_equal(slu_services_deadline(f.services), f.fake.now_ms + 5);
    slu_env_fake_advance(&f.fake, 5);
    for (int i = 0; i < 3; i++)
        CHECK_OK(slu_services_step(f.services, f.fake.now_ms, &did, &err));
    assert_int_equal(f.answers, 3);
    assert_int_equal(f.tokens[1], 2);
    assert_int_equal(f.tokens[2], 3);
    assert_int_equal(f.values[2], 4);
    mode = 2;
    CHECK_OK(submit(&f, port, 5, 1));
    CHECK_OK(slu_services_step(f.services, f.fake.now_ms, &did, &err));
    assert_int_equal(f.failures, 1);
    mode = 3;
    CHECK_STATUS(submit(&f, port, 6, 1), SLU_AGAIN);
    mode = 1;
    CHECK_OK(submit(&f, port, 7, 9)); /* under way at close */
    f.host->lookup_close(f.host, &port);
    assert_null(port);
    assert_int_equal(doubler_opens, 1);
    assert_int_equal(doubler_closes, 1);
    fixture_close(&f);
}

static void
count_metric(void *to, const char *name, uint32_t kind, int64_t value)
{
    (void)name;
    *(int64_t *)to += kind == SLU_METRIC_COUNTER ? value : 100 * value;
}

static void
metrics_are_kept_and_a_planning_host_refuses(void **state)
{
    (void)state;
    fixture f;
    slu_services *plan = NULL;
    int64_t sum = 0;
    fixture_open(&f);
    slu_metric *metric = f.host->metric(f.host, SLU_METRIC_COUNTER, "rows");
    assert_ptr_equal(f.host->metric(f.host, SLU_METRIC_COUNTER, "rows"), metric);
    f.host->metric_add(f.host, metric, 3);
    f.host->metric_add(f.host, metric, 4);
    slu_metric *gauge = f.host->metric(f.host, SLU_METRIC_GAUGE, "lag");
    f.host->metric_add(f.host, gauge, 5);
    f.host->metric_add(f.host, gauge, 2);
    slu_services_metrics(f.services, count_metric, &sum);
    assert_int_equal(sum, 207);
    CHECK_OK(slu_services_new(&(slu_services_spec){.env = &f.fake.env, .operator_id = "planned"}, &plan, &err));
    slu_host *host = slu_services_host(plan);
    slu_state *none = NULL;
    CHECK_STATUS(host->state_open(host, &(slu_state_spec){.size = sizeof(slu_state_spec), .name = "x"}, &none, &err),
                 SLU_UNSUPPORTED);
    CHECK_STATUS(host->emit(host, &(slu_emit){.size = sizeof(slu_emit)}, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "planned");
    slu_services_free(&plan);
    fixture_close(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emitted_batches_arrive_with_their_schema),
        cmocka_unit_test(memory_is_accounted_and_bounded),
        cmocka_unit_test(callbacks_come_when_they_are_due),
        cmocka_unit_test(lookups_answer_later_in_turn_or_refuse),
        cmocka_unit_test(metrics_are_kept_and_a_planning_host_refuses),
    };
    return cmocka_run_group_tests_name("host.services", tests, NULL, NULL);
}
