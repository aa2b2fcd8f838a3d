/*
 * log.h: closed segments of the logs, copied to remote storage, where clients read them.
 *
 *   closed segment --copy (background)--> manifest written --catalogue--> valid: local copies beyond table.log.tiered.local-segments go
 *   remote segment older than table.log.ttl --next manifest without it--> doomed --ten minutes--> removed
 *
 * Shape    `fluss_remote` is the server's (the directory, the timer), `fluss_remote_log` a tablet's (its manifest). One copy a tablet at
 *          a time; the loop only decides, and writes the catalogue.
 * Owns     everything below {remote.data.dir}/log; a file `_owner` there says whose it is, and a directory of another server is
 *          refused.
 * Threads  owner.
 * Loop     what is asked of a store is asked by the background thread, but for two things: the search for a time (LIST_OFFSETS) and a
 *          changelog that is read again are ranges of a segment; and a store is asked once at the start.
 * Errors   a store that refuses us at the start (a wrong secret, no such bucket) ends it; one that cannot be reached is tried again each
 *          interval, and until then nothing leaves this machine. A copy that fails is tried again at the next interval. A manifest that cannot be read: its bucket's rows that are only
 *          there cannot be had (the error names file and table), all else goes on; it is looked at again whenever it is asked for.
 * Limits   FLUSS_REMOTE_NAMED_MAX segments are named to a client at once.
 *
 * Invariants: (1) what the catalogue calls valid is whole. (2) A local segment goes only once a valid manifest has it. (3) A file that
 * was ever named to a client lives FLUSS_REMOTE_GRACE_MS after it left the manifest. (4) Offsets that were copied once are not copied
 * again, though they have expired.
 */
#ifndef FLUSS_SERVER_REMOTE_LOG_H
#define FLUSS_SERVER_REMOTE_LOG_H

#include "fluss/log/log.h"
#include "fluss/remote/manifest.h"
#include "fluss/remote/store.h"

#define FLUSS_REMOTE_GRACE_MS ((int64_t)10 * 60 * 1000)
#define FLUSS_REMOTE_NAMED_MAX 64

typedef struct fluss_remote fluss_remote;
typedef struct fluss_remote_log fluss_remote_log;
struct fluss_server;
struct fluss_tablet;
struct fluss_served;

/* Also when it fails *out is what is to be closed. */
SLU_CHECK slu_status fluss_remote_open(struct fluss_server *server, fluss_remote **out, slu_error *err);
/* Lets go of the loop, which is about to end. NULL is fine. */
void fluss_remote_stop(fluss_remote *remote);
/* After the background thread has ended, and the tablets. */
void fluss_remote_close(fluss_remote **remote);
/* The place of all remote files, as clients are told: an absolute directory, or "s3://bucket/path"; borrowed. */
const char *fluss_remote_root(const fluss_remote *remote);
/* A directory of this machine, for files that only this server reads: the root itself, where that is one. */
const char *fluss_remote_near(const fluss_remote *remote);
/* Its small files are at hand: `get` of what was `put` asks no network, as a rule. All else is for the background thread. */
const fluss_store *fluss_remote_store(const fluss_remote *remote);
/* Is it known to be ours? Until then nothing is written there, and nothing removed. */
bool fluss_remote_claimed(const fluss_remote *remote);
/* Are segments copied at all (remote.log.task-interval-duration is not 0)? */
bool fluss_remote_enabled(const fluss_remote *remote);

/* The files of a table that the catalogue no longer has, or of one partition of it (else -1), go. */
SLU_CHECK slu_status fluss_remote_drop(fluss_remote *remote, const struct fluss_served *table, int64_t partition_id,
                                       const char *partition, slu_error *err);

/* The remote side of a tablet whose log is about to be opened. `partition` NULL: none. */
SLU_CHECK slu_status fluss_remote_log_open(fluss_remote *remote, struct fluss_tablet *tablet, const char *partition,
                                           fluss_remote_log **out, slu_error *err);
void fluss_remote_log_close(fluss_remote_log **log);
/* Offsets below it were copied; what fluss_log_options.begin_offset wants. 0: none. */
int64_t fluss_remote_log_copied_end(const fluss_remote_log *log);
/* Where remote rows end (exclusive); 0 when there are none. */
int64_t fluss_remote_log_end(const fluss_remote_log *log);
fluss_log_archive fluss_remote_log_archive(fluss_remote_log *log);

typedef struct fluss_remote_named {
    const char *dir; /* the bucket's remote directory; borrowed until the next call */
    const fluss_remote_segment *segments;
    size_t count;
    int32_t first_position; /* in the first segment */
} fluss_remote_named;

/* The segments from the one that holds `offset` on, up to where the local log begins (`until`). NOTFOUND: none holds it. */
SLU_CHECK slu_status fluss_remote_log_name(fluss_remote_log *log, int64_t offset, int64_t until, fluss_remote_named *out,
                                           slu_error *err);
/* As fluss_log_offset_at, in segments that begin before `until`. NOTFOUND: no batch there is that young. */
SLU_CHECK slu_status fluss_remote_log_offset_at(fluss_remote_log *log, int64_t time_ms, int64_t until, int64_t *out,
                                                slu_error *err);

#endif
