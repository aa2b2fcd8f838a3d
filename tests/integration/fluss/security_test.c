/* Our client at our server's two listeners: an open one on loopback and one with login; and who may do what there. */
#include "support/check.h"

#include "base/env.h"
#include "base/file.h"
#include "fluss/client/admin.h"
#include "fluss/security/acl.h"
#include "fluss/server/server.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

#define JAAS                                                                                                                       \
    "org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required user_root=\"r00t\" user_alice=\"a\" user_bob=\"b\";"

static slu_env env;
static char dir[64];
static fluss_server *server;

static void
server_open(void)
{
    static const char *const said[][2] = {{"bind.listeners", "OPEN://127.0.0.1:0,CLIENT://127.0.0.1:0"},
                                          {"security.protocol.map", "CLIENT:SASL"},
                                          {"internal.listener.name", "OPEN"},
                                          {"security.sasl.enabled.mechanisms", "PLAIN"},
                                          {"security.sasl.plain.jaas.config", JAAS},
                                          {"authorizer.enabled", "true"},
                                          {"super.users", "User:root"},
                                          {"default.replication.factor", "3"},
                                          {"allow.create.log.tables", "false"}};
    slu_error err;
    SLU_AUTO(fluss_config_free) fluss_config *config = NULL;
    CHECK_OK(fluss_config_new(&config, &err));
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        CHECK_OK(fluss_config_set(config, said[i][0], said[i][1], "test", &err));
    CHECK_OK(fluss_server_open(&env, &(fluss_server_options){.config = config, .data_dir = dir}, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
}

static int
group_start(void **state)
{
    (void)state;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    (void)snprintf(dir, sizeof dir, "/tmp/sluice-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    server_open();
    return 0;
}

static int
group_end(void **state)
{
    (void)state;
    slu_error err;
    fluss_server_close(&server);
    CHECK_OK(slu_dir_remove(dir, &err));
    return 0;
}

static fluss_client *
client_open(const char *listener, const fluss_login *login)
{
    slu_error err;
    char address[64];
    fluss_client *client = NULL;
    (void)snprintf(address, sizeof address, "127.0.0.1:%d", fluss_server_port(server, listener));
    const fluss_client_options options = {.bootstrap_servers = address, .login = *login};
    CHECK_OK(fluss_client_open(&env, &options, &client, &err));
    return client;
}

static fluss_client *
client_of(const char *user, const char *password)
{
    return client_open("CLIENT", &(fluss_login){.username = user, .password = password});
}

static void
count_name(void *to, const char *name)
{
    (void)name;
    ++*(int *)to;
}

static slu_status
databases(fluss_client *client, slu_error *err)
{
    int count = 0;
    return fluss_admin_list_databases(client, count_name, &count, err);
}

/* The answer to a login is the only thing that a client waits for; a refused one is told at once, and for good. */
static void
check_refused(const char *listener, const fluss_login *login, const char *says)
{
    slu_error err = {0};
    fluss_client *client = client_open(listener, login);
    const int64_t before_ms = slu_now_ms(&env);
    for (int i = 0; i < 3; i++) {
        assert_true(databases(client, &err) < 0);
        assert_int_equal(err.code, FLUSS_ERROR_AUTHENTICATE_EXCEPTION);
        assert_false(err.retriable);
        CHECK_MESSAGE(err, says);
    }
    assert_true(slu_now_ms(&env) - before_ms < 5000);
    fluss_client_close(&client);
}

static void
a_login_lets_in_or_not(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_client *client = client_of("root", "r00t");
    CHECK_OK(databases(client, &err));
    fluss_client_close(&client);
    client = client_open("CLIENT", &(fluss_login){.protocol = "sasl",
                                                  .mechanism = "PLAIN",
                                                  .jaas_config = "org.apache.fluss.security.auth.sasl.plain.PlainLoginModule "
                                                                 "required username=root password=\"r00t\";"});
    CHECK_OK(databases(client, &err));
    fluss_client_close(&client);
    client = client_open("OPEN", &(fluss_login){.protocol = "PLAINTEXT"});
    CHECK_OK(databases(client, &err));
    fluss_client_close(&client);
    check_refused("CLIENT", &(fluss_login){.username = "root", .password = "wrong"},
                  "Authentication failed: Invalid username or password");
    check_refused("CLIENT", &(fluss_login){.username = "eve", .password = "r00t"},
                  "Authentication failed: Invalid username or password");
    check_refused("CLIENT", &(fluss_login){.protocol = "PLAINTEXT"}, "The connection has not completed authentication yet");
    check_refused("OPEN", &(fluss_login){.username = "root", .password = "r00t"}, "Authenticate protocol not match");
}

static void
wrong_settings_of_a_client(void **state)
{
    (void)state;
    static const fluss_login wrong[] = {
        {.protocol = "TLS"},  {.protocol = "SASL"},
        {.username = "a"},    {.mechanism = "SCRAM", .username = "a", .password = "b"},
        {.jaas_config = "x"}, {.jaas_config = "org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required;"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slu_error err;
        fluss_client *client = NULL;
        const fluss_client_options options = {.bootstrap_servers = "127.0.0.1:1", .login = wrong[i]};
        assert_true(fluss_client_open(&env, &options, &client, &err) < 0);
    }
}

/* ---- Access rights -------------------------------------------------------------------------------------------------------------- */

static const char table_json[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},"
    "\"id\":0}],\"primary_key\":[\"id\"],\"highest_field_id\":0},\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":1,"
    "\"properties\":{},\"custom_properties\":{}}";

static void
check_denied(slu_status status, const slu_error *err, const char *says)
{
    assert_true(status < 0);
    assert_int_equal(err->code, FLUSS_ERROR_AUTHORIZATION_EXCEPTION);
    CHECK_MESSAGE(*err, says);
}

static void
grant(fluss_client *client, int32_t type, const char *resource, const char *user, int32_t operation, int32_t expected)
{
    slu_error err = {0};
    fluss_answer *answer = NULL;
    Fluss__PbAclInfo info = FLUSS__PB_ACL_INFO__INIT;
    Fluss__PbAclInfo *infos[] = {&info};
    Fluss__CreateAclsRequest request = FLUSS__CREATE_ACLS_REQUEST__INIT;
    info.resource_type = type;
    info.resource_name = (char *)(uintptr_t)resource;
    info.principal_name = (char *)(uintptr_t)user;
    info.principal_type = (char *)(uintptr_t) "User";
    info.host = (char *)(uintptr_t) "*";
    info.operation_type = operation;
    info.permission_type = FLUSS_PERMISSION_ALLOW;
    request.n_acl = 1;
    request.acl = infos;
    const slu_status status = fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_CREATE_ACLS, &request.base, &answer, &err);
    assert_int_equal(status == SLU_OK ? 0 : err.code, expected);
    fluss_answer_unref(&answer);
}

static size_t
list_acls(fluss_client *client, const char *user)
{
    slu_error err = {0};
    fluss_answer *answer = NULL;
    Fluss__PbAclFilter filter = FLUSS__PB_ACL_FILTER__INIT;
    Fluss__ListAclsRequest request = FLUSS__LIST_ACLS_REQUEST__INIT;
    filter.resource_type = FLUSS_RESOURCE_ANY;
    filter.operation_type = FLUSS_OPERATION_ANY;
    filter.permission_type = FLUSS_PERMISSION_ANY;
    filter.principal_name = (char *)(uintptr_t)user;
    filter.principal_type = user == NULL ? NULL : (char *)(uintptr_t) "User";
    request.acl_filter = &filter;
    CHECK_OK(fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_LIST_ACLS, &request.base, &answer, &err));
    const size_t count = ((const Fluss__ListAclsResponse *)answer->message)->n_acl;
    fluss_answer_unref(&answer);
    return count;
}

static size_t
drop_acls(fluss_client *client, const char *user)
{
    slu_error err = {0};
    fluss_answer *answer = NULL;
    Fluss__PbAclFilter filter = FLUSS__PB_ACL_FILTER__INIT;
    Fluss__PbAclFilter *filters[] = {&filter};
    Fluss__DropAclsRequest request = FLUSS__DROP_ACLS_REQUEST__INIT;
    filter.resource_type = FLUSS_RESOURCE_ANY;
    filter.operation_type = FLUSS_OPERATION_ANY;
    filter.permission_type = FLUSS_PERMISSION_ANY;
    filter.principal_name = (char *)(uintptr_t)user;
    filter.principal_type = (char *)(uintptr_t) "User";
    request.n_acl_filter = 1;
    request.acl_filter = filters;
    CHECK_OK(fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_DROP_ACLS, &request.base, &answer, &err));
    const size_t count = ((const Fluss__DropAclsResponse *)answer->message)->filter_results[0]->n_matching_acls;
    fluss_answer_unref(&answer);
    return count;
}

static int
tables_seen(fluss_client *client, const char *database)
{
    slu_error err = {0};
    int count = 0;
    CHECK_OK(fluss_admin_list_tables(client, database, count_name, &count, &err));
    return count;
}

static int64_t
table_id(fluss_client *client, const char *table)
{
    slu_error err = {0};
    fluss_answer *answer = NULL;
    Fluss__GetTableInfoRequest request = FLUSS__GET_TABLE_INFO_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    path.database_name = (char *)(uintptr_t) "db";
    path.table_name = (char *)(uintptr_t)table;
    request.table_path = &path;
    CHECK_OK(fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_GET_TABLE_INFO, &request.base, &answer, &err));
    const int64_t id = ((const Fluss__GetTableInfoResponse *)answer->message)->table_id;
    fluss_answer_unref(&answer);
    return id;
}

