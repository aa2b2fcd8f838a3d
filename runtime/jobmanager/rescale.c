/*
 * rescale.c: a job under another parallelism, from a barrier on.
 *
 *   ASKED --the checkpoint of the barrier is whole--> CUT --the old workers are dead--> STARTED --every task runs--> answered
 *     | it is aborted, the job fails: it goes on as it is                                  | the first attempt fails: back to the old plan
 *
 * Behind the barrier sources give nothing, so that nothing is done twice; sinks commit what they had prepared when they are restored.
 */
#include "jobmanager/internal.h"

#include "base/alloc.h"
#include "base/sizes.h"
#include "plan/rescale.h"

#include <inttypes.h>

#define SWAP(a, b)                                                                                                                 \
    do {                                                                                                                           \
        __typeof__(a) kept_ = (a);                                                                                                 \
        (a) = (b);                                                                                                                 \
        (b) = kept_;                                                                                                               \
    } while (0)

enum { ASKED, CUT, STARTED, REVERT };

struct rescale {
    uint64_t peer, request;
    uint32_t state;
    job *plan; /* holds the other plan: the new one until it is taken, then the old one */
    int64_t cut_ms;
};

/* What the job could have if nobody else took more. */
static uint32_t
slots_within_reach(const slu_jobmanager *jm, const job *j)
{
    uint32_t slots = 0;
    for (const node *n = jm->nodes; n != NULL; n = n->next) {
        uint32_t others = node_slots_used(jm, n->id);
        for (uint32_t i = 0; i < j->member_count; i++)
            if (!j->members[i].dead && strcmp(j->members[i].node, n->id) == 0)
                others -= j->members[i].slots;
        slots += n->peer == 0 || n->draining || others >= n->slots ? 0 : n->slots - others;
    }
    return slots;
}

