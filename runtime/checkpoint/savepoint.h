/*
 * savepoint.h: a whole checkpoint once more, in a directory that belongs to the user.
 *
 * On disk  <dir>/savepoint-<6 hex of the job id>-<12 hex>/: the files of the checkpoint (linked where the file system can, else copied)
 *          and a manifest that says so (savepoint 1). Flink's naming; nobody but the user removes it.
 * Atomic   the manifest is made last: without it there is no savepoint. What a failure left half-made is removed.
 * Places   as store/place.h: checkpoint and savepoint may lie in different ones.
 * Threads  any; `stop` may be set from another one.
 * Errors   NOTFOUND (the checkpoint), CORRUPT (its manifest), CLOSED (stopped), INVALID (dispose: not a savepoint), IO, NOMEM.
 */
#ifndef SLU_CHECKPOINT_SAVEPOINT_H
#define SLU_CHECKPOINT_SAVEPOINT_H

#include "base/bytes.h"
#include "store/place.h"

#include <stdatomic.h>

/* Appends the directory of a new savepoint below `dir`. `random`: whatever tells it from others of the job. */
void slu_savepoint_path(slu_buf *out, const char *dir, const char *job_id, uint64_t random);
/* `checkpoint`: directory of a whole checkpoint. `directory`: made, with its parents. */
SLU_CHECK slu_status slu_savepoint_make(const slu_stores *stores, const char *checkpoint, const char *directory,
                                        const atomic_bool *stop, slu_error *err);
/* Removes a savepoint, its manifest first. INVALID: the directory holds a checkpoint, which its job drops itself, or neither. */
SLU_CHECK slu_status slu_savepoint_dispose(const slu_stores *stores, const char *directory, slu_error *err);

#endif
