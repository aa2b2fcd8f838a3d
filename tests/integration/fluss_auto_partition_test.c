/* Auto partitions of our server under a clock of ours: made with the table, made and dropped as days pass, caught up after a restart. */
#include "support/check.h"

#include "base/env.h"
#include "base/file.h"
#include "fluss/client/admin.h"
#include "fluss/config/config.h"
#include "fluss/record/partition.h"
#include "fluss/server/server.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static slu_env env;
static _Atomic int64_t wall;
static char dir[64];
static fluss_server *server;
static fluss_client *client;

static int64_t
own_wall(const slu_env *of)
{
    (void)of;
    return atomic_load(&wall);
}

static void
server_start(void)
{
    slu_error err = {0};
    fluss_config *config = NULL;
    CHECK_OK(fluss_config_new(&config, &err));
    CHECK_OK(fluss_config_set(config, "auto-partition.check.interval", "20ms", "test", &err));
    CHECK_OK(fluss_config_set(config, "max.partition.num", "4", "test", &err));
    CHECK_OK(fluss_server_open(&env, &(fluss_server_options){.config = config, .port = 0, .data_dir = dir}, &server, &err));
    fluss_config_free(&config);
    CHECK_OK(fluss_server_start(server, &err));
    CHECK_OK(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = fluss_server_address(server)}, &client, &err));
}

static void
server_stop(void)
{
    fluss_client_close(&client);
    fluss_server_close(&server);
}

static void
collect(void *to, int64_t id, const fluss_spec *spec)
{
    (void)id;
    slu_buf_printf(to, "%s ", spec->values[0]);
}

/* The partitions in the order they were made, once they are as expected. */
static void
check_partitions(const char *table, const char *expected)
{
    slu_error err = {0};
    slu_buf names;
    slu_buf_init(&names, 1 << 16);
    for (int i = 0; i < 300; i++) {
        slu_buf_reset(&names);
        CHECK_OK(fluss_admin_list_partitions(client, "fluss", table, NULL, collect, &names, &err));
        if (strcmp(slu_buf_cstr(&names), expected) == 0)
            break;
        (void)usleep(20000);
    }
    CHECK_TEXT(slu_buf_cstr(&names), expected);
    slu_buf_fini(&names);
}

static void
table_make(const char *name, const char *properties)
{
    slu_error err = {0};
    char json[2000];
    (void)snprintf(json, sizeof json,
                   "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"INTEGER\"}},"
                   "{\"name\":\"day\",\"data_type\":{\"type\":\"STRING\"}}]},\"partition_key\":[\"day\"],\"bucket_key\":[\"id\"],"
                   "\"bucket_count\":1,\"custom_properties\":{},\"properties\":{\"table.auto-partition.enabled\":\"true\","
                   "\"table.auto-partition.time-zone\":\"UTC\"%s}}",
                   properties);
    CHECK_OK(fluss_admin_create_table(client, "fluss", name, slu_view_of_text(json), false, &err));
}

/* The directories of partitions that a table has: those of dropped ones must be gone. */
static int
directories(const char *prefix)
{
    char path[200];
    int count = 0;
    (void)snprintf(path, sizeof path, "%s/fluss", dir);
    DIR *tables = opendir(path);
    for (const struct dirent *entry; tables != NULL && (entry = readdir(tables)) != NULL;) {
        char inner[500];
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        (void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        DIR *parts = opendir(inner);
        for (const struct dirent *part; parts != NULL && (part = readdir(parts)) != NULL;)
            count += part->d_name[0] != '.';
        if (parts != NULL)
            (void)closedir(parts);
    }
    if (tables != NULL)
        (void)closedir(tables);
    return count;
}

/* Opens the logs of every partition, so that there are files to be removed. */
static void
touch(const char *table)
{
    slu_error err = {0};
    fluss_target *target = NULL;
    int64_t offsets[16];
    CHECK_OK(fluss_target_open(client, "fluss", table, &target, &err));
    CHECK_OK(fluss_target_wait(target, 10000, &err));
    CHECK_OK(fluss_target_slots_wait(target, 10000, &err));
    CHECK_OK(fluss_admin_target_offsets(target, FLUSS_OFFSETS_LATEST, 0, offsets, &err));
    fluss_target_close(&target);
}

static void
days_pass(void **state)
{
    (void)state;
    slu_error err = {0};
    (void)snprintf(dir, sizeof dir, "/tmp/sluice-auto-XXXXXX");
    assert_non_null(mkdtemp(dir));
    atomic_store(&wall, fluss_civil_days(2024, 2, 28) * DAY_MS + 3600000);
    server_start();
    table_make("days", ",\"table.auto-partition.num-precreate\":\"2\",\"table.auto-partition.num-retention\":\"1\"");
    table_make("own", ",\"table.auto-partition.time-format\":\"yyyy-MM-dd\",\"table.auto-partition.num-retention\":\"-1\"");
    table_make("many", ",\"table.auto-partition.num-precreate\":\"9\"");
    check_partitions("days", "20240228 20240229 ");
    check_partitions("own", "2024-02-28 2024-02-29 ");
    check_partitions("many", "20240228 20240229 20240301 20240302 "); /* max.partition.num */
    touch("days");
    assert_int_equal(directories("days-"), 2);
    atomic_fetch_add(&wall, 2 * DAY_MS); /* 1 March: 29 February is kept, 28 goes */
    check_partitions("days", "20240229 20240301 20240302 ");
    check_partitions("own", "2024-02-28 2024-02-29 2024-03-01 2024-03-02 ");
    touch("days");
    assert_int_equal(directories("days-"), 3);
    server_stop();
    atomic_fetch_add(&wall, 10 * DAY_MS); /* while it was down */
    server_start();
    check_partitions("days", "20240311 20240312 ");
    assert_int_equal(directories("days-"), 0);
    /* A table that is dropped is not cared for any more. */
    CHECK_OK(fluss_admin_drop_table(client, "fluss", "days", false, &err));
    atomic_fetch_add(&wall, 10 * DAY_MS);
    check_partitions("own", "2024-02-28 2024-02-29 2024-03-01 2024-03-02 "); /* full, and nothing is dropped */
    CHECK_STATUS(fluss_admin_list_partitions(client, "fluss", "days", NULL, collect, NULL, &err), SLU_NOTFOUND);
    server_stop();
    CHECK_OK(slu_dir_remove(dir, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(days_pass)};
    slu_env_init_system(&env, SLU_LOG_ERROR);
    env.wall_ms = own_wall;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
