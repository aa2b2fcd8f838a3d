/* Which tables may be made, what is filled in, durations, lake offsets, and a disk that is full. */
#include "support/check.h"

#include "base/file.h"
#include "batches.h"
#include "fluss/record/row.h"
#include "fluss/server/lake/offsets.h"
#include "fluss/log/log.h"
#include "fluss/server/tables/table_rules.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

static slu_arena arena;

/* Columns, keys and the rest of a descriptor as JSON members. */
static slu_status
try_table(const char *columns, const char *rest, const char *lake, fluss_descriptor *out, slu_error *err)
{
    char json[4000];
    const fluss_rules rules = {.default_buckets = 3, .datalake_format = lake};
    (void)snprintf(json, sizeof json, "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[%s]%s}", columns, rest);
    CHECK_STATUS(fluss_descriptor_decode(slu_view_of_text(json), &arena, out, err), SLU_OK);
    fluss_schema_normalize(&out->schema);
    return fluss_rules_new_table(&rules, out, &arena, err);
}

#define COLUMNS                                                                                                                    \
    "{\"name\":\"a\",\"data_type\":{\"type\":\"INTEGER\"}},{\"name\":\"b\",\"data_type\":{\"type\":\"STRING\"}},"                  \
    "{\"name\":\"c\",\"data_type\":{\"type\":\"ARRAY\",\"element_type\":{\"type\":\"INTEGER\"}}}"
#define PLAIN ",\"custom_properties\":{}"

static void
defaults_are_filled_in(void **state)
{
    (void)state;
    slu_error err;
    fluss_descriptor d;
    slu_arena_init(&arena, 1 << 22);
    CHECK_OK(try_table(COLUMNS, "},\"partition_key\":[],\"properties\":{}" PLAIN, NULL, &d, &err));
    assert_int_equal(d.bucket_count, 3);
    assert_int_equal(d.bucket_key_count, 0);
    CHECK_TEXT(fluss_descriptor_get(&d, "table.replication.factor"), "1");
    assert_null(fluss_descriptor_get(&d, "table.datalake.format"));
    assert_null(fluss_descriptor_get(&d, "table.kv.format-version"));
    CHECK_OK(try_table("{\"name\":\"a\",\"data_type\":{\"type\":\"INTEGER\"}},{\"name\":\"b\",\"data_type\":{\"type\":\"STRING\"}}",
                       ",\"primary_key\":[\"a\",\"b\"]},\"partition_key\":[\"b\"],\"properties\":{}" PLAIN, "iceberg", &d, &err));
    assert_int_equal(d.bucket_key_count, 1);
    CHECK_TEXT(d.bucket_keys[0], "a");
    CHECK_TEXT(fluss_descriptor_get(&d, "table.kv.format-version"), "2");
    CHECK_TEXT(fluss_descriptor_get(&d, "table.datalake.format"), "iceberg");
    assert_false(d.schema.columns[0].type.nullable);
    slu_arena_fini(&arena);
}

