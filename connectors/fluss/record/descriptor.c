/* descriptor.c: the JSON of tables and databases. What follows from it is in table.c. */
#include "descriptor.h"

#include "json.h"

static slu_status
properties_from_json(const json_t *object, const char *key, slu_arena *arena, fluss_property **out, size_t *out_count,
                     slu_error *err)
{
    json_t *map = json_object_get(object, key);
    const char *name;
    json_t *value;
    size_t count = 0;
    *out = NULL;
    *out_count = 0;
    if (map == NULL || json_is_null(map))
        return SLU_OK;
    if (!json_is_object(map) || json_object_size(map) > FLUSS_PROPERTIES_MAX)
        return slu_error_set(err, SLU_CORRUPT, "\"%s\" is no object of at most %d members", key, FLUSS_PROPERTIES_MAX);
    fluss_property *properties = slu_arena_array(arena, json_object_size(map) + 1, sizeof *properties);
    SLU_TRY(slu_arena_status(arena, err));
    json_object_foreach(map, name, value)
    {
        if (!json_is_string(value))
            return slu_error_set(err, SLU_CORRUPT, "\"%s\": the value of \"%s\" is no string", key, name);
        properties[count].key = slu_arena_strdup(arena, name);
        properties[count].value = slu_arena_strdup(arena, json_string_value(value));
        count++;
    }
    *out = properties;
    *out_count = count;
    return slu_arena_status(arena, err);
}

static slu_status
descriptor_from_json(const json_t *object, slu_arena *arena, fluss_descriptor *out, slu_error *err)
{
    int32_t version;
    SLU_TRY(json_int(object, "version", 1, &version, err));
    if (version != 1)
        return slu_error_set(err, SLU_UNSUPPORTED, "version %d of the JSON is not known", version);
    if (!json_is_object(json_object_get(object, "schema")))
        return slu_error_set(err, SLU_CORRUPT, "\"schema\" is missing");
    SLU_TRY_IN(schema_from_json(json_object_get(object, "schema"), arena, &out->schema, err), err, "schema");
    SLU_TRY(json_text(object, "comment", arena, &out->comment, err));
    SLU_TRY(json_texts(object, "partition_key", arena, &out->partition_keys, &out->partition_key_count, err));
    SLU_TRY(json_texts(object, "bucket_key", arena, &out->bucket_keys, &out->bucket_key_count, err));
    SLU_TRY(json_int(object, "bucket_count", 0, &out->bucket_count, err));
    SLU_TRY(properties_from_json(object, "properties", arena, &out->properties, &out->property_count, err));
    return properties_from_json(object, "custom_properties", arena, &out->custom_properties, &out->custom_property_count, err);
}

slu_status
fluss_descriptor_decode(slu_view json, slu_arena *arena, fluss_descriptor *out, slu_error *err)
{
    SLU_AUTO(json_drop) json_t *object = NULL;
    fluss_descriptor descriptor = {0};
    SLU_TRY(json_parse(json, "table descriptor", &object, err));
    SLU_TRY_IN(descriptor_from_json(object, arena, &descriptor, err), err, "table descriptor");
    *out = descriptor;
    return SLU_OK;
}

static slu_status
put_texts(json_t *object, const char *key, const char *const *texts, size_t count, slu_error *err)
{
    json_t *array = json_array();
    SLU_TRY(json_put(object, key, array, err));
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(array, json_string(texts[i])) != 0)
            return slu_error_set(err, SLU_NOMEM, "no memory for \"%s\"", key);
    return SLU_OK;
}

static slu_status
put_properties(json_t *object, const char *key, const fluss_property *properties, size_t count, slu_error *err)
{
    json_t *map = json_object();
    SLU_TRY(json_put(object, key, map, err));
    for (size_t i = 0; i < count; i++)
        SLU_TRY(json_put(map, properties[i].key, json_string(properties[i].value), err));
    return SLU_OK;
}

