/* restart.c: see the table in restart.h. */
#include "plan/restart.h"

#include "base/cursor.h"
#include "base/hash.h"
#include "base/sizes.h"

#include <inttypes.h>

/* More than `failures_max` within the interval are too many. */
static bool
rate_allows(slu_restart *restart, const slu_restart_settings *settings, int64_t now_ms)
{
    const uint32_t most = SLU_MIN(settings->failures_max, (uint32_t)SLU_RESTART_FAILURES_MAX);
    const uint64_t number = restart->failures++;
    if (most == 0)
        return false;
    const int64_t before_ms = restart->failed_ms[number % most]; /* `most` failures ago */
    restart->failed_ms[number % most] = now_ms;
    return number < most || now_ms - before_ms > settings->interval_ms;
}

/* Others in between, which are its consequences elsewhere, do not make it another one. */
static bool
is_same_too_often(slu_restart *restart, const slu_restart_settings *settings, const slu_restart_failure *failure)
{
    const bool of_data = failure->status == SLU_INVALID || failure->status == SLU_CORRUPT || failure->status == SLU_UNSUPPORTED;
    if (settings->same_max == 0 || !of_data)
        return false;
    const uint32_t key = slu_crc32c(0, failure->text, strlen(failure->text));
    if (restart->same == 0 || key != restart->same_key || failure->position != restart->same_position)
        restart->same = 0;
    restart->same_key = key;
    restart->same_position = failure->position;
    return ++restart->same >= settings->same_max;
}

static void
exponential_delay(slu_restart *restart, const slu_restart_settings *settings)
{
    const int64_t most = SLU_MAX(settings->delay_max_ms, settings->delay_ms);
    const int64_t next = restart->in_row == 0 ? settings->delay_ms : restart->delay_ms + restart->delay_ms / 2;
    restart->delay_ms = SLU_MIN(next, most);
}

bool
slu_restart_next(slu_restart *restart, const slu_restart_settings *settings, const slu_restart_failure *failure, char *why,
                 size_t why_bytes)
{
    why[0] = 0;
    if (settings->strategy == SLU_RESTART_NONE)
        return false;
    if (settings->strategy == SLU_RESTART_RATE) {
        restart->delay_ms = settings->delay_ms;
        if (rate_allows(restart, settings, failure->now_ms))
            return true;
        (void)snprintf(why, why_bytes, "more than %" PRIu32 " failures in %" PRId64 " ms", settings->failures_max,
                       settings->interval_ms);
        return false;
    }
    const bool exponential = settings->strategy == SLU_RESTART_EXPONENTIAL;
    if (exponential && settings->reset_ms > 0 && failure->ran_ms > settings->reset_ms)
        restart->in_row = 0;
    if (exponential && is_same_too_often(restart, settings, failure)) {
        (void)snprintf(why, why_bytes, "the same failure of data %" PRIu32 " times in a row from checkpoint %" PRId64,
                       restart->same, failure->position);
        return false;
    }
    if (settings->attempts_max != 0 && restart->in_row >= settings->attempts_max)
        return false;
    if (exponential)
        exponential_delay(restart, settings);
    else
        restart->delay_ms = settings->delay_ms;
    restart->in_row++;
    return true;
}

const char *
slu_restart_name(uint32_t strategy)
{
    static const char *const names[] = {"none", "fixed-delay", "exponential-delay", "failure-rate"};
    return strategy < SLU_COUNT_OF(names) ? names[strategy] : "";
}

/* ---- Over to another process */

#define RESTART_VERSION 1u

/* How many of failed_ms say something. */
static uint32_t
failed_count(uint64_t failures)
{
    return (uint32_t)SLU_MIN(failures, (uint64_t)SLU_RESTART_FAILURES_MAX);
}

void
slu_restart_encode(const slu_restart *restart, int64_t now_ms, int64_t wall_ms, slu_buf *out)
{
    slu_buf_u8(out, RESTART_VERSION);
    slu_buf_u64le(out, restart->in_row);
    slu_buf_u64le(out, (uint64_t)restart->delay_ms);
    slu_buf_u64le(out, restart->failures);
    slu_buf_u32le(out, restart->same);
    slu_buf_u32le(out, restart->same_key);
    slu_buf_u64le(out, (uint64_t)restart->same_position);
    for (uint32_t i = 0; i < failed_count(restart->failures); i++)
        slu_buf_u64le(out, (uint64_t)(restart->failed_ms[i] - now_ms + wall_ms));
}

slu_status
slu_restart_decode(slu_view bytes, int64_t now_ms, int64_t wall_ms, slu_restart *out, slu_error *err)
{
    slu_cursor cursor = slu_cursor_of_view(bytes);
    slu_restart read = {0};
    *out = read;
    if (bytes.bytes == 0)
        return SLU_OK;
    const uint8_t version = slu_cursor_u8(&cursor);
    read.in_row = slu_cursor_u64le(&cursor);
    read.delay_ms = (int64_t)slu_cursor_u64le(&cursor);
    read.failures = slu_cursor_u64le(&cursor);
    read.same = slu_cursor_u32le(&cursor);
    read.same_key = slu_cursor_u32le(&cursor);
    read.same_position = (int64_t)slu_cursor_u64le(&cursor);
    for (uint32_t i = 0; i < failed_count(read.failures); i++) /* wraps around rather than overflows, whatever the bytes are */
        read.failed_ms[i] = (int64_t)(slu_cursor_u64le(&cursor) - (uint64_t)wall_ms + (uint64_t)now_ms);
    if (!slu_cursor_ok(&cursor) || slu_cursor_left(&cursor) != 0 || version != RESTART_VERSION || read.delay_ms < 0)
        return slu_error_set(err, SLU_CORRUPT, "what the restart strategy goes by: %zu bytes that nobody wrote", bytes.bytes);
    *out = read;
    return SLU_OK;
}
