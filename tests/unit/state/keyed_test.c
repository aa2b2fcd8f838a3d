/* keyed.h, timers.h: the clever structure beside the obvious one, same random steps. The contract of every backend: run for each. */
#include "support/check.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/key_group.h"
#include "state/keyed.h"
#include "state/rocks/rocks.h"
#include "state/timers.h"

static slu_error err;

/* ---- The backend under test */

static bool on_rocks;
static slu_state_backend *backend;

/* One for all states of a test; its budget is small, so that rows go to disk. */
static void
backend_begin(slu_account *account)
{
    static char dir[128];
    (void)snprintf(dir, sizeof dir, "/tmp/sluice-state-test-%d", (int)getpid());
    if (on_rocks)
        CHECK_OK(slu_rocks_new(&(slu_rocks_spec){.dir = dir, .cache_bytes = 1 << 20, .rows_bytes = 256 << 10, .account = account},
                               &backend, &err));
}

static slu_status
open_state(const slu_state_spec *spec, slu_account *account, slu_state **out)
{
    return slu_state_open(
        backend, &(slu_state_opening){.spec = spec, .operator_id = "op", .max_parallelism = 128, .account = account}, out, &err);
}

static int64_t
count_of(slu_state *state)
{
    int64_t count = 0;
    CHECK_OK(slu_state_count(state, &count, &err));
    return count;
}

/* ---- The obvious structure: a value per small key number, and when it was written */

#define KEYS 4000
#define BATCH 64

typedef struct model {
    bool there[KEYS];
    int64_t value[KEYS];
    int64_t written[KEYS];
} model;

typedef struct keys_room {
    uint8_t data[BATCH * 32];
    int32_t offsets[BATCH + 1];
    uint32_t hashes[BATCH];
    int64_t numbers[BATCH];
    slu_keys keys;
} keys_room;

static uint64_t seed;

