/* location.c: what s3.h does with bucket and key, by a location. */
#include "s3/s3.h"

#include <stdio.h>

#define BUCKET_BYTES 64
#define LOCATION_BYTES_MAX (S3_KEY_BYTES_MAX + BUCKET_BYTES + 8)

slu_status
s3_location_split(const char *location, char bucket[BUCKET_BYTES], const char **out_key, slu_error *err)
{
    static const char *const schemes[] = {"s3://", "s3a://", "s3n://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncmp(location, schemes[i], strlen(schemes[i])) != 0)
            continue;
        const char *name = location + strlen(schemes[i]);
        const size_t bytes = strcspn(name, "/");
        if (bytes == 0 || bytes > 63)
            break;
        memcpy(bucket, name, bytes);
        bucket[bytes] = 0;
        *out_key = name + bytes + (name[bytes] == '/');
        return SLU_OK;
    }
    return slu_error_set(err, SLU_INVALID, "\"%.200s\" is no S3 location (s3://bucket/key)", location);
}

slu_status
s3_location_get(s3_client *client, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    const size_t own_max = out->bytes_max;
    const size_t start = out->bytes;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    SLU_TRY(slu_buf_status(out, err));
    if (out->bytes <= own_max && bytes_max < own_max - out->bytes)
        out->bytes_max = out->bytes + bytes_max;
    const slu_status status = s3_get(client, bucket, key, out, err);
    out->bytes_max = own_max;
    if (status != SLU_OK) {
        /* What did not fit is no reason for the caller's buffer to be spoilt. */
        out->bytes = start;
        out->failed = SLU_OK;
    }
    return status;
}

slu_status
s3_location_read(s3_client *client, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    return bytes == 0 ? SLU_OK : s3_read(client, bucket, key, offset, out, bytes, err);
}

slu_status
s3_location_size(s3_client *client, const char *location, int64_t *out, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    s3_head head;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    SLU_TRY(s3_head_get(client, bucket, key, &head, err));
    *out = head.bytes;
    return SLU_OK;
}

slu_status
s3_location_put(s3_client *client, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    return s3_put(client, bucket, key, data, exclusive, err);
}

slu_status
s3_location_remove(s3_client *client, const char *location, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    return s3_remove(client, bucket, key, err);
}

/* From keys back to locations. */
typedef struct listing {
    s3_found found;
    void *to;
    char location[LOCATION_BYTES_MAX];
    size_t root_bytes; /* "s3://bucket/" */
} listing;

static slu_status
listing_found(void *to, const s3_object *object, slu_error *err)
{
    listing *l = to;
    const size_t bytes = strlen(object->key);
    if (bytes >= sizeof l->location - l->root_bytes)
        return slu_error_set(err, SLU_LIMIT, "the server lists a key of %zu bytes (S3 knows at most %d)", bytes, S3_KEY_BYTES_MAX);
    memcpy(l->location + l->root_bytes, object->key, bytes + 1);
    const s3_object located = {.key = l->location, .bytes = object->bytes, .modified_ms = object->modified_ms};
    return l->found(l->to, &located, err);
}

slu_status
s3_location_list(s3_client *client, const char *location, s3_found found, void *to, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    char prefix[S3_KEY_BYTES_MAX + 2];
    const char *key = NULL;
    listing l = {.found = found, .to = to};
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    const size_t bytes = strlen(key);
    const bool slash = bytes > 0 && key[bytes - 1] != '/';
    if (bytes >= sizeof prefix - 1)
        return slu_error_set(err, SLU_INVALID, "%.200s...: an S3 key has at most %d bytes", location, S3_KEY_BYTES_MAX);
    (void)snprintf(prefix, sizeof prefix, "%s%s", key, slash ? "/" : "");
    const int root =
        snprintf(l.location, sizeof l.location, "%.*s%s/", (int)(strstr(location, "://") + 3 - location), location, bucket);
    l.root_bytes = (size_t)root;
    return s3_list(client, bucket, prefix, listing_found, &l, err);
}
