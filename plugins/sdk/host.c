#include <sluice/sdk/host.h>

typedef struct held_batch {
    slu_host *host;
    void (*unref)(slu_host *host, const slu_batch **batch);
    const slu_batch *batch;
} held_batch;

static void
held_batch_drop(void *context)
{
    held_batch *held = context;
    held->unref(held->host, &held->batch);
    free(held);
}

slu_status
sdk_share_column(slu_host *host, const slu_batch *batch, int64_t index, struct ArrowArray *out, slu_error *err)
{
    held_batch *held = malloc(sizeof *held);
    if (held == NULL)
        return slu_error_set(err, SLU_NOMEM, "share a column: no memory");
    held->host = host;
    held->unref = host->batch_unref;
    held->batch = host->batch_ref(host, batch);
    const slu_status status =
        sdk_share(batch->array->children[index], batch->array->offset, batch->array->length, held_batch_drop, held, out, err);
    if (status != SLU_OK)
        held_batch_drop(held);
    return status;
}

slu_status
sdk_dense_column(slu_host *host, const slu_batch *batch, int64_t index, struct ArrowArray *out, slu_error *err)
{
    if (batch->selection == NULL)
        return sdk_share_column(host, batch, index, out, err);
    const slu_column column = slu_batch_column(batch, index);
    return sdk_gather(batch->schema->children[index], &column, batch->selection, batch->rows, NULL, out, err);
}

slu_status
sdk_emit_array(slu_host *host, struct ArrowArray *array, const uint8_t *kinds, const slu_batch *like, slu_error *err)
{
    slu_emit emit = {.size = sizeof emit, .array = array, .kinds = kinds};
    if (like != NULL) {
        emit.attrs = like->attrs;
        emit.attr_count = like->attr_count;
    }
    return host->emit(host, &emit, err);
}

slu_status
sdk_emit_rows(slu_host *host, const slu_batch *base, const int32_t *selection, int64_t rows, slu_error *err)
{
    slu_emit emit = {.size = sizeof emit, .base = base};
    if (rows == 0)
        return SLU_OK;
    if (rows != base->rows) {
        emit.selection = selection;
        emit.rows = rows;
    }
    return host->emit(host, &emit, err);
}
