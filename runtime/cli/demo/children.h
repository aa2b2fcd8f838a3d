/*
 * children.h: processes that a verb starts and ends: daemons with a ready line, commands with an exit code.
 *
 * Shape    a child's standard error (and, of a daemon, its standard output) goes to a log file; a daemon is ready when its log says
 *          "ready at ADDRESS" or "ready, ... at ADDRESS".
 * Owns     end stops what still runs: SIGTERM in reverse order of starting, SIGKILL after CHILD_GRACE_MS. A child dies with this process
 *          (parent death signal), however that ends.
 * Threads  the thread that starts a child stays alive until end (the parent death signal is a thread's).
 * Errors   IO: it cannot be started, or it ended before it was ready; the last lines of its log are in the message. TIMEOUT.
 */
#ifndef SLU_CLI_DEMO_CHILDREN_H
#define SLU_CLI_DEMO_CHILDREN_H

#include "base/bytes.h"

#include <sys/types.h>

#define CHILDREN_MAX 128
#define CHILD_GRACE_MS 5000
#define CHILD_READY_MS 20000

typedef struct cli_child {
    char name[64];
    char log_path[512];
    pid_t pid; /* 0: it has ended */
} cli_child;

typedef struct cli_children {
    char log_dir[400];
    cli_child all[CHILDREN_MAX];
    uint32_t count;
} cli_children;

/* Creates the folder for logs. */
SLU_CHECK slu_status cli_children_init(cli_children *children, const char *log_dir, slu_error *err);
/* argv[0] is the program's path; NULL-terminated. */
SLU_CHECK slu_status cli_child_start(cli_children *children, const char *name, const char *const *argv, slu_error *err);
/* Waits for the ready line of the child started last; its address. `stop` (may be NULL) ends the waiting early: CLOSED. */
SLU_CHECK slu_status cli_child_ready(cli_children *children, char *address, size_t address_bytes, bool (*stop)(void),
                                     slu_error *err);
/* Runs a command to its end; its standard output goes to `out` (may be NULL). A non-zero exit code is IO with what it said. */
SLU_CHECK slu_status cli_child_run(cli_children *children, const char *name, const char *const *argv, slu_buf *out,
                                   bool (*stop)(void), slu_error *err);
/* A daemon that has ended by itself: IO, with its last words. */
SLU_CHECK slu_status cli_children_check(cli_children *children, slu_error *err);
void cli_children_end(cli_children *children);
/* Sum of PSS over this process and everything below it; 0 where the system does not say. */
int64_t cli_children_pss_bytes(void);

#endif
