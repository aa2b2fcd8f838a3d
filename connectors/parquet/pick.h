/*
 * pick.h: what a reader gives: a tree of columns over the tree of the file, and the chunks that it takes.
 *
 * Shape    a pick mirrors one Arrow array of the batch (a map has its entries as a struct between it and key and value). It stands on a
 *          node of the file, or on none: then it is nulls. Picks are numbered in the order they are made (slot).
 * Chunks   one per leaf that is read. A nested pick takes its levels from a chunk below it, its guide; where nothing below it is
 *          wanted or there, a chunk of the file's first leaf below is read for its levels alone.
 * Owns     chunks are the picks' own; names and trees live in the arena.
 * Errors   NOTFOUND: a column that is not there and not optional; UNSUPPORTED: one that this build cannot read; INVALID: a type that the
 *          file's cannot become.
 * Threads  owner.
 */
#ifndef PARQUET_PICK_H
#define PARQUET_PICK_H

#include "chunk_reader.h"
#include "tree.h"

#define PARQUET_SLOT_NONE SIZE_MAX

typedef struct parquet_pick {
    parquet_column column;    /* as it is given */
    const parquet_node *node; /* NULL: not in the file */
    size_t slot;
    size_t chunk;       /* leaf: its own; nested: the guide */
    size_t first_child; /* where its children's pointers stand among all */
    struct parquet_pick *children;
    uint32_t child_count;
    bool entries; /* the struct inside a map */
} parquet_pick;

typedef struct parquet_pick_chunk {
    parquet_chunk_reader reader;
    size_t leaf;           /* its chunk in every row group */
    size_t slot;           /* PARQUET_SLOT_NONE: levels alone */
    parquet_column column; /* as it is given */
} parquet_pick_chunk;

typedef struct parquet_picks {
    slu_arena *arena;
    const parquet_source *source;
    parquet_pick *tops;
    size_t top_count;
    parquet_pick_chunk *chunks;
    size_t chunk_count;
    size_t chunk_room;
    size_t slot_count;
} parquet_picks;

SLU_CHECK slu_status parquet_picks_init(parquet_picks *picks, const parquet_node *nodes, size_t node_count,
                                        const parquet_want *wants, size_t count, slu_error *err);
void parquet_picks_fini(parquet_picks *picks);
/* The Arrow struct of the batches; released by the receiver. */
SLU_CHECK slu_status parquet_picks_schema(const parquet_picks *picks, struct ArrowSchema *out, slu_error *err);

#endif
