/*
 * The Fluss client against a server: tables, appends, scans with projection, upserts, lookups, duplicates. The server is
 * FLUSS_BOOTSTRAP where that is set (a real cluster, by hand), else our own, started in this process.
 */
#include "support/check.h"

#include "base/env.h"
#include "base/file.h"
#include "fluss/client/admin.h"
#include "fluss/client/lookup.h"
#include "fluss/client/scanner.h"
#include "fluss/client/writer.h"
#include "fluss/record/key.h"
#include "fluss/wire/message.h"
#include "integration/fluss_rows.h"
#include "integration/fluss_server.h"

#include <sluice/columns.h>

#define ROWS 20000
#define BUCKETS 3
#define WAIT_MS 20000

static slu_env env;
static fluss_client *client;

static const char log_table[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},"
    "{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"highest_field_id\":2},\"partition_key\":[],"
    "\"bucket_key\":[\"id\"],\"bucket_count\":3,\"properties\":{},\"custom_properties\":{}}";
static const char key_table[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},"
    "{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"primary_key\":[\"id\"],\"highest_field_id\":2},"
    "\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":3,\"properties\":{},\"custom_properties\":{}}";

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
    return target;
}

/* Writes rows to the buckets that the table's bucket function gives, in one batch per bucket. */
static void
write_rows(fluss_writer *writer, const fluss_table *table, int64_t first, int64_t count)
{
    slu_error err = {0};
    test_rows rows;
    int32_t *buckets = malloc((size_t)count * sizeof *buckets);
    int32_t *selection = malloc((size_t)count * sizeof *selection);
    test_rows_init(&rows, first, count);
    CHECK_OK(fluss_table_buckets(table, &rows.schema, &rows.array, NULL, count, buckets, &err));
    for (int32_t bucket = 0; bucket < BUCKETS; bucket++) {
        int64_t selected = 0;
        for (int64_t i = 0; i < count; i++)
            if (buckets[i] == bucket)
                selection[selected++] = (int32_t)i;
        CHECK_OK(fluss_writer_write(writer, bucket, &rows.schema, &rows.array, selection, selected, NULL, &err));
    }
    test_rows_fini(&rows);
    free(buckets);
    free(selection);
}

static void
writer_ready(fluss_writer *writer)
{
    slu_error err = {0};
    for (int i = 0; i < 1000 && fluss_writer_poll(writer, &err) == SLU_AGAIN; i++)
        fluss_client_step(client, 20);
    CHECK_OK(fluss_writer_poll(writer, &err));
}

static int64_t acked_rows;

static void
count_ack(void *context, const fluss_ack *ack)
{
    (void)context;
    acked_rows += ack->rows;
}

static void
what_is_appended_is_scanned(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_target *target = open_fresh("appended", log_table);
    const fluss_table *table = fluss_target_table(target);
    fluss_writer *writer = NULL;
    fluss_scanner *scanner = NULL;
    int64_t ends[BUCKETS];
    static const int32_t columns[] = {2, 0};
    acked_rows = 0;
    CHECK_OK(fluss_writer_open(target, &(fluss_writer_options){.on_ack = count_ack}, &writer, &err));
    writer_ready(writer);
    for (int64_t first = 0; first < ROWS; first += 1000)
        write_rows(writer, table, first, 1000);
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    assert_int_equal(acked_rows, ROWS);
    CHECK_OK(fluss_admin_list_offsets(client, table->table_id, -1, FLUSS_OFFSETS_LATEST, 0, fluss_target_leaders(target), BUCKETS,
                                      ends, &err));
    assert_int_equal(ends[0] + ends[1] + ends[2], ROWS);

    CHECK_OK(fluss_scanner_open(target, &(fluss_scanner_options){.columns = columns, .column_count = 2}, &scanner, &err));
    for (int32_t bucket = 0; bucket < BUCKETS; bucket++)
        CHECK_OK(fluss_scanner_add(scanner, bucket, bucket == 0 ? 5 : FLUSS_OFFSET_EARLIEST, ends[bucket] - 1, &err));
    char *seen = calloc(ROWS, 1);
    int64_t count = 0;
    for (int i = 0; i < 10000; i++) {
        fluss_scan_batch batch;
        const slu_status status = fluss_scanner_poll(scanner, &batch, &err);
        if (status == SLU_END)
            break;
        if (status == SLU_AGAIN) {
            fluss_client_step(client, 20);
            continue;
        }
        CHECK_STATUS(status, SLU_OK);
        assert_int_equal(batch.array.n_children, 2);
        const int32_t *offsets = batch.array.children[0]->buffers[1];
        const char *names = batch.array.children[0]->buffers[2];
        const int64_t *ids = batch.array.children[1]->buffers[1];
        for (int64_t row = batch.first; row < batch.first + batch.count; row++) {
            char expected[32];
            (void)snprintf(expected, sizeof expected, "name%lld", (long long)ids[row]);
            assert_in_range(ids[row], 0, ROWS - 1);
            assert_int_equal(seen[ids[row]]++, 0);
            assert_int_equal(offsets[row + 1] - offsets[row], strlen(expected));
            assert_memory_equal(names + offsets[row], expected, strlen(expected));
        }
        count += batch.count;
        fluss_scan_batch_fini(&batch);
    }
    assert_int_equal(count, ROWS - BUCKETS - 5);
    free(seen);
    fluss_scanner_close(&scanner);
    fluss_writer_close(&writer);
    fluss_target_close(&target);
}

