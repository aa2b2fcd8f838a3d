#include <sluice/sdk/rows.h>

#include "expr/node.h"

/* ---- Text ------------------------------------------------------------------------------------------------------------------- */

void
sdk_text_fini(sdk_text *text)
{
    free(text->data);
    memset(text, 0, sizeof *text);
}

void
sdk_text_reset(sdk_text *text)
{
    text->bytes = 0;
    text->failed = false;
    if (text->data != NULL)
        text->data[0] = 0;
}

static bool
text_room(sdk_text *text, size_t bytes)
{
    if (text->failed)
        return false;
    if (text->bytes + bytes + 1 <= text->capacity)
        return true;
    const size_t capacity = (text->bytes + bytes + 1) * 2 > 256 ? (text->bytes + bytes + 1) * 2 : 256;
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void
sdk_text_add(sdk_text *text, const void *data, size_t bytes)
{
    if (!text_room(text, bytes))
        return;
    if (bytes != 0)
        memcpy(text->data + text->bytes, data, bytes);
    text->bytes += bytes;
    text->data[text->bytes] = 0;
}

void
sdk_text_printf(sdk_text *text, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length < 0)
        text->failed = true;
    else if ((size_t)length < sizeof line) {
        sdk_text_add(text, line, (size_t)length);
    } else if (text_room(text, (size_t)length)) {
        va_start(args, format);
        (void)vsnprintf(text->data + text->bytes, (size_t)length + 1, format, args);
        va_end(args);
        text->bytes += (size_t)length;
    }
}

const char *
sdk_text_cstr(const sdk_text *text)
{
    return text->failed || text->data == NULL ? "" : text->data;
}

/* ---- Values ----------------------------------------------------------------------------------------------------------------- */

static scalar
scalar_of(const slu_column *column, int64_t row)
{
    scalar value = {0};
    if (column->type.id == SLU_TYPE_DECIMAL)
        value.dec_value = slu_column_decimals(column)[row];
    else if (column->type.id == SLU_TYPE_DOUBLE)
        value.f64_value = slu_column_f64s(column)[row];
    else if (column->type.id == SLU_TYPE_FLOAT)
        value.f64_value = (double)slu_column_f32s(column)[row];
    else
        value.int_value = slu_column_int(column, row);
    return value;
}

static void
write_bytes(const slu_column *column, int64_t row, sdk_text *out)
{
    int32_t bytes;
    const uint8_t *data = slu_column_bytes(column, row, &bytes);
    if (column->type.id == SLU_TYPE_UTF8) {
        sdk_text_add(out, data, (size_t)bytes);
        return;
    }
    sdk_text_printf(out, "x'");
    for (int32_t i = 0; i < bytes; i++)
        sdk_text_printf(out, "%02x", data[i]);
    sdk_text_printf(out, "'");
}

static void
write_row(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out, const char *between)
{
    for (int64_t i = 0; i < field->n_children; i++) {
        const slu_column child =
            slu_column_view_at(slu_type_of(field->children[i]->format), column->array->children[i], column->offset, column->rows);
        if (i != 0)
            sdk_text_printf(out, "%s", between);
        sdk_value_write(field->children[i], &child, row, out);
    }
}

static void
write_items(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out)
{
    const bool map = column->type.id == SLU_TYPE_MAP;
    const slu_column items = slu_column_view(field->children[0]->format, column->array->children[0]);
    sdk_text_printf(out, map ? "{" : "[");
    for (int32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++) {
        if (i != column->offsets[row])
            sdk_text_printf(out, ", ");
        if (map)
            write_row(field->children[0], &items, i, out, ": ");
        else
            sdk_value_write(field->children[0], &items, i, out);
    }
    sdk_text_printf(out, map ? "}" : "]");
}

void
sdk_value_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out)
{
    char text[64];
    if (!slu_column_valid(column, row)) {
        sdk_text_printf(out, "NULL");
        return;
    }
    switch (column->type.id) {
    case SLU_TYPE_OTHER: sdk_text_printf(out, "?"); return;
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY:
    case SLU_TYPE_FIXED: write_bytes(column, row, out); return;
    case SLU_TYPE_STRUCT:
        sdk_text_printf(out, "(");
        write_row(field, column, row, out, ", ");
        sdk_text_printf(out, ")");
        return;
    case SLU_TYPE_LIST:
    case SLU_TYPE_MAP: write_items(field, column, row, out); return;
    default: break;
    }
    const scalar value = scalar_of(column, row);
    sdk_text_add(out, text, scalar_to_text(column->type, &value, text));
}

