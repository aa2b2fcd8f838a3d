/* Access rights: which binding allows what. */
#include "fluss/security/acl.h"
#include "support/check.h"

#include <string.h>

static const fluss_principal alice = {"alice", "User"};
static const fluss_principal bob = {"bob", "User"};

typedef struct rights {
    fluss_acls *acls;
    bool ignore_case;
} rights;

static void
give(rights *r, int32_t type, const char *name, const char *who, const char *kind, const char *host, int32_t operation)
{
    slu_error err;
    const fluss_acl acl = {{type, name}, {who, kind}, host, operation, FLUSS_PERMISSION_ALLOW};
    CHECK_OK(fluss_acls_add(r->acls, &acl, NULL, &err));
}

static bool
may(const rights *r, const fluss_principal *who, fluss_operation operation, int32_t type, const char *name)
{
    const fluss_resource resource = {type, name};
    return fluss_acls_allow(r->acls, who, r->ignore_case, "127.0.0.1", operation, &resource);
}

static rights
rights_new(void)
{
    slu_error err;
    rights r = {NULL, false};
    CHECK_OK(fluss_acls_new(&r.acls, &err));
    return r;
}

static void
nothing_is_allowed_that_no_binding_allows(void **state)
{
    (void)state;
    rights r = rights_new();
    assert_false(may(&r, &alice, FLUSS_OPERATION_READ, FLUSS_RESOURCE_TABLE, "db.t"));
    give(&r, FLUSS_RESOURCE_TABLE, "db.t", "alice", "User", "*", FLUSS_OPERATION_READ);
    assert_true(may(&r, &alice, FLUSS_OPERATION_READ, FLUSS_RESOURCE_TABLE, "db.t"));
    assert_true(may(&r, &alice, FLUSS_OPERATION_DESCRIBE, FLUSS_RESOURCE_TABLE, "db.t"));
    assert_false(may(&r, &alice, FLUSS_OPERATION_WRITE, FLUSS_RESOURCE_TABLE, "db.t"));
    assert_false(may(&r, &alice, FLUSS_OPERATION_READ, FLUSS_RESOURCE_TABLE, "db.t2"));
    assert_false(may(&r, &alice, FLUSS_OPERATION_READ, FLUSS_RESOURCE_DATABASE, "db"));
    assert_false(may(&r, &bob, FLUSS_OPERATION_READ, FLUSS_RESOURCE_TABLE, "db.t"));
    fluss_acls_free(&r.acls);
}

static void
rights_come_down_from_database_and_cluster(void **state)
{
    (void)state;
    rights r = rights_new();
    give(&r, FLUSS_RESOURCE_DATABASE, "db", "alice", "User", "*", FLUSS_OPERATION_ALL);
    give(&r, FLUSS_RESOURCE_CLUSTER, FLUSS_CLUSTER_NAME, "bob", "User", "*", FLUSS_OPERATION_CREATE);
    assert_true(may(&r, &alice, FLUSS_OPERATION_DROP, FLUSS_RESOURCE_TABLE, "db.t"));
    assert_true(may(&r, &alice, FLUSS_OPERATION_CREATE, FLUSS_RESOURCE_DATABASE, "db"));
    assert_false(may(&r, &alice, FLUSS_OPERATION_CREATE, FLUSS_RESOURCE_CLUSTER, FLUSS_CLUSTER_NAME));
    assert_false(may(&r, &alice, FLUSS_OPERATION_READ, FLUSS_RESOURCE_TABLE, "db2.t"));
    assert_true(may(&r, &bob, FLUSS_OPERATION_CREATE, FLUSS_RESOURCE_DATABASE, "any"));
    assert_true(may(&r, &bob, FLUSS_OPERATION_DESCRIBE, FLUSS_RESOURCE_TABLE, "any.t"));
    assert_false(may(&r, &bob, FLUSS_OPERATION_READ, FLUSS_RESOURCE_TABLE, "any.t"));
    fluss_acls_free(&r.acls);
}

