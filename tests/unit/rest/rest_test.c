/* REST: answers made of a job manager's state, and libmicrohttpd in front of them, stepped by hand. */
#include "support/check.h"

#include "jobmanager/jobmanager.h"
#include "link/memory.h"
#include "plan/graph.h"
#include "rest/answers.h"
#include "rest/rest.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>

static slu_error err;

typedef struct world {
    slu_env_fake fake;
    slu_link_hub *hub;
    slu_link *listener;
    slu_link *client;
    slu_jobstore *store;
    slu_jobmanager *jm;
    char job[33];
} world;

static void
tell(world *w, const slu_message *message)
{
    slu_buf buf;
    slu_buf_init(&buf, 1 << 20);
    slu_message_encode(message, 1, &buf);
    CHECK_OK(slu_link_send(w->client, 0, slu_buf_view(&buf), NULL, &err));
    slu_buf_fini(&buf);
    slu_jobmanager_step(w->jm);
}

static void
graph_encode(slu_buf *out)
{
    static const char *const keys[] = {"k"};
    static const slu_edge edge = {.from = 0, .partition = SLU_PARTITION_HASH, .key_count = 1, .keys = keys};
    static const struct ArrowSchema *const none[] = {NULL};
    slu_graph *graph = NULL;
    CHECK_OK(slu_graph_new(&graph, &err));
    graph->name = "a \"quoted\" job";
    graph->parallelism = 2;
    graph->checkpoint.interval_ms = 3000;
    graph->checkpoint.timeout_ms = 7000;
    graph->checkpoint.min_pause_ms = 40;
    graph->checkpoint.tolerated_failures = 5;
    graph->state.backend = SLU_STATE_ROCKSDB;
    graph->restart.strategy = SLU_RESTART_RATE;
    graph->operators = slu_arena_array(&graph->arena, 2, sizeof *graph->operators);
    graph->operator_count = 2;
    graph->operators[0] = (slu_operator){.id = "source",
                                         .use = "s",
                                         .module = "m",
                                         .module_sha256 = "",
                                         .kind = SLU_KIND_SOURCE,
                                         .parallelism = 2,
                                         .output_count = 1,
                                         .outputs = none,
                                         .dynamic = 1};
    graph->operators[1] = (slu_operator){.id = "sink",
                                         .use = "k",
                                         .module = "m",
                                         .module_sha256 = "",
                                         .kind = SLU_KIND_SINK,
                                         .parallelism = 3,
                                         .input_count = 1,
                                         .inputs = &edge};
    CHECK_OK(slu_graph_encode(graph, out, &err));
    slu_graph_free(&graph);
}

static void
world_open(world *w)
{
    slu_buf graph;
    memset(w, 0, sizeof *w);
    slu_env_init_fake(&w->fake, 3);
    const slu_link_options options = {.env = &w->fake.env};
    CHECK_OK(slu_link_hub_new(&w->hub, &err));
    slu_link_transport *transport = slu_link_hub_transport(w->hub);
    CHECK_OK(slu_jobstore_open(":memory:", &w->store, &err));
    CHECK_OK(transport->listen(transport, "jm", &options, &w->listener, &err));
    const slu_jobmanager_spec spec = {.env = &w->fake.env,
                                      .listener = w->listener,
                                      .store = w->store,
                                      .checkpoint_dir = "/nowhere",
                                      .boot = "b",
                                      .build = "test",
                                      .heartbeat_ms = 1000,
                                      .timeout_ms = 5000};
    CHECK_OK(slu_jobmanager_new(&spec, &w->jm, &err));
    CHECK_OK(transport->dial(transport, "jm", &options, &w->client, &err));
    slu_buf_init(&graph, 1 << 20);
    graph_encode(&graph);
    tell(w, &(slu_message){.kind = SLU_MESSAGE_HELLO, .role = SLU_ROLE_CLIENT, .version_min = 1, .version_max = 1});
    tell(w, &(slu_message){.kind = SLU_MESSAGE_SUBMIT, .request = 1, .name = "a \"quoted\" job", .graph = slu_buf_view(&graph)});
    slu_buf_fini(&graph);
}

static void
world_close(world *w)
{
    slu_link_close(&w->client);
    slu_jobmanager_free(&w->jm);
    slu_link_close(&w->listener);
    slu_jobstore_close(&w->store);
    slu_link_hub_free(&w->hub);
}

