/*
 * reader.h: one claimed table, read from what is committed to what was the end when it was claimed.
 *
 *   PLANNING --splits known (plan.h)--> READING (kv snapshots one after another, the logs beside) --all ends given--> DONE
 *
 * Shape    poll gives one piece at a time: rows, or the end of a split. A range of a log ends by position: empty batches count.
 * Owns     the reader owns its target, plan, scanner and snapshot reader; a batch given is the caller's (fluss_scan_batch_fini).
 * Threads  the client's owner; nothing blocks but reading a snapshot's files, as briefly as a read does.
 * Errors   poll: OK a piece, AGAIN (step the client), END nothing more. A failure ends the round: CONFLICT: another table of that name, a
 *          partition that was dropped meanwhile; TIMEOUT: no answer to a call; and those of plan, scanner and snapshot reader.
 */
#ifndef TIERING_READER_H
#define TIERING_READER_H

#include "round.h"

#include "fluss/client/scanner.h"

typedef struct tiering_reader tiering_reader;

typedef struct tiering_read {
    tiering_piece piece;              /* ROWS or END */
    fluss_scan_batch batch;           /* ROWS: its rows [first, first + count) are meant */
    const struct ArrowSchema *schema; /* ROWS: borrowed until close */
} tiering_read;

/* OK once the ranges are known, and the head with them; AGAIN: step the client. poll does it too. */
SLU_CHECK slu_status tiering_reader_plan(tiering_reader *reader, slu_error *err);

/* `head`: table id, path, epochs; the rest is filled in. */
SLU_CHECK slu_status tiering_reader_open(fluss_client *client, const tiering_piece *head, tiering_reader **out, slu_error *err);
void tiering_reader_close(tiering_reader **reader);
SLU_CHECK slu_status tiering_reader_poll(tiering_reader *reader, tiering_read *out, slu_error *err);
/* The head as far as it is known: known snapshot and split count (0 until the splits are known, or nothing is to be read). */
const tiering_piece *tiering_reader_head(const tiering_reader *reader);

#endif
