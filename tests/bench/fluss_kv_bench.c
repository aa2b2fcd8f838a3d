/*
 * fluss_kv_bench.c: what the rows of a primary-key table cost the server alone: upserts of new and of known keys, lookups of many keys a
 * request and of one, over loopback, in raw frames.
 *
 *     bench_fluss_kv [KEYS [ROWS A BATCH [KEYS A LOOKUP [BYTES OF THE TEXT COLUMN [COMPRESSION]]]]]
 *
 * CPU seconds are those of the whole process less those of the thread that plays the client: the server's thread and RocksDB's.
 */
#include "../integration/fluss/wire_peer.h"

#include "base/file.h"
#include "fluss/record/kv_batch.h"
#include "fluss/server/server.h"

#include <inttypes.h>
#include <sys/resource.h>
#include <time.h>

static double
seconds(clockid_t clock)
{
    struct timespec at;
    (void)clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

typedef struct mark {
    double wall;
    double cpu;
} mark;

static mark
mark_now(void)
{
    const mark now = {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID) - seconds(CLOCK_THREAD_CPUTIME_ID)};
    return now;
}

static long
peak_mib(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

static void
report(const char *what, double rows, mark from)
{
    const mark now = mark_now();
    (void)printf("%-34s %6.2f M/s, server: %6.2f M per CPU s (%.2f s), peak %ld MiB\n", what, rows / (now.wall - from.wall) / 1e6,
                 rows / (now.cpu - from.cpu) / 1e6, now.cpu - from.cpu, peak_mib());
}

static size_t
key_of(int64_t id, uint8_t out[10])
{
    slu_buf buf;
    slu_buf_init(&buf, 10);
    slu_buf_varint(&buf, (uint64_t)id);
    memcpy(out, buf.data, buf.bytes);
    const size_t bytes = buf.bytes;
    slu_buf_fini(&buf);
    return bytes;
}

/* Keys scattered over 0 .. count - 1, each once. */
static int64_t
scatter(int64_t i, int64_t count)
{
    return (int64_t)((uint64_t)i * UINT64_C(2654435761) % (uint64_t)count);
}

static void
make_batch(slu_buf *out, int64_t first, int rows, int64_t keys, size_t text_bytes)
{
    fluss_kv_writer writer;
    slu_buf row;
    slu_buf_init(&row, 1 << 20);
    slu_buf_reset(out);
    fluss_kv_writer_begin(&writer, out, 1, -1, -1);
    for (int i = 0; i < rows; i++) {
        uint8_t key[10];
        const int64_t id = scatter(first + i, keys);
        const size_t key_bytes = key_of(id, key);
        slu_buf_reset(&row);
        slu_buf_u8(&row, 0);
        slu_buf_varint(&row, (uint64_t)id);
        slu_buf_varint(&row, text_bytes);
        for (size_t t = 0; t < text_bytes; t++)
            slu_buf_u8(&row, (uint8_t)('a' + (id >> (t % 20)) % 26));
        slu_buf_varint(&row, (uint64_t)(1700000000000 + first + i));
        fluss_kv_writer_put(&writer, slu_view_of(key, key_bytes), slu_buf_view(&row));
    }
    fluss_kv_writer_end(&writer);
    slu_buf_fini(&row);
}

static bool
put_all(wire_peer *p, int64_t table_id, int64_t keys, int rows, size_t text_bytes)
{
    slu_buf batch;
    bool good = true;
    slu_buf_init(&batch, 64 << 20);
    for (int64_t first = 0; good && first + rows <= keys; first += rows) {
        Fluss__PutKvRequest request = FLUSS__PUT_KV_REQUEST__INIT;
        Fluss__PbPutKvReqForBucket b = FLUSS__PB_PUT_KV_REQ_FOR_BUCKET__INIT;
        Fluss__PbPutKvReqForBucket *buckets[1] = {&b};
        make_batch(&batch, first, rows, keys, text_bytes);
        request.acks = -1;
        request.table_id = table_id;
        request.timeout_ms = 10000;
        request.n_buckets_req = 1;
        request.buckets_req = buckets;
        b.records.data = batch.data;
        b.records.len = batch.bytes;
        const Fluss__PutKvResponse *response = peer_call(p, FLUSS_API_PUT_KV, &request.base);
        good = response != NULL && !response->buckets_resp[0]->has_error_code;
    }
    slu_buf_fini(&batch);
    return good;
}

static bool
look_up(wire_peer *p, int64_t table_id, int64_t first, int count, int64_t keys, uint64_t step)
{
    static uint8_t bytes[10 * 10000];
    static ProtobufCBinaryData list[10000];
    Fluss__LookupRequest request = FLUSS__LOOKUP_REQUEST__INIT;
    Fluss__PbLookupReqForBucket b = FLUSS__PB_LOOKUP_REQ_FOR_BUCKET__INIT;
    Fluss__PbLookupReqForBucket *buckets[1] = {&b};
    for (int i = 0; i < count; i++) {
        list[i].data = bytes + 10 * i;
        list[i].len = key_of((int64_t)((uint64_t)(first + i) * step % (uint64_t)keys), list[i].data);
    }
    request.table_id = table_id;
    request.n_buckets_req = 1;
    request.buckets_req = buckets;
    b.n_keys = (size_t)count;
    b.keys = list;
    const Fluss__LookupResponse *response = peer_call(p, FLUSS_API_LOOKUP, &request.base);
    return response != NULL && response->buckets_resp[0]->n_values == (size_t)count &&
           response->buckets_resp[0]->values[0]->has_values;
}

static bool
look_up_all(wire_peer *p, int64_t table_id, int64_t keys, int each, int64_t lookups)
{
    for (int64_t first = 0; first < lookups; first += each)
        if (!look_up(p, table_id, first, each, keys, UINT64_C(40503) * 2654435761))
            return false;
    return true;
}

int
main(int argc, char **argv)
{
    const int64_t keys = argc > 1 ? atol(argv[1]) : 1000000;
    const int rows = argc > 2 ? atoi(argv[2]) : 1000;
    const int each = argc > 3 ? atoi(argv[3]) : 128;
    const size_t text_bytes = argc > 4 ? (size_t)atol(argv[4]) : 12;
    char table[1000];
    char dir[64] = "/tmp/sluice-bench-XXXXXX";
    slu_env env;
    slu_error err;
    fluss_server *server = NULL;
    wire_peer p;
    (void)snprintf(
        table, sizeof table,
        "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":"
        "false}},{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\"}},{\"name\":\"at\",\"data_type\":{\"type\":\"BIGINT\"}}],"
        "\"primary_key\":[\"id\"]},\"partition_key\":[],\"bucket_key\":[\"id\"],\"bucket_count\":1,\"properties\":{"
        "\"table.log.arrow.compression.type\":\"%s\"},\"custom_properties\":{}}",
        argc > 5 ? argv[5] : "ZSTD");
    slu_env_init_system(&env, SLU_LOG_ERROR);
    if (mkdtemp(dir) == NULL || each > 10000)
        return 2;
    const fluss_server_options options = {.port = 0, .data_dir = dir};
    if (fluss_server_open(&env, &options, &server, &err) != SLU_OK || fluss_server_start(server, &err) != SLU_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    if (!peer_open(&p, fluss_server_address(server)) || !peer_create_table(&p, "fluss", "t", table))
        return 1;
    const int64_t id = peer_table_id(&p, "fluss", "t");
    mark from = mark_now();
    if (!put_all(&p, id, keys, rows, text_bytes))
        return 1;
    report("upserts of new keys", (double)keys, from);
    from = mark_now();
    if (!put_all(&p, id, keys, rows, text_bytes))
        return 1;
    report("upserts of known keys", (double)keys, from);
    from = mark_now();
    const int64_t lookups = keys / each * each;
    if (!look_up_all(&p, id, keys, each, lookups))
        return 1;
    report("lookups, many a request", (double)lookups, from);
    from = mark_now();
    if (!look_up_all(&p, id, keys, 1, 20000))
        return 1;
    report("lookups, one a request", 2e4, from);
    (void)printf("one lookup: %.0f us\n", (seconds(CLOCK_MONOTONIC) - from.wall) / 2e4 * 1e6);
    peer_close(&p);
    fluss_server_close(&server);
    return slu_dir_remove(dir, &err) == SLU_OK ? 0 : 1;
}
