/*
 * Whole jobs through fluss.so, against a server: rows in, rows copied, upserts, exactly-once appends over failures. The server is
 * FLUSS_BOOTSTRAP where that is set (a real cluster, by hand), else our own, started in this process.
 */
#include "support/check.h"

#include "base/env.h"
#include "base/file.h"
#include "fluss/client/admin.h"
#include "fluss/client/lookup.h"
#include "fluss/client/scanner.h"
#include "fluss/client/writer.h"
#include "fluss/record/key.h"
#include "fluss/client/snapshot_lease.h"
#include "integration/fluss_rows.h"
#define TEST_SERVER_KV_SNAPSHOT_INTERVAL "100ms"
#include "integration/fluss_server.h"
#include "plan/descriptor.h"
#include "plan/planner.h"
#include "worker/local.h"

#include <sluice/columns.h>
#include <sluice/plugin.h>
#include <sluice/sdk/columns_build.h>

#include <pthread.h>
#include <stdatomic.h>

#define BUCKETS 4
#define ROWS 20000
#define WAIT_MS 20000

static slu_env env;
static const char *bootstrap;
static fluss_client *client;
static char checkpoints[64];

/* ---- An operator that fails: passes rows on, and gives up once, when enough have passed in its first attempts. ---- */

typedef struct stumble_options {
    int64_t after;
    int64_t times;
    int64_t pause_ms; /* for each batch */
    uint32_t intrude; /* in its second attempt, first lets a late request of the dead worker reach the table faces.once */
} stumble_options;

typedef struct stumble {
    slu_host *host;
    const stumble_options *options;
    uint32_t attempt;
    int64_t rows;
    int64_t until_ms; /* the sink behind us has looked at the log by then */
} stumble;

static const slu_option stumble_table[] = {
    SLU_OPTION("after", I64, stumble_options, after, "1000", "rows before it fails", .min = 0, .max = 1000000000),
    SLU_OPTION("intrude", BOOL, stumble_options, intrude, "false", "sends what a dead worker might have sent"),
    SLU_OPTION("times", I64, stumble_options, times, "1", "attempts that fail", .min = 0, .max = 100),
    SLU_OPTION("pause", I64, stumble_options, pause_ms, "0", "milliseconds for each batch", .min = 0, .max = 1000),
};

static _Atomic int stumbles, intrusions;
static _Atomic int64_t passed; /* rows, over all attempts */
static void intrude(const slu_batch *batch);

static slu_status
stumble_plan(slu_plan_call *call, slu_error *err)
{
    return slu_schema_copy(call->inputs[0], &call->outputs[0], err);
}

static slu_status
stumble_open(void *self, const slu_open *open, slu_error *err)
{
    stumble *mine = self;
    (void)err;
    mine->host = open->host;
    mine->options = open->options;
    mine->attempt = open->attempt;
    return SLU_OK;
}

static slu_status
stumble_process(void *self, uint32_t input, const slu_batch *batch, slu_error *err)
{
    stumble *mine = self;
    (void)input;
    if (mine->options->intrude && mine->attempt == 2 && mine->until_ms == 0) {
        mine->until_ms = mine->host->now_ms(mine->host) + 300;
        mine->host->deadline(mine->host, mine->until_ms);
    }
    if (mine->until_ms > mine->host->now_ms(mine->host))
        return SLU_AGAIN;
    if (mine->until_ms != 0 && atomic_load(&intrusions) == 0)
        intrude(batch);
    if (mine->options->pause_ms != 0)
        (void)usleep((useconds_t)mine->options->pause_ms * 1000);
    mine->rows += batch->rows;
    atomic_fetch_add(&passed, batch->rows);
    if (mine->attempt <= (uint32_t)mine->options->times && mine->rows > mine->options->after) {
        atomic_fetch_add(&stumbles, 1);
        return slu_error_set(err, SLU_IO, "stumbled on purpose after %lld rows", (long long)mine->rows);
    }
    slu_emit emit = {.size = sizeof emit, .base = batch};
    return mine->host->emit(mine->host, &emit, err);
}

static slu_status
stumble_ready(void *self, uint64_t cookie, uint32_t events, slu_error *err)
{
    (void)self;
    (void)cookie;
    (void)events;
    (void)err;
    return SLU_OK;
}

static void
stumble_close(void *self)
{
    (void)self;
}

static const slu_operator_ops stumble_ops = {
    .size = sizeof stumble_ops, .open = stumble_open, .process = stumble_process, .ready = stumble_ready, .close = stumble_close};
static const slu_plugin stumble_plugin = {.size = sizeof stumble_plugin,
                                          .kind = SLU_KIND_OPERATOR,
                                          .name = "stumble",
                                          .help = "Fails on purpose.",
                                          .options = stumble_table,
                                          .option_count = sizeof stumble_table / sizeof stumble_table[0],
                                          .options_bytes = sizeof(stumble_options),
                                          .instance_bytes = sizeof(stumble),
                                          .state_version = 1,
                                          .input_min = 1,
                                          .input_max = 1,
                                          .output_count = 1,
                                          .plan = stumble_plan,
                                          .ops = &stumble_ops};
/* ---- An operator that asks: looks every id of its input up, and that id plus a million, and counts what it hears. ---- */

#define MISSING 1000000

typedef struct asker {
    slu_host *host;
    slu_lookup_port *port;
    uint32_t flying;
    struct ArrowSchema keys, values;
} asker;

typedef struct asker_options {
    const slu_value *lookup;
} asker_options;

static const slu_option asker_table[] = {
    SLU_OPTION("lookup", VALUE, asker_options, lookup, NULL, "the lookup", .flags = SLU_OPTION_REQUIRED)};
