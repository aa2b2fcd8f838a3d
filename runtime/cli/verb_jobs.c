/* verb_jobs.c: what a job manager knows: list, describe, wait, cancel, status, logs. */
#include "asking.h"

#include "background.h"
#include "table.h"

#include <inttypes.h>
#include <unistd.h>

#define LOG_PIECE_BYTES ((uint64_t)64 << 10)
#define LOG_WORKERS_MAX 1024

/* ---- list ---------------------------------------------------------------------------------------------------------------------- */

static json_t *
job_json(const slu_message *job)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "job", job->job, "name", job->name, "state", job->state,
                     "attempt", (json_int_t)job->attempt, "parallelism", (json_int_t)job->parallelism, "tasks",
                     (json_int_t)job->tasks, "start_ms", (json_int_t)job->start_ms, "end_ms", (json_int_t)job->end_ms,
                     "duration_ms", (json_int_t)job->duration_ms);
}

static slu_status
list_text(slu_asking *a, const slu_message *jobs)
{
    char start[32], duration[32];
    slu_table table;
    uint32_t shown = 0;
    slu_table_init(&table, "JOB|NAME|STATE|>TASKS|STARTED|>RUNTIME");
    for (uint32_t i = 0; i < jobs->item_count; i++) {
        const slu_message *job = &jobs->items[i];
        if (slu_job_state_over(job->state) && !slu_args_has(a->args, "all"))
            continue;
        shown++;
        slu_table_cell(&table, "%.12s", job->job);
        slu_table_cell(&table, "%s", job->name);
        slu_table_cell(&table, "%s", job->state);
        slu_table_cell(&table, "%" PRIu64, job->tasks);
        slu_table_cell(&table, "%s", slu_time_text(job->start_ms, start));
        slu_table_cell(&table, "%s", slu_duration_text(job->duration_ms, duration));
    }
    const slu_status status = shown == 0 ? SLU_OK : slu_table_print(&table, slu_terminal_columns(), &a->out, &a->err);
    if (shown == 0)
        slu_buf_text(&a->out, slu_args_has(a->args, "all") ? "No jobs.\n" : "No running jobs.\n");
    slu_table_fini(&table);
    return status;
}

static int
list(const slu_args *args)
{
    slu_asking a;
    const slu_message *jobs = NULL;
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_list(a.client, &jobs, &a.err);
    if (status == SLU_OK && args->json) {
        json_t *all = json_array();
        for (uint32_t i = 0; i < jobs->item_count; i++)
            if (slu_args_has(args, "all") || !slu_job_state_over(jobs->items[i].state))
                json_array_append_new(all, job_json(&jobs->items[i]));
        slu_asking_json(&a, all);
    } else if (status == SLU_OK) {
        status = list_text(&a, jobs);
    }
    return slu_asking_close(&a, status);
}

/* ---- describe ------------------------------------------------------------------------------------------------------------------ */

static json_t *
details_json(const slu_message *details)
{
    json_t *root = job_json(details);
    json_t *vertices = json_array();
    json_object_set_new(root, "restarts", json_integer((json_int_t)details->restarts));
    json_object_set_new(root, "checkpoints", json_integer((json_int_t)details->checkpoints));
    json_object_set_new(root, "text", json_string(details->text));
    for (uint32_t i = 0; i < details->item_count; i++) {
        const slu_message *vertex = &details->items[i];
        json_t *tasks = json_array();
        for (uint32_t k = 0; k < vertex->item_count; k++) {
            const slu_message *task = &vertex->items[k];
            json_array_append_new(tasks, json_pack("{s:I, s:I, s:s, s:s}", "task", (json_int_t)task->task, "worker",
                                                   (json_int_t)task->worker, "state", task->state, "text", task->text));
        }
        json_array_append_new(vertices, json_pack("{s:s, s:I, s:I, s:I, s:o}", "name", vertex->name, "parallelism",
                                                  (json_int_t)vertex->parallelism, "rows_in", (json_int_t)vertex->rows_in,
                                                  "rows_out", (json_int_t)vertex->rows_out, "tasks", tasks));
    }
    json_object_set_new(root, "vertices", vertices);
    return root;
}

