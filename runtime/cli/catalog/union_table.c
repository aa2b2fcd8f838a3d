#include "union_table.h"

#include "base/alloc.h"
#include "batch/batch.h"
#include "fluss/record/key.h"
#include "log_table.h"

typedef struct union_table {
    slu_sql_table base; /* first */
    slu_sql_table *lake;
    slu_sql_table *log; /* owns the target */
    const fluss_table *table;
} union_table;

typedef struct union_scan {
    slu_sql_scan base; /* first */
    const union_table *of;
    slu_sql_scan *lake; /* NULL: at its end */
    slu_sql_scan *log;
    uint32_t column_count;    /* wanted; what lake batches hold beyond them are key columns */
    struct ArrowSchema keyed; /* of the lake's batches, when keys are compared */
} union_scan;

static void
scan_close(slu_sql_scan *base)
{
    union_scan *scan = (union_scan *)base;
    if (scan->lake != NULL)
        scan->lake->close(scan->lake);
    if (scan->log != NULL)
        scan->log->close(scan->log);
    slu_schema_release(&scan->keyed);
    slu_free(scan);
}

/* Keeps the rows whose key the log did not touch. */
static slu_status
untouched_select(const union_scan *scan, slu_sql_batch *batch, slu_error *err)
{
    const int64_t rows = batch->array.length;
    SLU_AUTO(slu_buf_fini) slu_buf keys;
    uint32_t *offsets = slu_alloc((size_t)(rows + 1) * sizeof *offsets);
    batch->selection = slu_alloc((size_t)rows * sizeof *batch->selection);
    slu_buf_init(&keys, (size_t)1 << 31);
    slu_status status = offsets == NULL || batch->selection == NULL
                            ? slu_error_set(err, SLU_NOMEM, "no memory for %lld keys", (long long)rows)
                            : SLU_OK;
    if (status == SLU_OK)
        status = fluss_table_keys(scan->of->table, &scan->keyed, &batch->array, NULL, rows, &keys, offsets, err);
    batch->rows = 0;
    for (int64_t row = 0; status == SLU_OK && row < rows; row++)
        if (!cli_log_scan_touched(scan->log, slu_view_of(keys.data + offsets[row], offsets[row + 1] - offsets[row])))
            batch->selection[batch->rows++] = (int32_t)row;
    slu_free(offsets);
    return status;
}

static slu_status
columns_first(slu_sql_batch *batch, uint32_t count, slu_error *err)
{
    int32_t pick[SLU_SQL_COLUMNS_MAX];
    struct ArrowArray whole;
    for (uint32_t i = 0; i < count; i++)
        pick[i] = (int32_t)i;
    slu_array_move(&batch->array, &whole);
    return slu_array_pick(&whole, pick, count, &batch->array, err);
}

static slu_status
lake_next(union_scan *scan, slu_sql_batch *out, slu_error *err)
{
    SLU_TRY(scan->lake->next(scan->lake, out, err));
    if (scan->of->table->key_column_count == 0)
        return SLU_OK;
    slu_status status = untouched_select(scan, out, err);
    if (status == SLU_OK)
        status = columns_first(out, scan->column_count, err);
    if (status != SLU_OK) {
        slu_array_release(&out->array);
        slu_free(out->selection);
        memset(out, 0, sizeof *out);
    }
    return status;
}

static slu_status
scan_next(slu_sql_scan *base, slu_sql_batch *out, slu_error *err)
{
    union_scan *scan = (union_scan *)base;
    if (scan->lake != NULL) {
        const slu_status status = lake_next(scan, out, err);
        if (status != SLU_END)
            return status;
        scan->lake->close(scan->lake);
        scan->lake = NULL;
    }
    return scan->log->next(scan->log, out, err);
}

/* The lake's columns that a scan needs: the wanted ones, then key columns that are not among them. */
static uint32_t
lake_columns(const union_table *self, const slu_sql_scan_spec *spec, uint32_t *columns)
{
    uint32_t count = 0;
    for (; count < spec->column_count; count++)
        columns[count] = spec->columns[count];
    for (size_t key = 0; key < self->table->key_column_count; key++) {
        bool there = false;
        for (uint32_t i = 0; i < count; i++)
            there = there || columns[i] == (uint32_t)self->table->key_columns[key];
        if (!there)
            columns[count++] = (uint32_t)self->table->key_columns[key];
    }
    return count;
}

static slu_status
keyed_schema(const union_table *self, const uint32_t *columns, uint32_t count, struct ArrowSchema *out, slu_error *err)
{
    struct ArrowSchema *children[2 * SLU_SQL_COLUMNS_MAX];
    for (uint32_t i = 0; i < count; i++)
        children[i] = self->lake->schema->children[columns[i]];
    const struct ArrowSchema shape = {.format = "+s", .name = "", .n_children = count, .children = children};
    return slu_schema_copy(&shape, out, err);
}

static slu_status
table_scan(slu_sql_table *base, const slu_sql_scan_spec *spec, slu_sql_scan **out, slu_error *err)
{
    const union_table *self = (const union_table *)base;
    uint32_t columns[2 * SLU_SQL_COLUMNS_MAX];
    slu_sql_scan_spec lake_spec = *spec;
    union_scan *scan = slu_alloc_zero(1, sizeof *scan);
    if (scan == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a scan");
    scan->base = (slu_sql_scan){.next = scan_next, .close = scan_close};
    scan->of = self;
    scan->column_count = spec->column_count;
    lake_spec.columns = columns;
    lake_spec.column_count = lake_columns(self, spec, columns);
    slu_status status = self->log->scan(self->log, spec, &scan->log, err);
    if (status == SLU_OK && self->table->key_column_count > 0)
        status = cli_log_scan_fold(scan->log, err);
    if (status == SLU_OK)
        status = keyed_schema(self, columns, lake_spec.column_count, &scan->keyed, err);
    if (status == SLU_OK)
        status = self->lake->scan(self->lake, &lake_spec, &scan->lake, err);
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
    union_table *self = (union_table *)base;
    self->lake->close(self->lake);
    self->log->close(self->log);
    slu_free(self);
}

/* The lake's columns begin with the table's own. */
static slu_status
columns_check(const slu_sql_table *lake, const fluss_target *target, slu_error *err)
{
    const struct ArrowSchema *own = &fluss_target_table(target)->arrow;
    for (int64_t i = 0; i < own->n_children; i++)
        if (i >= lake->schema->n_children || strcmp(own->children[i]->name, lake->schema->children[i]->name) != 0)
            return slu_error_set(err, SLU_UNSUPPORTED,
                                 "table %s: its lake table lacks column %s at its place; read $log and $lake by themselves",
                                 fluss_target_name(target), own->children[i]->name);
    return SLU_OK;
}

slu_status
cli_union_table_new(slu_sql_table **lake, fluss_target **target, const int64_t *start, const int64_t *stop, slu_sql_table **out,
                    slu_error *err)
{
    SLU_TRY(columns_check(*lake, *target, err));
    union_table *self = slu_alloc_zero(1, sizeof *self);
    if (self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for table %s", fluss_target_name(*target));
    self->table = fluss_target_table(*target);
    const slu_status status = cli_log_table_new(target, start, stop, false, &self->log, err);
    if (status != SLU_OK) {
        slu_free(self);
        return status;
    }
    self->lake = slu_take(lake);
    self->base = (slu_sql_table){.schema = &self->table->arrow, .scan = table_scan, .close = table_close};
    *out = &self->base;
    return SLU_OK;
}
