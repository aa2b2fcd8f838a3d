#include "iceberg/metadata.h"

#include "base/alloc.h"
#include "iceberg/json.h"
#include "iceberg/metadata_json.h"

#include <stdlib.h>

#define ARENA_BYTES_MAX ((size_t)256 << 20)
#define SUMMARY_KEYS_MAX 4096
#define NOTHING INT64_C(-1)

/* What callers see, and behind it what they do not. */
typedef struct metadata_box {
    iceberg_metadata shown;
    slu_arena arena;
    json_t *document;
} metadata_box;

static metadata_box *
box_of(const iceberg_metadata *metadata)
{
    return (metadata_box *)(uintptr_t)metadata; /* the shown part is the first member */
}

const json_t *
iceberg_metadata_document(const iceberg_metadata *metadata)
{
    return box_of(metadata)->document;
}

static void
box_free(metadata_box **pointer)
{
    metadata_box *box = slu_take(pointer);
    if (box == NULL)
        return;
    json_decref(box->document);
    slu_arena_fini(&box->arena);
    slu_free(box);
}

void
iceberg_metadata_free(iceberg_metadata **pointer)
{
    metadata_box *box = *pointer == NULL ? NULL : box_of(*pointer);
    *pointer = NULL;
    box_free(&box);
}

/* ---- parsing ---- */

/* Room for the objects of an array or object in the document. */
static slu_status
parse_room(metadata_box *box, const json_t *json, size_t item_bytes, void *out_items, uint32_t *out_count, slu_error *err)
{
    const size_t count = json_is_object(json) ? json_object_size(json) : json_array_size(json);
    void *items = slu_arena_array(&box->arena, count, item_bytes);
    SLU_TRY(slu_arena_status(&box->arena, err));
    memcpy(out_items, &items, sizeof items);
    *out_count = (uint32_t)count;
    return SLU_OK;
}

static slu_status
parse_properties(metadata_box *box, json_t *json, const iceberg_property **out, uint32_t *out_count, slu_error *err)
{
    iceberg_property *items = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    uint32_t i = 0;
    *out_count = 0;
    if (!json_is_object(json))
        return SLU_OK;
    if (json_object_size(json) > SUMMARY_KEYS_MAX)
        return slu_error_set(err, SLU_LIMIT, "more than %d properties", SUMMARY_KEYS_MAX);
    SLU_TRY(parse_room(box, json, sizeof *items, &items, out_count, err));
    json_object_foreach(json, key, value)
    {
        if (!json_is_string(value))
            return slu_error_set(err, SLU_CORRUPT, "property \"%.64s\" is not a string", key);
        items[i++] = (iceberg_property){key, json_string_value(value)}; /* the document lives as long as we do */
    }
    *out = items;
    return SLU_OK;
}

static slu_status
parse_schemas(metadata_box *box, slu_error *err)
{
    iceberg_schema *items = NULL;
    iceberg_metadata *shown = &box->shown;
    const json_t *list = json_object_get(box->document, "schemas");
    const json_t *single = json_object_get(box->document, "schema");
    if (json_array_size(list) == 0 && json_is_object(single)) { /* version 1 */
        items = slu_arena_array(&box->arena, 1, sizeof *items);
        SLU_TRY(slu_arena_status(&box->arena, err));
        SLU_TRY(iceberg_schema_of_json(single, &box->arena, items, err));
        shown->schema_count = 1;
        shown->current_schema_id = items->schema_id;
    } else {
        SLU_TRY(parse_room(box, list, sizeof *items, &items, &shown->schema_count, err));
        for (uint32_t i = 0; i < shown->schema_count; i++)
            SLU_TRY(iceberg_schema_of_json(json_array_get(list, i), &box->arena, &items[i], err));
        SLU_TRY(iceberg_json_i32(box->document, "current-schema-id", NULL, &shown->current_schema_id, err));
    }
    shown->schemas = items;
    if (iceberg_metadata_schema_of(shown, shown->current_schema_id) == NULL)
        return slu_error_set(err, SLU_CORRUPT, "there is no current schema %d", (int)shown->current_schema_id);
    return SLU_OK;
}

