/* ipc_fuzz.c: an Arrow message under a schema of the kinds of columns that differ in layout. Whatever is accepted is read whole. */
#include "batch/ipc.h"

#include <sluice/columns.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile uint64_t sink;

static void
read_column(const struct ArrowSchema *field, const slu_column *column)
{
    for (int64_t i = 0; i < column->rows; i++) {
        int32_t width = 0;
        if (!slu_column_valid(column, i))
            continue;
        if (slu_type_is_varlen(column->type)) {
            const uint8_t *at = slu_column_bytes(column, i, &width);
            for (int32_t b = 0; b < width; b++)
                sink += at[b];
        } else if (column->type.id == SLU_TYPE_LIST) {
            sink += (uint64_t)(column->offsets[i + 1] - column->offsets[i]);
        } else {
            sink += (uint64_t)slu_column_int(column, i);
        }
    }
    (void)field;
}

static void
read_array(const struct ArrowSchema *schema, struct ArrowArray *array)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        const slu_column column = slu_column_child(schema, array, i);
        read_column(schema->children[i], &column);
    }
    array->release(array);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct ArrowSchema schema;
    struct ArrowArray array;
    slu_error err;
    slu_buf out;
    const int32_t column = 1;
    const slu_ipc_owner nobody = {NULL, NULL};
    if (slu_schema_init_struct(&schema) != SLU_OK)
        return 0;
    if (slu_schema_add(&schema, "l", "id", true) == SLU_OK && slu_schema_add(&schema, "u", "name", true) == SLU_OK &&
        slu_schema_add(&schema, "b", "flag", true) == SLU_OK && slu_schema_add(&schema, "+l", "list", true) == SLU_OK) {
        struct ArrowSchema *element = slu_schema_grow(schema.children[3]);
        if (element != NULL && slu_schema_init(element, "i", "element", true) == SLU_OK) {
            if (slu_ipc_decode(&schema, slu_view_of(data, bytes), nobody, NULL, &array, &err) == SLU_OK)
                read_array(&schema, &array);
            if (slu_ipc_decode_prefix(&schema, slu_view_of(data, bytes), nobody, NULL, &array, &err) == SLU_OK)
                read_array(&schema, &array);
            slu_buf_init(&out, (size_t)1 << 24);
            if (slu_ipc_project(&schema, slu_view_of(data, bytes), &column, 1, 0, &out, &err) != SLU_OK)
                sink++;
            slu_buf_fini(&out);
        }
    }
    slu_schema_release(&schema);
    return 0;
}
