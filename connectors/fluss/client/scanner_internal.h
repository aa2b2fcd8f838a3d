/* scanner_internal.h: a scanner as scanner.c (columns, rows handed out) and scanner_fetch.c (rows asked for) see it; nobody else includes it. */
#ifndef FLUSS_CLIENT_SCANNER_INTERNAL_H
#define FLUSS_CLIENT_SCANNER_INTERNAL_H

#include "fluss/record/log_batch.h"
#include "internal.h"
#include "remote_reader.h"
#include "scanner.h"

typedef struct fetch fetch;

typedef struct bucket_scan {
    bool active;
    bool gone;          /* its partition was dropped */
    bool paused;        /* after an error, until the timer fires */
    fetch *fetching;    /* the request under way that asks for it */
    int stumbles;       /* answers in a row that said UNKNOWN_SERVER_ERROR */
    bool answer_stale;  /* that request asked for another offset: what it brings is dropped */
    int64_t wanted;     /* next offset to hand out; -2: the start, not known yet */
    int64_t fetch_from; /* next offset to ask for */
    int64_t stop;
    int64_t high_watermark;
    fluss_remote_reader *remote; /* rows that the server named instead of sending them */
    uint32_t remote_tries;       /* that brought nothing */
} bucket_scan;

/* A whole batch inside an answer, waiting to be handed out. */
typedef struct entry {
    fluss_answer *answer;
    slu_view bytes;
    int32_t bucket;
    bool projected;
} entry;

struct fetch {
    fluss_scanner *scanner;
    fetch *next;
    fluss_call *call;
    int32_t node;
    bool projected;
};

struct fluss_scanner {
    fluss_target *target;
    fluss_scanner_options options;
    struct ArrowSchema schema; /* as handed out */
    struct ArrowSchema wire;   /* as the server sends when it projects: ascending positions */
    bool project;              /* ask the server to */
    int32_t *ascending;        /* projected positions for the request */
    int32_t *pick;             /* handed-out column i is column pick[i] of a projected batch */
    int32_t *wanted;           /* and column wanted[i] of a whole one; NULL: all, as they come */
    uint32_t column_count;
    bucket_scan *buckets;
    int32_t bucket_count;
    int32_t rotate; /* where the next request's bucket list begins, so that none starves */
    fetch *fetches;
    entry *entries; /* ring */
    uint32_t entry_first;
    uint32_t entry_count;
    uint32_t entry_capacity;
    size_t buffered_bytes;
    slu_ipc_codec *codec;
    slu_error failure; /* told once what was fetched before is handed out */
    bool broken;       /* a batch could not be read: nothing behind it is handed out */
    slu_timer *timer;  /* asks again after a pause */
};

/* The oldest; there is one. */
entry scan_entry_pop(fluss_scanner *scanner);
/* Told by poll, once what was fetched before is handed out. */
void scanner_fail(fluss_scanner *scanner, const slu_error *failure);
/* Goes on reading rows that the server named instead of sending them. */
void scan_remotes_read(fluss_scanner *scanner);
bool scan_remotes_wait(const fluss_scanner *scanner);
/* Asks every server for what is wanted of it, unless it is being asked. */
void scan_fetches_start(fluss_scanner *scanner);
void scan_timer_fired(void *context);

#endif
