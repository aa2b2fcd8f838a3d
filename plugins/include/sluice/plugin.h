/*
 * plugin.h: the door between sluice and what it loads. ABI 1.0.
 *
 * A module is one shared object with one exported function, slu_plugin_entry, whose slu_module lists one or several plugins. A
 * plugin is a source, an operator, a sink, a lookup or a store: a table of functions over an instance whose memory the host
 * allocates (zeroed, `instance_bytes`). It needs nothing of sluice at load time: everything it may use arrives in slu_host.
 *
 * Life     plan (no instance, in a planning process) ... open -> [restore ...] -> [assign ...] -> work -> close. close is called
 *          exactly once for each open that returned OK; when open fails it has cleaned up after itself.
 * Threads  every function of an instance is called on its task's thread, one at a time. Of slu_host only `wake`, `log` and
 *          `batch_unref` may be called on other threads, the last also after close: an emitted array may share a batch's columns and
 *          be released anywhere, later. Nothing may block: I/O is watched (`watch`, `deadline`) and continued in `ready`.
 * Owns     who allocates frees. A `const x *` argument is borrowed for the call. A slu_batch kept past the call needs
 *          batch_ref. An ArrowArray given to emit is moved: its release pointer is NULL afterwards, success or not.
 * Errors   functions return slu_status. AGAIN: "not accepted now, offer me the same thing again after ready or wake"; MORE: "done
 *          with this, and I have more to emit: call `more`"; a failure fills err and fails the attempt of the job.
 * Room     emit never blocks and never fails for want of room: emit about one batch per call and return MORE when there is more.
 *          The loop calls again only when every output has room.
 * Growth   every struct begins with its own `size`; new members go to the end with the version that brought them, and old and
 *          new meet at the smaller size: test SLU_HAS(host, member) before using a member newer than 1.0. A function pointer may be
 *          NULL where its comment says "optional". What a host does not serve yet answers SLU_UNSUPPORTED.
 *          No enums, bit-fields, `long` or varargs in the layout.
 */
#ifndef SLUICE_PLUGIN_H
#define SLUICE_PLUGIN_H

#include <sluice/arrow.h>
#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLU_ABI_MAJOR 1
#define SLU_ABI_MINOR 0
#define SLU_ABI ((uint32_t)SLU_ABI_MAJOR << 16 | SLU_ABI_MINOR)

/* Whether *pointer, a struct of some version with a leading `size`, has the member. */
#define SLU_HAS(pointer, member) (offsetof(__typeof__(*(pointer)), member) + sizeof((pointer)->member) <= (pointer)->size)

typedef struct slu_host slu_host;

/* ---- Values and options ------------------------------------------------------------------------------------------------ */

#define SLU_VALUE_NULL 0
#define SLU_VALUE_SCALAR 1 /* text, as written in the descriptor without its quotes */
#define SLU_VALUE_LIST 2   /* items[count] */
#define SLU_VALUE_MAP 3    /* keys[count] (scalars) and items[count], in the order of the file */

/* A node of a descriptor, with its position. Borrowed from the host until close (or the end of plan). */
typedef struct slu_value {
    uint32_t size;
    uint32_t kind;
    const char *text; /* SCALAR: zero-terminated; else NULL */
    uint32_t line;    /* 1-based; 0: not from a file (command line, environment, default) */
    uint32_t column;  /* 1-based; of the first character of the text, behind an opening quote */
    uint32_t quoted;  /* the scalar was in quotes */
    uint32_t count;
    const struct slu_value *keys;
    const struct slu_value *items;
} slu_value;

/* What an option's field in the options struct is. */
#define SLU_OPTION_STRING 1   /* const char * */
#define SLU_OPTION_I64 2      /* int64_t */
#define SLU_OPTION_F64 3      /* double */
#define SLU_OPTION_BOOL 4     /* uint32_t, 0 or 1 */
#define SLU_OPTION_DURATION 5 /* int64_t, milliseconds; text needs a unit: ms s m h d */
#define SLU_OPTION_BYTES 6    /* int64_t; text needs a unit: b kb mb gb kib mib gib */
#define SLU_OPTION_CHOICE 7   /* const char *, one of `choices` */
#define SLU_OPTION_LIST 8     /* const slu_value *, a list of scalars, or NULL */
#define SLU_OPTION_MAP 9      /* const slu_value *, a map of scalars, or NULL */
#define SLU_OPTION_VALUE 10   /* const slu_value *, anything, or NULL */

