#include "arena.h"

#include "alloc.h"
#include "sizes.h"

#define ARENA_ALIGN 16
#define ARENA_BLOCK_BYTES_FIRST 1024
#define ARENA_BLOCK_BYTES_MAX ((size_t)256 << 10)

struct slu_arena_block {
    slu_arena_block *next;
    size_t used;
    size_t capacity;
    _Alignas(ARENA_ALIGN) uint8_t data[];
};

void
slu_arena_init(slu_arena *arena, size_t bytes_max)
{
    memset(arena, 0, sizeof *arena);
    arena->bytes_max = bytes_max;
}

static void
arena_blocks_free(slu_arena_block *block)
{
    while (block != NULL) {
        slu_arena_block *next = block->next;
        slu_free(block);
        block = next;
    }
}

void
slu_arena_fini(slu_arena *arena)
{
    arena_blocks_free(arena->blocks);
    memset(arena, 0, sizeof *arena);
}

void
slu_arena_reset(slu_arena *arena)
{
    if (arena->blocks != NULL) {
        arena_blocks_free(arena->blocks->next);
        arena->blocks->next = NULL;
        arena->blocks->used = 0;
    }
    arena->bytes = 0;
    arena->failed = SLU_OK;
}

static bool
arena_block_add(slu_arena *arena, size_t bytes)
{
    size_t capacity = arena->blocks == NULL ? ARENA_BLOCK_BYTES_FIRST : arena->blocks->capacity * 2;
    if (capacity > ARENA_BLOCK_BYTES_MAX)
        capacity = ARENA_BLOCK_BYTES_MAX;
    if (capacity < bytes)
        capacity = bytes;
    slu_arena_block *block = slu_alloc(sizeof *block + capacity);
    if (block == NULL) {
        arena->failed = SLU_NOMEM;
        return false;
    }
    block->next = arena->blocks;
    block->used = 0;
    block->capacity = capacity;
    arena->blocks = block;
    return true;
}

void *
slu_arena_alloc(slu_arena *arena, size_t bytes)
{
    if (arena->failed != SLU_OK)
        return NULL;
    if (bytes > arena->bytes_max || arena->bytes_max - bytes < arena->bytes + ARENA_ALIGN) {
        arena->failed = SLU_LIMIT;
        return NULL;
    }
    const size_t padded = slu_size_align(bytes == 0 ? 1 : bytes, ARENA_ALIGN);
    if ((arena->blocks == NULL || arena->blocks->capacity - arena->blocks->used < padded) && !arena_block_add(arena, padded))
        return NULL;
    void *at = arena->blocks->data + arena->blocks->used;
    arena->blocks->used += padded;
    arena->bytes += padded;
    return memset(at, 0, padded);
}

void *
slu_arena_array(slu_arena *arena, size_t count, size_t bytes)
{
    size_t total;
    if (!slu_size_mul(count, bytes, &total)) {
        arena->failed = SLU_LIMIT;
        return NULL;
    }
    return slu_arena_alloc(arena, total);
}

char *
slu_arena_strdup(slu_arena *arena, const char *text)
{
    return slu_arena_strndup(arena, text, strlen(text));
}

char *
slu_arena_strndup(slu_arena *arena, const char *text, size_t bytes)
{
    char *copy = slu_arena_alloc(arena, bytes + 1);
    if (copy != NULL && bytes != 0)
        memcpy(copy, text, bytes);
    return copy;
}

char *
slu_arena_printf(slu_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int wanted = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = wanted < 0 ? NULL : slu_arena_alloc(arena, (size_t)wanted + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    (void)vsnprintf(text, (size_t)wanted + 1, format, args);
    va_end(args);
    return text;
}

slu_status
slu_arena_status(const slu_arena *arena, slu_error *err)
{
    if (arena->failed == SLU_LIMIT)
        return slu_error_set(err, SLU_LIMIT, "more than %zu bytes for one request", arena->bytes_max);
    if (arena->failed == SLU_NOMEM)
        return slu_error_set(err, SLU_NOMEM, "no memory");
    return SLU_OK;
}
