/*
 * canonical.h: a snapshot file whose states are runs of key groups, whatever backend they were of: what a savepoint holds.
 *
 * Owns     nothing. Threads: any. Works in a scratch folder of the temporary directory.
 * Errors   those of snapshot.h, shared.h and rocks.h.
 */
#ifndef SLU_CHECKPOINT_CANONICAL_H
#define SLU_CHECKPOINT_CANONICAL_H

#include "checkpoint/snapshot.h"
#include "state/keyed.h"
#include "store/place.h"

/* Whether a state in it is files (SLU_SECTION_FILES). */
bool slu_snapshot_has_files(const slu_snapshot_reader *reader);
/* The spec of the state that a KEYED or FILES section holds; its name is the section's. */
slu_state_spec slu_section_spec(const slu_section *section);
/* Calls `entry` with the runs of the key groups first..last of a FILES section. `scratch`: a folder that is made, and removed. */
SLU_CHECK slu_status slu_shared_runs(const slu_stores *stores, const char *directory, const slu_snapshot_reader *reader,
                                     uint32_t section, const char *scratch, const uint32_t groups[2],
                                     slu_status (*entry)(void *to, uint32_t key_group, slu_view bytes, slu_error *err), void *to,
                                     slu_error *err);
/* Writes all of it (read whole) once more, with runs in place of files. `directory`: that of the checkpoint. */
SLU_CHECK slu_status slu_snapshot_canonical(const slu_stores *stores, const char *directory, const slu_snapshot_reader *reader,
                                            slu_snapshot_writer *writer, slu_error *err);

#endif
