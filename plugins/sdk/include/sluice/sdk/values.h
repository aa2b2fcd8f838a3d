/*
 * values.h: descriptor values and options without a descriptor: what a unit test writes as `{ rules: [ { id: a, within: 60s } ] }`.
 *
 * Shape    flow style of YAML on one or more lines: maps {k: v}, lists [a, b], texts "..." and '...', plain words. In a running job the
 *          host reads descriptors and options; this is for the harness, and for plugins that take values in another way.
 * Owns     an sdk_values owns all nodes, texts and options structs made through it (fini; safe on a zeroed one).
 * Threads  owner.
 * Errors   INVALID with line and column; unknown options name the nearest known one.
 */
#ifndef SLUICE_SDK_VALUES_H
#define SLUICE_SDK_VALUES_H

#include <sluice/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sdk_values {
    void **memory;
    size_t count;
    size_t capacity;
} sdk_values;

void sdk_values_fini(sdk_values *values);
SLU_CHECK slu_status sdk_value_read(sdk_values *values, const char *text, const slu_value **out, slu_error *err);
/* A plugin's options struct from a map (NULL: nothing given), as its table says. For a lookup the key `use` is passed over. */
SLU_CHECK slu_status sdk_options_read(sdk_values *values, const slu_plugin *plugin, const slu_value *with, const void **out,
                                      slu_error *err);

/* "60s", "5m", "100ms", "1h", "2d" in milliseconds. */
SLU_CHECK slu_status sdk_duration_read(const slu_value *value, const char *context, int64_t *out_ms, slu_error *err);

#ifdef __cplusplus
}
#endif
#endif
