/*
 * eval.c: runs a checked expression over a batch, BLOCK_ROWS at a time, so that every intermediate vector stays in the first cache. Each
 * node has its own scratch vector and is computed once per block; parts that may fail are computed only for the rows that reach them.
 */
#include "node.h"

#include <math.h>

/* ---- Scratch ---------------------------------------------------------------------------------------------------------------- */

bool
node_scratch(run *r, node *n)
{
    if (n->values != NULL)
        return true;
    n->nulls = expr_alloc(r->expr, BLOCK_ROWS);
    n->values = n->nulls == NULL ? NULL : expr_alloc(r->expr, BLOCK_ROWS * domain_bytes(domain_of(n->type)));
    return n->values != NULL;
}

static bool
node_rows(run *r, node *n)
{
    for (int i = 0; i < 4; i++)
        if (n->rows[i] == NULL && (n->rows[i] = expr_alloc(r->expr, BLOCK_ROWS * sizeof(int32_t))) == NULL)
            return false;
    return true;
}

static bool
expr_watch_bytes(sdk_expr *expr, node *n)
{
    node **wider = realloc(expr->scratch_nodes, (expr->scratch_count + 1) * sizeof *wider);
    if (wider == NULL)
        return false;
    expr->scratch_nodes = wider;
    wider[expr->scratch_count++] = n;
    return true;
}

uint8_t *
node_bytes(run *r, node *n, size_t bytes)
{
    if (n->bytes_capacity < bytes || n->bytes == NULL) {
        const size_t capacity = bytes < 4096 ? 4096 : bytes + bytes / 2;
        if (n->bytes == NULL && !expr_watch_bytes(r->expr, n))
            return NULL;
        free(n->bytes);
        n->bytes = malloc(capacity);
        n->bytes_capacity = n->bytes == NULL ? 0 : capacity;
    }
    return n->bytes;
}

slu_status
eval_fail(run *r, const node *n, slu_status status, const char *what)
{
    (void)n;
    return slu_error_set(r->err, status, "expression '%.200s': %s", r->expr->text != NULL ? r->expr->text : "", what);
}

static slu_status
eval_nomem(run *r)
{
    return slu_error_set(r->err, SLU_NOMEM, "no memory for an expression");
}

/* The rows that are null in either. */
static const uint8_t *
nulls_of(node *n, const uint8_t *a, const uint8_t *b, int32_t count)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    kernel_or(n->nulls, a, b, count);
    return n->nulls;
}

/* ---- Columns and constants -------------------------------------------------------------------------------------------------- */

#define LOAD(OUT, TYPE)                                                                                                            \
    do {                                                                                                                           \
        const TYPE *from_ = (const TYPE *)c->values;                                                                               \
        if (s.rows == NULL)                                                                                                        \
            for (int32_t i = 0; i < s.count; i++)                                                                                  \
                (OUT)[i] = from_[s.base + i];                                                                                      \
        else                                                                                                                       \
            for (int32_t i = 0; i < s.count; i++)                                                                                  \
                (OUT)[i] = from_[s.rows[i]];                                                                                       \
    } while (0)

static const uint8_t *
column_nulls(const slu_column *c, span s, uint8_t *nulls)
{
    if (c->validity == NULL)
        return NULL;
    if (s.rows == NULL)
        return kernel_nulls(nulls, c->validity, c->offset + s.base, s.count) ? nulls : NULL;
    uint8_t any = 0;
    for (int32_t i = 0; i < s.count; i++) {
        nulls[i] = !slu_bit(c->validity, c->offset + s.rows[i]);
        any |= nulls[i];
    }
    return any != 0 ? nulls : NULL;
}

static const void *
column_ints(const slu_column *c, span s, int64_t *out)
{
    if (c->type.width_bytes == 8 && s.rows == NULL)
        return slu_column_i64s(c) + s.base;
    switch (c->type.width_bytes) {
    case 1: LOAD(out, int8_t); break;
    case 2: LOAD(out, int16_t); break;
    case 4: LOAD(out, int32_t); break;
    default: LOAD(out, int64_t); break;
    }
    return out;
}

