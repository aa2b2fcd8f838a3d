/* Security tokens: what is accepted is written again and read again as the same. */
#include "base/assert.h"
#include "fluss/remote/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slu_error err;
    fluss_token token;
    fluss_token again;
    slu_buf json;
    slu_buf_init(&json, FLUSS_TOKEN_BYTES_MAX * 2);
    if (fluss_token_decode(slu_view_of(data, size), &token, &err) == SLU_OK) {
        fluss_token_encode(&token, &json);
        SLU_ASSERT(slu_buf_status(&json, &err) == SLU_OK);
        if (json.bytes != 0) {
            SLU_ASSERT(fluss_token_decode(slu_buf_view(&json), &again, &err) == SLU_OK);
            SLU_ASSERT(strcmp(again.access_key, token.access_key) == 0 && strcmp(again.session_token, token.session_token) == 0);
        }
    }
    slu_buf_fini(&json);
    return 0;
}
