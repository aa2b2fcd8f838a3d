/*
 * lake_model.h: a lake table: data files that are there or not, and commits, each atomic and each of one file.
 *
 * Fence    one whose file is in the table already changes nothing and is a success: who asks after a lost answer, or again after a
 *          restart, finds out. A commit of a file that is not there, or for a checkpoint below the newest of its subtask, is refused.
 * Shape    done at once, and the answer may be lost (SLU_IO) whether it was done or not.
 * Threads  one.
 */
#ifndef SIM_LAKE_MODEL_H
#define SIM_LAKE_MODEL_H

#include "fluss_model.h"

#include <sluice/status.h>

typedef struct lake_model lake_model;

lake_model *lake_model_new(void);
void lake_model_free(lake_model **model);
void lake_model_set_faults(lake_model *model, uint32_t ppm);

/* Writes a data file that nobody sees; its number. IO: not written. */
slu_status lake_model_write(lake_model *model, uint32_t host, const fluss_row *rows, size_t count, uint64_t *out_file,
                            slu_error *err);
/* The file becomes visible. IO: perhaps. */
slu_status lake_model_commit(lake_model *model, uint32_t host, uint32_t subtask, int64_t checkpoint, uint64_t file, slu_error *err);

/* Each visible row. */
void lake_model_rows(const lake_model *model, void (*each)(void *context, const fluss_row *row), void *context);

#endif
