/* Where credentials come from, and that no message holds one. */
#include "support/check.h"

#include "base/file.h"
#include "s3/credentials.h"

static slu_error err;
static char path[64];

static void
world_clear(void)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_PROFILE",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
}

static int
file_make(void **state)
{
    strcpy(path, "/tmp/s3-credentials-XXXXXX");
    const int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return slu_file_write(
        path,
        slu_view_of_text("# notes\n[default]\naws_access_key_id = FILEKEY\r\n  aws_secret_access_key=file=secret \n\n"
                         "[other]\naws_access_key_id=OTHER\naws_secret_access_key=s2\naws_session_token = tok\n"
                         "region = eu-west-3\n[half]\naws_access_key_id=HALF\n[role]\nrole_arn=arn\n[last]"),
        false, &err);
}

static int
file_drop(void **state)
{
    return unlink(path);
}

static void
test_order(void **state)
{
    s3_credentials c;
    world_clear();
    CHECK_OK(s3_credentials_find(NULL, NULL, NULL, NULL, NULL, &c, &err));
    CHECK_TEXT(c.access_key, "FILEKEY");
    CHECK_TEXT(c.secret_key, "file=secret");
    assert_null(c.session_token);
    s3_credentials_fini(&c);
    setenv("AWS_ACCESS_KEY_ID", "ENVKEY", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "envsecret", 1);
    setenv("AWS_SESSION_TOKEN", "envtoken", 1);
    CHECK_OK(s3_credentials_find(NULL, NULL, NULL, NULL, NULL, &c, &err));
    CHECK_TEXT(c.access_key, "ENVKEY");
    CHECK_TEXT(c.session_token, "envtoken");
    s3_credentials_fini(&c);
    CHECK_OK(s3_credentials_find("K", "S", NULL, NULL, NULL, &c, &err));
    CHECK_TEXT(c.access_key, "K");
    assert_null(c.session_token);
    s3_credentials_fini(&c);
    s3_credentials_fini(&c);
}

static void
test_profile(void **state)
{
    s3_credentials c;
    world_clear();
    setenv("AWS_PROFILE", "other", 1);
    CHECK_OK(s3_credentials_find(NULL, NULL, NULL, NULL, NULL, &c, &err));
    CHECK_TEXT(c.access_key, "OTHER");
    CHECK_TEXT(c.session_token, "tok");
    CHECK_TEXT(c.region, "eu-west-3");
    s3_credentials_fini(&c);
    CHECK_STATUS(s3_credentials_find(NULL, NULL, NULL, "role", NULL, &c, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "role_arn");
}

static void
test_missing(void **state)
{
    s3_credentials c;
    world_clear();
    CHECK_STATUS(s3_credentials_find(NULL, "very-secret", NULL, NULL, NULL, &c, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "access key is missing");
    assert_null(strstr(err.message, "very-secret"));
    CHECK_STATUS(s3_credentials_find(NULL, NULL, NULL, "half", NULL, &c, &err), SLU_INVALID);
    CHECK_STATUS(s3_credentials_find(NULL, NULL, NULL, "last", NULL, &c, &err), SLU_INVALID);
    CHECK_MESSAGE(err, "s3.access-key-id");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/x", 1);
    CHECK_STATUS(s3_credentials_find(NULL, NULL, NULL, "none", NULL, &c, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "AWS_WEB_IDENTITY_TOKEN_FILE");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_profile),
                                       cmocka_unit_test(test_missing)};
    return cmocka_run_group_tests(tests, file_make, file_drop);
}
