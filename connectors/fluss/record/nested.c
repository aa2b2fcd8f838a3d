/* nested.c: see nested.h. */
#include "nested.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <math.h>

/* ---- Views ---- */

static slu_status
view_refuse(const char *name, const struct ArrowSchema *field, slu_error *err)
{
    return slu_error_set(err, SLU_INVALID, "column %s: Arrow format %s is not what the table's type wants", name, field->format);
}

/* Children are views over all of the child's array, or for a struct over its own part of it. */
static slu_status
view_children(value_view *view, const struct ArrowSchema *field, const struct ArrowArray *array, slu_arena *arena, slu_error *err)
{
    const bool row = view->type->id == FLUSS_TYPE_ROW;
    const uint32_t count = view->type->child_count;
    int64_t offset = view->column.offset, rows = view->column.rows;
    if (view->type->id == FLUSS_TYPE_MAP && field->n_children == 1) { /* the struct of entries between */
        field = field->children[0];
        array = array->children[0];
        offset = array->offset;
        rows = array->length;
    }
    if (field->n_children != count || array->n_children != count)
        return view_refuse(view->name, field, err);
    view->children = slu_arena_array(arena, count + 1, sizeof *view->children);
    SLU_TRY(slu_arena_status(arena, err));
    for (uint32_t i = 0; i < count; i++) {
        const struct ArrowArray *child = array->children[i];
        const bool list = view->type->id == FLUSS_TYPE_ARRAY;
        const char *name = row ? view->type->children[i].name : view->name;
        SLU_TRY(value_view_init(&view->children[i], &view->type->children[i].type, name, field->children[i], child,
                                list ? 0 : offset, list ? child->length : rows, arena, err));
    }
    return SLU_OK;
}

slu_status
value_view_init(value_view *view, const fluss_type *type, const char *name, const struct ArrowSchema *field,
                const struct ArrowArray *array, int64_t offset, int64_t rows, slu_arena *arena, slu_error *err)
{
    const slu_type arrow = slu_type_of(field->format);
    const int32_t wanted = type->id == FLUSS_TYPE_ARRAY ? SLU_TYPE_LIST
                           : type->id == FLUSS_TYPE_MAP ? SLU_TYPE_MAP
                                                        : SLU_TYPE_STRUCT;
    view->type = type;
    view->name = name;
    view->present = true;
    view->column = slu_column_view_at(arrow, array, offset, rows);
    if (type->id < FLUSS_TYPE_ARRAY)
        return value_fits(type, arrow) ? SLU_OK : view_refuse(name, field, err);
    return arrow.id == wanted ? view_children(view, field, array, arena, err) : view_refuse(name, field, err);
}

/* ---- Writing ---- */

static size_t
slot_bytes(const fluss_type *type)
{
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN:
    case FLUSS_TYPE_TINYINT: return 1;
    case FLUSS_TYPE_SMALLINT: return 2;
    case FLUSS_TYPE_INTEGER:
    case FLUSS_TYPE_FLOAT:
    case FLUSS_TYPE_DATE:
    case FLUSS_TYPE_TIME: return 4;
    default: return 8;
    }
}

static size_t
array_header_bytes(size_t count)
{
    return 4 + (count + 31) / 32 * 4;
}

/* Java's writer of arrays knows one NaN only (its writer of rows keeps them as they are). */
static uint64_t
slot_value(const fluss_type *type, const slu_column *column, int64_t row)
{
    if (type->id == FLUSS_TYPE_FLOAT && isnan(slu_column_f32s(column)[row]))
        return 0x7fc00000u;
    if (type->id == FLUSS_TYPE_DOUBLE && isnan(slu_column_f64s(column)[row]))
        return UINT64_C(0x7ff8000000000000);
    return value_slot(type, column, row);
}

static slu_status
put_element(uint8_t format, const value_view *view, int64_t row, slu_buf *out, size_t start, size_t slot, slu_error *err)
{
    const size_t width = slot_bytes(view->type);
    if (view->type->id >= FLUSS_TYPE_ARRAY) {
        const size_t at = out->bytes;
        SLU_TRY(nested_put(format, view, row, out, err));
        const size_t bytes = out->bytes - at;
        slu_buf_zero(out, slu_size_align(bytes, 8) - bytes);
        value_slot_patch(out, slot, (uint64_t)(at - start) << 32 | bytes);
    } else if (value_slot_holds(view->type)) {
        const uint64_t value = slot_value(view->type, &view->column, row);
        memcpy(out->data + slot, &value, width);
    } else {
        value_put_slot(view->type, &view->column, row, out, start, slot);
    }
    return slu_buf_status(out, err);
}

