/*
 * schema_rules.h: which descriptors may be: what Fluss's own classes refuse while they are read (types, names, ids, keys), and what
 * its coordinator refuses of columns and keys afterwards. The words are Fluss's, so that its clients' tests find them.
 *
 * Source   Apache Fluss 0.9.1: DataTypeJsonSerde and the types, SchemaJsonSerde, Schema, TableDescriptor, TableDescriptorValidation;
 *          recorded answers of a real cluster: tests/golden/fluss/ddl.
 * Errors   INVALID with code 15 (the caller of fluss_type_rules gives its own).
 * Threads  any.
 */
#ifndef FLUSS_SERVER_SCHEMA_RULES_H
#define FLUSS_SERVER_SCHEMA_RULES_H

#include "fluss/record/descriptor.h"

/* A table's JSON, before it is decoded. What is no JSON at all passes: the decoder says it better. */
SLU_CHECK slu_status fluss_descriptor_rules(slu_view json, slu_error *err);
/* A data type's JSON. */
SLU_CHECK slu_status fluss_type_rules(slu_view json, slu_error *err);
/* "Field names must contain at least one non-whitespace character.": is this one of these? */
bool fluss_name_is_blank(const char *name);

/* Bucket and partition keys against columns and primary key; fills in the bucket key of a primary-key table that names none. */
SLU_CHECK slu_status fluss_key_rules(fluss_descriptor *d, slu_arena *arena, slu_error *err);
/* Types of keys; those of partition keys are apart, since other checks come between. */
SLU_CHECK slu_status fluss_key_type_rules(const fluss_descriptor *d, slu_error *err);
SLU_CHECK slu_status fluss_partition_type_rules(const fluss_descriptor *d, slu_error *err);
/* Names that Fluss keeps for itself. */
SLU_CHECK slu_status fluss_column_name_rules(const fluss_schema *schema, slu_error *err);

#endif