slu_status
fluss_descriptor_encode(const fluss_descriptor *descriptor, slu_buf *out, slu_error *err)
{
    SLU_AUTO(json_drop) json_t *object = json_object();
    json_t *schema = NULL;
    SLU_TRY(json_put(object, "version", json_integer(1), err));
    SLU_TRY(schema_to_json(&descriptor->schema, &schema, err));
    SLU_TRY(json_put(object, "schema", schema, err));
    if (descriptor->comment != NULL)
        SLU_TRY(json_put(object, "comment", json_string(descriptor->comment), err));
    SLU_TRY(put_texts(object, "partition_key", descriptor->partition_keys, descriptor->partition_key_count, err));
    if (descriptor->bucket_count > 0 || descriptor->bucket_key_count > 0)
        SLU_TRY(put_texts(object, "bucket_key", descriptor->bucket_keys, descriptor->bucket_key_count, err));
    if (descriptor->bucket_count > 0)
        SLU_TRY(json_put(object, "bucket_count", json_integer(descriptor->bucket_count), err));
    SLU_TRY(put_properties(object, "properties", descriptor->properties, descriptor->property_count, err));
    SLU_TRY(put_properties(object, "custom_properties", descriptor->custom_properties, descriptor->custom_property_count, err));
    return json_print(object, out, err);
}

const char *
fluss_descriptor_get(const fluss_descriptor *descriptor, const char *key)
{
    for (size_t i = 0; i < descriptor->property_count; i++)
        if (strcmp(descriptor->properties[i].key, key) == 0)
            return descriptor->properties[i].value;
    return NULL;
}

slu_status
fluss_descriptor_set(fluss_descriptor *descriptor, slu_arena *arena, const char *key, const char *value, slu_error *err)
{
    const char *copy = slu_arena_strdup(arena, value);
    for (size_t i = 0; copy != NULL && i < descriptor->property_count; i++) {
        if (strcmp(descriptor->properties[i].key, key) == 0) {
            descriptor->properties[i].value = copy;
            return SLU_OK;
        }
    }
    fluss_property *grown = slu_arena_array(arena, descriptor->property_count + 1, sizeof *grown);
    const char *name = slu_arena_strdup(arena, key);
    SLU_TRY(slu_arena_status(arena, err));
    if (descriptor->property_count != 0)
        memcpy(grown, descriptor->properties, descriptor->property_count * sizeof *grown);
    grown[descriptor->property_count].key = name;
    grown[descriptor->property_count++].value = copy;
    descriptor->properties = grown;
    return SLU_OK;
}

slu_status
fluss_database_descriptor_decode(slu_view json, slu_arena *arena, fluss_database_descriptor *out, slu_error *err)
{
    SLU_AUTO(json_drop) json_t *object = NULL;
    fluss_database_descriptor descriptor = {0};
    if (json.bytes != 0) {
        SLU_TRY(json_parse(json, "database descriptor", &object, err));
        if (!json_is_object(json_object_get(object, "custom_properties")))
            return slu_error_set(err, SLU_CORRUPT, "a database descriptor without \"custom_properties\"");
        SLU_TRY(json_text(object, "comment", arena, &descriptor.comment, err));
        SLU_TRY(properties_from_json(object, "custom_properties", arena, &descriptor.custom_properties,
                                     &descriptor.custom_property_count, err));
    }
    *out = descriptor;
    return SLU_OK;
}

slu_status
fluss_database_descriptor_encode(const fluss_database_descriptor *descriptor, slu_buf *out, slu_error *err)
{
    SLU_AUTO(json_drop) json_t *object = json_object();
    SLU_TRY(json_put(object, "version", json_integer(1), err));
    if (descriptor->comment != NULL)
        SLU_TRY(json_put(object, "comment", json_string(descriptor->comment), err));
    SLU_TRY(put_properties(object, "custom_properties", descriptor->custom_properties, descriptor->custom_property_count, err));
    return json_print(object, out, err);
}
