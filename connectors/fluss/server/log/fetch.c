/*
 * fetch.c: FETCH_LOG.
 *
 *   request --enough bytes, an error, or no wish to wait--> answered
 *      |
 *      +--> parked on its tablets --append (enough now), table gone, deadline--> answered
 *                  |
 *                  +--session over--> dropped
 */
#include "fluss/server/log/fetch.h"

#include "base/alloc.h"
#include "base/sizes.h"
#include "fluss/record/log_batch.h"
#include "fluss/server/access/authorize.h"
#include "fluss/server/reply.h"

#include <inttypes.h>

#define FETCH_ARENA_BYTES_MAX ((size_t)64 << 20)
#define FETCH_RECORDS_BYTES_MAX ((size_t)192 << 20) /* below the 256 MiB of a response: one batch may exceed what was asked for */
#define FETCHES_PARKED_MAX 65536                    /* one more is answered at once with what there is */
#define FETCHES_PARKED_SESSION_MAX 64               /* the same for one connection; honest clients have one */
#define FETCHES_PARKED_BYTES_MAX ((size_t)32 << 20) /* half a million buckets: an append may look at all of them */
#define FETCH_WAIT_MS_DEFAULT 100
#define FETCH_WAIT_BEHIND_MS 10 /* of a reader that has more to fetch elsewhere */
#define FETCH_BEHIND_MS 1000    /* for so long it counts as one */
#define FETCH_WAIT_MS_MAX ((int64_t)10 * 60 * 1000)

typedef struct fluss_fetch fluss_fetch;

typedef struct fetch_table {
    int64_t id;
    bool denied; /* who asks may not read it */
    bool projected;
    int32_t *columns;
    size_t column_count;
    size_t bucket_count; /* of the buckets that follow each other in the fetch */
} fetch_table;

typedef struct fetch_bucket {
    fetch_table *table;
    bool has_partition;
    int64_t partition_id;
    int32_t bucket;
    int64_t offset;
    int32_t bytes_max;
} fetch_bucket;

struct fluss_wait {
    fluss_fetch *fetch;
    fluss_wait *next;
    fluss_wait **at; /* NULL: hangs nowhere */
};

struct fluss_fetch {
    fluss_server *server;
    fluss_session *session;
    int32_t request_id;
    int64_t bytes_max;
    int64_t bytes_min;
    int64_t deadline_ms;
    size_t parked_bytes; /* counted while it waits */
    uint64_t looked;     /* the wake in which it was found not to be ready */
    slu_arena arena;
    fetch_table *tables;
    size_t table_count;
    fetch_bucket *buckets;
    size_t bucket_count;
    fluss_wait *waits; /* one per bucket */
    fluss_fetch *next; /* among the parked */
    fluss_fetch **at;
};

struct fluss_fetches {
    fluss_server *server;
    fluss_fetch *parked;
    size_t parked_count;
    size_t parked_bytes;
    uint64_t wakes;
    int64_t first_ms; /* the timer's: the earliest deadline, or before it */
    slu_timer *timer;
};

static void
fetch_free(fluss_fetch *fetch)
{
    for (size_t i = 0; fetch->waits != NULL && i < fetch->bucket_count; i++) {
        fluss_wait *wait = &fetch->waits[i];
        if (wait->at == NULL)
            continue;
        *wait->at = wait->next;
        if (wait->next != NULL)
            wait->next->at = wait->at;
    }
    if (fetch->at != NULL) {
        fetch->server->fetches->parked_count--;
        fetch->server->fetches->parked_bytes -= fetch->parked_bytes;
        (*fluss_session_parked(fetch->session))--;
        *fetch->at = fetch->next;
        if (fetch->next != NULL)
            fetch->next->at = fetch->at;
    }
    slu_arena_fini(&fetch->arena);
    slu_free(fetch);
}

/* ---- the request, copied: it may outlive its frame ---- */

