/*
 * fault_proxy.c: one thread around poll. Each connection is two pipes; a pipe gathers bytes into frames, decides about each, and
 * writes pieces to the other side when their time has come.
 */
#include "support/fault_proxy.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "fluss/wire/api.h"
#include "fluss/wire/frame.h"
#include "fluss/wire/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LISTENERS_MAX 16
#define CONNS_MAX 512
#define PIPE_QUEUED_MAX ((size_t)8 << 20) /* above it, no more is read: back-pressure passes through */
#define READ_BYTES 65536
#define METADATA_IDS_MAX 64

typedef struct plan {
    uint32_t delay_percent, delay_ms, stall_percent, stall_ms, split_percent, single_percent, repeat_percent, drop_percent;
    uint64_t cut_up, cut_down;
} plan;

/* Bytes on their way out: at most `piece` in one write. */
typedef struct chunk {
    struct chunk *next;
    uint8_t *bytes;
    size_t size, at;
    uint32_t piece;
    int64_t not_before_ms;
} chunk;

typedef struct half {
    int from, to;
    bool up; /* to the server */
    bool ended;
    uint64_t random;
    slu_buf in;
    chunk *first, *last;
    size_t queued;
    uint64_t cut_after; /* bytes; 0: never */
    uint64_t passed;
    int64_t last_ms; /* order is kept: nothing goes out before what was queued earlier */
} half;

typedef struct conn {
    struct conn *next;
    struct listener *listener;
    half up, down;
    int32_t metadata_ids[METADATA_IDS_MAX]; /* requests whose answer is to be rewritten */
    uint32_t metadata_count;
} conn;

typedef struct listener {
    int fd;
    uint16_t port;
    bool down;
    char target[300];
} listener;

struct fault_proxy {
    pthread_t thread;
    pthread_mutex_t lock; /* held by the thread except while it polls */
    int wake[2];
    bool closing;
    bool stopped;
    uint64_t seed;
    plan now;
    char host[64];
    char address[96];
    listener listeners[LISTENERS_MAX];
    uint32_t listener_count;
    conn *conns;
    uint32_t conn_count;
    uint64_t conn_number;
    fault_counts counts;
};

static int64_t
now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t
random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Draws whatever the percentage is, so that changing one does not shift the others. */
static bool
chance(half *of, uint32_t percent)
{
    return random_next(&of->random) % 100 < percent;
}

/* ---- The plan ---- */

static bool
plan_word(plan *to, const char *word)
{
    const struct {
        const char *name;
        uint32_t *percent, *ms;
        uint64_t *bytes;
    } names[] = {{"delay", &to->delay_percent, &to->delay_ms, NULL},
                 {"stall", &to->stall_percent, &to->stall_ms, NULL},
                 {"split", &to->split_percent, NULL, NULL},
                 {"single", &to->single_percent, NULL, NULL},
                 {"repeat", &to->repeat_percent, NULL, NULL},
                 {"drop", &to->drop_percent, NULL, NULL},
                 {"cutup", NULL, NULL, &to->cut_up},
                 {"cutdown", NULL, NULL, &to->cut_down}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const size_t length = strlen(names[i].name);
        if (strncmp(word, names[i].name, length) != 0 || word[length] != '=')
            continue;
        char *end = NULL;
        const unsigned long long first = strtoull(word + length + 1, &end, 10);
        if (names[i].bytes != NULL)
            *names[i].bytes = first;
        else
            *names[i].percent = (uint32_t)first;
        if (names[i].ms != NULL && *end == ':')
            *names[i].ms = (uint32_t)strtoul(end + 1, &end, 10);
        return *end == 0;
    }
    return false;
}

