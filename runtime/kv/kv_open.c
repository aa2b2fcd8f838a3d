/* kv_open.c: a pool, what its stores share, and a store's beginning and end. */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/file.h"
#include "base/sizes.h"
#include "kv/kv_error.h"
#include "kv/kv_internal.h"
#include "kv/kv_text_log.h"

#define KV_CACHE_BYTES_DEFAULT ((size_t)4 << 20)
#define KV_ROWS_BYTES_DEFAULT ((size_t)20 << 20)
#define KV_THREADS_DEFAULT 2
#define KV_MEMTABLE_BYTES ((size_t)2 << 20) /* of one store: rows hardly ever go through it */
#define KV_BLOOM_BITS 10
#define KV_FORMAT_VERSION 5 /* the newest that RocksDB 6.20 reads */
#define KV_CHECKSUM_CRC32C 1
#define KV_OPEN_FILES_MAX 256
#define KV_MANIFEST_BYTES ((size_t)64 << 10) /* taken on the disk for each store at once; by default 4 MiB */

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
    rocksdb_options_set_write_buffer_size(options, pool->memtable_bytes);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_max_open_files(options, KV_OPEN_FILES_MAX);
    rocksdb_options_set_manifest_preallocation_size(options, KV_MANIFEST_BYTES);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_allow_concurrent_memtable_write(options, 0); /* there is one writer */
    rocksdb_options_set_enable_write_thread_adaptive_yield(options, 0);
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
    pool->rows_bytes_max = options->rows_bytes != 0 ? options->rows_bytes : KV_ROWS_BYTES_DEFAULT;
    pool->memtable_bytes = KV_MEMTABLE_BYTES;
    pool->env = rocksdb_create_default_env();
    rocksdb_env_set_background_threads(pool->env, options->threads != 0 ? options->threads : KV_THREADS_DEFAULT);
    rocksdb_env_set_high_priority_background_threads(pool->env, 1);
    pool->cache = rocksdb_cache_create_lru(options->cache_bytes != 0 ? options->cache_bytes : KV_CACHE_BYTES_DEFAULT);
    pool->options = kv_options_new(pool);
    pool->env_options = rocksdb_envoptions_create();
    pool->ingest = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(pool->ingest, 1);
    rocksdb_ingestexternalfileoptions_set_snapshot_consistency(pool->ingest, 0); /* scans are over before the owner writes */
    pool->read = rocksdb_readoptions_create();
    pool->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(pool->write, 1);
    pool->flush = rocksdb_flushoptions_create();
    kv_storer_init(&pool->storer);
    *out = pool;
    return SLU_OK;
}

void
slu_kv_pool_close(slu_kv_pool **pool)
{
    if (*pool == NULL)
        return;
    SLU_ASSERT((*pool)->stores == NULL);
    kv_storer_fini(&(*pool)->storer);
    slu_row_pile_reset(&(*pool)->lent);
    rocksdb_flushoptions_destroy((*pool)->flush);
    rocksdb_writeoptions_destroy((*pool)->write);
    rocksdb_readoptions_destroy((*pool)->read);
    rocksdb_ingestexternalfileoptions_destroy((*pool)->ingest);
    rocksdb_envoptions_destroy((*pool)->env_options);
    rocksdb_options_destroy((*pool)->options);
    rocksdb_cache_destroy((*pool)->cache);
    rocksdb_env_destroy((*pool)->env);
    slu_free(*pool);
    *pool = NULL;
}

slu_status
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

static unsigned char
forget_row(void *context, int level, const char *key, size_t key_bytes, const char *value, size_t value_bytes, char **new_value,
           size_t *new_bytes, unsigned char *changed)
{
    const slu_kv *kv = context;
    (void)level;
    (void)new_value;
    (void)new_bytes;
    *changed = 0;
    return kv->forget.forget(kv->forget.context, slu_view_of(key, key_bytes), slu_view_of(value, value_bytes));
}

static void
forget_nothing_more(void *context)
{
    (void)context;
}

static const char *
forget_name(void *context)
{
    (void)context;
    return "forget";
}

