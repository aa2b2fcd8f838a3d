/*
 * fluss_source.c: reads a table's log: a split is a bucket with the next offset (and where to stop).
 *
 * A split's bytes: u8 version 1, i32 bucket, i64 table id, i64 next offset (-2: the log's start), i64 stop offset (INT64_MAX: none),
 * little endian. The table id guards against a table that was dropped and created anew under the same name.
 */
#include "face.h"

#include "base/alloc.h"
#include "base/cursor.h"
#include "fluss/client/admin.h"
#include "fluss/client/scanner.h"

#include <stdio.h>

#define SPLIT_VERSION 1
#define SPLIT_BYTES 29
#define SPLIT_ID_BYTES 32

typedef struct source_options {
    face_options face;
    const char *start;
    const char *stop;
    const slu_value *columns;
    int64_t buffer_bytes;
} source_options;

static const slu_option options_table[] = {
    FACE_OPTIONS(source_options),
    SLU_OPTION("columns", LIST, source_options, columns, NULL, "the columns to read, in this order; all of them when left out"),
    SLU_OPTION("start", CHOICE, source_options, start, "earliest", "where a new job begins in the log",
               .choices = "earliest|latest"),
    SLU_OPTION("stop", CHOICE, source_options, stop, "never",
               "never: follow the log; latest: end where the log ended when the job was planned", .choices = "never|latest"),
    SLU_OPTION("buffer", BYTES, source_options, buffer_bytes, "8mib", "how much is fetched ahead", .min = 65536, .max = 1 << 30),
};

typedef struct bucket_split {
    bool assigned;
    int64_t table_id;
    int64_t offset;
    int64_t stop;
} bucket_split;

typedef struct source {
    fluss_face face;
    const source_options *options;
    fluss_scanner *scanner; /* once the table is open */
    int32_t *columns;
    uint32_t column_count;
    bucket_split *splits; /* by bucket */
    uint32_t split_count; /* length of splits: one more than the highest bucket assigned */
    bool assigned;        /* assign was called */
    bool bounded;
    int32_t *selection; /* for batches of which only some rows are meant */
    int64_t selection_rows;
} source;

#define BUCKETS_MAX 1048576

/* ---- Planning ---- */

static slu_status
columns_find(const fluss_face *face, const slu_value *list, int32_t **out, uint32_t *out_count, slu_error *err)
{
    *out = NULL;
    *out_count = 0;
    if (list == NULL)
        return SLU_OK;
    if (list->count == 0)
        return slu_error_at(err, SLU_INVALID, list, 0, "columns: the list is empty; leave it out to read all");
    int32_t *columns = slu_alloc(list->count * sizeof *columns);
    slu_status status = columns == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for %u columns", list->count) : SLU_OK;
    for (uint32_t i = 0; i < list->count && status == SLU_OK; i++) {
        status = face_column(face, list->items[i].text, &list->items[i], &columns[i], err);
        for (uint32_t before = 0; before < i && status == SLU_OK; before++)
            if (columns[before] == columns[i])
                status = slu_error_at(err, SLU_INVALID, &list->items[i], 0, "column %s is named twice", list->items[i].text);
    }
    if (status != SLU_OK) {
        slu_free(columns);
        return status;
    }
    *out = columns;
    *out_count = list->count;
    return SLU_OK;
}

static slu_status
plan_schema(const fluss_table *table, const int32_t *columns, uint32_t count, struct ArrowSchema *out, slu_error *err)
{
    const uint32_t all = (uint32_t)table->arrow.n_children;
    slu_status status = slu_schema_init_struct(out);
    for (uint32_t i = 0; i < (columns == NULL ? all : count) && status == SLU_OK; i++)
        status = slu_schema_add_copy(out, table->arrow.children[columns == NULL ? (int32_t)i : columns[i]], NULL);
    if (status == SLU_OK)
        return SLU_OK;
    slu_schema_release(out);
    return slu_error_set(err, status, "no memory for a schema");
}

