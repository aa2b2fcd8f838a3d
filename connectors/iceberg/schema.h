/*
 * schema.h: Iceberg's types and table schemas, between JSON, Arrow and C values.
 *
 * Source   Iceberg table specification, "Schemas and Data Types", Appendix C "Schemas".
 * Shape    a type is a kind with its numbers, and for nested kinds its fields: a struct's own, a list's element, a map's key and
 *          value. Every field has an id that never changes; a schema is a struct with a schema id.
 * Owns     everything lives in the arena given to the maker.
 * Threads  any may read.
 * Errors   CORRUPT: JSON that is no schema; UNSUPPORTED: a type we do not have; LIMIT: too many columns or levels.
 * Limits   SLU_COLUMNS_MAX fields in one struct, ICEBERG_FIELDS_MAX in a schema, SLU_NESTING_MAX levels.
 */
#ifndef ICEBERG_SCHEMA_H
#define ICEBERG_SCHEMA_H

#include "base/arena.h"
#include "base/bytes.h"

#include <sluice/arrow.h>

#define ICEBERG_FIELDS_MAX 16384

/* The primitive kinds have the numbers of PARQUET_KIND_*, so that they convert by assignment. */
#define ICEBERG_BOOLEAN 1
#define ICEBERG_INT 2
#define ICEBERG_LONG 3
#define ICEBERG_FLOAT 4
#define ICEBERG_DOUBLE 5
#define ICEBERG_DECIMAL 6
#define ICEBERG_DATE 7
#define ICEBERG_TIME 8
#define ICEBERG_TIMESTAMP 9
#define ICEBERG_TIMESTAMPTZ 10
#define ICEBERG_TIMESTAMP_NS 11
#define ICEBERG_TIMESTAMPTZ_NS 12
#define ICEBERG_STRING 13
#define ICEBERG_UUID 14
#define ICEBERG_FIXED 15
#define ICEBERG_BINARY 16
#define ICEBERG_UNKNOWN 17 /* v3: always null, never stored; also what we cannot read (variant, geometry) */
#define ICEBERG_STRUCT 20
#define ICEBERG_LIST 21
#define ICEBERG_MAP 22

typedef struct iceberg_field iceberg_field;

typedef struct iceberg_type {
    uint8_t kind;
    int32_t precision; /* DECIMAL */
    int32_t scale;     /* DECIMAL */
    int32_t length;    /* FIXED: bytes */
    uint32_t field_count;
    iceberg_field *fields; /* STRUCT: its own; LIST: the element; MAP: key, value */
} iceberg_type;

struct iceberg_field {
    int32_t id;
    bool required;
    bool has_default;         /* v3 initial-default: a file without the column does not hold nulls */
    bool default_known;       /* it is understood: */
    slu_view initial_default; /* in single-value form */
    const char *name;
    const char *doc; /* NULL: none */
    iceberg_type type;
};

typedef struct iceberg_schema {
    int32_t schema_id;
    iceberg_type root; /* STRUCT */
    int32_t *identifier_ids;
    uint32_t identifier_count;
} iceberg_schema;

SLU_CHECK slu_status iceberg_schema_parse(slu_view json, slu_arena *arena, iceberg_schema *out, slu_error *err);
void iceberg_schema_print(const iceberg_schema *schema, slu_buf *out);

/* From the Arrow struct schema of a batch, with fresh ids in Iceberg's order (a level first, then what is below it). Nullable is
 * optional. Small integers become int, seconds and milliseconds microseconds, nanoseconds microseconds as well (format 2). */
SLU_CHECK slu_status iceberg_schema_of_arrow(const struct ArrowSchema *arrow, slu_arena *arena, iceberg_schema *out,
                                             slu_error *err);
/* The Arrow struct schema of what a reader gives; with Parquet's PARQUET:field_id metadata. The receiver releases it. */
SLU_CHECK slu_status iceberg_schema_to_arrow(const iceberg_schema *schema, struct ArrowSchema *out, slu_error *err);
/* One field of it; *out is released by the receiver, also after NOMEM. */
SLU_CHECK slu_status iceberg_field_to_arrow(const iceberg_field *field, struct ArrowSchema *out);
/* One primitive type's Arrow format string, into `out` of at least 32 bytes. */
void iceberg_type_format(const iceberg_type *type, char *out, size_t out_bytes);

/* Anywhere in the schema; NULL: none. */
const iceberg_field *iceberg_schema_field(const iceberg_schema *schema, int32_t id);
/* A top-level column by its name; NULL: none. */
const iceberg_field *iceberg_schema_column(const iceberg_schema *schema, const char *name);
int32_t iceberg_schema_max_id(const iceberg_schema *schema);
/* Same names, order, types, nullability and identifier names; ids and documentation are not compared. */
bool iceberg_schema_same(const iceberg_schema *a, const iceberg_schema *b);
bool iceberg_type_same(const iceberg_type *a, const iceberg_type *b);
/* "decimal(10, 2)", "long", "list<int>": for messages and JSON (primitives only). */
void iceberg_type_print(const iceberg_type *type, slu_buf *out);

#endif
