/* row.c: rows in both formats. Values are value.c's; here are null bits, length slots, and the order of things. */
#include "row.h"

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "nested.h"

/* ---- From columns ---- */

slu_status
fluss_row_columns_init(fluss_row_columns *columns, const fluss_schema *schema, const struct ArrowSchema *batch,
                       const struct ArrowArray *array, slu_arena *arena, slu_error *err)
{
    columns->schema = schema;
    columns->fields = slu_arena_array(arena, schema->column_count + 1, sizeof *columns->fields);
    SLU_TRY(slu_arena_status(arena, err));
    for (size_t i = 0; i < schema->column_count; i++) {
        const fluss_column *column = &schema->columns[i];
        const int64_t at = slu_schema_find(batch, column->name);
        columns->fields[i].type = &column->type;
        columns->fields[i].name = column->name;
        if (at >= 0)
            SLU_TRY(value_view_init(&columns->fields[i], &column->type, column->name, batch->children[at], array->children[at],
                                    array->offset, array->length, arena, err));
    }
    return SLU_OK;
}

/* Appends the null bits. INVALID when a NOT NULL column is null or missing. */
static slu_status
put_null_bits(const value_view *fields, size_t count, int64_t row, slu_buf *out, slu_error *err)
{
    const size_t at = out->bytes;
    slu_buf_zero(out, (count + 7) / 8);
    SLU_TRY(slu_buf_status(out, err));
    for (size_t i = 0; i < count; i++) {
        if (value_view_has(&fields[i], row))
            continue;
        if (!fields[i].type->nullable)
            return slu_error_set(err, SLU_INVALID, "column %s is NOT NULL and row %lld has no value for it", fields[i].name,
                                 (long long)row);
        slu_bit_set(out->data + at, (int64_t)i);
    }
    return SLU_OK;
}

/* A nested value with its size before it, which is known only afterwards. */
static slu_status
compacted_put_nested(const value_view *field, int64_t row, slu_buf *out, slu_error *err)
{
    const size_t start = out->bytes;
    SLU_TRY(nested_put(FLUSS_ROW_COMPACTED, field, row, out, err));
    const size_t bytes = out->bytes - start;
    slu_buf_varint(out, bytes);
    SLU_TRY(slu_buf_status(out, err));
    uint8_t size[10];
    const size_t size_bytes = out->bytes - start - bytes;
    memcpy(size, out->data + start + bytes, size_bytes);
    memmove(out->data + start + size_bytes, out->data + start, bytes);
    memcpy(out->data + start, size, size_bytes);
    return SLU_OK;
}

static slu_status
compacted_encode(const value_view *fields, size_t count, int64_t row, slu_buf *out, slu_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const value_view *field = &fields[i];
        if (value_view_has(field, row))
            SLU_TRY_IN(field->children != NULL ? compacted_put_nested(field, row, out, err)
                                               : value_put_compacted(field->type, &field->column, row, out, err),
                       err, "column %s", field->name);
    }
    return SLU_OK;
}

/* Whether a type has a length slot in an IndexedRow. */
static bool
is_variable(const fluss_type *type)
{
    return type->id == FLUSS_TYPE_STRING || type->id == FLUSS_TYPE_BYTES || type->id >= FLUSS_TYPE_ARRAY ||
           (type->id == FLUSS_TYPE_DECIMAL && type->precision > FLUSS_DECIMAL_COMPACT);
}

static void
indexed_put_timestamp(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out)
{
    int32_t nanos;
    slu_buf_u64le(out, (uint64_t)value_timestamp_ms(column, row, &nanos));
    if (type->precision > FLUSS_TIMESTAMP_COMPACT)
        slu_buf_u32le(out, (uint32_t)nanos);
}

/* CHAR and BINARY: exactly `length` bytes; INVALID where the value is longer. */
static slu_status
indexed_put_bytes(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out, slu_error *err)
{
    int32_t bytes;
    const uint8_t *data = slu_column_bytes(column, row, &bytes);
    const bool fixed = type->id == FLUSS_TYPE_CHAR || type->id == FLUSS_TYPE_BINARY;
    if (fixed && bytes > type->length)
        return slu_error_set(err, SLU_INVALID, "a value of %d bytes does not fit CHAR or BINARY(%d)", bytes, type->length);
    slu_buf_append(out, data, (size_t)bytes);
    if (fixed)
        slu_buf_zero(out, (size_t)(type->length - bytes));
    return SLU_OK;
}

