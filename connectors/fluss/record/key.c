/* key.c: key encodings and bucket functions, with short ways for the keys that nearly every table has (one BIGINT or INT). */
#include "key.h"

#include "base/hash.h"
#include "base/sizes.h"
#include "value.h"

/* ---- Hashes ---- */

static uint32_t
rotate_left(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

static uint32_t
mix_k(uint32_t k)
{
    return rotate_left(k * 0xcc9e2d51u, 15) * 0x1b873593u;
}

static uint32_t
mix_h(uint32_t h, uint32_t k)
{
    return rotate_left(h ^ k, 13) * 5 + 0xe6546b64u;
}

static uint32_t
mix_end(uint32_t h)
{
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

/* MurmurHashUtils.hashUnsafeBytes, seed 42: the tail goes through the same mixing, one sign-extended byte at a time. */
static uint32_t
hash_42(slu_view key)
{
    uint32_t h = 42;
    size_t i = 0;
    for (; i + 4 <= key.bytes; i += 4) {
        uint32_t word;
        memcpy(&word, key.data + i, sizeof word);
        h = mix_h(h, mix_k(word));
    }
    for (; i < key.bytes; i++)
        h = mix_h(h, mix_k((uint32_t)(int32_t)(int8_t)key.data[i]));
    return mix_end(h ^ (uint32_t)key.bytes);
}

/* MathUtils.murmurHash. */
static int32_t
hash_again(uint32_t code)
{
    const int32_t mixed = (int32_t)mix_end((rotate_left(mix_k(code), 13) * 5 + 0xe6546b64u) ^ 4);
    return mixed >= 0 ? mixed : mixed != INT32_MIN ? -mixed : 0;
}

int32_t
fluss_bucket_of(uint8_t function, slu_view key, int32_t buckets)
{
    if (function == FLUSS_BUCKET_ICEBERG)
        return (int32_t)(slu_murmur3_32(key.data, key.bytes, 0) & 0x7fffffffu) % buckets;
    if (function == FLUSS_BUCKET_PAIMON) {
        const int32_t rest = (int32_t)hash_42(key) % buckets;
        return rest < 0 ? -rest : rest;
    }
    return hash_again(hash_42(key)) % buckets;
}

/* ---- Encodings ---- */

static slu_status
iceberg_refuse(const fluss_type *type, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, 256);
    fluss_type_print(type, &text);
    return slu_error_set(
        err, SLU_UNSUPPORTED,
        "a bucket key of type %s has no Iceberg encoding, and the table is one of the lake (table.datalake.enabled): "
        "choose another bucket.key, or INT for the column",
        slu_buf_cstr(&text));
}

static slu_status
iceberg_put(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out, slu_error *err)
{
    uint8_t decimal[16];
    int32_t bytes, nanos;
    int64_t ms;
    const uint8_t *data;
    switch (type->id) {
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_DATE: slu_buf_u64le(out, (uint64_t)(int64_t)slu_column_i32s(column)[row]); break;
    case FLUSS_TYPE_BIGINT: slu_buf_u64le(out, (uint64_t)slu_column_i64s(column)[row]); break;
    case FLUSS_TYPE_TIME: slu_buf_u64le(out, (uint64_t)value_time_ms(column, row) * 1000); break;
    case FLUSS_TYPE_TIMESTAMP:
        ms = value_timestamp_ms(column, row, &nanos);
        slu_buf_u64le(out, (uint64_t)ms * 1000 + (uint64_t)(nanos / 1000));
        break;
    case FLUSS_TYPE_FLOAT: slu_buf_append(out, slu_column_f32s(column) + row, 4); break;
    case FLUSS_TYPE_DOUBLE: slu_buf_append(out, slu_column_f64s(column) + row, 8); break;
    case FLUSS_TYPE_DECIMAL: slu_buf_append(out, decimal, value_decimal_bytes(slu_column_decimals(column)[row], decimal)); break;
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING:
    case FLUSS_TYPE_BINARY:
    case FLUSS_TYPE_BYTES:
        data = slu_column_bytes(column, row, &bytes);
        slu_buf_append(out, data, (size_t)bytes);
        break;
    default: return iceberg_refuse(type, err);
    }
    return SLU_OK;
}

/* A BinaryRow: a header byte (row kind 0), null bits up to a multiple of 8 bytes, 8 bytes a field, then what does not fit there. */
static size_t
paimon_bit_bytes(size_t count)
{
    return (count + 63 + 8) / 64 * 8;
}

static slu_status
key_check(const fluss_type *const *types, const slu_column *columns, size_t count, int64_t row, slu_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!value_fits(types[i], columns[i].type))
            return slu_error_set(err, SLU_INVALID, "key column %zu is not of its table's type, or of a type that cannot be a key",
                                 i);
        if (!slu_column_valid(&columns[i], row))
            return slu_error_set(err, SLU_INVALID, "key column %zu is null in row %lld", i, (long long)row);
    }
    return SLU_OK;
}

static slu_status
paimon_encode(const fluss_type *const *types, const slu_column *columns, size_t count, int64_t row, slu_buf *out, slu_error *err)
{
    const size_t start = out->bytes;
    const size_t slots = start + paimon_bit_bytes(count);
    slu_buf_zero(out, paimon_bit_bytes(count) + 8 * count);
    for (size_t i = 0; i < count; i++)
        value_put_slot(types[i], &columns[i], row, out, start, slots + 8 * i);
    return slu_buf_status(out, err);
}

static slu_status
compacted_encode(const fluss_type *const *types, const slu_column *columns, size_t count, int64_t row, slu_buf *out, slu_error *err)
{
    for (size_t i = 0; i < count; i++)
        SLU_TRY(value_put_compacted(types[i], &columns[i], row, out, err));
    return slu_buf_status(out, err);
}

