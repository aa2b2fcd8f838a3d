/* Metadata: made, changed, and what is refused. */
#include "iceberg/metadata.h"
#include "support/check.h"

#include <stdlib.h>

static const char SCHEMA[] =
    "{\"type\":\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"}]}";

static iceberg_metadata *
made(void)
{
    slu_error err = {0};
    slu_arena arena;
    iceberg_schema schema;
    iceberg_metadata *metadata = NULL;
    const iceberg_property properties[] = {{"format-version", "2"}, {"a", "b"}};
    slu_arena_init(&arena, 100000);
    CHECK_OK(iceberg_schema_parse(slu_view_of_text(SCHEMA), &arena, &schema, &err));
    const iceberg_create create = {.location = "file:///lake/t", .schema = &schema, .properties = properties, .property_count = 2};
    CHECK_OK(iceberg_metadata_new(&create, "6ba7b810-9dad-41d1-80b4-00c04fd430c8", 1000, &metadata, &err));
    slu_arena_fini(&arena);
    return metadata;
}

static void
a_new_table(void **state)
{
    iceberg_metadata *metadata = made();
    assert_int_equal(metadata->format_version, 2);
    assert_int_equal(metadata->last_partition_id, 999);
    assert_int_equal(metadata->current_snapshot_id, -1);
    assert_null(iceberg_metadata_snapshot(metadata));
    assert_null(iceberg_metadata_property(metadata, "format-version"));
    CHECK_TEXT(iceberg_metadata_property(metadata, "a"), "b");
    CHECK_TEXT(iceberg_metadata_property(metadata, "write.parquet.compression-codec"), "zstd");
    assert_int_equal(iceberg_metadata_property_i64(metadata, "a", 7), 7);
    iceberg_metadata_free(&metadata);
}

/* The next moment with one more snapshot on main. */
static iceberg_metadata *
grown(const iceberg_metadata *base, int64_t id, int64_t now_ms, const char *key, const char *value)
{
    slu_error err = {0};
    iceberg_metadata *next = NULL;
    const iceberg_property summary[] = {{"operation", "append"}, {key, value}};
    const iceberg_snapshot snapshot = {
        id, base->current_snapshot_id, base->last_sequence_number + 1, now_ms, 0, "file:///lake/t/l", summary, 2};
    const iceberg_update updates[] = {{.kind = ICEBERG_UPDATE_ADD_SNAPSHOT, .snapshot = &snapshot},
                                      {.kind = ICEBERG_UPDATE_SET_REF, .text = "main", .number = id}};
    const iceberg_requirements requirements = {base->uuid, "main", base->current_snapshot_id};
    CHECK_OK(iceberg_metadata_apply(base, "file:///lake/t/before", &requirements, updates, 2, now_ms, &next, &err));
    return next;
}

static void
snapshots_grow(void **state)
{
    iceberg_metadata *one = made();
    iceberg_metadata *two = grown(one, INT64_C(9007199254740993), 2000, "user", "a"); /* 2^53 + 1: no double holds it */
    iceberg_metadata *three = grown(two, 8, 1500, "user", "b");                       /* a clock that went back */
    assert_int_equal(two->current_snapshot_id, INT64_C(9007199254740993));
    assert_int_equal(three->last_sequence_number, 2);
    assert_int_equal(three->last_updated_ms, 2000);
    assert_int_equal(three->log_count, 2);
    assert_int_equal(iceberg_metadata_find(three, "user", "a")->id, INT64_C(9007199254740993));
    assert_int_equal(iceberg_metadata_find(three, "user", "b")->id, 8);
    assert_null(iceberg_metadata_find(three, "user", "c"));
    assert_int_equal(one->snapshot_count, 0); /* a moment does not change */
    iceberg_metadata_free(&one);
    iceberg_metadata_free(&two);
    iceberg_metadata_free(&three);
}

static slu_status
applied(const iceberg_metadata *base, const iceberg_requirements *requirements, const iceberg_update *update, slu_error *err)
{
    iceberg_metadata *next = NULL;
    const slu_status status = iceberg_metadata_apply(base, "x", requirements, update, 1, 3000, &next, err);
    iceberg_metadata_free(&next);
    return status;
}

