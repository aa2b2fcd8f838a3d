/*
 * remote.h: what the catalogue knows of remote storage: which manifest of a bucket's log is the valid one, and what is to be
 * removed when its time has come.
 *
 * Shape    one row a bucket; one row a doomed path. Paths are relative to the remote directory. Tables of their own, made on open, so
 *          that an older data directory opens.
 * Durable, Threads, Errors: as catalogue.h. NOTFOUND: the bucket has nothing in remote storage.
 *
 * Invariant: a manifest becomes valid in the transaction that dooms what it no longer names.
 */
#ifndef FLUSS_SERVER_CATALOGUE_REMOTE_H
#define FLUSS_SERVER_CATALOGUE_REMOTE_H

#include "fluss/remote/layout.h"
#include "fluss/server/catalogue/catalogue.h"

typedef struct fluss_remote_row {
    char manifest_id[FLUSS_UUID_BYTES];
    int64_t start_offset; /* -1: nothing is left there */
    int64_t copied_end_offset;
} fluss_remote_row;

/* Once after fluss_catalogue_open. `out_owner`: an id of this data directory, the same for ever. */
SLU_CHECK slu_status fluss_catalogue_remote_open(fluss_catalogue *c, char out_owner[FLUSS_UUID_BYTES], slu_error *err);
/* The tables (with FLUSS_NO_PARTITION) and partitions that there are, in order, and where ids go on. */
typedef struct fluss_catalogue_live_row {
    int64_t table_id;
    int64_t partition_id;
} fluss_catalogue_live_row;
typedef struct fluss_catalogue_live {
    fluss_catalogue_live_row *rows;
    size_t count;
    int64_t table_id_end;
    int64_t partition_id_end;
} fluss_catalogue_live;
SLU_CHECK slu_status fluss_catalogue_list_live(fluss_catalogue *c, slu_arena *arena, fluss_catalogue_live *out, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_get_remote(fluss_catalogue *c, int64_t table_id, int64_t partition_id, int32_t bucket,
                                                fluss_remote_row *out, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_set_remote(fluss_catalogue *c, int64_t table_id, int64_t partition_id, int32_t bucket,
                                                const fluss_remote_row *row, const char *const *doomed, size_t doomed_count,
                                                int64_t due_ms, slu_error *err);
/* Forgets the buckets of a table, or of one partition (else -1), and dooms their directory. */
SLU_CHECK slu_status fluss_catalogue_drop_remote(fluss_catalogue *c, int64_t table_id, int64_t partition_id, const char *doomed,
                                                 int64_t due_ms, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_doom(fluss_catalogue *c, const char *path, int64_t due_ms, slu_error *err);
/* What is due at now_ms, at most `max`; INT64_MAX: all there is. */
SLU_CHECK slu_status fluss_catalogue_list_doomed(fluss_catalogue *c, int64_t now_ms, size_t max, slu_arena *arena,
                                                 const char ***out, size_t *out_count, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_forget_doomed(fluss_catalogue *c, const char *path, slu_error *err);

#endif
