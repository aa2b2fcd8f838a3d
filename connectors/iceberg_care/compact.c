#include "iceberg_care/compact.h"

#include "iceberg/commit.h"
#include "iceberg/data_writer.h"
#include "iceberg/lake_read.h"
#include "iceberg/manifest_io.h"
#include "iceberg_care/compact_plan.h"

#include <stdlib.h>

#define COMPACT_ARENA_BYTES_MAX ((size_t)1 << 30)
#define SPLIT_BYTES_DEFAULT INT64_C(134217728)
#define MANIFEST_BYTES_DEFAULT INT64_C(8388608)

typedef struct compacting {
    const iceberg_catalog *catalog;
    const iceberg_store *store;
    iceberg_table *table;
    const iceberg_compact_options *options;
    iceberg_compacted *out;
    slu_arena arena;
    iceberg_compact_plan plan;
    iceberg_data_file *made; /* one per bin at most */
    size_t made_count;
} compacting;

static void
compacting_fini(compacting *work)
{
    iceberg_compact_plan_fini(&work->plan);
    slu_arena_fini(&work->arena);
}

static bool
is_stopped(const compacting *work)
{
    return work->options->stop != NULL && atomic_load(work->options->stop);
}

/* ---- rows ---- */

static slu_status
rows_copy(const compacting *work, iceberg_read *read, iceberg_data_writer *writer, slu_error *err)
{
    for (;;) {
        struct ArrowArray batch = {0};
        if (is_stopped(work))
            return slu_error_set(err, SLU_CLOSED, "the compaction was stopped");
        slu_status status = iceberg_read_next(read, &batch, err);
        if (status == SLU_END)
            return SLU_OK;
        if (status == SLU_OK)
            status = iceberg_data_writer_append(writer, &batch, NULL, batch.length, err);
        slu_array_release(&batch);
        SLU_TRY(status);
    }
}

/* What is left of the bin's rows in one file; no file when a delete took them all. */
static slu_status
bin_write(compacting *work, const iceberg_compact_bin *bin, iceberg_read *read, slu_error *err)
{
    SLU_AUTO(iceberg_data_writer_free) iceberg_data_writer *writer = NULL;
    const iceberg_data_writer_options options = {.env = work->catalog->env,
                                                 .store = work->store,
                                                 .metadata = work->table->metadata,
                                                 .partition = bin->files[0].file.partition,
                                                 .input = iceberg_read_schema(read),
                                                 .row_group_bytes = work->options->row_group_bytes,
                                                 .sorted = bin->sorted};
    SLU_TRY(iceberg_data_writer_open(&options, &writer, err));
    SLU_TRY(rows_copy(work, read, writer, err));
    const int64_t rows = iceberg_data_writer_rows(writer);
    if (rows > bin->rows || (!bin->touched && rows != bin->rows))
        return slu_error_set(err, SLU_CORRUPT, "%zu files from %s on have %lld rows, their manifests say %lld", bin->count,
                             bin->files[0].file.path, (long long)rows, (long long)bin->rows);
    if (rows == 0)
        return SLU_OK;
    SLU_TRY(iceberg_data_writer_finish(writer, &work->arena, &work->made[work->made_count], err));
    work->out->rows_after += rows;
    work->out->bytes_after += work->made[work->made_count++].file_bytes;
    return SLU_OK;
}

static slu_status
bin_rewrite(compacting *work, const iceberg_compact_bin *bin, slu_error *err)
{
    SLU_AUTO(iceberg_read_free) iceberg_read *read = NULL;
    const iceberg_read_options options = {.files = bin->files, .file_count = bin->count, .deletes = work->plan.deletes};
    SLU_TRY(iceberg_read_open(work->store, work->table->metadata, &options, &read, err));
    return bin_write(work, bin, read, err);
}

static slu_status
bins_rewrite(compacting *work, slu_error *err)
{
    work->made = slu_arena_array(&work->arena, work->plan.bin_count, sizeof *work->made);
    SLU_TRY(slu_arena_status(&work->arena, err));
    for (size_t i = 0; i < work->plan.bin_count; i++)
        SLU_TRY(bin_rewrite(work, &work->plan.bins[i], err));
    return SLU_OK;
}

/* ---- the commit ---- */

static int
path_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The paths of all that leaves, ascending, each once. */
static slu_status
removed_list(compacting *work, const char ***out, size_t *out_count, slu_error *err)
{
    const iceberg_compact_plan *plan = &work->plan;
    size_t count = 0;
    size_t kept = 0;
    const char **paths = slu_arena_array(&work->arena, plan->scan.count + plan->dangling_count, sizeof *paths);
    SLU_TRY(slu_arena_status(&work->arena, err));
    for (size_t i = 0; i < plan->bin_count; i++)
        for (size_t k = 0; k < plan->bins[i].count; k++)
            paths[count++] = plan->bins[i].files[k].file.path;
    for (size_t i = 0; i < plan->dangling_count; i++)
        paths[count++] = plan->dangling[i]->file.path;
    if (count != 0)
        qsort(paths, count, sizeof *paths, path_compare);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(paths[i], paths[kept - 1]) != 0)
            paths[kept++] = paths[i];
    *out = paths;
    *out_count = kept;
    return SLU_OK;
}

