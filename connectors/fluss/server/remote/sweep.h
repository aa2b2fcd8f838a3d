/*
 * sweep.h: what a killed server left in remote storage goes, as jobs for the background thread.
 *
 * Shape    a bucket is swept when it is opened; tables and partitions that are no more, once at the start.
 * Owns     a job has its own copies, and frees itself.
 * Errors   a sweep that fails is said in the log; the next one finds what it left.
 */
#ifndef FLUSS_SERVER_REMOTE_SWEEP_H
#define FLUSS_SERVER_REMOTE_SWEEP_H

#include "fluss/remote/manifest.h"
#include "fluss/background/background.h"
#include "fluss/server/remote/log.h"

/* Segments and manifests of a bucket that are neither in the manifest nor among `spared` (ids). `manifest` is copied. */
SLU_CHECK slu_status fluss_sweep_new(const fluss_remote *remote, const char *bucket_dir, const fluss_manifest *manifest,
                                     const char *manifest_id, const char *const *spared, size_t spared_count, fluss_job **out,
                                     slu_error *err);

/* Submits the job that removes the log segments of all tables and partitions that the catalogue has no longer. */
SLU_CHECK slu_status fluss_sweep_dropped(fluss_remote *remote, slu_error *err);

#endif
