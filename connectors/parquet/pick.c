#include "pick.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <sluice/columns.h>

/* One column on its way into the tree. */
typedef struct pick_make {
    parquet_picks *picks;
    parquet_leaf_levels shape; /* of the path so far */
    bool nested;
} pick_make;

static slu_status pick_build(pick_make make, const parquet_column *wanted, const parquet_node *node, const char *name,
                             parquet_pick *out, slu_error *err);

/* ---- types ---- */

static bool
kind_is_bytes(uint8_t kind)
{
    return kind == PARQUET_KIND_STRING || kind == PARQUET_KIND_BINARY;
}

/* An INT96 is an instant, but the table may call it a local time. */
static bool
times_promote(const parquet_node *from, const parquet_column *to)
{
    return from->element->type == PARQUET_INT96 && to->kind == PARQUET_KIND_TIMESTAMP;
}

/* Whether a leaf of the file may be given as the wanted one. */
static bool
leaf_promotes(const parquet_node *node, const parquet_column *to)
{
    const parquet_column *from = &node->column;
    if (to->kind == PARQUET_KIND_DECIMAL)
        return from->kind == PARQUET_KIND_DECIMAL && from->scale == to->scale && from->precision <= to->precision;
    if (to->kind == PARQUET_KIND_FIXED)
        return (from->kind == PARQUET_KIND_FIXED || from->kind == PARQUET_KIND_UUID) && from->length == to->length;
    if (to->kind == PARQUET_KIND_UUID)
        return from->length == 16 && (from->kind == PARQUET_KIND_FIXED || from->kind == PARQUET_KIND_UUID);
    return from->kind == to->kind || (from->kind == PARQUET_KIND_INT && to->kind == PARQUET_KIND_LONG) ||
           (from->kind == PARQUET_KIND_FLOAT && to->kind == PARQUET_KIND_DOUBLE) ||
           (kind_is_bytes(from->kind) && kind_is_bytes(to->kind)) || times_promote(node, to);
}

static slu_status
pick_check(const parquet_node *node, const parquet_column *to, slu_error *err)
{
    const bool nested = parquet_column_is_nested(&node->column);
    if (nested ? node->column.kind == to->kind : !parquet_column_is_nested(to) && leaf_promotes(node, to))
        return SLU_OK;
    char has[32], wants[32];
    parquet_column_format(&node->column, has, sizeof has);
    parquet_column_format(to, wants, sizeof wants);
    return slu_error_set(err, SLU_INVALID, "column %s is %s in the file and cannot be read as %s", node->column.name, has, wants);
}

/* ---- chunks ---- */

