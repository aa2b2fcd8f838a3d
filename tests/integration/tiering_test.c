/*
 * Tiering against our own table server and a lake in a directory: the three plugins as a host runs them, one behind the other, until
 * the lake has what the log has. Judged by the Parquet reader through the table's own metadata, and by what Fluss then says.
 */
#include "integration/tiering_pipeline.h"

#define BUCKETS 3

/* ---- tables and rows ---- */

static const char table_json[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0},"
    "{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2},\"id\":1},"
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"highest_field_id\":2},\"partition_key\":[],"
    "\"bucket_key\":[\"id\"],\"bucket_count\":3,\"properties\":{\"table.datalake.enabled\":\"true\",\"table.datalake.freshness\":"
    "\"%s\"},"
    "\"custom_properties\":{}}";

static void
create_table(const char *name, const char *freshness)
{
    char json[2000];
    (void)snprintf(json, sizeof json, table_json, freshness);
    CHECK_OK(fluss_admin_create_database(client, "lake_test", true, &err));
    CHECK_OK(fluss_admin_create_table(client, "lake_test", name, slu_view_of_text(json), false, &err));
}

static void
append_rows(const char *table, int64_t first, int64_t count)
{
    fluss_target *target = NULL;
    fluss_writer *writer = NULL;
    test_rows rows;
    int32_t *buckets = malloc((size_t)count * sizeof *buckets);
    int32_t *selection = malloc((size_t)count * sizeof *selection);
    CHECK_OK(fluss_target_open(client, "lake_test", table, &target, &err));
    CHECK_OK(fluss_target_wait(target, WAIT_MS, &err));
    CHECK_OK(fluss_writer_open(target, &(fluss_writer_options){0}, &writer, &err));
    test_rows_init(&rows, first, count);
    CHECK_OK(fluss_table_buckets(fluss_target_table(target), &rows.schema, &rows.array, NULL, count, buckets, &err));
    for (int32_t bucket = 0; bucket < BUCKETS; bucket++) {
        int64_t selected = 0;
        for (int64_t i = 0; i < count; i++)
            if (buckets[i] == bucket)
                selection[selected++] = (int32_t)i;
        slu_status status = SLU_AGAIN;
        while (selected != 0 && status == SLU_AGAIN) {
            status = fluss_writer_write(writer, bucket, &rows.schema, &rows.array, selection, selected, NULL, &err);
            fluss_client_step(client, 1);
        }
        assert_true(status == SLU_OK || selected == 0);
    }
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    fluss_writer_close(&writer);
    fluss_target_close(&target);
    test_rows_fini(&rows);
    free(buckets);
    free(selection);
}

/* ---- the lake, read back ---- */

typedef struct lake_state {
    int64_t rows;
    int64_t files;
    int64_t id_sum;
    int64_t snapshots;
    int64_t snapshot_id;
    bool system_columns_fit; /* offsets dense per bucket, names as their ids */
} lake_state;

static void
read_file(const iceberg_store *store, const iceberg_scan_file *file, lake_state *out)
{
    slu_buf bytes;
    slu_buf_init(&bytes, 1 << 28);
    CHECK_OK(store->ops->get(store->self, file->file.path, 1 << 28, &bytes, &err));
    const slu_view view = slu_buf_view(&bytes);
    const parquet_source source = parquet_source_of_view(&view);
    parquet_reader *reader = NULL;
    struct ArrowSchema schema;
    struct ArrowArray batch;
    CHECK_OK(parquet_reader_open(&source, NULL, &reader, &err));
    CHECK_OK(parquet_reader_schema(reader, &schema, &err));
    assert_int_equal(schema.n_children, 6);
    while (parquet_reader_next(reader, &batch, NULL, &err) == SLU_OK) {
        const slu_column id = slu_column_child(&schema, &batch, 0), name = slu_column_child(&schema, &batch, 2),
                         bucket = slu_column_child(&schema, &batch, 3), offset = slu_column_child(&schema, &batch, 4),
                         at = slu_column_child(&schema, &batch, 5);
        for (int64_t i = 0; i < batch.length; i++) {
            char want[40];
            int32_t n = 0;
            const uint8_t *text = slu_column_bytes(&name, i, &n);
            (void)snprintf(want, sizeof want, "name%lld", (long long)slu_column_i64s(&id)[i]);
            out->system_columns_fit &= (size_t)n == strlen(want) && memcmp(text, want, (size_t)n) == 0;
            out->system_columns_fit &= slu_column_i32s(&bucket)[i] == slu_column_i32s(&bucket)[0];
            out->system_columns_fit &= i == 0 || slu_column_i64s(&offset)[i] == slu_column_i64s(&offset)[i - 1] + 1;
            out->system_columns_fit &= llabs(slu_column_i64s(&at)[i] / 1000 - slu_wall_ms(&env)) < 3600000;
            out->id_sum += slu_column_i64s(&id)[i];
        }
        out->rows += batch.length;
        slu_array_release(&batch);
    }
    slu_schema_release(&schema);
    parquet_reader_free(&reader);
    slu_buf_fini(&bytes);
}

