/*
 * fluss_sink.c: rows into a Fluss table: each batch is divided by bucket and appended (log tables) or upserted (primary key tables).
 * What makes the appends exactly-once is in sink_recover.c; its rule is in sink.h.
 */
#include "sink.h"

#include "base/alloc.h"
#include "fluss/record/key.h"

#include <stdio.h>

static const slu_option options_table[] = {
    FACE_OPTIONS(sink_options),
    SLU_OPTION("columns", MAP, sink_options, columns, NULL,
               "which input column each table column takes; by the same names when left out"),
    SLU_OPTION("identity", LIST, sink_options, identity, NULL,
               "columns of a log table that are unique for each row: makes its appends exactly-once (else at-least-once)"),
    SLU_OPTION("linger", DURATION, sink_options, linger_ms, "5ms",
               "how long rows may wait for a fuller batch; a barrier does not wait", .min = 0, .max = 60000),
    SLU_OPTION("batch-rows", I64, sink_options, batch_rows, "8192", "rows, over all buckets, that wait no longer", .min = 1,
               .max = 1000000),
    SLU_OPTION("client.writer.dynamic-create-partition.enabled", BOOL, sink_options, make_partitions, "true",
               "make a partition that is not there when the first row for it comes"),
};

/* ---- Planning ---- */

static slu_status
plan_check(fluss_face *face, const sink_options *options, const struct ArrowSchema *input, slu_error *err)
{
    sink_map map = {0};
    SLU_TRY(face_wait(face, err));
    sink_identity identity = {0};
    SLU_TRY(sink_identity_init(&identity, face, options->identity, err));
    sink_identity_fini(&identity);
    const slu_status status = sink_map_init(&map, face, options->columns, input, err);
    sink_map_fini(&map);
    return status;
}

static slu_status
sink_plan(slu_plan_call *call, slu_error *err)
{
    const sink_options *options = call->options;
    fluss_face face = {0};
    SLU_TRY(face_open(&face, call->host, &options->face, call->with, false, err));
    const slu_status status = plan_check(&face, options, call->inputs[0], err);
    if (status == SLU_OK)
        sink_promise(&face, options->identity);
    face_close(&face);
    return status;
}

/* ---- Life ---- */

static slu_status
sink_open(void *self, const slu_open *open, slu_error *err)
{
    fluss_sink *mine = self;
    mine->options = open->options;
    mine->with = open->with;
    mine->input = open->inputs[0];
    mine->subtask = open->subtask;
    mine->parallelism = open->parallelism;
    mine->sticky = (int32_t)open->subtask - (int32_t)open->parallelism;
    sink_replay_init(&mine->replay);
    return face_open(&mine->face, open->host, &mine->options->face, open->with, true, err);
}

static void
held_fini(fluss_sink *mine, sink_held *held)
{
    if (held->batch != NULL)
        mine->face.host->batch_unref(mine->face.host, &held->batch);
    slu_free(held->children);
    slu_free(held->order);
    slu_free(held->starts);
    memset(held, 0, sizeof *held);
}

static void
sink_close(void *self)
{
    fluss_sink *mine = self;
    for (size_t i = 0; i < SINK_HELD_MAX; i++)
        held_fini(mine, &mine->held[i]);
    fluss_writer_close(&mine->writer);
    sink_recover_fini(mine);
    sink_map_fini(&mine->map);
    face_close(&mine->face);
    slu_free(mine->rows);
    slu_free(mine->places);
    slu_free(mine->slots);
}

static slu_status
sink_restore(void *self, uint32_t state_version, uint32_t key_group, const void *data, uint64_t bytes, slu_error *err)
{
    (void)state_version;
    (void)key_group;
    return sink_state_decode(self, slu_view_of(data, (size_t)bytes), err);
}

/* Before going back to the host with work under way. */
static void
sink_arm(fluss_sink *mine)
{
    const int64_t now_ms = mine->face.host->now_ms(mine->face.host);
    int64_t at_ms = INT64_MAX;
    if (mine->phase != SINK_RUNNING) /* leaders and offsets are asked for again at a slow pace */
        at_ms = now_ms + SINK_RETRY_MS;
    else if (mine->held_count > 0)
        at_ms = mine->flushing ? now_ms + SINK_RETRY_MS : mine->held_since_ms + mine->options->linger_ms;
    face_arm_at(&mine->face, at_ms);
}

