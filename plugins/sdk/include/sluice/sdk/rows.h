/*
 * rows.h: values and rows as text, in both directions: what print writes, what file sources read, what tests compare.
 *
 * Shape    one value: 12, -0.50, TRUE, 2024-01-31, 2024-01-31 10:00:00.123, text as it is, bytes as x'0aff', [a, b] for ARRAY,
 *          {k: v} for MAP, (a, b) for ROW, NULL. Rows: one a line, values separated by " | ".
 * Owns     an sdk_text owns its memory (sdk_text_fini; safe on a zeroed one, and twice).
 * Threads  owner.
 * Errors   an sdk_text is sticky: after a failed append `failed` is set and the text is "". Parsing: INVALID with the text and the type.
 */
#ifndef SLUICE_SDK_ROWS_H
#define SLUICE_SDK_ROWS_H

#include <sluice/columns.h>
#include <sluice/sdk/columns_build.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sdk_text {
    char *data; /* zero-terminated once anything was appended */
    size_t bytes;
    size_t capacity;
    bool failed;
} sdk_text;

void sdk_text_fini(sdk_text *text);
void sdk_text_reset(sdk_text *text);
void sdk_text_add(sdk_text *text, const void *data, size_t bytes);
void sdk_text_printf(sdk_text *text, const char *format, ...) SLU_PRINTF(2, 3);
const char *sdk_text_cstr(const sdk_text *text);

/* Appends row `row` of a column as text. */
void sdk_value_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out);
/* Appends a value given as text to a builder, by its type. Text and bytes are taken as they are. */
SLU_CHECK slu_status sdk_value_parse(sdk_builder *builder, const char *text, size_t bytes, slu_error *err);

/* All rows of a batch (its selection applied), a line each. Row kinds other than append are written in front: "-U 1 | a". */
void sdk_rows_write(const slu_batch *batch, sdk_text *out);
/* The array of such lines; spaces around values are dropped, NULL is null. */
SLU_CHECK slu_status sdk_rows_parse(const struct ArrowSchema *schema, const char *lines, struct ArrowArray *out, slu_error *err);

#ifdef __cplusplus
}
#endif
#endif
