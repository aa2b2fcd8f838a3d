/*
 * file_source.c: rows of files, each file a split that can be taken up again at any row.
 *
 * State    (1) per file: the byte offset behind the last row that was emitted.
 */
#include "rows.h"

#define BATCH_ROWS 8192
#define SPLITS_MAX 4096

typedef struct source_options {
    file_options file;
} source_options;

typedef struct file_split {
    char *path;
    int64_t offset;
    bool done;
} file_split;

typedef struct file_source {
    slu_host *host;
    const source_options *options;
    file_rows rows;
    file_lines lines; /* of splits[current], when it is open */
    bool open;
    file_split *splits;
    uint32_t split_count, current;
    slu_metric *skipped;
} file_source;

static const slu_option source_option_table[] = {FILE_OPTIONS(source_options, file)};

static slu_status
source_plan(slu_plan_call *call, slu_error *err)
{
    const source_options *options = call->options;
    call->bounded = 1;
    return file_schema(&options->file, call->with, &call->outputs[0], err);
}

static slu_status
split_found(void *to, const char *path, slu_error *err)
{
    slu_split_list *list = to;
    const int64_t offset = 0;
    const slu_split split = {.size = sizeof split, .id = path, .data = &offset, .data_bytes = sizeof offset};
    return list->add(list, &split, err);
}

static slu_status
source_list_splits(const slu_plan_call *call, slu_split_list *list, slu_error *err)
{
    const source_options *options = call->options;
    return file_each(options->file.path, split_found, list, err);
}

static void
source_close(void *instance)
{
    file_source *self = instance;
    if (self->open)
        file_lines_close(&self->lines);
    self->open = false;
    for (uint32_t i = 0; i < self->split_count; i++)
        free(self->splits[i].path);
    free(self->splits);
    self->splits = NULL;
    self->split_count = 0;
    file_rows_fini(&self->rows);
}

static slu_status
source_open(void *instance, const slu_open *open, slu_error *err)
{
    file_source *self = instance;
    self->host = open->host;
    self->options = open->options;
    self->skipped = self->host->metric(self->host, SLU_METRIC_COUNTER, "rowsSkipped");
    return file_rows_init(&self->rows, &self->options->file, open->outputs[0], err);
}

static slu_status
source_assign(void *instance, const slu_split *splits, uint32_t count, slu_error *err)
{
    file_source *self = instance;
    if (count > SPLITS_MAX - self->split_count)
        return slu_error_set(err, SLU_LIMIT, "file_source: more than %d files", SPLITS_MAX);
    file_split *wider = realloc(self->splits, (self->split_count + count) * sizeof *wider);
    if (wider == NULL)
        return slu_error_set(err, SLU_NOMEM, "file_source: no memory");
    self->splits = wider;
    for (uint32_t i = 0; i < count; i++) {
        file_split *made = &self->splits[self->split_count];
        memset(made, 0, sizeof *made);
        if (splits[i].data_bytes != sizeof made->offset)
            return slu_error_set(err, SLU_CORRUPT, "file_source: the split of %s has %u bytes", splits[i].id, splits[i].data_bytes);
        memcpy(&made->offset, splits[i].data, sizeof made->offset);
        made->path = strdup(splits[i].id);
        if (made->path == NULL)
            return slu_error_set(err, SLU_NOMEM, "file_source: no memory");
        self->split_count++;
    }
    return SLU_OK;
}

/* Reads a batch's worth of rows from the open file; END: the file is at its end (what was read before is in `rows`). */
static slu_status
source_read(file_source *self, slu_error *err)
{
    slu_status status = SLU_OK;
    while (status == SLU_OK && self->rows.rows < BATCH_ROWS)
        status = file_rows_next(&self->rows, &self->lines, err);
    return status;
}

static slu_status
source_emit(file_source *self, slu_error *err)
{
    struct ArrowArray array;
    slu_emit emit = {.size = sizeof emit, .array = &array};
    if (self->rows.rows == 0)
        return SLU_OK;
    self->host->metric_add(self->host, self->skipped, self->rows.skipped);
    self->rows.skipped = 0;
    SLU_TRY(file_rows_finish(&self->rows, &array, &emit.selection, &emit.rows, err));
    return self->host->emit(self->host, &emit, err);
}

/* One batch of the current file; *emitted says whether there was any row. */
static slu_status
split_poll(file_source *self, file_split *split, bool *emitted, slu_error *err)
{
    if (!self->open) {
        SLU_TRY(file_rows_open(&self->rows, &self->lines, split->path, split->offset, err));
        self->open = true;
    }
    const slu_status status = source_read(self, err);
    if (status < 0)
        return status;
    *emitted = self->rows.rows > 0;
    SLU_TRY(source_emit(self, err));
    split->offset = self->lines.offset;
    if (status == SLU_END) {
        file_lines_close(&self->lines);
        self->open = false;
        split->done = true;
    }
    return SLU_OK;
}

/* A file that has nothing more (it was read to its end before a restart) does not count as a poll. */
static slu_status
source_poll(void *instance, slu_error *err)
{
    file_source *self = instance;
    for (bool emitted = false; !emitted;) {
        while (self->current < self->split_count && self->splits[self->current].done)
            self->current++;
        if (self->current == self->split_count)
            return SLU_END;
        SLU_TRY(split_poll(self, &self->splits[self->current], &emitted, err));
    }
    return SLU_MORE;
}

static slu_status
source_snapshot(void *instance, int64_t checkpoint, slu_split_list *list, slu_error *err)
{
    const file_source *self = instance;
    (void)checkpoint;
    for (uint32_t i = 0; i < self->split_count; i++) {
        const slu_split split = {.size = sizeof split,
                                 .id = self->splits[i].path,
                                 .data = &self->splits[i].offset,
                                 .data_bytes = sizeof self->splits[i].offset};
        SLU_TRY(list->add(list, &split, err));
    }
    return SLU_OK;
}

static const slu_source_ops source_ops = {.size = sizeof source_ops,
                                          .list_splits = source_list_splits,
                                          .open = source_open,
                                          .assign = source_assign,
                                          .poll = source_poll,
                                          .snapshot = source_snapshot,
                                          .close = source_close};

const slu_plugin file_source_plugin = {.size = sizeof file_source_plugin,
                                       .kind = SLU_KIND_SOURCE,
                                       .name = "file_source",
                                       .help = "Reads rows from CSV files and files with a JSON object a line",
                                       .options = source_option_table,
                                       .option_count = sizeof source_option_table / sizeof *source_option_table,
                                       .options_bytes = sizeof(source_options),
                                       .instance_bytes = sizeof(file_source),
                                       .state_version = 1,
                                       .output_count = 1,
                                       .plan = source_plan,
                                       .ops = &source_ops};
