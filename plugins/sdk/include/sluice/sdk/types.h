/*
 * types.h: SQL type names and Arrow schemas, in both directions.
 *
 *   BOOLEAN b   TINYINT c   SMALLINT s   INT INTEGER i   BIGINT l   FLOAT REAL f   DOUBLE g   DECIMAL(P,S) NUMERIC d:P,S
 *   STRING VARCHAR(N) TEXT CHAR(N) u   BYTES VARBINARY z   BINARY(N) w:N   DATE tdD   TIME(P) tt?   TIMESTAMP(P) ts?:
 *   TIMESTAMP_LTZ(P) or TIMESTAMP(P) WITH LOCAL TIME ZONE ts?:UTC   ARRAY<T> +l   MAP<K,V> +m   ROW<name T, ...> +s
 *
 * P of TIME and TIMESTAMP is widened to the next unit (0, 3, 6, 9); left out it is 0 for TIME (as Fluss has it) and 6 for TIMESTAMP.
 * Words are case-insensitive; a type is nullable unless NOT NULL follows.
 *
 * Owns     schemas made here own all their parts (slu_schema_release).
 * Threads  any.
 * Errors   INVALID with the text, the position and, for a misspelt word, the nearest known one.
 * Limits   SLU_SCHEMA_DEPTH_MAX levels, SDK_COLUMNS_MAX columns, SDK_NAME_BYTES_MAX bytes of a name.
 */
#ifndef SLUICE_SDK_TYPES_H
#define SLUICE_SDK_TYPES_H

#include <sluice/columns.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SDK_COLUMNS_MAX 1024
#define SDK_NAME_BYTES_MAX 256
#define SDK_SQL_BYTES_MAX 4096

/* A field of that SQL type under a name: "DECIMAL(10,2) NOT NULL". `*out` is written on success only. */
SLU_CHECK slu_status sdk_schema_from_sql(const char *sql, const char *name, struct ArrowSchema *out, slu_error *err);
/* A batch's schema from a column list: "id BIGINT NOT NULL, name STRING". Names may be quoted: "a b" or `a b`. */
SLU_CHECK slu_status sdk_schema_from_columns(const char *columns, struct ArrowSchema *out, slu_error *err);
/* The SQL name of a field's type ("DECIMAL(10,2)", "ARRAY<STRING>"), without NOT NULL at the top; LIMIT when out is too small. */
SLU_CHECK slu_status sdk_schema_to_sql(const struct ArrowSchema *field, char *out, size_t out_bytes, slu_error *err);
/* The same for a format without children. */
SLU_CHECK slu_status sdk_format_to_sql(const char *format, char *out, size_t out_bytes, slu_error *err);

#ifdef __cplusplus
}
#endif
#endif
