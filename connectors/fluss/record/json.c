/* json.c: see json.h. */
#include "json.h"

slu_status
json_parse(slu_view text, const char *what, json_t **out, slu_error *err)
{
    json_error_t error;
    if (text.bytes > FLUSS_JSON_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "%s of %zu bytes; at most %zu", what, text.bytes, FLUSS_JSON_BYTES_MAX);
    json_t *value = text.bytes == 0 ? NULL : json_loadb((const char *)text.data, text.bytes, 0, &error);
    if (value == NULL)
        return slu_error_set(err, SLU_CORRUPT, "%s is no JSON: %s at byte %d", what, text.bytes == 0 ? "empty" : error.text,
                             text.bytes == 0 ? 0 : error.position);
    if (!json_is_object(value)) {
        json_decref(value);
        return slu_error_set(err, SLU_CORRUPT, "%s is no JSON object", what);
    }
    *out = value;
    return SLU_OK;
}

void
json_drop(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}

static int
buf_sink(const char *text, size_t bytes, void *buf)
{
    slu_buf_append(buf, text, bytes);
    return 0;
}

slu_status
json_print(const json_t *value, slu_buf *out, slu_error *err)
{
    if (json_dump_callback(value, buf_sink, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        return slu_error_set(err, SLU_NOMEM, "no memory to print JSON");
    return slu_buf_status(out, err);
}

static slu_status
wrong_type(const char *key, const char *wanted, slu_error *err)
{
    return slu_error_set(err, SLU_CORRUPT, "\"%s\" is no %s", key, wanted);
}

slu_status
json_text(const json_t *object, const char *key, slu_arena *arena, const char **out, slu_error *err)
{
    const json_t *value = json_object_get(object, key);
    *out = NULL;
    if (value == NULL || json_is_null(value))
        return SLU_OK;
    if (!json_is_string(value))
        return wrong_type(key, "string", err);
    *out = slu_arena_strndup(arena, json_string_value(value), json_string_length(value));
    return slu_arena_status(arena, err);
}

slu_status
json_int(const json_t *object, const char *key, int32_t fallback, int32_t *out, slu_error *err)
{
    const json_t *value = json_object_get(object, key);
    *out = fallback;
    if (value == NULL || json_is_null(value))
        return SLU_OK;
    if (!json_is_integer(value) || json_integer_value(value) < INT32_MIN || json_integer_value(value) > INT32_MAX)
        return wrong_type(key, "32-bit integer", err);
    *out = (int32_t)json_integer_value(value);
    return SLU_OK;
}

slu_status
json_texts(const json_t *object, const char *key, slu_arena *arena, const char ***out, size_t *out_count, slu_error *err)
{
    const json_t *array = json_object_get(object, key);
    *out = NULL;
    *out_count = 0;
    if (array == NULL || json_is_null(array))
        return SLU_OK;
    if (!json_is_array(array))
        return wrong_type(key, "array", err);
    const size_t count = json_array_size(array);
    const char **texts = slu_arena_array(arena, count == 0 ? 1 : count, sizeof *texts);
    for (size_t i = 0; texts != NULL && i < count; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_string(value))
            return wrong_type(key, "array of strings", err);
        texts[i] = slu_arena_strndup(arena, json_string_value(value), json_string_length(value));
    }
    *out = texts;
    *out_count = count;
    return slu_arena_status(arena, err);
}

slu_status
json_put(json_t *object, const char *key, json_t *value, slu_error *err)
{
    if (json_object_set_new(object, key, value) != 0)
        return slu_error_set(err, SLU_NOMEM, "no memory for the JSON member \"%s\" (or text that is not UTF-8)", key);
    return SLU_OK;
}
