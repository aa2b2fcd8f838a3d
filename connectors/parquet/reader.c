#include "reader.h"

#include "chunk_reader.h"
#include "column_out.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/sizes.h"

#include <sluice/columns.h>

#include <math.h>

#define READER_ARENA_BYTES_MAX ((size_t)1 << 30)
#define READER_TAIL_BYTES ((int64_t)64 << 10) /* the first read from the end usually has the whole footer */
#define READER_BATCH_ROWS 8192

typedef struct reader_column {
    parquet_column column; /* as the file has it */
    parquet_element element;
    size_t leaf; /* its chunk in every row group */
} reader_column;

/* A column of the output. */
typedef struct reader_pick {
    parquet_column column; /* as it is given */
    bool missing;
    size_t source; /* index of reader_column */
    parquet_chunk_reader chunk;
} reader_pick;

struct parquet_reader {
    parquet_source source;
    parquet_reader_options options;
    slu_arena arena;
    slu_buf footer_bytes;
    parquet_footer footer;
    reader_column *columns;
    size_t column_count;
    size_t leaf_count;
    reader_pick *picks;
    size_t pick_count;
    bool picked;
    size_t group;     /* the one being read, or the next */
    size_t group_end; /* behind the last one wanted */
    int64_t group_first_row;
    int64_t group_rows_left; /* 0: between row groups */
    bool broken;
};

/* ---- opening ---- */

static slu_status
reader_at(const parquet_reader *reader, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    SLU_TRY_IN(reader->source.read(reader->source.context, offset, out, bytes, err), err, "%zu bytes at file position %lld", bytes,
               (long long)offset);
    return SLU_OK;
}

static slu_status
reader_load_footer(parquet_reader *reader, slu_error *err)
{
    const int64_t size = reader->source.bytes;
    if (size < 12)
        return slu_error_set(err, SLU_CORRUPT, "a Parquet file of %lld bytes is too short", (long long)size);
    int64_t tail = SLU_MIN(size, READER_TAIL_BYTES);
    uint8_t *to = slu_buf_extend(&reader->footer_bytes, (size_t)tail);
    if (to == NULL)
        return slu_buf_status(&reader->footer_bytes, err);
    SLU_TRY(reader_at(reader, size - tail, to, (size_t)tail, err));
    slu_cursor end = slu_cursor_of(to + tail - 8, 8);
    const int64_t footer_bytes = slu_cursor_u32le(&end);
    if (memcmp(end.at, "PARE", 4) == 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "the Parquet footer is encrypted");
    if (memcmp(end.at, "PAR1", 4) != 0)
        return slu_error_set(err, SLU_CORRUPT, "no Parquet file: it does not end with PAR1 at file position %lld",
                             (long long)(size - 4));
    if (footer_bytes > size - 12)
        return slu_error_set(err, SLU_CORRUPT, "the footer of %lld bytes is longer than the file of %lld", (long long)footer_bytes,
                             (long long)size);
    if (footer_bytes > PARQUET_FOOTER_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "the footer of %lld bytes is above the limit of %lld", (long long)footer_bytes,
                             (long long)PARQUET_FOOTER_BYTES_MAX);
    if (footer_bytes + 8 > tail) {
        slu_buf_reset(&reader->footer_bytes);
        tail = footer_bytes + 8;
        to = slu_buf_extend(&reader->footer_bytes, (size_t)tail);
        if (to == NULL)
            return slu_buf_status(&reader->footer_bytes, err);
        SLU_TRY(reader_at(reader, size - tail, to, (size_t)tail, err));
    }
    SLU_TRY_IN(parquet_footer_decode(slu_view_of(to + tail - 8 - footer_bytes, (size_t)footer_bytes), &reader->arena,
                                     &reader->footer, err),
               err, "file position %lld", (long long)(size - 8 - footer_bytes));
    return SLU_OK;
}

/* Walks over the subtree of element `at`; the index behind it, or 0 when the tree is broken. Leaves are counted. */
static size_t
schema_skip(const parquet_footer *footer, size_t at, size_t *leaves)
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

