/*
 * run.h: what every backend writes into a savepoint and reads from one: the entries of one key group of one state, as a run of bytes.
 *
 * Format   u8 version 1, u8 flags (1: stamps), u16 zero, u32 key bytes (0: any), u32 value bytes (0: BYTES), u32 count, then per entry
 *          [u32 key length when variable] key [i64 wall time of the last write when stamped] ([u32 length] value). Little-endian.
 * Owns     nothing. Threads: any.
 * Errors   CORRUPT: not such a run; INVALID: keys or values of another size than the state's.
 */
#ifndef SLU_STATE_RUN_H
#define SLU_STATE_RUN_H

#include "base/bytes.h"
#include "base/cursor.h"

#include <sluice/plugin.h>

typedef struct slu_run_entry {
    slu_view key;
    int64_t stamp_ms; /* of a state with a TTL */
    slu_view value;
} slu_run_entry;

/* A run begins an empty buffer. */
void slu_run_begin(slu_buf *run, const slu_state_spec *spec);
void slu_run_add(slu_buf *run, const slu_state_spec *spec, const slu_run_entry *entry);
void slu_run_end(slu_buf *run, uint32_t count);

typedef struct slu_run_reader {
    const slu_state_spec *spec;
    slu_cursor cursor;
    size_t left; /* entries: no more than the bytes can hold */
    bool stamped;
    int64_t now_ms;
} slu_run_reader;

/* `now_ms` stamps entries that have no stamp. */
SLU_CHECK slu_status slu_run_open(slu_run_reader *reader, const slu_state_spec *spec, slu_view run, int64_t now_ms, slu_error *err);
/* Views into the run. END behind the last. */
SLU_CHECK slu_status slu_run_next(slu_run_reader *reader, slu_run_entry *out, slu_error *err);

#endif
