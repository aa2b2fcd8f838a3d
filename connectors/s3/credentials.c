#include "s3/credentials.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"

#include <openssl/crypto.h>

#include <stdlib.h>

static void
wipe(char **text)
{
    if (*text != NULL)
        OPENSSL_cleanse(*text, strlen(*text));
    slu_free(*text);
    *text = NULL;
}

void
s3_credentials_fini(s3_credentials *credentials)
{
    wipe(&credentials->access_key);
    wipe(&credentials->secret_key);
    wipe(&credentials->session_token);
    wipe(&credentials->region);
}

static bool
given(const char *text)
{
    return text != NULL && text[0] != 0;
}

static slu_status
fill(s3_credentials *out, const char *access_key, const char *secret_key, const char *token, const char *from, slu_error *err)
{
    if (!given(access_key) || !given(secret_key))
        return slu_error_set(err, SLU_INVALID,
                             "S3 credentials from the %s: %s is missing (both the access key and its secret are "
                             "needed)",
                             from, given(access_key) ? "the secret key" : "the access key");
    out->from = from;
    out->access_key = slu_strdup(access_key);
    out->secret_key = slu_strdup(secret_key);
    out->session_token = given(token) ? slu_strdup(token) : NULL;
    if (out->access_key == NULL || out->secret_key == NULL || (given(token) && out->session_token == NULL)) {
        s3_credentials_fini(out);
        return slu_error_set(err, SLU_NOMEM, "S3 credentials: no memory");
    }
    return SLU_OK;
}

/* A line without blanks at its ends, cut in place; moves *at to the next line. NULL at the end. */
static char *
next_line(char **at)
{
    if (**at == 0)
        return NULL;
    char *line = *at;
    char *end = strchr(line, '\n');
    *at = end == NULL ? line + strlen(line) : end + 1;
    if (end == NULL)
        end = *at;
    line += strspn(line, " \t\r");
    while (end > line && strchr(" \t\r\n", end[-1]) != NULL)
        end--;
    if (end < line)
        end = line;
    *end = 0;
    return line;
}

static bool
is_section(const char *line, const char *profile)
{
    const size_t bytes = strlen(profile);
    return line[0] == '[' && strncmp(line + 1, profile, bytes) == 0 && strcmp(line + 1 + bytes, "]") == 0;
}

typedef struct profile_lines {
    const char *access_key, *secret_key, *token, *region, *unsupported;
} profile_lines;

static void
profile_line(char *line, profile_lines *out)
{
    char *equals = strchr(line, '=');
    if (equals == NULL || line[0] == '#' || line[0] == ';')
        return;
    char *value = equals + 1 + strspn(equals + 1, " \t");
    while (equals > line && strchr(" \t", equals[-1]) != NULL)
        equals--;
    *equals = 0;
    if (strcmp(line, "aws_access_key_id") == 0)
        out->access_key = value;
    else if (strcmp(line, "aws_secret_access_key") == 0)
        out->secret_key = value;
    else if (strcmp(line, "aws_session_token") == 0)
        out->token = value;
    else if (strcmp(line, "region") == 0)
        out->region = value;
    else if (strcmp(line, "role_arn") == 0 || strcmp(line, "credential_process") == 0 || strcmp(line, "sso_session") == 0)
        out->unsupported = line;
}

static slu_status
profile_take(char *text, const char *profile, s3_credentials *out, bool *out_found, slu_error *err)
{
    profile_lines lines = {0};
    bool inside = false;
    char *at = text;
    for (char *line = next_line(&at); line != NULL; line = next_line(&at)) {
        if (line[0] == '[')
            inside = is_section(line, profile);
        else if (inside)
            profile_line(line, &lines);
    }
    if (lines.unsupported != NULL && !given(lines.access_key))
        return slu_error_set(
            err, SLU_UNSUPPORTED,
            "S3 profile \"%.100s\": %s is not served by this build; give aws_access_key_id and aws_secret_access_key", profile,
            lines.unsupported);
    *out_found = given(lines.access_key) || given(lines.secret_key);
    if (!*out_found)
        return SLU_OK;
    SLU_TRY(fill(out, lines.access_key, lines.secret_key, lines.token, "profile file", err));
    if (given(lines.region) && (out->region = slu_strdup(lines.region)) == NULL)
        return slu_error_set(err, SLU_NOMEM, "S3 credentials: no memory");
    return SLU_OK;
}

static bool
file_place(const char *file, char out[SLU_PATH_BYTES_MAX])
{
    const char *home = getenv("HOME");
    if (!given(file))
        file = getenv("AWS_SHARED_CREDENTIALS_FILE");
    const int bytes = given(file)   ? snprintf(out, SLU_PATH_BYTES_MAX, "%s", file)
                      : given(home) ? snprintf(out, SLU_PATH_BYTES_MAX, "%s/.aws/credentials", home)
                                    : 0;
    return bytes > 0 && bytes < SLU_PATH_BYTES_MAX;
}

static slu_status
from_file(const char *profile, const char *file, s3_credentials *out, bool *out_found, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    *out_found = false;
    if (!given(profile))
        profile = getenv("AWS_PROFILE");
    if (!given(profile))
        profile = "default";
    if (!file_place(file, path) || !slu_path_exists(path))
        return SLU_OK;
    slu_buf text;
    slu_buf_init(&text, S3_CREDENTIALS_FILE_BYTES_MAX + 1);
    slu_status status = slu_file_read(path, S3_CREDENTIALS_FILE_BYTES_MAX, &text, err);
    if (status == SLU_OK) {
        slu_buf_u8(&text, 0);
        status = slu_buf_status(&text, err);
    }
    if (status == SLU_OK)
        status = profile_take((char *)text.data, profile, out, out_found, err);
    if (text.data != NULL)
        OPENSSL_cleanse(text.data, text.bytes);
    slu_buf_fini(&text);
    return status;
}

static slu_status
none(slu_error *err)
{
    static const char *const later[] = {"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        if (given(getenv(later[i])))
            return slu_error_set(err, SLU_UNSUPPORTED,
                                 "S3 credentials by %s are not served by this build; set s3.access-key-id and "
                                 "s3.secret-access-key",
                                 later[i]);
    }
    return slu_error_set(err, SLU_INVALID,
                         "no S3 credentials: set s3.access-key-id and s3.secret-access-key, or AWS_ACCESS_KEY_ID and "
                         "AWS_SECRET_ACCESS_KEY in the environment, or a profile in ~/.aws/credentials (AWS_PROFILE, "
                         "AWS_SHARED_CREDENTIALS_FILE)");
}

slu_status
s3_credentials_find(const char *access_key, const char *secret_key, const char *session_token, const char *profile,
                    const char *file, s3_credentials *out, slu_error *err)
{
    bool found = false;
    memset(out, 0, sizeof *out);
    if (given(access_key) || given(secret_key))
        return fill(out, access_key, secret_key, session_token, "options", err);
    const char *env_key = getenv("AWS_ACCESS_KEY_ID");
    const char *env_secret = getenv("AWS_SECRET_ACCESS_KEY");
    if (!given(profile) && (given(env_key) || given(env_secret)))
        return fill(out, env_key, env_secret, getenv("AWS_SESSION_TOKEN"), "environment", err);
    const slu_status status = from_file(profile, file, out, &found, err);
    if (status != SLU_OK) {
        s3_credentials_fini(out);
        return status;
    }
    return found ? SLU_OK : none(err);
}
