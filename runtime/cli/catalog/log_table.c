#include "log_table.h"

#include "base/alloc.h"
#include "few_scan.h"
#include "fold.h"
#include "scan_log.h"
#include "snapshot_rows.h"

#include <inttypes.h>

typedef struct log_table {
    slu_sql_table base; /* first */
    fluss_target *target;
    int64_t *start;
    int64_t *stop;
    int32_t numbers; /* bucket numbers when it was opened */
    bool whole;      /* kv snapshots may stand for the older part of the changelog */
} log_table;

typedef struct log_scan {
    slu_sql_scan base; /* first */
    log_table *of;
    fluss_scanner *scanner;
    cli_fold *fold; /* a primary-key table's */
    bool folded;
    int64_t rows_read;
    uint32_t column_count; /* wanted ones; what the scanner reads beyond them is dropped */
} log_scan;

/* Cuts the columns behind the wanted ones, which only the fold needed. */
static void
columns_cut(struct ArrowArray *array, uint32_t count)
{
    for (int64_t i = count; i < array->n_children; i++)
        array->children[i]->release(array->children[i]);
    array->n_children = count;
}

static slu_status
fold_all(log_scan *scan, slu_error *err)
{
    fluss_scan_batch batch;
    slu_status status;
    while ((status = cli_scan_log_next(scan->of->target, scan->scanner, &batch, err)) == SLU_OK) {
        scan->rows_read += batch.count;
        SLU_TRY(cli_fold_add(scan->fold, &batch, err));
    }
    scan->folded = status == SLU_END;
    return status == SLU_END ? SLU_OK : status;
}

slu_status
cli_log_scan_fold(slu_sql_scan *scan, slu_error *err)
{
    log_scan *mine = (log_scan *)scan;
    return mine->folded ? SLU_OK : fold_all(mine, err);
}

bool
cli_log_scan_touched(const slu_sql_scan *scan, int32_t slot, slu_view key)
{
    return cli_fold_touched(((const log_scan *)scan)->fold, slot, key);
}

static slu_status
scan_next(slu_sql_scan *base, slu_sql_batch *out, slu_error *err)
{
    log_scan *scan = (log_scan *)base;
    fluss_scan_batch batch;
    if (scan->fold != NULL) {
        if (!scan->folded)
            SLU_TRY(fold_all(scan, err));
        SLU_TRY(cli_fold_next(scan->fold, out, err));
        columns_cut(&out->array, scan->column_count);
        return SLU_OK;
    }
    SLU_TRY(cli_scan_log_next(scan->of->target, scan->scanner, &batch, err));
    *out = (slu_sql_batch){.array = batch.array, .rows = batch.count};
    batch.array.release = NULL;
    columns_cut(&out->array, scan->column_count);
    for (int64_t i = 0; i < out->array.n_children; i++)
        cli_rows_cut(out->array.children[i], batch.first, batch.count);
    out->array.length = batch.count;
    scan->rows_read += batch.count;
    fluss_scan_batch_fini(&batch);
    return SLU_OK;
}

static void
scan_close(slu_sql_scan *base)
{
    log_scan *scan = (log_scan *)base;
    cli_fold_free(&scan->fold);
    fluss_scanner_close(&scan->scanner);
    slu_free(scan);
}

static void
scan_say(const slu_sql_scan *base, slu_buf *out)
{
    const log_scan *scan = (const log_scan *)base;
    if (scan->rows_read > 0)
        slu_buf_printf(out, "%" PRId64 " log rows read", scan->rows_read);
}

static bool
has_column(const int32_t *columns, uint32_t count, int32_t column)
{
    for (uint32_t i = 0; i < count; i++)
        if (columns[i] == column)
            return true;
    return false;
}

/* The wanted columns, then the key columns that a fold needs too; at least one, since a projection of none is refused. */
static uint32_t
columns_wanted(const fluss_table *table, const slu_sql_scan_spec *spec, int32_t *columns)
{
    uint32_t count = 0;
    for (; count < spec->column_count; count++)
        columns[count] = (int32_t)spec->columns[count];
    for (size_t i = 0; i < table->key_column_count; i++)
        if (!has_column(columns, count, table->key_columns[i]))
            columns[count++] = table->key_columns[i];
    if (count == 0)
        columns[count++] = 0;
    return count;
}

static slu_status
fold_take(void *context, fluss_scan_batch *batch, slu_error *err)
{
    return cli_fold_add(context, batch, err);
}

