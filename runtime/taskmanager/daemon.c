/*
 * daemon.c: the task manager as a process: a poll loop over its link, the pidfds of its workers and its signals.
 *
 * A worker is /proc/self/exe with the hidden verb `worker` and no arguments: its DEPLOY message is a memory file at descriptor 3. It asks the kernel to
 * die with this thread (PR_SET_PDEATHSIG), which is why workers are started from the main thread and nowhere else.
 */
#include "taskmanager/daemon.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "base/file.h"
#include "base/scratch.h"
#include "base/sizes.h"
#include "link/zmq.h"
#include "taskmanager/taskmanager.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 256
#define DEPLOY_FD 3

extern char **environ;

typedef struct child {
    pid_t pid;
    int pidfd;
    char job[33];
    off_t log_from; /* what the log held before */
} child;

typedef struct shell {
    const slu_env *env;
    const slu_taskmanager_options *options;
    slu_taskmanager *tm;
    const char *data_dir;
    slu_scratch run_dir; /* sockets: its path is short */
    char address[SLU_LINK_ADDRESS_BYTES_MAX];
    child children[WORKERS_MAX];
    uint32_t child_count;
} shell;

/* ---- Processes ----------------------------------------------------------------------------------------------------------------- */

static slu_status
memory_file(slu_view bytes, int *out, slu_error *err)
{
    const int fd = memfd_create("deploy", MFD_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "make", "a memory file");
    slu_status status = slu_fd_write_all(fd, bytes.data, bytes.bytes, err);
    if (status == SLU_OK && lseek(fd, 0, SEEK_SET) != 0)
        status = slu_errno_set(err, errno, "rewind", "a memory file");
    if (status != SLU_OK)
        close(fd);
    else
        *out = fd;
    return status;
}

static void
log_path(const shell *s, const char *job, char *out, size_t bytes)
{
    (void)snprintf(out, bytes, "%s/logs/%.32s.log", s->data_dir, job);
}

