#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>

slu_status
slu_error_set_coded(slu_error *err, slu_status status, int64_t code, const char *format, ...)
{
    char text[SLU_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return slu_error_coded(err, slu_error_set(err, status, "%s", text), code);
}
