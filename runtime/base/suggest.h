/*
 * suggest.h: "did you mean": the nearest of some names to a misspelt one.
 */
#ifndef SLU_BASE_SUGGEST_H
#define SLU_BASE_SUGGEST_H

#include <stddef.h>

/* The name with the smallest edit distance, if it is near enough to be a slip (at most a third of the word, at least 1);
 * NULL otherwise. Returns one of `names`. */
const char *slu_suggest(const char *word, const char *const *names, size_t count);

#endif
