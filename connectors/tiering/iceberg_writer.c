/*
 * iceberg_writer: turns the splits of tiering rounds into data files of their lake tables, and sends one result per split.
 *
 * A round's life here:
 *
 *   loading (the lake table, on a lane's thread; its pieces wait) --loaded--> open --all splits ended, or ABORT--> gone
 *                                                 \--any failure: one FAILED result--> failed: its pieces are dropped --ABORT or another epoch--> gone
 *
 * Output   (table_id BIGINT, result BYTES): results travel by table, so that one committer sees all of a table's.
 * Waiting  pieces of a table that is being loaded wait here, in up to `memory`, so that other tables' pass: a table whose catalog answers
 *          slowly holds up others only when it has more rows than that.
 * Nothing is kept for checkpoints: what a crash leaves are files that nothing references.
 */
#include "lanes.h"
#include "splits.h"
#include "tiering.h"

#include "base/alloc.h"

#include <sluice/sdk/columns_build.h>

#define ROUNDS_MAX 256

typedef struct writer_options {
    tiering_lake_options lake;
    int64_t memory_bytes;
    int64_t loads;
} writer_options;

#define ROUND_LOADING 1
#define ROUND_OPEN 2
#define ROUND_FAILED 3

typedef struct iceberg_writer iceberg_writer;

/* A batch that came while the table was loading. */
typedef struct waiting {
    const slu_batch *batch;
    struct waiting *next;
} waiting;

typedef struct writer_round {
    tiering_lane_job job; /* first: the job is the round */
    int state;
    waiting *first;
    waiting **last;
    bool loading; /* a lane has it */
    bool dropped; /* free it when it comes back */
    tiering_piece head;
    iceberg_table table;
    const iceberg_store *store; /* the lane's catalog's, whose functions any thread may call */
    slu_status loaded;
    slu_error failure;
    tiering_open_split *splits; /* those with rows so far */
    uint32_t ended;
    struct writer_round *next;
} writer_round;

struct iceberg_writer {
    slu_host *host;
    const writer_options *options;
    slu_env env;
    tiering_lanes *lanes;
    int64_t waiting_bytes;
    writer_round *rounds;
    uint32_t round_count;
    uint32_t subtask;
    slu_metric *rows;
    slu_metric *files;
};

static void
writer_log(iceberg_writer *self, int level, const char *event, const tiering_piece *head, const char *what)
{
    char message[SLU_ERROR_MESSAGE_BYTES * 2];
    (void)snprintf(message, sizeof message, "table %s.%s, epoch %lld: %.700s", head->database, head->table,
                   (long long)head->tiering_epoch, what);
    self->host->log(self->host, level, event, message);
}

/* ---- rounds ---- */

/* The first of the batches that wait; the caller unrefs it. NULL: none. */
static const slu_batch *
round_next_waiting(iceberg_writer *self, writer_round *round)
{
    waiting *item = round->first;
    if (item == NULL)
        return NULL;
    const slu_batch *batch = item->batch;
    round->first = item->next;
    if (round->first == NULL)
        round->last = &round->first;
    self->waiting_bytes -= batch->bytes;
    slu_free(item);
    return batch;
}

static void
round_free(iceberg_writer *self, writer_round *round)
{
    for (const slu_batch *batch; (batch = round_next_waiting(self, round)) != NULL;)
        self->host->batch_unref(self->host, &batch);
    tiering_splits_free(&round->splits);
    iceberg_table_fini(&round->table);
    slu_free(round);
}

static void
round_drop(iceberg_writer *self, writer_round *round)
{
    writer_round **at = &self->rounds;
    while (*at != round)
        at = &(*at)->next;
    *at = round->next;
    self->round_count--;
    if (round->loading)
        round->dropped = true;
    else
        round_free(self, round);
}

static writer_round *
round_find(iceberg_writer *self, const tiering_piece *piece)
{
    for (writer_round *round = self->rounds; round != NULL; round = round->next)
        if (tiering_same_round(&round->head, piece))
            return round;
    return NULL;
}

/* An older round of the same table is over, whatever became of its end. */
static void
round_drop_older(iceberg_writer *self, const tiering_piece *piece)
{
    writer_round *round = self->rounds;
    while (round != NULL) {
        writer_round *next = round->next;
        if (round->head.table_id == piece->table_id && !tiering_same_round(&round->head, piece))
            round_drop(self, round);
        round = next;
    }
}

