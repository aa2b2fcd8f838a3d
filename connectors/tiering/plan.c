#include "plan.h"

#include "fluss/client/admin.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

#include "base/alloc.h"

#include <fnmatch.h>

#define STATE_LOADING 0
#define STATE_LISTING 1
#define STATE_ASKED 2
#define STATE_SNAPSHOTS 3
#define STATE_READY 4

/* A call under way, about one slot. */
typedef struct plan_call {
    tiering_plan *plan;
    fluss_call *call;
    int32_t slot;
    struct plan_call *next;
} plan_call;

struct tiering_plan {
    fluss_target *target;
    const tiering_piece *head;
    int state;
    slu_error failure; /* of a call; status OK: none */
    plan_call *calls;
    uint32_t calls_open;
    bool has_snapshot;
    int64_t known_snapshot;
    int32_t slot_count;
    int32_t bucket_count;    /* of one slot */
    tiering_bucket *buckets; /* by bucket number; latest -1 in partitions that are gone */
    bool *gone;              /* by slot */
    int32_t *asked;          /* the buckets of one call */
    tiering_split *splits;
    size_t split_count;
};

bool
tiering_split_of(const tiering_bucket *bucket, int32_t number, tiering_split *out)
{
    const bool fresh = bucket->committed < 0;
    if (bucket->latest <= 0 || (!fresh && bucket->committed >= bucket->latest))
        return false;
    *out = (tiering_split){number, FLUSS_NO_SNAPSHOT, fresh ? TIERING_OFFSET_EARLIEST : bucket->committed, bucket->latest};
    if (fresh && bucket->snapshot.snapshot_id != FLUSS_NO_SNAPSHOT) {
        out->snapshot_id = bucket->snapshot.snapshot_id;
        out->end = bucket->snapshot.log_offset;
    }
    return true;
}

bool
tiering_table_wanted(const char *patterns, const char *database, const char *table)
{
    char name[TIERING_NAME_BYTES_MAX * 2];
    char pattern[TIERING_NAME_BYTES_MAX * 2];
    (void)snprintf(name, sizeof name, "%s.%s", database, table);
    if (patterns == NULL || patterns[0] == 0)
        return true;
    for (const char *at = patterns; *at != 0;) {
        const size_t bytes = strcspn(at, ",");
        (void)snprintf(pattern, sizeof pattern, "%.*s", (int)bytes, at);
        if (fnmatch(pattern, name, 0) == 0)
            return true;
        at += bytes + (at[bytes] == ',');
    }
    return false;
}

