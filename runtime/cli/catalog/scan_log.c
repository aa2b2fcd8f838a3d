#include "scan_log.h"

#include "base/alloc.h"
#include "key_filter.h"
#include "log_table.h"

#include <stdlib.h>

#define STEP_MS 100

/* ---- Partitions that a query leaves out ---- */

/* The value of the k-th key in "a$b$c". */
static slu_view
key_value(const char *name, size_t k)
{
    for (; k > 0 && name != NULL; k--) {
        name = strchr(name, '$');
        name = name == NULL ? NULL : name + 1;
    }
    if (name == NULL)
        return slu_view_of("", 0);
    const char *end = strchr(name, '$');
    return slu_view_of(name, end == NULL ? strlen(name) : (size_t)(end - name));
}

static bool
order_fits(uint32_t op, int order)
{
    switch (op) {
    case SLU_SQL_EQ: return order == 0;
    case SLU_SQL_GT: return order > 0;
    case SLU_SQL_GE: return order >= 0;
    case SLU_SQL_LT: return order < 0;
    case SLU_SQL_LE: return order <= 0;
    default: return true;
    }
}

/* Only texts and whole numbers are compared: what their names say is what their rows hold. */
static bool
value_fits(const slu_sql_filter *filter, const fluss_type *type, slu_view value)
{
    char digits[32];
    if (filter->type == 3 && type->id == FLUSS_TYPE_STRING) {
        const size_t bytes = strlen(filter->text);
        const int order = memcmp(value.data, filter->text, value.bytes < bytes ? value.bytes : bytes);
        return order_fits(filter->op, order != 0 ? order : (value.bytes > bytes) - (value.bytes < bytes));
    }
    if (filter->type != 1 || type->id < FLUSS_TYPE_TINYINT || type->id > FLUSS_TYPE_BIGINT || value.bytes >= sizeof digits)
        return true;
    memcpy(digits, value.data, value.bytes);
    digits[value.bytes] = 0;
    const int64_t number = strtoll(digits, NULL, 10);
    return order_fits(filter->op, (number > filter->i64) - (number < filter->i64));
}

static bool
slot_wanted(const fluss_target *target, int32_t slot, const slu_sql_filter *filters, uint32_t count)
{
    const fluss_table *table = fluss_target_table(target);
    for (uint32_t f = 0; f < count; f++)
        for (size_t k = 0; k < table->partition_column_count; k++)
            if (table->partition_columns[k] == (int32_t)filters[f].column &&
                !value_fits(&filters[f], &table->descriptor->schema.columns[table->partition_columns[k]].type,
                            key_value(fluss_target_slot(target, slot).name, k)))
                return false;
    return true;
}

void
cli_slots_wanted(const fluss_target *target, const slu_sql_filter *filters, uint32_t filter_count, bool *out)
{
    for (int32_t slot = 0; slot < fluss_target_slot_count(target); slot++)
        out[slot] = slot_wanted(target, slot, filters, filter_count);
}

slu_status
cli_range_copy(const int64_t *start, const int64_t *stop, int32_t numbers, int64_t **out_start, int64_t **out_stop, slu_error *err)
{
    const size_t bytes = (size_t)numbers * sizeof *start;
    *out_start = slu_alloc(bytes + 1);
    *out_stop = slu_alloc(bytes + 1);
    if (*out_start == NULL || *out_stop == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", numbers);
    memcpy(*out_start, start, bytes);
    memcpy(*out_stop, stop, bytes);
    return SLU_OK;
}

void
cli_rows_cut(struct ArrowArray *column, int64_t first, int64_t count)
{
    column->offset += first;
    column->length = count;
    if (column->null_count != 0)
        column->null_count = -1;
}

slu_status
cli_scan_log_open(fluss_target *target, const cli_range *range, const slu_sql_filter *filters, uint32_t filter_count,
                  const int32_t *columns, uint32_t column_count, fluss_scanner **out, slu_error *err)
{
    fluss_scanner *scanner = NULL;
    const int32_t only = cli_bucket_wanted(fluss_target_table(target), filters, filter_count);
    const int32_t bucket_count = fluss_target_table(target)->bucket_count;
    SLU_TRY(fluss_scanner_open(target, &(fluss_scanner_options){.columns = columns, .column_count = column_count}, &scanner, err));
    for (int32_t bucket = 0; bucket < range->numbers; bucket++) {
        if (range->start[bucket] >= range->stop[bucket] || (only >= 0 && bucket % bucket_count != only) ||
            !slot_wanted(target, fluss_target_slot_of(target, bucket), filters, filter_count))
            continue;
        const slu_status status = fluss_scanner_add(scanner, bucket, range->start[bucket], range->stop[bucket], err);
        if (status != SLU_OK) {
            fluss_scanner_close(&scanner);
            return status;
        }
    }
    *out = scanner;
    return SLU_OK;
}

/* ---- Batches ---- */

static slu_status
wait_a_step(const fluss_target *target, slu_error *err)
{
    SLU_TRY(fluss_client_stop_check(fluss_target_client(target), err));
    fluss_client_step(fluss_target_client(target), STEP_MS);
    return SLU_OK;
}

slu_status
cli_scan_log_next(fluss_target *target, fluss_scanner *scanner, fluss_scan_batch *out, slu_error *err)
{
    const slu_env *env = fluss_client_env(fluss_target_client(target));
    const int64_t deadline_ms = slu_now_ms(env) + LOG_TABLE_TIMEOUT_MS;
    for (;;) {
        const slu_status status = fluss_scanner_poll(scanner, out, err);
        if (status == SLU_OK && out->count > 0)
            return SLU_OK;
        if (status == SLU_OK)
            fluss_scan_batch_fini(out);
        else if (status != SLU_AGAIN)
            return status;
        else if (slu_now_ms(env) >= deadline_ms)
            return slu_error_set(err, SLU_TIMEOUT, "table %s: no answer for %d ms", fluss_target_name(target),
                                 LOG_TABLE_TIMEOUT_MS);
        else
            SLU_TRY(wait_a_step(target, err));
    }
}