#define SLU_OPTION_REQUIRED 1u
#define SLU_OPTION_SECRET 2u /* never printed, never stored in job state */

typedef struct slu_option {
    uint32_t size;
    uint32_t type;
    const char *name;
    const char *text_default; /* parsed like a given text; NULL: zero / NULL */
    const char *param;        /* a job parameter that fills it when `with` does not ("fluss.bootstrap.servers"); NULL: none */
    const char *choices;      /* CHOICE: "a|b|c" */
    const char *help;         /* one sentence */
    int64_t min;              /* I64, DURATION, BYTES: inclusive bounds; both 0: none */
    int64_t max;
    uint32_t offset; /* of the field in the options struct */
    uint32_t flags;
} slu_option;

/* One line of an option table:
 *     SLU_OPTION("table", STRING, my_options, table, NULL, "the table to read, as database.table", .flags = SLU_OPTION_REQUIRED) */
#define SLU_OPTION(option_name, option_type, options_struct, field, default_text, help_text, ...)                                  \
    {                                                                                                                              \
        .size = sizeof(slu_option), .type = SLU_OPTION_##option_type, .name = (option_name), .text_default = (default_text),       \
        .help = (help_text), .offset = (uint32_t)offsetof(options_struct, field), ##__VA_ARGS__                                    \
    }

/* ---- Planning ---------------------------------------------------------------------------------------------------------- */

/* What plan sees and answers. Runs in a short-lived process with a deadline: it may block (network calls are fine). */
typedef struct slu_plan_call {
    uint32_t size;
    uint32_t parallelism;
    slu_host *host;                          /* log, alloc, clocks, lookup_plan; no state, no emit */
    const void *options;                     /* the plugin's options struct, parsed */
    const slu_value *with;                   /* the same as written, for positions (may be NULL) */
    const struct ArrowSchema *const *inputs; /* "+s" each; for a lookup: inputs[0] holds the key columns, by the lookup's names */
    uint32_t input_count;
    uint32_t output_count;       /* as the plugin declares */
    struct ArrowSchema *outputs; /* out: [output_count], released by the host. A lookup: every column it can return */
    uint32_t dynamic;            /* out: 1: every emitted batch carries its own schema; outputs stay empty */
    uint32_t bounded;            /* out, source: 1: it will END */
    const char *operator_id;
    const char *const *keys; /* columns of input 0 by which `partition: hash` divides the rows */
    uint32_t key_count;      /* 0: input 0 is not divided by hash */
    uint32_t reserved;
} slu_plan_call;

/* A piece of a source's work: a bucket with an offset, a file with a position. Its bytes are the plugin's own. */
typedef struct slu_split {
    uint32_t size;
    uint32_t data_bytes;
    const char *id; /* unique within the source, stable across restarts */
    const void *data;
} slu_split;

/* Collects splits; copies what it is given. */
typedef struct slu_split_list {
    uint32_t size;
    uint32_t reserved;
    slu_status (*add)(struct slu_split_list *list, const slu_split *split, slu_error *err);
} slu_split_list;

/* ---- Opening ----------------------------------------------------------------------------------------------------------- */

typedef struct slu_open {
    uint32_t size;
    uint32_t restored; /* 1: restore calls follow (perhaps none, when there was nothing to save) */
    slu_host *host;    /* valid until close */
    const void *options;
    const slu_value *with;
    const char *job_id; /* 32 hex digits */
    const char *job_name;
    const char *operator_id; /* the identity of its state */
    uint32_t subtask;        /* 0 .. parallelism-1 */
    uint32_t parallelism;
    uint32_t max_parallelism; /* number of key groups */
    uint32_t key_group_first; /* inclusive range of this subtask */
    uint32_t key_group_last;
    uint32_t attempt; /* number of the attempt, from 1 */
    const struct ArrowSchema *const *inputs;
    const struct ArrowSchema *const *outputs;
    uint32_t input_count;
    uint32_t output_count;
    const char *const *keys; /* as slu_plan_call */
    uint32_t key_count;
    uint32_t reserved;
} slu_open;

