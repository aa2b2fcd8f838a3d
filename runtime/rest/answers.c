/* answers.c: one function a path, over the job manager's own messages. */
#include "rest/answers.h"

#include "base/sizes.h"
#include "plan/restart.h"
#include "rest/savepoints.h"

#include <inttypes.h>
#include <jansson.h>

#define PARTS_MAX 8
#define ANSWER_BYTES_MAX ((size_t)16 << 20)

/* An answer of the job manager, decoded, with the memory it lives in. */
typedef struct asked {
    slu_buf bytes;
    slu_arena arena;
    slu_message message;
} asked;

typedef struct call {
    const slu_rest_request *request;
    const char *parts[PARTS_MAX];
    uint32_t part_count;
    char path[512];
    uint32_t code;
    slu_error err;
} call;

static void
asked_fini(asked *a)
{
    slu_buf_fini(&a->bytes);
    slu_arena_fini(&a->arena);
}

/* OK, or what the job manager refused it with (in c->err). */
static slu_status
ask(call *c, uint32_t kind, const char *job, asked *out)
{
    const slu_message request = {.kind = kind, .job = job};
    slu_buf_init(&out->bytes, ANSWER_BYTES_MAX);
    slu_arena_init(&out->arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    SLU_TRY(slu_jobmanager_ask(c->request->jobmanager, &request, &out->bytes, &c->err));
    SLU_TRY(slu_message_decode(slu_buf_view(&out->bytes), SLU_CONTROL_VERSION_MAX, &out->arena, &out->message, &c->err));
    if (out->message.kind == SLU_MESSAGE_FAILED)
        return slu_error_set(&c->err, out->message.status < 0 ? (slu_status)out->message.status : SLU_IO, "%s", out->message.text);
    return SLU_OK;
}

/* Flink's words for the states of a task: a task whose data has ended still runs for it. */
static const char *
task_state(const char *state)
{
    return strcmp(state, "ENDED") == 0 ? "RUNNING" : state;
}

static const char *const task_words[] = {"CREATED",   "SCHEDULED", "DEPLOYING", "RUNNING",     "FINISHED",
                                         "CANCELING", "CANCELED",  "FAILED",    "RECONCILING", "INITIALIZING"};

/* How many tasks are in each state, keys in Flink's case. */
static json_t *
state_counts(const slu_message *vertices, uint32_t count, bool lower)
{
    json_t *counts = json_object();
    for (size_t w = 0; w < SLU_COUNT_OF(task_words); w++) {
        char key[32];
        json_int_t n = 0;
        for (uint32_t v = 0; v < count; v++)
            for (uint32_t t = 0; t < vertices[v].item_count; t++)
                n += strcmp(task_state(vertices[v].items[t].state), task_words[w]) == 0;
        (void)snprintf(key, sizeof key, "%s", task_words[w]);
        for (char *at = key; lower && *at != 0; at++)
            *at = (char)(*at | 0x20);
        json_object_set_new(counts, key, json_integer(n));
    }
    return counts;
}

/* Ids of vertices: 32 hex digits, the job's first half and the number. */
static void
vertex_id(const char *job, uint32_t vertex, char out[33])
{
    (void)snprintf(out, 33, "%.16s%016" PRIx32, job, vertex);
}

static int64_t
metric_of(const slu_message *measured, const char *name, uint64_t task_first, uint64_t task_count)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < measured->item_count; i++)
        if (measured->items[i].task >= task_first && measured->items[i].task - task_first < task_count &&
            strcmp(measured->items[i].name, name) == 0)
            sum += measured->items[i].value;
    return sum;
}

static json_t *
io_metrics(const slu_message *measured, uint64_t task_first, uint64_t task_count)
{
    return json_pack("{s:I, s:b, s:I, s:b, s:I, s:b, s:I, s:b, s:I, s:I, s:I}", "read-bytes",
                     (json_int_t)metric_of(measured, "bytes_in", task_first, task_count), "read-bytes-complete", 1, "write-bytes",
                     (json_int_t)metric_of(measured, "bytes_out", task_first, task_count), "write-bytes-complete", 1,
                     "read-records", (json_int_t)metric_of(measured, "rows_in", task_first, task_count), "read-records-complete", 1,
                     "write-records", (json_int_t)metric_of(measured, "rows_out", task_first, task_count), "write-records-complete",
                     1, "accumulated-backpressured-time",
                     (json_int_t)metric_of(measured, "backpressured_ms", task_first, task_count), "accumulated-idle-time",
                     (json_int_t)metric_of(measured, "idle_ms", task_first, task_count), "accumulated-busy-time",
                     (json_int_t)metric_of(measured, "busy_ms", task_first, task_count));
}

static json_int_t
end_or(int64_t end_ms)
{
    return end_ms == 0 ? -1 : (json_int_t)end_ms;
}

/* ---- Cluster --------------------------------------------------------------------------------------------------------------------- */

static json_t *
config(call *c)
{
    return json_pack("{s:i, s:s, s:i, s:s, s:s, s:{s:b, s:b, s:b, s:b}}", "refresh-interval", 3000, "timezone-name",
                     "Coordinated Universal Time", "timezone-offset", 0, "flink-version", "sluice", "flink-revision", "",
                     "features", "web-submit", 0, "web-cancel", 1, "web-rescale", 0, "web-history", 0);
}

