/* sdk/collection.h over each backend: lists and maps beside the obvious ones, same random steps. */
#include "support/check.h"

#include "base/hash.h"
#include "state/keyed.h"
#include "state/rocks/rocks.h"

#include <sluice/sdk/collection.h>
#include <unistd.h>

#define KEYS 40
#define NAMES 12
#define ROWS 64

static slu_error err;
static bool on_rocks;
static slu_state_backend *backend;

/* ---- A host that has states and nothing else */

static slu_status
get_bytes(slu_host *host, slu_state *state, const slu_keys *keys, slu_attr *views, slu_error *error)
{
    return slu_state_get_bytes(state, keys, *(int64_t *)host->context, views, error);
}

static slu_status
put_bytes(slu_host *host, slu_state *state, const slu_keys *keys, const slu_attr *values, slu_error *error)
{
    return slu_state_put_bytes(state, keys, *(int64_t *)host->context, values, error);
}

typedef struct fixture {
    int64_t now_ms;
    slu_host host;
    slu_state *state;
    sdk_collection collection;
    /* A batch. */
    int64_t key[ROWS];
    uint32_t hashes[ROWS];
    slu_keys keys;
} fixture;

static void
fixture_open(fixture *f, uint32_t kind, int64_t ttl_ms)
{
    static char dir[64];
    const slu_state_spec spec = {.size = sizeof spec, .kind = SLU_STATE_BYTES, .name = "c", .key_bytes = 8, .ttl_ms = ttl_ms};
    *f = (fixture){.now_ms = 1000};
    (void)snprintf(dir, sizeof dir, "/tmp/sluice-collection-%d", (int)getpid());
    if (on_rocks)
        CHECK_OK(slu_rocks_new(&(slu_rocks_spec){.dir = dir}, &backend, &err));
    CHECK_OK(
        slu_state_open(backend, &(slu_state_opening){.spec = &spec, .operator_id = "op", .max_parallelism = 16}, &f->state, &err));
    f->host = (slu_host){.size = sizeof f->host, .context = &f->now_ms, .state_get_bytes = get_bytes, .state_put_bytes = put_bytes};
    f->keys = (slu_keys){.size = sizeof f->keys, .key_bytes = 8, .data = (const uint8_t *)f->key, .hashes = f->hashes};
    sdk_collection_init(&f->collection, &f->host, f->state, kind);
}

static void
fixture_close(fixture *f)
{
    sdk_collection_fini(&f->collection);
    sdk_collection_fini(&f->collection);
    slu_state_free(&f->state);
    slu_rocks_free(&backend);
}

static void
batch_fill(fixture *f, int64_t rows)
{
    f->keys.count = rows;
    for (int64_t i = 0; i < rows; i++) {
        f->key[i] = rand() % KEYS;
        f->hashes[i] = (uint32_t)slu_hash64(&f->key[i], 8);
    }
}

static slu_attr
get_one(fixture *f, int64_t key)
{
    slu_attr of_key;
    f->key[0] = key;
    f->hashes[0] = (uint32_t)slu_hash64(&key, 8);
    f->keys.count = 1;
    CHECK_OK(sdk_collection_get(&f->collection, &f->keys, &of_key, &err));
    return of_key;
}

static void
lists_keep_every_item_in_order(void **state)
{
    (void)state;
    static int64_t model[KEYS][4000];
    int counts[KEYS] = {0};
    fixture f;
    fixture_open(&f, SDK_LIST, 0);
    srand(1);
    for (int step = 0; step < 100; step++) {
        int64_t item[ROWS];
        slu_attr items[ROWS];
        batch_fill(&f, 1 + rand() % ROWS);
        for (int64_t i = 0; i < f.keys.count; i++) {
            item[i] = rand();
            items[i] = (slu_attr){.data = &item[i], .data_bytes = 8};
            model[f.key[i]][counts[f.key[i]]++] = item[i];
        }
        CHECK_OK(sdk_collection_add(&f.collection, &f.keys, items, &err));
    }
    for (int64_t key = 0; key < KEYS; key++) {
        const slu_attr of_key = get_one(&f, key);
        slu_attr name, value;
        size_t at = 0;
        int n = 0;
        for (; sdk_collection_next(&f.collection, &of_key, &at, &name, &value); n++) {
            assert_int_equal(value.data_bytes, 8);
            assert_memory_equal(value.data, &model[key][n], 8);
        }
        assert_int_equal(n, counts[key]);
    }
    fixture_close(&f);
}

