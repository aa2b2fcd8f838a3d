/* link_memory.c: links inside one thread. A connection is a pair of queues; the hub knows every link. */
#include "link/memory.h"

#include "base/alloc.h"

typedef struct memory_event {
    struct memory_event *next;
    slu_link_event event;
    uint64_t from; /* connection it came over */
} memory_event;

typedef struct memory_link {
    slu_link link;
    struct memory_link *next; /* in the hub */
    slu_link_hub *hub;
    struct memory_link *peer; /* dialer: its listener while connected */
    uint64_t connection;      /* dialer: number of the connection; 0: none */
    bool dialer;
    bool cut;
    uint32_t messages_max;
    uint32_t message_count;
    memory_event *first;
    memory_event *last;
    memory_event *shown; /* whose head the user looks at */
    char address[SLU_LINK_ADDRESS_BYTES_MAX];
} memory_link;

struct slu_link_hub {
    slu_link_transport transport;
    memory_link *links;
    uint64_t connections;
    uint64_t lose_in;
};

static void
event_free(memory_event *entry)
{
    if (entry == NULL)
        return;
    slu_link_body_release(&entry->event.body);
    slu_free(entry);
}

static void
queue_push(memory_link *link, memory_event *entry)
{
    entry->next = NULL;
    if (link->last != NULL)
        link->last->next = entry;
    else
        link->first = entry;
    link->last = entry;
}

/* An event with a copy of the head behind it; NULL: no memory. */
static memory_event *
event_new(uint32_t kind, uint64_t from, uint64_t peer, slu_view head)
{
    memory_event *entry = slu_alloc_zero(1, sizeof *entry + head.bytes);
    if (entry == NULL)
        return NULL;
    if (head.bytes != 0)
        memcpy(entry + 1, head.data, head.bytes);
    entry->event = (slu_link_event){.kind = kind, .peer = peer, .head = slu_view_of(entry + 1, head.bytes)};
    entry->from = from;
    return entry;
}

static void
notify(memory_link *link, uint32_t kind, uint64_t connection)
{
    memory_event *entry = event_new(kind, connection, link->dialer ? 0 : connection, slu_view_of(NULL, 0));
    if (entry != NULL)
        queue_push(link, entry);
}

/* Messages of a connection that nobody will read now. */
static void
queue_drop(memory_link *link, uint64_t connection)
{
    memory_event *entry = link->first;
    link->first = link->last = NULL;
    while (entry != NULL) {
        memory_event *next = entry->next;
        if (entry->from == connection && entry->event.kind == SLU_LINK_MESSAGE) {
            event_free(entry);
            link->message_count--;
        } else {
            queue_push(link, entry);
        }
        entry = next;
    }
}

/* `orderly`: what was sent still arrives, as after a close with linger. */
static void
disconnect(memory_link *dialer, bool orderly)
{
    memory_link *listener = dialer->peer;
    if (listener == NULL)
        return;
    queue_drop(dialer, dialer->connection);
    if (!orderly)
        queue_drop(listener, dialer->connection);
    notify(dialer, SLU_LINK_GONE, dialer->connection);
    notify(listener, SLU_LINK_GONE, dialer->connection);
    dialer->peer = NULL;
    dialer->connection = 0;
}

static void
connect_all(slu_link_hub *hub)
{
    for (memory_link *dialer = hub->links; dialer != NULL; dialer = dialer->next) {
        if (!dialer->dialer || dialer->peer != NULL || dialer->cut)
            continue;
        for (memory_link *listener = hub->links; listener != NULL && dialer->peer == NULL; listener = listener->next) {
            if (listener->dialer || strcmp(listener->address, dialer->address) != 0)
                continue;
            dialer->peer = listener;
            dialer->connection = ++hub->connections;
            notify(dialer, SLU_LINK_OPENED, dialer->connection);
        }
    }
}

static memory_link *
dialer_find(slu_link_hub *hub, const memory_link *listener, uint64_t connection)
{
    for (memory_link *link = hub->links; link != NULL; link = link->next)
        if (link->dialer && link->peer == listener && link->connection == connection)
            return link;
    return NULL;
}

static slu_status
memory_send(slu_link *self, uint64_t peer, slu_view head, slu_link_body *body, slu_error *err)
{
    memory_link *link = (memory_link *)self;
    memory_link *to = link->dialer ? link->peer : dialer_find(link->hub, link, peer);
    if (to == NULL && link->dialer)
        return SLU_AGAIN;
    if (to == NULL)
        return slu_error_set(err, SLU_NOTFOUND, "peer %llu is gone", (unsigned long long)peer);
    if (to->message_count >= to->messages_max)
        return SLU_AGAIN;
    const uint64_t connection = link->dialer ? link->connection : to->connection;
    memory_event *entry = event_new(SLU_LINK_MESSAGE, connection, link->dialer ? connection : 0, head);
    if (entry == NULL)
        return slu_error_set(err, SLU_NOMEM, "a message of %zu bytes", head.bytes);
    if (body != NULL) {
        entry->event.body = *body;
        *body = (slu_link_body){0};
    }
    if (link->hub->lose_in != 0 && --link->hub->lose_in == 0) {
        event_free(entry);
        return SLU_OK;
    }
    queue_push(to, entry);
    to->message_count++;
    return SLU_OK;
}

