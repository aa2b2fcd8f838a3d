#include "few_scan.h"

#include "base/alloc.h"
#include "batch/batch.h"
#include "fluss/client/few_rows.h"
#include "fluss/client/lookup.h"
#include "key_filter.h"

#include <sluice/sdk/columns_build.h>

#define KEY_COLUMNS_MAX 128
#define LIMIT_MAX 1000 /* beyond it the changelog is the better way: an answer is one piece of memory */

typedef struct few_scan {
    slu_sql_scan base; /* first */
    fluss_target *target;
    slu_sql_batch *batches;
    size_t count;
    size_t next;
    int64_t left; /* of the limit */
    bool by_key;
    bool done;
    slu_error failure;
    int32_t pick[SLU_SQL_COLUMNS_MAX];
    uint32_t pick_count;
} few_scan;

static slu_status
scan_next(slu_sql_scan *base, slu_sql_batch *out, slu_error *err)
{
    few_scan *scan = (few_scan *)base;
    (void)err;
    if (scan->next == scan->count)
        return SLU_END;
    *out = scan->batches[scan->next];
    memset(&scan->batches[scan->next++], 0, sizeof *out);
    return SLU_OK;
}

static void
scan_close(slu_sql_scan *base)
{
    few_scan *scan = (few_scan *)base;
    for (size_t i = scan->next; i < scan->count; i++)
        slu_array_release(&scan->batches[i].array);
    slu_free(scan->batches);
    slu_free(scan);
}

static void
scan_say(const slu_sql_scan *base, slu_buf *out)
{
    slu_buf_text(out, ((const few_scan *)base)->by_key ? "looked up by key" : "limit scan");
}

/* Takes a batch of the wanted columns. */
static slu_status
batch_take(few_scan *scan, struct ArrowArray *array, slu_error *err)
{
    slu_sql_batch *batches = slu_realloc(scan->batches, (scan->count + 1) * sizeof *batches);
    if (batches == NULL) {
        slu_array_release(array);
        return slu_error_set(err, SLU_NOMEM, "no memory for rows");
    }
    scan->batches = batches;
    batches[scan->count++] = (slu_sql_batch){.array = *array, .rows = array->length};
    return SLU_OK;
}

/* ---- By key ---------------------------------------------------------------------------------------------------------------------- */

static void
looked_up(void *context, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    few_scan *scan = context;
    struct ArrowArray picked;
    (void)token;
    scan->done = true;
    if (failure != NULL) {
        scan->failure = *failure;
    } else if (found[0] == 0) {
        slu_array_release(values);
    } else if (slu_array_pick(values, scan->pick, scan->pick_count, &picked, &scan->failure) == SLU_OK) {
        (void)batch_take(scan, &picked, &scan->failure);
    }
}

static slu_status
key_ask(few_scan *scan, const cli_key *key, slu_error *err)
{
    SLU_AUTO(fluss_lookup_close) fluss_lookup *lookup = NULL;
    SLU_TRY(fluss_lookup_open(scan->target, looked_up, scan, &lookup, err));
    SLU_TRY(fluss_lookup_submit(lookup, 0, &key->schema, &key->row, NULL, 1, err));
    SLU_TRY(fluss_client_wait(fluss_target_client(scan->target), &scan->done, FLUSS_LOOKUP_TIMEOUT_MS, "a lookup", err));
    if (scan->failure.status != SLU_OK && err != NULL)
        *err = scan->failure;
    return scan->failure.status;
}

/* Whether Fluss has the partition of the key: one that was dropped there may live on in the lake. */
static slu_status
partition_there(fluss_target *target, const cli_key *key, bool *there, slu_error *err)
{
    int32_t slot = 0;
    const int32_t known = fluss_target_slot_count(target);
    SLU_TRY(fluss_target_slots(target, &key->schema, &key->row, NULL, 1, &slot, err));
    *there = slot < known && !fluss_target_slot(target, slot).gone;
    return SLU_OK;
}

