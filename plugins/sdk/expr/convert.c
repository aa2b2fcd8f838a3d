/*
 * convert.c: CAST. Numbers are range-checked; DECIMAL to an integer drops what is behind the point (as Flink does), DECIMAL to a smaller
 * scale rounds half away from zero, DOUBLE to an integer drops the fraction. Dates are the proleptic Gregorian calendar, years 1 to 9999;
 * a zoned timestamp is written and read as UTC.
 */
#include "node.h"

#include <math.h>

bool
int_fits(int64_t value, slu_type type)
{
    switch (type.width_bytes) {
    case 1: return value >= INT8_MIN && value <= INT8_MAX;
    case 2: return value >= INT16_MIN && value <= INT16_MAX;
    case 4: return value >= INT32_MIN && value <= INT32_MAX;
    default: return true;
    }
}

/* ---- The calendar ----------------------------------------------------------------------------------------------------------- */

/* Days since 1970-01-01 of a civil date (Howard Hinnant's algorithm: years begin in March, eras have 400 years). */
static int64_t
days_from_civil(int64_t year, int32_t month, int32_t day)
{
    year -= month <= 2;
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void
civil_from_days(int64_t days, int64_t *year, int32_t *month, int32_t *day)
{
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int64_t of_era = days - era * 146097;
    const int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t shifted = (5 * of_year + 2) / 153;
    *day = (int32_t)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int32_t)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static bool
civil_is_date(int64_t year, int32_t month, int32_t day)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (leap && month == 2);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t
units_per_second(slu_type type)
{
    return type.precision == 0 ? 1 : type.precision == 3 ? 1000 : type.precision == 6 ? 1000000 : 1000000000;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------------------- */

typedef struct chars {
    const uint8_t *at;
    const uint8_t *end;
} chars;

/* Exactly `digits` digits. */
static bool
chars_number(chars *in, int digits, int32_t *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, in->at++) {
        if (in->at == in->end || *in->at < '0' || *in->at > '9')
            return false;
        *out = *out * 10 + (*in->at - '0');
    }
    return true;
}

static bool
chars_take(chars *in, char c)
{
    if (in->at == in->end || *in->at != (uint8_t)c)
        return false;
    in->at++;
    return true;
}

static bool
read_date(chars *in, int64_t *days)
{
    int32_t year, month, day;
    if (!chars_number(in, 4, &year) || !chars_take(in, '-') || !chars_number(in, 2, &month) || !chars_take(in, '-') ||
        !chars_number(in, 2, &day) || !civil_is_date(year, month, day))
        return false;
    *days = days_from_civil(year, month, day);
    return true;
}

/* hh:mm[:ss[.fraction]], as nanoseconds of the day. */
static bool
read_time(chars *in, int64_t *nanos)
{
    int32_t hour, minute, second = 0;
    int64_t fraction = 0, unit = 1000000000;
    if (!chars_number(in, 2, &hour) || !chars_take(in, ':') || !chars_number(in, 2, &minute))
        return false;
    if (chars_take(in, ':') && !chars_number(in, 2, &second))
        return false;
    if (chars_take(in, '.')) {
        if (in->at == in->end || *in->at < '0' || *in->at > '9')
            return false;
        for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
            unit /= 10;
            fraction += unit * (*in->at - '0');
        }
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *nanos = ((hour * 60 + minute) * INT64_C(60) + second) * 1000000000 + fraction;
    return true;
}

static bool
read_temporal(slu_type type, chars *in, int64_t *out)
{
    int64_t days = 0, nanos = 0;
    if (type.id != SLU_TYPE_TIME && !read_date(in, &days))
        return false;
    if (type.id == SLU_TYPE_TIME
            ? !read_time(in, &nanos)
            : type.id == SLU_TYPE_TIMESTAMP && (chars_take(in, ' ') || chars_take(in, 'T')) && !read_time(in, &nanos))
        return false;
    if (type.zoned)
        (void)chars_take(in, 'Z');
    if (in->at != in->end)
        return false;
    if (type.id == SLU_TYPE_DATE) {
        *out = days;
        return true;
    }
    const int64_t units = units_per_second(type);
    return !__builtin_mul_overflow(days * 86400 + nanos / 1000000000, units, out) &&
           !__builtin_add_overflow(*out, nanos % 1000000000 / (1000000000 / units), out);
}

static bool
read_double(const char *text, size_t bytes, double *out)
{
    char copy[128], *end;
    if (bytes == 0 || bytes >= sizeof copy)
        return false;
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    *out = strtod(copy, &end);
    return end == copy + bytes;
}

static bool
text_is(const uint8_t *text, int64_t bytes, const char *word)
{
    if (bytes != (int64_t)strlen(word))
        return false;
    for (int64_t i = 0; i < bytes; i++)
        if ((text[i] | 0x20) != word[i])
            return false;
    return true;
}

static slu_status
read_integer(slu_type type, const char *text, size_t bytes, int64_t *out)
{
    i128 value;
    int32_t scale;
    const slu_status status = sdk_decimal_parse(text, bytes, &value, &scale, NULL);
    if (status != SLU_OK)
        return status;
    if (value % sdk_decimal_power(scale) != 0)
        return SLU_INVALID;
    value /= sdk_decimal_power(scale);
    if (value < INT64_MIN || value > INT64_MAX || !int_fits((int64_t)value, type))
        return SLU_LIMIT;
    *out = (int64_t)value;
    return SLU_OK;
}

slu_status
scalar_from_text(slu_type type, const uint8_t *text, int64_t bytes, scalar *out, slu_error *err)
{
    slu_status status = SLU_OK;
    memset(out, 0, sizeof *out);
    while (bytes > 0 && *text == ' ') {
        text++;
        bytes--;
    }
    while (bytes > 0 && text[bytes - 1] == ' ')
        bytes--;
    const char *as_char = (const char *)text;
    if (type.id == SLU_TYPE_BOOL) {
        out->int_value = text_is(text, bytes, "true");
        status = out->int_value || text_is(text, bytes, "false") ? SLU_OK : SLU_INVALID;
    } else if (type_is_int(type)) {
        status = read_integer(type, as_char, (size_t)bytes, &out->int_value);
    } else if (type.id == SLU_TYPE_DECIMAL) {
        status = sdk_decimal_parse_as(as_char, (size_t)bytes, type.precision, type.scale, &out->dec_value, NULL);
    } else if (domain_of(type) == D_F64) {
        status = read_double(as_char, (size_t)bytes, &out->f64_value) ? SLU_OK : SLU_INVALID;
        if (type.id == SLU_TYPE_FLOAT)
            out->f64_value = (float)out->f64_value;
    } else {
        chars in = {text, text + bytes};
        status = read_temporal(type, &in, &out->int_value) ? SLU_OK : SLU_INVALID;
    }
    if (status == SLU_OK)
        return SLU_OK;
    char name[64];
    const int shown = bytes > 60 ? 60 : (int)bytes;
    return slu_error_set(err, status, status == SLU_LIMIT ? "'%.*s' is out of range of %s" : "'%.*s' is no %s", shown, as_char,
                         type_name(type, name));
}

/* ---- Writing ---------------------------------------------------------------------------------------------------------------- */

/* The shortest text that reads back as the same number. */
static size_t
write_double(double value, bool single, char out[64])
{
    for (int digits = single ? 6 : 15; digits <= (single ? 9 : 17); digits++) {
        (void)snprintf(out, 64, "%.*g", digits, value);
        const double back = strtod(out, NULL);
        if (single ? (float)back == (float)value : !(back < value) && !(back > value))
            break;
    }
    return strlen(out);
}

static size_t
write_temporal(slu_type type, int64_t value, char out[64])
{
    const int64_t units = units_per_second(type);
    const int64_t seconds = type.id == SLU_TYPE_DATE ? value * 86400 : floor_div(value, units);
    const int64_t days = floor_div(seconds, 86400);
    const int64_t of_day = seconds - days * 86400;
    int64_t year;
    int32_t month, day;
    size_t length = 0;
    civil_from_days(days, &year, &month, &day);
    if (type.id != SLU_TYPE_TIME)
        length += (size_t)snprintf(out, 64, "%04lld-%02d-%02d", (long long)year, month, day);
    if (type.id == SLU_TYPE_DATE)
        return length;
    length += (size_t)snprintf(out + length, 64 - length, "%s%02d:%02d:%02d", length != 0 ? " " : "", (int)(of_day / 3600),
                               (int)(of_day / 60 % 60), (int)(of_day % 60));
    if (type.precision > 0)
        length += (size_t)snprintf(out + length, 64 - length, ".%0*lld", type.precision, (long long)(value - seconds * units));
    if (type.zoned)
        length += (size_t)snprintf(out + length, 64 - length, "Z");
    return length;
}

size_t
scalar_to_text(slu_type type, const scalar *value, char out[64])
{
    if (type.id == SLU_TYPE_BOOL)
        return (size_t)snprintf(out, 64, "%s", value->int_value ? "TRUE" : "FALSE");
    if (type_is_int(type))
        return (size_t)snprintf(out, 64, "%lld", (long long)value->int_value);
    if (type.id == SLU_TYPE_DECIMAL)
        return sdk_decimal_format(value->dec_value, type.scale, out);
    if (domain_of(type) == D_F64)
        return write_double(value->f64_value, type.id == SLU_TYPE_FLOAT, out);
    return write_temporal(type, value->int_value, out);
}

/* ---- Converting ------------------------------------------------------------------------------------------------------------- */

static slu_status
to_int(slu_type from, slu_type to, const scalar *in, scalar *out)
{
    i128 value = in->int_value;
    if (from.id == SLU_TYPE_DECIMAL) {
        value = in->dec_value / sdk_decimal_power(from.scale);
    } else if (domain_of(from) == D_F64) {
        if (!(in->f64_value > -9223372036854777856.0 && in->f64_value < 9223372036854775808.0))
            return SLU_LIMIT;
        value = (i128)in->f64_value;
    }
    if (value < INT64_MIN || value > INT64_MAX || !int_fits((int64_t)value, to))
        return SLU_LIMIT;
    out->int_value = (int64_t)value;
    return SLU_OK;
}

static slu_status
to_decimal(slu_type from, slu_type to, const scalar *in, scalar *out)
{
    const bool from_f64 = domain_of(from) == D_F64;
    const i128 value = from.id == SLU_TYPE_DECIMAL ? in->dec_value : in->int_value;
    const bool fits = from_f64 ? sdk_decimal_from_double(in->f64_value, to.scale, &out->dec_value)
                               : sdk_decimal_rescale(value, type_scale(from), to.scale, &out->dec_value);
    return fits && sdk_decimal_fits(out->dec_value, to.precision) ? SLU_OK : SLU_LIMIT;
}

/* Between days and units of any size; a coarser unit takes the floor. */
static slu_status
to_temporal(slu_type from, slu_type to, const scalar *in, scalar *out)
{
    int64_t value = in->int_value;
    if (to.id == SLU_TYPE_DATE) {
        out->int_value = from.id == SLU_TYPE_DATE ? value : floor_div(value, units_per_second(from) * 86400);
        return SLU_OK;
    }
    int64_t from_units = units_per_second(from);
    if (from.id == SLU_TYPE_DATE) {
        value *= 86400;
        from_units = 1;
    }
    const int64_t to_units = units_per_second(to);
    if (to_units >= from_units)
        return __builtin_mul_overflow(value, to_units / from_units, &out->int_value) ? SLU_LIMIT : SLU_OK;
    out->int_value = floor_div(value, from_units / to_units);
    return SLU_OK;
}

slu_status
scalar_convert(slu_type from, slu_type to, const scalar *in, scalar *out)
{
    if (type_is_int(to))
        return to_int(from, to, in, out);
    if (to.id == SLU_TYPE_DECIMAL)
        return to_decimal(from, to, in, out);
    if (domain_of(to) == D_F64) {
        const double value = from.id == SLU_TYPE_DECIMAL ? sdk_decimal_to_double(in->dec_value, from.scale)
                             : domain_of(from) == D_F64  ? in->f64_value
                                                         : (double)in->int_value;
        out->f64_value = to.id == SLU_TYPE_FLOAT ? (double)(float)value : value;
        return SLU_OK;
    }
    if (to.id == SLU_TYPE_BOOL) {
        out->int_value = in->int_value != 0;
        return SLU_OK;
    }
    return to_temporal(from, to, in, out);
}

static scalar
scalar_at(slu_type type, const void *values, int32_t i)
{
    scalar s = {0};
    switch (domain_of(type)) {
    case D_BOOL: s.int_value = ((const uint8_t *)values)[i]; break;
    case D_DEC: s.dec_value = ((const slu_i128 *)values)[i]; break;
    case D_F64: s.f64_value = ((const double *)values)[i]; break;
    default: s.int_value = ((const int64_t *)values)[i]; break;
    }
    return s;
}

static void
scalar_put(slu_type type, void *values, int32_t i, const scalar *s)
{
    switch (domain_of(type)) {
    case D_BOOL: ((uint8_t *)values)[i] = s->int_value != 0; break;
    case D_DEC: ((slu_i128 *)values)[i] = s->dec_value; break;
    case D_F64: ((double *)values)[i] = s->f64_value; break;
    default: ((int64_t *)values)[i] = s->int_value; break;
    }
}

static slu_status
cast_to_text(run *r, node *n, vec a, int32_t count)
{
    const slu_type from = n->args[0]->type;
    text_view *to = n->values;
    uint8_t *bytes = node_bytes(r, n, (size_t)count * 64);
    if (bytes == NULL)
        return slu_error_set(r->err, SLU_NOMEM, "no memory for an expression");
    for (int32_t i = 0; i < count; i++) {
        const scalar value = scalar_at(from, a.values, i);
        to[i].data = bytes;
        to[i].bytes = a.nulls != NULL && a.nulls[i] ? 0 : (int64_t)scalar_to_text(from, &value, (char *)bytes);
        bytes += to[i].bytes;
    }
    return SLU_OK;
}

/* One value; a failing one is null under TRY_CAST. */
static slu_status
cast_one(run *r, node *n, vec a, int32_t i)
{
    const slu_type from = n->args[0]->type;
    scalar value = {0};
    slu_error err = {0};
    slu_status status;
    if (domain_of(from) == D_TEXT) {
        const text_view text = ((const text_view *)a.values)[i];
        status = scalar_from_text(n->type, text.data, text.bytes, &value, &err);
    } else {
        const scalar in = scalar_at(from, a.values, i);
        status = scalar_convert(from, n->type, &in, &value);
    }
    if (status != SLU_OK && n->attempt) {
        n->nulls[i] = 1;
        memset(&value, 0, sizeof value);
    } else if (status != SLU_OK) {
        char what[160], name[64];
        if (err.message[0] != 0)
            (void)snprintf(what, sizeof what, "%.150s", err.message);
        else
            (void)snprintf(what, sizeof what, "a value is out of range of %s", type_name(n->type, name));
        return eval_fail(r, n, status, what);
    }
    scalar_put(n->type, n->values, i, &value);
    return SLU_OK;
}

static slu_status
cast_each(run *r, node *n, vec *a, int32_t count)
{
    const scalar zero = {0};
    if (n->attempt && a->nulls == NULL)
        memset(n->nulls, 0, (size_t)count);
    else if (a->nulls != NULL)
        memcpy(n->nulls, a->nulls, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        if (a->nulls != NULL && a->nulls[i])
            scalar_put(n->type, n->values, i, &zero);
        else
            SLU_TRY(cast_one(r, n, *a, i));
    }
    if (n->attempt || a->nulls != NULL)
        a->nulls = n->nulls;
    return SLU_OK;
}

/* Texts and bytes are the same view; a BINARY(N) must have N bytes. */
static slu_status
cast_text(run *r, node *n, vec a, int32_t count)
{
    for (int32_t i = 0; n->type.id == SLU_TYPE_FIXED && i < count; i++)
        if ((a.nulls == NULL || !a.nulls[i]) && ((const text_view *)a.values)[i].bytes != n->type.width_bytes)
            return eval_fail(r, n, SLU_INVALID, "a text has not the length of the BINARY it is cast to");
    return SLU_OK;
}

slu_status
eval_cast(run *r, node *n, span s, vec *out)
{
    vec a;
    const slu_type from = n->args[0]->type, to = n->type;
    if (!node_scratch(r, n))
        return slu_error_set(r->err, SLU_NOMEM, "no memory for an expression");
    SLU_TRY(eval_node(r, n->args[0], s, &a));
    *out = a;
    if (domain_of(from) == D_TEXT && domain_of(to) == D_TEXT)
        return cast_text(r, n, a, s.count);
    if (type_is_int(from) && type_is_int(to) && to.id > from.id)
        return SLU_OK; /* wider: the same 64 bits */
    out->values = n->values;
    if (domain_of(to) == D_TEXT)
        return cast_to_text(r, n, a, s.count);
    if (type_is_int(from) && to.id == SLU_TYPE_DOUBLE) {
        for (int32_t i = 0; i < s.count; i++)
            ((double *)n->values)[i] = (double)((const int64_t *)a.values)[i];
        return SLU_OK;
    }
    if (from.id == SLU_TYPE_FLOAT && to.id == SLU_TYPE_DOUBLE) {
        out->values = a.values;
        return SLU_OK;
    }
    SLU_TRY(cast_each(r, n, &a, s.count));
    out->nulls = a.nulls;
    return SLU_OK;
}
