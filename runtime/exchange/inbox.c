#include "inbox.h"

#include "base/alloc.h"

typedef struct inbox_slot {
    slu_channel *channel;
    int64_t watermark;
    bool blocked;
    bool idle;
    bool ended;
} inbox_slot;

struct slu_inbox {
    uint32_t count;
    uint32_t next; /* where the next look begins */
    int64_t combined;
    inbox_slot slots[];
};

slu_status
slu_inbox_new(slu_channel *const *channels, uint32_t count, slu_inbox **out, slu_error *err)
{
    slu_inbox *inbox = slu_alloc_zero(1, sizeof *inbox + count * sizeof inbox->slots[0]);
    if (inbox == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %u inputs", count);
    inbox->count = count;
    inbox->combined = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        inbox->slots[i].channel = channels[i];
        inbox->slots[i].watermark = INT64_MIN;
    }
    *out = inbox;
    return SLU_OK;
}

void
slu_inbox_free(slu_inbox **inbox)
{
    slu_free(slu_take(inbox));
}

slu_status
slu_inbox_next(slu_inbox *inbox, slu_item *out, uint32_t *channel, slu_error *err)
{
    for (uint32_t looked = 0; looked < inbox->count; looked++) {
        const uint32_t i = inbox->next;
        inbox->next = i + 1 == inbox->count ? 0 : i + 1;
        if (inbox->slots[i].blocked)
            continue;
        const slu_status status = slu_channel_pop(inbox->slots[i].channel, out);
        if (status == SLU_OK) {
            *channel = i;
            return SLU_OK;
        }
        if (status == SLU_CLOSED && !inbox->slots[i].ended)
            return slu_error_set(err, SLU_CLOSED, "the sender of input %u is gone", i);
    }
    return inbox->count == 0 ? SLU_END : SLU_AGAIN;
}

bool
slu_inbox_ready(slu_inbox *inbox)
{
    for (uint32_t i = 0; i < inbox->count; i++) {
        const inbox_slot *slot = &inbox->slots[i];
        if (!slot->blocked && (slu_channel_peek(slot->channel) != NULL || (!slot->ended && slu_channel_is_closed(slot->channel))))
            return true;
    }
    return false;
}

void
slu_inbox_block(slu_inbox *inbox, uint32_t channel)
{
    inbox->slots[channel].blocked = true;
}

void
slu_inbox_unblock_all(slu_inbox *inbox)
{
    for (uint32_t i = 0; i < inbox->count; i++)
        inbox->slots[i].blocked = false;
}

static bool
combine(slu_inbox *inbox, int64_t *combined)
{
    int64_t least = INT64_MAX;
    bool any = false;
    for (uint32_t i = 0; i < inbox->count; i++) {
        if (inbox->slots[i].idle || inbox->slots[i].ended)
            continue;
        any = true;
        if (inbox->slots[i].watermark < least)
            least = inbox->slots[i].watermark;
    }
    if (!any && !slu_inbox_all_ended(inbox))
        return false; /* all idle: time stands still */
    if (least <= inbox->combined)
        return false;
    *combined = inbox->combined = least;
    return true;
}

bool
slu_inbox_watermark(slu_inbox *inbox, uint32_t channel, int64_t event_ms, int64_t *combined)
{
    inbox->slots[channel].idle = false;
    if (event_ms > inbox->slots[channel].watermark)
        inbox->slots[channel].watermark = event_ms;
    return combine(inbox, combined);
}

bool
slu_inbox_idle(slu_inbox *inbox, uint32_t channel, bool idle, int64_t *combined)
{
    inbox->slots[channel].idle = idle;
    return combine(inbox, combined);
}

bool
slu_inbox_end(slu_inbox *inbox, uint32_t channel, int64_t *combined)
{
    inbox->slots[channel].ended = true;
    return combine(inbox, combined);
}

bool
slu_inbox_all_idle(const slu_inbox *inbox)
{
    bool idle = false;
    for (uint32_t i = 0; i < inbox->count; i++) {
        if (!inbox->slots[i].idle && !inbox->slots[i].ended)
            return false;
        idle = idle || !inbox->slots[i].ended;
    }
    return idle;
}

bool
slu_inbox_all_ended(const slu_inbox *inbox)
{
    for (uint32_t i = 0; i < inbox->count; i++)
        if (!inbox->slots[i].ended)
            return false;
    return true;
}