static slu_status
fetch_copy_table(fluss_fetch *fetch, const Fluss__PbFetchLogReqForTable *from, fetch_table *table, slu_error *err)
{
    table->id = from->table_id;
    table->projected = from->projection_pushdown_enabled;
    table->column_count = from->n_projected_fields;
    table->columns = slu_arena_array(&fetch->arena, from->n_projected_fields + 1, sizeof *table->columns);
    if (table->columns == NULL)
        return slu_arena_status(&fetch->arena, err);
    if (from->n_projected_fields != 0)
        memcpy(table->columns, from->projected_fields, from->n_projected_fields * sizeof *table->columns);
    table->bucket_count = from->n_buckets_req;
    for (size_t i = 0; i < from->n_buckets_req; i++) {
        const Fluss__PbFetchLogReqForBucket *b = from->buckets_req[i];
        const fetch_bucket bucket = {table,        b->has_partition_id, b->has_partition_id ? b->partition_id : FLUSS_NO_PARTITION,
                                     b->bucket_id, b->fetch_offset,     b->max_fetch_bytes};
        fetch->buckets[fetch->bucket_count++] = bucket;
    }
    return SLU_OK;
}

static slu_status
fetch_copy(fluss_fetch *fetch, const Fluss__FetchLogRequest *request, slu_error *err)
{
    size_t buckets = 0;
    for (size_t i = 0; i < request->n_tables_req; i++)
        buckets += request->tables_req[i]->n_buckets_req;
    fetch->tables = slu_arena_array(&fetch->arena, request->n_tables_req + 1, sizeof *fetch->tables);
    fetch->buckets = slu_arena_array(&fetch->arena, buckets + 1, sizeof *fetch->buckets);
    fetch->waits = slu_arena_array(&fetch->arena, buckets + 1, sizeof *fetch->waits);
    SLU_TRY(slu_arena_status(&fetch->arena, err));
    fetch->table_count = request->n_tables_req;
    for (size_t i = 0; i < request->n_tables_req; i++)
        SLU_TRY(fetch_copy_table(fetch, request->tables_req[i], &fetch->tables[i], err));
    fetch->bytes_max = request->max_bytes;
    fetch->bytes_min = request->has_min_bytes ? request->min_bytes : 0;
    const int64_t wait_ms = request->has_max_wait_ms ? request->max_wait_ms : FETCH_WAIT_MS_DEFAULT;
    fetch->deadline_ms = slu_now_ms(fetch->server->env) + SLU_MAX((int64_t)0, SLU_MIN(wait_ms, FETCH_WAIT_MS_MAX));
    return SLU_OK;
}

