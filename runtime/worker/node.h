/*
 * node.h: one operator of a chain, running: its instance, its services, its queue, and what its calls answered.
 *
 *                input           OK
 *   [clear] ----------------> (handled) --> [clear]
 *      |  MORE: `more` is called while everything below is clear and has room
 *      |  AGAIN: the item stays first in the queue until the instance was called back (ready, wake, answer)
 *
 * Rules    (1) items are handled in the order in which they came; nothing overtakes. (2) A watermark, barrier or end is handled only
 *          when an operator says that nothing is pending (a sink's prepare says AGAIN instead). (3) A node is clear when its queue is empty and it owes no `more`.
 *          (4) A sink that still has committables of a restored checkpoint to commit takes no rows.
 * Threads  the task's. Errors: what plugins answer, with the operator's id in front.
 */
#ifndef SLU_WORKER_NODE_H
#define SLU_WORKER_NODE_H

#include "checkpoint/manifest.h"
#include "checkpoint/snapshot.h"
#include "exchange/partition.h"
#include "host/services.h"
#include "plan/layout.h"
#include "ruleset/ruleset.h"

typedef struct slu_node slu_node;

/* The files of the checkpoint that a worker restores from, shared by its tasks; immutable, and gone once every task is open. */
typedef struct slu_restore {
    uint32_t count;
    slu_snapshot_reader **readers;
    const uint32_t *subtasks;     /* of each file, as it was written */
    const uint32_t *parallelisms; /* the same */
    const slu_manifest *manifest;
} slu_restore;

/* Where the states of an operator work and are stored as files. */
typedef struct slu_node_files {
    const char *state_dir;      /* of the worker; NULL: states are on the heap */
    const slu_stores *stores;   /* of checkpoints */
    const char *checkpoint_dir; /* NULL or "": there is none */
    uint32_t task;
} slu_node_files;

typedef struct slu_node_spec {
    const slu_env *env;
    const slu_graph *graph;
    const slu_operator *op;
    const slu_plugin *plugin;
    slu_registry *registry;
    pthread_mutex_t *registry_lock;
    slu_account *account;
    slu_state_backend *backend; /* of its task; NULL: the heap */
    slu_node_files files;
    slu_watches *watches;
    const char *job_id;
    uint32_t attempt;
    uint32_t subtask;
    const struct ArrowSchema *const *inputs; /* [op->input_count]; NULL entries: dynamic */
    slu_schema *const *outputs;              /* [op->output_count]; NULL entries: dynamic */
    const slu_restore *restore;              /* NULL: fresh */
    void *wake_owner;
    void (*wake)(void *owner);
} slu_node_spec;

SLU_CHECK slu_status slu_node_new(const slu_node_spec *spec, slu_node **out, slu_error *err);
/* Where one output of a node leads. */
SLU_CHECK slu_status slu_node_add_child(slu_node *node, uint32_t output, slu_node *child, uint32_t input, slu_error *err);
SLU_CHECK slu_status slu_node_add_partition(slu_node *node, uint32_t output, slu_partition **partition,
                                            slu_error *err); /* takes it */
/* open, restore, restored committables, assign. */
SLU_CHECK slu_status slu_node_open(slu_node *node, slu_error *err);
void slu_node_close(slu_node *node); /* the instance's close; the services stay for batches under way */
void slu_node_drop_items(slu_node *node);
void slu_node_free(slu_node **node);

/* Queues or handles an item (taken, success or not). */
SLU_CHECK slu_status slu_node_input(slu_node *node, uint32_t input, slu_item *item, slu_error *err);
/* Goes on with what waits: more, queue, commits. *did: something moved. */
SLU_CHECK slu_status slu_node_pump(slu_node *node, bool *did, slu_error *err);
/* Wake, deadline, answers and timers that are due. */
SLU_CHECK slu_status slu_node_step(slu_node *node, int64_t now_ms, bool *did, slu_error *err);
/* The instance was called back from outside (a descriptor): what it refused is offered again. */
void slu_node_retry(slu_node *node);
int64_t slu_node_deadline(const slu_node *node, int64_t now_ms);
bool slu_node_clear(const slu_node *node);
bool slu_node_holds_barrier(const slu_node *node); /* a barrier waits for its pending work or its prepare */
bool slu_node_room(slu_node *node);                /* of its own partitions */
SLU_CHECK slu_status slu_node_flush(slu_node *node, int64_t now_ms, bool all, bool *sent,
                                    slu_error *err); /* small batches that wait in them */
bool slu_node_committed(const slu_node *node);       /* nothing left to commit */

bool slu_node_without_splits(const slu_node *node); /* a source of splits that was given none */
/* Sources. poll: OK, AGAIN, MORE or END. */
SLU_CHECK slu_status slu_node_poll(slu_node *node, slu_error *err);
/* Sends an item to everything below: barriers, watermarks and the end of a source. */
SLU_CHECK slu_status slu_node_forward(slu_node *node, const slu_item *item, slu_error *err);
SLU_CHECK slu_status slu_node_complete(slu_node *node, int64_t checkpoint, slu_error *err);

/* Called by a node when a barrier reaches it, after sinks prepared: the task gives the writer of that checkpoint. */
typedef struct slu_node_runner {
    void *owner;
    slu_status (*snapshot_begin)(void *owner, int64_t checkpoint, slu_snapshot_writer **writer, slu_error *err);
    void (*snapshot_end)(void *owner, int64_t checkpoint);
    void (*ended)(void *owner);
} slu_node_runner;
void slu_node_set_runner(slu_node *node, const slu_node_runner *runner);
/* Writes the node's state (a source's is asked for by its task at the barrier). */
SLU_CHECK slu_status slu_node_snapshot(slu_node *node, int64_t checkpoint, slu_snapshot_writer *writer, slu_error *err);

/* Rules (node_rules.c). check: OK: the set is in force, or waits for a barrier; CONFLICT: a newer one is in force. */
SLU_CHECK slu_status slu_node_rules_check(slu_node *node, slu_ruleset *set, slu_error *err);
void slu_node_rules_forget(slu_node *node); /* what waits for a barrier */
int64_t slu_node_rules_version(const slu_node *node);

uint32_t slu_node_kind(const slu_node *node);
const char *slu_node_id(const slu_node *node);
slu_services *slu_node_services(const slu_node *node);
bool slu_node_leaves(const slu_node *node);      /* what it emits leaves the task (a sink's too) */
int64_t slu_node_rows_out(const slu_node *node); /* emitted; of a sink: written */
int64_t slu_node_bytes_out(const slu_node *node);
int64_t slu_node_batches_out(const slu_node *node);
int64_t slu_node_state_bytes(slu_node *node);
/* What that said last. Any thread. */
int64_t slu_node_state_bytes_said(const slu_node *node);

#endif
