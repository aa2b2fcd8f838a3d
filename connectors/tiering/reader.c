#include "reader.h"

#include "plan.h"

#include "fluss/client/snapshot_reader.h"

#include "base/alloc.h"

#include <strings.h>

#define LEASE_MS ((int64_t)10 * 60 * 1000) /* on the snapshots of a first round: renewed with each that is begun */

struct tiering_reader {
    fluss_client *client;
    tiering_piece head;
    fluss_target *target;
    tiering_plan *plan;
    bool reading;
    const tiering_split *splits; /* the plan's */
    size_t split_count;
    int32_t *split_of; /* by bucket number; -1 */
    bool *ended;       /* its END was given */
    int64_t *next;     /* the next offset of a split; starts below any end */
    size_t log_count;  /* splits that are read from the log */
    fluss_scanner *scanner;
    size_t snapshot_at; /* the split whose snapshot is read, or is next; split_count: none left */
    fluss_snapshot_reader *snapshot;
    char lease[FLUSS_LEASE_ID_BYTES];
};

slu_status
tiering_reader_open(fluss_client *client, const tiering_piece *head, tiering_reader **out, slu_error *err)
{
    SLU_AUTO(tiering_reader_close) tiering_reader *reader = slu_alloc_zero(1, sizeof *reader);
    if (reader == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a tiering round");
    reader->client = client;
    reader->head = *head;
    reader->head.split_count = 0;
    reader->head.known_snapshot = TIERING_NO_SNAPSHOT;
    SLU_TRY(fluss_target_open(client, head->database, head->table, &reader->target, err));
    SLU_TRY(tiering_plan_open(reader->target, &reader->head, &reader->plan, err));
    *out = slu_take(&reader);
    return SLU_OK;
}

void
tiering_reader_close(tiering_reader **reader)
{
    tiering_reader *r = *reader;
    if (r == NULL)
        return;
    fluss_snapshot_reader_close(&r->snapshot);
    fluss_scanner_close(&r->scanner);
    tiering_plan_close(&r->plan);
    fluss_target_close(&r->target);
    slu_free(r->split_of);
    slu_free(r->ended);
    slu_free(r->next);
    slu_free(r);
    *reader = NULL;
}

const tiering_piece *
tiering_reader_head(const tiering_reader *reader)
{
    return &reader->head;
}

/* ---- beginning ---- */

static size_t
next_snapshot(const tiering_reader *reader, size_t from)
{
    while (from < reader->split_count && reader->splits[from].snapshot_id == FLUSS_NO_SNAPSHOT)
        from++;
    return from;
}

static slu_status
reader_room(tiering_reader *reader, slu_error *err)
{
    const int32_t numbers = fluss_target_bucket_numbers(reader->target);
    reader->split_of = slu_alloc_zero((size_t)numbers + 1, sizeof *reader->split_of);
    reader->ended = slu_alloc_zero(reader->split_count + 1, sizeof *reader->ended);
    reader->next = slu_alloc_zero(reader->split_count + 1, sizeof *reader->next);
    if (reader->split_of == NULL || reader->ended == NULL || reader->next == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu splits", reader->split_count);
    for (int32_t i = 0; i < numbers; i++)
        reader->split_of[i] = -1;
    for (size_t i = 0; i < reader->split_count; i++)
        reader->split_of[reader->splits[i].number] = (int32_t)i;
    return SLU_OK;
}

static slu_status
reader_scan_logs(tiering_reader *reader, slu_error *err)
{
    SLU_TRY(fluss_scanner_open(reader->target, NULL, &reader->scanner, err));
    for (size_t i = 0; i < reader->split_count; i++) {
        const tiering_split *split = &reader->splits[i];
        if (split->snapshot_id != FLUSS_NO_SNAPSHOT) {
            reader->next[i] = INT64_MIN;
            continue;
        }
        reader->next[i] = split->start;
        reader->log_count++;
        SLU_TRY(fluss_scanner_add(reader->scanner, split->number, split->start, split->end, err));
    }
    return SLU_OK;
}

static slu_status
reader_begin(tiering_reader *reader, slu_error *err)
{
    SLU_TRY(tiering_plan_poll(reader->plan, err));
    reader->splits = tiering_plan_splits(reader->plan, &reader->split_count);
    reader->head.known_snapshot = tiering_plan_known_snapshot(reader->plan, TIERING_NO_SNAPSHOT);
    reader->head.split_count = (uint16_t)reader->split_count;
    reader->reading = true;
    const fluss_table *table = fluss_target_table(reader->target);
    const char *image = fluss_descriptor_get(table->descriptor, "table.changelog.image");
    if (table->key_column_count != 0 && image != NULL && strcasecmp(image, "wal") == 0)
        reader->head.flags = TIERING_FLAG_UPSERTS;
    SLU_TRY(reader_room(reader, err));
    SLU_TRY(reader_scan_logs(reader, err));
    reader->snapshot_at = next_snapshot(reader, 0);
    if (reader->snapshot_at < reader->split_count)
        fluss_lease_id_make(reader->client, reader->lease);
    return SLU_OK;
}

/* ---- pieces ---- */

static void
reader_piece(const tiering_reader *reader, size_t split, uint8_t kind, tiering_piece *out)
{
    const int32_t number = reader->splits[split].number;
    const fluss_slot slot = fluss_target_slot(reader->target, fluss_target_slot_of(reader->target, number));
    *out = reader->head;
    out->kind = kind;
    out->split = (uint16_t)split;
    out->bucket = number % fluss_target_table(reader->target)->bucket_count;
    out->partition_id = TIERING_NO_PARTITION;
    out->end_offset = reader->splits[split].end;
    if (slot.name != NULL) {
        out->partition_id = slot.id;
        (void)snprintf(out->partition, sizeof out->partition, "%s", slot.name);
    }
}

/* The next split whose end was reached and not yet told. */
static bool
reader_take_end(tiering_reader *reader, tiering_read *out)
{
    for (size_t i = 0; i < reader->split_count; i++) {
        if (reader->ended[i] || reader->next[i] < reader->splits[i].end)
            continue;
        reader->ended[i] = true;
        reader_piece(reader, i, TIERING_END, &out->piece);
        return true;
    }
    return false;
}

/* ---- kv snapshots ---- */

static slu_status
snapshot_begin(tiering_reader *reader, slu_error *err)
{
    const tiering_split *split = &reader->splits[reader->snapshot_at];
    const fluss_snapshot_options options = {0};
    const fluss_snapshot_at at = {split->number, split->snapshot_id, split->end};
    fluss_lease_renew_later(reader->target, reader->lease, LEASE_MS, &at, 1);
    return fluss_snapshot_reader_open(reader->target, split->number, split->snapshot_id, &options, &reader->snapshot, err);
}

static void
snapshot_end(tiering_reader *reader)
{
    fluss_lease_release_later(reader->target, reader->lease, &reader->splits[reader->snapshot_at].number, 1);
    fluss_snapshot_reader_close(&reader->snapshot);
    reader->next[reader->snapshot_at] = reader->splits[reader->snapshot_at].end;
    reader->snapshot_at = next_snapshot(reader, reader->snapshot_at + 1);
}

/* One batch of a snapshot's rows; MORE: it ended. */
static slu_status
reader_snapshot(tiering_reader *reader, tiering_read *out, slu_error *err)
{
    if (reader->snapshot == NULL)
        SLU_TRY(snapshot_begin(reader, err));
    const slu_status status = fluss_snapshot_reader_poll(reader->snapshot, &out->batch.array, err);
    if (status == SLU_END) {
        snapshot_end(reader);
        return SLU_MORE;
    }
    if (status != SLU_OK)
        return status == SLU_AGAIN ? status : slu_error_in(err, status, "a kv snapshot");
    reader_piece(reader, reader->snapshot_at, TIERING_ROWS, &out->piece);
    out->piece.flags |= TIERING_FLAG_SNAPSHOT;
    out->piece.base_offset = -1;
    out->piece.commit_timestamp = -1;
    out->batch.count = out->batch.array.length;
    out->schema = fluss_snapshot_reader_schema(reader->snapshot);
    return SLU_OK;
}

/* ---- logs ---- */

/* One batch of the scanner; MORE when it had no rows. */
static slu_status
reader_log(tiering_reader *reader, tiering_read *out, slu_error *err)
{
    SLU_TRY(fluss_scanner_poll(reader->scanner, &out->batch, err));
    const int32_t number = out->batch.bucket;
    const int32_t split = number < fluss_target_bucket_numbers(reader->target) ? reader->split_of[number] : -1;
    if (split < 0) {
        fluss_scan_batch_fini(&out->batch);
        return slu_error_set(err, SLU_CORRUPT, "a batch of bucket %d, which was not asked for", number);
    }
    reader->next[split] = out->batch.next_offset;
    if (out->batch.count == 0) {
        fluss_scan_batch_fini(&out->batch);
        return SLU_MORE;
    }
    reader_piece(reader, (size_t)split, TIERING_ROWS, &out->piece);
    out->piece.base_offset = out->batch.base_offset;
    out->piece.commit_timestamp = out->batch.commit_timestamp;
    out->schema = fluss_scanner_schema(reader->scanner);
    return SLU_OK;
}

/* The scanner has no more: whatever it skipped (a log that now starts behind a range's end) is read, but for a dropped partition. */
static slu_status
reader_logs_over(tiering_reader *reader, slu_error *err)
{
    bool more = false;
    for (size_t i = 0; i < reader->split_count; i++) {
        if (reader->splits[i].snapshot_id != FLUSS_NO_SNAPSHOT || reader->ended[i])
            continue;
        if (reader->next[i] < reader->splits[i].end && fluss_scanner_gone(reader->scanner, reader->splits[i].number))
            return slu_error_set(err, SLU_CONFLICT, "a partition was dropped while it was read");
        reader->next[i] = reader->splits[i].end;
        more = true;
    }
    return more ? SLU_MORE : SLU_END;
}

static slu_status
reader_read(tiering_reader *reader, tiering_read *out, slu_error *err)
{
    for (;;) {
        if (reader_take_end(reader, out))
            return SLU_OK;
        const bool has_snapshot = reader->snapshot_at < reader->split_count;
        slu_status status = has_snapshot ? reader_snapshot(reader, out, err) : SLU_END;
        if (status == SLU_AGAIN || status == SLU_END) {
            const slu_status log = reader->log_count == 0 ? SLU_END : reader_log(reader, out, err);
            status = log == SLU_END && has_snapshot ? status : log;
        }
        if (status == SLU_END)
            status = reader_logs_over(reader, err);
        if (status != SLU_MORE)
            return status;
    }
}

slu_status
tiering_reader_plan(tiering_reader *reader, slu_error *err)
{
    return reader->reading ? SLU_OK : reader_begin(reader, err);
}

slu_status
tiering_reader_poll(tiering_reader *reader, tiering_read *out, slu_error *err)
{
    memset(out, 0, sizeof *out);
    SLU_TRY(tiering_reader_plan(reader, err));
    return reader_read(reader, out, err);
}
