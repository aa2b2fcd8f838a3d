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
