#include "iceberg/rest/session.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define SESSION_ARENA_BYTES_MAX ((size_t)16 << 20)
#define CONFIG_BYTES_MAX ((size_t)4 << 20)
#define TOKEN_BYTES_MAX ((size_t)1 << 20)
#define URL_BYTES_MAX ((size_t)64 << 10)
#define HEADERS_MAX 32
#define TRYING_MS_MAX 60000
#define RETRY_AFTER_MS_MAX 30000
#define WAIT_MS 200

struct iceberg_rest_session {
    const slu_env *env;
    pthread_mutex_t lock;
    iceberg_http *http;
    slu_arena arena;
    iceberg_rest_properties own;
    iceberg_rest_config config;
    iceberg_rest_properties effective; /* defaults, own, overrides */
    const char *base;                  /* {uri} without a final slash */
    const char *token_url;             /* by our own settings */
    const char *prefix;                /* "" or "PREFIX/" */
    const char *separator;             /* encoded */
    char *bearer;                      /* "Authorization: Bearer ..."; NULL: none yet */
    int64_t bearer_due_ms;             /* INT64_MAX: not said */
    int64_t retry_wait_ms;
    const char *headers[HEADERS_MAX];
    size_t header_count;
};

void
iceberg_rest_reply_fini(iceberg_rest_reply *reply)
{
    slu_buf_fini(&reply->body);
    memset(reply, 0, sizeof *reply);
}

/* ---- texts ---- */

void
iceberg_rest_text_encode(slu_buf *out, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char c = (unsigned char)text[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                           c == '.' || c == '~';
        if (plain)
            slu_buf_u8(out, c);
        else
            slu_buf_printf(out, "%%%02X", c);
    }
}

void
iceberg_rest_ns_encode(const iceberg_rest_session *session, slu_buf *out, const char *ns)
{
    for (const char *at = ns;; at++) {
        const size_t bytes = strcspn(at, ".");
        iceberg_rest_text_encode(out, at, bytes);
        at += bytes;
        if (*at == 0)
            return;
        slu_buf_text(out, session->separator);
    }
}

static const char *
get(const iceberg_rest_properties *properties, const char *key)
{
    for (size_t i = 0; i < properties->count; i++)
        if (strcmp(properties->items[i].key, key) == 0)
            return properties->items[i].value;
    return NULL;
}

const char *
iceberg_rest_session_setting(const iceberg_rest_session *session, const char *key)
{
    const char *value = get(&session->config.overrides, key);
    if (value == NULL)
        value = get(&session->own, key);
    return value != NULL ? value : get(&session->config.defaults, key);
}

iceberg_rest_properties
iceberg_rest_session_settings(const iceberg_rest_session *session)
{
    return session->effective;
}

static slu_status
effective_make(iceberg_rest_session *session, slu_error *err)
{
    const iceberg_rest_properties *parts[] = {&session->config.defaults, &session->own, &session->config.overrides};
    const size_t count = parts[0]->count + parts[1]->count + parts[2]->count;
    iceberg_property *items = slu_arena_array(&session->arena, count, sizeof *items);
    SLU_TRY(slu_arena_status(&session->arena, err));
    session->effective = (iceberg_rest_properties){items, 0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t k = 0; k < parts[i]->count; k++)
            items[session->effective.count++] = parts[i]->items[k];
    return SLU_OK;
}

static slu_status
url_check(const char *what, const char *url, slu_error *err)
{
    const char *scheme = url == NULL ? NULL : strstr(url, "://");
    if (scheme == NULL || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0))
        return slu_error_set(err, SLU_INVALID, "%s of the REST catalog must begin with http:// or https://", what);
    if (memchr(scheme + 3, '@', strcspn(scheme + 3, "/?#")) != NULL)
        return slu_error_set(err, SLU_INVALID, "%s of the REST catalog carries a password: put it into credential or token", what);
    if (strlen(url) > 2000 || strpbrk(url, " \r\n") != NULL)
        return slu_error_set(err, SLU_INVALID, "%s of the REST catalog has a blank or a line break, or more than 2000 bytes", what);
    return SLU_OK;
}

