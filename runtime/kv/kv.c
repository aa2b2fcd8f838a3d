/* kv.c: reading and writing; see kv.h. How rows get to RocksDB is kv_seal.c. */
#include "kv/kv.h"

#include "base/cursor.h"
#include "base/sizes.h"
#include "kv/kv_batch.h"
#include "kv/kv_error.h"
#include "kv/kv_internal.h"

#define KV_META_PILE_BYTES 65536
#define KV_GET_BYTES_MAX ((size_t)512 << 20) /* of rows that one call reads from disk */
#define KV_AT_ONCE 32                        /* keys whose memory is fetched together */

/* RocksDB counts what it does, in variables of the thread, at every comparison: a tenth of a lookup. The switch is the thread's too. */
static void
kv_count_nothing(void)
{
    rocksdb_set_perf_level(rocksdb_disable);
}

/* ---- reading ---- */

/* A row that RocksDB has is kept in a pile from now on, where the caller looks at it. */
static slu_status
kv_get_stored(slu_kv *kv, slu_row_pile *kept, uint64_t hash, slu_view key, slu_view *out_value, slu_error *err)
{
    char *text = NULL;
    slu_view value;
    if (!kv->has_rows)
        return SLU_OK;
    rocksdb_pinnableslice_t *slice =
        rocksdb_get_pinned_cf(kv->db, kv->pool->read, kv->families[0], (const char *)key.data, key.bytes, &text);
    if (text != NULL)
        return kv_error(err, text, "get");
    if (slice == NULL)
        return SLU_OK;
    value.data = (const uint8_t *)rocksdb_pinnableslice_value(slice, &value.bytes);
    const slu_status status = slu_row_pile_keep(kept, hash, key, value, out_value, err);
    rocksdb_pinnableslice_destroy(slice);
    return status;
}

