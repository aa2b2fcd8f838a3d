/* An object in parts, with one part in memory. */
#include "base/alloc.h"
#include "s3/call.h"

#define XML_BYTES_PER_PART 320

struct s3_upload {
    s3_client *client;
    char *bucket;
    char *key;
    char mark[40];
    slu_buf part;  /* not yet sent */
    slu_buf id;    /* "" until the first part is sent */
    slu_buf parts; /* the <Part> elements so far */
    uint32_t count;
    slu_error failed; /* status SLU_OK: none */
};

static void
upload_free(s3_upload *upload)
{
    slu_buf_fini(&upload->part);
    slu_buf_fini(&upload->id);
    slu_buf_fini(&upload->parts);
    slu_free(upload->bucket);
    slu_free(upload->key);
    slu_free(upload);
}

slu_status
s3_upload_open(s3_client *client, const char *bucket, const char *key, s3_upload **out, slu_error *err)
{
    s3_upload *upload = slu_alloc_zero(1, sizeof *upload);
    if (upload == NULL)
        return slu_error_set(err, SLU_NOMEM, "an S3 upload: no memory");
    upload->client = client;
    slu_buf_init(&upload->part, s3_part_bytes(client));
    slu_buf_init(&upload->id, 4096);
    slu_buf_init(&upload->parts, (size_t)S3_PARTS_MAX * XML_BYTES_PER_PART);
    upload->bucket = slu_strdup(bucket);
    upload->key = slu_strdup(key);
    if (upload->bucket == NULL || upload->key == NULL) {
        upload_free(upload);
        return slu_error_set(err, SLU_NOMEM, "an S3 upload: no memory");
    }
    s3_mark_make(client, upload->mark);
    *out = upload;
    return SLU_OK;
}

static slu_status
upload_begin(s3_upload *upload, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf body;
    slu_buf_init(&body, 64 << 10);
    const s3_pair query[] = {{"uploads", ""}};
    const s3_request request = {.method = "POST",
                                .bucket = upload->bucket,
                                .key = upload->key,
                                .query = query,
                                .query_count = 1,
                                .headers = {{"x-amz-meta-sluice-mark", upload->mark}},
                                .has_body = true,
                                .out = &body};
    SLU_TRY(s3_call(upload->client, &request, NULL, err));
    return s3_upload_id_decode(slu_buf_view(&body), &upload->id, err);
}

static void
put_escaped(slu_buf *out, const char *text)
{
    for (const char *at = text; *at != 0; at++) {
        if (*at == '"')
            slu_buf_text(out, "&quot;");
        else if (*at == '&')
            slu_buf_text(out, "&amp;");
        else if (*at == '<')
            slu_buf_text(out, "&lt;");
        else
            slu_buf_u8(out, (uint8_t)*at);
    }
}

static slu_status
part_send(s3_upload *upload, slu_view data, slu_error *err)
{
    char number[16];
    s3_answer answer = {0};
    if (upload->count == S3_PARTS_MAX)
        return slu_error_set(err, SLU_LIMIT, "S3 upload s3://%s/%s: more than %d parts; give larger parts", upload->bucket,
                             upload->key, S3_PARTS_MAX);
    if (upload->id.bytes == 0)
        SLU_TRY(upload_begin(upload, err));
    (void)snprintf(number, sizeof number, "%u", (unsigned)(upload->count + 1));
    const s3_pair query[] = {{"partNumber", number}, {"uploadId", slu_buf_cstr(&upload->id)}};
    const s3_request request = {.method = "PUT",
                                .bucket = upload->bucket,
                                .key = upload->key,
                                .query = query,
                                .query_count = 2,
                                .body = data,
                                .has_body = true};
    SLU_TRY(s3_call(upload->client, &request, &answer, err));
    if (answer.etag[0] == 0)
        return slu_error_set(err, SLU_CORRUPT, "S3 upload s3://%s/%s: the server answered part %s without ETag", upload->bucket,
                             upload->key, number);
    upload->count++;
    slu_buf_printf(&upload->parts, "<Part><PartNumber>%s</PartNumber><ETag>", number);
    put_escaped(&upload->parts, answer.etag);
    slu_buf_text(&upload->parts, "</ETag></Part>");
    return slu_buf_status(&upload->parts, err);
}

