/*
 * tiering_model.h: lake tables that change at random beside a model of what they hold, and the lake compared with the model.
 */
#ifndef SLUICE_TESTS_TIERING_MODEL_H
#define SLUICE_TESTS_TIERING_MODEL_H

#include "integration/tiering_pipeline.h"

#include "iceberg/lake_read.h"

#define BUCKETS 3
#define IDS 600
#define DAYS 3

/* What the table holds. */
typedef struct model {
    const char *table;
    const char *custom; /* properties; NULL: none */
    bool keyed;
    bool partitioned;
    uint64_t random;
    int64_t clock;
    int64_t version[IDS]; /* 0: not there */
    int64_t next_id;      /* of a log table */
} model;

static uint64_t
random_next(model *m)
{
    m->random = m->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return m->random >> 33;
}

/* ---- tables ---- */

static void
table_create(model *m, const char *properties)
{
    char json[2000];
    (void)snprintf(json, sizeof json,
                   "{\"version\":1,\"schema\":{\"version\":1,\"columns\":["
                   "{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false},\"id\":0},"
                   "{\"name\":\"version\",\"data_type\":{\"type\":\"BIGINT\"},\"id\":1},"
                   "{\"name\":\"day\",\"data_type\":{\"type\":\"STRING\",\"nullable\":false},\"id\":2}],%s\"highest_field_id\":2},"
                   "\"partition_key\":[%s],\"bucket_key\":[\"id\"],\"bucket_count\":3,\"properties\":{"
                   "\"table.datalake.enabled\":\"true\",\"table.datalake.freshness\":\"50ms\"%s},\"custom_properties\":{%s}}",
                   !m->keyed        ? ""
                   : m->partitioned ? "\"primary_key\":[\"id\",\"day\"],"
                                    : "\"primary_key\":[\"id\"],",
                   m->partitioned ? "\"day\"" : "", properties, m->custom == NULL ? "" : m->custom);
    CHECK_OK(fluss_admin_create_database(client, "lake_test", true, &err));
    CHECK_OK(fluss_admin_create_table(client, "lake_test", m->table, slu_view_of_text(json), false, &err));
}

typedef struct change_rows {
    int64_t ids[IDS];
    int64_t versions[IDS];
    int32_t offsets[IDS + 1];
    char days[IDS * 2];
    uint8_t kinds[IDS];
    int32_t buckets[IDS];
    int32_t slots[IDS];
    int32_t selection[IDS];
} change_rows;

static void
change_fill(model *m, change_rows *rows, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t id = m->keyed ? (int64_t)(random_next(m) % IDS) : m->next_id++;
        const bool gone = m->keyed && m->version[id] != 0 && random_next(m) % 4 == 0;
        rows->ids[i] = id;
        rows->versions[i] = ++m->clock;
        rows->kinds[i] = gone ? SLU_ROW_DELETE : m->keyed ? SLU_ROW_UPDATE_AFTER : SLU_ROW_APPEND;
        rows->offsets[i] = (int32_t)i * 2;
        rows->days[i * 2] = 'd';
        rows->days[i * 2 + 1] = (char)('0' + id % DAYS);
        m->version[id] = gone ? 0 : rows->versions[i];
    }
    rows->offsets[count] = (int32_t)count * 2;
}

static void
change_write(fluss_target *target, fluss_writer *writer, change_rows *rows, int64_t count)
{
    const void *buffers[3][3] = {{NULL, rows->ids}, {NULL, rows->versions}, {NULL, rows->offsets, rows->days}};
    struct ArrowSchema columns[3] = {{.format = "l", .name = "id"},
                                     {.format = "l", .name = "version", .flags = ARROW_FLAG_NULLABLE},
                                     {.format = "u", .name = "day"}};
    struct ArrowSchema *schemas[3] = {&columns[0], &columns[1], &columns[2]};
    const struct ArrowSchema schema = {.format = "+s", .name = "", .n_children = 3, .children = schemas};
    struct ArrowArray arrays[3];
    struct ArrowArray *children[3] = {&arrays[0], &arrays[1], &arrays[2]};
    const void *top[1] = {NULL};
    const struct ArrowArray array = {.length = count, .n_buffers = 1, .buffers = top, .n_children = 3, .children = children};
    for (int i = 0; i < 3; i++)
        arrays[i] = (struct ArrowArray){.length = count, .n_buffers = i == 2 ? 3 : 2, .buffers = buffers[i]};
    CHECK_OK(fluss_table_buckets(fluss_target_table(target), &schema, &array, NULL, count, rows->buckets, &err));
    CHECK_OK(fluss_target_slots(target, &schema, &array, NULL, count, rows->slots, &err));
    for (int32_t number = 0; number < fluss_target_bucket_numbers(target); number++) {
        int64_t selected = 0;
        for (int64_t i = 0; i < count; i++)
            if (rows->slots[i] * BUCKETS + rows->buckets[i] == number)
                rows->selection[selected++] = (int32_t)i;
        slu_status status = SLU_AGAIN;
        for (int i = 0; selected != 0 && status == SLU_AGAIN && i < 5000; i++) {
            status = fluss_writer_write(writer, number, &schema, &array, rows->selection, selected,
                                        rows->kinds[0] == SLU_ROW_APPEND ? NULL : rows->kinds, &err);
            fluss_client_step(client, 1);
        }
        assert_true(status == SLU_OK || selected == 0);
    }
}

