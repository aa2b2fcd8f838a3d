/*
 * columns.h: reading the columns of a batch, and making schemas, in a few inline lines.
 *
 * Shape    slu_type: a format string taken apart. slu_column: one column with its offset applied, so that row i is values[i].
 * Owns     views borrow from the array for as long as it lives. A schema made here owns all its parts (malloc) and is freed by its
 *          own release callback: slu_schema_release.
 * Threads  any for reading; owner for making.
 * Errors   a format outside the table below is SLU_TYPE_OTHER (view) or INVALID (makers); makers answer NOMEM.
 * Limits   names and formats are C strings; SLU_SCHEMA_DEPTH_MAX levels of nesting, SLU_SCHEMA_COLUMNS_MAX columns.
 *
 * Header-only, because a plugin needs nothing of ours at load time. Builders and gather live in the sdk (sluice/sdk/columns_build.h).
 */
#ifndef SLUICE_COLUMNS_H
#define SLUICE_COLUMNS_H

#include <sluice/arrow.h>
#include <sluice/status.h>

#include <stdbool.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Types ------------------------------------------------------------------------------------------------------------------ */

#define SLU_TYPE_OTHER 0
#define SLU_TYPE_BOOL 1       /* "b"    bitmap */
#define SLU_TYPE_INT8 2       /* "c"    int8_t */
#define SLU_TYPE_INT16 3      /* "s"    int16_t */
#define SLU_TYPE_INT32 4      /* "i"    int32_t */
#define SLU_TYPE_INT64 5      /* "l"    int64_t */
#define SLU_TYPE_FLOAT 6      /* "f"    float */
#define SLU_TYPE_DOUBLE 7     /* "g"    double */
#define SLU_TYPE_DECIMAL 8    /* "d:P,S" slu_i128, little endian */
#define SLU_TYPE_UTF8 9       /* "u"    offsets, data */
#define SLU_TYPE_BINARY 10    /* "z"    offsets, data */
#define SLU_TYPE_FIXED 11     /* "w:N"  N bytes each */
#define SLU_TYPE_DATE 12      /* "tdD"  int32_t days */
#define SLU_TYPE_TIME 13      /* "tts" "ttm" int32_t; "ttu" "ttn" int64_t */
#define SLU_TYPE_TIMESTAMP 14 /* "tss:" "tsm:" "tsu:" "tsn:" int64_t; a zone after the colon makes it zoned (LTZ) */
#define SLU_TYPE_STRUCT 15    /* "+s" */
#define SLU_TYPE_LIST 16      /* "+l"   offsets */
#define SLU_TYPE_MAP 17       /* "+m"   offsets; one struct child of key and value */

#define SLU_SCHEMA_DEPTH_MAX 16
#define SLU_SCHEMA_COLUMNS_MAX 1024
#define SLU_DECIMAL_PRECISION_MAX 38

/* A 128-bit integer that lies in memory at a multiple of 8 (what the door promises), not of 16. */
__extension__ typedef __int128 slu_i128_natural;
typedef slu_i128_natural slu_i128 __attribute__((aligned(8), may_alias));

typedef struct slu_type {
    int32_t id;          /* SLU_TYPE_ */
    int32_t width_bytes; /* of a value in the values buffer; 0 for bool, variable length and nested */
    int32_t precision;   /* DECIMAL: digits; TIME, TIMESTAMP: digits after the second (0, 3, 6, 9) */
    int32_t scale;       /* DECIMAL */
    int32_t zoned;       /* TIMESTAMP with a zone: an instant */
    int32_t reserved;
} slu_type;

static inline slu_type
slu_type_make(int32_t id, int32_t width_bytes)
{
    const slu_type type = {id, width_bytes, 0, 0, 0, 0};
    return type;
}

/* Reads a small decimal number, stops at the first other character; -1 when there is none or it passes 9 digits. */
static inline int32_t
slu_type_number(const char **at)
{
    int32_t value = 0, digits = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++, digits++) {
        if (digits == 9)
            return -1;
        value = value * 10 + (**at - '0');
    }
    return digits == 0 ? -1 : value;
}

