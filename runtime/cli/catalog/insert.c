/* insert.c: the rows of an INSERT. */
#include "change.h"

#include "base/alloc.h"
#include "fluss/record/descriptor.h"
#include "open.h"
#include "row_writer.h"

#include <string.h>

#define ACKNOWLEDGED_MS 120000
#define STORED_MS 5000 /* after a failure */

typedef struct row_sink {
    slu_sql_sink base; /* first */
    fluss_target *target;
    cli_row_writer *writer;
    int32_t columns[SLU_SQL_COLUMNS_MAX]; /* of the k-th value */
} row_sink;

static slu_status
sink_value(slu_sql_sink *base, uint32_t k, const char *text, size_t bytes, slu_error *err)
{
    row_sink *sink = (row_sink *)base;
    return cli_row_writer_value(sink->writer, sink->columns[k], text, bytes, err);
}

static slu_status
sink_row(slu_sql_sink *base, slu_error *err)
{
    return cli_row_writer_row(((row_sink *)base)->writer, err);
}

static slu_status
sink_finish(slu_sql_sink *base, slu_error *err)
{
    return cli_row_writer_finish(((row_sink *)base)->writer, ACKNOWLEDGED_MS, err);
}

static int64_t
sink_stored(slu_sql_sink *base)
{
    return cli_row_writer_stored(((row_sink *)base)->writer, STORED_MS);
}

static void
sink_close(slu_sql_sink *base)
{
    row_sink *sink = (row_sink *)base;
    cli_row_writer_close(&sink->writer);
    fluss_target_close(&sink->target);
    slu_free(sink);
}

/* Without names: all columns, but for one that the server fills. */
static slu_status
columns_find(row_sink *sink, const char *const *columns, size_t *count, slu_error *err)
{
    const fluss_table *table = fluss_target_table(sink->target);
    if (columns == NULL)
        *count = (size_t)table->arrow.n_children;
    if (*count > SLU_SQL_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "table %s has more than %d columns", fluss_target_name(sink->target),
                             SLU_SQL_COLUMNS_MAX);
    for (size_t i = 0; i < *count; i++) {
        sink->columns[i] = columns == NULL ? (int32_t)i : fluss_schema_find(&table->descriptor->schema, columns[i]);
        if (sink->columns[i] < 0)
            return slu_error_set(err, SLU_INVALID, "table %s has no column %s", fluss_target_name(sink->target), columns[i]);
    }
    return SLU_OK;
}

slu_status
cli_insert_open(fluss_client *client, const char *database, const char *table, const char *const *columns, size_t *count,
                slu_sql_sink **out, slu_error *err)
{
    row_sink *sink = slu_alloc_zero(1, sizeof *sink);
    if (sink == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to write rows");
    sink->base = (slu_sql_sink){sink_value, sink_row, sink_finish, sink_stored, sink_close};
    slu_status status = cli_target_open(client, database, table, &sink->target, err);
    if (status == SLU_OK)
        status = columns_find(sink, columns, count, err);
    if (status == SLU_OK)
        status = cli_row_writer_open(sink->target, &sink->writer, err);
    if (status != SLU_OK) {
        sink_close(&sink->base);
        return status;
    }
    *out = &sink->base;
    return SLU_OK;
}
