#include "registry.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/suggest.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef SLUICE_PLUGIN_DIR_RELATIVE
#define SLUICE_PLUGIN_DIR_RELATIVE "../lib/sluice/plugins"
#endif

#define REGISTRY_FILES_MAX 256
#define REGISTRY_PLUGINS_MAX 1024
#define REGISTRY_DIRS_MAX 32
#define REGISTRY_ARENA_BYTES_MAX ((size_t)8 << 20)

/* A file that was seen in a directory. */
typedef struct candidate {
    const char *name; /* without ".so" */
    const char *path;
    bool tried;
} candidate;

struct slu_registry {
    slu_arena arena;
    candidate files[REGISTRY_FILES_MAX];
    size_t file_count;
    slu_registered plugins[REGISTRY_PLUGINS_MAX];
    size_t plugin_count;
    const char *failures[REGISTRY_FILES_MAX];
    size_t failure_count;
    size_t dir_count;
    slu_registry_guard guard;
};

slu_status
slu_registry_new(slu_registry **out, slu_error *err)
{
    slu_registry *registry = slu_alloc_zero(1, sizeof *registry);
    if (registry == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the plugin registry");
    slu_arena_init(&registry->arena, REGISTRY_ARENA_BYTES_MAX);
    *out = registry;
    return SLU_OK;
}

void
slu_registry_free(slu_registry **registry)
{
    if (*registry == NULL)
        return;
    slu_arena_fini(&(*registry)->arena);
    slu_free(*registry);
    *registry = NULL;
}

/* ---- Modules ----------------------------------------------------------------------------------------------------------------- */

static const slu_registered *
registry_peek(const slu_registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->plugin_count; i++)
        if (strcmp(registry->plugins[i].plugin->name, name) == 0)
            return &registry->plugins[i];
    return NULL;
}

static const slu_registered *
registry_module(const slu_registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->plugin_count; i++)
        if (strcmp(registry->plugins[i].module->name, name) == 0)
            return &registry->plugins[i];
    return NULL;
}

static slu_status
registry_add(slu_registry *registry, const slu_module *module, const char *path, const char *sha256, slu_error *err)
{
    if (registry->plugin_count > 0 && registry_module(registry, module->name) != NULL &&
        registry_module(registry, module->name)->module == module)
        return SLU_OK;
    if (registry->plugin_count + module->plugin_count > REGISTRY_PLUGINS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d plugins", REGISTRY_PLUGINS_MAX);
    for (uint32_t i = 0; i < module->plugin_count; i++) {
        const slu_registered *other = registry_peek(registry, module->plugins[i]->name);
        if (other != NULL)
            return slu_error_set(err, SLU_CONFLICT, "%s: plugin %s is already in module %s %s", path[0] != 0 ? path : module->name,
                                 module->plugins[i]->name, other->module->name, other->path);
    }
    for (uint32_t i = 0; i < module->plugin_count; i++) {
        const slu_registered added = {module->plugins[i], module, path, sha256};
        registry->plugins[registry->plugin_count++] = added;
    }
    return SLU_OK;
}

slu_status
slu_registry_add_module(slu_registry *registry, const slu_module *module, slu_error *err)
{
    SLU_TRY(slu_module_check(module, "built-in module", err));
    return registry_add(registry, module, "", "", err);
}

slu_status
slu_registry_add_file(slu_registry *registry, const char *path, slu_error *err)
{
    char sha256[SLU_SHA256_HEX_BYTES];
    const slu_module *module = NULL;
    SLU_TRY(slu_file_sha256(path, sha256, err));
    SLU_TRY(slu_module_load(path, &module, err));
    const char *path_kept = slu_arena_strdup(&registry->arena, path);
    const char *sha256_kept = slu_arena_strdup(&registry->arena, sha256);
    SLU_TRY(slu_arena_status(&registry->arena, err));
    return registry_add(registry, module, path_kept, sha256_kept, err);
}

/* ---- Directories ------------------------------------------------------------------------------------------------------------- */

static bool
registry_has_file(const slu_registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->file_count; i++)
        if (strcmp(registry->files[i].name, name) == 0)
            return true;
    return false;
}

