/*
 * asking.h: one verb that asks a job manager: its client, and what it will print.
 *
 * Life     slu_asking_open, requests with `client`, output into `out`, slu_asking_close, which prints and answers with the exit code.
 * Threads  owner.
 */
#ifndef SLU_CLI_ASKING_H
#define SLU_CLI_ASKING_H

#include "jobs_client.h"
#include "verbs.h"

#include <jansson.h>

#define SLU_ASKING_BYTES_MAX ((size_t)16 << 20)
#define SLU_JOBMANAGER_FLAG                                                                                                        \
    {                                                                                                                              \
        "jobmanager", 'm', "HOST:PORT", "whom to ask (127.0.0.1:6123)"                                                             \
    }

typedef struct slu_asking {
    const slu_args *args;
    slu_client *client;
    slu_buf out;
    slu_error err;
} slu_asking;

slu_status slu_asking_open(slu_asking *a, const slu_args *args);
/* Prints `out`, or says what `status` and a->err are. */
int slu_asking_close(slu_asking *a, slu_status status);
/* Takes the value. */
void slu_asking_json(slu_asking *a, json_t *value);
/* A DONE in a line, or as JSON. */
void slu_asking_done(slu_asking *a, const slu_message *done);

/* "2026-01-31 12:00:00" in local time; "" for 0. */
const char *slu_time_text(int64_t wall_ms, char out[32]);
/* "12 ms", "1.5 s", "3m07s". */
const char *slu_duration_text(int64_t ms, char out[32]);

#endif
