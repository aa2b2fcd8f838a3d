/*
 * client.h: what the command line asks of a job manager: submit, list, describe, wait, cancel, stop, status, logs.
 *
 * Shape    one request at a time over a link of its own; an answer is a slu_message whose fields are those of its kind in
 *          control/message.c (JOBS: items JOB; DETAILS: items VERTEX with items TASK; CLUSTER: items NODE; CHECKPOINTS: items
 *          CHECKPOINT; LOG: data; DONE: job, name, state, text).
 * Owns     an answer is the client's, valid until the next call.
 * Threads  owner.
 * Errors   TIMEOUT: no answer from the address (exit code 3); what the job manager refuses comes back with its own status and text.
 */
#ifndef SLU_CLIENT_CLIENT_H
#define SLU_CLIENT_CLIENT_H

#include "control/message.h"
#include "link/link.h"

#define SLU_JOBMANAGER_PORT 6123 /* Flink's */
#define SLU_JOBMANAGER_ADDRESS_DEFAULT "127.0.0.1:6123"
#define SLU_CLIENT_TIMEOUT_MS_DEFAULT 5000
#define SLU_JOB_ID_BYTES 33 /* 32 hex digits and the final zero */

typedef struct slu_client slu_client;

/* `address`: "host:port", "tcp://host:port" or "ipc:///path". Says hello and waits for the answer. `env` is borrowed. */
SLU_CHECK slu_status slu_client_open(const slu_env *env, const char *address, int64_t timeout_ms, slu_client **out, slu_error *err);
/* `open_ms`: until the other side has shown that it speaks our protocol at all. */
SLU_CHECK slu_status slu_client_open_within(const slu_env *env, const char *address, int64_t open_ms, int64_t timeout_ms,
                                            slu_client **out, slu_error *err);
void slu_client_close(slu_client **client);
/* How long an answer may take from now on. */
void slu_client_patience(slu_client *client, int64_t timeout_ms);

/* `graph`: slu_graph_encode's bytes; `restore`: a checkpoint or savepoint directory, "" or NULL: none; `flags`: SLU_SUBMIT_. */
SLU_CHECK slu_status slu_client_submit(slu_client *client, const char *name, slu_view graph, const char *restore, uint64_t flags,
                                       char job[SLU_JOB_ID_BYTES], slu_error *err);
/* `job` everywhere below: an id, a prefix of one, or a name. NOTFOUND; CONFLICT: more than one job fits. */
SLU_CHECK slu_status slu_client_list(slu_client *client, const slu_message **out, slu_error *err);
SLU_CHECK slu_status slu_client_describe(slu_client *client, const char *job, const slu_message **out, slu_error *err);
/* DONE once the job is over (state FINISHED, CANCELED or FAILED, text says why), or its present state after timeout_ms: call again,
 * and show progress between. */
SLU_CHECK slu_status slu_client_wait(slu_client *client, const char *job, int64_t timeout_ms, const slu_message **out,
                                     slu_error *err);
SLU_CHECK slu_status slu_client_cancel(slu_client *client, const char *job, const slu_message **out, slu_error *err);
/* A last checkpoint, then the end: FINISHED. `flags`: SLU_STOP_DRAIN or 0. */
SLU_CHECK slu_status slu_client_stop(slu_client *client, const char *job, uint64_t flags, const slu_message **out, slu_error *err);
/* DONE once every task runs again, duration_ms: since the barrier. `wants`: WANT. INVALID: beyond the max parallelism or the slots, no
 * such operator, nothing to change, or the job does not run; IO: it runs on as it was. */
SLU_CHECK slu_status slu_client_rescale(slu_client *client, const char *job, const slu_message *wants, uint32_t want_count,
                                        int64_t timeout_ms, const slu_message **out, slu_error *err);
/* APPLIED once the set of rules (encoded, plan/value_codec.h) is in force on every subtask: value (its version), checkpoint. `operator_id`:
 * "" for the only one with rules. INVALID: it is not good (LINE:COLUMN: in front where it is the file's fault), or the job does not run. */
SLU_CHECK slu_status slu_client_apply_rules(slu_client *client, const char *job, const char *operator_id, slu_view rules,
                                            int64_t timeout_ms, const slu_message **out, slu_error *err);
/* RULESETS: those that the job was given, the newest first. */
SLU_CHECK slu_status slu_client_rulesets(slu_client *client, const char *job, const slu_message **out, slu_error *err);
/* DONE once no task runs on the task manager (an id, the beginning of one, a host, a process id): name its id. `flags`: SLU_DRAIN_UNDO or
 * 0. NOTFOUND, CONFLICT: none, or more than one fits; INVALID: the others have too few slots. */
SLU_CHECK slu_status slu_client_drain(slu_client *client, const char *node, uint64_t flags, int64_t timeout_ms,
                                      const slu_message **out, slu_error *err);
/* SAVED once it is whole: path, checkpoint, size. `dir`: absolute, "" for the job manager's own place; `flags`: SLU_STOP_. INVALID: the
 * job does not run. */
SLU_CHECK slu_status slu_client_savepoint(slu_client *client, const char *job, const char *dir, uint64_t flags, int64_t timeout_ms,
                                          const slu_message **out, slu_error *err);
SLU_CHECK slu_status slu_client_status(slu_client *client, const slu_message **out, slu_error *err);
SLU_CHECK slu_status slu_client_checkpoints(slu_client *client, const char *job, const slu_message **out, slu_error *err);
/* At most `bytes` from `offset` of the log of one of the job's workers (0, 1, ...). NOTFOUND: its task manager is gone, or there is
 * no such worker. */
SLU_CHECK slu_status slu_client_logs(slu_client *client, const char *job, uint64_t worker, uint64_t offset, uint64_t bytes,
                                     const slu_message **out, slu_error *err);

/* Whether a job in that state is over. */
bool slu_job_state_over(const char *state);

#endif
