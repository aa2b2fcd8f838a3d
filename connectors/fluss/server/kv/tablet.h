/*
 * tablet.h: the rows of one bucket of a primary-key table, and the changelog that every write leaves in its log.
 *
 * Shape    a write is one kv batch: the old rows of its keys are looked up at once, each change is decided, the
 *          changes become one log batch under the same writer and sequence, and only when that is in the log the rows are
 *          written. Reads see what is acknowledged.
 *
 *            key absent: +I new        key present: -U old, +U new        delete: -D old, nothing when absent
 *            with a merge engine that keeps the old row: nothing; with table.changelog.image WAL: no -U, and +U for whole rows
 *            a batch without any change leaves an empty log batch, which keeps the writer's sequence
 *
 * Durable  the log is the truth: the store's meta word says how far the log is in it; open replays the rest. A store that is ahead
 *          of its log (the log lost a tail) or is lost is rebuilt from the newest snapshot that the log reaches, else from the log's
 *          start if that is the beginning. What fails after the log was written is replayed at the next use.
 * Owns     its store; borrows tables, table and log.
 * Threads  owner.
 * Errors   CORRUPT (14): not a kv batch, or a row that is not of its schema. INVALID: 31 (sequence), 35 (target columns), 9
 *          (schema id), 57 (deletes are disabled), -1 (see fluss/merge).
 */
#ifndef FLUSS_SERVER_KV_TABLET_H
#define FLUSS_SERVER_KV_TABLET_H

#include "base/bytes.h"
#include "fluss/log/log.h"
#include "kv/kv.h"

typedef struct fluss_kv_tablet fluss_kv_tablet;
struct fluss_tablet;
struct fluss_tables;

/* The tablet's log is open. */
SLU_CHECK slu_status fluss_kv_tablet_open(struct fluss_tables *tables, struct fluss_tablet *tablet, slu_kv_pool *pool,
                                          const char *dir, fluss_kv_tablet **out, slu_error *err);
void fluss_kv_tablet_close(fluss_kv_tablet **kv);

/* Its store refused something, and may go on refusing: to be opened anew once the disk has room. */
bool fluss_kv_tablet_failed(const fluss_kv_tablet *kv);

typedef struct fluss_kv_put {
    slu_view batch;
    const int32_t *target_columns; /* positions in the newest schema; none: whole rows */
    size_t target_count;
    const slu_view *keys; /* in place of a batch: rows that have nothing but these keys (LOOKUP that inserts) */
    size_t key_count;
    bool overwrite; /* past the merge engine, as Flink's undo recovery wants it (agg_mode 1) */
} fluss_kv_put;

/* *out: as the log says; next_offset is what the client is told. */
SLU_CHECK slu_status fluss_kv_tablet_put(fluss_kv_tablet *kv, const fluss_kv_put *put, fluss_appended *out, slu_error *err);
/* As slu_kv_get_many says: values (schema id and row) are lent until the next call for any tablet's rows. */
SLU_CHECK slu_status fluss_kv_tablet_get(fluss_kv_tablet *kv, const slu_view *keys, size_t count, slu_view *out_values,
                                         slu_error *err);
/* Values (schema id and row) of the rows whose key begins with prefix, at most `limit` of them, in key order. */
SLU_CHECK slu_status fluss_kv_tablet_scan(fluss_kv_tablet *kv, slu_view prefix, size_t limit,
                                          slu_status (*value)(void *context, slu_view value), void *context, slu_error *err);
SLU_CHECK slu_status fluss_kv_tablet_rows(fluss_kv_tablet *kv, int64_t *out_rows, slu_error *err);

/* What a checkpoint of the store holds. */
typedef struct fluss_kv_state {
    int64_t log_offset; /* the first that is not in it */
    int64_t row_count;
    uint64_t lineage;  /* file numbers are never given twice in stores of one lineage: equal names are equal files */
    int32_t id_column; /* of the auto-increment column; -1: there is none, or no block of ids */
    int64_t id_next;
    int64_t id_end;
} fluss_kv_state;

/* How far the log is in the store; -1 while that is behind. */
int64_t fluss_kv_tablet_applied(const fluss_kv_tablet *kv);
/* Begins a checkpoint of the store (kv.h), which costs what RocksDB was not given yet. Of *out only lineage and column are known now. */
SLU_CHECK slu_status fluss_kv_tablet_checkpoint(fluss_kv_tablet *kv, slu_kv_checkpoint **checkpoint, fluss_kv_state *out,
                                                slu_error *err);
/* The rest of it, from the checkpoint that was taken. Any thread. */
SLU_CHECK slu_status fluss_kv_checkpoint_state(const char *dir, fluss_kv_state *state, slu_error *err);

#endif