static slu_status
parse_spec(metadata_box *box, const json_t *json, iceberg_partition_spec *out, slu_error *err)
{
    int32_t id = 0;
    SLU_TRY(iceberg_json_i32(json, "spec-id", NULL, &id, err));
    return iceberg_spec_of_json(json_object_get(json, "fields"), id, &box->arena, out, err);
}

static slu_status
parse_specs(metadata_box *box, slu_error *err)
{
    iceberg_partition_spec *items = NULL;
    iceberg_metadata *shown = &box->shown;
    const json_t *list = json_object_get(box->document, "partition-specs");
    const json_t *single = json_object_get(box->document, "partition-spec");
    if (json_array_size(list) == 0 && json_is_array(single)) { /* version 1 */
        items = slu_arena_array(&box->arena, 1, sizeof *items);
        SLU_TRY(slu_arena_status(&box->arena, err));
        SLU_TRY(iceberg_spec_of_json(single, 0, &box->arena, items, err));
        shown->spec_count = 1;
    } else {
        SLU_TRY(parse_room(box, list, sizeof *items, &items, &shown->spec_count, err));
        for (uint32_t i = 0; i < shown->spec_count; i++)
            SLU_TRY(parse_spec(box, json_array_get(list, i), &items[i], err));
        SLU_TRY(iceberg_json_i32(box->document, "default-spec-id", NULL, &shown->default_spec_id, err));
    }
    shown->specs = items;
    if (iceberg_metadata_spec_of(shown, shown->default_spec_id) == NULL)
        return slu_error_set(err, SLU_CORRUPT, "there is no default partition spec %d", (int)shown->default_spec_id);
    return SLU_OK;
}

static slu_status
parse_sort_orders(metadata_box *box, slu_error *err)
{
    const int32_t unsorted = 0;
    iceberg_sort_order *items = NULL;
    const json_t *list = json_object_get(box->document, "sort-orders");
    SLU_TRY(parse_room(box, list, sizeof *items, &items, &box->shown.sort_order_count, err));
    for (uint32_t i = 0; i < box->shown.sort_order_count; i++)
        SLU_TRY(iceberg_sort_of_json(json_array_get(list, i), &box->arena, &items[i], err));
    box->shown.sort_orders = items;
    return iceberg_json_i32(box->document, "default-sort-order-id", &unsorted, &box->shown.default_sort_order_id, err);
}

static slu_status
parse_snapshot(metadata_box *box, const json_t *json, iceberg_snapshot *out, slu_error *err)
{
    const int64_t none = NOTHING;
    const int64_t zero = 0;
    const int32_t no_schema = -1;
    SLU_TRY(iceberg_json_i64(json, "snapshot-id", NULL, &out->id, err));
    SLU_TRY(iceberg_json_i64(json, "parent-snapshot-id", &none, &out->parent_id, err));
    SLU_TRY(iceberg_json_i64(json, "sequence-number", &zero, &out->sequence_number, err));
    SLU_TRY(iceberg_json_i64(json, "timestamp-ms", NULL, &out->timestamp_ms, err));
    SLU_TRY(iceberg_json_i32(json, "schema-id", &no_schema, &out->schema_id, err));
    if (json_object_get(json, "manifest-list") == NULL && json_is_array(json_object_get(json, "manifests")))
        return slu_error_set(err, SLU_UNSUPPORTED, "snapshot %lld lists its manifests inline (format 1), which is not supported",
                             (long long)out->id);
    SLU_TRY(iceberg_json_text(json, "manifest-list", false, &box->arena, &out->manifest_list, err));
    return parse_properties(box, json_object_get(json, "summary"), &out->summary, &out->summary_count, err);
}

static slu_status
parse_snapshots(metadata_box *box, slu_error *err)
{
    iceberg_snapshot *items = NULL;
    const int64_t none = NOTHING;
    const json_t *list = json_object_get(box->document, "snapshots");
    SLU_TRY(parse_room(box, list, sizeof *items, &items, &box->shown.snapshot_count, err));
    for (uint32_t i = 0; i < box->shown.snapshot_count; i++)
        SLU_TRY_IN(parse_snapshot(box, json_array_get(list, i), &items[i], err), err, "snapshot %u", i);
    box->shown.snapshots = items;
    return iceberg_json_i64(box->document, "current-snapshot-id", &none, &box->shown.current_snapshot_id, err);
}

