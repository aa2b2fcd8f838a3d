/*
 * acl.h: access rights: who may do what with which resource, as Fluss's default authorizer decides it.
 *
 * Shape    a set of bindings (resource, principal, host, operation, ALLOW). Nothing is allowed that no binding allows; there is no
 *          DENY. A table's rights are its own, those of "*", of its database and of the cluster; a database's its own, of "*" and of
 *          the cluster. DESCRIBE is also had by whoever may READ, WRITE, CREATE, DROP or ALTER; ALL is every operation.
 * Owns     the bindings' texts are copied.
 * Threads  owner.
 * Errors   LIMIT: more than FLUSS_ACLS_MAX.
 * Cost     of a question: the bindings of at most four resources, found by binary search.
 */
#ifndef FLUSS_SECURITY_ACL_H
#define FLUSS_SECURITY_ACL_H

#include "base/bytes.h"

#define FLUSS_ACLS_MAX 100000
#define FLUSS_CLUSTER_NAME "fluss-cluster"
#define FLUSS_PRINCIPAL_ANONYMOUS "ANONYMOUS"
#define FLUSS_PRINCIPAL_USER "User"

/* The codes are Fluss's. */
typedef enum fluss_resource_type {
    FLUSS_RESOURCE_ANY = 1,
    FLUSS_RESOURCE_CLUSTER = 2,
    FLUSS_RESOURCE_DATABASE = 3,
    FLUSS_RESOURCE_TABLE = 4
} fluss_resource_type;

typedef enum fluss_operation {
    FLUSS_OPERATION_ANY = 1,
    FLUSS_OPERATION_ALL = 2,
    FLUSS_OPERATION_READ = 3,
    FLUSS_OPERATION_WRITE = 4,
    FLUSS_OPERATION_CREATE = 5,
    FLUSS_OPERATION_DROP = 6,
    FLUSS_OPERATION_ALTER = 7,
    FLUSS_OPERATION_DESCRIBE = 8
} fluss_operation;

#define FLUSS_PERMISSION_ANY 1
#define FLUSS_PERMISSION_ALLOW 2

typedef struct fluss_principal {
    const char *name;
    const char *type;
} fluss_principal;

typedef struct fluss_resource {
    int32_t type;
    const char *name; /* FLUSS_CLUSTER_NAME, "db", "db.table", or "*" */
} fluss_resource;

typedef struct fluss_acl {
    fluss_resource resource;
    fluss_principal principal; /* "*" of type "*": everybody */
    const char *host;          /* "*": from everywhere */
    int32_t operation;
    int32_t permission;
} fluss_acl;

/* NULL matches everything; so do the ANY of type, operation and permission. */
typedef struct fluss_acl_filter {
    int32_t resource_type;
    const char *resource_name;
    const char *principal_name;
    const char *principal_type;
    const char *host;
    int32_t operation;
    int32_t permission;
} fluss_acl_filter;

const char *fluss_operation_name(fluss_operation operation); /* "READ"; "?": no such code */
const char *fluss_resource_type_name(int32_t type);          /* "TABLE" */

bool fluss_acl_matches_resource(const fluss_acl_filter *filter, const fluss_resource *resource);
bool fluss_acl_matches(const fluss_acl_filter *filter, const fluss_acl *acl);

typedef struct fluss_acls fluss_acls;

SLU_CHECK slu_status fluss_acls_new(fluss_acls **out, slu_error *err);
void fluss_acls_free(fluss_acls **acls);
/* One that is there already stays; *out_new may be NULL. */
SLU_CHECK slu_status fluss_acls_add(fluss_acls *acls, const fluss_acl *acl, bool *out_new, slu_error *err);
void fluss_acls_remove(fluss_acls *acls, size_t index);
size_t fluss_acls_count(const fluss_acls *acls);
/* Ordered by resource; borrowed until the set changes. */
const fluss_acl *fluss_acls_at(const fluss_acls *acls, size_t index);
bool fluss_acls_allow(const fluss_acls *acls, const fluss_principal *principal, bool ignore_case, const char *host,
                      fluss_operation operation, const fluss_resource *resource);

/* "User:alice;User:bob" of super.users. */
bool fluss_super_users_have(const char *super_users, const fluss_principal *principal, bool ignore_case);
SLU_CHECK slu_status fluss_super_users_check(const char *super_users, slu_error *err);

#endif
