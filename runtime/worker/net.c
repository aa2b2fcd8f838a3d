/* net.c: see net.h. A data message is exchange/remote's header (an array) and body; CREDIT, SENT and HELLO are control messages (maps). */
#include "net.h"

#include "base/alloc.h"
#include "base/sizes.h"
#include "control/message.h"
#include "exchange/remote.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>

#define TELL_MS 1000       /* totals are repeated so often */
#define CONNECT_MS 30000   /* a peer that is not there by then is not coming */
#define ITEMS_PER_ROUND 64 /* of one channel before the next has its turn */
#define EVENTS_PER_ROUND 256
#define CREDIT_STEP (SLU_CREDIT_WINDOW_DEFAULT / 4)
#define HEAD_BYTES_MAX ((size_t)1 << 20)

/* A channel that leaves. */
typedef struct outbound {
    uint32_t channel;
    uint32_t dialer;
    slu_channel *queue;
    slu_remote_sender *sender;
    slu_buf header;
    slu_link_body body;
    bool waits; /* header and body are encoded and not sent yet */
} outbound;

/* A channel that arrives. */
typedef struct inbound {
    uint32_t channel;
    uint32_t worker; /* the sending one */
    slu_channel *queue;
    slu_remote_receiver *receiver;
    int64_t told; /* bytes, as last said in CREDIT */
} inbound;

typedef struct dialer {
    uint32_t worker;
    slu_link *link;
    bool open;
} dialer;

/* A worker that sends to us, once it said hello. */
typedef struct sender_peer {
    uint32_t worker;
    uint64_t peer;
} sender_peer;

struct slu_net {
    slu_net_spec spec;
    char job[33];
    slu_bell bell;
    slu_link *listener;
    slu_worker *worker;
    outbound *outs;
    inbound *ins;
    uint32_t *in_of_channel; /* into ins; UINT32_MAX: none */
    dialer *dialers;
    sender_peer *senders;
    uint32_t out_count, in_count, dialer_count, sender_count, channel_count;
    int64_t begun_ms, tell_ms;
    slu_buf head;
    slu_buf body;
    slu_arena arena;
    atomic_bool stopped;
    _Atomic uint64_t frames_out, frames_in, bytes_out, bytes_in, credits_out, credits_in, dropped;
};

/* ---- Control messages between workers ------------------------------------------------------------------------------------------ */

static slu_message
about(const slu_net *net, uint32_t kind)
{
    return (slu_message){.kind = kind,
                         .job = net->job,
                         .attempt = net->spec.attempt,
                         .attempt_id = net->spec.attempt_id,
                         .worker = net->spec.worker};
}

/* AGAIN is fine: totals are told again. */
static slu_status
tell(slu_net *net, slu_link *link, uint64_t peer, const slu_message *message, slu_error *err)
{
    slu_buf_reset(&net->head);
    slu_message_encode(message, SLU_CONTROL_VERSION_MAX, &net->head);
    SLU_TRY(slu_buf_status(&net->head, err));
    return slu_link_send(link, peer, slu_buf_view(&net->head), NULL, err);
}

static slu_status
hello(slu_net *net, const dialer *to, slu_error *err)
{
    slu_message message = about(net, SLU_MESSAGE_HELLO);
    message.role = SLU_ROLE_WORKER;
    message.version_min = SLU_CONTROL_VERSION_MIN;
    message.version_max = SLU_CONTROL_VERSION_MAX;
    return tell(net, to->link, 0, &message, err);
}

/* Whether the sender should hear of what was consumed: a quarter of the window, or all there was (it may wait for that). */
static bool
credit_due(const inbound *in, bool all)
{
    const int64_t consumed = slu_channel_popped_bytes(in->queue);
    return all || consumed - in->told >= CREDIT_STEP || (consumed != in->told && consumed == slu_channel_pushed_bytes(in->queue));
}

static slu_status
totals_tell(slu_net *net, uint32_t kind, slu_link *link, uint64_t peer, const slu_message *items, uint32_t count, slu_error *err)
{
    slu_message message = about(net, kind);
    message.items = items;
    message.item_count = count;
    if (count == 0)
        return SLU_OK;
    if (kind == SLU_MESSAGE_CREDIT)
        atomic_fetch_add_explicit(&net->credits_out, 1, memory_order_relaxed);
    const slu_status status = tell(net, link, peer, &message, err);
    return status == SLU_AGAIN || status == SLU_NOTFOUND ? SLU_OK : status;
}