/* The JSON at a path; the caller drops it. `argument`: of a GET, or the body of a POST. */
static json_t *
get(world *w, const char *method, const char *path, const char *argument, uint32_t code)
{
    slu_rest_answer answer = {0};
    const bool post = strcmp(method, "POST") == 0;
    const slu_rest_request request = {.env = &w->fake.env,
                                      .jobmanager = w->jm,
                                      .method = method,
                                      .path = path,
                                      .get = post ? NULL : argument,
                                      .body = slu_view_of_text(post && argument != NULL ? argument : "")};
    slu_buf_init(&answer.body, 1 << 20);
    slu_rest_answer_make(&request, &answer);
    if (answer.code != code)
        fail_msg("%s %s: %u %s", method, path, answer.code, slu_buf_cstr(&answer.body));
    json_t *body = json_loadb((const char *)answer.body.data, answer.body.bytes, JSON_DECODE_ANY, NULL);
    assert_non_null(body);
    slu_buf_fini(&answer.body);
    return body;
}

static const char *
text(json_t *from, const char *key)
{
    const char *value = json_string_value(json_object_get(from, key));
    assert_non_null(value);
    return value;
}

static json_int_t
number(json_t *from, const char *key)
{
    assert_true(json_is_integer(json_object_get(from, key)));
    return json_integer_value(json_object_get(from, key));
}

static void
what_the_dashboard_reads(void **state)
{
    world w;
    char path[200];
    world_open(&w);
    json_t *body = get(&w, "GET", "/overview", NULL, 200);
    assert_int_equal(number(body, "jobs-running"), 1);
    assert_int_equal(number(body, "slots-total"), 0);
    json_decref(body);
    body = get(&w, "GET", "/jobs/overview", NULL, 200);
    json_t *line = json_array_get(json_object_get(body, "jobs"), 0);
    CHECK_TEXT(text(line, "state"), "CREATED");
    CHECK_TEXT(text(line, "name"), "a \"quoted\" job");
    assert_int_equal(number(line, "end-time"), -1);
    assert_int_equal(number(json_object_get(line, "tasks"), "total"), 5);
    (void)snprintf(w.job, sizeof w.job, "%s", text(line, "jid"));
    json_decref(body);
    (void)snprintf(path, sizeof path, "/jobs/%s", w.job);
    body = get(&w, "GET", path, NULL, 200);
    json_t *vertices = json_object_get(body, "vertices");
    assert_int_equal(json_array_size(vertices), 2);
    json_t *node = json_array_get(json_object_get(json_object_get(body, "plan"), "nodes"), 1);
    CHECK_TEXT(text(node, "id"), text(json_array_get(vertices, 1), "id")); /* node ids are vertex ids */
    json_t *input = json_array_get(json_object_get(node, "inputs"), 0);
    CHECK_TEXT(text(input, "ship_strategy"), "HASH");
    CHECK_TEXT(text(input, "id"), text(json_array_get(vertices, 0), "id"));
    (void)snprintf(path, sizeof path, "/jobs/%s/vertices/%s", w.job, text(json_array_get(vertices, 1), "id"));
    json_decref(body);
    body = get(&w, "GET", path, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(body, "subtasks")), 3);
    json_decref(body);
    (void)snprintf(path + strlen(path), sizeof path - strlen(path), "/subtasks/metrics");
    body = get(&w, "GET", path, "numRecordsIn,nonsense", 200);
    assert_int_equal(json_array_size(body), 1);
    json_decref(body);
    (void)snprintf(path, sizeof path, "/jobs/%s/checkpoints/config", w.job);
    body = get(&w, "GET", path, NULL, 200);
    assert_int_equal(number(body, "interval"), 3000);
    assert_int_equal(number(body, "timeout"), 7000);
    assert_int_equal(number(body, "min_pause"), 40);
    assert_int_equal(number(body, "tolerable_failed_checkpoints"), 5);
    CHECK_TEXT(text(body, "state_backend"), "EmbeddedRocksDBStateBackend");
    json_decref(body);
    (void)snprintf(path, sizeof path, "/jobs/%s/config", w.job);
    body = get(&w, "GET", path, NULL, 200);
    CHECK_TEXT(text(json_object_get(body, "execution-config"), "restart-strategy"), "failure-rate");
    json_decref(body);
    (void)snprintf(path, sizeof path, "/jobs/%s/checkpoints", w.job);
    body = get(&w, "GET", path, NULL, 200);
    assert_int_equal(number(json_object_get(body, "counts"), "total"), 0);
    json_decref(body);
    (void)snprintf(path, sizeof path, "/jobs/%s", w.job);
    json_decref(get(&w, "PATCH", path, NULL, 202));
    body = get(&w, "GET", path, NULL, 200);
    CHECK_TEXT(text(body, "state"), "CANCELED");
    json_decref(body);
    json_decref(get(&w, "PATCH", path, NULL, 400));
    world_close(&w);
}

