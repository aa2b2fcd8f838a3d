/* The pile of rows that are not stored yet against a plain array: the newest of each key, in order, erased ones too. */
#include "support/check.h"

#include "kv/row_pile.h"

#include <stdlib.h>
#include <string.h>

#define KEYS 2000

static uint32_t versions[KEYS]; /* 0: never written; all ones: erased */
static char last[16];
static size_t seen;

static void
see_row(void *context, slu_view key, slu_view value)
{
    char name[16] = {0};
    (void)context;
    memcpy(name, key.data, key.bytes);
    assert_true(seen == 0 || strcmp(last, name) < 0);
    memcpy(last, name, sizeof last);
    const uint32_t number = (uint32_t)strtoul(name, NULL, 10);
    if (versions[number] == UINT32_MAX)
        assert_null(value.data);
    else
        assert_memory_equal(value.data, &versions[number], sizeof versions[number]);
    seen++;
}

static void
the_newest_of_each_key_comes_in_order(void **state)
{
    (void)state;
    slu_error err;
    slu_row_pile pile = {0};
    uint64_t random = 3;
    size_t keys = 0;
    for (uint32_t step = 1; step < 50000; step++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const uint32_t number = (uint32_t)(random >> 40) % KEYS;
        char name[16];
        uint8_t row[40] = {0};
        slu_view value;
        const slu_view key = slu_view_of(name, (size_t)snprintf(name, sizeof name, "%u", number));
        memcpy(row, &step, sizeof step);
        const uint64_t hash = slu_row_hash(key);
        assert_int_equal(slu_row_pile_get(&pile, hash, key, &value), versions[number] != 0);
        keys += versions[number] == 0;
        if ((random >> 33) % 7 == 0) {
            CHECK_OK(slu_row_pile_erase(&pile, hash, key, &err));
            versions[number] = UINT32_MAX;
        } else {
            CHECK_OK(slu_row_pile_put(&pile, hash, key, slu_view_of(row, 3), slu_view_of(row + 3, 1 + (random >> 35) % 36), &err));
            versions[number] = step;
        }
        assert_true(slu_row_pile_get(&pile, hash, key, &value));
        assert_int_equal(value.data == NULL, versions[number] == UINT32_MAX);
    }
    CHECK_OK(slu_row_pile_each_dirty(&pile, see_row, NULL, &err));
    assert_int_equal(seen, keys);
    assert_int_equal(pile.count, keys);
    slu_row_pile_reset(&pile);
    assert_int_equal(slu_row_pile_bytes(&pile), 0);
    slu_row_pile_reset(&pile);
}

static void
count_dirty(void *context, slu_view key, slu_view value)
{
    (void)key;
    assert_int_equal(value.bytes, 300000);
    ++*(size_t *)context;
}

/* Rows that are kept for readers are not dirty until they are written; rows larger than a chunk are rows, too. */
static void
clean_rows_are_only_read(void **state)
{
    (void)state;
    slu_error err;
    slu_row_pile pile = {0};
    slu_view kept;
    slu_view seen_again;
    size_t dirty = 0;
    const slu_view none = {0};
    static uint8_t row[300000];
    for (uint32_t i = 0; i < 10; i++) {
        const slu_view key = slu_view_of(&i, sizeof i);
        CHECK_OK(slu_row_pile_keep(&pile, slu_row_hash(key), key, slu_view_of(row, sizeof row), &kept, &err));
        assert_int_equal(kept.bytes, sizeof row);
        assert_true(slu_row_pile_get(&pile, slu_row_hash(key), key, &seen_again));
        assert_ptr_equal(kept.data, seen_again.data);
    }
    CHECK_OK(slu_row_pile_each_dirty(&pile, count_dirty, &dirty, &err));
    assert_int_equal(dirty, 0);
    for (uint32_t i = 0; i < 3; i++) {
        const slu_view key = slu_view_of(&i, sizeof i);
        CHECK_OK(slu_row_pile_put(&pile, slu_row_hash(key), key, none, slu_view_of(row, sizeof row), &err));
        CHECK_OK(slu_row_pile_put(&pile, slu_row_hash(key), key, none, slu_view_of(row, sizeof row), &err));
    }
    CHECK_OK(slu_row_pile_each_dirty(&pile, count_dirty, &dirty, &err));
    assert_int_equal(dirty, 3);
    slu_row_pile_clean(&pile);
    const uint32_t one = 1;
    const slu_view key = slu_view_of(&one, sizeof one);
    CHECK_OK(slu_row_pile_put(&pile, slu_row_hash(key), key, none, slu_view_of(row, sizeof row), &err));
    CHECK_OK(slu_row_pile_each_dirty(&pile, count_dirty, &dirty, &err));
    assert_int_equal(dirty, 4);
    slu_row_pile_reset(&pile);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_of_each_key_comes_in_order),
        cmocka_unit_test(clean_rows_are_only_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
