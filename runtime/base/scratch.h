/*
 * scratch.h: a folder of one process for what need not outlive it.
 *
 * Shape    <parent>/<prefix>-<user id>-XXXXXX, locked for as long as the process lives; whoever makes one removes those that killed
 *          processes of the same user left behind.
 *          `parent` NULL: the temporary directory. `env` NULL: what is swept is not logged.
 * Threads  owner. Errors: IO, LIMIT.
 */
#ifndef SLU_BASE_SCRATCH_H
#define SLU_BASE_SCRATCH_H

#include "env.h"
#include "limits.h"

typedef struct slu_scratch {
    char path[SLU_PATH_BYTES_MAX]; /* "": none */
    int fd;
} slu_scratch;

SLU_CHECK slu_status slu_scratch_open(slu_scratch *scratch, const slu_env *env, const char *parent, const char *prefix,
                                      slu_error *err);
/* Removes it with everything in it. Safe on a zeroed one and safe twice. */
void slu_scratch_close(slu_scratch *scratch);

#endif
