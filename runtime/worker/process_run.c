/* process_run.c: `sluice worker`: what surrounds the step machine in a real process. */
#include "process.h"

#include "base/crash.h"
#include "base/file.h"
#include "control/message.h"
#include "link/zmq.h"
#include "store/plugins.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The message its task manager left at descriptor 3. */
static slu_status
deploy_read(slu_buf *out, slu_error *err)
{
    struct stat info;
    if (fstat(SLU_WORKER_DEPLOY_FD, &info) != 0 || !S_ISREG(info.st_mode))
        return slu_error_set(err, SLU_INVALID, "a worker is started by a task manager: there is no deploy message at descriptor %d",
                             SLU_WORKER_DEPLOY_FD);
    if (info.st_size <= 0 || info.st_size > SLU_CONTROL_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a deploy message of %lld bytes", (long long)info.st_size);
    uint8_t *room = slu_buf_extend(out, (size_t)info.st_size);
    if (room == NULL)
        return slu_buf_status(out, err);
    const ssize_t got = pread(SLU_WORKER_DEPLOY_FD, room, (size_t)info.st_size, 0);
    close(SLU_WORKER_DEPLOY_FD);
    return got == info.st_size ? SLU_OK : slu_errno_set(err, errno, "read", "the deploy message");
}

/* The kernel ends us with our task manager; if that died before we asked, we end now. */
static slu_status
parent_follow(const slu_message *deploy, slu_error *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return slu_errno_set(err, errno, "follow", "the task manager");
    if (deploy->pid != 0 && (uint64_t)getppid() != deploy->pid)
        return slu_error_set(err, SLU_CLOSED, "the task manager is gone");
    return SLU_OK;
}

static slu_status
parent_of(slu_view bytes, slu_error *err)
{
    slu_arena arena;
    slu_message deploy;
    slu_arena_init(&arena, SLU_MESSAGE_ARENA_BYTES_MAX);
    slu_status status = slu_message_decode(bytes, SLU_CONTROL_VERSION_MAX, &arena, &deploy, err);
    if (status == SLU_OK)
        status = parent_follow(&deploy, err);
    slu_arena_fini(&arena);
    return status;
}

static slu_status
run(const slu_env *env, slu_view deploy, slu_registry *registry, const slu_stores *stores, int *exit_code, slu_error *err)
{
    char host[256] = "localhost";
    char boot[64];
    slu_worker_process *process = NULL;
    (void)gethostname(host, sizeof host - 1);
    slu_boot_id(boot, sizeof boot);
    const slu_worker_process_spec spec = {.env = env,
                                          .control = &slu_link_zmq,
                                          .data = &slu_link_zmq,
                                          .registry = registry,
                                          .stores = stores,
                                          .deploy = deploy,
                                          .host = host,
                                          .boot = boot,
                                          .threads = true};
    SLU_TRY(slu_worker_process_new(&spec, &process, err));
    for (;;) {
        const slu_status status = slu_worker_process_step(process);
        if (status == SLU_END)
            break;
        if (status == SLU_AGAIN)
            slu_worker_process_wait(process);
    }
    *exit_code = slu_worker_process_exit_code(process);
    slu_worker_process_free(&process);
    return SLU_OK;
}

int
slu_worker_process_run(const slu_env *env)
{
    slu_error err = {0};
    slu_buf deploy;
    slu_registry *registry = NULL;
    slu_store_plugins *stores = NULL;
    int exit_code = 1;
    slu_crash_say();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN); /* a Ctrl-C at the terminal is for the task manager */
    slu_buf_init(&deploy, (size_t)SLU_CONTROL_BYTES_MAX);
    slu_status status = deploy_read(&deploy, &err);
    if (status == SLU_OK)
        status = parent_of(slu_buf_view(&deploy), &err);
    if (status == SLU_OK)
        status = slu_registry_new(&registry, &err);
    if (status == SLU_OK)
        status = slu_registry_add_default_dirs(registry, &err);
    if (status == SLU_OK)
        status = slu_store_plugins_new(env, &stores, &err);
    if (status == SLU_OK)
        status = run(env, slu_buf_view(&deploy), registry, slu_store_plugins_get(stores), &exit_code, &err);
    if (status != SLU_OK)
        (void)fprintf(stderr, "sluice worker: %s\n", err.message);
    slu_store_plugins_free(&stores);
    slu_registry_free(&registry);
    slu_buf_fini(&deploy);
    slu_link_zmq_shutdown();
    return exit_code;
}
