/*
 * iceberg_s3.h: the files of an Iceberg table in S3: the table of functions of iceberg/store.h over an S3 client.
 *
 * Shape    locations are "s3://bucket/key", "s3a://" or "s3n://"; what list finds is spelled with the scheme that was asked with.
 *          A location that ends in "/" and has no bytes is somebody's folder marker and not listed.
 * Owns     the store owns its client; `env` is borrowed and outlives it.
 * Threads  any, one call at a time per file being written.
 * Errors   those of iceberg/store.h; INVALID with the server's words where it refuses us. A file being created appears as a whole at
 *          its end and not before.
 */
#ifndef ICEBERG_S3_ICEBERG_S3_H
#define ICEBERG_S3_ICEBERG_S3_H

#include "iceberg/store.h"
#include "s3/s3.h"

SLU_CHECK slu_status iceberg_store_s3_open(const s3_options *options, const slu_env *env, iceberg_store *out, slu_error *err);
/* As s3_client_renew; the store is one of iceberg_store_s3_open. */
SLU_CHECK slu_status iceberg_store_s3_renew(const iceberg_store *store, const s3_options *options, slu_error *err);

#endif
