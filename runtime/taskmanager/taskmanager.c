/* taskmanager.c: see the diagram in taskmanager.h. */
#include "taskmanager/taskmanager.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <inttypes.h>
#include <unistd.h>

#define ID_BYTES 33
#define LOG_BYTES_MAX ((uint64_t)1 << 20)
#define EVENTS_PER_STEP 1000
#define SEEN_MAX 4096
#define HEARTBEAT_MS 2000 /* until the job manager says */

typedef struct running {
    struct running *next;
    char job[ID_BYTES];
    uint64_t attempt;
    uint64_t attempt_id;
    uint64_t worker;
    uint64_t pid;
    bool killed;
} running;

/* The newest attempt seen of a job. */
typedef struct seen {
    struct seen *next;
    char job[ID_BYTES];
    uint64_t attempt;
} seen;

struct slu_taskmanager {
    slu_taskmanager_spec spec;
    char node[ID_BYTES];
    char cluster[ID_BYTES];
    char address[SLU_LINK_ADDRESS_BYTES_MAX];
    slu_link *link;
    uint32_t version; /* 0: not welcome yet */
    bool ready;
    bool open;
    int64_t heartbeat_ms;
    int64_t beat_ms;
    running *running;
    seen *seen;
    uint64_t fenced;
    char refused[256];
    slu_arena arena;
    slu_buf out;
};

/* Not connected or no room: dropped, for the next HELLO tells what matters. */
static void
tell(slu_taskmanager *tm, const slu_message *message)
{
    slu_error err = {0};
    slu_buf_reset(&tm->out);
    slu_message_encode(message, tm->version == 0 ? SLU_CONTROL_VERSION_MIN : tm->version, &tm->out);
    slu_status status = slu_buf_status(&tm->out, &err);
    if (status == SLU_OK)
        status = slu_link_send(tm->link, 0, slu_buf_view(&tm->out), NULL, &err);
    if (status != SLU_OK)
        slu_log_debug(tm->spec.env, "UNSAID", "%s was not sent: %s", slu_message_name(message->kind), slu_status_name(status));
}

static void
hello(slu_taskmanager *tm)
{
    uint32_t count = 0;
    for (const running *r = tm->running; r != NULL; r = r->next)
        count++;
    slu_message *items = slu_alloc_zero(count + 1, sizeof *items);
    if (items == NULL)
        return;
    uint32_t at = 0;
    for (const running *r = tm->running; r != NULL; r = r->next)
        items[at++] = (slu_message){.kind = SLU_MESSAGE_WORKER,
                                    .job = r->job,
                                    .attempt = r->attempt,
                                    .attempt_id = r->attempt_id,
                                    .worker = r->worker,
                                    .pid = r->pid};
    const slu_message message = {.kind = SLU_MESSAGE_HELLO,
                                 .role = SLU_ROLE_TASKMANAGER,
                                 .version_min = SLU_CONTROL_VERSION_MIN,
                                 .version_max = SLU_CONTROL_VERSION_MAX,
                                 .cluster = tm->cluster,
                                 .build = tm->spec.build,
                                 .node = tm->node,
                                 .host = tm->spec.host,
                                 .boot = tm->spec.boot,
                                 .slots = tm->spec.slots,
                                 .pid = (uint64_t)getpid(),
                                 .items = items,
                                 .item_count = count};
    tell(tm, &message);
    slu_free(items);
}

static running *
running_find(slu_taskmanager *tm, const slu_message *message)
{
    running *r = tm->running;
    while (r != NULL && (strcmp(r->job, message->job) != 0 || r->attempt_id != message->attempt_id || r->worker != message->worker))
        r = r->next;
    return r;
}

static void
answer_about(slu_taskmanager *tm, uint32_t kind, const slu_message *about, int status, const char *text, uint64_t pid)
{
    const slu_message message = {.kind = kind,
                                 .job = about->job,
                                 .attempt = about->attempt,
                                 .attempt_id = about->attempt_id,
                                 .worker = about->worker,
                                 .status = status,
                                 .text = text,
                                 .pid = pid};
    tell(tm, &message);
}

