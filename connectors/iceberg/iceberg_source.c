/*
 * iceberg_source.c: rows of an Iceberg table: all of one snapshot, those that came between two, or for as long as the job runs.
 *
 * Splits   one per data file: "SNAPSHOT:PATH", read with the deletes that the snapshot applies to it; any subtask may have any. With `watch` one
 *          more, "watch": whoever has it looks for new snapshots and makes splits of their files, in its own state.
 * Once     a split remembers how many rows it gave; a file gives the same rows in the same order as often as it is read.
 * Bytes    of a split: u32 version (1), i64 snapshot, i64 rows given, little-endian; of "watch" the snapshot is the last one seen, -1: none.
 * Changes  from-snapshot and watch read what append snapshots added (source_changes.h).
 * Blocks   on the store while a file is read and while the catalog is asked, as iceberg_sink does.
 */
#include "base/alloc.h"
#include "base/cursor.h"
#include "base/host_env.h"
#include "iceberg/deletes.h"
#include "iceberg/face.h"
#include "iceberg/lake_read.h"
#include "iceberg/source_changes.h"

#include <sluice/columns.h>

#include <inttypes.h>
#include <stdlib.h>

#define SPLIT_VERSION 1
#define SPLIT_BYTES 20
#define SPLITS_MAX 1000000
#define COLUMNS_MAX 1024
#define NO_SNAPSHOT (-1)
#define WATCH_ID "watch"

typedef struct source_options {
    const char *table;
    lake_plugin_options lake;
    const slu_value *columns;
    int64_t snapshot;
    int64_t from_snapshot;
    int64_t to_snapshot;
    int64_t watch_ms;
    const char *overwrites;
} source_options;

typedef struct source_split {
    char *id;
    const char *path; /* within id; NULL: watch */
    int64_t snapshot;
    int64_t rows; /* given */
    bool done;
} source_split;

typedef struct iceberg_source {
    const source_options *options;
    slu_host *host;
    slu_env env;
    iceberg_catalog catalog;
    iceberg_table table;
    const struct ArrowSchema *output; /* as planned */
    const char *columns[COLUMNS_MAX]; /* its names */
    source_split *splits;
    uint32_t split_count;
    uint32_t split_capacity;
    uint32_t current;
    uint32_t watch; /* + 1; 0: another subtask watches, or nobody */
    int64_t look_at_ms;
    iceberg_scan scan; /* of the snapshot that splits are read of */
    int64_t scan_snapshot;
    iceberg_deletes *deletes;
    iceberg_read *read; /* of the split at hand; NULL: none */
    int64_t skip;       /* rows it gave before */
    slu_metric *rows;
} iceberg_source;

static const slu_option SOURCE_OPTIONS[] = {
    SLU_OPTION("table", STRING, source_options, table, NULL, "the table to read, as namespace.table", .flags = SLU_OPTION_REQUIRED),
    LAKE_PLUGIN_OPTIONS(source_options, lake),
    SLU_OPTION("columns", LIST, source_options, columns, NULL, "the columns to read, in this order; all of them when left out"),
    SLU_OPTION("snapshot", I64, source_options, snapshot, "-1", "the snapshot to read; -1: the newest when the job is planned",
               .min = -1, .max = INT64_MAX),
    SLU_OPTION("from-snapshot", I64, source_options, from_snapshot, "-1",
               "only rows that were appended behind this snapshot; -1: the whole table", .min = -1, .max = INT64_MAX),
    SLU_OPTION("to-snapshot", I64, source_options, to_snapshot, "-1",
               "with from-snapshot: the last snapshot to read; -1: the newest when the job is planned", .min = -1,
               .max = INT64_MAX),
    SLU_OPTION("watch", DURATION, source_options, watch_ms, "0ms",
               "how often to look for new snapshots, for as long as the job runs; 0ms: the job ends when all is read", .min = 0,
               .max = 86400000),
    SLU_OPTION("overwrites", CHOICE, source_options, overwrites, "fail",
               "what from-snapshot and watch do with snapshots that take rows away", .choices = "fail|skip"),
};

