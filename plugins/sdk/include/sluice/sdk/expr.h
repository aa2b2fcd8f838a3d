/*
 * expr.h: expressions over the columns of a batch: `amount > 1000.00 and channel in ('web', 'app')`.
 *
 * Shape    compiled once against a schema (names, types, constants), then evaluated batch by batch, column by column.
 * Language SQL: = <> != < <= > >=, + - * / % ||, AND OR NOT, IN, BETWEEN, LIKE [ESCAPE], IS [NOT] NULL | TRUE | FALSE, CASE, CAST,
 *          TRY_CAST, COALESCE, NULLIF, IF, LOWER, UPPER (ASCII letters), LENGTH (characters), SUBSTR, TRIM, LTRIM, RTRIM, CONCAT, ABS,
 *          FLOOR, CEIL, ROUND, MOD, TO_TIMESTAMP and TO_TIMESTAMP_LTZ (of milliseconds), TO_MILLIS; literals 1, 1.50 (exact), 1e3
 *          (DOUBLE), 'text', TRUE, FALSE, NULL, DATE '2024-01-31', TIMESTAMP '2024-01-31 10:00:00.123'.
 *          Three-valued logic: a comparison with NULL is NULL, and a filter keeps only what is TRUE. DECIMAL is exact, with the result
 *          types of Flink SQL. README.md of this folder says more.
 * Owns     an expression owns everything it needs and keeps no pointer to text or schema after compile.
 * Threads  owner: evaluation uses scratch memory inside the expression.
 * Errors   compile: INVALID with the byte offset of the place (for a caret); LIMIT for too long or too deep. Evaluation: LIMIT for a number
 *          out of range or a division by zero, INVALID for a text that is no number, both with the expression; only for rows that reach
 *          the failing part (CASE, AND and OR guard their right-hand sides). NOMEM.
 * Limits   SDK_EXPR_BYTES_MAX of text, SDK_EXPR_DEPTH_MAX of nesting, SDK_EXPR_NODES_MAX of nodes.
 */
#ifndef SLUICE_SDK_EXPR_H
#define SLUICE_SDK_EXPR_H

#include <sluice/columns.h>
#include <sluice/plugin.h>
#include <sluice/sdk/columns_build.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SDK_EXPR_BYTES_MAX 65536
#define SDK_EXPR_DEPTH_MAX 100
#define SDK_EXPR_NODES_MAX 8192

typedef struct sdk_expr sdk_expr;

/* On failure *out_at (may be NULL) is the byte offset of the place in `text`. */
SLU_CHECK slu_status sdk_expr_compile(const char *text, const struct ArrowSchema *schema, sdk_expr **out, int32_t *out_at,
                                      slu_error *err);
/* The same from a scalar of a descriptor: an error carries line and column of the place. `context` begins the message ("condition"). */
SLU_CHECK slu_status sdk_expr_compile_value(const slu_value *value, const char *context, const struct ArrowSchema *schema,
                                            sdk_expr **out, slu_error *err);
/* The same, and the result must be BOOLEAN. */
SLU_CHECK slu_status sdk_expr_compile_condition(const slu_value *value, const char *context, const struct ArrowSchema *schema,
                                                sdk_expr **out, slu_error *err);
void sdk_expr_free(sdk_expr **expr);

/* What it computes: a format string, owned by the expression. */
const char *sdk_expr_format(const sdk_expr *expr);
bool sdk_expr_nullable(const sdk_expr *expr);
/* The column's index when the expression is nothing but a column; else -1. */
int64_t sdk_expr_bare_column(const sdk_expr *expr);

/* The rows for which a BOOLEAN expression is TRUE, as ascending row numbers of batch->array, respecting batch->selection. `out` has room
 * for batch->rows. */
SLU_CHECK slu_status sdk_expr_select(sdk_expr *expr, const slu_batch *batch, int32_t *out, int64_t *out_rows, slu_error *err);
/* out[i] = 1 where it is TRUE for the i-th row of the batch (through its selection), else 0. */
SLU_CHECK slu_status sdk_expr_truth(sdk_expr *expr, const slu_batch *batch, uint8_t *out, slu_error *err);
/* The column of batch->rows rows (the selection is applied). */
SLU_CHECK slu_status sdk_expr_project(sdk_expr *expr, const slu_batch *batch, const sdk_memory *memory, struct ArrowArray *out,
                                      slu_error *err);

/* "expression\n   ^" for a terminal; the line of `text` that holds byte `at`. Returns `out`. */
const char *sdk_expr_caret(const char *text, int32_t at, char *out, size_t out_bytes);

#ifdef __cplusplus
}
#endif
#endif
