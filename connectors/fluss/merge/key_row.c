#include "fluss/merge/key_row.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include "base/cursor.h"
#include "fluss/merge/decimal.h"
#include "fluss/merge/row_cells.h"

#define KEY_DECIMAL_COMPACT 18

/* One value between two encodings. */
typedef struct key_value {
    int64_t number; /* whole numbers, dates, times in milliseconds, short decimals, milliseconds of a timestamp */
    int32_t nanos;
    slu_view bytes; /* text, bytes, long decimals, FLOAT and DOUBLE as they are */
} key_value;

static bool
type_is_short_decimal(const fluss_type *type)
{
    return type->id == FLUSS_TYPE_DECIMAL && type->precision <= KEY_DECIMAL_COMPACT;
}

static bool
type_is_timestamp(const fluss_type *type)
{
    return type->id == FLUSS_TYPE_TIMESTAMP || type->id == FLUSS_TYPE_TIMESTAMP_LTZ;
}

static bool
type_is_bytes(const fluss_type *type)
{
    return (type->id >= FLUSS_TYPE_CHAR && type->id <= FLUSS_TYPE_BYTES) ||
           (type->id == FLUSS_TYPE_DECIMAL && !type_is_short_decimal(type));
}

static void
put_value(uint8_t format, const fluss_type *type, const key_value *value, slu_buf *out)
{
    const bool indexed = format == FLUSS_ROW_INDEXED;
    if (type_is_timestamp(type)) {
        if (indexed)
            slu_buf_u64le(out, (uint64_t)value->number);
        else
            slu_buf_varint(out, (uint64_t)value->number);
        if (type->precision > 3 && indexed)
            slu_buf_u32le(out, (uint32_t)value->nanos);
        else if (type->precision > 3)
            slu_buf_varint(out, (uint32_t)value->nanos);
    } else if (type_is_bytes(type)) {
        fluss_cell_put_length(format, value->bytes.bytes, out);
        slu_buf_append(out, value->bytes.data, value->bytes.bytes);
        if (indexed && (type->id == FLUSS_TYPE_CHAR || type->id == FLUSS_TYPE_BINARY) && value->bytes.bytes < (size_t)type->length)
            slu_buf_zero(out, (size_t)type->length - value->bytes.bytes);
    } else if (type->id == FLUSS_TYPE_FLOAT || type->id == FLUSS_TYPE_DOUBLE) {
        slu_buf_append(out, value->bytes.data, value->bytes.bytes);
    } else {
        fluss_cell_put_int(format, type, value->number, out);
    }
}

/* ---- compacted: values one behind the other ---- */

static void
get_compacted(const fluss_type *type, slu_cursor *c, key_value *out)
{
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN:
    case FLUSS_TYPE_TINYINT: out->number = (int8_t)slu_cursor_u8(c); return;
    case FLUSS_TYPE_SMALLINT: out->number = (int16_t)slu_cursor_u16le(c); return;
    case FLUSS_TYPE_FLOAT: out->bytes = slu_cursor_view(c, 4); return;
    case FLUSS_TYPE_DOUBLE: out->bytes = slu_cursor_view(c, 8); return;
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_DATE:
    case FLUSS_TYPE_TIME: out->number = (int32_t)(uint32_t)slu_cursor_varint(c); return;
    case FLUSS_TYPE_BIGINT: out->number = (int64_t)slu_cursor_varint(c); return;
    default: break;
    }
    if (type_is_bytes(type)) {
        out->bytes = slu_cursor_view(c, slu_cursor_varint(c));
        return;
    }
    out->number = (int64_t)slu_cursor_varint(c);
    out->nanos = type_is_timestamp(type) && type->precision > 3 ? (int32_t)(uint32_t)slu_cursor_varint(c) : 0;
}

/* ---- Iceberg: one value ---- */

static int64_t
floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static void
get_iceberg(const fluss_type *type, slu_cursor *c, key_value *out)
{
    if (type_is_bytes(type) || type->id == FLUSS_TYPE_FLOAT || type->id == FLUSS_TYPE_DOUBLE) {
        out->bytes = slu_cursor_view(c, slu_cursor_left(c));
        return;
    }
    if (type_is_short_decimal(type)) {
        fluss_i128 decimal = 0;
        if (!fluss_decimal_decode(slu_cursor_view(c, slu_cursor_left(c)), &decimal))
            slu_cursor_fail(c);
        out->number = (int64_t)decimal;
        return;
    }
    const int64_t number = (int64_t)slu_cursor_u64le(c);
    out->number = number;
    if (type->id == FLUSS_TYPE_TIME)
        out->number = number / 1000;
    if (type_is_timestamp(type)) {
        out->number = floor_div(number, 1000);
        out->nanos = (int32_t)(number - out->number * 1000) * 1000;
    }
}

/* ---- Paimon: a BinaryRow: null bits, 8 bytes per column, what is longer behind them ---- */

