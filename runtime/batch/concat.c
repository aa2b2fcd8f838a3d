#include "concat.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/sizes.h"

#include <sluice/columns.h>

#define ALIGNMENT 64u

bool
slu_concat_possible(const struct ArrowSchema *schema)
{
    for (int64_t c = 0; c < schema->n_children; c++) {
        const slu_type type = slu_type_of(schema->children[c]->format);
        if (type.id == SLU_TYPE_OTHER || slu_type_is_nested(type))
            return false;
    }
    return true;
}

static void
child_release(struct ArrowArray *array)
{
    array->release = NULL; /* its memory is the parent's block */
}

static void
concat_release(struct ArrowArray *array)
{
    for (int64_t c = 0; c < array->n_children; c++)
        if (array->children[c]->release != NULL)
            array->children[c]->release(array->children[c]);
    array->release = NULL;
    slu_free(array->private_data);
}

/* ---- Sizes */

static bool
piece_has_nulls(const slu_batch *piece, int64_t column)
{
    const slu_column view = slu_batch_column(piece, column);
    return view.validity != NULL;
}

static size_t
text_bytes(const slu_batch *piece, int64_t column)
{
    const slu_column view = slu_batch_column(piece, column);
    size_t bytes = 0;
    for (int64_t i = 0; i < piece->rows; i++) {
        const int64_t row = slu_batch_row(piece, i);
        if (slu_column_valid(&view, row))
            bytes += (size_t)(view.offsets[row + 1] - view.offsets[row]);
    }
    return bytes;
}

typedef struct column_plan {
    slu_type type;
    bool nulls;
    size_t data_bytes; /* varlen */
    size_t validity_at, values_at, data_at;
} column_plan;

static size_t
place(size_t *at, size_t bytes)
{
    const size_t here = *at;
    *at += slu_size_align(bytes, ALIGNMENT);
    return here;
}

