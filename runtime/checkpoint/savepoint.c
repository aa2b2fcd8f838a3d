/* savepoint.c: links or copies files, then makes them count. */
#include "checkpoint/savepoint.h"

#include "base/file.h"
#include "checkpoint/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
slu_savepoint_path(slu_buf *out, const char *dir, const char *job_id, uint64_t random)
{
    slu_buf_printf(out, "%s/savepoint-%.6s-%012" PRIx64, dir, job_id, random & 0xffffffffffff);
}

static slu_status
path_join(char out[SLU_PATH_BYTES_MAX], const char *directory, const char *name, slu_error *err)
{
    const int bytes = snprintf(out, SLU_PATH_BYTES_MAX, "%s/%s", directory, name);
    return bytes > 0 && bytes < SLU_PATH_BYTES_MAX ? SLU_OK
                                                   : slu_error_set(err, SLU_LIMIT, "the path %.100s... is too long", directory);
}

/* One file of the checkpoint. A link is as good as a copy, for such files are never changed. */
static slu_status
file_take(const char *from, const char *to, const char *name, const atomic_bool *stop, slu_error *err)
{
    char source[SLU_PATH_BYTES_MAX], target[SLU_PATH_BYTES_MAX];
    int64_t bytes = 0;
    SLU_TRY(path_join(source, from, name, err));
    SLU_TRY(path_join(target, to, name, err));
    return link(source, target) == 0 ? SLU_OK : slu_file_copy(source, target, stop, true, &bytes, err);
}

static slu_status
files_take(slu_manifest *manifest, const char *to, const atomic_bool *stop, slu_error *err)
{
    for (uint32_t i = 0; i < manifest->file_count; i++)
        SLU_TRY(file_take(manifest->directory, to, manifest->files[i].path, stop, err));
    SLU_TRY(slu_dir_sync(to, err));
    manifest->savepoint = 1;
    return slu_manifest_create(manifest, to, true, err);
}

slu_status
slu_savepoint_make(const char *checkpoint, const char *directory, const atomic_bool *stop, slu_error *err)
{
    SLU_AUTO(slu_manifest_free) slu_manifest *manifest = NULL;
    slu_error ignored;
    SLU_TRY(slu_manifest_load(checkpoint, &manifest, err));
    if (slu_path_exists(directory))
        return slu_error_set(err, SLU_CONFLICT, "%s is there already", directory);
    SLU_TRY(slu_dir_make_sync(directory, err));
    const slu_status status = files_take(manifest, directory, stop, err);
    if (status != SLU_OK && slu_dir_remove(directory, &ignored) != SLU_OK)
        return slu_error_in(err, status, "its half in %s could not be removed", directory);
    return status;
}

slu_status
slu_savepoint_dispose(const char *directory, slu_error *err)
{
    SLU_AUTO(slu_manifest_free) slu_manifest *manifest = NULL;
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(slu_manifest_load(directory, &manifest, err));
    if (manifest->savepoint != 1)
        return slu_error_set(err, SLU_INVALID, "%s is a checkpoint of job %s, not a savepoint: the job drops it in its turn",
                             directory, manifest->job_name);
    SLU_TRY(path_join(path, directory, SLU_MANIFEST_NAME, err));
    SLU_TRY(slu_file_remove(path, err));
    for (uint32_t i = 0; i < manifest->file_count; i++) { /* its own files and no others: the directory may be one of the user's */
        SLU_TRY(path_join(path, directory, manifest->files[i].path, err));
        SLU_TRY(slu_file_remove(path, err));
    }
    (void)rmdir(directory);
    return SLU_OK;
}