slu_status
sdk_value_parse(sdk_builder *to, const char *text, size_t bytes, slu_error *err)
{
    scalar value;
    if (to->type.id == SLU_TYPE_FIXED && bytes != (size_t)to->type.width_bytes)
        return slu_error_set(err, SLU_INVALID, "%zu bytes for a BINARY(%d)", bytes, to->type.width_bytes);
    if (slu_type_is_varlen(to->type) || to->type.id == SLU_TYPE_FIXED) {
        sdk_builder_bytes(to, text, bytes);
        return SLU_OK;
    }
    SLU_TRY(scalar_from_text(to->type, (const uint8_t *)text, (int64_t)bytes, &value, err));
    if (to->type.id == SLU_TYPE_DECIMAL)
        sdk_builder_decimal(to, value.dec_value);
    else if (domain_of(to->type) == D_F64)
        sdk_builder_f64(to, value.f64_value);
    else
        sdk_builder_int(to, value.int_value);
    return SLU_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------- */

void
sdk_rows_write(const slu_batch *batch, sdk_text *out)
{
    static const char *const kinds[] = {"", "+I ", "-U ", "+U ", "-D "};
    for (int64_t i = 0; i < batch->rows; i++) {
        const int64_t row = slu_batch_row(batch, i);
        if (batch->kinds != NULL && batch->kinds[row] <= SLU_ROW_DELETE)
            sdk_text_printf(out, "%s", kinds[batch->kinds[row]]);
        for (int64_t c = 0; c < batch->schema->n_children; c++) {
            const slu_column column = slu_batch_column(batch, c);
            if (c != 0)
                sdk_text_printf(out, " | ");
            sdk_value_write(batch->schema->children[c], &column, row, out);
        }
        sdk_text_printf(out, "\n");
    }
}

static slu_status
parse_line(sdk_builder *builders, const struct ArrowSchema *schema, const char *line, const char *end, slu_error *err)
{
    const char *at = line;
    for (int64_t c = 0; c < schema->n_children; c++) {
        const char *bar = at <= end ? memchr(at, '|', (size_t)(end - at)) : NULL;
        const char *stop = bar != NULL ? bar : end;
        if (at > end || (bar != NULL) != (c + 1 < schema->n_children))
            return slu_error_set(err, SLU_INVALID, "row '%.*s': %lld values are expected", (int)(end - line), line,
                                 (long long)schema->n_children);
        const char *next = stop + 1;
        while (at < stop && *at == ' ')
            at++;
        while (stop > at && stop[-1] == ' ')
            stop--;
        if (stop - at == 4 && memcmp(at, "NULL", 4) == 0)
            sdk_builder_null(&builders[c]);
        else
            SLU_TRY_IN(sdk_value_parse(&builders[c], at, (size_t)(stop - at), err), err, "column '%s'", schema->children[c]->name);
        at = next;
    }
    return SLU_OK;
}

static slu_status
parse_lines(sdk_builder *builders, const struct ArrowSchema *schema, const char *lines, int64_t *out_rows, slu_error *err)
{
    *out_rows = 0;
    for (const char *line = lines; *line != 0;) {
        const char *end = strchr(line, '\n');
        if (end == NULL)
            end = line + strlen(line);
        if (end != line) {
            SLU_TRY(parse_line(builders, schema, line, end, err));
            ++*out_rows;
        }
        line = *end == 0 ? end : end + 1;
    }
    return SLU_OK;
}

slu_status
sdk_rows_parse(const struct ArrowSchema *schema, const char *lines, struct ArrowArray *out, slu_error *err)
{
    const size_t count = (size_t)schema->n_children;
    sdk_builder *builders = calloc(count + 1, sizeof *builders);
    struct ArrowArray *columns = calloc(count + 1, sizeof *columns);
    slu_status status = builders == NULL || columns == NULL ? slu_error_set(err, SLU_NOMEM, "rows: no memory") : SLU_OK;
    int64_t rows = 0;
    for (size_t c = 0; c < count && status == SLU_OK; c++)
        if (sdk_builder_init(&builders[c], schema->children[c]->format, NULL) != SLU_OK)
            status = slu_error_set(err, SLU_UNSUPPORTED, "column '%s': format %s has no text", schema->children[c]->name,
                                   schema->children[c]->format);
    if (status == SLU_OK)
        status = parse_lines(builders, schema, lines, &rows, err);
    for (size_t c = 0; c < count && status == SLU_OK; c++)
        status = sdk_builder_finish(&builders[c], &columns[c], err);
    if (status == SLU_OK)
        status = sdk_struct(columns, schema->n_children, rows, out, err);
    for (size_t c = 0; c < count && builders != NULL && columns != NULL; c++) {
        if (builders[c].memory.free != NULL)
            sdk_builder_fini(&builders[c]);
        slu_array_release(&columns[c]);
    }
    free(builders);
    free(columns);
    return status;
}
