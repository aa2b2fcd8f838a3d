/* store_dir.c: a store in a directory of this machine, or one that is mounted. */
#include "fluss/remote/store.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/sizes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_DEPTH_MAX 16
#define DIR_PRUNE_MAX 4 /* kv/db/table/partition */

typedef struct dir_store {
    bool sync;
} dir_store;

/* The directory of a file, made. */
static slu_status
parent_make(const char *location, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    const char *slash = strrchr(location, '/');
    if (slash == NULL || (size_t)(slash - location) >= sizeof path)
        return slu_error_set(err, SLU_INVALID, "'%.200s' is no absolute path", location);
    (void)snprintf(path, sizeof path, "%.*s", (int)(slash - location), location);
    return path[0] == 0 || slu_path_exists(path) ? SLU_OK : slu_dir_make(path, err);
}

static slu_status
dir_put_file(void *self, const char *location, const char *path, bool may_link, const atomic_bool *stop, slu_error *err)
{
    const dir_store *store = self;
    int64_t bytes = 0;
    struct stat info;
    SLU_TRY(parent_make(location, err));
    if (may_link && link(path, location) == 0)
        return SLU_OK;
    if (may_link && (errno == ENOENT || errno == EEXIST))
        return slu_errno_set(err, errno, "copy to", location);
    if (stat(path, &info) != 0)
        return slu_errno_set(err, errno, "stat", path);
    SLU_TRY(slu_file_copy(path, location, stop, store->sync, &bytes, err));
    return bytes == info.st_size
               ? SLU_OK
               : slu_error_set(err, SLU_IO, "copy of %s: %lld bytes of %lld", path, (long long)bytes, (long long)info.st_size);
}

static slu_status
dir_put(void *self, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    const dir_store *store = self;
    SLU_TRY(parent_make(location, err));
    return exclusive ? slu_file_create(location, data, store->sync, err) : slu_file_write(location, data, store->sync, err);
}

static slu_status
dir_get(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    (void)self;
    return slu_file_read(location, bytes_max, out, err);
}

