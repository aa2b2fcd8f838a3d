/* daemon.c: the job manager as a process: a poll loop over its listener and its signals. */
#include "jobmanager/daemon.h"

#include "base/file.h"
#include "base/limits.h"
#include "jobmanager/jobmanager.h"
#include "link/zmq.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

typedef struct shell {
    const slu_env *env;
    slu_link *listener;
    slu_jobstore *store;
    slu_jobmanager *jm;
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

static void
serve(shell *s)
{
    struct pollfd polls[2] = {{.fd = s->signal_fd, .events = POLLIN}, {.fd = slu_link_fd(s->listener), .events = POLLIN}};
    while (polls[0].revents == 0) {
        slu_jobmanager_step(s->jm);
        const int64_t deadline = slu_jobmanager_deadline(s->jm);
        const int64_t left = deadline - slu_now_ms(s->env);
        (void)poll(polls, 2, deadline == INT64_MAX ? -1 : left <= 0 ? 0 : left > 60000 ? 60000 : (int)left);
    }
}

static slu_status
open_all(shell *s, const slu_jobmanager_options *options, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    char checkpoints[SLU_PATH_BYTES_MAX];
    char address[SLU_LINK_ADDRESS_BYTES_MAX];
    char boot[64];
    const slu_link_options link_options = {.env = s->env, .linger_ms = 200, .insecure = options->insecure};
    SLU_TRY(signals_open(s, err));
    SLU_TRY(slu_dir_make(options->data_dir, err));
    (void)snprintf(path, sizeof path, "%.4000s/jobs.sqlite", options->data_dir);
    (void)snprintf(checkpoints, sizeof checkpoints, "%.4000s/checkpoints", options->data_dir);
    (void)snprintf(address, sizeof address, "tcp://%s", options->listen == NULL ? "127.0.0.1:6123" : options->listen);
    slu_boot_id(boot, sizeof boot);
    SLU_TRY(slu_jobstore_open(path, &s->store, err));
    SLU_TRY(slu_link_zmq.listen(&slu_link_zmq, address, &link_options, &s->listener, err));
    const slu_jobmanager_spec spec = {.env = s->env,
        .listener = s->listener,
        .store = s->store,
        .checkpoint_dir = checkpoints,
        .boot = boot,
        .build = "0.1.0",
        .heartbeat_ms = options->heartbeat_ms == 0 ? SLU_HEARTBEAT_MS : options->heartbeat_ms,
        .timeout_ms = options->timeout_ms == 0 ? SLU_HEARTBEAT_TIMEOUT_MS : options->timeout_ms};
    return slu_jobmanager_new(&spec, &s->jm, err);
}

slu_status
slu_jobmanager_run(const slu_env *env, const slu_jobmanager_options *options, slu_error *err)
{
    shell s = {.env = env, .signal_fd = -1};
    const slu_status status = open_all(&s, options, err);
    if (status == SLU_OK) {
        (void)fprintf(stderr, "jobmanager: ready at %s\n", slu_link_address(s.listener) + strlen("tcp://"));
        serve(&s);
    }
    slu_jobmanager_free(&s.jm);
    slu_link_close(&s.listener);
    slu_jobstore_close(&s.store);
    if (s.signal_fd >= 0)
        close(s.signal_fd);
    slu_link_zmq_shutdown();
    return status;
}
