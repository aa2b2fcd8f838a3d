#include "iceberg/rest/vended.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

#define EARLY_MS_MAX 300000
#define AGAIN_MS 10000 /* after a renewal that failed */
#define NEVER INT64_MAX

typedef struct vended_table {
    iceberg_rest_vended *of;
    char *ns;
    char *name;
    iceberg_store store; /* this table's face: looks whether keys are due, then hands on */
    iceberg_store inner;
    pthread_mutex_t lock; /* of what follows */
    char *token;          /* NULL: none */
    int64_t due_ms;       /* wall clock: when new keys are asked for */
    int64_t end_ms;       /* wall clock: when the old ones are over */
} vended_table;

struct iceberg_rest_vended {
    const slu_env *env;
    iceberg_rest_properties base;
    const iceberg_store_maker *maker;
    iceberg_rest_ask ask;
    void *context;
    pthread_mutex_t lock; /* of what follows */
    vended_table **tables;
    size_t count;
    size_t capacity;
};

/* ---- what came ---- */

static const char *
setting_of(const iceberg_property *items, size_t count, const char *key)
{
    for (size_t i = count; i-- > 0;)
        if (strcmp(items[i].key, key) == 0 && items[i].value[0] != 0)
            return items[i].value;
    return NULL;
}

static void
end_of(const iceberg_property *items, size_t count, int64_t *end_ms)
{
    const char *text = setting_of(items, count, "s3.session-token-expires-at-ms");
    const int64_t at = text == NULL ? NEVER : strtoll(text, NULL, 10);
    if (at > 0 && at < *end_ms)
        *end_ms = at;
}

static void
life_set(vended_table *table, const iceberg_rest_loaded *loaded)
{
    const int64_t now = slu_wall_ms(table->of->env);
    table->end_ms = NEVER;
    end_of(loaded->config.items, loaded->config.count, &table->end_ms);
    for (size_t i = 0; i < loaded->grant_count; i++)
        end_of(loaded->grants[i].items, loaded->grants[i].count, &table->end_ms);
    const int64_t left = table->end_ms > now ? table->end_ms - now : 0;
    const int64_t early = left / 2 < EARLY_MS_MAX ? left / 2 : EARLY_MS_MAX;
    table->due_ms = table->end_ms == NEVER ? NEVER : table->end_ms - early;
}

