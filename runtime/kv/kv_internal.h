/* kv_internal.h: a pool and its stores as kv.c (reading and writing), kv_open.c and kv_seal.c (on the way to RocksDB) see them. */
#ifndef SLU_KV_KV_INTERNAL_H
#define SLU_KV_KV_INTERNAL_H

#include "kv/kv.h"
#include "kv/kv_checkpoint.h"
#include "kv/row_pile.h"

#include <pthread.h>
#include <rocksdb/c.h>

#define KV_META_FAMILY "meta"
#define KV_META_BYTES_MAX ((size_t)1 << 20)

/*
 * The pile that nobody writes to any more, and the meta words that came with its rows.
 *
 *   CLEAN --kv_seal--> WAITS --storer_run--> CLEAN, or UNSTORED         CLEAN --kv_seal--> UNSTORED --kv_store_sealed--> CLEAN
 *
 * A clean one is there for readers alone and may be dropped at any time.
 */
typedef enum kv_sealed_state { KV_SEALED_CLEAN, KV_SEALED_WAITS, KV_SEALED_UNSTORED } kv_sealed_state;

typedef struct kv_sealed {
    slu_row_pile pile;
    slu_buf meta;
    kv_sealed_state state; /* under the storer's mutex */
} kv_sealed;

/* The thread that gives sealed piles to RocksDB, begun when there is a first one. */
typedef struct kv_storer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t given;
    pthread_cond_t stored;
    slu_kv *first; /* stores whose sealed pile waits */
    bool runs;
    bool stop;
} kv_storer;

struct slu_kv_pool {
    rocksdb_env_t *env;
    rocksdb_cache_t *cache;
    rocksdb_options_t *options;
    rocksdb_envoptions_t *env_options;
    rocksdb_ingestexternalfileoptions_t *ingest;
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;
    rocksdb_flushoptions_t *flush;
    size_t rows_bytes; /* of all piles */
    size_t rows_bytes_max;
    size_t memtable_bytes; /* of one store */
    slu_row_pile lent;     /* rows that one call reads while there is no room for them in a pile */
    kv_storer storer;
    slu_kv *stores;
};

struct slu_kv {
    slu_kv_pool *pool;
    slu_kv *next;
    slu_kv *next_given; /* of the storer's list */
    char *dir;
    slu_kv_forget forget;
    rocksdb_compactionfilter_t *filter; /* NULL: nothing is forgotten */
    rocksdb_options_t *filtered;        /* the pool's options with it */
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[2]; /* rows, meta */
    slu_row_pile pile;                           /* rows written and read, newer than */
    slu_buf meta;                  /* and the words that came with them: key bytes, value bytes (u32 each), key, value ... */
    kv_sealed sealed;              /* these, which are newer than RocksDB's */
    size_t memtable_bytes;         /* rows that RocksDB has in memory: few, and not while a pile waits */
    slu_kv_checkpoint *checkpoint; /* between begin and end; or NULL. Not changed while a pile waits */
    _Atomic bool failed;           /* RocksDB refused something */
    bool has_rows;                 /* RocksDB may have some */
};

/* Takes RocksDB's text, and remembers that it refused something. Any thread. */
slu_status kv_refused(slu_kv *kv, slu_error *err, char *text, const char *what);

/* kv_seal.c. */
void kv_storer_init(kv_storer *storer);
void kv_storer_fini(kv_storer *storer);
/* Makes room within the pool's budget: piles are sealed, clean ones dropped. Views of rows are gone. Fails for what this store is refused,
 * not for what others are. */
SLU_CHECK slu_status kv_make_room(slu_kv *kv, slu_error *err);
/* RocksDB has every row and word, though maybe in memory, where few rows are not worth a file. */
SLU_CHECK slu_status kv_hand_over(slu_kv *kv, slu_error *err);
/* The same, but that rows worth a file are only sealed: whoever takes the checkpoint stores them. */
SLU_CHECK slu_status kv_hand_over_soon(slu_kv *kv, slu_error *err);
/* Stores the sealed pile, unless it is stored or the storer has it. By one thread at a time; any thread that has the checkpoint's mutex, if there is one. */
SLU_CHECK slu_status kv_store_sealed(slu_kv *kv, slu_error *err);
/* What it is once it does not wait. */
kv_sealed_state kv_sealed_wait(slu_kv *kv);
void kv_drop_sealed(slu_kv *kv);
/* No sealed pile waits; one that could not be stored is tried again. */
SLU_CHECK slu_status kv_settle(slu_kv *kv, slu_error *err);

#endif
