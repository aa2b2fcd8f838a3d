/* Key bytes and hashes: the door's definition, and the engine's own encoder beside ours. The map, against an obvious one. */
#include "batches.h"

#include "exchange/keys.h"

#include <sluice/sdk/keys.h>
#include <sluice/sdk/map.h>

static const char columns[] =
    "a BIGINT, b STRING, c BOOLEAN, d DOUBLE, e FLOAT, f INT, g DECIMAL(20,3), h BINARY(3), i TIMESTAMP(3), j BYTES";
static const char rows[] = "1 | x | TRUE | 0.5 | -0 | 7 | 1.5 | abc | 2024-01-31 10:00:00.123 | zz\n"
                           "-1 |  | FALSE | nan | nan | -7 | -1.5 | xyz | 1969-12-31 10:00:00.123 | \n"
                           "NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL\n"
                           "9223372036854775807 | a longer text | TRUE | -0 | 3.5 | 0 | 0 | 000 | 1970-01-01 | q\n";

static void
same_as_the_engine(const char *const *names, uint32_t count, const int32_t *selection, int64_t selected)
{
    slu_error err = {0};
    test_batch batch;
    sdk_keys mine;
    slu_keyer *keyer = NULL;
    slu_keys theirs;
    test_batch_init(&batch, columns, rows);
    if (selection != NULL) {
        batch.shown.selection = selection;
        batch.shown.rows = selected;
    }
    CHECK_OK(sdk_keys_init(&mine, &batch.schema, names, count, &err));
    CHECK_OK(sdk_keys_encode(&mine, &batch.shown, NULL, 0, &err));
    CHECK_OK(slu_keyer_new(&batch.schema, names, count, &keyer, &err));
    CHECK_OK(slu_keyer_encode(keyer, &batch.shown, &theirs, &err));
    assert_int_equal(mine.shown.count, theirs.count);
    assert_int_equal(mine.shown.key_bytes, theirs.key_bytes);
    for (int64_t i = 0; i < theirs.count; i++)
        assert_int_equal(mine.shown.hashes[i], theirs.hashes[i]);
    const size_t bytes = theirs.key_bytes != 0 ? (size_t)theirs.count * theirs.key_bytes : (size_t)theirs.offsets[theirs.count];
    assert_memory_equal(mine.shown.data, theirs.data, bytes);
    slu_keyer_free(&keyer);
    sdk_keys_fini(&mine);
    test_batch_fini(&batch);
}

static void
every_type_alone_and_together(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    static const int32_t selection[] = {1, 3};
    for (uint32_t i = 0; i < 10; i++) {
        same_as_the_engine(&names[i], 1, NULL, 0);
        same_as_the_engine(&names[i], 1, selection, 2);
    }
    same_as_the_engine(names, 10, NULL, 0);
    same_as_the_engine(names + 2, 5, selection, 2);
}

