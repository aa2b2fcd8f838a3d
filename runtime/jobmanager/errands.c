/*
 * errands.c: what a job wants from the place of its checkpoints, done beside the loop when that is a store, which may be slow.
 *
 *   [waiting] --errands_tick: its turn--> [begun] --its thread is over, errands_tick--> done, and gone
 *
 * Order    one after another per lane: what is read for a restart comes after the manifest that was being written. Removals have a lane of
 *          their own, so that nothing waits for them.
 * Here     a directory of this machine is asked at once, on the loop: run, then done, before errand_do returns.
 */
#include "jobmanager/internal.h"

#include "base/alloc.h"
#include "base/sizes.h"

#define LOOK_MS 10 /* how often a thread at work is looked at */

errand *
errand_new(slu_jobmanager *jm, const job *j, errand_run *run, errand_done *done)
{
    errand *e = slu_alloc_zero(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->run = run;
    e->done = done;
    e->stores = jm->spec.stores;
    e->attempt_id = j->attempt_id;
    (void)snprintf(e->job_id, sizeof e->job_id, "%s", j->id);
    (void)snprintf(e->dir, sizeof e->dir, "%s", attempt_checkpoint_dir(jm, j));
    return e;
}

static void
errand_free(errand *e)
{
    slu_buf_fini(&e->data);
    slu_manifest_free(&e->manifest);
    slu_free(e);
}

static void *
errand_thread(void *argument)
{
    errand *e = argument;
    e->run(e);
    atomic_store(&e->over, true);
    return NULL;
}

static void
errand_begin(errand *e)
{
    e->begun = true;
    e->threaded = pthread_create(&e->thread, NULL, errand_thread, e) == 0;
    if (e->threaded)
        return;
    e->status = slu_error_set(&e->error, SLU_NOMEM, "no thread to ask the store of the checkpoints");
    atomic_store(&e->over, true);
}

/* The first of each lane is under way. */
static void
errands_begin(job *j)
{
    bool taken[2] = {false, false};
    for (errand *e = j->errands; e != NULL; e = e->next) {
        if (!taken[e->background] && !e->begun)
            errand_begin(e);
        taken[e->background] = true;
    }
}

void
errand_do(slu_jobmanager *jm, job *j, errand *e)
{
    if (slu_place_is_local(e->dir) && slu_place_is_local(e->place)) {
        e->run(e);
        e->done(jm, j, e);
        errand_free(e);
        return;
    }
    errand **at = &j->errands;
    while (*at != NULL)
        at = &(*at)->next;
    *at = e;
    errands_begin(j);
}

void
errands_tick(slu_jobmanager *jm, job *j)
{
    for (errand **at = &j->errands; *at != NULL;) {
        errand *e = *at;
        if (!e->begun || !atomic_load(&e->over)) {
            at = &e->next;
            continue;
        }
        if (e->threaded)
            (void)pthread_join(e->thread, NULL);
        *at = e->next;
        e->done(jm, j, e);
        errand_free(e);
        at = &j->errands; /* done may have added to them */
    }
    errands_begin(j);
}

int64_t
errands_deadline(const slu_jobmanager *jm, const job *j)
{
    return j->errands == NULL ? INT64_MAX : jm_now(jm) + LOOK_MS;
}

void
errands_free(job *j)
{
    while (j->errands != NULL) {
        errand *e = j->errands;
        j->errands = e->next;
        if (e->begun && e->threaded)
            (void)pthread_join(e->thread, NULL);
        errand_free(e);
    }
}
