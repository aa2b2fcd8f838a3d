/* acl_api.c: CREATE_ACLS, LIST_ACLS, DROP_ACLS. A change is in the catalogue before it is in the set that is asked. */
#include "fluss/server/access/authorize.h"
#include "fluss/server/catalogue/security.h"
#include "fluss/server/reply.h"

#define ACL_NAME_BYTES_MAX 500
#define ACL_FILTERS_MAX 1000 /* of one request: each is held against every binding */

static slu_status
acl_need_authorizer(const fluss_request *r, slu_error *err)
{
    if (r->server->acls != NULL)
        return SLU_OK;
    (void)slu_error_set(err, SLU_INVALID, "No Authorizer is configured.");
    err->code = FLUSS_ERROR_SECURITY_DISABLED_EXCEPTION;
    return SLU_INVALID;
}

static slu_status
acl_check_codes(int32_t type, int32_t operation, int32_t permission, slu_error *err)
{
    slu_status status = SLU_OK;
    if (type < FLUSS_RESOURCE_ANY || type > FLUSS_RESOURCE_TABLE)
        status = slu_error_set(err, SLU_INVALID, "Unknown resource type code %d", (int)type);
    else if (operation < FLUSS_OPERATION_ANY || operation > FLUSS_OPERATION_DESCRIBE)
        status = slu_error_set(err, SLU_INVALID, "Unknown operation type code %d", (int)operation);
    else if (permission != FLUSS_PERMISSION_ANY && permission != FLUSS_PERMISSION_ALLOW)
        status = slu_error_set(err, SLU_INVALID, "Unknown permission type code %d", (int)permission);
    if (status != SLU_OK)
        err->code = FLUSS_ERROR_UNKNOWN_SERVER_ERROR;
    return status;
}

/* The least that rights are given for is a database, and to alter it is enough (0.9.1; 1.0 wants ALL). */
static slu_status
acl_authorize(const fluss_request *r, const fluss_resource *resource, slu_error *err)
{
    char database[ACL_NAME_BYTES_MAX + 1];
    if (resource->type != FLUSS_RESOURCE_TABLE)
        return fluss_authorize(r, FLUSS_OPERATION_ALTER, resource, err);
    (void)snprintf(database, sizeof database, "%.*s", (int)strcspn(resource->name, "."), resource->name);
    return fluss_authorize(r, FLUSS_OPERATION_ALTER, &(fluss_resource){FLUSS_RESOURCE_DATABASE, database}, err);
}

static slu_status
acl_of(const Fluss__PbAclInfo *info, fluss_acl *out, slu_error *err)
{
    SLU_TRY(acl_check_codes(info->resource_type, info->operation_type, info->permission_type, err));
    if (strlen(info->resource_name) > ACL_NAME_BYTES_MAX || strlen(info->principal_name) > ACL_NAME_BYTES_MAX ||
        strlen(info->principal_type) > ACL_NAME_BYTES_MAX || strlen(info->host) > ACL_NAME_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "an access right with a name of more than %d bytes", ACL_NAME_BYTES_MAX);
    *out = (fluss_acl){{info->resource_type, info->resource_name},
                       {info->principal_name, info->principal_type},
                       info->host,
                       info->operation_type,
                       info->permission_type};
    return SLU_OK;
}

static void
acl_write(const fluss_acl *acl, Fluss__PbAclInfo *out)
{
    fluss__pb_acl_info__init(out);
    out->resource_type = acl->resource.type;
    out->resource_name = fluss_reply_text(acl->resource.name);
    out->principal_name = fluss_reply_text(acl->principal.name);
    out->principal_type = fluss_reply_text(acl->principal.type);
    out->host = fluss_reply_text(acl->host);
    out->operation_type = acl->operation;
    out->permission_type = acl->permission;
}

