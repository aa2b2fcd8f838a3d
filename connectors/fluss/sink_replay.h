/*
 * sink_replay.h: rows that a dead worker wrote behind its last checkpoint, as a counted set of identities.
 *
 * Shape    recovery adds each row found in the log; replay takes each row that comes again. Checkpointed until it is empty.
 * Owns     the identities' bytes.
 * Threads  the task's.
 * Errors   NOMEM, LIMIT (SINK_REPLAY_BYTES_MAX); CORRUPT: state that is none.
 */
#ifndef FLUSS_SINK_REPLAY_H
#define FLUSS_SINK_REPLAY_H

#include "base/bytes.h"
#include "base/cursor.h"

#define SINK_REPLAY_BYTES_MAX ((size_t)512 << 20)

typedef struct sink_replay_slot {
    uint64_t hash;
    uint64_t at;    /* of the identity in bytes */
    uint32_t bytes; /* of it */
    uint32_t count; /* 0 with hash 0: never used; 0: taken */
} sink_replay_slot;

typedef struct sink_replay {
    sink_replay_slot *slots;
    size_t slot_count; /* a power of two */
    size_t used;
    uint64_t left; /* rows still expected */
    slu_buf bytes;
} sink_replay;

void sink_replay_init(sink_replay *replay);
void sink_replay_fini(sink_replay *replay);
SLU_CHECK slu_status sink_replay_add(sink_replay *replay, slu_view identity, uint32_t count, slu_error *err);
/* Whether the row was written already; it is then counted off. */
bool sink_replay_take(sink_replay *replay, slu_view identity);
/* State: u32 entries, then per entry u32 count, u32 bytes, the identity. */
void sink_replay_encode(const sink_replay *replay, slu_buf *out);
SLU_CHECK slu_status sink_replay_decode(sink_replay *replay, slu_cursor *c, slu_error *err);

#endif
