/*
 * security.h: access rights and settings altered at run time, in the catalogue.
 *
 * Durable, threads, errors: as catalogue.h.
 */
#ifndef FLUSS_SERVER_CATALOGUE_SECURITY_H
#define FLUSS_SERVER_CATALOGUE_SECURITY_H

#include "fluss/security/acl.h"
#include "fluss/server/catalogue/catalogue.h"

/* Makes the tables when they are not there. */
SLU_CHECK slu_status fluss_catalogue_security_open(fluss_catalogue *c, slu_error *err);

/* One that is there already stays. */
SLU_CHECK slu_status fluss_catalogue_add_acls(fluss_catalogue *c, const fluss_acl *acls, size_t count, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_remove_acls(fluss_catalogue *c, const fluss_acl *acls, size_t count, slu_error *err);
/* Adds all of them to a set. */
SLU_CHECK slu_status fluss_catalogue_load_acls(fluss_catalogue *c, fluss_acls *to, slu_error *err);

typedef struct fluss_config_row {
    const char *key;
    const char *value; /* NULL: what the server was started with is no longer said */
} fluss_config_row;

SLU_CHECK slu_status fluss_catalogue_list_configs(fluss_catalogue *c, slu_arena *arena, fluss_config_row **out, size_t *out_count,
                                                  slu_error *err);
/* These and no others. */
SLU_CHECK slu_status fluss_catalogue_set_configs(fluss_catalogue *c, const fluss_config_row *rows, size_t count, slu_error *err);

/* The tables of which a kv snapshot lease holds something. */
SLU_CHECK slu_status fluss_catalogue_lease_tables(fluss_catalogue *c, const char *lease, slu_arena *arena, int64_t **out,
                                                  size_t *out_count, slu_error *err);

#endif
