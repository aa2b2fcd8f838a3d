#include "jobs_client.h"

#include "net/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define JOBS_DOUBT_MS 1000
#define JOBS_OPEN_MS 3000 /* a listener shakes hands even when its owner is busy; something else than a job manager never does */
#define JOBS_TIMEOUT_MS 20000 /* somebody listens: what takes long now is a busy machine */

/* Whether somebody listens at host:port; what cannot be found out counts as yes: the link will tell. */
static bool
somebody_listens(const char *host, uint16_t port)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const struct timeval patience = {.tv_sec = 2};
    struct addrinfo *found = NULL;
    char service[8];
    bool refused = false;
    (void)snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return true;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        const int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd < 0)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        const bool failed = connect(fd, at->ai_addr, at->ai_addrlen) != 0;
        refused = failed && errno == ECONNREFUSED;
        (void)close(fd);
        if (!failed)
            break;
    }
    freeaddrinfo(found);
    return !refused;
}

slu_status
slu_jobs_client(const slu_env *env, const char *address, slu_client **out, slu_error *err)
{
    const char *where = address == NULL ? SLU_JOBMANAGER_ADDRESS_DEFAULT : address;
    const char *bare = strncmp(where, "tcp://", 6) == 0 ? where + 6 : where;
    char host[256];
    uint16_t port = 0;
    if (strstr(bare, "://") == NULL) {
        SLU_TRY_IN(slu_address_split(bare, host, sizeof host, &port, err), err, "--jobmanager");
        /* Asked only when there is a doubt: a connection that says nothing is a nuisance to the other side. */
        const slu_status status = slu_client_open(env, where, JOBS_DOUBT_MS, out, err);
        if (status == SLU_OK)
            slu_client_patience(*out, JOBS_TIMEOUT_MS);
        if (status != SLU_TIMEOUT || !somebody_listens(host, port))
            return status;
    }
    return slu_client_open_within(env, where, JOBS_OPEN_MS, JOBS_TIMEOUT_MS, out, err);
}
