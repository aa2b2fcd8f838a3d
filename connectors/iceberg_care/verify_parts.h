/*
 * verify_parts.h: what the parts of a verification share.
 */
#ifndef ICEBERG_VERIFY_PARTS_H
#define ICEBERG_VERIFY_PARTS_H

#include "iceberg/manifest.h"
#include "iceberg_care/locations.h"
#include "iceberg_care/verify.h"

#define VERIFY_WRONG true
#define VERIFY_ODD false

typedef struct iceberg_verifying {
    const iceberg_store *store;
    const iceberg_table *table;
    const iceberg_metadata *metadata;
    const iceberg_verify_options *options;
    iceberg_verified *out;
    iceberg_locations manifests; /* looked at */
    iceberg_locations files;     /* looked at */
    slu_status failed;           /* the caller's `found`, or memory */
    slu_error error;
} iceberg_verifying;

/* A finding; after a failure of the caller's, nothing more. */
void iceberg_verify_say(iceberg_verifying *work, bool wrong, const char *code, const char *where, const char *format, ...)
    SLU_PRINTF(5, 6);
/* A field of any schema the table has; NULL: none. */
const iceberg_field *iceberg_verify_field(const iceberg_verifying *work, int32_t id);
/* Is the file there, and as large as said? */
bool iceberg_verify_size(iceberg_verifying *work, const char *location, int64_t bytes, const char *what);

void iceberg_verify_metadata(iceberg_verifying *work);
SLU_CHECK slu_status iceberg_verify_snapshot(iceberg_verifying *work, const iceberg_snapshot *snapshot, slu_error *err);
void iceberg_verify_entry(iceberg_verifying *work, const iceberg_manifest_file *listed, const iceberg_manifest_entry *entry);
void iceberg_verify_footer(iceberg_verifying *work, const iceberg_data_file *file);
SLU_CHECK slu_status iceberg_verify_offsets(iceberg_verifying *work, slu_error *err);

#endif
