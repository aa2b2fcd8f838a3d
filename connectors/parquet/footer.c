#include "footer.h"

#include "thrift.h"

static slu_status
footer_corrupt(slu_view bytes, const slu_cursor *cursor, const char *what, slu_error *err)
{
    (void)cursor;
    return slu_error_set(err, SLU_CORRUPT, "parquet footer of %zu bytes: %s", bytes.bytes, what);
}

/* ---- decoding ---- */

static void
unit_decode(slu_cursor *c, int32_t *out)
{
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(c, &field)) {
        *out = field.id;
        parquet_thrift_skip(c, field.type, 0);
    }
}

static void
logical_time_decode(slu_cursor *c, parquet_element *out)
{
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(c, &field)) {
        if (field.id == 1)
            out->utc = parquet_thrift_bool(c, &field);
        else if (field.id == 2 && parquet_thrift_struct(c, &field))
            unit_decode(c, &out->unit);
        else
            parquet_thrift_skip(c, field.type, 0);
    }
}

static void
logical_numbers_decode(slu_cursor *c, parquet_element *out)
{
    parquet_thrift_field field = {0, 0};
    const bool decimal = out->logical == PARQUET_LOGICAL_DECIMAL;
    while (parquet_thrift_next(c, &field)) {
        if (decimal && field.id == 1)
            out->scale = parquet_thrift_i32(c, &field);
        else if (decimal && field.id == 2)
            out->precision = parquet_thrift_i32(c, &field);
        else if (!decimal && field.id == 1)
            out->bits = (int8_t)parquet_thrift_i32(c, &field);
        else if (!decimal && field.id == 2)
            out->is_signed = parquet_thrift_bool(c, &field);
        else
            parquet_thrift_skip(c, field.type, 0);
    }
}

static void
logical_decode(slu_cursor *c, parquet_element *out)
{
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(c, &field)) {
        out->logical = field.id;
        if (!parquet_thrift_struct(c, &field))
            return;
        if (field.id == PARQUET_LOGICAL_TIME || field.id == PARQUET_LOGICAL_TIMESTAMP)
            logical_time_decode(c, out);
        else if (field.id == PARQUET_LOGICAL_DECIMAL || field.id == PARQUET_LOGICAL_INTEGER)
            logical_numbers_decode(c, out);
        else
            parquet_thrift_skip(c, field.type, 0);
    }
}

static void
element_decode(slu_cursor *c, parquet_element *out)
{
    parquet_thrift_field field = {0, 0};
    memset(out, 0, sizeof *out);
    out->type = out->repetition = out->converted = PARQUET_NONE;
    out->field_id = PARQUET_FIELD_ID_NONE;
    while (parquet_thrift_next(c, &field)) {
        switch (field.id) {
        case 1: out->type = parquet_thrift_i32(c, &field); break;
        case 2: out->type_length = parquet_thrift_i32(c, &field); break;
        case 3: out->repetition = parquet_thrift_i32(c, &field); break;
        case 4: out->name = parquet_thrift_binary(c, &field); break;
        case 5: out->child_count = parquet_thrift_i32(c, &field); break;
        case 6: out->converted = parquet_thrift_i32(c, &field); break;
        case 7: out->scale = parquet_thrift_i32(c, &field); break;
        case 8: out->precision = parquet_thrift_i32(c, &field); break;
        case 9: out->field_id = parquet_thrift_i32(c, &field); break;
        case 10:
            if (parquet_thrift_struct(c, &field))
                logical_decode(c, out);
            break;
        default: parquet_thrift_skip(c, field.type, 0);
        }
    }
}

static void
stats_decode(slu_cursor *c, parquet_stats *out)
{
    parquet_thrift_field field = {0, 0};
    slu_view old_min = {NULL, 0}, old_max = {NULL, 0};
    bool has_old_min = false, has_old_max = false;
    while (parquet_thrift_next(c, &field)) {
        switch (field.id) {
        case 1: old_max = parquet_thrift_binary(c, &field), has_old_max = true; break;
        case 2: old_min = parquet_thrift_binary(c, &field), has_old_min = true; break;
        case 3: out->null_count = parquet_thrift_i64(c, &field), out->has_null_count = true; break;
        case 5: out->max = parquet_thrift_binary(c, &field), out->has_max = true; break;
        case 6: out->min = parquet_thrift_binary(c, &field), out->has_min = true; break;
        case 7: out->max_inexact = !parquet_thrift_bool(c, &field); break;
        case 8: out->min_inexact = !parquet_thrift_bool(c, &field); break;
        default: parquet_thrift_skip(c, field.type, 0);
        }
    }
    if (!out->has_min && !out->has_max && has_old_min && has_old_max) {
        out->has_old = true;
        out->min = old_min;
        out->max = old_max;
    }
}

