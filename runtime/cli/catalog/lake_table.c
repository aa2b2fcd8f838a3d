#include "lake_table.h"

#include "array_scan.h"
#include "base/alloc.h"
#include "batch/batch.h"
#include "iceberg/lake_read.h"

typedef struct lake_table {
    slu_sql_table base; /* first */
    const cli_lake *lake;
    iceberg_table moment;
    const iceberg_snapshot *snapshot; /* NULL: the table has none */
    struct ArrowSchema schema;
} lake_table;

typedef struct lake_scan {
    slu_sql_scan base; /* first */
    iceberg_read *read;
} lake_scan;

static void
table_close(slu_sql_table *base)
{
    lake_table *self = (lake_table *)base;
    slu_schema_release(&self->schema);
    iceberg_table_fini(&self->moment);
    slu_free(self);
}

static slu_status
scan_next(slu_sql_scan *base, slu_sql_batch *out, slu_error *err)
{
    memset(out, 0, sizeof *out);
    SLU_TRY(iceberg_read_next(((lake_scan *)base)->read, &out->array, err));
    out->rows = out->array.length;
    return SLU_OK;
}

static void
scan_close(slu_sql_scan *base)
{
    lake_scan *scan = (lake_scan *)base;
    iceberg_read_free(&scan->read);
    slu_free(scan);
}

static void
scan_say(const slu_sql_scan *base, slu_buf *out)
{
    const iceberg_read_stats stats = iceberg_read_stats_of(((const lake_scan *)base)->read);
    slu_buf_printf(out, "lake: %zu of %zu files", stats.files, stats.files + stats.files_skipped);
    if (stats.manifests_skipped > 0)
        slu_buf_printf(out, ", %zu manifests left out", stats.manifests_skipped);
    if (stats.groups_skipped > 0)
        slu_buf_printf(out, ", %zu row groups left out", stats.groups_skipped);
}

/* The records of the files' metadata, where no row of them is deleted. */
static slu_status
table_count(slu_sql_table *base, int64_t *rows, slu_error *err)
{
    const lake_table *self = (const lake_table *)base;
    SLU_AUTO(iceberg_read_free) iceberg_read *read = NULL;
    static const char *const none[1];
    const iceberg_read_options options = {.snapshot = self->snapshot, .columns = none, .column_count = 0};
    SLU_TRY(iceberg_read_open(iceberg_catalog_store(cli_lake_catalog(self->lake), &self->moment), self->moment.metadata, &options,
                              &read, err));
    *rows = iceberg_read_rows(read);
    return *rows < 0 ? SLU_UNSUPPORTED : SLU_OK;
}

static uint8_t
compare_of(uint32_t op)
{
    static const uint8_t compares[] = {[SLU_SQL_EQ] = ICEBERG_EQUAL,
                                       [SLU_SQL_GT] = ICEBERG_GREATER,
                                       [SLU_SQL_LE] = ICEBERG_LESS_EQUAL,
                                       [SLU_SQL_LT] = ICEBERG_LESS,
                                       [SLU_SQL_GE] = ICEBERG_GREATER_EQUAL};
    return compares[op];
}

/* The filters that can prune, as predicates; `room` holds their values. */
static size_t
predicates_of(const lake_table *self, const slu_sql_scan_spec *spec, iceberg_predicate *out, iceberg_scalar *room)
{
    size_t count = 0;
    for (uint32_t i = 0; i < spec->filter_count; i++) {
        const slu_sql_filter *filter = &spec->filters[i];
        const iceberg_field *field =
            iceberg_schema_column(iceberg_metadata_schema(self->moment.metadata), self->schema.children[filter->column]->name);
        const iceberg_literal literal = {.kind = (uint8_t)filter->type,
                                         .i64 = filter->i64,
                                         .f64 = filter->f64,
                                         .text = filter->text == NULL ? slu_view_of(NULL, 0) : slu_view_of_text(filter->text)};
        if (field != NULL && iceberg_predicate_make(field, compare_of(filter->op), &literal, &room[count], &out[count]))
            count++;
    }
    return count;
}

