#include "nested.h"

#include <math.h>
#include <string.h>

static void value_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out);

static void
string_write(const char *text, size_t bytes, sdk_text *out)
{
    sdk_text_add(out, "\"", 1);
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            sdk_text_add(out, "\\", 1);
        if (c < 0x20)
            sdk_text_printf(out, "\\u%04x", c);
        else
            sdk_text_add(out, &text[i], 1);
    }
    sdk_text_add(out, "\"", 1);
}

static bool
is_number(const slu_column *column, int64_t row)
{
    switch (column->type.id) {
    case SLU_TYPE_FLOAT: return isfinite(slu_column_f32s(column)[row]);
    case SLU_TYPE_DOUBLE: return isfinite(slu_column_f64s(column)[row]);
    default: return (column->type.id >= SLU_TYPE_INT8 && column->type.id <= SLU_TYPE_INT64) || column->type.id == SLU_TYPE_DECIMAL;
    }
}

/* `key`: a text whatever it is. */
static void
leaf_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, bool key, sdk_text *out)
{
    sdk_text text = {0};
    sdk_value_write(field, column, row, &text);
    if (!key && column->type.id == SLU_TYPE_BOOL)
        sdk_text_printf(out, slu_column_bool(column, row) ? "true" : "false");
    else if (!key && is_number(column, row))
        sdk_text_add(out, sdk_text_cstr(&text), text.bytes);
    else
        string_write(sdk_text_cstr(&text), text.bytes, out);
    sdk_text_fini(&text);
}

/* A child of a struct has the struct's own offset. */
static slu_column
child_of(const struct ArrowSchema *field, const slu_column *column, int64_t i)
{
    return slu_column_view_at(slu_type_of(field->children[i]->format), column->array->children[i], column->offset, column->rows);
}

static void
struct_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out)
{
    for (int64_t i = 0; i < field->n_children; i++) {
        const slu_column child = child_of(field, column, i);
        sdk_text_printf(out, i == 0 ? "{" : ", ");
        string_write(field->children[i]->name, strlen(field->children[i]->name), out);
        sdk_text_printf(out, ": ");
        value_write(field->children[i], &child, row, out);
    }
    sdk_text_printf(out, field->n_children == 0 ? "{}" : "}");
}

static void
list_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out)
{
    const slu_column items = slu_column_view(field->children[0]->format, column->array->children[0]);
    sdk_text_printf(out, "[");
    for (int32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++) {
        sdk_text_printf(out, i == column->offsets[row] ? "" : ", ");
        value_write(field->children[0], &items, i, out);
    }
    sdk_text_printf(out, "]");
}

static void
map_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out)
{
    const struct ArrowSchema *entry = field->children[0];
    const slu_column entries = slu_column_view(entry->format, column->array->children[0]);
    const slu_column keys = child_of(entry, &entries, 0), values = child_of(entry, &entries, 1);
    sdk_text_printf(out, "{");
    for (int32_t i = column->offsets[row]; i < column->offsets[row + 1]; i++) {
        sdk_text_printf(out, i == column->offsets[row] ? "" : ", ");
        leaf_write(entry->children[0], &keys, i, true, out);
        sdk_text_printf(out, ": ");
        value_write(entry->children[1], &values, i, out);
    }
    sdk_text_printf(out, "}");
}

void
slu_sql_nested_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out)
{
    switch (column->type.id) {
    case SLU_TYPE_STRUCT: struct_write(field, column, row, out); break;
    case SLU_TYPE_LIST: list_write(field, column, row, out); break;
    case SLU_TYPE_MAP: map_write(field, column, row, out); break;
    default: leaf_write(field, column, row, false, out);
    }
}

static void
value_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out)
{
    if (!slu_column_valid(column, row))
        sdk_text_printf(out, "null");
    else
        slu_sql_nested_write(field, column, row, out);
}
