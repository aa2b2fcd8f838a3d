#include "memory_limit.h"

#include "base/bytes.h"

#include <stdlib.h>

#define NAMED_MAX 3u /* operators */

typedef struct holder {
    const char *id;
    int64_t bytes;
} holder;

static int64_t
bytes_of(const char *id, slu_task_loop *const *tasks, uint32_t task_count)
{
    int64_t bytes = 0;
    for (uint32_t t = 0; t < task_count; t++)
        for (uint32_t n = 0; tasks[t] != NULL && n < slu_task_node_count(tasks[t]); n++) {
            const slu_node *node = slu_task_node(tasks[t], n);
            bytes += node != NULL && strcmp(slu_node_id(node), id) == 0 ? slu_node_state_bytes_said(node) : 0;
        }
    return bytes;
}

/* Keeps the largest, the first of them first. */
static void
holder_take(holder *largest, holder one)
{
    for (uint32_t i = 0; i < NAMED_MAX && one.bytes > 0; i++)
        if (one.bytes > largest[i].bytes) {
            const holder smaller = largest[i];
            largest[i] = one;
            one = smaller;
        }
}

static void
bytes_text(slu_buf *out, int64_t bytes)
{
    if (bytes >= 10 << 20)
        slu_buf_printf(out, "%lld MiB", (long long)(bytes >> 20));
    else
        slu_buf_printf(out, "%lld KiB", (long long)((bytes + 1023) >> 10));
}

void
slu_memory_limit_explain(const slu_account *account, const slu_graph *graph, slu_task_loop *const *tasks, uint32_t task_count,
                         slu_error *err)
{
    holder largest[NAMED_MAX] = {{NULL, 0}};
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    if (err->status != SLU_NOMEM || account->max_bytes == 0 || !atomic_load_explicit(&account->refused, memory_order_relaxed))
        return;
    for (uint32_t i = 0; i < graph->operator_count; i++)
        holder_take(largest, (holder){graph->operators[i].id, bytes_of(graph->operators[i].id, tasks, task_count)});
    slu_buf_init(&text, SLU_ERROR_MESSAGE_BYTES);
    slu_buf_text(&text, "the job has reached the memory limit of its worker, ");
    bytes_text(&text, account->max_bytes);
    for (uint32_t i = 0; i < NAMED_MAX && largest[i].id != NULL; i++) {
        slu_buf_printf(&text, "%s%s ", i == 0 ? " (most state: " : ", ", largest[i].id);
        bytes_text(&text, largest[i].bytes);
    }
    slu_buf_text(&text, largest[0].id == NULL ? "" : ")");
    (void)slu_error_in(err, err->status, "%s", slu_buf_cstr(&text));
}
