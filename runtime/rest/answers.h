/*
 * answers.h: from a path to a body: JSON as Flink's web dashboard and CLI read it (Flink 1.20), or Prometheus text.
 *
 * Owns     the caller frees the body (slu_buf).
 * Threads  the job manager's.
 */
#ifndef SLU_REST_ANSWERS_H
#define SLU_REST_ANSWERS_H

#include "jobmanager/jobmanager.h"

typedef struct slu_rest_request {
    const slu_env *env;
    slu_jobmanager *jobmanager;
    const char *method; /* "GET" */
    const char *path;   /* without /v1 */
    const char *get;    /* value of the argument `get`; NULL: none */
    const char *mode;   /* value of the argument `mode`; NULL: none */
    slu_view body;
} slu_rest_request;

typedef struct slu_rest_answer {
    uint32_t code;
    const char *type; /* "application/json" */
    slu_buf body;     /* initialised by the caller */
} slu_rest_answer;

/* Always an answer: an unknown path is 404, a failure 400, 404, 409 or 500, with {"errors": [...]}. */
void slu_rest_answer_make(const slu_rest_request *request, slu_rest_answer *answer);

#endif
