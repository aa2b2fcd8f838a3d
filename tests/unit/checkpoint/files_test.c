/* snapshot.h and manifest.h: what is written is read, damage is noticed, the second to finish a checkpoint loses. */
#include "support/check.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/sizes.h"
#include "checkpoint/manifest.h"
#include "checkpoint/snapshot.h"

#include <stdlib.h>

static slu_error err;

static slu_view
write_snapshot(slu_snapshot_writer *writer)
{
    slu_view bytes;
    CHECK_OK(slu_snapshot_writer_section(
        writer,
        &(slu_section){
            .operator_id = "count", .name = "seen", .kind = SLU_SECTION_KEYED, .state_version = 2, .a = 9, .b = 16, .c = -5},
        &err));
    for (uint32_t g = 0; g < 4; g++)
        CHECK_OK(slu_snapshot_writer_entry(writer, g * 30, g, "group bytes", g * 3, &err));
    CHECK_OK(slu_snapshot_writer_section(writer, &(slu_section){.operator_id = "empty", .kind = SLU_SECTION_TIMERS}, &err));
    CHECK_OK(
        slu_snapshot_writer_section(writer, &(slu_section){.operator_id = "source", .name = "", .kind = SLU_SECTION_SPLITS}, &err));
    memcpy(slu_snapshot_writer_extend(writer, 4), "spli", 4);
    memcpy(slu_snapshot_writer_extend(writer, 2), "ts", 2);
    CHECK_OK(slu_snapshot_writer_close_entry(writer, UINT32_MAX, 4, &err));
    CHECK_OK(slu_snapshot_writer_finish(writer, &bytes, &err));
    return bytes;
}

static slu_status
read_bytes(const uint8_t *data, size_t bytes, slu_snapshot_reader **out)
{
    slu_buf file;
    slu_buf_init(&file, SLU_SNAPSHOT_BYTES_MAX);
    slu_buf_append(&file, data, bytes);
    const slu_status status = slu_snapshot_reader_new(&file, out, &err);
    slu_buf_fini(&file);
    return status;
}

static void
a_snapshot_is_read_as_it_was_written(void **state)
{
    (void)state;
    slu_snapshot_writer *writer = NULL;
    slu_snapshot_reader *reader = NULL;
    CHECK_OK(slu_snapshot_writer_new(&writer, &err));
    const slu_view bytes = write_snapshot(writer);
    CHECK_OK(read_bytes(bytes.data, bytes.bytes, &reader));
    assert_int_equal(slu_snapshot_section_count(reader), 3);
    const slu_section *section = slu_snapshot_section(reader, 0);
    CHECK_TEXT(section->operator_id, "count");
    CHECK_TEXT(section->name, "seen");
    assert_int_equal(section->state_version, 2);
    assert_int_equal(section->b, 16);
    assert_int_equal(section->c, -5);
    assert_int_equal(section->entry_count, 4);
    uint32_t group;
    int64_t tag;
    slu_view entry;
    CHECK_OK(slu_snapshot_entry(reader, 0, 3, &group, &tag, &entry, &err));
    assert_int_equal(group, 90);
    assert_int_equal(tag, 3);
    assert_true(slu_view_is(entry, "group byt"));
    CHECK_TEXT(slu_snapshot_section(reader, 1)->name, "");
    assert_int_equal(slu_snapshot_section(reader, 1)->entry_count, 0);
    CHECK_OK(slu_snapshot_entry(reader, 2, 0, &group, &tag, &entry, &err));
    assert_true(slu_view_is(entry, "splits"));
    slu_snapshot_reader_free(&reader);
    slu_snapshot_writer_free(&writer);
}

static void
a_mapped_file_is_read_where_it_lies(void **state)
{
    (void)state;
    char path[] = "/tmp/sluice-snapshot-XXXXXX";
    slu_snapshot_writer *writer = NULL;
    slu_snapshot_reader *reader = NULL;
    slu_view mapped, entry;
    uint32_t group;
    int64_t tag;
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    CHECK_OK(slu_snapshot_writer_new(&writer, &err));
    CHECK_OK(slu_file_write(path, write_snapshot(writer), false, &err));
    CHECK_OK(slu_file_map(path, SLU_SNAPSHOT_BYTES_MAX, &mapped, &err));
    CHECK_OK(slu_snapshot_reader_mapped(&mapped, &reader, &err));
    assert_int_equal(mapped.bytes, 0);
    CHECK_OK(slu_file_remove(path, &err)); /* whoever reads it does not mind */
    CHECK_OK(slu_snapshot_entry(reader, 2, 0, &group, &tag, &entry, &err));
    assert_true(slu_view_is(entry, "splits"));
    slu_snapshot_reader_free(&reader);
    slu_snapshot_writer_free(&writer);
    CHECK_OK(slu_file_write(path, slu_view_of_text("no snapshot at all, whatever its length"), false, &err));
    CHECK_OK(slu_file_map(path, SLU_SNAPSHOT_BYTES_MAX, &mapped, &err));
    CHECK_STATUS(slu_snapshot_reader_mapped(&mapped, &reader, &err), SLU_CORRUPT);
    slu_file_unmap(&mapped);
    CHECK_OK(slu_file_remove(path, &err));
}

