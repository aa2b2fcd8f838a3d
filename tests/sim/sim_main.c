/*
 * sim_main.c: runs seeds.
 *
 *   test_sim [SEED ...]                    these, told at length (also SLUICE_SEED=N)
 *   test_sim --seeds N [--seconds S] [--from SEED]   from a fresh seed or that one: at least N, and more while there are seconds
 *   test_sim --planted                     each planted bug must be found
 *   test_sim --twice N                     the same seed gives the same trace, N times
 */
#include "disk.h"
#include "planted.h"
#include "run.h"
#include "stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define PLANTED_SEEDS 3000

static double
seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
tell(uint64_t seed, const sim_result *result)
{
    (void)printf("seed %" PRIu64 ": %s\n  trace %016" PRIx64 ", %" PRId64 " ms, %" PRIu64 " effects, %" PRIu64 " deaths, %" PRIu64
                 " attempts\n  %s\n",
                 seed, result->right ? "right" : result->why, result->trace, result->ms, result->effects, result->deaths,
                 result->attempts, result->faults[0] == 0 ? "no faults" : result->faults);
    (void)fflush(stdout);
}

static int
one(uint64_t seed)
{
    sim_result result;
    sim_run(seed, SIM_PLANTED_NONE, getenv("SLUICE_TEST_LOG") != NULL, &result);
    tell(seed, &result);
    return result.right ? 0 : 1;
}

static int
many(uint64_t from, uint64_t least, double seconds)
{
    const double begin = seconds_now();
    uint64_t ran = 0, wrong = 0, deaths = 0, attempts = 0;
    (void)printf("simulation from seed %" PRIu64 "\n", from);
    for (; ran < least || seconds_now() - begin < seconds; ran++) {
        sim_result result;
        sim_run(from + ran, SIM_PLANTED_NONE, false, &result);
        deaths += result.deaths;
        attempts += result.attempts;
        if (result.right)
            continue;
        tell(from + ran, &result);
        (void)printf("  again: SLUICE_SEED=%" PRIu64 "\n", from + ran);
        if (++wrong == 10)
            break;
    }
    (void)printf("%" PRIu64 " seeds in %.1f s, %" PRIu64 " deaths, %" PRIu64 " attempts, %" PRIu64 " wrong\n", ran,
                 seconds_now() - begin, deaths, attempts, wrong);
    return wrong == 0 ? 0 : 1;
}

/* How many seeds it takes until somebody notices. */
static int
planted_is_found(uint32_t planted)
{
    for (uint64_t seed = 1; seed <= PLANTED_SEEDS; seed++) {
        sim_result result;
        sim_run(seed, planted, false, &result);
        if (result.right)
            continue;
        (void)printf("%s: found by seed %" PRIu64 ": %s\n", sim_planted_name(planted), seed, result.why);
        sim_run(seed, SIM_PLANTED_NONE, false, &result);
        if (!result.right)
            (void)printf("  but that seed is wrong without it too: %s\n", result.why);
        return result.right ? 0 : 1;
    }
    (void)printf("%s: not found by %d seeds\n", sim_planted_name(planted), PLANTED_SEEDS);
    return 1;
}

static int
planted_are_found(void)
{
    int status = 0;
    for (uint32_t planted = 1; planted < SIM_PLANTED_COUNT; planted++)
        status |= planted_is_found(planted);
    return status;
}

static int
twice(uint64_t count)
{
    for (uint64_t seed = 1; seed <= count; seed++) {
        sim_result first, second, between;
        sim_run(seed, SIM_PLANTED_NONE, false, &first);
        sim_run(seed + count, SIM_PLANTED_NONE, false, &between);
        sim_run(seed, SIM_PLANTED_NONE, false, &second);
        if (first.trace == second.trace && first.effects == second.effects && first.trace != between.trace)
            continue;
        (void)printf("seed %" PRIu64 " does not repeat: trace %016" PRIx64 ", then %016" PRIx64 "\n", seed, first.trace,
                     second.trace);
        return 1;
    }
    return 0;
}

static uint64_t
fresh_seed(void)
{
    uint32_t seed = 0;
    return getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed ? seed : (uint64_t)time(NULL);
}

/* The value behind an option. */
static const char *
option(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return i + 1 < argc ? argv[i + 1] : "";
    return NULL;
}

static uint64_t
number(const char *text, uint64_t otherwise)
{
    return text == NULL || text[0] == 0 ? otherwise : strtoull(text, NULL, 10);
}

int
main(int argc, char **argv)
{
    const char *seed = getenv("SLUICE_SEED");
    int status = 0;
    sim_disk_sqlite_register();
    if (seed != NULL && seed[0] != 0)
        return one(number(seed, 1));
    if (option(argc, argv, "--planted") != NULL)
        return planted_are_found();
    if (option(argc, argv, "--twice") != NULL)
        return twice(number(option(argc, argv, "--twice"), 20));
    if (argc == 1 || argv[1][0] == '-')
        return many(number(option(argc, argv, "--from"), fresh_seed()), number(option(argc, argv, "--seeds"), 100),
                    (double)number(option(argc, argv, "--seconds"), 0));
    for (int i = 1; i < argc; i++)
        status |= one(number(argv[i], 1));
    return status;
}
