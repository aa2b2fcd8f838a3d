/* daemon.c: the job manager as a process: a poll loop over its listener and its signals. */
#include "jobmanager/daemon.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/process.h"
#include "jobmanager/jobmanager.h"
#include "link/zmq.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

typedef struct shell {
    const slu_env *env;
    slu_link *listener;
    slu_jobstore *store;
    slu_jobmanager *jm;
    const slu_jobmanager_face *face; /* NULL: none */
    void *rest;
    int signal_fd;
} shell;

static slu_status
signals_open(shell *s, slu_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd < 0 ? slu_errno_set(err, errno, "open", "a signal descriptor") : SLU_OK;
}

static uint64_t
process_born(void *context, uint64_t pid)
{
    (void)context;
    return slu_process_born(pid);
}

static void
process_kill(void *context, uint64_t pid)
{
    (void)context;
    if (pid > 1 && pid <= INT32_MAX)
        (void)kill((pid_t)pid, SIGKILL);
}

static const slu_host_processes host_processes = {process_born, process_kill};

static int
timeout_of(const shell *s)
{
    const int64_t deadline = slu_jobmanager_deadline(s->jm);
    int64_t left = deadline == INT64_MAX ? -1 : deadline - slu_now_ms(s->env);
    const int64_t face = s->rest == NULL ? -1 : s->face->timeout_ms(s->rest);
    if (deadline != INT64_MAX && left < 0)
        left = 0;
    if (face >= 0 && (left < 0 || face < left))
        left = face;
    return left > 60000 ? 60000 : (int)left;
}

static void
serve(shell *s)
{
    struct pollfd polls[3] = {
        {.fd = s->signal_fd, .events = POLLIN}, {.fd = slu_link_fd(s->listener), .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    if (s->rest != NULL)
        polls[2].fd = s->face->fd(s->rest);
    while (polls[0].revents == 0) {
        slu_jobmanager_step(s->jm);
        if (s->rest != NULL)
            s->face->step(s->rest);
        (void)poll(polls, 3, timeout_of(s));
    }
}

static bool
beyond_loopback(const char *listen)
{
    char address[SLU_LINK_ADDRESS_BYTES_MAX];
    (void)snprintf(address, sizeof address, "tcp://%s", listen);
    return slu_link_beyond_loopback(address);
}

static slu_status
rest_open(shell *s, const slu_jobmanager_options *options, slu_error *err)
{
    const char *listen = options->rest_listen == NULL ? "127.0.0.1:8081" : options->rest_listen;
    if (options->rest == NULL || listen[0] == 0)
        return SLU_OK;
    if (beyond_loopback(listen) && !options->insecure)
        return slu_error_set(err, SLU_INVALID,
                             "REST at %s could be reached by anyone on the network: listen on 127.0.0.1, or give --insecure",
                             listen);
    s->face = options->rest;
    const slu_status status = s->face->open(s->env, s->jm, listen, &s->rest, err);
    if (status == SLU_OK || options->rest_listen != NULL)
        return status;
    slu_log_warn(s->env, "REST-ABSENT", "%s; going on without REST (--rest-listen says where)",
                 err == NULL ? listen : err->message);
    return SLU_OK;
}

static slu_status
open_all(shell *s, const slu_jobmanager_options *options, slu_error *err)
{
    char data_dir[PATH_MAX];
    char path[SLU_PATH_BYTES_MAX];
    char checkpoints[SLU_PATH_BYTES_MAX];
    char address[SLU_LINK_ADDRESS_BYTES_MAX];
    char boot[64];
    const slu_link_options link_options = {.env = s->env, .linger_ms = 200, .insecure = options->insecure};
    SLU_TRY(signals_open(s, err));
    SLU_TRY(slu_dir_make(options->data_dir, err));
    if (realpath(options->data_dir, data_dir) == NULL) /* workers, which stand elsewhere, are told of paths below it */
        return slu_errno_set(err, errno, "find", options->data_dir);
    (void)snprintf(path, sizeof path, "%.4000s/jobs.sqlite", data_dir);
    (void)snprintf(checkpoints, sizeof checkpoints, "%.4000s/checkpoints", data_dir);
    (void)snprintf(address, sizeof address, "tcp://%s", options->listen == NULL ? "127.0.0.1:6123" : options->listen);
    slu_boot_id(boot, sizeof boot);
    SLU_TRY(slu_jobstore_open(path, &s->store, err));
    SLU_TRY(slu_link_zmq.listen(&slu_link_zmq, address, &link_options, &s->listener, err));
    const slu_jobmanager_spec spec = {.env = s->env,
                                      .listener = s->listener,
                                      .store = s->store,
                                      .stores = options->stores,
                                      .checkpoint_dir = checkpoints,
                                      .boot = boot,
                                      .build = "0.1.0",
                                      .heartbeat_ms = options->heartbeat_ms == 0 ? SLU_HEARTBEAT_MS : options->heartbeat_ms,
                                      .timeout_ms = options->timeout_ms == 0 ? SLU_HEARTBEAT_TIMEOUT_MS : options->timeout_ms,
                                      .processes = &host_processes};
    return slu_jobmanager_new(&spec, &s->jm, err);
}

slu_status
slu_jobmanager_run(const slu_env *env, const slu_jobmanager_options *options, slu_error *err)
{
    shell s = {.env = env, .signal_fd = -1};
    slu_status status = open_all(&s, options, err);
    if (status == SLU_OK)
        status = rest_open(&s, options, err);
    if (status == SLU_OK) {
        if (s.rest != NULL)
            (void)fprintf(stderr, "jobmanager: REST at http://%s\n", s.face->address(s.rest));
        (void)fprintf(stderr, "jobmanager: ready at %s\n", slu_link_address(s.listener) + strlen("tcp://"));
        serve(&s);
    }
    if (s.rest != NULL)
        s.face->close(s.rest);
    slu_jobmanager_free(&s.jm);
    slu_link_close(&s.listener);
    slu_jobstore_close(&s.store);
    if (s.signal_fd >= 0)
        close(s.signal_fd);
    slu_link_zmq_shutdown();
    return status;
}
