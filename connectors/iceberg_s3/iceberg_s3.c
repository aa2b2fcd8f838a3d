#include "iceberg_s3/iceberg_s3.h"

#include "base/assert.h"

#define BUCKET_BYTES 64

static slu_status
store_get(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    return s3_location_get(self, location, bytes_max, out, err);
}

static slu_status
store_read(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    return s3_location_read(self, location, offset, out, bytes, err);
}

static slu_status
store_size(void *self, const char *location, int64_t *out, slu_error *err)
{
    return s3_location_size(self, location, out, err);
}

static slu_status
store_put(void *self, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    return s3_location_put(self, location, data, exclusive, err);
}

static slu_status
store_remove(void *self, const char *location, slu_error *err)
{
    return s3_location_remove(self, location, err);
}

typedef struct listing {
    iceberg_found found;
    void *to;
} listing;

/* Some clients mark a folder by an empty object whose name ends in "/": it is no file. */
static slu_status
on_object(void *to, const s3_object *object, slu_error *err)
{
    const listing *l = to;
    const iceberg_listed listed = {.location = object->key, .bytes = object->bytes, .modified_ms = object->modified_ms};
    if (object->bytes == 0 && object->key[strlen(object->key) - 1] == '/')
        return SLU_OK;
    return l->found(l->to, &listed, err);
}

static slu_status
store_list(void *self, const char *location, iceberg_found found, void *to, slu_error *err)
{
    listing l = {found, to};
    return s3_location_list(self, location, on_object, &l, err);
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
