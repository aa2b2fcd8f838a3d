#include "s3/http.h"

#include "base/alloc.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

struct http_connection {
    CURL *curl;
    http_options options;
    char *ca_file;
};

/* What the callbacks of one exchange share. */
typedef struct exchange {
    CURL *curl;
    const http_request *request;
    http_answer *answer;
    size_t sent;
    bool full; /* request->out could not take the body */
} exchange;

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void
curl_start(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

slu_status
http_connection_new(const http_options *options, http_connection **out, slu_error *err)
{
    (void)pthread_once(&curl_once, curl_start);
    http_connection *connection = slu_alloc_zero(1, sizeof *connection);
    if (connection == NULL)
        return slu_error_set(err, SLU_NOMEM, "a connection: no memory");
    connection->options = *options;
    connection->ca_file = options->ca_file == NULL ? NULL : slu_strdup(options->ca_file);
    connection->curl = curl_easy_init();
    if (connection->curl == NULL || (options->ca_file != NULL && connection->ca_file == NULL)) {
        http_connection_free(connection);
        return slu_error_set(err, SLU_NOMEM, "a connection: no memory");
    }
    *out = connection;
    return SLU_OK;
}

void
http_connection_free(http_connection *connection)
{
    if (connection == NULL)
        return;
    if (connection->curl != NULL)
        curl_easy_cleanup(connection->curl);
    slu_free(connection->ca_file);
    slu_free(connection);
}

static size_t
on_body(char *data, size_t size, size_t count, void *to)
{
    exchange *x = to;
    const size_t bytes = size * count;
    long status = 0;
    (void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 != 2) {
        const size_t room = HTTP_FAILURE_BYTES_MAX - x->answer->failure.bytes;
        slu_buf_append(&x->answer->failure, data, bytes < room ? bytes : room);
        return bytes;
    }
    slu_buf *out = x->request->out;
    if (out == NULL)
        return bytes;
    /* A buffer looks at its maximum only when it has to grow. */
    if (out->failed == SLU_OK && (out->bytes > out->bytes_max || bytes > out->bytes_max - out->bytes))
        out->failed = SLU_LIMIT;
    slu_buf_append(out, data, bytes);
    x->full = out->failed != SLU_OK;
    return x->full ? 0 : bytes;
}

static size_t
on_send(char *data, size_t size, size_t count, void *to)
{
    exchange *x = to;
    size_t bytes = x->request->body.bytes - x->sent;
    if (bytes > size * count)
        bytes = size * count;
    if (bytes > 0)
        memcpy(data, x->request->body.data + x->sent, bytes);
    x->sent += bytes;
    return bytes;
}

/* libcurl sends again from the start when a kept connection turned out to be dead. */
static int
on_seek(void *to, curl_off_t offset, int origin)
{
    exchange *x = to;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > x->request->body.bytes)
        return CURL_SEEKFUNC_CANTSEEK;
    x->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static const char *
header_value(char *line, const char *name)
{
    const size_t bytes = strlen(name);
    if (strncasecmp(line, name, bytes) != 0 || line[bytes] != ':')
        return NULL;
    return line + bytes + 1 + strspn(line + bytes + 1, " \t");
}

static void
copy_cut(char *out, size_t room, const char *text)
{
    (void)snprintf(out, room, "%.*s", (int)strcspn(text, "\r\n"), text);
}

static int64_t
number(const char *text, int64_t otherwise)
{
    char *end = NULL;
    const long long value = strtoll(text, &end, 10);
    return end == text || value < 0 ? otherwise : value;
}

static void
header_line(char *line, http_answer *answer)
{
    const char *value;
    if ((value = header_value(line, "etag")) != NULL)
        copy_cut(answer->etag, sizeof answer->etag, value);
    else if ((value = header_value(line, "content-length")) != NULL)
        answer->content_bytes = number(value, -1);
    else if ((value = header_value(line, "content-range")) != NULL)
        answer->range_first = strncasecmp(value, "bytes ", 6) == 0 ? number(value + 6, -1) : -1;
    else if ((value = header_value(line, "x-amz-bucket-region")) != NULL)
        copy_cut(answer->region, sizeof answer->region, value);
    else if ((value = header_value(line, "x-amz-meta-sluice-mark")) != NULL)
        copy_cut(answer->mark, sizeof answer->mark, value);
    else if ((value = header_value(line, "retry-after")) != NULL)
        answer->retry_after_s = number(value, 0);
    else if ((value = header_value(line, "date")) != NULL) {
        const time_t seconds = curl_getdate(value, NULL);
        answer->date_ms = seconds < 0 ? -1 : (int64_t)seconds * 1000;
    }
}

static size_t
on_header(char *data, size_t size, size_t count, void *to)
{
    exchange *x = to;
    char line[512];
    const size_t bytes = size * count;
    const size_t taken = bytes < sizeof line - 1 ? bytes : sizeof line - 1;
    memcpy(line, data, taken);
    line[taken] = 0;
    header_line(line, x->answer);
    return bytes;
}

static void
set_transport(CURL *curl, const http_connection *connection)
{
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connection->options.connect_ms);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)connection->options.stall_seconds);
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
    if (connection->ca_file != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, connection->ca_file);
    if (connection->options.loopback)
        (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
}

