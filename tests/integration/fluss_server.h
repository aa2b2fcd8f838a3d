/*
 * fluss_server.h: the server a test speaks to: our own, on a thread of this process and a directory that is removed at the end; or
 * FLUSS_BOOTSTRAP where that is set (a real cluster, by hand).
 */
#ifndef SLUICE_TESTS_FLUSS_SERVER_H
#define SLUICE_TESTS_FLUSS_SERVER_H

#include "base/env.h"
#include "base/file.h"
#include "fluss/server/server.h"
#include "support/check.h"

#ifndef TEST_SERVER_KV_SNAPSHOT_INTERVAL
#define TEST_SERVER_KV_SNAPSHOT_INTERVAL "10min"
#endif

static fluss_server *test_server;
static char test_server_dir[64];

static inline const char *
test_server_start(const slu_env *env)
{
    slu_error err = {0};
    if (getenv("FLUSS_BOOTSTRAP") != NULL)
        return getenv("FLUSS_BOOTSTRAP");
    (void)snprintf(test_server_dir, sizeof test_server_dir, "/tmp/sluice-test-XXXXXX");
    assert_non_null(mkdtemp(test_server_dir));
    fluss_config *config = NULL;
    CHECK_OK(fluss_config_new(&config, &err));
    CHECK_OK(fluss_config_set(config, "kv.snapshot.interval", TEST_SERVER_KV_SNAPSHOT_INTERVAL, "test", &err));
    const fluss_server_options options = {.config = config, .port = 0, .data_dir = test_server_dir};
    CHECK_OK(fluss_server_open(env, &options, &test_server, &err));
    fluss_config_free(&config);
    CHECK_OK(fluss_server_start(test_server, &err));
    return fluss_server_address(test_server);
}

static inline void
test_server_stop(void)
{
    slu_error err = {0};
    if (test_server == NULL)
        return;
    fluss_server_close(&test_server);
    CHECK_OK(slu_dir_remove(test_server_dir, &err));
}

#endif
