/*
 * ranges.h: which part of which bucket a round reads (log tables).
 *
 *   latest <= 0                none
 *   no committed offset        [earliest, latest)
 *   committed < latest         [committed, latest)
 *   committed >= latest        none
 */
#ifndef TIERING_RANGES_H
#define TIERING_RANGES_H

#include <stddef.h>
#include <stdint.h>

#define TIERING_OFFSET_EARLIEST INT64_C(-2) /* "from the log's start" */
#define TIERING_OFFSET_NONE INT64_C(-1)     /* no committed offset */

typedef struct tiering_range {
    int32_t bucket;
    int64_t start;
    int64_t end; /* exclusive */
} tiering_range;

/* Fills `out` (room for bucket_count) from the latest and committed offsets of each bucket; the number of ranges. */
size_t tiering_ranges(const int64_t *latest, const int64_t *committed, int32_t bucket_count, tiering_range *out);

#endif
