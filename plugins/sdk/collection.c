#include <sluice/sdk/collection.h>

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 4u

void
sdk_collection_init(sdk_collection *collection, slu_host *host, slu_state *state, uint32_t kind)
{
    *collection = (sdk_collection){.host = host, .state = state, .kind = kind};
}

void
sdk_collection_fini(sdk_collection *collection)
{
    free(collection->bytes);
    free(collection->values);
    free(collection->first);
    free(collection->next);
    free(collection->slots);
    memset(collection, 0, sizeof *collection);
}

/* ---- Entries */

static bool
part_next(const uint8_t *data, size_t bytes, size_t *at, slu_attr *out)
{
    uint32_t part_bytes;
    if (bytes - *at < HEAD_BYTES)
        return false;
    memcpy(&part_bytes, data + *at, HEAD_BYTES);
    if (part_bytes > bytes - *at - HEAD_BYTES)
        return false;
    *out = (slu_attr){.data = data + *at + HEAD_BYTES, .data_bytes = part_bytes};
    *at += HEAD_BYTES + part_bytes;
    return true;
}

bool
sdk_collection_next(const sdk_collection *collection, const slu_attr *of_key, size_t *at, slu_attr *name, slu_attr *value)
{
    const size_t bytes = of_key->data == NULL ? 0 : (size_t)of_key->data_bytes;
    *name = (slu_attr){0};
    if (*at >= bytes)
        return false;
    if ((collection->kind == SDK_MAP && !part_next(of_key->data, bytes, at, name)) || !part_next(of_key->data, bytes, at, value)) {
        *at = SIZE_MAX;
        return false;
    }
    return true;
}

/* Where the entry of a name begins and ends; false: there is none. */
static bool
entry_find(const sdk_collection *map, const slu_attr *of_key, const void *name, size_t name_bytes, size_t *begin, size_t *end,
           slu_attr *value)
{
    slu_attr each;
    *end = 0;
    do {
        *begin = *end;
        if (!sdk_collection_next(map, of_key, end, &each, value))
            return false;
    } while ((size_t)each.data_bytes != name_bytes || (name_bytes != 0 && memcmp(each.data, name, name_bytes) != 0));
    return true;
}

slu_attr
sdk_collection_find(const sdk_collection *map, const slu_attr *of_key, const void *name, size_t name_bytes)
{
    size_t begin, end;
    slu_attr value = {0};
    return entry_find(map, of_key, name, name_bytes, &begin, &end, &value) ? value : (slu_attr){0};
}

/* ---- Scratch memory */

static slu_status
no_memory(slu_error *err)
{
    return slu_error_set(err, SLU_NOMEM, "no memory for a list or map");
}

static slu_status
bytes_room(sdk_collection *c, size_t more, slu_error *err)
{
    if (more <= c->capacity - c->used)
        return SLU_OK;
    size_t capacity = c->capacity == 0 ? 4096 : c->capacity;
    while (capacity - c->used < more)
        capacity *= 2;
    uint8_t *bytes = realloc(c->bytes, capacity);
    if (bytes == NULL)
        return no_memory(err);
    c->bytes = bytes;
    c->capacity = capacity;
    return SLU_OK;
}

static slu_status
rows_room(sdk_collection *c, int64_t rows, slu_error *err)
{
    if (rows > INT32_MAX / 4)
        return slu_error_set(err, SLU_LIMIT, "a batch of %lld keys", (long long)rows);
    if (rows > c->rows_capacity) {
        int64_t capacity = 64;
        while (capacity < rows)
            capacity *= 2;
        free(c->values);
        free(c->first);
        free(c->next);
        free(c->slots);
        c->values = malloc((size_t)capacity * sizeof *c->values);
        c->first = malloc((size_t)capacity * sizeof *c->first);
        c->next = malloc((size_t)capacity * sizeof *c->next);
        c->slots = malloc(2 * (size_t)capacity * sizeof *c->slots);
        const bool all = c->values != NULL && c->first != NULL && c->next != NULL && c->slots != NULL;
        c->rows_capacity = all ? capacity : 0;
        if (c->rows_capacity == 0)
            return no_memory(err);
    }
    if (rows > 0)
        memset(c->slots, 0, 2 * (size_t)c->rows_capacity * sizeof *c->slots);
    return SLU_OK;
}

static const uint8_t *
key_at(const slu_keys *keys, int64_t i, size_t *bytes)
{
    *bytes = keys->key_bytes != 0 ? keys->key_bytes : (size_t)(keys->offsets[i + 1] - keys->offsets[i]);
    return keys->data + (keys->key_bytes != 0 ? (size_t)i * keys->key_bytes : (size_t)keys->offsets[i]);
}

static bool
keys_equal(const slu_keys *keys, int64_t a, int64_t b)
{
    size_t a_bytes, b_bytes;
    const uint8_t *a_key = key_at(keys, a, &a_bytes), *b_key = key_at(keys, b, &b_bytes);
    return keys->hashes[a] == keys->hashes[b] && a_bytes == b_bytes && memcmp(a_key, b_key, a_bytes) == 0;
}

