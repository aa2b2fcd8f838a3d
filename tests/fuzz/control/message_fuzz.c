/* Control messages: what decodes must encode, and decode again to the same bytes. */
#include "control/message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    slu_arena arena;
    slu_message first;
    slu_message second;
    slu_buf once;
    slu_buf twice;
    slu_arena_init(&arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_buf_init(&once, (size_t)SLU_CONTROL_BYTES_MAX * 2);
    slu_buf_init(&twice, (size_t)SLU_CONTROL_BYTES_MAX * 2);
    if (slu_message_decode(slu_view_of(data, bytes), SLU_CONTROL_VERSION_MAX, &arena, &first, NULL) == SLU_OK) {
        slu_message_encode(&first, SLU_CONTROL_VERSION_MAX, &once);
        if (slu_message_decode(slu_buf_view(&once), SLU_CONTROL_VERSION_MAX, &arena, &second, NULL) == SLU_OK) {
            slu_message_encode(&second, SLU_CONTROL_VERSION_MAX, &twice);
            if (!slu_view_equal(slu_buf_view(&once), slu_buf_view(&twice)))
                abort();
        }
    }
    slu_buf_fini(&once);
    slu_buf_fini(&twice);
    slu_arena_fini(&arena);
    return 0;
}