/* What was consumed of the channels of one sending worker; `all`: also what has not changed. */
static slu_status
credit_tell(slu_net *net, const sender_peer *to, bool all, slu_error *err)
{
    slu_message items[64];
    uint32_t count = 0;
    for (uint32_t i = 0; i < net->in_count; i++) {
        inbound *in = &net->ins[i];
        if (in->worker != to->worker || !credit_due(in, all))
            continue;
        in->told = slu_channel_popped_bytes(in->queue);
        items[count++] = (slu_message){.kind = SLU_MESSAGE_TOTAL, .channel = in->channel, .value = in->told};
        if (count == SLU_COUNT_OF(items)) {
            SLU_TRY(totals_tell(net, SLU_MESSAGE_CREDIT, net->listener, to->peer, items, count, err));
            count = 0;
        }
    }
    return totals_tell(net, SLU_MESSAGE_CREDIT, net->listener, to->peer, items, count, err);
}

/* How many messages went out to one worker. One that waits to be sent does not count yet: then nothing is said. */
static slu_status
sent_tell(slu_net *net, uint32_t dialer_at, slu_error *err)
{
    slu_message items[64];
    uint32_t count = 0;
    for (uint32_t i = 0; i < net->out_count; i++) {
        const outbound *out = &net->outs[i];
        if (out->dialer != dialer_at || out->waits)
            continue;
        items[count++] =
            (slu_message){.kind = SLU_MESSAGE_TOTAL, .channel = out->channel, .value = (int64_t)slu_remote_sent(out->sender)};
        if (count == SLU_COUNT_OF(items)) {
            SLU_TRY(totals_tell(net, SLU_MESSAGE_SENT, net->dialers[dialer_at].link, 0, items, count, err));
            count = 0;
        }
    }
    return totals_tell(net, SLU_MESSAGE_SENT, net->dialers[dialer_at].link, 0, items, count, err);
}

static slu_status
totals_repeat(slu_net *net, slu_error *err)
{
    for (uint32_t i = 0; i < net->sender_count; i++)
        SLU_TRY(credit_tell(net, &net->senders[i], true, err));
    for (uint32_t i = 0; i < net->dialer_count; i++)
        if (net->dialers[i].open)
            SLU_TRY(sent_tell(net, i, err));
    return SLU_OK;
}

static outbound *
outbound_find(slu_net *net, uint64_t channel)
{
    for (uint32_t i = 0; i < net->out_count; i++)
        if (net->outs[i].channel == channel)
            return &net->outs[i];
    return NULL;
}

/* Decodes a control message of this attempt. AGAIN: of another one. */
static slu_status
control_decode(slu_net *net, slu_view head, slu_message *out, slu_error *err)
{
    slu_arena_reset(&net->arena);
    SLU_TRY(slu_message_decode(head, SLU_CONTROL_VERSION_MAX, &net->arena, out, err));
    if (out->attempt_id == net->spec.attempt_id && strcmp(out->job, net->job) == 0)
        return SLU_OK;
    atomic_fetch_add_explicit(&net->dropped, 1, memory_order_relaxed);
    return SLU_AGAIN;
}

/* On a dialer: credit comes back. */
static slu_status
credit_take(slu_net *net, slu_view head, slu_error *err)
{
    slu_message message;
    const slu_status status = control_decode(net, head, &message, err);
    if (status != SLU_OK || message.kind != SLU_MESSAGE_CREDIT)
        return status == SLU_AGAIN ? SLU_OK : status;
    atomic_fetch_add_explicit(&net->credits_in, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < message.item_count; i++) {
        outbound *out = outbound_find(net, message.items[i].channel);
        if (out != NULL)
            SLU_TRY_IN(slu_remote_credit(out->sender, message.items[i].value, err), err, "channel %" PRIu32, out->channel);
    }
    return SLU_OK;
}

static inbound *
inbound_find(slu_net *net, uint64_t channel)
{
    return channel < net->channel_count && net->in_of_channel[channel] != UINT32_MAX ? &net->ins[net->in_of_channel[channel]]
                                                                                     : NULL;
}

/* Bytes that do not even say which attempt they belong to come from no worker of ours: anyone on the host can reach the port. What one
 * of ours sent and lost on the way shows as a gap in its channel's sequence, or in SENT. */
