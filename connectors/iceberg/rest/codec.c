#include "iceberg/rest/codec.h"

#include "base/alloc.h"
#include "iceberg/metadata_json.h"
#include "iceberg/rest/levels.h"

#define GRANTS_BYTES_MAX ((size_t)4 << 20)

/* ---- answers ---- */

void
iceberg_rest_loaded_fini(iceberg_rest_loaded *loaded)
{
    iceberg_metadata_free(&loaded->metadata);
    slu_free(loaded->metadata_location);
    slu_arena_fini(&loaded->arena);
    memset(loaded, 0, sizeof *loaded);
}

static slu_status
object_load(slu_view text, const char *what, json_t **out, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    SLU_TRY(iceberg_json_load(text, what, &json, err));
    if (!json_is_object(json))
        return slu_error_set(err, SLU_CORRUPT, "%s: not a JSON object", what);
    *out = slu_take(&json);
    return SLU_OK;
}

/* Values that are no texts are passed over: some servers give numbers and booleans. */
static slu_status
properties_decode(const json_t *object, const char *key, slu_arena *arena, iceberg_rest_properties *out, slu_error *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_t *map = json_object_get(object, key);
    *out = (iceberg_rest_properties){0};
    if (map == NULL || json_is_null(map))
        return SLU_OK;
    if (!json_is_object(map))
        return slu_error_set(err, SLU_CORRUPT, "\"%s\" is not an object", key);
    if (json_object_size(map) > ICEBERG_REST_PROPERTIES_MAX)
        return slu_error_set(err, SLU_LIMIT, "\"%s\" has %zu properties", key, json_object_size(map));
    out->items = slu_arena_array(arena, json_object_size(map), sizeof *out->items);
    SLU_TRY(slu_arena_status(arena, err));
    json_object_foreach(map, name, value)
    {
        if (!json_is_string(value))
            continue;
        out->items[out->count++] =
            (iceberg_property){slu_arena_strdup(arena, name), slu_arena_strdup(arena, json_string_value(value))};
        SLU_TRY(slu_arena_status(arena, err));
    }
    return SLU_OK;
}

slu_status
iceberg_rest_config_decode(slu_view text, slu_arena *arena, iceberg_rest_config *out, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    SLU_TRY(object_load(text, "catalog configuration", &json, err));
    SLU_TRY_IN(properties_decode(json, "defaults", arena, &out->defaults, err), err, "catalog configuration");
    SLU_TRY_IN(properties_decode(json, "overrides", arena, &out->overrides, err), err, "catalog configuration");
    out->has_idempotency = json_is_string(json_object_get(json, "idempotency-key-lifetime"));
    return SLU_OK;
}

/* A token becomes a header: a line break in it would make another. */
static bool
is_header_text(const char *text)
{
    if (*text == 0)
        return false;
    for (; *text != 0; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            return false;
    return true;
}

slu_status
iceberg_rest_token_decode(slu_view text, slu_arena *arena, iceberg_rest_token *out, slu_error *err)
{
    static const int64_t not_said = -1;
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    const char *kind = NULL;
    SLU_TRY(object_load(text, "token answer", &json, err));
    SLU_TRY_IN(iceberg_json_text(json, "access_token", false, arena, &out->token, err), err, "token answer");
    SLU_TRY_IN(iceberg_json_text(json, "token_type", true, arena, &kind, err), err, "token answer");
    SLU_TRY_IN(iceberg_json_i64(json, "expires_in", &not_said, &out->expires_s, err), err, "token answer");
    if (!is_header_text(out->token))
        return slu_error_set(err, SLU_CORRUPT, "token answer: \"access_token\" is empty or has bytes that no header can carry");
    if (kind != NULL && strcasecmp(kind, "bearer") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "token answer: a token of type \"%.32s\", this build has bearer", kind);
    return SLU_OK;
}

/* Printable, in one line, cut. */
static void
text_tame(char *out, size_t room, const char *text, size_t bytes)
{
    size_t at = 0;
    for (size_t i = 0; i < bytes && at + 1 < room; i++) {
        const unsigned char c = (unsigned char)text[i];
        out[at++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
    }
    out[at] = 0;
}

static void
member_tame(char *out, size_t room, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value))
        text_tame(out, room, json_string_value(value), json_string_length(value));
}