static slu_status
child_spawn(shell *s, int deploy_fd, const char *log, pid_t *out, slu_error *err)
{
    char *arguments[] = {(char *)(uintptr_t) "sluice", (char *)(uintptr_t) "worker", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_adddup2(&actions, deploy_fd, DEPLOY_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, DEPLOY_FD + 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    const int number = posix_spawn(out, "/proc/self/exe", &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return number == 0 ? SLU_OK : slu_errno_set(err, number, "start", "a worker");
}

/* The message as the worker wants it: with what only its task manager knows. */
static slu_status
deploy_file(const shell *s, const slu_message *message, int *out, slu_error *err)
{
    slu_message deploy = *message;
    slu_buf bytes;
    deploy.pid = (uint64_t)getpid();
    deploy.listen = s->options->listen == NULL ? "127.0.0.1" : s->options->listen;
    deploy.run_dir = s->run_dir.path;
    deploy.transport = s->options->transport == NULL ? "auto" : s->options->transport;
    deploy.memory_max = (uint64_t)SLU_MAX(s->options->memory_max, 0);
    deploy.timeout_ms = (uint64_t)SLU_MAX(s->options->watchdog_ms, 0);
    deploy.flags = s->options->insecure;
    slu_buf_init(&bytes, (size_t)SLU_CONTROL_BYTES_MAX);
    slu_message_encode(&deploy, SLU_CONTROL_VERSION_MAX, &bytes);
    slu_status status = slu_buf_status(&bytes, err);
    if (status == SLU_OK)
        status = memory_file(slu_buf_view(&bytes), out, err);
    slu_buf_fini(&bytes);
    return status;
}

static slu_status
process_spawn(void *context, const slu_message *deploy, uint64_t *out_pid, slu_error *err)
{
    shell *s = context;
    char log[SLU_PATH_BYTES_MAX + 64];
    int deploy_fd = -1;
    pid_t pid = 0;
    if (s->child_count == WORKERS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%d workers run here already", WORKERS_MAX);
    log_path(s, deploy->job, log, sizeof log);
    struct stat before;
    const off_t log_from = stat(log, &before) == 0 ? before.st_size : 0;
    SLU_TRY(deploy_file(s, deploy, &deploy_fd, err));
    const slu_status status = child_spawn(s, deploy_fd, log, &pid, err);
    close(deploy_fd);
    if (status != SLU_OK)
        return status;
    const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        const int number = errno;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return slu_errno_set(err, number, "watch", "a worker");
    }
    (void)fcntl(pidfd, F_SETFD, FD_CLOEXEC);
    child *started = &s->children[s->child_count++];
    *started = (child){.pid = pid, .pidfd = pidfd, .log_from = log_from};
    (void)snprintf(started->job, sizeof started->job, "%.32s", deploy->job);
    *out_pid = (uint64_t)pid;
    return SLU_OK;
}

static void
process_kill(void *context, uint64_t pid)
{
    const shell *s = context;
    for (uint32_t i = 0; i < s->child_count; i++)
        if ((uint64_t)s->children[i].pid == pid)
            (void)syscall(SYS_pidfd_send_signal, s->children[i].pidfd, SIGKILL, NULL, 0);
}

static slu_status
process_log_read(void *context, const char *job, uint64_t offset, uint64_t bytes, slu_buf *out, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX + 64];
    log_path(context, job, path, sizeof path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", path);
    uint8_t *room = slu_buf_extend(out, (size_t)bytes);
    const ssize_t got = room == NULL ? -1 : pread(fd, room, (size_t)bytes, (off_t)offset);
    const int number = errno;
    close(fd);
    if (got < 0)
        return slu_errno_set(err, number, "read", path);
    out->bytes -= (size_t)bytes - (size_t)got;
    return SLU_OK;
}

static const slu_process_ops process_ops = {process_spawn, process_kill, process_log_read};

/* A worker that a plugin brought down said whose it was as its last line: "crashed in plugin P of operator O: ...". */
static void
last_words(const shell *s, const child *gone, char *out, size_t bytes)
{
    char path[SLU_PATH_BYTES_MAX + 64], tail[513] = "";
    struct stat info;
    log_path(s, gone->job, path, sizeof path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &info) == 0) {
        const off_t from = info.st_size - gone->log_from < 512 ? gone->log_from : info.st_size - 512;
        const ssize_t got = pread(fd, tail, sizeof tail - 1, from);
        tail[got < 0 ? 0 : got] = 0;
    }
    close(fd);
    char *line = strrchr(tail, '\n');
    if (line == NULL)
        return;
    *line = 0;
    line = strrchr(tail, '\n');
    line = line == NULL ? tail : line + 1;
    if (strncmp(line, SLU_CRASH_LINE, sizeof SLU_CRASH_LINE - 1) == 0)
        (void)snprintf(out, bytes, "%s", line);
}

/* A worker's end, told once. */
static void
child_reap(shell *s, uint32_t at)
{
    const child gone = s->children[at];
    char how[256];
    int status = 0;
    if (waitpid(gone.pid, &status, WNOHANG) != gone.pid)
        return;
    if (WIFSIGNALED(status)) {
        (void)snprintf(how, sizeof how, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        last_words(s, &gone, how, sizeof how);
    } else {
        (void)snprintf(how, sizeof how, "exit code %d", WEXITSTATUS(status));
    }
    close(gone.pidfd);
    s->children[at] = s->children[--s->child_count];
    slu_taskmanager_exited(s->tm, (uint64_t)gone.pid, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), how);
}

/* ---- The loop ------------------------------------------------------------------------------------------------------------------ */

static void
ready(void *context)
{
    const shell *s = context;
    (void)fprintf(stderr, "taskmanager: ready, %" PRIu32 " slots at %s\n", s->options->slots, s->address);
}

static int
timeout_of(const slu_env *env, int64_t deadline)
{
    const int64_t left = deadline - slu_now_ms(env);
    return deadline == INT64_MAX ? -1 : left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static slu_status
serve(shell *s, int signal_fd, slu_error *err)
{
    struct pollfd polls[WORKERS_MAX + 2];
    for (;;) {
        slu_taskmanager_step(s->tm);
        if (slu_taskmanager_refused(s->tm) != NULL)
            return slu_error_set(err, SLU_CONFLICT, "%s", slu_taskmanager_refused(s->tm));
        polls[0] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
        polls[1] = (struct pollfd){.fd = slu_taskmanager_fd(s->tm), .events = POLLIN};
        const uint32_t count = s->child_count;
        for (uint32_t i = 0; i < count; i++)
            polls[2 + i] = (struct pollfd){.fd = s->children[i].pidfd, .events = POLLIN};
        (void)poll(polls, 2 + count, timeout_of(s->env, slu_taskmanager_deadline(s->tm)));
        if (polls[0].revents != 0)
            return SLU_OK;
        for (uint32_t i = count; i-- > 0;)
            if (polls[2 + i].revents != 0)
                child_reap(s, i);
    }
}

/* Workers that live are ended, and waited for. */
static void
children_end(shell *s)
{
    for (uint32_t i = 0; i < s->child_count; i++) {
        (void)kill(s->children[i].pid, SIGKILL);
        (void)waitpid(s->children[i].pid, NULL, 0);
        close(s->children[i].pidfd);
    }
    s->child_count = 0;
}

static slu_status
signals_open(int *out, slu_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    *out = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *out < 0 ? slu_errno_set(err, errno, "open", "a signal descriptor") : SLU_OK;
}

/* Where workers' sockets stand: an ipc path has at most 100 bytes. Locked as long as we live. */
static slu_status
run_dir_make(shell *s, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(slu_scratch_open(&s->run_dir, s->env, "/tmp", "sluice-tm", err));
    (void)snprintf(path, sizeof path, "%.4000s/logs", s->data_dir);
    return slu_dir_make(path, err);
}

slu_status
slu_taskmanager_run(const slu_env *env, const slu_taskmanager_options *given, slu_error *err)
{
    slu_taskmanager_options options = *given;
    shell s = {.env = env, .options = &options, .data_dir = options.data_dir};
    char host[256] = "localhost";
    char boot[64] = "";
    int signal_fd = -1;
    if (options.slots == 0)
        options.slots = (uint32_t)SLU_MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
    if (options.jobmanager == NULL)
        options.jobmanager = "127.0.0.1:6123";
    (void)snprintf(s.address, sizeof s.address, "%s%s", strstr(options.jobmanager, "://") == NULL ? "tcp://" : "",
                   options.jobmanager);
    (void)gethostname(host, sizeof host - 1);
    slu_boot_id(boot, sizeof boot);
    SLU_TRY(signals_open(&signal_fd, err));
    slu_status status = run_dir_make(&s, err);
    const slu_taskmanager_spec spec = {.env = env,
                                       .transport = &slu_link_zmq,
                                       .jobmanager = s.address,
                                       .host = host,
                                       .boot = boot,
                                       .build = "0.1.0",
                                       .slots = options.slots,
                                       .processes = &process_ops,
                                       .processes_context = &s,
                                       .on_ready = ready};
    if (status == SLU_OK)
        status = slu_taskmanager_new(&spec, &s.tm, err);
    if (status == SLU_OK)
        status = serve(&s, signal_fd, err);
    children_end(&s);
    slu_taskmanager_free(&s.tm);
    close(signal_fd);
    slu_scratch_close(&s.run_dir);
    slu_link_zmq_shutdown();
    return status;
}
