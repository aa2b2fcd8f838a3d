/* Expressions: values and types by table, errors with their place, and selections. The model is in expr_model_test.c. */
#include "batches.h"

#include <sluice/sdk/expr.h>

static const char columns[] = "id BIGINT NOT NULL, amount DECIMAL(10,2), channel STRING, flag BOOLEAN, small INT, ratio DOUBLE, "
                              "at TIMESTAMP(3), day DATE, wide DECIMAL(30,5)";
static const char rows[] = "1 | 0.80 | web | TRUE | 7 | 0.5 | 2024-01-31 10:00:00.123 | 2024-01-31 | 123456789012345678.12345\n"
                           "2 | 1001.00 | app | FALSE | -3 | 2.25 | 2024-02-01 00:00:00.000 | 2024-02-29 | -1.00000\n"
                           "3 | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL\n"
                           "4 | 1.00 | ärger_10% | TRUE | 0 | -1 | 1969-12-31 23:59:59.999 | 1970-01-01 | 0.00001\n";

/* Evaluates over the four rows; the answer is "v1,v2,v3,v4". */
static void
evaluate(const char *text, char *out, size_t out_bytes, char *format, size_t format_bytes)
{
    slu_error err = {0};
    test_batch batch;
    sdk_expr *expr = NULL;
    struct ArrowArray result;
    SLU_AUTO(sdk_text_fini) sdk_text values = {0};
    test_batch_init(&batch, columns, rows);
    if (sdk_expr_compile(text, &batch.schema, &expr, NULL, &err) != SLU_OK)
        fail_msg("%s: %s", text, err.message);
    if (sdk_expr_project(expr, &batch.shown, NULL, &result, &err) != SLU_OK)
        fail_msg("%s: %s", text, err.message);
    const struct ArrowSchema field = {.format = sdk_expr_format(expr), .name = ""};
    const slu_column column = slu_column_view(field.format, &result);
    assert_int_equal(result.length, 4);
    for (int i = 0; i < 4; i++) {
        if (i != 0)
            sdk_text_add(&values, ",", 1);
        sdk_value_write(&field, &column, i, &values);
    }
    (void)snprintf(out, out_bytes, "%s", sdk_text_cstr(&values));
    (void)snprintf(format, format_bytes, "%s", field.format);
    slu_array_release(&result);
    sdk_expr_free(&expr);
    test_batch_fini(&batch);
}

