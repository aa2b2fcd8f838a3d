#include "iceberg_care/compact_plan.h"

#include "iceberg_care/tuple.h"

#include <stdlib.h>

#define DELETE_PATH_FIELD 2147483546 /* file_path of a position delete file */

/* A data file that may be put together with its neighbours. */
typedef struct candidate {
    iceberg_scan_file file;
    bool touched;                        /* a delete may touch it */
    bool rewritten;                      /* it is in a bin */
    const iceberg_column_metrics *order; /* of the sort column; NULL: not known */
} candidate;

typedef struct planning {
    const iceberg_metadata *metadata;
    iceberg_compact_plan *plan;
    const iceberg_field *order; /* the sort column; NULL: none */
    int64_t target_bytes;
    int64_t files_min;
    candidate *items;
    size_t count;
} planning;

void
iceberg_compact_plan_fini(iceberg_compact_plan *plan)
{
    iceberg_deletes_free(&plan->deletes);
    iceberg_scan_fini(&plan->scan);
    memset(plan, 0, sizeof *plan);
}

/* ---- candidates ---- */

static const iceberg_field *
order_column(const iceberg_metadata *metadata)
{
    const iceberg_sort_order *order = iceberg_metadata_sort_order(metadata);
    if (order == NULL || order->field_count == 0 || order->fields[0].descending ||
        order->fields[0].transform.kind != ICEBERG_TRANSFORM_IDENTITY)
        return NULL;
    return iceberg_schema_field(iceberg_metadata_schema(metadata), order->fields[0].source_id);
}

static const iceberg_column_metrics *
order_metrics(const planning *work, const iceberg_data_file *file)
{
    for (uint32_t i = 0; work->order != NULL && i < file->column_count; i++) {
        const iceberg_column_metrics *column = &file->columns[i];
        if (column->field_id == work->order->id && column->has_lower && column->has_upper &&
            iceberg_value_fits(&work->order->type, column->lower) && iceberg_value_fits(&work->order->type, column->upper))
            return column;
    }
    return NULL;
}

static slu_status
candidates_make(planning *work, slu_error *err)
{
    iceberg_compact_plan *plan = work->plan;
    const iceberg_field *const *fields = NULL;
    size_t field_count = 0;
    work->items = slu_arena_array(&plan->scan.arena, plan->scan.count, sizeof *work->items);
    SLU_TRY(slu_arena_status(&plan->scan.arena, err));
    for (size_t i = 0; i < plan->scan.count; i++) {
        candidate *item = &work->items[work->count++];
        item->file = plan->scan.files[i];
        item->order = order_metrics(work, &item->file.file);
        if (plan->deletes != NULL)
            SLU_TRY(iceberg_deletes_begin(plan->deletes, &plan->scan.files[i], &fields, &field_count, &item->touched, err));
    }
    return SLU_OK;
}

/* ---- order: partition, then sort column or age ---- */

static int
age_compare(const candidate *a, const candidate *b)
{
    if (a->file.sequence_number != b->file.sequence_number)
        return a->file.sequence_number < b->file.sequence_number ? -1 : 1;
    return strcmp(a->file.file.path, b->file.file.path);
}

static int
partition_compare(const void *a, const void *b)
{
    const int order = iceberg_tuple_compare(&((const candidate *)a)->file, &((const candidate *)b)->file);
    return order != 0 ? order : age_compare(a, b);
}

static int
bound_compare(const void *a, const void *b, void *type)
{
    const candidate *left = a;
    const candidate *right = b;
    const int order = iceberg_value_compare(type, left->order->lower, right->order->lower);
    return order != 0 ? order : age_compare(left, right);
}

/* By the sort column where every file of the partition has its bounds. */
static void
partition_order(const planning *work, candidate *items, size_t count)
{
    if (work->order == NULL)
        return;
    iceberg_type type = work->order->type;
    for (size_t i = 0; i < count; i++)
        if (items[i].order == NULL)
            return;
    qsort_r(items, count, sizeof *items, bound_compare, &type);
}

/* ---- bins ---- */

static bool
is_sorted(const planning *work, const candidate *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].order == NULL || items[i].file.file.sort_order_id != work->metadata->default_sort_order_id)
            return false;
        if (i > 0 && iceberg_value_compare(&work->order->type, items[i - 1].order->upper, items[i].order->lower) > 0)
            return false;
    }
    return work->order != NULL;
}

static slu_status
bin_close(planning *work, candidate *items, size_t count, slu_error *err)
{
    iceberg_compact_plan *plan = work->plan;
    iceberg_compact_bin *bin = &plan->bins[plan->bin_count];
    *bin = (iceberg_compact_bin){.count = count, .sorted = is_sorted(work, items, count)};
    for (size_t i = 0; i < count; i++)
        bin->touched = bin->touched || items[i].touched;
    if (count == 0 || (!bin->touched && (int64_t)count < work->files_min))
        return SLU_OK;
    bin->files = slu_arena_array(&plan->scan.arena, count, sizeof *bin->files);
    SLU_TRY(slu_arena_status(&plan->scan.arena, err));
    for (size_t i = 0; i < count; i++) {
        bin->files[i] = items[i].file;
        bin->bytes += items[i].file.file.file_bytes;
        bin->rows += items[i].file.file.record_count;
        items[i].rewritten = true;
    }
    plan->bin_count++;
    return SLU_OK;
}

