/* Schemas: JSON, Arrow, and what is refused. */
#include "iceberg/schema.h"
#include "support/check.h"

#include <sluice/columns.h>

static const char NESTED[] = "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"},{"
                             "\"id\":2,\"name\":\"d\",\"required\":"
                             "false,\"type\":\"decimal(9, 2)\",\"doc\":\"a "
                             "\\\"doc\\\"\"},{\"id\":3,\"name\":\"f\",\"required\":false,\"type\":\"fixed[16]\"},{\"id\":"
                             "4,\"name\":\"l\",\"required\":false,\"type\":{\"type\":\"list\",\"element-id\":6,\"element\":"
                             "\"string\",\"element-required\":false}},{"
                             "\"id\":5,\"name\":\"m\",\"required\":false,\"type\":{\"type\":\"map\",\"key-id\":7,\"key\":"
                             "\"string\",\"value-id\":8,\"value\":{\"type\":"
                             "\"struct\",\"fields\":[{\"id\":9,\"name\":\"x\",\"required\":true,\"type\":\"timestamptz\"}]},"
                             "\"value-required\":true}}],\"schema-id\":"
                             "3,\"identifier-field-ids\":[1]}";

static void
json_both_ways(void **state)
{
    slu_error err = {0};
    slu_arena arena;
    iceberg_schema schema;
    slu_buf out;
    slu_arena_init(&arena, 100000);
    slu_buf_init(&out, 10000);
    CHECK_OK(iceberg_schema_parse(slu_view_of_text(NESTED), &arena, &schema, &err));
    assert_int_equal(iceberg_schema_max_id(&schema), 9);
    assert_int_equal(iceberg_schema_field(&schema, 9)->type.kind, ICEBERG_TIMESTAMPTZ);
    assert_null(iceberg_schema_field(&schema, 10));
    iceberg_schema_print(&schema, &out);
    CHECK_TEXT(slu_buf_cstr(&out), NESTED);
    slu_buf_fini(&out);
    slu_arena_fini(&arena);
}

/* Through Arrow and back: the ids are fresh, a level before what is below it, which here are the same. */
static void
arrow_both_ways(void **state)
{
    slu_error err = {0};
    slu_arena arena;
    iceberg_schema schema;
    iceberg_schema again;
    struct ArrowSchema arrow;
    slu_arena_init(&arena, 100000);
    CHECK_OK(iceberg_schema_parse(slu_view_of_text(NESTED), &arena, &schema, &err));
    CHECK_OK(iceberg_schema_to_arrow(&schema, &arrow, &err));
    CHECK_TEXT(arrow.children[1]->format, "d:9,2");
    CHECK_TEXT(arrow.children[4]->format, "+m");
    CHECK_TEXT(arrow.children[4]->children[0]->children[1]->children[0]->format, "tsu:UTC");
    assert_false(slu_schema_nullable(arrow.children[0]));
    CHECK_OK(iceberg_schema_of_arrow(&arrow, &arena, &again, &err));
    assert_int_equal(iceberg_schema_field(&again, 9)->type.kind, ICEBERG_TIMESTAMPTZ);
    CHECK_TEXT(iceberg_schema_field(&again, 6)->name, "element");
    again.root.fields[2].type = schema.root.fields[2].type; /* Arrow's w:16 is a binary to us */
    assert_true(iceberg_type_same(&schema.root, &again.root));
    assert_false(iceberg_schema_same(&schema, &again)); /* the identifier */
    slu_schema_release(&arrow);
    slu_arena_fini(&arena);
}

static void
refused(const char *json, slu_status status)
{
    slu_error err = {0};
    slu_arena arena;
    iceberg_schema schema;
    slu_arena_init(&arena, 10 << 20);
    CHECK_STATUS(iceberg_schema_parse(slu_view_of_text(json), &arena, &schema, &err), status);
    assert_true(err.message[0] != 0);
    slu_arena_fini(&arena);
}

static void
bad_schemas(void **state)
{
    refused("", SLU_CORRUPT);
    refused("[]", SLU_CORRUPT);
    refused("{\"fields\":{}}", SLU_CORRUPT);
    refused("{\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true}]}", SLU_CORRUPT);
    refused("{\"fields\":[{\"id\":1e9,\"name\":\"a\",\"required\":true,\"type\":\"int\"}]}", SLU_CORRUPT);
    refused("{\"fields\":[{\"id\":9223372036854775807,\"name\":\"a\",\"type\":\"int\"}]}", SLU_CORRUPT);
    refused("{\"fields\":[{\"id\":1,\"name\":\"a\",\"type\":\"decimal(39,0)\"}]}", SLU_CORRUPT);
    refused("{\"fields\":[{\"id\":1,\"name\":\"a\",\"type\":\"decimal(9)\"}]}", SLU_UNSUPPORTED);
    refused("{\"fields\":[{\"id\":1,\"name\":\"a\",\"type\":\"fixed[99999999999]\"}]}", SLU_UNSUPPORTED);
    refused("{\"fields\":[{\"id\":1,\"name\":\"a\",\"type\":\"blob\"}]}", SLU_UNSUPPORTED);
}

static void
deep_nesting_is_a_limit(void **state)
{
    slu_buf json;
    slu_buf_init(&json, 100000);
    slu_buf_text(&json, "{\"fields\":[{\"id\":1,\"name\":\"a\",\"type\":");
    for (int i = 0; i < 40; i++)
        slu_buf_text(&json, "{\"type\":\"list\",\"element-id\":2,\"element-required\":true,\"element\":");
    slu_buf_text(&json, "\"int\"");
    for (int i = 0; i < 40; i++)
        slu_buf_text(&json, "}");
    slu_buf_text(&json, "}]}");
    refused(slu_buf_cstr(&json), SLU_LIMIT);
    slu_buf_fini(&json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_both_ways),
        cmocka_unit_test(arrow_both_ways),
        cmocka_unit_test(bad_schemas),
        cmocka_unit_test(deep_nesting_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