static slu_status
table_scan(slu_sql_table *base, const slu_sql_scan_spec *spec, slu_sql_scan **out, slu_error *err)
{
    lake_table *self = (lake_table *)base;
    const char *names[SLU_SQL_COLUMNS_MAX];
    iceberg_predicate predicates[SLU_SQL_FILTERS_MAX + 1];
    iceberg_scalar room[SLU_SQL_FILTERS_MAX + 1];
    lake_scan *scan = slu_alloc_zero(1, sizeof *scan);
    if (scan == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a scan");
    for (uint32_t i = 0; i < spec->column_count; i++)
        names[i] = self->schema.children[spec->columns[i]]->name;
    const iceberg_read_options options = {.snapshot = self->snapshot,
                                          .columns = names,
                                          .column_count = spec->column_count,
                                          .predicates = predicates,
                                          .predicate_count = predicates_of(self, spec, predicates, room)};
    scan->base = (slu_sql_scan){.next = scan_next, .close = scan_close, .say = scan_say};
    const slu_status status = iceberg_read_open(iceberg_catalog_store(cli_lake_catalog(self->lake), &self->moment),
                                                self->moment.metadata, &options, &scan->read, err);
    if (status != SLU_OK) {
        slu_free(scan);
        return status;
    }
    *out = &scan->base;
    return SLU_OK;
}

static slu_status
moment_load(lake_table *self, const char *database, const char *table, int64_t snapshot_id, slu_error *err)
{
    SLU_TRY(iceberg_catalog_load(cli_lake_catalog(self->lake), database, table, &self->moment, err));
    const iceberg_metadata *metadata = self->moment.metadata;
    self->snapshot = snapshot_id < 0 ? iceberg_metadata_snapshot(metadata) : iceberg_metadata_snapshot_of(metadata, snapshot_id);
    if (snapshot_id >= 0 && self->snapshot == NULL)
        return slu_error_set(err, SLU_NOTFOUND, "table %s.%s has no lake snapshot %lld (expired?)", database, table,
                             (long long)snapshot_id);
    return SLU_OK;
}

slu_status
cli_lake_table_new(const cli_lake *lake, const char *database, const char *table, int64_t snapshot_id, slu_sql_table **out,
                   slu_error *err)
{
    lake_table *self = slu_alloc_zero(1, sizeof *self);
    if (self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for table %s.%s", database, table);
    self->lake = lake;
    slu_status status = moment_load(self, database, table, snapshot_id, err);
    if (status == SLU_OK)
        status = iceberg_schema_to_arrow(iceberg_metadata_schema(self->moment.metadata), &self->schema, err);
    if (status == SLU_OK && self->schema.n_children > SLU_SQL_COLUMNS_MAX)
        status = slu_error_set(err, SLU_LIMIT, "table %s.%s has more than %d columns", database, table, SLU_SQL_COLUMNS_MAX);
    if (status != SLU_OK) {
        table_close(&self->base);
        return status;
    }
    self->base = (slu_sql_table){.schema = &self->schema, .count = table_count, .scan = table_scan, .close = table_close};
    *out = &self->base;
    return SLU_OK;
}

/* ---- Listings: one batch, made at open ---- */

typedef struct list_table {
    slu_sql_table base; /* first */
    struct ArrowSchema schema;
    struct ArrowArray array; /* moved out by the first scan; later ones make it anew */
    const cli_lake *lake;
    iceberg_table moment;
    bool files;
} list_table;

static slu_status
list_batch(const list_table *self, struct ArrowSchema *schema, struct ArrowArray *array, slu_error *err)
{
    if (!self->files)
        return iceberg_snapshots_batch(self->moment.metadata, schema, array, err);
    return iceberg_files_batch(iceberg_catalog_store(cli_lake_catalog(self->lake), &self->moment), self->moment.metadata, NULL,
                               schema, array, err);
}

static slu_status
list_scan_open(slu_sql_table *base, const slu_sql_scan_spec *spec, slu_sql_scan **out, slu_error *err)
{
    list_table *self = (list_table *)base;
    struct ArrowSchema schema = {0};
    struct ArrowArray whole = {0};
    int32_t pick[SLU_SQL_COLUMNS_MAX];
    struct ArrowArray rows = {0};
    for (uint32_t i = 0; i < spec->column_count; i++)
        pick[i] = (int32_t)spec->columns[i];
    slu_status status = list_batch(self, &schema, &whole, err);
    if (status == SLU_OK)
        status = slu_array_pick(&whole, pick, spec->column_count, &rows, err);
    slu_schema_release(&schema);
    return status == SLU_OK ? cli_array_scan_new(&rows, out, err) : status;
}

static void
list_close(slu_sql_table *base)
{
    list_table *self = (list_table *)base;
    slu_schema_release(&self->schema);
    slu_array_release(&self->array);
    iceberg_table_fini(&self->moment);
    slu_free(self);
}

slu_status
cli_lake_list_new(const cli_lake *lake, const char *database, const char *table, const char *what, slu_sql_table **out,
                  slu_error *err)
{
    list_table *self = slu_alloc_zero(1, sizeof *self);
    if (self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for table %s.%s", database, table);
    self->lake = lake;
    self->files = strcmp(what, "files") == 0;
    slu_status status = iceberg_catalog_load(cli_lake_catalog(lake), database, table, &self->moment, err);
    if (status == SLU_OK)
        status = list_batch(self, &self->schema, &self->array, err);
    if (status != SLU_OK) {
        list_close(&self->base);
        return status;
    }
    slu_array_release(&self->array);
    self->base = (slu_sql_table){.schema = &self->schema, .scan = list_scan_open, .close = list_close};
    *out = &self->base;
    return SLU_OK;
}
