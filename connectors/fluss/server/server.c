#include "fluss/server/server.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "fluss/server/partitions/auto_partition.h"
#include "fluss/server/access/authorize.h"
#include "fluss/server/catalogue/cluster.h"
#include "fluss/server/catalogue/security.h"
#include "fluss/server/cluster/dynamic_config.h"
#include "fluss/security/sasl.h"
#include "fluss/server/commits.h"
#include "fluss/server/log/fetch.h"
#include "fluss/server/kv/snapshots.h"
#include "fluss/server/server_internal.h"
#include "fluss/server/tables/table_rules.h"
#include "fluss/server/lake/tiering.h"
#include "fluss/wire/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#define SERVER_STRINGS_BYTES_MAX ((size_t)1 << 20)
#define SERVER_TRIM_MS 250
#define SERVER_TRIM_KEEP_BYTES ((size_t)256 << 10)
#define SERVER_DATABASE "fluss" /* always there */

static const char *
server_copy(fluss_server *server, const char *text)
{
    return text == NULL ? NULL : slu_arena_strdup(&server->strings, text);
}

/* What an option says is said over the settings, under the setting's own name. */
static slu_status
server_say(fluss_server *server, const char *key, const char *text, slu_error *err)
{
    return text == NULL ? SLU_OK : fluss_config_set(server->config, key, text, "options", err);
}

static slu_status
server_say_number(fluss_server *server, const char *key, uint64_t number, slu_error *err)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    return number == 0 ? SLU_OK : server_say(server, key, text, err);
}

static slu_status
server_configure(fluss_server *server, const fluss_server_options *options, slu_error *err)
{
    if (options->config == NULL)
        SLU_TRY(fluss_config_new(&server->config, err));
    else
        SLU_TRY(fluss_config_clone(options->config, &server->config, err));
    SLU_TRY(server_say(server, "data.dir", options->data_dir, err));
    SLU_TRY(server_say(server, "datalake.format", options->datalake_format, err));
    SLU_TRY(server_say(server, "sync", options->sync ? "true" : NULL, err));
    SLU_TRY(server_say_number(server, "default.bucket.number", (uint64_t)options->default_buckets, err));
    SLU_TRY(server_say_number(server, "log.segment.file-size", options->segment_bytes, err));
    SLU_TRY(server_say_number(server, "kv.rocksdb.block.cache-size", options->kv_cache_bytes, err));
    SLU_TRY(server_say_number(server, "kv.rocksdb.writebuffer.size", options->kv_write_buffer_bytes, err));
    /* However many rows may be lost: none is. */
    if (server->config->log_flush_interval_messages != INT64_MAX)
        SLU_TRY(server_say(server, "sync", "true", err));
    fluss_config_warn(server->config, server->env);
    return SLU_OK;
}

static slu_status
server_copy_lake(fluss_server *server, const fluss_server_lake *lake, slu_error *err)
{
    fluss_server_property *properties = slu_arena_array(&server->strings, lake->property_count + 1, sizeof *properties);
    server->has_lake = true;
    server->lake = *lake;
    server->lake.properties = properties;
    for (size_t i = 0; properties != NULL && i < lake->property_count; i++) {
        properties[i].key = server_copy(server, lake->properties[i].key);
        properties[i].value = server_copy(server, lake->properties[i].value);
    }
    return slu_arena_status(&server->strings, err);
}

slu_status
fluss_server_change_lake(fluss_server *server, const fluss_config *config, slu_error *err)
{
    fluss_server_lake lake = {0};
    if (server->lakes.open == NULL)
        return SLU_OK;
    if (config->datalake_format != NULL)
        SLU_TRY(server->lakes.open(server->lakes.context, config, &lake, err));
    if (lake.create_table != NULL)
        return server_copy_lake(server, &lake, err);
    server->has_lake = false;
    return SLU_OK;
}

static slu_status
server_copy_options(fluss_server *server, const fluss_server_options *options, slu_error *err)
{
    fluss_server_options *own = &server->options;
    SLU_TRY(server_configure(server, options, err));
    *own = (fluss_server_options){.port = options->port < 0 ? FLUSS_SERVER_PORT_DEFAULT : options->port,
                                  .open_store = options->open_store};
    own->host = server_copy(server, options->host != NULL ? options->host : FLUSS_SERVER_HOST_DEFAULT);
    own->advertised_host = server_copy(server, options->advertised_host);
    own->data_dir = server_copy(server, server->config->data_dir);
    if (own->data_dir == NULL || own->port > UINT16_MAX)
        return slu_error_set(err, SLU_INVALID, "a table server needs a data directory and a port up to 65535");
    if (options->lakes != NULL) {
        server->lakes = *options->lakes;
        return fluss_server_change_lake(server, server->config, err);
    }
    return options->lake == NULL ? slu_arena_status(&server->strings, err) : server_copy_lake(server, options->lake, err);
}

