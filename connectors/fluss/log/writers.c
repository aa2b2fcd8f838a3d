#include "fluss/log/writers.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <inttypes.h>
#include <jansson.h>

#define WRITERS_SLOTS_MIN 8
#define WRITERS_ERROR_OUT_OF_ORDER 31

typedef struct writer {
    int64_t id;                                       /* FLUSS_WRITER_ID_NONE: an empty slot */
    fluss_writer_batch batches[FLUSS_WRITER_BATCHES]; /* oldest first */
    uint32_t count;
} writer;

/* Open addressing with linear probing; the slot count is a power of two, at most half full. Nothing is erased but by rebuilding. */
struct fluss_writers {
    writer *slots;
    size_t slot_count;
    size_t count;
};

static writer *
writers_slots_new(size_t count)
{
    writer *slots = slu_alloc_zero(count, sizeof *slots);
    for (size_t i = 0; slots != NULL && i < count; i++)
        slots[i].id = FLUSS_WRITER_ID_NONE;
    return slots;
}

slu_status
fluss_writers_new(fluss_writers **out, slu_error *err)
{
    fluss_writers *writers = slu_alloc_zero(1, sizeof *writers);
    if (writers == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for writer states");
    *out = writers;
    return SLU_OK;
}

void
fluss_writers_free(fluss_writers **writers)
{
    if (*writers != NULL)
        slu_free((*writers)->slots);
    slu_free(*writers);
    *writers = NULL;
}

void
fluss_writers_reset(fluss_writers *writers)
{
    slu_free(writers->slots);
    memset(writers, 0, sizeof *writers);
}

size_t
fluss_writers_count(const fluss_writers *writers)
{
    return writers->count;
}

/* The writer's slot, or the empty one where it belongs. NULL: there are no slots yet. */
static writer *
writers_slot(writer *slots, size_t slot_count, int64_t id)
{
    if (slot_count == 0)
        return NULL;
    size_t at = ((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15)) >> 17 & (slot_count - 1);
    while (slots[at].id != FLUSS_WRITER_ID_NONE && slots[at].id != id)
        at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

static const writer *
writers_find(const fluss_writers *writers, int64_t id)
{
    const writer *found = writers_slot(writers->slots, writers->slot_count, id);
    return found != NULL && found->id == id ? found : NULL;
}

slu_status
fluss_writers_check(const fluss_writers *writers, int64_t writer_id, int32_t sequence, const char *where,
                    fluss_writer_batch *out_original, slu_error *err)
{
    const writer *known = writers_find(writers, writer_id);
    for (uint32_t i = 0; known != NULL && i < known->count; i++) {
        if (known->batches[i].sequence == sequence) {
            *out_original = known->batches[i];
            return slu_error_set(err, SLU_CONFLICT, "batch %" PRId32 " of writer %" PRId64 " is stored already", sequence,
                                 writer_id);
        }
    }
    const int32_t last = known != NULL ? known->batches[known->count - 1].sequence : -1;
    const int32_t expected = last == INT32_MAX ? 0 : last + 1;
    if (sequence == expected)
        return SLU_OK;
    (void)slu_error_set(err, SLU_INVALID,
                        "Out of order batch sequence for writer %" PRId64 " in table-bucket %s : %" PRId32
                        " (incoming batch seq.), %" PRId32 " (current batch seq.)",
                        writer_id, where, sequence, last);
    if (err != NULL)
        err->code = WRITERS_ERROR_OUT_OF_ORDER;
    return SLU_INVALID;
}

/* Moves what is still wanted (last batch not before `before_ms`) to `slot_count` new slots. */
static bool
writers_rebuild(fluss_writers *writers, size_t slot_count, int64_t before_ms)
{
    writer *slots = writers_slots_new(slot_count);
    if (slots == NULL)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < writers->slot_count; i++) {
        const writer *from = &writers->slots[i];
        if (from->id == FLUSS_WRITER_ID_NONE || from->batches[from->count - 1].timestamp_ms < before_ms)
            continue;
        *writers_slot(slots, slot_count, from->id) = *from;
        count++;
    }
    slu_free(writers->slots);
    writers->slots = slots;
    writers->slot_count = slot_count;
    writers->count = count;
    return true;
}

static slu_status
writers_make_room(fluss_writers *writers, slu_error *err)
{
    if (writers->count >= FLUSS_WRITERS_MAX)
        return slu_error_set(err, SLU_LIMIT, "a bucket remembers at most %zu writers", FLUSS_WRITERS_MAX);
    if ((writers->count + 1) * 2 <= writers->slot_count)
        return SLU_OK;
    const size_t slot_count = writers->slot_count == 0 ? WRITERS_SLOTS_MIN : writers->slot_count * 2;
    return writers_rebuild(writers, slot_count, INT64_MIN) ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for writer states");
}

slu_status
fluss_writers_reserve(fluss_writers *writers, int64_t writer_id, slu_error *err)
{
    return writer_id < 0 || writers_find(writers, writer_id) != NULL ? SLU_OK : writers_make_room(writers, err);
}

slu_status
fluss_writers_note(fluss_writers *writers, const fluss_writer_batch *batch, slu_error *err)
{
    if (batch->writer_id < 0)
        return SLU_OK;
    writer *slot = writers_slot(writers->slots, writers->slot_count, batch->writer_id);
    if (slot == NULL || slot->id != batch->writer_id) {
        SLU_TRY(writers_make_room(writers, err));
        slot = writers_slot(writers->slots, writers->slot_count, batch->writer_id);
        slot->id = batch->writer_id;
        writers->count++;
    }
    if (slot->count == FLUSS_WRITER_BATCHES) {
        memmove(slot->batches, slot->batches + 1, (FLUSS_WRITER_BATCHES - 1) * sizeof slot->batches[0]);
        slot->count--;
    }
    slot->batches[slot->count++] = *batch;
    return SLU_OK;
}

void
fluss_writers_expire(fluss_writers *writers, int64_t before_ms)
{
    bool any = false;
    for (size_t i = 0; i < writers->slot_count; i++) {
        const writer *slot = &writers->slots[i];
        any = any || (slot->id != FLUSS_WRITER_ID_NONE && slot->batches[slot->count - 1].timestamp_ms < before_ms);
    }
    if (any) /* without memory they simply live on until the next time */
        (void)writers_rebuild(writers, writers->slot_count, before_ms);
}

void
fluss_writers_encode(const fluss_writers *writers, slu_buf *out)
{
    const char *separator = "";
    slu_buf_text(out, "{\"version\":1,\"writer_id_entries\":[");
    for (size_t i = 0; i < writers->slot_count; i++) {
        const writer *slot = &writers->slots[i];
        if (slot->id == FLUSS_WRITER_ID_NONE)
            continue;
        const fluss_writer_batch *last = &slot->batches[slot->count - 1];
        slu_buf_printf(out,
                       "%s{\"writer_id\":%" PRId64 ",\"last_batch_sequence\":%" PRId32 ",\"last_batch_base_offset\":%" PRId64
                       ",\"offset_delta\":%" PRId32 ",\"last_batch_timestamp\":%" PRId64 ",\"earlier_batches\":[",
                       separator, slot->id, last->sequence, last->base_offset, last->offset_delta, last->timestamp_ms);
        for (uint32_t b = 0; b + 1 < slot->count; b++)
            slu_buf_printf(out, "%s[%" PRId32 ",%" PRId64 ",%" PRId32 ",%" PRId64 "]", b == 0 ? "" : ",", slot->batches[b].sequence,
                           slot->batches[b].base_offset, slot->batches[b].offset_delta, slot->batches[b].timestamp_ms);
        slu_buf_text(out, "]}");
        separator = ",";
    }
    slu_buf_text(out, "]}");
}

static bool
writers_integer(const json_t *value, int64_t min, int64_t max, int64_t *out)
{
    if (!json_is_integer(value))
        return false;
    *out = json_integer_value(value);
    return *out >= min && *out <= max;
}

static bool
writers_decode_batch(int64_t id, json_t *const member[4], fluss_writer_batch *out)
{
    int64_t sequence = 0;
    int64_t delta = 0;
    if (!writers_integer(member[0], 0, INT32_MAX, &sequence) || !writers_integer(member[1], 0, INT64_MAX, &out->base_offset) ||
        !writers_integer(member[2], 0, INT32_MAX, &delta) || !writers_integer(member[3], INT64_MIN, INT64_MAX, &out->timestamp_ms))
        return false;
    out->writer_id = id;
    out->sequence = (int32_t)sequence;
    out->offset_delta = (int32_t)delta;
    return true;
}

static slu_status
writers_decode_entry(fluss_writers *writers, json_t *entry, slu_error *err)
{
    int64_t id = 0;
    fluss_writer_batch batch;
    json_t *earlier = json_object_get(entry, "earlier_batches");
    if (!writers_integer(json_object_get(entry, "writer_id"), 0, INT64_MAX, &id) || writers_find(writers, id) != NULL ||
        json_array_size(earlier) >= FLUSS_WRITER_BATCHES)
        return slu_error_set(err, SLU_CORRUPT, "writer snapshot: a bad or repeated writer_id, or too many batches");
    for (size_t i = 0; i < json_array_size(earlier); i++) {
        json_t *item = json_array_get(earlier, i);
        json_t *const member[4] = {json_array_get(item, 0), json_array_get(item, 1), json_array_get(item, 2),
                                   json_array_get(item, 3)};
        if (!writers_decode_batch(id, member, &batch))
            return slu_error_set(err, SLU_CORRUPT, "writer snapshot: earlier batch %zu of writer %" PRId64, i, id);
        SLU_TRY(fluss_writers_note(writers, &batch, err));
    }
    json_t *const member[4] = {json_object_get(entry, "last_batch_sequence"), json_object_get(entry, "last_batch_base_offset"),
                               json_object_get(entry, "offset_delta"), json_object_get(entry, "last_batch_timestamp")};
    if (!writers_decode_batch(id, member, &batch))
        return slu_error_set(err, SLU_CORRUPT, "writer snapshot: the last batch of writer %" PRId64, id);
    return fluss_writers_note(writers, &batch, err);
}

slu_status
fluss_writers_decode(fluss_writers *writers, slu_view json, slu_error *err)
{
    json_error_t where;
    slu_status status = SLU_OK;
    fluss_writers_reset(writers);
    json_t *root = json_loadb((const char *)json.data, json.bytes, 0, &where);
    json_t *entries = json_object_get(root, "writer_id_entries");
    int64_t version = 0;
    if (!writers_integer(json_object_get(root, "version"), 1, 1, &version) || !json_is_array(entries))
        status = slu_error_set(err, SLU_CORRUPT, "writer snapshot: not a snapshot of version 1: %s",
                               root == NULL ? where.text : "members");
    for (size_t i = 0; status == SLU_OK && i < json_array_size(entries); i++)
        status = writers_decode_entry(writers, json_array_get(entries, i), err);
    json_decref(root);
    if (status != SLU_OK)
        fluss_writers_reset(writers);
    return status;
}