static slu_status
details_text(slu_asking *a, const slu_message *details)
{
    char start[32], duration[32];
    slu_table table;
    slu_buf_printf(&a->out,
                   "job       %s  %s\nstate     %s%s%s\nstarted   %s, ran %s\nattempt   %" PRIu64 ", %" PRIu64 " restarts, %" PRIu64
                   " checkpoints\n\n",
                   details->job, details->name, details->state, details->text[0] == 0 ? "" : ": ", details->text,
                   slu_time_text(details->start_ms, start), slu_duration_text(details->duration_ms, duration), details->attempt,
                   details->restarts, details->checkpoints);
    slu_table_init(&table, "CHAIN|>TASKS|STATE|>ROWS IN|>ROWS OUT");
    for (uint32_t i = 0; i < details->item_count; i++) {
        const slu_message *vertex = &details->items[i];
        const char *state = vertex->item_count == 0 ? "" : vertex->items[0].state;
        for (uint32_t k = 1; k < vertex->item_count; k++)
            if (strcmp(vertex->items[k].state, state) != 0)
                state = "MIXED";
        slu_table_cell(&table, "%s", vertex->name);
        slu_table_cell(&table, "%" PRIu64, vertex->parallelism);
        slu_table_cell(&table, "%s", state);
        slu_table_cell(&table, "%" PRIu64, vertex->rows_in);
        slu_table_cell(&table, "%" PRIu64, vertex->rows_out);
    }
    const slu_status status = slu_table_print(&table, slu_terminal_columns(), &a->out, &a->err);
    slu_table_fini(&table);
    return status;
}

static int
describe(const slu_args *args)
{
    slu_asking a;
    const slu_message *details = NULL;
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_describe(a.client, args->words[0], &details, &a.err);
    if (status == SLU_OK && args->json)
        slu_asking_json(&a, details_json(details));
    else if (status == SLU_OK)
        status = details_text(&a, details);
    return slu_asking_close(&a, status);
}

/* ---- wait, cancel ---------------------------------------------------------------------------------------------------------- */

static int
wait_for(const slu_args *args)
{
    slu_asking a;
    const slu_message *done = NULL;
    int64_t timeout_ms = INT64_MAX / 2;
    slu_error usage;
    if (slu_args_duration(args, "timeout", &timeout_ms, &usage) != SLU_OK) {
        (void)slu_cli_fail(args, &usage);
        return SLU_EXIT_USAGE;
    }
    slu_status status = slu_asking_open(&a, args);
    const int64_t deadline = slu_now_ms(slu_cli_env()) + timeout_ms;
    slu_cli_catch_signals();
    while (status == SLU_OK) {
        const int64_t left = deadline - slu_now_ms(slu_cli_env());
        status = slu_client_wait(a.client, args->words[0], left > 500 ? 500 : left > 0 ? left : 0, &done, &a.err);
        if (status == SLU_OK && (slu_job_state_over(done->state) || left <= 0 || slu_cli_interrupted()))
            break;
    }
    bool fine = false;
    if (status == SLU_OK) {
        fine = strcmp(done->state, "FINISHED") == 0;
        slu_asking_done(&a, done);
    }
    const int code = slu_asking_close(&a, status);
    return code == SLU_EXIT_DONE && !fine ? SLU_EXIT_FAILED : code;
}

static int
cancel(const slu_args *args)
{
    slu_asking a;
    const slu_message *done = NULL;
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_cancel(a.client, args->words[0], &done, &a.err);
    if (status == SLU_OK)
        slu_asking_done(&a, done);
    return slu_asking_close(&a, status);
}

/* ---- status -------------------------------------------------------------------------------------------------------------------- */

static json_t *
cluster_json(const slu_message *cluster)
{
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < cluster->item_count; i++) {
        const slu_message *node = &cluster->items[i];
        json_array_append_new(nodes, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "node", node->node, "host", node->host,
                                               "address", node->address, "slots", (json_int_t)node->slots, "slots_free",
                                               (json_int_t)node->slots_free, "pid", (json_int_t)node->pid, "state", node->state));
    }
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o}", "cluster", cluster->cluster, "build", cluster->build, "address",
                     cluster->address, "taskmanagers", (json_int_t)cluster->taskmanagers, "slots", (json_int_t)cluster->slots,
                     "slots_free", (json_int_t)cluster->slots_free, "nodes", nodes);
}