static void
what_cannot_be_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *rest;
        int64_t code;
        const char *says;
    } bad[] = {
        {",\"primary_key\":[\"c\"]},\"partition_key\":[],\"properties\":{}" PLAIN, 15, "'c'"},
        {"},\"partition_key\":[\"x\"],\"properties\":{}" PLAIN, 15, "'x'"},
        {"},\"partition_key\":[],\"bucket_key\":[\"x\"],\"bucket_count\":1,\"properties\":{}" PLAIN, 15, "'x'"},
        {"},\"partition_key\":[\"b\"],\"bucket_key\":[\"b\"],\"bucket_count\":1,\"properties\":{}" PLAIN, 15, "partition keys"},
        {",\"primary_key\":[\"a\"]},\"partition_key\":[\"b\"],\"properties\":{}" PLAIN, 15, "subset of the primary key"},
        {",\"primary_key\":[\"a\"]},\"partition_key\":[],\"bucket_key\":[\"b\"],\"bucket_count\":1,\"properties\":{}" PLAIN, 15,
         "are [b]"},
        {"},\"partition_key\":[],\"bucket_key\":[],\"bucket_count\":200000,\"properties\":{}" PLAIN, 49, "200000"},
        {"},\"partition_key\":[],\"properties\":{\"table.unknown\":\"1\"}" PLAIN, 39, "table.unknown"},
        {"},\"partition_key\":[],\"properties\":{\"my.own\":\"1\"}" PLAIN, 39, "customProperty"},
        {"},\"partition_key\":[],\"properties\":{\"table.log.format\":\"CSV\"}" PLAIN, 39, "CSV"},
        {"},\"partition_key\":[],\"properties\":{\"table.log.ttl\":\"7\"}" PLAIN, 39, "table.log.ttl"},
        {"},\"partition_key\":[],\"properties\":{\"table.replication.factor\":\"0\"}" PLAIN, 17, "larger than 0"},
        {"},\"partition_key\":[],\"properties\":{\"table.log.arrow.compression.zstd.level\":\"23\"}" PLAIN, 39, "23"},
        {"},\"partition_key\":[],\"properties\":{\"table.merge-engine\":\"first_row\"}" PLAIN, 39, "primary key"},
        {"},\"partition_key\":[],\"properties\":{\"table.delete.behavior\":\"ignore\"}" PLAIN, 39, "primary key"},
        {"},\"partition_key\":[],\"properties\":{\"table.datalake.enabled\":\"true\"}" PLAIN, 15, "doesn't enable datalake tables"},
        {"},\"partition_key\":[],\"properties\":{\"table.auto-partition.enabled\":\"true\"}" PLAIN, 39, "auto partition"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        slu_error err;
        fluss_descriptor d;
        slu_arena_init(&arena, 1 << 22);
        if (try_table(COLUMNS, bad[i].rest, NULL, &d, &err) == SLU_OK)
            fail_msg("%s is accepted", bad[i].rest);
        if (err.code != bad[i].code)
            fail_msg("%s: code %lld: %s", bad[i].rest, (long long)err.code, err.message);
        CHECK_MESSAGE(err, bad[i].says);
        slu_arena_fini(&arena);
    }
    slu_error err;
    fluss_descriptor d;
    slu_arena_init(&arena, 1 << 22);
    assert_true(try_table("{\"name\":\"__offset\",\"data_type\":{\"type\":\"BIGINT\"}}",
                          "},\"partition_key\":[],\"properties\":{}" PLAIN, NULL, &d, &err) < 0);
    CHECK_MESSAGE(err, "reserved system columns");
    slu_arena_fini(&arena);
}

