/*
 * commit.h: one round into the lake and into Fluss, over two tables of functions.
 *
 *   same table id still?  ->  a registration lost? repair it, fail the round  ->  the ranges still fit?  ->  prepare (path of the
 *   offsets file)  ->  lake commit with commit-user and fluss-offsets  ->  commit to Fluss  ->  finished
 *
 * A failure before the lake commit deletes the round's data files; an unknown outcome of the lake commit deletes nothing; a failure after it
 * leaves the lake as it is, and the next round finds the lost registration and repairs it.
 * Owns     nothing; the round is the caller's.
 * Threads  one at a time; calls block.
 * Errors   CONFLICT: another tiering service was there, or the table is another one; INVALID: a lake table written by an incompatible
 *          service; and what Fluss and the catalog say.
 */
#ifndef TIERING_COMMIT_H
#define TIERING_COMMIT_H

#include "round.h"

#include "iceberg/catalog.h"

#define TIERING_COMMIT_USER "__fluss_lake_tiering"
#define TIERING_OFFSETS_KEY "fluss-offsets"
#define TIERING_PATH_BYTES_MAX 4096

typedef struct tiering_end_offset {
    int64_t partition_id; /* TIERING_NO_PARTITION */
    int32_t bucket;
    int64_t end;
} tiering_end_offset;

/* What a commit asks of Fluss. */
typedef struct tiering_fluss {
    void *self;
    slu_status (*table_id)(void *self, const char *database, const char *table, int64_t *out, slu_error *err);
    /* TIERING_NO_SNAPSHOT: none. */
    slu_status (*lake_snapshot)(void *self, const char *database, const char *table, int64_t *out, slu_error *err);
    slu_status (*prepare)(void *self, const tiering_piece *round, const tiering_end_offset *ends, size_t count, char *path,
                          slu_error *err);
    /* `keep_all`: a repair, which must not drop older snapshots. */
    slu_status (*commit)(void *self, const tiering_piece *round, int64_t snapshot, const char *path, bool keep_all, slu_error *err);
    slu_status (*report)(void *self, const tiering_piece *round, bool finished, slu_error *err);
} tiering_fluss;

/* The results of a round, one per split, in any order. */
typedef struct tiering_split_files {
    bool there;
    int64_t partition_id;
    int32_t bucket;
    int64_t end_offset;
    int64_t oldest_ms; /* the commit time of its oldest row; 0: no rows, or those of a snapshot */
    slu_buf files;     /* iceberg_data_files_encode */
} tiering_split_files;

typedef struct tiering_round {
    tiering_piece head;
    tiering_split_files *splits; /* head.split_count */
    uint32_t arrived;
    bool failed; /* by the writer, or given up by the source */
    char reason[SLU_ERROR_MESSAGE_BYTES];
} tiering_round;

SLU_CHECK slu_status tiering_round_new(const tiering_piece *head, tiering_round **out, slu_error *err);
void tiering_round_free(tiering_round **round);
/* Adds a result (RESULT, FAILED or ABORT); a repeated split is CORRUPT. */
SLU_CHECK slu_status tiering_round_add(tiering_round *round, const tiering_piece *piece, slu_view payload, slu_error *err);
static inline bool
tiering_round_complete(const tiering_round *round)
{
    return round->failed || round->arrived == round->head.split_count;
}

typedef struct tiering_outcome {
    bool committed; /* the lake has the round */
    bool repaired;  /* a lost registration was sent again; the round failed for it */
    int64_t snapshot;
    int64_t files; /* of deletes, too */
    int64_t rows;
    int64_t deletes; /* rows of delete files */
} tiering_outcome;

/* Commits a complete round, or clears away a failed one. Fluss is told finished or failed in any case (a failure to tell is the
 * status only when nothing else was). */
SLU_CHECK slu_status tiering_round_commit(const tiering_fluss *fluss, const iceberg_catalog *catalog, tiering_round *round,
                                          tiering_outcome *out, slu_error *err);

#endif
