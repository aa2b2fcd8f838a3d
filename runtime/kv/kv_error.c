#include "kv/kv_error.h"

#include <stdlib.h>
#include <string.h>

slu_status
kv_error(slu_error *err, char *text, const char *what)
{
    const slu_status status = strncmp(text, "Corruption", 10) == 0 ? SLU_CORRUPT : SLU_IO;
    (void)slu_error_set(err, status, "%s: %s", what, text);
    free(text);
    return status;
}
