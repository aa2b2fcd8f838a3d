/*
 * fluss_model.h: a log table as Fluss keeps it: per bucket the batches in order, appended under a writer id and a sequence. It has no
 * transactions and fences nobody: a late request of a dead worker is stored, unless its sequence was stored before.
 *
 * Shape    a request travels, is done or lost, and its answer travels or is lost; who asks looks for the answer by its number, and asks
 *          again after a while. What has left a process arrives whether that lives or not.
 * Threads  one.
 */
#ifndef SIM_FLUSS_MODEL_H
#define SIM_FLUSS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLUSS_MODEL_BUCKETS 2
#define FLUSS_MODEL_ROWS 256 /* of a batch */

typedef struct fluss_row {
    int64_t id, count;
} fluss_row;

typedef struct fluss_batch {
    struct fluss_batch *next;
    uint64_t writer;
    int64_t sequence;
    int64_t base;
    uint32_t count;
    fluss_row rows[FLUSS_MODEL_ROWS];
} fluss_batch;

#define FLUSS_OK 0
#define FLUSS_OUT_OF_ORDER 1

typedef struct fluss_model fluss_model;

fluss_model *fluss_model_new(void);
void fluss_model_free(fluss_model **model);
void fluss_model_step(fluss_model *model);
int64_t fluss_model_next_ms(const fluss_model *model);
void fluss_model_set_loss(fluss_model *model, uint32_t ppm, int64_t delay_ms);

/* A number for the answer. The batch's base is not looked at. */
uint64_t fluss_model_append(fluss_model *model, uint32_t host, uint32_t bucket, const fluss_batch *batch);
/* False: not (yet) answered. */
bool fluss_model_answer(fluss_model *model, uint64_t request, uint32_t *error, int64_t *base);

/* Reads, which are answered at once. */
uint64_t fluss_model_writer_id(fluss_model *model);
int64_t fluss_model_end(const fluss_model *model, uint32_t bucket);
const fluss_batch *fluss_model_read(const fluss_model *model, uint32_t bucket, int64_t offset); /* at or after it; NULL */

#endif
