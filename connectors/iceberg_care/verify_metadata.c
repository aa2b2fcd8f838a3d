/* verify_metadata.c: what a metadata file says, against itself. */
#include "iceberg/metadata_json.h"
#include "iceberg_care/verify_parts.h"

#define CLOCK_MS 60000 /* how far times may go backwards: Java refuses more */

static void
check_refs(iceberg_verifying *work)
{
    const iceberg_metadata *metadata = work->metadata;
    for (uint32_t i = 0; i < metadata->ref_count; i++)
        if (iceberg_metadata_snapshot_of(metadata, metadata->refs[i].snapshot_id) == NULL)
            iceberg_verify_say(work, VERIFY_WRONG, "ref-dangling", metadata->refs[i].name,
                               "it points at snapshot %lld, which is not there", (long long)metadata->refs[i].snapshot_id);
    const iceberg_ref *head = iceberg_metadata_ref(metadata, "main");
    if (head != NULL && head->snapshot_id != metadata->current_snapshot_id)
        iceberg_verify_say(work, VERIFY_WRONG, "ref-main", "main", "it is at snapshot %lld, the current one is %lld",
                           (long long)head->snapshot_id, (long long)metadata->current_snapshot_id);
}

static void
check_snapshot(iceberg_verifying *work, const iceberg_snapshot *snapshot)
{
    char where[32];
    const iceberg_metadata *metadata = work->metadata;
    const iceberg_snapshot *parent = snapshot->parent_id == -1 ? NULL : iceberg_metadata_snapshot_of(metadata, snapshot->parent_id);
    (void)snprintf(where, sizeof where, "%lld", (long long)snapshot->id);
    if (snapshot->sequence_number > metadata->last_sequence_number)
        iceberg_verify_say(work, VERIFY_WRONG, "snapshot-sequence", where,
                           "its sequence number %lld is above the table's last, %lld", (long long)snapshot->sequence_number,
                           (long long)metadata->last_sequence_number);
    if (parent != NULL && metadata->format_version > 1 && parent->sequence_number >= snapshot->sequence_number)
        iceberg_verify_say(work, VERIFY_WRONG, "snapshot-sequence", where,
                           "its sequence number %lld is not above its parent's, %lld", (long long)snapshot->sequence_number,
                           (long long)parent->sequence_number);
    if (parent != NULL && snapshot->timestamp_ms < parent->timestamp_ms - CLOCK_MS)
        iceberg_verify_say(work, VERIFY_WRONG, "snapshot-time", where, "it is more than a minute older than its parent");
    if (snapshot->schema_id >= 0 && iceberg_metadata_schema_of(metadata, snapshot->schema_id) == NULL)
        iceberg_verify_say(work, VERIFY_WRONG, "snapshot-schema", where, "its schema %d is not there", (int)snapshot->schema_id);
    if (iceberg_snapshot_property(snapshot, "operation") == NULL)
        iceberg_verify_say(work, VERIFY_ODD, "snapshot-operation", where, "its summary does not say what it did");
    for (const iceberg_snapshot *other = metadata->snapshots; other < snapshot; other++)
        if (other->id == snapshot->id)
            iceberg_verify_say(work, VERIFY_WRONG, "snapshot-twice", where, "two snapshots have this id");
}

static void
check_schema(iceberg_verifying *work)
{
    const iceberg_metadata *metadata = work->metadata;
    const iceberg_schema *schema = iceberg_metadata_schema(metadata);
    for (uint32_t i = 0; i < metadata->schema_count; i++)
        if (iceberg_schema_max_id(&metadata->schemas[i]) > metadata->last_column_id)
            iceberg_verify_say(work, VERIFY_WRONG, "column-id", "schemas", "schema %d has a field id above last-column-id %d",
                               (int)metadata->schemas[i].schema_id, (int)metadata->last_column_id);
    for (uint32_t i = 0; i < schema->identifier_count; i++) {
        const iceberg_field *field = iceberg_schema_field(schema, schema->identifier_ids[i]);
        if (field == NULL || !field->required)
            iceberg_verify_say(work, VERIFY_WRONG, "identifier", "schemas", "identifier field %d is %s",
                               (int)schema->identifier_ids[i], field == NULL ? "not in the current schema" : "optional");
    }
}

static void
check_specs(iceberg_verifying *work)
{
    const iceberg_metadata *metadata = work->metadata;
    for (uint32_t i = 0; i < metadata->spec_count; i++) {
        const iceberg_partition_spec *spec = &metadata->specs[i];
        for (uint32_t k = 0; k < spec->field_count; k++) {
            if (spec->fields[k].field_id > metadata->last_partition_id)
                iceberg_verify_say(work, VERIFY_WRONG, "partition-id", spec->fields[k].name,
                                   "its id %d is above last-partition-id %d", (int)spec->fields[k].field_id,
                                   (int)metadata->last_partition_id);
            if (iceberg_verify_field(work, spec->fields[k].source_id) == NULL)
                iceberg_verify_say(work, VERIFY_WRONG, "partition-source", spec->fields[k].name,
                                   "no schema has its source column %d", (int)spec->fields[k].source_id);
        }
    }
    if (metadata->default_sort_order_id != 0 && iceberg_metadata_sort_order(metadata) == NULL)
        iceberg_verify_say(work, VERIFY_WRONG, "sort-order", "metadata", "the default sort order %d is not there",
                           (int)metadata->default_sort_order_id);
}

static void
check_logs(iceberg_verifying *work)
{
    const json_t *log = json_object_get(iceberg_metadata_document(work->metadata), "snapshot-log");
    const size_t count = json_array_size(log);
    const json_t *last = count == 0 ? NULL : json_array_get(log, count - 1);
    if (last != NULL && json_integer_value(json_object_get(last, "snapshot-id")) != work->metadata->current_snapshot_id)
        iceberg_verify_say(work, VERIFY_WRONG, "snapshot-log", "metadata", "its last entry is not the current snapshot");
    for (size_t i = 1; i < count; i++) {
        const json_int_t before = json_integer_value(json_object_get(json_array_get(log, i - 1), "timestamp-ms"));
        if (json_integer_value(json_object_get(json_array_get(log, i), "timestamp-ms")) < before - CLOCK_MS)
            iceberg_verify_say(work, VERIFY_WRONG, "snapshot-log", "metadata", "its times go back by more than a minute");
    }
    for (uint32_t i = 0; i < work->metadata->log_count; i++) {
        int64_t bytes = 0;
        if (work->store->ops->size(work->store->self, work->metadata->log[i].file, &bytes, NULL) == SLU_NOTFOUND)
            iceberg_verify_say(work, VERIFY_ODD, "metadata-log", work->metadata->log[i].file, "an earlier metadata file is gone");
    }
}

void
iceberg_verify_metadata(iceberg_verifying *work)
{
    check_refs(work);
    for (uint32_t i = 0; i < work->metadata->snapshot_count; i++)
        check_snapshot(work, &work->metadata->snapshots[i]);
    check_schema(work);
    check_specs(work);
    check_logs(work);
}
