#include "iceberg/commit.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/sizes.h"
#include "base/uuid.h"
#include "iceberg/filter.h"
#include "iceberg/manifest_io.h"
#include "iceberg/merge.h"
#include "iceberg/names.h"
#include "iceberg/row_delta.h"
#include "iceberg/summary.h"

#include <time.h>

#define COMMIT_ARENA_BYTES_MAX ((size_t)1 << 30)
#define WAIT_MS_MIN 100
#define WAIT_MS_MAX 60000

typedef struct commit_work {
    const iceberg_catalog *catalog;
    const iceberg_store *store;
    iceberg_table *table;
    const iceberg_append *append;
    slu_arena arena;
    char uuid[SLU_UUID_TEXT_BYTES];
    int64_t snapshot_id;
    int32_t spec_id;                    /* the manifest was written under it */
    iceberg_manifest_file manifests[2]; /* data, deletes: those that there are */
    size_t manifest_count;
    int attempt;
    bool asked;                          /* the catalog was asked to commit: an answer may be lost from here on */
    const char *list_location;           /* of the last attempt */
    iceberg_merge merge;                 /* of the last attempt */
    iceberg_filter filter;               /* of the last attempt */
    const iceberg_manifest_file *listed; /* by the last attempt's list */
    size_t listed_count;
} commit_work;

static int64_t
snapshot_id_new(const slu_env *env, const iceberg_metadata *metadata)
{
    for (;;) {
        const int64_t id = (int64_t)(env->random(env) & INT64_MAX);
        if (id != 0 && iceberg_metadata_snapshot_of(metadata, id) == NULL)
            return id;
    }
}

static slu_view
manifest_codec(const iceberg_metadata *metadata)
{
    const char *codec = iceberg_metadata_property(metadata, "write.manifest.compression-codec");
    return codec == NULL ? slu_view_of(NULL, 0) : slu_view_of_text(codec);
}

/* ---- the manifests: written once ---- */

/* `sequence`: of files that are as old as that; ICEBERG_ABSENT: the commit's own. */
static slu_status
manifest_entries(commit_work *work, const iceberg_data_file *files, size_t count, int64_t sequence, iceberg_manifest_entry **out,
                 slu_error *err)
{
    iceberg_manifest_entry *entries = slu_arena_array(&work->arena, count, sizeof *entries);
    SLU_TRY(slu_arena_status(&work->arena, err));
    for (size_t i = 0; i < count; i++)
        entries[i] = (iceberg_manifest_entry){ICEBERG_STATUS_ADDED, work->snapshot_id, sequence, ICEBERG_ABSENT, files[i]};
    *out = entries;
    return SLU_OK;
}

static slu_status
manifest_write(commit_work *work, int32_t content, const iceberg_data_file *files, size_t count, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    const iceberg_metadata *metadata = work->table->metadata;
    const int64_t older = content == ICEBERG_MANIFEST_DATA ? work->append->data_sequence : 0;
    iceberg_manifest_entry *entries = NULL;
    iceberg_manifest_file *manifest = &work->manifests[work->manifest_count];
    iceberg_manifest_head head = {
        2, content, iceberg_metadata_schema(metadata), iceberg_metadata_spec(metadata), manifest_codec(metadata), {0}};
    if (count == 0)
        return SLU_OK;
    const char *path =
        slu_arena_printf(&work->arena, "%s/metadata/%s-m%zu.avro", metadata->location, work->uuid, work->manifest_count);
    iceberg_random(work->catalog->env, head.sync, sizeof head.sync);
    slu_buf_init(&bytes, ICEBERG_MANIFEST_BYTES_MAX);
    SLU_TRY(slu_arena_status(&work->arena, err));
    SLU_TRY(manifest_entries(work, files, count, older == 0 ? ICEBERG_ABSENT : older, &entries, err));
    SLU_TRY(iceberg_manifest_encode(&head, entries, count, path, &work->arena, &bytes, manifest, err));
    SLU_TRY(iceberg_store_put(work->store, path, slu_buf_view(&bytes), true, err));
    manifest->snapshot_id = work->snapshot_id;
    work->spec_id = head.spec->spec_id;
    work->manifest_count++;
    return SLU_OK;
}

static slu_status
manifests_write(commit_work *work, slu_error *err)
{
    const iceberg_append *append = work->append;
    SLU_TRY(manifest_write(work, ICEBERG_MANIFEST_DATA, append->files, append->file_count, err));
    return manifest_write(work, ICEBERG_MANIFEST_DELETES, append->deletes, append->delete_count, err);
}

