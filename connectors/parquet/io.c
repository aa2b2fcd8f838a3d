/* Sinks and sources over memory and file descriptors. */
#include "column.h"

#include "base/file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static slu_status
buf_write(void *context, const void *data, size_t bytes, slu_error *err)
{
    slu_buf_append(context, data, bytes);
    return slu_buf_status(context, err);
}

parquet_sink
parquet_sink_of_buf(slu_buf *buf)
{
    return (parquet_sink){buf_write, buf};
}

static slu_status
fd_write(void *context, const void *data, size_t bytes, slu_error *err)
{
    return slu_fd_write_all(*(const int *)context, data, bytes, err);
}

parquet_sink
parquet_sink_of_fd(const int *fd)
{
    return (parquet_sink){fd_write, (void *)(uintptr_t)fd};
}

static slu_status
view_read(void *context, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    const slu_view *view = context;
    if (offset < 0 || (uint64_t)offset > view->bytes || bytes > view->bytes - (size_t)offset)
        return slu_error_set(err, SLU_IO, "%zu bytes at %lld of %zu", bytes, (long long)offset, view->bytes);
    if (bytes != 0)
        memcpy(out, view->data + offset, bytes);
    return SLU_OK;
}

parquet_source
parquet_source_of_view(const slu_view *view)
{
    return (parquet_source){view_read, (void *)(uintptr_t)view, (int64_t)view->bytes};
}

static slu_status
fd_read(void *context, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    uint8_t *at = out;
    while (bytes > 0) {
        const ssize_t n = pread(*(const int *)context, at, bytes, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return slu_errno_set(err, errno, "pread", "parquet file");
        if (n == 0)
            return slu_error_set(err, SLU_IO, "the Parquet file ends at %lld, %zu bytes early", (long long)offset, bytes);
        at += n;
        offset += n;
        bytes -= (size_t)n;
    }
    return SLU_OK;
}

slu_status
parquet_source_of_fd(const int *fd, parquet_source *out, slu_error *err)
{
    struct stat info;
    if (fstat(*fd, &info) != 0)
        return slu_errno_set(err, errno, "fstat", "parquet file");
    *out = (parquet_source){fd_read, (void *)(uintptr_t)fd, info.st_size};
    return SLU_OK;
}
