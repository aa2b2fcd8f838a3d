#include "scan_log.h"

#include "log_table.h"

#define STEP_MS 100

slu_status
cli_scan_log_open(fluss_target *target, const int64_t *start, const int64_t *stop, const int32_t *columns, uint32_t column_count,
                  fluss_scanner **out, slu_error *err)
{
    fluss_scanner *scanner = NULL;
    SLU_TRY(fluss_scanner_open(target, &(fluss_scanner_options){.columns = columns, .column_count = column_count}, &scanner, err));
    for (int32_t bucket = 0; bucket < fluss_target_table(target)->bucket_count; bucket++) {
        if (start[bucket] >= stop[bucket])
            continue;
        const slu_status status = fluss_scanner_add(scanner, bucket, start[bucket], stop[bucket], err);
        if (status != SLU_OK) {
            fluss_scanner_close(&scanner);
            return status;
        }
    }
    *out = scanner;
    return SLU_OK;
}

slu_status
cli_scan_log_next(fluss_target *target, fluss_scanner *scanner, fluss_scan_batch *out, slu_error *err)
{
    const slu_env *env = fluss_client_env(fluss_target_client(target));
    const int64_t deadline_ms = slu_now_ms(env) + LOG_TABLE_TIMEOUT_MS;
    for (;;) {
        const slu_status status = fluss_scanner_poll(scanner, out, err);
        if (status == SLU_OK && out->count > 0)
            return SLU_OK;
        if (status == SLU_OK)
            fluss_scan_batch_fini(out);
        else if (status != SLU_AGAIN)
            return status;
        else if (slu_now_ms(env) >= deadline_ms)
            return slu_error_set(err, SLU_TIMEOUT, "table %s: no answer for %d ms", fluss_target_name(target),
                                 LOG_TABLE_TIMEOUT_MS);
        else
            fluss_client_step(fluss_target_client(target), STEP_MS);
    }
}
