#include "lake/stores.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "iceberg_s3/iceberg_s3.h"

#include <pthread.h>
#include <stdatomic.h>

#define SETTINGS_BYTES_MAX ((size_t)4 << 20)
#define CLIENTS_MAX (1 + ICEBERG_STORE_GRANTS_MAX)
#define PROBE_BYTES_MAX 4096

/* The S3 client of one grant; "" is the prefix of every other location. */
typedef struct stores_client {
    char *prefix; /* NULL: none here yet */
    iceberg_store store;
    bool probed;
} stores_client;

typedef struct stores {
    const slu_env *env;
    iceberg_store local;
    bool probe;
    bool told;            /* a catalog's server says where files are */
    atomic_bool far;      /* and they are in S3: it may not name files of this machine */
    pthread_mutex_t lock; /* of what follows; a client that is there stays where it is */
    slu_arena arena;      /* of the settings */
    iceberg_store_settings settings;
    stores_client clients[CLIENTS_MAX];
} stores;

typedef struct stores_file {
    const iceberg_store *at;
    void *file;
} stores_file;

/* ---- settings ---- */

static slu_status
items_copy(slu_arena *arena, const iceberg_property *from, size_t count, const iceberg_property **out, slu_error *err)
{
    iceberg_property *items = slu_arena_array(arena, count, sizeof *items);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < count; i++)
        items[i] = (iceberg_property){slu_arena_strdup(arena, from[i].key), slu_arena_strdup(arena, from[i].value)};
    *out = items;
    return slu_arena_status(arena, err);
}

static slu_status
settings_copy(slu_arena *arena, const iceberg_store_settings *from, iceberg_store_settings *out, slu_error *err)
{
    if (from->grant_count > ICEBERG_STORE_GRANTS_MAX)
        return slu_error_set(err, SLU_LIMIT, "a table's files come with %zu sets of keys; at most %d are served", from->grant_count,
                             ICEBERG_STORE_GRANTS_MAX);
    iceberg_store_grant *grants = slu_arena_array(arena, from->grant_count, sizeof *grants);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < from->grant_count; i++) {
        grants[i] =
            (iceberg_store_grant){.prefix = slu_arena_strdup(arena, from->grants[i].prefix), .count = from->grants[i].count};
        SLU_TRY(items_copy(arena, from->grants[i].items, from->grants[i].count, &grants[i].items, err));
    }
    *out = (iceberg_store_settings){.count = from->count, .grants = grants, .grant_count = from->grant_count};
    return items_copy(arena, from->items, from->count, &out->items, err);
}

static slu_status
options_set(s3_options *options, const iceberg_property *items, size_t count, slu_error *err)
{
    bool known = false;
    for (size_t i = 0; i < count; i++)
        if (items[i].value[0] != 0)
            SLU_TRY(s3_options_set(options, items[i].key, items[i].value, &known, err));
    return SLU_OK;
}

/* `grant` NULL: the settings that all locations have. */
static slu_status
options_of(const stores *self, const iceberg_store_grant *grant, s3_options *out, slu_error *err)
{
    *out = (s3_options){0};
    SLU_TRY(options_set(out, self->settings.items, self->settings.count, err));
    return grant == NULL ? SLU_OK : options_set(out, grant->items, grant->count, err);
}

/* ---- which store ---- */

/* The grant with the longest prefix of the location; NULL: none fits. */
static const iceberg_store_grant *
grant_of(const stores *self, const char *location)
{
    const iceberg_store_grant *best = NULL;
    size_t best_bytes = 0;
    for (size_t i = 0; i < self->settings.grant_count; i++) {
        const size_t bytes = strlen(self->settings.grants[i].prefix);
        if (bytes >= best_bytes && strncmp(location, self->settings.grants[i].prefix, bytes) == 0) {
            best = &self->settings.grants[i];
            best_bytes = bytes;
        }
    }
    return best;
}

/* Its place, or the first free one; NULL: all are taken by others. */
static stores_client *
client_place(stores *self, const char *prefix)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (self->clients[i].prefix == NULL || strcmp(self->clients[i].prefix, prefix) == 0)
            return &self->clients[i];
    return NULL;
}

static slu_status
client_open(stores *self, const iceberg_store_grant *grant, const char *prefix, stores_client *at, slu_error *err)
{
    s3_options options;
    char *own = slu_strdup(prefix);
    slu_status status =
        own == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a store") : options_of(self, grant, &options, err);
    if (status == SLU_OK)
        status = iceberg_store_s3_open(&options, self->env, &at->store, err);
    if (status != SLU_OK) {
        slu_free(own);
        return status;
    }
    at->prefix = own;
    return SLU_OK;
}

static slu_status
client_ensure(stores *self, const char *location, stores_client **out, slu_error *err)
{
    slu_status status = SLU_OK;
    (void)pthread_mutex_lock(&self->lock);
    const iceberg_store_grant *grant = grant_of(self, location);
    const char *prefix = grant == NULL ? "" : grant->prefix;
    *out = client_place(self, prefix);
    if (*out == NULL)
        status = slu_error_set(err, SLU_LIMIT, "the keys of a table's files were renewed with other prefixes too often");
    else if ((*out)->prefix == NULL)
        status = client_open(self, grant, prefix, *out, err);
    (void)pthread_mutex_unlock(&self->lock);
    return status;
}

