/* A deletion vector from outside: the input is the vector, to which length, magic and checksum are added. */
#include "iceberg/vector.h"

#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static int64_t rows[1 << 16];
    SLU_AUTO(slu_buf_fini) slu_buf blob = {0};
    slu_error err = {0};
    if (bytes > 1 << 20)
        return 0;
    slu_buf_init(&blob, 2 << 20);
    slu_buf_u32be(&blob, (uint32_t)bytes + 4);
    slu_buf_append(&blob, "\xd1\xd3\x39\x64", 4);
    slu_buf_append(&blob, data, bytes);
    slu_buf_u32be(&blob, (uint32_t)crc32_z(0, blob.data + 4, bytes + 4));
    for (size_t count = 1; count <= 1 << 16; count *= 16)
        (void)!iceberg_vector_decode(slu_buf_view(&blob), rows, count, &err);
    return 0;
}