/* The catalog's settings, and the table's over them. Taken from the heap: free `items`. */
static slu_status
settings_merge(const iceberg_rest_vended *vended, const iceberg_rest_loaded *loaded, iceberg_store_settings *out, slu_error *err)
{
    const iceberg_rest_properties base = vended->base;
    iceberg_property *items = slu_alloc_zero(base.count + loaded->config.count + 1, sizeof *items);
    if (items == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a table's settings");
    if (base.count > 0)
        memcpy(items, base.items, base.count * sizeof *items);
    if (loaded->config.count > 0)
        memcpy(items + base.count, loaded->config.items, loaded->config.count * sizeof *items);
    *out = (iceberg_store_settings){
        .items = items, .count = base.count + loaded->config.count, .grants = loaded->grants, .grant_count = loaded->grant_count};
    return SLU_OK;
}

/* Under the table's lock. */
static slu_status
table_take(vended_table *table, const iceberg_rest_loaded *loaded, slu_error *err)
{
    iceberg_store_settings settings = {0};
    const char *token = setting_of(loaded->config.items, loaded->config.count, "token");
    SLU_TRY(settings_merge(table->of, loaded, &settings, err));
    slu_status status = SLU_OK;
    if (table->inner.ops == NULL)
        status = table->of->maker->open(table->of->maker->self, &settings, &table->inner, err);
    else if (table->inner.ops->renew != NULL)
        status = table->inner.ops->renew(table->inner.self, &settings, err);
    slu_free((void *)(uintptr_t)settings.items);
    SLU_TRY(status);
    slu_free(table->token);
    table->token = token == NULL ? NULL : slu_strdup(token);
    life_set(table, loaded);
    return SLU_OK;
}

static slu_status
table_ready(vended_table *table, slu_error *err)
{
    slu_status status = SLU_OK;
    slu_error why = {0};
    (void)pthread_mutex_lock(&table->lock);
    if (slu_wall_ms(table->of->env) >= table->due_ms) {
        SLU_AUTO(iceberg_rest_loaded_fini) iceberg_rest_loaded loaded = {0};
        status = table->of->ask(table->of->context, table->ns, table->name, &loaded, &why);
        if (status == SLU_OK)
            status = table_take(table, &loaded, &why);
        const int64_t now = slu_wall_ms(table->of->env);
        if (status != SLU_OK && now < table->end_ms) {
            slu_log_warn(table->of->env, "ICEBERG-KEYS-LATE", "table %s.%s: its keys end soon and new ones did not come: %s",
                         table->ns, table->name, why.message);
            table->due_ms = now + AGAIN_MS < table->end_ms ? now + AGAIN_MS : table->end_ms;
            status = SLU_OK;
        }
    }
    (void)pthread_mutex_unlock(&table->lock);
    if (status != SLU_OK && err != NULL)
        *err = why;
    return status == SLU_OK ? SLU_OK : slu_error_in(err, status, "new keys for the files of %s.%s", table->ns, table->name);
}

/* ---- the table's store ---- */

#define READY(self)                                                                                                                \
    vended_table *table = (self);                                                                                                  \
    SLU_TRY(table_ready(table, err))

static slu_status
vended_get(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    READY(self);
    return table->inner.ops->get(table->inner.self, location, bytes_max, out, err);
}

static slu_status
vended_read(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    READY(self);
    return table->inner.ops->read(table->inner.self, location, offset, out, bytes, err);
}

static slu_status
vended_size(void *self, const char *location, int64_t *out, slu_error *err)
{
    READY(self);
    return table->inner.ops->size(table->inner.self, location, out, err);
}

static slu_status
vended_put(void *self, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    READY(self);
    return table->inner.ops->put(table->inner.self, location, data, exclusive, err);
}

static slu_status
vended_remove(void *self, const char *location, slu_error *err)
{
    READY(self);
    return table->inner.ops->remove(table->inner.self, location, err);
}

static slu_status
vended_list(void *self, const char *location, iceberg_found found, void *to, slu_error *err)
{
    READY(self);
    return table->inner.ops->list(table->inner.self, location, found, to, err);
}

static slu_status
vended_create(void *self, const char *location, void **out_file, slu_error *err)
{
    READY(self);
    return table->inner.ops->create(table->inner.self, location, out_file, err);
}

static slu_status
vended_append(void *self, void *file, const void *data, size_t bytes, slu_error *err)
{
    READY(self);
    return table->inner.ops->append(table->inner.self, file, data, bytes, err);
}

/* Keys that did not come do not keep the file from its end. */
static slu_status
vended_finish(void *self, void **file, bool keep, slu_error *err)
{
    vended_table *table = self;
    slu_error why = {0};
    const slu_status ready = table_ready(table, &why);
    const slu_status status = table->inner.ops->finish(table->inner.self, file, keep && ready == SLU_OK, err);
    if (ready != SLU_OK && err != NULL)
        *err = why;
    return ready != SLU_OK ? ready : status;
}

static void
vended_nothing(void *self)
{
}

static const iceberg_store_ops VENDED = {
    .get = vended_get,
    .read = vended_read,
    .size = vended_size,
    .put = vended_put,
    .remove = vended_remove,
    .list = vended_list,
    .create = vended_create,
    .append = vended_append,
    .finish = vended_finish,
    .close = vended_nothing,
};

/* ---- the tables ---- */

static void
table_free(vended_table *table)
{
    iceberg_store_close(&table->inner);
    (void)pthread_mutex_destroy(&table->lock);
    slu_free(table->ns);
    slu_free(table->name);
    slu_free(table->token);
    slu_free(table);
}

static vended_table *
table_find(iceberg_rest_vended *vended, const char *ns, const char *name)
{
    for (size_t i = 0; i < vended->count; i++)
        if (strcmp(vended->tables[i]->name, name) == 0 && strcmp(vended->tables[i]->ns, ns) == 0)
            return vended->tables[i];
    return NULL;
}

static slu_status
table_add(iceberg_rest_vended *vended, const char *ns, const char *name, const iceberg_rest_loaded *loaded, slu_error *err)
{
    if (vended->count == vended->capacity) {
        const size_t wanted = vended->capacity == 0 ? 16 : vended->capacity * 2;
        vended_table **grown = slu_realloc(vended->tables, wanted * sizeof *grown);
        if (grown == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for the keys of a table");
        vended->tables = grown;
        vended->capacity = wanted;
    }
    vended_table *table = slu_alloc_zero(1, sizeof *table);
    if (table == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the keys of a table");
    *table = (vended_table){.of = vended, .ns = slu_strdup(ns), .name = slu_strdup(name), .store = {&VENDED, table}};
    (void)pthread_mutex_init(&table->lock, NULL);
    slu_status status = table->ns == NULL || table->name == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a name") : SLU_OK;
    if (status == SLU_OK)
        status = table_take(table, loaded, err);
    if (status != SLU_OK)
        table_free(table);
    else
        vended->tables[vended->count++] = table;
    return status;
}

slu_status
iceberg_rest_vended_take(iceberg_rest_vended *vended, const char *ns, const char *name, const iceberg_rest_loaded *loaded,
                         slu_error *err)
{
    slu_status status = SLU_OK;
    if (loaded->config.count == 0 && loaded->grant_count == 0)
        return SLU_OK;
    (void)pthread_mutex_lock(&vended->lock);
    vended_table *table = table_find(vended, ns, name);
    if (table == NULL && vended->count < ICEBERG_REST_VENDED_MAX)
        status = table_add(vended, ns, name, loaded, err);
    (void)pthread_mutex_unlock(&vended->lock);
    if (table == NULL)
        return status;
    (void)pthread_mutex_lock(&table->lock);
    status = table_take(table, loaded, err);
    (void)pthread_mutex_unlock(&table->lock);
    return status;
}

const iceberg_store *
iceberg_rest_vended_store(iceberg_rest_vended *vended, const char *ns, const char *name)
{
    (void)pthread_mutex_lock(&vended->lock);
    const vended_table *table = table_find(vended, ns, name);
    (void)pthread_mutex_unlock(&vended->lock);
    return table == NULL ? NULL : &table->store;
}

void
iceberg_rest_vended_token(iceberg_rest_vended *vended, const char *ns, const char *name, slu_buf *out)
{
    (void)pthread_mutex_lock(&vended->lock);
    vended_table *table = table_find(vended, ns, name);
    (void)pthread_mutex_unlock(&vended->lock);
    /* A table whose keys are being asked for holds its lock, and asks with the session's token. */
    if (table == NULL || pthread_mutex_trylock(&table->lock) != 0)
        return;
    slu_buf_text(out, table->token == NULL ? "" : table->token);
    (void)pthread_mutex_unlock(&table->lock);
}

slu_status
iceberg_rest_vended_open(const slu_env *env, iceberg_rest_properties base, const iceberg_store_maker *maker, iceberg_rest_ask ask,
                         void *context, iceberg_rest_vended **out, slu_error *err)
{
    iceberg_rest_vended *vended = slu_alloc_zero(1, sizeof *vended);
    if (vended == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a catalog");
    *vended = (iceberg_rest_vended){.env = env, .base = base, .maker = maker, .ask = ask, .context = context};
    (void)pthread_mutex_init(&vended->lock, NULL);
    *out = vended;
    return SLU_OK;
}

void
iceberg_rest_vended_close(iceberg_rest_vended **pointer)
{
    iceberg_rest_vended *vended = slu_take(pointer);
    if (vended == NULL)
        return;
    for (size_t i = 0; i < vended->count; i++)
        table_free(vended->tables[i]);
    slu_free(vended->tables);
    (void)pthread_mutex_destroy(&vended->lock);
    slu_free(vended);
}