static void
a_batch_sent_again_is_a_duplicate(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_target *target = open_fresh("duplicates", log_table);
    const fluss_table *table = fluss_target_table(target);
    int64_t ends[BUCKETS];
    int64_t writer_id = 0;
    for (int attempt = 0; attempt < 2; attempt++) {
        fluss_writer *writer = NULL;
        CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
        writer_ready(writer);
        int32_t next;
        if (attempt == 0)
            fluss_writer_position(writer, 0, &writer_id, &next);
        for (int32_t bucket = 0; bucket < BUCKETS; bucket++)
            CHECK_OK(fluss_writer_resume(writer, bucket, writer_id, 0, &err));
        write_rows(writer, table, 0, 100);
        CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
        fluss_writer_close(&writer);
    }
    CHECK_OK(fluss_admin_list_offsets(client, table->table_id, -1, FLUSS_OFFSETS_LATEST, 0, fluss_target_leaders(target), BUCKETS,
                                      ends, &err));
    assert_int_equal(ends[0] + ends[1] + ends[2], 100);
    fluss_target_close(&target);
}

typedef struct answer {
    bool done;
    int64_t found;
    slu_error failure;
} answer;

static void
looked_up(void *context, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    answer *of = context;
    of->done = true;
    if (failure != NULL) {
        of->failure = *failure;
        return;
    }
    for (int64_t i = 0; i < values->length; i++) {
        if (!found[i])
            continue;
        of->found++;
        const int32_t *offsets = values->children[2]->buffers[1];
        char expected[32];
        (void)snprintf(expected, sizeof expected, "name%lld", (long long)((const int64_t *)values->children[0]->buffers[1])[i]);
        assert_memory_equal((const char *)values->children[2]->buffers[2] + offsets[i], expected, strlen(expected));
    }
    assert_int_equal(token, 7);
    values->release(values);
}

static void
what_is_upserted_is_looked_up(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_target *target = open_fresh("upserted", key_table);
    fluss_writer *writer = NULL;
    fluss_lookup *lookup = NULL;
    answer got = {0};
    test_rows keys;
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    writer_ready(writer);
    write_rows(writer, fluss_target_table(target), 0, 500);
    write_rows(writer, fluss_target_table(target), 250, 500);
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    CHECK_OK(fluss_lookup_open(target, looked_up, &got, &lookup, &err));
    test_rows_init(&keys, 700, 100); /* 700..749 exist */
    CHECK_OK(fluss_lookup_submit(lookup, 7, &keys.schema, &keys.array, NULL, 100, &err));
    CHECK_OK(fluss_client_wait(client, &got.done, WAIT_MS, "lookup", &err));
    assert_int_equal(got.failure.status, SLU_OK);
    assert_int_equal(got.found, 50);
    assert_int_equal(fluss_lookup_pending(lookup), 0);
    test_rows_fini(&keys);
    fluss_lookup_close(&lookup);
    fluss_writer_close(&writer);
    fluss_target_close(&target);
}

/* ---- Columns added since ---- */

static void
add_column(const char *table, const char *name)
{
    slu_error err = {0};
    fluss_answer *heard = NULL;
    Fluss__AlterTableRequest request = FLUSS__ALTER_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    Fluss__PbAddColumn column = FLUSS__PB_ADD_COLUMN__INIT;
    Fluss__PbAddColumn *columns[] = {&column};
    path.database_name = (char *)(uintptr_t) "sluice_test";
    path.table_name = (char *)(uintptr_t)table;
    column.column_name = (char *)(uintptr_t)name;
    column.data_type_json = fluss_bytes_of(slu_view_of_text("{\"type\":\"INTEGER\"}"));
    request.table_path = &path;
    request.n_add_columns = 1;
    request.add_columns = columns;
    CHECK_OK(fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_ALTER_TABLE, &request.base, &heard, &err));
    fluss_answer_unref(&heard);
}

