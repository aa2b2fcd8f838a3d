/*
 * Partitioned tables through the client: partitions made by writing, listed, read, looked up, dropped under a reader and a writer.
 * The server is FLUSS_BOOTSTRAP where that is set (a real cluster, by hand), else our own, started in this process.
 */
#include "support/check.h"

#include "base/env.h"
#include "fluss/client/admin.h"
#include "fluss/client/lookup.h"
#include "fluss/client/scanner.h"
#include "fluss/client/writer.h"
#include "fluss/record/key.h"
#include "integration/fluss_rows.h"
#include "integration/fluss_server.h"

#include <sluice/columns.h>

#define ROWS 3000
#define PARTITIONS 3
#define BUCKETS 2
#define WAIT_MS 20000

static slu_env env;
static fluss_client *client;

#define TABLE_JSON(keys, more)                                                                                                     \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":"      \
    "false},"                                                                                                                      \
    "\"id\":0},{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"                  \
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\",\"nullable\":false},\"id\":2}]" keys ",\"highest_field_id\":2},"        \
    "\"partition_key\":[\"name\"],\"bucket_key\":[\"id\"],\"bucket_count\":2,\"properties\":{" more "},\"custom_properties\":{}}"

static fluss_target *
open_fresh(const char *table, const char *json)
{
    slu_error err = {0};
    fluss_target *target = NULL;
    CHECK_OK(fluss_admin_create_database(client, "sluice_test", true, &err));
    CHECK_OK(fluss_admin_drop_table(client, "sluice_test", table, true, &err));
    CHECK_OK(fluss_admin_create_table(client, "sluice_test", table, slu_view_of_text(json), false, &err));
    CHECK_OK(fluss_target_open(client, "sluice_test", table, &target, &err));
    CHECK_OK(fluss_target_wait(target, WAIT_MS, &err));
    assert_true(fluss_target_partitioned(target));
    return target;
}

/* Row i lies in partition p(i mod PARTITIONS). */
static void
rows_init(test_rows *rows, int64_t first, int64_t count)
{
    test_rows_init(rows, first, count);
    for (int64_t i = 0; i < count; i++)
        rows->offsets[i + 1] = rows->offsets[i] + sprintf(rows->names + rows->offsets[i], "p%d", (int)((first + i) % PARTITIONS));
}

static void
write_rows(fluss_target *target, fluss_writer *writer, int64_t first, int64_t count)
{
    slu_error err = {0};
    test_rows rows;
    int32_t *buckets = malloc((size_t)count * sizeof *buckets);
    int32_t *slots = malloc((size_t)count * sizeof *slots);
    int32_t *selection = malloc((size_t)count * sizeof *selection);
    for (int i = 0; i < 1000 && fluss_writer_poll(writer, &err) == SLU_AGAIN; i++)
        fluss_client_step(client, 20);
    rows_init(&rows, first, count);
    CHECK_OK(fluss_table_buckets(fluss_target_table(target), &rows.schema, &rows.array, NULL, count, buckets, &err));
    CHECK_OK(fluss_target_slots(target, &rows.schema, &rows.array, NULL, count, slots, &err));
    for (int32_t number = 0; number < fluss_target_bucket_numbers(target); number++) {
        int64_t selected = 0;
        for (int64_t i = 0; i < count; i++)
            if (slots[i] * BUCKETS + buckets[i] == number)
                selection[selected++] = (int32_t)i;
        CHECK_OK(fluss_writer_write(writer, number, &rows.schema, &rows.array, selection, selected, NULL, &err));
    }
    test_rows_fini(&rows);
    free(buckets);
    free(slots);
    free(selection);
}