/* Of the jobs seen the newest SEEN_MAX are remembered. */
static void
seen_trim(slu_taskmanager *tm)
{
    uint32_t count = 1;
    for (seen **at = &tm->seen; *at != NULL; at = &(*at)->next) {
        if (count++ < SEEN_MAX)
            continue;
        slu_free(*at); /* the last one: the list never grows beyond it */
        *at = NULL;
        return;
    }
}

/* Rule (1): notes the attempt, or says why not. */
static slu_status
attempt_note(slu_taskmanager *tm, const slu_message *deploy, slu_error *err)
{
    seen *s = tm->seen;
    while (s != NULL && strcmp(s->job, deploy->job) != 0)
        s = s->next;
    if (s != NULL && s->attempt >= deploy->attempt) {
        tm->fenced++;
        return slu_error_set(err, SLU_CONFLICT, "attempt %" PRIu64 " is not newer than attempt %" PRIu64 ", which was here",
                             deploy->attempt, s->attempt);
    }
    for (const running *r = tm->running; r != NULL; r = r->next)
        if (strcmp(r->job, deploy->job) == 0)
            return slu_error_set(err, SLU_CONFLICT, "attempt %" PRIu64 " of the job still runs here", r->attempt);
    if (s == NULL) {
        seen_trim(tm);
        s = slu_alloc_zero(1, sizeof *s);
        if (s == NULL)
            return slu_error_set(err, SLU_NOMEM, "a deploy");
        (void)snprintf(s->job, sizeof s->job, "%s", deploy->job);
        s->next = tm->seen;
        tm->seen = s;
    }
    s->attempt = deploy->attempt;
    return SLU_OK;
}

static slu_status
deploy_run(slu_taskmanager *tm, const slu_message *message, running **out, slu_error *err)
{
    slu_message deploy = *message;
    SLU_TRY(attempt_note(tm, message, err));
    running *r = slu_alloc_zero(1, sizeof *r);
    if (r == NULL)
        return slu_error_set(err, SLU_NOMEM, "a worker");
    deploy.address = tm->address;
    const slu_status status = tm->spec.processes->spawn(tm->spec.processes_context, &deploy, &r->pid, err);
    if (status != SLU_OK) {
        slu_free(r);
        return status;
    }
    (void)snprintf(r->job, sizeof r->job, "%s", deploy.job);
    r->attempt = deploy.attempt;
    r->attempt_id = deploy.attempt_id;
    r->worker = deploy.worker;
    r->next = tm->running;
    tm->running = *out = r;
    return SLU_OK;
}

static void
deploy_take(slu_taskmanager *tm, const slu_message *deploy)
{
    slu_error err = {0};
    running *r = NULL;
    if (deploy_run(tm, deploy, &r, &err) != SLU_OK) {
        slu_log_warn(tm->spec.env, "DEPLOY-REFUSED", "job %s: %s", deploy->name, err.message);
        answer_about(tm, SLU_MESSAGE_REFUSED, deploy, err.status, err.message, 0);
        return;
    }
    slu_log_info(tm->spec.env, "WORKER-STARTED", "job %s attempt %" PRIu64 " worker %" PRIu64 " is process %" PRIu64, deploy->name,
                 deploy->attempt, deploy->worker, r->pid);
    answer_about(tm, SLU_MESSAGE_DEPLOYED, deploy, 0, "", r->pid);
}

static void
kill_take(slu_taskmanager *tm, const slu_message *message)
{
    running *r = running_find(tm, message);
    if (r == NULL) {
        answer_about(tm, SLU_MESSAGE_EXITED, message, 0, "it is not here", 0);
        return;
    }
    r->killed = true;
    tm->spec.processes->kill(tm->spec.processes_context, r->pid);
}