/* ---- Rows ---- */

static slu_status
room_reserve(fluss_sink *mine, int64_t rows, slu_error *err)
{
    if (rows <= mine->room)
        return SLU_OK;
    slu_free(mine->rows);
    slu_free(mine->places);
    slu_free(mine->slots);
    mine->rows = slu_alloc((size_t)rows * sizeof *mine->rows);
    mine->places = slu_alloc((size_t)rows * sizeof *mine->places);
    mine->slots = slu_alloc((size_t)rows * sizeof *mine->slots);
    mine->room = mine->rows != NULL && mine->places != NULL && mine->slots != NULL ? rows : 0;
    return mine->room > 0 ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for %lld rows", (long long)rows);
}

static slu_status
held_reserve(const fluss_sink *mine, sink_held *held, int64_t rows, slu_error *err)
{
    if (held->children == NULL)
        held->children = slu_alloc((size_t)fluss_target_table(mine->face.target)->arrow.n_children * sizeof *held->children);
    if (rows > held->room) {
        slu_free(held->order);
        held->order = slu_alloc((size_t)rows * sizeof *held->order);
        held->room = held->order == NULL ? 0 : rows;
    }
    if (held->children == NULL || held->order == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the order of %lld rows", (long long)rows);
    return SLU_OK;
}

/* The batch's rows without those that the last attempt stored. */
static slu_status
rows_list(fluss_sink *mine, const slu_batch *batch, const struct ArrowArray *array, int64_t *out_rows, slu_error *err)
{
    const fluss_table *table = fluss_target_table(mine->face.target);
    slu_column columns[SINK_IDENTITY_MAX];
    int64_t rows = 0;
    for (size_t i = 0; i < mine->identity.count; i++)
        columns[i] = slu_column_child(&table->arrow, array, mine->identity.columns[i]);
    for (int64_t i = 0; i < batch->rows; i++) {
        const int64_t row = slu_batch_row(batch, i);
        if (mine->replay.left > 0) {
            SLU_TRY(sink_identity_of(&mine->identity, columns, row, err));
            if (sink_replay_take(&mine->replay, slu_buf_view(&mine->identity.key)))
                continue;
        }
        mine->rows[rows++] = (int32_t)row;
    }
    *out_rows = rows;
    return SLU_OK;
}

/* A table without bucket key: all of the batch goes to one of our own buckets, another each time. */
static void
rows_stick(fluss_sink *mine, int64_t rows)
{
    const int32_t bucket_count = fluss_target_table(mine->face.target)->bucket_count;
    mine->sticky += (int32_t)mine->parallelism;
    if (mine->sticky >= bucket_count)
        mine->sticky = (int32_t)(mine->subtask % (uint32_t)bucket_count);
    for (int64_t i = 0; i < rows; i++)
        mine->places[i] = mine->sticky;
}

static slu_status
rows_bucket(fluss_sink *mine, const struct ArrowArray *array, int64_t rows, slu_error *err)
{
    const fluss_table *table = fluss_target_table(mine->face.target);
    if (table->bucket_column_count == 0 && !mine->exact) {
        rows_stick(mine, rows);
        return SLU_OK;
    }
    SLU_TRY(table->bucket_column_count == 0
                ? sink_identity_buckets(&mine->identity, table, array, mine->rows, rows, mine->places, err)
                : fluss_table_buckets(table, &table->arrow, array, mine->rows, rows, mine->places, err));
    for (int64_t i = 0; mine->exact && i < rows; i++)
        if ((uint32_t)mine->places[i] % mine->parallelism != mine->subtask)
            return slu_error_set(
                err, SLU_INVALID,
                "table %s: a row of bucket %d reached subtask %u of %u, which may not write it: put `partition: bucket` before "
                "the sink",
                mine->options->face.table, mine->places[i], mine->subtask, mine->parallelism);
    return SLU_OK;
}

/* The bucket number of each row. */
static slu_status
rows_place(fluss_sink *mine, const struct ArrowArray *array, int64_t rows, slu_error *err)
{
    const fluss_table *table = fluss_target_table(mine->face.target);
    SLU_TRY(rows_bucket(mine, array, rows, err));
    if (!fluss_target_partitioned(mine->face.target))
        return SLU_OK;
    SLU_TRY(fluss_target_slots(mine->face.target, &table->arrow, array, mine->rows, rows, mine->slots, err));
    for (int64_t i = 0; i < rows; i++)
        mine->places[i] += mine->slots[i] * table->bucket_count;
    return sink_buckets_grow(mine, err);
}

static slu_status
starts_reserve(const fluss_sink *mine, sink_held *held, slu_error *err)
{
    held->numbers = mine->bucket_count;
    if (held->starts != NULL && held->starts_room >= mine->bucket_count)
        return SLU_OK;
    slu_free(held->starts);
    held->starts = slu_alloc(((size_t)mine->bucket_count + 1) * sizeof *held->starts);
    held->starts_room = held->starts == NULL ? 0 : mine->bucket_count;
    return held->starts != NULL ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", mine->bucket_count);
}

/* Counting sort: order holds the rows by bucket number, starts where each begins. */
static void
rows_sort(const fluss_sink *mine, int64_t rows, sink_held *held)
{
    memset(held->starts, 0, ((size_t)held->numbers + 1) * sizeof *held->starts);
    for (int64_t i = 0; i < rows; i++)
        held->starts[mine->places[i] + 1]++;
    for (int32_t bucket = 0; bucket < held->numbers; bucket++)
        held->starts[bucket + 1] += held->starts[bucket];
    for (int64_t i = 0; i < rows; i++)
        held->order[held->starts[mine->places[i]]++] = mine->rows[i];
    for (int32_t bucket = held->numbers; bucket > 0; bucket--)
        held->starts[bucket] = held->starts[bucket - 1];
    held->starts[0] = 0;
}

/* A log table takes appends only. */
static slu_status
kinds_check(const fluss_sink *mine, const slu_batch *batch, slu_error *err)
{
    if (batch->kinds == NULL || fluss_target_table(mine->face.target)->key_column_count != 0)
        return SLU_OK;
    for (int64_t i = 0; i < batch->rows; i++)
        if (batch->kinds[slu_batch_row(batch, i)] > SLU_ROW_INSERT)
            return slu_error_set(err, SLU_INVALID, "table %s is a log table: it takes appended rows, not updates or deletes",
                                 mine->options->face.table);
    return SLU_OK;
}

/* Divides a batch and puts it with those that wait. */
static slu_status
batch_hold(fluss_sink *mine, const slu_batch *batch, slu_error *err)
{
    sink_held *held = &mine->held[mine->held_count];
    int64_t rows = 0;
    SLU_TRY(kinds_check(mine, batch, err));
    SLU_TRY(room_reserve(mine, batch->rows, err));
    SLU_TRY(held_reserve(mine, held, batch->rows, err));
    SLU_TRY(sink_map_view(&mine->map, batch, held->children, &held->view, err));
    SLU_TRY(rows_list(mine, batch, &held->view, &rows, err));
    if (rows == 0)
        return SLU_OK;
    SLU_TRY(rows_place(mine, &held->view, rows, err));
    SLU_TRY(starts_reserve(mine, held, err));
    rows_sort(mine, rows, held);
    held->batch = mine->face.host->batch_ref(mine->face.host, batch);
    if (mine->held_count++ == 0)
        mine->held_since_ms = mine->face.host->now_ms(mine->face.host);
    mine->held_rows += rows;
    return SLU_OK;
}

/* One bucket's rows of everything held, as one batch. */
static slu_status
bucket_write(fluss_sink *mine, int32_t bucket, slu_error *err)
{
    const fluss_table *table = fluss_target_table(mine->face.target);
    const bool kv = table->key_column_count != 0;
    fluss_piece pieces[SINK_HELD_MAX];
    size_t count = 0;
    for (size_t i = 0; i < mine->held_count; i++) {
        const sink_held *held = &mine->held[i];
        if (bucket >= held->numbers)
            continue;
        const int64_t from = held->starts[bucket];
        const int64_t rows = held->starts[bucket + 1] - from;
        if (rows > 0)
            pieces[count++] = (fluss_piece){&held->view, held->order + from, rows, kv ? held->batch->kinds : NULL};
    }
    return count == 0 ? SLU_OK : fluss_writer_write_pieces(mine->writer, bucket, &table->arrow, pieces, count, err);
}

/* Writes what is held. AGAIN: the writer is full. */
static slu_status
held_write(fluss_sink *mine, slu_error *err)
{
    mine->flushing = mine->held_count > 0;
    while (mine->flushing && mine->next_bucket < mine->bucket_count) {
        SLU_TRY(bucket_write(mine, mine->next_bucket, err));
        mine->next_bucket++;
    }
    for (size_t i = 0; i < mine->held_count; i++)
        mine->face.host->batch_unref(mine->face.host, &mine->held[i].batch);
    mine->held_count = 0;
    mine->held_rows = 0;
    mine->next_bucket = 0;
    mine->flushing = false;
    return SLU_OK;
}

/* Writes what is held when it is enough, or has waited enough. */
static slu_status
held_write_due(fluss_sink *mine, slu_error *err)
{
    if (mine->held_count == 0)
        return SLU_OK;
    const bool full = mine->held_rows >= mine->options->batch_rows || mine->held_count == SINK_HELD_MAX;
    const int64_t due_ms = mine->held_since_ms + mine->options->linger_ms;
    if (!mine->flushing && !full && mine->face.host->now_ms(mine->face.host) < due_ms)
        return SLU_OK;
    return held_write(mine, err);
}

static slu_status
sink_take(fluss_sink *mine, const slu_batch *batch, slu_error *err)
{
    SLU_TRY(sink_advance(mine, err));
    SLU_TRY(held_write_due(mine, err));
    if (batch->rows > 0)
        SLU_TRY(batch_hold(mine, batch, err));
    const slu_status status = held_write_due(mine, err);
    return status == SLU_AGAIN ? SLU_OK : status; /* taken; the rest follows */
}

static slu_status
sink_write(void *self, const slu_batch *batch, slu_error *err)
{
    fluss_sink *mine = self;
    const slu_status status = sink_take(mine, batch, err);
    sink_arm(mine);
    return status;
}

static slu_status
sink_ready(void *self, uint64_t cookie, uint32_t events, slu_error *err)
{
    fluss_sink *mine = self;
    (void)cookie;
    (void)events;
    face_step(&mine->face);
    slu_status status = sink_advance(mine, err);
    if (status == SLU_OK)
        status = held_write_due(mine, err);
    if (status == SLU_OK)
        status = sink_verify(mine, err);
    sink_arm(mine);
    return status == SLU_AGAIN ? SLU_OK : status;
}

/* ---- Barriers ---- */

static slu_status
prepare_once(fluss_sink *mine, slu_error *err)
{
    SLU_TRY(sink_advance(mine, err));
    SLU_TRY(held_write(mine, err));
    if (fluss_writer_pending(mine->writer) > 0)
        return SLU_AGAIN;
    return sink_verify(mine, err);
}

static slu_status
sink_prepare(void *self, slu_snapshot *committables, slu_error *err)
{
    fluss_sink *mine = self;
    (void)committables;
    slu_status status = prepare_once(mine, err);
    if (status == SLU_AGAIN) {
        face_step(&mine->face);
        status = prepare_once(mine, err);
    }
    sink_arm(mine);
    return status;
}

static slu_status
sink_snapshot(void *self, slu_snapshot *snapshot, slu_error *err)
{
    fluss_sink *mine = self;
    SLU_AUTO(slu_buf_fini) slu_buf state = {0};
    if (!mine->exact)
        return SLU_OK;
    slu_buf_init(&state, SINK_REPLAY_BYTES_MAX * 2);
    SLU_TRY(sink_state_encode(mine, &state, err));
    return snapshot->write(snapshot, SLU_KEY_GROUP_NONE, state.data, state.bytes, err);
}

static uint32_t
sink_pending(const void *self)
{
    const fluss_sink *mine = self;
    return (mine->writer == NULL ? 0 : fluss_writer_pending(mine->writer)) + (uint32_t)mine->held_count +
           (uint32_t)mine->check_count;
}

/* ---- `partition: bucket` ---- */

typedef struct spreader {
    fluss_face face;
    const sink_options *options;
    sink_map map;
    sink_identity identity;
    struct ArrowArray **children;
    int32_t *buckets;
    int64_t room;
    uint32_t turn;
} spreader;

static void spreader_close(void *self);

/* It must answer at once later on, so it waits for the table here. */
static slu_status
spreader_open(void *self, const slu_open *open, slu_error *err)
{
    spreader *mine = self;
    mine->options = open->options;
    mine->turn = open->subtask;
    SLU_TRY(face_open(&mine->face, open->host, &mine->options->face, open->with, false, err));
    slu_status status = face_wait(&mine->face, err);
    if (status == SLU_OK)
        status = sink_map_init(&mine->map, &mine->face, mine->options->columns, open->inputs[0], err);
    if (status == SLU_OK)
        status = sink_identity_init(&mine->identity, &mine->face, mine->options->identity, err);
    if (status == SLU_OK)
        mine->children = slu_alloc((size_t)fluss_target_table(mine->face.target)->arrow.n_children * sizeof *mine->children);
    if (status == SLU_OK && mine->children == NULL)
        status = slu_error_set(err, SLU_NOMEM, "no memory for columns");
    if (status != SLU_OK)
        spreader_close(mine);
    return status;
}

static slu_status
spreader_reserve(spreader *mine, int64_t rows, slu_error *err)
{
    if (rows <= mine->room)
        return SLU_OK;
    slu_free(mine->buckets);
    mine->buckets = slu_alloc((size_t)rows * sizeof *mine->buckets);
    mine->room = mine->buckets != NULL ? rows : 0;
    return mine->room > 0 ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for the buckets of %lld rows", (long long)rows);
}

static slu_status
spreader_partition(void *self, const slu_batch *batch, uint32_t *buckets, slu_error *err)
{
    spreader *mine = self;
    const fluss_table *table = fluss_target_table(mine->face.target);
    struct ArrowArray view;
    const uint32_t turn = mine->turn++ % (uint32_t)table->bucket_count;
    if (table->bucket_column_count == 0 && mine->identity.count == 0) {
        for (int64_t i = 0; i < batch->rows; i++)
            buckets[i] = turn;
        return SLU_OK;
    }
    SLU_TRY(sink_map_view(&mine->map, batch, mine->children, &view, err));
    SLU_TRY(spreader_reserve(mine, batch->rows, err));
    SLU_TRY(table->bucket_column_count == 0
                ? sink_identity_buckets(&mine->identity, table, &view, batch->selection, batch->rows, mine->buckets, err)
                : fluss_table_buckets(table, &table->arrow, &view, batch->selection, batch->rows, mine->buckets, err));
    for (int64_t i = 0; i < batch->rows; i++)
        buckets[i] = (uint32_t)mine->buckets[i];
    return SLU_OK;
}

static void
spreader_close(void *self)
{
    spreader *mine = self;
    sink_identity_fini(&mine->identity);
    sink_map_fini(&mine->map);
    face_close(&mine->face);
    slu_free(mine->buckets);
    slu_free(mine->children);
    mine->buckets = NULL;
    mine->children = NULL;
}

static const slu_partitioner_ops partitioner = {
    .size = sizeof partitioner,
    .instance_bytes = sizeof(spreader),
    .open = spreader_open,
    .partition = spreader_partition,
    .close = spreader_close,
};

static const slu_sink_ops ops = {
    .size = sizeof ops,
    .open = sink_open,
    .restore = sink_restore,
    .write = sink_write,
    .ready = sink_ready,
    .prepare = sink_prepare,
    .snapshot = sink_snapshot,
    .pending = sink_pending,
    .close = sink_close,
};

const slu_plugin fluss_sink_plugin = {
    .size = sizeof fluss_sink_plugin,
    .kind = SLU_KIND_SINK,
    .name = "fluss_sink",
    .help =
        "Appends rows to a Fluss log table, exactly once where they have an identity, or upserts them into a primary key table.",
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .options_bytes = sizeof(sink_options),
    .instance_bytes = sizeof(fluss_sink),
    .state_version = 1,
    .input_min = 1,
    .input_max = 16,
    .plan = sink_plan,
    .ops = &ops,
    .partitioner = &partitioner,
};