static slu_status
parse_ref(const char *name, const json_t *json, iceberg_ref *out, slu_error *err)
{
    const int64_t unset = NOTHING;
    const char *type = json_string_value(json_object_get(json, "type"));
    out->name = name;
    out->is_tag = type != NULL && strcmp(type, "tag") == 0;
    SLU_TRY(iceberg_json_i64(json, "snapshot-id", NULL, &out->snapshot_id, err));
    SLU_TRY(iceberg_json_i64(json, "min-snapshots-to-keep", &unset, &out->snapshots_min, err));
    SLU_TRY(iceberg_json_i64(json, "max-snapshot-age-ms", &unset, &out->snapshot_age_ms, err));
    return iceberg_json_i64(json, "max-ref-age-ms", &unset, &out->ref_age_ms, err);
}

static slu_status
parse_refs(metadata_box *box, slu_error *err)
{
    iceberg_ref *items = NULL;
    const char *name = NULL;
    json_t *json = NULL;
    json_t *refs = json_object_get(box->document, "refs");
    uint32_t i = 0;
    if (!json_is_object(refs))
        return SLU_OK;
    SLU_TRY(parse_room(box, refs, sizeof *items, &items, &box->shown.ref_count, err));
    json_object_foreach(refs, name, json)
    {
        SLU_TRY_IN(parse_ref(name, json, &items[i], err), err, "ref \"%.64s\"", name);
        i++;
    }
    box->shown.refs = items;
    return SLU_OK;
}

static slu_status
parse_log(metadata_box *box, slu_error *err)
{
    iceberg_metadata_log *items = NULL;
    const json_t *list = json_object_get(box->document, "metadata-log");
    SLU_TRY(parse_room(box, list, sizeof *items, &items, &box->shown.log_count, err));
    for (uint32_t i = 0; i < box->shown.log_count; i++) {
        SLU_TRY(iceberg_json_i64(json_array_get(list, i), "timestamp-ms", NULL, &items[i].timestamp_ms, err));
        SLU_TRY(iceberg_json_text(json_array_get(list, i), "metadata-file", false, &box->arena, &items[i].file, err));
    }
    box->shown.log = items;
    return SLU_OK;
}

static slu_status
parse_head(metadata_box *box, slu_error *err)
{
    const json_t *document = box->document;
    iceberg_metadata *shown = &box->shown;
    const int64_t zero = 0;
    const int32_t before_first = ICEBERG_PARTITION_ID_FIRST - 1;
    char *location = NULL;
    SLU_TRY(iceberg_json_i32(document, "format-version", NULL, &shown->format_version, err));
    if (shown->format_version < 1 || shown->format_version > ICEBERG_FORMAT_VERSION_MAX)
        return slu_error_set(err, SLU_UNSUPPORTED, "format version %d: this build reads 1 to %d", (int)shown->format_version,
                             ICEBERG_FORMAT_VERSION_MAX);
    SLU_TRY(iceberg_json_text(document, "table-uuid", shown->format_version == 1, &box->arena, &shown->uuid, err));
    SLU_TRY(iceberg_json_text(document, "location", false, &box->arena, &shown->location, err));
    location = (char *)(uintptr_t)shown->location;
    for (size_t bytes = strlen(location); bytes > 1 && location[bytes - 1] == '/'; bytes--)
        location[bytes - 1] = 0;
    SLU_TRY(iceberg_json_i64(document, "last-sequence-number", shown->format_version == 1 ? &zero : NULL,
                             &shown->last_sequence_number, err));
    SLU_TRY(iceberg_json_i64(document, "last-updated-ms", NULL, &shown->last_updated_ms, err));
    SLU_TRY(iceberg_json_i32(document, "last-column-id", NULL, &shown->last_column_id, err));
    return iceberg_json_i32(document, "last-partition-id", &before_first, &shown->last_partition_id, err);
}

