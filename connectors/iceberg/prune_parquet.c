#include "iceberg/prune_parquet.h"

#include "iceberg/prune.h"

/* A Parquet statistic is the same bytes as an Iceberg bound, but for decimals; and only while the column has not been widened. */
static bool
column_comparable(const parquet_column *in_file, const iceberg_field *column)
{
    return in_file->kind == column->type.kind && column->type.kind != ICEBERG_DECIMAL;
}

static bool
statistics_pass(const iceberg_predicate *predicate, const iceberg_field *column, const parquet_statistics *s)
{
    return iceberg_prune_bounds(predicate, &column->type, s->has_bounds ? &s->min : NULL, s->has_bounds ? &s->max : NULL,
                                s->has_null_count ? s->null_count : ICEBERG_ABSENT,
                                s->has_null_count ? s->value_count : ICEBERG_ABSENT);
}

static void
pages_drop(parquet_reader *reader, size_t group, size_t index, const iceberg_predicate *predicate, const iceberg_field *column)
{
    const parquet_page *pages = NULL;
    size_t count = 0;
    if (parquet_reader_pages(reader, group, index, &pages, &count, NULL) != SLU_OK)
        return;
    for (size_t i = 0; i < count; i++)
        if (!statistics_pass(predicate, column, &pages[i].statistics))
            parquet_reader_drop(reader, pages[i].first_row, pages[i].rows);
}

bool
iceberg_prune_group(parquet_reader *reader, size_t group, const iceberg_predicate *predicate, const iceberg_field *column)
{
    parquet_statistics statistics;
    for (size_t i = 0; i < parquet_reader_column_count(reader); i++) {
        const parquet_column *in_file = parquet_reader_column(reader, i);
        if (in_file->field_id != predicate->field_id || !column_comparable(in_file, column))
            continue;
        if (parquet_reader_statistics(reader, group, i, &statistics) == SLU_OK && !statistics_pass(predicate, column, &statistics))
            return false;
        if (predicate->compare == ICEBERG_EQUAL && parquet_reader_excludes(reader, group, i, predicate->value))
            return false;
        pages_drop(reader, group, i, predicate, column);
    }
    return true;
}
