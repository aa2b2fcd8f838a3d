/* The REST catalog against a server that follows a script: one line for each request that is due, and none more. */
#include "iceberg/rest/rest_catalog.h"

#include "base/alloc.h"
#include "support/check.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>

#define STEPS_MAX 16

typedef struct step {
    const char *request; /* "GET /v1/config" */
    int code;            /* 0: the connection is closed without an answer */
    const char *body;
    const char *header; /* "Name: value" of the answer; NULL: none */
} step;

typedef struct seen {
    char *uri;
    char *body;
    char auth[256];
    char key[64];
    char custom[64];
    bool is_wrong; /* not the request that was due */
} seen;

static struct {
    struct MHD_Daemon *daemon;
    char uri[64];
    pthread_mutex_t lock;
    const step *steps;
    size_t step_count;
    seen seen[STEPS_MAX];
    size_t seen_count;
} server;

static slu_env_fake fake;
static iceberg_catalog catalog;

typedef struct exchange {
    char *uri;
    slu_buf body;
    bool is_begun;
} exchange;

static void *
uri_log(void *context, const char *uri, struct MHD_Connection *connection)
{
    exchange *made = calloc(1, sizeof *made);
    made->uri = strdup(uri);
    slu_buf_init(&made->body, 1 << 20);
    return made;
}

static void
header_keep(struct MHD_Connection *connection, const char *name, char *out, size_t room)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    (void)snprintf(out, room, "%s", value == NULL ? "" : value);
}

static const step *
step_take(struct MHD_Connection *connection, const char *method, exchange *made)
{
    char request[1024];
    (void)snprintf(request, sizeof request, "%s %s", method, made->uri);
    (void)pthread_mutex_lock(&server.lock);
    const size_t at = server.seen_count++;
    const step *due = at < server.step_count && at < STEPS_MAX ? &server.steps[at] : NULL;
    if (at < STEPS_MAX) {
        seen *now = &server.seen[at];
        now->uri = strdup(request);
        now->body = strdup(slu_buf_cstr(&made->body));
        header_keep(connection, "Authorization", now->auth, sizeof now->auth);
        header_keep(connection, "Idempotency-Key", now->key, sizeof now->key);
        header_keep(connection, "X-Custom", now->custom, sizeof now->custom);
        now->is_wrong = due == NULL || strcmp(due->request, request) != 0;
    }
    (void)pthread_mutex_unlock(&server.lock);
    return due;
}

static enum MHD_Result
serve(void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
      const char *upload, size_t *upload_bytes, void **slot)
{
    static const step UNDUE = {"", 418, "nothing more was due", NULL};
    exchange *made = *slot;
    if (*upload_bytes != 0) {
        slu_buf_append(&made->body, upload, *upload_bytes);
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (!made->is_begun) { /* an answer at the first call would close the connection, and the kept one is what is tested */
        made->is_begun = true;
        return MHD_YES;
    }
    const step *due = step_take(connection, method, made);
    due = due == NULL ? &UNDUE : due;
    if (due->code == 0)
        return MHD_NO;
    struct MHD_Response *answer =
        MHD_create_response_from_buffer(strlen(due->body), (void *)(uintptr_t)due->body, MHD_RESPMEM_MUST_COPY);
    if (due->header != NULL) {
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(due->header, ":"), due->header);
        (void)MHD_add_response_header(answer, name, due->header + strlen(name) + 2);
    }
    const enum MHD_Result done = MHD_queue_response(connection, (unsigned)due->code, answer);
    MHD_destroy_response(answer);
    return done;
}

static void
served(void *context, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode code)
{
    exchange *made = *slot;
    if (made == NULL)
        return;
    free(made->uri);
    slu_buf_fini(&made->body);
    free(made);
    *slot = NULL;
}

/* ---- the script ---- */

static void
script(const step *steps, size_t count)
{
    (void)pthread_mutex_lock(&server.lock);
    for (size_t i = 0; i < STEPS_MAX; i++) {
        free(server.seen[i].uri);
        free(server.seen[i].body);
    }
    memset(server.seen, 0, sizeof server.seen);
    server.steps = steps;
    server.step_count = count;
    server.seen_count = 0;
    (void)pthread_mutex_unlock(&server.lock);
}

