/*
 * host.h: small helpers over slu_host for plugins that pass batches on.
 *
 * Owns     sdk_share_column makes an array that holds a reference to its batch until it is released, by whichever thread.
 * Threads  task, but for the release just said: it calls host->batch_unref, as the door allows.
 */
#ifndef SLUICE_SDK_HOST_H
#define SLUICE_SDK_HOST_H

#include <sluice/plugin.h>
#include <sluice/sdk/columns_build.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Column `index` of a batch, all rows of its array, without a copy. */
SLU_CHECK slu_status sdk_share_column(slu_host *host, const slu_batch *batch, int64_t index, struct ArrowArray *out,
                                      slu_error *err);
/* Column `index`, only the batch's rows (its selection applied): shared where there is no selection, else gathered. */
SLU_CHECK slu_status sdk_dense_column(slu_host *host, const slu_batch *batch, int64_t index, struct ArrowArray *out,
                                      slu_error *err);

/* Emits a new array on output 0 with the kinds and attributes of `like` (NULL: none). kinds: one per row of the array, or NULL. */
SLU_CHECK slu_status sdk_emit_array(slu_host *host, struct ArrowArray *array, const uint8_t *kinds, const slu_batch *like,
                                    slu_error *err);
/* Emits rows of an existing batch: row numbers of its array. Nothing at all when rows is 0; the batch as it is when it is all of them. */
SLU_CHECK slu_status sdk_emit_rows(slu_host *host, const slu_batch *base, const int32_t *selection, int64_t rows, slu_error *err);

#ifdef __cplusplus
}
#endif
#endif
