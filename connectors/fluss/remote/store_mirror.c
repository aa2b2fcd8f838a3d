/* store_mirror.c: small files of a far store at hand: what the server's loop reads waits for no network. A file is here only while it is there:
 * it is put there first, and removed here first. */
#include "fluss/remote/store.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"

#include <unistd.h>

typedef struct mirror {
    fluss_store inner;
    char *root;
    char *dir;
} mirror;

/* The local path of a location; false: it has none. */
static bool
mirror_path(const mirror *m, const char *location, char out[SLU_PATH_BYTES_MAX])
{
    const char *below = fluss_store_below(m->root, location);
    return below != NULL && snprintf(out, SLU_PATH_BYTES_MAX, "%s/%s", m->dir, below) < SLU_PATH_BYTES_MAX;
}

/* What cannot be kept here is fetched when it is wanted. */
static void
mirror_keep(const mirror *m, const char *location, slu_view data)
{
    char path[SLU_PATH_BYTES_MAX];
    if (!mirror_path(m, location, path))
        return;
    char *slash = strrchr(path, '/');
    *slash = 0;
    const slu_status made = slu_dir_make(path, NULL);
    *slash = '/';
    if (made == SLU_OK)
        (void)!slu_file_write(path, data, false, NULL);
}

static bool
is_index(const char *location)
{
    const char *dot = strrchr(location, '.');
    return dot != NULL && (strcmp(dot, ".index") == 0 || strcmp(dot, ".timeindex") == 0);
}

static void
mirror_keep_file(const mirror *m, const char *location, const char *path)
{
    char to[SLU_PATH_BYTES_MAX];
    int64_t bytes = 0;
    if (!mirror_path(m, location, to))
        return;
    char *slash = strrchr(to, '/');
    *slash = 0;
    const slu_status made = slu_dir_make(to, NULL);
    *slash = '/';
    if (made == SLU_OK && link(path, to) != 0)
        (void)!slu_file_copy(path, to, NULL, false, &bytes, NULL);
}

static slu_status
mirror_put_file(void *self, const char *location, const char *path, bool may_link, const atomic_bool *stop, slu_error *err)
{
    const mirror *m = self;
    SLU_TRY(m->inner.ops->put_file(m->inner.self, location, path, may_link, stop, err));
    if (may_link && is_index(location))
        mirror_keep_file(m, location, path);
    return SLU_OK;
}

static slu_status
mirror_put(void *self, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    const mirror *m = self;
    SLU_TRY(m->inner.ops->put(m->inner.self, location, data, exclusive, err));
    mirror_keep(m, location, data);
    return SLU_OK;
}

static slu_status
mirror_get(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    const mirror *m = self;
    char path[SLU_PATH_BYTES_MAX];
    const size_t from = out->bytes;
    if (mirror_path(m, location, path) && slu_file_read(path, bytes_max, out, NULL) == SLU_OK)
        return SLU_OK;
    out->bytes = from;
    SLU_TRY(m->inner.ops->get(m->inner.self, location, bytes_max, out, err));
    mirror_keep(m, location, slu_view_of(out->data + from, out->bytes - from));
    return SLU_OK;
}

static slu_status
mirror_read(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    const mirror *m = self;
    return m->inner.ops->read(m->inner.self, location, offset, out, bytes, err);
}

static slu_status
mirror_get_file(void *self, const char *location, const char *path, slu_error *err)
{
    const mirror *m = self;
    return m->inner.ops->get_file(m->inner.self, location, path, err);
}

static slu_status
mirror_size(void *self, const char *location, int64_t *out, slu_error *err)
{
    const mirror *m = self;
    return m->inner.ops->size(m->inner.self, location, out, err);
}

static slu_status
mirror_list(void *self, const char *location, fluss_stored_found found, void *to, slu_error *err)
{
    const mirror *m = self;
    return m->inner.ops->list(m->inner.self, location, found, to, err);
}

static slu_status
mirror_remove(void *self, const char *location, slu_error *err)
{
    const mirror *m = self;
    char path[SLU_PATH_BYTES_MAX];
    if (mirror_path(m, location, path))
        SLU_TRY(slu_dir_remove(path, err));
    return m->inner.ops->remove(m->inner.self, location, err);
}

static slu_status
mirror_settle(void *self, const char *location, slu_error *err)
{
    const mirror *m = self;
    return m->inner.ops->settle == NULL ? SLU_OK : m->inner.ops->settle(m->inner.self, location, err);
}

static void
mirror_close(void *self)
{
    mirror *m = self;
    fluss_store_close(&m->inner);
    slu_free(m->root);
    slu_free(m->dir);
    slu_free(m);
}

static const fluss_store_ops mirror_ops = {.put_file = mirror_put_file,
                                           .put = mirror_put,
                                           .get = mirror_get,
                                           .read = mirror_read,
                                           .get_file = mirror_get_file,
                                           .size = mirror_size,
                                           .list = mirror_list,
                                           .remove = mirror_remove,
                                           .settle = mirror_settle,
                                           .close = mirror_close};

slu_status
fluss_store_mirror_open(const fluss_store *inner, const char *root, const char *dir, fluss_store *out, slu_error *err)
{
    fluss_store taken = *inner;
    mirror *m = slu_alloc_zero(1, sizeof *m);
    if (m == NULL) {
        fluss_store_close(&taken);
        return slu_error_set(err, SLU_NOMEM, "no memory for a store");
    }
    m->inner = taken;
    m->root = slu_strdup(root);
    m->dir = slu_strdup(dir);
    if (m->root == NULL || m->dir == NULL) {
        mirror_close(m);
        return slu_error_set(err, SLU_NOMEM, "no memory for a store");
    }
    *out = (fluss_store){.ops = &mirror_ops, .self = m, .local = taken.local};
    return SLU_OK;
}
