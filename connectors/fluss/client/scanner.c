#include "scanner.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "batch/batch.h"
#include "fluss/record/log_batch.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"
#include "internal.h"
#include "remote_reader.h"

#include <stdlib.h>

#define BUFFER_BYTES_DEFAULT ((size_t)8 << 20)
#define FETCH_BYTES_DEFAULT (4 << 20)
#define BUCKET_BYTES_DEFAULT (1 << 20)
#define WAIT_MS_DEFAULT 500
#define ENTRIES_MAX 65536
#define FETCH_STUMBLES_MAX 20 /* a pause apart */
#define REMOTE_TRIES_MAX 20   /* without a row in between, a pause apart */

typedef struct fetch fetch;

typedef struct bucket_scan {
    bool active;
    bool gone;          /* its partition was dropped */
    bool paused;        /* after an error, until the timer fires */
    fetch *fetching;    /* the request under way that asks for it */
    int stumbles;       /* answers in a row that said UNKNOWN_SERVER_ERROR */
    bool answer_stale;  /* that request asked for another offset: what it brings is dropped */
    int64_t wanted;     /* next offset to hand out; -2: the start, not known yet */
    int64_t fetch_from; /* next offset to ask for */
    int64_t stop;
    int64_t high_watermark;
    fluss_remote_reader *remote; /* rows that the server named instead of sending them */
    uint32_t remote_tries;       /* that brought nothing */
} bucket_scan;

/* A whole batch inside an answer, waiting to be handed out. */
typedef struct entry {
    fluss_answer *answer;
    slu_view bytes;
    int32_t bucket;
    bool projected;
} entry;

struct fetch {
    fluss_scanner *scanner;
    fetch *next;
    fluss_call *call;
    int32_t node;
    bool projected;
};

struct fluss_scanner {
    fluss_target *target;
    fluss_scanner_options options;
    struct ArrowSchema schema; /* as handed out */
    struct ArrowSchema wire;   /* as the server sends when it projects: ascending positions */
    bool project;              /* ask the server to */
    int32_t *ascending;        /* projected positions for the request */
    int32_t *pick;             /* handed-out column i is column pick[i] of a projected batch */
    int32_t *wanted;           /* and column wanted[i] of a whole one; NULL: all, as they come */
    uint32_t column_count;
    bucket_scan *buckets;
    int32_t bucket_count;
    int32_t rotate; /* where the next request's bucket list begins, so that none starves */
    fetch *fetches;
    entry *entries; /* ring */
    uint32_t entry_first;
    uint32_t entry_count;
    uint32_t entry_capacity;
    size_t buffered_bytes;
    slu_ipc_codec *codec;
    slu_error failure; /* told once what was fetched before is handed out */
    bool broken;       /* a batch could not be read: nothing behind it is handed out */
    slu_timer *timer;  /* asks again after a pause */
};

static void fetches_start(fluss_scanner *scanner);

void
fluss_scan_batch_fini(fluss_scan_batch *batch)
{
    if (batch->array.release != NULL)
        batch->array.release(&batch->array);
    slu_free(batch->kinds);
    memset(batch, 0, sizeof *batch);
}

/* ---- Columns ---- */

