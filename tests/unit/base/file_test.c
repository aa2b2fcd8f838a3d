/* Files: whole ones, bounded by the caller and by the buffer they go into. */
#include "support/check.h"

#include "base/file.h"

static char path[64];

static slu_status
read_into(size_t buf_max, size_t file_max, size_t *out_bytes, slu_error *err)
{
    slu_buf buf;
    slu_buf_init(&buf, buf_max);
    const slu_status status = slu_file_read(path, file_max, &buf, err);
    *out_bytes = buf.bytes;
    slu_buf_fini(&buf);
    return status;
}

static void
a_file_that_just_fits_is_read(void **state)
{
    (void)state;
    slu_error err;
    size_t bytes;
    CHECK_OK(slu_file_write(path, slu_view_of_text("0123456789"), false, &err));
    CHECK_OK(read_into(10, 10, &bytes, &err));
    assert_int_equal(bytes, 10);
    CHECK_OK(read_into(100, 10, &bytes, &err));
    CHECK_STATUS(read_into(9, 10, &bytes, &err), SLU_LIMIT);
    CHECK_STATUS(read_into(10, 9, &bytes, &err), SLU_LIMIT);
    CHECK_STATUS(read_into(0, 10, &bytes, &err), SLU_LIMIT);
    CHECK_OK(slu_file_write(path, slu_view_of(NULL, 0), false, &err));
    CHECK_OK(read_into(0, 0, &bytes, &err));
}

static void
a_file_of_unknown_size_is_read(void **state)
{
    (void)state;
    slu_error err;
    slu_buf buf;
    slu_buf_init(&buf, 1 << 16);
    CHECK_OK(slu_file_read("/proc/self/stat", 1 << 16, &buf, &err));
    assert_true(buf.bytes > 20);
    slu_buf_fini(&buf);
}

static void
a_file_is_mapped_and_given_back(void **state)
{
    (void)state;
    slu_error err;
    slu_view mapped;
    CHECK_OK(slu_file_write(path, slu_view_of_text("0123456789"), true, &err));
    CHECK_OK(slu_file_map(path, 10, &mapped, &err));
    assert_true(slu_view_is(mapped, "0123456789"));
    slu_file_unmap(&mapped);
    assert_int_equal(mapped.bytes, 0);
    slu_file_unmap(&mapped);
    CHECK_STATUS(slu_file_map(path, 9, &mapped, &err), SLU_LIMIT);
    CHECK_STATUS(slu_file_map("/nothing/at/all", 9, &mapped, &err), SLU_NOTFOUND);
    CHECK_OK(slu_file_write(path, slu_view_of(NULL, 0), false, &err));
    CHECK_OK(slu_file_map(path, 9, &mapped, &err));
    assert_int_equal(mapped.bytes, 0);
}

/* More than one piece (8 MiB), and not a whole number of them. */
static void
a_large_file_is_written_whole(void **state)
{
    (void)state;
    const size_t bytes = ((size_t)17 << 20) + 5;
    slu_error err;
    slu_view mapped;
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(i * 31 + (i >> 16));
    CHECK_OK(slu_file_write(path, slu_view_of(data, bytes), true, &err));
    CHECK_OK(slu_file_map(path, bytes, &mapped, &err));
    assert_int_equal(mapped.bytes, bytes);
    assert_memory_equal(mapped.data, data, bytes);
    slu_file_unmap(&mapped);
    free(data);
}

static void
what_is_there_is_not_created_again(void **state)
{
    (void)state;
    slu_error err;
    CHECK_STATUS(slu_file_create(path, slu_view_of_text("x"), false, &err), SLU_CONFLICT);
    CHECK_OK(slu_file_remove(path, &err));
    CHECK_OK(slu_file_remove(path, &err));
    CHECK_OK(slu_file_create(path, slu_view_of_text("x"), true, &err));
    CHECK_STATUS(slu_file_read("/nothing/at/all", 1, &(slu_buf){0}, &err), SLU_NOTFOUND);
}

static int
setup(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/sluice-file-test-%ld", (long)getpid());
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static void
a_file_is_copied_whole_and_over_nothing(void **state)
{
    (void)state;
    enum { BYTES = 3000001 }; /* more than a chunk, and no multiple of one */
    slu_error err;
    char copy[80];
    int64_t bytes = 0;
    atomic_bool stop = true;
    SLU_AUTO(slu_buf_fini) slu_buf from = {0};
    SLU_AUTO(slu_buf_fini) slu_buf to = {0};
    slu_buf_init(&from, BYTES);
    slu_buf_init(&to, BYTES);
    for (int i = 0; i < BYTES; i++)
        slu_buf_u8(&from, (uint8_t)(i * 7 + (i >> 12)));
    (void)snprintf(copy, sizeof copy, "%s.copy", path);
    CHECK_OK(slu_file_write(path, slu_buf_view(&from), false, &err));
    CHECK_OK(slu_file_copy(path, copy, NULL, true, &bytes, &err));
    assert_int_equal(bytes, BYTES);
    CHECK_OK(slu_file_read(copy, BYTES, &to, &err));
    assert_int_equal(to.bytes, BYTES);
    assert_memory_equal(to.data, from.data, BYTES);
    CHECK_STATUS(slu_file_copy(path, copy, NULL, false, &bytes, &err), SLU_IO);
    CHECK_OK(slu_file_remove(copy, &err));
    CHECK_STATUS(slu_file_copy(path, copy, &stop, false, &bytes, &err), SLU_CLOSED);
    CHECK_OK(slu_file_remove(copy, &err));
    CHECK_STATUS(slu_file_copy(copy, path, NULL, false, &bytes, &err), SLU_NOTFOUND);
}

static void
only_places_of_this_machine_are_local(void **state)
{
    static const char *const local[][2] = {{"/a/b", "/a/b"}, {"a", "a"}, {"", ""}, {"file:/a", "/a"}, {"file:///a", "/a"}};
    static const char *const far[] = {"s3://bucket/a", "hdfs://x/y", "file://host/a", "file:a", "file:"};
    const char *got = NULL;
    slu_error err;
    (void)state;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        CHECK_OK(slu_path_local(local[i][0], &got, &err));
        CHECK_TEXT(got, local[i][1]);
    }
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        CHECK_STATUS(slu_path_local(far[i], &got, &err), SLU_UNSUPPORTED);
        assert_non_null(strstr(err.message, far[i]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_just_fits_is_read),           cmocka_unit_test(a_file_of_unknown_size_is_read),
        cmocka_unit_test(a_file_is_mapped_and_given_back),         cmocka_unit_test(a_large_file_is_written_whole),
        cmocka_unit_test(a_file_is_copied_whole_and_over_nothing), cmocka_unit_test(what_is_there_is_not_created_again),
        cmocka_unit_test(only_places_of_this_machine_are_local),
    };
    return cmocka_run_group_tests_name("base.file", tests, setup, teardown);
}