/* Under the lock: the clients that are open get their new keys. */
static slu_status
clients_renew(stores *self, slu_error *err)
{
    for (size_t i = 0; i < CLIENTS_MAX && self->clients[i].prefix != NULL; i++) {
        const iceberg_store_grant *grant = NULL;
        s3_options options;
        for (size_t k = 0; k < self->settings.grant_count && grant == NULL; k++)
            if (strcmp(self->settings.grants[k].prefix, self->clients[i].prefix) == 0)
                grant = &self->settings.grants[k];
        if (grant == NULL && self->clients[i].prefix[0] != 0)
            continue; /* no longer granted: no location leads there any more */
        SLU_TRY(options_of(self, grant, &options, err));
        SLU_TRY(iceberg_store_s3_renew(&self->clients[i].store, &options, err));
    }
    return SLU_OK;
}

/* Whether the files of a catalog server are in S3, as the settings or what came with a table say it. */
static void
stores_look_far(stores *self)
{
    bool far = self->settings.grant_count != 0;
    for (size_t i = 0; i < self->settings.count && !far; i++) {
        const iceberg_property *item = &self->settings.items[i];
        far = item->value[0] != 0 && (strcmp(item->key, "s3.endpoint") == 0 ||
                                      (strcmp(item->key, "warehouse") == 0 && strncmp(item->value, "s3", 2) == 0));
    }
    atomic_store(&self->far, self->told && far);
}

static slu_status
stores_renew(void *of, const iceberg_store_settings *settings, slu_error *err)
{
    stores *self = of;
    slu_arena arena;
    iceberg_store_settings copy;
    slu_arena_init(&arena, SETTINGS_BYTES_MAX);
    const slu_status copied = settings_copy(&arena, settings, &copy, err);
    if (copied != SLU_OK) {
        slu_arena_fini(&arena);
        return copied;
    }
    (void)pthread_mutex_lock(&self->lock);
    slu_arena_fini(&self->arena);
    self->arena = arena;
    self->settings = copy;
    stores_look_far(self);
    const slu_status status = clients_renew(self, err);
    (void)pthread_mutex_unlock(&self->lock);
    return status;
}

static bool
is_s3(const char *location)
{
    return strncmp(location, "s3://", 5) == 0 || strncmp(location, "s3a://", 6) == 0 || strncmp(location, "s3n://", 6) == 0;
}

static slu_status
store_of(stores *self, const char *location, const iceberg_store **out, slu_error *err)
{
    if (is_s3(location)) {
        stores_client *client = NULL;
        SLU_TRY(client_ensure(self, location, &client, err));
        *out = &client->store;
        return SLU_OK;
    }
    if (location[0] != '/' && strncmp(location, "file:", 5) != 0)
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "%.200s: this build reaches local directories (/path, file:/path) and S3 (s3://bucket/key)", location);
    if (atomic_load(&self->far))
        return slu_error_set(err, SLU_INVALID,
                             "%.200s: the catalog names a file of this machine, although its files are in S3: refused", location);
    *out = &self->local;
    return SLU_OK;
}

/* ---- the probe ---- */

static slu_status
probe_put(const iceberg_store *store, const char *location, slu_error *err)
{
    const slu_view text = slu_view_of_text("sluice asks whether If-None-Match is honoured; this may be removed\n");
    SLU_TRY(iceberg_store_put(store, location, text, true, err));
    const slu_status again = iceberg_store_put(store, location, text, true, err);
    (void)iceberg_store_remove(store, location, NULL);
    if (again == SLU_OK)
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "the S3 server overwrites a file that was to be created only once (it ignores If-None-Match: *), so "
                             "that two commits would both win: use a server that honours it, or a REST catalog");
    return again == SLU_CONFLICT ? SLU_OK : again;
}

static slu_status
probe_ensure(stores *self, const char *location, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf beside = {0};
    stores_client *client = NULL;
    if (!self->probe || !is_s3(location))
        return SLU_OK;
    SLU_TRY(client_ensure(self, location, &client, err));
    (void)pthread_mutex_lock(&self->lock);
    const bool done = client->probed;
    (void)pthread_mutex_unlock(&self->lock);
    if (done)
        return SLU_OK;
    slu_buf_init(&beside, PROBE_BYTES_MAX);
    slu_buf_printf(&beside, "%.*s/sluice-probe-%016llx", (int)(strrchr(location, '/') - location), location,
                   (unsigned long long)self->env->random(self->env));
    SLU_TRY(slu_buf_status(&beside, err));
    SLU_TRY(probe_put(&client->store, slu_buf_cstr(&beside), err));
    (void)pthread_mutex_lock(&self->lock);
    client->probed = true;
    (void)pthread_mutex_unlock(&self->lock);
    return SLU_OK;
}

/* ---- the table of functions ---- */

