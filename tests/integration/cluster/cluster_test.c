/*
 * A cluster of real processes on this machine: a job manager and two task managers, started as a person would, and jobs that count each
 * row. Batches go between two workers over ZeroMQ; workers, a task manager and the job manager are killed while a job runs.
 */
#include "support/check.h"

#include "base/file.h"
#include "client/client.h"
#include "link/zmq.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define ROWS 200000

static slu_error err;
static slu_env env;
static const char *program;

typedef struct cluster {
    char dir[64];
    char address[64]; /* of the job manager */
    pid_t jm;
    pid_t tm[2];
    slu_client *client;
    char job[SLU_JOB_ID_BYTES];
} cluster;

static void
sleep_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

/* Runs the program with words (NULL at the end); its standard error goes to a file. */
static pid_t
start(const cluster *c, const char *log, const char *const *words)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", c->dir, log);
    (void)unlink(path);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char *arguments[24] = {(char *)(uintptr_t) "sluice"};
        const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
        (void)dup2(fd, 1);
        (void)dup2(fd, 2);
        for (int i = 0; words[i] != NULL; i++)
            arguments[i + 1] = (char *)(uintptr_t)words[i];
        (void)execv(program, arguments);
        _exit(127);
    }
    return pid;
}

/* Waits until the file holds the text; what follows it, up to the end of the line. */
static void
await(const cluster *c, const char *log, const char *text, char *out, size_t out_bytes)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", c->dir, log);
    for (int i = 0; i < 3000; i++) {
        slu_buf buf;
        slu_buf_init(&buf, 1 << 20);
        if (slu_file_read(path, 1 << 20, &buf, NULL) == SLU_OK) {
            const char *found = strstr(slu_buf_cstr(&buf), text);
            if (found != NULL && strchr(found, '\n') != NULL) {
                found += strlen(text);
                if (out != NULL)
                    (void)snprintf(out, out_bytes, "%.*s", (int)strcspn(found, "\n"), found);
                slu_buf_fini(&buf);
                return;
            }
        }
        slu_buf_fini(&buf);
        sleep_ms(20);
    }
    fail_msg("%s never said \"%s\"", path, text);
}

static void
jm_start(cluster *c)
{
    char data[96];
    (void)snprintf(data, sizeof data, "%s/jm", c->dir);
    const char *const words[] = {
        "jobmanager", "--listen", c->address[0] == 0 ? "127.0.0.1:0" : c->address, "--rest-listen", "", "--data-dir", data, NULL};
    c->jm = start(c, "jm.log", words);
    await(c, "jm.log", "jobmanager: ready at ", c->address, sizeof c->address);
}

static void
tm_start(cluster *c, int i)
{
    char data[96];
    char log[16];
    (void)snprintf(data, sizeof data, "%s/tm%d", c->dir, i);
    (void)snprintf(log, sizeof log, "tm%d.log", i);
    const char *const words[] = {"taskmanager",      "--jobmanager",          c->address, "--slots", "1", "--data-dir", data,
                                 "--link.transport", i == 0 ? "tcp" : "auto", NULL};
    c->tm[i] = start(c, log, words);
    await(c, log, "taskmanager: ready", NULL, 0);
}

