#include "commit.h"

#include "iceberg/commit.h"

#include "base/alloc.h"
#include "base/arena.h"

#define COMMIT_ARENA_BYTES_MAX ((size_t)512 << 20)
#define SPLIT_FILES_BYTES_MAX ((size_t)64 << 20)

/* ---- the round ---- */

slu_status
tiering_round_new(const tiering_piece *head, tiering_round **out, slu_error *err)
{
    SLU_AUTO(tiering_round_free) tiering_round *round = slu_alloc_zero(1, sizeof *round);
    if (round != NULL) {
        round->head = *head;
        round->splits = slu_alloc_zero(head->split_count, sizeof *round->splits);
    }
    if (round == NULL || round->splits == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a round of %d splits", head->split_count);
    for (uint32_t i = 0; i < head->split_count; i++)
        slu_buf_init(&round->splits[i].files, SPLIT_FILES_BYTES_MAX);
    *out = slu_take(&round);
    return SLU_OK;
}

void
tiering_round_free(tiering_round **round)
{
    if (*round == NULL)
        return;
    for (uint32_t i = 0; (*round)->splits != NULL && i < (*round)->head.split_count; i++)
        slu_buf_fini(&(*round)->splits[i].files);
    slu_free((*round)->splits);
    slu_free(*round);
    *round = NULL;
}

static void
round_fail(tiering_round *round, slu_view reason)
{
    if (round->failed)
        return;
    round->failed = true;
    (void)snprintf(round->reason, sizeof round->reason, "%.*s", (int)reason.bytes,
                   reason.data == NULL ? "" : (const char *)reason.data);
}

slu_status
tiering_round_add(tiering_round *round, const tiering_piece *piece, slu_view payload, slu_error *err)
{
    if (piece->kind == TIERING_FAILED || piece->kind == TIERING_ABORT) {
        round_fail(round, piece->kind == TIERING_FAILED ? payload : slu_view_of_text("given up by the source"));
        return SLU_OK;
    }
    if (piece->kind != TIERING_RESULT || piece->split_count != round->head.split_count || round->splits[piece->split].there)
        return slu_error_set(err, SLU_CORRUPT, "table %s.%s, epoch %lld: split %d of %d came as kind %d, %s", piece->database,
                             piece->table, (long long)piece->tiering_epoch, piece->split, piece->split_count, piece->kind,
                             piece->split < round->head.split_count && round->splits[piece->split].there ? "twice"
                                                                                                         : "unexpectedly");
    tiering_split_files *split = &round->splits[piece->split];
    split->partition_id = piece->partition_id;
    split->bucket = piece->bucket;
    split->end_offset = piece->end_offset;
    split->oldest_ms = piece->commit_timestamp;
    slu_buf_append(&split->files, payload.data, payload.bytes);
    SLU_TRY(slu_buf_status(&split->files, err));
    split->there = true;
    round->arrived++;
    return SLU_OK;
}

/* ---- its files ---- */

/* Files of data first, then those of deletes. */
typedef struct round_files {
    slu_arena arena;
    iceberg_data_file *files;
    size_t count;
    size_t data_count;
    int64_t rows;
    int64_t deletes;
} round_files;

static void
round_files_fini(round_files *files)
{
    slu_arena_fini(&files->arena);
}

static slu_status
files_of_split(const tiering_split_files *split, const iceberg_metadata *metadata, round_files *out, slu_error *err)
{
    iceberg_data_file *files = NULL;
    size_t count = 0;
    if (!split->there || split->files.bytes == 0)
        return SLU_OK;
    SLU_TRY(iceberg_data_files_decode(slu_buf_view(&split->files), iceberg_metadata_schema(metadata),
                                      iceberg_metadata_spec(metadata), &out->arena, &files, &count, err));
    iceberg_data_file *all = slu_arena_array(&out->arena, out->count + count + 1, sizeof *all);
    SLU_TRY(slu_arena_status(&out->arena, err));
    if (out->count != 0)
        memcpy(all, out->files, out->count * sizeof *all);
    memcpy(all + out->count, files, count * sizeof *all);
    out->files = all;
    out->count += count;
    return SLU_OK;
}

/* Data files to the front. */
static slu_status
files_divide(round_files *files, slu_error *err)
{
    iceberg_data_file *all = slu_arena_array(&files->arena, files->count + 1, sizeof *all);
    size_t at = 0;
    SLU_TRY(slu_arena_status(&files->arena, err));
    for (int deletes = 0; deletes < 2; deletes++) {
        for (size_t i = 0; i < files->count; i++)
            if ((files->files[i].content != ICEBERG_CONTENT_DATA) == deletes)
                all[at++] = files->files[i];
        if (!deletes)
            files->data_count = at;
    }
    for (size_t i = 0; i < files->count; i++)
        *(i < files->data_count ? &files->rows : &files->deletes) += all[i].record_count;
    files->files = all;
    return SLU_OK;
}

static slu_status
files_of_round(const tiering_round *round, const iceberg_metadata *metadata, round_files *out, slu_error *err)
{
    for (uint32_t i = 0; i < round->head.split_count; i++)
        SLU_TRY_IN(files_of_split(&round->splits[i], metadata, out, err), err, "the files of split %u", i);
    return files_divide(out, err);
}

/* Best effort: what stays behind is an orphan that maintenance finds. */
static void
files_delete(const iceberg_store *store, const round_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        (void)iceberg_store_remove(store, files->files[i].path, NULL);
}

/* ---- the checks ---- */

static slu_status
check_same_table(const tiering_fluss *fluss, const tiering_round *round, slu_error *err)
{
    int64_t id = 0;
    SLU_TRY_IN(fluss->table_id(fluss->self, round->head.database, round->head.table, &id, err), err, "the table's id");
    if (id != round->head.table_id)
        return slu_error_set(err, SLU_CONFLICT, "the table was dropped and created anew: its id was %lld and is %lld",
                             (long long)round->head.table_id, (long long)id);
    return SLU_OK;
}

static bool
snapshot_is_newer(const iceberg_metadata *metadata, const iceberg_snapshot *found, int64_t known)
{
    if (known == TIERING_NO_SNAPSHOT)
        return true;
    const iceberg_snapshot *other = iceberg_metadata_snapshot_of(metadata, known);
    return found->id != known && (other == NULL || found->sequence_number > other->sequence_number);
}

/* Step 2: the lake has a tiering snapshot that Fluss does not know: a commit to Fluss was lost. */
static slu_status
check_registered(const tiering_fluss *fluss, const iceberg_metadata *metadata, const tiering_round *round, int64_t known,
                 tiering_outcome *out, slu_error *err)
{
    const iceberg_snapshot *found = iceberg_metadata_find(metadata, "commit-user", TIERING_COMMIT_USER);
    if (found == NULL && known != TIERING_NO_SNAPSHOT && iceberg_metadata_snapshot_of(metadata, known) == NULL)
        return slu_error_set(
            err, SLU_CONFLICT,
            "Fluss names lake snapshot %lld, which the lake table does not have: the lake table was replaced or rolled back; "
            "drop the Fluss table, or restore the lake table",
            (long long)known);
    if (found == NULL || !snapshot_is_newer(metadata, found, known))
        return SLU_OK;
    const char *path = iceberg_snapshot_property(found, TIERING_OFFSETS_KEY);
    if (path == NULL || strchr(path, '{') != NULL)
        return slu_error_set(
            err, SLU_INVALID,
            "lake snapshot %lld was committed by a tiering service of Fluss 0.8 (%s): finish its round with that service first",
            (long long)found->id, path == NULL ? "it has no fluss-offsets" : "fluss-offsets holds JSON");
    SLU_TRY_IN(fluss->commit(fluss->self, &round->head, found->id, path, true, err), err, "registering lake snapshot %lld again",
               (long long)found->id);
    out->repaired = true;
    out->snapshot = found->id;
    return slu_error_set(err, SLU_CONFLICT,
                         "lake snapshot %lld was not registered in Fluss; it is now, and the round is read again",
                         (long long)found->id);
}

static slu_status
check_ranges_fit(const tiering_round *round, int64_t known, slu_error *err)
{
    if (known != round->head.known_snapshot)
        return slu_error_set(err, SLU_CONFLICT,
                             "another tiering service committed since the round was claimed: Fluss now names lake snapshot %lld",
                             (long long)known);
    return SLU_OK;
}

/* The table moved while we committed: foreign appends and rewrites are fine, another tiering commit is not. */
static slu_status
table_moved(void *context, const iceberg_metadata *base, const iceberg_metadata *now, slu_error *err)
{
    (void)context;
    const iceberg_snapshot *before = iceberg_metadata_find(base, "commit-user", TIERING_COMMIT_USER);
    const iceberg_snapshot *after = iceberg_metadata_find(now, "commit-user", TIERING_COMMIT_USER);
    if (after != NULL && (before == NULL || after->id != before->id))
        return slu_error_set(err, SLU_CONFLICT, "another tiering service committed lake snapshot %lld meanwhile",
                             (long long)after->id);
    return SLU_OK;
}

/* ---- the commit ---- */

static slu_status
commit_prepare(const tiering_fluss *fluss, const tiering_round *round, char *path, slu_error *err)
{
    tiering_end_offset *ends = slu_alloc_zero(round->head.split_count, sizeof *ends);
    if (ends == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d offsets", round->head.split_count);
    for (uint32_t i = 0; i < round->head.split_count; i++) {
        ends[i].partition_id = round->splits[i].partition_id;
        ends[i].bucket = round->splits[i].bucket;
        ends[i].end = round->splits[i].end_offset;
    }
    const slu_status status = fluss->prepare(fluss->self, &round->head, ends, round->head.split_count, path, err);
    slu_free(ends);
    return slu_error_in(err, status, "preparing the offsets file");
}

static slu_status
commit_to_lake(const iceberg_catalog *catalog, iceberg_table *table, const round_files *files, const char *path, int64_t *snapshot,
               slu_error *err)
{
    const iceberg_property properties[] = {{"commit-user", TIERING_COMMIT_USER}, {TIERING_OFFSETS_KEY, path}};
    const iceberg_append append = {.files = files->files,
                                   .file_count = files->data_count,
                                   .deletes = files->files + files->data_count,
                                   .delete_count = files->count - files->data_count,
                                   .properties = properties,
                                   .property_count = 2,
                                   .moved = table_moved};
    return iceberg_table_append(catalog, table, &append, snapshot, err);
}

/* Everything up to the lake commit; *unknown: the lake may have it in spite of the failure. */
static slu_status
round_to_lake(const tiering_fluss *fluss, const iceberg_catalog *catalog, const tiering_round *round, iceberg_table *table,
              const round_files *files, char *path, tiering_outcome *out, bool *unknown, slu_error *err)
{
    int64_t known = 0;
    if (round->failed)
        return slu_error_set(err, SLU_CONFLICT, "%s", round->reason);
    SLU_TRY(check_same_table(fluss, round, err));
    SLU_TRY_IN(fluss->lake_snapshot(fluss->self, round->head.database, round->head.table, &known, err), err,
               "the lake snapshot that Fluss knows");
    SLU_TRY(check_registered(fluss, table->metadata, round, known, out, err));
    SLU_TRY(check_ranges_fit(round, known, err));
    SLU_TRY(commit_prepare(fluss, round, path, err));
    slu_error own;
    const slu_status status = commit_to_lake(catalog, table, files, path, &out->snapshot, err != NULL ? err : &own);
    *unknown = status != SLU_OK && (err != NULL ? err : &own)->code == ICEBERG_COMMIT_UNKNOWN;
    return slu_error_in(err, status, "committing to the lake");
}

static slu_status
round_commit(const tiering_fluss *fluss, const iceberg_catalog *catalog, const tiering_round *round, tiering_outcome *out,
             slu_error *err)
{
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    SLU_AUTO(round_files_fini) round_files files = {0};
    char path[TIERING_PATH_BYTES_MAX] = "";
    bool unknown = false;
    slu_arena_init(&files.arena, COMMIT_ARENA_BYTES_MAX);
    SLU_TRY_IN(iceberg_catalog_load(catalog, round->head.database, round->head.table, &table, err), err, "the lake table");
    SLU_TRY(files_of_round(round, table.metadata, &files, err));
    const slu_status status = round_to_lake(fluss, catalog, round, &table, &files, path, out, &unknown, err);
    if (status != SLU_OK) {
        if (!unknown)
            files_delete(iceberg_catalog_store(catalog, &table), &files);
        return status;
    }
    out->committed = true;
    out->files = (int64_t)files.count;
    out->rows = files.rows;
    out->deletes = files.deletes;
    SLU_TRY_IN(fluss->commit(fluss->self, &round->head, out->snapshot, path, false, err), err, "registering lake snapshot %lld",
               (long long)out->snapshot);
    return SLU_OK;
}

slu_status
tiering_round_commit(const tiering_fluss *fluss, const iceberg_catalog *catalog, tiering_round *round, tiering_outcome *out,
                     slu_error *err)
{
    memset(out, 0, sizeof *out);
    const slu_status status = round_commit(fluss, catalog, round, out, err);
    const slu_status told = fluss->report(fluss->self, &round->head, status == SLU_OK, status == SLU_OK ? err : NULL);
    if (status != SLU_OK)
        return slu_error_in(err, status, "tiering of %s.%s, epoch %lld", round->head.database, round->head.table,
                            (long long)round->head.tiering_epoch);
    return slu_error_in(err, told, "telling Fluss that %s.%s is tiered", round->head.database, round->head.table);
}
