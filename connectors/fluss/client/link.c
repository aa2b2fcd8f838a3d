/* link.c: a connection to one address; see the diagram in internal.h. */
#include "internal.h"

#include "base/alloc.h"
#include "fluss/wire/error.h"
#include "fluss/wire/frame.h"
#include "fluss/wire/message.h"

#include <stdio.h>

#define SOFTWARE_NAME "sluice"
#define SOFTWARE_VERSION "0.1.0"

static void link_drop(link_t *link, const slu_error *why);

/* Fills the room that call_new left before the message (frame.h: api key, version, request id). */
static void
header_patch(slu_buf *body, int16_t api, int16_t version, int32_t id)
{
    uint8_t *at = body->data;
    at[0] = (uint8_t)((uint16_t)api >> 8);
    at[1] = (uint8_t)api;
    at[2] = (uint8_t)((uint16_t)version >> 8);
    at[3] = (uint8_t)version;
    for (int i = 0; i < 4; i++)
        at[4 + i] = (uint8_t)((uint32_t)id >> (24 - 8 * i));
}

/* The call leaves on the wire. */
static void
call_send(link_t *link, fluss_call *call, int version)
{
    slu_error err = {0};
    call->id = link->next_id++;
    call->sent_ms = slu_now_ms(link->client->env);
    header_patch(&call->body, call->api->key, (int16_t)version, call->id);
    call_list_push(&link->sent, call);
    if (slu_conn_send(link->conn, &call->body, &err) != SLU_OK)
        call_fail_later(link->client, call, &err);
}

static int
api_version(const link_t *link, int16_t api)
{
    const int at = api - API_FIRST;
    return at < 0 || at >= API_COUNT ? -1 : link->version[at];
}

static void
call_send_ready(link_t *link, fluss_call *call)
{
    const int version = api_version(link, call->api->key);
    if (version < 0) {
        slu_error err;
        (void)slu_error_set(&err, SLU_UNSUPPORTED, "fluss server %s:%u does not serve %s in a version we speak", link->host,
                            link->port, call->api->name);
        call_fail_later(link->client, call, &err);
        return;
    }
    call_send(link, call, version);
}

static void
handshake_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    link_t *link = context;
    if (failure != NULL) {
        link_drop(link, failure);
        return;
    }
    const Fluss__ApiVersionsResponse *versions = (const Fluss__ApiVersionsResponse *)answer->message;
    for (size_t i = 0; i < versions->n_api_versions; i++) {
        const Fluss__PbApiVersion *served = versions->api_versions[i];
        const fluss_api *ours = fluss_api_find(served->api_key);
        const int at = served->api_key - API_FIRST;
        if (ours == NULL || at < 0 || at >= API_COUNT)
            continue;
        const int32_t version = ours->version_max < served->max_version ? ours->version_max : served->max_version;
        if (version >= ours->version_min && version >= served->min_version)
            link->version[at] = (int8_t)version;
    }
    if (link->client->login_wanted)
        login_begin(link);
    else
        link_ready(link);
}

void
link_ready(link_t *link)
{
    link->state = LINK_READY;
    link->failures = 0;
    call_list ready = {0};
    call_list_move(&link->waiting, &ready);
    while (ready.first != NULL) {
        fluss_call *call = ready.first;
        call_list_remove(call);
        link_send(link, call);
    }
}

void
link_call_now(link_t *link, fluss_call *call)
{
    const int version = api_version(link, call->api->key);
    call_send(link, call, version < 0 ? 0 : version);
}

void
link_refused(link_t *link, const slu_error *why)
{
    fluss_client *client = link->client;
    if (login_is_refused(why) && client->refused == NULL && (client->refused = slu_alloc(sizeof *client->refused)) != NULL) {
        *client->refused = *why;
        (void)slu_error_in(client->refused, why->status, "fluss server %s:%u", link->host, link->port);
        client->refused->retriable = 0;
    }
    link_drop(link, why);
}