static json_int_t
jobs_in(const slu_message *jobs, const char *first, const char *second)
{
    json_int_t count = 0;
    for (uint32_t i = 0; i < jobs->item_count; i++)
        count += strcmp(jobs->items[i].state, first) == 0 || (second != NULL && strcmp(jobs->items[i].state, second) == 0);
    return count;
}

/* Jobs that are neither over nor waiting count as running, as Flink counts them. */
static json_int_t
jobs_running(const slu_message *jobs)
{
    return (json_int_t)jobs->item_count - jobs_in(jobs, "FINISHED", "CANCELED") - jobs_in(jobs, "FAILED", NULL);
}

static json_t *
overview(call *c)
{
    asked cluster = {0};
    asked jobs = {0};
    json_t *body = NULL;
    if (ask(c, SLU_MESSAGE_OVERVIEW, "", &cluster) == SLU_OK && ask(c, SLU_MESSAGE_LIST, "", &jobs) == SLU_OK)
        body =
            json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "taskmanagers", (json_int_t)cluster.message.taskmanagers,
                      "slots-total", (json_int_t)cluster.message.slots, "slots-available", (json_int_t)cluster.message.slots_free,
                      "jobs-running", jobs_running(&jobs.message), "jobs-finished", jobs_in(&jobs.message, "FINISHED", NULL),
                      "jobs-cancelled", jobs_in(&jobs.message, "CANCELED", NULL), "jobs-failed",
                      jobs_in(&jobs.message, "FAILED", NULL), "flink-version", cluster.message.build, "flink-commit", "");
    asked_fini(&cluster);
    asked_fini(&jobs);
    return body;
}

static json_t *
taskmanager(const slu_message *node)
{
    return json_pack("{s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:{}, s:{}, s:{s:i, s:i, s:i, s:i}, s:{}, s:[]}", "id", node->node,
                     "path", node->host, "dataPort", 0, "jmxPort", -1, "timeSinceLastHeartbeat", (json_int_t)0, "slotsNumber",
                     (json_int_t)node->slots, "freeSlots", (json_int_t)node->slots_free, "totalResource", "freeResource",
                     "hardware", "cpuCores", 0, "physicalMemory", 0, "freeMemory", 0, "managedMemory", 0, "memoryConfiguration",
                     "allocatedSlots");
}

static json_t *
taskmanagers(call *c)
{
    asked cluster = {0};
    json_t *body = NULL;
    if (ask(c, SLU_MESSAGE_OVERVIEW, "", &cluster) == SLU_OK) {
        json_t *list = json_array();
        for (uint32_t i = 0; i < cluster.message.item_count; i++) {
            if (c->part_count == 1)
                json_array_append_new(list, taskmanager(&cluster.message.items[i]));
            else if (strcmp(cluster.message.items[i].node, c->parts[1]) == 0)
                body = taskmanager(&cluster.message.items[i]);
        }
        if (c->part_count == 1)
            body = json_pack("{s:o}", "taskmanagers", list);
        else
            json_decref(list);
        if (body == NULL)
            (void)slu_error_set(&c->err, SLU_NOTFOUND, "no task manager %s", c->parts[1]);
    }
    asked_fini(&cluster);
    return body;
}

/* ---- Jobs ------------------------------------------------------------------------------------------------------------------------ */

static json_t *
jobs_short(call *c)
{
    asked jobs = {0};
    json_t *list = json_array();
    const slu_status status = ask(c, SLU_MESSAGE_LIST, "", &jobs);
    for (uint32_t i = 0; status == SLU_OK && i < jobs.message.item_count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "id", jobs.message.items[i].job, "status", jobs.message.items[i].state));
    asked_fini(&jobs);
    return json_pack("{s:o}", "jobs", list);
}

static json_t *
job_line(call *c, const slu_message *job)
{
    asked details = {0};
    json_t *tasks = json_object();
    if (ask(c, SLU_MESSAGE_DESCRIBE, job->job, &details) == SLU_OK) {
        json_decref(tasks);
        tasks = state_counts(details.message.items, details.message.item_count, true);
    }
    json_object_set_new(tasks, "total", json_integer((json_int_t)job->tasks));
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "jid", job->job, "name", job->name, "state", job->state, "start-time",
                  (json_int_t)job->start_ms, "end-time", end_or(job->end_ms), "duration", (json_int_t)job->duration_ms,
                  "last-modification", (json_int_t)(job->end_ms != 0 ? job->end_ms : job->start_ms), "tasks", tasks);
    asked_fini(&details);
    return line;
}

static json_t *
jobs_overview(call *c)
{
    asked jobs = {0};
    json_t *list = json_array();
    const slu_status status = ask(c, SLU_MESSAGE_LIST, "", &jobs);
    for (uint32_t i = 0; status == SLU_OK && i < jobs.message.item_count; i++)
        json_array_append_new(list, job_line(c, &jobs.message.items[i]));
    asked_fini(&jobs);
    return json_pack("{s:o}", "jobs", list);
}

/* The state of a whole vertex: the least advanced of its tasks, a failure before all. */
static const char *
vertex_state(const slu_message *vertex)
{
    size_t least = SLU_COUNT_OF(task_words);
    for (uint32_t t = 0; t < vertex->item_count; t++) {
        const char *state = task_state(vertex->items[t].state);
        if (strcmp(state, "FAILED") == 0)
            return "FAILED";
        for (size_t w = 0; w < least; w++)
            if (strcmp(state, task_words[w]) == 0)
                least = w;
    }
    return least == SLU_COUNT_OF(task_words) ? "CREATED" : task_words[least];
}

