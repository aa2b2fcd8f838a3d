/* shared.h, canonical.h, savepoint.h: a checkpoint of RocksDB stores what is new, and a savepoint needs nobody else's files. */
#include "support/check.h"

#include "base/file.h"
#include "base/hash.h"
#include "checkpoint/canonical.h"
#include "checkpoint/manifest.h"
#include "checkpoint/savepoint.h"
#include "checkpoint/shared.h"
#include "state/rocks/rocks.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define ROWS 20000
#define GROUPS 16

static slu_error err;
static const slu_state_spec spec = {
    .size = sizeof spec, .kind = SLU_STATE_FIXED, .name = "counts", .key_bytes = 8, .value_bytes = 8};
static const slu_section about = {
    .operator_id = "op", .name = "counts", .kind = SLU_SECTION_KEYED, .state_version = 1, .a = 8, .b = 8};

typedef struct fixture {
    char root[64], jobs[80], copy[96], backend_dir[96];
    slu_state_backend *backend;
    slu_state *state;
    slu_shared_set *set;
} fixture;

static slu_state *
state_of(slu_state_backend *backend)
{
    slu_state *state = NULL;
    CHECK_OK(
        slu_state_open(backend, &(slu_state_opening){.spec = &spec, .operator_id = "op", .max_parallelism = GROUPS}, &state, &err));
    return state;
}