static void
set_request(CURL *curl, const http_request *request, exchange *x)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    if (request->has_body) {
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body.bytes);
        (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_send);
        (void)curl_easy_setopt(curl, CURLOPT_READDATA, x);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, x);
    }
    if (strcmp(request->method, "HEAD") == 0)
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
}

static bool
header_list(const http_request *request, struct curl_slist **out, slu_buf *line)
{
    for (size_t i = 0; i <= request->header_count; i++) {
        slu_buf_reset(line);
        /* libcurl's own Expect costs a second with servers that do not answer it. */
        if (i == request->header_count)
            slu_buf_text(line, "Expect:");
        else
            slu_buf_printf(line, "%s: %s", request->headers[i].name, request->headers[i].value);
        struct curl_slist *longer = line->failed != SLU_OK ? NULL : curl_slist_append(*out, slu_buf_cstr(line));
        if (longer == NULL)
            return false;
        *out = longer;
    }
    return true;
}

static slu_status
failed(CURLcode code, const char *words, const exchange *x, slu_error *err)
{
    const char *what = words[0] != 0 ? words : curl_easy_strerror(code);
    if (x->full)
        return slu_buf_status(x->request->out, err);
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return slu_error_set(err, SLU_TIMEOUT, "%s", what);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_WEIRD_SERVER_REPLY: {
        const slu_status status = slu_error_set(err, SLU_IO, "%s", what);
        err->retriable = 1;
        return status;
    }
    case CURLE_OUT_OF_MEMORY: return slu_error_set(err, SLU_NOMEM, "%s", what);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return slu_error_set(err, SLU_INVALID, "%s", what);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return slu_error_set(err, SLU_INVALID, "%s (a server with a certificate of its own needs its CA: s3.ca-file)", what);
    default: return slu_error_set(err, SLU_IO, "%s", what);
    }
}

slu_status
http_exchange(http_connection *connection, const http_request *request, http_answer *answer, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf line;
    struct curl_slist *headers = NULL;
    char words[CURL_ERROR_SIZE] = "";
    slu_error unused;
    exchange x = {.curl = connection->curl, .request = request, .answer = answer};
    slu_status status = SLU_OK;
    slu_buf_init(&line, 32 << 10);
    answer->content_bytes = answer->range_first = answer->date_ms = -1;
    curl_easy_reset(connection->curl);
    set_transport(connection->curl, connection);
    set_request(connection->curl, request, &x);
    (void)curl_easy_setopt(connection->curl, CURLOPT_ERRORBUFFER, words);
    if (header_list(request, &headers, &line)) {
        (void)curl_easy_setopt(connection->curl, CURLOPT_HTTPHEADER, headers);
        const CURLcode code = curl_easy_perform(connection->curl);
        (void)curl_easy_getinfo(connection->curl, CURLINFO_RESPONSE_CODE, &answer->status);
        if (code != CURLE_OK)
            status = failed(code, words, &x, err == NULL ? &unused : err);
    } else {
        status = slu_error_set(err, SLU_NOMEM, "the headers of a request: no memory");
    }
    curl_slist_free_all(headers);
    return status;
}