static const void *
column_doubles(const slu_column *c, span s, double *out)
{
    if (c->type.id == SLU_TYPE_DOUBLE && s.rows == NULL)
        return slu_column_f64s(c) + s.base;
    if (c->type.id == SLU_TYPE_DOUBLE)
        LOAD(out, double);
    else
        LOAD(out, float);
    return out;
}

static const void *
column_texts(const slu_column *c, span s, text_view *out, const uint8_t *nulls)
{
    for (int32_t i = 0; i < s.count; i++) {
        int32_t bytes = 0;
        out[i].data =
            nulls != NULL && nulls[i] ? (const uint8_t *)"" : slu_column_bytes(c, s.rows == NULL ? s.base + i : s.rows[i], &bytes);
        out[i].bytes = bytes;
    }
    return out;
}

static const void *
column_truths(const slu_column *c, span s, uint8_t *out, const uint8_t *nulls)
{
    if (s.rows == NULL)
        kernel_bools(out, c->values, c->offset + s.base, s.count);
    else
        for (int32_t i = 0; i < s.count; i++)
            out[i] = slu_column_bool(c, s.rows[i]);
    if (nulls != NULL)
        kernel_and_not(out, out, nulls, s.count);
    return out;
}

static slu_status
eval_column(run *r, node *n, span s, vec *out)
{
    const slu_column view = slu_batch_column(r->batch, n->column);
    const slu_column *c = &view;
    if (!node_scratch(r, n))
        return eval_nomem(r);
    out->nulls = column_nulls(c, s, n->nulls);
    switch (domain_of(n->type)) {
    case D_BOOL: out->values = column_truths(c, s, n->values, out->nulls); break;
    case D_INT: out->values = column_ints(c, s, n->values); break;
    case D_F64: out->values = column_doubles(c, s, n->values); break;
    case D_TEXT: out->values = column_texts(c, s, n->values, out->nulls); break;
    case D_DEC:
        out->values = n->values;
        if (s.rows == NULL)
            out->values = slu_column_decimals(c) + s.base;
        else
            LOAD((slu_i128 *)n->values, slu_i128);
        break;
    case D_NULL: break;
    }
    return SLU_OK;
}

#define FILL(TYPE, VALUE)                                                                                                          \
    for (int32_t i = 0; i < BLOCK_ROWS; i++)                                                                                       \
    ((TYPE *)n->values)[i] = (VALUE)

static slu_status
eval_const(run *r, node *n, span s, vec *out)
{
    (void)s;
    if (!node_scratch(r, n))
        return eval_nomem(r);
    if (!n->filled) {
        memset(n->nulls, n->is_null, BLOCK_ROWS);
        switch (domain_of(n->type)) {
        case D_BOOL: FILL(uint8_t, (uint8_t)(n->int_value && !n->is_null)); break;
        case D_INT: FILL(int64_t, n->int_value); break;
        case D_DEC: FILL(slu_i128, n->dec_value); break;
        case D_F64: FILL(double, n->f64_value); break;
        case D_TEXT: FILL(text_view, n->text); break;
        case D_NULL: break;
        }
        n->filled = true;
    }
    out->values = n->values;
    out->nulls = n->is_null ? n->nulls : NULL;
    return SLU_OK;
}

/* ---- Comparison ------------------------------------------------------------------------------------------------------------- */

static bool
cmp_holds(int order, cmp_code op)
{
    switch (op) {
    case CMP_EQ: return order == 0;
    case CMP_NE: return order != 0;
    case CMP_LT: return order < 0;
    case CMP_LE: return order <= 0;
    case CMP_GT: return order > 0;
    default: return order >= 0;
    }
}

/* A comparison's nulls are its arguments', and (1) holds. */
static void
cmp_finish(node *n, const uint8_t *nulls, int32_t count, vec *out)
{
    if (nulls != NULL)
        kernel_and_not(n->values, n->values, nulls, count);
    out->values = n->values;
    out->nulls = nulls;
}

