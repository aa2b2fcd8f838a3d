#include "work.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct job_list {
    tiering_job *first;
    tiering_job **last;
} job_list;

struct tiering_work {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t thread;
    job_list queued;
    job_list done;
    size_t count; /* submitted and not taken */
    atomic_bool stopping;
    bool joined;
    void (*wake)(void *context);
    void *context;
};

static void
list_push(job_list *list, tiering_job *job)
{
    job->next = NULL;
    *list->last = job;
    list->last = &job->next;
}

static tiering_job *
list_pop(job_list *list)
{
    tiering_job *job = list->first;
    if (job == NULL)
        return NULL;
    list->first = job->next;
    if (list->first == NULL)
        list->last = &list->first;
    return job;
}

static void *
work_main(void *argument)
{
    tiering_work *work = argument;
    (void)pthread_mutex_lock(&work->lock);
    while (!atomic_load(&work->stopping)) {
        tiering_job *job = list_pop(&work->queued);
        if (job == NULL) {
            (void)pthread_cond_wait(&work->more, &work->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&work->lock);
        job->run(job);
        (void)pthread_mutex_lock(&work->lock);
        list_push(&work->done, job);
        (void)pthread_mutex_unlock(&work->lock);
        work->wake(work->context); /* not under the lock */
        (void)pthread_mutex_lock(&work->lock);
    }
    (void)pthread_mutex_unlock(&work->lock);
    return NULL;
}

slu_status
tiering_work_open(void (*wake)(void *context), void *context, tiering_work **out, slu_error *err)
{
    tiering_work *work = slu_alloc_zero(1, sizeof *work);
    if (work == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a worker thread");
    work->wake = wake;
    work->context = context;
    work->queued.last = &work->queued.first;
    work->done.last = &work->done.first;
    (void)pthread_mutex_init(&work->lock, NULL);
    (void)pthread_cond_init(&work->more, NULL);
    const int number = pthread_create(&work->thread, NULL, work_main, work);
    if (number != 0) {
        (void)pthread_cond_destroy(&work->more);
        (void)pthread_mutex_destroy(&work->lock);
        slu_free(work);
        return slu_error_set(err, SLU_IO, "a worker thread cannot start: %s", strerror(number));
    }
    *out = work;
    return SLU_OK;
}

void
tiering_work_stop(tiering_work *work)
{
    if (work->joined)
        return;
    (void)pthread_mutex_lock(&work->lock);
    atomic_store(&work->stopping, true);
    (void)pthread_cond_signal(&work->more);
    (void)pthread_mutex_unlock(&work->lock);
    (void)pthread_join(work->thread, NULL);
    work->joined = true;
}

void
tiering_work_close(tiering_work **work)
{
    if (*work == NULL)
        return;
    tiering_work_stop(*work);
    (void)pthread_cond_destroy(&(*work)->more);
    (void)pthread_mutex_destroy(&(*work)->lock);
    slu_free(*work);
    *work = NULL;
}

slu_status
tiering_work_submit(tiering_work *work, tiering_job *job, slu_error *err)
{
    (void)err;
    (void)pthread_mutex_lock(&work->lock);
    const bool full = work->count >= TIERING_WORK_MAX || atomic_load(&work->stopping);
    if (!full) {
        work->count++;
        list_push(&work->queued, job);
        (void)pthread_cond_signal(&work->more);
    }
    (void)pthread_mutex_unlock(&work->lock);
    return full ? SLU_AGAIN : SLU_OK;
}

tiering_job *
tiering_work_take(tiering_work *work, bool *ran)
{
    (void)pthread_mutex_lock(&work->lock);
    tiering_job *job = list_pop(&work->done);
    *ran = job != NULL;
    if (job == NULL && work->joined)
        job = list_pop(&work->queued);
    if (job != NULL)
        work->count--;
    (void)pthread_mutex_unlock(&work->lock);
    return job;
}

bool
tiering_work_stopping(const tiering_work *work)
{
    return atomic_load(&work->stopping);
}
