/* The XML answers of S3: what real servers send, and what none should. */
#include "support/check.h"

#include "s3/answers.h"

static slu_error err;

typedef struct seen {
    int count;
    char keys[256];
    int64_t bytes;
    int64_t modified_ms;
} seen;

static slu_status
see(void *to, const s3_object *object, slu_error *error)
{
    seen *s = to;
    s->count++;
    s->bytes += object->bytes;
    s->modified_ms = object->modified_ms;
    snprintf(s->keys + strlen(s->keys), sizeof s->keys - strlen(s->keys), "%s|", object->key);
    return SLU_OK;
}

static slu_status
list(const char *body, seen *out, bool *more, slu_buf *token)
{
    uint8_t *guarded = guarded_copy(body, strlen(body));
    const slu_status status = s3_listing_decode(slu_view_of(guarded, strlen(body)), see, out, more, token, &err);
    guarded_free(guarded, strlen(body));
    return status;
}

#define LISTING(inner)                                                                                                             \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" inner       \
    "</ListBucketResult>"

static void
test_listing(void **state)
{
    seen s = {0};
    bool more = false;
    slu_buf token;
    slu_buf_init(&token, 4096);
    CHECK_OK(list(LISTING("<Name>b</Name><IsTruncated>true</IsTruncated><Contents>\n <Key>a&amp;b=1/&#x20AC;&#9;</Key>"
                          "<LastModified>2026-01-31T12:00:00.250Z</LastModified><ETag>&quot;x&quot;</ETag><Size>12</Size>"
                          "<Owner><ID>me</ID></Owner></Contents><Contents><Key>c</Key><Size>0</Size></Contents>"
                          "<NextContinuationToken>t/+=</NextContinuationToken><CommonPrefixes/>"),
                  &s, &more, &token));
    assert_true(more);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.bytes, 12);
    CHECK_TEXT(s.keys, "a&b=1/\xe2\x82\xac\t|c|");
    CHECK_TEXT(slu_buf_cstr(&token), "t/+=");
    slu_buf_fini(&token);
}

static void
test_listing_bad(void **state)
{
    static const struct {
        const char *body;
        slu_status status;
    } cases[] = {
        {"", SLU_CORRUPT},
        {"<html><body>hello</body></html>", SLU_CORRUPT},
        {LISTING("<Contents><Key>a</Key></Contents>"), SLU_CORRUPT},
        {LISTING("<Contents><Key></Key><Size>1</Size></Contents>"), SLU_CORRUPT},
        {LISTING("<Contents><Key>a</Key><Size>-1</Size></Contents>"), SLU_CORRUPT},
        {LISTING("<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>"), SLU_CORRUPT},
        {LISTING("<IsTruncated>true</IsTruncated>"), SLU_CORRUPT},
        {LISTING("<EncodingType>url</EncodingType>"), SLU_UNSUPPORTED},
        {"<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult/>", SLU_CORRUPT},
        {"<ListBucketResult><a></b></ListBucketResult>", SLU_CORRUPT},
        {"<ListBucketResult><a>&unknown;</a></ListBucketResult>", SLU_CORRUPT},
        {"<ListBucketResult><a>&#0;</a></ListBucketResult>", SLU_CORRUPT},
        {"<ListBucketResult><a>&#xD800;</a></ListBucketResult>", SLU_CORRUPT},
        {"<ListBucketResult", SLU_CORRUPT},
        {"<ListBucketResult>", SLU_CORRUPT},
        {"</ListBucketResult>", SLU_CORRUPT},
        {"<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", SLU_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        seen s = {0};
        bool more = false;
        slu_buf token;
        slu_buf_init(&token, 4096);
        const slu_status got = list(cases[i].body, &s, &more, &token);
        if (got != cases[i].status)
            fail_msg("case %zu: %s: %s", i, slu_status_name(got), err.message);
        slu_buf_fini(&token);
    }
}

static void
test_failure(void **state)
{
    s3_failure failure;
    const char *body = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please reduce &lt;it&gt;</Message>"
                       "<Region>eu-west-1</Region><AWSAccessKeyId>x</AWSAccessKeyId></Error>";
    assert_true(s3_failure_decode(slu_view_of_text(body), &failure));
    CHECK_TEXT(failure.code, "SlowDown");
    CHECK_TEXT(failure.message, "Please reduce <it>");
    CHECK_TEXT(failure.region, "eu-west-1");
    /* A body cut off by our own bound still tells what was read so far. */
    assert_true(s3_failure_decode(slu_view_of(body, 60), &failure));
    CHECK_TEXT(failure.code, "SlowDown");
    assert_false(s3_failure_decode(slu_view_of_text("<html>502</html>"), &failure));
    assert_false(s3_failure_decode(
        slu_view_of_text("<CompleteMultipartUploadResult><Code>x</Code></CompleteMultipartUploadResult>"), &failure));
}

static void
test_upload_id(void **state)
{
    slu_buf id;
    slu_buf_init(&id, 1024);
    CHECK_OK(s3_upload_id_decode(
        slu_view_of_text(
            "<x:InitiateMultipartUploadResult xmlns:x='u'><x:UploadId>a.b-</x:UploadId></x:InitiateMultipartUploadResult>"),
        &id, &err));
    CHECK_TEXT(slu_buf_cstr(&id), "a.b-");
    CHECK_STATUS(s3_upload_id_decode(slu_view_of_text("<InitiateMultipartUploadResult/>"), &id, &err), SLU_CORRUPT);
    slu_buf_fini(&id);
}

static void
test_time(void **state)
{
    assert_int_equal(s3_time_parse("1970-01-02T00:00:00Z"), 86400000);
    assert_int_equal(s3_time_parse("2013-05-24T00:00:00.007Z"), INT64_C(1369353600007));
    assert_int_equal(s3_time_parse("2013-05-24"), -1);
    assert_int_equal(s3_time_parse("Fri, 24 May 2013"), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_listing), cmocka_unit_test(test_listing_bad),
                                       cmocka_unit_test(test_failure), cmocka_unit_test(test_upload_id),
                                       cmocka_unit_test(test_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