static slu_status
cluster_text(slu_asking *a, const slu_message *cluster)
{
    slu_table table;
    slu_buf_printf(&a->out, "cluster %s (sluice %s) at %s: %" PRIu64 " task managers, %" PRIu64 " of %" PRIu64 " slots free\n",
                   cluster->cluster, cluster->build, cluster->address, cluster->taskmanagers, cluster->slots_free, cluster->slots);
    if (cluster->item_count == 0)
        return SLU_OK;
    slu_table_init(&table, "TASK MANAGER|HOST|>PID|>SLOTS|>FREE|STATE");
    for (uint32_t i = 0; i < cluster->item_count; i++) {
        slu_table_cell(&table, "%.12s", cluster->items[i].node);
        slu_table_cell(&table, "%s", cluster->items[i].host);
        slu_table_cell(&table, "%" PRIu64, cluster->items[i].pid);
        slu_table_cell(&table, "%" PRIu64, cluster->items[i].slots);
        slu_table_cell(&table, "%" PRIu64, cluster->items[i].slots_free);
        slu_table_cell(&table, "%s", cluster->items[i].state);
    }
    slu_buf_text(&a->out, "\n");
    const slu_status status = slu_table_print(&table, slu_terminal_columns(), &a->out, &a->err);
    slu_table_fini(&table);
    return status;
}

/* The daemons that `up` started in a data directory; *address becomes their job manager's. */
static slu_status
stack_text(slu_asking *a, const char *dir, slu_background *stack, const char **address)
{
    SLU_TRY(slu_background_load(stack, dir, &a->err));
    if (stack->count == 0)
        return slu_error_set(&a->err, SLU_NOTFOUND, "nothing of %s is up", dir);
    for (uint32_t i = 0; i < stack->count; i++) {
        const slu_daemon *daemon = &stack->daemons[i];
        if (!a->args->json)
            slu_buf_printf(&a->out, "%-16s %-26s %s\n", daemon->name, daemon->address, slu_daemon_alive(daemon) ? "up" : "GONE");
        if (strcmp(daemon->name, "jobmanager") == 0)
            *address = daemon->address;
    }
    return SLU_OK;
}

static slu_status
status_open(slu_asking *a, const slu_args *args)
{
    static slu_background stack; /* large; one per process */
    const char *address = slu_args_get(args, "jobmanager");
    memset(a, 0, sizeof *a);
    a->args = args;
    slu_buf_init(&a->out, SLU_ASKING_BYTES_MAX);
    if (slu_args_has(args, "data-dir"))
        SLU_TRY(stack_text(a, slu_args_get(args, "data-dir"), &stack, &address));
    return slu_jobs_client(slu_cli_env(), address, &a->client, &a->err);
}

static int
status_of(const slu_args *args)
{
    slu_asking a;
    const slu_message *cluster = NULL;
    slu_status status = status_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_status(a.client, &cluster, &a.err);
    if (status == SLU_OK && args->json)
        slu_asking_json(&a, cluster_json(cluster));
    else if (status == SLU_OK)
        status = cluster_text(&a, cluster);
    return slu_asking_close(&a, status);
}

/* ---- logs ---------------------------------------------------------------------------------------------------------------------- */

/* How far each worker's log was read. */
typedef struct log_reading {
    uint64_t offsets[LOG_WORKERS_MAX];
    uint32_t workers;
    uint32_t shown; /* the worker whose lines came last; LOG_WORKERS_MAX: none yet */
} log_reading;

static slu_status
log_workers(slu_asking *a, log_reading *r)
{
    const slu_message *details = NULL;
    SLU_TRY(slu_client_describe(a->client, a->args->words[0], &details, &a->err));
    for (uint32_t i = 0; i < details->item_count; i++)
        for (uint32_t k = 0; k < details->items[i].item_count; k++)
            if (details->items[i].items[k].worker < LOG_WORKERS_MAX && details->items[i].items[k].worker >= r->workers)
                r->workers = (uint32_t)details->items[i].items[k].worker + 1;
    return SLU_OK;
}