/* ---- Planning -------------------------------------------------------------------------------------------------------------------- */

static slu_status
table_load(const slu_env *env, const source_options *options, iceberg_catalog *catalog, iceberg_table *table, slu_error *err)
{
    char ns[ICEBERG_FACE_NAME_BYTES];
    char name[ICEBERG_FACE_NAME_BYTES];
    SLU_TRY(iceberg_face_name(options->table, ns, name, err));
    SLU_TRY(iceberg_face_catalog(env, &options->lake, catalog, err));
    return iceberg_catalog_load(catalog, ns, name, table, err);
}

static slu_status
read_options(const source_options *options, const char **names, iceberg_read_options *out, slu_error *err)
{
    *out = (iceberg_read_options){0};
    if (options->columns == NULL)
        return SLU_OK;
    if (options->columns->count == 0 || options->columns->count > COLUMNS_MAX)
        return slu_error_set(err, SLU_INVALID, "columns: 1 to %d of them", COLUMNS_MAX);
    for (uint32_t i = 0; i < options->columns->count; i++)
        names[i] = options->columns->items[i].text;
    out->columns = names;
    out->column_count = options->columns->count;
    return SLU_OK;
}

/* What the batches will look like: a read of no files says it. */
static slu_status
schema_of(const iceberg_catalog *catalog, const iceberg_table *table, const source_options *options, struct ArrowSchema *out,
          slu_error *err)
{
    const char *names[COLUMNS_MAX];
    iceberg_read_options of;
    iceberg_scan_file no_file;
    SLU_AUTO(iceberg_read_free) iceberg_read *read = NULL;
    SLU_TRY(read_options(options, names, &of, err));
    of.files = &no_file;
    SLU_TRY(iceberg_read_open(iceberg_catalog_store(catalog, table), table->metadata, &of, &read, err));
    return slu_schema_copy(iceberg_read_schema(read), out, err);
}

static slu_status
source_plan(slu_plan_call *call, slu_error *err)
{
    const source_options *options = call->options;
    slu_env env;
    slu_env_init_host(&env, call->host);
    SLU_AUTO(iceberg_catalog_close) iceberg_catalog catalog = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    call->bounded = options->watch_ms == 0;
    if (options->snapshot >= 0 && options->from_snapshot >= 0)
        return slu_error_set(err, SLU_INVALID, "snapshot and from-snapshot: say one of them");
    if (options->to_snapshot >= 0 && (options->from_snapshot < 0 || options->watch_ms > 0))
        return slu_error_set(err, SLU_INVALID, "to-snapshot goes with from-snapshot, and not with watch");
    SLU_TRY(table_load(&env, options, &catalog, &table, err));
    return schema_of(&catalog, &table, options, &call->outputs[0], err);
}

static slu_status
split_add(slu_split_list *list, const char *id, int64_t snapshot, int64_t rows, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf bytes = {0};
    slu_buf_init(&bytes, SPLIT_BYTES);
    slu_buf_u32le(&bytes, SPLIT_VERSION);
    slu_buf_u64le(&bytes, (uint64_t)snapshot);
    slu_buf_u64le(&bytes, (uint64_t)rows);
    SLU_TRY(slu_buf_status(&bytes, err));
    const slu_split split = {.size = sizeof split, .id = id, .data = bytes.data, .data_bytes = (uint32_t)bytes.bytes};
    return list->add(list, &split, err);
}

static slu_status
file_split_add(void *list, const iceberg_snapshot *snapshot, const iceberg_scan_file *file, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf id = {0};
    slu_buf_init(&id, 1 << 16);
    slu_buf_printf(&id, "%" PRId64 ":%s", snapshot->id, file->file.path);
    SLU_TRY(slu_buf_status(&id, err));
    return split_add(list, slu_buf_cstr(&id), snapshot->id, 0, err);
}

