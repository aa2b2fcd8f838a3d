/*
 * log_files.h: the names in a bucket's directory: which segments and writer snapshots are there.
 *
 * Errors   IO; CORRUPT: a snapshot that is none. Foreign names are left alone.
 */
#ifndef FLUSS_LOG_FILES_H
#define FLUSS_LOG_FILES_H

#include "fluss/log/writers.h"

typedef struct fluss_log_files {
    int64_t *segments; /* base offsets, ascending */
    size_t segment_count;
    int64_t *snapshots; /* ascending */
    size_t snapshot_count;
} fluss_log_files;

SLU_CHECK slu_status fluss_log_files_list(const char *dir, fluss_log_files *out, slu_error *err);
void fluss_log_files_fini(fluss_log_files *files);

SLU_CHECK slu_status fluss_log_files_read_snapshot(const char *dir, int64_t offset, fluss_writers *writers, slu_error *err);
SLU_CHECK slu_status fluss_log_files_write_snapshot(const char *dir, int64_t offset, const fluss_writers *writers, bool sync,
                                                    slu_error *err);
SLU_CHECK slu_status fluss_log_files_remove_snapshot(const char *dir, int64_t offset, slu_error *err);

#endif