/* Registers an offset of bucket 0 of each table. */
static slu_status
register_offsets(fluss_client *client, const int64_t ids[2], slu_error *err)
{
    fluss_answer *answer = NULL;
    Fluss__RegisterProducerOffsetsRequest request = FLUSS__REGISTER_PRODUCER_OFFSETS_REQUEST__INIT;
    Fluss__PbProducerTableOffsets tables[2] = {FLUSS__PB_PRODUCER_TABLE_OFFSETS__INIT, FLUSS__PB_PRODUCER_TABLE_OFFSETS__INIT};
    Fluss__PbProducerTableOffsets *list[2] = {&tables[0], &tables[1]};
    Fluss__PbBucketOffset bucket = FLUSS__PB_BUCKET_OFFSET__INIT;
    Fluss__PbBucketOffset *buckets[1] = {&bucket};
    bucket.has_log_end_offset = true;
    bucket.log_end_offset = 5;
    for (int i = 0; i < 2; i++) {
        tables[i].table_id = ids[i];
        tables[i].n_bucket_offsets = 1;
        tables[i].bucket_offsets = buckets;
    }
    request.producer_id = (char *)(uintptr_t) "job";
    request.n_table_offsets = 2;
    request.table_offsets = list;
    const slu_status status =
        fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_REGISTER_PRODUCER_OFFSETS, &request.base, &answer, err);
    fluss_answer_unref(&answer);
    return status;
}

