#include "bell.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

slu_status
slu_bell_init(slu_bell *bell, bool with_fd, slu_error *err)
{
    bell->fd = -1;
    atomic_init(&bell->armed, 0);
    atomic_init(&bell->rung, 0);
    if (!with_fd)
        return SLU_OK;
    bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (bell->fd < 0)
        return slu_error_set(err, SLU_IO, "eventfd: errno %d", errno);
    return SLU_OK;
}

void
slu_bell_fini(slu_bell *bell)
{
    if (bell->fd > 0)
        (void)close(bell->fd);
    bell->fd = -1;
}

void
slu_bell_arm(slu_bell *bell)
{
    atomic_store(&bell->armed, 1);
}

void
slu_bell_disarm(slu_bell *bell)
{
    uint64_t count = 0;
    atomic_store(&bell->armed, 0);
    if (bell->fd >= 0 && read(bell->fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
        return; /* nothing to be done: the next poll tells again */
}

void
slu_bell_ring_always(slu_bell *bell)
{
    const uint64_t one = 1;
    atomic_fetch_add_explicit(&bell->rung, 1, memory_order_relaxed);
    if (bell->fd >= 0 && write(bell->fd, &one, sizeof one) < 0)
        return; /* EAGAIN: the counter is full, so it is readable anyway */
}

void
slu_bell_ring(slu_bell *bell)
{
    if (bell == NULL || atomic_load(&bell->armed) == 0)
        return;
    if (atomic_exchange(&bell->armed, 0) != 0)
        slu_bell_ring_always(bell);
}
