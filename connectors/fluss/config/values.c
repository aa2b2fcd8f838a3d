#include "fluss/config/values.h"

#include "base/sizes.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct value_unit {
    const char *names; /* "|d|day|days|" */
    double factor;
} value_unit;

static const value_unit duration_units[] = {{"|d|day|days|", 86400000.0},
                                            {"|h|hour|hours|", 3600000.0},
                                            {"|min|m|minute|minutes|", 60000.0},
                                            {"|s|sec|secs|second|seconds|", 1000.0},
                                            {"|ms|milli|millis|millisecond|milliseconds|", 1.0},
                                            {"|\xc2\xb5s|micro|micros|microsecond|microseconds|", 0.001},
                                            {"|ns|nano|nanos|nanosecond|nanoseconds|", 0.000001}};

static const value_unit size_units[] = {{"||b|bytes|", 1},
                                        {"|k|kb|kib|kibibytes|", 1024.0},
                                        {"|m|mb|mib|mebibytes|", 1024.0 * 1024},
                                        {"|g|gb|gib|gibibytes|", 1024.0 * 1024 * 1024},
                                        {"|t|tb|tib|tebibytes|", 1024.0 * 1024 * 1024 * 1024}};

static bool
unit_find(const value_unit *units, size_t count, const char *text, size_t bytes, double *out)
{
    char wanted[32] = "|";
    if (bytes > sizeof wanted - 3 || memchr(text, '|', bytes) != NULL)
        return false;
    for (size_t i = 0; i < bytes; i++)
        wanted[i + 1] = (char)tolower((unsigned char)text[i]);
    wanted[bytes + 1] = '|';
    wanted[bytes + 2] = 0;
    for (size_t i = 0; i < count; i++) {
        if (strstr(units[i].names, wanted) != NULL) {
            *out = units[i].factor;
            return true;
        }
    }
    return false;
}

/* A whole number without a sign, then perhaps spaces and a unit. */
static bool
number_with_unit(const char *text, const value_unit *units, size_t count, int64_t *out)
{
    char *end = NULL;
    double factor = 1;
    while (isspace((unsigned char)*text))
        text++;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    while (isspace((unsigned char)*end))
        end++;
    size_t bytes = strlen(end);
    while (bytes != 0 && isspace((unsigned char)end[bytes - 1]))
        bytes--;
    if (errno != 0 || number > INT64_MAX || !unit_find(units, count, end, bytes, &factor))
        return false;
    if (factor < 1) {
        *out = (int64_t)((double)number * factor);
        return true;
    }
    return !__builtin_mul_overflow((int64_t)number, (int64_t)factor, out);
}

bool
fluss_duration_parse(const char *text, int64_t *out_ms)
{
    return number_with_unit(text, duration_units, SLU_COUNT_OF(duration_units), out_ms);
}

bool
fluss_size_parse(const char *text, int64_t *out_bytes)
{
    return number_with_unit(text, size_units, SLU_COUNT_OF(size_units), out_bytes);
}

bool
fluss_whole_parse(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || isspace((unsigned char)*text))
        return false;
    *out = value;
    return true;
}

bool
fluss_truth_parse(const char *text, bool *out)
{
    if (strcasecmp(text, "true") != 0 && strcasecmp(text, "false") != 0)
        return false;
    *out = strcasecmp(text, "true") == 0;
    return true;
}

bool
fluss_fraction_parse(const char *text, double *out)
{
    char *end = NULL;
    const double value = strtod(text, &end);
    if (end == text || *end != 0 || isspace((unsigned char)*text) || !isfinite(value))
        return false;
    *out = value;
    return true;
}

bool
fluss_list_next(const char **at, const char **out_item, size_t *out_bytes)
{
    const char *item = *at;
    if (item == NULL || *item == 0)
        return false;
    const char *end = strchr(item, ',');
    *at = end == NULL ? NULL : end + 1;
    size_t bytes = end == NULL ? strlen(item) : (size_t)(end - item);
    while (bytes != 0 && isspace((unsigned char)*item)) {
        item++;
        bytes--;
    }
    while (bytes != 0 && isspace((unsigned char)item[bytes - 1]))
        bytes--;
    *out_item = item;
    *out_bytes = bytes;
    return true;
}
