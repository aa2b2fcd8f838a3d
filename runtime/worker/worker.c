#include "worker.h"

#include "memory_limit.h"
#include "task.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/scratch.h"

#include <poll.h>
#include <stdlib.h>

#define POLLED_MAX 1024u

typedef struct queued_event {
    struct queued_event *next;
    slu_worker_event event;
} queued_event;

/* One task and its thread. */
typedef struct run {
    slu_worker *worker;
    slu_task_loop *task;
    slu_bell bell;
    pthread_t thread;
    bool started;
    bool opened; /* without threads */
    bool over;
    slu_crash_watch watch;
    uint64_t seen; /* changes of the watch, since seen_ms */
    int64_t seen_ms;
} run;

#define LOOKED_AWAY_MS 3000 /* it is asked every heartbeat */

struct slu_worker {
    slu_worker_spec spec;
    uint32_t *task_numbers;
    uint32_t count;
    run *runs;
    run **run_of_task; /* by task number; NULL: elsewhere */
    slu_channel **channels;
    slu_schema ***schemas; /* [operator][output] */
    const slu_plugin **plugins;
    slu_restore restore;
    _Atomic uint32_t open_count; /* tasks that are open: the last one lets the restored bytes go */
    slu_account account;
    int64_t looked_ms;     /* when slu_worker_hung was asked last */
    slu_scratch state_dir; /* of states in RocksDB */
    slu_writing *writing;  /* NULL: without threads */
    pthread_mutex_t registry_lock;
    pthread_mutex_t lock; /* events */
    queued_event *first, **last;
    bool lost; /* there was no memory for an event */
};

/* ---- Events */

static void
on_event(void *owner, const slu_worker_event *event)
{
    slu_worker *worker = owner;
    queued_event *queued = slu_alloc(sizeof *queued);
    if (queued == NULL) {
        (void)pthread_mutex_lock(&worker->lock);
        worker->lost = true; /* what is missing cannot be known: event_next tells of a failure instead */
        (void)pthread_mutex_unlock(&worker->lock);
        slu_bell_ring(worker->spec.event_bell);
        return;
    }
    queued->event = *event;
    queued->next = NULL;
    (void)pthread_mutex_lock(&worker->lock);
    *worker->last = queued;
    worker->last = &queued->next;
    (void)pthread_mutex_unlock(&worker->lock);
    slu_bell_ring(worker->spec.event_bell);
}

slu_status
slu_worker_event_next(slu_worker *worker, slu_worker_event *out)
{
    (void)pthread_mutex_lock(&worker->lock);
    queued_event *queued = worker->first;
    const bool lost = queued == NULL && worker->lost;
    if (queued != NULL) {
        worker->first = queued->next;
        if (worker->first == NULL)
            worker->last = &worker->first;
    }
    worker->lost = worker->lost && !lost;
    (void)pthread_mutex_unlock(&worker->lock);
    if (lost) {
        *out = (slu_worker_event){.kind = SLU_WORKER_FAILED, .task = worker->task_numbers[0], .checkpoint = -1};
        (void)slu_error_set(&out->error, SLU_NOMEM, "no memory to tell what happened");
        return SLU_OK;
    }
    if (queued == NULL)
        return SLU_AGAIN;
    *out = queued->event;
    out->ack.path = out->path;
    slu_free(queued);
    return SLU_OK;
}

bool
slu_worker_has_event(slu_worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    const bool some = worker->first != NULL || worker->lost;
    (void)pthread_mutex_unlock(&worker->lock);
    return some;
}

static void
explain_memory(const slu_worker *worker, slu_error *error)
{
    slu_task_loop **tasks = error->status == SLU_NOMEM ? slu_alloc((worker->count + 1u) * sizeof *tasks) : NULL;
    for (uint32_t i = 0; tasks != NULL && i < worker->count; i++)
        tasks[i] = worker->runs[i].task;
    if (tasks != NULL)
        slu_memory_limit_explain(&worker->account, worker->spec.layout->graph, tasks, worker->count, error);
    slu_free(tasks);
}

