/*
 * The evaluator beside the obvious one: random trees over random rows, computed row by row while they are built, compared with what the
 * compiled text gives, over several blocks, with and without a selection. And once with a planted fault, to see that it is noticed.
 */
#include "batches.h"

#include <sluice/sdk/expr.h>

#define ROWS 2500
#define TEXT_MAX 6000

/* A value of the model: a tri-state boolean, a 64-bit number in hundredths, or null. */
typedef struct model_value {
    bool null;
    int64_t cents; /* numbers, exact; booleans 0 or 1 */
} model_value;

typedef struct tree {
    char text[TEXT_MAX];
    model_value *rows; /* [ROWS] */
} tree;

static uint64_t seed;

static uint32_t
pick(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(seed >> 33) % below;
}

/* Columns a, b: BIGINT; c, d: DECIMAL(8,2); p: BOOLEAN; each with nulls but b. */
static model_value columns[5][ROWS];

static tree *
tree_new(void)
{
    tree *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->rows = calloc(ROWS, sizeof *t->rows);
    assert_non_null(t->rows);
    return t;
}

static void
tree_free(tree *t)
{
    if (t == NULL)
        return;
    free(t->rows);
    free(t);
}

static tree *number(int depth);

/* A whole number is a BIGINT column or literal, else a DECIMAL one; small enough that no sum or product of the depths used overflows. */
static tree *
number_leaf(void)
{
    tree *t = tree_new();
    const uint32_t which = pick(6);
    if (which < 4) {
        memcpy(t->rows, columns[which], sizeof columns[which]);
        (void)snprintf(t->text, sizeof t->text, "%c", "abcd"[which]);
        return t;
    }
    const int64_t cents = which == 4 ? (int64_t)pick(40) * 100 - 2000 : (int64_t)pick(4000) - 2000;
    if (which == 4)
        (void)snprintf(t->text, sizeof t->text, "(%lld)", (long long)cents / 100);
    else
        (void)snprintf(t->text, sizeof t->text, "(%s%lld.%02lld)", cents < 0 ? "-" : "", (long long)llabs(cents) / 100,
                       (long long)llabs(cents) % 100);
    for (int i = 0; i < ROWS; i++)
        t->rows[i].cents = cents;
    return t;
}

static tree *
joined(const char *format, tree *x, tree *y)
{
    tree *t = tree_new();
    /* Too long a text is cut, and then refused by the parser: keep well below. */
    assert_true(strlen(x->text) + strlen(y->text) + 32 < TEXT_MAX);
    (void)snprintf(t->text, sizeof t->text, format, x->text, y->text);
    return t;
}

static tree *
number_sum(int depth)
{
    tree *x = number(depth - 1), *y = number(depth - 1);
    const bool minus = pick(2);
    tree *t = joined(minus ? "(%.2800s - %.2800s)" : "(%.2800s + %.2800s)", x, y);
    for (int i = 0; i < ROWS; i++) {
        t->rows[i].null = x->rows[i].null || y->rows[i].null;
        t->rows[i].cents = minus ? x->rows[i].cents - y->rows[i].cents : x->rows[i].cents + y->rows[i].cents;
    }
    tree_free(x);
    tree_free(y);
    return t;
}

static tree *boolean(int depth);

static tree *
number_choice(int depth)
{
    tree *when = boolean(depth - 1), *x = number(depth - 1), *y = number(depth - 1);
    tree *t = tree_new();
    assert_true(strlen(when->text) + strlen(x->text) + strlen(y->text) + 64 < TEXT_MAX);
    (void)snprintf(t->text, sizeof t->text, "case when %.1900s then %.1900s else %.1900s end", when->text, x->text, y->text);
    for (int i = 0; i < ROWS; i++)
        t->rows[i] = !when->rows[i].null && when->rows[i].cents ? x->rows[i] : y->rows[i];
    tree_free(when);
    tree_free(x);
    tree_free(y);
    return t;
}

static tree *
number_coalesce(int depth)
{
    tree *x = number(depth - 1), *y = number(depth - 1);
    tree *t = joined("coalesce(%.2800s, %.2800s)", x, y);
    for (int i = 0; i < ROWS; i++)
        t->rows[i] = x->rows[i].null ? y->rows[i] : x->rows[i];
    tree_free(x);
    tree_free(y);
    return t;
}

static tree *
number(int depth)
{
    const uint32_t which = depth == 0 ? 0 : pick(6);
    return which < 2 ? number_leaf() : which < 4 ? number_sum(depth) : which == 4 ? number_choice(depth) : number_coalesce(depth);
}