static void
cluster_open(cluster *c)
{
    memset(c, 0, sizeof *c);
    (void)snprintf(c->dir, sizeof c->dir, "/tmp/slu-stack-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    jm_start(c);
    tm_start(c, 0);
    tm_start(c, 1);
    CHECK_OK(slu_client_open(&env, c->address, 5000, &c->client, &err));
}

static void
stop(pid_t *pid, int signal_number)
{
    if (*pid > 0) {
        (void)kill(*pid, signal_number);
        (void)waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

static void
cluster_close(cluster *c)
{
    slu_client_close(&c->client);
    stop(&c->tm[0], SIGTERM);
    stop(&c->tm[1], SIGTERM);
    stop(&c->jm, SIGTERM);
    CHECK_OK(slu_dir_remove(c->dir, &err));
}

/* Rows through a hash edge into the ledger; every id 1..ROWS once. */
static void
submit(cluster *c, int rate)
{
    char yaml[96];
    char out[96];
    char text[1024];
    (void)snprintf(yaml, sizeof yaml, "%s/job.yaml", c->dir);
    (void)snprintf(out, sizeof out, "%s/out", c->dir);
    assert_int_equal(mkdir(out, 0755), 0);
    (void)snprintf(text, sizeof text,
                   "job: counted\nparallelism: 2\ncheckpoint: { interval: 200ms }\noperators:\n"
                   "  - id: numbers\n    use: datagen\n    with: { kind: transactions, rows: %d, rate: %d, batch: 1000 }\n"
                   "  - id: ledger\n    use: ledger\n    from: numbers\n    partition: { hash: [id] }\n    with: { dir: %s }\n",
                   ROWS, rate, out);
    CHECK_OK(slu_file_write(yaml, slu_view_of_text(text), false, &err));
    const char *const words[] = {"run", yaml, "-d", "-m", c->address, NULL};
    const pid_t pid = start(c, "run.log", words);
    int status = 0;
    (void)waitpid(pid, &status, 0);
    await(c, "run.log", "JobID ", c->job, sizeof c->job);
    assert_int_equal(status, 0);
}

/* The same job again, from a checkpoint of the one that was stopped. */
static void
submit_again(cluster *c, const char *from)
{
    char yaml[96];
    (void)snprintf(yaml, sizeof yaml, "%s/job.yaml", c->dir);
    const char *const words[] = {"run", yaml, "-d", "-m", c->address, "-s", from, NULL};
    const pid_t pid = start(c, "again.log", words);
    int status = 0;
    (void)waitpid(pid, &status, 0);
    await(c, "again.log", "JobID ", c->job, sizeof c->job);
    assert_int_equal(status, 0);
}

/* Until the job is over, across restarts of the job manager; its state. */
static void
finish(cluster *c, const char *expected)
{
    const slu_message *answer = NULL;
    for (int i = 0; i < 60; i++) {
        slu_status status = c->client == NULL ? slu_client_open(&env, c->address, 1000, &c->client, &err) : SLU_OK;
        if (status == SLU_OK)
            status = slu_client_wait(c->client, c->job, 1000, &answer, &err);
        if (status != SLU_OK)
            slu_client_close(&c->client);
        else if (slu_job_state_over(answer->state)) {
            if (strcmp(answer->state, expected) != 0)
                fail_msg("%s: %s", answer->state, answer->text);
            return;
        }
    }
    fail_msg("the job is not over after a minute: %s", answer == NULL ? err.message : answer->state);
}

static void
check_once(const cluster *c)
{
    static uint8_t seen[ROWS + 1];
    char path[512];
    int64_t rows = 0;
    memset(seen, 0, sizeof seen);
    (void)snprintf(path, sizeof path, "%s/out", c->dir);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        slu_buf buf;
        if (entry->d_name[0] == '.' || strstr(entry->d_name, ".tmp") != NULL)
            continue;
        (void)snprintf(path, sizeof path, "%s/out/%s", c->dir, entry->d_name);
        slu_buf_init(&buf, 1 << 28);
        CHECK_OK(slu_file_read(path, 1 << 28, &buf, &err));
        for (size_t at = 0; at + 8 <= buf.bytes; at += 8) {
            int64_t id;
            memcpy(&id, buf.data + at, sizeof id);
            assert_in_range(id, 1, ROWS);
            if (seen[id]++ != 0)
                fail_msg("id %lld came twice", (long long)id);
            rows++;
        }
        slu_buf_fini(&buf);
    }
    (void)closedir(folder);
    assert_int_equal(rows, ROWS);
}

/* Whether a process runs; one that is dead and not yet collected by its parent does not. */
static bool
runs(pid_t pid)
{
    char path[64];
    char line[512] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    const bool read = fgets(line, sizeof line, file) != NULL;
    (void)fclose(file);
    const char *state = strrchr(line, ')');
    return read && state != NULL && state[2] != 'Z' && state[2] != 'X';
}

/* The process of a subtask of the first vertex, once the attempt runs and a checkpoint is whole. */
static pid_t
worker_pid(cluster *c, uint32_t subtask, uint64_t attempt)
{
    for (int i = 0; i < 1000; i++) {
        const slu_message *details = NULL;
        CHECK_OK(slu_client_describe(c->client, c->job, &details, &err));
        if (details->attempt == attempt && details->item_count > 0 && details->items[0].item_count > subtask &&
            strcmp(details->items[0].items[subtask].state, "RUNNING") == 0 && details->checkpoint >= 1)
            return (pid_t)details->items[0].items[subtask].pid;
        sleep_ms(20);
    }
    fail_msg("task %u never ran", subtask);
    return 0;
}

static void
batches_cross_between_two_workers(void **state)
{
    cluster c;
    const slu_message *answer = NULL;
    cluster_open(&c);
    CHECK_OK(slu_client_status(c.client, &answer, &err));
    assert_int_equal(answer->taskmanagers, 2);
    assert_int_equal(answer->slots, 2);
    submit(&c, 0);
    finish(&c, "FINISHED");
    check_once(&c);
    CHECK_OK(slu_client_describe(c.client, c.job, &answer, &err));
    assert_int_equal(answer->item_count, 2);
    assert_int_equal(answer->items[0].rows_out, ROWS);
    assert_int_equal(answer->items[1].rows_in, ROWS);
    if (answer->remote_frames < 10)
        fail_msg("only %d messages came from the other worker", (int)answer->remote_frames);
    assert_true(answer->items[0].items[0].pid != answer->items[0].items[1].pid);
    CHECK_OK(slu_client_checkpoints(c.client, c.job, &answer, &err));
    assert_true(answer->item_count >= 2);
    CHECK_OK(slu_client_logs(c.client, c.job, 0, 0, 1000, &answer, &err));
    cluster_close(&c);
}

static void
a_worker_killed_twice(void **state)
{
    cluster c;
    const slu_message *answer = NULL;
    cluster_open(&c);
    submit(&c, 100000);
    (void)kill(worker_pid(&c, 1, 1), SIGKILL);
    (void)kill(worker_pid(&c, 0, 2), SIGKILL);
    finish(&c, "FINISHED");
    check_once(&c);
    CHECK_OK(slu_client_describe(c.client, c.job, &answer, &err));
    assert_int_equal(answer->restarts, 2);
    cluster_close(&c);
}

static void
the_job_manager_killed(void **state)
{
    cluster c;
    const slu_message *answer = NULL;
    cluster_open(&c);
    submit(&c, 100000);
    const pid_t worker = worker_pid(&c, 0, 1);
    slu_client_close(&c.client);
    stop(&c.jm, SIGKILL);
    sleep_ms(200);
    assert_true(runs(worker)); /* on */
    jm_start(&c);
    finish(&c, "FINISHED");
    check_once(&c);
    CHECK_OK(slu_client_describe(c.client, c.job, &answer, &err));
    assert_int_equal(answer->restarts, 0);
    cluster_close(&c);
}

static void
a_task_manager_killed(void **state)
{
    cluster c;
    cluster_open(&c);
    submit(&c, 100000);
    const pid_t worker = worker_pid(&c, 0, 1);
    stop(&c.tm[0], SIGKILL);
    stop(&c.tm[1], SIGKILL);
    for (int i = 0; i < 500 && runs(worker); i++)
        sleep_ms(20);
    assert_false(runs(worker)); /* workers die with their task manager */
    tm_start(&c, 0);
    tm_start(&c, 1);
    finish(&c, "FINISHED");
    check_once(&c);
    cluster_close(&c);
}

static void
canceled(void **state)
{
    cluster c;
    const slu_message *answer = NULL;
    cluster_open(&c);
    submit(&c, 1000);
    (void)worker_pid(&c, 0, 1);
    CHECK_OK(slu_client_cancel(c.client, c.job, &answer, &err));
    finish(&c, "CANCELED");
    cluster_close(&c);
}

/* A last checkpoint, made whole and committed; what starts from it goes on where the other ended. */
static void
stopped_and_gone_on(void **state)
{
    cluster c;
    char from[1024];
    const slu_message *answer = NULL;
    cluster_open(&c);
    submit(&c, 100000);
    (void)worker_pid(&c, 0, 1);
    sleep_ms(300);
    CHECK_OK(slu_client_stop(c.client, c.job, 0, &answer, &err));
    finish(&c, "FINISHED");
    CHECK_OK(slu_client_describe(c.client, c.job, &answer, &err));
    assert_true(answer->path[0] == '/');
    (void)snprintf(from, sizeof from, "%s", answer->path);
    submit_again(&c, from);
    finish(&c, "FINISHED");
    check_once(&c);
    cluster_close(&c);
}

/* The pid of any worker of the job; 0: none runs now. */
static pid_t
any_worker(cluster *c)
{
    const slu_message *details = NULL;
    CHECK_OK(slu_client_describe(c->client, c->job, &details, &err));
    for (uint32_t i = 0; i < details->item_count; i++)
        for (uint32_t k = 0; k < details->items[i].item_count; k++)
            if (details->items[i].items[k].pid != 0)
                return (pid_t)details->items[i].items[k].pid;
    return 0;
}

/* Somebody is killed in the middle of a rescale: whether it was done or not, every row comes once. */
static void
killed_while_it_is_rescaled(void **state)
{
    cluster c;
    cluster_open(&c);
    submit(&c, 25000);
    (void)worker_pid(&c, 0, 1);
    for (int i = 0; i < 6; i++) {
        const char *const words[] = {"rescale", c.job, i % 4 < 2 ? "1" : "2", "-m", c.address, NULL};
        const pid_t asking = start(&c, "rescale.log", words);
        sleep_ms(30 + i * 40);
        if (i % 2 == 0) {
            slu_client_close(&c.client);
            stop(&c.jm, SIGKILL);
            jm_start(&c);
            CHECK_OK(slu_client_open(&env, c.address, 5000, &c.client, &err));
        } else {
            const pid_t worker = any_worker(&c);
            if (worker > 0)
                (void)kill(worker, SIGKILL);
        }
        sleep_ms(300);
        (void)kill(asking, SIGKILL);
        (void)waitpid(asking, NULL, 0);
    }
    finish(&c, "FINISHED");
    check_once(&c);
    cluster_close(&c);
}

/* The job manager dies over a stop: the sources, which stand still for it, go on. */
static void
killed_while_it_is_stopped(void **state)
{
    cluster c;
    cluster_open(&c);
    submit(&c, 50000);
    (void)worker_pid(&c, 0, 1);
    for (int i = 0; i < 4; i++) {
        const char *const words[] = {"stop", c.job, "--savepoint", "-m", c.address, NULL};
        const pid_t asking = start(&c, "stop.log", words);
        sleep_ms(10 + i * 15);
        slu_client_close(&c.client);
        stop(&c.jm, SIGKILL);
        (void)kill(asking, SIGKILL);
        (void)waitpid(asking, NULL, 0);
        jm_start(&c);
        sleep_ms(200);
    }
    finish(&c, "FINISHED"); /* stopped, or at its end */
    char last[1024];
    const slu_message *answer = NULL;
    CHECK_OK(slu_client_describe(c.client, c.job, &answer, &err));
    (void)snprintf(last, sizeof last, "%s", answer->path);
    if (last[0] != 0) {
        submit_again(&c, last);
        finish(&c, "FINISHED");
    }
    check_once(&c);
    cluster_close(&c);
}

int
main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_cross_between_two_workers),
        cmocka_unit_test(a_worker_killed_twice),
        cmocka_unit_test(the_job_manager_killed),
        cmocka_unit_test(a_task_manager_killed),
        cmocka_unit_test(canceled),
        cmocka_unit_test(stopped_and_gone_on),
        cmocka_unit_test(killed_while_it_is_rescaled),
        cmocka_unit_test(killed_while_it_is_stopped),
    };
    if (count != 3)
        return 2;
    program = arguments[1];
    (void)setenv("SLUICE_PLUGIN_PATH", arguments[2], 1);
    slu_env_init_system(&env, SLU_LOG_ERROR);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    slu_link_zmq_shutdown();
    return failed;
}
