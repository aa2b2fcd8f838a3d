/*
 * aggregate.h: the aggregate functions of the aggregation merge engine.
 *
 *   sum, product            numbers; whole ones wrap as Java's do; a decimal that outgrows its precision becomes null
 *   max, min                numbers, text, dates and times; -0.0 is below 0.0 and NaN above all
 *   last_value              the new value, null too          last_value_ignore_nulls (the default)   the new one unless it is null
 *   first_value, first_value_ignore_nulls    the old one unless it is null (Fluss 0.9 makes no difference between them)
 *   listagg, string_agg     old, delimiter (","), new        bool_and, bool_or
 *   rbm32, rbm64            the union of two roaring bitmaps
 *
 * Where a function says nothing else, null and a value give the value.
 *
 * Source   Apache Fluss 0.9.1 (AggFunctionType, FieldAggregator and its kinds).
 * Threads  any.
 * Errors   parse and check: INVALID with Fluss's texts. apply: CORRUPT: bytes that are not of the type, or not a bitmap; INVALID (-1):
 *          listagg on CHAR, which may be declared and then fails on its first use, as in Fluss. UNSUPPORTED: rbm64.
 */
#ifndef FLUSS_MERGE_AGGREGATE_H
#define FLUSS_MERGE_AGGREGATE_H

#include "base/arena.h"
#include "fluss/record/schema.h"

typedef enum fluss_agg_function {
    FLUSS_AGG_SUM,
    FLUSS_AGG_PRODUCT,
    FLUSS_AGG_MAX,
    FLUSS_AGG_MIN,
    FLUSS_AGG_LAST_VALUE,
    FLUSS_AGG_LAST_VALUE_IGNORE_NULLS,
    FLUSS_AGG_FIRST_VALUE,
    FLUSS_AGG_FIRST_VALUE_IGNORE_NULLS,
    FLUSS_AGG_LISTAGG,
    FLUSS_AGG_STRING_AGG,
    FLUSS_AGG_BOOL_AND,
    FLUSS_AGG_BOOL_OR,
    FLUSS_AGG_RBM32,
    FLUSS_AGG_RBM64,
} fluss_agg_function;

typedef struct fluss_aggregate {
    fluss_agg_function function;
    const char *delimiter; /* in the arena */
} fluss_aggregate;

/* What a column says of itself, or the default; a name that is none counts as not said. */
SLU_CHECK slu_status fluss_aggregate_of(const fluss_column *column, slu_arena *arena, fluss_aggregate *out, slu_error *err);
/* May this column have the function that it names? */
SLU_CHECK slu_status fluss_aggregate_check(const fluss_column *column, slu_arena *arena, slu_error *err);
/* The name as SQL and JSON write it. False: there is no such function. */
bool fluss_aggregate_find(const char *name, fluss_agg_function *out);
const char *fluss_aggregate_name(fluss_agg_function function);

/* Appends the value of old and new (cells of a row of `format`) to out, or says that it is null. */
SLU_CHECK slu_status fluss_aggregate_apply(const fluss_aggregate *aggregate, uint8_t format, const fluss_type *type,
                                           slu_view old_cell, slu_view new_cell, slu_buf *out, bool *out_null, slu_error *err);

#endif
