/*
 * commits.h: group commit: with `sync`, the writes of one turn of the loop share one fsync a log, and their answers wait for it.
 *
 *   write -> appended, its answer held -> end of the turn: each log that got something is synced -> wakes its readers, answers go out
 *
 * Shape    a handler that appended to a log that wants a sync (fluss_log_wants_sync) says so (fluss_commits_note), and hands over its
 *          answer with its arena instead of sending it. Anything else that a client asks for, but fetches, which see no further than
 *          what is synced, ends the turn first, so that nobody is told of what could still be lost.
 * Owns     held answers. A session that ends takes its own with it (fluss_commits_forget).
 * Errors   a log that cannot be synced: the buckets of it in held answers get Fluss's error 45 with the reason, and the log is cut back
 *          to what is synced (fluss_tables_reset): what was refused is not there.
 * Threads  owner.
 */
#ifndef FLUSS_SERVER_COMMITS_H
#define FLUSS_SERVER_COMMITS_H

#include "fluss/server/server_internal.h"

SLU_CHECK slu_status fluss_commits_open(fluss_server *server, fluss_commits **out, slu_error *err);
void fluss_commits_close(fluss_commits **commits);
/* Something was appended to the tablet's log in this turn. True: it is to be synced, so that the answer must be held. */
bool fluss_commits_note(fluss_commits *commits, fluss_tablet *tablet);
/* Sends the answer, or keeps it until the turn ends: `tablets` are those of its buckets, one each (NULL: failed already), and `fail`
 * puts an error into the answer's bucket. The request's arena is taken. */
typedef void (*fluss_commit_fail)(const ProtobufCMessage *response, size_t bucket, int32_t code, char *message);
SLU_CHECK slu_status fluss_commits_answer(fluss_commits *commits, fluss_request *r, const ProtobufCMessage *response,
                                          fluss_tablet *const *tablets, size_t count, fluss_commit_fail fail, slu_error *err);
/* Ends the turn now. */
void fluss_commits_flush(fluss_commits *commits);
bool fluss_commits_wait(const fluss_commits *commits);
void fluss_commits_forget(fluss_commits *commits, const fluss_session *session);

#endif
