/* requests.c: what clients ask, and the answers. */
#include "jobmanager/internal.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <inttypes.h>

#define FORWARD_MS 5000
#define HISTORY_MAX 100

static void
fail(slu_jobmanager *jm, uint64_t peer_number, uint64_t request, const slu_error *why)
{
    const slu_message message = {.kind = SLU_MESSAGE_FAILED, .request = request, .status = why->status, .text = why->message};
    peer_send(jm, peer_number, &message);
}

/* A job by id, prefix of an id, or name. Among several of one name the one that still runs, else the newest. */
static slu_status
job_choose(slu_jobmanager *jm, const char *word, job **out, slu_error *err)
{
    job *found = NULL;
    uint32_t running = 0;
    const size_t bytes = strlen(word);
    for (job *j = jm->jobs; j != NULL; j = j->next) {
        if (strcmp(j->id, word) == 0) {
            *out = j;
            return SLU_OK;
        }
        if (strcmp(j->name, word) != 0 && (bytes < 4 || strncmp(j->id, word, bytes) != 0))
            continue;
        running += !job_over(j);
        if (found == NULL || job_over(found) || !job_over(j))
            found = j;
    }
    if (found == NULL)
        return slu_error_set(err, SLU_NOTFOUND, "no job \"%s\": sluice list shows those there are", word);
    if (running > 1)
        return slu_error_set(err, SLU_CONFLICT, "%" PRIu32 " running jobs fit \"%s\": give more of the id", running, word);
    *out = found;
    return SLU_OK;
}

static int64_t
metric_sum(const job *j, const char *name, uint32_t task_first, uint32_t task_count)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < j->metric_count; i++)
        if (j->metrics[i].task >= task_first && j->metrics[i].task - task_first < task_count &&
            strcmp(j->metrics[i].name, name) == 0)
            sum += j->metrics[i].value;
    return sum;
}

/* Rows that sources gave (`out` false) or sinks took (true). */
static uint64_t
job_rows(const job *j, bool out)
{
    int64_t sum = 0;
    for (uint32_t v = 0; j->layout != NULL && v < j->layout->vertex_count; v++) {
        const slu_vertex *vertex = &j->layout->vertices[v];
        bool feeds = false;
        for (uint32_t i = 0; i < j->layout->link_count; i++)
            feeds = feeds || j->layout->links[i].from_vertex == v;
        if (!out && vertex->input_count == 0)
            sum += metric_sum(j, feeds ? "rows_out" : "rows_in", vertex->task_first, vertex->parallelism);
        if (out && !feeds)
            sum += metric_sum(j, "rows_in", vertex->task_first, vertex->parallelism);
    }
    return (uint64_t)sum;
}

static int64_t
job_duration(slu_jobmanager *jm, const job *j)
{
    return (j->end_ms != 0 ? j->end_ms : slu_wall_ms(jm->spec.env)) - j->start_ms;
}

static slu_message
job_line(slu_jobmanager *jm, const job *j)
{
    return (slu_message){.kind = SLU_MESSAGE_JOB,
                         .job = j->id,
                         .name = j->name,
                         .state = job_state_name(j->state),
                         .attempt = j->attempt,
                         .parallelism = j->graph == NULL ? 0 : j->graph->parallelism,
                         .tasks = j->layout == NULL ? 0 : j->layout->task_count,
                         .start_ms = j->start_ms,
                         .end_ms = j->end_ms,
                         .duration_ms = job_duration(jm, j),
                         .restarts = j->restarts,
                         .checkpoint = j->completed,
                         .checkpoints = j->completed_count,
                         .rows_in = job_rows(j, false),
                         .rows_out = job_rows(j, true),
                         .text = j->failure};
}

