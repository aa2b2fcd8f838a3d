/*
 * jobs_client.h: a client of the job manager that the verb's flag names, else of the default one.
 *
 * Errors   TIMEOUT: nobody answers there. A refused TCP connection is known after a second; the link alone would wait for its timeout.
 */
#ifndef SLU_CLI_JOBS_CLIENT_H
#define SLU_CLI_JOBS_CLIENT_H

#include "client/client.h"

/* `address` NULL: SLU_JOBMANAGER_ADDRESS_DEFAULT. */
SLU_CHECK slu_status slu_jobs_client(const slu_env *env, const char *address, slu_client **out, slu_error *err);

#endif
