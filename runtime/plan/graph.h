/*
 * graph.h: what a job descriptor says, checked: operators, edges, settings. Descriptor -> graph -> layout (layout.h).
 *
 * Shape    plain values in one arena; indexes, not pointers, tie operators together. Operators are in an order in which every
 *          input stands before its user.
 * Owns     a slu_graph owns its arena and the ArrowSchemas in it; slu_graph_free releases all.
 * Threads  immutable once made: any.
 * Format   slu_graph_encode and slu_graph_decode carry it between processes (MessagePack map, bounded before decoding).
 */
#ifndef SLU_PLAN_GRAPH_H
#define SLU_PLAN_GRAPH_H

#include "base/arena.h"
#include "base/limits.h"
#include "host/options.h"

#include <sluice/plugin.h>

/* Partition kinds of an edge. */
#define SLU_PARTITION_FORWARD 1   /* subtask i to subtask i; equal parallelism */
#define SLU_PARTITION_HASH 2      /* by key group of `keys` */
#define SLU_PARTITION_BUCKET 3    /* by the receiving plugin's partitioner */
#define SLU_PARTITION_REBALANCE 4 /* batches round robin */
#define SLU_PARTITION_BROADCAST 5 /* every batch to every subtask */
#define SLU_PARTITION_GLOBAL 6    /* all to subtask 0 */

typedef struct slu_edge {
    uint32_t from;        /* operator index */
    uint32_t from_output; /* output of that operator */
    uint32_t partition;   /* SLU_PARTITION_ */
    uint32_t key_count;
    uint32_t line; /* of the `from` that made it; 0 after decode */
    uint32_t column;
    const char *const *keys;          /* HASH: column names of the sender's output */
    const slu_value *partition_value; /* as written, for positions; NULL: not written, or after decode */
} slu_edge;

#define SLU_OPERATOR_OWN_PARALLELISM 0x40000000u /* written at the operator: the job's does not change it */
#define SLU_OPERATOR_BUCKETS 0x80000000u         /* its plugin has a bucket function */

typedef struct slu_operator {
    const char *id;
    const char *use;           /* plugin name */
    const char *module;        /* module name the plugin lives in ("fluss") */
    const char *module_sha256; /* 64 hex digits; "" before the planner filled it */
    uint32_t kind;             /* SLU_KIND_ */
    uint32_t flags;            /* SLU_PLUGIN_ flags and SLU_OPERATOR_ ones */
    uint32_t parallelism;
    uint32_t parallelism_origin;
    uint32_t input_count;
    uint32_t output_count;
    const slu_edge *inputs;                   /* [input_count], in the order of `from` */
    const slu_value *with;                    /* options as written: slu_options_parse adds params and defaults; NULL: none */
    const struct ArrowSchema *const *outputs; /* [output_count]; NULL entries when dynamic */
    uint32_t dynamic;
    uint32_t bounded;
    uint32_t split_count; /* sources: what list_splits said */
    const slu_split *splits;
    uint32_t line; /* of the operator in the descriptor */
    uint32_t column;
    const slu_value *node; /* the operator as written, for positions; NULL after decode */
    const char *promise;   /* of a sink, in its own words, for explain; NULL: none, or after decode */
} slu_operator;

typedef struct slu_checkpoint_settings {
    int64_t interval_ms; /* 0: off */
    int64_t timeout_ms;
    int64_t min_pause_ms;
    uint32_t tolerated_failures;
    uint32_t retained;
    const char *dir; /* "" : the runner's own default */
} slu_checkpoint_settings;

#define SLU_STATE_HEAP 0
#define SLU_STATE_ROCKSDB 1

typedef struct slu_state_settings {
    uint32_t backend;      /* SLU_STATE_ */
    uint32_t incremental;  /* RocksDB: a checkpoint stores only files that are new */
    int64_t memory_bytes;  /* RocksDB: cache and rows in memory, of one task */
    const char *local_dir; /* RocksDB: where it works; "": the temporary directory */
} slu_state_settings;

#define SLU_RESTART_NONE 0
#define SLU_RESTART_FIXED 1
#define SLU_RESTART_EXPONENTIAL 2 /* the default */
#define SLU_RESTART_RATE 3

/* See restart.h. */
typedef struct slu_restart_settings {
    uint32_t strategy;
    uint32_t attempts_max; /* 0: unlimited */
    int64_t delay_ms;
    int64_t delay_max_ms;
    uint32_t failures_max;
    int64_t interval_ms;
    int64_t reset_ms;  /* 0: never */
    uint32_t same_max; /* 0: never */
} slu_restart_settings;

typedef struct slu_graph {
    slu_arena arena;
    const char *name;
    const char *source_path; /* the descriptor's path, for messages */
    uint32_t parallelism;
    uint32_t max_parallelism; /* key groups */
    slu_checkpoint_settings checkpoint;
    slu_state_settings state;
    slu_restart_settings restart;
    int64_t flush_interval_ms; /* a smaller batch leaves after so long (5) */
    slu_params params;         /* for slu_options_parse, in the planner and in the worker */
    slu_params settings;       /* for explain: the job's own settings, and params that no plugin asks for; empty after decode */
    const slu_value *root;     /* the descriptor as written; NULL after decode */
    uint32_t operator_count;
    slu_operator *operators;
} slu_graph;

#define SLU_GRAPH_BYTES_MAX ((size_t)16 << 20) /* of the arena of one graph */
#define SLU_GRAPH_TEXT_BYTES_MAX ((size_t)1 << 20)
#define SLU_OPERATOR_ID_BYTES_MAX 64

SLU_CHECK slu_status slu_graph_new(slu_graph **out, slu_error *err); /* empty, with defaults */
void slu_graph_free(slu_graph **graph);
const char *slu_partition_name(uint32_t partition); /* "forward", "hash", ... */
/* What can be seen without plugins: ids, `from`, cycles, at least one operator; puts the operators in order. */
SLU_CHECK slu_status slu_graph_check(slu_graph *graph, slu_error *err);
SLU_CHECK slu_status slu_graph_encode(const slu_graph *graph, slu_buf *out, slu_error *err);
SLU_CHECK slu_status slu_graph_decode(slu_view bytes, slu_graph **out, slu_error *err);

#endif