static _Atomic int64_t found_rows, missed_rows, wrong_rows;

static void
asker_schemas(asker *mine)
{
    slu_error err = {0};
    CHECK_OK(slu_schema_init_struct(&mine->keys));
    CHECK_OK(slu_schema_add(&mine->keys, "l", "id", false));
    CHECK_OK(slu_schema_init_struct(&mine->values));
    CHECK_OK(slu_schema_add(&mine->values, "d:10,2", "amount", true));
    CHECK_OK(slu_schema_add(&mine->values, "l", "id", true));
}

static void
asker_answer(void *owner, const slu_lookup_answer *answer)
{
    asker *mine = owner;
    mine->flying--;
    if (answer->failure != NULL) {
        atomic_fetch_add(&wrong_rows, 1);
        return;
    }
    const slu_column ids = slu_batch_column(answer->values, 1);
    for (int64_t i = 0; i < answer->values->array->length; i++) {
        const bool wanted = i % 2 == 0;
        atomic_fetch_add(answer->found[i] ? &found_rows : &missed_rows, 1);
        if ((answer->found[i] != 0) != wanted || slu_column_valid(&ids, i) != wanted)
            atomic_fetch_add(&wrong_rows, 1);
    }
}

static slu_status
asker_open(void *self, const slu_open *open, slu_error *err)
{
    asker *mine = self;
    const asker_options *options = open->options;
    mine->host = open->host;
    asker_schemas(mine);
    const slu_lookup_spec spec = {.size = sizeof spec,
                                  .use = options->lookup,
                                  .keys = &mine->keys,
                                  .values = &mine->values,
                                  .owner = mine,
                                  .on_answer = asker_answer};
    return mine->host->lookup_open(mine->host, &spec, &mine->port, err);
}

static slu_status
asker_process(void *self, uint32_t input, const slu_batch *batch, slu_error *err)
{
    asker *mine = self;
    sdk_builder builder;
    struct ArrowArray column, keys;
    const slu_column ids = slu_batch_column(batch, 0);
    (void)input;
    SLU_TRY(sdk_builder_init(&builder, "l", NULL));
    for (int64_t i = 0; i < batch->rows; i++) {
        sdk_builder_i64(&builder, slu_column_i64s(&ids)[slu_batch_row(batch, i)]);
        sdk_builder_i64(&builder, slu_column_i64s(&ids)[slu_batch_row(batch, i)] + MISSING);
    }
    SLU_TRY(sdk_builder_finish(&builder, &column, err));
    SLU_TRY(sdk_struct(&column, 1, batch->rows * 2, &keys, err));
    const slu_status status = mine->host->lookup_submit(mine->host, mine->port, 7, &keys, err);
    if (status == SLU_OK)
        mine->flying++;
    slu_array_release(&keys);
    return status;
}

static uint32_t
asker_pending(const void *self)
{
    return ((const asker *)self)->flying;
}

static void
asker_close(void *self)
{
    asker *mine = self;
    mine->host->lookup_close(mine->host, &mine->port);
    slu_schema_release(&mine->keys);
    slu_schema_release(&mine->values);
}

static const slu_operator_ops asker_ops = {
    .size = sizeof asker_ops, .open = asker_open, .process = asker_process, .pending = asker_pending, .close = asker_close};
static const slu_plugin asker_plugin = {.size = sizeof asker_plugin,
                                        .kind = SLU_KIND_OPERATOR,
                                        .name = "asker",
                                        .help = "Looks keys up.",
                                        .options = asker_table,
                                        .option_count = 1,
                                        .options_bytes = sizeof(asker_options),
                                        .instance_bytes = sizeof(asker),
                                        .state_version = 1,
                                        .input_min = 1,
                                        .input_max = 1,
                                        .output_count = 1,
                                        .plan = stumble_plan,
                                        .ops = &asker_ops};
static const slu_plugin *const test_plugins[] = {&stumble_plugin, &asker_plugin};
static const slu_module test_module = {
    .size = sizeof test_module, .abi = SLU_ABI, .name = "faces_test", .version = "1", .plugins = test_plugins, .plugin_count = 2};

/* ---- Jobs ---- */

static slu_status
run_job(const char *text, slu_local_status *out, slu_error *failure)
{
    slu_error err = {0};
    slu_registry *registry = NULL;
    slu_graph *graph = NULL;
    const slu_setting settings[] = {{"fluss.bootstrap.servers", bootstrap}, {"checkpoint.dir", checkpoints}};
    const slu_descriptor descriptor = {
        .path = "job.yaml", .text = slu_view_of_text(text), .settings = settings, .setting_count = 2};
    CHECK_OK(slu_dir_remove(checkpoints, &err));
    CHECK_OK(slu_registry_new(&registry, &err));
    CHECK_OK(slu_registry_add_dir(registry, SLUICE_TEST_PLUGINS, &err));
    CHECK_OK(slu_registry_add_module(registry, &test_module, &err));
    const slu_planner planner = {.registry = registry, .env = &env};
    slu_status status = slu_descriptor_read(&descriptor, &graph, failure);
    if (status == SLU_OK)
        status = slu_plan_graph(graph, &planner, failure);
    if (status == SLU_OK)
        status = slu_local_run(graph, registry, &env, NULL, out, failure);
    slu_graph_free(&graph);
    slu_registry_free(&registry);
    return status;
}

#define COLUMNS                                                                                                                    \
    "{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false}},"                                                    \
    "{\"name\":\"accountId\",\"data_type\":{\"type\":\"BIGINT\"}},"                                                                \
    "{\"name\":\"createdAt\",\"data_type\":{\"type\":\"BIGINT\"}},"                                                                \
    "{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2}}"