/* Where an instance writes its state at a barrier. Copies what it is given. */
#define SLU_KEY_GROUP_NONE UINT32_MAX /* state of the subtask, not of a key */

typedef struct slu_snapshot {
    uint32_t size;
    uint32_t reserved;
    int64_t checkpoint;
    slu_status (*write)(struct slu_snapshot *snapshot, uint32_t key_group, const void *data, uint64_t bytes, slu_error *err);
} slu_snapshot;

/* ---- Host services ----------------------------------------------------------------------------------------------------- */

#define SLU_HOST_LOG_ERROR 1
#define SLU_HOST_LOG_WARN 2
#define SLU_HOST_LOG_INFO 3
#define SLU_HOST_LOG_DEBUG 4

/* What emit sends. Either `array` (a new batch; moved) or `base` (an existing batch, perhaps with fewer rows). */
typedef struct slu_emit {
    uint32_t size;
    uint32_t output;
    struct ArrowArray *array;         /* moved; NULL: base is sent */
    const struct ArrowSchema *schema; /* NULL: the planned one; needed (and copied once per pointer) on a dynamic output */
    const slu_batch *base;
    const int32_t *selection; /* ascending row numbers of the array (or of base->array); NULL: all (or those of base). Copied */
    int64_t rows;             /* length of selection; ignored without one */
    const uint8_t *kinds;     /* one SLU_ROW_ per row of array; NULL: all append (or those of base). Copied */
    const slu_attr *attrs;    /* copied; NULL: none (or those of base) */
    uint32_t attr_count;
    uint32_t reserved;
} slu_emit;

/* Keys of a batch in canonical form. Per key column, in the order declared: one byte 0 (null) or 1, then the value: fixed-width
 * types their little-endian bytes (zeros when null; BOOLEAN one byte 0 or 1; -0.0 becomes 0.0, every NaN the quiet one), STRING and
 * BYTES a u32 little-endian length (0 when null) and the bytes. hash = low 32 bits of XXH64 (seed 0) of these bytes; the key group is
 * Flink's murmur step of the hash modulo max_parallelism. Frozen with golden vectors. */
typedef struct slu_keys {
    uint32_t size;
    uint32_t key_bytes; /* every key has this many bytes; 0: by offsets */
    int64_t count;
    const uint8_t *data;
    const int32_t *offsets; /* count+1, when key_bytes is 0 */
    const uint32_t *hashes;
} slu_keys;

typedef struct slu_state slu_state;

#define SLU_STATE_FIXED 1 /* a value is value_bytes in place, zeroed when created, 8-byte aligned */
#define SLU_STATE_BYTES 2 /* a value is a run of bytes */

typedef struct slu_state_spec {
    uint32_t size;
    uint32_t kind;
    const char *name;     /* unique within the operator */
    uint32_t key_bytes;   /* 0: keys of any length */
    uint32_t value_bytes; /* FIXED: 1..65536 */
    int64_t ttl_ms;       /* 0: forever; else a value not written for so long may be forgotten */
} slu_state_spec;

#define SLU_TIME_PROCESSING 1
#define SLU_TIME_EVENT 2

typedef struct slu_timer {
    uint32_t size;
    uint32_t domain;
    int64_t at_ms;
    uint32_t key_hash;
    uint32_t key_bytes;
    const void *key;
    uint64_t tag;
} slu_timer;

#define SLU_IO_READ 1u
#define SLU_IO_WRITE 2u

typedef struct slu_lookup_port slu_lookup_port;

/* A finished lookup: row i of `values` answers key i. found[i] 0: no such key (its row of values is null). */
typedef struct slu_lookup_answer {
    uint32_t size;
    uint32_t reserved;
    uint64_t token;
    const slu_batch *values;  /* NULL on failure; borrowed: batch_ref to keep */
    const uint8_t *found;     /* values->array->length bytes; borrowed for the call */
    const slu_error *failure; /* NULL: fine */
} slu_lookup_answer;