/* Straight from the column's memory, the hot path of a filter; false: not one of these cases. */
static bool
cmp_column_direct(const node *n, const slu_column *c, span s, uint8_t *truth)
{
    if (s.rows != NULL)
        return false;
    const int64_t bound = (int64_t)n->dec_value;
    if (c->type.id == SLU_TYPE_DECIMAL && c->type.precision <= 18 && n->dec_value == bound)
        kernel_cmp_dec_low(truth, slu_column_decimals(c) + s.base, bound, n->cmp, s.count);
    else if (domain_of(c->type) == D_INT && c->type.width_bytes == 8)
        kernel_cmp_i64(truth, slu_column_i64s(c) + s.base, bound, n->cmp, s.count);
    else if (domain_of(c->type) == D_INT && c->type.width_bytes == 4 && bound == (int32_t)bound)
        kernel_cmp_i32(truth, slu_column_i32s(c) + s.base, (int32_t)bound, n->cmp, s.count);
    else
        return false;
    return true;
}

static slu_status
eval_cmp_const(run *r, node *n, span s, vec *out)
{
    vec a;
    uint8_t *truth;
    if (!node_scratch(r, n))
        return eval_nomem(r);
    truth = n->values;
    if (n->args[0]->op == OP_COLUMN && !n->always && !n->never) {
        const slu_column c = slu_batch_column(r->batch, n->args[0]->column);
        if (cmp_column_direct(n, &c, s, truth)) {
            cmp_finish(n, column_nulls(&c, s, n->nulls), s.count, out);
            return SLU_OK;
        }
    }
    SLU_TRY(eval_node(r, n->args[0], s, &a));
    if (n->always || n->never) {
        memset(truth, n->always, (size_t)s.count);
    } else {
        switch (domain_of(n->args[0]->type)) {
        case D_INT: kernel_cmp_i64(truth, a.values, (int64_t)n->dec_value, n->cmp, s.count); break;
        case D_DEC: kernel_cmp_dec(truth, a.values, n->dec_value, n->cmp, s.count); break;
        case D_F64: kernel_cmp_f64(truth, a.values, n->f64_value, n->cmp, s.count); break;
        default:
            for (int32_t i = 0; i < s.count; i++)
                truth[i] = cmp_holds(text_compare(((const text_view *)a.values)[i], n->text), n->cmp);
        }
    }
    cmp_finish(n, a.nulls, s.count, out);
    return SLU_OK;
}

static void
cmp_decimals(const node *n, const slu_i128 *a, const slu_i128 *b, uint8_t *truth, int32_t count)
{
    const int32_t a_scale = n->args[0]->type.scale, b_scale = n->args[1]->type.scale;
    if (a_scale == b_scale) {
        kernel_cmp_decs(truth, a, b, n->cmp, count);
        return;
    }
    for (int32_t i = 0; i < count; i++)
        truth[i] = cmp_holds(sdk_decimal_compare(a[i], a_scale, b[i], b_scale), n->cmp);
}

static slu_status
eval_cmp(run *r, node *n, span s, vec *out)
{
    vec a, b;
    if (!node_scratch(r, n))
        return eval_nomem(r);
    uint8_t *truth = n->values;
    SLU_TRY(eval_node(r, n->args[0], s, &a));
    SLU_TRY(eval_node(r, n->args[1], s, &b));
    switch (domain_of(n->args[0]->type)) {
    case D_BOOL:
        for (int32_t i = 0; i < s.count; i++)
            truth[i] = cmp_holds(((const uint8_t *)a.values)[i] - ((const uint8_t *)b.values)[i], n->cmp);
        break;
    case D_INT: kernel_cmp_i64s(truth, a.values, b.values, n->cmp, s.count); break;
    case D_DEC: cmp_decimals(n, a.values, b.values, truth, s.count); break;
    case D_F64: kernel_cmp_f64s(truth, a.values, b.values, n->cmp, s.count); break;
    default:
        for (int32_t i = 0; i < s.count; i++)
            truth[i] = cmp_holds(text_compare(((const text_view *)a.values)[i], ((const text_view *)b.values)[i]), n->cmp);
    }
    cmp_finish(n, nulls_of(n, a.nulls, b.nulls, s.count), s.count, out);
    return SLU_OK;
}

