/* Zone files and rules: an offset is never more than a day and a bit, and bytes are never read behind the end. */
#include "fluss/server/partitions/zone.h"

#include "base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int32_t offset)
{
    SLU_ASSERT(offset <= 26 * 3600 && offset >= -26 * 3600);
}

/* Input: i64 LE seconds, then a zone file or a rule. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t seconds = 0;
    int32_t offset = 0;
    char rule[300];
    if (size < 8)
        return 0;
    memcpy(&seconds, data, 8);
    data += 8;
    size -= 8;
    if (fluss_zone_file_offset(slu_view_of(data, size), seconds, &offset))
        check(offset);
    if (size < sizeof rule && memchr(data, 0, size) == NULL) {
        memcpy(rule, data, size);
        rule[size] = 0;
        if (fluss_zone_rule_offset(rule, seconds, &offset))
            check(offset);
    }
    return 0;
}
