/*
 * values.h: durations, sizes and lists as Fluss's configuration writes them.
 *
 * Threads  any.
 * Errors   false: the text is no such value; *out is untouched then.
 */
#ifndef FLUSS_CONFIG_VALUES_H
#define FLUSS_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "30s", "10 min", "7 d"; the unit must be there. */
bool fluss_duration_parse(const char *text, int64_t *out_ms);
/* "1gb", "64 mb", "4k", "512 bytes", "512" (bytes); a kb has 1024. */
bool fluss_size_parse(const char *text, int64_t *out_bytes);
bool fluss_whole_parse(const char *text, int64_t *out);
/* In any case, as Java reads it. */
bool fluss_truth_parse(const char *text, bool *out);
bool fluss_fraction_parse(const char *text, double *out);

/* The next item of "a, b,c", spaces around it cut off; *at starts as the text and moves behind the item. False: no more. An item may
 * be empty. */
bool fluss_list_next(const char **at, const char **out_item, size_t *out_bytes);

#endif
