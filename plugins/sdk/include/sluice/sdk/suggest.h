/*
 * suggest.h: "did you mean": the nearest of some names to a misspelt one, for the end of an error message.
 *
 * Owns     returns one of the given names, or NULL when none is near enough to be a slip.
 * Threads  any.
 */
#ifndef SLUICE_SDK_SUGGEST_H
#define SLUICE_SDK_SUGGEST_H

#include <sluice/columns.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

const char *sdk_suggest(const char *word, size_t word_bytes, const char *const *names, size_t count);
const char *sdk_suggest_column(const char *word, size_t word_bytes, const struct ArrowSchema *schema);

/* An index of the column, or -1 with err filled: "column 'amout' is not there; did you mean 'amount'?". */
int64_t sdk_column_find(const struct ArrowSchema *schema, const char *name, slu_error *err);

#ifdef __cplusplus
}
#endif
#endif
