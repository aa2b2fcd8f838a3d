/* file_copy.c: a file's bytes in another file, by the kernel where it can. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define COPY_CHUNK_BYTES ((size_t)1 << 20)

static slu_status
copy_bytes(int from, int to, const char *path, const atomic_bool *stop, int64_t *out_bytes, slu_error *err)
{
    *out_bytes = 0;
    for (;;) {
        if (stop != NULL && atomic_load(stop))
            return slu_error_set(err, SLU_CLOSED, "copy of %s: it was stopped", path);
        const ssize_t moved = copy_file_range(from, NULL, to, NULL, COPY_CHUNK_BYTES, 0);
        if (moved == 0)
            return SLU_OK;
        if (moved < 0 && errno != EINTR)
            return slu_errno_set(err, errno, "copy", path);
        *out_bytes += moved > 0 ? moved : 0;
    }
}

/* Where the kernel cannot copy between two files (other file systems). */
static slu_status
copy_by_hand(int from, int to, const char *path, const atomic_bool *stop, int64_t *out_bytes, slu_error *err)
{
    uint8_t chunk[64 << 10];
    *out_bytes = 0;
    if (lseek(from, 0, SEEK_SET) != 0 || lseek(to, 0, SEEK_SET) != 0 || ftruncate(to, 0) != 0)
        return slu_errno_set(err, errno, "rewind", path);
    for (;;) {
        const ssize_t got = read(from, chunk, sizeof chunk);
        if (stop != NULL && atomic_load(stop))
            return slu_error_set(err, SLU_CLOSED, "copy of %s: it was stopped", path);
        if (got == 0)
            return SLU_OK;
        if (got < 0 && errno != EINTR)
            return slu_errno_set(err, errno, "read", path);
        if (got > 0)
            SLU_TRY(slu_fd_write_all(to, chunk, (size_t)got, err));
        *out_bytes += got > 0 ? got : 0;
    }
}

static slu_status
copy_open_files(int from, int to, const char *path, const atomic_bool *stop, bool sync, int64_t *out_bytes, slu_error *err)
{
    slu_error first = {0};
    slu_status status = copy_bytes(from, to, path, stop, out_bytes, &first);
    if (status == SLU_IO && (first.code == EXDEV || first.code == ENOSYS || first.code == EOPNOTSUPP || first.code == EINVAL))
        status = copy_by_hand(from, to, path, stop, out_bytes, &first);
    if (status == SLU_OK && sync && fdatasync(to) != 0)
        status = slu_errno_set(&first, errno, "sync", path);
    if (status != SLU_OK && err != NULL)
        *err = first;
    return status;
}

slu_status
slu_file_copy(const char *source, const char *target, const atomic_bool *stop, bool sync, int64_t *out_bytes, slu_error *err)
{
    const int from = open(source, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return slu_errno_set(err, errno, "open", source);
    const int to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    slu_status status =
        to < 0 ? slu_errno_set(err, errno, "create", target) : copy_open_files(from, to, source, stop, sync, out_bytes, err);
    (void)close(from);
    if (to >= 0 && close(to) != 0 && status == SLU_OK)
        status = slu_errno_set(err, errno, "close", target);
    return status;
}
