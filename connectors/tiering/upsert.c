#include "upsert.h"

#include "iceberg/value.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/sizes.h"

#include <sluice/columns.h>
#include <sluice/sdk/map.h>
#include <stdlib.h>

#define KEY_BYTES_MAX ((size_t)1 << 30)
#define NO_ROW INT64_C(-1) /* the key was deleted: nothing older is left of it */

struct tiering_upsert {
    const iceberg_metadata *metadata;
    bool upserts;
    sdk_map keys;
    slu_arena far;         /* keys that the map only points to */
    tiering_place *of_key; /* by the map's index */
    size_t key_room;
    tiering_place *places;
    size_t place_count;
    size_t place_room;
    slu_buf key;
    slu_column *columns; /* of one batch, one per identifier field */
    int32_t *rows;       /* the two lists of one batch */
    int64_t row_room;
};

static const iceberg_schema *
schema_of(const tiering_upsert *upsert)
{
    return iceberg_metadata_schema(upsert->metadata);
}

slu_status
tiering_upsert_open(const iceberg_metadata *metadata, bool upserts, tiering_upsert **out, slu_error *err)
{
    SLU_AUTO(tiering_upsert_free) tiering_upsert *upsert = slu_alloc_zero(1, sizeof *upsert);
    if (upsert == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for keys");
    upsert->metadata = metadata;
    upsert->upserts = upserts;
    sdk_map_init(&upsert->keys);
    slu_arena_init(&upsert->far, KEY_BYTES_MAX);
    slu_buf_init(&upsert->key, KEY_BYTES_MAX);
    upsert->columns = slu_alloc_zero(schema_of(upsert)->identifier_count, sizeof *upsert->columns);
    if (upsert->columns == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for keys");
    *out = slu_take(&upsert);
    return SLU_OK;
}

void
tiering_upsert_free(tiering_upsert **upsert)
{
    tiering_upsert *u = slu_take(upsert);
    if (u == NULL)
        return;
    sdk_map_fini(&u->keys);
    slu_arena_fini(&u->far);
    slu_buf_fini(&u->key);
    slu_free(u->of_key);
    slu_free(u->places);
    slu_free(u->columns);
    slu_free(u->rows);
    slu_free(u);
}

int64_t
tiering_upsert_bytes(const tiering_upsert *upsert)
{
    return (int64_t)(upsert->far.bytes + (size_t)upsert->keys.entry_capacity * (sizeof(sdk_map_entry) + 2 * sizeof(sdk_map_slot)) +
                     (upsert->key_room + upsert->place_room) * sizeof(tiering_place));
}

/* ---- keys ---- */

static slu_status
batch_columns(tiering_upsert *upsert, const slu_batch *batch, slu_error *err)
{
    const iceberg_schema *schema = schema_of(upsert);
    for (uint32_t i = 0; i < schema->identifier_count; i++) {
        const iceberg_field *field = iceberg_schema_field(schema, schema->identifier_ids[i]);
        const int64_t at = field == NULL ? -1 : slu_schema_find(batch->schema, field->name);
        if (at < 0)
            return slu_error_set(err, SLU_CONFLICT, "the lake table's identifier field %d is no column of the Fluss table",
                                 schema->identifier_ids[i]);
        upsert->columns[i] = slu_batch_column(batch, at);
    }
    return SLU_OK;
}

/* The key of a row: each value with its length before it. */
static slu_status
row_key(tiering_upsert *upsert, int64_t row, slu_error *err)
{
    const iceberg_schema *schema = schema_of(upsert);
    upsert->key.bytes = 0;
    for (uint32_t i = 0; i < schema->identifier_count; i++) {
        const iceberg_field *field = iceberg_schema_field(schema, schema->identifier_ids[i]);
        iceberg_scalar room;
        iceberg_value value;
        if (!slu_column_valid(&upsert->columns[i], row))
            return slu_error_set(err, SLU_INVALID, "a null in the key column \"%s\"", field->name);
        SLU_TRY(iceberg_value_of_column(&field->type, &upsert->columns[i], row, &room, &value, err));
        slu_buf_u32le(&upsert->key, (uint32_t)value.bytes.bytes);
        slu_buf_append(&upsert->key, value.bytes.data, value.bytes.bytes);
    }
    return slu_buf_status(&upsert->key, err);
}

/* Doubling room; `items` is the address of the array's pointer. */
static slu_status
places_room(tiering_place **items, size_t *room, size_t count, slu_error *err)
{
    if (count <= *room)
        return SLU_OK;
    const size_t wanted = SLU_MAX(count, *room * 2 + 64);
    tiering_place *grown = slu_realloc(*items, wanted * sizeof *grown);
    if (grown == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the places of %zu rows", wanted);
    *items = grown;
    *room = wanted;
    return SLU_OK;
}

/* The entry of the key in hand, made if need be. */
static slu_status
key_entry(tiering_upsert *upsert, int32_t *out, bool *added, slu_error *err)
{
    const uint32_t bytes = (uint32_t)upsert->key.bytes;
    const uint32_t hash = (uint32_t)slu_hash64(upsert->key.data, bytes);
    const void *key = upsert->key.data;
    *added = false;
    *out = sdk_map_find(&upsert->keys, hash, key, bytes);
    if (*out >= 0)
        return SLU_OK;
    if (bytes > SDK_MAP_NEAR_BYTES) {
        key = slu_arena_strndup(&upsert->far, (const char *)upsert->key.data, bytes);
        SLU_TRY(slu_arena_status(&upsert->far, err));
    }
    *out = sdk_map_put(&upsert->keys, hash, key, bytes, added);
    if (*out < 0)
        return slu_error_set(err, SLU_NOMEM, "no memory for keys");
    return places_room(&upsert->of_key, &upsert->key_room, (size_t)*out + 1, err);
}

/* ---- rows ---- */

/* What the key had goes: *by_key: it must be deleted by its key, since it is older than this writer, if it is at all. */
static slu_status
row_remove(tiering_upsert *upsert, bool added, int32_t entry, bool *by_key, slu_error *err)
{
    tiering_place *place = &upsert->of_key[entry];
    *by_key = added;
    if (!added && place->row != NO_ROW) {
        SLU_TRY(places_room(&upsert->places, &upsert->place_room, upsert->place_count + 1, err));
        upsert->places[upsert->place_count++] = *place;
    }
    *place = (tiering_place){NULL, NO_ROW};
    return SLU_OK;
}

static slu_status
row_change(tiering_upsert *upsert, uint8_t kind, int64_t row, tiering_place next, tiering_changes *out, slu_error *err)
{
    const bool removes = kind == SLU_ROW_UPDATE_BEFORE || kind == SLU_ROW_DELETE;
    int32_t entry = -1;
    bool added = false;
    bool by_key = false;
    SLU_TRY(row_key(upsert, row, err));
    SLU_TRY(key_entry(upsert, &entry, &added, err));
    if (removes || upsert->upserts)
        SLU_TRY(row_remove(upsert, added, entry, &by_key, err));
    if (by_key)
        out->deletes[out->delete_count++] = (int32_t)row;
    if (!removes) {
        upsert->of_key[entry] = next;
        out->data[out->data_count++] = (int32_t)row;
    }
    return SLU_OK;
}

static slu_status
rows_room(tiering_upsert *upsert, int64_t rows, slu_error *err)
{
    if (rows <= upsert->row_room)
        return SLU_OK;
    int32_t *grown = slu_realloc(upsert->rows, (size_t)rows * 2 * sizeof *grown);
    if (grown == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the changes of %lld rows", (long long)rows);
    upsert->rows = grown;
    upsert->row_room = rows;
    return SLU_OK;
}

slu_status
tiering_upsert_batch(tiering_upsert *upsert, const slu_batch *batch, const char *path, int64_t first_row, tiering_changes *out,
                     slu_error *err)
{
    SLU_TRY(rows_room(upsert, batch->rows, err));
    SLU_TRY(batch_columns(upsert, batch, err));
    *out = (tiering_changes){.data = upsert->rows, .deletes = upsert->rows + upsert->row_room};
    for (int64_t i = 0; i < batch->rows; i++) {
        const int64_t row = slu_batch_row(batch, i);
        const uint8_t kind = batch->kinds == NULL ? SLU_ROW_INSERT : batch->kinds[row];
        SLU_TRY(row_change(upsert, kind, row, (tiering_place){path, first_row + out->data_count}, out, err));
    }
    return SLU_OK;
}

/* ---- places ---- */

static int
compare_places(const void *a, const void *b)
{
    const tiering_place *left = a;
    const tiering_place *right = b;
    const int paths = left->path == right->path ? 0 : strcmp(left->path, right->path);
    return paths != 0 ? paths : (left->row > right->row) - (left->row < right->row);
}

const tiering_place *
tiering_upsert_places(tiering_upsert *upsert, size_t *count)
{
    if (upsert->place_count != 0)
        qsort(upsert->places, upsert->place_count, sizeof *upsert->places, compare_places);
    *count = upsert->place_count;
    return upsert->places;
}
