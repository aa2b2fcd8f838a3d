/* process.c: see process.h. */
#include "process.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "base/sizes.h"
#include "control/message.h"
#include "measures.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define EVENTS_PER_STEP 1000
#define TASK_NONE 0 /* states, as the job manager hears them */
#define TASK_RUNNING 1
#define TASK_ENDED 2
#define TASK_FINISHED 3
#define TASK_FAILED 4

static const char *const task_states[] = {"DEPLOYING", "RUNNING", "ENDED", "FINISHED", "FAILED"};

struct slu_worker_process {
    slu_worker_process_spec spec;
    slu_arena deploy_arena; /* what the DEPLOY message's texts live in */
    slu_message deploy;
    slu_graph *graph;
    slu_layout *layout;
    slu_manifest *restore;
    uint32_t *placement;
    uint32_t *tasks; /* ours */
    uint8_t *states; /* of ours, by position */
    uint32_t task_count;
    slu_link *link;
    uint32_t version; /* 0: not welcome now */
    bool open;
    int64_t completed; /* the newest checkpoint that was heard to be whole; -1: none */
    int64_t beat_ms, tell_ms, heard_ms;
    int64_t tasks_ms; /* without threads: when a task wants to be stepped again */
    slu_bell bell;    /* events of tasks */
    slu_worker *worker;
    slu_net *net;
    pthread_t net_thread;
    bool net_started;
    atomic_bool net_over;
    slu_error net_error;
    bool net_told;
    bool over;
    int exit_code;
    slu_error failure; /* of the first task that failed, or of the beginning */
    char failed_operator[SLU_NAME_BYTES_MAX];
    slu_arena arena;
    slu_buf out;
};

/* ---- Telling ------------------------------------------------------------------------------------------------------------------- */

static slu_message
about(const slu_worker_process *p, uint32_t kind)
{
    return (slu_message){.kind = kind,
                         .job = p->deploy.job,
                         .attempt = p->deploy.attempt,
                         .attempt_id = p->deploy.attempt_id,
                         .worker = p->deploy.worker};
}

/* Not connected: dropped. The states of all tasks are told again after the next welcome. */
static void
tell(slu_worker_process *p, const slu_message *message)
{
    slu_buf_reset(&p->out);
    slu_message_encode(message, p->version == 0 ? SLU_CONTROL_VERSION_MIN : p->version, &p->out);
    if (slu_buf_status(&p->out, NULL) == SLU_OK && slu_link_send(p->link, 0, slu_buf_view(&p->out), NULL, NULL) != SLU_OK)
        slu_log_debug(p->spec.env, "UNSAID", "%s was not sent", slu_message_name(message->kind));
}

static void
hello_tell(slu_worker_process *p)
{
    slu_message message = about(p, SLU_MESSAGE_HELLO);
    message.role = SLU_ROLE_WORKER;
    message.version_min = SLU_CONTROL_VERSION_MIN;
    message.version_max = SLU_CONTROL_VERSION_MAX;
    message.host = p->spec.host;
    message.boot = p->spec.boot;
    message.address = p->net == NULL ? "" : slu_net_address(p->net);
    message.pid = (uint64_t)getpid();
    message.workers = p->deploy.workers;
    tell(p, &message);
}

static void
failure_tell(slu_worker_process *p)
{
    slu_message message = about(p, SLU_MESSAGE_TASK);
    message.task = UINT32_MAX;
    message.state = task_states[TASK_FAILED];
    message.name = p->failed_operator;
    message.status = p->failure.status;
    message.flags = p->failure.fatal;
    message.text = p->failure.message;
    tell(p, &message);
}

static void
state_tell(slu_worker_process *p, uint32_t position)
{
    slu_message message = about(p, SLU_MESSAGE_TASK);
    message.task = p->tasks[position];
    message.state = task_states[p->states[position]];
    if (p->states[position] != TASK_NONE && p->states[position] != TASK_FAILED)
        tell(p, &message);
}

