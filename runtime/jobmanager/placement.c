/* placement.c: which task goes to which task manager. */
#include "jobmanager/internal.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <inttypes.h>

/* A node's share while slots are dealt out. */
typedef struct share {
    node *node;
    uint32_t slots_free;
    uint32_t slots_taken;
    uint32_t member;
} share;

static uint32_t
shares_of(slu_jobmanager *jm, share *shares, uint32_t count_max, uint32_t *slots_free)
{
    uint32_t count = 0;
    *slots_free = 0;
    for (node *n = jm->nodes; n != NULL && count < count_max; n = n->next) {
        const uint32_t used = node_slots_used(jm, n->id);
        if (n->peer == 0 || n->draining || used >= n->slots)
            continue;
        shares[count++] = (share){.node = n, .slots_free = n->slots - used};
        *slots_free += n->slots - used;
    }
    return count;
}

/* The node with the fewest slots of this job; of equals the one with the most free. */
static uint32_t
share_next(const share *shares, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++) {
        const bool best_full = shares[best].slots_taken >= shares[best].slots_free;
        if (shares[i].slots_taken >= shares[i].slots_free)
            continue;
        if (best_full || shares[i].slots_taken < shares[best].slots_taken ||
            (shares[i].slots_taken == shares[best].slots_taken && shares[i].slots_free > shares[best].slots_free))
            best = i;
    }
    return best;
}

static void
member_init(member *m, const node *n)
{
    *m = (member){0};
    (void)snprintf(m->node, sizeof m->node, "%s", n->id);
    (void)snprintf(m->host, sizeof m->host, "%s", n->host);
    (void)snprintf(m->boot, sizeof m->boot, "%s", n->boot);
}

/* Subtask s of every vertex goes to slot s (Flink's slot sharing), slots go round the nodes (spread). */
slu_status
attempt_place(slu_jobmanager *jm, job *j, slu_error *err)
{
    share shares[256];
    uint32_t slot_member[SLU_PARALLELISM_MAX];
    uint32_t slots = 1;
    uint32_t slots_free;
    for (uint32_t i = 0; i < j->layout->vertex_count; i++)
        slots = SLU_MAX(slots, j->layout->vertices[i].parallelism);
    if (slots > SLU_PARALLELISM_MAX)
        return slu_error_set(err, SLU_LIMIT, "parallelism %" PRIu32 " above %d", slots, SLU_PARALLELISM_MAX);
    const uint32_t count = shares_of(jm, shares, SLU_COUNT_OF(shares), &slots_free);
    if (slots_free < slots)
        return SLU_AGAIN;
    member *members = slu_alloc_zero(count, sizeof *members);
    if (members == NULL)
        return slu_error_set(err, SLU_NOMEM, "%" PRIu32 " workers", count);
    uint32_t member_count = 0;
    for (uint32_t slot = 0; slot < slots; slot++) {
        share *s = &shares[share_next(shares, count)];
        if (s->slots_taken++ == 0) {
            s->member = member_count;
            member_init(&members[member_count++], s->node);
        }
        members[s->member].slots++;
        slot_member[slot] = s->member;
    }
    for (uint32_t t = 0; t < j->layout->task_count; t++)
        j->placement[t] = slot_member[j->layout->tasks[t].subtask];
    slu_free(j->members);
    j->members = members;
    j->member_count = member_count;
    return SLU_OK;
}
