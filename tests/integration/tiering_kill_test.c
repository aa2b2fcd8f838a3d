/*
 * The tiering service dies at each named step of a round, as by kill -9, and another goes on: the lake holds exactly what the table holds.
 *
 * The service is this program started again ("service ADDRESS WAREHOUSE STEP"): the functions at the edges of the steps are wrapped by the
 * linker, and the one that is named kills it. The table server is restarted after each death, so that the table is due at once and not when
 * its two minutes are over.
 */
#include "integration/tiering_model.h"

#include "fluss/wire/api.h"
#include "iceberg/commit.h"
#include "iceberg/data_writer.h"

#include <spawn.h>

extern char **environ;

/* ---- the steps ---- */

static const char *const STEPS[] = {
    "first data file written", "table asked for",     "offsets file prepared", "manifests written",
    "lake committed",          "snapshot registered", "told to be finished",
};
#define STEP_COUNT (sizeof STEPS / sizeof *STEPS)

static const char *deadly; /* in the service */

static void
reached(const char *step)
{
    if (deadly != NULL && strcmp(deadly, step) == 0)
        (void)raise(SIGKILL);
}

slu_status __real_fluss_client_ask(fluss_client *of, int32_t node, int16_t api, const ProtobufCMessage *request, fluss_answer **out,
                                   slu_error *e);
slu_status __wrap_fluss_client_ask(fluss_client *of, int32_t node, int16_t api, const ProtobufCMessage *request, fluss_answer **out,
                                   slu_error *e);
slu_status
__wrap_fluss_client_ask(fluss_client *of, int32_t node, int16_t api, const ProtobufCMessage *request, fluss_answer **out,
                        slu_error *e)
{
    const slu_status status = __real_fluss_client_ask(of, node, api, request, out, e);
    if (api == FLUSS_API_GET_TABLE_INFO)
        reached("table asked for");
    if (api == FLUSS_API_PREPARE_LAKE_TABLE_SNAPSHOT)
        reached("offsets file prepared");
    if (api == FLUSS_API_COMMIT_LAKE_TABLE_SNAPSHOT)
        reached("snapshot registered");
    if (api == FLUSS_API_LAKE_TIERING_HEARTBEAT)
        reached("told to be finished");
    return status;
}

slu_status __real_iceberg_catalog_commit(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_change *change,
                                         slu_error *e);
slu_status __wrap_iceberg_catalog_commit(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_change *change,
                                         slu_error *e);
slu_status
__wrap_iceberg_catalog_commit(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_change *change, slu_error *e)
{
    reached("manifests written");
    const slu_status status = __real_iceberg_catalog_commit(catalog, table, change, e);
    reached("lake committed");
    return status;
}

slu_status __real_iceberg_data_writer_finish(iceberg_data_writer *writer, slu_arena *arena, iceberg_data_file *out, slu_error *e);
slu_status __wrap_iceberg_data_writer_finish(iceberg_data_writer *writer, slu_arena *arena, iceberg_data_file *out, slu_error *e);
slu_status
__wrap_iceberg_data_writer_finish(iceberg_data_writer *writer, slu_arena *arena, iceberg_data_file *out, slu_error *e)
{
    const slu_status status = __real_iceberg_data_writer_finish(writer, arena, out, e);
    reached("first data file written");
    return status;
}

/* ---- the service that dies ---- */

static int
service(char **arguments)
{
    pipeline p;
    slu_env_init_system(&env, SLU_LOG_WARN);
    (void)snprintf(warehouse, sizeof warehouse, "%s", arguments[1]);
    deadly = arguments[2];
    pipeline_open_at(&p, arguments[0]);
    for (const int64_t end = slu_now_ms(&env) + WAIT_MS; slu_now_ms(&env) < end;)
        pipeline_step(&p);
    return 1; /* it should be dead */
}

static void
die_at(const char *program, const char *step)
{
    char address[100];
    pid_t pid = 0;
    int status = 0;
    (void)snprintf(address, sizeof address, "%s", fluss_server_address(server));
    char *const arguments[] = {(char *)(uintptr_t)program, "service", address, warehouse, (char *)(uintptr_t)step, NULL};
    assert_int_equal(posix_spawn(&pid, program, NULL, NULL, arguments, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("the service was not killed at \"%s\": status %d", step, status);
}

static void
server_again(void)
{
    const int port = atoi(strrchr(fluss_server_address(server), ':') + 1);
    fluss_client_close(&client);
    fluss_server_close(&server);
    server_start(port);
    CHECK_OK(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = fluss_server_address(server)}, &client, &err));
}

/* ---- the tests ---- */

static const char *program;

static void
killed_at_each_step(model *m)
{
    lake_rows lake;
    pipeline p;
    table_create(m, "");
    for (size_t i = 0; i < STEP_COUNT; i++) {
        table_change(m, 80);
        table_change(m, 80);
        die_at(program, STEPS[i]);
        server_again();
        table_change(m, 40);
        pipeline_open_at(&p, fluss_server_address(server));
        run_until_same(&p, m, &lake);
        pipeline_close(&p);
    }
}

static void
a_primary_key_table(void **state)
{
    (void)state;
    model m = {.table = "killed", .keyed = true, .random = 11};
    killed_at_each_step(&m);
}

static void
a_partitioned_primary_key_table(void **state)
{
    (void)state;
    model m = {.table = "killed_parts", .keyed = true, .partitioned = true, .random = 12};
    killed_at_each_step(&m);
}

static void
a_partitioned_log_table(void **state)
{
    (void)state;
    model m = {.table = "killed_log", .partitioned = true, .random = 13};
    lake_rows lake;
    pipeline p;
    table_create(&m, "");
    for (size_t i = 0; i < STEP_COUNT; i++) {
        table_change(&m, 40);
        die_at(program, STEPS[i]);
        server_again();
        table_change(&m, 20);
        pipeline_open_at(&p, fluss_server_address(server));
        run_until_same(&p, &m, &lake);
        pipeline_close(&p);
    }
}

int
main(int count, char **arguments)
{
    if (count == 5 && strcmp(arguments[1], "service") == 0)
        return service(arguments + 2);
    program = arguments[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_primary_key_table),
        cmocka_unit_test(a_partitioned_primary_key_table),
        cmocka_unit_test(a_partitioned_log_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
