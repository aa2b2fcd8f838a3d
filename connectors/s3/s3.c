#include "s3/s3.h"

#include "base/alloc.h"
#include "s3/call.h"
#include "s3/credentials.h"
#include "s3/http.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define IDLE_MAX 8
#define HOST_BYTES_MAX 256
#define PAGE_BYTES_MAX ((size_t)8 << 20) /* of a listing: 1000 keys of 1 KiB, each escaped */
#define PATH_BYTES_MAX (S3_KEY_BYTES_MAX + 80)

/* Keys, counted: a request that is under way holds on to those that it is signed with. */
typedef struct identity {
    s3_credentials keys;
    uint32_t holders; /* under the client's lock */
} identity;

struct s3_client {
    const slu_env *env;
    http_options http;
    char *ca_file;
    char *host; /* "host:port" of the endpoint; NULL: AWS */
    bool tls;
    bool loopback; /* an IP or localhost: path style unless told otherwise */
    int style;
    uint32_t tries;
    uint32_t backoff_base_ms;
    size_t part_bytes;
    atomic_bool trusted;  /* the server has once accepted our signature: a bare 404 of it is to be believed */
    pthread_mutex_t lock; /* of what follows */
    identity *who;
    char region[64];
    int64_t skew_ms;
    http_connection *idle[IDLE_MAX];
    size_t idle_count;
};

static bool
given(const char *text)
{
    return text != NULL && text[0] != 0;
}

static bool
is_loopback_or_ip(const char *host)
{
    const size_t name = strcspn(host, ":");
    if (host[0] == '[' || (name == 9 && strncmp(host, "localhost", 9) == 0))
        return true;
    return strspn(host, "0123456789.") == name;
}

/* "http://host:port/" into its parts; the scheme's own port is left out, as clients leave it out of the Host header. */
static slu_status
endpoint_take(s3_client *client, const char *endpoint, slu_error *err)
{
    client->tls = endpoint == NULL || strncmp(endpoint, "https://", 8) == 0;
    if (endpoint == NULL)
        return SLU_OK;
    if (!client->tls && strncmp(endpoint, "http://", 7) != 0)
        return slu_error_set(err, SLU_INVALID, "s3.endpoint \"%.200s\": it begins with neither http:// nor https://", endpoint);
    const char *host = endpoint + (client->tls ? 8 : 7);
    size_t bytes = strcspn(host, "/?#@");
    if (bytes == 0 || bytes >= HOST_BYTES_MAX - 70 || (host[bytes] != 0 && strcmp(host + bytes, "/") != 0))
        return slu_error_set(err, SLU_INVALID, "s3.endpoint: only scheme, host and port are served, no path, query or user");
    const char *own = client->tls ? ":443" : ":80";
    if (bytes > strlen(own) && strncmp(host + bytes - strlen(own), own, strlen(own)) == 0)
        bytes -= strlen(own);
    client->host = slu_strndup(host, bytes);
    if (client->host == NULL)
        return slu_error_set(err, SLU_NOMEM, "an S3 client: no memory");
    client->loopback = is_loopback_or_ip(client->host);
    return SLU_OK;
}