static const char *
without_slash(slu_arena *arena, const char *url)
{
    size_t bytes = strlen(url);
    while (bytes > 0 && url[bytes - 1] == '/')
        bytes--;
    return slu_arena_strndup(arena, url, bytes);
}

/* ---- answers ---- */

static slu_status
code_class(int code)
{
    switch (code) {
    case 404: return SLU_NOTFOUND;
    case 408: return SLU_TIMEOUT;
    case 409: return SLU_CONFLICT;
    case 429: return SLU_LIMIT;
    case 405:
    case 406:
    case 501: return SLU_UNSUPPORTED;
    default: break;
    }
    if (code >= 500)
        return SLU_IO;
    return code >= 300 && code < 400 ? SLU_UNSUPPORTED : SLU_INVALID;
}

static const char *
code_hint(int code)
{
    if (code == 401 || code == 419)
        return " (not logged in: see token and credential)";
    if (code == 403)
        return " (not allowed)";
    return code >= 300 && code < 400 ? " (redirects are not followed: give the final address)" : "";
}

static slu_status
code_error(const char *method, const char *url, int code, const iceberg_rest_fault *fault, slu_error *err)
{
    const size_t shown = strcspn(url, "?");
    const slu_status status = code_class(code);
    (void)slu_error_set(err, status, "%s %.*s: HTTP %d%s%s%s%s%s", method, shown > 300 ? 300 : (int)shown, url, code,
                        fault->type[0] == 0 ? "" : " ", fault->type, fault->message[0] == 0 ? "" : ": ", fault->message,
                        code_hint(code));
    if (err != NULL) {
        err->code = code;
        err->retriable = code == 408 || code == 429 || code >= 500;
    }
    return status;
}

/* ---- waiting and asking again ---- */

static void
wait_ms(int64_t ms)
{
    const struct timespec pause = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

typedef struct tries {
    int64_t started_ms;
    int count;
    bool safe; /* may be repeated without a thought */
    bool in_doubt;
} tries;

/* Whether the outcome of a try calls for another. `code` 0: no answer. Waits. */
static bool
tries_again(const iceberg_rest_session *session, tries *all, slu_status status, int code, int64_t retry_after_ms)
{
    const bool busy = code == 429 || (code == 503 && retry_after_ms >= 0);
    const bool weak = code == 408 || code == 500 || code == 502 || code == 503 || code == 504;
    const bool silent = code == 0 && (status == SLU_IO || status == SLU_CLOSED || status == SLU_TIMEOUT);
    if (!busy && !(all->safe && (weak || silent)))
        return false;
    if (++all->count >= ICEBERG_REST_TRIES || slu_now_ms(session->env) - all->started_ms > TRYING_MS_MAX ||
        retry_after_ms > RETRY_AFTER_MS_MAX)
        return false;
    const int64_t pause = session->retry_wait_ms << (all->count - 1);
    /* Half fixed and half random, so that many clients do not come back together. */
    const int64_t ours = pause / 2 + (int64_t)(session->env->random(session->env) % (uint64_t)(pause / 2 + 1));
    wait_ms(retry_after_ms > ours ? retry_after_ms : ours);
    return true;
}

static bool
is_doubtful(slu_status status, int code)
{
    if (code == 0)
        return status != SLU_INVALID;
    return code == 408 || (code >= 500 && code != 501);
}

/* ---- tokens ---- */

static void
form_add(slu_buf *form, const char *key, const char *value, size_t bytes)
{
    if (value == NULL)
        return;
    slu_buf_printf(form, "%s%s=", form->bytes == 0 ? "" : "&", key);
    iceberg_rest_text_encode(form, value, bytes);
}

static void
form_make(const iceberg_rest_session *session, const char *credential, slu_buf *form)
{
    static const char *const more[] = {"audience", "resource"};
    const char *scope = iceberg_rest_session_setting(session, "scope");
    const char *colon = strchr(credential, ':');
    const char *secret = colon == NULL ? credential : colon + 1;
    scope = scope == NULL ? "catalog" : scope;
    form_add(form, "grant_type", "client_credentials", 18);
    form_add(form, "client_id", colon == NULL ? NULL : credential, colon == NULL ? 0 : (size_t)(colon - credential));
    form_add(form, "client_secret", secret, strlen(secret));
    form_add(form, "scope", scope, strlen(scope));
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        const char *value = iceberg_rest_session_setting(session, more[i]);
        form_add(form, more[i], value, value == NULL ? 0 : strlen(value));
    }
}

