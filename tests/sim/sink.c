/* sink.c: what the two sinks share: rows out of batches. */
#include "sink_rows.h"

#include <stdlib.h>

int64_t sim_sinks_open;

fluss_row
sink_row(const slu_batch *batch, int64_t i)
{
    const int64_t row = slu_batch_row(batch, i);
    return (fluss_row){((const int64_t *)batch->array->children[0]->buffers[1])[row],
                       ((const int64_t *)batch->array->children[2]->buffers[1])[row]};
}

void
sink_rows_add(fluss_row **rows, size_t *count, size_t *room, fluss_row row)
{
    if (*count == *room) {
        *room = *room == 0 ? 64 : *room * 2;
        *rows = realloc(*rows, *room * sizeof **rows);
    }
    (*rows)[(*count)++] = row;
}
