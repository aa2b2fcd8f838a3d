/*
 * sim_main.c: runs seeds.
 *
 *   test_sim [SEED ...]                    these, told at length (also SLUICE_SEED=N)
 *   test_sim --seeds N [--seconds S] [--from SEED]   from a fresh seed or that one: at least N, and more while there are seconds
 *   test_sim --planted                     each planted bug must be found
 *   test_sim --twice N                     the same seed gives the same trace, N times
 *   test_sim --crash SEED                  a run that dies in that seed, to see that it is told
 *
 * Runs of many seeds are in a child process, which writes down the seed it is in: however it dies (a crash, a sanitizer, a check outside
 * a run, a seed that does not end), the seed is printed.
 */
#include "disk.h"
#include "planted.h"
#include "run.h"
#include "stage.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PLANTED_SEEDS 3000
#define SEED_SECONDS_MAX 60 /* a seed takes some hundredths of a second; under a sanitizer, on a busy machine, a second */

/* What the child process leaves behind. */
typedef struct last_words {
    bool running;
    uint64_t seed;
} last_words;

static volatile last_words *words; /* NULL: nobody will ask */
static uint64_t crash_seed = UINT64_MAX;

static void
run_seed(uint64_t seed, uint32_t planted, sim_result *out)
{
    if (words != NULL) {
        words->seed = seed;
        words->running = true;
        (void)alarm(SEED_SECONDS_MAX);
    }
    if (seed == crash_seed)
        abort();
    sim_run(seed, planted, false, out);
    if (words != NULL)
        words->running = false;
}

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
        run_seed(from + ran, SIM_PLANTED_NONE, &result);
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
        run_seed(seed, planted, &result);
        if (result.right)
            continue;
        (void)printf("%s: found by seed %" PRIu64 ": %s\n", sim_planted_name(planted), seed, result.why);
        run_seed(seed, SIM_PLANTED_NONE, &result);
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
        run_seed(seed, SIM_PLANTED_NONE, &first);
        run_seed(seed + count, SIM_PLANTED_NONE, &between);
        run_seed(seed, SIM_PLANTED_NONE, &second);
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

/* Runs of many seeds, by the command line. */
static int
runs(int argc, char **argv)
{
    if (option(argc, argv, "--planted") != NULL)
        return planted_are_found();
    if (option(argc, argv, "--twice") != NULL)
        return twice(number(option(argc, argv, "--twice"), 20));
    return many(number(option(argc, argv, "--from"), fresh_seed()), number(option(argc, argv, "--seeds"), 100),
                (double)number(option(argc, argv, "--seconds"), 0));
}

static int
told(int status)
{
    if (WIFEXITED(status) && !words->running)
        return WEXITSTATUS(status);
    const char *why = WIFEXITED(status) ? "an exit in the middle" : strsignal(WTERMSIG(status));
    (void)printf("seed %" PRIu64 ": %s\n  again: SLUICE_SEED=%" PRIu64 "\n", words->seed, why, words->seed);
    return 1;
}

/* The runs in a child. */
static int
watched(int argc, char **argv)
{
    int status = 0;
    words = mmap(NULL, sizeof *words, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const pid_t child = words == MAP_FAILED ? -1 : fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        return runs(argc, argv);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("a process for the runs");
        return 1;
    }
    return told(status);
}

int
main(int argc, char **argv)
{
    const char *seed = getenv("SLUICE_SEED");
    int status = 0;
    sim_disk_sqlite_register();
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    crash_seed = number(option(argc, argv, "--crash"), UINT64_MAX);
    if (seed != NULL && seed[0] != 0)
        return one(number(seed, 1));
    if (argc == 1 || argv[1][0] == '-')
        return watched(argc, argv);
    for (int i = 1; i < argc; i++)
        status |= one(number(argv[i], 1));
    return status;
}
