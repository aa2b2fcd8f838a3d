/* The signer against the signatures that AWS publishes: the S3 examples ("Signature Calculations for the Authorization Header")
 * and two of the general Signature Version 4 test suite. */
#include "support/check.h"

#include "s3/sigv4.h"

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define WELCOME_HASH "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

static slu_error err;

static const s3_signing example = {.method = "GET",
                                   .path = "/",
                                   .host = "examplebucket.s3.amazonaws.com",
                                   .payload_hash = EMPTY_HASH,
                                   .region = "us-east-1",
                                   .service = "s3",
                                   .access_key = "AKIAIOSFODNN7EXAMPLE",
                                   .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                   .wall_ms = INT64_C(1369353600000)};

static void
check(const s3_signing *in, const char *target, const char *signature)
{
    char date[S3_DATE_BYTES];
    slu_buf got_target;
    slu_buf got;
    slu_buf_init(&got_target, 4096);
    slu_buf_init(&got, 4096);
    CHECK_OK(s3_sign(in, &got_target, &got, date, &err));
    CHECK_TEXT(slu_buf_cstr(&got_target), target);
    const char *at = strstr(slu_buf_cstr(&got), "Signature=");
    assert_non_null(at);
    CHECK_TEXT(at + 10, signature);
    assert_null(strstr(slu_buf_cstr(&got), in->secret_key));
    slu_buf_fini(&got_target);
    slu_buf_fini(&got);
}

static void
test_s3_get_range(void **state)
{
    const s3_pair headers[] = {{"x-amz-content-sha256", EMPTY_HASH}, {"range", "bytes=0-9"}};
    s3_signing in = example;
    in.path = "/test.txt";
    in.headers = headers;
    in.header_count = 2;
    check(&in, "/test.txt", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void
test_s3_put(void **state)
{
    char hash[S3_HASH_TEXT_BYTES];
    s3_sha256_text(slu_view_of_text("Welcome to Amazon S3."), hash);
    CHECK_TEXT(hash, WELCOME_HASH);
    const s3_pair headers[] = {
        {"x-amz-storage-class", "REDUCED_REDUNDANCY"}, {"x-amz-content-sha256", hash}, {"date", "Fri, 24 May 2013 00:00:00 GMT"}};
    s3_signing in = example;
    in.method = "PUT";
    in.path = "/test$file.text";
    in.headers = headers;
    in.header_count = 3;
    in.payload_hash = hash;
    check(&in, "/test%24file.text", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void
test_s3_query(void **state)
{
    const s3_pair headers[] = {{"x-amz-content-sha256", EMPTY_HASH}};
    const s3_pair lifecycle[] = {{"lifecycle", ""}};
    const s3_pair list[] = {{"prefix", "J"}, {"max-keys", "2"}};
    s3_signing in = example;
    in.headers = headers;
    in.header_count = 1;
    in.query = lifecycle;
    in.query_count = 1;
    check(&in, "/?lifecycle=", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    in.query = list;
    in.query_count = 2;
    check(&in, "/?max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void
test_suite(void **state)
{
    const s3_pair query[] = {{"Param2", "value2"}, {"Param1", "value1"}};
    s3_signing in = example;
    in.host = "example.amazonaws.com";
    in.service = "service";
    in.access_key = "AKIDEXAMPLE";
    in.secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    in.wall_ms = INT64_C(1440938160000);
    check(&in, "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    in.query = query;
    in.query_count = 2;
    check(&in, "/?Param1=value1&Param2=value2", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

static void
test_encoding(void **state)
{
    slu_buf out;
    slu_buf_init(&out, 256);
    s3_encode(&out, "/a//b/../dt=2026-01-01/x+y z@:!~\xc3\xa9", true);
    CHECK_TEXT(slu_buf_cstr(&out), "/a//b/../dt%3D2026-01-01/x%2By%20z%40%3A%21~%C3%A9");
    slu_buf_fini(&out);
}

static void
test_bounds(void **state)
{
    char date[S3_DATE_BYTES];
    slu_buf out;
    slu_buf_init(&out, 256);
    s3_signing in = example;
    in.query_count = S3_PAIRS_MAX + 1;
    CHECK_STATUS(s3_sign(&in, &out, &out, date, &err), SLU_INVALID);
    in.query_count = 0;
    in.path = "no-slash";
    CHECK_STATUS(s3_sign(&in, &out, &out, date, &err), SLU_INVALID);
    slu_buf_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_s3_get_range), cmocka_unit_test(test_s3_put),
                                       cmocka_unit_test(test_s3_query),     cmocka_unit_test(test_suite),
                                       cmocka_unit_test(test_encoding),     cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
