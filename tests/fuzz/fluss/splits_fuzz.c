/* Splits of a Fluss source: what is accepted is given back as the same bytes. */
#include "../../../connectors/fluss/source_splits.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct kept {
    slu_split_list list; /* first: add gets its address */
    slu_buf bytes;
} kept;

static slu_status
keep(slu_split_list *list, const slu_split *split, slu_error *err)
{
    kept *of = (kept *)(void *)list;
    slu_buf_reset(&of->bytes);
    slu_buf_append(&of->bytes, split->data, split->data_bytes);
    return slu_buf_status(&of->bytes, err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slu_error err;
    source_splits splits = {0};
    kept list = {.list = {.size = sizeof list.list, .add = keep}};
    bucket_split *split = NULL;
    const slu_split given = {.size = sizeof given, .data_bytes = (uint32_t)size, .id = "x", .data = data};
    slu_buf_init(&list.bytes, (size_t)1 << 24);
    if (source_splits_take(&splits, &given, &split, &err) == SLU_OK && split != NULL) {
        bucket_split *again = NULL;
        SLU_ASSERT(split->bucket >= 0);
        SLU_ASSERT(bucket_split_add(&list.list, split, &err) == SLU_OK);
        const slu_split back = {.size = sizeof back, .data_bytes = (uint32_t)list.bytes.bytes, .id = "y", .data = list.bytes.data};
        SLU_ASSERT(source_splits_take(&splits, &back, &again, &err) == SLU_OK && again == split && splits.count == 1);
    } else {
        SLU_ASSERT(source_shards_list(&splits, &list.list, &err) == SLU_OK);
    }
    source_splits_fini(&splits);
    slu_buf_fini(&list.bytes);
    return 0;
}
