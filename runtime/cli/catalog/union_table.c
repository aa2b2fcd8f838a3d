#include "union_table.h"

#include "base/alloc.h"
#include "batch/batch.h"
#include "few_scan.h"
#include "fluss/record/key.h"
#include "lake_types.h"
#include "log_table.h"

typedef struct union_table {
    slu_sql_table base; /* first */
    slu_sql_table *lake;
    slu_sql_table *log; /* owns the target */
    fluss_target *target;
    const fluss_table *table;
} union_table;

typedef struct union_scan {
    slu_sql_scan base; /* first */
    const union_table *of;
    slu_sql_scan *lake;
    bool lake_over;
    slu_sql_scan *log;
    uint32_t column_count;    /* wanted; what lake batches hold beyond them are key columns */
    struct ArrowSchema given; /* of the lake's batches, as it holds them */
    struct ArrowSchema keyed; /* the same in the table's own types, which keys are compared in */
} union_scan;

static void
scan_close(slu_sql_scan *base)
{
    union_scan *scan = (union_scan *)base;
    if (scan->lake != NULL)
        scan->lake->close(scan->lake);
    if (scan->log != NULL)
        scan->log->close(scan->log);
    slu_schema_release(&scan->given);
    slu_schema_release(&scan->keyed);
    slu_free(scan);
}

typedef struct key_rows {
    slu_buf keys;
    uint32_t *offsets;
    int32_t *slots; /* the partition of each */
} key_rows;

