/* keys.h and partition.h: the golden key vectors, and that a split loses, doubles and reorders nothing. */
#include "support/arrays.h"

#include "base/key_group.h"
#include "exchange/keys.h"
#include "exchange/partition.h"
#include "plan/graph.h"

#include <math.h>
#include <stdio.h>

static slu_error err;
static uint32_t receivers = 3; /* two, few and many are dealt to in three ways */

/* Fills one column of one row from the text of a vector. */
static test_column
column_of(const char *name, const char *format, const char *text, uint8_t *storage, const char **texts, uint8_t *null)
{
    *null = strcmp(text, "null") == 0;
    const int64_t whole = strtoll(text, NULL, 10);
    const int64_t wide[2] = {whole, whole < 0 ? -1 : 0};
    const double real = strtod(text, NULL);
    const float single = (float)real;
    memcpy(storage, wide, 16);
    if (format[0] == 'g')
        memcpy(storage, &real, 8);
    if (format[0] == 'f')
        memcpy(storage, &single, 4);
    if (format[0] == 'b')
        storage[0] = strcmp(text, "true") == 0;
    *texts = *null ? NULL : text;
    return (test_column){
        .name = name, .format = format, .values = storage, .texts = format[0] == 'u' ? texts : NULL, .nulls = null};
}

static void
keys_match_the_golden_vectors(void **state)
{
    (void)state;
    FILE *file = fopen(SLUICE_TEST_DATA "/golden/keys/vectors.txt", "r");
    assert_non_null(file);
    char line[512];
    int seen = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#')
            continue;
        char *at = line;
        char *formats = strsep(&at, "\t"), *values = strsep(&at, "\t"), *hex = strsep(&at, "\t"), *hash = strsep(&at, "\t");
        uint8_t storage[2][16], null[2];
        const char *texts[2];
        test_column columns[2];
        int64_t count = 0;
        static const char *const names[] = {"a", "b"};
        if (strncmp(formats, "d:", 2) == 0 || strchr(formats, ',') == NULL) {
            columns[count++] = column_of("a", formats, values, storage[0], &texts[0], &null[0]);
        } else {
            char *second = strchr(formats, ','), *second_value = strchr(values, '|');
            *second = *second_value = 0;
            columns[count++] = column_of("a", formats, values, storage[0], &texts[0], &null[0]);
            columns[count++] = column_of("b", second + 1, second_value + 1, storage[1], &texts[1], &null[1]);
        }
        const slu_batch *batch = test_batch_make(columns, count, 1, NULL);
        SLU_AUTO(slu_keyer_free) slu_keyer *keyer = NULL;
        slu_keys keys;
        uint32_t direct = 0;
        CHECK_OK(slu_keyer_new(batch->schema, names, (uint32_t)count, &keyer, &err));
        CHECK_OK(slu_keyer_encode(keyer, batch, &keys, &err));
        const size_t bytes = keys.key_bytes != 0 ? keys.key_bytes : (size_t)keys.offsets[1];
        char got[256] = "";
        for (size_t i = 0; i < bytes; i++)
            (void)snprintf(got + 2 * i, 3, "%02x", keys.data[i]);
        CHECK_TEXT(got, hex);
        assert_int_equal(keys.hashes[0], strtoul(hash, NULL, 10));
        CHECK_OK(slu_keyer_hash(keyer, batch, &direct, &err));
        assert_int_equal(direct, keys.hashes[0]);
        assert_int_equal(slu_key_group(direct, 128), strtoul(at, NULL, 10));
        slu_batch_unref(&batch);
        seen++;
    }
    (void)fclose(file);
    assert_int_equal(seen, 23);
}

#define ROWS 1000
#define RECEIVERS 3
#define MANY 40

typedef struct fixture {
    slu_channel *channels[RECEIVERS];
    slu_partition *partition;
    const slu_batch *batch;
    int64_t ids[ROWS];
} fixture;