static slu_status
stores_get(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    const iceberg_store *at = NULL;
    SLU_TRY(store_of(self, location, &at, err));
    return at->ops->get(at->self, location, bytes_max, out, err);
}

static slu_status
stores_read(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    const iceberg_store *at = NULL;
    SLU_TRY(store_of(self, location, &at, err));
    return at->ops->read(at->self, location, offset, out, bytes, err);
}

static slu_status
stores_size(void *self, const char *location, int64_t *out, slu_error *err)
{
    const iceberg_store *at = NULL;
    SLU_TRY(store_of(self, location, &at, err));
    return at->ops->size(at->self, location, out, err);
}

static slu_status
stores_put(void *self, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    const iceberg_store *at = NULL;
    SLU_TRY(store_of(self, location, &at, err));
    if (exclusive)
        SLU_TRY(probe_ensure(self, location, err));
    return at->ops->put(at->self, location, data, exclusive, err);
}

static slu_status
stores_remove(void *self, const char *location, slu_error *err)
{
    const iceberg_store *at = NULL;
    SLU_TRY(store_of(self, location, &at, err));
    return at->ops->remove(at->self, location, err);
}

static slu_status
stores_list(void *self, const char *location, iceberg_found found, void *to, slu_error *err)
{
    const iceberg_store *at = NULL;
    SLU_TRY(store_of(self, location, &at, err));
    return at->ops->list(at->self, location, found, to, err);
}

static slu_status
stores_create(void *self, const char *location, void **out_file, slu_error *err)
{
    stores_file made = {0};
    SLU_TRY(store_of(self, location, &made.at, err));
    SLU_TRY(made.at->ops->create(made.at->self, location, &made.file, err));
    stores_file *file = slu_alloc(sizeof *file);
    if (file == NULL) {
        (void)made.at->ops->finish(made.at->self, &made.file, false, NULL);
        return slu_error_set(err, SLU_NOMEM, "no memory for a file");
    }
    *file = made;
    *out_file = file;
    return SLU_OK;
}

static slu_status
stores_append(void *self, void *file, const void *data, size_t bytes, slu_error *err)
{
    stores_file *mine = file;
    return mine->at->ops->append(mine->at->self, mine->file, data, bytes, err);
}

static slu_status
stores_finish(void *self, void **file, bool keep, slu_error *err)
{
    stores_file *mine = *file;
    *file = NULL;
    if (mine == NULL)
        return SLU_OK;
    const slu_status status = mine->at->ops->finish(mine->at->self, &mine->file, keep, err);
    slu_free(mine);
    return status;
}

static void
stores_close(void *self)
{
    stores *mine = self;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        iceberg_store_close(&mine->clients[i].store);
        slu_free(mine->clients[i].prefix);
    }
    iceberg_store_close(&mine->local);
    slu_arena_fini(&mine->arena);
    (void)pthread_mutex_destroy(&mine->lock);
    slu_free(mine);
}

static const iceberg_store_ops STORES = {
    .get = stores_get,
    .read = stores_read,
    .size = stores_size,
    .put = stores_put,
    .remove = stores_remove,
    .list = stores_list,
    .create = stores_create,
    .append = stores_append,
    .finish = stores_finish,
    .renew = stores_renew,
    .close = stores_close,
};

static slu_status
stores_open(const slu_env *env, const iceberg_store_settings *settings, bool sync, bool told, iceberg_store *out, slu_error *err)
{
    stores *self = slu_alloc_zero(1, sizeof *self);
    if (self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a store");
    self->env = env;
    self->told = told;
    (void)pthread_mutex_init(&self->lock, NULL);
    slu_arena_init(&self->arena, SETTINGS_BYTES_MAX);
    slu_status status = settings_copy(&self->arena, settings, &self->settings, err);
    if (status == SLU_OK)
        status = iceberg_store_local_open(sync, &self->local, err);
    if (status != SLU_OK) {
        stores_close(self);
        return status;
    }
    stores_look_far(self);
    *out = (iceberg_store){&STORES, self};
    return SLU_OK;
}

slu_status
lake_stores_open(const slu_env *env, const iceberg_store_settings *settings, bool sync, bool probe, iceberg_store *out,
                 slu_error *err)
{
    SLU_TRY(stores_open(env, settings, sync, false, out, err));
    ((stores *)out->self)->probe = probe;
    return SLU_OK;
}

/* ---- the maker ---- */

typedef struct stores_maker {
    const slu_env *env;
    bool sync;
} stores_maker;

static slu_status
maker_open(void *self, const iceberg_store_settings *settings, iceberg_store *out, slu_error *err)
{
    const stores_maker *maker = self;
    return stores_open(maker->env, settings, maker->sync, true, out, err);
}

static void
maker_close(void *self)
{
    slu_free(self);
}

slu_status
lake_stores_maker(const slu_env *env, bool sync, iceberg_store_maker *out, slu_error *err)
{
    stores_maker *maker = slu_alloc(sizeof *maker);
    if (maker == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a store");
    *maker = (stores_maker){env, sync};
    *out = (iceberg_store_maker){maker, maker_open, maker_close};
    return SLU_OK;
}