static slu_status
plan_column(const slu_batch *const *pieces, uint32_t count, int64_t column, int64_t rows, column_plan *plan, size_t *at,
            slu_error *err)
{
    plan->type = slu_type_of(pieces[0]->schema->children[column]->format);
    plan->nulls = false;
    plan->data_bytes = 0;
    for (uint32_t p = 0; p < count; p++) {
        plan->nulls = plan->nulls || piece_has_nulls(pieces[p], column);
        if (slu_type_is_varlen(plan->type))
            plan->data_bytes += text_bytes(pieces[p], column);
    }
    if (plan->data_bytes > INT32_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu bytes in one column of a batch", plan->data_bytes);
    const size_t bits = ((size_t)rows + 7) / 8;
    const size_t values = slu_type_is_varlen(plan->type)   ? ((size_t)rows + 1) * sizeof(int32_t)
                          : plan->type.id == SLU_TYPE_BOOL ? bits
                                                           : (size_t)rows * (size_t)plan->type.width_bytes;
    plan->validity_at = place(at, plan->nulls ? bits : 0);
    plan->values_at = place(at, values);
    plan->data_at = place(at, plan->data_bytes);
    return SLU_OK;
}

/* ---- Copies */

static void
copy_fixed(uint8_t *to, const slu_column *view, const slu_batch *piece)
{
    const size_t width = (size_t)view->type.width_bytes;
    const uint8_t *from = view->values;
    if (piece->selection == NULL) {
        memcpy(to, from, (size_t)piece->rows * width);
        return;
    }
    if (width == 8) {
        for (int64_t i = 0; i < piece->rows; i++)
            memcpy(to + 8 * i, from + 8 * (size_t)piece->selection[i], 8);
        return;
    }
    for (int64_t i = 0; i < piece->rows; i++)
        memcpy(to + (size_t)i * width, from + (size_t)piece->selection[i] * width, width);
}

static void
copy_bits(uint8_t *to, int64_t first, const slu_column *view, const slu_batch *piece)
{
    for (int64_t i = 0; i < piece->rows; i++)
        if (slu_column_bool(view, slu_batch_row(piece, i)))
            slu_bit_set(to, first + i);
}

static int32_t
copy_texts(int32_t *offsets, uint8_t *data, int32_t at, const slu_column *view, const slu_batch *piece)
{
    for (int64_t i = 0; i < piece->rows; i++) {
        const int64_t row = slu_batch_row(piece, i);
        const int32_t bytes = slu_column_valid(view, row) ? view->offsets[row + 1] - view->offsets[row] : 0;
        offsets[i] = at;
        if (bytes > 0)
            memcpy(data + at, view->data + view->offsets[row], (size_t)bytes);
        at += bytes;
    }
    return at;
}

static int64_t
copy_validity(uint8_t *to, int64_t first, const slu_column *view, const slu_batch *piece)
{
    int64_t nulls = 0;
    for (int64_t i = 0; i < piece->rows; i++) {
        if (slu_column_valid(view, slu_batch_row(piece, i)))
            slu_bit_set(to, first + i);
        else
            nulls++;
    }
    return nulls;
}

static void
copy_column(const slu_batch *const *pieces, uint32_t count, int64_t column, const column_plan *plan, uint8_t *base,
            struct ArrowArray *out)
{
    int64_t first = 0;
    int32_t at = 0;
    for (uint32_t p = 0; p < count; first += pieces[p++]->rows) {
        const slu_column view = slu_batch_column(pieces[p], column);
        uint8_t *values = base + plan->values_at;
        if (plan->nulls)
            out->null_count += copy_validity(base + plan->validity_at, first, &view, pieces[p]);
        if (slu_type_is_varlen(plan->type))
            at = copy_texts((int32_t *)(void *)values + first, base + plan->data_at, at, &view, pieces[p]);
        else if (plan->type.id == SLU_TYPE_BOOL)
            copy_bits(values, first, &view, pieces[p]);
        else
            copy_fixed(values + (size_t)first * (size_t)plan->type.width_bytes, &view, pieces[p]);
    }
    if (slu_type_is_varlen(plan->type))
        ((int32_t *)(void *)(base + plan->values_at))[first] = at;
}

static void
fill_array(struct ArrowArray *array, struct ArrowArray *children, struct ArrowArray **pointers, const void **buffers,
           const column_plan *plans, int64_t columns, int64_t rows, uint8_t *base)
{
    *array = (struct ArrowArray){.length = rows,
                                 .n_buffers = 1,
                                 .n_children = columns,
                                 .buffers = buffers,
                                 .children = pointers,
                                 .release = concat_release,
                                 .private_data = base};
    buffers[0] = NULL;
    for (int64_t c = 0; c < columns; c++) {
        const void **mine = buffers + 1 + 3 * c;
        mine[0] = plans[c].nulls ? base + plans[c].validity_at : NULL;
        mine[1] = base + plans[c].values_at;
        mine[2] = base + plans[c].data_at;
        children[c] = (struct ArrowArray){
            .length = rows, .n_buffers = slu_type_buffers(plans[c].type), .buffers = mine, .release = child_release};
        pointers[c] = &children[c];
    }
}

static slu_status
concat_array(const slu_batch *const *pieces, uint32_t count, int64_t rows, column_plan *plans, struct ArrowArray *array,
             slu_error *err)
{
    const int64_t columns = pieces[0]->schema->n_children;
    size_t at = 0;
    const size_t children_at = place(&at, (size_t)columns * sizeof(struct ArrowArray));
    const size_t pointers_at = place(&at, (size_t)columns * sizeof(struct ArrowArray *));
    const size_t buffers_at = place(&at, (size_t)(1 + 3 * columns) * sizeof(void *));
    for (int64_t c = 0; c < columns; c++)
        SLU_TRY(plan_column(pieces, count, c, rows, &plans[c], &at, err));
    uint8_t *base = slu_alloc_aligned(at + ALIGNMENT);
    if (base == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a batch of %lld rows", (long long)rows);
    struct ArrowArray *children = (struct ArrowArray *)(void *)(base + children_at);
    fill_array(array, children, (struct ArrowArray **)(void *)(base + pointers_at), (const void **)(void *)(base + buffers_at),
               plans, columns, rows, base);
    for (int64_t c = 0; c < columns; c++) {
        const size_t bits = ((size_t)rows + 7) / 8;
        if (plans[c].nulls)
            memset(base + plans[c].validity_at, 0, bits);
        if (plans[c].type.id == SLU_TYPE_BOOL)
            memset(base + plans[c].values_at, 0, bits);
        copy_column(pieces, count, c, &plans[c], base, &children[c]);
    }
    return SLU_OK;
}

/* The kinds of all rows; NULL where every piece only appends. */
static slu_status
concat_kinds(const slu_batch *const *pieces, uint32_t count, int64_t rows, uint8_t **out, slu_error *err)
{
    bool some = false;
    for (uint32_t p = 0; p < count; p++)
        some = some || pieces[p]->kinds != NULL;
    if (!some)
        return SLU_OK;
    uint8_t *kinds = slu_alloc((size_t)rows + 1);
    if (kinds == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for row kinds");
    *out = kinds;
    for (uint32_t p = 0; p < count; p++)
        for (int64_t i = 0; i < pieces[p]->rows; i++)
            *kinds++ = pieces[p]->kinds == NULL ? SLU_ROW_APPEND : pieces[p]->kinds[slu_batch_row(pieces[p], i)];
    return SLU_OK;
}

static slu_status
check_pieces(const slu_batch *const *pieces, uint32_t count, int64_t *rows, slu_error *err)
{
    if (!slu_concat_possible(pieces[0]->schema))
        return slu_error_set(err, SLU_UNSUPPORTED, "batches with nested columns are not put together");
    *rows = 0;
    for (uint32_t p = 0; p < count; p++) {
        if (pieces[p]->attr_count != 0)
            return slu_error_set(err, SLU_UNSUPPORTED, "batches with attributes are not put together");
        *rows += pieces[p]->rows;
    }
    return *rows > SLU_BATCH_ROWS_MAX ? slu_error_set(err, SLU_LIMIT, "%lld rows in one batch", (long long)*rows) : SLU_OK;
}

slu_status
slu_batch_concat(const slu_batch *const *pieces, uint32_t count, const slu_batch **out, slu_error *err)
{
    int64_t rows = 0;
    uint8_t *kinds = NULL;
    struct ArrowArray array = {0};
    SLU_TRY(check_pieces(pieces, count, &rows, err));
    column_plan *plans = slu_alloc_zero((size_t)pieces[0]->schema->n_children + 1, sizeof *plans);
    slu_status status =
        plans == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a batch") : concat_kinds(pieces, count, rows, &kinds, err);
    if (status == SLU_OK)
        status = concat_array(pieces, count, rows, plans, &array, err);
    if (status == SLU_OK)
        status = slu_batch_new(slu_batch_schema(pieces[0]), &array, &(slu_batch_spec){.kinds = kinds}, out, err);
    slu_free(kinds);
    slu_free(plans);
    return status;
}