/* The rows of the snapshots go into the fold; *range (copies) begins behind them. */
static slu_status
scan_snapshots(log_scan *scan, const slu_sql_scan_spec *spec, const int32_t *columns, uint32_t count, int64_t *start, int64_t *stop,
               slu_error *err)
{
    fluss_target *target = scan->of->target;
    bool *wanted = slu_alloc_zero((size_t)fluss_target_slot_count(target) + 1, sizeof *wanted);
    if (wanted == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a scan");
    cli_slots_wanted(target, spec->filters, spec->filter_count, wanted);
    const int32_t slots_known = scan->of->numbers / fluss_target_table(target)->bucket_count;
    for (int32_t slot = slots_known; slot < fluss_target_slot_count(target); slot++)
        wanted[slot] = false; /* partitions that were found since are not in the range */
    const slu_status status = cli_snapshot_rows(target, start, stop, wanted, columns, count, fold_take, scan->fold, err);
    slu_free(wanted);
    return status;
}

/* What the snapshots gave is not read from the log. */
static slu_status
scan_move(log_scan *scan, const int64_t *start, const int64_t *stop, slu_error *err)
{
    const log_table *self = scan->of;
    for (int32_t bucket = 0; bucket < self->numbers; bucket++) {
        if (start[bucket] == self->start[bucket] && stop[bucket] == self->stop[bucket])
            continue;
        if (start[bucket] >= stop[bucket])
            fluss_scanner_remove(scan->scanner, bucket);
        else
            SLU_TRY(fluss_scanner_add(scan->scanner, bucket, start[bucket], stop[bucket], err));
    }
    return SLU_OK;
}

static slu_status
scan_begin(log_scan *scan, const slu_sql_scan_spec *spec, int64_t *start, int64_t *stop, slu_error *err)
{
    const log_table *self = scan->of;
    const fluss_table *table = fluss_target_table(self->target);
    int32_t columns[2 * SLU_SQL_COLUMNS_MAX];
    const uint32_t count = columns_wanted(table, spec, columns);
    const cli_range range = {self->start, self->stop, self->numbers};
    SLU_TRY(cli_scan_log_open(self->target, &range, spec->filters, spec->filter_count, columns, count, &scan->scanner, err));
    if (table->key_column_count > 0)
        SLU_TRY(cli_fold_new(table, fluss_scanner_schema(scan->scanner), &scan->fold, err));
    if (!self->whole)
        return SLU_OK;
    memcpy(start, self->start, (size_t)self->numbers * sizeof *start);
    memcpy(stop, self->stop, (size_t)self->numbers * sizeof *stop);
    SLU_TRY(scan_snapshots(scan, spec, columns, count, start, stop, err));
    return scan_move(scan, start, stop, err);
}

static slu_status
table_scan(slu_sql_table *base, const slu_sql_scan_spec *spec, slu_sql_scan **out, slu_error *err)
{
    log_table *self = (log_table *)base;
    if (self->whole) {
        SLU_TRY(cli_few_scan_new(self->target, spec, false, out, err));
        if (*out != NULL)
            return SLU_OK;
    }
    log_scan *scan = slu_alloc_zero(1, sizeof *scan);
    int64_t *range = slu_alloc(((size_t)self->numbers * 2 + 1) * sizeof *range);
    if (scan == NULL || range == NULL) {
        slu_free(scan);
        slu_free(range);
        return slu_error_set(err, SLU_NOMEM, "no memory for a scan");
    }
    scan->base = (slu_sql_scan){.next = scan_next, .close = scan_close, .say = scan_say};
    scan->of = self;
    scan->column_count = spec->column_count;
    const slu_status status = scan_begin(scan, spec, range, range + self->numbers, err);
    slu_free(range);
    if (status != SLU_OK) {
        scan_close(&scan->base);
        return status;
    }
    *out = &scan->base;
    return SLU_OK;
}

/* Each offset of a log table is a row: Fluss's own connector counts so, too. */
static slu_status
table_count(slu_sql_table *base, int64_t *rows, slu_error *err)
{
    const log_table *self = (const log_table *)base;
    (void)err;
    *rows = 0;
    for (int32_t bucket = 0; bucket < self->numbers; bucket++) {
        if (self->start[bucket] < 0)
            return SLU_UNSUPPORTED; /* where it begins is not known */
        *rows += self->stop[bucket] > self->start[bucket] ? self->stop[bucket] - self->start[bucket] : 0;
    }
    return SLU_OK;
}

static void
table_close(slu_sql_table *base)
{
    log_table *self = (log_table *)base;
    fluss_target_close(&self->target);
    slu_free(self->start);
    slu_free(self->stop);
    slu_free(self);
}

slu_status
cli_log_table_new(fluss_target **target, const int64_t *start, const int64_t *stop, bool whole, slu_sql_table **out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(*target);
    const int32_t numbers = fluss_target_bucket_numbers(*target);
    if (table->arrow.n_children > SLU_SQL_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "table %s has more than %d columns", fluss_target_name(*target), SLU_SQL_COLUMNS_MAX);
    log_table *self = slu_alloc_zero(1, sizeof *self);
    if (self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for table %s", fluss_target_name(*target));
    const slu_status status = cli_range_copy(start, stop, numbers, &self->start, &self->stop, err);
    if (status != SLU_OK) {
        table_close(&self->base);
        return status;
    }
    self->numbers = numbers;
    self->whole = whole && table->key_column_count > 0;
    self->target = slu_take(target);
    self->base = (slu_sql_table){.schema = &table->arrow,
                                 .count = table->key_column_count > 0 ? NULL : table_count,
                                 .scan = table_scan,
                                 .close = table_close};
    *out = &self->base;
    return SLU_OK;
}