static const struct {
    const char *text, *format, *values;
} cases[] = {
    {"amount < 1.00", "b", "TRUE,FALSE,NULL,FALSE"},
    {"amount > 1000", "b", "FALSE,TRUE,NULL,FALSE"},
    {"amount >= 0.801", "b", "FALSE,TRUE,NULL,TRUE"},
    {"amount <= 0.801", "b", "TRUE,FALSE,NULL,FALSE"},
    {"amount < 0.8000", "b", "FALSE,FALSE,NULL,FALSE"},
    {"amount = 0.801", "b", "FALSE,FALSE,NULL,FALSE"},
    {"amount <> 0.801", "b", "TRUE,TRUE,NULL,TRUE"},
    {"1.00 = amount", "b", "FALSE,FALSE,NULL,TRUE"},
    {"1 > amount", "b", "TRUE,FALSE,NULL,FALSE"},
    {"amount < 1e30", "b", "TRUE,TRUE,NULL,TRUE"},
    {"amount < 99999999999999999999999999", "b", "TRUE,TRUE,NULL,TRUE"},
    {"amount > -99999999999999999999999999", "b", "TRUE,TRUE,NULL,TRUE"},
    {"id > 99999999999999999999", "b", "FALSE,FALSE,FALSE,FALSE"},
    {"id <= 2.5", "b", "TRUE,TRUE,FALSE,FALSE"},
    {"id < -0.5", "b", "FALSE,FALSE,FALSE,FALSE"},
    {"small > -3.5", "b", "TRUE,TRUE,NULL,TRUE"},
    {"wide > 123456789012345678.1234", "b", "TRUE,FALSE,NULL,FALSE"},
    {"wide > amount", "b", "TRUE,FALSE,NULL,FALSE"},
    {"id = amount", "b", "FALSE,FALSE,NULL,FALSE"},
    {"ratio > 0.5", "b", "FALSE,TRUE,NULL,FALSE"},
    {"ratio > small", "b", "FALSE,TRUE,NULL,FALSE"},
    {"channel = 'web'", "b", "TRUE,FALSE,NULL,FALSE"},
    {"channel > 'app'", "b", "TRUE,FALSE,NULL,TRUE"},
    {"flag = TRUE", "b", "TRUE,FALSE,NULL,TRUE"},
    {"flag", "b", "TRUE,FALSE,NULL,TRUE"},
    {"not flag", "b", "FALSE,TRUE,NULL,FALSE"},
    {"flag and amount > 0.9", "b", "FALSE,FALSE,NULL,TRUE"},
    {"flag or id = 3", "b", "TRUE,FALSE,TRUE,TRUE"},
    {"flag and id = 4", "b", "FALSE,FALSE,FALSE,TRUE"},
    {"flag and null", "b", "NULL,FALSE,NULL,NULL"},
    {"flag or null", "b", "TRUE,NULL,NULL,TRUE"},
    {"flag is true", "b", "TRUE,FALSE,FALSE,TRUE"},
    {"flag is not false", "b", "TRUE,FALSE,TRUE,TRUE"},
    {"flag is null", "b", "FALSE,FALSE,TRUE,FALSE"},
    {"amount is not null", "b", "TRUE,TRUE,FALSE,TRUE"},
    {"null is null", "b", "TRUE,TRUE,TRUE,TRUE"},
    {"channel in ('web', 'app', 'x')", "b", "TRUE,TRUE,NULL,FALSE"},
    {"channel not in ('web', 'app')", "b", "FALSE,FALSE,NULL,TRUE"},
    {"channel in ('web', null, 'x', 'y')", "b", "TRUE,NULL,NULL,NULL"},
    {"id in (1, 3, 5, 7.5)", "b", "TRUE,FALSE,TRUE,FALSE"},
    {"amount in (0.8, 1, 1001.001, 2)", "b", "TRUE,FALSE,NULL,TRUE"},
    {"id in (small, 4)", "b", "FALSE,FALSE,NULL,TRUE"},
    {"id between 2 and 3", "b", "FALSE,TRUE,TRUE,FALSE"},
    {"id not between 2 and 3", "b", "TRUE,FALSE,FALSE,TRUE"},
    {"channel like 'w%'", "b", "TRUE,FALSE,NULL,FALSE"},
    {"channel like '%p'", "b", "FALSE,TRUE,NULL,FALSE"},
    {"channel like '%rge%'", "b", "FALSE,FALSE,NULL,TRUE"},
    {"channel like '_rger!_10!%' escape '!'", "b", "FALSE,FALSE,NULL,TRUE"},
    {"channel not like '__b'", "b", "FALSE,TRUE,NULL,TRUE"},
    {"id + 1", "l", "2,3,4,5"},
    {"small + 1", "i", "8,-2,NULL,1"},
    {"small * id - 2", "l", "5,-8,NULL,-2"},
    {"id / 2", "l", "0,1,1,2"},
    {"small % 2", "i", "1,-1,NULL,0"},
    {"amount + 0.005", "d:12,3", "0.805,1001.005,NULL,1.005"},
    {"amount * 1.10", "d:13,4", "0.8800,1101.1000,NULL,1.1000"},
    {"amount / 3", "d:21,13", "0.2666666666667,333.6666666666667,NULL,0.3333333333333"},
    {"amount - id", "d:22,2", "-0.20,999.00,NULL,-3.00"},
    {"amount % 0.3", "d:2,2", "0.20,0.20,NULL,0.10"},
    {"-amount", "d:10,2", "-0.80,-1001.00,NULL,-1.00"},
    {"ratio * 2", "g", "1,4.5,NULL,-2"},
    {"ratio + amount", "g", "1.3,1003.25,NULL,0"},
    {"1 + 2 * 3 - -4", "i", "11,11,11,11"},
    {"(1 + 2) * 3", "i", "9,9,9,9"},
    {"case when amount < 1 then 'low' when amount > 1000 then 'high' else 'mid' end", "u", "low,high,mid,mid"},
    {"case channel when 'web' then 1 when 'app' then 2.5 end", "d:11,1", "1.0,2.5,NULL,NULL"},
    {"case when small <> 0 then 10 / small else -1 end", "i", "1,-3,-1,-1"},
    {"small <> 0 and 10 / small > 0", "b", "TRUE,FALSE,NULL,FALSE"},
    {"small = 0 or 10 / small > 0", "b", "TRUE,FALSE,NULL,TRUE"},
    {"coalesce(channel, 'none')", "u", "web,app,none,ärger_10%"},
    {"coalesce(small, id)", "l", "7,-3,3,0"},
    {"nullif(small, 0)", "i", "7,-3,NULL,NULL"},
    {"if(flag, id, 0)", "l", "1,0,0,4"},
    {"upper(channel) || '-' || cast(id as string)", "u", "WEB-1,APP-2,NULL,äRGER_10%-4"},
    {"concat('a', lower('BC'), channel)", "u", "abcweb,abcapp,NULL,abcärger_10%"},
    {"length(channel)", "i", "3,3,NULL,9"},
    {"substr(channel, 2)", "u", "eb,pp,NULL,rger_10%"},
    {"substring(channel, 1, 2)", "u", "we,ap,NULL,är"},
    {"substr(channel, -2, 1)", "u", "e,p,NULL,0"},
    {"trim('  a ')", "u", "a,a,a,a"},
    {"abs(small)", "i", "7,3,NULL,0"},
    {"floor(amount)", "d:9,0", "0,1001,NULL,1"},
    {"ceil(-amount)", "d:9,0", "0,-1001,NULL,-1"},
    {"round(ratio)", "g", "1,2,NULL,-1"},
    {"cast(amount as decimal(10,1))", "d:10,1", "0.8,1001.0,NULL,1.0"},
    {"cast(amount as int)", "i", "0,1001,NULL,1"},
    {"cast(amount as double)", "g", "0.8,1001,NULL,1"},
    {"cast(id as decimal(10,2))", "d:10,2", "1.00,2.00,3.00,4.00"},
    {"cast('12.5' as decimal(5,2))", "d:5,2", "12.50,12.50,12.50,12.50"},
    {"try_cast(channel as int)", "i", "NULL,NULL,NULL,NULL"},
    {"try_cast(id * 100 as tinyint)", "c", "100,NULL,NULL,NULL"},
    {"cast(flag as string)", "u", "TRUE,FALSE,NULL,TRUE"},
    {"cast(at as date)", "tdD", "2024-01-31,2024-02-01,NULL,1969-12-31"},
    {"cast(day as timestamp(0))", "tss:", "2024-01-31 00:00:00,2024-02-29 00:00:00,NULL,1970-01-01 00:00:00"},
    {"cast(at as string)", "u", "2024-01-31 10:00:00.123,2024-02-01 00:00:00.000,NULL,1969-12-31 23:59:59.999"},
    {"at >= '2024-02-01'", "b", "FALSE,TRUE,NULL,FALSE"},
    {"at < timestamp '2024-01-31 10:00:00.1230001'", "b", "TRUE,FALSE,NULL,TRUE"},
    {"day = date '2024-02-29'", "b", "FALSE,TRUE,NULL,FALSE"},
    {"at > day", "b", "TRUE,FALSE,NULL,FALSE"},
    {"to_timestamp(id * 1000)",
     "tsm:", "1970-01-01 00:00:01.000,1970-01-01 00:00:02.000,1970-01-01 00:00:03.000,1970-01-01 00:00:04.000"},
    {"to_timestamp_ltz(small)", "tsm:UTC", "1970-01-01 00:00:00.007Z,1969-12-31 23:59:59.997Z,NULL,1970-01-01 00:00:00.000Z"},
    {"to_millis(at)", "l", "1706695200123,1706745600000,NULL,-1"},
    {"to_millis(timestamp '2024-01-31 10:00:00.123456')", "l", "1706695200123,1706695200123,1706695200123,1706695200123"},
    {"\"id\" = 1 -- the end", "b", "TRUE,FALSE,FALSE,FALSE"},
    {"'it''s'", "u", "it's,it's,it's,it's"},
};