static void
tell(run *told, uint32_t kind, const slu_error *error)
{
    slu_worker_event event = {.kind = kind, .task = told->worker->task_numbers[told - told->worker->runs], .checkpoint = -1};
    if (error != NULL) {
        event.error = *error;
        explain_memory(told->worker, &event.error);
        (void)snprintf(event.operator_id, sizeof event.operator_id, "%s", slu_task_failed_operator(told->task));
    }
    on_event(told->worker, &event);
}

/* ---- Threads */

/* One look at a task; false: it is over (finished or failed, and told). */
static bool
run_once(run *stepped, slu_status *out)
{
    slu_error err = {0};
    *out = slu_task_step(stepped->task, &err);
    if (*out == SLU_OK || *out == SLU_MORE || *out == SLU_AGAIN)
        return true;
    tell(stepped, *out == SLU_END ? SLU_WORKER_FINISHED : SLU_WORKER_FAILED, *out == SLU_END ? NULL : &err);
    return false;
}

static void
forget_restore(slu_worker *worker)
{
    for (uint32_t i = 0; i < worker->restore.count; i++)
        slu_snapshot_reader_free(&worker->restore.readers[i]);
}

static bool
run_open(run *opened)
{
    slu_error err = {0};
    if (slu_task_open(opened->task, &err) == SLU_OK) {
        if (atomic_fetch_add(&opened->worker->open_count, 1) + 1 == opened->worker->count)
            forget_restore(opened->worker);
        tell(opened, SLU_WORKER_RUNNING, NULL);
        return true;
    }
    tell(opened, SLU_WORKER_FAILED, &err);
    return false;
}

static void *
task_thread(void *argument)
{
    run *mine = argument;
    slu_crash_watched = &mine->watch;
    bool going = run_open(mine);
    while (going && !slu_task_cancelled(mine->task)) {
        slu_status status;
        going = run_once(mine, &status);
        if (!going || status != SLU_AGAIN)
            continue;
        slu_bell_arm(&mine->bell);
        going = run_once(mine, &status);
        if (going && status == SLU_AGAIN && !slu_task_cancelled(mine->task))
            slu_task_sleep(mine->task);
        slu_bell_disarm(&mine->bell);
    }
    slu_task_close(mine->task);
    return NULL;
}

/* ---- Building */