static slu_status
by_last_digit(void *owner, const slu_batch *batch, uint32_t *buckets, slu_error *error)
{
    const int64_t *ids = batch->array->children[0]->buffers[1];
    (void)owner;
    (void)error;
    for (int64_t i = 0; i < batch->rows; i++)
        buckets[i] = (uint32_t)(ids[slu_batch_row(batch, i)] % 10);
    return SLU_OK;
}

static void
fixture_make(fixture *f, uint32_t kind, const slu_batch_spec *spec)
{
    static const char *const keys[] = {"id"};
    for (int64_t i = 0; i < ROWS; i++)
        f->ids[i] = i * 7919 % 100003;
    f->batch = test_batch_make(&(test_column){.name = "id", .format = "l", .values = f->ids}, 1, ROWS, spec);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK_OK(slu_channel_new(&(slu_channel_spec){0}, &f->channels[i], &err));
    CHECK_OK(slu_partition_new(&(slu_partition_spec){.kind = kind,
                                                     .receiver_count = receivers,
                                                     .channels = f->channels,
                                                     .sender = 1,
                                                     .max_parallelism = 128,
                                                     .schema = f->batch->schema,
                                                     .keys = keys,
                                                     .key_count = 1,
                                                     .bucket = by_last_digit},
                               &f->partition, &err));
}

static void
fixture_free(fixture *f)
{
    slu_partition_free(&f->partition);
    for (int i = 0; i < RECEIVERS; i++)
        slu_channel_free(&f->channels[i]);
    slu_batch_unref(&f->batch);
}

/* How many rows a receiver got; checks order and, through `owner`, that each row is where it belongs. */
static int64_t
drain(fixture *f, int receiver, uint32_t (*owner)(int64_t id))
{
    int64_t rows = 0, last = -1;
    slu_item item;
    while (slu_channel_pop(f->channels[receiver], &item) == SLU_OK) {
        for (int64_t i = 0; i < item.batch->rows; i++) {
            const int64_t row = slu_batch_row(item.batch, i);
            assert_true(row > last);
            last = row;
            if (owner != NULL)
                assert_int_equal(owner(f->ids[row]), receiver);
            assert_ptr_equal(item.batch->array, f->batch->array); /* nothing was copied */
        }
        rows += item.batch->rows;
        slu_item_drop(&item);
    }
    return rows;
}

static uint32_t
hash_owner(int64_t id)
{
    uint8_t key[9] = {1};
    memcpy(key + 1, &id, 8);
    return slu_key_group_subtask(slu_key_group(slu_key_hash(key, 9), 128), receivers, 128);
}

static uint32_t
bucket_owner(int64_t id)
{
    return (uint32_t)(id % 10) % receivers;
}

static void
hash_and_bucket_split_whole_batches_and_selections(void **state)
{
    (void)state;
    int32_t selection[300];
    for (int i = 0; i < 300; i++)
        selection[i] = 3 * i + 1;
    const slu_batch_spec some = {.selection = selection, .rows = 300};
    for (int round = 0; round < 8; round++) {
        fixture f;
        receivers = round % 8 < 4 ? 3 : 2;
        fixture_make(&f, round % 4 < 2 ? SLU_PARTITION_HASH : SLU_PARTITION_BUCKET, round % 2 == 0 ? NULL : &some);
        CHECK_OK(slu_partition_write(f.partition, f.batch, &err));
        int64_t total = 0;
        for (int r = 0; r < (int)receivers; r++) {
            const int64_t rows = drain(&f, r, round % 4 < 2 ? hash_owner : bucket_owner);
            assert_true(rows > 50);
            total += rows;
        }
        assert_int_equal(total, f.batch->rows);
        fixture_free(&f);
    }
    receivers = 3;
}