void
iceberg_rest_fault_decode(slu_view text, iceberg_rest_fault *out)
{
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    memset(out, 0, sizeof *out);
    if (iceberg_json_load(text, "fault", &json, NULL) != SLU_OK) {
        text_tame(out->message, 160, (const char *)text.data, text.bytes);
        return;
    }
    const json_t *error = json_object_get(json, "error");
    if (json_is_object(error)) {
        member_tame(out->type, sizeof out->type, error, "type");
        member_tame(out->message, sizeof out->message, error, "message");
        return;
    }
    member_tame(out->type, sizeof out->type, json, "error"); /* OAuth's form */
    member_tame(out->message, sizeof out->message, json, "error_description");
}

static slu_status
next_page(const json_t *json, slu_arena *arena, const char **out, slu_error *err)
{
    SLU_TRY(iceberg_json_text(json, "next-page-token", true, arena, out, err));
    if (*out != NULL && (*out)[0] == 0)
        *out = NULL;
    return SLU_OK;
}

slu_status
iceberg_rest_tables_decode(slu_view text, slu_arena *arena, iceberg_named found, void *to, const char **out_next, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    SLU_TRY(object_load(text, "list of tables", &json, err));
    const json_t *list = json_object_get(json, "identifiers");
    if (!json_is_array(list))
        return slu_error_set(err, SLU_CORRUPT, "list of tables: \"identifiers\" is missing or not an array");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), "name"));
        if (name == NULL)
            return slu_error_set(err, SLU_CORRUPT, "list of tables: entry %zu has no \"name\"", i);
        SLU_TRY(found(to, name, err));
    }
    return next_page(json, arena, out_next, err);
}

static slu_status
levels_join(const json_t *levels, size_t entry, slu_buf *out, slu_error *err)
{
    if (!json_is_array(levels) || json_array_size(levels) == 0 || json_array_size(levels) > ICEBERG_REST_LEVELS_MAX)
        return slu_error_set(err, SLU_CORRUPT, "list of namespaces: entry %zu is not an array of 1 to %d levels", entry,
                             ICEBERG_REST_LEVELS_MAX);
    for (size_t i = 0; i < json_array_size(levels); i++) {
        const char *level = json_string_value(json_array_get(levels, i));
        if (level == NULL)
            return slu_error_set(err, SLU_CORRUPT, "list of namespaces: a level of entry %zu is not a string", entry);
        slu_buf_text(out, i == 0 ? "" : ".");
        slu_buf_text(out, level);
    }
    return slu_buf_status(out, err);
}

slu_status
iceberg_rest_namespaces_decode(slu_view text, slu_arena *arena, iceberg_named found, void *to, const char **out_next,
                               slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    SLU_AUTO(slu_buf_fini) slu_buf name = {0};
    slu_buf_init(&name, (size_t)1 << 20);
    SLU_TRY(object_load(text, "list of namespaces", &json, err));
    const json_t *list = json_object_get(json, "namespaces");
    if (!json_is_array(list))
        return slu_error_set(err, SLU_CORRUPT, "list of namespaces: \"namespaces\" is missing or not an array");
    for (size_t i = 0; i < json_array_size(list); i++) {
        slu_buf_reset(&name);
        SLU_TRY(levels_join(json_array_get(list, i), i, &name, err));
        SLU_TRY(found(to, slu_buf_cstr(&name), err));
    }
    return next_page(json, arena, out_next, err);
}

