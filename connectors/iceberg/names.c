#include "iceberg/names.h"

void
iceberg_random(const slu_env *env, void *out, size_t bytes)
{
    uint8_t *at = out;
    for (size_t done = 0; done < bytes; done += sizeof(uint64_t)) {
        const uint64_t number = env->random(env);
        memcpy(at + done, &number, bytes - done < sizeof number ? bytes - done : sizeof number);
    }
}

void
iceberg_uuid_new(const slu_env *env, char out[ICEBERG_UUID_TEXT_BYTES])
{
    uint8_t b[16];
    iceberg_random(env, b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    (void)snprintf(out, ICEBERG_UUID_TEXT_BYTES, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                   b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
