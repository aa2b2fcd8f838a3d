/*
 * sink.h: the Fluss sink's instance, shared by fluss_sink.c (rows in, batches out) and sink_recover.c (exactly once).
 *
 *   OPENING -the table is open-> OFFSETS -each owned bucket's end is known-> SCANNING -read to those ends-> RUNNING
 *   (of a partitioned table the partitions are listed first: LISTING)
 *   (a sink that promises nothing, or has no buckets, goes from OPENING to RUNNING at once; a fresh one skips SCANNING)
 *
 * Exactly once on a log table (Fluss has no transactions), per bucket, by one writer each:
 *   state     writer id, next sequence, end offset, taken at a barrier after everything is acknowledged; and rows still to be dropped
 *   partitions  the state also has, per bucket, the writer id for partitions that are not in it: one that is found at the start and is
 *             not in the state was made since, so it is read from its beginning, and written on under that id from sequence 0
 *   restored  (1) read from the end offset to the end as it is now, batches of the own writer id only: their rows' identities, the
 *                 last sequence
 *             (2) drop those rows from the replay, counted
 *             (3) go on under the same writer id with the next sequence, so that a late request of the dead worker is a duplicate
 *             (4) for the first batches of a bucket compare the CRC stored at the answered offset with what was sent: where another
 *                 lies, the attempt fails and the next one begins at (1)
 */
#ifndef FLUSS_SINK_H
#define FLUSS_SINK_H

#include "face.h"
#include "fluss/client/scanner.h"
#include "fluss/client/writer.h"
#include "sink_map.h"
#include "sink_replay.h"

#define SINK_OPENING 0
#define SINK_OFFSETS 1
#define SINK_SCANNING 2
#define SINK_RUNNING 3
#define SINK_LISTING 4

_Static_assert(32 <= FLUSS_PIECES_MAX, "what is held becomes one batch");

#define SINK_IDENTITY_MAX 16
#define SINK_VERIFY_BATCHES FLUSS_WRITER_FLIGHT_MAX
#define SINK_HELD_MAX 32
#define SINK_RETRY_MS 50
#define SINK_ASK_TRIES_MAX 600

typedef struct sink_options {
    face_options face;
    const slu_value *columns;
    const slu_value *identity;
    int64_t linger_ms;
    int64_t batch_rows;
    uint32_t make_partitions;
} sink_options;

/* The columns that identify a row. */
typedef struct sink_identity {
    int32_t columns[SINK_IDENTITY_MAX]; /* positions in the table */
    const fluss_type *types[SINK_IDENTITY_MAX];
    size_t count; /* 0: none was given */
    slu_buf key;  /* of the row last asked about */
} sink_identity;

/* Says to the planning host what holds for this table (sink_promise.c). */
void sink_promise(const fluss_face *face, const slu_value *identity);

/* INVALID: not columns of the table, too many, or a table with a primary key. Safe to fini when zeroed. */
SLU_CHECK slu_status sink_identity_init(sink_identity *identity, const fluss_face *face, const slu_value *list, slu_error *err);
void sink_identity_fini(sink_identity *identity);
/* The bytes that identify a row of a batch, in identity->key; columns[i] is a view of identity->columns[i]. */
SLU_CHECK slu_status sink_identity_of(sink_identity *identity, const slu_column *columns, int64_t row, slu_error *err);
/* For a table without bucket key, whose rows must find the same writer when they come again: the bucket of each of `rows` rows
 * (selection NULL: the first ones) of an array in the table's order. */
SLU_CHECK slu_status sink_identity_buckets(sink_identity *identity, const fluss_table *table, const struct ArrowArray *array,
                                           const int32_t *selection, int64_t rows, int32_t *out_buckets, slu_error *err);

struct fluss_sink;