static slu_status
grants_decode(const json_t *json, iceberg_rest_loaded *out, slu_error *err)
{
    const json_t *list = json_object_get(json, "storage-credentials");
    const size_t count = json_array_size(list);
    if (count > ICEBERG_STORE_GRANTS_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu storage-credentials; at most %d are served", count, ICEBERG_STORE_GRANTS_MAX);
    out->grants = slu_arena_array(&out->arena, count, sizeof *out->grants);
    SLU_TRY(slu_arena_status(&out->arena, err));
    for (size_t i = 0; i < count; i++) {
        iceberg_rest_properties items;
        const json_t *grant = json_array_get(list, i);
        const char *prefix = json_string_value(json_object_get(grant, "prefix"));
        if (prefix == NULL)
            return slu_error_set(err, SLU_CORRUPT, "storage-credentials: entry %zu has no \"prefix\"", i);
        SLU_TRY_IN(properties_decode(grant, "config", &out->arena, &items, err), err, "storage-credentials");
        out->grants[i] = (iceberg_store_grant){slu_arena_strdup(&out->arena, prefix), items.items, items.count};
    }
    out->grant_count = count;
    return slu_arena_status(&out->arena, err);
}

slu_status
iceberg_rest_table_decode(slu_view text, iceberg_rest_loaded *out, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *json = NULL;
    SLU_AUTO(iceberg_rest_loaded_fini) iceberg_rest_loaded made = {0};
    SLU_TRY(object_load(text, "table answer", &json, err));
    const char *location = json_string_value(json_object_get(json, "metadata-location"));
    json_t *metadata = json_object_get(json, "metadata");
    if (location == NULL || location[0] == 0)
        return slu_error_set(err, SLU_CORRUPT, "table answer: \"metadata-location\" is missing or not a string");
    if (!json_is_object(metadata))
        return slu_error_set(err, SLU_CORRUPT, "table answer: \"metadata\" is missing or not an object");
    made.metadata_location = slu_strdup(location);
    if (made.metadata_location == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a table");
    slu_arena_init(&made.arena, GRANTS_BYTES_MAX);
    SLU_TRY_IN(properties_decode(json, "config", &made.arena, &made.config, err), err, "table answer");
    SLU_TRY_IN(grants_decode(json, &made, err), err, "table answer");
    SLU_TRY_IN(iceberg_metadata_of_document(json_incref(metadata), &made.metadata, err), err, "table answer");
    *out = made;
    memset(&made, 0, sizeof made);
    return SLU_OK;
}

/* ---- requests ---- */

json_t *
iceberg_rest_levels_to_json(const char *ns)
{
    json_t *levels = json_array();
    for (const char *at = ns;; at++) {
        const size_t bytes = strcspn(at, ".");
        if (json_array_append_new(levels, json_stringn(at, bytes)) != 0) {
            json_decref(levels);
            return NULL;
        }
        at += bytes;
        if (*at == 0)
            return levels;
    }
}

/* Takes the body. */
static slu_status
body_print(json_t *body, const char *what, slu_buf *out, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *mine = body;
    if (mine == NULL)
        return slu_error_set(err, SLU_INVALID, "%s: a name is not UTF-8, or no memory", what);
    return iceberg_json_dump(mine, out, err);
}

slu_status
iceberg_rest_namespace_encode(const char *ns, slu_buf *out, slu_error *err)
{
    return body_print(json_pack("{s:o,s:{}}", "namespace", iceberg_rest_levels_to_json(ns), "properties"), "namespace", out, err);
}

slu_status
iceberg_rest_rename_encode(const char *from_ns, const char *from, const char *to_ns, const char *to, slu_buf *out, slu_error *err)
{
    return body_print(json_pack("{s:{s:o,s:s},s:{s:o,s:s}}", "source", "namespace", iceberg_rest_levels_to_json(from_ns), "name",
                                from, "destination", "namespace", iceberg_rest_levels_to_json(to_ns), "name", to),
                      "rename", out, err);
}

static json_t *
create_properties(const iceberg_create *create)
{
    json_t *json = json_pack("{s:s,s:s}", "format-version", "2", "write.parquet.compression-codec", "zstd");
    for (size_t i = 0; i < create->property_count; i++)
        (void)json_object_set_new(json, create->properties[i].key, json_string(create->properties[i].value));
    return json;
}

slu_status
iceberg_rest_create_encode(const char *name, const iceberg_create *create, bool stage, slu_buf *out, slu_error *err)
{
    json_t *body = json_pack("{s:s,s:o,s:b,s:o}", "name", name, "schema", iceberg_schema_to_json(create->schema), "stage-create",
                             (int)stage, "properties", create_properties(create));
    if (body != NULL && create->location != NULL)
        (void)json_object_set_new(body, "location", json_string(create->location));
    if (body != NULL && create->spec != NULL)
        (void)json_object_set_new(
            body, "partition-spec",
            json_pack("{s:i,s:o}", "spec-id", (int)create->spec->spec_id, "fields", iceberg_spec_fields_to_json(create->spec)));
    if (body != NULL && create->sort_order != NULL && create->sort_order->field_count != 0)
        (void)json_object_set_new(body, "write-order", iceberg_sort_to_json(create->sort_order));
    return body_print(body, "new table", out, err);
}

/* ---- a commit ---- */

static void
require_add(json_t *list, json_t *requirement)
{
    (void)json_array_append_new(list, requirement); /* a NULL is not appended: the count is checked at the end */
}

static json_t *
requirements_to_json(const iceberg_table *base, const iceberg_change *change)
{
    const iceberg_requirements *wanted = &change->requirements;
    json_t *list = json_array();
    if (wanted->uuid != NULL)
        require_add(list, json_pack("{s:s,s:s}", "type", "assert-table-uuid", "uuid", wanted->uuid));
    if (wanted->ref != NULL)
        require_add(list, json_pack("{s:s,s:s,s:o}", "type", "assert-ref-snapshot-id", "ref", wanted->ref, "snapshot-id",
                                    wanted->ref_snapshot < 0 ? json_null() : json_integer(wanted->ref_snapshot)));
    for (size_t i = 0; i < change->update_count; i++) {
        if (change->updates[i].kind != ICEBERG_UPDATE_ADD_SCHEMA)
            continue;
        require_add(list, json_pack("{s:s,s:i}", "type", "assert-last-assigned-field-id", "last-assigned-field-id",
                                    (int)base->metadata->last_column_id));
        require_add(list, json_pack("{s:s,s:i}", "type", "assert-current-schema-id", "current-schema-id",
                                    (int)base->metadata->current_schema_id));
    }
    return list;
}

static void
number_set(json_t *object, const char *key, int64_t number)
{
    if (number >= 0)
        (void)json_object_set_new(object, key, json_integer(number));
}

/* A branch keeps its retention when it moves. */
static json_t *
ref_update(const iceberg_metadata *base, const char *name, int64_t id)
{
    const iceberg_ref *old = iceberg_metadata_ref(base, name);
    json_t *update = json_pack("{s:s,s:s,s:s,s:I}", "action", "set-snapshot-ref", "ref-name", name, "type",
                               old != NULL && old->is_tag ? "tag" : "branch", "snapshot-id", (json_int_t)id);
    if (update != NULL && old != NULL) {
        number_set(update, "min-snapshots-to-keep", old->snapshots_min);
        number_set(update, "max-snapshot-age-ms", old->snapshot_age_ms);
        number_set(update, "max-ref-age-ms", old->ref_age_ms);
    }
    return update;
}

static json_t *
properties_update(const iceberg_update *update)
{
    const bool set = update->kind == ICEBERG_UPDATE_SET_PROPERTIES;
    json_t *values = set ? json_object() : json_array();
    for (size_t i = 0; i < update->property_count; i++) {
        if (set)
            (void)json_object_set_new(values, update->properties[i].key, json_string(update->properties[i].value));
        else
            (void)json_array_append_new(values, json_string(update->properties[i].key));
    }
    return json_pack("{s:s,s:o}", "action", set ? "set-properties" : "remove-properties", set ? "updates" : "removals", values);
}

static void
schema_update(json_t *list, const iceberg_metadata *base, const iceberg_schema *schema)
{
    const int32_t max_id = iceberg_schema_max_id(schema);
    const int32_t last_id = max_id > base->last_column_id ? max_id : base->last_column_id;
    (void)json_array_append_new(list, json_pack("{s:s,s:o,s:i}", "action", "add-schema", "schema", iceberg_schema_to_json(schema),
                                                "last-column-id", (int)last_id));
    (void)json_array_append_new(list, json_pack("{s:s,s:i}", "action", "set-current-schema", "schema-id", -1));
}

static slu_status
update_add(json_t *list, const iceberg_metadata *base, const iceberg_update *update, slu_error *err)
{
    const size_t before = json_array_size(list);
    switch (update->kind) {
    case ICEBERG_UPDATE_ADD_SNAPSHOT:
        (void)json_array_append_new(
            list, json_pack("{s:s,s:o}", "action", "add-snapshot", "snapshot", iceberg_snapshot_to_json(update->snapshot)));
        break;
    case ICEBERG_UPDATE_SET_REF: (void)json_array_append_new(list, ref_update(base, update->text, update->number)); break;
    case ICEBERG_UPDATE_SET_PROPERTIES:
    case ICEBERG_UPDATE_REMOVE_PROPERTIES: (void)json_array_append_new(list, properties_update(update)); break;
    case ICEBERG_UPDATE_REMOVE_SNAPSHOTS:
        /* One id at a time: some servers take no more. */
        for (size_t i = 0; i < update->id_count; i++)
            (void)json_array_append_new(
                list, json_pack("{s:s,s:[I]}", "action", "remove-snapshots", "snapshot-ids", (json_int_t)update->ids[i]));
        break;
    case ICEBERG_UPDATE_ADD_SCHEMA: schema_update(list, base, update->schema); break;
    default: return slu_error_set(err, SLU_UNSUPPORTED, "metadata update of kind %d", update->kind);
    }
    if (json_array_size(list) == before && update->kind != ICEBERG_UPDATE_REMOVE_SNAPSHOTS)
        return slu_error_set(err, SLU_INVALID, "a commit: a text is not UTF-8, or no memory");
    return SLU_OK;
}

slu_status
iceberg_rest_commit_encode(const iceberg_table *base, const iceberg_change *change, slu_buf *out, slu_error *err)
{
    SLU_AUTO(iceberg_json_free) json_t *updates = json_array();
    SLU_AUTO(iceberg_json_free) json_t *requirements = requirements_to_json(base, change);
    size_t wanted = (size_t)(change->requirements.uuid != NULL) + (size_t)(change->requirements.ref != NULL);
    for (size_t i = 0; i < change->update_count; i++)
        wanted += change->updates[i].kind == ICEBERG_UPDATE_ADD_SCHEMA ? 2 : 0;
    if (json_array_size(requirements) != wanted) /* never a commit that asserts less than it was told to */
        return slu_error_set(err, SLU_INVALID, "a commit: a requirement is not UTF-8, or no memory");
    for (size_t i = 0; i < change->update_count; i++)
        SLU_TRY(update_add(updates, base->metadata, &change->updates[i], err));
    return body_print(json_pack("{s:{s:o,s:s},s:O,s:O}", "identifier", "namespace", iceberg_rest_levels_to_json(base->ns), "name",
                                base->name, "requirements", requirements, "updates", updates),
                      "commit", out, err);
}