static void
make_table(const char *name, const char *columns, const char *keys, const char *bucket_key)
{
    slu_error err = {0};
    slu_buf json;
    slu_buf_init(&json, 1 << 16);
    slu_buf_printf(
        &json,
        "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[%s]%s},\"partition_key\":[],\"bucket_key\":[%s],\"bucket_count\":4,"
        "\"properties\":{},\"custom_properties\":{}}",
        columns, keys, bucket_key);
    CHECK_OK(fluss_admin_create_database(client, "faces", true, &err));
    CHECK_OK(fluss_admin_drop_table(client, "faces", name, true, &err));
    CHECK_OK(fluss_admin_create_table(client, "faces", name, slu_buf_view(&json), false, &err));
    slu_buf_fini(&json);
}

static fluss_target *
open_table(const char *name)
{
    slu_error err = {0};
    fluss_target *target = NULL;
    CHECK_OK(fluss_target_open(client, "faces", name, &target, &err));
    CHECK_OK(fluss_target_wait(target, WAIT_MS, &err));
    return target;
}

/* The partitions that are there, each with its leaders. */
static void
slots_wait(fluss_target *target)
{
    slu_error err = {0};
    if (!fluss_target_partitioned(target))
        return;
    fluss_target_discover(target);
    while (fluss_target_listings(target) == 0)
        fluss_client_step(client, 20);
    for (int32_t slot = 0; slot < fluss_target_slot_count(target); slot++) {
        slu_status status = fluss_target_slot_ready(target, slot, false, &err);
        for (int i = 0; i < 500 && status == SLU_AGAIN; i++) {
            fluss_client_step(client, 20);
            status = fluss_target_slot_ready(target, slot, false, &err);
        }
        CHECK_STATUS(status, SLU_OK);
    }
}

/* How often each id (column 0) is in the log of a table. */
static int64_t
count_ids(const char *name, uint8_t *seen, int64_t ids)
{
    slu_error err = {0};
    fluss_target *target = open_table(name);
    fluss_scanner *scanner = NULL;
    int64_t ends[BUCKETS];
    int64_t count = 0;
    const int32_t column = 0;
    memset(seen, 0, (size_t)ids);
    slots_wait(target);
    CHECK_OK(fluss_scanner_open(target, &(fluss_scanner_options){.columns = &column, .column_count = 1}, &scanner, &err));
    for (int32_t slot = 0; slot < fluss_target_slot_count(target); slot++) {
        CHECK_OK(fluss_admin_list_offsets(client, fluss_target_table(target)->table_id, fluss_target_slot(target, slot).id,
                                          FLUSS_OFFSETS_LATEST, 0, fluss_target_slot_leaders(target, slot), BUCKETS, ends, &err));
        for (int32_t bucket = 0; bucket < BUCKETS; bucket++)
            CHECK_OK(fluss_scanner_add(scanner, slot * BUCKETS + bucket, FLUSS_OFFSET_EARLIEST, ends[bucket], &err));
    }
    for (;;) {
        fluss_scan_batch batch;
        const slu_status status = fluss_scanner_poll(scanner, &batch, &err);
        if (status == SLU_END)
            break;
        if (status == SLU_AGAIN) {
            fluss_client_step(client, 50);
            continue;
        }
        CHECK_OK(status);
        const slu_column column_0 = slu_column_child(fluss_scanner_schema(scanner), &batch.array, 0);
        for (int64_t i = batch.first; i < batch.first + batch.count; i++, count++) {
            const int64_t id = slu_column_i64s(&column_0)[i];
            assert_true(id >= 0 && id < ids);
            seen[id]++;
        }
        fluss_scan_batch_fini(&batch);
    }
    fluss_scanner_close(&scanner);
    fluss_target_close(&target);
    return count;
}

static void
check_each_once(const char *name, int64_t first, int64_t rows)
{
    uint8_t *seen = malloc((size_t)(first + rows));
    const int64_t count = count_ids(name, seen, first + rows);
    for (int64_t id = first; id < first + rows; id++)
        if (seen[id] != 1)
            fail_msg("table %s: id %lld is there %u times (%lld rows in all)", name, (long long)id, seen[id], (long long)count);
    assert_int_equal(count, rows);
    free(seen);
}

#define GENERATE(rows)                                                                                                             \
    "job: load\nparams: { fluss.bootstrap.servers: }\n"                                                                            \
    "operators:\n"                                                                                                                 \
    "  - { id: rows, use: datagen, with: { kind: transactions, rows: " #rows " } }\n"                                              \
    "  - { id: out, use: fluss_sink, from: rows, with: { table: faces.transaction } }\n"

static int64_t first_id;

static void
rows_are_written(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    uint8_t *seen = malloc(ROWS + 2);
    make_table("transaction", COLUMNS, "", "\"accountId\"");
    CHECK_OK(run_job(GENERATE(20000), &status, &err));
    assert_int_equal(status.rows_in, ROWS);
    assert_int_equal(count_ids("transaction", seen, ROWS + 2), ROWS);
    first_id = seen[0] == 1 ? 0 : 1;
    check_each_once("transaction", first_id, ROWS);
    free(seen);
}

static void
rows_are_copied_by_bucket(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    make_table("copy", COLUMNS, "", "\"id\"");
    CHECK_OK(
        run_job("job: copy\nparallelism: 2\nparams: { fluss.bootstrap.servers: }\noperators:\n"
                "  - { id: in, use: fluss_source, with: { table: faces.transaction, stop: latest, columns: [amount, id] } }\n"
                "  - { id: out, use: fluss_sink, from: in, with: { table: faces.copy, columns: { id: id, amount: amount } } }\n",
                &status, &err));
    assert_int_equal(status.rows_in, ROWS);
    check_each_once("copy", first_id, ROWS);
}