/* What is refused at once; what goes well needs workers: tests/integration/savepoints_s3.sh. */
static void
savepoints_are_refused_at_once(void **state)
{
    static world w;
    char path[300];
    (void)state;
    world_open(&w);
    slu_jobmanager_step(w.jm);
    json_t *jobs = get(&w, "GET", "/jobs", NULL, 200);
    (void)snprintf(w.job, sizeof w.job, "%s", text(json_array_get(json_object_get(jobs, "jobs"), 0), "id"));
    json_decref(jobs);
    (void)snprintf(path, sizeof path, "/jobs/%s/savepoints", w.job);
    json_t *body = get(&w, "POST", path, "{\"target-directory\": \"/x\"}", 400);
    assert_non_null(strstr(json_string_value(json_array_get(json_object_get(body, "errors"), 0)), "needs it RUNNING"));
    json_decref(body);
    json_decref(get(&w, "POST", path, "{\"target-directory", 400));
    static const char *const wrong[][2] = {{"[]", "no JSON object"},
                                           {"{\"target-directory\": 42}", "target-directory is no text"},
                                           {"{\"cancel-job\": \"yes\"}", "cancel-job is neither true nor false"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        body = get(&w, "POST", path, wrong[i][0], 400);
        assert_non_null(strstr(json_string_value(json_array_get(json_object_get(body, "errors"), 0)), wrong[i][1]));
        json_decref(body);
    }
    (void)snprintf(path, sizeof path, "/jobs/%s/savepoints/%032d", w.job, 1);
    json_decref(get(&w, "GET", path, NULL, 404));
    json_decref(get(&w, "POST", "/jobs/feed/savepoints", NULL, 404));
    (void)snprintf(path, sizeof path, "/jobs/%s/stop", w.job);
    json_decref(get(&w, "POST", path, "{\"drain\": true}", 400));
    world_close(&w);
}

static void
every_path_has_an_answer(void **state)
{
    static const char *const fine[] = {
        "/", "/config", "/overview", "/jobs", "/jobs/overview", "/taskmanagers", "/jobmanager/config", "/health"};
    static const char *const absent[] = {"/nope", "/jobs/feed",           "/jobs/feed/checkpoints", "/taskmanagers/x",
                                         "/jars", "/a/b/c/d/e/f/g/h/i/j", "/jobs/feed/vertices/x",  "/jobs/overview/x"};
    world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        json_decref(get(&w, "GET", fine[i], NULL, 200));
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        json_t *body = get(&w, "GET", absent[i], NULL, 404);
        assert_true(json_is_array(json_object_get(body, "errors")));
        json_decref(body);
    }
    json_decref(get(&w, "DELETE", "/jobs", NULL, 404));
    world_close(&w);
}

/* One request over a socket, while the face is stepped. */
static void
http(const slu_jobmanager_face *face, void *rest, const char *request, char *out, size_t out_bytes)
{
    const char *address = face->address(rest);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
    size_t got = 0;
    for (int i = 0; i < 500; i++) {
        struct pollfd polls[2] = {{.fd = face->fd(rest), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
        face->step(rest);
        (void)poll(polls, 2, 10);
        if (polls[1].revents == 0)
            continue;
        const ssize_t bytes = recv(fd, out + got, out_bytes - 1 - got, MSG_DONTWAIT);
        if (bytes <= 0)
            break;
        got += (size_t)bytes;
    }
    out[got] = 0;
    close(fd);
}

static void
over_http(void **state)
{
    char out[8192];
    void *rest = NULL;
    world w;
    world_open(&w);
    CHECK_OK(slu_rest_face.open(&w.fake.env, w.jm, "127.0.0.1:0", &rest, &err));
    http(&slu_rest_face, rest, "GET /v1/overview HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", out, sizeof out);
    assert_int_equal(strncmp(out, "HTTP/1.1 200", 12), 0);
    assert_non_null(strstr(out, "\"jobs-running\":1"));
    http(&slu_rest_face, rest, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", out, sizeof out);
    assert_non_null(strstr(out, "flink_jobmanager_numRunningJobs 1"));
    assert_non_null(strstr(out, "job_name=\"a \\\"quoted\\\" job\""));
    http(&slu_rest_face, rest, "POST /jars/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\njunk", out,
         sizeof out);
    assert_int_equal(strncmp(out, "HTTP/1.1 404", 12), 0);
    http(&slu_rest_face, rest, "nonsense\r\n\r\n", out, sizeof out);
    void *second = NULL;
    CHECK_STATUS(slu_rest_face.open(&w.fake.env, w.jm, slu_rest_face.address(rest), &second, &err), SLU_CONFLICT);
    CHECK_STATUS(slu_rest_face.open(&w.fake.env, w.jm, "8081", &second, &err), SLU_INVALID);
    slu_rest_face.close(rest);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_dashboard_reads),
        cmocka_unit_test(savepoints_are_refused_at_once),
        cmocka_unit_test(every_path_has_an_answer),
        cmocka_unit_test(over_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
