/*
 * How many rows per CPU second a state of the heap (or, with the word rocksdb, of RocksDB) upserts: 1 M keys of 9 bytes, values of 16
 * bytes, batches of 8192 rows. Fails where the counters of all keys do not add up to the rows.
 */
#include "base/hash.h"
#include "state/keyed.h"
#include "state/rocks/rocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEYS 1000000u
#define ROWS 8192u
#define BATCHES 64u
#define ROUNDS 16

static double
cpu_s(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void
key_set(uint8_t *data, uint32_t *hashes, uint32_t at, uint64_t key)
{
    data[9 * at] = 1;
    memcpy(data + 9 * at + 1, &key, 8);
    hashes[at] = (uint32_t)slu_hash64(data + 9 * at, 9);
}

static void
fill(uint8_t *data, uint32_t *hashes, uint64_t *seed)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        key_set(data, hashes, i, (*seed >> 33) % KEYS);
    }
}

/* Of all keys. */
static slu_status
sum_counters(slu_state *state, uint8_t *data, uint32_t *hashes, void **values, int64_t *sum, slu_error *err)
{
    *sum = 0;
    for (uint64_t key = 0; key < KEYS;) {
        uint32_t count = 0;
        for (; count < ROWS && key < KEYS; key++)
            key_set(data, hashes, count++, key);
        const slu_keys keys = {.size = sizeof keys, .key_bytes = 9, .count = count, .data = data, .hashes = hashes};
        SLU_TRY(slu_state_find_many(state, &keys, 0, values, err));
        for (uint32_t i = 0; i < count; i++)
            *sum += values[i] == NULL ? 0 : *(const int64_t *)values[i];
    }
    return SLU_OK;
}

static slu_status
open_backend(const char *name, slu_state_backend **out, slu_error *err)
{
    return strcmp(name, "rocksdb") == 0
               ? slu_rocks_new(
                     &(slu_rocks_spec){.dir = "bench-state", .cache_bytes = (size_t)64 << 20, .rows_bytes = (size_t)192 << 20}, out,
                     err)
               : SLU_OK;
}

int
main(int argc, char **argv)
{
    const slu_state_spec spec = {.size = sizeof spec, .kind = SLU_STATE_FIXED, .name = "bench", .key_bytes = 9, .value_bytes = 16};
    uint8_t *data = malloc(9 * ROWS * BATCHES);
    uint32_t *hashes = malloc(sizeof *hashes * ROWS * BATCHES);
    void **values = malloc(sizeof *values * ROWS);
    uint64_t seed = 1;
    slu_state *state = NULL;
    slu_state_backend *backend = NULL;
    slu_error err;
    const slu_state_opening opening = {.spec = &spec, .operator_id = "bench", .max_parallelism = 128};
    if (open_backend(argc > 1 ? argv[1] : "heap", &backend, &err) != SLU_OK ||
        slu_state_open(backend, &opening, &state, &err) != SLU_OK)
        return 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (uint32_t b = 0; b < BATCHES; b++)
            fill(data + 9 * ROWS * b, hashes + ROWS * b, &seed);
        const double begin = cpu_s();
        for (uint32_t b = 0; b < BATCHES; b++) {
            const slu_keys keys = {
                .size = sizeof keys, .key_bytes = 9, .count = ROWS, .data = data + 9 * ROWS * b, .hashes = hashes + ROWS * b};
            if (slu_state_upsert_many(state, &keys, 0, values, &err) != SLU_OK)
                return 1;
            for (uint32_t i = 0; i < ROWS; i++)
                ++*(int64_t *)values[i];
        }
        if (round % 5 == 0)
            printf("%.1f M rows per CPU s, %.1f MiB\n", BATCHES * ROWS / (cpu_s() - begin) / 1e6,
                   (double)slu_state_bytes(state) / 1048576);
    }
    int64_t sum = 0;
    const bool summed = sum_counters(state, data, hashes, values, &sum, &err) == SLU_OK && sum == (int64_t)ROUNDS * BATCHES * ROWS;
    if (!summed)
        (void)fprintf(stderr, "the counters add up to %lld, of %lld rows\n", (long long)sum, (long long)ROUNDS * BATCHES * ROWS);
    slu_state_free(&state);
    slu_rocks_free(&backend);
    free(data);
    free(hashes);
    free(values);
    return summed ? 0 : 1;
}