slu_status
tiering_plan_open(fluss_target *target, const tiering_piece *head, tiering_plan **out, slu_error *err)
{
    tiering_plan *plan = slu_alloc_zero(1, sizeof *plan);
    if (plan == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a tiering round");
    plan->target = target;
    plan->head = head;
    *out = plan;
    return SLU_OK;
}

void
tiering_plan_close(tiering_plan **plan)
{
    tiering_plan *p = *plan;
    if (p == NULL)
        return;
    while (p->calls != NULL) {
        plan_call *call = p->calls;
        p->calls = call->next;
        fluss_call_cancel(&call->call);
        slu_free(call);
    }
    slu_free(p->buckets);
    slu_free(p->gone);
    slu_free(p->asked);
    slu_free(p->splits);
    slu_free(p);
    *plan = NULL;
}

const tiering_split *
tiering_plan_splits(const tiering_plan *plan, size_t *count)
{
    *count = plan->split_count;
    return plan->splits;
}

int64_t
tiering_plan_known_snapshot(const tiering_plan *plan, int64_t none)
{
    return plan->has_snapshot ? plan->known_snapshot : none;
}

/* ---- answers ---- */

/* A partition that was dropped meanwhile has nothing to read; any other failure ends the round. */
static void
plan_fail(tiering_plan *plan, int32_t slot, const slu_error *failure, const char *what)
{
    if (failure->code == FLUSS_ERROR_PARTITION_NOT_EXISTS && fluss_target_partitioned(plan->target)) {
        plan->gone[slot] = true;
    } else if (plan->failure.status == SLU_OK) {
        plan->failure = *failure;
        (void)slu_error_in(&plan->failure, failure->status, "%s", what);
    }
}

/* The call's handle is over; its plan. */
static tiering_plan *
call_over(plan_call *call)
{
    call->call = NULL;
    call->plan->calls_open--;
    return call->plan;
}

static void
on_lake_snapshot(void *context, fluss_answer *answer, const slu_error *failure)
{
    tiering_plan *plan = call_over(context);
    if (failure != NULL) {
        if (failure->code != FLUSS_ERROR_LAKE_SNAPSHOT_NOT_EXIST)
            plan_fail(plan, 0, failure, "the lake snapshot that Fluss knows");
        return;
    }
    const Fluss__GetLakeSnapshotResponse *snapshot = (const Fluss__GetLakeSnapshotResponse *)answer->message;
    plan->has_snapshot = true;
    plan->known_snapshot = snapshot->snapshot_id;
    for (size_t i = 0; i < snapshot->n_bucket_snapshots; i++) {
        const Fluss__PbLakeSnapshotForBucket *bucket = snapshot->bucket_snapshots[i];
        const int64_t partition = bucket->has_partition_id ? bucket->partition_id : -1;
        const int32_t number = fluss_target_bucket_find(plan->target, partition, bucket->bucket_id);
        if (bucket->has_log_offset && number >= 0 && number < plan->slot_count * plan->bucket_count)
            plan->buckets[number].committed = bucket->log_offset;
    }
}

static void
on_offsets(void *context, fluss_answer *answer, const slu_error *failure)
{
    plan_call *call = context;
    tiering_plan *plan = call_over(call);
    slu_error err;
    if (failure != NULL) {
        plan_fail(plan, call->slot, failure, "the latest offsets");
        return;
    }
    const Fluss__ListOffsetsResponse *offsets = (const Fluss__ListOffsetsResponse *)answer->message;
    for (size_t i = 0; i < offsets->n_buckets_resp; i++) {
        const Fluss__PbListOffsetsRespForBucket *bucket = offsets->buckets_resp[i];
        if (bucket->has_error_code && bucket->error_code != 0) {
            (void)fluss_error_set(&err, bucket->error_code, bucket->error_message);
            plan_fail(plan, call->slot, &err, "the latest offset of a bucket");
        } else if (bucket->bucket_id >= 0 && bucket->bucket_id < plan->bucket_count && bucket->has_offset) {
            plan->buckets[call->slot * plan->bucket_count + bucket->bucket_id].latest = bucket->offset;
        }
    }
}

static void
on_kv_snapshots(void *context, fluss_answer *answer, const slu_error *failure)
{
    plan_call *call = context;
    tiering_plan *plan = call_over(call);
    slu_error err;
    if (failure != NULL) {
        plan_fail(plan, call->slot, failure, "the kv snapshots");
        return;
    }
    fluss_snapshot_at *at = slu_alloc_zero((size_t)plan->bucket_count, sizeof *at);
    slu_status status = at == NULL ? slu_error_set(&err, SLU_NOMEM, "no memory for kv snapshots") : SLU_OK;
    if (status == SLU_OK)
        status = fluss_snapshots_take(plan->target, call->slot, answer, at, &err);
    for (int32_t i = 0; i < plan->bucket_count && status == SLU_OK; i++)
        plan->buckets[call->slot * plan->bucket_count + i].snapshot = at[i];
    if (status != SLU_OK)
        plan_fail(plan, call->slot, &err, "the kv snapshots");
    slu_free(at);
}

/* ---- asking ---- */

static slu_status
call_new(tiering_plan *plan, int32_t slot, plan_call **out, slu_error *err)
{
    plan_call *call = slu_alloc_zero(1, sizeof *call);
    if (call == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a call");
    call->plan = plan;
    call->slot = slot;
    call->next = plan->calls;
    plan->calls = call;
    plan->calls_open++; /* a call that cannot be sent ends the plan */
    *out = call;
    return SLU_OK;
}

static slu_status
ask_lake_snapshot(tiering_plan *plan, slu_error *err)
{
    Fluss__GetLakeSnapshotRequest request = FLUSS__GET_LAKE_SNAPSHOT_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    plan_call *call = NULL;
    path.database_name = (char *)(uintptr_t)plan->head->database;
    path.table_name = (char *)(uintptr_t)plan->head->table;
    request.table_path = &path;
    SLU_TRY(call_new(plan, 0, &call, err));
    return fluss_client_call(fluss_target_client(plan->target), FLUSS_TO_COORDINATOR, FLUSS_API_GET_LAKE_SNAPSHOT, &request.base,
                             on_lake_snapshot, call, &call->call, err);
}

/* The buckets of a slot that one node leads, from `first` on. */
static slu_status
ask_offsets(tiering_plan *plan, int32_t slot, int32_t first, slu_error *err)
{
    Fluss__ListOffsetsRequest request = FLUSS__LIST_OFFSETS_REQUEST__INIT;
    const int32_t *leaders = fluss_target_slot_leaders(plan->target, slot);
    const int64_t partition = fluss_target_slot(plan->target, slot).id;
    plan_call *call = NULL;
    request.follower_server_id = -1;
    request.offset_type = FLUSS_OFFSETS_LATEST;
    request.table_id = plan->head->table_id;
    request.has_partition_id = partition >= 0;
    request.partition_id = partition;
    request.bucket_id = plan->asked;
    for (int32_t bucket = first; bucket < plan->bucket_count; bucket++)
        if (leaders[bucket] == leaders[first])
            plan->asked[request.n_bucket_id++] = bucket;
    SLU_TRY(call_new(plan, slot, &call, err));
    return fluss_client_call(fluss_target_client(plan->target), leaders[first], FLUSS_API_LIST_OFFSETS, &request.base, on_offsets,
                             call, &call->call, err);
}

static slu_status
ask_leaders(tiering_plan *plan, int32_t slot, slu_error *err)
{
    const int32_t *leaders = fluss_target_slot_leaders(plan->target, slot);
    for (int32_t bucket = 0; bucket < plan->bucket_count; bucket++) {
        bool seen = false;
        for (int32_t before = 0; before < bucket && !seen; before++)
            seen = leaders[before] == leaders[bucket];
        if (!seen)
            SLU_TRY(ask_offsets(plan, slot, bucket, err));
    }
    return SLU_OK;
}

static bool
slot_is_fresh(const tiering_plan *plan, int32_t slot)
{
    for (int32_t i = slot * plan->bucket_count; i < (slot + 1) * plan->bucket_count; i++)
        if (plan->buckets[i].committed < 0 && plan->buckets[i].latest > 0)
            return true;
    return false;
}

/* A primary-key table's partitions that the lake does not have yet. */
static slu_status
ask_kv_snapshots(tiering_plan *plan, slu_error *err)
{
    const bool is_keyed = fluss_target_table(plan->target)->key_column_count != 0;
    for (int32_t slot = 0; slot < plan->slot_count && is_keyed; slot++) {
        plan_call *call = NULL;
        if (plan->gone[slot] || !slot_is_fresh(plan, slot))
            continue;
        SLU_TRY(call_new(plan, slot, &call, err));
        SLU_TRY(fluss_snapshots_ask(plan->target, slot, on_kv_snapshots, call, &call->call, err));
    }
    return SLU_OK;
}

/* ---- the steps ---- */

static slu_status
plan_load(tiering_plan *plan, slu_error *err)
{
    SLU_TRY(fluss_target_poll(plan->target, err));
    const fluss_table *table = fluss_target_table(plan->target);
    if (table->table_id != plan->head->table_id)
        return slu_error_set(err, SLU_CONFLICT, "the table was dropped and created anew: its id was %lld and is %lld",
                             (long long)plan->head->table_id, (long long)table->table_id);
    plan->bucket_count = table->bucket_count;
    if (fluss_target_partitioned(plan->target))
        fluss_target_discover(plan->target);
    plan->state = STATE_LISTING;
    return SLU_OK;
}

static slu_status
plan_room(tiering_plan *plan, slu_error *err)
{
    plan->slot_count = fluss_target_slot_count(plan->target);
    const int64_t numbers = (int64_t)plan->slot_count * plan->bucket_count;
    if (plan->bucket_count < 1 || numbers > TIERING_SPLITS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%lld buckets in %d partitions: 1 to %d are tiered in one round", (long long)numbers,
                             plan->slot_count, TIERING_SPLITS_MAX);
    plan->buckets = slu_alloc_zero((size_t)numbers + 1, sizeof *plan->buckets);
    plan->splits = slu_alloc_zero((size_t)numbers + 1, sizeof *plan->splits);
    plan->gone = slu_alloc_zero((size_t)plan->slot_count + 1, sizeof *plan->gone);
    plan->asked = slu_alloc_zero((size_t)plan->bucket_count, sizeof *plan->asked);
    if (plan->buckets == NULL || plan->splits == NULL || plan->gone == NULL || plan->asked == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %lld buckets", (long long)numbers);
    for (int32_t i = 0; i < (int32_t)numbers; i++)
        plan->buckets[i] = (tiering_bucket){-1, TIERING_OFFSET_NONE, {i, FLUSS_NO_SNAPSHOT, -1}};
    return SLU_OK;
}

/* Whether a slot's leaders are known (OK), or it is gone (NOTFOUND). */
static slu_status
slot_ready(tiering_plan *plan, int32_t slot, slu_error *err)
{
    if (fluss_target_partitioned(plan->target))
        return fluss_target_slot_ready(plan->target, slot, false, err);
    for (int32_t bucket = 0; bucket < plan->bucket_count; bucket++)
        if (fluss_target_leader(plan->target, bucket) < 0)
            return SLU_AGAIN;
    return SLU_OK;
}

static slu_status
plan_list(tiering_plan *plan, slu_error *err)
{
    if (fluss_target_partitioned(plan->target) && fluss_target_listings(plan->target) == 0) {
        fluss_target_discover(plan->target); /* again, where the last one failed */
        return SLU_AGAIN;
    }
    if (plan->buckets == NULL)
        SLU_TRY(plan_room(plan, err));
    for (int32_t slot = 0; slot < plan->slot_count; slot++) {
        const slu_status status = slot_ready(plan, slot, err);
        plan->gone[slot] = status == SLU_NOTFOUND;
        if (status != SLU_OK && status != SLU_NOTFOUND)
            return status;
    }
    SLU_TRY(ask_lake_snapshot(plan, err));
    for (int32_t slot = 0; slot < plan->slot_count; slot++)
        if (!plan->gone[slot])
            SLU_TRY(ask_leaders(plan, slot, err));
    plan->state = STATE_ASKED;
    return SLU_AGAIN;
}

static slu_status
plan_answers(const tiering_plan *plan, slu_error *err)
{
    if (plan->failure.status != SLU_OK) {
        if (err != NULL)
            *err = plan->failure;
        return plan->failure.status;
    }
    return plan->calls_open != 0 ? SLU_AGAIN : SLU_OK;
}

static slu_status
plan_asked(tiering_plan *plan, slu_error *err)
{
    SLU_TRY(plan_answers(plan, err));
    for (int32_t i = 0; i < plan->slot_count * plan->bucket_count; i++)
        if (plan->buckets[i].latest < 0 && !plan->gone[i / plan->bucket_count])
            return slu_error_set(err, SLU_CORRUPT, "the server gave no latest offset for bucket %d", i % plan->bucket_count);
    SLU_TRY(ask_kv_snapshots(plan, err));
    plan->state = STATE_SNAPSHOTS;
    return SLU_OK;
}

static slu_status
plan_snapshots(tiering_plan *plan, slu_error *err)
{
    SLU_TRY(plan_answers(plan, err));
    for (int32_t i = 0; i < plan->slot_count * plan->bucket_count; i++)
        if (!plan->gone[i / plan->bucket_count])
            plan->split_count += tiering_split_of(&plan->buckets[i], i, &plan->splits[plan->split_count]);
    plan->state = STATE_READY;
    return SLU_OK;
}

slu_status
tiering_plan_poll(tiering_plan *plan, slu_error *err)
{
    if (plan->state == STATE_LOADING)
        SLU_TRY(plan_load(plan, err));
    if (plan->state == STATE_LISTING)
        SLU_TRY(plan_list(plan, err));
    if (plan->state == STATE_ASKED)
        SLU_TRY(plan_asked(plan, err));
    if (plan->state == STATE_SNAPSHOTS)
        SLU_TRY(plan_snapshots(plan, err));
    return SLU_OK;
}
