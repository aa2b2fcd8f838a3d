#include "changelog_table.h"

#include "base/alloc.h"
#include "scan_log.h"

#include <string.h>

#include <sluice/sdk/columns_build.h>

#define OWN_COLUMNS 3 /* _change_type, _log_offset, _commit_timestamp */

typedef struct changelog_table {
    slu_sql_table base; /* first */
    fluss_target *target;
    struct ArrowSchema schema;
    int64_t *start;
    int64_t *stop;
    int32_t numbers;
} changelog_table;

typedef struct changelog_scan {
    slu_sql_scan base; /* first */
    const changelog_table *of;
    fluss_scanner *scanner;
    uint32_t columns[SLU_SQL_COLUMNS_MAX]; /* wanted, of the schema */
    uint32_t column_count;
    uint32_t own_count; /* of them that are no columns of the table: the first ones */
} changelog_scan;

/* In the words of Fluss's connector. */
static const char *
change_word(uint8_t kind)
{
    static const char *const words[] = {[SLU_ROW_APPEND] = "insert",
                                        [SLU_ROW_INSERT] = "insert",
                                        [SLU_ROW_UPDATE_BEFORE] = "update_before",
                                        [SLU_ROW_UPDATE_AFTER] = "update_after",
                                        [SLU_ROW_DELETE] = "delete"};
    return kind <= SLU_ROW_DELETE ? words[kind] : "";
}

static slu_status
own_column(uint32_t column, const struct ArrowSchema *field, const fluss_scan_batch *batch, struct ArrowArray *out, slu_error *err)
{
    sdk_builder builder;
    SLU_TRY(sdk_builder_init(&builder, field->format, NULL));
    for (int64_t row = batch->first; row < batch->first + batch->count; row++) {
        if (column == 0)
            sdk_builder_text(&builder, change_word(batch->kinds == NULL ? SLU_ROW_APPEND : batch->kinds[row]));
        else
            sdk_builder_i64(&builder, column == 1 ? batch->base_offset + row : batch->commit_timestamp);
    }
    const slu_status status = sdk_builder_finish(&builder, out, err);
    sdk_builder_fini(&builder);
    return status;
}

/* The columns of our own in front of those that were read. */
static slu_status
columns_join(const changelog_scan *scan, fluss_scan_batch *batch, struct ArrowArray *out, slu_error *err)
{
    struct ArrowArray *made = slu_alloc_zero(scan->column_count + 1, sizeof *made);
    slu_status status = made == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a batch") : SLU_OK;
    for (uint32_t i = 0; i < scan->column_count && status == SLU_OK; i++) {
        if (i < scan->own_count) {
            status = own_column(scan->columns[i], scan->of->schema.children[scan->columns[i]], batch, &made[i], err);
            continue;
        }
        struct ArrowArray *read = batch->array.children[i - scan->own_count];
        slu_array_move(read, &made[i]);
        cli_rows_cut(&made[i], batch->first, batch->count);
    }
    if (status == SLU_OK)
        status = sdk_struct(made, scan->column_count, batch->count, out, err);
    for (uint32_t i = 0; made != NULL && i < scan->column_count; i++)
        slu_array_release(&made[i]);
    slu_free(made);
    return status;
}

static slu_status
scan_next(slu_sql_scan *base, slu_sql_batch *out, slu_error *err)
{
    changelog_scan *scan = (changelog_scan *)base;
    fluss_scan_batch batch;
    memset(out, 0, sizeof *out);
    SLU_TRY(cli_scan_log_next(scan->of->target, scan->scanner, &batch, err));
    const slu_status status = columns_join(scan, &batch, &out->array, err);
    out->rows = batch.count;
    fluss_scan_batch_fini(&batch);
    return status;
}

static void
scan_close(slu_sql_scan *base)
{
    changelog_scan *scan = (changelog_scan *)base;
    fluss_scanner_close(&scan->scanner);
    slu_free(scan);
}

