#include "fluss/merge/row_cells.h"

#include "base/alloc.h"
#include "fluss/record/descriptor.h"

/* Widths above the fixed ones. CHAR and BINARY of indexed rows are as wide as they say. */
#define ROW_CELL_VARINT 250
#define ROW_CELL_VARINTS 251   /* two */
#define ROW_CELL_PREFIXED 252  /* a length, then so many bytes */
#define ROW_CELL_LENGTH 253    /* its length is in the row's list */
#define ROW_CELL_DECLARED 254  /* the type's length */
#define ROW_DECIMAL_COMPACT 18 /* digits that travel as 64 bits */

static uint8_t
compacted_width(const fluss_type *type)
{
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN:
    case FLUSS_TYPE_TINYINT: return 1;
    case FLUSS_TYPE_SMALLINT: return 2;
    case FLUSS_TYPE_FLOAT: return 4;
    case FLUSS_TYPE_DOUBLE: return 8;
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_DATE:
    case FLUSS_TYPE_TIME:
    case FLUSS_TYPE_BIGINT: return ROW_CELL_VARINT;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: return type->precision > 3 ? ROW_CELL_VARINTS : ROW_CELL_VARINT;
    case FLUSS_TYPE_DECIMAL: return type->precision <= ROW_DECIMAL_COMPACT ? ROW_CELL_VARINT : ROW_CELL_PREFIXED;
    default: return ROW_CELL_PREFIXED;
    }
}

static uint8_t
indexed_width(const fluss_type *type)
{
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN:
    case FLUSS_TYPE_TINYINT: return 1;
    case FLUSS_TYPE_SMALLINT: return 2;
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_DATE:
    case FLUSS_TYPE_TIME:
    case FLUSS_TYPE_FLOAT: return 4;
    case FLUSS_TYPE_BIGINT:
    case FLUSS_TYPE_DOUBLE: return 8;
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: return type->precision > 3 ? 12 : 8;
    case FLUSS_TYPE_DECIMAL: return type->precision <= ROW_DECIMAL_COMPACT ? 8 : ROW_CELL_LENGTH;
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_BINARY: return ROW_CELL_DECLARED;
    default: return ROW_CELL_LENGTH;
    }
}

