/*
 * removal.h: files that are to go: collected first, since what is being walked may not vanish under the walk, then removed in the
 * order of their kinds: data before the manifests that name them before the lists that name these.
 *
 * Owns     copies of the locations.
 * Threads  owner.
 */
#ifndef ICEBERG_REMOVAL_H
#define ICEBERG_REMOVAL_H

#include "base/arena.h"
#include "iceberg/store.h"

typedef struct iceberg_doomed {
    const char *location;
    int order; /* lower ones go first */
} iceberg_doomed;

typedef struct iceberg_removal {
    slu_arena arena;
    iceberg_doomed *items;
    size_t count;
    size_t capacity;
} iceberg_removal;

void iceberg_removal_init(iceberg_removal *removal);
void iceberg_removal_fini(iceberg_removal *removal); /* safe on a zeroed one and twice */
SLU_CHECK slu_status iceberg_removal_add(iceberg_removal *removal, const char *location, int order, slu_error *err);
/* Answers how many could not be removed: they are orphans, which can be found again. */
int64_t iceberg_removal_run(iceberg_removal *removal, const iceberg_store *store);

#endif