/* Every file of one snapshot; a manifest list begins with the newest, and a reader wants the oldest first. */
static slu_status
snapshot_split(const iceberg_store *store, const iceberg_metadata *metadata, const iceberg_snapshot *snapshot, slu_split_list *list,
               slu_error *err)
{
    const iceberg_scan_options options = {.deletes = true};
    SLU_AUTO(iceberg_scan_fini) iceberg_scan scan = {0};
    if (snapshot == NULL)
        return SLU_OK;
    SLU_TRY(iceberg_scan_plan(store, metadata, snapshot, &options, &scan, err));
    for (size_t i = scan.count; i > 0; i--)
        SLU_TRY(file_split_add(list, snapshot, &scan.files[i - 1], err));
    return SLU_OK;
}

static slu_status
snapshot_wanted(const iceberg_metadata *metadata, int64_t id, const iceberg_snapshot **out, slu_error *err)
{
    *out = id < 0 ? iceberg_metadata_snapshot(metadata) : iceberg_metadata_snapshot_of(metadata, id);
    return id < 0 || *out != NULL ? SLU_OK
                                  : slu_error_set(err, SLU_NOTFOUND, "snapshot %" PRId64 " is not in the table (expired?)", id);
}

static slu_status
splits_list(const source_options *options, const iceberg_store *store, const iceberg_metadata *metadata, slu_split_list *list,
            slu_error *err)
{
    const iceberg_snapshot *last = NULL;
    SLU_TRY(snapshot_wanted(metadata, options->from_snapshot >= 0 ? options->to_snapshot : options->snapshot, &last, err));
    if (options->from_snapshot >= 0 && last != NULL) {
        const iceberg_changes changes = {store, metadata, options->from_snapshot, last->id,
                                         strcmp(options->overwrites, "skip") == 0};
        SLU_TRY(iceberg_changes_each(&changes, file_split_add, list, err));
    } else {
        SLU_TRY(snapshot_split(store, metadata, last, list, err));
    }
    return options->watch_ms == 0 ? SLU_OK : split_add(list, WATCH_ID, last == NULL ? NO_SNAPSHOT : last->id, 0, err);
}

static slu_status
source_list_splits(const slu_plan_call *call, slu_split_list *list, slu_error *err)
{
    slu_env env;
    slu_env_init_host(&env, call->host);
    SLU_AUTO(iceberg_catalog_close) iceberg_catalog catalog = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    SLU_TRY(table_load(&env, call->options, &catalog, &table, err));
    return splits_list(call->options, iceberg_catalog_store(&catalog, &table), table.metadata, list, err);
}

/* ---- Life ------------------------------------------------------------------------------------------------------------------------ */

static void
scan_forget(iceberg_source *self)
{
    iceberg_read_free(&self->read);
    iceberg_deletes_free(&self->deletes);
    iceberg_scan_fini(&self->scan);
    self->scan_snapshot = NO_SNAPSHOT;
}

static void
source_close(void *instance)
{
    iceberg_source *self = instance;
    scan_forget(self);
    for (uint32_t i = 0; i < self->split_count; i++)
        slu_free(self->splits[i].id);
    slu_free(self->splits);
    iceberg_table_fini(&self->table);
    iceberg_catalog_close(&self->catalog);
    memset(self, 0, sizeof *self);
}

static slu_status
source_open(void *instance, const slu_open *open, slu_error *err)
{
    iceberg_source *self = instance;
    self->options = open->options;
    self->host = open->host;
    self->output = open->outputs[0];
    for (int64_t i = 0; i < self->output->n_children && i < COLUMNS_MAX; i++)
        self->columns[i] = self->output->children[i]->name;
    self->scan_snapshot = NO_SNAPSHOT;
    slu_env_init_host(&self->env, open->host);
    self->rows = self->host->metric(self->host, SLU_METRIC_COUNTER, "iceberg.rows");
    const slu_status status = table_load(&self->env, self->options, &self->catalog, &self->table, err);
    if (status != SLU_OK)
        source_close(self);
    return status;
}

