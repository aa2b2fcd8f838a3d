#include "lake.h"

#include "base/alloc.h"
#include "fluss_lake/fluss_lake.h"

struct cli_lake {
    fluss_lake *tables;
    char *type;
    char *warehouse; /* NULL: not given, with rest */
    char *uri;       /* NULL: not given */
    fluss_server_property properties[3];
    size_t property_count;
};

/* One of the settings that clients of the table server are told; *slot keeps the copy. NULL is left out. */
static slu_status
property_add(cli_lake *lake, char **slot, const char *key, const char *value, slu_error *err)
{
    if (value == NULL || value[0] == 0)
        return SLU_OK;
    *slot = slu_strdup(value);
    if (*slot == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lake");
    lake->properties[lake->property_count++] = (fluss_server_property){key, *slot};
    return SLU_OK;
}

slu_status
cli_lake_open(const slu_env *env, const cli_lake_options *of, cli_lake **out, slu_error *err)
{
    const char *type = of->type == NULL ? "hadoop" : of->type;
    const iceberg_lake_options options = {.type = type, .warehouse = of->warehouse, .uri = of->uri};
    SLU_AUTO(cli_lake_close) cli_lake *lake = slu_alloc_zero(1, sizeof *lake);
    if (lake == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lake");
    SLU_TRY(fluss_lake_open(env, &options, &lake->tables, err));
    SLU_TRY(property_add(lake, &lake->type, "table.datalake.iceberg.type", type, err));
    SLU_TRY(property_add(lake, &lake->warehouse, "table.datalake.iceberg.warehouse", of->warehouse, err));
    SLU_TRY(property_add(lake, &lake->uri, "table.datalake.iceberg.uri", of->uri, err));
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
    slu_free(mine->type);
    slu_free(mine->warehouse);
    slu_free(mine->uri);
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
                               .properties = lake->properties,
                               .property_count = lake->property_count};
}
