#include "base/uuid.h"

#include <inttypes.h>
#include <stdio.h>

void
slu_uuid_new(const slu_env *env, char out[SLU_UUID_TEXT_BYTES])
{
    const uint64_t a = env->random(env);
    const uint64_t b = env->random(env);
    (void)snprintf(out, SLU_UUID_TEXT_BYTES, "%08" PRIx32 "-%04x-%04x-%04x-%012" PRIx64, (uint32_t)(a >> 32),
                   (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff) | 0x4000U, (unsigned)(b >> 48 & 0x3fff) | 0x8000U,
                   b & UINT64_C(0xffffffffffff));
}
