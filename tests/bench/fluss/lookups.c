/*
 * lookups.c: how long one lookup takes with our client. Looks up the key 0, 1, 2 ... of bench.keyed (made by FlussBench.java), one at a
 * time, at any Fluss server:
 *
 *     bench_fluss_lookups HOST:PORT COUNT
 *
 * {"rows":N,"seconds":S,"p50_ms":A,"p99_ms":B} on standard output.
 */
#include "fluss/client/lookup.h"

#include "base/alloc.h"

#include <sluice/columns.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_MS 10000
#define COUNT_MAX 1000000
#define KEYS 100000

typedef struct lookups {
    slu_env env;
    fluss_client *client;
    fluss_target *target;
    fluss_lookup *lookup;
    bool done;
    bool found;
    slu_error failure;
} lookups;

static double
now_ms(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static void
looked_up(void *context, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    lookups *l = context;
    (void)token;
    l->done = true;
    if (failure != NULL)
        l->failure = *failure;
    l->found = failure == NULL && found[0] != 0;
    if (values != NULL)
        values->release(values);
}

static slu_status
lookups_open(lookups *l, const char *address, slu_error *err)
{
    const fluss_client_options options = {.bootstrap_servers = address};
    slu_env_init_system(&l->env, SLU_LOG_WARN);
    SLU_TRY(fluss_client_open(&l->env, &options, &l->client, err));
    SLU_TRY(fluss_target_open(l->client, "bench", "keyed", &l->target, err));
    SLU_TRY(fluss_target_wait(l->target, WAIT_MS, err));
    return fluss_lookup_open(l->target, looked_up, l, &l->lookup, err);
}

static slu_status
look_up(lookups *l, int64_t key, slu_error *err)
{
    const void *buffers[2] = {NULL, &key};
    struct ArrowArray column = {.length = 1, .n_buffers = 2, .buffers = buffers};
    struct ArrowArray *children[1] = {&column};
    const void *none[1] = {NULL};
    const struct ArrowArray keys = {.length = 1, .n_buffers = 1, .n_children = 1, .buffers = none, .children = children};
    struct ArrowSchema field = {.format = "l", .name = "id"};
    struct ArrowSchema *fields[1] = {&field};
    const struct ArrowSchema schema = {.format = "+s", .name = "", .n_children = 1, .children = fields};
    l->done = false;
    SLU_TRY(fluss_lookup_submit(l->lookup, 1, &schema, &keys, NULL, 1, err));
    SLU_TRY(fluss_client_wait(l->client, &l->done, WAIT_MS, "lookup", err));
    if (l->failure.status != SLU_OK) {
        *err = l->failure;
        return err->status;
    }
    return l->found ? SLU_OK : slu_error_set(err, SLU_NOTFOUND, "key %" PRId64 " of bench.keyed: not there", key);
}

static int
by_size(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static slu_status
lookups_run(lookups *l, double *each_ms, int64_t count, slu_error *err)
{
    for (int64_t i = -100; i < count; i++) { /* the first hundred are not counted: connections, caches */
        const double begun = now_ms();
        SLU_TRY(look_up(l, (i + 100) * 7919 % KEYS, err));
        if (i >= 0)
            each_ms[i] = now_ms() - begun;
    }
    return SLU_OK;
}

int
main(int argc, char **argv)
{
    const int64_t count = argc == 3 ? strtoll(argv[2], NULL, 10) : 0;
    slu_error err;
    lookups l = {0};
    if (count <= 0 || count > COUNT_MAX) {
        (void)fprintf(stderr, "usage: %s HOST:PORT COUNT\n", argv[0]);
        return 2;
    }
    double *each_ms = slu_alloc_zero((size_t)count, sizeof *each_ms);
    slu_status status = each_ms == NULL ? slu_error_set(&err, SLU_NOMEM, "no memory") : lookups_open(&l, argv[1], &err);
    const double begun = now_ms();
    if (status == SLU_OK)
        status = lookups_run(&l, each_ms, count, &err);
    if (status == SLU_OK) {
        const double seconds = (now_ms() - begun) / 1e3;
        qsort(each_ms, (size_t)count, sizeof *each_ms, by_size);
        (void)printf("{\"rows\":%" PRId64 ",\"seconds\":%.4f,\"p50_ms\":%.4f,\"p99_ms\":%.4f}\n", count, seconds,
                     each_ms[count / 2], each_ms[count * 99 / 100]);
    } else
        (void)fprintf(stderr, "bench_fluss_lookups: %s\n", err.message);
    fluss_lookup_close(&l.lookup);
    fluss_target_close(&l.target);
    fluss_client_close(&l.client);
    slu_free(each_ms);
    return status == SLU_OK ? 0 : 1;
}
