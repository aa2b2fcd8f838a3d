/*
 * message.h: every message between managers, workers and the command line, in one table.
 *
 * Shape    a message is one MessagePack map: "m" its name, then the fields its kind carries (message.c, one line a kind, each
 *          field with the protocol version that brought it). In C it is one flat struct of all fields, so that a handler reads
 *          message->job whatever the kind; a field that a kind does not carry is zero.
 * Growth   a decoder skips fields it does not know and leaves zero those younger than the sender; a field as old as the agreed
 *          version must be there. HELLO carries the range of versions a program speaks; no overlap is an error naming both.
 * Owns     encode copies. decode puts texts (zero-terminated) and items into the caller's arena; BYTES fields borrow the input.
 * Errors   CORRUPT: not a message, or a field is missing or of another type; UNSUPPORTED: a kind we do not know.
 * Limits   SLU_CONTROL_BYTES_MAX and SLU_CONTROL_DEPTH_MAX, checked before anything is built.
 */
#ifndef SLU_CONTROL_MESSAGE_H
#define SLU_CONTROL_MESSAGE_H

#include "base/arena.h"
#include "base/limits.h"

#define SLU_CONTROL_VERSION_MIN 1
#define SLU_CONTROL_VERSION_MAX 1

/* Who says HELLO. */
#define SLU_ROLE_CLIENT "client"
#define SLU_ROLE_TASKMANAGER "taskmanager"
#define SLU_ROLE_WORKER "worker"

/* Flags. */
#define SLU_BARRIER_SAVEPOINT 1u   /* TRIGGER, and the barrier: it becomes a savepoint */
#define SLU_BARRIER_STOP 2u        /* sources give nothing behind it, unless it is aborted */
#define SLU_BARRIER_RULES 4u       /* rules that wait take effect behind it; sources give nothing until it is whole or aborted */
#define SLU_END_DRAIN 1u           /* END */
#define SLU_STOP_AFTER 1u          /* SAVEPOINT: the job ends with it */
#define SLU_STOP_DRAIN 2u          /* STOP, SAVEPOINT with AFTER: sources end first, and every timer fires */
#define SLU_DRAIN_UNDO 1u          /* DRAIN */
#define SLU_SUBMIT_NON_RESTORED 1u /* SUBMIT: state that no operator of the job asks for may be left behind */

/* Every field there is: type, name, meaning. One meaning per name, in every message. */
#define SLU_MESSAGE_FIELDS(X)                                                                                                      \
    X(U64, request, "chosen by the asking side, repeated in the answer")                                                           \
    X(TEXT, role, "SLU_ROLE_ of the one who says hello")                                                                           \
    X(U64, version_min, "oldest protocol version spoken")                                                                          \
    X(U64, version_max, "newest protocol version spoken; in WELCOME both are the agreed one")                                      \
    X(TEXT, cluster, "id of the cluster; \"\": any")                                                                               \
    X(TEXT, build, "version of the program")                                                                                       \
    X(TEXT, node, "id of a task manager, new at each start")                                                                       \
    X(TEXT, host, "name of the machine")                                                                                           \
    X(TEXT, boot, "boot id of the machine: equal means the same host")                                                             \
    X(TEXT, address, "where a link listens: ipc:///path or tcp://host:port")                                                       \
    X(U64, heartbeat_ms, "how often a heartbeat is sent")                                                                          \
    X(U64, timeout_ms, "a silence as long as this means dead; of WAIT: how long to wait; of DEPLOY: a call of a plugin, 0: none")  \
    X(U64, slots, "how many slots a task manager offers")                                                                          \
    X(U64, slots_free, "how many of them are free")                                                                                \
    X(U64, taskmanagers, "how many task managers are registered")                                                                  \
    X(TEXT, job, "32 hex digits; in a request of a user also a prefix or a name")                                                  \
    X(TEXT, name, "of a job, a metric, a module")                                                                                  \
    X(U64, attempt, "number of the attempt, from 1, never reused in a job")                                                        \
    X(U64, attempt_id, "64 random bits of the attempt")                                                                            \
    X(U64, worker, "number of a worker within the attempt, from 0")                                                                \
    X(U64, workers, "how many workers the attempt has")                                                                            \
    X(U64, pid, "process id")                                                                                                      \
    X(U64, task, "task number in the layout")                                                                                      \
    X(U64, parallelism, "of a job")                                                                                                \
    X(U64, tasks, "how many tasks")                                                                                                \
    X(TEXT, state, "of a job (Flink's words, upper case) or a task")                                                               \
    X(I64, status, "slu_status of a failure")                                                                                      \
    X(TEXT, text, "a sentence for people")                                                                                         \
    X(I64, checkpoint, "checkpoint number, from 1; 0: none")                                                                       \
    X(TEXT, path, "a file or directory")                                                                                           \
    X(TEXT, restore, "directory of the checkpoint to start from; \"\": a fresh start")                                             \
    X(I64, start_ms, "wall clock")                                                                                                 \
    X(I64, end_ms, "wall clock; 0: not yet")                                                                                       \
    X(I64, duration_ms, "how long it took")                                                                                        \
    X(U64, restarts, "how often a job was started anew")                                                                           \
    X(U64, checkpoints, "how many checkpoints are complete")                                                                       \
    X(I64, alignment_ms, "from the first barrier to the last")                                                                     \
    X(U64, crc, "CRC-32C of a file")                                                                                               \
    X(U64, size, "bytes of a file or of state")                                                                                    \
    X(U64, offset, "position in a file")                                                                                           \
    X(U64, rows_in, "rows that came in")                                                                                           \
    X(U64, rows_out, "rows that went out")                                                                                         \
    X(U64, remote_frames, "messages with rows or events that came from another process")                                           \
    X(I64, value, "of a metric")                                                                                                   \
    X(TEXT, listen, "host that a worker listens at for others' batches")                                                           \
    X(TEXT, run_dir, "where a worker's sockets stand")                                                                             \
    X(TEXT, transport, "link.transport: auto, ipc or tcp")                                                                         \
    X(U64, memory_max, "bytes a worker's plugins may hold; 0: no bound")                                                           \
    X(U64, channel, "channel number in the layout")                                                                                \
    X(TEXT, inputs, "of a vertex: FROM:PARTITION, numbers of vertices and words of partitions, spaces between")                    \
    X(U64, interval_ms, "between two checkpoints; 0: none")                                                                        \
    X(U64, key_groups, "max parallelism")                                                                                          \
    X(U64, flags, "bits, by the kind of message")                                                                                  \
    X(BYTES, graph, "an encoded slu_graph")                                                                                        \
    X(BYTES, placement, "u32 little-endian per task: its worker")                                                                  \
    X(BYTES, data, "bytes of the message's own")