static slu_status
bearer_set(iceberg_rest_session *session, const char *token, int64_t due_ms, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&text, TOKEN_BYTES_MAX * 2);
    slu_buf_printf(&text, "Authorization: Bearer %s", token);
    SLU_TRY(slu_buf_status(&text, err));
    slu_free(session->bearer);
    session->bearer = slu_strdup(slu_buf_cstr(&text));
    session->bearer_due_ms = due_ms;
    return session->bearer == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for a token") : SLU_OK;
}

static slu_status
token_read(iceberg_rest_session *session, slu_view text, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    iceberg_rest_token token;
    slu_arena_init(&arena, TOKEN_BYTES_MAX * 4);
    SLU_TRY_IN(iceberg_rest_token_decode(text, &arena, &token, err), err, "%s", session->token_url);
    /* Nine tenths of its life: the clock of the server is not ours. */
    const int64_t life_s = token.expires_s > INT32_MAX ? INT32_MAX : token.expires_s;
    return bearer_set(session, token.token, life_s < 0 ? INT64_MAX : slu_now_ms(session->env) + life_s * 900, err);
}

static slu_status
token_fetch(iceberg_rest_session *session, const char *credential, slu_error *err)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json"};
    SLU_AUTO(slu_buf_fini) slu_buf form = {0};
    tries all = {.started_ms = slu_now_ms(session->env), .safe = true};
    slu_buf_init(&form, TOKEN_BYTES_MAX);
    form_make(session, credential, &form);
    SLU_TRY(slu_buf_status(&form, err));
    const iceberg_http_request request = {"POST", session->token_url, headers, 2, slu_buf_view(&form), TOKEN_BYTES_MAX, true};
    for (;;) {
        SLU_AUTO(iceberg_http_answer_fini) iceberg_http_answer answer = {.retry_after_ms = -1};
        slu_status status = iceberg_http_exchange(session->http, &request, &answer, err);
        if (status == SLU_OK && answer.code / 100 == 2)
            return token_read(session, slu_buf_view(&answer.body), err);
        if (status == SLU_OK) {
            iceberg_rest_fault fault;
            iceberg_rest_fault_decode(slu_buf_view(&answer.body), &fault);
            status = code_error("POST", session->token_url, answer.code, &fault, err);
        }
        if (!tries_again(session, &all, status, answer.code, answer.retry_after_ms))
            return slu_error_in(err, status, "asking for a token");
    }
}

static slu_status
token_ensure(iceberg_rest_session *session, slu_error *err)
{
    const char *credential = get(&session->own, "credential");
    if (credential == NULL || (session->bearer != NULL && slu_now_ms(session->env) < session->bearer_due_ms))
        return SLU_OK;
    return token_fetch(session, credential, err);
}

/* ---- calls ---- */

/* RFC 9562, version 7. */
static void
key_make(const slu_env *env, char out[64])
{
    const uint64_t at = (uint64_t)slu_wall_ms(env);
    const uint64_t a = env->random(env);
    const uint64_t b = env->random(env);
    (void)snprintf(out, 64, "Idempotency-Key: %08x-%04x-7%03x-%04x-%012llx", (unsigned)(at >> 16 & 0xffffffff),
                   (unsigned)(at & 0xffff), (unsigned)(a & 0xfff), (unsigned)(0x8000 | (b >> 48 & 0x3fff)),
                   (unsigned long long)(b & 0xffffffffffff));
}

/* One try with its headers. After 401 and 419 it is asked once more: with the session's token where the table's own was refused, else
 * with a new one. */
