#include "kv_snapshot.h"

#include <jansson.h>

#define SNAPSHOT_VERSION 1

bool
fluss_kv_local_name_ok(const char *name)
{
    return name[0] != 0 && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* ---- decode ---- */

static slu_status
snapshot_wrong(const char *key, slu_error *err)
{
    return slu_error_set(err, SLU_CORRUPT, "a kv snapshot's metadata: \"%s\" is missing or wrong", key);
}

static slu_status
get_int(const json_t *object, const char *key, int64_t least, int64_t most, int64_t *out, slu_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most)
        return snapshot_wrong(key, err);
    *out = json_integer_value(value);
    return SLU_OK;
}

static slu_status
get_int_or(const json_t *object, const char *key, int64_t fallback, int64_t *out, slu_error *err)
{
    const json_t *value = json_object_get(object, key);
    *out = fallback;
    return value == NULL || json_is_null(value) ? SLU_OK : get_int(object, key, 0, INT64_MAX, out, err);
}

static slu_status
get_text(const json_t *object, const char *key, slu_arena *arena, const char **out, slu_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value) || json_string_length(value) != strlen(json_string_value(value)))
        return snapshot_wrong(key, err);
    *out = slu_arena_strdup(arena, json_string_value(value));
    return slu_arena_status(arena, err);
}

static slu_status
get_file(const json_t *entry, slu_arena *arena, fluss_kv_file *out, slu_error *err)
{
    const json_t *handle = json_object_get(entry, "kv_file_handle");
    SLU_TRY(get_text(handle, "path", arena, &out->path, err));
    SLU_TRY(get_int(handle, "size", 0, INT64_MAX, &out->bytes, err));
    SLU_TRY(get_text(entry, "local_path", arena, &out->local_name, err));
    return fluss_kv_local_name_ok(out->local_name) ? SLU_OK : snapshot_wrong("local_path", err);
}

static slu_status
get_files(const json_t *handle, const char *key, slu_arena *arena, fluss_kv_file **out, size_t *out_count, slu_error *err)
{
    const json_t *list = json_object_get(handle, key);
    if (!json_is_array(list))
        return snapshot_wrong(key, err);
    const size_t count = json_array_size(list);
    fluss_kv_file *files = slu_arena_array(arena, count + 1, sizeof *files);
    if (files == NULL)
        return slu_arena_status(arena, err);
    for (size_t i = 0; i < count; i++)
        SLU_TRY_IN(get_file(json_array_get(list, i), arena, &files[i], err), err, "%s[%zu]", key, i);
    *out = files;
    *out_count = count;
    return SLU_OK;
}

static slu_status
get_id_ranges(const json_t *root, slu_arena *arena, fluss_kv_snapshot *out, slu_error *err)
{
    const json_t *list = json_object_get(root, "auto_inc_id_range");
    if (list == NULL || json_is_null(list))
        return SLU_OK;
    if (!json_is_array(list))
        return snapshot_wrong("auto_inc_id_range", err);
    const size_t count = json_array_size(list);
    out->id_ranges = slu_arena_array(arena, count + 1, sizeof *out->id_ranges);
    if (out->id_ranges == NULL)
        return slu_arena_status(arena, err);
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        int64_t column = 0;
        SLU_TRY(get_int(entry, "column_id", 0, INT32_MAX, &column, err));
        SLU_TRY(get_int(entry, "start", INT64_MIN, INT64_MAX, &out->id_ranges[i].start, err));
        SLU_TRY(get_int(entry, "end", INT64_MIN, INT64_MAX, &out->id_ranges[i].end, err));
        out->id_ranges[i].column_id = (int32_t)column;
    }
    out->id_range_count = count;
    return SLU_OK;
}

static slu_status
decode_root(const json_t *root, slu_arena *arena, fluss_kv_snapshot *out, slu_error *err)
{
    const json_t *handle = json_object_get(root, "kv_snapshot_handle");
    int64_t bucket = 0;
    SLU_TRY(get_int(root, "table_id", 0, INT64_MAX, &out->table_id, err));
    SLU_TRY(get_int_or(root, "partition_id", FLUSS_KV_NO_PARTITION, &out->partition_id, err));
    SLU_TRY(get_int(root, "bucket_id", 0, INT32_MAX, &bucket, err));
    SLU_TRY(get_int(root, "snapshot_id", 0, INT64_MAX, &out->snapshot_id, err));
    SLU_TRY(get_text(root, "snapshot_location", arena, &out->location, err));
    SLU_TRY(get_files(handle, "shared_file_handles", arena, &out->shared, &out->shared_count, err));
    SLU_TRY(get_files(handle, "private_file_handles", arena, &out->own, &out->own_count, err));
    SLU_TRY(get_int(handle, "snapshot_incremental_size", 0, INT64_MAX, &out->incremental_bytes, err));
    SLU_TRY(get_int(root, "log_offset", 0, INT64_MAX, &out->log_offset, err));
    SLU_TRY(get_int_or(root, "row_count", FLUSS_KV_ROWS_UNKNOWN, &out->row_count, err));
    out->bucket = (int32_t)bucket;
    return get_id_ranges(root, arena, out, err);
}

