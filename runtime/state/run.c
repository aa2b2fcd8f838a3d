#include "run.h"

#define RUN_VERSION 1u
#define RUN_STAMPED 1u
#define RUN_COUNT_AT 12u

static uint32_t
value_bytes_of(const slu_state_spec *spec)
{
    return spec->kind == SLU_STATE_FIXED ? spec->value_bytes : 0;
}

void
slu_run_begin(slu_buf *run, const slu_state_spec *spec)
{
    slu_buf_u8(run, RUN_VERSION);
    slu_buf_u8(run, spec->ttl_ms != 0 ? RUN_STAMPED : 0);
    slu_buf_u16le(run, 0);
    slu_buf_u32le(run, spec->key_bytes);
    slu_buf_u32le(run, value_bytes_of(spec));
    slu_buf_u32le(run, 0);
}

void
slu_run_add(slu_buf *run, const slu_state_spec *spec, const slu_run_entry *entry)
{
    if (spec->key_bytes == 0)
        slu_buf_u32le(run, (uint32_t)entry->key.bytes);
    slu_buf_append(run, entry->key.data, entry->key.bytes);
    if (spec->ttl_ms != 0)
        slu_buf_u64le(run, (uint64_t)entry->stamp_ms);
    if (spec->kind != SLU_STATE_FIXED)
        slu_buf_u32le(run, (uint32_t)entry->value.bytes);
    slu_buf_append(run, entry->value.data, entry->value.bytes);
}

void
slu_run_end(slu_buf *run, uint32_t count)
{
    if (run->failed == SLU_OK)
        slu_buf_patch_u32le(run, RUN_COUNT_AT, count);
}

slu_status
slu_run_open(slu_run_reader *reader, const slu_state_spec *spec, slu_view run, int64_t now_ms, slu_error *err)
{
    slu_cursor *cursor = &reader->cursor;
    *reader = (slu_run_reader){.spec = spec, .cursor = slu_cursor_of_view(run), .now_ms = now_ms};
    const uint8_t version = slu_cursor_u8(cursor);
    reader->stamped = (slu_cursor_u8(cursor) & RUN_STAMPED) != 0;
    (void)slu_cursor_u16le(cursor);
    const uint32_t key_bytes = slu_cursor_u32le(cursor);
    const uint32_t value_bytes = slu_cursor_u32le(cursor);
    const uint32_t claimed = slu_cursor_u32le(cursor);
    reader->left = slu_cursor_count(cursor, claimed, 4);
    if (!slu_cursor_ok(cursor) || version != RUN_VERSION)
        return slu_error_set(err, SLU_CORRUPT, "state %s: not a snapshot of a state (version %u)", spec->name, version);
    if (key_bytes == spec->key_bytes && value_bytes == value_bytes_of(spec))
        return SLU_OK;
    return slu_error_set(err, SLU_INVALID,
                         "state %s: the snapshot has keys of %u and values of %u bytes (0: any), the operator wants %u and %u",
                         spec->name, key_bytes, value_bytes, spec->key_bytes, value_bytes_of(spec));
}

slu_status
slu_run_next(slu_run_reader *reader, slu_run_entry *out, slu_error *err)
{
    const slu_state_spec *spec = reader->spec;
    slu_cursor *cursor = &reader->cursor;
    if (reader->left == 0)
        return SLU_END;
    reader->left--;
    out->key = slu_cursor_view(cursor, spec->key_bytes != 0 ? spec->key_bytes : slu_cursor_u32le(cursor));
    out->stamp_ms = reader->stamped ? (int64_t)slu_cursor_u64le(cursor) : reader->now_ms;
    out->value = slu_cursor_view(cursor, spec->kind == SLU_STATE_FIXED ? spec->value_bytes : slu_cursor_u32le(cursor));
    return slu_cursor_ok(cursor)
               ? SLU_OK
               : slu_error_set(err, SLU_CORRUPT, "state %s: a snapshot ends in the middle of an entry", spec->name);
}