static uint64_t
vertex_task_first(const slu_message *vertex)
{
    return vertex->item_count == 0 ? 0 : vertex->items[0].task;
}

static json_t *
vertex_json(const slu_message *details, uint32_t v, const slu_message *measured)
{
    const slu_message *vertex = &details->items[v];
    char id[33];
    vertex_id(details->job, v, id);
    return json_pack("{s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:o, s:o}", "id", id, "name", vertex->name, "maxParallelism",
                     (json_int_t)details->key_groups, "parallelism", (json_int_t)vertex->parallelism, "status",
                     vertex_state(vertex), "start-time", (json_int_t)details->start_ms, "end-time", end_or(details->end_ms),
                     "duration", (json_int_t)details->duration_ms, "tasks", state_counts(vertex, 1, false), "metrics",
                     io_metrics(measured, vertex_task_first(vertex), vertex->item_count));
}

static json_t *
plan_inputs(const slu_message *details, const slu_message *vertex)
{
    json_t *inputs = json_array();
    int number = 0;
    for (const char *at = vertex->inputs; *at != 0; at += strspn(at, " ")) {
        unsigned from = 0;
        int used = 0;
        char ship[32] = "";
        char id[33];
        if (sscanf(at, "%u:%31[a-z]%n", &from, ship, &used) != 2)
            break;
        vertex_id(details->job, from, id);
        for (char *letter = ship; *letter != 0; letter++)
            *letter = (char)(*letter & ~0x20);
        json_array_append_new(inputs, json_pack("{s:i, s:s, s:s, s:s}", "num", number++, "id", id, "ship_strategy", ship,
                                                "exchange", "pipelined_bounded"));
        at += used;
    }
    return inputs;
}

static json_t *
plan_json(const slu_message *details)
{
    json_t *nodes = json_array();
    for (uint32_t v = 0; v < details->item_count; v++) {
        const slu_message *vertex = &details->items[v];
        char id[33];
        vertex_id(details->job, v, id);
        json_t *node = json_pack("{s:s, s:I, s:s, s:s, s:s, s:{}}", "id", id, "parallelism", (json_int_t)vertex->parallelism,
                                 "operator", "", "operator_strategy", "", "description", vertex->name, "optimizer_properties");
        if (vertex->inputs[0] != 0)
            json_object_set_new(node, "inputs", plan_inputs(details, vertex));
        json_array_append_new(nodes, node);
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "jid", details->job, "name", details->name, "type", "STREAMING", "nodes", nodes);
}

static json_t *
timestamps(const slu_message *details)
{
    static const char *const words[] = {"INITIALIZING", "CREATED",  "RUNNING",    "FAILING",   "FAILED",     "CANCELLING",
                                        "CANCELED",     "FINISHED", "RESTARTING", "SUSPENDED", "RECONCILING"};
    json_t *times = json_object();
    for (size_t i = 0; i < SLU_COUNT_OF(words); i++)
        json_object_set_new(times, words[i],
                            json_integer(strcmp(words[i], "CREATED") == 0 || strcmp(words[i], "RUNNING") == 0
                                             ? (json_int_t)details->start_ms
                                         : strcmp(words[i], details->state) == 0 ? (json_int_t)details->end_ms
                                                                                 : 0));
    return times;
}

/* DESCRIBE and MEASURE of the job in the path. */
static slu_status
job_ask(call *c, asked *details, asked *measured)
{
    SLU_TRY(ask(c, SLU_MESSAGE_DESCRIBE, c->parts[1], details));
    return ask(c, SLU_MESSAGE_MEASURE, details->message.job, measured);
}

static json_t *
job_page(const call *c, const slu_message *d, const slu_message *measured)
{
    json_t *vertices = json_array();
    for (uint32_t v = 0; v < d->item_count; v++)
        json_array_append_new(vertices, vertex_json(d, v, measured));
    return json_pack("{s:s, s:s, s:b, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "jid", d->job, "name", d->name,
                     "isStoppable", 1, "state", d->state, "job-type", "STREAMING", "start-time", (json_int_t)d->start_ms,
                     "end-time", end_or(d->end_ms), "duration", (json_int_t)d->duration_ms, "maxParallelism",
                     (json_int_t)d->key_groups, "now", (json_int_t)slu_wall_ms(c->request->env), "timestamps", timestamps(d),
                     "vertices", vertices, "status-counts", state_counts(d->items, d->item_count, false), "plan", plan_json(d));
}

static json_t *
exceptions_json(const slu_message *d)
{
    json_t *entries = json_array();
    if (d->text[0] != 0)
        json_array_append_new(entries,
                              json_pack("{s:s, s:s, s:I, s:n, s:n, s:n, s:{}, s:[]}", "exceptionName", d->text, "stacktrace",
                                        d->text, "timestamp", (json_int_t)(d->end_ms != 0 ? d->end_ms : d->start_ms), "taskName",
                                        "endpoint", "taskManagerId", "failureLabels", "concurrentExceptions"));
    json_t *body = json_pack("{s:[], s:b, s:{s:o, s:b}}", "all-exceptions", "truncated", 0, "exceptionHistory", "entries", entries,
                             "truncated", 0);
    if (d->text[0] != 0) {
        json_object_set_new(body, "root-exception", json_string(d->text));
        json_object_set_new(body, "timestamp", json_integer((json_int_t)d->end_ms));
    }
    return body;
}

