#include "source_splits.h"

#include "base/alloc.h"
#include "base/cursor.h"
#include "fluss/record/partition.h"

#include <stdio.h>
#include <stdlib.h>

#define SPLIT_PLAIN 1
#define SPLIT_PARTITION 2
#define SPLIT_SHARD 3
#define SPLIT_SNAPSHOT 4
#define SPLIT_BYTES_MAX ((size_t)1 << 24)
#define SPLIT_ID_BYTES 64
#define BUCKETS_MAX 1048576
#define SPLITS_MAX (1u << 24)

/* ---- Bytes ---- */

slu_status
bucket_split_add(slu_split_list *list, const bucket_split *split, slu_error *err)
{
    char id[SPLIT_ID_BYTES];
    const size_t name_bytes = split->partition == NULL ? 0 : strlen(split->partition);
    SLU_AUTO(slu_buf_fini) slu_buf data = {0};
    slu_buf_init(&data, SPLIT_BYTES_MAX);
    if (split->snapshot_id != FLUSS_NO_SNAPSHOT) {
        slu_buf_u8(&data, SPLIT_SNAPSHOT);
        slu_buf_u64le(&data, (uint64_t)split->snapshot_id);
        slu_buf_u64le(&data, (uint64_t)split->snapshot_rows);
        slu_buf_u8(&data, (uint8_t)strlen(split->lease));
        slu_buf_text(&data, split->lease);
    }
    slu_buf_u8(&data, split->partition == NULL ? SPLIT_PLAIN : SPLIT_PARTITION);
    slu_buf_u32le(&data, (uint32_t)split->bucket);
    slu_buf_u64le(&data, (uint64_t)split->table_id);
    slu_buf_u64le(&data, (uint64_t)split->offset);
    slu_buf_u64le(&data, (uint64_t)split->stop);
    if (split->partition != NULL) {
        slu_buf_u64le(&data, (uint64_t)split->partition_id);
        slu_buf_u16le(&data, (uint16_t)name_bytes);
        slu_buf_append(&data, split->partition, name_bytes);
        (void)snprintf(id, sizeof id, "partition-%lld-bucket-%d", (long long)split->partition_id, split->bucket);
    } else {
        (void)snprintf(id, sizeof id, "bucket-%d", split->bucket);
    }
    SLU_TRY(slu_buf_status(&data, err));
    const slu_split one = {.size = sizeof one, .data_bytes = (uint32_t)data.bytes, .id = id, .data = data.data};
    return list->add(list, &one, err);
}

static slu_status
shard_add(slu_split_list *list, const source_shard *shard, slu_error *err)
{
    char id[SPLIT_ID_BYTES];
    SLU_AUTO(slu_buf_fini) slu_buf data = {0};
    slu_buf_init(&data, SPLIT_BYTES_MAX);
    slu_buf_u8(&data, SPLIT_SHARD);
    slu_buf_u32le(&data, (uint32_t)shard->number);
    slu_buf_u64le(&data, (uint64_t)shard->table_id);
    slu_buf_u32le(&data, shard->known_count);
    for (uint32_t i = 0; i < shard->known_count; i++)
        slu_buf_u64le(&data, (uint64_t)shard->known[i]);
    SLU_TRY(slu_buf_status(&data, err));
    (void)snprintf(id, sizeof id, "discovery-%02d", shard->number);
    const slu_split one = {.size = sizeof one, .data_bytes = (uint32_t)data.bytes, .id = id, .data = data.data};
    return list->add(list, &one, err);
}

static slu_status
split_corrupt(const slu_split *given, slu_error *err)
{
    return slu_error_set(err, SLU_CORRUPT, "split %s: %u bytes that are not a bucket's place", given->id, given->data_bytes);
}

static slu_status
snapshot_take(const slu_split *given, slu_cursor *c, bucket_split *split, slu_error *err)
{
    split->snapshot_id = (int64_t)slu_cursor_u64le(c);
    split->snapshot_rows = (int64_t)slu_cursor_u64le(c);
    const size_t bytes = slu_cursor_u8(c);
    const uint8_t *lease = slu_cursor_bytes(c, bytes);
    if (lease == NULL || bytes >= sizeof split->lease || memchr(lease, 0, bytes) != NULL || split->snapshot_id < 0 ||
        split->snapshot_rows < 0)
        return split_corrupt(given, err);
    memcpy(split->lease, lease, bytes);
    return SLU_OK;
}

