#include "iceberg/store_maker.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_DEPTH_MAX 32

typedef struct local_store {
    bool sync;
    char *from; /* NULL: nothing is moved */
    char *to;
} local_store;

typedef struct local_file {
    int fd;
    char path[SLU_PATH_BYTES_MAX];
} local_file;

void
iceberg_store_close(iceberg_store *store)
{
    if (store->ops != NULL)
        store->ops->close(store->self);
    memset(store, 0, sizeof *store);
}

void
iceberg_store_maker_close(iceberg_store_maker *maker)
{
    if (maker->close != NULL)
        maker->close(maker->self);
    memset(maker, 0, sizeof *maker);
}

/* "file:///x" and "file:/x" to "/x". */
static const char *
location_path(const char *location)
{
    if (strncmp(location, "file:", 5) != 0)
        return location;
    location += 5;
    while (location[0] == '/' && location[1] == '/')
        location++;
    return location;
}

static slu_status
local_path(const local_store *store, const char *location, char out[SLU_PATH_BYTES_MAX], slu_error *err)
{
    const char *path = location_path(location);
    const size_t from_bytes = store->from == NULL ? 0 : strlen(store->from);
    if (path[0] != '/')
        return slu_error_set(err, SLU_UNSUPPORTED, "%s: not a local path", location);
    const bool moved = from_bytes != 0 && strncmp(path, store->from, from_bytes) == 0;
    const int bytes = snprintf(out, SLU_PATH_BYTES_MAX, "%s%s", moved ? store->to : "", moved ? path + from_bytes : path);
    if (bytes < 0 || bytes >= SLU_PATH_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "%s: the path is too long", location);
    return SLU_OK;
}

static slu_status
parent_make(const char *path, slu_error *err)
{
    char parent[SLU_PATH_BYTES_MAX];
    (void)snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL || slash == parent)
        return SLU_OK;
    *slash = 0;
    return slu_dir_make(parent, err);
}

static slu_status
local_get(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(local_path(self, location, path, err));
    return slu_file_read(path, bytes_max, out, err);
}

