/* values.h: JSON values of the driver protocol (PROTOCOL.md) to and from Arrow arrays, for our own client's driver. Test code: it trusts
 * its input and asserts. */
#ifndef SLUICE_INTEROP_VALUES_H
#define SLUICE_INTEROP_VALUES_H

#include <jansson.h>
#include <sluice/columns.h>

/* An array of `count` values (NULL or JSON null: null) under a field; owns itself. */
void values_to_arrow(const struct ArrowSchema *field, json_t *const *values, int64_t count, struct ArrowArray *out);
/* Rows of a struct ("+s"): a JSON list of lists. */
void values_rows_to_arrow(const struct ArrowSchema *schema, json_t *rows, struct ArrowArray *out);
/* The value at `row` of an array (its own offset is applied); a new reference. */
json_t *values_from_arrow(const struct ArrowSchema *field, const struct ArrowArray *array, int64_t row);

#endif