static void
fixture_open(fixture *f)
{
    *f = (fixture){0};
    strcpy(f->root, "/tmp/sluice-shared-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    (void)snprintf(f->jobs, sizeof f->jobs, "%s/jobs", f->root);
    (void)snprintf(f->copy, sizeof f->copy, "%s/copy", f->root);
    (void)snprintf(f->backend_dir, sizeof f->backend_dir, "%s/state", f->root);
    CHECK_OK(slu_rocks_new(&(slu_rocks_spec){.dir = f->backend_dir}, &f->backend, &err));
    f->state = state_of(f->backend);
    CHECK_OK(slu_shared_set_new(&f->set, &err));
}

static void
fixture_close(fixture *f)
{
    slu_state_free(&f->state);
    slu_rocks_free(&f->backend);
    slu_shared_set_free(&f->set);
    CHECK_OK(slu_dir_remove(f->root, &err));
}

static void *
value_of(slu_state *state, int64_t key, bool create)
{
    void *value = NULL;
    const uint32_t hash = (uint32_t)slu_hash64(&key, sizeof key);
    const slu_keys keys = {.size = sizeof keys, .key_bytes = 8, .count = 1, .data = (const uint8_t *)&key, .hashes = &hash};
    CHECK_OK(create ? slu_state_upsert_many(state, &keys, 0, &value, &err) : slu_state_find_many(state, &keys, 0, &value, &err));
    return value;
}

static void
rows_add(slu_state *state, int64_t from, int64_t to, int64_t what)
{
    for (int64_t key = from; key < to; key++)
        *(int64_t *)value_of(state, key, true) = what + key;
}

static void
check_rows(slu_state *state, int64_t from, int64_t to, int64_t what)
{
    for (int64_t key = from; key < to; key++) {
        const int64_t *value = value_of(state, key, false);
        assert_non_null(value);
        assert_int_equal(*value, what + key);
    }
}

/* A whole checkpoint with one file. */
static void
checkpoint(fixture *f, int64_t number)
{
    slu_snapshot_writer *writer = NULL;
    slu_view bytes;
    char dir[160], path[200];
    const char *operators[] = {"op"};
    const slu_shared_spec shared = {NULL, f->jobs, "job", number, 1, 0};
    CHECK_OK(slu_state_copy(f->state, f->copy, &err));
    CHECK_OK(slu_snapshot_writer_new(&writer, &err));
    CHECK_OK(slu_shared_store(&shared, f->set, &about, f->copy, writer, &err));
    CHECK_OK(slu_dir_remove(f->copy, &err));
    CHECK_OK(slu_snapshot_writer_finish(writer, &bytes, &err));
    (void)snprintf(dir, sizeof dir, "%s/job/chk-%lld", f->jobs, (long long)number);
    (void)snprintf(path, sizeof path, "%s/task-0-1.state", dir);
    CHECK_OK(slu_dir_make(dir, &err));
    CHECK_OK(slu_file_write(path, bytes, false, &err));
    slu_manifest_file file = {.parallelism = 1,
                              .vertex = "op",
                              .path = "task-0-1.state",
                              .bytes = (int64_t)bytes.bytes,
                              .crc32c = slu_crc32c(0, bytes.data, bytes.bytes),
                              .operator_count = 1,
                              .operators = operators};
    const slu_manifest manifest = {.version = SLU_MANIFEST_VERSION,
                                   .job_id = "job",
                                   .job_name = "job",
                                   .checkpoint = number,
                                   .max_parallelism = GROUPS,
                                   .file_count = 1,
                                   .files = &file};
    CHECK_OK(slu_manifest_create(NULL, &manifest, dir, false, &err));
    slu_snapshot_writer_free(&writer);
}

static slu_snapshot_reader *
reader_of(const char *dir)
{
    slu_snapshot_reader *reader = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    char path[300];
    (void)snprintf(path, sizeof path, "%s/task-0-1.state", dir);
    slu_buf_init(&bytes, 1 << 28);
    CHECK_OK(slu_file_read(path, 1 << 28, &bytes, &err));
    CHECK_OK(slu_snapshot_reader_new(&bytes, &reader, &err));
    return reader;
}

/* How many shared files there are; *out is the last of those whose names begin so. */
static int
shared_files(const fixture *f, const char *prefix, char out[300])
{
    int count = 0;
    char dir[128];
    (void)snprintf(dir, sizeof dir, "%s/job/" SLU_SHARED_DIR, f->jobs);
    DIR *listing = opendir(dir);
    assert_non_null(listing);
    for (struct dirent *at; (at = readdir(listing)) != NULL;)
        if (at->d_name[0] != '.' && strncmp(at->d_name, prefix, strlen(prefix)) == 0) {
            count++;
            (void)snprintf(out, 300, "%s/%.100s", dir, at->d_name);
        }
    (void)closedir(listing);
    return count;
}

static void
only_new_files_are_stored_and_unnamed_ones_go(void **state)
{
    (void)state;
    fixture f;
    char path[300], first[160];
    fixture_open(&f);
    rows_add(f.state, 0, ROWS, 1);
    checkpoint(&f, 1);
    const int stored = shared_files(&f, "1-", path);
    assert_true(stored >= 1);
    rows_add(f.state, ROWS, ROWS + 10, 1);
    checkpoint(&f, 2);
    assert_int_equal(shared_files(&f, "1-", path), stored); /* as they are */
    assert_int_equal(shared_files(&f, "2-", path), 1);
    checkpoint(&f, 3);
    assert_int_equal(shared_files(&f, "3-", path), 0); /* nothing is new */
    /* A file of checkpoint 1 that 3 names outlives 1; one that nobody names, of a checkpoint that came to nothing, does not. */
    (void)snprintf(first, sizeof first, "%s/job/" SLU_SHARED_DIR "/2-9-9-00000000-000001.sst", f.jobs);
    CHECK_OK(slu_file_write(first, slu_view_of_text("lost"), false, &err));
    (void)snprintf(first, sizeof first, "%s/job/" SLU_SHARED_DIR "/4-1-0-00000000-000001.sst", f.jobs);
    CHECK_OK(slu_file_write(first, slu_view_of_text("under way"), false, &err));
    CHECK_OK(slu_checkpoint_remove(NULL, f.jobs, "job", 1, &err));
    CHECK_OK(slu_checkpoint_remove(NULL, f.jobs, "job", 2, &err));
    assert_int_equal(shared_files(&f, "1-", path), stored);
    assert_int_equal(shared_files(&f, "2-", path), 1);
    assert_int_equal(shared_files(&f, "4-", path), 1);
    /* What is in 3 is what was written. */
    (void)snprintf(first, sizeof first, "%s/job/chk-3", f.jobs);
    slu_snapshot_reader *reader = reader_of(first);
    slu_state *again = state_of(f.backend);
    CHECK_OK(slu_shared_fetch(NULL, first, reader, 0, f.copy, &err));
    CHECK_OK(slu_state_adopt(again, f.copy, &err));
    check_rows(again, 0, ROWS + 10, 1);
    slu_state_free(&again);
    slu_snapshot_reader_free(&reader);
    fixture_close(&f);
}

typedef struct halves {
    slu_state *of[2];
} halves;

static slu_status
half_restore(void *to, uint32_t key_group, slu_view run, slu_error *error)
{
    return slu_state_restore(((halves *)to)->of[key_group / (GROUPS / 2)], run, 0, error);
}

static void
a_savepoint_is_full_and_any_backend_restores_it(void **state)
{
    (void)state;
    fixture f;
    char from[160], to[160];
    fixture_open(&f);
    rows_add(f.state, 0, ROWS, 7);
    checkpoint(&f, 1);
    (void)snprintf(from, sizeof from, "%s/job/chk-1", f.jobs);
    (void)snprintf(to, sizeof to, "%s/savepoint", f.root);
    CHECK_OK(slu_savepoint_make(NULL, from, to, NULL, &err));
    CHECK_OK(slu_dir_remove(f.jobs, &err)); /* it needs nothing of the job's */
    slu_snapshot_reader *reader = reader_of(to);
    assert_false(slu_snapshot_has_files(reader));
    assert_int_equal(slu_snapshot_section_count(reader), 1);
    assert_int_equal(slu_snapshot_section(reader, 0)->kind, SLU_SECTION_KEYED);
    assert_int_equal(slu_snapshot_section(reader, 0)->entry_count, GROUPS);
    for (int rocks = 0; rocks < 2; rocks++) {
        halves h = {{state_of(rocks ? f.backend : NULL), state_of(rocks ? f.backend : NULL)}};
        int64_t counts[2];
        for (uint32_t e = 0; e < GROUPS; e++) {
            uint32_t key_group;
            int64_t tag;
            slu_view run;
            CHECK_OK(slu_snapshot_entry(reader, 0, e, &key_group, &tag, &run, &err));
            CHECK_OK(half_restore(&h, key_group, run, &err));
        }
        for (int i = 0; i < 2; i++)
            CHECK_OK(slu_state_count(h.of[i], &counts[i], &err));
        assert_int_equal(counts[0] + counts[1], ROWS);
        assert_true(counts[0] > ROWS / 3 && counts[1] > ROWS / 3);
        slu_state_free(&h.of[0]);
        slu_state_free(&h.of[1]);
    }
    slu_snapshot_reader_free(&reader);
    fixture_close(&f);
}

/* A checkpoint's files, of both halves of the key groups, for a subtask of the heap. */
static void
a_range_of_key_groups_is_read_from_files(void **state)
{
    (void)state;
    fixture f;
    char from[160];
    fixture_open(&f);
    rows_add(f.state, 0, ROWS, 3);
    checkpoint(&f, 1);
    (void)snprintf(from, sizeof from, "%s/job/chk-1", f.jobs);
    slu_snapshot_reader *reader = reader_of(from);
    halves h = {{state_of(NULL), state_of(NULL)}};
    int64_t counts[2];
    for (uint32_t half = 0; half < 2; half++) {
        const uint32_t groups[2] = {half * (GROUPS / 2), half * (GROUPS / 2) + GROUPS / 2 - 1};
        CHECK_OK(slu_shared_runs(NULL, from, reader, 0, f.copy, groups, half_restore, &h, &err));
        CHECK_OK(slu_state_count(h.of[half], &counts[half], &err));
    }
    assert_int_equal(counts[0] + counts[1], ROWS);
    slu_state_free(&h.of[0]);
    slu_state_free(&h.of[1]);
    slu_snapshot_reader_free(&reader);
    fixture_close(&f);
}

static void
a_torn_or_missing_file_is_named(void **state)
{
    (void)state;
    fixture f;
    char from[160], path[300];
    fixture_open(&f);
    rows_add(f.state, 0, ROWS, 3);
    checkpoint(&f, 1);
    (void)snprintf(from, sizeof from, "%s/job/chk-1", f.jobs);
    slu_snapshot_reader *reader = reader_of(from);
    assert_true(shared_files(&f, "1-", path) >= 1);
    const int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, 100), 1);
    (void)close(fd);
    CHECK_STATUS(slu_shared_fetch(NULL, from, reader, 0, f.copy, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, strrchr(path, '/'));
    assert_int_equal(unlink(path), 0);
    CHECK_OK(slu_dir_remove(f.copy, &err));
    CHECK_STATUS(slu_shared_fetch(NULL, from, reader, 0, f.copy, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, "missing");
    slu_snapshot_reader_free(&reader);
    fixture_close(&f);
}

/* Names that would lead out of the folder, and sizes that cannot be. */
static void
names_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *entry;
        int64_t tag;
        const char *shared;
    } wrong[] = {{"../x", 4, "ok.sst"}, {"CURRENT", 8, "ok.sst"}, {"CURRENT", -1, "ok.sst"},      {"a\0b", 3, "ok.sst"},
                 {"", 0, "ok.sst"},     {"a/b", 3, "ok.sst"},     {"CURRENT", 7, "../../secret"}, {"CURRENT", 7, ".."}};
    fixture f;
    fixture_open(&f);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slu_snapshot_writer *writer = NULL;
        slu_snapshot_reader *reader = NULL;
        slu_view view;
        SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
        const slu_section files = {.operator_id = "op", .name = "counts", .kind = SLU_SECTION_FILES, .a = 8, .b = 8};
        const slu_section shared = {.operator_id = "op", .name = wrong[i].shared, .kind = SLU_SECTION_SHARED, .a = 1, .c = 4};
        const size_t entry_bytes = i == 3 ? 3 : strlen(wrong[i].entry);
        CHECK_OK(slu_snapshot_writer_new(&writer, &err));
        CHECK_OK(slu_snapshot_writer_section(writer, &files, &err));
        CHECK_OK(slu_snapshot_writer_entry(writer, SLU_KEY_GROUP_NONE, wrong[i].tag, wrong[i].entry, entry_bytes, &err));
        CHECK_OK(slu_snapshot_writer_section(writer, &shared, &err));
        CHECK_OK(slu_snapshot_writer_finish(writer, &view, &err));
        slu_buf_init(&bytes, 1 << 20);
        slu_buf_append(&bytes, view.data, view.bytes);
        CHECK_OK(slu_snapshot_reader_new(&bytes, &reader, &err));
        CHECK_STATUS(slu_shared_fetch(NULL, "/nowhere/job/chk-1", reader, 0, f.copy, &err), SLU_CORRUPT);
        slu_snapshot_reader_free(&reader);
        slu_snapshot_writer_free(&writer);
    }
    fixture_close(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_new_files_are_stored_and_unnamed_ones_go),
        cmocka_unit_test(a_savepoint_is_full_and_any_backend_restores_it),
        cmocka_unit_test(a_range_of_key_groups_is_read_from_files),
        cmocka_unit_test(a_torn_or_missing_file_is_named),
        cmocka_unit_test(names_that_are_none_are_refused),
    };
    return cmocka_run_group_tests_name("checkpoint.shared", tests, NULL, NULL);
}