static slu_status
memory_next(slu_link *self, slu_link_event *out)
{
    memory_link *link = (memory_link *)self;
    memory_event *entry = link->first;
    slu_free(link->shown);
    link->shown = NULL;
    if (entry == NULL)
        return SLU_AGAIN;
    link->first = entry->next;
    if (link->first == NULL)
        link->last = NULL;
    if (entry->event.kind == SLU_LINK_MESSAGE)
        link->message_count--;
    *out = entry->event;
    link->shown = entry;
    return SLU_OK;
}

static int
memory_fd(const slu_link *self)
{
    return -1;
}

static const char *
memory_address(const slu_link *self)
{
    return ((const memory_link *)self)->address;
}

static void
memory_close(slu_link *self)
{
    memory_link *link = (memory_link *)self;
    memory_link **at = &link->hub->links;
    if (link->dialer)
        disconnect(link, true);
    for (memory_link *dialer = link->hub->links; !link->dialer && dialer != NULL; dialer = dialer->next)
        if (dialer->dialer && dialer->peer == link)
            disconnect(dialer, false);
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    while (link->first != NULL) {
        memory_event *next = link->first->next;
        event_free(link->first);
        link->first = next;
    }
    slu_free(link->shown);
    slu_free(link);
}

static const slu_link_ops memory_ops = {memory_send, memory_next, memory_fd, memory_address, memory_close};

static slu_status
memory_open(slu_link_transport *transport, const char *address, const slu_link_options *options, bool dialer, slu_link **out,
            slu_error *err)
{
    slu_link_hub *hub = (slu_link_hub *)transport;
    for (memory_link *other = hub->links; !dialer && other != NULL; other = other->next)
        if (!other->dialer && strcmp(other->address, address) == 0)
            return slu_error_set(err, SLU_CONFLICT, "listen on %s: somebody listens there", address);
    memory_link *link = slu_alloc_zero(1, sizeof *link);
    if (link == NULL)
        return slu_error_set(err, SLU_NOMEM, "a link to %s", address);
    link->link.ops = &memory_ops;
    link->hub = hub;
    link->dialer = dialer;
    link->messages_max = options->messages_max == 0 ? SLU_LINK_MESSAGES_DEFAULT : options->messages_max;
    (void)snprintf(link->address, sizeof link->address, "%s", address);
    link->next = hub->links;
    hub->links = link;
    connect_all(hub);
    *out = &link->link;
    return SLU_OK;
}

static slu_status
memory_listen(slu_link_transport *transport, const char *addresses, const slu_link_options *options, slu_link **out, slu_error *err)
{
    return memory_open(transport, addresses, options, false, out, err);
}

static slu_status
memory_dial(slu_link_transport *transport, const char *address, const slu_link_options *options, slu_link **out, slu_error *err)
{
    return memory_open(transport, address, options, true, out, err);
}

slu_status
slu_link_hub_new(slu_link_hub **out, slu_error *err)
{
    slu_link_hub *hub = slu_alloc_zero(1, sizeof *hub);
    if (hub == NULL)
        return slu_error_set(err, SLU_NOMEM, "a link hub");
    hub->transport = (slu_link_transport){memory_listen, memory_dial};
    *out = hub;
    return SLU_OK;
}

void
slu_link_hub_free(slu_link_hub **hub)
{
    slu_free(*hub);
    *hub = NULL;
}

slu_link_transport *
slu_link_hub_transport(slu_link_hub *hub)
{
    return &hub->transport;
}

void
slu_link_hub_cut(slu_link_hub *hub, slu_link *dialer)
{
    ((memory_link *)dialer)->cut = true;
    disconnect((memory_link *)dialer, false);
}

slu_link *
slu_link_hub_cut_nth(slu_link_hub *hub, uint64_t n)
{
    uint64_t count = 0;
    for (memory_link *link = hub->links; link != NULL; link = link->next)
        count += link->dialer;
    n = count == 0 ? 0 : n % count;
    for (memory_link *link = hub->links; link != NULL; link = link->next) {
        if (!link->dialer || n-- != 0)
            continue;
        slu_link_hub_cut(hub, &link->link);
        return &link->link;
    }
    return NULL;
}

void
slu_link_hub_heal(slu_link_hub *hub)
{
    for (memory_link *link = hub->links; link != NULL; link = link->next)
        link->cut = false;
    connect_all(hub);
}

void
slu_link_hub_lose(slu_link_hub *hub, uint64_t nth)
{
    hub->lose_in = nth;
}