static slu_status
put_array(uint8_t format, const value_view *element, int64_t first, int64_t end, slu_buf *out, slu_error *err)
{
    const size_t start = out->bytes;
    const size_t count = (size_t)(end - first);
    const size_t header = array_header_bytes(count);
    const size_t width = slot_bytes(element->type);
    slu_buf_zero(out, slu_size_align(header + width * count, 8));
    SLU_TRY(slu_buf_status(out, err));
    slu_buf_patch_u32le(out, start, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        if (!slu_column_valid(&element->column, first + (int64_t)i))
            slu_bit_set(out->data + start + 4, (int64_t)i);
        else
            SLU_TRY(put_element(format, element, first + (int64_t)i, out, start, start + header + width * i, err));
    }
    return SLU_OK;
}

static slu_status
put_map(uint8_t format, const value_view *view, int64_t first, int64_t end, slu_buf *out, slu_error *err)
{
    const size_t start = out->bytes;
    for (int64_t i = first; i < end; i++)
        if (!slu_column_valid(&view->children[0].column, i))
            return slu_error_set(err, SLU_INVALID, "a key of a MAP is null");
    slu_buf_zero(out, 4);
    SLU_TRY(put_array(format, &view->children[0], first, end, out, err));
    slu_buf_patch_u32le(out, start, (uint32_t)(out->bytes - start - 4));
    return put_array(format, &view->children[1], first, end, out, err);
}

slu_status
nested_put(uint8_t format, const value_view *view, int64_t row, slu_buf *out, slu_error *err)
{
    if (view->type->id == FLUSS_TYPE_ROW)
        return row_put(format, view->children, view->type->child_count, row, out, err);
    const int32_t first = view->column.offsets[row], end = view->column.offsets[row + 1];
    if (first < 0 || end < first)
        return slu_error_set(err, SLU_INVALID, "column %s: a list from %d to %d", view->name, first, end);
    return view->type->id == FLUSS_TYPE_ARRAY ? put_array(format, &view->children[0], first, end, out, err)
                                              : put_map(format, view, first, end, out, err);
}

/* ---- Builders ---- */

static slu_status
builder_children(value_builder *builder, const fluss_type *type, const char *name, slu_error *err)
{
    builder->children = slu_alloc_zero(type->child_count + 1, sizeof *builder->children);
    if (builder->children == NULL)
        return slu_error_set(err, SLU_NOMEM, "column %s: no builder", name);
    for (uint32_t i = 0; i < type->child_count; i++)
        SLU_TRY(value_builder_init(&builder->children[i], &type->children[i].type, name, err));
    return SLU_OK;
}

slu_status
value_builder_init(value_builder *builder, const fluss_type *type, const char *name, slu_error *err)
{
    struct ArrowSchema arrow;
    slu_status status;
    builder->type = type;
    if (type->id >= FLUSS_TYPE_ARRAY) {
        status = sdk_builder_init(&builder->flat, type->id == FLUSS_TYPE_ROW ? "c" : "i", NULL);
        return status == SLU_OK ? builder_children(builder, type, name, err)
                                : slu_error_set(err, status, "column %s: no builder", name);
    }
    SLU_TRY(fluss_type_to_arrow(type, name, &arrow, err));
    status = sdk_builder_init(&builder->flat, arrow.format, NULL);
    slu_schema_release(&arrow);
    return status == SLU_OK ? SLU_OK : slu_error_set(err, status, "column %s: no builder", name);
}

void
value_builder_fini(value_builder *builder)
{
    sdk_builder_fini(&builder->flat);
    for (uint32_t i = 0; builder->children != NULL && i < builder->type->child_count; i++)
        value_builder_fini(&builder->children[i]);
    slu_free(builder->children);
    builder->children = NULL;
}

void
value_builder_null(value_builder *builder)
{
    sdk_builder_null(&builder->flat);
    for (uint32_t i = 0; builder->type->id == FLUSS_TYPE_ROW && i < builder->type->child_count; i++)
        value_builder_null(&builder->children[i]);
}

void
value_builder_reset(value_builder *builder)
{
    sdk_builder_reset(&builder->flat);
    for (uint32_t i = 0; builder->children != NULL && i < builder->type->child_count; i++)
        value_builder_reset(&builder->children[i]);
}

