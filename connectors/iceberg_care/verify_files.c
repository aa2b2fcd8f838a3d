/* verify_files.c: an entry of a manifest against the schemas, and a file's footer against the entry. */
#include "iceberg/store_parquet.h"
#include "iceberg_care/verify_parts.h"

#include <strings.h>

#define RESERVED_IDS_MIN 2147483447 /* the reserved columns of the specification: _file, _pos, file_path, pos, row ... */

/* ---- the entry ---- */

static void
check_sequences(iceberg_verifying *work, const iceberg_manifest_file *listed, const iceberg_manifest_entry *entry)
{
    if (entry->sequence_number > listed->sequence_number || entry->file_sequence_number > listed->sequence_number)
        iceberg_verify_say(work, VERIFY_WRONG, "entry-sequence", entry->file.path,
                           "sequence numbers %lld and %lld are above the manifest's, %lld", (long long)entry->sequence_number,
                           (long long)entry->file_sequence_number, (long long)listed->sequence_number);
    if (entry->status == ICEBERG_STATUS_ADDED && entry->snapshot_id != listed->snapshot_id)
        iceberg_verify_say(work, VERIFY_ODD, "entry-snapshot", entry->file.path,
                           "it was added by snapshot %lld, its manifest by %lld", (long long)entry->snapshot_id,
                           (long long)listed->snapshot_id);
}

static void
check_kind(iceberg_verifying *work, const iceberg_manifest_file *listed, const iceberg_data_file *file)
{
    const bool deletes = file->content != ICEBERG_CONTENT_DATA;
    const bool equality = file->content == ICEBERG_CONTENT_EQUALITY_DELETES;
    if (deletes != (listed->content == ICEBERG_MANIFEST_DELETES))
        iceberg_verify_say(work, VERIFY_WRONG, "entry-content", file->path, "a %s file in a manifest of %s files",
                           deletes ? "delete" : "data", deletes ? "data" : "delete");
    if (equality != (file->equality_count != 0))
        iceberg_verify_say(work, VERIFY_WRONG, "equality-ids", file->path,
                           equality ? "equality deletes without keys" : "keys of no deletes");
    for (uint32_t i = 0; i < file->equality_count; i++)
        if (iceberg_verify_field(work, file->equality_ids[i]) == NULL)
            iceberg_verify_say(work, VERIFY_WRONG, "equality-ids", file->path, "no schema has the key column %d",
                               (int)file->equality_ids[i]);
    for (uint32_t i = 0; i < file->split_count; i++)
        if (file->splits[i] >= file->file_bytes || (i > 0 && file->splits[i] <= file->splits[i - 1])) {
            iceberg_verify_say(work, VERIFY_WRONG, "splits", file->path, "split offset %u is not ascending within the file", i);
            break;
        }
}

static void
check_column(iceberg_verifying *work, const iceberg_data_file *file, const iceberg_column_metrics *column)
{
    const iceberg_field *field = iceberg_verify_field(work, column->field_id);
    if (column->field_id >= RESERVED_IDS_MIN)
        return;
    if (field == NULL) {
        iceberg_verify_say(work, VERIFY_ODD, "metrics-column", file->path, "there are metrics of column %d, which no schema has",
                           (int)column->field_id);
        return;
    }
    if (column->null_count > column->value_count && column->value_count >= 0)
        iceberg_verify_say(work, VERIFY_WRONG, "metrics-nulls", file->path, "column \"%s\" has more nulls than values",
                           field->name);
    if (!column->has_lower || !column->has_upper || field->type.kind == ICEBERG_FLOAT || field->type.kind == ICEBERG_DOUBLE ||
        !iceberg_value_fits(&field->type, column->lower) || !iceberg_value_fits(&field->type, column->upper))
        return;
    if (iceberg_value_compare(&field->type, column->lower, column->upper) > 0)
        iceberg_verify_say(work, VERIFY_WRONG, "bounds", file->path, "the lower bound of column \"%s\" is above its upper",
                           field->name);
}

void
iceberg_verify_entry(iceberg_verifying *work, const iceberg_manifest_file *listed, const iceberg_manifest_entry *entry)
{
    check_sequences(work, listed, entry);
    check_kind(work, listed, &entry->file);
    for (uint32_t i = 0; i < entry->file.column_count; i++)
        check_column(work, &entry->file, &entry->file.columns[i]);
}

/* ---- the footer ---- */

static const iceberg_column_metrics *
metrics_of(const iceberg_data_file *file, int32_t id)
{
    for (uint32_t i = 0; i < file->column_count; i++)
        if (file->columns[i].field_id == id)
            return &file->columns[i];
    return NULL;
}

static bool
is_bounded(const iceberg_field *field, const parquet_statistics *statistics)
{
    const uint8_t kind = field->type.kind;
    /* Decimals have other bytes in Parquet; zeros and NaN of floats are ordered differently by different writers. */
    return statistics->has_bounds && kind != ICEBERG_DECIMAL && kind != ICEBERG_FLOAT && kind != ICEBERG_DOUBLE &&
           kind < ICEBERG_UNKNOWN && iceberg_value_fits(&field->type, statistics->min) &&
           iceberg_value_fits(&field->type, statistics->max);
}

