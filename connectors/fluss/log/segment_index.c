#include "fluss/log/segment_index.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/sizes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX_BLOCK_ENTRIES ((size_t)1024) /* that are read at once where all are looked at */

static uint32_t
get_u32be(const uint8_t *raw)
{
    return (uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 | raw[3];
}

static void
index_decode(size_t entry_bytes, const uint8_t *raw, fluss_index_entry *out)
{
    if (entry_bytes == FLUSS_TIME_ENTRY_BYTES) {
        out->time_ms = (int64_t)((uint64_t)get_u32be(raw) << 32 | get_u32be(raw + 4));
        out->offset = (int32_t)get_u32be(raw + 8);
    } else {
        out->offset = (int32_t)get_u32be(raw);
        out->position = (int32_t)get_u32be(raw + 4);
    }
}

static void
index_encode(const fluss_index_file *file, const fluss_index_entry *entry, slu_buf *out)
{
    if (file->entry_bytes == FLUSS_TIME_ENTRY_BYTES)
        slu_buf_u64be(out, (uint64_t)entry->time_ms);
    slu_buf_u32be(out, (uint32_t)entry->offset);
    if (file->entry_bytes == FLUSS_INDEX_ENTRY_BYTES)
        slu_buf_u32be(out, (uint32_t)entry->position);
}

slu_status
fluss_index_open(const char *path, size_t entry_bytes, bool foreign, fluss_index_file **out, slu_error *err)
{
    struct stat info = {0};
    fluss_index_file *file = slu_alloc_zero(1, sizeof *file);
    if (file == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an index");
    file->entry_bytes = entry_bytes;
    file->fd = open(path, (foreign ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0644);
    slu_status status = SLU_OK;
    if (file->fd < 0 && !(foreign && errno == ENOENT))
        status = slu_errno_set(err, errno, "open", path);
    else if (file->fd >= 0 && fstat(file->fd, &info) != 0)
        status = slu_errno_set(err, errno, "stat", path);
    file->written = (size_t)info.st_size / entry_bytes;
    if (status != SLU_OK)
        fluss_index_close(&file);
    *out = file;
    return status;
}

void
fluss_index_close(fluss_index_file **file)
{
    slu_error ignored; /* an index that lacks its last entries is put right by the next recovery */
    if (*file == NULL)
        return;
    if ((*file)->pending != 0 && fluss_index_flush(*file, &ignored) != SLU_OK)
        (*file)->pending = 0;
    if ((*file)->fd >= 0)
        (void)close((*file)->fd);
    slu_free(*file);
    *file = NULL;
}

size_t
fluss_index_count(const fluss_index_file *file)
{
    return file->written + file->pending;
}

slu_status
fluss_index_flush(fluss_index_file *file, slu_error *err)
{
    slu_buf bytes;
    slu_buf_init(&bytes, FLUSS_INDEX_PENDING * FLUSS_TIME_ENTRY_BYTES);
    for (size_t i = 0; i < file->pending; i++)
        index_encode(file, &file->entries[i], &bytes);
    slu_status status = slu_buf_status(&bytes, err);
    const ssize_t n = status == SLU_OK ? pwrite(file->fd, bytes.data, bytes.bytes, (off_t)(file->written * file->entry_bytes)) : 0;
    if (status == SLU_OK && n != (ssize_t)bytes.bytes)
        status = slu_errno_set(err, n < 0 ? errno : ENOSPC, "write", "index");
    slu_buf_fini(&bytes);
    if (status == SLU_OK) {
        file->written += file->pending;
        file->pending = 0;
    }
    return status;
}

slu_status
fluss_index_add(fluss_index_file *file, const fluss_index_entry *entry, slu_error *err)
{
    if (file->pending == FLUSS_INDEX_PENDING)
        SLU_TRY(fluss_index_flush(file, err));
    file->entries[file->pending++] = *entry;
    return SLU_OK;
}

/* Entries that are in the file; `out` has room for count of them. */
static slu_status
index_read(const fluss_index_file *file, size_t at, size_t count, uint8_t *out, slu_error *err)
{
    const size_t bytes = count * file->entry_bytes;
    const ssize_t n = pread(file->fd, out, bytes, (off_t)(at * file->entry_bytes));
    return n == (ssize_t)bytes ? SLU_OK : slu_errno_set(err, n < 0 ? errno : EIO, "read", "index");
}

slu_status
fluss_index_entry_at(const fluss_index_file *file, size_t at, fluss_index_entry *out, slu_error *err)
{
    uint8_t raw[FLUSS_TIME_ENTRY_BYTES];
    if (at >= file->written) {
        *out = file->entries[at - file->written];
        return SLU_OK;
    }
    SLU_TRY(index_read(file, at, 1, raw, err));
    index_decode(file->entry_bytes, raw, out);
    return SLU_OK;
}

static bool
entry_follows(const fluss_index_file *file, const fluss_index_entry *before, const fluss_index_entry *entry, int64_t rows,
              uint64_t log_bytes)
{
    if (entry->offset < before->offset || entry->time_ms < before->time_ms || (rows != 0 && entry->offset >= rows))
        return false;
    return file->entry_bytes == FLUSS_TIME_ENTRY_BYTES || (entry->offset > before->offset && entry->position > before->position &&
                                                           (rows == 0 || (uint64_t)entry->position < log_bytes));
}

slu_status
fluss_index_check(const fluss_index_file *file, int64_t rows, uint64_t log_bytes, bool *out_good, slu_error *err)
{
    uint8_t block[INDEX_BLOCK_ENTRIES * FLUSS_TIME_ENTRY_BYTES];
    fluss_index_entry before = {-1, -1, INT64_MIN};
    *out_good = true;
    for (size_t at = 0; at < file->written && *out_good; at += INDEX_BLOCK_ENTRIES) {
        const size_t count = SLU_MIN(file->written - at, INDEX_BLOCK_ENTRIES);
        SLU_TRY(index_read(file, at, count, block, err));
        for (size_t i = 0; i < count && *out_good; i++) {
            fluss_index_entry entry = {0};
            index_decode(file->entry_bytes, block + i * file->entry_bytes, &entry);
            *out_good = entry_follows(file, &before, &entry, rows, log_bytes);
            before = entry;
        }
    }
    return SLU_OK;
}

slu_status
fluss_index_search(const fluss_index_file *file, int64_t key, bool by_time, bool or_equal, size_t *out, slu_error *err)
{
    size_t low = 0;
    size_t high = file->written + file->pending;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        fluss_index_entry entry;
        SLU_TRY(fluss_index_entry_at(file, middle, &entry, err));
        const int64_t at = by_time ? entry.time_ms : entry.offset;
        if (at < key || (or_equal && at == key))
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return SLU_OK;
}

slu_status
fluss_index_cut(fluss_index_file *file, int64_t offset_end, slu_error *err)
{
    size_t keep = 0;
    file->pending = 0;
    SLU_TRY(fluss_index_search(file, offset_end, false, false, &keep, err));
    if (ftruncate(file->fd, (off_t)(keep * file->entry_bytes)) != 0)
        return slu_errno_set(err, errno, "truncate", "index");
    file->written = keep;
    return SLU_OK;
}

slu_status
fluss_index_clear(fluss_index_file *file, bool foreign, slu_error *err)
{
    file->written = file->pending = 0;
    return foreign || ftruncate(file->fd, 0) == 0 ? SLU_OK : slu_errno_set(err, errno, "truncate", "index");
}