static void
chunk_path_decode(slu_cursor *c, const parquet_thrift_field *field, parquet_chunk *out)
{
    const parquet_thrift_field part = {0, THRIFT_BINARY};
    out->path_parts = parquet_thrift_list(c, field, THRIFT_BINARY);
    for (size_t i = 0; i < out->path_parts && slu_cursor_ok(c); i++)
        (void)parquet_thrift_binary(c, &part);
}

static void
chunk_encodings_decode(slu_cursor *c, const parquet_thrift_field *field, parquet_chunk *out)
{
    const size_t count = parquet_thrift_list(c, field, THRIFT_I32);
    for (size_t i = 0; i < count && slu_cursor_ok(c); i++) {
        const int64_t encoding = slu_cursor_zigzag(c);
        if (encoding >= 0 && encoding < 32)
            out->encodings |= UINT32_C(1) << encoding;
    }
}

static void
chunk_meta_decode(slu_cursor *c, parquet_chunk *out)
{
    parquet_thrift_field field = {0, 0};
    out->has_meta = true;
    while (parquet_thrift_next(c, &field)) {
        switch (field.id) {
        case 1: out->type = parquet_thrift_i32(c, &field); break;
        case 2: chunk_encodings_decode(c, &field, out); break;
        case 3: chunk_path_decode(c, &field, out); break;
        case 4: out->codec = parquet_thrift_i32(c, &field); break;
        case 5: out->value_count = parquet_thrift_i64(c, &field); break;
        case 6: out->plain_bytes = parquet_thrift_i64(c, &field); break;
        case 7: out->compressed_bytes = parquet_thrift_i64(c, &field); break;
        case 9: out->data_offset = parquet_thrift_i64(c, &field); break;
        case 11: out->dictionary_offset = parquet_thrift_i64(c, &field); break;
        case 12:
            if (parquet_thrift_struct(c, &field))
                stats_decode(c, &out->stats);
            break;
        case 14: out->bloom_offset = parquet_thrift_i64(c, &field); break;
        default: parquet_thrift_skip(c, field.type, 0);
        }
    }
}

static void
chunk_decode(slu_cursor *c, parquet_chunk *out)
{
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(c, &field)) {
        switch (field.id) {
        case 1:
            (void)parquet_thrift_binary(c, &field);
            out->foreign_file = true;
            break;
        case 3:
            if (parquet_thrift_struct(c, &field))
                chunk_meta_decode(c, out);
            break;
        case 4: out->offset_index_offset = parquet_thrift_i64(c, &field); break;
        case 5: out->offset_index_bytes = parquet_thrift_i32(c, &field); break;
        case 6: out->column_index_offset = parquet_thrift_i64(c, &field); break;
        case 7: out->column_index_bytes = parquet_thrift_i32(c, &field); break;
        case 8:
            out->encrypted = true;
            parquet_thrift_skip(c, field.type, 0);
            break;
        default: parquet_thrift_skip(c, field.type, 0);
        }
    }
}

static void
group_chunks_decode(slu_cursor *c, const parquet_thrift_field *field, slu_arena *arena, parquet_row_group *out)
{
    const size_t count = parquet_thrift_list(c, field, THRIFT_STRUCT);
    if (count > PARQUET_COLUMNS_MAX || out->chunks != NULL) {
        slu_cursor_fail(c);
        return;
    }
    out->chunks = slu_arena_array(arena, count == 0 ? 1 : count, sizeof *out->chunks);
    if (out->chunks == NULL) {
        slu_cursor_fail(c);
        return;
    }
    out->chunk_count = count;
    for (size_t i = 0; i < count && slu_cursor_ok(c); i++)
        chunk_decode(c, &out->chunks[i]);
}

