/* token_api.c: GET_FILESYSTEM_SECURITY_TOKEN: with what a client reads remote files. */
#include "base/sizes.h"
#include "fluss/remote/token.h"
#include "fluss/server/remote/log.h"
#include "fluss/server/reply.h"
#include "fluss/server/server_internal.h"

#include <strings.h>

/* Names as a Hadoop client reads them, and ours, under either spelling. */
static const struct {
    const char *told;
    const char *key;
    const char *also;
} token_infos[] = {{"fs.s3a.endpoint", "s3.endpoint", "s3.endpoint"},
                   {"fs.s3a.region", "s3.region", "s3.endpoint.region"},
                   {"fs.s3a.path.style.access", "s3.path-style-access", "s3.path.style.access"}};

static bool
token_take(const fluss_config *config, const char *key, char *out, size_t bytes)
{
    const char *text = fluss_config_get(config, key);
    return text != NULL && text[0] != 0 && snprintf(out, bytes, "%s", text) < (int)bytes;
}

static Fluss__PbKeyValue **
token_told(const fluss_request *r, size_t *out_count)
{
    const fluss_config *config = r->server->config;
    Fluss__PbKeyValue **list = (Fluss__PbKeyValue **)fluss_reply_list(r->arena, SLU_COUNT_OF(token_infos), sizeof **list);
    for (size_t i = 0; list != NULL && i < SLU_COUNT_OF(token_infos); i++) {
        const char *value = fluss_config_get(config, token_infos[i].key);
        value = value != NULL ? value : fluss_config_get(config, token_infos[i].also);
        if (value == NULL)
            continue;
        fluss__pb_key_value__init(list[*out_count]);
        list[*out_count]->key = fluss_reply_text(token_infos[i].told);
        list[(*out_count)++]->value = fluss_reply_text(value);
    }
    return list;
}

/* Remote files in a directory need no secret; nor is the server's own ever handed out: clients are given the keys that are meant for them,
 * where there are some. Java asks before every scan and waits for the answer. */
slu_status
fluss_handle_security_token(fluss_request *r, slu_error *err)
{
    Fluss__GetFileSystemSecurityTokenResponse response = FLUSS__GET_FILE_SYSTEM_SECURITY_TOKEN_RESPONSE__INIT;
    SLU_AUTO(slu_buf_fini) slu_buf json = {0};
    fluss_token token = {0};
    slu_buf_init(&json, FLUSS_TOKEN_BYTES_MAX);
    response.schema = fluss_reply_text("file");
    if (!fluss_remote_store(r->server->remote)->local &&
        token_take(r->server->config, "s3.client.access-key", token.access_key, sizeof token.access_key) &&
        token_take(r->server->config, "s3.client.secret-key", token.secret_key, sizeof token.secret_key)) {
        fluss_token_encode(&token, &json);
        response.schema = fluss_reply_text("s3");
        response.addition_info = token_told(r, &response.n_addition_info);
    }
    explicit_bzero(&token, sizeof token);
    SLU_TRY(slu_buf_status(&json, err));
    SLU_TRY(slu_arena_status(r->arena, err));
    response.token = fluss_bytes_of(json.bytes == 0 ? slu_view_of("", 0) : slu_buf_view(&json));
    const slu_status status = fluss_request_answer(r, &response.base, err);
    if (json.bytes != 0)
        explicit_bzero(json.data, json.bytes);
    return status;
}
