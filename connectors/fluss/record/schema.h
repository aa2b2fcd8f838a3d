/*
 * schema.h: Fluss's data types and columns, as structs, as JSON and as Arrow formats.
 *
 * Source   Apache Fluss 0.9 (DataTypeJsonSerde, SchemaJsonSerde): column ids and nested field ids are there or absent (-1) together.
 * Shape    plain structs whose parts live in the arena they were made in; one shape for client and server.
 * Owns     the arena. An ArrowSchema made here owns itself (slu_schema_release).
 * Threads  any for reading.
 * Errors   CORRUPT: not such a JSON. INVALID: a type with impossible parameters. UNSUPPORTED: a type name of a later release.
 *          LIMIT: SLU_COLUMNS_MAX columns, SLU_NESTING_MAX levels, FLUSS_JSON_BYTES_MAX bytes.
 */
#ifndef FLUSS_RECORD_SCHEMA_H
#define FLUSS_RECORD_SCHEMA_H

#include "base/arena.h"
#include "base/bytes.h"

#include <sluice/columns.h>

#define FLUSS_JSON_BYTES_MAX ((size_t)4 << 20)

#define FLUSS_TYPE_BOOLEAN 1
#define FLUSS_TYPE_TINYINT 2
#define FLUSS_TYPE_SMALLINT 3
#define FLUSS_TYPE_INTEGER 4
#define FLUSS_TYPE_BIGINT 5
#define FLUSS_TYPE_FLOAT 6
#define FLUSS_TYPE_DOUBLE 7
#define FLUSS_TYPE_CHAR 8
#define FLUSS_TYPE_STRING 9
#define FLUSS_TYPE_BINARY 10
#define FLUSS_TYPE_BYTES 11
#define FLUSS_TYPE_DECIMAL 12
#define FLUSS_TYPE_DATE 13
#define FLUSS_TYPE_TIME 14
#define FLUSS_TYPE_TIMESTAMP 15
#define FLUSS_TYPE_TIMESTAMP_LTZ 16
#define FLUSS_TYPE_ARRAY 17
#define FLUSS_TYPE_MAP 18
#define FLUSS_TYPE_ROW 19

typedef struct fluss_column fluss_column;

typedef struct fluss_type {
    uint8_t id; /* FLUSS_TYPE_ */
    bool nullable;
    int32_t length;    /* CHAR, BINARY */
    int32_t precision; /* DECIMAL, TIME, TIMESTAMP, TIMESTAMP_LTZ */
    int32_t scale;     /* DECIMAL */
    uint32_t child_count;
    fluss_column *children; /* ARRAY: element; MAP: key, value; ROW: fields */
} fluss_type;

/* A column of a table, a field of a ROW, or (unnamed, without id) an element. */
struct fluss_column {
    const char *name;
    fluss_type type;
    const char *comment;      /* NULL: none */
    const char *agg_function; /* its JSON text as it came; NULL: none */
    int32_t id;               /* -1: none */
};

typedef struct fluss_schema {
    fluss_column *columns;
    size_t column_count;
    int32_t *primary_key; /* positions in columns, in declared order */
    size_t primary_key_count;
    const char *auto_increment_column; /* NULL: none */
    int32_t highest_field_id;          /* -1: ids are absent */
} fluss_schema;

/* JSON. decode writes *out only on success; encode appends (a failure shows in the buffer's status, or is returned). */
SLU_CHECK slu_status fluss_schema_decode(slu_view json, slu_arena *arena, fluss_schema *out, slu_error *err);
SLU_CHECK slu_status fluss_schema_encode(const fluss_schema *schema, slu_buf *out, slu_error *err);
SLU_CHECK slu_status fluss_type_decode(slu_view json, slu_arena *arena, fluss_type *out, slu_error *err);
SLU_CHECK slu_status fluss_type_encode(const fluss_type *type, slu_buf *out, slu_error *err);

/* Numbers columns and nested fields in pre-order from 0, as a fresh Fluss schema is, unless they have ids, which are kept; and makes
 * primary key columns NOT NULL. */
void fluss_schema_normalize(fluss_schema *schema);
/* Numbers a new column and the fields within its type, in pre-order behind *highest, which moves on. */
void fluss_column_number(fluss_column *column, int32_t *highest);
/* Are the first columns of the one, by type, all those of the other? */
bool fluss_schema_begins(const fluss_schema *later, const fluss_schema *with);
/* -1: no such column. */
int32_t fluss_schema_find(const fluss_schema *schema, const char *name);

/* "DECIMAL(10, 2) NOT NULL", as Fluss prints it. */
void fluss_type_print(const fluss_type *type, slu_buf *out);

/* The columns as an Arrow struct ("+s"). */
SLU_CHECK slu_status fluss_schema_to_arrow(const fluss_schema *schema, struct ArrowSchema *out, slu_error *err);
SLU_CHECK slu_status fluss_type_to_arrow(const fluss_type *type, const char *name, struct ArrowSchema *out, slu_error *err);
/* A schema without keys and ids for an Arrow struct; "u" is STRING, "z" BYTES. */
SLU_CHECK slu_status fluss_schema_from_arrow(const struct ArrowSchema *arrow, slu_arena *arena, fluss_schema *out, slu_error *err);

#endif
