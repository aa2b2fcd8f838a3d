/* Both bodies of the store of remote files do the same: a directory, S3 (a stand-in), and S3 with small files at hand. */
#include "support/s3_stand_in.h"

#include "base/file.h"
#include "fluss/s3/fluss_s3.h"

#include <stdlib.h>
#include <unistd.h>

static slu_error err;
static slu_env env;
static s3_stand_in *s3;
static char dir[64];
static char root[128]; /* of the store */
static fluss_store store;

static const char *
setting(const void *of, const char *key)
{
    (void)of;
    if (strcmp(key, "s3.endpoint") == 0)
        return s3->endpoint;
    if (strcmp(key, "s3a.access.key") == 0)
        return "key";
    if (strcmp(key, "fs.s3a.secret-key") == 0)
        return "secret";
    return strcmp(key, "s3.path.style.access") == 0 ? "true" : NULL;
}

static const fluss_store_settings settings = {setting, NULL};

static int
world_make(void **state)
{
    (void)state;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    s3 = stand_in_open();
    (void)snprintf(dir, sizeof dir, "/tmp/slu_store_XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int
world_drop(void **state)
{
    (void)state;
    fluss_store_close(&store);
    stand_in_close(s3);
    return slu_dir_remove(dir, NULL);
}

static const char *
at(const char *name)
{
    static char text[300];
    (void)snprintf(text, sizeof text, "%s/%s", root, name);
    return text;
}

static void
put(const char *name, const char *text)
{
    CHECK_OK(store.ops->put(store.self, at(name), slu_view_of_text(text), false, &err));
}

static slu_status
note(void *to, const fluss_stored *stored, slu_error *error)
{
    (void)error;
    char *names = to;
    (void)snprintf(names + strlen(names), 512 - strlen(names), "%s=%d|", fluss_store_below(root, stored->location),
                   (int)stored->bytes);
    return SLU_OK;
}

static void
lists(const char *name, const char *first, const char *second)
{
    char names[512] = "";
    char other[512];
    CHECK_OK(store.ops->list(store.self, at(name), note, names, &err));
    (void)snprintf(other, sizeof other, "%s%s", second, first); /* a directory has no order */
    if (strcmp(names, other) != 0) {
        (void)snprintf(other, sizeof other, "%s%s", first, second);
        CHECK_TEXT(names, other);
    }
}

static void
the_store_does_its_work(void)
{
    char local[100];
    char some[3];
    int64_t size = 0;
    slu_buf out;
    slu_buf_init(&out, 1000);
    CHECK_STATUS(store.ops->get(store.self, at("log/t-1/0/x"), 100, &out, &err), SLU_NOTFOUND);
    CHECK_STATUS(store.ops->size(store.self, at("log/t-1/0/x"), &size, &err), SLU_NOTFOUND);
    CHECK_OK(store.ops->put(store.self, at("log/_owner"), slu_view_of_text("me"), true, &err));
    CHECK_STATUS(store.ops->put(store.self, at("log/_owner"), slu_view_of_text("you"), true, &err), SLU_CONFLICT);
    (void)snprintf(local, sizeof local, "%s/source", dir);
    CHECK_OK(slu_file_write(local, slu_view_of_text("segment"), false, &err));
    CHECK_OK(store.ops->put_file(store.self, at("log/t-1/0/u/1.log"), local, true, NULL, &err));
    CHECK_OK(store.ops->put_file(store.self, at("log/t-1/0/u/1.index"), local, true, NULL, &err));
    CHECK_OK(store.ops->put_file(store.self, at("log/t-1/1/copy"), local, false, NULL, &err));
    CHECK_STATUS(store.ops->put_file(store.self, at("log/t-1/1/none"), "/nowhere/x", false, NULL, &err), SLU_NOTFOUND);
    CHECK_OK(store.ops->size(store.self, at("log/t-1/0/u/1.log"), &size, &err));
    assert_int_equal(size, 7);
    CHECK_OK(store.ops->read(store.self, at("log/t-1/0/u/1.log"), 3, some, 3, &err));
    assert_memory_equal(some, "men", 3);
    CHECK_STATUS(store.ops->read(store.self, at("log/t-1/0/u/1.log"), 6, some, 3, &err), SLU_CORRUPT);
    (void)snprintf(local, sizeof local, "%s/back", dir);
    CHECK_OK(store.ops->get_file(store.self, at("log/t-1/0/u/1.log"), local, &err));
    CHECK_OK(slu_file_read(local, 100, &out, &err));
    CHECK_TEXT(slu_buf_cstr(&out), "segment");
    CHECK_OK(slu_file_remove(local, &err));
    CHECK_STATUS(store.ops->get_file(store.self, at("log/t-1/0/u/2.log"), local, &err), SLU_NOTFOUND);
    assert_false(slu_path_exists(local));
    slu_buf_reset(&out);
    put("log/t-1/0/metadata/m", "manifest");
    CHECK_OK(store.ops->get(store.self, at("log/t-1/0/metadata/m"), 8, &out, &err));
    CHECK_TEXT(slu_buf_cstr(&out), "manifest");
    slu_buf_fini(&out);
    slu_buf_init(&out, 1000);
    CHECK_STATUS(store.ops->get(store.self, at("log/t-1/0/metadata/m"), 7, &out, &err), SLU_LIMIT);
    slu_buf_fini(&out);
    lists("log/t-1/0/u", "log/t-1/0/u/1.index=7|", "log/t-1/0/u/1.log=7|");
    lists("log/t-1/1", "log/t-1/1/copy=7|", "");
    lists("log/t", "", "");
    CHECK_OK(store.ops->remove(store.self, at("log/t-1/0"), &err));
    CHECK_OK(store.ops->remove(store.self, at("log/t-1/0"), &err));
    lists("log/t-1", "log/t-1/1/copy=7|", "");
    CHECK_OK(store.ops->remove(store.self, at("log/t-1/1/copy"), &err));
    lists("log", "log/_owner=2|", "");
    if (!store.local)
        CHECK_STATUS(store.ops->remove(store.self, "s3://lake", &err), SLU_INVALID);
    if (store.ops->settle != NULL)
        CHECK_OK(store.ops->settle(store.self, at("log"), &err));
}

static void
a_directory_is_a_store(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "%s/store", dir);
    CHECK_OK(fluss_store_dir_open(true, &store, &err));
    the_store_does_its_work();
    char gone[160];
    (void)snprintf(gone, sizeof gone, "%s/log/t-1", root);
    assert_false(slu_path_exists(gone)); /* with the last file in it */
}

static void
s3_is_a_store(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "s3://bucket/some/place");
    CHECK_OK(fluss_s3_open(root, &settings, &env, &store, &err));
    the_store_does_its_work();
    assert_int_equal(stand_in_count(s3, "/"), 1);
}

