/*
 * tree.h: the columns of a file as a tree, and the levels at which each part of it is there.
 *
 * Shape    a node mirrors one Arrow array: a leaf, a struct, a list (one child, the element) or a map (one child, the entries, with key
 *          and value). Levels are Dremel's: an entry of a leaf says with its definition level how much of the path exists, and with its
 *          repetition level which list it continues. So for every node below a list or struct, with the levels of any leaf under it:
 *
 *              a slot begins   where rep <= node.rep and def >= node.slot_def
 *              it is not null  where def >= node.def
 *              an item begins  (lists, maps) where rep <= node.rep + 1 and def >= node.item_def
 *
 * Forms    three-level lists and maps; two-level lists (a repeated element, `array`, `<list>_tuple`); repeated fields without annotation,
 *          which are required lists of required elements; a map without values, which is a list of its keys.
 * Owns     everything lives in the arena given to build.
 * Errors   CORRUPT: a broken tree. A column that this build cannot read becomes kind UNKNOWN, and is refused when it is selected.
 * Limits   PARQUET_NESTING_MAX levels, PARQUET_COLUMNS_MAX leaves; levels fit one byte.
 * Threads  any may read.
 */
#ifndef PARQUET_TREE_H
#define PARQUET_TREE_H

#include "footer.h"

typedef struct parquet_node {
    parquet_column column;
    const parquet_element *element; /* leaf */
    size_t leaf;                    /* its chunk in every row group; nested: of the first leaf below */
    uint8_t def;
    uint8_t rep;
    uint8_t slot_def;
    uint8_t item_def;
    struct parquet_node *children;
    uint32_t child_count;
} parquet_node;

/* The children of the root, in file order. */
SLU_CHECK slu_status parquet_tree_build(const parquet_footer *footer, slu_arena *arena, parquet_node **out, size_t *out_count,
                                        size_t *out_leaves, slu_error *err);
/* The child of a struct for a wanted field: by id where both sides have one, else by name; NULL: none. */
const parquet_node *parquet_tree_find(const parquet_node *nodes, size_t count, int32_t field_id, const char *name);

#endif