static void
wildcards_hosts_and_case(void **state)
{
    (void)state;
    rights r = rights_new();
    give(&r, FLUSS_RESOURCE_TABLE, "*", "*", "*", "*", FLUSS_OPERATION_READ);
    give(&r, FLUSS_RESOURCE_TABLE, "db.t", "Alice", "User", "10.0.0.1", FLUSS_OPERATION_WRITE);
    assert_true(may(&r, &bob, FLUSS_OPERATION_READ, FLUSS_RESOURCE_TABLE, "x.y"));
    assert_false(may(&r, &bob, FLUSS_OPERATION_READ, FLUSS_RESOURCE_DATABASE, "x"));
    r.ignore_case = true;
    assert_false(may(&r, &alice, FLUSS_OPERATION_WRITE, FLUSS_RESOURCE_TABLE, "db.t"));
    give(&r, FLUSS_RESOURCE_TABLE, "db.t", "Alice", "User", "127.0.0.1", FLUSS_OPERATION_WRITE);
    assert_true(may(&r, &alice, FLUSS_OPERATION_WRITE, FLUSS_RESOURCE_TABLE, "db.t"));
    r.ignore_case = false;
    assert_false(may(&r, &alice, FLUSS_OPERATION_WRITE, FLUSS_RESOURCE_TABLE, "db.t"));
    fluss_acls_free(&r.acls);
}

static void
filters_match(void **state)
{
    (void)state;
    const fluss_acl acl = {{FLUSS_RESOURCE_TABLE, "db.t"}, {"alice", "User"}, "*", FLUSS_OPERATION_READ, FLUSS_PERMISSION_ALLOW};
    fluss_acl_filter filter = {
        .resource_type = FLUSS_RESOURCE_ANY, .resource_name = "ignored with ANY", .operation = 1, .permission = 1};
    assert_true(fluss_acl_matches(&filter, &acl));
    filter = (fluss_acl_filter){.resource_type = FLUSS_RESOURCE_TABLE, .operation = 1, .permission = 1};
    assert_true(fluss_acl_matches(&filter, &acl));
    filter.resource_name = "db.t";
    filter.principal_name = "alice";
    filter.principal_type = "User";
    filter.host = "*";
    filter.operation = FLUSS_OPERATION_READ;
    filter.permission = FLUSS_PERMISSION_ALLOW;
    assert_true(fluss_acl_matches(&filter, &acl));
    filter.operation = FLUSS_OPERATION_ALL;
    assert_false(fluss_acl_matches(&filter, &acl));
    filter.operation = 1;
    filter.host = "h";
    assert_false(fluss_acl_matches(&filter, &acl));
    filter.host = NULL;
    filter.resource_type = FLUSS_RESOURCE_DATABASE;
    assert_false(fluss_acl_matches(&filter, &acl));
}

/* Many bindings in any order, twice each: a set, ordered, from which any can be taken. */
static void
a_set_of_many(void **state)
{
    (void)state;
    slu_error err;
    rights r = rights_new();
    char name[32];
    bool added;
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(name, sizeof name, "db.t%d", i * 7919 % 1000);
        const fluss_acl acl = {{FLUSS_RESOURCE_TABLE, name}, alice, "*", FLUSS_OPERATION_READ, FLUSS_PERMISSION_ALLOW};
        CHECK_OK(fluss_acls_add(r.acls, &acl, &added, &err));
        assert_int_equal(added, i < 1000);
    }
    assert_int_equal(fluss_acls_count(r.acls), 1000);
    for (size_t i = 1; i < 1000; i++)
        assert_true(strcmp(fluss_acls_at(r.acls, i - 1)->resource.name, fluss_acls_at(r.acls, i)->resource.name) < 0);
    for (size_t i = 0; i < 500; i++)
        fluss_acls_remove(r.acls, i);
    assert_int_equal(fluss_acls_count(r.acls), 500);
    assert_true(may(&r, &alice, FLUSS_OPERATION_READ, FLUSS_RESOURCE_TABLE, fluss_acls_at(r.acls, 77)->resource.name));
    fluss_acls_free(&r.acls);
}

static void
super_users(void **state)
{
    (void)state;
    slu_error err;
    assert_true(fluss_super_users_have("User:root; User:alice", &alice, false));
    assert_false(fluss_super_users_have("User:root;Group:alice", &alice, false));
    assert_false(fluss_super_users_have("User:ALICE", &alice, false));
    assert_true(fluss_super_users_have("User:ALICE", &alice, true));
    assert_false(fluss_super_users_have(NULL, &alice, false));
    CHECK_OK(fluss_super_users_check("User:root; User:alice;", &err));
    CHECK_STATUS(fluss_super_users_check("root", &err), SLU_INVALID);
    CHECK_STATUS(fluss_super_users_check("User:", &err), SLU_INVALID);
    CHECK_STATUS(fluss_super_users_check("User:root,User:alice", &err), SLU_INVALID);
    CHECK_MESSAGE(err, "put ';' between users");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_allowed_that_no_binding_allows),
        cmocka_unit_test(rights_come_down_from_database_and_cluster),
        cmocka_unit_test(wildcards_hosts_and_case),
        cmocka_unit_test(filters_match),
        cmocka_unit_test(a_set_of_many),
        cmocka_unit_test(super_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
