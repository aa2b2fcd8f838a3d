/* Tables of other writers: parsed, and planned to the rows that their writers counted, snapshot by snapshot. */
#include "iceberg/catalog.h"
#include "iceberg/lake_read.h"
#include "iceberg_care/verify.h"
#include "support/check.h"

#include <jansson.h>
#include <sluice/columns.h>

#define GOLDEN SLUICE_TEST_DATA "/golden/iceberg/"

typedef struct golden {
    iceberg_store store;
    iceberg_table table;
    json_t *expect;
} golden;

static golden
golden_open(const char *name)
{
    slu_error err = {0};
    golden at = {0};
    char from[256];
    char to[1024];
    (void)snprintf(from, sizeof from, "/tmp/sluice-golden/%s/", name);
    (void)snprintf(to, sizeof to, GOLDEN "%s/table/", name);
    CHECK_OK(iceberg_store_local_open_at(from, to, false, &at.store, &err));
    (void)snprintf(to, sizeof to, GOLDEN "%s/expect.json", name);
    at.expect = json_load_file(to, 0, NULL);
    assert_non_null(at.expect);
    CHECK_OK(iceberg_table_open(&at.store, json_string_value(json_object_get(at.expect, "metadata_location")), &at.table, &err));
    return at;
}

static void
golden_close(golden *at)
{
    iceberg_table_fini(&at->table);
    iceberg_store_close(&at->store);
    json_decref(at->expect);
}

static int64_t
planned_rows(const golden *at, const iceberg_snapshot *snapshot)
{
    slu_error err = {0};
    iceberg_scan scan = {0};
    const iceberg_scan_options options = {.metrics = true};
    CHECK_OK(iceberg_scan_plan(&at->store, at->table.metadata, snapshot, &options, &scan, &err));
    for (size_t i = 0; i < scan.count; i++) {
        int64_t bytes = 0;
        CHECK_OK(at->store.ops->size(at->store.self, scan.files[i].file.path, &bytes, &err));
        assert_int_equal(bytes, scan.files[i].file.file_bytes);
        assert_true(scan.files[i].sequence_number > 0 && scan.files[i].sequence_number <= snapshot->sequence_number);
        assert_true(scan.files[i].file.column_count > 0);
    }
    const int64_t rows = scan.row_count;
    iceberg_scan_fini(&scan);
    return rows;
}

static void
check_table(const char *name)
{
    golden at = golden_open(name);
    const json_t *snapshots = json_object_get(at.expect, "snapshots");
    assert_int_equal(at.table.metadata->snapshot_count, json_array_size(snapshots));
    for (size_t i = 0; i < json_array_size(snapshots); i++) {
        const json_t *wanted = json_array_get(snapshots, i);
        const iceberg_snapshot *got =
            iceberg_metadata_snapshot_of(at.table.metadata, json_integer_value(json_object_get(wanted, "snapshot_id")));
        assert_non_null(got);
        assert_int_equal(got->sequence_number, json_integer_value(json_object_get(wanted, "sequence_number")));
        CHECK_TEXT(iceberg_snapshot_property(got, "operation"), json_string_value(json_object_get(wanted, "operation")));
        const int64_t rows = planned_rows(&at, got);
        if (json_object_get(wanted, "rows") != NULL) /* the pyiceberg tables count the current snapshot only */
            assert_int_equal(rows, json_integer_value(json_object_get(wanted, "rows")));
    }
    assert_int_equal(planned_rows(&at, iceberg_metadata_snapshot(at.table.metadata)),
                     json_integer_value(json_object_get(at.expect, "rows")));
    golden_close(&at);
}