static void
list_answer(slu_jobmanager *jm, const peer *to, uint64_t request)
{
    uint32_t count = 0;
    for (const job *j = jm->jobs; j != NULL; j = j->next)
        count++;
    slu_message *items = slu_arena_array(&jm->answer, count + 1, sizeof *items);
    if (items == NULL)
        return;
    uint32_t at = 0;
    for (const job *j = jm->jobs; j != NULL; j = j->next)
        items[at++] = job_line(jm, j);
    const slu_message message = {.kind = SLU_MESSAGE_JOBS, .request = request, .items = items, .item_count = count};
    peer_send(jm, to->number, &message);
}

/* "0:hash 1:forward": where the rows of a vertex come from. */
static const char *
vertex_inputs(slu_jobmanager *jm, const job *j, uint32_t vertex)
{
    const char *text = "";
    for (uint32_t i = 0; text != NULL && i < j->layout->link_count; i++) {
        const slu_link_edge *edge = &j->layout->links[i];
        if (edge->to_vertex == vertex)
            text = slu_arena_printf(&jm->answer, "%s%s%" PRIu32 ":%s", text, text[0] == 0 ? "" : " ", edge->from_vertex,
                                    slu_partition_name(edge->partition));
    }
    return text;
}

static void
vertex_fill(slu_jobmanager *jm, const job *j, const slu_vertex *vertex, slu_message *out)
{
    slu_message *tasks = slu_arena_array(&jm->answer, vertex->parallelism, sizeof *tasks);
    *out = (slu_message){.kind = SLU_MESSAGE_VERTEX, .name = vertex->name, .parallelism = vertex->parallelism};
    if (tasks == NULL)
        return;
    for (uint32_t s = 0; s < vertex->parallelism; s++) {
        const uint32_t task = vertex->task_first + s;
        tasks[s] = (slu_message){.kind = SLU_MESSAGE_TASK,
                                 .job = j->id,
                                 .attempt = j->attempt,
                                 .attempt_id = j->attempt_id,
                                 .task = task,
                                 .worker = j->placement[task],
                                 .name = j->placement[task] < j->member_count ? j->members[j->placement[task]].host : "",
                                 .pid = j->placement[task] < j->member_count ? j->members[j->placement[task]].pid : 0,
                                 .state = task_state_name(j->tasks[task])};
    }
    out->rows_in = (uint64_t)metric_sum(j, "rows_in", vertex->task_first, vertex->parallelism);
    out->rows_out = (uint64_t)metric_sum(j, "rows_out", vertex->task_first, vertex->parallelism);
    out->inputs = vertex_inputs(jm, j, (uint32_t)(vertex - j->layout->vertices));
    out->items = tasks;
    out->item_count = vertex->parallelism;
}

static void
details_answer(slu_jobmanager *jm, const peer *to, uint64_t request, const job *j)
{
    const uint32_t count = j->layout == NULL ? 0 : j->layout->vertex_count;
    slu_message *items = slu_arena_array(&jm->answer, count + 1, sizeof *items);
    if (items == NULL)
        return;
    for (uint32_t v = 0; v < count; v++)
        vertex_fill(jm, j, &j->layout->vertices[v], &items[v]);
    slu_message message = job_line(jm, j);
    message.kind = SLU_MESSAGE_DETAILS;
    message.request = request;
    message.path = j->path;
    message.interval_ms = j->graph == NULL ? 0 : (uint64_t)j->graph->checkpoint.interval_ms;
    message.key_groups = j->graph == NULL ? 0 : j->graph->max_parallelism;
    message.remote_frames = (uint64_t)metric_sum(j, "net_frames_in", 0, message.tasks == 0 ? 0 : j->layout->task_count);
    message.items = items;
    message.item_count = count;
    peer_send(jm, to->number, &message);
}

static void
done(slu_jobmanager *jm, uint64_t peer_number, uint64_t request, const job *j)
{
    const slu_message message = {.kind = SLU_MESSAGE_DONE,
                                 .request = request,
                                 .job = j->id,
                                 .name = j->name,
                                 .state = job_state_name(j->state),
                                 .text = j->failure,
                                 .duration_ms = job_duration(jm, j)};
    peer_send(jm, peer_number, &message);
}