/* ---- Checkpoints ----------------------------------------------------------------------------------------------------------------- */

static json_t *
checkpoint_json(const slu_message *item)
{
    const bool dropped = strcmp(item->state, "DROPPED") == 0;
    const json_int_t done = strcmp(item->state, "IN_PROGRESS") == 0 ? 0 : (json_int_t)item->tasks;
    json_t *body =
        json_pack("{s:s, s:I, s:s, s:b, s:n, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:I, s:I, s:s, s:{}, s:s, s:b}", "className",
                  dropped || strcmp(item->state, "COMPLETED") == 0 ? "completed"
                  : strcmp(item->state, "FAILED") == 0             ? "failed"
                                                                   : "in_progress",
                  "id", (json_int_t)item->checkpoint, "status", dropped ? "COMPLETED" : item->state, "is_savepoint", 0,
                  "savepointFormat", "trigger_timestamp", (json_int_t)item->start_ms, "latest_ack_timestamp",
                  (json_int_t)(item->start_ms + item->duration_ms), "checkpointed_size", (json_int_t)item->size, "state_size",
                  (json_int_t)item->size, "end_to_end_duration", (json_int_t)item->duration_ms, "alignment_buffered", 0,
                  "processed_data", 0, "persisted_data", 0, "num_subtasks", (json_int_t)item->tasks, "num_acknowledged_subtasks",
                  done, "checkpoint_type", "CHECKPOINT", "tasks", "external_path", item->path, "discarded", dropped);
    if (strcmp(item->state, "FAILED") == 0) {
        json_object_set_new(body, "failure_timestamp", json_integer((json_int_t)(item->start_ms + item->duration_ms)));
        json_object_set_new(body, "failure_message", json_string(item->text));
    }
    return body;
}

static json_t *
summary_json(const slu_message *list, bool size)
{
    int64_t min = INT64_MAX;
    int64_t max = 0;
    int64_t sum = 0;
    int64_t count = 0;
    for (uint32_t i = 0; i < list->item_count; i++) {
        const slu_message *item = &list->items[i];
        const int64_t value = size ? (int64_t)item->size : item->duration_ms;
        if (strcmp(item->state, "COMPLETED") != 0 && strcmp(item->state, "DROPPED") != 0)
            continue;
        min = SLU_MIN(min, value);
        max = SLU_MAX(max, value);
        sum += value;
        count++;
    }
    return json_pack("{s:I, s:I, s:I}", "min", (json_int_t)(count == 0 ? 0 : min), "max", (json_int_t)max, "avg",
                     (json_int_t)(count == 0 ? 0 : sum / count));
}

static json_int_t
checkpoints_in(const slu_message *list, const char *state)
{
    json_int_t count = 0;
    for (uint32_t i = 0; i < list->item_count; i++)
        count += strcmp(list->items[i].state, state) == 0;
    return count;
}

static json_t *
latest_json(const slu_message *list, const char *state)
{
    for (uint32_t i = 0; i < list->item_count; i++)
        if (strcmp(list->items[i].state, state) == 0)
            return checkpoint_json(&list->items[i]);
    return json_null();
}

static json_t *
checkpoints(call *c)
{
    asked list = {0};
    json_t *body = NULL;
    if (ask(c, SLU_MESSAGE_HISTORY, c->parts[1], &list) == SLU_OK) {
        const slu_message *m = &list.message;
        json_t *history = json_array();
        for (uint32_t i = 0; i < m->item_count; i++)
            json_array_append_new(history, checkpoint_json(&m->items[i]));
        body = json_pack("{s:{s:i, s:I, s:I, s:I, s:I}, s:{s:o, s:o, s:o}, s:{s:o, s:n, s:o, s:n}, s:o}", "counts", "restored", 0,
                         "total", (json_int_t)m->item_count, "in_progress", checkpoints_in(m, "IN_PROGRESS"), "completed",
                         checkpoints_in(m, "COMPLETED") + checkpoints_in(m, "DROPPED"), "failed", checkpoints_in(m, "FAILED"),
                         "summary", "checkpointed_size", summary_json(m, true), "state_size", summary_json(m, true),
                         "end_to_end_duration", summary_json(m, false), "latest", "completed", latest_json(m, "COMPLETED"),
                         "savepoint", "failed", latest_json(m, "FAILED"), "restored", "history", history);
    }
    asked_fini(&list);
    return body;
}

/* Of a job whose graph is known; else they are left out. */
static void
checkpoints_settings(const slu_graph *graph, json_t *out)
{
    const slu_checkpoint_settings *set = &graph->checkpoint;
    json_object_set_new(out, "timeout", json_integer(set->timeout_ms));
    json_object_set_new(out, "min_pause", json_integer(set->min_pause_ms));
    json_object_set_new(out, "tolerable_failed_checkpoints", json_integer(set->tolerated_failures));
    json_object_set_new(
        out, "state_backend",
        json_string(graph->state.backend == SLU_STATE_ROCKSDB ? "EmbeddedRocksDBStateBackend" : "HashMapStateBackend"));
}

