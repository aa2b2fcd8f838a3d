/* The growing buffers of one Arrow column, and how decoded values become its elements. */
#include "column_out.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <sluice/columns.h>

static size_t
out_value_bytes(const parquet_column *column)
{
    switch (column->kind) {
    case PARQUET_KIND_BOOLEAN:
    case PARQUET_KIND_STRING:
    case PARQUET_KIND_BINARY:
    case PARQUET_KIND_STRUCT:
    case PARQUET_KIND_LIST:
    case PARQUET_KIND_MAP: return 0;
    case PARQUET_KIND_INT:
    case PARQUET_KIND_FLOAT:
    case PARQUET_KIND_DATE: return 4;
    case PARQUET_KIND_DECIMAL:
    case PARQUET_KIND_UUID: return 16;
    case PARQUET_KIND_FIXED: return (size_t)column->length;
    default: return 8;
    }
}

static bool
out_has_offsets(const parquet_column *column)
{
    return column->kind == PARQUET_KIND_STRING || column->kind == PARQUET_KIND_BINARY || column->kind == PARQUET_KIND_LIST ||
           column->kind == PARQUET_KIND_MAP;
}

/* Bytes that `rows` rows take in one of the three buffers. */
static size_t
out_bytes(const parquet_column_out *out, int64_t rows)
{
    return out->value_bytes == 0 ? (size_t)(rows + 7) / 8 : (size_t)rows * out->value_bytes;
}

/* A zeroed buffer of at least `bytes` that begins with what `old` holds; NULL leaves `old` alone. */
static void *
out_grow(void *old, size_t old_bytes, size_t bytes)
{
    uint8_t *memory = slu_alloc_aligned(SLU_MAX(bytes, (size_t)64));
    if (memory == NULL)
        return NULL;
    if (old != NULL && old_bytes != 0)
        memcpy(memory, old, old_bytes);
    memset(memory + old_bytes, 0, SLU_MAX(bytes, (size_t)64) - old_bytes);
    slu_free(old);
    return memory;
}

static bool
out_resize(parquet_column_out *out, int64_t capacity)
{
    const size_t had = out->validity == NULL ? 0 : (size_t)(out->capacity + 7) / 8;
    void *validity = out_grow(out->validity, had, (size_t)(capacity + 7) / 8);
    if (validity == NULL)
        return false;
    out->validity = validity;
    if (out_has_offsets(&out->column)) {
        const size_t bytes = out->offsets == NULL ? 0 : ((size_t)out->capacity + 1) * sizeof *out->offsets;
        void *offsets = out_grow(out->offsets, bytes, ((size_t)capacity + 1) * sizeof *out->offsets);
        out->offsets = offsets == NULL ? out->offsets : offsets;
        return offsets != NULL;
    }
    if (out->column.kind == PARQUET_KIND_STRUCT)
        return true;
    void *values = out_grow(out->values, out->values == NULL ? 0 : out_bytes(out, out->capacity), out_bytes(out, capacity));
    out->values = values == NULL ? out->values : values;
    return values != NULL;
}

slu_status
parquet_column_out_init(parquet_column_out *out, const parquet_column *column, int64_t rows, slu_error *err)
{
    memset(out, 0, sizeof *out);
    out->column = *column;
    out->value_bytes = out_value_bytes(column);
    slu_buf_init(&out->data, PARQUET_BATCH_COLUMN_BYTES_MAX);
    if (!out_resize(out, rows)) {
        parquet_column_out_fini(out);
        return slu_error_set(err, SLU_NOMEM, "no memory for %lld rows of column %s", (long long)rows, column->name);
    }
    out->capacity = rows;
    return SLU_OK;
}

slu_status
parquet_column_out_room(parquet_column_out *out, int64_t rows, slu_error *err)
{
    const int64_t needed = out->rows + rows;
    if (needed <= out->capacity)
        return SLU_OK;
    const int64_t capacity = SLU_MAX(needed, out->capacity * 2);
    if ((size_t)needed > PARQUET_BATCH_COLUMN_BYTES_MAX / SLU_MAX(out->value_bytes, sizeof *out->offsets))
        return slu_error_set(err, SLU_LIMIT, "column %s: one batch has %lld items, more than fit: read fewer rows at once",
                             out->column.name, (long long)needed);
    if (!out_resize(out, capacity))
        return slu_error_set(err, SLU_NOMEM, "no memory for %lld items of column %s", (long long)capacity, out->column.name);
    out->capacity = capacity;
    return SLU_OK;
}