/* Every kind there is: name, kind of its items (NONE: it has none), who says it and when. */
#define SLU_MESSAGE_KINDS(X)                                                                                                       \
    /* Everyone to the job manager, and its answers. */                                                                            \
    X(HELLO, WORKER, "first message on a link; items: a task manager's running workers")                                           \
    X(WELCOME, NONE, "the answer")                                                                                                 \
    X(FAILED, NONE, "any request: it was refused or failed; also to a peer that must go away")                                     \
    X(HEARTBEAT, NONE, "both ways; to a worker: the newest whole checkpoint, as COMPLETE has it")                                  \
    /* Job manager and task manager. */                                                                                            \
    X(DEPLOY, NONE, "start a worker")                                                                                              \
    X(DEPLOYED, NONE, "the worker process runs")                                                                                   \
    X(REFUSED, NONE, "the deploy was not newer than what is known, or cannot be served")                                           \
    X(KILL, NONE, "end a worker process at once")                                                                                  \
    X(EXITED, NONE, "a worker process is gone, certainly")                                                                         \
    X(LOG_READ, NONE, "part of a job's log file, please")                                                                          \
    X(LOG, NONE, "the part")                                                                                                       \
    /* Job manager and worker. */                                                                                                  \
    X(PEERS, PEER, "all workers of the attempt are there: begin")                                                                  \
    X(TASK, NONE, "a task changed its state")                                                                                      \
    X(TRIGGER, NONE, "start this checkpoint at the sources")                                                                       \
    X(ACK, NONE, "a task's part of a checkpoint is safe")                                                                          \
    X(DECLINE, NONE, "a task cannot take part in a checkpoint")                                                                    \
    X(COMPLETE, NONE, "the checkpoint is whole")                                                                                   \
    X(ABORT, NONE, "the checkpoint is given up")                                                                                   \
    X(METRICS, METRIC, "counters of a worker's tasks")                                                                             \
    X(END, NONE, "stop the tasks of an attempt: flags SLU_END_DRAIN: let the sources end, else cancel")                            \
    X(RULES, NONE, "is this set of rules good for operator `name`? Version `value` waits for a barrier then")                      \
    X(RULED, NONE, "a task's answer: status and text, or it is; `checkpoint`: the version in force there")                         \
    /* Worker and worker, beside the batches of exchange/remote.h. */                                                              \
    X(CREDIT, TOTAL, "receiver to sender: bytes consumed per channel since the attempt began")                                     \
    X(SENT, TOTAL, "sender to receiver, now and then: messages sent per channel")                                                  \
    X(TOTAL, NONE, "one channel of it")                                                                                            \
    /* Command line and job manager. */                                                                                            \
    X(SUBMIT, NONE, "run this graph")                                                                                              \
    X(DONE, NONE, "the request was carried out")                                                                                   \
    X(LIST, NONE, "which jobs are there?")                                                                                         \
    X(JOBS, JOB, "those")                                                                                                          \
    X(DESCRIBE, NONE, "everything about one job")                                                                                  \
    X(DETAILS, VERTEX, "that")                                                                                                     \
    X(WAIT, NONE, "answer with DONE when the job is over, or when the time has passed")                                            \
    X(CANCEL, NONE, "end a job without ceremony")                                                                                  \
    X(STOP, NONE, "a last checkpoint, then the end; flags SLU_STOP_")                                                              \
    X(SAVEPOINT, NONE, "a checkpoint, whose files are also put below path (empty: the default place); flags SLU_STOP_")            \
    X(RESCALE, WANT, "give a running job, or some of its operators, another parallelism; DONE: it runs so")                        \
    X(APPLY, NONE, "give operator `name` (empty: the only one with rules) this set of rules")                                      \
    X(APPLIED, NONE, "it is in force: version `value`, from `checkpoint` on")                                                      \
    X(RULEBOOK, NONE, "which sets of rules has a job had?")                                                                        \
    X(RULESETS, RULESET, "those, the newest first")                                                                                \
    X(DRAIN, NONE,                                                                                                                 \
      "move all tasks away from task manager node; flags SLU_DRAIN_UNDO: it may have some again; DONE: none is there")             \
    X(SAVED, NONE, "that is done, and this is its directory")                                                                      \
    X(OVERVIEW, NONE, "what does the cluster look like?")                                                                          \
    X(CLUSTER, NODE, "like that")                                                                                                  \
    X(LOGS, NONE, "part of a job's log")                                                                                           \
    X(MEASURE, NONE, "what do the tasks of a job measure?")                                                                        \
    X(MEASURED, METRIC, "that")                                                                                                    \
    X(HISTORY, NONE, "which checkpoints has a job?")                                                                               \
    X(CHECKPOINTS, CHECKPOINT, "those")                                                                                            \
    /* Never sent: kept in the job store. */                                                                                       \
    X(PLACED, MEMBER, "where an attempt runs")                                                                                     \
    X(MEMBER, NONE, "one worker of it")                                                                                            \
    /* Items: parts of other messages, never alone. */                                                                             \
    X(WORKER, NONE, "a worker a task manager runs")                                                                                \
    X(PEER, NONE, "where a worker listens")                                                                                        \
    X(WANT, NONE, "an operator by name (empty: the job), and its parallelism")                                                     \
    X(VERTEX, TASK, "a chain of operators and its tasks")                                                                          \
    X(METRIC, NONE, "one number of one task")                                                                                      \
    X(JOB, NONE, "a job in a line")                                                                                                \
    X(NODE, NONE, "a task manager in a line")                                                                                      \
    X(RULESET, NONE, "version `value` of the rules of operator `name`, in force from `checkpoint` on")                             \
    X(CHECKPOINT, NONE, "a checkpoint in a line")

