#include "fluss/security/acl.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <ctype.h>

#define ACL_RESOURCE_BYTES_MAX 512

struct fluss_acls {
    fluss_acl *items; /* ordered by acl_order; the texts of one lie in one allocation, at resource.name */
    size_t count;
    size_t capacity;
};

const char *
fluss_operation_name(fluss_operation operation)
{
    static const char *const names[] = {"?", "ANY", "ALL", "READ", "WRITE", "CREATE", "DROP", "ALTER", "DESCRIBE"};
    return (size_t)operation < SLU_COUNT_OF(names) ? names[operation] : names[0];
}

const char *
fluss_resource_type_name(int32_t type)
{
    static const char *const names[] = {"?", "ANY", "CLUSTER", "DATABASE", "TABLE"};
    return type > 0 && type < (int32_t)SLU_COUNT_OF(names) ? names[type] : names[0];
}

/* ---- Filters -------------------------------------------------------------------------------------------------------------------- */

static bool
text_matches(const char *wanted, const char *is)
{
    return wanted == NULL || strcmp(wanted, is) == 0;
}

bool
fluss_acl_matches_resource(const fluss_acl_filter *filter, const fluss_resource *resource)
{
    return filter->resource_type == FLUSS_RESOURCE_ANY ||
           (filter->resource_type == resource->type && text_matches(filter->resource_name, resource->name));
}

bool
fluss_acl_matches(const fluss_acl_filter *filter, const fluss_acl *acl)
{
    return fluss_acl_matches_resource(filter, &acl->resource) && text_matches(filter->principal_name, acl->principal.name) &&
           text_matches(filter->principal_type, acl->principal.type) && text_matches(filter->host, acl->host) &&
           (filter->operation == FLUSS_OPERATION_ANY || filter->operation == acl->operation) &&
           (filter->permission == FLUSS_PERMISSION_ANY || filter->permission == acl->permission);
}

/* ---- The set -------------------------------------------------------------------------------------------------------------------- */

static int
resource_order(const fluss_resource *a, const fluss_resource *b)
{
    return a->type != b->type ? (a->type < b->type ? -1 : 1) : strcmp(a->name, b->name);
}

static int
acl_order(const fluss_acl *a, const fluss_acl *b)
{
    int order = resource_order(&a->resource, &b->resource);
    if (order == 0)
        order = strcmp(a->principal.name, b->principal.name);
    if (order == 0)
        order = strcmp(a->principal.type, b->principal.type);
    if (order == 0)
        order = strcmp(a->host, b->host);
    if (order == 0)
        order = a->operation - b->operation;
    return order != 0 ? order : a->permission - b->permission;
}

