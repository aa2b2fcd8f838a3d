/*
 * fluss_tiering_source: asks the Fluss coordinator for tables that are due, and reads each to the end it had when it was claimed.
 *
 * One subtask works (subtask 0): it owns the heartbeat. A round's life here:
 *
 *   claimed --pause over--> reading --every split ended--> handed over --the coordinator no longer knows it--> gone
 *      |                       |  \--nothing to read: reported finished at once--> gone
 *      |                       \-----failed: reported failed, ABORT to the writers--> gone
 *
 * Finishing is the committer's word to the coordinator; here it is noticed because renewing the table is then refused.
 */
#include "plan.h"
#include "reader.h"
#include "tiering.h"

#include "fluss/s3/fluss_s3.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <sluice/sdk/columns_build.h>

#define ROUNDS_MAX 64          /* tables in work at a time */
#define FAREWELL_MS 300        /* what close may wait to give its tables back */
#define PAUSE_DOUBLINGS_MAX 6U /* 1 s becomes a minute */
#define METRIC_NAME_BYTES 64
#define REMEMBERED_MAX 256 /* tables whose last start is remembered, for the pause between two rounds of one */

typedef struct source_options {
    const char *bootstrap_servers;
    fluss_login login;
    fluss_files_options files;
    int64_t poll_interval_ms;
    int64_t pause_ms;
    int64_t rounds;
    int64_t stop_after_idle_ms; /* 0: never */
    const char *tables;         /* patterns; NULL or empty: all */
} source_options;

#define ROUND_FREE 0
#define ROUND_CLAIMED 1
#define ROUND_READING 2
#define ROUND_HANDED 3   /* every piece was emitted; the committer finishes it */
#define ROUND_FINISHED 4 /* nothing to read: to be reported */
#define ROUND_FAILED 5   /* to be reported, and to be aborted downstream */

typedef struct source_round {
    int state;
    tiering_piece head;
    int64_t start_ms; /* CLAIMED: not before */
    tiering_reader *reader;
    bool abort;   /* an ABORT piece is to be emitted */
    bool planned; /* what became of the table's last round was looked at */
} source_round;

typedef struct remembered {
    int64_t table_id;
    int64_t start_ms;
    uint32_t failures; /* rounds in a row that failed: each doubles the pause */
    bool handed;       /* the last round was handed over: whether it was committed shows in the next one */
    int64_t known;     /* the lake snapshot that Fluss named then */
} remembered;

typedef struct tiering_source {
    slu_host *host;
    const source_options *options;
    slu_env env;
    bool idle; /* not subtask 0 */
    fluss_client *client;
    int watched; /* the client's descriptor; -1 */
    fluss_call *heartbeat;
    bool heard; /* the last heartbeat was answered, or failed */
    bool known_epoch;
    int32_t coordinator_epoch;
    int64_t beat_at_ms; /* the next heartbeat */
    int64_t ask_at_ms;  /* not before is a table asked for: one was given back */
    bool beat_failed;   /* the last one failed: said once */
    int64_t worked_ms;  /* when there last was work */
    source_round rounds[ROUNDS_MAX];
    uint32_t next; /* round robin */
    remembered last[REMEMBERED_MAX];
    uint32_t last_at;
    struct ArrowSchema marker_schema; /* of pieces without rows: one row says that they are there */
    slu_metric *rows;
    slu_metric *claimed;
} tiering_source;

static void
source_log(tiering_source *self, int level, const char *event, const char *message)
{
    self->host->log(self->host, level, event, message);
}

static int64_t
source_now(tiering_source *self)
{
    return self->host->now_ms(self->host);
}

/* ---- rounds ---- */

static source_round *
round_find(tiering_source *self, int64_t table_id)
{
    for (int i = 0; i < ROUNDS_MAX; i++)
        if (self->rounds[i].state != ROUND_FREE && self->rounds[i].head.table_id == table_id)
            return &self->rounds[i];
    return NULL;
}

/* Rounds that are worked on. One that waits for its pause takes no capacity: a few tables that always fail must not stop the others. */
static uint32_t
rounds_working(tiering_source *self, uint32_t *all)
{
    uint32_t count = 0;
    *all = 0;
    for (int i = 0; i < ROUNDS_MAX; i++) {
        const source_round *round = &self->rounds[i];
        *all += round->state != ROUND_FREE;
        count += round->state != ROUND_FREE && !(round->state == ROUND_CLAIMED && round->start_ms > source_now(self));
    }
    return count;
}

