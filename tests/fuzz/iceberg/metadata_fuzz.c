/* Table metadata from outside; what parses is printed, and parses again. */
#include "iceberg/metadata.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    SLU_AUTO(iceberg_metadata_free) iceberg_metadata *metadata = NULL;
    SLU_AUTO(iceberg_metadata_free) iceberg_metadata *again = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_error err = {0};
    slu_buf_init(&text, ICEBERG_METADATA_BYTES_MAX);
    if (iceberg_metadata_parse(slu_view_of(data, bytes), &metadata, &err) != SLU_OK)
        return 0;
    (void)iceberg_metadata_find(metadata, "commit-user", "x");
    if (iceberg_metadata_print(metadata, &text, &err) != SLU_OK ||
        iceberg_metadata_parse(slu_buf_view(&text), &again, &err) != SLU_OK)
        abort();
    return 0;
}