static void
log_take(slu_taskmanager *tm, const slu_message *message)
{
    slu_error err = {0};
    slu_buf bytes;
    const uint64_t wanted = message->size == 0 || message->size > LOG_BYTES_MAX ? LOG_BYTES_MAX : message->size;
    slu_buf_init(&bytes, LOG_BYTES_MAX);
    slu_status status =
        tm->spec.processes->log_read == NULL
            ? slu_error_set(&err, SLU_UNSUPPORTED, "no logs are kept here")
            : tm->spec.processes->log_read(tm->spec.processes_context, message->job, message->offset, wanted, &bytes, &err);
    slu_message answer = {.kind = SLU_MESSAGE_LOG,
                          .request = message->request,
                          .job = message->job,
                          .node = tm->node,
                          .offset = message->offset,
                          .size = bytes.bytes,
                          .data = slu_buf_view(&bytes)};
    if (status != SLU_OK) {
        answer.data = slu_view_of_text(err.message);
        answer.size = 0;
    }
    tell(tm, &answer);
    slu_buf_fini(&bytes);
}

static void
welcome_take(slu_taskmanager *tm, const slu_message *welcome)
{
    slu_error err = {0};
    if (slu_control_agree(welcome->version_min, welcome->version_max, &tm->version, &err) != SLU_OK) {
        (void)snprintf(tm->refused, sizeof tm->refused, "%.250s", err.message);
        return;
    }
    (void)snprintf(tm->cluster, sizeof tm->cluster, "%s", welcome->cluster);
    tm->heartbeat_ms = SLU_MAX((int64_t)SLU_MIN(welcome->heartbeat_ms, (uint64_t)60000), 100);
    tm->beat_ms = slu_now_ms(tm->spec.env) + tm->heartbeat_ms;
    if (!tm->ready && tm->spec.on_ready != NULL)
        tm->spec.on_ready(tm->spec.processes_context);
    tm->ready = true;
}

/* It wrote us off while we were silent, and does not know us any more. */
static void
hello_again(slu_taskmanager *tm)
{
    tm->version = 0;
    hello(tm);
}

static void
message_take(slu_taskmanager *tm, slu_view bytes)
{
    slu_error err = {0};
    slu_message message;
    slu_arena_reset(&tm->arena);
    const uint32_t version = tm->version == 0 ? SLU_CONTROL_VERSION_MIN : tm->version;
    if (slu_message_decode(bytes, version, &tm->arena, &message, &err) != SLU_OK) {
        slu_log_warn(tm->spec.env, "MESSAGE-BAD", "from the job manager: %s", err.message);
        return;
    }
    switch (message.kind) {
    case SLU_MESSAGE_WELCOME: welcome_take(tm, &message); break;
    case SLU_MESSAGE_DEPLOY: deploy_take(tm, &message); break;
    case SLU_MESSAGE_KILL: kill_take(tm, &message); break;
    case SLU_MESSAGE_LOG_READ: log_take(tm, &message); break;
    case SLU_MESSAGE_FAILED:
        slu_log_warn(tm->spec.env, "REFUSED", "the job manager says: %s", message.text);
        if (tm->version == 0)
            (void)snprintf(tm->refused, sizeof tm->refused, "the job manager at %s refused us: %.150s", tm->spec.jobmanager,
                           message.text);
        else
            hello_again(tm);
        break;
    default: break;
    }
}

void
slu_taskmanager_step(slu_taskmanager *tm)
{
    slu_link_event event;
    const slu_message beat = {.kind = SLU_MESSAGE_HEARTBEAT};
    for (unsigned i = 0; i < EVENTS_PER_STEP && slu_link_next(tm->link, &event) == SLU_OK; i++) {
        slu_link_body_release(&event.body);
        if (event.kind != SLU_LINK_MESSAGE) {
            tm->open = event.kind == SLU_LINK_OPENED;
            tm->version = 0;
            tm->beat_ms = slu_now_ms(tm->spec.env) + tm->heartbeat_ms;
        }
        if (event.kind == SLU_LINK_OPENED)
            hello(tm);
        else if (event.kind == SLU_LINK_MESSAGE)
            message_take(tm, event.head);
    }
    if (tm->open && slu_now_ms(tm->spec.env) >= tm->beat_ms) {
        tm->beat_ms = slu_now_ms(tm->spec.env) + tm->heartbeat_ms;
        if (tm->version == 0)
            hello(tm);
        tell(tm, &beat);
    }
}