static void
round_free(source_round *round)
{
    tiering_reader_close(&round->reader);
    memset(round, 0, sizeof *round);
}

static remembered *
source_remembers(tiering_source *self, int64_t table_id)
{
    for (int i = 0; i < REMEMBERED_MAX; i++)
        if (self->last[i].table_id == table_id && self->last[i].start_ms != 0)
            return &self->last[i];
    return NULL;
}

/* How many rounds of the table failed in a row: a gauge of its own. */
static void
source_tell_failures(tiering_source *self, const tiering_piece *head, uint32_t failures)
{
    char name[METRIC_NAME_BYTES];
    (void)snprintf(name, sizeof name, "failures.%.24s.%.24s", head->database, head->table);
    self->host->metric_add(self->host, self->host->metric(self->host, SLU_METRIC_GAUGE, name), failures);
}

/* `last`: may be NULL. */
static void
source_failed(tiering_source *self, const tiering_piece *head, remembered *last)
{
    if (last != NULL)
        source_tell_failures(self, head, last->failures += last->failures < UINT32_MAX);
}

static void
source_succeeded(tiering_source *self, const tiering_piece *head, remembered *last)
{
    if (last != NULL && last->failures != 0)
        source_tell_failures(self, head, last->failures = 0);
}

static int64_t
pause_after(const tiering_source *self, uint32_t failures)
{
    return self->options->pause_ms << SLU_MIN(failures, PAUSE_DOUBLINGS_MAX);
}

static void
round_fail(tiering_source *self, source_round *round, const slu_error *reason)
{
    char message[SLU_ERROR_MESSAGE_BYTES * 2];
    (void)snprintf(message, sizeof message, "table %s.%s, epoch %lld: %.700s", round->head.database, round->head.table,
                   (long long)round->head.tiering_epoch, reason->message);
    source_log(self, SLU_HOST_LOG_WARN, "TIERING-ROUND-FAILED", message);
    remembered *last = source_remembers(self, round->head.table_id);
    source_failed(self, &round->head, last);
    tiering_reader_close(&round->reader);
    round->abort = round->head.split_count != 0;
    round->state = ROUND_FAILED;
    self->beat_at_ms = source_now(self);
}

/* What is handed over, or was taken from us while it was read, because the committer had heard of a failure before we did. */
static void
round_remember(remembered *last, const source_round *round)
{
    if (last == NULL)
        return;
    last->handed = true;
    last->known = round->head.known_snapshot;
}

/* The coordinator took the table away, or is another one: nothing to report. */
static void
round_drop(tiering_source *self, source_round *round, const char *why)
{
    char message[SLU_ERROR_MESSAGE_BYTES * 2];
    if (round->state != ROUND_HANDED) {
        (void)snprintf(message, sizeof message, "table %s.%s, epoch %lld: %s", round->head.database, round->head.table,
                       (long long)round->head.tiering_epoch, why);
        source_log(self, SLU_HOST_LOG_WARN, "TIERING-ROUND-DROPPED", message);
    }
    if (round->state == ROUND_READING && round->head.split_count != 0) {
        round_remember(source_remembers(self, round->head.table_id), round);
        tiering_reader_close(&round->reader);
        round->abort = true;
        round->state = ROUND_HANDED; /* freed once the ABORT is out */
        return;
    }
    if (!round->abort)
        round_free(round);
}

/* Not sooner than `pause` after its last start: a table that fails at once is pending again at once. */
static int64_t
round_start_time(tiering_source *self, int64_t table_id)
{
    const int64_t now = source_now(self);
    remembered *last = source_remembers(self, table_id);
    if (last == NULL) {
        self->last[self->last_at++ % REMEMBERED_MAX] = (remembered){.table_id = table_id, .start_ms = now};
        return now;
    }
    last->start_ms = SLU_MAX(now, last->start_ms + pause_after(self, last->handed ? 0 : last->failures));
    return last->start_ms;
}

