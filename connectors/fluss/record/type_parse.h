/*
 * type_parse.h: Fluss's types and columns as people write them: "DECIMAL(10, 2) NOT NULL", "id BIGINT NOT NULL, name CHAR(10)".
 *
 * The types of sdk/types.h, with what Arrow has no room for: CHAR(N), and the precisions of TIME and TIMESTAMP as they stand. Whether a length or
 * a precision is possible the table server decides, in its own words; VARCHAR(N) is a STRING.
 *
 * Owns     what is made lives in the arena.
 * Threads  any.
 * Errors   INVALID with the text and where it goes wrong. LIMIT: SLU_COLUMNS_MAX columns, SLU_NESTING_MAX levels.
 */
#ifndef FLUSS_RECORD_TYPE_PARSE_H
#define FLUSS_RECORD_TYPE_PARSE_H

#include "schema.h"

/* The whole text is one type. */
SLU_CHECK slu_status fluss_type_parse(const char *text, slu_arena *arena, fluss_type *out, slu_error *err);
/* Columns without ids and keys (fluss_schema_normalize numbers them). */
SLU_CHECK slu_status fluss_columns_parse(const char *text, slu_arena *arena, fluss_schema *out, slu_error *err);

#endif
