/*
 * remote_reader.h: reads the log segments that a server names instead of sending them (remote_log_fetch_info), from a directory.
 *
 * Shape    a list of segment files, read in pieces of whole batches, from the named position on. A piece is an answer without a message:
 *          batches lie in it as in a fetch's.
 * Owns     its list and one open file; a piece belongs to the caller.
 * Threads  owner. A piece is a read of FLUSS_REMOTE_PIECE_BYTES from a local or mounted file system: short, but it does block.
 * Errors   next: OK; END: all read. NOTFOUND: a file is not there (any more, or not on this machine). CORRUPT: no batch where one must be.
 *          open: UNSUPPORTED: another store than a directory, naming it; CORRUPT: a list that cannot be.
 * Source   Apache Fluss 0.9 (RemoteLogDownloader).
 */
#ifndef FLUSS_CLIENT_REMOTE_READER_H
#define FLUSS_CLIENT_REMOTE_READER_H

#include "client.h"
#include "fluss/wire/message.h"

#define FLUSS_REMOTE_PIECE_BYTES ((size_t)1 << 20)
#define FLUSS_REMOTE_SEGMENTS_MAX 65536

typedef struct fluss_remote_reader fluss_remote_reader;

SLU_CHECK slu_status fluss_remote_reader_open(const Fluss__PbRemoteLogFetchInfo *info, fluss_remote_reader **out, slu_error *err);
void fluss_remote_reader_close(fluss_remote_reader **reader);
/* The next piece: *out_bytes lies in *out. */
SLU_CHECK slu_status fluss_remote_reader_next(fluss_remote_reader *reader, fluss_answer **out, slu_view *out_bytes, slu_error *err);

#endif
