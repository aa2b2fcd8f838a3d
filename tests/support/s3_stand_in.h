/*
 * s3_stand_in.h: a small S3 in memory, for tests: objects of any bucket, ranges, listings without pages, exclusive puts. It believes every
 * signature. `mood` makes it say no to all.
 */
#ifndef TEST_SUPPORT_S3_STAND_IN_H
#define TEST_SUPPORT_S3_STAND_IN_H

#include "check.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#define STAND_IN_OBJECTS_MAX 4096

typedef struct stand_in_object {
    char *path; /* "/bucket/key"; NULL: free */
    uint8_t *data;
    size_t bytes;
} stand_in_object;

typedef struct s3_stand_in {
    struct MHD_Daemon *daemon;
    pthread_mutex_t mutex;
    stand_in_object objects[STAND_IN_OBJECTS_MAX];
    char endpoint[64];
    atomic_int mood;    /* 0, or the HTTP status of every answer: 403, 503 */
    atomic_int slow_ms; /* before every answer */
    atomic_int gets;    /* of objects */
    atomic_int puts;
} s3_stand_in;

typedef struct stand_in_body {
    uint8_t *data;
    size_t bytes;
} stand_in_body;

static stand_in_object *
stand_in_find(s3_stand_in *s, const char *path)
{
    for (size_t i = 0; i < STAND_IN_OBJECTS_MAX; i++)
        if (path == NULL ? s->objects[i].path == NULL : s->objects[i].path != NULL && strcmp(s->objects[i].path, path) == 0)
            return &s->objects[i];
    return NULL;
}