/* All of it: after a welcome, and again with each heartbeat, since a message may be lost. */
static void
states_tell(slu_worker_process *p)
{
    for (uint32_t i = 0; p->worker != NULL && i < p->task_count; i++)
        state_tell(p, i);
    if (p->failure.status != SLU_OK)
        failure_tell(p);
}

/* The first failure is the one that is told. */
static void
fail(slu_worker_process *p, const char *operator_id, const slu_error *why)
{
    if (p->failure.status != SLU_OK)
        return;
    p->failure = *why;
    (void)snprintf(p->failed_operator, sizeof p->failed_operator, "%s", operator_id);
    slu_log_error(p->spec.env, "TASK-FAILED", "job %s attempt %" PRIu64 ": %s%s%s", p->deploy.name, p->deploy.attempt, operator_id,
                  operator_id[0] == 0 ? "" : ": ", why->message);
    failure_tell(p);
}

static void
metrics_tell(slu_worker_process *p)
{
    const slu_net_counters net = slu_net_get_counters(p->net);
    slu_measures all;
    slu_arena arena;
    if (p->worker == NULL || p->task_count == 0)
        return;
    slu_arena_init(&arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    if (slu_measures_new(&arena, p->task_count, 4, &all, NULL) == SLU_OK) {
        for (uint32_t i = 0; i < p->task_count; i++)
            slu_measures_task(&all, p->worker, i, p->tasks[i]);
        slu_measures_add(&all, p->tasks[0], "net_frames_out", (int64_t)net.frames_out);
        slu_measures_add(&all, p->tasks[0], "net_frames_in", (int64_t)net.frames_in);
        slu_measures_add(&all, p->tasks[0], "net_bytes_out", (int64_t)net.bytes_out);
        slu_measures_add(&all, p->tasks[0], "net_bytes_in", (int64_t)net.bytes_in);
        slu_message message = about(p, SLU_MESSAGE_METRICS);
        message.items = all.items;
        message.item_count = all.count;
        tell(p, &message);
    }
    slu_arena_fini(&arena);
}

/* ---- Beginning ----------------------------------------------------------------------------------------------------------------- */

static void *
net_main(void *argument)
{
    slu_worker_process *p = argument;
    slu_error err = {0};
    if (slu_net_run(p->net, &err) != SLU_OK)
        p->net_error = err;
    atomic_store(&p->net_over, true);
    slu_bell_ring_always(&p->bell);
    return NULL;
}

/* The modules of the plan, by their content. No other attempt would find others here: fatal. */
static slu_status
modules_require(const slu_worker_process *p, slu_error *err)
{
    slu_status status = SLU_OK;
    for (uint32_t i = 0; status == SLU_OK && i < p->graph->operator_count; i++) {
        const slu_operator *op = &p->graph->operators[i];
        if (op->module_sha256 == NULL || op->module_sha256[0] == 0)
            continue;
        status = slu_registry_require(p->spec.registry, op->module, op->module_sha256, err);
        status = slu_error_in(err, status, "operator %s on %s", op->id, p->spec.host);
    }
    err->fatal = status != SLU_OK;
    return status;
}

static slu_status
worker_open(slu_worker_process *p, slu_error *err)
{
    const slu_worker_spec spec = {.env = p->spec.env,
                                  .layout = p->layout,
                                  .registry = p->spec.registry,
                                  .job_id = p->deploy.job,
                                  .attempt = (uint32_t)p->deploy.attempt,
                                  .tasks = p->tasks,
                                  .task_count = p->task_count,
                                  .stores = p->spec.stores,
                                  .checkpoint_dir = p->deploy.path,
                                  .restore = p->restore,
                                  .hold_sources = p->restore == NULL,
                                  .threads = p->spec.threads,
                                  .scratch_dir = p->deploy.run_dir[0] == 0 ? NULL : p->deploy.run_dir,
                                  .memory_max = (int64_t)p->deploy.memory_max,
                                  .event_bell = p->spec.threads ? &p->bell : NULL,
                                  .net_bell = slu_net_bell(p->net)};
    SLU_TRY(modules_require(p, err));
    return slu_worker_open(&spec, &p->worker, err);
}

/* Which of a peer's addresses to dial; a transport without schemes (memory) has one. */
static slu_status
peer_address(const slu_worker_process *p, const slu_message *peer, char *out, size_t bytes, slu_error *err)
{
    if (strstr(peer->address, "://") != NULL)
        return slu_link_choose(peer->address, peer->boot, p->spec.boot, p->deploy.transport, out, bytes, err);
    (void)snprintf(out, bytes, "%s", peer->address);
    return SLU_OK;
}

static slu_status
net_begin(slu_worker_process *p, const slu_message *message, slu_error *err)
{
    slu_net_peer *peers = slu_arena_array(&p->arena, message->item_count + 1u, sizeof *peers);
    uint32_t count = 0;
    if (peers == NULL)
        return slu_arena_status(&p->arena, err);
    for (uint32_t i = 0; i < message->item_count; i++) {
        const slu_message *item = &message->items[i];
        char address[SLU_LINK_ADDRESS_BYTES_MAX];
        if (item->worker == p->deploy.worker)
            continue;
        SLU_TRY_IN(peer_address(p, item, address, sizeof address, err), err, "worker %" PRIu64 " on %s", item->worker, item->host);
        peers[count++] = (slu_net_peer){(uint32_t)item->worker, slu_arena_strdup(&p->arena, address)};
    }
    SLU_TRY(slu_arena_status(&p->arena, err));
    SLU_TRY(slu_net_begin(p->net, p->worker, p->layout, p->placement, peers, count, err));
    if (!p->spec.threads)
        return SLU_OK;
    if (pthread_create(&p->net_thread, NULL, net_main, p) != 0)
        return slu_error_set(err, SLU_NOMEM, "a thread");
    p->net_started = true;
    return SLU_OK;
}

/* All workers are there. A repetition, after a restart of the job manager, is no news. */
static void
peers_take(slu_worker_process *p, const slu_message *message)
{
    slu_error err = {0};
    if (p->worker != NULL || p->failure.status != SLU_OK)
        return;
    slu_status status = worker_open(p, &err);
    if (status == SLU_OK)
        status = net_begin(p, message, &err);
    if (status != SLU_OK)
        fail(p, "", &err);
    p->tell_ms = slu_now_ms(p->spec.env) + SLU_WORKER_TELL_MS;
}

/* ---- Hearing ------------------------------------------------------------------------------------------------------------------- */

static void
command(slu_worker_process *p, const slu_message *message, uint32_t kind)
{
    slu_error err = {0};
    const slu_worker_command command = {.kind = kind,
                                        .flags = kind == SLU_WORKER_TRIGGER ? (uint32_t)message->flags : 0,
                                        .checkpoint = message->checkpoint,
                                        .wall_ms = message->start_ms,
                                        .final = kind == SLU_WORKER_COMPLETE && message->flags == 1};
    if (p->worker != NULL && slu_worker_command_all(p->worker, &command, &err) != SLU_OK)
        fail(p, "", &err);
}

static void
rules_take(slu_worker_process *p, const slu_message *message)
{
    slu_error err = {0};
    slu_worker_command command = {.kind = SLU_WORKER_RULES};
    if (p->worker == NULL)
        return;
    slu_status status = slu_ruleset_new(message->name, message->value, message->data, &command.rules, &err);
    if (status == SLU_OK)
        status = slu_worker_command_all(p->worker, &command, &err);
    if (status != SLU_OK)
        fail(p, "", &err);
    slu_ruleset_unref(&command.rules);
}

/* COMPLETE, or a heartbeat that says the same: once for each checkpoint, and again where it turns out to be final. */
static void
complete_take(slu_worker_process *p, const slu_message *message)
{
    if (message->checkpoint < p->completed || (message->checkpoint == p->completed && message->flags == 0) || p->worker == NULL)
        return;
    p->completed = message->checkpoint;
    command(p, message, SLU_WORKER_COMPLETE);
}

static void
end(slu_worker_process *p, int exit_code)
{
    p->over = true;
    p->exit_code = exit_code;
}

static void
welcome_take(slu_worker_process *p, const slu_message *message)
{
    slu_error err = {0};
    if (slu_control_agree(message->version_min, message->version_max, &p->version, &err) != SLU_OK) {
        slu_log_error(p->spec.env, "VERSION", "%s", err.message);
        end(p, 1);
        return;
    }
    states_tell(p);
}

static void
message_take(slu_worker_process *p, slu_view bytes)
{
    slu_message message;
    slu_error err = {0};
    slu_arena_reset(&p->arena);
    if (slu_message_decode(bytes, p->version == 0 ? SLU_CONTROL_VERSION_MIN : p->version, &p->arena, &message, &err) != SLU_OK) {
        slu_log_warn(p->spec.env, "MESSAGE-BAD", "from the job manager: %s", err.message);
        return;
    }
    switch (message.kind) {
    case SLU_MESSAGE_WELCOME: welcome_take(p, &message); break;
    case SLU_MESSAGE_PEERS: peers_take(p, &message); break;
    case SLU_MESSAGE_TRIGGER: command(p, &message, SLU_WORKER_TRIGGER); break;
    case SLU_MESSAGE_COMPLETE:
    case SLU_MESSAGE_HEARTBEAT: complete_take(p, &message); break;
    case SLU_MESSAGE_RULES: rules_take(p, &message); break;
    case SLU_MESSAGE_ABORT: command(p, &message, SLU_WORKER_ABORT); break;
    case SLU_MESSAGE_END:
        if (message.flags == SLU_END_DRAIN)
            command(p, &message, SLU_WORKER_DRAIN);
        else
            end(p, 0);
        break;
    case SLU_MESSAGE_FAILED:
        slu_log_warn(p->spec.env, "REFUSED", "the job manager says: %s", message.text);
        if (p->version == 0) {
            end(p, 1);
        } else { /* it wrote us off while we were silent: hello again, to be told whether we are still wanted */
            p->version = 0;
            hello_tell(p);
        }
        break;
    default: break;
    }
}

static void
link_step(slu_worker_process *p)
{
    slu_link_event event;
    for (unsigned i = 0; i < EVENTS_PER_STEP && !p->over && slu_link_next(p->link, &event) == SLU_OK; i++) {
        slu_link_body_release(&event.body);
        p->heard_ms = slu_now_ms(p->spec.env);
        if (event.kind != SLU_LINK_MESSAGE) {
            p->open = event.kind == SLU_LINK_OPENED;
            p->version = 0;
        }
        if (event.kind == SLU_LINK_OPENED)
            hello_tell(p);
        else if (event.kind == SLU_LINK_MESSAGE)
            message_take(p, event.head);
    }
}

/* ---- Events of tasks ----------------------------------------------------------------------------------------------------------- */

static uint32_t
position_of(const slu_worker_process *p, uint32_t task)
{
    uint32_t at = 0;
    while (at + 1 < p->task_count && p->tasks[at] != task)
        at++;
    return at;
}

static void
ack_tell(slu_worker_process *p, const slu_worker_event *event)
{
    slu_message message = about(p, SLU_MESSAGE_ACK);
    message.checkpoint = event->ack.checkpoint;
    message.task = event->task;
    message.path = event->ack.path;
    message.size = (uint64_t)event->ack.bytes;
    message.crc = event->ack.crc32c;
    message.duration_ms = event->ack.sync_ms;
    message.alignment_ms = event->ack.alignment_ms;
    tell(p, &message);
}

/* Where in the file it is wrong goes in front: LINE:COLUMN. */
static void
ruled_tell(slu_worker_process *p, const slu_worker_event *event)
{
    char text[sizeof event->error.message + 32];
    slu_message message = about(p, SLU_MESSAGE_RULED);
    message.task = event->task;
    message.value = event->rules_asked;
    message.checkpoint = event->rules_version;
    message.status = event->error.status;
    message.text = text;
    if (event->error.line != 0)
        (void)snprintf(text, sizeof text, "%" PRIu32 ":%" PRIu32 ": %s", event->error.line, event->error.column,
                       event->error.message);
    else
        (void)snprintf(text, sizeof text, "%s", event->error.status == SLU_OK ? "" : event->error.message);
    tell(p, &message);
}

static void
event_take(slu_worker_process *p, const slu_worker_event *event)
{
    const uint32_t position = position_of(p, event->task);
    slu_message message = about(p, SLU_MESSAGE_DECLINE);
    switch (event->kind) {
    case SLU_WORKER_RUNNING: p->states[position] = TASK_RUNNING; break;
    case SLU_WORKER_ENDED: p->states[position] = TASK_ENDED; break;
    case SLU_WORKER_FINISHED:
        p->states[position] = TASK_FINISHED;
        metrics_tell(p);
        break;
    case SLU_WORKER_ACK: ack_tell(p, event); return;
    case SLU_WORKER_RULED: ruled_tell(p, event); return;
    case SLU_WORKER_DECLINED:
        message.checkpoint = event->checkpoint;
        message.task = event->task;
        message.status = event->error.status;
        message.text = event->error.message;
        tell(p, &message);
        return;
    case SLU_WORKER_FAILED:
        p->states[position] = TASK_FAILED;
        fail(p, event->operator_id, &event->error);
        return;
    default: return;
    }
    state_tell(p, position);
}

static bool
events_step(slu_worker_process *p)
{
    slu_worker_event event;
    bool did = false;
    while (p->worker != NULL && slu_worker_event_next(p->worker, &event) == SLU_OK) {
        event_take(p, &event);
        did = true;
    }
    return did;
}

/* Without threads: the tasks and the net, here. */
static bool
inline_step(slu_worker_process *p)
{
    slu_error err = {0};
    bool did = false;
    if (p->spec.threads || p->worker == NULL || p->failure.status != SLU_OK)
        return false;
    if (slu_net_step(p->net, &did, &err) != SLU_OK)
        fail(p, "", &err);
    return slu_worker_step(p->worker, &p->tasks_ms) == SLU_MORE || did;
}

static bool
all_finished(const slu_worker_process *p)
{
    for (uint32_t i = 0; i < p->task_count; i++)
        if (p->states[i] != TASK_FINISHED)
            return false;
    return true;
}

/* Its thread cannot be ended, so the process is. The task manager finds the last line, as when a plugin crashed. */
static void
watchdog_step(slu_worker_process *p, int64_t now)
{
    slu_hung hung;
    const int64_t limit = (int64_t)p->deploy.timeout_ms;
    if (limit <= 0 || p->worker == NULL || !p->spec.threads || !slu_worker_hung(p->worker, now, limit, &hung))
        return;
    (void)fflush(stderr);
    (void)dprintf(STDERR_FILENO,
                  SLU_CRASH_LINE "%s of operator %s: a call of subtask %" PRIu32 " has not returned for %" PRId64 " s\n",
                  hung.plugin, hung.operator_id, hung.subtask, limit / 1000);
    (void)raise(SIGKILL);
}

static void
times_step(slu_worker_process *p)
{
    const int64_t now = slu_now_ms(p->spec.env);
    watchdog_step(p, now);
    const slu_message beat = {.kind = SLU_MESSAGE_HEARTBEAT};
    if (p->open && now >= p->beat_ms) {
        p->beat_ms = now + SLU_WORKER_BEAT_MS;
        if (p->version == 0)
            hello_tell(p);
        else
            states_tell(p);
        tell(p, &beat);
    }
    if (p->version != 0 && p->worker != NULL && now >= p->tell_ms) {
        p->tell_ms = now + SLU_WORKER_TELL_MS;
        metrics_tell(p);
    }
}

/* Also after a sleep of the whole machine: then what waits on the link is older than it looks, and no task may go on by it. */
static bool
lease_is_over(slu_worker_process *p)
{
    if (!slu_link_beyond_loopback(p->deploy.address) || slu_now_ms(p->spec.env) - p->heard_ms <= SLU_WORKER_LEASE_MS)
        return false;
    slu_log_error(p->spec.env, "LEASE-OVER",
                  "the job manager has been silent for %d s: another attempt may begin, so this one ends",
                  SLU_WORKER_LEASE_MS / 1000);
    end(p, 1);
    return true;
}

slu_status
slu_worker_process_step(slu_worker_process *p)
{
    if (lease_is_over(p))
        return SLU_END;
    bool did = inline_step(p);
    did = events_step(p) || did;
    /* Peers that have finished leave; that is no failure once everything here is finished too. */
    if (atomic_load(&p->net_over) && !p->net_told && p->net_error.status != SLU_OK) {
        p->net_told = true;
        if (!all_finished(p))
            fail(p, "", &p->net_error);
    }
    link_step(p);
    times_step(p);
    if (p->over)
        return SLU_END;
    return did ? SLU_MORE : SLU_AGAIN;
}

int64_t
slu_worker_process_deadline(const slu_worker_process *p)
{
    int64_t deadline = slu_now_ms(p->spec.env) + SLU_WORKER_BEAT_MS;
    if (p->open)
        deadline = SLU_MIN(deadline, p->beat_ms);
    if (p->worker != NULL && p->version != 0)
        deadline = SLU_MIN(deadline, p->tell_ms);
    if (!p->spec.threads && p->worker != NULL)
        deadline = SLU_MIN(deadline, p->tasks_ms);
    return deadline;
}

void
slu_worker_process_wait(slu_worker_process *p)
{
    struct pollfd polls[2] = {{.fd = slu_link_fd(p->link), .events = POLLIN}, {.fd = p->bell.fd, .events = POLLIN}};
    slu_bell_arm(&p->bell);
    const bool did = events_step(p);
    const int64_t left = slu_worker_process_deadline(p) - slu_now_ms(p->spec.env);
    if (!did && !(atomic_load(&p->net_over) && !p->net_told && p->net_error.status != SLU_OK))
        (void)poll(polls, 2, left < 0 ? 0 : (int)left);
    slu_bell_disarm(&p->bell);
}

int
slu_worker_process_exit_code(const slu_worker_process *p)
{
    return p->exit_code;
}

slu_net_counters
slu_worker_process_counters(const slu_worker_process *p)
{
    return slu_net_get_counters(p->net);
}

slu_worker *
slu_worker_process_worker(slu_worker_process *p)
{
    return p->worker;
}

/* ---- Birth and death ----------------------------------------------------------------------------------------------------------- */

static slu_status
tasks_choose(slu_worker_process *p, slu_error *err)
{
    const uint32_t count = p->layout->task_count;
    p->placement = slu_alloc_zero(count + 1u, sizeof *p->placement);
    p->tasks = slu_alloc_zero(count + 1u, sizeof *p->tasks);
    p->states = slu_alloc_zero(count + 1u, sizeof *p->states);
    if (p->placement == NULL || p->tasks == NULL || p->states == NULL)
        return slu_error_set(err, SLU_NOMEM, "%" PRIu32 " tasks", count);
    if (p->deploy.placement.bytes != count * sizeof *p->placement)
        return slu_error_set(err, SLU_CORRUPT, "a placement of %zu bytes for %" PRIu32 " tasks", p->deploy.placement.bytes, count);
    memcpy(p->placement, p->deploy.placement.data, p->deploy.placement.bytes);
    for (uint32_t t = 0; t < count; t++) {
        if (p->placement[t] >= p->deploy.workers)
            return slu_error_set(err, SLU_CORRUPT, "task %" PRIu32 " is placed on worker %" PRIu32 " of %" PRIu64, t,
                                 p->placement[t], p->deploy.workers);
        if (p->placement[t] == p->deploy.worker)
            p->tasks[p->task_count++] = t;
    }
    return SLU_OK;
}

static slu_status
plan_take(slu_worker_process *p, slu_error *err)
{
    SLU_TRY(slu_graph_decode(p->deploy.graph, &p->graph, err));
    SLU_TRY(slu_layout_new(p->graph, &p->layout, err));
    SLU_TRY(tasks_choose(p, err));
    if (p->deploy.restore[0] != 0)
        SLU_TRY_IN(slu_manifest_load(p->spec.stores, p->deploy.restore, &p->restore, err), err, "restore from %s",
                   p->deploy.restore);
    return SLU_OK;
}

static slu_status
net_make(slu_worker_process *p, slu_error *err)
{
    char listen[SLU_LINK_ADDRESS_BYTES_MAX];
    char path[SLU_LINK_IPC_BYTES_MAX + 32] = "";
    const bool ipc = strcmp(p->deploy.transport, "tcp") != 0 && p->deploy.run_dir[0] != 0;
    if (ipc && (size_t)snprintf(path, sizeof path, "ipc://%s/%016" PRIx64 "-%" PRIu64 " ", p->deploy.run_dir, p->deploy.attempt_id,
                                p->deploy.worker) >= SLU_LINK_IPC_BYTES_MAX)
        path[0] = 0;
    (void)snprintf(listen, sizeof listen, "%stcp://%.250s:*", path, p->deploy.listen);
    const slu_net_spec spec = {.env = p->spec.env,
                               .transport = p->spec.data,
                               .listen = p->spec.listen != NULL ? p->spec.listen : listen,
                               .job = p->deploy.job,
                               .attempt = p->deploy.attempt,
                               .attempt_id = p->deploy.attempt_id,
                               .worker = (uint32_t)p->deploy.worker,
                               .insecure = p->deploy.flags != 0,
                               .with_bell_fd = p->spec.threads};
    return slu_net_open(&spec, &p->net, err);
}

slu_status
slu_worker_process_new(const slu_worker_process_spec *spec, slu_worker_process **out, slu_error *err)
{
    SLU_AUTO(slu_worker_process_free) slu_worker_process *p = slu_alloc_zero(1, sizeof *p);
    const slu_link_options options = {.env = spec->env, .linger_ms = 500};
    slu_error why = {0};
    if (p == NULL)
        return slu_error_set(err, SLU_NOMEM, "a worker");
    p->spec = *spec;
    p->bell.fd = -1;
    p->completed = -1;
    p->heard_ms = slu_now_ms(spec->env);
    slu_arena_init(&p->deploy_arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_arena_init(&p->arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_buf_init(&p->out, (size_t)SLU_CONTROL_BYTES_MAX);
    SLU_TRY(slu_message_decode(spec->deploy, SLU_CONTROL_VERSION_MAX, &p->deploy_arena, &p->deploy, err));
    if (p->deploy.kind != SLU_MESSAGE_DEPLOY)
        return slu_error_set(err, SLU_CORRUPT, "a worker is started with a deploy message, not with %s",
                             slu_message_name(p->deploy.kind));
    SLU_TRY(slu_bell_init(&p->bell, spec->threads, err));
    SLU_TRY(spec->control->dial(spec->control, p->deploy.address, &options, &p->link, err));
    /* From here on a failure is told to the job manager. */
    slu_status status = plan_take(p, &why);
    if (status == SLU_OK)
        status = net_make(p, &why);
    if (status != SLU_OK)
        fail(p, "", &why);
    *out = slu_take(&p);
    return SLU_OK;
}

void
slu_worker_process_free(slu_worker_process **owned)
{
    slu_worker_process *p = slu_take(owned);
    if (p == NULL)
        return;
    if (p->net_started) {
        slu_net_stop(p->net);
        (void)pthread_join(p->net_thread, NULL);
    }
    slu_worker_close(&p->worker); /* its tasks ring the net's bell until they are joined */
    slu_net_close(&p->net);
    slu_link_close(&p->link);
    slu_bell_fini(&p->bell);
    slu_manifest_free(&p->restore);
    slu_layout_free(&p->layout);
    slu_graph_free(&p->graph);
    slu_free(p->placement);
    slu_free(p->tasks);
    slu_free(p->states);
    slu_arena_fini(&p->deploy_arena);
    slu_arena_fini(&p->arena);
    slu_buf_fini(&p->out);
    slu_free(p);
}