static size_t
offsets_seen(fluss_client *client)
{
    slu_error err = {0};
    fluss_answer *answer = NULL;
    Fluss__GetProducerOffsetsRequest request = FLUSS__GET_PRODUCER_OFFSETS_REQUEST__INIT;
    request.producer_id = (char *)(uintptr_t) "job";
    CHECK_OK(fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_GET_PRODUCER_OFFSETS, &request.base, &answer, &err));
    const size_t tables = ((const Fluss__GetProducerOffsetsResponse *)answer->message)->n_table_offsets;
    fluss_answer_unref(&answer);
    return tables;
}

/* alice may do all in db; bob may read t alone. */
static void
offsets_of_producers_obey_rights(fluss_client *root, fluss_client *alice, fluss_client *bob)
{
    slu_error err = {0};
    const int64_t ids[2] = {table_id(root, "t"), table_id(root, "u")};
    check_denied(register_offsets(bob, ids, &err), &err, "name='bob'");
    CHECK_OK(register_offsets(alice, ids, &err));
    assert_int_equal(offsets_seen(alice), 2);
    assert_int_equal(offsets_seen(bob), 1);
}

static void
rights_are_enforced(void **state)
{
    (void)state;
    slu_error err = {0};
    bool exists = false;
    fluss_client *root = client_of("root", "r00t");
    fluss_client *alice = client_of("alice", "a");
    fluss_client *bob = client_of("bob", "b");
    CHECK_OK(fluss_admin_create_database(root, "db", false, &err));
    CHECK_OK(fluss_admin_create_table(root, "db", "t", slu_view_of_text(table_json), false, &err));
    check_denied(fluss_admin_create_database(alice, "other", false, &err), &err,
                 "Principal FlussPrincipal{name='alice', type='User'} have no authorization to operate CREATE on resource "
                 "Resource{type=CLUSTER, name='fluss-cluster'} ");
    check_denied(fluss_admin_create_table(alice, "db", "u", slu_view_of_text(table_json), false, &err), &err,
                 "operate CREATE on resource Resource{type=DATABASE, name='db'}");
    check_denied(fluss_admin_drop_table(alice, "db", "t", false, &err), &err,
                 "operate DROP on resource Resource{type=TABLE, name='db.t'}");
    assert_int_equal(tables_seen(alice, "db"), 0);
    assert_int_equal(tables_seen(root, "db"), 1);
    CHECK_OK(fluss_admin_table_exists(alice, "db", "t", &exists, &err));
    assert_true(exists);
    grant(alice, FLUSS_RESOURCE_DATABASE, "db", "alice", FLUSS_OPERATION_ALL, FLUSS_ERROR_AUTHORIZATION_EXCEPTION);
    grant(root, FLUSS_RESOURCE_DATABASE, "db", "alice", FLUSS_OPERATION_ALL, 0);
    grant(root, FLUSS_RESOURCE_TABLE, "db.t", "bob", FLUSS_OPERATION_READ, 0);
    grant(root, 9, "db.t", "bob", FLUSS_OPERATION_READ, FLUSS_ERROR_UNKNOWN_SERVER_ERROR);
    assert_int_equal(tables_seen(alice, "db"), 1);
    CHECK_OK(fluss_admin_create_table(alice, "db", "u", slu_view_of_text(table_json), false, &err));
    assert_int_equal(tables_seen(bob, "db"), 1);
    offsets_of_producers_obey_rights(root, alice, bob);
    check_denied(fluss_admin_drop_table(bob, "db", "t", false, &err), &err, "name='bob'");
    grant(alice, FLUSS_RESOURCE_TABLE, "db.u", "bob", FLUSS_OPERATION_DESCRIBE, 0);
    assert_int_equal(tables_seen(bob, "db"), 2);
    assert_int_equal(list_acls(root, NULL), 3);
    assert_int_equal(list_acls(root, "bob"), 2);
    assert_int_equal(list_acls(bob, NULL), 2);
    fluss_client_close(&alice);
    fluss_client_close(&bob);
    fluss_client_close(&root);
}