static slu_status
by_key(few_scan *scan, const slu_sql_scan_spec *spec, bool lake_too, bool *answered, slu_error *err)
{
    const fluss_table *table = fluss_target_table(scan->target);
    int32_t columns[KEY_COLUMNS_MAX];
    cli_key key;
    size_t count = 0;
    *answered = false;
    if (table->key_column_count + table->partition_column_count > KEY_COLUMNS_MAX)
        return SLU_OK;
    for (size_t i = 0; i < table->key_column_count; i++)
        columns[count++] = table->key_columns[i];
    for (size_t i = 0; i < table->partition_column_count; i++)
        columns[count++] = table->partition_columns[i];
    if (!cli_key_of(table, columns, count, spec->filters, spec->filter_count, &key))
        return SLU_OK;
    slu_status status = SLU_OK;
    *answered = true;
    if (lake_too)
        status = partition_there(scan->target, &key, answered, err);
    if (status == SLU_OK && *answered)
        status = key_ask(scan, &key, err);
    scan->by_key = true;
    cli_key_fini(&key);
    return status;
}

/* ---- A few -----------------------------------------------------------------------------------------------------------------------*/

/* Copies: what is found is only lent. */
static slu_status
rows_copy(few_scan *scan, const struct ArrowArray *array, int64_t first, int64_t count, slu_error *err)
{
    const struct ArrowSchema *schema = &fluss_target_table(scan->target)->arrow;
    struct ArrowArray *made = slu_alloc_zero(scan->pick_count + 1, sizeof *made);
    struct ArrowArray batch;
    int32_t rows[LIMIT_MAX];
    slu_status status = made == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for rows") : SLU_OK;
    for (int64_t i = 0; i < count; i++)
        rows[i] = (int32_t)(first + i);
    for (uint32_t i = 0; i < scan->pick_count && status == SLU_OK; i++) {
        const slu_column from = slu_column_view(schema->children[scan->pick[i]]->format, array->children[scan->pick[i]]);
        status = sdk_gather(schema->children[scan->pick[i]], &from, rows, count, NULL, &made[i], err);
    }
    if (status == SLU_OK)
        status = sdk_struct(made, scan->pick_count, count, &batch, err);
    for (uint32_t i = 0; made != NULL && i < scan->pick_count; i++)
        slu_array_release(&made[i]);
    slu_free(made);
    return status == SLU_OK ? batch_take(scan, &batch, err) : status;
}

static void
few_found(void *context, const struct ArrowArray *array, int64_t first, int64_t count)
{
    few_scan *scan = context;
    const int64_t wanted = count < scan->left ? count : scan->left;
    if (scan->failure.status == SLU_OK && wanted > 0 && rows_copy(scan, array, first, wanted, &scan->failure) == SLU_OK)
        scan->left -= wanted;
}

static slu_status
by_limit(few_scan *scan, const slu_sql_scan_spec *spec, slu_error *err)
{
    const int32_t numbers = fluss_target_bucket_numbers(scan->target);
    scan->left = spec->limit;
    for (int32_t bucket = 0; bucket < numbers && scan->left > 0; bucket++) {
        if (fluss_target_slot(scan->target, fluss_target_slot_of(scan->target, bucket)).gone)
            continue;
        SLU_TRY(fluss_limit_scan(scan->target, bucket, (int32_t)scan->left, few_found, scan, err));
        if (scan->failure.status != SLU_OK) {
            if (err != NULL)
                *err = scan->failure;
            return scan->failure.status;
        }
    }
    return SLU_OK;
}

slu_status
cli_few_scan_new(fluss_target *target, const slu_sql_scan_spec *spec, bool lake_too, slu_sql_scan **out, slu_error *err)
{
    const bool limited = spec->limit > 0 && spec->limit <= LIMIT_MAX && spec->filter_count == 0 && !lake_too;
    few_scan *scan = slu_alloc_zero(1, sizeof *scan);
    bool answered = false;
    *out = NULL;
    if (scan == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a scan");
    scan->base = (slu_sql_scan){.next = scan_next, .close = scan_close, .say = scan_say};
    scan->target = target;
    for (; scan->pick_count < spec->column_count; scan->pick_count++)
        scan->pick[scan->pick_count] = (int32_t)spec->columns[scan->pick_count];
    slu_status status = by_key(scan, spec, lake_too, &answered, err);
    if (status == SLU_OK && !answered && limited) {
        status = by_limit(scan, spec, err);
        answered = true;
        scan->by_key = false;
    }
    if (status != SLU_OK || !answered)
        scan_close(&scan->base);
    else
        *out = &scan->base;
    return status;
}