static enum MHD_Result
stand_in_say(struct MHD_Connection *connection, unsigned int status, const void *body, size_t bytes, const char *range)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(bytes, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    if (range != NULL)
        (void)MHD_add_response_header(response, "Content-Range", range);
    const enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
stand_in_fail(struct MHD_Connection *connection, unsigned int status, const char *code)
{
    char body[160];
    const int bytes = snprintf(body, sizeof body, "<Error><Code>%s</Code><Message>the stand-in says no</Message></Error>", code);
    return stand_in_say(connection, status, body, (size_t)bytes, NULL);
}

static enum MHD_Result
stand_in_put(s3_stand_in *s, struct MHD_Connection *connection, const char *path, const stand_in_body *body)
{
    stand_in_object *there = stand_in_find(s, path);
    if (there != NULL && MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match") != NULL)
        return stand_in_fail(connection, 412, "PreconditionFailed");
    if (there == NULL) {
        there = stand_in_find(s, NULL);
        assert_non_null(there);
        there->path = strdup(path);
    }
    free(there->data);
    there->data = malloc(body->bytes + 1);
    if (body->bytes != 0)
        memcpy(there->data, body->data, body->bytes);
    there->bytes = body->bytes;
    atomic_fetch_add(&s->puts, 1);
    return stand_in_say(connection, 200, "", 0, NULL);
}

static int
stand_in_order(const void *a, const void *b)
{
    return strcmp((*(const stand_in_object *const *)a)->path, (*(const stand_in_object *const *)b)->path);
}

static enum MHD_Result
stand_in_list(s3_stand_in *s, struct MHD_Connection *connection, const char *bucket)
{
    static const stand_in_object *found[STAND_IN_OBJECTS_MAX]; /* under the mutex */
    size_t count = 0;
    const char *prefix = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "prefix");
    const size_t skip = strlen(bucket) + 1;
    for (size_t i = 0; i < STAND_IN_OBJECTS_MAX; i++) {
        const char *path = s->objects[i].path;
        if (path != NULL && strncmp(path, bucket, skip - 1) == 0 && path[skip - 1] == '/' &&
            strncmp(path + skip, prefix == NULL ? "" : prefix, prefix == NULL ? 0 : strlen(prefix)) == 0)
            found[count++] = &s->objects[i];
    }
    qsort(found, count, sizeof *found, stand_in_order);
    char *body = malloc(count * 2200 + 100);
    size_t at = (size_t)sprintf(body, "<ListBucketResult>");
    for (size_t i = 0; i < count; i++)
        at += (size_t)sprintf(body + at, "<Contents><Key>%s</Key><Size>%zu</Size></Contents>", found[i]->path + skip,
                              found[i]->bytes);
    at += (size_t)sprintf(body + at, "</ListBucketResult>");
    const enum MHD_Result result = stand_in_say(connection, 200, body, at, NULL);
    free(body);
    return result;
}

static enum MHD_Result
stand_in_get(s3_stand_in *s, struct MHD_Connection *connection, const char *path)
{
    size_t first = 0;
    size_t last = 0;
    char said[96];
    const stand_in_object *there = stand_in_find(s, path);
    const char *range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
    atomic_fetch_add(&s->gets, 1);
    if (there == NULL)
        return stand_in_fail(connection, 404, "NoSuchKey");
    if (range == NULL)
        return stand_in_say(connection, 200, there->data, there->bytes, NULL);
    if (sscanf(range, "bytes=%zu-%zu", &first, &last) != 2 || first >= there->bytes)
        return stand_in_fail(connection, 416, "InvalidRange");
    if (last >= there->bytes)
        last = there->bytes - 1;
    (void)snprintf(said, sizeof said, "bytes %zu-%zu/%zu", first, last, there->bytes);
    return stand_in_say(connection, 206, there->data + first, last - first + 1, said);
}

static enum MHD_Result
stand_in_answer(s3_stand_in *s, struct MHD_Connection *connection, const char *url, const char *method, const stand_in_body *body)
{
    if (strcmp(method, "PUT") == 0)
        return stand_in_put(s, connection, url, body);
    if (strcmp(method, "DELETE") == 0) {
        stand_in_object *there = stand_in_find(s, url);
        if (there != NULL) {
            free(there->path);
            free(there->data);
            memset(there, 0, sizeof *there);
        }
        return stand_in_say(connection, 204, "", 0, NULL);
    }
    return strchr(url + 1, '/') == NULL ? stand_in_list(s, connection, url) : stand_in_get(s, connection, url);
}

static enum MHD_Result
stand_in_request(void *to, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
                 const char *data, size_t *bytes, void **slot)
{
    s3_stand_in *s = to;
    stand_in_body *body = *slot;
    (void)version;
    if (body == NULL) {
        *slot = calloc(1, sizeof *body);
        return MHD_YES;
    }
    if (*bytes > 0) {
        body->data = realloc(body->data, body->bytes + *bytes);
        memcpy(body->data + body->bytes, data, *bytes);
        body->bytes += *bytes;
        *bytes = 0;
        return MHD_YES;
    }
    const int mood = atomic_load(&s->mood);
    (void)usleep((useconds_t)atomic_load(&s->slow_ms) * 1000);
    (void)pthread_mutex_lock(&s->mutex);
    const enum MHD_Result result = mood == 403   ? stand_in_fail(connection, 403, "AccessDenied")
                                   : mood == 404 ? stand_in_fail(connection, 404, "NoSuchBucket")
                                   : mood != 0   ? stand_in_fail(connection, (unsigned int)mood, "SlowDown")
                                                 : stand_in_answer(s, connection, url, method, body);
    (void)pthread_mutex_unlock(&s->mutex);
    return result;
}

static void
stand_in_done(void *to, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode code)
{
    stand_in_body *body = *slot;
    (void)to;
    (void)connection;
    (void)code;
    if (body != NULL)
        free(body->data);
    free(body);
    *slot = NULL;
}

static s3_stand_in *
stand_in_open(void)
{
    s3_stand_in *s = calloc(1, sizeof *s);
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    (void)pthread_mutex_init(&s->mutex, NULL);
    s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, stand_in_request, s, MHD_OPTION_SOCK_ADDR, &at,
                                 MHD_OPTION_NOTIFY_COMPLETED, stand_in_done, NULL, MHD_OPTION_END);
    assert_non_null(s->daemon);
    (void)snprintf(s->endpoint, sizeof s->endpoint, "http://127.0.0.1:%u",
                   (unsigned)MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    return s;
}

static void
stand_in_close(s3_stand_in *s)
{
    MHD_stop_daemon(s->daemon);
    for (size_t i = 0; i < STAND_IN_OBJECTS_MAX; i++) {
        free(s->objects[i].path);
        free(s->objects[i].data);
    }
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
}

/* How many objects have this in their path. */
static inline int
stand_in_count(s3_stand_in *s, const char *text)
{
    int count = 0;
    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < STAND_IN_OBJECTS_MAX; i++)
        count += s->objects[i].path != NULL && strstr(s->objects[i].path, text) != NULL;
    (void)pthread_mutex_unlock(&s->mutex);
    return count;
}

#endif
