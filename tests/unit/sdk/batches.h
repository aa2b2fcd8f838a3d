/* batches.h: a batch from text, for tests of what reads batches. */
#ifndef TESTS_SDK_BATCHES_H
#define TESTS_SDK_BATCHES_H

#include "support/check.h"

#include <sluice/sdk/rows.h>
#include <sluice/sdk/types.h>

typedef struct test_batch {
    struct ArrowSchema schema;
    struct ArrowArray array;
    slu_batch shown;
} test_batch;

static inline void
test_batch_init(test_batch *batch, const char *columns, const char *rows)
{
    slu_error err = {0};
    memset(batch, 0, sizeof *batch);
    CHECK_OK(sdk_schema_from_columns(columns, &batch->schema, &err));
    CHECK_OK(sdk_rows_parse(&batch->schema, rows, &batch->array, &err));
    batch->shown.size = sizeof batch->shown;
    batch->shown.schema = &batch->schema;
    batch->shown.array = &batch->array;
    batch->shown.rows = batch->array.length;
}

static inline void
test_batch_fini(test_batch *batch)
{
    slu_array_release(&batch->array);
    slu_schema_release(&batch->schema);
}

#endif
