/*
 * plugin_options.h: a lake's settings as options of a plugin, and the list of those that have a name here.
 *
 * Shape    a plugin's options struct has a member of type lake_plugin_options; LAKE_PLUGIN_OPTIONS(struct, member) gives the lines of
 *          its table. Each is filled by the job parameter "datalake.iceberg." + name when `with` says nothing.
 * Owns     lake_settings borrows the texts.
 */
#ifndef LAKE_PLUGIN_OPTIONS_H
#define LAKE_PLUGIN_OPTIONS_H

#include "lake/lake.h"

#include <sluice/plugin.h>

/* X(field, name, default, flags, help) */
#define LAKE_SETTINGS(X, s, m)                                                                                                     \
    X(s, m, type, "type", "hadoop", 0u, "the Iceberg catalog: hadoop (tables in a directory or in S3) or rest"),                   \
        X(s, m, warehouse, "warehouse", NULL, 0u,                                                                                  \
          "where the tables are: a directory, file:/path or s3://bucket/path; with rest "                                          \
          "its name there"),                                                                                                       \
        X(s, m, uri, "uri", NULL, 0u, "with rest: where the catalog answers"),                                                     \
        X(s, m, prefix, "prefix", NULL, 0u, "with rest: the first part of every path"),                                            \
        X(s, m, token, "token", NULL, SLU_OPTION_SECRET, "with rest: a bearer token"),                                             \
        X(s, m, credential, "credential", NULL, SLU_OPTION_SECRET, "with rest: client id:secret for a token"),                     \
        X(s, m, oauth2_server_uri, "oauth2-server-uri", NULL, 0u, "with rest: who gives tokens"),                                  \
        X(s, m, scope, "scope", NULL, 0u, "with rest: what the token is for (catalog)"),                                           \
        X(s, m, audience, "audience", NULL, 0u, "with rest: whom the token is for"),                                               \
        X(s, m, resource, "resource", NULL, 0u, "with rest: which resource the token is for"),                                     \
        X(s, m, rest_ca_file, "rest.ca-file", NULL, 0u, "with rest: a PEM file of authorities to believe"),                        \
        X(s, m, s3_endpoint, "s3.endpoint", NULL, 0u, "the S3 server, http://host:port"),                                          \
        X(s, m, s3_region, "s3.region", NULL, 0u, "its region"),                                                                   \
        X(s, m, client_region, "client.region", NULL, 0u, "the same, by its other name"),                                          \
        X(s, m, s3_access_key_id, "s3.access-key-id", NULL, SLU_OPTION_SECRET, "else AWS_ACCESS_KEY_ID, else the profile's"),      \
        X(s, m, s3_secret_access_key, "s3.secret-access-key", NULL, SLU_OPTION_SECRET, "else AWS_SECRET_ACCESS_KEY"),              \
        X(s, m, s3_session_token, "s3.session-token", NULL, SLU_OPTION_SECRET, "else AWS_SESSION_TOKEN"),                          \
        X(s, m, s3_path_style_access, "s3.path-style-access", NULL, 0u, "true: the bucket is in the path, not in the host"),       \
        X(s, m, s3_profile, "s3.profile", NULL, 0u, "a section of ~/.aws/credentials"),                                            \
        X(s, m, s3_ca_file, "s3.ca-file", NULL, 0u, "a PEM file of authorities to believe")

typedef struct lake_plugin_options {
    const char *type;
    const char *warehouse;
    const char *uri;
    const char *prefix;
    const char *token;
    const char *credential;
    const char *oauth2_server_uri;
    const char *scope;
    const char *audience;
    const char *resource;
    const char *rest_ca_file;
    const char *s3_endpoint;
    const char *s3_region;
    const char *client_region;
    const char *s3_access_key_id;
    const char *s3_secret_access_key;
    const char *s3_session_token;
    const char *s3_path_style_access;
    const char *s3_profile;
    const char *s3_ca_file;
    const slu_value *more; /* NULL: none */
} lake_plugin_options;

#define LAKE_PLUGIN_OPTION(s, m, field, option, initial, option_flags, text)                                                       \
    SLU_OPTION(option, STRING, s, m.field, initial, text, .param = LAKE_SETTING_PREFIX option, .flags = (option_flags))
#define LAKE_PLUGIN_OPTIONS(s, m)                                                                                                  \
    LAKE_SETTINGS(LAKE_PLUGIN_OPTION, s, m),                                                                                       \
        SLU_OPTION("settings", MAP, s, m.more, NULL, "more settings of the catalog, such as header.NAME",                          \
                   .flags = SLU_OPTION_SECRET)

/* The names, without the prefix. */
const char *const *lake_setting_names(size_t *out_count);
/* What the plugin was told; of `settings` as many as fit. */
size_t lake_plugin_settings(const lake_plugin_options *options, iceberg_property out[LAKE_SETTINGS_MAX]);

#endif
