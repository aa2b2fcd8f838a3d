#include "lake_types.h"

#include <sluice/sdk/columns_build.h>

static bool
same_type(slu_type a, slu_type b)
{
    return a.id == b.id && a.width_bytes == b.width_bytes && a.precision == b.precision && a.scale == b.scale;
}

static bool
whole_number(slu_type type)
{
    return type.id >= SLU_TYPE_INT8 && type.id <= SLU_TYPE_INT64;
}

static bool
comes_from(slu_type lake, slu_type own)
{
    if (whole_number(lake) && whole_number(own))
        return true;
    if (lake.id == SLU_TYPE_BINARY || lake.id == SLU_TYPE_FIXED)
        return own.id == SLU_TYPE_FIXED || own.id == SLU_TYPE_BINARY;
    return lake.id == own.id && (own.id == SLU_TYPE_TIME || own.id == SLU_TYPE_TIMESTAMP);
}

/* A time in digits after the second of another column; floors where digits are dropped. */
static bool
time_take(int64_t number, int32_t digits, int32_t wanted, int64_t *out)
{
    for (; digits < wanted; digits += 3)
        if (__builtin_mul_overflow(number, INT64_C(1000), &number))
            return false;
    for (; digits > wanted; digits -= 3)
        number = number / 1000 - (number % 1000 < 0 ? 1 : 0);
    *out = number;
    return true;
}

static bool
number_fits(int64_t number, int32_t width)
{
    return width == 8 || (number >= -(INT64_C(1) << (8 * width - 1)) && number < INT64_C(1) << (8 * width - 1));
}

static bool
value_take(const slu_column *from, int64_t row, sdk_builder *to)
{
    if (!slu_column_valid(from, row)) {
        sdk_builder_null(to);
        return true;
    }
    if (to->type.id == SLU_TYPE_FIXED || to->type.id == SLU_TYPE_BINARY) {
        int32_t bytes = 0;
        const uint8_t *data = slu_column_bytes(from, row, &bytes);
        if (to->type.id == SLU_TYPE_FIXED && bytes != to->type.width_bytes)
            return false;
        sdk_builder_bytes(to, data, (size_t)bytes);
        return true;
    }
    int64_t number = slu_column_int(from, row);
    if (!whole_number(to->type) && !time_take(number, from->type.precision, to->type.precision, &number))
        return false;
    if (!number_fits(number, to->type.width_bytes))
        return false;
    sdk_builder_int(to, number);
    return true;
}

static slu_status
column_take(const slu_column *from, const struct ArrowSchema *field, struct ArrowArray *out, slu_error *err)
{
    sdk_builder to;
    slu_status status = sdk_builder_init(&to, field->format, NULL);
    if (status != SLU_OK)
        return slu_error_set(err, status, "column %s: no column of type %s can be made", field->name, field->format);
    for (int64_t row = 0; row < from->rows && status == SLU_OK; row++)
        if (!value_take(from, row, &to))
            status = slu_error_set(err, SLU_INVALID,
                                   "column %s: row %lld of the lake's batch holds a value that is none of the table's type",
                                   field->name, (long long)row);
    if (status == SLU_OK)
        status = sdk_builder_finish(&to, out, err);
    sdk_builder_fini(&to);
    return status;
}

slu_status
cli_lake_types_take(const struct ArrowSchema *from, const struct ArrowSchema *to, struct ArrowArray *batch, slu_error *err)
{
    for (int64_t i = 0; i < batch->n_children; i++) {
        const slu_column column =
            slu_column_view_at(slu_type_of(from->children[i]->format), batch->children[i], 0, batch->children[i]->length);
        const slu_type own = slu_type_of(to->children[i]->format);
        struct ArrowArray made = {0};
        if (slu_type_is_nested(own) || same_type(column.type, own))
            continue;
        if (!comes_from(column.type, own))
            return slu_error_set(err, SLU_UNSUPPORTED,
                                 "column %s: %s of the lake is no %s of the table; read $log and $lake by themselves",
                                 to->children[i]->name, from->children[i]->format, to->children[i]->format);
        SLU_TRY(column_take(&column, to->children[i], &made, err));
        slu_array_release(batch->children[i]);
        slu_array_move(&made, batch->children[i]);
    }
    return SLU_OK;
}
