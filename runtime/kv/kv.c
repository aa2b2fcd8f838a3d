#include "kv/kv.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cursor.h"
#include "base/file.h"
#include "base/sizes.h"
#include "kv/kv_checkpoint.h"
#include "kv/kv_error.h"
#include "kv/kv_text_log.h"
#include "kv/row_cache.h"
#include "kv/row_pile.h"

#include <rocksdb/c.h>

#define KV_CACHE_BYTES_DEFAULT ((size_t)8 << 20)
#define KV_WRITE_BUFFER_BYTES_DEFAULT ((size_t)16 << 20)
#define KV_THREADS_DEFAULT 2
#define KV_ROW_CACHE_BYTES_DEFAULT ((size_t)16 << 20)
#define KV_STORE_BUFFER_BYTES ((size_t)4 << 20) /* a store with more unflushed rows flushes by itself, in the background */
#define KV_BLOOM_BITS 10
#define KV_MEMTABLE_BLOOM 0.05 /* of the write buffer */
#define KV_FORMAT_VERSION 5    /* the newest that RocksDB 6.20 reads */
#define KV_CHECKSUM_CRC32C 1
#define KV_OPEN_FILES_MAX 256
#define KV_PILE_PART 8  /* of the write buffers' bytes is the pile of one store: above it RocksDB is given the rows */
#define KV_PILES_PART 2 /* of them are all piles: above it the largest is given */
#define KV_META_PILE_BYTES 65536
#define KV_BATCH_BYTES_MAX ((size_t)1 << 30)
#define KV_META_BYTES_MAX ((size_t)1 << 20)
#define KV_ERASED UINT32_MAX
#define KV_MANIFEST_BYTES ((size_t)64 << 10) /* taken on the disk for each store at once; by default 4 MiB */

struct slu_kv_pool {
    rocksdb_env_t *env;
    rocksdb_cache_t *cache;
    rocksdb_options_t *options;
    rocksdb_options_t *meta_options;
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;
    rocksdb_flushoptions_t *flush;
    size_t write_buffer_bytes;
    size_t store_buffer_bytes;
    size_t unflushed_bytes;
    size_t piled_bytes;
    slu_row_cache *row_cache;
    uint32_t store_id_next;
    slu_kv *stores;
};

struct slu_kv {
    slu_kv_pool *pool;
    slu_kv *next;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[2]; /* rows, meta */
    size_t unflushed_bytes;                      /* that RocksDB has in memory */
    slu_row_pile pile;                           /* rows and, as batches have them, meta words that RocksDB is not given yet */
    slu_buf piled_meta;
    slu_kv_checkpoint *checkpoint; /* between begin and end; or NULL */
    uint32_t id;                   /* in the cache of rows */
    bool failed;                   /* RocksDB refused something */
};

struct slu_kv_batch {
    slu_buf rows; /* key bytes, value bytes (u32 each; all ones: erased), key, value ... */
    slu_buf meta; /* key bytes, value bytes (u32 each), key, value ...: of the second family */
};

/* One set of options for every store, so that they share cache and threads. */
static rocksdb_options_t *
kv_options_new(slu_kv_pool *pool)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_env(options, pool->env);
    rocksdb_options_set_atomic_flush(options, 1); /* without a log, rows and meta are only together if they are flushed together */
    rocksdb_options_set_write_buffer_size(options, pool->store_buffer_bytes);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_max_open_files(options, KV_OPEN_FILES_MAX);
    rocksdb_options_set_manifest_preallocation_size(options, KV_MANIFEST_BYTES);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_allow_concurrent_memtable_write(options, 0); /* there is one writer */
    rocksdb_options_set_enable_write_thread_adaptive_yield(options, 0);
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, KV_MEMTABLE_BLOOM); /* keys that are new are soon known to be */
    rocksdb_options_set_memtable_whole_key_filtering(options, 1);
    rocksdb_block_based_options_set_block_cache(table, pool->cache);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(KV_BLOOM_BITS));
    rocksdb_block_based_options_set_format_version(table, KV_FORMAT_VERSION);
    rocksdb_block_based_options_set_checksum(table, KV_CHECKSUM_CRC32C);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
    return options;
}