static void
every_damaged_byte_of_a_snapshot_is_noticed(void **state)
{
    (void)state;
    slu_snapshot_writer *writer = NULL;
    CHECK_OK(slu_snapshot_writer_new(&writer, &err));
    const slu_view bytes = write_snapshot(writer);
    for (size_t at = 0; at < bytes.bytes; at++) {
        slu_snapshot_reader *reader = NULL;
        uint8_t *copy = guarded_copy(bytes.data, bytes.bytes);
        copy[at] ^= 0x10;
        slu_status status = read_bytes(copy, bytes.bytes, &reader);
        for (uint32_t s = 0; status == SLU_OK && s < slu_snapshot_section_count(reader); s++)
            for (uint32_t e = 0; status == SLU_OK && e < slu_snapshot_section(reader, s)->entry_count; e++) {
                uint32_t group;
                int64_t tag;
                slu_view entry;
                status = slu_snapshot_entry(reader, s, e, &group, &tag, &entry, &err);
            }
        CHECK_STATUS(status, SLU_CORRUPT);
        slu_snapshot_reader_free(&reader);
        CHECK_STATUS(read_bytes(bytes.data, at, &reader), SLU_CORRUPT);
        guarded_free(copy, bytes.bytes);
    }
    slu_snapshot_writer_free(&writer);
}

static slu_manifest
make_manifest(int64_t checkpoint)
{
    static const char *const operators[] = {"transactions", "suspicious"};
    static slu_manifest_file files[] = {{.task = 0,
                                         .subtask = 0,
                                         .parallelism = 2,
                                         .vertex = "a -> b",
                                         .path = "task-0-1.state",
                                         .bytes = 100,
                                         .crc32c = 7,
                                         .operator_count = 2,
                                         .operators = operators},
                                        {.task = 1,
                                         .subtask = 1,
                                         .parallelism = 2,
                                         .vertex = "a -> b",
                                         .path = "task-1-1.state",
                                         .bytes = 0,
                                         .crc32c = 0xffffffff,
                                         .operator_count = 0,
                                         .operators = operators}};
    return (slu_manifest){.version = 1,
                          .job_id = "00112233445566778899aabbccddeeff",
                          .job_name = "fraud",
                          .checkpoint = checkpoint,
                          .attempt = 3,
                          .attempt_nonce = UINT64_MAX,
                          .wall_ms = 1,
                          .duration_ms = 2,
                          .final = 1,
                          .max_parallelism = 128,
                          .layout_version = 1,
                          .file_count = 2,
                          .files = files};
}

static void
a_manifest_survives_and_its_damage_does_not_pass(void **state)
{
    (void)state;
    slu_buf bytes;
    slu_manifest *got = NULL;
    const slu_manifest manifest = make_manifest(12);
    slu_buf_init(&bytes, SLU_MANIFEST_BYTES_MAX);
    CHECK_OK(slu_manifest_encode(&manifest, &bytes, &err));
    CHECK_OK(slu_manifest_decode(slu_buf_view(&bytes), &got, &err));
    assert_int_equal(got->checkpoint, 12);
    assert_true(got->attempt_nonce == UINT64_MAX);
    assert_int_equal(got->file_count, 2);
    CHECK_TEXT(got->files[0].operators[1], "suspicious");
    assert_int_equal(got->files[1].crc32c, 0xffffffff);
    assert_int_equal(got->final, 1);
    slu_manifest_free(&got);
    for (size_t at = 0; at < bytes.bytes; at++) {
        uint8_t *copy = guarded_copy(bytes.data, at);
        CHECK_STATUS(slu_manifest_decode(slu_view_of(copy, at), &got, &err), SLU_CORRUPT);
        guarded_free(copy, at);
        bytes.data[at] ^= 1;
        CHECK_STATUS(slu_manifest_decode(slu_buf_view(&bytes), &got, &err), SLU_CORRUPT);
        bytes.data[at] ^= 1;
    }
    for (uint64_t n = 1; n < 4; n++) {
        (void)slu_alloc_fail_from(n);
        const slu_status status = slu_manifest_decode(slu_buf_view(&bytes), &got, &err);
        (void)slu_alloc_fail_from(0);
        assert_true(status == SLU_NOMEM || status == SLU_OK);
        slu_manifest_free(&got);
    }
    slu_buf_fini(&bytes);
}

static void
a_path_out_of_the_directory_is_refused(void **state)
{
    (void)state;
    slu_buf bytes;
    slu_manifest *got = NULL;
    slu_manifest manifest = make_manifest(1);
    slu_manifest_file file = manifest.files[0];
    slu_buf_init(&bytes, SLU_MANIFEST_BYTES_MAX);
    file.path = "../../etc/passwd";
    manifest.files = &file;
    manifest.file_count = 1;
    CHECK_OK(slu_manifest_encode(&manifest, &bytes, &err));
    CHECK_STATUS(slu_manifest_decode(slu_buf_view(&bytes), &got, &err), SLU_CORRUPT);
    slu_buf_fini(&bytes);
}

