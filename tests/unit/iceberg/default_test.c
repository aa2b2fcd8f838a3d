/* Defaults as the metadata of others writes them: the specification's own single values, and what is none of their type. */
#include "iceberg/default.h"
#include "support/check.h"

#define BYTES(text) text, sizeof(text) - 1

typedef struct given {
    iceberg_type type;
    const char *json;
    const char *bytes; /* in single-value form; NULL: refused */
    size_t count;
    slu_status status;
} given;

static void
check(const given *of)
{
    slu_error err = {0};
    slu_arena arena;
    slu_view out = {0};
    json_t *json = json_loads(of->json, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    slu_arena_init(&arena, 10000);
    const slu_status status = iceberg_default_decode(&of->type, json, &arena, &out, &err);
    if (status != of->status)
        fail_msg("%s of kind %d: status %d, %s", of->json, of->type.kind, status, err.message);
    if (status == SLU_OK) {
        assert_int_equal(out.bytes, of->count);
        assert_memory_equal(out.data, of->bytes, of->count);
    }
    slu_arena_fini(&arena);
    json_decref(json);
}

static void
defaults_of_every_type(void **state)
{
    (void)state;
    static const given all[] = {
        {{.kind = ICEBERG_BOOLEAN}, "true", BYTES("\1"), SLU_OK},
        {{.kind = ICEBERG_INT}, "34", BYTES("\x22\0\0\0"), SLU_OK},
        {{.kind = ICEBERG_LONG}, "-2", BYTES("\xfe\xff\xff\xff\xff\xff\xff\xff"), SLU_OK},
        {{.kind = ICEBERG_FLOAT}, "1.0", BYTES("\0\0\x80\x3f"), SLU_OK},
        {{.kind = ICEBERG_DOUBLE}, "1", BYTES("\0\0\0\0\0\0\xf0\x3f"), SLU_OK},
        {{.kind = ICEBERG_DECIMAL, .precision = 9, .scale = 2}, "\"14.20\"", BYTES("\x05\x8c"), SLU_OK},
        {{.kind = ICEBERG_DATE}, "\"2017-11-16\"", BYTES("\x4e\x44\0\0"), SLU_OK},
        {{.kind = ICEBERG_TIME}, "\"00:00:00.000001\"", BYTES("\1\0\0\0\0\0\0\0"), SLU_OK},
        {{.kind = ICEBERG_TIMESTAMP}, "\"1970-01-01T00:00:00.000002\"", BYTES("\2\0\0\0\0\0\0\0"), SLU_OK},
        {{.kind = ICEBERG_TIMESTAMPTZ}, "\"1970-01-01T00:00:00.000003+00:00\"", BYTES("\3\0\0\0\0\0\0\0"), SLU_OK},
        {{.kind = ICEBERG_STRING}, "\"iceberg\"", BYTES("iceberg"), SLU_OK},
        {{.kind = ICEBERG_UUID},
         "\"f79c3e09-677c-4bbd-a479-3f349cb785e7\"",
         BYTES("\xf7\x9c\x3e\x09\x67\x7c\x4b\xbd\xa4\x79\x3f\x34\x9c\xb7\x85\xe7"),
         SLU_OK},
        {{.kind = ICEBERG_FIXED, .length = 4}, "\"000102ff\"", BYTES("\0\1\2\xff"), SLU_OK},
        {{.kind = ICEBERG_BINARY}, "\"00FF\"", BYTES("\0\xff"), SLU_OK},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check(&all[i]);
}

static void
what_is_no_value_of_its_type_is_refused(void **state)
{
    (void)state;
    static const given all[] = {
        {{.kind = ICEBERG_BOOLEAN}, "\"true\"", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_BOOLEAN}, "1", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_INT}, "2147483648", NULL, 0, SLU_LIMIT},
        {{.kind = ICEBERG_INT}, "\"34\"", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_LONG}, "1.5", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_DOUBLE}, "\"1\"", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_DECIMAL, .precision = 3, .scale = 2}, "\"14.20\"", NULL, 0, SLU_LIMIT},
        {{.kind = ICEBERG_DATE}, "\"2017-13-16\"", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_TIMESTAMPTZ}, "\"1970-01-01T00:00:00-08:00\"", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_STRING}, "[]", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_UUID}, "\"f79c3e09\"", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_FIXED, .length = 4}, "\"000102\"", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_BINARY}, "\"0\"", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_BINARY}, "\"0g\"", NULL, 0, SLU_INVALID},
        {{.kind = ICEBERG_TIMESTAMP_NS}, "\"1970-01-01T00:00:00\"", NULL, 0, SLU_UNSUPPORTED},
        {{.kind = ICEBERG_LIST}, "[1]", NULL, 0, SLU_UNSUPPORTED},
        {{.kind = ICEBERG_TIME},
         "\"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "00000"
         "00000000000000\"",
         NULL,
         0,
         SLU_INVALID},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check(&all[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_of_every_type),
        cmocka_unit_test(what_is_no_value_of_its_type_is_refused),
    };
    return cmocka_run_group_tests_name("iceberg.default", tests, NULL, NULL);
}