static slu_status
source_plan_open(fluss_face *face, slu_plan_call *call, slu_error *err)
{
    const source_options *options = call->options;
    int32_t *columns = NULL;
    uint32_t count = 0;
    SLU_TRY(face_wait(face, err));
    SLU_TRY(columns_find(face, options->columns, &columns, &count, err));
    const slu_status status = plan_schema(fluss_target_table(face->target), columns, count, call->outputs, err);
    slu_free(columns);
    call->bounded = strcmp(options->stop, "latest") == 0;
    return status;
}

static slu_status
source_plan(slu_plan_call *call, slu_error *err)
{
    const source_options *options = call->options;
    fluss_face face = {0};
    SLU_TRY(face_open(&face, call->host, &options->face, call->with, false, err));
    const slu_status status = source_plan_open(&face, call, err);
    face_close(&face);
    return status;
}

static void
split_encode(slu_buf *out, int32_t bucket, const bucket_split *split)
{
    slu_buf_u8(out, SPLIT_VERSION);
    slu_buf_u32le(out, (uint32_t)bucket);
    slu_buf_u64le(out, (uint64_t)split->table_id);
    slu_buf_u64le(out, (uint64_t)split->offset);
    slu_buf_u64le(out, (uint64_t)split->stop);
}

static slu_status
split_add(slu_split_list *list, int32_t bucket, const bucket_split *split, slu_error *err)
{
    char id[SPLIT_ID_BYTES];
    SLU_AUTO(slu_buf_fini) slu_buf data = {0};
    slu_buf_init(&data, SPLIT_BYTES);
    split_encode(&data, bucket, split);
    SLU_TRY(slu_buf_status(&data, err));
    (void)snprintf(id, sizeof id, "bucket-%d", bucket);
    const slu_split one = {.size = sizeof one, .data_bytes = (uint32_t)data.bytes, .id = id, .data = data.data};
    return list->add(list, &one, err);
}

static slu_status
offsets_list(fluss_face *face, int32_t type, int64_t *out, slu_error *err)
{
    const fluss_table *table = fluss_target_table(face->target);
    return fluss_admin_list_offsets(face->client, table->table_id, -1, type, 0, fluss_target_leaders(face->target),
                                    table->bucket_count, out, err);
}

/* A bounded range gets its real start, so that an empty one is over at once. */
static slu_status
splits_add(fluss_face *face, const source_options *options, int64_t *first, int64_t *last, slu_split_list *list, slu_error *err)
{
    const fluss_table *table = fluss_target_table(face->target);
    const bool from_latest = strcmp(options->start, "latest") == 0;
    const bool bounded = strcmp(options->stop, "latest") == 0;
    if (bounded || from_latest)
        SLU_TRY(offsets_list(face, from_latest ? FLUSS_OFFSETS_LATEST : FLUSS_OFFSETS_EARLIEST, first, err));
    if (bounded)
        SLU_TRY(offsets_list(face, FLUSS_OFFSETS_LATEST, last, err));
    for (int32_t bucket = 0; bucket < table->bucket_count; bucket++) {
        const bucket_split split = {.table_id = table->table_id,
                                    .offset = bounded || from_latest ? first[bucket] : FLUSS_OFFSET_EARLIEST,
                                    .stop = bounded ? last[bucket] : FLUSS_OFFSET_NEVER};
        SLU_TRY(split_add(list, bucket, &split, err));
    }
    return SLU_OK;
}

