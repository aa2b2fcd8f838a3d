/* The commit of a round, against a Fluss of a few lines and a real lake in a directory. */
#include "support/check.h"

#include "tiering/commit.h"
#include "tiering/lake.h"
#include "tiering/lake_writer.h"

#include "base/file.h"
#include "iceberg/fluss_spec.h"

#include <sluice/columns.h>

#include <dirent.h>

static slu_error err;
static slu_env env;
static char dir[64];
static iceberg_catalog catalog;

/* ---- Fluss, as far as a commit sees it ---- */

typedef struct fake_fluss {
    int64_t table_id;
    int64_t snapshot;
    char path[64];
    int prepared, commits, repairs, finished, failed;
    slu_status commit_fails;
    void (*before_prepare)(struct fake_fluss *fluss); /* something happens meanwhile */
} fake_fluss;

static slu_status
fake_table_id(void *self, const char *database, const char *table, int64_t *out, slu_error *e)
{
    (void)database, (void)table, (void)e;
    *out = ((fake_fluss *)self)->table_id;
    return SLU_OK;
}

static slu_status
fake_snapshot(void *self, const char *database, const char *table, int64_t *out, slu_error *e)
{
    (void)database, (void)table, (void)e;
    *out = ((fake_fluss *)self)->snapshot;
    return SLU_OK;
}

static slu_status
fake_prepare(void *self, const tiering_piece *round, const tiering_end_offset *ends, size_t count, char *path, slu_error *e)
{
    fake_fluss *fluss = self;
    (void)round, (void)e;
    assert_true(count != 0 && ends[0].end > 0);
    if (fluss->before_prepare != NULL)
        fluss->before_prepare(fluss);
    (void)sprintf(path, "/offsets/%d", ++fluss->prepared);
    return SLU_OK;
}

static slu_status
fake_commit(void *self, const tiering_piece *round, int64_t snapshot, const char *path, bool keep_all, slu_error *e)
{
    fake_fluss *fluss = self;
    (void)round;
    if (fluss->commit_fails != SLU_OK)
        return slu_error_set(e, fluss->commit_fails, "the answer was lost");
    fluss->snapshot = snapshot;
    (void)snprintf(fluss->path, sizeof fluss->path, "%s", path);
    fluss->commits++;
    fluss->repairs += keep_all;
    return SLU_OK;
}

static slu_status
fake_report(void *self, const tiering_piece *round, bool finished, slu_error *e)
{
    (void)round, (void)e;
    ((fake_fluss *)self)->finished += finished;
    ((fake_fluss *)self)->failed += !finished;
    return SLU_OK;
}

static tiering_fluss
fake_of(fake_fluss *fluss)
{
    return (tiering_fluss){fluss, fake_table_id, fake_snapshot, fake_prepare, fake_commit, fake_report};
}

/* ---- a lake table and rounds of it ---- */

static void
create_lake_table(const char *name)
{
    struct ArrowSchema columns;
    slu_arena arena;
    iceberg_create create = {0};
    iceberg_table table = {0};
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(slu_schema_init_struct(&columns));
    CHECK_OK(slu_schema_add(&columns, "l", "id", true));
    const iceberg_fluss_table spec = {.columns = &columns, .bucket_count = 2};
    CHECK_OK(iceberg_fluss_table_spec(&spec, &arena, &create, &err));
    CHECK_OK(iceberg_catalog_create(&catalog, "db", name, &create, &table, &err));
    iceberg_table_fini(&table);
    slu_arena_fini(&arena);
    slu_schema_release(&columns);
}

