#include <sluice/sdk/keys.h>
#include <sluice/sdk/suggest.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint32_t
sdk_key_hash(const void *key, size_t bytes)
{
    return (uint32_t)XXH64(key, bytes, 0);
}

static uint32_t
value_bytes(slu_type type)
{
    return type.id == SLU_TYPE_BOOL ? 1 : (uint32_t)type.width_bytes;
}

slu_status
sdk_keys_init(sdk_keys *keys, const struct ArrowSchema *schema, const char *const *names, uint32_t count, slu_error *err)
{
    memset(keys, 0, sizeof *keys);
    keys->shown.size = sizeof keys->shown;
    if (count == 0 || count > SDK_KEY_COLUMNS_MAX)
        return slu_error_set(err, SLU_INVALID, "a key has 1 to %d columns, not %u", SDK_KEY_COLUMNS_MAX, count);
    bool fixed = true;
    for (uint32_t i = 0; i < count; i++) {
        keys->columns[i] = sdk_column_find(schema, names[i], err);
        if (keys->columns[i] < 0)
            return SLU_INVALID;
        keys->types[i] = slu_type_of(schema->children[keys->columns[i]]->format);
        if (keys->types[i].id == SLU_TYPE_OTHER || slu_type_is_nested(keys->types[i]))
            return slu_error_set(err, SLU_UNSUPPORTED, "column '%s' has a type that cannot be a key", names[i]);
        fixed = fixed && !slu_type_is_varlen(keys->types[i]);
        keys->key_bytes += 1 + value_bytes(keys->types[i]);
    }
    keys->column_count = count;
    if (!fixed)
        keys->key_bytes = 0;
    return SLU_OK;
}

void
sdk_keys_fini(sdk_keys *keys)
{
    free(keys->data);
    free(keys->offsets);
    free(keys->hashes);
    memset(keys, 0, sizeof *keys);
}

static slu_status
keys_room(sdk_keys *keys, int64_t rows, size_t data_bytes, slu_error *err)
{
    if (rows > keys->rows_capacity) {
        free(keys->hashes);
        free(keys->offsets);
        keys->hashes = malloc((size_t)rows * sizeof *keys->hashes);
        keys->offsets = malloc(((size_t)rows + 1) * sizeof *keys->offsets);
        keys->rows_capacity = keys->hashes != NULL && keys->offsets != NULL ? rows : 0;
    }
    if (data_bytes > keys->data_capacity) {
        free(keys->data);
        keys->data = malloc(data_bytes);
        keys->data_capacity = keys->data != NULL ? data_bytes : 0;
    }
    if (keys->rows_capacity < rows || keys->data_capacity < data_bytes)
        return slu_error_set(err, SLU_NOMEM, "no memory for the keys of %lld rows", (long long)rows);
    return SLU_OK;
}

/* ---- Values ----------------------------------------------------------------------------------------------------------------- */

/* -0.0 becomes 0.0, every NaN the quiet one: equal values have equal bytes. */
static void
put_float(uint8_t *to, const slu_column *column, int64_t row)
{
    if (column->type.id == SLU_TYPE_FLOAT) {
        float value = slu_column_f32s(column)[row];
        const uint32_t quiet = UINT32_C(0x7fc00000);
        value += 0.0f;
        memcpy(to, value != value ? (const void *)&quiet : &value, 4);
        return;
    }
    double value = slu_column_f64s(column)[row];
    const uint64_t quiet = UINT64_C(0x7ff8000000000000);
    value += 0.0;
    memcpy(to, value != value ? (const void *)&quiet : &value, 8);
}

/* One value of any type; returns the place behind it. */
static uint8_t *
put_value(uint8_t *to, const slu_column *column, int64_t row)
{
    const uint32_t width = value_bytes(column->type);
    const bool valid = slu_column_valid(column, row);
    *to++ = valid;
    if (slu_type_is_varlen(column->type)) {
        int32_t bytes = 0;
        const uint8_t *data = valid ? slu_column_bytes(column, row, &bytes) : NULL;
        memcpy(to, &bytes, sizeof bytes);
        to += sizeof bytes;
        if (bytes != 0)
            memcpy(to, data, (size_t)bytes);
        return to + bytes;
    }
    if (!valid)
        memset(to, 0, width);
    else if (column->type.id == SLU_TYPE_BOOL)
        *to = slu_column_bool(column, row);
    else if (column->type.id == SLU_TYPE_FLOAT || column->type.id == SLU_TYPE_DOUBLE)
        put_float(to, column, row);
    else
        memcpy(to, (const uint8_t *)column->values + (size_t)row * width, width);
    return to + width;
}

