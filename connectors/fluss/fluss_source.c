/*
 * fluss_source.c: reads a table: a split is a bucket with the next offset of its log (and where to stop), of a primary-key table perhaps with
 * a kv snapshot before it (source_snapshots.h). What a split's bytes are, and how new partitions are found without two subtasks taking the
 * same one, is in source_splits.h.
 */
#include "source_finding.h"
#include "source_snapshots.h"

#include "base/alloc.h"
#include "fluss/client/admin.h"
#include "fluss/client/scanner.h"

#include <stdio.h>

typedef struct source_options {
    face_options face;
    const char *start;
    const char *stop;
    const slu_value *columns;
    int64_t buffer_bytes;
    int64_t discovery_ms;
    int64_t lease_ms;
} source_options;

static const slu_option options_table[] = {
    FACE_OPTIONS(source_options),
    SLU_OPTION("columns", LIST, source_options, columns, NULL, "the columns to read, in this order; all of them when left out"),
    SLU_OPTION("start", CHOICE, source_options, start, "full",
               "where a new job begins. full: the rows of a primary-key table as its newest kv snapshot has them, then its "
               "changelog from there "
               "on (a log table from its earliest row); earliest, latest: in the log",
               .choices = "full|earliest|latest"),
    SLU_OPTION("stop", CHOICE, source_options, stop, "never",
               "never: follow the log; latest: end where the log ended when the job was planned", .choices = "never|latest"),
    SLU_OPTION("buffer", BYTES, source_options, buffer_bytes, "8mib", "how much is fetched ahead", .min = 65536, .max = 1 << 30),
    SLU_OPTION("scan.partition.discovery.interval", DURATION, source_options, discovery_ms, "1min",
               "how often an unbounded source of a partitioned table looks for new partitions; 0ms: never", .min = 0,
               .max = 86400000),
    SLU_OPTION("scan.kv.snapshot.lease.duration", DURATION, source_options, lease_ms, "1d",
               "how long the kv snapshots of a job that is down are kept for it", .min = 60000, .max = 365LL * 86400000),
};

typedef struct source {
    fluss_face face;
    const source_options *options;
    fluss_scanner *scanner; /* once the table is open */
    int32_t *columns;
    uint32_t column_count;
    source_splits splits;
    source_snapshots snapshots;
    source_finding finding;
    char found_lease[FLUSS_LEASE_ID_BYTES]; /* of the snapshots of partitions that this source found */
    bool assigned;                          /* assign was called */
    bool bounded;
    int64_t discover_at_ms; /* when partitions are listed next */
    uint64_t listings;      /* the listing that was looked at last */
    int32_t *selection;     /* for batches of which only some rows are meant */
    int64_t selection_rows;
} source;

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

/* What planning a table's splits needs per bucket. */
typedef struct plan_room {
    int64_t *first;
    int64_t *last;
    fluss_snapshot_at *at;
    source_lease lease;
} plan_room;

/* The snapshots come before the latest offsets, so that none is ahead of where a bounded range ends. A bounded range gets its real start,
 * so that an empty one is over at once. */
static slu_status
slot_ask(fluss_face *face, const source_options *options, int32_t slot, plan_room *room, slu_error *err)
{
    const fluss_table *table = fluss_target_table(face->target);
    const int64_t partition = fluss_target_slot(face->target, slot).id;
    const int32_t *leaders = fluss_target_slot_leaders(face->target, slot);
    const bool from_latest = strcmp(options->start, "latest") == 0;
    const bool bounded = strcmp(options->stop, "latest") == 0;
    for (int32_t bucket = 0; bucket < table->bucket_count; bucket++)
        room->at[bucket].snapshot_id = FLUSS_NO_SNAPSHOT;
    if (table->key_column_count != 0 && strcmp(options->start, "full") == 0)
        SLU_TRY(source_snapshots_plan(face, slot, &room->lease, room->at, err));
    if (bounded || from_latest)
        SLU_TRY(fluss_admin_list_offsets(face->client, table->table_id, partition,
                                         from_latest ? FLUSS_OFFSETS_LATEST : FLUSS_OFFSETS_EARLIEST, 0, leaders,
                                         table->bucket_count, room->first, err));
    return bounded ? fluss_admin_list_offsets(face->client, table->table_id, partition, FLUSS_OFFSETS_LATEST, 0, leaders,
                                              table->bucket_count, room->last, err)
                   : SLU_OK;
}

