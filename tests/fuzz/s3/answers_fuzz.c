/* Whatever a server may answer in XML. */
#include "s3/answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static slu_status
see(void *to, const s3_object *object, slu_error *err)
{
    size_t *sum = to;
    *sum += strlen(object->key);
    return SLU_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_error err = {0};
    s3_failure failure;
    size_t sum = 0;
    bool more = false;
    const slu_view body = slu_view_of(data, bytes);
    slu_buf_init(&text, 1 << 16);
    (void)s3_failure_decode(body, &failure);
    if (s3_listing_decode(body, see, &sum, &more, &text, &err) != SLU_OK)
        slu_buf_reset(&text);
    if (s3_upload_id_decode(body, &text, &err) != SLU_OK)
        slu_buf_reset(&text);
    return 0;
}
