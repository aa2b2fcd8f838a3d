/* replay.c: the log from the store's applied offset on, once more into the store. */
#include "base/sizes.h"
#include "fluss/record/key.h"
#include "fluss/record/row.h"
#include "fluss/server/kv/tablet_internal.h"

#include <sluice/arrow.h>

#define REPLAY_READ_BYTES ((size_t)4 << 20)
#define REPLAY_ARENA_BYTES_MAX ((size_t)64 << 20)

typedef struct replay {
    fluss_kv_tablet *kv;
    const fluss_schema *schema;
    int32_t numbered; /* the auto-increment column, or -1 */
    struct ArrowSchema arrow;
    slu_arena arena;
    slu_buf keys;
    slu_buf value;
    slu_buf offsets; /* u32 each */
    int64_t row_delta;
} replay;

static void
replay_fini(replay *r)
{
    if (r->arrow.release != NULL)
        slu_schema_release(&r->arrow);
    slu_arena_fini(&r->arena);
    slu_buf_fini(&r->keys);
    slu_buf_fini(&r->value);
    slu_buf_fini(&r->offsets);
}

/* An insert shows which id its row was given. */
static void
replay_number(replay *r, const struct ArrowArray *rows, int64_t row)
{
    const slu_column column = slu_column_child(&r->arrow, rows, r->numbered);
    if (!slu_column_valid(&column, row))
        return;
    const bool wide = r->schema->columns[r->numbered].type.id == FLUSS_TYPE_BIGINT;
    kv_id_used(r->kv, wide ? slu_column_i64s(&column)[row] : slu_column_i32s(&column)[row]);
}

/* Puts or erases each row of a decoded batch. */
static slu_status
replay_rows(replay *r, const fluss_log_rows *rows, int16_t schema_id, slu_error *err)
{
    fluss_kv_tablet *kv = r->kv;
    fluss_row_columns columns;
    const int64_t count = rows->array.length;
    slu_arena_reset(&r->arena);
    slu_buf_reset(&r->keys);
    slu_buf_reset(&r->offsets);
    uint32_t *offsets = (uint32_t *)(void *)slu_buf_extend(&r->offsets, ((size_t)count + 1) * sizeof *offsets);
    SLU_TRY(slu_buf_status(&r->offsets, err));
    SLU_TRY(fluss_table_keys(&kv->table->table, &r->arrow, &rows->array, NULL, count, &r->keys, offsets, err));
    SLU_TRY(fluss_row_columns_init(&columns, r->schema, &r->arrow, &rows->array, &r->arena, err));
    for (int64_t i = 0; i < count; i++) {
        const uint8_t kind = rows->kinds == NULL ? SLU_ROW_INSERT : rows->kinds[i];
        const slu_view key = slu_view_of(r->keys.data + offsets[i], offsets[i + 1] - offsets[i]);
        if (kind == SLU_ROW_UPDATE_BEFORE)
            continue;
        if (kind == SLU_ROW_DELETE) {
            slu_kv_batch_erase(kv->batch, key);
            r->row_delta--;
            continue;
        }
        slu_buf_reset(&r->value);
        slu_buf_u16le(&r->value, (uint16_t)schema_id);
        SLU_TRY(fluss_row_encode(&columns, kv->table->table.kv_format, i, &r->value, err));
        SLU_TRY(slu_buf_status(&r->value, err));
        slu_kv_batch_put(kv->batch, key, slu_buf_view(&r->value));
        r->row_delta += kind == SLU_ROW_INSERT;
        if (kind == SLU_ROW_INSERT && r->numbered >= 0)
            replay_number(r, &rows->array, i);
    }
    return SLU_OK;
}

static slu_status
replay_batch(replay *r, const fluss_log_header *head, slu_view batch, slu_error *err)
{
    fluss_kv_tablet *kv = r->kv;
    const slu_ipc_owner nobody = {0};
    fluss_log_rows rows;
    if (head->record_count == 0)
        return SLU_OK;
    if (r->arrow.release != NULL)
        slu_schema_release(&r->arrow);
    SLU_TRY(fluss_tables_schema(kv->tables, kv->table, head->schema_id, &r->schema, err));
    SLU_TRY(fluss_schema_to_arrow(r->schema, &r->arrow, err));
    SLU_TRY(fluss_log_decode(kv->table->table.log_format, r->schema, &r->arrow, head, batch, nobody, fluss_tables_codec(kv->tables),
                             &rows, err));
    const slu_status status = replay_rows(r, &rows, head->schema_id, err);
    fluss_log_rows_fini(&rows);
    return status;
}

/* All batches of one read, as one write of the store. */
static slu_status
replay_chunk(replay *r, slu_view chunk, int64_t next_offset, slu_error *err)
{
    fluss_kv_tablet *kv = r->kv;
    slu_kv_batch_reset(kv->batch);
    r->row_delta = 0;
    while (chunk.bytes != 0) {
        fluss_log_header head;
        SLU_TRY(fluss_log_peek(chunk, &head, err));
        if (head.base_offset >= kv->applied)
            SLU_TRY(replay_batch(r, &head, slu_view_of(chunk.data, head.batch_bytes), err));
        chunk = slu_view_of(chunk.data + head.batch_bytes, chunk.bytes - head.batch_bytes);
    }
    kv_mark_applied(kv, next_offset, kv->row_count + r->row_delta);
    SLU_TRY(slu_kv_write(kv->store, kv->batch, err));
    kv->applied = next_offset;
    kv->row_count += r->row_delta;
    return SLU_OK;
}

static slu_status
replay_run(replay *r, slu_error *err)
{
    fluss_kv_tablet *kv = r->kv;
    SLU_AUTO(slu_buf_fini) slu_buf chunk = {0};
    slu_buf_init(&chunk, KV_PUT_BYTES_MAX);
    while (kv->applied < fluss_log_end(kv->log)) {
        int64_t next = kv->applied;
        slu_buf_reset(&chunk);
        SLU_TRY(fluss_log_read_any(kv->log, kv->applied, REPLAY_READ_BYTES, true, &chunk, &next, err));
        SLU_TRY_IN(replay_chunk(r, slu_buf_view(&chunk), next, err), err, "replay of the changelog from %lld",
                   (long long)kv->applied);
    }
    return SLU_OK;
}

slu_status
kv_replay(fluss_kv_tablet *kv, slu_error *err)
{
    const fluss_schema *newest = &kv->table->descriptor.schema;
    replay r = {.kv = kv};
    r.numbered = newest->auto_increment_column == NULL ? -1 : fluss_schema_find(newest, newest->auto_increment_column);
    slu_arena_init(&r.arena, REPLAY_ARENA_BYTES_MAX);
    slu_buf_init(&r.keys, KV_PUT_BYTES_MAX);
    slu_buf_init(&r.value, KV_PUT_BYTES_MAX);
    slu_buf_init(&r.offsets, KV_PUT_BYTES_MAX);
    const slu_status status = replay_run(&r, err);
    replay_fini(&r);
    kv->stale = status != SLU_OK;
    return status;
}