static slu_status
pick_chunk(const pick_make *make, const parquet_node *leaf, size_t slot, const parquet_column *column, size_t *out, slu_error *err)
{
    parquet_picks *picks = make->picks;
    if (picks->chunk_count == picks->chunk_room) {
        const size_t room = SLU_MAX(picks->chunk_room * 2, (size_t)8);
        parquet_pick_chunk *grown = slu_realloc(picks->chunks, room * sizeof *grown);
        if (grown == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %zu column chunks", room);
        picks->chunks = grown;
        picks->chunk_room = room;
    }
    parquet_leaf_levels shape = make->shape;
    shape.def = leaf->def;
    shape.rep = leaf->rep;
    shape.slot_def = leaf->slot_def;
    parquet_pick_chunk *chunk = &picks->chunks[picks->chunk_count];
    parquet_chunk_reader_init(&chunk->reader, picks->source, leaf->element, &shape, make->nested);
    chunk->leaf = leaf->leaf;
    chunk->slot = slot;
    chunk->column = *column;
    *out = picks->chunk_count++;
    return SLU_OK;
}

/* The chunk that tells a nested pick's levels: one below it, else the file's first leaf there. */
static slu_status
pick_guide(pick_make make, parquet_pick *pick, slu_error *err)
{
    for (uint32_t i = 0; i < pick->child_count; i++)
        if (pick->children[i].node != NULL) {
            pick->chunk = pick->children[i].chunk;
            return SLU_OK;
        }
    const parquet_node *leaf = pick->node;
    while (leaf->element == NULL) {
        if (leaf->item_def != 0)
            make.shape.item_defs[leaf->rep + 1] = leaf->item_def;
        if (leaf->child_count == 0)
            return slu_error_set(err, SLU_UNSUPPORTED, "column %s holds nothing that can be read", pick->node->column.name);
        leaf = &leaf->children[0];
    }
    return pick_chunk(&make, leaf, PARQUET_SLOT_NONE, &leaf->column, &pick->chunk, err);
}

/* ---- the tree ---- */

static slu_status
pick_name(const pick_make *make, const char *name, parquet_pick *out, slu_error *err)
{
    out->column.name = slu_arena_strdup(make->picks->arena, name);
    out->slot = make->picks->slot_count++;
    return slu_arena_status(make->picks->arena, err);
}

static slu_status
pick_children(const pick_make *make, parquet_pick *pick, size_t count, slu_error *err)
{
    pick->children = slu_arena_array(make->picks->arena, count, sizeof *pick->children);
    pick->child_count = (uint32_t)count;
    return slu_arena_status(make->picks->arena, err);
}

/* A struct's fields, wanted or as the file has them. */
static slu_status
pick_fields(pick_make make, const parquet_column *wanted, const parquet_node *node, parquet_pick *out, slu_error *err)
{
    const parquet_column *fields = wanted->fields;
    SLU_TRY(pick_children(&make, out, wanted->field_count, err));
    for (uint32_t i = 0; i < wanted->field_count; i++) {
        const parquet_node *child =
            node == NULL ? NULL : parquet_tree_find(node->children, node->child_count, fields[i].field_id, fields[i].name);
        if (node != NULL && child == NULL && fields[i].required)
            return slu_error_set(err, SLU_NOTFOUND, "the Parquet file has no field %s (field id %d) in %s", fields[i].name,
                                 fields[i].field_id, node->column.name);
        SLU_TRY(pick_build(make, &fields[i], child, fields[i].name, &out->children[i], err));
    }
    return SLU_OK;
}

static slu_status
pick_entries(pick_make make, const parquet_column *wanted, const parquet_node *node, parquet_pick *out, slu_error *err)
{
    out->column = (parquet_column){.kind = PARQUET_KIND_STRUCT, .field_id = PARQUET_FIELD_ID_NONE, .required = true};
    out->entries = true;
    out->node = node;
    SLU_TRY(pick_name(&make, "entries", out, err));
    SLU_TRY(pick_children(&make, out, 2, err));
    static const char *const names[] = {"key", "value"};
    for (size_t i = 0; i < 2; i++)
        SLU_TRY(pick_build(make, &wanted->fields[i], node == NULL ? NULL : &node->children[i], names[i], &out->children[i], err));
    return node == NULL ? SLU_OK : pick_guide(make, out, err);
}

static slu_status
pick_nested(pick_make make, const parquet_column *wanted, parquet_pick *out, slu_error *err)
{
    const parquet_node *node = out->node;
    make.nested = true;
    if (wanted->kind == PARQUET_KIND_STRUCT) {
        SLU_TRY(pick_fields(make, wanted, node, out, err));
    } else {
        if (node != NULL)
            make.shape.item_defs[node->rep + 1] = node->item_def;
        SLU_TRY(pick_children(&make, out, 1, err));
        const parquet_node *child = node == NULL ? NULL : &node->children[0];
        if (wanted->kind == PARQUET_KIND_MAP)
            SLU_TRY(pick_entries(make, wanted, child, &out->children[0], err));
        else
            SLU_TRY(pick_build(make, &wanted->fields[0], child, wanted->fields[0].name, &out->children[0], err));
    }
    return node == NULL ? SLU_OK : pick_guide(make, out, err);
}

/* `wanted` of kind UNKNOWN: as the file has it. */
static slu_status
pick_build(pick_make make, const parquet_column *wanted, const parquet_node *node, const char *name, parquet_pick *out,
           slu_error *err)
{
    if (node != NULL && node->column.kind == PARQUET_KIND_UNKNOWN)
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "column %s: unsigned 64-bit, 16-bit floating, nanosecond TIME, and unknown types are not read", name);
    const parquet_column *as = wanted->kind == PARQUET_KIND_UNKNOWN && node != NULL ? &node->column : wanted;
    out->node = node;
    out->column = *as;
    out->column.required = node != NULL && node->column.required;
    if (node != NULL)
        SLU_TRY(pick_check(node, as, err));
    SLU_TRY(pick_name(&make, name, out, err));
    if (parquet_column_is_nested(as) && as->field_count != 0)
        return pick_nested(make, as, out, err);
    SLU_TRY(parquet_column_check(&out->column, err));
    return node == NULL ? SLU_OK : pick_chunk(&make, node, out->slot, &out->column, &out->chunk, err);
}