static slu_status
split_take(iceberg_source *self, const char *id, int64_t snapshot, int64_t rows, slu_error *err)
{
    if (self->split_count == self->split_capacity) {
        const uint32_t capacity = self->split_capacity == 0 ? 64 : self->split_capacity * 2;
        source_split *splits = capacity > SPLITS_MAX ? NULL : slu_realloc(self->splits, capacity * sizeof *splits);
        if (splits == NULL)
            return slu_error_set(err, SLU_NOMEM, "iceberg_source: no memory for %u splits", capacity);
        self->splits = splits;
        self->split_capacity = capacity;
    }
    source_split *made = &self->splits[self->split_count];
    *made = (source_split){.id = slu_strdup(id), .snapshot = snapshot, .rows = rows};
    if (made->id == NULL)
        return slu_error_set(err, SLU_NOMEM, "iceberg_source: no memory for a split");
    self->split_count++;
    if (strcmp(id, WATCH_ID) == 0) {
        made->done = true; /* it holds no rows */
        self->watch = self->split_count;
        return SLU_OK;
    }
    made->path = strchr(made->id, ':');
    if (made->path == NULL)
        return slu_error_set(err, SLU_CORRUPT, "iceberg_source: a split called %s", id);
    made->path++;
    return SLU_OK;
}

static slu_status
source_assign(void *instance, const slu_split *splits, uint32_t count, slu_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        slu_cursor in = slu_cursor_of(splits[i].data, splits[i].data_bytes);
        const uint32_t version = slu_cursor_u32le(&in);
        const int64_t snapshot = (int64_t)slu_cursor_u64le(&in);
        const int64_t rows = (int64_t)slu_cursor_u64le(&in);
        if (in.failed || splits[i].data_bytes != SPLIT_BYTES || version != SPLIT_VERSION || rows < 0)
            return slu_error_set(err, SLU_CORRUPT, "iceberg_source: the split %s has %u bytes of version %u", splits[i].id,
                                 splits[i].data_bytes, version);
        SLU_TRY(split_take(instance, splits[i].id, snapshot, rows, err));
    }
    return SLU_OK;
}

