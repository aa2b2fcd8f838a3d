/*
 * kv_seal.c: how rows get from a pile to RocksDB.
 *
 * A full pile is sealed; the storer's thread sorts it into a table file, which RocksDB takes in as it is, and writes the meta words behind it.
 * So no row goes through a memtable. Meta that is older than its rows makes the owner replay what is there already, which changes
 * nothing; newer meta would lose rows: therefore the order.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "kv/kv_internal.h"

#include <stdio.h>
#include <unistd.h>

#define KV_SEALED_FILE "sealed.sst"                /* in the store's folder, until RocksDB has it under a name of its own */
#define KV_PILE_PART 2                             /* of the budget: a larger pile is sealed whatever else there is */
#define KV_LATE_PART 4                             /* so much more than the budget is had while a sealed pile is on its way */
#define KV_MEMTABLE_ROWS_BYTES ((size_t)256 << 10) /* fewer bytes of rows that a scan wants to see are not worth a file */

/* ---- a table file ---- */

typedef struct seal_file {
    rocksdb_sstfilewriter_t *writer;
    char *text; /* RocksDB's first complaint */
} seal_file;

static void
seal_row(void *context, slu_view key, slu_view value)
{
    seal_file *file = context;
    if (file->text != NULL)
        return;
    if (value.data == NULL)
        rocksdb_sstfilewriter_delete(file->writer, (const char *)key.data, key.bytes, &file->text);
    else
        rocksdb_sstfilewriter_put(file->writer, (const char *)key.data, key.bytes, (const char *)value.data, value.bytes,
                                  &file->text);
}

static slu_status
seal_write_file(slu_kv *kv, const slu_row_pile *pile, const char *path, slu_error *err)
{
    seal_file file = {rocksdb_sstfilewriter_create(kv->pool->env_options, kv->pool->options), NULL};
    rocksdb_sstfilewriter_open(file.writer, path, &file.text);
    slu_status status = file.text == NULL ? slu_row_pile_each_dirty(pile, seal_row, &file, err) : SLU_OK;
    if (status == SLU_OK && file.text == NULL)
        rocksdb_sstfilewriter_finish(file.writer, &file.text);
    rocksdb_sstfilewriter_destroy(file.writer);
    if (file.text == NULL)
        return status;
    return status == SLU_OK ? kv_refused(kv, err, file.text, path) : status;
}

static slu_status
seal_store_rows(slu_kv *kv, const slu_row_pile *pile, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    const char *const paths[1] = {path};
    char *text = NULL;
    if (pile->dirty_count == 0)
        return SLU_OK;
    if (snprintf(path, sizeof path, "%s/%s", kv->dir, KV_SEALED_FILE) >= (int)sizeof path)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", kv->dir);
    (void)unlink(
        path); /* it may be a link to a file that RocksDB took in, when a process died behind that: not to be written over */
    slu_status status = seal_write_file(kv, pile, path, err);
    if (status == SLU_OK)
        rocksdb_ingest_external_file_cf(kv->db, kv->families[0], paths, 1, kv->pool->ingest, &text);
    if (text != NULL)
        status = kv_refused(kv, err, text, "take in");
    if (status != SLU_OK)
        (void)unlink(path);
    return status;
}

static void
seal_add_meta(const slu_kv *kv, const slu_buf *meta, rocksdb_writebatch_t *batch)
{
    slu_cursor c = slu_cursor_of(meta->data, meta->bytes);
    while (slu_cursor_left(&c) != 0) {
        const size_t key_bytes = slu_cursor_u32le(&c);
        const size_t value_bytes = slu_cursor_u32le(&c);
        const slu_view key = slu_cursor_view(&c, key_bytes);
        const slu_view value = slu_cursor_view(&c, value_bytes);
        rocksdb_writebatch_put_cf(batch, kv->families[1], (const char *)key.data, key.bytes, (const char *)value.data, value.bytes);
    }
}