typedef struct slu_lookup_spec {
    uint32_t size;
    uint32_t reserved;
    const slu_value *use;             /* map: `use` names the lookup plugin, the rest are its options */
    const struct ArrowSchema *keys;   /* "+s" of the key columns, by the lookup's names */
    const struct ArrowSchema *values; /* "+s" of the wanted columns, in the wanted order */
    void *owner;                      /* handed to on_answer */
    void (*on_answer)(void *owner, const slu_lookup_answer *answer); /* on the task thread, never from inside lookup_submit */
} slu_lookup_spec;

typedef struct slu_metric slu_metric;

#define SLU_METRIC_COUNTER 1
#define SLU_METRIC_GAUGE 2

struct slu_host {
    uint32_t size;
    uint32_t abi;  /* SLU_ABI of the host */
    void *context; /* the host's own */

    /* `event` is a stable id in capitals. Secrets and rows are never logged. Any thread. */
    void (*log)(slu_host *host, int32_t level, const char *event, const char *message);
    /* Accounted, 64-byte aligned, not zeroed; NULL: no memory or the budget is spent. release accepts NULL. */
    void *(*alloc)(slu_host *host, uint64_t bytes);
    void (*release)(slu_host *host, void *memory);
    int64_t (*now_ms)(slu_host *host);  /* monotonic */
    int64_t (*wall_ms)(slu_host *host); /* since 1970-01-01 UTC */
    uint64_t (*random)(slu_host *host);

    const slu_batch *(*batch_ref)(slu_host *host, const slu_batch *batch); /* returns its argument */
    void (*batch_unref)(slu_host *host, const slu_batch **batch);          /* leaves NULL; NULL is fine */
    slu_status (*emit)(slu_host *host, slu_emit *emit, slu_error *err);
    slu_status (*emit_watermark)(slu_host *host, int64_t event_ms, slu_error *err);

    /* Keyed state; per batch. `keys` must belong to this subtask's key groups. Pointers into FIXED values are valid until the next
     * call on the same state or the end of the plugin call, whichever is first; equal keys give equal pointers. */
    slu_status (*state_open)(slu_host *host, const slu_state_spec *spec, slu_state **out, slu_error *err);
    slu_status (*state_find_many)(slu_host *host, slu_state *state, const slu_keys *keys, void **values, slu_error *err);
    /* Missing keys are created zeroed. */
    slu_status (*state_upsert_many)(slu_host *host, slu_state *state, const slu_keys *keys, void **values, slu_error *err);
    slu_status (*state_erase_many)(slu_host *host, slu_state *state, const slu_keys *keys, slu_error *err);
    /* BYTES: views[i].data NULL: missing; valid as above. */
    slu_status (*state_get_bytes)(slu_host *host, slu_state *state, const slu_keys *keys, slu_attr *views, slu_error *err);
    slu_status (*state_put_bytes)(slu_host *host, slu_state *state, const slu_keys *keys, const slu_attr *values, slu_error *err);

    /* Setting the same (domain, key, tag) again moves the timer. clear of a missing one is OK. */
    slu_status (*timer_set)(slu_host *host, const slu_timer *timer, slu_error *err);
    slu_status (*timer_clear)(slu_host *host, const slu_timer *timer, slu_error *err);

    /* Watches a descriptor: `ready(instance, cookie, events)` follows when it is readable or writable (level triggered). events 0
     * forgets it; do so before closing the descriptor. */
    slu_status (*watch)(slu_host *host, int32_t fd, uint32_t events, uint64_t cookie, slu_error *err);
    /* One deadline per instance on the now_ms clock; `ready(instance, SLU_COOKIE_DEADLINE, 0)` follows. INT64_MAX: none. */
    void (*deadline)(slu_host *host, int64_t at_ms);
    /* Any thread: `ready(instance, SLU_COOKIE_WAKE, 0)` follows on the task thread. */
    void (*wake)(slu_host *host);

    /* Lookups opened through the host. In plan: what the lookup can return (released by the caller). */
    slu_status (*lookup_plan)(slu_host *host, const slu_value *use, const struct ArrowSchema *keys, struct ArrowSchema *out_values,
                              slu_error *err);
    slu_status (*lookup_open)(slu_host *host, const slu_lookup_spec *spec, slu_lookup_port **out, slu_error *err);
    /* `keys` is moved. AGAIN: too many in flight (keys is then untouched). */
    slu_status (*lookup_submit)(slu_host *host, slu_lookup_port *port, uint64_t token, struct ArrowArray *keys, slu_error *err);
    void (*lookup_close)(slu_host *host, slu_lookup_port **port);
    /* Called by a lookup plugin: the answer to `token`. `values` (NULL on failure) is moved. */
    slu_status (*lookup_answer)(slu_host *host, uint64_t token, struct ArrowArray *values, const uint8_t *found,
                                const slu_error *failure);

