/* sink_replay.c: an open-addressing table; taken entries stay as marks, since the set only shrinks after recovery. */
#include "sink_replay.h"

#include "base/alloc.h"
#include "base/hash.h"

#define SLOTS_FIRST 64
#define ENTRY_BYTES_MIN 8

void
sink_replay_init(sink_replay *replay)
{
    memset(replay, 0, sizeof *replay);
    slu_buf_init(&replay->bytes, SINK_REPLAY_BYTES_MAX);
}

void
sink_replay_fini(sink_replay *replay)
{
    slu_free(replay->slots);
    slu_buf_fini(&replay->bytes);
    memset(replay, 0, sizeof *replay);
}

/* 0 marks an unused slot. */
static uint64_t
identity_hash(slu_view identity)
{
    const uint64_t hash = slu_hash64(identity.data, identity.bytes);
    return hash == 0 ? 1 : hash;
}

/* The slot of an identity, or the unused one where it would go. There is always an unused one. */
static sink_replay_slot *
slot_find(const sink_replay *replay, uint64_t hash, slu_view identity)
{
    for (size_t i = (size_t)hash;; i++) {
        sink_replay_slot *slot = &replay->slots[i & (replay->slot_count - 1)];
        if (slot->hash == 0)
            return slot;
        if (slot->hash == hash && slu_view_equal(slu_view_of(replay->bytes.data + slot->at, slot->bytes), identity))
            return slot;
    }
}

static slu_status
slots_grow(sink_replay *replay, slu_error *err)
{
    const size_t count = replay->slot_count == 0 ? SLOTS_FIRST : replay->slot_count * 2;
    sink_replay_slot *old = replay->slots;
    const size_t old_count = replay->slot_count;
    sink_replay_slot *slots = slu_alloc_zero(count, sizeof *slots);
    if (slots == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu replayed rows", count);
    replay->slots = slots;
    replay->slot_count = count;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].hash != 0)
            *slot_find(replay, old[i].hash, slu_view_of(replay->bytes.data + old[i].at, old[i].bytes)) = old[i];
    slu_free(old);
    return SLU_OK;
}

slu_status
sink_replay_add(sink_replay *replay, slu_view identity, uint32_t count, slu_error *err)
{
    const uint64_t hash = identity_hash(identity);
    if ((replay->used + 1) * 2 > replay->slot_count)
        SLU_TRY(slots_grow(replay, err));
    sink_replay_slot *slot = slot_find(replay, hash, identity);
    if (slot->hash == 0) {
        slot->at = replay->bytes.bytes;
        slot->bytes = (uint32_t)identity.bytes;
        slu_buf_append(&replay->bytes, identity.data, identity.bytes);
        SLU_TRY(slu_buf_status(&replay->bytes, err));
        slot->hash = hash;
        replay->used++;
    }
    slot->count += count;
    replay->left += count;
    return SLU_OK;
}

bool
sink_replay_take(sink_replay *replay, slu_view identity)
{
    if (replay->left == 0)
        return false;
    sink_replay_slot *slot = slot_find(replay, identity_hash(identity), identity);
    if (slot->hash == 0 || slot->count == 0)
        return false;
    slot->count--;
    replay->left--;
    return true;
}

void
sink_replay_encode(const sink_replay *replay, slu_buf *out)
{
    uint32_t entries = 0;
    const size_t at = out->bytes;
    slu_buf_u32le(out, 0);
    for (size_t i = 0; i < replay->slot_count; i++) {
        const sink_replay_slot *slot = &replay->slots[i];
        if (slot->count == 0)
            continue;
        slu_buf_u32le(out, slot->count);
        slu_buf_u32le(out, slot->bytes);
        slu_buf_append(out, replay->bytes.data + slot->at, slot->bytes);
        entries++;
    }
    if (out->failed == SLU_OK)
        slu_buf_patch_u32le(out, at, entries);
}

slu_status
sink_replay_decode(sink_replay *replay, slu_cursor *c, slu_error *err)
{
    const size_t entries = slu_cursor_count(c, slu_cursor_u32le(c), ENTRY_BYTES_MIN);
    for (size_t i = 0; i < entries; i++) {
        const uint32_t count = slu_cursor_u32le(c);
        const slu_view identity = slu_cursor_view(c, slu_cursor_u32le(c));
        if (!slu_cursor_ok(c))
            break;
        SLU_TRY(sink_replay_add(replay, identity, count, err));
    }
    return slu_cursor_ok(c) ? SLU_OK : slu_error_set(err, SLU_CORRUPT, "the replayed rows of a Fluss sink's state are cut short");
}
