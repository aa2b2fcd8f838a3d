#include "dictionary.h"

#include "base/alloc.h"

#define DICTIONARY_SLOTS_FIRST 1024
#define DICTIONARY_BYTES_MAX ((size_t)1 << 30)

typedef struct dictionary_entry {
    uint32_t hash;
    uint32_t bytes;
    uint64_t at;
} dictionary_entry;

slu_status
parquet_dictionary_init(parquet_dictionary *d, size_t number_bytes, bool with_length, slu_error *err)
{
    memset(d, 0, sizeof *d);
    d->number_bytes = number_bytes;
    d->by_bytes = number_bytes == 0;
    d->with_length = with_length;
    slu_buf_init(&d->numbers, DICTIONARY_BYTES_MAX);
    slu_buf_init(&d->blob, DICTIONARY_BYTES_MAX);
    slu_buf_init(&d->entries, DICTIONARY_BYTES_MAX);
    d->slots = slu_alloc_zero(DICTIONARY_SLOTS_FIRST, sizeof *d->slots);
    if (d->slots == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a dictionary");
    d->slot_mask = DICTIONARY_SLOTS_FIRST - 1;
    return SLU_OK;
}

void
parquet_dictionary_fini(parquet_dictionary *d)
{
    slu_free(d->slots);
    slu_buf_fini(&d->numbers);
    slu_buf_fini(&d->blob);
    slu_buf_fini(&d->entries);
    memset(d, 0, sizeof *d);
}

void
parquet_dictionary_reset(parquet_dictionary *d)
{
    memset(d->slots, 0, ((size_t)d->slot_mask + 1) * sizeof *d->slots);
    slu_buf_reset(&d->numbers);
    slu_buf_reset(&d->blob);
    slu_buf_reset(&d->entries);
    d->count = 0;
    d->bytes = 0;
}

static void
run_free(slu_buf *buf)
{
    slu_buf_fini(buf);
    slu_buf_init(buf, DICTIONARY_BYTES_MAX);
}

void
parquet_dictionary_shrink(parquet_dictionary *d)
{
    uint32_t *slots = slu_realloc(d->slots, DICTIONARY_SLOTS_FIRST * sizeof *slots);
    if (slots != NULL) {
        d->slots = slots;
        d->slot_mask = DICTIONARY_SLOTS_FIRST - 1;
    }
    run_free(&d->numbers);
    run_free(&d->blob);
    run_free(&d->entries);
    parquet_dictionary_reset(d);
}

static inline uint64_t
mix(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)(a ^ UINT64_C(0x9e3779b97f4a7c15)) * (b ^ UINT64_C(0xe7037ed1a0b428db));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint32_t
number_hash(int64_t value)
{
    return (uint32_t)(((uint64_t)value * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static inline uint64_t
load_tail(const uint8_t *data, size_t bytes)
{
    uint64_t word = 0;
    if (bytes >= 4) {
        uint32_t a, b;
        memcpy(&a, data, 4);
        memcpy(&b, data + bytes - 4, 4);
        word = (uint64_t)a << 32 | b;
    } else if (bytes > 0) {
        word = (uint64_t)data[0] << 16 | (uint64_t)data[bytes / 2] << 8 | data[bytes - 1];
    }
    return word;
}

static inline uint32_t
bytes_hash(slu_view value)
{
    uint64_t hash = value.bytes;
    const uint8_t *at = value.data;
    size_t left = value.bytes;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = mix(hash, word);
    }
    hash = mix(hash, load_tail(at, left));
    return (uint32_t)(hash ^ hash >> 32);
}

static uint32_t
entry_hash(const parquet_dictionary *d, uint32_t index)
{
    if (d->by_bytes)
        return ((const dictionary_entry *)(const void *)d->entries.data)[index].hash;
    return number_hash(parquet_dictionary_number(d, index));
}

static void
dictionary_grow(parquet_dictionary *d)
{
    const uint32_t mask = d->slot_mask * 2 + 1;
    uint32_t *slots = slu_alloc_zero((size_t)mask + 1, sizeof *slots);
    if (slots == NULL) {
        d->failed = SLU_NOMEM;
        return;
    }
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t at = entry_hash(d, i) & mask;
        while (slots[at] != 0)
            at = (at + 1) & mask;
        slots[at] = i + 1;
    }
    slu_free(d->slots);
    d->slots = slots;
    d->slot_mask = mask;
}

int64_t
parquet_dictionary_number(const parquet_dictionary *d, uint32_t index)
{
    return ((const int64_t *)(const void *)d->numbers.data)[index];
}

slu_view
parquet_dictionary_view(const parquet_dictionary *d, uint32_t index)
{
    const dictionary_entry *entry = (const dictionary_entry *)(const void *)d->entries.data + index;
    return slu_view_of(d->blob.data + entry->at, entry->bytes);
}

static uint32_t
number_add(parquet_dictionary *d, int64_t value, uint32_t slot)
{
    slu_buf_append(&d->numbers, &value, sizeof value);
    if (d->numbers.failed != SLU_OK) {
        d->failed = d->numbers.failed;
        return 0;
    }
    const uint32_t index = d->count++;
    d->slots[slot] = index + 1;
    d->bytes += d->number_bytes;
    if ((uint64_t)d->count * 2 > d->slot_mask)
        dictionary_grow(d);
    return index;
}

void
parquet_dictionary_numbers(parquet_dictionary *d, const int64_t *values, size_t count, uint32_t *indices)
{
    uint32_t before = 0;
    for (size_t i = 0; i < count && d->failed == SLU_OK; i++) {
        const int64_t value = values[i];
        if (i != 0 && value == values[i - 1]) {
            indices[i] = before;
            continue;
        }
        uint32_t slot = number_hash(value) & d->slot_mask;
        while (d->slots[slot] != 0 && parquet_dictionary_number(d, d->slots[slot] - 1) != value)
            slot = (slot + 1) & d->slot_mask;
        before = d->slots[slot] != 0 ? d->slots[slot] - 1 : number_add(d, value, slot);
        indices[i] = before;
    }
}

static uint32_t
view_add(parquet_dictionary *d, slu_view value, uint32_t hash, uint32_t slot, parquet_range *range)
{
    if (d->with_length)
        slu_buf_u32le(&d->blob, (uint32_t)value.bytes);
    const dictionary_entry entry = {hash, (uint32_t)value.bytes, d->blob.bytes};
    slu_buf_append(&d->blob, value.data, value.bytes);
    slu_buf_append(&d->entries, &entry, sizeof entry);
    if (d->blob.failed != SLU_OK || d->entries.failed != SLU_OK) {
        d->failed = d->blob.failed != SLU_OK ? d->blob.failed : d->entries.failed;
        return 0;
    }
    parquet_range_bytes(range, value);
    const uint32_t index = d->count++;
    d->slots[slot] = index + 1;
    d->bytes = d->blob.bytes;
    if ((uint64_t)d->count * 2 > d->slot_mask)
        dictionary_grow(d);
    return index;
}

static bool
view_is_entry(const parquet_dictionary *d, uint32_t index, slu_view value, uint32_t hash)
{
    const dictionary_entry *entry = (const dictionary_entry *)(const void *)d->entries.data + index;
    return entry->hash == hash && entry->bytes == value.bytes && memcmp(d->blob.data + entry->at, value.data, value.bytes) == 0;
}

void
parquet_dictionary_views(parquet_dictionary *d, const slu_view *values, size_t count, uint32_t *indices, parquet_range *range)
{
    for (size_t i = 0; i < count && d->failed == SLU_OK; i++) {
        const uint32_t hash = bytes_hash(values[i]);
        uint32_t slot = hash & d->slot_mask;
        while (d->slots[slot] != 0 && !view_is_entry(d, d->slots[slot] - 1, values[i], hash))
            slot = (slot + 1) & d->slot_mask;
        indices[i] = d->slots[slot] != 0 ? d->slots[slot] - 1 : view_add(d, values[i], hash, slot, range);
    }
}

slu_status
parquet_dictionary_status(const parquet_dictionary *d, slu_error *err)
{
    if (d->failed != SLU_OK)
        return slu_error_set(err, d->failed, "a Parquet dictionary of %u entries cannot grow", d->count);
    return SLU_OK;
}