/* What would make a later commit or read go wrong quietly. */
static slu_status
parse_check(const iceberg_metadata *shown, slu_error *err)
{
    const iceberg_ref *main = iceberg_metadata_ref(shown, "main");
    if (main != NULL && main->snapshot_id != shown->current_snapshot_id)
        return slu_error_set(err, SLU_CORRUPT, "ref main points at %lld, current-snapshot-id at %lld", (long long)main->snapshot_id,
                             (long long)shown->current_snapshot_id);
    if (shown->current_snapshot_id != NOTHING && iceberg_metadata_snapshot(shown) == NULL)
        return slu_error_set(err, SLU_CORRUPT, "the current snapshot %lld is not listed", (long long)shown->current_snapshot_id);
    for (uint32_t i = 0; i < shown->ref_count; i++)
        if (iceberg_metadata_snapshot_of(shown, shown->refs[i].snapshot_id) == NULL)
            return slu_error_set(err, SLU_CORRUPT, "ref \"%.64s\" points at snapshot %lld, which is not listed",
                                 shown->refs[i].name, (long long)shown->refs[i].snapshot_id);
    return SLU_OK;
}

static slu_status
parse_document(metadata_box *box, slu_error *err)
{
    if (!json_is_object(box->document))
        return slu_error_set(err, SLU_CORRUPT, "not a JSON object");
    SLU_TRY(parse_head(box, err));
    SLU_TRY(parse_schemas(box, err));
    SLU_TRY(parse_specs(box, err));
    SLU_TRY(parse_sort_orders(box, err));
    SLU_TRY(parse_properties(box, json_object_get(box->document, "properties"), &box->shown.properties, &box->shown.property_count,
                             err));
    SLU_TRY(parse_snapshots(box, err));
    SLU_TRY(parse_refs(box, err));
    SLU_TRY(parse_log(box, err));
    return parse_check(&box->shown, err);
}

/* Takes the document, success or not. */
slu_status
iceberg_metadata_of_document(json_t *document, iceberg_metadata **out, slu_error *err)
{
    SLU_AUTO(box_free) metadata_box *box = slu_alloc_zero(1, sizeof *box);
    if (box == NULL) {
        json_decref(document);
        return slu_error_set(err, SLU_NOMEM, "no memory for table metadata");
    }
    box->document = document;
    slu_arena_init(&box->arena, ARENA_BYTES_MAX);
    SLU_TRY_IN(parse_document(box, err), err, "table metadata");
    *out = &slu_take(&box)->shown;
    return SLU_OK;
}

slu_status
iceberg_metadata_parse(slu_view text, iceberg_metadata **out, slu_error *err)
{
    json_t *document = NULL;
    if (text.bytes > ICEBERG_METADATA_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "table metadata of %zu bytes", text.bytes);
    SLU_TRY(iceberg_json_load(text, "table metadata", &document, err));
    return iceberg_metadata_of_document(document, out, err);
}

slu_status
iceberg_metadata_print(const iceberg_metadata *metadata, slu_buf *out, slu_error *err)
{
    return iceberg_json_dump(iceberg_metadata_document(metadata), out, err);
}

/* ---- questions ---- */

const iceberg_schema *
iceberg_metadata_schema_of(const iceberg_metadata *metadata, int32_t schema_id)
{
    for (uint32_t i = 0; i < metadata->schema_count; i++)
        if (metadata->schemas[i].schema_id == schema_id)
            return &metadata->schemas[i];
    return NULL;
}

const iceberg_schema *
iceberg_metadata_schema(const iceberg_metadata *metadata)
{
    return iceberg_metadata_schema_of(metadata, metadata->current_schema_id);
}

const iceberg_partition_spec *
iceberg_metadata_spec_of(const iceberg_metadata *metadata, int32_t spec_id)
{
    for (uint32_t i = 0; i < metadata->spec_count; i++)
        if (metadata->specs[i].spec_id == spec_id)
            return &metadata->specs[i];
    return NULL;
}

const iceberg_partition_spec *
iceberg_metadata_spec(const iceberg_metadata *metadata)
{
    return iceberg_metadata_spec_of(metadata, metadata->default_spec_id);
}