static slu_status
stray_drop(slu_net *net)
{
    atomic_fetch_add_explicit(&net->dropped, 1, memory_order_relaxed);
    return SLU_OK;
}

/* On the listener: a worker says who it is, or how much it sent. */
static slu_status
sender_control(slu_net *net, uint64_t peer, slu_view head, slu_error *err)
{
    slu_message message;
    const slu_status status = control_decode(net, head, &message, err);
    if (status == SLU_CORRUPT || status == SLU_UNSUPPORTED)
        return stray_drop(net);
    if (status != SLU_OK)
        return status == SLU_AGAIN ? SLU_OK : status;
    if (message.kind == SLU_MESSAGE_HELLO) {
        sender_peer *grown = slu_realloc(net->senders, (net->sender_count + 1) * sizeof *grown);
        if (grown == NULL)
            return slu_error_set(err, SLU_NOMEM, "a peer");
        net->senders = grown;
        net->senders[net->sender_count++] = (sender_peer){(uint32_t)message.worker, peer};
    }
    for (uint32_t i = 0; message.kind == SLU_MESSAGE_SENT && i < message.item_count; i++) {
        const inbound *in = inbound_find(net, message.items[i].channel);
        if (in != NULL)
            SLU_TRY_IN(slu_remote_check_sent(in->receiver, (uint64_t)message.items[i].value, err), err, "channel %" PRIu32,
                       in->channel);
    }
    return SLU_OK;
}

/* ---- Arriving ---------------------------------------------------------------------------------------------------------------- */

static slu_status
data_take(slu_net *net, slu_link_event *event, slu_error *err)
{
    slu_remote_address address;
    slu_item item = {0};
    if (slu_remote_peek(event->head, &address, err) != SLU_OK || address.attempt_nonce != net->spec.attempt_id)
        return stray_drop(net);
    inbound *in = inbound_find(net, address.channel);
    if (in == NULL)
        return slu_error_set(err, SLU_CORRUPT, "a batch for channel %" PRIu32 ", which does not end here", address.channel);
    const slu_ipc_owner owner = {event->body.release, event->body.owner};
    const slu_view body = event->body.view;
    event->body = (slu_link_body){0}; /* the decoder's, success or not */
    const slu_status status = slu_remote_decode(in->receiver, event->head, body, owner, &item, err);
    if (status < 0)
        return slu_error_in(err, status, "channel %" PRIu32, in->channel);
    atomic_fetch_add_explicit(&net->frames_in, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&net->bytes_in, body.bytes, memory_order_relaxed);
    return status == SLU_OK ? slu_channel_push(in->queue, &item, err) : SLU_OK;
}

static slu_status
sender_gone(slu_net *net, uint64_t peer, slu_error *err)
{
    for (uint32_t i = 0; i < net->sender_count; i++)
        if (net->senders[i].peer == peer)
            return slu_error_set(err, SLU_CLOSED, "worker %" PRIu32 ", which sends to us, is gone", net->senders[i].worker);
    return SLU_OK;
}

/* MessagePack says which: an array is data, a map is control. */
static slu_status
listener_event(slu_net *net, slu_link_event *event, slu_error *err)
{
    if (event->kind == SLU_LINK_GONE)
        return sender_gone(net, event->peer, err);
    if (event->head.bytes != 0 && (event->head.data[0] & 0xf0) == 0x90)
        return data_take(net, event, err);
    return sender_control(net, event->peer, event->head, err);
}

static slu_status
listener_step(slu_net *net, bool *did, slu_error *err)
{
    slu_link_event event = {0};
    for (unsigned i = 0; i < EVENTS_PER_ROUND && slu_link_next(net->listener, &event) == SLU_OK; i++) {
        const slu_status status = listener_event(net, &event, err);
        slu_link_body_release(&event.body);
        SLU_TRY(status);
        *did = true;
    }
    return SLU_OK;
}

/* Spilled items move up as tasks read; what they read is credit. */
static slu_status
inbound_step(slu_net *net, slu_error *err)
{
    for (uint32_t i = 0; i < net->in_count; i++)
        (void)slu_channel_flush(net->ins[i].queue);
    for (uint32_t i = 0; i < net->sender_count; i++)
        SLU_TRY(credit_tell(net, &net->senders[i], false, err));
    return SLU_OK;
}