#define SCRIPT(...) script((const step[]){__VA_ARGS__}, sizeof((const step[]){__VA_ARGS__}) / sizeof(step))

/* Everything that was due was asked for, in order, and nothing else. */
static void
script_done(void)
{
    for (size_t i = 0; i < server.seen_count && i < STEPS_MAX; i++)
        if (server.seen[i].is_wrong)
            fail_msg("request %zu was %s, due was %s", i, server.seen[i].uri,
                     i < server.step_count ? server.steps[i].request : "-");
    assert_int_equal(server.seen_count, server.step_count);
}

static int
set_up(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    slu_env_init_fake(&fake, 7);
    (void)pthread_mutex_init(&server.lock, NULL);
    server.daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, serve, NULL, MHD_OPTION_SOCK_ADDR, &at,
                         MHD_OPTION_URI_LOG_CALLBACK, uri_log, NULL, MHD_OPTION_NOTIFY_COMPLETED, served, NULL, MHD_OPTION_END);
    if (server.daemon == NULL)
        return -1;
    (void)snprintf(server.uri, sizeof server.uri, "http://127.0.0.1:%u/",
                   (unsigned)MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    return 0;
}

static int
tear_down(void **state)
{
    iceberg_catalog_close(&catalog);
    MHD_stop_daemon(server.daemon);
    script(NULL, 0);
    (void)pthread_mutex_destroy(&server.lock);
    return 0;
}

static slu_status
maker_open(void *self, const iceberg_store_settings *settings, iceberg_store *out, slu_error *err)
{
    return iceberg_store_local_open(false, out, err);
}

static slu_status
open_with(const iceberg_property *more, size_t count, slu_error *err)
{
    iceberg_property all[8] = {{"uri", server.uri}};
    iceberg_store_maker maker = {.open = maker_open};
    for (size_t i = 0; i < count; i++)
        all[i + 1] = more[i];
    iceberg_catalog_close(&catalog);
    const iceberg_rest_options options = {.properties = all, .property_count = count + 1, .retry_wait_ms = 1};
    const slu_status status = iceberg_catalog_rest_open(&fake.env, &options, &maker, &catalog, err);
    iceberg_store_maker_close(&maker);
    return status;
}

static void
open_plain(const char *config)
{
    slu_error err = {0};
    SCRIPT({"GET /v1/config", 200, config, NULL});
    CHECK_OK(open_with((const iceberg_property[]){{"x", "y"}}, 1, &err));
    script_done();
}

/* ---- tables ---- */

static iceberg_metadata *
table_new(void)
{
    slu_error err = {0};
    iceberg_metadata *made = NULL;
    iceberg_field column = {.id = 1, .name = "a", .type = {.kind = ICEBERG_LONG}};
    const iceberg_schema schema = {.schema_id = 0, .root = {.kind = ICEBERG_STRUCT, .field_count = 1, .fields = &column}};
    const iceberg_create create = {.location = "file:///x/t", .schema = &schema};
    CHECK_OK(iceberg_metadata_new(&create, "0b25a36c-56a4-4f8e-9d2c-1f3c5a1f0e77", 1000, &made, &err));
    return made;
}

/* With a snapshot `id` on main, whose parent is the one before. */
static iceberg_metadata *
table_grown(iceberg_metadata *from, int64_t id)
{
    slu_error err = {0};
    iceberg_metadata *made = NULL;
    const iceberg_property operation = {"operation", "append"};
    const iceberg_snapshot snapshot = {
        id, from->current_snapshot_id, from->last_sequence_number + 1, 2000 + id, 0, "file:///x/l", &operation, 1};
    const iceberg_update updates[] = {{.kind = ICEBERG_UPDATE_ADD_SNAPSHOT, .snapshot = &snapshot},
                                      {.kind = ICEBERG_UPDATE_SET_REF, .text = "main", .number = id}};
    const iceberg_requirements nothing = {0};
    CHECK_OK(iceberg_metadata_apply(from, "file:///x/m", &nothing, updates, 2, 3000 + id, &made, &err));
    iceberg_metadata_free(&from);
    return made;
}

