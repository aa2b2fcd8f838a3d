/* Splits of a source: the search for new partitions takes each bucket once, whoever has which shard. */
#include "support/check.h"

#include "../../../connectors/fluss/source_splits.h"

#define PARTITIONS 40
#define BUCKETS 5

typedef struct dealt {
    slu_split_list list; /* first: add gets its address */
    source_splits *subtasks;
    uint32_t count;
    uint32_t next;
} dealt;

/* Splits go round robin, as the engine deals them. */
static slu_status
deal(slu_split_list *list, const slu_split *split, slu_error *err)
{
    dealt *to = (dealt *)(void *)list;
    bucket_split *bucket = NULL;
    return source_splits_take(&to->subtasks[to->next++ % to->count], split, &bucket, err);
}

static void
shards_new(dealt *to)
{
    slu_error err;
    for (uint8_t shard = 0; shard < SOURCE_SHARDS; shard++) {
        uint8_t data[17] = {3, shard, 0, 0, 0, 7};
        const slu_split split = {.size = sizeof split, .data_bytes = sizeof data, .id = "shard", .data = data};
        CHECK_OK(deal(&to->list, &split, &err));
    }
}

/* How many of the subtasks want each bucket. */
static void
check_wanted(const source_splits *subtasks, uint32_t count, uint32_t expected)
{
    for (int64_t partition = 0; partition < PARTITIONS; partition++)
        for (int32_t bucket = 0; bucket < BUCKETS; bucket++) {
            uint32_t wanted = 0;
            for (uint32_t i = 0; i < count; i++)
                wanted += source_shards_want(&subtasks[i], partition, bucket);
            assert_int_equal(wanted, expected);
        }
}

static void
each_bucket_is_wanted_once(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 20; count++) {
        source_splits subtasks[20] = {{0}};
        dealt to = {{.size = sizeof to.list, .add = deal}, subtasks, count, 0};
        shards_new(&to);
        check_wanted(subtasks, count, 1);
        for (uint32_t i = 0; i < count; i++)
            source_splits_fini(&subtasks[i]);
    }
}

/* A checkpoint of three subtasks, dealt out to seven. */
static void
splits_survive_a_rescale(void **state)
{
    (void)state;
    slu_error err;
    source_splits before[3] = {{0}}, after[7] = {{0}};
    dealt first = {{.size = sizeof first.list, .add = deal}, before, 3, 0};
    dealt second = {{.size = sizeof second.list, .add = deal}, after, 7, 0};
    shards_new(&first);
    uint32_t added = 0;
    for (int64_t partition = 0; partition < PARTITIONS; partition++)
        for (int32_t bucket = 0; bucket < BUCKETS; bucket++)
            for (uint32_t i = 0; i < 3; i++) {
                bucket_split *split = NULL;
                if (!source_shards_want(&before[i], partition, bucket))
                    continue;
                char name[] = "p$x";
                const bucket_split one = {.table_id = 7,
                                          .partition_id = partition,
                                          .partition = name,
                                          .bucket = bucket,
                                          .offset = FLUSS_NO_SNAPSHOT,
                                          .stop = 9,
                                          .snapshot_id = FLUSS_NO_SNAPSHOT};
                CHECK_OK(source_splits_add(&before[i], &one, &split, &err));
                added++;
            }
    assert_int_equal(added, PARTITIONS * BUCKETS);
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t k = 0; k < before[i].count; k++)
            CHECK_OK(bucket_split_add(&second.list, before[i].items[k], &err));
        CHECK_OK(source_shards_list(&before[i], &second.list, &err));
        source_splits_fini(&before[i]);
    }
    uint32_t there = 0, shards = 0;
    for (uint32_t i = 0; i < 7; i++) {
        there += after[i].count;
        shards += after[i].shard_count;
        for (uint32_t k = 0; k < after[i].count; k++)
            CHECK_TEXT(after[i].items[k]->partition, "p$x");
        source_splits_fini(&after[i]);
    }
    assert_int_equal(there, added);
    assert_int_equal(shards, SOURCE_SHARDS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_bucket_is_wanted_once), cmocka_unit_test(splits_survive_a_rescale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