/* ---- Tables that are named by their id, among others ---- */

static int64_t
table_id_of(fluss_client *client, const char *table)
{
    slu_error err;
    fluss_answer *answer = NULL;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    Fluss__GetTableInfoRequest request = FLUSS__GET_TABLE_INFO_REQUEST__INIT;
    path.database_name = (char *)(uintptr_t) "db";
    path.table_name = (char *)(uintptr_t)table;
    request.table_path = &path;
    CHECK_OK(fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_GET_TABLE_INFO, &request.base, &answer, &err));
    const int64_t id = ((const Fluss__GetTableInfoResponse *)answer->message)->table_id;
    fluss_answer_unref(&answer);
    return id;
}

static void
keep_answer(void *to, fluss_answer *answer, const slu_error *failure)
{
    assert_null(failure);
    *(fluss_answer **)to = fluss_answer_ref(answer);
}

/* A fetch that waits at a table that may be read names one besides that is made only meanwhile. */
static void
a_fetch_cannot_wait_for_a_table_of_others(void **state)
{
    (void)state;
    slu_error err;
    fluss_answer *answer = NULL;
    fluss_call *call = NULL;
    fluss_client *root = client_of("root", "r00t");
    fluss_client *bob = client_of("bob", "b");
    const int64_t known = table_id_of(root, "t");
    const int64_t next = table_id_of(root, "u") + 1;
    Fluss__PbFetchLogReqForBucket bucket = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbFetchLogReqForBucket *buckets[] = {&bucket};
    Fluss__PbFetchLogReqForTable tables[2] = {FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT, FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT};
    Fluss__PbFetchLogReqForTable *both[] = {&tables[0], &tables[1]};
    Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
    bucket.max_fetch_bytes = 1 << 20;
    for (int i = 0; i < 2; i++) {
        tables[i].table_id = i == 0 ? known : next;
        tables[i].n_buckets_req = 1;
        tables[i].buckets_req = buckets;
    }
    request.follower_server_id = -1;
    request.max_bytes = 1 << 20;
    request.has_max_wait_ms = request.has_min_bytes = true;
    request.max_wait_ms = 1500;
    request.min_bytes = 1;
    request.n_tables_req = 2;
    request.tables_req = both;
    CHECK_OK(fluss_client_call(bob, FLUSS_TO_ANY, FLUSS_API_FETCH_LOG, &request.base, keep_answer, &answer, &call, &err));
    for (int i = 0; i < 20; i++)
        fluss_client_step(bob, 10);
    CHECK_OK(fluss_admin_create_table(root, "db", "v", slu_view_of_text(table_json), false, &err));
    assert_int_equal(table_id_of(root, "v"), next);
    for (int i = 0; answer == NULL && i < 500; i++)
        fluss_client_step(bob, 10);
    assert_non_null(answer);
    const Fluss__FetchLogResponse *response = (const Fluss__FetchLogResponse *)answer->message;
    assert_int_equal(response->n_tables_resp, 2);
    assert_false(response->tables_resp[0]->buckets_resp[0]->has_error_code);
    assert_int_equal(response->tables_resp[1]->buckets_resp[0]->error_code, FLUSS_ERROR_AUTHORIZATION_EXCEPTION);
    assert_false(response->tables_resp[1]->buckets_resp[0]->has_high_watermark);
    fluss_answer_unref(&answer);
    CHECK_OK(fluss_admin_drop_table(root, "db", "v", false, &err));
    fluss_client_close(&bob);
    fluss_client_close(&root);
}

