/*
 * fault_proxy_main.c: the fault proxy as a program: fault_proxy HOST:PORT TARGET SEED [PLAN]. Prints its address; each line of its
 * input is a plan or a command (fault_proxy.h), "counts" prints what was done, and the end of the input ends it.
 */
#include "support/fault_proxy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void
counts_print(fault_proxy *proxy)
{
    const fault_counts n = fault_proxy_counts(proxy);
    (void)printf("connections %" PRIu64 " requests %" PRIu64 " answers %" PRIu64 " delays %" PRIu64 " splits %" PRIu64
                 " repeats %" PRIu64 " drops %" PRIu64 " cuts %" PRIu64 " open %" PRIu64 " waiting %" PRIu64 "\n",
                 n.connections, n.requests, n.answers, n.delays, n.splits, n.repeats, n.drops, n.cuts, n.open, n.waiting);
    (void)fflush(stdout);
}

int
main(int argc, char **argv)
{
    fault_proxy *proxy = NULL;
    slu_error err = {0};
    char line[512];
    char *colon = argc < 4 ? NULL : strrchr(argv[1], ':');
    if (colon == NULL) {
        (void)fprintf(stderr, "usage: %s HOST:PORT TARGET_HOST:PORT SEED [PLAN]\n", argv[0]);
        return 2;
    }
    *colon = 0;
    if (fault_proxy_open(argv[1], (uint16_t)atoi(colon + 1), argv[2], strtoull(argv[3], NULL, 10), argc > 4 ? argv[4] : "", &proxy,
                         &err) != SLU_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    (void)printf("%s\n", fault_proxy_address(proxy));
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (strcmp(line, "counts") == 0)
            counts_print(proxy);
        else if (fault_proxy_command(proxy, line, &err) != SLU_OK)
            (void)fprintf(stderr, "%s\n", err.message);
    }
    counts_print(proxy);
    fault_proxy_close(&proxy);
    return 0;
}