static void
region_take(s3_client *client, const char *region)
{
    const char *places[] = {region, getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"), client->who->keys.region, "us-east-1"};
    size_t i = 0;
    while (!given(places[i]))
        i++;
    (void)snprintf(client->region, sizeof client->region, "%s", places[i]);
}

static slu_status
identity_new(const s3_options *o, identity **out, slu_error *err)
{
    identity *who = slu_alloc_zero(1, sizeof *who);
    if (who == NULL)
        return slu_error_set(err, SLU_NOMEM, "an S3 client: no memory");
    const slu_status status =
        s3_credentials_find(o->access_key, o->secret_key, o->session_token, o->profile, o->profile_file, &who->keys, err);
    if (status != SLU_OK) {
        slu_free(who);
        return status;
    }
    who->holders = 1;
    *out = who;
    return SLU_OK;
}

static identity *
identity_hold(s3_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    identity *who = client->who;
    who->holders++;
    (void)pthread_mutex_unlock(&client->lock);
    return who;
}

static void
identity_drop(s3_client *client, identity *who)
{
    (void)pthread_mutex_lock(&client->lock);
    const bool last = --who->holders == 0;
    (void)pthread_mutex_unlock(&client->lock);
    if (!last)
        return;
    s3_credentials_fini(&who->keys);
    slu_free(who);
}

/* Where our keys come from, for messages. */
static const char *
keys_from(s3_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    const char *from = client->who->keys.from;
    (void)pthread_mutex_unlock(&client->lock);
    return from;
}

static slu_status
options_take(s3_client *client, const s3_options *o, slu_error *err)
{
    const char *ca_file = given(o->ca_file) ? o->ca_file : getenv("AWS_CA_BUNDLE");
    SLU_TRY(endpoint_take(client, given(o->endpoint) ? o->endpoint : NULL, err));
    SLU_TRY(identity_new(o, &client->who, err));
    region_take(client, o->region);
    if (o->part_bytes != 0 && o->part_bytes < S3_PART_BYTES_MIN)
        return slu_error_set(err, SLU_INVALID, "S3 parts of %zu bytes: S3 wants at least %zu", o->part_bytes, S3_PART_BYTES_MIN);
    if (given(ca_file) && (client->ca_file = slu_strdup(ca_file)) == NULL)
        return slu_error_set(err, SLU_NOMEM, "an S3 client: no memory");
    client->style = (int)o->style;
    client->tries = o->tries != 0 ? o->tries : S3_TRIES_DEFAULT;
    client->backoff_base_ms = o->backoff_base_ms != 0 ? o->backoff_base_ms : S3_BACKOFF_BASE_MS_DEFAULT;
    client->part_bytes = o->part_bytes != 0 ? o->part_bytes : S3_PART_BYTES_DEFAULT;
    client->http = (http_options){.ca_file = client->ca_file,
                                  .loopback = client->loopback,
                                  .connect_ms = o->connect_ms != 0 ? o->connect_ms : S3_CONNECT_MS_DEFAULT,
                                  .stall_seconds = o->stall_seconds != 0 ? o->stall_seconds : S3_STALL_SECONDS_DEFAULT};
    return SLU_OK;
}

slu_status
s3_client_open(const s3_options *options, const slu_env *env, s3_client **out, slu_error *err)
{
    s3_client *client = slu_alloc_zero(1, sizeof *client);
    if (client == NULL)
        return slu_error_set(err, SLU_NOMEM, "an S3 client: no memory");
    client->env = env;
    (void)pthread_mutex_init(&client->lock, NULL);
    const slu_status status = options_take(client, options, err);
    if (status != SLU_OK) {
        s3_client_close(client);
        return status;
    }
    *out = client;
    return SLU_OK;
}

void
s3_client_close(s3_client *client)
{
    if (client == NULL)
        return;
    for (size_t i = 0; i < client->idle_count; i++)
        http_connection_free(client->idle[i]);
    if (client->who != NULL)
        identity_drop(client, client->who);
    (void)pthread_mutex_destroy(&client->lock);
    slu_free(client->ca_file);
    slu_free(client->host);
    slu_free(client);
}

slu_status
s3_client_renew(s3_client *client, const s3_options *options, slu_error *err)
{
    identity *fresh = NULL;
    SLU_TRY(identity_new(options, &fresh, err));
    (void)pthread_mutex_lock(&client->lock);
    identity *old = client->who;
    client->who = fresh;
    (void)pthread_mutex_unlock(&client->lock);
    identity_drop(client, old);
    return SLU_OK;
}

size_t
s3_part_bytes(const s3_client *client)
{
    return client->part_bytes;
}

const slu_env *
s3_env(const s3_client *client)
{
    return client->env;
}

/* ---- One try ------------------------------------------------------------------------------------------------------------ */

static slu_status
connection_take(s3_client *client, http_connection **out, slu_error *err)
{
    *out = NULL;
    (void)pthread_mutex_lock(&client->lock);
    if (client->idle_count > 0)
        *out = client->idle[--client->idle_count];
    (void)pthread_mutex_unlock(&client->lock);
    return *out != NULL ? SLU_OK : http_connection_new(&client->http, out, err);
}

static void
connection_give(s3_client *client, http_connection *connection)
{
    (void)pthread_mutex_lock(&client->lock);
    if (client->idle_count < IDLE_MAX) {
        client->idle[client->idle_count++] = connection;
        connection = NULL;
    }
    (void)pthread_mutex_unlock(&client->lock);
    http_connection_free(connection);
}

static bool
uses_path(const s3_client *client, const char *bucket)
{
    if (client->style != S3_STYLE_AUTO)
        return client->style == S3_STYLE_PATH;
    /* A certificate for *.s3... does not cover a bucket with dots. */
    return client->loopback || (client->tls && strchr(bucket, '.') != NULL);
}

static slu_status
names_check(const s3_request *request, slu_error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    const size_t bytes = strlen(request->bucket);
    if (bytes == 0 || bytes > 63 || strspn(request->bucket, allowed) != bytes)
        return slu_error_set(err, SLU_INVALID, "\"%.80s\" is no S3 bucket name (letters, digits, \".\", \"-\", \"_\", at most 63)",
                             request->bucket);
    if (strlen(request->key) > S3_KEY_BYTES_MAX)
        return slu_error_set(err, SLU_INVALID, "an S3 key has at most %d bytes: \"%.100s...\"", S3_KEY_BYTES_MAX, request->key);
    return SLU_OK;
}

/* Where and how a request goes, at the region and the clock known now. */
typedef struct route {
    char region[64];
    char host[HOST_BYTES_MAX];
    char path[PATH_BYTES_MAX];
    int64_t wall_ms;
} route;

static void
route_make(s3_client *client, const s3_request *request, route *out)
{
    char base[HOST_BYTES_MAX - 70];
    const bool by_path = uses_path(client, request->bucket);
    (void)pthread_mutex_lock(&client->lock);
    memcpy(out->region, client->region, sizeof out->region);
    out->wall_ms = slu_wall_ms(client->env) + client->skew_ms;
    (void)pthread_mutex_unlock(&client->lock);
    if (client->host != NULL)
        (void)snprintf(base, sizeof base, "%s", client->host);
    else
        (void)snprintf(base, sizeof base, "s3.%s.amazonaws.com", out->region);
    if (by_path) {
        (void)snprintf(out->host, sizeof out->host, "%s", base);
        (void)snprintf(out->path, sizeof out->path, "/%s%s%s", request->bucket, request->key[0] == 0 ? "" : "/", request->key);
    } else {
        (void)snprintf(out->host, sizeof out->host, "%s.%s", request->bucket, base);
        (void)snprintf(out->path, sizeof out->path, "/%s", request->key);
    }
}

/* What a signed request is made of. */
typedef struct signed_request {
    char hash[S3_HASH_TEXT_BYTES];
    char date[S3_DATE_BYTES];
    s3_pair headers[S3_PAIRS_MAX];
    size_t header_count;
    slu_buf url;
    slu_buf authorization;
} signed_request;

static slu_status
request_sign(s3_client *client, const s3_credentials *who, const s3_request *request, const route *way, signed_request *out,
             slu_error *err)
{
    out->headers[out->header_count++] = (s3_pair){"x-amz-content-sha256", out->hash};
    if (who->session_token != NULL)
        out->headers[out->header_count++] = (s3_pair){"x-amz-security-token", who->session_token};
    for (size_t i = 0; i < sizeof request->headers / sizeof *request->headers; i++)
        if (request->headers[i].name != NULL)
            out->headers[out->header_count++] = request->headers[i];
    const s3_signing in = {.method = request->method,
                           .path = way->path,
                           .query = request->query,
                           .query_count = request->query_count,
                           .headers = out->headers,
                           .header_count = out->header_count,
                           .host = way->host,
                           .payload_hash = out->hash,
                           .region = way->region,
                           .service = "s3",
                           .access_key = who->access_key,
                           .secret_key = who->secret_key,
                           .wall_ms = way->wall_ms};
    slu_buf_printf(&out->url, "%s://%s", client->tls ? "https" : "http", way->host);
    SLU_TRY(s3_sign(&in, &out->url, &out->authorization, out->date, err));
    out->headers[out->header_count++] = (s3_pair){"host", way->host};
    out->headers[out->header_count++] = (s3_pair){"x-amz-date", out->date};
    out->headers[out->header_count++] = (s3_pair){"authorization", slu_buf_cstr(&out->authorization)};
    return slu_buf_status(&out->url, err);
}

static slu_status
send_once(s3_client *client, const s3_request *request, const char *hash, http_answer *answer, slu_error *err)
{
    route way;
    signed_request made = {0};
    http_connection *connection = NULL;
    slu_buf_init(&made.url, 16 << 10);
    slu_buf_init(&made.authorization, 16 << 10);
    memcpy(made.hash, hash, sizeof made.hash);
    route_make(client, request, &way);
    identity *who = identity_hold(client);
    slu_status status = request_sign(client, &who->keys, request, &way, &made, err);
    if (status == SLU_OK)
        status = connection_take(client, &connection, err);
    if (status == SLU_OK) {
        const http_request out = {.method = request->method,
                                  .url = slu_buf_cstr(&made.url),
                                  .headers = made.headers,
                                  .header_count = made.header_count,
                                  .body = request->body,
                                  .has_body = request->has_body,
                                  .out = request->out};
        status = http_exchange(connection, &out, answer, err);
        connection_give(client, connection);
    }
    identity_drop(client, who);
    slu_buf_fini(&made.url);
    slu_buf_fini(&made.authorization);
    return status;
}

/* ---- What an answer means ----------------------------------------------------------------------------------------------- */

static bool
one_of(const char *code, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(code, *list) == 0)
            return true;
    return false;
}