static json_t *
checkpoints_config(const call *c, const slu_message *d)
{
    const slu_graph *graph = slu_jobmanager_graph(c->request->jobmanager, d->job);
    json_t *made =
        json_pack("{s:s, s:I, s:i, s:{s:b, s:b}, s:s, s:b}", "mode", "exactly_once", "interval", (json_int_t)d->interval_ms,
                  "max_concurrent", 1, "externalization", "enabled", 1, "delete_on_cancellation", 0, "checkpoint_storage",
                  "FileSystemCheckpointStorage", "unaligned_checkpoints", 0);
    if (graph != NULL)
        checkpoints_settings(graph, made);
    return made;
}

/* ---- Vertices -------------------------------------------------------------------------------------------------------------------- */

/* The vertex a path names; NULL: none. */
static const slu_message *
vertex_find(call *c, const slu_message *d, uint32_t *out)
{
    char id[33];
    for (*out = 0; *out < d->item_count; ++*out) {
        vertex_id(d->job, *out, id);
        if (strcmp(id, c->parts[3]) == 0)
            return &d->items[*out];
    }
    (void)slu_error_set(&c->err, SLU_NOTFOUND, "job %s has no vertex %s", d->name, c->parts[3]);
    return NULL;
}

static json_t *
vertex_page(const call *c, const slu_message *d, const slu_message *vertex, uint32_t v, const slu_message *measured)
{
    json_t *subtasks = json_array();
    char id[33];
    vertex_id(d->job, v, id);
    for (uint32_t t = 0; t < vertex->item_count; t++) {
        const slu_message *task = &vertex->items[t];
        json_array_append_new(subtasks,
                              json_pack("{s:I, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:o, s:s, s:{}}", "subtask", (json_int_t)t,
                                        "status", task_state(task->state), "attempt", (json_int_t)d->attempt, "endpoint",
                                        task->name, "start-time", (json_int_t)d->start_ms, "start_time", (json_int_t)d->start_ms,
                                        "end-time", end_or(d->end_ms), "duration", (json_int_t)d->duration_ms, "metrics",
                                        io_metrics(measured, task->task, 1), "taskmanager-id", task->name, "status-duration"));
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:{}}", "id", id, "name", vertex->name, "parallelism",
                     (json_int_t)vertex->parallelism, "maxParallelism", (json_int_t)d->key_groups, "now",
                     (json_int_t)slu_wall_ms(c->request->env), "subtasks", subtasks, "aggregated");
}

/* Flink's names for what a task measures. */
static const struct {
    const char *flink;
    const char *ours;
} names[] = {{"numRecordsIn", "rows_in"},
             {"numRecordsOut", "rows_out"},
             {"numBytesIn", "bytes_in"},
             {"numBytesOut", "bytes_out"},
             {"numBuffersOut", "batches_out"},
             {"accumulateBusyTimeMs", "busy_ms"},
             {"accumulateIdleTimeMs", "idle_ms"},
             {"accumulateBackPressuredTimeMs", "backpressured_ms"},
             {"currentInputWatermark", "watermark_ms"},
             {"stateBytes", "state_bytes"}};

/* Parts of a thousand of a task's time since it began: what Flink calls ...MsPerSecond. */
static int64_t
share_of(const slu_message *measured, const char *ours, uint64_t task)
{
    const int64_t busy = metric_of(measured, "busy_ms", task, 1);
    const int64_t all = busy + metric_of(measured, "idle_ms", task, 1) + metric_of(measured, "backpressured_ms", task, 1);
    return all == 0 ? 0 : metric_of(measured, ours, task, 1) * 1000 / all;
}

/* Whether a metric of Flink's name was asked for, and its value. */
static bool
metric_value(const slu_message *measured, const char *name, uint64_t task, int64_t *out)
{
    static const struct {
        const char *flink;
        const char *ours;
    } shares[] = {{"busyTimeMsPerSecond", "busy_ms"},
                  {"idleTimeMsPerSecond", "idle_ms"},
                  {"backPressuredTimeMsPerSecond", "backpressured_ms"}};
    for (size_t i = 0; i < SLU_COUNT_OF(shares); i++)
        if (strcmp(shares[i].flink, name) == 0)
            return *out = share_of(measured, shares[i].ours, task), true;
    for (size_t i = 0; i < SLU_COUNT_OF(names); i++)
        if (strcmp(names[i].flink, name) == 0)
            return *out = metric_of(measured, names[i].ours, task, 1), true;
    return false;
}