static slu_status
schema_pick(const struct ArrowSchema *table, const int32_t *columns, uint32_t count, struct ArrowSchema *out, slu_error *err)
{
    struct ArrowSchema **children = slu_alloc_zero(count, sizeof *children);
    if (children == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %u columns", count);
    for (uint32_t i = 0; i < count; i++)
        children[i] = table->children[columns[i]];
    const struct ArrowSchema shape = {.format = "+s", .name = "", .n_children = count, .children = children};
    const slu_status status = slu_schema_copy(&shape, out, err);
    slu_free(children);
    return status;
}

static int
position_order(const void *a, const void *b)
{
    const int32_t left = *(const int32_t *)a;
    const int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

/* The wire gives ascending positions; pick[] leads back to the wanted order. */
static slu_status
columns_resolve(fluss_scanner *scanner, const fluss_table *table, slu_error *err)
{
    const uint32_t count = scanner->options.column_count;
    scanner->project = table->log_format == FLUSS_LOG_ARROW;
    scanner->ascending = slu_alloc(count * sizeof *scanner->ascending);
    scanner->pick = slu_alloc(count * sizeof *scanner->pick);
    scanner->wanted = slu_alloc(count * sizeof *scanner->wanted);
    scanner->column_count = count;
    if (scanner->ascending == NULL || scanner->pick == NULL || scanner->wanted == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %u columns", count);
    for (uint32_t i = 0; i < count; i++) {
        const int32_t column = scanner->options.columns[i];
        if (column < 0 || column >= table->arrow.n_children)
            return slu_error_set(err, SLU_INVALID, "table %s has no column %d", fluss_target_name(scanner->target), column);
        scanner->ascending[i] = scanner->wanted[i] = column;
    }
    qsort(scanner->ascending, count, sizeof *scanner->ascending, position_order);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && scanner->ascending[i] == scanner->ascending[i - 1])
            return slu_error_set(err, SLU_INVALID, "column %d is wanted twice", scanner->ascending[i]);
        for (uint32_t at = 0; at < count; at++)
            if (scanner->ascending[at] == scanner->wanted[i])
                scanner->pick[i] = (int32_t)at;
    }
    SLU_TRY(schema_pick(&table->arrow, scanner->options.columns, count, &scanner->schema, err));
    return schema_pick(&table->arrow, scanner->ascending, count, &scanner->wire, err);
}

/* ---- What was fetched ---- */

static slu_status
entry_push(fluss_scanner *scanner, const entry *made, slu_error *err)
{
    if (scanner->entry_count == scanner->entry_capacity) {
        const uint32_t capacity = scanner->entry_capacity == 0 ? 64 : scanner->entry_capacity * 2;
        entry *entries = capacity > ENTRIES_MAX ? NULL : slu_alloc(capacity * sizeof *entries);
        if (entries == NULL)
            return slu_error_set(err, SLU_LIMIT, "more than %u batches wait to be read", scanner->entry_count);
        for (uint32_t i = 0; i < scanner->entry_count; i++)
            entries[i] = scanner->entries[(scanner->entry_first + i) % scanner->entry_capacity];
        slu_free(scanner->entries);
        scanner->entries = entries;
        scanner->entry_first = 0;
        scanner->entry_capacity = capacity;
    }
    scanner->entries[(scanner->entry_first + scanner->entry_count++) % scanner->entry_capacity] = *made;
    (void)fluss_answer_ref(made->answer);
    scanner->buffered_bytes += made->bytes.bytes;
    return SLU_OK;
}

static entry
entry_pop(fluss_scanner *scanner)
{
    const entry first = scanner->entries[scanner->entry_first];
    scanner->entry_first = (scanner->entry_first + 1) % scanner->entry_capacity;
    scanner->entry_count--;
    scanner->buffered_bytes -= first.bytes.bytes;
    return first;
}

/* Cuts a bucket's records into whole batches; an incomplete one at the end is asked for again. */
static slu_status
records_take(fluss_scanner *scanner, fluss_answer *answer, int32_t bucket, bool projected, slu_view records, slu_error *err)
{
    bucket_scan *scan = &scanner->buckets[bucket];
    while (records.bytes > 0) {
        fluss_log_header header;
        const slu_status status = fluss_log_peek(records, &header, err);
        if (status == SLU_MORE)
            break;
        SLU_TRY_IN(status, err, "bucket %d behind offset %lld", bucket, (long long)scan->fetch_from);
        const int64_t next = fluss_log_next_offset(&header);
        if (next > scan->fetch_from || scan->fetch_from < 0) {
            const entry made = {answer, slu_view_of(records.data, header.batch_bytes), bucket, projected};
            SLU_TRY(entry_push(scanner, &made, err));
            scan->fetch_from = next;
        }
        records = slu_view_of(records.data + header.batch_bytes, records.bytes - header.batch_bytes);
    }
    return SLU_OK;
}

static void
scanner_fail(fluss_scanner *scanner, const slu_error *failure)
{
    if (scanner->failure.status != SLU_OK)
        return;
    scanner->failure = *failure;
    (void)slu_error_in(&scanner->failure, failure->status, "reading table %s", fluss_target_name(scanner->target));
}

/* The server says that a batch lacks a projected column: whole batches will do. */
static bool
projection_refused(fluss_scanner *scanner, int32_t code, bool projected)
{
    if (code != FLUSS_ERROR_INVALID_COLUMN_PROJECTION || !projected)
        return false;
    scanner->project = false;
    return true;
}

/* ---- Rows that lie elsewhere ---- */

/* The files are gone, perhaps because they expired while they were read: the server is asked anew, a while. */
static void
remote_failed(fluss_scanner *scanner, int32_t bucket, slu_error *why)
{
    bucket_scan *scan = &scanner->buckets[bucket];
    fluss_remote_reader_close(&scan->remote);
    (void)slu_error_in(why, why->status, "bucket %d: offset %lld lies in remote storage", bucket, (long long)scan->fetch_from);
    if (why->status != SLU_NOTFOUND && why->status != SLU_IO) {
        scanner_fail(scanner, why);
        return;
    }
    if (++scan->remote_tries >= REMOTE_TRIES_MAX) {
        (void)slu_error_in(why, why->status, "is the server's remote.data.dir to be seen on this machine, under the same path?");
        scanner_fail(scanner, why);
        return;
    }
    scan->paused = true;
    slu_timer_set(scanner->timer, FLUSS_STALE_PAUSE_MS);
}

static void
remote_start(fluss_scanner *scanner, int32_t bucket, const Fluss__PbRemoteLogFetchInfo *info)
{
    slu_error err = {0};
    fluss_remote_reader_close(&scanner->buckets[bucket].remote);
    if (fluss_remote_reader_open(info, &scanner->buckets[bucket].remote, &err) != SLU_OK)
        remote_failed(scanner, bucket, &err);
}

/* One piece; after the last one the server is asked for what follows. */
static void
remote_read(fluss_scanner *scanner, int32_t bucket)
{
    bucket_scan *scan = &scanner->buckets[bucket];
    slu_error err = {0};
    slu_view bytes = {0};
    SLU_AUTO(fluss_answer_unref) fluss_answer *piece = NULL;
    const int64_t before = scan->fetch_from;
    slu_status status = fluss_remote_reader_next(scan->remote, &piece, &bytes, &err);
    if (status == SLU_OK)
        status = records_take(scanner, piece, bucket, false, bytes, &err);
    if (scan->fetch_from != before)
        scan->remote_tries = 0;
    if (status < 0)
        remote_failed(scanner, bucket, &err);
    else if (status == SLU_END || (scan->fetch_from >= 0 && scan->fetch_from >= scan->stop))
        fluss_remote_reader_close(&scan->remote);
}

/* A piece of each bucket that has some, while there is room for what it brings. */
static void
remotes_read(fluss_scanner *scanner)
{
    for (int32_t i = 0; i < scanner->bucket_count; i++) {
        const int32_t bucket = (i + scanner->rotate) % scanner->bucket_count;
        if (scanner->failure.status != SLU_OK || scanner->buffered_bytes >= scanner->options.buffer_bytes_max / 2)
            return;
        if (scanner->buckets[bucket].remote != NULL)
            remote_read(scanner, bucket);
    }
}

static bool
remotes_wait(const fluss_scanner *scanner)
{
    for (int32_t bucket = 0; bucket < scanner->bucket_count; bucket++)
        if (scanner->buckets[bucket].remote != NULL)
            return true;
    return false;
}

/*
 * A server that says it does not know what went wrong is asked again, as the Java client does: the real one says so for a moment when
 * it moves to remote storage what is being read. For ever would hide a fault: after FETCH_STUMBLES_MAX it is one.
 */
static bool
server_stumbled(bucket_scan *scan, int32_t error_code)
{
    return error_code == FLUSS_ERROR_UNKNOWN_SERVER_ERROR && ++scan->stumbles < FETCH_STUMBLES_MAX;
}

static void
bucket_answered(fluss_scanner *scanner, fluss_answer *answer, bool projected, const Fluss__PbFetchLogRespForBucket *part)
{
    slu_error err = {0};
    const int32_t bucket =
        fluss_target_bucket_find(scanner->target, part->has_partition_id ? part->partition_id : -1, part->bucket_id);
    if (bucket < 0 || bucket >= scanner->bucket_count || !scanner->buckets[bucket].active)
        return;
    bucket_scan *scan = &scanner->buckets[bucket];
    if (scan->answer_stale) {
        scan->answer_stale = false;
        return;
    }
    if (part->has_error_code && projection_refused(scanner, part->error_code, projected))
        return;
    if (part->has_error_code) {
        scan->paused = true;
        slu_timer_set(scanner->timer, FLUSS_STALE_PAUSE_MS);
        (void)fluss_error_set(&err, part->error_code, part->error_message);
        if ((fluss_error_find(part->error_code)->flags & FLUSS_ERROR_STALE_METADATA) != 0)
            fluss_target_stale(scanner->target);
        else if (!err.retriable && !server_stumbled(scan, part->error_code)) {
            (void)slu_error_in(&err, err.status, "bucket %d at offset %lld", part->bucket_id, (long long)scan->fetch_from);
            scanner_fail(scanner, &err);
        }
        return;
    }
    scan->stumbles = 0;
    if (part->has_high_watermark)
        scan->high_watermark = part->high_watermark;
    if (part->remote_log_fetch_info != NULL) {
        remote_start(scanner, bucket, part->remote_log_fetch_info);
        return;
    }
    if (part->has_records && records_take(scanner, answer, bucket, projected, fluss_bytes_view(&part->records), &err) != SLU_OK)
        scanner_fail(scanner, &err);
}

static void
fetch_remove(fluss_scanner *scanner, fetch *gone)
{
    fetch **at = &scanner->fetches;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    for (int32_t bucket = 0; bucket < scanner->bucket_count; bucket++)
        if (scanner->buckets[bucket].fetching == gone)
            scanner->buckets[bucket].fetching = NULL;
    slu_free(gone);
}

/* The node did not answer: look for the leaders again and ask after a pause. */
static void
fetch_give_up(fluss_scanner *scanner, fetch *gone)
{
    for (int32_t bucket = 0; bucket < scanner->bucket_count; bucket++) {
        bucket_scan *scan = &scanner->buckets[bucket];
        if (scan->fetching != gone)
            continue;
        scan->answer_stale = false;
        scan->paused = true;
    }
    fetch_remove(scanner, gone);
    fluss_target_stale(scanner->target);
    slu_timer_set(scanner->timer, FLUSS_STALE_PAUSE_MS);
}

static void
fetch_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fetch *mine = context;
    fluss_scanner *scanner = mine->scanner;
    if (failure != NULL) {
        if (!failure->retriable)
            scanner_fail(scanner, failure);
        fetch_give_up(scanner, mine);
        return;
    }
    const bool projected = mine->projected;
    fetch_remove(scanner, mine);
    fluss_target_fresh(scanner->target);
    const Fluss__FetchLogResponse *response = (const Fluss__FetchLogResponse *)answer->message;
    for (size_t table = 0; table < response->n_tables_resp; table++)
        for (size_t i = 0; i < response->tables_resp[table]->n_buckets_resp; i++)
            bucket_answered(scanner, answer, projected, response->tables_resp[table]->buckets_resp[i]);
    fetches_start(scanner);
}

