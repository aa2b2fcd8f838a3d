/*
 * shape.h: values of an Avro schema, found by Iceberg field id and never by name or position. The values are Avro C's; the schema
 * it sees is one that we wrote (records t0, t1 ..., fields f<field-id>), so that any producer's names are acceptable and a field
 * is found by its id. Strings are shown to Avro C as bytes, which have the same encoding and no trailing zero.
 *
 * Shape    one ocf_shape is one schema with one value that is decoded into or encoded from, again and again.
 * Owns     the shape owns its value; an ocf_value and a view got from it are borrowed until the next reset or decode.
 * Threads  owner; shapes in different threads share nothing. Avro C keeps its last error in one static buffer, so it is only asked
 *          what it can answer: what is missing or of another kind is known from our own tree.
 * Errors   decode walks the bytes against the schema before Avro C sees them, since Avro C trusts counts and lengths: CORRUPT or
 *          LIMIT, never a long loop. A setter that fails (no memory, no such field) marks the shape; encode then says so.
 * Limits   OCF_SCHEMA_BYTES_MAX, OCF_SCHEMA_NODES_MAX, OCF_SCHEMA_DEPTH_MAX, OCF_EMPTY_ITEMS_MAX.
 */
#ifndef AVRO_SHAPE_H
#define AVRO_SHAPE_H

#include "avro/ocf.h"

#define OCF_SCHEMA_BYTES_MAX ((size_t)16 << 20)
#define OCF_SCHEMA_NODES_MAX 8192 /* types in a schema, a name used twice counted twice */
#define OCF_SCHEMA_DEPTH_MAX 32
#define OCF_EMPTY_ITEMS_MAX 4096 /* items of an array whose items take no bytes */

typedef struct ocf_shape ocf_shape;

typedef struct ocf_value {
    ocf_shape *shape;
    const void *type; /* in the shape's own tree */
    void *iface;
    void *self;
} ocf_value;

typedef enum ocf_kind {
    OCF_KIND_NULL,
    OCF_KIND_BOOLEAN,
    OCF_KIND_INT, /* an enum is read as its number */
    OCF_KIND_LONG,
    OCF_KIND_FLOAT,
    OCF_KIND_DOUBLE,
    OCF_KIND_BYTES, /* and string */
    OCF_KIND_FIXED,
    OCF_KIND_RECORD,
    OCF_KIND_ARRAY,
    OCF_KIND_MAP,
    OCF_KIND_UNION,
} ocf_kind;

/* `schema` is the JSON of a record. */
SLU_CHECK slu_status ocf_shape_new(slu_view schema, ocf_shape **out, slu_error *err);
void ocf_shape_free(ocf_shape **shape);

/* Decodes the next value of a block. A count that a block states is compared by the caller: decode until the bytes end. */
SLU_CHECK slu_status ocf_shape_decode(ocf_shape *shape, slu_cursor *values, slu_error *err);
/* Empties the value: every optional field must be set again, to a value or to null. */
void ocf_shape_reset(ocf_shape *shape);
/* Appends the value's encoding. */
SLU_CHECK slu_status ocf_shape_encode(ocf_shape *shape, slu_buf *out, slu_error *err);
ocf_value ocf_shape_value(ocf_shape *shape);

/* The field of a record by its field id; false when the schema has none or its value is null. */
bool ocf_field(ocf_value record, int32_t field_id, ocf_value *out);
/* By position, for a record whose fields the caller knows no ids of. Null gives false. */
bool ocf_field_at(ocf_value record, size_t index, ocf_value *out);
size_t ocf_count(ocf_value container); /* fields of a record, items of an array */
bool ocf_item(ocf_value array, size_t index, ocf_value *out);
ocf_kind ocf_value_kind(ocf_value value);

/* False when the value is of another kind. ocf_get_i64 takes int and long, ocf_get_double float and double, ocf_get_bytes
 * string, bytes and fixed. */
bool ocf_get_bool(ocf_value value, bool *out);
bool ocf_get_i64(ocf_value value, int64_t *out);
bool ocf_get_double(ocf_value value, double *out);
bool ocf_get_bytes(ocf_value value, slu_view *out);

/* Each sets a field of a record; the branch of an optional field is chosen by it. */
void ocf_set_null(ocf_value record, int32_t field_id);
void ocf_set_bool(ocf_value record, int32_t field_id, bool value);
void ocf_set_i64(ocf_value record, int32_t field_id, int64_t value);
void ocf_set_double(ocf_value record, int32_t field_id, double value);
void ocf_set_bytes(ocf_value record, int32_t field_id, slu_view value);
/* The record or array in a field, to be filled. */
ocf_value ocf_set_nested(ocf_value record, int32_t field_id);
/* A new item of an array of records. */
ocf_value ocf_append(ocf_value array);
void ocf_append_i64(ocf_value array, int64_t value);

#endif