static slu_status
finish_list(const struct ArrowArray *counts, struct ArrowArray *items, struct ArrowArray *out, slu_error *err)
{
    const int32_t *lengths = counts->buffers[1];
    const uint8_t *validity = counts->null_count == 0 ? NULL : counts->buffers[0];
    int32_t *offsets = slu_alloc_zero((size_t)counts->length + 1, sizeof *offsets);
    if (offsets == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %lld lists", (long long)counts->length);
    for (int64_t i = 0; i < counts->length; i++) /* cannot overflow: every element was appended to the items, which are counted */
        offsets[i + 1] = offsets[i] + (validity == NULL || slu_bit(validity, i) ? lengths[i] : 0);
    const slu_status status = items->length > INT32_MAX
                                  ? slu_error_set(err, SLU_LIMIT, "more than 2^31-1 elements in the lists of a batch")
                                  : sdk_list(offsets, validity, counts->length, items, out, err);
    slu_free(offsets);
    if (status == SLU_OK)
        out->null_count = counts->null_count;
    return status;
}

static slu_status
finish_nested(value_builder *builder, struct ArrowArray *flat, struct ArrowArray *columns, struct ArrowArray *out, slu_error *err)
{
    const uint32_t count = builder->type->child_count;
    struct ArrowArray entries = {0};
    for (uint32_t i = 0; i < count; i++)
        SLU_TRY(value_builder_finish(&builder->children[i], &columns[i], err));
    if (builder->type->id == FLUSS_TYPE_ROW)
        return sdk_struct_nulls(columns, count, flat->null_count == 0 ? NULL : flat->buffers[0], flat->null_count, flat->length,
                                out, err);
    if (builder->type->id == FLUSS_TYPE_ARRAY)
        return finish_list(flat, &columns[0], out, err);
    SLU_TRY(sdk_struct(columns, 2, columns[0].length, &entries, err));
    const slu_status status = finish_list(flat, &entries, out, err);
    slu_array_release(&entries);
    return status;
}

slu_status
value_builder_finish(value_builder *builder, struct ArrowArray *out, slu_error *err)
{
    struct ArrowArray flat = {0};
    if (builder->type->id < FLUSS_TYPE_ARRAY)
        return sdk_builder_finish(&builder->flat, out, err);
    SLU_TRY(sdk_builder_finish(&builder->flat, &flat, err));
    const uint32_t count = builder->type->child_count;
    struct ArrowArray *columns = slu_alloc_zero(count + 1, sizeof *columns);
    const slu_status status = columns == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a nested column")
                                              : finish_nested(builder, &flat, columns, out, err);
    for (uint32_t i = 0; columns != NULL && i < count; i++)
        slu_array_release(&columns[i]);
    slu_free(columns);
    slu_array_release(&flat);
    return status;
}

/* ---- Reading ---- */

static bool
spend(size_t *budget, size_t bytes)
{
    if (bytes > *budget)
        return false;
    *budget -= bytes;
    return true;
}

/* What a slot points to within its array. */
static bool
slot_part(slu_view array, uint64_t slot, size_t *budget, slu_view *out)
{
    const size_t offset = (size_t)(slot >> 32), bytes = (size_t)(slot & UINT32_MAX);
    if (offset > array.bytes || bytes > array.bytes - offset || !spend(budget, bytes))
        return false;
    *out = slu_view_of(array.data + offset, bytes);
    return true;
}

static bool
get_slot_text(const fluss_type *type, slu_view array, const uint8_t *at, uint64_t slot, sdk_builder *builder, size_t *budget)
{
    slu_view bytes;
    if (slot >> 63 == 0)
        return slot_part(array, slot, budget, &bytes) && value_add_bytes(type, bytes, builder);
    const size_t count = (size_t)(slot >> 56 & 0x7f);
    return count <= 7 && value_add_bytes(type, slu_view_of(at, count), builder);
}

static bool
get_slot_decimal(const fluss_type *type, slu_view array, uint64_t slot, sdk_builder *builder, size_t *budget)
{
    slu_view bytes;
    slu_i128_natural value = (int64_t)slot;
    if (type->precision > FLUSS_DECIMAL_COMPACT &&
        !(slot_part(array, slot, budget, &bytes) && value_decimal_from_bytes(bytes, &value)))
        return false;
    return value_add_decimal(type, value, builder);
}

static bool
get_slot_timestamp(const fluss_type *type, slu_view array, uint64_t slot, sdk_builder *builder)
{
    const size_t offset = (size_t)(slot >> 32);
    int64_t ms;
    if (type->precision <= FLUSS_TIMESTAMP_COMPACT)
        return value_add_timestamp((int64_t)slot, 0, builder);
    if (offset > array.bytes || array.bytes - offset < sizeof ms)
        return false;
    memcpy(&ms, array.data + offset, sizeof ms);
    return value_add_timestamp(ms, (int32_t)(uint32_t)slot, builder);
}

static bool
get_slot_small(const fluss_type *type, uint64_t slot, sdk_builder *builder)
{
    double real = 0;
    float single = 0;
    if (type->id == FLUSS_TYPE_BOOLEAN && slot > 1)
        return false;
    if (builder == NULL)
        return true;
    switch (type->id) {
    case FLUSS_TYPE_BOOLEAN: sdk_builder_bool(builder, slot != 0); break;
    case FLUSS_TYPE_TINYINT: sdk_builder_int(builder, (int8_t)slot); break;
    case FLUSS_TYPE_SMALLINT: sdk_builder_int(builder, (int16_t)slot); break;
    case FLUSS_TYPE_BIGINT: sdk_builder_i64(builder, (int64_t)slot); break;
    case FLUSS_TYPE_TIME: sdk_builder_int(builder, value_time_from_ms(builder->type, (int32_t)slot)); break;
    case FLUSS_TYPE_FLOAT:
        memcpy(&single, &slot, sizeof single);
        sdk_builder_f64(builder, (double)single);
        break;
    case FLUSS_TYPE_DOUBLE:
        memcpy(&real, &slot, sizeof real);
        sdk_builder_f64(builder, real);
        break;
    default: sdk_builder_i32(builder, (int32_t)slot); break; /* INTEGER, DATE */
    }
    return true;
}

static bool
get_element(uint8_t format, const fluss_type *type, slu_view array, const uint8_t *at, value_builder *builder, size_t *budget)
{
    sdk_builder *flat = builder == NULL ? NULL : &builder->flat;
    uint64_t slot = 0;
    slu_view bytes;
    memcpy(&slot, at, slot_bytes(type));
    switch (type->id) {
    case FLUSS_TYPE_CHAR:
    case FLUSS_TYPE_STRING:
    case FLUSS_TYPE_BINARY:
    case FLUSS_TYPE_BYTES: return get_slot_text(type, array, at, slot, flat, budget);
    case FLUSS_TYPE_DECIMAL: return get_slot_decimal(type, array, slot, flat, budget);
    case FLUSS_TYPE_TIMESTAMP:
    case FLUSS_TYPE_TIMESTAMP_LTZ: return get_slot_timestamp(type, array, slot, flat);
    case FLUSS_TYPE_ARRAY:
    case FLUSS_TYPE_MAP:
    case FLUSS_TYPE_ROW: return slot_part(array, slot, budget, &bytes) && nested_get(format, type, bytes, builder, budget);
    default: return get_slot_small(type, slot, flat);
    }
}

static bool
get_array(uint8_t format, const fluss_type *element, slu_view array, bool may_be_null, value_builder *items, size_t *budget,
          size_t *out_count)
{
    uint32_t count;
    if (array.bytes < sizeof count)
        return false;
    memcpy(&count, array.data, sizeof count);
    const size_t header = array_header_bytes(count), width = slot_bytes(element);
    if (count > INT32_MAX || header + width * count > array.bytes)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!slu_bit(array.data + 4, (int64_t)i)) {
            if (!get_element(format, element, array, array.data + header + width * i, items, budget))
                return false;
        } else if (!may_be_null) {
            return false;
        } else if (items != NULL) {
            value_builder_null(items);
        }
    }
    *out_count = count;
    return true;
}