static slu_status
read_all(int fd, const char *path, int64_t offset, uint8_t *out, size_t bytes, slu_error *err)
{
    while (bytes > 0) {
        const ssize_t got = pread(fd, out, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slu_errno_set(err, errno, "read", path);
        if (got == 0)
            return slu_error_set(err, SLU_CORRUPT, "read %s: the file ends before byte %lld", path,
                                 (long long)offset + (long long)bytes);
        out += got;
        offset += got;
        bytes -= (size_t)got;
    }
    return SLU_OK;
}

static slu_status
local_read(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(local_path(self, location, path, err));
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", path);
    const slu_status status = read_all(fd, path, offset, out, bytes, err);
    (void)close(fd);
    return status;
}

static slu_status
local_size(void *self, const char *location, int64_t *out, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    struct stat info;
    SLU_TRY(local_path(self, location, path, err));
    if (stat(path, &info) != 0)
        return slu_errno_set(err, errno, "stat", path);
    *out = (int64_t)info.st_size;
    return SLU_OK;
}

static slu_status
local_put(void *self, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    const local_store *store = self;
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(local_path(self, location, path, err));
    SLU_TRY(parent_make(path, err));
    return exclusive ? slu_file_create(path, data, store->sync, err) : slu_file_write(path, data, store->sync, err);
}

static slu_status
local_remove(void *self, const char *location, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(local_path(self, location, path, err));
    return slu_file_remove(path, err);
}

typedef struct list_walk {
    iceberg_found found;
    void *to;
    slu_error *err;
} list_walk;

static slu_status list_folder(const list_walk *walk, const char *path, const char *location, unsigned depth);

static slu_status
list_entry(const list_walk *walk, const char *path, const char *location, const char *name, unsigned depth)
{
    char child_path[SLU_PATH_BYTES_MAX];
    char child_location[SLU_PATH_BYTES_MAX];
    struct stat info;
    const int a = snprintf(child_path, sizeof child_path, "%s/%s", path, name);
    const int b = snprintf(child_location, sizeof child_location, "%s/%s", location, name);
    if (a < 0 || b < 0 || (size_t)a >= sizeof child_path || (size_t)b >= sizeof child_location)
        return slu_error_set(walk->err, SLU_LIMIT, "%s: a path is too long", path);
    if (lstat(child_path, &info) != 0)
        return errno == ENOENT ? SLU_OK : slu_errno_set(walk->err, errno, "stat", child_path);
    if (S_ISDIR(info.st_mode))
        return list_folder(walk, child_path, child_location, depth + 1);
    const iceberg_listed listed = {child_location, (int64_t)info.st_size,
                                   (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000};
    return S_ISREG(info.st_mode) ? walk->found(walk->to, &listed, walk->err) : SLU_OK;
}

static slu_status
list_folder(const list_walk *walk, const char *path, const char *location, unsigned depth)
{
    slu_status status = SLU_OK;
    if (depth > LIST_DEPTH_MAX)
        return slu_error_set(walk->err, SLU_LIMIT, "%s: folders nested deeper than %d", path, LIST_DEPTH_MAX);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return errno == ENOENT ? SLU_OK : slu_errno_set(walk->err, errno, "open", path);
    for (struct dirent *entry = readdir(folder); entry != NULL && status == SLU_OK; entry = readdir(folder))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = list_entry(walk, path, location, entry->d_name, depth);
    (void)closedir(folder);
    return status;
}

static slu_status
local_list(void *self, const char *location, iceberg_found found, void *to, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    const list_walk walk = {found, to, err};
    SLU_TRY(local_path(self, location, path, err));
    return list_folder(&walk, path, location, 0);
}

static void
file_free(local_file **file)
{
    slu_free(*file);
    *file = NULL;
}

static slu_status
local_create(void *self, const char *location, void **out_file, slu_error *err)
{
    SLU_AUTO(file_free) local_file *file = slu_alloc_zero(1, sizeof *file);
    if (file == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to create %s", location);
    SLU_TRY(local_path(self, location, file->path, err));
    SLU_TRY(parent_make(file->path, err));
    file->fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file->fd < 0 && errno == EEXIST)
        return slu_error_set(err, SLU_CONFLICT, "create %s: it exists", file->path);
    if (file->fd < 0)
        return slu_errno_set(err, errno, "create", file->path);
    *out_file = slu_take(&file);
    return SLU_OK;
}

static slu_status
local_append(void *self, void *file, const void *data, size_t bytes, slu_error *err)
{
    local_file *at = file;
    SLU_TRY_IN(slu_fd_write_all(at->fd, data, bytes, err), err, "write %s", at->path);
    return SLU_OK;
}

static slu_status
local_finish(void *self, void **file, bool keep, slu_error *err)
{
    const local_store *store = self;
    local_file *at = slu_take(file);
    slu_status status = SLU_OK;
    if (keep && store->sync && fsync(at->fd) != 0)
        status = slu_errno_set(err, errno, "fsync", at->path);
    if (close(at->fd) != 0 && keep && status == SLU_OK)
        status = slu_errno_set(err, errno, "close", at->path);
    if (!keep)
        (void)unlink(at->path);
    slu_free(at);
    return status;
}

static void
local_close(void *self)
{
    local_store *store = self;
    slu_free(store->from);
    slu_free(store->to);
    slu_free(store);
}

static const iceberg_store_ops LOCAL = {
    .get = local_get,
    .read = local_read,
    .size = local_size,
    .put = local_put,
    .remove = local_remove,
    .list = local_list,
    .create = local_create,
    .append = local_append,
    .finish = local_finish,
    .close = local_close,
};

slu_status
iceberg_store_local_open_at(const char *from, const char *to, bool sync, iceberg_store *out, slu_error *err)
{
    local_store *store = slu_alloc_zero(1, sizeof *store);
    if (store != NULL && from != NULL) {
        store->from = slu_strdup(location_path(from));
        store->to = slu_strdup(location_path(to));
    }
    if (store == NULL || (from != NULL && (store->from == NULL || store->to == NULL))) {
        if (store != NULL)
            local_close(store);
        return slu_error_set(err, SLU_NOMEM, "no memory for a store");
    }
    store->sync = sync;
    out->ops = &LOCAL;
    out->self = store;
    return SLU_OK;
}

slu_status
iceberg_store_local_open(bool sync, iceberg_store *out, slu_error *err)
{
    return iceberg_store_local_open_at(NULL, NULL, sync, out, err);
}
