/* What comes with a table: settings over the catalog's, keys that are renewed before they end, a token of its own. */
#include "base/alloc.h"
#include "iceberg/rest/vended.h"
#include "support/check.h"

static slu_env_fake fake;
static int opened, renewed, asked, closed;
static char seen_key[64];   /* the last s3.access-key-id that a store was opened or renewed with */
static char seen_grant[64]; /* the last prefix */
static slu_status ask_status;
static const char *ask_answer;
static iceberg_rest_vended *vended;

static const char *
last_of(const iceberg_property *items, size_t count, const char *key)
{
    const char *found = "";
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].key, key) == 0)
            found = items[i].value;
    return found;
}

static void
see(const iceberg_store_settings *settings)
{
    (void)snprintf(seen_key, sizeof seen_key, "%s", last_of(settings->items, settings->count, "s3.access-key-id"));
    (void)snprintf(seen_grant, sizeof seen_grant, "%s", settings->grant_count == 0 ? "" : settings->grants[0].prefix);
    assert_string_equal(last_of(settings->items, settings->count, "s3.endpoint"), "http://own");
}

static slu_status
fake_size(void *self, const char *location, int64_t *out, slu_error *err)
{
    *out = 7;
    return SLU_OK;
}

static slu_status
fake_renew(void *self, const iceberg_store_settings *settings, slu_error *err)
{
    renewed++;
    see(settings);
    return SLU_OK;
}

static void
fake_close(void *self)
{
    closed++;
}

static const iceberg_store_ops FAKE = {.size = fake_size, .renew = fake_renew, .close = fake_close};

static slu_status
fake_open(void *self, const iceberg_store_settings *settings, iceberg_store *out, slu_error *err)
{
    opened++;
    see(settings);
    *out = (iceberg_store){&FAKE, NULL};
    return SLU_OK;
}

#define METADATA                                                                                                                   \
    "\"metadata-location\":\"s3://b/m\",\"metadata\":{\"format-version\":2,\"table-uuid\":\"u\",\"location\":\"s3://b\","          \
    "\"last-sequence-number\":0,\"last-updated-ms\":1,\"last-column-id\":1,\"current-schema-id\":0,\"schemas\":[{\"type\":"        \
    "\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":false,\"type\":\"long\"}]}],"                    \
    "\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"last-partition-id\":999,"                         \
    "\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}]}"

static slu_status
decode(const char *answer, iceberg_rest_loaded *out, slu_error *err)
{
    return iceberg_rest_table_decode(slu_view_of_text(answer), out, err);
}

static slu_status
fake_ask(void *context, const char *ns, const char *name, iceberg_rest_loaded *out, slu_error *err)
{
    asked++;
    return ask_status != SLU_OK ? slu_error_set(err, ask_status, "the catalog is away") : decode(ask_answer, out, err);
}

static int
set_up(void **state)
{
    slu_error err = {0};
    static iceberg_property base[] = {{"s3.endpoint", "http://own"}, {"s3.access-key-id", "catalog"}};
    static iceberg_store_maker maker = {.open = fake_open};
    opened = renewed = asked = closed = 0;
    ask_status = SLU_OK;
    slu_env_init_fake(&fake, 7);
    CHECK_OK(iceberg_rest_vended_open(&fake.env, (iceberg_rest_properties){base, 2}, &maker, fake_ask, NULL, &vended, &err));
    return 0;
}

static int
tear_down(void **state)
{
    iceberg_rest_vended_close(&vended);
    assert_int_equal(closed, opened);
    return 0;
}

static void
take(const char *answer)
{
    slu_error err = {0};
    iceberg_rest_loaded loaded = {0};
    CHECK_OK(decode(answer, &loaded, &err));
    CHECK_OK(iceberg_rest_vended_take(vended, "db", "t", &loaded, &err));
    iceberg_rest_loaded_fini(&loaded);
}

static void
nothing_came(void **state)
{
    take("{" METADATA "}");
    take("{" METADATA ",\"config\":{}}");
    assert_null(iceberg_rest_vended_store(vended, "db", "t"));
    assert_int_equal(opened, 0);
}

