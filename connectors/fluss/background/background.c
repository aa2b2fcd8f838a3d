#include "fluss/background/background.h"

#include "base/alloc.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct job_list {
    fluss_job *first;
    fluss_job **last;
} job_list;

struct fluss_background {
    slu_loop *loop;
    pthread_t thread;
    pthread_mutex_t mutex; /* over the lists and `ending` */
    pthread_cond_t more;
    job_list waiting;
    job_list ready;
    bool ending;
};

static void
jobs_push(job_list *list, fluss_job *job)
{
    job->next = NULL;
    *list->last = job;
    list->last = &job->next;
}

static fluss_job *
jobs_take_all(job_list *list)
{
    fluss_job *first = list->first;
    list->first = NULL;
    list->last = &list->first;
    return first;
}

static fluss_job *
background_next(fluss_background *b)
{
    while (b->waiting.first == NULL && !b->ending)
        (void)pthread_cond_wait(&b->more, &b->mutex);
    if (b->ending)
        return NULL;
    fluss_job *job = b->waiting.first;
    b->waiting.first = job->next;
    if (b->waiting.first == NULL)
        b->waiting.last = &b->waiting.first;
    return job;
}

static void *
background_thread(void *context)
{
    fluss_background *b = context;
    (void)pthread_mutex_lock(&b->mutex);
    for (fluss_job *job = background_next(b); job != NULL; job = background_next(b)) {
        (void)pthread_mutex_unlock(&b->mutex);
        job->status = job->run(job, &job->error);
        (void)pthread_mutex_lock(&b->mutex);
        jobs_push(&b->ready, job);
        slu_loop_wake(b->loop);
    }
    (void)pthread_mutex_unlock(&b->mutex);
    return NULL;
}

/* Signals are for the thread that knows what they mean. */
static int
background_start(fluss_background *b)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    const int rc = pthread_create(&b->thread, NULL, background_thread, b);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

slu_status
fluss_background_open(slu_loop *loop, fluss_background **out, slu_error *err)
{
    fluss_background *b = slu_alloc_zero(1, sizeof *b);
    if (b == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a background thread");
    b->loop = loop;
    b->waiting.last = &b->waiting.first;
    b->ready.last = &b->ready.first;
    (void)pthread_mutex_init(&b->mutex, NULL);
    (void)pthread_cond_init(&b->more, NULL);
    if (background_start(b) != 0) {
        slu_free(b);
        return slu_error_set(err, SLU_IO, "no background thread can be started");
    }
    *out = b;
    return SLU_OK;
}

void
fluss_background_submit(fluss_background *b, fluss_job *job)
{
    (void)pthread_mutex_lock(&b->mutex);
    jobs_push(&b->waiting, job);
    (void)pthread_cond_signal(&b->more);
    (void)pthread_mutex_unlock(&b->mutex);
}

static void
background_finish(fluss_background *b, fluss_job *jobs, bool closing)
{
    while (jobs != NULL) {
        fluss_job *job = jobs;
        jobs = job->next;
        const slu_error why = job->error; /* done frees the job */
        job->done(job, closing ? SLU_CLOSED : job->status, &why);
    }
}

void
fluss_background_step(fluss_background *b)
{
    (void)pthread_mutex_lock(&b->mutex);
    fluss_job *jobs = jobs_take_all(&b->ready);
    (void)pthread_mutex_unlock(&b->mutex);
    background_finish(b, jobs, false);
}

void
fluss_background_close(fluss_background **background)
{
    fluss_background *b = *background;
    if (b == NULL)
        return;
    (void)pthread_mutex_lock(&b->mutex);
    b->ending = true;
    (void)pthread_cond_signal(&b->more);
    (void)pthread_mutex_unlock(&b->mutex);
    (void)pthread_join(b->thread, NULL);
    background_finish(b, jobs_take_all(&b->ready), true);
    background_finish(b, jobs_take_all(&b->waiting), true);
    (void)pthread_cond_destroy(&b->more);
    (void)pthread_mutex_destroy(&b->mutex);
    slu_free(b);
    *background = NULL;
}