static slu_status
seal_store_meta(slu_kv *kv, const slu_buf *meta, slu_error *err)
{
    char *text = NULL;
    if (meta->bytes == 0)
        return SLU_OK;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    seal_add_meta(kv, meta, batch);
    rocksdb_write(kv->db, kv->pool->write, batch, &text);
    rocksdb_writebatch_destroy(batch);
    if (text == NULL)
        rocksdb_flush_cf(kv->db, kv->pool->flush, kv->families[1], &text);
    return text == NULL ? SLU_OK : kv_refused(kv, err, text, "write");
}

static void
sealed_set(slu_kv *kv, kv_sealed_state state)
{
    kv_storer *storer = &kv->pool->storer;
    (void)pthread_mutex_lock(&storer->mutex);
    kv->sealed.state = state;
    (void)pthread_mutex_unlock(&storer->mutex);
}

static kv_sealed_state
sealed_state(slu_kv *kv)
{
    kv_storer *storer = &kv->pool->storer;
    (void)pthread_mutex_lock(&storer->mutex);
    const kv_sealed_state state = kv->sealed.state;
    (void)pthread_mutex_unlock(&storer->mutex);
    return state;
}

static slu_status
seal_store(slu_kv *kv, slu_error *err)
{
    SLU_TRY(seal_store_rows(kv, &kv->sealed.pile, err));
    return seal_store_meta(kv, &kv->sealed.meta, err);
}

slu_status
kv_store_sealed(slu_kv *kv, slu_error *err)
{
    if (sealed_state(kv) != KV_SEALED_UNSTORED)
        return SLU_OK;
    SLU_TRY(seal_store(kv, err));
    sealed_set(kv, KV_SEALED_CLEAN);
    return SLU_OK;
}

/* ---- the storer ---- */

void
kv_storer_init(kv_storer *storer)
{
    (void)pthread_mutex_init(&storer->mutex, NULL);
    (void)pthread_cond_init(&storer->given, NULL);
    (void)pthread_cond_init(&storer->stored, NULL);
}

void
kv_storer_fini(kv_storer *storer)
{
    SLU_ASSERT(storer->first == NULL);
    (void)pthread_mutex_lock(&storer->mutex);
    storer->stop = true;
    (void)pthread_cond_signal(&storer->given);
    (void)pthread_mutex_unlock(&storer->mutex);
    if (storer->runs)
        (void)pthread_join(storer->thread, NULL);
    (void)pthread_mutex_destroy(&storer->mutex);
    (void)pthread_cond_destroy(&storer->given);
    (void)pthread_cond_destroy(&storer->stored);
}

