/*
 * alloc.h: malloc with a fault hook, so that a test can fail the n-th allocation.
 *
 * Errors   NULL means no memory; the caller answers SLU_NOMEM.
 * Threads  any; the fault hook counts per thread.
 */
#ifndef SLU_BASE_ALLOC_H
#define SLU_BASE_ALLOC_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

SLU_CHECK void *slu_alloc(size_t bytes);
/* Zeroed; checks count * bytes for overflow. */
SLU_CHECK void *slu_alloc_zero(size_t count, size_t bytes);
SLU_CHECK void *slu_realloc(void *memory, size_t bytes);
/* 64-byte aligned, released by slu_free like the others. */
SLU_CHECK void *slu_alloc_aligned(size_t bytes);
void slu_free(void *memory);
SLU_CHECK char *slu_strdup(const char *text);
SLU_CHECK char *slu_strndup(const char *text, size_t bytes);

/* Test hook: the n-th allocation of this thread from now on (1: the next) and all after it fail; 0 switches it off.
 * Returns how many allocations happened since the last call. */
uint64_t slu_alloc_fail_from(uint64_t nth);

#endif
