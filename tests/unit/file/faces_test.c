/* file_source and file_lookup in the harness, over files of a temporary folder. */
#include "unit/operators/harnessed.h"

#include <sluice/sdk/rows.h>
#include <sluice/sdk/types.h>

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

/* All files of a folder of the test, in the order of their names, hidden ones left out. */
static void
folder_text(const char *name, char *out, size_t out_bytes)
{
    char command[256];
    (void)snprintf(command, sizeof command, "cd '%s/%s' && for f in $(ls); do cat $f; echo --; done", folder, name);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    out[fread(out, 1, out_bytes - 1, pipe)] = 0;
    assert_int_equal(pclose(pipe), 0);
}

static sdk_harness *
sink_opened(const char *name, const char *more)
{
    slu_error err = {0};
    sdk_harness *h = prepared("file_sink", name, more);
    CHECK_OK(sdk_harness_input(h, "id BIGINT, name STRING, amount DECIMAL(10,2), ok BOOLEAN, ratio DOUBLE", &err));
    CHECK_OK(sdk_harness_open(h, &err));
    return h;
}

static void
files_appear_when_a_checkpoint_is_whole(void **state)
{
    slu_error err = {0};
    char text[2000];
    sdk_harness *h = sink_opened("out", "");
    CHECK_OK(sdk_harness_snapshot(h, &err)); /* nothing was written: no file */
    CHECK_OK(sdk_harness_push(h, 0, "1 | a, b | 0.80 | TRUE | 0.5\n2 | NULL | NULL | NULL | NULL\n", &err));
    CHECK_OK(sdk_harness_push(h, 0, "3 |  | 5 | FALSE | 2\n", &err));
    folder_text("out", text, sizeof text);
    CHECK_TEXT(text, "");
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_OK(sdk_harness_push(h, 0, "4 | lost | 1 | TRUE | 1\n", &err));
    CHECK_OK(sdk_harness_complete(h, &err));
    CHECK_OK(sdk_harness_complete(h, &err)); /* again, as after a crash */
    folder_text("out", text, sizeof text);
    CHECK_TEXT(text, "id,name,amount,ok,ratio\n1,\"a, b\",0.80,TRUE,0.5\n2,,,,\n3,\"\",5.00,FALSE,2\n--\n");
    CHECK_OK(sdk_harness_restart(h, &err)); /* row 4 is gone with the crash */
    CHECK_OK(sdk_harness_push(h, 0, "4 | again | 1 | TRUE | 1\n", &err));
    CHECK_OK(sdk_harness_snapshot(h, &err));
    CHECK_OK(sdk_harness_complete(h, &err));
    folder_text("out", text, sizeof text);
    assert_non_null(strstr(text, "--\nid,name,amount,ok,ratio\n4,again,1.00,TRUE,1\n--\n"));
    assert_null(strstr(text, "lost"));
    sdk_harness_free(&h);
}

/* What the sink writes, the source reads: texts with everything that needs care. */
static void
sink_and_source_agree(void **state)
{
    static const char *const formats[] = {"csv", "json"};
    for (int f = 0; f < 2; f++) {
        slu_error err = {0};
        char more[64], pattern[64];
        struct ArrowSchema schema;
        CHECK_OK(sdk_schema_from_columns("id BIGINT, name STRING, amount DECIMAL(10,2), ok BOOLEAN, ratio DOUBLE", &schema, &err));
        (void)snprintf(more, sizeof more, ", format: %s", formats[f]);
        sdk_harness *h = sink_opened(formats[f], more);
        sdk_builder builders[5];
        struct ArrowArray columns[5], array;
        static const char *const names[] = {"plain",        "",  " space ", "say \"hi\"", "two\nlines\r\n", "a,b", "\\ back\tslash",
                                            "\xc3\xa4rger", NULL};
        for (int c = 0; c < 5; c++)
            CHECK_STATUS(sdk_builder_init(&builders[c], schema.children[c]->format, NULL), SLU_OK);
        for (int i = 0; i < 9; i++) {
            sdk_builder_i64(&builders[0], i);
            if (names[i] != NULL)
                sdk_builder_text(&builders[1], names[i]);
            else
                sdk_builder_null(&builders[1]);
            sdk_builder_decimal(&builders[2], i * 101 - 300);
            sdk_builder_bool(&builders[3], i % 2);
            sdk_builder_f64(&builders[4], i / 8.0);
        }
        for (int c = 0; c < 5; c++)
            CHECK_OK(sdk_builder_finish(&builders[c], &columns[c], &err));
        CHECK_OK(sdk_struct(columns, 5, 9, &array, &err));
        const slu_batch batch = {.size = sizeof batch, .rows = 9, .schema = &schema, .array = &array};
        CHECK_OK(sdk_harness_push_batch(h, 0, &batch, &err));
        CHECK_OK(sdk_harness_snapshot(h, &err));
        CHECK_OK(sdk_harness_complete(h, &err));
        sdk_harness_free(&h);
        (void)snprintf(pattern, sizeof pattern, "%s/part*", formats[f]);
        h = prepared("file_source", pattern,
                     ", columns: \"id BIGINT, name STRING, amount DECIMAL(10,2), ok BOOLEAN, ratio DOUBLE\"");
        CHECK_OK(sdk_harness_open(h, &err));
        CHECK_STATUS(sdk_harness_drain(h, &err), SLU_END);
        SLU_AUTO(sdk_text_fini) sdk_text expected = {0};
        sdk_rows_write(&batch, &expected);
        CHECK_TEXT(sdk_harness_output(h), sdk_text_cstr(&expected));
        sdk_harness_free(&h);
        slu_array_release(&array);
        slu_schema_release(&schema);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(csv_with_a_header),
                                       cmocka_unit_test(json_lines_and_patterns),
                                       cmocka_unit_test(resumes_at_a_row),
                                       cmocka_unit_test(bad_rows_fail_or_are_skipped),
                                       cmocka_unit_test(refused_at_plan),
                                       cmocka_unit_test(lookups_by_key),
                                       cmocka_unit_test(files_appear_when_a_checkpoint_is_whole),
                                       cmocka_unit_test(sink_and_source_agree)};
    return cmocka_run_group_tests_name("file.faces", tests, folder_make, folder_drop);
}