static slu_status
bucket_take(source_splits *splits, const slu_split *given, slu_cursor *c, uint8_t version, bucket_split **out, slu_error *err)
{
    bucket_split split = {.partition_id = -1, .number = -1, .snapshot_id = FLUSS_NO_SNAPSHOT};
    if (version == SPLIT_SNAPSHOT) {
        SLU_TRY(snapshot_take(given, c, &split, err));
        version = slu_cursor_u8(c);
        if (version != SPLIT_PLAIN && version != SPLIT_PARTITION)
            return split_corrupt(given, err);
    }
    char name[FLUSS_PARTITION_NAME_MAX + 1];
    const uint32_t bucket = slu_cursor_u32le(c);
    split.table_id = (int64_t)slu_cursor_u64le(c);
    split.offset = (int64_t)slu_cursor_u64le(c);
    split.stop = (int64_t)slu_cursor_u64le(c);
    if (version == SPLIT_PARTITION) {
        split.partition_id = (int64_t)slu_cursor_u64le(c);
        const size_t bytes = slu_cursor_u16le(c);
        const uint8_t *text = slu_cursor_bytes(c, bytes);
        if (text == NULL || bytes >= sizeof name || split.partition_id < 0 || memchr(text, 0, bytes) != NULL)
            return split_corrupt(given, err);
        memcpy(name, text, bytes);
        name[bytes] = 0;
        split.partition = name;
    }
    if (!slu_cursor_ok(c) || slu_cursor_left(c) != 0 || bucket >= BUCKETS_MAX)
        return split_corrupt(given, err);
    split.bucket = (int32_t)bucket;
    return source_splits_add(splits, &split, out, err);
}

