#include "iceberg/prune.h"

#include <math.h>

static bool
comparable(const iceberg_type *type, slu_view bytes)
{
    double real = 0;
    if (type->kind == ICEBERG_UUID || !iceberg_value_fits(type, bytes)) /* old writers ordered uuids as signed longs */
        return false;
    return !iceberg_value_double(type, bytes, &real) || !isnan(real);
}

bool
iceberg_prune_bounds(const iceberg_predicate *predicate, const iceberg_type *type, const slu_view *lower, const slu_view *upper,
                     int64_t null_count, int64_t value_count)
{
    if (predicate->compare == ICEBERG_IS_NULL)
        return null_count != 0;
    if (value_count >= 0 && null_count == value_count) /* all null: no comparison is true */
        return false;
    if (predicate->compare == ICEBERG_NOT_NULL || !comparable(type, predicate->value))
        return true;
    const bool has_lower = lower != NULL && comparable(type, *lower);
    const bool has_upper = upper != NULL && comparable(type, *upper);
    const int at_lower =
        has_lower ? iceberg_value_compare(type, predicate->value, *lower) : 1; /* the constant above what is least */
    const int at_upper = has_upper ? iceberg_value_compare(type, predicate->value, *upper) : -1;
    switch (predicate->compare) {
    case ICEBERG_EQUAL: return at_lower >= 0 && at_upper <= 0;
    case ICEBERG_LESS: return at_lower > 0;
    case ICEBERG_LESS_EQUAL: return at_lower >= 0;
    case ICEBERG_GREATER: return at_upper < 0;
    case ICEBERG_GREATER_EQUAL: return at_upper <= 0;
    default: return true;
    }
}

/* A predicate about a column, seen through a transform of it. False: nothing can be said. Equality goes through every transform;
 * ranges through those that keep the order, and then include the end. */
static bool
project(const iceberg_predicate *predicate, const iceberg_partition_field *field, const iceberg_type *source, iceberg_scalar *room,
        iceberg_predicate *out)
{
    iceberg_value value = iceberg_value_null();
    const uint8_t kind = field->transform.kind;
    *out = *predicate;
    if (kind == ICEBERG_TRANSFORM_UNKNOWN || kind == ICEBERG_TRANSFORM_VOID)
        return false;
    if (predicate->compare == ICEBERG_IS_NULL || predicate->compare == ICEBERG_NOT_NULL)
        return true;
    if (!iceberg_value_fits(source, predicate->value) || (kind == ICEBERG_TRANSFORM_BUCKET && predicate->compare != ICEBERG_EQUAL))
        return false;
    if (iceberg_transform_apply(&field->transform, source, iceberg_value_of(predicate->value), room, &value, NULL) != SLU_OK)
        return false;
    out->value = value.bytes;
    if (kind == ICEBERG_TRANSFORM_IDENTITY)
        return true;
    if (predicate->compare == ICEBERG_LESS)
        out->compare = ICEBERG_LESS_EQUAL;
    if (predicate->compare == ICEBERG_GREATER)
        out->compare = ICEBERG_GREATER_EQUAL;
    return true;
}

typedef bool (*field_test)(const void *of, uint32_t index, const iceberg_type *type, const iceberg_predicate *predicate);

static bool
fields_pass(const iceberg_scan_options *options, const iceberg_schema *schema, const iceberg_partition_spec *spec,
            const iceberg_type *types, const void *of, field_test test)
{
    for (size_t p = 0; p < options->predicate_count; p++) {
        const iceberg_field *column = iceberg_schema_field(schema, options->predicates[p].field_id);
        for (uint32_t i = 0; i < spec->field_count && column != NULL; i++) {
            iceberg_predicate projected;
            iceberg_scalar room;
            if (spec->fields[i].source_id == column->id &&
                project(&options->predicates[p], &spec->fields[i], &column->type, &room, &projected) &&
                !test(of, i, &types[i], &projected))
                return false;
        }
    }
    return true;
}

static bool
summary_test(const void *of, uint32_t index, const iceberg_type *type, const iceberg_predicate *predicate)
{
    const iceberg_manifest_file *listed = of;
    if (index >= listed->partition_count)
        return true;
    const iceberg_partition_summary *summary = &listed->partitions[index];
    if (predicate->compare == ICEBERG_IS_NULL)
        return summary->contains_null;
    return iceberg_prune_bounds(predicate, type, summary->lower.is_null ? NULL : &summary->lower.bytes,
                                summary->upper.is_null ? NULL : &summary->upper.bytes, ICEBERG_ABSENT, ICEBERG_ABSENT);
}

bool
iceberg_prune_manifest(const iceberg_scan_options *options, const iceberg_schema *schema, const iceberg_partition_spec *spec,
                       const iceberg_type *types, const iceberg_manifest_file *listed)
{
    return fields_pass(options, schema, spec, types, listed, summary_test);
}

static bool
tuple_test(const void *of, uint32_t index, const iceberg_type *type, const iceberg_predicate *predicate)
{
    const iceberg_value value = ((const iceberg_data_file *)of)->partition[index];
    if (value.is_null)
        return predicate->compare == ICEBERG_IS_NULL;
    return predicate->compare != ICEBERG_IS_NULL &&
           iceberg_prune_bounds(predicate, type, &value.bytes, &value.bytes, ICEBERG_ABSENT, ICEBERG_ABSENT);
}

static bool
column_pass(const iceberg_predicate *predicate, const iceberg_schema *schema, const iceberg_data_file *file)
{
    const iceberg_field *column = iceberg_schema_field(schema, predicate->field_id);
    for (uint32_t i = 0; i < file->column_count && column != NULL; i++) {
        const iceberg_column_metrics *metrics = &file->columns[i];
        if (metrics->field_id == predicate->field_id)
            return iceberg_prune_bounds(predicate, &column->type, metrics->has_lower ? &metrics->lower : NULL,
                                        metrics->has_upper ? &metrics->upper : NULL, metrics->null_count, metrics->value_count);
    }
    return true;
}

bool
iceberg_prune_file(const iceberg_scan_options *options, const iceberg_schema *schema, const iceberg_partition_spec *spec,
                   const iceberg_type *types, const iceberg_data_file *file)
{
    for (size_t p = 0; p < options->predicate_count; p++)
        if (!column_pass(&options->predicates[p], schema, file))
            return false;
    return fields_pass(options, schema, spec, types, file, tuple_test);
}
