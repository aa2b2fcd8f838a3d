/*
 * segment_index.h: one of the two indexes beside a segment of a log (segment.h has their layout): from offset or time to place.
 *
 * Shape    entries in ascending order; the newest FLUSS_INDEX_PENDING wait in memory for one write. A short cut, and no more: whoever
 *          finds it missing or wrong makes it anew from the log.
 * Owns     its descriptor. Of a foreign file nothing is written; one that is not there has no entries.
 * Threads  owner.
 * Errors   IO.
 */
#ifndef FLUSS_LOG_SEGMENT_INDEX_H
#define FLUSS_LOG_SEGMENT_INDEX_H

#include "base/bytes.h"

#include <stdbool.h>

#define FLUSS_INDEX_ENTRY_BYTES 8 /* .index */
#define FLUSS_TIME_ENTRY_BYTES 12 /* .timeindex */
#define FLUSS_INDEX_PENDING 64    /* entries kept in memory before they are written */

typedef struct fluss_index_entry {
    int32_t offset;   /* relative to the segment's base */
    int32_t position; /* .index */
    int64_t time_ms;  /* .timeindex */
} fluss_index_entry;

typedef struct fluss_index_file {
    int fd; /* -1: a foreign one that is not there */
    size_t entry_bytes;
    size_t written; /* entries in the file */
    size_t pending; /* entries in memory behind them */
    fluss_index_entry entries[FLUSS_INDEX_PENDING];
} fluss_index_file;

SLU_CHECK slu_status fluss_index_open(const char *path, size_t entry_bytes, bool foreign, fluss_index_file **out, slu_error *err);
/* Writes what is pending, or leaves it out where it cannot. */
void fluss_index_close(fluss_index_file **file);
size_t fluss_index_count(const fluss_index_file *file);
SLU_CHECK slu_status fluss_index_flush(fluss_index_file *file, slu_error *err);
SLU_CHECK slu_status fluss_index_add(fluss_index_file *file, const fluss_index_entry *entry, slu_error *err);
SLU_CHECK slu_status fluss_index_entry_at(const fluss_index_file *file, size_t at, fluss_index_entry *out, slu_error *err);
/* Are the entries ascending and, where the segment's rows are known (not 0), inside of it? */
SLU_CHECK slu_status fluss_index_check(const fluss_index_file *file, int64_t rows, uint64_t log_bytes, bool *out_good,
                                       slu_error *err);
/* How many entries have a key (offset or time) below or, if `or_equal`, equal to `key`. */
SLU_CHECK slu_status fluss_index_search(const fluss_index_file *file, int64_t key, bool by_time, bool or_equal, size_t *out,
                                        slu_error *err);
/* Drops the entries that point at or behind the end of the log. */
SLU_CHECK slu_status fluss_index_cut(fluss_index_file *file, int64_t offset_end, slu_error *err);
/* Drops all; of a foreign one only what is known of it. */
SLU_CHECK slu_status fluss_index_clear(fluss_index_file *file, bool foreign, slu_error *err);

#endif
