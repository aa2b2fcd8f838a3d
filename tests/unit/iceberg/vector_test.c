/* Deletion vectors: each kind of container, and blobs that lie. */
#include "iceberg/vector.h"
#include "support/check.h"

#include <zlib.h>

/* A blob around the bytes of a vector. */
static slu_buf
blob_of(const slu_buf *vector)
{
    slu_buf blob;
    slu_buf_init(&blob, 1 << 20);
    slu_buf_u32be(&blob, (uint32_t)vector->bytes + 4);
    slu_buf_append(&blob, "\xd1\xd3\x39\x64", 4);
    slu_buf_append(&blob, vector->data, vector->bytes);
    slu_buf_u32be(&blob, (uint32_t)crc32_z(0, blob.data + 4, vector->bytes + 4));
    return blob;
}

/* Two bitmaps: runs and an array in the first, 5000 single bits in the second. */
static slu_buf
vector_make(void)
{
    slu_buf out;
    slu_buf_init(&out, 1 << 20);
    slu_buf_u64le(&out, 2);
    slu_buf_u32le(&out, 0);               /* high half 0 */
    slu_buf_u32le(&out, 12347 | 1 << 16); /* two containers */
    slu_buf_u8(&out, 1);                  /* the first is runs */
    slu_buf_u16le(&out, 0);
    slu_buf_u16le(&out, 12); /* 13 positions */
    slu_buf_u16le(&out, 7);
    slu_buf_u16le(&out, 1); /* 2 positions */
    slu_buf_u16le(&out, 2); /* runs: 5..14 and 20..22 */
    slu_buf_u16le(&out, 5);
    slu_buf_u16le(&out, 9);
    slu_buf_u16le(&out, 20);
    slu_buf_u16le(&out, 2);
    slu_buf_u16le(&out, 3); /* array: 3, 65535 */
    slu_buf_u16le(&out, 65535);
    slu_buf_u32le(&out, 1); /* high half 1 */
    slu_buf_u32le(&out, 12346);
    slu_buf_u32le(&out, 1);
    slu_buf_u16le(&out, 0);
    slu_buf_u16le(&out, 4999);
    slu_buf_u32le(&out, 16); /* offsets */
    for (int i = 0; i < 8192; i++)
        slu_buf_u8(&out, i < 5000 ? 0x80 : 0); /* every eighth position */
    return out;
}

#define POSITIONS (15 + 5000)

static void
every_container(void **state)
{
    static int64_t rows[POSITIONS];
    slu_error err = {0};
    slu_buf vector = vector_make();
    slu_buf blob = blob_of(&vector);
    uint8_t *copy = guarded_copy(blob.data, blob.bytes);
    CHECK_OK(iceberg_vector_decode(slu_view_of(copy, blob.bytes), rows, POSITIONS, &err));
    assert_int_equal(rows[0], 5);
    assert_int_equal(rows[9], 14);
    assert_int_equal(rows[12], 22);
    assert_int_equal(rows[13], 7 * 65536 + 3);
    assert_int_equal(rows[14], 7 * 65536 + 65535);
    assert_int_equal(rows[15], (INT64_C(1) << 32) + 7);
    assert_int_equal(rows[POSITIONS - 1], (INT64_C(1) << 32) + 4999 * 8 + 7);
    CHECK_STATUS(iceberg_vector_decode(slu_view_of(copy, blob.bytes), rows, POSITIONS - 1, &err), SLU_CORRUPT);
    guarded_free(copy, blob.bytes);
    slu_buf_fini(&blob);
    slu_buf_fini(&vector);
}

/* Cut anywhere, or with a byte changed (and the checksum made right again), a vector is refused or holds as many positions as
 * asked. */
static void
cut_and_changed(void **state)
{
    static int64_t rows[POSITIONS];
    slu_buf vector = vector_make();
    for (size_t i = 0; i < 2 * 80; i++) {
        slu_error err = {0};
        slu_buf part = vector_make();
        if (i < 80)
            part.bytes = i;
        else
            part.data[i - 80] ^= 0x55;
        slu_buf blob = blob_of(&part);
        uint8_t *copy = guarded_copy(blob.data, blob.bytes);
        const slu_status status = iceberg_vector_decode(slu_view_of(copy, blob.bytes), rows, POSITIONS, &err);
        assert_true(status == SLU_OK || status == SLU_CORRUPT);
        assert_true(i >= 80 || status == SLU_CORRUPT);
        guarded_free(copy, blob.bytes);
        slu_buf_fini(&blob);
        slu_buf_fini(&part);
    }
    slu_buf_fini(&vector);
}

static void
a_wrong_checksum(void **state)
{
    static int64_t rows[POSITIONS];
    slu_error err = {0};
    slu_buf vector = vector_make();
    slu_buf blob = blob_of(&vector);
    blob.data[30] ^= 1;
    CHECK_STATUS(iceberg_vector_decode(slu_buf_view(&blob), rows, POSITIONS, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, "checksum");
    CHECK_STATUS(iceberg_vector_decode(slu_view_of("", 0), rows, POSITIONS, &err), SLU_CORRUPT);
    slu_buf_fini(&blob);
    slu_buf_fini(&vector);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_container),
        cmocka_unit_test(cut_and_changed),
        cmocka_unit_test(a_wrong_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