/* What the lake is said to have may go from the log: nobody says so of a table that they may not even read. */
static void
lake_snapshots_want_the_right_to_read(void **state)
{
    (void)state;
    slu_error err;
    fluss_answer *answer = NULL;
    fluss_client *root = client_of("root", "r00t");
    fluss_client *bob = client_of("bob", "b");
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    Fluss__PbTableOffsets tables[2] = {FLUSS__PB_TABLE_OFFSETS__INIT, FLUSS__PB_TABLE_OFFSETS__INIT};
    Fluss__PbTableOffsets *both[] = {&tables[0], &tables[1]};
    Fluss__PrepareLakeTableSnapshotRequest request = FLUSS__PREPARE_LAKE_TABLE_SNAPSHOT_REQUEST__INIT;
    path.database_name = path.table_name = (char *)(uintptr_t) "db";
    for (int i = 0; i < 2; i++) {
        tables[i].table_id = table_id_of(root, i == 0 ? "t" : "u");
        tables[i].table_path = &path;
    }
    request.n_bucket_offsets = 2;
    request.bucket_offsets = both;
    CHECK_OK(fluss_client_ask(bob, FLUSS_TO_COORDINATOR, FLUSS_API_PREPARE_LAKE_TABLE_SNAPSHOT, &request.base, &answer, &err));
    const Fluss__PrepareLakeTableSnapshotResponse *response = (const Fluss__PrepareLakeTableSnapshotResponse *)answer->message;
    assert_non_null(response->prepare_lake_table_resp[0]->lake_table_offsets_path);
    assert_null(response->prepare_lake_table_resp[1]->lake_table_offsets_path);
    assert_int_equal(response->prepare_lake_table_resp[1]->error_code, FLUSS_ERROR_AUTHORIZATION_EXCEPTION);
    fluss_answer_unref(&answer);
    fluss_client_close(&bob);
    fluss_client_close(&root);
}

/* Rights survive a restart, until they are dropped. */
static void
rights_are_durable(void **state)
{
    (void)state;
    fluss_server_close(&server);
    server_open();
    fluss_client *root = client_of("root", "r00t");
    fluss_client *bob = client_of("bob", "b");
    assert_int_equal(list_acls(root, NULL), 3);
    assert_int_equal(tables_seen(bob, "db"), 2);
    assert_int_equal(drop_acls(root, "bob"), 2);
    assert_int_equal(drop_acls(root, "bob"), 0);
    assert_int_equal(tables_seen(bob, "db"), 0);
    assert_int_equal(list_acls(root, NULL), 1);
    fluss_client_close(&bob);
    fluss_client_close(&root);
}

