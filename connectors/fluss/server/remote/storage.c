/* storage.c: the place of remote files: found, claimed, kept clean. */
#include "fluss/server/remote/internal.h"
#include "fluss/server/remote/sweep.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/sizes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define REMOTE_DEFAULT_DIR "remote"
#define REMOTE_OWNER_FILE "log/_owner"
#define REMOTE_REMOVE_INTERVAL_MS ((int64_t)60 * 1000) /* where nothing is copied */
#define REMOTE_REMOVALS_MAX 256                        /* begun at once */
#define REMOTE_OWNER_BYTES_MAX 256

const char *
fluss_remote_root(const fluss_remote *remote)
{
    return remote->root;
}

const char *
fluss_remote_near(const fluss_remote *remote)
{
    return remote->near;
}

const fluss_store *
fluss_remote_store(const fluss_remote *remote)
{
    return &remote->store;
}

bool
fluss_remote_enabled(const fluss_remote *remote)
{
    return remote->interval_ms > 0;
}

bool
fluss_remote_claimed(const fluss_remote *remote)
{
    return remote->claimed;
}

fluss_remote_place
fluss_remote_place_of(const fluss_served *table, int64_t partition_id, const char *partition, int32_t bucket)
{
    const fluss_remote_place place = {table->row.database, table->row.name, table->row.id, partition, partition_id, bucket};
    return place;
}

/* ---- where it is ---- */

/* A local directory, made, under its one absolute name. */
static slu_status
dir_find(const char *path, char **out, slu_error *err)
{
    SLU_TRY(slu_dir_make(path, err));
    char *absolute = realpath(path, NULL);
    if (absolute == NULL)
        return slu_errno_set(err, errno, "find", path);
    *out = slu_strdup(absolute);
    free(absolute);
    return *out != NULL ? SLU_OK : slu_error_set(err, SLU_NOMEM, "no memory for a path");
}

