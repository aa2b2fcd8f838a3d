#include "iceberg/manifest.h"

#include "avro/ocf.h"
#include "avro/shape.h"
#include "iceberg/manifest_schema.h"

#include <math.h>

#define SCHEMA_TEXT_MAX ((size_t)16 << 20)

/* ---- reading values ---- */

static slu_status
field_i64(ocf_value record, int32_t id, const char *name, const int64_t *missing, int64_t *out, slu_error *err)
{
    ocf_value value;
    if (!ocf_field(record, id, &value)) {
        if (missing == NULL)
            return slu_error_set(err, SLU_CORRUPT, "field %s (%d) is missing", name, (int)id);
        *out = *missing;
        return SLU_OK;
    }
    if (!ocf_get_i64(value, out))
        return slu_error_set(err, SLU_CORRUPT, "field %s (%d) is not an integer", name, (int)id);
    return SLU_OK;
}

static slu_status
field_text(ocf_value record, int32_t id, const char *name, slu_arena *arena, const char **out, slu_error *err)
{
    ocf_value value;
    slu_view text = {0};
    if (!ocf_field(record, id, &value) || !ocf_get_bytes(value, &text))
        return slu_error_set(err, SLU_CORRUPT, "field %s (%d) is missing or not a string", name, (int)id);
    if (text.bytes != 0 && memchr(text.data, 0, text.bytes) != NULL)
        return slu_error_set(err, SLU_CORRUPT, "field %s (%d) has a zero byte", name, (int)id);
    *out = slu_arena_strndup(arena, text.bytes == 0 ? "" : (const char *)text.data, text.bytes);
    return slu_arena_status(arena, err);
}

static slu_status
arena_view(slu_arena *arena, slu_view from, slu_view *out, slu_error *err)
{
    iceberg_value copy;
    SLU_TRY(iceberg_value_copy(iceberg_value_of(from), arena, &copy, err));
    *out = copy.bytes;
    return SLU_OK;
}

/* A value of a partition tuple in its binary form. The bytes may point into *room. */
static bool
value_of_avro(const iceberg_type *type, ocf_value avro, iceberg_scalar *room, iceberg_value *out)
{
    int64_t number = 0;
    double real = 0;
    bool flag = false;
    slu_view bytes = {0};
    if (ocf_get_i64(avro, &number)) {
        const bool narrow = type->kind == ICEBERG_INT || type->kind == ICEBERG_DATE;
        if (narrow && (number < INT32_MIN || number > INT32_MAX))
            return false;
        *out = narrow ? iceberg_value_of_i32((int32_t)number, room) : iceberg_value_of_i64(number, room);
    } else if (ocf_get_bool(avro, &flag)) {
        room->bytes[0] = flag;
        *out = iceberg_value_of(slu_view_of(room->bytes, 1));
    } else if (ocf_get_double(avro, &real)) {
        const float narrow = (float)real;
        const bool is_float = type->kind == ICEBERG_FLOAT;
        memcpy(room->bytes, is_float ? (const void *)&narrow : (const void *)&real, is_float ? 4 : 8);
        *out = iceberg_value_of(slu_view_of(room->bytes, is_float ? 4 : 8));
    } else if (ocf_get_bytes(avro, &bytes)) {
        if (type->kind == ICEBERG_DECIMAL && (bytes.bytes == 0 || bytes.bytes > 16))
            return false;
        *out =
            type->kind == ICEBERG_DECIMAL ? iceberg_value_of_decimal(iceberg_value_decimal(bytes), room) : iceberg_value_of(bytes);
    } else {
        return false;
    }
    return type->kind == ICEBERG_UNKNOWN || iceberg_value_fits(type, out->bytes);
}

static slu_status
file_partition(ocf_value record, const iceberg_partition_spec *spec, const iceberg_type *types, slu_arena *arena,
               iceberg_data_file *file, slu_error *err)
{
    ocf_value partition;
    file->partition = slu_arena_array(arena, spec->field_count, sizeof *file->partition);
    SLU_TRY(slu_arena_status(arena, err));
    file->partition_count = spec->field_count;
    if (!ocf_field(record, 102, &partition))
        return slu_error_set(err, SLU_CORRUPT, "field partition (102) is missing");
    for (uint32_t i = 0; i < spec->field_count; i++) {
        ocf_value avro;
        iceberg_scalar room;
        iceberg_value value = iceberg_value_null();
        if (ocf_field(partition, spec->fields[i].field_id, &avro) && !value_of_avro(&types[i], avro, &room, &value))
            return slu_error_set(err, SLU_CORRUPT, "partition field \"%s\" does not have its type", spec->fields[i].name);
        SLU_TRY(iceberg_value_copy(value, arena, &file->partition[i], err));
    }
    return SLU_OK;
}

/* The metrics of a column, made when new. Maps list columns in one order mostly, so the hint is nearly always right. */
static iceberg_column_metrics *
file_column(iceberg_data_file *file, int32_t field_id, size_t hint)
{
    if (hint < file->column_count && file->columns[hint].field_id == field_id)
        return &file->columns[hint];
    for (uint32_t i = 0; i < file->column_count; i++)
        if (file->columns[i].field_id == field_id)
            return &file->columns[i];
    if (file->column_count == ICEBERG_METRICS_MAX)
        return NULL;
    iceberg_column_metrics *column = &file->columns[file->column_count++];
    *column =
        (iceberg_column_metrics){field_id, ICEBERG_ABSENT, ICEBERG_ABSENT, ICEBERG_ABSENT, ICEBERG_ABSENT, false, false, {0}, {0}};
    return column;
}

