#include "fluss/config/listeners.h"

#include "fluss/config/values.h"

#include <ctype.h>

/* "NAME://HOST:PORT", "NAME://[v6]:PORT". */
static bool
endpoint_parse(const char *text, size_t bytes, char *name, char *host, uint16_t *port)
{
    char copy[FLUSS_LISTENER_NAME_BYTES + FLUSS_LISTENER_HOST_BYTES + 16];
    int64_t number;
    if (bytes >= sizeof copy)
        return false;
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    char *scheme = strstr(copy, "://");
    char *colon = strrchr(copy, ':');
    if (scheme == NULL || scheme == copy || colon <= scheme + 2)
        return false;
    char *from = scheme + 3;
    *scheme = 0;
    *colon = 0;
    size_t host_bytes = strlen(from);
    if (host_bytes >= 2 && from[0] == '[' && from[host_bytes - 1] == ']') {
        from[host_bytes - 1] = 0;
        from++;
        host_bytes -= 2;
    }
    if (strlen(copy) >= FLUSS_LISTENER_NAME_BYTES || host_bytes >= FLUSS_LISTENER_HOST_BYTES || host_bytes == 0)
        return false;
    if (!fluss_whole_parse(colon + 1, &number) || number < 0 || number > UINT16_MAX)
        return false;
    memcpy(name, copy, strlen(copy) + 1);
    memcpy(host, from, host_bytes + 1);
    *port = (uint16_t)number;
    return true;
}

static fluss_listener_spec *
spec_find(fluss_listener_spec *specs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(specs[i].name, name) == 0)
            return &specs[i];
    return NULL;
}

static slu_status
bound_add(fluss_listener_spec *specs, size_t *count, const char *item, size_t bytes, const char *all, slu_error *err)
{
    fluss_listener_spec spec = {.port = 0};
    if (!endpoint_parse(item, bytes, spec.name, spec.host, &spec.port))
        return slu_error_set(err, SLU_INVALID, "bind.listeners: Invalid endpoint format: %.*s (NAME://HOST:PORT is wanted)",
                             (int)bytes, item);
    if (*count == FLUSS_LISTENERS_MAX)
        return slu_error_set(err, SLU_LIMIT, "bind.listeners: more than %d", FLUSS_LISTENERS_MAX);
    if (spec_find(specs, *count, spec.name) != NULL)
        return slu_error_set(err, SLU_INVALID, "bind.listeners: Each listener must have a different name, listeners: %s", all);
    for (size_t i = 0; i < *count; i++)
        if (specs[i].port == spec.port && spec.port != 0)
            return slu_error_set(err, SLU_INVALID,
                                 "bind.listeners: There is more than one endpoint with the same port, listeners: %s", all);
    specs[(*count)++] = spec;
    return SLU_OK;
}

static slu_status
bound_read(const fluss_config *config, fluss_listener_spec *specs, size_t *count, slu_error *err)
{
    const char *at = config->bind_listeners;
    const char *item;
    size_t bytes;
    if (config->listen != NULL)
        return slu_error_set(err, SLU_INVALID, "listen and bind.listeners: only one of the two can be given");
    while (fluss_list_next(&at, &item, &bytes))
        SLU_TRY(bound_add(specs, count, item, bytes, config->bind_listeners, err));
    return *count != 0 ? SLU_OK : slu_error_set(err, SLU_INVALID, "bind.listeners names no listener");
}

static slu_status
advertised_read(const fluss_config *config, fluss_listener_spec *specs, size_t count, slu_error *err)
{
    const char *at = config->advertised_listeners;
    const char *item;
    size_t bytes;
    while (at != NULL && fluss_list_next(&at, &item, &bytes)) {
        char name[FLUSS_LISTENER_NAME_BYTES];
        char host[FLUSS_LISTENER_HOST_BYTES];
        uint16_t port;
        if (!endpoint_parse(item, bytes, name, host, &port))
            return slu_error_set(err, SLU_INVALID,
                                 "advertised.listeners: Invalid endpoint format: %.*s (NAME://HOST:PORT is wanted)", (int)bytes,
                                 item);
        fluss_listener_spec *spec = spec_find(specs, count, name);
        if (spec == NULL)
            return slu_error_set(err, SLU_INVALID, "advertised listener name %s is not included in listeners %s", name,
                                 config->bind_listeners == NULL ? FLUSS_LISTENER_NAME_DEFAULT : config->bind_listeners);
        (void)snprintf(spec->advertised_host, sizeof spec->advertised_host, "%s", host);
        spec->advertised_port = port;
    }
    return SLU_OK;
}

static slu_status
protocol_set(fluss_listener_spec *specs, size_t count, const char *item, size_t bytes, slu_error *err)
{
    char name[FLUSS_LISTENER_NAME_BYTES];
    const char *colon = memchr(item, ':', bytes);
    const size_t name_bytes = (size_t)(colon - item);
    const char *protocol = colon + 1;
    int protocol_bytes = (int)(bytes - name_bytes - 1);
    while (protocol_bytes > 0 && isspace((unsigned char)*protocol)) {
        protocol++;
        protocol_bytes--;
    }
    const bool sasl = protocol_bytes == 4 && strncasecmp(protocol, "SASL", 4) == 0;
    if (!sasl && !(protocol_bytes == 9 && strncasecmp(protocol, "PLAINTEXT", 9) == 0))
        return slu_error_set(err, SLU_INVALID, "security.protocol.map: the protocol '%.*s' is not known: it is PLAINTEXT or SASL",
                             protocol_bytes, protocol);
    if (name_bytes >= sizeof name)
        return slu_error_set(err, SLU_INVALID, "security.protocol.map: the name of a listener is too long");
    (void)snprintf(name, sizeof name, "%.*s", (int)name_bytes, item);
    fluss_listener_spec *spec = spec_find(specs, count, name);
    if (spec != NULL) /* a map for the whole cluster may name others */
        spec->sasl = sasl;
    return SLU_OK;
}