static void *
storer_run(void *argument)
{
    kv_storer *storer = argument;
    slu_error err;
    (void)pthread_mutex_lock(&storer->mutex);
    while (!storer->stop) {
        slu_kv *kv = storer->first;
        if (kv == NULL) {
            (void)pthread_cond_wait(&storer->given, &storer->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&storer->mutex);
        kv_checkpoint_lock(kv->checkpoint); /* it must not see the rows without the meta */
        const slu_status status = seal_store(kv, &err);
        kv_checkpoint_unlock(kv->checkpoint);
        (void)pthread_mutex_lock(&storer->mutex);
        kv->sealed.state = status == SLU_OK ? KV_SEALED_CLEAN : KV_SEALED_UNSTORED; /* the owner tries again, and says why not */
        storer->first = kv->next_given;
        (void)pthread_cond_broadcast(&storer->stored);
    }
    (void)pthread_mutex_unlock(&storer->mutex);
    return NULL;
}

kv_sealed_state
kv_sealed_wait(slu_kv *kv)
{
    kv_storer *storer = &kv->pool->storer;
    (void)pthread_mutex_lock(&storer->mutex);
    while (kv->sealed.state == KV_SEALED_WAITS)
        (void)pthread_cond_wait(&storer->stored, &storer->mutex);
    const kv_sealed_state state = kv->sealed.state;
    (void)pthread_mutex_unlock(&storer->mutex);
    return state;
}

/* False: there is no thread to be had. */
static bool
storer_give(slu_kv *kv)
{
    kv_storer *storer = &kv->pool->storer;
    if (!storer->runs && pthread_create(&storer->thread, NULL, storer_run, storer) != 0)
        return false;
    storer->runs = true;
    kv->next_given = NULL;
    (void)pthread_mutex_lock(&storer->mutex);
    slu_kv **last = &storer->first;
    while (*last != NULL)
        last = &(*last)->next_given;
    *last = kv;
    kv->sealed.state = KV_SEALED_WAITS;
    (void)pthread_cond_signal(&storer->given);
    (void)pthread_mutex_unlock(&storer->mutex);
    return true;
}

/* ---- the owner's side ---- */

slu_status
kv_settle(slu_kv *kv, slu_error *err)
{
    if (kv_sealed_wait(kv) == KV_SEALED_CLEAN)
        return SLU_OK;
    kv_checkpoint_lock(kv->checkpoint);
    const slu_status status = kv_store_sealed(kv, err);
    kv_checkpoint_unlock(kv->checkpoint);
    return status;
}

/* RocksDB's rows in memory are older than those of a pile, and their meta must not be flushed before them. */
static slu_status
kv_flush_memtable(slu_kv *kv, slu_error *err)
{
    char *text = NULL;
    if (kv->memtable_bytes == 0)
        return SLU_OK;
    kv_checkpoint_lock(kv->checkpoint);
    for (int family = 0; family < 2 && text == NULL; family++)
        rocksdb_flush_cf(kv->db, kv->pool->flush, kv->families[family], &text);
    kv_checkpoint_unlock(kv->checkpoint);
    if (text != NULL)
        return kv_refused(kv, err, text, "flush");
    kv->memtable_bytes = 0;
    if (kv->checkpoint != NULL)
        kv->checkpoint->flushed_bytes = 0; /* what comes now is not what it flushes */
    return SLU_OK;
}

void
kv_drop_sealed(slu_kv *kv)
{
    kv->pool->rows_bytes -= slu_row_pile_bytes(&kv->sealed.pile);
    slu_row_pile_reset(&kv->sealed.pile);
    slu_buf_fini(&kv->sealed.meta);
}

/* The pile becomes the sealed one, in place of one that is clean; for the storer, or for whoever settles or takes a checkpoint. */
static slu_status
kv_seal(slu_kv *kv, bool give, slu_error *err)
{
    SLU_TRY(kv_settle(kv, err));
    SLU_TRY(kv_flush_memtable(kv, err));
    kv_drop_sealed(kv);
    kv->sealed.pile = kv->pile;
    kv->sealed.meta = kv->meta;
    memset(&kv->pile, 0, sizeof kv->pile);
    slu_buf_init(&kv->meta, KV_META_BYTES_MAX);
    if (kv->sealed.pile.dirty_count == 0 && kv->sealed.meta.bytes == 0)
        return SLU_OK;
    kv->has_rows = true;
    if (!give || !storer_give(kv))
        sealed_set(kv, KV_SEALED_UNSTORED);
    return SLU_OK;
}

/* Few rows go to RocksDB's memory, and stay here as clean ones. */
static void
memtable_row(void *context, slu_view key, slu_view value)
{
    rocksdb_writebatch_t *batch = context;
    if (value.data == NULL)
        rocksdb_writebatch_delete(batch, (const char *)key.data, key.bytes);
    else
        rocksdb_writebatch_put(batch, (const char *)key.data, key.bytes, (const char *)value.data, value.bytes);
}

static slu_status
kv_write_memtable(slu_kv *kv, slu_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    const slu_status status = slu_row_pile_each_dirty(&kv->pile, memtable_row, batch, err);
    if (status == SLU_OK) {
        seal_add_meta(kv, &kv->meta, batch);
        (void)rocksdb_writebatch_data(batch, &bytes);
        rocksdb_write(kv->db, kv->pool->write, batch, &text);
    }
    rocksdb_writebatch_destroy(batch);
    SLU_TRY(status);
    if (text != NULL)
        return kv_refused(kv, err, text, "write");
    slu_row_pile_clean(&kv->pile);
    slu_buf_reset(&kv->meta);
    kv->has_rows = true;
    kv->memtable_bytes += bytes;
    return kv->memtable_bytes > kv->pool->memtable_bytes / 2 ? kv_flush_memtable(kv, err) : SLU_OK;
}

slu_status
kv_hand_over_soon(slu_kv *kv, slu_error *err)
{
    SLU_TRY(kv_settle(kv, err));
    if (kv->pile.dirty_count == 0 && kv->meta.bytes == 0)
        return SLU_OK;
    return kv->pile.dirty_bytes < KV_MEMTABLE_ROWS_BYTES ? kv_write_memtable(kv, err) : kv_seal(kv, false, err);
}

slu_status
kv_hand_over(slu_kv *kv, slu_error *err)
{
    SLU_TRY(kv_hand_over_soon(kv, err));
    return kv_settle(kv, err);
}

slu_status
slu_kv_flush(slu_kv *kv, slu_error *err)
{
    SLU_TRY(kv_hand_over(kv, err));
    return kv_flush_memtable(kv, err);
}

/* ---- the budget ---- */

typedef struct kv_use {
    slu_kv *largest; /* of the piles that rows are written to */
    slu_kv *waiting;
    slu_kv *droppable; /* the largest clean sealed pile */
} kv_use;

static size_t
sealed_bytes(const slu_kv *kv)
{
    return kv == NULL ? 0 : slu_row_pile_bytes(&kv->sealed.pile);
}

static size_t
written_bytes(const slu_kv *kv)
{
    return kv == NULL ? 0 : slu_row_pile_bytes(&kv->pile);
}

/* Another store that RocksDB refused something is left to its owner: the others must go on. */
static kv_use
pool_use(slu_kv_pool *pool, const slu_kv *mine)
{
    kv_use use = {0};
    for (slu_kv *kv = pool->stores; kv != NULL; kv = kv->next) {
        const bool clean = sealed_state(kv) == KV_SEALED_CLEAN;
        const bool left_alone = kv != mine && kv->failed;
        if (clean && sealed_bytes(kv) > sealed_bytes(use.droppable))
            use.droppable = kv;
        if (!clean && !left_alone)
            use.waiting = kv;
        if (!left_alone && written_bytes(kv) > written_bytes(use.largest))
            use.largest = kv;
    }
    return use;
}

/* Whether the sealed pile that waits is to be waited for. */
static bool
pool_is_late(const slu_kv_pool *pool, slu_kv *waiting)
{
    return pool->rows_bytes > pool->rows_bytes_max + pool->rows_bytes_max / KV_LATE_PART ||
           sealed_state(waiting) == KV_SEALED_UNSTORED;
}

slu_status
kv_make_room(slu_kv *kv, slu_error *err)
{
    slu_kv_pool *pool = kv->pool;
    if (slu_row_pile_bytes(&kv->pile) > pool->rows_bytes_max / KV_PILE_PART)
        SLU_TRY(kv_seal(kv, true, err));
    while (pool->rows_bytes > pool->rows_bytes_max) {
        const kv_use use = pool_use(pool, kv);
        slu_kv *at = use.waiting != NULL ? use.waiting : use.largest;
        if (use.droppable != NULL) {
            kv_drop_sealed(use.droppable);
            continue;
        }
        if (at == NULL || (at == use.waiting && !pool_is_late(pool, at)))
            break;
        const slu_status status = at == use.waiting ? kv_settle(at, err) : kv_seal(at, true, err);
        if (status != SLU_OK && (at == kv || !at->failed))
            return status;
    }
    return SLU_OK;
}