static slu_status
slot_add(fluss_face *face, const source_options *options, int32_t slot, plan_room *room, slu_split_list *list, slu_error *err)
{
    const fluss_table *table = fluss_target_table(face->target);
    const fluss_slot partition = fluss_target_slot(face->target, slot);
    const bool from_latest = strcmp(options->start, "latest") == 0;
    const bool bounded = strcmp(options->stop, "latest") == 0;
    SLU_TRY(slot_ask(face, options, slot, room, err));
    for (int32_t bucket = 0; bucket < table->bucket_count; bucket++) {
        bucket_split split = {.table_id = table->table_id,
                              .partition_id = partition.id,
                              .partition = (char *)(uintptr_t)partition.name,
                              .bucket = bucket,
                              .offset = bounded || from_latest ? room->first[bucket] : FLUSS_OFFSET_EARLIEST,
                              .stop = bounded ? room->last[bucket] : FLUSS_OFFSET_NEVER,
                              .snapshot_id = room->at[bucket].snapshot_id};
        if (split.snapshot_id != FLUSS_NO_SNAPSHOT) {
            split.offset = room->at[bucket].log_offset;
            memcpy(split.lease, room->lease.id, sizeof split.lease);
        }
        SLU_TRY(bucket_split_add(list, &split, err));
    }
    return SLU_OK;
}

static slu_status
splits_add(fluss_face *face, const source_options *options, plan_room *room, slu_split_list *list, slu_error *err)
{
    SLU_TRY(fluss_target_slots_wait(face->target, FACE_WAIT_MS, err));
    for (int32_t slot = 0; slot < fluss_target_slot_count(face->target); slot++) {
        const slu_status status = fluss_target_slot_ready(face->target, slot, false, err);
        if (status == SLU_OK)
            SLU_TRY(slot_add(face, options, slot, room, list, err));
        else if (status != SLU_NOTFOUND) /* dropped since it was listed */
            return status;
    }
    if (!fluss_target_partitioned(face->target) || strcmp(options->stop, "latest") == 0)
        return SLU_OK;
    return source_shards_add(list, face->target, err);
}