static void
bytes_as_defined(void **state)
{
    slu_error err = {0};
    test_batch batch;
    sdk_keys keys;
    const char *const names[] = {"b", "f"};
    test_batch_init(&batch, "b STRING, f INT", "hi | 7\nNULL | NULL\n");
    CHECK_OK(sdk_keys_init(&keys, &batch.schema, names, 2, &err));
    CHECK_OK(sdk_keys_encode(&keys, &batch.shown, NULL, 0, &err));
    static const uint8_t expected[] = {1, 2, 0, 0, 0, 'h', 'i', 1, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(keys.shown.offsets[1], 12);
    assert_int_equal(keys.shown.offsets[2], 22);
    assert_memory_equal(keys.shown.data, expected, sizeof expected);
    assert_int_equal(sdk_key_hash("", 0), 0x51d8e999); /* low half of XXH64's published value for no bytes, ef46db3751d8e999 */
    sdk_keys_fini(&keys);
    test_batch_fini(&batch);
}

/* The hash of a plain BIGINT is written out; any value must hash as its bytes do. */
static void
the_fast_hash_is_the_hash(void **state)
{
    slu_error err = {0};
    enum { N = 3000 };
    sdk_builder builder;
    struct ArrowArray column, array;
    struct ArrowSchema schema;
    sdk_keys keys;
    uint64_t random = 3;
    const char *const name = "x";
    CHECK_OK(sdk_schema_from_columns("x BIGINT NOT NULL", &schema, &err));
    CHECK_STATUS(sdk_builder_init(&builder, "l", NULL), SLU_OK);
    for (int i = 0; i < N; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        sdk_builder_i64(&builder, i < 4 ? i - 2 : (int64_t)(random >> (i % 64)));
    }
    CHECK_OK(sdk_builder_finish(&builder, &column, &err));
    CHECK_OK(sdk_struct(&column, 1, N, &array, &err));
    const slu_batch batch = {.size = sizeof batch, .schema = &schema, .array = &array, .rows = N};
    CHECK_OK(sdk_keys_init(&keys, &schema, &name, 1, &err));
    CHECK_OK(sdk_keys_encode(&keys, &batch, NULL, 0, &err));
    for (int i = 0; i < N; i++)
        assert_int_equal(keys.shown.hashes[i], sdk_key_hash(keys.shown.data + i * 9, 9));
    sdk_keys_fini(&keys);
    slu_array_release(&array);
    slu_schema_release(&schema);
}

static void
refused(void **state)
{
    slu_error err = {0};
    struct ArrowSchema schema;
    sdk_keys keys;
    const char *const missing = "idd", *const nested = "tags";
    CHECK_OK(sdk_schema_from_columns("id BIGINT, tags ARRAY<INT>", &schema, &err));
    CHECK_STATUS(sdk_keys_init(&keys, &schema, &missing, 1, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "did you mean 'id'?");
    CHECK_STATUS(sdk_keys_init(&keys, &schema, &nested, 1, &err), SLU_UNSUPPORTED);
    CHECK_STATUS(sdk_keys_init(&keys, &schema, &nested, 0, &err), SLU_INVALID);
    slu_schema_release(&schema);
}

/* Random puts, finds and removals over few keys and poor hashes, so that runs collide and gaps close. */
static void
the_map_against_an_array(void **state)
{
    enum { KEYS = 200 };
    static uint8_t names[KEYS][4];
    int32_t index_of[KEYS];
    uint64_t random = 11;
    sdk_map map;
    sdk_map_init(&map);
    for (int k = 0; k < KEYS; k++) {
        memcpy(names[k], &k, 4);
        index_of[k] = -1;
    }
    for (int step = 0; step < 200000; step++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        const int k = (int)((random >> 33) % KEYS);
        const uint32_t hash = (uint32_t)k % 17;
        bool added;
        assert_int_equal(sdk_map_find(&map, hash, names[k], 4), index_of[k]);
        if ((random >> 50) % 3 == 0 && index_of[k] >= 0) {
            sdk_map_remove(&map, index_of[k]);
            index_of[k] = -1;
        } else if ((random >> 50) % 3 == 1) {
            const int32_t index = sdk_map_put(&map, hash, names[k], 4, &added);
            assert_int_equal(added, index_of[k] < 0);
            assert_true(index_of[k] < 0 || index == index_of[k]);
            index_of[k] = index;
        }
        if (step % 50000 == 49999) {
            sdk_map_reset(&map);
            for (int i = 0; i < KEYS; i++)
                index_of[i] = -1;
        }
    }
    sdk_map_fini(&map);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_type_alone_and_together), cmocka_unit_test(bytes_as_defined),
                                       cmocka_unit_test(the_fast_hash_is_the_hash), cmocka_unit_test(refused),
                                       cmocka_unit_test(the_map_against_an_array)};
    return cmocka_run_group_tests_name("sdk.keys", tests, NULL, NULL);
}