static inline slu_type
slu_type_decimal(const char *at)
{
    slu_type type = slu_type_make(SLU_TYPE_DECIMAL, 16);
    type.precision = slu_type_number(&at);
    if (type.precision < 1 || type.precision > SLU_DECIMAL_PRECISION_MAX || *at++ != ',')
        return slu_type_make(SLU_TYPE_OTHER, 0);
    type.scale = slu_type_number(&at);
    if (type.scale < 0 || type.scale > type.precision || (*at != 0 && strcmp(at, ",128") != 0))
        return slu_type_make(SLU_TYPE_OTHER, 0);
    return type;
}

static inline slu_type
slu_type_temporal(const char *at)
{
    slu_type type = slu_type_make(SLU_TYPE_OTHER, 0);
    if (strcmp(at, "dD") == 0)
        return slu_type_make(SLU_TYPE_DATE, 4);
    if ((at[0] != 't' && at[0] != 's') || at[1] == 0 || strchr("smun", at[1]) == NULL)
        return type;
    type.precision = at[1] == 's' ? 0 : at[1] == 'm' ? 3 : at[1] == 'u' ? 6 : 9;
    if (at[0] == 't' && at[2] == 0) {
        type.id = SLU_TYPE_TIME;
        type.width_bytes = type.precision <= 3 ? 4 : 8;
    } else if (at[0] == 's' && at[2] == ':') {
        type.id = SLU_TYPE_TIMESTAMP;
        type.width_bytes = 8;
        type.zoned = at[3] != 0;
    }
    return type;
}

/* What a format string says; SLU_TYPE_OTHER for one that sluice does not know. */
static inline slu_type
slu_type_of(const char *format)
{
    const char first = format != NULL ? format[0] : 0;
    if (first == 't')
        return slu_type_temporal(format + 1);
    if (first == 'd' && format[1] == ':')
        return slu_type_decimal(format + 2);
    if (first == 'w' && format[1] == ':') {
        const char *at = format + 2;
        const int32_t width = slu_type_number(&at);
        return width < 1 || *at != 0 ? slu_type_make(SLU_TYPE_OTHER, 0) : slu_type_make(SLU_TYPE_FIXED, width);
    }
    if (first == '+' && format[1] != 0 && format[2] == 0)
        return slu_type_make(format[1] == 's'   ? SLU_TYPE_STRUCT
                             : format[1] == 'l' ? SLU_TYPE_LIST
                             : format[1] == 'm' ? SLU_TYPE_MAP
                                                : SLU_TYPE_OTHER,
                             0);
    if (first == 0 || format[1] != 0)
        return slu_type_make(SLU_TYPE_OTHER, 0);
    switch (first) {
    case 'b': return slu_type_make(SLU_TYPE_BOOL, 0);
    case 'c': return slu_type_make(SLU_TYPE_INT8, 1);
    case 's': return slu_type_make(SLU_TYPE_INT16, 2);
    case 'i': return slu_type_make(SLU_TYPE_INT32, 4);
    case 'l': return slu_type_make(SLU_TYPE_INT64, 8);
    case 'f': return slu_type_make(SLU_TYPE_FLOAT, 4);
    case 'g': return slu_type_make(SLU_TYPE_DOUBLE, 8);
    case 'u': return slu_type_make(SLU_TYPE_UTF8, 0);
    case 'z': return slu_type_make(SLU_TYPE_BINARY, 0);
    default: return slu_type_make(SLU_TYPE_OTHER, 0);
    }
}

static inline bool
slu_type_is_varlen(slu_type type)
{
    return type.id == SLU_TYPE_UTF8 || type.id == SLU_TYPE_BINARY;
}

static inline bool
slu_type_is_nested(slu_type type)
{
    return type.id >= SLU_TYPE_STRUCT;
}

/* How many buffers an array of this type has (the C data interface's layouts). */
static inline int64_t
slu_type_buffers(slu_type type)
{
    return slu_type_is_varlen(type) ? 3 : type.id == SLU_TYPE_STRUCT ? 1 : 2;
}

/* ---- Columns ---------------------------------------------------------------------------------------------------------------- */

typedef struct slu_column {
    slu_type type;
    const struct ArrowArray *array;
    const uint8_t *validity; /* NULL: no row is null; else bit (offset + i) */
    const void *values;      /* fixed width: row 0's value, offset applied; BOOL: the bitmap, bit (offset + i) */
    const int32_t *offsets;  /* variable length, list, map: row i is offsets[i] .. offsets[i + 1], offset applied */
    const uint8_t *data;     /* variable length: what the offsets point into */
    int64_t rows;
    int64_t offset; /* of bit 0 in validity and in a bool's values */
} slu_column;

