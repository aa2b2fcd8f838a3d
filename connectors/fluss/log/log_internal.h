/* log_internal.h: a log as log.c and log_read.c see it; nobody else includes it. */
#ifndef FLUSS_LOG_LOG_INTERNAL_H
#define FLUSS_LOG_LOG_INTERNAL_H

#include "fluss/log/log.h"

#include "fluss/log/segment.h"
#include "fluss/log/writers.h"

#define LOG_PLACES 8 /* remembered read positions */

/* Readers go forward: where a read ended the next one begins, without a look into the index. */
typedef struct log_place {
    int64_t offset;
    int64_t segment_base;
    uint64_t position;
} log_place;

struct fluss_log {
    const slu_env *env;
    char *dir;
    char *name;
    fluss_log_options options;
    fluss_segment *segments; /* ascending, never empty once open */
    size_t segment_count;
    size_t segment_room;
    fluss_writers *writers;
    int64_t max_time_ms;
    uint64_t bytes_since_snapshot;
    int64_t snapshot_offset; /* newest snapshot; -1: none */
    log_place places[LOG_PLACES];
    unsigned place_next;
    fluss_log_archive archive; /* zeroed: none */
    int64_t unsynced_records;
    int64_t synced_offset; /* of the active segment, with `sync` */
    uint64_t synced_bytes;
    bool sync_failed; /* for good: it is to be abandoned */
};

/* The segment that is appended to. */
static inline fluss_segment *
log_active(const fluss_log *log)
{
    return &log->segments[log->segment_count - 1];
}

#endif
