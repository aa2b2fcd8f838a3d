/*
 * check.c: makes nodes and decides their types. Result types are Flink SQL's: DECIMAL arithmetic widens precision and scale, integers
 * meet at the wider one, anything with a DOUBLE is DOUBLE. What depends on constants alone is computed here, once.
 */
#include "node.h"

#include <sluice/sdk/suggest.h>
#include <sluice/sdk/types.h>

#include <strings.h>

/* ---- Memory and errors ------------------------------------------------------------------------------------------------------ */

void *
expr_alloc_raw(sdk_expr *expr, size_t bytes)
{
    if (expr->memory_count == expr->memory_capacity) {
        const size_t capacity = expr->memory_capacity == 0 ? 32 : expr->memory_capacity * 2;
        void **wider = realloc(expr->memory, capacity * sizeof *wider);
        if (wider == NULL)
            return NULL;
        expr->memory = wider;
        expr->memory_capacity = capacity;
    }
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    if (memory != NULL)
        expr->memory[expr->memory_count++] = memory;
    return memory;
}

void *
expr_alloc(sdk_expr *expr, size_t bytes)
{
    void *memory = expr_alloc_raw(expr, bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

node *
build_fail(builder *b, slu_status status, int32_t at, const char *format, ...)
{
    if (b->failed != SLU_OK)
        return NULL;
    char message[SLU_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    b->failed = status;
    b->error_at = at;
    (void)slu_error_set(b->err, status, "%s", message);
    return NULL;
}

/* ---- Types ------------------------------------------------------------------------------------------------------------------ */

domain
domain_of(slu_type type)
{
    switch (type.id) {
    case SLU_TYPE_BOOL: return D_BOOL;
    case SLU_TYPE_DECIMAL: return D_DEC;
    case SLU_TYPE_FLOAT:
    case SLU_TYPE_DOUBLE: return D_F64;
    case SLU_TYPE_UTF8:
    case SLU_TYPE_BINARY:
    case SLU_TYPE_FIXED: return D_TEXT;
    case SLU_TYPE_OTHER: return D_NULL;
    default: return D_INT;
    }
}

size_t
domain_bytes(domain d)
{
    return d == D_BOOL || d == D_NULL ? 1 : d == D_DEC ? sizeof(i128) : d == D_TEXT ? sizeof(text_view) : 8;
}

bool
type_is_int(slu_type type)
{
    return type.id >= SLU_TYPE_INT8 && type.id <= SLU_TYPE_INT64;
}

bool
type_is_numeric(slu_type type)
{
    return type.id >= SLU_TYPE_INT8 && type.id <= SLU_TYPE_DECIMAL;
}

static bool
type_is_f64(slu_type type)
{
    return domain_of(type) == D_F64;
}

static bool
type_is_time(slu_type type)
{
    return type.id == SLU_TYPE_TIME || type.id == SLU_TYPE_TIMESTAMP;
}

int32_t
type_scale(slu_type type)
{
    return type.id == SLU_TYPE_DECIMAL ? type.scale : type_is_time(type) ? type.precision : 0;
}

static slu_type
type_decimal(int32_t precision, int32_t scale)
{
    slu_type type = slu_type_make(SLU_TYPE_DECIMAL, 16);
    /* Too many digits: those before the point are kept, those after it down to six. */
    if (precision > SLU_DECIMAL_PRECISION_MAX) {
        const int32_t whole = precision - scale;
        const int32_t least = scale < 6 ? scale : 6;
        const int32_t left = SLU_DECIMAL_PRECISION_MAX - whole;
        scale = left > least ? left : least;
        precision = SLU_DECIMAL_PRECISION_MAX;
    }
    type.precision = precision;
    type.scale = scale;
    return type;
}

/* An integer type as the DECIMAL that holds it. */
static slu_type
type_as_decimal(slu_type type)
{
    switch (type.id) {
    case SLU_TYPE_INT8: return type_decimal(3, 0);
    case SLU_TYPE_INT16: return type_decimal(5, 0);
    case SLU_TYPE_INT32: return type_decimal(10, 0);
    case SLU_TYPE_INT64: return type_decimal(19, 0);
    default: return type;
    }
}

static bool
type_same(slu_type a, slu_type b)
{
    return a.id == b.id && a.width_bytes == b.width_bytes && a.precision == b.precision && a.scale == b.scale && a.zoned == b.zoned;
}

/* The format string of a type without children. */
static void
type_format(slu_type type, char out[32])
{
    static const char *const plain[] = {"n", "b", "c", "s", "i", "l", "f", "g", "", "u", "z"};
    const char unit = type.precision == 0 ? 's' : type.precision == 3 ? 'm' : type.precision == 6 ? 'u' : 'n';
    if (type.id == SLU_TYPE_DECIMAL)
        (void)snprintf(out, 32, "d:%d,%d", type.precision, type.scale);
    else if (type.id == SLU_TYPE_FIXED)
        (void)snprintf(out, 32, "w:%d", type.width_bytes);
    else if (type.id == SLU_TYPE_DATE)
        (void)snprintf(out, 32, "tdD");
    else if (type.id == SLU_TYPE_TIME)
        (void)snprintf(out, 32, "tt%c", unit);
    else if (type.id == SLU_TYPE_TIMESTAMP)
        (void)snprintf(out, 32, "ts%c:%s", unit, type.zoned ? "UTC" : "");
    else
        (void)snprintf(out, 32, "%s", type.id <= SLU_TYPE_BINARY ? plain[type.id] : "?");
}

const char *
type_name(slu_type type, char out[64])
{
    char format[32];
    type_format(type, format);
    if (type.id == SLU_TYPE_OTHER)
        (void)snprintf(out, 64, "NULL");
    else if (sdk_format_to_sql(format, out, 64, NULL) != SLU_OK)
        (void)snprintf(out, 64, "%s", format);
    return out;
}

/* The type in which two can meet without losing anything that matters; false: none. */
static bool
type_common(slu_type a, slu_type b, slu_type *out)
{
    *out = a;
    if (type_same(a, b) || b.id == SLU_TYPE_OTHER)
        return true;
    *out = b;
    if (a.id == SLU_TYPE_OTHER)
        return true;
    if (type_is_numeric(a) && type_is_numeric(b)) {
        if (type_is_f64(a) || type_is_f64(b))
            *out = slu_type_make(SLU_TYPE_DOUBLE, 8);
        else if (type_is_int(a) && type_is_int(b))
            *out = a.id > b.id ? a : b;
        else {
            const slu_type x = type_as_decimal(a), y = type_as_decimal(b);
            const int32_t scale = x.scale > y.scale ? x.scale : y.scale;
            const int32_t whole = x.precision - x.scale > y.precision - y.scale ? x.precision - x.scale : y.precision - y.scale;
            *out = type_decimal(whole + scale, scale);
        }
        return true;
    }
    if (a.id == b.id && (a.id == SLU_TYPE_TIME || (a.id == SLU_TYPE_TIMESTAMP && a.zoned == b.zoned))) {
        *out = a.precision > b.precision ? a : b;
        return true;
    }
    if ((a.id == SLU_TYPE_DATE && b.id == SLU_TYPE_TIMESTAMP) || (b.id == SLU_TYPE_DATE && a.id == SLU_TYPE_TIMESTAMP)) {
        *out = a.id == SLU_TYPE_DATE ? b : a;
        return true;
    }
    if ((a.id == SLU_TYPE_BINARY || a.id == SLU_TYPE_FIXED) && (b.id == SLU_TYPE_BINARY || b.id == SLU_TYPE_FIXED)) {
        *out = slu_type_make(SLU_TYPE_BINARY, 0);
        return true;
    }
    return false;
}

/* ---- Nodes ------------------------------------------------------------------------------------------------------------------ */

static node *
make(builder *b, op_code which, int32_t at, slu_type type, node **args, uint32_t count)
{
    if (b->failed != SLU_OK)
        return NULL;
    if (++b->expr->node_count > SDK_EXPR_NODES_MAX)
        return build_fail(b, SLU_LIMIT, at, "an expression of more than %d parts", SDK_EXPR_NODES_MAX);
    node *n = expr_alloc(b->expr, sizeof *n);
    node **copy = expr_alloc(b->expr, count * sizeof *copy + 1);
    if (n == NULL || copy == NULL)
        return build_fail(b, SLU_NOMEM, at, "no memory");
    n->op = which;
    n->at = at;
    n->type = type;
    n->args = copy;
    n->arg_count = count;
    n->escape = -1;
    for (uint32_t i = 0; i < count; i++) {
        copy[i] = args[i];
        n->nullable |= args[i]->nullable;
        n->can_fail |= args[i]->can_fail;
        if (args[i]->depth >= n->depth)
            n->depth = (uint16_t)(args[i]->depth + 1);
    }
    if (n->depth > NODE_DEPTH_MAX)
        return build_fail(b, SLU_LIMIT, at, "an expression of more than %d parts in a row", NODE_DEPTH_MAX);
    return n;
}

static node *
make1(builder *b, op_code which, int32_t at, slu_type type, node *arg)
{
    return make(b, which, at, type, &arg, 1);
}

static node *
make2(builder *b, op_code which, int32_t at, slu_type type, node *left, node *right)
{
    node *args[2] = {left, right};
    return make(b, which, at, type, args, 2);
}

static node *
make_const(builder *b, int32_t at, slu_type type)
{
    return make(b, OP_CONST, at, type, NULL, 0);
}

static node *
make_null(builder *b, int32_t at, slu_type type)
{
    node *n = make_const(b, at, type);
    if (n != NULL) {
        n->is_null = n->nullable = true;
        n->text.data = (const uint8_t *)"";
    }
    return n;
}

static slu_type
bool_type(void)
{
    return slu_type_make(SLU_TYPE_BOOL, 0);
}

static bool
all_const(const node *n)
{
    for (uint32_t i = 0; i < n->arg_count; i++)
        if (n->args[i]->op != OP_CONST)
            return false;
    return n->arg_count > 0;
}

/* Takes the single value of a computed vector into a CONST. */
static node *
const_of_vec(builder *b, const node *n, vec v)
{
    if (v.nulls != NULL && v.nulls[0])
        return make_null(b, n->at, n->type);
    node *c = make_const(b, n->at, n->type);
    if (c == NULL)
        return NULL;
    switch (domain_of(n->type)) {
    case D_BOOL: c->int_value = *(const uint8_t *)v.values; break;
    case D_INT: c->int_value = *(const int64_t *)v.values; break;
    case D_DEC: c->dec_value = *(const slu_i128 *)v.values; break;
    case D_F64: c->f64_value = *(const double *)v.values; break;
    case D_TEXT: {
        const text_view from = *(const text_view *)v.values;
        uint8_t *copy = expr_alloc_raw(b->expr, (size_t)from.bytes + 1);
        if (copy == NULL)
            return build_fail(b, SLU_NOMEM, n->at, "no memory");
        if (from.bytes != 0)
            memcpy(copy, from.data, (size_t)from.bytes);
        c->text.data = copy;
        c->text.bytes = from.bytes;
        break;
    }
    case D_NULL: break;
    }
    return c;
}

/* What depends on constants alone is computed now. A part that fails stays: it may never be reached. */
static node *
fold(builder *b, node *n)
{
    if (n == NULL || !all_const(n))
        return n;
    run r = {.expr = b->expr};
    const span one = {NULL, 0, 1};
    vec v;
    return eval_node(&r, n, one, &v) == SLU_OK ? const_of_vec(b, n, v) : n;
}

/* ---- Leaves ----------------------------------------------------------------------------------------------------------------- */

node *
build_column(builder *b, int32_t at, const char *name, size_t name_bytes)
{
    const int64_t index = slu_schema_find_n(b->schema, name, name_bytes);
    const int shown = name_bytes > 100 ? 100 : (int)name_bytes;
    if (index < 0) {
        const char *near = sdk_suggest_column(name, name_bytes, b->schema);
        return build_fail(b, SLU_INVALID, at, "column '%.*s' is not there%s%s%s", shown, name,
                          near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
    }
    const struct ArrowSchema *field = b->schema->children[index];
    const slu_type type = slu_type_of(field->format);
    if (type.id == SLU_TYPE_OTHER || slu_type_is_nested(type))
        return build_fail(b, SLU_INVALID, at, "column '%.*s' has a type (format %s) that expressions cannot use", shown, name,
                          field->format);
    node *n = make(b, OP_COLUMN, at, type, NULL, 0);
    if (n != NULL) {
        n->column = index;
        n->nullable = slu_schema_nullable(field);
    }
    return n;
}

node *
build_number(builder *b, int32_t at, const char *text, size_t bytes)
{
    const int shown = bytes > 60 ? 60 : (int)bytes;
    i128 value = 0;
    int32_t scale = 0;
    if (memchr(text, 'e', bytes) != NULL || memchr(text, 'E', bytes) != NULL) {
        node *n = make_const(b, at, slu_type_make(SLU_TYPE_DOUBLE, 8));
        scalar number;
        if (n == NULL)
            return NULL;
        if (scalar_from_text(n->type, (const uint8_t *)text, (int64_t)bytes, &number, NULL) != SLU_OK)
            return build_fail(b, SLU_INVALID, at, "'%.*s' is no number that a DOUBLE can hold", shown, text);
        n->f64_value = number.f64_value;
        return n;
    }
    if (sdk_decimal_parse(text, bytes, &value, &scale, NULL) != SLU_OK)
        return build_fail(b, SLU_LIMIT, at, "'%.*s' has more than %d digits", shown, text, SLU_DECIMAL_PRECISION_MAX);
    if (memchr(text, '.', bytes) == NULL && value <= INT64_MAX) {
        node *n = make_const(b, at, value <= INT32_MAX ? slu_type_make(SLU_TYPE_INT32, 4) : slu_type_make(SLU_TYPE_INT64, 8));
        if (n != NULL)
            n->int_value = (int64_t)value;
        return n;
    }
    int32_t precision = scale > 0 ? scale : 1;
    while (precision < SLU_DECIMAL_PRECISION_MAX && !sdk_decimal_fits(value, precision))
        precision++;
    node *n = make_const(b, at, type_decimal(precision, scale));
    if (n != NULL)
        n->dec_value = value;
    return n;
}

node *
build_text(builder *b, int32_t at, const char *text, size_t bytes)
{
    node *n = make_const(b, at, slu_type_make(SLU_TYPE_UTF8, 0));
    if (n != NULL) {
        n->text.data = (const uint8_t *)text;
        n->text.bytes = (int64_t)bytes;
    }
    return n;
}

node *
build_bool(builder *b, int32_t at, bool value)
{
    node *n = make_const(b, at, bool_type());
    if (n != NULL)
        n->int_value = value;
    return n;
}

node *
build_null(builder *b, int32_t at)
{
    return make_null(b, at, slu_type_make(SLU_TYPE_OTHER, 0));
}

node *
build_typed(builder *b, int32_t at, slu_type type, const char *text, size_t bytes)
{
    scalar value;
    slu_error err = {0};
    if (type_is_time(type)) {
        /* As fine as it is written: 'hh:mm:ss.fff' has milliseconds. */
        const char *point = memchr(text, '.', bytes);
        const int32_t digits = point == NULL ? 0 : (int32_t)(text + bytes - point - 1);
        type.precision = digits == 0 ? 0 : digits <= 3 ? 3 : digits <= 6 ? 6 : 9;
        type.width_bytes = type.id == SLU_TYPE_TIME && type.precision <= 3 ? 4 : 8;
    }
    node *n = make_const(b, at, type);
    if (n == NULL)
        return NULL;
    if (scalar_from_text(type, (const uint8_t *)text, (int64_t)bytes, &value, &err) != SLU_OK)
        return build_fail(b, SLU_INVALID, at, "%s", err.message);
    n->int_value = value.int_value;
    n->dec_value = value.dec_value;
    n->f64_value = value.f64_value;
    return n;
}

/* ---- Comparison ------------------------------------------------------------------------------------------------------------- */

static cmp_code
cmp_swapped(cmp_code op)
{
    static const cmp_code swapped[] = {CMP_EQ, CMP_NE, CMP_GT, CMP_GE, CMP_LT, CMP_LE};
    return swapped[op];
}

/* A text constant beside a date or time is read as one. */
static node *
text_as_time(builder *b, node *text, slu_type type)
{
    if (text->op != OP_CONST || text->is_null || text->type.id != SLU_TYPE_UTF8)
        return text;
    if (!type_is_time(type) && type.id != SLU_TYPE_DATE)
        return text;
    return build_typed(b, text->at, type, (const char *)text->text.data, (size_t)text->text.bytes);
}

/* Sets a CMP_CONST's bound: the constant value * 10^-scale at the argument's scale. Where it lies between two values of the column, or
 * beyond all of them, the comparison is rewritten so that it stays exact. */
static void
bound_set(node *n, cmp_code op, i128 value, int32_t scale, int32_t arg_scale, i128 low, i128 high)
{
    i128 bound = 0;
    bool exact = true, beyond = false;
    if (scale <= arg_scale) {
        beyond = !sdk_decimal_rescale(value, scale, arg_scale, &bound);
    } else {
        const i128 unit = sdk_decimal_power(scale - arg_scale);
        bound = value / unit - (value % unit < 0); /* the floor */
        exact = value % unit == 0;
    }
    const bool above = beyond ? value > 0 : bound > high;
    const bool below = beyond ? value < 0 : bound < low;
    if (above || below || (!exact && (op == CMP_EQ || op == CMP_NE))) {
        const bool less = op == CMP_LT || op == CMP_LE;
        n->always = op == CMP_NE || (op != CMP_EQ && less == above);
        n->never = !n->always;
        return;
    }
    n->cmp = exact ? op : op == CMP_LT ? CMP_LE : op == CMP_GE ? CMP_GT : op;
    n->dec_value = bound;
}

static node *
compare_const(builder *b, int32_t at, cmp_code op, node *arg, const node *constant)
{
    node *n = make1(b, OP_CMP_CONST, at, bool_type(), arg);
    if (n == NULL)
        return NULL;
    n->cmp = op;
    n->f64_value = constant->f64_value;
    n->text = constant->text;
    const domain d = domain_of(arg->type);
    const i128 value = domain_of(constant->type) == D_DEC ? constant->dec_value : constant->int_value;
    const i128 decimal_high = sdk_decimal_power(SLU_DECIMAL_PRECISION_MAX) - 1;
    if (d == D_INT)
        bound_set(n, op, value, type_scale(constant->type), type_scale(arg->type), INT64_MIN, INT64_MAX);
    else if (d == D_DEC)
        bound_set(n, op, value, type_scale(constant->type), type_scale(arg->type), -decimal_high, decimal_high);
    return n;
}

/* Whether a constant can be compared with the argument as it is: exact numbers of any scale, times of any unit, texts. */
static bool
const_comparable(slu_type arg, slu_type constant)
{
    const domain d = domain_of(arg), c = domain_of(constant);
    if (d == D_TEXT || d == D_F64)
        return d == c;
    if (d != D_INT && d != D_DEC)
        return false;
    if (type_is_numeric(arg))
        return type_is_numeric(constant) && (c == D_INT || c == D_DEC);
    return arg.id == constant.id;
}

static node *
compare_mismatch(builder *b, int32_t at, slu_type left, slu_type right)
{
    char a[64], c[64];
    return build_fail(b, SLU_INVALID, at, "%s cannot be compared with %s; CAST one of them", type_name(left, a),
                      type_name(right, c));
}

static node *
compare_general(builder *b, int32_t at, cmp_code op, node *left, node *right)
{
    slu_type common;
    if (!type_common(left->type, right->type, &common))
        return compare_mismatch(b, at, left->type, right->type);
    /* Two DECIMALs compare exactly at their own scales; everything else meets in one type first. */
    if (domain_of(common) == D_DEC) {
        left = build_cast(b, at, left, type_as_decimal(left->type), false);
        right = build_cast(b, at, right, type_as_decimal(right->type), false);
    } else {
        left = build_cast(b, at, left, common, false);
        right = build_cast(b, at, right, common, false);
    }
    if (left == NULL || right == NULL)
        return NULL;
    if (right->op == OP_CONST && left->op != OP_CONST && domain_of(common) != D_BOOL)
        return compare_const(b, at, op, left, right);
    node *n = make2(b, OP_CMP, at, bool_type(), left, right);
    if (n != NULL)
        n->cmp = op;
    return fold(b, n);
}

node *
build_compare(builder *b, int32_t at, cmp_code op, node *left, node *right)
{
    left = text_as_time(b, left, right->type);
    right = left == NULL ? NULL : text_as_time(b, right, left->type);
    if (left == NULL || right == NULL)
        return NULL;
    if (left->op == OP_CONST && right->op != OP_CONST) {
        node *constant = left;
        left = right;
        right = constant;
        op = cmp_swapped(op);
    }
    slu_type common;
    if (!type_common(left->type, right->type, &common) && !const_comparable(left->type, right->type))
        return compare_mismatch(b, at, left->type, right->type);
    if (right->op == OP_CONST && right->is_null)
        return make_null(b, at, bool_type());
    if (right->op == OP_CONST && left->op != OP_CONST && const_comparable(left->type, right->type))
        return compare_const(b, at, op, left, right);
    return compare_general(b, at, op, left, right);
}

/* ---- Logic ------------------------------------------------------------------------------------------------------------------ */

/* A BOOLEAN, or the NULL literal as one. */
static node *
need_bool(builder *b, node *n, const char *who)
{
    char name[64];
    if (n->type.id == SLU_TYPE_OTHER)
        return make_null(b, n->at, bool_type());
    if (n->type.id != SLU_TYPE_BOOL)
        return build_fail(b, SLU_INVALID, n->at, "%s needs a BOOLEAN, not %s", who, type_name(n->type, name));
    return n;
}

node *
build_logic(builder *b, int32_t at, op_code which, node *left, node *right)
{
    const char *who = which == OP_AND ? "AND" : "OR";
    left = need_bool(b, left, who);
    right = left == NULL ? NULL : need_bool(b, right, who);
    return right == NULL ? NULL : fold(b, make2(b, which, at, bool_type(), left, right));
}

node *
build_not(builder *b, int32_t at, node *arg)
{
    arg = need_bool(b, arg, "NOT");
    return arg == NULL ? NULL : fold(b, make1(b, OP_NOT, at, bool_type(), arg));
}

node *
build_is_null(builder *b, int32_t at, node *arg, bool negated)
{
    if (arg->type.id == SLU_TYPE_OTHER)
        return build_bool(b, at, !negated);
    node *n = make1(b, OP_IS_NULL, at, bool_type(), arg);
    if (n != NULL) {
        n->negated = negated;
        n->nullable = false;
    }
    return fold(b, n);
}

node *
build_is_truth(builder *b, int32_t at, node *arg, bool truth, bool negated)
{
    arg = need_bool(b, arg, truth ? "IS TRUE" : "IS FALSE");
    node *n = arg == NULL ? NULL : make1(b, OP_IS_TRUE, at, bool_type(), arg);
    if (n != NULL) {
        n->int_value = truth;
        n->negated = negated;
        n->nullable = false;
    }
    return fold(b, n);
}

/* ---- IN --------------------------------------------------------------------------------------------------------------------- */

static int
number_order(const void *a, const void *b)
{
    const i128 x = *(const slu_i128 *)a, y = *(const slu_i128 *)b;
    return (x > y) - (x < y);
}

static int
text_order(const void *a, const void *b)
{
    return text_compare(*(const text_view *)a, *(const text_view *)b);
}

/* Whether `test` (made by build_compare of `arg` with one element) is a plain test against a constant. */
static bool
in_is_simple(const node *test, const node *arg)
{
    const domain d = domain_of(arg->type);
    return (test->op == OP_CONST && test->is_null) ||
           (test->op == OP_CMP_CONST && test->args[0] == arg && (d == D_INT || d == D_DEC || d == D_TEXT));
}

static node *
in_of_list(builder *b, int32_t at, node *arg, node **tests, uint32_t count)
{
    node *n = make1(b, OP_IN, at, bool_type(), arg);
    const bool texts = domain_of(arg->type) == D_TEXT;
    if (n == NULL)
        return NULL;
    n->list_numbers = texts ? NULL : expr_alloc(b->expr, count * sizeof *n->list_numbers);
    n->list_texts = texts ? expr_alloc(b->expr, count * sizeof *n->list_texts) : NULL;
    if (n->list_numbers == NULL && n->list_texts == NULL)
        return build_fail(b, SLU_NOMEM, at, "no memory");
    for (uint32_t i = 0; i < count; i++) {
        if (tests[i]->op == OP_CONST)
            n->list_has_null = n->nullable = true;
        else if (texts)
            n->list_texts[n->list_count++] = tests[i]->text;
        else if (!tests[i]->never)
            n->list_numbers[n->list_count++] = tests[i]->dec_value;
    }
    if (texts)
        qsort(n->list_texts, n->list_count, sizeof *n->list_texts, text_order);
    else
        qsort(n->list_numbers, n->list_count, sizeof *n->list_numbers, number_order);
    return n;
}

node *
build_in(builder *b, int32_t at, node *arg, node **list, uint32_t count, bool negated)
{
    bool simple = true;
    node **tests = expr_alloc(b->expr, count * sizeof *tests);
    if (tests == NULL)
        return build_fail(b, SLU_NOMEM, at, "no memory");
    for (uint32_t i = 0; i < count; i++) {
        if ((tests[i] = build_compare(b, list[i]->at, CMP_EQ, arg, list[i])) == NULL)
            return NULL;
        simple &= in_is_simple(tests[i], arg);
    }
    node *n;
    if (simple && count > 2 && arg->op != OP_CONST) {
        n = in_of_list(b, at, arg, tests, count);
    } else {
        n = tests[0];
        for (uint32_t i = 1; i < count && n != NULL; i++)
            n = build_logic(b, at, OP_OR, n, tests[i]);
    }
    return n == NULL || !negated ? n : build_not(b, at, n);
}

node *
build_like(builder *b, int32_t at, node *arg, node *pattern, int32_t escape, bool negated)
{
    char name[64];
    node *wrong = arg->type.id != SLU_TYPE_UTF8 && arg->type.id != SLU_TYPE_OTHER           ? arg
                  : pattern->type.id != SLU_TYPE_UTF8 && pattern->type.id != SLU_TYPE_OTHER ? pattern
                                                                                            : NULL;
    if (wrong != NULL)
        return build_fail(b, SLU_INVALID, wrong->at, "LIKE needs a STRING, not %s", type_name(wrong->type, name));
    if (arg->type.id == SLU_TYPE_OTHER || pattern->type.id == SLU_TYPE_OTHER)
        return make_null(b, at, bool_type());
    node *n = make2(b, OP_LIKE, at, bool_type(), arg, pattern);
    if (n != NULL) {
        n->escape = escape;
        n->negated = negated;
    }
    return fold(b, n);
}

/* ---- Arithmetic ------------------------------------------------------------------------------------------------------------- */

static slu_type
decimal_result(op_code which, slu_type a, slu_type b)
{
    const int32_t a_whole = a.precision - a.scale, b_whole = b.precision - b.scale;
    const int32_t scale = a.scale > b.scale ? a.scale : b.scale;
    const int32_t whole = a_whole > b_whole ? a_whole : b_whole;
    switch (which) {
    case OP_MUL: return type_decimal(a.precision + b.precision, a.scale + b.scale);
    case OP_DIV: {
        const int32_t digits = a.scale + b.precision + 1 > 6 ? a.scale + b.precision + 1 : 6;
        return type_decimal(a_whole + b.scale + digits, digits);
    }
    case OP_MOD: return type_decimal((a_whole < b_whole ? a_whole : b_whole) + scale, scale);
    default: return type_decimal(whole + scale + 1, scale);
    }
}

static const char *
op_symbol(op_code which)
{
    return which == OP_ADD ? "+" : which == OP_SUB ? "-" : which == OP_MUL ? "*" : which == OP_DIV ? "/" : "%";
}

node *
build_arithmetic(builder *b, int32_t at, op_code which, node *left, node *right)
{
    char name[64];
    node *wrong = !type_is_numeric(left->type) && left->type.id != SLU_TYPE_OTHER     ? left
                  : !type_is_numeric(right->type) && right->type.id != SLU_TYPE_OTHER ? right
                                                                                      : NULL;
    if (wrong != NULL)
        return build_fail(b, SLU_INVALID, wrong->at, "'%s' needs numbers, not %s", op_symbol(which), type_name(wrong->type, name));
    if (left->type.id == SLU_TYPE_OTHER || right->type.id == SLU_TYPE_OTHER)
        return make_null(b, at, left->type.id == SLU_TYPE_OTHER ? right->type : left->type);
    slu_type type;
    if (type_is_f64(left->type) || type_is_f64(right->type)) {
        type = left->type.id == right->type.id ? left->type : slu_type_make(SLU_TYPE_DOUBLE, 8);
        left = build_cast(b, at, left, type, false);
        right = build_cast(b, at, right, type, false);
    } else if (type_is_int(left->type) && type_is_int(right->type)) {
        const bool wide = left->type.id == SLU_TYPE_INT64 || right->type.id == SLU_TYPE_INT64;
        type = wide ? slu_type_make(SLU_TYPE_INT64, 8) : slu_type_make(SLU_TYPE_INT32, 4);
    } else {
        left = build_cast(b, at, left, type_as_decimal(left->type), false);
        right = build_cast(b, at, right, type_as_decimal(right->type), false);
        type = left == NULL || right == NULL ? bool_type() : decimal_result(which, left->type, right->type);
    }
    if (left == NULL || right == NULL)
        return NULL;
    node *n = make2(b, which, at, type, left, right);
    if (n != NULL)
        n->can_fail |= !type_is_f64(type);
    return fold(b, n);
}

node *
build_negate(builder *b, int32_t at, node *arg)
{
    char name[64];
    if (arg->type.id == SLU_TYPE_OTHER)
        return arg;
    if (!type_is_numeric(arg->type))
        return build_fail(b, SLU_INVALID, arg->at, "'-' needs a number, not %s", type_name(arg->type, name));
    node *n = make1(b, OP_NEG, at, arg->type, arg);
    if (n != NULL)
        n->can_fail |= domain_of(arg->type) == D_INT;
    return fold(b, n);
}

/* ---- Conversion ------------------------------------------------------------------------------------------------------------- */

static bool
cast_known(slu_type from, slu_type to)
{
    const domain f = domain_of(from), t = domain_of(to);
    if (slu_type_is_nested(to) || to.id == SLU_TYPE_OTHER)
        return false;
    if (t == D_TEXT || f == D_TEXT)
        return (f == D_TEXT && t == D_TEXT) || (f == D_TEXT ? from.id == SLU_TYPE_UTF8 : to.id == SLU_TYPE_UTF8);
    if (type_is_numeric(from) && type_is_numeric(to))
        return true;
    if (from.id == SLU_TYPE_BOOL || to.id == SLU_TYPE_BOOL)
        return from.id == to.id || type_is_int(from) || type_is_int(to);
    if (from.id == SLU_TYPE_DATE || to.id == SLU_TYPE_DATE)
        return from.id == to.id || from.id == SLU_TYPE_TIMESTAMP || to.id == SLU_TYPE_TIMESTAMP;
    return from.id == to.id;
}

static bool
cast_can_fail(slu_type from, slu_type to)
{
    if (domain_of(from) == D_TEXT)
        return domain_of(to) != D_TEXT || to.id == SLU_TYPE_FIXED;
    if (domain_of(to) == D_TEXT || domain_of(to) == D_F64 || to.id == SLU_TYPE_BOOL || from.id == SLU_TYPE_BOOL)
        return false;
    if (type_is_int(from) && type_is_int(to))
        return to.id < from.id;
    if (type_is_int(from) && to.id == SLU_TYPE_DECIMAL)
        return to.precision - to.scale < type_as_decimal(from).precision;
    if (from.id == SLU_TYPE_DECIMAL && to.id == SLU_TYPE_DECIMAL)
        return to.precision - to.scale < from.precision - from.scale || to.scale < from.scale;
    return true;
}

node *
build_cast(builder *b, int32_t at, node *arg, slu_type type, bool attempt)
{
    char from[64], to[64];
    if (arg == NULL)
        return NULL;
    if (arg->type.id == SLU_TYPE_OTHER)
        return make_null(b, at, type);
    if (type_same(arg->type, type))
        return arg;
    if (!cast_known(arg->type, type))
        return build_fail(b, SLU_INVALID, at, "no CAST from %s to %s", type_name(arg->type, from), type_name(type, to));
    node *n = make1(b, OP_CAST, at, type, arg);
    if (n == NULL)
        return NULL;
    n->attempt = attempt;
    if (cast_can_fail(arg->type, type)) {
        n->nullable |= attempt;
        n->can_fail |= !attempt;
    }
    return fold(b, n);
}

/* ---- CASE, COALESCE, functions ---------------------------------------------------------------------------------------------- */

static bool
common_of(builder *b, int32_t at, node **args, uint32_t count, uint32_t first, uint32_t step, slu_type *out)
{
    char x[64], y[64];
    *out = slu_type_make(SLU_TYPE_OTHER, 0);
    for (uint32_t i = first; i < count; i += step) {
        slu_type wider;
        if (!type_common(*out, args[i]->type, &wider)) {
            (void)build_fail(b, SLU_INVALID, args[i]->at, "%s does not go with %s; CAST one of them", type_name(args[i]->type, x),
                             type_name(*out, y));
            return false;
        }
        *out = wider;
    }
    if (out->id == SLU_TYPE_OTHER)
        (void)build_fail(b, SLU_INVALID, at, "every value is NULL: CAST one of them to say the type");
    return out->id != SLU_TYPE_OTHER;
}

node *
build_case(builder *b, int32_t at, node **parts, uint32_t count)
{
    slu_type type;
    if (parts[count - 1] == NULL && (parts[count - 1] = build_null(b, at)) == NULL)
        return NULL;
    /* The results are parts 1, 3, 5 ... and the last: look at the else through the place of a when. */
    node **results = expr_alloc(b->expr, (count / 2 + 1) * sizeof *results);
    if (results == NULL)
        return build_fail(b, SLU_NOMEM, at, "no memory");
    for (uint32_t i = 0; i < count / 2; i++)
        results[i] = parts[2 * i + 1];
    results[count / 2] = parts[count - 1];
    if (!common_of(b, at, results, count / 2 + 1, 0, 1, &type))
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        const bool is_when = i % 2 == 0 && i + 1 < count;
        parts[i] = is_when ? need_bool(b, parts[i], "WHEN") : build_cast(b, parts[i]->at, parts[i], type, false);
        if (parts[i] == NULL)
            return NULL;
    }
    node *n = make(b, OP_CASE, at, type, parts, count);
    if (n == NULL)
        return NULL;
    n->nullable = parts[count - 1]->nullable; /* a null WHEN makes no null result */
    for (uint32_t i = 1; i < count; i += 2)
        n->nullable |= parts[i]->nullable;
    return fold(b, n);
}

node *
build_coalesce(builder *b, int32_t at, node **args, uint32_t count)
{
    slu_type type;
    if (!common_of(b, at, args, count, 0, 1, &type))
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        if ((args[i] = build_cast(b, args[i]->at, args[i], type, false)) == NULL)
            return NULL;
    node *n = make(b, OP_COALESCE, at, type, args, count);
    for (uint32_t i = 0; n != NULL && i < count; i++)
        n->nullable &= args[i]->nullable;
    return fold(b, n);
}

typedef enum result_rule { R_SAME, R_INT, R_TEXT, R_WHOLE } result_rule;

/* `kinds`: one letter per argument: t text, n number, i integer; a capital one is optional. */
static const struct {
    const char *name;
    const char *kinds;
    function_code function;
    result_rule result;
    bool can_fail;
} functions[] = {{"lower", "t", F_LOWER, R_TEXT, false},
                 {"upper", "t", F_UPPER, R_TEXT, false},
                 {"length", "t", F_LENGTH, R_INT, false},
                 {"char_length", "t", F_LENGTH, R_INT, false},
                 {"character_length", "t", F_LENGTH, R_INT, false},
                 {"substr", "tiI", F_SUBSTR, R_TEXT, false},
                 {"substring", "tiI", F_SUBSTR, R_TEXT, false},
                 {"trim", "t", F_TRIM, R_TEXT, false},
                 {"ltrim", "t", F_LTRIM, R_TEXT, false},
                 {"rtrim", "t", F_RTRIM, R_TEXT, false},
                 {"abs", "n", F_ABS, R_SAME, true},
                 {"floor", "n", F_FLOOR, R_WHOLE, true},
                 {"ceil", "n", F_CEIL, R_WHOLE, true},
                 {"ceiling", "n", F_CEIL, R_WHOLE, true},
                 {"round", "n", F_ROUND, R_WHOLE, true}};

static const char *const special_functions[] = {
    "coalesce",  "nullif",      "if",      "concat", "mod",       "lower",        "upper",
    "length",    "substr",      "trim",    "ltrim",  "rtrim",     "abs",          "floor",
    "ceil",      "round",       "cast",    "case",   "substring", "to_timestamp", "to_timestamp_ltz",
    "to_millis", "char_length", "try_cast"};

static bool
name_is(const char *name, size_t bytes, const char *word)
{
    return strlen(word) == bytes && strncasecmp(name, word, bytes) == 0;
}

static bool
kind_fits(char kind, slu_type type)
{
    if (type.id == SLU_TYPE_OTHER)
        return true;
    switch (kind) {
    case 't':
    case 'T': return type.id == SLU_TYPE_UTF8;
    case 'i':
    case 'I': return type_is_int(type);
    default: return type_is_numeric(type);
    }
}

static node *
call_checked(builder *b, int32_t at, size_t which, node **args, uint32_t count)
{
    char name[64];
    const char *kinds = functions[which].kinds;
    uint32_t least = 0;
    while (kinds[least] != 0 && kinds[least] >= 'a')
        least++;
    if (count < least || count > strlen(kinds))
        return build_fail(b, SLU_INVALID, at, "%s takes %u argument%s%s, not %u", functions[which].name, least,
                          least == 1 ? "" : "s", strlen(kinds) > least ? " or one more" : "", count);
    for (uint32_t i = 0; i < count; i++) {
        if (!kind_fits(kinds[i], args[i]->type))
            return build_fail(b, SLU_INVALID, args[i]->at, "%s needs %s here, not %s", functions[which].name,
                              kinds[i] == 't'   ? "a STRING"
                              : kinds[i] == 'n' ? "a number"
                                                : "an integer",
                              type_name(args[i]->type, name));
        const slu_type wanted = kinds[i] == 't'   ? slu_type_make(SLU_TYPE_UTF8, 0)
                                : kinds[i] == 'n' ? slu_type_make(SLU_TYPE_DOUBLE, 8)
                                                  : slu_type_make(SLU_TYPE_INT64, 8);
        if ((args[i]->type.id == SLU_TYPE_OTHER || kinds[i] == 'i' || kinds[i] == 'I') &&
            (args[i] = build_cast(b, args[i]->at, args[i], wanted, false)) == NULL)
            return NULL;
    }
    slu_type type = args[0]->type;
    if (functions[which].result == R_INT)
        type = slu_type_make(SLU_TYPE_INT32, 4);
    else if (functions[which].result == R_WHOLE && type.id == SLU_TYPE_DECIMAL)
        type = type_decimal(type.precision - type.scale + 1, 0);
    node *n = make(b, OP_FUNCTION, at, type, args, count);
    if (n != NULL) {
        n->function = functions[which].function;
        n->can_fail |= functions[which].can_fail && !type_is_f64(type);
    }
    return fold(b, n);
}

node *
build_concat(builder *b, int32_t at, node *left, node *right)
{
    char name[64];
    node *args[2] = {left, right};
    for (int i = 0; i < 2; i++) {
        if (args[i]->type.id == SLU_TYPE_OTHER)
            return make_null(b, at, slu_type_make(SLU_TYPE_UTF8, 0));
        if (args[i]->type.id != SLU_TYPE_UTF8)
            return build_fail(b, SLU_INVALID, args[i]->at, "|| needs a STRING, not %s; CAST it", type_name(args[i]->type, name));
    }
    node *n = make(b, OP_FUNCTION, at, slu_type_make(SLU_TYPE_UTF8, 0), args, 2);
    if (n != NULL)
        n->function = F_CONCAT;
    return fold(b, n);
}

/* NULLIF(a, b) is CASE WHEN a = b THEN NULL ELSE a END; IF(c, a, b) is CASE WHEN c THEN a ELSE b END. */
static node *
call_as_case(builder *b, int32_t at, node *when, node *then, node *otherwise)
{
    node *parts[3] = {when, then, otherwise};
    return when == NULL || then == NULL ? NULL : build_case(b, at, parts, 3);
}

/* TO_TIMESTAMP(ms), TO_TIMESTAMP_LTZ(ms): milliseconds since 1970 as TIMESTAMP(3); TO_MILLIS(timestamp): the way back. */
static node *
call_instant(builder *b, int32_t at, node *arg, bool to_millis, bool zoned)
{
    char name[64];
    const bool fits = to_millis ? arg->type.id == SLU_TYPE_TIMESTAMP : type_is_int(arg->type);
    if (!fits && arg->type.id != SLU_TYPE_OTHER)
        return build_fail(b, SLU_INVALID, arg->at, "%s is needed here, not %s",
                          to_millis ? "a TIMESTAMP" : "an integer of milliseconds", type_name(arg->type, name));
    slu_type instant = slu_type_of("tsm:");
    instant.zoned = to_millis ? arg->type.zoned : zoned;
    const slu_type millis = slu_type_make(SLU_TYPE_INT64, 8);
    arg = build_cast(b, at, arg, to_millis ? instant : millis, false);
    node *n = arg == NULL ? NULL : make1(b, OP_FUNCTION, at, to_millis ? millis : instant, arg);
    if (n != NULL)
        n->function = F_INSTANT;
    return fold(b, n);
}

node *
build_function(builder *b, int32_t at, const char *name, size_t name_bytes, node **args, uint32_t count)
{
    if (name_is(name, name_bytes, "coalesce") && count > 0)
        return build_coalesce(b, at, args, count);
    if (name_is(name, name_bytes, "nullif") && count == 2)
        return call_as_case(b, at, build_compare(b, at, CMP_EQ, args[0], args[1]), build_null(b, at), args[0]);
    if (name_is(name, name_bytes, "if") && count == 3)
        return call_as_case(b, at, args[0], args[1], args[2]);
    if (name_is(name, name_bytes, "mod") && count == 2)
        return build_arithmetic(b, at, OP_MOD, args[0], args[1]);
    if (name_is(name, name_bytes, "to_timestamp") && count == 1)
        return call_instant(b, at, args[0], false, false);
    if (name_is(name, name_bytes, "to_timestamp_ltz") && count == 1)
        return call_instant(b, at, args[0], false, true);
    if (name_is(name, name_bytes, "to_millis") && count == 1)
        return call_instant(b, at, args[0], true, false);
    if (name_is(name, name_bytes, "concat") && count > 0) {
        node *joined = args[0];
        for (uint32_t i = 1; i < count && joined != NULL; i++)
            joined = build_concat(b, at, joined, args[i]);
        return joined;
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (name_is(name, name_bytes, functions[i].name))
            return call_checked(b, at, i, args, count);
    const char *near = sdk_suggest(name, name_bytes, special_functions, sizeof special_functions / sizeof *special_functions);
    const bool known = near != NULL && name_is(name, name_bytes, near);
    return build_fail(b, SLU_INVALID, at,
                      known ? "%.*s with %u arguments is not known" : "there is no function %.*s of %u arguments%s%s%s",
                      name_bytes > 60 ? 60 : (int)name_bytes, name, count, near != NULL ? "; did you mean " : "",
                      near != NULL ? near : "", near != NULL ? "?" : "");
}

/* ---- The outside ------------------------------------------------------------------------------------------------------------ */

static void
expr_fini(sdk_expr *expr)
{
    for (size_t i = 0; i < expr->scratch_count; i++)
        free(expr->scratch_nodes[i]->bytes);
    for (size_t i = 0; i < expr->memory_count; i++)
        free(expr->memory[i]);
    free(expr->scratch_nodes);
    free(expr->memory);
    free(expr->text);
    free(expr);
}

void
sdk_expr_free(sdk_expr **expr)
{
    sdk_expr *mine = slu_take(expr);
    if (mine != NULL)
        expr_fini(mine);
}

slu_status
sdk_expr_compile(const char *text, const struct ArrowSchema *schema, sdk_expr **out, int32_t *out_at, slu_error *err)
{
    sdk_expr *expr = calloc(1, sizeof *expr);
    if (expr == NULL || (expr->text = strdup(text)) == NULL) {
        free(expr);
        return slu_error_set(err, SLU_NOMEM, "no memory for an expression");
    }
    builder b = {.expr = expr, .schema = schema, .err = err};
    expr->root = expr_parse(&b, expr->text);
    if (expr->root != NULL && expr->root->type.id == SLU_TYPE_OTHER)
        expr->root = build_fail(&b, SLU_INVALID, 0, "NULL alone has no type: CAST it");
    if (expr->root == NULL) {
        if (out_at != NULL)
            *out_at = b.error_at;
        expr_fini(expr);
        return b.failed;
    }
    type_format(expr->root->type, expr->format);
    *out = expr;
    return SLU_OK;
}

slu_status
sdk_expr_compile_value(const slu_value *value, const char *context, const struct ArrowSchema *schema, sdk_expr **out,
                       slu_error *err)
{
    int32_t at = 0;
    if (value == NULL || value->kind != SLU_VALUE_SCALAR)
        return slu_error_at(err, SLU_INVALID, value, 0, "%s: an expression is expected, in quotes", context);
    const slu_status status = sdk_expr_compile(value->text, schema, out, &at, err);
    if (status == SLU_OK)
        return SLU_OK;
    if (err != NULL && value->line != 0) {
        err->line = value->line;
        err->column = value->column + (uint32_t)at;
    }
    return slu_error_in(err, status, "%s '%.200s'", context, value->text);
}

slu_status
sdk_expr_compile_condition(const slu_value *value, const char *context, const struct ArrowSchema *schema, sdk_expr **out,
                           slu_error *err)
{
    char name[64];
    sdk_expr *expr = NULL;
    SLU_TRY(sdk_expr_compile_value(value, context, schema, &expr, err));
    if (expr->root->type.id != SLU_TYPE_BOOL) {
        (void)slu_error_at(err, SLU_INVALID, value, 0, "%s '%.200s': a BOOLEAN is expected, this is %s", context, value->text,
                           type_name(expr->root->type, name));
        sdk_expr_free(&expr);
        return SLU_INVALID;
    }
    *out = expr;
    return SLU_OK;
}

const char *
sdk_expr_format(const sdk_expr *expr)
{
    return expr->format;
}

bool
sdk_expr_nullable(const sdk_expr *expr)
{
    return expr->root->nullable;
}

int64_t
sdk_expr_bare_column(const sdk_expr *expr)
{
    return expr->root->op == OP_COLUMN ? expr->root->column : -1;
}

const char *
sdk_expr_caret(const char *text, int32_t at, char *out, size_t out_bytes)
{
    int32_t start = at, end = at;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    while (text[end] != 0 && text[end] != '\n')
        end++;
    (void)snprintf(out, out_bytes, "%.*s\n%*s", (int)(end - start), text + start, (int)(at - start) + 1, "^");
    return out;
}
