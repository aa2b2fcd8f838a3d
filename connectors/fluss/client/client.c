#include "internal.h"

#include "base/alloc.h"

#define EXPIRE_EVERY_MS 1000
#define FLUSS_STOP_LATE_MS 100     /* how late a wait may notice that it is to end */
#define FLUSS_LOGIN_BYTES_MAX 1024 /* a name or a password */

/* How late a call may notice that it is late. */
static int64_t
expire_every_ms(const fluss_client *client)
{
    const int64_t tenth_ms = client->request_timeout_ms / 10;
    return tenth_ms < 10 ? 10 : tenth_ms < EXPIRE_EVERY_MS ? tenth_ms : EXPIRE_EVERY_MS;
}

/* Looks for calls past their deadline, as long as there are any calls. */
static void
timer_fired(void *context)
{
    fluss_client *client = context;
    const int64_t now_ms = slu_now_ms(client->env);
    calls_fail_now(client);
    (void)calls_expire(client, &client->waiting, now_ms);
    for (uint32_t i = 0; i < client->link_count; i++)
        link_expire(client->links[i], now_ms);
    if (client->call_count > 0 && !slu_timer_is_set(client->timer))
        slu_timer_set(client->timer, expire_every_ms(client));
}

int64_t
backoff_ms(fluss_client *client, uint32_t failures, int64_t first_ms, int64_t most_ms)
{
    int64_t wait_ms = first_ms;
    for (uint32_t i = 0; i < failures && wait_ms < most_ms; i++)
        wait_ms *= 2;
    if (wait_ms > most_ms)
        wait_ms = most_ms;
    return wait_ms - wait_ms / 4 + (int64_t)(client->env->random(client->env) % (uint64_t)(wait_ms / 2 + 1));
}

static slu_status
bootstrap_parse(fluss_client *client, const char *servers, slu_error *err)
{
    for (const char *at = servers; *at != 0;) {
        char address[SLU_ADDRESS_BYTES_MAX];
        const size_t bytes = strcspn(at, ",");
        if (bytes >= sizeof address || client->bootstrap_count == BOOTSTRAP_MAX)
            return slu_error_set(err, SLU_INVALID, "bootstrap.servers: an address is too long, or there are more than %d",
                                 BOOTSTRAP_MAX);
        memcpy(address, at, bytes);
        address[bytes] = 0;
        at += bytes + (at[bytes] == ',');
        at += strspn(at, " ");
        if (bytes == 0)
            continue;
        SLU_TRY_IN(slu_address_split(address, client->bootstrap[client->bootstrap_count].host, sizeof client->bootstrap[0].host,
                                     &client->bootstrap[client->bootstrap_count].port, err),
                   err, "bootstrap.servers");
        client->bootstrap_count++;
    }
    return client->bootstrap_count > 0 ? SLU_OK : slu_error_set(err, SLU_INVALID, "bootstrap.servers is empty: give host:port");
}