static void
write_split(const char *name, int32_t bucket, int64_t first, slu_buf *out)
{
    int64_t ids[100];
    const void *id_buffers[2] = {NULL, ids};
    const void *top[1] = {NULL};
    struct ArrowArray column = {.length = 100, .n_buffers = 2, .buffers = id_buffers};
    struct ArrowArray *columns[1] = {&column};
    struct ArrowArray array = {.length = 100, .n_buffers = 1, .buffers = top, .n_children = 1, .children = columns};
    struct ArrowSchema schema;
    iceberg_table table = {0};
    tiering_lake_writer *writer = NULL;
    for (int i = 0; i < 100; i++)
        ids[i] = first + i;
    CHECK_OK(slu_schema_init_struct(&schema));
    CHECK_OK(slu_schema_add(&schema, "l", "id", true));
    CHECK_OK(iceberg_catalog_load(&catalog, "db", name, &table, &err));
    const tiering_piece piece = {.bucket = bucket, .partition_id = TIERING_NO_PARTITION};
    const tiering_lake_writer_options options = {
        .env = &env, .store = iceberg_catalog_store(&catalog, &table), .metadata = table.metadata, .piece = &piece};
    const slu_batch batch = {.size = sizeof batch, .schema = &schema, .array = &array, .rows = 100};
    CHECK_OK(tiering_lake_writer_open(&options, &writer, &err));
    CHECK_OK(tiering_lake_writer_append(writer, &batch, first, 1700000000000, &err));
    CHECK_OK(tiering_lake_writer_finish(writer, out, &err));
    tiering_lake_writer_free(&writer);
    slu_schema_release(&schema);
    iceberg_table_fini(&table);
}

/* A complete round of two splits of a hundred rows. */
static tiering_round *
make_round(const char *name, int64_t epoch, int64_t known, int64_t first)
{
    tiering_round *round = NULL;
    tiering_piece piece = {
        .kind = TIERING_RESULT, .split_count = 2, .table_id = 1, .tiering_epoch = epoch, .known_snapshot = known};
    (void)snprintf(piece.database, sizeof piece.database, "db");
    (void)snprintf(piece.table, sizeof piece.table, "%s", name);
    CHECK_OK(tiering_round_new(&piece, &round, &err));
    for (uint16_t i = 0; i < 2; i++) {
        slu_buf files;
        slu_buf_init(&files, 1 << 20);
        write_split(name, i, first, &files);
        piece.split = i;
        piece.bucket = i;
        piece.end_offset = first + 100;
        assert_false(tiering_round_complete(round));
        CHECK_OK(tiering_round_add(round, &piece, slu_buf_view(&files), &err));
        slu_buf_fini(&files);
    }
    assert_true(tiering_round_complete(round));
    return round;
}

static int
data_files(const char *name)
{
    int count = 0;
    char path[300];
    for (int bucket = 0; bucket < 2; bucket++) {
        (void)snprintf(path, sizeof path, "%s/db/%s/data/__bucket=%d", dir, name, bucket);
        DIR *folder = opendir(path);
        for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL; entry = readdir(folder))
            count += strstr(entry->d_name, ".parquet") != NULL && entry->d_name[0] != '.';
        if (folder != NULL)
            (void)closedir(folder);
    }
    return count;
}

static int64_t
lake_rows(const char *name)
{
    iceberg_table table = {0};
    CHECK_OK(iceberg_catalog_load(&catalog, "db", name, &table, &err));
    const iceberg_snapshot *snapshot = iceberg_metadata_snapshot(table.metadata);
    const int64_t rows = snapshot == NULL ? 0 : atoll(iceberg_snapshot_property(snapshot, "total-records"));
    iceberg_table_fini(&table);
    return rows;
}

static slu_status
commit(fake_fluss *fluss, tiering_round *round, tiering_outcome *outcome)
{
    const tiering_fluss calls = fake_of(fluss);
    const slu_status status = tiering_round_commit(&calls, &catalog, round, outcome, &err);
    tiering_round_free(&round);
    return status;
}

/* ---- the tests ---- */

