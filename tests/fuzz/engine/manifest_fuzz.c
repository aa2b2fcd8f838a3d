/* The bytes of a manifest; the last four are replaced by the right checksum, so that what lies behind it is reached. */
#include "base/hash.h"
#include "checkpoint/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    slu_manifest *manifest = NULL;
    slu_error err;
    slu_buf copy;
    slu_buf_init(&copy, (size_t)1 << 24);
    if (slu_manifest_decode(slu_view_of(data, bytes), &manifest, &err) == SLU_OK)
        slu_manifest_free(&manifest);
    if (bytes >= 4) {
        slu_buf_append(&copy, data, bytes - 4);
        slu_buf_u32le(&copy, slu_crc32c(0, data, bytes - 4));
        if (slu_manifest_decode(slu_buf_view(&copy), &manifest, &err) == SLU_OK) {
            slu_buf again;
            slu_buf_init(&again, (size_t)1 << 24);
            if (slu_manifest_encode(manifest, &again, &err) != SLU_OK)
                __builtin_trap();
            slu_buf_fini(&again);
        }
        slu_manifest_free(&manifest);
    }
    slu_buf_fini(&copy);
    return 0;
}