#define SLU_MESSAGE_NONE 0
enum {
    SLU_MESSAGE_BEFORE_FIRST_ = 0,
#define SLU_MESSAGE_X_(name, items, meaning) SLU_MESSAGE_##name,
    SLU_MESSAGE_KINDS(SLU_MESSAGE_X_)
#undef SLU_MESSAGE_X_
        SLU_MESSAGE_KIND_END
};

typedef struct slu_message {
    uint32_t kind; /* SLU_MESSAGE_ */
    uint32_t item_count;
    const struct slu_message *items;
#define SLU_FIELD_U64_(name) uint64_t name;
#define SLU_FIELD_I64_(name) int64_t name;
#define SLU_FIELD_TEXT_(name) const char *name; /* NULL is sent as "" and never received */
#define SLU_FIELD_BYTES_(name) slu_view name;
#define SLU_FIELD_X_(type, name, meaning) SLU_FIELD_##type##_(name)
    SLU_MESSAGE_FIELDS(SLU_FIELD_X_)
#undef SLU_FIELD_X_
} slu_message;

/* Memory that a decoded message may take beyond the bytes it came in. */
#define SLU_MESSAGE_ARENA_BYTES_MAX ((size_t)256 << 20)

const char *slu_message_name(uint32_t kind); /* "hello"; "?" */
/* Appends the message as a peer of `version` understands it. Failures of the buffer show in slu_buf_status. */
void slu_message_encode(const slu_message *message, uint32_t version, slu_buf *out);
/* `version`: the one agreed with the sender. *out is untouched on failure. */
SLU_CHECK slu_status slu_message_decode(slu_view bytes, uint32_t version, slu_arena *arena, slu_message *out, slu_error *err);

/* The version two programs agree on. UNSUPPORTED names both ranges. */
SLU_CHECK slu_status slu_control_agree(uint64_t peer_min, uint64_t peer_max, uint32_t *out_version, slu_error *err);

#endif
