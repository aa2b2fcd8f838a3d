/*
 * store_maker.h: who opens stores for a catalog that is told by its server where files are and with which keys they are reached.
 *
 * Shape    settings are Iceberg's own properties ("s3.endpoint", "s3.access-key-id" ...); of two with one name the later one counts,
 *          and an empty value is none. A grant is a set of settings for the locations that begin with its prefix, over the common
 *          ones; of several that fit, the longest prefix counts.
 * Owns     whoever holds a maker closes it, after every store that it opened.
 * Threads  any.
 */
#ifndef ICEBERG_STORE_MAKER_H
#define ICEBERG_STORE_MAKER_H

#include "iceberg/metadata.h"
#include "iceberg/store.h"

#define ICEBERG_STORE_GRANTS_MAX 16

typedef struct iceberg_store_grant {
    const char *prefix;
    const iceberg_property *items;
    size_t count;
} iceberg_store_grant;

typedef struct iceberg_store_settings {
    const iceberg_property *items;
    size_t count;
    const iceberg_store_grant *grants; /* at most ICEBERG_STORE_GRANTS_MAX */
    size_t grant_count;
} iceberg_store_settings;

typedef struct iceberg_store_maker {
    void *self;
    /* The settings are borrowed for the call. */
    slu_status (*open)(void *self, const iceberg_store_settings *settings, iceberg_store *out, slu_error *err);
    void (*close)(void *self);
} iceberg_store_maker;

void iceberg_store_maker_close(iceberg_store_maker *maker); /* safe on a zeroed one and twice */

#endif
