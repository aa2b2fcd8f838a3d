/* What travels between the plugins, and which ranges a round reads. */
#include "support/check.h"

#include "tiering/ranges.h"
#include "tiering/round.h"

static slu_error err;

static tiering_piece
piece_make(void)
{
    tiering_piece piece = {.kind = TIERING_ROWS,
                           .split = 2,
                           .split_count = 3,
                           .bucket = 7,
                           .table_id = INT64_MAX,
                           .tiering_epoch = 5,
                           .coordinator_epoch = -1,
                           .known_snapshot = TIERING_NO_SNAPSHOT,
                           .base_offset = 100,
                           .commit_timestamp = 1700000000000,
                           .end_offset = 200};
    (void)snprintf(piece.database, sizeof piece.database, "fluss");
    (void)snprintf(piece.table, sizeof piece.table, "fraud");
    return piece;
}

static void
a_piece_survives_and_every_cut_is_refused(void **state)
{
    (void)state;
    const tiering_piece piece = piece_make();
    tiering_piece got;
    slu_buf buf;
    slu_buf_init(&buf, 2000);
    tiering_piece_encode(&piece, &buf);
    uint8_t *copy = guarded_copy(buf.data, buf.bytes);
    slu_cursor c = slu_cursor_of(copy, buf.bytes);
    CHECK_OK(tiering_piece_decode(&c, &got, &err));
    assert_int_equal(slu_cursor_left(&c), 0);
    assert_true(tiering_same_round(&piece, &got));
    assert_true(got.known_snapshot == TIERING_NO_SNAPSHOT && got.end_offset == 200 && got.split == 2 && got.bucket == 7);
    CHECK_TEXT(got.table, "fraud");
    guarded_free(copy, buf.bytes);
    for (size_t cut = 0; cut < buf.bytes; cut++) {
        copy = guarded_copy(buf.data, cut);
        c = slu_cursor_of(copy, cut);
        CHECK_STATUS(tiering_piece_decode(&c, &got, &err), SLU_CORRUPT);
        guarded_free(copy, cut);
    }
    slu_buf_fini(&buf);
}

static void
impossible_splits_and_kinds_are_refused(void **state)
{
    (void)state;
    tiering_piece piece = piece_make(), got;
    slu_buf buf;
    slu_buf_init(&buf, 2000);
    piece.split = 3; /* of 3 */
    tiering_piece_encode(&piece, &buf);
    slu_cursor c = slu_cursor_of_view(slu_buf_view(&buf));
    CHECK_STATUS(tiering_piece_decode(&c, &got, &err), SLU_CORRUPT);
    piece.split = 0;
    piece.kind = 9;
    slu_buf_reset(&buf);
    tiering_piece_encode(&piece, &buf);
    c = slu_cursor_of_view(slu_buf_view(&buf));
    CHECK_STATUS(tiering_piece_decode(&c, &got, &err), SLU_CORRUPT);
    slu_buf_fini(&buf);
}

static void
a_result_carries_its_payload_and_nothing_more(void **state)
{
    (void)state;
    tiering_piece piece = piece_make(), got;
    slu_view payload;
    slu_buf buf;
    slu_buf_init(&buf, 4000);
    piece.kind = TIERING_RESULT;
    tiering_result_encode(&piece, slu_view_of_text("files"), &buf);
    CHECK_OK(tiering_result_decode(slu_buf_view(&buf), &got, &payload, &err));
    assert_true(slu_view_is(payload, "files"));
    slu_buf_u8(&buf, 0);
    CHECK_STATUS(tiering_result_decode(slu_buf_view(&buf), &got, &payload, &err), SLU_CORRUPT);
    slu_buf_reset(&buf);
    char reason[3000];
    memset(reason, 'x', sizeof reason);
    piece.kind = TIERING_FAILED;
    tiering_result_encode(&piece, slu_view_of(reason, sizeof reason), &buf);
    CHECK_OK(tiering_result_decode(slu_buf_view(&buf), &got, &payload, &err));
    assert_int_equal(payload.bytes, 1000);
    slu_buf_fini(&buf);
}

static void
ranges_go_from_what_is_committed_to_the_end(void **state)
{
    (void)state;
    static const int64_t latest[] = {0, 10, 10, 10, 10, -1};
    static const int64_t committed[] = {-1, -1, 4, 10, 12, -1};
    tiering_range ranges[6];
    assert_int_equal(tiering_ranges(latest, committed, 6, ranges), 2);
    assert_int_equal(ranges[0].bucket, 1);
    assert_true(ranges[0].start == TIERING_OFFSET_EARLIEST && ranges[0].end == 10);
    assert_int_equal(ranges[1].bucket, 2);
    assert_true(ranges[1].start == 4 && ranges[1].end == 10);
    static const int64_t zero[] = {0};
    static const int64_t some[] = {3};
    assert_int_equal(tiering_ranges(some, zero, 1, ranges), 1); /* offset 0 is an offset, not "none" */
    assert_true(ranges[0].start == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_survives_and_every_cut_is_refused),
        cmocka_unit_test(impossible_splits_and_kinds_are_refused),
        cmocka_unit_test(a_result_carries_its_payload_and_nothing_more),
        cmocka_unit_test(ranges_go_from_what_is_committed_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
