/*
 * fluss_server_bench.c: what the table server costs alone: batches of one size appended and fetched over loopback, in raw frames.
 *
 *     bench_fluss_server [BATCH BYTES [BATCHES [BYTES A ROW]]]
 *
 * CPU seconds are those of the server's thread; the other side of the socket does as little as it can.
 */
#include "../integration/fluss/wire_peer.h"
#include "../unit/fluss/server/batches.h"

#include "base/file.h"
#include "fluss/server/server.h"

#include <sys/resource.h>
#include <time.h>

static double
seconds(clockid_t clock)
{
    struct timespec at;
    (void)clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void
report(const char *what, double batches, double bytes, double row_bytes, double wall, double server_cpu)
{
    const double all = batches * bytes;
    (void)printf(
        "%-8s %8.0f batches of %7.0f bytes: %7.0f MB/s, server: %7.0f MB per CPU s, %6.1f M rows of %.0f bytes per CPU s\n", what,
        batches, bytes, all / wall / 1e6, all / server_cpu / 1e6, all / row_bytes / server_cpu / 1e6, row_bytes);
}

int
main(int argc, char **argv)
{
    static const char table[] = "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":"
                                "\"BIGINT\"}}]},\"partition_key\":[],"
                                "\"bucket_key\":[],\"bucket_count\":1,\"properties\":{},\"custom_properties\":{}}";
    const size_t bytes = argc > 1 ? (size_t)atol(argv[1]) : 1 << 20;
    const int batches = argc > 2 ? atoi(argv[2]) : 1000;
    const double row_bytes = argc > 3 ? atof(argv[3]) : 16;
    char dir[64] = "/tmp/sluice-bench-XXXXXX";
    slu_env env;
    slu_error err;
    fluss_server *server = NULL;
    wire_peer p;
    slu_buf batch;
    clockid_t server_clock;
    slu_env_init_system(&env, SLU_LOG_ERROR);
    if (mkdtemp(dir) == NULL || bytes < 100)
        return 2;
    const fluss_server_options options = {.port = 0, .data_dir = dir};
    if (fluss_server_open(&env, &options, &server, &err) != SLU_OK || fluss_server_start(server, &err) != SLU_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    if (fluss_server_clock(server, &server_clock) != SLU_OK || !peer_open(&p, fluss_server_address(server)) ||
        !peer_create_table(&p, "fluss", "t", table))
        return 1;
    const int64_t id = peer_table_id(&p, "fluss", "t");
    slu_buf_init(&batch, bytes * 2);
    batch_make(&batch, -1, -1, 1000, bytes - 48);
    double wall = seconds(CLOCK_MONOTONIC);
    double cpu = seconds(server_clock);
    for (int i = 0; i < batches; i++)
        if (peer_produce(&p, id, 0, slu_buf_view(&batch), NULL) != 0)
            return 1;
    report("append", batches, (double)bytes, row_bytes, seconds(CLOCK_MONOTONIC) - wall, seconds(server_clock) - cpu);
    wall = seconds(CLOCK_MONOTONIC);
    cpu = seconds(server_clock);
    for (int64_t offset = 0, end = peer_offset(&p, id, 0, 1); offset < end;) {
        Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
        Fluss__PbFetchLogReqForTable t = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
        Fluss__PbFetchLogReqForBucket b = FLUSS__PB_FETCH_LOG_REQ_FOR_BUCKET__INIT;
        Fluss__PbFetchLogReqForTable *tables[1] = {&t};
        Fluss__PbFetchLogReqForBucket *buckets[1] = {&b};
        request.follower_server_id = -1;
        request.max_bytes = 16 << 20;
        request.n_tables_req = 1;
        request.tables_req = tables;
        t.table_id = id;
        t.n_buckets_req = 1;
        t.buckets_req = buckets;
        b.fetch_offset = offset;
        b.max_fetch_bytes = 1 << 20;
        const Fluss__FetchLogResponse *response = peer_call(&p, FLUSS_API_FETCH_LOG, &request.base);
        if (response == NULL)
            return 1;
        offset += (int64_t)(response->tables_resp[0]->buckets_resp[0]->records.len / bytes) * 1000;
    }
    report("fetch", batches, (double)bytes, row_bytes, seconds(CLOCK_MONOTONIC) - wall, seconds(server_clock) - cpu);
    slu_buf_fini(&batch);
    peer_close(&p);
    fluss_server_close(&server);
    return slu_dir_remove(dir, &err) == SLU_OK ? 0 : 1;
}
