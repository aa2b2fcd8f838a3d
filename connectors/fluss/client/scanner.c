#include "scanner_internal.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "batch/batch.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

#include <stdlib.h>

#define BUFFER_BYTES_DEFAULT ((size_t)8 << 20)
#define FETCH_BYTES_DEFAULT (4 << 20)
#define BUCKET_BYTES_DEFAULT (1 << 20)
#define WAIT_MS_DEFAULT 500

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
        status = slu_timer_open(fluss_target_client(target)->loop, scan_timer_fired, scanner, &scanner->timer, err);
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
        entry gone = scan_entry_pop(mine);
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
        entry kept = scan_entry_pop(scanner);
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
        entry next = scan_entry_pop(scanner);
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
        scan_remotes_read(scanner);
        status = entries_poll(scanner, out, err);
    } while (status == SLU_AGAIN && scanner->failure.status == SLU_OK && scan_remotes_wait(scanner));
    if (status == SLU_OK)
        scan_fetches_start(scanner);
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
    scan_fetches_start(scanner);
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