void
waiters_answer(slu_jobmanager *jm, job *j, bool all)
{
    waiter **at = &j->waiters;
    while (*at != NULL) {
        waiter *w = *at;
        if (all || w->deadline <= jm_now(jm)) {
            *at = w->next;
            done(jm, w->peer, w->request, j);
            slu_free(w);
        } else {
            at = &w->next;
        }
    }
}

static void
wait_begin(slu_jobmanager *jm, const peer *from, const slu_message *message, job *j)
{
    waiter *w = slu_alloc_zero(1, sizeof *w);
    if (w == NULL || job_over(j)) {
        slu_free(w);
        done(jm, from->number, message->request, j);
        return;
    }
    *w = (waiter){.next = j->waiters,
                  .peer = from->number,
                  .request = message->request,
                  .deadline = jm_now(jm) + (int64_t)SLU_MIN(message->timeout_ms, (uint64_t)3600000)};
    j->waiters = w;
}

static void
cluster_answer(slu_jobmanager *jm, const peer *to, uint64_t request)
{
    uint32_t count = 0;
    for (const node *n = jm->nodes; n != NULL; n = n->next)
        count += n->peer != 0;
    slu_message *items = slu_arena_array(&jm->answer, count + 1, sizeof *items);
    if (items == NULL)
        return;
    slu_message message = {.kind = SLU_MESSAGE_CLUSTER,
                           .request = request,
                           .cluster = slu_jobstore_cluster(jm->spec.store),
                           .build = jm->spec.build,
                           .address = slu_link_address(jm->spec.listener),
                           .taskmanagers = count,
                           .items = items,
                           .item_count = count};
    uint32_t at = 0;
    for (const node *n = jm->nodes; n != NULL; n = n->next) {
        const uint32_t used = n->draining ? n->slots : node_slots_used(jm, n->id);
        if (n->peer == 0)
            continue;
        items[at++] = (slu_message){.kind = SLU_MESSAGE_NODE,
                                    .node = n->id,
                                    .host = n->host,
                                    .slots = n->slots,
                                    .slots_free = n->slots - SLU_MIN(used, n->slots),
                                    .pid = n->pid,
                                    .state = n->draining ? "DRAINING" : ""};
        message.slots += n->slots;
        message.slots_free += n->slots - SLU_MIN(used, n->slots);
    }
    peer_send(jm, to->number, &message);
}

typedef struct history {
    slu_arena *arena;
    slu_message *items;
    uint32_t count;
} history;

static slu_status
history_take(void *context, const slu_checkpoint_record *record, slu_error *err)
{
    history *h = context;
    h->items[h->count++] = (slu_message){.kind = SLU_MESSAGE_CHECKPOINT,
                                         .checkpoint = record->checkpoint,
                                         .state = slu_arena_strdup(h->arena, record->dropped ? "DROPPED" : record->state),
                                         .path = slu_arena_strdup(h->arena, record->path),
                                         .text = slu_arena_strdup(h->arena, record->text),
                                         .start_ms = record->trigger_ms,
                                         .duration_ms = record->duration_ms,
                                         .size = (uint64_t)record->bytes,
                                         .tasks = record->tasks};
    return slu_arena_status(h->arena, err);
}

static slu_status
history_answer(slu_jobmanager *jm, const peer *to, uint64_t request, const job *j, slu_error *err)
{
    history h = {.arena = &jm->answer, .items = slu_arena_array(&jm->answer, HISTORY_MAX, sizeof(slu_message))};
    if (h.items == NULL)
        return slu_arena_status(&jm->answer, err);
    SLU_TRY(slu_jobstore_checkpoints(jm->spec.store, j->id, HISTORY_MAX, history_take, &h, err));
    const slu_message message = {
        .kind = SLU_MESSAGE_CHECKPOINTS, .request = request, .job = j->id, .items = h.items, .item_count = h.count};
    peer_send(jm, to->number, &message);
    return SLU_OK;
}