/* The internal listener's clients are above rights: it is open here, and on loopback. */
static void
the_internal_listener_is_above_rights(void **state)
{
    (void)state;
    fluss_client *client = client_open("OPEN", &(fluss_login){.protocol = NULL});
    assert_int_equal(tables_seen(client, "db"), 2);
    assert_int_equal(list_acls(client, NULL), 1);
    fluss_client_close(&client);
}

static void
tables_obey_the_settings(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_answer *answer = NULL;
    static const char log_json[] =
        "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"},\"id\":0}],"
        "\"highest_field_id\":0},\"partition_key\":[],\"bucket_key\":[],\"bucket_count\":1,\"properties\":{},\"custom_properties\":"
        "{}}";
    fluss_client *root = client_of("root", "r00t");
    assert_true(fluss_admin_create_table(root, "db", "log", slu_view_of_text(log_json), false, &err) < 0);
    assert_int_equal(err.code, FLUSS_ERROR_INVALID_TABLE_EXCEPTION);
    CHECK_MESSAGE(err, "Creation of Log Tables is disallowed in the cluster.");
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    Fluss__GetTableInfoRequest request = FLUSS__GET_TABLE_INFO_REQUEST__INIT;
    path.database_name = (char *)(uintptr_t) "db";
    path.table_name = (char *)(uintptr_t) "t";
    request.table_path = &path;
    CHECK_OK(fluss_client_ask(root, FLUSS_TO_ANY, FLUSS_API_GET_TABLE_INFO, &request.base, &answer, &err));
    const Fluss__GetTableInfoResponse *info = (const Fluss__GetTableInfoResponse *)answer->message;
    static const char factor[] = "\"table.replication.factor\":\"3\"";
    assert_non_null(memmem(info->table_json.data, info->table_json.len, factor, sizeof factor - 1));
    fluss_answer_unref(&answer);
    fluss_client_close(&root);
}

/* ---- Settings at run time ------------------------------------------------------------------------------------------------------- */

static slu_status
alter(fluss_client *client, const char *key, const char *value, int32_t operation, slu_error *err)
{
    fluss_answer *answer = NULL;
    Fluss__PbAlterConfig change = FLUSS__PB_ALTER_CONFIG__INIT;
    Fluss__PbAlterConfig *changes[] = {&change};
    Fluss__AlterClusterConfigsRequest request = FLUSS__ALTER_CLUSTER_CONFIGS_REQUEST__INIT;
    change.config_key = (char *)(uintptr_t)key;
    change.config_value = (char *)(uintptr_t)value;
    change.op_type = operation;
    request.n_alter_configs = 1;
    request.alter_configs = changes;
    const slu_status status =
        fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_ALTER_CLUSTER_CONFIGS, &request.base, &answer, err);
    fluss_answer_unref(&answer);
    return status;
}

/* "VALUE (SOURCE)", or "" */
static const char *
described(fluss_client *client, const char *wanted)
{
    static char out[512];
    slu_error err = {0};
    fluss_answer *answer = NULL;
    const Fluss__DescribeClusterConfigsRequest request = FLUSS__DESCRIBE_CLUSTER_CONFIGS_REQUEST__INIT;
    CHECK_OK(fluss_client_ask(client, FLUSS_TO_COORDINATOR, FLUSS_API_DESCRIBE_CLUSTER_CONFIGS, &request.base, &answer, &err));
    const Fluss__DescribeClusterConfigsResponse *response = (const Fluss__DescribeClusterConfigsResponse *)answer->message;
    out[0] = 0;
    for (size_t i = 0; i < response->n_configs; i++)
        if (strcmp(response->configs[i]->config_key, wanted) == 0)
            (void)snprintf(out, sizeof out, "%s (%s)", response->configs[i]->config_value, response->configs[i]->config_source);
    fluss_answer_unref(&answer);
    return out;
}

