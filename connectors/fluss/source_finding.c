#include "source_finding.h"

#include "base/alloc.h"
#include "fluss/wire/error.h"

static void
found_free(source_found *found)
{
    if (found == NULL)
        return;
    fluss_call_cancel(&found->call);
    slu_free(found->at);
    slu_free(found);
}

void
source_finding_reset(source_finding *finding)
{
    for (uint32_t i = 0; i < finding->count; i++)
        found_free(finding->items[i]);
    slu_free(finding->items);
    memset(finding, 0, sizeof *finding);
}

static void
none_found(const fluss_target *target, int32_t slot, fluss_snapshot_at *at)
{
    const int32_t buckets = fluss_target_table(target)->bucket_count;
    for (int32_t i = 0; i < buckets; i++)
        at[i] = (fluss_snapshot_at){slot * buckets + i, FLUSS_NO_SNAPSHOT, -1};
}

static void
answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    source_found *found = context;
    source_finding *finding = found->of;
    slu_error why = {0};
    found->call = NULL;
    finding->open--;
    if (failure != NULL && failure->code != FLUSS_ERROR_PARTITION_NOT_EXISTS)
        finding->failure = *failure;
    else if (failure == NULL && fluss_snapshots_take(finding->target, found->slot, answer, found->at, &why) != SLU_OK)
        finding->failure = why;
}

static source_found *
found_new(source_finding *finding, fluss_target *target, int32_t slot)
{
    source_found **items = slu_realloc(finding->items, (finding->count + 1) * sizeof(source_found *));
    source_found *found = slu_alloc_zero(1, sizeof *found);
    if (items != NULL)
        finding->items = items;
    if (found != NULL)
        found->at = slu_alloc((size_t)fluss_target_table(target)->bucket_count * sizeof *found->at);
    if (items == NULL || found == NULL || found->at == NULL) {
        found_free(found);
        return NULL;
    }
    found->of = finding;
    found->slot = slot;
    none_found(target, slot, found->at);
    finding->items[finding->count++] = found;
    return found;
}

slu_status
source_finding_add(source_finding *finding, fluss_target *target, int32_t slot, slu_error *err)
{
    finding->target = target;
    source_found *found = found_new(finding, target, slot);
    if (found == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a partition that was found");
    SLU_TRY(fluss_snapshots_ask(target, slot, answered, found, &found->call, err));
    finding->open++;
    return SLU_OK;
}

slu_status
source_finding_poll(const source_finding *finding, slu_error *err)
{
    if (finding->open != 0)
        return SLU_AGAIN;
    if (finding->failure.status != SLU_OK && err != NULL)
        *err = finding->failure;
    return finding->failure.status;
}

const fluss_snapshot_at *
source_finding_at(const source_finding *finding, int32_t slot)
{
    for (uint32_t i = 0; i < finding->count; i++)
        if (finding->items[i]->slot == slot)
            return finding->items[i]->at;
    return NULL;
}