static void
requirements_decide(void **state)
{
    slu_error err = {0};
    iceberg_metadata *one = made();
    iceberg_metadata *two = grown(one, 5, 2000, "k", "v");
    const iceberg_property property = {"x", "y"};
    const iceberg_update update = {.kind = ICEBERG_UPDATE_SET_PROPERTIES, .properties = &property, .property_count = 1};
    const iceberg_requirements other_table = {.uuid = "other"};
    const iceberg_requirements no_snapshot = {NULL, "main", -1};
    const iceberg_requirements wrong_snapshot = {NULL, "main", 4};
    const iceberg_requirements right = {two->uuid, "main", 5};
    CHECK_STATUS(applied(two, &other_table, &update, &err), SLU_CONFLICT);
    CHECK_STATUS(applied(two, &no_snapshot, &update, &err), SLU_CONFLICT);
    CHECK_STATUS(applied(two, &wrong_snapshot, &update, &err), SLU_CONFLICT);
    CHECK_OK(applied(two, &right, &update, &err));
    CHECK_OK(applied(one, &no_snapshot, &update, &err));
    iceberg_metadata_free(&one);
    iceberg_metadata_free(&two);
}

static void
snapshots_go(void **state)
{
    slu_error err = {0};
    const iceberg_requirements none = {0};
    iceberg_metadata *one = made();
    iceberg_metadata *two = grown(one, 5, 2000, "k", "v");
    iceberg_metadata *three = grown(two, 6, 3000, "k", "v");
    iceberg_metadata *less = NULL;
    const int64_t current = 6;
    const int64_t old = 5;
    const iceberg_update refused = {.kind = ICEBERG_UPDATE_REMOVE_SNAPSHOTS, .ids = &current, .id_count = 1};
    const iceberg_update update = {.kind = ICEBERG_UPDATE_REMOVE_SNAPSHOTS, .ids = &old, .id_count = 1};
    CHECK_STATUS(applied(three, &none, &refused, &err), SLU_INVALID);
    CHECK_OK(iceberg_metadata_apply(three, "x", &none, &update, 1, 4000, &less, &err));
    assert_int_equal(less->snapshot_count, 1);
    assert_int_equal(less->snapshots[0].id, 6);
    iceberg_metadata_free(&one);
    iceberg_metadata_free(&two);
    iceberg_metadata_free(&three);
    iceberg_metadata_free(&less);
}

/* The JSON of a good table with one text replaced by another. */
static void
refused(const char *from, const char *to, slu_status status, const char *message)
{
    slu_error err = {0};
    iceberg_metadata *one = made();
    iceberg_metadata *two = grown(one, 5, 2000, "k", "v");
    iceberg_metadata *parsed = NULL;
    slu_buf text;
    slu_buf changed;
    slu_buf_init(&text, 100000);
    slu_buf_init(&changed, 100000);
    CHECK_OK(iceberg_metadata_print(two, &text, &err));
    const char *at = strstr(slu_buf_cstr(&text), from);
    assert_non_null(at);
    slu_buf_append(&changed, text.data, (size_t)(at - (const char *)text.data));
    slu_buf_text(&changed, to);
    slu_buf_text(&changed, at + strlen(from));
    CHECK_STATUS(iceberg_metadata_parse(slu_buf_view(&changed), &parsed, &err), status);
    CHECK_MESSAGE(err, message);
    slu_buf_fini(&text);
    slu_buf_fini(&changed);
    iceberg_metadata_free(&one);
    iceberg_metadata_free(&two);
}

static void
bad_metadata(void **state)
{
    refused("{", "", SLU_CORRUPT, "not JSON");
    refused("\"format-version\":2", "\"format-version\":4", SLU_UNSUPPORTED, "format version 4");
    refused("\"format-version\":2", "\"format-version\":\"2\"", SLU_CORRUPT, "format-version");
    refused("\"current-snapshot-id\":5", "\"current-snapshot-id\":6", SLU_CORRUPT, "ref main");
    refused("\"refs\":{\"main\":{\"snapshot-id\":5", "\"refs\":{\"other\":{\"snapshot-id\":9", SLU_CORRUPT, "not listed");
    refused("\"current-schema-id\":0", "\"current-schema-id\":1", SLU_CORRUPT, "current schema");
    refused("\"default-spec-id\":0", "\"default-spec-id\":1", SLU_CORRUPT, "default partition spec");
    refused("\"table-uuid\"", "\"uuid\"", SLU_CORRUPT, "table-uuid");
    refused("\"manifest-list\"", "\"manifest-lost\"", SLU_CORRUPT, "manifest-list");
    refused("\"operation\":\"append\"", "\"operation\":1", SLU_CORRUPT, "operation");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_table),  cmocka_unit_test(snapshots_grow), cmocka_unit_test(requirements_decide),
        cmocka_unit_test(snapshots_go), cmocka_unit_test(bad_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
