#include "value.h"

#include "nested.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 wide;

const char *
slu_sql_type(const char *format)
{
    switch (format[0]) {
    case 'b':
    case 'c':
    case 's':
    case 'i':
    case 'l':
    case 'C':
    case 'S':
    case 'I': return "BIGINT";
    case 'f':
    case 'g': return "REAL";
    case 'u': return "TEXT";
    case 'z':
    case 'w': return "BLOB";
    case 'd': return "TEXT COLLATE DECIMAL";
    case 't':
    case '+': return "TEXT";
    default: return NULL;
    }
}

/* Proleptic Gregorian date of a day number (Hinnant, "chrono-compatible low-level date algorithms"). */
static void
civil(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int64_t day_of_era = days - era * 146097;
    const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static int
time_text(char *text, size_t bytes, int64_t ticks, int digits)
{
    int64_t second = ticks;
    int64_t fraction = 0;
    int64_t unit = 1;
    for (int i = 0; i < digits; i++)
        unit *= 10;
    second = ticks / unit;
    fraction = ticks % unit;
    const int length = snprintf(text, bytes, "%02d:%02d:%02d", (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
    if (digits == 0)
        return length;
    return length + snprintf(text + length, bytes - (size_t)length, ".%0*" PRId64, digits, fraction);
}

static int
unit_digits(char unit)
{
    return unit == 's' ? 0 : unit == 'm' ? 3 : unit == 'u' ? 6 : 9;
}

static void
timestamp_result(sqlite3_context *context, int64_t value, int digits, bool zoned)
{
    char text[80];
    int64_t year;
    int month;
    int day;
    int64_t day_ticks = 86400;
    for (int i = 0; i < digits; i++)
        day_ticks *= 10;
    int64_t days = value / day_ticks;
    int64_t rest = value % day_ticks;
    if (rest < 0) {
        rest += day_ticks;
        days--;
    }
    civil(days, &year, &month, &day);
    int length = snprintf(text, sizeof text, "%04" PRId64 "-%02d-%02d ", year, month, day);
    length += time_text(text + length, sizeof text - (size_t)length, rest, digits);
    if (zoned)
        text[length++] = 'Z';
    sqlite3_result_text(context, text, length, SQLITE_TRANSIENT);
}

static void
time_result(sqlite3_context *context, const char *format, const void *data, int64_t row)
{
    char text[48];
    if (format[1] == 'd') {
        int64_t year;
        int month;
        int day;
        civil(format[2] == 'D' ? ((const int32_t *)data)[row] : ((const int64_t *)data)[row] / 86400000, &year, &month, &day);
        const int length = snprintf(text, sizeof text, "%04" PRId64 "-%02d-%02d", year, month, day);
        sqlite3_result_text(context, text, length, SQLITE_TRANSIENT);
    } else if (format[1] == 't') {
        const bool small = format[2] == 's' || format[2] == 'm';
        const int64_t ticks = small ? ((const int32_t *)data)[row] : ((const int64_t *)data)[row];
        const int length = time_text(text, sizeof text, ticks, unit_digits(format[2]));
        sqlite3_result_text(context, text, length, SQLITE_TRANSIENT);
    } else if (format[1] == 's') {
        timestamp_result(context, ((const int64_t *)data)[row], unit_digits(format[2]), format[3] == ':' && format[4] != 0);
    } else {
        sqlite3_result_int64(context, ((const int64_t *)data)[row]);
    }
}

static void
decimal_text_result(sqlite3_context *context, const char *format, const void *data, int64_t row)
{
    char text[64];
    size_t at = sizeof text;
    wide value;
    const char *comma = strchr(format, ',');
    const long scale = comma == NULL ? 0 : strtol(comma + 1, NULL, 10);
    memcpy(&value, (const uint8_t *)data + 16 * row, sizeof value);
    const bool negative = value < 0;
    long digits = 0;
    do {
        if (digits == scale && digits > 0)
            text[--at] = '.';
        const int digit = (int)(value % 10);
        text[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        value /= 10;
        digits++;
    } while ((value != 0 || digits <= scale) && at > 2);
    if (negative)
        text[--at] = '-';
    sqlite3_result_text(context, text + at, (int)(sizeof text - at), SQLITE_TRANSIENT);
}

static void
nested_result(sqlite3_context *context, const struct ArrowSchema *field, const struct ArrowArray *array, int64_t row)
{
    sdk_text text = {0};
    const slu_column column = slu_column_view(field->format, array);
    slu_sql_nested_write(field, &column, row, &text);
    if (text.failed)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text64(context, sdk_text_cstr(&text), text.bytes, SQLITE_TRANSIENT, SQLITE_UTF8);
    sdk_text_fini(&text);
}

void
slu_sql_result(sqlite3_context *context, const struct ArrowSchema *field, const struct ArrowArray *column, int64_t row)
{
    const char *format = field->format;
    const int64_t asked = row;
    row += column->offset;
    const uint8_t *valid = column->n_buffers > 0 ? column->buffers[0] : NULL;
    const void *data = column->n_buffers > 1 ? column->buffers[1] : NULL;
    if (valid != NULL && column->null_count != 0 && (valid[row / 8] >> (row % 8) & 1) == 0)
        return;
    switch (format[0]) {
    case 'b': sqlite3_result_int(context, ((const uint8_t *)data)[row / 8] >> (row % 8) & 1); break;
    case 'c': sqlite3_result_int(context, ((const int8_t *)data)[row]); break;
    case 'C': sqlite3_result_int(context, ((const uint8_t *)data)[row]); break;
    case 's': sqlite3_result_int(context, ((const int16_t *)data)[row]); break;
    case 'S': sqlite3_result_int(context, ((const uint16_t *)data)[row]); break;
    case 'i': sqlite3_result_int(context, ((const int32_t *)data)[row]); break;
    case 'I': sqlite3_result_int64(context, ((const uint32_t *)data)[row]); break;
    case 'l': sqlite3_result_int64(context, ((const int64_t *)data)[row]); break;
    case 'f': sqlite3_result_double(context, (double)((const float *)data)[row]); break;
    case 'g': sqlite3_result_double(context, ((const double *)data)[row]); break;
    case 'd': decimal_text_result(context, format, data, row); break;
    case 't': time_result(context, format, data, row); break;
    case 'w': {
        const int width = (int)strtol(format + 2, NULL, 10);
        sqlite3_result_blob(context, (const uint8_t *)data + (int64_t)width * row, width, SQLITE_TRANSIENT);
        break;
    }
    case 'u':
    case 'z': {
        const int32_t *offsets = data;
        const char *bytes = (const char *)column->buffers[2] + offsets[row];
        const int length = offsets[row + 1] - offsets[row];
        if (format[0] == 'u')
            sqlite3_result_text(context, length == 0 ? "" : bytes, length, SQLITE_TRANSIENT);
        else
            sqlite3_result_blob(context, length == 0 ? "" : bytes, length, SQLITE_TRANSIENT);
        break;
    }
    default: nested_result(context, field, column, asked);
    }
}
