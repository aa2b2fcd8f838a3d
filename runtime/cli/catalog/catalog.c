#include "catalog.h"

#include "base/alloc.h"
#include "change.h"
#include "changelog_table.h"
#include "fluss/client/admin.h"
#include "fluss/client/scanner.h"
#include "lake_table.h"
#include "log_table.h"
#include "open.h"
#include "partitions_table.h"
#include "union_table.h"

#include <errno.h>
#include <stdlib.h>

#define OPEN_TIMEOUT_MS 30000

struct cli_catalog {
    slu_sql_catalog sql;
    const slu_env *env;
    fluss_client *client;
    char *database;
    cli_lake *lake; /* NULL: no warehouse was named */
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
    (void)catalog;
    SLU_TRY(fluss_admin_target_offsets(target, FLUSS_OFFSETS_EARLIEST, 0, start, err));
    return fluss_admin_target_offsets(target, FLUSS_OFFSETS_LATEST, 0, stop, err);
}

static slu_status
log_open(const cli_catalog *catalog, fluss_target **target, bool changes, slu_sql_table **out, slu_error *err)
{
    const size_t buckets = (size_t)fluss_target_bucket_numbers(*target);
    int64_t *start = slu_alloc((buckets + 1) * sizeof *start);
    int64_t *stop = slu_alloc((buckets + 1) * sizeof *stop);
    slu_status status =
        start == NULL || stop == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %zu buckets", buckets) : SLU_OK;
    if (status == SLU_OK)
        status = log_bounds(catalog, *target, start, stop, err);
    if (status == SLU_OK)
        status = changes ? cli_changelog_table_new(target, start, stop, out, err)
                         : cli_log_table_new(target, start, stop, true, out, err);
    slu_free(start);
    slu_free(stop);
    return status;
}

slu_status
cli_target_open(fluss_client *client, const char *database, const char *table, fluss_target **out, slu_error *err)
{
    fluss_target *target = NULL;
    SLU_TRY(fluss_target_open(client, database, table, &target, err));
    slu_status status = fluss_target_wait(target, OPEN_TIMEOUT_MS, err);
    if (status == SLU_OK)
        status = fluss_target_slots_wait(target, OPEN_TIMEOUT_MS, err);
    if (status != SLU_OK) {
        fluss_target_close(&target);
        return status;
    }
    *out = target;
    return SLU_OK;
}

/* ---- Lake and union ---- */

static slu_status
lake_need(const cli_catalog *catalog, const char *database, const char *table, slu_error *err)
{
    if (catalog->lake != NULL)
        return SLU_OK;
    return slu_error_set(err, SLU_INVALID, "%s.%s lies in a lake: name it with --datalake.iceberg.warehouse DIR", database, table);
}

/* "lake" or "lake@SNAPSHOT"; false: neither. */
static bool
lake_suffix(const char *suffix, int64_t *snapshot_id)
{
    char *end;
    *snapshot_id = -1;
    if (strcmp(suffix, "lake") == 0)
        return true;
    if (strncmp(suffix, "lake@", 5) != 0 || suffix[5] < '0' || suffix[5] > '9')
        return false;
    errno = 0;
    *snapshot_id = strtoll(suffix + 5, &end, 10);
    return errno == 0 && *end == 0;
}

