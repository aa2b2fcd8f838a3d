/*
 * fault.h: makes the n-th allocation of the code under test fail. The test is linked with -Wl,--wrap for the allocators, so calls from the sdk
 * and from plugin sources compiled into the test come here; the C library's and cmocka's own do not.
 */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <stdlib.h>
#include <string.h>

static long fault_at = -1; /* how many more succeed; negative: all */
static long fault_seen;

static int
fault_now(void)
{
    fault_seen++;
    return fault_at >= 0 && fault_at-- == 0;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
char *__wrap_strdup(const char *text);

void *
__wrap_malloc(size_t bytes)
{
    return fault_now() ? NULL : __real_malloc(bytes);
}

void *
__wrap_calloc(size_t count, size_t bytes)
{
    return fault_now() ? NULL : __real_calloc(count, bytes);
}

void *
__wrap_realloc(void *memory, size_t bytes)
{
    return fault_now() ? NULL : __real_realloc(memory, bytes);
}

void *
__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return fault_now() ? NULL : __real_aligned_alloc(alignment, bytes);
}

char *
__wrap_strdup(const char *text)
{
    return fault_now() ? NULL : __real_strdup(text);
}

/* Runs the scenario with its first, second, ... allocation failing, until none of them fails. It answers a status below 0 or 0. */
#define FAULT_SWEEP(SCENARIO, MOST)                                                                                                \
    do {                                                                                                                           \
        long fault_n = 0;                                                                                                          \
        for (;; fault_n++) {                                                                                                       \
            assert_true(fault_n < (MOST));                                                                                         \
            fault_at = fault_n;                                                                                                    \
            const slu_status fault_status = (SCENARIO)();                                                                          \
            const int fault_unused = fault_at >= 0;                                                                                \
            fault_at = -1;                                                                                                         \
            if (fault_unused) {                                                                                                    \
                assert_int_equal(fault_status, SLU_OK);                                                                            \
                break;                                                                                                             \
            }                                                                                                                      \
            if (fault_status != SLU_NOMEM && fault_status != SLU_OK)                                                               \
                fail_msg("allocation %ld: %s", fault_n, slu_status_name(fault_status));                                            \
        }                                                                                                                          \
        assert_true(fault_n > 5);                                                                                                  \
    } while (0)

#endif