static slu_status
reader_read_schema(parquet_reader *reader, slu_error *err)
{
    const parquet_footer *footer = &reader->footer;
    const int32_t count = footer->elements[0].child_count;
    if (count < 0 || count > PARQUET_COLUMNS_MAX || (size_t)count >= footer->element_count ||
        footer->elements[0].type != PARQUET_NONE)
        return slu_error_set(err, SLU_CORRUPT, "the schema's root has %d children among %zu elements", count,
                             footer->element_count);
    reader->columns = slu_arena_array(&reader->arena, (size_t)count + 1, sizeof *reader->columns);
    SLU_TRY(slu_arena_status(&reader->arena, err));
    size_t at = 1;
    for (int32_t i = 0; i < count; i++) {
        reader_column *column = &reader->columns[i];
        if (at >= footer->element_count)
            return slu_error_set(err, SLU_CORRUPT, "the schema ends before its %d columns", count);
        column->element = footer->elements[at];
        column->leaf = reader->leaf_count;
        const char *name = slu_arena_strndup(&reader->arena, (const char *)column->element.name.data, column->element.name.bytes);
        SLU_TRY(slu_arena_status(&reader->arena, err));
        parquet_column_of_element(&column->element, name, &column->column);
        at = schema_skip(footer, at, &reader->leaf_count);
        if (at == 0)
            return slu_error_set(err, SLU_CORRUPT, "the schema's tree is broken at column %s", name);
    }
    reader->column_count = (size_t)count;
    if (at != footer->element_count)
        return slu_error_set(err, SLU_CORRUPT, "the schema has %zu elements, its tree %zu", footer->element_count, at);
    return SLU_OK;
}

static slu_status
reader_check_groups(const parquet_reader *reader, slu_error *err)
{
    int64_t rows = 0;
    for (size_t i = 0; i < reader->footer.group_count; i++) {
        const parquet_row_group *group = &reader->footer.groups[i];
        if (group->chunk_count != reader->leaf_count)
            return slu_error_set(err, SLU_CORRUPT, "row group %zu has %zu column chunks, the schema %zu leaves", i,
                                 group->chunk_count, reader->leaf_count);
        if (group->rows < 0 || __builtin_add_overflow(rows, group->rows, &rows))
            return slu_error_set(err, SLU_CORRUPT, "row group %zu has %lld rows", i, (long long)group->rows);
    }
    if (rows != reader->footer.rows)
        return slu_error_set(err, SLU_CORRUPT, "the row groups hold %lld rows, the footer says %lld", (long long)rows,
                             (long long)reader->footer.rows);
    return SLU_OK;
}

static slu_status
reader_init(parquet_reader *reader, slu_error *err)
{
    slu_arena_init(&reader->arena, READER_ARENA_BYTES_MAX);
    slu_buf_init(&reader->footer_bytes, (size_t)PARQUET_FOOTER_BYTES_MAX + 8);
    SLU_TRY(reader_load_footer(reader, err));
    SLU_TRY(reader_read_schema(reader, err));
    SLU_TRY(reader_check_groups(reader, err));
    reader->group_end = reader->footer.group_count;
    return SLU_OK;
}