/* ---- the manifest list: one per attempt ---- */

static slu_status
parent_manifests(commit_work *work, const iceberg_snapshot *parent, iceberg_manifest_file **out, size_t *out_count, slu_error *err)
{
    *out = NULL;
    *out_count = 0;
    return parent == NULL ? SLU_OK : iceberg_list_get(work->store, parent->manifest_list, &work->arena, out, out_count, err);
}

static void
merged_remove(commit_work *work)
{
    for (size_t i = 0; i < work->merge.written_count; i++)
        (void)iceberg_store_remove(work->store, work->merge.written[i], NULL);
    work->merge.written_count = 0;
    for (size_t i = 0; i < work->filter.written_count; i++)
        (void)iceberg_store_remove(work->store, work->filter.written[i], NULL);
    work->filter.written_count = 0;
}

static slu_status
removed_filter(commit_work *work, iceberg_manifest_file *manifests, size_t *count, int64_t sequence, slu_error *err)
{
    const iceberg_append *append = work->append;
    work->filter = (iceberg_filter){.env = work->catalog->env,
                                    .store = work->store,
                                    .metadata = work->table->metadata,
                                    .arena = &work->arena,
                                    .snapshot_id = work->snapshot_id,
                                    .sequence_number = sequence,
                                    .uuid = work->uuid,
                                    .attempt = work->attempt,
                                    .removed = append->removed,
                                    .removed_count = append->removed_count,
                                    .data_sequence = append->data_sequence};
    return append->removed_count == 0 ? SLU_OK : iceberg_manifests_filter(&work->filter, manifests, *count, err);
}

/* The parent's manifests but for those without live files, without what is removed, merged when they are many. */
static slu_status
old_manifests(commit_work *work, const iceberg_snapshot *parent, int64_t sequence, iceberg_manifest_file **out, size_t *out_count,
              slu_error *err)
{
    size_t count = 0;
    SLU_TRY(parent_manifests(work, parent, out, out_count, err));
    for (size_t i = 0; i < *out_count; i++)
        if ((*out)[i].added_files != 0 || (*out)[i].existing_files != 0)
            (*out)[count++] = (*out)[i];
    *out_count = count;
    SLU_TRY(removed_filter(work, *out, out_count, sequence, err));
    work->merge = (iceberg_merge){.env = work->catalog->env,
                                  .store = work->store,
                                  .metadata = work->table->metadata,
                                  .arena = &work->arena,
                                  .snapshot_id = work->snapshot_id,
                                  .sequence_number = sequence,
                                  .uuid = work->uuid,
                                  .attempt = work->attempt,
                                  .content = ICEBERG_MANIFEST_DATA,
                                  .all = work->append->merge_all};
    SLU_TRY(iceberg_manifests_merge(&work->merge, *out, out_count, work->append->file_count != 0, err));
    work->merge.content = ICEBERG_MANIFEST_DELETES;
    return iceberg_manifests_merge(&work->merge, *out, out_count, work->append->delete_count != 0, err);
}

/* The new manifests in front. */
static slu_status
list_manifests(commit_work *work, const iceberg_snapshot *parent, int64_t sequence, iceberg_manifest_file **out, size_t *out_count,
               slu_error *err)
{
    iceberg_manifest_file *old = NULL;
    size_t old_count = 0;
    size_t count = 0;
    SLU_TRY(old_manifests(work, parent, sequence, &old, &old_count, err));
    iceberg_manifest_file *all = slu_arena_array(&work->arena, old_count + work->manifest_count, sizeof *all);
    SLU_TRY(slu_arena_status(&work->arena, err));
    for (size_t i = 0; i < work->manifest_count; i++) {
        all[count] = work->manifests[i];
        all[count].sequence_number = sequence;
        if (all[count].min_sequence_number == ICEBERG_ABSENT)
            all[count].min_sequence_number = sequence;
        count++;
    }
    for (size_t i = 0; i < old_count; i++)
        all[count++] = old[i];
    *out = all;
    *out_count = count;
    work->listed = all;
    work->listed_count = count;
    return SLU_OK;
}

