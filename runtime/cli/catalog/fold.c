#include "fold.h"

#include "base/alloc.h"
#include "batch/batch.h"
#include "fluss/record/key.h"
#include "key_map.h"
#include "log_table.h"

#include <stdlib.h>

#define KEY_BYTES_MAX ((size_t)1 << 31)
#define BATCHES_MAX 1000000
#define ROW_GONE (-1)

struct cli_fold {
    const fluss_table *table;
    const struct ArrowSchema *schema;
    slu_sql_batch *batches;
    int32_t batch_count;
    int32_t batch_capacity;
    int64_t rows_bytes;
    cli_key_map *keys; /* the value: where the last row of the key is */
    slu_buf placed;    /* room for one key */
    int32_t next;      /* of cli_fold_next */
    bool selected;
};

slu_status
cli_fold_new(const fluss_table *table, const struct ArrowSchema *schema, cli_fold **out, slu_error *err)
{
    cli_fold *fold = slu_alloc_zero(1, sizeof *fold);
    if (fold == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to fold a changelog");
    fold->table = table;
    fold->schema = schema;
    slu_buf_init(&fold->placed, KEY_BYTES_MAX);
    const slu_status status = cli_key_map_new(&fold->keys, err);
    if (status != SLU_OK)
        cli_fold_free(&fold);
    *out = fold;
    return status;
}

static void
batch_drop(slu_sql_batch *batch)
{
    if (batch->array.release != NULL)
        batch->array.release(&batch->array);
    slu_free(batch->selection);
    memset(batch, 0, sizeof *batch);
}

void
cli_fold_free(cli_fold **fold)
{
    cli_fold *mine = slu_take(fold);
    if (mine == NULL)
        return;
    for (int32_t i = 0; i < mine->batch_count; i++)
        batch_drop(&mine->batches[i]);
    cli_key_map_free(&mine->keys);
    slu_buf_fini(&mine->placed);
    slu_free(mine->batches);
    slu_free(mine);
}

static slu_status
key_set(cli_fold *fold, slu_view key, int32_t batch, int32_t row, slu_error *err)
{
    return cli_key_map_set(fold->keys, key, (int64_t)((uint64_t)batch << 32 | (uint32_t)row), err);
}

/* The batch of the at-th key, and in *row its last row there. */
static slu_sql_batch *
key_place(const cli_fold *fold, uint32_t at, int32_t *row)
{
    const uint64_t place = (uint64_t)cli_key_map_value(fold->keys, at);
    *row = (int32_t)(uint32_t)place;
    return &fold->batches[place >> 32];
}

static slu_status
batch_keep(cli_fold *fold, struct ArrowArray *array, slu_error *err)
{
    if (fold->batch_count == fold->batch_capacity) {
        const int32_t capacity = fold->batch_capacity == 0 ? 64 : fold->batch_capacity * 2;
        slu_sql_batch *batches = capacity > BATCHES_MAX ? NULL : slu_realloc(fold->batches, (size_t)capacity * sizeof *batches);
        if (batches == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory to fold %d batches", fold->batch_count);
        fold->batches = batches;
        fold->batch_capacity = capacity;
    }
    fold->batches[fold->batch_count++] = (slu_sql_batch){.array = *array};
    array->release = NULL;
    return SLU_OK;
}

/* The same key in another partition is another row: there the slot stands in front of it, in `room`. */
static slu_view
key_placed(const cli_fold *fold, int32_t slot, slu_view key, slu_buf *room)
{
    if (fold->table->partition_column_count == 0)
        return key;
    slu_buf_reset(room);
    slu_buf_u32le(room, (uint32_t)slot);
    slu_buf_append(room, key.data, key.bytes);
    return slu_buf_view(room);
}

static slu_status
rows_set(cli_fold *fold, const fluss_scan_batch *batch, const slu_buf *keys, const uint32_t *offsets, slu_error *err)
{
    const int32_t slot = batch->bucket / fold->table->bucket_count;
    for (int64_t row = batch->first; row < batch->first + batch->count; row++) {
        const uint8_t kind = batch->kinds == NULL ? SLU_ROW_INSERT : batch->kinds[row];
        const slu_view key = slu_view_of(keys->data + offsets[row], offsets[row + 1] - offsets[row]);
        if (kind == SLU_ROW_UPDATE_BEFORE)
            continue;
        SLU_TRY(key_set(fold, key_placed(fold, slot, key, &fold->placed), fold->batch_count,
                        kind == SLU_ROW_DELETE ? ROW_GONE : (int32_t)row, err));
        SLU_TRY(slu_buf_status(&fold->placed, err));
    }
    return SLU_OK;
}

slu_status
cli_fold_add(cli_fold *fold, fluss_scan_batch *batch, slu_error *err)
{
    const int64_t rows = batch->array.length;
    SLU_AUTO(slu_buf_fini) slu_buf keys;
    uint32_t *offsets = slu_alloc((size_t)(rows + 1) * sizeof *offsets);
    slu_status status = offsets == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %lld keys", (long long)rows) : SLU_OK;
    slu_buf_init(&keys, KEY_BYTES_MAX);
    fold->rows_bytes += slu_array_bytes(fold->schema, &batch->array);
    if (status == SLU_OK && fold->rows_bytes > LOG_FOLD_BYTES_MAX)
        status = slu_error_set(err, SLU_LIMIT, "the changelog is larger than the %lld bytes a query may hold",
                               (long long)LOG_FOLD_BYTES_MAX);
    if (status == SLU_OK)
        status = fluss_table_keys(fold->table, fold->schema, &batch->array, NULL, rows, &keys, offsets, err);
    if (status == SLU_OK)
        status = rows_set(fold, batch, &keys, offsets, err);
    if (status == SLU_OK)
        status = batch_keep(fold, &batch->array, err);
    slu_free(offsets);
    fluss_scan_batch_fini(batch);
    return status;
}

bool
cli_fold_touched(cli_fold *fold, int32_t slot, slu_view of)
{
    int64_t place;
    return cli_key_map_get(fold->keys, key_placed(fold, slot, of, &fold->placed), &place);
}

static int
row_order(const void *a, const void *b)
{
    const int32_t left = *(const int32_t *)a;
    const int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

/* Gives every batch the selection of its live rows. */
static slu_status
rows_select(cli_fold *fold, slu_error *err)
{
    int32_t row = 0;
    for (uint32_t i = 0; i < cli_key_map_count(fold->keys); i++) {
        slu_sql_batch *of = key_place(fold, i, &row);
        of->rows += row != ROW_GONE;
    }
    for (int32_t i = 0; i < fold->batch_count; i++) {
        fold->batches[i].selection = slu_alloc((size_t)fold->batches[i].rows * sizeof *fold->batches[i].selection);
        if (fold->batches[i].selection == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory to select rows");
        fold->batches[i].rows = 0;
    }
    for (uint32_t i = 0; i < cli_key_map_count(fold->keys); i++) {
        slu_sql_batch *of = key_place(fold, i, &row);
        if (row != ROW_GONE)
            of->selection[of->rows++] = row;
    }
    for (int32_t i = 0; i < fold->batch_count; i++)
        qsort(fold->batches[i].selection, (size_t)fold->batches[i].rows, sizeof *fold->batches[i].selection, row_order);
    fold->selected = true;
    return SLU_OK;
}

slu_status
cli_fold_next(cli_fold *fold, slu_sql_batch *out, slu_error *err)
{
    if (!fold->selected)
        SLU_TRY(rows_select(fold, err));
    while (fold->next < fold->batch_count) {
        slu_sql_batch *batch = &fold->batches[fold->next++];
        if (batch->rows == 0)
            continue;
        *out = *batch;
        memset(batch, 0, sizeof *batch);
        return SLU_OK;
    }
    return SLU_END;
}
