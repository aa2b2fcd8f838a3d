/*
 * credentials.h: who we are for S3: the caller's options, else the environment, else the profile file.
 *
 * Shape    the first place that names an access key must name the secret too: places are not mixed.
 *            options      access_key, secret_key, session_token
 *            environment  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *            file         [profile] of AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials: aws_access_key_id,
 *                         aws_secret_access_key, aws_session_token, region
 * Owns     s3_credentials owns its texts; fini wipes them.
 * Threads  any, as long as nobody changes the environment.
 * Errors   INVALID: half a pair, or none anywhere (one message, naming every place); UNSUPPORTED: web identity, container and
 *          process credentials, by name. No message ever holds a secret.
 */
#ifndef S3_CREDENTIALS_H
#define S3_CREDENTIALS_H

#include "base/bytes.h"

#define S3_CREDENTIALS_FILE_BYTES_MAX ((size_t)1 << 20)

typedef struct s3_credentials {
    char *access_key;
    char *secret_key;
    char *session_token; /* NULL: none */
    char *region;        /* of the profile; NULL: none */
    const char *from;    /* "options", "environment" or "profile file": for messages */
} s3_credentials;

/* Every argument may be NULL: profile is then AWS_PROFILE or "default", file the place above. */
SLU_CHECK slu_status s3_credentials_find(const char *access_key, const char *secret_key, const char *session_token,
                                         const char *profile, const char *file, s3_credentials *out, slu_error *err);
void s3_credentials_fini(s3_credentials *credentials); /* safe on a zeroed one and twice */

#endif
