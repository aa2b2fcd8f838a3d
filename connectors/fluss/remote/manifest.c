#include "fluss/remote/manifest.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <inttypes.h>
#include <jansson.h>

void
fluss_manifest_fini(fluss_manifest *manifest)
{
    slu_free(manifest->segments);
    memset(manifest, 0, sizeof *manifest);
}

static slu_status
manifest_reserve(fluss_manifest *manifest, size_t room, slu_error *err)
{
    if (room > FLUSS_MANIFEST_SEGMENTS_MAX)
        return slu_error_set(err, SLU_LIMIT, "a manifest of more than %zu segments", FLUSS_MANIFEST_SEGMENTS_MAX);
    if (room <= manifest->room)
        return SLU_OK;
    const size_t larger = SLU_MAX(room, SLU_MAX(manifest->room * 2, (size_t)8));
    fluss_remote_segment *segments = slu_realloc(manifest->segments, larger * sizeof *segments);
    if (segments == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a manifest");
    manifest->segments = segments;
    manifest->room = larger;
    return SLU_OK;
}

slu_status
fluss_manifest_add(fluss_manifest *manifest, const fluss_remote_segment *segment, slu_error *err)
{
    const int64_t end = manifest->count == 0 ? 0 : manifest->segments[manifest->count - 1].end_offset;
    if (segment->start_offset < end || segment->end_offset <= segment->start_offset)
        return slu_error_set(err, SLU_INVALID,
                             "a remote segment of offsets %" PRId64 " to %" PRId64 " behind one that ends at %" PRId64,
                             segment->start_offset, segment->end_offset, end);
    SLU_TRY(manifest_reserve(manifest, manifest->count + 1, err));
    manifest->segments[manifest->count++] = *segment;
    manifest->copied_end_offset = SLU_MAX(manifest->copied_end_offset, segment->end_offset);
    return SLU_OK;
}

slu_status
fluss_manifest_copy(const fluss_manifest *from, fluss_manifest *out, slu_error *err)
{
    fluss_manifest copy = *from;
    copy.segments = NULL;
    copy.room = 0;
    SLU_TRY(manifest_reserve(&copy, from->count, err));
    if (from->count != 0)
        memcpy(copy.segments, from->segments, from->count * sizeof *copy.segments);
    *out = copy;
    return SLU_OK;
}

void
fluss_manifest_drop(fluss_manifest *manifest, size_t count)
{
    manifest->count -= count;
    if (manifest->count != 0)
        memmove(manifest->segments, manifest->segments + count, manifest->count * sizeof *manifest->segments);
}

size_t
fluss_manifest_find(const fluss_manifest *manifest, int64_t offset)
{
    size_t low = 0;
    size_t high = manifest->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (manifest->segments[middle].end_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < manifest->count && manifest->segments[low].start_offset <= offset ? low : manifest->count;
}

/* ---- JSON ---- */

static bool
member_i64(const json_t *object, const char *name, int64_t low, int64_t high, int64_t *out)
{
    const json_t *value = json_object_get(object, name);
    *out = json_is_integer(value) ? json_integer_value(value) : -1;
    return json_is_integer(value) && *out >= low && *out <= high;
}

static slu_status
manifest_decode_segment(const json_t *json, fluss_manifest *out, size_t at, slu_error *err)
{
    fluss_remote_segment segment = {0};
    int64_t bytes = 0;
    const char *id = json_string_value(json_object_get(json, "segment_id"));
    if (id == NULL || !fluss_uuid_is(id) || !member_i64(json, "start_offset", 0, INT64_MAX, &segment.start_offset) ||
        !member_i64(json, "end_offset", 0, INT64_MAX, &segment.end_offset) ||
        !member_i64(json, "max_timestamp", INT64_MIN, INT64_MAX, &segment.max_time_ms) ||
        !member_i64(json, "size_in_bytes", 0, INT32_MAX, &bytes))
        return slu_error_set(err, SLU_CORRUPT, "remote log manifest: segment %zu lacks a member, or has a wrong one", at);
    if (json_object_get(json, "logical_start_offset") != NULL || json_object_get(json, "logical_end_offset") != NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "remote log manifest: segment %zu overlaps another (logical offsets)", at);
    memcpy(segment.id, id, sizeof segment.id);
    segment.bytes = (int32_t)bytes;
    const slu_status status = fluss_manifest_add(out, &segment, err);
    return status == SLU_INVALID ? slu_error_set(err, SLU_CORRUPT, "remote log manifest: segment %zu is out of order", at) : status;
}

static slu_status
manifest_decode_root(const json_t *root, fluss_manifest *out, slu_error *err)
{
    int64_t version = 0;
    int64_t bucket = 0;
    int64_t copied = -1;
    const json_t *segments = json_object_get(root, "remote_log_segments");
    if (!member_i64(root, "version", 1, 1, &version) || !member_i64(root, "table_id", 0, INT64_MAX, &out->table_id) ||
        !member_i64(root, "bucket_id", 0, INT32_MAX, &bucket) || !json_is_array(segments))
        return slu_error_set(err, SLU_CORRUPT, "remote log manifest: not a file of version 1");
    if (!member_i64(root, "partition_id", 0, INT64_MAX, &out->partition_id) && json_object_get(root, "partition_id") != NULL)
        return slu_error_set(err, SLU_CORRUPT, "remote log manifest: a partition without an id");
    if (!member_i64(root, "highest_copied_end_offset", -1, INT64_MAX, &copied) &&
        json_object_get(root, "highest_copied_end_offset") != NULL)
        return slu_error_set(err, SLU_CORRUPT, "remote log manifest: highest_copied_end_offset is no offset");
    out->bucket = (int32_t)bucket;
    out->copied_end_offset = -1;
    SLU_TRY(manifest_reserve(out, json_array_size(segments), err));
    for (size_t i = 0; i < json_array_size(segments); i++)
        SLU_TRY(manifest_decode_segment(json_array_get(segments, i), out, i, err));
    out->copied_end_offset = SLU_MAX(out->copied_end_offset, copied);
    return SLU_OK;
}

slu_status
fluss_manifest_decode(slu_view json, fluss_manifest *out, slu_error *err)
{
    json_error_t where;
    if (json.bytes > FLUSS_MANIFEST_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a remote log manifest of %zu bytes", json.bytes);
    json_t *root = json_loadb((const char *)json.data, json.bytes, JSON_REJECT_DUPLICATES, &where);
    const slu_status status = root == NULL ? slu_error_set(err, SLU_CORRUPT, "remote log manifest: %s", where.text)
                                           : manifest_decode_root(root, out, err);
    json_decref(root);
    if (status != SLU_OK)
        fluss_manifest_fini(out);
    return status;
}

/* Names have letters, digits, - and _ only, and a partition's $ besides; whatever else is there is escaped. */
static void
encode_name(slu_buf *out, const char *member, const char *name)
{
    slu_buf_printf(out, ",\"%s\":\"", member);
    for (const char *at = name; *at != 0; at++) {
        const unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\')
            slu_buf_printf(out, "\\%c", c);
        else if (c < 0x20)
            slu_buf_printf(out, "\\u%04x", c);
        else
            slu_buf_u8(out, c);
    }
    slu_buf_u8(out, '"');
}

void
fluss_manifest_encode(const fluss_manifest *manifest, const fluss_remote_place *place, slu_buf *out)
{
    const int64_t end = manifest->count == 0 ? -1 : manifest->segments[manifest->count - 1].end_offset;
    slu_buf_text(out, "{\"version\":1");
    encode_name(out, "database", place->database);
    encode_name(out, "table", place->table);
    if (manifest->partition_id >= 0)
        encode_name(out, "partition_name", place->partition);
    slu_buf_printf(out, ",\"table_id\":%" PRId64, manifest->table_id);
    if (manifest->partition_id >= 0)
        slu_buf_printf(out, ",\"partition_id\":%" PRId64, manifest->partition_id);
    slu_buf_printf(out, ",\"bucket_id\":%" PRId32, manifest->bucket);
    if (manifest->copied_end_offset != end)
        slu_buf_printf(out, ",\"highest_copied_end_offset\":%" PRId64, manifest->copied_end_offset);
    slu_buf_text(out, ",\"remote_log_segments\":[");
    for (size_t i = 0; i < manifest->count; i++) {
        const fluss_remote_segment *segment = &manifest->segments[i];
        slu_buf_printf(out,
                       "%s{\"segment_id\":\"%s\",\"start_offset\":%" PRId64 ",\"end_offset\":%" PRId64 ",\"max_timestamp\":%" PRId64
                       ",\"size_in_bytes\":%" PRId32 "}",
                       i == 0 ? "" : ",", segment->id, segment->start_offset, segment->end_offset, segment->max_time_ms,
                       segment->bytes);
    }
    slu_buf_text(out, "]}");
}
