#include "assemble.h"

#include "base/alloc.h"

#include <sluice/columns.h>
#include <stdatomic.h>

/* Everything of one batch; freed when the batch and every column that was moved out of it are released. */
typedef struct batch_memory {
    atomic_size_t refs;        /* the batch's own, and one of each column of it */
    struct ArrowArray *arrays; /* one per slot */
    struct ArrowArray **pointers;
    const void **buffers; /* 3 per slot, and one for the struct */
    parquet_column_out *columns;
    size_t top_count;
    size_t count;
} batch_memory;

static void
batch_memory_free(batch_memory *memory)
{
    for (size_t i = 0; memory->columns != NULL && i < memory->count; i++)
        parquet_column_out_fini(&memory->columns[i]);
    slu_free(memory->columns);
    slu_free(memory->arrays);
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
batch_memory_unref(batch_memory *memory)
{
    if (atomic_fetch_sub(&memory->refs, 1) == 1)
        batch_memory_free(memory);
}

/* What is below a column dies with it. */
static void
child_release(struct ArrowArray *array)
{
    array->release = NULL;
}

/* A column of the batch, which whoever took it may keep longer than the batch. */
static void
column_release(struct ArrowArray *array)
{
    array->release = NULL;
    batch_memory_unref(array->private_data);
}

/* A column may have been moved out, or replaced by one with a release of its own. */
static void
batch_release(struct ArrowArray *array)
{
    batch_memory *memory = array->private_data;
    array->release = NULL;
    for (size_t i = 0; i < memory->top_count; i++)
        slu_array_release(memory->pointers[i]);
    batch_memory_unref(memory);
}

static batch_memory *
batch_memory_new(const parquet_picks *picks)
{
    batch_memory *memory = slu_alloc_zero(1, sizeof *memory);
    if (memory == NULL)
        return NULL;
    const size_t count = picks->slot_count;
    memory->count = count;
    memory->top_count = picks->top_count;
    memory->columns = slu_alloc_zero(count, sizeof *memory->columns);
    memory->arrays = slu_alloc_zero(count, sizeof *memory->arrays);
    memory->pointers = slu_alloc_zero(count, sizeof *memory->pointers);
    memory->buffers = slu_alloc_zero(count * 3 + 1, sizeof *memory->buffers);
    if (memory->columns == NULL || memory->arrays == NULL || memory->pointers == NULL || memory->buffers == NULL) {
        batch_memory_free(memory);
        return NULL;
    }
    return memory;
}

/* ---- nested parts ---- */

typedef struct assemble {
    parquet_picks *picks;
    batch_memory *memory;
    slu_error *err;
} assemble;

static slu_status
assemble_corrupt(const assemble *work, const parquet_pick *pick, int64_t has, int64_t wants)
{
    return slu_error_set(work->err, SLU_CORRUPT, "column %s: its leaves disagree: %lld items of %lld", pick->column.name,
                         (long long)has, (long long)wants);
}

static void
struct_fill(parquet_column_out *out, const parquet_node *node, const parquet_chunk_reader *guide, int64_t rows)
{
    const uint8_t *defs = guide->defs.data, *reps = guide->reps.data;
    int64_t row = 0;
    for (size_t i = 0; i < guide->defs.bytes; i++) {
        if (reps[i] > node->rep || defs[i] < node->slot_def)
            continue;
        if (row < rows && defs[i] >= node->def)
            slu_bit_set(out->validity, row);
        out->null_count += defs[i] < node->def;
        row++;
    }
    out->rows = row;
}

/* A map or list: offsets count the items that begin before each slot. */
static void
list_fill(parquet_column_out *out, const parquet_node *node, const parquet_chunk_reader *guide, int64_t rows)
{
    const uint8_t *defs = guide->defs.data, *reps = guide->reps.data;
    int64_t row = 0;
    int32_t items = 0;
    for (size_t i = 0; i < guide->defs.bytes; i++) {
        if (reps[i] <= node->rep && defs[i] >= node->slot_def) {
            if (row < rows) {
                out->offsets[row] = items;
                if (defs[i] >= node->def)
                    slu_bit_set(out->validity, row);
            }
            out->null_count += defs[i] < node->def;
            row++;
        }
        items += reps[i] <= node->rep + 1 && defs[i] >= node->item_def;
    }
    out->offsets[rows] = items;
    out->rows = row;
}

static slu_status assemble_pick(const assemble *work, const parquet_pick *pick, int64_t rows);

static slu_status
assemble_nested(const assemble *work, const parquet_pick *pick, int64_t rows)
{
    parquet_column_out *out = &work->memory->columns[pick->slot];
    const bool list = pick->column.kind != PARQUET_KIND_STRUCT;
    SLU_TRY(parquet_column_out_init(out, &pick->column, rows, work->err));
    if (pick->node == NULL) {
        parquet_column_out_nulls(out, rows);
    } else if (pick->entries) {
        out->rows = rows;
    } else {
        const parquet_chunk_reader *guide = &work->picks->chunks[pick->chunk].reader;
        (list ? list_fill : struct_fill)(out, pick->node, guide, rows);
        if (out->rows != rows)
            return assemble_corrupt(work, pick, out->rows, rows);
    }
    const int64_t below = list ? out->offsets[rows] : rows;
    for (uint32_t i = 0; i < pick->child_count; i++)
        SLU_TRY(assemble_pick(work, &pick->children[i], below));
    return SLU_OK;
}

static slu_status
assemble_pick(const assemble *work, const parquet_pick *pick, int64_t rows)
{
    parquet_column_out *out = &work->memory->columns[pick->slot];
    if (parquet_column_is_nested(&pick->column))
        return assemble_nested(work, pick, rows);
    if (pick->node == NULL) {
        SLU_TRY(parquet_column_out_init(out, &pick->column, rows, work->err));
        parquet_column_out_nulls(out, rows);
    }
    return out->rows == rows ? SLU_OK : assemble_corrupt(work, pick, out->rows, rows);
}

/* ---- the Arrow form ---- */

static void
array_make(batch_memory *memory, const parquet_pick *pick)
{
    static const uint8_t nothing[8] = {0};
    parquet_column_out *column = &memory->columns[pick->slot];
    const void **buffers = memory->buffers + 1 + 3 * pick->slot;
    const bool bytes = column->offsets != NULL && !parquet_column_is_nested(&pick->column);
    buffers[0] = column->null_count == 0 ? NULL : column->validity;
    buffers[1] = column->offsets != NULL ? (const void *)column->offsets : column->values;
    buffers[2] = column->data.data != NULL ? column->data.data : nothing;
    memory->arrays[pick->slot] = (struct ArrowArray){.length = column->rows,
                                                     .null_count = column->null_count,
                                                     .n_buffers = bytes                                      ? 3
                                                                  : pick->column.kind == PARQUET_KIND_STRUCT ? 1
                                                                                                             : 2,
                                                     .buffers = buffers,
                                                     .n_children = pick->child_count,
                                                     .children = memory->pointers + pick->first_child,
                                                     .release = child_release};
    for (uint32_t i = 0; i < pick->child_count; i++) {
        memory->pointers[pick->first_child + i] = &memory->arrays[pick->children[i].slot];
        array_make(memory, &pick->children[i]);
    }
}

static void
batch_give(const parquet_picks *picks, batch_memory *memory, int64_t rows, struct ArrowArray *out)
{
    for (size_t i = 0; i < picks->top_count; i++) {
        memory->pointers[i] = &memory->arrays[picks->tops[i].slot];
        array_make(memory, &picks->tops[i]);
    }
    size_t refs = 1;
    for (size_t i = 0; i < picks->top_count; i++) {
        refs += memory->pointers[i]->private_data == NULL; /* a column that was picked twice counts once */
        memory->pointers[i]->release = column_release;
        memory->pointers[i]->private_data = memory;
    }
    atomic_init(&memory->refs, refs);
    *out = (struct ArrowArray){.length = rows,
                               .n_buffers = 1,
                               .buffers = memory->buffers,
                               .n_children = (int64_t)picks->top_count,
                               .children = memory->pointers,
                               .release = batch_release,
                               .private_data = memory};
}

static slu_status
chunk_fill(parquet_pick_chunk *chunk, int64_t rows, batch_memory *memory, slu_error *err)
{
    parquet_column_out *out = chunk->slot == PARQUET_SLOT_NONE ? NULL : &memory->columns[chunk->slot];
    if (out != NULL)
        SLU_TRY(parquet_column_out_init(out, &chunk->column, rows, err));
    return chunk->reader.nested ? parquet_chunk_reader_entries(&chunk->reader, rows, out, err)
                                : parquet_chunk_reader_read(&chunk->reader, rows, out, err);
}

/* The leaves below a pick. */
static slu_status
leaves_fill(const assemble *work, const parquet_pick *pick, int64_t rows)
{
    if (pick->node != NULL && !parquet_column_is_nested(&pick->column))
        SLU_TRY(chunk_fill(&work->picks->chunks[pick->chunk], rows, work->memory, work->err));
    for (uint32_t i = 0; i < pick->child_count; i++)
        SLU_TRY(leaves_fill(work, &pick->children[i], rows));
    return SLU_OK;
}

slu_status
parquet_assemble(parquet_picks *picks, int64_t rows, struct ArrowArray *out, slu_error *err)
{
    SLU_AUTO(batch_memory_auto) batch_memory *memory = batch_memory_new(picks);
    const assemble work = {picks, memory, err};
    if (memory == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a batch of %zu columns", picks->slot_count);
    for (size_t i = 0; i < picks->chunk_count; i++)
        if (picks->chunks[i].slot == PARQUET_SLOT_NONE)
            SLU_TRY(chunk_fill(&picks->chunks[i], rows, memory, err));
    for (size_t i = 0; i < picks->top_count; i++) {
        SLU_TRY(leaves_fill(&work, &picks->tops[i], rows));
        SLU_TRY(assemble_pick(&work, &picks->tops[i], rows));
    }
    batch_give(picks, slu_take(&memory), rows, out);
    return SLU_OK;
}
