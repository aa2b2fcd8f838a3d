/*
 * tables.h: what the `tables` verbs share: a client of a Fluss cluster, names of tables, rows as text and text as rows.
 *
 * Settings --fluss.bootstrap.servers HOST:PORT, else SLUICE_FLUSS_BOOTSTRAP_SERVERS, else 127.0.0.1:9123.
 */
#ifndef SLU_CLI_TABLES_H
#define SLU_CLI_TABLES_H

#include "fluss/client/admin.h"
#include "fluss/client/target.h"
#include "verbs.h"

#define TABLES_TIMEOUT_MS 30000
#define TABLES_OUTPUT_BYTES_MAX ((size_t)256 << 20)

/* The flags of every verb that speaks to a cluster. */
#define TABLES_SERVERS_FLAG                                                                                                        \
    {"fluss.bootstrap.servers", 'b', "HOST:PORT", "the cluster (127.0.0.1:9123)"},                                                 \
        {"user", 'u', "NAME", "who logs in, where the cluster asks"},                                                              \
    {                                                                                                                              \
        "password", 0, "TEXT", "rather in SLUICE_PASSWORD"                                                                         \
    }

typedef struct slu_table_name {
    char database[SLU_NAME_BYTES_MAX];
    char table[SLU_NAME_BYTES_MAX];
} slu_table_name;

SLU_CHECK slu_status slu_tables_client(const slu_args *args, fluss_client **out, slu_error *err);
/* The same at another address, with the same login. */
SLU_CHECK slu_status slu_tables_client_at(const slu_args *args, const char *servers, fluss_client **out, slu_error *err);
/* "db.t", or "t" in database fluss. */
SLU_CHECK slu_status slu_table_name_parse(const char *text, slu_table_name *out, slu_error *err);
/* The table, ready. */
SLU_CHECK slu_status slu_tables_target(fluss_client *client, const char *name, fluss_target **out, slu_error *err);
/* The exit code for a failure of the client, reported. */
int slu_tables_fail(const slu_args *args, const slu_error *err);

/* tables_read.c, tables_load.c */
int slu_tables_read(const slu_args *args);
int slu_tables_load(const slu_args *args);

#endif