static void
measured_answer(slu_jobmanager *jm, const peer *to, uint64_t request, const job *j)
{
    slu_message *items = slu_arena_array(&jm->answer, j->metric_count + 1u, sizeof *items);
    if (items == NULL)
        return;
    for (uint32_t i = 0; i < j->metric_count; i++)
        items[i] = (slu_message){
            .kind = SLU_MESSAGE_METRIC, .task = j->metrics[i].task, .name = j->metrics[i].name, .value = j->metrics[i].value};
    const slu_message message = {
        .kind = SLU_MESSAGE_MEASURED, .request = request, .job = j->id, .items = items, .item_count = j->metric_count};
    peer_send(jm, to->number, &message);
}

/* A task manager has the file: the question goes on to the one that runs or ran that worker. */
static slu_status
logs_forward(slu_jobmanager *jm, const peer *from, const slu_message *message, const job *j, slu_error *err)
{
    const node *n = message->worker < j->member_count ? node_find(jm, j->members[message->worker].node) : NULL;
    if (n == NULL || n->peer == 0)
        return slu_error_set(err, SLU_NOTFOUND, "the task manager of worker %" PRIu64 " of job %s is not here to ask for its log",
                             message->worker, j->name);
    forward *f = slu_alloc_zero(1, sizeof *f);
    if (f == NULL)
        return slu_error_set(err, SLU_NOMEM, "a question");
    *f = (forward){.next = jm->forwards,
                   .request = ++jm->forward_last,
                   .client = from->number,
                   .client_request = message->request,
                   .deadline = jm_now(jm) + FORWARD_MS};
    jm->forwards = f;
    const slu_message read = {
        .kind = SLU_MESSAGE_LOG_READ, .request = f->request, .job = j->id, .offset = message->offset, .size = message->size};
    peer_send(jm, n->peer, &read);
    return SLU_OK;
}

void
forward_answer(slu_jobmanager *jm, const slu_message *message)
{
    forward **at = &jm->forwards;
    while (*at != NULL && (*at)->request != message->request)
        at = &(*at)->next;
    forward *f = *at;
    if (f == NULL)
        return;
    slu_message answer = *message;
    answer.request = f->client_request;
    *at = f->next;
    peer_send(jm, f->client, &answer);
    slu_free(f);
}

void
forwards_expire(slu_jobmanager *jm)
{
    const slu_error late = {.status = SLU_TIMEOUT, .message = "the task manager did not answer"};
    forward **at = &jm->forwards;
    while (*at != NULL) {
        forward *f = *at;
        if (f->deadline <= jm_now(jm)) {
            *at = f->next;
            fail(jm, f->client, f->client_request, &late);
            slu_free(f);
        } else {
            at = &f->next;
        }
    }
}

/* Requests about one job. */
static slu_status
job_request(slu_jobmanager *jm, peer *from, const slu_message *message, slu_error *err)
{
    job *j = NULL;
    SLU_TRY(job_choose(jm, message->job, &j, err));
    switch (message->kind) {
    case SLU_MESSAGE_DESCRIBE: details_answer(jm, from, message->request, j); return SLU_OK;
    case SLU_MESSAGE_WAIT: wait_begin(jm, from, message, j); return SLU_OK;
    case SLU_MESSAGE_RULEBOOK: return rules_book_answer(jm, from, message, j, err);
    case SLU_MESSAGE_HISTORY: return history_answer(jm, from, message->request, j, err);
    case SLU_MESSAGE_MEASURE: measured_answer(jm, from, message->request, j); return SLU_OK;
    case SLU_MESSAGE_LOGS: return logs_forward(jm, from, message, j, err);
    default: break;
    }
    if (job_over(j))
        return slu_error_set(err, SLU_INVALID, "job %s is %s already", j->name, job_state_name(j->state));
    if (message->kind == SLU_MESSAGE_SAVEPOINT)
        return savepoint_ask(jm, from, message, j, err);
    if (message->kind == SLU_MESSAGE_RESCALE)
        return rescale_ask(jm, from, message, j, err);
    if (message->kind == SLU_MESSAGE_APPLY)
        return rules_ask(jm, from, message, j, err);
    if (message->kind == SLU_MESSAGE_CANCEL)
        job_cancel(jm, j);
    else
        job_stop(jm, j, message->flags);
    done(jm, from->number, message->request, j);
    return SLU_OK;
}

