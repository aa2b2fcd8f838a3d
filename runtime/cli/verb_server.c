/* verb_server.c: a Fluss-compatible table server in the foreground. */
#include "verbs.h"

#include "cli/catalog/lake.h"
#include "fluss/server/server.h"
#include "net/tcp.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>

static fluss_server *running; /* for the signal handler */

static void
on_end(int number)
{
    (void)number;
    if (running != NULL)
        fluss_server_stop(running);
}

/* Fluss's own keys that this server serves. */
typedef struct server_settings {
    const char *datalake_format;
    const char *datalake_iceberg_type;
    const char *datalake_iceberg_warehouse;
    int64_t default_bucket_number;
    int64_t segment_bytes;
} server_settings;

static slu_status
setting_number(const slu_setting *setting, int64_t min, int64_t max, int64_t *out, slu_error *err)
{
    char *end;
    errno = 0;
    const long long value = strtoll(setting->text, &end, 10);
    if (errno != 0 || end == setting->text || *end != 0 || value < min || value > max)
        return slu_error_set(err, SLU_INVALID, "--%s %s: it is a whole number from %lld to %lld", setting->name, setting->text,
                             (long long)min, (long long)max);
    *out = value;
    return SLU_OK;
}

static slu_status
setting_read(const slu_setting *setting, server_settings *out, slu_error *err)
{
    static const char *const known[] = {"datalake.format", "datalake.iceberg.type", "datalake.iceberg.warehouse",
                                        "default.bucket.number", "log.segment.file-size"};
    if (strcmp(setting->name, known[0]) == 0)
        out->datalake_format = setting->text;
    else if (strcmp(setting->name, known[1]) == 0)
        out->datalake_iceberg_type = setting->text;
    else if (strcmp(setting->name, known[2]) == 0)
        out->datalake_iceberg_warehouse = setting->text;
    else if (strcmp(setting->name, known[3]) == 0)
        return setting_number(setting, 1, 128000, &out->default_bucket_number, err);
    else if (strcmp(setting->name, known[4]) == 0)
        return slu_bytes_parse(setting->text, &out->segment_bytes, err);
    else
        return slu_cli_unknown_setting(setting->name, known, sizeof known / sizeof known[0], err);
    return SLU_OK;
}

static slu_status
listen_read(const slu_args *args, char *host, size_t host_bytes, int *port, slu_error *err)
{
    uint16_t number = FLUSS_SERVER_PORT_DEFAULT;
    const char *address = slu_args_get(args, "listen");
    (void)snprintf(host, host_bytes, "%s", FLUSS_SERVER_HOST_DEFAULT);
    if (address != NULL)
        SLU_TRY_IN(slu_address_split(address, host, host_bytes, &number, err), err, "--listen");
    *port = number;
    const bool loopback = strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
    if (!loopback && !slu_args_has(args, "insecure"))
        return slu_error_set(err, SLU_INVALID,
                             "--listen %s can be reached from other machines, without encryption: say --insecure if that is meant",
                             host);
    return SLU_OK;
}

static slu_status
server_serve(const slu_args *args, const fluss_server_options *options, slu_error *err)
{
    fluss_server *server = NULL;
    struct sigaction action = {.sa_handler = on_end};
    SLU_TRY(fluss_server_open(slu_cli_env(), options, &server, err));
    running = server;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)fprintf(stderr, "server: ready at %s\n", fluss_server_address(server));
    fluss_server_run(server);
    running = NULL;
    fluss_server_close(&server);
    (void)args;
    return SLU_OK;
}

static slu_status
server_start(const slu_args *args, const server_settings *settings, fluss_server_options *options, slu_error *err)
{
    cli_lake *lake = NULL;
    fluss_server_lake functions;
    if (settings->datalake_format != NULL && strcmp(settings->datalake_format, "iceberg") == 0) {
        SLU_TRY(cli_lake_open(slu_cli_env(), settings->datalake_iceberg_type, settings->datalake_iceberg_warehouse, &lake, err));
        functions = cli_lake_for_server(lake);
        options->lake = &functions;
    }
    const slu_status status = server_serve(args, options, err);
    cli_lake_close(&lake);
    return status;
}

static int
server(const slu_args *args)
{
    char host[256];
    slu_error err;
    server_settings settings = {0};
    fluss_server_options options = {.host = host,
                                    .data_dir =
                                        slu_args_has(args, "data-dir") ? slu_args_get(args, "data-dir") : "sluice-data/server",
                                    .sync = slu_args_has(args, "sync")};
    slu_status status = listen_read(args, host, sizeof host, &options.port, &err);
    for (uint32_t i = 0; i < args->setting_count && status == SLU_OK; i++)
        status = setting_read(&args->settings[i], &settings, &err);
    if (status != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_USAGE;
    }
    options.datalake_format = settings.datalake_format;
    options.default_buckets = (int32_t)settings.default_bucket_number;
    options.segment_bytes = (uint64_t)settings.segment_bytes;
    return server_start(args, &settings, &options, &err) == SLU_OK ? SLU_EXIT_DONE : slu_cli_fail(args, &err);
}

static const slu_flag flags[] = {
    {"listen", 0, "HOST:PORT", "where clients come (127.0.0.1:9123; port 0: any free one)"},
    {"data-dir", 0, "DIR", "tables and catalogue (sluice-data/server)"},
    {"sync", 0, NULL, "acknowledge only what would survive a power loss"},
    {"insecure", 0, NULL, "listen beyond loopback without encryption"},
    {"config", 0, "FILE", "options and settings in YAML, under the names they have here"},
};

const slu_verb slu_verb_server = {
    .name = "server",
    .summary = "a Fluss-compatible table server in the foreground",
    .usage = "",
    .more = "Settings, by Fluss's own names: --datalake.format iceberg, --datalake.iceberg.type hadoop,\n"
            "--datalake.iceberg.warehouse DIR, --default.bucket.number N, --log.segment.file-size SIZE.\n",
    SLU_VERB_FLAGS(flags),
    .settings = true,
    .run = server};
