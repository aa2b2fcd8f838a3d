/*
 * ddl_golden_test.c: some 380 requests that make, change and drop things, most of them wrong, as a real cluster (0.9.1) answered them
 * (tests/interop/fluss/Ddl.java recorded them): our server gives the same codes, texts, descriptors and lists.
 */
#include "../../integration/fluss/wire_peer.h"

#include "base/file.h"
#include "fluss/server/server.h"

#include <jansson.h>

#define LINE_BYTES_MAX ((size_t)1 << 16)

static slu_env env;
static fluss_server *server;
static char root[64];
static wire_peer peer;
static int answers, differences;

/* Where we mean to differ, and why. */
static const char *const deviations[][2] = {
    {"no-columns", "a table without columns is refused"},
    {"json-version-2", "a version of the JSON that is not known is refused"},
    {"kv-version-0", "no version of Fluss can read such a table"},
    {"add-system", "refused, as in CREATE TABLE; 1.0 does so too"},
    {"drop-database-default", "the default database stays, as 1.0 has it"},
    {"drop-database-default-cascade", "the default database stays, as 1.0 has it"},
    {"tables", "the tables of the first three are not there"},
    {"databases-left", "the default database stays, as 1.0 has it"},
};

static bool
meant(const char *name)
{
    for (size_t i = 0; i < sizeof deviations / sizeof deviations[0]; i++)
        if (strcmp(deviations[i][0], name) == 0)
            return true;
    return false;
}

/* Texts of Java's own exceptions, which say where its code was rather than what is wrong: the code alone is compared. */
static bool
internal_text(const char *text)
{
    return strstr(text, "jackson") != NULL || strstr(text, "NullPointerException") != NULL || strstr(text, "Cannot invoke") != NULL;
}

