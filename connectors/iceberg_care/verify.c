#include "iceberg_care/verify.h"

#include "iceberg_care/verify_parts.h"

#include <stdarg.h>

void
iceberg_verify_say(iceberg_verifying *work, bool wrong, const char *code, const char *where, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (work->failed != SLU_OK)
        return;
    work->out->wrong += wrong;
    work->out->odd += !wrong;
    const iceberg_finding finding = {wrong, code, where, text};
    if (work->options->found != NULL)
        work->failed = work->options->found(work->options->to, &finding, &work->error);
}

const iceberg_field *
iceberg_verify_field(const iceberg_verifying *work, int32_t id)
{
    const iceberg_metadata *metadata = work->metadata;
    const iceberg_field *field = iceberg_schema_field(iceberg_metadata_schema(metadata), id);
    for (uint32_t i = 0; i < metadata->schema_count && field == NULL; i++)
        field = iceberg_schema_field(&metadata->schemas[i], id);
    return field;
}

bool
iceberg_verify_size(iceberg_verifying *work, const char *location, int64_t bytes, const char *what)
{
    slu_error err = {0};
    int64_t there = 0;
    const slu_status status = work->store->ops->size(work->store->self, location, &there, &err);
    if (status == SLU_NOTFOUND)
        iceberg_verify_say(work, VERIFY_WRONG, "file-missing", location, "this %s is not there", what);
    else if (status != SLU_OK)
        iceberg_verify_say(work, VERIFY_WRONG, "file-unreadable", location, "%s", err.message);
    else if (bytes >= 0 && there != bytes)
        iceberg_verify_say(work, VERIFY_WRONG, "file-size", location, "%lld bytes are said, %lld are there", (long long)bytes,
                           (long long)there);
    return status == SLU_OK && (bytes < 0 || there == bytes);
}

static void
verifying_fini(iceberg_verifying *work)
{
    iceberg_locations_fini(&work->manifests);
    iceberg_locations_fini(&work->files);
}

/* The current snapshot first: what is wrong with it matters most. */
static slu_status
verify_all(iceberg_verifying *work, slu_error *err)
{
    const iceberg_metadata *metadata = work->metadata;
    const iceberg_snapshot *current = iceberg_metadata_snapshot(metadata);
    iceberg_verify_metadata(work);
    if (current != NULL)
        SLU_TRY(iceberg_verify_snapshot(work, current, err));
    for (uint32_t i = metadata->snapshot_count; i-- > 0;)
        if (&metadata->snapshots[i] != current)
            SLU_TRY(iceberg_verify_snapshot(work, &metadata->snapshots[i], err));
    return iceberg_verify_offsets(work, err);
}

slu_status
iceberg_verify(const iceberg_store *store, const iceberg_table *table, const iceberg_verify_options *options, iceberg_verified *out,
               slu_error *err)
{
    SLU_AUTO(verifying_fini)
    iceberg_verifying work = {
        .store = store, .table = table, .metadata = table->metadata, .options = options, .out = out, .failed = SLU_OK};
    memset(out, 0, sizeof *out);
    iceberg_locations_init(&work.manifests);
    iceberg_locations_init(&work.files);
    SLU_TRY(verify_all(&work, err));
    if (work.failed != SLU_OK && err != NULL)
        *err = work.error;
    return work.failed;
}
