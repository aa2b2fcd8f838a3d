#include "fluss/server/remote/files.h"

#include "base/alloc.h"
#include "base/file.h"

#include <inttypes.h>
#include <unistd.h>

#define COPY_ARENA_BYTES_MAX ((size_t)1 << 20)

/* ---- copying ---- */

slu_status
fluss_copy_new(const fluss_remote *remote, const fluss_remote_place *place, const char *from_dir, const char *bucket_dir,
               fluss_copy **out, slu_error *err)
{
    fluss_copy *copy = slu_alloc_zero(1, sizeof *copy);
    if (copy == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a copy of log segments");
    slu_arena_init(&copy->arena, COPY_ARENA_BYTES_MAX);
    copy->job.run = fluss_copy_run;
    copy->store = fluss_remote_store(remote);
    copy->place = *place;
    copy->place.database = slu_arena_strdup(&copy->arena, place->database);
    copy->place.table = slu_arena_strdup(&copy->arena, place->table);
    copy->place.partition = slu_arena_strdup(&copy->arena, place->partition == NULL ? "" : place->partition);
    copy->from_dir = slu_arena_strdup(&copy->arena, from_dir);
    copy->bucket_dir = slu_arena_strdup(&copy->arena, bucket_dir);
    const slu_status status = slu_arena_status(&copy->arena, err);
    if (status != SLU_OK) {
        fluss_copy_free(&copy);
        return status;
    }
    *out = copy;
    return SLU_OK;
}

void
fluss_copy_free(fluss_copy **copy)
{
    if (*copy == NULL)
        return;
    fluss_manifest_fini(&(*copy)->manifest);
    slu_arena_fini(&(*copy)->arena);
    slu_free(*copy);
    *copy = NULL;
}

static slu_status
copy_part(const fluss_copy *copy, const fluss_remote_segment *segment, int64_t offset, const char *suffix, bool needed,
          slu_error *err)
{
    char from[SLU_PATH_BYTES_MAX];
    char to[SLU_PATH_BYTES_MAX];
    if (snprintf(from, sizeof from, "%s/%020" PRId64 "%s", copy->from_dir, offset, suffix) >= (int)sizeof from)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", copy->from_dir);
    SLU_TRY(fluss_remote_segment_file(copy->bucket_dir, segment->id, offset, suffix, to, err));
    if (!needed && access(from, F_OK) != 0)
        return SLU_OK;
    return copy->store->ops->put_file(copy->store->self, to, from, true, NULL, err); /* a closed segment does not change any more */
}

static slu_status
copy_settle(const fluss_copy *copy, const char *dir, slu_error *err)
{
    return copy->store->ops->settle == NULL ? SLU_OK : copy->store->ops->settle(copy->store->self, dir, err);
}

static slu_status
copy_segment(const fluss_copy *copy, const fluss_remote_segment *segment, const char *dir, slu_error *err)
{
    int64_t bytes = 0;
    char log[SLU_PATH_BYTES_MAX];
    SLU_TRY(copy_part(copy, segment, segment->start_offset, ".log", true, err));
    SLU_TRY(copy_part(copy, segment, segment->start_offset, ".index", false, err));
    SLU_TRY(copy_part(copy, segment, segment->start_offset, ".timeindex", false, err));
    SLU_TRY(copy_part(copy, segment, segment->end_offset, ".writer_snapshot", false, err));
    SLU_TRY(fluss_remote_segment_file(copy->bucket_dir, segment->id, segment->start_offset, ".log", log, err));
    SLU_TRY(copy->store->ops->size(copy->store->self, log, &bytes, err));
    if (bytes != segment->bytes)
        return slu_error_set(err, SLU_CORRUPT, "%s has %" PRId64 " bytes; the segment has %" PRId32, log, bytes, segment->bytes);
    return copy_settle(copy, dir, err);
}

static slu_status
copy_write_manifest(fluss_copy *copy, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    slu_buf_init(&json, FLUSS_MANIFEST_BYTES_MAX);
    SLU_TRY(fluss_remote_manifest_file(copy->bucket_dir, copy->manifest_id, path, err));
    fluss_manifest_encode(&copy->manifest, &copy->place, &json);
    SLU_TRY(slu_buf_status(&json, err));
    SLU_TRY(copy->store->ops->put(copy->store->self, path, slu_buf_view(&json), false, err));
    return copy_settle(copy, copy->bucket_dir, err); /* the names of the segments' directories, too */
}

static void
copy_take_back(const fluss_copy *copy, size_t from)
{
    char dir[SLU_PATH_BYTES_MAX];
    for (size_t i = from; i < copy->add_count; i++)
        if (snprintf(dir, sizeof dir, "%s/%s", copy->bucket_dir, copy->add[i].id) < (int)sizeof dir)
            (void)!copy->store->ops->remove(copy->store->self, dir, NULL); /* else the next sweep finds it */
}

/* What was copied before a failure is kept, so that a store that fails now and then is filled all the same. */
slu_status
fluss_copy_run(fluss_job *job, slu_error *err)
{
    fluss_copy *copy = (fluss_copy *)(void *)job;
    char dir[SLU_PATH_BYTES_MAX];
    slu_status status = SLU_OK;
    for (size_t i = 0; i < copy->add_count && status == SLU_OK; i++) {
        if (snprintf(dir, sizeof dir, "%s/%s", copy->bucket_dir, copy->add[i].id) >= (int)sizeof dir)
            status = slu_error_set(err, SLU_LIMIT, "the path %s is too long", copy->bucket_dir);
        else
            status = copy_segment(copy, &copy->add[i], dir, err);
        if (status == SLU_OK)
            status = fluss_manifest_add(&copy->manifest, &copy->add[i], err);
        copy->added += status == SLU_OK;
    }
    copy_take_back(copy, copy->added);
    if (copy->added == 0 && !copy->forget)
        return status;
    const slu_status written = copy_write_manifest(copy, err);
    if (written == SLU_OK)
        return status;
    copy_take_back(copy, 0);
    copy->added = 0;
    copy->forget = false;
    return written;
}

/* ---- removing ---- */

static slu_status
remove_run(fluss_job *job, slu_error *err)
{
    const fluss_remove *gone = (const fluss_remove *)(const void *)job;
    const fluss_store *store = fluss_remote_store(gone->remote);
    return store->ops->remove(store->self, gone->path, err);
}

static void
remove_nothing_to_tell(fluss_job *job, slu_status status, const slu_error *err)
{
    (void)status;
    (void)err;
    slu_free(job);
}

slu_status
fluss_remove_new(fluss_remote *remote, const char *path, void (*done)(fluss_job *job, slu_status status, const slu_error *err),
                 fluss_job **out, slu_error *err)
{
    const size_t bytes = strlen(path) + 1;
    fluss_remove *gone = slu_alloc_zero(1, sizeof *gone + bytes);
    if (gone == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the removal of %s", path);
    gone->job.run = remove_run;
    gone->job.done = done != NULL ? done : remove_nothing_to_tell;
    gone->remote = remote;
    memcpy(gone->path, path, bytes);
    *out = &gone->job;
    return SLU_OK;
}