static slu_status
call_try(iceberg_rest_session *session, const iceberg_http_request *bare, const char *key, const char *own_bearer,
         iceberg_http_answer *answer, slu_error *err)
{
    for (bool renewed = false;;) {
        const char *headers[HEADERS_MAX + 4];
        size_t count = 0;
        if (own_bearer == NULL)
            SLU_TRY(token_ensure(session, err));
        for (; count < session->header_count; count++)
            headers[count] = session->headers[count];
        headers[count++] = "Accept: application/json";
        if (strcmp(bare->method, "POST") == 0)
            headers[count++] = "Content-Type: application/json";
        if (key != NULL)
            headers[count++] = key;
        if (own_bearer != NULL || session->bearer != NULL)
            headers[count++] = own_bearer != NULL ? own_bearer : session->bearer;
        iceberg_http_request request = *bare;
        request.headers = headers;
        request.header_count = count;
        SLU_TRY(iceberg_http_exchange(session->http, &request, answer, err));
        const bool may_renew = !renewed && get(&session->own, "credential") != NULL;
        if ((answer->code != 401 && answer->code != 419) || (own_bearer == NULL && !may_renew))
            return SLU_OK;
        iceberg_http_answer_fini(answer);
        if (own_bearer != NULL) {
            own_bearer = NULL;
            continue;
        }
        renewed = true;
        slu_free(session->bearer);
        session->bearer = NULL;
    }
}

static slu_status
call_all(iceberg_rest_session *session, const char *url, const iceberg_rest_call *call, const char *own_bearer,
         iceberg_rest_reply *reply, slu_error *err)
{
    const bool reads = strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0;
    char key[64] = "";
    if (!reads && session->config.has_idempotency)
        key_make(session->env, key);
    tries all = {.started_ms = slu_now_ms(session->env), .safe = reads || key[0] != 0};
    const iceberg_http_request request = {
        .method = call->method, .url = url, .body = call->body, .answer_bytes_max = call->answer_bytes_max, .once = !reads};
    for (;;) {
        SLU_AUTO(iceberg_http_answer_fini) iceberg_http_answer answer = {.retry_after_ms = -1};
        slu_status status = call_try(session, &request, key[0] == 0 ? NULL : key, own_bearer, &answer, err);
        if (status == SLU_OK && answer.code / 100 == 2) {
            reply->body = answer.body;
            answer.body = (slu_buf){0};
            return SLU_OK;
        }
        if (status == SLU_OK) {
            iceberg_rest_fault_decode(slu_buf_view(&answer.body), &reply->fault);
            status = code_error(call->method, url, answer.code, &reply->fault, err);
        }
        reply->in_doubt |= !reads && is_doubtful(status, answer.code);
        if (!tries_again(session, &all, status, answer.code, answer.retry_after_ms))
            return status;
    }
}

/* {base}/v1/{prefix}{path} */
static slu_status
call_path(iceberg_rest_session *session, const char *prefix, const iceberg_rest_call *call, iceberg_rest_reply *reply,
          slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf url = {0};
    SLU_AUTO(slu_buf_fini) slu_buf bearer = {0};
    slu_error last = {0};
    slu_buf_init(&url, URL_BYTES_MAX);
    slu_buf_init(&bearer, TOKEN_BYTES_MAX * 2);
    slu_buf_printf(&bearer, "Authorization: Bearer %s", call->token == NULL ? "" : call->token);
    SLU_TRY(slu_buf_status(&bearer, err));
    slu_buf_printf(&url, "%s/v1/%s%s", session->base, prefix, call->path);
    SLU_TRY(slu_buf_status(&url, err));
    (void)pthread_mutex_lock(&session->lock);
    const slu_status status =
        call_all(session, slu_buf_cstr(&url), call, call->token == NULL ? NULL : slu_buf_cstr(&bearer), reply, &last);
    (void)pthread_mutex_unlock(&session->lock);
    if (status != SLU_OK && err != NULL)
        *err = last; /* a try that failed before one that succeeded leaves no trace */
    return status;
}

