/*
 * assert.h: what can only be false if we made a mistake. SLU_ASSERT stays on in release; SLU_DCHECK is for checks that cost.
 * What a user, a peer, a plugin or a disk did wrong is never an assertion.
 */
#ifndef SLU_BASE_ASSERT_H
#define SLU_BASE_ASSERT_H

#include <stdio.h>
#include <stdlib.h>

#define SLU_ASSERT(fact)                                                                                                           \
    do {                                                                                                                           \
        if (__builtin_expect(!(fact), 0)) {                                                                                        \
            (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #fact);                                     \
            abort();                                                                                                               \
        }                                                                                                                          \
    } while (0)

#ifdef NDEBUG
#define SLU_DCHECK(fact) ((void)sizeof((fact) ? 1 : 0))
#else
#define SLU_DCHECK(fact) SLU_ASSERT(fact)
#endif

#endif
