/* savepoint.h, and the index of a snapshot file by itself: what a user keeps is whole, and a torn or missing file is named. */
#include "support/check.h"

#include "base/file.h"
#include "checkpoint/manifest.h"
#include "checkpoint/savepoint.h"
#include "checkpoint/snapshot.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static slu_error err;

typedef struct fixture {
    char dir[64];
    char checkpoint[128];
    char savepoint[128];
    char file[192]; /* of the checkpoint */
} fixture;

/* A whole checkpoint of one file. */
static fixture
begin(void)
{
    fixture f = {.dir = "/tmp/sluice-savepoint-XXXXXX"};
    slu_snapshot_writer *writer = NULL;
    slu_view bytes;
    assert_non_null(mkdtemp(f.dir));
    (void)snprintf(f.checkpoint, sizeof f.checkpoint, "%s/job/chk-7", f.dir);
    (void)snprintf(f.savepoint, sizeof f.savepoint, "%s/mine/one", f.dir);
    (void)snprintf(f.file, sizeof f.file, "%s/task-0-1.state", f.checkpoint);
    CHECK_OK(slu_dir_make(f.checkpoint, &err));
    CHECK_OK(slu_snapshot_writer_new(&writer, &err));
    CHECK_OK(slu_snapshot_writer_section(
        writer, &(slu_section){.operator_id = "count", .name = "seen", .kind = SLU_SECTION_KEYED, .state_version = 2}, &err));
    CHECK_OK(slu_snapshot_writer_entry(writer, 30, 5, "group bytes", 11, &err));
    CHECK_OK(slu_snapshot_writer_finish(writer, &bytes, &err));
    CHECK_OK(slu_file_write(f.file, bytes, false, &err));
    slu_manifest_file file = {.parallelism = 1, .vertex = "count", .path = "task-0-1.state", .bytes = (int64_t)bytes.bytes};
    const slu_manifest manifest = {.version = 1,
                                   .job_id = "00112233445566778899aabbccddeeff",
                                   .job_name = "fraud",
                                   .checkpoint = 7,
                                   .max_parallelism = 128,
                                   .file_count = 1,
                                   .files = &file};
    CHECK_OK(slu_manifest_create(NULL, &manifest, f.checkpoint, false, &err));
    slu_snapshot_writer_free(&writer);
    return f;
}

static void
a_savepoint_outlives_its_checkpoint(void **state)
{
    fixture f = begin();
    slu_manifest *got = NULL;
    struct stat info;
    char path[256];
    char root[80];
    CHECK_OK(slu_savepoint_make(NULL, f.checkpoint, f.savepoint, NULL, &err));
    CHECK_STATUS(slu_savepoint_make(NULL, f.checkpoint, f.savepoint, NULL, &err), SLU_CONFLICT);
    (void)snprintf(root, sizeof root, "%s", f.dir);
    CHECK_OK(slu_checkpoint_remove(NULL, root, "job", 7, &err));
    CHECK_OK(slu_manifest_load(NULL, f.savepoint, &got, &err));
    assert_int_equal(got->savepoint, 1);
    assert_int_equal(got->checkpoint, 7);
    (void)snprintf(path, sizeof path, "%s/%s", f.savepoint, got->files[0].path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, got->files[0].bytes);
    slu_manifest_free(&got);
    CHECK_OK(slu_dir_remove(f.dir, &err));
}

static void
only_a_savepoint_is_disposed_of_and_only_its_own_files(void **state)
{
    fixture f = begin();
    char stranger[192];
    CHECK_STATUS(slu_savepoint_dispose(NULL, f.checkpoint, &err), SLU_INVALID);
    assert_true(slu_path_exists(f.file));
    CHECK_OK(slu_savepoint_make(NULL, f.checkpoint, f.savepoint, NULL, &err));
    (void)snprintf(stranger, sizeof stranger, "%s/notes", f.savepoint);
    CHECK_OK(slu_file_write(stranger, slu_view_of("mine", 4), false, &err));
    CHECK_OK(slu_savepoint_dispose(NULL, f.savepoint, &err));
    assert_true(slu_path_exists(stranger));
    CHECK_STATUS(slu_savepoint_dispose(NULL, f.savepoint, &err), SLU_NOTFOUND);
    assert_true(slu_path_exists(f.file));
    CHECK_OK(slu_dir_remove(f.dir, &err));
}

/* Nothing half-made stays, and the error names the file. */
static void
a_file_that_is_gone_is_named_and_nothing_is_left(void **state)
{
    fixture f = begin();
    CHECK_OK(slu_file_remove(f.file, &err));
    CHECK_STATUS(slu_savepoint_make(NULL, f.checkpoint, f.savepoint, NULL, &err), SLU_NOTFOUND);
    assert_non_null(strstr(err.message, "task-0-1.state"));
    assert_false(slu_path_exists(f.savepoint));
    CHECK_OK(slu_dir_remove(f.dir, &err));
}

static void
an_index_is_read_without_the_state(void **state)
{
    fixture f = begin();
    slu_snapshot_reader *reader = NULL;
    uint32_t group;
    uint64_t bytes;
    int64_t tag;
    slu_view entry;
    struct stat info;
    assert_int_equal(stat(f.file, &info), 0);
    CHECK_OK(slu_snapshot_reader_index(NULL, f.file, info.st_size, &reader, &err));
    assert_int_equal(slu_snapshot_section_count(reader), 1);
    CHECK_TEXT(slu_snapshot_section(reader, 0)->operator_id, "count");
    slu_snapshot_entry_size(reader, 0, 0, &group, &bytes);
    assert_int_equal(group, 30);
    assert_int_equal(bytes, 11);
    CHECK_STATUS(slu_snapshot_entry(reader, 0, 0, &group, &tag, &entry, &err), SLU_UNSUPPORTED);
    slu_snapshot_reader_free(&reader);
    for (off_t size = info.st_size - 1; size >= 0; size--) {
        assert_int_equal(truncate(f.file, size), 0);
        CHECK_STATUS(slu_snapshot_reader_index(NULL, f.file, info.st_size, &reader, &err), SLU_CORRUPT);
        assert_non_null(strstr(err.message, f.file));
        CHECK_STATUS(slu_snapshot_reader_index(NULL, f.file, size, &reader, &err), SLU_CORRUPT);
    }
    CHECK_OK(slu_dir_remove(f.dir, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_savepoint_outlives_its_checkpoint),
        cmocka_unit_test(only_a_savepoint_is_disposed_of_and_only_its_own_files),
        cmocka_unit_test(a_file_that_is_gone_is_named_and_nothing_is_left),
        cmocka_unit_test(an_index_is_read_without_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
