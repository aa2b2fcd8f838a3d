/* frame_test.c: the vector of the documentation, both directions of a frame, and input that must be refused. */
#include "support/check.h"

#include "fluss/wire/api.h"
#include "fluss/wire/error.h"
#include "fluss/wire/frame.h"
#include "fluss/wire/message.h"

static const uint8_t handshake[] = {0x00, 0x00, 0x00, 0x16, 0x03, 0xe8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a,
                                    0x05, 0x66, 0x6c, 0x75, 0x73, 0x73, 0x12, 0x05, 0x30, 0x2e, 0x31, 0x2e, 0x30};

static void
handshake_is_encoded_as_java_does(void **state)
{
    (void)state;
    slu_buf out;
    Fluss__ApiVersionsRequest request = FLUSS__API_VERSIONS_REQUEST__INIT;
    request.client_software_name = (char *)(uintptr_t) "fluss";
    request.client_software_version = (char *)(uintptr_t) "0.1.0";
    slu_buf_init(&out, 1000);
    fluss_request_encode(&out, FLUSS_API_API_VERSIONS, 0, 0, &request.base);
    assert_int_equal(out.bytes, sizeof handshake);
    assert_memory_equal(out.data, handshake, sizeof handshake);
    slu_buf_fini(&out);
}

static void
handshake_is_decoded(void **state)
{
    (void)state;
    slu_error err = {0};
    uint8_t *bytes = guarded_copy(handshake, sizeof handshake);
    size_t frame_bytes = 0;
    fluss_request_frame frame;
    slu_arena arena;
    ProtobufCMessage *message = NULL;
    slu_arena_init(&arena, FLUSS_MESSAGE_ARENA_BYTES(sizeof handshake));
    CHECK_OK(fluss_request_peek(slu_view_of(bytes, sizeof handshake), FLUSS_FRAME_BYTES_MAX, &frame_bytes, &err));
    assert_int_equal(frame_bytes, sizeof handshake);
    CHECK_OK(fluss_request_decode(slu_view_of(bytes, frame_bytes), &frame, &err));
    assert_int_equal(frame.api_key, FLUSS_API_API_VERSIONS);
    CHECK_OK(fluss_message_decode(fluss_api_find(frame.api_key)->request, frame.body, &arena, &message, &err));
    CHECK_TEXT(((Fluss__ApiVersionsRequest *)message)->client_software_version, "0.1.0");
    slu_arena_fini(&arena);
    guarded_free(bytes, sizeof handshake);
}

static void
incomplete_frames_ask_for_more(void **state)
{
    (void)state;
    slu_error err = {0};
    for (size_t bytes = 0; bytes < sizeof handshake; bytes++) {
        uint8_t *part = guarded_copy(handshake, bytes);
        size_t wanted = 99;
        CHECK_STATUS(fluss_request_peek(slu_view_of(part, bytes), FLUSS_FRAME_BYTES_MAX, &wanted, &err), SLU_MORE);
        assert_int_equal(wanted, bytes < 4 ? 0 : sizeof handshake);
        guarded_free(part, bytes);
    }
}

