/*
 * iceberg_committer: gathers the results of rounds, and commits each round when all its splits are there.
 *
 * Commits run on a few threads (lanes.h), each with a catalog and a Fluss client of its own; one table never has two under way.
 * Nothing waits for checkpoints: the truth is in the lake and in Fluss (commit.h).
 */
#include "commit.h"
#include "fluss_calls.h"
#include "lanes.h"
#include "tiering.h"
#include "upkeep.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <sluice/columns.h>

#define ROUNDS_MAX 1024
#define METRIC_NAME_BYTES 64 /* as long as a host keeps them; long names of tables are cut */
#define COMMIT_CALL_TIMEOUT_MS 10000

typedef struct committer_options {
    tiering_lake_options lake;
    const char *bootstrap_servers;
    fluss_login login;
    int64_t commits;
    tiering_upkeep_options upkeep;
} committer_options;

typedef struct iceberg_committer iceberg_committer;

typedef struct committer_round {
    tiering_lane_job job; /* first: the job is the round */
    tiering_round *round;
    bool committing;
    slu_status status;
    slu_error failure;
    tiering_outcome outcome;
    struct committer_round *next;
} committer_round;

struct iceberg_committer {
    slu_host *host;
    const committer_options *options;
    slu_env env;
    tiering_lanes *lanes;
    tiering_upkeep *upkeep;
    committer_round *rounds;
    uint32_t round_count;
    slu_metric *committed;
    slu_metric *failed;
    slu_metric *rows;
};

static void
round_free(committer_round *round)
{
    tiering_round_free(&round->round);
    slu_free(round);
}

static void
round_unlink(iceberg_committer *self, committer_round *round)
{
    committer_round **at = &self->rounds;
    while (*at != round)
        at = &(*at)->next;
    *at = round->next;
    self->round_count--;
}

/* On its lane's thread. */
static void
round_run(tiering_job *job)
{
    committer_round *round = (committer_round *)(void *)job;
    iceberg_catalog *catalog = NULL;
    fluss_client *client = NULL;
    round->status = tiering_lane_client(round->job.lane, &client, &round->failure);
    if (round->status == SLU_OK)
        round->status = tiering_lane_catalog(round->job.lane, &catalog, &round->failure);
    if (round->status != SLU_OK)
        return;
    const tiering_fluss fluss = tiering_fluss_of(client);
    round->status = tiering_round_commit(&fluss, catalog, round->round, &round->outcome, &round->failure);
}

