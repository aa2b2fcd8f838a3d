/* What travels between the plugins, and which splits a round reads. */
#include "support/check.h"

#include "tiering/plan.h"

static slu_error err;

static tiering_piece
piece_make(void)
{
    tiering_piece piece = {.kind = TIERING_ROWS,
                           .split = 2,
                           .split_count = 3,
                           .flags = TIERING_FLAG_UPSERTS,
                           .bucket = 7,
                           .partition_id = 11,
                           .table_id = INT64_MAX,
                           .tiering_epoch = 5,
                           .coordinator_epoch = -1,
                           .known_snapshot = TIERING_NO_SNAPSHOT,
                           .base_offset = 100,
                           .commit_timestamp = 1700000000000,
                           .end_offset = 200};
    (void)snprintf(piece.database, sizeof piece.database, "fluss");
    (void)snprintf(piece.table, sizeof piece.table, "fraud");
    (void)snprintf(piece.partition, sizeof piece.partition, "2024$eu");
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
    CHECK_TEXT(got.partition, "2024$eu");
    assert_true(got.partition_id == 11 && got.flags == TIERING_FLAG_UPSERTS);
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
    piece.flags = 8;
    slu_buf_reset(&buf);
    tiering_piece_encode(&piece, &buf);
    c = slu_cursor_of_view(slu_buf_view(&buf));
    CHECK_STATUS(tiering_piece_decode(&c, &got, &err), SLU_CORRUPT);
    piece.flags = 0;
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

static tiering_split
split_of(int64_t latest, int64_t committed, int64_t snapshot)
{
    tiering_split split = {.number = -1};
    const tiering_bucket bucket = {latest, committed, {3, snapshot, 7}};
    (void)tiering_split_of(&bucket, 3, &split);
    return split;
}

static void
splits_go_from_what_is_committed_to_the_end(void **state)
{
    (void)state;
    assert_int_equal(split_of(0, TIERING_OFFSET_NONE, FLUSS_NO_SNAPSHOT).number, -1);
    assert_int_equal(split_of(10, 10, FLUSS_NO_SNAPSHOT).number, -1);
    assert_int_equal(split_of(10, 12, FLUSS_NO_SNAPSHOT).number, -1);
    assert_int_equal(split_of(-1, TIERING_OFFSET_NONE, FLUSS_NO_SNAPSHOT).number, -1);
    tiering_split split = split_of(10, TIERING_OFFSET_NONE, FLUSS_NO_SNAPSHOT);
    assert_true(split.number == 3 && split.start == TIERING_OFFSET_EARLIEST && split.end == 10);
    split = split_of(10, 4, FLUSS_NO_SNAPSHOT);
    assert_true(split.start == 4 && split.end == 10);
    split = split_of(3, 0, FLUSS_NO_SNAPSHOT); /* offset 0 is an offset, not "none" */
    assert_true(split.number == 3 && split.start == 0);
    split = split_of(10, TIERING_OFFSET_NONE, 5); /* nothing yet, and there is a kv snapshot */
    assert_true(split.snapshot_id == 5 && split.end == 7);
    split = split_of(10, 4, 5); /* only of a first round */
    assert_true(split.snapshot_id == FLUSS_NO_SNAPSHOT && split.start == 4 && split.end == 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_survives_and_every_cut_is_refused),
        cmocka_unit_test(impossible_splits_and_kinds_are_refused),
        cmocka_unit_test(a_result_carries_its_payload_and_nothing_more),
        cmocka_unit_test(splits_go_from_what_is_committed_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