slu_status
fluss_client_open(const slu_env *env, const fluss_client_options *options, fluss_client **out, slu_error *err)
{
    fluss_client *client = slu_alloc_zero(1, sizeof *client);
    if (client == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a fluss client");
    client->env = env;
    client->request_timeout_ms = options->request_timeout_ms > 0 ? options->request_timeout_ms : FLUSS_REQUEST_TIMEOUT_MS_DEFAULT;
    client->connect_timeout_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms : FLUSS_CONNECT_TIMEOUT_MS_DEFAULT;
    client->stopped = options->stopped;
    slu_buf_init(&client->login_token, 4 * FLUSS_LOGIN_BYTES_MAX);
    slu_status status = login_read(&options->login, &client->login_token, &client->login_wanted, err);
    if (status == SLU_OK)
        status = bootstrap_parse(client, options->bootstrap_servers == NULL ? "" : options->bootstrap_servers, err);
    if (status == SLU_OK)
        status = slu_loop_open(env, &client->loop, err);
    if (status == SLU_OK)
        status = slu_timer_open(client->loop, timer_fired, client, &client->timer, err);
    if (status == SLU_OK)
        status = fluss_files_open(client, &options->files, &client->files, err);
    if (status != SLU_OK) {
        fluss_client_close(&client);
        return status;
    }
    *out = client;
    return SLU_OK;
}

void
fluss_client_close(fluss_client **client)
{
    fluss_client *mine = slu_take(client);
    if (mine == NULL)
        return;
    fluss_files_close(&mine->files);
    for (uint32_t i = 0; i < mine->link_count; i++)
        link_free(mine->links[i]);
    call_list_move(&mine->failed, &mine->waiting);
    while (mine->waiting.first != NULL) {
        mine->waiting.first->on_answer = NULL;
        call_finish(mine, mine->waiting.first, NULL, NULL);
    }
    slu_timer_close(&mine->timer);
    slu_loop_close(&mine->loop);
    if (mine->login_token.bytes != 0)
        explicit_bzero(mine->login_token.data, mine->login_token.bytes);
    slu_buf_fini(&mine->login_token);
    slu_free(mine->refused);
    slu_free(mine);
}

const slu_env *
fluss_client_env(const fluss_client *client)
{
    return client->env;
}

int
fluss_client_fd(const fluss_client *client)
{
    return slu_loop_fd(client->loop);
}

int
fluss_client_timeout_ms(fluss_client *client)
{
    return slu_loop_timeout_ms(client->loop);
}

void
fluss_client_step(fluss_client *client, int wait_ms)
{
    slu_loop_step(client->loop, wait_ms);
}

slu_status
fluss_client_stop_check(const fluss_client *client, slu_error *err)
{
    return client->stopped != NULL && client->stopped() ? slu_error_set(err, SLU_CLOSED, "interrupted") : SLU_OK;
}

slu_status
fluss_client_wait(fluss_client *client, const bool *done, int64_t timeout_ms, const char *what, slu_error *err)
{
    const int64_t deadline_ms = slu_now_ms(client->env) + timeout_ms;
    while (!*done) {
        const int64_t left_ms = deadline_ms - slu_now_ms(client->env);
        const int64_t pause_ms = client->stopped == NULL ? 1000 : FLUSS_STOP_LATE_MS;
        if (left_ms <= 0)
            return slu_error_set(err, SLU_TIMEOUT, "%s: not done within %lld ms", what, (long long)timeout_ms);
        SLU_TRY(fluss_client_stop_check(client, err));
        fluss_client_step(client, left_ms > pause_ms ? (int)pause_ms : (int)left_ms);
    }
    return SLU_OK;
}

slu_status
fluss_client_call(fluss_client *client, int32_t node, int16_t api, const ProtobufCMessage *request, fluss_on_answer on_answer,
                  void *context, fluss_call **out, slu_error *err)
{
    const fluss_api *known = fluss_api_find(api);
    if (known == NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "fluss API %d is not one a client calls", api);
    fluss_call *call = call_new(client, known, request, on_answer, context, err);
    if (call == NULL)
        return err == NULL ? SLU_LIMIT : err->status;
    call->node = node;
    if (out != NULL)
        *out = call;
    link_t *link = client->cluster_known ? cluster_link(client, node) : NULL;
    if (client->refused != NULL) {
        call_fail_later(client, call, client->refused);
    } else if (link != NULL) {
        link_send(link, call);
    } else {
        call_list_push(&client->waiting, call);
        cluster_ask(client);
    }
    if (!slu_timer_is_set(client->timer))
        slu_timer_set(client->timer, expire_every_ms(client));
    return SLU_OK;
}

typedef struct asked {
    bool done;
    fluss_answer *answer;
    slu_error failure;
} asked;

static void
ask_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    asked *ask = context;
    ask->done = true;
    if (failure != NULL)
        ask->failure = *failure;
    else
        ask->answer = fluss_answer_ref(answer);
}

slu_status
fluss_client_ask(fluss_client *client, int32_t node, int16_t api, const ProtobufCMessage *request, fluss_answer **out,
                 slu_error *err)
{
    asked ask = {0};
    fluss_call *call = NULL;
    SLU_TRY(fluss_client_call(client, node, api, request, ask_answered, &ask, &call, err));
    /* The call itself times out; the margin only guards against a clock that stands still. */
    const slu_status status =
        fluss_client_wait(client, &ask.done, client->request_timeout_ms + 2 * EXPIRE_EVERY_MS, "fluss call", err);
    if (status != SLU_OK) {
        fluss_call_cancel(&call);
        return status;
    }
    if (ask.answer == NULL) {
        if (err != NULL)
            *err = ask.failure;
        return ask.failure.status;
    }
    *out = ask.answer;
    return SLU_OK;
}