static void
group_decode(slu_cursor *c, slu_arena *arena, parquet_row_group *out)
{
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(c, &field)) {
        switch (field.id) {
        case 1: group_chunks_decode(c, &field, arena, out); break;
        case 2: out->plain_bytes = parquet_thrift_i64(c, &field); break;
        case 3: out->rows = parquet_thrift_i64(c, &field); break;
        case 5: out->file_offset = parquet_thrift_i64(c, &field); break;
        case 6: out->compressed_bytes = parquet_thrift_i64(c, &field); break;
        default: parquet_thrift_skip(c, field.type, 0);
        }
    }
}

static void
pair_decode(slu_cursor *c, parquet_pair *out)
{
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(c, &field)) {
        if (field.id == 1)
            out->key = parquet_thrift_binary(c, &field);
        else if (field.id == 2)
            out->value = parquet_thrift_binary(c, &field);
        else
            parquet_thrift_skip(c, field.type, 0);
    }
}

/* Room for the elements of a list whose count is already known to fit the bytes left. */
static void *
footer_list(slu_cursor *c, const parquet_thrift_field *field, slu_arena *arena, size_t bytes, size_t count_max, size_t *out_count)
{
    const size_t count = parquet_thrift_list(c, field, THRIFT_STRUCT);
    void *list = count > count_max || *out_count != 0 ? NULL : slu_arena_array(arena, count == 0 ? 1 : count, bytes);
    if (list == NULL) {
        slu_cursor_fail(c);
        return NULL;
    }
    *out_count = count;
    return list;
}

static void
footer_field_decode(slu_cursor *c, const parquet_thrift_field *field, slu_arena *arena, parquet_footer *out)
{
    switch (field->id) {
    case 1: out->version = parquet_thrift_i32(c, field); break;
    case 2:
        out->elements = footer_list(c, field, arena, sizeof *out->elements, PARQUET_ELEMENTS_MAX, &out->element_count);
        for (size_t i = 0; i < out->element_count && slu_cursor_ok(c); i++)
            element_decode(c, &out->elements[i]);
        break;
    case 3: out->rows = parquet_thrift_i64(c, field); break;
    case 4:
        out->groups = footer_list(c, field, arena, sizeof *out->groups, PARQUET_ROW_GROUPS_READ_MAX, &out->group_count);
        for (size_t i = 0; i < out->group_count && slu_cursor_ok(c); i++)
            group_decode(c, arena, &out->groups[i]);
        break;
    case 5:
        out->pairs = footer_list(c, field, arena, sizeof *out->pairs, 10000, &out->pair_count);
        for (size_t i = 0; i < out->pair_count && slu_cursor_ok(c); i++)
            pair_decode(c, &out->pairs[i]);
        break;
    case 6: out->created_by = parquet_thrift_binary(c, field); break;
    case 7:
        out->has_orders = true;
        parquet_thrift_skip(c, field->type, 0);
        break;
    default: parquet_thrift_skip(c, field->type, 0);
    }
}

slu_status
parquet_footer_decode(slu_view bytes, slu_arena *arena, parquet_footer *out, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(bytes);
    parquet_footer footer = {0};
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(&c, &field))
        footer_field_decode(&c, &field, arena, &footer);
    SLU_TRY(slu_arena_status(arena, err));
    if (!slu_cursor_ok(&c))
        return footer_corrupt(bytes, &c, "the Thrift structure is broken or out of bounds", err);
    if (footer.element_count == 0)
        return footer_corrupt(bytes, &c, "no schema", err);
    *out = footer;
    return SLU_OK;
}

static void
data_header_decode(slu_cursor *c, parquet_page_header *out)
{
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(c, &field)) {
        switch (field.id) {
        case 1: out->value_count = parquet_thrift_i32(c, &field); break;
        case 2: out->encoding = parquet_thrift_i32(c, &field); break;
        case 3: /* a dictionary page has is_sorted here, a boolean */
            if (out->type == PARQUET_PAGE_DATA)
                out->definition_encoding = parquet_thrift_i32(c, &field);
            else
                parquet_thrift_skip(c, field.type, 0);
            break;
        case 4:
            if (out->type == PARQUET_PAGE_DATA)
                out->repetition_encoding = parquet_thrift_i32(c, &field);
            else
                parquet_thrift_skip(c, field.type, 0);
            break;
        default: parquet_thrift_skip(c, field.type, 0);
        }
    }
}

