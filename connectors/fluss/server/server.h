/*
 * server.h: the embedded Fluss-compatible table server: coordinator and tablet server in one, at one address.
 *
 * Shape    open, then either run it on the calling thread (a daemon) or let it have a thread of its own (a demo, a test). Clients
 *          speak Fluss's protocol to its address and cannot tell it from a cluster of one node.
 * Owns     the data directory, exclusively: a second server on it is refused. Option strings are copied.
 * Threads  open, address, close: owner. stop: any thread, and a signal handler.
 * Errors   IO: an address or directory that cannot be used; CONFLICT: the directory is in use; UNSUPPORTED: it was written by a
 *          newer version; INVALID: options.
 * Limits   a request has FLUSS_FRAME_BYTES_MAX (100 MiB) bytes; a connection that does not read its answers is not read from.
 *
 * Ready means: the listener answers, when open returns. What was acknowledged survives a kill of the process, and with `sync` a
 * power loss.
 */
#ifndef FLUSS_SERVER_SERVER_H
#define FLUSS_SERVER_SERVER_H

#include "base/env.h"
#include "fluss/config/config.h"
#include "fluss/remote/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define FLUSS_SERVER_HOST_DEFAULT "127.0.0.1"
#define FLUSS_SERVER_PORT_DEFAULT 9123

typedef struct fluss_server fluss_server;

typedef struct fluss_server_property {
    const char *key;
    const char *value;
} fluss_server_property;

/*
 * The lake, as the server sees it; filled by whoever knows one. `create_table` makes the lake's table for a Fluss table that is
 * about to be created: CONFLICT when one is there already that cannot be adopted (the client gets Fluss's error 54 with the
 * message). `alter_table` is called before a changed descriptor is stored; NULL: altering lake tables is refused. Both run on the
 * server's thread, so they hold up every client while they last.
 */
typedef struct fluss_server_lake {
    void *context;
    /* `descriptor_json`: Fluss's TableDescriptor, defaults filled in. */
    slu_status (*create_table)(void *context, const char *database, const char *table, const char *descriptor_json, slu_error *err);
    slu_status (*alter_table)(void *context, const char *database, const char *table, const char *descriptor_json, slu_error *err);
    /* Tells clients where the lake is: properties of lake tables, e.g. table.datalake.iceberg.warehouse. Never secrets. */
    const fluss_server_property *properties;
    size_t property_count;
} fluss_server_lake;

/*
 * Where lakes come from: asked at the start and whenever settings below `datalake.` are altered. `open` gives the lake that the settings
 * name, or one without functions (create_table NULL) where they name none that it knows; what it gave stays usable until the server is
 * closed.
 */
typedef struct fluss_server_lakes {
    void *context;
    slu_status (*open)(void *context, const fluss_config *config, fluss_server_lake *out, slu_error *err);
} fluss_server_lakes;

/* Shorthands of a few settings for programs and tests; each that is given is said over `config`. */
typedef struct fluss_server_options {
    const fluss_config *config;  /* every setting; copied. NULL: the defaults */
    const char *host;            /* NULL: FLUSS_SERVER_HOST_DEFAULT */
    int port;                    /* 0: any free one; -1: FLUSS_SERVER_PORT_DEFAULT */
    const char *advertised_host; /* what clients are told to connect to; NULL: the host, or the address a client came to */
    const char *data_dir;
    const char *datalake_format;   /* "iceberg", "paimon", "lance"; NULL: no lake, and lake tables are refused */
    const fluss_server_lake *lake; /* copied; NULL with a datalake_format: lake tables get no table in a lake (a recorded no-op) */
    const fluss_server_lakes *lakes; /* copied; instead of `lake`: one that can change at run time */
    fluss_store_opener open_store;   /* of a remote.data.dir with a scheme, such as s3://; NULL: only directories */
    bool sync;                       /* acknowledge only what would survive a power loss */
    int32_t default_buckets;         /* of tables that do not say; 0: 1 */
    uint64_t segment_bytes;          /* 0: 1 GiB */
    size_t kv_cache_bytes;           /* 0: the kv room's default */
    size_t kv_write_buffer_bytes;    /* 0: the kv room's default */
} fluss_server_options;

/* Listens when it returns; answers while it runs. `env` is borrowed. */
SLU_CHECK slu_status fluss_server_open(const slu_env *env, const fluss_server_options *options, fluss_server **out, slu_error *err);
/* Answers clients on this thread until fluss_server_stop. */
void fluss_server_run(fluss_server *server);
/* Answers clients on a thread of its own, until close. */
SLU_CHECK slu_status fluss_server_start(fluss_server *server, slu_error *err);
void fluss_server_stop(fluss_server *server);
/* Ends what runs, waits for it, closes every file. */
void fluss_server_close(fluss_server **server);

/* The CPU clock of the thread that fluss_server_start made, for measurements. */
SLU_CHECK slu_status fluss_server_clock(const fluss_server *server, clockid_t *out);

/* "127.0.0.1:9123", of the first listener; valid until close. */
const char *fluss_server_address(const fluss_server *server);
/* Where the listener of that name really listens; -1: there is none. */
int fluss_server_port(const fluss_server *server, const char *listener);

#endif
