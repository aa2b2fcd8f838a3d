/*
 * pushdown_test.c: what FETCH_LOG is asked to leave out: columns (nested ones, wrong ones), and rows by a predicate, which clients of 1.0
 * send and check again themselves; and the batches with statistics that such clients write.
 */
#include "wire_peer.h"

#include "base/file.h"
#include "base/hash.h"
#include "fluss/record/log_batch.h"
#include "fluss/server/server.h"

#include <sluice/sdk/columns_build.h>

#define TABLE                                                                                                                      \
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"a\",\"data_type\":{\"type\":\"BIGINT\"},\"id\":0},"         \
    "{\"name\":\"l\",\"data_type\":{\"type\":\"ARRAY\",\"element_type\":{\"type\":\"STRING\"}},\"id\":1},"                         \
    "{\"name\":\"b\",\"data_type\":{\"type\":\"STRING\"},\"id\":2}],\"highest_field_id\":2},\"partition_key\":[],"                 \
    "\"bucket_key\":[],\"bucket_count\":1,\"properties\":{\"table.log.format\":\"%s\",\"table.log.arrow.compression.type\":"       \
    "\"NONE\",\"table.statistics.columns\":\"*\"},\"custom_properties\":{}}"
#define ROWS 3

static slu_env env;
static fluss_server *server;
static char root[64];
static wire_peer peer;
static slu_error err;
static slu_arena arena;
static fluss_descriptor descriptor;
static fluss_table table;
static slu_buf batch;

static void
make_rows(struct ArrowArray *out)
{
    static const int32_t offsets[ROWS + 1] = {0, 2, 2, 3};
    sdk_builder numbers = {0}, words = {0}, texts = {0};
    struct ArrowArray columns[3], items;
    CHECK_OK(sdk_builder_init(&numbers, "l", NULL));
    CHECK_OK(sdk_builder_init(&words, "u", NULL));
    CHECK_OK(sdk_builder_init(&texts, "u", NULL));
    for (int64_t i = 0; i < ROWS; i++) {
        sdk_builder_i64(&numbers, i * 10);
        sdk_builder_text(&words, i == 1 ? "" : "word");
        sdk_builder_text(&texts, "text");
    }
    CHECK_OK(sdk_builder_finish(&numbers, &columns[0], &err));
    CHECK_OK(sdk_builder_finish(&words, &items, &err));
    CHECK_OK(sdk_list(offsets, NULL, ROWS, &items, &columns[1], &err));
    CHECK_OK(sdk_builder_finish(&texts, &columns[2], &err));
    CHECK_OK(sdk_struct(columns, 3, ROWS, out, &err));
}

static int64_t
make_table(const char *name, const char *format)
{
    char json[1500];
    (void)snprintf(json, sizeof json, TABLE, format);
    if (!peer_create_table(&peer, "fluss", name, json))
        fail_msg("create %s: %d %s", name, peer.error_code, peer.error_message);
    return peer_table_id(&peer, "fluss", name);
}

typedef struct asked {
    int32_t columns[4];
    size_t count;
    bool projected;
    bool filtered;
} asked;

/* The one bucket's answer; lives until the next call. */
static const Fluss__PbFetchLogRespForBucket *
fetch(int64_t id, const asked *what)
{
    Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
    Fluss__PbFetchLogReqForTable of = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
    Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
    Fluss__PbFetchLogReqForTable *tables[1] = {&of};
    Fluss__PbFetchLogReqForBucket *buckets[1] = {&b};
    Fluss__PbPredicate predicate = FLUSS__PB_PREDICATE__INIT;
    Fluss__PbLeafPredicate leaf = FLUSS__PB_LEAF_PREDICATE__INIT;
    int32_t columns[4];
    memcpy(columns, what->columns, sizeof columns);
    predicate.leaf = &leaf; /* a = nothing: no row of any batch can be meant */
    request.follower_server_id = -1;
    request.max_bytes = 1 << 20;
    request.n_tables_req = 1;
    request.tables_req = tables;
    of.table_id = id;
    of.projection_pushdown_enabled = what->projected;
    of.n_projected_fields = what->count;
    of.projected_fields = columns;
    of.filter_predicate = what->filtered ? &predicate : NULL;
    of.has_filter_schema_id = what->filtered;
    of.filter_schema_id = 1;
    of.n_buckets_req = 1;
    of.buckets_req = buckets;
    b.max_fetch_bytes = 1 << 20;
    const Fluss__FetchLogResponse *response = peer_call(&peer, FLUSS_API_FETCH_LOG, &request.base);
    if (response == NULL)
        fail_msg("fetch: %d %s", peer.error_code, peer.error_message);
    return response->tables_resp[0]->buckets_resp[0];
}

