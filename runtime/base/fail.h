/*
 * fail.h: failures that carry a foreign system's own error code, for rooms that speak a protocol with codes of its own.
 *
 * Threads  any.
 */
#ifndef SLU_BASE_FAIL_H
#define SLU_BASE_FAIL_H

#include <sluice/status.h>

#include <stddef.h>

/* Puts the code onto a failure that was just set; err may be NULL. Returns `status`:
 *     return slu_error_coded(err, slu_error_set(err, SLU_NOTFOUND, "no table %s", name), 7); */
static inline slu_status
slu_error_coded(slu_error *err, slu_status status, int64_t code)
{
    if (err != NULL)
        err->code = code;
    return status;
}

/* slu_error_set with a code. */
slu_status slu_error_set_coded(slu_error *err, slu_status status, int64_t code, const char *format, ...) SLU_PRINTF(4, 5);

#endif
