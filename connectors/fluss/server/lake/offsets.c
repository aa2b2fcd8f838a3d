#include "fluss/server/lake/offsets.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define LAKE_BUCKETS_MAX 128000
#define LAKE_NO_PARTITION (-1)

void
fluss_lake_offsets_fini(fluss_lake_offsets *offsets)
{
    slu_free(offsets->entries);
    memset(offsets, 0, sizeof *offsets);
}

static slu_status
offsets_append(fluss_lake_offsets *offsets, int64_t partition_id, int32_t bucket, int64_t offset, slu_error *err)
{
    if (offsets->count == FLUSS_LAKE_OFFSETS_MAX)
        return slu_error_set(err, SLU_LIMIT, "lake offsets of more than %zu buckets", FLUSS_LAKE_OFFSETS_MAX);
    if (offsets->count == offsets->room) {
        const size_t room = offsets->room == 0 ? 16 : offsets->room * 2;
        fluss_lake_offset *entries = slu_realloc(offsets->entries, room * sizeof *entries);
        if (entries == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for lake offsets");
        offsets->entries = entries;
        offsets->room = room;
    }
    const fluss_lake_offset entry = {partition_id, offset, bucket};
    offsets->entries[offsets->count++] = entry;
    return SLU_OK;
}

static int
offset_compare(const void *a, const void *b)
{
    const fluss_lake_offset *x = a;
    const fluss_lake_offset *y = b;
    if (x->partition_id != y->partition_id)
        return x->partition_id < y->partition_id ? -1 : 1;
    return x->bucket < y->bucket ? -1 : x->bucket > y->bucket;
}

slu_status
fluss_lake_offsets_set(fluss_lake_offsets *offsets, int64_t partition_id, int32_t bucket, int64_t offset, slu_error *err)
{
    if (bucket < 0 || bucket >= LAKE_BUCKETS_MAX || offset < 0)
        return slu_error_set(err, SLU_INVALID, "lake offset %" PRId64 " of bucket %" PRId32, offset, bucket);
    for (size_t i = 0; i < offsets->count; i++) {
        if (offsets->entries[i].partition_id == partition_id && offsets->entries[i].bucket == bucket) {
            offsets->entries[i].offset = offset;
            return SLU_OK;
        }
    }
    return offsets_append(offsets, partition_id, bucket, offset, err);
}

static slu_status
offsets_decode_array(json_t *array, int64_t partition_id, fluss_lake_offsets *out, slu_error *err)
{
    if (!json_is_array(array) || json_array_size(array) > LAKE_BUCKETS_MAX)
        return slu_error_set(err, SLU_CORRUPT, "lake offsets: bucket_offsets is no list, or too long a one");
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_integer(value) || json_integer_value(value) < -1)
            return slu_error_set(err, SLU_CORRUPT, "lake offsets: the offset of bucket %zu", i);
        if (json_integer_value(value) >= 0)
            SLU_TRY(offsets_append(out, partition_id, (int32_t)i, json_integer_value(value), err));
    }
    return SLU_OK;
}

static slu_status
offsets_decode_root(json_t *root, fluss_lake_offsets *out, slu_error *err)
{
    const json_t *id = json_object_get(root, "table_id");
    json_t *buckets = json_object_get(root, "bucket_offsets");
    json_t *partitions = json_object_get(root, "partition_offsets");
    if (json_integer_value(json_object_get(root, "version")) != 1 || !json_is_integer(id) ||
        (buckets != NULL && partitions != NULL))
        return slu_error_set(err, SLU_CORRUPT, "lake offsets: not a file of version 1");
    out->table_id = json_integer_value(id);
    if (buckets != NULL)
        return offsets_decode_array(buckets, LAKE_NO_PARTITION, out, err);
    for (size_t i = 0; i < json_array_size(partitions); i++) {
        json_t *partition = json_array_get(partitions, i);
        const json_t *partition_id = json_object_get(partition, "partition_id");
        if (!json_is_integer(partition_id) || json_integer_value(partition_id) < 0)
            return slu_error_set(err, SLU_CORRUPT, "lake offsets: a partition without an id");
        SLU_TRY(offsets_decode_array(json_object_get(partition, "bucket_offsets"), json_integer_value(partition_id), out, err));
    }
    return SLU_OK;
}

slu_status
fluss_lake_offsets_decode(slu_view json, fluss_lake_offsets *out, slu_error *err)
{
    json_error_t where;
    json_t *root = json_loadb((const char *)json.data, json.bytes, 0, &where);
    const slu_status status =
        root == NULL ? slu_error_set(err, SLU_CORRUPT, "lake offsets: %s", where.text) : offsets_decode_root(root, out, err);
    json_decref(root);
    if (status != SLU_OK)
        fluss_lake_offsets_fini(out);
    return status;
}

/* The entries of one partition, from *at on. */
static void
offsets_encode_array(const fluss_lake_offsets *offsets, size_t *at, slu_buf *out)
{
    const int64_t partition_id = offsets->entries[*at].partition_id;
    int32_t bucket = 0;
    slu_buf_text(out, "\"bucket_offsets\":[");
    for (; *at < offsets->count && offsets->entries[*at].partition_id == partition_id; ++*at) {
        for (; bucket < offsets->entries[*at].bucket; bucket++)
            slu_buf_text(out, bucket == 0 ? "-1" : ",-1");
        slu_buf_printf(out, "%s%" PRId64, bucket == 0 ? "" : ",", offsets->entries[*at].offset);
        bucket++;
    }
    slu_buf_text(out, "]");
}

void
fluss_lake_offsets_encode(fluss_lake_offsets *offsets, slu_buf *out)
{
    size_t at = 0;
    slu_buf_printf(out, "{\"version\":1,\"table_id\":%" PRId64, offsets->table_id);
    if (offsets->count != 0) {
        qsort(offsets->entries, offsets->count, sizeof *offsets->entries, offset_compare);
        slu_buf_text(out, ",");
        if (offsets->entries[0].partition_id == LAKE_NO_PARTITION) {
            offsets_encode_array(offsets, &at, out);
        } else {
            slu_buf_text(out, "\"partition_offsets\":[");
            while (at < offsets->count) {
                slu_buf_printf(out, "%s{\"partition_id\":%" PRId64 ",", at == 0 ? "" : ",", offsets->entries[at].partition_id);
                offsets_encode_array(offsets, &at, out);
                slu_buf_text(out, "}");
            }
            slu_buf_text(out, "]");
        }
    }
    slu_buf_text(out, "}");
}
