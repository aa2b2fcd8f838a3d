/*
 * sasl.h: SASL/PLAIN (RFC 4616) as Fluss speaks it: AUTHENTICATE carries the mechanism and `[authzid] NUL user NUL password`.
 *
 *      START --step: good--> DONE
 *      START --step: bad---> START (the connection stays; the client may try again)
 *      DONE  --step--------> DONE  (nothing is asked any more)
 *
 * Owns     plain values. Passwords are compared in constant time, wiped, and in no message.
 * Threads  owner.
 * Errors   INVALID with Fluss's code 46 and its texts.
 * Limits   a name has FLUSS_SASL_NAME_BYTES - 1 bytes, a token FLUSS_SASL_TOKEN_BYTES_MAX.
 */
#ifndef FLUSS_SECURITY_SASL_H
#define FLUSS_SECURITY_SASL_H

#include "fluss/config/config.h"

#define FLUSS_SASL_NAME_BYTES 256
#define FLUSS_SASL_TOKEN_BYTES_MAX 4096
#define FLUSS_SASL_UNAUTHENTICATED                                                                                                 \
    "The connection has not completed authentication yet. This may be caused by a missing or incorrect configuration of "          \
    "'client.security.protocol' on the client side."

/* The server's side of one connection. */
typedef struct fluss_sasl {
    bool done;
    char user[FLUSS_SASL_NAME_BYTES];
} fluss_sasl;

/* `listener`: its name, for security.sasl.listener.name.LISTENER.plain.jaas.config. On OK the connection is user's. */
SLU_CHECK slu_status fluss_sasl_step(fluss_sasl *sasl, const fluss_config *config, const char *listener, const char *mechanism,
                                     slu_view token, slu_error *err);
/* Everything that a step will read must be readable: said at the start instead of at the first login. */
SLU_CHECK slu_status fluss_sasl_check_users(const fluss_config *config, const char *listener, slu_error *err);
/* Whether anybody can log in at all: Fluss starts without users, and so do we, but it is worth a word. */
bool fluss_sasl_has_users(const fluss_config *config, const char *listener);
/* As ALTER_CLUSTER_CONFIGS checks security.sasl.plain.credentials. */
SLU_CHECK slu_status fluss_sasl_check_credentials(const char *credentials, slu_error *err);

/* The client's only token. */
SLU_CHECK slu_status fluss_sasl_client_token(const char *user, const char *password, slu_buf *out, slu_error *err);

#endif