static void
small_files_are_at_hand(void **state)
{
    (void)state;
    fluss_store inner = {0};
    char near[100];
    char file[160];
    slu_buf out;
    slu_buf_init(&out, 100);
    (void)snprintf(root, sizeof root, "s3a://bucket");
    (void)snprintf(near, sizeof near, "%s/near", dir);
    CHECK_OK(fluss_s3_open(root, &settings, &env, &inner, &err));
    CHECK_OK(fluss_store_mirror_open(&inner, root, near, &store, &err));
    the_store_does_its_work();
    put("log/m", "manifest");
    const int gets = atomic_load(&s3->gets);
    CHECK_OK(store.ops->get(store.self, at("log/m"), 50, &out, &err));
    assert_int_equal(atomic_load(&s3->gets), gets);
    /* What is not at hand any more is fetched, once. */
    (void)snprintf(file, sizeof file, "%s/log/m", near);
    CHECK_OK(slu_file_remove(file, &err));
    for (int i = 0; i < 2; i++) {
        slu_buf_reset(&out);
        CHECK_OK(store.ops->get(store.self, at("log/m"), 50, &out, &err));
        CHECK_TEXT(slu_buf_cstr(&out), "manifest");
    }
    assert_int_equal(atomic_load(&s3->gets), gets + 1);
    /* What could not be put is not there. */
    atomic_store(&s3->mood, 403);
    CHECK_STATUS(store.ops->put(store.self, at("log/n"), slu_view_of_text("new"), false, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "AccessDenied");
    atomic_store(&s3->mood, 0);
    CHECK_STATUS(store.ops->get(store.self, at("log/n"), 50, &out, &err), SLU_NOTFOUND);
    slu_buf_fini(&out);
}

static void
other_schemes_are_refused_by_name(void **state)
{
    (void)state;
    fluss_store other = {0};
    CHECK_STATUS(fluss_s3_open("oss://bucket/x", &settings, &env, &other, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "oss://bucket/x");
    assert_true(fluss_store_is_foreign("s3://bucket/x"));
    assert_false(fluss_store_is_foreign("file:///x"));
    assert_false(fluss_store_is_foreign("/x"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(a_directory_is_a_store, world_make, world_drop),
                                       cmocka_unit_test_setup_teardown(s3_is_a_store, world_make, world_drop),
                                       cmocka_unit_test_setup_teardown(small_files_are_at_hand, world_make, world_drop),
                                       cmocka_unit_test_setup_teardown(other_schemes_are_refused_by_name, world_make, world_drop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
