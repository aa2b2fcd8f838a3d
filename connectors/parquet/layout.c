#include "layout.h"

/* The way down from a top-level column. */
typedef struct layout_path {
    parquet_step steps[PARQUET_STEPS_MAX];
    slu_view parts[PARQUET_STEPS_MAX + PARQUET_NESTING_MAX + 1];
    size_t step_count;
    size_t part_count;
    uint32_t top;
    uint8_t def;
    uint8_t rep;
    char name[1024]; /* dotted */
} layout_path;

typedef struct layout_make {
    parquet_layout *layout;
    slu_arena *arena;
} layout_make;

static slu_status layout_column(layout_make *make, layout_path path, const parquet_column *column, const char *name,
                                const struct ArrowSchema *input, slu_error *err);

/* ---- how much there is ---- */

static void
layout_count(const parquet_column *column, size_t *elements, size_t *leaves)
{
    const bool repeats = column->kind == PARQUET_KIND_LIST || column->kind == PARQUET_KIND_MAP;
    *elements += repeats ? 2 : 1;
    *leaves += !parquet_column_is_nested(column);
    for (uint32_t i = 0; i < column->field_count; i++)
        layout_count(&column->fields[i], elements, leaves);
}

/* ---- parts ---- */

static parquet_element *
layout_group(layout_make *make, slu_view name, int32_t repetition, uint32_t children)
{
    parquet_element *element = &make->layout->elements[make->layout->element_count++];
    *element = (parquet_element){.name = name,
                                 .type = PARQUET_NONE,
                                 .repetition = repetition,
                                 .child_count = (int32_t)children,
                                 .converted = PARQUET_NONE,
                                 .field_id = PARQUET_FIELD_ID_NONE};
    return element;
}

static void
path_name(layout_path *path, const char *name)
{
    const size_t at = strlen(path->name);
    (void)snprintf(path->name + at, sizeof path->name - at, "%s%s", at == 0 ? "" : ".", name);
    path->parts[path->part_count++] = slu_view_of_text(name);
}

static slu_status
layout_leaf(layout_make *make, const layout_path *path, const parquet_column *column, const char *name,
            const struct ArrowSchema *input, slu_error *err)
{
    parquet_leaf *leaf = &make->layout->leaves[make->layout->leaf_count++];
    slu_view *parts = slu_arena_array(make->arena, path->part_count, sizeof *parts);
    *leaf = (parquet_leaf){.column = *column,
                           .format = slu_arena_strdup(make->arena, input->format == NULL ? "" : input->format),
                           .path = parts,
                           .path_parts = path->part_count,
                           .top = path->top,
                           .def = path->def,
                           .rep = path->rep};
    leaf->column.name = slu_arena_strdup(make->arena, path->name);
    if (path->step_count > 1) {
        leaf->step_count = (uint8_t)path->step_count;
        leaf->steps = slu_arena_array(make->arena, path->step_count, sizeof *leaf->steps);
    }
    SLU_TRY(slu_arena_status(make->arena, err));
    memcpy(parts, path->parts, path->part_count * sizeof *parts);
    for (size_t i = 0; i < leaf->step_count; i++) {
        leaf->steps[i] = path->steps[i];
        leaf->steps[i].name = leaf->column.name;
    }
    parquet_element_of_column(column, &leaf->element);
    leaf->element.name = slu_view_of_text(name);
    make->layout->elements[make->layout->element_count++] = leaf->element;
    return SLU_OK;
}

/* ---- nested columns ---- */

static slu_status
layout_fields(layout_make *make, layout_path *path, const parquet_column *column, const struct ArrowSchema *input, slu_error *err)
{
    for (uint32_t i = 0; i < column->field_count; i++) {
        const char *name = slu_arena_strdup(make->arena, column->fields[i].name);
        SLU_TRY(slu_arena_status(make->arena, err));
        path->steps[path->step_count - 1].child = i;
        SLU_TRY(layout_column(make, *path, &column->fields[i], name, input->children[i], err));
    }
    return SLU_OK;
}

