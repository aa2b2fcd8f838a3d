#include "iceberg/summary.h"

#include <stdlib.h>

#define SUMMARY_KEYS_MAX 32

typedef struct summary_build {
    slu_arena *arena;
    iceberg_property *items;
    uint32_t count;
} summary_build;

/* What a commit adds, by kind. */
typedef struct summary_added {
    int64_t data_files;
    int64_t rows;
    int64_t equality_files;
    int64_t equality_rows;
    int64_t position_files;
    int64_t position_rows;
    int64_t bytes;
} summary_added;

static void
summary_text(summary_build *build, const char *key, const char *value)
{
    build->items[build->count++] = (iceberg_property){key, value};
}

static void
summary_number(summary_build *build, const char *key, int64_t number)
{
    summary_text(build, key, slu_arena_printf(build->arena, "%lld", (long long)number));
}

static void
summary_some(summary_build *build, const char *key, int64_t number)
{
    if (number != 0)
        summary_number(build, key, number);
}

/* The parent's total, what was added and what was removed; left out when the parent does not know its own. */
static void
summary_total(summary_build *build, const char *key, const iceberg_snapshot *parent, int64_t added, int64_t removed)
{
    const char *text = parent == NULL ? "0" : iceberg_snapshot_property(parent, key);
    char *end = NULL;
    const long long before = text == NULL ? -1 : strtoll(text, &end, 10);
    if (text != NULL && end != text && *end == 0 && before >= 0 && before <= INT64_MAX - added && before + added >= removed)
        summary_number(build, key, before + added - removed);
}

static summary_added
summary_count(const iceberg_append *append)
{
    summary_added added = {.data_files = (int64_t)append->file_count};
    for (size_t i = 0; i < append->file_count; i++) {
        added.rows += append->files[i].record_count;
        added.bytes += append->files[i].file_bytes;
    }
    for (size_t i = 0; i < append->delete_count; i++) {
        const iceberg_data_file *file = &append->deletes[i];
        const bool equality = file->content == ICEBERG_CONTENT_EQUALITY_DELETES;
        added.equality_files += equality;
        added.equality_rows += equality ? file->record_count : 0;
        added.position_files += !equality;
        added.position_rows += equality ? 0 : file->record_count;
        added.bytes += file->file_bytes;
    }
    return added;
}

/* ---- partitions ---- */

static const iceberg_data_file *
file_at(const iceberg_append *append, size_t i)
{
    return i < append->file_count ? &append->files[i] : &append->deletes[i - append->file_count];
}

static bool
same_partition(const iceberg_data_file *a, const iceberg_data_file *b)
{
    for (uint32_t i = 0; i < a->partition_count; i++)
        if (!iceberg_value_equal(a->partition[i], b->partition[i]))
            return false;
    return a->partition_count == b->partition_count;
}

static int64_t
partition_count(const iceberg_append *append)
{
    int64_t count = 0;
    for (size_t i = 0; i < append->file_count + append->delete_count; i++) {
        bool seen = i > 0 && same_partition(file_at(append, i), file_at(append, i - 1));
        for (size_t k = 0; k + 1 < i && !seen; k++)
            seen = same_partition(file_at(append, i), file_at(append, k));
        count += !seen;
    }
    return count;
}

/* ---- the whole ---- */

static const char *
operation_of(const iceberg_append *append)
{
    if (append->operation != NULL)
        return append->operation;
    if (append->delete_count == 0)
        return "append";
    return append->file_count == 0 ? "delete" : "overwrite";
}

static void
summary_adds(summary_build *build, const summary_added *added)
{
    summary_some(build, "added-data-files", added->data_files);
    summary_some(build, "added-records", added->rows);
    summary_some(build, "added-delete-files", added->equality_files + added->position_files);
    summary_some(build, "added-equality-delete-files", added->equality_files);
    summary_some(build, "added-equality-deletes", added->equality_rows);
    summary_some(build, "added-position-delete-files", added->position_files);
    summary_some(build, "added-position-deletes", added->position_rows);
    summary_some(build, "added-files-size", added->bytes);
}

static void
summary_removes(summary_build *build, const iceberg_filter *gone)
{
    summary_some(build, "deleted-data-files", gone->data_files);
    summary_some(build, "deleted-records", gone->records);
    summary_some(build, "removed-files-size", gone->bytes);
    summary_some(build, "removed-delete-files", gone->position_files + gone->equality_files);
    summary_some(build, "removed-position-delete-files", gone->position_files);
    summary_some(build, "removed-equality-delete-files", gone->equality_files);
    summary_some(build, "removed-position-deletes", gone->position_deletes);
    summary_some(build, "removed-equality-deletes", gone->equality_deletes);
}

static void
summary_totals(summary_build *build, const iceberg_snapshot *parent, const summary_added *added, const iceberg_filter *gone)
{
    summary_total(build, "total-records", parent, added->rows, gone->records);
    summary_total(build, "total-files-size", parent, added->bytes, gone->bytes);
    summary_total(build, "total-data-files", parent, added->data_files, gone->data_files);
    summary_total(build, "total-delete-files", parent, added->equality_files + added->position_files,
                  gone->position_files + gone->equality_files);
    summary_total(build, "total-position-deletes", parent, added->position_rows, gone->position_deletes);
    summary_total(build, "total-equality-deletes", parent, added->equality_rows, gone->equality_deletes);
}

slu_status
iceberg_summary_make(const iceberg_append *append, const iceberg_snapshot *parent, const iceberg_filter *gone, slu_arena *arena,
                     iceberg_summary *out, slu_error *err)
{
    const summary_added added = summary_count(append);
    summary_build build = {.arena = arena};
    build.items = slu_arena_array(arena, append->property_count + SUMMARY_KEYS_MAX, sizeof *build.items);
    SLU_TRY(slu_arena_status(arena, err));
    summary_text(&build, "operation", operation_of(append));
    for (size_t i = 0; i < append->property_count; i++)
        summary_text(&build, append->properties[i].key, append->properties[i].value);
    summary_adds(&build, &added);
    summary_removes(&build, gone);
    summary_number(&build, "changed-partition-count", partition_count(append));
    summary_totals(&build, parent, &added, gone);
    summary_text(&build, "engine-name", "sluice");
    *out = (iceberg_summary){build.items, build.count};
    return slu_arena_status(arena, err);
}
