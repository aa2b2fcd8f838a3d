/*
 * daemon.h: the job manager as a process: `sluice jobmanager`.
 *
 * Runs until SIGTERM or SIGINT, on the caller's thread. Says "jobmanager: ready at ADDRESS" on standard error when it listens.
 */
#ifndef SLU_JOBMANAGER_DAEMON_H
#define SLU_JOBMANAGER_DAEMON_H

#include "base/env.h"

#include <stdbool.h>

typedef struct slu_jobmanager_options {
    const char *listen;      /* "host:port"; NULL: 127.0.0.1:6123; port 0: any free one */
    const char *rest_listen; /* "host:port"; NULL: 127.0.0.1:8081; "": none */
    const char *data_dir;    /* the job store and, unless a job says otherwise, its checkpoints */
    bool insecure;           /* listen beyond loopback */
    int64_t heartbeat_ms;    /* 0: SLU_HEARTBEAT_MS */
    int64_t timeout_ms;      /* 0: SLU_HEARTBEAT_TIMEOUT_MS */
} slu_jobmanager_options;

#define SLU_HEARTBEAT_MS 2000
#define SLU_HEARTBEAT_TIMEOUT_MS 10000

SLU_CHECK slu_status slu_jobmanager_run(const slu_env *env, const slu_jobmanager_options *options, slu_error *err);

#endif