/* A set never outgrows its bound half-way. */
static slu_status
acls_store(fluss_request *r, const fluss_acl *acls, size_t count, slu_error *err)
{
    if (fluss_acls_count(r->server->acls) + count > FLUSS_ACLS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d access rights", FLUSS_ACLS_MAX);
    SLU_TRY(fluss_catalogue_add_acls(r->server->catalogue, acls, count, err));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(fluss_acls_add(r->server->acls, &acls[i], NULL, err));
    return SLU_OK;
}

slu_status
fluss_handle_create_acls(fluss_request *r, slu_error *err)
{
    const Fluss__CreateAclsRequest *request = (const Fluss__CreateAclsRequest *)r->message;
    Fluss__CreateAclsResponse response = FLUSS__CREATE_ACLS_RESPONSE__INIT;
    SLU_TRY(acl_need_authorizer(r, err));
    fluss_acl *acls = slu_arena_array(r->arena, request->n_acl + 1, sizeof *acls);
    Fluss__PbCreateAclRespInfo **list = (Fluss__PbCreateAclRespInfo **)fluss_reply_list(r->arena, request->n_acl, sizeof **list);
    if (acls == NULL || list == NULL)
        return slu_arena_status(r->arena, err);
    for (size_t i = 0; i < request->n_acl; i++) {
        SLU_TRY(acl_of(request->acl[i], &acls[i], err));
        fluss__pb_create_acl_resp_info__init(list[i]);
        list[i]->acl = request->acl[i];
    }
    for (size_t i = 0; i < request->n_acl; i++)
        SLU_TRY(acl_authorize(r, &acls[i].resource, err));
    SLU_TRY(acls_store(r, acls, request->n_acl, err));
    response.n_acl_res = request->n_acl;
    response.acl_res = list;
    return fluss_request_answer(r, &response.base, err);
}

static slu_status
filter_of(const Fluss__PbAclFilter *filter, fluss_acl_filter *out, slu_error *err)
{
    const bool principal = filter->principal_name != NULL && filter->principal_type != NULL;
    SLU_TRY(acl_check_codes(filter->resource_type, filter->operation_type, filter->permission_type, err));
    *out = (fluss_acl_filter){filter->resource_type,
                              filter->resource_name,
                              principal ? filter->principal_name : NULL,
                              principal ? filter->principal_type : NULL,
                              filter->host,
                              filter->operation_type,
                              filter->permission_type};
    return SLU_OK;
}

slu_status
fluss_handle_list_acls(fluss_request *r, slu_error *err)
{
    const Fluss__ListAclsRequest *request = (const Fluss__ListAclsRequest *)r->message;
    Fluss__ListAclsResponse response = FLUSS__LIST_ACLS_RESPONSE__INIT;
    fluss_acl_filter filter;
    SLU_TRY(acl_need_authorizer(r, err));
    SLU_TRY(filter_of(request->acl_filter, &filter, err));
    const size_t count = fluss_acls_count(r->server->acls);
    Fluss__PbAclInfo **list = (Fluss__PbAclInfo **)fluss_reply_list(r->arena, count, sizeof **list);
    for (size_t i = 0; list != NULL && i < count; i++) {
        const fluss_acl *acl = fluss_acls_at(r->server->acls, i);
        if (fluss_acl_matches(&filter, acl) && fluss_may(r, FLUSS_OPERATION_DESCRIBE, &acl->resource))
            acl_write(acl, list[response.n_acl++]);
    }
    response.acl = list;
    return fluss_request_answer(r, &response.base, err);
}

/* ---- DROP_ACLS ---- */

typedef struct dropping {
    fluss_request *r;
    const fluss_acl_filter *filters;
    size_t filter_count;
    size_t *by;      /* for each binding of the set: the first filter that fits, or filter_count */
    fluss_acl *gone; /* copies: their texts outlive the set's */
    size_t gone_count;
} dropping;

static slu_status
dropping_find(dropping *d, slu_error *err)
{
    const fluss_acls *acls = d->r->server->acls;
    const fluss_resource *last = NULL;
    for (size_t i = 0; i < fluss_acls_count(acls); i++) {
        const fluss_acl *acl = fluss_acls_at(acls, i);
        bool touches = false;
        d->by[i] = d->filter_count;
        for (size_t f = d->filter_count; f-- > 0;) {
            touches = touches || fluss_acl_matches_resource(&d->filters[f], &acl->resource);
            if (fluss_acl_matches(&d->filters[f], acl))
                d->by[i] = f;
        }
        if (touches && (last == NULL || last->type != acl->resource.type || strcmp(last->name, acl->resource.name) != 0))
            SLU_TRY(acl_authorize(d->r, &acl->resource, err));
        last = touches ? &acl->resource : last;
    }
    return SLU_OK;
}

static slu_status
dropping_copy(dropping *d, slu_error *err)
{
    slu_arena *arena = d->r->arena;
    const fluss_acls *acls = d->r->server->acls;
    for (size_t i = 0; i < fluss_acls_count(acls); i++) {
        const fluss_acl *acl = fluss_acls_at(acls, i);
        if (d->by[i] == d->filter_count)
            continue;
        fluss_acl *copy = &d->gone[d->gone_count];
        *copy = *acl;
        copy->resource.name = slu_arena_strdup(arena, acl->resource.name);
        copy->principal.name = slu_arena_strdup(arena, acl->principal.name);
        copy->principal.type = slu_arena_strdup(arena, acl->principal.type);
        copy->host = slu_arena_strdup(arena, acl->host);
        d->by[d->gone_count++] = d->by[i];
    }
    return slu_arena_status(arena, err);
}

static void
dropping_remove(const dropping *d)
{
    fluss_acls *acls = d->r->server->acls;
    for (size_t i = fluss_acls_count(acls); i-- > 0;)
        for (size_t f = 0; f < d->filter_count; f++)
            if (fluss_acl_matches(&d->filters[f], fluss_acls_at(acls, i))) {
                fluss_acls_remove(acls, i);
                break;
            }
}

static void
dropping_answer(const dropping *d, Fluss__PbDropAclsFilterResult **results)
{
    slu_arena *arena = d->r->arena;
    Fluss__PbDropAclsMatchingAcl **matching =
        (Fluss__PbDropAclsMatchingAcl **)fluss_reply_list(arena, d->gone_count, sizeof **matching);
    Fluss__PbAclInfo **infos = (Fluss__PbAclInfo **)fluss_reply_list(arena, d->gone_count, sizeof **infos);
    size_t at = 0;
    for (size_t f = 0; matching != NULL && infos != NULL && f < d->filter_count; f++) {
        results[f]->matching_acls = &matching[at];
        for (size_t i = 0; i < d->gone_count; i++) {
            if (d->by[i] != f)
                continue;
            acl_write(&d->gone[i], infos[at]);
            fluss__pb_drop_acls_matching_acl__init(matching[at]);
            matching[at]->acl = infos[at];
            results[f]->n_matching_acls++;
            at++;
        }
    }
}

slu_status
fluss_handle_drop_acls(fluss_request *r, slu_error *err)
{
    const Fluss__DropAclsRequest *request = (const Fluss__DropAclsRequest *)r->message;
    Fluss__DropAclsResponse response = FLUSS__DROP_ACLS_RESPONSE__INIT;
    SLU_TRY(acl_need_authorizer(r, err));
    const size_t count = request->n_acl_filter;
    if (count > ACL_FILTERS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d filters in one request", ACL_FILTERS_MAX);
    const size_t there = fluss_acls_count(r->server->acls);
    fluss_acl_filter *filters = slu_arena_array(r->arena, count + 1, sizeof *filters);
    Fluss__PbDropAclsFilterResult **results = (Fluss__PbDropAclsFilterResult **)fluss_reply_list(r->arena, count, sizeof **results);
    dropping d = {
        r, filters, count, slu_arena_array(r->arena, there + 1, sizeof *d.by), slu_arena_array(r->arena, there + 1, sizeof *d.gone),
        0};
    if (filters == NULL || results == NULL || d.by == NULL || d.gone == NULL)
        return slu_arena_status(r->arena, err);
    for (size_t i = 0; i < count; i++) {
        SLU_TRY(filter_of(request->acl_filter[i], &filters[i], err));
        fluss__pb_drop_acls_filter_result__init(results[i]);
    }
    SLU_TRY(dropping_find(&d, err));
    SLU_TRY(dropping_copy(&d, err));
    SLU_TRY(fluss_catalogue_remove_acls(r->server->catalogue, d.gone, d.gone_count, err));
    dropping_remove(&d);
    dropping_answer(&d, results);
    response.n_filter_results = count;
    response.filter_results = results;
    return fluss_request_answer(r, &response.base, err);
}