static bool
passes_by(long status, const char *code)
{
    static const char *const again[] = {"SlowDown",
                                        "InternalError",
                                        "ServiceUnavailable",
                                        "RequestTimeout",
                                        "ThrottlingException",
                                        "Throttling",
                                        "ConditionalRequestConflict",
                                        "OperationAborted",
                                        NULL};
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504 ||
           one_of(code, again);
}

static slu_status
class_of(long status, const char *code)
{
    static const char *const absent[] = {"", "NoSuchKey", "NoSuchUpload", "NotFound", NULL};
    if (status == 404 && one_of(code, absent))
        return SLU_NOTFOUND;
    if (status == 412)
        return SLU_CONFLICT;
    if (status == 501 || strcmp(code, "NotImplemented") == 0)
        return SLU_UNSUPPORTED;
    if (passes_by(status, code) || status >= 500)
        return SLU_IO;
    return SLU_INVALID;
}

static slu_status
refusal(s3_client *client, const s3_request *request, const http_answer *http, const s3_failure *failure, uint32_t tries,
        slu_error *err)
{
    const slu_status class = class_of(http->status, failure->code);
    char after[40] = "";
    if (tries > 1)
        (void)snprintf(after, sizeof after, " (after %u tries)", (unsigned)tries);
    const slu_status status = slu_error_set(err, class, "S3 %s s3://%s/%s: %ld%s%s%s%s%s%s%s", request->method, request->bucket,
                                            request->key, http->status, failure->code[0] != 0 ? " " : "", failure->code,
                                            failure->message[0] != 0 ? ": " : "", failure->message, after,
                                            http->status == 401 || http->status == 403 ? "; the credentials are those of the " : "",
                                            http->status == 401 || http->status == 403 ? keys_from(client) : "");
    if (err != NULL) {
        err->code = http->status;
        err->retriable = passes_by(http->status, failure->code);
    }
    return status;
}