/* ---- Asking ---- */

static bool
bucket_wants(const fluss_scanner *scanner, int32_t bucket)
{
    const bucket_scan *scan = &scanner->buckets[bucket];
    return scan->active && !scan->gone && !scan->paused && scan->fetching == NULL && scan->remote == NULL &&
           (scan->fetch_from < 0 || scan->fetch_from < scan->stop);
}

static bool
node_busy(const fluss_scanner *scanner, int32_t id)
{
    for (const fetch *at = scanner->fetches; at != NULL; at = at->next)
        if (at->node == id)
            return true;
    return false;
}

static slu_status
fetch_send(fluss_scanner *scanner, fetch *made, Fluss__PbFetchLogReqForBucket **parts, size_t count, slu_error *err)
{
    Fluss__FetchLogRequest request = FLUSS__FETCH_LOG_REQUEST__INIT;
    Fluss__PbFetchLogReqForTable table = FLUSS__PB_FETCH_LOG_REQ_FOR_TABLE__INIT;
    Fluss__PbFetchLogReqForTable *tables[1] = {&table};
    const fluss_table *of = fluss_target_table(scanner->target);
    request.follower_server_id = -1;
    request.max_bytes = scanner->options.fetch_bytes_max;
    request.has_max_wait_ms = request.has_min_bytes = 1;
    request.max_wait_ms = scanner->options.wait_ms;
    request.min_bytes = 1;
    request.n_tables_req = 1;
    request.tables_req = tables;
    table.table_id = of->table_id;
    table.projection_pushdown_enabled = made->projected;
    if (table.projection_pushdown_enabled) {
        table.n_projected_fields = scanner->column_count;
        table.projected_fields = scanner->ascending;
    }
    table.n_buckets_req = count;
    table.buckets_req = parts;
    return fluss_client_call(fluss_target_client(scanner->target), made->node, FLUSS_API_FETCH_LOG, &request.base, fetch_answered,
                             made, &made->call, err);
}

