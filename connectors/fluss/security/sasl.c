#include "fluss/security/sasl.h"

#include "fluss/config/values.h"
#include "fluss/security/jaas.h"
#include "fluss/wire/error.h"

#include <ctype.h>

static slu_status
sasl_fail(slu_error *err, const char *text)
{
    (void)slu_error_set(err, SLU_INVALID, "%s", text);
    if (err != NULL)
        err->code = FLUSS_ERROR_AUTHENTICATE_EXCEPTION;
    return SLU_INVALID;
}

/* ---- Users ---------------------------------------------------------------------------------------------------------------------- */

static const char *
users_of_listener(const fluss_config *config, const char *listener)
{
    char key[256];
    (void)snprintf(key, sizeof key, "security.sasl.listener.name.%s.plain.jaas.config", listener);
    for (char *at = key; *at != 0; at++)
        *at = (char)tolower((unsigned char)*at);
    const char *text = fluss_config_get(config, key);
    return text != NULL && text[0] != 0 ? text : NULL;
}

/* NAME:PASSWORD, ... */
static bool
credentials_find(const char *credentials, const char *user, char out[FLUSS_JAAS_VALUE_BYTES])
{
    const char *item;
    size_t bytes;
    const size_t user_bytes = strlen(user);
    while (credentials != NULL && fluss_list_next(&credentials, &item, &bytes)) {
        if (bytes <= user_bytes + 1 || item[user_bytes] != ':' || memcmp(item, user, user_bytes) != 0)
            continue;
        if (bytes - user_bytes - 1 >= FLUSS_JAAS_VALUE_BYTES)
            return false;
        memcpy(out, item + user_bytes + 1, bytes - user_bytes - 1);
        out[bytes - user_bytes - 1] = 0;
        return true;
    }
    return false;
}

/* A listener's own users first; else those of the credentials, which hide the common JAAS config's. */
static bool
password_find(const fluss_config *config, const char *listener, const char *user, char out[FLUSS_JAAS_VALUE_BYTES])
{
    char option[FLUSS_SASL_NAME_BYTES + 8];
    slu_error ignored;
    const char *own = users_of_listener(config, listener);
    const char *jaas = own != NULL ? own : config->sasl_plain_jaas_config;
    if (own == NULL && credentials_find(config->sasl_plain_credentials, user, out))
        return true;
    (void)snprintf(option, sizeof option, "user_%s", user);
    return jaas != NULL && fluss_jaas_find(jaas, FLUSS_JAAS_PLAIN, option, out, &ignored) == SLU_OK;
}

/* The time depends on what was sent, not on what is right. */
static bool
password_is(slu_view sent, const char *right)
{
    const size_t right_bytes = strlen(right);
    unsigned difference = sent.bytes != right_bytes;
    for (size_t i = 0; i < sent.bytes; i++)
        difference |= (unsigned)(sent.data[i] ^ (uint8_t)(right_bytes == 0 ? 1 : right[i % right_bytes]));
    return difference == 0;
}

/* ---- The handshake -------------------------------------------------------------------------------------------------------------- */

static slu_status
token_split(slu_view token, slu_view parts[3], slu_error *err)
{
    size_t count = 1;
    parts[0] = slu_view_of(token.data, token.bytes);
    for (size_t i = 0; i < token.bytes; i++) {
        if (token.data[i] != 0)
            continue;
        if (count <= 3)
            parts[count - 1].bytes = (size_t)(token.data + i - parts[count - 1].data);
        if (count < 3)
            parts[count] = slu_view_of(token.data + i + 1, token.bytes - i - 1);
        if (++count == 4)
            break;
    }
    if (count == 3)
        return SLU_OK;
    (void)slu_error_set(err, SLU_INVALID, "Invalid SASL/PLAIN response: expected 3 tokens, got %zu", count);
    err->code = FLUSS_ERROR_AUTHENTICATE_EXCEPTION;
    return SLU_INVALID;
}