const iceberg_sort_order *
iceberg_metadata_sort_order(const iceberg_metadata *metadata)
{
    for (uint32_t i = 0; i < metadata->sort_order_count && metadata->default_sort_order_id != 0; i++)
        if (metadata->sort_orders[i].order_id == metadata->default_sort_order_id)
            return &metadata->sort_orders[i];
    return NULL;
}

const iceberg_snapshot *
iceberg_metadata_snapshot_of(const iceberg_metadata *metadata, int64_t id)
{
    for (uint32_t i = metadata->snapshot_count; i-- > 0;) /* the wanted one is mostly new */
        if (metadata->snapshots[i].id == id)
            return &metadata->snapshots[i];
    return NULL;
}

const iceberg_snapshot *
iceberg_metadata_snapshot(const iceberg_metadata *metadata)
{
    return metadata->current_snapshot_id == NOTHING ? NULL : iceberg_metadata_snapshot_of(metadata, metadata->current_snapshot_id);
}

const iceberg_ref *
iceberg_metadata_ref(const iceberg_metadata *metadata, const char *name)
{
    for (uint32_t i = 0; i < metadata->ref_count; i++)
        if (strcmp(metadata->refs[i].name, name) == 0)
            return &metadata->refs[i];
    return NULL;
}

static const char *
properties_get(const iceberg_property *properties, uint32_t count, const char *key)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(properties[i].key, key) == 0)
            return properties[i].value;
    return NULL;
}

const char *
iceberg_metadata_property(const iceberg_metadata *metadata, const char *key)
{
    return properties_get(metadata->properties, metadata->property_count, key);
}

int64_t
iceberg_metadata_property_i64(const iceberg_metadata *metadata, const char *key, int64_t missing)
{
    const char *text = iceberg_metadata_property(metadata, key);
    char *end = NULL;
    const long long number = text == NULL ? 0 : strtoll(text, &end, 10);
    return text == NULL || end == text || *end != 0 ? missing : (int64_t)number;
}

const char *
iceberg_snapshot_property(const iceberg_snapshot *snapshot, const char *key)
{
    return properties_get(snapshot->summary, snapshot->summary_count, key);
}

const iceberg_snapshot *
iceberg_metadata_find(const iceberg_metadata *metadata, const char *key, const char *value)
{
    const iceberg_snapshot *snapshot = iceberg_metadata_snapshot(metadata);
    /* A history cannot be longer than the snapshots there are: a circle of parents ends here. */
    for (uint32_t steps = 0; snapshot != NULL && steps < metadata->snapshot_count; steps++) {
        const char *got = iceberg_snapshot_property(snapshot, key);
        if (got != NULL && strcmp(got, value) == 0)
            return snapshot;
        snapshot = snapshot->parent_id == NOTHING ? NULL : iceberg_metadata_snapshot_of(metadata, snapshot->parent_id);
    }
    return NULL;
}

/* ---- a new table ---- */

static json_t *
properties_to_json(const iceberg_property *properties, size_t count)
{
    json_t *json = json_object();
    for (size_t i = 0; i < count; i++)
        if (strcmp(properties[i].key, "format-version") != 0) /* selects the version, is not a property */
            (void)json_object_set_new(json, properties[i].key, json_string(properties[i].value));
    return json;
}

static int32_t
spec_last_id(const iceberg_partition_spec *spec)
{
    int32_t last = ICEBERG_PARTITION_ID_FIRST - 1;
    for (uint32_t i = 0; spec != NULL && i < spec->field_count; i++)
        last = spec->fields[i].field_id > last ? spec->fields[i].field_id : last;
    return last;
}

