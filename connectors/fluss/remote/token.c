#include "fluss/remote/token.h"

#include <jansson.h>

static bool
token_text(const json_t *root, const char *name, bool may_lack, char *out, size_t bytes)
{
    const json_t *value = json_object_get(root, name);
    const char *text = json_string_value(value);
    out[0] = 0;
    if (text == NULL)
        return may_lack && (value == NULL || json_is_null(value));
    if (strlen(text) >= bytes)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

slu_status
fluss_token_decode(slu_view json, fluss_token *out, slu_error *err)
{
    json_error_t where;
    if (json.bytes > FLUSS_TOKEN_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a security token of %zu bytes", json.bytes);
    json_t *root = json_loadb((const char *)json.data, json.bytes, JSON_REJECT_DUPLICATES, &where);
    const bool good = json_integer_value(json_object_get(root, "version")) == 1 &&
                      token_text(root, "access_key_id", false, out->access_key, sizeof out->access_key) &&
                      token_text(root, "access_key_secret", false, out->secret_key, sizeof out->secret_key) &&
                      token_text(root, "security_token", true, out->session_token, sizeof out->session_token);
    json_decref(root);
    return good ? SLU_OK : slu_error_set(err, SLU_CORRUPT, "the server's security token is none of version 1");
}

/* Keys have no letters that JSON would escape; one that does is left out, and the token with it. */
static bool
token_plain(const char *text)
{
    for (; *text != 0; text++)
        if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\')
            return false;
    return true;
}

void
fluss_token_encode(const fluss_token *token, slu_buf *out)
{
    if (!token_plain(token->access_key) || !token_plain(token->secret_key) || !token_plain(token->session_token))
        return;
    slu_buf_printf(out,
                   "{\"version\":1,\"access_key_id\":\"%s\",\"access_key_secret\":\"%s\",\"security_token\":", token->access_key,
                   token->secret_key);
    if (token->session_token[0] == 0)
        slu_buf_text(out, "null}");
    else
        slu_buf_printf(out, "\"%s\"}", token->session_token);
}