slu_status
fluss_key_encode(uint8_t encoding, const fluss_type *const *types, const slu_column *columns, size_t count, int64_t row,
                 slu_buf *out, slu_error *err)
{
    SLU_TRY(key_check(types, columns, count, row, err));
    if (encoding == FLUSS_KEY_COMPACTED)
        return compacted_encode(types, columns, count, row, out, err);
    if (encoding == FLUSS_KEY_PAIMON)
        return paimon_encode(types, columns, count, row, out, err);
    if (count != 1)
        return slu_error_set(err, SLU_UNSUPPORTED, "an Iceberg key has exactly one column, not %zu", count);
    SLU_TRY(iceberg_put(types[0], &columns[0], row, out, err));
    return slu_buf_status(out, err);
}

/* ---- Batches ---- */

#define KEY_COLUMNS_MAX 64

typedef struct key_columns {
    const fluss_type *types[KEY_COLUMNS_MAX];
    slu_column columns[KEY_COLUMNS_MAX];
    size_t count;
} key_columns;

static slu_status
key_columns_find(const fluss_table *table, const int32_t *positions, size_t count, const struct ArrowSchema *schema,
                 const struct ArrowArray *array, key_columns *out, slu_error *err)
{
    if (count == 0 || count > KEY_COLUMNS_MAX)
        return slu_error_set(err, SLU_INVALID, "a key of %zu columns; 1 to %d are served", count, KEY_COLUMNS_MAX);
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        const fluss_column *column = &table->descriptor->schema.columns[positions[i]];
        const int64_t at = slu_schema_find(schema, column->name);
        if (at < 0)
            return slu_error_set(err, SLU_INVALID, "the batch lacks the key column %s", column->name);
        out->types[i] = &column->type;
        out->columns[i] = slu_column_child(schema, array, at);
        if (!value_fits(&column->type, out->columns[i].type))
            return slu_error_set(err, SLU_INVALID, "key column %s: Arrow format %s is not what the table's type wants",
                                 column->name, schema->children[at]->format);
    }
    return SLU_OK;
}

static size_t
small_varint(uint64_t value, uint8_t *out)
{
    size_t at = 0;
    for (; value >= 0x80; value >>= 7)
        out[at++] = (uint8_t)(value | 0x80);
    out[at++] = (uint8_t)value;
    return at;
}

/* One whole number without nulls: no buffer, no calls by type. */
static bool
buckets_of_integers(const fluss_table *table, const key_columns *keys, const int32_t *selection, int64_t rows, int32_t *out)
{
    const slu_column *column = &keys->columns[0];
    const bool wide = keys->types[0]->id == FLUSS_TYPE_BIGINT;
    if (keys->count != 1 || column->validity != NULL || table->bucket_encoding == FLUSS_KEY_PAIMON ||
        (!wide && keys->types[0]->id != FLUSS_TYPE_INTEGER))
        return false;
    for (int64_t i = 0; i < rows; i++) {
        uint8_t key[16];
        size_t bytes = sizeof(int64_t);
        const int64_t row = selection == NULL ? i : selection[i];
        const int64_t value = wide ? slu_column_i64s(column)[row] : slu_column_i32s(column)[row];
        if (table->bucket_encoding == FLUSS_KEY_ICEBERG)
            memcpy(key, &value, sizeof value);
        else
            bytes = small_varint(wide ? (uint64_t)value : (uint32_t)value, key);
        out[i] = fluss_bucket_of(table->bucket_function, slu_view_of(key, bytes), table->bucket_count);
    }
    return true;
}

#define KEYS_BYTES_MAX ((size_t)1 << 30)

slu_status
fluss_table_buckets(const fluss_table *table, const struct ArrowSchema *schema, const struct ArrowArray *array,
                    const int32_t *selection, int64_t rows, int32_t *out_buckets, slu_error *err)
{
    key_columns keys;
    SLU_AUTO(slu_buf_fini) slu_buf key = {0};
    SLU_TRY(key_columns_find(table, table->bucket_columns, table->bucket_column_count, schema, array, &keys, err));
    if (table->bucket_count < 1)
        return slu_error_set(err, SLU_INVALID, "a table with %d buckets", table->bucket_count);
    if (buckets_of_integers(table, &keys, selection, rows, out_buckets))
        return SLU_OK;
    slu_buf_init(&key, KEYS_BYTES_MAX);
    for (int64_t i = 0; i < rows; i++) {
        slu_buf_reset(&key);
        SLU_TRY(fluss_key_encode(table->bucket_encoding, keys.types, keys.columns, keys.count, selection == NULL ? i : selection[i],
                                 &key, err));
        out_buckets[i] = fluss_bucket_of(table->bucket_function, slu_buf_view(&key), table->bucket_count);
    }
    return SLU_OK;
}

slu_status
fluss_table_keys(const fluss_table *table, const struct ArrowSchema *schema, const struct ArrowArray *array,
                 const int32_t *selection, int64_t rows, slu_buf *out, uint32_t *offsets, slu_error *err)
{
    key_columns keys;
    const size_t start = out->bytes;
    SLU_TRY(key_columns_find(table, table->key_columns, table->key_column_count, schema, array, &keys, err));
    offsets[0] = 0;
    for (int64_t i = 0; i < rows; i++) {
        SLU_TRY(fluss_key_encode(table->key_encoding, keys.types, keys.columns, keys.count, selection == NULL ? i : selection[i],
                                 out, err));
        if (out->bytes - start > UINT32_MAX)
            return slu_error_set(err, SLU_LIMIT, "the keys of %lld rows are longer than 4 GiB", (long long)rows);
        offsets[i + 1] = (uint32_t)(out->bytes - start);
    }
    return SLU_OK;
}