static json_t *
new_document(const iceberg_create *create, const char *uuid, int64_t now_ms)
{
    static const iceberg_partition_spec UNPARTITIONED = {0};
    static const iceberg_sort_order UNSORTED = {0};
    const iceberg_partition_spec *spec = create->spec == NULL ? &UNPARTITIONED : create->spec;
    const iceberg_sort_order *sort =
        create->sort_order == NULL || create->sort_order->field_count == 0 ? &UNSORTED : create->sort_order;
    json_t *properties = properties_to_json(create->properties, create->property_count);
    if (json_object_get(properties, "write.parquet.compression-codec") == NULL)
        (void)json_object_set_new(properties, "write.parquet.compression-codec", json_string("zstd"));
    return json_pack("{s:i,s:s,s:s,s:i,s:I,s:i,s:i,s:[o],s:i,s:[{s:i,s:o}],s:i,s:i,s:[o],s:o,s:i,s:{},s:[],s:[],s:[],s:[],s:[]}",
                     "format-version", 2, "table-uuid", uuid, "location", create->location, "last-sequence-number", 0,
                     "last-updated-ms", (json_int_t)now_ms, "last-column-id", (int)iceberg_schema_max_id(create->schema),
                     "current-schema-id", (int)create->schema->schema_id, "schemas", iceberg_schema_to_json(create->schema),
                     "default-spec-id", (int)spec->spec_id, "partition-specs", "spec-id", (int)spec->spec_id, "fields",
                     iceberg_spec_fields_to_json(spec), "last-partition-id", (int)spec_last_id(spec), "default-sort-order-id",
                     (int)sort->order_id, "sort-orders", iceberg_sort_to_json(sort), "properties", properties,
                     "current-snapshot-id", -1, "refs", "snapshots", "statistics", "partition-statistics", "snapshot-log",
                     "metadata-log");
}

slu_status
iceberg_metadata_new(const iceberg_create *create, const char *uuid, int64_t now_ms, iceberg_metadata **out, slu_error *err)
{
    json_t *document = new_document(create, uuid, now_ms);
    if (document == NULL)
        return slu_error_set(err, SLU_INVALID, "a new table at %s: a name is not UTF-8, or no memory", create->location);
    return iceberg_metadata_of_document(document, out, err);
}

/* ---- updates ---- */

slu_status
iceberg_requirements_check(const iceberg_requirements *requirements, const iceberg_metadata *metadata, slu_error *err)
{
    if (requirements->uuid != NULL && (metadata->uuid == NULL || strcmp(requirements->uuid, metadata->uuid) != 0))
        return slu_error_set(err, SLU_CONFLICT, "the table is another one now: uuid %s, expected %s",
                             metadata->uuid == NULL ? "none" : metadata->uuid, requirements->uuid);
    if (requirements->ref == NULL)
        return SLU_OK;
    const iceberg_ref *ref = iceberg_metadata_ref(metadata, requirements->ref);
    int64_t at = ref == NULL ? NOTHING : ref->snapshot_id;
    if (ref == NULL && strcmp(requirements->ref, "main") == 0)
        at = metadata->current_snapshot_id; /* metadata of version 1 may have no refs */
    if (at != requirements->ref_snapshot)
        return slu_error_set(err, SLU_CONFLICT, "ref %s is at snapshot %lld, expected %lld", requirements->ref, (long long)at,
                             (long long)requirements->ref_snapshot);
    return SLU_OK;
}

/* The member, made when missing or of another type. Borrowed. */
static json_t *
member(json_t *object, const char *key, json_t *(*make)(void))
{
    json_t *value = json_object_get(object, key);
    if (value != NULL && json_typeof(value) == (make == json_array ? JSON_ARRAY : JSON_OBJECT))
        return value;
    (void)json_object_set_new(object, key, make());
    return json_object_get(object, key);
}

json_t *
iceberg_snapshot_to_json(const iceberg_snapshot *snapshot)
{
    json_t *json =
        json_pack("{s:I,s:I,s:I,s:o,s:s}", "sequence-number", (json_int_t)snapshot->sequence_number, "snapshot-id",
                  (json_int_t)snapshot->id, "timestamp-ms", (json_int_t)snapshot->timestamp_ms, "summary",
                  properties_to_json(snapshot->summary, snapshot->summary_count), "manifest-list", snapshot->manifest_list);
    if (snapshot->parent_id != NOTHING)
        (void)json_object_set_new(json, "parent-snapshot-id", json_integer(snapshot->parent_id));
    if (snapshot->schema_id >= 0)
        (void)json_object_set_new(json, "schema-id", json_integer(snapshot->schema_id));
    return json;
}

