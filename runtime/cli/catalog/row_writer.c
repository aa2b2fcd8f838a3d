#include "row_writer.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "fluss/client/writer.h"
#include "fluss/record/key.h"

#include <sluice/sdk/columns_build.h>
#include <sluice/sdk/rows.h>

#define DELIVERY_TIMEOUT_MS 120000 /* a person waits: a server that is gone is said */

struct cli_row_writer {
    fluss_target *target;
    fluss_writer *writer;
    uint64_t rows;
    int64_t stored;  /* rows that were acknowledged */
    int64_t waiting; /* rows in the builders */
    uint32_t column_count;
    sdk_builder builders[SLU_COLUMNS_MAX];
    bool nullable[SLU_COLUMNS_MAX];
    bool given[SLU_COLUMNS_MAX]; /* of the row at hand */
    uint32_t next_bucket;        /* of a table without a bucket key */
    int32_t slots[CLI_ROWS];
    int32_t buckets[CLI_ROWS];
    int32_t selected[CLI_ROWS];
};

static const struct ArrowSchema *
table_arrow(const cli_row_writer *w)
{
    return &fluss_target_table(w->target)->arrow;
}

static slu_status
columns_begin(cli_row_writer *w, slu_error *err)
{
    for (int64_t c = 0; c < table_arrow(w)->n_children; c++) {
        const struct ArrowSchema *field = table_arrow(w)->children[c];
        if (c == SLU_COLUMNS_MAX || sdk_builder_init(&w->builders[c], field->format, NULL) != SLU_OK)
            return slu_error_set(err, SLU_UNSUPPORTED, "column %s has a nested type, which is not written here", field->name);
        w->nullable[c] = slu_schema_nullable(field);
        w->column_count++;
    }
    return SLU_OK;
}

static void
on_ack(void *context, const fluss_ack *ack)
{
    ((cli_row_writer *)context)->stored += ack->rows;
}

