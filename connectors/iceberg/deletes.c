#include "iceberg/deletes.h"

#include "iceberg/parquet_columns.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/sizes.h"
#include "iceberg/store_parquet.h"
#include "iceberg/vector.h"

#include <sluice/sdk/map.h>
#include <stdlib.h>

#define EQUALITY_COLUMNS_MAX 64
#define EQUALITY_SETS_MAX 64

/* The rows of one data file that one delete file names. */
typedef struct position_list {
    const iceberg_scan_file *from;
    int64_t *rows;
    size_t count;
    size_t capacity;
    int32_t next; /* another list of the same path; -1: none */
} position_list;

/* One distinct set of equality columns. */
typedef struct equality_set {
    const int32_t *ids; /* as the first delete file has them, which is sorted by us */
    uint32_t count;
    const iceberg_field *fields[EQUALITY_COLUMNS_MAX];
    bool has_global;
} equality_set;

struct iceberg_deletes {
    slu_arena arena;
    const iceberg_store *store;
    const iceberg_metadata *metadata;
    const iceberg_scan *scan;
    sdk_map paths; /* path -> first list */
    int32_t *path_lists;
    size_t path_capacity;
    position_list *lists;
    size_t list_count;
    size_t list_capacity;
    equality_set sets[EQUALITY_SETS_MAX];
    size_t set_count;
    sdk_map keys; /* set, scope, values -> the newest sequence number that deletes them */
    int64_t *key_sequences;
    size_t key_capacity;
    slu_buf key;
    size_t bytes;
    /* the data file in hand */
    const iceberg_scan_file *file;
    int64_t *positions; /* sorted */
    size_t position_count;
    size_t position_capacity;
    const iceberg_field *fields[EQUALITY_COLUMNS_MAX];
    size_t field_count;
    bool set_applies[EQUALITY_SETS_MAX];
};

static slu_status
account(iceberg_deletes *deletes, size_t bytes, slu_error *err)
{
    deletes->bytes += bytes;
    if (deletes->bytes > ICEBERG_DELETES_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "row-level deletes need more than %zu bytes of memory", ICEBERG_DELETES_BYTES_MAX);
    return SLU_OK;
}

