/* client.c: one request, one answer. */
#include "client/client.h"

#include "base/alloc.h"
#include "link/zmq.h"

#include <inttypes.h>
#include <poll.h>

struct slu_client {
    const slu_env *env;
    slu_link *link;
    uint64_t request;
    uint32_t version;
    int64_t timeout_ms;
    slu_arena arena;
    slu_buf buf;   /* request */
    slu_buf reply; /* the answer's bytes: BYTES fields borrow them */
    slu_message answer;
    char address[SLU_LINK_ADDRESS_BYTES_MAX];
};

bool
slu_job_state_over(const char *state)
{
    return strcmp(state, "FINISHED") == 0 || strcmp(state, "CANCELED") == 0 || strcmp(state, "FAILED") == 0;
}

/* Waits until the link has an event or the deadline has passed. */
static slu_status
event_wait(slu_client *client, int64_t deadline, slu_link_event *out, slu_error *err)
{
    for (;;) {
        if (slu_link_next(client->link, out) == SLU_OK)
            return SLU_OK;
        const int64_t left = deadline - slu_now_ms(client->env);
        if (left <= 0)
            return slu_error_set(err, SLU_TIMEOUT, "no answer from a job manager at %s: is it running?", client->address);
        struct pollfd wait = {.fd = slu_link_fd(client->link), .events = POLLIN};
        (void)poll(&wait, 1, left > 1000 ? 1000 : (int)left);
    }
}

static slu_status
message_send(slu_client *client, const slu_message *message, slu_error *err)
{
    slu_buf_reset(&client->buf);
    slu_message_encode(message, client->version, &client->buf);
    SLU_TRY(slu_buf_status(&client->buf, err));
    const slu_status status = slu_link_send(client->link, 0, slu_buf_view(&client->buf), NULL, err);
    return status == SLU_AGAIN ? slu_error_set(err, SLU_CLOSED, "the job manager at %s is gone", client->address) : status;
}

/* Keeps the bytes, for an answer outlives the link's next event. */
static slu_status
answer_decode(slu_client *client, slu_view head, slu_error *err)
{
    slu_arena_reset(&client->arena);
    slu_buf_reset(&client->reply);
    slu_buf_append(&client->reply, head.data, head.bytes);
    SLU_TRY(slu_buf_status(&client->reply, err));
    return slu_message_decode(slu_buf_view(&client->reply), client->version, &client->arena, &client->answer, err);
}

/* The answer to `request`; FAILED becomes an error. */
static slu_status
answer_wait(slu_client *client, uint64_t request, int64_t timeout_ms, slu_error *err)
{
    const int64_t deadline = slu_now_ms(client->env) + timeout_ms;
    slu_link_event event;
    for (;;) {
        SLU_TRY(event_wait(client, deadline, &event, err));
        if (event.kind == SLU_LINK_GONE)
            return slu_error_set(err, SLU_CLOSED, "the job manager at %s is gone", client->address);
        if (event.kind != SLU_LINK_MESSAGE)
            continue;
        slu_link_body_release(&event.body);
        SLU_TRY(answer_decode(client, event.head, err));
        if (client->answer.kind == SLU_MESSAGE_HEARTBEAT ||
            (client->answer.request != request && client->answer.kind != SLU_MESSAGE_WELCOME))
            continue;
        if (client->answer.kind == SLU_MESSAGE_FAILED)
            return slu_error_set(err, client->answer.status < 0 ? (slu_status)client->answer.status : SLU_IO, "%s",
                                 client->answer.text);
        return SLU_OK;
    }
}

static slu_status
hello(slu_client *client, int64_t open_ms, slu_error *err)
{
    const int64_t deadline = slu_now_ms(client->env) + open_ms;
    slu_link_event event = {0};
    const slu_message message = {.kind = SLU_MESSAGE_HELLO,
                                 .role = SLU_ROLE_CLIENT,
                                 .version_min = SLU_CONTROL_VERSION_MIN,
                                 .version_max = SLU_CONTROL_VERSION_MAX};
    while (event.kind != SLU_LINK_OPENED)
        SLU_TRY(event_wait(client, deadline, &event, err));
    SLU_TRY(message_send(client, &message, err));
    SLU_TRY(answer_wait(client, 0, client->timeout_ms, err));
    return slu_control_agree(client->answer.version_min, client->answer.version_max, &client->version, err);
}

