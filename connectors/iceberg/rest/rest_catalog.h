/*
 * rest_catalog.h: a REST catalog behind the table of functions of catalog.h, and what it can do beyond it.
 *
 * Shape    tables as the server gives them: what it renumbers or moves on create is what counts. Views are never asked for.
 * Commit   OK, CONFLICT and the other definite statuses are certain. IO, TIMEOUT and CLOSED mean unknown, for the caller to look for
 *          its snapshot: so is every 5xx (and 503 without Retry-After), a broken connection, and an accepted commit whose answer
 *          cannot be read. A 409 and a 400 are settled here, and any definite answer that follows a try in doubt: the own snapshot is
 *          looked for, and when it is there the commit is OK. After a try in doubt, that it is not there is believed only when the
 *          history from the ref back to the base is shown without a gap, since some servers list the current snapshot alone.
 * Create   makes the namespace when it is missing; in two steps (staged.h) where the server refuses to make a table in one.
 * Given    what comes with a table is used for that table: settings and keys for its files, a token for its calls (vended.h).
 * Files    the stores are made with the server's settings over and under ours (session.h).
 * Owns     the maker is taken over and closed with the catalog.
 * Threads  any; calls to the server wait for each other.
 * Errors   those of session.h and catalog.h.
 * Not yet  token exchange, remote signing, rest.auth.type sigv4 and basic.
 */
#ifndef ICEBERG_REST_CATALOG_H
#define ICEBERG_REST_CATALOG_H

#include "iceberg/rest/session.h"
#include "iceberg/store_maker.h"

SLU_CHECK slu_status iceberg_catalog_rest_open(const slu_env *env, const iceberg_rest_options *options, iceberg_store_maker *maker,
                                               iceberg_catalog *out, slu_error *err);

/* Those below want a catalog of iceberg_catalog_rest_open; another is INVALID. */

/* The namespaces below `parent` (NULL: at the top), levels joined by '.'. */
SLU_CHECK slu_status iceberg_rest_namespaces(const iceberg_catalog *catalog, const char *parent, iceberg_named found, void *to,
                                             slu_error *err);
/* CONFLICT: it exists. */
SLU_CHECK slu_status iceberg_rest_namespace_create(const iceberg_catalog *catalog, const char *ns, slu_error *err);
/* NOTFOUND: it does not exist. */
SLU_CHECK slu_status iceberg_rest_namespace_check(const iceberg_catalog *catalog, const char *ns, slu_error *err);
/* `purge` also asks for the removal of the files, which many servers do not do. */
SLU_CHECK slu_status iceberg_rest_table_drop(const iceberg_catalog *catalog, const char *ns, const char *name, bool purge,
                                             slu_error *err);
SLU_CHECK slu_status iceberg_rest_table_rename(const iceberg_catalog *catalog, const char *from_ns, const char *from,
                                               const char *to_ns, const char *to, slu_error *err);

#endif
