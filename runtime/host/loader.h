/*
 * loader.h: opens one shared object as a module, and believes nothing that it says before it has been checked.
 *
 * Shape    slu_module_load: dlopen(RTLD_NOW | RTLD_LOCAL), slu_plugin_entry, slu_module_check, SHA-256 of the file's bytes.
 * Owns     a loaded module stays in the process until it ends: nothing is dlclosed, because a plugin may have left threads, TLS or
 *          callbacks behind. Loading the same path again answers the same module.
 * Threads  owner.
 * Errors   NOTFOUND: no such file; INVALID: not a module, another ABI, or tables that cannot be true. Messages name the file, both
 *          versions and what differs.
 * Limits   SLU_MODULE_PLUGINS_MAX plugins, SLU_PLUGIN_OPTIONS_MAX options each, SLU_MODULE_BYTES_MAX of file.
 */
#ifndef SLU_HOST_LOADER_H
#define SLU_HOST_LOADER_H

#include "base/bytes.h"

#include <sluice/plugin.h>

#define SLU_MODULE_PLUGINS_MAX 64
#define SLU_PLUGIN_OPTIONS_MAX 256
#define SLU_PLUGIN_INSTANCE_BYTES_MAX (1u << 20)
#define SLU_MODULE_BYTES_MAX ((size_t)256 << 20)
#define SLU_SHA256_HEX_BYTES 65 /* 64 digits and the final zero */

SLU_CHECK slu_status slu_module_load(const char *path, const slu_module **out, slu_error *err);
/* The same checks for a module that is already in the process. `where` names it in messages. */
SLU_CHECK slu_status slu_module_check(const slu_module *module, const char *where, slu_error *err);
SLU_CHECK slu_status slu_file_sha256(const char *path, char hex[SLU_SHA256_HEX_BYTES], slu_error *err);

/* "source", "operator", "sink", "lookup", "store". */
const char *slu_kind_name(uint32_t kind);

#endif
