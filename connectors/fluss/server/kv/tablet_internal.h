/* tablet_internal.h: a kv tablet as tablet.c (reading, opening), put.c, replay.c, checkpoint.c see it; nobody else includes it. */
#ifndef FLUSS_SERVER_KV_TABLET_INTERNAL_H
#define FLUSS_SERVER_KV_TABLET_INTERNAL_H

#include "fluss/record/kv_batch.h"
#include "fluss/merge/merge.h"
#include "fluss/record/log_batch.h"
#include "fluss/server/kv/tablet.h"
#include "fluss/server/tables/tables.h"

#define KV_ERROR_CORRUPT_RECORD 14
#define KV_ERROR_SCHEMA_NOT_EXIST 9

#define KV_PUT_BYTES_MAX ((size_t)512 << 20) /* old and new values of one batch */

struct fluss_kv_tablet {
    fluss_tables *tables;
    fluss_served *table;
    fluss_tablet *tablet;
    slu_kv_pool *pool;
    char *dir;
    fluss_log *log;
    slu_kv *store;
    slu_kv_batch *batch;
    fluss_merge *merge; /* of the newest schema; NULL until the first write */
    fluss_rows *rows;   /* builders of the changelog, of the schema below; NULL until the first write */
    const fluss_schema *rows_schema;
    int64_t applied;   /* offset in the log up to which the store has it */
    int64_t row_count; /* keys in the store */
    int64_t id_next;   /* of the auto-increment column: the next id of the block taken from the catalogue; */
    int64_t id_end;    /* the last one; below id_next when there is none left */
    uint64_t lineage;  /* as fluss_kv_state says */
    bool stale;        /* the log is ahead of the store: replay first */
};

/* The meta word that says how far the log is in the store. */
#define KV_META_BYTES 16          /* applied offset i64 LE, rows i64 LE */
#define KV_META_NUMBERED_BYTES 32 /* and the ids of the auto-increment column that are left: next and last, i64 LE each */

typedef struct kv_meta {
    int64_t applied;
    int64_t row_count;
    int64_t id_next;
    int64_t id_end;
} kv_meta;

slu_view kv_meta_key(void);
SLU_CHECK slu_status kv_meta_decode(slu_view word, const char *dir, kv_meta *out, slu_error *err);
/* Adds to the write batch that the store now has everything below `applied`, and how many rows that are. */
void kv_mark_applied(fluss_kv_tablet *kv, int64_t applied, int64_t row_count);
/* replay.c: brings the store up to the end of the log. */
SLU_CHECK slu_status kv_replay(fluss_kv_tablet *kv, slu_error *err);
/* How many columns a value has that was written under this schema. */
SLU_CHECK slu_status kv_written_columns(fluss_kv_tablet *kv, int16_t schema_id, size_t *out, slu_error *err);
/* number.c: an id that was never given before. */
SLU_CHECK slu_status kv_next_id(fluss_kv_tablet *kv, int64_t *out, slu_error *err);
/* An insert of the log has this id: it and those before it in its block are used. */
void kv_id_used(fluss_kv_tablet *kv, int64_t id);

#endif