/* `count` (at most IDS) random changes, as one batch per bucket. */
static void
table_change(model *m, int64_t count)
{
    fluss_target *target = NULL;
    fluss_writer *writer = NULL;
    change_rows *rows = calloc(1, sizeof *rows);
    CHECK_OK(fluss_target_open(client, "lake_test", m->table, &target, &err));
    CHECK_OK(fluss_target_wait(target, WAIT_MS, &err));
    CHECK_OK(fluss_writer_open(target, &(fluss_writer_options){0}, &writer, &err));
    change_fill(m, rows, count);
    change_write(target, writer, rows, count);
    CHECK_OK(fluss_writer_wait(writer, WAIT_MS, &err));
    fluss_writer_close(&writer);
    fluss_target_close(&target);
    free(rows);
}

/* ---- the lake ---- */

typedef struct lake_rows {
    int64_t rows;
    int64_t wrong; /* not the model's, or twice */
    int64_t missing;
    int64_t snapshots;
    int64_t data_files;
    int64_t delete_files;
    bool from_kv; /* a row of a kv snapshot is among them */
} lake_rows;

static void
lake_batch(const struct ArrowSchema *schema, const struct ArrowArray *batch, const model *m, uint8_t *seen, lake_rows *out)
{
    const slu_column id = slu_column_child(schema, batch, 0), version = slu_column_child(schema, batch, 1),
                     day = slu_column_child(schema, batch, 2), bucket = slu_column_child(schema, batch, 3),
                     offset = slu_column_child(schema, batch, 4);
    for (int64_t i = 0; i < batch->length; i++) {
        const int64_t number = slu_column_i64s(&id)[i];
        int32_t bytes = 0;
        const uint8_t *text = slu_column_bytes(&day, i, &bytes);
        const bool fits = number >= 0 && number < IDS && m->version[number] == slu_column_i64s(&version)[i] && !seen[number] &&
                          bytes == 2 && text[1] == '0' + number % DAYS && slu_column_i32s(&bucket)[i] < BUCKETS;
        out->wrong += !fits;
        out->from_kv |= slu_column_i64s(&offset)[i] == -1;
        if (fits)
            seen[number] = 1;
    }
    out->rows += batch->length;
}

static void
lake_look(const model *m, lake_rows *out)
{
    iceberg_store store = {0};
    iceberg_catalog catalog = {0};
    iceberg_table table = {0};
    iceberg_read *read = NULL;
    iceberg_scan scan = {0};
    struct ArrowArray batch;
    uint8_t seen[IDS] = {0};
    const iceberg_read_options options = {0};
    const iceberg_scan_options with_deletes = {.deletes = true};
    memset(out, 0, sizeof *out);
    CHECK_OK(iceberg_store_local_open(false, &store, &err));
    CHECK_OK(iceberg_catalog_files_open(&env, warehouse, &store, &catalog, &err));
    CHECK_OK(iceberg_catalog_load(&catalog, "lake_test", m->table, &table, &err));
    out->snapshots = table.metadata->snapshot_count;
    const iceberg_store *files = iceberg_catalog_store(&catalog, &table);
    CHECK_OK(iceberg_scan_plan(files, table.metadata, iceberg_metadata_snapshot(table.metadata), &with_deletes, &scan, &err));
    out->data_files = (int64_t)scan.count;
    out->delete_files = (int64_t)scan.delete_count;
    CHECK_OK(iceberg_read_open(files, table.metadata, &options, &read, &err));
    while (iceberg_read_next(read, &batch, &err) == SLU_OK) {
        lake_batch(iceberg_read_schema(read), &batch, m, seen, out);
        slu_array_release(&batch);
    }
    for (int i = 0; i < IDS; i++)
        out->missing += m->version[i] != 0 && !seen[i];
    iceberg_read_free(&read);
    iceberg_scan_fini(&scan);
    iceberg_table_fini(&table);
    iceberg_catalog_close(&catalog);
}

static bool
lake_same(const lake_rows *lake)
{
    return lake->wrong == 0 && lake->missing == 0;
}

/* For an independent reader that looks at a kept directory. */
static void
model_write(const model *m)
{
    char path[400];
    (void)snprintf(path, sizeof path, "%s/expected.%s", dir, m->table);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < IDS; i++)
        if (m->version[i] != 0)
            (void)fprintf(file, "%d %lld d%d\n", i, (long long)m->version[i], i % DAYS);
    assert_int_equal(fclose(file), 0);
}

/* Until the lake holds what the table holds; then for as long again, in which it must stay so. */
static void
run_until_same(pipeline *p, const model *m, lake_rows *lake)
{
    const int64_t end = slu_now_ms(&env) + WAIT_MS;
    int stays = 0;
    for (int i = 0; stays < 5; i++) {
        pipeline_step(p);
        if (i % 50 != 0)
            continue;
        lake_look(m, lake);
        assert_true(stays == 0 || lake_same(lake));
        stays += lake_same(lake);
        if (slu_now_ms(&env) > end)
            fail_msg("%s: %lld rows in the lake, %lld of them wrong, %lld missing; source: %s; writer: %s; committer: %s", m->table,
                     (long long)lake->rows, (long long)lake->wrong, (long long)lake->missing, p->source.last, p->writer.last,
                     p->committer.last);
    }
    if (getenv("SLUICE_TEST_DIR") != NULL)
        model_write(m);
}

#endif
