/*
 * splits.h: the splits of one round that are being written: each a lake writer, until its end is told or it is cut short.
 *
 * Owns     the list owns its splits and their unfinished files.
 * Threads  owner; calls block on the store.
 * Errors   those of the lake writer.
 */
#ifndef TIERING_SPLITS_H
#define TIERING_SPLITS_H

#include "lake_writer.h"

#define TIERING_RESULT_BYTES_MAX ((size_t)64 << 20)

typedef struct tiering_open_split {
    uint16_t split;
    tiering_lake_writer *writer; /* NULL: cut short */
    int64_t next_offset;         /* behind the last row written */
    int64_t oldest_ms;           /* commit time of the oldest row */
    slu_buf files;               /* cut short: what it came to */
    struct tiering_open_split *next;
} tiering_open_split;

void tiering_splits_free(tiering_open_split **splits);
/* The split of options->piece, begun if need be. */
SLU_CHECK slu_status tiering_splits_find(tiering_open_split **splits, const tiering_lake_writer_options *options,
                                         tiering_open_split **out, slu_error *err);
/* Rows of a split; those of one that was cut short are left to the table's next round. */
SLU_CHECK slu_status tiering_split_write(tiering_open_split *split, const tiering_piece *piece, const slu_batch *batch,
                                         slu_error *err);
/* Its files end here. */
SLU_CHECK slu_status tiering_split_cut(tiering_open_split *split, slu_error *err);
/* The piece's split is over: its files as bytes (a split without rows has none), and in *piece where it ends and how old its oldest row
 * is. */
SLU_CHECK slu_status tiering_splits_end(tiering_open_split **splits, tiering_piece *piece, slu_buf *files, slu_error *err);

#endif