/* A manifest that was written anew without the files that leave may have been merged into another in the same commit. */
static void
between_remove(const commit_work *work)
{
    for (size_t i = 0; i < work->filter.written_count; i++) {
        bool listed = false;
        for (size_t k = 0; k < work->listed_count && !listed; k++)
            listed = strcmp(work->filter.written[i], work->listed[k].path) == 0;
        if (!listed)
            (void)iceberg_store_remove(work->store, work->filter.written[i], NULL);
    }
}

static slu_status
list_write(commit_work *work, const iceberg_snapshot *parent, int64_t sequence, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    iceberg_manifest_file *manifests = NULL;
    size_t count = 0;
    iceberg_list_head head = {
        2, work->snapshot_id, parent == NULL ? ICEBERG_ABSENT : parent->id, sequence, manifest_codec(work->table->metadata), {0}};
    slu_buf_init(&bytes, ICEBERG_LIST_BYTES_MAX);
    iceberg_random(work->catalog->env, head.sync, sizeof head.sync);
    SLU_TRY(list_manifests(work, parent, sequence, &manifests, &count, err));
    SLU_TRY(iceberg_list_encode(&head, manifests, count, &bytes, err));
    work->list_location = slu_arena_printf(&work->arena, "%s/metadata/snap-%lld-%d-%s.avro", work->table->metadata->location,
                                           (long long)work->snapshot_id, work->attempt, work->uuid);
    SLU_TRY(slu_arena_status(&work->arena, err));
    return iceberg_store_put(work->store, work->list_location, slu_buf_view(&bytes), true, err);
}

/* ---- attempts ---- */

static slu_status
attempt_commit(commit_work *work, slu_error *err)
{
    const iceberg_metadata *metadata = work->table->metadata;
    const char *ref_name = work->append->ref == NULL ? "main" : work->append->ref;
    const iceberg_ref *ref = iceberg_metadata_ref(metadata, ref_name);
    const iceberg_snapshot *parent = ref != NULL ? iceberg_metadata_snapshot_of(metadata, ref->snapshot_id)
                                                 : (work->append->ref == NULL ? iceberg_metadata_snapshot(metadata) : NULL);
    const int64_t sequence = metadata->last_sequence_number + 1;
    const int64_t now_ms = slu_wall_ms(work->catalog->env);
    iceberg_summary summary = {0};
    work->attempt++;
    work->asked = false;
    SLU_TRY(iceberg_row_delta_check(work->store, metadata, parent, work->append, err));
    SLU_TRY(list_write(work, parent, sequence, err));
    SLU_TRY(iceberg_summary_make(work->append, parent, &work->filter, &work->arena, &summary, err));
    const iceberg_snapshot snapshot = {work->snapshot_id,
                                       parent == NULL ? ICEBERG_ABSENT : parent->id,
                                       sequence,
                                       now_ms > metadata->last_updated_ms ? now_ms : metadata->last_updated_ms,
                                       metadata->current_schema_id,
                                       work->list_location,
                                       summary.items,
                                       summary.count};
    const iceberg_update updates[] = {
        {.kind = ICEBERG_UPDATE_ADD_SNAPSHOT, .snapshot = &snapshot},
        {.kind = ICEBERG_UPDATE_SET_REF, .text = ref_name, .number = work->snapshot_id},
    };
    const iceberg_change change = {{metadata->uuid, ref_name, parent == NULL ? ICEBERG_ABSENT : parent->id}, updates, 2};
    work->asked = true;
    return iceberg_catalog_commit(work->catalog, work->table, &change, err);
}

