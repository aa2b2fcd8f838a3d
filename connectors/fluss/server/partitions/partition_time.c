#include "fluss/server/partitions/partition_time.h"

#include "base/fail.h"
#include "base/sizes.h"
#include "fluss/record/partition.h"
#include "fluss/server/tables/table_rules.h"
#include "fluss/server/partitions/zone.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define ERROR_INVALID_TABLE 15
#define ERROR_INVALID_CONFIG 39
#define ERROR_INVALID_PARTITION 43
#define STEPS_MAX 10000000
#define DAY_SECONDS 86400
#define PROPERTY(name) "table.auto-partition." name
#define FIELDS_MAX 5

static const char *const unit_names[] = {"HOUR", "DAY", "MONTH", "QUARTER", "YEAR"};
static const char *const unit_formats[] = {"yyyyMMddHH", "yyyyMMdd", "yyyyMM", "yyyyQ", "yyyy"};

static int64_t
property_number(const fluss_descriptor *d, const char *key, int64_t otherwise)
{
    const char *text = fluss_descriptor_get(d, key);
    return text == NULL ? otherwise : strtoll(text, NULL, 10);
}

void
fluss_auto_partition_of(const fluss_descriptor *d, fluss_auto_partition *out)
{
    const char *enabled = fluss_descriptor_get(d, PROPERTY("enabled"));
    const char *unit = fluss_descriptor_get(d, PROPERTY("time-unit"));
    *out = (fluss_auto_partition){.enabled = enabled != NULL && strcasecmp(enabled, "true") == 0, .unit = FLUSS_UNIT_DAY};
    for (size_t i = 0; unit != NULL && i < SLU_COUNT_OF(unit_names); i++)
        if (strcasecmp(unit, unit_names[i]) == 0)
            out->unit = (int32_t)i;
    out->key = fluss_descriptor_get(d, PROPERTY("key"));
    if ((out->key == NULL || d->partition_key_count == 1) && d->partition_key_count > 0)
        out->key = d->partition_keys[0];
    for (size_t i = 0; out->key != NULL && i < d->partition_key_count; i++)
        if (strcmp(d->partition_keys[i], out->key) == 0)
            out->key_at = i;
    out->format = fluss_descriptor_get(d, PROPERTY("time-format"));
    out->own_format = out->format != NULL;
    if (!out->own_format)
        out->format = unit_formats[out->unit];
    out->zone = fluss_descriptor_get(d, PROPERTY("time-zone"));
    out->precreate = property_number(d, PROPERTY("num-precreate"), 2);
    out->retention = property_number(d, PROPERTY("num-retention"), 7);
}

/* ---- Values ---- */

typedef struct moment {
    int64_t year;
    int32_t month;
    int32_t day;
    int32_t hour;
} moment;

static moment
moment_at(const fluss_auto_partition *of, int64_t wall_ms, int64_t steps)
{
    moment at;
    int64_t utc = (wall_ms >= 0 ? wall_ms : wall_ms - 999) / 1000 + (of->unit == FLUSS_UNIT_HOUR ? steps * 3600 : 0);
    const int64_t local = utc + fluss_zone_offset(of->zone, utc, NULL);
    const int64_t days = (local >= 0 ? local : local - DAY_SECONDS + 1) / DAY_SECONDS;
    at.hour = (int32_t)((local - days * DAY_SECONDS) / 3600);
    fluss_civil_date(days + (of->unit == FLUSS_UNIT_DAY ? steps : 0), &at.year, &at.month, &at.day);
    if (of->unit >= FLUSS_UNIT_MONTH) {
        const int64_t months = of->unit == FLUSS_UNIT_MONTH ? 1 : of->unit == FLUSS_UNIT_QUARTER ? 3 : 12;
        const int64_t count = at.year * 12 + at.month - 1 + steps * months;
        at.year = (count >= 0 ? count : count - 11) / 12;
        at.month = (int32_t)(count - at.year * 12) + 1;
    }
    return at;
}

/* Appends at most what fits; the caller sees by the length that something did not. */
static size_t
put(char *out, size_t at, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++, at++)
        if (at + 1 < FLUSS_PARTITION_VALUE_BYTES_MAX)
            out[at] = text[i];
    return at;
}

static size_t
put_field(char *out, size_t at, char letter, const moment *of)
{
    char text[32];
    const char *format = "%02" PRId64;
    int64_t value = of->hour;
    switch (letter) {
    case 'y':
    case 'u':
        value = of->year;
        format = "%04" PRId64;
        break;
    case 'Q':
    case 'q':
        value = (of->month - 1) / 3 + 1;
        format = "%" PRId64;
        break;
    case 'M':
    case 'L': value = of->month; break;
    case 'd': value = of->day; break;
    default: break;
    }
    (void)snprintf(text, sizeof text, format, value); /* NOLINT: one of the three above */
    return put(out, at, text, strlen(text));
}