static void
values_by_table(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char values[1024], format[32];
        evaluate(cases[i].text, values, sizeof values, format, sizeof format);
        if (strcmp(values, cases[i].values) != 0 || strcmp(format, cases[i].format) != 0)
            fail_msg("%s: got %s (%s), expected %s (%s)", cases[i].text, values, format, cases[i].values, cases[i].format);
    }
}

static void
errors_say_where(void **state)
{
    static const struct {
        const char *text;
        int at;
        const char *says;
    } bad[] = {{"amout < 1", 0, "did you mean 'amount'?"},
               {"id = 1 and chanel = 'x'", 11, "did you mean 'channel'?"},
               {"amount < 'x'", 7, "DECIMAL(10,2) cannot be compared with STRING"},
               {"id +", 4, "a value expected, but the expression ends"},
               {"(id = 1", 7, "')' expected"},
               {"id = 1 1", 7, "an operator or the end expected"},
               {"id + channel", 5, "'+' needs numbers, not STRING"},
               {"not id", 4, "NOT needs a BOOLEAN, not BIGINT"},
               {"'abc", 0, "a quote that is not closed"},
               {"id # 2", 3, "a character that means nothing here"},
               {"uper(channel)", 0, "did you mean upper?"},
               {"substr(channel)", 0, "substr takes 2 arguments or one more, not 1"},
               {"lower(id)", 6, "lower needs a STRING here, not BIGINT"},
               {"cast(id as bigit)", 11, "did you mean BIGINT?"},
               {"cast(flag as date)", 0, "no CAST from BOOLEAN to DATE"},
               {"case when flag then 1 else 'x' end", 27, "STRING does not go with INT"},
               {"id in ()", 3, "at least one value"},
               {"1e", 0, "exponent has no digits"},
               {"12ab", 0, "runs into a word"},
               {"null", 0, "NULL alone has no type"},
               {"day = '2024-13-01'", 6, "is no DATE"},
               {"id = and", 5, "a value expected, not 'and'"},
               {"99999999999999999999999999999999999999999999", 0, "more than 38 digits"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slu_error err = {0};
        struct ArrowSchema schema;
        sdk_expr *expr = NULL;
        int32_t at = -1;
        CHECK_OK(sdk_schema_from_columns(columns, &schema, &err));
        if (sdk_expr_compile(bad[i].text, &schema, &expr, &at, &err) == SLU_OK)
            fail_msg("%s was accepted", bad[i].text);
        if (strstr(err.message, bad[i].says) == NULL || at != bad[i].at)
            fail_msg("%s: at %d: %s; expected at %d: %s", bad[i].text, at, err.message, bad[i].at, bad[i].says);
        slu_schema_release(&schema);
    }
}

static void
place_in_a_descriptor(void **state)
{
    slu_error err = {0};
    struct ArrowSchema schema;
    sdk_expr *expr = NULL;
    char caret[200];
    const slu_value value = {
        .size = sizeof value, .kind = SLU_VALUE_SCALAR, .text = "id = 1 and amout < 1", .line = 12, .column = 20};
    CHECK_OK(sdk_schema_from_columns(columns, &schema, &err));
    CHECK_STATUS(sdk_expr_compile_condition(&value, "condition", &schema, &expr, &err), SLU_INVALID);
    assert_int_equal(err.line, 12);
    assert_int_equal(err.column, 31);
    CHECK_MESSAGE(err, "condition 'id = 1 and amout < 1': column 'amout' is not there");
    CHECK_TEXT(sdk_expr_caret(value.text, 11, caret, sizeof caret), "id = 1 and amout < 1\n           ^");
    const slu_value number = {.size = sizeof value, .kind = SLU_VALUE_SCALAR, .text = "id + 1", .line = 3, .column = 5};
    CHECK_STATUS(sdk_expr_compile_condition(&number, "condition", &schema, &expr, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "a BOOLEAN is expected, this is BIGINT");
    slu_schema_release(&schema);
}

static void
failures_while_running(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {{"10 / small", "division by zero"},
               {"cast(channel as int)", "'web' is no INT"},
               {"id * 9223372036854775807", "out of range of BIGINT"},
               {"cast(amount as tinyint)", "out of range of TINYINT"},
               {"cast(amount * 1000000 as decimal(5,2))", "out of range of DECIMAL(5,2)"}};
    test_batch batch;
    test_batch_init(&batch, columns, rows);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slu_error err = {0};
        sdk_expr *expr = NULL;
        struct ArrowArray out;
        CHECK_OK(sdk_expr_compile(bad[i].text, &batch.schema, &expr, NULL, &err));
        const slu_status status = sdk_expr_project(expr, &batch.shown, NULL, &out, &err);
        if (status >= 0 || strstr(err.message, bad[i].says) == NULL)
            fail_msg("%s: %s: %s", bad[i].text, slu_status_name(status), err.message);
        sdk_expr_free(&expr);
    }
    test_batch_fini(&batch);
}

static void
depth_and_size_are_bounded(void **state)
{
    slu_error err = {0};
    struct ArrowSchema schema;
    sdk_expr *expr = NULL;
    SLU_AUTO(sdk_text_fini) sdk_text text = {0};
    CHECK_OK(sdk_schema_from_columns(columns, &schema, &err));
    for (int i = 0; i < 10000; i++)
        sdk_text_add(&text, "(", 1);
    CHECK_STATUS(sdk_expr_compile(sdk_text_cstr(&text), &schema, &expr, NULL, &err), SLU_LIMIT);
    sdk_text_reset(&text);
    for (int i = 0; i < 5000; i++)
        sdk_text_printf(&text, "id<1 or ");
    sdk_text_printf(&text, "flag");
    CHECK_STATUS(sdk_expr_compile(sdk_text_cstr(&text), &schema, &expr, NULL, &err), SLU_LIMIT);
    sdk_text_reset(&text);
    for (int i = 0; i < 30000; i++)
        sdk_text_printf(&text, "----");
    CHECK_STATUS(sdk_expr_compile(sdk_text_cstr(&text), &schema, &expr, NULL, &err), SLU_LIMIT);
    slu_schema_release(&schema);
}

/* Selections through a selection, over more than one block. */
static void
select_through_selection(void **state)
{
    slu_error err = {0};
    enum { N = 5000 };
    sdk_builder builder;
    struct ArrowArray column, array;
    struct ArrowSchema schema;
    sdk_expr *expr = NULL;
    static int32_t selection[N], out[N];
    static uint8_t truth[N];
    int64_t found, expected = 0;
    CHECK_OK(sdk_schema_from_columns("x BIGINT", &schema, &err));
    CHECK_STATUS(sdk_builder_init(&builder, "l", NULL), SLU_OK);
    for (int i = 0; i < N; i++)
        if (i % 11 == 5)
            sdk_builder_null(&builder);
        else
            sdk_builder_i64(&builder, i * 7 % 1000);
    CHECK_OK(sdk_builder_finish(&builder, &column, &err));
    CHECK_OK(sdk_struct(&column, 1, N, &array, &err));
    slu_batch batch = {.size = sizeof batch, .schema = &schema, .array = &array, .rows = N};
    CHECK_OK(sdk_expr_compile("x < 300", &schema, &expr, NULL, &err));
    CHECK_OK(sdk_expr_select(expr, &batch, out, &found, &err));
    CHECK_OK(sdk_expr_truth(expr, &batch, truth, &err));
    for (int i = 0; i < N; i++) {
        const bool holds = i % 11 != 5 && i * 7 % 1000 < 300;
        assert_int_equal(truth[i], holds);
        if (holds)
            assert_int_equal(out[expected++], i);
    }
    assert_int_equal(found, expected);
    for (int i = 0; i < N / 3; i++)
        selection[i] = i * 3 + 1;
    batch.selection = selection;
    batch.rows = N / 3;
    CHECK_OK(sdk_expr_select(expr, &batch, out, &found, &err));
    expected = 0;
    for (int i = 0; i < N / 3; i++)
        if (selection[i] % 11 != 5 && selection[i] * 7 % 1000 < 300)
            assert_int_equal(out[expected++], selection[i]);
    assert_int_equal(found, expected);
    sdk_expr_free(&expr);
    slu_array_release(&array);
    slu_schema_release(&schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_by_table),
                                       cmocka_unit_test(errors_say_where),
                                       cmocka_unit_test(place_in_a_descriptor),
                                       cmocka_unit_test(failures_while_running),
                                       cmocka_unit_test(depth_and_size_are_bounded),
                                       cmocka_unit_test(select_through_selection)};
    return cmocka_run_group_tests_name("sdk.expr", tests, NULL, NULL);
}
