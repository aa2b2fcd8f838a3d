/*
 * move.h: one table on its way from a cluster or a directory to another (tables_move.c says what for, and how a directory looks).
 *
 * Shape    slu_move_open (the source, then the destination), slu_move_rows, then the verb finishes it. What is of the source is set before
 *          anything of the destination.
 * Owns     all but the clients, the directories' names and args; slu_move_close lets go of it, from any state.
 * Threads  owner.
 * Errors   CONFLICT: something is there already. LIMIT: a bucket of a primary-key table whose changed keys do not fit into memory
 *          (move_last.h). What was begun at the destination when another comes is not whole, and is for the user to remove.
 */
#ifndef SLU_CLI_MOVE_H
#define SLU_CLI_MOVE_H

#include "tables.h"

#include "batch/ipc.h"
#include "fluss/client/writer.h"
#include "fluss/record/descriptor.h"

#include <stdio.h>

#define SLU_MOVE_TIMEOUT_MS 120000
#define SLU_MOVE_BATCH_BYTES_MAX ((size_t)256 << 20)

typedef struct slu_move {
    const slu_args *args;
    slu_table_name name;
    slu_arena arena; /* of this table */
    /* From a cluster or a directory. */
    fluss_client *from;
    const char *from_dir;
    fluss_target *source;        /* of a cluster */
    fluss_descriptor descriptor; /* as it is made at the destination */
    fluss_table table;           /* of the source: how its rows look */
    const char **partitions;     /* by slot of the source; of a table without partitions one that is NULL */
    int32_t partition_count;
    /* To a cluster or a directory. */
    fluss_client *to;
    const char *to_dir;
    fluss_target *target;
    fluss_writer *writer;
    bool same_buckets;
    FILE *file;
    slu_ipc_codec *codec;
    slu_buf bytes;
    int32_t *selection;
    int32_t *buckets;
    int64_t room;
    int64_t rows;
    int64_t found; /* rows in the files of a directory */
} slu_move;

/* The path of a table's directory below `dir`, or of a file in it. */
SLU_CHECK slu_status slu_move_path(const slu_move *m, const char *dir, const char *file, char out[SLU_PATH_BYTES_MAX],
                                   slu_error *err);
SLU_CHECK slu_status slu_move_open(slu_move *m, slu_error *err);
/* CORRUPT: the files of the directory do not hold what it says. Before a table is made of it: half of one would stand in the way of the
 * next try. */
SLU_CHECK slu_status slu_move_check(slu_move *m, slu_error *err);
/* All rows; of a cluster as destination they are acknowledged only after fluss_writer_wait. */
SLU_CHECK slu_status slu_move_rows(slu_move *m, slu_error *err);
void slu_move_close(slu_move *m);

#endif
