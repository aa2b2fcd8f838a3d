/* kv_checkpoint.h: a checkpoint as kv.c and kv_checkpoint.c see it; see kv.h. */
#ifndef SLU_KV_KV_CHECKPOINT_H
#define SLU_KV_KV_CHECKPOINT_H

#include "kv/kv.h"

#include <pthread.h>
#include <rocksdb/c.h>

struct slu_kv_checkpoint {
    slu_kv *kv;            /* NULL: closed meanwhile. The owner's */
    pthread_mutex_t mutex; /* held while it is taken, and by whoever stores rows and meta one after the other */
    rocksdb_t *db;         /* under the mutex; NULL: closed meanwhile */
    size_t flushed_bytes;  /* that the store had in memory at begin */
    bool taken;
    bool failed; /* by RocksDB */
};

/* Of none (NULL) there is nothing to lock. */
void kv_checkpoint_lock(slu_kv_checkpoint *checkpoint);
void kv_checkpoint_unlock(slu_kv_checkpoint *checkpoint);
/* The store closes: waits until nobody copies from it. */
void kv_checkpoint_orphan(slu_kv_checkpoint *checkpoint);

#endif
