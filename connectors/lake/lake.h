/*
 * lake.h: the one place that opens a lake: an Iceberg catalog, and a store for its files, from the settings that jobs, servers and
 * people share.
 *
 * Settings Iceberg's own names; where Fluss's server.yaml or a command line names them they begin with "datalake.iceberg.".
 *          type                  hadoop (also: filesystem; the default): tables in a directory or in S3; rest: a catalog server
 *          warehouse             hadoop: /path, file:/path or s3://bucket/path; rest: its name there, may be missing
 *          uri                   rest: where the catalog answers
 *          prefix, token, credential, oauth2-server-uri, scope, audience, resource, header.NAME    rest (iceberg/rest/session.h)
 *          s3.endpoint, s3.region, client.region, s3.access-key-id, s3.secret-access-key, s3.session-token,
 *          s3.path-style-access, s3.profile, s3.ca-file     files in S3 (s3/s3.h); without keys: environment, then profile
 *          rest.ca-file          rest: a PEM file of authorities to believe
 *          Others are handed on. Of two with one name the later counts; an empty value is none.
 * Files    by the scheme of each location, whatever the catalog (stores.h). In S3 a hadoop catalog first makes sure that the server
 *          creates a file exclusively.
 * Threads  any.
 * Errors   UNSUPPORTED: another type, a location that this build does not reach; INVALID: a setting that is missing, by its name. No
 *          message holds a secret.
 */
#ifndef LAKE_LAKE_H
#define LAKE_LAKE_H

#include "iceberg/catalog.h"

#define LAKE_SETTING_PREFIX "datalake.iceberg."
#define LAKE_SETTINGS_MAX 256

typedef struct lake_options {
    const iceberg_property *settings; /* borrowed for the call; names without the prefix */
    size_t setting_count;
    bool sync; /* what is written to a directory survives a power loss */
} lake_options;

/* NULL: not set, or empty. */
const char *lake_setting(const lake_options *options, const char *name);
/* Is enough said to open it? Asks nobody. */
SLU_CHECK slu_status lake_check(const lake_options *options, slu_error *err);
/* `env` is borrowed and outlives the catalog. */
SLU_CHECK slu_status lake_open(const slu_env *env, const lake_options *options, iceberg_catalog *out, slu_error *err);
/* Does the setting hold something that nobody else may see? */
bool lake_setting_is_secret(const char *name);

#endif
