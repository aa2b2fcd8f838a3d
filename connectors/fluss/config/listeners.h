/*
 * listeners.h: where clients come, from bind.listeners, advertised.listeners, security.protocol.map and internal.listener.name.
 *
 * Owns     plain values.
 * Errors   INVALID, in Fluss's words where it has some: a listener that cannot be read, a name or a port that comes twice, an
 *          advertised or internal listener that is not bound, an unknown protocol, SASL without users or with a mechanism but PLAIN.
 * Limits   FLUSS_LISTENERS_MAX.
 */
#ifndef FLUSS_CONFIG_LISTENERS_H
#define FLUSS_CONFIG_LISTENERS_H

#include "fluss/config/config.h"

#define FLUSS_LISTENERS_MAX 8
#define FLUSS_LISTENER_NAME_BYTES 64
#define FLUSS_LISTENER_HOST_BYTES 256
#define FLUSS_LISTENER_NAME_DEFAULT "FLUSS"

typedef struct fluss_listener_spec {
    char name[FLUSS_LISTENER_NAME_BYTES];
    char host[FLUSS_LISTENER_HOST_BYTES];
    uint16_t port;                                   /* 0: any free one */
    char advertised_host[FLUSS_LISTENER_HOST_BYTES]; /* "": the host, or the address a client came to */
    uint16_t advertised_port;                        /* 0: the port */
    bool sasl;
    bool internal; /* its clients are servers: access rights do not bind them. Only when somebody named it so */
} fluss_listener_spec;

/* `host` and `port` (see fluss_server_options) are used when bind.listeners is not given. */
SLU_CHECK slu_status fluss_listeners_read(const fluss_config *config, const char *host, uint16_t port,
                                          fluss_listener_spec out[FLUSS_LISTENERS_MAX], size_t *out_count, slu_error *err);
/* Says which names of security.protocol.map are no listener: with a name misspelt the listener that was meant is open. */
void fluss_listeners_warn(const fluss_config *config, const slu_env *env, const fluss_listener_spec *listeners, size_t count);
/* INVALID: an open listener that other machines can reach, without `insecure`. */
SLU_CHECK slu_status fluss_listeners_check_open(const fluss_config *config, const fluss_listener_spec *listeners, size_t count,
                                                slu_error *err);

#endif
