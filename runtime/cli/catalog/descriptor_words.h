/*
 * descriptor_words.h: a table's descriptor from what a person says, on a command line or in SQL.
 *
 * Owns     everything lives in the arena; texts that are given are borrowed as long as it.
 * Errors   INVALID: names that are no columns; `what` begins the message ("--primary-key", "PRIMARY KEY").
 * Limits   CLI_KEY_COLUMNS_MAX names in a list.
 */
#ifndef CLI_CATALOG_DESCRIPTOR_WORDS_H
#define CLI_CATALOG_DESCRIPTOR_WORDS_H

#include "fluss/record/descriptor.h"

#define CLI_KEY_COLUMNS_MAX 64

/* "a, b" as names; NULL: none. */
SLU_CHECK slu_status cli_name_list(const char *text, slu_arena *arena, const char ***out, size_t *count, slu_error *err);
SLU_CHECK slu_status cli_primary_key_set(const char *what, const char *const *names, size_t count, slu_arena *arena,
                                         fluss_schema *schema, slu_error *err);
/* `function`: "sum", or "listagg:DELIMITER". */
SLU_CHECK slu_status cli_aggregate_set(const char *what, const char *column, const char *function, slu_arena *arena,
                                       fluss_schema *schema, slu_error *err);
/* NULL: none. */
SLU_CHECK slu_status cli_auto_increment_set(const char *what, const char *column, fluss_schema *schema, slu_error *err);
/* `table.*` are Fluss's own; every other option is the user's. */
SLU_CHECK slu_status cli_property_add(const char *key, const char *value, slu_arena *arena, fluss_descriptor *out, slu_error *err);

#endif
