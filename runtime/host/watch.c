#include "watch.h"

#include "base/alloc.h"

#include <sluice/plugin.h>

#include <poll.h>

typedef struct watch {
    int fd;
    uint32_t events; /* SLU_IO_ */
    uint64_t cookie;
    void *owner;
    slu_status (*ready)(void *owner, uint64_t cookie, uint32_t events, slu_error *err);
} watch;

struct slu_watches {
    int bell_fd;
    uint32_t count;
    uint32_t capacity;
    watch *items;
    struct pollfd *polled; /* capacity + 1 */
    watch *called;         /* a copy of items while callbacks change them */
};

slu_status
slu_watches_new(int bell_fd, slu_watches **out, slu_error *err)
{
    slu_watches *watches = slu_alloc_zero(1, sizeof *watches);
    if (watches == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for watches");
    watches->bell_fd = bell_fd;
    *out = watches;
    return SLU_OK;
}

void
slu_watches_free(slu_watches **owned)
{
    slu_watches *watches = slu_take(owned);
    if (watches == NULL)
        return;
    slu_free(watches->items);
    slu_free(watches->polled);
    slu_free(watches->called);
    slu_free(watches);
}

static slu_status
watches_grow(slu_watches *watches, slu_error *err)
{
    const uint32_t capacity = watches->capacity == 0 ? 8 : 2 * watches->capacity;
    if (capacity > SLU_WATCHES_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %u descriptors watched by one task", SLU_WATCHES_MAX);
    watch *items = slu_realloc(watches->items, capacity * sizeof *items);
    watches->items = items != NULL ? items : watches->items;
    struct pollfd *polled = items == NULL ? NULL : slu_realloc(watches->polled, (capacity + 1) * sizeof *polled);
    watches->polled = polled != NULL ? polled : watches->polled;
    watch *called = polled == NULL ? NULL : slu_realloc(watches->called, capacity * sizeof *called);
    if (called == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for watches");
    watches->called = called;
    watches->capacity = capacity;
    return SLU_OK;
}

static watch *
watch_find(slu_watches *watches, int fd, const void *owner)
{
    for (uint32_t i = 0; i < watches->count; i++)
        if (watches->items[i].fd == fd && watches->items[i].owner == owner)
            return &watches->items[i];
    return NULL;
}

slu_status
slu_watches_set(slu_watches *watches, int fd, uint32_t events, uint64_t cookie, void *owner,
                slu_status (*ready)(void *owner, uint64_t cookie, uint32_t events, slu_error *err), slu_error *err)
{
    watch *found = watch_find(watches, fd, owner);
    if (fd < 0 || (events & ~(SLU_IO_READ | SLU_IO_WRITE)) != 0)
        return slu_error_set(err, SLU_INVALID, "watch of descriptor %d for events %u", fd, events);
    if (events == 0) {
        if (found != NULL)
            *found = watches->items[--watches->count];
        return SLU_OK;
    }
    if (found == NULL) {
        if (watches->count == watches->capacity)
            SLU_TRY(watches_grow(watches, err));
        found = &watches->items[watches->count++];
    }
    *found = (watch){fd, events, cookie, owner, ready};
    return SLU_OK;
}

void
slu_watches_forget(slu_watches *watches, const void *owner)
{
    for (uint32_t i = 0; watches != NULL && i < watches->count;)
        if (watches->items[i].owner == owner)
            watches->items[i] = watches->items[--watches->count];
        else
            i++;
}

uint32_t
slu_watches_count(const slu_watches *watches)
{
    return watches->count;
}

uint32_t
slu_watches_fill(const slu_watches *watches, struct pollfd *out, uint32_t room)
{
    uint32_t n = 0;
    for (; n < watches->count && n < room; n++) {
        const uint32_t events = watches->items[n].events;
        out[n] = (struct pollfd){
            .fd = watches->items[n].fd,
            .events = (short)(((events & SLU_IO_READ) != 0 ? POLLIN : 0) | ((events & SLU_IO_WRITE) != 0 ? POLLOUT : 0))};
    }
    return n;
}

static uint32_t
poll_set(slu_watches *watches, struct pollfd *one)
{
    struct pollfd *set = watches->polled == NULL ? one : watches->polled;
    const uint32_t n = slu_watches_fill(watches, set, watches->count);
    set[n] = (struct pollfd){.fd = watches->bell_fd, .events = POLLIN};
    return n + 1;
}

void
slu_watches_wait(slu_watches *watches, int timeout_ms)
{
    struct pollfd one;
    const uint32_t n = poll_set(watches, &one);
    (void)poll(watches->polled == NULL ? &one : watches->polled, n, timeout_ms);
}

slu_status
slu_watches_dispatch(slu_watches *watches, bool *did, slu_error *err)
{
    const uint32_t n = watches->count;
    if (n == 0)
        return SLU_OK;
    (void)slu_watches_fill(watches, watches->polled, n);
    if (poll(watches->polled, n, 0) <= 0)
        return SLU_OK;
    uint32_t due = 0;
    for (uint32_t i = 0; i < n; i++) {
        const short got = watches->polled[i].revents;
        if (got == 0)
            continue;
        watches->called[due] = watches->items[i];
        const bool broken = (got & (POLLERR | POLLHUP | POLLNVAL)) != 0; /* let the plugin find out what, by reading or writing */
        watches->called[due].events = ((got & POLLIN) != 0 ? SLU_IO_READ : 0) | ((got & POLLOUT) != 0 ? SLU_IO_WRITE : 0) |
                                      (broken ? watches->items[i].events : 0);
        due++;
    }
    watch *called = watches->called;
    for (uint32_t i = 0; i < due; i++) {
        const watch *still = watch_find(watches, called[i].fd, called[i].owner);
        if (still == NULL || still->cookie != called[i].cookie)
            continue;
        *did = true;
        const watch now = called[i];
        SLU_TRY(now.ready(now.owner, now.cookie, now.events, err));
        called = watches->called; /* it may have grown */
    }
    return SLU_OK;
}
