/*
 * savepoints.h: savepoints over REST, in the shapes of Flink 1.20: begun by one request, asked for by others.
 *
 * Body     savepoints: {"target-directory", "cancel-job"}; stop: {"targetDirectory", "drain"}; either spelling, all optional.
 * Owns     the caller the answer. NULL: `err` says why (INVALID: the body, or the job is not RUNNING; NOTFOUND: no such job, trigger).
 * Threads  the job manager's.
 */
#ifndef SLU_REST_SAVEPOINTS_H
#define SLU_REST_SAVEPOINTS_H

#include "jobmanager/jobmanager.h"

#include <jansson.h>

/* {"request-id"} */
json_t *rest_savepoint_begin(slu_jobmanager *jm, const char *job, slu_view body, bool stop, slu_error *err);
/* {"status", "operation"} */
json_t *rest_savepoint_state(const slu_jobmanager *jm, const char *job, const char *trigger, slu_error *err);

#endif