static slu_status
plan_parse(plan *to, const char *text, slu_error *err)
{
    char words[512];
    char *rest = NULL;
    (void)snprintf(words, sizeof words, "%s", text);
    for (char *word = strtok_r(words, " ,\n", &rest); word != NULL; word = strtok_r(NULL, " ,\n", &rest)) {
        if (strcmp(word, "calm") == 0)
            *to = (plan){0};
        else if (!plan_word(to, word))
            return slu_error_set(err, SLU_INVALID, "fault proxy: \"%s\" is no fault (fault_proxy.h lists them)", word);
    }
    return SLU_OK;
}

/* ---- Sockets ---- */

static bool
address_parse(const char *text, struct sockaddr_in *out)
{
    char host[256];
    const char *colon = strrchr(text, ':');
    *out = (struct sockaddr_in){.sin_family = AF_INET};
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    out->sin_port = htons((uint16_t)atoi(colon + 1));
    return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &out->sin_addr) == 1;
}

static void
socket_prepare(int fd)
{
    const int one = 1;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* The listener before a server; a new one where there is none yet. NULL: no room. */
static listener *
listener_of(fault_proxy *proxy, const char *target, uint16_t port)
{
    const int one = 1;
    struct sockaddr_in at;
    socklen_t bytes = sizeof at;
    char text[128];
    for (uint32_t i = 0; i < proxy->listener_count; i++)
        if (strcmp(proxy->listeners[i].target, target) == 0)
            return &proxy->listeners[i];
    (void)snprintf(text, sizeof text, "%s:%u", proxy->host, port);
    if (proxy->listener_count == LISTENERS_MAX || !address_parse(text, &at))
        return NULL;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return NULL;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    socket_prepare(fd);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 256) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &bytes) != 0) {
        (void)close(fd);
        return NULL;
    }
    listener *made = &proxy->listeners[proxy->listener_count++];
    *made = (listener){.fd = fd, .port = ntohs(at.sin_port)};
    (void)snprintf(made->target, sizeof made->target, "%s", target);
    return made;
}

static void
half_init(half *of, fault_proxy *proxy, int from, int to, bool up)
{
    const uint64_t cut = up ? proxy->now.cut_up : proxy->now.cut_down;
    *of = (half){.from = from, .to = to, .up = up};
    of->random = proxy->seed * UINT64_C(0x100000001b3) + proxy->conn_number * 2 + up;
    slu_buf_init(&of->in, FLUSS_RESPONSE_BYTES_MAX + READ_BYTES);
    const uint64_t draw = random_next(&of->random);
    of->cut_after = cut == 0 ? 0 : 1 + draw % (2 * cut);
}

static void
half_fini(half *of)
{
    while (of->first != NULL) {
        chunk *gone = of->first;
        of->first = gone->next;
        free(gone->bytes);
        free(gone);
    }
    slu_buf_fini(&of->in);
}

