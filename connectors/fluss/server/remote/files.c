#include "fluss/server/remote/files.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/sizes.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_ARENA_BYTES_MAX ((size_t)1 << 20)
#define SWEEP_ARENA_BYTES_MAX ((size_t)256 << 20)

/* ---- copying ---- */

slu_status
fluss_copy_new(const fluss_remote_place *place, const char *from_dir, const char *bucket_dir, fluss_copy **out, slu_error *err)
{
    fluss_copy *copy = slu_alloc_zero(1, sizeof *copy);
    if (copy == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a copy of log segments");
    slu_arena_init(&copy->arena, COPY_ARENA_BYTES_MAX);
    copy->job.run = fluss_copy_run;
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

/* A closed segment does not change any more: where both lie on one file system a second name is a copy. */
static slu_status
copy_file(const char *from, const char *to, bool sync, slu_error *err)
{
    if (link(from, to) == 0)
        return SLU_OK;
    if (errno == ENOENT || errno == EEXIST)
        return slu_errno_set(err, errno, "copy to", to);
    int64_t bytes = 0;
    return slu_file_copy(from, to, NULL, sync, &bytes, err);
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
    return copy_file(from, to, copy->sync, err);
}

static slu_status
copy_segment(const fluss_copy *copy, const fluss_remote_segment *segment, const char *dir, slu_error *err)
{
    struct stat info;
    char log[SLU_PATH_BYTES_MAX];
    SLU_TRY(slu_dir_make(dir, err));
    SLU_TRY(copy_part(copy, segment, segment->start_offset, ".log", true, err));
    SLU_TRY(copy_part(copy, segment, segment->start_offset, ".index", false, err));
    SLU_TRY(copy_part(copy, segment, segment->start_offset, ".timeindex", false, err));
    SLU_TRY(copy_part(copy, segment, segment->end_offset, ".writer_snapshot", false, err));
    SLU_TRY(fluss_remote_segment_file(copy->bucket_dir, segment->id, segment->start_offset, ".log", log, err));
    if (stat(log, &info) != 0)
        return slu_errno_set(err, errno, "stat", log);
    if (info.st_size != segment->bytes)
        return slu_error_set(err, SLU_CORRUPT, "%s has %lld bytes; the segment has %" PRId32, log, (long long)info.st_size,
                             segment->bytes);
    return copy->sync ? slu_dir_sync(dir, err) : SLU_OK;
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
    char *slash = strrchr(path, '/');
    *slash = 0;
    SLU_TRY(slu_dir_make(path, err));
    *slash = '/';
    SLU_TRY(slu_file_write(path, slu_buf_view(&json), copy->sync, err));
    return copy->sync ? slu_dir_sync(copy->bucket_dir, err) : SLU_OK; /* the names of the segments' directories, too */
}

static void
copy_take_back(const fluss_copy *copy, size_t from)
{
    char dir[SLU_PATH_BYTES_MAX];
    for (size_t i = from; i < copy->add_count; i++)
        if (snprintf(dir, sizeof dir, "%s/%s", copy->bucket_dir, copy->add[i].id) < (int)sizeof dir)
            (void)!slu_dir_remove(dir, NULL); /* else the next sweep finds it */
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
    return slu_dir_remove(gone->path, err);
}

static void
remove_nothing_to_tell(fluss_job *job, slu_status status, const slu_error *err)
{
    (void)status;
    (void)err;
    slu_free(job);
}

slu_status
fluss_remove_new(const char *path, void *owner, void (*done)(fluss_job *job, slu_status status, const slu_error *err),
                 fluss_job **out, slu_error *err)
{
    const size_t bytes = strlen(path) + 1;
    fluss_remove *gone = slu_alloc_zero(1, sizeof *gone + bytes);
    if (gone == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the removal of %s", path);
    gone->job.run = remove_run;
    gone->job.done = done != NULL ? done : remove_nothing_to_tell;
    gone->owner = owner;
    memcpy(gone->path, path, bytes);
    *out = &gone->job;
    return SLU_OK;
}

/* ---- sweeping ---- */

typedef struct sweep {
    fluss_job job;
    const slu_env *env;
    slu_arena arena;
    const char *dir;
    const char **known; /* ids, sorted */
    size_t count;
} sweep;

static int
text_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
sweep_knows(const sweep *s, const char *id)
{
    return s->count != 0 && bsearch(&id, s->known, s->count, sizeof *s->known, text_order) != NULL;
}

/* Whatever bears the name of a segment or a manifest, or of half a file, and is known to nobody. */
static slu_status
sweep_dir(const sweep *s, const char *dir, const char *suffix, slu_error *err)
{
    struct dirent *entry = NULL;
    char path[SLU_PATH_BYTES_MAX];
    char id[FLUSS_UUID_BYTES];
    slu_status status = SLU_OK;
    DIR *open = opendir(dir);
    if (open == NULL)
        return errno == ENOENT ? SLU_OK : slu_errno_set(err, errno, "open", dir);
    while (status == SLU_OK && (entry = readdir(open)) != NULL) {
        (void)snprintf(id, sizeof id, "%.36s", entry->d_name);
        if (!fluss_uuid_is(id) || strncmp(entry->d_name + 36, suffix, strlen(suffix)) != 0)
            continue;
        if (strlen(entry->d_name) == 36 + strlen(suffix) && sweep_knows(s, id))
            continue;
        if (snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) >= (int)sizeof path)
            continue;
        slu_log_info(s->env, "REMOTE-SWEEP", "%s was left half done, or behind: it is removed", path);
        status = slu_dir_remove(path, err);
    }
    (void)closedir(open);
    return status;
}

static slu_status
sweep_run(fluss_job *job, slu_error *err)
{
    sweep *s = (sweep *)(void *)job;
    char metadata[SLU_PATH_BYTES_MAX];
    SLU_TRY(sweep_dir(s, s->dir, "", err));
    if (snprintf(metadata, sizeof metadata, "%s/" FLUSS_REMOTE_METADATA, s->dir) >= (int)sizeof metadata)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", s->dir);
    return sweep_dir(s, metadata, ".manifest", err);
}

static void
sweep_done(fluss_job *job, slu_status status, const slu_error *err)
{
    sweep *s = (sweep *)(void *)job;
    if (status < 0 && status != SLU_CLOSED)
        slu_log_warn(s->env, "REMOTE-SWEEP-FAILED", "%s", err->message);
    slu_arena_fini(&s->arena);
    slu_free(s);
}

slu_status
fluss_sweep_new(const slu_env *env, const char *bucket_dir, const fluss_manifest *manifest, const char *manifest_id,
                const char *const *spared, size_t spared_count, fluss_job **out, slu_error *err)
{
    sweep *s = slu_alloc_zero(1, sizeof *s);
    if (s == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a sweep");
    slu_arena_init(&s->arena, SWEEP_ARENA_BYTES_MAX);
    s->env = env;
    s->dir = slu_arena_strdup(&s->arena, bucket_dir);
    s->known = slu_arena_array(&s->arena, manifest->count + spared_count + 1, sizeof *s->known);
    for (size_t i = 0; s->known != NULL && i < manifest->count; i++)
        s->known[s->count++] = slu_arena_strdup(&s->arena, manifest->segments[i].id);
    for (size_t i = 0; s->known != NULL && i < spared_count; i++)
        s->known[s->count++] = slu_arena_strdup(&s->arena, spared[i]);
    if (s->known != NULL)
        s->known[s->count++] = slu_arena_strdup(&s->arena, manifest_id);
    const slu_status status = slu_arena_status(&s->arena, err);
    if (status != SLU_OK) {
        sweep_done(&s->job, SLU_OK, NULL);
        return status;
    }
    qsort(s->known, s->count, sizeof *s->known, text_order);
    s->job.run = sweep_run;
    s->job.done = sweep_done;
    *out = &s->job;
    return SLU_OK;
}