static void
the_tables_settings_win(void **state)
{
    slu_buf token = {0};
    slu_buf_init(&token, 100);
    take("{" METADATA ",\"config\":{\"s3.access-key-id\":\"table\",\"token\":\"t1\"},"
         "\"storage-credentials\":[{\"prefix\":\"s3://b\",\"config\":{\"s3.access-key-id\":\"grant\"}}]}");
    assert_non_null(iceberg_rest_vended_store(vended, "db", "t"));
    assert_null(iceberg_rest_vended_store(vended, "db", "u"));
    assert_string_equal(seen_key, "table");
    assert_string_equal(seen_grant, "s3://b");
    iceberg_rest_vended_token(vended, "db", "t", &token);
    assert_string_equal(slu_buf_cstr(&token), "t1");
    slu_buf_fini(&token);
}

/* Keys that live for `ms` from now. */
static char *
answer_living(const char *key, int64_t ms)
{
    static char text[2][2048];
    static int turn;
    turn ^= 1;
    (void)snprintf(text[turn], sizeof text[turn],
                   "{" METADATA ",\"config\":{\"s3.access-key-id\":\"%s\",\"s3.session-token-expires-at-ms\":\"%lld\"}}", key,
                   (long long)(slu_wall_ms(&fake.env) + ms));
    return text[turn];
}

static void
pass_ms(int64_t ms)
{
    slu_env_fake_advance(&fake, ms);
}

static void
keys_are_renewed_before_they_end(void **state)
{
    slu_error err = {0};
    int64_t bytes = 0;
    take(answer_living("first", 3600000));
    const iceberg_store *store = iceberg_rest_vended_store(vended, "db", "t");
    pass_ms(3600000 - 300001);
    CHECK_OK(store->ops->size(store->self, "s3://b/x", &bytes, &err));
    assert_int_equal(asked, 0);
    ask_answer = answer_living("second", 3600000);
    pass_ms(2);
    CHECK_OK(store->ops->size(store->self, "s3://b/x", &bytes, &err));
    CHECK_OK(store->ops->size(store->self, "s3://b/x", &bytes, &err));
    assert_int_equal(asked, 1);
    assert_int_equal(renewed, 1);
    assert_int_equal(opened, 1);
    assert_string_equal(seen_key, "second");
}

static void
a_catalog_that_is_away_is_borne_until_the_end(void **state)
{
    slu_error err = {0};
    int64_t bytes = 0;
    take(answer_living("first", 60000));
    const iceberg_store *store = iceberg_rest_vended_store(vended, "db", "t");
    ask_status = SLU_CLOSED;
    pass_ms(31000);
    CHECK_OK(store->ops->size(store->self, "s3://b/x", &bytes, &err));
    CHECK_OK(store->ops->size(store->self, "s3://b/x", &bytes, &err));
    assert_int_equal(asked, 1); /* not at every call */
    pass_ms(30000);
    CHECK_STATUS(store->ops->size(store->self, "s3://b/x", &bytes, &err), SLU_CLOSED);
    CHECK_MESSAGE(err, "new keys for the files of db.t");
    ask_status = SLU_OK;
    ask_answer = answer_living("third", 60000);
    CHECK_OK(store->ops->size(store->self, "s3://b/x", &bytes, &err));
    assert_string_equal(seen_key, "third");
}

static void
bad_grants_are_refused(void **state)
{
    static const char *const answers[] = {"{" METADATA ",\"storage-credentials\":[{\"config\":{}}]}",
                                          "{" METADATA ",\"storage-credentials\":[{\"prefix\":\"s3\",\"config\":[]}]}",
                                          "{" METADATA ",\"config\":7}"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        slu_error err = {0};
        iceberg_rest_loaded loaded = {0};
        CHECK_STATUS(decode(answers[i], &loaded, &err), SLU_CORRUPT);
    }
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_came),
        TEST(the_tables_settings_win),
        TEST(keys_are_renewed_before_they_end),
        TEST(a_catalog_that_is_away_is_borne_until_the_end),
        cmocka_unit_test(bad_grants_are_refused),
    };
    return cmocka_run_group_tests_name("iceberg.rest.vended", tests, NULL, NULL);
}
