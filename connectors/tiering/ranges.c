#include "ranges.h"

size_t
tiering_ranges(const int64_t *latest, const int64_t *committed, int32_t bucket_count, tiering_range *out)
{
    size_t count = 0;
    for (int32_t bucket = 0; bucket < bucket_count; bucket++) {
        const int64_t known = committed[bucket];
        if (latest[bucket] <= 0 || (known >= 0 && known >= latest[bucket]))
            continue;
        out[count].bucket = bucket;
        out[count].start = known < 0 ? TIERING_OFFSET_EARLIEST : known;
        out[count].end = latest[bucket];
        count++;
    }
    return count;
}
