/* calls.c: the life of one call: made, in a list, answered or failed exactly once. */
#include "internal.h"

#include "base/alloc.h"
#include "fluss/wire/frame.h"
#include "fluss/wire/message.h"

void
call_list_push(call_list *list, fluss_call *call)
{
    call->list = list;
    call->next = NULL;
    call->previous = list->last;
    if (list->last != NULL)
        list->last->next = call;
    else
        list->first = call;
    list->last = call;
}

void
call_list_remove(fluss_call *call)
{
    call_list *list = call->list;
    if (list == NULL)
        return;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        list->first = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    else
        list->last = call->previous;
    call->list = NULL;
}

fluss_call *
call_new(fluss_client *client, const fluss_api *api, const ProtobufCMessage *request, fluss_on_answer on_answer, void *context,
         slu_error *err)
{
    if (client->call_count >= FLUSS_CLIENT_CALLS_MAX) {
        (void)slu_error_set(err, SLU_LIMIT, "more than %d fluss calls are open", FLUSS_CLIENT_CALLS_MAX);
        if (err != NULL)
            err->retriable = 1; /* once some are answered */
        return NULL;
    }
    fluss_call *call = slu_alloc_zero(1, sizeof *call);
    if (call == NULL) {
        (void)slu_error_set(err, SLU_NOMEM, "no memory for a fluss call");
        return NULL;
    }
    slu_buf_init(&call->body, FLUSS_FRAME_BYTES_MAX);
    /* Room for the header, which is known only when the call is sent. */
    slu_buf_zero(&call->body, FLUSS_REQUEST_HEADER_BYTES);
    fluss_message_encode(request, &call->body);
    if (slu_buf_status(&call->body, err) != SLU_OK) {
        slu_buf_fini(&call->body);
        slu_free(call);
        return NULL;
    }
    call->api = api;
    call->on_answer = on_answer;
    call->context = context;
    call->deadline_ms = slu_now_ms(client->env) + client->request_timeout_ms;
    client->call_count++;
    return call;
}

void
call_finish(fluss_client *client, fluss_call *call, fluss_answer *answer, const slu_error *failure)
{
    call_list_remove(call);
    client->call_count--;
    const fluss_on_answer on_answer = call->on_answer;
    void *context = call->context;
    slu_buf_fini(&call->body);
    slu_free(call->failure);
    slu_free(call);
    if (on_answer != NULL)
        on_answer(context, answer, failure);
}

void
call_list_move(call_list *from, call_list *to)
{
    while (from->first != NULL) {
        fluss_call *call = from->first;
        call_list_remove(call);
        call_list_push(to, call);
    }
}

void
calls_fail(fluss_client *client, call_list *list, const slu_error *failure)
{
    /* A callback may make new calls on the same list: fail only those that are there now. */
    call_list failing = {0};
    call_list_move(list, &failing);
    while (failing.first != NULL)
        call_finish(client, failing.first, NULL, failure);
}

void
call_fail_later(fluss_client *client, fluss_call *call, const slu_error *failure)
{
    call_list_remove(call);
    call->failure = slu_alloc(sizeof *call->failure);
    if (call->failure != NULL)
        *call->failure = *failure;
    call_list_push(&client->failed, call);
    slu_timer_set(client->timer, 0);
}

void
calls_fail_now(fluss_client *client)
{
    static const slu_error no_memory = {.status = SLU_NOMEM, .message = "no memory"};
    call_list failing = {0};
    call_list_move(&client->failed, &failing);
    while (failing.first != NULL) {
        slu_error *failure = slu_take(&failing.first->failure);
        call_finish(client, failing.first, NULL, failure == NULL ? &no_memory : failure);
        slu_free(failure);
    }
}

int64_t
calls_expire(fluss_client *client, call_list *list, int64_t now_ms)
{
    int64_t earliest = INT64_MAX;
    call_list late = {0};
    for (fluss_call *call = list->first; call != NULL;) {
        fluss_call *next = call->next;
        if (call->deadline_ms <= now_ms) {
            call_list_remove(call);
            call_list_push(&late, call);
        } else if (call->deadline_ms < earliest) {
            earliest = call->deadline_ms;
        }
        call = next;
    }
    while (late.first != NULL) {
        slu_error err;
        (void)slu_error_set(&err, SLU_TIMEOUT, "fluss %s: no answer within %lld ms", late.first->api->name,
                            (long long)client->request_timeout_ms);
        call_finish(client, late.first, NULL, &err);
    }
    return earliest;
}

void
fluss_call_cancel(fluss_call **call)
{
    fluss_call *mine = slu_take(call);
    if (mine != NULL)
        mine->on_answer = NULL;
}

fluss_answer *
fluss_answer_ref(fluss_answer *answer)
{
    (void)__atomic_fetch_add(&answer->references, 1, __ATOMIC_RELAXED);
    return answer;
}

void
fluss_answer_unref(fluss_answer **answer)
{
    fluss_answer *mine = slu_take(answer);
    if (mine == NULL || __atomic_fetch_sub(&mine->references, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    slu_arena_fini(&mine->arena);
    slu_free(mine);
}