static void
stumble_thrice(const char *bucket_key)
{
    slu_error err = {0};
    slu_local_status status;
    make_table("once", COLUMNS, "", bucket_key);
    atomic_store(&stumbles, 0);
    CHECK_OK(run_job(
        "job: once\nparallelism: 2\ncheckpoint: { interval: 20ms }\nrestart: { strategy: fixed-delay, attempts: 10, delay: 10ms }\n"
        "params: { fluss.bootstrap.servers: }\noperators:\n"
        "  - { id: in, use: fluss_source, with: { table: faces.transaction, stop: latest } }\n"
        "  - { id: bad, use: stumble, from: in, with: { after: 6000, times: 3 } }\n"
        "  - { id: out, use: fluss_sink, from: bad, with: { table: faces.once, identity: [id] } }\n",
        &status, &err));
    assert_true(status.restarts >= 1);
    assert_true(atomic_load(&stumbles) >= 1);
    check_each_once("once", first_id, ROWS);
}

#define NESTED                                                                                                                     \
    "{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false}},"                                                    \
    "{\"name\":\"l\",\"data_type\":{\"type\":\"ARRAY\",\"element_type\":{\"type\":\"STRING\"}}},"                                  \
    "{\"name\":\"r\",\"data_type\":{\"type\":\"ROW\",\"fields\":[{\"name\":\"x\",\"field_type\":{\"type\":\"INTEGER\"}}]}}"
#define NESTED_ROWS 900

static void
nested_rows(struct ArrowArray *out)
{
    slu_error err = {0};
    static int32_t offsets[NESTED_ROWS + 1];
    static uint8_t bits[(NESTED_ROWS + 7) / 8];
    sdk_builder ids = {0}, words = {0}, numbers = {0};
    struct ArrowArray columns[3], items, field;
    CHECK_OK(sdk_builder_init(&ids, "l", NULL));
    CHECK_OK(sdk_builder_init(&words, "u", NULL));
    CHECK_OK(sdk_builder_init(&numbers, "i", NULL));
    memset(bits, 0xff, sizeof bits);
    for (int32_t i = 0; i < NESTED_ROWS; i++) {
        sdk_builder_i64(&ids, i);
        sdk_builder_i32(&numbers, -i);
        for (int32_t k = 0; i % 5 != 0 && k < i % 3; k++)
            sdk_builder_text(&words, "word");
        if (i % 5 == 0)
            slu_bit_clear(bits, i);
        offsets[i + 1] = (int32_t)words.rows;
    }
    CHECK_OK(sdk_builder_finish(&ids, &columns[0], &err));
    CHECK_OK(sdk_builder_finish(&words, &items, &err));
    CHECK_OK(sdk_list(offsets, bits, NESTED_ROWS, &items, &columns[1], &err));
    CHECK_OK(sdk_builder_finish(&numbers, &field, &err));
    CHECK_OK(sdk_struct(&field, 1, NESTED_ROWS, &columns[2], &err));
    CHECK_OK(sdk_struct(columns, 3, NESTED_ROWS, out, &err));
}

/* Lists and rows in every row of bucket 0 .. 3 are what nested_rows made of their ids. */
static void
check_nested(const char *name)
{
    slu_error err = {0};
    fluss_target *target = open_table(name);
    fluss_scanner *scanner = NULL;
    int64_t ends[BUCKETS], count = 0;
    slu_status status = SLU_AGAIN;
    CHECK_OK(fluss_scanner_open(target, NULL, &scanner, &err));
    CHECK_OK(fluss_admin_list_offsets(client, fluss_target_table(target)->table_id, -1, FLUSS_OFFSETS_LATEST, 0,
                                      fluss_target_leaders(target), BUCKETS, ends, &err));
    for (int32_t bucket = 0; bucket < BUCKETS; bucket++)
        CHECK_OK(fluss_scanner_add(scanner, bucket, FLUSS_OFFSET_EARLIEST, ends[bucket], &err));
    while (status != SLU_END) {
        fluss_scan_batch batch;
        status = fluss_scanner_poll(scanner, &batch, &err);
        if (status == SLU_AGAIN)
            fluss_client_step(client, 50);
        if (status != SLU_OK)
            continue;
        const struct ArrowSchema *schema = fluss_scanner_schema(scanner);
        const slu_column ids = slu_column_child(schema, &batch.array, 0), lists = slu_column_child(schema, &batch.array, 1);
        const slu_column rows = slu_column_child(schema, &batch.array, 2), maps = slu_column_child(schema, &batch.array, 3);
        const slu_column numbers = slu_column_view_at(slu_type_of("i"), rows.array->children[0], rows.offset, rows.rows);
        for (int64_t i = batch.first; i < batch.first + batch.count; i++, count++) {
            const int64_t id = slu_column_i64s(&ids)[i];
            assert_int_equal(slu_column_valid(&lists, i), id % 5 != 0);
            if (id % 5 != 0)
                assert_int_equal(lists.offsets[i + 1] - lists.offsets[i], id % 3);
            assert_int_equal(slu_column_i32s(&numbers)[i], -id);
            assert_false(slu_column_valid(&maps, i));
        }
        fluss_scan_batch_fini(&batch);
    }
    assert_int_equal(count, NESTED_ROWS);
    fluss_scanner_close(&scanner);
    fluss_target_close(&target);
}