static void
link_opened(void *context, slu_conn *conn)
{
    link_t *link = context;
    Fluss__ApiVersionsRequest request = FLUSS__API_VERSIONS_REQUEST__INIT;
    slu_error err = {0};
    (void)conn;
    request.client_software_name = (char *)(uintptr_t)SOFTWARE_NAME;
    request.client_software_version = (char *)(uintptr_t)SOFTWARE_VERSION;
    link->state = LINK_HANDSHAKE;
    fluss_call *call =
        call_new(link->client, fluss_api_find(FLUSS_API_API_VERSIONS), &request.base, handshake_answered, link, &err);
    if (call == NULL)
        link_drop(link, &err);
    else
        call_send(link, call, 0);
}

static slu_status
answer_decode(const fluss_api *api, slu_view body, fluss_answer **out, slu_error *err)
{
    fluss_answer *answer = slu_alloc_zero(1, sizeof *answer);
    if (answer == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a fluss answer");
    answer->references = 1;
    slu_arena_init(&answer->arena, FLUSS_MESSAGE_ARENA_BYTES(body.bytes));
    const slu_status status = fluss_message_decode(api->response, body, &answer->arena, &answer->message, err);
    if (status != SLU_OK) {
        fluss_answer_unref(&answer);
        return status;
    }
    *out = answer;
    return SLU_OK;
}

/* An ErrorResponse body becomes our error. */
static void
error_decode(slu_view body, slu_error *out)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena;
    ProtobufCMessage *message = NULL;
    slu_arena_init(&arena, FLUSS_MESSAGE_ARENA_BYTES(body.bytes));
    if (fluss_message_decode(&fluss__error_response__descriptor, body, &arena, &message, out) != SLU_OK)
        return;
    const Fluss__ErrorResponse *error = (const Fluss__ErrorResponse *)message;
    (void)fluss_error_set(out, error->error_code, error->error_message);
}

static fluss_call *
call_find(link_t *link, int32_t id)
{
    for (fluss_call *call = link->sent.first; call != NULL; call = call->next)
        if (call->id == id)
            return call;
    return NULL;
}

static void
frame_handle(link_t *link, const fluss_response_frame *frame)
{
    slu_error err = {0};
    fluss_call *call = call_find(link, frame->request_id);
    if (call == NULL)
        return; /* timed out long ago */
    if (frame->type == FLUSS_RESPONSE_ERROR) {
        error_decode(frame->body, &err);
        call_finish(link->client, call, NULL, &err);
        return;
    }
    fluss_answer *answer = NULL;
    if (call->on_answer != NULL && answer_decode(call->api, frame->body, &answer, &err) != SLU_OK) {
        (void)slu_error_in(&err, err.status, "fluss server %s:%u, answer to %s", link->host, link->port, call->api->name);
        call_finish(link->client, call, NULL, &err);
        return;
    }
    call_finish(link->client, call, answer, NULL);
    fluss_answer_unref(&answer);
}

static void
link_input(void *context, slu_conn *conn, slu_view input)
{
    link_t *link = context;
    fluss_response_frame frame;
    slu_error err = {0};
    (void)conn;
    link->heard_ms = slu_now_ms(link->client->env);
    if (fluss_response_decode_rest(input, &frame, &err) != SLU_OK)
        link_drop(link, &err);
    else if (frame.type == FLUSS_RESPONSE_SERVER_FAILURE) {
        error_decode(frame.body, &err);
        link_drop(link, &err);
    } else {
        frame_handle(link, &frame);
    }
}

/* Everything on the link fails; the next call connects again. */
static void
link_fail(link_t *link, const slu_error *why)
{
    slu_error err = *why;
    (void)slu_error_in(&err, err.status, "fluss server %s:%u", link->host, link->port);
    err.retriable = !login_is_refused(why);
    if (link->state != LINK_READY) {
        const int64_t pause_ms = backoff_ms(link->client, link->failures, BACKOFF_MS_MIN, BACKOFF_MS_MAX);
        link->failures++;
        link->open_after_ms = slu_now_ms(link->client->env) + pause_ms;
    }
    link->state = LINK_CLOSED;
    call_list failing = {0};
    call_list_move(&link->sent, &failing);
    call_list_move(&link->waiting, &failing);
    calls_fail(link->client, &failing, &err);
}

static void
link_closed(void *context, slu_conn *conn, const slu_error *why)
{
    link_t *link = context;
    (void)conn;
    link->conn = NULL;
    link_fail(link, why);
}

static void
link_drop(link_t *link, const slu_error *why)
{
    const slu_error kept = *why;
    slu_conn_close(&link->conn);
    link_fail(link, &kept);
}

