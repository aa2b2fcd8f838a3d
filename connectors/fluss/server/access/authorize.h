/*
 * authorize.h: may whoever sent this request do what it asks for?
 *
 * Shape    off (authorizer.enabled false): everybody may do everything, and nothing below costs anything. On: fluss_authorize_request
 *          is asked before the handler of every request, by a table of APIs; what concerns one table of several, or a list, is asked
 *          by the handler. Clients of the internal listener and super.users may do everything.
 * Errors   INVALID with Fluss's code 48 and its texts; 47 where rights are asked for and there is no authorizer.
 * Threads  the server's.
 */
#ifndef FLUSS_SERVER_AUTHORIZE_H
#define FLUSS_SERVER_AUTHORIZE_H

#include "fluss/server/server_internal.h"

SLU_CHECK slu_status fluss_authorizer_open(fluss_server *server, slu_error *err);
void fluss_authorizer_close(fluss_server *server);

bool fluss_may(const fluss_request *r, fluss_operation operation, const fluss_resource *resource);
bool fluss_may_table(const fluss_request *r, fluss_operation operation, const char *database, const char *table);
bool fluss_may_database(const fluss_request *r, fluss_operation operation, const char *database);
/* Nobody may do anything with a table that is not known: it may be made while the request waits. */
bool fluss_may_table_id(const fluss_request *r, fluss_operation operation, int64_t table_id);

SLU_CHECK slu_status fluss_authorize(const fluss_request *r, fluss_operation operation, const fluss_resource *resource,
                                     slu_error *err);
SLU_CHECK slu_status fluss_authorize_table_id(const fluss_request *r, fluss_operation operation, int64_t table_id, slu_error *err);
/* What a bucket's entry says: "No permission to READ table t in database db". */
SLU_CHECK slu_status fluss_authorize_part(const fluss_request *r, fluss_operation operation, int64_t table_id, slu_error *err);
SLU_CHECK slu_status fluss_authorize_request(const fluss_request *r, slu_error *err);

#endif
