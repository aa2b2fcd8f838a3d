/*
 * values_json.h: a value of a batch as JSON: numbers and truth as such (a decimal keeps its digits), all else as text.
 */
#ifndef SLU_CLI_VALUES_JSON_H
#define SLU_CLI_VALUES_JSON_H

#include <jansson.h>

#include <sluice/columns.h>
#include <sluice/sdk/rows.h>

/* Appends the JSON text. */
void slu_value_json_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out);
/* The same as a value; a decimal is its text. */
json_t *slu_value_json(const struct ArrowSchema *field, const slu_column *column, int64_t row);

#endif