static void
the_first_to_finish_a_checkpoint_wins_and_the_newest_whole_one_is_found(void **state)
{
    (void)state;
    char dir[64] = "/tmp/sluice-files-XXXXXX";
    slu_buf path;
    slu_manifest *got = NULL;
    assert_non_null(mkdtemp(dir));
    slu_buf_init(&path, SLU_PATH_BYTES_MAX);
    CHECK_STATUS(slu_manifest_load_latest(NULL, dir, "job", &got, &err), SLU_NOTFOUND);
    for (int64_t checkpoint = 8; checkpoint < 12; checkpoint++) {
        const slu_manifest manifest = make_manifest(checkpoint);
        slu_buf_reset(&path);
        slu_checkpoint_path(&path, dir, "job", checkpoint);
        CHECK_OK(slu_dir_make(slu_buf_cstr(&path), &err));
        if (checkpoint == 11)
            break; /* files, but no manifest: it was never whole */
        CHECK_OK(slu_manifest_create(NULL, &manifest, slu_buf_cstr(&path), false, &err));
        CHECK_STATUS(slu_manifest_create(NULL, &manifest, slu_buf_cstr(&path), false, &err), SLU_CONFLICT);
    }
    CHECK_OK(slu_manifest_load_latest(NULL, dir, "job", &got, &err));
    assert_int_equal(got->checkpoint, 10);
    slu_manifest_free(&got);
    /* A damaged one is not passed over: its sinks' commits are out already. A removed one is gone. */
    slu_buf_reset(&path);
    slu_checkpoint_path(&path, dir, "job", 10);
    slu_buf_text(&path, "/" SLU_MANIFEST_NAME);
    CHECK_OK(slu_file_write(slu_buf_cstr(&path), slu_view_of_text("SLUMANI1 and nothing else"), false, &err));
    CHECK_OK(slu_checkpoint_remove(NULL, dir, "job", 9, &err));
    CHECK_OK(slu_checkpoint_remove(NULL, dir, "job", 9, &err));
    CHECK_STATUS(slu_manifest_load_latest(NULL, dir, "job", &got, &err), SLU_CORRUPT);
    assert_non_null(strstr(err.message, "chk-10"));
    CHECK_OK(slu_checkpoint_remove(NULL, dir, "job", 10, &err));
    CHECK_OK(slu_manifest_load_latest(NULL, dir, "job", &got, &err));
    assert_int_equal(got->checkpoint, 8);
    slu_manifest_free(&got);
    CHECK_OK(slu_dir_remove(dir, &err));
    slu_buf_fini(&path);
}

/* What an aborted checkpoint left goes; whole ones, later ones and other people's folders stay. */
static void
remains_of_aborted_checkpoints_are_swept(void **state)
{
    (void)state;
    static const char *const names[] = {"chk-3", "chk-4", "chk-9", "chk-", "chk-2x", "mine"};
    static const bool stays[] = {false, true, true, true, true, true};
    char dir[64] = "/tmp/sluice-sweep-XXXXXX";
    char path[160];
    const slu_manifest manifest = make_manifest(4);
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < SLU_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, "%s/job/%s", dir, names[i]);
        CHECK_OK(slu_dir_make(path, &err));
        if (strcmp(names[i], "chk-4") == 0)
            CHECK_OK(slu_manifest_create(NULL, &manifest, path, false, &err));
        (void)snprintf(path, sizeof path, "%s/job/%s/task-0-1.state", dir, names[i]);
        CHECK_OK(slu_file_write(path, slu_view_of_text("x"), false, &err));
    }
    CHECK_OK(slu_checkpoint_sweep(NULL, dir, "job", 9, &err));
    CHECK_OK(slu_checkpoint_sweep(NULL, dir, "no job", 9, &err));
    for (size_t i = 0; i < SLU_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, "%s/job/%s", dir, names[i]);
        assert_int_equal(slu_path_exists(path), stays[i]);
    }
    CHECK_OK(slu_dir_remove(dir, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_is_read_as_it_was_written),
        cmocka_unit_test(a_mapped_file_is_read_where_it_lies),
        cmocka_unit_test(every_damaged_byte_of_a_snapshot_is_noticed),
        cmocka_unit_test(a_manifest_survives_and_its_damage_does_not_pass),
        cmocka_unit_test(a_path_out_of_the_directory_is_refused),
        cmocka_unit_test(the_first_to_finish_a_checkpoint_wins_and_the_newest_whole_one_is_found),
        cmocka_unit_test(remains_of_aborted_checkpoints_are_swept),
    };
    return cmocka_run_group_tests_name("checkpoint.files", tests, NULL, NULL);
}