static void
read_lake(const char *name, lake_state *out)
{
    iceberg_store store = {0};
    iceberg_catalog catalog = {0};
    iceberg_table table = {0};
    iceberg_scan scan = {0};
    memset(out, 0, sizeof *out);
    out->system_columns_fit = true;
    CHECK_OK(iceberg_store_local_open(false, &store, &err));
    CHECK_OK(iceberg_catalog_files_open(&env, warehouse, &store, &catalog, &err));
    CHECK_OK(iceberg_catalog_load(&catalog, "lake_test", name, &table, &err));
    out->snapshots = table.metadata->snapshot_count;
    out->snapshot_id = table.metadata->current_snapshot_id;
    const iceberg_store *files = iceberg_catalog_store(&catalog, &table);
    CHECK_OK(iceberg_scan_plan(files, table.metadata, iceberg_metadata_snapshot(table.metadata), NULL, &scan, &err));
    out->files = (int64_t)scan.count;
    for (size_t i = 0; i < scan.count; i++)
        read_file(files, &scan.files[i], out);
    iceberg_scan_fini(&scan);
    iceberg_table_fini(&table);
    iceberg_catalog_close(&catalog);
}

/* Whether Fluss knows the lake's newest snapshot and its offsets sum up to `rows`. */
static bool
registered(const char *name, const lake_state *lake, int64_t rows)
{
    int64_t snapshot = 0, offsets[BUCKETS] = {0};
    if (fluss_admin_lake_snapshot(client, "lake_test", name, false, &snapshot, offsets, BUCKETS, &err) != SLU_OK)
        return false;
    int64_t sum = 0;
    for (int i = 0; i < BUCKETS; i++)
        sum += offsets[i] < 0 ? 0 : offsets[i];
    return snapshot == lake->snapshot_id && sum == rows;
}

static void
run_until_rows(pipeline *p, const char *name, int64_t rows)
{
    lake_state lake;
    const int64_t end = slu_now_ms(&env) + WAIT_MS;
    for (int i = 0;; i++) {
        pipeline_step(p);
        if (i % 50 != 0)
            continue;
        read_lake(name, &lake);
        if (lake.rows >= rows && registered(name, &lake, rows))
            break;
        if (slu_now_ms(&env) > end)
            fail_msg("%s: %lld of %lld rows in the lake; source: %s; writer: %s; committer: %s", name, (long long)lake.rows,
                     (long long)rows, p->source.last, p->writer.last, p->committer.last);
    }
    assert_true(lake.rows == rows);
    assert_true(lake.id_sum == rows * (rows - 1) / 2);
    assert_true(lake.system_columns_fit);
}

/* ---- the tests ---- */

static void
a_log_table_reaches_the_lake_round_by_round(void **state)
{
    (void)state;
    pipeline p;
    create_table("log", "100ms");
    append_rows("log", 0, 20000);
    pipeline_open(&p);
    run_until_rows(&p, "log", 20000);
    append_rows("log", 20000, 5000);
    run_until_rows(&p, "log", 25000);
    assert_int_equal(p.source.failed + p.writer.failed + p.committer.failed, 0);
    pipeline_close(&p);
}

static void
two_tables_and_an_empty_one_share_the_service(void **state)
{
    (void)state;
    pipeline p;
    create_table("first", "100ms");
    create_table("second", "100ms");
    create_table("empty", "100ms");
    append_rows("first", 0, 3000);
    append_rows("second", 0, 4000);
    pipeline_open(&p);
    run_until_rows(&p, "first", 3000);
    run_until_rows(&p, "second", 4000);
    lake_state lake;
    read_lake("empty", &lake);
    assert_int_equal(lake.snapshots, 0);
    pipeline_close(&p);
}

static void
a_small_budget_makes_more_files_and_loses_nothing(void **state)
{
    (void)state;
    pipeline p;
    create_table("frugal", "100ms");
    for (int i = 0; i < 10; i++)
        append_rows("frugal", i * 2000, 2000);
    memory_bytes = 100000;
    pipeline_open(&p);
    memory_bytes = 128 << 20;
    run_until_rows(&p, "frugal", 20000);
    pipeline_close(&p);
    lake_state lake;
    read_lake("frugal", &lake);
    assert_int_equal(lake.rows, 20000);
    assert_true(lake.files > BUCKETS * lake.snapshots);
}

static void
a_restart_goes_on_without_loss_or_twins(void **state)
{
    (void)state;
    pipeline p;
    create_table("restarted", "100ms");
    append_rows("restarted", 0, 10000);
    pipeline_open(&p);
    for (int i = 0; i < 60; i++) /* somewhere in the middle of a round */
        pipeline_step(&p);
    pipeline_close(&p);
    append_rows("restarted", 10000, 1000);
    pipeline_open(&p);
    run_until_rows(&p, "restarted", 11000);
    pipeline_close(&p);
}

