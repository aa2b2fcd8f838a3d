#include "children.h"

#include "base/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_BYTES_MAX ((size_t)64 << 20)
#define LAST_WORDS_BYTES 600
#define TICK_MS 5
#define PROCESSES_MAX 4096

static void
nap(int ms)
{
    const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

slu_status
cli_children_init(cli_children *children, const char *log_dir, slu_error *err)
{
    memset(children, 0, sizeof *children);
    (void)snprintf(children->log_dir, sizeof children->log_dir, "%s", log_dir);
    return slu_dir_make(log_dir, err);
}

/* In the child, after fork: only what is safe there. */
static void
child_become(const char *const *argv, int out_fd, int log_fd)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int null_fd = open("/dev/null", O_RDONLY);
    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(out_fd, STDOUT_FILENO);
    (void)dup2(log_fd, STDERR_FILENO);
    /* A group of its own: Ctrl-C reaches us, and we end our children in order. */
    (void)setpgid(0, 0);
    (void)execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static slu_status
child_fork(cli_children *children, const char *name, const char *const *argv, int *out_pipe, slu_error *err)
{
    if (children->count == CHILDREN_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d processes", CHILDREN_MAX);
    cli_child *child = &children->all[children->count];
    char log_dir[sizeof children->log_dir];
    memcpy(log_dir, children->log_dir, sizeof log_dir);
    int ends[2] = {-1, -1};
    (void)snprintf(child->name, sizeof child->name, "%s", name);
    (void)snprintf(child->log_path, sizeof child->log_path, "%.*s/%s.log", (int)sizeof log_dir, log_dir, name);
    const int log_fd = open(child->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (log_fd < 0)
        return slu_errno_set(err, errno, "create", child->log_path);
    if (out_pipe != NULL && pipe2(ends, O_CLOEXEC) != 0) {
        (void)close(log_fd);
        return slu_errno_set(err, errno, "pipe", "");
    }
    const pid_t pid = fork();
    if (pid == 0)
        child_become(argv, out_pipe == NULL ? log_fd : ends[1], log_fd);
    const int failed = pid < 0 ? errno : 0;
    (void)close(log_fd);
    if (out_pipe != NULL) {
        (void)close(ends[1]);
        *out_pipe = ends[0];
    }
    if (failed != 0)
        return slu_errno_set(err, failed, "fork for", name);
    child->pid = pid;
    children->count++;
    return SLU_OK;
}

slu_status
cli_child_start(cli_children *children, const char *name, const char *const *argv, slu_error *err)
{
    return child_fork(children, name, argv, NULL, err);
}

/* The last line of a child's log that does not begin with a blank: what follows an error's words is only the place they speak of. */
static void
last_words(const cli_child *child, char *text, size_t bytes)
{
    SLU_AUTO(slu_buf_fini) slu_buf log;
    slu_buf_init(&log, LOG_BYTES_MAX);
    text[0] = 0;
    if (slu_file_read(child->log_path, LOG_BYTES_MAX - 1, &log, NULL) != SLU_OK || log.bytes == 0)
        return;
    size_t end = log.bytes;
    while (end > 0 && isspace(log.data[end - 1]))
        end--;
    size_t start = end;
    for (size_t last = end; last > 0; last = start - 1) {
        for (start = last; start > 0 && log.data[start - 1] != '\n';)
            start--;
        end = last;
        if (start == 0 || !isspace(log.data[start]))
            break;
    }
    (void)snprintf(text, bytes, "%.*s", (int)(end - start), (const char *)log.data + start);
}

/* Whether the child has ended; then its pid becomes 0 and *code its exit code (128 + signal). */
static bool
child_ended(cli_child *child, int flags, int *code)
{
    int status;
    if (child->pid == 0 || waitpid(child->pid, &status, flags) != child->pid)
        return false;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    child->pid = 0;
    return true;
}

static slu_status
child_failed(const cli_child *child, int code, slu_error *err)
{
    char words[LAST_WORDS_BYTES];
    last_words(child, words, sizeof words);
    return slu_error_set(err, SLU_IO, "%s ended with code %d: %s (log: %s)", child->name, code, words, child->log_path);
}

/* "... ready at 127.0.0.1:9123" or "... ready, 4 slots at 127.0.0.1:6123". */
static bool
ready_line(const cli_child *child, char *address, size_t address_bytes)
{
    SLU_AUTO(slu_buf_fini) slu_buf log;
    slu_buf_init(&log, LOG_BYTES_MAX);
    if (slu_file_read(child->log_path, LOG_BYTES_MAX - 1, &log, NULL) != SLU_OK)
        return false;
    const char *text = slu_buf_cstr(&log);
    const char *ready = strstr(text, "ready");
    const char *at = ready == NULL ? NULL : strstr(ready, " at ");
    if (at == NULL)
        return false;
    const size_t length = strcspn(at + 4, " \r\n\t");
    if (at[4 + length] == 0)
        return false; /* the line is not complete */
    (void)snprintf(address, address_bytes, "%.*s", (int)length, at + 4);
    return true;
}

slu_status
cli_child_ready(cli_children *children, char *address, size_t address_bytes, bool (*stop)(void), slu_error *err)
{
    cli_child *child = &children->all[children->count - 1];
    for (int waited = 0; waited < CHILD_READY_MS; waited += TICK_MS) {
        int code;
        if (ready_line(child, address, address_bytes))
            return SLU_OK;
        if (child_ended(child, WNOHANG, &code))
            return child_failed(child, code, err);
        if (stop != NULL && stop())
            return slu_error_set(err, SLU_CLOSED, "interrupted");
        nap(TICK_MS);
    }
    return slu_error_set(err, SLU_TIMEOUT, "%s is not ready after %d ms (log: %s)", child->name, CHILD_READY_MS, child->log_path);
}

slu_status
cli_child_run(cli_children *children, const char *name, const char *const *argv, slu_buf *out, bool (*stop)(void), slu_error *err)
{
    int pipe_fd = -1;
    int code = 0;
    SLU_TRY(child_fork(children, name, argv, out == NULL ? NULL : &pipe_fd, err));
    cli_child *child = &children->all[children->count - 1];
    char chunk[4096];
    ssize_t got;
    while (pipe_fd >= 0 && (got = read(pipe_fd, chunk, sizeof chunk)) != 0) {
        if (got > 0)
            slu_buf_append(out, chunk, (size_t)got);
        else if (errno != EINTR || (stop != NULL && stop()))
            break;
    }
    if (pipe_fd >= 0)
        (void)close(pipe_fd);
    while (!child_ended(child, WNOHANG, &code)) {
        if (stop != NULL && stop())
            return slu_error_set(err, SLU_CLOSED, "interrupted");
        nap(TICK_MS);
    }
    children->count--;
    if (code != 0)
        return child_failed(child, code, err);
    return out == NULL ? SLU_OK : slu_buf_status(out, err);
}

slu_status
cli_children_check(cli_children *children, slu_error *err)
{
    for (uint32_t i = 0; i < children->count; i++) {
        int code;
        if (child_ended(&children->all[i], WNOHANG, &code))
            return child_failed(&children->all[i], code, err);
    }
    return SLU_OK;
}

void
cli_children_end(cli_children *children)
{
    for (uint32_t i = children->count; i > 0; i--) {
        cli_child *child = &children->all[i - 1];
        int code;
        if (child->pid == 0)
            continue;
        (void)kill(child->pid, SIGTERM);
        for (int waited = 0; waited < CHILD_GRACE_MS && !child_ended(child, WNOHANG, &code); waited += TICK_MS)
            nap(TICK_MS);
        if (child->pid != 0) {
            (void)kill(child->pid, SIGKILL);
            (void)child_ended(child, 0, &code);
        }
    }
    children->count = 0;
}

typedef struct process {
    int pid;
    int parent;
} process;

static int
parent_of(int pid)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    int parent = -1;
    if (fd >= 0)
        (void)close(fd);
    if (got <= 0)
        return -1;
    text[got] = 0;
    const char *close_bracket = strrchr(text, ')');
    return close_bracket != NULL && sscanf(close_bracket + 1, " %*c %d", &parent) == 1 ? parent : -1;
}

static int64_t
pss_of(int pid)
{
    char path[64];
    char line[256];
    long long kib = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Pss: %lld kB", &kib) == 1)
            break;
    if (file != NULL)
        (void)fclose(file);
    return kib * 1024;
}

static bool
below_us(const process *all, uint32_t count, int pid)
{
    for (int depth = 0; depth < 16 && pid > 1; depth++) {
        if (pid == (int)getpid())
            return true;
        int parent = -1;
        for (uint32_t i = 0; i < count; i++)
            if (all[i].pid == pid)
                parent = all[i].parent;
        pid = parent;
    }
    return false;
}

int64_t
cli_children_pss_bytes(void)
{
    static process all[PROCESSES_MAX];
    uint32_t count = 0;
    int64_t bytes = 0;
    DIR *folder = opendir("/proc");
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL && count < PROCESSES_MAX;
         entry = readdir(folder)) {
        const int pid = atoi(entry->d_name);
        if (pid > 0)
            all[count++] = (process){pid, parent_of(pid)};
    }
    if (folder != NULL)
        (void)closedir(folder);
    for (uint32_t i = 0; i < count; i++)
        if (below_us(all, count, all[i].pid))
            bytes += pss_of(all[i].pid);
    return bytes;
}
