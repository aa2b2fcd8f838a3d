/* Paths and manifests of remote storage, against what Fluss's own tests expect. */
#include "support/check.h"

#include "fluss/remote/token.h"
#include "fluss/remote/manifest.h"

/* The two texts of Fluss's RemoteLogManifestJsonSerdeTest. */
static const char plain_json[] =
    "{\"version\":1,\"database\":\"db\",\"table\":\"mytable\",\"table_id\":1001,\"bucket_id\":1,\"remote_log_segments\":["
    "{\"segment_id\":\"a4421366-4a1d-4c3b-a0f8-0be2e77b1368\",\"start_offset\":0,\"end_offset\":9,\"max_timestamp\":1722225103853,"
    "\"size_in_bytes\":2850},"
    "{\"segment_id\":\"dbfd0ade-23d9-411a-ac05-81e5fe1cabd5\",\"start_offset\":100023,\"end_offset\":9223372036854775807,"
    "\"max_timestamp\":9223372036854775807,\"size_in_bytes\":2147483647}]}";
static const char partition_json[] =
    "{\"version\":1,\"database\":\"db\",\"table\":\"myPartitionTable\",\"partition_name\":\"20240904\","
    "\"table_id\":1002,\"partition_id\":0,\"bucket_id\":1,\"remote_log_segments\":["
    "{\"segment_id\":\"6e94fbd1-c056-446e-859c-77345dddcd96\",\"start_offset\":10,\"end_offset\":20,\"max_timestamp\":"
    "1722225103853,"
    "\"size_in_bytes\":2850},"
    "{\"segment_id\":\"22901b01-250f-4114-9b01-1a840dd28f4f\",\"start_offset\":200023,\"end_offset\":9223372036854775807,"
    "\"max_timestamp\":9223372036854775807,\"size_in_bytes\":2147483647}]}";

static void
round_trip(const char *json, const fluss_remote_place *place)
{
    slu_error err;
    fluss_manifest manifest = {0};
    slu_buf again;
    slu_buf_init(&again, 1 << 20);
    CHECK_OK(fluss_manifest_decode(slu_view_of_text(json), &manifest, &err));
    assert_int_equal(manifest.table_id, place->table_id);
    assert_int_equal(manifest.partition_id, place->partition_id);
    fluss_manifest_encode(&manifest, place, &again);
    assert_string_equal(slu_buf_cstr(&again), json);
    fluss_manifest_fini(&manifest);
    slu_buf_fini(&again);
}

static void
manifests_of_fluss(void **state)
{
    (void)state;
    round_trip(plain_json, &(fluss_remote_place){"db", "mytable", 1001, NULL, -1, 1});
    round_trip(partition_json, &(fluss_remote_place){"db", "myPartitionTable", 1002, "20240904", 0, 1});
}

static void
manifest_find_and_drop(void **state)
{
    slu_error err;
    fluss_manifest manifest = {0};
    (void)state;
    CHECK_OK(fluss_manifest_decode(slu_view_of_text(plain_json), &manifest, &err));
    assert_int_equal(fluss_manifest_find(&manifest, 0), 0);
    assert_int_equal(fluss_manifest_find(&manifest, 8), 0);
    assert_int_equal(fluss_manifest_find(&manifest, 9), 2);
    assert_int_equal(fluss_manifest_find(&manifest, 100023), 1);
    fluss_remote_segment late = manifest.segments[0];
    CHECK_STATUS(fluss_manifest_add(&manifest, &late, &err), SLU_INVALID);
    fluss_manifest_drop(&manifest, 1);
    assert_int_equal(manifest.count, 1);
    assert_int_equal(manifest.segments[0].start_offset, 100023);
    fluss_manifest_fini(&manifest);
}

/* What has expired was copied all the same: the next manifest says so, as Fluss 1.0 does. */
static void
manifest_remembers_what_was_copied(void **state)
{
    slu_error err;
    fluss_manifest manifest = {.table_id = 3, .partition_id = -1, .copied_end_offset = 40};
    fluss_manifest again = {0};
    slu_buf json;
    (void)state;
    slu_buf_init(&json, 1 << 10);
    fluss_manifest_encode(&manifest, &(fluss_remote_place){"d", "t", 3, NULL, -1, 0}, &json);
    assert_string_equal(slu_buf_cstr(&json), "{\"version\":1,\"database\":\"d\",\"table\":\"t\",\"table_id\":3,\"bucket_id\":0,"
                                             "\"highest_copied_end_offset\":40,\"remote_log_segments\":[]}");
    CHECK_OK(fluss_manifest_decode(slu_buf_view(&json), &again, &err));
    assert_int_equal(again.copied_end_offset, 40);
    fluss_manifest_fini(&again);
    slu_buf_fini(&json);
}

static void
bad_manifests(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"version\":2}",
        "{\"version\":1,\"table_id\":1,\"bucket_id\":0}",
        "{\"version\":1,\"table_id\":1,\"bucket_id\":-1,\"remote_log_segments\":[]}",
        "{\"version\":1,\"table_id\":1,\"bucket_id\":0,\"remote_log_segments\":[1]}",
        "{\"version\":1,\"table_id\":1,\"bucket_id\":0,\"remote_log_segments\":[{\"segment_id\":\"../../../../etc\"}]}",
        /* one text, of two lines */
        ("{\"version\":1,\"table_id\":1,\"bucket_id\":0,\"remote_log_segments\":[{\"segment_id\":"
         "\"a4421366-4a1d-4c3b-a0f8-0be2e77b1368\",\"start_offset\":9,\"end_offset\":9,\"max_timestamp\":1,\"size_in_bytes\":1}]}"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        slu_error err;
        fluss_manifest manifest = {0};
        CHECK_STATUS(fluss_manifest_decode(slu_view_of_text(bad[i]), &manifest, &err), SLU_CORRUPT);
        assert_null(manifest.segments);
    }
}

