#include "fluss/server/row_splice.h"

#include "base/cursor.h"

/* A walk over the values of one compacted row. */
typedef struct splice_walk {
    slu_view row;
    size_t columns;
    slu_cursor values;
} splice_walk;

static splice_walk
walk_begin(const fluss_splice_row *from)
{
    splice_walk walk = {from->row, from->row.data == NULL ? 0 : from->columns, slu_cursor_of_view(from->row)};
    slu_cursor_skip(&walk.values, (walk.columns + 7) / 8);
    return walk;
}

static void
walk_skip_value(slu_cursor *c, const fluss_type *type)
{
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN:
    case FLUSS_TYPE_TINYINT: slu_cursor_skip(c, 1); return;
    case FLUSS_TYPE_SMALLINT: slu_cursor_skip(c, 2); return;
    case FLUSS_TYPE_FLOAT: slu_cursor_skip(c, 4); return;
    case FLUSS_TYPE_DOUBLE: slu_cursor_skip(c, 8); return;
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_DATE:
    case FLUSS_TYPE_TIME:
    case FLUSS_TYPE_BIGINT: (void)slu_cursor_varint(c); return;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ:
        (void)slu_cursor_varint(c);
        if (type->precision > 3)
            (void)slu_cursor_varint(c);
        return;
    case FLUSS_TYPE_DECIMAL:
        if (type->precision <= 18) {
            (void)slu_cursor_varint(c);
            return;
        }
        break;
    default: break;
    }
    const uint64_t bytes = slu_cursor_varint(c);
    slu_cursor_skip(c, slu_cursor_count(c, bytes, 1));
}

/* The bytes of the next column's value; no data: null. */
static slu_view
walk_next(splice_walk *walk, size_t column, const fluss_type *type)
{
    const slu_view null = {0};
    if (column >= walk->columns || !slu_cursor_ok(&walk->values) || (walk->row.data[column / 8] >> (column % 8) & 1) != 0)
        return null;
    const uint8_t *start = walk->values.at;
    walk_skip_value(&walk->values, type);
    return slu_cursor_ok(&walk->values) ? slu_view_of(start, (size_t)(walk->values.at - start)) : null;
}

static bool
walk_is_good(const splice_walk *walk)
{
    return slu_cursor_ok(&walk->values) && slu_cursor_left(&walk->values) == 0;
}

static bool
splice_targets(const fluss_splice *splice, size_t column)
{
    for (size_t i = 0; i < splice->target_count; i++)
        if (splice->target_columns[i] == (int32_t)column)
            return true;
    return false;
}

static bool
splice_is_key(const fluss_splice *splice, size_t column)
{
    for (size_t i = 0; i < splice->schema->primary_key_count; i++)
        if (splice->schema->primary_key[i] == (int32_t)column)
            return true;
    return false;
}

slu_status
fluss_row_splice(const fluss_splice *splice, slu_buf *out, bool *out_empty, slu_error *err)
{
    const bool deletes = splice->new_row.row.data == NULL;
    const size_t columns = splice->schema->column_count;
    const size_t bits_at = out->bytes;
    splice_walk old_walk = walk_begin(&splice->old_row);
    splice_walk new_walk = walk_begin(&splice->new_row);
    *out_empty = true;
    slu_buf_zero(out, (columns + 7) / 8);
    for (size_t c = 0; c < columns; c++) {
        const fluss_type *type = &splice->schema->columns[c].type;
        const slu_view old_value = walk_next(&old_walk, c, type);
        const slu_view new_value = walk_next(&new_walk, c, type);
        const bool targeted = splice_targets(splice, c);
        const bool key = splice_is_key(splice, c);
        const slu_view value = targeted && !(deletes && key) ? new_value : old_value;
        if (value.data != NULL && !targeted && !key)
            *out_empty = false;
        if (value.data == NULL && out->failed == SLU_OK)
            out->data[bits_at + c / 8] |= (uint8_t)(1U << (c % 8));
        slu_buf_append(out, value.data, value.bytes);
    }
    if (!walk_is_good(&old_walk) || !walk_is_good(&new_walk))
        return slu_error_set(err, SLU_CORRUPT, "a compacted row that is not of its schema");
    return slu_buf_status(out, err);
}

slu_status
fluss_row_get_number(const fluss_schema *schema, const fluss_splice_row *row, size_t column, fluss_row_number *out, slu_error *err)
{
    splice_walk walk = walk_begin(row);
    slu_view value = {0};
    for (size_t c = 0; c <= column && c < schema->column_count; c++)
        value = walk_next(&walk, c, &schema->columns[c].type);
    if (!slu_cursor_ok(&walk.values))
        return slu_error_set(err, SLU_CORRUPT, "a compacted row that is not of its schema");
    slu_cursor c = slu_cursor_of_view(value);
    const fluss_type *type = &schema->columns[column].type;
    const bool timestamp = type->id == FLUSS_TYPE_TIMESTAMP || type->id == FLUSS_TYPE_TIMESTAMP_LTZ;
    out->null = value.data == NULL;
    out->value = out->null ? 0 : (int64_t)slu_cursor_varint(&c);
    if (type->id == FLUSS_TYPE_INTEGER)
        out->value = (int32_t)(uint32_t)out->value;
    out->nanos = !out->null && timestamp && type->precision > 3 ? (int32_t)slu_cursor_varint(&c) : 0;
    return SLU_OK;
}