static slu_status
source_list_open(fluss_face *face, const source_options *options, slu_split_list *list, slu_error *err)
{
    SLU_TRY(face_wait(face, err));
    const size_t buckets = (size_t)fluss_target_table(face->target)->bucket_count;
    int64_t *offsets = slu_alloc(2 * buckets * sizeof *offsets);
    if (offsets == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for offsets");
    const slu_status status = splits_add(face, options, offsets, offsets + buckets, list, err);
    slu_free(offsets);
    return status;
}

static slu_status
source_list_splits(const slu_plan_call *call, slu_split_list *list, slu_error *err)
{
    const source_options *options = call->options;
    fluss_face face = {0};
    SLU_TRY(face_open(&face, call->host, &options->face, call->with, false, err));
    const slu_status status = source_list_open(&face, options, list, err);
    face_close(&face);
    return status;
}

/* ---- Running ---- */

static slu_status
source_open(void *self, const slu_open *open, slu_error *err)
{
    source *mine = self;
    mine->options = open->options;
    mine->bounded = strcmp(mine->options->stop, "latest") == 0;
    return face_open(&mine->face, open->host, &mine->options->face, open->with, true, err);
}

static slu_status
splits_grow(source *mine, int32_t bucket, slu_error *err)
{
    if ((uint32_t)bucket < mine->split_count)
        return SLU_OK;
    bucket_split *grown = slu_alloc_zero((size_t)bucket + 1, sizeof *grown);
    if (grown == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d splits", bucket + 1);
    if (mine->split_count > 0)
        memcpy(grown, mine->splits, mine->split_count * sizeof *grown);
    slu_free(mine->splits);
    mine->splits = grown;
    mine->split_count = (uint32_t)bucket + 1;
    return SLU_OK;
}

static slu_status
split_decode(const slu_split *given, int32_t *out_bucket, bucket_split *out, slu_error *err)
{
    slu_cursor c = slu_cursor_of(given->data, given->data_bytes);
    const uint8_t version = slu_cursor_u8(&c);
    const uint32_t bucket = slu_cursor_u32le(&c);
    out->assigned = true;
    out->table_id = (int64_t)slu_cursor_u64le(&c);
    out->offset = (int64_t)slu_cursor_u64le(&c);
    out->stop = (int64_t)slu_cursor_u64le(&c);
    if (!slu_cursor_ok(&c) || slu_cursor_left(&c) != 0 || version != SPLIT_VERSION || bucket >= BUCKETS_MAX)
        return slu_error_set(err, SLU_CORRUPT, "split %s: %u bytes that are not a bucket's place", given->id, given->data_bytes);
    *out_bucket = (int32_t)bucket;
    return SLU_OK;
}

static slu_status
split_start(source *mine, int32_t bucket, slu_error *err)
{
    const bucket_split *split = &mine->splits[bucket];
    const fluss_table *table = fluss_target_table(mine->face.target);
    if (split->table_id != table->table_id)
        return slu_error_set(err, SLU_CONFLICT, "table %s was dropped and created anew: the job read table id %lld, it is now %lld",
                             mine->options->face.table, (long long)split->table_id, (long long)table->table_id);
    return fluss_scanner_add(mine->scanner, bucket, split->offset, split->stop, err);
}

static slu_status
source_assign(void *self, const slu_split *splits, uint32_t count, slu_error *err)
{
    source *mine = self;
    mine->assigned = true;
    for (uint32_t i = 0; i < count; i++) {
        bucket_split split = {0};
        int32_t bucket = 0;
        SLU_TRY(split_decode(&splits[i], &bucket, &split, err));
        SLU_TRY(splits_grow(mine, bucket, err));
        mine->splits[bucket] = split;
        if (mine->scanner != NULL)
            SLU_TRY(split_start(mine, bucket, err));
    }
    return SLU_OK;
}

/* The table has just been opened. */
static slu_status
scanner_start(source *mine, slu_error *err)
{
    SLU_TRY(face_check(&mine->face, err));
    SLU_TRY(columns_find(&mine->face, mine->options->columns, &mine->columns, &mine->column_count, err));
    const fluss_scanner_options options = {
        .columns = mine->columns, .column_count = mine->column_count, .buffer_bytes_max = (size_t)mine->options->buffer_bytes};
    SLU_TRY(fluss_scanner_open(mine->face.target, &options, &mine->scanner, err));
    for (uint32_t bucket = 0; bucket < mine->split_count; bucket++)
        if (mine->splits[bucket].assigned)
            SLU_TRY(split_start(mine, (int32_t)bucket, err));
    return SLU_OK;
}

static slu_status
selection_reserve(source *mine, int64_t rows, slu_error *err)
{
    if (rows <= mine->selection_rows)
        return SLU_OK;
    slu_free(mine->selection);
    mine->selection_rows = 0;
    mine->selection = slu_alloc((size_t)rows * sizeof *mine->selection);
    if (mine->selection == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a selection of %lld rows", (long long)rows);
    mine->selection_rows = rows;
    return SLU_OK;
}

static slu_status
batch_emit(source *mine, fluss_scan_batch *batch, slu_error *err)
{
    slu_emit emit = {.size = sizeof emit, .array = &batch->array, .kinds = batch->kinds};
    if (batch->count != batch->array.length) {
        SLU_TRY(selection_reserve(mine, batch->count, err));
        for (int64_t i = 0; i < batch->count; i++)
            mine->selection[i] = (int32_t)(batch->first + i);
        emit.selection = mine->selection;
        emit.rows = batch->count;
    }
    return mine->face.host->emit(mine->face.host, &emit, err);
}

static slu_status
source_scan(source *mine, slu_error *err)
{
    fluss_scan_batch batch = {0};
    const slu_status status = fluss_scanner_poll(mine->scanner, &batch, err);
    if (status != SLU_OK)
        return status;
    slu_status emitted = SLU_OK;
    if (batch.count > 0)
        emitted = batch_emit(mine, &batch, err);
    if (emitted == SLU_OK)
        mine->splits[batch.bucket].offset = batch.next_offset;
    fluss_scan_batch_fini(&batch);
    return emitted == SLU_OK ? SLU_MORE : emitted;
}

/* Without a split there is nothing to end: an unbounded source waits for some, a bounded one is done once it was told so. */
static slu_status
source_ended(const source *mine)
{
    return mine->bounded && mine->assigned ? SLU_END : SLU_AGAIN;
}

static slu_status
source_poll_once(source *mine, slu_error *err)
{
    if (mine->scanner == NULL) {
        SLU_TRY(fluss_target_poll(mine->face.target, err));
        SLU_TRY(scanner_start(mine, err));
    }
    const slu_status status = source_scan(mine, err);
    return status == SLU_END ? source_ended(mine) : status;
}

static slu_status
source_poll(void *self, slu_error *err)
{
    source *mine = self;
    face_step(&mine->face);
    slu_status status = source_poll_once(mine, err);
    if (status == SLU_AGAIN) {
        face_arm(&mine->face); /* what was asked goes out now, and may even be answered */
        status = source_poll_once(mine, err);
    }
    if (status == SLU_AGAIN)
        face_arm(&mine->face);
    return status;
}

static slu_status
source_ready(void *self, uint64_t cookie, uint32_t events, slu_error *err)
{
    source *mine = self;
    (void)cookie;
    (void)events;
    (void)err;
    face_arm(&mine->face);
    return SLU_OK;
}

static slu_status
source_snapshot(void *self, int64_t checkpoint, slu_split_list *list, slu_error *err)
{
    const source *mine = self;
    (void)checkpoint;
    for (uint32_t bucket = 0; bucket < mine->split_count; bucket++)
        if (mine->splits[bucket].assigned)
            SLU_TRY(split_add(list, (int32_t)bucket, &mine->splits[bucket], err));
    return SLU_OK;
}

static void
source_close(void *self)
{
    source *mine = self;
    fluss_scanner_close(&mine->scanner);
    face_close(&mine->face);
    slu_free(mine->columns);
    slu_free(mine->splits);
    slu_free(mine->selection);
    mine->columns = NULL;
    mine->splits = NULL;
    mine->selection = NULL;
}

static const slu_source_ops ops = {
    .size = sizeof ops,
    .list_splits = source_list_splits,
    .open = source_open,
    .assign = source_assign,
    .poll = source_poll,
    .ready = source_ready,
    .snapshot = source_snapshot,
    .close = source_close,
};

const slu_plugin fluss_source_plugin = {
    .size = sizeof fluss_source_plugin,
    .kind = SLU_KIND_SOURCE,
    .name = "fluss_source",
    .help = "Reads the log of a Fluss table: the rows of a log table, the changelog of a primary key table.",
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .options_bytes = sizeof(source_options),
    .instance_bytes = sizeof(source),
    .state_version = 1,
    .output_count = 1,
    .plan = source_plan,
    .ops = &ops,
};
