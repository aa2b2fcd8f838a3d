#include "iceberg/vector.h"

#include "base/cursor.h"

#include <zlib.h>

#define COOKIE_RUNS 12347
#define COOKIE_PLAIN 12346
#define OFFSETS_FROM 4 /* containers: with fewer, a bitmap with runs has no offsets */
#define ARRAY_MAX 4096
#define BITS_BYTES 8192
#define CONTAINERS_MAX 65536

static const uint8_t MAGIC[4] = {0xd1, 0xd3, 0x39, 0x64};

/* Where positions go; more than there is room for fails the cursor. */
typedef struct vector_out {
    int64_t *rows;
    size_t count;
    size_t capacity;
} vector_out;

static void
out_add(vector_out *out, slu_cursor *cursor, uint64_t position)
{
    const bool rises = out->count == 0 || out->rows[out->count - 1] < (int64_t)position;
    if (out->count == out->capacity || position > INT64_MAX || !rises)
        slu_cursor_fail(cursor);
    else
        out->rows[out->count++] = (int64_t)position;
}

static void
container_runs(slu_cursor *cursor, uint64_t base, vector_out *out)
{
    const size_t runs = slu_cursor_count(cursor, slu_cursor_u16le(cursor), 4);
    for (size_t i = 0; i < runs && slu_cursor_ok(cursor); i++) {
        const uint32_t first = slu_cursor_u16le(cursor);
        const uint32_t last = first + slu_cursor_u16le(cursor);
        for (uint32_t value = first; value <= last && slu_cursor_ok(cursor); value++)
            out_add(out, cursor, value > UINT16_MAX ? UINT64_MAX : base + value);
    }
}

static void
container_array(slu_cursor *cursor, uint64_t base, size_t cardinality, vector_out *out)
{
    const size_t values = slu_cursor_count(cursor, cardinality, 2);
    for (size_t i = 0; i < values && slu_cursor_ok(cursor); i++)
        out_add(out, cursor, base + slu_cursor_u16le(cursor));
}

static void
container_bits(slu_cursor *cursor, uint64_t base, vector_out *out)
{
    const uint8_t *bits = slu_cursor_bytes(cursor, BITS_BYTES);
    for (size_t i = 0; bits != NULL && i < (size_t)BITS_BYTES * 8 && slu_cursor_ok(cursor); i++)
        if ((bits[i >> 3] >> (i & 7)) & 1)
            out_add(out, cursor, base + i);
}

static void
bitmap_decode(slu_cursor *cursor, uint64_t high, vector_out *out)
{
    const uint32_t cookie = slu_cursor_u32le(cursor);
    const bool has_runs = (cookie & 0xffff) == COOKIE_RUNS;
    const size_t containers = has_runs ? (size_t)(cookie >> 16) + 1 : slu_cursor_u32le(cursor);
    if ((!has_runs && cookie != COOKIE_PLAIN) || containers > CONTAINERS_MAX) {
        slu_cursor_fail(cursor);
        return;
    }
    const uint8_t *runs = has_runs ? slu_cursor_bytes(cursor, (containers + 7) / 8) : NULL;
    slu_cursor head = slu_cursor_sub(cursor, containers * 4);
    if (!has_runs || containers >= OFFSETS_FROM)
        slu_cursor_skip(cursor, containers * 4);
    for (size_t i = 0; i < containers && slu_cursor_ok(cursor); i++) {
        const uint64_t base = high << 32 | (uint64_t)slu_cursor_u16le(&head) << 16;
        const size_t cardinality = (size_t)slu_cursor_u16le(&head) + 1;
        const size_t before = out->count;
        if (runs != NULL && ((runs[i >> 3] >> (i & 7)) & 1))
            container_runs(cursor, base, out);
        else if (cardinality <= ARRAY_MAX)
            container_array(cursor, base, cardinality, out);
        else
            container_bits(cursor, base, out);
        if (out->count - before != cardinality)
            slu_cursor_fail(cursor);
    }
}

slu_status
iceberg_vector_decode(slu_view blob, int64_t *rows, size_t count, slu_error *err)
{
    slu_cursor cursor = slu_cursor_of_view(blob);
    vector_out out = {rows, 0, count};
    const uint32_t bytes = slu_cursor_u32be(&cursor);
    slu_cursor vector = slu_cursor_sub(&cursor, bytes);
    const slu_view checked = slu_view_of(vector.at, slu_cursor_left(&vector));
    const uint32_t crc = slu_cursor_u32be(&cursor);
    const uint8_t *magic = slu_cursor_bytes(&vector, sizeof MAGIC);
    if (!slu_cursor_ok(&cursor) || slu_cursor_left(&cursor) != 0 || magic == NULL || memcmp(magic, MAGIC, sizeof MAGIC) != 0)
        return slu_error_set(err, SLU_CORRUPT, "a deletion vector of %zu bytes has a wrong length or magic", blob.bytes);
    if (crc != (uint32_t)crc32_z(crc32_z(0, NULL, 0), checked.data, checked.bytes))
        return slu_error_set(err, SLU_CORRUPT, "a deletion vector has another checksum than it says");
    const size_t bitmaps = slu_cursor_count(&vector, slu_cursor_u64le(&vector), 8);
    for (size_t i = 0; i < bitmaps && slu_cursor_ok(&vector); i++) {
        const uint64_t high = slu_cursor_u32le(&vector);
        bitmap_decode(&vector, high, &out);
    }
    if (!slu_cursor_ok(&vector) || slu_cursor_left(&vector) != 0 || out.count != count)
        return slu_error_set(err, SLU_CORRUPT, "a deletion vector does not hold the %zu positions that it should", count);
    return SLU_OK;
}
