#include "iceberg/json.h"

#include "base/alloc.h"

void
iceberg_json_free(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

slu_status
iceberg_json_load(slu_view text, const char *what, json_t **out, slu_error *err)
{
    json_error_t where;
    json_t *json = json_loadb((const char *)text.data, text.bytes, 0, &where);
    if (json == NULL)
        return slu_error_set(err, SLU_CORRUPT, "%s: not JSON at byte %d: %s", what, where.position, where.text);
    *out = json;
    return SLU_OK;
}

static int
dump_part(const char *data, size_t bytes, void *to)
{
    slu_buf_append(to, data, bytes);
    return 0;
}

slu_status
iceberg_json_dump(const json_t *json, slu_buf *out, slu_error *err)
{
    if (json_dump_callback(json, dump_part, out, JSON_COMPACT) != 0)
        return slu_error_set(err, SLU_NOMEM, "no memory to print JSON");
    return slu_buf_status(out, err);
}

slu_status
iceberg_json_i64(const json_t *object, const char *key, const int64_t *missing, int64_t *out, slu_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        if (missing == NULL)
            return slu_error_set(err, SLU_CORRUPT, "\"%s\" is missing", key);
        *out = *missing;
        return SLU_OK;
    }
    if (!json_is_integer(value))
        return slu_error_set(err, SLU_CORRUPT, "\"%s\" is not an integer", key);
    *out = json_integer_value(value);
    return SLU_OK;
}

slu_status
iceberg_json_i32(const json_t *object, const char *key, const int32_t *missing, int32_t *out, slu_error *err)
{
    const int64_t wide_missing = missing == NULL ? 0 : *missing;
    int64_t wide = 0;
    SLU_TRY(iceberg_json_i64(object, key, missing == NULL ? NULL : &wide_missing, &wide, err));
    if (wide < INT32_MIN || wide > INT32_MAX)
        return slu_error_set(err, SLU_CORRUPT, "\"%s\" is not a 32-bit integer", key);
    *out = (int32_t)wide;
    return SLU_OK;
}

slu_status
iceberg_json_text(const json_t *object, const char *key, bool optional, slu_arena *arena, const char **out, slu_error *err)
{
    const json_t *value = json_object_get(object, key);
    *out = NULL;
    if ((value == NULL || json_is_null(value)) && optional)
        return SLU_OK;
    if (!json_is_string(value))
        return slu_error_set(err, SLU_CORRUPT, "\"%s\" is missing or not a string", key);
    *out = slu_arena_strndup(arena, json_string_value(value), json_string_length(value));
    return slu_arena_status(arena, err);
}