slu_status
parquet_reader_open(const parquet_source *source, const parquet_reader_options *options, parquet_reader **out, slu_error *err)
{
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = slu_alloc_zero(1, sizeof *reader);
    if (reader == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a Parquet reader");
    reader->source = *source;
    if (options != NULL)
        reader->options = *options;
    if (reader->options.batch_rows == 0)
        reader->options.batch_rows = READER_BATCH_ROWS;
    if (reader->options.batch_rows < 1 || reader->options.batch_rows > PARQUET_BATCH_ROWS_MAX)
        return slu_error_set(err, SLU_INVALID, "batches of %lld rows: 1 to %d are allowed", (long long)reader->options.batch_rows,
                             PARQUET_BATCH_ROWS_MAX);
    SLU_TRY(reader_init(reader, err));
    *out = slu_take(&reader);
    return SLU_OK;
}

static void
reader_free_picks(parquet_reader *reader)
{
    for (size_t i = 0; i < reader->pick_count; i++)
        parquet_chunk_reader_fini(&reader->picks[i].chunk);
    slu_free(reader->picks);
    reader->picks = NULL;
    reader->pick_count = 0;
}

void
parquet_reader_free(parquet_reader **reader)
{
    if (*reader == NULL)
        return;
    reader_free_picks(*reader);
    slu_buf_fini(&(*reader)->footer_bytes);
    slu_arena_fini(&(*reader)->arena);
    slu_free(*reader);
    *reader = NULL;
}

/* ---- looking ---- */

int64_t
parquet_reader_rows(const parquet_reader *reader)
{
    return reader->footer.rows;
}

size_t
parquet_reader_row_group_count(const parquet_reader *reader)
{
    return reader->footer.group_count;
}

int64_t
parquet_reader_row_group_rows(const parquet_reader *reader, size_t row_group)
{
    return row_group < reader->footer.group_count ? reader->footer.groups[row_group].rows : 0;
}

int64_t
parquet_reader_row_group_offset(const parquet_reader *reader, size_t row_group)
{
    if (row_group >= reader->footer.group_count || reader->leaf_count == 0)
        return 0;
    return parquet_chunk_start(&reader->footer.groups[row_group].chunks[0]);
}

size_t
parquet_reader_column_count(const parquet_reader *reader)
{
    return reader->column_count;
}

const parquet_column *
parquet_reader_column(const parquet_reader *reader, size_t column)
{
    return column < reader->column_count ? &reader->columns[column].column : NULL;
}

const char *
parquet_reader_key_value(const parquet_reader *reader, const char *key)
{
    for (size_t i = 0; i < reader->footer.pair_count; i++) {
        const parquet_pair *pair = &reader->footer.pairs[i];
        if (slu_view_is(pair->key, key))
            return slu_arena_strndup((slu_arena *)(uintptr_t)&reader->arena, (const char *)pair->value.data, pair->value.bytes);
    }
    return NULL;
}

static bool
bound_is_nan(const parquet_element *element, slu_view bound)
{
    float f = 0;
    double d = 0;
    if (element->type == PARQUET_FLOAT)
        memcpy(&f, bound.data, sizeof f);
    else if (element->type == PARQUET_DOUBLE)
        memcpy(&d, bound.data, sizeof d);
    return isnan(f) || isnan(d);
}

static bool
bound_fits(const parquet_element *element, slu_view bound)
{
    switch (element->type) {
    case PARQUET_BOOLEAN: return bound.bytes == 1;
    case PARQUET_INT32:
    case PARQUET_FLOAT: return bound.bytes == 4 && !bound_is_nan(element, bound);
    case PARQUET_INT64:
    case PARQUET_DOUBLE: return bound.bytes == 8 && !bound_is_nan(element, bound);
    case PARQUET_FIXED_LEN_BYTE_ARRAY: return bound.bytes == (size_t)element->type_length;
    default: return element->type == PARQUET_BYTE_ARRAY;
    }
}

slu_status
parquet_reader_statistics(const parquet_reader *reader, size_t row_group, size_t column, parquet_statistics *out)
{
    memset(out, 0, sizeof *out);
    if (row_group >= reader->footer.group_count || column >= reader->column_count ||
        reader->columns[column].column.kind == PARQUET_KIND_UNKNOWN)
        return SLU_NOTFOUND;
    const reader_column *c = &reader->columns[column];
    const parquet_chunk *chunk = &reader->footer.groups[row_group].chunks[c->leaf];
    const parquet_stats *stats = &chunk->stats;
    /* The deprecated fields, and the new ones of a file that names no order, were compared as signed numbers. */
    const bool numbers = c->element.type != PARQUET_BYTE_ARRAY && c->element.type != PARQUET_FIXED_LEN_BYTE_ARRAY;
    const bool both = stats->has_old || (stats->has_min && stats->has_max);
    const bool ordered = numbers || (!stats->has_old && reader->footer.has_orders);
    out->has_null_count = stats->has_null_count;
    out->null_count = stats->null_count;
    out->value_count = chunk->value_count;
    out->has_bounds = both && ordered && bound_fits(&c->element, stats->min) && bound_fits(&c->element, stats->max);
    if (out->has_bounds) {
        out->min = stats->min;
        out->max = stats->max;
    }
    return out->has_bounds || out->has_null_count ? SLU_OK : SLU_NOTFOUND;
}

/* ---- choosing ---- */

static const reader_column *
reader_find(const parquet_reader *reader, const parquet_want *want)
{
    bool has_ids = false;
    for (size_t i = 0; i < reader->column_count; i++) {
        const parquet_column *column = &reader->columns[i].column;
        has_ids |= column->field_id != PARQUET_FIELD_ID_NONE;
        if (want->field_id != PARQUET_FIELD_ID_NONE && column->field_id == want->field_id)
            return &reader->columns[i];
    }
    if ((has_ids && want->field_id != PARQUET_FIELD_ID_NONE) || want->name == NULL)
        return NULL;
    for (size_t i = 0; i < reader->column_count; i++)
        if (strcmp(reader->columns[i].column.name, want->name) == 0)
            return &reader->columns[i];
    return NULL;
}

static bool
kind_is_bytes(uint8_t kind)
{
    return kind == PARQUET_KIND_STRING || kind == PARQUET_KIND_BINARY;
}

/* Whether a column of the file may be given as the wanted one. */
static bool
column_promotes(const parquet_column *from, const parquet_column *to)
{
    if (to->kind == PARQUET_KIND_DECIMAL)
        return from->kind == PARQUET_KIND_DECIMAL && from->scale == to->scale && from->precision <= to->precision;
    if (to->kind == PARQUET_KIND_FIXED)
        return (from->kind == PARQUET_KIND_FIXED || from->kind == PARQUET_KIND_UUID) && from->length == to->length;
    if (to->kind == PARQUET_KIND_UUID)
        return from->length == 16 && (from->kind == PARQUET_KIND_FIXED || from->kind == PARQUET_KIND_UUID);
    return from->kind == to->kind || (from->kind == PARQUET_KIND_INT && to->kind == PARQUET_KIND_LONG) ||
           (from->kind == PARQUET_KIND_FLOAT && to->kind == PARQUET_KIND_DOUBLE) ||
           (kind_is_bytes(from->kind) && kind_is_bytes(to->kind));
}

static slu_status
pick_missing(const parquet_want *want, reader_pick *pick, slu_error *err)
{
    const char *name = want->name != NULL ? want->name : want->column.name;
    if (!want->optional || want->column.kind == PARQUET_KIND_UNKNOWN)
        return slu_error_set(err, SLU_NOTFOUND, "the Parquet file has no column %s (field id %d)", name == NULL ? "?" : name,
                             want->field_id);
    pick->missing = true;
    pick->column = want->column;
    pick->column.required = false;
    return SLU_OK;
}

static slu_status
pick_init(parquet_reader *reader, const parquet_want *want, reader_pick *pick, slu_error *err)
{
    const reader_column *found = reader_find(reader, want);
    if (found == NULL) {
        SLU_TRY(pick_missing(want, pick, err));
    } else {
        if (found->column.kind == PARQUET_KIND_UNKNOWN)
            return slu_error_set(err, SLU_UNSUPPORTED,
                                 "column %s: nested columns and INT96, unsigned 64-bit or millisecond TIME types are not read",
                                 found->column.name);
        pick->column = want->column.kind == PARQUET_KIND_UNKNOWN ? found->column : want->column;
        pick->column.required = found->column.required;
        if (!column_promotes(&found->column, &pick->column)) {
            char has[32], wants[32];
            parquet_column_format(&found->column, has, sizeof has);
            parquet_column_format(&pick->column, wants, sizeof wants);
            return slu_error_set(err, SLU_INVALID, "column %s is %s in the file and cannot be read as %s", found->column.name, has,
                                 wants);
        }
        pick->source = (size_t)(found - reader->columns);
        parquet_chunk_reader_init(&pick->chunk, &reader->source, &found->element);
    }
    const char *name = want->name != NULL          ? want->name
                       : want->column.name != NULL ? want->column.name
                       : found == NULL             ? ""
                                                   : found->column.name;
    pick->column.name = slu_arena_strdup(&reader->arena, name);
    SLU_TRY(slu_arena_status(&reader->arena, err));
    return parquet_column_check(&pick->column, err);
}

slu_status
parquet_reader_select(parquet_reader *reader, const parquet_want *wants, size_t count, slu_error *err)
{
    if (reader->picked)
        return slu_error_set(err, SLU_INVALID, "columns are selected once, before the first batch");
    if (count == 0 || count > PARQUET_COLUMNS_MAX)
        return slu_error_set(err, SLU_INVALID, "%zu selected columns: 1 to %d are allowed", count, PARQUET_COLUMNS_MAX);
    reader->picks = slu_alloc_zero(count, sizeof *reader->picks);
    if (reader->picks == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu columns", count);
    reader->pick_count = count;
    for (size_t i = 0; i < count; i++) {
        const slu_status status = pick_init(reader, &wants[i], &reader->picks[i], err);
        if (status != SLU_OK) {
            reader_free_picks(reader);
            return status;
        }
    }
    reader->picked = true;
    return SLU_OK;
}

static slu_status
reader_select_all(parquet_reader *reader, slu_error *err)
{
    if (reader->picked)
        return SLU_OK;
    parquet_want *wants = slu_alloc_zero(reader->column_count + 1, sizeof *wants);
    if (wants == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu columns", reader->column_count);
    for (size_t i = 0; i < reader->column_count; i++) {
        wants[i].field_id = reader->columns[i].column.field_id;
        wants[i].name = reader->columns[i].column.name;
    }
    const slu_status status = parquet_reader_select(reader, wants, reader->column_count, err);
    slu_free(wants);
    return status;
}

slu_status
parquet_reader_limit(parquet_reader *reader, size_t first, size_t count, slu_error *err)
{
    if (reader->group != 0 || reader->group_rows_left != 0 || first > reader->footer.group_count ||
        count > reader->footer.group_count - first)
        return slu_error_set(err, SLU_INVALID, "row groups %zu to %zu of %zu", first, first + count, reader->footer.group_count);
    for (; reader->group < first; reader->group++)
        reader->group_first_row += reader->footer.groups[reader->group].rows;
    reader->group_end = first + count;
    return SLU_OK;
}

slu_status
parquet_reader_schema(parquet_reader *reader, struct ArrowSchema *out, slu_error *err)
{
    SLU_TRY(reader_select_all(reader, err));
    struct ArrowSchema schema;
    slu_status status = slu_schema_init_struct(&schema);
    for (size_t i = 0; i < reader->pick_count && status == SLU_OK; i++) {
        char format[32];
        parquet_column_format(&reader->picks[i].column, format, sizeof format);
        status = slu_schema_add(&schema, format, reader->picks[i].column.name, !reader->picks[i].column.required);
    }
    if (status != SLU_OK) {
        slu_schema_release(&schema);
        return slu_error_set(err, status, "no memory for a schema of %zu columns", reader->pick_count);
    }
    slu_schema_move(&schema, out);
    return SLU_OK;
}

/* ---- batches ---- */

/* Everything of one batch that its release frees. */
typedef struct batch_memory {
    struct ArrowArray *children; /* count of them */
    struct ArrowArray **pointers;
    const void **buffers; /* 3 per column, and one for the struct */
    parquet_column_out *columns;
    size_t count;
} batch_memory;

static void
batch_memory_free(batch_memory *memory)
{
    for (size_t i = 0; memory->columns != NULL && i < memory->count; i++)
        parquet_column_out_fini(&memory->columns[i]);
    slu_free(memory->columns);
    slu_free(memory->children);
    slu_free(memory->pointers);
    slu_free(memory->buffers);
    slu_free(memory);
}

static void
batch_memory_auto(batch_memory **memory)
{
    if (*memory != NULL)
        batch_memory_free(*memory);
}

static void
batch_release(struct ArrowArray *array)
{
    batch_memory_free(array->private_data);
    array->release = NULL;
}

/* A child dies with its batch. */
static void
child_release(struct ArrowArray *array)
{
    array->release = NULL;
}

static batch_memory *
batch_memory_new(size_t count)
{
    batch_memory *memory = slu_alloc_zero(1, sizeof *memory);
    if (memory == NULL)
        return NULL;
    memory->count = count;
    memory->columns = slu_alloc_zero(count, sizeof *memory->columns);
    memory->children = slu_alloc_zero(count, sizeof *memory->children);
    memory->pointers = slu_alloc_zero(count, sizeof *memory->pointers);
    memory->buffers = slu_alloc_zero(count * 3 + 1, sizeof *memory->buffers);
    if (memory->columns == NULL || memory->children == NULL || memory->pointers == NULL || memory->buffers == NULL) {
        batch_memory_free(memory);
        return NULL;
    }
    return memory;
}

static void
batch_child(batch_memory *memory, size_t i)
{
    static const uint8_t nothing[8] = {0};
    parquet_column_out *column = &memory->columns[i];
    struct ArrowArray *child = &memory->children[i];
    const void **buffers = memory->buffers + 1 + 3 * i;
    buffers[0] = column->null_count == 0 ? NULL : column->validity;
    buffers[1] = column->offsets != NULL ? (const void *)column->offsets : column->values;
    buffers[2] = column->data.data != NULL ? column->data.data : nothing;
    *child = (struct ArrowArray){.length = column->rows,
                                 .null_count = column->null_count,
                                 .n_buffers = column->offsets != NULL ? 3 : 2,
                                 .buffers = buffers,
                                 .release = child_release};
    memory->pointers[i] = child;
}

static void
batch_give(batch_memory *memory, int64_t rows, struct ArrowArray *out)
{
    for (size_t i = 0; i < memory->count; i++)
        batch_child(memory, i);
    *out = (struct ArrowArray){.length = rows,
                               .n_buffers = 1,
                               .buffers = memory->buffers,
                               .n_children = (int64_t)memory->count,
                               .children = memory->pointers,
                               .release = batch_release,
                               .private_data = memory};
}

/* Goes to the next row group that is wanted and has rows; END behind the last. */
static slu_status
reader_next_group(parquet_reader *reader, slu_error *err)
{
    for (; reader->group < reader->group_end; reader->group++) {
        const parquet_row_group *group = &reader->footer.groups[reader->group];
        if (group->rows != 0 &&
            (reader->options.keep == NULL || reader->options.keep(reader->options.keep_context, reader, reader->group)))
            break;
        reader->group_first_row += group->rows;
    }
    if (reader->group >= reader->group_end)
        return SLU_END;
    const parquet_row_group *group = &reader->footer.groups[reader->group];
    for (size_t i = 0; i < reader->pick_count; i++) {
        reader_pick *pick = &reader->picks[i];
        if (!pick->missing)
            SLU_TRY_IN(
                parquet_chunk_reader_open(&pick->chunk, &group->chunks[reader->columns[pick->source].leaf], group->rows, err), err,
                "row group %zu", reader->group);
    }
    reader->group_rows_left = group->rows;
    return SLU_OK;
}

static slu_status
reader_fill(parquet_reader *reader, batch_memory *memory, int64_t rows, slu_error *err)
{
    for (size_t i = 0; i < reader->pick_count; i++) {
        reader_pick *pick = &reader->picks[i];
        SLU_TRY(parquet_column_out_init(&memory->columns[i], &pick->column, rows, err));
        if (pick->missing)
            parquet_column_out_nulls(&memory->columns[i], rows);
        else
            SLU_TRY(parquet_chunk_reader_read(&pick->chunk, rows, &memory->columns[i], err));
        SLU_ASSERT(memory->columns[i].rows == rows);
    }
    return SLU_OK;
}

static slu_status
reader_batch(parquet_reader *reader, struct ArrowArray *out, int64_t *first_row, slu_error *err)
{
    if (reader->group_rows_left == 0)
        SLU_TRY(reader_next_group(reader, err));
    const int64_t rows = SLU_MIN(reader->group_rows_left, reader->options.batch_rows);
    const int64_t group_rows = reader->footer.groups[reader->group].rows;
    SLU_AUTO(batch_memory_auto) batch_memory *memory = batch_memory_new(reader->pick_count);
    if (memory == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a batch of %zu columns", reader->pick_count);
    SLU_TRY(reader_fill(reader, memory, rows, err));
    if (first_row != NULL)
        *first_row = reader->group_first_row + group_rows - reader->group_rows_left;
    batch_give(slu_take(&memory), rows, out);
    reader->group_rows_left -= rows;
    if (reader->group_rows_left == 0) {
        reader->group_first_row += group_rows;
        reader->group++;
    }
    return SLU_OK;
}

slu_status
parquet_reader_next(parquet_reader *reader, struct ArrowArray *out, int64_t *first_row, slu_error *err)
{
    if (reader->broken)
        return slu_error_set(err, SLU_INVALID, "the Parquet reader met an error before");
    SLU_TRY(reader_select_all(reader, err));
    const slu_status status = reader_batch(reader, out, first_row, err);
    reader->broken = status < 0;
    return status;
}
