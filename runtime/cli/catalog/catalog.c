#include "catalog.h"

#include "base/alloc.h"
#include "fluss/client/admin.h"
#include "fluss/client/scanner.h"
#include "log_table.h"

#define OPEN_TIMEOUT_MS 30000

struct cli_catalog {
    slu_sql_catalog sql;
    const slu_env *env;
    fluss_client *client;
    char *database;
    char *lake_warehouse;
};

typedef struct listing {
    void (*found)(void *to, const char *database, const char *table);
    void *to;
    char *databases[1000];
    uint32_t count;
    const char *database;
} listing;

static void
database_found(void *to, const char *name)
{
    listing *of = to;
    if (of->count < 1000 && (of->databases[of->count] = slu_strdup(name)) != NULL)
        of->count++;
}

static void
table_found(void *to, const char *name)
{
    const listing *of = to;
    of->found(of->to, of->database, name);
}

static slu_status
catalog_list(const slu_sql_catalog *sql, void (*found)(void *, const char *, const char *), void *to, slu_error *err)
{
    const cli_catalog *catalog = sql->context;
    listing of = {.found = found, .to = to};
    slu_status status = fluss_admin_list_databases(catalog->client, database_found, &of, err);
    for (uint32_t i = 0; i < of.count; i++) {
        of.database = of.databases[i];
        if (status == SLU_OK)
            status = fluss_admin_list_tables(catalog->client, of.database, table_found, &of, err);
        slu_free(of.databases[i]);
    }
    return status;
}

/* The bounds of what the log holds now. */
static slu_status
log_bounds(const cli_catalog *catalog, fluss_target *target, int64_t *start, int64_t *stop, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    const int32_t *leaders = fluss_target_leaders(target);
    SLU_TRY(fluss_admin_list_offsets(catalog->client, table->table_id, -1, FLUSS_OFFSETS_EARLIEST, 0, leaders, table->bucket_count, start, err));
    return fluss_admin_list_offsets(catalog->client, table->table_id, -1, FLUSS_OFFSETS_LATEST, 0, leaders, table->bucket_count, stop, err);
}

static slu_status
log_open(const cli_catalog *catalog, fluss_target **target, slu_sql_table **out, slu_error *err)
{
    const size_t buckets = (size_t)fluss_target_table(*target)->bucket_count;
    int64_t *start = slu_alloc(buckets * sizeof *start);
    int64_t *stop = slu_alloc(buckets * sizeof *stop);
    slu_status status = start == NULL || stop == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %zu buckets", buckets) : SLU_OK;
    if (status == SLU_OK)
        status = log_bounds(catalog, *target, start, stop, err);
    if (status == SLU_OK)
        status = cli_log_table_new(target, start, stop, out, err);
    slu_free(start);
    slu_free(stop);
    return status;
}

static slu_status
target_open(const cli_catalog *catalog, const char *database, const char *table, fluss_target **out, slu_error *err)
{
    fluss_target *target = NULL;
    SLU_TRY(fluss_target_open(catalog->client, database, table, &target, err));
    slu_status status = fluss_target_wait(target, OPEN_TIMEOUT_MS, err);
    if (status == SLU_OK && fluss_target_table(target)->partition_column_count > 0)
        status = slu_error_set(err, SLU_UNSUPPORTED, "table %s is partitioned: its partitions are not read yet", fluss_target_name(target));
    if (status != SLU_OK) {
        fluss_target_close(&target);
        return status;
    }
    *out = target;
    return SLU_OK;
}

static slu_status
catalog_open(const slu_sql_catalog *sql, const char *database, const char *table, const char *suffix, slu_sql_table **out, slu_error *err)
{
    const cli_catalog *catalog = sql->context;
    fluss_target *target = NULL;
    if (strcmp(suffix, "") != 0 && strcmp(suffix, "log") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "%s$%s: not served", table, suffix);
    SLU_TRY(target_open(catalog, database, table, &target, err));
    const slu_status status = log_open(catalog, &target, out, err);
    fluss_target_close(&target);
    return status;
}

slu_status
cli_catalog_open(const slu_env *env, const cli_catalog_options *options, cli_catalog **out, slu_error *err)
{
    cli_catalog *catalog = slu_alloc_zero(1, sizeof *catalog);
    if (catalog == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a catalog");
    catalog->env = env;
    catalog->database = slu_strdup(options->database == NULL ? "fluss" : options->database);
    catalog->lake_warehouse = options->lake_warehouse == NULL ? NULL : slu_strdup(options->lake_warehouse);
    catalog->sql = (slu_sql_catalog){.context = catalog, .database = catalog->database, .list = catalog_list, .open = catalog_open};
    slu_status status = catalog->database == NULL || (options->lake_warehouse != NULL && catalog->lake_warehouse == NULL)
                            ? slu_error_set(err, SLU_NOMEM, "no memory for a catalog")
                            : SLU_OK;
    if (status == SLU_OK)
        status = fluss_client_open(env, &(fluss_client_options){.bootstrap_servers = options->bootstrap_servers}, &catalog->client, err);
    if (status != SLU_OK) {
        cli_catalog_close(&catalog);
        return status;
    }
    *out = catalog;
    return SLU_OK;
}

void
cli_catalog_close(cli_catalog **catalog)
{
    cli_catalog *mine = slu_take(catalog);
    if (mine == NULL)
        return;
    fluss_client_close(&mine->client);
    slu_free(mine->database);
    slu_free(mine->lake_warehouse);
    slu_free(mine);
}

const slu_sql_catalog *
cli_catalog_sql(const cli_catalog *catalog)
{
    return &catalog->sql;
}

fluss_client *
cli_catalog_client(const cli_catalog *catalog)
{
    return catalog->client;
}