static inline bool
slu_bit(const uint8_t *bits, int64_t i)
{
    return (bits[i >> 3] >> (i & 7)) & 1;
}

static inline void
slu_bit_set(uint8_t *bits, int64_t i)
{
    bits[i >> 3] = (uint8_t)(bits[i >> 3] | 1u << (i & 7));
}

static inline void
slu_bit_clear(uint8_t *bits, int64_t i)
{
    bits[i >> 3] = (uint8_t)(bits[i >> 3] & ~(1u << (i & 7)));
}

/* The view of any array under its type. An array offset is applied; for a child of a sliced struct pass slu_column_child. */
static inline slu_column
slu_column_view_at(slu_type type, const struct ArrowArray *array, int64_t offset, int64_t rows)
{
    slu_column column;
    memset(&column, 0, sizeof column);
    column.type = type;
    column.array = array;
    column.rows = rows;
    column.offset = array->offset + offset;
    if (array->n_buffers > 0 && array->null_count != 0)
        column.validity = (const uint8_t *)array->buffers[0];
    if (type.width_bytes != 0 && array->n_buffers > 1)
        column.values =
            array->buffers[1] == NULL ? NULL : (const uint8_t *)array->buffers[1] + column.offset * (int64_t)type.width_bytes;
    else if (type.id == SLU_TYPE_BOOL && array->n_buffers > 1)
        column.values = array->buffers[1];
    else if ((slu_type_is_varlen(type) || type.id == SLU_TYPE_LIST || type.id == SLU_TYPE_MAP) && array->n_buffers > 1)
        column.offsets = array->buffers[1] == NULL ? NULL : (const int32_t *)array->buffers[1] + column.offset;
    if (slu_type_is_varlen(type) && array->n_buffers > 2)
        column.data = (const uint8_t *)array->buffers[2];
    return column;
}

static inline slu_column
slu_column_view(const char *format, const struct ArrowArray *array)
{
    return slu_column_view_at(slu_type_of(format), array, 0, array->length);
}

/* Column `index` of a struct array (a batch); the struct's own offset is applied. */
static inline slu_column
slu_column_child(const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t index)
{
    return slu_column_view_at(slu_type_of(schema->children[index]->format), array->children[index], array->offset, array->length);
}

/* Column `index` of a batch. Rows are array rows: go through slu_batch_row where the batch has a selection. */
static inline slu_column
slu_batch_column(const slu_batch *batch, int64_t index)
{
    return slu_column_child(batch->schema, batch->array, index);
}

static inline bool
slu_column_valid(const slu_column *column, int64_t i)
{
    return column->validity == NULL || slu_bit(column->validity, column->offset + i);
}

static inline bool
slu_column_bool(const slu_column *column, int64_t i)
{
    return slu_bit((const uint8_t *)column->values, column->offset + i);
}

/* The whole vector of an INT64 or TIMESTAMP column (and so on for the others); row i is [i]. */
static inline const int64_t *
slu_column_i64s(const slu_column *column)
{
    return (const int64_t *)column->values;
}

static inline const int32_t *
slu_column_i32s(const slu_column *column)
{
    return (const int32_t *)column->values;
}

static inline const int16_t *
slu_column_i16s(const slu_column *column)
{
    return (const int16_t *)column->values;
}

static inline const int8_t *
slu_column_i8s(const slu_column *column)
{
    return (const int8_t *)column->values;
}

static inline const double *
slu_column_f64s(const slu_column *column)
{
    return (const double *)column->values;
}

static inline const float *
slu_column_f32s(const slu_column *column)
{
    return (const float *)column->values;
}

static inline const slu_i128 *
slu_column_decimals(const slu_column *column)
{
    return (const slu_i128 *)column->values;
}

/* Any whole-number column (INT8..INT64, DATE, TIME, TIMESTAMP, BOOL) as int64_t: for code that is not on the hot path. */
static inline int64_t
slu_column_int(const slu_column *column, int64_t i)
{
    if (column->type.id == SLU_TYPE_BOOL)
        return slu_column_bool(column, i);
    switch (column->type.width_bytes) {
    case 1: return ((const int8_t *)column->values)[i];
    case 2: return ((const int16_t *)column->values)[i];
    case 4: return ((const int32_t *)column->values)[i];
    default: return ((const int64_t *)column->values)[i];
    }
}