/* What a watcher found and read is not kept; the plan's own splits are, since a state without any would be a new source. */
static slu_status
source_snapshot(void *instance, int64_t checkpoint, slu_split_list *list, slu_error *err)
{
    const iceberg_source *self = instance;
    (void)checkpoint;
    for (uint32_t i = 0; i < self->split_count; i++) {
        const source_split *split = &self->splits[i];
        if (split->path != NULL && split->done && self->options->watch_ms > 0 && self->watch != 0)
            continue;
        SLU_TRY(split_add(list, split->id, split->snapshot, split->done && split->path != NULL ? INT64_MAX : split->rows, err));
    }
    return SLU_OK;
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------------- */

static slu_status
table_refresh(iceberg_source *self, slu_error *err)
{
    char ns[ICEBERG_FACE_NAME_BYTES];
    char name[ICEBERG_FACE_NAME_BYTES];
    iceberg_table table = {0};
    SLU_TRY(iceberg_face_name(self->options->table, ns, name, err));
    SLU_TRY(iceberg_catalog_load(&self->catalog, ns, name, &table, err));
    scan_forget(self);
    iceberg_table_fini(&self->table);
    self->table = table;
    return SLU_OK;
}

static slu_status
scan_of(iceberg_source *self, int64_t id, slu_error *err)
{
    const iceberg_scan_options options = {.deletes = true};
    const iceberg_snapshot *snapshot = NULL;
    const iceberg_store *store = iceberg_catalog_store(&self->catalog, &self->table);
    if (self->scan_snapshot == id)
        return SLU_OK;
    scan_forget(self);
    SLU_TRY(snapshot_wanted(self->table.metadata, id, &snapshot, err));
    SLU_TRY(iceberg_scan_plan(store, self->table.metadata, snapshot, &options, &self->scan, err));
    if (self->scan.delete_count > 0)
        SLU_TRY(iceberg_deletes_load(store, self->table.metadata, &self->scan, &self->deletes, err));
    self->scan_snapshot = id;
    return SLU_OK;
}

/* A watched table may get wider types; the job was planned with the old ones. */
static slu_status
types_check(const iceberg_source *self, slu_error *err)
{
    const struct ArrowSchema *now = iceberg_read_schema(self->read);
    for (int64_t i = 0; i < self->output->n_children; i++)
        if (strcmp(now->children[i]->format, self->output->children[i]->format) != 0)
            return slu_error_set(err, SLU_UNSUPPORTED,
                                 "column \"%s\" has another type than when the job was planned: start it again from a savepoint",
                                 self->output->children[i]->name);
    return SLU_OK;
}

static slu_status
split_open(iceberg_source *self, const source_split *split, slu_error *err)
{
    iceberg_scan_file *file = NULL;
    SLU_TRY(scan_of(self, split->snapshot, err));
    for (size_t i = 0; i < self->scan.count && file == NULL; i++)
        if (strcmp(self->scan.files[i].file.path, split->path) == 0)
            file = &self->scan.files[i];
    if (file == NULL)
        return slu_error_set(err, SLU_NOTFOUND, "snapshot %" PRId64 " has no file %s", split->snapshot, split->path);
    const iceberg_read_options options = {.columns = self->columns,
                                          .column_count = (size_t)self->output->n_children,
                                          .files = file,
                                          .file_count = 1,
                                          .deletes = self->deletes};
    self->skip = split->rows;
    SLU_TRY(
        iceberg_read_open(iceberg_catalog_store(&self->catalog, &self->table), self->table.metadata, &options, &self->read, err));
    return types_check(self, err);
}

/* Rows that were given before are left out; false: the batch has no others. */
static bool
rows_skip(iceberg_source *self, struct ArrowArray *array)
{
    const int64_t skipped = self->skip < array->length ? self->skip : array->length;
    self->skip -= skipped;
    for (int64_t i = 0; i < array->n_children && skipped > 0; i++) {
        array->children[i]->offset += skipped;
        array->children[i]->length -= skipped;
        if (array->children[i]->null_count != 0)
            array->children[i]->null_count = -1;
    }
    array->length -= skipped;
    return array->length > 0;
}

static slu_status
split_read(iceberg_source *self, source_split *split, bool *emitted, slu_error *err)
{
    struct ArrowArray array;
    if (self->read == NULL)
        SLU_TRY(split_open(self, split, err));
    const slu_status status = iceberg_read_next(self->read, &array, err);
    if (status == SLU_END) {
        iceberg_read_free(&self->read);
        split->done = true;
        return SLU_OK;
    }
    SLU_TRY(status);
    if (!rows_skip(self, &array)) {
        array.release(&array);
        return SLU_OK;
    }
    const int64_t rows = array.length;
    slu_emit emit = {.size = sizeof emit, .array = &array};
    SLU_TRY(self->host->emit(self->host, &emit, err));
    self->host->metric_add(self->host, self->rows, rows);
    split->rows += rows;
    *emitted = true;
    return SLU_OK;
}

/* ---- Watching -------------------------------------------------------------------------------------------------------------------- */

static slu_status
change_take(void *instance, const iceberg_snapshot *snapshot, const iceberg_scan_file *file, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf id = {0};
    slu_buf_init(&id, 1 << 16);
    slu_buf_printf(&id, "%" PRId64 ":%s", snapshot->id, file->file.path);
    SLU_TRY(slu_buf_status(&id, err));
    return split_take(instance, slu_buf_cstr(&id), snapshot->id, 0, err);
}

/* Splits that were read are forgotten, so that a job that runs for a year holds what it works on. */
static void
splits_sweep(iceberg_source *self)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->split_count; i++) {
        if (self->splits[i].path != NULL && self->splits[i].done) {
            slu_free(self->splits[i].id);
            continue;
        }
        if (self->splits[i].path == NULL)
            self->watch = kept + 1;
        self->splits[kept++] = self->splits[i];
    }
    self->split_count = kept;
    self->current = 0;
}

