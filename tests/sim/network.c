/* network.c: see network.h. */
#include "network.h"

#include "stage.h"

#include "base/alloc.h"

#define HELD INT64_MAX /* an arrival nobody knows: its hosts are split */
#define DIAL_AGAIN_MS 40

typedef struct sim_event {
    struct sim_event *next;
    int64_t at_ms;
    uint64_t connection;
    slu_link_event event;
} sim_event;

typedef struct sim_link sim_link;

typedef struct sim_connection {
    struct sim_connection *next;
    uint64_t number;
    sim_link *ends[2]; /* dialer, listener; NULL: closed */
    uint32_t hosts[2];
    int64_t last_ms[2]; /* the latest arrival at that end */
    uint32_t waiting[2];
    bool gone[2]; /* that end knows */
    bool broken;
    int64_t break_ms;
} sim_connection;

struct sim_link {
    slu_link link;
    sim_link *next;
    sim_network *network;
    uint32_t host;
    bool dialer;
    bool open;                  /* dialer: OPENED was seen, GONE was not */
    sim_connection *connection; /* dialer's */
    int64_t dial_ms;
    uint32_t messages_max;
    sim_event *first;
    sim_event *shown;
    char address[SLU_LINK_ADDRESS_BYTES_MAX];
};

typedef struct sim_transport {
    slu_link_transport transport;
    sim_network *network;
    uint32_t host;
} sim_transport;

struct sim_network {
    sim_transport hosts[SIM_HOSTS];
    sim_link *links;
    sim_connection *connections;
    uint64_t numbers;
    uint32_t loss_ppm;
    int64_t delay_ms;
    bool split[SIM_HOSTS][SIM_HOSTS];
};

/* ---- Events */

static void
event_free(sim_event *event)
{
    if (event == NULL)
        return;
    slu_link_body_release(&event->event.body);
    slu_free(event);
}

static sim_event *
event_new(uint32_t kind, const sim_connection *connection, bool to_listener, slu_view head)
{
    sim_event *event = slu_alloc_zero(1, sizeof *event + head.bytes);
    if (head.bytes != 0)
        memcpy(event + 1, head.data, head.bytes);
    event->connection = connection->number;
    event->event =
        (slu_link_event){.kind = kind, .peer = to_listener ? connection->number : 0, .head = slu_view_of(event + 1, head.bytes)};
    return event;
}

/* In order of arrival, behind what arrives at the same time. */
static void
event_insert(sim_link *link, sim_event *event)
{
    sim_event **at = &link->first;
    while (*at != NULL && (*at)->at_ms <= event->at_ms)
        at = &(*at)->next;
    event->next = *at;
    *at = event;
}

static void
event_send(sim_connection *connection, uint32_t end, sim_event *event)
{
    const sim_network *network = connection->ends[end]->network;
    const int64_t delay = sim_between(0, connection->hosts[0] == connection->hosts[1] ? 1 : network->delay_ms);
    const bool held = sim_network_is_split(network, connection->hosts[0], connection->hosts[1]) || connection->last_ms[end] == HELD;
    event->at_ms = held ? HELD : sim_on->now_ms + delay;
    event->at_ms = event->at_ms < connection->last_ms[end] ? connection->last_ms[end] : event->at_ms;
    connection->last_ms[end] = event->at_ms;
    event_insert(connection->ends[end], event);
}

/* Messages of a connection that arrive after `until` do not. */
static void
events_drop(sim_link *link, sim_connection *connection, uint32_t end, int64_t until_ms)
{
    for (sim_event **at = &link->first; *at != NULL;) {
        sim_event *event = *at;
        if (event->connection != connection->number || event->event.kind == SLU_LINK_GONE || event->at_ms <= until_ms) {
            at = &event->next;
            continue;
        }
        *at = event->next;
        connection->waiting[end] -= event->event.kind == SLU_LINK_MESSAGE;
        event_free(event);
    }
}

/* Both ends hear of it, each in its own time. `slow`: a machine went dark, and only silence tells. */
static void
connection_break(sim_connection *connection, bool slow)
{
    if (connection->broken)
        return;
    connection->broken = true;
    for (uint32_t end = 0; end < 2; end++) {
        sim_link *link = connection->ends[end];
        if (link == NULL)
            continue;
        const int64_t at_ms = sim_on->now_ms + (slow ? sim_between(500, 15000) : sim_between(0, 20));
        events_drop(link, connection, end, slow ? sim_on->now_ms : at_ms);
        sim_event *gone = event_new(SLU_LINK_GONE, connection, end == 1, slu_view_of(NULL, 0));
        gone->at_ms = at_ms;
        event_insert(link, gone);
    }
}

/* ---- Links */

static sim_connection *
connection_find(const sim_network *network, uint64_t number)
{
    sim_connection *at = network->connections;
    while (at != NULL && at->number != number)
        at = at->next;
    return at;
}