static void
check_statistics(iceberg_verifying *work, const iceberg_data_file *file, const iceberg_field *field,
                 const iceberg_column_metrics *metrics, const parquet_statistics *statistics)
{
    if (!is_bounded(field, statistics))
        return;
    const bool below = metrics->has_lower && iceberg_value_fits(&field->type, metrics->lower) &&
                       iceberg_value_compare(&field->type, statistics->min, metrics->lower) < 0;
    const bool above = metrics->has_upper && iceberg_value_fits(&field->type, metrics->upper) &&
                       iceberg_value_compare(&field->type, statistics->max, metrics->upper) > 0;
    if (below || above)
        iceberg_verify_say(work, VERIFY_WRONG, "bounds", file->path, "values of column \"%s\" are outside its bounds", field->name);
}

static void
check_values(iceberg_verifying *work, const iceberg_data_file *file, const parquet_reader *reader, size_t column,
             const iceberg_field *field)
{
    const iceberg_column_metrics *metrics = metrics_of(file, field->id);
    int64_t nulls = 0;
    bool counted = true;
    for (size_t group = 0; metrics != NULL && group < parquet_reader_row_group_count(reader); group++) {
        parquet_statistics statistics;
        if (parquet_reader_statistics(reader, group, column, &statistics) != SLU_OK) {
            counted = false;
            continue;
        }
        counted = counted && statistics.has_null_count;
        nulls += statistics.has_null_count ? statistics.null_count : 0;
        check_statistics(work, file, field, metrics, &statistics);
    }
    if (metrics != NULL && counted && field->type.kind < ICEBERG_UNKNOWN && metrics->null_count >= 0 &&
        metrics->null_count != nulls)
        iceberg_verify_say(work, VERIFY_WRONG, "metrics-nulls", file->path, "column \"%s\": %lld nulls are said, %lld are there",
                           field->name, (long long)metrics->null_count, (long long)nulls);
}

static void
check_columns(iceberg_verifying *work, const iceberg_data_file *file, const parquet_reader *reader)
{
    for (size_t i = 0; i < parquet_reader_column_count(reader); i++) {
        const parquet_column *column = parquet_reader_column(reader, i);
        const iceberg_field *field = iceberg_verify_field(work, column->field_id);
        if (column->field_id == PARQUET_FIELD_ID_NONE)
            iceberg_verify_say(work, VERIFY_ODD, "field-id", file->path, "column \"%s\" has no field id", column->name);
        else if (field == NULL && column->field_id < RESERVED_IDS_MIN)
            iceberg_verify_say(work, VERIFY_WRONG, "field-id", file->path, "column \"%s\" has field id %d, which no schema has",
                               column->name, (int)column->field_id);
        if (field != NULL)
            check_values(work, file, reader, i, field);
        for (size_t k = 0; k < i; k++)
            if (column->field_id != PARQUET_FIELD_ID_NONE && parquet_reader_column(reader, k)->field_id == column->field_id)
                iceberg_verify_say(work, VERIFY_WRONG, "field-id", file->path, "two columns have field id %d",
                                   (int)column->field_id);
    }
}

static void
check_groups(iceberg_verifying *work, const iceberg_data_file *file, const parquet_reader *reader)
{
    const size_t groups = parquet_reader_row_group_count(reader);
    const int64_t rows = parquet_reader_rows(reader);
    if (rows != file->record_count)
        iceberg_verify_say(work, VERIFY_WRONG, "file-rows", file->path, "%lld rows are said, %lld are there",
                           (long long)file->record_count, (long long)rows);
    if (file->split_count == 0)
        return;
    bool same = file->split_count == groups;
    for (size_t i = 0; i < groups && same; i++)
        same = file->splits[i] == parquet_reader_row_group_offset(reader, i);
    if (!same)
        iceberg_verify_say(work, VERIFY_ODD, "splits", file->path, "the split offsets are not where its %zu row groups start",
                           groups);
}

void
iceberg_verify_footer(iceberg_verifying *work, const iceberg_data_file *file)
{
    slu_error err = {0};
    parquet_reader *reader = NULL;
    iceberg_store_file at = {work->store, file->path};
    const bool is_data = file->content == ICEBERG_CONTENT_DATA;
    work->out->data_files += is_data;
    work->out->delete_files += !is_data;
    if (!iceberg_verify_size(work, file->path, file->file_bytes, is_data ? "data file" : "delete file") || work->options->quick ||
        strcasecmp(file->format, "parquet") != 0)
        return;
    const parquet_source source = iceberg_store_file_source(&at, file->file_bytes);
    const parquet_reader_options options = {0};
    if (parquet_reader_open(&source, &options, &reader, &err) != SLU_OK) {
        iceberg_verify_say(work, VERIFY_WRONG, "file-unreadable", file->path, "%s", err.message);
        return;
    }
    work->out->footers++;
    work->out->rows += is_data ? parquet_reader_rows(reader) : 0;
    check_groups(work, file, reader);
    check_columns(work, file, reader);
    parquet_reader_free(&reader);
}