/* ---- Leaving ----------------------------------------------------------------------------------------------------------------- */

/* The memory of the encoded body goes along with the message. */
static void
body_move(slu_net *net, outbound *out)
{
    size_t bytes = 0;
    uint8_t *data = slu_buf_take(&net->body, &bytes);
    out->body = (slu_link_body){0};
    if (data != NULL)
        out->body = (slu_link_body){slu_view_of(data, bytes), slu_free, data};
}

/* OK: a message waits; AGAIN: nothing to send, or no credit. */
static slu_status
outbound_encode(slu_net *net, outbound *out, slu_error *err)
{
    const slu_item *item = slu_channel_peek(out->queue);
    slu_item popped;
    if (item == NULL)
        return SLU_AGAIN;
    const slu_status status = slu_remote_encode(out->sender, item, &out->header, &net->body, err);
    if (status != SLU_OK && status != SLU_MORE)
        return status;
    body_move(net, out);
    out->waits = true;
    if (status == SLU_OK && slu_channel_pop(out->queue, &popped) == SLU_OK)
        slu_item_drop(&popped);
    return SLU_OK;
}

static slu_status
outbound_send(slu_net *net, outbound *out, slu_error *err)
{
    const uint64_t bytes = out->body.view.bytes;
    SLU_TRY(slu_link_send(net->dialers[out->dialer].link, 0, slu_buf_view(&out->header), &out->body, err));
    out->waits = false;
    atomic_fetch_add_explicit(&net->frames_out, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&net->bytes_out, bytes, memory_order_relaxed);
    return SLU_OK;
}

static slu_status
outbound_step(slu_net *net, outbound *out, bool *did, slu_error *err)
{
    for (unsigned i = 0; net->dialers[out->dialer].open && i < ITEMS_PER_ROUND; i++) {
        slu_status status = out->waits ? SLU_OK : outbound_encode(net, out, err);
        if (status == SLU_OK)
            status = outbound_send(net, out, err);
        if (status == SLU_AGAIN)
            return SLU_OK;
        if (status != SLU_OK)
            return slu_error_in(err, status, "channel %" PRIu32, out->channel);
        *did = true;
    }
    return SLU_OK;
}

static slu_status
dialer_step(slu_net *net, dialer *d, bool *did, slu_error *err)
{
    slu_link_event event = {0};
    for (unsigned i = 0; i < EVENTS_PER_ROUND && slu_link_next(d->link, &event) == SLU_OK; i++) {
        slu_status status = SLU_OK;
        slu_link_body_release(&event.body);
        if (event.kind == SLU_LINK_OPENED) {
            d->open = true;
            status = hello(net, d, err);
        } else if (event.kind == SLU_LINK_GONE) {
            status = slu_error_set(err, SLU_CLOSED, "worker %" PRIu32 ", which we send to, is gone", d->worker);
        } else {
            status = credit_take(net, event.head, err);
        }
        SLU_TRY(status);
        *did = true;
    }
    if (!d->open && slu_now_ms(net->spec.env) - net->begun_ms > CONNECT_MS)
        return slu_error_set(err, SLU_TIMEOUT, "worker %" PRIu32 " cannot be reached at %s", d->worker, slu_link_address(d->link));
    return SLU_OK;
}

slu_status
slu_net_step(slu_net *net, bool *did, slu_error *err)
{
    *did = false;
    if (net->worker == NULL)
        return SLU_OK;
    SLU_TRY(listener_step(net, did, err));
    for (uint32_t i = 0; i < net->dialer_count; i++)
        SLU_TRY(dialer_step(net, &net->dialers[i], did, err));
    for (uint32_t i = 0; i < net->out_count; i++)
        SLU_TRY(outbound_step(net, &net->outs[i], did, err));
    SLU_TRY(inbound_step(net, err));
    if (slu_now_ms(net->spec.env) >= net->tell_ms) {
        net->tell_ms = slu_now_ms(net->spec.env) + TELL_MS;
        SLU_TRY(totals_repeat(net, err));
    }
    return SLU_OK;
}

