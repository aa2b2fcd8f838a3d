#include "tree.h"

#define TREE_DEPTH_MAX (PARQUET_NESTING_MAX * 3) /* groups of the file's schema: a list takes two */

typedef struct tree_walk {
    const parquet_footer *footer;
    slu_arena *arena;
    size_t at; /* the next element */
    size_t leaves;
} tree_walk;

/* What a part inherits from the path above it. */
typedef struct tree_path {
    uint8_t def;      /* level at which the parent is not null */
    uint8_t rep;      /* repeated ancestors */
    uint8_t slot_def; /* level at which the innermost list has an item */
    unsigned depth;
    bool once; /* the part is itself the repeated element: its own repetition is spent */
} tree_path;

static slu_status node_build(tree_walk *walk, tree_path path, parquet_node *out, slu_error *err);

/* ---- the shape of the tree ---- */

/* The index behind the subtree of `at`, or 0 when the tree is broken. Leaves are counted. */
static size_t
tree_skip(const parquet_footer *footer, size_t at, size_t *leaves)
{
    int64_t open = 1; /* elements still to come in this subtree */
    while (open > 0) {
        if (at >= footer->element_count)
            return 0;
        const parquet_element *e = &footer->elements[at++];
        const bool group = e->type == PARQUET_NONE;
        if (e->child_count < 0 || (!group && e->child_count != 0) || (size_t)e->child_count > footer->element_count)
            return 0;
        *leaves += !group;
        open += e->child_count - 1;
    }
    return at;
}

static const parquet_element *
tree_peek(const tree_walk *walk, size_t ahead)
{
    const size_t at = walk->at + ahead;
    return at < walk->footer->element_count ? &walk->footer->elements[at] : NULL;
}

static bool
element_is_list(const parquet_element *e)
{
    return e->logical == PARQUET_LOGICAL_LIST || (e->logical == 0 && e->converted == PARQUET_CONVERTED_LIST);
}

static bool
element_is_map(const parquet_element *e)
{
    return e->logical == PARQUET_LOGICAL_MAP ||
           (e->logical == 0 && (e->converted == PARQUET_CONVERTED_MAP || e->converted == PARQUET_CONVERTED_MAP_KEY_VALUE));
}

/* Whether the group at hand has one repeated child: what a list and a map must have. */
static bool
group_repeats(const tree_walk *walk, const parquet_element *group)
{
    const parquet_element *child = tree_peek(walk, 0);
    return group->child_count == 1 && child != NULL && child->repetition == PARQUET_REPEATED;
}

/* The rules of LogicalTypes.md for lists written before three levels were the rule: the repeated part is the element itself. */
static bool
list_is_short(const parquet_element *list, const parquet_element *repeated, const parquet_element *child)
{
    if (repeated->type != PARQUET_NONE || repeated->child_count != 1 || child == NULL || child->repetition == PARQUET_REPEATED)
        return true;
    const size_t tuple = sizeof "_tuple" - 1;
    return slu_view_is(repeated->name, "array") || (repeated->name.bytes == list->name.bytes + tuple &&
                                                    memcmp(repeated->name.data, list->name.data, list->name.bytes) == 0 &&
                                                    memcmp(repeated->name.data + list->name.bytes, "_tuple", tuple) == 0);
}

/* ---- nodes ---- */

static slu_status
node_children(tree_walk *walk, parquet_node *node, size_t count, slu_error *err)
{
    node->children = slu_arena_array(walk->arena, count, sizeof *node->children);
    node->child_count = (uint32_t)count;
    return slu_arena_status(walk->arena, err);
}

/* The children's columns as the fields of a column; a part that cannot be read makes the whole unreadable only where it has to. */
static slu_status
column_fields(tree_walk *walk, parquet_column *column, const parquet_node *nodes, uint32_t count, slu_error *err)
{
    parquet_column *fields = slu_arena_array(walk->arena, count, sizeof *fields);
    SLU_TRY(slu_arena_status(walk->arena, err));
    for (uint32_t i = 0; i < count; i++) {
        fields[i] = nodes[i].column;
        if (fields[i].kind == PARQUET_KIND_UNKNOWN && column->kind != PARQUET_KIND_STRUCT)
            column->kind = PARQUET_KIND_UNKNOWN;
    }
    column->fields = fields;
    column->field_count = count;
    return SLU_OK;
}