static slu_status
indexed_put(const fluss_type *type, const slu_column *column, int64_t row, slu_buf *out, slu_error *err)
{
    uint8_t bytes[16];
    switch (type->id) {
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_DATE: slu_buf_u32le(out, (uint32_t)slu_column_i32s(column)[row]); return SLU_OK;
    case FLUSS_TYPE_TIME: slu_buf_u32le(out, (uint32_t)value_time_ms(column, row)); return SLU_OK;
    case FLUSS_TYPE_BIGINT: slu_buf_u64le(out, (uint64_t)slu_column_i64s(column)[row]); return SLU_OK;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: indexed_put_timestamp(type, column, row, out); return SLU_OK;
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING:
    case FLUSS_TYPE_BINARY:
    case FLUSS_TYPE_BYTES: return indexed_put_bytes(type, column, row, out, err);
    case FLUSS_TYPE_DECIMAL:
        if (type->precision <= FLUSS_DECIMAL_COMPACT)
            slu_buf_u64le(out, (uint64_t)(int64_t)slu_column_decimals(column)[row]);
        else
            slu_buf_append(out, bytes, value_decimal_bytes(slu_column_decimals(column)[row], bytes));
        return SLU_OK;
    default: return value_put_compacted(type, column, row, out, err); /* the same fixed bytes */
    }
}

static slu_status
indexed_encode(const value_view *fields, size_t count, int64_t row, slu_buf *out, slu_error *err)
{
    size_t slot = out->bytes;
    size_t variable = 0;
    for (size_t i = 0; i < count; i++)
        variable += is_variable(fields[i].type);
    slu_buf_zero(out, 4 * variable);
    for (size_t i = 0; i < count; i++) {
        const value_view *field = &fields[i];
        const size_t start = out->bytes;
        if (!value_view_has(field, row))
            continue;
        SLU_TRY_IN(field->children != NULL ? nested_put(FLUSS_ROW_INDEXED, field, row, out, err)
                                           : indexed_put(field->type, &field->column, row, out, err),
                   err, "column %s", field->name);
        SLU_TRY(slu_buf_status(out, err));
        if (is_variable(field->type)) {
            slu_buf_patch_u32le(out, slot, (uint32_t)(out->bytes - start));
            slot += 4;
        }
    }
    return SLU_OK;
}

slu_status
row_put(uint8_t format, const value_view *fields, size_t count, int64_t row, slu_buf *out, slu_error *err)
{
    SLU_TRY(put_null_bits(fields, count, row, out, err));
    SLU_TRY(format == FLUSS_ROW_INDEXED ? indexed_encode(fields, count, row, out, err)
                                        : compacted_encode(fields, count, row, out, err));
    return slu_buf_status(out, err);
}

slu_status
fluss_row_encode(const fluss_row_columns *columns, uint8_t format, int64_t row, slu_buf *out, slu_error *err)
{
    return row_put(format, columns->fields, columns->schema->column_count, row, out, err);
}

/* ---- To columns ---- */

struct fluss_rows {
    const fluss_schema *schema;
    value_builder *builders;
    int64_t rows;
    bool spoilt;
};

static slu_status
builders_init(fluss_rows *rows, slu_error *err)
{
    for (size_t i = 0; i < rows->schema->column_count; i++)
        SLU_TRY(value_builder_init(&rows->builders[i], &rows->schema->columns[i].type, rows->schema->columns[i].name, err));
    return SLU_OK;
}