/* On its lane's thread. */
static void
round_load(tiering_job *job)
{
    writer_round *round = (writer_round *)(void *)job;
    iceberg_catalog *catalog = NULL;
    round->loaded = tiering_lane_catalog(round->job.lane, &catalog, &round->failure);
    if (round->loaded == SLU_OK)
        round->loaded = iceberg_catalog_load(catalog, round->head.database, round->head.table, &round->table, &round->failure);
    if (round->loaded == SLU_OK)
        round->store = iceberg_catalog_store(catalog, &round->table);
    else
        (void)slu_error_in(&round->failure, round->loaded, "the lake table");
}

static slu_status
round_begin(iceberg_writer *self, const tiering_piece *piece, writer_round **out, slu_error *err)
{
    round_drop_older(self, piece);
    if (self->round_count == ROUNDS_MAX)
        return SLU_AGAIN;
    writer_round *round = slu_alloc_zero(1, sizeof *round);
    if (round == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a tiering round");
    round->job.job.run = round_load;
    round->job.table_id = piece->table_id;
    round->last = &round->first;
    round->head = *piece;
    round->state = ROUND_LOADING;
    const slu_status status = tiering_lanes_submit(self->lanes, &round->job, err);
    if (status != SLU_OK) {
        slu_free(round);
        return status;
    }
    round->loading = true;
    round->next = self->rounds;
    self->rounds = round;
    self->round_count++;
    *out = round;
    return SLU_OK;
}

/* ---- results ---- */

static slu_status
result_array(const tiering_piece *piece, slu_view result, struct ArrowArray *out, slu_error *err)
{
    sdk_builder id = {0}, bytes = {0};
    struct ArrowArray columns[2] = {{0}, {0}};
    slu_status status = sdk_builder_init(&id, "l", NULL);
    if (status == SLU_OK)
        status = sdk_builder_init(&bytes, "z", NULL);
    if (status == SLU_OK) {
        sdk_builder_i64(&id, piece->table_id);
        sdk_builder_bytes(&bytes, result.data, result.bytes);
        status = sdk_builder_finish(&id, &columns[0], err);
    }
    if (status == SLU_OK)
        status = sdk_builder_finish(&bytes, &columns[1], err);
    if (status == SLU_OK)
        status = sdk_struct(columns, 2, 1, out, err);
    sdk_builder_fini(&id);
    sdk_builder_fini(&bytes);
    slu_array_release(&columns[0]);
    slu_array_release(&columns[1]);
    return status;
}

static slu_status
writer_send(iceberg_writer *self, const tiering_piece *piece, uint8_t kind, slu_view payload, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf result;
    struct ArrowArray array;
    tiering_piece sent = *piece;
    sent.kind = kind;
    slu_buf_init(&result, TIERING_RESULT_BYTES_MAX + 4096);
    tiering_result_encode(&sent, payload, &result);
    SLU_TRY(slu_buf_status(&result, err));
    SLU_TRY(result_array(piece, slu_buf_view(&result), &array, err));
    slu_emit emit = {.size = sizeof emit, .array = &array};
    return self->host->emit(self->host, &emit, err);
}

/* A table's failure is a record, not the task's. */
static slu_status
round_fail(iceberg_writer *self, writer_round *round, const tiering_piece *piece, const slu_error *failure, slu_error *err)
{
    writer_log(self, SLU_HOST_LOG_WARN, "TIERING-ROUND-FAILED", &round->head, failure->message);
    round->state = ROUND_FAILED;
    tiering_splits_free(&round->splits);
    return writer_send(self, piece, TIERING_FAILED, slu_view_of_text(failure->message), err);
}

/* ---- pieces ---- */

/* What the splits hold by one measure together, and the one that holds most. */
static int64_t
writer_held(const iceberg_writer *self, int64_t (*measure)(const tiering_lake_writer *writer), writer_round **out_round,
            tiering_open_split **fullest)
{
    int64_t held = 0;
    int64_t most = -1;
    for (writer_round *round = self->rounds; round != NULL; round = round->next) {
        for (tiering_open_split *split = round->splits; split != NULL; split = split->next) {
            const int64_t bytes = split->writer == NULL ? 0 : measure(split->writer);
            held += bytes;
            if (split->writer != NULL && bytes > most) {
                most = bytes;
                *out_round = round;
                *fullest = split;
            }
        }
    }
    return held;
}

/* Open files may hold so much together; beyond it the fullest one ends, and its split goes on with another. Keys that are remembered may
 * hold as much again; beyond it the split with most of them is cut short. A failure is the fullest's, whosever rows these were. */
static slu_status
writer_keep_budget(iceberg_writer *self, slu_error *err)
{
    slu_error failure;
    writer_round *round = NULL;
    tiering_open_split *fullest = NULL;
    slu_status status = SLU_OK;
    if (writer_held(self, tiering_lake_writer_held, &round, &fullest) > self->options->memory_bytes)
        status = tiering_lake_writer_roll(fullest->writer, &failure);
    if (status == SLU_OK && writer_held(self, tiering_lake_writer_keys, &round, &fullest) > self->options->memory_bytes)
        status = tiering_split_cut(fullest, &failure);
    return status == SLU_OK ? SLU_OK : round_fail(self, round, &round->head, &failure, err);
}

static slu_status
round_rows(iceberg_writer *self, writer_round *round, const tiering_piece *piece, const slu_batch *batch, slu_error *err)
{
    tiering_open_split *split = NULL;
    const tiering_lake_writer_options options = {
        .env = &self->env, .store = round->store, .metadata = round->table.metadata, .piece = piece, .subtask = self->subtask};
    SLU_TRY(tiering_splits_find(&round->splits, &options, &split, err));
    SLU_TRY(tiering_split_write(split, piece, batch, err));
    self->host->metric_add(self->host, self->rows, batch->rows);
    return SLU_OK;
}

static slu_status
round_end(iceberg_writer *self, writer_round *round, const tiering_piece *piece, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf files;
    slu_error failure;
    tiering_piece end = *piece;
    slu_buf_init(&files, TIERING_RESULT_BYTES_MAX);
    const slu_status status = tiering_splits_end(&round->splits, &end, &files, &failure);
    if (status != SLU_OK)
        return round_fail(self, round, piece, &failure, err);
    self->host->metric_add(self->host, self->files, files.bytes != 0);
    SLU_TRY(writer_send(self, &end, TIERING_RESULT, slu_buf_view(&files), err));
    if (++round->ended == round->head.split_count)
        round_drop(self, round);
    return SLU_OK;
}

static slu_status
round_piece(iceberg_writer *self, writer_round *round, const tiering_piece *piece, const slu_batch *batch, slu_error *err)
{
    slu_error failure;
    if (round->state == ROUND_FAILED)
        return SLU_OK;
    if (round->state == ROUND_OPEN && round->loaded != SLU_OK)
        return round_fail(self, round, piece, &round->failure, err);
    if (piece->kind == TIERING_END)
        return round_end(self, round, piece, err);
    if (piece->kind != TIERING_ROWS)
        return slu_error_set(err, SLU_CORRUPT, "a piece of kind %d in front of a writer", piece->kind);
    if (round_rows(self, round, piece, batch, &failure) != SLU_OK)
        return round_fail(self, round, piece, &failure, err);
    return writer_keep_budget(self, err);
}

static slu_status
writer_abort(iceberg_writer *self, const tiering_piece *piece, slu_error *err)
{
    writer_round *round = round_find(self, piece);
    if (round != NULL)
        round_drop(self, round);
    return writer_send(self, piece, TIERING_ABORT, slu_view_of(NULL, 0), err);
}

static slu_status
batch_piece(const slu_batch *batch, tiering_piece *out, slu_error *err)
{
    for (uint32_t i = 0; i < batch->attr_count; i++) {
        if (strcmp(batch->attrs[i].key, TIERING_PIECE) != 0)
            continue;
        slu_cursor c = slu_cursor_of(batch->attrs[i].data, (size_t)batch->attrs[i].data_bytes);
        return tiering_piece_decode(&c, out, err);
    }
    return slu_error_set(err, SLU_INVALID,
                         "a batch without the attribute \"%s\": iceberg_writer reads from fluss_tiering_source only",
                         TIERING_PIECE);
}

/* Until the table is there: the batch is kept, if there is room. */
static slu_status
round_wait(iceberg_writer *self, writer_round *round, const slu_batch *batch, slu_error *err)
{
    if (self->waiting_bytes + batch->bytes > self->options->memory_bytes)
        return SLU_AGAIN;
    waiting *item = slu_alloc_zero(1, sizeof *item);
    if (item == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a batch that waits");
    item->batch = self->host->batch_ref(self->host, batch);
    self->waiting_bytes += batch->bytes;
    *round->last = item;
    round->last = &item->next;
    return SLU_OK;
}

/* The table is there, or cannot be loaded: what waited goes its way. The last piece may end the round. */
static slu_status
round_loaded(iceberg_writer *self, writer_round *round, slu_error *err)
{
    const tiering_piece head = round->head;
    slu_status status = SLU_OK;
    round->state = ROUND_OPEN;
    while (status == SLU_OK && round_find(self, &head) == round) {
        tiering_piece piece;
        const slu_batch *batch = round_next_waiting(self, round);
        if (batch == NULL)
            return SLU_OK;
        status = batch_piece(batch, &piece, err);
        if (status == SLU_OK)
            status = round_piece(self, round, &piece, batch, err);
        self->host->batch_unref(self->host, &batch);
    }
    return status;
}

static slu_status
writer_process(void *instance, uint32_t input, const slu_batch *batch, slu_error *err)
{
    iceberg_writer *self = instance;
    tiering_piece piece;
    (void)input;
    SLU_TRY(batch_piece(batch, &piece, err));
    if (piece.kind == TIERING_ABORT)
        return writer_abort(self, &piece, err);
    writer_round *round = round_find(self, &piece);
    if (round == NULL)
        SLU_TRY(round_begin(self, &piece, &round, err));
    if (round->state == ROUND_LOADING)
        return round_wait(self, round, batch, err);
    return round_piece(self, round, &piece, batch, err);
}

static slu_status
writer_ready(void *instance, uint64_t cookie, uint32_t events, slu_error *err)
{
    iceberg_writer *self = instance;
    (void)cookie, (void)events;
    bool ran = false;
    for (tiering_lane_job *job; (job = tiering_lanes_take(self->lanes, &ran)) != NULL;) {
        writer_round *round = (writer_round *)(void *)job;
        round->loading = false;
        if (round->dropped)
            round_free(self, round);
        else
            SLU_TRY(round_loaded(self, round, err));
    }
    return SLU_OK;
}

/* ---- the face ---- */

static void
writer_wake(void *context)
{
    slu_host *host = context;
    host->wake(host);
}

static slu_status
writer_plan(slu_plan_call *call, slu_error *err)
{
    const writer_options *options = call->options;
    SLU_TRY(tiering_lake_check(&options->lake, err));
    slu_status status = slu_schema_init_struct(&call->outputs[0]);
    if (status == SLU_OK)
        status = slu_schema_add(&call->outputs[0], "l", "table_id", false);
    if (status == SLU_OK)
        status = slu_schema_add(&call->outputs[0], "z", "result", false);
    return status == SLU_OK ? SLU_OK : slu_error_set(err, status, "no memory for a schema");
}

static void
writer_close(void *instance)
{
    iceberg_writer *self = instance;
    bool ran = false;
    if (self->lanes != NULL) {
        tiering_lanes_stop(self->lanes);
        for (tiering_lane_job *job; (job = tiering_lanes_take(self->lanes, &ran)) != NULL;) {
            writer_round *round = (writer_round *)(void *)job;
            round->loading = false;
            if (round->dropped)
                round_free(self, round);
        }
    }
    while (self->rounds != NULL)
        round_drop(self, self->rounds);
    tiering_lanes_close(&self->lanes);
}

static slu_status
writer_open(void *instance, const slu_open *open, slu_error *err)
{
    iceberg_writer *self = instance;
    self->host = open->host;
    self->options = open->options;
    self->subtask = open->subtask;
    tiering_env_of_host(&self->env, open->host);
    self->rows = self->host->metric(self->host, SLU_METRIC_COUNTER, "tieringRowsWritten");
    self->files = self->host->metric(self->host, SLU_METRIC_COUNTER, "tieringSplitsWritten");
    const tiering_lanes_options lanes = {.env = &self->env,
                                         .lake = &self->options->lake,
                                         .lanes_max = (uint32_t)self->options->loads,
                                         .wake = writer_wake,
                                         .context = self->host};
    const slu_status status = tiering_lanes_open(&lanes, &self->lanes, err);
    if (status != SLU_OK)
        writer_close(self);
    return status;
}

static const slu_option writer_option_table[] = {
    TIERING_LAKE_OPTIONS(writer_options),
    SLU_OPTION("memory", BYTES, writer_options, memory_bytes, "128mib",
               "what open data files may hold together before the fullest is ended", .min = 1 << 20, .max = INT64_C(1) << 40),
    SLU_OPTION("loads", I64, writer_options, loads, "4", "lake tables that are looked up at the same time", .min = 1,
               .max = TIERING_LANES_MAX),
};

static const slu_operator_ops writer_ops = {
    .size = sizeof writer_ops, .open = writer_open, .process = writer_process, .ready = writer_ready, .close = writer_close};

const slu_plugin tiering_writer_plugin = {
    .size = sizeof(slu_plugin),
    .kind = SLU_KIND_OPERATOR,
    .name = "iceberg_writer",
    .help = "Writes what fluss_tiering_source read into data files of the lake tables, one result per bucket.",
    .options = writer_option_table,
    .option_count = sizeof writer_option_table / sizeof writer_option_table[0],
    .options_bytes = sizeof(writer_options),
    .instance_bytes = sizeof(iceberg_writer),
    .state_version = 1,
    .input_min = 1,
    .input_max = 1,
    .output_count = 1,
    .plan = writer_plan,
    .ops = &writer_ops,
};