static slu_status
sim_send(slu_link *self, uint64_t peer, slu_view head, slu_link_body *body, slu_error *err)
{
    sim_link *link = (sim_link *)self;
    sim_connection *to = link->dialer ? link->connection : connection_find(link->network, peer);
    const uint32_t end = link->dialer ? 1 : 0;
    if (link->dialer && !link->open)
        return SLU_AGAIN;
    if (to == NULL || to->gone[1 - end])
        return slu_error_set(err, SLU_NOTFOUND, "peer %llu is gone", (unsigned long long)peer);
    if (to->waiting[end] >= link->messages_max)
        return SLU_AGAIN;
    const bool lost = !sim_effect(SIM_EFFECT_SEND, head.bytes) || to->broken || to->ends[end] == NULL;
    if (lost || sim_chance(link->network->loss_ppm)) {
        if (body != NULL)
            slu_link_body_release(body);
        return SLU_OK;
    }
    sim_event *event = event_new(SLU_LINK_MESSAGE, to, end == 1, head);
    if (body != NULL) {
        event->event.body = *body;
        *body = (slu_link_body){0};
    }
    to->waiting[end]++;
    event_send(to, end, event);
    return SLU_OK;
}

/* What the link itself learns from an event that its user takes. */
static void
link_learn(sim_link *link, const sim_event *event)
{
    sim_connection *connection = connection_find(link->network, event->connection);
    const uint32_t end = link->dialer ? 0 : 1;
    if (event->event.kind == SLU_LINK_MESSAGE)
        connection->waiting[end]--;
    if (event->event.kind == SLU_LINK_OPENED)
        link->open = true;
    if (event->event.kind != SLU_LINK_GONE)
        return;
    connection->gone[end] = true;
    if (!link->dialer || link->connection != connection)
        return;
    link->open = false;
    link->connection = NULL;
    link->dial_ms = sim_on->now_ms + sim_between(1, DIAL_AGAIN_MS);
}

static slu_status
sim_next(slu_link *self, slu_link_event *out)
{
    sim_link *link = (sim_link *)self;
    sim_event *event = link->first;
    slu_free(link->shown);
    link->shown = NULL;
    if (event == NULL || event->at_ms > sim_on->now_ms)
        return SLU_AGAIN;
    link->first = event->next;
    link_learn(link, event);
    *out = event->event;
    link->shown = event;
    return SLU_OK;
}

static int
sim_fd(const slu_link *self)
{
    (void)self;
    return -1;
}

static const char *
sim_address(const slu_link *self)
{
    return ((const sim_link *)self)->address;
}

static void
connections_leave(sim_link *link)
{
    const bool dark = sim_on->actor != NULL && sim_on->actor->ghost && sim_on->actor->paused_until_ms == INT64_MAX;
    for (sim_connection *c = link->network->connections; c != NULL; c = c->next)
        for (uint32_t end = 0; end < 2; end++)
            if (c->ends[end] == link) {
                c->ends[end] = NULL;
                connection_break(c, dark);
            }
}

static void
sim_close(slu_link *self)
{
    sim_link *link = (sim_link *)self;
    sim_link **at = &link->network->links;
    connections_leave(link);
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    while (link->first != NULL) {
        sim_event *next = link->first->next;
        event_free(link->first);
        link->first = next;
    }
    slu_free(link->shown);
    slu_free(link);
}

static const slu_link_ops sim_link_ops = {sim_send, sim_next, sim_fd, sim_address, sim_close};

static slu_status
sim_open(slu_link_transport *transport, const char *address, const slu_link_options *options, bool dialer, slu_link **out,
         slu_error *err)
{
    const sim_transport *from = (const sim_transport *)transport;
    for (const sim_link *other = from->network->links; !dialer && other != NULL; other = other->next)
        if (!other->dialer && strcmp(other->address, address) == 0)
            return slu_error_set(err, SLU_CONFLICT, "listen on %s: somebody listens there", address);
    sim_link *link = slu_alloc_zero(1, sizeof *link);
    link->link.ops = &sim_link_ops;
    link->network = from->network;
    link->host = from->host;
    link->dialer = dialer;
    link->dial_ms = sim_on->now_ms;
    link->messages_max = options->messages_max == 0 ? SLU_LINK_MESSAGES_DEFAULT : options->messages_max;
    (void)snprintf(link->address, sizeof link->address, "%s", address);
    link->next = from->network->links;
    from->network->links = link;
    *out = &link->link;
    return SLU_OK;
}

static slu_status
sim_listen(slu_link_transport *transport, const char *addresses, const slu_link_options *options, slu_link **out, slu_error *err)
{
    return sim_open(transport, addresses, options, false, out, err);
}

static slu_status
sim_dial(slu_link_transport *transport, const char *address, const slu_link_options *options, slu_link **out, slu_error *err)
{
    return sim_open(transport, address, options, true, out, err);
}

/* ---- Time */

