/*
 * Kv snapshots through our client: rows of a primary-key table as snapshot and changelog, from any position; leases; and on our own server
 * what becomes of damaged snapshots and lost stores. FLUSS_BOOTSTRAP: a real cluster that takes snapshots every second or so, by hand.
 */
#include "support/check.h"

#include "base/env.h"
#include "base/file.h"
#include "base/sizes.h"
#include "cli/catalog/catalog.h"
#include "fluss/client/admin.h"
#include "fluss/client/scanner.h"
#include "fluss/client/snapshot_reader.h"
#include "fluss/client/writer.h"
#include "fluss/record/key.h"
#include "fluss/server/server.h"
#include "fluss/snapshot/kv_files.h"
#include "fluss/wire/message.h"
#include "integration/fluss_rows.h"
#include "integration/fluss_s3.h"
#include "sql/session.h"

#include <sluice/columns.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define BUCKETS 3
#define ROWS 6000
#define WAIT_MS 20000
#define MINUTE_MS 60000

static slu_env env;
static slu_env system_env;
static _Atomic int64_t wall_shift_ms;
static char dir[100];
static char remote_dir[140];
static char address[64];
static fluss_server *server; /* NULL: a real cluster */
static fluss_client *client;
static int table_number; /* of sluice_test.hybrid */

static const char key_table[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},"
    "{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"primary_key\":[\"id\"],\"highest_field_id\":2},"
    "\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":3,\"properties\":{\"table.log.ttl\":\"1h\","
    "\"table.log.tiered.local-segments\":\"1\"},\"custom_properties\":{}}";

static int64_t
shifted_wall_ms(const slu_env *of)
{
    (void)of;
    return slu_wall_ms(&system_env) + atomic_load(&wall_shift_ms);
}

static void
server_start(void)
{
    slu_error err = {0};
    fluss_config *config = NULL;
    CHECK_OK(fluss_config_new(&config, &err));
    CHECK_OK(fluss_config_set(config, "kv.snapshot.interval", "100ms", "test", &err));
    CHECK_OK(fluss_config_set(config, "log.segment.file-size", "64kb", "test", &err));
    CHECK_OK(fluss_config_set(config, "remote.log.task-interval-duration", "100ms", "test", &err));
    if (s3 != NULL)
        config_s3(config);
    const fluss_server_options options = {.config = config, .port = 0, .data_dir = dir, .open_store = fluss_s3_open};
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
    fluss_config_free(&config);
    (void)snprintf(address, sizeof address, "%s", fluss_server_address(server));
}

static void
client_start(void)
{
    slu_error err = {0};
    CHECK_OK(
        fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = address, .files = client_files()}, &client, &err));
}

