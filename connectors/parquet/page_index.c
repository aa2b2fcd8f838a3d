#include "page_index.h"

#include "base/hash.h"
#include "thrift.h"

#define BLOOM_BLOCK_BYTES 32
#define BLOOM_BYTES_MAX ((int32_t)128 << 20)

static slu_status
index_corrupt(const char *what, slu_error *err)
{
    return slu_error_set(err, SLU_CORRUPT, "the page index is broken: %s", what);
}

/* ---- where pages are ---- */

static void
location_decode(slu_cursor *c, parquet_location *out)
{
    parquet_thrift_field field = {0, 0};
    while (parquet_thrift_next(c, &field)) {
        switch (field.id) {
        case 1: out->offset = parquet_thrift_i64(c, &field); break;
        case 2: out->bytes = parquet_thrift_i32(c, &field); break;
        case 3: out->first_row = parquet_thrift_i64(c, &field); break;
        default: parquet_thrift_skip(c, field.type, 0);
        }
    }
}

static bool
locations_rise(const parquet_location *locations, size_t count, int64_t rows)
{
    if (count == 0 || locations[0].first_row != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        const parquet_location *l = &locations[i];
        if (l->offset < 4 || l->bytes <= 0 || l->first_row >= rows)
            return false;
        if (i > 0 && (l->first_row <= l[-1].first_row || l->offset - l[-1].offset < l[-1].bytes))
            return false;
    }
    return true;
}

slu_status
parquet_offset_index_decode(slu_view bytes, int64_t rows, slu_arena *arena, parquet_location **out, size_t *out_count,
                            slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(bytes);
    parquet_thrift_field field = {0, 0};
    parquet_location *locations = NULL;
    size_t count = 0;
    while (parquet_thrift_next(&c, &field)) {
        if (field.id != 1 || locations != NULL) {
            parquet_thrift_skip(&c, field.type, 0);
            continue;
        }
        count = parquet_thrift_list(&c, &field, THRIFT_STRUCT);
        locations = slu_arena_array(arena, count, sizeof *locations);
        SLU_TRY(slu_arena_status(arena, err));
        for (size_t i = 0; i < count && slu_cursor_ok(&c); i++)
            location_decode(&c, &locations[i]);
    }
    if (!slu_cursor_ok(&c) || locations == NULL || !locations_rise(locations, count, rows))
        return index_corrupt("its pages do not follow each other", err);
    *out = locations;
    *out_count = count;
    return SLU_OK;
}

/* ---- what pages hold ---- */

/* The list must have one element a page. */
static bool
column_list(slu_cursor *c, const parquet_thrift_field *field, uint8_t type, size_t count)
{
    if (parquet_thrift_list(c, field, type) != count)
        slu_cursor_fail(c);
    return slu_cursor_ok(c);
}

static void
null_pages_decode(slu_cursor *c, const parquet_thrift_field *field, parquet_page_bounds *pages, size_t count)
{
    parquet_thrift_field as = *field;
    if (as.type != THRIFT_LIST || slu_cursor_left(c) == 0) {
        slu_cursor_fail(c);
        return;
    }
    /* The type of a boolean in a list is written as true or as false. */
    const uint8_t type = *c->at & 0x0f;
    if ((type != THRIFT_TRUE && type != THRIFT_FALSE) || !column_list(c, &as, type, count))
        slu_cursor_fail(c);
    for (size_t i = 0; i < count && slu_cursor_ok(c); i++)
        pages[i].null_page = slu_cursor_u8(c) == THRIFT_TRUE;
}

