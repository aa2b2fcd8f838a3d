/* copy IN OUT CODEC PAGE_BYTES ROW_GROUP_BYTES DICTIONARY BATCH_ROWS: a Parquet file read by our reader and written again by our writer,
 * every column as the file has it: what an independent reader finds in OUT must be what it finds in IN. */
#include "parquet/reader.h"
#include "parquet/writer.h"

#include "base/alloc.h"

#include <sluice/columns.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static slu_status
copy_batches(parquet_reader *reader, parquet_writer *writer, slu_error *err)
{
    const parquet_file *file = NULL;
    struct ArrowArray batch;
    slu_status status;
    while ((status = parquet_reader_next(reader, &batch, NULL, err)) == SLU_OK) {
        status = parquet_writer_append(writer, &batch, NULL, batch.length, err);
        slu_array_release(&batch);
        SLU_TRY(status);
    }
    if (status != SLU_END)
        return status;
    SLU_TRY(parquet_writer_finish(writer, &file, err));
    for (size_t i = 0; i < file->column_count; i++)
        (void)printf("%d %lld %lld %lld\n", file->columns[i].field_id, (long long)file->columns[i].column_bytes,
                     (long long)file->columns[i].value_count, (long long)file->columns[i].null_count);
    return SLU_OK;
}

static slu_status
copy(parquet_reader *reader, const parquet_writer_options *options, const parquet_sink *sink, slu_error *err)
{
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    struct ArrowSchema schema;
    const size_t count = parquet_reader_column_count(reader);
    parquet_column *columns = slu_alloc_zero(count + 1, sizeof *columns);
    if (columns == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu columns", count);
    for (size_t i = 0; i < count; i++)
        columns[i] = *parquet_reader_column(reader, i);
    slu_status status = parquet_reader_schema(reader, &schema, err);
    if (status == SLU_OK) {
        status = parquet_writer_open(options, columns, count, &schema, sink, &writer, err);
        slu_schema_release(&schema);
    }
    slu_free(columns);
    SLU_TRY(status);
    return copy_batches(reader, writer, err);
}

int
main(int count, char **arguments)
{
    if (count != 8)
        return 2;
    parquet_writer_options options;
    const parquet_reader_options reading = {.batch_rows = atoll(arguments[7])};
    parquet_source source;
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    slu_error err;
    const int in = open(arguments[1], O_RDONLY);
    const int out = open(arguments[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const parquet_sink sink = parquet_sink_of_fd(&out);
    parquet_writer_options_init(&options);
    options.codec = (uint8_t)atoi(arguments[3]);
    options.page_bytes = atoi(arguments[4]);
    options.row_group_bytes = atoll(arguments[5]);
    options.no_dictionary = atoi(arguments[6]) == 0;
    slu_status status = parquet_source_of_fd(&in, &source, &err);
    if (status == SLU_OK)
        status = parquet_reader_open(&source, &reading, &reader, &err);
    if (status == SLU_OK)
        status = copy(reader, &options, &sink, &err);
    if (status != SLU_OK)
        (void)fprintf(stderr, "%s: %s\n", slu_status_name(status), err.message);
    (void)close(in);
    (void)close(out);
    return status != SLU_OK;
}