/* Bytes of row i of a UTF8, BINARY or FIXED column. */
static inline const uint8_t *
slu_column_bytes(const slu_column *column, int64_t i, int32_t *out_bytes)
{
    if (column->type.id == SLU_TYPE_FIXED) {
        *out_bytes = column->type.width_bytes;
        return (const uint8_t *)column->values + i * (int64_t)column->type.width_bytes;
    }
    *out_bytes = column->offsets[i + 1] - column->offsets[i];
    return column->data == NULL ? (const uint8_t *)"" : column->data + column->offsets[i];
}

/* ---- Arrays ----------------------------------------------------------------------------------------------------------------- */

/* Safe on a zeroed or already released array, and twice. */
static inline void
slu_array_release(struct ArrowArray *array)
{
    if (array->release != NULL)
        array->release(array);
    array->release = NULL;
}

static inline void
slu_array_move(struct ArrowArray *from, struct ArrowArray *to)
{
    *to = *from;
    memset(from, 0, sizeof *from);
}

/* ---- Schemas ---------------------------------------------------------------------------------------------------------------- */

static inline void
slu_schema_release(struct ArrowSchema *schema)
{
    if (schema->release != NULL)
        schema->release(schema);
    schema->release = NULL;
}

static inline void
slu_schema_move(struct ArrowSchema *from, struct ArrowSchema *to)
{
    *to = *from;
    memset(from, 0, sizeof *from);
}

/* The release callback of schemas made here. */
static inline void
slu_schema_release_owned(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i] != NULL) {
            slu_schema_release(schema->children[i]);
            free(schema->children[i]);
        }
    }
    free(schema->children);
    free((char *)(uintptr_t)schema->format);
    free((char *)(uintptr_t)schema->name);
    free((char *)(uintptr_t)schema->metadata);
    memset(schema, 0, sizeof *schema);
}

static inline char *
slu_schema_text(const void *text, size_t bytes)
{
    char *copy = (char *)malloc(bytes + 1);
    if (copy != NULL) {
        memcpy(copy, text, bytes);
        copy[bytes] = 0;
    }
    return copy;
}

/* One field without children: format, name, nullable. `*out` is written whole; release it with slu_schema_release. */
SLU_CHECK static inline slu_status
slu_schema_init(struct ArrowSchema *out, const char *format, const char *name, bool nullable)
{
    memset(out, 0, sizeof *out);
    out->release = slu_schema_release_owned;
    out->flags = nullable ? ARROW_FLAG_NULLABLE : 0;
    out->format = slu_schema_text(format, strlen(format));
    out->name = slu_schema_text(name, strlen(name));
    if (out->format == NULL || out->name == NULL) {
        slu_schema_release(out);
        return SLU_NOMEM;
    }
    return SLU_OK;
}

/* Appends a released (zeroed) child slot; the caller fills it. NULL: no memory. */
static inline struct ArrowSchema *
slu_schema_grow(struct ArrowSchema *schema)
{
    const size_t count = (size_t)schema->n_children;
    struct ArrowSchema **children = (struct ArrowSchema **)realloc(schema->children, (count + 1) * sizeof *children);
    if (children == NULL)
        return NULL;
    schema->children = children;
    children[count] = (struct ArrowSchema *)calloc(1, sizeof **children);
    if (children[count] == NULL)
        return NULL;
    schema->n_children++;
    return children[count];
}

/* The schema of a batch ("+s", no columns yet): follow with slu_schema_add. */
SLU_CHECK static inline slu_status
slu_schema_init_struct(struct ArrowSchema *out)
{
    return slu_schema_init(out, "+s", "", false);
}

/* Adds a column to a schema made here. On failure the schema is unchanged but for an empty slot, and is still to be released. */
SLU_CHECK static inline slu_status
slu_schema_add(struct ArrowSchema *schema, const char *format, const char *name, bool nullable)
{
    struct ArrowSchema *child = slu_schema_grow(schema);
    return child == NULL ? SLU_NOMEM : slu_schema_init(child, format, name, nullable);
}

/* Bytes of the C data interface's metadata block (int32 pairs, then length-prefixed keys and values). */
static inline size_t
slu_schema_metadata_bytes(const char *metadata)
{
    int32_t pairs, length;
    size_t at = sizeof pairs;
    memcpy(&pairs, metadata, sizeof pairs);
    for (int64_t i = 0; i < (int64_t)pairs * 2; i++) {
        memcpy(&length, metadata + at, sizeof length);
        at += sizeof length + (size_t)length;
    }
    return at;
}

