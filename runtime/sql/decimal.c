#include "decimal.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* SQLite gives memory that is a multiple of 8, not of 16. */
__extension__ typedef __int128 wide_natural;
typedef wide_natural wide __attribute__((aligned(8)));

#define DIGITS_MAX 38
#define AVG_DIGITS_EXTRA 6

typedef struct decimal {
    wide value; /* unscaled */
    int scale;
} decimal;

static bool
scale_up(wide *value, int by)
{
    for (; by > 0; by--)
        if (__builtin_mul_overflow(*value, (wide)10, value))
            return false;
    return true;
}

/* An optional sign, digits, an optional point with digits. No exponent: the engine writes decimals plainly. */
static bool
decimal_parse(const char *text, size_t bytes, decimal *out)
{
    size_t i = 0;
    bool seen = false;
    bool point = false;
    decimal number = {0, 0};
    const bool negative = bytes > 0 && text[0] == '-';
    if (bytes > 0 && (text[0] == '-' || text[0] == '+'))
        i = 1;
    for (; i < bytes; i++) {
        if (text[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9')
            return false;
        if (!scale_up(&number.value, 1) || __builtin_add_overflow(number.value, (wide)(text[i] - '0'), &number.value))
            return false;
        seen = true;
        number.scale += point;
    }
    if (negative)
        number.value = -number.value;
    *out = number;
    return seen;
}

/* Makes both scales equal; false when that would overflow. */
static bool
decimal_align(decimal *a, decimal *b)
{
    if (a->scale < b->scale && scale_up(&a->value, b->scale - a->scale))
        a->scale = b->scale;
    else if (b->scale < a->scale && scale_up(&b->value, a->scale - b->scale))
        b->scale = a->scale;
    return a->scale == b->scale;
}

static int
collate(void *context, int a_bytes, const void *a_text, int b_bytes, const void *b_text)
{
    decimal a;
    decimal b;
    (void)context;
    const bool a_number = decimal_parse(a_text, (size_t)a_bytes, &a);
    const bool b_number = decimal_parse(b_text, (size_t)b_bytes, &b);
    if (a_number && b_number && decimal_align(&a, &b))
        return a.value < b.value ? -1 : a.value > b.value;
    if (a_number != b_number)
        return a_number ? -1 : 1;
    const size_t common = (size_t)(a_bytes < b_bytes ? a_bytes : b_bytes);
    const int order = memcmp(a_text, b_text, common);
    return order != 0 ? order : a_bytes - b_bytes;
}

static void
decimal_result(sqlite3_context *context, decimal number)
{
    char text[DIGITS_MAX + 8];
    size_t at = sizeof text;
    const bool negative = number.value < 0;
    int digits = 0;
    do {
        if (digits == number.scale && digits > 0)
            text[--at] = '.';
        const int digit = (int)(number.value % 10);
        text[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        number.value /= 10;
        digits++;
    } while ((number.value != 0 || digits <= number.scale) && at > 2);
    if (negative)
        text[--at] = '-';
    sqlite3_result_text(context, text + at, (int)(sizeof text - at), SQLITE_TRANSIENT);
}

/* What sum, avg and total have gathered: exact as long as every value was an integer or decimal text. */
typedef struct gathered {
    int64_t count;
    decimal exact;
    double approximate;
    bool decimals; /* at least one decimal text */
    bool inexact;  /* at least one double */
    bool overflow;
} gathered;

static void
gather_exact(gathered *sum, decimal number)
{
    sum->approximate += (double)number.value / pow(10, number.scale);
    if (!decimal_align(&sum->exact, &number) || __builtin_add_overflow(sum->exact.value, number.value, &sum->exact.value))
        sum->overflow = true;
}

static void
gather(sqlite3_context *context, int count, sqlite3_value **values)
{
    gathered *sum = sqlite3_aggregate_context(context, sizeof *sum);
    const int type = sqlite3_value_type(values[0]);
    decimal number;
    (void)count;
    if (sum == NULL || type == SQLITE_NULL)
        return;
    sum->count++;
    if (type == SQLITE_INTEGER) {
        gather_exact(sum, (decimal){sqlite3_value_int64(values[0]), 0});
    } else if (type == SQLITE_TEXT &&
               decimal_parse((const char *)sqlite3_value_text(values[0]), (size_t)sqlite3_value_bytes(values[0]), &number)) {
        sum->decimals = true;
        gather_exact(sum, number);
    } else {
        sum->inexact = true;
        sum->approximate += sqlite3_value_double(values[0]);
    }
}

static void
sum_result(sqlite3_context *context)
{
    const gathered *sum = sqlite3_aggregate_context(context, 0);
    if (sum == NULL || sum->count == 0)
        return;
    if (sum->inexact)
        sqlite3_result_double(context, sum->approximate);
    else if (sum->overflow || (!sum->decimals && (sum->exact.value > INT64_MAX || sum->exact.value < INT64_MIN)))
        sqlite3_result_error(context, "the sum does not fit", -1);
    else if (sum->decimals)
        decimal_result(context, sum->exact);
    else
        sqlite3_result_int64(context, (int64_t)sum->exact.value);
}

static void
avg_result(sqlite3_context *context)
{
    const gathered *sum = sqlite3_aggregate_context(context, 0);
    if (sum == NULL || sum->count == 0)
        return;
    decimal mean = sum->exact;
    if (sum->inexact || sum->overflow || !sum->decimals || !scale_up(&mean.value, AVG_DIGITS_EXTRA)) {
        sqlite3_result_double(context, sum->approximate / (double)sum->count);
        return;
    }
    /* Half away from zero. */
    const wide half = mean.value < 0 ? -(sum->count / 2) : sum->count / 2;
    mean.value = (mean.value + half) / sum->count;
    mean.scale += AVG_DIGITS_EXTRA;
    decimal_result(context, mean);
}

static void
total_result(sqlite3_context *context)
{
    const gathered *sum = sqlite3_aggregate_context(context, 0);
    if (sum != NULL && sum->decimals && !sum->inexact && !sum->overflow)
        decimal_result(context, sum->exact);
    else
        sqlite3_result_double(context, sum == NULL ? 0.0 : sum->approximate);
}

slu_status
slu_sql_decimal_register(sqlite3 *db, slu_error *err)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    if (sqlite3_create_collation(db, "DECIMAL", SQLITE_UTF8, NULL, collate) != SQLITE_OK ||
        sqlite3_create_function(db, "sum", 1, flags, NULL, NULL, gather, sum_result) != SQLITE_OK ||
        sqlite3_create_function(db, "avg", 1, flags, NULL, NULL, gather, avg_result) != SQLITE_OK ||
        sqlite3_create_function(db, "total", 1, flags, NULL, NULL, gather, total_result) != SQLITE_OK)
        return slu_error_set(err, SLU_NOMEM, "SQLite: %s", sqlite3_errmsg(db));
    return SLU_OK;
}