/* Without `get` the names there are, with it their values: of each subtask ("0.name"), or over all of them. */
static json_t *
metrics_json(const call *c, const slu_message *vertex, const slu_message *measured, bool aggregated)
{
    json_t *list = json_array();
    char wanted[512];
    char *rest = NULL;
    (void)snprintf(wanted, sizeof wanted, "%s", c->request->get == NULL ? "" : c->request->get);
    for (size_t i = 0; c->request->get == NULL && i < SLU_COUNT_OF(names); i++)
        for (uint32_t t = 0; t < (aggregated ? 1 : vertex->item_count); t++) {
            char id[64];
            if (aggregated)
                (void)snprintf(id, sizeof id, "%s", names[i].flink);
            else
                (void)snprintf(id, sizeof id, "%u.%s", t, names[i].flink);
            json_array_append_new(list, json_pack("{s:s}", "id", id));
        }
    for (char *word = strtok_r(wanted, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        int64_t min = INT64_MAX;
        int64_t max = INT64_MIN;
        int64_t sum = 0;
        uint32_t count = 0;
        for (uint32_t t = 0; t < vertex->item_count; t++) {
            char prefix[16];
            int64_t value = 0;
            (void)snprintf(prefix, sizeof prefix, "%u.", t);
            const bool mine = strncmp(word, prefix, strlen(prefix)) == 0;
            if (!metric_value(measured, mine ? word + strlen(prefix) : word, vertex->items[t].task, &value))
                continue;
            if (mine) {
                char text[32];
                (void)snprintf(text, sizeof text, "%" PRId64, value);
                json_array_append_new(list, json_pack("{s:s, s:s}", "id", word, "value", text));
            }
            min = SLU_MIN(min, value);
            max = SLU_MAX(max, value);
            sum += value;
            count++;
        }
        if (aggregated && count > 0)
            json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f, s:f}", "id", word, "min", (double)min, "max", (double)max,
                                                  "avg", (double)sum / count, "sum", (double)sum));
    }
    return list;
}

static json_t *
watermarks_json(const slu_message *vertex, const slu_message *measured)
{
    json_t *list = json_array();
    for (uint32_t t = 0; t < vertex->item_count; t++) {
        char id[64];
        char value[32];
        (void)snprintf(id, sizeof id, "%u.currentInputWatermark", t);
        (void)snprintf(value, sizeof value, "%" PRId64, metric_of(measured, "watermark_ms", vertex->items[t].task, 1));
        json_array_append_new(list, json_pack("{s:s, s:s}", "id", id, "value", value));
    }
    return list;
}

static json_t *
backpressure_json(const call *c, const slu_message *vertex, const slu_message *measured)
{
    json_t *subtasks = json_array();
    int64_t worst = 0;
    for (uint32_t t = 0; t < vertex->item_count; t++) {
        const int64_t back = share_of(measured, "backpressured_ms", vertex->items[t].task);
        const char *level = back <= 100 ? "ok" : back <= 500 ? "low" : "high";
        worst = SLU_MAX(worst, back);
        json_array_append_new(subtasks,
                              json_pack("{s:I, s:i, s:s, s:s, s:f, s:f, s:f}", "subtask", (json_int_t)t, "attempt-number", 0,
                                        "backpressureLevel", level, "backpressure-level", level, "ratio", (double)back / 1000,
                                        "idleRatio", (double)share_of(measured, "idle_ms", vertex->items[t].task) / 1000,
                                        "busyRatio", (double)share_of(measured, "busy_ms", vertex->items[t].task) / 1000));
    }
    const char *level = worst <= 100 ? "ok" : worst <= 500 ? "low" : "high";
    return json_pack("{s:s, s:s, s:s, s:I, s:o}", "status", "ok", "backpressureLevel", level, "backpressure-level", level,
                     "end-timestamp", (json_int_t)slu_wall_ms(c->request->env), "subtasks", subtasks);
}

static json_t *
vertex_answer(call *c, const slu_message *d, const slu_message *measured)
{
    uint32_t v = 0;
    const slu_message *vertex = vertex_find(c, d, &v);
    const char *part = c->part_count > 4 ? c->parts[4] : "";
    if (vertex == NULL)
        return NULL;
    if (c->part_count == 4)
        return vertex_page(c, d, vertex, v, measured);
    if (strcmp(part, "metrics") == 0)
        return metrics_json(c, vertex, measured, false);
    if (strcmp(part, "subtasks") == 0 && c->part_count == 6 && strcmp(c->parts[5], "metrics") == 0)
        return metrics_json(c, vertex, measured, true);
    if (strcmp(part, "watermarks") == 0)
        return watermarks_json(vertex, measured);
    if (strcmp(part, "backpressure") == 0)
        return backpressure_json(c, vertex, measured);
    return NULL;
}

/* ---- Paths ----------------------------------------------------------------------------------------------------------------------- */

static bool
is(const call *c, uint32_t count, uint32_t at, const char *word)
{
    return c->part_count == count && strcmp(c->parts[at], word) == 0;
}

static json_t *
job_config(const call *c, const slu_message *d)
{
    const slu_graph *graph = slu_jobmanager_graph(c->request->jobmanager, d->job);
    return json_pack("{s:s, s:s, s:{s:s, s:s*, s:I, s:b, s:{}}}", "jid", d->job, "name", d->name, "execution-config",
                     "execution-mode", "PIPELINED", "restart-strategy",
                     graph == NULL ? NULL : slu_restart_name(graph->restart.strategy), "job-parallelism",
                     (json_int_t)d->parallelism, "object-reuse-mode", 1, "user-config");
}

static json_t *
job_metrics(const call *c, const slu_message *d)
{
    const struct {
        const char *id;
        int64_t value;
    } all[] = {{"numRestarts", (int64_t)d->restarts},
               {"uptime", d->duration_ms},
               {"lastCompletedCheckpointId", d->checkpoint},
               {"numberOfCompletedCheckpoints", (int64_t)d->checkpoints},
               {"runningTime", d->duration_ms}};
    json_t *list = json_array();
    for (size_t i = 0; i < SLU_COUNT_OF(all); i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%" PRId64, all[i].value);
        if (c->request->get == NULL)
            json_array_append_new(list, json_pack("{s:s}", "id", all[i].id));
        else if (strstr(c->request->get, all[i].id) != NULL)
            json_array_append_new(list, json_pack("{s:s, s:s}", "id", all[i].id, "value", text));
    }
    return list;
}