slu_status
iceberg_rest_session_call(iceberg_rest_session *session, const iceberg_rest_call *call, iceberg_rest_reply *reply, slu_error *err)
{
    return call_path(session, session->prefix, call, reply, err);
}

/* ---- opening ---- */

static slu_status
own_copy(iceberg_rest_session *session, const iceberg_rest_options *options, slu_error *err)
{
    iceberg_property *items = slu_arena_array(&session->arena, options->property_count, sizeof *items);
    SLU_TRY(slu_arena_status(&session->arena, err));
    for (size_t i = 0; i < options->property_count; i++)
        items[i] = (iceberg_property){slu_arena_strdup(&session->arena, options->properties[i].key),
                                      slu_arena_strdup(&session->arena, options->properties[i].value)};
    session->own = (iceberg_rest_properties){items, options->property_count};
    return slu_arena_status(&session->arena, err);
}

/* header.NAME of one set of settings. */
static slu_status
headers_take(iceberg_rest_session *session, const iceberg_rest_properties *from, slu_error *err)
{
    for (size_t i = 0; i < from->count; i++) {
        const iceberg_property *item = &from->items[i];
        if (strncmp(item->key, "header.", 7) != 0)
            continue;
        if (strpbrk(item->key, ":\r\n ") != NULL || strpbrk(item->value, "\r\n") != NULL || item->key[7] == 0)
            return slu_error_set(err, SLU_INVALID, "setting \"%.64s\" of the REST catalog cannot be an HTTP header", item->key);
        if (session->header_count == HEADERS_MAX)
            return slu_error_set(err, SLU_LIMIT, "more than %d header.* settings of the REST catalog", HEADERS_MAX);
        session->headers[session->header_count++] = slu_arena_printf(&session->arena, "%s: %s", item->key + 7, item->value);
    }
    return slu_arena_status(&session->arena, err);
}

/* Servers give keys for a table's files to those who ask for them; who brought keys needs none. */
static void
delegation_ask(iceberg_rest_session *session)
{
    for (size_t i = 0; i < session->own.count; i++)
        if (strcasecmp(session->own.items[i].key, "header.X-Iceberg-Access-Delegation") == 0)
            return;
    if (get(&session->own, "s3.access-key-id") == NULL && session->header_count < HEADERS_MAX)
        session->headers[session->header_count++] = "X-Iceberg-Access-Delegation: vended-credentials";
}

static slu_status
own_check(iceberg_rest_session *session, slu_error *err)
{
    const char *uri = get(&session->own, "uri");
    const char *token_url = get(&session->own, "oauth2-server-uri");
    const char *token = get(&session->own, "token");
    const char *kind = get(&session->own, "rest.auth.type");
    SLU_TRY(url_check("uri", uri, err));
    if (kind != NULL && strcmp(kind, "none") != 0 && strcmp(kind, "oauth2") != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "rest.auth.type=%.32s: this build has none and oauth2", kind);
    session->base = without_slash(&session->arena, uri);
    session->token_url = token_url;
    if (token_url == NULL)
        session->token_url = slu_arena_printf(&session->arena, "%s/v1/oauth/tokens", session->base);
    SLU_TRY(slu_arena_status(&session->arena, err));
    SLU_TRY(url_check("oauth2-server-uri", session->token_url, err));
    if (token != NULL && (token[0] == 0 || strpbrk(token, "\r\n") != NULL))
        return slu_error_set(err, SLU_INVALID, "token of the REST catalog is empty or has a line break");
    if (token != NULL)
        SLU_TRY(bearer_set(session, token, INT64_MAX, err));
    SLU_TRY(headers_take(session, &session->own, err));
    delegation_ask(session);
    return SLU_OK;
}

/* Printable and encoded: "%1F", "%2E", ".". */
static bool
is_separator(const char *text)
{
    const size_t bytes = strlen(text);
    for (size_t i = 0; i < bytes; i++)
        if (strchr("0123456789ABCDEFabcdef%.-_~", text[i]) == NULL)
            return false;
    return bytes > 0 && bytes <= 12;
}