    /* Handles live as long as the instance. */
    slu_metric *(*metric)(slu_host *host, uint32_t kind, const char *name);
    void (*metric_add)(slu_host *host, slu_metric *metric, int64_t delta); /* a gauge is set */

    /* A table of functions by name and version ("store/1", "rules/1"); NULL: this host has none. */
    const void *(*get_extension)(slu_host *host, const char *name);
};

/* ---- What a sink promises ------------------------------------------------------------------------------------------------ */

/* Extension "promise/1" of the host, there while a sink is planned: what it promises about each row as it is set up, and on what
 * conditions. `explain` prints it. The text is copied; the last one said counts. */
typedef struct slu_promise {
    uint32_t size;
    uint32_t reserved;
    void (*say)(slu_host *host, const char *text);
} slu_promise;

/* ---- Rules that are replaced while running ------------------------------------------------------------------------------ */

/* The message of `control` for an operator with an option `rules` of type VALUE: its next set. The set that was open'ed is version 1. */
typedef struct slu_rules {
    uint32_t size;
    uint32_t step; /* SLU_RULES_ */
    int64_t version;
    const slu_value *rules; /* CHECK: borrowed for the call; else NULL */
} slu_rules;

#define SLU_RULES_CHECK                                                                                                            \
    1 /* keep it ready, in place of one that was not switched to; an error names the place and changes nothing */
#define SLU_RULES_SWITCH 2 /* at a barrier, before snapshot: rows from here on go by the set that was checked last */
#define SLU_RULES_KEEP 3   /* that barrier's checkpoint is whole: the set before is not needed any more */
#define SLU_RULES_BACK 4   /* it will not be: the set before again. No row came in between */
/* After a restore: CHECK, SWITCH and KEEP between open and restore, with the set that was in force at the checkpoint. */

#define SLU_COOKIE_DEADLINE UINT64_MAX
#define SLU_COOKIE_WAKE (UINT64_MAX - 1)

/* ---- The five kinds ---------------------------------------------------------------------------------------------------- */

#define SLU_KIND_SOURCE 1
#define SLU_KIND_OPERATOR 2
#define SLU_KIND_SINK 3
#define SLU_KIND_LOOKUP 4
#define SLU_KIND_STORE 5

typedef struct slu_source_ops {
    uint32_t size;
    uint32_t reserved;
    /* In the planning process: every split there is. The host divides them among the subtasks. */
    slu_status (*list_splits)(const slu_plan_call *call, slu_split_list *list, slu_error *err);
    slu_status (*open)(void *self, const slu_open *open, slu_error *err);
    /* New splits, or those of a checkpoint. May be called again while running. */
    slu_status (*assign)(void *self, const slu_split *splits, uint32_t count, slu_error *err);
    slu_status (*drop)(void *self, const char *split_id, slu_error *err); /* optional: rescale */
    /* Emits about one batch. OK or AGAIN: wait for ready; MORE: call again at once; END: every split is exhausted. */
    slu_status (*poll)(void *self, slu_error *err);
    slu_status (*ready)(void *self, uint64_t cookie, uint32_t events, slu_error *err); /* optional */
    /* The splits as they are now: exactly what was emitted is behind them. */
    slu_status (*snapshot)(void *self, int64_t checkpoint, slu_split_list *list, slu_error *err);
    /* The checkpoint is whole. optional */
    slu_status (*complete)(void *self, int64_t checkpoint, slu_error *err);
    slu_status (*control)(void *self, const void *message, uint64_t bytes, slu_error *err); /* optional */
    void (*close)(void *self);
} slu_source_ops;

