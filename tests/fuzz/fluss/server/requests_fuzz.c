/* Any bytes on a connection to a server that has a log table and a primary-key table: it lives, and answers the next client. */
#include "base/assert.h"
#include "base/file.h"
#include "fluss/server/server_internal.h"
#include "fluss/wire/frame.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS_MAX 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];
static slu_env env;
static fluss_server *server;

static const char log_table[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\"}},"
    "{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"}}]},\"partition_key\":[],\"bucket_key\":[],\"bucket_count\":1,"
    "\"properties\":{},"
    "\"custom_properties\":{}}";
static const char key_table[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"k\",\"data_type\":{\"type\":\"INTEGER\",\"nullable\":false}}"
    ","
    "{\"name\":\"a\",\"data_type\":{\"type\":\"STRING\"}}],\"primary_key\":[\"k\"]},\"partition_key\":[],\"bucket_key\":[\"k\"],"
    "\"bucket_count\":1,\"properties\":{},\"custom_properties\":{}}";

static const char versioned_table[] =
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"k\",\"data_type\":{\"type\":\"INTEGER\",\"nullable\":false}}"
    ","
    "{\"name\":\"v\",\"data_type\":{\"type\":\"BIGINT\"}}],\"primary_key\":[\"k\"]},\"partition_key\":[],\"bucket_key\":[\"k\"],"
    "\"bucket_count\":1,\"properties\":{\"table.merge-engine\":\"versioned\",\"table.merge-engine.versioned.ver-column\":\"v\"},"
    "\"custom_properties\":{}}";

static void
tear_down(void)
{
    /* The server is left to the process: RocksDB's own statics may be gone by now. */
    if (slu_dir_remove(dir, NULL) != SLU_OK)
        dir[0] = 0;
}

/* Sends, lets the server work, and throws away what it answers. */
static void
talk(const uint8_t *data, size_t size)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    uint8_t answers[65536];
    to.sin_port = htons(server->listeners[0].port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)connect(fd, (struct sockaddr *)&to, sizeof to);
    size_t sent = 0;
    for (int i = 0, quiet = 0; i < ROUNDS_MAX && quiet < 4; i++) {
        slu_loop_step(server->loop, 0);
        const ssize_t out = sent < size ? send(fd, data + sent, size - sent, MSG_NOSIGNAL) : 0;
        sent += out > 0 ? (size_t)out : 0;
        const ssize_t in = recv(fd, answers, sizeof answers, 0);
        quiet = out > 0 || in > 0 ? 0 : quiet + 1;
    }
    (void)close(fd);
    for (int i = 0; i < 3; i++)
        slu_loop_step(server->loop, 0);
}

static void
create(const char *name, const char *json)
{
    Fluss__CreateTableRequest request = FLUSS__CREATE_TABLE_REQUEST__INIT;
    Fluss__PbTablePath path = FLUSS__PB_TABLE_PATH__INIT;
    slu_buf frame;
    slu_buf_init(&frame, 1 << 20);
    path.database_name = (char *)(uintptr_t) "fluss";
    path.table_name = (char *)(uintptr_t)name;
    request.table_path = &path;
    request.table_json = fluss_bytes_of(slu_view_of_text(json));
    fluss_request_encode(&frame, FLUSS_API_CREATE_TABLE, 0, 1, &request.base);
    talk(frame.data, frame.bytes);
    slu_buf_fini(&frame);
}

static void
set_up(void)
{
    slu_error err;
    if (server != NULL)
        return;
    (void)snprintf(dir, sizeof dir, "/tmp/slu_fuzz_XXXXXX");
    SLU_ASSERT(mkdtemp(dir) != NULL);
    slu_env_init_system(&env, SLU_LOG_ERROR);
    const fluss_server_options options = {.port = 0, .data_dir = dir, .datalake_format = "iceberg"};
    SLU_ASSERT(fluss_server_open(&env, &options, &server, &err) == SLU_OK);
    SLU_ASSERT(atexit(tear_down) == 0);
    create("l", log_table);
    create("k", key_table);
    create("v", versioned_table);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    talk(data, size);
    return 0;
}
