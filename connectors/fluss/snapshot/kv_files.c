/* kv_files.c: writing, checking and restoring; kv_sweep.c removes. */
#include "kv_files.h"

#include "base/file.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#define SST_SUFFIX ".sst"

/* ---- write ---- */

typedef struct file_list {
    fluss_kv_file *files;
    size_t count;
    size_t room;
} file_list;

static slu_status
list_add(file_list *list, slu_arena *arena, const fluss_kv_file *file, slu_error *err)
{
    if (list->count == list->room) {
        const size_t room = list->room == 0 ? 16 : list->room * 2;
        fluss_kv_file *files = slu_arena_array(arena, room, sizeof *files);
        if (files == NULL)
            return slu_arena_status(arena, err);
        if (list->count != 0)
            memcpy(files, list->files, list->count * sizeof *files);
        list->files = files;
        list->room = room;
    }
    list->files[list->count++] = *file;
    return SLU_OK;
}

static const char *
uuid_path(const slu_env *env, const char *dir, slu_arena *arena)
{
    char uuid[FLUSS_UUID_BYTES];
    slu_uuid_new(env, uuid);
    return slu_arena_printf(arena, "%s/%s", dir, uuid);
}

static bool
is_sst(const char *name)
{
    const size_t bytes = strlen(name);
    return bytes > strlen(SST_SUFFIX) && strcmp(name + bytes - strlen(SST_SUFFIX), SST_SUFFIX) == 0;
}

static const fluss_kv_file *
find_shared(const fluss_kv_snapshot *before, const char *name, int64_t bytes)
{
    for (size_t i = 0; before != NULL && i < before->shared_count; i++)
        if (before->shared[i].bytes == bytes && strcmp(before->shared[i].local_name, name) == 0)
            return &before->shared[i];
    return NULL;
}

typedef struct writing {
    const fluss_kv_write *plan;
    slu_arena *arena;
    const char *shared_dir;
    const char *own_dir;
    file_list shared;
    file_list own;
    int64_t copied_bytes;
} writing;

/* One file of the checkpoint. */
static slu_status
write_file(writing *w, const char *name, slu_error *err)
{
    const fluss_kv_write *plan = w->plan;
    const bool sst = is_sst(name);
    struct stat info;
    const char *source = slu_arena_printf(w->arena, "%s/%s", plan->checkpoint_dir, name);
    fluss_kv_file file = {uuid_path(plan->env, sst ? w->shared_dir : w->own_dir, w->arena), slu_arena_strdup(w->arena, name), 0};
    SLU_TRY(slu_arena_status(w->arena, err));
    if (stat(source, &info) != 0)
        return slu_errno_set(err, errno, "stat", source);
    const fluss_kv_file *there = sst ? find_shared(plan->before, name, info.st_size) : NULL;
    if (there != NULL) {
        file.path = slu_arena_strdup(w->arena, there->path);
        file.bytes = there->bytes;
        SLU_TRY(slu_arena_status(w->arena, err));
    } else {
        SLU_TRY(plan->store->ops->put_file(plan->store->self, file.path, source, false, plan->stop, err));
        file.bytes = info.st_size;
        w->copied_bytes += file.bytes;
    }
    return list_add(sst ? &w->shared : &w->own, w->arena, &file, err);
}

static slu_status
write_checkpoint(writing *w, slu_error *err)
{
    slu_status status = SLU_OK;
    DIR *dir = opendir(w->plan->checkpoint_dir);
    if (dir == NULL)
        return slu_errno_set(err, errno, "open", w->plan->checkpoint_dir);
    for (struct dirent *entry = NULL; status == SLU_OK && (entry = readdir(dir)) != NULL;)
        if (fluss_kv_local_name_ok(entry->d_name))
            status = write_file(w, entry->d_name, err);
    (void)closedir(dir);
    return status;
}

static slu_status
write_metadata(const writing *w, const fluss_kv_snapshot *snapshot, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    const char *path = slu_arena_printf(w->arena, "%s/%s", snapshot->location, FLUSS_KV_METADATA_NAME);
    slu_buf_init(&json, FLUSS_KV_SNAPSHOT_BYTES_MAX);
    SLU_TRY(slu_arena_status(w->arena, err));
    SLU_TRY(fluss_kv_snapshot_encode(snapshot, &json, err));
    return w->plan->store->ops->put(w->plan->store->self, path, slu_buf_view(&json), false, err);
}

/* A file without a name is lost with the power: those of the shared files, and those of the directories. */
static slu_status
names_settle(const writing *w, slu_error *err)
{
    const fluss_store *store = w->plan->store;
    if (store->ops->settle == NULL)
        return SLU_OK;
    SLU_TRY(store->ops->settle(store->self, w->shared_dir, err));
    return store->ops->settle(store->self, w->plan->tablet_dir, err);
}