/* ---- Logic ------------------------------------------------------------------------------------------------------------------ */

/* FALSE if either is, else NULL if either is, else TRUE; OR is the same upside down. */
static void
logic_combine(node *n, vec a, vec b, int32_t count, vec *out)
{
    uint8_t *values = n->values, *nulls = n->nulls;
    const uint8_t *x = a.values, *y = b.values;
    out->values = values;
    if (a.nulls == NULL && b.nulls == NULL) {
        if (n->op == OP_AND)
            kernel_and(values, x, y, count);
        else
            kernel_or(values, x, y, count);
        out->nulls = NULL;
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        const uint8_t xn = a.nulls != NULL ? a.nulls[i] : 0, yn = b.nulls != NULL ? b.nulls[i] : 0;
        const uint8_t is_null = xn | yn;
        const uint8_t is_false = (uint8_t)(((xn | x[i]) ^ 1) | ((yn | y[i]) ^ 1));
        const uint8_t value = n->op == OP_AND ? (uint8_t)(x[i] & y[i]) : (uint8_t)(x[i] | y[i]);
        nulls[i] = n->op == OP_AND ? (uint8_t)(is_null & (is_false ^ 1)) : (uint8_t)(is_null & (value ^ 1));
        values[i] = value;
    }
    out->nulls = nulls;
}

static int32_t
span_row(span s, int32_t i)
{
    return s.rows != NULL ? s.rows[i] : (int32_t)(s.base + i);
}

/* The right-hand side, computed only where the left leaves the answer open; elsewhere the left's value stands in for it. */
static slu_status
logic_guarded(run *r, node *n, span s, vec a, vec *out)
{
    vec b;
    span open = {n->rows[0], 0, 0};
    const uint8_t *x = a.values;
    const uint8_t decided = n->op == OP_OR;
    uint8_t *y = (uint8_t *)n->rows[2], *y_nulls = (uint8_t *)n->rows[3];
    memset(y, decided, (size_t)s.count);
    memset(y_nulls, 0, (size_t)s.count);
    for (int32_t i = 0; i < s.count; i++) {
        const bool is_null = a.nulls != NULL && a.nulls[i];
        if (is_null || x[i] != decided) {
            n->rows[1][open.count] = i;
            n->rows[0][open.count++] = span_row(s, i);
        }
    }
    if (open.count != 0)
        SLU_TRY(eval_node(r, n->args[1], open, &b));
    for (int32_t k = 0; k < open.count; k++) {
        y[n->rows[1][k]] = ((const uint8_t *)b.values)[k];
        y_nulls[n->rows[1][k]] = b.nulls != NULL ? b.nulls[k] : 0;
    }
    const vec right = {y, y_nulls};
    logic_combine(n, a, right, s.count, out);
    return SLU_OK;
}

static slu_status
eval_logic(run *r, node *n, span s, vec *out)
{
    vec a, b;
    if (!node_scratch(r, n) || (n->args[1]->can_fail && !node_rows(r, n)))
        return eval_nomem(r);
    SLU_TRY(eval_node(r, n->args[0], s, &a));
    if (n->args[1]->can_fail)
        return logic_guarded(r, n, s, a, out);
    SLU_TRY(eval_node(r, n->args[1], s, &b));
    logic_combine(n, a, b, s.count, out);
    return SLU_OK;
}

static slu_status
eval_not(run *r, node *n, span s, vec *out)
{
    vec a;
    if (!node_scratch(r, n))
        return eval_nomem(r);
    SLU_TRY(eval_node(r, n->args[0], s, &a));
    kernel_not(n->values, a.values, s.count);
    cmp_finish(n, a.nulls, s.count, out);
    return SLU_OK;
}

static slu_status
eval_is(run *r, node *n, span s, vec *out)
{
    vec a;
    if (!node_scratch(r, n))
        return eval_nomem(r);
    SLU_TRY(eval_node(r, n->args[0], s, &a));
    uint8_t *truth = n->values;
    for (int32_t i = 0; i < s.count; i++) {
        const bool is_null = a.nulls != NULL && a.nulls[i];
        const bool holds = n->op == OP_IS_NULL ? is_null : !is_null && ((const uint8_t *)a.values)[i] == (uint8_t)n->int_value;
        truth[i] = holds != n->negated;
    }
    out->values = truth;
    out->nulls = NULL;
    return SLU_OK;
}