static void
sleep_once(slu_net *net)
{
    struct pollfd polls[64];
    nfds_t count = 0;
    polls[count++] = (struct pollfd){.fd = net->bell.fd, .events = POLLIN};
    polls[count++] = (struct pollfd){.fd = slu_link_fd(net->listener), .events = POLLIN};
    for (uint32_t i = 0; i < net->dialer_count && count < SLU_COUNT_OF(polls); i++)
        polls[count++] = (struct pollfd){.fd = slu_link_fd(net->dialers[i].link), .events = POLLIN};
    const int64_t left = net->tell_ms - slu_now_ms(net->spec.env);
    const int capped = net->dialer_count + 2 > SLU_COUNT_OF(polls) ? 10 : TELL_MS;
    (void)poll(polls, count, left < 0 ? 0 : (int)SLU_MIN(left, (int64_t)capped));
}

slu_status
slu_net_run(slu_net *net, slu_error *err)
{
    while (!atomic_load(&net->stopped)) {
        bool did = false;
        SLU_TRY(slu_net_step(net, &did, err));
        if (did)
            continue;
        slu_bell_arm(&net->bell);
        SLU_TRY(slu_net_step(net, &did, err));
        if (!did && !atomic_load(&net->stopped))
            sleep_once(net);
        slu_bell_disarm(&net->bell);
    }
    return SLU_OK;
}

void
slu_net_stop(slu_net *net)
{
    atomic_store(&net->stopped, true);
    slu_bell_ring_always(&net->bell);
}

/* ---- Beginning --------------------------------------------------------------------------------------------------------------- */

static slu_link_options
link_options(const slu_net *net)
{
    return (slu_link_options){.env = net->spec.env,
                              .messages_max = 4096,
                              .linger_ms = 100,
                              .bytes_max = SLU_BATCH_BYTES_MAX,
                              .insecure = net->spec.insecure};
}

static slu_status
dialer_of(slu_net *net, uint32_t worker, const slu_net_peer *peers, uint32_t peer_count, uint32_t *out, slu_error *err)
{
    for (*out = 0; *out < net->dialer_count; ++*out)
        if (net->dialers[*out].worker == worker)
            return SLU_OK;
    for (uint32_t i = 0; i < peer_count; i++) {
        if (peers[i].worker != worker)
            continue;
        dialer *d = &net->dialers[net->dialer_count];
        const slu_link_options options = link_options(net);
        d->worker = worker;
        SLU_TRY(net->spec.transport->dial(net->spec.transport, peers[i].address, &options, &d->link, err));
        net->dialer_count++;
        return SLU_OK;
    }
    return slu_error_set(err, SLU_INVALID, "nobody says where worker %" PRIu32 " listens", worker);
}

/* Of the edge a channel belongs to; NULL where it is dynamic. */
static const struct ArrowSchema *
channel_schema(const slu_layout *layout, uint32_t channel)
{
    const slu_link_edge *edge = &layout->links[layout->channels[channel].edge];
    const slu_operator *from = &layout->graph->operators[edge->from_operator];
    return from->outputs == NULL ? NULL : from->outputs[edge->from_output];
}

static slu_status
outbound_add(slu_net *net, const slu_layout *layout, uint32_t channel, uint32_t to_worker, const slu_net_peer *peers,
             uint32_t peer_count, slu_error *err)
{
    const slu_remote_address address = {(uint32_t)net->spec.attempt, net->spec.attempt_id, channel};
    outbound *out = &net->outs[net->out_count];
    *out = (outbound){.channel = channel, .queue = slu_worker_outbound(net->worker, channel)};
    slu_buf_init(&out->header, SLU_REMOTE_HEADER_BYTES_MAX);
    SLU_TRY(dialer_of(net, to_worker, peers, peer_count, &out->dialer, err));
    SLU_TRY(slu_remote_sender_new(&address, channel_schema(layout, channel), 0, &out->sender, err));
    net->out_count++;
    return SLU_OK;
}

static slu_status
inbound_add(slu_net *net, const slu_layout *layout, uint32_t channel, uint32_t from_worker, slu_error *err)
{
    const slu_remote_address address = {(uint32_t)net->spec.attempt, net->spec.attempt_id, channel};
    inbound *in = &net->ins[net->in_count];
    *in = (inbound){.channel = channel, .worker = from_worker, .queue = slu_worker_inbound(net->worker, channel)};
    SLU_TRY(slu_remote_receiver_new(&address, channel_schema(layout, channel), &in->receiver, err));
    net->in_of_channel[channel] = net->in_count++;
    return SLU_OK;
}