slu_status
slu_client_open(const slu_env *env, const char *address, int64_t timeout_ms, slu_client **out, slu_error *err)
{
    return slu_client_open_within(env, address, INT64_MAX, timeout_ms, out, err);
}

slu_status
slu_client_open_within(const slu_env *env, const char *address, int64_t open_ms, int64_t timeout_ms, slu_client **out,
                       slu_error *err)
{
    const slu_link_options options = {.env = env, .linger_ms = 200};
    slu_client *client = slu_alloc_zero(1, sizeof *client);
    if (client == NULL)
        return slu_error_set(err, SLU_NOMEM, "a client");
    client->env = env;
    client->version = SLU_CONTROL_VERSION_MIN;
    client->timeout_ms = timeout_ms > 0 ? timeout_ms : SLU_CLIENT_TIMEOUT_MS_DEFAULT;
    slu_arena_init(&client->arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_buf_init(&client->buf, (size_t)SLU_CONTROL_BYTES_MAX);
    slu_buf_init(&client->reply, (size_t)SLU_CONTROL_BYTES_MAX);
    (void)snprintf(client->address, sizeof client->address, "%s%s", strstr(address, "://") == NULL ? "tcp://" : "", address);
    slu_status status = slu_link_zmq.dial(&slu_link_zmq, client->address, &options, &client->link, err);
    if (status == SLU_OK)
        status = hello(client, open_ms < client->timeout_ms ? open_ms : client->timeout_ms, err);
    if (status != SLU_OK)
        slu_client_close(&client);
    else
        *out = client;
    return status;
}

void
slu_client_patience(slu_client *client, int64_t timeout_ms)
{
    client->timeout_ms = timeout_ms;
}

void
slu_client_close(slu_client **client)
{
    slu_client *gone = *client;
    *client = NULL;
    if (gone == NULL)
        return;
    slu_link_close(&gone->link);
    slu_arena_fini(&gone->arena);
    slu_buf_fini(&gone->buf);
    slu_buf_fini(&gone->reply);
    slu_free(gone);
}

/* Sends a request and gives the answer, which must be of kind `expected`. */
static slu_status
call(slu_client *client, slu_message request, int64_t timeout_ms, uint32_t expected, const slu_message **out, slu_error *err)
{
    request.request = ++client->request;
    SLU_TRY(message_send(client, &request, err));
    SLU_TRY(answer_wait(client, request.request, timeout_ms, err));
    if (client->answer.kind != expected)
        return slu_error_set(err, SLU_CORRUPT, "%s was answered with %s", slu_message_name(request.kind),
                             slu_message_name(client->answer.kind));
    if (out != NULL)
        *out = &client->answer;
    return SLU_OK;
}

slu_status
slu_client_submit(slu_client *client, const char *name, slu_view graph, const char *restore, uint64_t flags,
                  char job[SLU_JOB_ID_BYTES], slu_error *err)
{
    const slu_message *answer = NULL;
    const slu_message request = {.kind = SLU_MESSAGE_SUBMIT, .name = name, .graph = graph, .restore = restore, .flags = flags};
    SLU_TRY(call(client, request, client->timeout_ms, SLU_MESSAGE_DONE, &answer, err));
    (void)snprintf(job, SLU_JOB_ID_BYTES, "%s", answer->job);
    return SLU_OK;
}

slu_status
slu_client_list(slu_client *client, const slu_message **out, slu_error *err)
{
    return call(client, (slu_message){.kind = SLU_MESSAGE_LIST}, client->timeout_ms, SLU_MESSAGE_JOBS, out, err);
}

slu_status
slu_client_describe(slu_client *client, const char *job, const slu_message **out, slu_error *err)
{
    return call(client, (slu_message){.kind = SLU_MESSAGE_DESCRIBE, .job = job}, client->timeout_ms, SLU_MESSAGE_DETAILS, out, err);
}

slu_status
slu_client_wait(slu_client *client, const char *job, int64_t timeout_ms, const slu_message **out, slu_error *err)
{
    const slu_message request = {.kind = SLU_MESSAGE_WAIT, .job = job, .timeout_ms = (uint64_t)timeout_ms};
    return call(client, request, timeout_ms + client->timeout_ms, SLU_MESSAGE_DONE, out, err);
}

slu_status
slu_client_cancel(slu_client *client, const char *job, const slu_message **out, slu_error *err)
{
    return call(client, (slu_message){.kind = SLU_MESSAGE_CANCEL, .job = job}, client->timeout_ms, SLU_MESSAGE_DONE, out, err);
}

slu_status
slu_client_stop(slu_client *client, const char *job, uint64_t flags, const slu_message **out, slu_error *err)
{
    const slu_message request = {.kind = SLU_MESSAGE_STOP, .job = job, .flags = flags};
    return call(client, request, client->timeout_ms, SLU_MESSAGE_DONE, out, err);
}

slu_status
slu_client_rescale(slu_client *client, const char *job, const slu_message *wants, uint32_t want_count, int64_t timeout_ms,
                   const slu_message **out, slu_error *err)
{
    const slu_message request = {.kind = SLU_MESSAGE_RESCALE, .job = job, .items = wants, .item_count = want_count};
    return call(client, request, timeout_ms, SLU_MESSAGE_DONE, out, err);
}

slu_status
slu_client_apply_rules(slu_client *client, const char *job, const char *operator_id, slu_view rules, int64_t timeout_ms,
                       const slu_message **out, slu_error *err)
{
    const slu_message request = {.kind = SLU_MESSAGE_APPLY, .job = job, .name = operator_id, .data = rules};
    return call(client, request, timeout_ms, SLU_MESSAGE_APPLIED, out, err);
}

slu_status
slu_client_rulesets(slu_client *client, const char *job, const slu_message **out, slu_error *err)
{
    return call(client, (slu_message){.kind = SLU_MESSAGE_RULEBOOK, .job = job}, client->timeout_ms, SLU_MESSAGE_RULESETS, out,
                err);
}

slu_status
slu_client_drain(slu_client *client, const char *node, uint64_t flags, int64_t timeout_ms, const slu_message **out, slu_error *err)
{
    const slu_message request = {.kind = SLU_MESSAGE_DRAIN, .node = node, .flags = flags};
    return call(client, request, timeout_ms, SLU_MESSAGE_DONE, out, err);
}

slu_status
slu_client_savepoint(slu_client *client, const char *job, const char *dir, uint64_t flags, int64_t timeout_ms,
                     const slu_message **out, slu_error *err)
{
    const slu_message request = {.kind = SLU_MESSAGE_SAVEPOINT, .job = job, .path = dir, .flags = flags};
    return call(client, request, timeout_ms, SLU_MESSAGE_SAVED, out, err);
}

slu_status
slu_client_status(slu_client *client, const slu_message **out, slu_error *err)
{
    return call(client, (slu_message){.kind = SLU_MESSAGE_OVERVIEW}, client->timeout_ms, SLU_MESSAGE_CLUSTER, out, err);
}

slu_status
slu_client_checkpoints(slu_client *client, const char *job, const slu_message **out, slu_error *err)
{
    return call(client, (slu_message){.kind = SLU_MESSAGE_HISTORY, .job = job}, client->timeout_ms, SLU_MESSAGE_CHECKPOINTS, out,
                err);
}

slu_status
slu_client_logs(slu_client *client, const char *job, uint64_t worker, uint64_t offset, uint64_t bytes, const slu_message **out,
                slu_error *err)
{
    const slu_message request = {.kind = SLU_MESSAGE_LOGS, .job = job, .worker = worker, .offset = offset, .size = bytes};
    return call(client, request, client->timeout_ms, SLU_MESSAGE_LOG, out, err);
}
