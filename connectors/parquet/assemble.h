/*
 * assemble.h: one batch of a reader's picks as an Arrow struct array.
 *
 * Shape    read fills the leaves from their chunks, then the lists, maps and structs above them from the levels of their guides.
 * Owns     the batch owns everything in it; its children die with it.
 * Errors   those of the chunks; CORRUPT: leaves of one list or struct that disagree about its items.
 * Threads  owner.
 */
#ifndef PARQUET_ASSEMBLE_H
#define PARQUET_ASSEMBLE_H

#include "pick.h"

/* Exactly `rows` more rows of the open row group. */
SLU_CHECK slu_status parquet_assemble(parquet_picks *picks, int64_t rows, struct ArrowArray *out, slu_error *err);

#endif
