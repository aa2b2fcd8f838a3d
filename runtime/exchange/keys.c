#include "keys.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <sluice/columns.h>

#include <math.h>

typedef struct key_column {
    int64_t index;
    slu_type type;
    uint32_t bytes; /* canonical bytes of a value without its null byte; 0: variable */
} key_column;

struct slu_keyer {
    uint32_t count;
    uint32_t key_bytes; /* 0: variable */
    key_column columns[SLU_KEY_COLUMNS_MAX];
    uint8_t *data;
    size_t data_capacity;
    int32_t *offsets;
    uint32_t *hashes;
    size_t rows_capacity;
};

static slu_status
keyer_add(slu_keyer *keyer, const struct ArrowSchema *schema, const char *name, slu_error *err)
{
    key_column *column = &keyer->columns[keyer->count];
    column->index = slu_schema_find(schema, name);
    if (column->index < 0)
        return slu_error_set(err, SLU_INVALID, "no column %s to partition by", name);
    column->type = slu_type_of(schema->children[column->index]->format);
    if (column->type.id == SLU_TYPE_OTHER || slu_type_is_nested(column->type))
        return slu_error_set(err, SLU_INVALID, "column %s of type %s cannot be a key", name,
                             schema->children[column->index]->format);
    column->bytes = column->type.id == SLU_TYPE_BOOL ? 1 : (uint32_t)column->type.width_bytes;
    keyer->count++;
    return SLU_OK;
}

