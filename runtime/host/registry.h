/*
 * registry.h: which plugins there are, by name.
 *
 * Shape    directories that hold NAME.so, and modules given by pointer (tests). Files are opened when they are first needed: a plugin
 *          `a_b_c` is looked for in a_b_c.so, a_b.so and a.so before all the others are opened.
 * Owns     its tables; modules stay loaded for ever (loader.h).
 * Threads  owner. What it answers is immutable and lives as long as the registry.
 * Errors   NOTFOUND: no such plugin, with the nearest name and with what could not be loaded; CONFLICT: two modules have a plugin of
 *          one name; INVALID: a plugin of another kind, a file that is no module.
 */
#ifndef SLU_HOST_REGISTRY_H
#define SLU_HOST_REGISTRY_H

#include "loader.h"

typedef struct slu_registry slu_registry;

typedef struct slu_registered {
    const slu_plugin *plugin;
    const slu_module *module;
    const char *path;   /* of the shared object; "" for a module given by pointer */
    const char *sha256; /* of the file; "" for a module given by pointer */
} slu_registered;

SLU_CHECK slu_status slu_registry_new(slu_registry **out, slu_error *err);
void slu_registry_free(slu_registry **registry);

SLU_CHECK slu_status slu_registry_add_module(slu_registry *registry, const slu_module *module, slu_error *err);
SLU_CHECK slu_status slu_registry_add_file(slu_registry *registry, const char *path, slu_error *err);
/* Looked through in the order in which they were added; the first file of a name hides later ones. A missing directory is fine. */
SLU_CHECK slu_status slu_registry_add_dir(slu_registry *registry, const char *path, slu_error *err);
/* SLUICE_PLUGIN_PATH (colons between), plugins/ beside the running program, then the install's lib/sluice/plugins. */
SLU_CHECK slu_status slu_registry_add_default_dirs(slu_registry *registry, slu_error *err);

/* kind 0: any. */
SLU_CHECK slu_status slu_registry_find(slu_registry *registry, const char *name, uint32_t kind, slu_registered *out,
                                       slu_error *err);
/* The module of that name with exactly this content ("" : any): what a worker asks for, from the plan. INVALID names both sums. */
SLU_CHECK slu_status slu_registry_require(slu_registry *registry, const char *module, const char *sha256, slu_error *err);

/* Asked before a file is opened: a failure is its verdict. For who must outlive whatever a module does while it is loaded. */
typedef slu_status (*slu_registry_guard)(const char *path, slu_error *err);
void slu_registry_set_guard(slu_registry *registry, slu_registry_guard guard);

/* Opens every file of every directory. Files that cannot be loaded do not fail it: see slu_registry_failure. */
SLU_CHECK slu_status slu_registry_load_all(slu_registry *registry, slu_error *err);
size_t slu_registry_count(const slu_registry *registry); /* plugins, in the order of loading */
slu_registered slu_registry_at(const slu_registry *registry, size_t index);
size_t slu_registry_failure_count(const slu_registry *registry);
const char *slu_registry_failure(const slu_registry *registry, size_t index); /* "path: why" */

#endif
