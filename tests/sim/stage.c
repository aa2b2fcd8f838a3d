/* stage.c: see stage.h. */
#include "stage.h"

#include <stdio.h>
#include <string.h>

#define WALL_MS 1767225600000 /* 2026-01-01 */

sim_stage *sim_on;

/* splitmix64 */
static uint64_t
mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t
sim_random(void)
{
    sim_on->dice += 0x9e3779b97f4a7c15u;
    return mixed(sim_on->dice);
}

int64_t
sim_between(int64_t least, int64_t most)
{
    return least + (int64_t)(sim_random() % (uint64_t)(most - least + 1));
}

bool
sim_chance(uint32_t ppm)
{
    return ppm != 0 && sim_random() % 1000000 < ppm;
}

void
sim_mix(uint64_t value)
{
    sim_on->trace = mixed(sim_on->trace ^ value) + 0x9e3779b97f4a7c15u;
}

void
sim_stage_init(sim_stage *stage, uint64_t seed, uint32_t planted)
{
    *stage = (sim_stage){.seed = seed, .now_ms = 1000, .dice = mixed(seed + 1), .planted = planted};
    sim_on = stage;
}

bool
sim_effect(uint32_t kind, uint64_t what)
{
    sim_actor *actor = sim_on->actor;
    if (actor == NULL)
        return true;
    if (actor->ghost)
        return false;
    sim_on->effects++;
    sim_mix((uint64_t)sim_on->now_ms);
    sim_mix(actor->pid << 8 | kind);
    sim_mix(what);
    if (sim_on->crash_in == 0 || actor->role != sim_on->crash_role || --sim_on->crash_in != 0)
        return true;
    actor->ghost = true;
    return sim_chance(500000); /* just after it, or just before it */
}

/* ---- An env per process */

static int64_t
now_ms(const slu_env *env)
{
    (void)env;
    return sim_on->now_ms;
}

static int64_t
wall_ms(const slu_env *env)
{
    (void)env;
    return WALL_MS + sim_on->now_ms;
}

static uint64_t
random_bits(const slu_env *env)
{
    (void)env;
    return sim_random();
}

static void
log_line(const slu_env *env, int level, const char *event, const char *message)
{
    const sim_actor *actor = env->context;
    if (sim_on->loud)
        (void)fprintf(stderr, "%8lld %-12s %d %-16s %s%s\n", (long long)sim_on->now_ms, actor->name, level, event, message,
                      actor->ghost ? " (a ghost)" : "");
}

void
sim_actor_init(sim_actor *actor, uint32_t role, uint32_t host, uint64_t pid, const char *name)
{
    *actor = (sim_actor){.env = {.now_ms = now_ms,
                                 .wall_ms = wall_ms,
                                 .random = random_bits,
                                 .log = log_line,
                                 .log_level = sim_on->loud ? SLU_LOG_DEBUG : 0,
                                 .context = actor},
                         .role = role,
                         .host = host,
                         .pid = pid};
    (void)snprintf(actor->name, sizeof actor->name, "%s", name);
}

sim_actor *
sim_enter(sim_actor *actor)
{
    sim_actor *before = sim_on->actor;
    sim_on->actor = actor;
    return before;
}
