/* Places as users write them, and what becomes of a store that nobody has. */
#include "store/place.h"

#include "base/file.h"
#include "support/check.h"

#include <stdio.h>

static void
a_place_is_a_path_or_has_a_scheme(void **state)
{
    slu_error err = {0};
    const char *got = NULL;
    static const char *const same[] = {"/a/b", "a/b", "s3://bucket", "s3://bucket/a b", "x+y-z.1://n/p"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        CHECK_OK(slu_place_of(same[i], &got, &err));
        CHECK_TEXT(got, same[i]);
        assert_int_equal(slu_place_is_local(got), i < 2);
    }
    CHECK_OK(slu_place_of("file:///a", &got, &err));
    CHECK_TEXT(got, "/a");
    static const char *const wrong[] = {"s3://", "s3:///key", "abcdefghijklmnopqrstuvwxyzabcdefgh://n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_STATUS(slu_place_of(wrong[i], &got, &err), SLU_INVALID);
}

static void
a_name_joins_a_directory_or_is_too_long(void **state)
{
    slu_error err = {0};
    char path[SLU_PATH_BYTES_MAX];
    char name[SLU_PATH_BYTES_MAX];
    memset(name, 'n', sizeof name);
    name[SLU_PATH_BYTES_MAX - sizeof "s3://b/" - 1] = 0;
    CHECK_STATUS(slu_place_join(path, "s3://b/d", name, &err), SLU_LIMIT);
    CHECK_MESSAGE(err, "s3://b/d");
    CHECK_OK(slu_place_join(path, "s3://b", name, &err));
    assert_int_equal(strlen(path), SLU_PATH_BYTES_MAX - 2);
    CHECK_OK(slu_place_join(path, "s3://b/d", "chk-1", &err));
    CHECK_TEXT(path, "s3://b/d/chk-1");
}

static void
without_stores_a_scheme_is_refused(void **state)
{
    slu_error err = {0};
    slu_buf out;
    bool there = false;
    slu_buf_init(&out, 10);
    CHECK_STATUS(slu_place_check(NULL, "s3://b/x", &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "s3://b/x");
    CHECK_STATUS(slu_place_read(NULL, "s3://b/x", 10, &out, &err), SLU_UNSUPPORTED);
    CHECK_STATUS(slu_place_write(NULL, "s3://b/x", slu_view_of_text("a"), &err), SLU_UNSUPPORTED);
    CHECK_STATUS(slu_place_exists(NULL, "s3://b/x", &there, &err), SLU_UNSUPPORTED);
    CHECK_STATUS(slu_place_remove(NULL, "s3://b/x", &err), SLU_UNSUPPORTED);
    CHECK_STATUS(slu_place_remove_dir(NULL, "s3://b/x", &err), SLU_UNSUPPORTED);
    slu_buf_fini(&out);
}

static void
a_piece_of_a_file_is_whole_or_corrupt(void **state)
{
    slu_error err = {0};
    slu_buf out;
    char dir[] = "/tmp/sluice-place-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/a", dir);
    CHECK_OK(slu_place_write(NULL, path, slu_view_of_text("abcdef"), &err));
    slu_buf_init(&out, 100);
    CHECK_OK(slu_place_read_at(NULL, path, 2, 3, &out, &err));
    assert_memory_equal(out.data, "cde", 3);
    CHECK_STATUS(slu_place_read_at(NULL, path, 4, 3, &out, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, path);
    CHECK_STATUS(slu_place_create(NULL, path, slu_view_of_text("z"), true, &err), SLU_CONFLICT);
    slu_buf_fini(&out);
    CHECK_OK(slu_place_remove_dir(NULL, dir, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_a_path_or_has_a_scheme), cmocka_unit_test(a_name_joins_a_directory_or_is_too_long),
        cmocka_unit_test(without_stores_a_scheme_is_refused), cmocka_unit_test(a_piece_of_a_file_is_whole_or_corrupt)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
