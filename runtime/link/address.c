/* address.c: which address to dial, and which may be listened on. */
#include "link/link.h"

#include "base/file.h"

#include <string.h>
#include <unistd.h>

void
slu_boot_id(char *out, size_t out_bytes)
{
    slu_buf text;
    slu_buf_init(&text, 256);
    const slu_status status = slu_file_read("/proc/sys/kernel/random/boot_id", 255, &text, NULL);
    (void)snprintf(out, out_bytes, "%s", status == SLU_OK ? slu_buf_cstr(&text) : "");
    out[strcspn(out, "\n")] = 0;
    slu_buf_fini(&text);
    /* "pid:[4026531836]": whose process numbers are others than ours stands on another machine, as far as these are asked. */
    char names[64];
    const ssize_t bytes = readlink("/proc/self/ns/pid", names, sizeof names - 1);
    if (out[0] == 0 || bytes <= 0)
        return;
    names[bytes] = 0;
    const char *number = strchr(names, '[');
    const size_t used = strlen(out);
    if (number != NULL)
        (void)snprintf(out + used, out_bytes - used, "-%.*s", (int)strcspn(number + 1, "]"), number + 1);
}

bool
slu_link_beyond_loopback(const char *address)
{
    static const char *const near[] = {"tcp://127.", "tcp://localhost:", "tcp://[::1]:"};
    if (strncmp(address, "tcp://", 6) != 0)
        return false;
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++)
        if (strncmp(address, near[i], strlen(near[i])) == 0)
            return false;
    return true;
}

/* Copies the first word that begins with `scheme`. */
static bool
word_find(const char *addresses, const char *scheme, char *out, size_t out_bytes)
{
    for (const char *at = addresses; *at != 0; at += strspn(at, " ")) {
        const size_t bytes = strcspn(at, " ");
        if (strncmp(at, scheme, strlen(scheme)) == 0 && bytes < out_bytes) {
            memcpy(out, at, bytes);
            out[bytes] = 0;
            return true;
        }
        at += bytes;
    }
    return false;
}

slu_status
slu_link_choose(const char *addresses, const char *their_boot, const char *our_boot, const char *transport, char *out,
                size_t out_bytes, slu_error *err)
{
    const bool same_host = their_boot[0] != 0 && strcmp(their_boot, our_boot) == 0;
    if (strcmp(transport, "tcp") != 0 && (same_host || strcmp(transport, "ipc") == 0) &&
        word_find(addresses, "ipc://", out, out_bytes) && access(out + strlen("ipc://"), W_OK) == 0)
        return SLU_OK;
    if (strcmp(transport, "ipc") != 0 && word_find(addresses, "tcp://", out, out_bytes))
        return SLU_OK;
    return slu_error_set(err, SLU_NOTFOUND, "no way to reach \"%s\" with link.transport %s: %s", addresses, transport,
                         same_host ? "it is on this host but its path cannot be opened"
                                   : "it is on another host and has no tcp address");
}
