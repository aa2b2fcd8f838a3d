/*
 * arrays.h: small batches for tests: columns from plain C arrays, copied, owned by the batch.
 *
 * Formats: fixed-width ones from `values`; "u" and "z" from `texts` (NULL entries are null). `nulls`, when given, has one byte per
 * row, 1 for null.
 */
#ifndef SLUICE_TESTS_ARRAYS_H
#define SLUICE_TESTS_ARRAYS_H

#include "batch/batch.h"
#include "support/check.h"

#include <sluice/columns.h>

typedef struct test_column {
    const char *name;
    const char *format;
    const void *values;
    const char *const *texts;
    const uint8_t *nulls;
} test_column;

static inline void
test_array_release(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        slu_array_release(array->children[i]);
        free(array->children[i]);
    }
    for (int64_t i = 0; i < array->n_buffers; i++)
        free((void *)(uintptr_t)array->buffers[i]);
    free(array->buffers);
    free(array->children);
    array->release = NULL;
}

static inline void
test_array_init(struct ArrowArray *array, int64_t rows, int64_t buffers, int64_t children)
{
    *array = (struct ArrowArray){.length = rows, .n_buffers = buffers, .n_children = children, .release = test_array_release};
    array->buffers = calloc((size_t)buffers, sizeof *array->buffers);
    array->children = children == 0 ? NULL : calloc((size_t)children, sizeof *array->children);
    for (int64_t i = 0; i < children; i++)
        array->children[i] = calloc(1, sizeof **array->children);
}

static inline void
test_column_fill(struct ArrowArray *array, const test_column *column, int64_t rows)
{
    const slu_type type = slu_type_of(column->format);
    test_array_init(array, rows, slu_type_buffers(type), 0);
    uint8_t *validity = calloc(1, (size_t)rows / 8 + 8);
    for (int64_t i = 0; i < rows; i++) {
        const bool null = column->nulls != NULL ? column->nulls[i] : column->texts != NULL && column->texts[i] == NULL;
        array->null_count += null;
        if (!null)
            slu_bit_set(validity, i);
    }
    array->buffers[0] = validity;
    if (slu_type_is_varlen(type)) {
        int32_t *offsets = calloc((size_t)rows + 2, sizeof *offsets);
        for (int64_t i = 0; i < rows; i++)
            offsets[i + 1] = offsets[i] + (column->texts[i] == NULL ? 0 : (int32_t)strlen(column->texts[i]));
        char *data = calloc(1, (size_t)offsets[rows] + 8);
        for (int64_t i = 0; i < rows; i++)
            memcpy(data + offsets[i], column->texts[i] == NULL ? "" : column->texts[i], (size_t)(offsets[i + 1] - offsets[i]));
        array->buffers[1] = offsets;
        array->buffers[2] = data;
        return;
    }
    const size_t bytes = type.id == SLU_TYPE_BOOL ? ((size_t)rows + 7) / 8 : (size_t)rows * (size_t)type.width_bytes;
    void *values = calloc(1, bytes + 8);
    memcpy(values, column->values, bytes);
    array->buffers[1] = values;
}

static inline void
test_array_make(struct ArrowArray *out, const test_column *columns, int64_t count, int64_t rows)
{
    test_array_init(out, rows, 1, count);
    for (int64_t i = 0; i < count; i++)
        test_column_fill(out->children[i], &columns[i], rows);
}

static inline slu_schema *
test_schema_make(const test_column *columns, int64_t count)
{
    slu_error err = {0};
    struct ArrowSchema schema;
    slu_schema *made = NULL;
    CHECK_OK(slu_schema_init_struct(&schema));
    for (int64_t i = 0; i < count; i++)
        CHECK_OK(slu_schema_add(&schema, columns[i].format, columns[i].name, true));
    CHECK_OK(slu_schema_new(&schema, &made, &err));
    slu_schema_release(&schema);
    return made;
}

static inline const slu_batch *
test_batch_make(const test_column *columns, int64_t count, int64_t rows, const slu_batch_spec *spec)
{
    slu_error err = {0};
    const slu_batch *batch = NULL;
    struct ArrowArray array;
    slu_schema *schema = test_schema_make(columns, count);
    test_array_make(&array, columns, count, rows);
    CHECK_OK(slu_batch_new(schema, &array, spec, &batch, &err));
    slu_schema_unref(&schema);
    return batch;
}

#endif