static void
column_index_field(slu_cursor *c, const parquet_thrift_field *field, parquet_page_bounds *pages, size_t count)
{
    const parquet_thrift_field binary = {0, THRIFT_BINARY};
    switch (field->id) {
    case 1: null_pages_decode(c, field, pages, count); break;
    case 2:
    case 3:
        (void)column_list(c, field, THRIFT_BINARY, count);
        for (size_t i = 0; i < count && slu_cursor_ok(c); i++)
            *(field->id == 2 ? &pages[i].min : &pages[i].max) = parquet_thrift_binary(c, &binary);
        break;
    case 5:
        (void)column_list(c, field, THRIFT_I64, count);
        for (size_t i = 0; i < count && slu_cursor_ok(c); i++) {
            pages[i].null_count = slu_cursor_zigzag(c);
            pages[i].has_null_count = true;
        }
        break;
    default: parquet_thrift_skip(c, field->type, 0);
    }
}

slu_status
parquet_column_index_decode(slu_view bytes, size_t count, slu_arena *arena, parquet_page_bounds **out, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(bytes);
    parquet_thrift_field field = {0, 0};
    unsigned seen = 0;
    parquet_page_bounds *pages = slu_arena_array(arena, count, sizeof *pages);
    SLU_TRY(slu_arena_status(arena, err));
    while (parquet_thrift_next(&c, &field)) {
        seen |= field.id >= 0 && field.id < 8 ? 1u << field.id : 0;
        column_index_field(&c, &field, pages, count);
    }
    if (!slu_cursor_ok(&c) || (seen & 0xe) != 0xe)
        return index_corrupt("its lists are not one element a page", err);
    *out = pages;
    return SLU_OK;
}

/* ---- Bloom filters ---- */

static int32_t
bloom_choice(slu_cursor *c, const parquet_thrift_field *field)
{
    int32_t chosen = 0;
    parquet_thrift_field inner = {0, 0};
    if (!parquet_thrift_struct(c, field))
        return 0;
    while (parquet_thrift_next(c, &inner)) {
        chosen = inner.id;
        parquet_thrift_skip(c, inner.type, 0);
    }
    return chosen;
}

slu_status
parquet_bloom_header_decode(slu_view bytes, uint32_t *out_bytes, size_t *out_header_bytes, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(bytes);
    parquet_thrift_field field = {0, 0};
    int32_t size = 0, choices[5] = {0};
    while (parquet_thrift_next(&c, &field)) {
        if (field.id == 1)
            size = parquet_thrift_i32(&c, &field);
        else if (field.id >= 2 && field.id <= 4)
            choices[field.id] = bloom_choice(&c, &field);
        else
            parquet_thrift_skip(&c, field.type, 0);
    }
    if (!slu_cursor_ok(&c) || size < BLOOM_BLOCK_BYTES || size % BLOOM_BLOCK_BYTES != 0 || size > BLOOM_BYTES_MAX)
        return slu_error_set(err, SLU_CORRUPT, "a Bloom filter's header is broken");
    if (choices[2] != 1 || choices[3] != 1 || choices[4] != 1)
        return slu_error_set(err, SLU_UNSUPPORTED, "a Bloom filter that is not split block, XXH64 and uncompressed");
    *out_bytes = (uint32_t)size;
    *out_header_bytes = bytes.bytes - slu_cursor_left(&c);
    return SLU_OK;
}

uint32_t
parquet_bloom_block(slu_view value, uint32_t filter_bytes)
{
    const uint64_t hash = slu_hash64(value.data, value.bytes);
    return (uint32_t)((hash >> 32) * (filter_bytes / BLOOM_BLOCK_BYTES) >> 32) * BLOOM_BLOCK_BYTES;
}

bool
parquet_bloom_may_hold(const uint8_t *block, slu_view value)
{
    static const uint32_t salts[8] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                      0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};
    const uint32_t key = (uint32_t)slu_hash64(value.data, value.bytes);
    for (size_t i = 0; i < 8; i++) {
        uint32_t word;
        memcpy(&word, block + 4 * i, sizeof word);
        if ((word >> (key * salts[i] >> 27) & 1) == 0)
            return false;
    }
    return true;
}

/* ---- writing ---- */