static void
source_claimed(tiering_source *self, const Fluss__PbLakeTieringTableInfo *table)
{
    const char *database = table->table_path->database_name, *name = table->table_path->table_name;
    source_round *round = round_find(self, table->table_id);
    if (round != NULL)
        round_drop(self, round, "it was handed out anew");
    round = NULL;
    for (int i = 0; i < ROUNDS_MAX && round == NULL; i++)
        if (self->rounds[i].state == ROUND_FREE)
            round = &self->rounds[i];
    if (round == NULL || strlen(database) >= TIERING_NAME_BYTES_MAX || strlen(name) >= TIERING_NAME_BYTES_MAX)
        return; /* its two minutes pass, and it is handed out again */
    const bool wanted = tiering_table_wanted(self->options->tables, database, name);
    round->state = wanted ? ROUND_CLAIMED : ROUND_FAILED;
    round->start_ms = wanted ? round_start_time(self, table->table_id) : 0;
    round->head.table_id = table->table_id;
    round->head.tiering_epoch = table->tiering_epoch;
    round->head.coordinator_epoch = self->coordinator_epoch;
    (void)snprintf(round->head.database, sizeof round->head.database, "%s", database);
    (void)snprintf(round->head.table, sizeof round->head.table, "%s", name);
    self->beat_at_ms = source_now(self); /* there may be more */
    if (wanted)
        self->host->metric_add(self->host, self->claimed, 1);
    else /* given back, to the end of the queue: others are given to whoever asks before it comes again */
        self->ask_at_ms = source_now(self) + self->options->poll_interval_ms;
}

/* ---- the heartbeat ---- */

static void
heartbeat_answer_table(tiering_source *self, const Fluss__PbHeartbeatRespForTable *entry)
{
    source_round *round = round_find(self, entry->table_id);
    if (entry->error == NULL || round == NULL)
        return;
    round_drop(self, round, entry->error->error_message == NULL ? "the coordinator took it away" : entry->error->error_message);
}

static void
source_new_coordinator(tiering_source *self, int32_t epoch)
{
    for (int i = 0; i < ROUNDS_MAX; i++)
        if (self->rounds[i].state != ROUND_FREE)
            round_drop(self, &self->rounds[i], "the coordinator was restarted");
    self->coordinator_epoch = epoch;
    self->known_epoch = true;
}

static void
on_heartbeat(void *context, fluss_answer *answer, const slu_error *failure)
{
    tiering_source *self = context;
    self->heartbeat = NULL;
    self->heard = true;
    self->beat_at_ms = source_now(self) + self->options->poll_interval_ms;
    if (failure != NULL) {
        if (!self->beat_failed)
            source_log(self, SLU_HOST_LOG_WARN, "TIERING-HEARTBEAT-FAILED", failure->message);
        self->beat_failed = true;
        return;
    }
    self->beat_failed = false;
    const Fluss__LakeTieringHeartbeatResponse *response = (const Fluss__LakeTieringHeartbeatResponse *)answer->message;
    if (!self->known_epoch)
        self->beat_at_ms = source_now(self);
    if (!self->known_epoch || response->coordinator_epoch != self->coordinator_epoch)
        source_new_coordinator(self, response->coordinator_epoch);
    for (size_t i = 0; i < response->n_tiering_table_resp; i++)
        heartbeat_answer_table(self, response->tiering_table_resp[i]);
    if (response->tiering_table != NULL)
        source_claimed(self, response->tiering_table);
}

/* The rounds of one heartbeat, by what is said of them. Reported ones are over here, whatever the answer: an unheard report costs the
 * coordinator's two minutes. */
typedef struct beat {
    Fluss__PbHeartbeatReqForTable entries[ROUNDS_MAX];
    Fluss__PbHeartbeatReqForTable *tiering[ROUNDS_MAX];
    Fluss__PbHeartbeatReqForTable *finished[ROUNDS_MAX];
    Fluss__PbHeartbeatReqForTable *failed[ROUNDS_MAX];
    Fluss__LakeTieringHeartbeatRequest request;
} beat;

static void
beat_add(beat *b, int i, source_round *round)
{
    Fluss__PbHeartbeatReqForTable *entry = &b->entries[i];
    fluss__pb_heartbeat_req_for_table__init(entry);
    entry->table_id = round->head.table_id;
    entry->coordinator_epoch = round->head.coordinator_epoch;
    entry->tiering_epoch = round->head.tiering_epoch;
    if (round->state == ROUND_FINISHED)
        b->finished[b->request.n_finished_tables++] = entry;
    else if (round->state == ROUND_FAILED)
        b->failed[b->request.n_failed_tables++] = entry;
    else
        b->tiering[b->request.n_tiering_tables++] = entry;
}