static bool
get_map(uint8_t format, const fluss_type *type, slu_view map, value_builder *builder, size_t *budget, size_t *out_count)
{
    uint32_t bytes;
    size_t values = 0;
    value_builder *children = builder == NULL ? NULL : builder->children;
    if (map.bytes < sizeof bytes)
        return false;
    memcpy(&bytes, map.data, sizeof bytes);
    if (bytes > map.bytes - sizeof bytes)
        return false;
    const slu_view keys = slu_view_of(map.data + 4, bytes), rest = slu_view_of(map.data + 4 + bytes, map.bytes - 4 - bytes);
    return get_array(format, &type->children[0].type, keys, false, children, budget, out_count) &&
           get_array(format, &type->children[1].type, rest, true, children == NULL ? NULL : &children[1], budget, &values) &&
           values == *out_count;
}

bool
nested_get(uint8_t format, const fluss_type *type, slu_view bytes, value_builder *builder, size_t *budget)
{
    size_t count = 0;
    value_builder *children = builder == NULL ? NULL : builder->children;
    bool good;
    if (type->id == FLUSS_TYPE_ROW)
        good = row_get(format, type->children, type->child_count, bytes, children, budget);
    else if (type->id == FLUSS_TYPE_ARRAY)
        good = get_array(format, &type->children[0].type, bytes, true, children, budget, &count);
    else
        good = get_map(format, type, bytes, builder, budget, &count);
    if (good && builder != NULL)
        sdk_builder_int(&builder->flat, (int64_t)count);
    return good;
}
