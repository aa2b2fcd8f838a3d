/*
 * dynamic_config.h: settings that are altered while the server runs, as Fluss's DynamicConfigManager does it.
 *
 * Shape    the catalogue keeps what was altered; the server's config is what it was started with and, over it, what was altered.
 *          A change is built and checked aside, then written, then taken: it is whole or it is not.
 * Errors   INVALID with Fluss's code 64 and its texts.
 * Threads  the server's.
 */
#ifndef FLUSS_SERVER_DYNAMIC_CONFIG_H
#define FLUSS_SERVER_DYNAMIC_CONFIG_H

#include "fluss/server/server_internal.h"

/* At the start: what was altered before holds again. What no longer can is left out, with a warning. */
SLU_CHECK slu_status fluss_dynamic_config_open(fluss_server *server, slu_error *err);
void fluss_dynamic_config_close(fluss_server *server);

#endif
