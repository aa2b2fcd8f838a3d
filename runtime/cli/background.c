#include "background.h"

#include "base/file.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOG_BYTES_MAX ((size_t)64 << 20)
#define PAUSE_MS 20

static void
pause_ms(long ms)
{
    const struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
}

bool
slu_daemon_alive(const slu_daemon *daemon)
{
    return daemon->pid > 0 && daemon->start_ticks != 0 && slu_process_born((uint64_t)daemon->pid) == daemon->start_ticks;
}

/* ---- The file -------------------------------------------------------------------------------------------------------------------- */

static slu_status
background_save(const slu_background *background, slu_error *err)
{
    char path[2100];
    slu_buf text;
    slu_buf_init(&text, 1 << 20);
    (void)snprintf(path, sizeof path, "%s/up", background->dir);
    for (uint32_t i = 0; i < background->count; i++) {
        const slu_daemon *daemon = &background->daemons[i];
        slu_buf_printf(&text, "%s %ld %" PRIu64 " %s\n", daemon->name, (long)daemon->pid, daemon->start_ticks, daemon->address);
    }
    slu_status status = slu_buf_status(&text, err);
    if (status == SLU_OK)
        status = background->count == 0 ? slu_file_remove(path, err) : slu_file_write(path, slu_buf_view(&text), false, err);
    slu_buf_fini(&text);
    return status;
}

slu_status
slu_background_load(slu_background *background, const char *dir, slu_error *err)
{
    char path[2100];
    slu_buf text;
    memset(background, 0, sizeof *background);
    if (strlen(dir) >= sizeof background->dir)
        return slu_error_set(err, SLU_LIMIT, "a data directory of %zu bytes", strlen(dir));
    (void)snprintf(background->dir, sizeof background->dir, "%s", dir);
    (void)snprintf(path, sizeof path, "%s/up", dir);
    slu_buf_init(&text, 1 << 20);
    slu_status status = slu_file_read(path, 1 << 20, &text, err);
    char *save = NULL;
    for (char *line = status != SLU_OK ? NULL : strtok_r((char *)(uintptr_t)slu_buf_cstr(&text), "\n", &save);
         line != NULL && background->count < BACKGROUND_MAX; line = strtok_r(NULL, "\n", &save)) {
        slu_daemon *daemon = &background->daemons[background->count];
        long pid = 0;
        if (sscanf(line, "%63s %ld %" SCNu64 " %159s", daemon->name, &pid, &daemon->start_ticks, daemon->address) == 4 && pid > 1) {
            daemon->pid = (pid_t)pid;
            background->count++;
        }
    }
    slu_buf_fini(&text);
    return status == SLU_NOTFOUND ? SLU_OK : status;
}

/* ---- Starting -------------------------------------------------------------------------------------------------------------------- */

/* "... ready at ADDRESS" or "... ready, 4 slots at ADDRESS": the rest of that line. */
static bool
ready_line(const char *log, char *address, size_t address_bytes)
{
    for (const char *at = strstr(log, ": ready"); at != NULL; at = strstr(at + 1, ": ready")) {
        const char *end = strchr(at, '\n');
        const char *word = strstr(at, " at ");
        if (end == NULL || word == NULL || word > end)
            continue;
        (void)snprintf(address, address_bytes, "%.*s", (int)(end - word - 4), word + 4);
        return true;
    }
    return false;
}

/* The last lines, for a message. */
static const char *
tail_of(const char *log)
{
    const char *at = log + strlen(log);
    for (int lines = 0; at > log && lines < 4; at--)
        lines += at[-1] == '\n' && at[0] != 0;
    return at == log ? log : at + 1;
}

static slu_status
ready_wait(slu_daemon *daemon, const char *log_path, slu_error *err)
{
    slu_buf log;
    slu_buf_init(&log, LOG_BYTES_MAX);
    for (int waited = 0;; waited += PAUSE_MS) {
        slu_buf_reset(&log);
        if (slu_file_read(log_path, LOG_BYTES_MAX, &log, NULL) == SLU_OK &&
            ready_line(slu_buf_cstr(&log), daemon->address, sizeof daemon->address))
            break;
        if (!slu_daemon_alive(daemon) || waited > BACKGROUND_READY_MS) {
            const slu_status status = slu_error_set(
                err, SLU_IO, "the %s %s:\n%s", daemon->name,
                waited > BACKGROUND_READY_MS ? "did not become ready" : "ended before it was ready", tail_of(slu_buf_cstr(&log)));
            slu_buf_fini(&log);
            return status;
        }
        pause_ms(PAUSE_MS);
    }
    slu_buf_fini(&log);
    return SLU_OK;
}

/* In a session of its own, so that neither Ctrl-C nor the end of the terminal reaches it. */
static slu_status
daemon_spawn(slu_daemon *daemon, const char *const *argv, const char *log_path, slu_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    const int number = posix_spawn(&daemon->pid, "/proc/self/exe", &actions, &attributes, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (number != 0)
        return slu_errno_set(err, number, "start", daemon->name);
    daemon->start_ticks = slu_process_born((uint64_t)daemon->pid);
    return SLU_OK;
}

slu_status
slu_background_start(slu_background *background, const char *name, const char *const *argv, slu_error *err)
{
    char log_path[2300];
    slu_daemon *daemon = &background->daemons[background->count];
    if (background->count == BACKGROUND_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d daemons", BACKGROUND_MAX);
    memset(daemon, 0, sizeof *daemon);
    (void)snprintf(daemon->name, sizeof daemon->name, "%s", name);
    (void)snprintf(daemon->address, sizeof daemon->address, "-");
    (void)snprintf(log_path, sizeof log_path, "%s/log", background->dir);
    SLU_TRY(slu_dir_make(log_path, err));
    (void)snprintf(log_path, sizeof log_path, "%s/log/%s.log", background->dir, name);
    SLU_TRY(daemon_spawn(daemon, argv, log_path, err));
    background->count++;
    SLU_TRY(background_save(background, err));
    SLU_TRY(ready_wait(daemon, log_path, err));
    return background_save(background, err);
}

/* ---- Ending ---------------------------------------------------------------------------------------------------------------------- */

static bool
ended_within(const slu_daemon *daemon, int ms)
{
    for (int waited = 0; slu_daemon_alive(daemon); waited += PAUSE_MS) {
        if (waited >= ms)
            return false;
        pause_ms(PAUSE_MS);
    }
    return true;
}

uint32_t
slu_background_end(slu_background *background)
{
    uint32_t killed = 0;
    for (uint32_t i = background->count; i > 0; i--) {
        const slu_daemon *daemon = &background->daemons[i - 1];
        if (!slu_daemon_alive(daemon))
            continue;
        (void)kill(daemon->pid, SIGTERM);
        if (ended_within(daemon, BACKGROUND_GRACE_MS))
            continue;
        killed++;
        (void)kill(daemon->pid, SIGKILL);
        (void)ended_within(daemon, BACKGROUND_GRACE_MS);
    }
    background->count = 0;
    (void)background_save(background, NULL);
    return killed;
}
