/* The n-th allocation fails, for every n: NOMEM, nothing leaked, nothing read that is not there. */
#include "support/check.h"

#include "fault.h"

#include <sluice/sdk/expr.h>
#include <sluice/sdk/keys.h>
#include <sluice/sdk/rows.h>
#include <sluice/sdk/types.h>

static struct ArrowSchema schema;
static struct ArrowArray array;

static int
rows_make(void **state)
{
    slu_error err = {0};
    CHECK_OK(sdk_schema_from_columns("id BIGINT, amount DECIMAL(10,2), name STRING, tags BYTES", &schema, &err));
    CHECK_OK(sdk_rows_parse(&schema, "1 | 0.80 | a | x\n2 | NULL | NULL | y\n3 | 5 | ccc | NULL\n", &array, &err));
    return 0;
}

static int
rows_drop(void **state)
{
    slu_array_release(&array);
    slu_schema_release(&schema);
    return 0;
}

static slu_status
expression(void)
{
    slu_error err;
    sdk_expr *expr = NULL;
    struct ArrowArray out = {0};
    const slu_batch batch = {.size = sizeof batch, .rows = 3, .schema = &schema, .array = &array};
    slu_status status = sdk_expr_compile(
        "case when amount > 1 or id in (1, 2, 3, 4) and name like '%a%' then upper(name) || cast(amount as string) "
        "else coalesce(name, 'none', substr('abc', 2)) end",
        &schema, &expr, NULL, &err);
    if (status == SLU_OK)
        status = sdk_expr_project(expr, &batch, NULL, &out, &err);
    slu_array_release(&out);
    sdk_expr_free(&expr);
    return status;
}

static slu_status
schemas(void)
{
    slu_error err;
    struct ArrowSchema made = {0}, copy = {0};
    slu_status status = sdk_schema_from_columns("a BIGINT, b MAP<STRING, ARRAY<ROW<x INT, y STRING>>>", &made, &err);
    if (status == SLU_OK)
        status = slu_schema_copy(&made, &copy, &err);
    slu_schema_release(&copy);
    slu_schema_release(&made);
    return status;
}

static slu_status
rows(void)
{
    slu_error err;
    struct ArrowArray made = {0};
    sdk_text text = {0};
    slu_status status = sdk_rows_parse(&schema, "1 | 0.80 | a | x\n2 | NULL | NULL | y\n", &made, &err);
    if (status == SLU_OK) {
        const slu_batch batch = {.size = sizeof batch, .rows = made.length, .schema = &schema, .array = &made};
        sdk_rows_write(&batch, &text);
        status = text.failed ? SLU_NOMEM : SLU_OK;
    }
    sdk_text_fini(&text);
    slu_array_release(&made);
    return status;
}

static slu_status
gathered(void)
{
    static const int32_t rows_wanted[] = {2, -1, 0};
    slu_error err;
    struct ArrowArray out[5] = {{0}}, whole = {0}, shared = {0};
    slu_status status = SLU_OK;
    for (int64_t c = 0; c < 4 && status == SLU_OK; c++) {
        const slu_column column = slu_column_child(&schema, &array, c);
        status = sdk_gather(schema.children[c], &column, rows_wanted, 3, NULL, &out[c], &err);
    }
    if (status == SLU_OK)
        status = sdk_struct(out, 4, 3, &whole, &err);
    if (status == SLU_OK)
        status = sdk_share(&whole, 0, 3, NULL, NULL, &shared, &err);
    slu_array_release(&shared);
    slu_array_release(&whole);
    for (int c = 0; c < 4; c++)
        slu_array_release(&out[c]);
    return status;
}

static slu_status
keys(void)
{
    static const char *const names[] = {"name", "id"};
    slu_error err;
    sdk_keys made;
    const slu_batch batch = {.size = sizeof batch, .rows = 3, .schema = &schema, .array = &array};
    slu_status status = sdk_keys_init(&made, &schema, names, 2, &err);
    if (status == SLU_OK)
        status = sdk_keys_encode(&made, &batch, NULL, 0, &err);
    sdk_keys_fini(&made);
    return status;
}

static void
expressions_without_memory(void **state)
{
    FAULT_SWEEP(expression, 2000);
}

static void
schemas_without_memory(void **state)
{
    FAULT_SWEEP(schemas, 500);
}

static void
rows_without_memory(void **state)
{
    FAULT_SWEEP(rows, 500);
}

static void
columns_without_memory(void **state)
{
    FAULT_SWEEP(gathered, 500);
}

static void
keys_without_memory(void **state)
{
    long n = 0;
    for (;; n++) {
        fault_at = n;
        const slu_status status = keys();
        const bool done = fault_at >= 0;
        fault_at = -1;
        if (done)
            break;
        CHECK_STATUS(status, SLU_NOMEM);
    }
    assert_true(n >= 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(expressions_without_memory), cmocka_unit_test(schemas_without_memory),
                                       cmocka_unit_test(rows_without_memory), cmocka_unit_test(columns_without_memory),
                                       cmocka_unit_test(keys_without_memory)};
    return cmocka_run_group_tests_name("fault.sdk", tests, rows_make, rows_drop);
}
