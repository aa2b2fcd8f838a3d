/*
 * services.h: the slu_host that one running plugin instance sees: everything the door lends, and where its calls go.
 *
 * Shape    one slu_services per instance. What it needs from its runner (where emitted batches go, where restored state comes from) is
 *          a few functions in the spec; the rest it does itself: log, accounted memory, clocks, state, timers, watches, one deadline,
 *          wake, lookups opened through it (each with services of its own), metrics.
 * Owns     states, timers, lookups and metrics of the instance, released by free (after the instance's close).
 * Threads  owner (the task), except host.log, host.wake and slu_services_metrics: any.
 * Planning with `deliver` NULL it is the host of a plan call: emit, state, timers and watches answer UNSUPPORTED.
 */
#ifndef SLU_HOST_SERVICES_H
#define SLU_HOST_SERVICES_H

#include "options.h"
#include "registry.h"
#include "watch.h"

#include "base/account.h"
#include "base/env.h"
#include "batch/batch.h"
#include "state/keyed.h"
#include "state/timers.h"

#include <pthread.h>

typedef struct slu_services slu_services;

typedef struct slu_services_spec {
    const slu_env *env;
    slu_registry *registry;         /* of lookups; NULL: none can be opened */
    pthread_mutex_t *registry_lock; /* NULL where nobody else uses the registry meanwhile */
    slu_params params;              /* for their options */
    slu_account *account;           /* NULL: none */
    slu_state_backend *backend;     /* keeps its states; NULL: the heap */
    const char *job_id;
    const char *job_name;
    const char *operator_id;
    uint32_t subtask;
    uint32_t parallelism;
    uint32_t max_parallelism;
    uint32_t attempt;
    slu_schema *const *outputs; /* [output_count], borrowed; NULL entries: dynamic */
    uint32_t output_count;
    slu_watches *watches;
    /* The runner. */
    void *owner;
    slu_status (*deliver)(void *owner, uint32_t output, const slu_batch **batch, slu_error *err); /* takes the batch */
    slu_status (*watermark)(void *owner, int64_t event_ms, slu_error *err);
    slu_status (*restore_state)(void *owner, slu_state *state, slu_error *err); /* fills a state just opened; NULL: fresh */
    slu_status (*restore_timers)(void *owner, slu_timers *timers, slu_error *err);
    void *wake_owner;
    void (*wake)(void *wake_owner); /* any thread: makes the task look */
    /* The instance's ready function and self; NULL: none. */
    void *instance;
    slu_status (*ready)(void *instance, uint64_t cookie, uint32_t events, slu_error *err);
} slu_services_spec;

SLU_CHECK slu_status slu_services_new(const slu_services_spec *spec, slu_services **out, slu_error *err);
void slu_services_free(slu_services **services);
slu_host *slu_services_host(slu_services *services);
/* Set once the instance exists. */
void slu_services_bind(slu_services *services, void *instance,
                       slu_status (*ready)(void *instance, uint64_t cookie, uint32_t events, slu_error *err));

/* Runs what is due: wake, deadline, finished lookups. *did: the plugin was called. */
SLU_CHECK slu_status slu_services_step(slu_services *services, int64_t now_ms, bool *did, slu_error *err);
/* When step has something to do (now_ms clock): 0 for at once, INT64_MAX for never by itself. */
int64_t slu_services_deadline(const slu_services *services);

uint32_t slu_services_state_count(const slu_services *services);
slu_state *slu_services_state(const slu_services *services, uint32_t index);
slu_timers *slu_services_timers(slu_services *services); /* NULL: none was ever set */
/* Makes the timers (a restore that holds some). */
SLU_CHECK slu_status slu_services_need_timers(slu_services *services, slu_error *err);

void slu_services_metrics(const slu_services *services, void (*each)(void *to, const char *name, uint32_t kind, int64_t value),
                          void *to);

#endif
