/* place.c: a path of this machine goes to base/file, a name of a store to the instance that is lent for the call. */
#include "store/place.h"

#include "store/remote.h"

#include "base/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The bytes before "://"; 0: there is no scheme. */
static size_t
scheme_bytes(const char *place)
{
    size_t bytes = 0;
    while (isalnum((unsigned char)place[bytes]) || place[bytes] == '+' || place[bytes] == '-' || place[bytes] == '.')
        bytes++;
    return strncmp(place + bytes, "://", 3) == 0 ? bytes : 0;
}

bool
slu_place_is_local(const char *place)
{
    return scheme_bytes(place) == 0 || strncmp(place, "file:", 5) == 0;
}

slu_status
slu_place_of(const char *given, const char **out, slu_error *err)
{
    const size_t bytes = scheme_bytes(given);
    if (bytes == 0 || strncmp(given, "file:", 5) == 0)
        return slu_path_local(given, out, err);
    if (bytes >= SLU_SCHEME_BYTES_MAX || given[bytes + 3] == 0 || given[bytes + 3] == '/')
        return slu_error_set(err, SLU_INVALID, "%.200s: a place in a store is SCHEME://NAME/path", given);
    *out = given;
    return SLU_OK;
}

slu_status
slu_place_check(const slu_stores *stores, const char *place, slu_error *err)
{
    slu_store store;
    if (slu_place_is_local(place))
        return SLU_OK;
    SLU_TRY(slu_remote_take(stores, place, &store, err));
    stores->give(stores->context, &store);
    return SLU_OK;
}

slu_status
slu_place_join(char out[SLU_PATH_BYTES_MAX], const char *dir, const char *name, slu_error *err)
{
    return (size_t)snprintf(out, SLU_PATH_BYTES_MAX, "%s/%s", dir, name) < SLU_PATH_BYTES_MAX
               ? SLU_OK
               : slu_error_set(err, SLU_LIMIT, "the path %.100s... is too long", dir);
}

/* ---- Reading */

slu_status
slu_place_read(const slu_stores *stores, const char *place, size_t bytes_max, slu_buf *out, slu_error *err)
{
    if (slu_place_is_local(place))
        return slu_file_read(place, bytes_max, out, err);
    const size_t before = out->bytes;
    SLU_TRY(slu_remote_get(stores, place, 0, bytes_max + 1, out, err));
    return out->bytes - before <= bytes_max ? SLU_OK
                                            : slu_error_set(err, SLU_LIMIT, "%s has more than %zu bytes", place, bytes_max);
}