static slu_status
remote_open_dir(fluss_remote *remote, const char *dir, slu_error *err)
{
    if (strncmp(dir, "file:", 5) == 0)
        SLU_TRY_IN(fluss_remote_local_path(dir, &dir, err), err, "remote.data.dir");
    SLU_TRY(dir_find(dir, &remote->root, err));
    remote->near = slu_strdup(remote->root);
    if (remote->near == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a path");
    SLU_TRY(fluss_store_dir_open(remote->server->config->sync, &remote->store, err));
    remote->direct = remote->store;
    return SLU_OK;
}

static const char *
config_get(const void *of, const char *key)
{
    return fluss_config_get(of, key);
}

static slu_status
remote_open_foreign(fluss_remote *remote, const char *location, const char *near, slu_error *err)
{
    const fluss_server *server = remote->server;
    const fluss_store_settings settings = {config_get, server->config};
    size_t bytes = strlen(location);
    if (server->options.open_store == NULL)
        return slu_error_set(err, SLU_UNSUPPORTED, "remote.data.dir: '%s' is in no store that this program knows: name a directory",
                             location);
    while (bytes > 0 && location[bytes - 1] == '/')
        bytes--;
    remote->root = slu_strndup(location, bytes);
    if (remote->root == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a path");
    SLU_TRY(dir_find(near, &remote->near, err));
    SLU_TRY_IN(server->options.open_store(location, &settings, server->env, &remote->direct, err), err, "remote.data.dir");
    return fluss_store_mirror_open(&remote->direct, remote->root, remote->near, &remote->store, err);
}

static slu_status
remote_find(fluss_remote *remote, slu_error *err)
{
    char near[SLU_PATH_BYTES_MAX];
    const char *dir = remote->server->config->remote_data_dir;
    if (snprintf(near, sizeof near, "%s/" REMOTE_DEFAULT_DIR, remote->server->options.data_dir) >= (int)sizeof near)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", remote->server->options.data_dir);
    if (dir != NULL && fluss_store_is_foreign(dir))
        return remote_open_foreign(remote, dir, near, err);
    return remote_open_dir(remote, dir != NULL ? dir : near, err);
}

/* ---- whose it is ---- */

static slu_status
claim_found(void *to, const fluss_stored *found, slu_error *err)
{
    (void)found;
    (void)err;
    *(bool *)to = true;
    return SLU_END;
}

static slu_status
claim_is_empty(const fluss_remote *remote, const char *kind, bool *out, slu_error *err)
{
    char place[SLU_PATH_BYTES_MAX];
    bool found = false;
    if (snprintf(place, sizeof place, "%s/%s", remote->root, kind) >= (int)sizeof place)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", remote->root);
    const slu_status status = remote->direct.ops->list(remote->direct.self, place, claim_found, &found, err);
    *out = *out && !found;
    return status == SLU_END ? SLU_OK : status;
}

static slu_status
claim_refused(const fluss_remote *remote, const char *path, slu_error *err)
{
    return slu_error_set(
        err, SLU_CONFLICT,
        "remote.data.dir %s holds the log segments of another table server (%s): give this one a directory of its own",
        remote->root, path);
}

/* Two servers in one place would take each other's files for leftovers. */
static slu_status
remote_claim(const fluss_remote *remote, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    bool fresh = true;
    const fluss_store *store = &remote->direct;
    SLU_AUTO(slu_buf_fini) slu_buf found = {0};
    slu_buf_init(&found, REMOTE_OWNER_BYTES_MAX);
    if (snprintf(path, sizeof path, "%s/" REMOTE_OWNER_FILE, remote->root) >= (int)sizeof path)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", remote->root);
    slu_status status = store->ops->get(store->self, path, REMOTE_OWNER_BYTES_MAX, &found, err);
    if (status == SLU_OK)
        return strcmp(slu_buf_cstr(&found), remote->owner) == 0 ? SLU_OK : claim_refused(remote, path, err);
    if (status != SLU_NOTFOUND)
        return status;
    SLU_TRY(claim_is_empty(remote, FLUSS_REMOTE_LOG, &fresh, err));
    SLU_TRY(claim_is_empty(remote, FLUSS_REMOTE_KV, &fresh, err));
    if (!fresh)
        return claim_refused(remote, path, err);
    status = store->ops->put(store->self, path, slu_view_of_text(remote->owner), true, err);
    return status == SLU_CONFLICT ? claim_refused(remote, path, err) : status;
}

typedef struct claim_job {
    fluss_job job;
    fluss_remote *remote;
} claim_job;

static slu_status
claim_run(fluss_job *job, slu_error *err)
{
    return remote_claim(((claim_job *)(void *)job)->remote, err);
}

static void
remote_is_ours(fluss_remote *remote)
{
    slu_error why;
    remote->claimed = true;
    if (fluss_sweep_dropped(remote, &why) != SLU_OK)
        slu_log_warn(remote->server->env, "REMOTE-SWEEP-FAILED", "%s", why.message);
}

static void
claim_done(fluss_job *base, slu_status status, const slu_error *err)
{
    claim_job *job = (claim_job *)(void *)base;
    fluss_remote *remote = job->remote;
    remote->claiming = false;
    if (status == SLU_OK) {
        slu_log_info(remote->server->env, "REMOTE-REACHED", "remote.data.dir %s is to be had now", remote->root);
        remote_is_ours(remote);
    } else if (status != SLU_CLOSED) {
        slu_log_warn(remote->server->env, "REMOTE-UNREACHABLE",
                     "remote.data.dir: %s; it is tried again, and all stays here until then", err->message);
    }
    slu_free(job);
}

static void
remote_claim_again(fluss_remote *remote)
{
    claim_job *job = remote->claiming ? NULL : slu_alloc_zero(1, sizeof *job);
    if (job == NULL)
        return;
    remote->claiming = true;
    job->remote = remote;
    job->job.run = claim_run;
    job->job.done = claim_done;
    fluss_background_submit(remote->server->background, &job->job);
}

/* A store that refuses us is a fault of the settings, and is said at once; one that is not to be had may be tomorrow. */
static slu_status
remote_claim_first(fluss_remote *remote, slu_error *err)
{
    slu_error why;
    const slu_status status = remote_claim(remote, &why);
    if (status == SLU_OK) {
        remote_is_ours(remote);
        return SLU_OK;
    }
    if (!remote->store.local && (status == SLU_IO || status == SLU_TIMEOUT || status == SLU_CLOSED)) {
        slu_log_warn(remote->server->env, "REMOTE-UNREACHABLE",
                     "remote.data.dir: %s; it is tried again, and all stays here until then", why.message);
        return SLU_OK;
    }
    if (err != NULL)
        *err = why;
    return remote->store.local ? status : slu_error_in(err, status, "remote.data.dir %s", remote->root);
}

/* ---- life ---- */

static void remote_tick(void *context);

static int64_t
remote_tick_ms(const fluss_remote *remote)
{
    return fluss_remote_enabled(remote) ? remote->interval_ms : REMOTE_REMOVE_INTERVAL_MS;
}

slu_status
fluss_remote_open(fluss_server *server, fluss_remote **out, slu_error *err)
{
    fluss_remote *remote = slu_alloc_zero(1, sizeof *remote);
    if (remote == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the remote log");
    *out = remote; /* the server's close frees what there is, after the thread that uses it */
    remote->server = server;
    remote->interval_ms = server->config->remote_log_task_interval_ms;
    SLU_TRY(fluss_catalogue_remote_open(server->catalogue, remote->owner, err));
    SLU_TRY(remote_find(remote, err));
    SLU_TRY(remote_claim_first(remote, err));
    SLU_TRY(slu_timer_open(server->loop, remote_tick, remote, &remote->timer, err));
    slu_timer_set(remote->timer, remote_tick_ms(remote));
    return SLU_OK;
}

void
fluss_remote_stop(fluss_remote *remote)
{
    if (remote != NULL && remote->timer != NULL)
        slu_timer_close(&remote->timer);
}

void
fluss_remote_close(fluss_remote **remote)
{
    if (*remote == NULL)
        return;
    fluss_remote_stop(*remote);
    fluss_store_close(&(*remote)->store);
    slu_free((*remote)->root);
    slu_free((*remote)->near);
    slu_free(*remote);
    *remote = NULL;
}

/* ---- removing what is due ---- */

static void
removal_done(fluss_job *job, slu_status status, const slu_error *err)
{
    fluss_remove *gone = (fluss_remove *)(void *)job;
    fluss_remote *remote = gone->remote;
    slu_error why;
    const char *relative = gone->path + strlen(remote->root) + 1;
    remote->removals--;
    if (status == SLU_OK && fluss_catalogue_forget_doomed(remote->server->catalogue, relative, &why) != SLU_OK)
        slu_log_warn(remote->server->env, "REMOTE-REMOVE", "%s", why.message);
    if (status < 0 && status != SLU_CLOSED)
        slu_log_warn(remote->server->env, "REMOTE-REMOVE", "%s; it is tried again", err->message);
    slu_free(gone);
}

static slu_status
remote_remove_due(fluss_remote *remote, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    const char **paths = NULL;
    size_t count = 0;
    char path[SLU_PATH_BYTES_MAX];
    if (remote->removals != 0 || !remote->claimed)
        return SLU_OK;
    slu_arena_init(&arena, REMOTE_DOOMED_BYTES_MAX);
    SLU_TRY(fluss_catalogue_list_doomed(remote->server->catalogue, slu_wall_ms(remote->server->env), REMOTE_REMOVALS_MAX, &arena,
                                        &paths, &count, err));
    for (size_t i = 0; i < count; i++) {
        fluss_job *job = NULL;
        if (snprintf(path, sizeof path, "%s/%s", remote->root, paths[i]) >= (int)sizeof path)
            continue;
        SLU_TRY(fluss_remove_new(remote, path, removal_done, &job, err));
        remote->removals++;
        fluss_background_submit(remote->server->background, job);
    }
    return SLU_OK;
}

static void
remote_remove_now(fluss_remote *remote)
{
    slu_error why;
    if (remote_remove_due(remote, &why) != SLU_OK)
        slu_log_warn(remote->server->env, "REMOTE-REMOVE", "%s", why.message);
}

slu_status
fluss_remote_drop(fluss_remote *remote, const fluss_served *table, int64_t partition_id, const char *partition, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    const fluss_remote_place place = fluss_remote_place_of(table, partition_id, partition, -1);
    SLU_TRY(partition_id < 0 ? fluss_remote_table_dir("", FLUSS_REMOTE_LOG, &place, path, err)
                             : fluss_remote_partition_dir("", FLUSS_REMOTE_LOG, &place, path, err));
    SLU_TRY(fluss_catalogue_drop_remote(remote->server->catalogue, table->row.id, partition_id, path,
                                        slu_wall_ms(remote->server->env), err));
    remote_remove_now(remote);
    return SLU_OK;
}

/* ---- the rounds ---- */

static void
remote_work_tablet(void *context, fluss_tablet *tablet)
{
    (void)context;
    if (tablet->remote != NULL)
        fluss_remote_log_work(tablet->remote);
}

static void
remote_tick(void *context)
{
    fluss_remote *remote = context;
    if (!remote->claimed)
        remote_claim_again(remote);
    else if (fluss_remote_enabled(remote))
        fluss_tables_each(remote->server->tables, remote_work_tablet, NULL);
    remote_remove_now(remote);
    slu_timer_set(remote->timer, remote_tick_ms(remote));
}
