#include "store/plugins.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "host/options.h"
#include "plan/descriptor.h"
#include "plan/planning_host.h"

#include <pthread.h>
#include <unistd.h>

#define INSTANCES_MAX 64

/* free -> taken -> free: an instance stays open. */
typedef struct instance {
    char scheme[SLU_SCHEME_BYTES_MAX];
    const slu_store_ops *ops;
    void *self; /* NULL: no such instance */
    bool taken;
} instance;

struct slu_store_plugins {
    slu_stores stores;
    const slu_env *env;
    pthread_mutex_t lock; /* of all that follows */
    slu_registry *registry;
    slu_arena arena;
    slu_planning_host host;
    instance instances[INSTANCES_MAX];
};

/* What the environment says of the plugin's parameters. */
static slu_status
params_of(slu_store_plugins *plugins, const slu_plugin *plugin, slu_params *out, slu_error *err)
{
    slu_param *params = slu_arena_array(&plugins->arena, plugin->option_count + 1u, sizeof *params);
    SLU_TRY(slu_arena_status(&plugins->arena, err));
    *out = (slu_params){.items = params};
    for (uint32_t i = 0; i < plugin->option_count; i++) {
        const char *name = plugin->options[i].param;
        const char *text = name == NULL ? NULL : slu_setting_environment(environ, name);
        if (text != NULL)
            params[out->count++] = (slu_param){.name = name, .text = text, .origin = SLU_ORIGIN_ENVIRONMENT};
    }
    return SLU_OK;
}

static slu_status
instance_open(slu_store_plugins *plugins, const char *scheme, instance *made, slu_error *err)
{
    slu_registered found;
    slu_params params;
    slu_open open = {.size = sizeof open,
                     .host = &plugins->host.host,
                     .job_id = "",
                     .job_name = "",
                     .operator_id = scheme,
                     .parallelism = 1,
                     .max_parallelism = 1};
    const slu_status known = slu_registry_find(plugins->registry, scheme, SLU_KIND_STORE, &found, err);
    if (known == SLU_NOTFOUND)
        return slu_error_in(err, SLU_UNSUPPORTED, "places in a store \"%s\" are not served here", scheme);
    SLU_TRY(known);
    SLU_TRY(params_of(plugins, found.plugin, &params, err));
    SLU_TRY(slu_options_parse(found.plugin, NULL, params, &plugins->arena, &open.options, err));
    void *self = slu_alloc_zero(1, found.plugin->instance_bytes + 1u);
    if (self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a store");
    const slu_store_ops *ops = found.plugin->ops;
    const slu_status status = ops->open(self, &open, err);
    if (status != SLU_OK) {
        slu_free(self);
        return status;
    }
    *made = (instance){.ops = ops, .self = self};
    (void)snprintf(made->scheme, sizeof made->scheme, "%s", scheme);
    return SLU_OK;
}

/* A free one of the scheme, else a place for a new one; NULL: all are taken. */
static instance *
instance_find(slu_store_plugins *plugins, const char *scheme)
{
    instance *empty = NULL;
    for (size_t i = 0; i < INSTANCES_MAX; i++) {
        instance *one = &plugins->instances[i];
        if (one->self == NULL)
            empty = empty == NULL ? one : empty;
        else if (!one->taken && strcmp(one->scheme, scheme) == 0)
            return one;
    }
    return empty;
}

static slu_status
stores_take(void *context, const char *scheme, slu_store *out, slu_error *err)
{
    slu_store_plugins *plugins = context;
    slu_status status = SLU_OK;
    (void)pthread_mutex_lock(&plugins->lock);
    instance *one = instance_find(plugins, scheme);
    if (one == NULL)
        status = slu_error_set(err, SLU_LIMIT, "%d calls of stores are under way", INSTANCES_MAX);
    else if (one->self == NULL)
        status = instance_open(plugins, scheme, one, err);
    if (status == SLU_OK) {
        one->taken = true;
        *out = (slu_store){one->ops, one->self};
    }
    (void)pthread_mutex_unlock(&plugins->lock);
    return status;
}

static void
stores_give(void *context, const slu_store *store)
{
    slu_store_plugins *plugins = context;
    (void)pthread_mutex_lock(&plugins->lock);
    for (size_t i = 0; i < INSTANCES_MAX; i++)
        if (plugins->instances[i].self == store->self)
            plugins->instances[i].taken = false;
    (void)pthread_mutex_unlock(&plugins->lock);
}

slu_status
slu_store_plugins_new(const slu_env *env, slu_store_plugins **out, slu_error *err)
{
    SLU_AUTO(slu_store_plugins_free) slu_store_plugins *plugins = slu_alloc_zero(1, sizeof *plugins);
    if (plugins == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for stores");
    (void)pthread_mutex_init(&plugins->lock, NULL);
    slu_arena_init(&plugins->arena, (size_t)4 << 20);
    plugins->env = env;
    plugins->stores = (slu_stores){.context = plugins, .take = stores_take, .give = stores_give};
    SLU_TRY(slu_registry_new(&plugins->registry, err));
    SLU_TRY(slu_registry_add_default_dirs(plugins->registry, err));
    slu_planning_host_init(&plugins->host, plugins->registry, env, (slu_params){0}, &plugins->arena);
    *out = slu_take(&plugins);
    return SLU_OK;
}

void
slu_store_plugins_free(slu_store_plugins **owned)
{
    slu_store_plugins *plugins = slu_take(owned);
    if (plugins == NULL)
        return;
    for (size_t i = 0; i < INSTANCES_MAX; i++)
        if (plugins->instances[i].self != NULL) {
            plugins->instances[i].ops->close(plugins->instances[i].self);
            slu_free(plugins->instances[i].self);
        }
    slu_registry_free(&plugins->registry);
    slu_arena_fini(&plugins->arena);
    (void)pthread_mutex_destroy(&plugins->lock);
    slu_free(plugins);
}

const slu_stores *
slu_store_plugins_get(slu_store_plugins *plugins)
{
    return plugins == NULL ? NULL : &plugins->stores;
}