/* Only the current snapshot, as some servers give it. Taken. */
static char *
answer_of(iceberg_metadata *metadata)
{
    slu_error err = {0};
    slu_buf text = {0};
    slu_buf_init(&text, 1 << 20);
    slu_buf_text(&text, "{\"metadata-location\":\"file:///x/m1\",\"metadata\":");
    CHECK_OK(iceberg_metadata_print(metadata, &text, &err));
    slu_buf_text(&text, ",\"config\":{}}");
    char *out = strdup(slu_buf_cstr(&text));
    slu_buf_fini(&text);
    iceberg_metadata_free(&metadata);
    return out;
}

#define TABLE "/v1/namespaces/db/tables/t"

/* The table with snapshot 11, loaded. */
static void
table_load(iceberg_table *out)
{
    slu_error err = {0};
    char *text = answer_of(table_grown(table_new(), 11));
    SCRIPT({"GET " TABLE, 200, text, NULL});
    CHECK_OK(iceberg_catalog_load(&catalog, "db", "t", out, &err));
    script_done();
    free(text);
}

/* Snapshot 22 over 11. */
static slu_status
commit_22(iceberg_table *table, slu_error *err)
{
    const iceberg_property operation = {"operation", "append"};
    const iceberg_snapshot snapshot = {22, 11, 2, 4000, 0, "file:///x/l2", &operation, 1};
    const iceberg_update updates[] = {{.kind = ICEBERG_UPDATE_ADD_SNAPSHOT, .snapshot = &snapshot},
                                      {.kind = ICEBERG_UPDATE_SET_REF, .text = "main", .number = 22}};
    const iceberg_change change = {{table->metadata->uuid, "main", 11}, updates, 2};
    return iceberg_catalog_commit(&catalog, table, &change, err);
}

static void
config_decides_paths(void **state)
{
    slu_error err = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    char *text = answer_of(table_new());
    SCRIPT({"GET /v1/config?warehouse=s3%3A%2F%2Fb%2Fw%20h", 200,
            "{\"defaults\":{\"prefix\":\"lost\",\"header.X-Custom\":\"no\"},\"overrides\":{\"prefix\":\"p q/r\","
            "\"namespace-separator\":\"%2E\",\"number\":7},\"endpoints\":[]}",
            NULL},
           {"GET /v1/p%20q/r/namespaces/a%2Eb%C3%A4/tables/t%2F1", 200, text, NULL},
           {"GET /v1/p%20q/r/namespaces/a%2Eb%C3%A4/tables/gone", 404,
            "{\"error\":{\"message\":\"Table does not exist: gone\",\"type\":\"NoSuchTableException\",\"code\":404}}", NULL});
    CHECK_OK(open_with((const iceberg_property[]){{"warehouse", "s3://b/w h"}, {"header.X-Custom", "yes"}}, 2, &err));
    CHECK_OK(iceberg_catalog_load(&catalog, "a.b\303\244", "t/1", &table, &err));
    CHECK_TEXT(table.metadata_location, "file:///x/m1");
    CHECK_TEXT(server.seen[1].custom, "yes");
    CHECK_STATUS(iceberg_catalog_load(&catalog, "a.b\303\244", "gone", &table, &err), SLU_NOTFOUND);
    CHECK_MESSAGE(err, "HTTP 404 NoSuchTableException: Table does not exist: gone");
    assert_int_equal(err.code, 404);
    script_done();
    free(text);
}

static void
a_commit_says_what_it_wants(void **state)
{
    slu_error err = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    open_plain("{}");
    table_load(&table);
    char *text = answer_of(table_grown(table_grown(table_new(), 11), 22));
    SCRIPT({"POST " TABLE, 200, text, NULL});
    CHECK_OK(commit_22(&table, &err));
    script_done();
    assert_int_equal(table.metadata->current_snapshot_id, 22);
    CHECK_TEXT(
        server.seen[0].body,
        "{\"identifier\":{\"namespace\":[\"db\"],\"name\":\"t\"},\"requirements\":[{\"type\":\"assert-table-uuid\",\"uuid\":"
        "\"0b25a36c-56a4-4f8e-9d2c-1f3c5a1f0e77\"},{\"type\":\"assert-ref-snapshot-id\",\"ref\":\"main\",\"snapshot-id\":11}]"
        ",\"updates\":[{\"action\":\"add-snapshot\",\"snapshot\":{\"sequence-number\":2,\"snapshot-id\":22,\"timestamp-ms\":"
        "4000,\"summary\":{\"operation\":\"append\"},\"manifest-list\":\"file:///x/l2\",\"parent-snapshot-id\":11,"
        "\"schema-id\":0}},{\"action\":\"set-snapshot-ref\",\"ref-name\":\"main\",\"type\":\"branch\",\"snapshot-id\":22}]}");
    CHECK_TEXT(server.seen[0].key, "");
    free(text);
}

