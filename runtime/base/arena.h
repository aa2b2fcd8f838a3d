/*
 * arena.h: memory for what dies together (a plan, a request, a manifest), with a ceiling.
 *
 * Errors   NULL: the ceiling or the machine's memory is reached; slu_arena_status says which.
 * Threads  owner.
 */
#ifndef SLU_BASE_ARENA_H
#define SLU_BASE_ARENA_H

#include "bytes.h"

typedef struct slu_arena_block slu_arena_block;

typedef struct slu_arena {
    slu_arena_block *blocks; /* newest first */
    size_t bytes;            /* handed out, padding included */
    size_t bytes_max;
    slu_status failed;
} slu_arena;

void slu_arena_init(slu_arena *arena, size_t bytes_max);
void slu_arena_fini(slu_arena *arena); /* safe on a zeroed arena and safe twice */
/* Everything handed out is gone; the newest block is kept for the next round. */
void slu_arena_reset(slu_arena *arena);

/* Zeroed, 16-byte aligned. */
SLU_CHECK void *slu_arena_alloc(slu_arena *arena, size_t bytes);
SLU_CHECK void *slu_arena_array(slu_arena *arena, size_t count, size_t bytes);
SLU_CHECK char *slu_arena_strdup(slu_arena *arena, const char *text);
SLU_CHECK char *slu_arena_strndup(slu_arena *arena, const char *text, size_t bytes);
SLU_CHECK char *slu_arena_printf(slu_arena *arena, const char *format, ...) SLU_PRINTF(2, 3);
SLU_CHECK slu_status slu_arena_status(const slu_arena *arena, slu_error *err);

#endif
