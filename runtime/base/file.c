#include "file.h"

#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_PIECE_BYTES ((size_t)8 << 20)

slu_status
slu_errno_set(slu_error *err, int number, const char *what, const char *path)
{
    const slu_status status = number == ENOENT ? SLU_NOTFOUND : number == ENOMEM ? SLU_NOMEM : SLU_IO;
    char text[128];
    (void)slu_error_set(err, status, "%s %s: %s", what, path, strerror_r(number, text, sizeof text));
    if (err != NULL)
        err->code = number;
    return status;
}

slu_status
slu_file_read(const char *path, size_t bytes_max, slu_buf *out, slu_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", path);
    slu_status status = SLU_OK;
    size_t total = 0;
    for (;;) {
        struct stat info;
        size_t chunk = 64 << 10;
        if (total == 0 && fstat(fd, &info) == 0 && info.st_size > 0 && (uint64_t)info.st_size < bytes_max)
            chunk = (size_t)info.st_size + 1;
        /* A buffer that is full to its maximum may still be whole: one byte beside it tells. */
        uint8_t beyond;
        const size_t room = out->bytes_max - out->bytes;
        if (chunk > room)
            chunk = room;
        if (!slu_buf_reserve(out, chunk)) {
            status = slu_buf_status(out, err);
            break;
        }
        const ssize_t got = chunk == 0 ? read(fd, &beyond, 1) : read(fd, out->data + out->bytes, chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            status = slu_errno_set(err, errno, "read", path);
            break;
        }
        if (got == 0)
            break;
        if (chunk == 0) {
            status = slu_error_set(err, SLU_LIMIT, "read %s: more than %zu bytes", path, out->bytes_max);
            break;
        }
        out->bytes += (size_t)got;
        total += (size_t)got;
        if (total > bytes_max) {
            status = slu_error_set(err, SLU_LIMIT, "read %s: more than %zu bytes", path, bytes_max);
            break;
        }
    }
    (void)close(fd);
    return status;
}

slu_status
slu_fd_write_all(int fd, const void *data, size_t bytes, slu_error *err)
{
    const uint8_t *at = data;
    while (bytes > 0) {
        const ssize_t written = write(fd, at, bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return slu_errno_set(err, errno, "write", "file");
        at += written;
        bytes -= (size_t)written;
    }
    return SLU_OK;
}

/* All of it is in memory when it returns: a page fault for each page of a large file would take longer than reading them. */
static slu_status
fd_map(int fd, const char *path, size_t bytes_max, slu_view *out, slu_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return slu_errno_set(err, errno, "stat", path);
    if ((uint64_t)info.st_size > bytes_max)
        return slu_error_set(err, SLU_LIMIT, "%s has %lld bytes, more than %zu", path, (long long)info.st_size, bytes_max);
    *out = slu_view_of(NULL, 0);
    if (info.st_size == 0)
        return SLU_OK;
    void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED)
        return slu_errno_set(err, errno, "map", path);
    *out = slu_view_of(data, (size_t)info.st_size);
    return SLU_OK;
}

slu_status
slu_file_map(const char *path, size_t bytes_max, slu_view *out, slu_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", path);
    const slu_status status = fd_map(fd, path, bytes_max, out, err);
    (void)close(fd);
    return status;
}

void
slu_file_unmap(slu_view *mapped)
{
    if (mapped->bytes != 0)
        (void)munmap((void *)(uintptr_t)mapped->data, mapped->bytes);
    *mapped = slu_view_of(NULL, 0);
}

/* The disk is at work on each piece while the next is copied: what fsync waits for afterwards is less. */
static slu_status
write_pieces(int fd, slu_view data, bool sync, slu_error *err)
{
    for (size_t at = 0; at < data.bytes; at += WRITE_PIECE_BYTES) {
        const size_t bytes = data.bytes - at < WRITE_PIECE_BYTES ? data.bytes - at : WRITE_PIECE_BYTES;
        SLU_TRY(slu_fd_write_all(fd, data.data + at, bytes, err));
        if (sync && bytes == WRITE_PIECE_BYTES)
            (void)sync_file_range(fd, (off_t)at, (off_t)bytes, SYNC_FILE_RANGE_WRITE);
    }
    return SLU_OK;
}

