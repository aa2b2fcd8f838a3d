#include "iceberg/parquet_columns.h"

slu_status
iceberg_parquet_column(const iceberg_field *field, slu_arena *arena, parquet_column *out, slu_error *err)
{
    const iceberg_type *type = &field->type;
    if (type->kind == ICEBERG_UNKNOWN)
        return slu_error_set(err, SLU_UNSUPPORTED, "column \"%s\" has a type that no Parquet column is made of", field->name);
    *out = (parquet_column){.name = field->name,
                            .field_id = field->id,
                            .kind = type->kind,
                            .required = field->required,
                            .precision = type->precision,
                            .scale = type->scale,
                            .length = type->length,
                            .field_count = type->field_count};
    if (type->field_count == 0)
        return SLU_OK;
    parquet_column *fields = slu_arena_array(arena, type->field_count, sizeof *fields);
    SLU_TRY(slu_arena_status(arena, err));
    for (uint32_t i = 0; i < type->field_count; i++)
        SLU_TRY(iceberg_parquet_column(&type->fields[i], arena, &fields[i], err));
    out->fields = fields;
    return SLU_OK;
}

slu_status
iceberg_parquet_want(const iceberg_field *field, slu_arena *arena, parquet_want *out, slu_error *err)
{
    *out = (parquet_want){.field_id = field->id, .name = field->name, .optional = true};
    return iceberg_parquet_column(field, arena, &out->column, err);
}