static slu_status
node_struct(tree_walk *walk, tree_path path, const parquet_element *group, parquet_node *out, slu_error *err)
{
    const size_t count = (size_t)group->child_count;
    out->column.kind = PARQUET_KIND_STRUCT;
    SLU_TRY(node_children(walk, out, count, err));
    path.def = out->def;
    path.once = false;
    path.depth++;
    for (size_t i = 0; i < count; i++)
        SLU_TRY(node_build(walk, path, &out->children[i], err));
    return column_fields(walk, &out->column, out->children, out->child_count, err);
}

/* `out` is a list whose item is the repeated element at hand, or its only child. */
static slu_status
node_list(tree_walk *walk, tree_path path, bool is_short, parquet_node *out, slu_error *err)
{
    out->column.kind = PARQUET_KIND_LIST;
    out->item_def = (uint8_t)(out->def + 1);
    SLU_TRY(node_children(walk, out, 1, err));
    walk->at += !is_short;
    path.def = path.slot_def = out->item_def;
    path.rep = (uint8_t)(out->rep + 1);
    path.once = is_short;
    path.depth++;
    SLU_TRY(node_build(walk, path, &out->children[0], err));
    return column_fields(walk, &out->column, out->children, 1, err);
}

static slu_status
node_map(tree_walk *walk, tree_path path, parquet_node *out, slu_error *err)
{
    const parquet_element *repeated = tree_peek(walk, 0);
    out->column.kind = PARQUET_KIND_MAP;
    out->item_def = (uint8_t)(out->def + 1);
    SLU_TRY(node_children(walk, out, 1, err));
    walk->at++;
    parquet_node *entries = &out->children[0];
    entries->column = (parquet_column){.name = "entries", .field_id = PARQUET_FIELD_ID_NONE, .required = true};
    entries->leaf = walk->leaves;
    entries->def = entries->slot_def = out->item_def;
    entries->rep = (uint8_t)(out->rep + 1);
    path.slot_def = out->item_def;
    path.rep = entries->rep;
    path.depth++;
    SLU_TRY(node_struct(walk, path, repeated, entries, err));
    entries->children[0].column.required = true; /* Presto leaves it optional; an Arrow map has no null keys */
    return column_fields(walk, &out->column, entries->children, 2, err);
}

static slu_status
node_group(tree_walk *walk, tree_path path, const parquet_element *group, parquet_node *out, slu_error *err)
{
    const bool repeats = group_repeats(walk, group);
    const parquet_element *repeated = tree_peek(walk, 0);
    if (group->child_count == 0) {
        out->column.kind = PARQUET_KIND_UNKNOWN;
        return SLU_OK;
    }
    if (element_is_map(group) && repeats && repeated->type == PARQUET_NONE && repeated->child_count == 2)
        return node_map(walk, path, out, err);
    if ((element_is_list(group) || element_is_map(group)) && repeats)
        return node_list(walk, path, list_is_short(group, repeated, tree_peek(walk, 1)), out, err);
    return node_struct(walk, path, group, out, err);
}

static slu_status
node_name(tree_walk *walk, const parquet_element *e, parquet_node *out, slu_error *err)
{
    parquet_column_of_element(e, slu_arena_strndup(walk->arena, (const char *)e->name.data, e->name.bytes), &out->column);
    return slu_arena_status(walk->arena, err);
}

/* A repeated field that no annotation explains: a list that is never null, of elements that are never null. */
static slu_status
node_bare_list(tree_walk *walk, tree_path path, const parquet_element *e, parquet_node *out, slu_error *err)
{
    SLU_TRY(node_name(walk, e, out, err));
    out->column.required = true;
    out->def = path.def;
    return node_list(walk, path, true, out, err);
}