static void
paths_of_fluss(void **state)
{
    slu_error err;
    char path[SLU_PATH_BYTES_MAX];
    char file[SLU_PATH_BYTES_MAX];
    const fluss_remote_place plain = {"db", "t", 7, NULL, -1, 3};
    const fluss_remote_place partition = {"db", "t", 7, "2024", 5, 0};
    (void)state;
    CHECK_OK(fluss_remote_bucket_dir("/r", FLUSS_REMOTE_LOG, &plain, path, &err));
    assert_string_equal(path, "/r/log/db/t-7/3");
    CHECK_OK(fluss_remote_segment_file(path, "a4421366-4a1d-4c3b-a0f8-0be2e77b1368", 42, ".log", file, &err));
    assert_string_equal(file, "/r/log/db/t-7/3/a4421366-4a1d-4c3b-a0f8-0be2e77b1368/00000000000000000042.log");
    CHECK_OK(fluss_remote_manifest_file(path, "a4421366-4a1d-4c3b-a0f8-0be2e77b1368", file, &err));
    assert_string_equal(file, "/r/log/db/t-7/3/metadata/a4421366-4a1d-4c3b-a0f8-0be2e77b1368.manifest");
    CHECK_OK(fluss_remote_bucket_dir("", FLUSS_REMOTE_KV, &partition, path, &err));
    assert_string_equal(path, "kv/db/t-7/2024-p5/0");
}

static void
places_that_clients_are_told(void **state)
{
    static const char *const same[] = {"/x/y", "file:/x/y", "file:///x/y", "file://localhost/x/y"};
    slu_error err;
    const char *path = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        CHECK_OK(fluss_remote_local_path(same[i], &path, &err));
        assert_string_equal(path, "/x/y");
    }
    CHECK_STATUS(fluss_remote_local_path("s3://bucket/x", &path, &err), SLU_UNSUPPORTED);
    assert_non_null(strstr(err.message, "scheme 's3'"));
    CHECK_STATUS(fluss_remote_local_path("x/y", &path, &err), SLU_INVALID);
    CHECK_STATUS(fluss_remote_local_path("file:x", &path, &err), SLU_INVALID);
}

static void
uuids(void **state)
{
    slu_env_fake fake;
    char id[FLUSS_UUID_BYTES];
    (void)state;
    slu_env_init_fake(&fake, 3);
    slu_uuid_new(&fake.env, id);
    assert_true(fluss_uuid_is(id));
    assert_int_equal(id[14], '4');
    assert_false(fluss_uuid_is("a4421366-4a1d-4c3b-a0f8-0be2e77b136"));
    assert_false(fluss_uuid_is("a4421366-4a1d-4c3b-a0f8-0be2e77b13688"));
    assert_false(fluss_uuid_is("a4421366/4a1d-4c3b-a0f8-0be2e77b1368"));
}

static void
tokens_are_read_and_written(void **state)
{
    (void)state;
    static const char whole[] = "{\"version\":1,\"access_key_id\":\"AK\",\"access_key_secret\":\"SK\",\"security_token\":\"T\"}";
    static const char *const bad[] = {"",
                                      "[]",
                                      "{\"version\":2,\"access_key_id\":\"AK\",\"access_key_secret\":\"SK\"}",
                                      "{\"version\":1,\"access_key_id\":\"AK\",\"security_token\":null}",
                                      "{\"version\":1,\"access_key_id\":1,\"access_key_secret\":\"SK\"}",
                                      "{\"version\":1,\"access_key_id\":\"AK\",\"access_key_secret\":\"SK\",\"security_token\":1}"};
    slu_error err;
    fluss_token token;
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    slu_buf_init(&json, FLUSS_TOKEN_BYTES_MAX);
    CHECK_OK(fluss_token_decode(slu_view_of_text(whole), &token, &err));
    CHECK_TEXT(token.session_token, "T");
    fluss_token_encode(&token, &json);
    CHECK_TEXT(slu_buf_cstr(&json), whole);
    token.session_token[0] = 0;
    slu_buf_reset(&json);
    fluss_token_encode(&token, &json);
    CHECK_TEXT(slu_buf_cstr(&json),
               "{\"version\":1,\"access_key_id\":\"AK\",\"access_key_secret\":\"SK\",\"security_token\":null}");
    CHECK_OK(fluss_token_decode(slu_view_of_text(slu_buf_cstr(&json)), &token, &err));
    CHECK_TEXT(token.session_token, "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_STATUS(fluss_token_decode(slu_view_of_text(bad[i]), &token, &err), SLU_CORRUPT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifests_of_fluss),
        cmocka_unit_test(manifest_find_and_drop),
        cmocka_unit_test(manifest_remembers_what_was_copied),
        cmocka_unit_test(bad_manifests),
        cmocka_unit_test(paths_of_fluss),
        cmocka_unit_test(places_that_clients_are_told),
        cmocka_unit_test(uuids),
        cmocka_unit_test(tokens_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
