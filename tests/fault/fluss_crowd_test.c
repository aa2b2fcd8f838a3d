/*
 * A table server among clients that behave badly in great number: ten thousand that only sit there, slow ones that send a byte at a
 * time or claim frames they never finish, some that ask and never read, one that asks more than it could ever read, and more than the
 * process may have files. Its memory stays bounded, and an honest client is served all the while. argv[1]: the server's program.
 */
#include "../integration/fluss/wire_peer.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define CROWD_MAX 10000
#define HONEST_MS_MAX 5000

extern char **environ;

static const char *program;
static char dir[64];
static char address[64];
static pid_t child;
static int crowd[CROWD_MAX];
static int crowd_count;
static rlim_t files_max;

static int64_t
now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* `files`: how many the server may open; 0: as many as the machine allows. */
static void
server_up(rlim_t files)
{
    int ends[2];
    char text[64];
    posix_spawn_file_actions_t actions;
    (void)snprintf(text, sizeof text, "ulimit -n %ld; exec \"$0\" \"$@\"", (long)files);
    char *const plain[] = {(char *)(uintptr_t)program, dir, (char *)(uintptr_t) "127.0.0.1:0", NULL};
    char *const limited[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", text, plain[0], plain[1], plain[2], NULL};
    (void)snprintf(dir, sizeof dir, "/tmp/slu_crowd_XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, ends[1], 1), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0), 0);
    assert_int_equal(posix_spawn(&child, files == 0 ? program : "/bin/sh", &actions, NULL, files == 0 ? plain : limited, environ),
                     0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    size_t bytes = 0;
    for (ssize_t n = 1; n > 0 && memchr(address, '\n', bytes) == NULL && bytes<sizeof address - 1; bytes += n> 0 ? (size_t)n : 0)
        n = read(ends[0], address + bytes, sizeof address - 1 - bytes);
    (void)close(ends[0]);
    address[bytes] = 0;
    address[strcspn(address, "\n")] = 0;
    assert_true(bytes > 0);
}

static void
server_down(void)
{
    int how = 0;
    slu_error err = {0};
    assert_int_equal(kill(child, SIGTERM), 0);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    CHECK_OK(slu_dir_remove(dir, &err));
}

static long
server_memory_mib(void)
{
    char path[64];
    char text[256] = {0};
    long total = 0;
    long resident = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", child);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    (void)close(fd);
    assert_int_equal(sscanf(text, "%ld %ld", &total, &resident), 2);
    return resident * sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* Sanitizers keep what was freed: their numbers say nothing. */
static void
check_memory(const char *what, long before_mib, long most_mib)
{
    const long now_mib = server_memory_mib();
    (void)printf("  %s: %ld MiB, %ld before\n", what, now_mib, before_mib);
#ifndef __SANITIZE_ADDRESS__
    if (now_mib - before_mib > most_mib)
        fail_msg("%s: the server grew from %ld to %ld MiB", what, before_mib, now_mib);
#else
    (void)most_mib;
#endif
}

static void
honest_is_served(void)
{
    wire_peer p;
    const int64_t from_ms = now_ms();
    Fluss__MetadataRequest request = FLUSS__METADATA_REQUEST__INIT;
    assert_true(peer_open(&p, address));
    for (int i = 0; i < 5; i++)
        assert_non_null(peer_call(&p, FLUSS_API_GET_METADATA, &request.base));
    peer_close(&p);
    if (now_ms() - from_ms > HONEST_MS_MAX)
        fail_msg("an honest client waited %lld ms", (long long)(now_ms() - from_ms));
}

static int
stranger(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void
crowd_gather(int count)
{
    for (crowd_count = 0; crowd_count < count; crowd_count++)
        crowd[crowd_count] = stranger();
}

static void
crowd_leave(void)
{
    while (crowd_count > 0)
        (void)close(crowd[--crowd_count]);
}

static void
ten_thousand_sit_there(void **state)
{
    (void)state;
    const int most = (int)files_max - 200;
    server_up(0);
    const long before = server_memory_mib();
    crowd_gather(most < CROWD_MAX ? most : CROWD_MAX);
    (void)printf("  %d idle connections\n", crowd_count);
    honest_is_served();
    check_memory("idle connections", before, 64);
    crowd_leave();
    honest_is_served();
    server_down();
}

/* The head of a frame that claims to be large, then a byte now and then. */
static void
slow_ones_hold_up_nobody(void **state)
{
    (void)state;
    static const uint8_t head[] = {0x05, 0xf0, 0, 0, 0x03, 0xf6}; /* 99 MiB */
    server_up(0);
    const long before = server_memory_mib();
    crowd_gather(500);
    for (int i = 0; i < crowd_count; i++)
        assert_true(send(crowd[i], head, i % 2 == 0 ? sizeof head : 3, MSG_NOSIGNAL) > 0);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < crowd_count; i++)
            (void)!send(crowd[i], head + 5, 1, MSG_NOSIGNAL);
        if (round % 5 == 0)
            honest_is_served();
    }
    check_memory("frames that never end", before, 64);
    crowd_leave();
    honest_is_served();
    server_down();
}

static void
requests_make(slu_buf *out, int count)
{
    Fluss__ApiVersionsRequest request = FLUSS__API_VERSIONS_REQUEST__INIT;
    request.client_software_name = request.client_software_version = (char *)(uintptr_t) "x";
    for (int i = 0; i < count; i++)
        fluss_request_encode(out, FLUSS_API_API_VERSIONS, 0, i, &request.base);
}

/* Sends until nothing is taken any more, or so many bytes. */
static size_t
flood(int fd, const slu_buf *requests, size_t most)
{
    size_t sent = 0;
    for (int refused = 0; sent < most && refused < 20;) {
        const size_t at = sent % requests->bytes;
        const ssize_t n = send(fd, requests->data + at, requests->bytes - at, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            refused = 0;
            continue;
        }
        if (errno != EAGAIN)
            break;
        refused++;
        (void)usleep(10000);
    }
    return sent;
}

static void
those_who_never_read_wait_alone(void **state)
{
    (void)state;
    slu_buf requests;
    slu_buf_init(&requests, 1 << 20);
    requests_make(&requests, 2000);
    server_up(0);
    const long before = server_memory_mib();
    crowd_gather(20);
    for (int i = 0; i < crowd_count; i++) {
        (void)flood(crowd[i], &requests, (size_t)64 << 20);
        honest_is_served();
    }
    check_memory("answers that nobody reads", before, 700);
    crowd_leave();
    honest_is_served();
    slu_buf_fini(&requests);
    server_down();
}

/* Fetches that wait: thousands on one connection. */
static void
waiting_fetches_are_bounded(void **state)
{
    (void)state;
    static const char table[] =
        "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"}}]},"
        "\"partition_key\":[],\"bucket_key\":[],\"bucket_count\":1,\"properties\":{},\"custom_properties\":{}}";
    wire_peer p;
    slu_buf requests;
    server_up(0);
    assert_true(peer_open(&p, address));
    assert_true(peer_create_table(&p, "fluss", "t", table));
    Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
    Fluss__PbFetchLogReqForTable of = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
    Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbFetchLogReqForTable *tables[1] = {&of};
    Fluss__PbFetchLogReqForBucket *buckets[1] = {&b};
    request.follower_server_id = -1;
    request.max_bytes = b.max_fetch_bytes = 1 << 20;
    request.has_max_wait_ms = request.has_min_bytes = 1;
    request.max_wait_ms = 600000;
    request.min_bytes = 1;
    request.n_tables_req = 1;
    request.tables_req = tables;
    of.table_id = peer_table_id(&p, "fluss", "t");
    of.n_buckets_req = 1;
    of.buckets_req = buckets;
    slu_buf_init(&requests, (size_t)64 << 20);
    for (int i = 0; i < 100000; i++)
        fluss_request_encode(&requests, FLUSS_API_FETCH_LOG, 0, i, &request.base);
    const long before = server_memory_mib();
    const int64_t from_ms = now_ms();
    crowd_gather(2);
    for (int i = 0; i < crowd_count; i++)
        (void)flood(crowd[i], &requests, requests.bytes);
    honest_is_served();
    (void)printf("  %lld ms\n", (long long)(now_ms() - from_ms));
    check_memory("fetches that wait", before, 128);
    crowd_leave();
    peer_close(&p);
    slu_buf_fini(&requests);
    honest_is_served();
    server_down();
}

static void
more_than_the_process_may_open(void **state)
{
    (void)state;
    server_up(200);
    wire_peer p;
    Fluss__MetadataRequest request = FLUSS__METADATA_REQUEST__INIT;
    assert_true(peer_open(&p, address));
    crowd_gather(600);
    (void)usleep(300000);
    /* Who was there before is served; who comes now is not, until others have gone. */
    assert_non_null(peer_call(&p, FLUSS_API_GET_METADATA, &request.base));
    struct rusage busy;
    (void)getrusage(RUSAGE_SELF, &busy);
    crowd_leave();
    (void)usleep(300000);
    honest_is_served();
    assert_non_null(peer_call(&p, FLUSS_API_GET_METADATA, &request.base));
    peer_close(&p);
    server_down();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_sit_there),          cmocka_unit_test(slow_ones_hold_up_nobody),
        cmocka_unit_test(those_who_never_read_wait_alone), cmocka_unit_test(waiting_fetches_are_bounded),
        cmocka_unit_test(more_than_the_process_may_open),
    };
    struct rlimit limit;
    if (argc < 2 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 2;
    program = argv[1];
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    files_max = limit.rlim_cur;
    return cmocka_run_group_tests_name("fluss.crowd", tests, NULL, NULL);
}
