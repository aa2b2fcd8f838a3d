/*
 * disk_files.c: base/file.h and directory listings, on the memory disk. The linker puts these in the place of the real ones, in this
 * program alone (CMakeLists.txt: --wrap).
 */
#include "disk.h"
#include "stage.h"

#include "base/alloc.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

slu_status __wrap_slu_file_read(const char *path, size_t bytes_max, slu_buf *out, slu_error *err);
slu_status __wrap_slu_file_map(const char *path, size_t bytes_max, slu_view *out, slu_error *err);
void __wrap_slu_file_unmap(slu_view *mapped);
slu_status __wrap_slu_file_write(const char *path, slu_view data, bool sync, slu_error *err);
slu_status __wrap_slu_file_create(const char *path, slu_view data, bool sync, slu_error *err);
slu_status __wrap_slu_file_remove(const char *path, slu_error *err);
slu_status __wrap_slu_dir_make(const char *path, slu_error *err);
slu_status __wrap_slu_dir_make_sync(const char *path, slu_error *err);
slu_status __wrap_slu_dir_sync(const char *path, slu_error *err);
slu_status __wrap_slu_dir_remove(const char *path, slu_error *err);
bool __wrap_slu_path_exists(const char *path);
DIR *__wrap_opendir(const char *path);
struct dirent *__wrap_readdir(DIR *dir);
int __wrap_closedir(DIR *dir);
pid_t __wrap_getpid(void);

static slu_status
broken(slu_error *err, const char *what, const char *path)
{
    return slu_errno_set(err, sim_chance(500000) ? EIO : ENOSPC, what, path);
}

slu_status
__wrap_slu_file_read(const char *path, size_t bytes_max, slu_buf *out, slu_error *err)
{
    const sim_file *file = sim_disk_find(sim_on->disk, path);
    if (sim_disk_fails())
        return slu_errno_set(err, EIO, "read", path);
    if (file == NULL)
        return slu_errno_set(err, ENOENT, "open", path);
    if (file->bytes > bytes_max)
        return slu_error_set(err, SLU_LIMIT, "%s is larger than %zu bytes", path, bytes_max);
    slu_buf_append(out, file->data, file->bytes);
    return slu_buf_status(out, err);
}

/* A copy: the file may be removed while it is looked at. */
slu_status
__wrap_slu_file_map(const char *path, size_t bytes_max, slu_view *out, slu_error *err)
{
    slu_buf copy;
    slu_buf_init(&copy, bytes_max);
    const slu_status status = __wrap_slu_file_read(path, bytes_max, &copy, err);
    if (status == SLU_OK)
        *out = slu_buf_view(&copy);
    else
        slu_buf_fini(&copy);
    return status;
}

void
__wrap_slu_file_unmap(slu_view *mapped)
{
    slu_free((void *)(uintptr_t)mapped->data);
    *mapped = (slu_view){0};
}

static void
file_put(const char *path, slu_view data, bool sync)
{
    sim_file *file = sim_disk_make(sim_on->disk, path, false);
    sim_file_truncate(file, 0);
    sim_file_write(file, 0, data.data, data.bytes);
    if (sync)
        sim_file_sync(file);
}

slu_status
__wrap_slu_file_write(const char *path, slu_view data, bool sync, slu_error *err)
{
    if (sim_disk_fails())
        return broken(err, "write", path);
    if (sim_effect(SIM_EFFECT_FILE, data.bytes))
        file_put(path, data, sync);
    return SLU_OK;
}

/* A failure may come after the name is there: then nobody knows. */
slu_status
__wrap_slu_file_create(const char *path, slu_view data, bool sync, slu_error *err)
{
    const bool late = sim_disk_fails();
    if (sim_disk_fails())
        return broken(err, "create", path);
    if (sim_disk_find(sim_on->disk, path) != NULL)
        return slu_error_set(err, SLU_CONFLICT, "%s is there already", path);
    if (sim_effect(SIM_EFFECT_FILE, data.bytes))
        file_put(path, data, sync);
    return late ? broken(err, "sync", path) : SLU_OK;
}

slu_status
__wrap_slu_file_remove(const char *path, slu_error *err)
{
    if (sim_disk_fails())
        return broken(err, "unlink", path);
    if (sim_effect(SIM_EFFECT_FILE, 1))
        sim_disk_remove(sim_on->disk, path);
    return SLU_OK;
}

slu_status
__wrap_slu_dir_make(const char *path, slu_error *err)
{
    if (sim_disk_fails())
        return broken(err, "mkdir", path);
    if (sim_effect(SIM_EFFECT_FILE, 2))
        (void)sim_disk_make(sim_on->disk, path, true);
    return SLU_OK;
}

slu_status
__wrap_slu_dir_make_sync(const char *path, slu_error *err)
{
    return __wrap_slu_dir_make(path, err);
}

slu_status
__wrap_slu_dir_sync(const char *path, slu_error *err)
{
    return sim_disk_fails() ? broken(err, "fsync", path) : SLU_OK;
}

/* One that fails leaves half of it. */
slu_status
__wrap_slu_dir_remove(const char *path, slu_error *err)
{
    char name[256];
    char whole[600];
    if (sim_disk_fails()) {
        const char *first = sim_disk_list(sim_on->disk, path, 0, name);
        if (first != NULL && sim_effect(SIM_EFFECT_FILE, 3)) {
            (void)snprintf(whole, sizeof whole, "%s/%s", path, first);
            sim_disk_remove(sim_on->disk, whole);
        }
        return broken(err, "rmdir", path);
    }
    if (sim_effect(SIM_EFFECT_FILE, 3))
        sim_disk_remove(sim_on->disk, path);
    return SLU_OK;
}

bool
__wrap_slu_path_exists(const char *path)
{
    char name[256];
    return sim_disk_find(sim_on->disk, path) != NULL || sim_disk_list(sim_on->disk, path, 0, name) != NULL;
}

/* ---- Listings */

typedef struct listing {
    char path[512];
    size_t at;
    struct dirent entry;
} listing;

DIR *
__wrap_opendir(const char *path)
{
    if (sim_disk_fails() || !__wrap_slu_path_exists(path)) {
        errno = __wrap_slu_path_exists(path) ? EIO : ENOENT;
        return NULL;
    }
    listing *made = slu_alloc_zero(1, sizeof *made);
    (void)snprintf(made->path, sizeof made->path, "%s", path);
    return (DIR *)made;
}

struct dirent *
__wrap_readdir(DIR *dir)
{
    listing *l = (listing *)dir;
    char name[256];
    if (sim_disk_list(sim_on->disk, l->path, l->at++, name) == NULL)
        return NULL;
    (void)snprintf(l->entry.d_name, sizeof l->entry.d_name, "%s", name);
    return &l->entry;
}

int
__wrap_closedir(DIR *dir)
{
    slu_free(dir);
    return 0;
}

/* Of the process that acts. */
pid_t
__wrap_getpid(void)
{
    return sim_on != NULL && sim_on->actor != NULL ? (pid_t)sim_on->actor->pid : 1;
}