static void
wrong_projections_are_refused(void **state)
{
    (void)state;
    static const struct {
        asked what;
        const char *says;
    } bad[] = {
        {{{0}, 0, true, false}, "Empty projection is not supported."},
        {{{1, 0}, 2, true, false}, "The projection indexes should be in field order, but is [1, 0]"},
        {{{1, 1}, 2, true, false}, "The projection indexes should not contain duplicated fields, but is [1, 1]"},
        {{{0, 3}, 2, true, false}, "Projected fields [0, 3] is out of bound for schema with 3 fields."},
    };
    const int64_t id = make_table("wrong", "ARROW"), rows = make_table("rows", "INDEXED");
    assert_int_equal(peer_produce(&peer, id, 0, slu_buf_view(&batch), NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const Fluss__PbFetchLogRespForBucket *answer = fetch(id, &bad[i].what);
        assert_int_equal(answer->error_code, FLUSS_ERROR_INVALID_COLUMN_PROJECTION);
        if (strncmp(answer->error_message, bad[i].says, strlen(bad[i].says)) != 0)
            fail_msg("%s, not %s", answer->error_message, bad[i].says);
    }
    const asked first = {{0}, 1, true, false};
    const Fluss__PbFetchLogRespForBucket *answer = fetch(rows, &first);
    assert_int_equal(answer->error_code, FLUSS_ERROR_INVALID_COLUMN_PROJECTION);
    CHECK_TEXT(answer->error_message,
               "Column projection is only supported for ARROW format, but the table fluss.rows is INDEXED format.");
}

static void
nested_columns_are_projected(void **state)
{
    (void)state;
    const int64_t id = make_table("nested", "ARROW");
    const asked what = {{1, 2}, 2, true, false};
    const slu_ipc_owner nobody = {NULL, NULL};
    struct ArrowSchema arrow;
    fluss_log_header header;
    fluss_log_rows rows;
    assert_int_equal(peer_produce(&peer, id, 0, slu_buf_view(&batch), NULL), 0);
    const Fluss__PbFetchLogRespForBucket *answer = fetch(id, &what);
    assert_false(answer->has_error_code);
    CHECK_OK(slu_schema_init_struct(&arrow));
    CHECK_OK(slu_schema_add_copy(&arrow, table.arrow.children[1], NULL));
    CHECK_OK(slu_schema_add_copy(&arrow, table.arrow.children[2], NULL));
    const slu_view records = slu_view_of(answer->records.data, answer->records.len);
    CHECK_OK(fluss_log_peek(records, &header, &err));
    CHECK_OK(fluss_log_decode(FLUSS_LOG_ARROW, &descriptor.schema, &arrow, &header, records, nobody, NULL, &rows, &err));
    const slu_column list = slu_column_child(&arrow, &rows.array, 0);
    assert_int_equal(list.offsets[1], 2);
    assert_int_equal(list.offsets[3], 3);
    const slu_column words = slu_column_view("u", list.array->children[0]);
    int32_t bytes = 0;
    assert_memory_equal(slu_column_bytes(&words, 2, &bytes), "word", 4);
    fluss_log_rows_fini(&rows);
    slu_schema_release(&arrow);
}

/* A predicate only ever allows a server to leave out batches. Ours leaves out none, and says nothing of having gone further. */
static void
a_predicate_leaves_nothing_out(void **state)
{
    (void)state;
    const int64_t id = make_table("filtered", "ARROW");
    const asked what = {{0}, 0, false, true};
    assert_int_equal(peer_produce(&peer, id, 0, slu_buf_view(&batch), NULL), 0);
    const Fluss__PbFetchLogRespForBucket *answer = fetch(id, &what);
    assert_false(answer->has_error_code);
    assert_false(answer->has_filtered_end_offset);
    assert_int_equal(answer->records.len, batch.bytes);
}

/* The same batch with statistics: magic 1, their length, and bytes that nobody looks into. */
static void
with_statistics(slu_buf *out)
{
    static const uint8_t statistics[] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    slu_buf_init(out, 1 << 16);
    slu_buf_append(out, batch.data, 48);
    slu_buf_u32le(out, sizeof statistics);
    slu_buf_append(out, statistics, sizeof statistics);
    slu_buf_append(out, batch.data + 48, batch.bytes - 48);
    out->data[12] = 1;
    slu_buf_patch_u32le(out, 8, (uint32_t)(out->bytes - 12));
    slu_buf_patch_u32le(out, 21, slu_crc32c(0, out->data + 25, out->bytes - 25));
}

static void
batches_with_statistics_are_stored_without(void **state)
{
    (void)state;
    const int64_t id = make_table("statistics", "ARROW");
    const asked all = {0};
    slu_buf one;
    with_statistics(&one);
    slu_buf_append(&one, batch.data, batch.bytes); /* and a plain one behind it */
    int64_t base = -1;
    assert_int_equal(peer_produce(&peer, id, 0, slu_buf_view(&one), &base), 0);
    assert_int_equal(peer_offset(&peer, id, 0, 1), 2 * ROWS);
    const Fluss__PbFetchLogRespForBucket *answer = fetch(id, &all);
    assert_int_equal(answer->records.len, 2 * batch.bytes);
    fluss_log_header header;
    CHECK_OK(fluss_log_verify(slu_view_of(answer->records.data, batch.bytes), &header, &err));
    assert_int_equal(header.magic, 0);
    assert_memory_equal(answer->records.data + 21, batch.data + 21, batch.bytes - 21);
    one.data[60] ^= 1; /* a batch that was damaged on its way is not made whole by the new checksum */
    assert_int_equal(peer_produce(&peer, id, 0, slu_buf_view(&one), NULL), FLUSS_ERROR_CORRUPT_MESSAGE);
    slu_buf_fini(&one);
}

static int
group_up(void **state)
{
    (void)state;
    char json[1500];
    struct ArrowArray rows;
    (void)snprintf(root, sizeof root, "/tmp/slu_push_XXXXXX");
    if (mkdtemp(root) == NULL)
        return 1;
    const fluss_server_options options = {.port = 0, .data_dir = root};
    slu_env_init_system(&env, SLU_LOG_ERROR);
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
    slu_arena_init(&arena, (size_t)1 << 22);
    slu_buf_init(&batch, 1 << 16);
    (void)snprintf(json, sizeof json, TABLE, "ARROW");
    CHECK_OK(fluss_descriptor_decode(slu_view_of_text(json), &arena, &descriptor, &err));
    CHECK_OK(fluss_table_init(&table, &descriptor, 0, 1, &arena, &err));
    make_rows(&rows);
    const fluss_log_spec spec = fluss_log_spec_of(&table, NULL);
    CHECK_OK(fluss_log_encode(&spec, &descriptor.schema, &table.arrow, &rows, NULL, ROWS, NULL, &batch, &err));
    slu_array_release(&rows);
    return peer_open(&peer, fluss_server_address(server)) ? 0 : 1;
}

static int
group_down(void **state)
{
    (void)state;
    peer_close(&peer);
    fluss_server_close(&server);
    slu_buf_fini(&batch);
    fluss_table_fini(&table);
    slu_arena_fini(&arena);
    return slu_dir_remove(root, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_projections_are_refused),
        cmocka_unit_test(nested_columns_are_projected),
        cmocka_unit_test(a_predicate_leaves_nothing_out),
        cmocka_unit_test(batches_with_statistics_are_stored_without),
    };
    return cmocka_run_group_tests(tests, group_up, group_down);
}