static slu_status
round_make(iceberg_committer *self, const tiering_piece *piece, committer_round **out, slu_error *err)
{
    if (self->round_count == ROUNDS_MAX)
        return SLU_AGAIN;
    committer_round *round = slu_alloc_zero(1, sizeof *round);
    if (round == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a round");
    const slu_status status = tiering_round_new(piece, &round->round, err);
    if (status != SLU_OK) {
        slu_free(round);
        return status;
    }
    round->job.job.run = round_run;
    round->job.table_id = piece->table_id;
    round->next = self->rounds;
    self->rounds = round;
    self->round_count++;
    *out = round;
    return SLU_OK;
}

static committer_round *
round_find(iceberg_committer *self, const tiering_piece *piece)
{
    for (committer_round *round = self->rounds; round != NULL; round = round->next)
        if (!round->committing && tiering_same_round(&round->round->head, piece))
            return round;
    return NULL;
}

/* Results of a round that was given up can come behind its end: a round without results needs no clearing away. */
static bool
piece_is_late(const committer_round *round, const tiering_piece *piece)
{
    return round == NULL && piece->kind == TIERING_ABORT;
}

static slu_status
committer_result(iceberg_committer *self, slu_view bytes, slu_error *err)
{
    tiering_piece piece;
    slu_view payload;
    SLU_TRY(tiering_result_decode(bytes, &piece, &payload, err));
    committer_round *round = round_find(self, &piece);
    if (piece_is_late(round, &piece))
        return SLU_OK;
    if (round == NULL)
        SLU_TRY(round_make(self, &piece, &round, err));
    SLU_TRY(tiering_round_add(round->round, &piece, payload, err));
    if (!tiering_round_complete(round->round))
        return SLU_OK;
    SLU_TRY(tiering_lanes_submit(self->lanes, &round->job, err));
    round->committing = true;
    return SLU_OK;
}

static slu_status
committer_write(void *instance, const slu_batch *batch, slu_error *err)
{
    iceberg_committer *self = instance;
    const slu_column results = slu_batch_column(batch, 1);
    if (batch->rows > ROUNDS_MAX) /* it would never fit */
        return slu_error_set(err, SLU_LIMIT, "iceberg_committer: %lld results in one batch; at most %d", (long long)batch->rows,
                             ROUNDS_MAX);
    if (self->round_count + batch->rows > ROUNDS_MAX)
        return SLU_AGAIN;
    for (int64_t i = 0; i < batch->rows; i++) {
        int32_t bytes = 0;
        const uint8_t *data = slu_column_bytes(&results, slu_batch_row(batch, i), &bytes);
        SLU_TRY(committer_result(self, slu_view_of(data, (size_t)bytes), err));
    }
    return SLU_OK;
}

/* How old the oldest row was when readers of the lake could see it: the freshness that the table really has. */
static void
committer_lag(iceberg_committer *self, const committer_round *round)
{
    char name[METRIC_NAME_BYTES];
    int64_t oldest = INT64_MAX;
    const tiering_round *r = round->round;
    for (uint32_t i = 0; i < r->head.split_count; i++)
        if (r->splits[i].oldest_ms > 0 && r->splits[i].oldest_ms < oldest)
            oldest = r->splits[i].oldest_ms;
    if (oldest == INT64_MAX)
        return;
    (void)snprintf(name, sizeof name, "lagMs.%.24s.%.24s", r->head.database, r->head.table);
    self->host->metric_add(self->host, self->host->metric(self->host, SLU_METRIC_GAUGE, name),
                           SLU_MAX(INT64_C(0), slu_wall_ms(&self->env) - oldest));
}

static void
committer_tell(iceberg_committer *self, const committer_round *round)
{
    char message[SLU_ERROR_MESSAGE_BYTES * 2];
    const tiering_piece *head = &round->round->head;
    if (round->status != SLU_OK) {
        self->host->metric_add(self->host, self->failed, 1);
        self->host->log(self->host, SLU_HOST_LOG_WARN, "TIERING-ROUND-FAILED", round->failure.message);
        return;
    }
    self->host->metric_add(self->host, self->committed, 1);
    self->host->metric_add(self->host, self->rows, round->outcome.rows);
    committer_lag(self, round);
    (void)snprintf(message, sizeof message,
                   "table %s.%s, epoch %lld: %lld rows and %lld deletes in %lld files are lake snapshot %lld", head->database,
                   head->table, (long long)head->tiering_epoch, (long long)round->outcome.rows, (long long)round->outcome.deletes,
                   (long long)round->outcome.files, (long long)round->outcome.snapshot);
    self->host->log(self->host, SLU_HOST_LOG_INFO, "TIERING-COMMITTED", message);
    tiering_upkeep_committed(self->upkeep, head->database, head->table);
}

static slu_status
committer_ready(void *instance, uint64_t cookie, uint32_t events, slu_error *err)
{
    iceberg_committer *self = instance;
    (void)cookie, (void)events, (void)err;
    bool ran = false;
    for (tiering_lane_job *job; (job = tiering_lanes_take(self->lanes, &ran)) != NULL;) {
        committer_round *round = (committer_round *)(void *)job;
        if (ran)
            committer_tell(self, round);
        round_unlink(self, round);
        round_free(round);
    }
    tiering_upkeep_ready(self->upkeep);
    return SLU_OK;
}

static slu_status
committer_prepare(void *instance, slu_snapshot *committables, slu_error *err)
{
    (void)instance, (void)committables, (void)err;
    return SLU_OK; /* rounds are not tied to checkpoints */
}

/* ---- the face ---- */

static void
committer_wake(void *context)
{
    slu_host *host = context;
    host->wake(host);
}

static slu_status
committer_plan(slu_plan_call *call, slu_error *err)
{
    const committer_options *options = call->options;
    if (options->bootstrap_servers == NULL)
        return slu_error_set(err, SLU_INVALID, "no Fluss address: give fluss.bootstrap.servers");
    if (call->inputs[0]->n_children != 2 || strcmp(call->inputs[0]->children[1]->name, "result") != 0)
        return slu_error_set(err, SLU_INVALID, "iceberg_committer reads from iceberg_writer only");
    SLU_TRY(tiering_upkeep_check(&options->upkeep, err));
    return tiering_lake_check(&options->lake, err);
}

static void
committer_close(void *instance)
{
    iceberg_committer *self = instance;
    slu_error err;
    if (self->lanes != NULL) {
        tiering_lanes_stop(self->lanes);
        (void)committer_ready(self, 0, 0, &err);
    }
    while (self->rounds != NULL) {
        committer_round *round = self->rounds;
        round_unlink(self, round);
        round_free(round);
    }
    tiering_lanes_close(&self->lanes);
    tiering_upkeep_close(&self->upkeep);
}

static slu_status
committer_open(void *instance, const slu_open *open, slu_error *err)
{
    iceberg_committer *self = instance;
    self->host = open->host;
    self->options = open->options;
    tiering_env_of_host(&self->env, open->host);
    self->committed = self->host->metric(self->host, SLU_METRIC_COUNTER, "tieringRoundsCommitted");
    self->failed = self->host->metric(self->host, SLU_METRIC_COUNTER, "tieringRoundsFailed");
    self->rows = self->host->metric(self->host, SLU_METRIC_COUNTER, "tieringRowsCommitted");
    const fluss_client_options client = {.bootstrap_servers = self->options->bootstrap_servers,
                                         .request_timeout_ms = COMMIT_CALL_TIMEOUT_MS,
                                         .login = self->options->login};
    const tiering_lanes_options lanes = {.env = &self->env,
                                         .lake = &self->options->lake,
                                         .client = &client,
                                         .lanes_max = (uint32_t)self->options->commits,
                                         .wake = committer_wake,
                                         .context = self->host};
    slu_status status = tiering_lanes_open(&lanes, &self->lanes, err);
    if (status == SLU_OK)
        status =
            tiering_upkeep_open(self->host, &self->env, &self->options->lake, &client, &self->options->upkeep, &self->upkeep, err);
    if (status != SLU_OK)
        committer_close(self);
    return status;
}

static const slu_option committer_option_table[] = {
    TIERING_LAKE_OPTIONS(committer_options),
    SLU_OPTION("bootstrap.servers", STRING, committer_options, bootstrap_servers, NULL,
               "where Fluss is: host:port, several divided by commas", .param = "fluss.bootstrap.servers"),
    FLUSS_LOGIN_OPTIONS(committer_options, login),
    SLU_OPTION("commits", I64, committer_options, commits, "4", "tables that are committed at the same time", .min = 1,
               .max = TIERING_LANES_MAX),
    TIERING_UPKEEP_OPTIONS(committer_options),
};

static const slu_sink_ops committer_ops = {.size = sizeof committer_ops,
                                           .open = committer_open,
                                           .write = committer_write,
                                           .ready = committer_ready,
                                           .prepare = committer_prepare,
                                           .close = committer_close};

const slu_plugin tiering_committer_plugin = {
    .size = sizeof(slu_plugin),
    .kind = SLU_KIND_SINK,
    .name = "iceberg_committer",
    .help = "Commits tiering rounds: one lake snapshot each, registered in Fluss.",
    .options = committer_option_table,
    .option_count = sizeof committer_option_table / sizeof committer_option_table[0],
    .options_bytes = sizeof(committer_options),
    .instance_bytes = sizeof(iceberg_committer),
    .state_version = 1,
    .input_min = 1,
    .input_max = 1,
    .plan = committer_plan,
    .ops = &committer_ops,
};
