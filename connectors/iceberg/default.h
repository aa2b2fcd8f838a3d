/*
 * default.h: a column's initial-default (format 3): what rows of files without the column hold.
 *
 * Shape    the JSON single value of the specification, to the single-value binary form: true, 34, 1.5, "14.20", "2017-11-16", "22:31:08.123456",
 *          "2017-11-16T22:31:08.123456" (TIMESTAMPTZ: "+00:00" behind it), "text", a UUID, bytes as hex digits.
 * Owns     the bytes live in the arena.
 * Errors   INVALID: no value of the type; LIMIT: one that it has no room for; UNSUPPORTED: a default of a nested or nanosecond type.
 */
#ifndef ICEBERG_DEFAULT_H
#define ICEBERG_DEFAULT_H

#include "iceberg/schema.h"

#include <jansson.h>

SLU_CHECK slu_status iceberg_default_decode(const iceberg_type *type, const json_t *json, slu_arena *arena, slu_view *out,
                                            slu_error *err);

#endif
