/*
 * reader.h: one claimed table, read from what is committed to what was the end when it was claimed.
 *
 *   LOADING --target ready--> ASKED (lake snapshot, latest offsets) --answers--> READING --all ends given--> DONE
 *
 * Shape    poll gives one piece at a time: rows, or the end of a split. A range ends by position: empty batches count.
 * Owns     the reader owns its calls, target and scanner; a batch given is the caller's (fluss_scan_batch_fini).
 * Threads  the client's owner; nothing blocks.
 * Errors   poll: OK a piece, AGAIN (step the client), END nothing more. A failure ends the round: UNSUPPORTED: a kind of table that is not
 *          tiered yet; CONFLICT: another table of that name; TIMEOUT: no answer to a call; and the client's.
 */
#ifndef TIERING_READER_H
#define TIERING_READER_H

#include "ranges.h"
#include "round.h"

#include "fluss/client/scanner.h"

typedef struct tiering_reader tiering_reader;

typedef struct tiering_read {
    tiering_piece piece;              /* ROWS or END */
    fluss_scan_batch batch;           /* ROWS: its rows [first, first + count) are meant */
    const struct ArrowSchema *schema; /* ROWS: borrowed until close */
} tiering_read;

/* `head`: table id, path, epochs; the rest is filled in. */
SLU_CHECK slu_status tiering_reader_open(fluss_client *client, const tiering_piece *head, tiering_reader **out, slu_error *err);
void tiering_reader_close(tiering_reader **reader);
SLU_CHECK slu_status tiering_reader_poll(tiering_reader *reader, tiering_read *out, slu_error *err);
/* The head as far as it is known: known snapshot and split count (0 until the ranges are known, or nothing is to be read). */
const tiering_piece *tiering_reader_head(const tiering_reader *reader);

#endif