static slu_status
keys_find(const union_scan *scan, const struct ArrowArray *array, key_rows *out, slu_error *err)
{
    const int64_t rows = array->length;
    slu_buf_init(&out->keys, (size_t)1 << 31);
    out->offsets = slu_alloc((size_t)(rows + 1) * sizeof *out->offsets);
    out->slots = slu_alloc((size_t)(rows + 1) * sizeof *out->slots);
    if (out->offsets == NULL || out->slots == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %lld keys", (long long)rows);
    SLU_TRY(fluss_table_keys(scan->of->table, &scan->keyed, array, NULL, rows, &out->keys, out->offsets, err));
    return fluss_target_slots(scan->of->target, &scan->keyed, array, NULL, rows, out->slots, err);
}

/* Keeps the rows whose key the log did not touch. */
static slu_status
untouched_select(const union_scan *scan, slu_sql_batch *batch, slu_error *err)
{
    const int64_t rows = batch->array.length;
    key_rows of = {0};
    slu_status status = keys_find(scan, &batch->array, &of, err);
    batch->selection = slu_alloc((size_t)(rows + 1) * sizeof *batch->selection);
    if (status == SLU_OK && batch->selection == NULL)
        status = slu_error_set(err, SLU_NOMEM, "no memory for %lld rows", (long long)rows);
    batch->rows = 0;
    for (int64_t row = 0; status == SLU_OK && row < rows; row++)
        if (!cli_log_scan_touched(scan->log, of.slots[row],
                                  slu_view_of(of.keys.data + of.offsets[row], of.offsets[row + 1] - of.offsets[row])))
            batch->selection[batch->rows++] = (int32_t)row;
    slu_buf_fini(&of.keys);
    slu_free(of.offsets);
    slu_free(of.slots);
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
    const bool keyed = scan->of->table->key_column_count > 0;
    slu_status status = cli_lake_types_take(&scan->given, &scan->keyed, &out->array, err);
    if (status == SLU_OK && keyed)
        status = untouched_select(scan, out, err);
    if (status == SLU_OK && keyed)
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
    if (!scan->lake_over) {
        const slu_status status = lake_next(scan, out, err);
        if (status != SLU_END)
            return status;
        scan->lake_over = true;
    }
    return scan->log->next(scan->log, out, err);
}

static void
scan_say(const slu_sql_scan *base, slu_buf *out)
{
    const union_scan *scan = (const union_scan *)base;
    if (scan->lake->say != NULL)
        scan->lake->say(scan->lake, out);
    const size_t before = out->bytes;
    slu_buf_text(out, ", ");
    const size_t from = out->bytes;
    if (scan->log->say != NULL)
        scan->log->say(scan->log, out);
    if (out->bytes == from)
        out->bytes = before;
}

static uint32_t
columns_add(const int32_t *more, size_t more_count, uint32_t *columns, uint32_t count)
{
    for (size_t k = 0; k < more_count; k++) {
        bool there = false;
        for (uint32_t i = 0; i < count; i++)
            there = there || columns[i] == (uint32_t)more[k];
        if (!there)
            columns[count++] = (uint32_t)more[k];
    }
    return count;
}

/* The lake's columns that a scan needs: the wanted ones, then of a primary-key table those of the key and the partition, that are not among
 * them. */
static uint32_t
lake_columns(const union_table *self, const slu_sql_scan_spec *spec, uint32_t *columns)
{
    const fluss_table *table = self->table;
    uint32_t count = 0;
    for (; count < spec->column_count; count++)
        columns[count] = spec->columns[count];
    if (table->key_column_count == 0)
        return count;
    count = columns_add(table->key_columns, table->key_column_count, columns, count);
    return columns_add(table->partition_columns, table->partition_column_count, columns, count);
}

static slu_status
columns_schema(const struct ArrowSchema *from, const uint32_t *columns, uint32_t count, struct ArrowSchema *out, slu_error *err)
{
    struct ArrowSchema *children[2 * SLU_SQL_COLUMNS_MAX];
    for (uint32_t i = 0; i < count; i++)
        children[i] = from->children[columns[i]];
    const struct ArrowSchema shape = {.format = "+s", .name = "", .n_children = count, .children = children};
    return slu_schema_copy(&shape, out, err);
}

static slu_status
table_scan(slu_sql_table *base, const slu_sql_scan_spec *spec, slu_sql_scan **out, slu_error *err)
{
    const union_table *self = (const union_table *)base;
    uint32_t columns[2 * SLU_SQL_COLUMNS_MAX];
    slu_sql_scan_spec lake_spec = *spec;
    if (self->table->key_column_count > 0) {
        SLU_TRY(cli_few_scan_new(self->target, spec, fluss_target_partitioned(self->target), out, err));
        if (*out != NULL)
            return SLU_OK;
    }
    union_scan *scan = slu_alloc_zero(1, sizeof *scan);
    if (scan == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a scan");
    scan->base = (slu_sql_scan){.next = scan_next, .close = scan_close, .say = scan_say};
    scan->of = self;
    scan->column_count = spec->column_count;
    lake_spec.columns = columns;
    lake_spec.column_count = lake_columns(self, spec, columns);
    slu_status status = self->log->scan(self->log, spec, &scan->log, err);
    if (status == SLU_OK && self->table->key_column_count > 0)
        status = cli_log_scan_fold(scan->log, err);
    if (status == SLU_OK)
        status = columns_schema(self->lake->schema, columns, lake_spec.column_count, &scan->given, err);
    if (status == SLU_OK)
        status = columns_schema(&self->table->arrow, columns, lake_spec.column_count, &scan->keyed, err);
    if (status == SLU_OK)
        status = self->lake->scan(self->lake, &lake_spec, &scan->lake, err);
    if (status != SLU_OK) {
        scan_close(&scan->base);
        return status;
    }
    *out = &scan->base;
    return SLU_OK;
}

/* Of a log table: what the lake has, and what the log has behind it. */
static slu_status
table_count(slu_sql_table *base, int64_t *rows, slu_error *err)
{
    const union_table *self = (const union_table *)base;
    int64_t in_lake = 0;
    SLU_TRY(self->log->count(self->log, rows, err));
    SLU_TRY(self->lake->count(self->lake, &in_lake, err));
    *rows += in_lake;
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
    self->target = *target;
    self->table = fluss_target_table(*target);
    const slu_status status = cli_log_table_new(target, start, stop, false, &self->log, err);
    if (status != SLU_OK) {
        slu_free(self);
        return status;
    }
    self->lake = slu_take(lake);
    self->base = (slu_sql_table){.schema = &self->table->arrow,
                                 .count = self->table->key_column_count > 0 ? NULL : table_count,
                                 .scan = table_scan,
                                 .close = table_close};
    *out = &self->base;
    return SLU_OK;
}
