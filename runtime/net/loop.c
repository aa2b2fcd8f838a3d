#include "net/loop.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/net_internal.h"

#include <signal.h>

#include <netdb.h>

struct slu_timer {
    net_item item;
    uv_timer_t uv;
    slu_loop *loop;
    void (*on_time)(void *context);
    void *context;
};

slu_status
net_error(slu_error *err, int uv_status, const char *what, const char *where)
{
    const slu_status status = uv_status == UV_ENOMEM ? SLU_NOMEM : uv_status == UV_EOF ? SLU_CLOSED : SLU_IO;
    (void)slu_error_set(err, status, "%s %s: %s", what, where, uv_strerror(uv_status));
    if (err != NULL) {
        err->code = -uv_status;
        err->retriable = 1;
    }
    return status;
}

static void
loop_woken(uv_async_t *handle)
{
    slu_loop *loop = (slu_loop *)((char *)handle - offsetof(slu_loop, wake));
    if (__atomic_load_n(&loop->stopping, __ATOMIC_ACQUIRE) != 0)
        uv_stop(&loop->uv);
    if (loop->on_wake != NULL)
        loop->on_wake(loop->wake_context);
}

/* libuv writes with write(): a peer that is gone must be an error of its connection, not a signal that ends the process. A handler
 * that the program chose stays. */
static void
pipe_signal_ignore(void)
{
    struct sigaction chosen;
    if (sigaction(SIGPIPE, NULL, &chosen) == 0 && chosen.sa_handler == SIG_DFL)
        (void)signal(SIGPIPE, SIG_IGN);
}

slu_status
slu_loop_open(const slu_env *env, slu_loop **out, slu_error *err)
{
    slu_loop *loop = slu_alloc_zero(1, sizeof *loop);
    if (loop == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an event loop");
    loop->env = env;
    pipe_signal_ignore();
    int rc = uv_loop_init(&loop->uv);
    if (rc != 0) {
        slu_free(loop);
        return net_error(err, rc, "open", "event loop");
    }
    rc = uv_async_init(&loop->uv, &loop->wake, loop_woken);
    SLU_ASSERT(uv_timer_init(&loop->uv, &loop->limit) == 0);
    if (rc != 0) {
        slu_loop_close(&loop);
        return net_error(err, rc, "open", "event loop");
    }
    *out = loop;
    return SLU_OK;
}

static void
loop_end_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (uv_is_closing(handle))
        return;
    net_item *item = handle->data;
    if (item != NULL)
        item->end(item);
    else
        uv_close(handle, NULL);
}

void
slu_loop_close(slu_loop **loop)
{
    if (*loop == NULL)
        return;
    (*loop)->turns = NULL;
    uv_walk(&(*loop)->uv, loop_end_handle, NULL);
    while (uv_run(&(*loop)->uv, UV_RUN_DEFAULT) != 0)
        uv_walk(&(*loop)->uv, loop_end_handle, NULL);
    SLU_ASSERT(uv_loop_close(&(*loop)->uv) == 0);
    slu_free(*loop);
    *loop = NULL;
}

const slu_env *
slu_loop_env(const slu_loop *loop)
{
    return loop->env;
}

void
slu_loop_run(slu_loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_NOWAIT); /* a wake that came before the stop is delivered, also when both came before the run */
    while (__atomic_load_n(&loop->stopping, __ATOMIC_ACQUIRE) == 0)
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    __atomic_store_n(&loop->stopping, 0, __ATOMIC_RELEASE);
}

void
slu_loop_stop(slu_loop *loop)
{
    __atomic_store_n(&loop->stopping, 1, __ATOMIC_RELEASE);
    (void)uv_async_send(&loop->wake);
}

static void
loop_limit_reached(uv_timer_t *handle)
{
    (void)handle;
}

void
slu_loop_step(slu_loop *loop, int timeout_ms)
{
    loop->touched = false;
    if (timeout_ms == 0) {
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
        return;
    }
    uv_update_time(&loop->uv);
    /* Again and again: a round of libuv runs the timers that are due before it waits, and the limit may be one of them by then (this
     * thread may have stood still since). Without another one the wait would have no end. */
    if (timeout_ms > 0)
        SLU_ASSERT(uv_timer_start(&loop->limit, loop_limit_reached, (uint64_t)timeout_ms, (uint64_t)timeout_ms) == 0);
    (void)uv_run(&loop->uv, UV_RUN_ONCE);
    (void)uv_timer_stop(&loop->limit);
}

int
slu_loop_fd(const slu_loop *loop)
{
    return uv_backend_fd(&loop->uv);
}

int
slu_loop_timeout_ms(slu_loop *loop)
{
    if (loop->touched)
        return 0;
    uv_update_time(&loop->uv);
    return uv_backend_timeout(&loop->uv);
}

void
slu_loop_on_wake(slu_loop *loop, void (*on_wake)(void *context), void *context)
{
    loop->on_wake = on_wake;
    loop->wake_context = context;
}

void
slu_loop_wake(slu_loop *loop)
{
    (void)uv_async_send(&loop->wake);
}

static void
timer_ended(uv_handle_t *handle)
{
    slu_free((char *)handle - offsetof(slu_timer, uv));
}

static void
timer_end(net_item *item)
{
    slu_timer *timer = (slu_timer *)item;
    if (!uv_is_closing((uv_handle_t *)&timer->uv)) /* the end of the loop may have come to it before its owner did */
        uv_close((uv_handle_t *)&timer->uv, timer_ended);
}

slu_status
slu_timer_open(slu_loop *loop, void (*on_time)(void *context), void *context, slu_timer **out, slu_error *err)
{
    slu_timer *timer = slu_alloc_zero(1, sizeof *timer);
    if (timer == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a timer");
    timer->item.end = timer_end;
    timer->loop = loop;
    timer->on_time = on_time;
    timer->context = context;
    SLU_ASSERT(uv_timer_init(&loop->uv, &timer->uv) == 0);
    timer->uv.data = &timer->item;
    *out = timer;
    return SLU_OK;
}

void
slu_timer_close(slu_timer **timer)
{
    if (*timer != NULL)
        timer_end(&(*timer)->item);
    *timer = NULL;
}

static void
timer_fired(uv_timer_t *handle)
{
    slu_timer *timer = (slu_timer *)((char *)handle - offsetof(slu_timer, uv));
    timer->on_time(timer->context);
}

void
slu_timer_set(slu_timer *timer, int64_t after_ms)
{
    uv_update_time(&timer->loop->uv);
    SLU_ASSERT(uv_timer_start(&timer->uv, timer_fired, after_ms < 0 ? 0 : (uint64_t)after_ms, 0) == 0);
}

void
slu_timer_clear(slu_timer *timer)
{
    (void)uv_timer_stop(&timer->uv);
}

bool
slu_timer_is_set(const slu_timer *timer)
{
    return uv_is_active((const uv_handle_t *)&timer->uv) != 0;
}
