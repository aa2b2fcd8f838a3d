/* The store's words over a small S3 of our own in memory. */
#include "support/check.h"

#include "iceberg_s3/iceberg_s3.h"

#include <microhttpd.h>
#include <netinet/in.h>

#define OBJECTS_MAX 8

static slu_error err;

typedef struct object {
    char path[128];
    char data[64];
    size_t bytes;
} object;

/* Only the server's one thread touches the objects while it runs. */
typedef struct world {
    struct MHD_Daemon *daemon;
    object objects[OBJECTS_MAX];
    char put[64];
    size_t put_bytes;
    slu_env env;
    iceberg_store store;
} world;

static object *
find(world *w, const char *path)
{
    for (size_t i = 0; i < OBJECTS_MAX; i++)
        if (strcmp(w->objects[i].path, path) == 0)
            return &w->objects[i];
    return NULL;
}

static enum MHD_Result
say(struct MHD_Connection *connection, unsigned int status, const char *body, size_t bytes, const char *range)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(bytes, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    if (range != NULL)
        (void)MHD_add_response_header(response, "Content-Range", range);
    const enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
say_code(struct MHD_Connection *connection, unsigned int status, const char *code)
{
    char body[128];
    const int bytes = snprintf(body, sizeof body, "<Error><Code>%s</Code></Error>", code);
    return say(connection, status, body, (size_t)bytes, NULL);
}

static enum MHD_Result
on_put(world *w, struct MHD_Connection *connection, const char *path)
{
    object *there = find(w, path);
    if (there != NULL && MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match") != NULL)
        return say_code(connection, 412, "PreconditionFailed");
    if (there == NULL)
        there = find(w, "");
    if (there == NULL)
        return say_code(connection, 500, "NoRoom");
    (void)snprintf(there->path, sizeof there->path, "%s", path);
    memcpy(there->data, w->put, w->put_bytes);
    there->bytes = w->put_bytes;
    return say(connection, 200, "", 0, NULL);
}

static enum MHD_Result
on_list(world *w, struct MHD_Connection *connection)
{
    char body[2048] = "<ListBucketResult>";
    const char *prefix = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "prefix");
    for (size_t i = 0; i < OBJECTS_MAX; i++) {
        const char *path = w->objects[i].path;
        const size_t at = strlen(body);
        if (path[0] != 0 && strncmp(path + 3, prefix, strlen(prefix)) == 0)
            (void)snprintf(body + at, sizeof body - at, "<Contents><Key>%s</Key><Size>%zu</Size></Contents>", path + 3,
                           w->objects[i].bytes);
    }
    (void)snprintf(body + strlen(body), sizeof body - strlen(body), "</ListBucketResult>");
    return say(connection, 200, body, strlen(body), NULL);
}

static enum MHD_Result
on_get(world *w, struct MHD_Connection *connection, const char *path)
{
    unsigned int first = 0;
    unsigned int last = 0;
    char said[64];
    const object *there = find(w, path);
    const char *range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
    if (there == NULL)
        return say_code(connection, 404, "NoSuchKey");
    if (range == NULL)
        return say(connection, 200, there->data, there->bytes, NULL);
    if (sscanf(range, "bytes=%u-%u", &first, &last) != 2 || first >= there->bytes)
        return say_code(connection, 416, "InvalidRange");
    if (last >= there->bytes)
        last = (unsigned int)there->bytes - 1;
    (void)snprintf(said, sizeof said, "bytes %u-%u/%zu", first, last, there->bytes);
    return say(connection, 206, there->data + first, last - first + 1, said);
}

static enum MHD_Result
on_request(void *to, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
           size_t *bytes, void **slot)
{
    world *w = to;
    if (*slot == NULL) {
        *slot = w;
        w->put_bytes = 0;
        return MHD_YES;
    }
    if (*bytes > 0) {
        memcpy(w->put + w->put_bytes, data, *bytes);
        w->put_bytes += *bytes;
        *bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, "PUT") == 0)
        return on_put(w, connection, url);
    if (strcmp(method, "DELETE") == 0) {
        object *there = find(w, url);
        if (there != NULL)
            there->path[0] = 0;
        return say(connection, 204, "", 0, NULL);
    }
    return strcmp(url, "/b") == 0 ? on_list(w, connection) : on_get(w, connection, url);
}

static int
world_make(void **state)
{
    world *w = calloc(1, sizeof *w);
    char endpoint[64];
    bool known = false;
    s3_options options = {0};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    w->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, w, MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_END);
    if (w->daemon == NULL)
        return -1;
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u",
                   (unsigned)MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    slu_env_init_system(&w->env, 0);
    const char *const pairs[][2] = {{"s3.endpoint", endpoint},
                                    {"client.region", "us-east-1"},
                                    {"s3.access-key-id", "k"},
                                    {"s3.secret-access-key", "s"},
                                    {"s3.path-style-access", "true"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        CHECK_OK(s3_options_set(&options, pairs[i][0], pairs[i][1], &known, &err));
        assert_true(known);
    }
    CHECK_OK(iceberg_store_s3_open(&options, &w->env, &w->store, &err));
    *state = w;
    return 0;
}

