/*
 * daemon.h: the job manager as a process: `sluice jobmanager`.
 *
 * Runs until SIGTERM or SIGINT, on the caller's thread. Says "jobmanager: REST at http://ADDRESS" (where there is one) and then
 * "jobmanager: ready at ADDRESS" on standard error when it listens.
 */
#ifndef SLU_JOBMANAGER_DAEMON_H
#define SLU_JOBMANAGER_DAEMON_H

#include "base/env.h"
#include "store/place.h"

#include <stdbool.h>

struct slu_jobmanager;

/* Something else that the daemon's loop serves on its own thread (rest/rest.h), without knowing what it is. */
typedef struct slu_jobmanager_face {
    slu_status (*open)(const slu_env *env, struct slu_jobmanager *jobmanager, const char *listen, void **out, slu_error *err);
    const char *(*address)(void *face);
    int (*fd)(void *face);             /* readable when step has something to do */
    int64_t (*timeout_ms)(void *face); /* until step wants to be called anyway; -1: never */
    void (*step)(void *face);
    void (*close)(void *face);
} slu_jobmanager_face;

typedef struct slu_jobmanager_options {
    const char *listen;              /* "host:port"; NULL: 127.0.0.1:6123; port 0: any free one */
    const char *rest_listen;         /* "host:port"; NULL: 127.0.0.1:8081 if it is free; "": none */
    const char *data_dir;            /* the job store and, unless a job says otherwise, its checkpoints */
    const slu_jobmanager_face *rest; /* what listens there; NULL: nothing does */
    const slu_stores *stores;        /* of checkpoints that lie in a store; NULL: none */
    bool insecure;                   /* listen beyond loopback */
    int64_t heartbeat_ms;            /* 0: SLU_HEARTBEAT_MS */
    int64_t timeout_ms;              /* 0: SLU_HEARTBEAT_TIMEOUT_MS */
} slu_jobmanager_options;

#define SLU_HEARTBEAT_MS 750
#define SLU_HEARTBEAT_TIMEOUT_MS 2500 /* a host that is silent is noticed within 3 s */

SLU_CHECK slu_status slu_jobmanager_run(const slu_env *env, const slu_jobmanager_options *options, slu_error *err);

#endif