/* Buckets that the lake has nothing of begin where their log does. */
static slu_status
starts_fill(fluss_target *target, int64_t *start, slu_error *err)
{
    const int32_t numbers = fluss_target_bucket_numbers(target);
    int64_t *earliest = slu_alloc(((size_t)numbers + 1) * sizeof *earliest);
    if (earliest == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", numbers);
    const slu_status status = fluss_admin_target_offsets(target, FLUSS_OFFSETS_EARLIEST, 0, earliest, err);
    for (int32_t bucket = 0; bucket < numbers && status == SLU_OK; bucket++)
        if (start[bucket] < 0)
            start[bucket] = earliest[bucket];
    slu_free(earliest);
    return status;
}

/* The lake snapshot that the table's cluster calls readable, and the log behind it. NOTFOUND: there is none yet. */
static slu_status
union_bounds(fluss_target *target, int64_t *snapshot_id, int64_t *start, int64_t *stop, slu_error *err)
{
    const int32_t numbers = fluss_target_bucket_numbers(target);
    SLU_TRY(fluss_admin_target_lake_snapshot(target, true, snapshot_id, start, err));
    SLU_TRY(fluss_admin_target_offsets(target, FLUSS_OFFSETS_LATEST, 0, stop, err));
    bool unknown = false;
    for (int32_t bucket = 0; bucket < numbers; bucket++)
        unknown = unknown || start[bucket] < 0;
    return unknown ? starts_fill(target, start, err) : SLU_OK;
}

static slu_status
union_open_at(const cli_catalog *catalog, const char *database, const char *table, fluss_target **target, int64_t *start,
              int64_t *stop, slu_sql_table **out, slu_error *err)
{
    int64_t snapshot_id = -1;
    slu_sql_table *lake = NULL;
    const slu_status bounds = union_bounds(*target, &snapshot_id, start, stop, err);
    if (bounds == SLU_NOTFOUND) {
        SLU_TRY(log_bounds(catalog, *target, start, stop, err));
        return cli_log_table_new(target, start, stop, true, out, err);
    }
    SLU_TRY(bounds);
    SLU_TRY(lake_need(catalog, database, table, err));
    SLU_TRY(cli_lake_table_new(catalog->lake, database, table, snapshot_id, &lake, err));
    const slu_status status = cli_union_table_new(&lake, target, start, stop, out, err);
    if (lake != NULL)
        lake->close(lake);
    return status;
}

static slu_status
union_open(const cli_catalog *catalog, const char *database, const char *table, fluss_target **target, slu_sql_table **out,
           slu_error *err)
{
    const size_t buckets = (size_t)fluss_target_bucket_numbers(*target);
    int64_t *start = slu_alloc((buckets + 1) * sizeof *start);
    int64_t *stop = slu_alloc((buckets + 1) * sizeof *stop);
    slu_status status =
        start == NULL || stop == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %zu buckets", buckets) : SLU_OK;
    if (status == SLU_OK)
        status = union_open_at(catalog, database, table, target, start, stop, out, err);
    slu_free(start);
    slu_free(stop);
    return status;
}

static slu_status
catalog_open(const slu_sql_catalog *sql, const char *database, const char *table, const char *suffix, slu_sql_table **out,
             slu_error *err)
{
    const cli_catalog *catalog = sql->context;
    fluss_target *target = NULL;
    int64_t snapshot_id;
    if (lake_suffix(suffix, &snapshot_id)) {
        SLU_TRY(lake_need(catalog, database, table, err));
        return cli_lake_table_new(catalog->lake, database, table, snapshot_id, out, err);
    }
    if (strcmp(suffix, "snapshots") == 0 || strcmp(suffix, "files") == 0) {
        SLU_TRY(lake_need(catalog, database, table, err));
        return cli_lake_list_new(catalog->lake, database, table, suffix, out, err);
    }
    if (strcmp(suffix, "partitions") == 0)
        return cli_partitions_table_new(catalog->client, database, table, out, err);
    if (strcmp(suffix, "") != 0 && strcmp(suffix, "log") != 0 && strcmp(suffix, "changelog") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "%s$%s: there are $log, $changelog, $partitions, $lake, $lake@SNAPSHOT, $snapshots and $files", table,
                             suffix);
    SLU_TRY(cli_target_open(catalog->client, database, table, &target, err));
    const bool with_lake = *suffix == 0 && fluss_target_table(target)->lake_enabled;
    const slu_status status = with_lake ? union_open(catalog, database, table, &target, out, err)
                                        : log_open(catalog, &target, strcmp(suffix, "changelog") == 0, out, err);
    fluss_target_close(&target);
    return status;
}

/* ---- What statements change ---- */

static slu_status
catalog_list_databases(const slu_sql_catalog *sql, void (*found)(void *, const char *), void *to, slu_error *err)
{
    return fluss_admin_list_databases(((const cli_catalog *)sql->context)->client, found, to, err);
}

static slu_status
catalog_change(const slu_sql_catalog *sql, const slu_sql_change *change, slu_error *err)
{
    return cli_change(((const cli_catalog *)sql->context)->client, change, err);
}

static slu_status
catalog_insert(const slu_sql_catalog *sql, const char *database, const char *table, const char *const *columns, size_t *count,
               slu_sql_sink **out, slu_error *err)
{
    return cli_insert_open(((const cli_catalog *)sql->context)->client, database, table, columns, count, out, err);
}

static slu_status
catalog_schema(const slu_sql_catalog *sql, const char *database, const char *table, slu_buf *out, slu_error *err)
{
    return cli_table_statement(((const cli_catalog *)sql->context)->client, database, table, out, err);
}

slu_status
cli_catalog_open(const slu_env *env, const cli_catalog_options *options, cli_catalog **out, slu_error *err)
{
    cli_catalog *catalog = slu_alloc_zero(1, sizeof *catalog);
    if (catalog == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a catalog");
    catalog->env = env;
    catalog->database = slu_strdup(options->database == NULL ? "fluss" : options->database);
    catalog->sql = (slu_sql_catalog){.context = catalog,
                                     .database = catalog->database,
                                     .list = catalog_list,
                                     .open = catalog_open,
                                     .list_databases = catalog_list_databases,
                                     .change = catalog_change,
                                     .insert = catalog_insert,
                                     .schema = catalog_schema};
    slu_status status = catalog->database == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a catalog") : SLU_OK;
    if (status == SLU_OK && (lake_setting(&options->lake, "warehouse") != NULL || lake_setting(&options->lake, "uri") != NULL))
        status = cli_lake_open(env, &options->lake, &catalog->lake, err);
    if (status == SLU_OK)
        status = fluss_client_open(env,
                                   &(fluss_client_options){.bootstrap_servers = options->bootstrap_servers,
                                                           .login = options->login,
                                                           .files = options->files,
                                                           .stopped = options->stopped},
                                   &catalog->client, err);
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
    cli_lake_close(&mine->lake);
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