static void
nested_columns_are_copied(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    struct ArrowArray rows;
    fluss_writer *writer = NULL;
    static const char map[] =
        ",{\"name\":\"m\",\"data_type\":{\"type\":\"MAP\",\"key_type\":{\"type\":\"STRING\",\"nullable\":false},"
        "\"value_type\":{\"type\":\"BIGINT\"}}}";
    char wide[1000];
    (void)snprintf(wide, sizeof wide, "%s%s", NESTED, map);
    make_table("nested", NESTED, "", "");
    make_table("nested_log", wide, "", "\"id\"");
    make_table("nested_key", wide, ",\"primary_key\":[\"id\"]", "\"id\"");
    fluss_target *target = open_table("nested");
    nested_rows(&rows);
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    while (fluss_writer_poll(writer, &err) == SLU_AGAIN)
        fluss_client_step(client, 20);
    CHECK_OK(fluss_writer_write(writer, 0, &fluss_target_table(target)->arrow, &rows, NULL, NESTED_ROWS, NULL, &err));
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    fluss_writer_close(&writer);
    fluss_target_close(&target);
    slu_array_release(&rows);
    CHECK_OK(run_job("job: copy\nparams: { fluss.bootstrap.servers: }\noperators:\n"
                     "  - { id: in, use: fluss_source, with: { table: faces.nested, stop: latest } }\n"
                     "  - { id: log, use: fluss_sink, from: in, with: { table: faces.nested_log } }\n"
                     "  - { id: key, use: fluss_sink, from: in, with: { table: faces.nested_key } }\n",
                     &status, &err));
    check_nested("nested_log");
    check_nested("nested_key");
}

static void
exactly_once_over_failures(void **state)
{
    (void)state;
    stumble_thrice("\"id\"");
}

/* Any bucket would do for such a table; a row that comes again must still meet the writer that knows it. */
static void
exactly_once_without_a_bucket_key(void **state)
{
    (void)state;
    stumble_thrice("");
}

/* The writer and sequence of the last batch of a bucket. */
static bool
last_batch(fluss_target *target, int32_t bucket, int64_t *out_writer, int32_t *out_sequence)
{
    slu_error err = {0};
    fluss_scanner *scanner = NULL;
    int64_t ends[BUCKETS];
    slu_status status = SLU_AGAIN;
    CHECK_OK(fluss_admin_list_offsets(client, fluss_target_table(target)->table_id, -1, FLUSS_OFFSETS_LATEST, 0,
                                      fluss_target_leaders(target), BUCKETS, ends, &err));
    if (ends[bucket] == 0)
        return false;
    CHECK_OK(fluss_scanner_open(target, NULL, &scanner, &err));
    CHECK_OK(fluss_scanner_add(scanner, bucket, ends[bucket] - 1, ends[bucket], &err));
    while (status == SLU_AGAIN) {
        fluss_scan_batch batch;
        status = fluss_scanner_poll(scanner, &batch, &err);
        if (status == SLU_AGAIN) {
            fluss_client_step(client, 20);
            continue;
        }
        CHECK_OK(status);
        *out_writer = batch.writer_id;
        *out_sequence = batch.sequence;
        fluss_scan_batch_fini(&batch);
    }
    fluss_scanner_close(&scanner);
    return true;
}

static void
send_as(fluss_target *target, int32_t bucket, int64_t writer_id, int32_t sequence, const slu_batch *batch, const int32_t *rows,
        int64_t count)
{
    slu_error err = {0};
    fluss_writer *writer = NULL;
    slu_status status = SLU_AGAIN;
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    CHECK_OK(fluss_writer_resume(writer, bucket, writer_id, sequence, &err));
    while (status == SLU_AGAIN) {
        status = fluss_writer_write(writer, bucket, batch->schema, batch->array, rows, count, NULL, &err);
        if (status == SLU_AGAIN)
            fluss_client_step(client, 20);
    }
    CHECK_OK(status);
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    fluss_writer_close(&writer);
}

/* Once the sink has looked at the log, and before it writes: some rows of the batch, that are not stored yet, under its own writer and
 * next sequence, as a request of the dead worker that was late. The client is ours alone here: the test waits for the job. */
static void
intrude(const slu_batch *batch)
{
    slu_error err = {0};
    uint8_t *seen = malloc(ROWS + 2);
    int32_t *buckets = malloc((size_t)batch->rows * sizeof *buckets);
    int32_t rows[10];
    fluss_target *target = open_table("once");
    (void)count_ids("once", seen, ROWS + 2);
    const slu_column ids = slu_batch_column(batch, 0);
    CHECK_OK(
        fluss_table_buckets(fluss_target_table(target), batch->schema, batch->array, batch->selection, batch->rows, buckets, &err));
    for (int32_t bucket = 0; bucket < BUCKETS && atomic_load(&intrusions) == 0; bucket++) {
        int64_t count = 0, writer_id;
        int32_t sequence;
        for (int64_t i = 0; i < batch->rows && count < 10; i++)
            if (buckets[i] == bucket && seen[slu_column_i64s(&ids)[slu_batch_row(batch, i)]] == 0)
                rows[count++] = (int32_t)slu_batch_row(batch, i);
        if (count == 0 || !last_batch(target, bucket, &writer_id, &sequence))
            continue;
        send_as(target, bucket, writer_id, sequence + 1, batch, rows, count);
        atomic_fetch_add(&intrusions, 1);
    }
    fluss_target_close(&target);
    free(buckets);
    free(seen);
}

