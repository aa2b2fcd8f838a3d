/* savepoint.c: links or copies files (and writes anew what shares files with checkpoints), then makes them count. */
#include "checkpoint/savepoint.h"

#include "base/hash.h"
#include "checkpoint/canonical.h"
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

/* One file of the checkpoint. A link is as good as a copy, for such files are never changed. */
static slu_status
file_take(const slu_manifest *manifest, const char *to, const char *name, const atomic_bool *stop, slu_error *err)
{
    char source[SLU_PATH_BYTES_MAX], target[SLU_PATH_BYTES_MAX];
    SLU_TRY(slu_place_join(source, manifest->directory, name, err));
    SLU_TRY(slu_place_join(target, to, name, err));
    return slu_place_copy(manifest->stores, source, target, stop, err);
}

static slu_status
file_read(const slu_manifest *manifest, const slu_manifest_file *file, slu_snapshot_reader **out, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    slu_buf_init(&bytes, SLU_SNAPSHOT_BYTES_MAX);
    SLU_TRY(slu_place_join(path, manifest->directory, file->path, err));
    SLU_TRY(slu_place_read(manifest->stores, path, SLU_SNAPSHOT_BYTES_MAX, &bytes, err));
    return slu_error_in(err, slu_snapshot_reader_new(&bytes, out, err), "%s", path);
}

/* The file with runs in place of RocksDB's files, which the job removes in their turn. */
static slu_status
file_convert(const slu_manifest *manifest, const char *to, slu_manifest_file *file, slu_error *err)
{
    char target[SLU_PATH_BYTES_MAX];
    slu_view bytes;
    SLU_AUTO(slu_snapshot_reader_free) slu_snapshot_reader *reader = NULL;
    SLU_AUTO(slu_snapshot_writer_free) slu_snapshot_writer *writer = NULL;
    SLU_TRY(slu_place_join(target, to, file->path, err));
    SLU_TRY(file_read(manifest, file, &reader, err));
    SLU_TRY(slu_snapshot_writer_new(&writer, err));
    SLU_TRY(slu_snapshot_canonical(manifest->stores, manifest->directory, reader, writer, err));
    SLU_TRY(slu_snapshot_writer_finish(writer, &bytes, err));
    file->bytes = (int64_t)bytes.bytes;
    file->crc32c = slu_crc32c(0, bytes.data, bytes.bytes);
    return slu_place_write(manifest->stores, target, bytes, err);
}

static slu_status
file_take_or_convert(const slu_manifest *manifest, const char *to, slu_manifest_file *file, const atomic_bool *stop, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_snapshot_reader_free) slu_snapshot_reader *reader = NULL;
    SLU_TRY(slu_place_join(path, manifest->directory, file->path, err));
    const slu_status status = slu_snapshot_reader_index(manifest->stores, path, file->bytes, &reader, err);
    if (status != SLU_OK && status != SLU_CORRUPT) /* what is torn is found where it is restored, with its name */
        return status;
    return status == SLU_OK && slu_snapshot_has_files(reader) ? file_convert(manifest, to, file, err)
                                                              : file_take(manifest, to, file->path, stop, err);
}

static slu_status
files_take(slu_manifest *manifest, const char *to, const atomic_bool *stop, slu_error *err)
{
    for (uint32_t i = 0; i < manifest->file_count; i++)
        SLU_TRY(file_take_or_convert(manifest, to, &manifest->files[i], stop, err));
    SLU_TRY(slu_place_sync_dir(manifest->stores, to, err));
    manifest->savepoint = 1;
    return slu_manifest_create(manifest->stores, manifest, to, true, err);
}

slu_status
slu_savepoint_make(const slu_stores *stores, const char *checkpoint, const char *directory, const atomic_bool *stop, slu_error *err)
{
    SLU_AUTO(slu_manifest_free) slu_manifest *manifest = NULL;
    slu_error ignored;
    bool taken = false;
    SLU_TRY(slu_manifest_load(stores, checkpoint, &manifest, err));
    SLU_TRY(slu_place_is_used(stores, directory, &taken, err));
    if (taken)
        return slu_error_set(err, SLU_CONFLICT, "%s is there already", directory);
    SLU_TRY(slu_place_make_dir(stores, directory, err));
    const slu_status status = files_take(manifest, directory, stop, err);
    if (status != SLU_OK && slu_place_remove_dir(stores, directory, &ignored) != SLU_OK)
        return slu_error_in(err, status, "its half in %s could not be removed", directory);
    return status;
}

slu_status
slu_savepoint_dispose(const slu_stores *stores, const char *directory, slu_error *err)
{
    SLU_AUTO(slu_manifest_free) slu_manifest *manifest = NULL;
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(slu_manifest_load(stores, directory, &manifest, err));
    directory = manifest->directory;
    if (manifest->savepoint != 1)
        return slu_error_set(err, SLU_INVALID, "%s is a checkpoint of job %s, not a savepoint: the job drops it in its turn",
                             directory, manifest->job_name);
    SLU_TRY(slu_place_join(path, directory, SLU_MANIFEST_NAME, err));
    SLU_TRY(slu_place_remove(stores, path, err));
    for (uint32_t i = 0; i < manifest->file_count; i++) { /* its own files and no others: the directory may be one of the user's */
        SLU_TRY(slu_place_join(path, directory, manifest->files[i].path, err));
        SLU_TRY(slu_place_remove(stores, path, err));
    }
    if (slu_place_is_local(directory))
        (void)rmdir(directory);
    return SLU_OK;
}
