/* write_sample FILE CODEC ROWS ROW_GROUP_BYTES DICTIONARY: the sample rows as one Parquet file; prints its metrics, one line a column. */
#include "sample.h"

#include "parquet/writer.h"

#include <sluice/columns.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
print_hex(const char *name, bool has, slu_view value)
{
    (void)printf(" %s=", name);
    if (!has)
        (void)printf("none");
    for (size_t i = 0; has && i < value.bytes; i++)
        (void)printf("%02x", value.data[i]);
}

static void
print_file(const parquet_file *file)
{
    (void)printf("rows=%lld bytes=%lld splits=", (long long)file->rows, (long long)file->file_bytes);
    for (size_t i = 0; i < file->split_count; i++)
        (void)printf("%s%lld", i == 0 ? "" : ",", (long long)file->split_offsets[i]);
    (void)printf("\n");
    for (size_t i = 0; i < file->column_count; i++) {
        const parquet_column_metrics *m = &file->columns[i];
        (void)printf("id=%d bytes=%lld values=%lld nulls=%lld nans=%lld", m->field_id, (long long)m->column_bytes,
                     (long long)m->value_count, (long long)m->null_count, (long long)m->nan_count);
        print_hex("lower", m->has_lower, m->lower);
        print_hex("upper", m->has_upper, m->upper);
        (void)printf("\n");
    }
}

static slu_status
write_all(parquet_writer *writer, int64_t rows, slu_error *err)
{
    const parquet_file *file = NULL;
    for (int64_t at = 0; at < rows; at += 5000) {
        struct ArrowArray batch;
        sample_rows(at, rows - at < 5000 ? rows - at : 5000, &batch);
        const slu_status status = parquet_writer_append(writer, &batch, NULL, batch.length, err);
        slu_array_release(&batch);
        SLU_TRY(status);
    }
    SLU_TRY(parquet_writer_finish(writer, &file, err));
    print_file(file);
    return SLU_OK;
}

int
main(int count, char **arguments)
{
    if (count != 6)
        return 2;
    const int fd = open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const parquet_sink sink = parquet_sink_of_fd(&fd);
    const parquet_key_value pair = {"iceberg.schema", "{}"};
    parquet_writer_options options;
    parquet_writer_options_init(&options);
    options.codec = (uint8_t)atoi(arguments[2]);
    options.row_group_bytes = atoll(arguments[4]);
    options.no_dictionary = atoi(arguments[5]) == 0;
    options.key_values = &pair;
    options.key_value_count = 1;
    struct ArrowSchema schema;
    SLU_AUTO(parquet_writer_free) parquet_writer *writer = NULL;
    slu_error err;
    sample_schema(&schema);
    slu_status status = parquet_writer_open(&options, sample_columns, SAMPLE_COLUMNS, &schema, &sink, &writer, &err);
    if (status == SLU_OK)
        status = write_all(writer, atoll(arguments[3]), &err);
    slu_schema_release(&schema);
    (void)close(fd);
    if (status != SLU_OK)
        (void)fprintf(stderr, "%s: %s\n", slu_status_name(status), err.message);
    return status != SLU_OK;
}
