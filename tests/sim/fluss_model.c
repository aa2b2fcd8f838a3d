/* fluss_model.c: see fluss_model.h. */
#include "fluss_model.h"

#include "network.h"
#include "stage.h"

#include "base/alloc.h"

typedef struct request {
    struct request *next;
    uint64_t number;
    int64_t at_ms; /* arrival there; once done: of the answer */
    uint32_t host, bucket;
    bool done;
    uint32_t error;
    int64_t base;
    fluss_batch batch;
} request;

typedef struct bucket {
    fluss_batch *first, *last;
    int64_t end;
} bucket;

struct fluss_model {
    bucket buckets[FLUSS_MODEL_BUCKETS];
    request *requests;
    uint64_t numbers;
    uint64_t writers;
    uint32_t loss_ppm;
    int64_t delay_ms;
};

fluss_model *
fluss_model_new(void)
{
    fluss_model *model = slu_alloc_zero(1, sizeof *model);
    model->delay_ms = 3;
    return model;
}

void
fluss_model_free(fluss_model **owned)
{
    fluss_model *model = *owned;
    *owned = NULL;
    if (model == NULL)
        return;
    while (model->requests != NULL) {
        request *next = model->requests->next;
        slu_free(model->requests);
        model->requests = next;
    }
    for (uint32_t b = 0; b < FLUSS_MODEL_BUCKETS; b++)
        for (fluss_batch *at = model->buckets[b].first, *next; at != NULL; at = next) {
            next = at->next;
            slu_free(at);
        }
    slu_free(model);
}

void
fluss_model_set_loss(fluss_model *model, uint32_t ppm, int64_t delay_ms)
{
    model->loss_ppm = ppm;
    model->delay_ms = delay_ms;
}

uint64_t
fluss_model_append(fluss_model *model, uint32_t host, uint32_t to, const fluss_batch *batch)
{
    const uint64_t number = ++model->numbers;
    if (!sim_effect(SIM_EFFECT_FLUSS, (uint64_t)batch->sequence) || sim_network_is_split(sim_on->network, host, SIM_HOST_TABLES) ||
        sim_chance(model->loss_ppm))
        return number;
    request *made = slu_alloc_zero(1, sizeof *made);
    *made = (request){.next = model->requests,
                      .number = number,
                      .at_ms = sim_on->now_ms + sim_between(0, model->delay_ms),
                      .host = host,
                      .bucket = to,
                      .batch = *batch};
    model->requests = made;
    return number;
}

/* A sequence that was stored is answered as it was then; the next one is stored. A writer nobody knows may begin anywhere. */
static void
append(bucket *to, request *r)
{
    const fluss_batch *newest = NULL;
    for (const fluss_batch *at = to->first; at != NULL; at = at->next) {
        if (at->writer != r->batch.writer)
            continue;
        newest = at;
        if (at->sequence == r->batch.sequence) {
            r->base = at->base;
            return;
        }
    }
    if (newest != NULL && r->batch.sequence != newest->sequence + 1) {
        r->error = FLUSS_OUT_OF_ORDER;
        return;
    }
    fluss_batch *stored = slu_alloc_zero(1, sizeof *stored);
    *stored = r->batch;
    stored->next = NULL;
    stored->base = r->base = to->end;
    to->end += stored->count;
    if (to->last != NULL)
        to->last->next = stored;
    else
        to->first = stored;
    to->last = stored;
}

/* The one that arrived first. */
static request *
due(fluss_model *model)
{
    request *first = NULL;
    for (request *r = model->requests; r != NULL; r = r->next)
        if (!r->done && r->at_ms <= sim_on->now_ms && (first == NULL || r->at_ms <= first->at_ms))
            first = r;
    return first;
}

void
fluss_model_step(fluss_model *model)
{
    for (request *r = due(model); r != NULL; r = due(model)) {
        append(&model->buckets[r->bucket], r);
        r->done = true;
        r->at_ms = sim_chance(model->loss_ppm) || sim_network_is_split(sim_on->network, r->host, SIM_HOST_TABLES)
                       ? INT64_MAX /* its answer is lost */
                       : sim_on->now_ms + sim_between(0, model->delay_ms);
    }
    for (request **at = &model->requests; *at != NULL;) {
        request *r = *at;
        if (!r->done || (r->at_ms != INT64_MAX && r->at_ms + 10000 > sim_on->now_ms)) {
            at = &r->next;
            continue;
        }
        *at = r->next; /* nobody waits as long */
        slu_free(r);
    }
}

int64_t
fluss_model_next_ms(const fluss_model *model)
{
    int64_t next = INT64_MAX;
    for (const request *r = model->requests; r != NULL; r = r->next)
        if (r->at_ms > sim_on->now_ms && r->at_ms < next)
            next = r->at_ms;
    return next;
}

bool
fluss_model_answer(fluss_model *model, uint64_t number, uint32_t *error, int64_t *base)
{
    for (const request *r = model->requests; r != NULL; r = r->next) {
        if (r->number != number || !r->done || r->at_ms > sim_on->now_ms)
            continue;
        *error = r->error;
        *base = r->base;
        return true;
    }
    return false;
}

uint64_t
fluss_model_writer_id(fluss_model *model)
{
    return ++model->writers;
}

int64_t
fluss_model_end(const fluss_model *model, uint32_t of)
{
    return model->buckets[of].end;
}

const fluss_batch *
fluss_model_read(const fluss_model *model, uint32_t of, int64_t offset)
{
    const fluss_batch *at = model->buckets[of].first;
    while (at != NULL && at->base + at->count <= offset)
        at = at->next;
    return at;
}
