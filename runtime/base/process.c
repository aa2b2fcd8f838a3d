#include "process.h"

#include "file.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t
slu_process_born(uint64_t pid)
{
    char path[64];
    slu_buf text;
    uint64_t born = 0;
    (void)snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", pid);
    slu_buf_init(&text, 1 << 20);
    if (slu_file_read(path, 1 << 16, &text, NULL) == SLU_OK) {
        /* The name in parentheses may hold anything: what counts begins behind the last one. */
        const char *at = strrchr(slu_buf_cstr(&text), ')');
        char state = 0;
        if (at == NULL ||
            sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64, &state, &born) !=
                2 ||
            state == 'Z' || state == 'X')
            born = 0;
    }
    slu_buf_fini(&text);
    return born;
}
