/* internal.h: what the files of the client room share; nobody else includes it. */
#ifndef FLUSS_CLIENT_INTERNAL_H
#define FLUSS_CLIENT_INTERNAL_H

#include "client.h"
#include "fluss/background/background.h"
#include "net/loop.h"
#include "net/tcp.h"

#define NODES_MAX 1024
#define BOOTSTRAP_MAX 32
#define API_FIRST FLUSS_API_API_VERSIONS
#define API_COUNT 100
#define BACKOFF_MS_MIN 50 /* after a connect that failed: doubled each time */
#define BACKOFF_MS_MAX 2000

typedef struct link link_t;

/* In one list at a time: of its link (in flight or waiting for the handshake) or of the client (waiting for the cluster). */
struct fluss_call {
    fluss_call *previous;
    fluss_call *next;
    struct call_list *list;
    fluss_on_answer on_answer; /* NULL: cancelled */
    void *context;
    const fluss_api *api;
    int32_t node; /* while it waits for the cluster */
    int32_t id;
    int64_t deadline_ms;
    int64_t sent_ms;
    slu_buf body;       /* the request, room for its header first; empty once sent */
    slu_error *failure; /* in the list of calls that fail at the next step */
};

typedef struct call_list {
    fluss_call *first;
    fluss_call *last;
} call_list;

#define LINK_CLOSED 0
#define LINK_CONNECTING 1
#define LINK_HANDSHAKE 2
#define LINK_READY 3

/*
 * A connection to one address.
 *
 *   CLOSED -link_open, not before open_after_ms-> CONNECTING -on_open-> HANDSHAKE -API_VERSIONS answered, and with a login
 *   AUTHENTICATE as well-> READY
 *   any -on_close or link_drop-> CLOSED (its calls fail, retriable)
 */
struct link {
    fluss_client *client;
    char host[256];
    uint16_t port;
    int state;
    slu_conn *conn;
    int32_t next_id;
    int64_t heard_ms;  /* when the last frame came, or the connection was begun */
    uint32_t failures; /* connects that failed since one was ready */
    int64_t open_after_ms;
    call_list sent;
    call_list waiting;         /* for READY */
    int8_t version[API_COUNT]; /* -1: not served */
};

typedef struct server_node {
    int32_t id;
    bool tablet;
    bool coordinator;
    link_t *link;
} server_node;

typedef struct fluss_files fluss_files;

struct fluss_client {
    const slu_env *env;
    slu_loop *loop;
    fluss_files *files;
    slu_timer *timer;
    int64_t request_timeout_ms;
    int64_t connect_timeout_ms;
    bool (*stopped)(void); /* NULL: never */
    uint32_t call_count;
    call_list waiting;  /* for the cluster */
    call_list failed;   /* from inside the function that made them: told at the next step */
    bool asking;        /* GET_METADATA for the cluster is under way */
    uint32_t ask_at;    /* where among the known nodes, and among the bootstrap addresses, asking begins */
    uint32_t ask_tried; /* how many of both did not answer, in a row */
    uint32_t bootstrap_count;
    struct {
        char host[256];
        uint16_t port;
    } bootstrap[BOOTSTRAP_MAX];
    bool login_wanted;
    slu_buf login_token; /* a secret: wiped at the end */
    slu_error *refused;  /* a server did not let us in: what it said */
    bool cluster_known;
    uint32_t node_count;
    server_node nodes[NODES_MAX];
    uint32_t any_at; /* round robin */
    uint32_t link_count;
    link_t *links[NODES_MAX + BOOTSTRAP_MAX];
};

/* calls.c */
void call_list_push(call_list *list, fluss_call *call);
void call_list_remove(fluss_call *call);
void call_list_move(call_list *from, call_list *to);
void call_finish(fluss_client *client, fluss_call *call, fluss_answer *answer, const slu_error *failure);
void calls_fail(fluss_client *client, call_list *list, const slu_error *failure);
void call_fail_later(fluss_client *client, fluss_call *call, const slu_error *failure);
void calls_fail_now(fluss_client *client);
fluss_call *call_new(fluss_client *client, const fluss_api *api, const ProtobufCMessage *request, fluss_on_answer on_answer,
                     void *context, slu_error *err);

/* client.c: doubled with each failure, up to a maximum, and up to a quarter more or less, so that clients do not come back in step. */
int64_t backoff_ms(fluss_client *client, uint32_t failures, int64_t first_ms, int64_t most_ms);

/* link.c */
link_t *link_get(fluss_client *client, const char *host, uint16_t port, slu_error *err);
/* Sends now or as soon as the link is ready. Never calls back: a failure arrives at the call at the next step. */
void link_send(link_t *link, fluss_call *call);
void link_free(link_t *link);
/* Calls of the link that are late fail; where nothing at all came since the oldest of them was sent, the connection is dead and ended. */
void link_expire(link_t *link, int64_t now_ms);
/* Frees closed connections to where no node is any more, when there are many. Not while a failure is told. */
void links_sweep(fluss_client *client);
/* Calls past their deadline fail with TIMEOUT. Returns the earliest deadline left. */
int64_t calls_expire(fluss_client *client, call_list *list, int64_t now_ms);

/* The handshake is over: what waited goes out. */
void link_ready(link_t *link);
/* The handshake failed: the link is closed; when the login was refused, so is the whole client. */
void link_refused(link_t *link, const slu_error *why);
/* Sends a call of the handshake, in the highest version the server has. */
void link_call_now(link_t *link, fluss_call *call);

/* login.c */
slu_status login_read(const fluss_login *login, slu_buf *out, bool *out_wanted, slu_error *err);
void login_begin(link_t *link);
/* Did a server say that we are not, or wrongly, logged in? Trying again would not help. */
bool login_is_refused(const slu_error *why);

/* cluster.c */
void cluster_ask(fluss_client *client);
link_t *cluster_link(fluss_client *client, int32_t id);

/* files.c. Also when it fails *out is what is to be closed; before the loop is. */
slu_status fluss_files_open(fluss_client *client, const fluss_files_options *options, fluss_files **out, slu_error *err);
void fluss_files_close(fluss_files **files);

#endif
