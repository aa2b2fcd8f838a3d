#include "fluss/server/kv_tablet_internal.h"

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/file.h"

#include <inttypes.h>

#define KV_META_BYTES 16 /* applied offset i64 LE, rows i64 LE */
#define KV_META_NUMBERED_BYTES 32 /* and the ids of the auto-increment column that are left: next and last, i64 LE each */

slu_status
kv_fail(slu_error *err, slu_status status, int64_t code)
{
    if (err != NULL)
        err->code = code;
    return status;
}

static slu_view
kv_meta_key(void)
{
    return slu_view_of_text("applied");
}

void
kv_mark_applied(fluss_kv_tablet *kv, int64_t applied, int64_t row_count)
{
    const bool numbered = kv->table->descriptor.schema.auto_increment_column != NULL;
    const int64_t words[4] = {applied, row_count, kv->id_next, kv->id_end};
    uint8_t bytes[KV_META_NUMBERED_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)((uint64_t)words[i / 8] >> (8 * (i % 8)));
    slu_kv_batch_put_meta(kv->batch, kv_meta_key(), slu_view_of(bytes, numbered ? KV_META_NUMBERED_BYTES : KV_META_BYTES));
}

static slu_status
kv_load_meta(fluss_kv_tablet *kv, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf word = {0};
    slu_buf_init(&word, KV_META_NUMBERED_BYTES);
    kv->id_next = 1;
    kv->id_end = 0;
    kv->applied = fluss_log_first(kv->log);
    kv->row_count = 0;
    const slu_status status = slu_kv_get_meta(kv->store, kv_meta_key(), &word, err);
    if (status == SLU_NOTFOUND)
        return SLU_OK;
    SLU_TRY(status);
    slu_cursor c = slu_cursor_of(word.data, word.bytes);
    kv->applied = (int64_t)slu_cursor_u64le(&c);
    kv->row_count = (int64_t)slu_cursor_u64le(&c);
    if (word.bytes == KV_META_NUMBERED_BYTES) {
        kv->id_next = (int64_t)slu_cursor_u64le(&c);
        kv->id_end = (int64_t)slu_cursor_u64le(&c);
    }
    return slu_cursor_ok(&c) ? SLU_OK
                             : slu_error_set(err, SLU_CORRUPT, "%s: its applied offset has %zu bytes", kv->dir, word.bytes);
}

static slu_status
kv_open_store(fluss_kv_tablet *kv, slu_error *err)
{
    SLU_TRY(slu_kv_open(kv->pool, kv->dir, &kv->store, err));
    SLU_TRY(kv_load_meta(kv, err));
    if (kv->applied >= fluss_log_first(kv->log) && kv->applied <= fluss_log_end(kv->log))
        return SLU_OK;
    slu_kv_close(&kv->store); /* the log does not know what this store knows: only the log was promised */
    SLU_TRY(slu_dir_remove(kv->dir, err));
    SLU_TRY(slu_kv_open(kv->pool, kv->dir, &kv->store, err));
    return kv_load_meta(kv, err);
}

slu_status
fluss_kv_tablet_open(struct fluss_tables *tables, struct fluss_served *table, slu_kv_pool *pool, const char *dir, fluss_log *log,
                     fluss_kv_tablet **out, slu_error *err)
{
    fluss_kv_tablet *kv = slu_alloc_zero(1, sizeof *kv);
    if (kv == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a kv tablet");
    kv->tables = tables;
    kv->table = table;
    kv->pool = pool;
    kv->log = log;
    kv->dir = slu_strdup(dir);
    slu_status status =
        kv->dir == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a kv tablet") : slu_kv_batch_new(&kv->batch, err);
    if (status == SLU_OK)
        status = slu_ipc_codec_new(&kv->codec, err);
    if (status == SLU_OK)
        status = kv_open_store(kv, err);
    if (status == SLU_OK)
        status = kv_replay(kv, err);
    if (status != SLU_OK) {
        fluss_kv_tablet_close(&kv);
        return slu_error_in(err, status, "rows in %s", dir);
    }
    *out = kv;
    return SLU_OK;
}

void
fluss_kv_tablet_close(fluss_kv_tablet **out)
{
    fluss_kv_tablet *kv = *out;
    if (kv == NULL)
        return;
    slu_kv_close(&kv->store);
    slu_kv_batch_free(&kv->batch);
    fluss_rows_free(&kv->rows);
    fluss_merge_free(&kv->merge);
    slu_ipc_codec_free(&kv->codec);
    slu_free(kv->dir);
    slu_free(kv);
    *out = NULL;
}

slu_status
kv_written_columns(fluss_kv_tablet *kv, int16_t schema_id, size_t *out, slu_error *err)
{
    const fluss_schema *schema = &kv->table->descriptor.schema;
    if (schema_id != kv->table->row.schema_id)
        SLU_TRY(fluss_tables_schema(kv->tables, kv->table, schema_id, &schema, err));
    *out = schema->column_count;
    return SLU_OK;
}

slu_status
fluss_kv_tablet_get(fluss_kv_tablet *kv, const slu_view *keys, size_t count, slu_buf *values, slu_kv_slot *slots, slu_error *err)
{
    if (kv->stale)
        SLU_TRY(kv_replay(kv, err));
    return slu_kv_get_many(kv->store, keys, count, values, slots, err);
}

typedef struct kv_scan {
    size_t left;
    slu_status (*value)(void *context, slu_view value);
    void *context;
} kv_scan;

static slu_status
kv_scan_row(void *context, slu_view key, slu_view value)
{
    kv_scan *scan = context;
    (void)key;
    if (scan->left == 0)
        return SLU_END;
    scan->left--;
    return scan->value(scan->context, value);
}

slu_status
fluss_kv_tablet_scan(fluss_kv_tablet *kv, slu_view prefix, size_t limit, slu_status (*value)(void *context, slu_view value),
                     void *context, slu_error *err)
{
    kv_scan scan = {limit, value, context};
    if (kv->stale)
        SLU_TRY(kv_replay(kv, err));
    return slu_kv_scan(kv->store, prefix, kv_scan_row, &scan, err);
}

slu_status
fluss_kv_tablet_rows(fluss_kv_tablet *kv, int64_t *out_rows, slu_error *err)
{
    if (kv->stale)
        SLU_TRY(kv_replay(kv, err));
    *out_rows = kv->row_count;
    return SLU_OK;
}