static void
data_header_v2_decode(slu_cursor *c, parquet_page_header *out)
{
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(c, &field)) {
        switch (field.id) {
        case 1: out->value_count = parquet_thrift_i32(c, &field); break;
        case 2: out->null_count = parquet_thrift_i32(c, &field); break;
        case 3: out->row_count = parquet_thrift_i32(c, &field); break;
        case 4: out->encoding = parquet_thrift_i32(c, &field); break;
        case 5: out->definition_bytes = parquet_thrift_i32(c, &field); break;
        case 6: out->repetition_bytes = parquet_thrift_i32(c, &field); break;
        case 7: out->compressed = parquet_thrift_bool(c, &field); break;
        default: parquet_thrift_skip(c, field.type, 0);
        }
    }
}

static void
page_header_field_decode(slu_cursor *c, const parquet_thrift_field *field, parquet_page_header *out)
{
    if (field->id == 1) {
        out->type = parquet_thrift_i32(c, field);
    } else if (field->id == 2) {
        out->plain_bytes = parquet_thrift_i32(c, field);
    } else if (field->id == 3) {
        out->compressed_bytes = parquet_thrift_i32(c, field);
    } else if (field->id == 4) {
        out->crc = (uint32_t)parquet_thrift_i32(c, field);
        out->has_crc = true;
    } else if (field->type == THRIFT_STRUCT &&
               ((field->id == 5 && out->type == PARQUET_PAGE_DATA) || (field->id == 7 && out->type == PARQUET_PAGE_DICTIONARY))) {
        data_header_decode(c, out);
        out->complete = true;
    } else if (field->type == THRIFT_STRUCT && field->id == 8 && out->type == PARQUET_PAGE_DATA_V2) {
        data_header_v2_decode(c, out);
        out->complete = true;
    } else {
        parquet_thrift_skip(c, field->type, 0);
    }
}

slu_status
parquet_page_header_decode(slu_cursor *in, parquet_page_header *out, slu_error *err)
{
    slu_cursor c = *in;
    parquet_page_header header = {.type = PARQUET_NONE, .compressed = true};
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(&c, &field))
        page_header_field_decode(&c, &field, &header);
    if (!slu_cursor_ok(&c))
        return SLU_MORE;
    const bool known =
        header.type == PARQUET_PAGE_DATA || header.type == PARQUET_PAGE_DATA_V2 || header.type == PARQUET_PAGE_DICTIONARY;
    if (header.plain_bytes < 0 || header.compressed_bytes < 0 || header.value_count < 0 || header.type < 0 ||
        (known && !header.complete))
        return slu_error_set(err, SLU_CORRUPT, "parquet page header: type %d, %d bytes, %d compressed, %d values", header.type,
                             header.plain_bytes, header.compressed_bytes, header.value_count);
    *in = c;
    *out = header;
    return SLU_OK;
}

/* ---- encoding ---- */

static void
logical_encode(parquet_thrift_out *element, const parquet_element *e)
{
    parquet_thrift_out logical = parquet_thrift_put_struct(element, 10);
    parquet_thrift_out type = parquet_thrift_put_struct(&logical, e->logical);
    if (e->logical == PARQUET_LOGICAL_DECIMAL) {
        parquet_thrift_put_i32(&type, 1, e->scale);
        parquet_thrift_put_i32(&type, 2, e->precision);
    } else if (e->logical == PARQUET_LOGICAL_TIME || e->logical == PARQUET_LOGICAL_TIMESTAMP) {
        parquet_thrift_put_bool(&type, 1, e->utc);
        parquet_thrift_out unit = parquet_thrift_put_struct(&type, 2);
        parquet_thrift_out none = parquet_thrift_put_struct(&unit, e->unit);
        parquet_thrift_end(&none);
        parquet_thrift_end(&unit);
    } else if (e->logical == PARQUET_LOGICAL_INTEGER) {
        parquet_thrift_put_i8(&type, 1, e->bits);
        parquet_thrift_put_bool(&type, 2, e->is_signed);
    }
    parquet_thrift_end(&type);
    parquet_thrift_end(&logical);
}