/* One server per directory: two would write over each other. No database can be called like the file. */
static slu_status
server_lock(fluss_server *server, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(slu_dir_make(server->options.data_dir, err));
    if (snprintf(path, sizeof path, "%s/.lock", server->options.data_dir) >= (int)sizeof path)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", server->options.data_dir);
    server->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (server->lock_fd < 0)
        return slu_errno_set(err, errno, "open", path);
    if (flock(server->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return slu_error_set(err, SLU_CONFLICT, "the data directory %s is in use by another table server",
                             server->options.data_dir);
    return SLU_OK;
}

static slu_status
server_open_stores(fluss_server *server, slu_error *err)
{
    const slu_kv_pool_options pool = {.cache_bytes = (size_t)server->config->kv_rocksdb_block_cache_bytes,
                                      .rows_bytes = (size_t)server->config->kv_rocksdb_writebuffer_bytes};
    SLU_TRY(server_lock(server, err));
    SLU_TRY(fluss_catalogue_open(server->env, server->options.data_dir, server->config->sync, &server->catalogue, err));
    SLU_TRY(fluss_catalogue_security_open(server->catalogue, err));
    SLU_TRY(fluss_dynamic_config_open(server, err));
    SLU_TRY(fluss_authorizer_open(server, err));
    const slu_status made =
        fluss_catalogue_create_database(server->catalogue, SERVER_DATABASE, "{\"version\":1,\"custom_properties\":{}}", err);
    if (made != SLU_OK && made != SLU_CONFLICT)
        return made;
    SLU_TRY(slu_kv_pool_open(&pool, &server->kv_pool, err));
    SLU_TRY(fluss_remote_open(server, &server->remote, err));
    const fluss_tables_options tables = {server->env,
                                         server->catalogue,
                                         server->kv_pool,
                                         server->options.data_dir,
                                         server->remote,
                                         {.segment_bytes = (uint64_t)server->config->log_segment_file_bytes,
                                          .sync_records = server->config->sync ? 1 : server->config->log_flush_interval_messages,
                                          .sync = server->config->sync},
                                         fluss_kv_snapshots_restore,
                                         server};
    SLU_TRY(fluss_catalogue_kv_open(server->catalogue, fluss_remote_root(server->remote), err));
    return fluss_tables_open(&tables, &server->tables, err);
}

/* Rows older than table.log.ttl go, a closed segment at a time; with remote storage the local ones already after table.log.local-ttl. */
static int64_t
server_rows_before(const fluss_server *server, const fluss_served *table)
{
    int64_t ttl_ms = FLUSS_LOG_TTL_MS_DEFAULT;
    const char *text = fluss_descriptor_get(&table->descriptor, "table.log.ttl");
    const char *local = fluss_descriptor_get(&table->descriptor, "table.log.local-ttl");
    if (text != NULL && !fluss_duration_parse(text, &ttl_ms))
        ttl_ms = FLUSS_LOG_TTL_MS_DEFAULT;
    if (local != NULL && fluss_remote_enabled(server->remote))
        (void)fluss_duration_parse(local, &ttl_ms);
    return ttl_ms == 0 ? INT64_MIN : slu_wall_ms(server->env) - ttl_ms;
}

/* But the changelog of a primary-key table stays from its oldest snapshot on, for the two together are its rows; and of a lake table what
 * is not in the lake yet. */
int64_t
fluss_server_rows_below(fluss_server *server, const fluss_tablet *tablet)
{
    const fluss_table *table = &tablet->table->table;
    const int64_t kept = table->key_column_count != 0 ? fluss_kv_snapshots_retain(server, tablet) : INT64_MAX;
    const int64_t tiered = table->lake_enabled ? fluss_lake_offset_of(server, tablet) : INT64_MAX;
    return kept < tiered ? kept : tiered;
}

/* A local segment that is copied can go for all of that. */
static int64_t
server_local_below(fluss_server *server, const fluss_tablet *tablet)
{
    return fluss_remote_enabled(server->remote) ? fluss_remote_log_end(tablet->remote) : fluss_server_rows_below(server, tablet);
}

static void
server_expire_tablet(void *context, fluss_tablet *tablet)
{
    fluss_server *server = context;
    slu_error why;
    const int64_t below = fluss_log_has_closed(tablet->log) ? server_local_below(server, tablet) : 0;
    if (fluss_log_expire(tablet->log, slu_wall_ms(server->env) - server->config->writer_id_expiration_ms,
                         server_rows_before(server, tablet->table), below, &why) != SLU_OK)
        slu_log_warn(server->env, "EXPIRE-FAILED", "%s", why.message);
}

/* Often enough for each of those that wait for it. */
static int64_t
server_tick_ms(const fluss_server *server)
{
    const fluss_config *config = server->config;
    int64_t ms = SLU_MIN(config->log_retention_check_interval_ms, config->writer_id_expiration_check_interval_ms);
    ms = SLU_MIN(ms, config->producer_offsets_cleanup_interval_ms);
    return SLU_MAX((int64_t)1, SLU_MIN(ms, (int64_t)FLUSS_SERVER_TICK_MS));
}

static void
server_tick(void *context)
{
    fluss_server *server = context;
    slu_error why;
    fluss_tables_each(server->tables, server_expire_tablet, server);
    if (fluss_catalogue_expire_producers(server->catalogue, slu_wall_ms(server->env), &why) != SLU_OK)
        slu_log_warn(server->env, "EXPIRE-FAILED", "%s", why.message);
    fluss_sessions_close_idle(server);
    slu_timer_set(server->tick, server_tick_ms(server));
}

/* glibc keeps what a burst of large requests needed, in pieces between what lives on: the whole pages of it go back, a few times
 * a second while such requests come, and once behind them. Of upserts of 1 MB by eight clients it takes 5 MiB of 65, and 17 behind them;
 * clearing pages anew costs up to a third more CPU where a single client sends them. */
static void
server_trim(void *context)
{
    fluss_server *server = context;
    server->trims = false;
#ifdef __GLIBC__
    (void)malloc_trim(SERVER_TRIM_KEEP_BYTES);
#endif
}

void
fluss_server_large_request(fluss_server *server)
{
    if (!server->trims)
        slu_timer_set(server->trim, SERVER_TRIM_MS);
    server->trims = true;
}

static void
server_woken(void *context)
{
    fluss_server *server = context;
    fluss_sessions_sweep(server);
    fluss_background_step(server->background);
}

static slu_status
server_listen_at(fluss_server *server, fluss_server_listener *at, slu_error *err)
{
    const size_t request_bytes_max = (size_t)server->config->netty_max_request_bytes;
    const slu_conn_options options = {.frame_bytes_max = request_bytes_max - FLUSS_FRAME_PREFIX_BYTES,
                                      .queue_bytes_max = FLUSS_SERVER_QUEUE_BYTES_MAX,
                                      .frames_bytes_soft = FLUSS_SERVER_FRAMES_BYTES_SOFT};
    at->server = server;
    if (at->spec.sasl)
        SLU_TRY(fluss_sasl_check_users(server->config, at->spec.name, err));
    if (at->spec.sasl && !fluss_sasl_has_users(server->config, at->spec.name))
        slu_log_warn(server->env, "NO-USERS", "listener %s asks for a login and no user_NAME is said: nobody can log in",
                     at->spec.name);
    SLU_TRY_IN(
        slu_listener_open(server->loop, at->spec.host, at->spec.port, &options, fluss_session_accept, at, &at->listener, err), err,
        "listener %s", at->spec.name);
    at->port = slu_listener_port(at->listener);
    slu_log_info(server->env, "LISTENING", "%s://%s:%u%s%s", at->spec.name, at->spec.host, (unsigned)at->port,
                 at->spec.sasl ? " with login" : "", at->spec.internal ? ", above all access rights" : "");
    return SLU_OK;
}

static slu_status
server_listen(fluss_server *server, slu_error *err)
{
    fluss_listener_spec specs[FLUSS_LISTENERS_MAX];
    fluss_server_listener *first = &server->listeners[0];
    slu_loop_on_wake(server->loop, server_woken, server);
    SLU_TRY(slu_timer_open(server->loop, server_tick, server, &server->tick, err));
    slu_timer_set(server->tick, server_tick_ms(server));
    SLU_TRY(slu_timer_open(server->loop, server_trim, server, &server->trim, err));
    SLU_TRY(fluss_listeners_read(server->config, server->options.host, (uint16_t)server->options.port, specs,
                                 &server->listener_count, err));
    fluss_listeners_warn(server->config, server->env, specs, server->listener_count);
    for (size_t i = 0; i < server->listener_count; i++) {
        server->listeners[i].spec = specs[i];
        SLU_TRY(server_listen_at(server, &server->listeners[i], err));
    }
    (void)snprintf(server->address, sizeof server->address, strchr(first->spec.host, ':') != NULL ? "[%s]:%u" : "%s:%u",
                   first->spec.host, (unsigned)first->port);
    return SLU_OK;
}

/* Each bucket in use keeps a file open. */
static void
server_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

slu_status
fluss_server_open(const slu_env *env, const fluss_server_options *options, fluss_server **out, slu_error *err)
{
    fluss_server *server = slu_alloc_zero(1, sizeof *server);
    if (server == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a table server");
    server->env = env;
    server->lock_fd = -1;
    slu_arena_init(&server->strings, SERVER_STRINGS_BYTES_MAX);
    slu_arena_init(&server->request_arena, 0);
    server_raise_file_limit();
    slu_status status = server_copy_options(server, options, err);
    if (status == SLU_OK)
        status = slu_loop_open(env, &server->loop, err);
    if (status == SLU_OK)
        status = fluss_background_open(server->loop, &server->background, err);
    if (status == SLU_OK)
        status = server_open_stores(server, err);
    if (status == SLU_OK)
        status = fluss_kv_snapshots_open(server, &server->kv_snapshots, err);
    if (status == SLU_OK)
        status = fluss_fetches_open(server, &server->fetches, err);
    if (status == SLU_OK)
        status = fluss_commits_open(server, &server->commits, err);
    if (status == SLU_OK)
        status = fluss_tiering_open(server, &server->tiering, err);
    if (status == SLU_OK)
        status = fluss_lake_load(server, err);
    if (status == SLU_OK)
        status = fluss_auto_partitions_open(server, &server->auto_partitions, err);
    if (status == SLU_OK)
        status = fluss_alters_finish(server, err);
    if (status == SLU_OK)
        status = server_listen(server, err);
    if (status != SLU_OK) {
        fluss_server_close(&server);
        return slu_error_in(err, status, "table server");
    }
    slu_log_info(env, "SERVER-READY", "table server at %s, data in %s", server->address, server->options.data_dir);
    *out = server;
    return SLU_OK;
}

void
fluss_server_run(fluss_server *server)
{
    slu_loop_run(server->loop);
}

static void *
server_thread(void *context)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL); /* signals are for the thread that knows what they mean */
    fluss_server_run(context);
    return NULL;
}

slu_status
fluss_server_start(fluss_server *server, slu_error *err)
{
    const int rc = pthread_create(&server->thread, NULL, server_thread, server);
    if (rc != 0)
        return slu_errno_set(err, rc, "start", "the table server's thread");
    server->threaded = true;
    return SLU_OK;
}

void
fluss_server_stop(fluss_server *server)
{
    slu_loop_stop(server->loop);
}

void
fluss_server_close(fluss_server **out)
{
    fluss_server *server = *out;
    if (server == NULL)
        return;
    if (server->threaded) {
        fluss_server_stop(server);
        (void)pthread_join(server->thread, NULL);
    }
    fluss_kv_snapshots_stop(server->kv_snapshots);
    fluss_background_close(&server->background);
    fluss_kv_snapshots_close(&server->kv_snapshots);
    fluss_commits_close(&server->commits);
    fluss_sessions_close(server);
    fluss_fetches_close(&server->fetches);
    fluss_tiering_close(&server->tiering);
    fluss_auto_partitions_close(&server->auto_partitions);
    if (server->loop != NULL) {
        slu_timer_close(&server->tick);
        slu_timer_close(&server->trim);
        fluss_remote_stop(server->remote);
        for (size_t i = 0; i < server->listener_count; i++)
            slu_listener_close(&server->listeners[i].listener);
        slu_loop_close(&server->loop);
    }
    fluss_tables_close(&server->tables);
    fluss_remote_close(&server->remote);
    slu_kv_pool_close(&server->kv_pool);
    fluss_catalogue_close(&server->catalogue);
    if (server->lock_fd >= 0)
        (void)close(server->lock_fd);
    fluss_authorizer_close(server);
    fluss_dynamic_config_close(server);
    fluss_config_free(&server->config);
    slu_arena_fini(&server->request_arena);
    slu_arena_fini(&server->strings);
    slu_free(server);
    *out = NULL;
}

const char *
fluss_server_address(const fluss_server *server)
{
    return server->address;
}

int
fluss_server_port(const fluss_server *server, const char *listener)
{
    for (size_t i = 0; i < server->listener_count; i++)
        if (strcmp(server->listeners[i].spec.name, listener) == 0)
            return server->listeners[i].port;
    return -1;
}

slu_status
fluss_server_clock(const fluss_server *server, clockid_t *out)
{
    return server->threaded && pthread_getcpuclockid(server->thread, out) == 0 ? SLU_OK : SLU_INVALID;
}