slu_status
fluss_row_shape_init(fluss_row_shape *shape, const fluss_schema *schema, uint8_t format, slu_error *err)
{
    shape->schema = schema;
    shape->format = format;
    shape->widths = slu_alloc(schema->column_count + 1);
    if (shape->widths == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the shape of a row");
    for (size_t c = 0; c < schema->column_count; c++) {
        const fluss_type *type = &schema->columns[c].type;
        shape->widths[c] = format == FLUSS_ROW_INDEXED ? indexed_width(type) : compacted_width(type);
    }
    return SLU_OK;
}

void
fluss_row_shape_fini(fluss_row_shape *shape)
{
    slu_free(shape->widths);
    shape->widths = NULL;
}

/* ---- taking apart ---- */

static size_t
lengths_bytes(const fluss_row_shape *shape, size_t columns)
{
    size_t bytes = 0;
    for (size_t c = 0; c < columns; c++)
        bytes += shape->widths[c] == ROW_CELL_LENGTH ? 4 : 0;
    return bytes;
}

static slu_view
cell_next(const fluss_row_shape *shape, size_t column, slu_cursor *c, slu_cursor *lengths)
{
    const uint8_t *start = c->at;
    const uint8_t width = shape->widths[column];
    switch (width) {
    case ROW_CELL_VARINTS: (void)slu_cursor_varint(c); /* fall through */
    case ROW_CELL_VARINT: (void)slu_cursor_varint(c); break;
    case ROW_CELL_PREFIXED: slu_cursor_skip(c, slu_cursor_varint(c)); break;
    case ROW_CELL_LENGTH:
        slu_cursor_skip(c, slu_cursor_u32le(lengths));
        if (!slu_cursor_ok(lengths))
            slu_cursor_fail(c);
        break;
    case ROW_CELL_DECLARED: slu_cursor_skip(c, (size_t)shape->schema->columns[column].type.length); break;
    default: slu_cursor_skip(c, width);
    }
    return slu_view_of(start, slu_cursor_ok(c) ? (size_t)(c->at - start) : 0);
}

slu_status
fluss_row_split(const fluss_row_shape *shape, const fluss_kv_row *row, slu_view *cells, slu_error *err)
{
    const size_t columns = row->row.data == NULL ? 0 : row->columns;
    slu_cursor c = slu_cursor_of_view(row->row);
    memset(cells, 0, shape->schema->column_count * sizeof *cells);
    if (columns == 0)
        return SLU_OK;
    const uint8_t *nulls = slu_cursor_bytes(&c, (columns + 7) / 8);
    slu_cursor lengths = slu_cursor_sub(&c, shape->format == FLUSS_ROW_INDEXED ? lengths_bytes(shape, columns) : 0);
    for (size_t i = 0; i < columns && slu_cursor_ok(&c); i++)
        if ((nulls[i / 8] >> (i % 8) & 1) == 0)
            cells[i] = cell_next(shape, i, &c, &lengths);
    if (!slu_cursor_ok(&c) || slu_cursor_left(&c) != 0)
        return slu_error_set(err, SLU_CORRUPT, "a row of %zu bytes is not one of its schema's %zu columns", row->row.bytes,
                             columns);
    return SLU_OK;
}

/* ---- putting together ---- */

void
fluss_row_begin(fluss_row_writer *writer, const fluss_row_shape *shape, slu_buf *out)
{
    const size_t columns = shape->schema->column_count;
    writer->shape = shape;
    writer->out = out;
    writer->start = out->bytes;
    writer->column = 0;
    slu_buf_zero(out, (columns + 7) / 8);
    writer->lengths = out->bytes;
    if (shape->format == FLUSS_ROW_INDEXED)
        slu_buf_zero(out, lengths_bytes(shape, columns));
}

void
fluss_row_open(fluss_row_writer *writer)
{
    writer->value = writer->out->bytes;
}

void
fluss_row_close(fluss_row_writer *writer, bool null)
{
    const size_t column = writer->column++;
    slu_buf *out = writer->out;
    if (out->failed != SLU_OK)
        return;
    if (null) {
        out->bytes = writer->value;
        out->data[writer->start + column / 8] |= (uint8_t)(1U << (column % 8));
        return;
    }
    if (writer->shape->widths[column] != ROW_CELL_LENGTH)
        return;
    slu_buf_patch_u32le(out, writer->lengths, (uint32_t)(out->bytes - writer->value));
    writer->lengths += 4;
}

void
fluss_row_cell(fluss_row_writer *writer, slu_view cell)
{
    fluss_row_open(writer);
    if (cell.bytes != 0)
        slu_buf_append(writer->out, cell.data, cell.bytes);
    fluss_row_close(writer, cell.data == NULL);
}

slu_status
fluss_row_end(fluss_row_writer *writer, slu_error *err)
{
    return slu_buf_status(writer->out, err);
}

/* ---- values ---- */

int64_t
fluss_cell_int(uint8_t format, const fluss_type *type, slu_view cell)
{
    slu_cursor c = slu_cursor_of_view(cell);
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN:
    case FLUSS_TYPE_TINYINT: return (int8_t)slu_cursor_u8(&c);
    case FLUSS_TYPE_SMALLINT: return (int16_t)slu_cursor_u16le(&c);
    case FLUSS_TYPE_BIGINT:
    case FLUSS_TYPE_DECIMAL: return (int64_t)(format == FLUSS_ROW_INDEXED ? slu_cursor_u64le(&c) : slu_cursor_varint(&c));
    default: return (int32_t)(uint32_t)(format == FLUSS_ROW_INDEXED ? slu_cursor_u32le(&c) : slu_cursor_varint(&c));
    }
}

void
fluss_cell_put_int(uint8_t format, const fluss_type *type, int64_t value, slu_buf *out)
{
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN:
    case FLUSS_TYPE_TINYINT: slu_buf_u8(out, (uint8_t)value); return;
    case FLUSS_TYPE_SMALLINT: slu_buf_u16le(out, (uint16_t)value); return;
    case FLUSS_TYPE_BIGINT:
    case FLUSS_TYPE_DECIMAL:
        if (format == FLUSS_ROW_INDEXED)
            slu_buf_u64le(out, (uint64_t)value);
        else
            slu_buf_varint(out, (uint64_t)value);
        return;
    default:
        if (format == FLUSS_ROW_INDEXED)
            slu_buf_u32le(out, (uint32_t)value);
        else
            slu_buf_varint(out, (uint32_t)value);
    }
}

int64_t
fluss_cell_timestamp(uint8_t format, const fluss_type *type, slu_view cell, int32_t *out_nanos)
{
    const bool indexed = format == FLUSS_ROW_INDEXED;
    slu_cursor c = slu_cursor_of_view(cell);
    const int64_t ms = (int64_t)(indexed ? slu_cursor_u64le(&c) : slu_cursor_varint(&c));
    *out_nanos = type->precision <= 3 ? 0 : (int32_t)(uint32_t)(indexed ? slu_cursor_u32le(&c) : slu_cursor_varint(&c));
    return ms;
}

slu_view
fluss_cell_bytes(uint8_t format, const fluss_type *type, slu_view cell)
{
    slu_cursor c = slu_cursor_of_view(cell);
    if (format != FLUSS_ROW_INDEXED)
        return slu_cursor_view(&c, slu_cursor_varint(&c));
    while (type->id == FLUSS_TYPE_CHAR && cell.bytes > 0 && cell.data[cell.bytes - 1] == 0)
        cell.bytes--;
    return cell;
}

void
fluss_cell_put_length(uint8_t format, size_t bytes, slu_buf *out)
{
    if (format != FLUSS_ROW_INDEXED)
        slu_buf_varint(out, bytes);
}