void
parquet_column_out_fini(parquet_column_out *out)
{
    slu_free(out->validity);
    slu_free(out->values);
    slu_free(out->offsets);
    slu_buf_fini(&out->data);
    memset(out, 0, sizeof *out);
}

void
parquet_column_out_nulls(parquet_column_out *out, int64_t rows)
{
    if (out->offsets != NULL)
        for (int64_t i = 0; i < rows; i++)
            out->offsets[out->rows + i + 1] = out->offsets[out->rows];
    out->rows += rows;
    out->null_count += rows;
}

/* Writes the validity bits of `rows` rows; NULL: all are there. */
static void
out_put_valid(parquet_column_out *out, const uint32_t *valid, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++) {
        if (valid == NULL || valid[i] != 0)
            slu_bit_set(out->validity, out->rows + i);
        else
            out->null_count++;
    }
}

/* The loops below run over rows and take the next value where the row has one. */
#define OUT_NUMBERS(TYPE, EXPRESSION)                                                                                              \
    do {                                                                                                                           \
        uint8_t *to_ = out->values + (size_t)out->rows * sizeof(TYPE);                                                             \
        for (int64_t i = 0, k = 0; i < rows; i++) {                                                                                \
            if (valid != NULL && valid[i] == 0)                                                                                    \
                continue;                                                                                                          \
            const int64_t v = numbers[k++];                                                                                        \
            const TYPE value_ = (TYPE)(EXPRESSION);                                                                                \
            memcpy(to_ + (size_t)i * sizeof(TYPE), &value_, sizeof(TYPE));                                                         \
        }                                                                                                                          \
    } while (0)

static double
double_of_float_bits(int64_t bits)
{
    const uint32_t word = (uint32_t)bits;
    float value;
    memcpy(&value, &word, sizeof value);
    return (double)value;
}

void
parquet_column_out_numbers(parquet_column_out *out, const int64_t *numbers, const uint32_t *valid, int64_t rows, bool from_float)
{
    out_put_valid(out, valid, rows);
    if (out->column.kind == PARQUET_KIND_BOOLEAN) {
        for (int64_t i = 0, k = 0; i < rows; i++)
            if ((valid == NULL || valid[i] != 0) && numbers[k++] != 0)
                slu_bit_set(out->values, out->rows + i);
    } else if (out->value_bytes == 4) {
        OUT_NUMBERS(uint32_t, (uint32_t)v);
    } else if (out->value_bytes == 16) {
        OUT_NUMBERS(slu_i128, v);
    } else if (out->column.kind == PARQUET_KIND_DOUBLE && from_float) {
        OUT_NUMBERS(double, double_of_float_bits(v));
    } else if (valid == NULL) {
        memcpy(out->values + (size_t)out->rows * 8, numbers, (size_t)rows * 8);
    } else {
        OUT_NUMBERS(int64_t, v);
    }
    out->rows += rows;
}

/* A signed big-endian number of 1 to 16 bytes as the 16 little-endian bytes of Arrow. */
static void
out_decimal(uint8_t *to, slu_view value)
{
    memset(to, value.data[0] & 0x80 ? 0xff : 0, 16);
    for (size_t b = 0; b < value.bytes; b++)
        to[b] = value.data[value.bytes - 1 - b];
}

static void
out_fixed(parquet_column_out *out, const slu_view *views, const uint32_t *valid, int64_t rows)
{
    for (int64_t i = 0, k = 0; i < rows; i++) {
        if (valid != NULL && valid[i] == 0)
            continue;
        uint8_t *to = out->values + (size_t)(out->rows + i) * out->value_bytes;
        if (out->column.kind == PARQUET_KIND_DECIMAL)
            out_decimal(to, views[k++]);
        else
            memcpy(to, views[k++].data, out->value_bytes);
    }
}

void
parquet_column_out_views(parquet_column_out *out, const slu_view *views, const uint32_t *valid, int64_t rows)
{
    out_put_valid(out, valid, rows);
    if (out->offsets == NULL) {
        out_fixed(out, views, valid, rows);
    } else {
        for (int64_t i = 0, k = 0; i < rows; i++) {
            if (valid == NULL || valid[i] != 0) {
                slu_buf_append(&out->data, views[k].data, views[k].bytes);
                k++;
            }
            out->offsets[out->rows + i + 1] = (int32_t)out->data.bytes;
        }
    }
    out->rows += rows;
}