static slu_status
config_apply(iceberg_rest_session *session, slu_error *err)
{
    const char *uri = iceberg_rest_session_setting(session, "uri");
    const char *prefix = iceberg_rest_session_setting(session, "prefix");
    const char *separator = iceberg_rest_session_setting(session, "namespace-separator");
    SLU_TRY_IN(url_check("uri", uri, err), err, "configuration of the server");
    session->base = without_slash(&session->arena, uri);
    session->prefix = "";
    if (prefix != NULL && prefix[0] != 0) {
        SLU_AUTO(slu_buf_fini) slu_buf text = {0};
        slu_buf_init(&text, 4096);
        /* A prefix may have several levels ("catalogs/main"): they stay levels. */
        for (const char *at = prefix; *at != 0; at += strcspn(at, "/"), at += *at == '/') {
            iceberg_rest_text_encode(&text, at, strcspn(at, "/"));
            slu_buf_u8(&text, '/');
        }
        SLU_TRY_IN(slu_buf_status(&text, err), err, "prefix of the REST catalog");
        session->prefix = slu_arena_strdup(&session->arena, slu_buf_cstr(&text));
    }
    session->separator = separator == NULL || separator[0] == 0 ? "%1F" : separator;
    if (!is_separator(session->separator))
        return slu_error_set(err, SLU_CORRUPT, "namespace-separator \"%.32s\" of the server is not an encoded text",
                             session->separator);
    SLU_TRY(headers_take(session, &session->config.overrides, err));
    return slu_arena_status(&session->arena, err);
}

static slu_status
config_ask(iceberg_rest_session *session, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
    const char *warehouse = get(&session->own, "warehouse");
    slu_buf_init(&path, URL_BYTES_MAX);
    slu_buf_text(&path, "config");
    if (warehouse != NULL && warehouse[0] != 0) {
        slu_buf_text(&path, "?warehouse=");
        iceberg_rest_text_encode(&path, warehouse, strlen(warehouse));
    }
    SLU_TRY(slu_buf_status(&path, err));
    const iceberg_rest_call call = {"GET", slu_buf_cstr(&path), {0}, CONFIG_BYTES_MAX, NULL};
    const slu_status status = call_path(session, "", &call, &reply, err);
    if (status == SLU_NOTFOUND)
        return slu_error_in(err, status, "the server knows no warehouse \"%.200s\", or it is no REST catalog",
                            warehouse == NULL ? "" : warehouse);
    SLU_TRY(status);
    SLU_TRY_IN(iceberg_rest_config_decode(slu_buf_view(&reply.body), &session->arena, &session->config, err), err, "%s/v1/config",
               session->base);
    SLU_TRY(effective_make(session, err));
    return config_apply(session, err);
}

slu_status
iceberg_rest_session_open(const slu_env *env, const iceberg_rest_options *options, iceberg_rest_session **out, slu_error *err)
{
    SLU_AUTO(iceberg_rest_session_close) iceberg_rest_session *session = slu_alloc_zero(1, sizeof *session);
    if (session == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a REST catalog");
    session->env = env;
    session->retry_wait_ms = options->retry_wait_ms > 0 ? options->retry_wait_ms : WAIT_MS;
    (void)pthread_mutex_init(&session->lock, NULL);
    slu_arena_init(&session->arena, SESSION_ARENA_BYTES_MAX);
    SLU_TRY(own_copy(session, options, err));
    SLU_TRY(own_check(session, err));
    SLU_TRY(iceberg_http_open(&options->http, &session->http, err));
    SLU_TRY(config_ask(session, err));
    *out = slu_take(&session);
    return SLU_OK;
}

void
iceberg_rest_session_close(iceberg_rest_session **pointer)
{
    iceberg_rest_session *session = slu_take(pointer);
    if (session == NULL)
        return;
    iceberg_http_close(&session->http);
    slu_arena_fini(&session->arena);
    slu_free(session->bearer);
    (void)pthread_mutex_destroy(&session->lock);
    slu_free(session);
}
