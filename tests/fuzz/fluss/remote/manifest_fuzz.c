/* Manifests of remote logs: what is accepted is written again and read again as the same. */
#include "base/assert.h"
#include "fluss/remote/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slu_error err;
    fluss_manifest manifest = {0};
    fluss_manifest again = {0};
    slu_buf json;
    slu_buf_init(&json, (size_t)64 << 20);
    if (fluss_manifest_decode(slu_view_of(data, size), &manifest, &err) == SLU_OK) {
        const fluss_remote_place place = {"d", "t", manifest.table_id, "p", manifest.partition_id, manifest.bucket};
        fluss_manifest_encode(&manifest, &place, &json);
        SLU_ASSERT(slu_buf_status(&json, &err) == SLU_OK);
        SLU_ASSERT(fluss_manifest_decode(slu_buf_view(&json), &again, &err) == SLU_OK);
        SLU_ASSERT(again.count == manifest.count && again.table_id == manifest.table_id);
        SLU_ASSERT(again.copied_end_offset == manifest.copied_end_offset);
        if (manifest.count != 0)
            SLU_ASSERT(fluss_manifest_find(&manifest, manifest.segments[manifest.count - 1].start_offset) == manifest.count - 1);
    }
    fluss_manifest_fini(&again);
    fluss_manifest_fini(&manifest);
    slu_buf_fini(&json);
    return 0;
}