/* GET below /jobs/ID. */
static json_t *
job_answer(call *c)
{
    asked details = {0};
    asked measured = {0};
    json_t *body = NULL;
    const slu_message *d = &details.message;
    if (job_ask(c, &details, &measured) == SLU_OK) {
        if (c->part_count == 2)
            body = job_page(c, d, &measured.message);
        else if (is(c, 3, 2, "status"))
            body = json_pack("{s:s}", "status", d->state);
        else if (is(c, 3, 2, "plan"))
            body = json_pack("{s:o}", "plan", plan_json(d));
        else if (is(c, 3, 2, "config"))
            body = job_config(c, d);
        else if (is(c, 3, 2, "exceptions"))
            body = exceptions_json(d);
        else if (is(c, 3, 2, "accumulators"))
            body =
                json_pack("{s:[], s:[], s:{}}", "job-accumulators", "user-task-accumulators", "serialized-user-task-accumulators");
        else if (is(c, 3, 2, "metrics"))
            body = job_metrics(c, d);
        else if (is(c, 4, 3, "config") && strcmp(c->parts[2], "checkpoints") == 0)
            body = checkpoints_config(c, d);
        else if (c->part_count >= 4 && strcmp(c->parts[2], "vertices") == 0)
            body = vertex_answer(c, d, &measured.message);
    }
    asked_fini(&details);
    asked_fini(&measured);
    return body;
}

static json_t *
job_command(call *c, uint32_t kind, uint32_t code, json_t *body)
{
    asked done = {0};
    const slu_status status = ask(c, kind, c->parts[1], &done);
    asked_fini(&done);
    c->code = code;
    if (status == SLU_OK)
        return body;
    json_decref(body);
    return NULL;
}

static json_t *
savepoint_begin(call *c, bool stop)
{
    c->code = 202;
    return rest_savepoint_begin(c->request->jobmanager, c->parts[1], c->request->body, stop, &c->err);
}

static json_t *
get_answer(call *c)
{
    if (is(c, 1, 0, "config"))
        return config(c);
    if (c->part_count == 0 || is(c, 1, 0, "overview"))
        return overview(c);
    if (is(c, 1, 0, "health"))
        return json_pack("{s:s}", "status", "ok");
    if (c->part_count >= 1 && c->part_count <= 2 && strcmp(c->parts[0], "taskmanagers") == 0)
        return taskmanagers(c);
    if (c->part_count == 2 && strcmp(c->parts[0], "jobmanager") == 0)
        return strcmp(c->parts[1], "config") == 0 || strcmp(c->parts[1], "metrics") == 0 ? json_array() : NULL;
    if (is(c, 1, 0, "jobs"))
        return jobs_short(c);
    if (c->part_count < 2 || strcmp(c->parts[0], "jobs") != 0)
        return NULL;
    if (is(c, 2, 1, "overview"))
        return jobs_overview(c);
    if (is(c, 3, 2, "checkpoints"))
        return checkpoints(c);
    if (is(c, 4, 2, "savepoints"))
        return rest_savepoint_state(c->request->jobmanager, c->parts[1], c->parts[3], &c->err);
    if (is(c, 3, 2, "yarn-cancel"))
        return job_command(c, SLU_MESSAGE_CANCEL, 202, json_object());
    return job_answer(c);
}

static json_t *
answer_json(call *c)
{
    const char *method = c->request->method;
    const bool job = c->part_count >= 2 && strcmp(c->parts[0], "jobs") == 0;
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return get_answer(c);
    if (strcmp(method, "PATCH") == 0 && job && c->part_count == 2 &&
        (c->request->mode == NULL || strcmp(c->request->mode, "cancel") == 0))
        return job_command(c, SLU_MESSAGE_CANCEL, 202, json_object());
    if (strcmp(method, "POST") == 0 && job && is(c, 3, 2, "stop"))
        return savepoint_begin(c, true);
    if (strcmp(method, "POST") == 0 && job && is(c, 3, 2, "savepoints"))
        return savepoint_begin(c, false);
    return NULL;
}

/* ---- Prometheus ------------------------------------------------------------------------------------------------------------------ */

/* A label's value: quotes, backslashes and line ends are escaped. */
static void
label(slu_buf *out, const char *name, const char *value, bool last)
{
    slu_buf_printf(out, "%s=\"", name);
    for (const char *at = value; *at != 0; at++) {
        if (*at == '"' || *at == '\\')
            slu_buf_u8(out, '\\');
        slu_buf_u8(out, *at == '\n' ? ' ' : (uint8_t)*at);
    }
    slu_buf_text(out, last ? "\"" : "\",");
}

static void
gauge(slu_buf *out, const char *name, int64_t value)
{
    slu_buf_printf(out, "# TYPE flink_jobmanager_%s gauge\nflink_jobmanager_%s %" PRId64 "\n", name, name, value);
}

static void
job_gauge(slu_buf *out, const char *name, const slu_message *job, int64_t value)
{
    slu_buf_printf(out, "flink_jobmanager_job_%s{", name);
    label(out, "job_id", job->job, false);
    label(out, "job_name", job->name, true);
    slu_buf_printf(out, "} %" PRId64 "\n", value);
}