slu_status
slu_keyer_new(const struct ArrowSchema *schema, const char *const *names, uint32_t count, slu_keyer **out, slu_error *err)
{
    if (count == 0 || count > SLU_KEY_COLUMNS_MAX)
        return slu_error_set(err, SLU_INVALID, "%u key columns; 1 to %u are possible", count, SLU_KEY_COLUMNS_MAX);
    SLU_AUTO(slu_keyer_free) slu_keyer *keyer = slu_alloc_zero(1, sizeof *keyer);
    if (keyer == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for keys");
    bool variable = false;
    for (uint32_t i = 0; i < count; i++) {
        SLU_TRY(keyer_add(keyer, schema, names[i], err));
        variable = variable || keyer->columns[i].bytes == 0;
        keyer->key_bytes += 1 + keyer->columns[i].bytes;
    }
    if (variable)
        keyer->key_bytes = 0;
    *out = slu_take(&keyer);
    return SLU_OK;
}

void
slu_keyer_free(slu_keyer **owned)
{
    slu_keyer *keyer = slu_take(owned);
    if (keyer == NULL)
        return;
    slu_free(keyer->data);
    slu_free(keyer->offsets);
    slu_free(keyer->hashes);
    slu_free(keyer);
}

uint32_t
slu_keyer_key_bytes(const slu_keyer *keyer)
{
    return keyer->key_bytes;
}

uint32_t
slu_key_hash(const void *key, size_t bytes)
{
    return (uint32_t)slu_hash64(key, bytes);
}

static slu_status
keyer_room(slu_keyer *keyer, size_t rows, size_t data_bytes, slu_error *err)
{
    if (rows + 1 > keyer->rows_capacity) {
        slu_free(keyer->offsets);
        slu_free(keyer->hashes);
        keyer->offsets = slu_alloc((rows + 1) * sizeof *keyer->offsets);
        keyer->hashes = slu_alloc((rows + 1) * sizeof *keyer->hashes);
        keyer->rows_capacity = keyer->offsets == NULL || keyer->hashes == NULL ? 0 : rows + 1;
    }
    if (data_bytes > keyer->data_capacity) {
        slu_free(keyer->data);
        keyer->data = slu_alloc(data_bytes);
        keyer->data_capacity = keyer->data == NULL ? 0 : data_bytes;
    }
    if (keyer->rows_capacity == 0 || (keyer->data_capacity == 0 && data_bytes > 0))
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu keys", rows);
    return SLU_OK;
}

/* -0.0 becomes 0.0 and every NaN the quiet one. */
static void
canonical_float(uint8_t *to, uint32_t bytes)
{
    if (bytes == 4) {
        float value;
        memcpy(&value, to, 4);
        const uint32_t bits = isnan(value) ? UINT32_C(0x7fc00000) : 0;
        if (isnan(value) || value == 0.0f)
            memcpy(to, &bits, 4);
        return;
    }
    double value;
    memcpy(&value, to, 8);
    const uint64_t bits = isnan(value) ? UINT64_C(0x7ff8000000000000) : 0;
    if (isnan(value) || value == 0.0)
        memcpy(to, &bits, 8);
}

/* One value, null byte included; returns where the next starts. */
static uint8_t *
put_fixed(uint8_t *to, const slu_column *column, uint32_t bytes, int64_t row)
{
    const bool valid = slu_column_valid(column, row);
    *to++ = valid;
    if (!valid)
        memset(to, 0, bytes);
    else if (column->type.id == SLU_TYPE_BOOL)
        *to = slu_column_bool(column, row);
    else
        memcpy(to, (const uint8_t *)column->values + (size_t)row * bytes, bytes);
    if (valid && (column->type.id == SLU_TYPE_FLOAT || column->type.id == SLU_TYPE_DOUBLE))
        canonical_float(to, bytes);
    return to + bytes;
}

static uint8_t *
put_variable(uint8_t *to, const slu_column *column, int64_t row)
{
    const bool valid = slu_column_valid(column, row);
    const uint32_t bytes = valid ? (uint32_t)(column->offsets[row + 1] - column->offsets[row]) : 0;
    *to++ = valid;
    memcpy(to, &bytes, sizeof bytes);
    to += sizeof bytes;
    if (bytes != 0)
        memcpy(to, column->data + column->offsets[row], bytes);
    return to + bytes;
}

static slu_status
encode_fixed(slu_keyer *keyer, const slu_batch *batch, slu_error *err)
{
    const size_t stride = keyer->key_bytes;
    SLU_TRY(keyer_room(keyer, (size_t)batch->rows, (size_t)batch->rows * stride, err));
    uint8_t *first = keyer->data;
    for (uint32_t c = 0; c < keyer->count; c++) {
        const slu_column column = slu_batch_column(batch, keyer->columns[c].index);
        const uint32_t bytes = keyer->columns[c].bytes;
        for (int64_t i = 0; i < batch->rows; i++)
            (void)put_fixed(first + (size_t)i * stride, &column, bytes, slu_batch_row(batch, i));
        first += 1 + bytes;
    }
    return SLU_OK;
}

/* How many bytes the keys of a batch take together. */
static size_t
variable_bytes(const slu_keyer *keyer, const slu_batch *batch)
{
    size_t total = 0;
    for (uint32_t c = 0; c < keyer->count; c++) {
        const uint32_t bytes = keyer->columns[c].bytes;
        total += (size_t)batch->rows * (bytes == 0 ? 5 : 1 + bytes);
        if (bytes != 0)
            continue;
        const slu_column column = slu_batch_column(batch, keyer->columns[c].index);
        for (int64_t i = 0; i < batch->rows; i++) {
            const int64_t row = slu_batch_row(batch, i);
            total += slu_column_valid(&column, row) ? (size_t)(column.offsets[row + 1] - column.offsets[row]) : 0;
        }
    }
    return total;
}

static slu_status
encode_variable(slu_keyer *keyer, const slu_batch *batch, slu_error *err)
{
    const size_t total = variable_bytes(keyer, batch);
    if (total > INT32_MAX)
        return slu_error_set(err, SLU_LIMIT, "the keys of one batch take %zu bytes", total);
    SLU_TRY(keyer_room(keyer, (size_t)batch->rows, total, err));
    slu_column columns[SLU_KEY_COLUMNS_MAX];
    for (uint32_t c = 0; c < keyer->count; c++)
        columns[c] = slu_batch_column(batch, keyer->columns[c].index);
    uint8_t *to = keyer->data;
    for (int64_t i = 0; i < batch->rows; i++) {
        const int64_t row = slu_batch_row(batch, i);
        keyer->offsets[i] = (int32_t)(to - keyer->data);
        for (uint32_t c = 0; c < keyer->count; c++)
            to = keyer->columns[c].bytes == 0 ? put_variable(to, &columns[c], row)
                                              : put_fixed(to, &columns[c], keyer->columns[c].bytes, row);
    }
    keyer->offsets[batch->rows] = (int32_t)(to - keyer->data);
    return SLU_OK;
}

/* XXH64, seed 0, of the 9 bytes 01 and a 64-bit value: the keys of most jobs, without storing them. */
static inline uint32_t
hash_i64(int64_t value)
{
    const uint64_t p1 = UINT64_C(0x9E3779B185EBCA87), p2 = UINT64_C(0xC2B2AE3D27D4EB4F), p3 = UINT64_C(0x165667B19E3779F9);
    const uint64_t p4 = UINT64_C(0x85EBCA77C2B2AE63), p5 = UINT64_C(0x27D4EB2F165667C5);
    const uint64_t word = (uint64_t)value << 8 | 1;
    uint64_t round = word * p2;
    round = (round << 31 | round >> 33) * p1;
    uint64_t hash = (p5 + 9) ^ round;
    hash = (hash << 27 | hash >> 37) * p1 + p4;
    hash ^= ((uint64_t)value >> 56) * p5;
    hash = (hash << 11 | hash >> 53) * p1;
    hash = (hash ^ hash >> 33) * p2;
    hash = (hash ^ hash >> 29) * p3;
    return (uint32_t)(hash ^ hash >> 32);
}

static bool
is_plain_i64(const slu_keyer *keyer, const slu_column *column)
{
    return keyer->count == 1 && keyer->columns[0].bytes == 8 && column->type.id != SLU_TYPE_DOUBLE &&
           column->type.id != SLU_TYPE_FIXED && column->validity == NULL;
}

static void
hash_plain_i64(const slu_column *column, const slu_batch *batch, uint32_t *hashes)
{
    const int64_t *values = column->values;
    if (batch->selection == NULL)
        for (int64_t i = 0; i < batch->rows; i++)
            hashes[i] = hash_i64(values[i]);
    else
        for (int64_t i = 0; i < batch->rows; i++)
            hashes[i] = hash_i64(values[batch->selection[i]]);
}

static void
hash_stored(const slu_keyer *keyer, int64_t rows, uint32_t *hashes)
{
    if (keyer->key_bytes != 0)
        for (int64_t i = 0; i < rows; i++)
            hashes[i] = (uint32_t)slu_hash64(keyer->data + (size_t)i * keyer->key_bytes, keyer->key_bytes);
    else
        for (int64_t i = 0; i < rows; i++)
            hashes[i] = (uint32_t)slu_hash64(keyer->data + keyer->offsets[i], (size_t)(keyer->offsets[i + 1] - keyer->offsets[i]));
}

slu_status
slu_keyer_encode(slu_keyer *keyer, const slu_batch *batch, slu_keys *out, slu_error *err)
{
    SLU_TRY(keyer->key_bytes != 0 ? encode_fixed(keyer, batch, err) : encode_variable(keyer, batch, err));
    hash_stored(keyer, batch->rows, keyer->hashes);
    *out = (slu_keys){.size = sizeof *out,
                      .key_bytes = keyer->key_bytes,
                      .count = batch->rows,
                      .data = keyer->data,
                      .offsets = keyer->key_bytes != 0 ? NULL : keyer->offsets,
                      .hashes = keyer->hashes};
    return SLU_OK;
}

slu_status
slu_keyer_hash(slu_keyer *keyer, const slu_batch *batch, uint32_t *hashes, slu_error *err)
{
    const slu_column first = slu_batch_column(batch, keyer->columns[0].index);
    if (is_plain_i64(keyer, &first)) {
        hash_plain_i64(&first, batch, hashes);
        return SLU_OK;
    }
    SLU_TRY(keyer->key_bytes != 0 ? encode_fixed(keyer, batch, err) : encode_variable(keyer, batch, err));
    hash_stored(keyer, batch->rows, hashes);
    return SLU_OK;
}
