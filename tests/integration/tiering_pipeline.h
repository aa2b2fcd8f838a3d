/*
 * tiering_pipeline.h: our table server, a lake in a directory, and the three plugins of tiering as a host runs them, one behind the other.
 *
 * SLUICE_TEST_LOG: what the plugins log goes to stderr. SLUICE_TEST_DIR: an empty directory that is kept afterwards.
 */
#ifndef SLUICE_TESTS_TIERING_PIPELINE_H
#define SLUICE_TESTS_TIERING_PIPELINE_H

#include "support/check.h"

#include "base/alloc.h"
#include "base/env.h"
#include "base/file.h"
#include "cli/catalog/lake.h"
#include "fluss/client/admin.h"
#include "fluss/client/target.h"
#include "fluss/client/writer.h"
#include "fluss/record/key.h"
#include "fluss/server/server.h"
#include "fluss/wire/error.h"
#include "iceberg/scan.h"
#include "integration/fluss_rows.h"
#include "parquet/reader.h"
#include "tiering/lake.h"
#include "tiering/round.h"
#include "tiering/tiering.h"
#include "tiering/upkeep.h"

#include <sluice/columns.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#define WAIT_MS 60000
#define QUEUE_MAX 4096

static slu_env env;
static char dir[300];
static char warehouse[320];
static cli_lake *lake_tables;
static fluss_server *server;
static fluss_client *client;
static slu_error err;

static fluss_config *server_config; /* NULL: the defaults */

/* ---- a host that runs one plugin: emitted batches wait in a queue for the next one ---- */

typedef struct queued {
    slu_batch batch; /* first: the batch is the queued */
    int refs;
    struct ArrowArray array;
    struct ArrowSchema schema;
    slu_attr attr;
    uint8_t attr_data[1024];
    int32_t *selection;
    uint8_t *kinds;
} queued;

struct slu_metric {
    char name[64];
    uint32_t kind;
    int64_t value;
};

typedef struct stage {
    slu_host host; /* first */
    const slu_plugin *plugin;
    void *self;
    struct ArrowSchema output; /* planned; release NULL: dynamic */
    queued *queue[QUEUE_MAX];
    int head, tail;
    int fd;
    int64_t deadline_ms;
    atomic_int woken;
    int committed, failed;
    char last[2100];
    slu_metric metrics[64];
    uint32_t metric_count;
} stage;

static void
stage_log(slu_host *host, int32_t level, const char *event, const char *message)
{
    stage *self = (stage *)host;
    (void)level;
    if (strcmp(event, "TIERING-COMMITTED") == 0)
        self->committed++;
    if (strstr(event, "FAILED") != NULL)
        self->failed++;
    (void)snprintf(self->last, sizeof self->last, "%s %s", event, message);
    if (getenv("SLUICE_TEST_LOG") != NULL)
        (void)fprintf(stderr, "%s: %s %s\n", self->plugin->name, event, message);
}

static int64_t
stage_now(slu_host *host)
{
    (void)host;
    return slu_now_ms(&env);
}

static slu_status
stage_emit(slu_host *host, slu_emit *emit, slu_error *e)
{
    stage *self = (stage *)host;
    queued *q = calloc(1, sizeof *q);
    q->refs = 1;
    (void)e;
    assert_true(self->tail < QUEUE_MAX);
    slu_array_move(emit->array, &q->array);
    CHECK_OK(slu_schema_copy(emit->schema != NULL ? emit->schema : &self->output, &q->schema, &err));
    q->batch = (slu_batch){.size = sizeof q->batch, .schema = &q->schema, .array = &q->array, .rows = q->array.length};
    q->batch.bytes = q->array.length * 32; /* about what a row of the tests weighs */
    if (emit->selection != NULL) {
        q->selection = malloc((size_t)emit->rows * 4);
        memcpy(q->selection, emit->selection, (size_t)emit->rows * 4);
        q->batch.selection = q->selection;
        q->batch.rows = emit->rows;
    }
    if (emit->kinds != NULL) {
        q->kinds = malloc((size_t)q->array.length + 1);
        memcpy(q->kinds, emit->kinds, (size_t)q->array.length);
        q->batch.kinds = q->kinds;
    }
    if (emit->attr_count != 0) {
        assert_true(emit->attrs[0].data_bytes <= 1024);
        memcpy(q->attr_data, emit->attrs[0].data, (size_t)emit->attrs[0].data_bytes);
        q->attr = (slu_attr){TIERING_PIECE, q->attr_data, emit->attrs[0].data_bytes};
        q->batch.attrs = &q->attr;
        q->batch.attr_count = 1;
    }
    self->queue[self->tail++] = q;
    return SLU_OK;
}

