#include "fluss/s3/fluss_s3.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/sizes.h"
#include "s3/s3.h"

#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUCKET_BYTES 64

/* ---- settings ---- */

static const struct {
    const char *name;
    const char *also;
} spellings[] = {{"region", "endpoint.region"},
                 {"access-key", "access.key"},
                 {"secret-key", "secret.key"},
                 {"path-style-access", "path.style.access"}};

static const char *
setting_spelt(const fluss_store_settings *settings, const char *name)
{
    static const char *const prefixes[] = {"s3", "s3a", "fs.s3a"};
    char key[96];
    for (size_t i = 0; i < SLU_COUNT_OF(prefixes); i++) {
        (void)snprintf(key, sizeof key, "%s.%s", prefixes[i], name);
        const char *value = settings->get(settings->of, key);
        if (value != NULL && value[0] != 0)
            return value;
    }
    return NULL;
}

const char *
fluss_s3_setting(const fluss_store_settings *settings, const char *name)
{
    const char *value = settings->get == NULL ? NULL : setting_spelt(settings, name);
    for (size_t i = 0; settings->get != NULL && value == NULL && i < SLU_COUNT_OF(spellings); i++)
        if (strcmp(spellings[i].name, name) == 0)
            value = setting_spelt(settings, spellings[i].also);
    return value;
}

static slu_status
settings_read(const fluss_store_settings *settings, s3_options *out, slu_error *err)
{
    const char *style = fluss_s3_setting(settings, "path-style-access");
    out->endpoint = fluss_s3_setting(settings, "endpoint");
    out->region = fluss_s3_setting(settings, "region");
    out->access_key = fluss_s3_setting(settings, "access-key");
    out->secret_key = fluss_s3_setting(settings, "secret-key");
    out->session_token = fluss_s3_setting(settings, "session-token");
    out->ca_file = fluss_s3_setting(settings, "ca-file");
    if (style == NULL)
        return SLU_OK;
    if (strcasecmp(style, "true") != 0 && strcasecmp(style, "false") != 0)
        return slu_error_set(err, SLU_INVALID, "s3.path-style-access is \"%.40s\", which is neither true nor false", style);
    out->style = strcasecmp(style, "true") == 0 ? S3_STYLE_PATH : S3_STYLE_AUTO;
    return SLU_OK;
}

/* ---- the store ---- */

/* A file that does not change while it is sent; its pages are the kernel's. */
static slu_status
file_map(const char *path, slu_view *out, slu_error *err)
{
    struct stat info;
    void *mapped = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", path);
    slu_status status = fstat(fd, &info) == 0 ? SLU_OK : slu_errno_set(err, errno, "stat", path);
    if (status == SLU_OK && info.st_size > FLUSS_S3_FILE_BYTES_MAX)
        status = slu_error_set(err, SLU_LIMIT, "%s has %lld bytes: more than one object is given at once", path,
                               (long long)info.st_size);
    if (status == SLU_OK && info.st_size > 0)
        mapped = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        status = slu_errno_set(err, errno, "map", path);
    (void)close(fd);
    if (status == SLU_OK)
        *out = slu_view_of(mapped, (size_t)info.st_size);
    return status;
}

static slu_status
store_put_file(void *self, const char *location, const char *path, bool may_link, const atomic_bool *stop, slu_error *err)
{
    slu_view data = {0};
    (void)may_link;
    if (stop != NULL && atomic_load(stop))
        return slu_error_set(err, SLU_CLOSED, "%s is not sent: this process ends", path);
    SLU_TRY(file_map(path, &data, err));
    const slu_status status = s3_location_put(self, location, data, false, err);
    if (data.bytes != 0)
        (void)munmap((void *)(uintptr_t)data.data, data.bytes);
    return status;
}

static slu_status
store_put(void *self, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    return s3_location_put(self, location, data, exclusive, err);
}

static slu_status
store_get(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    return s3_location_get(self, location, bytes_max, out, err);
}

static slu_status
store_read(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    return s3_location_read(self, location, offset, out, bytes, err);
}

static slu_status
store_size(void *self, const char *location, int64_t *out, slu_error *err)
{
    return s3_location_size(self, location, out, err);
}

static slu_status
ranges_copy(void *self, const char *location, int fd, uint8_t *range, slu_error *err)
{
    int64_t bytes = 0;
    SLU_TRY(store_size(self, location, &bytes, err));
    for (int64_t at = 0; at < bytes;) {
        const size_t part = (size_t)SLU_MIN(bytes - at, (int64_t)FLUSS_S3_RANGE_BYTES);
        SLU_TRY(store_read(self, location, at, range, part, err));
        SLU_TRY(slu_fd_write_all(fd, range, part, err));
        at += (int64_t)part;
    }
    return SLU_OK;
}

static slu_status
store_get_file(void *self, const char *location, const char *path, slu_error *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return slu_errno_set(err, errno, "make", path);
    uint8_t *range = slu_alloc(FLUSS_S3_RANGE_BYTES);
    slu_status status = range == NULL ? slu_error_set(err, SLU_NOMEM, "no memory to fetch %s", location)
                                      : ranges_copy(self, location, fd, range, err);
    slu_free(range);
    if (close(fd) != 0 && status == SLU_OK)
        status = slu_errno_set(err, errno, "write", path);
    if (status != SLU_OK)
        (void)unlink(path);
    return status;
}

typedef struct listing {
    fluss_stored_found found;
    void *to;
} listing;

static slu_status
on_object(void *to, const s3_object *object, slu_error *err)
{
    const listing *l = to;
    const fluss_stored stored = {object->key, object->bytes};
    return l->found(l->to, &stored, err);
}

static slu_status
store_list(void *self, const char *location, fluss_stored_found found, void *to, slu_error *err)
{
    listing l = {found, to};
    return s3_location_list(self, location, on_object, &l, err);
}

static slu_status
remove_found(void *client, const s3_object *object, slu_error *err)
{
    return s3_location_remove(client, object->key, err);
}

/* The file of that name, and all below it; a whole bucket is refused by the first. */
static slu_status
store_remove(void *self, const char *location, slu_error *err)
{
    SLU_TRY(s3_location_remove(self, location, err));
    return s3_location_list(self, location, remove_found, self, err);
}

static void
store_close(void *self)
{
    s3_client_close(self);
}

static const fluss_store_ops s3_ops = {.put_file = store_put_file,
                                       .put = store_put,
                                       .get = store_get,
                                       .read = store_read,
                                       .get_file = store_get_file,
                                       .size = store_size,
                                       .list = store_list,
                                       .remove = store_remove,
                                       .close = store_close};

slu_status
fluss_s3_open(const char *location, const fluss_store_settings *settings, const slu_env *env, fluss_store *out, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    s3_options options = {0};
    s3_client *client = NULL;
    if (strncmp(location, "s3://", 5) != 0 && strncmp(location, "s3a://", 6) != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "'%.200s': remote files are in a directory, or in S3 (s3://bucket/path)",
                             location);
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    SLU_TRY(settings_read(settings, &options, err));
    SLU_TRY(s3_client_open(&options, env, &client, err));
    *out = (fluss_store){.ops = &s3_ops, .self = client};
    return SLU_OK;
}