/* More receivers than there are lists for: the other way of dealing. */
static void
many_receivers_get_each_row_once(void **state)
{
    (void)state;
    static const char *const keys[] = {"id"};
    slu_channel *channels[MANY];
    int64_t ids[ROWS];
    uint8_t seen[ROWS] = {0};
    for (int64_t i = 0; i < ROWS; i++)
        ids[i] = i * 31;
    const slu_batch *batch = test_batch_make(&(test_column){.name = "id", .format = "l", .values = ids}, 1, ROWS, NULL);
    slu_partition *partition = NULL;
    for (int i = 0; i < MANY; i++)
        CHECK_OK(slu_channel_new(&(slu_channel_spec){0}, &channels[i], &err));
    CHECK_OK(slu_partition_new(&(slu_partition_spec){.kind = SLU_PARTITION_HASH,
                                                     .receiver_count = MANY,
                                                     .channels = channels,
                                                     .max_parallelism = 100,
                                                     .schema = batch->schema,
                                                     .keys = keys,
                                                     .key_count = 1},
                               &partition, &err));
    CHECK_OK(slu_partition_write(partition, batch, &err));
    for (uint32_t r = 0; r < MANY; r++) {
        slu_item item;
        while (slu_channel_pop(channels[r], &item) == SLU_OK) {
            for (int64_t i = 0; i < item.batch->rows; i++) {
                const int64_t row = slu_batch_row(item.batch, i);
                uint8_t key[9] = {1};
                memcpy(key + 1, &ids[row], 8);
                assert_int_equal(slu_key_group_subtask(slu_key_group(slu_key_hash(key, 9), 100), MANY, 100), r);
                assert_int_equal(seen[row]++, 0);
            }
            slu_item_drop(&item);
        }
        slu_channel_free(&channels[r]);
    }
    for (int64_t i = 0; i < ROWS; i++)
        assert_int_equal(seen[i], 1);
    slu_partition_free(&partition);
    slu_batch_unref(&batch);
}

/* Small parts wait for each other, but not past an event, a good size or their time. */
static void
small_parts_are_put_together(void **state)
{
    (void)state;
    int64_t ids[100];
    slu_channel *channel = NULL;
    slu_partition *partition = NULL;
    slu_item item;
    bool sent = false;
    for (int64_t i = 0; i < 100; i++)
        ids[i] = i;
    const slu_batch *batch = test_batch_make(&(test_column){.name = "id", .format = "l", .values = ids}, 1, 100, NULL);
    CHECK_OK(slu_channel_new(&(slu_channel_spec){.items_max = 100}, &channel, &err));
    CHECK_OK(slu_partition_new(
        &(slu_partition_spec){.kind = SLU_PARTITION_GLOBAL, .receiver_count = 1, .channels = &channel, .flush_interval_ms = 5},
        &partition, &err));
    CHECK_OK(slu_partition_flush(partition, 1000, false, &sent, &err));
    for (int i = 0; i < 3; i++)
        CHECK_OK(slu_partition_write(partition, batch, &err));
    CHECK_OK(slu_partition_flush(partition, 1004, false, &sent, &err));
    assert_false(sent);
    assert_null(slu_channel_peek(channel));
    CHECK_OK(slu_partition_flush(partition, 1005, false, &sent, &err));
    assert_true(sent);
    CHECK_STATUS(slu_channel_pop(channel, &item), SLU_OK);
    assert_int_equal(item.batch->rows, 300);
    const slu_column view = slu_batch_column(item.batch, 0);
    for (int64_t i = 0; i < 300; i++)
        assert_int_equal(slu_column_i64s(&view)[i], i % 100);
    slu_item_drop(&item);
    /* One alone is not copied; an event does not overtake it. */
    CHECK_OK(slu_partition_write(partition, batch, &err));
    CHECK_OK(slu_partition_event(partition, &(slu_item){.kind = SLU_ITEM_BARRIER, .value = 3}, &err));
    CHECK_STATUS(slu_channel_pop(channel, &item), SLU_OK);
    assert_ptr_equal(item.batch, batch);
    slu_item_drop(&item);
    CHECK_STATUS(slu_channel_pop(channel, &item), SLU_OK);
    assert_int_equal(item.kind, SLU_ITEM_BARRIER);
    /* A good size leaves at once; before that, more pieces than there is room for are put together early. */
    int64_t rows = 0;
    for (int i = 0; i < 200; i++) {
        static const int32_t few[] = {3, 7, 50};
        const slu_batch *part = NULL;
        CHECK_OK(slu_batch_select(batch, &(slu_batch_spec){.selection = few, .rows = 3}, &part, &err));
        CHECK_OK(slu_partition_write(partition, part, &err));
        slu_batch_unref(&part);
    }
    assert_null(slu_channel_peek(channel));
    for (int i = 0; slu_channel_peek(channel) == NULL; i++) {
        assert_true(i < 50);
        CHECK_OK(slu_partition_write(partition, batch, &err));
    }
    CHECK_OK(slu_partition_flush(partition, 1005, true, &sent, &err));
    while (slu_channel_pop(channel, &item) == SLU_OK) {
        rows += item.batch->rows;
        assert_true(item.batch->rows > 4000);
        slu_item_drop(&item);
    }
    assert_int_equal(rows, 4100);
    CHECK_OK(slu_partition_write(partition, batch, &err)); /* dropped with the partition */
    slu_partition_free(&partition);
    slu_channel_free(&channel);
    slu_batch_unref(&batch);
}

