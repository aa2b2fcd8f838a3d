/*
 * env.h: what arrives from outside a component: time, log, randomness. There are no globals, so that a whole cluster can run in
 * one test, on a false clock, from one seed.
 *
 * Owns     nothing; an env outlives every component that was given it.
 * Threads  the functions may be called on any thread.
 */
#ifndef SLU_BASE_ENV_H
#define SLU_BASE_ENV_H

#include <sluice/status.h>

#include <stdint.h>

#define SLU_LOG_ERROR 1 /* a human must act */
#define SLU_LOG_WARN 2  /* we coped */
#define SLU_LOG_INFO 3  /* a life-cycle event */
#define SLU_LOG_DEBUG 4 /* for us */

typedef struct slu_env slu_env;

struct slu_env {
    int64_t (*now_ms)(const slu_env *env);  /* monotonic milliseconds, for deadlines and intervals */
    int64_t (*wall_ms)(const slu_env *env); /* milliseconds since 1970-01-01 UTC */
    uint64_t (*random)(const slu_env *env); /* 64 random bits */
    void (*log)(const slu_env *env, int level, const char *event, const char *message);
    int log_level; /* messages above it are not formatted */
    void *context;
};

/* The real machine: its clocks, getrandom, and lines on standard error ("2026-01-31T12:00:00.123Z INFO  EVENT message"). */
void slu_env_init_system(slu_env *env, int log_level);

/* A false clock that moves only by slu_env_fake_advance; random numbers from `seed`; logs are dropped unless SLUICE_TEST_LOG is
 * set. For tests and simulation. */
typedef struct slu_env_fake {
    slu_env env;
    int64_t now_ms;
    uint64_t seed;
} slu_env_fake;

void slu_env_init_fake(slu_env_fake *fake, uint64_t seed);
void slu_env_fake_advance(slu_env_fake *fake, int64_t ms);

/* `event` is a stable id in capitals ("CREDIT-LATE"), the message one sentence. Secrets and rows are never logged. */
void slu_log(const slu_env *env, int level, const char *event, const char *format, ...) SLU_PRINTF(4, 5);
#define slu_log_error(env, event, ...) slu_log((env), SLU_LOG_ERROR, (event), __VA_ARGS__)
#define slu_log_warn(env, event, ...) slu_log((env), SLU_LOG_WARN, (event), __VA_ARGS__)
#define slu_log_info(env, event, ...) slu_log((env), SLU_LOG_INFO, (event), __VA_ARGS__)
#define slu_log_debug(env, event, ...) slu_log((env), SLU_LOG_DEBUG, (event), __VA_ARGS__)

static inline int64_t
slu_now_ms(const slu_env *env)
{
    return env->now_ms(env);
}

static inline int64_t
slu_wall_ms(const slu_env *env)
{
    return env->wall_ms(env);
}

#endif