static slu_status
dir_read(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    (void)self;
    slu_status status = SLU_OK;
    const int fd = open(location, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", location);
    for (size_t done = 0; status == SLU_OK && done < bytes;) {
        const ssize_t n = pread(fd, (char *)out + done, bytes - done, (off_t)(offset + (int64_t)done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            status = slu_error_set(err, SLU_CORRUPT, "%s ends before %lld", location, (long long)(offset + (int64_t)bytes));
        else if (errno != EINTR)
            status = slu_errno_set(err, errno, "read", location);
    }
    (void)close(fd);
    return status;
}

static slu_status
dir_get_file(void *self, const char *location, const char *path, slu_error *err)
{
    int64_t bytes = 0;
    (void)self;
    const slu_status status = slu_file_copy(location, path, NULL, false, &bytes, err);
    if (status != SLU_OK && status != SLU_NOTFOUND)
        (void)!slu_file_remove(path, NULL);
    return status;
}

static slu_status
dir_size(void *self, const char *location, int64_t *out, slu_error *err)
{
    struct stat info;
    (void)self;
    if (stat(location, &info) != 0)
        return slu_errno_set(err, errno, "stat", location);
    *out = info.st_size;
    return SLU_OK;
}

typedef struct dir_walk {
    fluss_stored_found found;
    void *to;
    char path[SLU_PATH_BYTES_MAX]; /* of what is looked at */
} dir_walk;

static slu_status walk_dir(dir_walk *walk, int depth, slu_error *err);

static slu_status
walk_entry(dir_walk *walk, int depth, slu_error *err)
{
    struct stat info;
    if (lstat(walk->path, &info) != 0)
        return errno == ENOENT ? SLU_OK : slu_errno_set(err, errno, "stat", walk->path);
    if (S_ISDIR(info.st_mode))
        return depth < DIR_DEPTH_MAX ? walk_dir(walk, depth + 1, err) : SLU_OK; /* not ours */
    const fluss_stored stored = {walk->path, info.st_size};
    return walk->found(walk->to, &stored, err);
}

/* One in which nothing lies is a file without bytes whose name ends in a slash, as it would be in S3. */
static slu_status
walk_empty(dir_walk *walk, size_t bytes, slu_error *err)
{
    const fluss_stored stored = {walk->path, 0};
    if (bytes + 2 > sizeof walk->path)
        return SLU_OK;
    memcpy(walk->path + bytes, "/", 2);
    const slu_status status = walk->found(walk->to, &stored, err);
    walk->path[bytes] = 0;
    return status;
}

static slu_status
walk_dir(dir_walk *walk, int depth, slu_error *err)
{
    slu_status status = SLU_OK;
    bool empty = true;
    const size_t bytes = strlen(walk->path);
    DIR *dir = opendir(walk->path);
    if (dir == NULL)
        return errno == ENOENT || errno == ENOTDIR ? SLU_OK : slu_errno_set(err, errno, "open", walk->path);
    for (struct dirent *at = NULL; status == SLU_OK && (at = readdir(dir)) != NULL;) {
        if (strcmp(at->d_name, ".") == 0 || strcmp(at->d_name, "..") == 0)
            continue;
        empty = false;
        if (bytes + strlen(at->d_name) + 2 > sizeof walk->path)
            status = slu_error_set(err, SLU_LIMIT, "the path %s is too long", walk->path);
        else
            (void)snprintf(walk->path + bytes, sizeof walk->path - bytes, "/%s", at->d_name);
        if (status == SLU_OK)
            status = walk_entry(walk, depth, err);
        walk->path[bytes] = 0;
    }
    (void)closedir(dir);
    return empty && depth != 0 ? walk_empty(walk, bytes, err) : status;
}

static slu_status
dir_list(void *self, const char *location, fluss_stored_found found, void *to, slu_error *err)
{
    dir_walk walk = {.found = found, .to = to};
    (void)self;
    if (strlen(location) >= sizeof walk.path)
        return slu_error_set(err, SLU_LIMIT, "the path %.200s... is too long", location);
    memcpy(walk.path, location, strlen(location) + 1);
    return walk_dir(&walk, 0, err);
}

/* There are no directories: one in which nothing is left goes with it. */
static slu_status
dir_remove(void *self, const char *location, slu_error *err)
{
    char parent[SLU_PATH_BYTES_MAX];
    (void)self;
    SLU_TRY(slu_dir_remove(location, err));
    (void)snprintf(parent, sizeof parent, "%s", location);
    for (int up = 0; up < DIR_PRUNE_MAX; up++) {
        char *slash = strrchr(parent, '/');
        if (slash == NULL || slash == parent)
            return SLU_OK;
        *slash = 0;
        if (rmdir(parent) != 0)
            return SLU_OK;
    }
    return SLU_OK;
}

static slu_status
dir_settle(void *self, const char *location, slu_error *err)
{
    const dir_store *store = self;
    return store->sync && slu_path_exists(location) ? slu_dir_sync(location, err) : SLU_OK;
}

static void
dir_close(void *self)
{
    slu_free(self);
}

static const fluss_store_ops dir_ops = {.put_file = dir_put_file,
                                        .put = dir_put,
                                        .get = dir_get,
                                        .read = dir_read,
                                        .get_file = dir_get_file,
                                        .size = dir_size,
                                        .list = dir_list,
                                        .remove = dir_remove,
                                        .settle = dir_settle,
                                        .close = dir_close};

slu_status
fluss_store_dir_open(bool sync, fluss_store *out, slu_error *err)
{
    dir_store *store = slu_alloc_zero(1, sizeof *store);
    if (store == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a store");
    store->sync = sync;
    *out = (fluss_store){.ops = &dir_ops, .self = store, .local = true};
    return SLU_OK;
}

void
fluss_store_close(fluss_store *store)
{
    if (store->ops != NULL)
        store->ops->close(store->self);
    *store = (fluss_store){0};
}

bool
fluss_store_is_foreign(const char *location)
{
    return strstr(location, "://") != NULL && strncmp(location, "file:", 5) != 0;
}

const char *
fluss_store_below(const char *dir, const char *location)
{
    const size_t bytes = strlen(dir);
    return strncmp(location, dir, bytes) == 0 && location[bytes] == '/' ? location + bytes + 1 : NULL;
}
