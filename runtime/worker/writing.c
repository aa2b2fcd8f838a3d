#include "writing.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "checkpoint/manifest.h"

#include <pthread.h>

typedef struct waiting {
    struct waiting *next;
    slu_snapshot_writer *writer;
    slu_worker_event event;
} waiting;

struct slu_writing {
    slu_writing_spec spec;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t some;
    waiting *first, **last;
    uint32_t count;
    bool over;
};

/* ---- A file */

/* Survives power loss before it is acknowledged. */
static slu_status
write_file(const slu_worker_spec *worker, slu_view bytes, slu_worker_event *event, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    slu_buf_init(&path, SLU_PATH_BYTES_MAX);
    event->path[0] = 0;
    if (worker->checkpoint_dir == NULL || worker->checkpoint_dir[0] == 0)
        return SLU_OK;
    slu_checkpoint_path(&path, worker->checkpoint_dir, worker->job_id, event->checkpoint);
    SLU_TRY(slu_buf_status(&path, err));
    SLU_TRY(slu_place_make_dir(worker->stores, slu_buf_cstr(&path), err));
    (void)snprintf(event->path, sizeof event->path, "task-%u-%u.state", event->task, worker->attempt);
    slu_buf_printf(&path, "/%s", event->path);
    SLU_TRY(slu_buf_status(&path, err));
    return slu_place_write(worker->stores, slu_buf_cstr(&path), bytes, err);
}

static slu_status
write_snapshot(const slu_worker_spec *worker, slu_snapshot_writer *writer, slu_worker_event *event, slu_error *err)
{
    slu_view bytes;
    SLU_TRY(slu_snapshot_writer_late(writer, err));
    SLU_TRY(slu_snapshot_writer_finish(writer, &bytes, err));
    SLU_TRY(write_file(worker, bytes, event, err));
    event->ack.bytes = (int64_t)bytes.bytes;
    event->ack.crc32c = slu_crc32c(0, bytes.data, bytes.bytes);
    return SLU_OK;
}

void
slu_writing_write(const slu_worker_spec *worker, slu_snapshot_writer *writer, slu_worker_event *event)
{
    slu_error err = {0};
    event->kind = SLU_WORKER_ACK;
    if (write_snapshot(worker, writer, event, &err) == SLU_OK)
        return;
    event->kind = SLU_WORKER_DECLINED;
    event->error = err;
}

/* ---- The thread */

static waiting *
next_of(slu_writing *writing)
{
    (void)pthread_mutex_lock(&writing->lock);
    while (writing->first == NULL && !writing->over)
        (void)pthread_cond_wait(&writing->some, &writing->lock);
    waiting *next = writing->over ? NULL : writing->first;
    if (next != NULL) {
        writing->first = next->next;
        writing->count--;
        if (writing->first == NULL)
            writing->last = &writing->first;
    }
    (void)pthread_mutex_unlock(&writing->lock);
    return next;
}

static void
waiting_free(waiting *w)
{
    slu_snapshot_writer_free(&w->writer);
    slu_free(w);
}

static void *
writing_thread(void *argument)
{
    slu_writing *writing = argument;
    (void)pthread_setname_np(pthread_self(), "snapshots");
    for (waiting *w = NULL; (w = next_of(writing)) != NULL; waiting_free(w)) {
        slu_writing_write(writing->spec.worker, w->writer, &w->event);
        writing->spec.event(writing->spec.owner, &w->event);
    }
    return NULL;
}

bool
slu_writing_add(slu_writing *writing, slu_snapshot_writer **writer, const slu_worker_event *event)
{
    waiting *w = slu_alloc_zero(1, sizeof *w);
    if (w == NULL)
        return false;
    (void)pthread_mutex_lock(&writing->lock);
    const bool room = writing->count < writing->spec.waiting_max;
    if (room) {
        w->event = *event;
        w->writer = *writer;
        *writer = NULL;
        *writing->last = w;
        writing->last = &w->next;
        writing->count++;
        (void)pthread_cond_signal(&writing->some);
    }
    (void)pthread_mutex_unlock(&writing->lock);
    if (!room)
        slu_free(w);
    return room;
}

slu_status
slu_writing_new(const slu_writing_spec *spec, slu_writing **out, slu_error *err)
{
    slu_writing *writing = slu_alloc_zero(1, sizeof *writing);
    if (writing == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to write snapshots");
    writing->spec = *spec;
    writing->last = &writing->first;
    (void)pthread_mutex_init(&writing->lock, NULL);
    (void)pthread_cond_init(&writing->some, NULL);
    const int failed = pthread_create(&writing->thread, NULL, writing_thread, writing);
    if (failed != 0) {
        slu_free(writing);
        return slu_error_set(err, SLU_IO, "pthread_create: error %d", failed);
    }
    *out = writing;
    return SLU_OK;
}

void
slu_writing_free(slu_writing **owned)
{
    slu_writing *writing = *owned;
    *owned = NULL;
    if (writing == NULL)
        return;
    (void)pthread_mutex_lock(&writing->lock);
    writing->over = true;
    (void)pthread_cond_signal(&writing->some);
    (void)pthread_mutex_unlock(&writing->lock);
    (void)pthread_join(writing->thread, NULL);
    while (writing->first != NULL) {
        waiting *w = writing->first;
        writing->first = w->next;
        waiting_free(w);
    }
    (void)pthread_cond_destroy(&writing->some);
    (void)pthread_mutex_destroy(&writing->lock);
    slu_free(writing);
}
