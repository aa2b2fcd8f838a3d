#include "lake/lake.h"

#include "iceberg/rest/rest_catalog.h"
#include "lake/plugin_options.h"
#include "lake/stores.h"

#include "base/suggest.h"

#include <strings.h>

const char *
lake_setting(const lake_options *options, const char *name)
{
    for (size_t i = options->setting_count; i-- > 0;) {
        const iceberg_property *at = &options->settings[i];
        if (strcmp(at->key, name) == 0 && at->value != NULL && at->value[0] != 0)
            return at->value;
    }
    return NULL;
}

bool
lake_setting_is_secret(const char *name)
{
    static const char *const parts[] = {"secret", "token", "credential", "password", "access-key", "header.", "key-id"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcasestr(name, parts[i]) != NULL)
            return true;
    return false;
}

static bool
is_rest(const lake_options *options)
{
    const char *type = lake_setting(options, "type");
    return type != NULL && strcmp(type, "rest") == 0;
}

/* Settings that are not ours are handed on, but for slips of the pen. */
static slu_status
names_check(const lake_options *options, slu_error *err)
{
    size_t known_count = 0;
    const char *const *known = lake_setting_names(&known_count);
    for (size_t i = 0; i < options->setting_count; i++) {
        const char *key = options->settings[i].key;
        const char *near = strncmp(key, "s3.", 3) == 0 ? slu_suggest(key, known, known_count) : NULL;
        if (near != NULL && strcmp(near, key) != 0)
            return slu_error_set(err, SLU_INVALID, "datalake.iceberg.%.64s is no setting; did you mean datalake.iceberg.%s?", key,
                                 near);
    }
    return SLU_OK;
}

static slu_status
url_check(const lake_options *options, const char *name, slu_error *err)
{
    const char *url = lake_setting(options, name);
    const size_t scheme = url == NULL ? 0 : strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    if (url == NULL || (scheme != 0 && url[scheme] != 0 && url[scheme] != '/'))
        return SLU_OK;
    return slu_error_set(err, SLU_INVALID,
                         "datalake.iceberg.%s=%.200s: an address begins with http:// or https:// (did you mean http://%.200s?)",
                         name, url, url + scheme);
}

static slu_status
type_check(const char *type, slu_error *err)
{
    static const char *const types[] = {"hadoop", "filesystem", "rest"};
    const char *near = type == NULL ? NULL : slu_suggest(type, types, sizeof types / sizeof *types);
    if (type == NULL || (near != NULL && strcmp(near, type) == 0))
        return SLU_OK;
    return slu_error_set(err, SLU_UNSUPPORTED,
                         "datalake.iceberg.type=%.64s: this build has hadoop (tables in a directory or in S3) and rest%s%s%s", type,
                         near == NULL ? "" : "; did you mean ", near == NULL ? "" : near, near == NULL ? "" : "?");
}

slu_status
lake_check(const lake_options *options, slu_error *err)
{
    SLU_TRY(type_check(lake_setting(options, "type"), err));
    SLU_TRY(names_check(options, err));
    SLU_TRY(url_check(options, "uri", err));
    SLU_TRY(url_check(options, "s3.endpoint", err));
    if (is_rest(options))
        return lake_setting(options, "uri") != NULL
                   ? SLU_OK
                   : slu_error_set(err, SLU_INVALID,
                                   "datalake.iceberg.uri is not set: where the REST catalog answers (http://host:port)");
    const char *warehouse = lake_setting(options, "warehouse");
    if (warehouse == NULL)
        return slu_error_set(err, SLU_INVALID,
                             "datalake.iceberg.warehouse is not set: where the lake's tables are (/path, file:/path or "
                             "s3://bucket/path)");
    if (warehouse[0] != '/' && strncmp(warehouse, "file:", 5) != 0 && strncmp(warehouse, "s3", 2) != 0)
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "datalake.iceberg.warehouse=%.200s: this build has local directories (/path or file:/path) and S3 "
                             "(s3://bucket/path)",
                             warehouse);
    return SLU_OK;
}

static slu_status
open_files(const slu_env *env, const lake_options *options, iceberg_catalog *out, slu_error *err)
{
    iceberg_store store = {0};
    const iceberg_store_settings settings = {.items = options->settings, .count = options->setting_count};
    SLU_TRY(lake_stores_open(env, &settings, options->sync, true, &store, err));
    const slu_status status = iceberg_catalog_files_open(env, lake_setting(options, "warehouse"), &store, out, err);
    if (status != SLU_OK)
        iceberg_store_close(&store);
    return status;
}

static slu_status
open_rest(const slu_env *env, const lake_options *options, iceberg_catalog *out, slu_error *err)
{
    iceberg_store_maker maker = {0};
    const iceberg_rest_options rest = {.properties = options->settings,
                                       .property_count = options->setting_count,
                                       .http = {.ca_file = lake_setting(options, "rest.ca-file")}};
    SLU_TRY(lake_stores_maker(env, options->sync, &maker, err));
    const slu_status status = iceberg_catalog_rest_open(env, &rest, &maker, out, err);
    if (status != SLU_OK)
        iceberg_store_maker_close(&maker);
    return status;
}

/* The settings that say something, each once: a later one takes the place of an earlier one. */
static size_t
settings_said(const lake_options *options, iceberg_property out[LAKE_SETTINGS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < options->setting_count; i++) {
        const iceberg_property *at = &options->settings[i];
        if (at->value == NULL || at->value[0] == 0 || lake_setting(options, at->key) != at->value)
            continue;
        out[count++] = *at;
    }
    return count;
}

slu_status
lake_open(const slu_env *env, const lake_options *options, iceberg_catalog *out, slu_error *err)
{
    iceberg_property said[LAKE_SETTINGS_MAX];
    if (options->setting_count > LAKE_SETTINGS_MAX)
        return slu_error_set(err, SLU_LIMIT, "a lake with %zu settings; at most %d are served", options->setting_count,
                             LAKE_SETTINGS_MAX);
    SLU_TRY(lake_check(options, err));
    const lake_options clean = {.settings = said, .setting_count = settings_said(options, said), .sync = options->sync};
    return is_rest(&clean) ? open_rest(env, &clean, out, err) : open_files(env, &clean, out, err);
}