static uint64_t
next_random(void)
{
    seed += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = seed;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* Key number n as bytes: 9 of them, or (variable) 1 to 24. */
static size_t
key_bytes_of(int64_t number, bool variable, uint8_t *to)
{
    if (!variable) {
        to[0] = 1;
        memcpy(to + 1, &number, 8);
        return 9;
    }
    const size_t bytes = (size_t)(number % 17) + 8;
    memset(to, (int)(number % 251), bytes);
    memcpy(to, &number, 8);
    return bytes;
}

static void
keys_fill(keys_room *room, int64_t count, bool variable, int64_t keys_max)
{
    size_t at = 0;
    for (int64_t i = 0; i < count; i++) {
        room->numbers[i] = (int64_t)(next_random() % (uint64_t)keys_max);
        room->offsets[i] = (int32_t)at;
        const size_t bytes = key_bytes_of(room->numbers[i], variable, room->data + at);
        room->hashes[i] = (uint32_t)slu_hash64(room->data + at, bytes);
        at += bytes;
    }
    room->offsets[count] = (int32_t)at;
    room->keys = (slu_keys){.size = sizeof room->keys,
                            .key_bytes = variable ? 0 : 9,
                            .count = count,
                            .data = room->data,
                            .offsets = variable ? room->offsets : NULL,
                            .hashes = room->hashes};
}

static bool
model_has(const model *m, int64_t key, int64_t now, int64_t ttl)
{
    return m->there[key] && (ttl == 0 || now - m->written[key] < ttl);
}

/* One random step on both; false: they differ. */
static bool
step_fixed(slu_state *state, model *m, bool variable, int64_t now, int64_t ttl)
{
    keys_room room;
    void *values[BATCH];
    const int64_t count = (int64_t)(next_random() % BATCH) + 1;
    keys_fill(&room, count, variable, KEYS);
    const uint64_t kind = next_random() % 10;
    if (kind < 6) {
        CHECK_OK(slu_state_upsert_many(state, &room.keys, now, values, &err));
        for (int64_t i = 0; i < count; i++) {
            const int64_t key = room.numbers[i];
            if (!model_has(m, key, now, ttl))
                m->value[key] = 0;
            m->there[key] = true;
            m->written[key] = now;
            if (*(int64_t *)values[i] != m->value[key] || ((uintptr_t)values[i] & 7) != 0)
                return false;
            m->value[key] = *(int64_t *)values[i] = (int64_t)next_random();
        }
        return true;
    }
    if (kind < 9) {
        CHECK_OK(slu_state_find_many(state, &room.keys, now, values, &err));
        for (int64_t i = 0; i < count; i++) {
            const int64_t key = room.numbers[i];
            if ((values[i] != NULL) != model_has(m, key, now, ttl) || (values[i] != NULL && *(int64_t *)values[i] != m->value[key]))
                return false;
        }
        return true;
    }
    CHECK_OK(slu_state_erase_many(state, &room.keys, &err));
    for (int64_t i = 0; i < count; i++)
        m->there[room.numbers[i]] = false;
    return true;
}

typedef struct snapshot_room {
    slu_buf groups[128];
    bool used[128];
} snapshot_room;

static slu_status
keep_group(void *to, uint32_t key_group, slu_view bytes, slu_error *error)
{
    snapshot_room *room = to;
    (void)error;
    assert_false(room->used[key_group]);
    room->used[key_group] = true;
    slu_buf_init(&room->groups[key_group], SIZE_MAX / 2);
    slu_buf_append(&room->groups[key_group], bytes.data, bytes.bytes);
    return SLU_OK;
}

static void
random_steps_agree(bool variable, int64_t ttl)
{
    static model m;
    static snapshot_room snapshot;
    const slu_state_spec spec = {
        .size = sizeof spec, .kind = SLU_STATE_FIXED, .name = "s", .key_bytes = variable ? 0 : 9, .value_bytes = 8, .ttl_ms = ttl};
    slu_account account = {0};
    slu_state *state = NULL, *halves[2] = {0};
    memset(&m, 0, sizeof m);
    memset(&snapshot, 0, sizeof snapshot);
    backend_begin(&account);
    CHECK_OK(open_state(&spec, &account, &state));
    int64_t now = 1000;
    for (int i = 0; i < 3000; i++, now += (int64_t)(next_random() % 5))
        if (!step_fixed(state, &m, variable, now, ttl))
            fail_msg("step %d: the state differs from the model (variable %d, ttl %lld)", i, variable, (long long)ttl);
    if (ttl == 0 && !on_rocks)
        assert_int_equal(account.used_bytes, slu_state_bytes(state));

    /* Snapshot, and restore into two states that share the key groups. */
    CHECK_OK(slu_state_snapshot(state, keep_group, &snapshot, &err));
    for (int half = 0; half < 2; half++) {
        CHECK_OK(open_state(&spec, &account, &halves[half]));
        CHECK_OK(slu_state_expect(halves[half], (uint64_t)half * 8192, &err));
    }
    for (uint32_t g = 0; g < 128; g++)
        if (snapshot.used[g])
            CHECK_OK(slu_state_restore(halves[g / 64], slu_buf_view(&snapshot.groups[g]), now, &err));
    if (ttl == 0 || !on_rocks) /* what has expired is forgotten sooner or later */
        assert_int_equal(count_of(halves[0]) + count_of(halves[1]), count_of(state));
    for (int64_t key = 0; key < KEYS; key++) {
        uint8_t bytes[32];
        void *value = NULL;
        const size_t length = key_bytes_of(key, variable, bytes);
        const uint32_t hash = (uint32_t)slu_hash64(bytes, length);
        const int32_t offsets[2] = {0, (int32_t)length};
        const slu_keys keys = {
            .size = sizeof keys, .key_bytes = variable ? 0 : 9, .count = 1, .data = bytes, .offsets = offsets, .hashes = &hash};
        CHECK_OK(slu_state_find_many(halves[slu_key_group(hash, 128) / 64], &keys, now, &value, &err));
        assert_int_equal(value != NULL, model_has(&m, key, now, ttl));
        if (value != NULL)
            assert_int_equal(*(int64_t *)value, m.value[key]);
    }
    slu_state_free(&state);
    slu_state_free(&halves[0]);
    slu_state_free(&halves[1]);
    slu_rocks_free(&backend);
    assert_int_equal(account.used_bytes, 0);
    for (uint32_t g = 0; g < 128; g++)
        slu_buf_fini(&snapshot.groups[g]);
}

static void
fixed_values_agree_with_the_model(void **state)
{
    (void)state;
    for (seed = 1; seed < (on_rocks ? 2 : 4); seed++) {
        const uint64_t begin = seed;
        random_steps_agree(false, 0);
        random_steps_agree(true, 0);
        random_steps_agree(false, 300);
        random_steps_agree(true, 300);
        seed = begin;
    }
}

static void
the_comparison_notices_a_fault(void **state)
{
    (void)state;
    static model m;
    const slu_state_spec spec = {.size = sizeof spec, .kind = SLU_STATE_FIXED, .name = "s", .key_bytes = 9, .value_bytes = 8};
    slu_state *s = NULL;
    memset(&m, 0, sizeof m);
    seed = 5;
    backend_begin(NULL);
    CHECK_OK(open_state(&spec, NULL, &s));
    bool agreed = true;
    for (int i = 0; agreed && i < 3000; i++) {
        agreed = step_fixed(s, &m, false, 0, 0);
        if (i == 1000)
            m.value[next_random() % KEYS] ^= 1; /* the planted fault */
    }
    assert_false(agreed);
    slu_state_free(&s);
    slu_rocks_free(&backend);
}

static void
bytes_values_grow_shrink_and_go(void **state)
{
    (void)state;
    static size_t lengths[KEYS];
    static bool there[KEYS];
    const slu_state_spec spec = {.size = sizeof spec, .kind = SLU_STATE_BYTES, .name = "b", .key_bytes = 9};
    slu_account account = {0};
    slu_state *s = NULL;
    static uint8_t pattern[4096];
    seed = 9;
    backend_begin(&account);
    CHECK_OK(open_state(&spec, &account, &s));
    for (int step = 0; step < 2000; step++) {
        keys_room room;
        slu_attr values[BATCH] = {0};
        keys_fill(&room, 16, false, 500);
        CHECK_OK(slu_state_get_bytes(s, &room.keys, 0, values, &err));
        for (int i = 0; i < 16; i++) {
            const int64_t key = room.numbers[i];
            assert_int_equal(values[i].data != NULL, there[key]);
            if (there[key]) {
                assert_int_equal(values[i].data_bytes, lengths[key]);
                memset(pattern, (int)(key % 256), sizeof pattern);
                assert_memory_equal(values[i].data, pattern, lengths[key]);
            }
        }
        for (int i = 0; i < 16; i++) {
            const int64_t key = room.numbers[i];
            const bool erase = next_random() % 8 == 0;
            const size_t bytes = next_random() % 100;
            keys_room one = room;
            one.keys.count = 1;
            one.keys.data = room.data + 9 * i;
            one.keys.hashes = room.hashes + i;
            memset(pattern, (int)(key % 256), sizeof pattern);
            CHECK_OK(slu_state_put_bytes(s, &one.keys, 0, &(slu_attr){.data = erase ? NULL : pattern, .data_bytes = (int64_t)bytes},
                                         &err));
            there[key] = !erase;
            lengths[key] = bytes;
        }
    }
    slu_state_free(&s);
    slu_rocks_free(&backend);
    assert_int_equal(account.used_bytes, 0);
}

static void
bounds_and_foreign_bytes_are_refused(void **state)
{
    (void)state;
    slu_state *s = NULL;
    slu_account account = {.max_bytes = on_rocks ? (1 << 20) + (260 << 10) : 4096};
    slu_state_spec spec = {.size = sizeof spec, .kind = SLU_STATE_FIXED, .name = "s", .key_bytes = 9, .value_bytes = 0};
    backend_begin(&account);
    CHECK_STATUS(open_state(&spec, NULL, &s), SLU_INVALID);
    spec.value_bytes = 8;
    CHECK_OK(open_state(&spec, &account, &s));
    slu_status status = SLU_OK;
    for (int i = 0; status == SLU_OK && i < 100; i++) {
        keys_room room;
        void *values[BATCH];
        keys_fill(&room, BATCH, false, 1000000);
        status = slu_state_upsert_many(s, &room.keys, 0, values, &err);
    }
    CHECK_STATUS(status, SLU_NOMEM);
    keys_room wrong;
    void *value;
    keys_fill(&wrong, 1, true, 10);
    CHECK_STATUS(slu_state_find_many(s, &wrong.keys, 0, &value, &err), SLU_INVALID);
    static const uint8_t junk[64] = {1, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 0xff, 0xff, 0xff};
    CHECK_STATUS(slu_state_restore(s, slu_view_of(junk, sizeof junk), 0, &err), SLU_CORRUPT);
    for (size_t n = 0; n < 32; n++) {
        uint8_t *cut = guarded_copy(junk, n);
        assert_true(slu_state_restore(s, slu_view_of(cut, n), 0, &err) < 0);
        guarded_free(cut, n);
    }
    uint8_t other[64];
    memcpy(other, junk, sizeof other);
    other[12] = 1;
    other[13] = other[14] = 0;
    other[8] = 16;
    CHECK_STATUS(slu_state_restore(s, slu_view_of(other, sizeof other), 0, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "16");
    slu_state_free(&s);
    slu_rocks_free(&backend);
}

static void
keys_from(keys_room *room, int64_t first, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        room->numbers[i] = first + i;
        room->hashes[i] = (uint32_t)slu_hash64(room->data + 9 * i, key_bytes_of(first + i, false, room->data + 9 * i));
    }
    room->keys = (slu_keys){.size = sizeof room->keys, .key_bytes = 9, .count = count, .data = room->data, .hashes = room->hashes};
}

/* Rows of another size than the state's lie where it looks: a call that fails has lent nothing, and nothing is written over them. */
static void
a_failed_look_changes_nothing(void **state)
{
    (void)state;
    slu_state_spec spec = {.size = sizeof spec, .kind = SLU_STATE_FIXED, .name = "s", .key_bytes = 9, .value_bytes = 16};
    slu_state *wide = NULL, *s = NULL;
    keys_room room;
    void *values[BATCH];
    char dir[128];
    if (!on_rocks)
        skip();
    (void)snprintf(dir, sizeof dir, "/tmp/sluice-state-copy-%d", (int)getpid());
    backend_begin(NULL);
    CHECK_OK(open_state(&spec, NULL, &wide));
    keys_from(&room, 100, 8);
    CHECK_OK(slu_state_upsert_many(wide, &room.keys, 0, values, &err));
    CHECK_OK(slu_state_copy(wide, dir, &err));
    spec.value_bytes = 8;
    CHECK_OK(open_state(&spec, NULL, &s));
    CHECK_OK(slu_state_adopt(s, dir, &err));
    keys_from(&room, 1, 8);
    CHECK_OK(slu_state_upsert_many(s, &room.keys, 0, values, &err));
    keys_from(&room, 100, 8);
    for (int call = 0; call < 2; call++)
        CHECK_STATUS(slu_state_find_many(s, &room.keys, 0, values, &err), SLU_CORRUPT);
    assert_int_equal(count_of(s), 16);
    for (int64_t key = 100; key < 108; key++) {
        keys_from(&room, key, 1);
        CHECK_STATUS(slu_state_find_many(s, &room.keys, 0, values, &err), SLU_CORRUPT);
    }
    slu_state_free(&wide);
    slu_state_free(&s);
    slu_rocks_free(&backend);
}

/* ---- Timers */

static slu_status
keep_timers(void *to, uint32_t key_group, slu_view bytes, slu_error *error)
{
    (void)key_group;
    return slu_timers_restore(to, bytes, error);
}

static void
timers_fire_in_order_move_and_survive(void **state)
{
    (void)state;
    slu_timers *timers = NULL, *restored = NULL;
    slu_account account = {0};
    static int64_t at[1000];
    static const uint32_t domains[] = {SLU_TIME_EVENT, SLU_TIME_PROCESSING};
    slu_timer got;
    seed = 3;
    CHECK_OK(slu_timers_new(128, &account, &timers, &err));
    CHECK_OK(slu_timers_new(128, &account, &restored, &err));
    for (int step = 0; step < 20000; step++) {
        const int64_t key = (int64_t)(next_random() % 1000);
        slu_timer timer = {.size = sizeof timer,
                           .domain = domains[key % 2],
                           .at_ms = (int64_t)(next_random() % 100000) + 1,
                           .key = &key,
                           .key_bytes = 8,
                           .tag = 5};
        timer.key_hash = (uint32_t)slu_hash64(&key, 8);
        if (next_random() % 4 == 0) {
            slu_timers_clear(timers, &timer);
            at[key] = 0;
        } else {
            CHECK_OK(slu_timers_set(timers, &timer, &err));
            at[key] = timer.at_ms;
        }
    }
    uint32_t alive = 0;
    for (int i = 0; i < 1000; i++)
        alive += at[i] != 0;
    assert_int_equal(slu_timers_count(timers), alive);
    CHECK_OK(slu_timers_snapshot(timers, keep_timers, restored, &err));
    for (int round = 0; round < 2; round++) {
        slu_timers *from = round == 0 ? timers : restored;
        uint32_t fired = 0;
        for (int64_t d = 0; d < 2; d++) {
            int64_t last = 0;
            CHECK_STATUS(slu_timers_pop(from, domains[d], 0, &got), SLU_AGAIN);
            while (slu_timers_pop(from, domains[d], INT64_MAX, &got) == SLU_OK) {
                int64_t key;
                memcpy(&key, got.key, 8);
                assert_int_equal(key % 2, d);
                assert_int_equal(got.domain, domains[d]);
                assert_int_equal(got.at_ms, at[key]);
                assert_int_equal(got.tag, 5);
                assert_true(got.at_ms >= last);
                last = got.at_ms;
                fired++;
            }
            assert_int_equal(slu_timers_next(from, domains[d]), INT64_MAX);
        }
        assert_int_equal(fired, alive);
    }
    slu_timers_free(&timers);
    slu_timers_free(&restored);
    assert_int_equal(account.used_bytes, 0);
}

int
main(int argc, char **argv)
{
    on_rocks = argc > 1 && strcmp(argv[1], "rocksdb") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_values_agree_with_the_model), cmocka_unit_test(the_comparison_notices_a_fault),
        cmocka_unit_test(bytes_values_grow_shrink_and_go),   cmocka_unit_test(bounds_and_foreign_bytes_are_refused),
        cmocka_unit_test(a_failed_look_changes_nothing),     cmocka_unit_test(timers_fire_in_order_move_and_survive),
    };
    return cmocka_run_group_tests_name("state.keyed", tests, NULL, NULL);
}
