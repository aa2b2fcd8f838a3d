/* An Avro container from outside: header, blocks, schema and values. */
#include "avro/ocf.h"
#include "avro/shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    SLU_AUTO(ocf_reader_fini) ocf_reader reader = {0};
    SLU_AUTO(ocf_shape_free) ocf_shape *shape = NULL;
    slu_error err = {0};
    uint64_t count = 0;
    slu_view values = {0};
    if (ocf_reader_init(&reader, slu_view_of(data, bytes), &err) != SLU_OK)
        return 0;
    if (ocf_shape_new(reader.schema, &shape, &err) != SLU_OK)
        return 0;
    while (ocf_reader_next(&reader, &count, &values, &err) == SLU_OK) {
        slu_cursor cursor = slu_cursor_of_view(values);
        while (slu_cursor_left(&cursor) > 0 && count-- > 0)
            if (ocf_shape_decode(shape, &cursor, &err) != SLU_OK)
                return 0;
    }
    return 0;
}
