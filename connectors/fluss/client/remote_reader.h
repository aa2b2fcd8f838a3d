/*
 * remote_reader.h: reads the log segments that a server names instead of sending them (remote_log_fetch_info), from a directory or S3.
 *
 * Shape    a list of segment files, read in pieces of whole batches, from the named position on. A piece is an answer without a message:
 *          batches lie in it as in a fetch's.
 * Owns     its list and one open file, or one fetch; a piece belongs to the caller. It is closed before its client.
 * Threads  owner. From a directory a piece is a read of FLUSS_REMOTE_PIECE_BYTES, which is short, but does block; from S3 it is fetched
 *          beside (files.h), the next one already while the last is being read.
 * Errors   next: OK; END: all read; AGAIN: a piece is on its way, step the client. NOTFOUND: a file is not there (any more, or not on this machine). CORRUPT: no batch where one must be.
 *          open: UNSUPPORTED: a store that is not known here, naming it; CORRUPT: a list that cannot be.
 * Source   Apache Fluss 0.9 (RemoteLogDownloader).
 */
#ifndef FLUSS_CLIENT_REMOTE_READER_H
#define FLUSS_CLIENT_REMOTE_READER_H

#include "client.h"
#include "fluss/wire/message.h"

#define FLUSS_REMOTE_PIECE_BYTES ((size_t)1 << 20)
#define FLUSS_REMOTE_SEGMENTS_MAX 65536

typedef struct fluss_remote_reader fluss_remote_reader;

SLU_CHECK slu_status fluss_remote_reader_open(fluss_client *client, const Fluss__PbRemoteLogFetchInfo *info,
                                              fluss_remote_reader **out, slu_error *err);
void fluss_remote_reader_close(fluss_remote_reader **reader);
/* The next piece: *out_bytes lies in *out. */
SLU_CHECK slu_status fluss_remote_reader_next(fluss_remote_reader *reader, fluss_answer **out, slu_view *out_bytes, slu_error *err);

/* Is a piece on its way? */
bool fluss_remote_reader_waits(const fluss_remote_reader *reader);

#endif
