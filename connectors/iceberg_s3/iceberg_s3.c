#include "iceberg_s3/iceberg_s3.h"

#include "base/assert.h"

#define BUCKET_BYTES 64
#define LOCATION_BYTES_MAX (S3_KEY_BYTES_MAX + BUCKET_BYTES + 8)

static slu_status
store_get(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    const size_t own_max = out->bytes_max;
    const size_t start = out->bytes;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    SLU_TRY(slu_buf_status(out, err));
    if (out->bytes <= own_max && bytes_max < own_max - out->bytes)
        out->bytes_max = out->bytes + bytes_max;
    const slu_status status = s3_get(self, bucket, key, out, err);
    out->bytes_max = own_max;
    if (status != SLU_OK) {
        /* What did not fit is no reason for the caller's buffer to be spoilt. */
        out->bytes = start;
        out->failed = SLU_OK;
    }
    return status;
}

static slu_status
store_read(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    return bytes == 0 ? SLU_OK : s3_read(self, bucket, key, offset, out, bytes, err);
}

static slu_status
store_size(void *self, const char *location, int64_t *out, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    s3_head head;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    SLU_TRY(s3_head_get(self, bucket, key, &head, err));
    *out = head.bytes;
    return SLU_OK;
}

static slu_status
store_put(void *self, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    return s3_put(self, bucket, key, data, exclusive, err);
}

static slu_status
store_remove(void *self, const char *location, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    return s3_remove(self, bucket, key, err);
}

/* From keys back to locations. */
typedef struct listing {
    iceberg_found found;
    void *to;
    char location[LOCATION_BYTES_MAX];
    size_t root_bytes; /* "s3://bucket/" */
} listing;

static slu_status
on_object(void *to, const s3_object *object, slu_error *err)
{
    listing *l = to;
    const size_t bytes = strlen(object->key);
    if (bytes > 0 && object->key[bytes - 1] == '/' && object->bytes == 0)
        return SLU_OK;
    if (bytes >= sizeof l->location - l->root_bytes)
        return slu_error_set(err, SLU_LIMIT, "the server lists a key of %zu bytes (S3 knows at most %d)", bytes, S3_KEY_BYTES_MAX);
    memcpy(l->location + l->root_bytes, object->key, bytes + 1);
    const iceberg_listed listed = {.location = l->location, .bytes = object->bytes, .modified_ms = object->modified_ms};
    return l->found(l->to, &listed, err);
}

static slu_status
store_list(void *self, const char *location, iceberg_found found, void *to, slu_error *err)
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
    return s3_list(self, bucket, prefix, on_object, &l, err);
}

static slu_status
store_create(void *self, const char *location, void **out_file, slu_error *err)
{
    char bucket[BUCKET_BYTES];
    const char *key = NULL;
    s3_upload *upload = NULL;
    SLU_TRY(s3_location_split(location, bucket, &key, err));
    SLU_TRY(s3_upload_open(self, bucket, key, &upload, err));
    *out_file = upload;
    return SLU_OK;
}

static slu_status
store_append(void *self, void *file, const void *data, size_t bytes, slu_error *err)
{
    return s3_upload_append(file, data, bytes, err);
}

static slu_status
store_finish(void *self, void **file, bool keep, slu_error *err)
{
    s3_upload *upload = *file;
    *file = NULL;
    return upload == NULL ? SLU_OK : s3_upload_finish(&upload, keep, err);
}

static void
store_close(void *self)
{
    s3_client_close(self);
}

static const iceberg_store_ops store_ops = {.get = store_get,
                                            .read = store_read,
                                            .size = store_size,
                                            .put = store_put,
                                            .remove = store_remove,
                                            .list = store_list,
                                            .create = store_create,
                                            .append = store_append,
                                            .finish = store_finish,
                                            .close = store_close};

slu_status
iceberg_store_s3_renew(const iceberg_store *store, const s3_options *options, slu_error *err)
{
    SLU_ASSERT(store->ops == &store_ops);
    return s3_client_renew(store->self, options, err);
}

slu_status
iceberg_store_s3_open(const s3_options *options, const slu_env *env, iceberg_store *out, slu_error *err)
{
    s3_client *client = NULL;
    SLU_TRY(s3_client_open(options, env, &client, err));
    *out = (iceberg_store){.ops = &store_ops, .self = client};
    return SLU_OK;
}
