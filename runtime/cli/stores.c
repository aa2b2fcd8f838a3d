#include "stores.h"

#include "verbs.h"
#include "store/plugins.h"

const slu_stores *
slu_cli_stores(void)
{
    static slu_store_plugins *plugins;
    slu_error ignored;
    if (plugins == NULL && slu_store_plugins_new(slu_cli_env(), &plugins, &ignored) != SLU_OK)
        return NULL;
    return slu_store_plugins_get(plugins);
}
