/* Any text as an expression: compiled against a schema of every kind of column; what compiles is run over a few rows. */
#include <sluice/sdk/expr.h>
#include <sluice/sdk/rows.h>
#include <sluice/sdk/types.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct ArrowSchema schema;
static struct ArrowArray array;

static void
prepare(void)
{
    if (schema.release != NULL)
        return;
    if (sdk_schema_from_columns(
            "id BIGINT, a DECIMAL(10,2), c STRING, f BOOLEAN, s INT, r DOUBLE, t TIMESTAMP(3), d DATE, b BYTES, "
            "w DECIMAL(38,10), x FLOAT, y TINYINT, l TIMESTAMP_LTZ(6)",
            &schema, NULL) != SLU_OK ||
        sdk_rows_parse(&schema,
                       "1|0.80|web|TRUE|7|0.5|2024-01-31 10:00:00.123|2024-01-31|ab|1.5|2.5|1|2024-01-31 10:00:00.123456\n"
                       "-9223372036854775808|-99999999.99||FALSE|-2147483648|1e300|1969-12-31|1970-01-01||-1|-0|-128|1970-01-01\n"
                       "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL\n",
                       &array, NULL) != SLU_OK)
        __builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes > 4096)
        return 0;
    prepare();
    char text[4097];
    memcpy(text, data, bytes);
    text[bytes] = 0;
    slu_error err;
    sdk_expr *expr = NULL;
    int32_t at = -1;
    if (sdk_expr_compile(text, &schema, &expr, &at, &err) != SLU_OK) {
        if (at < 0 || (size_t)at > strlen(text))
            __builtin_trap();
        return 0;
    }
    const slu_batch batch = {.size = sizeof batch, .rows = 3, .schema = &schema, .array = &array};
    struct ArrowArray out;
    if (sdk_expr_project(expr, &batch, NULL, &out, &err) == SLU_OK) {
        if (out.length != 3)
            __builtin_trap();
        out.release(&out);
    }
    sdk_expr_free(&expr);
    return 0;
}