static slu_status
tables_make(slu_net *net, const slu_layout *layout, uint32_t peer_count, slu_error *err)
{
    net->channel_count = layout->channel_count;
    net->outs = slu_alloc_zero(layout->channel_count + 1u, sizeof *net->outs);
    net->ins = slu_alloc_zero(layout->channel_count + 1u, sizeof *net->ins);
    net->in_of_channel = slu_alloc_zero(layout->channel_count + 1u, sizeof *net->in_of_channel);
    net->dialers = slu_alloc_zero(peer_count + 1u, sizeof *net->dialers);
    if (net->outs == NULL || net->ins == NULL || net->in_of_channel == NULL || net->dialers == NULL)
        return slu_error_set(err, SLU_NOMEM, "%" PRIu32 " channels", layout->channel_count);
    memset(net->in_of_channel, 0xff, layout->channel_count * sizeof *net->in_of_channel);
    return SLU_OK;
}

slu_status
slu_net_begin(slu_net *net, slu_worker *worker, const slu_layout *layout, const uint32_t *placement, const slu_net_peer *peers,
              uint32_t peer_count, slu_error *err)
{
    net->worker = worker;
    net->begun_ms = slu_now_ms(net->spec.env);
    net->tell_ms = net->begun_ms + TELL_MS;
    SLU_TRY(tables_make(net, layout, peer_count, err));
    for (uint32_t c = 0; c < layout->channel_count; c++) {
        const uint32_t from = placement[layout->channels[c].from_task];
        const uint32_t to = placement[layout->channels[c].to_task];
        if (from == to)
            continue;
        if (from == net->spec.worker)
            SLU_TRY(outbound_add(net, layout, c, to, peers, peer_count, err));
        else if (to == net->spec.worker)
            SLU_TRY(inbound_add(net, layout, c, from, err));
    }
    return SLU_OK;
}

slu_status
slu_net_open(const slu_net_spec *spec, slu_net **out, slu_error *err)
{
    SLU_AUTO(slu_net_close) slu_net *net = slu_alloc_zero(1, sizeof *net);
    if (net == NULL)
        return slu_error_set(err, SLU_NOMEM, "a net thread");
    net->spec = *spec;
    net->bell.fd = -1;
    (void)snprintf(net->job, sizeof net->job, "%s", spec->job);
    slu_buf_init(&net->head, HEAD_BYTES_MAX);
    slu_buf_init(&net->body, (size_t)SLU_BATCH_BYTES_MAX);
    slu_arena_init(&net->arena, HEAD_BYTES_MAX * 16);
    SLU_TRY(slu_bell_init(&net->bell, spec->with_bell_fd, err));
    const slu_link_options options = link_options(net);
    SLU_TRY(spec->transport->listen(spec->transport, spec->listen, &options, &net->listener, err));
    *out = slu_take(&net);
    return SLU_OK;
}

void
slu_net_close(slu_net **owned)
{
    slu_net *net = slu_take(owned);
    if (net == NULL)
        return;
    for (uint32_t i = 0; i < net->out_count; i++) {
        slu_link_body_release(&net->outs[i].body);
        slu_remote_sender_free(&net->outs[i].sender);
        slu_buf_fini(&net->outs[i].header);
    }
    for (uint32_t i = 0; i < net->in_count; i++)
        slu_remote_receiver_free(&net->ins[i].receiver);
    for (uint32_t i = 0; i < net->dialer_count; i++)
        slu_link_close(&net->dialers[i].link);
    slu_link_close(&net->listener);
    slu_bell_fini(&net->bell);
    slu_buf_fini(&net->head);
    slu_buf_fini(&net->body);
    slu_arena_fini(&net->arena);
    slu_free(net->outs);
    slu_free(net->ins);
    slu_free(net->in_of_channel);
    slu_free(net->dialers);
    slu_free(net->senders);
    slu_free(net);
}

const char *
slu_net_address(const slu_net *net)
{
    return slu_link_address(net->listener);
}

slu_bell *
slu_net_bell(slu_net *net)
{
    return &net->bell;
}

slu_net_counters
slu_net_get_counters(const slu_net *net)
{
    return (slu_net_counters){.frames_out = net->frames_out,
                              .frames_in = net->frames_in,
                              .bytes_out = net->bytes_out,
                              .bytes_in = net->bytes_in,
                              .credits_out = net->credits_out,
                              .credits_in = net->credits_in,
                              .dropped = net->dropped};
}
