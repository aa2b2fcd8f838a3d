/*
 * remote.h: an item as two messages, a header and one body, and back again, verified: what travels between two processes. Pure logic
 * over byte views, so that ZeroMQ carries it in earnest and memory carries it in tests.
 *
 * Header   a MessagePack array of 10: magic 0x51c1, attempt number, attempt nonce, channel, sequence (from 0, +1 per message),
 *          kind (an SLU_ITEM_, or SLU_REMOTE_SCHEMA), value (BATCH: 1 when row kinds follow), flags (BATCH: rows), body bytes,
 *          wall ms (BATCH: bytes of attributes).
 * Body     BATCH: attributes, row kinds (a byte per row), zeros up to a multiple of 8, one Arrow IPC message (batch/ipc.h). SCHEMA:
 *          slu_schema_encode, sent before the first batch of another schema than the edge's. The rest: none.
 *          Attributes: per attribute u16 key bytes, key, u32 data bytes, data (little-endian).
 * Order    the receiver takes exactly the next sequence of its attempt: a gap or a repetition fails the attempt (CORRUPT), a message of
 *          another attempt is dropped and counted (AGAIN).
 * Credit   a BATCH weighs the bytes of its body, the rest nothing: the same on both sides, since the item that decode gives has
 *          exactly that in `bytes`, and so slu_channel_popped_bytes of the inbound channel is the receiver's cumulative total.
 * Threads  owner (the net thread).
 * Errors   CORRUPT, LIMIT (SLU_BATCH_BYTES_MAX), NOMEM.
 */
#ifndef SLU_EXCHANGE_REMOTE_H
#define SLU_EXCHANGE_REMOTE_H

#include "credit.h"
#include "item.h"

#include "base/bytes.h"
#include "batch/ipc.h"

#define SLU_REMOTE_SCHEMA 100u
#define SLU_REMOTE_HEADER_BYTES_MAX 128u

typedef struct slu_remote_address {
    uint32_t attempt;
    uint64_t attempt_nonce;
    uint32_t channel; /* of the layout */
} slu_remote_address;

/* ---- Sender */
typedef struct slu_remote_sender slu_remote_sender;

/* `schema`: of the edge, known to the receiver; NULL where it is dynamic. window_bytes 0: SLU_CREDIT_WINDOW_DEFAULT. */
SLU_CHECK slu_status slu_remote_sender_new(const slu_remote_address *address, const struct ArrowSchema *schema,
                                           int64_t window_bytes, slu_remote_sender **out, slu_error *err);
void slu_remote_sender_free(slu_remote_sender **sender);
/* Encodes the item (which stays the caller's) into header and body, both reset first; body's bytes_max is at least
 * SLU_BATCH_BYTES_MAX. MORE: a schema message was made and has to be sent first; call again for the item itself. AGAIN: no credit now
 * (nothing was encoded). What was encoded has to be sent: its sequence is taken. */
SLU_CHECK slu_status slu_remote_encode(slu_remote_sender *sender, const slu_item *item, slu_buf *header, slu_buf *body,
                                       slu_error *err);
/* The receiver's cumulative consumed bytes. */
SLU_CHECK slu_status slu_remote_credit(slu_remote_sender *sender, int64_t consumed_bytes, slu_error *err);
uint64_t
slu_remote_sent(const slu_remote_sender *sender); /* messages so far, for the heartbeat: the receiver checks that it has as many */
int64_t slu_remote_sent_bytes(const slu_remote_sender *sender);

/* ---- Receiver */
typedef struct slu_remote_receiver slu_remote_receiver;

/* Which channel a header is for; drops nothing. CORRUPT: not a header of ours. */
SLU_CHECK slu_status slu_remote_peek(slu_view header, slu_remote_address *out, slu_error *err);

/* `schema`: of the edge; NULL where it is dynamic. */
SLU_CHECK slu_status slu_remote_receiver_new(const slu_remote_address *address, const struct ArrowSchema *schema,
                                             slu_remote_receiver **out, slu_error *err);
void slu_remote_receiver_free(slu_remote_receiver **receiver);
/* OK: *out is an item (its `bytes` are what credit counts). MORE: it was a schema; read on. AGAIN: of another attempt, dropped.
 * `owner` keeps the bytes of the body alive (batch/ipc.h): released once, on any thread, whatever the status is; its release NULL: the
 * body is copied. */
SLU_CHECK slu_status slu_remote_decode(slu_remote_receiver *receiver, slu_view header, slu_view body, slu_ipc_owner owner,
                                       slu_item *out, slu_error *err);
uint64_t slu_remote_received(const slu_remote_receiver *receiver);
uint64_t slu_remote_dropped(const slu_remote_receiver *receiver);
/* A heartbeat's "messages sent": more than were received, once the transport was drained, is a loss. */
SLU_CHECK slu_status slu_remote_check_sent(const slu_remote_receiver *receiver, uint64_t sent, slu_error *err);

#endif