static void
kv_filter_new(slu_kv *kv, const slu_kv_forget *forget)
{
    kv->forget = *forget;
    kv->filter = rocksdb_compactionfilter_create(kv, forget_nothing_more, forget_row, forget_name);
    kv->filtered = rocksdb_options_create_copy(kv->pool->options);
    rocksdb_options_set_compaction_filter(kv->filtered, kv->filter);
}

static void
kv_filter_free(slu_kv *kv)
{
    if (kv->filter == NULL)
        return;
    rocksdb_options_destroy(kv->filtered);
    rocksdb_compactionfilter_destroy(kv->filter);
    kv->filter = NULL;
}

static slu_status
kv_open_db(slu_kv *kv, const char *dir, slu_error *err)
{
    const char *const names[2] = {"default", KV_META_FAMILY};
    const rocksdb_options_t *const options[2] = {kv->filter != NULL ? kv->filtered : kv->pool->options, kv->pool->options};
    char *text = NULL;
    kv_text_log log;
    kv_text_log_begin(&log, kv->pool->options);
    kv->db = rocksdb_open_column_families(kv->pool->options, dir, 2, names, options, kv->families, &text);
    kv_text_log_end(&log);
    if (text != NULL)
        return kv_error(err, text, dir);
    const rocksdb_livefiles_t *files = rocksdb_livefiles(kv->db);
    kv->has_rows = rocksdb_livefiles_count(files) != 0;
    rocksdb_livefiles_destroy(files);
    return SLU_OK;
}

slu_status
slu_kv_open(slu_kv_pool *pool, const char *dir, slu_kv **out, slu_error *err)
{
    return slu_kv_open_forgetting(pool, dir, NULL, out, err);
}

slu_status
slu_kv_open_forgetting(slu_kv_pool *pool, const char *dir, const slu_kv_forget *forget, slu_kv **out, slu_error *err)
{
    SLU_TRY(slu_dir_make(dir, err));
    slu_kv *kv = slu_alloc_zero(1, sizeof *kv);
    char *name = slu_strdup(dir);
    slu_status status = SLU_OK;
    if (kv == NULL || name == NULL) {
        status = slu_error_set(err, SLU_NOMEM, "no memory to open %s", dir);
    } else {
        kv->pool = pool;
        kv->dir = name;
        if (forget != NULL)
            kv_filter_new(kv, forget);
        status = kv_open_db(kv, dir, err);
        if (status != SLU_OK)
            kv_filter_free(kv);
    }
    if (status != SLU_OK) {
        slu_free(kv);
        slu_free(name);
        return status;
    }
    slu_buf_init(&kv->meta, KV_META_BYTES_MAX);
    kv->next = pool->stores;
    pool->stores = kv;
    *out = kv;
    return SLU_OK;
}

size_t
slu_kv_bytes(const slu_kv *kv)
{
    uint64_t stored = 0;
    (void)rocksdb_property_int_cf(kv->db, kv->families[0], "rocksdb.total-sst-files-size", &stored);
    return (size_t)stored + slu_row_pile_bytes(&kv->pile) + slu_row_pile_bytes(&kv->sealed.pile);
}

static void
kv_forget_rows(slu_kv *kv)
{
    kv->pool->rows_bytes -= slu_row_pile_bytes(&kv->pile);
    slu_row_pile_reset(&kv->pile);
    slu_buf_fini(&kv->meta);
    kv_drop_sealed(kv);
}

void
slu_kv_close(slu_kv **kv)
{
    if (*kv == NULL)
        return;
    slu_kv *closing = *kv;
    slu_error ignored;
    if (slu_kv_flush(closing, &ignored) != SLU_OK)
        closing->memtable_bytes = 0; /* what is not flushed is replayed by the owner, as after a crash */
    if (closing->checkpoint != NULL)
        kv_checkpoint_orphan(closing->checkpoint);
    kv_forget_rows(closing);
    rocksdb_column_family_handle_destroy(closing->families[0]);
    rocksdb_column_family_handle_destroy(closing->families[1]);
    rocksdb_close(closing->db);
    kv_filter_free(closing);
    slu_kv **at = &closing->pool->stores;
    while (*at != closing)
        at = &(*at)->next;
    *at = closing->next;
    slu_free(closing->dir);
    slu_free(closing);
    *kv = NULL;
}