static fluss_target *
open_again(const char *table)
{
    slu_error err = {0};
    fluss_target *target = NULL;
    CHECK_OK(fluss_target_open(client, "sluice_test", table, &target, &err));
    CHECK_OK(fluss_target_wait(target, WAIT_MS, &err));
    return target;
}

/* Writes rows through a target, with a fourth column that holds the id where it has one. */
static void
write_through(fluss_target *target, int64_t first, int64_t count)
{
    slu_error err = {0};
    const fluss_table *table = fluss_target_table(target);
    fluss_writer *writer = NULL;
    test_rows rows;
    int32_t extra[1000];
    const void *buffers[2] = {NULL, extra};
    struct ArrowArray fourth = {.length = count, .n_buffers = 2, .buffers = buffers};
    struct ArrowArray *children[4];
    test_rows_init(&rows, first, count);
    for (int64_t i = 0; i < count; i++)
        extra[i] = (int32_t)(first + i);
    memcpy(children, rows.array.children, 3 * sizeof children[0]);
    children[3] = &fourth;
    rows.array.children = children;
    rows.array.n_children = table->arrow.n_children;
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    writer_ready(writer);
    CHECK_OK(fluss_writer_write(writer, 0, &table->arrow, &rows.array, NULL, count, NULL, &err));
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    fluss_writer_close(&writer);
    test_rows_fini(&rows);
}

/* Reads `rows` rows of bucket 0. Column `id_at` of what comes is the id; column `extra_at` (-1: not asked for) is null below `since`. */
static void
read_through(fluss_target *target, const int32_t *columns, uint32_t column_count, int64_t rows, int id_at, int extra_at,
             int64_t since)
{
    slu_error err = {0};
    fluss_scanner *scanner = NULL;
    int64_t count = 0;
    slu_status status = SLU_AGAIN;
    CHECK_OK(
        fluss_scanner_open(target, &(fluss_scanner_options){.columns = columns, .column_count = column_count}, &scanner, &err));
    CHECK_OK(fluss_scanner_add(scanner, 0, FLUSS_OFFSET_EARLIEST, rows, &err));
    for (int i = 0; i < 1000 && status != SLU_END; i++) {
        fluss_scan_batch batch;
        status = fluss_scanner_poll(scanner, &batch, &err);
        if (status == SLU_AGAIN)
            fluss_client_step(client, 20);
        if (status != SLU_OK)
            continue;
        const slu_column ids = slu_column_child(fluss_scanner_schema(scanner), &batch.array, id_at);
        for (int64_t row = batch.first; row < batch.first + batch.count; row++, count++) {
            const int64_t id = slu_column_i64s(&ids)[row];
            assert_int_equal(id, count);
            if (extra_at < 0)
                continue;
            const slu_column extra = slu_column_child(fluss_scanner_schema(scanner), &batch.array, extra_at);
            assert_int_equal(slu_column_valid(&extra, row), id >= since);
            if (id >= since)
                assert_int_equal(slu_column_i32s(&extra)[row], id);
        }
        fluss_scan_batch_fini(&batch);
    }
    CHECK_STATUS(status, SLU_END);
    assert_int_equal(count, rows);
    fluss_scanner_close(&scanner);
}

/* A table's JSON with one property. */
static const char *
with_property(const char *json, const char *property)
{
    static char text[1500];
    const char *at = strstr(json, "\"properties\":{}") + strlen("\"properties\":{");
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - json), json, property, at);
    return text;
}

static void
columns_are_added(const char *name, const char *property)
{
    const int32_t with_extra[] = {3, 0};
    const int32_t without[] = {1, 0};
    fluss_target *before = open_fresh(name, with_property(log_table, property));
    write_through(before, 0, 100);
    add_column(name, "extra");
    write_through(before, 100, 100); /* still with the old schema */
    fluss_target *after = open_again(name);
    assert_int_equal(fluss_target_table(after)->schema_id, 2);
    assert_int_equal(fluss_target_columns_of(after, 1), 3);
    assert_int_equal(fluss_target_columns_of(after, 2), 4);
    assert_int_equal(fluss_target_columns_of(after, 3), 0);
    write_through(after, 200, 100);
    read_through(after, NULL, 0, 300, 0, 3, 200);
    read_through(after, with_extra, 2, 300, 1, 0, 200);
    read_through(after, without, 2, 300, 1, -1, 0);
    read_through(before, NULL, 0, 300, 0, -1, 0);
    read_through(before, without, 2, 300, 1, -1, 0);
    fluss_target_close(&before);
    fluss_target_close(&after);
}