static slu_status
node_build(tree_walk *walk, tree_path path, parquet_node *out, slu_error *err)
{
    const parquet_element *e = tree_peek(walk, 0);
    if (e == NULL)
        return slu_error_set(err, SLU_CORRUPT, "the schema ends inside a group");
    if (path.depth > TREE_DEPTH_MAX)
        return slu_error_set(err, SLU_LIMIT, "the schema has more than %d levels", TREE_DEPTH_MAX);
    out->leaf = walk->leaves;
    out->rep = path.rep;
    out->slot_def = path.slot_def;
    if (e->repetition == PARQUET_REPEATED && !path.once)
        return node_bare_list(walk, path, e, out, err);
    SLU_TRY(node_name(walk, e, out, err));
    out->column.required = path.once || e->repetition != PARQUET_OPTIONAL;
    out->def = (uint8_t)(path.def + !out->column.required);
    walk->at++;
    if (e->type == PARQUET_NONE)
        return node_group(walk, path, e, out, err);
    out->element = e;
    walk->leaves++;
    return SLU_OK;
}

/* ---- the whole tree ---- */

static slu_status
tree_check(const parquet_footer *footer, slu_error *err)
{
    size_t leaves = 0;
    const int32_t count = footer->elements[0].child_count;
    if (count < 0 || count > PARQUET_COLUMNS_MAX || (size_t)count >= footer->element_count ||
        footer->elements[0].type != PARQUET_NONE)
        return slu_error_set(err, SLU_CORRUPT, "the schema's root has %d children among %zu elements", count,
                             footer->element_count);
    const size_t end = tree_skip(footer, 0, &leaves);
    if (end != footer->element_count)
        return slu_error_set(err, SLU_CORRUPT, "the schema has %zu elements, its tree %zu", footer->element_count, end);
    if (leaves > PARQUET_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "the schema has %zu leaves: more than %d", leaves, PARQUET_COLUMNS_MAX);
    for (size_t i = 1; i < footer->element_count; i++)
        if (footer->elements[i].repetition < PARQUET_REQUIRED || footer->elements[i].repetition > PARQUET_REPEATED)
            return slu_error_set(err, SLU_CORRUPT, "schema element %zu has repetition %d", i, footer->elements[i].repetition);
    for (size_t i = 1; i < footer->element_count; i++)
        if (footer->elements[i].type < PARQUET_NONE || footer->elements[i].type > PARQUET_FIXED_LEN_BYTE_ARRAY)
            return slu_error_set(err, SLU_CORRUPT, "schema element %zu has type %d", i, footer->elements[i].type);
    return SLU_OK;
}

slu_status
parquet_tree_build(const parquet_footer *footer, slu_arena *arena, parquet_node **out, size_t *out_count, size_t *out_leaves,
                   slu_error *err)
{
    SLU_TRY(tree_check(footer, err));
    const size_t count = (size_t)footer->elements[0].child_count;
    tree_walk walk = {.footer = footer, .arena = arena, .at = 1};
    parquet_node *nodes = slu_arena_array(arena, count + 1, sizeof *nodes);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < count; i++)
        SLU_TRY_IN(node_build(&walk, (tree_path){0}, &nodes[i], err), err, "schema element %zu", walk.at);
    *out = nodes;
    *out_count = count;
    *out_leaves = walk.leaves;
    return SLU_OK;
}

const parquet_node *
parquet_tree_find(const parquet_node *nodes, size_t count, int32_t field_id, const char *name)
{
    bool has_ids = false;
    for (size_t i = 0; i < count; i++) {
        const parquet_column *column = &nodes[i].column;
        has_ids |= column->field_id != PARQUET_FIELD_ID_NONE;
        if (field_id != PARQUET_FIELD_ID_NONE && column->field_id == field_id)
            return &nodes[i];
    }
    if ((has_ids && field_id != PARQUET_FIELD_ID_NONE) || name == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(nodes[i].column.name, name) == 0)
            return &nodes[i];
    return NULL;
}