/* Whether the partition of a bucket is there. One that was dropped has nothing more to read. */
static bool
slot_is_ready(fluss_scanner *scanner, int32_t bucket)
{
    slu_error err = {0};
    const slu_status status = fluss_target_slot_ready(scanner->target, fluss_target_slot_of(scanner->target, bucket), false, &err);
    if (status == SLU_NOTFOUND)
        scanner->buckets[bucket].gone = true;
    else if (status < 0)
        scanner_fail(scanner, &err);
    else if (status == SLU_AGAIN)
        slu_timer_set(scanner->timer, FLUSS_STALE_PAUSE_MS);
    return status == SLU_OK;
}

/* The buckets that a node leads and that want rows, marked as asked for by `made`. Returns how many. */
static size_t
fetch_fill(fluss_scanner *scanner, fetch *made, Fluss__PbFetchLogReqForBucket *parts, Fluss__PbFetchLogReqForBucket **pointers)
{
    size_t count = 0;
    for (int32_t i = 0; i < scanner->bucket_count; i++) {
        const int32_t bucket = (i + scanner->rotate) % scanner->bucket_count;
        if (!bucket_wants(scanner, bucket) || fluss_target_leader(scanner->target, bucket) != made->node ||
            !slot_is_ready(scanner, bucket))
            continue;
        Fluss__PbFetchLogReqForBucket *part = &parts[count];
        fluss__pb_fetch_log_req_for_bucket__init(part);
        part->bucket_id = bucket % fluss_target_table(scanner->target)->bucket_count;
        part->partition_id = fluss_target_partition_id(scanner->target, bucket);
        part->has_partition_id = part->partition_id >= 0;
        part->fetch_offset = scanner->buckets[bucket].fetch_from;
        part->max_fetch_bytes = scanner->options.bucket_bytes_max;
        pointers[count++] = part;
        scanner->buckets[bucket].fetching = made;
        scanner->buckets[bucket].answer_stale = false;
    }
    scanner->rotate = (scanner->rotate + 1) % scanner->bucket_count;
    return count;
}