static void
beat_make(tiering_source *self, beat *b)
{
    memset(b, 0, sizeof *b);
    fluss__lake_tiering_heartbeat_request__init(&b->request);
    for (int i = 0; i < ROUNDS_MAX && self->known_epoch; i++)
        if (self->rounds[i].state != ROUND_FREE && !(self->rounds[i].state == ROUND_HANDED && self->rounds[i].abort))
            beat_add(b, i, &self->rounds[i]);
    b->request.tiering_tables = b->tiering;
    b->request.finished_tables = b->finished;
    b->request.failed_tables = b->failed;
}

static void
source_beat(tiering_source *self)
{
    beat b;
    slu_error err;
    if (self->heartbeat != NULL || source_now(self) < self->beat_at_ms)
        return;
    self->heard = false;
    beat_make(self, &b);
    uint32_t all = 0;
    const uint32_t working = rounds_working(self, &all);
    b.request.has_request_table = 1;
    b.request.request_table =
        self->known_epoch && source_now(self) >= self->ask_at_ms && working < (uint32_t)self->options->rounds && all < ROUNDS_MAX;
    const slu_status status = fluss_client_call(self->client, FLUSS_TO_COORDINATOR, FLUSS_API_LAKE_TIERING_HEARTBEAT,
                                                &b.request.base, on_heartbeat, self, &self->heartbeat, &err);
    if (status != SLU_OK) {
        self->beat_at_ms = source_now(self) + self->options->poll_interval_ms;
        source_log(self, SLU_HOST_LOG_WARN, "TIERING-HEARTBEAT-FAILED", err.message);
        return;
    }
    for (int i = 0; i < ROUNDS_MAX; i++) {
        source_round *round = &self->rounds[i];
        if (round->state == ROUND_FINISHED)
            round_free(round);
        else if (round->state == ROUND_FAILED && round->abort)
            round->state = ROUND_HANDED;
        else if (round->state == ROUND_FAILED)
            round_free(round);
    }
}

/* ---- emitting ---- */

/* One byte in one column: markers are batches with a row, so that nothing on the way can lose them as empty. */
static slu_status
marker_array(struct ArrowArray *out, slu_error *err)
{
    sdk_builder builder;
    struct ArrowArray column = {0};
    SLU_TRY(sdk_builder_init(&builder, "c", NULL));
    sdk_builder_int(&builder, 1);
    slu_status status = sdk_builder_finish(&builder, &column, err);
    sdk_builder_fini(&builder);
    if (status == SLU_OK)
        status = sdk_struct(&column, 1, 1, out, err);
    slu_array_release(&column);
    return status;
}

static slu_status
source_emit(tiering_source *self, const tiering_piece *piece, slu_emit *emit, slu_error *err)
{
    uint8_t bytes[1024];
    slu_buf buf = {bytes, 0, sizeof bytes, sizeof bytes, SLU_OK};
    tiering_piece_encode(piece, &buf);
    SLU_TRY(slu_buf_status(&buf, err));
    const slu_attr attr = {TIERING_PIECE, bytes, (int64_t)buf.bytes};
    emit->size = sizeof *emit;
    emit->attrs = &attr;
    emit->attr_count = 1;
    return self->host->emit(self->host, emit, err);
}

static slu_status
source_emit_marker(tiering_source *self, const tiering_piece *piece, slu_error *err)
{
    struct ArrowArray array;
    SLU_TRY(marker_array(&array, err));
    slu_emit emit = {.array = &array, .schema = &self->marker_schema};
    return source_emit(self, piece, &emit, err);
}