/* The first that is not before `acl`; `whole`: by everything, else by the resource alone. */
static size_t
place_find(const fluss_acls *acls, const fluss_acl *acl, bool whole)
{
    size_t low = 0;
    size_t high = acls->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const fluss_acl *item = &acls->items[middle];
        if ((whole ? acl_order(item, acl) : resource_order(&item->resource, &acl->resource)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

slu_status
fluss_acls_new(fluss_acls **out, slu_error *err)
{
    *out = slu_alloc_zero(1, sizeof **out);
    return *out != NULL ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for access rights");
}

void
fluss_acls_free(fluss_acls **out)
{
    fluss_acls *acls = *out;
    if (acls == NULL)
        return;
    while (acls->count != 0)
        fluss_acls_remove(acls, acls->count - 1);
    slu_free(acls->items);
    slu_free(acls);
    *out = NULL;
}

static const char *
text_put(char **at, const char *text)
{
    char *here = *at;
    const size_t bytes = strlen(text) + 1;
    memcpy(here, text, bytes);
    *at += bytes;
    return here;
}

static slu_status
acl_copy(const fluss_acl *acl, fluss_acl *out, slu_error *err)
{
    const size_t bytes =
        strlen(acl->resource.name) + strlen(acl->principal.name) + strlen(acl->principal.type) + strlen(acl->host) + 4;
    char *texts = slu_alloc(bytes);
    if (texts == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an access right");
    *out = *acl;
    out->resource.name = text_put(&texts, acl->resource.name);
    out->principal.name = text_put(&texts, acl->principal.name);
    out->principal.type = text_put(&texts, acl->principal.type);
    out->host = text_put(&texts, acl->host);
    return SLU_OK;
}

static slu_status
acls_grow(fluss_acls *acls, slu_error *err)
{
    if (acls->count >= FLUSS_ACLS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d access rights", FLUSS_ACLS_MAX);
    if (acls->count < acls->capacity)
        return SLU_OK;
    const size_t capacity = acls->capacity == 0 ? 16 : acls->capacity * 2;
    fluss_acl *items = slu_realloc(acls->items, capacity * sizeof *items);
    if (items == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for access rights");
    acls->items = items;
    acls->capacity = capacity;
    return SLU_OK;
}

slu_status
fluss_acls_add(fluss_acls *acls, const fluss_acl *acl, bool *out_new, slu_error *err)
{
    fluss_acl copy;
    const size_t at = place_find(acls, acl, true);
    const bool there = at < acls->count && acl_order(&acls->items[at], acl) == 0;
    if (!there) {
        SLU_TRY(acls_grow(acls, err));
        SLU_TRY(acl_copy(acl, &copy, err));
        memmove(&acls->items[at + 1], &acls->items[at], (acls->count - at) * sizeof copy);
        acls->items[at] = copy;
        acls->count++;
    }
    if (out_new != NULL)
        *out_new = !there;
    return SLU_OK;
}

void
fluss_acls_remove(fluss_acls *acls, size_t index)
{
    slu_free((void *)(uintptr_t)acls->items[index].resource.name);
    acls->count--;
    memmove(&acls->items[index], &acls->items[index + 1], (acls->count - index) * sizeof *acls->items);
}

size_t
fluss_acls_count(const fluss_acls *acls)
{
    return acls->count;
}

const fluss_acl *
fluss_acls_at(const fluss_acls *acls, size_t index)
{
    return &acls->items[index];
}

/* ---- The question --------------------------------------------------------------------------------------------------------------- */

static bool
text_is(const char *a, const char *b, bool ignore_case)
{
    return (ignore_case ? strcasecmp(a, b) : strcmp(a, b)) == 0;
}

static bool
acl_allows(const fluss_acl *acl, const fluss_principal *principal, bool ignore_case, const char *host, fluss_operation operation)
{
    const bool everybody = strcmp(acl->principal.name, "*") == 0 && strcmp(acl->principal.type, "*") == 0;
    if (acl->permission != FLUSS_PERMISSION_ALLOW || (strcmp(acl->host, "*") != 0 && strcmp(acl->host, host) != 0))
        return false;
    if (!everybody &&
        !(text_is(acl->principal.name, principal->name, ignore_case) && text_is(acl->principal.type, principal->type, ignore_case)))
        return false;
    if (acl->operation == (int32_t)operation || acl->operation == FLUSS_OPERATION_ALL)
        return true;
    return operation == FLUSS_OPERATION_DESCRIBE && acl->operation >= FLUSS_OPERATION_READ;
}

typedef struct question {
    const fluss_acls *acls;
    const fluss_principal *principal;
    bool ignore_case;
    const char *host;
    fluss_operation operation;
} question;

static bool
resource_allows(const question *q, int32_t type, const char *name)
{
    const fluss_acl wanted = {.resource = {type, name}};
    for (size_t i = place_find(q->acls, &wanted, false); i < q->acls->count; i++) {
        const fluss_acl *acl = &q->acls->items[i];
        if (resource_order(&acl->resource, &wanted.resource) != 0)
            return false;
        if (acl_allows(acl, q->principal, q->ignore_case, q->host, q->operation))
            return true;
    }
    return false;
}

bool
fluss_acls_allow(const fluss_acls *acls, const fluss_principal *principal, bool ignore_case, const char *host,
                 fluss_operation operation, const fluss_resource *resource)
{
    const question q = {acls, principal, ignore_case, host, operation};
    char database[ACL_RESOURCE_BYTES_MAX];
    if (resource_allows(&q, resource->type, resource->name) || resource_allows(&q, resource->type, "*"))
        return true;
    if (resource->type == FLUSS_RESOURCE_TABLE) {
        const char *dot = strchr(resource->name, '.');
        const size_t bytes = dot == NULL ? strlen(resource->name) : (size_t)(dot - resource->name);
        (void)snprintf(database, sizeof database, "%.*s", (int)bytes, resource->name);
        if (resource_allows(&q, FLUSS_RESOURCE_DATABASE, database))
            return true;
    }
    return resource->type != FLUSS_RESOURCE_CLUSTER && resource_allows(&q, FLUSS_RESOURCE_CLUSTER, FLUSS_CLUSTER_NAME);
}

/* ---- Super users ---------------------------------------------------------------------------------------------------------------- */

/* The next "TYPE:NAME" between semicolons. */
static bool
super_user_next(const char **at, const char **out, size_t *out_bytes)
{
    const char *item = *at;
    if (item == NULL)
        return false;
    const char *end = strchr(item, ';');
    *at = end == NULL ? NULL : end + 1;
    size_t bytes = end == NULL ? strlen(item) : (size_t)(end - item);
    while (bytes != 0 && isspace((unsigned char)*item)) {
        item++;
        bytes--;
    }
    while (bytes != 0 && isspace((unsigned char)item[bytes - 1]))
        bytes--;
    *out = item;
    *out_bytes = bytes;
    return true;
}

bool
fluss_super_users_have(const char *super_users, const fluss_principal *principal, bool ignore_case)
{
    const char *item;
    size_t bytes;
    char is[ACL_RESOURCE_BYTES_MAX];
    char wanted[ACL_RESOURCE_BYTES_MAX];
    if (snprintf(is, sizeof is, "%s:%s", principal->type, principal->name) >= (int)sizeof is)
        return false;
    while (super_user_next(&super_users, &item, &bytes)) {
        (void)snprintf(wanted, sizeof wanted, "%.*s", (int)bytes, item);
        if (text_is(wanted, is, ignore_case))
            return true;
    }
    return false;
}

slu_status
fluss_super_users_check(const char *super_users, slu_error *err)
{
    const char *item;
    size_t bytes;
    while (super_user_next(&super_users, &item, &bytes)) {
        const char *colon = memchr(item, ':', bytes);
        if (bytes != 0 && (colon == NULL || colon == item || colon + 1 == item + bytes))
            return slu_error_set(err, SLU_INVALID, "super.users: '%.*s' is not TYPE:NAME, such as User:admin", (int)bytes, item);
        const char *comma = memchr(item, ',', bytes);
        if (comma != NULL && memchr(comma, ':', bytes - (size_t)(comma - item)) != NULL)
            return slu_error_set(err, SLU_INVALID, "super.users: '%.*s' would be one user: put ';' between users", (int)bytes,
                                 item);
    }
    return SLU_OK;
}
