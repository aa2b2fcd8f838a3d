/*
 * json.h: Jansson for the files of this room; its header appears nowhere else.
 *
 * Errors   getters answer CORRUPT with the key's name. Integers keep 64 bits.
 */
#ifndef ICEBERG_JSON_H
#define ICEBERG_JSON_H

#include "iceberg/partition.h"
#include "iceberg/schema.h"

#include <jansson.h>

void iceberg_json_free(json_t **json); /* for SLU_AUTO */
SLU_CHECK slu_status iceberg_json_load(slu_view text, const char *what, json_t **out, slu_error *err);
/* Appends the text; compact. */
SLU_CHECK slu_status iceberg_json_dump(const json_t *json, slu_buf *out, slu_error *err);

/* `missing` is given when the key is absent or null; NULL: then it is CORRUPT. */
SLU_CHECK slu_status iceberg_json_i64(const json_t *object, const char *key, const int64_t *missing, int64_t *out, slu_error *err);
SLU_CHECK slu_status iceberg_json_i32(const json_t *object, const char *key, const int32_t *missing, int32_t *out, slu_error *err);
/* Copies into the arena; `optional`: NULL when absent. */
SLU_CHECK slu_status iceberg_json_text(const json_t *object, const char *key, bool optional, slu_arena *arena, const char **out,
                                       slu_error *err);

SLU_CHECK slu_status iceberg_schema_of_json(const json_t *json, slu_arena *arena, iceberg_schema *out, slu_error *err);
json_t *iceberg_schema_to_json(const iceberg_schema *schema); /* NULL: no memory */
SLU_CHECK slu_status iceberg_spec_of_json(const json_t *fields, int32_t spec_id, slu_arena *arena, iceberg_partition_spec *out,
                                          slu_error *err);
json_t *iceberg_spec_fields_to_json(const iceberg_partition_spec *spec);
SLU_CHECK slu_status iceberg_sort_of_json(const json_t *order, slu_arena *arena, iceberg_sort_order *out, slu_error *err);
json_t *iceberg_sort_to_json(const iceberg_sort_order *order);

#endif