static void
maps_put_replace_and_remove(void **state)
{
    (void)state;
    static int64_t model[KEYS][NAMES];
    fixture f;
    fixture_open(&f, SDK_MAP, 0);
    srand(2);
    memset(model, 0xff, sizeof model);
    for (int step = 0; step < 300; step++) {
        int64_t value[ROWS];
        int32_t name[ROWS];
        slu_attr names[ROWS], values[ROWS];
        batch_fill(&f, 1 + rand() % ROWS);
        for (int64_t i = 0; i < f.keys.count; i++) {
            const bool remove = rand() % 3 == 0;
            name[i] = rand() % NAMES;
            value[i] = rand();
            names[i] = (slu_attr){.data = &name[i], .data_bytes = name[i] == 0 ? 0 : 4};
            values[i] = (slu_attr){.data = remove ? NULL : &value[i], .data_bytes = remove ? 0 : 8};
            model[f.key[i]][name[i]] = remove ? -1 : value[i];
        }
        CHECK_OK(sdk_collection_put(&f.collection, &f.keys, names, values, &err));
    }
    for (int64_t key = 0; key < KEYS; key++)
        for (int32_t name = 0; name < NAMES; name++) {
            const slu_attr of_key = get_one(&f, key);
            const slu_attr found = sdk_collection_find(&f.collection, &of_key, &name, name == 0 ? 0 : 4);
            assert_int_equal(found.data != NULL, model[key][name] >= 0);
            if (found.data != NULL)
                assert_memory_equal(found.data, &model[key][name], 8);
        }
    fixture_close(&f);
}

static void
an_empty_map_is_gone_and_an_old_one_expires(void **state)
{
    (void)state;
    fixture f;
    const slu_attr name = {.data = "n", .data_bytes = 1}, value = {.data = "v", .data_bytes = 1}, none = {0};
    fixture_open(&f, SDK_MAP, 500);
    assert_null(get_one(&f, 7).data);
    CHECK_OK(sdk_collection_put(&f.collection, &f.keys, &name, &value, &err));
    assert_non_null(get_one(&f, 7).data);
    CHECK_OK(sdk_collection_put(&f.collection, &f.keys, &name, &none, &err));
    assert_null(get_one(&f, 7).data);
    CHECK_OK(sdk_collection_put(&f.collection, &f.keys, &name, &value, &err));
    f.now_ms += 499;
    assert_non_null(get_one(&f, 7).data);
    f.now_ms += 1;
    assert_null(get_one(&f, 7).data);
    fixture_close(&f);
}

static void
bytes_that_are_none_are_refused(void **state)
{
    (void)state;
    fixture f;
    const slu_attr junk = {.data = "\xff\xff\xff\x7fx", .data_bytes = 5}, item = {.data = "v", .data_bytes = 1};
    size_t at = 0;
    slu_attr name, value;
    fixture_open(&f, SDK_LIST, 0);
    (void)get_one(&f, 3);
    CHECK_OK(slu_state_put_bytes(f.state, &f.keys, 0, &junk, &err));
    CHECK_STATUS(sdk_collection_add(&f.collection, &f.keys, &item, &err), SLU_CORRUPT);
    assert_false(sdk_collection_next(&f.collection, &junk, &at, &name, &value));
    assert_true(at == SIZE_MAX);
    fixture_close(&f);
}

int
main(int argc, char **argv)
{
    on_rocks = argc > 1 && strcmp(argv[1], "rocksdb") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_keep_every_item_in_order), cmocka_unit_test(maps_put_replace_and_remove),
        cmocka_unit_test(an_empty_map_is_gone_and_an_old_one_expires), cmocka_unit_test(bytes_that_are_none_are_refused)};
    return cmocka_run_group_tests_name("state.collection", tests, NULL, NULL);
}
