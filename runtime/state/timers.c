#include "timers.h"

#include "keyed.h"

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/key_group.h"

#define BLOB_VERSION 1u
#define NONE UINT32_MAX

/* A timer in the pool: in the map by (domain, key, tag), in its domain's heap by time. */
typedef struct entry {
    int64_t at_ms;
    uint64_t tag;
    uint8_t *key;
    uint32_t key_hash;
    uint32_t key_bytes;
    uint32_t domain;
    uint32_t heap_at;
    uint32_t next; /* in its bucket of the map, or in the free list */
} entry;

typedef struct heap {
    uint32_t *items; /* entry numbers; the earliest first */
    uint32_t count;
    uint32_t capacity;
} heap;

struct slu_timers {
    uint32_t max_parallelism;
    slu_account *account;
    entry *entries;
    uint32_t entry_count; /* ever used */
    uint32_t entry_capacity;
    uint32_t free_first;
    uint32_t live;
    uint32_t *buckets; /* as many as entry_capacity, a power of two */
    heap heaps[2];
    uint8_t *popped; /* the key that pop gave last */
};

slu_status
slu_timers_new(uint32_t max_parallelism, slu_account *account, slu_timers **out, slu_error *err)
{
    slu_timers *timers = slu_alloc_zero(1, sizeof *timers);
    if (timers == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for timers");
    timers->max_parallelism = max_parallelism;
    timers->account = account;
    timers->free_first = NONE;
    *out = timers;
    return SLU_OK;
}

void
slu_timers_free(slu_timers **owned)
{
    slu_timers *timers = slu_take(owned);
    if (timers == NULL)
        return;
    for (uint32_t i = 0; i < timers->entry_count; i++)
        slu_free(timers->entries[i].key);
    slu_account_give(timers->account, (int64_t)timers->entry_capacity * (int64_t)sizeof(entry));
    slu_free(timers->entries);
    slu_free(timers->buckets);
    slu_free(timers->heaps[0].items);
    slu_free(timers->heaps[1].items);
    slu_free(timers->popped);
    slu_free(timers);
}

static uint32_t *
bucket_of(const slu_timers *timers, uint32_t domain, uint32_t key_hash, uint64_t tag)
{
    const uint64_t mixed = (key_hash ^ tag * UINT64_C(0xC2B2AE3D27D4EB4F) ^ domain) * UINT64_C(0x9E3779B97F4A7C15);
    return &timers->buckets[(mixed >> 32) & (timers->entry_capacity - 1)];
}

static bool
entry_is(const entry *a, const slu_timer *timer)
{
    return a->domain == timer->domain && a->tag == timer->tag && a->key_hash == timer->key_hash &&
           a->key_bytes == timer->key_bytes && (a->key_bytes == 0 || memcmp(a->key, timer->key, a->key_bytes) == 0);
}

static uint32_t
entry_find(const slu_timers *timers, const slu_timer *timer)
{
    if (timers->live == 0)
        return NONE;
    uint32_t i = *bucket_of(timers, timer->domain, timer->key_hash, timer->tag);
    while (i != NONE && !entry_is(&timers->entries[i], timer))
        i = timers->entries[i].next;
    return i;
}

static void
rehash(slu_timers *timers)
{
    memset(timers->buckets, 0xff, timers->entry_capacity * sizeof *timers->buckets);
    for (uint32_t i = 0; i < timers->entry_count; i++) {
        entry *moved = &timers->entries[i];
        if (moved->domain == 0)
            continue;
        uint32_t *bucket = bucket_of(timers, moved->domain, moved->key_hash, moved->tag);
        moved->next = *bucket;
        *bucket = i;
    }
}

static slu_status
timers_grow(slu_timers *timers, slu_error *err)
{
    const uint32_t capacity = timers->entry_capacity == 0 ? 16 : 2 * timers->entry_capacity;
    const int64_t more = (int64_t)(capacity - timers->entry_capacity) * (int64_t)sizeof(entry);
    if (capacity > UINT32_C(1) << 30 || !slu_account_take(timers->account, more))
        return slu_error_set(err, SLU_NOMEM, "no memory for %u timers", capacity);
    entry *entries = slu_realloc(timers->entries, capacity * sizeof *entries);
    if (entries != NULL)
        timers->entries = entries;
    uint32_t *buckets = entries == NULL ? NULL : slu_realloc(timers->buckets, capacity * sizeof *buckets);
    if (buckets == NULL) {
        slu_account_give(timers->account, more);
        return slu_error_set(err, SLU_NOMEM, "no memory for %u timers", capacity);
    }
    timers->buckets = buckets;
    timers->entry_capacity = capacity;
    rehash(timers);
    return SLU_OK;
}

/* ---- Heaps */

static heap *
heap_of(slu_timers *timers, uint32_t domain)
{
    return &timers->heaps[domain - SLU_TIME_PROCESSING];
}

static void
heap_place(slu_timers *timers, heap *h, uint32_t at, uint32_t item)
{
    h->items[at] = item;
    timers->entries[item].heap_at = at;
}

static void
heap_fix(slu_timers *timers, heap *h, uint32_t at)
{
    const uint32_t item = h->items[at];
    const int64_t time = timers->entries[item].at_ms;
    while (at > 0 && timers->entries[h->items[(at - 1) / 2]].at_ms > time) {
        heap_place(timers, h, at, h->items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < h->count && timers->entries[h->items[child + 1]].at_ms < timers->entries[h->items[child]].at_ms)
            child++;
        if (child >= h->count || timers->entries[h->items[child]].at_ms >= time)
            break;
        heap_place(timers, h, at, h->items[child]);
        at = child;
    }
    heap_place(timers, h, at, item);
}

static slu_status
heap_add(slu_timers *timers, heap *h, uint32_t item, slu_error *err)
{
    if (h->count == h->capacity) {
        const uint32_t capacity = h->capacity == 0 ? 16 : 2 * h->capacity;
        uint32_t *items = slu_realloc(h->items, capacity * sizeof *items);
        if (items == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %u timers", capacity);
        h->items = items;
        h->capacity = capacity;
    }
    heap_place(timers, h, h->count++, item);
    heap_fix(timers, h, h->count - 1);
    return SLU_OK;
}

static void
heap_remove(slu_timers *timers, heap *h, uint32_t at)
{
    const uint32_t last = h->items[--h->count];
    if (at == h->count)
        return;
    heap_place(timers, h, at, last);
    heap_fix(timers, h, at);
}

/* Takes an entry out of everything; its key is the caller's. */
static uint8_t *
entry_remove(slu_timers *timers, uint32_t i)
{
    entry *removed = &timers->entries[i];
    uint32_t *link = bucket_of(timers, removed->domain, removed->key_hash, removed->tag);
    while (*link != i)
        link = &timers->entries[*link].next;
    *link = removed->next;
    heap_remove(timers, heap_of(timers, removed->domain), removed->heap_at);
    uint8_t *key = slu_take(&removed->key);
    removed->domain = 0;
    removed->next = timers->free_first;
    timers->free_first = i;
    timers->live--;
    return key;
}

/* ---- The contract */

static slu_status
entry_new(slu_timers *timers, const slu_timer *timer, slu_error *err)
{
    if (timers->free_first == NONE && timers->entry_count == timers->entry_capacity)
        SLU_TRY(timers_grow(timers, err));
    uint8_t *key = slu_alloc(timer->key_bytes + 1);
    if (key == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a timer");
    if (timer->key_bytes != 0)
        memcpy(key, timer->key, timer->key_bytes);
    const bool reused = timers->free_first != NONE;
    const uint32_t i = reused ? timers->free_first : timers->entry_count;
    const uint32_t free_next = reused ? timers->entries[i].next : NONE;
    timers->entries[i] = (entry){timer->at_ms, timer->tag, key, timer->key_hash, timer->key_bytes, timer->domain, 0, NONE};
    const slu_status status = heap_add(timers, heap_of(timers, timer->domain), i, err);
    if (status != SLU_OK) {
        slu_free(key);
        timers->entries[i] = (entry){.next = free_next};
        return status;
    }
    timers->free_first = reused ? free_next : timers->free_first;
    timers->entry_count += reused ? 0 : 1;
    timers->live++;
    uint32_t *bucket = bucket_of(timers, timer->domain, timer->key_hash, timer->tag);
    timers->entries[i].next = *bucket;
    *bucket = i;
    return SLU_OK;
}

slu_status
slu_timers_set(slu_timers *timers, const slu_timer *timer, slu_error *err)
{
    if (timer->domain != SLU_TIME_PROCESSING && timer->domain != SLU_TIME_EVENT)
        return slu_error_set(err, SLU_INVALID, "a timer of unknown domain %u", timer->domain);
    if (timer->key_bytes > SLU_STATE_KEY_BYTES_MAX)
        return slu_error_set(err, SLU_INVALID, "a timer's key of %u bytes", timer->key_bytes);
    const uint32_t i = entry_find(timers, timer);
    if (i == NONE)
        return entry_new(timers, timer, err);
    timers->entries[i].at_ms = timer->at_ms;
    heap_fix(timers, heap_of(timers, timer->domain), timers->entries[i].heap_at);
    return SLU_OK;
}

void
slu_timers_clear(slu_timers *timers, const slu_timer *timer)
{
    const uint32_t i = entry_find(timers, timer);
    if (i != NONE)
        slu_free(entry_remove(timers, i));
}

int64_t
slu_timers_next(const slu_timers *timers, uint32_t domain)
{
    const heap *h = &timers->heaps[domain - SLU_TIME_PROCESSING];
    return h->count == 0 ? INT64_MAX : timers->entries[h->items[0]].at_ms;
}

slu_status
slu_timers_pop(slu_timers *timers, uint32_t domain, int64_t now_ms, slu_timer *out)
{
    if (slu_timers_next(timers, domain) > now_ms || heap_of(timers, domain)->count == 0)
        return SLU_AGAIN;
    const uint32_t i = heap_of(timers, domain)->items[0];
    const entry *due = &timers->entries[i];
    *out = (slu_timer){.size = sizeof *out,
                       .domain = domain,
                       .at_ms = due->at_ms,
                       .key_hash = due->key_hash,
                       .key_bytes = due->key_bytes,
                       .tag = due->tag};
    slu_free(timers->popped);
    timers->popped = entry_remove(timers, i);
    out->key = timers->popped;
    return SLU_OK;
}

uint32_t
slu_timers_count(const slu_timers *timers)
{
    return timers->live;
}

static void
blob_entry(slu_buf *out, const entry *saved)
{
    slu_buf_u8(out, (uint8_t)saved->domain);
    slu_buf_u64le(out, (uint64_t)saved->at_ms);
    slu_buf_u64le(out, saved->tag);
    slu_buf_u32le(out, saved->key_hash);
    slu_buf_u32le(out, saved->key_bytes);
    slu_buf_append(out, saved->key, saved->key_bytes);
}

/* Entry numbers of living timers sorted by key group, in one counting pass; firsts[g] becomes the end of group g. */
static void
sort_entries(const slu_timers *timers, uint32_t *firsts, uint32_t *order)
{
    const uint32_t groups = timers->max_parallelism;
    for (uint32_t i = 0; i < timers->entry_count; i++)
        if (timers->entries[i].domain != 0)
            firsts[slu_key_group(timers->entries[i].key_hash, groups) + 1]++;
    for (uint32_t g = 0; g < groups; g++)
        firsts[g + 1] += firsts[g];
    for (uint32_t i = 0; i < timers->entry_count; i++)
        if (timers->entries[i].domain != 0)
            order[firsts[slu_key_group(timers->entries[i].key_hash, groups)]++] = i;
}

slu_status
slu_timers_snapshot(const slu_timers *timers, slu_status (*entry_out)(void *to, uint32_t key_group, slu_view bytes, slu_error *err),
                    void *to, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf blob = {0};
    uint32_t *firsts = slu_alloc_zero(timers->max_parallelism + 1u, sizeof *firsts);
    uint32_t *order = slu_alloc((timers->live + 1u) * sizeof *order);
    slu_status status = firsts == NULL || order == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a snapshot") : SLU_OK;
    slu_buf_init(&blob, SIZE_MAX / 2);
    if (status == SLU_OK)
        sort_entries(timers, firsts, order);
    uint32_t first = 0;
    for (uint32_t g = 0; status == SLU_OK && g < timers->max_parallelism; first = firsts[g++]) {
        if (firsts[g] == first)
            continue;
        slu_buf_reset(&blob);
        slu_buf_u8(&blob, BLOB_VERSION);
        slu_buf_u32le(&blob, firsts[g] - first);
        for (uint32_t i = first; i < firsts[g]; i++)
            blob_entry(&blob, &timers->entries[order[i]]);
        status = slu_buf_status(&blob, err);
        if (status == SLU_OK)
            status = entry_out(to, g, slu_buf_view(&blob), err);
    }
    slu_free(firsts);
    slu_free(order);
    return status;
}

slu_status
slu_timers_restore(slu_timers *timers, slu_view bytes, slu_error *err)
{
    slu_cursor cursor = slu_cursor_of_view(bytes);
    const uint8_t version = slu_cursor_u8(&cursor);
    const uint32_t claimed = slu_cursor_u32le(&cursor);
    const size_t count = slu_cursor_count(&cursor, claimed, 25);
    if (!slu_cursor_ok(&cursor) || version != BLOB_VERSION)
        return slu_error_set(err, SLU_CORRUPT, "not a snapshot of timers (version %u)", version);
    for (size_t i = 0; i < count; i++) {
        slu_timer timer = {.size = sizeof timer, .domain = slu_cursor_u8(&cursor)};
        timer.at_ms = (int64_t)slu_cursor_u64le(&cursor);
        timer.tag = slu_cursor_u64le(&cursor);
        timer.key_hash = slu_cursor_u32le(&cursor);
        timer.key_bytes = slu_cursor_u32le(&cursor);
        timer.key = slu_cursor_bytes(&cursor, timer.key_bytes);
        if (!slu_cursor_ok(&cursor))
            return slu_error_set(err, SLU_CORRUPT, "a snapshot of timers ends in the middle of one");
        SLU_TRY(slu_timers_set(timers, &timer, err));
    }
    return SLU_OK;
}