static slu_status
fetch_new(const fluss_request *r, fluss_fetch **out, slu_error *err)
{
    fluss_fetch *fetch = slu_alloc_zero(1, sizeof *fetch);
    if (fetch == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a fetch");
    fetch->server = r->server;
    fetch->session = r->session;
    fetch->request_id = r->id;
    slu_arena_init(&fetch->arena, FETCH_ARENA_BYTES_MAX);
    const slu_status status = fetch_copy(fetch, (const Fluss__FetchLogRequest *)r->message, err);
    if (status != SLU_OK) {
        fetch_free(fetch);
        return status;
    }
    for (size_t i = 0; i < fetch->table_count; i++)
        fetch->tables[i].denied = !fluss_may_table_id(r, FLUSS_OPERATION_READ, fetch->tables[i].id);
    *out = fetch;
    return SLU_OK;
}

/* ---- is there enough? ---- */

static slu_status
fetch_tablet(const fluss_fetch *fetch, const fetch_bucket *bucket, fluss_tablet **out, slu_error *err)
{
    fluss_served *table = NULL;
    SLU_TRY(fluss_tables_get_by_id(fetch->server->tables, bucket->table->id, &table, err));
    if (bucket->table->denied) {
        (void)slu_error_set(err, SLU_INVALID, "No permission to READ table %s in database %s", table->row.name,
                            table->row.database);
        err->code = FLUSS_ERROR_AUTHORIZATION_EXCEPTION;
        return SLU_INVALID;
    }
    return fluss_tables_tablet(fetch->server->tables, table, bucket->partition_id, bucket->bucket, out, err);
}

static int64_t
fetch_offset(const fetch_bucket *bucket, const fluss_tablet *tablet)
{
    return bucket->offset == FLUSS_OFFSET_EARLIEST ? fluss_log_first(tablet->log) : bucket->offset;
}

/* Enough bytes, or an error that its client should hear of at once. A bucket that is not here (21) does not cut short the wait of
 * the others, unless there are no others. */
static bool
fetch_is_ready(const fluss_fetch *fetch)
{
    int64_t bytes = 0;
    size_t known = 0;
    for (size_t i = 0; i < fetch->bucket_count; i++) {
        fluss_tablet *tablet = NULL;
        uint64_t available = 0;
        slu_error why;
        if (fetch_tablet(fetch, &fetch->buckets[i], &tablet, &why) != SLU_OK)
            continue;
        known++;
        const int64_t missing = SLU_MAX(fetch->bytes_min - bytes, (int64_t)1);
        if (fluss_log_available(tablet->log, fetch_offset(&fetch->buckets[i], tablet), (uint64_t)missing, &available, &why) !=
            SLU_OK)
            return true;
        bytes += (int64_t)available;
        if (bytes >= fetch->bytes_min)
            return true;
    }
    return known == 0;
}

/* ---- the answer ---- */

/* "[0, 2]", as Java prints them. */
static void
print_columns(const fetch_table *asked, slu_buf *out)
{
    slu_buf_init(out, SLU_PATH_BYTES_MAX);
    slu_buf_text(out, "[");
    for (size_t i = 0; i < asked->column_count; i++)
        slu_buf_printf(out, "%s%" PRId32, i == 0 ? "" : ", ", asked->columns[i]);
    slu_buf_text(out, "]");
}

/* The columns against a schema of so many, in Fluss's words. */
static slu_status
projection_check(const fetch_table *asked, int32_t columns, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    int32_t before = -1;
    bool good = true;
    print_columns(asked, &text);
    if (asked->column_count == 0)
        good = slu_error_set(err, SLU_INVALID,
                             "Empty projection is not supported. Please project at least one column. For "
                             "aggregations like COUNT(*) / COUNT(1), the connector should push down a projection "
                             "that selects at least one column.") == SLU_OK;
    for (size_t i = 0; good && i < asked->column_count; before = asked->columns[i++]) {
        const int32_t column = asked->columns[i];
        if (column < before || column < 0)
            good = slu_error_set(err, SLU_INVALID, "The projection indexes should be in field order, but is %s",
                                 slu_buf_cstr(&text)) == SLU_OK;
        else if (column == before)
            good = slu_error_set(err, SLU_INVALID, "The projection indexes should not contain duplicated fields, but is %s",
                                 slu_buf_cstr(&text)) == SLU_OK;
        else if (column >= columns)
            good = slu_error_set(err, SLU_INVALID, "Projected fields %s is out of bound for schema with %" PRId32 " fields.",
                                 slu_buf_cstr(&text), columns) == SLU_OK;
    }
    if (!good && err != NULL)
        err->code = FLUSS_ERROR_INVALID_COLUMN_PROJECTION;
    return good ? SLU_OK : SLU_INVALID;
}

static slu_status
fetch_check_projection(const fetch_table *asked, const fluss_served *table, slu_error *err)
{
    if (table->table.log_format == FLUSS_LOG_ARROW)
        return projection_check(asked, (int32_t)table->descriptor.schema.column_count, err);
    (void)slu_error_set(err, SLU_INVALID, "Column projection is only supported for ARROW format, but the table %s.%s is %s format.",
                        table->row.database, table->row.name,
                        table->table.log_format == FLUSS_LOG_INDEXED ? "INDEXED" : "COMPACTED");
    if (err != NULL)
        err->code = FLUSS_ERROR_INVALID_COLUMN_PROJECTION;
    return SLU_INVALID;
}

/* Rewrites the batches in records[from..] with the asked columns only. */
static slu_status
fetch_project(const fluss_fetch *fetch, const fetch_table *asked, fluss_served *table, slu_buf *records, size_t from,
              slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf projected = {0};
    slu_buf_init(&projected, FETCH_RECORDS_BYTES_MAX);
    SLU_TRY(fetch_check_projection(asked, table, err));
    if (records->bytes == from)
        return SLU_OK;
    slu_view left = slu_view_of(records->data + from, records->bytes - from);
    while (left.bytes != 0) {
        fluss_log_header head;
        SLU_TRY(fluss_log_peek(left, &head, err));
        const fluss_schema *schema = NULL;
        struct ArrowSchema arrow = {0};
        SLU_TRY(fluss_tables_schema(fetch->server->tables, table, head.schema_id, &schema, err));
        SLU_TRY(projection_check(asked, (int32_t)schema->column_count, err));
        SLU_TRY(fluss_schema_to_arrow(schema, &arrow, err));
        const slu_status status = fluss_log_project(&arrow, &head, slu_view_of(left.data, head.batch_bytes), asked->columns,
                                                    asked->column_count, table->table.log_compression, &projected, err);
        slu_schema_release(&arrow);
        if (status < 0)
            return status == SLU_INVALID && err->code == 0 ? (err->code = FLUSS_ERROR_INVALID_COLUMN_PROJECTION, status) : status;
        left = slu_view_of(left.data + head.batch_bytes, left.bytes - head.batch_bytes);
    }
    records->bytes = from;
    slu_buf_append(records, projected.data, projected.bytes);
    return slu_buf_status(records, err);
}

/* What is not here any more: where it lies, for the client to read. NOTFOUND: nowhere. */
static slu_status
fetch_remote(fluss_fetch *fetch, const fetch_bucket *bucket, const fluss_tablet *tablet, Fluss__PbFetchLogRespForBucket *out,
             slu_error *err)
{
    fluss_remote_named named;
    SLU_TRY(fluss_remote_log_name(tablet->remote, fetch_offset(bucket, tablet), fluss_log_start(tablet->log), &named, err));
    Fluss__PbRemoteLogFetchInfo *info = slu_arena_alloc(&fetch->arena, sizeof *info);
    Fluss__PbRemoteLogSegment **list = (Fluss__PbRemoteLogSegment **)fluss_reply_list(&fetch->arena, named.count, sizeof **list);
    if (info == NULL || list == NULL)
        return slu_arena_status(&fetch->arena, err);
    fluss__pb_remote_log_fetch_info__init(info);
    info->remote_log_tablet_dir = slu_arena_printf(&fetch->arena, "%s%s", named.dir[0] == '/' ? "file://" : "", named.dir);
    if (tablet->partition_id != FLUSS_NO_PARTITION)
        info->partition_name = slu_arena_strdup(&fetch->arena, fluss_tables_partition_name(tablet));
    info->has_first_start_pos = true;
    info->first_start_pos = named.first_position;
    for (size_t i = 0; i < named.count; i++) {
        fluss__pb_remote_log_segment__init(list[i]);
        list[i]->remote_log_segment_id = slu_arena_strdup(&fetch->arena, named.segments[i].id);
        list[i]->remote_log_start_offset = named.segments[i].start_offset;
        list[i]->remote_log_end_offset = named.segments[i].end_offset;
        list[i]->segment_size_in_bytes = named.segments[i].bytes;
        list[i]->has_max_timestamp = true;
        list[i]->max_timestamp = named.segments[i].max_time_ms;
    }
    info->n_remote_log_segments = named.count;
    info->remote_log_segments = list;
    out->remote_log_fetch_info = info;
    return slu_arena_status(&fetch->arena, err);
}

/* Is the answer for it to look elsewhere? */
static slu_status
fetch_looks_elsewhere(fluss_fetch *fetch, const fetch_bucket *bucket, const fluss_tablet *tablet,
                      Fluss__PbFetchLogRespForBucket *out, bool *out_yes, slu_error *err)
{
    const int64_t offset = fetch_offset(bucket, tablet);
    *out_yes = false;
    if (tablet->remote == NULL || offset < 0 || offset >= fluss_log_start(tablet->log))
        return SLU_OK;
    const slu_status status = fetch_remote(fetch, bucket, tablet, out, err);
    *out_yes = status == SLU_OK;
    return status == SLU_NOTFOUND ? SLU_OK : status;
}

static slu_status
fetch_read(fluss_fetch *fetch, const fetch_bucket *bucket, slu_buf *records, Fluss__PbFetchLogRespForBucket *out, slu_error *err)
{
    fluss_tablet *tablet = NULL;
    int64_t next = 0;
    const size_t from = records->bytes;
    bool elsewhere = false;
    SLU_TRY(fetch_tablet(fetch, bucket, &tablet, err));
    SLU_TRY(fetch_looks_elsewhere(fetch, bucket, tablet, out, &elsewhere, err));
    out->has_high_watermark = true;
    out->high_watermark = fluss_log_committed(tablet->log);
    out->has_log_start_offset = true;
    out->log_start_offset = fluss_log_first(tablet->log);
    if (elsewhere)
        return bucket->table->projected ? fetch_check_projection(bucket->table, tablet->table, err) : SLU_OK;
    const int64_t left = SLU_MAX(fetch->bytes_max - (int64_t)records->bytes, (int64_t)0);
    const size_t bytes_max = (size_t)SLU_MIN(left, SLU_MAX((int64_t)bucket->bytes_max, (int64_t)0));
    SLU_TRY(fluss_log_read(tablet->log, fetch_offset(bucket, tablet), bytes_max, records->bytes == 0, records, &next, err));
    if (next < out->high_watermark)
        fluss_session_set_behind(fetch->session, slu_now_ms(fetch->server->env) + FETCH_BEHIND_MS);
    if (bucket->table->projected)
        SLU_TRY(fetch_project(fetch, bucket->table, tablet->table, records, from, err));
    out->has_records = true;
    out->records.len = records->bytes - from;
    return SLU_OK;
}

static void
fetch_fill_bucket(fluss_fetch *fetch, const fetch_bucket *bucket, slu_buf *records, Fluss__PbFetchLogRespForBucket *out)
{
    slu_error why;
    const size_t from = records->bytes;
    fluss__pb_fetch_log_resp_for_bucket__init(out);
    out->has_partition_id = bucket->has_partition;
    out->partition_id = bucket->has_partition ? bucket->partition_id : 0;
    out->bucket_id = bucket->bucket;
    const slu_status status = fetch_read(fetch, bucket, records, out, &why);
    if (status == SLU_OK)
        return;
    records->bytes = from;
    out->has_records = false;
    out->has_high_watermark = false;
    out->has_log_start_offset = false;
    out->remote_log_fetch_info = NULL;
    out->has_error_code = true;
    out->error_code = fluss_reply_error(&fetch->arena, status, &why, &out->error_message);
}

/* The buffer has its place now: each bucket's part is known. */
static void
fetch_place_records(Fluss__FetchLogResponse *response, const slu_buf *records)
{
    size_t at = 0;
    for (size_t t = 0; t < response->n_tables_resp; t++) {
        for (size_t b = 0; b < response->tables_resp[t]->n_buckets_resp; b++) {
            Fluss__PbFetchLogRespForBucket *bucket = response->tables_resp[t]->buckets_resp[b];
            if (!bucket->has_records)
                continue;
            bucket->records.data = bucket->records.len == 0 ? NULL : records->data + at;
            at += bucket->records.len;
        }
    }
}

static void
fetch_answer(fluss_fetch *fetch)
{
    Fluss__FetchLogResponse response = FLUSS__FETCH_LOG_RESPONSE__INIT;
    SLU_AUTO(slu_buf_fini) slu_buf records = {0};
    slu_buf_init(&records, FETCH_RECORDS_BYTES_MAX);
    Fluss__PbFetchLogRespForTable **tables =
        (Fluss__PbFetchLogRespForTable **)fluss_reply_list(&fetch->arena, fetch->table_count, sizeof **tables);
    const fetch_bucket *bucket = fetch->buckets;
    for (size_t t = 0; tables != NULL && t < fetch->table_count; t++) {
        const size_t count = fetch->tables[t].bucket_count;
        Fluss__PbFetchLogRespForBucket **buckets =
            (Fluss__PbFetchLogRespForBucket **)fluss_reply_list(&fetch->arena, count, sizeof **buckets);
        fluss__pb_fetch_log_resp_for_table__init(tables[t]);
        tables[t]->table_id = fetch->tables[t].id;
        for (size_t b = 0; buckets != NULL && b < count; b++)
            fetch_fill_bucket(fetch, bucket++, &records, buckets[b]);
        tables[t]->n_buckets_resp = buckets == NULL ? 0 : count;
        tables[t]->buckets_resp = buckets;
        response.n_tables_resp++;
    }
    response.tables_resp = tables;
    fetch_place_records(&response, &records);
    fluss_session_answer(fetch->session, fetch->request_id, &response.base);
    fetch_free(fetch);
}

/* ---- waiting ---- */

static void
fetches_set_timer(fluss_fetches *fetches)
{
    int64_t first = INT64_MAX;
    for (const fluss_fetch *fetch = fetches->parked; fetch != NULL; fetch = fetch->next)
        first = SLU_MIN(first, fetch->deadline_ms);
    fetches->first_ms = first;
    if (first == INT64_MAX)
        slu_timer_clear(fetches->timer);
    else
        slu_timer_set(fetches->timer, SLU_MAX(first - slu_now_ms(fetches->server->env), (int64_t)0));
}

/*
 * Clients have one fetch in flight per server, and leave out the buckets whose rows they have not handed on yet. When such a fetch waits
 * at the end of one bucket, the others wait with it, however much there is in them: so a reader that is behind anywhere waits shortly.
 */
static void
fetch_hurry_if_behind(fluss_fetch *fetch)
{
    const int64_t now_ms = slu_now_ms(fetch->server->env);
    if (fluss_session_behind(fetch->session) > now_ms)
        fetch->deadline_ms = SLU_MIN(fetch->deadline_ms, now_ms + FETCH_WAIT_BEHIND_MS);
}

static void
fetch_park(fluss_fetches *fetches, fluss_fetch *fetch)
{
    fetch_hurry_if_behind(fetch);
    for (size_t i = 0; i < fetch->bucket_count; i++) {
        fluss_tablet *tablet = NULL;
        slu_error why;
        fluss_wait *wait = &fetch->waits[i];
        wait->fetch = fetch;
        if (fetch_tablet(fetch, &fetch->buckets[i], &tablet, &why) != SLU_OK)
            continue;
        wait->next = tablet->waiting;
        wait->at = &tablet->waiting;
        if (wait->next != NULL)
            wait->next->at = &wait->next;
        tablet->waiting = wait;
    }
    fetch->next = fetches->parked;
    fetch->at = &fetches->parked;
    if (fetch->next != NULL)
        fetch->next->at = &fetch->next;
    fetches->parked = fetch;
    fetches->parked_count++;
    fetch->parked_bytes = fetch->arena.bytes; /* the answer will need more */
    fetches->parked_bytes += fetch->parked_bytes;
    (*fluss_session_parked(fetch->session))++;
    if (fetches->parked_count == 1 || fetch->deadline_ms < fetches->first_ms) {
        fetches->first_ms = fetch->deadline_ms;
        slu_timer_set(fetches->timer, SLU_MAX(fetch->deadline_ms - slu_now_ms(fetches->server->env), (int64_t)0));
    }
}

static bool
fetches_have_room(const fluss_fetches *fetches, fluss_session *session)
{
    return fetches->parked_count < FETCHES_PARKED_MAX && fetches->parked_bytes < FETCHES_PARKED_BYTES_MAX &&
           *fluss_session_parked(session) < FETCHES_PARKED_SESSION_MAX;
}

slu_status
fluss_handle_fetch_log(fluss_request *r, slu_error *err)
{
    fluss_fetch *fetch = NULL;
    SLU_TRY(fetch_new(r, &fetch, err));
    const bool room = fetches_have_room(r->server->fetches, r->session);
    const bool wait = room && fetch->bytes_min > 0 && fetch->deadline_ms > slu_now_ms(r->server->env) && fetch->bucket_count != 0;
    if (wait && !fetch_is_ready(fetch))
        fetch_park(r->server->fetches, fetch);
    else
        fetch_answer(fetch);
    return SLU_OK;
}

static void
fetches_deadline(void *context)
{
    fluss_fetches *fetches = context;
    const int64_t now = slu_now_ms(fetches->server->env);
    for (fluss_fetch *fetch = fetches->parked, *next = NULL; fetch != NULL; fetch = next) {
        next = fetch->next;
        if (fetch->deadline_ms <= now)
            fetch_answer(fetch);
    }
    fetches_set_timer(fetches);
}

/* An answer takes its fetch out of every list, this tablet's too: so begin again after each. A fetch is looked at once: it may wait here
 * as often as it names the bucket, which would be the square of that. */
static void
fetches_wake_if(fluss_fetches *fetches, fluss_tablet *tablet, bool always)
{
    fetches->wakes++;
    for (fluss_wait *wait = tablet->waiting; wait != NULL;) {
        fluss_fetch *fetch = wait->fetch;
        if (always || (fetch->looked != fetches->wakes && fetch_is_ready(fetch))) {
            fetch_answer(fetch);
            wait = tablet->waiting;
        } else {
            fetch->looked = fetches->wakes;
            wait = wait->next;
        }
    }
}

void
fluss_fetches_wake(fluss_fetches *fetches, fluss_tablet *tablet)
{
    fetches_wake_if(fetches, tablet, false);
}

void
fluss_fetches_wake_table(fluss_fetches *fetches, fluss_served *table)
{
    for (fluss_partition *partition = table->partitions; partition != NULL; partition = partition->next)
        for (int32_t i = 0; i < table->table.bucket_count; i++)
            fetches_wake_if(fetches, &partition->tablets[i], true);
}

void
fluss_fetches_forget(fluss_fetches *fetches, const fluss_session *session)
{
    for (fluss_fetch *fetch = fetches->parked, *next = NULL; fetch != NULL; fetch = next) {
        next = fetch->next;
        if (fetch->session == session)
            fetch_free(fetch);
    }
}

slu_status
fluss_fetches_open(fluss_server *server, fluss_fetches **out, slu_error *err)
{
    fluss_fetches *fetches = slu_alloc_zero(1, sizeof *fetches);
    if (fetches == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for fetches");
    fetches->server = server;
    const slu_status status = slu_timer_open(server->loop, fetches_deadline, fetches, &fetches->timer, err);
    if (status != SLU_OK) {
        slu_free(fetches);
        return status;
    }
    *out = fetches;
    return SLU_OK;
}

void
fluss_fetches_close(fluss_fetches **fetches)
{
    if (*fetches == NULL)
        return;
    while ((*fetches)->parked != NULL)
        fetch_free((*fetches)->parked);
    slu_timer_close(&(*fetches)->timer);
    slu_free(*fetches);
    *fetches = NULL;
}
