/* shared_sweep.c: removes the shared files that no whole checkpoint names; see shared.h for why this is safe. */
#include "shared.h"

#include "base/arena.h"
#include "base/limits.h"
#include "checkpoint/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_BYTES_MAX ((size_t)256 << 20)

typedef struct sweeping {
    const slu_stores *stores;
    char job_dir[SLU_PATH_BYTES_MAX];
    slu_arena arena;
    slu_buf named; /* const char * */
    slu_buf there;
    slu_buf checkpoints;
    int64_t newest; /* whole one; -1: none */
} sweeping;

static slu_status
name_add(sweeping *s, slu_buf *list, const char *name, slu_error *err)
{
    const char *copy = slu_arena_strdup(&s->arena, name);
    SLU_TRY(slu_arena_status(&s->arena, err));
    slu_buf_append(list, &copy, sizeof copy);
    return slu_buf_status(list, err);
}

static slu_status
there_add(void *to, const char *name, slu_error *err)
{
    sweeping *s = to;
    return name_add(s, &s->there, name, err);
}

static slu_status
checkpoint_add(void *to, const char *name, slu_error *err)
{
    sweeping *s = to;
    return strncmp(name, "chk-", 4) == 0 ? name_add(s, &s->checkpoints, name, err) : SLU_OK;
}

static slu_status
file_names(sweeping *s, const slu_manifest *manifest, const slu_manifest_file *file, slu_error *err)
{
    slu_snapshot_reader *reader = NULL;
    char path[SLU_PATH_BYTES_MAX];
    slu_status status = SLU_OK;
    SLU_TRY(slu_place_join(path, manifest->directory, file->path, err));
    SLU_TRY(slu_snapshot_reader_index(s->stores, path, file->bytes, &reader, err));
    for (uint32_t i = 0; status == SLU_OK && i < slu_snapshot_section_count(reader); i++)
        if (slu_snapshot_section(reader, i)->kind == SLU_SECTION_SHARED)
            status = name_add(s, &s->named, slu_snapshot_section(reader, i)->name, err);
    slu_snapshot_reader_free(&reader);
    return status;
}

/* One without a manifest is not whole: what it stored is newer than any that is, or nobody's. */
static slu_status
checkpoint_names(sweeping *s, const char *name, slu_error *err)
{
    SLU_AUTO(slu_manifest_free) slu_manifest *manifest = NULL;
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(slu_place_join(path, s->job_dir, name, err));
    const slu_status status = slu_manifest_load(s->stores, path, &manifest, err);
    if (status == SLU_NOTFOUND)
        return SLU_OK;
    SLU_TRY(status);
    for (uint32_t i = 0; i < manifest->file_count; i++)
        SLU_TRY(file_names(s, manifest, &manifest->files[i], err));
    s->newest = manifest->checkpoint > s->newest ? manifest->checkpoint : s->newest;
    return SLU_OK;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static slu_status
remove_unnamed(sweeping *s, slu_error *err)
{
    const char *const *there = (const char *const *)(const void *)s->there.data;
    const size_t named = s->named.bytes / sizeof(char *);
    if (named > 0)
        qsort(s->named.data, named, sizeof(char *), compare_names);
    for (size_t i = 0; i < s->there.bytes / sizeof(char *); i++) {
        char path[2 * SLU_PATH_BYTES_MAX];
        if (strtoll(there[i], NULL, 10) >= s->newest ||
            (named > 0 && bsearch(&there[i], s->named.data, named, sizeof(char *), compare_names) != NULL))
            continue;
        (void)snprintf(path, sizeof path, "%s/" SLU_SHARED_DIR "/%s", s->job_dir, there[i]);
        SLU_TRY(slu_place_remove(s->stores, path, err));
    }
    return SLU_OK;
}

static slu_status
sweep(sweeping *s, slu_error *err)
{
    char shared[2 * SLU_PATH_BYTES_MAX];
    (void)snprintf(shared, sizeof shared, "%s/" SLU_SHARED_DIR, s->job_dir);
    SLU_TRY(slu_place_children(s->stores, shared, there_add, s, err));
    if (s->there.bytes == 0)
        return SLU_OK;
    SLU_TRY(slu_place_children(s->stores, s->job_dir, checkpoint_add, s, err));
    const char *const *checkpoints = (const char *const *)(const void *)s->checkpoints.data;
    for (size_t i = 0; i < s->checkpoints.bytes / sizeof(char *); i++)
        SLU_TRY(checkpoint_names(s, checkpoints[i], err));
    return remove_unnamed(s, err);
}

slu_status
slu_shared_sweep(const slu_stores *stores, const char *dir, const char *job_id, slu_error *err)
{
    sweeping s = {.stores = stores, .newest = -1};
    (void)snprintf(s.job_dir, sizeof s.job_dir, "%.3000s/%s", dir, job_id);
    slu_arena_init(&s.arena, NAMES_BYTES_MAX);
    slu_buf_init(&s.named, NAMES_BYTES_MAX);
    slu_buf_init(&s.there, NAMES_BYTES_MAX);
    slu_buf_init(&s.checkpoints, NAMES_BYTES_MAX);
    const slu_status status = sweep(&s, err);
    slu_buf_fini(&s.named);
    slu_buf_fini(&s.there);
    slu_buf_fini(&s.checkpoints);
    slu_arena_fini(&s.arena);
    return slu_error_in(err, status, "shared files of %s", job_id);
}