slu_status
fluss_rows_new(const fluss_schema *schema, fluss_rows **out, slu_error *err)
{
    fluss_rows *rows = slu_alloc_zero(1, sizeof *rows);
    if (rows == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for rows");
    rows->schema = schema;
    rows->builders = slu_alloc_zero(schema->column_count + 1, sizeof *rows->builders);
    const slu_status status =
        rows->builders == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for rows") : builders_init(rows, err);
    if (status != SLU_OK) {
        fluss_rows_free(&rows);
        return status;
    }
    *out = rows;
    return SLU_OK;
}

void
fluss_rows_free(fluss_rows **rows)
{
    fluss_rows *mine = slu_take(rows);
    if (mine == NULL)
        return;
    for (size_t i = 0; mine->builders != NULL && i < mine->schema->column_count; i++)
        if (mine->builders[i].type != NULL)
            value_builder_fini(&mine->builders[i]);
    slu_free(mine->builders);
    slu_free(mine);
}

static bool
compacted_get_nested(const fluss_type *type, slu_cursor *c, value_builder *builder, size_t *budget)
{
    const slu_view bytes = slu_cursor_view(c, slu_cursor_varint(c));
    return slu_cursor_ok(c) && nested_get(FLUSS_ROW_COMPACTED, type, bytes, builder, budget);
}

static void
compacted_decode(const fluss_column *fields, size_t count, const uint8_t *nulls, slu_cursor *c, value_builder *builders,
                 size_t built, size_t *budget)
{
    for (size_t i = 0; i < count; i++) {
        value_builder *builder = i >= built ? NULL : &builders[i];
        if (slu_bit(nulls, (int64_t)i)) {
            if (builder != NULL)
                value_builder_null(builder);
        } else if (fields[i].type.id < FLUSS_TYPE_ARRAY) {
            value_get_compacted(&fields[i].type, c, builder == NULL ? NULL : &builder->flat);
        } else if (!compacted_get_nested(&fields[i].type, c, builder, budget)) {
            slu_cursor_fail(c);
        }
    }
}

static bool
indexed_get_variable(const fluss_type *type, slu_view bytes, sdk_builder *builder)
{
    slu_i128_natural decimal;
    if (type->id != FLUSS_TYPE_DECIMAL)
        return value_add_bytes(type, bytes, builder);
    return value_decimal_from_bytes(bytes, &decimal) && value_add_decimal(type, decimal, builder);
}

static bool
indexed_get_padded(const fluss_type *type, slu_cursor *c, sdk_builder *builder)
{
    slu_view bytes = slu_cursor_view(c, (size_t)type->length);
    while (type->id == FLUSS_TYPE_CHAR && bytes.bytes > 0 && bytes.data[bytes.bytes - 1] == 0)
        bytes.bytes--;
    return slu_cursor_ok(c) && value_add_bytes(type, bytes, builder);
}

static bool
indexed_get_timestamp(const fluss_type *type, slu_cursor *c, sdk_builder *builder)
{
    const int64_t ms = (int64_t)slu_cursor_u64le(c);
    const int32_t nanos = type->precision > FLUSS_TIMESTAMP_COMPACT ? (int32_t)slu_cursor_u32le(c) : 0;
    return slu_cursor_ok(c) && value_add_timestamp(ms, nanos, builder);
}

static bool
indexed_get_fixed(const fluss_type *type, slu_cursor *c, sdk_builder *builder)
{
    int64_t value;
    switch (type->id) {
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_BINARY: return indexed_get_padded(type, c, builder);
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: return indexed_get_timestamp(type, c, builder);
    case FLUSS_TYPE_DECIMAL:
        value = (int64_t)slu_cursor_u64le(c);
        return slu_cursor_ok(c) && value_add_decimal(type, value, builder);
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_DATE:
    case FLUSS_TYPE_TIME:
        value = (int32_t)slu_cursor_u32le(c);
        if (type->id == FLUSS_TYPE_TIME && builder != NULL)
            value = value_time_from_ms(builder->type, (int32_t)value);
        break;
    case FLUSS_TYPE_BIGINT: value = (int64_t)slu_cursor_u64le(c); break;
    default: value_get_compacted(type, c, builder); return slu_cursor_ok(c); /* the same bytes */
    }
    if (slu_cursor_ok(c))
        value_add_int(value, builder);
    return slu_cursor_ok(c);
}

static bool
indexed_get(const fluss_type *type, slu_cursor *lengths, slu_cursor *c, value_builder *builder, size_t *budget)
{
    sdk_builder *flat = builder == NULL ? NULL : &builder->flat;
    if (!is_variable(type))
        return indexed_get_fixed(type, c, flat);
    const slu_view bytes = slu_cursor_view(c, slu_cursor_u32le(lengths));
    if (!slu_cursor_ok(lengths) || !slu_cursor_ok(c))
        return false;
    return type->id >= FLUSS_TYPE_ARRAY ? nested_get(FLUSS_ROW_INDEXED, type, bytes, builder, budget)
                                        : indexed_get_variable(type, bytes, flat);
}

static void
indexed_decode(const fluss_column *fields, size_t count, const uint8_t *nulls, slu_cursor *c, value_builder *builders, size_t built,
               size_t *budget)
{
    size_t variable = 0;
    for (size_t i = 0; i < count; i++)
        variable += is_variable(&fields[i].type);
    slu_cursor lengths = slu_cursor_sub(c, 4 * variable);
    for (size_t i = 0; i < count; i++) {
        value_builder *builder = i >= built ? NULL : &builders[i];
        if (!slu_bit(nulls, (int64_t)i)) {
            if (!indexed_get(&fields[i].type, &lengths, c, builder, budget))
                slu_cursor_fail(c);
        } else if (builder != NULL) {
            value_builder_null(builder);
        }
    }
}

/* How often the bytes of a row may be visited: once a level, and once more for what is passed over. */
#define ROW_VISITS (SLU_NESTING_MAX + 2)

/* The first `built` columns go into builders, the others are only checked. */
static slu_cursor
row_walk(uint8_t format, const fluss_column *fields, size_t count, slu_view row, value_builder *builders, size_t built,
         size_t *budget)
{
    slu_cursor c = slu_cursor_of_view(row);
    const uint8_t *nulls = slu_cursor_bytes(&c, (count + 7) / 8);
    if (nulls == NULL)
        slu_cursor_fail(&c);
    else if (format == FLUSS_ROW_INDEXED)
        indexed_decode(fields, count, nulls, &c, builders, built, budget);
    else
        compacted_decode(fields, count, nulls, &c, builders, built, budget);
    return c;
}

bool
row_get(uint8_t format, const fluss_column *fields, size_t count, slu_view row, value_builder *builders, size_t *budget)
{
    const slu_cursor c = row_walk(format, fields, count, row, builders, builders == NULL ? 0 : count, budget);
    return slu_cursor_ok(&c) && slu_cursor_left(&c) == 0;
}

static slu_status
row_decode(const fluss_schema *schema, uint8_t format, slu_view row, size_t columns, value_builder *builders, size_t built,
           slu_error *err)
{
    size_t budget = row.bytes * ROW_VISITS;
    const slu_cursor c = row_walk(format, schema->columns, columns, row, builders, built, &budget);
    if (!slu_cursor_ok(&c))
        return slu_error_set(err, SLU_CORRUPT, "a row of %zu bytes does not hold its %zu columns", row.bytes, columns);
    if (slu_cursor_left(&c) != 0)
        return slu_error_set(err, SLU_CORRUPT, "a row of %zu bytes has %zu too many", row.bytes, slu_cursor_left(&c));
    return SLU_OK;
}

slu_status
fluss_row_verify(const fluss_schema *schema, uint8_t format, slu_view row, slu_error *err)
{
    return row_decode(schema, format, row, schema->column_count, NULL, 0, err);
}

static slu_status
rows_append(fluss_rows *rows, uint8_t format, slu_view row, const fluss_schema *written, size_t columns, slu_error *err)
{
    const size_t built = SLU_MIN(columns, rows->schema->column_count);
    const slu_status status = row_decode(written, format, row, columns, rows->builders, built, err);
    if (status != SLU_OK) {
        rows->spoilt = true;
        return status;
    }
    for (size_t i = built; i < rows->schema->column_count; i++)
        value_builder_null(&rows->builders[i]);
    rows->rows++;
    return SLU_OK;
}

slu_status
fluss_rows_append(fluss_rows *rows, uint8_t format, slu_view row, size_t written_columns, slu_error *err)
{
    if (written_columns > rows->schema->column_count)
        return slu_error_set(err, SLU_INVALID, "a row of %zu columns for a schema of %zu", written_columns,
                             rows->schema->column_count);
    return rows_append(rows, format, row, rows->schema, written_columns, err);
}

slu_status
fluss_rows_append_later(fluss_rows *rows, uint8_t format, slu_view row, const fluss_schema *later, slu_error *err)
{
    return rows_append(rows, format, row, later, later->column_count, err);
}

void
fluss_rows_append_null(fluss_rows *rows)
{
    for (size_t i = 0; i < rows->schema->column_count; i++)
        value_builder_null(&rows->builders[i]);
    rows->rows++;
}

int64_t
fluss_rows_count(const fluss_rows *rows)
{
    return rows->rows;
}

static slu_status
columns_finish(fluss_rows *rows, struct ArrowArray *columns, struct ArrowArray *out, slu_error *err)
{
    const size_t count = rows->schema->column_count;
    for (size_t i = 0; i < count; i++)
        SLU_TRY_IN(value_builder_finish(&rows->builders[i], &columns[i], err), err, "column %s", rows->schema->columns[i].name);
    return sdk_struct(columns, (int64_t)count, rows->rows, out, err);
}

/* Empties the builders, whose columns may have come to differ in length. */
static void
rows_drop(fluss_rows *rows)
{
    for (size_t i = 0; i < rows->schema->column_count; i++)
        value_builder_reset(&rows->builders[i]);
    rows->rows = 0;
    rows->spoilt = false;
}

slu_status
fluss_rows_finish(fluss_rows *rows, struct ArrowArray *out, slu_error *err)
{
    const size_t count = rows->schema->column_count;
    if (rows->spoilt) {
        rows_drop(rows);
        return slu_error_set(err, SLU_CORRUPT, "one of the rows of this batch was corrupt");
    }
    struct ArrowArray *columns = slu_alloc_zero(count + 1, sizeof *columns);
    if (columns == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu columns", count);
    const slu_status status = columns_finish(rows, columns, out, err);
    for (size_t i = 0; status != SLU_OK && i < count; i++)
        slu_array_release(&columns[i]);
    slu_free(columns);
    rows->rows = 0;
    return status;
}
