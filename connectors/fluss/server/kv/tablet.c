#include "fluss/server/kv/tablet_internal.h"

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/fail.h"
#include "base/file.h"

#include <inttypes.h>

slu_view
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

#define KV_APPLIED_NOTHING (-1)

slu_status
kv_meta_decode(slu_view word, const char *dir, kv_meta *out, slu_error *err)
{
    slu_cursor c = slu_cursor_of(word.data, word.bytes);
    kv_meta meta = {.id_next = 1};
    meta.applied = (int64_t)slu_cursor_u64le(&c);
    meta.row_count = (int64_t)slu_cursor_u64le(&c);
    if (word.bytes == KV_META_NUMBERED_BYTES) {
        meta.id_next = (int64_t)slu_cursor_u64le(&c);
        meta.id_end = (int64_t)slu_cursor_u64le(&c);
    }
    if (!slu_cursor_ok(&c))
        return slu_error_set(err, SLU_CORRUPT, "%s: its applied offset has %zu bytes", dir, word.bytes);
    *out = meta;
    return SLU_OK;
}

static slu_status
kv_load_meta(fluss_kv_tablet *kv, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf word = {0};
    kv_meta meta = {KV_APPLIED_NOTHING, 0, 1, 0};
    slu_buf_init(&word, KV_META_NUMBERED_BYTES);
    slu_status status = slu_kv_get_meta(kv->store, kv_meta_key(), &word, err);
    if (status == SLU_OK)
        status = kv_meta_decode(slu_buf_view(&word), kv->dir, &meta, err);
    if (status != SLU_NOTFOUND)
        SLU_TRY(status);
    kv->applied = meta.applied;
    kv->row_count = meta.row_count;
    kv->id_next = meta.id_next;
    kv->id_end = meta.id_end;
    return SLU_OK;
}

static slu_status
kv_open_dir(fluss_kv_tablet *kv, slu_error *err)
{
    SLU_TRY(slu_kv_open(kv->pool, kv->dir, &kv->store, err));
    return kv_load_meta(kv, err);
}

/* A store that began anew, or from a copy, may use file numbers again that its snapshots know: it gets another lineage. */
static slu_status
kv_load_lineage(fluss_kv_tablet *kv, bool anew, slu_error *err)
{
    uint8_t word[sizeof kv->lineage];
    const slu_env *env = fluss_tables_env(kv->tables);
    SLU_AUTO(slu_buf_fini) slu_buf known = {0};
    slu_buf_init(&known, sizeof kv->lineage);
    const slu_status status = slu_kv_get_meta(kv->store, slu_view_of_text("lineage"), &known, err);
    if (status != SLU_NOTFOUND)
        SLU_TRY(status);
    if (!anew && known.bytes == sizeof kv->lineage) {
        memcpy(&kv->lineage, known.data, sizeof kv->lineage);
        return SLU_OK;
    }
    kv->lineage = env->random(env) >> 1; /* SQL has no more bits */
    memcpy(word, &kv->lineage, sizeof word);
    slu_kv_batch_reset(kv->batch);
    slu_kv_batch_put_meta(kv->batch, slu_view_of_text("lineage"), slu_view_of(word, sizeof word));
    return slu_kv_write(kv->store, kv->batch, err);
}

static slu_status
kv_begin_anew(fluss_kv_tablet *kv, slu_error *err)
{
    const int64_t start = fluss_log_first(kv->log);
    const int64_t end = fluss_log_end(kv->log);
    slu_kv_close(&kv->store);
    SLU_TRY(slu_dir_remove(kv->dir, err));
    const slu_status restored = end > 0 ? fluss_tables_restore(kv->tables, kv->tablet, start, end, kv->dir, err) : SLU_NOTFOUND;
    if (restored != SLU_NOTFOUND)
        SLU_TRY(restored);
    if (restored == SLU_NOTFOUND && start > 0)
        return slu_error_set(err, SLU_CORRUPT,
                             "the store is lost, the changelog begins at %" PRId64 ", and no snapshot of the rows reaches it",
                             start);
    SLU_TRY(kv_open_dir(kv, err));
    if (restored == SLU_OK && (kv->applied < start || kv->applied > end))
        return slu_error_set(err, SLU_CORRUPT,
                             "the snapshot of the rows says offset %" PRId64 ", the changelog is %" PRId64 "..%" PRId64,
                             kv->applied, start, end);
    kv->applied = kv->applied == KV_APPLIED_NOTHING ? 0 : kv->applied;
    return kv_load_lineage(kv, true, err);
}

static slu_status
kv_open_store(fluss_kv_tablet *kv, slu_error *err)
{
    SLU_TRY(kv_open_dir(kv, err));
    if (kv->applied >= fluss_log_first(kv->log) && kv->applied <= fluss_log_end(kv->log))
        return kv_load_lineage(kv, false, err);
    if (kv->applied == KV_APPLIED_NOTHING && fluss_log_end(kv->log) == 0) { /* a table that was just made */
        kv->applied = 0;
        return kv_load_lineage(kv, true, err);
    }
    return kv_begin_anew(kv, err); /* the log does not know what this store knows: only the log was promised */
}

slu_status
fluss_kv_tablet_open(struct fluss_tables *tables, struct fluss_tablet *tablet, slu_kv_pool *pool, const char *dir,
                     fluss_kv_tablet **out, slu_error *err)
{
    fluss_kv_tablet *kv = slu_alloc_zero(1, sizeof *kv);
    if (kv == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a kv tablet");
    kv->tables = tables;
    kv->table = tablet->table;
    kv->tablet = tablet;
    kv->pool = pool;
    kv->log = tablet->log;
    kv->dir = slu_strdup(dir);
    slu_status status =
        kv->dir == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a kv tablet") : slu_kv_batch_new(&kv->batch, err);
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
fluss_kv_tablet_get(fluss_kv_tablet *kv, const slu_view *keys, size_t count, slu_view *out_values, slu_error *err)
{
    if (kv->stale)
        SLU_TRY(kv_replay(kv, err));
    return slu_kv_get_many(kv->store, keys, count, out_values, err);
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

bool
fluss_kv_tablet_failed(const fluss_kv_tablet *kv)
{
    return slu_kv_failed(kv->store);
}

int64_t
fluss_kv_tablet_applied(const fluss_kv_tablet *kv)
{
    return kv->stale ? -1 : kv->applied;
}
