/* Writer snapshots: what is accepted is written again and read again as the same. */
#include "base/assert.h"
#include "fluss/log/writers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slu_error err;
    fluss_writers *writers = NULL;
    slu_buf once;
    slu_buf twice;
    slu_buf_init(&once, (size_t)64 << 20);
    slu_buf_init(&twice, (size_t)64 << 20);
    SLU_ASSERT(fluss_writers_new(&writers, &err) == SLU_OK);
    if (fluss_writers_decode(writers, slu_view_of(data, size), &err) == SLU_OK) {
        fluss_writers_encode(writers, &once);
        SLU_ASSERT(fluss_writers_decode(writers, slu_buf_view(&once), &err) == SLU_OK);
        fluss_writers_encode(writers, &twice);
        SLU_ASSERT(once.bytes == twice.bytes);
    }
    slu_buf_fini(&once);
    slu_buf_fini(&twice);
    fluss_writers_free(&writers);
    return 0;
}