static slu_view
paimon_far(slu_view row, uint64_t slot)
{
    const size_t at = (size_t)(slot >> 32);
    const size_t bytes = (size_t)(slot & UINT32_MAX);
    const slu_view none = {0};
    return at > row.bytes || bytes > row.bytes - at ? none : slu_view_of(row.data + at, bytes);
}

static bool
get_paimon(const fluss_type *type, slu_view row, size_t slot_at, key_value *out)
{
    slu_cursor c = slu_cursor_of(row.data + slot_at, 8);
    const uint64_t slot = slu_cursor_u64le(&c);
    out->number = (int64_t)slot;
    if (type->id == FLUSS_TYPE_BOOLEAN || type->id == FLUSS_TYPE_TINYINT)
        out->number = (int8_t)slot;
    else if (type->id == FLUSS_TYPE_SMALLINT)
        out->number = (int16_t)slot;
    else if (type->id == FLUSS_TYPE_INTEGER || type->id == FLUSS_TYPE_DATE || type->id == FLUSS_TYPE_TIME)
        out->number = (int32_t)slot;
    else if (type->id == FLUSS_TYPE_FLOAT || type->id == FLUSS_TYPE_DOUBLE)
        out->bytes = slu_view_of(row.data + slot_at, type->id == FLUSS_TYPE_FLOAT ? 4 : 8);
    else if (type_is_timestamp(type) && type->precision > 3) {
        const slu_view ms = paimon_far(row, (slot & ~(uint64_t)UINT32_MAX) | 8);
        slu_cursor far = slu_cursor_of_view(ms);
        out->number = (int64_t)slu_cursor_u64le(&far);
        out->nanos = (int32_t)(uint32_t)slot;
        return ms.data != NULL;
    } else if (type_is_bytes(type)) {
        const bool near = (slot >> 63) != 0 && type->id != FLUSS_TYPE_DECIMAL;
        out->bytes = near ? slu_view_of(row.data + slot_at, SLU_MIN((size_t)(slot >> 56 & 0x7f), 7)) : paimon_far(row, slot);
        return out->bytes.data != NULL;
    }
    return true;
}

/* ---- all of it ---- */

static bool
key_get(const fluss_table *table, slu_view key, slu_cursor *c, size_t index, key_value *out)
{
    const fluss_type *type = &table->descriptor->schema.columns[table->key_columns[index]].type;
    if (table->key_encoding == FLUSS_KEY_PAIMON) {
        const size_t fixed = (table->key_column_count + 63 + 8) / 64 * 8;
        return key.bytes >= fixed + 8 * table->key_column_count && get_paimon(type, key, fixed + 8 * index, out);
    }
    if (table->key_encoding == FLUSS_KEY_ICEBERG)
        get_iceberg(type, c, out);
    else
        get_compacted(type, c, out);
    return slu_cursor_ok(c);
}

/* The values of the key, by column. A cell that is not of the key is null. */
static bool
key_cells(const fluss_table *table, slu_view key, key_value *values)
{
    slu_cursor c = slu_cursor_of_view(key);
    for (size_t i = 0; i < table->key_column_count; i++)
        if (!key_get(table, key, &c, i, &values[i]))
            return false;
    return table->key_encoding == FLUSS_KEY_PAIMON || slu_cursor_left(&c) == 0;
}

static const key_value *
key_of_column(const fluss_table *table, const key_value *values, size_t column)
{
    for (size_t i = 0; i < table->key_column_count; i++)
        if (table->key_columns[i] == (int32_t)column)
            return &values[i];
    return NULL;
}

static slu_status
key_put_row(const fluss_table *table, const fluss_row_shape *shape, const key_value *values, slu_buf *out, slu_error *err)
{
    fluss_row_writer writer;
    fluss_row_begin(&writer, shape, out);
    for (size_t c = 0; c < shape->schema->column_count; c++) {
        const key_value *value = key_of_column(table, values, c);
        fluss_row_open(&writer);
        if (value != NULL)
            put_value(shape->format, &shape->schema->columns[c].type, value, out);
        fluss_row_close(&writer, value == NULL);
    }
    return fluss_row_end(&writer, err);
}

slu_status
fluss_key_row(const fluss_table *table, slu_view key, slu_buf *out, slu_error *err)
{
    fluss_row_shape shape = {0};
    if (table->partition_column_count != 0) {
        const slu_status refused = slu_error_set(err, SLU_INVALID,
                                                 "Lookup with insertIfNotExists of a partitioned table is not possible: the key "
                                                 "does not hold the values of its partition keys.");
        err->code = -1;
        return refused;
    }
    key_value *values = slu_alloc_zero(table->key_column_count + 1, sizeof *values);
    if (values == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a key");
    slu_status status = key_cells(table, key, values)
                            ? SLU_OK
                            : slu_error_set(err, SLU_CORRUPT, "%zu bytes are not a key of this table", key.bytes);
    if (status == SLU_OK)
        status = fluss_row_shape_init(&shape, &table->descriptor->schema, table->kv_format, err);
    if (status == SLU_OK)
        status = key_put_row(table, &shape, values, out, err);
    fluss_row_shape_fini(&shape);
    slu_free(values);
    return status;
}