static slu_status
snapshots_look(iceberg_source *self, slu_error *err)
{
    SLU_TRY(table_refresh(self, err));
    const iceberg_snapshot *newest = iceberg_metadata_snapshot(self->table.metadata);
    const int64_t seen = self->splits[self->watch - 1].snapshot;
    if (newest == NULL || newest->id == seen)
        return SLU_OK;
    splits_sweep(self);
    const iceberg_changes changes = {iceberg_catalog_store(&self->catalog, &self->table), self->table.metadata, seen, newest->id,
                                     strcmp(self->options->overwrites, "skip") == 0};
    SLU_TRY(iceberg_changes_each(&changes, change_take, self, err));
    self->splits[self->watch - 1].snapshot = newest->id;
    return SLU_OK;
}

/* All splits are read. END, unless this subtask watches. */
static slu_status
source_idle(iceberg_source *self, slu_error *err)
{
    if (self->watch == 0)
        return self->options->watch_ms > 0 ? SLU_AGAIN : SLU_END;
    const int64_t now_ms = self->host->now_ms(self->host);
    if (now_ms >= self->look_at_ms) {
        SLU_TRY(snapshots_look(self, err));
        self->look_at_ms = now_ms + self->options->watch_ms;
    }
    if (self->current < self->split_count && !self->splits[self->split_count - 1].done)
        return SLU_MORE;
    self->host->deadline(self->host, self->look_at_ms);
    return SLU_AGAIN;
}

static slu_status
source_poll(void *instance, slu_error *err)
{
    iceberg_source *self = instance;
    for (bool emitted = false; !emitted;) {
        while (self->current < self->split_count && self->splits[self->current].done)
            self->current++;
        if (self->current == self->split_count)
            return source_idle(self, err);
        if (self->splits[self->current].rows == INT64_MAX)
            self->splits[self->current].done = true;
        else
            SLU_TRY(split_read(self, &self->splits[self->current], &emitted, err));
    }
    return SLU_MORE;
}

/* The time to look for snapshots has come: poll is called next. */
static slu_status
source_ready(void *instance, uint64_t cookie, uint32_t events, slu_error *err)
{
    (void)instance;
    (void)cookie;
    (void)events;
    (void)err;
    return SLU_OK;
}

static const slu_source_ops SOURCE_OPS = {
    .size = sizeof(slu_source_ops),
    .list_splits = source_list_splits,
    .open = source_open,
    .assign = source_assign,
    .poll = source_poll,
    .ready = source_ready,
    .snapshot = source_snapshot,
    .close = source_close,
};

const slu_plugin iceberg_source_plugin = {
    .size = sizeof(slu_plugin),
    .kind = SLU_KIND_SOURCE,
    .name = "iceberg_source",
    .help = "Reads an Iceberg table: a snapshot, what was appended between two, or what is appended from now on.",
    .options = SOURCE_OPTIONS,
    .option_count = sizeof SOURCE_OPTIONS / sizeof *SOURCE_OPTIONS,
    .options_bytes = sizeof(source_options),
    .instance_bytes = sizeof(iceberg_source),
    .state_version = 1,
    .output_count = 1,
    .plan = source_plan,
    .ops = &SOURCE_OPS,
};