static void
a_late_request_of_a_dead_worker_is_found(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    make_table("once", COLUMNS, "", "\"id\"");
    CHECK_OK(run_job("job: late\ncheckpoint: { interval: 20ms }\nrestart: { strategy: fixed-delay, attempts: 10, delay: 10ms }\n"
                     "params: { fluss.bootstrap.servers: }\noperators:\n"
                     "  - { id: in, use: fluss_source, with: { table: faces.transaction, stop: latest } }\n"
                     "  - { id: bad, use: stumble, from: in, with: { after: 6000, times: 1, intrude: true } }\n"
                     "  - { id: out, use: fluss_sink, from: bad, with: { table: faces.once, identity: [id], linger: 0ms } }\n",
                     &status, &err));
    assert_int_equal(atomic_load(&intrusions), 1);
    assert_true(status.restarts >= 2); /* one stumble, and one for the batch that was not ours */
    check_each_once("once", first_id, ROWS);
}

static void
upserts_converge(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    make_table("latest", COLUMNS, ",\"primary_key\":[\"id\"]", "\"id\"");
    CHECK_OK(run_job("job: upsert\nparallelism: 2\nparams: { fluss.bootstrap.servers: }\noperators:\n"
                     "  - { id: in, use: fluss_source, with: { table: faces.transaction, stop: latest } }\n"
                     "  - { id: out, use: fluss_sink, from: in, with: { table: faces.latest } }\n",
                     &status, &err));
    check_each_once("latest", first_id, ROWS);
}

static void
an_empty_table_ends(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    make_table("empty", COLUMNS, "", "\"id\"");
    CHECK_OK(run_job("job: nothing\nparallelism: 2\nparams: { fluss.bootstrap.servers: }\noperators:\n"
                     "  - { id: in, use: fluss_source, with: { table: faces.empty, stop: latest } }\n"
                     "  - { id: out, use: blackhole, from: in }\n",
                     &status, &err));
    assert_true(status.finished);
    check_each_once("empty", 0, 0);
}

static void
keys_are_looked_up(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    CHECK_OK(run_job("job: ask\nparams: { fluss.bootstrap.servers: }\noperators:\n"
                     "  - { id: in, use: fluss_source, with: { table: faces.transaction, stop: latest, columns: [id] } }\n"
                     "  - { id: ask, use: asker, from: in, with: { lookup: { use: fluss_lookup, table: faces.latest } } }\n"
                     "  - { id: out, use: blackhole, from: ask }\n",
                     &status, &err));
    assert_int_equal(atomic_load(&found_rows), ROWS);
    assert_int_equal(atomic_load(&missed_rows), ROWS);
    assert_int_equal(atomic_load(&wrong_rows), 0);
}

static void
check_refused(const char *text, const char *words, uint32_t line)
{
    slu_error err = {0};
    slu_local_status status;
    assert_true(run_job(text, &status, &err) < 0);
    CHECK_MESSAGE(err, words);
    if (err.line != line)
        fail_msg("line %u, not %u: %s", err.line, line, err.message);
}

static void
wrong_jobs_are_refused(void **state)
{
    (void)state;
    make_table("strict", COLUMNS, "", "\"id\"");
    check_refused("job: a\nparams: { fluss.bootstrap.servers: }\noperators:\n"
                  "  - id: in\n    use: fluss_source\n    with:\n      table: faces.transaction\n      columns: [id, amout]\n"
                  "  - { id: out, use: blackhole, from: in }\n",
                  "no column amout", 8);
    check_refused("job: a\nparams: { fluss.bootstrap.servers: }\noperators:\n"
                  "  - id: in\n    use: fluss_source\n    with: { table: transaction }\n"
                  "  - { id: out, use: blackhole, from: in }\n",
                  "database.table", 6);
    check_refused(
        "job: a\nparams: { fluss.bootstrap.servers: }\noperators:\n"
        "  - { id: rows, use: datagen, with: { kind: transactions, rows: 10 } }\n"
        "  - id: out\n    use: fluss_sink\n    from: rows\n    with:\n      table: faces.strict\n      columns: { id: amount }\n",
        "wants l", 10);
    check_refused("job: a\nparams: { fluss.bootstrap.servers: }\noperators:\n"
                  "  - { id: rows, use: datagen, with: { kind: transactions, rows: 10 } }\n"
                  "  - id: out\n    use: fluss_sink\n    from: rows\n    with:\n      table: faces.strict\n      columns: { "
                  "amount: amount }\n",
                  "NOT NULL", 9);
    check_refused("job: a\nparams: { fluss.bootstrap.servers: }\noperators:\n"
                  "  - { id: in, use: fluss_source, with: { table: faces.nowhere } }\n"
                  "  - { id: out, use: blackhole, from: in }\n",
                  "TABLE_NOT_EXIST", 4);
}

/* ---- Partitioned tables ---- */

#define PARTS_COLUMNS                                                                                                              \
    "{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false}},"                                                    \
    "{\"name\":\"amount\",\"data_type\":{\"type\":\"DECIMAL\",\"precision\":10,\"scale\":2}},"                                     \
    "{\"name\":\"name\",\"data_type\":{\"type\":\"STRING\",\"nullable\":false}}"
#define PARTS 5

static void
make_parts(const char *name, const char *keys)
{
    slu_error err = {0};
    slu_buf json;
    slu_buf_init(&json, 1 << 16);
    slu_buf_printf(&json,
                   "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" PARTS_COLUMNS "]%s},\"partition_key\":[\"name\"],"
                   "\"bucket_key\":[\"id\"],\"bucket_count\":4,\"properties\":{},\"custom_properties\":{}}",
                   keys);
    CHECK_OK(fluss_admin_create_database(client, "faces", true, &err));
    CHECK_OK(fluss_admin_drop_table(client, "faces", name, true, &err));
    CHECK_OK(fluss_admin_create_table(client, "faces", name, slu_buf_view(&json), false, &err));
    slu_buf_fini(&json);
}

