/* Our client at our server's two listeners: an open one on loopback and one with login; and who may do what there. */
#include "support/check.h"

#include "base/env.h"
#include "base/file.h"
#include "fluss/client/admin.h"
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
                                          {"super.users", "User:root"}};
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
    check_refused("CLIENT", &(fluss_login){.username = "root", .password = "wrong"}, "Authentication failed: Invalid username or password");
    check_refused("CLIENT", &(fluss_login){.username = "eve", .password = "r00t"}, "Authentication failed: Invalid username or password");
    check_refused("CLIENT", &(fluss_login){.protocol = "PLAINTEXT"}, "The connection has not completed authentication yet");
    check_refused("OPEN", &(fluss_login){.username = "root", .password = "r00t"}, "Authenticate protocol not match");
}

static void
wrong_settings_of_a_client(void **state)
{
    (void)state;
    static const fluss_login wrong[] = {{.protocol = "TLS"},
                                        {.protocol = "SASL"},
                                        {.username = "a"},
                                        {.mechanism = "SCRAM", .username = "a", .password = "b"},
                                        {.jaas_config = "x"},
                                        {.jaas_config = "org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required;"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slu_error err;
        fluss_client *client = NULL;
        const fluss_client_options options = {.bootstrap_servers = "127.0.0.1:1", .login = wrong[i]};
        assert_true(fluss_client_open(&env, &options, &client, &err) < 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_login_lets_in_or_not), cmocka_unit_test(wrong_settings_of_a_client)};
    return cmocka_run_group_tests(tests, group_start, group_end);
}
