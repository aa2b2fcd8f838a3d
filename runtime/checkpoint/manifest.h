/*
 * manifest.h: what makes a checkpoint whole: the list of its subtask files, created last and exclusively.
 *
 * On disk  <dir>/<job id>/chk-<n>/_metadata, beside task-<task>-<attempt>.state files; a savepoint the same in a directory of its own.
 * Format   a MessagePack map behind the magic "SLUMANI1" and before a CRC-32C of all before it (u32, little-endian).
 * Places   a directory of this machine, or of a store (store/place.h); `stores` NULL: only the former.
 * Fencing  slu_manifest_create makes the file only if there is none (link(), If-None-Match): CONFLICT means that another attempt finished this checkpoint, and that we are
 *          the zombie.
 * Owns     a manifest lives in its own arena.
 * Threads  owner. What asks a store blocks for as long as that does.
 * Errors   CORRUPT, LIMIT, NOTFOUND, CONFLICT, UNSUPPORTED (a newer format version), NOMEM, IO.
 */
#ifndef SLU_CHECKPOINT_MANIFEST_H
#define SLU_CHECKPOINT_MANIFEST_H

#include "base/arena.h"
#include "base/limits.h"
#include "store/place.h"

#define SLU_MANIFEST_VERSION 1u
#define SLU_MANIFEST_BYTES_MAX ((size_t)16 << 20)
#define SLU_MANIFEST_NAME "_metadata"

/* One subtask's file. */
typedef struct slu_manifest_file {
    uint32_t task; /* of the layout it was written under */
    uint32_t subtask;
    uint32_t parallelism;
    const char *vertex; /* name, for people */
    const char *path;   /* relative to the manifest's directory */
    int64_t bytes;
    uint32_t crc32c;
    uint32_t operator_count;
    const char *const *operators; /* ids whose state is inside */
} slu_manifest_file;

typedef struct slu_manifest {
    slu_arena arena;
    uint32_t version;
    const char *job_id;
    const char *job_name;
    int64_t checkpoint;
    uint32_t attempt;
    uint64_t attempt_nonce;
    int64_t wall_ms; /* when it was triggered */
    int64_t duration_ms;
    uint32_t savepoint; /* 1: owned by the user */
    uint32_t final;     /* 1: every source had ended: nothing is left to run */
    uint32_t max_parallelism;
    uint32_t layout_version;
    uint32_t file_count;
    slu_manifest_file *files;
    const char *directory;    /* where it was loaded from; not stored */
    const slu_stores *stores; /* ... and through what: borrowed */
} slu_manifest;

SLU_CHECK slu_status slu_manifest_encode(const slu_manifest *manifest, slu_buf *out, slu_error *err);
SLU_CHECK slu_status slu_manifest_decode(slu_view bytes, slu_manifest **out, slu_error *err);
void slu_manifest_free(slu_manifest **manifest);

/* `directory` exists and holds the files, which whoever wrote them has synced: the manifest makes them count. */
SLU_CHECK slu_status slu_manifest_create(const slu_stores *stores, const slu_manifest *manifest, const char *directory, bool sync,
                                         slu_error *err);
/* The same of an encoded one. */
SLU_CHECK slu_status slu_manifest_put(const slu_stores *stores, slu_view encoded, int64_t checkpoint, const char *directory,
                                      bool sync, slu_error *err);
/* From a chk-N or savepoint directory. */
SLU_CHECK slu_status slu_manifest_load(const slu_stores *stores, const char *directory, slu_manifest **out, slu_error *err);
/* The newest whole checkpoint below <dir>/<job id>. NOTFOUND: none. CORRUPT: it is damaged; an older one is not taken in its place, for
 * what sinks committed since then would be committed again. */
SLU_CHECK slu_status slu_manifest_load_latest(const slu_stores *stores, const char *dir, const char *job_id, slu_manifest **out,
                                              slu_error *err);

/* Appends "<dir>/<job id>/chk-<n>" (zero-terminated through slu_buf_cstr). */
void slu_checkpoint_path(slu_buf *out, const char *dir, const char *job_id, int64_t checkpoint);
/* Removes what aborted checkpoints with smaller numbers left behind: directories without a manifest. */
SLU_CHECK slu_status slu_checkpoint_sweep(const slu_stores *stores, const char *dir, const char *job_id, int64_t below,
                                          slu_error *err);
/* Removes the directory of a checkpoint; its manifest first, so that a half-removed one is no checkpoint. Then the shared files that no
 * other one names (shared.h). */
SLU_CHECK slu_status slu_checkpoint_remove(const slu_stores *stores, const char *dir, const char *job_id, int64_t checkpoint,
                                           slu_error *err);

#endif
