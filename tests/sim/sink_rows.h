/* sink_rows.h: rows out of batches, for both sinks. */
#ifndef SIM_SINK_ROWS_H
#define SIM_SINK_ROWS_H

#include "sink.h"

fluss_row sink_row(const slu_batch *batch, int64_t i);
void sink_rows_add(fluss_row **rows, size_t *count, size_t *room, fluss_row row);

#endif