/* Asks one node for every bucket it leads that still wants rows. */
static void
fetch_start(fluss_scanner *scanner, int32_t id)
{
    const size_t buckets = (size_t)scanner->bucket_count;
    Fluss__PbFetchLogReqForBucket *parts = slu_alloc(buckets * sizeof *parts);
    Fluss__PbFetchLogReqForBucket **pointers = slu_alloc(buckets * sizeof *pointers);
    fetch *made = slu_alloc_zero(1, sizeof *made);
    slu_error err = {0};
    slu_status status = SLU_OK;
    if (parts == NULL || pointers == NULL || made == NULL) {
        status = slu_error_set(&err, SLU_NOMEM, "no memory for a fetch");
        slu_free(made);
    } else {
        *made = (fetch){.scanner = scanner, .next = scanner->fetches, .node = id, .projected = scanner->project};
        scanner->fetches = made;
        status = fetch_send(scanner, made, pointers, fetch_fill(scanner, made, parts, pointers), &err);
        if (status != SLU_OK && err.retriable)
            fetch_give_up(scanner, made);
        else if (status != SLU_OK)
            fetch_remove(scanner, made);
    }
    if (status != SLU_OK && !err.retriable)
        scanner_fail(scanner, &err);
    slu_free(parts);
    slu_free(pointers);
}

static void
fetches_start(fluss_scanner *scanner)
{
    if (scanner->failure.status != SLU_OK || scanner->buffered_bytes >= scanner->options.buffer_bytes_max)
        return;
    for (int32_t bucket = 0; bucket < scanner->bucket_count; bucket++) {
        if (!bucket_wants(scanner, bucket) || !slot_is_ready(scanner, bucket))
            continue;
        const int32_t leader = fluss_target_leader(scanner->target, bucket);
        if (leader < 0)
            fluss_target_stale(scanner->target);
        else if (!node_busy(scanner, leader))
            fetch_start(scanner, leader);
    }
}

static void
timer_fired(void *context)
{
    fluss_scanner *scanner = context;
    for (int32_t bucket = 0; bucket < scanner->bucket_count; bucket++)
        scanner->buckets[bucket].paused = false;
    fetches_start(scanner);
}

