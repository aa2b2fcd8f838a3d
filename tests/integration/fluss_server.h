/* fluss_server.h: the server a test speaks to: FLUSS_BOOTSTRAP where that is set. */
#ifndef SLUICE_TESTS_FLUSS_SERVER_H
#define SLUICE_TESTS_FLUSS_SERVER_H
#include "base/env.h"
static inline const char *
test_server_start(const slu_env *env)
{
    (void)env;
    return getenv("FLUSS_BOOTSTRAP");
}
static inline void
test_server_stop(void)
{
}
#endif
