/* sink_map.c: see sink_map.h. */
#include "sink_map.h"

#include "base/alloc.h"
#include "fluss/record/row.h"

#include <sluice/sdk/columns_build.h>

/* Fields of a nested column go by position, as Fluss has them; each must match. */
static bool
fields_match(const struct ArrowSchema *from, const struct ArrowSchema *to)
{
    if (!face_formats_match(from->format, to->format) || from->n_children != to->n_children)
        return false;
    for (int64_t i = 0; i < from->n_children; i++)
        if (!fields_match(from->children[i], to->children[i]))
            return false;
    return true;
}

static slu_status
map_column(sink_map *map, int32_t at, const char *name, const slu_value *item, const struct ArrowSchema *input, slu_error *err)
{
    const struct ArrowSchema *wanted = fluss_target_table(map->face->target)->arrow.children[at];
    const int64_t from = slu_schema_find(input, name);
    if (from < 0)
        return slu_error_at(err, SLU_INVALID, item, 0, "the input has no column %s for column %s of table %s.%s", name,
                            wanted->name, map->face->database, map->face->table);
    if (!face_formats_match(input->children[from]->format, wanted->format))
        return slu_error_at(err, SLU_INVALID, item, 0, "column %s of the input has format %s; column %s of table %s.%s wants %s",
                            name, input->children[from]->format, wanted->name, map->face->database, map->face->table,
                            wanted->format);
    if (!fields_match(input->children[from], wanted))
        return slu_error_at(err, SLU_INVALID, item, 0,
                            "column %s of the input has other fields inside than column %s of table %s.%s", name, wanted->name,
                            map->face->database, map->face->table);
    map->from[at] = (int32_t)from;
    return SLU_OK;
}

static slu_status
map_named(sink_map *map, const slu_value *columns, const struct ArrowSchema *input, slu_error *err)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        int32_t at;
        SLU_TRY(face_column(map->face, columns->keys[i].text, &columns->keys[i], &at, err));
        SLU_TRY(map_column(map, at, columns->items[i].text, &columns->items[i], input, err));
    }
    return SLU_OK;
}

static slu_status
map_same_names(sink_map *map, const struct ArrowSchema *input, slu_error *err)
{
    for (int64_t i = 0; i < input->n_children; i++) {
        int32_t at;
        const char *name = input->children[i]->name;
        SLU_TRY_IN(face_column(map->face, name, NULL, &at, err), err,
                   "the input's column %s has no place (name the columns to write)", name);
        SLU_TRY(map_column(map, at, name, NULL, input, err));
    }
    return SLU_OK;
}

/* What the input leaves out must be nullable. */
static slu_status
map_rest(sink_map *map, slu_error *err)
{
    const fluss_table *table = fluss_target_table(map->face->target);
    for (int32_t at = 0; at < (int32_t)table->arrow.n_children; at++) {
        if (map->from[at] >= 0)
            map->targets[map->target_count++] = at;
        else if (!table->descriptor->schema.columns[at].type.nullable)
            return slu_error_set(err, SLU_INVALID, "column %s of table %s.%s is NOT NULL and the input has nothing for it",
                                 table->arrow.children[at]->name, map->face->database, map->face->table);
    }
    return SLU_OK;
}

slu_status
sink_map_init(sink_map *map, const fluss_face *face, const slu_value *columns, const struct ArrowSchema *input, slu_error *err)
{
    const size_t count = (size_t)fluss_target_table(face->target)->arrow.n_children;
    map->face = face;
    map->from = slu_alloc((count + 1) * sizeof *map->from);
    map->targets = slu_alloc((count + 1) * sizeof *map->targets);
    map->nulls = slu_alloc_zero(count + 1, sizeof *map->nulls);
    if (map->from == NULL || map->targets == NULL || map->nulls == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu columns", count);
    for (size_t i = 0; i < count; i++)
        map->from[i] = -1;
    SLU_TRY(columns != NULL ? map_named(map, columns, input, err) : map_same_names(map, input, err));
    return map_rest(map, err);
}

void
sink_map_fini(sink_map *map)
{
    const size_t count = map->nulls == NULL ? 0 : (size_t)fluss_target_table(map->face->target)->arrow.n_children;
    for (size_t i = 0; i < count; i++)
        slu_array_release(&map->nulls[i]);
    slu_free(map->from);
    slu_free(map->targets);
    slu_free(map->nulls);
    memset(map, 0, sizeof *map);
}

/* Nulls of a nested column: rows of a table that has no other. */
static slu_status
nested_nulls(sink_map *map, int64_t at, int64_t rows, slu_error *err)
{
    const fluss_schema alone = {.columns = &fluss_target_table(map->face->target)->descriptor->schema.columns[at],
                                .column_count = 1};
    SLU_AUTO(fluss_rows_free) fluss_rows *made = NULL;
    struct ArrowArray whole;
    SLU_TRY(fluss_rows_new(&alone, &made, err));
    for (int64_t i = 0; i < rows; i++)
        fluss_rows_append_null(made);
    SLU_TRY(fluss_rows_finish(made, &whole, err));
    slu_array_move(whole.children[0], &map->nulls[at]);
    slu_array_release(&whole);
    return SLU_OK;
}

static slu_status
null_column(sink_map *map, int64_t at, int64_t rows, slu_error *err)
{
    sdk_builder builder;
    const struct ArrowSchema *wanted = fluss_target_table(map->face->target)->arrow.children[at];
    if (map->nulls[at].release != NULL && map->nulls[at].length >= rows)
        return SLU_OK;
    slu_array_release(&map->nulls[at]);
    if (slu_type_is_nested(slu_type_of(wanted->format)))
        return nested_nulls(map, at, rows, err);
    if (sdk_builder_init(&builder, wanted->format, NULL) != SLU_OK)
        return slu_error_set(err, SLU_UNSUPPORTED, "column %s of format %s cannot be left out", wanted->name, wanted->format);
    sdk_builder_nulls(&builder, rows);
    const slu_status status = sdk_builder_finish(&builder, &map->nulls[at], err);
    sdk_builder_fini(&builder);
    return status;
}

static slu_status
nulls_check(const sink_map *map, int64_t at, const slu_batch *batch, slu_error *err)
{
    const slu_column column = slu_batch_column(batch, map->from[at]);
    if (column.validity == NULL || fluss_target_table(map->face->target)->descriptor->schema.columns[at].type.nullable)
        return SLU_OK;
    for (int64_t i = 0; i < batch->rows; i++)
        if (!slu_column_valid(&column, slu_batch_row(batch, i)))
            return slu_error_set(err, SLU_INVALID, "a null in column %s, which is NOT NULL in table %s.%s",
                                 fluss_target_table(map->face->target)->arrow.children[at]->name, map->face->database,
                                 map->face->table);
    return SLU_OK;
}

slu_status
sink_map_view(sink_map *map, const slu_batch *batch, struct ArrowArray **children, struct ArrowArray *out, slu_error *err)
{
    const int64_t count = fluss_target_table(map->face->target)->arrow.n_children;
    for (int64_t at = 0; at < count; at++) {
        if (map->from[at] < 0) {
            SLU_TRY(null_column(map, at, batch->array->length, err));
            children[at] = &map->nulls[at];
        } else {
            SLU_TRY(nulls_check(map, at, batch, err));
            children[at] = batch->array->children[map->from[at]];
        }
    }
    *out = (struct ArrowArray){
        .length = batch->array->length, .n_buffers = 1, .buffers = map->no_validity, .n_children = count, .children = children};
    return SLU_OK;
}