/* Formats by a checked pattern: letters are fields, quotes hold literals. */
static slu_status
moment_format(const char *format, const moment *of, char *out, slu_error *err)
{
    size_t at = 0;
    bool literal = false;
    for (const char *c = format; *c != 0;) {
        if (*c == '\'' && c[1] == '\'') {
            at = put(out, at, "'", 1);
            c += 2;
        } else if (*c == '\'') {
            literal = !literal;
            c++;
        } else if (literal || !isalpha((unsigned char)*c)) {
            at = put(out, at, c++, 1);
        } else {
            const char letter = *c;
            while (*c == letter)
                c++;
            at = put_field(out, at, letter, of);
        }
    }
    if (at >= FLUSS_PARTITION_VALUE_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a partition value of %zu characters; %d are allowed", at,
                             FLUSS_PARTITION_VALUE_BYTES_MAX - 1);
    out[at] = 0;
    return SLU_OK;
}

slu_status
fluss_auto_partition_value(const fluss_auto_partition *of, int64_t wall_ms, int64_t steps,
                           char out[FLUSS_PARTITION_VALUE_BYTES_MAX], slu_error *err)
{
    if (steps > STEPS_MAX || steps < -STEPS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%" PRId64 " partitions from now", steps);
    const moment at = moment_at(of, wall_ms, steps);
    return moment_format(of->format, &at, out, err);
}

/* ---- A format of one's own ---- */

typedef struct time_field {
    const char *letters;
    const char *name;
    int32_t width;
} time_field;

static const time_field time_fields[] = {
    {"yu", "year", 4}, {"Qq", "quarter", 1}, {"ML", "month", 2}, {"d", "day", 2}, {"H", "hour", 2}};

/* The fields of a unit, as letters of time_fields' first column. */
static const char *const unit_fields[] = {"yMdH", "yMd", "yM", "yQ", "y"};

static const time_field *
field_find(char letter)
{
    for (size_t i = 0; i < SLU_COUNT_OF(time_fields); i++)
        if (strchr(time_fields[i].letters, letter) != NULL)
            return &time_fields[i];
    return NULL;
}

static void
fields_text(const char *letters, char *out, size_t bytes)
{
    size_t at = (size_t)snprintf(out, bytes, "[");
    for (size_t i = 0; letters[i] != 0 && at < bytes; i++)
        at += (size_t)snprintf(out + at, bytes - at, "%s%s", i == 0 ? "" : ", ", field_find(letters[i])->name);
    if (at < bytes)
        (void)snprintf(out + at, bytes - at, "]");
}

/* Reads one run of letters of the pattern. */
static slu_status
format_field(const char *format, const char **c, char *found, size_t *count, slu_error *err)
{
    const char letter = **c;
    const char *start = *c;
    while (**c == letter)
        ++*c;
    const time_field *field = field_find(letter);
    if (field == NULL)
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_TABLE,
            "Invalid table property '" PROPERTY("time-format") "': Time format '%s' contains unsupported time field '%c'.", format,
            letter);
    if (*c - start != field->width)
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_TABLE,
            "Invalid table property '" PROPERTY("time-format") "': Time field '%s' in format '%s' must have fixed width "
                                                               "%d, but found %d.",
            field->name, format, field->width, (int)(*c - start));
    if (*count < FIELDS_MAX)
        found[(*count)++] = field->letters[0];
    return SLU_OK;
}

static slu_status
format_check(const fluss_auto_partition *of, slu_error *err)
{
    char found[FIELDS_MAX + 1] = {0};
    char expected_text[64], found_text[64], value[FLUSS_PARTITION_VALUE_BYTES_MAX];
    size_t count = 0;
    bool literal = false;
    slu_error why;
    const moment sample = {2024, 11, 11, 11};
    for (const char *c = of->format; *c != 0;) {
        if (*c == '\'') {
            literal = literal != (c[1] != '\'');
            c += c[1] == '\'' ? 2 : 1;
        } else if (!literal && (*c == '[' || *c == ']')) {
            return slu_error_set_coded(
                err, SLU_INVALID, ERROR_INVALID_TABLE,
                "Invalid table property '" PROPERTY("time-format") "': Time format '%s' must not contain optional "
                                                                   "sections ('[' or ']').",
                of->format);
        } else if (literal || !isalpha((unsigned char)*c)) {
            c++;
        } else {
            SLU_TRY(format_field(of->format, &c, found, &count, err));
        }
    }
    if (literal)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_TABLE,
                                   "Invalid table property '" PROPERTY("time-format") "': Invalid date-time format pattern '%s'.",
                                   of->format);
    fields_text(unit_fields[of->unit], expected_text, sizeof expected_text);
    fields_text(found, found_text, sizeof found_text);
    if (strcmp(found, unit_fields[of->unit]) != 0)
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_TABLE,
            "Invalid table property '" PROPERTY("time-format") "': Time format '%s' must contain fields %s in this order "
                                                               "for time unit '%s', but found %s.",
            of->format, expected_text, unit_names[of->unit], found_text);
    SLU_TRY(moment_format(of->format, &sample, value, err));
    if (fluss_rules_partition_value(value, true, &why) != SLU_OK) {
        const char *reason = strstr(why.message, " is invalid: ");
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_TABLE,
            "Invalid table property '" PROPERTY("time-format") "': Time format '%s' generates invalid partition value "
                                                               "'%s': %s.",
            of->format, value, reason == NULL ? why.message : reason + strlen(" is invalid: "));
    }
    return SLU_OK;
}

