/*
 * round.h: what travels between the three plugins of tiering, as bytes with a map.
 *
 * A round is one table claimed once: (table id, tiering epoch). Its splits are ranges of buckets, numbered 0 .. split_count-1. The source
 * puts a tiering_piece on every batch (attribute TIERING_PIECE); the writer turns each split into a tiering_result (the `result`
 * column); the committer commits a round when all its results are there.
 *
 *   piece   u8 version 2, u8 kind, u8 flags, u16 split, u16 split count, i32 bucket, i64 partition id, i64 table id, i64 tiering epoch,
 *           i32 coordinator epoch, i64 known snapshot, i64 base offset, i64 commit timestamp, i64 end offset, u16 + database,
 *           u16 + table, u16 + partition
 *   result  the same with kind RESULT or FAILED, then u32 file bytes and files (iceberg_data_files_encode), or u32 + reason
 *
 * All integers little endian.
 * Owns     views borrow from the bytes.
 * Errors   CORRUPT: not such bytes.
 * Limits   TIERING_SPLITS_MAX splits a round; names of 255 bytes; a reason is cut at 1000 bytes.
 */
#ifndef TIERING_ROUND_H
#define TIERING_ROUND_H

#include "base/bytes.h"
#include "base/cursor.h"

#define TIERING_PIECE "tiering" /* the attribute's key */
#define TIERING_SPLITS_MAX 65535
#define TIERING_NAME_BYTES_MAX 256
#define TIERING_NO_SNAPSHOT                                                                                                        \
    INT64_MIN /* Fluss knew no lake snapshot when the round was claimed (Iceberg ids may be any other number) */

#define TIERING_ROWS 1   /* rows of a split */
#define TIERING_END 2    /* the split was read to its end offset */
#define TIERING_ABORT 3  /* the round is given up: forget its files (split is unused) */
#define TIERING_RESULT 4 /* writer to committer: a finished split */
#define TIERING_FAILED 5 /* source or writer to committer: the round failed, with a reason */

#define TIERING_FLAG_UPSERTS 1  /* the changelog tells an update by its new row alone (table.changelog.image=WAL) */
#define TIERING_FLAG_SNAPSHOT 2 /* the rows are those of a kv snapshot: all at offset -1 */
#define TIERING_FLAGS_ALL 3

#define TIERING_NO_PARTITION INT64_C(-1)

typedef struct tiering_piece {
    uint8_t kind;
    uint8_t flags; /* TIERING_FLAG_ */
    uint16_t split;
    uint16_t split_count;
    int32_t bucket;       /* within its partition */
    int64_t partition_id; /* TIERING_NO_PARTITION */
    int64_t table_id;
    int64_t tiering_epoch;
    int32_t coordinator_epoch;
    int64_t known_snapshot;   /* the lake snapshot that Fluss named when the ranges were made; TIERING_NO_SNAPSHOT */
    int64_t base_offset;      /* ROWS: of row 0 of the array; -1: of every row (SNAPSHOT) */
    int64_t commit_timestamp; /* ROWS: milliseconds; -1 (SNAPSHOT). RESULT: of the oldest row; 0: none */
    int64_t end_offset;       /* END, RESULT: the next offset to read */
    char database[TIERING_NAME_BYTES_MAX];
    char table[TIERING_NAME_BYTES_MAX];
    char partition[TIERING_NAME_BYTES_MAX]; /* Fluss's name: values joined by '$'; empty: none */
} tiering_piece;

void tiering_piece_encode(const tiering_piece *piece, slu_buf *out);
/* Moves the cursor behind it. */
SLU_CHECK slu_status tiering_piece_decode(slu_cursor *cursor, tiering_piece *out, slu_error *err);

/* `payload`: encoded data files (RESULT) or the reason (FAILED). */
void tiering_result_encode(const tiering_piece *piece, slu_view payload, slu_buf *out);
SLU_CHECK slu_status tiering_result_decode(slu_view bytes, tiering_piece *out, slu_view *payload, slu_error *err);

static inline bool
tiering_same_round(const tiering_piece *a, const tiering_piece *b)
{
    return a->table_id == b->table_id && a->tiering_epoch == b->tiering_epoch && a->coordinator_epoch == b->coordinator_epoch;
}

#endif
