/*
 * The table server dies by kill -9 under the load of our client, again and again, with and without bad weather between them: the
 * client goes on by itself, and afterwards every row is there once and in order. argv[1]: the server's program.
 */
#include "fault/weather.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#define KILLS 4
#define ROWS_MAX (WEATHER_ROWS_MAX - 100)

extern char **environ;

static const char *program;
static char dir[64];
static char address[64];
static pid_t child;
static uint64_t random_state;

static uint64_t
random_below(uint64_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (random_state >> 33) % limit;
}

/* Returns when the server answers; its port is another one each time, as if it had moved. */
static void
server_spawn(void)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    char *const arguments[] = {(char *)(uintptr_t)program, dir, (char *)(uintptr_t) "127.0.0.1:0", NULL};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], 1), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0), 0);
    const int failed = posix_spawn(&child, program, &actions, NULL, arguments, environ);
    child = failed == 0 ? child : 0;
    assert_int_equal(failed, 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    size_t bytes = 0;
    ssize_t n = 1;
    while (n > 0 && memchr(address, '\n', bytes) == NULL && bytes < sizeof address - 1) {
        n = read(ends[0], address + bytes, sizeof address - 1 - bytes);
        bytes += n > 0 ? (size_t)n : 0;
    }
    (void)close(ends[0]);
    address[bytes] = 0;
    address[strcspn(address, "\n")] = 0;
    assert_true(bytes > 0);
    weather_server = address;
}

static void
server_kill(void)
{
    int how = 0;
    if (child <= 0)
        return; /* it was never begun, and 0 would be everybody here */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &how, 0), child);
    child = 0;
}

static void
server_up(void)
{
    random_state = weather_seed;
    (void)snprintf(dir, sizeof dir, "/tmp/slu_storm_XXXXXX");
    assert_non_null(mkdtemp(dir));
    server_spawn();
}

static void
server_down(void)
{
    slu_error err = {0};
    server_kill();
    CHECK_OK(slu_dir_remove(dir, &err));
}

/* Dead for a while, in which the client goes on trying. */
static void
server_dies_and_comes_back(weather *w)
{
    char command[96];
    slu_error err = {0};
    server_kill();
    const int64_t until_ms = slu_now_ms(&weather_env) + 50 + (int64_t)random_below(600);
    while (slu_now_ms(&weather_env) < until_ms)
        weather_step(w, 10);
    server_spawn();
    (void)snprintf(command, sizeof command, "target %s", address);
    CHECK_OK(fault_proxy_command(w->proxy, command, &err));
}

static int64_t
acked(const weather *w)
{
    int64_t rows = 0;
    for (int bucket = 0; bucket < WEATHER_BUCKETS; bucket++)
        rows += w->acked_rows[bucket];
    return rows;
}

static void
under_load(const char *plan, const char *json, int64_t keys)
{
    weather w;
    weather_open(&w, plan, json);
    for (int kills = 0; kills <= KILLS; kills++) {
        /* Until the server does its work again, and some: it is killed in the middle of it. */
        const int64_t enough = acked(&w) + 300 + (int64_t)random_below(2000);
        const int64_t deadline_ms = slu_now_ms(&weather_env) + WEATHER_WAIT_MS;
        while (acked(&w) < enough) {
            if (w.next - acked(&w) < 5000 && w.next < ROWS_MAX)
                weather_write(&w, keys == 0 ? w.next : w.next % keys, 50);
            weather_step(&w, 1);
            if (slu_now_ms(&weather_env) > deadline_ms)
                fail_msg("%s: the client does not come back", plan);
        }
        if (kills < KILLS)
            server_dies_and_comes_back(&w);
    }
    weather_flush(&w);
    if (keys == 0) {
        weather_check_log(&w);
    } else {
        int64_t ends[WEATHER_BUCKETS];
        for (int64_t at = 0; at < keys; at += 100)
            weather_look_up(&w, at, 100);
        weather_ends(&w, ends);
        assert_int_equal(ends[0] + ends[1] + ends[2], keys + 2 * (w.next - keys));
        weather_compare(&w, ends);
    }
    weather_close(&w);
}

static void
a_log_is_whole(void **state)
{
    (void)state;
    under_load("calm", log_json, 0);
    under_load("delay=20:5 split=20 repeat=10 cutup=200000 cutdown=60000", log_json, 0);
}

static void
rows_and_changelog_are_whole(void **state)
{
    (void)state;
    under_load("calm", key_json, 500);
    under_load("delay=20:5 split=20 repeat=10 cutup=200000 cutdown=60000", key_json, 500);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_is_whole),
        cmocka_unit_test(rows_and_changelog_are_whole),
    };
    if (argc < 2)
        return 2;
    program = argv[1];
    weather_server_up = server_up;
    weather_server_down = server_down;
    return weather_run("fluss.kill_client", tests, sizeof tests / sizeof tests[0]);
}
