#include "round.h"

#define PIECE_VERSION 2
#define REASON_BYTES_MAX 1000

static void
name_encode(const char *name, slu_buf *out)
{
    const size_t bytes = strlen(name);
    slu_buf_u16le(out, (uint16_t)bytes);
    slu_buf_append(out, name, bytes);
}

static void
name_decode(slu_cursor *c, char *out)
{
    const slu_view name = slu_cursor_view(c, slu_cursor_u16le(c));
    if (name.bytes >= TIERING_NAME_BYTES_MAX || (name.bytes != 0 && memchr(name.data, 0, name.bytes) != NULL)) {
        slu_cursor_fail(c);
        return;
    }
    if (name.bytes != 0)
        memcpy(out, name.data, name.bytes);
    out[name.bytes] = 0;
}

void
tiering_piece_encode(const tiering_piece *piece, slu_buf *out)
{
    slu_buf_u8(out, PIECE_VERSION);
    slu_buf_u8(out, piece->kind);
    slu_buf_u8(out, piece->flags);
    slu_buf_u16le(out, piece->split);
    slu_buf_u16le(out, piece->split_count);
    slu_buf_u32le(out, (uint32_t)piece->bucket);
    slu_buf_u64le(out, (uint64_t)piece->partition_id);
    slu_buf_u64le(out, (uint64_t)piece->table_id);
    slu_buf_u64le(out, (uint64_t)piece->tiering_epoch);
    slu_buf_u32le(out, (uint32_t)piece->coordinator_epoch);
    slu_buf_u64le(out, (uint64_t)piece->known_snapshot);
    slu_buf_u64le(out, (uint64_t)piece->base_offset);
    slu_buf_u64le(out, (uint64_t)piece->commit_timestamp);
    slu_buf_u64le(out, (uint64_t)piece->end_offset);
    name_encode(piece->database, out);
    name_encode(piece->table, out);
    name_encode(piece->partition, out);
}

slu_status
tiering_piece_decode(slu_cursor *cursor, tiering_piece *out, slu_error *err)
{
    tiering_piece piece = {0};
    const uint8_t version = slu_cursor_u8(cursor);
    piece.kind = slu_cursor_u8(cursor);
    piece.flags = slu_cursor_u8(cursor);
    piece.split = slu_cursor_u16le(cursor);
    piece.split_count = slu_cursor_u16le(cursor);
    piece.bucket = (int32_t)slu_cursor_u32le(cursor);
    piece.partition_id = (int64_t)slu_cursor_u64le(cursor);
    piece.table_id = (int64_t)slu_cursor_u64le(cursor);
    piece.tiering_epoch = (int64_t)slu_cursor_u64le(cursor);
    piece.coordinator_epoch = (int32_t)slu_cursor_u32le(cursor);
    piece.known_snapshot = (int64_t)slu_cursor_u64le(cursor);
    piece.base_offset = (int64_t)slu_cursor_u64le(cursor);
    piece.commit_timestamp = (int64_t)slu_cursor_u64le(cursor);
    piece.end_offset = (int64_t)slu_cursor_u64le(cursor);
    name_decode(cursor, piece.database);
    name_decode(cursor, piece.table);
    name_decode(cursor, piece.partition);
    if (!slu_cursor_ok(cursor) || version != PIECE_VERSION || piece.kind < TIERING_ROWS || piece.kind > TIERING_FAILED ||
        piece.flags > TIERING_FLAGS_ALL || piece.split_count == 0 || piece.split >= piece.split_count)
        return slu_error_set(err, SLU_CORRUPT, "a tiering piece of version %d, kind %d, split %d of %d", version, piece.kind,
                             piece.split, piece.split_count);
    *out = piece;
    return SLU_OK;
}

void
tiering_result_encode(const tiering_piece *piece, slu_view payload, slu_buf *out)
{
    const size_t bytes = piece->kind == TIERING_FAILED && payload.bytes > REASON_BYTES_MAX ? REASON_BYTES_MAX : payload.bytes;
    tiering_piece_encode(piece, out);
    slu_buf_u32le(out, (uint32_t)bytes);
    slu_buf_append(out, payload.data, bytes);
}

slu_status
tiering_result_decode(slu_view bytes, tiering_piece *out, slu_view *payload, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(bytes);
    tiering_piece piece;
    SLU_TRY(tiering_piece_decode(&c, &piece, err));
    const slu_view view = slu_cursor_view(&c, slu_cursor_u32le(&c));
    if (!slu_cursor_ok(&c) || slu_cursor_left(&c) != 0)
        return slu_error_set(err, SLU_CORRUPT, "a tiering result whose payload is not its rest");
    *out = piece;
    *payload = view;
    return SLU_OK;
}
