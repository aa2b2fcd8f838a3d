/*
 * layout.h: what a writer's columns become in the file: the schema's elements, and for every leaf its path and levels.
 *
 * Shape    lists are written in three levels (`list`, `element`), maps as `key_value` with `key` and `value`, as the format asks; a leaf
 *          knows the steps from its top-level column down to its values.
 * Owns     everything lives in the arena given to build.
 * Errors   INVALID: an Arrow type that a column cannot take, other numbers of fields; LIMIT: more than PARQUET_COLUMNS_MAX leaves.
 * Threads  any may read.
 */
#ifndef PARQUET_LAYOUT_H
#define PARQUET_LAYOUT_H

#include "footer.h"

#define PARQUET_STEPS_MAX (PARQUET_NESTING_MAX * 2 + 1) /* a map is two: the list and its entries */

/* One Arrow array on the way to a leaf. */
typedef struct parquet_step {
    uint8_t kind; /* LIST (a map as well), STRUCT, or the leaf's */
    bool required;
    uint32_t child; /* which child comes next */
    const char *name;
} parquet_step;

typedef struct parquet_leaf {
    parquet_column column; /* its name is the dotted path */
    parquet_element element;
    const char *format; /* Arrow */
    const slu_view *path;
    size_t path_parts;
    uint32_t top; /* its top-level column */
    uint8_t def;
    uint8_t rep;
    uint8_t step_count; /* 0: the leaf is the top-level column */
    parquet_step *steps;
} parquet_leaf;

typedef struct parquet_layout {
    parquet_element *elements; /* the root first */
    size_t element_count;
    parquet_leaf *leaves;
    size_t leaf_count;
} parquet_layout;

SLU_CHECK slu_status parquet_layout_build(parquet_layout *layout, const parquet_column *columns, size_t count,
                                          const struct ArrowSchema *input, slu_arena *arena, slu_error *err);

#endif