static slu_status
apply_add_snapshot(json_t *document, const iceberg_metadata *base, const iceberg_snapshot *snapshot, slu_error *err)
{
    if (base->format_version != 2)
        return slu_error_set(err, SLU_UNSUPPORTED, "writing to a table of format version %d (only 2 is written)",
                             (int)base->format_version);
    if (snapshot->sequence_number <= base->last_sequence_number)
        return slu_error_set(err, SLU_CONFLICT, "sequence number %lld is not above the table's %lld",
                             (long long)snapshot->sequence_number, (long long)base->last_sequence_number);
    if (iceberg_metadata_snapshot_of(base, snapshot->id) != NULL)
        return slu_error_set(err, SLU_CONFLICT, "snapshot %lld is in the table already", (long long)snapshot->id);
    (void)json_array_append_new(member(document, "snapshots", json_array), iceberg_snapshot_to_json(snapshot));
    (void)json_object_set_new(document, "last-sequence-number", json_integer(snapshot->sequence_number));
    return SLU_OK;
}

static const json_t *
document_snapshot(const json_t *document, int64_t id)
{
    const json_t *list = json_object_get(document, "snapshots");
    for (size_t i = json_array_size(list); i-- > 0;)
        if (json_integer_value(json_object_get(json_array_get(list, i), "snapshot-id")) == id)
            return json_array_get(list, i);
    return NULL;
}

static slu_status
apply_set_ref(json_t *document, const iceberg_metadata *base, const char *name, int64_t id, int64_t now_ms, slu_error *err)
{
    const json_t *snapshot = document_snapshot(document, id);
    if (snapshot == NULL)
        return slu_error_set(err, SLU_INVALID, "ref %s to snapshot %lld, which is not in the table", name, (long long)id);
    json_t *ref = member(member(document, "refs", json_object), name, json_object);
    (void)json_object_set_new(ref, "snapshot-id", json_integer(id));
    if (json_object_get(ref, "type") == NULL)
        (void)json_object_set_new(ref, "type", json_string("branch"));
    if (strcmp(name, "main") != 0 || base->current_snapshot_id == id)
        return SLU_OK;
    (void)json_object_set_new(document, "current-snapshot-id", json_integer(id));
    const bool is_new = iceberg_metadata_snapshot_of(base, id) == NULL;
    const int64_t at = is_new ? json_integer_value(json_object_get(snapshot, "timestamp-ms")) : now_ms;
    (void)json_array_append_new(member(document, "snapshot-log", json_array),
                                json_pack("{s:I,s:I}", "timestamp-ms", (json_int_t)at, "snapshot-id", (json_int_t)id));
    return SLU_OK;
}

static bool
among(const iceberg_update *update, int64_t id)
{
    for (size_t i = 0; i < update->id_count; i++)
        if (update->ids[i] == id)
            return true;
    return false;
}

/* Removes the members of a list whose snapshot-id is among the update's. */
static void
list_remove(json_t *list, const iceberg_update *update)
{
    for (size_t i = json_array_size(list); i-- > 0;)
        if (among(update, json_integer_value(json_object_get(json_array_get(list, i), "snapshot-id"))))
            (void)json_array_remove(list, i);
}

static slu_status
apply_remove_snapshots(json_t *document, const iceberg_metadata *base, const iceberg_update *update, slu_error *err)
{
    for (uint32_t i = 0; i < base->ref_count; i++)
        if (among(update, base->refs[i].snapshot_id))
            return slu_error_set(err, SLU_INVALID, "snapshot %lld cannot be removed: ref %s points at it",
                                 (long long)base->refs[i].snapshot_id, base->refs[i].name);
    list_remove(json_object_get(document, "snapshots"), update);
    list_remove(json_object_get(document, "statistics"), update);
    list_remove(json_object_get(document, "partition-statistics"), update);
    /* The log keeps only what is complete: everything up to the last removed entry goes. */
    json_t *log = json_object_get(document, "snapshot-log");
    for (size_t i = json_array_size(log); i-- > 0;) {
        if (!among(update, json_integer_value(json_object_get(json_array_get(log, i), "snapshot-id"))))
            continue;
        for (size_t k = 0; k <= i; k++)
            (void)json_array_remove(log, 0);
        break;
    }
    return SLU_OK;
}