/* ---- the same through the program: jobs/tiering.yaml, killed in the middle ---- */

static pid_t
program_start(void)
{
    char bootstrap[100], log_path[320];
    (void)snprintf(bootstrap, sizeof bootstrap, "%s", fluss_server_address(server));
    (void)snprintf(log_path, sizeof log_path, "%s/run.log", dir);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid != 0)
        return pid;
    const int out = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    (void)dup2(out, 1);
    (void)dup2(out, 2);
    (void)execl(getenv("SLUICE_PROGRAM"), "sluice", "run", "--local", SLUICE_TEST_DATA "/../jobs/tiering.yaml",
                "--fluss.bootstrap.servers", bootstrap, "--datalake.iceberg.warehouse", warehouse, (char *)NULL);
    _exit(127);
}

static void
program_end(pid_t pid, int signal)
{
    int status = 0;
    assert_int_equal(kill(pid, signal), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void
wait_for_rows(const char *name, int64_t rows, pid_t pid)
{
    lake_state lake;
    const int64_t end = slu_now_ms(&env) + WAIT_MS;
    for (;;) {
        read_lake(name, &lake);
        if (lake.rows >= rows && registered(name, &lake, rows))
            break;
        if (waitpid(pid, NULL, WNOHANG) != 0)
            fail_msg("the program ended: see run.log (SLUICE_TEST_DIR=DIR keeps it)");
        if (slu_now_ms(&env) > end)
            fail_msg("%s: %lld of %lld rows in the lake", name, (long long)lake.rows, (long long)rows);
        (void)usleep(20000);
    }
    assert_true(lake.rows == rows && lake.id_sum == rows * (rows - 1) / 2 && lake.system_columns_fit);
}

static void
the_program_tiers_and_survives_a_kill(void **state)
{
    (void)state;
    if (getenv("SLUICE_PROGRAM") == NULL)
        skip();
    create_table("program", "100ms");
    append_rows("program", 0, 30000);
    pid_t pid = program_start();
    wait_for_rows("program", 30000, pid);
    append_rows("program", 30000, 10000);
    program_end(pid, SIGTERM); /* perhaps in the middle of a round: its table is given back */
    pid = program_start();
    wait_for_rows("program", 40000, pid);
    program_end(pid, SIGKILL); /* idle: nothing is in work */
    append_rows("program", 40000, 1000);
    pid = program_start();
    wait_for_rows("program", 41000, pid);
    program_end(pid, SIGTERM);
}

static void
a_restarted_coordinator_is_noticed(void **state)
{
    (void)state;
    pipeline p;
    create_table("outlived", "100ms");
    append_rows("outlived", 0, 2000);
    pipeline_open(&p);
    run_until_rows(&p, "outlived", 2000);
    append_rows("outlived", 2000, 2000);
    for (int i = 0; i < 20; i++) /* perhaps a round is in work */
        pipeline_step(&p);
    const int port = atoi(strrchr(fluss_server_address(server), ':') + 1);
    fluss_client_close(&client);
    fluss_server_close(&server);
    for (int i = 0; i < 20; i++) /* nobody answers */
        pipeline_step(&p);
    server_start(port);
    CHECK_OK(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = fluss_server_address(server)}, &client, &err));
    run_until_rows(&p, "outlived", 4000);
    append_rows("outlived", 4000, 500);
    run_until_rows(&p, "outlived", 4500);
    pipeline_close(&p);
}

static void
a_lake_table_that_is_gone_fails_its_rounds_only(void **state)
{
    (void)state;
    pipeline p;
    char path[400];
    create_table("gone", "100ms");
    create_table("stays", "100ms");
    append_rows("gone", 0, 100);
    append_rows("stays", 0, 100);
    (void)snprintf(path, sizeof path, "%s/lake_test/gone", warehouse);
    CHECK_OK(slu_dir_remove(path, &err));
    pipeline_open(&p);
    run_until_rows(&p, "stays", 100);
    const int64_t end = slu_now_ms(&env) + WAIT_MS;
    while (p.committer.failed < 2 && slu_now_ms(&env) < end) /* tried again, after a pause */
        pipeline_step(&p);
    assert_true(p.committer.failed >= 2);
    assert_true(p.writer.failed >= 1);
    assert_non_null(strstr(p.writer.last, "lake_test.gone"));
    pipeline_close(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_table_reaches_the_lake_round_by_round),
        cmocka_unit_test(two_tables_and_an_empty_one_share_the_service),
        cmocka_unit_test(a_small_budget_makes_more_files_and_loses_nothing),
        cmocka_unit_test(a_restart_goes_on_without_loss_or_twins),
        cmocka_unit_test(the_program_tiers_and_survives_a_kill),
        cmocka_unit_test(a_lake_table_that_is_gone_fails_its_rounds_only),
        cmocka_unit_test(a_restarted_coordinator_is_noticed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
