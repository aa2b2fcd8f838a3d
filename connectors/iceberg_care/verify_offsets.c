/* verify_offsets.c: the files of the current snapshot together: none twice, and the offsets of a Fluss table. */
#include "iceberg/fluss_spec.h"
#include "iceberg/lake_read.h"
#include "iceberg_care/tuple.h"
#include "iceberg_care/verify_parts.h"

#include <stdlib.h>

#define OFFSETS_ARENA_BYTES_MAX ((size_t)64 << 20)

/* The offsets of one file. */
typedef struct range {
    const iceberg_scan_file *file;
    int64_t first;
    int64_t last;
    int64_t bucket;
} range;

typedef struct fluss_columns {
    const iceberg_field *bucket;
    const iceberg_field *offset;
} fluss_columns;

static bool
bounds_of(const iceberg_data_file *file, const iceberg_field *field, int64_t *lower, int64_t *upper)
{
    for (uint32_t i = 0; i < file->column_count; i++) {
        const iceberg_column_metrics *column = &file->columns[i];
        if (column->field_id == field->id && column->has_lower && column->has_upper)
            return iceberg_value_i64(&field->type, column->lower, lower) && iceberg_value_i64(&field->type, column->upper, upper);
    }
    return false;
}

static int
range_compare(const void *a, const void *b)
{
    const range *left = a;
    const range *right = b;
    const int order = iceberg_tuple_compare(left->file, right->file);
    if (order != 0)
        return order;
    if (left->bucket != right->bucket)
        return left->bucket < right->bucket ? -1 : 1;
    return left->first < right->first ? -1 : left->first > right->first;
}

/* False: the file cannot be placed. */
static bool
range_make(iceberg_verifying *work, const fluss_columns *columns, const iceberg_scan_file *file, range *out)
{
    int64_t other = 0;
    *out = (range){.file = file};
    if (!bounds_of(&file->file, columns->bucket, &out->bucket, &other) ||
        !bounds_of(&file->file, columns->offset, &out->first, &out->last)) {
        iceberg_verify_say(work, VERIFY_ODD, "offsets-unknown", file->file.path, "it has no bounds of __bucket and __offset");
        return false;
    }
    if (out->bucket != other) {
        iceberg_verify_say(work, VERIFY_WRONG, "bucket", file->file.path, "it holds rows of buckets %lld to %lld",
                           (long long)out->bucket, (long long)other);
        return false;
    }
    return true;
}

static void
check_within(iceberg_verifying *work, const range *at)
{
    const int64_t rows = at->file->file.record_count;
    const int64_t span = at->last - at->first + 1;
    if (rows > span)
        iceberg_verify_say(work, VERIFY_WRONG, "offsets-overlap", at->file->file.path,
                           "bucket %lld: %lld rows for the offsets %lld to %lld", (long long)at->bucket, (long long)rows,
                           (long long)at->first, (long long)at->last);
    if (rows < span)
        iceberg_verify_say(work, VERIFY_WRONG, "offsets-missing", at->file->file.path,
                           "bucket %lld: %lld rows for the offsets %lld to %lld", (long long)at->bucket, (long long)rows,
                           (long long)at->first, (long long)at->last);
}

static void
check_between(iceberg_verifying *work, const range *before, const range *at)
{
    if (iceberg_tuple_compare(before->file, at->file) != 0 || before->bucket != at->bucket)
        return;
    if (at->first <= before->last)
        iceberg_verify_say(work, VERIFY_WRONG, "offsets-overlap", at->file->file.path,
                           "bucket %lld: offsets %lld to %lld are also in %s", (long long)at->bucket, (long long)at->first,
                           (long long)(before->last < at->last ? before->last : at->last), before->file->file.path);
    else if (at->first > before->last + 1)
        iceberg_verify_say(work, VERIFY_WRONG, "offsets-missing", at->file->file.path,
                           "bucket %lld: offsets %lld to %lld are in no file", (long long)at->bucket, (long long)(before->last + 1),
                           (long long)(at->first - 1));
}