/* Learns the region or the clock from a refusal; true: try again. */
static bool
corrects(s3_client *client, const http_answer *http, const s3_failure *failure, bool *tried)
{
    const char *region = http->region[0] != 0 ? http->region : failure->region;
    bool learnt = false;
    if (*tried)
        return false;
    *tried = true;
    (void)pthread_mutex_lock(&client->lock);
    if (strcmp(failure->code, "RequestTimeTooSkewed") == 0 && http->date_ms > 0) {
        client->skew_ms = http->date_ms - slu_wall_ms(client->env);
        learnt = true;
    } else if ((http->status / 100 == 3 || http->status == 400) && region[0] != 0 && strcmp(region, client->region) != 0) {
        (void)snprintf(client->region, sizeof client->region, "%s", region);
        learnt = true;
    }
    (void)pthread_mutex_unlock(&client->lock);
    return learnt;
}

static void
back_off(const s3_client *client, uint32_t tries, int64_t retry_after_s)
{
    int64_t room = (int64_t)client->backoff_base_ms << (tries < 12 ? tries : 12);
    if (room > S3_BACKOFF_MAX_MS)
        room = S3_BACKOFF_MAX_MS;
    int64_t ms = (int64_t)(client->env->random(client->env) % (uint64_t)(room + 1));
    if (retry_after_s > 0 && ms < retry_after_s * 1000)
        ms = retry_after_s < S3_BACKOFF_MAX_MS / 1000 ? retry_after_s * 1000 : S3_BACKOFF_MAX_MS;
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* The state of one call over its tries. */
typedef struct calling {
    s3_client *client;
    const s3_request *request;
    http_answer http;
    s3_failure failure;
    uint32_t tries;
    bool corrected;
} calling;

static void
answer_copy(const calling *c, s3_answer *out)
{
    out->status = c->http.status;
    out->content_bytes = c->http.content_bytes;
    out->range_first = c->http.range_first;
    memcpy(out->etag, c->http.etag, sizeof out->etag);
    memcpy(out->mark, c->http.mark, sizeof out->mark);
    memcpy(out->code, c->failure.code, sizeof out->code);
}

/* SLU_AGAIN: this failure passes by, try again. */
static slu_status
judge(calling *c, slu_error *err)
{
    const s3_request *request = c->request;
    memset(&c->failure, 0, sizeof c->failure);
    if (c->http.status / 100 == 2) {
        if (!request->error_in_200 || !s3_failure_decode(slu_buf_view(request->out), &c->failure)) {
            atomic_store(&c->client->trusted, true);
            return SLU_OK;
        }
        c->http.status = passes_by(0, c->failure.code) ? 503 : 400;
    } else {
        (void)s3_failure_decode(slu_buf_view(&c->http.failure), &c->failure);
    }
    if (corrects(c->client, &c->http, &c->failure, &c->corrected)) {
        c->tries--;
        return SLU_AGAIN;
    }
    if (passes_by(c->http.status, c->failure.code) && c->tries < c->client->tries)
        return SLU_AGAIN;
    return refusal(c->client, request, &c->http, &c->failure, c->tries, err);
}

static slu_status
one_try(calling *c, const char *hash, slu_error *err)
{
    slu_error own;
    slu_buf failure = c->http.failure;
    slu_buf_reset(&failure);
    memset(&c->http, 0, sizeof c->http);
    c->http.failure = failure;
    c->tries++;
    const slu_status status = send_once(c->client, c->request, hash, &c->http, &own);
    if (status == SLU_OK)
        return judge(c, err);
    if (own.retriable && c->tries < c->client->tries)
        return SLU_AGAIN;
    if (err != NULL)
        *err = own;
    return slu_error_in(err, status, "S3 %s s3://%s/%s (try %u of %u)", c->request->method, c->request->bucket, c->request->key,
                        (unsigned)c->tries, (unsigned)c->client->tries);
}

slu_status
s3_call(s3_client *client, const s3_request *request, s3_answer *out, slu_error *err)
{
    char hash[S3_HASH_TEXT_BYTES];
    calling c = {.client = client, .request = request};
    const size_t start = request->out == NULL ? 0 : request->out->bytes;
    SLU_TRY(names_check(request, err));
    s3_sha256_text(request->body, hash);
    slu_buf_init(&c.http.failure, HTTP_FAILURE_BYTES_MAX + 1);
    slu_status status = one_try(&c, hash, err);
    while (status == SLU_AGAIN) {
        if (c.tries > 0)
            back_off(client, c.tries, c.http.retry_after_s);
        if (request->out != NULL)
            request->out->bytes = start;
        status = one_try(&c, hash, err);
    }
    if (out != NULL)
        answer_copy(&c, out);
    slu_buf_fini(&c.http.failure);
    return status;
}

/* ---- The operations ----------------------------------------------------------------------------------------------------- */

/* A failure goes to the caller's error only when it is one. */
static slu_status
outcome(slu_status status, const slu_error *own, slu_error *err)
{
    if (status != SLU_OK && err != NULL)
        *err = *own;
    return status;
}

void
s3_mark_make(s3_client *client, char out[40])
{
    const unsigned long long high = client->env->random(client->env);
    const unsigned long long low = client->env->random(client->env);
    (void)snprintf(out, 40, "%016llx%016llx", high, low);
}

slu_status
s3_mark_check(s3_client *client, const char *bucket, const char *key, const char *mark, bool *out_ours, slu_error *err)
{
    s3_answer answer = {0};
    const s3_request request = {.method = "HEAD", .bucket = bucket, .key = key};
    slu_error own = {0};
    const slu_status status = s3_call(client, &request, &answer, &own);
    *out_ours = status == SLU_OK && strcmp(answer.mark, mark) == 0;
    return outcome(status == SLU_NOTFOUND ? SLU_OK : status, &own, err);
}

slu_status
s3_get(s3_client *client, const char *bucket, const char *key, slu_buf *out, slu_error *err)
{
    const s3_request request = {.method = "GET", .bucket = bucket, .key = key, .out = out};
    SLU_TRY(slu_buf_status(out, err));
    return s3_call(client, &request, NULL, err);
}

slu_status
s3_read(s3_client *client, const char *bucket, const char *key, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    char range[64];
    s3_answer answer = {0};
    /* The caller's memory as a buffer that is full before it would have to grow. */
    slu_buf buf = {.data = out, .capacity = bytes, .bytes_max = bytes};
    if (offset < 0 || bytes == 0 || bytes > INT64_MAX || offset > INT64_MAX - (int64_t)bytes)
        return slu_error_set(err, SLU_INVALID, "S3 read of %zu bytes at %lld", bytes, (long long)offset);
    (void)snprintf(range, sizeof range, "bytes=%lld-%lld", (long long)offset, (long long)offset + (long long)bytes - 1);
    const s3_request request = {.method = "GET", .bucket = bucket, .key = key, .headers = {{"range", range}}, .out = &buf};
    const slu_status status = s3_call(client, &request, &answer, err);
    if (status == SLU_LIMIT || (status == SLU_OK && (answer.status != 206 || answer.range_first != offset)))
        return slu_error_set(err, SLU_UNSUPPORTED, "S3 GET s3://%s/%s: the server does not honour ranges (asked for %s)", bucket,
                             key, range);
    if (answer.status == 416 || (status == SLU_OK && buf.bytes != bytes))
        return slu_error_set(err, SLU_CORRUPT, "S3 GET s3://%s/%s: the object ends before byte %lld", bucket, key,
                             (long long)offset + (long long)bytes);
    return status;
}

/* A HEAD answer has no body: the first byte is asked for, so that the server says what it has against us. */
static slu_status
head_reason(s3_client *client, const char *bucket, const char *key, slu_status head, slu_error *err)
{
    slu_error own;
    slu_buf byte;
    slu_buf_init(&byte, 64 << 10);
    const s3_request request = {.method = "GET", .bucket = bucket, .key = key, .headers = {{"range", "bytes=0-0"}}, .out = &byte};
    const slu_status status = s3_call(client, &request, NULL, &own);
    slu_buf_fini(&byte);
    if (status != SLU_INVALID && status != SLU_NOTFOUND)
        return head;
    if (err != NULL)
        *err = own;
    return status;
}

slu_status
s3_head_get(s3_client *client, const char *bucket, const char *key, s3_head *out, slu_error *err)
{
    s3_answer answer = {0};
    const s3_request request = {.method = "HEAD", .bucket = bucket, .key = key};
    slu_error own = {0};
    const slu_status status = s3_call(client, &request, &answer, &own);
    if (status != SLU_OK && err != NULL)
        *err = own;
    if (status == SLU_INVALID || (status == SLU_NOTFOUND && !atomic_load(&client->trusted)))
        return head_reason(client, bucket, key, status, err);
    if (status != SLU_OK)
        return status;
    if (answer.content_bytes < 0)
        return slu_error_set(err, SLU_CORRUPT, "S3 HEAD s3://%s/%s: the server does not tell the size", bucket, key);
    out->bytes = answer.content_bytes;
    memcpy(out->etag, answer.etag, sizeof out->etag);
    return SLU_OK;
}

slu_status
s3_put(s3_client *client, const char *bucket, const char *key, slu_view data, bool exclusive, slu_error *err)
{
    char mark[40];
    bool ours = false;
    s3_request request = {.method = "PUT", .bucket = bucket, .key = key, .body = data, .has_body = true};
    if (exclusive) {
        s3_mark_make(client, mark);
        request.headers[0] = (s3_pair){"if-none-match", "*"};
        request.headers[1] = (s3_pair){"x-amz-meta-sluice-mark", mark};
    }
    slu_error own = {0};
    const slu_status status = s3_call(client, &request, NULL, &own);
    if (!exclusive || status != SLU_CONFLICT)
        return outcome(status, &own, err);
    SLU_TRY_IN(s3_mark_check(client, bucket, key, mark, &ours, err), err, "whether it was our put that came first");
    return outcome(ours ? SLU_OK : status, &own, err);
}

slu_status
s3_remove(s3_client *client, const char *bucket, const char *key, slu_error *err)
{
    const s3_request request = {.method = "DELETE", .bucket = bucket, .key = key};
    if (key[0] == 0)
        return slu_error_set(err, SLU_INVALID, "S3 DELETE s3://%s/: an empty key would be the bucket", bucket);
    slu_error own = {0};
    const slu_status status = s3_call(client, &request, NULL, &own);
    return outcome(status == SLU_NOTFOUND ? SLU_OK : status, &own, err);
}

static slu_status
list_page(s3_client *client, const char *bucket, const char *prefix, s3_found found, void *to, slu_buf *token, bool *out_more,
          slu_error *err)
{
    slu_buf body;
    slu_buf next;
    const s3_pair query[] = {{"list-type", "2"}, {"prefix", prefix}, {"continuation-token", slu_buf_cstr(token)}};
    slu_buf_init(&body, PAGE_BYTES_MAX);
    slu_buf_init(&next, S3_TEXT_BYTES_MAX + 1);
    const s3_request request = {
        .method = "GET", .bucket = bucket, .key = "", .query = query, .query_count = token->bytes == 0 ? 2 : 3, .out = &body};
    slu_status status = s3_call(client, &request, NULL, err);
    if (status == SLU_OK) {
        status = s3_listing_decode(slu_buf_view(&body), found, to, out_more, &next, err);
        if (status == SLU_OK && *out_more && slu_view_equal(slu_buf_view(token), slu_buf_view(&next)))
            status = slu_error_set(err, SLU_CORRUPT, "the server's listing of s3://%s/%s goes on with the page just seen", bucket,
                                   prefix);
    }
    slu_buf_reset(token);
    slu_buf_append(token, next.data, next.bytes);
    slu_buf_fini(&next);
    slu_buf_fini(&body);
    return status;
}

slu_status
s3_list(s3_client *client, const char *bucket, const char *prefix, s3_found found, void *to, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf token;
    bool more = true;
    slu_buf_init(&token, S3_TEXT_BYTES_MAX + 1);
    while (more) {
        more = false;
        SLU_TRY(list_page(client, bucket, prefix, found, to, &token, &more, err));
        SLU_TRY(slu_buf_status(&token, err));
    }
    return SLU_OK;
}
