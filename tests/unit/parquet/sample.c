#include "sample.h"

#include <sluice/columns.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const parquet_column sample_columns[SAMPLE_COLUMNS] = {
    {.name = "id", .field_id = 1, .kind = PARQUET_KIND_LONG, .required = true},
    {.name = "flag", .field_id = 2, .kind = PARQUET_KIND_BOOLEAN},
    {.name = "small", .field_id = 3, .kind = PARQUET_KIND_INT},
    {.name = "number", .field_id = 4, .kind = PARQUET_KIND_INT},
    {.name = "wide", .field_id = 5, .kind = PARQUET_KIND_LONG, .delta = true},
    {.name = "real", .field_id = 6, .kind = PARQUET_KIND_FLOAT},
    {.name = "double", .field_id = 7, .kind = PARQUET_KIND_DOUBLE},
    {.name = "d9", .field_id = 8, .kind = PARQUET_KIND_DECIMAL, .precision = 9, .scale = 2},
    {.name = "d18", .field_id = 9, .kind = PARQUET_KIND_DECIMAL, .precision = 18, .scale = 4},
    {.name = "d38", .field_id = 10, .kind = PARQUET_KIND_DECIMAL, .precision = 38, .scale = 10},
    {.name = "day", .field_id = 11, .kind = PARQUET_KIND_DATE},
    {.name = "clock", .field_id = 12, .kind = PARQUET_KIND_TIME},
    {.name = "at", .field_id = 13, .kind = PARQUET_KIND_TIMESTAMP},
    {.name = "instant", .field_id = 14, .kind = PARQUET_KIND_TIMESTAMPTZ},
    {.name = "name", .field_id = 15, .kind = PARQUET_KIND_STRING},
    {.name = "unique", .field_id = 16, .kind = PARQUET_KIND_STRING},
    {.name = "bytes", .field_id = 17, .kind = PARQUET_KIND_BINARY},
    {.name = "five", .field_id = 18, .kind = PARQUET_KIND_FIXED, .length = 5},
    {.name = "nothing", .field_id = 19, .kind = PARQUET_KIND_STRING},
};

/* The Arrow types that come in: some are converted on the way (tinyint, millisecond times). */
static const char *const sample_formats[SAMPLE_COLUMNS] = {
    "l", "b", "c", "i", "l", "f", "g", "d:9,2", "d:18,4", "d:38,10", "tdD", "ttm", "tsm:", "tsu:UTC", "u", "u", "z", "w:5", "u"};

void
sample_schema(struct ArrowSchema *out)
{
    if (slu_schema_init_struct(out) != SLU_OK)
        abort();
    for (int i = 0; i < SAMPLE_COLUMNS; i++)
        if (slu_schema_add(out, sample_formats[i], sample_columns[i].name, !sample_columns[i].required) != SLU_OK)
            abort();
}

static void
sample_release(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        slu_array_release(array->children[i]);
        free(array->children[i]);
    }
    for (int64_t i = 0; i < array->n_buffers; i++)
        free((void *)(uintptr_t)array->buffers[i]);
    free(array->children);
    free(array->buffers);
    array->release = NULL;
}

static void *
sample_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes + 16);
    if (memory == NULL)
        abort();
    return memory;
}

static struct ArrowArray *
sample_array(int64_t rows, int64_t buffers)
{
    struct ArrowArray *array = sample_alloc(sizeof *array);
    array->length = rows;
    array->n_buffers = buffers;
    array->buffers = sample_alloc((size_t)buffers * sizeof(void *));
    array->release = sample_release;
    return array;
}

/* Every column has its own rhythm of nulls. */
static bool
sample_is_null(int column, int64_t i)
{
    return column == 18 || (column != 0 && i % (column + 3) == 1);
}