static void
a_round_is_one_snapshot_registered_and_finished(void **state)
{
    (void)state;
    fake_fluss fluss = {.table_id = 1, .snapshot = TIERING_NO_SNAPSHOT};
    tiering_outcome outcome;
    create_lake_table("plain");
    CHECK_OK(commit(&fluss, make_round("plain", 1, TIERING_NO_SNAPSHOT, 0), &outcome));
    assert_true(outcome.committed && outcome.rows == 200 && outcome.files == 2 && fluss.snapshot == outcome.snapshot);
    CHECK_TEXT(fluss.path, "/offsets/1");
    assert_int_equal(fluss.finished, 1);
    assert_int_equal(fluss.failed, 0);
    CHECK_OK(commit(&fluss, make_round("plain", 2, fluss.snapshot, 100), &outcome));
    assert_true(lake_rows("plain") == 400);
    iceberg_table table = {0};
    CHECK_OK(iceberg_catalog_load(&catalog, "db", "plain", &table, &err));
    const iceberg_snapshot *snapshot = iceberg_metadata_snapshot(table.metadata);
    CHECK_TEXT(iceberg_snapshot_property(snapshot, "commit-user"), TIERING_COMMIT_USER);
    CHECK_TEXT(iceberg_snapshot_property(snapshot, TIERING_OFFSETS_KEY), "/offsets/2");
    iceberg_table_fini(&table);
}

static void
a_lost_registration_is_repaired_and_the_round_read_again(void **state)
{
    (void)state;
    fake_fluss fluss = {.table_id = 1, .snapshot = TIERING_NO_SNAPSHOT, .commit_fails = SLU_TIMEOUT};
    tiering_outcome outcome;
    create_lake_table("lost");
    CHECK_STATUS(commit(&fluss, make_round("lost", 1, TIERING_NO_SNAPSHOT, 0), &outcome), SLU_TIMEOUT);
    assert_true(outcome.committed && lake_rows("lost") == 200);
    assert_int_equal(fluss.failed, 1);
    const int64_t lost = outcome.snapshot;
    fluss.commit_fails = SLU_OK;
    const int files = data_files("lost");
    CHECK_STATUS(commit(&fluss, make_round("lost", 2, TIERING_NO_SNAPSHOT, 0), &outcome), SLU_CONFLICT);
    CHECK_MESSAGE(err, "was not registered in Fluss; it is now");
    assert_true(outcome.repaired && !outcome.committed && fluss.snapshot == lost && fluss.repairs == 1);
    CHECK_TEXT(fluss.path, "/offsets/1");        /* of the first round */
    assert_int_equal(data_files("lost"), files); /* the second round's own are deleted */
    assert_true(lake_rows("lost") == 200);
    CHECK_OK(commit(&fluss, make_round("lost", 3, lost, 100), &outcome));
    assert_true(lake_rows("lost") == 400);
}

static void
another_table_of_the_name_is_left_alone(void **state)
{
    (void)state;
    fake_fluss fluss = {.table_id = 2, .snapshot = TIERING_NO_SNAPSHOT};
    tiering_outcome outcome;
    create_lake_table("renewed");
    CHECK_STATUS(commit(&fluss, make_round("renewed", 1, TIERING_NO_SNAPSHOT, 0), &outcome), SLU_CONFLICT);
    CHECK_MESSAGE(err, "dropped and created anew");
    assert_int_equal(data_files("renewed"), 0);
    assert_int_equal(fluss.prepared, 0);
    assert_int_equal(fluss.failed, 1);
}

static void
ranges_made_from_other_offsets_do_not_commit(void **state)
{
    (void)state;
    fake_fluss fluss = {.table_id = 1, .snapshot = TIERING_NO_SNAPSHOT};
    tiering_outcome outcome;
    create_lake_table("stale");
    tiering_round *late = make_round("stale", 1, TIERING_NO_SNAPSHOT, 0);
    CHECK_OK(commit(&fluss, make_round("stale", 2, TIERING_NO_SNAPSHOT, 0), &outcome));
    CHECK_STATUS(commit(&fluss, late, &outcome), SLU_CONFLICT);
    CHECK_MESSAGE(err, "another tiering service committed since");
    assert_true(lake_rows("stale") == 200);
    assert_int_equal(data_files("stale"), 2);
}