static void
element_encode(slu_buf *out, const parquet_element *e)
{
    parquet_thrift_out s = parquet_thrift_begin(out);
    if (e->type != PARQUET_NONE)
        parquet_thrift_put_i32(&s, 1, e->type);
    if (e->type == PARQUET_FIXED_LEN_BYTE_ARRAY)
        parquet_thrift_put_i32(&s, 2, e->type_length);
    if (e->repetition != PARQUET_NONE)
        parquet_thrift_put_i32(&s, 3, e->repetition);
    parquet_thrift_put_binary(&s, 4, e->name);
    if (e->type == PARQUET_NONE)
        parquet_thrift_put_i32(&s, 5, e->child_count);
    if (e->converted != PARQUET_NONE)
        parquet_thrift_put_i32(&s, 6, e->converted);
    if (e->converted == PARQUET_CONVERTED_DECIMAL) {
        parquet_thrift_put_i32(&s, 7, e->scale);
        parquet_thrift_put_i32(&s, 8, e->precision);
    }
    if (e->field_id != PARQUET_FIELD_ID_NONE)
        parquet_thrift_put_i32(&s, 9, e->field_id);
    if (e->logical != 0)
        logical_encode(&s, e);
    parquet_thrift_end(&s);
}

static void
stats_encode(parquet_thrift_out *meta, const parquet_stats *stats)
{
    parquet_thrift_out s = parquet_thrift_put_struct(meta, 12);
    if (stats->has_null_count)
        parquet_thrift_put_i64(&s, 3, stats->null_count);
    if (stats->has_max)
        parquet_thrift_put_binary(&s, 5, stats->max);
    if (stats->has_min)
        parquet_thrift_put_binary(&s, 6, stats->min);
    if (stats->has_max)
        parquet_thrift_put_bool(&s, 7, !stats->max_inexact);
    if (stats->has_min)
        parquet_thrift_put_bool(&s, 8, !stats->min_inexact);
    parquet_thrift_end(&s);
}

static void
chunk_meta_encode(parquet_thrift_out *chunk_out, const parquet_chunk *chunk)
{
    parquet_thrift_out s = parquet_thrift_put_struct(chunk_out, 3);
    parquet_thrift_put_i32(&s, 1, chunk->type);
    parquet_thrift_put_list(&s, 2, THRIFT_I32, (size_t)__builtin_popcount(chunk->encodings));
    for (int encoding = 0; encoding < 32; encoding++)
        if (chunk->encodings >> encoding & 1)
            slu_buf_zigzag(s.buf, encoding);
    parquet_thrift_put_list(&s, 3, THRIFT_BINARY, chunk->path_parts);
    for (size_t i = 0; i < chunk->path_parts; i++) {
        slu_buf_varint(s.buf, chunk->path[i].bytes);
        slu_buf_append(s.buf, chunk->path[i].data, chunk->path[i].bytes);
    }
    parquet_thrift_put_i32(&s, 4, chunk->codec);
    parquet_thrift_put_i64(&s, 5, chunk->value_count);
    parquet_thrift_put_i64(&s, 6, chunk->plain_bytes);
    parquet_thrift_put_i64(&s, 7, chunk->compressed_bytes);
    parquet_thrift_put_i64(&s, 9, chunk->data_offset);
    if (chunk->dictionary_offset != 0)
        parquet_thrift_put_i64(&s, 11, chunk->dictionary_offset);
    stats_encode(&s, &chunk->stats);
    parquet_thrift_end(&s);
}

static void
chunk_index_encode(parquet_thrift_out *chunk_out, const parquet_chunk *chunk)
{
    if (chunk->offset_index_bytes != 0) {
        parquet_thrift_put_i64(chunk_out, 4, chunk->offset_index_offset);
        parquet_thrift_put_i32(chunk_out, 5, chunk->offset_index_bytes);
    }
    if (chunk->column_index_bytes != 0) {
        parquet_thrift_put_i64(chunk_out, 6, chunk->column_index_offset);
        parquet_thrift_put_i32(chunk_out, 7, chunk->column_index_bytes);
    }
}

