/*
 * face.h: what the faces of fluss.so share: a client and an opened table that live in a task's poll loop.
 *
 * Shape    a face watches its client's descriptor and one deadline with the host; `face_step` runs the client, `face_arm` says when it
 *          wants to be run again. In planning, where blocking is fine, `face_wait` waits.
 * Owns     client and target; close is safe on a zeroed face and twice.
 * Threads  the task's.
 * Errors   those of the client, with "table DATABASE.TABLE" before them.
 */
#ifndef FLUSS_FACE_H
#define FLUSS_FACE_H

#include "base/env.h"
#include "base/limits.h"
#include "fluss/client/target.h"

#include <sluice/plugin.h>

#define FACE_COOKIE 1
#define FACE_WAIT_MS 15000 /* of a planning process, or of a partitioner's open, for the cluster */

typedef struct face_options {
    const char *bootstrap_servers;
    const char *table; /* database.table */
    int64_t request_timeout_ms;
    fluss_login login;
    fluss_files_options files;
} face_options;

/* The options every face has, as lines of its option table. `options_struct` holds a face_options named `face`. */
#define FACE_OPTIONS(options_struct)                                                                                               \
    SLU_OPTION("bootstrap.servers", STRING, options_struct, face.bootstrap_servers, NULL,                                          \
               "the Fluss cluster, as host:port[,host:port]", .param = "fluss.bootstrap.servers", .flags = SLU_OPTION_REQUIRED),   \
        SLU_OPTION("table", STRING, options_struct, face.table, NULL, "the table, as database.table",                              \
                   .flags = SLU_OPTION_REQUIRED),                                                                                  \
        SLU_OPTION("request-timeout", DURATION, options_struct, face.request_timeout_ms, "30s",                                    \
                   "how long a request to Fluss may take", .min = 1000, .max = 600000),                                            \
        FLUSS_LOGIN_OPTIONS(options_struct, face.login), FLUSS_FILES_OPTIONS(options_struct, face.files)

typedef struct fluss_face {
    slu_env env; /* the host's clocks, randomness and log */
    slu_host *host;
    fluss_client *client;
    fluss_target *target;
    char database[SLU_NAME_BYTES_MAX];
    char table[SLU_NAME_BYTES_MAX];
    bool watched;
} fluss_face;

/* Opens the client and begins to open the table. `watch`: let the host watch the descriptor. `face` must stay where it is. */
SLU_CHECK slu_status face_open(fluss_face *face, slu_host *host, const face_options *options, const slu_value *with, bool watch,
                               slu_error *err);
void face_close(fluss_face *face);
/* Blocks until the table is open. */
SLU_CHECK slu_status face_wait(fluss_face *face, slu_error *err);
/* Runs what is ready, without waiting. */
void face_step(fluss_face *face);
/* Before going back to the host without work: everything asked is on its way, and the deadline is set, at most at `at_ms`. */
void face_arm_at(fluss_face *face, int64_t at_ms);
void face_arm(fluss_face *face);

/* The position of a table's column by name, with the place of `item` in an error; INVALID, naming what is near. */
SLU_CHECK slu_status face_column(const fluss_face *face, const char *name, const slu_value *item, int32_t *out, slu_error *err);
/* CORRUPT: the server describes a table that cannot be. */
SLU_CHECK slu_status face_check(const fluss_face *face, slu_error *err);
/* Whether an array of format `from` may be written where the table has `to`: the same bytes. */
bool face_formats_match(const char *from, const char *to);

/* The plugins of the module. */
extern const slu_plugin fluss_source_plugin;
extern const slu_plugin fluss_sink_plugin;
extern const slu_plugin fluss_lookup_plugin;

#endif
