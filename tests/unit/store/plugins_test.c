/* The store plugin `s3` as it is built, against a small S3 of our own: places, checkpoints, savepoints. */
#include "store/plugins.h"

#include "checkpoint/manifest.h"
#include "checkpoint/savepoint.h"
#include "checkpoint/snapshot.h"
#include "support/s3_stand_in.h"

#include <stdio.h>
#include <stdlib.h>

static slu_env env;
static s3_stand_in *s3;
static slu_store_plugins *plugins;
static const slu_stores *stores;

static int
begin(void **state)
{
    slu_error err = {0};
    slu_env_init_system(&env, SLU_LOG_ERROR);
    s3 = stand_in_open();
    (void)setenv("SLUICE_S3_ENDPOINT", s3->endpoint, 1);
    (void)setenv("AWS_ACCESS_KEY_ID", "key", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    CHECK_OK(slu_store_plugins_new(&env, &plugins, &err));
    stores = slu_store_plugins_get(plugins);
    return 0;
}

static int
end(void **state)
{
    slu_store_plugins_free(&plugins);
    stand_in_close(s3);
    return 0;
}

static slu_status
name_add(void *to, const char *name, slu_error *err)
{
    (void)snprintf((char *)to + strlen(to), 100 - strlen(to), "%s ", name);
    return SLU_OK;
}

static void
names_are_written_read_listed_and_removed(void **state)
{
    slu_error err = {0};
    slu_buf out;
    bool there = false;
    char names[100] = "";
    slu_buf_init(&out, 100);
    CHECK_OK(slu_place_write(stores, "s3://bucket/d/chk-1/a", slu_view_of_text("abcdef"), &err));
    CHECK_OK(slu_place_write(stores, "s3://bucket/d/chk-1/b", slu_view_of_text(""), &err));
    CHECK_OK(slu_place_create(stores, "s3://bucket/d/chk-2/a", slu_view_of_text("2"), true, &err));
    CHECK_STATUS(slu_place_create(stores, "s3://bucket/d/chk-2/a", slu_view_of_text("3"), true, &err), SLU_CONFLICT);
    CHECK_OK(slu_place_write(stores, "s3://bucket/d2/chk-3/a", slu_view_of_text("elsewhere"), &err));
    CHECK_OK(slu_place_read(stores, "s3://bucket/d/chk-1/a", 6, &out, &err));
    assert_memory_equal(out.data, "abcdef", 6);
    CHECK_STATUS(slu_place_read(stores, "s3://bucket/d/chk-1/a", 5, &out, &err), SLU_LIMIT);
    slu_buf_reset(&out);
    CHECK_OK(slu_place_read_at(stores, "s3://bucket/d/chk-1/a", 2, 3, &out, &err));
    assert_memory_equal(out.data, "cde", 3);
    CHECK_STATUS(slu_place_read_at(stores, "s3://bucket/d/chk-1/a", 4, 3, &out, &err), SLU_CORRUPT);
    CHECK_STATUS(slu_place_read(stores, "s3://bucket/d/none", 5, &out, &err), SLU_NOTFOUND);
    CHECK_OK(slu_place_exists(stores, "s3://bucket/d/chk-1/b", &there, &err));
    assert_true(there);
    CHECK_OK(slu_place_exists(stores, "s3://bucket/d/chk-1", &there, &err));
    assert_false(there);
    CHECK_OK(slu_place_is_used(stores, "s3://bucket/d/chk-1", &there, &err));
    assert_true(there);
    CHECK_OK(slu_place_children(stores, "s3://bucket/d", name_add, names, &err));
    CHECK_TEXT(names, "chk-1 chk-2 ");
    CHECK_OK(slu_place_remove_dir(stores, "s3://bucket/d", &err));
    assert_int_equal(stand_in_count(s3, "/d/"), 0);
    assert_int_equal(stand_in_count(s3, "/d2/"), 1);
    slu_buf_fini(&out);
}

static void
a_server_that_says_no_is_an_error_with_its_place(void **state)
{
    slu_error err = {0};
    atomic_store(&s3->mood, 503);
    CHECK_STATUS(slu_place_write(stores, "s3://bucket/e/x", slu_view_of_text("a"), &err), SLU_IO);
    CHECK_MESSAGE(err, "s3://bucket/e/x");
    atomic_store(&s3->mood, 403);
    CHECK_STATUS(slu_place_remove(stores, "s3://bucket/e/x", &err), SLU_INVALID);
    assert_null(strstr(err.message, "secret"));
    atomic_store(&s3->mood, 0);
    CHECK_STATUS(slu_place_check(stores, "gs://bucket/x", &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "gs");
}

static int64_t
snapshot_put(const char *place)
{
    slu_error err = {0};
    slu_snapshot_writer *writer = NULL;
    slu_view bytes;
    CHECK_OK(slu_snapshot_writer_new(&writer, &err));
    CHECK_OK(slu_snapshot_writer_section(
        writer, &(slu_section){.operator_id = "count", .name = "n", .kind = SLU_SECTION_KEYED, .a = 8, .b = 8}, &err));
    CHECK_OK(slu_snapshot_writer_entry(writer, 30, 5, "group bytes", 11, &err));
    CHECK_OK(slu_snapshot_writer_finish(writer, &bytes, &err));
    CHECK_OK(slu_place_write(stores, place, bytes, &err));
    const int64_t size = (int64_t)bytes.bytes;
    slu_snapshot_writer_free(&writer);
    return size;
}

static void
checkpoint_put(int64_t number)
{
    slu_error err = {0};
    char place[128];
    (void)snprintf(place, sizeof place, "s3://bucket/c/job/chk-%d/task-0-1.state", (int)number);
    slu_manifest_file file = {.parallelism = 1, .vertex = "count", .path = "task-0-1.state", .bytes = snapshot_put(place)};
    const slu_manifest manifest = {.version = SLU_MANIFEST_VERSION,
                                   .job_id = "job",
                                   .job_name = "name",
                                   .checkpoint = number,
                                   .max_parallelism = 128,
                                   .file_count = 1,
                                   .files = &file};
    *strrchr(place, '/') = 0;
    CHECK_OK(slu_manifest_create(stores, &manifest, place, true, &err));
    CHECK_STATUS(slu_manifest_create(stores, &manifest, place, true, &err), SLU_CONFLICT);
}

static void
a_checkpoint_lives_in_s3(void **state)
{
    slu_error err = {0};
    slu_manifest *got = NULL;
    slu_snapshot_reader *reader = NULL;
    CHECK_STATUS(slu_manifest_load_latest(stores, "s3://bucket/c", "job", &got, &err), SLU_NOTFOUND);
    checkpoint_put(9);
    checkpoint_put(10);
    (void)snapshot_put("s3://bucket/c/job/chk-11/task-0-1.state");
    (void)snapshot_put("s3://bucket/c/job/chk-8/task-0-1.state");
    CHECK_OK(slu_manifest_load_latest(stores, "s3://bucket/c", "job", &got, &err));
    assert_int_equal(got->checkpoint, 10);
    CHECK_TEXT(got->directory, "s3://bucket/c/job/chk-10");
    CHECK_OK(slu_snapshot_reader_index(got->stores, "s3://bucket/c/job/chk-10/task-0-1.state", got->files[0].bytes, &reader, &err));
    assert_int_equal(slu_snapshot_section_count(reader), 1);
    slu_snapshot_reader_free(&reader);
    slu_manifest_free(&got);
    CHECK_OK(slu_checkpoint_sweep(stores, "s3://bucket/c", "job", 11, &err));
    assert_int_equal(stand_in_count(s3, "chk-8/"), 0);
    assert_int_equal(stand_in_count(s3, "chk-11/"), 1);
    CHECK_OK(slu_savepoint_make(stores, "s3://bucket/c/job/chk-10", "s3://bucket/s/one", NULL, &err));
    CHECK_STATUS(slu_savepoint_make(stores, "s3://bucket/c/job/chk-9", "s3://bucket/s/one", NULL, &err), SLU_CONFLICT);
    CHECK_OK(slu_checkpoint_remove(stores, "s3://bucket/c", "job", 10, &err));
    assert_int_equal(stand_in_count(s3, "chk-10/"), 0);
    CHECK_STATUS(slu_savepoint_dispose(stores, "s3://bucket/c/job/chk-9", &err), SLU_INVALID);
    CHECK_OK(slu_manifest_load(stores, "s3://bucket/s/one", &got, &err));
    assert_int_equal(got->savepoint, 1);
    slu_manifest_free(&got);
    CHECK_OK(slu_savepoint_dispose(stores, "s3://bucket/s/one", &err));
    assert_int_equal(stand_in_count(s3, "/s/"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_are_written_read_listed_and_removed),
                                       cmocka_unit_test(a_server_that_says_no_is_an_error_with_its_place),
                                       cmocka_unit_test(a_checkpoint_lives_in_s3)};
    return cmocka_run_group_tests(tests, begin, end);
}
