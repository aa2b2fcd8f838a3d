/*
 * remote.h: an item as two messages, a header and one body, and back again, verified: what travels between two processes. Pure logic
 * over byte views, so that ZeroMQ carries it in earnest and memory carries it in tests.
 *
 * Header   a MessagePack array of 10: magic 0x51c1, attempt number, attempt nonce, channel, sequence (from 0, +1 per message),
 *          kind (an SLU_ITEM_, or SLU_REMOTE_SCHEMA), value, flags or rows, body bytes, wall ms (BARRIER) or attribute bytes
 *          (BATCH: the body is then  attributes, row kinds, padding to 8, IPC message; each length as stated in remote.c).
 * Body     BATCH: see above. SCHEMA: slu_schema_encode, sent before the first batch of every new schema; the rest: none.
 * Order    the receiver takes exactly the next sequence of its attempt: a gap or a repetition fails the attempt (CORRUPT), a message of
 *          another attempt is dropped and counted (AGAIN).
 * Credit   an item's weight for credit is slu_remote_bytes of its body: the same number on both sides.
 * Threads  owner (the net thread).
 * Errors   CORRUPT, LIMIT (SLU_BATCH_BYTES_MAX), NOMEM.
 */
#ifndef SLU_EXCHANGE_REMOTE_H
#define SLU_EXCHANGE_REMOTE_H

#include "credit.h"
#include "item.h"

#include "base/bytes.h"

#define SLU_REMOTE_SCHEMA 100u
#define SLU_REMOTE_HEADER_BYTES_MAX 128u

typedef struct slu_remote_address {
    uint32_t attempt;
    uint64_t attempt_nonce;
    uint32_t channel; /* of the layout */
} slu_remote_address;

/* ---- Sender */
typedef struct slu_remote_sender slu_remote_sender;

SLU_CHECK slu_status slu_remote_sender_new(const slu_remote_address *address, int64_t window_bytes, slu_remote_sender **out,
                                           slu_error *err);
void slu_remote_sender_free(slu_remote_sender **sender);
/* Encodes the item (which stays the caller's) into header and body, both reset first. MORE: a schema message was made and has to be
 * sent first; call again for the item itself. AGAIN: no credit now. */
SLU_CHECK slu_status slu_remote_encode(slu_remote_sender *sender, const slu_item *item, slu_buf *header, slu_buf *body, slu_error *err);
/* The receiver's cumulative consumed bytes. */
SLU_CHECK slu_status slu_remote_credit(slu_remote_sender *sender, int64_t consumed_bytes, slu_error *err);
uint64_t slu_remote_sent(const slu_remote_sender *sender); /* messages so far, for the heartbeat: the receiver checks that it has as many */
int64_t slu_remote_sent_bytes(const slu_remote_sender *sender);

/* ---- Receiver */
typedef struct slu_remote_receiver slu_remote_receiver;

/* Which channel a header is for; drops nothing. CORRUPT: not a header of ours. */
SLU_CHECK slu_status slu_remote_peek(slu_view header, slu_remote_address *out, slu_error *err);

/* `schema`: of the edge; NULL where it is dynamic. */
SLU_CHECK slu_status slu_remote_receiver_new(const slu_remote_address *address, const struct ArrowSchema *schema,
                                             slu_remote_receiver **out, slu_error *err);
void slu_remote_receiver_free(slu_remote_receiver **receiver);
/* Keeps the bytes of a received body alive; release may run on any thread. NULL release: the body is copied. */
typedef struct slu_remote_owner {
    void (*release)(void *context);
    void *context;
} slu_remote_owner;
/* OK: *out is an item (its `bytes` are what credit counts). MORE: it was a schema; read on. AGAIN: of another attempt, dropped. */
SLU_CHECK slu_status slu_remote_decode(slu_remote_receiver *receiver, slu_view header, slu_view body, slu_remote_owner owner,
                                       slu_item *out, slu_error *err);
uint64_t slu_remote_received(const slu_remote_receiver *receiver);
uint64_t slu_remote_dropped(const slu_remote_receiver *receiver);
/* A heartbeat's "messages sent": more than were received, once the transport was drained, is a loss. */
SLU_CHECK slu_status slu_remote_check_sent(const slu_remote_receiver *receiver, uint64_t sent, slu_error *err);

#endif