static slu_status
temp_write(const char *path, slu_view data, bool sync, char *temp, size_t temp_bytes, slu_error *err)
{
    static _Atomic uint32_t serial;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    /* A hidden name: whoever lists the folder for files like the one being written does not take a left-over for one. */
    if ((size_t)snprintf(temp, temp_bytes, "%.*s.%s.%d-%u.tmp", (int)(name - path), path, name, (int)getpid(),
                         atomic_fetch_add(&serial, 1)) >= temp_bytes)
        return slu_error_set(err, SLU_LIMIT, "path %s is too long", path);
    const int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return slu_errno_set(err, errno, "create", temp);
    slu_status status = write_pieces(fd, data, sync, err);
    if (status != SLU_OK)
        (void)slu_error_in(err, status, "%s", path);
    else if (sync && fsync(fd) != 0)
        status = slu_errno_set(err, errno, "fsync", temp);
    if (close(fd) != 0 && status == SLU_OK)
        status = slu_errno_set(err, errno, "close", temp);
    if (status != SLU_OK)
        (void)unlink(temp);
    return status;
}

slu_status
slu_dir_sync(const char *path, slu_error *err)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", path);
    const int failed = fsync(fd) != 0 ? errno : 0;
    (void)close(fd);
    return failed != 0 ? slu_errno_set(err, failed, "fsync", path) : SLU_OK;
}

static slu_status
parent_sync(const char *path, slu_error *err)
{
    char parent[SLU_PATH_BYTES_MAX];
    (void)snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == parent)
        slash[1] = 0;
    else if (slash != NULL)
        *slash = 0;
    return slu_dir_sync(slash == NULL ? "." : parent, err);
}

slu_status
slu_file_write(const char *path, slu_view data, bool sync, slu_error *err)
{
    char temp[SLU_PATH_BYTES_MAX];
    SLU_TRY(temp_write(path, data, sync, temp, sizeof temp, err));
    if (rename(temp, path) != 0) {
        const int number = errno;
        (void)unlink(temp);
        return slu_errno_set(err, number, "rename to", path);
    }
    return sync ? parent_sync(path, err) : SLU_OK;
}

slu_status
slu_file_create(const char *path, slu_view data, bool sync, slu_error *err)
{
    char temp[SLU_PATH_BYTES_MAX];
    SLU_TRY(temp_write(path, data, sync, temp, sizeof temp, err));
    const int number = link(temp, path) != 0 ? errno : 0;
    (void)unlink(temp);
    if (number == EEXIST)
        return slu_error_set(err, SLU_CONFLICT, "%s exists already", path);
    if (number != 0)
        return slu_errno_set(err, number, "link", path);
    return sync ? parent_sync(path, err) : SLU_OK;
}

slu_status
slu_file_remove(const char *path, slu_error *err)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return slu_errno_set(err, errno, "unlink", path);
    return SLU_OK;
}

static slu_status
dir_make(const char *path, bool sync, slu_error *err)
{
    char partial[SLU_PATH_BYTES_MAX];
    if ((size_t)snprintf(partial, sizeof partial, "%s", path) >= sizeof partial)
        return slu_error_set(err, SLU_LIMIT, "path of %zu bytes is too long", strlen(path));
    for (char *at = partial + 1; *partial != 0; at++) {
        const char kept = *at;
        if (kept != '/' && kept != 0)
            continue;
        *at = 0;
        const bool made = mkdir(partial, 0755) == 0;
        if (!made && errno != EEXIST)
            return slu_errno_set(err, errno, "mkdir", partial);
        if (made && sync)
            SLU_TRY(parent_sync(partial, err));
        *at = kept;
        if (kept == 0)
            break;
    }
    struct stat info;
    if (stat(path, &info) != 0)
        return slu_errno_set(err, errno, "mkdir", path);
    return S_ISDIR(info.st_mode) ? SLU_OK : slu_errno_set(err, ENOTDIR, "mkdir", path);
}

slu_status
slu_dir_make(const char *path, slu_error *err)
{
    return dir_make(path, false, err);
}

slu_status
slu_dir_make_sync(const char *path, slu_error *err)
{
    return dir_make(path, true, err);
}

static int
remove_visit(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path) != 0 && errno != ENOENT ? -1 : 0;
}

slu_status
slu_dir_remove(const char *path, slu_error *err)
{
    if (nftw(path, remove_visit, 32, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        return slu_errno_set(err, errno, "remove", path);
    return SLU_OK;
}

bool
slu_path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

slu_status
slu_path_local(const char *given, const char **out, slu_error *err)
{
    const char *path = strncmp(given, "file:", 5) == 0 ? given + 5 : given;
    if (path != given && strncmp(path, "///", 3) == 0)
        path += 2;
    if (strstr(path, "://") != NULL || (path != given && (path[0] != '/' || path[1] == '/')))
        return slu_error_set(err, SLU_UNSUPPORTED, "%.200s: only directories of this machine are served here (/path, file:///path)",
                             given);
    *out = path;
    return SLU_OK;
}