/* What each answer to a commit means, and that it is sent once. */
static void
answers_have_classes(void **state)
{
    static const struct {
        int code;
        const char *header;
        slu_status status;
    } rows[] = {
        {400, NULL, SLU_INVALID},     {401, NULL, SLU_INVALID},
        {403, NULL, SLU_INVALID},     {404, NULL, SLU_NOTFOUND},
        {406, NULL, SLU_UNSUPPORTED}, {409, NULL, SLU_CONFLICT},
        {422, NULL, SLU_INVALID},     {500, NULL, SLU_IO},
        {501, NULL, SLU_UNSUPPORTED}, {502, NULL, SLU_IO},
        {503, NULL, SLU_IO},          {503, "Retry-After: 3600", SLU_IO},
        {504, NULL, SLU_IO},          {302, "Location: http://127.0.0.1:1/", SLU_UNSUPPORTED},
        {0, NULL, SLU_CLOSED},
    };
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    char *text = answer_of(table_grown(table_new(), 11));
    open_plain("{}");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        slu_error err = {0};
        /* The load leaves a kept connection behind, over which libcurl would repeat by itself. */
        iceberg_table_fini(&table);
        table_load(&table);
        const bool is_settled = rows[i].code == 400 || rows[i].code == 409;
        const step steps[] = {{"POST " TABLE, rows[i].code, "<html>oh\nno</html>", rows[i].header},
                              {"GET " TABLE, 200, text, NULL}};
        script(steps, is_settled ? 2 : 1);
        CHECK_STATUS(commit_22(&table, &err), rows[i].status);
        CHECK_MESSAGE(err, "commit to db.t");
        assert_int_equal(err.code, rows[i].code);
        script_done();
    }
    free(text);
}

static void
an_unreadable_answer_is_a_lost_one(void **state)
{
    static const char *const texts[] = {"", "{}", "[]", "{\"metadata-location\":\"x\",\"metadata\":{}}",
                                        "{\"metadata-location\":7}"};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    open_plain("{}");
    table_load(&table);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        slu_error err = {0};
        SCRIPT({"POST " TABLE, 200, texts[i], NULL});
        CHECK_STATUS(commit_22(&table, &err), SLU_IO);
        script_done();
    }
}

static void
busy_is_asked_again(void **state)
{
    slu_error err = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    open_plain("{}");
    table_load(&table);
    char *text = answer_of(table_grown(table_grown(table_new(), 11), 22));
    SCRIPT({"POST " TABLE, 429, "slow", NULL}, {"POST " TABLE, 503, "slow", "Retry-After: 1"}, {"POST " TABLE, 200, text, NULL});
    CHECK_OK(commit_22(&table, &err));
    assert_int_equal(err.status, SLU_OK);
    script_done();
    {
        SCRIPT({"POST " TABLE, 429, "", NULL}, {"POST " TABLE, 429, "", NULL}, {"POST " TABLE, 429, "", NULL},
               {"POST " TABLE, 429, "", NULL}, {"POST " TABLE, 429, "", NULL});
        CHECK_STATUS(commit_22(&table, &err), SLU_LIMIT);
        assert_int_equal(err.retriable, 1);
        script_done();
    }
    {
        SCRIPT({"GET " TABLE, 500, "", NULL}, {"GET " TABLE, 0, "", NULL}, {"GET " TABLE, 504, "", NULL},
               {"GET " TABLE, 200, text, NULL});
        CHECK_OK(iceberg_catalog_refresh(&catalog, &table, &err));
        script_done();
    }
    free(text);
}

