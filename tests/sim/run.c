/* run.c: see run.h. */
#include "run.h"

#include "client.h"
#include "cluster.h"
#include "disk.h"
#include "faults.h"
#include "fluss_model.h"
#include "job.h"
#include "lake_model.h"
#include "network.h"
#include "planted.h"

#include "support/check.h"

#include <inttypes.h>

#define LOOK_EVERY_MS 200
#define SUBMIT_MS 1100 /* everybody has said hello */

typedef struct run {
    sim_stage stage;
    sim_cluster cluster;
    sim_faults faults;
    sim_result *result;
    char job[33];
    int64_t look_ms;
    bool over;
} run;

static void wrong(run *r, const char *format, ...) SLU_PRINTF(2, 3);

static void
wrong(run *r, const char *format, ...)
{
    va_list args;
    if (!r->result->right)
        return;
    r->result->right = false;
    va_start(args, format);
    (void)vsnprintf(r->result->why, sizeof r->result->why, format, args);
    va_end(args);
}

static int64_t
sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A round of everything; the clock goes on to when something happens next. */
static void
step(run *r)
{
    sim_network_step(r->stage.network);
    fluss_model_step(r->stage.fluss);
    sim_faults_step(&r->faults, &r->cluster);
    sim_planted_step();
    const bool did = sim_cluster_step(&r->cluster);
    int64_t next = sooner(sim_network_next_ms(r->stage.network), sim_cluster_next_ms(&r->cluster));
    next = sooner(next, sooner(sim_faults_next_ms(&r->faults), fluss_model_next_ms(r->stage.fluss)));
    next = sooner(next, r->stage.now_ms + LOOK_EVERY_MS);
    r->stage.now_ms = did || next <= r->stage.now_ms ? r->stage.now_ms + 1 : next;
}

static void
submit(run *r)
{
    slu_error err = {0};
    slu_buf bytes;
    sim_client client;
    slu_graph *graph = sim_job_graph();
    slu_buf_init(&bytes, 1 << 24);
    CHECK_OK(slu_graph_encode(graph, &bytes, &err));
    const slu_message question = {.kind = SLU_MESSAGE_SUBMIT, .name = "sim", .graph = slu_buf_view(&bytes), .request = 1};
    sim_client_open(&client, SIM_JOBMANAGER);
    for (bool asked = false; !client.answered && r->stage.now_ms < SUBMIT_MS;) {
        step(r);
        sim_client_step(&client);
        if (!asked && client.open)
            asked = sim_client_tell(&client, &question);
    }
    if (!client.answered || client.said.kind != SLU_MESSAGE_DONE)
        wrong(r, "the job was not taken: %s", client.answered ? client.said.text : "no answer");
    else
        (void)snprintf(r->job, sizeof r->job, "%s", client.said.job);
    sim_client_close(&client);
    slu_buf_fini(&bytes);
    slu_graph_free(&graph);
}

/* Asks the job manager how the job is. */
static void
look(run *r)
{
    if (r->stage.now_ms < r->look_ms)
        return;
    r->look_ms = r->stage.now_ms + LOOK_EVERY_MS;
    const slu_message *said =
        sim_cluster_ask(&r->cluster, &(slu_message){.kind = SLU_MESSAGE_DESCRIBE, .job = r->job, .request = 1});
    if (said == NULL)
        return;
    if (said->kind != SLU_MESSAGE_DETAILS) {
        wrong(r, "the job is not known any more: %s", said->text);
        return;
    }
    r->result->attempts = said->attempt;
    r->over = strcmp(said->state, "FINISHED") == 0;
    if (!r->over && (strcmp(said->state, "FAILED") == 0 || strcmp(said->state, "CANCELED") == 0))
        wrong(r, "the job is %s: %s", said->state, said->text);
    else if (r->faults.calm_ms != INT64_MAX && r->stage.now_ms - r->faults.calm_ms > SIM_CALM_MS)
        wrong(r, "the job is stuck: %s, attempt %" PRIu64 ", checkpoint %" PRId64 ": %s", said->state, said->attempt,
              said->checkpoint, said->text);
}

#define LINKS (1 + SIM_TASKMANAGERS) /* the job manager's, and one of each task manager */

/* What could not be removed while disks failed stays, and the log says so. */
static size_t
files_left(const run *r)
{
    return r->faults.disks_failed ? 0 : sim_disk_count(r->stage.disk, "/sim/shared");
}

static bool
all_left(const run *r)
{
    return r->faults.calm_ms != INT64_MAX && sim_cluster_workers(&r->cluster) == 0 &&
           sim_network_links(r->stage.network) == LINKS && files_left(r) == 0;
}

/* Nothing of the job is left, when everybody has had the time to hear that it is over. */
static void
check_leaks(run *r)
{
    r->faults.left = 0;
    r->stage.crash_in = 0;
    for (const int64_t until_ms = r->stage.now_ms + SIM_CALM_MS; r->stage.now_ms < until_ms && !all_left(r);)
        step(r);
    if (sim_cluster_workers(&r->cluster) != 0)
        wrong(r, "%u workers live on after the job", sim_cluster_workers(&r->cluster));
    else if (sim_network_links(r->stage.network) != LINKS)
        wrong(r, "%u links are open after the job, and %u should be", sim_network_links(r->stage.network), LINKS);
    else if (files_left(r) != 0)
        wrong(r, "%zu files of checkpoints are left after the job", files_left(r));
}

static void
check_end(run *r)
{
    char why[200];
    if (!r->result->right)
        return;
    if (!sim_job_check(why, sizeof why))
        wrong(r, "%s", why);
    check_leaks(r);
    if (!sim_job_check(why, sizeof why))
        wrong(r, "%s, after the job", why);
}

static void
world_open(run *r, uint64_t seed, uint32_t planted, bool loud)
{
    sim_stage_init(&r->stage, seed, planted);
    r->stage.loud = loud;
    r->stage.disk = sim_disk_new();
    r->stage.network = sim_network_new();
    r->stage.fluss = fluss_model_new();
    r->stage.lake = lake_model_new();
    sim_planted_reset();
    sim_job_reset();
    sim_cluster_open(&r->cluster);
    sim_faults_init(&r->faults);
}

static void
world_close(run *r)
{
    sim_cluster_close(&r->cluster);
    if (sim_job_open_instances() != 0)
        wrong(r, "%" PRId64 " plugin instances were not closed", sim_job_open_instances());
    if (sim_network_links(r->stage.network) != 0)
        wrong(r, "%u links were not closed", sim_network_links(r->stage.network));
    sim_planted_reset();
    lake_model_free(&r->stage.lake);
    fluss_model_free(&r->stage.fluss);
    sim_network_free(&r->stage.network);
    sim_disk_free(&r->stage.disk);
}

void
sim_run(uint64_t seed, uint32_t planted, bool loud, sim_result *out)
{
    static run r;
    memset(&r, 0, sizeof r);
    *out = (sim_result){.right = true};
    r.result = out;
    world_open(&r, seed, planted, loud);
    submit(&r);
    while (out->right && !r.over) {
        step(&r);
        look(&r);
    }
    check_end(&r);
    world_close(&r);
    out->trace = r.stage.trace;
    out->effects = r.stage.effects;
    out->deaths = r.cluster.deaths;
    out->ms = r.stage.now_ms;
    (void)snprintf(out->faults, sizeof out->faults, "%s", r.faults.told);
}
