#include "iceberg/rest/http.h"

#include "base/alloc.h"

#include <curl/curl.h>

#include <pthread.h>

#define CONNECT_TIMEOUT_MS 10000
#define TIMEOUT_MS 60000

struct iceberg_http {
    CURL *curl;
    int64_t connect_timeout_ms;
    int64_t timeout_ms;
    char *ca_file;
    char error[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void
curl_start(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

slu_status
iceberg_http_open(const iceberg_http_options *options, iceberg_http **out, slu_error *err)
{
    SLU_AUTO(iceberg_http_close) iceberg_http *http = slu_alloc_zero(1, sizeof *http);
    (void)pthread_once(&curl_once, curl_start);
    if (http == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an HTTP client");
    http->connect_timeout_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    http->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
    http->ca_file = options->ca_file == NULL ? NULL : slu_strdup(options->ca_file);
    http->curl = curl_easy_init();
    if (http->curl == NULL || (options->ca_file != NULL && http->ca_file == NULL))
        return slu_error_set(err, SLU_NOMEM, "no memory for an HTTP client");
    *out = slu_take(&http);
    return SLU_OK;
}

void
iceberg_http_close(iceberg_http **pointer)
{
    iceberg_http *http = slu_take(pointer);
    if (http == NULL)
        return;
    if (http->curl != NULL)
        curl_easy_cleanup(http->curl);
    slu_free(http->ca_file);
    slu_free(http);
}

void
iceberg_http_answer_fini(iceberg_http_answer *answer)
{
    slu_buf_fini(&answer->body);
    memset(answer, 0, sizeof *answer);
}

/* Anything but `bytes` ends the exchange. */
static size_t
body_take(char *data, size_t one, size_t bytes, void *to)
{
    slu_buf *body = to;
    slu_buf_append(body, data, one * bytes);
    return slu_buf_status(body, NULL) == SLU_OK ? one * bytes : 0;
}

static slu_status
headers_make(const iceberg_http_request *request, struct curl_slist **out, slu_error *err)
{
    /* Without this curl waits a second for "100 Continue" before a large body. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; i < request->header_count && list != NULL; i++) {
        struct curl_slist *longer = curl_slist_append(list, request->headers[i]);
        if (longer == NULL)
            curl_slist_free_all(list);
        list = longer;
    }
    *out = list;
    return list == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for HTTP headers") : SLU_OK;
}

static void
options_set(iceberg_http *http, const iceberg_http_request *request, struct curl_slist *headers, slu_buf *body)
{
    CURL *curl = http->curl;
    curl_easy_reset(curl); /* kept connections survive it */
    http->error[0] = 0;
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->error);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)http->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, ""); /* the limit below counts what comes out */
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "sluice");
    if (http->ca_file != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
    if (request->once) {
        (void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    }
}

static slu_status
method_set(CURL *curl, const iceberg_http_request *request, slu_error *err)
{
    if (strcmp(request->method, "GET") == 0)
        return SLU_OK;
    if (strcmp(request->method, "HEAD") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return SLU_OK;
    }
    if (strcmp(request->method, "DELETE") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
        return SLU_OK;
    }
    if (strcmp(request->method, "POST") != 0)
        return slu_error_set(err, SLU_INVALID, "HTTP method %.16s", request->method);
    (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.bytes);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.bytes == 0 ? "" : (const char *)request->body.data);
    return SLU_OK;
}

static slu_status
failure_class(CURLcode code)
{
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return SLU_INVALID;
    case CURLE_OPERATION_TIMEDOUT: return SLU_TIMEOUT;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return SLU_CLOSED;
    case CURLE_OUT_OF_MEMORY: return SLU_NOMEM;
    default: return SLU_IO;
    }
}

/* Where the URL ends for a message: query values may be long. */
static int
url_shown(const char *url)
{
    const size_t bytes = strcspn(url, "?");
    return bytes > 300 ? 300 : (int)bytes;
}

static slu_status
outcome(const iceberg_http *http, const iceberg_http_request *request, CURLcode code, const iceberg_http_answer *answer,
        slu_error *err)
{
    const int shown = url_shown(request->url);
    if (code == CURLE_OK)
        return SLU_OK;
    if (slu_buf_status(&answer->body, NULL) != SLU_OK)
        return slu_error_set(err, answer->body.failed, "%s %.*s: an answer of more than %zu bytes, or no memory for it",
                             request->method, shown, request->url, request->answer_bytes_max);
    const slu_status status = failure_class(code);
    (void)slu_error_set(err, status, "%s %.*s: %s", request->method, shown, request->url,
                        http->error[0] == 0 ? curl_easy_strerror(code) : http->error);
    if (err != NULL)
        err->retriable = status != SLU_INVALID;
    return status;
}

slu_status
iceberg_http_exchange(iceberg_http *http, const iceberg_http_request *request, iceberg_http_answer *out, slu_error *err)
{
    struct curl_slist *headers = NULL;
    iceberg_http_answer answer = {.retry_after_ms = -1};
    long code = 0;
    curl_off_t retry_after = 0;
    slu_buf_init(&answer.body, request->answer_bytes_max);
    SLU_TRY(headers_make(request, &headers, err));
    options_set(http, request, headers, &answer.body);
    slu_status status = method_set(http->curl, request, err);
    if (status == SLU_OK)
        status = outcome(http, request, curl_easy_perform(http->curl), &answer, err);
    if (status == SLU_OK) {
        (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &code);
        /* Seconds or a date: libcurl reads both; absent is 0. */
        if (curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0)
            answer.retry_after_ms = retry_after > 86400 ? INT64_C(86400000) : (int64_t)retry_after * 1000;
        answer.code = (int)code;
        *out = answer;
    } else {
        iceberg_http_answer_fini(&answer);
    }
    curl_slist_free_all(headers);
    return status;
}