static tree *
boolean_compare(int depth)
{
    static const char *const ops[] = {"=", "<>", "<", "<=", ">", ">="};
    char format[40];
    tree *x = number(depth - 1), *y = number(depth - 1);
    const uint32_t which = pick(6);
    (void)snprintf(format, sizeof format, "(%%.2800s %s %%.2800s)", ops[which]);
    tree *t = joined(format, x, y);
    for (int i = 0; i < ROWS; i++) {
        const int64_t order = x->rows[i].cents - y->rows[i].cents;
        const bool answers[] = {order == 0, order != 0, order<0, order <= 0, order> 0, order >= 0};
        t->rows[i].null = x->rows[i].null || y->rows[i].null;
        t->rows[i].cents = !t->rows[i].null && answers[which];
    }
    tree_free(x);
    tree_free(y);
    return t;
}

static tree *
boolean_logic(int depth)
{
    tree *x = boolean(depth - 1), *y = boolean(depth - 1);
    const bool and = pick(2);
    tree *t = joined(and? "(%.2800s and %.2800s)" : "(%.2800s or %.2800s)", x, y);
    for (int i = 0; i < ROWS; i++) {
        const int a = x->rows[i].null ? 1 : x->rows[i].cents ? 2 : 0, b = y->rows[i].null ? 1 : y->rows[i].cents ? 2 : 0;
        const int v = and? (a < b ? a : b) : (a > b ? a : b); /* FALSE < NULL < TRUE */
        t->rows[i].null = v == 1;
        t->rows[i].cents = v == 2;
    }
    tree_free(x);
    tree_free(y);
    return t;
}

static tree *
boolean_not(int depth)
{
    tree *x = boolean(depth - 1), *t = tree_new();
    (void)snprintf(t->text, sizeof t->text, "(not %.5900s)", x->text);
    for (int i = 0; i < ROWS; i++) {
        t->rows[i].null = x->rows[i].null;
        t->rows[i].cents = !x->rows[i].null && !x->rows[i].cents;
    }
    tree_free(x);
    return t;
}

static tree *
boolean_is_null(int depth)
{
    tree *x = number(depth - 1), *t = tree_new();
    (void)snprintf(t->text, sizeof t->text, "(%.5900s is null)", x->text);
    for (int i = 0; i < ROWS; i++)
        t->rows[i].cents = x->rows[i].null;
    tree_free(x);
    return t;
}

static tree *
boolean_in(int depth)
{
    tree *x = number(depth - 1), *t = tree_new();
    const bool with_null = pick(4) == 0, negated = pick(2);
    int64_t list[5];
    size_t at = (size_t)snprintf(t->text, sizeof t->text, "(%.5000s %sin (", x->text, negated ? "not " : "");
    for (int k = 0; k < 5; k++) {
        list[k] = (int64_t)pick(60) * 50 - 1500;
        at += (size_t)snprintf(t->text + at, sizeof t->text - at, "%s%s%lld.%02lld", k != 0 ? ", " : "", list[k] < 0 ? "-" : "",
                               (long long)llabs(list[k]) / 100, (long long)llabs(list[k]) % 100);
    }
    (void)snprintf(t->text + at, sizeof t->text - at, "%s))", with_null ? ", null" : "");
    for (int i = 0; i < ROWS; i++) {
        bool found = false;
        for (int k = 0; k < 5; k++)
            found = found || list[k] == x->rows[i].cents;
        t->rows[i].null = x->rows[i].null || (!found && with_null);
        t->rows[i].cents = !t->rows[i].null && found != negated;
    }
    tree_free(x);
    return t;
}

static tree *
boolean(int depth)
{
    if (depth == 0) {
        tree *t = tree_new();
        memcpy(t->rows, columns[4], sizeof columns[4]);
        (void)snprintf(t->text, sizeof t->text, "p");
        return t;
    }
    switch (pick(8)) {
    case 0:
    case 1:
    case 2: return boolean_compare(depth);
    case 3:
    case 4: return boolean_logic(depth);
    case 5: return boolean_not(depth);
    case 6: return boolean_is_null(depth);
    default: return boolean_in(depth);
    }
}