static slu_status
registry_note_file(slu_registry *registry, const char *dir, const char *file, slu_error *err)
{
    const size_t bytes = strlen(file);
    if (bytes <= 3 || file[0] == '.' || strcmp(file + bytes - 3, ".so") != 0)
        return SLU_OK;
    const char *name = slu_arena_strndup(&registry->arena, file, bytes - 3);
    const char *path = slu_arena_printf(&registry->arena, "%s/%s", dir, file);
    SLU_TRY(slu_arena_status(&registry->arena, err));
    if (registry_has_file(registry, name))
        return SLU_OK;
    if (registry->file_count == REGISTRY_FILES_MAX)
        return slu_error_set(err, SLU_LIMIT, "%s: more than %d plugin files", dir, REGISTRY_FILES_MAX);
    const candidate found = {name, path, false};
    registry->files[registry->file_count++] = found;
    return SLU_OK;
}

static int
candidate_order(const void *a, const void *b)
{
    return strcmp(((const candidate *)a)->name, ((const candidate *)b)->name);
}

slu_status
slu_registry_add_dir(slu_registry *registry, const char *path, slu_error *err)
{
    if (registry->dir_count++ >= REGISTRY_DIRS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d plugin directories", REGISTRY_DIRS_MAX);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT || errno == ENOTDIR ? SLU_OK : slu_errno_set(err, errno, "open plugin directory", path);
    const size_t first = registry->file_count;
    slu_status status = SLU_OK;
    for (struct dirent *entry = readdir(dir); entry != NULL && status == SLU_OK; entry = readdir(dir))
        status = registry_note_file(registry, path, entry->d_name, err);
    (void)closedir(dir);
    /* Directory order is the file system's whim: answers must not depend on it. */
    qsort(registry->files + first, registry->file_count - first, sizeof *registry->files, candidate_order);
    return status;
}

static slu_status
registry_add_path_list(slu_registry *registry, const char *list, slu_error *err)
{
    char *copy = slu_arena_strdup(&registry->arena, list);
    if (copy == NULL)
        return slu_arena_status(&registry->arena, err);
    for (char *save = NULL, *dir = strtok_r(copy, ":", &save); dir != NULL; dir = strtok_r(NULL, ":", &save))
        SLU_TRY(slu_registry_add_dir(registry, dir, err));
    return SLU_OK;
}

slu_status
slu_registry_add_default_dirs(slu_registry *registry, slu_error *err)
{
    char program[SLU_PATH_BYTES_MAX];
    char dir[SLU_PATH_BYTES_MAX + 64];
    const char *list = getenv("SLUICE_PLUGIN_PATH");
    if (list != NULL)
        SLU_TRY(registry_add_path_list(registry, list, err));
    const ssize_t bytes = readlink("/proc/self/exe", program, sizeof program - 1);
    if (bytes <= 0)
        return SLU_OK;
    program[bytes] = 0;
    *strrchr(program, '/') = 0;
    (void)snprintf(dir, sizeof dir, "%s/plugins", program);
    SLU_TRY(slu_registry_add_dir(registry, dir, err));
    (void)snprintf(dir, sizeof dir, "%s/%s", program, SLUICE_PLUGIN_DIR_RELATIVE);
    return slu_registry_add_dir(registry, dir, err);
}

/* ---- Finding ----------------------------------------------------------------------------------------------------------------- */

static void
registry_try_file(slu_registry *registry, candidate *file)
{
    slu_error err;
    if (file->tried)
        return;
    file->tried = true;
    if ((registry->guard == NULL || registry->guard(file->path, &err) == SLU_OK) &&
        slu_registry_add_file(registry, file->path, &err) == SLU_OK)
        return;
    const bool names_path = strncmp(err.message, file->path, strlen(file->path)) == 0;
    const char *failure = names_path ? slu_arena_strdup(&registry->arena, err.message)
                                     : slu_arena_printf(&registry->arena, "%s: %s", file->path, err.message);
    if (failure != NULL)
        registry->failures[registry->failure_count++] = failure;
}

static void
registry_try_name(slu_registry *registry, const char *name, size_t bytes)
{
    for (size_t i = 0; i < registry->file_count; i++)
        if (strlen(registry->files[i].name) == bytes && strncmp(registry->files[i].name, name, bytes) == 0)
            registry_try_file(registry, &registry->files[i]);
}

void
slu_registry_set_guard(slu_registry *registry, slu_registry_guard guard)
{
    registry->guard = guard;
}

slu_status
slu_registry_load_all(slu_registry *registry, slu_error *err)
{
    for (size_t i = 0; i < registry->file_count; i++)
        registry_try_file(registry, &registry->files[i]);
    return slu_arena_status(&registry->arena, err);
}

/* a_b_c: a_b_c.so, a_b.so, a.so, then everything. */
static const slu_registered *
registry_search(slu_registry *registry, const char *name)
{
    const slu_registered *found = registry_peek(registry, name);
    for (size_t bytes = strlen(name); found == NULL && bytes > 0; bytes--)
        if (name[bytes] == 0 || name[bytes] == '_') {
            registry_try_name(registry, name, bytes);
            found = registry_peek(registry, name);
        }
    for (size_t i = 0; found == NULL && i < registry->file_count; i++) {
        registry_try_file(registry, &registry->files[i]);
        found = registry_peek(registry, name);
    }
    return found;
}

static slu_status
registry_unknown(slu_registry *registry, const char *name, uint32_t kind, slu_error *err)
{
    const char *names[REGISTRY_PLUGINS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < registry->plugin_count; i++)
        if (kind == 0 || registry->plugins[i].plugin->kind == kind)
            names[count++] = registry->plugins[i].plugin->name;
    const char *what = kind == 0 ? "plugin" : slu_kind_name(kind);
    const char *near = slu_suggest(name, names, count);
    if (near != NULL)
        return slu_error_set(err, SLU_NOTFOUND, "there is no %s %s: did you mean %s?", what, name, near);
    for (size_t i = 0; i < registry->failure_count; i++)
        return slu_error_set(err, SLU_NOTFOUND, "there is no %s %s (%zu plugin file%s could not be loaded: %s)", what, name,
                             registry->failure_count, registry->failure_count == 1 ? "" : "s", registry->failures[i]);
    return slu_error_set(err, SLU_NOTFOUND, "there is no %s %s: `sluice plugins list` shows what there is", what, name);
}

static const char *
article(uint32_t kind)
{
    return kind == SLU_KIND_OPERATOR ? "an" : "a";
}

slu_status
slu_registry_find(slu_registry *registry, const char *name, uint32_t kind, slu_registered *out, slu_error *err)
{
    const slu_registered *found = registry_search(registry, name);
    if (found == NULL)
        return registry_unknown(registry, name, kind, err);
    if (kind != 0 && found->plugin->kind != kind)
        return slu_error_set(err, SLU_INVALID, "%s is %s %s, and %s %s is wanted here", name, article(found->plugin->kind),
                             slu_kind_name(found->plugin->kind), article(kind), slu_kind_name(kind));
    *out = *found;
    return SLU_OK;
}

slu_status
slu_registry_require(slu_registry *registry, const char *module, const char *sha256, slu_error *err)
{
    const slu_registered *found = registry_module(registry, module);
    if (found == NULL)
        registry_try_name(registry, module, strlen(module));
    if (found == NULL)
        found = registry_module(registry, module);
    for (size_t i = 0; found == NULL && i < registry->file_count; i++) {
        registry_try_file(registry, &registry->files[i]);
        found = registry_module(registry, module);
    }
    if (found == NULL && registry->failure_count != 0)
        return slu_error_set(err, SLU_NOTFOUND, "there is no module %s (%s)", module, registry->failures[0]);
    if (found == NULL)
        return slu_error_set(err, SLU_NOTFOUND, "there is no module %s on this host", module);
    if (sha256[0] != 0 && found->sha256[0] != 0 && strcmp(sha256, found->sha256) != 0)
        return slu_error_set(err, SLU_INVALID, "module %s differs from the planned one: %s has SHA-256 %s, the plan says %s",
                             module, found->path, found->sha256, sha256);
    return SLU_OK;
}

size_t
slu_registry_count(const slu_registry *registry)
{
    return registry->plugin_count;
}

slu_registered
slu_registry_at(const slu_registry *registry, size_t index)
{
    return registry->plugins[index];
}

size_t
slu_registry_failure_count(const slu_registry *registry)
{
    return registry->failure_count;
}

const char *
slu_registry_failure(const slu_registry *registry, size_t index)
{
    return registry->failures[index];
}