/* first[i] becomes the first row with the key of row i, next[i] the next one. */
static void
rows_match(sdk_collection *c, const slu_keys *keys)
{
    const uint32_t mask = (uint32_t)(2 * c->rows_capacity - 1);
    for (int64_t i = 0; i < keys->count; i++) {
        uint32_t at = (uint32_t)(keys->hashes[i] * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
        while (c->slots[at] != 0 && !keys_equal(keys, c->slots[at] - 1, i))
            at = (at + 1) & mask;
        if (c->slots[at] == 0)
            c->slots[at] = (int32_t)i + 1;
        c->first[i] = c->slots[at] - 1;
        c->next[i] = -1;
    }
    for (int64_t i = keys->count - 1; i >= 0; i--)
        if (c->first[i] != i) {
            c->next[i] = c->next[c->first[i]];
            c->next[c->first[i]] = (int32_t)i;
        }
}

/* ---- Changes */

static slu_status
part_add(sdk_collection *c, const slu_attr *part, slu_error *err)
{
    if (part->data_bytes < 0 || part->data_bytes > INT32_MAX)
        return slu_error_set(err, SLU_LIMIT, "an entry of %lld bytes", (long long)part->data_bytes);
    const uint32_t bytes = (uint32_t)part->data_bytes;
    SLU_TRY(bytes_room(c, HEAD_BYTES + (size_t)bytes, err));
    memcpy(c->bytes + c->used, &bytes, HEAD_BYTES);
    if (bytes != 0)
        memcpy(c->bytes + c->used + HEAD_BYTES, part->data, bytes);
    c->used += HEAD_BYTES + bytes;
    return SLU_OK;
}

/* One change to the collection that lies in bytes[begin..used). */
static slu_status
change(sdk_collection *c, size_t begin, const slu_attr *name, const slu_attr *value, slu_error *err)
{
    if (c->kind == SDK_LIST)
        return part_add(c, value, err);
    size_t from, to;
    slu_attr ignored;
    const slu_attr now = {.data = c->bytes + begin, .data_bytes = (int64_t)(c->used - begin)};
    if (c->used > begin && entry_find(c, &now, name->data, (size_t)name->data_bytes, &from, &to, &ignored)) {
        memmove(c->bytes + begin + from, c->bytes + begin + to, c->used - begin - to);
        c->used -= to - from;
    }
    if (value->data == NULL)
        return SLU_OK;
    SLU_TRY(part_add(c, name, err));
    return part_add(c, value, err);
}

static slu_status
is_collection(const sdk_collection *c, const slu_attr *of_key, slu_error *err)
{
    size_t at = 0;
    slu_attr name, value;
    while (sdk_collection_next(c, of_key, &at, &name, &value))
        continue;
    return at != SIZE_MAX ? SLU_OK : slu_error_set(err, SLU_CORRUPT, "a value of a state is no list or map");
}

/* What a key had, and every change of the batch to it. data_bytes becomes the length; data is set when the bytes do not move any more. */
static slu_status
key_change(sdk_collection *c, int64_t row, const slu_attr *names, const slu_attr *values, slu_error *err)
{
    const slu_attr old = c->values[row];
    const size_t begin = c->used, old_bytes = old.data == NULL ? 0 : (size_t)old.data_bytes;
    SLU_TRY(is_collection(c, &old, err));
    SLU_TRY(bytes_room(c, old_bytes, err));
    if (old_bytes != 0)
        memcpy(c->bytes + begin, old.data, old_bytes);
    c->used += old_bytes;
    for (int64_t i = row; i >= 0; i = c->next[i])
        SLU_TRY(change(c, begin, names == NULL ? NULL : &names[i], &values[i], err));
    c->values[row] = (slu_attr){.data = NULL, .data_bytes = (int64_t)(c->used - begin)};
    return SLU_OK;
}

static slu_status
collection_change(sdk_collection *c, const slu_keys *keys, const slu_attr *names, const slu_attr *values, slu_error *err)
{
    SLU_TRY(rows_room(c, keys->count, err));
    SLU_TRY(c->host->state_get_bytes(c->host, c->state, keys, c->values, err));
    rows_match(c, keys);
    c->used = 0;
    for (int64_t i = 0; i < keys->count; i++)
        if (c->first[i] == i)
            SLU_TRY(key_change(c, i, names, values, err));
    size_t at = 0;
    for (int64_t i = 0; i < keys->count; i++) { /* rows of one key write the same */
        if (c->first[i] != i) {
            c->values[i] = c->values[c->first[i]];
            continue;
        }
        c->values[i].data = c->values[i].data_bytes == 0 ? NULL : c->bytes + at;
        at += (size_t)c->values[i].data_bytes;
    }
    return c->host->state_put_bytes(c->host, c->state, keys, c->values, err);
}

slu_status
sdk_collection_add(sdk_collection *list, const slu_keys *keys, const slu_attr *items, slu_error *err)
{
    return collection_change(list, keys, NULL, items, err);
}

slu_status
sdk_collection_put(sdk_collection *map, const slu_keys *keys, const slu_attr *names, const slu_attr *values, slu_error *err)
{
    return collection_change(map, keys, names, values, err);
}

slu_status
sdk_collection_get(sdk_collection *collection, const slu_keys *keys, slu_attr *out, slu_error *err)
{
    return collection->host->state_get_bytes(collection->host, collection->state, keys, out, err);
}