/* Room for `count` items in an array that doubles; the new part is not initialised. */
static slu_status
room(iceberg_deletes *deletes, void *items, size_t *capacity, size_t count, size_t item_bytes, slu_error *err)
{
    void *old = NULL;
    if (count <= *capacity)
        return SLU_OK;
    const size_t wanted = *capacity == 0 ? SLU_MAX(count, (size_t)64) : SLU_MAX(count, *capacity * 2);
    SLU_TRY(account(deletes, (wanted - *capacity) * item_bytes, err));
    memcpy(&old, items, sizeof old);
    void *grown = slu_realloc(old, wanted * item_bytes);
    if (grown == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for row-level deletes");
    memcpy(items, &grown, sizeof grown);
    *capacity = wanted;
    return SLU_OK;
}

/* ---- position deletes ---- */

static slu_status
list_new(iceberg_deletes *deletes, const iceberg_scan_file *from, slu_view path, size_t *out, slu_error *err)
{
    bool added = false;
    const uint32_t hash = (uint32_t)slu_hash64(path.data, path.bytes);
    const int32_t found = sdk_map_find(&deletes->paths, hash, path.data, (uint32_t)path.bytes);
    int32_t index = found;
    if (found < 0) {
        const char *copy = slu_arena_strndup(&deletes->arena, (const char *)path.data, path.bytes);
        SLU_TRY(slu_arena_status(&deletes->arena, err));
        index = sdk_map_put(&deletes->paths, hash, copy, (uint32_t)path.bytes, &added);
    }
    if (index < 0)
        return slu_error_set(err, SLU_NOMEM, "no memory for row-level deletes");
    SLU_TRY(room(deletes, &deletes->path_lists, &deletes->path_capacity, (size_t)index + 1, sizeof *deletes->path_lists, err));
    SLU_TRY(room(deletes, &deletes->lists, &deletes->list_capacity, deletes->list_count + 1, sizeof *deletes->lists, err));
    deletes->lists[deletes->list_count] = (position_list){from, NULL, 0, 0, added ? -1 : deletes->path_lists[index]};
    deletes->path_lists[index] = (int32_t)deletes->list_count;
    *out = deletes->list_count++;
    return SLU_OK;
}

/* Rows come sorted by path, so a path that differs from the one before begins a list. */
static slu_status
positions_add(iceberg_deletes *deletes, const iceberg_scan_file *from, const slu_column *paths, const slu_column *rows,
              slu_error *err)
{
    size_t at = 0;
    slu_view last = {NULL, 0};
    for (int64_t i = 0; i < paths->rows; i++) {
        int32_t bytes = 0;
        const uint8_t *data = slu_column_bytes(paths, i, &bytes);
        const slu_view path = slu_view_of(data, (size_t)bytes);
        if (!slu_column_valid(paths, i) || !slu_column_valid(rows, i) || slu_column_i64s(rows)[i] < 0)
            return slu_error_set(err, SLU_CORRUPT, "a position delete without path or row");
        if (last.data == NULL || !slu_view_equal(last, path))
            SLU_TRY(list_new(deletes, from, path, &at, err));
        last = path;
        position_list *list = &deletes->lists[at];
        SLU_TRY(room(deletes, &list->rows, &list->capacity, list->count + 1, sizeof *list->rows, err));
        list->rows[list->count++] = slu_column_i64s(rows)[i];
    }
    return SLU_OK;
}

typedef slu_status (*delete_batch)(iceberg_deletes *deletes, const iceberg_scan_file *from, const struct ArrowSchema *schema,
                                   const struct ArrowArray *batch, void *context, slu_error *err);

/* Reads the wanted columns of a delete file, batch after batch. */
static slu_status
file_each(iceberg_deletes *deletes, const iceberg_scan_file *from, const parquet_want *wants, size_t count, delete_batch each,
          void *context, slu_error *err)
{
    SLU_AUTO(parquet_reader_free) parquet_reader *reader = NULL;
    SLU_AUTO(slu_schema_release) struct ArrowSchema schema = {0};
    iceberg_store_file file = {deletes->store, from->file.path};
    const parquet_source source = iceberg_store_file_source(&file, from->file.file_bytes);
    SLU_TRY(parquet_reader_open(&source, NULL, &reader, err));
    SLU_TRY(parquet_reader_select(reader, wants, count, err));
    SLU_TRY(parquet_reader_schema(reader, &schema, err));
    for (;;) {
        struct ArrowArray batch = {0};
        slu_status status = parquet_reader_next(reader, &batch, NULL, err);
        if (status == SLU_OK)
            status = each(deletes, from, &schema, &batch, context, err);
        slu_array_release(&batch);
        if (status == SLU_END)
            return SLU_OK;
        SLU_TRY(status);
    }
}

static slu_status
positions_batch(iceberg_deletes *deletes, const iceberg_scan_file *from, const struct ArrowSchema *schema,
                const struct ArrowArray *batch, void *context, slu_error *err)
{
    const slu_column paths = slu_column_child(schema, batch, 0);
    const slu_column rows = slu_column_child(schema, batch, 1);
    return positions_add(deletes, from, &paths, &rows, err);
}

static slu_status
positions_load(iceberg_deletes *deletes, const iceberg_scan_file *from, slu_error *err)
{
    static const parquet_want WANTS[] = {
        {.field_id = ICEBERG_FIELD_FILE_PATH,
         .name = "file_path",
         .column = {.name = "file_path", .field_id = ICEBERG_FIELD_FILE_PATH, .kind = PARQUET_KIND_STRING}},
        {.field_id = ICEBERG_FIELD_POS,
         .name = "pos",
         .column = {.name = "pos", .field_id = ICEBERG_FIELD_POS, .kind = PARQUET_KIND_LONG}},
    };
    return file_each(deletes, from, WANTS, 2, positions_batch, NULL, err);
}

/* ---- deletion vectors ---- */

static bool
is_vector(const iceberg_scan_file *from)
{
    return from->file.content_offset != ICEBERG_ABSENT;
}

static slu_status
vector_load(iceberg_deletes *deletes, const iceberg_scan_file *from, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf blob = {0};
    const iceberg_data_file *file = &from->file;
    size_t at = 0;
    if (file->content_bytes > file->file_bytes || (size_t)file->record_count > ICEBERG_DELETES_BYTES_MAX / sizeof(int64_t))
        return slu_error_set(err, SLU_CORRUPT, "a deletion vector of %lld bytes and %lld rows", (long long)file->content_bytes,
                             (long long)file->record_count);
    slu_buf_init(&blob, ICEBERG_DELETES_BYTES_MAX);
    uint8_t *data = slu_buf_extend(&blob, (size_t)file->content_bytes);
    SLU_TRY(slu_buf_status(&blob, err));
    SLU_TRY(deletes->store->ops->read(deletes->store->self, file->path, file->content_offset, data, blob.bytes, err));
    SLU_TRY(list_new(deletes, from, slu_view_of_text(file->referenced_file), &at, err));
    position_list *list = &deletes->lists[at];
    SLU_TRY(room(deletes, &list->rows, &list->capacity, (size_t)file->record_count, sizeof *list->rows, err));
    SLU_TRY(iceberg_vector_decode(slu_buf_view(&blob), list->rows, (size_t)file->record_count, err));
    list->count = (size_t)file->record_count;
    return SLU_OK;
}

/* ---- equality deletes ---- */

/* A column by its id in any schema the table ever had: a dropped one still counts. */
static const iceberg_field *
any_field(const iceberg_metadata *metadata, int32_t id)
{
    const iceberg_field *field = iceberg_schema_field(iceberg_metadata_schema(metadata), id);
    for (uint32_t i = metadata->schema_count; i-- > 0 && field == NULL;)
        field = iceberg_schema_field(&metadata->schemas[i], id);
    return field;
}

static int
compare_ids(const void *a, const void *b)
{
    const int32_t left = *(const int32_t *)a;
    const int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

static slu_status
set_fields(iceberg_deletes *deletes, equality_set *set, slu_error *err)
{
    for (uint32_t i = 0; i < set->count; i++) {
        set->fields[i] = any_field(deletes->metadata, set->ids[i]);
        if (set->fields[i] == NULL)
            return slu_error_set(err, SLU_CORRUPT, "equality column %d is in no schema of the table", (int)set->ids[i]);
        const uint8_t kind = set->fields[i]->type.kind;
        if (kind >= ICEBERG_UNKNOWN || kind == ICEBERG_FLOAT || kind == ICEBERG_DOUBLE)
            return slu_error_set(err, SLU_UNSUPPORTED, "equality deletes on column \"%s\" of this type", set->fields[i]->name);
    }
    return SLU_OK;
}

static slu_status
set_of_file(iceberg_deletes *deletes, const iceberg_data_file *file, size_t *out, slu_error *err)
{
    if (file->equality_count == 0 || file->equality_count > EQUALITY_COLUMNS_MAX)
        return slu_error_set(err, SLU_UNSUPPORTED, "an equality delete file of %u columns", file->equality_count);
    qsort(file->equality_ids, file->equality_count, sizeof *file->equality_ids, compare_ids);
    for (size_t i = 0; i < deletes->set_count; i++) {
        *out = i;
        if (deletes->sets[i].count == file->equality_count &&
            memcmp(deletes->sets[i].ids, file->equality_ids, file->equality_count * sizeof *file->equality_ids) == 0)
            return SLU_OK;
    }
    if (deletes->set_count == EQUALITY_SETS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d sets of equality columns", EQUALITY_SETS_MAX);
    equality_set *set = &deletes->sets[deletes->set_count];
    *set = (equality_set){.ids = file->equality_ids, .count = file->equality_count};
    SLU_TRY(set_fields(deletes, set, err));
    *out = deletes->set_count++;
    return SLU_OK;
}

static bool
is_global(const iceberg_deletes *deletes, const iceberg_scan_file *file)
{
    const iceberg_partition_spec *spec = iceberg_metadata_spec_of(deletes->metadata, file->spec_id);
    return spec != NULL && spec->field_count == 0;
}

static void
key_value(slu_buf *key, iceberg_value value)
{
    slu_buf_u8(key, value.is_null);
    slu_buf_u32le(key, value.is_null ? 0 : (uint32_t)value.bytes.bytes);
    slu_buf_append(key, value.bytes.data, value.is_null ? 0 : value.bytes.bytes);
}

/* What comes before a key's values: the set, and where the delete counts (a spec and tuple, or everywhere). */
static void
key_begin(slu_buf *key, size_t set, const iceberg_scan_file *scope)
{
    slu_buf_reset(key);
    slu_buf_u16le(key, (uint16_t)set);
    slu_buf_u8(key, scope == NULL);
    if (scope == NULL)
        return;
    slu_buf_u32le(key, (uint32_t)scope->spec_id);
    for (uint32_t i = 0; i < scope->file.partition_count; i++)
        key_value(key, scope->file.partition[i]);
}

static slu_status
key_row(slu_buf *key, const equality_set *set, const slu_column *const *columns, int64_t row, slu_error *err)
{
    for (uint32_t i = 0; i < set->count; i++) {
        iceberg_scalar scalar;
        iceberg_value value;
        SLU_TRY(iceberg_value_of_column(&set->fields[i]->type, columns[i], row, &scalar, &value, err));
        key_value(key, value);
    }
    return slu_buf_status(key, err);
}

static slu_status
key_put(iceberg_deletes *deletes, int64_t sequence, slu_error *err)
{
    bool added = false;
    const slu_buf *key = &deletes->key;
    const uint32_t hash = (uint32_t)slu_hash64(key->data, key->bytes);
    int32_t index = sdk_map_find(&deletes->keys, hash, key->data, (uint32_t)key->bytes);
    if (index < 0) {
        const char *copy = slu_arena_strndup(&deletes->arena, (const char *)key->data, key->bytes);
        SLU_TRY(slu_arena_status(&deletes->arena, err));
        index = sdk_map_put(&deletes->keys, hash, copy, (uint32_t)key->bytes, &added);
        if (index < 0)
            return slu_error_set(err, SLU_NOMEM, "no memory for row-level deletes");
        SLU_TRY(account(deletes, 2 * sizeof(sdk_map_entry), err));
        SLU_TRY(
            room(deletes, &deletes->key_sequences, &deletes->key_capacity, (size_t)index + 1, sizeof *deletes->key_sequences, err));
    }
    if (added || deletes->key_sequences[index] < sequence)
        deletes->key_sequences[index] = sequence;
    return SLU_OK;
}

static slu_status
equality_batch(iceberg_deletes *deletes, const iceberg_scan_file *from, const struct ArrowSchema *schema,
               const struct ArrowArray *batch, void *context, slu_error *err)
{
    const size_t which = *(const size_t *)context;
    const equality_set *set = &deletes->sets[which];
    slu_column columns[EQUALITY_COLUMNS_MAX];
    const slu_column *pointers[EQUALITY_COLUMNS_MAX];
    for (uint32_t i = 0; i < set->count; i++) {
        columns[i] = slu_column_child(schema, batch, i);
        pointers[i] = &columns[i];
    }
    for (int64_t row = 0; row < batch->length; row++) {
        key_begin(&deletes->key, which, is_global(deletes, from) ? NULL : from);
        SLU_TRY(key_row(&deletes->key, set, pointers, row, err));
        SLU_TRY(key_put(deletes, from->sequence_number, err));
    }
    return SLU_OK;
}

static slu_status
equality_load(iceberg_deletes *deletes, const iceberg_scan_file *from, slu_error *err)
{
    parquet_want wants[EQUALITY_COLUMNS_MAX];
    size_t which = 0;
    SLU_TRY(set_of_file(deletes, &from->file, &which, err));
    equality_set *set = &deletes->sets[which];
    set->has_global = set->has_global || is_global(deletes, from);
    for (uint32_t i = 0; i < set->count; i++)
        SLU_TRY(iceberg_parquet_want(set->fields[i], &deletes->arena, &wants[i], err));
    for (uint32_t i = 0; i < set->count; i++)
        wants[i].optional = false;
    return file_each(deletes, from, wants, set->count, equality_batch, &which, err);
}

/* ---- loading ---- */

static slu_status
file_load(iceberg_deletes *deletes, const iceberg_scan_file *from, slu_error *err)
{
    if (from->file.content == ICEBERG_CONTENT_EQUALITY_DELETES)
        return equality_load(deletes, from, err);
    return is_vector(from) ? vector_load(deletes, from, err) : positions_load(deletes, from, err);
}

slu_status
iceberg_deletes_load(const iceberg_store *store, const iceberg_metadata *metadata, const iceberg_scan *scan, iceberg_deletes **out,
                     slu_error *err)
{
    SLU_AUTO(iceberg_deletes_free) iceberg_deletes *deletes = slu_alloc_zero(1, sizeof *deletes);
    if (deletes == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for row-level deletes");
    slu_arena_init(&deletes->arena, ICEBERG_DELETES_BYTES_MAX);
    slu_buf_init(&deletes->key, (size_t)64 << 20);
    sdk_map_init(&deletes->paths);
    sdk_map_init(&deletes->keys);
    deletes->store = store;
    deletes->metadata = metadata;
    deletes->scan = scan;
    for (size_t i = 0; i < scan->delete_count; i++) {
        const iceberg_scan_file *from = &scan->deletes[i];
        SLU_TRY_IN(file_load(deletes, from, err), err, "%s", from->file.path);
    }
    *out = slu_take(&deletes);
    return SLU_OK;
}

void
iceberg_deletes_free(iceberg_deletes **pointer)
{
    iceberg_deletes *deletes = slu_take(pointer);
    if (deletes == NULL)
        return;
    for (size_t i = 0; i < deletes->list_count; i++)
        slu_free(deletes->lists[i].rows);
    slu_free(deletes->lists);
    slu_free(deletes->path_lists);
    slu_free(deletes->key_sequences);
    slu_free(deletes->positions);
    sdk_map_fini(&deletes->paths);
    sdk_map_fini(&deletes->keys);
    slu_buf_fini(&deletes->key);
    slu_arena_fini(&deletes->arena);
    slu_free(deletes);
}

/* ---- a data file ---- */

static bool
same_partition(const iceberg_scan_file *a, const iceberg_scan_file *b)
{
    if (a->spec_id != b->spec_id || a->file.partition_count != b->file.partition_count)
        return false;
    for (uint32_t i = 0; i < a->file.partition_count; i++)
        if (!iceberg_value_equal(a->file.partition[i], b->file.partition[i]))
            return false;
    return true;
}

static int
compare_rows(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

void
iceberg_rows_sort(int64_t *rows, size_t count)
{
    qsort(rows, count, sizeof *rows, compare_rows);
}

static bool
list_counts(const iceberg_deletes *deletes, const position_list *list)
{
    return list->from->sequence_number >= deletes->file->sequence_number && same_partition(list->from, deletes->file);
}

static slu_status
positions_of_file(iceberg_deletes *deletes, slu_error *err)
{
    const char *path = deletes->file->file.path;
    const uint32_t path_bytes = (uint32_t)strlen(path);
    const int32_t found = sdk_map_find(&deletes->paths, (uint32_t)slu_hash64(path, path_bytes), path, path_bytes);
    const int32_t first = found < 0 ? -1 : deletes->path_lists[found];
    bool vector = false;
    deletes->position_count = 0;
    for (int32_t at = first; at >= 0; at = deletes->lists[at].next)
        vector = vector || (is_vector(deletes->lists[at].from) && list_counts(deletes, &deletes->lists[at]));
    for (int32_t at = first; at >= 0; at = deletes->lists[at].next) {
        const position_list *list = &deletes->lists[at];
        if (!list_counts(deletes, list) || (vector && !is_vector(list->from)))
            continue;
        SLU_TRY(room(deletes, &deletes->positions, &deletes->position_capacity, deletes->position_count + list->count,
                     sizeof *deletes->positions, err));
        memcpy(deletes->positions + deletes->position_count, list->rows, list->count * sizeof *list->rows);
        deletes->position_count += list->count;
    }
    if (deletes->position_count != 0)
        iceberg_rows_sort(deletes->positions, deletes->position_count);
    return SLU_OK;
}

static slu_status
field_need(iceberg_deletes *deletes, const iceberg_field *field, slu_error *err)
{
    for (size_t i = 0; i < deletes->field_count; i++)
        if (deletes->fields[i]->id == field->id)
            return SLU_OK;
    if (deletes->field_count == EQUALITY_COLUMNS_MAX)
        return slu_error_set(err, SLU_LIMIT, "equality deletes over more than %d columns", EQUALITY_COLUMNS_MAX);
    deletes->fields[deletes->field_count++] = field;
    return SLU_OK;
}

static slu_status
sets_of_file(iceberg_deletes *deletes, slu_error *err)
{
    memset(deletes->set_applies, 0, sizeof deletes->set_applies);
    deletes->field_count = 0;
    for (size_t i = 0; i < deletes->scan->delete_count; i++) {
        const iceberg_scan_file *from = &deletes->scan->deletes[i];
        size_t which = 0;
        if (from->file.content != ICEBERG_CONTENT_EQUALITY_DELETES || from->sequence_number <= deletes->file->sequence_number ||
            (!is_global(deletes, from) && !same_partition(from, deletes->file)))
            continue;
        SLU_TRY(set_of_file(deletes, &from->file, &which, err));
        deletes->set_applies[which] = true;
        for (uint32_t k = 0; k < deletes->sets[which].count; k++)
            SLU_TRY(field_need(deletes, deletes->sets[which].fields[k], err));
    }
    return SLU_OK;
}

slu_status
iceberg_deletes_begin(iceberg_deletes *deletes, const iceberg_scan_file *file, const iceberg_field *const **out_fields,
                      size_t *out_field_count, bool *out_any, slu_error *err)
{
    deletes->file = file;
    SLU_TRY(positions_of_file(deletes, err));
    SLU_TRY(sets_of_file(deletes, err));
    *out_fields = deletes->fields;
    *out_field_count = deletes->field_count;
    *out_any = deletes->position_count != 0 || deletes->field_count != 0;
    return SLU_OK;
}

/* The first position that is not below `row`. */
static size_t
position_from(const iceberg_deletes *deletes, int64_t row)
{
    size_t low = 0;
    size_t high = deletes->position_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (deletes->positions[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
key_deletes(const iceberg_deletes *deletes)
{
    const slu_buf *key = &deletes->key;
    const int32_t index =
        sdk_map_find(&deletes->keys, (uint32_t)slu_hash64(key->data, key->bytes), key->data, (uint32_t)key->bytes);
    return index >= 0 && deletes->key_sequences[index] > deletes->file->sequence_number;
}

static slu_status
set_marks(iceberg_deletes *deletes, size_t which, const slu_column *const *columns, int64_t row, bool *out, slu_error *err)
{
    const equality_set *set = &deletes->sets[which];
    key_begin(&deletes->key, which, deletes->file);
    SLU_TRY(key_row(&deletes->key, set, columns, row, err));
    *out = key_deletes(deletes);
    if (*out || !set->has_global)
        return SLU_OK;
    key_begin(&deletes->key, which, NULL);
    SLU_TRY(key_row(&deletes->key, set, columns, row, err));
    *out = key_deletes(deletes);
    return SLU_OK;
}

static slu_status
set_mark(iceberg_deletes *deletes, size_t which, const slu_column *columns, int64_t rows, uint8_t *drop, slu_error *err)
{
    const equality_set *set = &deletes->sets[which];
    const slu_column *of_set[EQUALITY_COLUMNS_MAX] = {NULL};
    for (uint32_t i = 0; i < set->count; i++)
        for (size_t k = 0; k < deletes->field_count; k++)
            if (deletes->fields[k]->id == set->fields[i]->id)
                of_set[i] = &columns[k];
    for (int64_t row = 0; row < rows; row++) {
        bool deleted = false;
        if (drop[row])
            continue;
        SLU_TRY(set_marks(deletes, which, of_set, row, &deleted, err));
        drop[row] = deleted;
    }
    return SLU_OK;
}

slu_status
iceberg_deletes_mark(iceberg_deletes *deletes, int64_t first_row, const slu_column *columns, int64_t rows, uint8_t *drop,
                     slu_error *err)
{
    memset(drop, 0, (size_t)rows);
    for (size_t i = position_from(deletes, first_row); i < deletes->position_count && deletes->positions[i] < first_row + rows; i++)
        drop[deletes->positions[i] - first_row] = 1;
    for (size_t which = 0; which < deletes->set_count; which++)
        if (deletes->set_applies[which])
            SLU_TRY(set_mark(deletes, which, columns, rows, drop, err));
    return SLU_OK;
}