typedef enum metric {
    METRIC_SIZE,
    METRIC_VALUES,
    METRIC_NULLS,
    METRIC_NANS,
    METRIC_LOWER,
    METRIC_UPPER,
} metric;

static const struct {
    int32_t id;
    int32_t key_id;
} METRICS[] = {
    [METRIC_SIZE] = {108, 117}, [METRIC_VALUES] = {109, 119}, [METRIC_NULLS] = {110, 121},
    [METRIC_NANS] = {137, 138}, [METRIC_LOWER] = {125, 126},  [METRIC_UPPER] = {128, 129},
};

static int64_t *
metric_number(iceberg_column_metrics *column, metric which)
{
    switch (which) {
    case METRIC_SIZE: return &column->column_bytes;
    case METRIC_VALUES: return &column->value_count;
    case METRIC_NULLS: return &column->null_count;
    default: return &column->nan_count;
    }
}

static slu_status
metric_item(ocf_value item, metric which, size_t index, slu_arena *arena, iceberg_data_file *file, slu_error *err)
{
    ocf_value value;
    int64_t key = 0;
    int64_t number = 0;
    slu_view bytes = {0};
    if (!ocf_field(item, METRICS[which].key_id, &value) || !ocf_get_i64(value, &key) || key < 0 || key > INT32_MAX ||
        !ocf_field(item, METRICS[which].key_id + 1, &value))
        return slu_error_set(err, SLU_CORRUPT, "a map of metrics (%d) has a bad pair", (int)METRICS[which].id);
    iceberg_column_metrics *column = file_column(file, (int32_t)key, index);
    if (column == NULL)
        return slu_error_set(err, SLU_LIMIT, "metrics of more than %d columns", ICEBERG_METRICS_MAX);
    if (which < METRIC_LOWER) {
        if (!ocf_get_i64(value, &number))
            return slu_error_set(err, SLU_CORRUPT, "a map of metrics (%d) has a bad number", (int)METRICS[which].id);
        *metric_number(column, which) = number;
        return SLU_OK;
    }
    if (!ocf_get_bytes(value, &bytes))
        return slu_error_set(err, SLU_CORRUPT, "a map of bounds (%d) has a bad value", (int)METRICS[which].id);
    *(which == METRIC_LOWER ? &column->has_lower : &column->has_upper) = true;
    return arena_view(arena, bytes, which == METRIC_LOWER ? &column->lower : &column->upper, err);
}

static slu_status
file_metrics(ocf_value record, slu_arena *arena, iceberg_data_file *file, slu_error *err)
{
    ocf_value maps[sizeof METRICS / sizeof *METRICS];
    size_t counts[sizeof METRICS / sizeof *METRICS] = {0};
    size_t total = 0;
    for (size_t which = 0; which < sizeof METRICS / sizeof *METRICS; which++) {
        if (ocf_field(record, METRICS[which].id, &maps[which]))
            counts[which] = ocf_count(maps[which]);
        if (counts[which] > ICEBERG_METRICS_MAX)
            return slu_error_set(err, SLU_LIMIT, "metrics of %zu columns", counts[which]);
        total += counts[which];
    }
    total = total < ICEBERG_METRICS_MAX ? total : ICEBERG_METRICS_MAX;
    file->columns = slu_arena_array(arena, total, sizeof *file->columns);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t which = 0; which < sizeof METRICS / sizeof *METRICS; which++) {
        for (size_t i = 0; i < counts[which]; i++) {
            ocf_value item;
            if (!ocf_item(maps[which], i, &item))
                return slu_error_set(err, SLU_CORRUPT, "a map of metrics has a null pair");
            SLU_TRY(metric_item(item, (metric)which, i, arena, file, err));
        }
    }
    return SLU_OK;
}