void
submit_answer(slu_jobmanager *jm, job *j, const slu_error *failure)
{
    if (j->asker == 0)
        return;
    if (failure == NULL)
        done(jm, j->asker, j->asked, j);
    else
        fail(jm, j->asker, j->asked, failure);
    j->asker = j->asked = 0;
}

/* What it is to begin from is in a store: whoever submits hears when that was found good. */
static slu_status
submit(slu_jobmanager *jm, const peer *from, const slu_message *message, slu_view bytes, slu_error *err)
{
    job *j = NULL;
    SLU_TRY(job_submit(jm, message, bytes, &j, err));
    if (j->restore[0] == 0 || !attempt_is_remote(jm, j)) {
        done(jm, from->number, message->request, j);
    } else {
        j->asker = from->number;
        j->asked = message->request;
    }
    return SLU_OK;
}

static slu_status
request_take(slu_jobmanager *jm, peer *from, const slu_message *message, slu_view bytes, slu_error *err)
{
    switch (message->kind) {
    case SLU_MESSAGE_SUBMIT: return submit(jm, from, message, bytes, err);
    case SLU_MESSAGE_LIST: list_answer(jm, from, message->request); return SLU_OK;
    case SLU_MESSAGE_DRAIN: return drain_ask(jm, from, message, err);
    case SLU_MESSAGE_OVERVIEW: cluster_answer(jm, from, message->request); return SLU_OK;
    case SLU_MESSAGE_DESCRIBE:
    case SLU_MESSAGE_WAIT:
    case SLU_MESSAGE_CANCEL:
    case SLU_MESSAGE_STOP:
    case SLU_MESSAGE_SAVEPOINT:
    case SLU_MESSAGE_RESCALE:
    case SLU_MESSAGE_APPLY:
    case SLU_MESSAGE_RULEBOOK:
    case SLU_MESSAGE_LOGS:
    case SLU_MESSAGE_MEASURE:
    case SLU_MESSAGE_HISTORY: return job_request(jm, from, message, err);
    default: return slu_error_set(err, SLU_UNSUPPORTED, "a client does not say %s", slu_message_name(message->kind));
    }
}

void
client_message(slu_jobmanager *jm, peer *from, const slu_message *message, slu_view bytes)
{
    slu_error err = {0};
    slu_arena_reset(&jm->answer);
    if (request_take(jm, from, message, bytes, &err) != SLU_OK)
        fail(jm, from->number, message->request, &err);
}

const slu_graph *
slu_jobmanager_graph(const slu_jobmanager *jm, const char *id)
{
    const job *j = jm->jobs;
    while (j != NULL && strcmp(j->id, id) != 0)
        j = j->next;
    return j == NULL ? NULL : j->graph;
}

slu_status
slu_jobmanager_ask(slu_jobmanager *jm, const slu_message *request, slu_buf *answer, slu_error *err)
{
    peer asking = {.number = PEER_HERE, .version = SLU_CONTROL_VERSION_MAX};
    if (request->kind == SLU_MESSAGE_WAIT || request->kind == SLU_MESSAGE_LOGS || request->kind == SLU_MESSAGE_SUBMIT ||
        request->kind == SLU_MESSAGE_SAVEPOINT || request->kind == SLU_MESSAGE_RESCALE || request->kind == SLU_MESSAGE_APPLY ||
        request->kind == SLU_MESSAGE_DRAIN)
        return slu_error_set(err, SLU_UNSUPPORTED, "%s is answered later, and over a link only", slu_message_name(request->kind));
    jm->here = answer;
    client_message(jm, &asking, request, slu_view_of(NULL, 0));
    jm->here = NULL;
    return slu_buf_status(answer, err);
}
