/*
 * summary.h: what a snapshot says of itself: its operation, what it added and removed, and the table's totals after it.
 *
 * Source   Java's SnapshotSummary. Totals are left out where the parent does not know its own.
 * Owns     everything lives in the arena given.
 */
#ifndef ICEBERG_SUMMARY_H
#define ICEBERG_SUMMARY_H

#include "base/arena.h"
#include "iceberg/commit.h"
#include "iceberg/filter.h"

typedef struct iceberg_summary {
    iceberg_property *items;
    uint32_t count;
} iceberg_summary;

/* `parent` NULL: none. `gone`: what the commit removed. */
SLU_CHECK slu_status iceberg_summary_make(const iceberg_append *append, const iceberg_snapshot *parent, const iceberg_filter *gone,
                                          slu_arena *arena, iceberg_summary *out, slu_error *err);

#endif