static slu_status
source_list_open(fluss_face *face, const source_options *options, slu_split_list *list, slu_error *err)
{
    SLU_TRY(face_wait(face, err));
    const size_t buckets = (size_t)fluss_target_table(face->target)->bucket_count;
    int64_t *offsets = slu_alloc(2 * buckets * sizeof *offsets);
    fluss_snapshot_at *at = slu_alloc(buckets * sizeof *at);
    plan_room room = {.first = offsets, .at = at, .lease = {.duration_ms = options->lease_ms}};
    slu_status status = offsets == NULL || at == NULL ? slu_error_set(err, SLU_NOMEM, "no memory for offsets") : SLU_OK;
    if (status == SLU_OK) {
        room.last = offsets + buckets;
        status = splits_add(face, options, &room, list, err);
    }
    slu_free(offsets);
    slu_free(at);
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

/* The table is open: the bucket is read from where the split is. */
static slu_status
split_start(source *mine, bucket_split *split, slu_error *err)
{
    const fluss_table *table = fluss_target_table(mine->face.target);
    int32_t slot = 0;
    if (split->table_id != table->table_id)
        return slu_error_set(err, SLU_CONFLICT, "table %s was dropped and created anew: the job read table id %lld, it is now %lld",
                             mine->options->face.table, (long long)split->table_id, (long long)table->table_id);
    if (split->bucket >= table->bucket_count || (split->partition != NULL) != fluss_target_partitioned(mine->face.target))
        return slu_error_set(err, SLU_CORRUPT, "table %s has no bucket %d as the job's state has it", mine->options->face.table,
                             split->bucket);
    if (split->partition != NULL)
        SLU_TRY(fluss_target_slot_named(mine->face.target, split->partition, split->partition_id, &slot, err));
    SLU_TRY(source_splits_place(&mine->splits, split, slot * table->bucket_count + split->bucket, err));
    source_snapshots_forget(&mine->snapshots, split);
    if (split->snapshot_id != FLUSS_NO_SNAPSHOT)
        return SLU_OK; /* the log comes behind it */
    return fluss_scanner_add(mine->scanner, split->number, split->offset, split->stop, err);
}

static slu_status
source_assign(void *self, const slu_split *splits, uint32_t count, slu_error *err)
{
    source *mine = self;
    mine->assigned = true;
    for (uint32_t i = 0; i < count; i++) {
        bucket_split *split = NULL;
        SLU_TRY(source_splits_take(&mine->splits, &splits[i], &split, err));
        if (split != NULL && mine->scanner != NULL)
            SLU_TRY(split_start(mine, split, err));
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
    for (uint32_t i = 0; i < mine->splits.count; i++)
        SLU_TRY(split_start(mine, mine->splits.items[i], err));
    return SLU_OK;
}

/* ---- New partitions, and dropped ones ---- */

/* A bucket of a new partition: from its snapshot, if it was asked for and there is one, else from its beginning. */
static slu_status
discovered_bucket(source *mine, const fluss_slot *partition, int32_t bucket, const fluss_snapshot_at *at, slu_error *err)
{
    bucket_split *split = NULL;
    bucket_split made = {.table_id = fluss_target_table(mine->face.target)->table_id,
                         .partition_id = partition->id,
                         .partition = (char *)(uintptr_t)partition->name,
                         .bucket = bucket,
                         .offset = FLUSS_OFFSET_EARLIEST,
                         .stop = FLUSS_OFFSET_NEVER,
                         .snapshot_id = FLUSS_NO_SNAPSHOT};
    if (at != NULL && at[bucket].snapshot_id != FLUSS_NO_SNAPSHOT) {
        if (mine->found_lease[0] == 0)
            fluss_lease_id_make(mine->face.client, mine->found_lease);
        fluss_lease_renew_later(mine->face.target, mine->found_lease, mine->options->lease_ms, &at[bucket], 1);
        memcpy(made.lease, mine->found_lease, sizeof made.lease);
        made.snapshot_id = at[bucket].snapshot_id;
        made.offset = at[bucket].log_offset;
    }
    SLU_TRY(source_splits_add(&mine->splits, &made, &split, err));
    return split_start(mine, split, err);
}

/* The buckets of partitions that this source's shards have not seen. */
static slu_status
discovered_take(source *mine, slu_error *err)
{
    const fluss_table *table = fluss_target_table(mine->face.target);
    for (int32_t slot = 0; slot < fluss_target_slot_count(mine->face.target); slot++) {
        const fluss_slot partition = fluss_target_slot(mine->face.target, slot);
        if (partition.gone || partition.id < 0)
            continue;
        const fluss_snapshot_at *at = source_finding_at(&mine->finding, slot);
        for (int32_t bucket = 0; bucket < table->bucket_count; bucket++)
            if (source_shards_want(&mine->splits, partition.id, bucket))
                SLU_TRY(discovered_bucket(mine, &partition, bucket, at, err));
    }
    source_finding_reset(&mine->finding);
    return source_shards_seen(&mine->splits, mine->face.target, err);
}

/* The snapshots of partitions of which we take a bucket. */
static slu_status
discovered_ask(source *mine, slu_error *err)
{
    const fluss_table *table = fluss_target_table(mine->face.target);
    if (table->key_column_count == 0 || strcmp(mine->options->start, "full") != 0)
        return SLU_OK;
    for (int32_t slot = 0; slot < fluss_target_slot_count(mine->face.target); slot++) {
        const fluss_slot partition = fluss_target_slot(mine->face.target, slot);
        bool wanted = false;
        for (int32_t bucket = 0; bucket < table->bucket_count && !partition.gone && partition.id >= 0; bucket++)
            wanted = wanted || source_shards_want(&mine->splits, partition.id, bucket);
        if (wanted)
            SLU_TRY(source_finding_add(&mine->finding, mine->face.target, slot, err));
    }
    return SLU_OK;
}

/* What could not be asked is found again at the next listing. */
static slu_status
discovered_poll(source *mine, slu_error *err)
{
    slu_error why = {0};
    const slu_status status = source_finding_poll(&mine->finding, &why);
    if (status == SLU_OK)
        return discovered_take(mine, err);
    if (status == SLU_AGAIN)
        return SLU_OK;
    slu_log_warn(&mine->face.env, "PARTITIONS", "table %s: new partitions are taken later: %s", mine->options->face.table,
                 why.message);
    source_finding_reset(&mine->finding);
    return SLU_OK;
}

static slu_status
discovery_step(source *mine, slu_error *err)
{
    const int64_t now_ms = mine->face.host->now_ms(mine->face.host);
    if (mine->splits.shard_count == 0 || mine->options->discovery_ms == 0)
        return SLU_OK;
    if (mine->finding.count != 0)
        return discovered_poll(mine, err);
    if (now_ms >= mine->discover_at_ms) {
        mine->discover_at_ms = now_ms + mine->options->discovery_ms;
        fluss_target_discover(mine->face.target);
    }
    if (fluss_target_listings(mine->face.target) == mine->listings)
        return SLU_OK;
    mine->listings = fluss_target_listings(mine->face.target);
    if (mine->splits.shards[0].table_id != fluss_target_table(mine->face.target)->table_id)
        return slu_error_set(err, SLU_CONFLICT, "table %s was dropped and created anew", mine->options->face.table);
    SLU_TRY(discovered_ask(mine, err));
    return mine->finding.count == 0 ? discovered_take(mine, err) : SLU_OK;
}

/* Nothing more comes from buckets whose partition was dropped: their splits are over. */
static void
dropped_end(source *mine)
{
    for (uint32_t i = mine->splits.count; i > 0; i--) {
        const bucket_split *split = mine->splits.items[i - 1];
        if (split->partition == NULL || !fluss_scanner_gone(mine->scanner, split->number))
            continue;
        fluss_scanner_remove(mine->scanner, split->number);
        source_splits_remove(&mine->splits, i - 1);
    }
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
        source_splits_at(&mine->splits, batch.bucket)->offset = batch.next_offset;
    fluss_scan_batch_fini(&batch);
    return emitted == SLU_OK ? SLU_MORE : emitted;
}

/* The snapshots first, one after the other; END: there is none, or none any more. */
static slu_status
source_rows(source *mine, slu_error *err)
{
    bucket_split *ended = NULL;
    const source_reading plan = {mine->columns, mine->column_count, (size_t)mine->options->buffer_bytes, mine->options->lease_ms};
    const slu_status status = source_snapshots_poll(&mine->snapshots, &mine->face, &mine->splits, &plan, &ended, err);
    if (ended != NULL)
        SLU_TRY(fluss_scanner_add(mine->scanner, ended->number, ended->offset, ended->stop, err));
    return status;
}

/* Without a split there is nothing to end: an unbounded source waits for some, a bounded one is done once it was told so. */
static slu_status
source_ended(source *mine)
{
    if (!mine->bounded || !mine->assigned)
        return SLU_AGAIN;
    source_snapshots_end(&mine->snapshots, &mine->face, &mine->splits);
    face_step(&mine->face); /* what was released goes out */
    return SLU_END;
}

static slu_status
source_poll_once(source *mine, slu_error *err)
{
    if (mine->scanner == NULL) {
        SLU_TRY(fluss_target_poll(mine->face.target, err));
        SLU_TRY(scanner_start(mine, err));
    }
    SLU_TRY(discovery_step(mine, err));
    const slu_status rows = source_rows(mine, err);
    if (rows != SLU_END)
        return rows;
    const slu_status status = source_scan(mine, err);
    if (fluss_target_partitioned(mine->face.target) && status != SLU_MORE)
        dropped_end(mine);
    return status == SLU_END ? source_ended(mine) : status;
}

static void
source_arm(source *mine)
{
    face_arm_at(&mine->face, mine->splits.shard_count == 0 || mine->options->discovery_ms == 0 ? INT64_MAX : mine->discover_at_ms);
}

static slu_status
source_poll(void *self, slu_error *err)
{
    source *mine = self;
    face_step(&mine->face);
    slu_status status = source_poll_once(mine, err);
    if (status == SLU_AGAIN) {
        source_arm(mine); /* what was asked goes out now, and may even be answered */
        status = source_poll_once(mine, err);
    }
    if (status == SLU_AGAIN)
        source_arm(mine);
    return status;
}

static slu_status
source_ready(void *self, uint64_t cookie, uint32_t events, slu_error *err)
{
    source *mine = self;
    (void)cookie;
    (void)events;
    (void)err;
    source_arm(mine);
    return SLU_OK;
}

static slu_status
source_snapshot(void *self, int64_t checkpoint, slu_split_list *list, slu_error *err)
{
    source *mine = self;
    source_snapshots_checkpoint(&mine->snapshots, &mine->splits, checkpoint);
    for (uint32_t i = 0; i < mine->splits.count; i++)
        SLU_TRY(bucket_split_add(list, mine->splits.items[i], err));
    return source_shards_list(&mine->splits, list, err);
}

static slu_status
source_complete(void *self, int64_t checkpoint, slu_error *err)
{
    source *mine = self;
    (void)err;
    source_snapshots_complete(&mine->snapshots, &mine->face, &mine->splits, checkpoint);
    return SLU_OK;
}

static void
source_close(void *self)
{
    source *mine = self;
    source_snapshots_fini(&mine->snapshots);
    source_finding_reset(&mine->finding);
    fluss_scanner_close(&mine->scanner);
    face_close(&mine->face);
    slu_free(mine->columns);
    source_splits_fini(&mine->splits);
    slu_free(mine->selection);
    mine->columns = NULL;
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
    .complete = source_complete,
    .close = source_close,
};

const slu_plugin fluss_source_plugin = {
    .size = sizeof fluss_source_plugin,
    .kind = SLU_KIND_SOURCE,
    .name = "fluss_source",
    .help = "Reads a Fluss table: the rows of a log table; of a primary-key table its rows as they are, then its changelog.",
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .options_bytes = sizeof(source_options),
    .instance_bytes = sizeof(source),
    .state_version = 1,
    .output_count = 1,
    .plan = source_plan,
    .ops = &ops,
};
