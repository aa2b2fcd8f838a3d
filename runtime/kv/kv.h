/*
 * kv.h: an ordered map of bytes on disk, RocksDB behind it.
 *
 * Shape    a pool (one cache, one write-buffer budget, one set of background threads) shared by many stores; a store has rows in
 *          the default column family and, in a second one, a few words of its owner (meta), written in the same atomic batch.
 *          Written rows are piled up and given to RocksDB as whole table files; reads see them at once.
 * Durable  there is no write-ahead log: what was written since the last flush is lost when the process dies. Meta is never newer
 *          than the rows it was written with; it may be older. The owner replays from what its meta says (for the table server:
 *          the changelog), which must do no harm to rows that are there already.
 * Foreign  a checkpoint is a RocksDB directory that version 6.20 opens: CRC32C block checksums, format_version 5.
 * Owns     the pool outlives its stores. Views given to callbacks are valid for the call.
 * Threads  a pool and its stores belong to one thread; the pool's own gives rows to RocksDB, whose threads compact. Only
 *          slu_kv_checkpoint_take and the readers of checkpoints are for any thread.
 * Errors   IO and CORRUPT with RocksDB's words; NOTFOUND for a meta word that is not there; NOMEM.
 */
#ifndef SLU_KV_KV_H
#define SLU_KV_KV_H

#include "base/bytes.h"

typedef struct slu_kv_pool slu_kv_pool;
typedef struct slu_kv slu_kv;
typedef struct slu_kv_batch slu_kv_batch;

typedef struct slu_kv_pool_options {
    size_t cache_bytes; /* block cache of all stores; 0: 4 MiB */
    /* Rows of all stores in memory, those that were written and are not stored yet (half of it of one store at most) and those that were
     * read or written lately; a quarter more while some are being stored. 0: 20 MiB */
    size_t rows_bytes;
    int threads; /* background threads; 0: 2 */
} slu_kv_pool_options;

SLU_CHECK slu_status slu_kv_pool_open(const slu_kv_pool_options *options, slu_kv_pool **out, slu_error *err);
void slu_kv_pool_close(slu_kv_pool **pool);

/* Opens the directory, creating it if it is not there. */
SLU_CHECK slu_status slu_kv_open(slu_kv_pool *pool, const char *dir, slu_kv **out, slu_error *err);
/* Whether a row may be dropped. Called on RocksDB's threads while they compact; sees a row as it lies there, perhaps not its newest self. */
typedef struct slu_kv_forget {
    void *context;
    bool (*forget)(void *context, slu_view key, slu_view value);
} slu_kv_forget;

/* The same; a row of which `forget` (copied; NULL: none) says so is gone some time later. */
SLU_CHECK slu_status slu_kv_open_forgetting(slu_kv_pool *pool, const char *dir, const slu_kv_forget *forget, slu_kv **out,
                                            slu_error *err);
/* What its rows take: on disk, and in memory. */
size_t slu_kv_bytes(const slu_kv *kv);
/* RocksDB refused a write, a flush or a checkpoint. It may refuse all that follow, though the reason is gone: once it is, close and open
 * again. Until then rows are read. */
bool slu_kv_failed(const slu_kv *kv);
/* Flushes and closes. */
void slu_kv_close(slu_kv **kv);

/* A value without data: there is no such row. Borrowed until the next call for any store of the pool, but for batches. */
SLU_CHECK slu_status slu_kv_get_many(slu_kv *kv, const slu_view *keys, size_t count, slu_view *out_values, slu_error *err);
SLU_CHECK slu_status slu_kv_get_meta(slu_kv *kv, slu_view key, slu_buf *value, slu_error *err);

SLU_CHECK slu_status slu_kv_batch_new(slu_kv_batch **out, slu_error *err);
void slu_kv_batch_free(slu_kv_batch **batch);
void slu_kv_batch_reset(slu_kv_batch *batch);
void slu_kv_batch_put(slu_kv_batch *batch, slu_view key, slu_view value);
/* The value in two parts, one behind the other. Key and tail are not copied: they are looked at until the batch is reset. */
#define SLU_KV_HEAD_BYTES_MAX 6
void slu_kv_batch_put_parts(slu_kv_batch *batch, slu_view key, slu_view head, slu_view tail);
void slu_kv_batch_erase(slu_kv_batch *batch, slu_view key);
/* Goes to the second column family of the store that the batch is written to. */
void slu_kv_batch_put_meta(slu_kv_batch *batch, slu_view key, slu_view value);
SLU_CHECK slu_status slu_kv_write(slu_kv *kv, slu_kv_batch *batch, slu_error *err);

/* Calls back for each row whose key starts with `prefix` (empty: all), in key order, from one consistent view of the store, until
 * the rows end or `row` answers anything but OK. END from `row` ends the scan well. */
SLU_CHECK slu_status slu_kv_scan(slu_kv *kv, slu_view prefix, slu_status (*row)(void *context, slu_view key, slu_view value),
                                 void *context, slu_error *err);

SLU_CHECK slu_status slu_kv_flush(slu_kv *kv, slu_error *err);

/*
 * A checkpoint: a copy (hard links where possible) of a store, which goes on being used while another thread flushes and links.
 *
 *   begin (owner) -> take (any thread, once) -> end (owner); or begin -> end, for one that is not wanted any more
 *
 * Holds everything written before begin, and what was written until the end of take or some of it: the words of its own meta say how far
 * (slu_kv_read_meta). One at a time of a store. A store that is closed meanwhile waits for a take under way; a later one says CLOSED.
 */
typedef struct slu_kv_checkpoint slu_kv_checkpoint;

SLU_CHECK slu_status slu_kv_checkpoint_begin(slu_kv *kv, slu_kv_checkpoint **out, slu_error *err);
/* The directory must not exist yet. */
SLU_CHECK slu_status slu_kv_checkpoint_take(slu_kv_checkpoint *checkpoint, const char *dir, slu_error *err);
/* True: the store was not closed since begin. Accepts NULL inside. */
bool slu_kv_checkpoint_end(slu_kv_checkpoint **checkpoint);
/* A meta word of a checkpoint; NOTFOUND. The directory is left as it was. */
SLU_CHECK slu_status slu_kv_read_meta(const char *dir, slu_view key, slu_buf *value, slu_error *err);

/*
 * A checkpoint, of ours or of a foreign RocksDB from 6.20 on, read once from its first row to its last. The directory is not changed;
 * its files may be links to where they really lie.
 */
typedef struct slu_kv_reader slu_kv_reader;

/* Needs no pool. CORRUPT or IO where a file is damaged or missing. */
SLU_CHECK slu_status slu_kv_reader_open(const char *dir, slu_kv_reader **out, slu_error *err);
void slu_kv_reader_close(slu_kv_reader **reader);
/* The next row, valid until the next call; END behind the last. */
SLU_CHECK slu_status slu_kv_reader_next(slu_kv_reader *reader, slu_view *out_key, slu_view *out_value, slu_error *err);

#endif
