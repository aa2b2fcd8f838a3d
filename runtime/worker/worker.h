/*
 * worker.h: the tasks of one attempt of a job that run in this process.
 *
 * Shape    open makes channels and tasks; each task opens its plugins, restores, and runs: on a thread of its own, or all of them inside
 *          slu_worker_step on the caller's thread (tests, simulation, a false clock). Events come out, commands go in.
 * Life     open -> RUNNING per task -> ... -> FINISHED per task (or one FAILED) -> close. close cancels what still runs, joins, and
 *          releases; after it every plugin instance is closed.
 * Order    fresh job: open, prepare and snapshot of checkpoint 0 (its trigger comes from the coordinator), COMPLETE 0, first row.
 *          Restored job: open, restore, re-commit of the restored committables, assign, first row.
 * Channels a channel both of whose ends are here moves pointers. Of the others the caller owns the far end: what it pops from
 *          slu_worker_outbound it sends; what it received it pushes into slu_worker_inbound. `net_bell` rings when an outbound channel
 *          has something, and when an inbound one was read (credit; also a sign to slu_channel_flush it).
 * Owns     graph, layout, registry, env and manifest are borrowed until close.
 * Threads  owner for everything except the two channel getters' channels, whose far ends belong to the net thread.
 * Errors   open: INVALID, NOMEM, NOTFOUND. What fails later is a FAILED event.
 */
#ifndef SLU_WORKER_WORKER_H
#define SLU_WORKER_WORKER_H

#include "base/env.h"
#include "checkpoint/coordinator.h"
#include "checkpoint/manifest.h"
#include "exchange/channel.h"
#include "host/options.h"
#include "host/registry.h"
#include "plan/layout.h"
#include "ruleset/ruleset.h"

typedef struct slu_worker slu_worker;

typedef struct slu_worker_spec {
    const slu_env *env;
    const slu_layout *layout;
    slu_registry *registry;
    const char *job_id;    /* 32 hex digits */
    uint32_t attempt;      /* from 1 */
    const uint32_t *tasks; /* numbers of the layout; NULL: all of them */
    uint32_t task_count;
    const slu_stores *stores;    /* of checkpoints that lie in a store; NULL: none */
    const char *checkpoint_dir;  /* files go to <dir>/<job id>/chk-<n>/; "": they are kept in memory until the checkpoint ends */
    const slu_manifest *restore; /* NULL: a fresh start */
    bool hold_sources;           /* sources wait for COMPLETE of checkpoint 0 */
    bool threads;                /* false: driven by slu_worker_step */
    const char *scratch_dir;     /* where RocksDB works when the job does not say; NULL: the temporary directory */
    int64_t memory_max;          /* bytes that plugins may hold by host.alloc and state; 0: no bound */
    slu_bell *event_bell;        /* rings when an event waits; NULL: none */
    slu_bell *net_bell;          /* see Channels; NULL when every channel is local */
} slu_worker_spec;

#define SLU_WORKER_RUNNING 1  /* the task is open and restored */
#define SLU_WORKER_ACK 2      /* `ack` */
#define SLU_WORKER_DECLINED 3 /* `checkpoint`, `error` */
#define SLU_WORKER_ENDED 4    /* its data has ended; it waits for the final checkpoint */
#define SLU_WORKER_FINISHED 5 /* it is over, all is committed */
#define SLU_WORKER_FAILED 6   /* `operator_id`, `error` */
#define SLU_WORKER_RULED                                                                                                           \
    7 /* what it says to RULES: `rules_asked`, `rules_version` (in force), `error` (OK: it takes them, or has none) */

typedef struct slu_worker_event {
    uint32_t kind;
    uint32_t task;
    int64_t checkpoint;
    int64_t rules_asked, rules_version;
    slu_ack ack; /* path points into `path` */
    char path[256];
    char operator_id[SLU_NAME_BYTES_MAX];
    slu_error error;
} slu_worker_event;

#define SLU_WORKER_TRIGGER 1  /* source tasks send the barrier of `checkpoint` */
#define SLU_WORKER_COMPLETE 2 /* sinks commit, sources hear of it; `final`: tasks finish after it */
#define SLU_WORKER_ABORT 3
#define SLU_WORKER_CANCEL 4 /* tasks stop where they are, without FINISHED */
#define SLU_WORKER_RULES 6  /* `rules`, which wait for a barrier then; in place of any that wait */
#define SLU_WORKER_DRAIN 5  /* sources end as if their data had ended; the rest follows from that */

typedef struct slu_worker_command {
    uint32_t kind;
    uint32_t flags;
    int64_t checkpoint;
    int64_t wall_ms;
    bool final;
    slu_ruleset *rules; /* borrowed for the call */
} slu_worker_command;

/* Rows and time of one task, cumulative; any thread may ask. */
typedef struct slu_task_counters {
    int64_t rows_in, rows_out, bytes_in, bytes_out, batches_in, batches_out;
    int64_t busy_ms, idle_ms, backpressured_ms;
    int64_t watermark_ms; /* INT64_MIN: none */
    int64_t state_bytes;
} slu_task_counters;

SLU_CHECK slu_status slu_worker_open(const slu_worker_spec *spec, slu_worker **out, slu_error *err);
void slu_worker_close(slu_worker **worker);

SLU_CHECK slu_status slu_worker_event_next(slu_worker *worker, slu_worker_event *out); /* AGAIN: none */
bool slu_worker_has_event(slu_worker *worker);
SLU_CHECK slu_status slu_worker_command_all(slu_worker *worker, const slu_worker_command *command, slu_error *err);

/* One round over all tasks (threads false). MORE: something was done; AGAIN: every task waits; *deadline is when one wants to be
 * called again (INT64_MAX: only after events, commands or I/O). */
SLU_CHECK slu_status slu_worker_step(slu_worker *worker, int64_t *deadline);
/* Waits for descriptors that plugins watch, at most timeout_ms (threads false). */
void slu_worker_wait(slu_worker *worker, int64_t timeout_ms);

/* The near end's other side; NULL: not such a channel. */
slu_channel *slu_worker_outbound(slu_worker *worker, uint32_t channel);
slu_channel *slu_worker_inbound(slu_worker *worker, uint32_t channel);

/* Rows that sources emitted and that sinks took. Any thread. */
void slu_worker_rows(const slu_worker *worker, int64_t *emitted, int64_t *written);
/* A task thread that has been inside one call of a plugin for limit_ms, or longer. Call it every second or so; never when `threads` is false. */
typedef struct slu_hung {
    const char *plugin, *operator_id;
    uint32_t subtask;
} slu_hung;
bool slu_worker_hung(slu_worker *worker, int64_t now_ms, int64_t limit_ms, slu_hung *out);

/* What the plugins of a task count, as OPERATOR.NAME. By position in spec->tasks. */
void slu_worker_metrics(const slu_worker *worker, uint32_t position, void (*each)(void *to, const char *name, int64_t value),
                        void *to);
/* By position in spec->tasks. */
slu_task_counters slu_worker_counters(const slu_worker *worker, uint32_t position);

#endif