typedef struct slu_operator_ops {
    uint32_t size;
    uint32_t reserved;
    slu_status (*open)(void *self, const slu_open *open, slu_error *err);
    slu_status (*restore)(void *self, uint32_t state_version, uint32_t key_group, const void *data, uint64_t bytes,
                          slu_error *err); /* optional */
    /* OK; MORE: taken, call `more`; AGAIN: not taken (K batches are in flight). */
    slu_status (*process)(void *self, uint32_t input, const slu_batch *batch, slu_error *err);
    slu_status (*more)(void *self, slu_error *err);                                    /* optional: after MORE */
    slu_status (*watermark)(void *self, int64_t event_ms, slu_error *err);             /* optional; the host forwards it */
    slu_status (*timer)(void *self, const slu_timer *timer, slu_error *err);           /* optional */
    slu_status (*ready)(void *self, uint64_t cookie, uint32_t events, slu_error *err); /* optional */
    /* Batches in flight: watermarks, barriers and the end wait until it says 0. optional: 0 */
    uint32_t (*pending)(const void *self);
    /* All inputs have ended; the last chance to emit. OK or MORE. optional */
    slu_status (*end)(void *self, slu_error *err);
    slu_status (*snapshot)(void *self, slu_snapshot *snapshot, slu_error *err); /* optional: state the host does not keep */
    slu_status (*control)(void *self, const void *message, uint64_t bytes, slu_error *err); /* optional: at a barrier (rule swap) */
    void (*close)(void *self);
} slu_operator_ops;

typedef struct slu_sink_ops {
    uint32_t size;
    uint32_t reserved;
    slu_status (*open)(void *self, const slu_open *open, slu_error *err);
    slu_status (*restore)(void *self, uint32_t state_version, uint32_t key_group, const void *data, uint64_t bytes,
                          slu_error *err); /* optional */
    /* OK: taken; AGAIN: not taken. */
    slu_status (*write)(void *self, const slu_batch *batch, slu_error *err);
    slu_status (*ready)(void *self, uint64_t cookie, uint32_t events, slu_error *err); /* optional */
    /* At a barrier, before snapshot: everything written is safe with the other system, or staged. AGAIN: not yet. What it writes to
     * `committables` becomes part of the checkpoint and comes back in commit. Checkpoint 0 comes before the first write. */
    slu_status (*prepare)(void *self, slu_snapshot *committables, slu_error *err);
    slu_status (*snapshot)(void *self, slu_snapshot *snapshot, slu_error *err); /* optional */
    /* The checkpoint is whole: make it visible. Idempotent: after a crash it is called again. AGAIN: not yet, call again. optional */
    slu_status (*commit)(void *self, int64_t checkpoint, const void *data, uint64_t bytes, slu_error *err);
    /* What prepare staged is not wanted. optional. The worker does not call it so far: when a checkpoint is aborted its rows are still
     * wanted, and what was staged for it is committed with the next whole one. */
    slu_status (*abort)(void *self, int64_t checkpoint, slu_error *err);
    uint32_t (*pending)(const void *self); /* optional */
    void (*close)(void *self);
} slu_sink_ops;

typedef struct slu_lookup_ops {
    uint32_t size;
    uint32_t reserved;
    /* open->inputs[0]: key columns; open->outputs[0]: wanted columns. */
    slu_status (*open)(void *self, const slu_open *open, slu_error *err);
    /* Answer with host->lookup_answer(token), now or later. AGAIN: too many in flight. `keys` is borrowed: batch_ref to keep it. */
    slu_status (*submit)(void *self, uint64_t token, const slu_batch *keys, slu_error *err);
    slu_status (*ready)(void *self, uint64_t cookie, uint32_t events, slu_error *err); /* optional */
    void (*close)(void *self);
} slu_lookup_ops;

/* A store of named byte runs (checkpoints, lake files). Blocking: the host calls it on a thread of its own. */
typedef struct slu_store_ops {
    uint32_t size;
    uint32_t reserved;
    slu_status (*open)(void *self, const slu_open *open, slu_error *err);
    /* `grow` gives room for `bytes` more and is called until all is there. */
    slu_status (*get)(void *self, const char *name, uint64_t offset, uint64_t bytes_max, void *(*grow)(void *to, uint64_t bytes),
                      void *to, slu_error *err);
    slu_status (*put)(void *self, const char *name, const void *data, uint64_t bytes, uint32_t exclusive,
                      slu_error *err); /* CONFLICT */
    slu_status (*remove)(void *self, const char *name, slu_error *err);
    /* All below a folder: `prefix` ends in "/". */
    slu_status (*list)(void *self, const char *prefix, slu_status (*found)(void *to, const char *name, uint64_t bytes), void *to,
                       slu_error *err);
    void (*close)(void *self);
} slu_store_ops;

