/*
 * shared.h: files of a state that several checkpoints of a job have in common, so that a checkpoint stores only what is new.
 *
 * On disk  <dir>/<job id>/shared/<checkpoint>-<attempt>-<task>-<state>-<number>.sst: the table file of RocksDB that this number names in its
 *          state, stored for that checkpoint first. Its small files are entries of the snapshot (SLU_SECTION_FILES).
 * Counted  by the snapshots of whole checkpoints: a file that none of them names is removed once a checkpoint is whole that is later than
 *          the one it was stored for. One that such a checkpoint does not name, no later one of the same attempt can: the files of a
 *          state go and do not come back.
 * Owns     a set remembers what is stored of one state. Threads: any, one store at a time of a set (its own lock).
 * Errors   CORRUPT (a file is missing, or has another size or checksum: its name is said), LIMIT, NOMEM, IO.
 */
#ifndef SLU_CHECKPOINT_SHARED_H
#define SLU_CHECKPOINT_SHARED_H

#include "checkpoint/snapshot.h"
#include "store/place.h"

#define SLU_SHARED_DIR "shared"
#define SLU_SHARED_NAME_BYTES_MAX 96
#define SLU_SHARED_FILES_MAX 100000u /* of one state */

typedef struct slu_shared_set slu_shared_set;

SLU_CHECK slu_status slu_shared_set_new(slu_shared_set **out, slu_error *err);
void slu_shared_set_free(slu_shared_set **set);

typedef struct slu_shared_spec {
    const slu_stores *stores;
    const char *dir; /* of all jobs' checkpoints */
    const char *job_id;
    int64_t checkpoint;
    uint32_t attempt;
    uint32_t task;
} slu_shared_spec;

/* Stores what is new in `copy` (a folder of slu_state_copy), and writes the sections that name all of it. `state` says which state. */
SLU_CHECK slu_status slu_shared_store(const slu_shared_spec *spec, slu_shared_set *set, const slu_section *state, const char *copy,
                                      slu_snapshot_writer *writer, slu_error *err);
/* Fetches the files of a FILES section into a new folder `to`. `directory`: that of the checkpoint. */
SLU_CHECK slu_status slu_shared_fetch(const slu_stores *stores, const char *directory, const slu_snapshot_reader *reader,
                                      uint32_t section, const char *to, slu_error *err);
/* What such a section names is stored already, for the job's own later checkpoints. */
SLU_CHECK slu_status slu_shared_remember(slu_shared_set *set, const slu_snapshot_reader *reader, uint32_t section, slu_error *err);
/* Removes the files that no whole checkpoint of the job names. */
SLU_CHECK slu_status slu_shared_sweep(const slu_stores *stores, const char *dir, const char *job_id, slu_error *err);

#endif
