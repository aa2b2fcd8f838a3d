/* login.c: between a connection's handshake and its first call: AUTHENTICATE, where the client was told to log in. */
#include "internal.h"

#include "fluss/security/jaas.h"
#include "fluss/security/sasl.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"

static slu_status
jaas_token(const char *jaas, slu_buf *out, slu_error *err)
{
    char user[FLUSS_JAAS_VALUE_BYTES];
    char password[FLUSS_JAAS_VALUE_BYTES] = "";
    slu_status status = fluss_jaas_find(jaas, FLUSS_JAAS_PLAIN, "username", user, err);
    if (status == SLU_OK)
        status = fluss_jaas_find(jaas, FLUSS_JAAS_PLAIN, "password", password, err);
    if (status == SLU_OK)
        status = fluss_sasl_client_token(user, password, out, err);
    explicit_bzero(password, sizeof password);
    return status == SLU_OK ? SLU_OK : slu_error_in(err, status, "client.security.sasl.jaas.config");
}

slu_status
login_read(const fluss_login *login, slu_buf *out, bool *out_wanted, slu_error *err)
{
    const char *protocol = login->protocol;
    if (protocol == NULL)
        protocol = login->username != NULL || login->jaas_config != NULL ? "SASL" : "PLAINTEXT";
    *out_wanted = strcasecmp(protocol, "SASL") == 0;
    if (!*out_wanted && strcasecmp(protocol, "PLAINTEXT") != 0)
        return slu_error_set(err, SLU_INVALID, "client.security.protocol: '%s' is not PLAINTEXT or SASL", protocol);
    if (!*out_wanted)
        return SLU_OK;
    if (login->mechanism != NULL && strcasecmp(login->mechanism, "PLAIN") != 0)
        return slu_error_set(err, SLU_INVALID, "client.security.sasl.mechanism: '%s' is not PLAIN", login->mechanism);
    return login->jaas_config != NULL ? jaas_token(login->jaas_config, out, err)
                                      : fluss_sasl_client_token(login->username, login->password, out, err);
}

static void
login_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    link_t *link = context;
    (void)answer; /* PLAIN is over with its first message, whatever challenge comes back */
    if (failure == NULL)
        link_ready(link);
    else
        link_refused(link, failure);
}

void
login_begin(link_t *link)
{
    Fluss__AuthenticateRequest request = FLUSS__AUTHENTICATE_REQUEST__INIT;
    slu_error err = {0};
    request.protocol = (char *)(uintptr_t) "PLAIN";
    request.token = fluss_bytes_of(slu_buf_view(&link->client->login_token));
    fluss_call *call = call_new(link->client, fluss_api_find(FLUSS_API_AUTHENTICATE), &request.base, login_answered, link, &err);
    if (call == NULL)
        link_refused(link, &err);
    else
        link_call_now(link, call);
}

bool
login_is_refused(const slu_error *why)
{
    return why->code == FLUSS_ERROR_AUTHENTICATE_EXCEPTION;
}
