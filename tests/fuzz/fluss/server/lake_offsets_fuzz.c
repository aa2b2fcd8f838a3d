/* Files of lake offsets: what is accepted is written again and read again as the same. */
#include "base/assert.h"
#include "fluss/server/lake/offsets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slu_error err;
    fluss_lake_offsets offsets = {0};
    fluss_lake_offsets again = {0};
    slu_buf json;
    slu_buf_init(&json, (size_t)64 << 20);
    if (fluss_lake_offsets_decode(slu_view_of(data, size), &offsets, &err) == SLU_OK && offsets.count < 1000) {
        fluss_lake_offsets_encode(&offsets, &json);
        if (slu_buf_status(&json, &err) == SLU_OK && fluss_lake_offsets_decode(slu_buf_view(&json), &again, &err) == SLU_OK)
            SLU_ASSERT(again.table_id == offsets.table_id && again.count <= offsets.count);
    }
    fluss_lake_offsets_fini(&again);
    fluss_lake_offsets_fini(&offsets);
    slu_buf_fini(&json);
    return 0;
}