slu_status
fluss_kv_snapshot_decode(slu_view json, slu_arena *arena, fluss_kv_snapshot *out, slu_error *err)
{
    json_error_t error;
    const fluss_kv_snapshot empty = {0};
    if (json.bytes > FLUSS_KV_SNAPSHOT_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a kv snapshot's metadata has %zu bytes; at most %zu", json.bytes,
                             FLUSS_KV_SNAPSHOT_BYTES_MAX);
    json_t *root = json.bytes == 0 ? NULL : json_loadb((const char *)json.data, json.bytes, 0, &error);
    if (root == NULL)
        return slu_error_set(err, SLU_CORRUPT, "a kv snapshot's metadata is no JSON: %s", json.bytes == 0 ? "empty" : error.text);
    *out = empty;
    const slu_status status = decode_root(root, arena, out, err);
    json_decref(root);
    return status;
}

/* ---- encode ---- */

static json_t *
files_to_json(const fluss_kv_file *files, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < count; i++) {
        json_t *entry = json_pack("{s{sssI}ss}", "kv_file_handle", "path", files[i].path, "size", (json_int_t)files[i].bytes,
                                  "local_path", files[i].local_name);
        if (entry == NULL || json_array_append_new(list, entry) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *
id_ranges_to_json(const fluss_kv_snapshot *snapshot)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < snapshot->id_range_count; i++) {
        const fluss_kv_id_range *range = &snapshot->id_ranges[i];
        json_t *entry = json_pack("{sisIsI}", "column_id", (int)range->column_id, "start", (json_int_t)range->start, "end",
                                  (json_int_t)range->end);
        if (entry == NULL || json_array_append_new(list, entry) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* root[key] = value, taking it. */
static bool
put(json_t *root, const char *key, json_t *value)
{
    return value != NULL && json_object_set_new(root, key, value) == 0;
}

static bool
put_handle(json_t *root, const fluss_kv_snapshot *snapshot)
{
    json_t *handle = json_object();
    return put(root, "kv_snapshot_handle", handle) &&
           put(handle, "shared_file_handles", files_to_json(snapshot->shared, snapshot->shared_count)) &&
           put(handle, "private_file_handles", files_to_json(snapshot->own, snapshot->own_count)) &&
           put(handle, "snapshot_incremental_size", json_integer(snapshot->incremental_bytes));
}

static bool
put_all(json_t *root, const fluss_kv_snapshot *snapshot)
{
    return put(root, "version", json_integer(SNAPSHOT_VERSION)) && put(root, "table_id", json_integer(snapshot->table_id)) &&
           (snapshot->partition_id == FLUSS_KV_NO_PARTITION || put(root, "partition_id", json_integer(snapshot->partition_id))) &&
           put(root, "bucket_id", json_integer(snapshot->bucket)) &&
           put(root, "snapshot_id", json_integer(snapshot->snapshot_id)) &&
           put(root, "snapshot_location", json_string(snapshot->location)) && put_handle(root, snapshot) &&
           put(root, "log_offset", json_integer(snapshot->log_offset)) &&
           (snapshot->row_count == FLUSS_KV_ROWS_UNKNOWN || put(root, "row_count", json_integer(snapshot->row_count))) &&
           (snapshot->id_range_count == 0 || put(root, "auto_inc_id_range", id_ranges_to_json(snapshot)));
}

static int
buf_sink(const char *text, size_t bytes, void *buf)
{
    slu_buf_append(buf, text, bytes);
    return 0;
}

slu_status
fluss_kv_snapshot_encode(const fluss_kv_snapshot *snapshot, slu_buf *out, slu_error *err)
{
    json_t *root = json_object();
    const bool made =
        root != NULL && put_all(root, snapshot) && json_dump_callback(root, buf_sink, out, JSON_COMPACT | JSON_PRESERVE_ORDER) == 0;
    json_decref(root);
    return made ? slu_buf_status(out, err) : slu_error_set(err, SLU_NOMEM, "no memory for a kv snapshot's metadata");
}