static slu_status
stage_watch(slu_host *host, int32_t fd, uint32_t events, uint64_t cookie, slu_error *e)
{
    (void)cookie, (void)e;
    ((stage *)host)->fd = events == 0 ? -1 : fd;
    return SLU_OK;
}

static void
stage_deadline(slu_host *host, int64_t at_ms)
{
    ((stage *)host)->deadline_ms = at_ms;
}

static void
stage_wake(slu_host *host)
{
    atomic_store(&((stage *)host)->woken, 1);
}

static slu_metric *
stage_metric(slu_host *host, uint32_t kind, const char *name)
{
    stage *self = (stage *)host;
    for (uint32_t i = 0; i < self->metric_count; i++)
        if (strcmp(self->metrics[i].name, name) == 0)
            return &self->metrics[i];
    assert_true(self->metric_count < sizeof self->metrics / sizeof *self->metrics);
    slu_metric *made = &self->metrics[self->metric_count++];
    (void)snprintf(made->name, sizeof made->name, "%s", name);
    made->kind = kind;
    return made;
}

static void
stage_metric_add(slu_host *host, slu_metric *metric, int64_t delta)
{
    (void)host;
    metric->value = metric->kind == SLU_METRIC_GAUGE ? delta : metric->value + delta;
}

static void queued_free(queued *q);

static const slu_batch *
stage_batch_ref(slu_host *host, const slu_batch *batch)
{
    (void)host;
    ((queued *)(uintptr_t)batch)->refs++;
    return batch;
}

static void
stage_batch_unref(slu_host *host, const slu_batch **batch)
{
    (void)host;
    queued_free((queued *)(uintptr_t)*batch);
    *batch = NULL;
}

static void
stage_open(stage *self, const slu_plugin *plugin, const void *options, const struct ArrowSchema *input)
{
    slu_plan_call plan = {.size = sizeof plan,
                          .host = &self->host,
                          .options = options,
                          .inputs = &input,
                          .input_count = input != NULL,
                          .outputs = &self->output,
                          .output_count = plugin->output_count};
    memset(self, 0, sizeof *self);
    self->host = (slu_host){.size = sizeof self->host,
                            .abi = SLU_ABI,
                            .context = self,
                            .log = stage_log,
                            .now_ms = stage_now,
                            .emit = stage_emit,
                            .batch_ref = stage_batch_ref,
                            .batch_unref = stage_batch_unref,
                            .watch = stage_watch,
                            .deadline = stage_deadline,
                            .wake = stage_wake,
                            .metric = stage_metric,
                            .metric_add = stage_metric_add};
    self->plugin = plugin;
    self->fd = -1;
    self->self = calloc(1, plugin->instance_bytes);
    CHECK_OK(plugin->plan(&plan, &err));
    const slu_open open = {.size = sizeof open, .host = &self->host, .options = options, .parallelism = 1};
    if (plugin->kind == SLU_KIND_SOURCE)
        CHECK_OK(((const slu_source_ops *)plugin->ops)->open(self->self, &open, &err));
    else if (plugin->kind == SLU_KIND_OPERATOR)
        CHECK_OK(((const slu_operator_ops *)plugin->ops)->open(self->self, &open, &err));
    else
        CHECK_OK(((const slu_sink_ops *)plugin->ops)->open(self->self, &open, &err));
}

static void
queued_free(queued *q)
{
    if (--q->refs != 0)
        return;
    slu_array_release(&q->array);
    slu_schema_release(&q->schema);
    free(q->selection);
    free(q->kinds);
    free(q);
}

static void
stage_close(stage *self)
{
    if (self->plugin->kind == SLU_KIND_SOURCE)
        ((const slu_source_ops *)self->plugin->ops)->close(self->self);
    else if (self->plugin->kind == SLU_KIND_OPERATOR)
        ((const slu_operator_ops *)self->plugin->ops)->close(self->self);
    else
        ((const slu_sink_ops *)self->plugin->ops)->close(self->self);
    while (self->head < self->tail)
        queued_free(self->queue[self->head++]);
    free(self->self);
    slu_schema_release(&self->output);
}

/* Hands the waiting batches of `from` to `to` until one is not taken. */
static void
stage_feed(stage *from, stage *to)
{
    while (from->head < from->tail) {
        queued *q = from->queue[from->head];
        const slu_status status = to->plugin->kind == SLU_KIND_OPERATOR
                                      ? ((const slu_operator_ops *)to->plugin->ops)->process(to->self, 0, &q->batch, &err)
                                      : ((const slu_sink_ops *)to->plugin->ops)->write(to->self, &q->batch, &err);
        if (status == SLU_AGAIN)
            return;
        CHECK_OK(status);
        queued_free(q);
        from->head++;
    }
    from->head = from->tail = 0;
}

