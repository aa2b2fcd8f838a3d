/* zone.c: zone files and their rules, read as far as one instant needs. */
#include "fluss/server/partitions/zone.h"

#include "base/cursor.h"
#include "base/file.h"
#include "base/limits.h"
#include "fluss/record/partition.h"

#include <ctype.h>
#include <stdlib.h>

#define ZONE_DIR "/usr/share/zoneinfo"
#define ZONE_FILE_BYTES_MAX ((size_t)1 << 20)
#define ZONE_HEADER_BYTES 44
#define ZONE_RULE_BYTES_MAX 256
#define DAY_SECONDS 86400
#define ZONE_OFFSET_MAX (26 * 3600)

/* ---- Rules ---- */

static bool
rule_number(const char **at, int32_t max, int32_t *out)
{
    if (!isdigit((unsigned char)**at))
        return false;
    for (*out = 0; isdigit((unsigned char)**at); ++*at) {
        *out = *out * 10 + (**at - '0');
        if (*out > max)
            return false;
    }
    return true;
}

static bool
rule_name(const char **at)
{
    const char *start = *at;
    if (**at == '<') {
        const char *end = strchr(*at, '>');
        if (end == NULL)
            return false;
        *at = end + 1;
        return true;
    }
    while (isalpha((unsigned char)**at))
        ++*at;
    return *at - start >= 3;
}

