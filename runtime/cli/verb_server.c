/* verb_server.c: a Fluss-compatible table server in the foreground. */
#include "verbs.h"

#include "cli/catalog/lake.h"
#include "fluss/config/listeners.h"
#include "fluss/s3/fluss_s3.h"
#include "fluss/server/server.h"
#include "lake_settings.h"
#include "net/tcp.h"

#include <signal.h>
#include <stdlib.h>

#define SERVER_DATA_DIR_DEFAULT "sluice-data/server"
#define SERVER_LAKES_MAX 64

static fluss_server *running; /* for the signal handler */

static void
on_end(int number)
{
    (void)number;
    if (running != NULL)
        fluss_server_stop(running);
}

static bool
is_switch(const char *flag)
{
    return strcmp(flag, "sync") == 0 || strcmp(flag, "insecure") == 0;
}

/* The file's settings first, then the command line's (or the environment's) over them. */
static slu_status
config_fill(const slu_args *args, fluss_config *config, slu_error *err)
{
    static const char *const flags_said[] = {"listen", "data-dir", "sync", "insecure"};
    if (slu_args_has(args, "config"))
        SLU_TRY(fluss_config_read(config, slu_args_get(args, "config"), err));
    for (size_t i = 0; i < sizeof flags_said / sizeof flags_said[0]; i++) {
        const char *text = slu_args_get(args, flags_said[i]);
        if (text != NULL)
            SLU_TRY(fluss_config_set(config, flags_said[i], is_switch(flags_said[i]) ? "true" : text, "command line", err));
    }
    for (uint32_t i = 0; i < args->setting_count; i++)
        SLU_TRY(fluss_config_set(config, args->settings[i].name, args->settings[i].text, "command line", err));
    return config->data_dir != NULL ? SLU_OK : fluss_config_set(config, "data.dir", SERVER_DATA_DIR_DEFAULT, "default", err);
}

static slu_status
listen_read(const fluss_config *config, char *host, size_t host_bytes, int *port, slu_error *err)
{
    uint16_t number = FLUSS_SERVER_PORT_DEFAULT;
    fluss_listener_spec listeners[FLUSS_LISTENERS_MAX];
    size_t count;
    (void)snprintf(host, host_bytes, "%s", FLUSS_SERVER_HOST_DEFAULT);
    if (config->listen != NULL)
        SLU_TRY_IN(slu_address_split(config->listen, host, host_bytes, &number, err), err, "--listen");
    *port = number;
    SLU_TRY(fluss_listeners_read(config, host, number, listeners, &count, err));
    return fluss_listeners_check_open(config, listeners, count, err);
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

/* A lake that was altered stays open beside the one that took its place: what the server was given is usable until it is closed. */
typedef struct server_lakes {
    cli_lake *lakes[SERVER_LAKES_MAX];
    size_t count;
} server_lakes;

static slu_status
lakes_open(void *context, const fluss_config *config, fluss_server_lake *out, slu_error *err)
{
    server_lakes *all = context;
    if (strcasecmp(config->datalake_format, "iceberg") != 0)
        return SLU_OK;
    if (all->count == SERVER_LAKES_MAX)
        return slu_error_set(err, SLU_LIMIT, "the lake was altered %d times: start the server again", SERVER_LAKES_MAX);
    cli_lake_settings settings;
    cli_lake_settings_environment(&settings);
    for (size_t i = 0; i < config->entry_count; i++)
        SLU_TRY(cli_lake_settings_add(&settings, config->entries[i].key, config->entries[i].text, err));
    const lake_options lake = cli_lake_settings_options(&settings);
    SLU_TRY(cli_lake_open(slu_cli_env(), &lake, &all->lakes[all->count], err));
    *out = cli_lake_for_server(all->lakes[all->count++]);
    return SLU_OK;
}

static slu_status
server_start(const slu_args *args, fluss_server_options *options, slu_error *err)
{
    server_lakes all = {.count = 0};
    const fluss_server_lakes lakes = {&all, lakes_open};
    options->lakes = &lakes;
    const slu_status status = server_serve(args, options, err);
    while (all.count > 0)
        cli_lake_close(&all.lakes[--all.count]);
    return status;
}

/* ---- The list of settings ------------------------------------------------------------------------------------------------------- */

static void
setting_print(const fluss_setting *setting, slu_buf *out)
{
    slu_buf_printf(out, "%s (%s%s%s%s)\n    %s\n", setting->key, fluss_setting_kind_name(setting->kind),
                   setting->initial == NULL ? "" : ", default ", setting->initial == NULL ? "" : setting->initial,
                   (setting->flags & FLUSS_SETTING_DYNAMIC) != 0 ? ", may be altered" : "", setting->help);
}

static int
settings_print(void)
{
    SLU_AUTO(slu_buf_fini) slu_buf out = {0};
    size_t count;
    const fluss_setting *settings = fluss_settings(&count);
    slu_buf_init(&out, 1 << 20);
    slu_buf_text(&out, "Settings of a table server, by Fluss's own names: as --KEY VALUE, or KEY: VALUE\n"
                       "in the file of --config.\n\n");
    for (size_t i = 0; i < count; i++)
        if ((settings[i].flags & FLUSS_SETTING_UNUSED) == 0)
            setting_print(&settings[i], &out);
    slu_buf_text(&out, "\nTaken so that a cluster's server.yaml can be used as it is, but without an\n"
                       "effect on a single node:\n\n");
    for (size_t i = 0; i < count; i++)
        if ((settings[i].flags & FLUSS_SETTING_UNUSED) != 0)
            slu_buf_printf(&out, "%s\n    %s\n", settings[i].key, settings[i].help);
    return slu_cli_print(&out);
}

static int
server_run(const slu_args *args, fluss_config *config)
{
    char host[256];
    slu_error err;
    fluss_server_options options = {.config = config, .host = host, .open_store = fluss_s3_open};
    slu_status status = config_fill(args, config, &err);
    if (status == SLU_OK)
        status = listen_read(config, host, sizeof host, &options.port, &err);
    if (status != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_USAGE;
    }
    return server_start(args, &options, &err) == SLU_OK ? SLU_EXIT_DONE : slu_cli_fail(args, &err);
}

static int
server(const slu_args *args)
{
    SLU_AUTO(fluss_config_free) fluss_config *config = NULL;
    slu_error err;
    if (slu_args_has(args, "settings"))
        return settings_print();
    return fluss_config_new(&config, &err) == SLU_OK ? server_run(args, config) : slu_cli_fail(args, &err);
}

static const slu_flag flags[] = {
    {"listen", 0, "HOST:PORT", "where clients come (127.0.0.1:9123)"},
    {"data-dir", 0, "DIR", "tables and catalogue (sluice-data/server)"},
    {"sync", 0, NULL, "acknowledge what survives a power loss"},
    {"insecure", 0, NULL, "listen beyond loopback, unencrypted"},
    {"config", 0, "FILE", "settings in YAML, such as a server.yaml"},
    {"settings", 0, NULL, "list every setting and its default"},
};

const slu_verb slu_verb_server = {.name = "server",
                                  .summary = "a Fluss-compatible table server in the foreground",
                                  .usage = "",
                                  .more = "Settings have Fluss's own names: --default.bucket.number 4, --datalake.format\n"
                                          "iceberg, --log.segment.file-size 64mb, ... `sluice server --settings` lists them\n"
                                          "all. A Fluss server.yaml can be given as it is. Port 0 is any free one.\n",
                                  SLU_VERB_FLAGS(flags),
                                  .settings = true,
                                  .own_config = true,
                                  .run = server};
