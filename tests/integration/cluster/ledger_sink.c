/*
 * ledger_sink.c: a sink of two phases for tests: what a checkpoint made whole stands in files of its directory, each id of the column `id`
 * as 8 bytes little-endian. A commit that is repeated writes the same file again.
 */
#include <sluice/plugin.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ledger_options {
    const char *dir;
} ledger_options;

static const slu_option options[] = {
    SLU_OPTION("dir", STRING, ledger_options, dir, NULL, "directory of the files", .flags = SLU_OPTION_REQUIRED)};

typedef struct ledger {
    const ledger_options *options;
    int64_t *ids;
    size_t count, capacity;
} ledger;

static slu_status
ledger_plan(slu_plan_call *call, slu_error *err)
{
    if (call->inputs[0] == NULL || call->inputs[0]->n_children < 1 || strcmp(call->inputs[0]->children[0]->format, "l") != 0)
        return slu_error_set(err, SLU_INVALID, "ledger wants a BIGINT as the first column");
    return SLU_OK;
}

static slu_status
ledger_open(void *self, const slu_open *open, slu_error *err)
{
    ledger *l = self;
    l->options = open->options;
    return SLU_OK;
}

static slu_status
ledger_write(void *self, const slu_batch *batch, slu_error *err)
{
    ledger *l = self;
    const int64_t *ids = batch->array->children[0]->buffers[1];
    if (l->count + (size_t)batch->rows > l->capacity) {
        l->capacity = (l->count + (size_t)batch->rows) * 2;
        l->ids = realloc(l->ids, l->capacity * sizeof *l->ids);
        if (l->ids == NULL)
            return slu_error_set(err, SLU_NOMEM, "ledger");
    }
    for (int64_t i = 0; i < batch->rows; i++)
        l->ids[l->count++] = ids[slu_batch_row(batch, i) + batch->array->children[0]->offset];
    return SLU_OK;
}

static slu_status
ledger_prepare(void *self, slu_snapshot *committables, slu_error *err)
{
    ledger *l = self;
    if (l->count == 0)
        return SLU_OK;
    const slu_status status = committables->write(committables, SLU_KEY_GROUP_NONE, l->ids, l->count * sizeof *l->ids, err);
    l->count = 0;
    return status;
}

static slu_status
ledger_commit(void *self, int64_t checkpoint, const void *data, uint64_t bytes, slu_error *err)
{
    const ledger *l = self;
    char path[1024];
    char temporary[1100];
    int64_t first;
    if (bytes == 0)
        return SLU_OK;
    memcpy(&first, data, sizeof first);
    (void)snprintf(path, sizeof path, "%s/%lld-%lld-%llu", l->options->dir, (long long)checkpoint, (long long)first,
                   (unsigned long long)bytes);
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *file = fopen(temporary, "wb");
    if (file == NULL || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0 || rename(temporary, path) != 0)
        return slu_error_set(err, SLU_IO, "write %s: %s", path, strerror(errno));
    return SLU_OK;
}

static void
ledger_close(void *self)
{
    free(((ledger *)self)->ids);
}

static const slu_sink_ops ops = {.size = sizeof ops,
                                 .open = ledger_open,
                                 .write = ledger_write,
                                 .prepare = ledger_prepare,
                                 .commit = ledger_commit,
                                 .close = ledger_close};

static const slu_plugin plugin = {.size = sizeof plugin,
                                  .kind = SLU_KIND_SINK,
                                  .name = "ledger",
                                  .help = "Writes the ids it was given to files, exactly once.",
                                  .options = options,
                                  .option_count = 1,
                                  .options_bytes = sizeof(ledger_options),
                                  .instance_bytes = sizeof(ledger),
                                  .state_version = 1,
                                  .input_min = 1,
                                  .input_max = 1,
                                  .plan = ledger_plan,
                                  .ops = &ops};

static const slu_plugin *const plugins[] = {&plugin};
static const slu_module module = {
    .size = sizeof module, .abi = SLU_ABI, .name = "ledger", .version = "0.1.0", .plugins = plugins, .plugin_count = 1};

const slu_module *
slu_plugin_entry(void)
{
    return &module;
}
