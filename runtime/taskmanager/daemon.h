/*
 * daemon.h: the task manager as a process: `sluice taskmanager`.
 *
 * Runs until SIGTERM or SIGINT, on the caller's thread, which also starts the workers (they die with it). Says "taskmanager: ready, N
 * slots at ADDRESS" on standard error when the job manager has welcomed it.
 */
#ifndef SLU_TASKMANAGER_DAEMON_H
#define SLU_TASKMANAGER_DAEMON_H

#include "base/env.h"

#include <stdbool.h>

typedef struct slu_taskmanager_options {
    const char *jobmanager; /* "host:port"; NULL: 127.0.0.1:6123 */
    const char *listen;     /* host that its workers listen at for others' batches; NULL: 127.0.0.1 */
    const char *transport;  /* link.transport: "auto" (NULL), "ipc", "tcp" */
    const char *data_dir;   /* logs of workers, sockets */
    uint32_t slots;         /* 0: as many as processors */
    bool insecure;
    int64_t watchdog_ms; /* a call of a plugin that lasts so long ends its worker; 0: none does */
    int64_t memory_max;  /* bytes a worker's plugins may hold; 0: no bound */
} slu_taskmanager_options;

SLU_CHECK slu_status slu_taskmanager_run(const slu_env *env, const slu_taskmanager_options *options, slu_error *err);

#endif
