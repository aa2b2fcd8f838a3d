/* What a writer sends to a committer. */
#include "tiering/round.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    tiering_piece piece;
    slu_view payload;
    volatile uint8_t last = 0; /* the payload is really there */
    if (tiering_result_decode(slu_view_of(data, bytes), &piece, &payload, NULL) == SLU_OK && payload.bytes != 0)
        last = payload.data[payload.bytes - 1];
    (void)last;
    return 0;
}