static slu_status
kv_get_some(slu_kv *kv, slu_row_pile *kept, const slu_view *keys, size_t count, slu_view *out_values, slu_error *err)
{
    const slu_view nothing = {0};
    uint64_t hashes[KV_AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = slu_row_hash(keys[i]);
        slu_row_pile_prefetch_slot(&kv->pile, hashes[i]);
        slu_row_pile_prefetch_slot(&kv->sealed.pile, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        slu_row_pile_prefetch_row(&kv->pile, hashes[i]);
        slu_row_pile_prefetch_row(&kv->sealed.pile, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        out_values[i] = nothing;
        if (!slu_row_pile_get(&kv->pile, hashes[i], keys[i], &out_values[i]) &&
            !slu_row_pile_get(&kv->sealed.pile, hashes[i], keys[i], &out_values[i]) &&
            (kept == &kv->pile || !slu_row_pile_get(kept, hashes[i], keys[i], &out_values[i])))
            SLU_TRY(kv_get_stored(kv, kept, hashes[i], keys[i], &out_values[i], err));
    }
    return SLU_OK;
}

static slu_status
kv_get_into(slu_kv *kv, slu_row_pile *kept, const slu_view *keys, size_t count, slu_view *out_values, slu_error *err)
{
    slu_status status = SLU_OK;
    const size_t before = slu_row_pile_bytes(kept);
    for (size_t i = 0; status == SLU_OK && i < count; i += KV_AT_ONCE) {
        status = kv_get_some(kv, kept, keys + i, SLU_MIN(count - i, KV_AT_ONCE), out_values + i, err);
        if (status == SLU_OK && slu_row_pile_bytes(kept) - before > KV_GET_BYTES_MAX)
            status = slu_error_set(err, SLU_LIMIT, "more than %zu bytes of rows in one read", KV_GET_BYTES_MAX);
    }
    return status;
}

slu_status
slu_kv_get_many(slu_kv *kv, const slu_view *keys, size_t count, slu_view *out_values, slu_error *err)
{
    slu_kv_pool *pool = kv->pool;
    kv_count_nothing();
    slu_row_pile_reset(&pool->lent);
    if (kv->failed || kv_make_room(kv, err) != SLU_OK) /* nothing can be stored: rows are read all the same, and not kept */
        return kv_get_into(kv, &pool->lent, keys, count, out_values, err);
    const size_t before = slu_row_pile_bytes(&kv->pile);
    const slu_status status = kv_get_into(kv, &kv->pile, keys, count, out_values, err);
    pool->rows_bytes += slu_row_pile_bytes(&kv->pile) - before;
    return status;
}

slu_status
slu_kv_get_meta(slu_kv *kv, slu_view key, slu_buf *value, slu_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    SLU_TRY(kv_hand_over(kv, err));
    rocksdb_pinnableslice_t *slice =
        rocksdb_get_pinned_cf(kv->db, kv->pool->read, kv->families[1], (const char *)key.data, key.bytes, &text);
    if (text != NULL)
        return kv_error(err, text, "get");
    if (slice == NULL)
        return slu_error_set(err, SLU_NOTFOUND, "the store has no such meta word");
    const char *word = rocksdb_pinnableslice_value(slice, &bytes);
    slu_buf_append(value, word, bytes);
    rocksdb_pinnableslice_destroy(slice);
    return slu_buf_status(value, err);
}

slu_status
slu_kv_scan(slu_kv *kv, slu_view prefix, slu_status (*row)(void *context, slu_view key, slu_view value), void *context,
            slu_error *err)
{
    SLU_TRY(kv_hand_over(kv, err));
    rocksdb_iterator_t *it = rocksdb_create_iterator_cf(kv->db, kv->pool->read, kv->families[0]);
    slu_status status = SLU_OK;
    char *text = NULL;
    if (prefix.bytes != 0)
        rocksdb_iter_seek(it, (const char *)prefix.data, prefix.bytes);
    else
        rocksdb_iter_seek_to_first(it);
    for (; status == SLU_OK && rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        slu_view key;
        slu_view value;
        key.data = (const uint8_t *)rocksdb_iter_key(it, &key.bytes);
        value.data = (const uint8_t *)rocksdb_iter_value(it, &value.bytes);
        if (key.bytes < prefix.bytes || (prefix.bytes != 0 && memcmp(key.data, prefix.data, prefix.bytes) != 0))
            break;
        status = row(context, key, value);
    }
    rocksdb_iter_get_error(it, &text);
    rocksdb_iter_destroy(it);
    if (text != NULL)
        return kv_error(err, text, "scan");
    return status == SLU_END ? SLU_OK : status;
}

/* ---- writing ---- */

static slu_status
kv_write_some(slu_row_pile *pile, const kv_batch_row *rows, size_t count, slu_error *err)
{
    uint64_t hashes[KV_AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = slu_row_hash(rows[i].key);
        slu_row_pile_prefetch_slot(pile, hashes[i]);
    }
    for (size_t i = 0; i < count; i++)
        slu_row_pile_prefetch_row(pile, hashes[i]);
    for (size_t i = 0; i < count; i++) {
        const kv_batch_row *row = &rows[i];
        const slu_view head = slu_view_of(row->head, row->head_bytes);
        SLU_TRY(row->erased ? slu_row_pile_erase(pile, hashes[i], row->key, err)
                            : slu_row_pile_put(pile, hashes[i], row->key, head, row->tail, err));
    }
    return SLU_OK;
}

/* Owners write one word again and again: the newest is enough. */
static bool
meta_is_the_same_word(const slu_buf *a, const slu_buf *b)
{
    uint32_t sizes[2];
    if (a->bytes != b->bytes || a->bytes < sizeof sizes)
        return false;
    memcpy(sizes, a->data, sizeof sizes);
    return a->bytes == sizeof sizes + sizes[0] + sizes[1] && memcmp(a->data, b->data, sizeof sizes + sizes[0]) == 0;
}

static slu_status
kv_write_meta(slu_kv *kv, const slu_buf *meta, slu_error *err)
{
    if (meta_is_the_same_word(meta, &kv->meta))
        slu_buf_reset(&kv->meta);
    if (!slu_buf_reserve(&kv->meta, meta->bytes)) {
        const slu_status status = slu_buf_status(&kv->meta, err);
        kv->meta.failed = SLU_OK; /* older words make the owner replay more, and that is all */
        return status;
    }
    slu_buf_append(&kv->meta, meta->data, meta->bytes);
    return kv->meta.bytes > KV_META_PILE_BYTES ? kv_hand_over(kv, err) : SLU_OK;
}

slu_status
slu_kv_write(slu_kv *kv, slu_kv_batch *batch, slu_error *err)
{
    size_t count = 0;
    slu_status status = SLU_OK;
    SLU_TRY(kv_batch_status(batch, err));
    const kv_batch_row *rows = kv_batch_rows(batch, &count);
    kv_count_nothing();
    SLU_TRY(kv_make_room(kv, err));
    const size_t before = slu_row_pile_bytes(&kv->pile);
    for (size_t i = 0; status == SLU_OK && i < count; i += KV_AT_ONCE)
        status = kv_write_some(&kv->pile, rows + i, SLU_MIN(count - i, KV_AT_ONCE), err);
    kv->pool->rows_bytes += slu_row_pile_bytes(&kv->pile) - before;
    SLU_TRY(status);
    return kv_write_meta(kv, &batch->meta, err);
}