static void
batch_make(test_batch *batch)
{
    slu_error err = {0};
    struct ArrowArray arrays[5];
    static const char *const formats[] = {"l", "l", "d:8,2", "d:8,2", "b"};
    memset(batch, 0, sizeof *batch);
    CHECK_OK(sdk_schema_from_columns("a BIGINT, b BIGINT, c DECIMAL(8,2), d DECIMAL(8,2), p BOOLEAN", &batch->schema, &err));
    for (int c = 0; c < 5; c++) {
        SLU_AUTO(sdk_builder_fini) sdk_builder to;
        CHECK_STATUS(sdk_builder_init(&to, formats[c], NULL), SLU_OK);
        for (int i = 0; i < ROWS; i++) {
            model_value *v = &columns[c][i];
            v->null = c != 1 && pick(5) == 0;
            v->cents = c == 4 ? (int64_t)pick(2) : c < 2 ? ((int64_t)pick(40) - 20) * 100 : (int64_t)pick(4000) - 2000;
            if (v->null) {
                sdk_builder_null(&to);
                v->cents = 0;
            } else if (c == 4) {
                sdk_builder_bool(&to, v->cents);
            } else if (c < 2) {
                sdk_builder_i64(&to, v->cents / 100);
            } else {
                sdk_builder_decimal(&to, v->cents);
            }
        }
        CHECK_OK(sdk_builder_finish(&to, &arrays[c], &err));
    }
    CHECK_OK(sdk_struct(arrays, 5, ROWS, &batch->array, &err));
    batch->shown.size = sizeof batch->shown;
    batch->shown.schema = &batch->schema;
    batch->shown.array = &batch->array;
    batch->shown.rows = ROWS;
}

/* The row of a computed column, in hundredths. */
static int64_t
cents_at(const slu_column *column, int64_t i)
{
    if (column->type.id == SLU_TYPE_BOOL)
        return slu_column_bool(column, i);
    if (column->type.id != SLU_TYPE_DECIMAL)
        return slu_column_int(column, i) * 100;
    int64_t unit = 1;
    for (int32_t k = column->type.scale; k < 2; k++)
        unit *= 10;
    return (int64_t)slu_column_decimals(column)[i] * unit;
}

/* How many rows differ. */
static int
differences(const tree *t, const test_batch *batch)
{
    slu_error err = {0};
    sdk_expr *expr = NULL;
    struct ArrowArray out;
    int wrong = 0;
    if (sdk_expr_compile(t->text, &batch->schema, &expr, NULL, &err) != SLU_OK)
        fail_msg("%s: %s", t->text, err.message);
    if (sdk_expr_project(expr, &batch->shown, NULL, &out, &err) != SLU_OK)
        fail_msg("%s: %s", t->text, err.message);
    const slu_column column = slu_column_view(sdk_expr_format(expr), &out);
    for (int64_t i = 0; i < batch->shown.rows; i++) {
        const model_value *v = &t->rows[slu_batch_row(&batch->shown, i)];
        wrong += slu_column_valid(&column, i) == v->null || (!v->null && cents_at(&column, i) != v->cents);
    }
    if (column.type.id == SLU_TYPE_BOOL) {
        static uint8_t truth[ROWS];
        CHECK_OK(sdk_expr_truth(expr, &batch->shown, truth, &err));
        for (int64_t i = 0; i < batch->shown.rows; i++) {
            const model_value *v = &t->rows[slu_batch_row(&batch->shown, i)];
            wrong += truth[i] != (!v->null && v->cents);
        }
    }
    slu_array_release(&out);
    sdk_expr_free(&expr);
    return wrong;
}

static void
random_trees(void **state)
{
    static int32_t selection[ROWS];
    test_batch batch;
    seed = 20240131;
    batch_make(&batch);
    for (int round = 0; round < 600; round++) {
        const int depth = 1 + (int)pick(4);
        tree *t = pick(2) ? boolean(depth) : number(depth);
        batch.shown.selection = NULL;
        batch.shown.rows = ROWS;
        if (pick(3) == 0) {
            batch.shown.rows = 0;
            for (int32_t i = (int32_t)pick(3); i < ROWS; i += 1 + (int32_t)pick(3))
                selection[batch.shown.rows++] = i;
            batch.shown.selection = selection;
        }
        const int wrong = differences(t, &batch);
        if (wrong != 0)
            fail_msg("round %d: %d rows differ: %.900s", round, wrong, t->text);
        tree_free(t);
    }
    test_batch_fini(&batch);
}

static void
a_planted_fault_is_noticed(void **state)
{
    test_batch batch;
    seed = 7;
    batch_make(&batch);
    tree *t = boolean_compare(2);
    t->rows[1700].cents ^= 1;
    t->rows[1700].null = false;
    assert_true(differences(t, &batch) > 0);
    tree_free(t);
    test_batch_fini(&batch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_trees), cmocka_unit_test(a_planted_fault_is_noticed)};
    return cmocka_run_group_tests_name("sdk.expr_model", tests, NULL, NULL);
}
