/*
 * rest.h: the job manager over HTTP, with Flink's paths and JSON shapes, and its numbers for Prometheus.
 *
 * Served   GET /config /overview /jobs /jobs/overview /jobs/ID /jobs/ID/plan /jobs/ID/status /jobs/ID/config /jobs/ID/exceptions
 *          /jobs/ID/accumulators /jobs/ID/metrics /jobs/ID/checkpoints /jobs/ID/checkpoints/config /jobs/ID/vertices/VID
 *          /jobs/ID/vertices/VID/metrics /jobs/ID/vertices/VID/subtasks/metrics /jobs/ID/vertices/VID/watermarks
 *          /jobs/ID/vertices/VID/backpressure /taskmanagers /taskmanagers/ID /jobmanager/config /jobmanager/metrics /metrics
 *          /health, each also below /v1; PATCH /jobs/ID?mode=cancel, GET /jobs/ID/yarn-cancel, POST /jobs/ID/stop. The rest: 404
 *          with {"errors": [...]}.
 * Shape    every answer is made of what slu_jobmanager_ask says: the same messages that the command line gets.
 * Threads  the job manager's: libmicrohttpd without threads of its own, driven by the daemon's poll loop.
 * Errors   open: IO, CONFLICT: the port is taken, INVALID: not an address.
 * Limits   SLU_REST_CONNECTIONS_MAX connections, SLU_REST_BODY_BYTES_MAX of a request's body.
 */
#ifndef SLU_REST_REST_H
#define SLU_REST_REST_H

#include "jobmanager/daemon.h"

#define SLU_REST_CONNECTIONS_MAX 64
#define SLU_REST_BODY_BYTES_MAX 65536

/* For slu_jobmanager_options.rest. */
extern const slu_jobmanager_face slu_rest_face;

#endif
