/* kv_checkpoint.c: checkpoints that are taken beside the owner's thread; see kv.h. */
#include "kv/kv_checkpoint.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/sizes.h"
#include "kv/kv_error.h"
#include "kv/kv_internal.h"
#include "kv/kv_text_log.h"

#define KV_META_OPEN_FILES_MAX 16

static slu_status
checkpoint_new(slu_kv *kv, slu_kv_checkpoint **out, slu_error *err)
{
    slu_kv_checkpoint *checkpoint = slu_alloc_zero(1, sizeof *checkpoint);
    if (checkpoint == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a checkpoint");
    (void)pthread_mutex_init(&checkpoint->mutex, NULL);
    checkpoint->kv = kv;
    checkpoint->db = kv->db;
    checkpoint->flushed_bytes = kv->memtable_bytes;
    *out = checkpoint;
    return SLU_OK;
}

static void
checkpoint_free(slu_kv_checkpoint **checkpoint)
{
    if (*checkpoint == NULL)
        return;
    (void)pthread_mutex_destroy(&(*checkpoint)->mutex);
    slu_free(*checkpoint);
    *checkpoint = NULL;
}

void
kv_checkpoint_lock(slu_kv_checkpoint *checkpoint)
{
    if (checkpoint != NULL)
        (void)pthread_mutex_lock(&checkpoint->mutex);
}

void
kv_checkpoint_unlock(slu_kv_checkpoint *checkpoint)
{
    if (checkpoint != NULL)
        (void)pthread_mutex_unlock(&checkpoint->mutex);
}

void
kv_checkpoint_orphan(slu_kv_checkpoint *checkpoint)
{
    kv_checkpoint_lock(checkpoint);
    checkpoint->db = NULL;
    kv_checkpoint_unlock(checkpoint);
    checkpoint->kv = NULL;
}

static slu_status
checkpoint_create(rocksdb_t *db, const char *dir, slu_error *err)
{
    char *text = NULL;
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(db, &text);
    if (text != NULL)
        return kv_error(err, text, "checkpoint");
    rocksdb_checkpoint_create(checkpoint, dir, 0, &text); /* 0: flush always, since there is no log to copy */
    rocksdb_checkpoint_object_destroy(checkpoint);
    return text == NULL ? SLU_OK : kv_error(err, text, dir);
}

/* What was written before begin and is not stored is first. Under the mutex, by which the store is open. */
static slu_status
checkpoint_take(slu_kv_checkpoint *checkpoint, const char *dir, slu_error *err)
{
    if (checkpoint->db == NULL)
        return slu_error_set(err, SLU_CLOSED, "the store was closed before its checkpoint was taken");
    SLU_TRY(kv_store_sealed(checkpoint->kv, err));
    return checkpoint_create(checkpoint->db, dir, err);
}

slu_status
slu_kv_checkpoint_begin(slu_kv *kv, slu_kv_checkpoint **out, slu_error *err)
{
    SLU_ASSERT(kv->checkpoint == NULL);
    SLU_TRY(kv_hand_over_soon(kv, err));
    SLU_TRY(checkpoint_new(kv, &kv->checkpoint, err));
    *out = kv->checkpoint;
    return SLU_OK;
}

slu_status
slu_kv_checkpoint_take(slu_kv_checkpoint *checkpoint, const char *dir, slu_error *err)
{
    kv_checkpoint_lock(checkpoint);
    const slu_status status = checkpoint_take(checkpoint, dir, err);
    checkpoint->taken = status == SLU_OK;
    checkpoint->failed = status != SLU_OK && status != SLU_CLOSED;
    kv_checkpoint_unlock(checkpoint);
    return status;
}

bool
slu_kv_checkpoint_end(slu_kv_checkpoint **checkpoint)
{
    slu_kv *kv = *checkpoint == NULL ? NULL : (*checkpoint)->kv;
    if (kv != NULL) {
        (void)kv_sealed_wait(kv); /* the storer may wait for our mutex */
        kv->memtable_bytes -= (*checkpoint)->taken ? SLU_MIN((*checkpoint)->flushed_bytes, kv->memtable_bytes) : 0;
        if ((*checkpoint)->failed)
            kv->failed = true;
        kv->checkpoint = NULL;
    }
    checkpoint_free(checkpoint);
    return kv != NULL;
}

static slu_status
meta_get(rocksdb_t *db, rocksdb_column_family_handle_t *family, slu_view key, slu_buf *value, slu_error *err)
{
    char *text = NULL;
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(db, read, family, (const char *)key.data, key.bytes, &text);
    rocksdb_readoptions_destroy(read);
    if (text != NULL)
        return kv_error(err, text, "get");
    if (slice == NULL)
        return slu_error_set(err, SLU_NOTFOUND, "the checkpoint has no such meta word");
    size_t bytes = 0;
    const char *data = rocksdb_pinnableslice_value(slice, &bytes);
    slu_buf_append(value, data, bytes);
    rocksdb_pinnableslice_destroy(slice);
    return slu_buf_status(value, err);
}

slu_status
slu_kv_read_meta(const char *dir, slu_view key, slu_buf *value, slu_error *err)
{
    kv_text_log log;
    char *text = NULL;
    const char *const names[2] = {"default", KV_META_FAMILY};
    rocksdb_column_family_handle_t *families[2] = {NULL, NULL};
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_max_open_files(options, KV_META_OPEN_FILES_MAX);
    const rocksdb_options_t *const each[2] = {options, options};
    kv_text_log_begin(&log, options);
    rocksdb_t *db = rocksdb_open_for_read_only_column_families(options, dir, 2, names, each, families, 0, &text);
    kv_text_log_end(&log);
    slu_status status = text == NULL ? SLU_OK : kv_error(err, text, dir);
    if (status == SLU_OK) {
        status = meta_get(db, families[1], key, value, err);
        rocksdb_column_family_handle_destroy(families[0]);
        rocksdb_column_family_handle_destroy(families[1]);
        rocksdb_close(db);
    }
    rocksdb_options_destroy(options);
    return status;
}