static slu_status
replace_commit(compacting *work, slu_error *err)
{
    const char **removed = NULL;
    size_t removed_count = 0;
    SLU_TRY(removed_list(work, &removed, &removed_count, err));
    const iceberg_append replace = {.files = work->made,
                                    .file_count = work->made_count,
                                    .operation = "replace",
                                    .removed = removed,
                                    .removed_count = removed_count,
                                    .data_sequence = iceberg_metadata_snapshot(work->table->metadata)->sequence_number,
                                    .merge_all = true};
    return iceberg_table_append(work->catalog, work->table, &replace, &work->out->snapshot_id, err);
}

/* ---- manifests ---- */

/* How many data manifests the current snapshot has, and whether merging would leave less than half of them. */
static slu_status
manifests_count(compacting *work, int64_t *out, bool *out_many, slu_error *err)
{
    iceberg_manifest_file *manifests = NULL;
    size_t count = 0;
    int64_t bytes = 0;
    int64_t small = 0;
    const iceberg_metadata *metadata = work->table->metadata;
    const int64_t target = iceberg_metadata_property_i64(metadata, "commit.manifest.target-size-bytes", MANIFEST_BYTES_DEFAULT);
    SLU_TRY(
        iceberg_list_get(work->store, iceberg_metadata_snapshot(metadata)->manifest_list, &work->arena, &manifests, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (manifests[i].content != ICEBERG_MANIFEST_DATA || manifests[i].spec_id != metadata->default_spec_id)
            continue;
        small++;
        bytes += manifests[i].bytes;
    }
    *out = (int64_t)count;
    *out_many = (bytes / (target < 1 ? 1 : target) + 1) * 2 < small;
    return SLU_OK;
}

static bool
merge_is_off(const iceberg_metadata *metadata)
{
    const char *enabled = iceberg_metadata_property(metadata, "commit.manifest-merge.enabled");
    return enabled != NULL && strcmp(enabled, "false") == 0;
}

/* ---- all of it ---- */

static void
made_remove(const compacting *work)
{
    for (size_t i = 0; i < work->made_count; i++)
        (void)iceberg_store_remove(work->store, work->made[i].path, NULL);
}

static void
plan_count(compacting *work)
{
    iceberg_compacted *out = work->out;
    for (size_t i = 0; i < work->plan.bin_count; i++) {
        out->files_before += (int64_t)work->plan.bins[i].count;
        out->bytes_before += work->plan.bins[i].bytes;
        out->rows_before += work->plan.bins[i].rows;
    }
    out->files_after = (int64_t)work->plan.bin_count;
    out->delete_files = (int64_t)work->plan.dangling_count;
    out->left_files = (int64_t)work->plan.left_files;
}

static slu_status
plan_make(compacting *work, slu_error *err)
{
    const iceberg_metadata *metadata = work->table->metadata;
    const int64_t split = iceberg_metadata_property_i64(metadata, "read.split.target-size", SPLIT_BYTES_DEFAULT);
    const int64_t file = iceberg_target_file_bytes(metadata);
    const int64_t target = work->options->target_bytes != 0 ? work->options->target_bytes : split < file ? split : file;
    const int64_t files_min = work->options->files_min == 0 ? ICEBERG_COMPACT_FILES_MIN : work->options->files_min;
    SLU_TRY(iceberg_compact_plan_make(work->store, metadata, target, files_min, &work->plan, err));
    plan_count(work);
    return SLU_OK;
}

static slu_status
compact_run(compacting *work, slu_error *err)
{
    iceberg_compacted *out = work->out;
    bool many = false;
    SLU_TRY(plan_make(work, err));
    SLU_TRY(manifests_count(work, &out->manifests_before, &many, err));
    many = many && !merge_is_off(work->table->metadata);
    out->manifests_after = out->manifests_before;
    if (work->options->dry_run) {
        out->bytes_after = out->bytes_before;
        out->rows_after = out->rows_before;
        return SLU_OK;
    }
    if (work->plan.bin_count == 0 && work->plan.dangling_count == 0 && !many)
        return SLU_OK;
    slu_status status = bins_rewrite(work, err);
    if (status == SLU_OK)
        status = replace_commit(work, err);
    if (status != SLU_OK) {
        if (err->code != ICEBERG_COMMIT_UNKNOWN)
            made_remove(work);
        return status;
    }
    out->files_after = (int64_t)work->made_count;
    return manifests_count(work, &out->manifests_after, &many, err);
}

slu_status
iceberg_compact(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_compact_options *options,
                iceberg_compacted *out, slu_error *err)
{
    slu_error own = {0};
    slu_error *at = err == NULL ? &own : err; /* the code in it decides what is deleted */
    memset(out, 0, sizeof *out);
    out->snapshot_id = -1;
    SLU_TRY(iceberg_catalog_refresh(catalog, table, at));
    if (table->metadata->format_version != 2)
        return slu_error_set(at, SLU_UNSUPPORTED, "a table of format version %d is not compacted (only 2 is written)",
                             (int)table->metadata->format_version);
    if (iceberg_metadata_snapshot(table->metadata) == NULL)
        return SLU_OK;
    SLU_AUTO(compacting_fini)
    compacting work = {
        .catalog = catalog, .store = iceberg_catalog_store(catalog, table), .table = table, .options = options, .out = out};
    slu_arena_init(&work.arena, COMPACT_ARENA_BYTES_MAX);
    SLU_TRY_IN(compact_run(&work, at), at, "compacting %s.%s", table->ns, table->name);
    return SLU_OK;
}
