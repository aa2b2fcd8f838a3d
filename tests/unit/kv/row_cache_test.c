/* The cache of rows against a plain array: what it gives is always what was put last, and it forgets only what is old. */
#include "support/check.h"

#include "kv/row_cache.h"

#include <string.h>

#define KEYS 3000
#define RING 65536

static uint64_t state_of_random = 7;

static uint32_t
below(uint32_t n)
{
    state_of_random = state_of_random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state_of_random >> 33) % n;
}

static void
it_gives_what_was_put_last_or_nothing(void **state)
{
    (void)state;
    static uint32_t versions[2][KEYS]; /* 0: not there */
    slu_error err;
    slu_row_cache *cache = NULL;
    size_t hits = 0;
    CHECK_OK(slu_row_cache_new(RING, &cache, &err));
    for (uint32_t step = 1; step < 400000; step++) {
        const uint32_t store = below(2);
        const uint32_t number = below(4) == 0 ? below(KEYS) : below(200);
        char key[16];
        const slu_view name = slu_view_of(key, (size_t)snprintf(key, sizeof key, "%u", number));
        slu_view value;
        uint8_t row[300];
        memset(row, (int)(step & 0xff), sizeof row);
        memcpy(row, &step, sizeof step);
        const uint32_t what = below(10);
        if (what == 0) {
            slu_row_cache_drop(cache, store, name);
            versions[store][number] = 0;
        } else if (what < 4) {
            const size_t bytes = 4 + below(what == 1 ? 296 : 60);
            slu_row_cache_put(cache, store, name, slu_view_of(row, 2), slu_view_of(row + 2, bytes - 2));
            versions[store][number] = step;
        } else if (slu_row_cache_get(cache, store, name, &value)) {
            uint32_t version = 0;
            memcpy(&version, value.data, sizeof version);
            assert_int_equal(version, versions[store][number]);
            for (size_t i = 4; i < value.bytes; i++)
                assert_int_equal(value.data[i], version & 0xff);
            hits++;
        }
    }
    assert_true(hits > 50000);
    slu_row_cache_free(&cache);
}

static void
what_is_too_large_or_too_old_is_not_kept(void **state)
{
    (void)state;
    static uint8_t row[RING];
    slu_error err;
    slu_row_cache *cache = NULL;
    slu_view value;
    const slu_view none = {0};
    CHECK_OK(slu_row_cache_new(0, &cache, &err));
    slu_row_cache_put(cache, 0, slu_view_of_text("a"), none, slu_view_of_text("b"));
    assert_false(slu_row_cache_get(cache, 0, slu_view_of_text("a"), &value));
    CHECK_OK(slu_row_cache_new(RING, &cache, &err));
    slu_row_cache_put(cache, 0, slu_view_of_text("a"), none, slu_view_of_text("b"));
    assert_true(slu_row_cache_get(cache, 0, slu_view_of_text("a"), &value));
    assert_false(slu_row_cache_get(cache, 1, slu_view_of_text("a"), &value));
    slu_row_cache_put(cache, 0, slu_view_of_text("a"), none, slu_view_of(row, RING / 2)); /* too large: but the old row goes */
    assert_false(slu_row_cache_get(cache, 0, slu_view_of_text("a"), &value));
    slu_row_cache_put(cache, 0, slu_view_of_text("a"), none, none);
    assert_true(slu_row_cache_get(cache, 0, slu_view_of_text("a"), &value));
    assert_int_equal(value.bytes, 0);
    for (int i = 0; i < 70; i++)
        slu_row_cache_put(cache, 0, slu_view_of(&i, sizeof i), none, slu_view_of(row, 1000));
    assert_false(slu_row_cache_get(cache, 0, slu_view_of_text("a"), &value));
    slu_row_cache_free(&cache);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gives_what_was_put_last_or_nothing),
        cmocka_unit_test(what_is_too_large_or_too_old_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
