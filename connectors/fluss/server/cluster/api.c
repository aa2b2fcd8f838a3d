/*
 * api.c: server tags and rebalancing, answered truthfully for one node: a tag is kept; a rebalance finds every bucket where it
 * must be, and is complete when it is answered.
 */
#include "base/fail.h"
#include "base/uuid.h"
#include "fluss/server/catalogue/cluster.h"
#include "fluss/server/reply.h"

#define REBALANCE_COMPLETED 3
#define GOAL_LAST 2

static const char *const tag_names[] = {"PERMANENT_OFFLINE", "TEMPORARY_OFFLINE"};

static slu_status
tag_check(int32_t tag, slu_error *err)
{
    if (tag == 0 || tag == 1)
        return SLU_OK;
    return slu_error_set(err, SLU_INVALID, "Value %d must be one of [PERMANENT_OFFLINE, TEMPORARY_OFFLINE]", tag);
}

/* The tag of a server; -1: none. */
static slu_status
tag_of(const fluss_request *r, int32_t server_id, int32_t *out, slu_error *err)
{
    const slu_status status = fluss_catalogue_get_server_tag(r->server->catalogue, server_id, out, err);
    if (status != SLU_NOTFOUND)
        return status;
    *out = -1;
    return SLU_OK;
}

static slu_status
tag_may_be_added(const fluss_request *r, int32_t server_id, int32_t tag, slu_error *err)
{
    int32_t there = -1;
    if (server_id != FLUSS_SERVER_NODE_ID)
        return slu_error_coded(err,
                               slu_error_set(err, SLU_NOTFOUND, "Server %d not exists when trying to add server tag.", server_id),
                               FLUSS_ERROR_SERVER_NOT_EXIST_EXCEPTION);
    SLU_TRY(tag_of(r, server_id, &there, err));
    if (there < 0 || there == tag)
        return SLU_OK;
    (void)slu_error_set(
        err, SLU_CONFLICT,
        "Server tag %s already exists for server %d. However you want to set it to %s, please remove the server tag "
        "first.",
        tag_names[there], server_id, tag_names[tag]);
    return slu_error_coded(err, SLU_CONFLICT, FLUSS_ERROR_SEVER_TAG_ALREADY_EXIST_EXCEPTION);
}

slu_status
fluss_handle_add_server_tag(fluss_request *r, slu_error *err)
{
    const Fluss__AddServerTagRequest *request = (const Fluss__AddServerTagRequest *)r->message;
    const Fluss__AddServerTagResponse response = FLUSS__ADD_SERVER_TAG_RESPONSE__INIT;
    SLU_TRY(tag_check(request->server_tag, err));
    for (size_t i = 0; i < request->n_server_ids; i++)
        SLU_TRY(tag_may_be_added(r, request->server_ids[i], request->server_tag, err));
    if (request->n_server_ids != 0)
        SLU_TRY(fluss_catalogue_set_server_tag(r->server->catalogue, FLUSS_SERVER_NODE_ID, request->server_tag, err));
    return fluss_request_answer(r, &response.base, err);
}

static slu_status
tag_may_be_removed(const fluss_request *r, int32_t server_id, int32_t tag, slu_error *err)
{
    int32_t there = -1;
    SLU_TRY(tag_of(r, server_id, &there, err));
    if (there < 0 || there == tag)
        return SLU_OK;
    (void)slu_error_set(err, SLU_NOTFOUND, "Server tag %s not exists for server %d, the current server tag of this server is %s.",
                        tag_names[tag], server_id, tag_names[there]);
    return slu_error_coded(err, SLU_NOTFOUND, FLUSS_ERROR_SEVER_TAG_NOT_EXIST_EXCEPTION);
}

slu_status
fluss_handle_remove_server_tag(fluss_request *r, slu_error *err)
{
    const Fluss__RemoveServerTagRequest *request = (const Fluss__RemoveServerTagRequest *)r->message;
    const Fluss__RemoveServerTagResponse response = FLUSS__REMOVE_SERVER_TAG_RESPONSE__INIT;
    SLU_TRY(tag_check(request->server_tag, err));
    for (size_t i = 0; i < request->n_server_ids; i++)
        SLU_TRY(tag_may_be_removed(r, request->server_ids[i], request->server_tag, err));
    for (size_t i = 0; i < request->n_server_ids; i++)
        SLU_TRY(fluss_catalogue_clear_server_tag(r->server->catalogue, request->server_ids[i], err));
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_rebalance(fluss_request *r, slu_error *err)
{
    const Fluss__RebalanceRequest *request = (const Fluss__RebalanceRequest *)r->message;
    Fluss__RebalanceResponse response = FLUSS__REBALANCE_RESPONSE__INIT;
    char id[SLU_UUID_TEXT_BYTES];
    for (size_t i = 0; i < request->n_goals; i++)
        if (request->goals[i] < 0 || request->goals[i] > GOAL_LAST)
            return slu_error_set(err, SLU_INVALID,
                                 "Value %d must be one of [REPLICA_DISTRIBUTION, LEADER_DISTRIBUTION, RACK_AWARE]",
                                 request->goals[i]);
    slu_uuid_new(r->server->env, id);
    response.rebalance_id = id;
    SLU_TRY(fluss_catalogue_set_rebalance(r->server->catalogue, response.rebalance_id, err));
    return fluss_request_answer(r, &response.base, err);
}

/* The id of the last rebalance, NULL when there was none; an id that is asked for must be it. `verb`: "list" or "cancel". */
static slu_status
rebalance_of(const fluss_request *r, const char *asked, const char *verb, const char **out, slu_error *err)
{
    const slu_status status = fluss_catalogue_get_rebalance(r->server->catalogue, r->arena, out, err);
    if (status == SLU_NOTFOUND) {
        *out = NULL;
        return SLU_OK;
    }
    SLU_TRY(status);
    if (asked == NULL || strcmp(asked, *out) == 0)
        return SLU_OK;
    (void)slu_error_set(err, SLU_NOTFOUND, "Rebalance task id %.100s to %s is not the current rebalance task id %s.", asked, verb,
                        *out);
    return slu_error_coded(err, SLU_NOTFOUND, FLUSS_ERROR_NO_REBALANCE_IN_PROGRESS_EXCEPTION);
}

slu_status
fluss_handle_list_rebalance(fluss_request *r, slu_error *err)
{
    const Fluss__ListRebalanceProgressRequest *request = (const Fluss__ListRebalanceProgressRequest *)r->message;
    Fluss__ListRebalanceProgressResponse response = FLUSS__LIST_REBALANCE_PROGRESS_RESPONSE__INIT;
    const char *id = NULL;
    SLU_TRY(rebalance_of(r, request->rebalance_id, "list", &id, err));
    response.rebalance_id = fluss_reply_text(id);
    response.has_rebalance_status = id != NULL;
    response.rebalance_status = REBALANCE_COMPLETED;
    return fluss_request_answer(r, &response.base, err);
}

slu_status
fluss_handle_cancel_rebalance(fluss_request *r, slu_error *err)
{
    const Fluss__CancelRebalanceRequest *request = (const Fluss__CancelRebalanceRequest *)r->message;
    const Fluss__CancelRebalanceResponse response = FLUSS__CANCEL_REBALANCE_RESPONSE__INIT;
    const char *id = NULL;
    SLU_TRY(rebalance_of(r, request->rebalance_id, "cancel", &id, err)); /* what is complete is not cancelled */
    return fluss_request_answer(r, &response.base, err);
}