static slu_status
apply_schema(json_t *document, const iceberg_metadata *base, const iceberg_schema *schema, slu_error *err)
{
    iceberg_schema next = *schema;
    const int32_t max_id = iceberg_schema_max_id(schema);
    next.schema_id = 0;
    for (uint32_t i = 0; i < base->schema_count; i++)
        next.schema_id = base->schemas[i].schema_id >= next.schema_id ? base->schemas[i].schema_id + 1 : next.schema_id;
    if (!json_is_array(json_object_get(document, "schemas")))
        return slu_error_set(err, SLU_UNSUPPORTED, "changing the schema of a version 1 table");
    (void)json_array_append_new(json_object_get(document, "schemas"), iceberg_schema_to_json(&next));
    (void)json_object_set_new(document, "current-schema-id", json_integer(next.schema_id));
    (void)json_object_set_new(document, "last-column-id",
                              json_integer(max_id > base->last_column_id ? max_id : base->last_column_id));
    return SLU_OK;
}

static slu_status
apply_one(json_t *document, const iceberg_metadata *base, const iceberg_update *update, int64_t now_ms, slu_error *err)
{
    switch (update->kind) {
    case ICEBERG_UPDATE_ADD_SNAPSHOT: return apply_add_snapshot(document, base, update->snapshot, err);
    case ICEBERG_UPDATE_SET_REF: return apply_set_ref(document, base, update->text, update->number, now_ms, err);
    case ICEBERG_UPDATE_SET_PROPERTIES:
        for (size_t i = 0; i < update->property_count; i++)
            (void)json_object_set_new(member(document, "properties", json_object), update->properties[i].key,
                                      json_string(update->properties[i].value));
        return SLU_OK;
    case ICEBERG_UPDATE_REMOVE_PROPERTIES:
        for (size_t i = 0; i < update->property_count; i++)
            (void)json_object_del(member(document, "properties", json_object), update->properties[i].key);
        return SLU_OK;
    case ICEBERG_UPDATE_REMOVE_SNAPSHOTS: return apply_remove_snapshots(document, base, update, err);
    case ICEBERG_UPDATE_ADD_SCHEMA: return apply_schema(document, base, update->schema, err);
    default: return slu_error_set(err, SLU_UNSUPPORTED, "metadata update of kind %d", update->kind);
    }
}

static void
apply_log(json_t *document, const iceberg_metadata *base, const char *base_location)
{
    int64_t keep = iceberg_metadata_property_i64(base, "write.metadata.previous-versions-max", 100);
    json_t *log = member(document, "metadata-log", json_array);
    (void)json_array_append_new(
        log, json_pack("{s:I,s:s}", "timestamp-ms", (json_int_t)base->last_updated_ms, "metadata-file", base_location));
    keep = keep < 1 ? 1 : keep;
    while ((int64_t)json_array_size(log) > keep)
        (void)json_array_remove(log, 0);
}

slu_status
iceberg_metadata_apply(const iceberg_metadata *base, const char *base_location, const iceberg_requirements *requirements,
                       const iceberg_update *updates, size_t update_count, int64_t now_ms, iceberg_metadata **out, slu_error *err)
{
    SLU_TRY(iceberg_requirements_check(requirements, base, err));
    json_t *document = json_deep_copy(iceberg_metadata_document(base));
    if (document == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for table metadata");
    const int64_t at_ms = now_ms > base->last_updated_ms ? now_ms : base->last_updated_ms;
    for (size_t i = 0; i < update_count; i++) {
        const slu_status status = apply_one(document, base, &updates[i], at_ms, err);
        if (status != SLU_OK) {
            json_decref(document);
            return status;
        }
    }
    apply_log(document, base, base_location);
    (void)json_object_set_new(document, "last-updated-ms", json_integer(at_ms));
    return iceberg_metadata_of_document(document, out, err);
}
