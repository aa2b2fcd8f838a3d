#include "values_json.h"

#include <stdlib.h>

static bool
format_is_number(const char *format)
{
    const slu_type type = slu_type_of(format);
    return (type.id >= SLU_TYPE_INT8 && type.id <= SLU_TYPE_INT64) || type.id == SLU_TYPE_DECIMAL;
}

void
slu_value_json_write(const struct ArrowSchema *field, const slu_column *column, int64_t row, sdk_text *out)
{
    sdk_text value = {0};
    const slu_type type = slu_type_of(field->format);
    if (!slu_column_valid(column, row)) {
        sdk_text_printf(out, "null");
        return;
    }
    if (type.id == SLU_TYPE_BOOL) {
        sdk_text_printf(out, slu_column_bool(column, row) ? "true" : "false");
        return;
    }
    sdk_value_write(field, column, row, &value);
    if (format_is_number(field->format)) {
        sdk_text_printf(out, "%s", sdk_text_cstr(&value));
    } else {
        json_t *string = json_string(sdk_text_cstr(&value));
        char *quoted = string == NULL ? NULL : json_dumps(string, JSON_ENCODE_ANY);
        sdk_text_printf(out, "%s", quoted == NULL ? "null" : quoted);
        free(quoted);
        json_decref(string);
    }
    sdk_text_fini(&value);
}

json_t *
slu_value_json(const struct ArrowSchema *field, const slu_column *column, int64_t row)
{
    sdk_text text = {0};
    slu_value_json_write(field, column, row, &text);
    const bool is_decimal = slu_type_of(field->format).id == SLU_TYPE_DECIMAL;
    json_t *value =
        is_decimal ? json_string(sdk_text_cstr(&text)) : json_loads(sdk_text_cstr(&text), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    sdk_text_fini(&text);
    return value == NULL ? json_null() : value;
}
