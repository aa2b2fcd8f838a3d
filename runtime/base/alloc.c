#include "alloc.h"

#include <stdlib.h>
#include <string.h>

static _Thread_local uint64_t alloc_count;
static _Thread_local uint64_t alloc_fail_from;

static int
alloc_refused(void)
{
    alloc_count++;
    return alloc_fail_from != 0 && alloc_count >= alloc_fail_from;
}

void *
slu_alloc(size_t bytes)
{
    return alloc_refused() ? NULL : malloc(bytes == 0 ? 1 : bytes);
}

void *
slu_alloc_zero(size_t count, size_t bytes)
{
    return alloc_refused() ? NULL : calloc(count == 0 ? 1 : count, bytes == 0 ? 1 : bytes);
}

void *
slu_realloc(void *memory, size_t bytes)
{
    return alloc_refused() ? NULL : realloc(memory, bytes == 0 ? 1 : bytes);
}

void *
slu_alloc_aligned(size_t bytes)
{
    if (alloc_refused() || bytes > SIZE_MAX - 64)
        return NULL;
    return aligned_alloc(64, bytes == 0 ? 64 : (bytes + 63) & ~(size_t)63);
}

void
slu_free(void *memory)
{
    free(memory);
}

char *
slu_strdup(const char *text)
{
    return slu_strndup(text, strlen(text));
}

char *
slu_strndup(const char *text, size_t bytes)
{
    char *copy = slu_alloc(bytes + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, bytes);
    copy[bytes] = 0;
    return copy;
}

uint64_t
slu_alloc_fail_from(uint64_t nth)
{
    const uint64_t seen = alloc_count;
    alloc_count = 0;
    alloc_fail_from = nth;
    return seen;
}
