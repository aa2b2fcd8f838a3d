#include "fold.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "batch/batch.h"
#include "fluss/record/key.h"
#include "log_table.h"

#include <stdlib.h>

#define KEY_BYTES_MAX ((size_t)1 << 31)
#define BATCHES_MAX 1000000
#define ROW_GONE (-1)

typedef struct entry {
    uint64_t hash;
    size_t key_at;
    uint32_t key_bytes;
    int32_t batch;
    int32_t row; /* ROW_GONE: deleted */
} entry;

struct cli_fold {
    const fluss_table *table;
    const struct ArrowSchema *schema;
    slu_sql_batch *batches;
    int32_t batch_count;
    int32_t batch_capacity;
    int64_t rows_bytes;
    slu_buf keys;
    entry *entries;
    uint32_t entry_count;
    uint32_t entry_capacity;
    uint32_t *slots; /* entry number + 1; 0: free */
    uint32_t slot_count;
    int32_t next; /* of cli_fold_next */
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
    slu_buf_init(&fold->keys, KEY_BYTES_MAX);
    *out = fold;
    return SLU_OK;
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
    slu_buf_fini(&mine->keys);
    slu_free(mine->batches);
    slu_free(mine->entries);
    slu_free(mine->slots);
    slu_free(mine);
}

/* The slot of a key, or the free one where it belongs. */
static uint32_t
slot_find(const cli_fold *fold, uint64_t hash, slu_view key)
{
    uint32_t slot = (uint32_t)hash & (fold->slot_count - 1);
    while (fold->slots[slot] != 0) {
        const entry *at = &fold->entries[fold->slots[slot] - 1];
        if (at->hash == hash && slu_view_equal(slu_view_of(fold->keys.data + at->key_at, at->key_bytes), key))
            break;
        slot = (slot + 1) & (fold->slot_count - 1);
    }
    return slot;
}

static bool
slots_grow(cli_fold *fold)
{
    const uint32_t count = fold->slot_count == 0 ? 1024 : fold->slot_count * 2;
    uint32_t *slots = slu_alloc_zero(count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < fold->entry_count; i++) {
        uint32_t slot = (uint32_t)fold->entries[i].hash & (count - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (count - 1);
        slots[slot] = i + 1;
    }
    slu_free(fold->slots);
    fold->slots = slots;
    fold->slot_count = count;
    return true;
}

static bool
entries_grow(cli_fold *fold)
{
    const uint32_t capacity = fold->entry_capacity == 0 ? 1024 : fold->entry_capacity * 2;
    entry *entries = slu_realloc(fold->entries, capacity * sizeof *entries);
    if (entries == NULL)
        return false;
    fold->entries = entries;
    fold->entry_capacity = capacity;
    return true;
}

static slu_status
key_set(cli_fold *fold, slu_view key, int32_t batch, int32_t row, slu_error *err)
{
    const uint64_t hash = slu_hash64(key.data, key.bytes);
    if ((fold->entry_count + 1) * 2 > fold->slot_count && !slots_grow(fold))
        return slu_error_set(err, SLU_NOMEM, "no memory to fold %u keys", fold->entry_count);
    const uint32_t slot = slot_find(fold, hash, key);
    if (fold->slots[slot] == 0) {
        if (fold->entry_count == fold->entry_capacity && !entries_grow(fold))
            return slu_error_set(err, SLU_NOMEM, "no memory to fold %u keys", fold->entry_count);
        fold->entries[fold->entry_count] = (entry){.hash = hash, .key_at = fold->keys.bytes, .key_bytes = (uint32_t)key.bytes};
        slu_buf_append(&fold->keys, key.data, key.bytes);
        SLU_TRY(slu_buf_status(&fold->keys, err));
        fold->slots[slot] = ++fold->entry_count;
    }
    entry *at = &fold->entries[fold->slots[slot] - 1];
    at->batch = batch;
    at->row = row;
    return SLU_OK;
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

/* The same key in another partition is another row: its bucket's number says which. */
static slu_status
rows_set_partitioned(cli_fold *fold, const fluss_scan_batch *batch, const slu_buf *keys, const uint32_t *offsets, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf key = {0};
    slu_buf_init(&key, KEY_BYTES_MAX);
    for (int64_t row = batch->first; row < batch->first + batch->count; row++) {
        const uint8_t kind = batch->kinds == NULL ? SLU_ROW_INSERT : batch->kinds[row];
        if (kind == SLU_ROW_UPDATE_BEFORE)
            continue;
        slu_buf_reset(&key);
        slu_buf_u32le(&key, (uint32_t)(batch->bucket / fold->table->bucket_count));
        slu_buf_append(&key, keys->data + offsets[row], offsets[row + 1] - offsets[row]);
        SLU_TRY(slu_buf_status(&key, err));
        SLU_TRY(key_set(fold, slu_buf_view(&key), fold->batch_count, kind == SLU_ROW_DELETE ? ROW_GONE : (int32_t)row, err));
    }
    return SLU_OK;
}

static slu_status
rows_set(cli_fold *fold, const fluss_scan_batch *batch, const slu_buf *keys, const uint32_t *offsets, slu_error *err)
{
    if (fold->table->partition_column_count > 0)
        return rows_set_partitioned(fold, batch, keys, offsets, err);
    for (int64_t row = batch->first; row < batch->first + batch->count; row++) {
        const uint8_t kind = batch->kinds == NULL ? SLU_ROW_INSERT : batch->kinds[row];
        const slu_view key = slu_view_of(keys->data + offsets[row], offsets[row + 1] - offsets[row]);
        if (kind != SLU_ROW_UPDATE_BEFORE)
            SLU_TRY(key_set(fold, key, fold->batch_count, kind == SLU_ROW_DELETE ? ROW_GONE : (int32_t)row, err));
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
cli_fold_touched(const cli_fold *fold, slu_view key)
{
    return fold->slot_count > 0 && fold->slots[slot_find(fold, slu_hash64(key.data, key.bytes), key)] != 0;
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
    for (uint32_t i = 0; i < fold->entry_count; i++)
        if (fold->entries[i].row != ROW_GONE)
            fold->batches[fold->entries[i].batch].rows++;
    for (int32_t i = 0; i < fold->batch_count; i++) {
        fold->batches[i].selection = slu_alloc((size_t)fold->batches[i].rows * sizeof *fold->batches[i].selection);
        if (fold->batches[i].selection == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory to select rows");
        fold->batches[i].rows = 0;
    }
    for (uint32_t i = 0; i < fold->entry_count; i++) {
        slu_sql_batch *of = &fold->batches[fold->entries[i].batch];
        if (fold->entries[i].row != ROW_GONE)
            of->selection[of->rows++] = fold->entries[i].row;
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
