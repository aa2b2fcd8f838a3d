/* coordinator.h and align.h: the step machines, rule by rule, and at random beside what must always hold. */
#include "support/check.h"

#include "checkpoint/align.h"
#include "checkpoint/coordinator.h"

static slu_error err;

/* ---- align */

static slu_aligned
barrier(slu_align *align, uint32_t channel, int64_t id)
{
    slu_aligned out;
    CHECK_OK(slu_align_barrier(align, channel, id, 1, 100, 200, &out, &err));
    return out;
}

static void
the_last_barrier_makes_it_ready(void **state)
{
    (void)state;
    SLU_AUTO(slu_align_free) slu_align *align = NULL;
    CHECK_OK(slu_align_new(3, &align, &err));
    slu_aligned got = barrier(align, 0, 5);
    assert_true(got.block && !got.unblock && got.ready == -1);
    got = barrier(align, 2, 5);
    assert_true(got.block && got.ready == -1);
    assert_int_equal(slu_align_current(align), 5);
    got = barrier(align, 1, 5);
    assert_true(!got.block && got.unblock);
    assert_int_equal(got.ready, 5);
    assert_int_equal(got.wall_ms, 100);
    assert_int_equal(slu_align_current(align), -1);
    got = barrier(align, 1, 5); /* an old one is ignored */
    assert_true(!got.block && got.ready == -1 && got.aborted == -1);
    got = barrier(align, 1, 4);
    assert_true(!got.block && got.ready == -1 && got.aborted == -1);
}

static void
a_newer_barrier_aborts_the_current(void **state)
{
    (void)state;
    SLU_AUTO(slu_align_free) slu_align *align = NULL;
    CHECK_OK(slu_align_new(2, &align, &err));
    (void)barrier(align, 0, 5);
    slu_aligned got = barrier(align, 1, 6);
    assert_int_equal(got.aborted, 5);
    assert_true(got.unblock && got.block);
    got = barrier(align, 0, 6);
    assert_int_equal(got.ready, 6);
    slu_aligned twice;
    (void)barrier(align, 0, 7);
    CHECK_STATUS(slu_align_barrier(align, 0, 7, 0, 0, 0, &twice, &err), SLU_CORRUPT);
}

static void
a_cancelled_checkpoint_never_starts(void **state)
{
    (void)state;
    SLU_AUTO(slu_align_free) slu_align *align = NULL;
    slu_aligned got;
    CHECK_OK(slu_align_new(2, &align, &err));
    (void)barrier(align, 0, 5);
    slu_align_cancel(align, 4, &got);
    assert_int_equal(got.aborted, -1);
    slu_align_cancel(align, 5, &got);
    assert_int_equal(got.aborted, 5);
    assert_true(got.unblock);
    got = barrier(align, 1, 5);
    assert_true(!got.block && got.ready == -1);
    slu_align_cancel(align, 8, &got); /* before any of its barriers */
    assert_int_equal(got.aborted, 8);
    got = barrier(align, 0, 8);
    assert_true(!got.block && got.ready == -1);
    got = barrier(align, 0, 9);
    assert_true(got.block);
}

static void
a_finished_channel_counts_as_aligned(void **state)
{
    (void)state;
    SLU_AUTO(slu_align_free) slu_align *align = NULL;
    slu_aligned got;
    CHECK_OK(slu_align_new(3, &align, &err));
    slu_align_finish(align, 2, &got);
    assert_int_equal(got.ready, -1);
    (void)barrier(align, 0, 1);
    slu_align_finish(align, 1, &got);
    assert_int_equal(got.ready, 1);
    assert_true(got.unblock);
    got = barrier(align, 0, 2);
    assert_int_equal(got.ready, 2);
}

/* ---- coordinator */

typedef struct fixture {
    slu_coordinator *c;
    int64_t now;
} fixture;

static fixture
begin(slu_coordinator_spec spec)
{
    fixture f = {.now = 1000};
    spec.task_count = 2;
    CHECK_OK(slu_coordinator_new(&spec, &f.c, &err));
    slu_coordinator_step(f.c, f.now, 7);
    slu_action none;
    CHECK_STATUS(slu_coordinator_action(f.c, &none), SLU_AGAIN); /* nothing before every task runs */
    slu_coordinator_running(f.c, 0);
    slu_coordinator_running(f.c, 1);
    return f;
}

static slu_action
expect(fixture *f, uint32_t kind, int64_t checkpoint)
{
    slu_action action;
    slu_coordinator_step(f->c, f->now, 7);
    CHECK_STATUS(slu_coordinator_action(f->c, &action), SLU_OK);
    assert_int_equal(action.kind, kind);
    assert_int_equal(action.checkpoint, checkpoint);
    return action;
}

static void
expect_nothing(fixture *f)
{
    slu_action action;
    slu_coordinator_step(f->c, f->now, 7);
    CHECK_STATUS(slu_coordinator_action(f->c, &action), SLU_AGAIN);
}

static void
ack(fixture *f, uint32_t task, int64_t checkpoint)
{
    CHECK_OK(slu_coordinator_ack(f->c, &(slu_ack){.task = task, .checkpoint = checkpoint, .path = "x"}, &err));
}

static void
whole(fixture *f, int64_t checkpoint)
{
    (void)expect(f, SLU_ACTION_TRIGGER, checkpoint);
    ack(f, 0, checkpoint);
    expect_nothing(f);
    ack(f, 1, checkpoint);
    (void)expect(f, SLU_ACTION_FINALIZE, checkpoint);
    expect_nothing(f); /* COMPLETE only after the manifest */
    slu_coordinator_finalized(f->c, checkpoint, NULL);
    (void)expect(f, SLU_ACTION_COMPLETE, checkpoint);
}