/* A conflict that follows a try in doubt: the table decides. */
static void
an_echo_is_no_conflict(void **state)
{
    const struct {
        char *text;
        slu_status status;
    } rows[] = {
        {answer_of(table_grown(table_grown(table_new(), 11), 22)), SLU_OK},
        {answer_of(table_grown(table_grown(table_grown(table_new(), 11), 22), 33)), SLU_OK},
        {answer_of(table_grown(table_grown(table_new(), 11), 33)), SLU_CONFLICT},
        {answer_of(table_grown(table_new(), 11)), SLU_IO}, /* not moved: it may still come */
        {answer_of(table_grown(table_new(), 33)), SLU_IO}, /* no history to see */
    };
    open_plain("{}");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
        slu_error err = {0};
        if (rows[i].status == SLU_OK) { /* what stands between us may have repeated the request: the same 409, no doubt before it */
            table_load(&table);
            SCRIPT({"POST " TABLE, 409, "", NULL}, {"GET " TABLE, 200, rows[i].text, NULL});
            CHECK_OK(commit_22(&table, &err));
            script_done();
            iceberg_table_fini(&table);
        }
        table_load(&table);
        SCRIPT({"POST " TABLE, 503, "", "Retry-After: 1"}, {"POST " TABLE, 409, "", NULL}, {"GET " TABLE, 200, rows[i].text, NULL});
        CHECK_STATUS(commit_22(&table, &err), rows[i].status);
        script_done();
        free(rows[i].text);
    }
}

static void
a_key_makes_a_commit_repeatable(void **state)
{
    slu_error err = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    open_plain("{\"idempotency-key-lifetime\":\"PT30M\"}");
    table_load(&table);
    char *text = answer_of(table_grown(table_grown(table_new(), 11), 22));
    SCRIPT({"POST " TABLE, 0, "", NULL}, {"POST " TABLE, 500, "", NULL}, {"POST " TABLE, 200, text, NULL});
    CHECK_OK(commit_22(&table, &err));
    script_done();
    assert_int_equal(strlen(server.seen[0].key), 36);
    assert_int_equal(server.seen[0].key[14], '7');
    CHECK_TEXT(server.seen[0].key, server.seen[2].key);
    CHECK_TEXT(server.seen[0].body, server.seen[2].body);
    free(text);
}

#define TOKEN(text, life) "{\"access_token\":\"" text "\",\"token_type\":\"bearer\",\"expires_in\":" life "}"

static void
tokens_are_fetched_and_renewed(void **state)
{
    slu_error err = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    char *text = answer_of(table_new());
    SCRIPT({"POST /v1/oauth/tokens", 200, TOKEN("one", "1000"), NULL}, {"GET /v1/config", 200, "{}", NULL},
           {"GET " TABLE, 200, text, NULL}, {"POST /v1/oauth/tokens", 200, TOKEN("two", "1000"), NULL},
           {"GET " TABLE, 401, "{}", NULL}, {"POST /v1/oauth/tokens", 200, TOKEN("three", "1000"), NULL},
           {"GET " TABLE, 419, "{}", NULL});
    CHECK_OK(open_with((const iceberg_property[]){{"credential", "me:se:cret&"}, {"scope", "PRINCIPAL_ROLE:ALL"}}, 2, &err));
    CHECK_TEXT(server.seen[0].body,
               "grant_type=client_credentials&client_id=me&client_secret=se%3Acret%26&scope=PRINCIPAL_ROLE%3AALL");
    CHECK_OK(iceberg_catalog_load(&catalog, "db", "t", &table, &err));
    CHECK_TEXT(server.seen[2].auth, "Bearer one");
    slu_env_fake_advance(&fake, 900 * 1000);
    iceberg_table_fini(&table);
    CHECK_STATUS(iceberg_catalog_load(&catalog, "db", "t", &table, &err), SLU_INVALID); /* once, not for ever */
    CHECK_MESSAGE(err, "not logged in");
    CHECK_TEXT(server.seen[4].auth, "Bearer two");
    CHECK_TEXT(server.seen[6].auth, "Bearer three");
    script_done();
    free(text);
}

