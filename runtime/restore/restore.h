/*
 * restore.h: what a job would take over from a checkpoint or savepoint, operator by operator.
 *
 * Shape    a report: one line per operator that has state there, and one per operator of the job that has none there. State is found by
 *          operator id (Flink's rule); the indexes of the snapshot files are read, not the state.
 * Owns     a report lives in its own arena.
 * Threads  owner.
 * Errors   NOTFOUND, CORRUPT (a file is missing or torn: its name is said), INVALID (refused), NOMEM, IO.
 */
#ifndef SLU_RESTORE_RESTORE_H
#define SLU_RESTORE_RESTORE_H

#include "checkpoint/manifest.h"
#include "plan/graph.h"

#define SLU_RESTORE_MATCHED 0
#define SLU_RESTORE_LEFT 1  /* the job has no such operator: its state would be left behind */
#define SLU_RESTORE_EMPTY 2 /* the operator is new, or had no state: it begins empty */
#define SLU_RESTORE_NEWER 3 /* the state was written by a newer version of the plugin */

typedef struct slu_restore_line {
    const char *operator_id;
    uint32_t verdict;        /* SLU_RESTORE_ */
    uint32_t state_version;  /* of what lies there; 0: there is none */
    uint32_t plugin_version; /* of the job's plugin; 0: not known here */
    uint64_t entries;        /* of states (one a key group), timers, splits, committables */
    uint64_t bytes;
    uint32_t parallelism; /* it was written under; 0: none */
} slu_restore_line;

typedef struct slu_restore_report {
    slu_arena arena;
    uint32_t line_count;
    slu_restore_line *lines;
    uint32_t max_parallelism;     /* of the checkpoint */
    uint32_t job_max_parallelism; /* of the job; 0: it is not compared with one */
    uint64_t bytes;
} slu_restore_report;

/* The state version of the plugin an operator uses; 0: not known. */
typedef uint32_t slu_restore_version(void *context, const slu_operator *op);

/* `graph` NULL: only what lies there. `version` NULL: versions are not compared. Free the report in either case. */
SLU_CHECK slu_status slu_restore_examine(const slu_manifest *manifest, const slu_graph *graph, slu_restore_version *version,
                                         void *context, slu_restore_report *out, slu_error *err);
void slu_restore_report_fini(slu_restore_report *report);
const char *slu_restore_verdict_name(uint32_t verdict);
/* INVALID names the first operator for which the restore must not be. */
SLU_CHECK slu_status slu_restore_allowed(const slu_restore_report *report, bool allow_non_restored, slu_error *err);
/* Both at once, without versions. */
SLU_CHECK slu_status slu_restore_check(const slu_manifest *manifest, const slu_graph *graph, bool allow_non_restored,
                                       slu_error *err);

#endif