static void
wait_ms(int64_t ms)
{
    const struct timespec pause = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* Whether the commit whose answer was lost is in the table. UNKNOWN stays in err->code when the table cannot be read. */
static slu_status
status_check(commit_work *work, slu_status answer, slu_error *err)
{
    slu_error again = {0};
    const int64_t tries = iceberg_metadata_property_i64(work->table->metadata, "commit.status-check.num-retries", 3);
    slu_status status = SLU_IO;
    for (int64_t i = 0; i <= tries && i < 10 && status != SLU_OK; i++) {
        if (i > 0)
            wait_ms(WAIT_MS_MIN << i);
        status = iceberg_catalog_refresh(work->catalog, work->table, &again);
    }
    if (status == SLU_OK && iceberg_metadata_snapshot_of(work->table->metadata, work->snapshot_id) != NULL)
        return SLU_OK;
    if (err != NULL) {
        err->code = ICEBERG_COMMIT_UNKNOWN;
        err->retriable = 1;
    }
    return slu_error_in(err, answer, "snapshot %lld of %s.%s: the answer was lost, the commit may have been done",
                        (long long)work->snapshot_id, work->table->ns, work->table->name);
}

static bool
is_definite(slu_status status)
{
    return status != SLU_IO && status != SLU_TIMEOUT && status != SLU_CLOSED;
}

static void
list_remove(commit_work *work)
{
    if (work->list_location != NULL)
        (void)iceberg_store_remove(work->store, work->list_location, NULL);
    work->list_location = NULL;
}

/* After a definite conflict: the newest moment, if the caller agrees to go on over it. */
static slu_status
conflict_rebase(commit_work *work, slu_error *err)
{
    iceberg_table before = *work->table;
    iceberg_table now = {0};
    SLU_TRY(iceberg_catalog_load(work->catalog, before.ns, before.name, &now, err));
    slu_status status = SLU_OK;
    if (before.metadata->uuid != NULL && strcmp(before.metadata->uuid, now.metadata->uuid) != 0)
        status = slu_error_set(err, SLU_CONFLICT, "table %s.%s was dropped and made again", before.ns, before.name);
    else if (work->manifest_count != 0 && now.metadata->default_spec_id != work->spec_id)
        status = slu_error_set(err, SLU_CONFLICT, "table %s.%s has another partition spec now", before.ns, before.name);
    else if (work->append->moved != NULL)
        status = work->append->moved(work->append->context, before.metadata, now.metadata, err);
    if (status != SLU_OK) {
        iceberg_table_fini(&now);
        return status;
    }
    iceberg_table_fini(work->table);
    *work->table = now;
    return SLU_OK;
}

static slu_status
commit_loop(commit_work *work, slu_error *err)
{
    const iceberg_metadata *metadata = work->table->metadata;
    const int64_t retries = iceberg_metadata_property_i64(metadata, "commit.retry.num-retries", 4);
    const int64_t total_ms = iceberg_metadata_property_i64(metadata, "commit.retry.total-timeout-ms", 1800000);
    const int64_t wait_min = iceberg_metadata_property_i64(metadata, "commit.retry.min-wait-ms", WAIT_MS_MIN);
    const int64_t started_ms = slu_now_ms(work->catalog->env);
    for (int64_t retry = 0;; retry++) {
        const slu_status status = attempt_commit(work, err);
        if (status == SLU_OK)
            return SLU_OK;
        if (work->asked && !is_definite(status))
            return status_check(work, status, err);
        list_remove(work);
        merged_remove(work);
        if (status != SLU_CONFLICT || retry >= retries || slu_now_ms(work->catalog->env) - started_ms > total_ms)
            return status;
        slu_log_info(work->catalog->env, "ICEBERG-RETRY", "commit to %s.%s: %s", work->table->ns, work->table->name,
                     err == NULL ? "conflict" : err->message);
        const int64_t pause = wait_min << (retry < 16 ? retry : 16);
        /* Half fixed and half random, so that two writers do not meet again. */
        wait_ms(SLU_MIN(pause, WAIT_MS_MAX) / 2 + (int64_t)(work->catalog->env->random(work->catalog->env) % 64));
        SLU_TRY(conflict_rebase(work, err));
    }
}

slu_status
iceberg_table_append(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_append *append, int64_t *out_snapshot_id,
                     slu_error *err)
{
    slu_error own = {0};
    slu_error *at = err == NULL ? &own : err; /* the code in it decides what is deleted */
    commit_work work = {.catalog = catalog, .store = iceberg_catalog_store(catalog, table), .table = table, .append = append};
    slu_arena_init(&work.arena, COMMIT_ARENA_BYTES_MAX);
    slu_uuid_new(catalog->env, work.uuid);
    work.snapshot_id = snapshot_id_new(catalog->env, table->metadata);
    slu_status status = manifests_write(&work, at);
    if (status == SLU_OK)
        status = commit_loop(&work, at);
    if (status != SLU_OK && at->code != ICEBERG_COMMIT_UNKNOWN) {
        list_remove(&work);
        merged_remove(&work);
        for (size_t i = 0; i < work.manifest_count; i++)
            (void)iceberg_store_remove(work.store, work.manifests[i].path, NULL);
    }
    if (status == SLU_OK)
        between_remove(&work);
    if (status == SLU_OK && out_snapshot_id != NULL)
        *out_snapshot_id = work.snapshot_id;
    slu_arena_fini(&work.arena);
    return status;
}
