#include "env.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int64_t
clock_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
system_now_ms(const slu_env *env)
{
    (void)env;
    return clock_ms(CLOCK_MONOTONIC);
}

static int64_t
system_wall_ms(const slu_env *env)
{
    (void)env;
    return clock_ms(CLOCK_REALTIME);
}

static uint64_t
system_random(const slu_env *env)
{
    uint64_t bits = 0;
    (void)env;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        bits = (uint64_t)clock_ms(CLOCK_MONOTONIC) * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)getpid();
    return bits;
}

static const char *
level_name(int level)
{
    static const char *const names[] = {"?", "ERROR", "WARN", "INFO", "DEBUG"};
    return level >= 1 && level <= 4 ? names[level] : names[0];
}

static void
log_line(int64_t wall_ms, int level, const char *event, const char *message)
{
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    char stamp[32];
    char line[SLU_ERROR_MESSAGE_BYTES + 128];
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    const int bytes =
        snprintf(line, sizeof line, "%s.%03dZ %-5s %s %s\n", stamp, (int)(wall_ms % 1000), level_name(level), event, message);
    const size_t length = bytes < 0 ? 0 : (size_t)bytes >= sizeof line ? sizeof line - 1 : (size_t)bytes;
    /* One write per line, so that lines of several threads do not mix. A full disk must not stop the work. */
    const ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}

static void
system_log(const slu_env *env, int level, const char *event, const char *message)
{
    log_line(env->wall_ms(env), level, event, message);
}

void
slu_env_init_system(slu_env *env, int log_level)
{
    memset(env, 0, sizeof *env);
    env->now_ms = system_now_ms;
    env->wall_ms = system_wall_ms;
    env->random = system_random;
    env->log = system_log;
    env->log_level = log_level;
}

static int64_t
fake_now_ms(const slu_env *env)
{
    return ((const slu_env_fake *)env->context)->now_ms;
}

static int64_t
fake_wall_ms(const slu_env *env)
{
    return INT64_C(1700000000000) + fake_now_ms(env);
}

static uint64_t
fake_random(const slu_env *env)
{
    /* splitmix64 (Steele, Lea, Flood 2014). */
    slu_env_fake *fake = env->context;
    uint64_t z = fake->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void
fake_log(const slu_env *env, int level, const char *event, const char *message)
{
    if (getenv("SLUICE_TEST_LOG") != NULL)
        log_line(env->wall_ms(env), level, event, message);
}

void
slu_env_init_fake(slu_env_fake *fake, uint64_t seed)
{
    memset(fake, 0, sizeof *fake);
    fake->seed = seed;
    fake->env.now_ms = fake_now_ms;
    fake->env.wall_ms = fake_wall_ms;
    fake->env.random = fake_random;
    fake->env.log = fake_log;
    fake->env.log_level = SLU_LOG_DEBUG;
    fake->env.context = fake;
}

void
slu_env_fake_advance(slu_env_fake *fake, int64_t ms)
{
    fake->now_ms += ms;
}

void
slu_log(const slu_env *env, int level, const char *event, const char *format, ...)
{
    if (env == NULL || level > env->log_level)
        return;
    char message[SLU_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    env->log(env, level, event, message);
}