slu_status
cli_row_writer_open(fluss_target *target, cli_row_writer **out, slu_error *err)
{
    SLU_AUTO(cli_row_writer_close) cli_row_writer *w = slu_alloc_zero(1, sizeof *w);
    if (w == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to write rows");
    w->target = target;
    SLU_TRY(columns_begin(w, err));
    const fluss_writer_options options = {.delivery_timeout_ms = DELIVERY_TIMEOUT_MS, .on_ack = on_ack, .context = w};
    SLU_TRY(fluss_writer_open(target, &options, &w->writer, err));
    *out = slu_take(&w);
    return SLU_OK;
}

void
cli_row_writer_close(cli_row_writer **writer)
{
    cli_row_writer *w = slu_take(writer);
    if (w == NULL)
        return;
    fluss_writer_close(&w->writer);
    for (uint32_t c = 0; c < w->column_count; c++)
        sdk_builder_fini(&w->builders[c]);
    slu_free(w);
}

slu_status
cli_row_writer_value(cli_row_writer *w, int32_t column, const char *text, size_t bytes, slu_error *err)
{
    const char *name = table_arrow(w)->children[column]->name;
    if (w->given[column])
        return slu_error_set(err, SLU_INVALID, "column %s comes twice", name);
    w->given[column] = true;
    if (w->builders[column].type.id == SLU_TYPE_BOOL && bytes == 1 && (*text == '0' || *text == '1')) { /* as SQL and CSV have it */
        bytes = *text == '1' ? 4 : 5;
        text = *text == '1' ? "true" : "false";
    }
    return slu_error_in(err, sdk_value_parse(&w->builders[column], text, bytes, err), "column %s", name);
}

static slu_status
batch_make(cli_row_writer *w, struct ArrowArray *out, slu_error *err)
{
    struct ArrowArray *columns = slu_alloc_zero(w->column_count, sizeof *columns);
    slu_status status = columns == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a batch") : SLU_OK;
    for (uint32_t c = 0; c < w->column_count && status == SLU_OK; c++)
        status = sdk_builder_finish(&w->builders[c], &columns[c], err);
    if (status == SLU_OK)
        status = sdk_struct(columns, w->column_count, w->waiting, out, err);
    for (uint32_t c = 0; c < w->column_count && columns != NULL; c++)
        slu_array_release(&columns[c]);
    slu_free(columns);
    return status;
}

static slu_status
bucket_write(cli_row_writer *w, int32_t bucket, const struct ArrowArray *array, const int32_t *rows, int64_t count, slu_error *err)
{
    for (;;) {
        const slu_status status = fluss_writer_write(w->writer, bucket, table_arrow(w), array, rows, count, NULL, err);
        if (status != SLU_AGAIN)
            return status;
        SLU_TRY(fluss_client_stop_check(fluss_target_client(w->target), err));
        fluss_client_step(fluss_target_client(w->target), 100);
        const slu_status alive = fluss_writer_poll(w->writer, err);
        if (alive < 0)
            return alive;
    }
}

/* The bucket number of each row. */
static slu_status
rows_place(cli_row_writer *w, const struct ArrowArray *array, int32_t *buckets, slu_error *err)
{
    const fluss_table *table = fluss_target_table(w->target);
    if (table->bucket_column_count == 0) {
        const int32_t bucket = (int32_t)(w->next_bucket++ % (uint32_t)table->bucket_count);
        for (int64_t i = 0; i < w->waiting; i++)
            buckets[i] = bucket;
    } else {
        SLU_TRY(fluss_table_buckets(table, table_arrow(w), array, NULL, w->waiting, buckets, err));
    }
    SLU_TRY(fluss_target_slots(w->target, table_arrow(w), array, NULL, w->waiting, w->slots, err));
    for (int64_t i = 0; i < w->waiting; i++)
        buckets[i] += w->slots[i] * table->bucket_count;
    return SLU_OK;
}

static slu_status
buckets_write(cli_row_writer *w, const struct ArrowArray *array, slu_error *err)
{
    SLU_TRY(rows_place(w, array, w->buckets, err));
    const int32_t numbers = fluss_target_bucket_numbers(w->target);
    for (int32_t bucket = 0; bucket < numbers; bucket++) {
        int64_t count = 0;
        for (int32_t i = 0; i < (int32_t)w->waiting; i++)
            if (w->buckets[i] == bucket)
                w->selected[count++] = i;
        if (count != 0)
            SLU_TRY(bucket_write(w, bucket, array, w->selected, count, err));
    }
    return SLU_OK;
}

static slu_status
flush(cli_row_writer *w, slu_error *err)
{
    struct ArrowArray array = {0};
    if (w->waiting == 0)
        return SLU_OK;
    slu_status status = batch_make(w, &array, err);
    if (status == SLU_OK)
        status = buckets_write(w, &array, err);
    slu_array_release(&array);
    w->waiting = 0;
    return status;
}

slu_status
cli_row_writer_row(cli_row_writer *w, slu_error *err)
{
    for (uint32_t c = 0; c < w->column_count; c++) {
        if (w->given[c]) {
            w->given[c] = false;
            continue;
        }
        if (!w->nullable[c])
            return slu_error_set(err, SLU_INVALID, "column %s is missing, and it is NOT NULL", table_arrow(w)->children[c]->name);
        sdk_builder_null(&w->builders[c]);
    }
    w->waiting++;
    w->rows++;
    return w->waiting == CLI_ROWS ? flush(w, err) : SLU_OK;
}

slu_status
cli_row_writer_finish(cli_row_writer *w, int64_t timeout_ms, slu_error *err)
{
    SLU_TRY(flush(w, err));
    return fluss_writer_wait(w->writer, timeout_ms, err);
}

int64_t
cli_row_writer_stored(cli_row_writer *w, int64_t timeout_ms)
{
    slu_error why;
    const slu_status status = fluss_writer_wait(w->writer, timeout_ms, &why);
    (void)status; /* it failed before, and that was said */
    return w->stored;
}

uint64_t
cli_row_writer_rows(const cli_row_writer *w)
{
    return w->rows;
}