/* Rows first .. first + count - 1, row i in partition `prefix`(i mod parts). */
static void
write_parts(fluss_client *by, const char *table, const char *prefix, int parts, int64_t first, int64_t count)
{
    slu_error err = {0};
    fluss_target *target = NULL;
    fluss_writer *writer = NULL;
    test_rows rows;
    int32_t *buckets = malloc((size_t)count * 4), *slots = malloc((size_t)count * 4), *selection = malloc((size_t)count * 4);
    CHECK_OK(fluss_target_open(by, "faces", table, &target, &err));
    CHECK_OK(fluss_target_wait(target, WAIT_MS, &err));
    CHECK_OK(fluss_writer_open(target, NULL, &writer, &err));
    while (fluss_writer_poll(writer, &err) == SLU_AGAIN)
        fluss_client_step(by, 20);
    test_rows_init(&rows, first, count);
    for (int64_t i = 0; i < count; i++)
        rows.offsets[i + 1] = rows.offsets[i] + sprintf(rows.names + rows.offsets[i], "%s%d", prefix, (int)((first + i) % parts));
    CHECK_OK(fluss_table_buckets(fluss_target_table(target), &rows.schema, &rows.array, NULL, count, buckets, &err));
    CHECK_OK(fluss_target_slots(target, &rows.schema, &rows.array, NULL, count, slots, &err));
    for (int32_t number = 0; number < fluss_target_bucket_numbers(target); number++) {
        int64_t selected = 0;
        for (int64_t i = 0; i < count; i++)
            if (slots[i] * BUCKETS + buckets[i] == number)
                selection[selected++] = (int32_t)i;
        CHECK_OK(fluss_writer_write(writer, number, &rows.schema, &rows.array, selection, selected, NULL, &err));
    }
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    fluss_writer_close(&writer);
    fluss_target_close(&target);
    test_rows_fini(&rows);
    free(buckets);
    free(slots);
    free(selection);
}

/* From a partitioned table into a partitioned table whose partitions the sink makes itself, also while it fails and comes again. */
static void
partitions_exactly_once_over_failures(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    make_parts("parts", "");
    make_parts("parts_once", "");
    write_parts(client, "parts", "p", PARTS, 0, ROWS);
    atomic_store(&stumbles, 0);
    CHECK_OK(run_job(
        "job: once\nparallelism: 2\ncheckpoint: { interval: 20ms }\nrestart: { strategy: fixed-delay, attempts: 10, delay: 10ms }\n"
        "params: { fluss.bootstrap.servers: }\noperators:\n"
        "  - { id: in, use: fluss_source, with: { table: faces.parts, stop: latest } }\n"
        "  - { id: bad, use: stumble, from: in, with: { after: 6000, times: 3 } }\n"
        "  - { id: out, use: fluss_sink, from: bad, with: { table: faces.parts_once, identity: [id] } }\n",
        &status, &err));
    assert_true(status.restarts >= 1 && atomic_load(&stumbles) >= 1);
    check_each_once("parts_once", 0, ROWS);
}

static void
partitions_are_upserted_and_looked_up(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    make_parts("parts_latest", ",\"primary_key\":[\"id\",\"name\"]");
    CHECK_OK(run_job("job: upsert\nparallelism: 2\nparams: { fluss.bootstrap.servers: }\noperators:\n"
                     "  - { id: in, use: fluss_source, with: { table: faces.parts, stop: latest } }\n"
                     "  - { id: out, use: fluss_sink, from: in, with: { table: faces.parts_latest } }\n",
                     &status, &err));
    check_each_once("parts_latest", 0, ROWS);
}

/* While the job runs: a new partition, then another; and one is dropped. */
static void *
change_partitions(void *unused)
{
    (void)unused;
    static const char *const keys[] = {"name"}, *const values[] = {"p1"};
    slu_error err = {0};
    fluss_client *own = NULL;
    CHECK_OK(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = bootstrap}, &own, &err));
    for (int i = 0; i < 1000 && atomic_load(&passed) < ROWS; i++)
        (void)usleep(10000);
    write_parts(own, "parts", "n", 1, ROWS, 1000);
    CHECK_OK(fluss_admin_drop_partition(own, "faces", "parts", &(fluss_spec){keys, values, 1}, false, &err));
    (void)usleep(200000);
    write_parts(own, "parts", "m", 2, ROWS + 1000, 1000);
    fluss_client_close(&own);
    return NULL;
}