/* Key and value, below a required struct of entries. */
static slu_status
layout_map(layout_make *make, layout_path *path, const parquet_column *column, const struct ArrowSchema *input, slu_error *err)
{
    static const char *const names[] = {"key", "value"};
    path->steps[path->step_count++] = (parquet_step){PARQUET_KIND_STRUCT, true, 0, NULL};
    for (uint32_t i = 0; i < 2; i++) {
        path->steps[path->step_count - 1].child = i;
        SLU_TRY(layout_column(make, *path, &column->fields[i], names[i], input->children[0]->children[i], err));
    }
    return SLU_OK;
}

static slu_status
layout_repeated(layout_make *make, layout_path *path, const parquet_column *column, const struct ArrowSchema *input, slu_error *err)
{
    const bool map = column->kind == PARQUET_KIND_MAP;
    const slu_view name = slu_view_of_text(map ? "key_value" : "list");
    (void)layout_group(make, name, PARQUET_REPEATED, column->field_count);
    path->parts[path->part_count++] = name;
    path->def++;
    path->rep++;
    return map ? layout_map(make, path, column, input, err)
               : layout_column(make, *path, &column->fields[0], "element", input->children[0], err);
}

static slu_status
layout_check(const layout_path *path, const parquet_column *column, const struct ArrowSchema *input, slu_error *err)
{
    char wanted[32];
    parquet_column_format(column, wanted, sizeof wanted);
    const bool same = input->format != NULL && strcmp(input->format, wanted) == 0;
    const int64_t children = column->kind == PARQUET_KIND_STRUCT ? (int64_t)column->field_count : 1;
    if (!same || input->n_children != children || (column->kind == PARQUET_KIND_MAP && (input->children[0]->n_children != 2)))
        return slu_error_set(err, SLU_INVALID, "column %s: Arrow type %s of %lld fields cannot become %s of %u", path->name,
                             input->format == NULL ? "?" : input->format, (long long)input->n_children, wanted,
                             column->field_count);
    return SLU_OK;
}

static slu_status
layout_column(layout_make *make, layout_path path, const parquet_column *column, const char *name, const struct ArrowSchema *input,
              slu_error *err)
{
    const bool repeats = column->kind == PARQUET_KIND_LIST || column->kind == PARQUET_KIND_MAP;
    path_name(&path, name);
    path.def = (uint8_t)(path.def + !column->required);
    path.steps[path.step_count++] = (parquet_step){repeats ? PARQUET_KIND_LIST : column->kind, column->required, 0, NULL};
    if (!parquet_column_is_nested(column))
        return layout_leaf(make, &path, column, name, input, err);
    SLU_TRY(layout_check(&path, column, input, err));
    parquet_element *group = layout_group(make, slu_view_of_text(name), column->required ? PARQUET_REQUIRED : PARQUET_OPTIONAL,
                                          repeats ? 1 : column->field_count);
    group->field_id = column->field_id;
    if (!repeats)
        return layout_fields(make, &path, column, input, err);
    group->logical = column->kind == PARQUET_KIND_LIST ? PARQUET_LOGICAL_LIST : PARQUET_LOGICAL_MAP;
    group->converted = column->kind == PARQUET_KIND_LIST ? PARQUET_CONVERTED_LIST : PARQUET_CONVERTED_MAP;
    return layout_repeated(make, &path, column, input, err);
}

slu_status
parquet_layout_build(parquet_layout *layout, const parquet_column *columns, size_t count, const struct ArrowSchema *input,
                     slu_arena *arena, slu_error *err)
{
    layout_make make = {layout, arena};
    size_t elements = 1, leaves = 0;
    for (size_t i = 0; i < count; i++) {
        SLU_TRY(parquet_column_check(&columns[i], err));
        layout_count(&columns[i], &elements, &leaves);
    }
    if (leaves > PARQUET_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "a Parquet file of %zu leaf columns: 1 to %d are allowed", leaves,
                             PARQUET_COLUMNS_MAX);
    layout->elements = slu_arena_array(arena, elements, sizeof *layout->elements);
    layout->leaves = slu_arena_array(arena, leaves, sizeof *layout->leaves);
    SLU_TRY(slu_arena_status(arena, err));
    (void)layout_group(&make, slu_view_of_text("table"), PARQUET_NONE, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        layout_path path = {.top = (uint32_t)i};
        const char *name = slu_arena_strdup(arena, columns[i].name);
        SLU_TRY(slu_arena_status(arena, err));
        SLU_TRY(layout_column(&make, path, &columns[i], name, input->children[i], err));
    }
    return SLU_OK;
}
