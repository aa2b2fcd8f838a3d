/* job.c: see job.h. Source and operators are those of the worker's tests. */
#define TEST_SOURCE "paced"
#include "job.h"

#include "unit/worker/test_plugins.h"

#include "lake_model.h"
#include "sink.h"
#include "stage.h"

/* ---- The source, which takes its time so that faults meet it */

typedef struct paced {
    numbers numbers; /* first: its functions are used as they are */
    int64_t next_ms;
} paced;

static slu_status
paced_poll(void *self, slu_error *err)
{
    paced *p = self;
    slu_host *host = p->numbers.host;
    const int64_t now = host->now_ms(host);
    if (now < p->next_ms) {
        host->deadline(host, p->next_ms);
        return SLU_AGAIN;
    }
    p->next_ms = now + sim_between(5, 60);
    return numbers_poll(self, err);
}

static slu_status
paced_ready(void *self, uint64_t cookie, uint32_t events, slu_error *err)
{
    (void)self;
    (void)cookie;
    (void)events;
    (void)err;
    return SLU_OK;
}

static const slu_source_ops paced_ops = {.size = sizeof paced_ops,
                                         .list_splits = numbers_list,
                                         .open = numbers_open,
                                         .assign = numbers_assign,
                                         .poll = paced_poll,
                                         .ready = paced_ready,
                                         .snapshot = numbers_snapshot,
                                         .close = any_close};

static const slu_plugin sim_plugins[] = {
    TEST_PLUGIN("paced", SOURCE, paced, paced_ops, .options = numbers_option_table, .option_count = 2,
                .options_bytes = sizeof(numbers_options), .output_count = 1),
    TEST_PLUGIN("lake", SINK, lake_sink, sim_lake_sink_ops, .input_min = 1, .input_max = 8),
    TEST_PLUGIN("log", SINK, log_sink, sim_log_sink_ops, .input_min = 1, .input_max = 8),
};

static const slu_plugin *const sim_plugin_list[] = {&sim_plugins[0], &sim_plugins[1], &sim_plugins[2]};

static const slu_module sim_module = {.size = sizeof sim_module,
                                      .abi = SLU_ABI,
                                      .name = "sim",
                                      .version = "1",
                                      .plugins = sim_plugin_list,
                                      .plugin_count = sizeof sim_plugin_list / sizeof sim_plugin_list[0]};

slu_registry *
sim_job_registry(void)
{
    slu_error err = {0};
    slu_registry *registry = test_registry();
    CHECK_OK(slu_registry_add_module(registry, &sim_module, &err));
    return registry;
}

/* ---- The graph */

static void
use_ours(slu_graph *graph, uint32_t at, const char *use)
{
    graph->operators[at].use = use;
    graph->operators[at].module = "sim";
}

static void
feed_log_sink(slu_graph *graph, uint32_t at)
{
    static const char *const ids[] = {"id"};
    slu_edge *edge = slu_arena_alloc(&graph->arena, sizeof *edge);
    *edge = (slu_edge){.from = at - 2, .partition = SLU_PARTITION_HASH, .keys = ids, .key_count = 1};
    graph->operators[at].inputs = edge;
}

slu_graph *
sim_job_graph(void)
{
    const uint32_t middle = (uint32_t)sim_between(1, 3);
    const uint32_t lakes = (uint32_t)sim_between(1, 2);
    const test_op ops[] = {
        {.id = "n", .use = "numbers", .parallelism = 2, .rows = SIM_IDS / 2, .batch_rows = 25},
        {.id = "e", .use = "even", .parallelism = middle},
        {.id = "s", .use = "slow", .parallelism = middle},
        {.id = "c", .use = "count", .parallelism = 2, .partition = SLU_PARTITION_HASH},
        {.id = "l", .use = "ledger", .parallelism = lakes, .partition = lakes == 1 ? SLU_PARTITION_GLOBAL : 0},
        {.id = "f", .use = "ledger", .parallelism = FLUSS_MODEL_BUCKETS},
    };
    slu_graph *graph = test_graph(ops, sizeof ops / sizeof ops[0]);
    use_ours(graph, 0, "paced");
    use_ours(graph, 4, "lake");
    use_ours(graph, 5, "log");
    feed_log_sink(graph, 5);
    graph->name = "sim";
    graph->checkpoint.interval_ms = sim_between(20, 250);
    graph->checkpoint.timeout_ms = sim_between(1000, 5000);
    graph->checkpoint.retained = (uint32_t)sim_between(1, 3);
    graph->restart.strategy = 2;
    graph->restart.attempts_max = 0;
    graph->restart.delay_ms = 100;
    graph->restart.delay_max_ms = 1000;
    return graph;
}

/* ---- What must be true at the end */

void
sim_job_reset(void)
{
    test_world_reset();
    sim_sinks_open = 0;
}

int64_t
sim_job_open_instances(void)
{
    return atomic_load(&world.opens) - atomic_load(&world.closes) + sim_sinks_open;
}

typedef struct tally {
    const char *table;
    bool counts_matter; /* replayed rows may come in another order, so that ids keep their place by identity, and counts do not */
    uint8_t rows[SIM_IDS];
    uint8_t counts[100][SIM_IDS];
    char *why;
    size_t why_bytes;
} tally;

static void
tally_row(void *context, const fluss_row *row)
{
    tally *t = context;
    if (t->why[0] != 0)
        return;
    if (row->id < 0 || row->id >= SIM_IDS || row->id % 2 != 0)
        (void)snprintf(t->why, t->why_bytes, "%s: id %lld was never sent", t->table, (long long)row->id);
    else if (t->rows[row->id]++ != 0)
        (void)snprintf(t->why, t->why_bytes, "%s: row %lld is there twice", t->table, (long long)row->id);
    else if (row->count < 1 || row->count >= SIM_IDS || (t->counts_matter && t->counts[row->id % 100][row->count]++ != 0))
        (void)snprintf(t->why, t->why_bytes, "%s: count %lld of key %lld is there twice", t->table, (long long)row->count,
                       (long long)(row->id % 100));
}

static void
tally_end(tally *t)
{
    for (int64_t id = 0; id < SIM_IDS && t->why[0] == 0; id += 2)
        if (t->rows[id] == 0)
            (void)snprintf(t->why, t->why_bytes, "%s: row %lld is lost", t->table, (long long)id);
}

bool
sim_job_check(char *why, size_t why_bytes)
{
    tally lake = {.table = "lake", .counts_matter = true, .why = why, .why_bytes = why_bytes};
    tally log = {.table = "log", .why = why, .why_bytes = why_bytes};
    why[0] = 0;
    lake_model_rows(sim_on->lake, tally_row, &lake);
    tally_end(&lake);
    for (uint32_t bucket = 0; bucket < FLUSS_MODEL_BUCKETS; bucket++)
        for (const fluss_batch *batch = fluss_model_read(sim_on->fluss, bucket, 0); batch != NULL; batch = batch->next)
            for (uint32_t i = 0; i < batch->count; i++)
                tally_row(&log, &batch->rows[i]);
    tally_end(&log);
    return why[0] == 0;
}