/* ---- Tables ---- */

static bool
blank(const char *text)
{
    while (text != NULL && isspace((unsigned char)*text))
        text++;
    return text == NULL || *text == 0;
}

static slu_status
check_several_keys(const fluss_descriptor *d, const fluss_auto_partition *of, slu_error *err)
{
    const char *key = fluss_descriptor_get(d, PROPERTY("key"));
    char keys[512] = "";
    size_t at = 0;
    bool found = false;
    if (blank(key))
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_TABLE,
            "Currently, auto partitioned table must set one auto partition key when it has multiple partition keys. "
            "Please set table property '" PROPERTY("key") "'.");
    for (size_t i = 0; i < d->partition_key_count; i++) {
        found = found || strcmp(d->partition_keys[i], key) == 0;
        if (at < sizeof keys)
            at += (size_t)snprintf(keys + at, sizeof keys - at, "%s%s", i == 0 ? "" : ", ", d->partition_keys[i]);
    }
    if (!found)
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_TABLE,
            "The specified key for auto partitioned table is not a partition key. Your key '%s' is not in key list [%s]", key,
            keys);
    if (of->precreate > 0)
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_TABLE,
            "For a partitioned table with multiple partition keys, auto pre-create is unsupported and this value must "
            "be set to 0, but is %" PRId64,
            of->precreate);
    return SLU_OK;
}

slu_status
fluss_auto_partition_check(const fluss_descriptor *d, slu_error *err)
{
    fluss_auto_partition of;
    fluss_auto_partition_of(d, &of);
    if (d->partition_key_count == 0)
        return of.enabled ? slu_error_set_coded(
                                err, SLU_INVALID, ERROR_INVALID_CONFIG,
                                "Currently, auto partition is only supported for partitioned table, please set table property "
                                "'" PROPERTY("enabled") "' to false.")
                          : SLU_OK;
    if (of.own_format)
        SLU_TRY(format_check(&of, err));
    return of.enabled && d->partition_key_count > 1 ? check_several_keys(d, &of, err) : SLU_OK;
}

/* Is the text what the pattern writes for some moment? */
static bool
value_fits(const char *format, const char *value)
{
    bool literal = false;
    for (const char *c = format; *c != 0;) {
        if (*c == '\'' && c[1] != '\'') {
            literal = !literal;
            c++;
        } else if (literal || !isalpha((unsigned char)*c)) {
            c += *c == '\'' ? 2 : 1;
            if (c[-1] != *value++)
                return false;
        } else {
            const int32_t max = *c == 'M' || *c == 'L' ? 12 : *c == 'd' ? 31 : *c == 'H' ? 23 : *c == 'Q' || *c == 'q' ? 4 : 9999;
            const char letter = *c;
            int32_t number = 0;
            for (; *c == letter; c++, value++) {
                if (!isdigit((unsigned char)*value))
                    return false;
                number = number * 10 + (*value - '0');
            }
            if (number > max || (number == 0 && letter != 'H' && letter != 'y' && letter != 'u'))
                return false;
        }
    }
    return *value == 0;
}

slu_status
fluss_auto_partition_admits(const fluss_auto_partition *of, const char *value, int64_t wall_ms, slu_error *err)
{
    char last[FLUSS_PARTITION_VALUE_BYTES_MAX];
    if (!of->own_format)
        return SLU_OK;
    if (!value_fits(of->format, value))
        return slu_error_set_coded(
            err, SLU_INVALID, ERROR_INVALID_PARTITION,
            "Partition value '%s' does not match the expected format '%s' for auto-partition time unit '%s'.", value, of->format,
            unit_names[of->unit]);
    if (!of->enabled)
        return SLU_OK;
    SLU_TRY(fluss_auto_partition_value(of, wall_ms, -of->retention, last, err));
    if (strcmp(last, value) > 0)
        return slu_error_set_coded(err, SLU_INVALID, ERROR_INVALID_PARTITION,
                                   "Partition value '%s' is out-of-date. The earliest retained partition is '%s'.", value, last);
    return SLU_OK;
}