static void
group_encode(slu_buf *out, const parquet_row_group *group, size_t ordinal)
{
    parquet_thrift_out s = parquet_thrift_begin(out);
    parquet_thrift_put_list(&s, 1, THRIFT_STRUCT, group->chunk_count);
    for (size_t i = 0; i < group->chunk_count; i++) {
        parquet_thrift_out chunk = parquet_thrift_begin(out);
        parquet_thrift_put_i64(&chunk, 2, 0);
        chunk_meta_encode(&chunk, &group->chunks[i]);
        chunk_index_encode(&chunk, &group->chunks[i]);
        parquet_thrift_end(&chunk);
    }
    parquet_thrift_put_i64(&s, 2, group->plain_bytes);
    parquet_thrift_put_i64(&s, 3, group->rows);
    parquet_thrift_put_i64(&s, 5, group->file_offset);
    parquet_thrift_put_i64(&s, 6, group->compressed_bytes);
    parquet_thrift_put_i16(&s, 7, (int16_t)ordinal);
    parquet_thrift_end(&s);
}

static void
pairs_encode(parquet_thrift_out *footer_out, const parquet_footer *footer)
{
    parquet_thrift_put_list(footer_out, 5, THRIFT_STRUCT, footer->pair_count);
    for (size_t i = 0; i < footer->pair_count; i++) {
        parquet_thrift_out pair = parquet_thrift_begin(footer_out->buf);
        parquet_thrift_put_binary(&pair, 1, footer->pairs[i].key);
        parquet_thrift_put_binary(&pair, 2, footer->pairs[i].value);
        parquet_thrift_end(&pair);
    }
}

static void
orders_encode(parquet_thrift_out *footer_out, const parquet_footer *footer)
{
    size_t leaves = 0;
    for (size_t i = 0; i < footer->element_count; i++)
        leaves += footer->elements[i].type != PARQUET_NONE;
    parquet_thrift_put_list(footer_out, 7, THRIFT_STRUCT, leaves);
    for (size_t i = 0; i < leaves; i++) {
        parquet_thrift_out order = parquet_thrift_begin(footer_out->buf);
        parquet_thrift_out type_order = parquet_thrift_put_struct(&order, 1);
        parquet_thrift_end(&type_order);
        parquet_thrift_end(&order);
    }
}

void
parquet_footer_encode(const parquet_footer *footer, slu_buf *out)
{
    parquet_thrift_out s = parquet_thrift_begin(out);
    parquet_thrift_put_i32(&s, 1, footer->version);
    parquet_thrift_put_list(&s, 2, THRIFT_STRUCT, footer->element_count);
    for (size_t i = 0; i < footer->element_count; i++)
        element_encode(out, &footer->elements[i]);
    parquet_thrift_put_i64(&s, 3, footer->rows);
    parquet_thrift_put_list(&s, 4, THRIFT_STRUCT, footer->group_count);
    for (size_t i = 0; i < footer->group_count; i++)
        group_encode(out, &footer->groups[i], i);
    if (footer->pair_count != 0)
        pairs_encode(&s, footer);
    parquet_thrift_put_binary(&s, 6, footer->created_by);
    if (footer->has_orders)
        orders_encode(&s, footer);
    parquet_thrift_end(&s);
}

void
parquet_page_header_encode(const parquet_page_header *header, slu_buf *out)
{
    parquet_thrift_out s = parquet_thrift_begin(out);
    parquet_thrift_put_i32(&s, 1, header->type);
    parquet_thrift_put_i32(&s, 2, header->plain_bytes);
    parquet_thrift_put_i32(&s, 3, header->compressed_bytes);
    parquet_thrift_out page = parquet_thrift_put_struct(&s, header->type == PARQUET_PAGE_DATA ? 5 : 7);
    parquet_thrift_put_i32(&page, 1, header->value_count);
    parquet_thrift_put_i32(&page, 2, header->encoding);
    if (header->type == PARQUET_PAGE_DATA) {
        parquet_thrift_put_i32(&page, 3, PARQUET_ENCODING_RLE);
        parquet_thrift_put_i32(&page, 4, PARQUET_ENCODING_RLE);
    }
    parquet_thrift_end(&page);
    parquet_thrift_end(&s);
}
