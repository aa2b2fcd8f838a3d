/* file_source and file_lookup in the harness, over files of a temporary folder. */
#include "unit/operators/harnessed.h"

static char folder[64];

static int
folder_make(void **state)
{
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-file-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int
folder_drop(void **state)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void
write_file(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static sdk_harness *
prepared(const char *plugin, const char *name, const char *more)
{
    slu_error err = {0};
    char with[512];
    sdk_harness *h = harnessed(plugin);
    (void)snprintf(with, sizeof with, "{ path: \"%s/%s\"%s }", folder, name, more);
    CHECK_OK(sdk_harness_with(h, with, &err));
    return h;
}

static void
csv_with_a_header(void **state)
{
    slu_error err = {0};
    write_file("a.csv", "name,id,ignored,amount\r\n\"Anna, A.\",1,x,0.80\r\n,2,y,1001\r\n\r\n\"two\nlines\",3,z,\r\nlast,4,5\" "
                        "disk,5\n\"say \"\"a\nb\"\"\",5,,6");
    sdk_harness *h = prepared("file_source", "a.csv", ", columns: \"id BIGINT NOT NULL, name STRING, amount DECIMAL(10,2)\"");
    CHECK_OK(sdk_harness_open(h, &err));
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    CHECK_TEXT(sdk_harness_output(h),
               "1 | Anna, A. | 0.80\n2 | NULL | 1001.00\n3 | two\nlines | NULL\n4 | last | 5.00\n5 | say \"a\nb\" | 6.00\n");
    sdk_harness_free(&h);
    h = prepared("file_source", "a.csv", "");
    CHECK_OK(sdk_harness_open(h, &err));
    CHECK_TEXT(sdk_harness_schema(h, 0), "name STRING, id STRING, ignored STRING, amount STRING");
    sdk_harness_free(&h);
}

static void
json_lines_and_patterns(void **state)
{
    slu_error err = {0};
    write_file("1.jsonl", "{\"id\": 1, \"ok\": true}\n{\"id\": 2, \"name\": \"b\"}\n");
    write_file("2.jsonl", "{\"id\": 3, \"ok\": null, \"tags\": [1]}");
    sdk_harness *h = prepared("file_source", "*.jsonl", ", columns: \"id BIGINT NOT NULL, name STRING, ok BOOLEAN\"");
    CHECK_OK(sdk_harness_open(h, &err));
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    CHECK_TEXT(sdk_harness_output(h), "1 | NULL | TRUE\n2 | b | NULL\n3 | NULL | NULL\n");
    sdk_harness_free(&h);
}

/* Splits are taken up at the row behind the last one emitted. */
static void
resumes_at_a_row(void **state)
{
    slu_error err = {0};
    char *text = malloc(400000), *at = text;
    at += sprintf(at, "id,name\n");
    for (int i = 0; i < 20000; i++)
        at += sprintf(at, "%d,\"name %d\"\n", i, i);
    write_file("many.csv", text);
    free(text);
    sdk_harness *h = prepared("file_source", "many.csv", ", columns: \"id BIGINT, name STRING\"");
    CHECK_OK(sdk_harness_open(h, &err));
    CHECK_STATUS(sdk_harness_poll(h, &err), SLU_MORE);
    assert_int_equal(sdk_harness_rows(h), 8192);
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_STATUS(sdk_harness_poll(h, &err), SLU_MORE);
    sdk_harness_clear(h);
    CHECK_OK(sdk_harness_restart(h, &err));
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    assert_int_equal(strncmp(sdk_harness_output(h), "8192 | name 8192\n", 17), 0);
    assert_int_equal(sdk_harness_rows(h), 8192 + 8192 + (20000 - 8192));
    sdk_harness_free(&h);
}

static void
bad_rows_fail_or_are_skipped(void **state)
{
    slu_error err = {0};
    write_file("bad.csv", "id,name\n1,a\nx,b\n3,c\n4\n5,e\n");
    sdk_harness *h = prepared("file_source", "bad.csv", ", columns: \"id BIGINT, name STRING\"");
    CHECK_OK(sdk_harness_open(h, &err));
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "bad.csv:3: column 'id': 'x' is no BIGINT");
    sdk_harness_free(&h);
    h = prepared("file_source", "bad.csv", ", columns: \"name STRING, id BIGINT\", on-error: skip");
    CHECK_OK(sdk_harness_open(h, &err));
    CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
    CHECK_TEXT(sdk_harness_output(h), "a | 1\nc | 3\ne | 5\n");
    assert_int_equal(sdk_harness_metric(h, "rowsSkipped"), 2);
    sdk_harness_free(&h);
}

static void
refused_at_plan(void **state)
{
    static const struct {
        const char *name, *more, *says;
    } bad[] = {{"none*.csv", "", "there is no file"},
               {"1.jsonl", "", "say which columns"},
               {"a.csv", ", columns: \"id BIGNIT\"", "did you mean BIGINT?"},
               {"a.csv", ", delimiter: \"::\"", "one character"},
               {"a.csv", ", columns: \"id ARRAY<INT>\"", "nested types"},
               {"a.csv", ", formt: csv", "did you mean 'format'?"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slu_error err = {0};
        sdk_harness *h = prepared("file_source", bad[i].name, bad[i].more);
        assert_true(sdk_harness_plan(h, &err) < 0);
        CHECK_MESSAGE(err, bad[i].says);
        sdk_harness_free(&h);
    }
    slu_error err = {0};
    sdk_harness *h = prepared("file_source", "a.csv", ", columns: \"id BIGINT, missing STRING\"");
    CHECK_OK(sdk_harness_open(h, &err));
    CHECK_STATUS(sdk_harness_poll(h, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "does not name column 'missing'");
    sdk_harness_free(&h);
}

static void
lookups_by_key(void **state)
{
    slu_error err = {0};
    write_file("accounts.csv", "id,name,level\n7,anna,1\n8,ben,\n7,anna the second,2\n,nobody,0\n");
    sdk_harness *h = prepared("file_lookup", "accounts.csv", ", columns: \"id BIGINT, name STRING, level INT\"");
    CHECK_OK(sdk_harness_input(h, "id BIGINT NOT NULL", &err));
    sdk_harness_take(h, "level, name");
    CHECK_OK(sdk_harness_open(h, &err));
    CHECK_OK(sdk_harness_submit(h, "8\n7\n99\n", &err));
    CHECK_TEXT(sdk_harness_output(h), "NULL | ben\n2 | anna the second\n-D NULL | NULL\n");
    sdk_harness_free(&h);
    h = prepared("file_lookup", "accounts.csv", ", columns: \"id BIGINT, name STRING\", rows-max: 2");
    CHECK_OK(sdk_harness_input(h, "id BIGINT NOT NULL", &err));
    CHECK_STATUS(sdk_harness_open(h, &err), SLU_LIMIT);
    CHECK_MESSAGE(err, "more than rows-max (2) rows");
    sdk_harness_free(&h);
    h = prepared("file_lookup", "accounts.csv", ", columns: \"id BIGINT, name STRING\"");
    CHECK_OK(sdk_harness_input(h, "id INT NOT NULL", &err));
    CHECK_STATUS(sdk_harness_plan(h, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "key column 'id' is BIGINT in the file and INT in the question");
    sdk_harness_free(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(csv_with_a_header), cmocka_unit_test(json_lines_and_patterns),
                                       cmocka_unit_test(resumes_at_a_row),  cmocka_unit_test(bad_rows_fail_or_are_skipped),
                                       cmocka_unit_test(refused_at_plan),   cmocka_unit_test(lookups_by_key)};
    return cmocka_run_group_tests_name("file.faces", tests, folder_make, folder_drop);
}
