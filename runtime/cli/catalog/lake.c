#include "lake.h"

#include "base/alloc.h"
#include "fluss_lake/fluss_lake.h"

struct cli_lake {
    fluss_lake *tables;
    char *warehouse;
    fluss_server_property properties[2];
};

slu_status
cli_lake_open(const slu_env *env, const char *type, const char *warehouse, cli_lake **out, slu_error *err)
{
    /* The statements of a server's tables would need the catalog's address and secrets: not told to clients yet. */
    if (type != NULL && strcmp(type, "rest") == 0)
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "datalake.iceberg.type=rest: the table server, sql and tiering have hadoop so far; the iceberg sink has rest");
    const iceberg_lake_options options = {.type = type, .warehouse = warehouse};
    SLU_AUTO(cli_lake_close) cli_lake *lake = slu_alloc_zero(1, sizeof *lake);
    if (lake == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lake");
    SLU_TRY(fluss_lake_open(env, &options, &lake->tables, err));
    lake->warehouse = slu_strdup(warehouse);
    if (lake->warehouse == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a lake");
    lake->properties[0] = (fluss_server_property){"table.datalake.iceberg.type", "hadoop"};
    lake->properties[1] = (fluss_server_property){"table.datalake.iceberg.warehouse", lake->warehouse};
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
    slu_free(mine->warehouse);
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
                               .property_count = 2};
}
