/*
 * store_contract.h: what every iceberg_store must do. A new store earns it with one program: make a store and a location below
 * which nothing lies, call store_contract, clean up.
 */
#ifndef TESTS_CONTRACT_STORE_CONTRACT_H
#define TESTS_CONTRACT_STORE_CONTRACT_H

#include "iceberg/store.h"
#include "support/check.h"

typedef struct contract_seen {
    char names[8][512];
    int64_t bytes[8];
    size_t count;
} contract_seen;

static inline slu_status
contract_found(void *to, const iceberg_listed *listed, slu_error *err)
{
    contract_seen *seen = to;
    assert_true(seen->count < 8);
    (void)snprintf(seen->names[seen->count], sizeof seen->names[0], "%s", listed->location);
    seen->bytes[seen->count++] = listed->bytes;
    assert_true(listed->modified_ms > 0);
    return SLU_OK;
}

static inline void
contract_at(char out[512], const char *root, const char *name)
{
    (void)snprintf(out, 512, "%s/%s", root, name);
}

static inline void
contract_check(const iceberg_store *store, const char *location, const char *content)
{
    slu_error err = {0};
    slu_buf got;
    int64_t bytes = -1;
    slu_buf_init(&got, 1 << 20);
    CHECK_OK(iceberg_store_get(store, location, 1 << 20, &got, &err));
    CHECK_TEXT(slu_buf_cstr(&got), content);
    CHECK_OK(store->ops->size(store->self, location, &bytes, &err));
    assert_int_equal(bytes, strlen(content));
    slu_buf_fini(&got);
}

/* put replaces, exclusive put does not, and the names may be anything that a partition path holds. */
static inline void
contract_put(const iceberg_store *store, const char *root)
{
    slu_error err = {0};
    char at[512];
    contract_at(at, root, "data/a%2Fb=c+d/\xc3\xa4 x.txt");
    CHECK_OK(iceberg_store_put(store, at, slu_view_of_text("one"), true, &err));
    CHECK_STATUS(iceberg_store_put(store, at, slu_view_of_text("two"), true, &err), SLU_CONFLICT);
    contract_check(store, at, "one");
    CHECK_OK(iceberg_store_put(store, at, slu_view_of_text("three"), false, &err));
    contract_check(store, at, "three");
    contract_at(at, root, "empty");
    CHECK_OK(iceberg_store_put(store, at, slu_view_of("", 0), true, &err));
    contract_check(store, at, "");
}

static inline void
contract_missing(const iceberg_store *store, const char *root)
{
    slu_error err = {0};
    slu_buf got;
    int64_t bytes = 0;
    char at[512];
    uint8_t byte;
    slu_buf_init(&got, 1000);
    contract_at(at, root, "no/such");
    CHECK_STATUS(iceberg_store_get(store, at, 1000, &got, &err), SLU_NOTFOUND);
    CHECK_STATUS(store->ops->size(store->self, at, &bytes, &err), SLU_NOTFOUND);
    CHECK_STATUS(store->ops->read(store->self, at, 0, &byte, 1, &err), SLU_NOTFOUND);
    CHECK_OK(iceberg_store_remove(store, at, &err));
    slu_buf_fini(&got);
}

static inline void
contract_ranges(const iceberg_store *store, const char *root)
{
    slu_error err = {0};
    slu_buf got;
    char at[512];
    char part[5] = "";
    slu_buf_init(&got, 1000);
    contract_at(at, root, "ranges");
    CHECK_OK(iceberg_store_put(store, at, slu_view_of_text("0123456789"), false, &err));
    CHECK_OK(store->ops->read(store->self, at, 3, part, 4, &err));
    CHECK_TEXT(part, "3456");
    CHECK_OK(store->ops->read(store->self, at, 10, part, 0, &err));
    assert_true(store->ops->read(store->self, at, 8, part, 4, &err) < 0); /* beyond the end */
    CHECK_STATUS(iceberg_store_get(store, at, 9, &got, &err), SLU_LIMIT);
    slu_buf_fini(&got);
}

/* A file written in parts is there once it was kept; given up it leaves nothing. */
static inline void
contract_parts(const iceberg_store *store, const char *root)
{
    slu_error err = {0};
    char at[512];
    void *file = NULL;
    int64_t bytes = 0;
    contract_at(at, root, "parts/kept");
    CHECK_OK(store->ops->create(store->self, at, &file, &err));
    CHECK_OK(store->ops->append(store->self, file, "ab", 2, &err));
    CHECK_OK(store->ops->append(store->self, file, "", 0, &err));
    CHECK_OK(store->ops->append(store->self, file, "cd", 2, &err));
    CHECK_OK(store->ops->finish(store->self, &file, true, &err));
    assert_null(file);
    contract_check(store, at, "abcd");
    contract_at(at, root, "parts/given-up");
    CHECK_OK(store->ops->create(store->self, at, &file, &err));
    CHECK_OK(store->ops->append(store->self, file, "ab", 2, &err));
    CHECK_OK(store->ops->finish(store->self, &file, false, &err));
    assert_null(file);
    CHECK_STATUS(store->ops->size(store->self, at, &bytes, &err), SLU_NOTFOUND);
}

static inline void
contract_list(const iceberg_store *store, const char *root)
{
    slu_error err = {0};
    contract_seen seen = {0};
    char at[512];
    char folder[512];
    contract_at(at, root, "list/deep/er/one");
    CHECK_OK(iceberg_store_put(store, at, slu_view_of_text("12345"), false, &err));
    contract_at(folder, root, "list");
    CHECK_OK(store->ops->list(store->self, folder, contract_found, &seen, &err));
    assert_int_equal(seen.count, 1);
    CHECK_TEXT(seen.names[0], at); /* the location as it would be asked for */
    assert_int_equal(seen.bytes[0], 5);
    contract_at(folder, root, "nothing");
    CHECK_OK(store->ops->list(store->self, folder, contract_found, &seen, &err));
    assert_int_equal(seen.count, 1);
    CHECK_OK(iceberg_store_remove(store, at, &err));
    contract_at(folder, root, "list");
    CHECK_OK(store->ops->list(store->self, folder, contract_found, &seen, &err));
    assert_int_equal(seen.count, 1);
}

static inline void
store_contract(const iceberg_store *store, const char *root)
{
    contract_put(store, root);
    contract_missing(store, root);
    contract_ranges(store, root);
    contract_parts(store, root);
    contract_list(store, root);
}

#endif
