/* server_internal.h: the server and a request, as the files of this room see them; nobody else includes it. */
#ifndef FLUSS_SERVER_INTERNAL_H
#define FLUSS_SERVER_INTERNAL_H

#include "base/arena.h"
#include "fluss/background/background.h"
#include "fluss/server/catalogue/catalogue.h"
#include "fluss/config/listeners.h"
#include "fluss/security/acl.h"
#include "fluss/server/server.h"
#include "fluss/server/tables/tables.h"
#include "fluss/wire/api.h"
#include "fluss/wire/error.h"
#include "fluss/wire/message.h"
#include "kv/kv.h"
#include "net/tcp.h"

#include <pthread.h>

#define FLUSS_SERVER_NODE_ID 0
#define FLUSS_LOG_TTL_MS_DEFAULT ((int64_t)7 * 24 * 3600 * 1000) /* table.log.ttl where a table does not say */
#define FLUSS_SERVER_TICK_MS 60000                               /* housekeeping: writers and rows that expire */
#define FLUSS_SERVER_QUEUE_BYTES_MAX ((size_t)64 << 20)          /* of answers that wait for a slow client */
#define FLUSS_SERVER_QUEUES_BYTES_MAX ((size_t)256 << 20)        /* for all of them together: then the slowest is shown the door */

#define FLUSS_SERVER_FRAMES_BYTES_SOFT ((size_t)4 << 20) /* of requests that come in at once; more wait in their senders */

typedef struct fluss_session fluss_session;
typedef struct fluss_fetches fluss_fetches;
typedef struct fluss_tiering fluss_tiering;
typedef struct fluss_commits fluss_commits;
typedef struct fluss_auto_partitions fluss_auto_partitions;
typedef struct fluss_kv_snapshots fluss_kv_snapshots;

/* A place where clients come. */
typedef struct fluss_server_listener {
    fluss_server *server;
    fluss_listener_spec spec;
    slu_listener *listener;
    uint16_t port; /* the real one */
} fluss_server_listener;

struct fluss_server {
    const slu_env *env;
    fluss_server_options options; /* host, port, advertised_host, data_dir: they point into `strings`. All else: config */
    fluss_config *initial_config; /* what the server was started with; `config` is that and what was altered since */
    fluss_acls *acls;             /* NULL: no authorizer */
    fluss_config *config;         /* what others read as const fluss_config *; its address never changes */
    fluss_server_lakes lakes;
    fluss_server_lake lake;
    bool has_lake;
    bool copies_warned;
    slu_arena strings;
    slu_loop *loop;
    fluss_server_listener listeners[FLUSS_LISTENERS_MAX];
    size_t listener_count;
    slu_timer *tick;
    slu_timer *trim;                     /* set while large requests come */
    bool trims;                          /* it is set */
    char address[SLU_ADDRESS_BYTES_MAX]; /* of the first listener */
    int lock_fd;                         /* on data_dir/lock */
    fluss_catalogue *catalogue;
    slu_kv_pool *kv_pool;
    fluss_tables *tables;
    fluss_fetches *fetches;
    fluss_commits *commits;
    fluss_tiering *tiering;
    fluss_auto_partitions *auto_partitions;
    fluss_background *background;
    fluss_remote *remote;
    fluss_kv_snapshots *kv_snapshots;
    fluss_session *sessions;
    slu_arena request_arena;
    int64_t writer_id_next; /* taken from the catalogue in blocks */
    int64_t writer_id_end;
    pthread_t thread;
    bool threaded;
};

/* One request while its handler runs. */
typedef struct fluss_request {
    fluss_server *server;
    fluss_session *session;
    const fluss_api *api;
    const ProtobufCMessage *message;
    slu_arena *arena; /* of this request; gone when the handler returns */
    int32_t id;
    int16_t version;
    fluss_principal principal; /* who asks */
} fluss_request;

/* A handler answers (fluss_request_answer), or parks the request and answers later by session and id, or fails: the client then
 * gets the error. */
typedef slu_status (*fluss_handler)(fluss_request *request, slu_error *err);

SLU_CHECK slu_status fluss_request_answer(fluss_request *request, const ProtobufCMessage *response, slu_error *err);

/* session.c. Sends an answer for a request that was parked; the session may be slow, never gone (fluss_fetches_forget). */
/* How many fetches of the session wait (fetch.c counts them). */
uint32_t *fluss_session_parked(fluss_session *session);
void fluss_session_answer(fluss_session *session, int32_t request_id, const ProtobufCMessage *response);
/* Until when (on the monotonic clock) a reader counts as one that has more to fetch than it was given. */
void fluss_session_set_behind(fluss_session *session, int64_t until_ms);
int64_t fluss_session_behind(const fluss_session *session);
/* Where this client should be told to connect to: by its own listener. */
const char *fluss_session_host(const fluss_session *session);
uint16_t fluss_session_port(const fluss_session *session);
/* The client's numeric address. */
const char *fluss_session_peer_host(const fluss_session *session);
/* Is it a client of the internal listener? */
bool fluss_session_is_internal(const fluss_session *session);
slu_status fluss_session_accept(void *listener, slu_conn *conn, const slu_conn_events **out_events, void **out_context);
void fluss_sessions_close(fluss_server *server);
/* Closes connections that were silent for longer than netty.connection.max-idle-time. */
void fluss_sessions_close_idle(fluss_server *server);
/* Frees the sessions whose connection was closed while something else went on. */
void fluss_sessions_sweep(void *server);

