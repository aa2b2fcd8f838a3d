/*
 * jobstore.h: what a job manager must know again after it was killed: jobs, attempts, checkpoints. One SQLite file (WAL).
 *
 * Shape    job(id, name, submit, state, ...), attempt(job, number, ...), checkpoint(job, id, ...), rules(job, version, ...). A write is
 *          durable against a kill when it returns; jobs, attempts, rules and drains also against a power loss, which may take the last
 *          records of checkpoints (their manifests tell).
 * Threads  owner.
 * Limits   the newest SLU_JOBSTORE_HISTORY attempts and checkpoints of a job are kept.
 * Errors   IO with SQLite's words; UNSUPPORTED: a file of a newer format; CONFLICT: another job manager has it open.
 */
#ifndef SLU_JOBMANAGER_JOBSTORE_H
#define SLU_JOBMANAGER_JOBSTORE_H

#include "base/bytes.h"

#define SLU_JOBSTORE_HISTORY 200

typedef struct slu_jobstore slu_jobstore;

#define SLU_JOB_STOPPING 1u
#define SLU_JOB_DRAINING 2u

/* Texts and views are borrowed for the call, both ways. */
typedef struct slu_job_record {
    const char *id;
    const char *name;
    const char *state;
    const char *failure; /* "" : none */
    slu_view submit;     /* the encoded SUBMIT message */
    slu_view placed;     /* the encoded PLACED message of the newest attempt; empty: none yet */
    uint64_t attempt;
    uint64_t attempt_id;
    uint64_t restarts;
    uint32_t stopping;  /* SLU_JOB_STOPPING, with SLU_JOB_DRAINING; 0: nobody asked for the end */
    int64_t stop_after; /* the checkpoint that was triggered for it; -1: none yet */
    slu_view restart;   /* what the restart strategy goes by (plan/restart.h); empty: nothing yet */
    int64_t created_ms;
    int64_t start_ms;
    int64_t end_ms;
} slu_job_record;

typedef struct slu_checkpoint_record {
    int64_t checkpoint;
    const char *state; /* IN_PROGRESS, COMPLETED, FAILED */
    const char *path;
    const char *text;
    int64_t trigger_ms;
    int64_t duration_ms;
    int64_t bytes;
    uint32_t tasks;
    bool dropped;   /* its files are gone */
    bool forgotten; /* ... since the job had finished, and has nothing to go on from */
} slu_checkpoint_record;

/* A set of rules that a job was given. */
typedef struct slu_rules_record {
    const char *operator_id;
    int64_t version;
    int64_t checkpoint; /* from which on it is in force; -1: it waits for one */
    int64_t created_ms;
    slu_view rules; /* encoded */
} slu_rules_record;

/* `path` ":memory:" for tests. */
SLU_CHECK slu_status slu_jobstore_open(const char *path, slu_jobstore **out, slu_error *err);
void slu_jobstore_close(slu_jobstore **store);
/* A random id made when the file was. Borrowed. */
const char *slu_jobstore_cluster(const slu_jobstore *store);

SLU_CHECK slu_status slu_jobstore_add_job(slu_jobstore *store, const slu_job_record *job, slu_error *err);
/* Another SUBMIT for the job, which from now on is placed nowhere. */
SLU_CHECK slu_status slu_jobstore_set_submit(slu_jobstore *store, const char *job, slu_view submit, slu_error *err);
/* Everything but name and submit. */
SLU_CHECK slu_status slu_jobstore_update_job(slu_jobstore *store, const slu_job_record *job, slu_error *err);
/* With its attempts and checkpoints. */
SLU_CHECK slu_status slu_jobstore_remove_job(slu_jobstore *store, const char *job, slu_error *err);
/* Numbers of attempts are never reused: CONFLICT. */
SLU_CHECK slu_status slu_jobstore_add_attempt(slu_jobstore *store, const char *job, uint64_t attempt, uint64_t attempt_id,
                                              int64_t start_ms, slu_error *err);
SLU_CHECK slu_status slu_jobstore_put_checkpoint(slu_jobstore *store, const char *job, const slu_checkpoint_record *checkpoint,
                                                 slu_error *err);
/* Of a task manager, by its id, which is new at each of its starts: whether it was told to hand its tasks over. */
SLU_CHECK slu_status slu_jobstore_set_draining(slu_jobstore *store, const char *node, bool draining, slu_error *err);
bool slu_jobstore_is_draining(slu_jobstore *store, const char *node);
SLU_CHECK slu_status slu_jobstore_drop_checkpoint(slu_jobstore *store, const char *job, int64_t checkpoint, slu_error *err);
/* The job has finished: from now on its newest checkpoint is `forgotten`. NOTFOUND: no such record. */
SLU_CHECK slu_status slu_jobstore_forget_checkpoints(slu_jobstore *store, const char *job, int64_t newest, slu_error *err);

SLU_CHECK slu_status slu_jobstore_put_rules(slu_jobstore *store, const char *job, const slu_rules_record *rules, slu_error *err);
SLU_CHECK slu_status slu_jobstore_remove_rules(slu_jobstore *store, const char *job, int64_t version, slu_error *err);
/* Newest first. */
typedef slu_status (*slu_rules_record_fn)(void *context, const slu_rules_record *rules, slu_error *err);
SLU_CHECK slu_status slu_jobstore_rules(slu_jobstore *store, const char *job, slu_rules_record_fn each, void *context,
                                        slu_error *err);

/* Oldest first. */
typedef slu_status (*slu_job_record_fn)(void *context, const slu_job_record *job, slu_error *err);
SLU_CHECK slu_status slu_jobstore_jobs(slu_jobstore *store, slu_job_record_fn each, void *context, slu_error *err);
/* Newest first, at most `limit`. */
typedef slu_status (*slu_checkpoint_record_fn)(void *context, const slu_checkpoint_record *checkpoint, slu_error *err);
SLU_CHECK slu_status slu_jobstore_checkpoints(slu_jobstore *store, const char *job, uint32_t limit, slu_checkpoint_record_fn each,
                                              void *context, slu_error *err);

#endif
