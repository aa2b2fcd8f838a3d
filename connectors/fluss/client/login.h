/*
 * login.h: how a client logs in where a server asks for it: SASL/PLAIN, under the names of Fluss's client settings.
 *
 * Shape    plain values, all of which may be NULL. Without a protocol a user or a JAAS text means SASL, and nothing means PLAINTEXT.
 * Owns     nothing; fluss_client_open copies what it needs and wipes it at the end.
 */
#ifndef FLUSS_CLIENT_LOGIN_H
#define FLUSS_CLIENT_LOGIN_H

typedef struct fluss_login {
    const char *protocol;    /* client.security.protocol: PLAINTEXT or SASL */
    const char *mechanism;   /* client.security.sasl.mechanism: PLAIN */
    const char *username;    /* client.security.sasl.username */
    const char *password;    /* client.security.sasl.password */
    const char *jaas_config; /* client.security.sasl.jaas.config: over username and password */
} fluss_login;

/* The options of a plugin that is a client, as lines of its option table; `member` is a fluss_login of its options struct. */
#define FLUSS_LOGIN_OPTIONS(options_struct, member)                                                                                \
    SLU_OPTION("client.security.protocol", STRING, options_struct, member.protocol, NULL,                                          \
               "PLAINTEXT or SASL; SASL when there is a user", .param = "fluss.client.security.protocol"),                         \
        SLU_OPTION("client.security.sasl.mechanism", STRING, options_struct, member.mechanism, NULL, "how to log in: PLAIN",       \
                   .param = "fluss.client.security.sasl.mechanism"),                                                               \
        SLU_OPTION("client.security.sasl.username", STRING, options_struct, member.username, NULL, "who logs in",                  \
                   .param = "fluss.client.security.sasl.username"),                                                                \
        SLU_OPTION("client.security.sasl.password", STRING, options_struct, member.password, NULL, "the user's password",          \
                   .param = "fluss.client.security.sasl.password", .flags = SLU_OPTION_SECRET),                                    \
        SLU_OPTION("client.security.sasl.jaas.config", STRING, options_struct, member.jaas_config, NULL,                           \
                   "user and password as Java's login module has them", .param = "fluss.client.security.sasl.jaas.config",         \
                   .flags = SLU_OPTION_SECRET)

#endif