static slu_status
local_read_at(const char *path, uint64_t offset, size_t bytes, slu_buf *out, slu_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", path);
    uint8_t *to = slu_buf_extend(out, bytes);
    slu_status status = to == NULL ? slu_buf_status(out, err) : SLU_OK;
    for (size_t done = 0; status == SLU_OK && done < bytes;) {
        const ssize_t got = pread(fd, to + done, bytes - done, (off_t)(offset + done));
        if (got == 0)
            status = slu_error_set(err, SLU_CORRUPT, "%s ends before byte %llu", path, (unsigned long long)(offset + bytes));
        else if (got < 0 && errno != EINTR)
            status = slu_errno_set(err, errno, "read", path);
        done += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    return status;
}

slu_status
slu_place_read_at(const slu_stores *stores, const char *place, uint64_t offset, size_t bytes, slu_buf *out, slu_error *err)
{
    if (slu_place_is_local(place))
        return local_read_at(place, offset, bytes, out, err);
    const size_t before = out->bytes;
    SLU_TRY(slu_remote_get(stores, place, offset, bytes, out, err));
    return out->bytes - before == bytes
               ? SLU_OK
               : slu_error_set(err, SLU_CORRUPT, "%s ends before byte %llu", place, (unsigned long long)(offset + bytes));
}

slu_status
slu_place_exists(const slu_stores *stores, const char *place, bool *out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf first = {0};
    slu_error why = {0};
    slu_buf_init(&first, 1);
    const slu_status status = !slu_place_is_local(place) ? slu_remote_get(stores, place, 0, 1, &first, &why)
                              : slu_path_exists(place)   ? SLU_OK
                                                         : SLU_NOTFOUND;
    if (status != SLU_OK && status != SLU_NOTFOUND) {
        if (err != NULL)
            *err = why;
        return status;
    }
    *out = status == SLU_OK;
    return SLU_OK;
}

static slu_status
child_seen(void *to, const char *name, slu_error *err)
{
    bool *seen = to;
    *seen = true;
    return SLU_OK;
}

slu_status
slu_place_is_used(const slu_stores *stores, const char *dir, bool *out, slu_error *err)
{
    if (slu_place_is_local(dir))
        return slu_place_exists(stores, dir, out, err);
    *out = false;
    return slu_remote_children(stores, dir, child_seen, out, err);
}

/* ---- Writing */

slu_status
slu_place_write(const slu_stores *stores, const char *place, slu_view data, slu_error *err)
{
    return slu_place_is_local(place) ? slu_file_write(place, data, true, err) : slu_remote_put(stores, place, data, false, err);
}

slu_status
slu_place_create(const slu_stores *stores, const char *place, slu_view data, bool sync, slu_error *err)
{
    return slu_place_is_local(place) ? slu_file_create(place, data, sync, err) : slu_remote_put(stores, place, data, true, err);
}

/* At least one of them is in a store. */
static slu_status
copy_through(const slu_stores *stores, const char *from, const char *to, const atomic_bool *stop, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    slu_buf_init(&bytes, SLU_PLACE_COPY_BYTES_MAX);
    SLU_TRY(slu_place_read(stores, from, SLU_PLACE_COPY_BYTES_MAX, &bytes, err));
    if (stop != NULL && atomic_load(stop))
        return slu_error_set(err, SLU_CLOSED, "%s is not copied: this process ends", from);
    return slu_place_write(stores, to, slu_buf_view(&bytes), err);
}

slu_status
slu_place_copy(const slu_stores *stores, const char *from, const char *to, const atomic_bool *stop, slu_error *err)
{
    int64_t bytes = 0;
    if (!slu_place_is_local(from) || !slu_place_is_local(to))
        return copy_through(stores, from, to, stop, err);
    return link(from, to) == 0 ? SLU_OK : slu_file_copy(from, to, stop, true, &bytes, err);
}

slu_status
slu_place_remove(const slu_stores *stores, const char *place, slu_error *err)
{
    return slu_place_is_local(place) ? slu_file_remove(place, err) : slu_remote_remove(stores, place, err);
}

/* ---- Directories */

slu_status
slu_place_make_dir(const slu_stores *stores, const char *dir, slu_error *err)
{
    return slu_place_is_local(dir) ? slu_dir_make_sync(dir, err) : slu_place_check(stores, dir, err);
}

slu_status
slu_place_sync_dir(const slu_stores *stores, const char *dir, slu_error *err)
{
    return slu_place_is_local(dir) ? slu_dir_sync(dir, err) : SLU_OK;
}

slu_status
slu_place_remove_dir(const slu_stores *stores, const char *dir, slu_error *err)
{
    return slu_place_is_local(dir) ? slu_dir_remove(dir, err) : slu_remote_remove_below(stores, dir, err);
}

static slu_status
local_children(const char *path, slu_place_found found, void *to, slu_error *err)
{
    slu_status status = SLU_OK;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT || errno == ENOTDIR ? SLU_OK : slu_errno_set(err, errno, "list", path);
    for (struct dirent *entry; status == SLU_OK && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = found(to, entry->d_name, err);
    (void)closedir(dir);
    return status;
}

slu_status
slu_place_children(const slu_stores *stores, const char *dir, slu_place_found found, void *to, slu_error *err)
{
    return slu_place_is_local(dir) ? local_children(dir, found, to, err) : slu_remote_children(stores, dir, found, to, err);
}