/* Filters that are about columns of the table, by its own numbers. */
static uint32_t
table_filters(const slu_sql_scan_spec *spec, slu_sql_filter *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < spec->filter_count; i++) {
        if (spec->filters[i].column < OWN_COLUMNS)
            continue;
        out[count] = spec->filters[i];
        out[count++].column -= OWN_COLUMNS;
    }
    return count;
}

static slu_status
scan_begin(changelog_scan *scan, const slu_sql_scan_spec *spec, slu_error *err)
{
    const changelog_table *self = scan->of;
    const cli_range range = {self->start, self->stop, self->numbers};
    slu_sql_filter filters[SLU_SQL_FILTERS_MAX + 1];
    int32_t columns[SLU_SQL_COLUMNS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < spec->column_count; i++) {
        scan->columns[scan->column_count++] = spec->columns[i];
        if (spec->columns[i] < OWN_COLUMNS)
            scan->own_count++;
        else
            columns[count++] = (int32_t)(spec->columns[i] - OWN_COLUMNS);
    }
    if (count == 0) /* a projection of none is refused */
        columns[count++] = 0;
    return cli_scan_log_open(self->target, &range, filters, table_filters(spec, filters), columns, count, &scan->scanner, err);
}

static slu_status
table_scan(slu_sql_table *base, const slu_sql_scan_spec *spec, slu_sql_scan **out, slu_error *err)
{
    changelog_scan *scan = slu_alloc_zero(1, sizeof *scan);
    if (scan == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a scan");
    scan->base = (slu_sql_scan){.next = scan_next, .close = scan_close};
    scan->of = (const changelog_table *)base;
    const slu_status status = scan_begin(scan, spec, err);
    if (status != SLU_OK) {
        scan_close(&scan->base);
        return status;
    }
    *out = &scan->base;
    return SLU_OK;
}

static void
table_close(slu_sql_table *base)
{
    changelog_table *self = (changelog_table *)base;
    slu_schema_release(&self->schema);
    fluss_target_close(&self->target);
    slu_free(self->start);
    slu_free(self->stop);
    slu_free(self);
}

static slu_status
schema_make(changelog_table *self, const struct ArrowSchema *table, slu_error *err)
{
    static const char *const own[OWN_COLUMNS][2] = {{"_change_type", "u"}, {"_log_offset", "l"}, {"_commit_timestamp", "tsm:UTC"}};
    slu_status status = slu_schema_init_struct(&self->schema);
    for (int i = 0; i < OWN_COLUMNS && status == SLU_OK; i++)
        status = slu_schema_add(&self->schema, own[i][1], own[i][0], false);
    for (int64_t i = 0; i < table->n_children && status == SLU_OK; i++) {
        struct ArrowSchema *child = slu_schema_grow(&self->schema);
        status = child == NULL ? SLU_NOMEM : slu_schema_copy(table->children[i], child, err);
    }
    if (status == SLU_OK && self->schema.n_children > SLU_SQL_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d columns", SLU_SQL_COLUMNS_MAX);
    return status == SLU_OK ? SLU_OK : slu_error_set(err, status, "no memory for a schema");
}

slu_status
cli_changelog_table_new(fluss_target **target, const int64_t *start, const int64_t *stop, slu_sql_table **out, slu_error *err)
{
    changelog_table *self = slu_alloc_zero(1, sizeof *self);
    if (self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for table %s", fluss_target_name(*target));
    self->numbers = fluss_target_bucket_numbers(*target);
    slu_status status = cli_range_copy(start, stop, self->numbers, &self->start, &self->stop, err);
    if (status == SLU_OK)
        status = schema_make(self, &fluss_target_table(*target)->arrow, err);
    if (status != SLU_OK) {
        table_close(&self->base);
        return status;
    }
    self->target = slu_take(target);
    self->base = (slu_sql_table){.schema = &self->schema, .scan = table_scan, .close = table_close};
    *out = &self->base;
    return SLU_OK;
}
