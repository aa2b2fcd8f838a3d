/*
 * batch.h: the engine's batches: immutable, counted Arrow arrays (the struct the door shows is slu_batch, sluice/arrow.h).
 *
 * Owns     a batch owns its array, a reference to its schema, copies of selection, kinds and attributes, or a reference to the
 *          base batch it is a selection of. The last unref releases all of it, on whichever thread that happens.
 * Threads  ref, unref: any. The rest: owner.
 * Errors   NOMEM; INVALID: the array does not fit its schema.
 * Limits   SLU_BATCH_ROWS_MAX rows.
 */
#ifndef SLU_BATCH_BATCH_H
#define SLU_BATCH_BATCH_H

#include "schema.h"

#include <sluice/arrow.h>
#include <sluice/status.h>

typedef struct slu_batch_spec {
    const uint8_t *kinds;     /* copied; NULL: none */
    const int32_t *selection; /* copied; NULL: none */
    int64_t rows;             /* length of selection */
    const slu_attr *attrs;    /* copied */
    uint32_t attr_count;
} slu_batch_spec;

/* Moves *array in (its release becomes NULL, success or not). `spec` may be NULL. */
SLU_CHECK slu_status slu_batch_new(slu_schema *schema, struct ArrowArray *array, const slu_batch_spec *spec, const slu_batch **out,
                                   slu_error *err);
/* Some rows of `base` without copying them: keeps a reference to base. spec->selection NULL: the rows of base. spec->kinds,
 * spec->attrs NULL: those of base. */
SLU_CHECK slu_status slu_batch_select(const slu_batch *base, const slu_batch_spec *spec, const slu_batch **out, slu_error *err);
const slu_batch *slu_batch_ref(const slu_batch *batch);
void slu_batch_unref(const slu_batch **batch);
/* The counted schema of a batch made here; borrowed. */
slu_schema *slu_batch_schema(const slu_batch *batch);
/* What the buffers of an array weigh under a schema, children included. */
int64_t slu_array_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array);

/* A struct array of some children of another, moved in the order of `pick` (no child twice): `from` is released with the rest, success
 * or not. */
SLU_CHECK slu_status slu_array_pick(struct ArrowArray *from, const int32_t *pick, uint32_t count, struct ArrowArray *out,
                                    slu_error *err);

#endif