static void
tables_plan_to_their_rows(void **state)
{
    static const char *const NAMES[] = {"append", "snapshots", "partitioned", "evolution", "all_types", "py_day", "py_types"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        check_table(NAMES[i]);
}

static void
deletes_are_refused_by_name(void **state)
{
    golden at = golden_open("deletes");
    slu_error err = {0};
    iceberg_scan scan = {0};
    CHECK_STATUS(iceberg_scan_plan(&at.store, at.table.metadata, iceberg_metadata_snapshot(at.table.metadata), NULL, &scan, &err),
                 SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "delete file");
    golden_close(&at);
}

/* Rows deleted by key and by position do not count, whichever columns are asked for. */
static void
deleted_rows_are_left_out(void **state)
{
    static const char *const NAMES[] = {"v"};
    golden at = golden_open("deletes");
    for (size_t columns = 0; columns < 2; columns++) {
        slu_error err = {0};
        iceberg_read *read = NULL;
        struct ArrowArray batch;
        int64_t rows = 0;
        const iceberg_read_options options = {.columns = NAMES, .column_count = columns, .batch_rows = 4};
        CHECK_OK(iceberg_read_open(&at.store, at.table.metadata, &options, &read, &err));
        assert_int_equal(iceberg_read_rows(read), -1);
        for (;;) {
            const slu_status status = iceberg_read_next(read, &batch, &err);
            if (status == SLU_END)
                break;
            CHECK_OK(status);
            assert_int_equal(batch.n_children, columns);
            rows += batch.length;
            slu_array_release(&batch);
        }
        assert_int_equal(rows, json_integer_value(json_object_get(at.expect, "rows")));
        iceberg_read_free(&read);
    }
    golden_close(&at);
}

static slu_status
finding_print(void *to, const iceberg_finding *finding, slu_error *err)
{
    if (finding->wrong)
        print_message("%s: %s: %s: %s\n", (const char *)to, finding->code, finding->where, finding->text);
    return SLU_OK;
}

/* What other writers made is not wrong in our eyes, down to the footers. */
static void
tables_of_others_are_sound(void **state)
{
    static const char *const NAMES[] = {"append",  "snapshots", "partitioned", "evolution", "all_types",
                                        "deletes", "dv_v3",     "py_day",      "py_types"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        golden at = golden_open(NAMES[i]);
        slu_error err = {0};
        iceberg_verified out;
        char name[32];
        (void)snprintf(name, sizeof name, "%s", NAMES[i]);
        const iceberg_verify_options options = {.found = finding_print, .to = name};
        CHECK_OK(iceberg_verify(&at.store, &at.table, &options, &out, &err));
        assert_int_equal(out.wrong, 0);
        assert_true(out.footers > 0);
        golden_close(&at);
    }
}

/* What is printed parses again to the same document, unknown keys and all. */
static void
metadata_survives_a_rewrite(void **state)
{
    golden at = golden_open("snapshots");
    slu_error err = {0};
    slu_buf first;
    slu_buf second;
    iceberg_metadata *again = NULL;
    slu_buf_init(&first, 1 << 20);
    slu_buf_init(&second, 1 << 20);
    CHECK_OK(iceberg_metadata_print(at.table.metadata, &first, &err));
    CHECK_OK(iceberg_metadata_parse(slu_buf_view(&first), &again, &err));
    CHECK_OK(iceberg_metadata_print(again, &second, &err));
    CHECK_TEXT(slu_buf_cstr(&second), slu_buf_cstr(&first));
    assert_int_equal(again->ref_count, 3); /* main, a branch, a tag */
    iceberg_metadata_free(&again);
    slu_buf_fini(&first);
    slu_buf_fini(&second);
    golden_close(&at);
}

/* A predicate may only leave out files without matching rows; here the table has ids 0..99 in two files. */
static void
predicates_leave_out_files(void **state)
{
    golden at = golden_open("append");
    slu_error err = {0};
    iceberg_scalar room;
    iceberg_predicate predicate = {1, ICEBERG_LESS, iceberg_value_of_i64(0, &room).bytes};
    const iceberg_scan_options options = {.predicates = &predicate, .predicate_count = 1};
    iceberg_scan scan = {0};
    CHECK_OK(iceberg_scan_plan(&at.store, at.table.metadata, iceberg_metadata_snapshot(at.table.metadata), &options, &scan, &err));
    assert_int_equal(scan.count, 0);
    assert_int_equal(scan.skipped_files, 2);
    iceberg_scan_fini(&scan);
    predicate.compare = ICEBERG_GREATER_EQUAL;
    CHECK_OK(iceberg_scan_plan(&at.store, at.table.metadata, iceberg_metadata_snapshot(at.table.metadata), &options, &scan, &err));
    assert_int_equal(scan.row_count, 100);
    iceberg_scan_fini(&scan);
    golden_close(&at);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_plan_to_their_rows),   cmocka_unit_test(deletes_are_refused_by_name),
        cmocka_unit_test(tables_of_others_are_sound),  cmocka_unit_test(deleted_rows_are_left_out),
        cmocka_unit_test(metadata_survives_a_rewrite), cmocka_unit_test(predicates_leave_out_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
