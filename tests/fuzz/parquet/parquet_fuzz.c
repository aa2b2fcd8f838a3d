/* A whole Parquet file: footer, schema, statistics, page index, Bloom filters, and every column's pages. */
#include "parquet/reader.h"

#include <sluice/columns.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define BATCHES_MAX 64 /* a run of 2^31 equal rows is legal and needs only a few bytes */

static void
read_batches(parquet_reader *reader)
{
    struct ArrowArray batch;
    for (int i = 0; i < BATCHES_MAX && parquet_reader_next(reader, &batch, NULL, NULL) == SLU_OK; i++)
        slu_array_release(&batch);
}

static void
look(const parquet_reader *reader)
{
    parquet_statistics stats;
    for (size_t g = 0; g < parquet_reader_row_group_count(reader) && g < 100; g++) {
        (void)parquet_reader_row_group_offset(reader, g);
        for (size_t c = 0; c < parquet_reader_column_count(reader); c++)
            if (parquet_reader_statistics(reader, g, c, &stats) == SLU_OK && stats.has_bounds && stats.min.bytes != 0)
                (void)stats.min.data[stats.min.bytes - 1];
    }
    (void)parquet_reader_key_value(reader, "iceberg.schema");
}

/* Every other page with bounds is left out, so that the reader jumps. */
static bool
keep(void *context, parquet_reader *reader, size_t group)
{
    const parquet_page *pages = NULL;
    size_t count = 0;
    (void)context;
    for (size_t c = 0; c < parquet_reader_column_count(reader); c++) {
        (void)parquet_reader_excludes(reader, group, c, slu_view_of("12345678", 8));
        if (parquet_reader_pages(reader, group, c, &pages, &count, NULL) != SLU_OK)
            continue;
        for (size_t i = 0; i < count; i++) {
            const parquet_statistics *s = &pages[i].statistics;
            if (s->has_bounds && s->max.bytes != 0)
                (void)s->max.data[s->max.bytes - 1];
            if (i % 2 == 1)
                parquet_reader_drop(reader, pages[i].first_row, pages[i].rows);
        }
    }
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const slu_view view = slu_view_of(data, bytes);
    const parquet_source source = parquet_source_of_view(&view);
    const parquet_reader_options options = {.batch_rows = 1000, .keep = keep};
    parquet_want wants[PARQUET_COLUMNS_MAX];
    size_t count = 0;
    parquet_reader *reader = NULL;
    if (parquet_reader_open(&source, &options, &reader, NULL) != SLU_OK)
        return 0;
    look(reader);
    for (size_t c = 0; c < parquet_reader_column_count(reader); c++) {
        const parquet_column *column = parquet_reader_column(reader, c);
        if (column->kind != PARQUET_KIND_UNKNOWN)
            wants[count++] = (parquet_want){.field_id = column->field_id, .name = column->name};
    }
    if (count != 0 && parquet_reader_select(reader, wants, count, NULL) == SLU_OK)
        read_batches(reader);
    parquet_reader_free(&reader);
    return 0;
}
