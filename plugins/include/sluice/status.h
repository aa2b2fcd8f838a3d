/*
 * status.h: how every function of sluice says what happened.
 *
 * Shape    a slu_status is a class of reaction (what the caller should do next); the words live in a slu_error.
 * Owns     nothing: both are plain values on the caller's stack. Reporting never allocates.
 * Threads  any.
 * Errors   flow statuses (> 0) never fill `err`; failures (< 0) fill it when it is not NULL; an error is
 *          untouched when nothing failed. A message grows outward: "job fraud: manifest ck-7: GET ...: 503".
 *
 * Everything here is header-only, because a plugin needs nothing of ours at load time.
 */
#ifndef SLUICE_STATUS_H
#define SLUICE_STATUS_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t slu_status;

#define SLU_OK 0
/* Flow: nothing is wrong. */
#define SLU_AGAIN 1 /* not now; something (I/O, room, time) must happen first */
#define SLU_END 2   /* never again: the input is exhausted */
#define SLU_MORE 3  /* decoders: need more bytes; workers: call me again at once, I have more to emit */
/* Failures. */
#define SLU_INVALID (-1)      /* the caller, the user or a descriptor asked for something wrong */
#define SLU_CORRUPT (-2)      /* bytes from outside are not what they claim to be */
#define SLU_LIMIT (-3)        /* a stated bound was reached */
#define SLU_NOMEM (-4)        /* memory or its budget is exhausted */
#define SLU_IO (-5)           /* the operating system or a peer failed */
#define SLU_TIMEOUT (-6)      /* a deadline passed */
#define SLU_CLOSED (-7)       /* the other side is gone */
#define SLU_NOTFOUND (-8)     /* no such thing */
#define SLU_CONFLICT (-9)     /* somebody else was there first */
#define SLU_UNSUPPORTED (-10) /* understood, and not served by this build or version */

#define SLU_ERROR_MESSAGE_BYTES 1000

typedef struct slu_error {
    slu_status status;
    uint8_t retriable; /* the same call may succeed later */
    uint8_t fatal;     /* no retry, no restart helps: the job or process must stop */
    uint16_t reserved;
    uint32_t line;   /* position in the job descriptor, 1-based; 0: unknown */
    uint32_t column; /* 1-based; 0: unknown */
    int64_t code;    /* the foreign number (errno, HTTP, Fluss error code); 0: none */
    char message[SLU_ERROR_MESSAGE_BYTES];
} slu_error;

#define SLU_CHECK __attribute__((warn_unused_result))
#define SLU_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define SLU_UNUSED __attribute__((unused))

/* Runs free_fn(&variable) when the variable leaves its scope. The function takes a pointer to the variable. */
#define SLU_AUTO(free_fn) __attribute__((cleanup(free_fn)))

/* Moves a pointer out of a variable, which becomes NULL: return slu_take(&thing); */
#define slu_take(pointer_to)                                                                                                       \
    (__extension__({                                                                                                               \
        __typeof__(pointer_to) slu_take_from_ = (pointer_to);                                                                      \
        __typeof__(*slu_take_from_) slu_taken_ = *slu_take_from_;                                                                  \
        *slu_take_from_ = NULL;                                                                                                    \
        slu_taken_;                                                                                                                \
    }))

static inline const char *
slu_status_name(slu_status status)
{
    switch (status) {
    case SLU_OK: return "OK";
    case SLU_AGAIN: return "AGAIN";
    case SLU_END: return "END";
    case SLU_MORE: return "MORE";
    case SLU_INVALID: return "INVALID";
    case SLU_CORRUPT: return "CORRUPT";
    case SLU_LIMIT: return "LIMIT";
    case SLU_NOMEM: return "NOMEM";
    case SLU_IO: return "IO";
    case SLU_TIMEOUT: return "TIMEOUT";
    case SLU_CLOSED: return "CLOSED";
    case SLU_NOTFOUND: return "NOTFOUND";
    case SLU_CONFLICT: return "CONFLICT";
    case SLU_UNSUPPORTED: return "UNSUPPORTED";
    default: return "?";
    }
}

/* Fills *err (may be NULL) and returns `status`, so that a failure is one line:
 *     return slu_error_set(err, SLU_CORRUPT, "frame of %" PRIu32 " bytes", n); */
SLU_PRINTF(3, 4)
static inline slu_status
slu_error_set(slu_error *err, slu_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        err->status = status;
        err->retriable = status == SLU_TIMEOUT || status == SLU_CLOSED;
        err->fatal = 0;
        err->reserved = 0;
        err->line = 0;
        err->column = 0;
        err->code = 0;
        va_start(args, format);
        (void)vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return status;
}

/* Puts "context: " before the message of a failure on its way up; returns `status` unchanged. */
SLU_PRINTF(3, 4)
static inline slu_status
slu_error_in(slu_error *err, slu_status status, const char *format, ...)
{
    if (err != NULL && status < 0) {
        char context[SLU_ERROR_MESSAGE_BYTES];
        char message[SLU_ERROR_MESSAGE_BYTES];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(context, sizeof context, format, args);
        va_end(args);
        memcpy(message, err->message, sizeof message);
        message[sizeof message - 1] = 0;
        size_t at = strlen(context);
        size_t message_bytes = strlen(message);
        if (at > sizeof err->message - 3)
            at = sizeof err->message - 3;
        if (message_bytes > sizeof err->message - 3 - at)
            message_bytes = sizeof err->message - 3 - at;
        memcpy(err->message, context, at);
        memcpy(err->message + at, ": ", 2);
        memcpy(err->message + at + 2, message, message_bytes);
        err->message[at + 2 + message_bytes] = 0;
        err->status = status;
    }
    return status;
}

/* Hands any status but OK to the caller. */
#define SLU_TRY(expression)                                                                                                        \
    do {                                                                                                                           \
        const slu_status slu_try_status_ = (expression);                                                                           \
        if (slu_try_status_ != SLU_OK)                                                                                             \
            return slu_try_status_;                                                                                                \
    } while (0)

/* The same, adding context to a failure. */
#define SLU_TRY_IN(expression, err, ...)                                                                                           \
    do {                                                                                                                           \
        const slu_status slu_try_status_ = (expression);                                                                           \
        if (slu_try_status_ != SLU_OK)                                                                                             \
            return slu_error_in((err), slu_try_status_, __VA_ARGS__);                                                              \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