/* lake/api.c. Puts the lake tables of the catalogue under tiering. */
SLU_CHECK slu_status fluss_lake_load(fluss_server *server, slu_error *err);
/* Finishes what a crash left between a lake and the catalogue (tables/alter.c). */
SLU_CHECK slu_status fluss_alters_finish(fluss_server *server, slu_error *err);
/* A lake table: its freshness comes from the descriptor. */
SLU_CHECK slu_status fluss_lake_add(fluss_server *server, const fluss_table_row *row, const fluss_descriptor *descriptor,
                                    int64_t last_tiered_ms, slu_error *err);
bool fluss_lake_enabled(const fluss_descriptor *descriptor);
/* How far a bucket is in the lake: the next offset to be tiered; 0 when that is not known. */
int64_t fluss_lake_offset_of(fluss_server *server, const fluss_tablet *tablet);

/* server.c. Retention may take rows below this offset. */
int64_t fluss_server_rows_below(fluss_server *server, const fluss_tablet *tablet);

/* server.c. Some memory will soon be free that can go back to the system. */
void fluss_server_large_request(fluss_server *server);
/* server.c. The lake that these settings name takes the place of the one there is. */
SLU_CHECK slu_status fluss_server_change_lake(fluss_server *server, const fluss_config *config, slu_error *err);

/* dispatch.c. NULL: not served. */
fluss_handler fluss_dispatch_find(int16_t api_key);

/* The Fluss code for a failure: what our rooms put into err->code where it can be one, else by status. */
int32_t fluss_server_code(slu_status status, const slu_error *err);

/* Handlers, each beside its kind. */
slu_status fluss_handle_api_versions(fluss_request *r, slu_error *err);
slu_status fluss_handle_authenticate(fluss_request *r, slu_error *err);
slu_status fluss_handle_create_acls(fluss_request *r, slu_error *err);
slu_status fluss_handle_list_acls(fluss_request *r, slu_error *err);
slu_status fluss_handle_drop_acls(fluss_request *r, slu_error *err);
slu_status fluss_handle_describe_configs(fluss_request *r, slu_error *err);
slu_status fluss_handle_alter_configs(fluss_request *r, slu_error *err);
slu_status fluss_handle_metadata(fluss_request *r, slu_error *err);
slu_status fluss_handle_get_table_info(fluss_request *r, slu_error *err);
slu_status fluss_handle_get_table_schema(fluss_request *r, slu_error *err);
slu_status fluss_handle_list_databases(fluss_request *r, slu_error *err);
slu_status fluss_handle_database_exists(fluss_request *r, slu_error *err);
slu_status fluss_handle_get_database_info(fluss_request *r, slu_error *err);
slu_status fluss_handle_list_tables(fluss_request *r, slu_error *err);
slu_status fluss_handle_table_exists(fluss_request *r, slu_error *err);
slu_status fluss_handle_list_partition_infos(fluss_request *r, slu_error *err);
slu_status fluss_handle_create_database(fluss_request *r, slu_error *err);
slu_status fluss_handle_drop_database(fluss_request *r, slu_error *err);
slu_status fluss_handle_create_table(fluss_request *r, slu_error *err);
slu_status fluss_handle_alter_table(fluss_request *r, slu_error *err);
slu_status fluss_handle_drop_table(fluss_request *r, slu_error *err);
slu_status fluss_handle_create_partition(fluss_request *r, slu_error *err);
slu_status fluss_handle_drop_partition(fluss_request *r, slu_error *err);
slu_status fluss_handle_init_writer(fluss_request *r, slu_error *err);
slu_status fluss_handle_produce_log(fluss_request *r, slu_error *err);
slu_status fluss_handle_fetch_log(fluss_request *r, slu_error *err);
slu_status fluss_handle_list_offsets(fluss_request *r, slu_error *err);
slu_status fluss_handle_put_kv(fluss_request *r, slu_error *err);
slu_status fluss_handle_lookup(fluss_request *r, slu_error *err);
slu_status fluss_handle_prefix_lookup(fluss_request *r, slu_error *err);
slu_status fluss_handle_limit_scan(fluss_request *r, slu_error *err);
slu_status fluss_handle_latest_kv_snapshots(fluss_request *r, slu_error *err);
slu_status fluss_handle_kv_snapshot_metadata(fluss_request *r, slu_error *err);
slu_status fluss_handle_list_kv_snapshots(fluss_request *r, slu_error *err);
slu_status fluss_handle_acquire_kv_snapshot_lease(fluss_request *r, slu_error *err);
slu_status fluss_handle_release_kv_snapshot_lease(fluss_request *r, slu_error *err);
slu_status fluss_handle_drop_kv_snapshot_lease(fluss_request *r, slu_error *err);
slu_status fluss_handle_security_token(fluss_request *r, slu_error *err);
slu_status fluss_handle_table_stats(fluss_request *r, slu_error *err);
slu_status fluss_handle_register_producer(fluss_request *r, slu_error *err);
slu_status fluss_handle_get_producer(fluss_request *r, slu_error *err);
slu_status fluss_handle_delete_producer(fluss_request *r, slu_error *err);
slu_status fluss_handle_add_server_tag(fluss_request *r, slu_error *err);
slu_status fluss_handle_remove_server_tag(fluss_request *r, slu_error *err);
slu_status fluss_handle_rebalance(fluss_request *r, slu_error *err);
slu_status fluss_handle_list_rebalance(fluss_request *r, slu_error *err);
slu_status fluss_handle_cancel_rebalance(fluss_request *r, slu_error *err);
slu_status fluss_handle_lake_snapshot(fluss_request *r, slu_error *err);
slu_status fluss_handle_prepare_lake_snapshot(fluss_request *r, slu_error *err);
slu_status fluss_handle_commit_lake_snapshot(fluss_request *r, slu_error *err);
slu_status fluss_handle_tiering_heartbeat(fluss_request *r, slu_error *err);

#endif