/* The job's SUBMIT with another graph. */
static slu_status
submit_again(const job *j, const slu_graph *graph, slu_buf *out, slu_error *err)
{
    slu_arena arena;
    slu_message submit;
    slu_buf bytes;
    slu_arena_init(&arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_buf_init(&bytes, (size_t)SLU_CONTROL_BYTES_MAX);
    slu_status status = slu_message_decode(slu_buf_view(&j->submit), SLU_CONTROL_VERSION_MAX, &arena, &submit, err);
    if (status == SLU_OK)
        status = slu_graph_encode(graph, &bytes, err);
    if (status == SLU_OK) {
        submit.graph = slu_buf_view(&bytes);
        slu_message_encode(&submit, SLU_CONTROL_VERSION_MAX, out);
        status = slu_buf_status(out, err);
    }
    slu_buf_fini(&bytes);
    slu_arena_fini(&arena);
    return status;
}

static slu_status
plan_make(const job *j, const slu_message *message, job **out, slu_error *err)
{
    slu_rescale_want wants[SLU_OPERATORS_MAX];
    SLU_AUTO(slu_graph_free) slu_graph *graph = NULL;
    slu_buf bytes;
    if (message->item_count == 0 || message->item_count > SLU_OPERATORS_MAX)
        return slu_error_set(err, SLU_INVALID, "%" PRIu32 " wishes in one rescale", message->item_count);
    for (uint32_t i = 0; i < message->item_count; i++)
        wants[i] = (slu_rescale_want){.operator_id = message->items[i].name, .parallelism = message->items[i].parallelism};
    SLU_TRY(slu_graph_decode(j->graph_bytes, &graph, err));
    SLU_TRY(slu_graph_rescale(graph, wants, message->item_count, err));
    slu_buf_init(&bytes, (size_t)SLU_CONTROL_BYTES_MAX);
    slu_status status = submit_again(j, graph, &bytes, err);
    if (status == SLU_OK)
        status = job_plan_new(slu_buf_view(&bytes), out, err);
    slu_buf_fini(&bytes);
    return status;
}

void
rescale_free(job *j)
{
    if (j->rescale != NULL && j->rescale->plan != NULL)
        job_free(j->rescale->plan);
    slu_free(j->rescale);
    j->rescale = NULL;
}

/* The new plan, if it fits into what is there. */
static slu_status
plan_fitting(slu_jobmanager *jm, const job *j, const slu_message *message, job **out, slu_error *err)
{
    job *plan = NULL;
    SLU_TRY(plan_make(j, message, &plan, err));
    const uint32_t wanted = job_slots(plan);
    const uint32_t there = slots_within_reach(jm, j);
    if (wanted <= there) {
        *out = plan;
        return SLU_OK;
    }
    job_free(plan);
    return slu_error_set(err, SLU_INVALID,
                         "job %s would need %" PRIu32 " slots, and %" PRIu32 " are there for it: start another task manager",
                         j->name, wanted, there);
}

static slu_status
rescale_possible(const job *j, slu_error *err)
{
    if (j->ending || !j->begun || j->state != JOB_RUNNING || j->completed < 0)
        return slu_error_set(err, SLU_INVALID,
                             "job %s is %s: to be rescaled it must be RUNNING, with its first checkpoint behind it", j->name,
                             job_state_name(j->state));
    if (j->stopping || j->rescale != NULL)
        return slu_error_set(err, SLU_CONFLICT, "job %s is being %s already", j->name, j->stopping ? "stopped" : "rescaled");
    return SLU_OK;
}

/* From here on the plan is the rescale's. */
static slu_status
rescale_begin(job *j, uint64_t peer_number, uint64_t request, job *plan, slu_error *err)
{
    j->rescale = slu_alloc_zero(1, sizeof *j->rescale);
    if (j->rescale == NULL) {
        job_free(plan);
        return slu_error_set(err, SLU_NOMEM, "a rescale");
    }
    *j->rescale = (rescale){.peer = peer_number, .request = request, .plan = plan};
    slu_coordinator_request(j->coordinator, SLU_BARRIER_STOP);
    return SLU_OK;
}

slu_status
rescale_ask(slu_jobmanager *jm, const peer *from, const slu_message *message, job *j, slu_error *err)
{
    job *plan = NULL;
    SLU_TRY(rescale_possible(j, err));
    SLU_TRY(plan_fitting(jm, j, message, &plan, err));
    return rescale_begin(j, from->number, message->request, plan, err);
}

slu_status
rescale_move(slu_jobmanager *jm, job *j, slu_error *err)
{
    job *plan = NULL;
    SLU_TRY(rescale_possible(j, err));
    if (job_slots(j) > slots_within_reach(jm, j))
        return slu_error_set(err, SLU_INVALID, "there are no %" PRIu32 " slots for it elsewhere", job_slots(j));
    SLU_TRY(job_plan_new(slu_buf_view(&j->submit), &plan, err));
    return rescale_begin(j, 0, 0, plan, err);
}

void
rescale_failed(slu_jobmanager *jm, job *j, const char *why)
{
    char text[600];
    rescale *r = j->rescale;
    if (r == NULL || (r->state != ASKED && r->state != STARTED && !job_over(j)))
        return;
    if (r->state == STARTED && !job_over(j)) { /* the old plan is known to run */
        r->state = REVERT;
        return;
    }
    (void)snprintf(text, sizeof text, "job %s was not rescaled: %.500s", j->name, why);
    slu_log_warn(jm->spec.env, "RESCALE-FAILED", "%s", text);
    peer_send(jm, r->peer, &(slu_message){.kind = SLU_MESSAGE_FAILED, .request = r->request, .status = SLU_IO, .text = text});
    rescale_free(j);
}

bool
rescale_cut(slu_jobmanager *jm, job *j, int64_t checkpoint)
{
    if (j->rescale == NULL || j->rescale->state != ASKED || j->stop_after != checkpoint)
        return false;
    j->rescale->state = CUT;
    j->rescale->cut_ms = j->trigger_ms;
    job_end(jm, j, JOB_RESTARTING, JOB_RESTARTING, true);
    return true;
}

/* The plan is in the store before anything of it runs. */
static void
plan_swap(slu_jobmanager *jm, job *j)
{
    job *other = j->rescale->plan;
    slu_error err = {0};
    SWAP(j->submit, other->submit);
    SWAP(j->graph_bytes, other->graph_bytes);
    SWAP(j->graph, other->graph);
    SWAP(j->layout, other->layout);
    SWAP(j->placement, other->placement);
    SWAP(j->tasks, other->tasks);
    j->member_count = 0;
    j->metric_count = 0;
    if (slu_jobstore_set_submit(jm->spec.store, j->id, slu_buf_view(&j->submit), &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
}

bool
rescale_take(slu_jobmanager *jm, job *j)
{
    if (j->rescale == NULL || (j->rescale->state != CUT && j->rescale->state != REVERT))
        return false;
    const bool new_plan = j->rescale->state == CUT;
    plan_swap(jm, j);
    j->rescale->state = new_plan ? STARTED : ASKED;
    if (!new_plan)
        rescale_failed(jm, j, j->failure);
    return new_plan;
}

void
rescale_running(slu_jobmanager *jm, job *j)
{
    const rescale *r = j->rescale;
    if (r == NULL || r->state != STARTED)
        return;
    for (uint32_t t = 0; t < j->layout->task_count; t++)
        if (j->tasks[t] == TASK_CREATED || j->tasks[t] == TASK_DEPLOYING)
            return;
    const slu_message done = {.kind = SLU_MESSAGE_DONE,
                              .request = r->request,
                              .job = j->id,
                              .name = j->name,
                              .state = job_state_name(j->state),
                              .text = "",
                              .duration_ms = jm_now(jm) - r->cut_ms};
    slu_log_info(jm->spec.env, "RESCALED", "job %s: %" PRIu32 " tasks, after %" PRId64 " ms", j->name, j->layout->task_count,
                 done.duration_ms);
    peer_send(jm, r->peer, &done);
    rescale_free(j);
}
