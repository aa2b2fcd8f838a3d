#include "suggest.h"

#include <string.h>

#define WORD_BYTES_MAX 64

/* Damerau-Levenshtein with adjacent swaps (optimal string alignment), rows kept three at a time. */
static size_t
distance(const char *a, const char *b)
{
    const size_t a_bytes = strlen(a);
    const size_t b_bytes = strlen(b);
    size_t rows[3][WORD_BYTES_MAX + 1];
    if (a_bytes > WORD_BYTES_MAX || b_bytes > WORD_BYTES_MAX)
        return WORD_BYTES_MAX;
    for (size_t j = 0; j <= b_bytes; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_bytes; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3];
        const size_t *before2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            size_t best = before[j - 1] + (a[i - 1] != b[j - 1]);
            if (before[j] + 1 < best)
                best = before[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before2[j - 2] + 1 < best)
                best = before2[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[a_bytes % 3][b_bytes];
}

const char *
slu_suggest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t allowed = strlen(word) / 3;
    if (allowed < 1)
        allowed = 1;
    for (size_t i = 0; i < count; i++) {
        const size_t d = distance(word, names[i]);
        if (d <= allowed && (nearest == NULL || d < distance(word, nearest)))
            nearest = names[i];
    }
    return nearest;
}
