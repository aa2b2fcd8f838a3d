/*
 * background.h: daemons that outlive the command that started them, remembered in a file of a data directory.
 *
 * Shape    <dir>/up holds one line a daemon: name, process id, its start time in clock ticks, address. A process counts as ours only when id
 *          and start time both fit, so that a reused id is never signalled.
 * Owns     nothing: the processes belong to the system. Their output goes to <dir>/log/NAME.log.
 * Errors   CONFLICT: the directory's stack is up; IO, with the last lines of the log: a daemon that did not become ready.
 */
#ifndef SLU_CLI_BACKGROUND_H
#define SLU_CLI_BACKGROUND_H

#include "base/bytes.h"

#include <sys/types.h>

#define BACKGROUND_MAX 128
#define BACKGROUND_READY_MS 20000
#define BACKGROUND_GRACE_MS 10000

typedef struct slu_daemon {
    char name[64];
    pid_t pid;
    uint64_t start_ticks;
    char address[160];
} slu_daemon;

typedef struct slu_background {
    char dir[2048];
    slu_daemon daemons[BACKGROUND_MAX];
    uint32_t count;
} slu_background;

/* Reads <dir>/up; a missing one is no daemons. */
SLU_CHECK slu_status slu_background_load(slu_background *background, const char *dir, slu_error *err);
bool slu_daemon_alive(const slu_daemon *daemon);
/* Starts argv (NULL-terminated), waits for its "ready at ADDRESS" or "ready, ... at ADDRESS", and writes it down. */
SLU_CHECK slu_status slu_background_start(slu_background *background, const char *name, const char *const *argv, slu_error *err);
/* SIGTERM in reverse order of starting, SIGKILL after BACKGROUND_GRACE_MS; then forgets them. Answers how many had to be killed. */
uint32_t slu_background_end(slu_background *background);

#endif
