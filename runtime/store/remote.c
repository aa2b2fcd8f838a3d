#include "store/remote.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES_MAX 4096

slu_status
slu_remote_take(const slu_stores *stores, const char *place, slu_store *out, slu_error *err)
{
    char scheme[SLU_SCHEME_BYTES_MAX];
    const size_t bytes = (size_t)(strstr(place, "://") - place);
    if (bytes >= sizeof scheme)
        return slu_error_set(err, SLU_UNSUPPORTED, "%.200s: no store has such a scheme", place);
    memcpy(scheme, place, bytes);
    scheme[bytes] = 0;
    if (stores == NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "%.200s: only directories of this machine are served here (/path, file:///path)",
                             place);
    return slu_error_in(err, stores->take(stores->context, scheme, out, err), "%.200s", place);
}

static void *
get_grow(void *to, uint64_t bytes)
{
    return bytes > SIZE_MAX / 2 ? NULL : slu_buf_extend(to, (size_t)bytes);
}

slu_status
slu_remote_get(const slu_stores *stores, const char *place, uint64_t offset, size_t bytes_max, slu_buf *out, slu_error *err)
{
    slu_store store;
    SLU_TRY(slu_remote_take(stores, place, &store, err));
    const slu_status status = store.ops->get(store.self, place, offset, bytes_max, get_grow, out, err);
    stores->give(stores->context, &store);
    if (status == SLU_OK)
        return slu_error_in(err, slu_buf_status(out, err), "%s", place);
    return status == SLU_NOTFOUND ? slu_error_set(err, status, "%s is not there", place) : slu_error_in(err, status, "%s", place);
}

slu_status
slu_remote_put(const slu_stores *stores, const char *place, slu_view data, bool exclusive, slu_error *err)
{
    slu_store store;
    SLU_TRY(slu_remote_take(stores, place, &store, err));
    const slu_status status = store.ops->put(store.self, place, data.data, data.bytes, exclusive ? 1 : 0, err);
    stores->give(stores->context, &store);
    return slu_error_in(err, status, "write %s", place);
}

static slu_status
remove_taken(const slu_store *store, const char *place, slu_error *err)
{
    if (store->ops->remove == NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "remove %s: its store removes nothing", place);
    return slu_error_in(err, store->ops->remove(store->self, place, err), "remove %s", place);
}

slu_status
slu_remote_remove(const slu_stores *stores, const char *place, slu_error *err)
{
    slu_store store;
    SLU_TRY(slu_remote_take(stores, place, &store, err));
    const slu_status status = remove_taken(&store, place, err);
    stores->give(stores->context, &store);
    return status;
}

/* ---- Listing */

/* Names below a prefix, one behind the other, each with its zero. */
typedef struct names {
    slu_buf text;
    size_t prefix_bytes;
    size_t last; /* where the last one begins */
    uint32_t count;
    bool children; /* only up to the first "/" behind the prefix, each once in a row */
} names;

static slu_status
names_take(void *to, const char *name, uint64_t bytes)
{
    names *all = to;
    (void)bytes;
    size_t length = strlen(name);
    if (length < all->prefix_bytes || length >= NAME_BYTES_MAX || all->count >= SLU_PLACE_NAMES_MAX)
        return length < all->prefix_bytes ? SLU_OK : SLU_LIMIT;
    if (all->children) {
        name += all->prefix_bytes;
        length = strcspn(name, "/");
        const char *before = all->count == 0 ? "" : (const char *)all->text.data + all->last;
        if (length == 0 || (strlen(before) == length && memcmp(before, name, length) == 0))
            return SLU_OK;
    }
    all->last = all->text.bytes;
    all->count++;
    slu_buf_append(&all->text, name, length);
    slu_buf_u8(&all->text, 0);
    return slu_buf_status(&all->text, NULL);
}

/* What is found is taken up first: whoever hears of it may want the store. */
static slu_status
names_list(const slu_stores *stores, const char *dir, bool children, names *out, slu_error *err)
{
    slu_store store;
    char prefix[NAME_BYTES_MAX];
    const size_t bytes = strlen(dir);
    if (bytes + 2 > sizeof prefix)
        return slu_error_set(err, SLU_LIMIT, "the path %.100s... is too long", dir);
    (void)snprintf(prefix, sizeof prefix, "%s%s", dir, dir[bytes - 1] == '/' ? "" : "/");
    *out = (names){.prefix_bytes = strlen(prefix), .children = children};
    slu_buf_init(&out->text, (size_t)64 << 20);
    SLU_TRY(slu_remote_take(stores, dir, &store, err));
    slu_status status = store.ops->list == NULL ? slu_error_set(err, SLU_UNSUPPORTED, "its store lists nothing")
                                                : store.ops->list(store.self, prefix, names_take, out, err);
    stores->give(stores->context, &store);
    return slu_error_in(err, status, "list %s", dir);
}

slu_status
slu_remote_children(const slu_stores *stores, const char *dir, slu_place_found found, void *to, slu_error *err)
{
    names all;
    slu_status status = names_list(stores, dir, true, &all, err);
    for (size_t at = 0; status == SLU_OK && at < all.text.bytes; at += strlen((const char *)all.text.data + at) + 1)
        status = found(to, (const char *)all.text.data + at, err);
    slu_buf_fini(&all.text);
    return status;
}

slu_status
slu_remote_remove_below(const slu_stores *stores, const char *dir, slu_error *err)
{
    names all;
    slu_store store;
    slu_status status = names_list(stores, dir, false, &all, err);
    if (status == SLU_OK && all.count > 0 && (status = slu_remote_take(stores, dir, &store, err)) == SLU_OK) {
        for (size_t at = 0; status == SLU_OK && at < all.text.bytes; at += strlen((const char *)all.text.data + at) + 1)
            status = remove_taken(&store, (const char *)all.text.data + at, err);
        stores->give(stores->context, &store);
    }
    slu_buf_fini(&all.text);
    return status;
}
