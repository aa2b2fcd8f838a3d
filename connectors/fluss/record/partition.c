#include "partition.h"

#include "value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_MS ((int64_t)86400000)

/* ---- Civil dates (the proleptic calendar in eras of 400 years, years beginning in March) ---- */

int64_t
fluss_civil_days(int64_t year, int32_t month, int32_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void
fluss_civil_date(int64_t days, int64_t *out_year, int32_t *out_month, int32_t *out_day)
{
    const int64_t z = days + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t of_era = z - era * 146097;
    const int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    const int64_t month = (5 * of_year + 2) / 153;
    *out_day = (int32_t)(of_year - (153 * month + 2) / 5 + 1);
    *out_month = (int32_t)(month < 10 ? month + 3 : month - 9);
    *out_year = years + era * 400 + (*out_month <= 2);
}

/* ---- Values ---- */

static void
put_date(int64_t days, slu_buf *out)
{
    int64_t year;
    int32_t month, day;
    fluss_civil_date(days, &year, &month, &day);
    slu_buf_printf(out, "%04" PRId64 "-%02d-%02d", year, month, day);
}

static void
put_time(int32_t ms, slu_buf *out)
{
    slu_buf_printf(out, "%02d-%02d-%02d_%03d", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

/* The digits of the second's fraction without zeros at the end, and none of them when it is whole. */
static void
put_timestamp(const slu_column *column, int64_t row, slu_buf *out)
{
    int32_t nanos;
    const int64_t ms = value_timestamp_ms(column, row, &nanos);
    const int64_t days = (ms >= 0 ? ms : ms - DAY_MS + 1) / DAY_MS;
    const int32_t of_day = (int32_t)(ms - days * DAY_MS);
    char fraction[16];
    put_date(days, out);
    slu_buf_printf(out, "-%02d-%02d-%02d_", of_day / 3600000, of_day / 60000 % 60, of_day / 1000 % 60);
    int length = snprintf(fraction, sizeof fraction, "%09d", of_day % 1000 * 1000000 + nanos);
    while (length > 0 && fraction[length - 1] == '0')
        length--;
    slu_buf_append(out, fraction, (size_t)length);
}

/* Digits and exponent of the shortest text that reads back as the same number: 0.DIGITS * 10^exponent. */
static void
shortest_digits(double value, bool is_float, char digits[24], int *out_exponent)
{
    char text[40];
    size_t count = 0;
    for (int precision = 0; precision < 17; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision, value);
        if (is_float ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            break;
    }
    for (const char *at = text; *at != 0 && *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            digits[count++] = *at;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    digits[count] = 0;
    const char *exponent = strchr(text, 'e');
    *out_exponent = (exponent == NULL ? 0 : atoi(exponent + 1)) + 1;
}

/* As Java's Double.toString and Float.toString, with _ for the point. */
static void
put_real(double value, bool is_float, slu_buf *out)
{
    char digits[24];
    int exponent = 1;
    if (isnan(value) || isinf(value)) {
        slu_buf_text(out, isnan(value) ? "NaN" : value > 0 ? "Inf" : "-Inf");
        return;
    }
    if (signbit(value))
        slu_buf_text(out, "-");
    shortest_digits(fabs(value), is_float, digits, &exponent);
    const int count = (int)strlen(digits);
    const double size = fabs(value);
    if (size != 0 && (size < 1e-3 || size >= 1e7)) {
        slu_buf_printf(out, "%c_%sE%d", digits[0], count > 1 ? digits + 1 : "0", exponent - 1);
    } else if (exponent <= 0) {
        slu_buf_text(out, "0_");
        for (int zero = exponent; zero < 0; zero++)
            slu_buf_text(out, "0");
        slu_buf_text(out, digits);
    } else {
        for (int i = 0; i < exponent; i++)
            slu_buf_printf(out, "%c", i < count ? digits[i] : '0');
        slu_buf_printf(out, "_%s", exponent < count ? digits + exponent : "0");
    }
}

static void
put_hex(const slu_column *column, int64_t row, slu_buf *out)
{
    int32_t bytes = 0;
    const uint8_t *data = (const uint8_t *)slu_column_bytes(column, row, &bytes);
    for (int32_t i = 0; i < bytes; i++)
        slu_buf_printf(out, "%02x", data[i]);
}

slu_status
fluss_partition_value(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out, slu_error *err)
{
    int32_t bytes = 0;
    const void *data = NULL;
    switch (type->id) {
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING:
        data = slu_column_bytes(column, row, &bytes);
        slu_buf_append(out, data, (size_t)bytes);
        break;
    case FLUSS_TYPE_BOOLEAN: slu_buf_text(out, slu_column_bool(column, row) ? "true" : "false"); break;
    case FLUSS_TYPE_TINYINT:
    case FLUSS_TYPE_SMALLINT:
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_BIGINT: slu_buf_printf(out, "%" PRId64, slu_column_int(column, row)); break;
    case FLUSS_TYPE_FLOAT: put_real((double)slu_column_f32s(column)[row], true, out); break;
    case FLUSS_TYPE_DOUBLE: put_real(slu_column_f64s(column)[row], false, out); break;
    case FLUSS_TYPE_BINARY:
    case FLUSS_TYPE_BYTES: put_hex(column, row, out); break;
    case FLUSS_TYPE_DATE: put_date(slu_column_int(column, row), out); break;
    case FLUSS_TYPE_TIME: put_time(value_time_ms(column, row), out); break;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: put_timestamp(column, row, out); break;
    default: return slu_error_set(err, SLU_INVALID, "a column of this type cannot name partitions");
    }
    return SLU_OK;
}

/* ---- Rows ---- */

slu_status
fluss_partition_columns_find(const fluss_table *table, const struct ArrowSchema *schema, const struct ArrowArray *array,
                             fluss_partition_columns *out, slu_error *err)
{
    out->count = table->partition_column_count;
    if (out->count > FLUSS_PARTITION_KEYS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu partition keys; %d are served", out->count, FLUSS_PARTITION_KEYS_MAX);
    for (size_t i = 0; i < out->count; i++) {
        const fluss_column *column = &table->descriptor->schema.columns[table->partition_columns[i]];
        const int64_t at = slu_schema_find(schema, column->name);
        if (at < 0)
            return slu_error_set(err, SLU_INVALID, "the rows lack the partition column %s", column->name);
        out->types[i] = &column->type;
        out->names[i] = column->name;
        out->columns[i] = slu_column_child(schema, array, at);
        if (!value_fits(&column->type, out->columns[i].type))
            return slu_error_set(err, SLU_INVALID, "partition column %s: Arrow format %s is not what the table's type wants",
                                 column->name, schema->children[at]->format);
    }
    return SLU_OK;
}

static slu_status
value_check(const char *column, const uint8_t *value, size_t bytes, slu_error *err)
{
    bool good = bytes > 0 && bytes <= FLUSS_PARTITION_VALUE_MAX && (bytes < 2 || memcmp(value, "__", 2) != 0);
    for (size_t i = 0; i < bytes && good; i++)
        good = (value[i] >= '0' && value[i] <= '9') || (value[i] >= 'a' && value[i] <= 'z') ||
               (value[i] >= 'A' && value[i] <= 'Z') || value[i] == '_' || value[i] == '-';
    if (good)
        return SLU_OK;
    return slu_error_set(err, SLU_INVALID,
                         "partition column %s: \"%.*s\" cannot name a partition (1 to %d letters, digits, _ and -, not beginning "
                         "with __)",
                         column, (int)(bytes > 60 ? 60 : bytes), bytes == 0 ? "" : (const char *)value, FLUSS_PARTITION_VALUE_MAX);
}

slu_status
fluss_partition_name(const fluss_partition_columns *columns, int64_t row, slu_buf *out, slu_error *err)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (i > 0)
            slu_buf_u8(out, '$');
        const size_t start = out->bytes;
        if (!slu_column_valid(&columns->columns[i], row))
            return slu_error_set(err, SLU_INVALID, "partition column %s is null in row %lld", columns->names[i], (long long)row);
        SLU_TRY(fluss_partition_value(columns->types[i], &columns->columns[i], row, out, err));
        SLU_TRY(slu_buf_status(out, err));
        SLU_TRY(value_check(columns->names[i], out->data + start, out->bytes - start, err));
    }
    return SLU_OK;
}
