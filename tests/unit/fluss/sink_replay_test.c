/* sink_replay_test.c: the counted set of replayed rows beside an array of counters, through the same random steps and through its state. */
#include "support/check.h"

#include "../../../connectors/fluss/sink_replay.h"

#define IDENTITIES 500
#define STEPS 20000

static uint64_t seed = 42;

static uint32_t
below(uint32_t bound)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % bound;
}

static slu_view
identity_of(uint32_t i, char room[32])
{
    return slu_view_of(room, (size_t)snprintf(room, 32, "row-%u-%.*s", i, (int)(i % 7), "-------"));
}

static void
go_through_state(sink_replay *replay)
{
    slu_error err = {0};
    slu_buf state;
    sink_replay again;
    slu_buf_init(&state, 1 << 20);
    sink_replay_encode(replay, &state);
    CHECK_OK(slu_buf_status(&state, &err));
    uint8_t *bytes = guarded_copy(state.data, state.bytes);
    slu_cursor c = slu_cursor_of(bytes, state.bytes);
    sink_replay_init(&again);
    CHECK_OK(sink_replay_decode(&again, &c, &err));
    assert_int_equal(slu_cursor_left(&c), 0);
    assert_int_equal(again.left, replay->left);
    guarded_free(bytes, state.bytes);
    for (size_t cut = 0; cut + 1 < state.bytes; cut += 97) {
        sink_replay damaged;
        uint8_t *part = guarded_copy(state.data, cut);
        slu_cursor short_of = slu_cursor_of(part, cut);
        sink_replay_init(&damaged);
        CHECK_STATUS(sink_replay_decode(&damaged, &short_of, &err), SLU_CORRUPT);
        sink_replay_fini(&damaged);
        guarded_free(part, cut);
    }
    sink_replay_fini(replay);
    *replay = again;
    slu_buf_fini(&state);
}

static void
counts_as_an_array_does(void **state)
{
    (void)state;
    slu_error err = {0};
    sink_replay replay;
    uint32_t counts[IDENTITIES] = {0};
    char room[32];
    sink_replay_init(&replay);
    for (int step = 0; step < STEPS; step++) {
        const uint32_t i = below(IDENTITIES);
        const slu_view identity = identity_of(i, room);
        if (step < STEPS / 3) {
            const uint32_t times = 1 + below(3);
            CHECK_OK(sink_replay_add(&replay, identity, times, &err));
            counts[i] += times;
        } else {
            assert_int_equal(sink_replay_take(&replay, identity), counts[i] > 0);
            counts[i] -= counts[i] > 0;
        }
        if (step % 4999 == 0)
            go_through_state(&replay);
    }
    uint64_t left = 0;
    for (uint32_t i = 0; i < IDENTITIES; i++)
        left += counts[i];
    assert_int_equal(replay.left, left);
    sink_replay_fini(&replay);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_as_an_array_does)};
    return cmocka_run_group_tests_name("fluss.sink_replay", tests, NULL, NULL);
}