/* Every slot's leaders known. */
static void
slots_wait(fluss_target *target)
{
    slu_error err = {0};
    const uint64_t before = fluss_target_listings(target);
    fluss_target_discover(target);
    for (int i = 0; i < 1000 && fluss_target_listings(target) == before; i++)
        fluss_client_step(client, 20);
    for (int32_t slot = 0; slot < fluss_target_slot_count(target); slot++) {
        slu_status status = SLU_AGAIN;
        for (int i = 0; i < 1000 && status == SLU_AGAIN && !fluss_target_slot(target, slot).gone; i++) {
            status = fluss_target_slot_ready(target, slot, false, &err);
            if (status == SLU_AGAIN)
                fluss_client_step(client, 20);
        }
        if (!fluss_target_slot(target, slot).gone)
            CHECK_STATUS(status, SLU_OK);
    }
}

static int64_t
read_all(fluss_target *target)
{
    slu_error err = {0};
    fluss_scanner *scanner = NULL;
    int64_t count = 0, sum = 0;
    CHECK_OK(fluss_scanner_open(target, NULL, &scanner, &err));
    for (int32_t slot = 0; slot < fluss_target_slot_count(target); slot++) {
        int64_t ends[BUCKETS];
        if (fluss_target_slot(target, slot).gone)
            continue;
        CHECK_OK(fluss_admin_list_offsets(client, fluss_target_table(target)->table_id, fluss_target_slot(target, slot).id,
                                          FLUSS_OFFSETS_LATEST, 0, fluss_target_slot_leaders(target, slot), BUCKETS, ends, &err));
        for (int32_t bucket = 0; bucket < BUCKETS; bucket++)
            CHECK_OK(fluss_scanner_add(scanner, slot * BUCKETS + bucket, FLUSS_OFFSET_EARLIEST, ends[bucket], &err));
    }
    for (;;) {
        fluss_scan_batch batch = {0};
        const slu_status status = fluss_scanner_poll(scanner, &batch, &err);
        if (status == SLU_END)
            break;
        if (status == SLU_AGAIN) {
            fluss_client_step(client, 1000);
            continue;
        }
        CHECK_STATUS(status, SLU_OK);
        const fluss_slot slot = fluss_target_slot(target, fluss_target_slot_of(target, batch.bucket));
        const slu_column ids = slu_column_child(fluss_scanner_schema(scanner), &batch.array, 0);
        const slu_column names = slu_column_child(fluss_scanner_schema(scanner), &batch.array, 2);
        for (int64_t i = batch.first; i < batch.first + batch.count; i++) {
            int32_t bytes;
            const char *name = (const char *)slu_column_bytes(&names, i, &bytes);
            assert_int_equal((size_t)bytes, strlen(slot.name));
            assert_memory_equal(name, slot.name, (size_t)bytes);
            sum += slu_column_int(&ids, i);
            count++;
        }
        fluss_scan_batch_fini(&batch);
    }
    fluss_scanner_close(&scanner);
    return count == 0 ? 0 : sum;
}

static void
written_partitions_are_made_and_read(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_target *target = open_fresh("parts", TABLE_JSON("", ""));
    fluss_writer *writer = NULL;
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    write_rows(target, writer, 0, ROWS);
    write_rows(target, writer, ROWS, ROWS);
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    assert_int_equal(fluss_target_slot_count(target), PARTITIONS);
    assert_int_equal(read_all(target), (int64_t)(2 * ROWS) * (2 * ROWS - 1) / 2);
    fluss_writer_close(&writer);
    fluss_target_close(&target);
    /* Somebody else finds them by listing. */
    CHECK_OK(fluss_target_open(client, "sluice_test", "parts", &target, &err));
    CHECK_OK(fluss_target_wait(target, WAIT_MS, &err));
    assert_int_equal(fluss_target_slot_count(target), 0);
    slots_wait(target);
    assert_int_equal(fluss_target_slot_count(target), PARTITIONS);
    assert_int_equal(read_all(target), (int64_t)(2 * ROWS) * (2 * ROWS - 1) / 2);
    fluss_target_close(&target);
}