static slu_status
find_plugins(slu_worker *worker, slu_error *err)
{
    const slu_graph *graph = worker->spec.layout->graph;
    worker->plugins = slu_alloc_zero(graph->operator_count + 1u, sizeof *worker->plugins);
    worker->schemas = slu_alloc_zero(graph->operator_count + 1u, sizeof *worker->schemas);
    if (worker->plugins == NULL || worker->schemas == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a worker");
    for (uint32_t i = 0; i < graph->operator_count; i++) {
        const slu_operator *op = &graph->operators[i];
        slu_registered found;
        SLU_TRY_IN(slu_registry_find(worker->spec.registry, op->use, op->kind, &found, err), err, "operator %s", op->id);
        worker->plugins[i] = found.plugin;
        worker->schemas[i] = slu_alloc_zero(op->output_count + 1u, sizeof *worker->schemas[i]);
        if (worker->schemas[i] == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for a worker");
        for (uint32_t o = 0; o < op->output_count; o++)
            if (op->outputs != NULL && op->outputs[o] != NULL)
                SLU_TRY_IN(slu_schema_new(op->outputs[o], &worker->schemas[i][o], err), err, "operator %s", op->id);
    }
    return SLU_OK;
}

static slu_status
make_channels(slu_worker *worker, slu_error *err)
{
    const slu_layout *layout = worker->spec.layout;
    worker->channels = slu_alloc_zero(layout->channel_count + 1u, sizeof *worker->channels);
    if (worker->channels == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %u channels", layout->channel_count);
    for (uint32_t i = 0; i < layout->channel_count; i++) {
        run *from = worker->run_of_task[layout->channels[i].from_task];
        run *to = worker->run_of_task[layout->channels[i].to_task];
        if (from == NULL && to == NULL)
            continue;
        const slu_channel_spec spec = {.producer = from != NULL ? &from->bell : worker->spec.net_bell,
                                       .consumer = to != NULL ? &to->bell : worker->spec.net_bell};
        SLU_TRY(slu_channel_new(&spec, &worker->channels[i], err));
    }
    return SLU_OK;
}

static bool
vertex_has(const slu_worker *worker, const slu_vertex *vertex, const char *operator_id)
{
    for (uint32_t o = 0; o < vertex->operator_count; o++)
        if (strcmp(worker->spec.layout->graph->operators[vertex->operators[o]].id, operator_id) == 0)
            return true;
    return false;
}

/* Whether some task here restores from a file: it has an operator of it, and at equal parallelism is the same subtask. */
static bool
file_is_wanted(const slu_worker *worker, const slu_manifest_file *file)
{
    const slu_layout *layout = worker->spec.layout;
    for (uint32_t i = 0; i < worker->count; i++) {
        const slu_task *task = &layout->tasks[worker->task_numbers[i]];
        const slu_vertex *vertex = &layout->vertices[task->vertex];
        if (vertex->parallelism == file->parallelism && task->subtask != file->subtask)
            continue;
        for (uint32_t o = 0; o < file->operator_count; o++)
            if (vertex_has(worker, vertex, file->operators[o]))
                return true;
    }
    return false;
}

/* An operator that was renamed or removed leaves its state behind: somebody should hear of it. */
static void
name_the_left_behind(const slu_worker *worker, const slu_manifest_file *file)
{
    for (uint32_t o = 0; file->subtask == 0 && o < file->operator_count; o++) {
        bool there = false;
        for (uint32_t v = 0; v < worker->spec.layout->vertex_count; v++)
            there = there || vertex_has(worker, &worker->spec.layout->vertices[v], file->operators[o]);
        if (!there)
            slu_log_warn(worker->spec.env, "STATE-LEFT",
                         "the checkpoint knows an operator %s, the job does not: what it remembered is left behind",
                         file->operators[o]);
    }
}

static slu_status
state_file_check(slu_view bytes, const slu_manifest_file *file, slu_error *err)
{
    return (int64_t)bytes.bytes == file->bytes && slu_crc32c(0, bytes.data, bytes.bytes) == file->crc32c
               ? SLU_OK
               : slu_error_set(err, SLU_CORRUPT, "%zu bytes, or a checksum, that the manifest does not know", bytes.bytes);
}

/* Of this machine: its pages are read where they are. */
static slu_status
map_state_file(const char *path, const slu_manifest_file *file, slu_snapshot_reader **out, slu_error *err)
{
    SLU_AUTO(slu_file_unmap) slu_view mapped = {0};
    SLU_TRY(slu_file_map(path, SLU_SNAPSHOT_BYTES_MAX, &mapped, err));
    SLU_TRY_IN(state_file_check(mapped, file, err), err, "%s", path);
    SLU_TRY_IN(slu_snapshot_reader_mapped(&mapped, out, err), err, "%s", path);
    return SLU_OK;
}

static slu_status
fetch_state_file(const slu_stores *stores, const char *path, const slu_manifest_file *file, slu_snapshot_reader **out,
                 slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    slu_buf_init(&bytes, SLU_SNAPSHOT_BYTES_MAX);
    SLU_TRY(slu_place_read(stores, path, SLU_SNAPSHOT_BYTES_MAX, &bytes, err));
    SLU_TRY_IN(state_file_check(slu_buf_view(&bytes), file, err), err, "%s", path);
    SLU_TRY_IN(slu_snapshot_reader_new(&bytes, out, err), err, "%s", path);
    return SLU_OK;
}

static slu_status
read_state_file(const slu_manifest *manifest, const slu_manifest_file *file, slu_snapshot_reader **out, slu_error *err)
{
    char path[2 * SLU_PATH_BYTES_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", manifest->directory, file->path);
    const slu_status status =
        slu_place_is_local(path) ? map_state_file(path, file, out, err) : fetch_state_file(manifest->stores, path, file, out, err);
    if (status == SLU_NOTFOUND)
        return slu_error_set(err, SLU_CORRUPT, "%s is missing: the checkpoint is not whole any more", path);
    return status;
}

static slu_status
load_restore(slu_worker *worker, slu_error *err)
{
    const slu_manifest *manifest = worker->spec.restore;
    if (manifest == NULL)
        return SLU_OK;
    if (manifest->max_parallelism != worker->spec.layout->graph->max_parallelism)
        return slu_error_set(err, SLU_INVALID, "the checkpoint has %u key groups, the job %u: max-parallelism cannot change",
                             manifest->max_parallelism, worker->spec.layout->graph->max_parallelism);
    worker->restore.manifest = manifest;
    worker->restore.readers = slu_alloc_zero(manifest->file_count + 1u, sizeof *worker->restore.readers);
    uint32_t *subtasks = slu_alloc_zero(manifest->file_count + 1u, sizeof *subtasks);
    uint32_t *parallelisms = slu_alloc_zero(manifest->file_count + 1u, sizeof *parallelisms);
    worker->restore.subtasks = subtasks;
    worker->restore.parallelisms = parallelisms;
    if (worker->restore.readers == NULL || subtasks == NULL || parallelisms == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a restore");
    for (uint32_t i = 0; i < manifest->file_count; i++) {
        const slu_manifest_file *file = &manifest->files[i];
        name_the_left_behind(worker, file);
        if (!file_is_wanted(worker, file))
            continue;
        SLU_TRY(read_state_file(manifest, file, &worker->restore.readers[worker->restore.count], err));
        subtasks[worker->restore.count] = file->subtask;
        parallelisms[worker->restore.count++] = file->parallelism;
    }
    return SLU_OK;
}

static slu_status
make_state_dir(slu_worker *worker, slu_error *err)
{
    const slu_state_settings *settings = &worker->spec.layout->graph->state;
    if (settings->backend != SLU_STATE_ROCKSDB)
        return SLU_OK;
    if (settings->local_dir[0] != 0)
        SLU_TRY(slu_dir_make(settings->local_dir, err));
    const char *parent = settings->local_dir[0] != 0 ? settings->local_dir : worker->spec.scratch_dir;
    return slu_scratch_open(&worker->state_dir, worker->spec.env, parent, "sluice-state", err);
}

static slu_status
make_tasks(slu_worker *worker, slu_error *err)
{
    for (uint32_t i = 0; i < worker->count; i++) {
        run *made = &worker->runs[i];
        const slu_task_spec spec = {.worker = &worker->spec,
                                    .task = worker->task_numbers[i],
                                    .bell = &made->bell,
                                    .registry_lock = &worker->registry_lock,
                                    .account = &worker->account,
                                    .state_dir = worker->state_dir.path[0] == 0 ? NULL : worker->state_dir.path,
                                    .schemas = (slu_schema *const *const *)worker->schemas,
                                    .plugins = worker->plugins,
                                    .channels = worker->channels,
                                    .restore = worker->spec.restore == NULL ? NULL : &worker->restore,
                                    .writing = worker->writing,
                                    .owner = worker,
                                    .event = on_event};
        SLU_TRY(slu_task_new(&spec, &made->task, err));
    }
    return SLU_OK;
}

static slu_status
make_runs(slu_worker *worker, slu_error *err)
{
    const slu_layout *layout = worker->spec.layout;
    worker->count = worker->spec.tasks == NULL ? layout->task_count : worker->spec.task_count;
    worker->task_numbers = slu_alloc_zero(worker->count + 1u, sizeof *worker->task_numbers);
    worker->runs = slu_alloc_zero(worker->count + 1u, sizeof *worker->runs);
    worker->run_of_task = slu_alloc_zero(layout->task_count + 1u, sizeof(run *));
    if (worker->task_numbers == NULL || worker->runs == NULL || worker->run_of_task == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %u tasks", worker->count);
    for (uint32_t i = 0; i < worker->count; i++)
        worker->runs[i].bell.fd = -1;
    for (uint32_t i = 0; i < worker->count; i++) {
        const uint32_t task = worker->spec.tasks == NULL ? i : worker->spec.tasks[i];
        if (task >= layout->task_count || worker->run_of_task[task] != NULL)
            return slu_error_set(err, SLU_INVALID, "task %u of %u, or twice the same", task, layout->task_count);
        worker->task_numbers[i] = task;
        worker->runs[i].worker = worker;
        worker->run_of_task[task] = &worker->runs[i];
        SLU_TRY(slu_bell_init(&worker->runs[i].bell, worker->spec.threads, err));
    }
    return SLU_OK;
}

static slu_status
start_threads(slu_worker *worker, slu_error *err)
{
    for (uint32_t i = 0; worker->spec.threads && i < worker->count; i++) {
        const int failed = pthread_create(&worker->runs[i].thread, NULL, task_thread, &worker->runs[i]);
        if (failed != 0)
            return slu_error_set(err, SLU_IO, "pthread_create: error %d", failed);
        worker->runs[i].started = true;
    }
    return SLU_OK;
}

slu_status
slu_worker_open(const slu_worker_spec *spec, slu_worker **out, slu_error *err)
{
    SLU_AUTO(slu_worker_close) slu_worker *worker = slu_alloc_zero(1, sizeof *worker);
    if (worker == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a worker");
    worker->spec = *spec;
    worker->last = &worker->first;
    worker->account.max_bytes = spec->memory_max;
    (void)pthread_mutex_init(&worker->lock, NULL);
    (void)pthread_mutex_init(&worker->registry_lock, NULL);
    SLU_TRY(make_runs(worker, err));
    SLU_TRY(find_plugins(worker, err));
    SLU_TRY(make_channels(worker, err));
    SLU_TRY(load_restore(worker, err));
    const slu_writing_spec writing = {
        .worker = &worker->spec, .waiting_max = 2 * worker->count, .owner = worker, .event = on_event};
    if (spec->threads)
        SLU_TRY(slu_writing_new(&writing, &worker->writing, err));
    SLU_TRY(make_state_dir(worker, err));
    SLU_TRY(make_tasks(worker, err));
    SLU_TRY(start_threads(worker, err));
    *out = slu_take(&worker);
    return SLU_OK;
}

/* ---- Closing: tasks first (threads joined, instances closed), then the channels with the batches in them, then the services whose
 * memory those batches may use. */

static void
stop_tasks(slu_worker *worker)
{
    const slu_worker_command cancel = {.kind = SLU_WORKER_CANCEL};
    for (uint32_t i = 0; worker->runs != NULL && i < worker->count; i++)
        if (worker->runs[i].task != NULL && slu_task_command(worker->runs[i].task, &cancel, NULL) != SLU_OK)
            continue;
    for (uint32_t i = 0; worker->runs != NULL && i < worker->count; i++) {
        if (worker->runs[i].started)
            (void)pthread_join(worker->runs[i].thread, NULL);
        else if (worker->runs[i].task != NULL)
            slu_task_close(worker->runs[i].task);
    }
}

static void
free_schemas(slu_worker *worker)
{
    const slu_graph *graph = worker->spec.layout->graph;
    for (uint32_t i = 0; worker->schemas != NULL && i < graph->operator_count; i++) {
        for (uint32_t o = 0; worker->schemas[i] != NULL && o < graph->operators[i].output_count; o++)
            slu_schema_unref(&worker->schemas[i][o]);
        slu_free(worker->schemas[i]);
    }
    slu_free(worker->schemas);
    slu_free(worker->plugins);
}

void
slu_worker_close(slu_worker **owned)
{
    slu_worker *worker = slu_take(owned);
    slu_worker_event event;
    if (worker == NULL)
        return;
    stop_tasks(worker);
    slu_writing_free(&worker->writing);
    for (uint32_t i = 0; worker->channels != NULL && i < worker->spec.layout->channel_count; i++)
        slu_channel_free(&worker->channels[i]);
    for (uint32_t i = 0; worker->runs != NULL && i < worker->count; i++) {
        if (worker->runs[i].task != NULL)
            slu_task_drop_items(worker->runs[i].task);
    }
    for (uint32_t i = 0; worker->runs != NULL && i < worker->count; i++) {
        slu_task_free(&worker->runs[i].task);
        slu_bell_fini(&worker->runs[i].bell);
    }
    slu_scratch_close(&worker->state_dir);
    forget_restore(worker);
    while (slu_worker_event_next(worker, &event) == SLU_OK)
        continue;
    free_schemas(worker);
    slu_free(worker->restore.readers);
    slu_free((void *)(uintptr_t)worker->restore.subtasks);
    slu_free((void *)(uintptr_t)worker->restore.parallelisms);
    slu_free(worker->channels);
    slu_free(worker->runs);
    slu_free(worker->run_of_task);
    slu_free(worker->task_numbers);
    (void)pthread_mutex_destroy(&worker->lock);
    (void)pthread_mutex_destroy(&worker->registry_lock);
    slu_free(worker);
}

/* ---- The rest */

slu_status
slu_worker_command_all(slu_worker *worker, const slu_worker_command *command, slu_error *err)
{
    slu_status status = SLU_OK;
    for (uint32_t i = 0; i < worker->count; i++) {
        const slu_status one = slu_task_command(worker->runs[i].task, command, err);
        status = one != SLU_OK ? one : status;
    }
    return status;
}

static bool
step_one(run *stepped)
{
    slu_status status = SLU_MORE;
    if (stepped->over)
        return false;
    bool going = stepped->opened || run_open(stepped);
    const bool fresh = !stepped->opened;
    stepped->opened = true;
    if (going && !fresh)
        going = run_once(stepped, &status);
    if (!going || slu_task_cancelled(stepped->task)) {
        slu_task_close(stepped->task);
        stepped->over = true;
    }
    return status != SLU_AGAIN;
}

slu_status
slu_worker_step(slu_worker *worker, int64_t *deadline)
{
    bool did = false;
    *deadline = INT64_MAX;
    for (uint32_t i = 0; i < worker->count; i++) {
        did = step_one(&worker->runs[i]) || did;
        const int64_t at = worker->runs[i].over ? INT64_MAX : slu_task_deadline(worker->runs[i].task);
        *deadline = at < *deadline ? at : *deadline;
    }
    return did ? SLU_MORE : SLU_AGAIN;
}

void
slu_worker_wait(slu_worker *worker, int64_t timeout_ms)
{
    struct pollfd polled[POLLED_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < worker->count; i++)
        if (!worker->runs[i].over)
            n += slu_watches_fill(slu_task_watches(worker->runs[i].task), polled + n, POLLED_MAX - n);
    if (n > 0 || timeout_ms > 0)
        (void)poll(polled, n, timeout_ms > 1000 ? 1000 : (int)timeout_ms);
}

slu_channel *
slu_worker_outbound(slu_worker *worker, uint32_t channel)
{
    const slu_channel_plan *plan = &worker->spec.layout->channels[channel];
    return worker->run_of_task[plan->from_task] != NULL && worker->run_of_task[plan->to_task] == NULL ? worker->channels[channel]
                                                                                                      : NULL;
}

slu_channel *
slu_worker_inbound(slu_worker *worker, uint32_t channel)
{
    const slu_channel_plan *plan = &worker->spec.layout->channels[channel];
    return worker->run_of_task[plan->to_task] != NULL && worker->run_of_task[plan->from_task] == NULL ? worker->channels[channel]
                                                                                                      : NULL;
}

void
slu_worker_rows(const slu_worker *worker, int64_t *emitted, int64_t *written)
{
    *emitted = *written = 0;
    for (uint32_t i = 0; i < worker->count; i++) {
        const slu_task_loop *task = worker->runs[i].task;
        for (uint32_t n = 0; n < slu_task_node_count(task); n++) {
            const slu_node *node = slu_task_node(task, n);
            *emitted += slu_node_kind(node) == SLU_KIND_SOURCE ? slu_node_rows_out(node) : 0;
            *written += slu_node_kind(node) == SLU_KIND_SINK ? slu_node_rows_out(node) : 0;
        }
    }
}

slu_task_counters
slu_worker_counters(const slu_worker *worker, uint32_t position)
{
    return slu_task_counters_get(worker->runs[position].task);
}

typedef struct named_metrics {
    const char *operator_id;
    void (*each)(void *to, const char *name, int64_t value);
    void *to;
} named_metrics;

static void
metric_name(void *to, const char *name, uint32_t kind, int64_t value)
{
    const named_metrics *n = to;
    char full[2 * SLU_NAME_BYTES_MAX];
    (void)kind;
    if ((size_t)snprintf(full, sizeof full, "%s.%s", n->operator_id, name) < sizeof full)
        n->each(n->to, full, value);
}

void
slu_worker_metrics(const slu_worker *worker, uint32_t position, void (*each)(void *to, const char *name, int64_t value), void *to)
{
    const slu_task_loop *task = worker->runs[position].task;
    for (uint32_t i = 0; i < slu_task_node_count(task); i++) {
        named_metrics named = {slu_node_id(slu_task_node(task, i)), each, to};
        slu_services_metrics(slu_node_services(slu_task_node(task, i)), metric_name, &named);
    }
}

/* Calls that come and go change the watch; one that stays does not. */
static bool
run_hung(run *looked, int64_t now_ms, int64_t limit_ms)
{
    const uint64_t changes = atomic_load_explicit(&looked->watch.changes, memory_order_acquire);
    const bool inside = atomic_load_explicit(&looked->watch.plugin, memory_order_relaxed) != NULL;
    if (!inside || changes != looked->seen || looked->seen_ms == 0) {
        looked->seen = changes;
        looked->seen_ms = now_ms;
        return false;
    }
    return now_ms - looked->seen_ms >= limit_ms;
}

/* Whoever looks was itself stopped (SIGSTOP, a machine that paused): what stood still meanwhile begins anew. */
static void
runs_looked_at(slu_worker *worker, int64_t now_ms)
{
    const bool slept = now_ms - worker->looked_ms > LOOKED_AWAY_MS;
    for (uint32_t i = 0; slept && i < worker->count; i++)
        worker->runs[i].seen_ms = 0;
    worker->looked_ms = now_ms;
}

bool
slu_worker_hung(slu_worker *worker, int64_t now_ms, int64_t limit_ms, slu_hung *out)
{
    runs_looked_at(worker, now_ms);
    for (uint32_t i = 0; i < worker->count; i++) {
        run *looked = &worker->runs[i];
        if (!looked->started || !run_hung(looked, now_ms, limit_ms))
            continue;
        *out = (slu_hung){.plugin = atomic_load(&looked->watch.plugin),
                          .operator_id = atomic_load(&looked->watch.operator_id),
                          .subtask = slu_task_subtask(looked->task)};
        return out->plugin != NULL && out->operator_id != NULL;
    }
    return false;
}
