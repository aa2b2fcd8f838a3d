/* scanner_fetch.c: rows asked for, as they come, or as they lie elsewhere; see scanner.h. */
#include "scanner_internal.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

#define ENTRIES_MAX 65536
#define FETCH_STUMBLES_MAX 20 /* a pause apart */
#define REMOTE_TRIES_MAX 20   /* without a row in between, a pause apart */

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

entry
scan_entry_pop(fluss_scanner *scanner)
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

void
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
    if (why->status != SLU_NOTFOUND && why->status != SLU_IO && why->status != SLU_TIMEOUT) {
        scanner_fail(scanner, why);
        return;
    }
    if (++scan->remote_tries >= REMOTE_TRIES_MAX) {
        (void)slu_error_in(why, why->status, "is the server's remote.data.dir to be seen from this machine?");
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
    if (fluss_remote_reader_open(fluss_target_client(scanner->target), info, &scanner->buckets[bucket].remote, &err) != SLU_OK)
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
void
scan_remotes_read(fluss_scanner *scanner)
{
    for (int32_t i = 0; i < scanner->bucket_count; i++) {
        const int32_t bucket = (i + scanner->rotate) % scanner->bucket_count;
        if (scanner->failure.status != SLU_OK || scanner->buffered_bytes >= scanner->options.buffer_bytes_max / 2)
            return;
        if (scanner->buckets[bucket].remote != NULL)
            remote_read(scanner, bucket);
    }
}

bool
scan_remotes_wait(const fluss_scanner *scanner)
{
    for (int32_t bucket = 0; bucket < scanner->bucket_count; bucket++)
        if (scanner->buckets[bucket].remote != NULL && !fluss_remote_reader_waits(scanner->buckets[bucket].remote))
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
    scan_fetches_start(scanner);
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

void
scan_fetches_start(fluss_scanner *scanner)
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

void
scan_timer_fired(void *context)
{
    fluss_scanner *scanner = context;
    for (int32_t bucket = 0; bucket < scanner->bucket_count; bucket++)
        scanner->buckets[bucket].paused = false;
    scan_fetches_start(scanner);
}
