/* The client against a server that follows a script: refusals, lost answers, cut bodies, stalls. */
#include "support/check.h"

#include "s3/s3.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <time.h>

#define STEPS_MAX 16
#define SECRET "the-very-secret"
#define SLOW "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"

static slu_error err;

typedef struct step {
    unsigned int status; /* 0: read the request, then close without an answer */
    const char *body;
    const char *name; /* one header */
    const char *value;
    uint32_t delay_ms;
    bool cut;       /* the body ends one byte early */
    bool echo_mark; /* with the mark of the last write */
} step;

typedef struct seen {
    char method[8];
    char target[512];
    char host[80];
    char authorization[512];
    char date[32];
    char token[32];
    char body[512];
    size_t body_bytes;
} seen;

typedef struct world {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    step steps[STEPS_MAX];
    size_t step_count;
    seen seen[STEPS_MAX];
    size_t count;
    char mark[64];
    slu_env env;
    s3_client *client;
    s3_options options;
    char endpoint[64];
} world;

static void
copy(char *out, size_t room, const char *text)
{
    (void)snprintf(out, room, "%s", text == NULL ? "" : text);
}

static enum MHD_Result
on_query(void *to, enum MHD_ValueKind kind, const char *name, const char *value)
{
    seen *s = to;
    const size_t at = strlen(s->target);
    (void)snprintf(s->target + at, sizeof s->target - at, "%s%s=%s", strchr(s->target, '?') == NULL ? "?" : "&", name,
                   value == NULL ? "" : value);
    return MHD_YES;
}

static void
note(world *w, struct MHD_Connection *connection, const char *url, const char *method, seen *s)
{
    copy(s->method, sizeof s->method, method);
    copy(s->target, sizeof s->target, url);
    (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_query, s);
    copy(s->host, sizeof s->host, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host"));
    copy(s->authorization, sizeof s->authorization, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"));
    copy(s->date, sizeof s->date, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "x-amz-date"));
    copy(s->token, sizeof s->token, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "x-amz-security-token"));
    const char *mark = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "x-amz-meta-sluice-mark");
    if (mark != NULL)
        copy(w->mark, sizeof w->mark, mark);
}

static ssize_t
cut_body(void *to, uint64_t at, char *out, size_t room)
{
    const char *body = to;
    if (at + 1 >= strlen(body))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    *out = body[at];
    return 1;
}

