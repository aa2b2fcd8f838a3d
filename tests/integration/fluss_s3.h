/* fluss_s3.h: for tests whose remote files may be in an S3 stand-in: what a server and a client are told then. */
#ifndef TEST_INTEGRATION_FLUSS_S3_H
#define TEST_INTEGRATION_FLUSS_S3_H

#include "support/s3_stand_in.h"

#include "fluss/client/files.h"
#include "fluss/config/config.h"
#include "fluss/s3/fluss_s3.h"

static s3_stand_in *s3; /* NULL: remote files are in a directory */
static bool by_token;   /* the client has no keys but those that the server gives it */

static void
config_s3(fluss_config *config)
{
    slu_error err = {0};
    const char *const settings[] = {"remote.data.dir",      "s3://bucket/place",
                                    "s3.endpoint",          s3->endpoint,
                                    "s3.access-key",        "key",
                                    "s3.secret-key",        "secret",
                                    "s3.path-style-access", "true",
                                    "s3.client.access-key", "reader",
                                    "s3.client.secret-key", "secret too"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings - (by_token ? 0 : 4); i += 2)
        CHECK_OK(fluss_config_set(config, settings[i], settings[i + 1], "test", &err));
}

static fluss_files_options
client_files(void)
{
    if (getenv("FLUSS_S3_ENDPOINT") != NULL) /* a real cluster's */
        return (fluss_files_options){.open = fluss_s3_open,
                                     .endpoint = getenv("FLUSS_S3_ENDPOINT"),
                                     .region = "us-east-1",
                                     .access_key = getenv("FLUSS_S3_ACCESS_KEY"),
                                     .secret_key = getenv("FLUSS_S3_SECRET_KEY"),
                                     .path_style = "true"};
    if (by_token)
        return (fluss_files_options){.open = fluss_s3_open};
    return s3 == NULL ? (fluss_files_options){0}
                      : (fluss_files_options){.open = fluss_s3_open,
                                              .endpoint = s3->endpoint,
                                              .access_key = "key",
                                              .secret_key = "secret",
                                              .path_style = "true"};
}

#endif