static void
link_connect(sim_network *network, sim_link *dialer)
{
    for (sim_link *listener = network->links; listener != NULL; listener = listener->next) {
        if (listener->dialer || strcmp(listener->address, dialer->address) != 0 || network->split[dialer->host][listener->host])
            continue;
        sim_connection *made = slu_alloc_zero(1, sizeof *made);
        *made = (sim_connection){.next = network->connections,
                                 .number = ++network->numbers,
                                 .ends = {dialer, listener},
                                 .hosts = {dialer->host, listener->host},
                                 .break_ms = INT64_MAX};
        network->connections = made;
        dialer->connection = made;
        event_send(made, 0, event_new(SLU_LINK_OPENED, made, false, slu_view_of(NULL, 0)));
        return;
    }
    dialer->dial_ms = sim_on->now_ms + DIAL_AGAIN_MS;
}

static void
connections_forget(sim_network *network)
{
    for (sim_connection **at = &network->connections; *at != NULL;) {
        sim_connection *c = *at;
        if (!c->broken || (c->ends[0] != NULL && !c->gone[0]) || (c->ends[1] != NULL && !c->gone[1])) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        slu_free(c);
    }
}

void
sim_network_step(sim_network *network)
{
    connections_forget(network);
    for (sim_connection *c = network->connections; c != NULL; c = c->next)
        if (c->break_ms <= sim_on->now_ms)
            connection_break(c, false);
    for (sim_link *link = network->links; link != NULL; link = link->next)
        if (link->dialer && link->connection == NULL && link->dial_ms <= sim_on->now_ms)
            link_connect(network, link);
}

int64_t
sim_network_next_ms(const sim_network *network)
{
    int64_t next = INT64_MAX;
    for (const sim_link *link = network->links; link != NULL; link = link->next) {
        if (link->first != NULL && link->first->at_ms < next)
            next = link->first->at_ms;
        if (link->dialer && link->connection == NULL && link->dial_ms < next)
            next = link->dial_ms;
    }
    for (const sim_connection *c = network->connections; c != NULL; c = c->next)
        if (!c->broken && c->break_ms < next)
            next = c->break_ms;
    return next;
}

/* ---- The weather */

void
sim_network_set_loss(sim_network *network, uint32_t ppm)
{
    network->loss_ppm = ppm;
}

void
sim_network_set_delay(sim_network *network, int64_t most_ms)
{
    network->delay_ms = most_ms;
}

bool
sim_network_is_split(const sim_network *network, uint32_t a, uint32_t b)
{
    return network->split[a][b];
}

void
sim_network_split(sim_network *network, uint32_t a, uint32_t b)
{
    if (a == b)
        return;
    network->split[a][b] = network->split[b][a] = true;
    for (sim_connection *c = network->connections; c != NULL; c = c->next)
        if (!c->broken && network->split[c->hosts[0]][c->hosts[1]] && c->break_ms == INT64_MAX)
            c->break_ms = sim_on->now_ms + sim_between(200, 20000);
}

/* What waited arrives, in its order. */
static void
held_release(sim_link *link)
{
    sim_event **at = &link->first;
    while (*at != NULL && (*at)->at_ms != HELD)
        at = &(*at)->next;
    sim_event *held = *at;
    *at = NULL;
    while (held != NULL) {
        sim_event *next = held->next;
        held->at_ms = sim_on->now_ms + 1;
        event_insert(link, held);
        held = next;
    }
}

void
sim_network_heal(sim_network *network)
{
    memset(network->split, 0, sizeof network->split);
    for (sim_link *link = network->links; link != NULL; link = link->next)
        held_release(link);
    for (sim_connection *c = network->connections; c != NULL; c = c->next) {
        c->break_ms = c->break_ms > sim_on->now_ms ? INT64_MAX : c->break_ms;
        for (uint32_t end = 0; end < 2; end++)
            c->last_ms[end] = c->last_ms[end] == HELD ? sim_on->now_ms + 1 : c->last_ms[end];
    }
}

void
sim_network_cut(sim_network *network, uint64_t nth)
{
    uint64_t count = 0;
    for (sim_connection *c = network->connections; c != NULL; c = c->next)
        count += !c->broken;
    nth = count == 0 ? 0 : nth % count;
    for (sim_connection *c = network->connections; c != NULL && count != 0; c = c->next) {
        if (c->broken || nth-- != 0)
            continue;
        connection_break(c, false);
        return;
    }
}

uint32_t
sim_network_links(const sim_network *network)
{
    uint32_t count = 0;
    for (const sim_link *link = network->links; link != NULL; link = link->next)
        count++;
    return count;
}

sim_network *
sim_network_new(void)
{
    sim_network *network = slu_alloc_zero(1, sizeof *network);
    network->delay_ms = 3;
    for (uint32_t host = 0; host < SIM_HOSTS; host++)
        network->hosts[host] = (sim_transport){{sim_listen, sim_dial}, network, host};
    return network;
}

void
sim_network_free(sim_network **owned)
{
    sim_network *network = *owned;
    *owned = NULL;
    while (network != NULL && network->connections != NULL) {
        sim_connection *next = network->connections->next;
        slu_free(network->connections);
        network->connections = next;
    }
    slu_free(network);
}

slu_link_transport *
sim_network_host(sim_network *network, uint32_t host)
{
    return &network->hosts[host].transport;
}