/* ---- The scanner ---- */

static void
options_default(fluss_scanner_options *options, int64_t request_timeout_ms)
{
    if (options->buffer_bytes_max == 0)
        options->buffer_bytes_max = BUFFER_BYTES_DEFAULT;
    if (options->fetch_bytes_max == 0)
        options->fetch_bytes_max = FETCH_BYTES_DEFAULT;
    if (options->bucket_bytes_max == 0)
        options->bucket_bytes_max = BUCKET_BYTES_DEFAULT;
    if (options->wait_ms == 0)
        options->wait_ms = WAIT_MS_DEFAULT;
    /* A long poll that is longer than a request may take would never be answered. */
    if (options->wait_ms > request_timeout_ms / 2)
        options->wait_ms = (int32_t)(request_timeout_ms / 2);
}

/* Room for the bucket numbers up to this one: a partitioned table gets more of them while it is read. */
static slu_status
buckets_reserve(fluss_scanner *scanner, int32_t bucket, slu_error *err)
{
    if (bucket < 0 || bucket >= fluss_target_bucket_numbers(scanner->target))
        return slu_error_set(err, SLU_INVALID, "table %s has no bucket %d", fluss_target_name(scanner->target), bucket);
    if (bucket < scanner->bucket_count)
        return SLU_OK;
    const int32_t count = fluss_target_bucket_numbers(scanner->target);
    bucket_scan *buckets = slu_realloc(scanner->buckets, (size_t)count * sizeof *buckets);
    if (buckets == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d buckets", count);
    memset(buckets + scanner->bucket_count, 0, (size_t)(count - scanner->bucket_count) * sizeof *buckets);
    scanner->buckets = buckets;
    scanner->bucket_count = count;
    return SLU_OK;
}

slu_status
fluss_scanner_open(fluss_target *target, const fluss_scanner_options *options, fluss_scanner **out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    fluss_scanner *scanner = slu_alloc_zero(1, sizeof *scanner);
    if (scanner == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a scanner");
    scanner->target = target;
    if (options != NULL)
        scanner->options = *options;
    options_default(&scanner->options, fluss_target_client(target)->request_timeout_ms);
    slu_status status = fluss_target_partitioned(target) ? SLU_OK : buckets_reserve(scanner, table->bucket_count - 1, err);
    if (status == SLU_OK)
        status = slu_ipc_codec_new(&scanner->codec, err);
    if (status == SLU_OK)
        status = slu_timer_open(fluss_target_client(target)->loop, timer_fired, scanner, &scanner->timer, err);
    if (status == SLU_OK && scanner->options.columns != NULL)
        status = columns_resolve(scanner, table, err);
    else if (status == SLU_OK)
        status = slu_schema_copy(&table->arrow, &scanner->schema, err);
    scanner->options.columns = NULL;
    if (status != SLU_OK) {
        fluss_scanner_close(&scanner);
        return status;
    }
    *out = scanner;
    return SLU_OK;
}

void
fluss_scanner_close(fluss_scanner **scanner)
{
    fluss_scanner *mine = slu_take(scanner);
    if (mine == NULL)
        return;
    while (mine->fetches != NULL) {
        fetch *at = mine->fetches;
        mine->fetches = at->next;
        fluss_call_cancel(&at->call);
        slu_free(at);
    }
    while (mine->entry_count > 0) {
        entry gone = entry_pop(mine);
        fluss_answer_unref(&gone.answer);
    }
    for (int32_t bucket = 0; bucket < mine->bucket_count; bucket++)
        fluss_remote_reader_close(&mine->buckets[bucket].remote);
    slu_timer_close(&mine->timer);
    slu_ipc_codec_free(&mine->codec);
    slu_schema_release(&mine->schema);
    slu_schema_release(&mine->wire);
    slu_free(mine->ascending);
    slu_free(mine->pick);
    slu_free(mine->wanted);
    slu_free(mine->entries);
    slu_free(mine->buckets);
    slu_free(mine);
}

/* Batches of a bucket that moved away from are of no use. */
static void
entries_drop(fluss_scanner *scanner, int32_t bucket)
{
    for (uint32_t left = scanner->entry_count; left > 0; left--) {
        entry kept = entry_pop(scanner);
        if (kept.bucket == bucket) {
            fluss_answer_unref(&kept.answer);
            continue;
        }
        scanner->entries[(scanner->entry_first + scanner->entry_count++) % scanner->entry_capacity] = kept;
        scanner->buffered_bytes += kept.bytes.bytes;
    }
}

slu_status
fluss_scanner_add(fluss_scanner *scanner, int32_t bucket, int64_t offset, int64_t stop_offset, slu_error *err)
{
    SLU_TRY(buckets_reserve(scanner, bucket, err));
    if (offset < 0 && offset != FLUSS_OFFSET_EARLIEST)
        return slu_error_set(err, SLU_INVALID, "offset %lld of bucket %d", (long long)offset, bucket);
    entries_drop(scanner, bucket);
    fluss_remote_reader_close(&scanner->buckets[bucket].remote);
    if (offset == FLUSS_OFFSET_EARLIEST && stop_offset <= 0)
        offset = 0; /* nothing is before offset 0, wherever the log starts: over at once, not at the first row that comes */
    scanner->buckets[bucket] = (bucket_scan){.active = true,
                                             .fetching = scanner->buckets[bucket].fetching,
                                             .answer_stale = scanner->buckets[bucket].fetching != NULL,
                                             .wanted = offset,
                                             .fetch_from = offset,
                                             .stop = stop_offset,
                                             .high_watermark = -1};
    return SLU_OK;
}

static void
answer_release(void *answer)
{
    fluss_answer *mine = answer;
    fluss_answer_unref(&mine);
}

/* Which rows of the decoded batch are meant, and where the bucket goes on. */
static void
batch_trim(bucket_scan *scan, const fluss_log_header *header, fluss_scan_batch *batch)
{
    const int64_t end = fluss_log_next_offset(header);
    const int64_t rows = batch->array.release == NULL ? 0 : batch->array.length;
    const int64_t from = scan->wanted < header->base_offset ? header->base_offset : scan->wanted;
    const int64_t to = end < scan->stop ? end : scan->stop;
    batch->first = from - header->base_offset < rows ? from - header->base_offset : rows;
    batch->count = (to - header->base_offset < rows ? to - header->base_offset : rows) - batch->first;
    if (batch->count < 0)
        batch->count = 0;
    batch->next_offset = to;
    scan->wanted = to;
}

/* The rows of a batch under the columns that it was asked for with. */
static slu_status
entry_rows(fluss_scanner *scanner, const entry *from, const fluss_log_header *header, fluss_log_rows *out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(scanner->target);
    const struct ArrowSchema *arrow = from->projected ? &scanner->wire : &table->arrow;
    const slu_ipc_owner owner = {.release = answer_release, .context = fluss_answer_ref(from->answer)};
    const fluss_schema *later =
        table->log_format == FLUSS_LOG_ARROW ? NULL : fluss_target_later(scanner->target, header->schema_id);
    /* A projection either holds all its columns or was refused. */
    const slu_status status = later != NULL ? fluss_log_decode_later(table->log_format, &table->descriptor->schema, arrow, later,
                                                                     header, from->bytes, owner, scanner->codec, out, err)
                              : header->schema_id == table->schema_id || from->projected
                                  ? fluss_log_decode(table->log_format, &table->descriptor->schema, arrow, header, from->bytes,
                                                     owner, scanner->codec, out, err)
                                  : fluss_log_decode_other(table->log_format, &table->descriptor->schema, arrow,
                                                           fluss_target_columns_of(scanner->target, header->schema_id), header,
                                                           from->bytes, owner, scanner->codec, out, err);
    if (status != SLU_OK)
        answer_release(owner.context);
    return status;
}

static slu_status
entry_decode(fluss_scanner *scanner, entry *from, fluss_scan_batch *batch, slu_error *err)
{
    fluss_log_header header;
    fluss_log_rows rows = {0};
    /* A projected batch keeps the CRC of the whole one: only its structure can be checked. */
    SLU_TRY(from->projected ? fluss_log_peek(from->bytes, &header, err) : fluss_log_verify(from->bytes, &header, err));
    SLU_TRY(entry_rows(scanner, from, &header, &rows, err));
    *batch = (fluss_scan_batch){.bucket = from->bucket,
                                .sequence = header.sequence,
                                .writer_id = header.writer_id,
                                .base_offset = header.base_offset,
                                .commit_timestamp = header.commit_timestamp,
                                .crc = header.crc,
                                .array = rows.array,
                                .kinds = rows.kinds};
    batch_trim(&scanner->buckets[from->bucket], &header, batch);
    if (scanner->wanted == NULL || batch->array.release == NULL)
        return SLU_OK;
    struct ArrowArray whole = batch->array;
    const int32_t *pick = from->projected ? scanner->pick : scanner->wanted;
    const slu_status status = slu_array_pick(&whole, pick, scanner->column_count, &batch->array, err);
    if (status != SLU_OK) {
        batch->array.release = NULL;
        fluss_scan_batch_fini(batch);
    }
    return status;
}

static bool
scanner_ended(const fluss_scanner *scanner)
{
    for (int32_t bucket = 0; bucket < scanner->bucket_count; bucket++)
        if (scanner->buckets[bucket].active && !scanner->buckets[bucket].gone &&
            (scanner->buckets[bucket].wanted < 0 || scanner->buckets[bucket].wanted < scanner->buckets[bucket].stop))
            return false;
    return true;
}

/* Rows of a later schema wait until it is known; Arrow says itself what is in it. */
static slu_status
entry_ready(fluss_scanner *scanner, const entry *next, slu_error *err)
{
    fluss_log_header header;
    if (fluss_target_table(scanner->target)->log_format == FLUSS_LOG_ARROW || fluss_log_peek(next->bytes, &header, NULL) != SLU_OK)
        return SLU_OK;
    return fluss_target_learn(scanner->target, header.schema_id, err);
}

/* The next batch of what waits; AGAIN: nothing does. */
static slu_status
entries_poll(fluss_scanner *scanner, fluss_scan_batch *out, slu_error *err)
{
    while (scanner->entry_count > 0 && !scanner->broken) {
        const slu_status ready = entry_ready(scanner, &scanner->entries[scanner->entry_first], err);
        if (ready == SLU_AGAIN)
            return SLU_AGAIN;
        entry next = entry_pop(scanner);
        bucket_scan *scan = &scanner->buckets[next.bucket];
        slu_status status = ready < 0 ? ready : SLU_AGAIN;
        if (ready == SLU_OK && scan->wanted < scan->stop)
            status = entry_decode(scanner, &next, out, err);
        fluss_answer_unref(&next.answer);
        if (status == SLU_AGAIN)
            continue;
        if (status < 0) { /* said once and for all: what follows must not be read past it */
            slu_error why = {0};
            if (err != NULL)
                why = *err;
            why.status = status;
            scanner_fail(scanner, &why);
            scanner->broken = true;
            return slu_error_in(err, status, "reading table %s", fluss_target_name(scanner->target));
        }
        return status;
    }
    return SLU_AGAIN;
}

slu_status
fluss_scanner_poll(fluss_scanner *scanner, fluss_scan_batch *out, slu_error *err)
{
    slu_status status = SLU_AGAIN;
    do {
        remotes_read(scanner);
        status = entries_poll(scanner, out, err);
    } while (status == SLU_AGAIN && scanner->failure.status == SLU_OK && remotes_wait(scanner));
    if (status == SLU_OK)
        fetches_start(scanner);
    if (status != SLU_AGAIN)
        return status;
    if (scanner->failure.status != SLU_OK) {
        if (err != NULL)
            *err = scanner->failure;
        return scanner->failure.status;
    }
    if (scanner_ended(scanner))
        return SLU_END;
    SLU_TRY(fluss_target_poll(scanner->target, err));
    fetches_start(scanner);
    return SLU_AGAIN;
}

const struct ArrowSchema *
fluss_scanner_schema(const fluss_scanner *scanner)
{
    return &scanner->schema;
}

int64_t
fluss_scanner_high_watermark(const fluss_scanner *scanner, int32_t bucket)
{
    return bucket < scanner->bucket_count ? scanner->buckets[bucket].high_watermark : -1;
}

bool
fluss_scanner_gone(const fluss_scanner *scanner, int32_t bucket)
{
    return bucket < scanner->bucket_count && scanner->buckets[bucket].gone;
}

void
fluss_scanner_remove(fluss_scanner *scanner, int32_t bucket)
{
    if (bucket < 0 || bucket >= scanner->bucket_count)
        return;
    entries_drop(scanner, bucket);
    fluss_remote_reader_close(&scanner->buckets[bucket].remote);
    scanner->buckets[bucket].active = false;
}