void
parquet_page_marks_init(parquet_page_marks *marks)
{
    slu_buf_init(&marks->marks, PARQUET_SECTION_BYTES_MAX);
    slu_buf_init(&marks->bounds, PARQUET_SECTION_BYTES_MAX);
    marks->unbounded = false;
}

void
parquet_page_marks_fini(parquet_page_marks *marks)
{
    slu_buf_fini(&marks->marks);
    slu_buf_fini(&marks->bounds);
}

void
parquet_page_marks_reset(parquet_page_marks *marks)
{
    slu_buf_reset(&marks->marks);
    slu_buf_reset(&marks->bounds);
    marks->unbounded = false;
}

size_t
parquet_page_marks_count(const parquet_page_marks *marks)
{
    return marks->marks.bytes / sizeof(parquet_page_mark);
}

static const parquet_page_mark *
marks_at(const parquet_page_marks *marks, size_t i)
{
    return (const parquet_page_mark *)(const void *)marks->marks.data + i;
}

void
parquet_page_marks_add(parquet_page_marks *marks, const parquet_page_mark *mark, const slu_view *min, const slu_view *max)
{
    parquet_page_mark copy = *mark;
    if (min != NULL && max != NULL) {
        copy.min_at = marks->bounds.bytes;
        copy.min_bytes = min->bytes;
        slu_buf_append(&marks->bounds, min->data, min->bytes);
        copy.max_at = marks->bounds.bytes;
        copy.max_bytes = max->bytes;
        slu_buf_append(&marks->bounds, max->data, max->bytes);
    } else if (!mark->null_page) {
        marks->unbounded = true;
    }
    slu_buf_append(&marks->marks, &copy, sizeof copy);
}

void
parquet_offset_index_encode(const parquet_page_marks *marks, int64_t base, slu_buf *out)
{
    const size_t count = parquet_page_marks_count(marks);
    parquet_thrift_out s = parquet_thrift_begin(out);
    parquet_thrift_put_list(&s, 1, THRIFT_STRUCT, count);
    for (size_t i = 0; i < count; i++) {
        parquet_thrift_out location = parquet_thrift_begin(out);
        parquet_thrift_put_i64(&location, 1, base + marks_at(marks, i)->offset);
        parquet_thrift_put_i32(&location, 2, marks_at(marks, i)->bytes);
        parquet_thrift_put_i64(&location, 3, marks_at(marks, i)->first_row);
        parquet_thrift_end(&location);
    }
    parquet_thrift_end(&s);
}

static void
column_bounds_encode(const parquet_page_marks *marks, bool upper, parquet_thrift_out *s)
{
    const size_t count = parquet_page_marks_count(marks);
    parquet_thrift_put_list(s, upper ? 3 : 2, THRIFT_BINARY, count);
    for (size_t i = 0; i < count; i++) {
        const parquet_page_mark *mark = marks_at(marks, i);
        const size_t bytes = upper ? mark->max_bytes : mark->min_bytes;
        slu_buf_varint(s->buf, bytes);
        if (bytes != 0)
            slu_buf_append(s->buf, marks->bounds.data + (upper ? mark->max_at : mark->min_at), bytes);
    }
}

void
parquet_column_index_encode(const parquet_page_marks *marks, slu_buf *out)
{
    const size_t count = parquet_page_marks_count(marks);
    parquet_thrift_out s = parquet_thrift_begin(out);
    parquet_thrift_put_list(&s, 1, THRIFT_TRUE, count);
    for (size_t i = 0; i < count; i++)
        slu_buf_u8(out, marks_at(marks, i)->null_page ? THRIFT_TRUE : THRIFT_FALSE);
    column_bounds_encode(marks, false, &s);
    column_bounds_encode(marks, true, &s);
    parquet_thrift_put_i32(&s, 4, 0); /* unordered: always true */
    parquet_thrift_put_list(&s, 5, THRIFT_I64, count);
    for (size_t i = 0; i < count; i++)
        slu_buf_zigzag(out, marks_at(marks, i)->null_count);
    parquet_thrift_end(&s);
}
