/* server_main.c: the table server as a program of its own, for tests and for trying a client on it: fluss_server_main DIR
 * [HOST:PORT [FORMAT]] [KEY=VALUE ...]. */
#include "fluss/s3/fluss_s3.h"
#include "fluss/server/server.h"
#include "net/tcp.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fluss_server *running;

static void
stop(int number)
{
    (void)number;
    fluss_server_stop(running);
}

/* Takes "KEY=VALUE" arguments, which come last, off the end. */
static slu_status
take_settings(int *argc, char **argv, fluss_config *config, slu_error *err)
{
    while (*argc > 1 && strchr(argv[*argc - 1], '=') != NULL) {
        char *text = strchr(argv[*argc - 1], '=');
        *text = 0;
        SLU_TRY(fluss_config_set(config, argv[*argc - 1], text + 1, "command line", err));
        --*argc;
    }
    return SLU_OK;
}

int
main(int argc, char **argv)
{
    char host[256] = FLUSS_SERVER_HOST_DEFAULT;
    uint16_t port = FLUSS_SERVER_PORT_DEFAULT;
    slu_env env;
    slu_error err;
    fluss_config *config = NULL;
    slu_env_init_system(&env, getenv("SLUICE_DEBUG") != NULL ? SLU_LOG_DEBUG : SLU_LOG_INFO);
    if (fluss_config_new(&config, &err) != SLU_OK || take_settings(&argc, argv, config, &err) != SLU_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    if (argc < 2 || (argc > 2 && slu_address_split(argv[2], host, sizeof host, &port, &err) != SLU_OK)) {
        (void)fprintf(stderr, "usage: %s DIR [HOST:PORT [LAKE FORMAT]] [KEY=VALUE ...]\n", argv[0]);
        return 2;
    }
    const fluss_server_options options = {.config = config,
                                          .host = host,
                                          .port = port,
                                          .data_dir = argv[1],
                                          .datalake_format = argc > 3 ? argv[3] : NULL,
                                          .open_store = fluss_s3_open};
    if (fluss_server_open(&env, &options, &running, &err) != SLU_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    fluss_config_free(&config);
    const struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)printf("%s\n", fluss_server_address(running));
    (void)fflush(stdout);
    fluss_server_run(running);
    fluss_server_close(&running);
    return 0;
}