static int
world_drop(void **state)
{
    world *w = *state;
    iceberg_store_close(&w->store);
    MHD_stop_daemon(w->daemon);
    free(w);
    return 0;
}

static void
test_files(void **state)
{
    world *w = *state;
    const iceberg_store *s = &w->store;
    int64_t size = 0;
    char some[3];
    slu_buf out;
    slu_buf_init(&out, 1000);
    CHECK_STATUS(iceberg_store_get(s, "s3://b/t/v1", 100, &out, &err), SLU_NOTFOUND);
    CHECK_OK(iceberg_store_put(s, "s3://b/t/v1", slu_view_of_text("metadata"), true, &err));
    CHECK_STATUS(iceberg_store_put(s, "s3a://b/t/v1", slu_view_of_text("another"), true, &err), SLU_CONFLICT);
    CHECK_OK(iceberg_store_get(s, "s3n://b/t/v1", 8, &out, &err));
    CHECK_TEXT(slu_buf_cstr(&out), "metadata");
    CHECK_OK(s->ops->size(s->self, "s3://b/t/v1", &size, &err));
    assert_int_equal(size, 8);
    CHECK_OK(s->ops->read(s->self, "s3://b/t/v1", 4, some, 3, &err));
    assert_memory_equal(some, "dat", 3);
    CHECK_STATUS(s->ops->read(s->self, "s3://b/t/v1", 7, some, 3, &err), SLU_CORRUPT);
    CHECK_STATUS(iceberg_store_get(s, "s3://b/t/v1", 7, &out, &err), SLU_LIMIT);
    CHECK_OK(iceberg_store_remove(s, "s3://b/t/v1", &err));
    CHECK_OK(iceberg_store_remove(s, "s3://b/t/v1", &err));
    CHECK_STATUS(s->ops->size(s->self, "s3://b/t/v1", &size, &err), SLU_NOTFOUND);
    CHECK_STATUS(iceberg_store_remove(s, "file:///b/t/v1", &err), SLU_INVALID);
    slu_buf_fini(&out);
}

static slu_status
note(void *to, const iceberg_listed *listed, slu_error *error)
{
    char *names = to;
    (void)snprintf(names + strlen(names), 256 - strlen(names), "%s=%d|", listed->location, (int)listed->bytes);
    return SLU_OK;
}

static void
test_parts_and_list(void **state)
{
    world *w = *state;
    const iceberg_store *s = &w->store;
    char names[256] = "";
    void *file = NULL;
    CHECK_OK(s->ops->create(s->self, "s3://b/t/data/1", &file, &err));
    CHECK_OK(s->ops->append(s->self, file, "par", 3, &err));
    CHECK_OK(s->ops->append(s->self, file, "quet", 4, &err));
    CHECK_OK(s->ops->finish(s->self, &file, true, &err));
    assert_null(file);
    CHECK_OK(s->ops->create(s->self, "s3://b/t/data/2", &file, &err));
    CHECK_OK(s->ops->append(s->self, file, "x", 1, &err));
    CHECK_OK(s->ops->finish(s->self, &file, false, &err));
    CHECK_OK(iceberg_store_put(s, "s3://b/t2/x", slu_view_of_text("y"), false, &err));
    CHECK_OK(iceberg_store_put(s, "s3://b/t/folder/", slu_view_of_text(""), false, &err));
    CHECK_OK(s->ops->list(s->self, "s3a://b/t", note, names, &err));
    CHECK_TEXT(names, "s3a://b/t/data/1=7|");
    names[0] = 0;
    CHECK_OK(s->ops->list(s->self, "s3://b/none/", note, names, &err));
    CHECK_TEXT(names, "");
}

static void
test_options(void **state)
{
    s3_options options = {0};
    bool known = true;
    CHECK_OK(s3_options_set(&options, "s3.something", "x", &known, &err));
    assert_false(known);
    CHECK_STATUS(s3_options_set(&options, "s3.path-style-access", "yes", &known, &err), SLU_INVALID);
    CHECK_STATUS(s3_options_set(&options, "s3.remote-signing-enabled", "true", &known, &err), SLU_UNSUPPORTED);
    CHECK_OK(s3_options_set(&options, "s3.remote-signing-enabled", "false", &known, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_files, world_make, world_drop),
                                       cmocka_unit_test_setup_teardown(test_parts_and_list, world_make, world_drop),
                                       cmocka_unit_test(test_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