static void
names_and_durations(void **state)
{
    (void)state;
    slu_error err;
    int64_t ms = 0;
    CHECK_OK(fluss_rules_table_name("a-Z_09", &err));
    static const char *const bad[] = {"", ".", "..", "a b", "a/b", "__x", "\xc3\xa4", "a.b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_STATUS(fluss_rules_table_name(bad[i], &err), SLU_INVALID);
    char longest[300];
    memset(longest, 'x', sizeof longest);
    longest[201] = 0;
    CHECK_STATUS(fluss_rules_database_name(longest, &err), SLU_INVALID);
    longest[200] = 0;
    CHECK_OK(fluss_rules_database_name(longest, &err));
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"30s", 30000},     {"3 min", 180000}, {"100ms", 100},        {"7 D", 604800000},
                {" 1 h ", 3600000}, {"0 ms", 0},       {"5 minutes", 300000}, {"1500 micro", 1}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(fluss_duration_parse(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const not_durations[] = {"", "5", "s", "-1s", "5 parsecs", "99999999999999999999s", "1.5s", "5s5"};
    for (size_t i = 0; i < sizeof not_durations / sizeof not_durations[0]; i++)
        assert_false(fluss_duration_parse(not_durations[i], &ms));
}

static void
lake_offsets_merge_and_survive(void **state)
{
    (void)state;
    slu_error err;
    fluss_lake_offsets offsets = {.table_id = 6};
    slu_buf json;
    slu_buf_init(&json, 1 << 16);
    CHECK_OK(fluss_lake_offsets_set(&offsets, 3, 2, 30, &err));
    CHECK_OK(fluss_lake_offsets_set(&offsets, 1, 0, 10, &err));
    CHECK_OK(fluss_lake_offsets_set(&offsets, 3, 0, 20, &err));
    CHECK_OK(fluss_lake_offsets_set(&offsets, 3, 2, 31, &err));
    CHECK_STATUS(fluss_lake_offsets_set(&offsets, 3, -1, 31, &err), SLU_INVALID);
    fluss_lake_offsets_encode(&offsets, &json);
    CHECK_TEXT(slu_buf_cstr(&json),
               "{\"version\":1,\"table_id\":6,\"partition_offsets\":[{\"partition_id\":1,\"bucket_offsets\":[10]},"
               "{\"partition_id\":3,\"bucket_offsets\":[20,-1,31]}]}");
    fluss_lake_offsets again = {0};
    CHECK_OK(fluss_lake_offsets_decode(slu_buf_view(&json), &again, &err));
    assert_int_equal(again.count, 3);
    fluss_lake_offsets_fini(&again);
    fluss_lake_offsets_fini(&offsets);
    static const char *const bad[] = {"",
                                      "[]",
                                      "{\"version\":2,\"table_id\":1}",
                                      "{\"version\":1}",
                                      "{\"version\":1,\"table_id\":1,\"bucket_offsets\":5}",
                                      "{\"version\":1,\"table_id\":1,\"bucket_offsets\":[-2]}",
                                      "{\"version\":1,\"table_id\":1,\"bucket_offsets\":[1],\"partition_offsets\":[]}",
                                      "{\"version\":1,\"table_id\":1,\"partition_offsets\":[{\"bucket_offsets\":[1]}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_STATUS(fluss_lake_offsets_decode(slu_view_of_text(bad[i]), &again, &err), SLU_CORRUPT);
    slu_buf_fini(&json);
}

/* The disk is full in the middle of a batch: the append fails, nothing of it is seen, and when there is room again all goes on. */
static void
a_full_disk_fails_the_append_and_nothing_else(void **state)
{
    (void)state;
    slu_error err;
    slu_env_fake fake;
    fluss_log *log = NULL;
    char dir[64] = "/tmp/slu_full_XXXXXX";
    const fluss_log_options options = {0};
    slu_buf batch;
    fluss_appended appended;
    struct rlimit before;
    slu_env_init_fake(&fake, 1);
    assert_non_null(mkdtemp(dir));
    slu_buf_init(&batch, 10000);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_OK(fluss_log_open(&fake.env, dir, "full", &options, &log, &err));
    const struct rlimit small = {20500, before.rlim_max};
    int32_t sequence = 0;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        slu_status status = SLU_OK;
        for (; status == SLU_OK; sequence += status == SLU_OK) {
            slu_buf_reset(&batch);
            batch_make(&batch, 1, sequence, 1, 1000);
            status = fluss_log_append(log, slu_buf_view(&batch), &appended, &err);
        }
        assert_int_equal(status, SLU_IO);
        assert_int_equal(sequence, 19);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        if (round == 0) {
            fluss_log_close(&log);
            CHECK_OK(fluss_log_open(&fake.env, dir, "full", &options, &log, &err));
        }
        assert_int_equal(fluss_log_end(log), 19);
    }
    CHECK_OK(fluss_log_append(log, slu_buf_view(&batch), &appended, &err));
    assert_false(appended.duplicate);
    assert_int_equal(appended.base_offset, 19);
    fluss_log_close(&log);
    slu_buf_fini(&batch);
    CHECK_OK(slu_dir_remove(dir, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(what_cannot_be_is_refused_by_name),
        cmocka_unit_test(names_and_durations),
        cmocka_unit_test(lake_offsets_merge_and_survive),
        cmocka_unit_test(a_full_disk_fails_the_append_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
