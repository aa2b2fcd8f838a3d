#include "value_codec.h"

#include "control/pack.h"

void
slu_value_pack(const slu_value *value, slu_buf *out)
{
    const bool nested = value->kind == SLU_VALUE_LIST || value->kind == SLU_VALUE_MAP;
    slu_pack_array(out, value->kind == SLU_VALUE_SCALAR ? 5 : nested ? 4 : 3);
    slu_pack_u64(out, value->kind);
    slu_pack_u64(out, value->line);
    slu_pack_u64(out, value->column);
    if (value->kind == SLU_VALUE_SCALAR) {
        slu_pack_u64(out, value->quoted);
        slu_pack_cstr(out, value->text);
    }
    if (!nested)
        return;
    slu_pack_array(out, value->kind == SLU_VALUE_MAP ? value->count * 2 : value->count);
    for (uint32_t i = 0; i < value->count; i++) {
        if (value->kind == SLU_VALUE_MAP)
            slu_value_pack(&value->keys[i], out);
        slu_value_pack(&value->items[i], out);
    }
}

static uint32_t
u32_unpack(slu_cursor *in)
{
    const uint64_t value = slu_unpack_u64(in);
    if (value > UINT32_MAX)
        slu_cursor_fail(in);
    return value > UINT32_MAX ? 0 : (uint32_t)value;
}

/* A text of the arena; one with a zero inside fails. */
static const char *
text_unpack(slu_cursor *in, slu_arena *arena)
{
    const slu_view view = slu_unpack_text(in);
    if (view.bytes != 0 && memchr(view.data, 0, view.bytes) != NULL)
        slu_cursor_fail(in);
    const char *text = slu_arena_strndup(arena, view.data == NULL ? "" : (const char *)view.data, view.bytes);
    if (text == NULL)
        slu_cursor_fail(in);
    return text == NULL ? "" : text;
}

static void value_unpack(slu_cursor *in, slu_arena *arena, slu_value *out, int level);

static slu_value *
values_new(slu_cursor *in, slu_arena *arena, uint32_t count)
{
    slu_value *values = slu_arena_array(arena, count, sizeof *values);
    if (values == NULL)
        slu_cursor_fail(in);
    return values;
}

static void
items_unpack(slu_cursor *in, slu_arena *arena, slu_value *out, int level)
{
    const uint32_t count = slu_unpack_array(in);
    const bool map = out->kind == SLU_VALUE_MAP;
    if (level >= SLU_VALUE_DEPTH_MAX || (map && count % 2 != 0)) {
        slu_cursor_fail(in);
        return;
    }
    out->count = map ? count / 2 : count;
    slu_value *items = values_new(in, arena, out->count);
    slu_value *keys = map ? values_new(in, arena, out->count) : NULL;
    for (uint32_t i = 0; i < out->count && slu_cursor_ok(in); i++) {
        if (map)
            value_unpack(in, arena, &keys[i], level + 1);
        if (map && slu_cursor_ok(in) && keys[i].kind != SLU_VALUE_SCALAR)
            slu_cursor_fail(in);
        if (slu_cursor_ok(in))
            value_unpack(in, arena, &items[i], level + 1);
    }
    out->items = items;
    out->keys = keys;
}

static void
value_unpack(slu_cursor *in, slu_arena *arena, slu_value *out, int level)
{
    uint32_t parts = slu_unpack_array(in);
    out->size = sizeof *out;
    out->kind = u32_unpack(in);
    out->line = u32_unpack(in);
    out->column = u32_unpack(in);
    const uint32_t wanted = out->kind == SLU_VALUE_NULL ? 3 : out->kind == SLU_VALUE_SCALAR ? 5 : 4;
    if (out->kind > SLU_VALUE_MAP || parts < wanted) {
        slu_cursor_fail(in);
        return;
    }
    if (out->kind == SLU_VALUE_SCALAR) {
        out->quoted = u32_unpack(in);
        out->text = text_unpack(in, arena);
    } else if (out->kind != SLU_VALUE_NULL) {
        items_unpack(in, arena, out, level);
    }
    for (parts -= wanted; parts > 0 && slu_cursor_ok(in); parts--) /* of a later version */
        slu_unpack_skip(in, SLU_VALUE_DEPTH_MAX);
}

void
slu_value_unpack(slu_cursor *in, slu_arena *arena, slu_value *out)
{
    value_unpack(in, arena, out, 1);
}
