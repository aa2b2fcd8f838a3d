/* Which rows of a snapshot and of the changelog behind it are the table's: the clever way beside the obvious one. */
#include "support/check.h"

#include "fluss/record/descriptor.h"
#include "integration/fluss_rows.h"
#include "move_last.h"

#define KEYS 40
#define CHANGES 300
#define ABSENT (-1)

static const char json[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"primary_key\":[\"id\"],\"highest_field_id\":2},"
    "\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":1,\"properties\":{},\"custom_properties\":{}}";

static uint64_t seed = 7;

static uint64_t
next_random(void)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return seed >> 33;
}

/* What each key is at last: the number of the change that made it, in amount; that of the snapshot is 0. */
typedef struct rows_of {
    int64_t amount[KEYS];
} rows_of;

static void
take(rows_of *got, const test_rows *rows, const int32_t *selection, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t id = rows->ids[selection[i]];
        assert_int_equal(got->amount[id], ABSENT); /* each key once */
        got->amount[id] = (int64_t)rows->amounts[selection[i]];
    }
}

static void
each_key_is_its_last_row(void **state)
{
    (void)state;
    slu_error err;
    slu_arena arena;
    fluss_descriptor descriptor;
    fluss_table table;
    slu_last_rows *last = NULL;
    test_rows snapshot;
    test_rows changes;
    uint8_t kinds[CHANGES];
    rows_of expected;
    rows_of got;
    const int32_t *selection = NULL;
    int64_t count = 0;
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(fluss_descriptor_decode(slu_view_of_text(json), &arena, &descriptor, &err));
    CHECK_OK(fluss_table_init(&table, &descriptor, 1, 1, &arena, &err));
    CHECK_OK(slu_last_rows_new(&table, &last, &err));
    test_rows_init(&snapshot, 0, KEYS / 2);
    test_rows_init(&changes, 0, CHANGES);
    for (int i = 0; i < KEYS; i++) {
        expected.amount[i] = i < KEYS / 2 ? 0 : ABSENT;
        got.amount[i] = ABSENT;
    }
    for (int i = 0; i < KEYS / 2; i++)
        snapshot.amounts[i] = 0;
    for (int i = 0; i < CHANGES; i++) {
        static const uint8_t some[] = {SLU_ROW_INSERT, SLU_ROW_UPDATE_BEFORE, SLU_ROW_UPDATE_AFTER, SLU_ROW_DELETE};
        changes.ids[i] = (int64_t)(next_random() % (KEYS - 5)) + 5; /* the first ones stay as the snapshot has them */
        changes.amounts[i] = i + 1;
        kinds[i] = some[next_random() % 4];
        if (kinds[i] != SLU_ROW_UPDATE_BEFORE)
            expected.amount[changes.ids[i]] = kinds[i] == SLU_ROW_DELETE ? ABSENT : i + 1;
    }
    fluss_scan_batch batch = {.base_offset = 1000, .array = changes.array, .kinds = kinds, .first = 0, .count = CHANGES / 2};
    CHECK_OK(slu_last_rows_note(last, &batch, &err));
    batch.first = CHANGES / 2;
    CHECK_OK(slu_last_rows_note(last, &batch, &err));
    CHECK_OK(slu_last_rows_of_snapshot(last, &snapshot.array, &selection, &count, &err));
    assert_true(count >= 5 && count < KEYS / 2);
    take(&got, &snapshot, selection, count);
    batch.first = 0;
    batch.count = CHANGES;
    CHECK_OK(slu_last_rows_of_log(last, &batch, &selection, &count, &err));
    take(&got, &changes, selection, count);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(got.amount[i], expected.amount[i]);
    slu_last_rows_free(&last);
    fluss_table_fini(&table);
    test_rows_fini(&snapshot);
    test_rows_fini(&changes);
    slu_arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_key_is_its_last_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
