#include "iceberg/rest/staged.h"

#include "iceberg/json.h"
#include "iceberg/rest/levels.h"

/* The entry of a list whose `key` is the number that `chosen` of the metadata names. Borrowed; NULL: none. */
static json_t *
entry_of(const json_t *metadata, const char *list, const char *key, const char *chosen)
{
    const json_t *number = json_object_get(metadata, chosen);
    const json_t *all = json_object_get(metadata, list);
    for (size_t i = 0; i < json_array_size(all) && json_is_integer(number); i++) {
        json_t *at = json_array_get(all, i);
        if (json_integer_value(json_object_get(at, key)) == json_integer_value(number))
            return at;
    }
    return NULL;
}

/* The updates in Iceberg's own order; json_pack answers NULL where a part is missing. */
static json_t *
updates_of(const json_t *metadata)
{
    json_t *properties = json_object_get(metadata, "properties");
    json_t *list = json_pack(
        "[{s:s,s:O},{s:s,s:O},{s:s,s:O,s:O},{s:s,s:i},{s:s,s:O},{s:s,s:i},{s:s,s:O},{s:s,s:i},{s:s,s:O}]", "action", "assign-uuid",
        "uuid", json_object_get(metadata, "table-uuid"), "action", "upgrade-format-version", "format-version",
        json_object_get(metadata, "format-version"), "action", "add-schema", "schema",
        entry_of(metadata, "schemas", "schema-id", "current-schema-id"), "last-column-id",
        json_object_get(metadata, "last-column-id"), "action", "set-current-schema", "schema-id", -1, "action", "add-spec", "spec",
        entry_of(metadata, "partition-specs", "spec-id", "default-spec-id"), "action", "set-default-spec", "spec-id", -1, "action",
        "add-sort-order", "sort-order", entry_of(metadata, "sort-orders", "order-id", "default-sort-order-id"), "action",
        "set-default-sort-order", "sort-order-id", -1, "action", "set-location", "location", json_object_get(metadata, "location"));
    if (list != NULL && json_object_size(properties) > 0)
        (void)json_array_append_new(list, json_pack("{s:s,s:O}", "action", "set-properties", "updates", properties));
    return list;
}

slu_status
iceberg_rest_staged_encode(slu_view answer, const char *ns, const char *name, slu_buf *out, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    SLU_TRY(iceberg_json_load(answer, "staged table", &json, err));
    json_t *updates = updates_of(json_object_get(json, "metadata"));
    if (updates == NULL)
        return slu_error_set(
            err, SLU_CORRUPT,
            "staged table: its metadata lacks the uuid, format-version, location, or the current schema, spec or sort "
            "order");
    SLU_AUTO(iceberg_json_free)
    json_t *body = json_pack("{s:{s:o,s:s},s:[{s:s}],s:o}", "identifier", "namespace", iceberg_rest_levels_to_json(ns), "name",
                             name, "requirements", "type", "assert-create", "updates", updates);
    if (body == NULL)
        return slu_error_set(err, SLU_INVALID, "staged table: a name is not UTF-8, or no memory");
    return iceberg_json_dump(body, out, err);
}
