#include "align.h"

#include "base/alloc.h"

struct slu_align {
    uint32_t count;
    uint32_t waiting; /* channels whose barrier of `current` is still to come */
    int64_t current;  /* -1: none */
    int64_t done;     /* the newest that was finished, aborted or cancelled */
    uint32_t flags;
    int64_t wall_ms;
    int64_t began_ms;
    uint8_t *arrived; /* per channel: 1 its barrier of `current` came, 2 it will bring no more */
};

#define ARRIVED 1u
#define FINISHED 2u

slu_status
slu_align_new(uint32_t channel_count, slu_align **out, slu_error *err)
{
    slu_align *align = slu_alloc_zero(1, sizeof *align);
    if (align != NULL)
        align->arrived = slu_alloc_zero(channel_count + 1u, 1);
    if (align == NULL || align->arrived == NULL) {
        slu_align_free(&align);
        return slu_error_set(err, SLU_NOMEM, "no memory for %u inputs", channel_count);
    }
    align->count = channel_count;
    align->current = align->done = -1;
    *out = align;
    return SLU_OK;
}

void
slu_align_free(slu_align **owned)
{
    slu_align *align = slu_take(owned);
    if (align == NULL)
        return;
    slu_free(align->arrived);
    slu_free(align);
}

static void
nothing(slu_aligned *out)
{
    *out = (slu_aligned){.aborted = -1, .ready = -1};
}

static void
begin(slu_align *align, int64_t checkpoint, uint32_t flags, int64_t wall_ms, int64_t now_ms)
{
    align->current = checkpoint;
    align->flags = flags;
    align->wall_ms = wall_ms;
    align->began_ms = now_ms;
    align->waiting = 0;
    for (uint32_t i = 0; i < align->count; i++) {
        align->arrived[i] &= FINISHED;
        align->waiting += align->arrived[i] == 0;
    }
}

static void
abandon(slu_align *align, slu_aligned *out)
{
    out->aborted = align->current;
    out->unblock = true;
    align->done = align->current;
    align->current = -1;
}

static void
finish_if_whole(slu_align *align, slu_aligned *out)
{
    if (align->current < 0 || align->waiting > 0)
        return;
    out->ready = align->done = align->current;
    out->flags = align->flags;
    out->wall_ms = align->wall_ms;
    out->began_ms = align->began_ms;
    out->unblock = true;
    out->block = false;
    align->current = -1;
}

slu_status
slu_align_barrier(slu_align *align, uint32_t channel, int64_t checkpoint, uint32_t flags, int64_t wall_ms, int64_t now_ms,
                  slu_aligned *out, slu_error *err)
{
    nothing(out);
    if (checkpoint <= align->done || checkpoint < align->current)
        return SLU_OK;
    if (align->current >= 0 && checkpoint > align->current)
        abandon(align, out);
    if (align->current < 0)
        begin(align, checkpoint, flags, wall_ms, now_ms);
    if ((align->arrived[channel] & ARRIVED) != 0)
        return slu_error_set(err, SLU_CORRUPT, "the barrier of checkpoint %lld came twice on input %u", (long long)checkpoint,
                             channel);
    align->waiting -= align->arrived[channel] == 0;
    align->arrived[channel] |= ARRIVED;
    out->block = true;
    finish_if_whole(align, out);
    return SLU_OK;
}

void
slu_align_cancel(slu_align *align, int64_t checkpoint, slu_aligned *out)
{
    nothing(out);
    if (align->current >= 0 && checkpoint >= align->current) {
        abandon(align, out);
        align->done = checkpoint;
        return;
    }
    if (checkpoint <= align->done || align->current >= 0)
        return;
    /* Before its first barrier: it must not begin later, and downstream must not wait for it. */
    align->done = checkpoint;
    out->aborted = checkpoint;
}

void
slu_align_finish(slu_align *align, uint32_t channel, slu_aligned *out)
{
    nothing(out);
    const bool waited_for = align->current >= 0 && align->arrived[channel] == 0;
    align->arrived[channel] |= FINISHED;
    align->waiting -= waited_for;
    finish_if_whole(align, out);
}

int64_t
slu_align_current(const slu_align *align)
{
    return align->current;
}
