/* slots.c: the partitions of an opened table: found by name, made when wanted, listed, and seen to be gone. */
#include "target_internal.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "fluss/record/partition.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

#define SLOT_TRIES_MAX 300 /* 30 s: until a cluster shows a partition that it made */
#define SLOT_ABSENT_MS 500 /* before the server is asked again about a partition that is not there */

static char *
constant(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void slot_ask(slot_t *slot);

static void
slot_pause(slot_t *slot)
{
    slot->state = SLOT_PAUSED;
    slu_timer_set(slot->target->timer, FLUSS_STALE_PAUSE_MS);
}

static void
slot_fail(slot_t *slot, const slu_error *failure)
{
    if (failure->retriable && ++slot->tries < SLOT_TRIES_MAX) {
        slot_pause(slot);
        return;
    }
    slot->state = SLOT_FAILED;
    if (slot->failure == NULL)
        slot->failure = slu_alloc(sizeof *slot->failure);
    if (slot->failure != NULL)
        *slot->failure = *failure;
}

/* ---- The list ---- */

static int32_t *
table_place(const fluss_target *target, uint64_t hash, const char *name, size_t bytes)
{
    size_t at = (size_t)hash & (target->slot_table_size - 1);
    for (;; at = (at + 1) & (target->slot_table_size - 1)) {
        int32_t *place = &target->slot_table[at];
        if (*place == 0)
            return place;
        const slot_t *slot = target->slots[*place - 1];
        if (slot->hash == hash && strlen(slot->name) == bytes && memcmp(slot->name, name, bytes) == 0)
            return place;
    }
}

static slu_status
table_grow(fluss_target *target, slu_error *err)
{
    const size_t size = target->slot_table_size == 0 ? 64 : target->slot_table_size * 2;
    int32_t *places = slu_alloc_zero(size, sizeof *places);
    if (places == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu partitions", size);
    slu_free(target->slot_table);
    target->slot_table = places;
    target->slot_table_size = size;
    for (int32_t i = 0; i < target->slot_count; i++) { /* a later slot of the same name takes the place */
        const slot_t *slot = target->slots[i];
        *table_place(target, slot->hash, slot->name, strlen(slot->name)) = i + 1;
    }
    return SLU_OK;
}

static slu_status
slots_reserve(fluss_target *target, slu_error *err)
{
    const size_t buckets = (size_t)target->table.bucket_count;
    if (target->slot_count >= FLUSS_SLOTS_MAX)
        return slu_error_set(err, SLU_LIMIT, "table %s: more than %d partitions", target->name, FLUSS_SLOTS_MAX);
    if (((size_t)target->slot_count + 1) * 2 > target->slot_table_size)
        SLU_TRY(table_grow(target, err));
    if (target->slot_count < target->slot_room)
        return SLU_OK;
    const int32_t room = target->slot_room == 0 ? 16 : target->slot_room * 2;
    slot_t **slots = slu_realloc(target->slots, (size_t)room * sizeof *slots);
    if (slots != NULL)
        target->slots = slots;
    int32_t *leaders = slu_realloc(target->leaders, (size_t)room * buckets * sizeof *leaders);
    if (leaders != NULL)
        target->leaders = leaders;
    if (slots == NULL || leaders == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d partitions", room);
    target->slot_room = room;
    return SLU_OK;
}

static slu_status
slot_new(fluss_target *target, const char *name, size_t bytes, int64_t id, slot_t **out, slu_error *err)
{
    SLU_TRY(slots_reserve(target, err));
    slot_t *slot = slu_alloc_zero(1, sizeof *slot);
    char *copy = slu_alloc(bytes + 1);
    if (slot == NULL || copy == NULL) {
        slu_free(slot);
        slu_free(copy);
        return slu_error_set(err, SLU_NOMEM, "no memory for a partition");
    }
    memcpy(copy, name, bytes);
    copy[bytes] = 0;
    *slot = (slot_t){
        .target = target, .name = copy, .hash = slu_hash64(name, bytes), .id = id, .above = -1, .number = target->slot_count};
    for (int32_t bucket = 0; bucket < target->table.bucket_count; bucket++)
        target->leaders[slot->number * target->table.bucket_count + bucket] = -1;
    target->slots[target->slot_count++] = slot;
    *table_place(target, slot->hash, name, bytes) = slot->number + 1;
    *out = slot;
    return SLU_OK;
}

static void
slot_gone(slot_t *slot)
{
    fluss_call_cancel(&slot->call);
    slot->state = SLOT_GONE;
}

/* The slot that stands for a name now; a gone one does not. */
static slu_status
slot_find(fluss_target *target, const char *name, size_t bytes, slot_t **out, slu_error *err)
{
    *out = NULL;
    if (target->slot_table_size > 0) {
        const int32_t number = *table_place(target, slu_hash64(name, bytes), name, bytes);
        if (number != 0 && target->slots[number - 1]->state != SLOT_GONE) {
            *out = target->slots[number - 1];
            return SLU_OK;
        }
    }
    const int32_t before = target->slot_table_size == 0 ? 0 : *table_place(target, slu_hash64(name, bytes), name, bytes);
    const int64_t above = before == 0 ? -1 : target->slots[before - 1]->id;
    SLU_TRY(slot_new(target, name, bytes, -1, out, err));
    (*out)->above = above;
    return SLU_OK;
}

/* ---- Asking for one ---- */

/* A server that has not heard of a drop yet may still name a partition of the table that was here before, or one that is gone. */
static bool
slot_metadata_is_old(const slot_t *slot, const Fluss__PbPartitionMetadata *metadata)
{
    return metadata->table_id != slot->target->table.table_id || metadata->partition_id <= slot->above ||
           (slot->id >= 0 && metadata->partition_id < slot->id);
}

/* The leaders of a partition: false when one is missing, or when it is another partition of that name. */
static bool
slot_take(slot_t *slot, const Fluss__PbPartitionMetadata *metadata)
{
    const int32_t bucket_count = slot->target->table.bucket_count;
    int32_t *leaders = slot->target->leaders + (size_t)slot->number * (size_t)bucket_count;
    bool complete = true;
    if (slot->id >= 0 && slot->id != metadata->partition_id) {
        slot_gone(slot);
        return true;
    }
    slot->id = metadata->partition_id;
    for (size_t i = 0; i < metadata->n_bucket_metadata; i++) {
        const Fluss__PbBucketMetadata *bucket = metadata->bucket_metadata[i];
        if (bucket->bucket_id >= 0 && bucket->bucket_id < bucket_count)
            leaders[bucket->bucket_id] = bucket->has_leader_id ? bucket->leader_id : -1;
    }
    for (int32_t bucket = 0; bucket < bucket_count; bucket++)
        complete = complete && leaders[bucket] >= 0;
    return complete;
}

static void
slot_created(void *context, fluss_answer *answer, const slu_error *failure)
{
    slot_t *slot = context;
    (void)answer;
    slot->call = NULL;
    if (failure != NULL)
        slot_fail(slot, failure);
    else
        slot_ask(slot);
}

static void
slot_create(slot_t *slot)
{
    Fluss__CreatePartitionRequest request = FLUSS__CREATE_PARTITION_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    Fluss__PbPartitionSpec spec = FLUSS__PB_PARTITION_SPEC__INIT;
    Fluss__PbKeyValue values[FLUSS_PARTITION_KEYS_MAX], *pointers[FLUSS_PARTITION_KEYS_MAX];
    const fluss_descriptor *d = slot->target->table.descriptor;
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_error err = {0};
    slu_buf_init(&text, FLUSS_PARTITION_NAME_MAX + 1);
    slu_buf_text(&text, slot->name);
    (void)slu_buf_cstr(&text);
    char *at = (char *)text.data;
    if (slu_buf_status(&text, &err) != SLU_OK || d->partition_key_count > FLUSS_PARTITION_KEYS_MAX) {
        slot_fail(slot, &err);
        return;
    }
    for (size_t i = 0; i < d->partition_key_count && at != NULL; i++) {
        char *end = strchr(at, '$');
        if (end != NULL)
            *end = 0;
        fluss__pb_key_value__init(&values[i]);
        values[i].key = constant(d->partition_keys[i]);
        values[i].value = at;
        pointers[spec.n_partition_key_values++] = &values[i];
        at = end == NULL ? NULL : end + 1;
    }
    path.database_name = slot->target->database;
    path.table_name = slot->target->table_name;
    spec.partition_key_values = pointers;
    request.table_path = &path;
    request.partition_spec = &spec;
    request.ignore_if_not_exists = true; /* it means: if it exists already */
    slot->state = SLOT_CREATING;
    if (fluss_client_call(slot->target->client, FLUSS_TO_COORDINATOR, FLUSS_API_CREATE_PARTITION, &request.base, slot_created, slot,
                          &slot->call, &err) != SLU_OK)
        slot_fail(slot, &err);
}

static void
slot_absent(slot_t *slot)
{
    if (slot->id >= 0) { /* it was there once */
        slot_gone(slot);
        return;
    }
    slot->state = SLOT_ABSENT;
    slot->absent_until_ms = slu_now_ms(slot->target->client->env) + SLOT_ABSENT_MS;
}

/* There is no such partition, or none yet. */
static void
slot_missing(slot_t *slot)
{
    const bool made = slot->tries > 0; /* then it is on its way to be shown */
    if (!slot->create) {
        slot_absent(slot);
    } else if (slot->id >= 0) {
        slot_gone(slot);
    } else if (made && slot->tries % 20 != 0 && ++slot->tries < SLOT_TRIES_MAX) {
        slot_pause(slot);
    } else {
        slot->tries++;
        slot_create(slot);
    }
}

static void
slot_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    slot_t *slot = context;
    slot->call = NULL;
    if (failure != NULL) {
        if (failure->code == FLUSS_ERROR_PARTITION_NOT_EXISTS)
            slot_missing(slot);
        else
            slot_fail(slot, failure);
        return;
    }
    const Fluss__MetadataResponse *response = (const Fluss__MetadataResponse *)answer->message;
    const Fluss__PbPartitionMetadata *metadata = response->n_partition_metadata == 1 ? response->partition_metadata[0] : NULL;
    const bool old = metadata != NULL && slot_metadata_is_old(slot, metadata);
    if (old && slot->id < 0 && slot->create) {
        slot_missing(slot);
        return;
    }
    if (metadata != NULL && !old && slot_take(slot, metadata)) {
        if (slot->state != SLOT_GONE)
            slot->state = SLOT_READY;
        slot->tries = 0;
        return;
    }
    slu_error err;
    (void)slu_error_set(&err, SLU_TIMEOUT, "table %s: not every bucket of partition %s has a leader", slot->target->name,
                        slot->name);
    err.retriable = 1;
    slot_fail(slot, &err);
}

static void
slot_path(const slot_t *slot, Fluss__PbPhysicalTablePath *out)
{
    fluss__pb_physical_table_path__init(out);
    out->database_name = slot->target->database;
    out->table_name = slot->target->table_name;
    out->partition_name = slot->name;
}

static void
slot_ask(slot_t *slot)
{
    Fluss__MetadataRequest request = FLUSS__METADATA_REQUEST__INIT;
    Fluss__PbPhysicalTablePath path, *paths[1] = {&path};
    slu_error err = {0};
    slot_path(slot, &path);
    request.n_partitions_path = 1;
    request.partitions_path = paths;
    slot->state = SLOT_ASKED;
    if (fluss_client_call(slot->target->client, FLUSS_TO_ANY, FLUSS_API_GET_METADATA, &request.base, slot_answered, slot,
                          &slot->call, &err) != SLU_OK)
        slot_fail(slot, &err);
}

void
slots_retry(fluss_target *target)
{
    for (int32_t i = 0; i < target->slot_count; i++)
        if (target->slots[i]->state == SLOT_PAUSED)
            slot_ask(target->slots[i]);
}

/* ---- Listing ---- */

/* "a$b" of a spec, in the order of the table's keys; false: a key is missing. */
static bool
spec_name(const fluss_target *target, const Fluss__PbPartitionSpec *spec, slu_buf *out)
{
    const fluss_descriptor *d = target->table.descriptor;
    for (size_t k = 0; k < d->partition_key_count; k++) {
        const char *value = NULL;
        for (size_t i = 0; i < spec->n_partition_key_values; i++)
            if (strcmp(spec->partition_key_values[i]->key, d->partition_keys[k]) == 0)
                value = spec->partition_key_values[i]->value;
        if (value == NULL)
            return false;
        slu_buf_printf(out, "%s%s", k == 0 ? "" : "$", value);
    }
    return slu_buf_status(out, NULL) == SLU_OK;
}

static int
id_order(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* New partitions get slots; `ids` is filled with all of them, sorted. */
static slu_status
list_take(fluss_target *target, const Fluss__ListPartitionInfosResponse *list, int64_t *ids, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf name = {0};
    slu_buf_init(&name, FLUSS_PARTITION_NAME_MAX + 1);
    for (size_t i = 0; i < list->n_partitions_info; i++) {
        const Fluss__PbPartitionInfo *info = list->partitions_info[i];
        slot_t *slot = NULL;
        ids[i] = info->partition_id;
        slu_buf_reset(&name);
        if (!spec_name(target, info->partition_spec, &name))
            return slu_error_set(err, SLU_CORRUPT, "partition %lld has no value for each key", (long long)info->partition_id);
        SLU_TRY(slot_find(target, (const char *)name.data, name.bytes, &slot, err));
        if (slot->id < 0) {
            slot->id = info->partition_id;
            if (slot->state == SLOT_ABSENT)
                slot->state = SLOT_NAMED;
        } else if (slot->id != info->partition_id) {
            slot_gone(slot);
            SLU_TRY(slot_new(target, (const char *)name.data, name.bytes, info->partition_id, &slot, err));
        }
    }
    qsort(ids, list->n_partitions_info, sizeof *ids, id_order);
    return SLU_OK;
}

static slu_status
list_apply(fluss_target *target, const Fluss__ListPartitionInfosResponse *list, slu_error *err)
{
    int64_t *ids = slu_alloc((list->n_partitions_info + 1) * sizeof *ids);
    if (ids == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu partitions", list->n_partitions_info);
    const slu_status status = list_take(target, list, ids, err);
    for (int32_t i = 0; i < target->slot_count && status == SLU_OK; i++) {
        slot_t *slot = target->slots[i];
        if (slot->id >= 0 && slot->state != SLOT_GONE &&
            bsearch(&slot->id, ids, list->n_partitions_info, sizeof *ids, id_order) == NULL)
            slot_gone(slot);
    }
    slu_free(ids);
    return status;
}

static void
list_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fluss_target *target = context;
    slu_error err = {0};
    target->list_call = NULL;
    if (failure != NULL) {
        target_fail(target, failure);
        return;
    }
    if (list_apply(target, (const Fluss__ListPartitionInfosResponse *)answer->message, &err) != SLU_OK) {
        target_fail(target, &err);
        return;
    }
    target->listings++;
    if (target->stale)
        target_metadata_ask(target);
}

void
slots_list(fluss_target *target)
{
    Fluss__ListPartitionInfosRequest request = FLUSS__LIST_PARTITION_INFOS_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    slu_error err = {0};
    path.database_name = target->database;
    path.table_name = target->table_name;
    request.table_path = &path;
    if (target->list_call == NULL && fluss_client_call(target->client, FLUSS_TO_ANY, FLUSS_API_LIST_PARTITION_INFOS, &request.base,
                                                       list_answered, target, &target->list_call, &err) != SLU_OK)
        target_fail(target, &err);
}

void
slots_paths(const fluss_target *target, Fluss__PbPhysicalTablePath *paths, Fluss__PbPhysicalTablePath **pointers, size_t *out_count)
{
    *out_count = 0;
    for (int32_t i = 0; i < target->slot_count; i++) {
        if (target->slots[i]->state != SLOT_READY)
            continue;
        slot_path(target->slots[i], &paths[*out_count]);
        pointers[*out_count] = &paths[*out_count];
        ++*out_count;
    }
}

void
slots_take(fluss_target *target, const Fluss__MetadataResponse *metadata)
{
    for (size_t i = 0; i < metadata->n_partition_metadata; i++) {
        const Fluss__PbPartitionMetadata *one = metadata->partition_metadata[i];
        slot_t *slot = NULL;
        const char *name = one->partition_name;
        if (target->slot_table_size == 0)
            return;
        const int32_t number = *table_place(target, slu_hash64(name, strlen(name)), name, strlen(name));
        if (number == 0 || (slot = target->slots[number - 1])->state != SLOT_READY)
            continue;
        if (slot_metadata_is_old(slot, one) ||
            !slot_take(slot, one)) /* a bucket without leader: asked for by itself until it has one */
            slot_pause(slot);
    }
}

void
slots_free(fluss_target *target)
{
    fluss_call_cancel(&target->list_call);
    for (int32_t i = 0; i < target->slot_count; i++) {
        fluss_call_cancel(&target->slots[i]->call);
        slu_free(target->slots[i]->failure);
        slu_free(target->slots[i]->name);
        slu_free(target->slots[i]);
    }
    slu_free(target->slots);
    slu_free(target->slot_table);
}

/* ---- What others ask ---- */

bool
fluss_target_partitioned(const fluss_target *target)
{
    return target->table.partition_column_count != 0;
}

int32_t
fluss_target_slot_count(const fluss_target *target)
{
    return fluss_target_partitioned(target) ? target->slot_count : 1;
}

int32_t
fluss_target_bucket_numbers(const fluss_target *target)
{
    return fluss_target_slot_count(target) * target->table.bucket_count;
}

fluss_slot
fluss_target_slot(const fluss_target *target, int32_t slot)
{
    if (!fluss_target_partitioned(target))
        return (fluss_slot){.id = -1};
    const slot_t *of = target->slots[slot];
    return (fluss_slot){of->name, of->id, of->state == SLOT_GONE};
}

int32_t
fluss_target_slot_of(const fluss_target *target, int32_t bucket)
{
    return bucket / target->table.bucket_count;
}

int64_t
fluss_target_partition_id(const fluss_target *target, int32_t bucket)
{
    return fluss_target_partitioned(target) ? target->slots[bucket / target->table.bucket_count]->id : -1;
}

int32_t
fluss_target_bucket_find(const fluss_target *target, int64_t partition_id, int32_t bucket)
{
    if (bucket < 0 || bucket >= target->table.bucket_count)
        return -1;
    if (!fluss_target_partitioned(target))
        return bucket;
    for (int32_t i = 0; i < target->slot_count; i++)
        if (target->slots[i]->id == partition_id)
            return i * target->table.bucket_count + bucket;
    return -1;
}

slu_status
fluss_target_slot_named(fluss_target *target, const char *name, int64_t id, int32_t *out_slot, slu_error *err)
{
    slot_t *slot = NULL;
    for (int32_t i = 0; id >= 0 && i < target->slot_count && slot == NULL; i++)
        if (target->slots[i]->id == id)
            slot = target->slots[i];
    if (slot == NULL)
        SLU_TRY(slot_find(target, name, strlen(name), &slot, err));
    if (slot->id < 0)
        slot->id = id;
    else if (id >= 0 && slot->id != id) { /* an older one than is there now, or the other way round: the server knows */
        SLU_TRY(slot_new(target, name, strlen(name), id, &slot, err));
    }
    *out_slot = slot->number;
    return SLU_OK;
}

slu_status
fluss_target_slots(fluss_target *target, const struct ArrowSchema *schema, const struct ArrowArray *array, const int32_t *selection,
                   int64_t rows, int32_t *out_slots, slu_error *err)
{
    fluss_partition_columns columns;
    SLU_AUTO(slu_buf_fini) slu_buf name = {0};
    const slot_t *last = NULL;
    if (!fluss_target_partitioned(target)) {
        memset(out_slots, 0, (size_t)rows * sizeof *out_slots);
        return SLU_OK;
    }
    slu_buf_init(&name, FLUSS_PARTITION_NAME_MAX + 1);
    SLU_TRY(fluss_partition_columns_find(&target->table, schema, array, &columns, err));
    for (int64_t i = 0; i < rows; i++) {
        slot_t *slot = NULL;
        slu_buf_reset(&name);
        SLU_TRY_IN(fluss_partition_name(&columns, selection == NULL ? i : selection[i], &name, err), err, "table %s", target->name);
        const size_t bytes = name.bytes;
        if (last == NULL || strlen(last->name) != bytes || memcmp(last->name, name.data, bytes) != 0) {
            SLU_TRY(slot_find(target, (const char *)name.data, bytes, &slot, err));
            last = slot;
        }
        out_slots[i] = last->number;
    }
    return SLU_OK;
}

slu_status
fluss_target_slot_ready(fluss_target *target, int32_t number, bool create, slu_error *err)
{
    if (!fluss_target_partitioned(target))
        return SLU_OK;
    slot_t *slot = target->slots[number];
    slot->create = slot->create || create;
    if (slot->state == SLOT_NAMED ||
        (slot->state == SLOT_ABSENT && (create || slu_now_ms(target->client->env) >= slot->absent_until_ms)))
        slot_ask(slot);
    if (slot->state == SLOT_READY)
        return SLU_OK;
    if (slot->state == SLOT_FAILED) {
        if (err != NULL && slot->failure != NULL)
            *err = *slot->failure;
        return slu_error_in(err, slot->failure == NULL ? SLU_NOMEM : slot->failure->status, "table %s, partition %s", target->name,
                            slot->name);
    }
    if (slot->state != SLOT_ABSENT && slot->state != SLOT_GONE)
        return SLU_AGAIN;
    const slu_status status = slu_error_set(
        err, SLU_NOTFOUND, slot->state == SLOT_GONE ? "table %s: partition %s was dropped" : "table %s has no partition %s",
        target->name, slot->name);
    if (err != NULL)
        err->code = FLUSS_ERROR_PARTITION_NOT_EXISTS;
    return status;
}

void
fluss_target_discover(fluss_target *target)
{
    if (fluss_target_partitioned(target))
        slots_list(target);
}

uint64_t
fluss_target_listings(const fluss_target *target)
{
    return target->listings;
}

static slu_status
all_ready(fluss_target *target, uint64_t before, slu_error *err)
{
    SLU_TRY(fluss_target_poll(target, err));
    if (target->listings == before) {
        fluss_target_discover(target); /* again, where the last one failed */
        return SLU_AGAIN;
    }
    bool ready = true;
    for (int32_t slot = 0; slot < target->slot_count; slot++) {
        const slu_status status = fluss_target_slot_ready(target, slot, false, err);
        if (status < 0 && status != SLU_NOTFOUND)
            return status;
        ready = ready && status != SLU_AGAIN;
    }
    return ready ? SLU_OK : SLU_AGAIN;
}

slu_status
fluss_target_slots_wait(fluss_target *target, int64_t timeout_ms, slu_error *err)
{
    const int64_t deadline_ms = slu_now_ms(target->client->env) + timeout_ms;
    const uint64_t before = target->listings;
    if (!fluss_target_partitioned(target))
        return SLU_OK;
    fluss_target_discover(target);
    for (;;) {
        const slu_status status = all_ready(target, before, err);
        if (status != SLU_AGAIN)
            return status;
        if (slu_now_ms(target->client->env) >= deadline_ms)
            return slu_error_set(err, SLU_TIMEOUT, "table %s: the leaders of its partitions are not known after %lld ms",
                                 target->name, (long long)timeout_ms);
        SLU_TRY(fluss_client_stop_check(target->client, err));
        fluss_client_step(target->client, FLUSS_STALE_PAUSE_MS);
    }
}
