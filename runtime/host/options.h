/*
 * options.h: from the text of a descriptor to a plugin's options struct, by the plugin's own table.
 *
 * Shape    an option's value is taken from `with`; else from the job parameter that the option names (command line over environment
 *          over file, already decided by whoever filled slu_param); else from its default. A MAP option whose param ends in ".*" gets
 *          every parameter with that prefix.
 * Owns     the struct lives in the caller's arena; its strings are borrowed from `with`, the params and the plugin.
 * Threads  any.
 * Errors   INVALID with the position of the value: unknown name (and the nearest one), missing unit, out of bounds, not a choice,
 *          wrong shape, required and absent.
 */
#ifndef SLU_HOST_OPTIONS_H
#define SLU_HOST_OPTIONS_H

#include "base/arena.h"

#include <sluice/plugin.h>

/* Where a setting's value came from, for explain. */
#define SLU_ORIGIN_DEFAULT 0
#define SLU_ORIGIN_FILE 1
#define SLU_ORIGIN_ENVIRONMENT 2
#define SLU_ORIGIN_COMMAND_LINE 3
#define SLU_ORIGIN_SETTINGS_FILE 4 /* --config FILE: over the descriptor, below the environment */

const char *
slu_origin_name(uint32_t origin); /* "default", "file" (the descriptor), "environment", "command line", "settings file" */

/* A job parameter. */
typedef struct slu_param {
    const char *name;
    const char *text; /* NULL: declared in the descriptor, without a value */
    uint32_t origin;
    uint32_t line; /* of its declaration in the descriptor; 0: not declared there */
    uint32_t column;
} slu_param;

typedef struct slu_params {
    const slu_param *items;
    uint32_t count;
} slu_params;

/* `with` may be NULL. For a lookup or store plugin `with` is the map that names it: its key
 * `use` is passed over. A plugin of kind 0 is a table that is no plugin (the descriptor's own sections). */
SLU_CHECK slu_status slu_options_parse(const slu_plugin *plugin, const slu_value *with, slu_params params, slu_arena *arena,
                                       const void **out, slu_error *err);
/* What one option's text is and where it came from. NULL: unset, or not a scalar. A secret's text is "***". */
const char *slu_option_text(const slu_option *option, const slu_value *with, slu_params params, uint32_t *out_origin);
/* The parameter of that name that has a text; NULL: none. */
const slu_param *slu_params_find(slu_params params, const char *name);

/* "60s", "5 min" is wrong: ms s m h d. INVALID says what is missing; messages begin with the text. */
SLU_CHECK slu_status slu_duration_parse(const char *text, int64_t *out_ms, slu_error *err);
/* b kb mb gb kib mib gib, in any case. */
SLU_CHECK slu_status slu_bytes_parse(const char *text, int64_t *out_bytes, slu_error *err);
SLU_CHECK slu_status slu_i64_parse(const char *text, int64_t *out, slu_error *err);
SLU_CHECK slu_status slu_bool_parse(const char *text, uint32_t *out, slu_error *err); /* true false yes no on off */

#endif
