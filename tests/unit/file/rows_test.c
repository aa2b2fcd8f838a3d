/* Cutting records into fields: CSV and JSON, good and bad; inputs end at an unreadable page. */
#include "support/check.h"

#include "rows.h"

static void
check_csv(const char *record, const char *expected)
{
    file_field fields[8];
    char scratch[256], got[512] = "";
    const char *problem = NULL;
    const size_t bytes = strlen(record);
    uint8_t *copy = guarded_copy(record, bytes);
    const int64_t count = file_csv_cut((const char *)copy, bytes, ',', "", scratch, fields, 8, &problem);
    if (count < 0)
        (void)snprintf(got, sizeof got, "bad: %s", problem);
    for (int64_t i = 0; i < count; i++)
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i != 0 ? "|" : "",
                       fields[i].kind == FILE_FIELD_NULL ? 4 : (int)fields[i].bytes,
                       fields[i].kind == FILE_FIELD_NULL ? "NULL" : fields[i].data);
    CHECK_TEXT(got, expected);
    guarded_free(copy, bytes);
}

static void
csv_fields(void **state)
{
    check_csv("a,b,c", "a|b|c");
    check_csv("a,,c", "a|NULL|c");
    check_csv("a,\"\",", "a||NULL");
    check_csv("", "NULL");
    check_csv("\"a,b\",c", "a,b|c");
    check_csv("\"say \"\"hi\"\"\",x", "say \"hi\"|x");
    check_csv("\"two\nlines\"", "two\nlines");
    check_csv("a\"b,c", "a\"b|c");
    check_csv("\"a", "bad: a quote that is not closed");
    check_csv("\"a\"b", "bad: text behind a closing quote");
    check_csv("1,2,3,4,5,6,7,8,9", "bad: more fields than columns");
}

static void
check_json(const char *record, const char *expected)
{
    slu_error err = {0};
    struct ArrowSchema schema;
    file_field fields[3] = {{0}};
    char scratch[512], got[512] = "";
    const char *problem = NULL;
    const size_t bytes = strlen(record);
    uint8_t *copy = guarded_copy(record, bytes);
    CHECK_OK(sdk_schema_from_columns("a BIGINT, b STRING, c BOOLEAN", &schema, &err));
    if (!file_json_cut((const char *)copy, bytes, &schema, scratch, fields, &problem))
        (void)snprintf(got, sizeof got, "bad: %s", problem);
    for (int i = 0; problem == NULL && i < 3; i++) {
        const bool value = fields[i].kind == FILE_FIELD_VALUE;
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i != 0 ? "|" : "", value ? (int)fields[i].bytes : 4,
                       value                               ? fields[i].data
                       : fields[i].kind == FILE_FIELD_NULL ? "NULL"
                                                           : "none");
    }
    CHECK_TEXT(got, expected);
    slu_schema_release(&schema);
    guarded_free(copy, bytes);
}

static void
json_fields(void **state)
{
    check_json("{\"a\": 1, \"b\": \"x\", \"c\": true}", "1|x|true");
    check_json(" { \"c\" : false , \"zzz\" : [1,{\"a\":2}] , \"a\" : -1.5e3 } ", "-1.5e3|none|false");
    check_json("{}", "none|none|none");
    check_json("{\"a\": null, \"b\": {\"x\": [1, \"y\"]}}", "NULL|{\"x\": [1, \"y\"]}|none");
    check_json("{\"b\": \"\\u00e4\\n\\\"\\ud83d\\ude00\"}", "none|ä\n\"😀|none");
    check_json("{\"a\": 1, \"a\": 2}", "2|none|none");
    check_json("", "bad: an object is expected");
    check_json("[1]", "bad: an object is expected");
    check_json("{\"a\": }", "bad: a value is expected");
    check_json("{\"a\": 1", "bad: ',' or '}' is expected");
    check_json("{\"a\" 1}", "bad: a member's name is expected");
    check_json("{\"a\": 1} x", "bad: text behind the object");
    check_json("{\"b\": \"x", "bad: a text that is not closed");
    check_json("{\"b\": \"\\q\"}", "bad: an unknown escape");
    check_json("{\"b\": \"\\u12\"}", "bad: an escape that is no number");
    check_json("{\"b\": \"\\ud83d\"}", "bad: half of a pair of escapes");
    check_json("{\"b\": \"a\tb\"}", "bad: a control character in a text");
    char deep[400] = "{\"b\": ";
    memset(deep + 6, '[', 200);
    check_json(deep, "bad: nested too deep");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(csv_fields), cmocka_unit_test(json_fields)};
    return cmocka_run_group_tests_name("file.rows", tests, NULL, NULL);
}
