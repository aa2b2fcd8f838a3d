/*
 * far.h: a log segment that lies in a store beyond the network, read a range at a time; its indexes lie at hand, as a rule.
 *
 * Shape    fluss_far_floor looks at the local index only: the place of a batch that is not behind the wanted one. The others ask the
 *          store for FLUSS_FAR_RANGE_BYTES at a time.
 * Threads  owner.
 * Errors   as fluss/log/segment.h, and the store's.
 */
#ifndef FLUSS_SERVER_REMOTE_FAR_H
#define FLUSS_SERVER_REMOTE_FAR_H

#include "fluss/remote/manifest.h"
#include "fluss/remote/store.h"

#define FLUSS_FAR_RANGE_BYTES ((size_t)64 << 10)

typedef struct fluss_far {
    const fluss_store *store;
    const char *dir;  /* the bucket's, in the store */
    const char *near; /* and where its indexes are, on this machine */
    const fluss_remote_segment *segment;
} fluss_far;

/* 0 where there is no index. */
uint64_t fluss_far_floor(const fluss_far *far, int64_t offset);
/* As fluss_segment_find_time. */
SLU_CHECK slu_status fluss_far_find_time(const fluss_far *far, int64_t time_ms, int64_t *out_offset, slu_error *err);
/* As fluss_segment_find and fluss_segment_read. */
SLU_CHECK slu_status fluss_far_read(const fluss_far *far, int64_t offset, size_t bytes_max, bool one_at_least, slu_buf *out,
                                    int64_t *out_next_offset, slu_error *err);

#endif