static slu_status
partition_pack(planning *work, candidate *items, size_t count, slu_error *err)
{
    size_t first = 0;
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t own = items[i].file.file.file_bytes;
        const bool small = own < work->target_bytes / 4 * 3;
        if (!small && !items[i].touched) {
            SLU_TRY(bin_close(work, &items[first], i - first, err));
            first = i + 1;
            bytes = 0;
            continue;
        }
        if (i > first && bytes + own > work->target_bytes) {
            SLU_TRY(bin_close(work, &items[first], i - first, err));
            first = i;
            bytes = 0;
        }
        bytes += own;
    }
    return bin_close(work, &items[first], count - first, err);
}

static slu_status
bins_make(planning *work, slu_error *err)
{
    iceberg_compact_plan *plan = work->plan;
    plan->bins = slu_arena_array(&plan->scan.arena, work->count + 1, sizeof *plan->bins);
    SLU_TRY(slu_arena_status(&plan->scan.arena, err));
    if (work->count != 0)
        qsort(work->items, work->count, sizeof *work->items, partition_compare);
    for (size_t first = 0, last = 0; first < work->count; first = last) {
        while (last < work->count && iceberg_tuple_compare(&work->items[first].file, &work->items[last].file) == 0)
            last++;
        if (work->items[first].file.spec_id != work->metadata->default_spec_id) {
            plan->left_files += last - first;
            continue;
        }
        partition_order(work, &work->items[first], last - first);
        SLU_TRY(partition_pack(work, &work->items[first], last - first, err));
    }
    return SLU_OK;
}

/* ---- delete files that nobody needs afterwards ---- */

static bool
path_within(const iceberg_data_file *deletes, const char *path)
{
    static const iceberg_type TEXT = {.kind = ICEBERG_STRING};
    if (deletes->referenced_file != NULL)
        return strcmp(deletes->referenced_file, path) == 0;
    for (uint32_t i = 0; i < deletes->column_count; i++) {
        const iceberg_column_metrics *paths = &deletes->columns[i];
        if (paths->field_id != DELETE_PATH_FIELD || !paths->has_lower || !paths->has_upper)
            continue;
        const slu_view at = slu_view_of_text(path);
        return iceberg_value_compare(&TEXT, at, paths->lower) >= 0 && iceberg_value_compare(&TEXT, at, paths->upper) <= 0;
    }
    return true;
}

/* Whether a data file that stays may need a delete file. */
static bool
may_need(const planning *work, const candidate *item, const iceberg_scan_file *deletes)
{
    const iceberg_partition_spec *spec = iceberg_metadata_spec_of(work->metadata, deletes->spec_id);
    const bool equality = deletes->file.content == ICEBERG_CONTENT_EQUALITY_DELETES;
    const bool global = equality && spec != NULL && spec->field_count == 0;
    if (!global && iceberg_tuple_compare(&item->file, deletes) != 0)
        return false;
    if (equality)
        return item->file.sequence_number < deletes->sequence_number;
    return item->file.sequence_number <= deletes->sequence_number && path_within(&deletes->file, item->file.file.path);
}

static slu_status
dangling_find(planning *work, slu_error *err)
{
    iceberg_compact_plan *plan = work->plan;
    plan->dangling = slu_arena_array(&plan->scan.arena, plan->scan.delete_count, sizeof *plan->dangling);
    SLU_TRY(slu_arena_status(&plan->scan.arena, err));
    for (size_t i = 0; i < plan->scan.delete_count; i++) {
        bool needed = false;
        for (size_t k = 0; k < work->count && !needed; k++)
            needed = !work->items[k].rewritten && may_need(work, &work->items[k], &plan->scan.deletes[i]);
        if (!needed)
            plan->dangling[plan->dangling_count++] = &plan->scan.deletes[i];
    }
    return SLU_OK;
}

slu_status
iceberg_compact_plan_make(const iceberg_store *store, const iceberg_metadata *metadata, int64_t target_bytes, int64_t files_min,
                          iceberg_compact_plan *plan, slu_error *err)
{
    const iceberg_scan_options options = {.metrics = true, .deletes = true};
    planning work = {
        .metadata = metadata, .plan = plan, .order = order_column(metadata), .target_bytes = target_bytes, .files_min = files_min};
    memset(plan, 0, sizeof *plan);
    SLU_TRY(iceberg_scan_plan(store, metadata, iceberg_metadata_snapshot(metadata), &options, &plan->scan, err));
    if (plan->scan.delete_count != 0)
        SLU_TRY(iceberg_deletes_load(store, metadata, &plan->scan, &plan->deletes, err));
    SLU_TRY(candidates_make(&work, err));
    SLU_TRY(bins_make(&work, err));
    return dangling_find(&work, err);
}