static void
check_not_altered(slu_status status, const slu_error *err, const char *says)
{
    assert_true(status < 0);
    assert_int_equal(err->code, FLUSS_ERROR_CONFIG_EXCEPTION);
    CHECK_MESSAGE(*err, says);
}

static void
settings_are_altered(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_client *root = client_of("root", "r00t");
    fluss_client *bob = client_of("bob", "b");
    check_denied(alter(bob, "datalake.format", "paimon", 0, &err), &err, "operate ALTER on resource Resource{type=CLUSTER");
    check_not_altered(alter(root, "data.dir", "/x", 0, &err), &err,
                      "The config key data.dir is not allowed to be changed dynamically.");
    check_not_altered(alter(root, "no.such", "/x", 0, &err), &err,
                      "The config key no.such is not allowed to be changed dynamically.");
    check_not_altered(alter(root, "datalake.format", "hudi", 0, &err), &err,
                      "Cannot parse 'hudi' as DataLakeFormat for config 'datalake.format'");
    check_not_altered(
        alter(root, "datalake.format", "paimon", 2, &err), &err,
        "APPEND/SUBTRACT operations are only supported for list-typed or map-typed config keys, but 'datalake.format' is "
        "not a list or map type.");
    CHECK_TEXT(described(root, "datalake.format"), "");
    CHECK_OK(alter(root, "datalake.format", "paimon", 0, &err));
    CHECK_OK(alter(root, "kv.snapshot.interval", "3 min", 0, &err));
    CHECK_OK(alter(root, "security.sasl.plain.credentials", "carol:c", 2, &err));
    CHECK_TEXT(described(root, "datalake.format"), "paimon (DYNAMIC_SERVER_CONFIG)");
    CHECK_TEXT(described(root, "super.users"), "User:root (INITIAL_SERVER_CONFIG)");
    CHECK_TEXT(described(root, "security.sasl.plain.jaas.config"), "****** (INITIAL_SERVER_CONFIG)");
    CHECK_TEXT(described(root, "security.sasl.plain.credentials"), "carol:****** (DYNAMIC_SERVER_CONFIG)");
    check_not_altered(alter(root, "security.sasl.plain.credentials", "carol:x", 2, &err), &err,
                      "security.sasl.plain.credentials must not contain duplicate map entry keys: 'carol'.");
    CHECK_OK(alter(root, "security.sasl.plain.credentials", "dave:d", 2, &err));
    fluss_client *dave = client_of("dave", "d");
    CHECK_OK(databases(dave, &err));
    fluss_client_close(&dave);
    CHECK_OK(alter(root, "security.sasl.plain.credentials", "dave:d", 3, &err));
    CHECK_TEXT(described(root, "security.sasl.plain.credentials"), "carol:****** (DYNAMIC_SERVER_CONFIG)");
    fluss_client_close(&bob);
    fluss_client_close(&root);
}

static void
altered_settings_are_durable(void **state)
{
    (void)state;
    slu_error err = {0};
    fluss_server_close(&server);
    server_open();
    check_refused("CLIENT", &(fluss_login){.username = "dave", .password = "d"}, "Invalid username or password");
    fluss_client *carol = client_of("carol", "c");
    CHECK_OK(databases(carol, &err));
    fluss_client *root = client_of("root", "r00t");
    CHECK_TEXT(described(root, "datalake.format"), "paimon (DYNAMIC_SERVER_CONFIG)");
    CHECK_OK(alter(root, "datalake.format", NULL, 1, &err));
    CHECK_TEXT(described(root, "datalake.format"), "");
    fluss_client_close(&carol);
    fluss_client_close(&root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_login_lets_in_or_not),
                                       cmocka_unit_test(wrong_settings_of_a_client),
                                       cmocka_unit_test(rights_are_enforced),
                                       cmocka_unit_test(a_fetch_cannot_wait_for_a_table_of_others),
                                       cmocka_unit_test(lake_snapshots_want_the_right_to_read),
                                       cmocka_unit_test(tables_obey_the_settings),
                                       cmocka_unit_test(rights_are_durable),
                                       cmocka_unit_test(the_internal_listener_is_above_rights),
                                       cmocka_unit_test(settings_are_altered),
                                       cmocka_unit_test(altered_settings_are_durable)};
    return cmocka_run_group_tests(tests, group_start, group_end);
}
