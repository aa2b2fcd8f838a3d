/*
 * check.h: our own words on top of cmocka.
 *
 * CHECK_OK(call)              the status is SLU_OK; prints `err` (a slu_error in scope named err) otherwise
 * CHECK_STATUS(call, status)  exactly this status
 * CHECK_MESSAGE(err, text)    the message contains the text
 */
#ifndef SLUICE_TESTS_CHECK_H
#define SLUICE_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sluice/status.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK_STATUS(expression, expected)                                                                                         \
    do {                                                                                                                           \
        const slu_status check_got_ = (expression);                                                                                \
        if (check_got_ != (expected))                                                                                              \
            fail_msg("%s: got %s, expected %s", #expression, slu_status_name(check_got_), slu_status_name(expected));              \
    } while (0)

#define CHECK_OK(expression)                                                                                                       \
    do {                                                                                                                           \
        const slu_status check_got_ = (expression);                                                                                \
        if (check_got_ != SLU_OK)                                                                                                  \
            fail_msg("%s: %s: %s", #expression, slu_status_name(check_got_), err.message);                                         \
    } while (0)

#define CHECK_MESSAGE(error, text)                                                                                                 \
    do {                                                                                                                           \
        if (strstr((error).message, (text)) == NULL)                                                                               \
            fail_msg("message \"%s\" lacks \"%s\"", (error).message, (text));                                                      \
    } while (0)

#define CHECK_TEXT(got, expected) assert_string_equal((got), (expected))

/* A copy of the bytes that ends exactly at an unreadable page, so that one byte too far is a crash. guarded_free takes the
 * same size. */
static inline uint8_t *
guarded_copy(const void *data, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t room = (bytes + page - 1) / page * page + page;
    uint8_t *base = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(base, MAP_FAILED);
    assert_int_equal(mprotect(base + room - page, page, PROT_NONE), 0);
    uint8_t *at = base + room - page - bytes;
    if (bytes != 0)
        memcpy(at, data, bytes);
    return at;
}

static inline void
guarded_free(uint8_t *at, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t room = (bytes + page - 1) / page * page + page;
    assert_int_equal(munmap(at + bytes + page - room, room), 0);
}

#endif