static void
sample_fixed_value(int column, int64_t i, void *out)
{
    int64_t l = 0;
    switch (column) {
    case 0: l = i; break;
    case 2: l = i % 200 - 100; break;
    case 3: l = (i * 7919) % 2000003 - 1000000; break;
    case 4: l = i * INT64_C(1000000007) * (i % 2 == 0 ? 1 : -1); break;
    case 7: l = i % 1999999 - 999999; break;
    case 8: l = i * INT64_C(123456789) - 5; break;
    case 10: l = i % 40000 - 10000; break;
    case 11: l = i * 997 % 86400000; break;
    case 12: l = (i - 1000) * 86399999; break;
    case 13: l = (i - 1000) * INT64_C(3600000001); break;
    default: break;
    }
    if (column == 5) {
        const float f = i % 50 == 7 ? NAN : (float)(i % 1000) / 4 - 100;
        memcpy(out, &f, sizeof f);
    } else if (column == 6) {
        const double d = (double)i * 1.5 - 7;
        memcpy(out, &d, sizeof d);
    } else if (column == 9) {
        const slu_i128 wide = (slu_i128)(i - 500) * INT64_C(1000000000000000003) * 1000003;
        memcpy(out, &wide, 16);
    } else if (column == 7 || column == 8) {
        const slu_i128 wide = l;
        memcpy(out, &wide, 16);
    } else if (column == 17) {
        char text[32];
        (void)snprintf(text, sizeof text, "%05lld", (long long)(i % 100000));
        memcpy(out, text, 5);
    } else {
        memcpy(out, &l, column == 2 ? 1 : column == 3 || column == 10 || column == 11 ? 4 : 8);
    }
}

static size_t
sample_text(int column, int64_t i, char *out, size_t room)
{
    switch (column) {
    case 14: return (size_t)snprintf(out, room, "name-%lld", (long long)(i % 100));
    case 15: return (size_t)snprintf(out, room, "a unique text of row %lld \xc3\xa4", (long long)i);
    default:
        return (size_t)snprintf(out, room, "%.*s", (int)(i % 20),
                                "\xff\x01"
                                "abcdefghijklmnopqrstuv");
    }
}

static void
sample_fill_text(struct ArrowArray *array, int column, int64_t first)
{
    int32_t *offsets = sample_alloc((size_t)(array->length + 1) * 4);
    char *data = sample_alloc((size_t)array->length * 48);
    for (int64_t i = 0; i < array->length; i++) {
        const size_t n = sample_is_null(column, first + i) ? 0 : sample_text(column, first + i, data + offsets[i], 48);
        offsets[i + 1] = offsets[i] + (int32_t)n;
    }
    array->buffers[1] = offsets;
    array->buffers[2] = data;
}

static struct ArrowArray *
sample_column(int column, int64_t first, int64_t rows)
{
    const slu_type type = slu_type_of(sample_formats[column]);
    struct ArrowArray *array = sample_array(rows, slu_type_buffers(type));
    uint8_t *valid = sample_alloc((size_t)(rows + 7) / 8);
    for (int64_t i = 0; i < rows; i++) {
        if (sample_is_null(column, first + i))
            array->null_count++;
        else
            slu_bit_set(valid, i);
    }
    array->buffers[0] = valid;
    if (slu_type_is_varlen(type)) {
        sample_fill_text(array, column, first);
        return array;
    }
    uint8_t *values = sample_alloc((size_t)rows * (size_t)(type.width_bytes == 0 ? 1 : type.width_bytes));
    for (int64_t i = 0; i < rows; i++) {
        if (type.id == SLU_TYPE_BOOL && (first + i) % 3 == 0)
            slu_bit_set(values, i);
        else if (type.id != SLU_TYPE_BOOL)
            sample_fixed_value(column, first + i, values + i * type.width_bytes);
    }
    array->buffers[1] = values;
    return array;
}

void
sample_rows(int64_t first, int64_t rows, struct ArrowArray *out)
{
    struct ArrowArray *array = sample_array(rows, 1);
    array->n_children = SAMPLE_COLUMNS;
    array->children = sample_alloc(SAMPLE_COLUMNS * sizeof *array->children);
    for (int i = 0; i < SAMPLE_COLUMNS; i++)
        array->children[i] = sample_column(i, first, rows);
    *out = *array;
    free(array);
}
