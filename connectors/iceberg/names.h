/*
 * names.h: the random numbers that ids and file names are made of.
 */
#ifndef ICEBERG_NAMES_H
#define ICEBERG_NAMES_H

#include "base/env.h"

/* `bytes` of env's random numbers. */
void iceberg_random(const slu_env *env, void *out, size_t bytes);

#endif