/* A tiering commit of somebody else lands between our checks and our commit. */
static void
other_service_commits(fake_fluss *fluss)
{
    fake_fluss other = {.table_id = 1, .snapshot = TIERING_NO_SNAPSHOT};
    tiering_outcome outcome;
    fluss->before_prepare = NULL;
    CHECK_OK(commit(&other, make_round("raced", 9, TIERING_NO_SNAPSHOT, 0), &outcome));
}

static void
a_race_with_another_service_is_lost_cleanly(void **state)
{
    (void)state;
    fake_fluss fluss = {.table_id = 1, .snapshot = TIERING_NO_SNAPSHOT, .before_prepare = other_service_commits};
    tiering_outcome outcome;
    create_lake_table("raced");
    CHECK_STATUS(commit(&fluss, make_round("raced", 1, TIERING_NO_SNAPSHOT, 0), &outcome), SLU_CONFLICT);
    CHECK_MESSAGE(err, "another tiering service committed lake snapshot");
    assert_true(lake_rows("raced") == 200);
    assert_int_equal(data_files("raced"), 2);
    assert_int_equal(fluss.failed, 1);
}

static void
a_round_without_rows_moves_the_offsets(void **state)
{
    (void)state;
    fake_fluss fluss = {.table_id = 1, .snapshot = TIERING_NO_SNAPSHOT};
    tiering_outcome outcome;
    tiering_round *round = NULL;
    tiering_piece piece = {.kind = TIERING_RESULT,
                           .split_count = 1,
                           .table_id = 1,
                           .known_snapshot = TIERING_NO_SNAPSHOT,
                           .end_offset = 5,
                           .database = "db",
                           .table = "moved"};
    create_lake_table("moved");
    CHECK_OK(tiering_round_new(&piece, &round, &err));
    CHECK_OK(tiering_round_add(round, &piece, slu_view_of(NULL, 0), &err));
    CHECK_STATUS(tiering_round_add(round, &piece, slu_view_of(NULL, 0), &err), SLU_CORRUPT);
    CHECK_OK(commit(&fluss, round, &outcome));
    assert_true(outcome.committed && outcome.files == 0 && fluss.commits == 1 && fluss.snapshot == outcome.snapshot);
}

static void
a_failed_round_deletes_its_files_and_is_reported(void **state)
{
    (void)state;
    fake_fluss fluss = {.table_id = 1, .snapshot = TIERING_NO_SNAPSHOT};
    tiering_outcome outcome;
    create_lake_table("failed");
    tiering_round *round = make_round("failed", 1, TIERING_NO_SNAPSHOT, 0);
    tiering_piece piece = round->head;
    piece.kind = TIERING_FAILED;
    CHECK_OK(tiering_round_add(round, &piece, slu_view_of_text("the disk is full"), &err));
    CHECK_STATUS(commit(&fluss, round, &outcome), SLU_CONFLICT);
    CHECK_MESSAGE(err, "tiering of db.failed, epoch 1: the disk is full");
    assert_int_equal(data_files("failed"), 0);
    assert_int_equal(fluss.failed, 1);
}

static int
set_up(void **state)
{
    (void)state;
    slu_env_init_system(&env, SLU_LOG_WARN);
    (void)snprintf(dir, sizeof dir, "/tmp/sluice-commit-XXXXXX");
    assert_non_null(mkdtemp(dir));
    CHECK_OK(tiering_lake_open(&env, &(tiering_lake_options){.format = "iceberg", .iceberg = {.warehouse = dir}}, &catalog, &err));
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    iceberg_catalog_close(&catalog);
    CHECK_OK(slu_dir_remove(dir, &err));
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_is_one_snapshot_registered_and_finished),
        cmocka_unit_test(a_lost_registration_is_repaired_and_the_round_read_again),
        cmocka_unit_test(another_table_of_the_name_is_left_alone),
        cmocka_unit_test(ranges_made_from_other_offsets_do_not_commit),
        cmocka_unit_test(a_race_with_another_service_is_lost_cleanly),
        cmocka_unit_test(a_round_without_rows_moves_the_offsets),
        cmocka_unit_test(a_failed_round_deletes_its_files_and_is_reported),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
