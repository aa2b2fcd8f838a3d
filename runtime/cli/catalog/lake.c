#include "lake.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "fluss_lake/fluss_lake.h"

#define TOLD_BYTES_MAX ((size_t)1 << 20)

struct cli_lake {
    fluss_lake *tables;
    slu_arena arena;
    fluss_server_property told[LAKE_SETTINGS_MAX + 1];
    size_t told_count;
};

static void
tell(cli_lake *lake, const char *key, const char *value)
{
    lake->told[lake->told_count++] = (fluss_server_property){slu_arena_printf(&lake->arena, "table." LAKE_SETTING_PREFIX "%s", key),
                                                             slu_arena_strdup(&lake->arena, value)};
}

static slu_status
tell_all(cli_lake *lake, const lake_options *of, slu_error *err)
{
    slu_arena_init(&lake->arena, TOLD_BYTES_MAX);
    if (lake_setting(of, "type") == NULL)
        tell(lake, "type", "hadoop");
    for (size_t i = 0; i < of->setting_count; i++) {
        const iceberg_property *at = &of->settings[i];
        if (!lake_setting_is_secret(at->key) && lake_setting(of, at->key) == at->value)
            tell(lake, at->key, at->value);
    }
    return slu_arena_status(&lake->arena, err);
}

slu_status
cli_lake_open(const slu_env *env, const lake_options *of, cli_lake **out, slu_error *err)
{
    SLU_AUTO(cli_lake_close) cli_lake *lake = slu_alloc_zero(1, sizeof *lake);
    if (lake == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lake");
    SLU_TRY(fluss_lake_open(env, of, &lake->tables, err));
    SLU_TRY(tell_all(lake, of, err));
    *out = slu_take(&lake);
    return SLU_OK;
}

void
cli_lake_close(cli_lake **lake)
{
    cli_lake *mine = slu_take(lake);
    if (mine == NULL)
        return;
    fluss_lake_close(&mine->tables);
    slu_arena_fini(&mine->arena);
    slu_free(mine);
}

const iceberg_catalog *
cli_lake_catalog(const cli_lake *lake)
{
    return fluss_lake_catalog(lake->tables);
}

fluss_server_lake
cli_lake_for_server(cli_lake *lake)
{
    return (fluss_server_lake){.context = lake->tables,
                               .create_table = fluss_lake_create_table,
                               .alter_table = fluss_lake_alter_table,
                               .properties = lake->told,
                               .property_count = lake->told_count};
}