/* The buffered part when it is full, whole parts straight from the caller's memory, the rest into the buffer. */
static slu_status
append(s3_upload *upload, slu_view data, slu_error *err)
{
    const size_t part_bytes = upload->part.bytes_max;
    while (data.bytes > 0) {
        size_t taken = part_bytes - upload->part.bytes;
        if (taken > data.bytes)
            taken = data.bytes;
        if (upload->part.bytes == 0 && taken == part_bytes) {
            SLU_TRY(part_send(upload, slu_view_of(data.data, part_bytes), err));
        } else if (taken > 0) {
            slu_buf_append(&upload->part, data.data, taken);
            SLU_TRY(slu_buf_status(&upload->part, err));
        }
        data = slu_view_of(data.data + taken, data.bytes - taken);
        if (upload->part.bytes == part_bytes) {
            SLU_TRY(part_send(upload, slu_buf_view(&upload->part), err));
            slu_buf_reset(&upload->part);
        }
    }
    return SLU_OK;
}

static slu_status
already_failed(const s3_upload *upload, slu_error *err)
{
    if (err != NULL && upload->failed.status != SLU_OK)
        *err = upload->failed;
    return upload->failed.status;
}

static slu_status
remember(s3_upload *upload, slu_status status, const slu_error *own, slu_error *err)
{
    if (status != SLU_OK) {
        upload->failed = *own;
        upload->failed.status = status;
    }
    return already_failed(upload, err);
}

slu_status
s3_upload_append(s3_upload *upload, const void *data, size_t bytes, slu_error *err)
{
    slu_error own = {0};
    SLU_TRY(already_failed(upload, err));
    return remember(upload, append(upload, slu_view_of(data, bytes), &own), &own, err);
}

/* A lost answer of ours looks like an upload that is not there; the object's mark tells. */
static slu_status
complete(s3_upload *upload, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf body;
    SLU_AUTO(slu_buf_fini) slu_buf answer;
    bool ours = false;
    slu_buf_init(&body, (size_t)S3_PARTS_MAX * XML_BYTES_PER_PART + 256);
    slu_buf_init(&answer, 64 << 10);
    slu_buf_text(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    slu_buf_append(&body, upload->parts.data, upload->parts.bytes);
    slu_buf_text(&body, "</CompleteMultipartUpload>");
    SLU_TRY(slu_buf_status(&body, err));
    const s3_pair query[] = {{"uploadId", slu_buf_cstr(&upload->id)}};
    const s3_request request = {.method = "POST",
                                .bucket = upload->bucket,
                                .key = upload->key,
                                .query = query,
                                .query_count = 1,
                                .body = slu_buf_view(&body),
                                .has_body = true,
                                .error_in_200 = true,
                                .out = &answer};
    const slu_status status = s3_call(upload->client, &request, NULL, err);
    if (status != SLU_NOTFOUND)
        return status;
    SLU_TRY_IN(s3_mark_check(upload->client, upload->bucket, upload->key, upload->mark, &ours, err), err,
               "whether the upload was completed");
    return ours ? SLU_OK
                : slu_error_set(err, SLU_IO, "S3 upload s3://%s/%s: the server no longer knows it", upload->bucket, upload->key);
}

static slu_status
finish(s3_upload *upload, slu_error *err)
{
    if (upload->id.bytes == 0)
        return s3_put(upload->client, upload->bucket, upload->key, slu_buf_view(&upload->part), false, err);
    if (upload->part.bytes > 0)
        SLU_TRY(part_send(upload, slu_buf_view(&upload->part), err));
    return complete(upload, err);
}

/* Best effort: what stays behind is found by the bucket's own rule for unfinished uploads. */
static void
abort_upload(s3_upload *upload)
{
    slu_error own = {0};
    const s3_pair query[] = {{"uploadId", slu_buf_cstr(&upload->id)}};
    const s3_request request = {.method = "DELETE", .bucket = upload->bucket, .key = upload->key, .query = query, .query_count = 1};
    const slu_status status = s3_call(upload->client, &request, NULL, &own);
    if (status != SLU_OK && status != SLU_NOTFOUND)
        slu_log_warn(s3_env(upload->client), "S3-ABORT", "parts of an unfinished upload may be left: %s", own.message);
}

slu_status
s3_upload_finish(s3_upload **upload_at, bool keep, slu_error *err)
{
    s3_upload *upload = slu_take(upload_at);
    slu_error own = {0};
    slu_status status = SLU_OK;
    if (keep)
        status = upload->failed.status != SLU_OK ? already_failed(upload, err) : remember(upload, finish(upload, &own), &own, err);
    if ((!keep || status != SLU_OK) && upload->id.bytes > 0)
        abort_upload(upload);
    upload_free(upload);
    return status;
}