slu_status
fluss_kv_files_write(const fluss_kv_write *plan, fluss_kv_snapshot *snapshot, slu_arena *arena, slu_error *err)
{
    writing w = {.plan = plan, .arena = arena};
    w.shared_dir = slu_arena_printf(arena, "%s/%s", plan->tablet_dir, FLUSS_KV_SHARED_DIR);
    w.own_dir = slu_arena_printf(arena, "%s/%s%" PRId64, plan->tablet_dir, FLUSS_KV_SNAPSHOT_PREFIX, snapshot->snapshot_id);
    SLU_TRY(slu_arena_status(arena, err));
    SLU_TRY(plan->store->ops->remove(plan->store->self, w.own_dir, err)); /* half of one, from before a kill */
    SLU_TRY(write_checkpoint(&w, err));
    snapshot->location = w.own_dir;
    snapshot->shared = w.shared.files;
    snapshot->shared_count = w.shared.count;
    snapshot->own = w.own.files;
    snapshot->own_count = w.own.count;
    snapshot->incremental_bytes = w.copied_bytes;
    SLU_TRY(write_metadata(&w, snapshot, err));
    return names_settle(&w, err);
}

/* ---- read ---- */

/* The directory of a directory: its text up to the last slash. */
static size_t
parent_bytes(const char *location)
{
    const char *slash = strrchr(location, '/');
    return slash == NULL ? 0 : (size_t)(slash - location);
}

/* What says that it lies below the tablet's old directory lies below the new one. */
static void
files_moved(fluss_kv_file *files, size_t count, const char *from, const char *to, slu_arena *arena)
{
    const size_t bytes = parent_bytes(from);
    for (size_t i = 0; i < count; i++)
        if (strncmp(files[i].path, from, bytes) == 0 && files[i].path[bytes] == '/')
            files[i].path = slu_arena_printf(arena, "%.*s%s", (int)parent_bytes(to), to, files[i].path + bytes);
}

/* Fluss writes whole paths; where the snapshot was found tells where they lie now. */
static slu_status
snapshot_moved(fluss_kv_snapshot *snapshot, const char *location, slu_arena *arena, slu_error *err)
{
    const char *from = snapshot->location;
    if (strcmp(from, location) == 0)
        return SLU_OK;
    files_moved(snapshot->own, snapshot->own_count, from, location, arena);
    files_moved(snapshot->shared, snapshot->shared_count, from, location, arena);
    snapshot->location = slu_arena_strdup(arena, location);
    return slu_arena_status(arena, err);
}

slu_status
fluss_kv_files_load(const fluss_store *store, const char *location, slu_arena *arena, fluss_kv_snapshot *out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    char path[SLU_PATH_BYTES_MAX];
    if (snprintf(path, sizeof path, "%s/%s", location, FLUSS_KV_METADATA_NAME) >= (int)sizeof path)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", location);
    slu_buf_init(&json, FLUSS_KV_SNAPSHOT_BYTES_MAX);
    SLU_TRY(store->ops->get(store->self, path, FLUSS_KV_SNAPSHOT_BYTES_MAX, &json, err));
    SLU_TRY_IN(fluss_kv_snapshot_decode(slu_buf_view(&json), arena, out, err), err, "%s", path);
    return snapshot_moved(out, location, arena, err);
}

static slu_status
check_files(const fluss_store *store, const fluss_kv_file *files, size_t count, slu_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int64_t bytes = 0;
        SLU_TRY(store->ops->size(store->self, files[i].path, &bytes, err));
        if (bytes != files[i].bytes)
            return slu_error_set(err, SLU_CORRUPT, "%s has %" PRId64 " bytes, not %" PRId64, files[i].path, bytes, files[i].bytes);
    }
    return SLU_OK;
}

slu_status
fluss_kv_files_check(const fluss_store *store, const fluss_kv_snapshot *snapshot, slu_error *err)
{
    SLU_TRY(check_files(store, snapshot->own, snapshot->own_count, err));
    return check_files(store, snapshot->shared, snapshot->shared_count, err);
}

static slu_status
restore_files(const fluss_store *store, const fluss_kv_file *files, size_t count, const char *dir, slu_error *err)
{
    for (size_t i = 0; i < count; i++) {
        char target[SLU_PATH_BYTES_MAX];
        struct stat info = {0};
        if (snprintf(target, sizeof target, "%s/%s", dir, files[i].local_name) >= (int)sizeof target)
            return slu_error_set(err, SLU_LIMIT, "the path %s is too long", dir);
        SLU_TRY(store->ops->get_file(store->self, files[i].path, target, err));
        if (stat(target, &info) != 0 || info.st_size != files[i].bytes)
            return slu_error_set(err, SLU_CORRUPT, "%s has %lld bytes, not %" PRId64, files[i].path, (long long)info.st_size,
                                 files[i].bytes);
    }
    return SLU_OK;
}

slu_status
fluss_kv_files_restore(const fluss_store *store, const fluss_kv_snapshot *snapshot, const char *dir, slu_error *err)
{
    char half[SLU_PATH_BYTES_MAX];
    if (snprintf(half, sizeof half, "%s.restore", dir) >= (int)sizeof half)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", dir);
    SLU_TRY(slu_dir_remove(half, err));
    SLU_TRY(slu_dir_make(half, err));
    slu_status status = restore_files(store, snapshot->own, snapshot->own_count, half, err);
    if (status == SLU_OK)
        status = restore_files(store, snapshot->shared, snapshot->shared_count, half, err);
    if (status == SLU_OK && rename(half, dir) != 0)
        status = slu_errno_set(err, errno, "rename", half);
    if (status != SLU_OK && slu_dir_remove(half, NULL) != SLU_OK)
        return status; /* the next restore removes it */
    return status;
}