static void
task_gauge(slu_buf *out, const char *name, const slu_message *d, uint32_t v, uint32_t t, int64_t value)
{
    char id[33];
    vertex_id(d->job, v, id);
    slu_buf_printf(out, "flink_taskmanager_job_task_%s{", name);
    label(out, "job_id", d->job, false);
    label(out, "job_name", d->name, false);
    label(out, "task_id", id, false);
    label(out, "task_name", d->items[v].name, false);
    slu_buf_printf(out, "subtask_index=\"%u\",task_attempt_num=\"%" PRIu64 "\"} %" PRId64 "\n", t, d->attempt, value);
}

static void
prometheus_job(call *c, const slu_message *job, slu_buf *out)
{
    asked details = {0};
    asked measured = {0};
    job_gauge(out, "numRestarts", job, (int64_t)job->restarts);
    job_gauge(out, "uptime", job, job->duration_ms);
    job_gauge(out, "lastCompletedCheckpointId", job, job->checkpoint);
    job_gauge(out, "numberOfCompletedCheckpoints", job, (int64_t)job->checkpoints);
    if (ask(c, SLU_MESSAGE_DESCRIBE, job->job, &details) == SLU_OK && ask(c, SLU_MESSAGE_MEASURE, job->job, &measured) == SLU_OK) {
        const slu_message *d = &details.message;
        for (uint32_t v = 0; v < d->item_count; v++)
            for (uint32_t t = 0; t < d->items[v].item_count; t++) {
                const uint64_t task = d->items[v].items[t].task;
                for (size_t i = 0; i < SLU_COUNT_OF(names); i++)
                    task_gauge(out, names[i].flink, d, v, t, metric_of(&measured.message, names[i].ours, task, 1));
                task_gauge(out, "busyTimeMsPerSecond", d, v, t, share_of(&measured.message, "busy_ms", task));
                task_gauge(out, "idleTimeMsPerSecond", d, v, t, share_of(&measured.message, "idle_ms", task));
                task_gauge(out, "backPressuredTimeMsPerSecond", d, v, t, share_of(&measured.message, "backpressured_ms", task));
            }
    }
    asked_fini(&details);
    asked_fini(&measured);
}

static slu_status
prometheus(call *c, slu_buf *out)
{
    asked cluster = {0};
    asked jobs = {0};
    slu_status status = ask(c, SLU_MESSAGE_OVERVIEW, "", &cluster);
    if (status == SLU_OK)
        status = ask(c, SLU_MESSAGE_LIST, "", &jobs);
    if (status == SLU_OK) {
        gauge(out, "numRegisteredTaskManagers", (int64_t)cluster.message.taskmanagers);
        gauge(out, "taskSlotsTotal", (int64_t)cluster.message.slots);
        gauge(out, "taskSlotsAvailable", (int64_t)cluster.message.slots_free);
        gauge(out, "numRunningJobs", (int64_t)jobs_running(&jobs.message));
        for (uint32_t i = 0; i < jobs.message.item_count; i++)
            if (jobs.message.items[i].end_ms == 0)
                prometheus_job(c, &jobs.message.items[i], out);
    }
    asked_fini(&cluster);
    asked_fini(&jobs);
    return status;
}

/* ---- The answer ------------------------------------------------------------------------------------------------------------------ */

static void
path_split(call *c)
{
    char *rest = NULL;
    (void)snprintf(c->path, sizeof c->path, "%s", c->request->path);
    for (char *part = strtok_r(c->path, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest)) {
        if (c->part_count == PARTS_MAX) {
            c->part_count = 0;
            c->parts[c->part_count++] = "?";
            return;
        }
        c->parts[c->part_count++] = part;
    }
}

static uint32_t
code_of(slu_status status)
{
    switch (status) {
    case SLU_NOTFOUND: return 404;
    case SLU_CONFLICT: return 409;
    case SLU_INVALID:
    case SLU_UNSUPPORTED: return 400;
    default: return 500;
    }
}

static int
body_append(const char *text, size_t bytes, void *context)
{
    slu_buf_append(context, text, bytes);
    return 0;
}

static void
answer_error(const call *c, slu_rest_answer *answer)
{
    const bool known = c->err.status != SLU_OK;
    json_t *body = json_pack("{s:[s]}", "errors", known ? c->err.message : "Not found: nothing is served at this path.");
    answer->code = known ? code_of(c->err.status) : 404;
    (void)json_dump_callback(body, body_append, &answer->body, JSON_COMPACT);
    json_decref(body);
}

void
slu_rest_answer_make(const slu_rest_request *request, slu_rest_answer *answer)
{
    call c = {.request = request, .code = 200};
    path_split(&c);
    answer->type = "application/json; charset=UTF-8";
    if (is(&c, 1, 0, "metrics") && strcmp(request->method, "GET") == 0) {
        answer->type = "text/plain; version=0.0.4; charset=utf-8";
        answer->code = 200;
        if (prometheus(&c, &answer->body) != SLU_OK)
            answer_error(&c, answer);
        return;
    }
    json_t *body = answer_json(&c);
    if (body == NULL) {
        answer_error(&c, answer);
        return;
    }
    answer->code = c.code;
    (void)json_dump_callback(body, body_append, &answer->body, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(body);
}