static slu_status
parts_check(fluss_sasl *sasl, const fluss_config *config, const char *listener, const slu_view parts[3], slu_error *err)
{
    char user[FLUSS_SASL_NAME_BYTES];
    char right[FLUSS_JAAS_VALUE_BYTES] = "";
    if (parts[1].bytes == 0)
        return sasl_fail(err, "Authentication failed: username not specified");
    if (parts[2].bytes == 0)
        return sasl_fail(err, "Authentication failed: password not specified");
    if (parts[1].bytes >= sizeof user)
        return sasl_fail(err, "Authentication failed: Invalid username or password");
    memcpy(user, parts[1].data, parts[1].bytes);
    user[parts[1].bytes] = 0;
    const bool known = password_find(config, listener, user, right);
    const bool same = password_is(parts[2], right);
    explicit_bzero(right, sizeof right);
    if (!known || !same)
        return sasl_fail(err, "Authentication failed: Invalid username or password");
    if (parts[0].bytes != 0 && !slu_view_is(parts[0], user))
        return sasl_fail(err, "Authentication failed: Client requested an authorization id that is different from username");
    memcpy(sasl->user, user, sizeof user);
    sasl->done = true;
    return SLU_OK;
}

slu_status
fluss_sasl_step(fluss_sasl *sasl, const fluss_config *config, const char *listener, const char *mechanism, slu_view token,
                slu_error *err)
{
    slu_view parts[3];
    if (strcasecmp(mechanism, "PLAIN") != 0) {
        (void)slu_error_set(err, SLU_INVALID, "SASL server enables [PLAIN] while protocol of client is '%.64s'", mechanism);
        err->code = FLUSS_ERROR_AUTHENTICATE_EXCEPTION;
        return SLU_INVALID;
    }
    if (sasl->done)
        return SLU_OK;
    if (token.bytes > FLUSS_SASL_TOKEN_BYTES_MAX)
        return sasl_fail(err, "Authentication failed: Invalid username or password");
    SLU_TRY(token_split(token, parts, err));
    return parts_check(sasl, config, listener, parts, err);
}

/* ---- What was configured -------------------------------------------------------------------------------------------------------- */

static bool
credential_is_good(const char *item, size_t bytes)
{
    const char *colon = memchr(item, ':', bytes);
    const char *end = item + bytes;
    if (colon == NULL || colon == item || colon + 1 == end)
        return false;
    for (const char *at = item; at < colon; at++)
        if (!isalnum((unsigned char)*at) && *at != '_')
            return false;
    for (const char *at = colon + 1; at < end; at++)
        if (strchr(":\"';\\", *at) != NULL || iscntrl((unsigned char)*at))
            return false;
    return true;
}

slu_status
fluss_sasl_check_credentials(const char *credentials, slu_error *err)
{
    const char *at = credentials;
    const char *item;
    size_t bytes;
    size_t index = 0;
    for (; fluss_list_next(&at, &item, &bytes); index++)
        if (!credential_is_good(item, bytes))
            return slu_error_set(
                err, SLU_INVALID,
                "security.sasl.plain.credentials[%zu]: a user is NAME:PASSWORD; only letters, digits, and underscores "
                "are allowed in the name, and no commas, colons, quotes, semicolons, backslashes, or control "
                "characters in the password.",
                index);
    return SLU_OK;
}

slu_status
fluss_sasl_check_users(const fluss_config *config, const char *listener, slu_error *err)
{
    const char *own = users_of_listener(config, listener);
    const char *jaas = own != NULL ? own : config->sasl_plain_jaas_config;
    if (jaas != NULL)
        SLU_TRY_IN(fluss_jaas_check(jaas, err), err, "the users of listener %s", listener);
    return config->sasl_plain_credentials == NULL ? SLU_OK : fluss_sasl_check_credentials(config->sasl_plain_credentials, err);
}

bool
fluss_sasl_has_users(const fluss_config *config, const char *listener)
{
    const char *own = users_of_listener(config, listener);
    const char *jaas = own != NULL ? own : config->sasl_plain_jaas_config;
    return (jaas != NULL && strstr(jaas, "user_") != NULL) || config->sasl_plain_credentials != NULL;
}

slu_status
fluss_sasl_client_token(const char *user, const char *password, slu_buf *out, slu_error *err)
{
    if (user == NULL || user[0] == 0 || password == NULL || password[0] == 0)
        return slu_error_set(err, SLU_INVALID, "SASL needs a user and a password: client.security.sasl.username and .password");
    slu_buf_u8(out, 0);
    slu_buf_text(out, user);
    slu_buf_u8(out, 0);
    slu_buf_text(out, password);
    return slu_buf_status(out, err);
}