/* One piece; *more when there was something. */
static slu_status
log_piece(slu_asking *a, log_reading *r, uint32_t worker, bool *more)
{
    const slu_message *piece = NULL;
    SLU_TRY(slu_client_logs(a->client, a->args->words[0], worker, r->offsets[worker], LOG_PIECE_BYTES, &piece, &a->err));
    if (piece->data.bytes == 0)
        return SLU_OK;
    if (r->workers > 1 && r->shown != worker)
        (void)fprintf(stderr, "==> worker %u <==\n", worker);
    (void)fflush(stderr);
    (void)fwrite(piece->data.data, 1, piece->data.bytes, stdout);
    (void)fflush(stdout);
    r->shown = worker;
    r->offsets[worker] += piece->data.bytes;
    *more = true;
    return SLU_OK;
}

static slu_status
log_round(slu_asking *a, log_reading *r, bool *more)
{
    for (uint32_t worker = 0; worker < r->workers; worker++) {
        bool again = true;
        while (again && !slu_cli_interrupted()) {
            again = false;
            const slu_status status = log_piece(a, r, worker, &again);
            *more |= again;
            if (status == SLU_NOTFOUND)
                (void)fprintf(stderr, "sluice logs: %s\n", a->err.message);
            else if (status != SLU_OK)
                return status;
        }
    }
    return SLU_OK;
}

static int
logs(const slu_args *args)
{
    static log_reading r = {.shown = LOG_WORKERS_MAX};
    slu_asking a;
    slu_status status = slu_asking_open(&a, args);
    slu_cli_catch_signals();
    if (status == SLU_OK)
        status = log_workers(&a, &r);
    for (bool more = true; status == SLU_OK && more && !slu_cli_interrupted();) {
        more = false;
        status = log_round(&a, &r, &more);
        if (!slu_args_has(args, "follow"))
            break;
        if (!more)
            (void)usleep(500 * 1000);
        more = true;
    }
    return slu_asking_close(&a, status);
}

/* ---- The verbs ------------------------------------------------------------------------------------------------------------------ */

static const slu_flag plain_flags[] = {SLU_JOBMANAGER_FLAG};
static const slu_flag status_flags[] = {SLU_JOBMANAGER_FLAG, {"data-dir", 0, "DIR", "the daemons that `up` started there, too"}};
static const slu_flag list_flags[] = {SLU_JOBMANAGER_FLAG, {"all", 'a', NULL, "also jobs that are over"}};
static const slu_flag wait_flags[] = {SLU_JOBMANAGER_FLAG, {"timeout", 0, "TIME", "at most so long, such as 30s"}};
static const slu_flag logs_flags[] = {SLU_JOBMANAGER_FLAG, {"follow", 'f', NULL, "goes on as the log grows"}};

const slu_verb slu_verb_list = {
    .name = "list", .summary = "the jobs of a job manager", .usage = "", SLU_VERB_FLAGS(list_flags), .json = true, .run = list};
const slu_verb slu_verb_describe = {.name = "describe",
                                    .summary = "a job: its chains, tasks and rows",
                                    .usage = "JOB",
                                    SLU_VERB_FLAGS(plain_flags),
                                    .words_min = 1,
                                    .words_max = 1,
                                    .json = true,
                                    .run = describe};
const slu_verb slu_verb_wait = {.name = "wait",
                                .summary = "waits for the end of a job; fails unless it finished",
                                .usage = "JOB",
                                SLU_VERB_FLAGS(wait_flags),
                                .words_min = 1,
                                .words_max = 1,
                                .json = true,
                                .run = wait_for};
const slu_verb slu_verb_cancel = {.name = "cancel",
                                  .summary = "ends a job without ceremony",
                                  .usage = "JOB",
                                  SLU_VERB_FLAGS(plain_flags),
                                  .words_min = 1,
                                  .words_max = 1,
                                  .json = true,
                                  .run = cancel};
const slu_verb slu_verb_status = {.name = "status",
                                  .summary = "the cluster: task managers and slots",
                                  .usage = "",
                                  SLU_VERB_FLAGS(status_flags),
                                  .json = true,
                                  .run = status_of};
const slu_verb slu_verb_logs = {.name = "logs",
                                .summary = "the log of a job's workers",
                                .usage = "JOB",
                                SLU_VERB_FLAGS(logs_flags),
                                .words_min = 1,
                                .words_max = 1,
                                .run = logs};