slu_status
slu_kv_pool_open(const slu_kv_pool_options *options, slu_kv_pool **out, slu_error *err)
{
    slu_kv_pool *pool = slu_alloc_zero(1, sizeof *pool);
    if (pool == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a kv pool");
    pool->write_buffer_bytes = options->write_buffer_bytes != 0 ? options->write_buffer_bytes : KV_WRITE_BUFFER_BYTES_DEFAULT;
    pool->store_buffer_bytes = SLU_MIN(pool->write_buffer_bytes, KV_STORE_BUFFER_BYTES);
    pool->env = rocksdb_create_default_env();
    rocksdb_env_set_background_threads(pool->env, options->threads != 0 ? options->threads : KV_THREADS_DEFAULT);
    rocksdb_env_set_high_priority_background_threads(pool->env, 1);
    pool->cache = rocksdb_cache_create_lru(options->cache_bytes != 0 ? options->cache_bytes : KV_CACHE_BYTES_DEFAULT);
    pool->options = kv_options_new(pool);
    pool->meta_options = kv_options_new(pool); /* a handful of words: a filter would be 200 KiB in each store for nothing */
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(pool->meta_options, 0);
    rocksdb_options_set_memtable_whole_key_filtering(pool->meta_options, 0);
    pool->read = rocksdb_readoptions_create();
    pool->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(pool->write, 1);
    pool->flush = rocksdb_flushoptions_create();
    const slu_status status = slu_row_cache_new(
        options->row_cache_bytes != 0 ? options->row_cache_bytes : KV_ROW_CACHE_BYTES_DEFAULT, &pool->row_cache, err);
    if (status != SLU_OK)
        slu_kv_pool_close(&pool);
    *out = pool;
    return status;
}

void
slu_kv_pool_close(slu_kv_pool **pool)
{
    if (*pool == NULL)
        return;
    SLU_ASSERT((*pool)->stores == NULL);
    rocksdb_flushoptions_destroy((*pool)->flush);
    rocksdb_writeoptions_destroy((*pool)->write);
    rocksdb_readoptions_destroy((*pool)->read);
    rocksdb_options_destroy((*pool)->meta_options);
    rocksdb_options_destroy((*pool)->options);
    rocksdb_cache_destroy((*pool)->cache);
    rocksdb_env_destroy((*pool)->env);
    slu_row_cache_free(&(*pool)->row_cache);
    slu_free(*pool);
    *pool = NULL;
}

slu_status
slu_kv_open(slu_kv_pool *pool, const char *dir, slu_kv **out, slu_error *err)
{
    SLU_TRY(slu_dir_make(dir, err));
    slu_kv *kv = slu_alloc_zero(1, sizeof *kv);
    if (kv == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to open %s", dir);
    const char *const names[2] = {"default", KV_META_FAMILY};
    const rocksdb_options_t *const options[2] = {pool->options, pool->meta_options};
    char *text = NULL;
    kv_text_log log;
    kv_text_log_begin(&log, pool->options);
    kv->db = rocksdb_open_column_families(pool->options, dir, 2, names, options, kv->families, &text);
    kv_text_log_end(&log);
    if (text != NULL) {
        slu_free(kv);
        return kv_error(err, text, dir);
    }
    slu_row_pile_init(&kv->pile);
    slu_buf_init(&kv->piled_meta, KV_META_BYTES_MAX);
    kv->pool = pool;
    kv->id = pool->store_id_next++;
    kv->next = pool->stores;
    pool->stores = kv;
    *out = kv;
    return SLU_OK;
}

/* ---- the pile goes to RocksDB ---- */

typedef struct kv_spill {
    rocksdb_writebatch_t *batch;
    size_t bytes;
} kv_spill;

static void
spill_row(void *context, slu_view key, slu_view value)
{
    kv_spill *spill = context;
    spill->bytes += key.bytes + value.bytes;
    if (value.data == NULL)
        rocksdb_writebatch_delete(spill->batch, (const char *)key.data, key.bytes);
    else
        rocksdb_writebatch_put(spill->batch, (const char *)key.data, key.bytes, (const char *)value.data, value.bytes);
}

static void
spill_meta(const slu_kv *kv, rocksdb_writebatch_t *batch)
{
    slu_cursor c = slu_cursor_of(kv->piled_meta.data, kv->piled_meta.bytes);
    while (slu_cursor_left(&c) != 0) {
        const size_t key_bytes = slu_cursor_u32le(&c);
        const size_t value_bytes = slu_cursor_u32le(&c);
        const slu_view key = slu_cursor_view(&c, key_bytes);
        const slu_view value = slu_cursor_view(&c, value_bytes);
        rocksdb_writebatch_put_cf(batch, kv->families[1], (const char *)key.data, key.bytes, (const char *)value.data, value.bytes);
    }
}

static slu_status
kv_refused(slu_kv *kv, slu_error *err, char *text, const char *what)
{
    kv->failed = true;
    return kv_error(err, text, what);
}

bool
slu_kv_failed(const slu_kv *kv)
{
    return kv->failed;
}

static void
kv_forget_unflushed(slu_kv *kv)
{
    kv->pool->unflushed_bytes -= kv->unflushed_bytes;
    kv->unflushed_bytes = 0;
}

static void
kv_forget_pile(slu_kv *kv)
{
    kv->pool->piled_bytes -= slu_row_pile_bytes(&kv->pile);
    slu_row_pile_reset(&kv->pile);
    slu_buf_reset(&kv->piled_meta);
}

/* All of the pile and its meta words, at once and in order. What RocksDB does not take stays where it is. */
static slu_status
kv_spill_pile(slu_kv *kv, slu_error *err)
{
    char *text = NULL;
    if (kv->pile.count == 0 && kv->piled_meta.bytes == 0)
        return SLU_OK;
    kv_spill spill = {rocksdb_writebatch_create(), 0};
    const slu_status status = slu_row_pile_each(&kv->pile, spill_row, &spill, err);
    if (status == SLU_OK) {
        spill_meta(kv, spill.batch);
        rocksdb_write(kv->db, kv->pool->write, spill.batch, &text);
    }
    rocksdb_writebatch_destroy(spill.batch);
    SLU_TRY(status);
    if (text != NULL)
        return kv_refused(kv, err, text, "write");
    kv_forget_pile(kv);
    kv->unflushed_bytes += spill.bytes;
    kv->pool->unflushed_bytes += spill.bytes;
    if (kv->unflushed_bytes > kv->pool->store_buffer_bytes) /* RocksDB has switched to a new buffer by now */
        kv_forget_unflushed(kv);
    return SLU_OK;
}

/* RocksDB flushes both families as one when a write buffer is full, but only the named one when it is told to. So rows go first:
 * meta that is older than its rows makes the owner replay what is there already, which changes nothing; newer meta would lose
 * rows. */
static slu_status
kv_flush_families(slu_kv *kv, slu_error *err)
{
    char *text = NULL;
    for (int family = 0; family < 2 && text == NULL; family++)
        rocksdb_flush_cf(kv->db, kv->pool->flush, kv->families[family], &text);
    if (text != NULL)
        return kv_refused(kv, err, text, "flush");
    kv_forget_unflushed(kv);
    return SLU_OK;
}

/* A checkpoint, which must not see the rows without the meta, is not taken meanwhile. */
slu_status
slu_kv_flush(slu_kv *kv, slu_error *err)
{
    SLU_TRY(kv_spill_pile(kv, err));
    if (kv->checkpoint != NULL)
        kv_checkpoint_lock(kv->checkpoint);
    const slu_status status = kv_flush_families(kv, err);
    if (kv->checkpoint != NULL)
        kv_checkpoint_unlock(kv->checkpoint);
    return status;
}

void
slu_kv_close(slu_kv **kv)
{
    if (*kv == NULL)
        return;
    slu_kv *closing = *kv;
    slu_error ignored; /* what is not flushed is replayed by the owner, as after a crash */
    if (slu_kv_flush(closing, &ignored) != SLU_OK)
        kv_forget_unflushed(closing);
    kv_forget_pile(closing);
    slu_buf_fini(&closing->piled_meta);
    if (closing->checkpoint != NULL)
        kv_checkpoint_orphan(closing->checkpoint);
    rocksdb_column_family_handle_destroy(closing->families[0]);
    rocksdb_column_family_handle_destroy(closing->families[1]);
    rocksdb_close(closing->db);
    slu_kv **at = &closing->pool->stores;
    while (*at != closing)
        at = &(*at)->next;
    *at = closing->next;
    slu_free(closing);
    *kv = NULL;
}

static slu_status
kv_get(slu_kv *kv, int family, slu_view key, slu_buf *values, slu_kv_slot *slot, slu_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    rocksdb_pinnableslice_t *slice =
        rocksdb_get_pinned_cf(kv->db, kv->pool->read, kv->families[family], (const char *)key.data, key.bytes, &text);
    if (text != NULL)
        return kv_error(err, text, "get");
    slot->found = slice != NULL;
    slot->at = values->bytes;
    slot->bytes = 0;
    if (slice == NULL)
        return SLU_OK;
    const char *value = rocksdb_pinnableslice_value(slice, &bytes);
    slu_buf_append(values, value, bytes);
    rocksdb_pinnableslice_destroy(slice);
    slot->bytes = bytes;
    return slu_buf_status(values, err);
}

/* RocksDB counts what it does, in variables of the thread, at every comparison: a tenth of a lookup. The switch is the thread's too. */
static void
kv_count_nothing(void)
{
    rocksdb_set_perf_level(rocksdb_disable);
}

static slu_status
kv_give(slu_view value, slu_buf *values, slu_kv_slot *slot, slu_error *err)
{
    slot->found = value.data != NULL;
    slot->at = values->bytes;
    slot->bytes = value.bytes;
    slu_buf_append(values, value.data, value.bytes);
    return slu_buf_status(values, err);
}

/* The cache has the newest or nothing; the pile has what is newer than RocksDB's. */
static slu_status
kv_get_row(slu_kv *kv, slu_view key, slu_buf *values, slu_kv_slot *slot, slu_error *err)
{
    slu_row_cache *cache = kv->pool->row_cache;
    const slu_view nothing = {0};
    slu_view value;
    if (slu_row_cache_get(cache, kv->id, key, &value) || slu_row_pile_get(&kv->pile, key, &value))
        return kv_give(value, values, slot, err);
    SLU_TRY(kv_get(kv, 0, key, values, slot, err));
    if (slot->found)
        slu_row_cache_put(cache, kv->id, key, nothing, slu_view_of(values->data + slot->at, slot->bytes));
    return SLU_OK;
}

slu_status
slu_kv_get_many(slu_kv *kv, const slu_view *keys, size_t count, slu_buf *values, slu_kv_slot *slots, slu_error *err)
{
    kv_count_nothing();
    for (size_t i = 0; i < count; i++)
        SLU_TRY(kv_get_row(kv, keys[i], values, &slots[i], err));
    return SLU_OK;
}

slu_status
slu_kv_get_meta(slu_kv *kv, slu_view key, slu_buf *value, slu_error *err)
{
    slu_kv_slot slot;
    SLU_TRY(kv_spill_pile(kv, err));
    SLU_TRY(kv_get(kv, 1, key, value, &slot, err));
    return slot.found ? SLU_OK : slu_error_set(err, SLU_NOTFOUND, "the store has no such meta word");
}

slu_status
slu_kv_batch_new(slu_kv_batch **out, slu_error *err)
{
    slu_kv_batch *batch = slu_alloc_zero(1, sizeof *batch);
    if (batch == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a kv batch");
    slu_buf_init(&batch->rows, KV_BATCH_BYTES_MAX);
    slu_buf_init(&batch->meta, KV_META_BYTES_MAX);
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
    slu_free(*batch);
    *batch = NULL;
}

void
slu_kv_batch_reset(slu_kv_batch *batch)
{
    slu_buf_reset(&batch->rows);
    slu_buf_reset(&batch->meta);
}

static void
batch_row(slu_kv_batch *batch, slu_view key, uint32_t value_bytes)
{
    slu_buf_u32le(&batch->rows, (uint32_t)key.bytes);
    slu_buf_u32le(&batch->rows, value_bytes);
    slu_buf_append(&batch->rows, key.data, key.bytes);
}

void
slu_kv_batch_put(slu_kv_batch *batch, slu_view key, slu_view value)
{
    batch_row(batch, key, (uint32_t)value.bytes);
    slu_buf_append(&batch->rows, value.data, value.bytes);
}

void
slu_kv_batch_put_parts(slu_kv_batch *batch, slu_view key, slu_view head, slu_view tail)
{
    batch_row(batch, key, (uint32_t)(head.bytes + tail.bytes));
    slu_buf_append(&batch->rows, head.data, head.bytes);
    slu_buf_append(&batch->rows, tail.data, tail.bytes);
}

void
slu_kv_batch_erase(slu_kv_batch *batch, slu_view key)
{
    batch_row(batch, key, KV_ERASED);
}

void
slu_kv_batch_put_meta(slu_kv_batch *batch, slu_view key, slu_view value)
{
    slu_buf_u32le(&batch->meta, (uint32_t)key.bytes);
    slu_buf_u32le(&batch->meta, (uint32_t)value.bytes);
    slu_buf_append(&batch->meta, key.data, key.bytes);
    slu_buf_append(&batch->meta, value.data, value.bytes);
}

/* Above the budget of all stores the one with the most unflushed bytes is flushed. */
static slu_status
kv_keep_budget(slu_kv_pool *pool, slu_error *err)
{
    if (pool->unflushed_bytes <= pool->write_buffer_bytes)
        return SLU_OK;
    slu_kv *largest = pool->stores;
    for (slu_kv *kv = pool->stores; kv != NULL; kv = kv->next)
        if (kv->unflushed_bytes > largest->unflushed_bytes)
            largest = kv;
    return slu_kv_flush(largest, err);
}

/* One row of a batch: to the pile and to the cache. */
static slu_status
kv_pile_row(slu_kv *kv, slu_cursor *c, slu_error *err)
{
    const slu_view nothing = {0};
    const size_t key_bytes = slu_cursor_u32le(c);
    const uint32_t value_bytes = slu_cursor_u32le(c);
    const slu_view key = slu_cursor_view(c, key_bytes);
    if (value_bytes == KV_ERASED) {
        slu_row_cache_drop(kv->pool->row_cache, kv->id, key);
        return slu_row_pile_erase(&kv->pile, key, err);
    }
    const slu_view value = slu_cursor_view(c, value_bytes);
    slu_row_cache_put(kv->pool->row_cache, kv->id, key, nothing, value);
    return slu_row_pile_put(&kv->pile, key, value, err);
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
kv_pile_batch(slu_kv *kv, const slu_kv_batch *batch, slu_error *err)
{
    const size_t before = slu_row_pile_bytes(&kv->pile);
    slu_cursor c = slu_cursor_of(batch->rows.data, batch->rows.bytes);
    slu_status status = SLU_OK;
    while (status == SLU_OK && slu_cursor_left(&c) != 0)
        status = kv_pile_row(kv, &c, err);
    kv->pool->piled_bytes += slu_row_pile_bytes(&kv->pile) - before;
    SLU_TRY(status);
    if (meta_is_the_same_word(&batch->meta, &kv->piled_meta))
        slu_buf_reset(&kv->piled_meta);
    if (!slu_buf_reserve(&kv->piled_meta, batch->meta.bytes)) {
        status = slu_buf_status(&kv->piled_meta, err);
        kv->piled_meta.failed = SLU_OK; /* older words make the owner replay more, and that is all */
        return status;
    }
    slu_buf_append(&kv->piled_meta, batch->meta.data, batch->meta.bytes);
    return SLU_OK;
}

/* Above their budgets piles go to RocksDB: this one, or the largest of all. */
static slu_status
kv_keep_piles(slu_kv *kv, slu_error *err)
{
    if (slu_row_pile_bytes(&kv->pile) > kv->pool->write_buffer_bytes / KV_PILE_PART || kv->piled_meta.bytes > KV_META_PILE_BYTES)
        return kv_spill_pile(kv, err);
    if (kv->pool->piled_bytes <= kv->pool->write_buffer_bytes / KV_PILES_PART)
        return SLU_OK;
    slu_kv *largest = kv;
    for (slu_kv *other = kv->pool->stores; other != NULL; other = other->next)
        if (slu_row_pile_bytes(&other->pile) > slu_row_pile_bytes(&largest->pile))
            largest = other;
    return kv_spill_pile(largest, err);
}

slu_status
slu_kv_write(slu_kv *kv, slu_kv_batch *batch, slu_error *err)
{
    SLU_TRY(slu_buf_status(&batch->rows, err));
    SLU_TRY(slu_buf_status(&batch->meta, err));
    kv_count_nothing();
    SLU_TRY(kv_pile_batch(kv, batch, err));
    SLU_TRY(kv_keep_piles(kv, err));
    return kv_keep_budget(kv->pool, err);
}

slu_status
slu_kv_scan(slu_kv *kv, slu_view prefix, slu_status (*row)(void *context, slu_view key, slu_view value), void *context,
            slu_error *err)
{
    SLU_TRY(kv_spill_pile(kv, err));
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

/* ---- checkpoints ---- */

slu_status
slu_kv_checkpoint_begin(slu_kv *kv, slu_kv_checkpoint **out, slu_error *err)
{
    SLU_ASSERT(kv->checkpoint == NULL);
    SLU_TRY(kv_spill_pile(kv, err));
    SLU_TRY(kv_checkpoint_new(kv, kv->db, kv->unflushed_bytes, &kv->checkpoint, err));
    *out = kv->checkpoint;
    return SLU_OK;
}

bool
slu_kv_checkpoint_end(slu_kv_checkpoint **checkpoint)
{
    slu_kv *kv = *checkpoint == NULL ? NULL : (*checkpoint)->kv;
    if (kv != NULL) {
        const size_t flushed = (*checkpoint)->taken ? SLU_MIN((*checkpoint)->flushed_bytes, kv->unflushed_bytes) : 0;
        kv->unflushed_bytes -= flushed;
        kv->pool->unflushed_bytes -= flushed;
        kv->failed = kv->failed || (*checkpoint)->failed;
        kv->checkpoint = NULL;
    }
    kv_checkpoint_free(checkpoint);
    return kv != NULL;
}
