/* Metadata of kv snapshots: what is accepted is written again and read again as the same, and names no file outside its directory. */
#include "base/assert.h"
#include "fluss/snapshot/kv_snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slu_error err;
    fluss_kv_snapshot first;
    fluss_kv_snapshot again;
    slu_buf json;
    slu_arena arena;
    slu_buf_init(&json, (size_t)64 << 20);
    slu_arena_init(&arena, (size_t)64 << 20);
    if (fluss_kv_snapshot_decode(slu_view_of(data, size), &arena, &first, &err) == SLU_OK) {
        SLU_ASSERT(fluss_kv_snapshot_encode(&first, &json, &err) == SLU_OK);
        SLU_ASSERT(fluss_kv_snapshot_decode(slu_buf_view(&json), &arena, &again, &err) == SLU_OK);
        SLU_ASSERT(again.shared_count == first.shared_count && again.own_count == first.own_count);
        SLU_ASSERT(again.log_offset == first.log_offset && again.row_count == first.row_count);
        for (size_t i = 0; i < again.own_count; i++)
            SLU_ASSERT(strchr(again.own[i].local_name, '/') == NULL);
    }
    slu_arena_fini(&arena);
    slu_buf_fini(&json);
    return 0;
}