static void
a_wrong_secret_is_not_told(void **state)
{
    slu_error err = {0};
    SCRIPT({"POST /v1/oauth/tokens", 401, "{\"error\":\"invalid_client\",\"error_description\":\"no such client\"}", NULL});
    CHECK_STATUS(open_with((const iceberg_property[]){{"credential", "me:geheim"}}, 1, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "invalid_client: no such client");
    assert_null(strstr(err.message, "geheim"));
    script_done();
    {
        SCRIPT({"GET /v1/config", 403, "{}", NULL});
        CHECK_STATUS(open_with((const iceberg_property[]){{"token", "geheim"}}, 1, &err), SLU_INVALID);
        CHECK_TEXT(server.seen[0].auth, "Bearer geheim");
        assert_null(strstr(err.message, "geheim"));
        script_done();
    }
}

static slu_status
name_add(void *to, const char *name, slu_error *err)
{
    slu_buf_text(to, name);
    slu_buf_text(to, ";");
    return SLU_OK;
}

static void
lists_have_pages(void **state)
{
    slu_error err = {0};
    SLU_AUTO(slu_buf_fini) slu_buf names = {0};
    slu_buf_init(&names, 1024);
    open_plain("{}");
    SCRIPT({"GET /v1/namespaces/a%1Fb/tables", 200,
            "{\"identifiers\":[{\"namespace\":[\"a\",\"b\"],\"name\":\"x\"}],\"next-page-token\":\"n&1\"}", NULL},
           {"GET /v1/namespaces/a%1Fb/tables?pageToken=n%261", 200, "{\"identifiers\":[{\"name\":\"y\"}],\"next-page-token\":null}",
            NULL},
           {"GET /v1/namespaces?parent=a", 200, "{\"namespaces\":[[\"a\",\"b\"],[\"a\",\"c\"]]}", NULL},
           {"GET /v1/namespaces/no/tables", 404, "{\"error\":{\"type\":\"NoSuchNamespaceException\",\"code\":404}}", NULL});
    CHECK_OK(catalog.ops->list(catalog.self, "a.b", name_add, &names, &err));
    CHECK_OK(iceberg_rest_namespaces(&catalog, "a", name_add, &names, &err));
    CHECK_OK(catalog.ops->list(catalog.self, "no", name_add, &names, &err));
    CHECK_TEXT(slu_buf_cstr(&names), "x;y;a.b;a.c;");
    script_done();
}

static void
create_makes_the_namespace(void **state)
{
    slu_error err = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    iceberg_field column = {.id = 1, .name = "a", .type = {.kind = ICEBERG_LONG}};
    const iceberg_schema schema = {.schema_id = 0, .root = {.kind = ICEBERG_STRUCT, .field_count = 1, .fields = &column}};
    const iceberg_create create = {.schema = &schema};
    open_plain("{}");
    char *text = answer_of(table_new());
    SCRIPT({"POST /v1/namespaces/db/tables", 404, "{}", NULL}, {"POST /v1/namespaces", 409, "{}", NULL},
           {"POST /v1/namespaces/db/tables", 200, text, NULL}, {"POST /v1/namespaces/db/tables", 409, "{}", NULL});
    CHECK_OK(iceberg_catalog_create(&catalog, "db", "t", &create, &table, &err));
    CHECK_TEXT(server.seen[1].body, "{\"namespace\":[\"db\"],\"properties\":{}}");
    CHECK_TEXT(server.seen[2].body,
               "{\"name\":\"t\",\"schema\":{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":"
               "false,\"type\":\"long\"}],\"schema-id\":0},\"stage-create\":false,\"properties\":{\"format-version\":\"2\","
               "\"write.parquet.compression-codec\":\"zstd\"}}");
    iceberg_table_fini(&table);
    CHECK_STATUS(iceberg_catalog_create(&catalog, "db", "t", &create, &table, &err), SLU_CONFLICT);
    script_done();
    free(text);
}

static void
tables_go_and_move(void **state)
{
    slu_error err = {0};
    open_plain("{}");
    SCRIPT({"DELETE " TABLE "?purgeRequested=false", 204, "", NULL}, {"POST /v1/tables/rename", 204, "", NULL},
           {"POST /v1/namespaces", 200, "{}", NULL}, {"GET /v1/namespaces/db", 200, "{}", NULL},
           {"GET /v1/namespaces/no", 404, "{}", NULL});
    CHECK_OK(iceberg_rest_table_drop(&catalog, "db", "t", false, &err));
    CHECK_OK(iceberg_rest_table_rename(&catalog, "db", "t", "da.b", "u", &err));
    CHECK_TEXT(
        server.seen[1].body,
        "{\"source\":{\"namespace\":[\"db\"],\"name\":\"t\"},\"destination\":{\"namespace\":[\"da\",\"b\"],\"name\":\"u\"}}");
    CHECK_OK(iceberg_rest_namespace_create(&catalog, "da.b", &err));
    CHECK_OK(iceberg_rest_namespace_check(&catalog, "db", &err));
    CHECK_STATUS(iceberg_rest_namespace_check(&catalog, "no", &err), SLU_NOTFOUND);
    script_done();
}

/* A server that makes tables only from staged ones. */
static void
create_is_staged_where_it_must_be(void **state)
{
    slu_error err = {0};
    iceberg_table table = {0};
    iceberg_field column = {.id = 1, .name = "a", .type = {.kind = ICEBERG_LONG}};
    const iceberg_schema schema = {.schema_id = 0, .root = {.kind = ICEBERG_STRUCT, .field_count = 1, .fields = &column}};
    const iceberg_create create = {.schema = &schema};
    open_plain("{}");
    char *text = answer_of(table_new());
    SCRIPT({"POST /v1/namespaces/db/tables", 400,
            "{\"error\":{\"message\":\"Only stage-create is supported\",\"type\":\"BadRequestException\",\"code\":400}}", NULL},
           {"POST /v1/namespaces/db/tables", 200, text, NULL}, {"POST " TABLE, 200, text, NULL},
           {"POST /v1/namespaces/db/tables", 406, "{}", NULL},
           {"POST /v1/namespaces/db/tables", 200, "{\"metadata\":{\"location\":\"x\"}}", NULL});
    CHECK_OK(iceberg_catalog_create(&catalog, "db", "t", &create, &table, &err));
    iceberg_table_fini(&table);
    assert_non_null(strstr(server.seen[0].body, "\"stage-create\":false"));
    assert_non_null(strstr(server.seen[1].body, "\"stage-create\":true"));
    assert_non_null(strstr(server.seen[2].body, "\"requirements\":[{\"type\":\"assert-create\"}],\"updates\":[{\"action\":"
                                                "\"assign-uuid\",\"uuid\":\"0b25a36c-56a4-4f8e-9d2c-1f3c5a1f0e77\"}"));
    assert_non_null(strstr(server.seen[2].body, "{\"action\":\"set-default-sort-order\",\"sort-order-id\":-1}"));
    CHECK_STATUS(iceberg_catalog_create(&catalog, "db", "t", &create, &table, &err), SLU_CORRUPT);
    CHECK_MESSAGE(err, "staged table");
    script_done();
    free(text);
}

static void
bad_settings_are_refused(void **state)
{
    static const iceberg_property rows[] = {{"uri", "ftp://x"},  {"uri", "http://me:pw@x/"}, {"oauth2-server-uri", "x"},
                                            {"token", "a\r\nb"}, {"header.A", "a\r\nb"},     {"rest.auth.type", "sigv4"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        slu_error err = {0};
        iceberg_store_maker maker = {.open = maker_open};
        const iceberg_property two[] = {rows[i], {"uri", "http://127.0.0.1:1"}};
        const iceberg_rest_options options = {.properties = two, .property_count = 2};
        const slu_status status = iceberg_catalog_rest_open(&fake.env, &options, &maker, &catalog, &err);
        assert_true(status == SLU_INVALID || status == SLU_UNSUPPORTED);
        CHECK_MESSAGE(err, "REST catalog");
        assert_null(strstr(err.message, "pw"));
    }
    slu_error err = {0};
    SCRIPT({"GET /v1/config", 200, "{\"overrides\":{\"namespace-separator\":\"/../\"}}", NULL});
    CHECK_STATUS(open_with(NULL, 0, &err), SLU_CORRUPT);
    script_done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(config_decides_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_says_what_it_wants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_have_classes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unreadable_answer_is_a_lost_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(busy_is_asked_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_echo_is_no_conflict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_makes_a_commit_repeatable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tokens_are_fetched_and_renewed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_secret_is_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_have_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(create_makes_the_namespace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tables_go_and_move, set_up, tear_down),
        cmocka_unit_test_setup_teardown(create_is_staged_where_it_must_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_settings_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("iceberg.rest", tests, NULL, NULL);
}