/* The rows of the batch that are meant, as a selection when they are not all. */
static slu_status
source_emit_rows(tiering_source *self, tiering_read *read, slu_error *err)
{
    fluss_scan_batch *batch = &read->batch;
    slu_emit emit = {.array = &batch->array, .schema = read->schema, .kinds = batch->kinds};
    int32_t *selection = NULL;
    if (batch->first != 0 || batch->count != batch->array.length) {
        selection = slu_alloc((size_t)batch->count * sizeof *selection);
        if (selection == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory to select %lld rows", (long long)batch->count);
        for (int64_t i = 0; i < batch->count; i++)
            selection[i] = (int32_t)(batch->first + i);
        emit.selection = selection;
        emit.rows = batch->count;
    }
    self->host->metric_add(self->host, self->rows, batch->count);
    const slu_status status = source_emit(self, &read->piece, &emit, err);
    slu_free(selection);
    return status;
}

/* ---- the work ---- */

static slu_status
round_begin(tiering_source *self, source_round *round)
{
    slu_error err;
    if (source_now(self) < round->start_ms)
        return SLU_AGAIN;
    const slu_status status = tiering_reader_open(self->client, &round->head, &round->reader, &err);
    if (status != SLU_OK) {
        round_fail(self, round, &err);
        return SLU_AGAIN;
    }
    round->state = ROUND_READING;
    return SLU_MORE;
}

/* The table's last round was handed over, and Fluss still names the lake snapshot of then: it was not committed, for a reason that the
 * writer or the committer has told. This one waits, longer each time, and plans anew afterwards. */
static bool
round_waits(tiering_source *self, source_round *round)
{
    char message[SLU_ERROR_MESSAGE_BYTES];
    remembered *last = source_remembers(self, round->head.table_id);
    round->planned = true;
    if (last == NULL || !last->handed)
        return false;
    last->handed = false;
    if (round->head.split_count == 0 || round->head.known_snapshot != last->known) {
        source_succeeded(self, &round->head, last);
        return false;
    }
    source_failed(self, &round->head, last);
    last->start_ms = round->start_ms = source_now(self) + pause_after(self, last->failures);
    (void)snprintf(message, sizeof message,
                   "table %s.%s, epoch %lld: its last round was not committed, %u in a row: again in %lld ms", round->head.database,
                   round->head.table, (long long)round->head.tiering_epoch, last->failures,
                   (long long)pause_after(self, last->failures));
    source_log(self, SLU_HOST_LOG_WARN, "TIERING-TABLE-WAITS", message);
    tiering_reader_close(&round->reader);
    round->head.split_count = 0;
    round->state = ROUND_CLAIMED;
    return true;
}

/* AGAIN: not yet, or not now. */
static slu_status
round_plan(tiering_source *self, source_round *round, slu_error *err)
{
    SLU_TRY(tiering_reader_plan(round->reader, err));
    round->head = *tiering_reader_head(round->reader);
    return round_waits(self, round) ? SLU_AGAIN : SLU_OK;
}

/* Everything was read. Whether it comes into the lake shows when the table comes again. */
static void
round_over(tiering_source *self, source_round *round)
{
    remembered *last = source_remembers(self, round->head.table_id);
    const bool empty = round->head.split_count == 0;
    tiering_reader_close(&round->reader);
    round->state = empty ? ROUND_FINISHED : ROUND_HANDED;
    self->beat_at_ms = source_now(self);
    if (last != NULL && empty)
        source_succeeded(self, &round->head, last);
    if (!empty)
        round_remember(last, round);
}

static slu_status
round_read(tiering_source *self, source_round *round, slu_error *err)
{
    tiering_read read;
    slu_error failure;
    slu_status status = round->planned ? SLU_OK : round_plan(self, round, &failure);
    if (status == SLU_OK)
        status = tiering_reader_poll(round->reader, &read, &failure);
    if (status == SLU_AGAIN)
        return SLU_AGAIN;
    round->head = *tiering_reader_head(round->reader);
    if (status < 0) {
        round_fail(self, round, &failure);
        return SLU_MORE;
    }
    if (status == SLU_END) {
        round_over(self, round);
        return SLU_MORE;
    }
    const slu_status emitted =
        read.piece.kind == TIERING_ROWS ? source_emit_rows(self, &read, err) : source_emit_marker(self, &read.piece, err);
    if (read.piece.kind == TIERING_ROWS)
        fluss_scan_batch_fini(&read.batch);
    return emitted == SLU_OK ? SLU_MORE : emitted;
}

static slu_status
round_abort(tiering_source *self, source_round *round, slu_error *err)
{
    tiering_piece piece = round->head;
    piece.kind = TIERING_ABORT;
    piece.split = 0;
    round->abort = false;
    if (round->state == ROUND_HANDED)
        round_free(round);
    SLU_TRY(source_emit_marker(self, &piece, err));
    return SLU_MORE;
}

/* About one batch of one round, the rounds in turn. */
static slu_status
source_step(tiering_source *self, slu_error *err)
{
    for (uint32_t i = 0; i < ROUNDS_MAX; i++) {
        source_round *round = &self->rounds[self->next++ % ROUNDS_MAX];
        slu_status status = SLU_AGAIN;
        if (round->abort)
            status = round_abort(self, round, err);
        else if (round->state == ROUND_CLAIMED)
            status = round_begin(self, round);
        else if (round->state == ROUND_READING)
            status = round_read(self, round, err);
        if (status != SLU_AGAIN)
            return status;
    }
    return SLU_AGAIN;
}

static slu_status
source_sleep(tiering_source *self, slu_error *err)
{
    int64_t at = self->heartbeat == NULL ? self->beat_at_ms : INT64_MAX;
    const int wait = fluss_client_timeout_ms(self->client);
    const int fd = fluss_client_fd(self->client);
    if (wait >= 0)
        at = SLU_MIN(at, source_now(self) + wait);
    for (int i = 0; i < ROUNDS_MAX; i++)
        if (self->rounds[i].state == ROUND_CLAIMED)
            at = SLU_MIN(at, self->rounds[i].start_ms);
    if (fd != self->watched) {
        SLU_TRY(self->host->watch(self->host, fd, SLU_IO_READ, 1, err));
        self->watched = fd;
    }
    self->host->deadline(self->host, at);
    return SLU_AGAIN;
}

/* For jobs that end (a bench, a cron): nothing is in work, and for so long no round had anything to read. */
static bool
source_is_over(tiering_source *self)
{
    for (int i = 0; i < ROUNDS_MAX; i++)
        if (self->rounds[i].state != ROUND_FREE && self->rounds[i].head.split_count != 0)
            self->worked_ms = source_now(self);
    uint32_t all = 0;
    return self->options->stop_after_idle_ms != 0 && rounds_working(self, &all) == 0 &&
           source_now(self) - self->worked_ms >= self->options->stop_after_idle_ms;
}

static slu_status
source_poll(void *instance, slu_error *err)
{
    tiering_source *self = instance;
    if (self->idle)
        return self->options->stop_after_idle_ms != 0 ? SLU_END : SLU_AGAIN;
    fluss_client_step(self->client, 0);
    source_beat(self);
    const slu_status status = source_step(self, err);
    if (status != SLU_AGAIN)
        return status;
    source_beat(self); /* a round may have ended */
    return source_is_over(self) ? SLU_END : source_sleep(self, err);
}

static slu_status
source_ready(void *instance, uint64_t cookie, uint32_t events, slu_error *err)
{
    (void)instance, (void)cookie, (void)events, (void)err;
    return SLU_OK; /* poll follows */
}

/* ---- the face ---- */

static slu_status
source_plan(slu_plan_call *call, slu_error *err)
{
    const source_options *options = call->options;
    if (options->bootstrap_servers == NULL)
        return slu_error_set(err, SLU_INVALID, "no Fluss address: give fluss.bootstrap.servers");
    call->dynamic = 1;
    call->bounded = options->stop_after_idle_ms != 0;
    return SLU_OK;
}

static slu_status
source_list_splits(const slu_plan_call *call, slu_split_list *list, slu_error *err)
{
    (void)call, (void)list, (void)err;
    return SLU_OK; /* none: what to read is asked of the coordinator while running */
}

static slu_status
source_assign(void *instance, const slu_split *splits, uint32_t count, slu_error *err)
{
    (void)instance, (void)splits, (void)count, (void)err;
    return SLU_OK;
}

static slu_status
source_snapshot(void *instance, int64_t checkpoint, slu_split_list *list, slu_error *err)
{
    (void)instance, (void)checkpoint, (void)list, (void)err;
    return SLU_OK; /* the truth is in the lake and in Fluss: an unfinished round is read again */
}

static void
on_farewell(void *context, fluss_answer *answer, const slu_error *failure)
{
    (void)answer, (void)failure;
    *(bool *)context = true;
}

/* Gives back what is in work, so that nobody waits for it to time out; also what the heartbeat under way may bring. Best effort, and short. */
static void
source_farewell(tiering_source *self)
{
    beat b;
    bool done = false;
    fluss_call *call = NULL;
    if (self->heartbeat != NULL && fluss_client_wait(self->client, &self->heard, FAREWELL_MS, "the coordinator", NULL) != SLU_OK)
        fluss_call_cancel(&self->heartbeat);
    for (int i = 0; i < ROUNDS_MAX; i++)
        if (self->rounds[i].state != ROUND_FREE && self->rounds[i].state != ROUND_FINISHED)
            self->rounds[i].state = ROUND_FAILED;
    beat_make(self, &b);
    if (b.request.n_failed_tables + b.request.n_finished_tables == 0)
        return;
    if (fluss_client_call(self->client, FLUSS_TO_COORDINATOR, FLUSS_API_LAKE_TIERING_HEARTBEAT, &b.request.base, on_farewell, &done,
                          &call, NULL) == SLU_OK &&
        fluss_client_wait(self->client, &done, FAREWELL_MS, "the coordinator", NULL) != SLU_OK)
        fluss_call_cancel(&call);
}

static void
source_close(void *instance)
{
    tiering_source *self = instance;
    if (self->client != NULL)
        source_farewell(self);
    for (int i = 0; i < ROUNDS_MAX; i++)
        round_free(&self->rounds[i]);
    if (self->watched >= 0)
        (void)self->host->watch(self->host, self->watched, 0, 1, NULL);
    fluss_call_cancel(&self->heartbeat);
    fluss_client_close(&self->client);
    slu_schema_release(&self->marker_schema);
}

static slu_status
source_open(void *instance, const slu_open *open, slu_error *err)
{
    tiering_source *self = instance;
    self->host = open->host;
    self->options = open->options;
    self->idle = open->subtask != 0;
    self->watched = -1;
    if (self->idle)
        return SLU_OK;
    slu_env_init_system(&self->env, SLU_LOG_INFO);
    self->worked_ms = source_now(self);
    self->rows = self->host->metric(self->host, SLU_METRIC_COUNTER, "tieringRows");
    self->claimed = self->host->metric(self->host, SLU_METRIC_COUNTER, "tieringTablesClaimed");
    fluss_client_options options = {
        .bootstrap_servers = self->options->bootstrap_servers, .login = self->options->login, .files = self->options->files};
    options.files.open = fluss_s3_open;
    slu_status status = slu_schema_init_struct(&self->marker_schema);
    if (status == SLU_OK)
        status = slu_schema_add(&self->marker_schema, "c", "marker", false);
    if (status == SLU_OK)
        status = fluss_client_open(&self->env, &options, &self->client, err);
    else
        (void)slu_error_set(err, status, "no memory for a schema");
    if (status != SLU_OK)
        source_close(self);
    return status;
}

static const slu_option source_option_table[] = {
    SLU_OPTION("bootstrap.servers", STRING, source_options, bootstrap_servers, NULL,
               "where Fluss is: host:port, several divided by commas", .param = "fluss.bootstrap.servers"),
    FLUSS_LOGIN_OPTIONS(source_options, login),
    FLUSS_FILES_OPTIONS(source_options, files),
    SLU_OPTION("poll-interval", DURATION, source_options, poll_interval_ms, "500ms",
               "how often the coordinator is asked for work and told of it", .min = 10, .max = 60000),
    SLU_OPTION("pause", DURATION, source_options, pause_ms, "1s", "the shortest time between two rounds of one table", .min = 0,
               .max = 3600000),
    SLU_OPTION("rounds", I64, source_options, rounds, "4", "tables in work at a time", .min = 1, .max = ROUNDS_MAX),
    SLU_OPTION("stop-after-idle", DURATION, source_options, stop_after_idle_ms, "0ms",
               "ends the job when no table had anything new for so long; 0ms: never", .min = 0, .max = 86400000),
    SLU_OPTION("tables", STRING, source_options, tables, "",
               "which tables are tiered: patterns of database.table with * and ?, several divided by commas; others are given back",
               .param = "tables"),
};

static const slu_source_ops source_ops = {.size = sizeof source_ops,
                                          .list_splits = source_list_splits,
                                          .open = source_open,
                                          .assign = source_assign,
                                          .poll = source_poll,
                                          .ready = source_ready,
                                          .snapshot = source_snapshot,
                                          .close = source_close};

const slu_plugin tiering_source_plugin = {
    .size = sizeof(slu_plugin),
    .kind = SLU_KIND_SOURCE,
    .name = "fluss_tiering_source",
    .help = "Claims lake tables that are due from a Fluss coordinator, and reads what is not in the lake yet.",
    .options = source_option_table,
    .option_count = sizeof source_option_table / sizeof source_option_table[0],
    .options_bytes = sizeof(source_options),
    .instance_bytes = sizeof(tiering_source),
    .state_version = 1,
    .output_count = 1,
    .plan = source_plan,
    .ops = &source_ops,
};