static slu_status
file_lists(ocf_value record, slu_arena *arena, iceberg_data_file *file, slu_error *err)
{
    ocf_value list;
    ocf_value item;
    const size_t splits = ocf_field(record, 132, &list) ? ocf_count(list) : 0;
    if (splits > ICEBERG_SPLITS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu split offsets", splits);
    file->splits = slu_arena_array(arena, splits, sizeof *file->splits);
    SLU_TRY(slu_arena_status(arena, err));
    for (; file->split_count < splits; file->split_count++)
        if (!ocf_item(list, file->split_count, &item) || !ocf_get_i64(item, &file->splits[file->split_count]))
            return slu_error_set(err, SLU_CORRUPT, "split_offsets (132) is not a list of longs");
    const size_t ids = ocf_field(record, 135, &list) ? ocf_count(list) : 0;
    if (ids > ICEBERG_METRICS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu equality ids", ids);
    file->equality_ids = slu_arena_array(arena, ids, sizeof *file->equality_ids);
    SLU_TRY(slu_arena_status(arena, err));
    for (; file->equality_count < ids; file->equality_count++) {
        int64_t id = 0;
        if (!ocf_item(list, file->equality_count, &item) || !ocf_get_i64(item, &id) || id < 0 || id > INT32_MAX)
            return slu_error_set(err, SLU_CORRUPT, "equality_ids (135) is not a list of ids");
        file->equality_ids[file->equality_count] = (int32_t)id;
    }
    return SLU_OK;
}

static slu_status
file_numbers(ocf_value record, slu_arena *arena, iceberg_data_file *file, slu_error *err)
{
    static const int64_t ABSENT = ICEBERG_ABSENT;
    static const int64_t DATA = ICEBERG_CONTENT_DATA; /* v1 has data files only */
    ocf_value value;
    int64_t content = 0;
    SLU_TRY(field_i64(record, 134, "content", &DATA, &content, err));
    if (content < ICEBERG_CONTENT_DATA || content > ICEBERG_CONTENT_EQUALITY_DELETES)
        return slu_error_set(err, SLU_CORRUPT, "content %lld of a data file", (long long)content);
    file->content = (int32_t)content;
    SLU_TRY(field_text(record, 100, "file_path", arena, &file->path, err));
    SLU_TRY(field_text(record, 101, "file_format", arena, &file->format, err));
    SLU_TRY(field_i64(record, 103, "record_count", NULL, &file->record_count, err));
    SLU_TRY(field_i64(record, 104, "file_size_in_bytes", NULL, &file->file_bytes, err));
    if (file->record_count < 0 || file->file_bytes < 0)
        return slu_error_set(err, SLU_CORRUPT, "a data file has a negative count or size");
    SLU_TRY(field_i64(record, 140, "sort_order_id", &ABSENT, &file->sort_order_id, err));
    SLU_TRY(field_i64(record, 142, "first_row_id", &ABSENT, &file->first_row_id, err));
    SLU_TRY(field_i64(record, 144, "content_offset", &ABSENT, &file->content_offset, err));
    SLU_TRY(field_i64(record, 145, "content_size_in_bytes", &ABSENT, &file->content_bytes, err));
    if (ocf_field(record, 143, &value))
        SLU_TRY(field_text(record, 143, "referenced_data_file", arena, &file->referenced_file, err));
    if (ocf_field(record, 131, &value))
        return slu_error_set(err, SLU_UNSUPPORTED, "%s is encrypted, which is not supported", file->path);
    return SLU_OK;
}

typedef struct entry_context {
    const iceberg_manifest_file *listed; /* NULL: nothing to inherit, absent numbers stay so */
    const iceberg_partition_spec *spec;
    const iceberg_type *types;
    bool metrics;
    slu_arena *arena;
} entry_context;

static slu_status
entry_inherit(const entry_context *context, iceberg_manifest_entry *entry, slu_error *err)
{
    const iceberg_manifest_file *listed = context->listed;
    if (entry->snapshot_id == ICEBERG_ABSENT)
        entry->snapshot_id = listed->snapshot_id;
    /* Version 1 lists and entries have no sequence numbers: all are 0. */
    const bool inherits = entry->status == ICEBERG_STATUS_ADDED || listed->sequence_number == 0;
    if (!inherits && (entry->sequence_number == ICEBERG_ABSENT || entry->file_sequence_number == ICEBERG_ABSENT))
        return slu_error_set(err, SLU_CORRUPT, "%s: an existing or deleted entry without sequence number", entry->file.path);
    if (entry->sequence_number == ICEBERG_ABSENT)
        entry->sequence_number = listed->sequence_number;
    if (entry->file_sequence_number == ICEBERG_ABSENT)
        entry->file_sequence_number = listed->sequence_number;
    return SLU_OK;
}

static slu_status
entry_decode(const entry_context *context, ocf_value record, iceberg_manifest_entry *entry, slu_error *err)
{
    static const int64_t ABSENT = ICEBERG_ABSENT;
    ocf_value file;
    int64_t status = 0;
    memset(entry, 0, sizeof *entry);
    SLU_TRY(field_i64(record, 0, "status", NULL, &status, err));
    if (status < ICEBERG_STATUS_EXISTING || status > ICEBERG_STATUS_DELETED)
        return slu_error_set(err, SLU_CORRUPT, "status %lld of an entry", (long long)status);
    entry->status = (int32_t)status;
    SLU_TRY(field_i64(record, 1, "snapshot_id", &ABSENT, &entry->snapshot_id, err));
    SLU_TRY(field_i64(record, 3, "sequence_number", &ABSENT, &entry->sequence_number, err));
    SLU_TRY(field_i64(record, 4, "file_sequence_number", &ABSENT, &entry->file_sequence_number, err));
    if (!ocf_field(record, 2, &file))
        return slu_error_set(err, SLU_CORRUPT, "field data_file (2) is missing");
    SLU_TRY(file_numbers(file, context->arena, &entry->file, err));
    SLU_TRY(file_partition(file, context->spec, context->types, context->arena, &entry->file, err));
    SLU_TRY(file_lists(file, context->arena, &entry->file, err));
    if (context->metrics)
        SLU_TRY(file_metrics(file, context->arena, &entry->file, err));
    return context->listed == NULL ? SLU_OK : entry_inherit(context, entry, err);
}

/* An array in an arena that doubles; the halves left behind cost at most as much again. */
static slu_status
array_room(slu_arena *arena, void **items, size_t *capacity, size_t count, size_t item_bytes, slu_error *err)
{
    if (count < *capacity)
        return SLU_OK;
    if (count >= ICEBERG_ENTRIES_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d entries", ICEBERG_ENTRIES_MAX);
    const size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = slu_arena_array(arena, wanted, item_bytes);
    SLU_TRY(slu_arena_status(arena, err));
    if (count != 0)
        memcpy(grown, *items, count * item_bytes);
    *items = grown;
    *capacity = wanted;
    return SLU_OK;
}

/* Calls `each` for every value of a container. */
static slu_status
container_each(slu_view file, slu_status (*each)(void *to, ocf_value record, slu_error *err), void *to, slu_error *err)
{
    SLU_AUTO(ocf_reader_fini) ocf_reader reader = {0};
    SLU_AUTO(ocf_shape_free) ocf_shape *shape = NULL;
    uint64_t count = 0;
    slu_view values = {0};
    SLU_TRY(ocf_reader_init(&reader, file, err));
    SLU_TRY(ocf_shape_new(reader.schema, &shape, err));
    for (;;) {
        const slu_status status = ocf_reader_next(&reader, &count, &values, err);
        if (status == SLU_END)
            return SLU_OK;
        SLU_TRY(status);
        slu_cursor cursor = slu_cursor_of_view(values);
        for (; slu_cursor_left(&cursor) != 0; count--) {
            if (count == 0)
                return slu_error_set(err, SLU_CORRUPT, "a block holds more bytes than its values");
            SLU_TRY(ocf_shape_decode(shape, &cursor, err));
            SLU_TRY(each(to, ocf_shape_value(shape), err));
        }
        if (count != 0)
            return slu_error_set(err, SLU_CORRUPT, "a block holds fewer values than it says");
    }
}

typedef struct manifest_load {
    entry_context context;
    iceberg_manifest *out;
    size_t capacity;
} manifest_load;

static slu_status
manifest_add(void *to, ocf_value record, slu_error *err)
{
    manifest_load *load = to;
    iceberg_manifest *out = load->out;
    void *items = out->entries;
    SLU_TRY(array_room(load->context.arena, &items, &load->capacity, out->count, sizeof *out->entries, err));
    out->entries = items;
    SLU_TRY_IN(entry_decode(&load->context, record, &out->entries[out->count], err), err, "entry %zu", out->count);
    out->count++;
    return SLU_OK;
}

slu_status
iceberg_manifest_decode(slu_view file, const iceberg_manifest_file *listed, const iceberg_partition_spec *spec,
                        const iceberg_type *types, bool metrics, slu_arena *arena, iceberg_manifest *out, slu_error *err)
{
    manifest_load load = {{listed, spec, types, metrics, arena}, out, 0};
    memset(out, 0, sizeof *out);
    return container_each(file, manifest_add, &load, err);
}

/* ---- the manifest list ---- */

typedef struct list_load {
    slu_arena *arena;
    iceberg_manifest_file *items;
    size_t count;
    size_t capacity;
} list_load;

static slu_status
summary_decode(ocf_value record, slu_arena *arena, iceberg_partition_summary *out, slu_error *err)
{
    ocf_value value;
    slu_view bytes = {0};
    bool flag = false;
    *out = (iceberg_partition_summary){true, -1, iceberg_value_null(), iceberg_value_null()};
    if (ocf_field(record, 509, &value))
        (void)ocf_get_bool(value, &out->contains_null);
    if (ocf_field(record, 518, &value) && ocf_get_bool(value, &flag))
        out->contains_nan = flag;
    if (ocf_field(record, 510, &value) && ocf_get_bytes(value, &bytes))
        SLU_TRY(iceberg_value_copy(iceberg_value_of(bytes), arena, &out->lower, err));
    if (ocf_field(record, 511, &value) && ocf_get_bytes(value, &bytes))
        SLU_TRY(iceberg_value_copy(iceberg_value_of(bytes), arena, &out->upper, err));
    return SLU_OK;
}

static slu_status
listed_summaries(ocf_value record, slu_arena *arena, iceberg_manifest_file *out, slu_error *err)
{
    ocf_value list;
    ocf_value item;
    const size_t count = ocf_field(record, 507, &list) ? ocf_count(list) : 0;
    if (count > ICEBERG_PARTITION_FIELDS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu partition summaries", count);
    out->partitions = slu_arena_array(arena, count, sizeof *out->partitions);
    SLU_TRY(slu_arena_status(arena, err));
    for (; out->partition_count < count; out->partition_count++) {
        if (!ocf_item(list, out->partition_count, &item))
            return slu_error_set(err, SLU_CORRUPT, "a null partition summary");
        SLU_TRY(summary_decode(item, arena, &out->partitions[out->partition_count], err));
    }
    return SLU_OK;
}

static slu_status
listed_decode(ocf_value record, slu_arena *arena, iceberg_manifest_file *out, slu_error *err)
{
    static const int64_t ABSENT = ICEBERG_ABSENT;
    static const int64_t ZERO = 0; /* version 1 */
    int64_t spec_id = 0;
    int64_t content = 0;
    memset(out, 0, sizeof *out);
    SLU_TRY(field_text(record, 500, "manifest_path", arena, &out->path, err));
    SLU_TRY(field_i64(record, 501, "manifest_length", NULL, &out->bytes, err));
    SLU_TRY(field_i64(record, 502, "partition_spec_id", NULL, &spec_id, err));
    SLU_TRY(field_i64(record, 517, "content", &ZERO, &content, err));
    SLU_TRY(field_i64(record, 515, "sequence_number", &ZERO, &out->sequence_number, err));
    SLU_TRY(field_i64(record, 516, "min_sequence_number", &ZERO, &out->min_sequence_number, err));
    SLU_TRY(field_i64(record, 503, "added_snapshot_id", &ABSENT, &out->snapshot_id, err));
    SLU_TRY(field_i64(record, 504, "added_files_count", &ABSENT, &out->added_files, err));
    SLU_TRY(field_i64(record, 505, "existing_files_count", &ABSENT, &out->existing_files, err));
    SLU_TRY(field_i64(record, 506, "deleted_files_count", &ABSENT, &out->deleted_files, err));
    SLU_TRY(field_i64(record, 512, "added_rows_count", &ABSENT, &out->added_rows, err));
    SLU_TRY(field_i64(record, 513, "existing_rows_count", &ABSENT, &out->existing_rows, err));
    SLU_TRY(field_i64(record, 514, "deleted_rows_count", &ABSENT, &out->deleted_rows, err));
    SLU_TRY(field_i64(record, 520, "first_row_id", &ABSENT, &out->first_row_id, err));
    if (spec_id < 0 || spec_id > INT32_MAX || content < 0 || content > 1 || out->bytes < 0)
        return slu_error_set(err, SLU_CORRUPT, "%s: spec id %lld, content %lld, %lld bytes", out->path, (long long)spec_id,
                             (long long)content, (long long)out->bytes);
    out->spec_id = (int32_t)spec_id;
    out->content = (int32_t)content;
    return listed_summaries(record, arena, out, err);
}

static slu_status
list_add(void *to, ocf_value record, slu_error *err)
{
    list_load *load = to;
    void *items = load->items;
    SLU_TRY(array_room(load->arena, &items, &load->capacity, load->count, sizeof *load->items, err));
    load->items = items;
    SLU_TRY_IN(listed_decode(record, load->arena, &load->items[load->count], err), err, "manifest %zu", load->count);
    load->count++;
    return SLU_OK;
}

slu_status
iceberg_list_decode(slu_view file, slu_arena *arena, iceberg_manifest_file **out, size_t *out_count, slu_error *err)
{
    list_load load = {arena, NULL, 0, 0};
    SLU_TRY(container_each(file, list_add, &load, err));
    *out = load.items;
    *out_count = load.count;
    return SLU_OK;
}

/* ---- writing ---- */

static void
set_optional(ocf_value record, int32_t id, int64_t number)
{
    if (number == ICEBERG_ABSENT)
        ocf_set_null(record, id);
    else
        ocf_set_i64(record, id, number);
}

/* A decimal in a tuple is minimal; in Avro it is a fixed: sign-extended to the size that the schema gives. */
static void
set_decimal(ocf_value record, int32_t id, slu_view minimal, size_t bytes)
{
    uint8_t wide[16];
    memset(wide, minimal.bytes > 0 && minimal.data[0] >= 0x80 ? 0xff : 0, sizeof wide);
    if (minimal.bytes <= bytes && bytes <= sizeof wide && minimal.bytes != 0)
        memcpy(wide + bytes - minimal.bytes, minimal.data, minimal.bytes);
    ocf_set_bytes(record, id, slu_view_of(wide, bytes));
}

static void
set_partition(ocf_value record, const iceberg_partition_spec *spec, const iceberg_type *types, const iceberg_data_file *file)
{
    const ocf_value partition = ocf_set_nested(record, 102);
    for (uint32_t i = 0; i < spec->field_count; i++) {
        const int32_t id = spec->fields[i].field_id;
        const iceberg_value value = file->partition[i];
        int64_t number = 0;
        double real = 0;
        if (value.is_null)
            ocf_set_null(partition, id);
        else if (types[i].kind == ICEBERG_BOOLEAN)
            ocf_set_bool(partition, id, value.bytes.bytes == 1 && value.bytes.data[0] != 0);
        else if (iceberg_value_i64(&types[i], value.bytes, &number))
            ocf_set_i64(partition, id, number);
        else if (iceberg_value_double(&types[i], value.bytes, &real))
            ocf_set_double(partition, id, real);
        else if (types[i].kind == ICEBERG_DECIMAL)
            set_decimal(partition, id, value.bytes, iceberg_decimal_bytes(types[i].precision));
        else
            ocf_set_bytes(partition, id, value.bytes);
    }
}

static void
set_metric(ocf_value record, const iceberg_data_file *file, metric which)
{
    bool any = false;
    ocf_value map = {0};
    for (uint32_t i = 0; i < file->column_count; i++) {
        iceberg_column_metrics *column = &file->columns[i];
        const bool has = which == METRIC_LOWER   ? column->has_lower
                         : which == METRIC_UPPER ? column->has_upper
                                                 : *metric_number(column, which) != ICEBERG_ABSENT;
        if (!has)
            continue;
        if (!any)
            map = ocf_set_nested(record, METRICS[which].id);
        any = true;
        const ocf_value item = ocf_append(map);
        ocf_set_i64(item, METRICS[which].key_id, column->field_id);
        if (which >= METRIC_LOWER)
            ocf_set_bytes(item, METRICS[which].key_id + 1, which == METRIC_LOWER ? column->lower : column->upper);
        else
            ocf_set_i64(item, METRICS[which].key_id + 1, *metric_number(column, which));
    }
    if (!any)
        ocf_set_null(record, METRICS[which].id);
}

static void
set_lists(ocf_value record, const iceberg_data_file *file)
{
    if (file->split_count == 0) {
        ocf_set_null(record, 132);
    } else {
        const ocf_value list = ocf_set_nested(record, 132);
        for (uint32_t i = 0; i < file->split_count; i++)
            ocf_append_i64(list, file->splits[i]);
    }
    if (file->equality_count == 0) {
        ocf_set_null(record, 135);
    } else {
        const ocf_value list = ocf_set_nested(record, 135);
        for (uint32_t i = 0; i < file->equality_count; i++)
            ocf_append_i64(list, file->equality_ids[i]);
    }
}

static void
set_file(ocf_value record, const iceberg_partition_spec *spec, const iceberg_type *types, const iceberg_data_file *file)
{
    ocf_set_i64(record, 134, file->content);
    ocf_set_bytes(record, 100, slu_view_of_text(file->path));
    ocf_set_bytes(record, 101, slu_view_of_text(file->format));
    set_partition(record, spec, types, file);
    ocf_set_i64(record, 103, file->record_count);
    ocf_set_i64(record, 104, file->file_bytes);
    for (size_t which = 0; which < sizeof METRICS / sizeof *METRICS; which++)
        set_metric(record, file, (metric)which);
    ocf_set_null(record, 131);
    set_lists(record, file);
    set_optional(record, 140, file->sort_order_id);
    if (file->referenced_file == NULL)
        ocf_set_null(record, 143);
    else
        ocf_set_bytes(record, 143, slu_view_of_text(file->referenced_file));
}

static void
set_entry(ocf_value record, const iceberg_partition_spec *spec, const iceberg_type *types, const iceberg_manifest_entry *entry)
{
    ocf_set_i64(record, 0, entry->status);
    set_optional(record, 1, entry->snapshot_id);
    set_optional(record, 3, entry->sequence_number);
    set_optional(record, 4, entry->file_sequence_number);
    set_file(ocf_set_nested(record, 2), spec, types, &entry->file);
}

/* Counts of one entry, and what partition summaries need. */
static void
listed_count(iceberg_manifest_file *listed, const iceberg_manifest_entry *entry)
{
    int64_t *const files[] = {&listed->existing_files, &listed->added_files, &listed->deleted_files};
    int64_t *const rows[] = {&listed->existing_rows, &listed->added_rows, &listed->deleted_rows};
    ++*files[entry->status];
    *rows[entry->status] += entry->file.record_count;
    const bool live = entry->status != ICEBERG_STATUS_DELETED;
    if (live && entry->sequence_number != ICEBERG_ABSENT &&
        (listed->min_sequence_number == ICEBERG_ABSENT || entry->sequence_number < listed->min_sequence_number))
        listed->min_sequence_number = entry->sequence_number;
}

static bool
is_nan(const iceberg_type *type, slu_view bytes)
{
    double real = 0;
    return iceberg_value_double(type, bytes, &real) && isnan(real);
}

static void
summary_add(iceberg_partition_summary *summary, const iceberg_type *type, iceberg_value value)
{
    if (value.is_null) {
        summary->contains_null = true;
        return;
    }
    if (is_nan(type, value.bytes)) {
        summary->contains_nan = 1;
        return;
    }
    if (summary->lower.is_null || iceberg_value_compare(type, value.bytes, summary->lower.bytes) < 0)
        summary->lower = value;
    if (summary->upper.is_null || iceberg_value_compare(type, value.bytes, summary->upper.bytes) > 0)
        summary->upper = value;
}

static slu_status
listed_init(iceberg_manifest_file *listed, const iceberg_manifest_head *head, const char *path, slu_arena *arena, slu_error *err)
{
    memset(listed, 0, sizeof *listed);
    listed->path = path;
    listed->spec_id = head->spec->spec_id;
    listed->content = head->content;
    listed->sequence_number = listed->min_sequence_number = listed->snapshot_id = listed->first_row_id = ICEBERG_ABSENT;
    listed->partition_count = head->spec->field_count;
    listed->partitions = slu_arena_array(arena, listed->partition_count, sizeof *listed->partitions);
    SLU_TRY(slu_arena_status(arena, err));
    for (uint32_t i = 0; i < listed->partition_count; i++)
        listed->partitions[i] = (iceberg_partition_summary){false, 0, iceberg_value_null(), iceberg_value_null()};
    return SLU_OK;
}

static slu_status
file_check(const iceberg_data_file *file, const iceberg_manifest_head *head, const iceberg_type *types, slu_error *err)
{
    if (file->path == NULL || file->format == NULL)
        return slu_error_set(err, SLU_INVALID, "a data file without path or format");
    if (file->partition_count != head->spec->field_count)
        return slu_error_set(err, SLU_INVALID, "%s: %u partition values for %u fields of spec %d", file->path,
                             file->partition_count, head->spec->field_count, (int)head->spec->spec_id);
    for (uint32_t i = 0; i < file->partition_count; i++)
        if (!file->partition[i].is_null && !iceberg_value_fits(&types[i], file->partition[i].bytes))
            return slu_error_set(err, SLU_INVALID, "%s: partition value %u has another length than its type", file->path, i);
    return SLU_OK;
}

static slu_status
head_writer(const iceberg_manifest_head *head, slu_view entry_schema, ocf_writer *writer, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf schema = {0};
    SLU_AUTO(slu_buf_fini) slu_buf spec = {0};
    char numbers[3][16];
    ocf_codec codec = OCF_CODEC_DEFLATE;
    slu_buf_init(&schema, SCHEMA_TEXT_MAX);
    slu_buf_init(&spec, SCHEMA_TEXT_MAX);
    iceberg_schema_print(head->schema, &schema);
    iceberg_spec_fields_print(head->spec, &spec);
    SLU_TRY(slu_buf_status(&schema, err));
    SLU_TRY(slu_buf_status(&spec, err));
    if (head->codec.bytes != 0 && !ocf_codec_of(head->codec, &codec))
        return slu_error_set(err, SLU_INVALID,
                             "write.manifest.compression-codec \"%.*s\" is not one of gzip, zstd, snappy, uncompressed",
                             (int)(head->codec.bytes > 32 ? 32 : head->codec.bytes), (const char *)head->codec.data);
    (void)snprintf(numbers[0], sizeof numbers[0], "%d", (int)head->schema->schema_id);
    (void)snprintf(numbers[1], sizeof numbers[1], "%d", (int)head->spec->spec_id);
    (void)snprintf(numbers[2], sizeof numbers[2], "%d", (int)head->format_version);
    const ocf_pair pairs[] = {
        {slu_view_of_text("schema"), slu_buf_view(&schema)},
        {slu_view_of_text("schema-id"), slu_view_of_text(numbers[0])},
        {slu_view_of_text("partition-spec"), slu_buf_view(&spec)},
        {slu_view_of_text("partition-spec-id"), slu_view_of_text(numbers[1])},
        {slu_view_of_text("format-version"), slu_view_of_text(numbers[2])},
        {slu_view_of_text("content"), slu_view_of_text(head->content == ICEBERG_MANIFEST_DATA ? "data" : "deletes")},
    };
    return ocf_writer_init(writer, entry_schema, codec, pairs, sizeof pairs / sizeof *pairs, head->sync, err);
}

static slu_status
encode_entries(const iceberg_manifest_head *head, const iceberg_type *types, const iceberg_manifest_entry *entries, size_t count,
               ocf_shape *shape, ocf_writer *writer, iceberg_manifest_file *listed, slu_error *err)
{
    for (size_t i = 0; i < count; i++) {
        SLU_TRY(file_check(&entries[i].file, head, types, err));
        ocf_shape_reset(shape);
        set_entry(ocf_shape_value(shape), head->spec, types, &entries[i]);
        SLU_TRY_IN(ocf_shape_encode(shape, ocf_writer_block(writer), err), err, "%s", entries[i].file.path);
        SLU_TRY(ocf_writer_added(writer, err));
        listed_count(listed, &entries[i]);
        for (uint32_t k = 0; k < listed->partition_count; k++)
            summary_add(&listed->partitions[k], &types[k], entries[i].file.partition[k]);
    }
    return ocf_writer_finish(writer, err);
}

slu_status
iceberg_manifest_encode(const iceberg_manifest_head *head, const iceberg_manifest_entry *entries, size_t count, const char *path,
                        slu_arena *arena, slu_buf *out, iceberg_manifest_file *listed, slu_error *err)
{
    SLU_AUTO(ocf_writer_fini) ocf_writer writer = {0};
    SLU_AUTO(ocf_shape_free) ocf_shape *shape = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf schema = {0};
    iceberg_type *types = NULL;
    slu_buf_init(&schema, SCHEMA_TEXT_MAX);
    SLU_TRY(iceberg_spec_types(head->spec, head->schema, arena, &types, err));
    SLU_TRY(iceberg_entry_schema(head->spec, types, &schema, err));
    SLU_TRY(listed_init(listed, head, path, arena, err));
    SLU_TRY(ocf_shape_new(slu_buf_view(&schema), &shape, err));
    SLU_TRY(head_writer(head, slu_buf_view(&schema), &writer, err));
    SLU_TRY(encode_entries(head, types, entries, count, shape, &writer, listed, err));
    listed->bytes = (int64_t)writer.file.bytes;
    slu_buf_append(out, writer.file.data, writer.file.bytes);
    return slu_buf_status(out, err);
}

static void
set_summary(ocf_value record, const iceberg_partition_summary *summary)
{
    ocf_set_bool(record, 509, summary->contains_null);
    if (summary->contains_nan < 0)
        ocf_set_null(record, 518);
    else
        ocf_set_bool(record, 518, summary->contains_nan != 0);
    if (summary->lower.is_null)
        ocf_set_null(record, 510);
    else
        ocf_set_bytes(record, 510, summary->lower.bytes);
    if (summary->upper.is_null)
        ocf_set_null(record, 511);
    else
        ocf_set_bytes(record, 511, summary->upper.bytes);
}

static void
set_listed(ocf_value record, const iceberg_manifest_file *listed)
{
    ocf_set_bytes(record, 500, slu_view_of_text(listed->path));
    ocf_set_i64(record, 501, listed->bytes);
    ocf_set_i64(record, 502, listed->spec_id);
    ocf_set_i64(record, 517, listed->content);
    ocf_set_i64(record, 515, listed->sequence_number);
    ocf_set_i64(record, 516, listed->min_sequence_number);
    ocf_set_i64(record, 503, listed->snapshot_id);
    ocf_set_i64(record, 504, listed->added_files);
    ocf_set_i64(record, 505, listed->existing_files);
    ocf_set_i64(record, 506, listed->deleted_files);
    ocf_set_i64(record, 512, listed->added_rows);
    ocf_set_i64(record, 513, listed->existing_rows);
    ocf_set_i64(record, 514, listed->deleted_rows);
    const ocf_value summaries = ocf_set_nested(record, 507);
    for (uint32_t i = 0; i < listed->partition_count; i++)
        set_summary(ocf_append(summaries), &listed->partitions[i]);
    ocf_set_null(record, 519);
}

static slu_status
list_writer(const iceberg_list_head *head, slu_view schema, ocf_writer *writer, slu_error *err)
{
    char numbers[4][32];
    ocf_codec codec = OCF_CODEC_DEFLATE;
    if (head->codec.bytes != 0 && !ocf_codec_of(head->codec, &codec))
        return slu_error_set(err, SLU_INVALID, "unknown codec for a manifest list");
    (void)snprintf(numbers[0], sizeof numbers[0], "%lld", (long long)head->snapshot_id);
    (void)snprintf(numbers[1], sizeof numbers[1], "%lld", (long long)head->parent_id);
    (void)snprintf(numbers[2], sizeof numbers[2], "%lld", (long long)head->sequence_number);
    (void)snprintf(numbers[3], sizeof numbers[3], "%d", (int)head->format_version);
    const ocf_pair pairs[] = {
        {slu_view_of_text("snapshot-id"), slu_view_of_text(numbers[0])},
        {slu_view_of_text("parent-snapshot-id"), slu_view_of_text(head->parent_id == ICEBERG_ABSENT ? "null" : numbers[1])},
        {slu_view_of_text("sequence-number"), slu_view_of_text(numbers[2])},
        {slu_view_of_text("format-version"), slu_view_of_text(numbers[3])},
    };
    return ocf_writer_init(writer, schema, codec, pairs, sizeof pairs / sizeof *pairs, head->sync, err);
}

slu_status
iceberg_list_encode(const iceberg_list_head *head, const iceberg_manifest_file *manifests, size_t count, slu_buf *out,
                    slu_error *err)
{
    SLU_AUTO(ocf_writer_fini) ocf_writer writer = {0};
    SLU_AUTO(ocf_shape_free) ocf_shape *shape = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf schema = {0};
    slu_buf_init(&schema, SCHEMA_TEXT_MAX);
    iceberg_list_schema(&schema);
    SLU_TRY(slu_buf_status(&schema, err));
    SLU_TRY(ocf_shape_new(slu_buf_view(&schema), &shape, err));
    SLU_TRY(list_writer(head, slu_buf_view(&schema), &writer, err));
    for (size_t i = 0; i < count; i++) {
        ocf_shape_reset(shape);
        set_listed(ocf_shape_value(shape), &manifests[i]);
        SLU_TRY_IN(ocf_shape_encode(shape, ocf_writer_block(&writer), err), err, "%s", manifests[i].path);
        SLU_TRY(ocf_writer_added(&writer, err));
    }
    SLU_TRY(ocf_writer_finish(&writer, err));
    slu_buf_append(out, writer.file.data, writer.file.bytes);
    return slu_buf_status(out, err);
}

/* ---- data files on their way ---- */

slu_status
iceberg_data_files_encode(const iceberg_schema *schema, const iceberg_partition_spec *spec, const iceberg_data_file *files,
                          size_t count, slu_buf *out, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_manifest_file listed;
    const iceberg_manifest_head head = {2, ICEBERG_MANIFEST_DATA, schema, spec, slu_view_of_text("uncompressed"), {0}};
    slu_arena_init(&arena, SCHEMA_TEXT_MAX + count * sizeof(iceberg_manifest_entry) * 2);
    iceberg_manifest_entry *entries = slu_arena_array(&arena, count, sizeof *entries);
    SLU_TRY(slu_arena_status(&arena, err));
    for (size_t i = 0; i < count; i++)
        entries[i] = (iceberg_manifest_entry){ICEBERG_STATUS_ADDED, ICEBERG_ABSENT, ICEBERG_ABSENT, ICEBERG_ABSENT, files[i]};
    return iceberg_manifest_encode(&head, entries, count, "", &arena, out, &listed, err);
}

slu_status
iceberg_data_files_decode(slu_view bytes, const iceberg_schema *schema, const iceberg_partition_spec *spec, slu_arena *arena,
                          iceberg_data_file **out, size_t *out_count, slu_error *err)
{
    iceberg_type *types = NULL;
    iceberg_manifest manifest;
    SLU_TRY(iceberg_spec_types(spec, schema, arena, &types, err));
    SLU_TRY_IN(iceberg_manifest_decode(bytes, NULL, spec, types, true, arena, &manifest, err), err, "data files");
    *out = slu_arena_array(arena, manifest.count, sizeof **out);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < manifest.count; i++)
        (*out)[i] = manifest.entries[i].file;
    *out_count = manifest.count;
    return SLU_OK;
}
