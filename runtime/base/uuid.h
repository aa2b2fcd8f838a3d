/* uuid.h: random UUIDs (RFC 9562, version 4) as text, for names of files, tables and tasks that must never meet. */
#ifndef SLU_BASE_UUID_H
#define SLU_BASE_UUID_H

#include "base/env.h"

#define SLU_UUID_TEXT_BYTES 37

/* "0b25a36c-56a4-4f8e-9d2c-1f3c5a1f0e77", from env's random numbers. */
void slu_uuid_new(const slu_env *env, char out[SLU_UUID_TEXT_BYTES]);

#endif