static void
columns_added_since_are_null(void **state)
{
    (void)state;
    columns_are_added("altered", "");
    columns_are_added("altered_indexed", "\"table.log.format\":\"INDEXED\"");
    columns_are_added("altered_compacted", "\"table.log.format\":\"COMPACTED\"");
}

/* Looks up the keys 50..149; how many are there. */
static int64_t
look_up(fluss_target *target)
{
    slu_error err = {0};
    fluss_lookup *lookup = NULL;
    answer got = {0};
    test_rows keys;
    CHECK_OK(fluss_lookup_open(target, looked_up, &got, &lookup, &err));
    test_rows_init(&keys, 50, 100);
    CHECK_OK(fluss_lookup_submit(lookup, 7, &keys.schema, &keys.array, NULL, 100, &err));
    CHECK_OK(fluss_client_wait(client, &got.done, WAIT_MS, "lookup", &err));
    if (got.failure.status != SLU_OK)
        fail_msg("%s", got.failure.message);
    test_rows_fini(&keys);
    fluss_lookup_close(&lookup);
    return got.found;
}

/* Rows of an earlier schema, and rows of a later one than the table was opened with. */
static void
values_are_looked_up(const char *name, const char *property)
{
    slu_error err = {0};
    fluss_target *before = open_fresh(name, with_property(key_table, property));
    fluss_writer *writer = NULL;
    CHECK_OK(fluss_writer_open(before, NULL, &writer, &err));
    writer_ready(writer);
    write_rows(writer, fluss_target_table(before), 0, 100);
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    add_column(name, "extra");
    fluss_target *after = open_again(name);
    assert_int_equal(look_up(after), 50); /* 50..99 exist */
    fluss_writer *later = NULL;
    CHECK_OK(fluss_writer_open(after, NULL, &later, &err));
    writer_ready(later);
    write_rows(later, fluss_target_table(after), 90, 50);
    CHECK_OK(fluss_writer_wait(later, WAIT_MS, &err));
    write_rows(writer, fluss_target_table(before), 130, 20); /* by the old schema, over new rows and beside them */
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    assert_int_equal(look_up(after), 100);
    assert_int_equal(look_up(before), 100);
    fluss_writer_close(&writer);
    fluss_writer_close(&later);
    fluss_target_close(&before);
    fluss_target_close(&after);
}

static void
values_of_other_schemas_are_looked_up(void **state)
{
    (void)state;
    values_are_looked_up("altered_key", "");
    values_are_looked_up("altered_key_indexed", "\"table.kv.format\":\"INDEXED\"");
}

static void
what_is_not_there_is_said(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_target *target = NULL;
    bool exists = true;
    CHECK_OK(fluss_admin_table_exists(client, "sluice_test", "nope", &exists, &err));
    assert_false(exists);
    CHECK_STATUS(fluss_admin_drop_table(client, "sluice_test", "nope", false, &err), SLU_NOTFOUND);
    assert_int_equal(err.code, 7);
    CHECK_OK(fluss_target_open(client, "sluice_test", "nope", &target, &err));
    CHECK_STATUS(fluss_target_wait(target, WAIT_MS, &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "sluice_test.nope");
    fluss_target_close(&target);
}

static void
a_server_that_is_not_there_is_named(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_client *lonely = NULL;
    bool exists;
    CHECK_OK(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = "127.0.0.1:1", .connect_timeout_ms = 1000},
                               &lonely, &err));
    assert_true(fluss_admin_table_exists(lonely, "a", "b", &exists, &err) < 0);
    CHECK_MESSAGE(err, "127.0.0.1:1");
    CHECK_MESSAGE(err, "bootstrap.servers");
    assert_int_equal(err.retriable, 1);
    fluss_client_close(&lonely);
    CHECK_STATUS(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = ""}, &lonely, &err), SLU_INVALID);
}

static int
setup(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_env_init_system(&env, SLU_LOG_WARN);
    const fluss_client_options options = {.bootstrap_servers = test_server_start(&env)};
    CHECK_OK(fluss_client_open(&env, &options, &client, &err));
    return 0;
}

static int
teardown(void **state)
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
        cmocka_unit_test(what_is_appended_is_scanned),           cmocka_unit_test(a_batch_sent_again_is_a_duplicate),
        cmocka_unit_test(what_is_upserted_is_looked_up),         cmocka_unit_test(columns_added_since_are_null),
        cmocka_unit_test(values_of_other_schemas_are_looked_up), cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(a_server_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests_name("fluss.client", tests, setup, teardown);
}