/* The newest offsets that a tiering service wrote down, against the last row of each bucket. */
static slu_status
check_ends(iceberg_verifying *work, const range *ranges, size_t count, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_offsets offsets;
    const iceberg_snapshot *newest = iceberg_metadata_find(work->metadata, "commit-user", "__fluss_lake_tiering");
    slu_arena_init(&arena, OFFSETS_ARENA_BYTES_MAX);
    if (newest == NULL || iceberg_snapshot_property(newest, "fluss-offsets") == NULL)
        return SLU_OK;
    if (iceberg_offsets_of_snapshot(work->store, newest, &arena, &offsets, err) != SLU_OK)
        return SLU_OK; /* they lie with Fluss, which may be out of reach */
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && ranges[i + 1].bucket == ranges[i].bucket)
            continue;
        for (size_t k = 0; k < offsets.count; k++)
            if (offsets.items[k].partition_id == -1 && offsets.items[k].bucket == ranges[i].bucket &&
                offsets.items[k].offset != ranges[i].last + 1)
                iceberg_verify_say(work, offsets.items[k].offset <= ranges[i].last, "offsets-end", ranges[i].file->file.path,
                                   "bucket %lld ends at offset %lld, the tiering service goes on at %lld",
                                   (long long)ranges[i].bucket, (long long)ranges[i].last, (long long)offsets.items[k].offset);
    }
    return SLU_OK;
}

static slu_status
check_ranges(iceberg_verifying *work, const fluss_columns *columns, iceberg_scan *scan, slu_error *err)
{
    size_t count = 0;
    const bool is_log = iceberg_metadata_schema(work->metadata)->identifier_count == 0;
    range *ranges = slu_arena_array(&scan->arena, scan->count + 1, sizeof *ranges);
    SLU_TRY(slu_arena_status(&scan->arena, err));
    for (size_t i = 0; i < scan->count; i++)
        if (range_make(work, columns, &scan->files[i], &ranges[count]))
            count++;
    if (!is_log || count == 0) /* a change of a key takes offsets without leaving rows */
        return SLU_OK;
    qsort(ranges, count, sizeof *ranges, range_compare);
    for (size_t i = 0; i < count; i++) {
        check_within(work, &ranges[i]);
        if (i > 0)
            check_between(work, &ranges[i - 1], &ranges[i]);
    }
    const iceberg_partition_spec *spec = iceberg_metadata_spec(work->metadata);
    return spec->field_count == 1 ? check_ends(work, ranges, count, err) : SLU_OK;
}

static slu_status
check_once(iceberg_verifying *work, const iceberg_scan_file *files, size_t count, slu_error *err)
{
    iceberg_locations seen;
    slu_status status = SLU_OK;
    iceberg_locations_init(&seen);
    for (size_t i = 0; i < count && status == SLU_OK; i++) {
        bool is_new = true;
        if (files[i].file.content_offset == ICEBERG_ABSENT) /* many vectors may lie in one file */
            status = iceberg_locations_add(&seen, files[i].file.path, &is_new, err);
        if (!is_new)
            iceberg_verify_say(work, VERIFY_WRONG, "file-twice", files[i].file.path, "the current snapshot has it twice");
    }
    iceberg_locations_fini(&seen);
    return status;
}

slu_status
iceberg_verify_offsets(iceberg_verifying *work, slu_error *err)
{
    SLU_AUTO(iceberg_scan_fini) iceberg_scan scan = {0};
    slu_error own = {0};
    const iceberg_metadata *metadata = work->metadata;
    const iceberg_scan_options options = {.metrics = true, .deletes = true};
    const iceberg_schema *schema = iceberg_metadata_schema(metadata);
    const fluss_columns columns = {iceberg_schema_column(schema, ICEBERG_BUCKET_COLUMN),
                                   iceberg_schema_column(schema, ICEBERG_OFFSET_COLUMN)};
    if (iceberg_scan_plan(work->store, metadata, iceberg_metadata_snapshot(metadata), &options, &scan, &own) != SLU_OK) {
        iceberg_verify_say(work, VERIFY_WRONG, "scan", metadata->location, "%s", own.message);
        return SLU_OK;
    }
    SLU_TRY(check_once(work, scan.files, scan.count, err));
    SLU_TRY(check_once(work, scan.deletes, scan.delete_count, err));
    const bool is_fluss =
        columns.bucket != NULL && columns.offset != NULL && iceberg_schema_column(schema, ICEBERG_TIMESTAMP_COLUMN) != NULL;
    return is_fluss ? check_ranges(work, &columns, &scan, err) : SLU_OK;
}