static int
setup(void **state)
{
    (void)state;
    slu_env_init_system(&system_env, SLU_LOG_ERROR);
    env = system_env;
    env.wall_ms = shifted_wall_ms;
    (void)snprintf(dir, sizeof dir, "/tmp/sluice-test-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return 1;
    (void)snprintf(remote_dir, sizeof remote_dir, "%s/remote", dir);
    if (getenv("FLUSS_BOOTSTRAP") == NULL)
        server_start();
    else
        (void)snprintf(address, sizeof address, "%s", getenv("FLUSS_BOOTSTRAP"));
    client_start();
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    fluss_client_close(&client);
    fluss_server_close(&server);
    return slu_dir_remove(dir, NULL);
}

static fluss_target *
open_table(const char *table, bool fresh)
{
    slu_error err = {0};
    fluss_target *target = NULL;
    if (fresh) {
        CHECK_OK(fluss_admin_create_database(client, "sluice_test", true, &err));
        CHECK_OK(fluss_admin_drop_table(client, "sluice_test", table, true, &err));
        CHECK_OK(fluss_admin_create_table(client, "sluice_test", table, slu_view_of_text(key_table), false, &err));
    }
    CHECK_OK(fluss_target_open(client, "sluice_test", table, &target, &err));
    CHECK_OK(fluss_target_wait(target, WAIT_MS, &err));
    table_number = (int)fluss_target_table(target)->table_id;
    return target;
}

/* Rows first .. first+count-1 with the name "name<row + shift>"; every `deleted`-th row is deleted instead. */
static void
write_rows(fluss_target *target, int64_t first, int64_t count, int64_t deleted)
{
    slu_error err = {0};
    test_rows rows;
    fluss_writer *writer = NULL;
    int32_t *buckets = malloc((size_t)count * sizeof *buckets);
    int32_t *selection = malloc((size_t)count * sizeof *selection);
    uint8_t *kinds = malloc((size_t)count);
    test_rows_init(&rows, first, count);
    for (int64_t i = 0; i < count; i++) {
        kinds[i] = deleted != 0 && (first + i) % deleted == 0 ? SLU_ROW_DELETE : SLU_ROW_INSERT;
        rows.amounts[i] = deleted; /* so that an update is told from what was there */
    }
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    for (int i = 0; i < 1000 && fluss_writer_poll(writer, &err) == SLU_AGAIN; i++)
        fluss_client_step(client, 20);
    CHECK_OK(fluss_table_buckets(fluss_target_table(target), &rows.schema, &rows.array, NULL, count, buckets, &err));
    for (int32_t bucket = 0; bucket < BUCKETS; bucket++) {
        int64_t selected = 0;
        for (int64_t i = 0; i < count; i++)
            if (buckets[i] == bucket)
                selection[selected++] = (int32_t)i;
        if (selected != 0)
            CHECK_OK(fluss_writer_write(writer, bucket, &rows.schema, &rows.array, selection, selected, kinds, &err));
    }
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    fluss_writer_close(&writer);
    test_rows_fini(&rows);
    free(buckets);
    free(selection);
    free(kinds);
}

static void
list_ends(fluss_target *target, int64_t *ends)
{
    slu_error err = {0};
    CHECK_OK(fluss_admin_list_offsets(client, fluss_target_table(target)->table_id, -1, FLUSS_OFFSETS_LATEST, 0,
                                      fluss_target_leaders(target), BUCKETS, ends, &err));
}

/* Until the newest snapshot of every bucket has all rows. */
static void
await_snapshots(fluss_target *target, fluss_snapshot_at *at)
{
    slu_error err = {0};
    int64_t ends[BUCKETS];
    list_ends(target, ends);
    for (int i = 0; i < 400; i++) {
        int32_t there = 0;
        CHECK_OK(fluss_snapshots_list(target, 0, at, &err));
        for (int32_t b = 0; b < BUCKETS; b++)
            there += at[b].snapshot_id != FLUSS_NO_SNAPSHOT && at[b].log_offset == ends[b];
        if (there == BUCKETS)
            return;
        fluss_client_step(client, 50);
    }
    fail_msg("no snapshot of every bucket within %d s", 20);
}

/* ---- rows as snapshot and changelog ---- */

typedef struct table_state {
    int64_t amounts[2 * ROWS]; /* by id; -1: no such row */
    int64_t count;
    int64_t from_snapshots;
    int64_t changes;
} table_state;

static void
state_set(table_state *s, int64_t id, int64_t amount)
{
    assert_true(id >= 0 && id < 2 * ROWS);
    s->count += (amount >= 0) - (s->amounts[id] >= 0);
    s->amounts[id] = amount;
}

static int64_t
child_i64(const struct ArrowArray *array, int64_t column, int64_t row)
{
    const struct ArrowArray *child = array->children[column];
    return ((const int64_t *)child->buffers[1])[child->offset + row];
}

static int64_t
child_decimal(const struct ArrowArray *array, int64_t column, int64_t row)
{
    const struct ArrowArray *child = array->children[column];
    return ((const int64_t *)child->buffers[1])[2 * (child->offset + row)];
}

/* Reads from `skip` on, at most `batches` of them (0: all); the position afterwards. */
static int64_t
read_snapshot(fluss_target *target, const fluss_snapshot_at *at, int64_t skip, int batches, table_state *s)
{
    static const int32_t columns[] = {1, 0};
    slu_error err = {0};
    fluss_snapshot_reader *reader = NULL;
    const fluss_snapshot_options options = {.columns = columns, .column_count = 2, .skip_rows = skip, .batch_rows = 100};
    CHECK_OK(fluss_snapshot_reader_open(target, at->bucket, at->snapshot_id, &options, &reader, &err));
    CHECK_TEXT(fluss_snapshot_reader_schema(reader)->children[1]->name, "id");
    for (int given = 0; batches == 0 || given < batches;) {
        struct ArrowArray batch;
        const slu_status status = fluss_snapshot_reader_poll(reader, &batch, &err);
        if (status == SLU_AGAIN) {
            fluss_client_step(client, 100);
            continue;
        }
        if (status == SLU_END)
            break;
        CHECK_OK(status);
        given++;
        assert_true(batch.length <= 100 && batch.n_children == 2);
        for (int64_t row = 0; row < batch.length; row++) {
            const int64_t id = child_i64(&batch, 1, row);
            assert_int_equal(s->amounts[id], -1); /* no row twice */
            state_set(s, id, child_decimal(&batch, 0, row));
            s->from_snapshots++;
        }
        batch.release(&batch);
    }
    assert_int_equal(fluss_snapshot_reader_log_offset(reader), at->log_offset);
    const int64_t rows = fluss_snapshot_reader_rows(reader);
    fluss_snapshot_reader_close(&reader);
    return rows;
}

static void
read_changes(fluss_target *target, const fluss_snapshot_at *at, table_state *s)
{
    slu_error err = {0};
    fluss_scanner *scanner = NULL;
    int64_t ends[BUCKETS];
    list_ends(target, ends);
    CHECK_OK(fluss_scanner_open(target, NULL, &scanner, &err));
    for (int32_t b = 0; b < BUCKETS; b++)
        CHECK_OK(fluss_scanner_add(scanner, b, at[b].snapshot_id == FLUSS_NO_SNAPSHOT ? 0 : at[b].log_offset, ends[b], &err));
    for (;;) {
        fluss_scan_batch batch;
        const slu_status status = fluss_scanner_poll(scanner, &batch, &err);
        if (status == SLU_END)
            break;
        if (status == SLU_AGAIN) {
            fluss_client_step(client, 100);
            continue;
        }
        CHECK_OK(status);
        for (int64_t row = batch.first; row < batch.first + batch.count; row++, s->changes++)
            if (batch.kinds[row] != SLU_ROW_UPDATE_BEFORE)
                state_set(s, child_i64(&batch.array, 0, row),
                          batch.kinds[row] == SLU_ROW_DELETE ? -1 : child_decimal(&batch.array, 1, row));
        fluss_scan_batch_fini(&batch);
    }
    fluss_scanner_close(&scanner);
}

static table_state state_got;

/* Half of each snapshot, then from there on anew, then the changelog. */
static const table_state *
read_all(fluss_target *target, const fluss_snapshot_at *at)
{
    memset(&state_got, 0, sizeof state_got);
    memset(state_got.amounts, 0xff, sizeof state_got.amounts);
    for (int32_t b = 0; b < BUCKETS; b++)
        if (at[b].snapshot_id != FLUSS_NO_SNAPSHOT)
            (void)read_snapshot(target, &at[b], read_snapshot(target, &at[b], 0, 7, &state_got), 0, &state_got);
    read_changes(target, at, &state_got);
    return &state_got;
}

/* The state that write_rows(0, ROWS, 0), (1000, 3000, 7), (ROWS - 100, 600, 11) leave. */
static void
check_state(const table_state *s)
{
    for (int64_t id = 0; id < 2 * ROWS; id++) {
        int64_t want = id < ROWS ? 0 : -1;
        if (id >= 1000 && id < 4000)
            want = id % 7 == 0 ? -1 : 7;
        if (id >= ROWS - 100 && id < ROWS + 500)
            want = id % 11 == 0 ? -1 : 11;
        if (s->amounts[id] != want)
            fail_msg("row %lld: %lld instead of %lld", (long long)id, (long long)s->amounts[id], (long long)want);
    }
}

static void
a_snapshot_and_its_changelog_are_the_rows(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_snapshot_at at[BUCKETS];
    fluss_snapshot_at first[BUCKETS];
    char lease[FLUSS_LEASE_ID_BYTES];
    fluss_target *target = open_table("hybrid", true);
    CHECK_OK(fluss_snapshots_list(target, 0, at, &err));
    assert_int_equal(at[0].snapshot_id, FLUSS_NO_SNAPSHOT);
    write_rows(target, 0, ROWS, 0);
    await_snapshots(target, first);
    fluss_lease_id_make(client, lease);
    CHECK_OK(fluss_lease_acquire(target, lease, 10 * MINUTE_MS, first, BUCKETS, &err));
    for (int32_t b = 0; b < BUCKETS; b++)
        assert_true(first[b].snapshot_id != FLUSS_NO_SNAPSHOT);
    write_rows(target, 1000, 3000, 7);
    await_snapshots(target, at);
    write_rows(target, ROWS - 100, 600, 11);
    CHECK_OK(fluss_snapshots_list(target, 0, at, &err));
    check_state(read_all(target, at));
    check_state(read_all(target, first)); /* a leased one, with all that changed since */
    assert_true(state_got.from_snapshots == ROWS && state_got.changes > 3000);
    CHECK_OK(fluss_snapshot_reachable(target, &at[1], &err));
    CHECK_OK(fluss_lease_drop(client, lease, &err));
    fluss_target_close(&target);
}

static void
what_is_not_there_is_said(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_target *target = open_table("hybrid", false);
    fluss_snapshot_at at[] = {{0, 987654, 0}, {1, FLUSS_NO_SNAPSHOT, -1}};
    CHECK_STATUS(fluss_snapshot_reachable(target, at, &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "snapshot id 987654");
    assert_int_equal(err.code, 41);
    fluss_snapshot_reader *reader = NULL;
    struct ArrowArray batch;
    slu_status status = SLU_OK;
    CHECK_OK(fluss_snapshot_reader_open(target, 0, 987654, NULL, &reader, &err));
    while ((status = fluss_snapshot_reader_poll(reader, &batch, &err)) == SLU_AGAIN)
        fluss_client_step(client, 100);
    CHECK_STATUS(status, SLU_NOTFOUND);
    fluss_snapshot_reader_close(&reader);
    fluss_target_close(&target);
}

/* ---- our own server ---- */

static void
only_here(void)
{
    if (server == NULL)
        skip();
}

static void
restart(bool lose_stores)
{
    slu_error err = {0};
    char path[200];
    fluss_client_close(&client);
    fluss_server_close(&server);
    for (int b = 0; b < BUCKETS && lose_stores; b++) {
        (void)snprintf(path, sizeof path, "%s/sluice_test/hybrid-%d/kv-%d", dir, table_number, b);
        assert_true(slu_path_exists(path));
        CHECK_OK(slu_dir_remove(path, &err));
    }
    server_start();
    client_start();
}

static void
a_lost_store_begins_again_from_its_snapshot(void **state)
{
    (void)state;
    fluss_snapshot_at at[BUCKETS];
    only_here();
    restart(true);
    fluss_target *target = open_table("hybrid", false);
    write_rows(target, ROWS, 1, 11); /* a change, so that the restored stores are written to snapshots themselves */
    write_rows(target, ROWS + 1, 30, 11);
    await_snapshots(target, at);
    check_state(read_all(target, at));
    assert_int_equal(state_got.changes, 0);
    fluss_target_close(&target);
    restart(false);
    target = open_table("hybrid", false);
    slu_error err = {0};
    CHECK_OK(fluss_snapshots_list(target, 0, at, &err));
    check_state(read_all(target, at));
    fluss_target_close(&target);
}

static void
location_of(const fluss_snapshot_at *at, char *out, size_t room)
{
    (void)snprintf(out, room, "%s/kv/sluice_test/hybrid-%d/%d/snap-%lld", remote_dir, table_number, at->bucket,
                   (long long)at->snapshot_id);
}

static void
a_damaged_snapshot_is_passed_over(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_snapshot_at before[BUCKETS];
    fluss_snapshot_at at[BUCKETS];
    char location[200];
    char path[300];
    fluss_kv_snapshot snapshot;
    fluss_store store = {0};
    slu_arena arena;
    only_here();
    slu_arena_init(&arena, 1 << 20);
    fluss_target *target = open_table("hybrid", false);
    CHECK_OK(fluss_snapshots_list(target, 0, before, &err));
    location_of(&before[0], location, sizeof location);
    CHECK_OK(fluss_store_dir_open(false, &store, &err));
    CHECK_OK(fluss_kv_files_load(&store, location, &arena, &snapshot, &err));
    fluss_store_close(&store);
    CHECK_OK(slu_file_remove(snapshot.own[0].path, &err));
    location_of(&before[1], location, sizeof location);
    (void)snprintf(path, sizeof path, "%s/_METADATA", location);
    CHECK_OK(slu_file_write(path, slu_view_of_text("{\"version\":1,"), false, &err));
    CHECK_STATUS(fluss_snapshot_reachable(target, &before[0], &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, snapshot.own[0].path);
    CHECK_OK(fluss_snapshots_list(target, 0, at, &err));
    assert_true(at[0].snapshot_id != before[0].snapshot_id && at[1].snapshot_id != before[1].snapshot_id);
    assert_int_equal(at[2].snapshot_id, before[2].snapshot_id);
    check_state(read_all(target, at)); /* older ones, or none, and a longer changelog */
    await_snapshots(target, at);       /* another is taken, though nothing has changed */
    check_state(read_all(target, at));
    slu_arena_fini(&arena);
    fluss_target_close(&target);
}

/* The snapshots are named where they are now, also to clients, and lost stores begin again from them. */
static void
a_moved_data_directory_keeps_its_snapshots(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_snapshot_at before[BUCKETS];
    fluss_snapshot_at at[BUCKETS];
    char moved[100];
    only_here();
    fluss_target *target = open_table("hybrid", false);
    await_snapshots(target, before);
    fluss_target_close(&target);
    fluss_client_close(&client);
    fluss_server_close(&server);
    (void)snprintf(moved, sizeof moved, "/tmp/sluice-test-moved-%d", getpid());
    assert_int_equal(rename(dir, moved), 0);
    memcpy(dir, moved, sizeof dir);
    (void)snprintf(remote_dir, sizeof remote_dir, "%s/remote", dir);
    restart(true);
    target = open_table("hybrid", false);
    CHECK_OK(fluss_snapshots_list(target, 0, at, &err));
    for (int b = 0; b < BUCKETS; b++)
        assert_int_equal(at[b].snapshot_id, before[b].snapshot_id);
    check_state(read_all(target, at));
    assert_int_equal(state_got.changes, 0);
    fluss_target_close(&target);
}

/* ---- a table that was altered ---- */

static void
add_column(const char *table, const char *name)
{
    Fluss__AlterTableRequest request = FLUSS__ALTER_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    Fluss__PbAddColumn column = FLUSS__PB_ADD_COLUMN__INIT;
    Fluss__PbAddColumn *columns[1] = {&column};
    slu_error err = {0};
    fluss_answer *answer = NULL;
    static char type[] = "{\"type\":\"BIGINT\"}";
    path.database_name = (char *)(uintptr_t) "sluice_test";
    path.table_name = (char *)(uintptr_t)table;
    column.column_name = (char *)(uintptr_t)name;
    column.data_type_json = (ProtobufCBinaryData){.len = strlen(type), .data = (uint8_t *)type};
    request.table_path = &path;
    request.n_add_columns = 1;
    request.add_columns = columns;
    CHECK_OK(fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_ALTER_TABLE, &request.base, &answer, &err));
    fluss_answer_unref(&answer);
}

/* Who opened the table before a column came reads a snapshot of afterwards. */
static void
rows_of_a_later_schema_are_read(void **state)
{
    (void)state;
    fluss_snapshot_at at[BUCKETS];
    fluss_target *before = open_table("altered", true);
    write_rows(before, 0, 500, 0);
    await_snapshots(before, at);
    add_column("altered", "extra");
    fluss_target *after = open_table("altered", false);
    write_rows(after, 400, 500, 7);
    await_snapshots(before, at);
    const table_state *s = read_all(before, at);
    for (int64_t id = 0; id < 2 * ROWS; id++)
        assert_int_equal(s->amounts[id], id < 400 ? 0 : id < 900 && id % 7 != 0 ? 7 : -1);
    assert_true(s->from_snapshots > 0);
    assert_int_equal(read_all(after, at)->from_snapshots, s->from_snapshots);
    fluss_target_close(&before);
    fluss_target_close(&after);
}

/* ---- the changelog below a snapshot ---- */

static int64_t
earliest_least(fluss_target *target)
{
    slu_error err = {0};
    int64_t first[BUCKETS];
    CHECK_OK(fluss_admin_list_offsets(client, fluss_target_table(target)->table_id, -1, FLUSS_OFFSETS_EARLIEST, 0,
                                      fluss_target_leaders(target), BUCKETS, first, &err));
    return SLU_MIN(first[0], SLU_MIN(first[1], first[2]));
}

static void
check_sql(const char *text, const char *expected)
{
    slu_error err = {0};
    cli_catalog *catalog = NULL;
    slu_sql_session *session = NULL;
    char out[200] = "";
    const cli_catalog_options options = {.bootstrap_servers = address, .database = "sluice_test"};
    FILE *to = fmemopen(out, sizeof out, "w");
    CHECK_OK(cli_catalog_open(&env, &options, &catalog, &err));
    CHECK_OK(slu_sql_open(cli_catalog_sql(catalog), &session, &err));
    CHECK_OK(slu_sql_run(session, text, SLU_SQL_FORMAT_CSV, to, NULL, &err));
    (void)fclose(to);
    CHECK_TEXT(out, expected);
    slu_sql_close(&session);
    cli_catalog_close(&catalog);
}

static void
check_expired(fluss_target *target)
{
    fluss_snapshot_at at[BUCKETS];
    await_snapshots(target, at);
    const table_state *s = read_all(target, at);
    for (int64_t id = 0; id < 2 * ROWS; id++)
        assert_int_equal(s->amounts[id], id < 2000 && id % 7 != 0 ? 7 : -1);
    check_sql("select count(*) n, sum(amount) a from hybrid", "n,a\n1714,119.98\n");
    check_sql("select name from hybrid where id in (1998, 1995)", "name\nname1998\n");
}

/* Older than table.log.ttl and below the snapshots that are kept: the rows are in these alone. */
static void
a_changelog_expires_below_its_snapshots(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_snapshot_at at[BUCKETS];
    int64_t ends[BUCKETS];
    only_here();
    CHECK_OK(fluss_admin_drop_table(client, "sluice_test", "hybrid", false, &err));
    fluss_target *target = open_table("hybrid", true);
    for (int i = 0; i < 30; i++)
        write_rows(target, 0, 2000, 7);
    await_snapshots(target, at);
    assert_int_equal(earliest_least(target), 0);
    list_ends(target, ends);
    atomic_fetch_add(&wall_shift_ms, 120 * MINUTE_MS);
    write_rows(target, 0, 2000, 7); /* older snapshots have had their time, too */
    await_snapshots(target, at);
    write_rows(target, 0, 2000, 7);
    for (int i = 0; i < 200 && earliest_least(target) == 0; i++)
        fluss_client_step(client, 50);
    assert_true(earliest_least(target) > 1000);
    for (int b = 0; b < BUCKETS; b++)
        assert_true(earliest_least(target) < ends[b]);
    check_expired(target);
    fluss_target_close(&target);
    restart(true);
    target = open_table("hybrid", false);
    write_rows(target, 0, 2000, 7);
    check_expired(target);
    fluss_target_close(&target);
}

static bool
await_gone(const char *location)
{
    for (int i = 0; i < 100 && slu_path_exists(location); i++)
        fluss_client_step(client, 50);
    return !slu_path_exists(location);
}

static void
files_live_as_long_as_somebody_holds_them(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_snapshot_at leased[BUCKETS];
    fluss_snapshot_at named[BUCKETS];
    fluss_snapshot_at at[BUCKETS];
    char leased_at[200];
    char named_at[200];
    only_here();
    fluss_target *target = open_table("hybrid", false);
    CHECK_OK(fluss_snapshots_list(target, 0, leased, &err));
    CHECK_OK(fluss_lease_acquire(target, "held", 30 * MINUTE_MS, leased, BUCKETS, &err));
    write_rows(target, 1000, 3000, 7);
    await_snapshots(target, named);
    for (int i = 0; i < 3; i++) {
        write_rows(target, 1000, 3000, 7);
        await_snapshots(target, at);
    }
    location_of(&leased[0], leased_at, sizeof leased_at);
    location_of(&named[0], named_at, sizeof named_at);
    assert_true(slu_path_exists(leased_at) && slu_path_exists(named_at));
    fluss_target_close(&target);
    restart(false); /* who holds what is not forgotten */
    target = open_table("hybrid", false);
    assert_true(slu_path_exists(leased_at) && slu_path_exists(named_at));
    atomic_fetch_add(&wall_shift_ms, 12 * MINUTE_MS);
    assert_true(await_gone(named_at));
    assert_true(slu_path_exists(leased_at));
    CHECK_OK(fluss_snapshot_reachable(target, &leased[0], &err)); /* also its shared files, which newer snapshots do not have */
    fluss_snapshot_at gone[] = {named[0]};
    CHECK_OK(fluss_lease_acquire(target, "late", MINUTE_MS, gone, 1, &err));
    assert_int_equal(gone[0].snapshot_id, FLUSS_NO_SNAPSHOT);
    atomic_fetch_add(&wall_shift_ms, 20 * MINUTE_MS);
    assert_true(await_gone(leased_at));
    CHECK_OK(fluss_snapshots_list(target, 0, at, &err));
    check_state(read_all(target, at));
    fluss_target_close(&target);
}

static void
a_dropped_table_leaves_nothing(void **state)
{
    (void)state;
    slu_error err = {0};
    char path[200];
    only_here();
    CHECK_OK(fluss_admin_drop_table(client, "sluice_test", "hybrid", false, &err));
    (void)snprintf(path, sizeof path, "%s/kv/sluice_test/hybrid-%d", remote_dir, table_number);
    assert_true(await_gone(path));
}

static int
setup_s3(void **state)
{
    s3 = stand_in_open();
    return setup(state);
}

static int
teardown_s3(void **state)
{
    const int status = teardown(state);
    stand_in_close(s3);
    return status;
}

int
main(void)
{
    const struct CMUnitTest in_s3[] = {
        cmocka_unit_test(rows_of_a_later_schema_are_read),
        cmocka_unit_test(a_snapshot_and_its_changelog_are_the_rows),
        cmocka_unit_test(a_lost_store_begins_again_from_its_snapshot),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_a_later_schema_are_read),
        cmocka_unit_test(a_snapshot_and_its_changelog_are_the_rows),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(a_lost_store_begins_again_from_its_snapshot),
        cmocka_unit_test(a_damaged_snapshot_is_passed_over),
        cmocka_unit_test(a_moved_data_directory_keeps_its_snapshots),
        cmocka_unit_test(files_live_as_long_as_somebody_holds_them),
        cmocka_unit_test(a_changelog_expires_below_its_snapshots),
        cmocka_unit_test(a_dropped_table_leaves_nothing),
    };
    const int failed = cmocka_run_group_tests(tests, setup, teardown);
    return getenv("FLUSS_BOOTSTRAP") != NULL ? failed : failed + cmocka_run_group_tests(in_s3, setup_s3, teardown_s3);
}
