#include "s3/s3.h"

#include "base/sizes.h"

#include <strings.h>

static const struct {
    const char *name;
    size_t at;
} texts[] = {
    {"s3.endpoint", offsetof(s3_options, endpoint)},
    {"s3.region", offsetof(s3_options, region)},
    {"client.region", offsetof(s3_options, region)},
    {"s3.access-key-id", offsetof(s3_options, access_key)},
    {"s3.secret-access-key", offsetof(s3_options, secret_key)},
    {"s3.session-token", offsetof(s3_options, session_token)},
    {"s3.profile", offsetof(s3_options, profile)},
    {"s3.ca-file", offsetof(s3_options, ca_file)},
};

static slu_status
truth(const char *name, const char *value, bool *out, slu_error *err)
{
    *out = strcasecmp(value, "true") == 0;
    if (!*out && strcasecmp(value, "false") != 0)
        return slu_error_set(err, SLU_INVALID, "%s is \"%.40s\", which is neither true nor false", name, value);
    return SLU_OK;
}

slu_status
s3_options_set(s3_options *options, const char *name, const char *value, bool *out_known, slu_error *err)
{
    bool yes = false;
    *out_known = true;
    for (size_t i = 0; i < SLU_COUNT_OF(texts); i++) {
        if (strcmp(name, texts[i].name) == 0) {
            memcpy((char *)options + texts[i].at, &value, sizeof value);
            return SLU_OK;
        }
    }
    if (strcmp(name, "s3.path-style-access") == 0) {
        SLU_TRY(truth(name, value, &yes, err));
        options->style = yes ? S3_STYLE_PATH : S3_STYLE_AUTO;
        return SLU_OK;
    }
    if (strcmp(name, "s3.remote-signing-enabled") == 0) {
        SLU_TRY(truth(name, value, &yes, err));
        return yes ? slu_error_set(err, SLU_UNSUPPORTED, "s3.remote-signing-enabled: this build signs by itself and needs keys")
                   : SLU_OK;
    }
    *out_known = false;
    return SLU_OK;
}
