/*
 * Two committers, a compactor and an expirer on one table, through a store that fails: requests and answers are lost, uploads are cut,
 * the catalog says 503. At the end every row is there once, the table is sound, and `orphans` finds whatever was left behind.
 *
 * SLUICE_RACE_SECONDS: how long (30); SLUICE_RACE_SEED: which faults (told when it fails).
 */
#include "base/file.h"
#include "iceberg/commit.h"
#include "iceberg/data_writer.h"
#include "iceberg/fluss_spec.h"
#include "iceberg/lake_read.h"
#include "iceberg_care/compact.h"
#include "iceberg_care/expire.h"
#include "iceberg_care/orphans.h"
#include "iceberg_care/verify.h"
#include "support/arrays.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define WRITERS 2
#define FILE_ROWS 20
#define FAULT_PER_MILLE 2 /* of calls to the store */
#define PATIENCE 1000     /* tries of a call that only asks */

static char folder[64];
static slu_env env;
static atomic_bool stop;
static uint64_t seed;

/* ---- a store that fails ---- */

typedef struct faulty {
    iceberg_store real;
    uint64_t random;
    bool calm;
    int64_t faults;
} faulty;

static uint64_t
random_next(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static bool
fails(faulty *self)
{
    if (self->calm || random_next(&self->random) % 1000 >= FAULT_PER_MILLE)
        return false;
    self->faults++;
    return true;
}

static slu_status
fault(slu_error *err, const char *what, const char *location)
{
    return slu_error_set(err, SLU_IO, "%s %s: 503 slow down", what, location);
}

static slu_status
faulty_get(void *self, const char *location, size_t bytes_max, slu_buf *out, slu_error *err)
{
    faulty *at = self;
    return fails(at) ? fault(err, "get", location) : at->real.ops->get(at->real.self, location, bytes_max, out, err);
}

static slu_status
faulty_read(void *self, const char *location, int64_t offset, void *out, size_t bytes, slu_error *err)
{
    faulty *at = self;
    return fails(at) ? fault(err, "read", location) : at->real.ops->read(at->real.self, location, offset, out, bytes, err);
}

static slu_status
faulty_size(void *self, const char *location, int64_t *out, slu_error *err)
{
    faulty *at = self;
    return fails(at) ? fault(err, "size", location) : at->real.ops->size(at->real.self, location, out, err);
}

/* The request is lost, or the answer is. */
static slu_status
faulty_put(void *self, const char *location, slu_view data, bool exclusive, slu_error *err)
{
    faulty *at = self;
    if (fails(at))
        return fault(err, "put", location);
    SLU_TRY(at->real.ops->put(at->real.self, location, data, exclusive, err));
    return fails(at) ? fault(err, "answer to put", location) : SLU_OK;
}

static slu_status
faulty_remove(void *self, const char *location, slu_error *err)
{
    faulty *at = self;
    return fails(at) ? fault(err, "remove", location) : at->real.ops->remove(at->real.self, location, err);
}

static slu_status
faulty_list(void *self, const char *location, iceberg_found found, void *to, slu_error *err)
{
    faulty *at = self;
    return at->real.ops->list(at->real.self, location, found, to, err);
}

static slu_status
faulty_create(void *self, const char *location, void **out_file, slu_error *err)
{
    faulty *at = self;
    return fails(at) ? fault(err, "create", location) : at->real.ops->create(at->real.self, location, out_file, err);
}

static slu_status
faulty_append(void *self, void *file, const void *data, size_t bytes, slu_error *err)
{
    faulty *at = self;
    if (!fails(at))
        return at->real.ops->append(at->real.self, file, data, bytes, err);
    SLU_TRY(at->real.ops->append(at->real.self, file, data, bytes / 2, err));
    return fault(err, "upload", "cut in the middle");
}

static slu_status
faulty_finish(void *self, void **file, bool keep, slu_error *err)
{
    faulty *at = self;
    SLU_TRY(at->real.ops->finish(at->real.self, file, keep, err));
    return keep && fails(at) ? fault(err, "answer to", "the end of an upload") : SLU_OK;
}

static void
faulty_close(void *self)
{
    faulty *at = self;
    iceberg_store_close(&at->real);
}

static const iceberg_store_ops FAULTY = {.get = faulty_get,
                                         .read = faulty_read,
                                         .size = faulty_size,
                                         .put = faulty_put,
                                         .remove = faulty_remove,
                                         .list = faulty_list,
                                         .create = faulty_create,
                                         .append = faulty_append,
                                         .finish = faulty_finish,
                                         .close = faulty_close};

/* ---- an actor: a catalog of its own over such a store ---- */

typedef struct actor {
    pthread_t thread;
    int number;
    faulty store;
    iceberg_catalog catalog;
    iceberg_table table;
    slu_arena arena;
    int64_t done;                            /* commits, compactions, expiries */
    int64_t failed;                          /* given up, to be tried again */
    char last[SLU_ERROR_MESSAGE_BYTES + 32]; /* why it gave up last */
    int64_t unknown;                         /* answers that were lost and looked up */
    int64_t next_row;                        /* a writer's rows 0 .. next_row - 1 are in the table */
} actor;

static void
actor_open(actor *self, int number, bool calm)
{
    slu_error err = {0};
    memset(self, 0, sizeof *self);
    self->number = number;
    self->store = (faulty){.random = seed * 100 + (uint64_t)number, .calm = calm};
    iceberg_store wrapped = {&FAULTY, &self->store};
    CHECK_OK(iceberg_store_local_open(false, &self->store.real, &err));
    CHECK_OK(iceberg_catalog_files_open(&env, folder, &wrapped, &self->catalog, &err));
    slu_arena_init(&self->arena, (size_t)256 << 20);
}

static void
actor_close(actor *self)
{
    iceberg_table_fini(&self->table);
    iceberg_catalog_close(&self->catalog);
    slu_arena_fini(&self->arena);
}

/* Until it can be loaded. */
static void
actor_load(actor *self)
{
    slu_error err = {0};
    iceberg_table_fini(&self->table);
    for (int i = 0; i < PATIENCE; i++)
        if (iceberg_catalog_load(&self->catalog, "db", "t", &self->table, &err) == SLU_OK)
            return;
    print_error("load: %s\n", err.message);
    abort();
}

static void
actor_gave_up(actor *self, slu_status status, const slu_error *err)
{
    if (status == SLU_OK)
        return;
    self->failed++;
    (void)snprintf(self->last, sizeof self->last, "%s: %s", slu_status_name(status), err->message);
}

/* ---- writers ---- */

/* Rows next_row .. of this writer, in the bucket of its number. */
static slu_status
file_write(actor *self, iceberg_data_file *out, slu_error *err)
{
    SLU_AUTO(iceberg_data_writer_free) iceberg_data_writer *writer = NULL;
    int64_t offsets[FILE_ROWS];
    int32_t buckets[FILE_ROWS];
    int64_t keys[FILE_ROWS];
    struct ArrowSchema schema;
    struct ArrowArray array;
    iceberg_scalar room;
    const iceberg_value tuple[] = {iceberg_value_of_i32(self->number, &room)};
    for (int64_t i = 0; i < FILE_ROWS; i++) {
        offsets[i] = self->next_row + i;
        buckets[i] = self->number;
        keys[i] = offsets[i] * WRITERS + self->number;
    }
    const test_column columns[] = {{"key", "l", keys, NULL, NULL},
                                   {"__bucket", "i", buckets, NULL, NULL},
                                   {"__offset", "l", offsets, NULL, NULL},
                                   {"__timestamp", "tsm:UTC", offsets, NULL, NULL}};
    SLU_TRY(slu_schema_init_struct(&schema));
    for (size_t i = 0; i < 4; i++)
        SLU_TRY(slu_schema_add(&schema, columns[i].format, columns[i].name, i == 0));
    test_array_make(&array, columns, 4, FILE_ROWS);
    const iceberg_data_writer_options options = {.env = &env,
                                                 .store = iceberg_catalog_store(&self->catalog, &self->table),
                                                 .metadata = self->table.metadata,
                                                 .partition = tuple,
                                                 .input = &schema,
                                                 .sorted = true};
    slu_status status = iceberg_data_writer_open(&options, &writer, err);
    if (status == SLU_OK)
        status = iceberg_data_writer_append(writer, &array, NULL, FILE_ROWS, err);
    if (status == SLU_OK)
        status = iceberg_data_writer_finish(writer, &self->arena, out, err);
    slu_array_release(&array);
    slu_schema_release(&schema);
    return status;
}

/* How many rows of a bucket there are: the truth after an answer was lost. */
static slu_status
rows_count(actor *self, int64_t *out, slu_error *err)
{
    SLU_AUTO(iceberg_scan_fini) iceberg_scan scan = {0};
    int64_t rows = 0;
    SLU_TRY(iceberg_scan_plan(iceberg_catalog_store(&self->catalog, &self->table), self->table.metadata,
                              iceberg_metadata_snapshot(self->table.metadata), NULL, &scan, err));
    for (size_t i = 0; i < scan.count; i++) {
        int64_t bucket = -1;
        const iceberg_type number = {.kind = ICEBERG_INT};
        (void)iceberg_value_i64(&number, scan.files[i].file.partition[0].bytes, &bucket);
        rows += bucket == self->number ? scan.files[i].file.record_count : 0;
    }
    *out = rows;
    return SLU_OK;
}

static void
rows_look_up(actor *self)
{
    slu_error err = {0};
    for (int i = 0; i < PATIENCE; i++) {
        actor_load(self);
        if (rows_count(self, &self->next_row, &err) == SLU_OK)
            return;
    }
    print_error("count: %s\n", err.message);
    abort();
}

static void *
writer_run(void *context)
{
    actor *self = context;
    while (!atomic_load(&stop)) {
        slu_error err = {0};
        iceberg_data_file file;
        slu_arena_reset(&self->arena);
        actor_load(self);
        slu_status status = file_write(self, &file, &err);
        const bool written = status == SLU_OK;
        const iceberg_append append = {.files = &file, .file_count = 1};
        if (written)
            status = iceberg_table_append(&self->catalog, &self->table, &append, NULL, &err);
        if (status == SLU_OK) {
            self->next_row += FILE_ROWS;
            self->done++;
            (void)usleep(20000);
            continue;
        }
        actor_gave_up(self, status, &err);
        if (written && err.code == ICEBERG_COMMIT_UNKNOWN) {
            self->unknown++;
            rows_look_up(self);
        }
    }
    return NULL;
}

/* ---- maintenance ---- */

static void *
compactor_run(void *context)
{
    actor *self = context;
    while (!atomic_load(&stop)) {
        slu_error err = {0};
        iceberg_compacted out;
        const iceberg_compact_options options = {.files_min = 4};
        actor_load(self);
        const slu_status status = iceberg_compact(&self->catalog, &self->table, &options, &out, &err);
        self->done += status == SLU_OK && out.snapshot_id != -1;
        actor_gave_up(self, status, &err);
        (void)usleep(20000);
    }
    return NULL;
}

static void *
expirer_run(void *context)
{
    actor *self = context;
    while (!atomic_load(&stop)) {
        slu_error err = {0};
        iceberg_expired out;
        const iceberg_expire_options options = {.age_ms = 200, .keep_last = 2};
        actor_load(self);
        const slu_status status = iceberg_expire(&self->catalog, &self->table, &options, &out, &err);
        self->done += status == SLU_OK && out.snapshots != 0;
        actor_gave_up(self, status, &err);
        (void)usleep(100000);
    }
    return NULL;
}

/* ---- the end ---- */

static slu_status
finding_print(void *to, const iceberg_finding *finding, slu_error *err)
{
    if (finding->wrong)
        print_message("%s: %s: %s\n", finding->code, finding->where, finding->text);
    return SLU_OK;
}

/* Every row of both writers once: the keys 0 .. n - 1 of each. */
static void
rows_check(actor *self, const actor *writers)
{
    slu_error err = {0};
    iceberg_read *read = NULL;
    struct ArrowArray batch;
    int64_t total = 0;
    uint8_t *seen[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        seen[i] = calloc((size_t)writers[i].next_row + 1, 1);
    CHECK_OK(iceberg_read_open(iceberg_catalog_store(&self->catalog, &self->table), self->table.metadata,
                               &(iceberg_read_options){0}, &read, &err));
    for (;;) {
        const slu_status status = iceberg_read_next(read, &batch, &err);
        if (status == SLU_END)
            break;
        CHECK_OK(status);
        const slu_column keys = slu_column_child(iceberg_read_schema(read), &batch, 0);
        for (int64_t row = 0; row < batch.length; row++, total++) {
            const int64_t key = slu_column_i64s(&keys)[row];
            assert_true(key / WRITERS < writers[key % WRITERS].next_row);
            assert_int_equal(seen[key % WRITERS][key / WRITERS]++, 0);
        }
        slu_array_release(&batch);
    }
    iceberg_read_free(&read);
    for (int i = 0; i < WRITERS; i++) {
        total -= writers[i].next_row;
        free(seen[i]);
    }
    assert_int_equal(total, 0);
}

static slu_status
listed_count(void *to, const iceberg_listed *listed, slu_error *err)
{
    ++*(int64_t *)to;
    return SLU_OK;
}

static void
table_check(const actor *writers)
{
    slu_error err = {0};
    actor judge;
    iceberg_verified verified;
    iceberg_orphans orphans;
    int64_t lying = 0;
    const iceberg_verify_options verify = {.found = finding_print};
    const iceberg_orphans_options all = {.age_ms = -1};
    actor_open(&judge, 99, true);
    actor_load(&judge);
    const iceberg_store *store = iceberg_catalog_store(&judge.catalog, &judge.table);
    rows_check(&judge, writers);
    CHECK_OK(iceberg_orphans_remove(&judge.catalog, &judge.table, &all, &orphans, &err));
    CHECK_OK(iceberg_verify(store, &judge.table, &verify, &verified, &err));
    assert_int_equal(verified.wrong, 0);
    assert_int_equal(orphans.failed, 0);
    CHECK_OK(store->ops->list(store->self, judge.table.metadata->location, listed_count, &lying, &err));
    assert_int_equal(lying, orphans.reached + orphans.others); /* nothing else is left */
    rows_check(&judge, writers);
    print_message("%lld rows, %lld orphans of %lld files\n", (long long)(writers[0].next_row + writers[1].next_row),
                  (long long)orphans.orphans, (long long)orphans.listed);
    actor_close(&judge);
}

static void
table_make(void)
{
    slu_error err = {0};
    slu_arena arena;
    actor maker;
    struct ArrowSchema columns;
    iceberg_create create;
    const iceberg_property properties[] = {{"iceberg.commit.retry.min-wait-ms", "5"}, {"iceberg.commit.retry.num-retries", "8"}};
    slu_arena_init(&arena, 1 << 20);
    CHECK_OK(slu_schema_init_struct(&columns));
    CHECK_OK(slu_schema_add(&columns, "l", "key", true));
    const iceberg_fluss_table wanted = {.columns = &columns, .bucket_count = 2, .properties = properties, .property_count = 2};
    CHECK_OK(iceberg_fluss_table_spec(&wanted, &arena, &create, &err));
    actor_open(&maker, 98, true);
    CHECK_OK(iceberg_catalog_create(&maker.catalog, "db", "t", &create, &maker.table, &err));
    actor_close(&maker);
    slu_schema_release(&columns);
    slu_arena_fini(&arena);
}

static void
everybody_at_once(void **state)
{
    static void *(*const RUNS[])(void *) = {writer_run, writer_run, compactor_run, expirer_run};
    const char *seconds = getenv("SLUICE_RACE_SECONDS");
    actor actors[4];
    table_make();
    for (int i = 0; i < 4; i++)
        actor_open(&actors[i], i, false);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&actors[i].thread, NULL, RUNS[i], &actors[i]), 0);
    (void)sleep(seconds == NULL ? 30 : (unsigned)atoi(seconds));
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(actors[i].thread, NULL), 0);
    for (int i = 0; i < 4; i++)
        print_message("actor %d: %lld done, %lld failed, %lld unknown, %lld faults; %s\n", i, (long long)actors[i].done,
                      (long long)actors[i].failed, (long long)actors[i].unknown, (long long)actors[i].store.faults, actors[i].last);
    table_check(actors);
    assert_true(actors[0].done > 0 && actors[1].done > 0);
    assert_true(actors[2].done + actors[3].done > 0); /* with so many faults one of them may have had none that was whole */
    for (int i = 0; i < 4; i++)
        actor_close(&actors[i]);
}

static int
set_up(void **state)
{
    const char *given = getenv("SLUICE_RACE_SEED");
    slu_env_init_system(&env, SLU_LOG_ERROR);
    seed = given == NULL ? env.random(&env) % 1000000 : (uint64_t)atoll(given);
    print_message("SLUICE_RACE_SEED=%llu\n", (unsigned long long)seed);
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-race-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
    slu_error err = {0};
    return slu_dir_remove(folder, &err) == SLU_OK ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(everybody_at_once, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