static int
nibble(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static size_t
unhex(char *text, uint8_t *out)
{
    size_t bytes = 0;
    for (; text[0] != 0; text += 2)
        out[bytes++] = (uint8_t)(nibble(text[0]) << 4 | nibble(text[1]));
    return bytes;
}

static void
unescape(char *text)
{
    char *to = text;
    for (; *text != 0; text++) {
        const bool newline = text[0] == '\\' && text[1] == 'n';
        *to++ = newline ? '\n' : *text;
        text += newline;
    }
    *to = 0;
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
join(const char **names, size_t count, slu_buf *out)
{
    if (count != 0)
        qsort(names, count, sizeof *names, by_text);
    for (size_t i = 0; i < count; i++)
        slu_buf_printf(out, "%s%s", i == 0 ? "" : " ", names[i]);
}

static void
put_json(ProtobufCBinaryData json, slu_buf *out)
{
    slu_buf_append(out, json.data, json.len);
}

static void
put_partitions(const Fluss__ListPartitionInfosResponse *list, slu_buf *out)
{
    const char *names[16];
    char rooms[16][256];
    assert_true(list->n_partitions_info <= 16);
    for (size_t i = 0; i < list->n_partitions_info; i++) {
        const Fluss__PbPartitionSpec *spec = list->partitions_info[i]->partition_spec;
        rooms[i][0] = 0;
        for (size_t k = 0; k < spec->n_partition_key_values; k++) {
            const size_t at = strlen(rooms[i]);
            (void)snprintf(rooms[i] + at, sizeof rooms[i] - at, "%s=%s/", spec->partition_key_values[k]->key,
                           spec->partition_key_values[k]->value);
        }
        names[i] = rooms[i];
    }
    join(names, list->n_partitions_info, out);
}

static void
put_answer(int16_t api, const void *answer, slu_buf *out)
{
    switch (api) {
    case FLUSS_API_GET_TABLE_INFO: {
        const Fluss__GetTableInfoResponse *info = answer;
        slu_buf_printf(out, "%d ", info->schema_id);
        put_json(info->table_json, out);
        break;
    }
    case FLUSS_API_GET_TABLE_SCHEMA: {
        const Fluss__GetTableSchemaResponse *schema = answer;
        slu_buf_printf(out, "%d ", schema->schema_id);
        put_json(schema->schema_json, out);
        break;
    }
    case FLUSS_API_GET_DATABASE_INFO: put_json(((const Fluss__GetDatabaseInfoResponse *)answer)->database_json, out); break;
    case FLUSS_API_LIST_DATABASES: {
        const Fluss__ListDatabasesResponse *list = answer;
        join((const char **)list->database_name, list->n_database_name, out);
        break;
    }
    case FLUSS_API_LIST_TABLES: {
        const Fluss__ListTablesResponse *list = answer;
        join((const char **)list->table_name, list->n_table_name, out);
        break;
    }
    case FLUSS_API_LIST_PARTITION_INFOS: put_partitions(answer, out); break;
    case FLUSS_API_TABLE_EXISTS: slu_buf_text(out, ((const Fluss__TableExistsResponse *)answer)->exists ? "true" : "false"); break;
    case FLUSS_API_DATABASE_EXISTS:
        slu_buf_text(out, ((const Fluss__DatabaseExistsResponse *)answer)->exists ? "true" : "false");
        break;
    default: break;
    }
}

/* Equal texts, or equal JSON behind an equal number. */
static bool
same_answer(const char *got, const char *expected)
{
    const char *a = strchr(got, '{'), *b = strchr(expected, '{');
    if (a == NULL || b == NULL || a - got != b - expected || memcmp(got, expected, (size_t)(a - got)) != 0)
        return strcmp(got, expected) == 0;
    json_t *x = json_loads(a, 0, NULL), *y = json_loads(b, 0, NULL);
    const bool same = x != NULL && y != NULL ? json_equal(x, y) : strcmp(got, expected) == 0;
    json_decref(x);
    json_decref(y);
    return same;
}

static void
check_line(char *line)
{
    static uint8_t bytes[LINE_BYTES_MAX];
    const char *name = strsep(&line, "\t");
    const int16_t api = (int16_t)atoi(strsep(&line, "\t"));
    const size_t count = unhex(strsep(&line, "\t"), bytes);
    const int code = atoi(strsep(&line, "\t"));
    ProtobufCMessage *request = NULL;
    slu_arena arena;
    slu_error err;
    slu_buf text;
    unescape(line);
    slu_arena_init(&arena, (size_t)1 << 24);
    slu_buf_init(&text, (size_t)1 << 20);
    CHECK_OK(fluss_message_decode(fluss_api_find(api)->request, slu_view_of(bytes, count), &arena, &request, &err));
    const void *answer = peer_call(&peer, api, request);
    assert_false(peer.closed);
    if (answer == NULL)
        slu_buf_text(&text, peer.error_message);
    else
        put_answer(api, answer, &text);
    const bool same = peer.error_code == code && (internal_text(line) || same_answer(slu_buf_cstr(&text), line));
    if (!same && !meant(name)) {
        print_message("%s\n  fluss: %d %s\n  ours:  %d %s\n", name, code, line, peer.error_code, slu_buf_cstr(&text));
        differences++;
    }
    answers++;
    slu_buf_fini(&text);
    slu_arena_fini(&arena);
}

static void
same_answers(void **state)
{
    (void)state;
    static char line[LINE_BYTES_MAX];
    FILE *file = fopen(SLUICE_TEST_DATA "/golden/fluss/ddl/answers.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        check_line(line);
    }
    (void)fclose(file);
    print_message("%d answers, %d differ\n", answers, differences);
    assert_true(answers > 370);
    assert_int_equal(differences, 0);
}

static int
group_up(void **state)
{
    (void)state;
    slu_error err;
    (void)snprintf(root, sizeof root, "/tmp/slu_ddl_XXXXXX");
    if (mkdtemp(root) == NULL)
        return 1;
    const fluss_server_options options = {.port = 0, .data_dir = root};
    slu_env_init_system(&env, SLU_LOG_ERROR);
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
    return peer_open(&peer, fluss_server_address(server)) ? 0 : 1;
}

static int
group_down(void **state)
{
    (void)state;
    peer_close(&peer);
    fluss_server_close(&server);
    return slu_dir_remove(root, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_answers)};
    return cmocka_run_group_tests(tests, group_up, group_down);
}
