/*
 * value.h: one cell of an Arrow column as an SQLite result, and SQL's names for column types.
 *
 * BIGINT and smaller, BOOLEAN: integers. FLOAT, DOUBLE: reals. STRING: text. BYTES: blob. DECIMAL: text. DATE "2026-01-31",
 * TIME "12:00:00.000", TIMESTAMP "2026-01-31 12:00:00.000" with as many digits as the unit has, TIMESTAMP_LTZ the same with "Z".
 * ROW, ARRAY, MAP are JSON text (nested.h).
 */
#ifndef SLU_SQL_VALUE_H
#define SLU_SQL_VALUE_H

#include <sqlite3.h>
#include <sluice/arrow.h>

/* The declared type: it gives SQLite the affinity (DECIMAL and times: TEXT). NULL: a type that cannot be shown. */
const char *slu_sql_type(const char *format);
void slu_sql_result(sqlite3_context *context, const struct ArrowSchema *field, const struct ArrowArray *column, int64_t row);

#endif
