/*
 * nested.h: a ROW, ARRAY or MAP of an Arrow column as JSON text, for SQLite's JSON functions to take apart.
 *
 * Shape    {"name": value} for ROW, [value] for ARRAY, {"key": value} for MAP (a key is always text). Whole numbers, decimals and finite
 *          doubles are numbers, BOOLEAN true or false, all else text as sdk/rows.h has it.
 * Limits   SLU_NESTING_MAX levels, which a table's schema has at most.
 */
#ifndef SLU_SQL_NESTED_H
#define SLU_SQL_NESTED_H

#include <sluice/columns.h>
#include <sluice/sdk/rows.h>

/* Appends row `row` of the column, which is not null. */
void slu_sql_nested_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out);

#endif