static int64_t
row_at(const slu_batch *batch, const int32_t *rows, int64_t i)
{
    return rows != NULL ? rows[i] : slu_batch_row(batch, i);
}

static size_t
text_bytes_of(const sdk_keys *keys, const slu_column *columns, const slu_batch *batch, const int32_t *rows, int64_t count)
{
    size_t total = 0;
    for (uint32_t c = 0; c < keys->column_count; c++) {
        total += (size_t)count * (1 + (slu_type_is_varlen(keys->types[c]) ? sizeof(int32_t) : value_bytes(keys->types[c])));
        for (int64_t i = 0; slu_type_is_varlen(keys->types[c]) && i < count; i++) {
            const int64_t row = row_at(batch, rows, i);
            total += (size_t)(columns[c].offsets[row + 1] - columns[c].offsets[row]);
        }
    }
    return total;
}

/* ---- Batches ---------------------------------------------------------------------------------------------------------------- */

/* XXH64 with seed 0 of the nine bytes 01 and a 64-bit value, written out: the key of most jobs costs a dozen multiplications. */
static inline uint32_t
hash_int64(int64_t value)
{
    const uint64_t p1 = UINT64_C(0x9e3779b185ebca87), p2 = UINT64_C(0xc2b2ae3d27d4eb4f), p3 = UINT64_C(0x165667b19e3779f9);
    const uint64_t p4 = UINT64_C(0x85ebca77c2b2ae63), p5 = UINT64_C(0x27d4eb2f165667c5);
    const uint64_t first_eight = (uint64_t)value << 8 | 1, last_one = (uint64_t)value >> 56;
    uint64_t lane = first_eight * p2;
    lane = (lane << 31 | lane >> 33) * p1;
    uint64_t hash = (p5 + 9) ^ lane;
    hash = (hash << 27 | hash >> 37) * p1 + p4;
    hash ^= last_one * p5;
    hash = (hash << 11 | hash >> 53) * p1;
    hash = (hash ^ hash >> 33) * p2;
    hash = (hash ^ hash >> 29) * p3;
    return (uint32_t)(hash ^ hash >> 32);
}

/* One column of eight-byte integers without nulls, the usual key: a loop of stores and multiplications. */
static void
encode_int64(sdk_keys *keys, const int64_t *values, const slu_batch *batch, const int32_t *rows, int64_t count)
{
    const int32_t *picked = rows != NULL ? rows : batch->selection;
    uint8_t *to = keys->data;
    for (int64_t i = 0; i < count; i++, to += 9) {
        const int64_t value = values[picked != NULL ? picked[i] : i];
        to[0] = 1;
        memcpy(to + 1, &value, 8);
        keys->hashes[i] = hash_int64(value);
    }
}

static void
encode_any(sdk_keys *keys, const slu_column *columns, const slu_batch *batch, const int32_t *rows, int64_t count)
{
    uint8_t *to = keys->data;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *start = to;
        keys->offsets[i] = (int32_t)(to - keys->data);
        for (uint32_t c = 0; c < keys->column_count; c++)
            to = put_value(to, &columns[c], row_at(batch, rows, i));
        keys->hashes[i] = sdk_key_hash(start, (size_t)(to - start));
    }
    keys->offsets[count] = (int32_t)(to - keys->data);
}

slu_status
sdk_keys_encode(sdk_keys *keys, const slu_batch *batch, const int32_t *rows, int64_t count, slu_error *err)
{
    slu_column columns[SDK_KEY_COLUMNS_MAX];
    if (rows == NULL)
        count = batch->rows;
    for (uint32_t c = 0; c < keys->column_count; c++)
        columns[c] = slu_batch_column(batch, keys->columns[c]);
    const size_t bytes = keys->key_bytes != 0 ? (size_t)count * keys->key_bytes : text_bytes_of(keys, columns, batch, rows, count);
    if (bytes > INT32_MAX)
        return slu_error_set(err, SLU_LIMIT, "the keys of %lld rows take more than 2^31-1 bytes", (long long)count);
    SLU_TRY(keys_room(keys, count, bytes, err));
    const bool plain = keys->column_count == 1 && keys->types[0].width_bytes == 8 && columns[0].validity == NULL &&
                       keys->types[0].id != SLU_TYPE_DOUBLE && keys->types[0].id != SLU_TYPE_FIXED;
    if (plain)
        encode_int64(keys, slu_column_i64s(&columns[0]), batch, rows, count);
    else
        encode_any(keys, columns, batch, rows, count);
    keys->shown.key_bytes = keys->key_bytes;
    keys->shown.count = count;
    keys->shown.data = keys->data;
    keys->shown.offsets = keys->key_bytes != 0 ? NULL : keys->offsets;
    keys->shown.hashes = keys->hashes;
    return SLU_OK;
}