static void
new_partitions_are_found(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    pthread_t thread;
    atomic_store(&passed, 0);
    assert_int_equal(pthread_create(&thread, NULL, change_partitions, NULL), 0);
    /* The job never ends; the operator gives up once it has seen every row of the old and the new partitions. */
    assert_int_not_equal(run_job("job: follow\ncheckpoint: { interval: 50ms }\nrestart: { strategy: none }\n"
                                 "params: { fluss.bootstrap.servers: }\noperators:\n"
                                 "  - { id: in, use: fluss_source, parallelism: 3,\n"
                                 "      with: { table: faces.parts, scan.partition.discovery.interval: 50ms } }\n"
                                 "  - { id: bad, use: stumble, from: in, parallelism: 1, with: { after: 21999, times: 1 } }\n"
                                 "  - { id: out, use: blackhole, from: bad }\n",
                                 &status, &err),
                         SLU_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (strstr(err.message, "stumbled on purpose after 22000 rows") == NULL)
        fail_msg("%s", err.message);
}

/* ---- Rows of primary-key tables as snapshot and changelog ---- */

/* Until the newest snapshots of the first partition have `rows` changes. */
static void
await_snapshots(const char *table, int64_t rows)
{
    slu_error err = {0};
    fluss_target *target = open_table(table);
    fluss_snapshot_at at[BUCKETS];
    int64_t there = 0;
    slots_wait(target);
    for (int i = 0; i < 400 && there < rows; i++) {
        CHECK_OK(fluss_snapshots_list(target, 0, at, &err));
        there = 0;
        for (int b = 0; b < BUCKETS; b++)
            there += at[b].snapshot_id == FLUSS_NO_SNAPSHOT ? 0 : at[b].log_offset;
        fluss_client_step(client, 50);
    }
    assert_int_equal(there, rows);
    fluss_target_close(&target);
}

#define FULL_ROWS 80000
#define FULL_CHANGES 500

static void
a_snapshot_is_read_exactly_once_over_failures(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    make_parts("full", ",\"primary_key\":[\"id\",\"name\"]");
    make_table("full_copy", COLUMNS, "", "\"id\"");
    write_parts(client, "full", "p", 1, 0, FULL_ROWS);
    await_snapshots("full", FULL_ROWS);
    write_parts(client, "full", "p", 1, FULL_ROWS, FULL_CHANGES);
    atomic_store(&stumbles, 0);
    CHECK_OK(run_job(
        "job: full\nparallelism: 2\ncheckpoint: { interval: 10ms }\nrestart: { strategy: fixed-delay, attempts: 10, delay: 10ms }\n"
        "params: { fluss.bootstrap.servers: }\noperators:\n"
        "  - { id: in, use: fluss_source, with: { table: faces.full, stop: latest, buffer: 64kib, columns: [amount, id] } }\n"
        "  - { id: bad, use: stumble, from: in, with: { after: 9000, times: 3, pause: 2 } }\n"
        "  - { id: out, use: fluss_sink, from: bad, with: { table: faces.full_copy, columns: { id: id, amount: amount },\n"
        "      identity: [id] } }\n",
        &status, &err));
    assert_true(status.restarts >= 1);
    check_each_once("full_copy", 0, FULL_ROWS + FULL_CHANGES);
}

/* A partition whose rows are written twice, and are in a snapshot when the source looks for it. */
static void *
make_partition(void *unused)
{
    (void)unused;
    slu_error err = {0};
    fluss_client *own = NULL;
    CHECK_OK(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = bootstrap}, &own, &err));
    for (int i = 0; i < 1000 && atomic_load(&passed) < 1000; i++)
        (void)usleep(10000);
    write_parts(own, "found", "n", 1, 1000, 2000);
    write_parts(own, "found", "n", 1, 1000, 2000);
    fluss_client_close(&own);
    return NULL;
}

static void
a_new_partition_begins_with_its_snapshot(void **state)
{
    (void)state;
    slu_error err = {0};
    slu_local_status status;
    pthread_t thread;
    make_parts("found", ",\"primary_key\":[\"id\",\"name\"]");
    write_parts(client, "found", "p", 1, 0, 1000);
    atomic_store(&passed, 0);
    assert_int_equal(pthread_create(&thread, NULL, make_partition, NULL), 0);
    assert_int_not_equal(run_job("job: follow\ncheckpoint: { interval: 50ms }\nrestart: { strategy: none }\n"
                                 "params: { fluss.bootstrap.servers: }\noperators:\n"
                                 "  - { id: in, use: fluss_source, parallelism: 2,\n"
                                 "      with: { table: faces.found, scan.partition.discovery.interval: 4s } }\n"
                                 "  - { id: bad, use: stumble, from: in, parallelism: 1, with: { after: 2999, times: 1 } }\n"
                                 "  - { id: out, use: blackhole, from: bad }\n",
                                 &status, &err),
                         SLU_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (strstr(err.message, "stumbled on purpose after 3000 rows") == NULL) /* its changelog has 6000 */
        fail_msg("%s", err.message);
}

static int
start(void **state)
{
    slu_error err = {0};
    (void)state;
    slu_env_init_system(&env, getenv("SLUICE_TEST_LOG") != NULL ? SLU_LOG_DEBUG : SLU_LOG_ERROR);
    bootstrap = test_server_start(&env);
    (void)snprintf(checkpoints, sizeof checkpoints, "/tmp/sluice-faces-%d", (int)getpid());
    CHECK_OK(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = bootstrap}, &client, &err));
    return 0;
}

static int
stop(void **state)
{
    slu_error err = {0};
    (void)state;
    fluss_client_close(&client);
    test_server_stop();
    CHECK_OK(slu_dir_remove(checkpoints, &err));
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_written),
        cmocka_unit_test(rows_are_copied_by_bucket),
        cmocka_unit_test(nested_columns_are_copied),
        cmocka_unit_test(exactly_once_over_failures),
        cmocka_unit_test(exactly_once_without_a_bucket_key),
        cmocka_unit_test(a_late_request_of_a_dead_worker_is_found),
        cmocka_unit_test(upserts_converge),
        cmocka_unit_test(keys_are_looked_up),
        cmocka_unit_test(an_empty_table_ends),
        cmocka_unit_test(wrong_jobs_are_refused),
        cmocka_unit_test(partitions_exactly_once_over_failures),
        cmocka_unit_test(partitions_are_upserted_and_looked_up),
        cmocka_unit_test(new_partitions_are_found),
        cmocka_unit_test(a_snapshot_is_read_exactly_once_over_failures),
        cmocka_unit_test(a_new_partition_begins_with_its_snapshot),
    };
    return cmocka_run_group_tests_name("fluss.faces", tests, start, stop);
}
