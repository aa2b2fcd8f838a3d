/*
 * names.h: random ids and the file names made of them.
 */
#ifndef ICEBERG_NAMES_H
#define ICEBERG_NAMES_H

#include "base/env.h"

#define ICEBERG_UUID_TEXT_BYTES 37 /* with the final zero */

/* A random UUID (version 4) as text. */
void iceberg_uuid_new(const slu_env *env, char out[ICEBERG_UUID_TEXT_BYTES]);
void iceberg_random(const slu_env *env, void *out, size_t bytes);

#endif