static enum MHD_Result
answer(world *w, struct MHD_Connection *connection, const step *s)
{
    const char *body = s->body == NULL ? "" : s->body;
    if (s->delay_ms > 0)
        nanosleep(&(struct timespec){s->delay_ms / 1000, (long)(s->delay_ms % 1000) * 1000000}, NULL);
    if (s->status == 0)
        return MHD_NO;
    struct MHD_Response *response =
        s->cut ? MHD_create_response_from_callback(strlen(body), 512, cut_body, (void *)(uintptr_t)body, NULL)
               : MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    if (s->name != NULL)
        (void)MHD_add_response_header(response, s->name, s->value);
    if (s->echo_mark)
        (void)MHD_add_response_header(response, "x-amz-meta-sluice-mark", w->mark);
    const enum MHD_Result result = MHD_queue_response(connection, s->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
on_request(void *to, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
           size_t *bytes, void **slot)
{
    world *w = to;
    (void)pthread_mutex_lock(&w->lock);
    if (*slot == NULL) {
        *slot = &w->seen[w->count < STEPS_MAX ? w->count : STEPS_MAX - 1];
        note(w, connection, url, method, *slot);
        w->count++;
        (void)pthread_mutex_unlock(&w->lock);
        return MHD_YES;
    }
    seen *s = *slot;
    if (*bytes > 0) {
        const size_t room = sizeof s->body - 1 - (s->body_bytes < sizeof s->body - 1 ? s->body_bytes : sizeof s->body - 1);
        memcpy(s->body + (s->body_bytes < sizeof s->body - 1 ? s->body_bytes : sizeof s->body - 1), data,
               *bytes < room ? *bytes : room);
        s->body_bytes += *bytes;
        *bytes = 0;
        (void)pthread_mutex_unlock(&w->lock);
        return MHD_YES;
    }
    const size_t at = (size_t)(s - w->seen);
    const step past = {.status = 418, .body = "<Error><Code>PastTheScript</Code></Error>"};
    const step mine = at < w->step_count ? w->steps[at] : past;
    (void)pthread_mutex_unlock(&w->lock);
    return answer(w, connection, &mine);
}

static void
client_renew(world *w)
{
    s3_client_close(w->client);
    w->client = NULL;
    CHECK_OK(s3_client_open(&w->options, &w->env, &w->client, &err));
}

static int
world_make(void **state)
{
    world *w = calloc(1, sizeof *w);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    pthread_mutex_init(&w->lock, NULL);
    w->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, w, MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_END);
    if (w->daemon == NULL)
        return -1;
    (void)snprintf(w->endpoint, sizeof w->endpoint, "http://127.0.0.1:%u",
                   (unsigned)MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    slu_env_init_system(&w->env, 0);
    w->options = (s3_options){.endpoint = w->endpoint,
                              .region = "us-east-1",
                              .access_key = "AK",
                              .secret_key = SECRET,
                              .backoff_base_ms = 1,
                              .stall_seconds = 20};
    client_renew(w);
    *state = w;
    return 0;
}

static int
world_drop(void **state)
{
    world *w = *state;
    s3_client_close(w->client);
    MHD_stop_daemon(w->daemon);
    pthread_mutex_destroy(&w->lock);
    free(w);
    return 0;
}

static void
script(world *w, size_t count, const step *steps)
{
    (void)pthread_mutex_lock(&w->lock);
    memcpy(w->steps, steps, count * sizeof *steps);
    w->step_count = count;
    w->count = 0;
    memset(w->seen, 0, sizeof w->seen);
    (void)pthread_mutex_unlock(&w->lock);
}
#define SCRIPT(w, ...) script((w), sizeof((step[]){__VA_ARGS__}) / sizeof(step), (step[]){__VA_ARGS__})

static void
test_tries(void **state)
{
    world *w = *state;
    slu_buf out;
    slu_buf_init(&out, 1000);
    slu_buf_text(&out, "before:");
    SCRIPT(w, {.status = 503, .body = SLOW}, {.status = 500}, {.status = 0}, {.status = 200, .body = "hello, whole", .cut = true},
           {.status = 200, .body = "hello, whole"});
    CHECK_OK(s3_get(w->client, "b", "dt=1/k", &out, &err));
    CHECK_TEXT(slu_buf_cstr(&out), "before:hello, whole");
    assert_int_equal(w->count, 5);
    CHECK_TEXT(w->seen[0].target, "/b/dt=1/k");
    assert_non_null(strstr(w->seen[4].authorization, "/us-east-1/s3/aws4_request"));
    slu_buf_fini(&out);
}

static void
test_used_up(void **state)
{
    world *w = *state;
    const step slow = {.status = 503, .body = SLOW};
    SCRIPT(w, slow, slow, slow, slow, slow);
    CHECK_STATUS(s3_put(w->client, "b", "k", slu_view_of_text("x"), false, &err), SLU_IO);
    CHECK_MESSAGE(err, "S3 PUT s3://b/k: 503 SlowDown: Please reduce your request rate. (after 5 tries)");
    assert_int_equal(err.retriable, 1);
    assert_int_equal(err.code, 503);
    assert_int_equal(w->count, 5);
    CHECK_TEXT(w->seen[4].body, "x");
}

static void
test_refused(void **state)
{
    world *w = *state;
    SCRIPT(w, {.status = 403, .body = "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>"});
    CHECK_STATUS(s3_put(w->client, "b", "k", slu_view_of_text("x"), false, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "403 SignatureDoesNotMatch: no");
    assert_null(strstr(err.message, SECRET));
    assert_int_equal(err.retriable, 0);
    assert_int_equal(w->count, 1);
    SCRIPT(w, {.status = 501, .body = "<Error><Code>NotImplemented</Code></Error>"});
    CHECK_STATUS(s3_put(w->client, "b", "k", slu_view_of_text("x"), true, &err), SLU_UNSUPPORTED);
    CHECK_STATUS(s3_put(w->client, "b/../c", "k", slu_view_of_text("x"), true, &err), SLU_INVALID);
}

/* A bare 404 is not believed before the server has once accepted the signature. */
static void
test_head(void **state)
{
    world *w = *state;
    s3_head head;
    SCRIPT(w, {.status = 404}, {.status = 404, .body = "<Error><Code>XAdminUserNotFound</Code><Message>no user</Message></Error>"});
    CHECK_STATUS(s3_head_get(w->client, "b", "k", &head, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "no user");
    SCRIPT(w, {.status = 200, .body = "12345", .name = "ETag", .value = "\"e\""}, {.status = 404});
    CHECK_OK(s3_head_get(w->client, "b", "k", &head, &err));
    assert_int_equal(head.bytes, 5);
    CHECK_TEXT(head.etag, "\"e\"");
    CHECK_STATUS(s3_head_get(w->client, "b", "k", &head, &err), SLU_NOTFOUND);
}

static void
test_stall(void **state)
{
    world *w = *state;
    slu_buf out;
    slu_buf_init(&out, 1000);
    w->options.stall_seconds = 1;
    w->options.tries = 1;
    client_renew(w);
    SCRIPT(w, {.status = 200, .delay_ms = 4000});
    CHECK_STATUS(s3_get(w->client, "b", "k", &out, &err), SLU_TIMEOUT);
    CHECK_MESSAGE(err, "try 1 of 1");
    slu_buf_fini(&out);
}

static void
test_exclusive_lost(void **state)
{
    world *w = *state;
    const step exists = {.status = 412, .body = "<Error><Code>PreconditionFailed</Code></Error>"};
    SCRIPT(w, {.status = 0}, exists, {.status = 200, .echo_mark = true});
    CHECK_OK(s3_put(w->client, "b", "k", slu_view_of_text("x"), true, &err));
    CHECK_TEXT(w->seen[2].method, "HEAD");
    SCRIPT(w, {.status = 0}, exists, {.status = 200, .name = "x-amz-meta-sluice-mark", .value = "another"});
    CHECK_STATUS(s3_put(w->client, "b", "k", slu_view_of_text("x"), true, &err), SLU_CONFLICT);
    SCRIPT(w, exists, {.status = 403});
    CHECK_STATUS(s3_put(w->client, "b", "k", slu_view_of_text("x"), true, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "whether it was our put");
}

static void
test_region_and_clock(void **state)
{
    world *w = *state;
    slu_buf out;
    slu_buf_init(&out, 1000);
    SCRIPT(w, {.status = 301, .name = "x-amz-bucket-region", .value = "eu-west-1"}, {.status = 200, .body = "a"},
           {.status = 200, .body = "b"});
    CHECK_OK(s3_get(w->client, "b", "k", &out, &err));
    assert_non_null(strstr(w->seen[1].authorization, "/eu-west-1/s3/"));
    CHECK_OK(s3_get(w->client, "b", "k", &out, &err));
    assert_non_null(strstr(w->seen[2].authorization, "/eu-west-1/s3/"));
    const step skewed = {.status = 403,
                         .body = "<Error><Code>RequestTimeTooSkewed</Code></Error>",
                         .name = "Date",
                         .value = "Fri, 24 May 2013 00:00:00 GMT"};
    SCRIPT(w, skewed, {.status = 200, .body = "c"});
    CHECK_OK(s3_get(w->client, "b", "k", &out, &err));
    assert_int_equal(strncmp(w->seen[1].date, "20130524T0000", 13), 0);
    SCRIPT(w, skewed, skewed);
    CHECK_STATUS(s3_get(w->client, "b", "k", &out, &err), SLU_INVALID);
    assert_int_equal(w->count, 2);
    slu_buf_fini(&out);
}

static void
test_host_style_and_token(void **state)
{
    world *w = *state;
    char endpoint[64];
    slu_buf out;
    slu_buf_init(&out, 1000);
    (void)snprintf(endpoint, sizeof endpoint, "http://localhost%s/", strrchr(w->endpoint, ':'));
    w->options.endpoint = endpoint;
    w->options.style = S3_STYLE_HOST;
    w->options.session_token = "a-token";
    client_renew(w);
    SCRIPT(w, {.status = 200, .body = "x"});
    CHECK_OK(s3_get(w->client, "bucket", "a/b", &out, &err));
    CHECK_TEXT(w->seen[0].target, "/a/b");
    assert_int_equal(strncmp(w->seen[0].host, "bucket.localhost:", 17), 0);
    CHECK_TEXT(w->seen[0].token, "a-token");
    assert_non_null(strstr(w->seen[0].authorization, "x-amz-security-token"));
    slu_buf_fini(&out);
}

static void
test_ranges(void **state)
{
    world *w = *state;
    char out[4];
    SCRIPT(w, {.status = 200, .body = "whole object"});
    CHECK_STATUS(s3_read(w->client, "b", "k", 4, out, 4, &err), SLU_UNSUPPORTED);
    SCRIPT(w, {.status = 206, .body = "abcd", .name = "Content-Range", .value = "bytes 0-3/9"});
    CHECK_STATUS(s3_read(w->client, "b", "k", 4, out, 4, &err), SLU_UNSUPPORTED);
    SCRIPT(w, {.status = 206, .body = "abc", .name = "Content-Range", .value = "bytes 4-6/7"});
    CHECK_STATUS(s3_read(w->client, "b", "k", 4, out, 4, &err), SLU_CORRUPT);
    SCRIPT(w, {.status = 206, .body = "abcd", .name = "Content-Range", .value = "bytes 4-7/9"});
    CHECK_OK(s3_read(w->client, "b", "k", 4, out, 4, &err));
    assert_memory_equal(out, "abcd", 4);
}

static slu_status
count_up(void *to, const s3_object *object, slu_error *error)
{
    (*(int *)to)++;
    return SLU_OK;
}

static void
test_list(void **state)
{
    world *w = *state;
    int count = 0;
    const step first = {.status = 200,
                        .body =
                            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a=/+</NextContinuationToken>"
                            "<Contents><Key>p/1</Key><Size>1</Size></Contents></ListBucketResult>"};
    SCRIPT(w, first,
           {.status = 200, .body = "<ListBucketResult><Contents><Key>p/2</Key><Size>1</Size></Contents></ListBucketResult>"});
    CHECK_OK(s3_list(w->client, "b", "p/", count_up, &count, &err));
    assert_int_equal(count, 2);
    CHECK_TEXT(w->seen[1].target, "/b?continuation-token=a=/+&list-type=2&prefix=p/");
    SCRIPT(w, first, first);
    CHECK_STATUS(s3_list(w->client, "b", "p/", count_up, &count, &err), SLU_CORRUPT);
}

#define BEGUN                                                                                                                      \
    {                                                                                                                              \
        .status = 200, .body = "<InitiateMultipartUploadResult><UploadId>id1</UploadId></InitiateMultipartUploadResult>"           \
    }
#define PART                                                                                                                       \
    {                                                                                                                              \
        .status = 200, .name = "ETag", .value = "\"e&1\""                                                                          \
    }

static void
upload(world *w, bool keep, slu_status wanted)
{
    static char data[S3_PART_BYTES_MIN + 10];
    s3_upload *out = NULL;
    w->options.part_bytes = S3_PART_BYTES_MIN;
    client_renew(w);
    CHECK_OK(s3_upload_open(w->client, "b", "k", &out, &err));
    const slu_status status = s3_upload_append(out, data, sizeof data, &err);
    if (status != SLU_OK)
        assert_int_equal(s3_upload_append(out, data, 1, &err), status);
    CHECK_STATUS(s3_upload_finish(&out, keep, &err), wanted);
    assert_null(out);
}

static void
test_upload(void **state)
{
    world *w = *state;
    SCRIPT(w, BEGUN, PART, PART, {.status = 200, .body = "<Error><Code>InternalError</Code></Error>"},
           {.status = 200, .body = "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"});
    upload(w, true, SLU_OK);
    assert_int_equal(w->count, 5);
    assert_int_equal(w->seen[1].body_bytes, S3_PART_BYTES_MIN);
    assert_int_equal(w->seen[2].body_bytes, 10);
    CHECK_TEXT(w->seen[2].target, "/b/k?partNumber=2&uploadId=id1");
    assert_non_null(strstr(w->seen[4].body, "<Part><PartNumber>2</PartNumber><ETag>&quot;e&amp;1&quot;</ETag></Part>"));
}

static void
test_upload_lost(void **state)
{
    world *w = *state;
    const step gone = {.status = 404, .body = "<Error><Code>NoSuchUpload</Code></Error>"};
    SCRIPT(w, BEGUN, PART, PART, {.status = 0}, gone, {.status = 200, .echo_mark = true});
    upload(w, true, SLU_OK);
    SCRIPT(w, BEGUN, PART, PART, gone, {.status = 404}, {.status = 204});
    upload(w, true, SLU_IO);
    CHECK_TEXT(w->seen[5].method, "DELETE");
}

static void
test_upload_abort(void **state)
{
    world *w = *state;
    SCRIPT(w, BEGUN, PART, {.status = 204});
    upload(w, false, SLU_OK);
    CHECK_TEXT(w->seen[2].method, "DELETE");
    CHECK_TEXT(w->seen[2].target, "/b/k?uploadId=id1");
    SCRIPT(w, BEGUN, {.status = 403, .body = "<Error><Code>AccessDenied</Code></Error>"}, {.status = 204});
    upload(w, true, SLU_INVALID);
    CHECK_MESSAGE(err, "AccessDenied");
    CHECK_TEXT(w->seen[2].method, "DELETE");
}

static void
test_options(void **state)
{
    world *w = *state;
    s3_client *client = NULL;
    char bucket[64];
    const char *key = NULL;
    s3_options o = w->options;
    o.endpoint = "ftp://x";
    CHECK_STATUS(s3_client_open(&o, &w->env, &client, &err), SLU_INVALID);
    o.endpoint = "http://x/path";
    CHECK_STATUS(s3_client_open(&o, &w->env, &client, &err), SLU_INVALID);
    o = w->options;
    o.part_bytes = 1;
    CHECK_STATUS(s3_client_open(&o, &w->env, &client, &err), SLU_INVALID);
    CHECK_OK(s3_location_split("s3a://b//x/../y", bucket, &key, &err));
    CHECK_TEXT(bucket, "b");
    CHECK_TEXT(key, "/x/../y");
    CHECK_STATUS(s3_location_split("file:///b", bucket, &key, &err), SLU_INVALID);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, world_make, world_drop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_tries),        CASE(test_used_up),        CASE(test_refused),          CASE(test_head),
        CASE(test_stall),        CASE(test_exclusive_lost), CASE(test_region_and_clock), CASE(test_host_style_and_token),
        CASE(test_ranges),       CASE(test_list),           CASE(test_upload),           CASE(test_upload_lost),
        CASE(test_upload_abort), CASE(test_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