static void
checkpoint_0_then_the_interval_and_the_pause(void **state)
{
    (void)state;
    fixture f =
        begin((slu_coordinator_spec){.fresh = true, .interval_ms = 100, .min_pause_ms = 30, .timeout_ms = 500, .retained = 2});
    whole(&f, 0);
    expect_nothing(&f);
    assert_int_equal(slu_coordinator_deadline(f.c), 1100);
    f.now = 1099;
    expect_nothing(&f);
    f.now = 1100;
    (void)expect(&f, SLU_ACTION_TRIGGER, 1);
    ack(&f, 1, 1);
    ack(&f, 1, 1); /* twice is once */
    ack(&f, 0, 0); /* late */
    f.now = 1190;
    expect_nothing(&f);
    ack(&f, 0, 1);
    (void)expect(&f, SLU_ACTION_FINALIZE, 1);
    slu_coordinator_finalized(f.c, 1, NULL);
    (void)expect(&f, SLU_ACTION_COMPLETE, 1);
    expect_nothing(&f);
    assert_int_equal(slu_coordinator_deadline(f.c), 1220); /* min_pause after the end, not interval after the trigger */
    f.now = 1220;
    (void)expect(&f, SLU_ACTION_TRIGGER, 2);
    ack(&f, 0, 2);
    ack(&f, 1, 2);
    (void)expect(&f, SLU_ACTION_FINALIZE, 2);
    slu_coordinator_finalized(f.c, 2, NULL);
    (void)expect(&f, SLU_ACTION_COMPLETE, 2);
    (void)expect(&f, SLU_ACTION_DROP, 0); /* beyond the retained */
    slu_coordinator_free(&f.c);
}

static void
failures_are_counted_once_per_id_and_reset_by_success(void **state)
{
    (void)state;
    fixture f = begin((slu_coordinator_spec){
        .next_checkpoint = 10, .interval_ms = 100, .timeout_ms = 50, .tolerated_failures = 1, .retained = 1});
    f.now += 100;
    expect_nothing(&f);
    f.now += 100;
    (void)expect(&f, SLU_ACTION_TRIGGER, 10);
    slu_coordinator_decline(f.c, 1, 10, "no");
    slu_coordinator_decline(f.c, 0, 10, "no as well");
    CHECK_TEXT(expect(&f, SLU_ACTION_ABORT, 10).reason, "declined by task 1: no");
    ack(&f, 0, 10);
    expect_nothing(&f);
    f.now += 100;
    whole(&f, 11);
    f.now += 100;
    (void)expect(&f, SLU_ACTION_TRIGGER, 12);
    f.now += 50;
    (void)expect(&f, SLU_ACTION_ABORT, 12); /* too slow */
    expect_nothing(&f);
    f.now += 100;
    (void)expect(&f, SLU_ACTION_TRIGGER, 13);
    ack(&f, 0, 13);
    ack(&f, 1, 13);
    (void)expect(&f, SLU_ACTION_FINALIZE, 13);
    const slu_error zombie = {.status = SLU_CONFLICT, .message = "somebody else was there"};
    slu_coordinator_finalized(f.c, 13, &zombie);
    (void)expect(&f, SLU_ACTION_ABORT, 13);
    (void)expect(&f, SLU_ACTION_FAIL, 13);
    f.now += 1000;
    expect_nothing(&f);
    slu_coordinator_free(&f.c);
}

static void
a_request_comes_at_once_and_the_end_brings_the_final_one(void **state)
{
    (void)state;
    fixture f = begin((slu_coordinator_spec){.next_checkpoint = 3, .interval_ms = 0, .retained = 5});
    expect_nothing(&f);
    slu_coordinator_request(f.c, 1);
    assert_int_equal(slu_coordinator_deadline(f.c), 0);
    slu_action action = expect(&f, SLU_ACTION_TRIGGER, 3);
    assert_int_equal(action.flags, 1);
    slu_coordinator_ended(f.c, 0);
    ack(&f, 0, 3);
    ack(&f, 1, 3);
    (void)expect(&f, SLU_ACTION_FINALIZE, 3);
    slu_coordinator_finalized(f.c, 3, NULL);
    assert_false(expect(&f, SLU_ACTION_COMPLETE, 3).final);
    expect_nothing(&f);
    slu_coordinator_request_final(f.c, 1);
    expect_nothing(&f);
    slu_coordinator_ended(f.c, 1);
    action = expect(&f, SLU_ACTION_TRIGGER, 4);
    assert_true(action.final);
    assert_int_equal(action.flags, 1);
    ack(&f, 0, 4);
    ack(&f, 1, 4);
    (void)expect(&f, SLU_ACTION_FINALIZE, 4);
    slu_coordinator_finalized(f.c, 4, NULL);
    assert_true(expect(&f, SLU_ACTION_COMPLETE, 4).final);
    (void)expect(&f, SLU_ACTION_FINISHED, 4);
    assert_int_equal(slu_coordinator_completed(f.c), 4);
    slu_coordinator_free(&f.c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_barrier_makes_it_ready),
        cmocka_unit_test(a_newer_barrier_aborts_the_current),
        cmocka_unit_test(a_cancelled_checkpoint_never_starts),
        cmocka_unit_test(a_finished_channel_counts_as_aligned),
        cmocka_unit_test(checkpoint_0_then_the_interval_and_the_pause),
        cmocka_unit_test(failures_are_counted_once_per_id_and_reset_by_success),
        cmocka_unit_test(a_request_comes_at_once_and_the_end_brings_the_final_one),
    };
    return cmocka_run_group_tests_name("checkpoint.coordinator", tests, NULL, NULL);
}