static void
impossible_lengths_are_refused(void **state)
{
    (void)state;
    slu_error err = {0};
    size_t wanted;
    const uint8_t too_short[] = {0, 0, 0, 7};
    const uint8_t negative[] = {0xff, 0xff, 0xff, 0xff};
    const uint8_t too_long[] = {0x06, 0x40, 0x00, 0x00};
    CHECK_STATUS(fluss_request_peek(slu_view_of(too_short, 4), FLUSS_FRAME_BYTES_MAX, &wanted, &err), SLU_CORRUPT);
    CHECK_STATUS(fluss_request_peek(slu_view_of(negative, 4), FLUSS_FRAME_BYTES_MAX, &wanted, &err), SLU_CORRUPT);
    CHECK_STATUS(fluss_request_peek(slu_view_of(too_long, 4), FLUSS_FRAME_BYTES_MAX, &wanted, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, "above the maximum");
}

static void
check_response(const slu_buf *out, uint8_t type, int32_t request_id, int32_t code)
{
    slu_error err = {0};
    fluss_response_frame frame;
    ProtobufCMessage *message = NULL;
    slu_arena arena;
    size_t bytes = 0;
    slu_arena_init(&arena, FLUSS_MESSAGE_ARENA_BYTES(out->bytes));
    CHECK_OK(fluss_response_peek(slu_buf_view(out), FLUSS_RESPONSE_BYTES_MAX, &bytes, &err));
    assert_int_equal(bytes, out->bytes);
    CHECK_OK(fluss_response_decode(slu_buf_view(out), &frame, &err));
    assert_int_equal(frame.type, type);
    assert_int_equal(frame.request_id, request_id);
    CHECK_OK(fluss_message_decode(&fluss__error_response__descriptor, frame.body, &arena, &message, &err));
    assert_int_equal(((Fluss__ErrorResponse *)message)->error_code, code);
    slu_arena_fini(&arena);
}

static void
responses_go_round(void **state)
{
    (void)state;
    slu_buf out;
    slu_buf_init(&out, 1000);
    fluss_response_error_encode(&out, 7, FLUSS_ERROR_TABLE_NOT_EXIST, "Table fluss.t does not exist.");
    check_response(&out, FLUSS_RESPONSE_ERROR, 7, FLUSS_ERROR_TABLE_NOT_EXIST);
    slu_buf_reset(&out);
    fluss_response_failure_encode(&out, FLUSS_ERROR_UNKNOWN_SERVER_ERROR, NULL);
    check_response(&out, FLUSS_RESPONSE_SERVER_FAILURE, 0, FLUSS_ERROR_UNKNOWN_SERVER_ERROR);
    slu_buf_fini(&out);
}

static void
a_missing_required_field_is_corrupt(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_arena arena;
    ProtobufCMessage *message = NULL;
    slu_arena_init(&arena, 1 << 16);
    CHECK_STATUS(fluss_message_decode(&fluss__create_table_request__descriptor, slu_view_of(NULL, 0), &arena, &message, &err),
                 SLU_CORRUPT);
    CHECK_MESSAGE(err, "CreateTableRequest");
    slu_arena_fini(&arena);
}

/* 30,000 two-byte entries ask for two megabytes: the arena says no before the machine does. */
static void
dense_lists_meet_the_ceiling(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_arena arena;
    ProtobufCMessage *message = NULL;
    uint8_t body[60000];
    for (size_t i = 0; i < sizeof body; i += 2) {
        body[i] = 0x0a; /* field 1, length-delimited, empty: an ErrorResponse-less PbPrepareLakeTableRespForTable */
        body[i + 1] = 0;
    }
    slu_arena_init(&arena, (size_t)1 << 20);
    CHECK_STATUS(fluss_message_decode(&fluss__prepare_lake_table_snapshot_response__descriptor, slu_view_of(body, sizeof body),
                                      &arena, &message, &err),
                 SLU_LIMIT);
    slu_arena_fini(&arena);
}

static void
tables_are_whole(void **state)
{
    (void)state;
    slu_error err = {0};
    size_t count = 0;
    const fluss_api *apis = fluss_api_list(&count);
    assert_int_equal(count, 55);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(fluss_api_find(apis[i].key), &apis[i]);
        assert_true(i == 0 || apis[i - 1].key < apis[i].key);
    }
    assert_null(fluss_api_find(FLUSS_API_STOP_REPLICA));
    assert_null(fluss_api_find(999));
    assert_null(fluss_api_find(70000));
    for (int32_t code = -1; code <= FLUSS_ERROR_HISTORICAL_PARTITION_THROTTLED; code++)
        assert_int_equal(fluss_error_find(code)->code, code);
    assert_int_equal(fluss_error_find(4711)->code, FLUSS_ERROR_UNKNOWN_SERVER_ERROR);
    CHECK_STATUS(fluss_error_set(&err, FLUSS_ERROR_NOT_LEADER_OR_FOLLOWER, NULL), SLU_IO);
    assert_true(err.retriable);
    CHECK_TEXT(err.message, "NOT_LEADER_OR_FOLLOWER (12)");
    assert_int_equal(fluss_error_code(err.status, &err), 12);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake_is_encoded_as_java_does),
        cmocka_unit_test(handshake_is_decoded),
        cmocka_unit_test(incomplete_frames_ask_for_more),
        cmocka_unit_test(impossible_lengths_are_refused),
        cmocka_unit_test(responses_go_round),
        cmocka_unit_test(a_missing_required_field_is_corrupt),
        cmocka_unit_test(dense_lists_meet_the_ceiling),
        cmocka_unit_test(tables_are_whole),
    };
    return cmocka_run_group_tests_name("fluss.wire.frame", tests, NULL, NULL);
}