static int
id_order(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static slu_status
shard_take(source_splits *splits, const slu_split *given, slu_cursor *c, slu_error *err)
{
    source_shard shard = {0};
    const uint32_t number = slu_cursor_u32le(c);
    shard.table_id = (int64_t)slu_cursor_u64le(c);
    const uint32_t said = slu_cursor_u32le(c);
    const size_t count = slu_cursor_count(c, said, sizeof(int64_t));
    if (!slu_cursor_ok(c) || count != said || slu_cursor_left(c) != count * sizeof(int64_t) || number >= SOURCE_SHARDS)
        return split_corrupt(given, err);
    shard.number = (int32_t)number;
    shard.known_count = (uint32_t)count;
    shard.known = slu_alloc((count + 1) * sizeof *shard.known);
    if (shard.known == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu partitions", count);
    for (size_t i = 0; i < count; i++)
        shard.known[i] = (int64_t)slu_cursor_u64le(c);
    qsort(shard.known, count, sizeof *shard.known, id_order);
    for (uint32_t i = 0; i < splits->shard_count; i++)
        if (splits->shards[i].number == shard.number) {
            slu_free(splits->shards[i].known);
            splits->shards[i] = shard;
            return SLU_OK;
        }
    splits->shards[splits->shard_count++] = shard; /* numbers are below SOURCE_SHARDS, each once */
    return SLU_OK;
}

slu_status
source_splits_take(source_splits *splits, const slu_split *given, bucket_split **out, slu_error *err)
{
    slu_cursor c = slu_cursor_of(given->data, given->data_bytes);
    const uint8_t version = slu_cursor_u8(&c);
    *out = NULL;
    if (version == SPLIT_SHARD)
        return shard_take(splits, given, &c, err);
    if (version != SPLIT_PLAIN && version != SPLIT_PARTITION && version != SPLIT_SNAPSHOT)
        return split_corrupt(given, err);
    return bucket_take(splits, given, &c, version, out, err);
}

/* ---- The list ---- */

static bool
same_bucket(const bucket_split *a, const bucket_split *b)
{
    return a->bucket == b->bucket && a->partition_id == b->partition_id;
}

slu_status
source_splits_add(source_splits *splits, const bucket_split *split, bucket_split **out, slu_error *err)
{
    for (uint32_t i = 0; i < splits->count; i++)
        if (same_bucket(splits->items[i], split)) {
            splits->items[i]->table_id = split->table_id;
            splits->items[i]->offset = split->offset;
            splits->items[i]->stop = split->stop;
            splits->items[i]->snapshot_id = split->snapshot_id;
            splits->items[i]->snapshot_rows = split->snapshot_rows;
            memcpy(splits->items[i]->lease, split->lease, sizeof split->lease);
            splits->items[i]->over_at = 0;
            *out = splits->items[i];
            return SLU_OK;
        }
    if (splits->count == splits->room) {
        const uint32_t room = splits->room == 0 ? 16 : splits->room * 2;
        bucket_split **items = room > SPLITS_MAX ? NULL : slu_realloc(splits->items, room * sizeof(bucket_split *));
        if (items == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %u splits", room);
        splits->items = items;
        splits->room = room;
    }
    bucket_split *made = slu_alloc(sizeof *made);
    char *name = split->partition == NULL ? NULL : slu_strdup(split->partition);
    if (made == NULL || (split->partition != NULL && name == NULL)) {
        slu_free(made);
        slu_free(name);
        return slu_error_set(err, SLU_NOMEM, "no memory for a split");
    }
    *made = *split;
    made->partition = name;
    made->number = -1;
    splits->items[splits->count++] = made;
    *out = made;
    return SLU_OK;
}

void
source_splits_remove(source_splits *splits, uint32_t index)
{
    bucket_split *gone = splits->items[index];
    if (gone->number >= 0)
        splits->places[gone->number] = NULL;
    splits->items[index] = splits->items[--splits->count];
    slu_free(gone->partition);
    slu_free(gone);
}

slu_status
source_splits_place(source_splits *splits, bucket_split *split, int32_t number, slu_error *err)
{
    if (number >= splits->place_count) {
        const int32_t count = number + 64;
        bucket_split **places = slu_realloc(splits->places, (size_t)count * sizeof(bucket_split *));
        if (places == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", count);
        memset(places + splits->place_count, 0, (size_t)(count - splits->place_count) * sizeof(bucket_split *));
        splits->places = places;
        splits->place_count = count;
    }
    split->number = number;
    splits->places[number] = split;
    return SLU_OK;
}

bucket_split *
source_splits_at(const source_splits *splits, int32_t number)
{
    return splits->places[number];
}

void
source_splits_fini(source_splits *splits)
{
    for (uint32_t i = 0; i < splits->count; i++) {
        slu_free(splits->items[i]->partition);
        slu_free(splits->items[i]);
    }
    for (uint32_t i = 0; i < splits->shard_count; i++)
        slu_free(splits->shards[i].known);
    slu_free(splits->items);
    slu_free(splits->places);
    memset(splits, 0, sizeof *splits);
}

/* ---- Shards ---- */

static int32_t
shard_of(int64_t partition_id, int32_t bucket)
{
    return (int32_t)(((uint64_t)partition_id + (uint64_t)bucket) % SOURCE_SHARDS);
}

/* The ids of the partitions that are there, sorted; the caller frees them. */
static slu_status
ids_of(const fluss_target *target, int64_t **out, uint32_t *out_count, slu_error *err)
{
    const int32_t slots = fluss_target_slot_count(target);
    int64_t *ids = slu_alloc(((size_t)slots + 1) * sizeof *ids);
    if (ids == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d partitions", slots);
    *out_count = 0;
    for (int32_t slot = 0; slot < slots; slot++) {
        const fluss_slot partition = fluss_target_slot(target, slot);
        if (!partition.gone && partition.id >= 0)
            ids[(*out_count)++] = partition.id;
    }
    qsort(ids, *out_count, sizeof *ids, id_order);
    *out = ids;
    return SLU_OK;
}

slu_status
source_shards_add(slu_split_list *list, const fluss_target *target, slu_error *err)
{
    source_shard shard = {.table_id = fluss_target_table(target)->table_id};
    SLU_TRY(ids_of(target, &shard.known, &shard.known_count, err));
    slu_status status = SLU_OK;
    for (; shard.number < SOURCE_SHARDS && status == SLU_OK; shard.number++)
        status = shard_add(list, &shard, err);
    slu_free(shard.known);
    return status;
}

slu_status
source_shards_list(const source_splits *splits, slu_split_list *list, slu_error *err)
{
    for (uint32_t i = 0; i < splits->shard_count; i++)
        SLU_TRY(shard_add(list, &splits->shards[i], err));
    return SLU_OK;
}

bool
source_shards_want(const source_splits *splits, int64_t partition_id, int32_t bucket)
{
    for (uint32_t i = 0; i < splits->shard_count; i++) {
        const source_shard *shard = &splits->shards[i];
        if (shard->number == shard_of(partition_id, bucket))
            return bsearch(&partition_id, shard->known, shard->known_count, sizeof *shard->known, id_order) == NULL;
    }
    return false;
}

slu_status
source_shards_seen(source_splits *splits, const fluss_target *target, slu_error *err)
{
    for (uint32_t i = 0; i < splits->shard_count; i++) {
        int64_t *ids = NULL;
        uint32_t count = 0;
        SLU_TRY(ids_of(target, &ids, &count, err));
        slu_free(splits->shards[i].known);
        splits->shards[i].known = ids;
        splits->shards[i].known_count = count;
    }
    return SLU_OK;
}
