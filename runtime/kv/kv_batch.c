#include "kv/kv_batch.h"

#include "base/alloc.h"
#include "base/assert.h"

#define KV_BATCH_BYTES_MAX ((size_t)1 << 30)
#define KV_BATCH_META_BYTES_MAX ((size_t)1 << 20)

slu_status
slu_kv_batch_new(slu_kv_batch **out, slu_error *err)
{
    slu_kv_batch *batch = slu_alloc_zero(1, sizeof *batch);
    if (batch == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a kv batch");
    slu_buf_init(&batch->rows, KV_BATCH_BYTES_MAX);
    slu_buf_init(&batch->meta, KV_BATCH_META_BYTES_MAX);
    slu_arena_init(&batch->copies, KV_BATCH_BYTES_MAX);
    *out = batch;
    return SLU_OK;
}

void
slu_kv_batch_free(slu_kv_batch **batch)
{
    if (*batch == NULL)
        return;
    slu_buf_fini(&(*batch)->rows);
    slu_buf_fini(&(*batch)->meta);
    slu_arena_fini(&(*batch)->copies);
    slu_free(*batch);
    *batch = NULL;
}

void
slu_kv_batch_reset(slu_kv_batch *batch)
{
    slu_buf_reset(&batch->rows);
    slu_buf_reset(&batch->meta);
    slu_arena_reset(&batch->copies);
}

static void
batch_row(slu_kv_batch *batch, const kv_batch_row *row)
{
    slu_buf_append(&batch->rows, row, sizeof *row);
}

/* Of nothing when there is no memory, which the arena remembers. */
static slu_view
batch_copy(slu_kv_batch *batch, slu_view bytes)
{
    uint8_t *copy = slu_arena_alloc(&batch->copies, bytes.bytes + 1);
    if (copy == NULL)
        return slu_view_of(NULL, 0);
    if (bytes.bytes != 0)
        memcpy(copy, bytes.data, bytes.bytes);
    return slu_view_of(copy, bytes.bytes);
}

void
slu_kv_batch_put(slu_kv_batch *batch, slu_view key, slu_view value)
{
    const kv_batch_row row = {.key = batch_copy(batch, key), .tail = batch_copy(batch, value)};
    batch_row(batch, &row);
}

void
slu_kv_batch_put_parts(slu_kv_batch *batch, slu_view key, slu_view head, slu_view tail)
{
    kv_batch_row row = {.key = key, .tail = tail, .head_bytes = (uint8_t)head.bytes};
    SLU_ASSERT(head.bytes <= SLU_KV_HEAD_BYTES_MAX);
    memcpy(row.head, head.data, head.bytes);
    batch_row(batch, &row);
}

void
slu_kv_batch_erase(slu_kv_batch *batch, slu_view key)
{
    const kv_batch_row row = {.key = batch_copy(batch, key), .erased = true};
    batch_row(batch, &row);
}

void
slu_kv_batch_put_meta(slu_kv_batch *batch, slu_view key, slu_view value)
{
    slu_buf_u32le(&batch->meta, (uint32_t)key.bytes);
    slu_buf_u32le(&batch->meta, (uint32_t)value.bytes);
    slu_buf_append(&batch->meta, key.data, key.bytes);
    slu_buf_append(&batch->meta, value.data, value.bytes);
}

slu_status
kv_batch_status(const slu_kv_batch *batch, slu_error *err)
{
    SLU_TRY(slu_buf_status(&batch->rows, err));
    SLU_TRY(slu_buf_status(&batch->meta, err));
    return slu_arena_status(&batch->copies, err);
}

const kv_batch_row *
kv_batch_rows(const slu_kv_batch *batch, size_t *out_count)
{
    *out_count = batch->rows.bytes / sizeof(kv_batch_row);
    return (const kv_batch_row *)(const void *)batch->rows.data;
}