/* How `partition: bucket` spreads rows before a plugin: asked in the sending task, on an instance of its own. */
typedef struct slu_partitioner_ops {
    uint32_t size;
    uint32_t instance_bytes;
    slu_status (*open)(void *self, const slu_open *open, slu_error *err); /* options are the plugin's */
    /* buckets[i] for the i-th row of the batch (through its selection); subtask = bucket modulo parallelism. */
    slu_status (*partition)(void *self, const slu_batch *batch, uint32_t *buckets, slu_error *err);
    void (*close)(void *self);
} slu_partitioner_ops;

/* ---- Modules ----------------------------------------------------------------------------------------------------------- */

#define SLU_PLUGIN_NONDETERMINISTIC 1u /* replay may give other rows: explain says what that weakens */
#define SLU_PLUGIN_KEYED 2u            /* uses keyed state: its input must be partitioned by hash */

typedef struct slu_plugin {
    uint32_t size;
    uint32_t kind;
    const char *name;
    const char *help; /* one sentence */
    const slu_option *options;
    uint32_t option_count;
    uint32_t options_bytes; /* sizeof the options struct */
    uint32_t instance_bytes;
    uint32_t state_version; /* of what snapshot writes, from 1 */
    uint32_t input_min;     /* operators and sinks: how many inputs (`from`) it takes */
    uint32_t input_max;
    uint32_t output_count; /* sources 1, sinks 0; operators with side outputs more */
    uint32_t flags;
    slu_status (*plan)(slu_plan_call *call, slu_error *err);
    const void *ops; /* slu_source_ops, slu_operator_ops, slu_sink_ops, slu_lookup_ops or slu_store_ops, by kind */
    const slu_partitioner_ops *partitioner;         /* NULL: no `bucket` partition */
    const void *(*get_extension)(const char *name); /* optional */
} slu_plugin;

typedef struct slu_module {
    uint32_t size;
    uint32_t abi; /* SLU_ABI it was built against */
    const char *name;
    const char *version;
    const slu_plugin *const *plugins;
    uint32_t plugin_count;
    uint32_t reserved;
} slu_module;

#if defined(__GNUC__)
#define SLU_EXPORT __attribute__((visibility("default")))
#else
#define SLU_EXPORT
#endif

/* The one exported function of a module. */
SLU_EXPORT const slu_module *slu_plugin_entry(void);

/* An error with the position of a descriptor node (`offset`: characters into its text, for a caret in an expression). */
#define slu_error_at(err, status, value, offset, ...)                                                                              \
    (__extension__({                                                                                                               \
        slu_error *const slu_at_err_ = (err);                                                                                      \
        const slu_value *const slu_at_value_ = (value);                                                                            \
        const slu_status slu_at_status_ = slu_error_set(slu_at_err_, (status), __VA_ARGS__);                                       \
        if (slu_at_err_ != NULL && slu_at_value_ != NULL && slu_at_value_->line != 0) {                                            \
            slu_at_err_->line = slu_at_value_->line;                                                                               \
            slu_at_err_->column = slu_at_value_->column + (uint32_t)(offset);                                                      \
        }                                                                                                                          \
        slu_at_status_;                                                                                                            \
    }))

/* What a sink's plan says of itself; a host that asks nobody hears nothing. */
static inline void
slu_promise_say(slu_host *host, const char *text)
{
    const slu_promise *promise =
        host == NULL || host->get_extension == NULL ? NULL : (const slu_promise *)host->get_extension(host, "promise/1");
    if (promise != NULL)
        promise->say(host, text);
}

/* The value of a key of a map; NULL when there is none. */
static inline const slu_value *
slu_value_get(const slu_value *map, const char *key)
{
    for (uint32_t i = 0; map != NULL && map->kind == SLU_VALUE_MAP && i < map->count; i++)
        if (strcmp(map->keys[i].text, key) == 0)
            return &map->items[i];
    return NULL;
}

#ifdef __cplusplus
}
#endif
#endif
