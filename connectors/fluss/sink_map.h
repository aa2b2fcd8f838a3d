/*
 * sink_map.h: how the columns of a sink's input become those of its table, without copying any.
 *
 * Shape    resolved once against the input's schema; then `view` makes, per batch, a struct array in the table's order whose children
 *          are the batch's (a missing nullable column is a column of nulls made once and grown).
 * Owns     the columns of nulls; views borrow from the batch, from the map and from the caller's array of children.
 * Threads  the task's.
 * Errors   INVALID: a column that is not there, or whose format or nullability differs; positions of `with` where it can.
 */
#ifndef FLUSS_SINK_MAP_H
#define FLUSS_SINK_MAP_H

#include "face.h"

typedef struct sink_map {
    const fluss_face *face;
    int32_t *from;    /* by table column: the input's column; -1: null */
    int32_t *targets; /* positions of the table that are written, ascending */
    uint32_t target_count;
    struct ArrowArray *nulls; /* by table column */
    const void *no_validity[1];
} sink_map;

/* `columns`: a map of table column to input column; NULL: by the same names. */
SLU_CHECK slu_status sink_map_init(sink_map *map, const fluss_face *face, const slu_value *columns, const struct ArrowSchema *input,
                                   slu_error *err);
void sink_map_fini(sink_map *map);
/* The batch's rows as the table wants them; `children` has room for the table's columns. INVALID: a null where the table has NOT NULL
 * (among the batch's rows). */
SLU_CHECK slu_status sink_map_view(sink_map *map, const slu_batch *batch, struct ArrowArray **children, struct ArrowArray *out,
                                   slu_error *err);

#endif