static slu_status
link_open(link_t *link, slu_error *err)
{
    static const slu_conn_events events = {link_opened, link_input, NULL, link_closed};
    const slu_conn_options options = {
        .frame_bytes_max = FLUSS_RESPONSE_BYTES_MAX,
        .queue_bytes_max = 2 * FLUSS_FRAME_BYTES_MAX,
        .connect_timeout_ms = link->client->connect_timeout_ms,
    };
    memset(link->version, -1, sizeof link->version);
    SLU_TRY(slu_conn_connect(link->client->loop, link->host, link->port, &options, &events, link, &link->conn, err));
    link->state = LINK_CONNECTING;
    link->heard_ms = slu_now_ms(link->client->env);
    link->next_id = 0;
    return SLU_OK;
}

/* Between two attempts to connect calls fail at once, so that whoever made them looks for another server. */
static slu_status
link_reopen(link_t *link, slu_error *err)
{
    const int64_t left_ms = link->open_after_ms - slu_now_ms(link->client->env);
    if (link->failures > 0 && left_ms > 0)
        return slu_error_set(err, SLU_CLOSED, "fluss server %s:%u: it did not answer; tried again in %lld ms", link->host,
                             link->port, (long long)left_ms);
    return link_open(link, err);
}

void
link_send(link_t *link, fluss_call *call)
{
    slu_error err = {0};
    if (link->state == LINK_READY) {
        call_send_ready(link, call);
        return;
    }
    if (link->state == LINK_CLOSED && link_reopen(link, &err) != SLU_OK) {
        err.retriable = 1;
        call_fail_later(link->client, call, &err);
        return;
    }
    call_list_push(&link->waiting, call);
}

void
link_expire(link_t *link, int64_t now_ms)
{
    const fluss_call *oldest = link->sent.first;
    if (oldest != NULL && oldest->deadline_ms <= now_ms && link->heard_ms <= oldest->sent_ms && link->state == LINK_READY) {
        slu_error err;
        (void)slu_error_set(&err, SLU_TIMEOUT, "nothing was heard for %lld ms", (long long)(now_ms - oldest->sent_ms));
        link_drop(link, &err);
    }
    (void)calls_expire(link->client, &link->sent, now_ms);
    (void)calls_expire(link->client, &link->waiting, now_ms);
}

/* A closed connection to where no node is any more gives its place to another. */
static bool
link_is_idle(const fluss_client *client, const link_t *link)
{
    if (link->state != LINK_CLOSED || link->sent.first != NULL || link->waiting.first != NULL)
        return false;
    for (uint32_t i = 0; i < client->node_count; i++)
        if (client->nodes[i].link == link)
            return false;
    return true;
}

void
links_sweep(fluss_client *client)
{
    if (client->link_count <= NODES_MAX / 2)
        return;
    for (uint32_t i = client->link_count; i-- > 0;)
        if (link_is_idle(client, client->links[i])) {
            link_free(client->links[i]);
            client->links[i] = client->links[--client->link_count];
        }
}

link_t *
link_get(fluss_client *client, const char *host, uint16_t port, slu_error *err)
{
    for (uint32_t i = 0; i < client->link_count; i++)
        if (client->links[i]->port == port && strcmp(client->links[i]->host, host) == 0)
            return client->links[i];
    link_t *link = client->link_count == NODES_MAX + BOOTSTRAP_MAX ? NULL : slu_alloc_zero(1, sizeof *link);
    if (link == NULL) {
        (void)slu_error_set(err, SLU_LIMIT, "no room for a connection to fluss server %s:%u", host, port);
        return NULL;
    }
    link->client = client;
    (void)snprintf(link->host, sizeof link->host, "%s", host);
    link->port = port;
    memset(link->version, -1, sizeof link->version);
    client->links[client->link_count++] = link;
    return link;
}

void
link_free(link_t *link)
{
    slu_conn_close(&link->conn);
    while (link->sent.first != NULL) {
        link->sent.first->on_answer = NULL;
        call_finish(link->client, link->sent.first, NULL, NULL);
    }
    while (link->waiting.first != NULL) {
        link->waiting.first->on_answer = NULL;
        call_finish(link->client, link->waiting.first, NULL, NULL);
    }
    slu_free(link);
}
