/*
 * ALTER TABLE of a lake table, and a server that dies when the lake has followed and the catalogue has not: the next start finishes it,
 * or a later one where the lake cannot be reached. What the lake refuses is not tried again.
 */
#include "integration/fluss/wire_peer.h"

#include "base/file.h"
#include "fluss/server/server.h"

#include <sys/wait.h>

#define TABLE                                                                                                                      \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"},\"id\":0}],"       \
    "\"highest_field_id\":0},\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":1,\"properties\":{"                     \
    "\"table.datalake.enabled\":\"true\"},\"custom_properties\":{}}"

/* A lake that follows, refuses, or sees the server die. */
typedef struct lake {
    slu_status says;
    bool dies;
    int asked;
    char json[4000]; /* what it was altered to last */
} lake;

static char root[64];
static char address[64];
static slu_env env;

static slu_status
lake_create(void *context, const char *database, const char *table, const char *json, slu_error *err)
{
    (void)context, (void)database, (void)table, (void)json, (void)err;
    return SLU_OK;
}

static slu_status
lake_alter(void *context, const char *database, const char *table, const char *json, slu_error *err)
{
    lake *l = context;
    (void)database;
    assert_string_equal(table, "t");
    l->asked++;
    (void)snprintf(l->json, sizeof l->json, "%s", json);
    if (l->dies)
        _exit(9);
    return l->says == SLU_OK ? SLU_OK : slu_error_set(err, l->says, "the lake says no");
}

static fluss_server *
start(lake *l)
{
    slu_error err;
    fluss_server *server = NULL;
    const fluss_server_lake functions = {.context = l, .create_table = lake_create, .alter_table = lake_alter};
    const fluss_server_options options = {.port = 0, .data_dir = root, .datalake_format = "iceberg", .lake = &functions};
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    return server;
}

static bool
add_column(wire_peer *p, const char *name)
{
    Fluss__AlterTableRequest request = FLUSS__ALTER_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = peer_path("fluss", "t");
    Fluss__PbAddColumn column = FLUSS__PB_ADD_COLUMN__INIT;
    Fluss__PbAddColumn *columns[1] = {&column};
    column.column_name = (char *)(uintptr_t)name;
    column.data_type_json = fluss_bytes_of(slu_view_of_text("{\"type\":\"INTEGER\"}"));
    request.table_path = &path;
    request.n_add_columns = 1;
    request.add_columns = columns;
    return peer_call(p, FLUSS_API_ALTER_TABLE, &request.base) != NULL;
}

/* The schema id of the table as a server of this lake has it after its start. */
static int32_t
schema_after_start(lake *l)
{
    slu_error err;
    wire_peer p;
    fluss_server *server = start(l);
    CHECK_OK(fluss_server_start(server, &err));
    assert_true(peer_open(&p, fluss_server_address(server)));
    Fluss__GetTableInfoRequest request = FLUSS__GET_TABLE_INFO_REQUEST__INIT;
    Fluss__PbTablePath path = peer_path("fluss", "t");
    request.table_path = &path;
    const Fluss__GetTableInfoResponse *response = peer_call(&p, FLUSS_API_GET_TABLE_INFO, &request.base);
    assert_non_null(response);
    const int32_t schema_id = response->schema_id;
    peer_close(&p);
    fluss_server_close(&server);
    return schema_id;
}

/* A server in a process of its own, which dies while its lake follows. */
static void
die_between(const char *column)
{
    int pipes[2];
    int how = 0;
    wire_peer p;
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        lake l = {.dies = true};
        fluss_server *server = start(&l);
        const char *text = fluss_server_address(server);
        if (write(pipes[1], text, strlen(text) + 1) < 0)
            _exit(1);
        fluss_server_run(server);
        _exit(0);
    }
    (void)close(pipes[1]);
    assert_true(read(pipes[0], address, sizeof address) > 0);
    (void)close(pipes[0]);
    assert_true(peer_open(&p, address));
    (void)peer_create_table(&p, "fluss", "t", TABLE);
    assert_false(add_column(&p, column)); /* no answer */
    peer_close(&p);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 9);
}

static void
what_the_lake_has_followed_is_finished(void **state)
{
    (void)state;
    lake l = {.says = SLU_IO};
    die_between("first");
    assert_int_equal(schema_after_start(&l), 1); /* not now: it cannot be reached */
    assert_int_equal(l.asked, 1);
    l.says = SLU_OK;
    assert_int_equal(schema_after_start(&l), 2);
    assert_int_equal(l.asked, 2);
    assert_non_null(strstr(l.json, "first"));
    assert_int_equal(schema_after_start(&l), 2);
    assert_int_equal(l.asked, 2); /* once */
}

static void
what_the_lake_refuses_is_forgotten(void **state)
{
    (void)state;
    lake l = {.says = SLU_UNSUPPORTED};
    die_between("second");
    assert_int_equal(schema_after_start(&l), 2);
    assert_int_equal(l.asked, 1);
    l.says = SLU_OK;
    assert_int_equal(schema_after_start(&l), 2);
    assert_int_equal(l.asked, 1);
}

static int
make_root(void **state)
{
    (void)state;
    slu_env_init_system(&env, 0);
    (void)snprintf(root, sizeof root, "/tmp/slu_alter_XXXXXX");
    return mkdtemp(root) == NULL;
}

static int
remove_root(void **state)
{
    (void)state;
    return slu_dir_remove(root, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_lake_has_followed_is_finished),
        cmocka_unit_test(what_the_lake_refuses_is_forgotten),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