/* ---- IN --------------------------------------------------------------------------------------------------------------------- */

static bool
in_numbers(const node *n, i128 value)
{
    uint32_t low = 0, high = n->list_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (n->list_numbers[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n->list_count && n->list_numbers[low] == value;
}

static bool
in_texts(const node *n, text_view value)
{
    uint32_t low = 0, high = n->list_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = text_compare(n->list_texts[middle], value);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static slu_status
eval_in(run *r, node *n, span s, vec *out)
{
    vec a;
    if (!node_scratch(r, n))
        return eval_nomem(r);
    SLU_TRY(eval_node(r, n->args[0], s, &a));
    uint8_t *truth = n->values;
    const domain d = domain_of(n->args[0]->type);
    for (int32_t i = 0; i < s.count; i++)
        truth[i] = d == D_TEXT  ? in_texts(n, ((const text_view *)a.values)[i])
                   : d == D_DEC ? in_numbers(n, ((const slu_i128 *)a.values)[i])
                                : in_numbers(n, ((const int64_t *)a.values)[i]);
    if (n->list_has_null) { /* not found beside a NULL is NULL */
        for (int32_t i = 0; i < s.count; i++)
            n->nulls[i] = (a.nulls != NULL && a.nulls[i]) || !truth[i];
        a.nulls = n->nulls;
    }
    cmp_finish(n, a.nulls, s.count, out);
    return SLU_OK;
}

/* ---- Arithmetic ------------------------------------------------------------------------------------------------------------- */

static bool
int_apply(op_code which, int64_t a, int64_t b, int64_t *out)
{
    switch (which) {
    case OP_ADD: return !__builtin_add_overflow(a, b, out);
    case OP_SUB: return !__builtin_sub_overflow(a, b, out);
    case OP_MUL: return !__builtin_mul_overflow(a, b, out);
    default: break;
    }
    if (b == 0)
        return false;
    if (b == -1) /* INT64_MIN / -1 has no answer in 64 bits */
        return which == OP_MOD ? (*out = 0, true) : !__builtin_sub_overflow(0, a, out);
    *out = which == OP_DIV ? a / b : a % b;
    return true;
}

static bool
dec_apply(const node *n, i128 a, i128 b, i128 *out)
{
    const int32_t a_scale = n->args[0]->type.scale, b_scale = n->args[1]->type.scale, scale = n->type.scale;
    i128 x, y, result;
    bool fits;
    if (n->op == OP_MUL)
        fits = sdk_decimal_multiply(a, b, &result) && sdk_decimal_rescale(result, a_scale + b_scale, scale, &result);
    else if (n->op == OP_DIV)
        fits = sdk_decimal_divide(a, a_scale, b, b_scale, scale, &result);
    else {
        const int32_t common = a_scale > b_scale ? a_scale : b_scale;
        if (!sdk_decimal_rescale(a, a_scale, common, &x) || !sdk_decimal_rescale(b, b_scale, common, &y) ||
            (n->op == OP_MOD && y == 0))
            return false;
        result = x;
        fits = n->op == OP_MOD   ? (result = x % y, true)
               : n->op == OP_ADD ? sdk_decimal_add(x, y, &result)
                                 : sdk_decimal_subtract(x, y, &result);
        fits = fits && sdk_decimal_rescale(result, common, scale, &result);
    }
    if (fits)
        *out = result;
    return fits && sdk_decimal_fits(*out, n->type.precision);
}

static double
f64_apply(op_code which, double a, double b)
{
    switch (which) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return a / b;
    default: return fmod(a, b);
    }
}

static slu_status
arithmetic_fail(run *r, const node *n, bool by_zero)
{
    char what[128], name[64];
    if (by_zero)
        return eval_fail(r, n, SLU_LIMIT, "division by zero");
    (void)snprintf(what, sizeof what, "a result is out of range of %s", type_name(n->type, name));
    return eval_fail(r, n, SLU_LIMIT, what);
}

/* The sum of many rows without a branch per row: overflow is collected and looked at once. */
static bool
int_add_all(const int64_t *a, const int64_t *b, int64_t *out, int32_t count)
{
    int64_t overflow = 0;
    for (int32_t i = 0; i < count; i++) {
        const int64_t sum = (int64_t)((uint64_t)a[i] + (uint64_t)b[i]);
        overflow |= (a[i] ^ sum) & (b[i] ^ sum);
        out[i] = sum;
    }
    return overflow >= 0;
}

static slu_status
eval_arithmetic(run *r, node *n, span s, vec *out)
{
    vec a, b;
    if (!node_scratch(r, n))
        return eval_nomem(r);
    SLU_TRY(eval_node(r, n->args[0], s, &a));
    SLU_TRY(eval_node(r, n->args[1], s, &b));
    out->values = n->values;
    out->nulls = nulls_of(n, a.nulls, b.nulls, s.count);
    const domain d = domain_of(n->type);
    if (d == D_INT && n->op == OP_ADD && n->type.id == SLU_TYPE_INT64 && int_add_all(a.values, b.values, n->values, s.count))
        return SLU_OK;
    for (int32_t i = 0; i < s.count; i++) {
        bool fits = true, by_zero = false;
        if (d == D_F64) {
            ((double *)n->values)[i] = f64_apply(n->op, ((const double *)a.values)[i], ((const double *)b.values)[i]);
        } else if (d == D_INT) {
            const int64_t y = ((const int64_t *)b.values)[i];
            int64_t value = 0;
            fits = int_apply(n->op, ((const int64_t *)a.values)[i], y, &value) && int_fits(value, n->type);
            by_zero = y == 0;
            ((int64_t *)n->values)[i] = value;
        } else {
            const i128 y = ((const slu_i128 *)b.values)[i];
            i128 value = 0;
            fits = dec_apply(n, ((const slu_i128 *)a.values)[i], y, &value);
            by_zero = y == 0;
            ((slu_i128 *)n->values)[i] = value;
        }
        if (!fits && (out->nulls == NULL || !out->nulls[i]))
            return arithmetic_fail(r, n, by_zero && (n->op == OP_DIV || n->op == OP_MOD));
    }
    return SLU_OK;
}

static slu_status
eval_negate(run *r, node *n, span s, vec *out)
{
    vec a;
    if (!node_scratch(r, n))
        return eval_nomem(r);
    SLU_TRY(eval_node(r, n->args[0], s, &a));
    out->values = n->values;
    out->nulls = a.nulls;
    const domain d = domain_of(n->type);
    for (int32_t i = 0; i < s.count; i++) {
        if (d == D_F64)
            ((double *)n->values)[i] = -((const double *)a.values)[i];
        else if (d == D_DEC)
            ((slu_i128 *)n->values)[i] = -((const slu_i128 *)a.values)[i];
        else {
            int64_t value = 0;
            if ((__builtin_sub_overflow(0, ((const int64_t *)a.values)[i], &value) || !int_fits(value, n->type)) &&
                (a.nulls == NULL || !a.nulls[i]))
                return arithmetic_fail(r, n, false);
            ((int64_t *)n->values)[i] = value;
        }
    }
    return SLU_OK;
}

/* ---- CASE and COALESCE ------------------------------------------------------------------------------------------------------ */

/* Puts the k-th computed value at position[k] of the node's own vector. */
static void
scatter(node *n, vec v, const int32_t *position, int32_t count)
{
    const size_t width = domain_bytes(domain_of(n->type));
    for (int32_t k = 0; k < count; k++) {
        memcpy((uint8_t *)n->values + (size_t)position[k] * width, (const uint8_t *)v.values + (size_t)k * width, width);
        n->nulls[position[k]] = v.nulls != NULL ? v.nulls[k] : 0;
    }
}

/* rows[0] and [1]: array row and position of what is still undecided; rows[2] and [3]: of what this branch decides. */
static slu_status
case_branch(run *r, node *n, uint32_t part, int32_t *left)
{
    vec when, then;
    const span open = {n->rows[0], 0, *left};
    SLU_TRY(eval_node(r, n->args[part], open, &when));
    int32_t taken = 0, rest = 0;
    for (int32_t k = 0; k < *left; k++) {
        const int32_t row = n->rows[0][k], position = n->rows[1][k];
        const bool holds = ((const uint8_t *)when.values)[k];
        n->rows[holds ? 2 : 0][holds ? taken : rest] = row;
        n->rows[holds ? 3 : 1][holds ? taken : rest] = position;
        taken += holds;
        rest += !holds;
    }
    *left = rest;
    if (taken == 0)
        return SLU_OK;
    const span decided = {n->rows[2], 0, taken};
    SLU_TRY(eval_node(r, n->args[part + 1], decided, &then));
    scatter(n, then, n->rows[3], taken);
    return SLU_OK;
}

static void
rows_all(node *n, span s)
{
    for (int32_t i = 0; i < s.count; i++) {
        n->rows[0][i] = span_row(s, i);
        n->rows[1][i] = i;
    }
}

static slu_status
eval_case(run *r, node *n, span s, vec *out)
{
    vec otherwise;
    int32_t left = s.count;
    if (!node_scratch(r, n) || !node_rows(r, n))
        return eval_nomem(r);
    rows_all(n, s);
    for (uint32_t part = 0; part + 1 < n->arg_count && left > 0; part += 2)
        SLU_TRY(case_branch(r, n, part, &left));
    if (left > 0) {
        const span open = {n->rows[0], 0, left};
        SLU_TRY(eval_node(r, n->args[n->arg_count - 1], open, &otherwise));
        scatter(n, otherwise, n->rows[1], left);
    }
    out->values = n->values;
    out->nulls = n->nulls;
    return SLU_OK;
}

static slu_status
eval_coalesce(run *r, node *n, span s, vec *out)
{
    vec v;
    int32_t left = s.count;
    if (!node_scratch(r, n) || !node_rows(r, n))
        return eval_nomem(r);
    rows_all(n, s);
    for (uint32_t arg = 0; arg < n->arg_count && left > 0; arg++) {
        const span open = {n->rows[0], 0, left};
        SLU_TRY(eval_node(r, n->args[arg], open, &v));
        scatter(n, v, n->rows[1], left);
        int32_t rest = 0;
        for (int32_t k = 0; v.nulls != NULL && k < left; k++) {
            n->rows[0][rest] = n->rows[0][k];
            n->rows[1][rest] = n->rows[1][k];
            rest += v.nulls[k];
        }
        left = rest;
    }
    out->values = n->values;
    out->nulls = n->nulls;
    return SLU_OK;
}

/* ---- The tree --------------------------------------------------------------------------------------------------------------- */

slu_status
eval_node(run *r, node *n, span s, vec *out)
{
    switch (n->op) {
    case OP_COLUMN: return eval_column(r, n, s, out);
    case OP_CONST: return eval_const(r, n, s, out);
    case OP_CMP: return eval_cmp(r, n, s, out);
    case OP_CMP_CONST: return eval_cmp_const(r, n, s, out);
    case OP_AND:
    case OP_OR: return eval_logic(r, n, s, out);
    case OP_NOT: return eval_not(r, n, s, out);
    case OP_IS_NULL:
    case OP_IS_TRUE: return eval_is(r, n, s, out);
    case OP_IN: return eval_in(r, n, s, out);
    case OP_LIKE: return eval_like(r, n, s, out);
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
    case OP_MOD: return eval_arithmetic(r, n, s, out);
    case OP_NEG: return eval_negate(r, n, s, out);
    case OP_CAST: return eval_cast(r, n, s, out);
    case OP_CASE: return eval_case(r, n, s, out);
    case OP_COALESCE: return eval_coalesce(r, n, s, out);
    case OP_FUNCTION: return eval_function(r, n, s, out);
    }
    return eval_fail(r, n, SLU_UNSUPPORTED, "an operation without an implementation");
}

/* ---- The outside ------------------------------------------------------------------------------------------------------------ */

static span
block_at(const slu_batch *batch, int64_t at)
{
    const int64_t left = batch->rows - at;
    const span s = {batch->selection != NULL ? batch->selection + at : NULL, at, left < BLOCK_ROWS ? (int32_t)left : BLOCK_ROWS};
    return s;
}

static slu_status
need_truth(const sdk_expr *expr, slu_error *err)
{
    return expr->root->type.id == SLU_TYPE_BOOL ? SLU_OK
                                                : slu_error_set(err, SLU_INVALID, "expression '%.200s' is no BOOLEAN", expr->text);
}

slu_status
sdk_expr_select(sdk_expr *expr, const slu_batch *batch, int32_t *out, int64_t *out_rows, slu_error *err)
{
    run r = {.expr = expr, .batch = batch, .err = err};
    int64_t found = 0;
    SLU_TRY(need_truth(expr, err));
    for (int64_t at = 0; at < batch->rows; at += BLOCK_ROWS) {
        const span s = block_at(batch, at);
        vec truth;
        SLU_TRY(eval_node(&r, expr->root, s, &truth));
        found += s.rows == NULL ? kernel_select(out + found, truth.values, (int32_t)s.base, s.count)
                                : kernel_select_rows(out + found, truth.values, s.rows, s.count);
    }
    *out_rows = found;
    return SLU_OK;
}

slu_status
sdk_expr_truth(sdk_expr *expr, const slu_batch *batch, uint8_t *out, slu_error *err)
{
    run r = {.expr = expr, .batch = batch, .err = err};
    SLU_TRY(need_truth(expr, err));
    for (int64_t at = 0; at < batch->rows; at += BLOCK_ROWS) {
        const span s = block_at(batch, at);
        vec truth;
        SLU_TRY(eval_node(&r, expr->root, s, &truth));
        memcpy(out + at, truth.values, (size_t)s.count);
    }
    return SLU_OK;
}

static void
project_block(sdk_builder *to, slu_type type, vec v, int32_t count)
{
    if (v.nulls == NULL && domain_of(type) == D_DEC) {
        void *slots = sdk_builder_extend(to, count);
        if (slots != NULL)
            memcpy(slots, v.values, (size_t)count * sizeof(i128));
        return;
    }
    if (v.nulls == NULL && type.width_bytes == 8 && type.id != SLU_TYPE_FIXED) {
        void *slots = sdk_builder_extend(to, count);
        if (slots != NULL)
            memcpy(slots, v.values, (size_t)count * 8);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        if (v.nulls != NULL && v.nulls[i])
            sdk_builder_null(to);
        else
            switch (domain_of(type)) {
            case D_BOOL: sdk_builder_bool(to, ((const uint8_t *)v.values)[i]); break;
            case D_INT: sdk_builder_int(to, ((const int64_t *)v.values)[i]); break;
            case D_DEC: sdk_builder_decimal(to, ((const slu_i128 *)v.values)[i]); break;
            case D_F64: sdk_builder_f64(to, ((const double *)v.values)[i]); break;
            default: sdk_builder_bytes(to, ((const text_view *)v.values)[i].data, (size_t)((const text_view *)v.values)[i].bytes);
            }
    }
}

slu_status
sdk_expr_project(sdk_expr *expr, const slu_batch *batch, const sdk_memory *memory, struct ArrowArray *out, slu_error *err)
{
    SLU_AUTO(sdk_builder_fini) sdk_builder to;
    run r = {.expr = expr, .batch = batch, .err = err};
    if (sdk_builder_init(&to, expr->format, memory) != SLU_OK)
        return slu_error_set(err, SLU_UNSUPPORTED, "expression '%.200s': no column of format %s", expr->text, expr->format);
    sdk_builder_reserve(&to, batch->rows, 0);
    for (int64_t at = 0; at < batch->rows; at += BLOCK_ROWS) {
        const span s = block_at(batch, at);
        vec v;
        SLU_TRY(eval_node(&r, expr->root, s, &v));
        project_block(&to, expr->root->type, v, s.count);
    }
    return sdk_builder_finish(&to, out, err);
}