static void
a_writer_may_be_kept_from_making_partitions(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_target *target = open_fresh("parts", TABLE_JSON("", ""));
    fluss_writer *writer = NULL;
    CHECK_OK(fluss_writer_open(target, &(fluss_writer_options){.existing_partitions_only = true}, &writer, &err));
    write_rows(target, writer, 0, 10);
    CHECK_STATUS(fluss_writer_wait(writer, WAIT_MS, &err), SLU_NOTFOUND);
    assert_int_equal(err.code, 36);
    fluss_writer_close(&writer);
    fluss_target_close(&target);
}

/* ---- Lookups ---- */

static struct ArrowArray looked_up;
static uint8_t looked_found[ROWS];
static bool looked_done;

static void
on_lookup(void *context, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    (void)context;
    (void)token;
    assert_null(failure);
    looked_up = *values;
    values->release = NULL;
    memcpy(looked_found, found, (size_t)looked_up.length);
    looked_done = true;
}

static void
keys_lead_to_their_partition(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_target *target = open_fresh("parts_kv", TABLE_JSON(",\"primary_key\":[\"id\",\"name\"]", ""));
    fluss_writer *writer = NULL;
    fluss_lookup *lookup = NULL;
    test_rows rows;
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    write_rows(target, writer, 0, ROWS);
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    CHECK_OK(fluss_lookup_open(target, on_lookup, NULL, &lookup, &err));
    rows_init(&rows, 0, 9);
    rows.ids[3] = 4;                               /* row 4 is in p1, not in p0 */
    memcpy(rows.names + rows.offsets[5], "px", 2); /* no such partition */
    looked_done = false;
    CHECK_OK(fluss_lookup_submit(lookup, 1, &rows.schema, &rows.array, NULL, 9, &err));
    CHECK_OK(fluss_client_wait(client, &looked_done, WAIT_MS, "lookup", &err));
    for (int64_t i = 0; i < 9; i++) {
        assert_int_equal(looked_found[i], i != 3 && i != 5);
        if (looked_found[i]) {
            const slu_column ids = slu_column_child(&fluss_target_table(target)->arrow, &looked_up, 0);
            assert_int_equal(slu_column_int(&ids, i), i);
        }
    }
    looked_up.release(&looked_up);
    test_rows_fini(&rows);
    fluss_lookup_close(&lookup);
    fluss_writer_close(&writer);
    fluss_target_close(&target);
}

/* ---- Dropped ---- */

static void
count_partition(void *to, int64_t id, const fluss_spec *spec)
{
    (void)id;
    assert_int_equal(spec->count, 1);
    assert_string_equal(spec->keys[0], "name");
    ++*(int *)to;
}

static const char *const name_key[] = {"name"};

static void
a_dropped_partition_ends_its_readers(void **state)
{
    (void)state;
    slu_error err = {0};
    int count = 0;
    const char *values[] = {"p1"};
    const fluss_spec spec = {name_key, values, 1};
    fluss_target *target = open_fresh("parts", TABLE_JSON("", ""));
    fluss_writer *writer = NULL;
    fluss_scanner *scanner = NULL;
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    write_rows(target, writer, 0, ROWS);
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    int32_t slot = -1;
    CHECK_OK(fluss_target_slot_named(target, "p1", -1, &slot, &err));
    const int64_t old_id = fluss_target_slot(target, slot).id;
    CHECK_OK(fluss_scanner_open(target, NULL, &scanner, &err));
    for (int32_t bucket = 0; bucket < BUCKETS; bucket++)
        CHECK_OK(fluss_scanner_add(scanner, slot * BUCKETS + bucket, FLUSS_OFFSET_EARLIEST, FLUSS_OFFSET_NEVER, &err));
    CHECK_OK(fluss_admin_drop_partition(client, "sluice_test", "parts", &spec, false, &err));
    CHECK_STATUS(fluss_admin_drop_partition(client, "sluice_test", "parts", &spec, false, &err), SLU_NOTFOUND);
    assert_int_equal(err.code, 36);
    slu_status status = SLU_AGAIN;
    for (int i = 0; i < 1000 && status != SLU_END; i++) {
        fluss_scan_batch batch = {0};
        status = fluss_scanner_poll(scanner, &batch, &err);
        fluss_scan_batch_fini(&batch);
        if (status == SLU_AGAIN)
            fluss_client_step(client, 50);
    }
    CHECK_STATUS(status, SLU_END);
    assert_true(fluss_scanner_gone(scanner, slot * BUCKETS));
    fluss_scanner_close(&scanner);
    CHECK_OK(fluss_admin_list_partitions(client, "sluice_test", "parts", NULL, count_partition, &count, &err));
    assert_int_equal(count, PARTITIONS - 1);
    /* Written to again it is another partition under the same name. */
    write_rows(target, writer, 0, ROWS);
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    int32_t again = -1;
    CHECK_OK(fluss_target_slot_named(target, "p1", -1, &again, &err));
    assert_true(again != slot && fluss_target_slot(target, again).id != old_id && fluss_target_slot(target, slot).gone);
    fluss_writer_close(&writer);
    fluss_target_close(&target);
}