typedef struct pipeline {
    stage source, writer, committer;
} pipeline;

static struct {
    const char *bootstrap;
    fluss_login login;
    fluss_files_options files;
    int64_t poll_ms, pause_ms, rounds, stop_after_idle_ms;
    const char *tables;
} source_options; /* the layout of fluss_tiering_source's options struct */
static struct {
    tiering_lake_options lake;
    int64_t memory_bytes;
    int64_t loads;
} writer_options;
static struct {
    tiering_lake_options lake;
    const char *bootstrap;
    fluss_login login;
    int64_t commits;
    tiering_upkeep_options upkeep; /* zeroed: off */
} committer_options;

static int64_t memory_bytes = 128 << 20; /* what open files may hold */

static inline void
pipeline_open_at(pipeline *p, const char *address)
{
    source_options.bootstrap = committer_options.bootstrap = address;
    source_options.poll_ms = 20;
    source_options.pause_ms = 50;
    source_options.rounds = 4;
    writer_options.lake = committer_options.lake =
        (tiering_lake_options){.format = "iceberg", .iceberg = {.type = "hadoop", .warehouse = warehouse}};
    writer_options.memory_bytes = memory_bytes;
    writer_options.loads = committer_options.commits = 4;
    stage_open(&p->source, &tiering_source_plugin, &source_options, NULL);
    stage_open(&p->writer, &tiering_writer_plugin, &writer_options, NULL);
    stage_open(&p->committer, &tiering_committer_plugin, &committer_options, &p->writer.output);
}

static inline void
pipeline_open(pipeline *p)
{
    pipeline_open_at(p, fluss_server_address(server));
}

static void
pipeline_close(pipeline *p)
{
    stage_close(&p->source);
    stage_close(&p->writer);
    stage_close(&p->committer);
}

static void
pipeline_step(pipeline *p)
{
    CHECK_STATUS(((const slu_source_ops *)tiering_source_plugin.ops)->poll(p->source.self, &err) < 0, 0);
    stage_feed(&p->source, &p->writer);
    if (atomic_exchange(&p->writer.woken, 0))
        CHECK_OK(((const slu_operator_ops *)tiering_writer_plugin.ops)->ready(p->writer.self, SLU_COOKIE_WAKE, 0, &err));
    stage_feed(&p->writer, &p->committer);
    if (atomic_exchange(&p->committer.woken, 0))
        CHECK_OK(((const slu_sink_ops *)tiering_committer_plugin.ops)->ready(p->committer.self, SLU_COOKIE_WAKE, 0, &err));
    if (p->source.head == p->source.tail)
        (void)usleep(500);
}

/* ---- the server ---- */

/* `port` 0: any. */
static void
server_start(int port)
{
    char data[320];
    (void)snprintf(data, sizeof data, "%s/server", dir);
    const fluss_server_lake lake = cli_lake_for_server(lake_tables);
    const fluss_server_options options = {
        .config = server_config, .port = port, .data_dir = data, .datalake_format = "iceberg", .lake = &lake};
    CHECK_OK(fluss_server_open(&env, &options, &server, &err));
    CHECK_OK(fluss_server_start(server, &err));
}

static int
set_up(void **state)
{
    (void)state;
    slu_env_init_system(&env, SLU_LOG_WARN);
    if (getenv("SLUICE_TEST_DIR") != NULL) { /* an empty directory that is kept: independent readers look at it afterwards */
        (void)snprintf(dir, sizeof dir, "%s", getenv("SLUICE_TEST_DIR"));
    } else {
        (void)snprintf(dir, sizeof dir, "/tmp/sluice-tiering-XXXXXX");
        assert_non_null(mkdtemp(dir));
    }
    (void)snprintf(warehouse, sizeof warehouse, "%s/warehouse", dir);
    const iceberg_property where = {"warehouse", warehouse};
    CHECK_OK(cli_lake_open(&env, &(lake_options){.settings = &where, .setting_count = 1}, &lake_tables, &err));
    server_start(0);
    CHECK_OK(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = fluss_server_address(server)}, &client, &err));
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    fluss_client_close(&client);
    fluss_server_close(&server);
    cli_lake_close(&lake_tables);
    if (getenv("SLUICE_TEST_DIR") == NULL)
        CHECK_OK(slu_dir_remove(dir, &err));
    return 0;
}

#endif