/* [+-]h[h][:mm[:ss]] in seconds. */
static bool
rule_time(const char **at, int32_t *out)
{
    const int32_t sign = **at == '-' ? -1 : 1;
    int32_t hours = 0, minutes = 0, seconds = 0;
    if (**at == '-' || **at == '+')
        ++*at;
    if (!rule_number(at, 167, &hours))
        return false;
    if (**at == ':' && (++*at, !rule_number(at, 59, &minutes)))
        return false;
    if (**at == ':' && (++*at, !rule_number(at, 59, &seconds)))
        return false;
    *out = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool
leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The day on which the nth (5: last) weekday of a month falls. */
static int64_t
rule_weekday(int64_t year, int32_t month, int32_t week, int32_t weekday)
{
    const int64_t first = fluss_civil_days(year, month, 1);
    const int64_t next = month == 12 ? fluss_civil_days(year + 1, 1, 1) : fluss_civil_days(year, month + 1, 1);
    const int64_t first_weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = first + (weekday - first_weekday + 7) % 7 + (week - 1) * 7;
    while (day >= next)
        day -= 7;
    return day;
}

/* "M3.5.0/2", "J60", "59": the second of the year's local clock, counted from 1970, at which something changes. */
static bool
rule_change(const char **at, int64_t year, int64_t *out)
{
    int32_t month, week, weekday, day, time = 2 * 3600;
    int64_t on;
    if (**at == 'M') {
        ++*at;
        if (!rule_number(at, 12, &month) || month < 1 || *(*at)++ != '.' || !rule_number(at, 5, &week) || week < 1 ||
            *(*at)++ != '.' || !rule_number(at, 6, &weekday))
            return false;
        on = rule_weekday(year, month, week, weekday);
    } else {
        const bool without_leap_day = **at == 'J';
        *at += without_leap_day;
        if (!rule_number(at, 366, &day))
            return false;
        on = fluss_civil_days(year, 1, 1) + day - without_leap_day + (without_leap_day && leap_year(year) && day >= 60);
    }
    if (**at == '/' && (++*at, !rule_time(at, &time)))
        return false;
    *out = on * DAY_SECONDS + time;
    return true;
}

bool
fluss_zone_rule_offset(const char *rule, int64_t utc_seconds, int32_t *out)
{
    const char *at = rule;
    int32_t standard, summer, month, day;
    int64_t year, from, to;
    if (!rule_name(&at) || !rule_time(&at, &standard) || standard > ZONE_OFFSET_MAX || standard < -ZONE_OFFSET_MAX)
        return false;
    *out = standard = -standard; /* the rule counts to the west */
    if (*at == 0)
        return true;
    summer = standard + 3600;
    if (!rule_name(&at))
        return false;
    if (*at != 0 && *at != ',') {
        if (!rule_time(&at, &summer) || summer > ZONE_OFFSET_MAX || summer < -ZONE_OFFSET_MAX)
            return false;
        summer = -summer;
    }
    if (utc_seconds > INT64_MAX / 2 || utc_seconds < INT64_MIN / 2)
        return false;
    const int64_t local = utc_seconds + standard;
    fluss_civil_date((local >= 0 ? local : local - DAY_SECONDS + 1) / DAY_SECONDS, &year, &month, &day);
    if (*at++ != ',' || !rule_change(&at, year, &from) || *at++ != ',' || !rule_change(&at, year, &to) || *at != 0)
        return false;
    from -= standard;
    to -= summer;
    const bool is_summer = from < to ? utc_seconds >= from && utc_seconds < to : utc_seconds >= from || utc_seconds < to;
    *out = is_summer ? summer : standard;
    return true;
}

/* ---- Files ---- */

typedef struct zone_header {
    uint8_t version;
    uint32_t isut, isstd, leaps, times, types, chars;
} zone_header;

static bool
header_read(slu_cursor *c, zone_header *out)
{
    const uint8_t *magic = slu_cursor_bytes(c, 4);
    if (magic == NULL || memcmp(magic, "TZif", 4) != 0)
        return false;
    out->version = slu_cursor_u8(c);
    slu_cursor_skip(c, 15);
    out->isut = slu_cursor_u32be(c);
    out->isstd = slu_cursor_u32be(c);
    out->leaps = slu_cursor_u32be(c);
    out->times = slu_cursor_u32be(c);
    out->types = slu_cursor_u32be(c);
    out->chars = slu_cursor_u32be(c);
    const uint32_t max = ZONE_FILE_BYTES_MAX;
    return slu_cursor_ok(c) && out->isut <= max && out->isstd <= max && out->leaps <= max && out->times <= max &&
           out->types <= 256 && out->types > 0 && out->chars <= max;
}

static bool
footer_offset(slu_cursor *c, int64_t utc_seconds, int32_t *out)
{
    char rule[ZONE_RULE_BYTES_MAX];
    const size_t left = slu_cursor_left(c);
    const uint8_t *bytes = slu_cursor_bytes(c, left);
    if (left < 3 || bytes == NULL || bytes[0] != '\n')
        return false;
    const uint8_t *end = memchr(bytes + 1, '\n', left - 1);
    if (end == NULL || (size_t)(end - bytes) >= sizeof rule)
        return false;
    memcpy(rule, bytes + 1, (size_t)(end - bytes) - 1);
    rule[end - bytes - 1] = 0;
    return fluss_zone_rule_offset(rule, utc_seconds, out);
}

/* One block of a file, its times `width` bytes wide. */
static bool
block_offset(slu_cursor *c, const zone_header *h, size_t width, int64_t utc_seconds, int32_t *out, bool *out_last)
{
    slu_cursor times = slu_cursor_sub(c, h->times * width);
    slu_cursor indexes = slu_cursor_sub(c, h->times);
    const uint8_t *types = slu_cursor_bytes(c, (size_t)h->types * 6);
    slu_cursor_skip(c, (size_t)h->chars + (size_t)h->leaps * (width + 4) + h->isstd + h->isut);
    if (!slu_cursor_ok(c))
        return false;
    uint32_t type = 0, passed = 0;
    for (; passed < h->times; passed++) {
        const int64_t time = width == 8 ? (int64_t)slu_cursor_u64be(&times) : (int32_t)slu_cursor_u32be(&times);
        if (time > utc_seconds)
            break;
        type = slu_cursor_u8(&indexes);
    }
    if (type >= h->types)
        return false;
    slu_cursor chosen = slu_cursor_of(types + (size_t)type * 6, 6);
    *out = (int32_t)slu_cursor_u32be(&chosen);
    *out_last = passed == h->times;
    return *out <= ZONE_OFFSET_MAX && *out >= -ZONE_OFFSET_MAX;
}

bool
fluss_zone_file_offset(slu_view file, int64_t utc_seconds, int32_t *out)
{
    slu_cursor c = slu_cursor_of_view(file);
    zone_header header;
    bool last = false;
    int32_t ruled;
    if (!header_read(&c, &header))
        return false;
    if (header.version < '2')
        return block_offset(&c, &header, 4, utc_seconds, out, &last);
    slu_cursor_skip(&c, (size_t)header.times * 5 + (size_t)header.types * 6 + header.chars + (size_t)header.leaps * 8 +
                            header.isstd + header.isut);
    if (!header_read(&c, &header) || !block_offset(&c, &header, 8, utc_seconds, out, &last))
        return false;
    if (last && footer_offset(&c, utc_seconds, &ruled))
        *out = ruled;
    return true;
}

/* ---- Names ---- */

/* "+8", "-08:30", "+0800" behind an optional UTC, GMT or UT. */
static bool
name_is_offset(const char *name, int32_t *out)
{
    int32_t number = 0, minutes = 0;
    const char *at = name;
    *out = 0;
    if (strcmp(at, "Z") == 0 || strcmp(at, "UTC") == 0 || strcmp(at, "GMT") == 0 || strcmp(at, "UT") == 0)
        return true;
    if (strncmp(at, "UTC", 3) == 0 || strncmp(at, "GMT", 3) == 0)
        at += 3;
    if (*at != '+' && *at != '-')
        return false;
    const int32_t sign = *at++ == '-' ? -1 : 1;
    const char *digits = at;
    if (!rule_number(&at, 9999, &number))
        return false;
    if (at - digits > 2) {
        minutes = number % 100;
        number /= 100;
    } else if (*at == ':' && (++at, !rule_number(&at, 59, &minutes))) {
        return false;
    }
    *out = sign * (number * 3600 + minutes * 60);
    return *at == 0 && number <= 23 && minutes <= 59;
}

static bool
path_offset(const char *path, int64_t utc_seconds, int32_t *out)
{
    SLU_AUTO(slu_buf_fini) slu_buf file = {0};
    slu_buf_init(&file, ZONE_FILE_BYTES_MAX);
    return slu_file_read(path, ZONE_FILE_BYTES_MAX, &file, NULL) == SLU_OK &&
           fluss_zone_file_offset(slu_buf_view(&file), utc_seconds, out);
}

static bool
name_offset(const char *name, int64_t utc_seconds, int32_t *out)
{
    char path[SLU_PATH_BYTES_MAX];
    if (name_is_offset(name, out))
        return true;
    for (const char *at = name; *at != 0; at++)
        if (!isalnum((unsigned char)*at) && strchr("/_-+", *at) == NULL)
            return false;
    if (name[0] == '/' || snprintf(path, sizeof path, ZONE_DIR "/%s", name) >= (int)sizeof path)
        return false;
    return path_offset(path, utc_seconds, out);
}

int32_t
fluss_zone_offset(const char *name, int64_t utc_seconds, bool *out_known)
{
    int32_t offset = 0;
    bool known;
    if (name == NULL || name[0] == 0) {
        const char *set = getenv("TZ");
        known = set != NULL && set[0] != 0 ? name_offset(set[0] == ':' ? set + 1 : set, utc_seconds, &offset)
                                           : path_offset("/etc/localtime", utc_seconds, &offset);
    } else {
        known = name_offset(name, utc_seconds, &offset);
    }
    if (out_known != NULL)
        *out_known = known;
    return known ? offset : 0;
}
