/* json.h: jansson with bounds, for the files of this room only. */
#ifndef FLUSS_RECORD_JSON_H
#define FLUSS_RECORD_JSON_H

#include "schema.h"

#include <jansson.h>

SLU_CHECK slu_status json_parse(slu_view text, const char *what, json_t **out, slu_error *err);
void json_drop(json_t **value);
/* Appends compact JSON. */
SLU_CHECK slu_status json_print(const json_t *value, slu_buf *out, slu_error *err);

/* Members of an object, copied into the arena. `fallback` when absent; CORRUPT when of another type. */
SLU_CHECK slu_status json_text(const json_t *object, const char *key, slu_arena *arena, const char **out, slu_error *err);
SLU_CHECK slu_status json_int(const json_t *object, const char *key, int32_t fallback, int32_t *out, slu_error *err);
SLU_CHECK slu_status json_texts(const json_t *object, const char *key, slu_arena *arena, const char ***out, size_t *out_count,
                                slu_error *err);
/* obj[key] = value, taking the value; NOMEM when either is missing. */
SLU_CHECK slu_status json_put(json_t *object, const char *key, json_t *value, slu_error *err);

/* The parts of schema.c that descriptor.c embeds. */
SLU_CHECK slu_status schema_from_json(const json_t *object, slu_arena *arena, fluss_schema *out, slu_error *err);
SLU_CHECK slu_status schema_to_json(const fluss_schema *schema, json_t **out, slu_error *err);

#endif