static void
conn_end(fault_proxy *proxy, conn *gone, bool reset)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    conn **at = &proxy->conns;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    proxy->conn_count--;
    if (reset) {
        (void)setsockopt(gone->up.from, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        (void)setsockopt(gone->up.to, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    (void)close(gone->up.from);
    (void)close(gone->up.to);
    half_fini(&gone->up);
    half_fini(&gone->down);
    free(gone);
}

static void
conn_accept(fault_proxy *proxy, listener *at)
{
    struct sockaddr_in target;
    const int client = accept(at->fd, NULL, NULL);
    if (client < 0)
        return;
    const int server = socket(AF_INET, SOCK_STREAM, 0);
    conn *made = calloc(1, sizeof *made);
    /* A refused loopback connect is known at once; the socket becomes non-blocking after it. */
    if (at->down || made == NULL || server < 0 || proxy->conn_count == CONNS_MAX || !address_parse(at->target, &target) ||
        connect(server, (struct sockaddr *)&target, sizeof target) != 0) {
        free(made);
        if (server >= 0)
            (void)close(server);
        (void)close(client);
        return;
    }
    socket_prepare(client);
    socket_prepare(server);
    proxy->counts.connections++;
    proxy->conn_number++;
    made->listener = at;
    half_init(&made->up, proxy, client, server, true);
    half_init(&made->down, proxy, server, client, false);
    made->next = proxy->conns;
    proxy->conns = made;
    proxy->conn_count++;
}

/* ---- Frames ---- */

static void
chunk_queue(fault_proxy *proxy, half *of, const uint8_t *bytes, size_t size)
{
    const plan *now = &proxy->now;
    chunk *made = calloc(1, sizeof *made);
    uint8_t *copy = malloc(size);
    const uint64_t wait = random_next(&of->random) % (now->delay_ms + 1);
    const bool delay = chance(of, now->delay_percent);
    const bool stall = chance(of, now->stall_percent);
    const bool single = chance(of, now->single_percent);
    const bool split = chance(of, now->split_percent);
    if (made == NULL || copy == NULL)
        abort();
    memcpy(copy, bytes, size);
    *made = (chunk){.bytes = copy, .size = size, .piece = single ? 1 : split ? 97 : 0};
    proxy->counts.delays += delay || stall;
    proxy->counts.splits += split || single;
    made->not_before_ms = now_ms() + (stall ? (int64_t)now->stall_ms : delay ? (int64_t)wait : 0);
    if (made->not_before_ms < of->last_ms)
        made->not_before_ms = of->last_ms;
    of->last_ms = made->not_before_ms;
    if (of->last != NULL)
        of->last->next = made;
    else
        of->first = made;
    of->last = made;
    of->queued += size;
}

static void
server_rewrite(fault_proxy *proxy, Fluss__PbServerNode *node, slu_arena *arena)
{
    char target[300];
    (void)snprintf(target, sizeof target, "%s:%d", node->host, node->port);
    const listener *at = listener_of(proxy, target, 0);
    if (at == NULL)
        return;
    node->host = slu_arena_printf(arena, "%s", proxy->host);
    node->port = at->port;
}

/* An answer to GET_METADATA, with listeners in place of servers. False: left as it is. */
static bool
metadata_rewrite(fault_proxy *proxy, slu_view frame, slu_buf *out)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena;
    fluss_response_frame response;
    ProtobufCMessage *message = NULL;
    slu_arena_init(&arena, FLUSS_MESSAGE_ARENA_BYTES(frame.bytes) + 65536);
    if (fluss_response_decode(frame, &response, NULL) != SLU_OK || response.type != FLUSS_RESPONSE_SUCCESS ||
        fluss_message_decode(&fluss__metadata_response__descriptor, response.body, &arena, &message, NULL) != SLU_OK)
        return false;
    Fluss__MetadataResponse *metadata = (Fluss__MetadataResponse *)message;
    if (metadata->coordinator_server != NULL)
        server_rewrite(proxy, metadata->coordinator_server, &arena);
    for (size_t i = 0; i < metadata->n_tablet_servers; i++)
        server_rewrite(proxy, metadata->tablet_servers[i], &arena);
    fluss_response_encode(out, response.request_id, message);
    return true;
}

static int32_t
i32_at(const uint8_t *at)
{
    return (int32_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
}

static bool
metadata_expected(conn *of, int32_t id)
{
    for (uint32_t i = 0; i < of->metadata_count; i++)
        if (of->metadata_ids[i] == id) {
            of->metadata_ids[i] = of->metadata_ids[--of->metadata_count];
            return true;
        }
    return false;
}

static void
request_pass(fault_proxy *proxy, conn *of, const uint8_t *frame, size_t bytes)
{
    proxy->counts.requests++;
    const bool repeat = chance(&of->up, proxy->now.repeat_percent);
    const bool metadata = bytes >= 12 && (frame[4] << 8 | frame[5]) == FLUSS_API_GET_METADATA;
    for (int i = 0; i <= repeat; i++) {
        chunk_queue(proxy, &of->up, frame, bytes);
        if (metadata && of->metadata_count < METADATA_IDS_MAX)
            of->metadata_ids[of->metadata_count++] = i32_at(frame + 8);
    }
    proxy->counts.repeats += repeat;
}

static void
answer_pass(fault_proxy *proxy, conn *of, const uint8_t *frame, size_t bytes)
{
    SLU_AUTO(slu_buf_fini) slu_buf out = {0};
    proxy->counts.answers++;
    slu_buf_init(&out, FLUSS_RESPONSE_BYTES_MAX);
    const bool drop = chance(&of->down, proxy->now.drop_percent);
    const bool metadata = bytes >= 9 && metadata_expected(of, i32_at(frame + 5));
    if (drop) {
        proxy->counts.drops++;
        return;
    }
    if (metadata && metadata_rewrite(proxy, slu_view_of(frame, bytes), &out))
        chunk_queue(proxy, &of->down, out.data, out.bytes);
    else
        chunk_queue(proxy, &of->down, frame, bytes);
}

static void
frames_cut(fault_proxy *proxy, conn *of, half *side)
{
    size_t at = 0;
    while (side->in.bytes - at >= 4) {
        const size_t bytes = 4 + (size_t)(uint32_t)i32_at(side->in.data + at);
        if (bytes > side->in.bytes - at)
            break;
        if (side->up)
            request_pass(proxy, of, side->in.data + at, bytes);
        else
            answer_pass(proxy, of, side->in.data + at, bytes);
        at += bytes;
    }
    memmove(side->in.data, side->in.data + at, side->in.bytes - at);
    side->in.bytes -= at;
}

/* False: the connection is over. What was half read goes to the other side, as a real network would have done. */
static bool
half_read(fault_proxy *proxy, conn *of, half *side)
{
    if (!slu_buf_reserve(&side->in, READ_BYTES))
        return false;
    const ssize_t n = recv(side->from, side->in.data + side->in.bytes, READ_BYTES, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0) {
        side->ended = true;
        return side->first != NULL;
    }
    side->in.bytes += (size_t)n;
    frames_cut(proxy, of, side);
    return true;
}

/* False: the connection is over. *cut: by us. */
static bool
half_write(half *side, int64_t now, bool *cut)
{
    for (int writes = 0; side->first != NULL && side->first->not_before_ms <= now && writes < 64; writes++) {
        chunk *head = side->first;
        size_t size = head->size - head->at;
        if (head->piece != 0) {
            const size_t piece = 1 + random_next(&side->random) % head->piece;
            size = size < piece ? size : piece;
        }
        if (side->cut_after != 0 && size > side->cut_after - side->passed)
            size = (size_t)(side->cut_after - side->passed);
        const ssize_t n = send(side->to, head->bytes + head->at, size, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        head->at += (size_t)n;
        side->passed += (size_t)n;
        side->queued -= (size_t)n;
        if (side->cut_after != 0 && side->passed >= side->cut_after) {
            *cut = true;
            return false;
        }
        if (head->at < head->size)
            continue;
        side->first = head->next;
        if (side->first == NULL)
            side->last = NULL;
        free(head->bytes);
        free(head);
    }
    return !side->ended || side->first != NULL;
}

/* ---- The loop ---- */

static short
events_of(const fault_proxy *proxy, const half *in, const half *out, int64_t now)
{
    const bool read = !proxy->stopped && !in->ended && in->queued < PIPE_QUEUED_MAX;
    const bool write = !proxy->stopped && out->first != NULL && out->first->not_before_ms <= now;
    return (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0));
}

static int
wait_of(const half *of, int64_t now, int so_far)
{
    if (of->first == NULL || of->first->not_before_ms <= now)
        return so_far;
    const int wait = (int)(of->first->not_before_ms - now);
    return wait < so_far ? wait : so_far;
}

static void
conn_serve(fault_proxy *proxy, conn *of, short client, short server, int64_t now)
{
    bool cut = false;
    const short readable = POLLIN | POLLHUP | POLLERR;
    bool alive = true;
    if (proxy->stopped)
        return;
    if (alive && (client & readable) != 0 && !of->up.ended && of->up.queued < PIPE_QUEUED_MAX)
        alive = half_read(proxy, of, &of->up);
    if (alive && (server & readable) != 0 && !of->down.ended && of->down.queued < PIPE_QUEUED_MAX)
        alive = half_read(proxy, of, &of->down);
    if (alive)
        alive = half_write(&of->up, now, &cut);
    if (alive)
        alive = half_write(&of->down, now, &cut);
    if (alive)
        return;
    proxy->counts.cuts += cut;
    conn_end(proxy, of, cut && random_next(&of->up.random) % 2 == 0);
}

static void
proxy_round(fault_proxy *proxy)
{
    struct pollfd mine[1 + LISTENERS_MAX + 2 * CONNS_MAX];
    conn *served[CONNS_MAX];
    uint32_t count = 0;
    int wait = proxy->stopped ? 100 : 1000;
    const int64_t now = now_ms();
    const uint32_t listeners = proxy->listener_count;
    mine[0] = (struct pollfd){proxy->wake[0], POLLIN, 0};
    for (uint32_t i = 0; i < listeners; i++)
        mine[1 + i] = (struct pollfd){proxy->listeners[i].fd, POLLIN, 0};
    struct pollfd *at = mine + 1 + listeners;
    for (conn *of = proxy->conns; of != NULL; of = of->next) {
        served[count] = of;
        at[2 * count] = (struct pollfd){of->up.from, events_of(proxy, &of->up, &of->down, now), 0};
        at[2 * count + 1] = (struct pollfd){of->up.to, events_of(proxy, &of->down, &of->up, now), 0};
        count++;
        wait = wait_of(&of->up, now, wait_of(&of->down, now, wait));
        /* A peer that hung up makes poll return at once: it is not asked while nothing of it is wanted. */
        for (int side = 0; side < 2; side++)
            if (at[2 * (count - 1) + (uint32_t)side].events == 0)
                at[2 * (count - 1) + (uint32_t)side].fd = -1;
    }
    (void)pthread_mutex_unlock(&proxy->lock);
    (void)poll(mine, 1 + listeners + 2 * count, wait);
    (void)pthread_mutex_lock(&proxy->lock);
    if (mine[0].revents != 0) {
        char bytes[64];
        (void)!read(proxy->wake[0], bytes, sizeof bytes);
    }
    for (uint32_t i = 0; i < count; i++)
        for (conn *of = proxy->conns; of != NULL; of = of->next)
            if (of == served[i]) { /* "cut" may have ended it meanwhile */
                conn_serve(proxy, of, at[2 * i].revents, at[2 * i + 1].revents, now_ms());
                break;
            }
    for (uint32_t i = 0; i < listeners; i++)
        if (mine[1 + i].revents != 0)
            conn_accept(proxy, &proxy->listeners[i]);
}

static void *
proxy_run(void *context)
{
    fault_proxy *proxy = context;
    (void)pthread_mutex_lock(&proxy->lock);
    while (!proxy->closing)
        proxy_round(proxy);
    (void)pthread_mutex_unlock(&proxy->lock);
    return NULL;
}

static void
proxy_wake(fault_proxy *proxy)
{
    (void)!write(proxy->wake[1], "", 1);
}

static void
conns_end(fault_proxy *proxy, const listener *only)
{
    for (conn *at = proxy->conns; at != NULL;) {
        conn *next = at->next;
        if (only == NULL || at->listener == only) {
            proxy->counts.cuts++;
            conn_end(proxy, at, random_next(&at->up.random) % 2 == 0);
        }
        at = next;
    }
}

static slu_status
command_run(fault_proxy *proxy, const char *text, slu_error *err)
{
    if (strcmp(text, "cut") == 0) {
        conns_end(proxy, NULL);
    } else if (strcmp(text, "stop") == 0 || strcmp(text, "go") == 0) {
        proxy->stopped = strcmp(text, "stop") == 0;
    } else if (strncmp(text, "target ", 7) == 0) {
        (void)snprintf(proxy->listeners[0].target, sizeof proxy->listeners[0].target, "%s", text + 7);
    } else if (strncmp(text, "down ", 5) == 0 || strncmp(text, "up ", 3) == 0) {
        listener *at = listener_of(proxy, strchr(text, ' ') + 1, 0);
        if (at == NULL)
            return slu_error_set(err, SLU_INVALID, "fault proxy: no listener for \"%s\"", text);
        at->down = text[0] == 'd';
        if (at->down)
            conns_end(proxy, at);
    } else {
        return plan_parse(&proxy->now, text, err);
    }
    return SLU_OK;
}

slu_status
fault_proxy_command(fault_proxy *proxy, const char *text, slu_error *err)
{
    proxy_wake(proxy);
    (void)pthread_mutex_lock(&proxy->lock);
    const slu_status status = command_run(proxy, text, err);
    (void)pthread_mutex_unlock(&proxy->lock);
    proxy_wake(proxy);
    return status;
}

fault_counts
fault_proxy_counts(fault_proxy *proxy)
{
    proxy_wake(proxy);
    (void)pthread_mutex_lock(&proxy->lock);
    fault_counts counts = proxy->counts;
    counts.open = proxy->conn_count;
    for (const conn *at = proxy->conns; at != NULL; at = at->next)
        counts.waiting += at->up.queued + at->up.in.bytes + at->down.queued + at->down.in.bytes;
    (void)pthread_mutex_unlock(&proxy->lock);
    return counts;
}

const char *
fault_proxy_address(const fault_proxy *proxy)
{
    return proxy->address;
}

slu_status
fault_proxy_open(const char *host, uint16_t port, const char *target, uint64_t seed, const char *text, fault_proxy **out,
                 slu_error *err)
{
    fault_proxy *proxy = calloc(1, sizeof *proxy);
    if (proxy == NULL)
        return slu_error_set(err, SLU_NOMEM, "fault proxy: no memory");
    (void)snprintf(proxy->host, sizeof proxy->host, "%s", host);
    proxy->seed = seed;
    proxy->wake[0] = proxy->wake[1] = -1;
    (void)pthread_mutex_init(&proxy->lock, NULL);
    slu_status status = plan_parse(&proxy->now, text, err);
    const listener *first = status == SLU_OK ? listener_of(proxy, target, port) : NULL;
    if (status == SLU_OK && (first == NULL || pipe(proxy->wake) != 0))
        status = slu_error_set(err, SLU_IO, "fault proxy: cannot listen on %s:%u: %s", host, port, strerror(errno));
    if (status == SLU_OK) {
        socket_prepare(proxy->wake[0]);
        socket_prepare(proxy->wake[1]);
        (void)snprintf(proxy->address, sizeof proxy->address, "%s:%u", host, first->port);
    }
    if (status == SLU_OK && pthread_create(&proxy->thread, NULL, proxy_run, proxy) != 0)
        status = slu_error_set(err, SLU_NOMEM, "fault proxy: no thread");
    if (status != SLU_OK) {
        free(proxy);
        return status;
    }
    *out = proxy;
    return SLU_OK;
}

void
fault_proxy_close(fault_proxy **proxy)
{
    fault_proxy *mine = *proxy;
    *proxy = NULL;
    if (mine == NULL)
        return;
    proxy_wake(mine);
    (void)pthread_mutex_lock(&mine->lock);
    mine->closing = true;
    (void)pthread_mutex_unlock(&mine->lock);
    proxy_wake(mine);
    (void)pthread_join(mine->thread, NULL);
    while (mine->conns != NULL)
        conn_end(mine, mine->conns, false);
    for (uint32_t i = 0; i < mine->listener_count; i++)
        (void)close(mine->listeners[i].fd);
    (void)close(mine->wake[0]);
    (void)close(mine->wake[1]);
    (void)pthread_mutex_destroy(&mine->lock);
    free(mine);
}