static void
the_other_kinds_move_references(void **state)
{
    (void)state;
    static const struct {
        uint32_t kind;
        int64_t rows[RECEIVERS];
    } cases[] = {{SLU_PARTITION_REBALANCE, {ROWS, 2 * ROWS, ROWS}},
                 {SLU_PARTITION_BROADCAST, {4 * ROWS, 4 * ROWS, 4 * ROWS}},
                 {SLU_PARTITION_GLOBAL, {4 * ROWS, 0, 0}}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        fixture f;
        fixture_make(&f, cases[c].kind, NULL);
        for (int i = 0; i < 4; i++)
            CHECK_OK(slu_partition_write(f.partition, f.batch, &err));
        for (int r = 0; r < RECEIVERS; r++) {
            int64_t rows = 0;
            slu_item item;
            while (slu_channel_pop(f.channels[r], &item) == SLU_OK) {
                assert_ptr_equal(item.batch, f.batch);
                rows += item.batch->rows;
                slu_item_drop(&item);
            }
            assert_int_equal(rows, cases[c].rows[r]);
        }
        CHECK_OK(slu_partition_event(f.partition, &(slu_item){.kind = SLU_ITEM_BARRIER, .value = 7}, &err));
        for (int r = 0; r < RECEIVERS; r++) {
            slu_item item;
            CHECK_STATUS(slu_channel_pop(f.channels[r], &item), SLU_OK);
            assert_int_equal(item.value, 7);
        }
        fixture_free(&f);
    }
}

static void
ranges_of_key_groups_cover_all_once(void **state)
{
    (void)state;
    for (uint32_t parallelism = 1; parallelism <= 128; parallelism++) {
        uint32_t next = 0;
        for (uint32_t subtask = 0; subtask < parallelism; subtask++) {
            assert_int_equal(slu_key_group_first(subtask, parallelism, 128), next);
            next = slu_key_group_last(subtask, parallelism, 128) + 1;
            assert_int_equal(slu_key_group_subtask(next - 1, parallelism, 128), subtask);
        }
        assert_int_equal(next, 128);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_match_the_golden_vectors),    cmocka_unit_test(hash_and_bucket_split_whole_batches_and_selections),
        cmocka_unit_test(many_receivers_get_each_row_once), cmocka_unit_test(small_parts_are_put_together),
        cmocka_unit_test(the_other_kinds_move_references),  cmocka_unit_test(ranges_of_key_groups_cover_all_once),
    };
    return cmocka_run_group_tests_name("exchange.partition", tests, NULL, NULL);
}
