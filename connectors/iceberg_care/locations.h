/*
 * locations.h: a set of file locations, for telling what a table reaches from what only lies there.
 *
 * Rules    "file:/x", "file:///x" and "/x" are one, so are s3, s3a and s3n: a table may name a file one way and a listing another.
 *          Nothing else is the same.
 * Owns     copies of the texts, in its arena.
 * Threads  owner.
 * Errors   LIMIT, NOMEM: the arena's.
 * Limits   ICEBERG_LOCATIONS_BYTES_MAX of memory.
 */
#ifndef ICEBERG_LOCATIONS_H
#define ICEBERG_LOCATIONS_H

#include "base/arena.h"

#define ICEBERG_LOCATIONS_BYTES_MAX ((size_t)2 << 30)

typedef struct iceberg_locations {
    slu_arena arena;
    const char **slots; /* open addressing; a power of two */
    size_t capacity;
    size_t count;
} iceberg_locations;

void iceberg_locations_init(iceberg_locations *set);
void iceberg_locations_fini(iceberg_locations *set); /* safe on a zeroed one and twice */
/* *out_new (may be NULL): it was not there. */
SLU_CHECK slu_status iceberg_locations_add(iceberg_locations *set, const char *location, bool *out_new, slu_error *err);
bool iceberg_locations_have(const iceberg_locations *set, const char *location);

/* The part of a location that counts: without "file:" and the slashes that follow it, with s3 for s3a and s3n. Into `out` when it
 * has to be made, else within `location`. */
#define ICEBERG_LOCATION_BYTES_MAX 4096
const char *iceberg_location_key(const char *location, char *out);
/* What of `location` lies below `folder` ("data/x.parquet"); NULL: it does not. */
const char *iceberg_location_below(const char *location, const char *folder);

#endif