SLU_CHECK static inline slu_status slu_schema_copy_level(const struct ArrowSchema *from, struct ArrowSchema *out, int level);

SLU_CHECK static inline slu_status
slu_schema_copy_parts(const struct ArrowSchema *from, struct ArrowSchema *out, int level)
{
    out->flags = from->flags;
    if (from->metadata != NULL) {
        out->metadata = slu_schema_text(from->metadata, slu_schema_metadata_bytes(from->metadata));
        if (out->metadata == NULL)
            return SLU_NOMEM;
    }
    for (int64_t i = 0; i < from->n_children; i++) {
        struct ArrowSchema *child = slu_schema_grow(out);
        if (child == NULL)
            return SLU_NOMEM;
        SLU_TRY(slu_schema_copy_level(from->children[i], child, level + 1));
    }
    return SLU_OK;
}

SLU_CHECK static inline slu_status
slu_schema_copy_level(const struct ArrowSchema *from, struct ArrowSchema *out, int level)
{
    if (from->format == NULL || from->dictionary != NULL)
        return SLU_INVALID;
    if (level > SLU_SCHEMA_DEPTH_MAX || from->n_children < 0 || from->n_children > SLU_SCHEMA_COLUMNS_MAX)
        return SLU_LIMIT;
    slu_status status = slu_schema_init(out, from->format, from->name != NULL ? from->name : "", false);
    if (status == SLU_OK)
        status = slu_schema_copy_parts(from, out, level);
    if (status != SLU_OK)
        slu_schema_release(out);
    return status;
}

/* A deep copy that owns everything. `*out` is written whole; on failure it is released. INVALID: a field without a format or with a
 * dictionary; LIMIT: too deep or too wide. */
SLU_CHECK static inline slu_status
slu_schema_copy(const struct ArrowSchema *from, struct ArrowSchema *out, slu_error *err)
{
    const slu_status status = slu_schema_copy_level(from, out, 0);
    if (status == SLU_OK)
        return SLU_OK;
    return slu_error_set(err, status, "copy of schema '%s': %s", from->name != NULL ? from->name : "",
                         status == SLU_NOMEM     ? "no memory"
                         : status == SLU_INVALID ? "a field without a format, or with a dictionary"
                                                 : "more than 16 levels or 1024 columns");
}

/* Adds a deep copy of `field` under another name (NULL: its own). */
SLU_CHECK static inline slu_status
slu_schema_add_copy(struct ArrowSchema *schema, const struct ArrowSchema *field, const char *name)
{
    struct ArrowSchema *child = slu_schema_grow(schema);
    if (child == NULL)
        return SLU_NOMEM;
    SLU_TRY(slu_schema_copy_level(field, child, 0));
    if (name != NULL) {
        char *text = slu_schema_text(name, strlen(name));
        if (text == NULL)
            return SLU_NOMEM;
        free((char *)(uintptr_t)child->name);
        child->name = text;
    }
    return SLU_OK;
}

static inline bool
slu_schema_nullable(const struct ArrowSchema *schema)
{
    return (schema->flags & ARROW_FLAG_NULLABLE) != 0;
}

/* Same formats, names and nullability all the way down. Metadata is not compared. */
static inline bool
slu_schema_equal(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    if (a == b)
        return true;
    if (strcmp(a->format, b->format) != 0 || a->n_children != b->n_children || slu_schema_nullable(a) != slu_schema_nullable(b) ||
        strcmp(a->name != NULL ? a->name : "", b->name != NULL ? b->name : "") != 0)
        return false;
    for (int64_t i = 0; i < a->n_children; i++)
        if (!slu_schema_equal(a->children[i], b->children[i]))
            return false;
    return true;
}

/* The index of the child of that name; -1: none. Names are compared exactly. */
static inline int64_t
slu_schema_find_n(const struct ArrowSchema *schema, const char *name, size_t name_bytes)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        const char *child = schema->children[i]->name;
        if (child != NULL && strlen(child) == name_bytes && memcmp(child, name, name_bytes) == 0)
            return i;
    }
    return -1;
}

static inline int64_t
slu_schema_find(const struct ArrowSchema *schema, const char *name)
{
    return slu_schema_find_n(schema, name, strlen(name));
}

#ifdef __cplusplus
}
#endif
#endif