typedef struct sink_bucket {
    struct fluss_sink *sink;
    bool owned;
    bool resumed; /* goes on as a writer of an earlier attempt */
    bool end_known;
    int32_t next_sequence;
    uint32_t verify_left; /* batches to compare after a resume */
    uint32_t ask_tries;
    int64_t writer_id;
    int64_t end_offset; /* behind the last row of a whole checkpoint's writes, later behind the last acknowledged one */
    int64_t log_end;    /* asked at the start */
    fluss_call *ask;
} sink_bucket;

typedef struct sink_restored {
    int64_t partition_id; /* -1 */
    int32_t bucket;
    int32_t next_sequence;
    int64_t writer_id;
    int64_t end_offset;
} sink_restored;

typedef struct sink_check {
    int32_t bucket;
    uint32_t crc;
    int64_t base_offset;
} sink_check;

/* A batch divided by bucket. */
typedef struct sink_held {
    const slu_batch *batch;
    struct ArrowArray view; /* as the table wants it */
    struct ArrowArray **children;
    int32_t *order;  /* its rows, by bucket */
    int64_t *starts; /* of each bucket number in order; one more than there were */
    int32_t numbers; /* bucket numbers when it was divided */
    int32_t starts_room;
    int64_t room; /* rows that order holds */
} sink_held;

typedef struct fluss_sink {
    fluss_face face;
    const sink_options *options;
    const slu_value *with;
    const struct ArrowSchema *input;
    uint32_t subtask;
    uint32_t parallelism;
    int phase;
    bool exact; /* identity was given and the table is a log table */
    bool restored;
    slu_error failure; /* found inside a callback */
    sink_map map;
    fluss_writer *writer;
    sink_bucket *buckets; /* by bucket number (client/target.h) */
    int32_t bucket_count; /* of them; grows with the partitions */
    int64_t *writer_ids;  /* partitioned and exact: per bucket of a partition, for what is not in the state; -1: the writer's own */
    int32_t sticky;       /* for tables without bucket key: the bucket of the last batch */
    /* What was restored, until the table is open. */
    sink_restored *states;
    size_t state_count;
    int64_t *state_writers; /* by bucket, -1 where none was restored */
    int32_t state_writer_count;
    int64_t state_table_id;
    sink_identity identity;
    sink_replay replay;
    /* Recovery and comparison read the log. */
    fluss_scanner *scanner;
    sink_check *checks; /* ring of check_room */
    size_t check_room;
    size_t check_first;
    size_t check_count;
    bool check_asked; /* the first one is being read */
    /* Batches that were taken and are not written: they wait to become one Fluss batch per bucket. */
    sink_held held[SINK_HELD_MAX];
    size_t held_count;
    int64_t held_rows;
    int64_t held_since_ms;
    bool flushing; /* buckets from next_bucket on are still to be written */
    int32_t next_bucket;
    int32_t *rows;   /* of the batch being divided, in order */
    int32_t *places; /* the bucket number of each */
    int32_t *slots;  /* and its partition */
    int64_t room;    /* rows that both hold */
} fluss_sink;

/* Brings the sink towards RUNNING. OK: it is; AGAIN: not yet. */
SLU_CHECK slu_status sink_advance(fluss_sink *sink, slu_error *err);
/* Room for bucket numbers that partitions brought. */
SLU_CHECK slu_status sink_buckets_grow(fluss_sink *sink, slu_error *err);
/* Whether nothing is being compared any more; AGAIN; CONFLICT (retriable): another writer's batch lies where ours should. */
SLU_CHECK slu_status sink_verify(fluss_sink *sink, slu_error *err);
/* Puts an acknowledged batch on the list of those to compare. */
void sink_verify_later(fluss_sink *sink, const fluss_ack *ack);
SLU_CHECK slu_status sink_state_encode(const fluss_sink *sink, slu_buf *out, slu_error *err);
SLU_CHECK slu_status sink_state_decode(fluss_sink *sink, slu_view state, slu_error *err);
void sink_recover_fini(fluss_sink *sink);

#endif
