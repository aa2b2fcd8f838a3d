#include "measures.h"

#include <string.h>

#define OF_A_TASK 11u
#define NAME_BYTES_MAX 95u /* a job manager keeps so much */

slu_status
slu_measures_new(slu_arena *arena, uint32_t tasks, uint32_t more, slu_measures *out, slu_error *err)
{
    *out = (slu_measures){.arena = arena, .capacity = tasks * (OF_A_TASK + SLU_MEASURES_OF_PLUGINS) + more};
    out->items = slu_arena_array(arena, out->capacity, sizeof *out->items);
    return slu_arena_status(arena, err);
}

void
slu_measures_add(slu_measures *m, uint32_t task, const char *name, int64_t value)
{
    if (name != NULL && m->count < m->capacity)
        m->items[m->count++] = (slu_message){.kind = SLU_MESSAGE_METRIC, .task = task, .name = name, .value = value};
}

typedef struct of_plugins {
    slu_measures *measures;
    uint32_t task;
    uint32_t left;
} of_plugins;

static void
plugin_add(void *to, const char *name, int64_t value)
{
    of_plugins *p = to;
    if (p->left == 0 || strlen(name) > NAME_BYTES_MAX)
        return;
    p->left--;
    slu_measures_add(p->measures, p->task, slu_arena_strdup(p->measures->arena, name), value);
}

void
slu_measures_task(slu_measures *m, const slu_worker *worker, uint32_t position, uint32_t task)
{
    const slu_task_counters c = slu_worker_counters(worker, position);
    of_plugins plugins = {m, task, SLU_MEASURES_OF_PLUGINS};
    slu_measures_add(m, task, "rows_in", c.rows_in);
    slu_measures_add(m, task, "rows_out", c.rows_out);
    slu_measures_add(m, task, "bytes_in", c.bytes_in);
    slu_measures_add(m, task, "bytes_out", c.bytes_out);
    slu_measures_add(m, task, "batches_in", c.batches_in);
    slu_measures_add(m, task, "batches_out", c.batches_out);
    slu_measures_add(m, task, "busy_ms", c.busy_ms);
    slu_measures_add(m, task, "idle_ms", c.idle_ms);
    slu_measures_add(m, task, "backpressured_ms", c.backpressured_ms);
    slu_measures_add(m, task, "watermark_ms", c.watermark_ms);
    slu_measures_add(m, task, "state_bytes", c.state_bytes);
    slu_worker_metrics(worker, position, plugin_add, &plugins);
}