int64_t
slu_taskmanager_deadline(const slu_taskmanager *tm)
{
    return tm->open ? tm->beat_ms : INT64_MAX;
}

int
slu_taskmanager_fd(const slu_taskmanager *tm)
{
    return slu_link_fd(tm->link);
}

void
slu_taskmanager_exited(slu_taskmanager *tm, uint64_t pid, int status, const char *how)
{
    running **at = &tm->running;
    while (*at != NULL && (*at)->pid != pid)
        at = &(*at)->next;
    running *r = *at;
    if (r == NULL)
        return;
    *at = r->next;
    if (r->killed || status == 0)
        slu_log_info(tm->spec.env, "WORKER-ENDED", "worker %" PRIu64 " of job %s: %s", r->worker, r->job, how);
    else
        slu_log_warn(tm->spec.env, "WORKER-DIED", "worker %" PRIu64 " of job %s (process %" PRIu64 "): %s", r->worker, r->job, pid,
                     how);
    const slu_message about = {.job = r->job, .attempt = r->attempt, .attempt_id = r->attempt_id, .worker = r->worker};
    answer_about(tm, SLU_MESSAGE_EXITED, &about, r->killed ? 0 : status, how, pid);
    slu_free(r);
}

const char *
slu_taskmanager_refused(const slu_taskmanager *tm)
{
    return tm->refused[0] == 0 ? NULL : tm->refused;
}

uint32_t
slu_taskmanager_worker_count(const slu_taskmanager *tm)
{
    uint32_t count = 0;
    for (const running *r = tm->running; r != NULL; r = r->next)
        count++;
    return count;
}

uint64_t
slu_taskmanager_fenced(const slu_taskmanager *tm)
{
    return tm->fenced;
}

slu_status
slu_taskmanager_new(const slu_taskmanager_spec *spec, slu_taskmanager **out, slu_error *err)
{
    const slu_link_options options = {.env = spec->env, .linger_ms = 200};
    slu_taskmanager *tm = slu_alloc_zero(1, sizeof *tm);
    if (tm == NULL)
        return slu_error_set(err, SLU_NOMEM, "a task manager");
    tm->spec = *spec;
    tm->heartbeat_ms = HEARTBEAT_MS;
    (void)snprintf(tm->address, sizeof tm->address, "%s", spec->jobmanager);
    (void)snprintf(tm->node, sizeof tm->node, "%016" PRIx64 "%016" PRIx64, spec->env->random(spec->env),
                   spec->env->random(spec->env));
    slu_arena_init(&tm->arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_buf_init(&tm->out, (size_t)SLU_CONTROL_BYTES_MAX);
    const slu_status status = spec->transport->dial(spec->transport, spec->jobmanager, &options, &tm->link, err);
    if (status != SLU_OK)
        slu_taskmanager_free(&tm);
    else
        *out = tm;
    return status;
}

void
slu_taskmanager_free(slu_taskmanager **taskmanager)
{
    slu_taskmanager *tm = *taskmanager;
    *taskmanager = NULL;
    if (tm == NULL)
        return;
    while (tm->running != NULL) {
        running *next = tm->running->next;
        tm->spec.processes->kill(tm->spec.processes_context, tm->running->pid);
        slu_free(tm->running);
        tm->running = next;
    }
    while (tm->seen != NULL) {
        seen *next = tm->seen->next;
        slu_free(tm->seen);
        tm->seen = next;
    }
    slu_link_close(&tm->link);
    slu_arena_fini(&tm->arena);
    slu_buf_fini(&tm->out);
    slu_free(tm);
}