static bool
users_are_there(const fluss_config *config, const char *listener)
{
    char key[256];
    (void)snprintf(key, sizeof key, "security.sasl.listener.name.%s.plain.jaas.config", listener);
    for (char *at = key; *at != 0; at++)
        *at = (char)tolower((unsigned char)*at);
    return config->sasl_plain_jaas_config != NULL || config->sasl_plain_credentials != NULL ||
           fluss_config_get(config, key) != NULL;
}

static slu_status
sasl_check(const fluss_config *config, const fluss_listener_spec *spec, slu_error *err)
{
    const char *at = config->sasl_enabled_mechanisms;
    const char *item;
    size_t bytes;
    if (at == NULL)
        return slu_error_set(err, SLU_INVALID,
                             "listener %s: No SASL mechanisms are enabled: say security.sasl.enabled.mechanisms PLAIN", spec->name);
    while (fluss_list_next(&at, &item, &bytes))
        if (bytes != 5 || strncasecmp(item, "PLAIN", 5) != 0)
            return slu_error_set(err, SLU_INVALID,
                                 "security.sasl.enabled.mechanisms: Mechanism '%.*s' is not supported. Only PLAIN is "
                                 "supported.",
                                 (int)bytes, item);
    if (!users_are_there(config, spec->name))
        return slu_error_set(err, SLU_INVALID, "listener %s has no users: say security.sasl.plain.jaas.config", spec->name);
    return SLU_OK;
}

static slu_status
security_read(const fluss_config *config, fluss_listener_spec *specs, size_t count, slu_error *err)
{
    const char *at = config->security_protocol_map;
    const char *item;
    size_t bytes;
    while (at != NULL && fluss_list_next(&at, &item, &bytes))
        SLU_TRY(protocol_set(specs, count, item, bytes, err));
    for (size_t i = 0; i < count; i++)
        if (specs[i].sasl)
            SLU_TRY(sasl_check(config, &specs[i], err));
    return SLU_OK;
}

/* A cluster must have an internal listener; here it is one only when somebody says so, for its clients are above all rights. */
static slu_status
internal_read(const fluss_config *config, fluss_listener_spec *specs, size_t count, slu_error *err)
{
    if (fluss_config_find(config, "internal.listener.name") == NULL)
        return SLU_OK;
    if (config->bind_listeners == NULL)
        return slu_error_set(err, SLU_INVALID, "Config 'internal.listener.name' cannot be set without 'bind.listeners'");
    fluss_listener_spec *spec = spec_find(specs, count, config->internal_listener_name);
    if (spec == NULL)
        return slu_error_set(err, SLU_INVALID, "Internal listener name %s is not included in listeners %s",
                             config->internal_listener_name, config->bind_listeners);
    spec->internal = true;
    return SLU_OK;
}

slu_status
fluss_listeners_read(const fluss_config *config, const char *host, uint16_t port, fluss_listener_spec out[FLUSS_LISTENERS_MAX],
                     size_t *out_count, slu_error *err)
{
    size_t count = 0;
    memset(out, 0, FLUSS_LISTENERS_MAX * sizeof *out);
    if (config->bind_listeners != NULL) {
        SLU_TRY(bound_read(config, out, &count, err));
    } else {
        (void)snprintf(out[0].name, sizeof out[0].name, "%s", FLUSS_LISTENER_NAME_DEFAULT);
        if (strlen(host) >= sizeof out[0].host)
            return slu_error_set(err, SLU_INVALID, "the name of the host is too long");
        (void)snprintf(out[0].host, sizeof out[0].host, "%s", host);
        out[0].port = port;
        count = 1;
    }
    SLU_TRY(advertised_read(config, out, count, err));
    SLU_TRY(security_read(config, out, count, err));
    SLU_TRY(internal_read(config, out, count, err));
    *out_count = count;
    return SLU_OK;
}

void
fluss_listeners_warn(const fluss_config *config, const slu_env *env, const fluss_listener_spec *listeners, size_t count)
{
    const char *at = config->security_protocol_map;
    const char *item;
    size_t bytes;
    while (at != NULL && fluss_list_next(&at, &item, &bytes)) {
        const size_t name_bytes = strcspn(item, ":");
        bool found = false;
        for (size_t i = 0; i < count; i++)
            found |= strlen(listeners[i].name) == name_bytes && strncmp(listeners[i].name, item, name_bytes) == 0;
        if (!found)
            slu_log_warn(env, "LISTENER-UNKNOWN",
                         "security.protocol.map names %.*s, which bind.listeners does not: no listener has "
                         "its protocol",
                         (int)name_bytes, item);
    }
}

slu_status
fluss_listeners_check_open(const fluss_config *config, const fluss_listener_spec *listeners, size_t count, slu_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *host = listeners[i].host;
        const bool loopback = strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
        if (!loopback && !listeners[i].sasl && !config->insecure)
            return slu_error_set(err, SLU_INVALID,
                                 "listener %s at %s can be reached from other machines, without encryption or login: give it SASL "
                                 "(security.protocol.map), or say --insecure if that is meant",
                                 listeners[i].name, host);
    }
    return SLU_OK;
}