static slu_status
pick_top(parquet_picks *picks, const parquet_node *nodes, size_t node_count, const parquet_want *want, parquet_pick *out,
         slu_error *err)
{
    const parquet_node *node = parquet_tree_find(nodes, node_count, want->field_id, want->name);
    const char *name = want->name != NULL ? want->name : want->column.name;
    if (node == NULL && (!want->optional || want->column.kind == PARQUET_KIND_UNKNOWN))
        return slu_error_set(err, SLU_NOTFOUND, "the Parquet file has no column %s (field id %d)", name == NULL ? "?" : name,
                             want->field_id);
    if (name == NULL)
        name = node == NULL ? "" : node->column.name;
    return pick_build((pick_make){.picks = picks}, &want->column, node, name, out, err);
}

/* Where each pick's children stand among all pointers of a batch. */
static void
picks_place(parquet_pick *pick, size_t *next)
{
    pick->first_child = *next;
    *next += pick->child_count;
    for (uint32_t i = 0; i < pick->child_count; i++)
        picks_place(&pick->children[i], next);
}

slu_status
parquet_picks_init(parquet_picks *picks, const parquet_node *nodes, size_t node_count, const parquet_want *wants, size_t count,
                   slu_error *err)
{
    size_t next = count;
    picks->tops = slu_arena_array(picks->arena, count, sizeof *picks->tops);
    SLU_TRY(slu_arena_status(picks->arena, err));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(pick_top(picks, nodes, node_count, &wants[i], &picks->tops[i], err));
    for (size_t i = 0; i < count; i++)
        picks_place(&picks->tops[i], &next);
    picks->top_count = count;
    return SLU_OK;
}

void
parquet_picks_fini(parquet_picks *picks)
{
    for (size_t i = 0; i < picks->chunk_count; i++)
        parquet_chunk_reader_fini(&picks->chunks[i].reader);
    slu_free(picks->chunks);
    picks->chunks = NULL;
    picks->chunk_count = picks->chunk_room = picks->slot_count = picks->top_count = 0;
}

/* ---- the schema ---- */

static slu_status
schema_children(const parquet_pick *picks, size_t count, struct ArrowSchema *out)
{
    for (size_t i = 0; i < count; i++) {
        char format[32];
        struct ArrowSchema *child = slu_schema_grow(out);
        if (child == NULL)
            return SLU_NOMEM;
        parquet_column_format(&picks[i].column, format, sizeof format);
        SLU_TRY(slu_schema_init(child, format, picks[i].column.name, !picks[i].column.required));
        SLU_TRY(schema_children(picks[i].children, picks[i].child_count, child));
    }
    return SLU_OK;
}

slu_status
parquet_picks_schema(const parquet_picks *picks, struct ArrowSchema *out, slu_error *err)
{
    struct ArrowSchema schema;
    slu_status status = slu_schema_init_struct(&schema);
    if (status == SLU_OK)
        status = schema_children(picks->tops, picks->top_count, &schema);
    if (status != SLU_OK) {
        slu_schema_release(&schema);
        return slu_error_set(err, status, "no memory for a schema of %zu columns", picks->top_count);
    }
    slu_schema_move(&schema, out);
    return SLU_OK;
}