static void
specs_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    slu_error err = {0};
    static const char *const other_key[] = {"nome"};
    const char *good[] = {"x1"}, *bad[] = {"a b"}, *reserved[] = {"__x"};
    fluss_target *target = open_fresh("parts", TABLE_JSON("", ""));
    CHECK_OK(fluss_admin_create_partition(client, "sluice_test", "parts", &(fluss_spec){name_key, good, 1}, false, &err));
    CHECK_STATUS(fluss_admin_create_partition(client, "sluice_test", "parts", &(fluss_spec){name_key, good, 1}, false, &err),
                 SLU_CONFLICT);
    assert_int_equal(err.code, 42);
    assert_non_null(strstr(err.message, "Partition 'name=x1' already exists for table sluice_test.parts"));
    CHECK_OK(fluss_admin_create_partition(client, "sluice_test", "parts", &(fluss_spec){name_key, good, 1}, true, &err));
    assert_int_not_equal(fluss_admin_create_partition(client, "sluice_test", "parts", &(fluss_spec){name_key, bad, 1}, false, &err),
                         SLU_OK);
    assert_int_equal(err.code, 43);
    assert_non_null(strstr(err.message,
                           "The partition value a b is invalid: 'a b' contains one or more characters other than ASCII "
                           "alphanumerics, '_' and '-'"));
    assert_int_not_equal(
        fluss_admin_create_partition(client, "sluice_test", "parts", &(fluss_spec){name_key, reserved, 1}, false, &err), SLU_OK);
    assert_int_equal(err.code, 43);
    assert_int_not_equal(
        fluss_admin_create_partition(client, "sluice_test", "parts", &(fluss_spec){other_key, good, 1}, false, &err), SLU_OK);
    assert_int_equal(err.code, 43);
    assert_non_null(strstr(err.message, "does not contain partition key 'name' for partitioned table sluice_test.parts."));
    assert_int_not_equal(
        fluss_admin_create_partition(client, "sluice_test", "parts", &(fluss_spec){name_key, good, 0}, false, &err), SLU_OK);
    assert_non_null(
        strstr(err.message, "PartitionSpec size is not equal to partition keys size for partitioned table sluice_test.parts."));
    fluss_target_close(&target);
}

static int
start(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_env_init_system(&env, SLU_LOG_WARN);
    const fluss_client_options options = {.bootstrap_servers = test_server_start(&env)};
    CHECK_OK(fluss_client_open(&env, &options, &client, &err));
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    fluss_client_close(&client);
    test_server_stop();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_partitions_are_made_and_read), cmocka_unit_test(a_writer_may_be_kept_from_making_partitions),
        cmocka_unit_test(keys_lead_to_their_partition),         cmocka_unit_test(a_dropped_partition_ends_its_readers),
        cmocka_unit_test(specs_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
