/*
 * align.h: barriers of one checkpoint on several input channels, by Flink's rules (aligned, exactly-once). Pure logic.
 *
 *            barrier(first)            barrier(last) -> SNAPSHOT
 *   [free] -----------------> [aligning] ---------------------------> [free]
 *                                |  barrier(newer): the old one is aborted, alignment of the newer begins
 *                                |  cancel(id >= current): aborted; later barriers of that id are ignored
 *
 * Rules    (1) a barrier with an id at or below the last finished or cancelled one is ignored. (2) A newer barrier aborts the current
 *          alignment. (3) A channel that will bring no more barriers counts as aligned. (4) A cancelled id never starts an
 *          alignment. (5) A channel that delivered the barrier is blocked until the end of the alignment.
 * Owns     its table. Threads: owner.
 * Errors   CORRUPT: the same barrier twice on one channel.
 */
#ifndef SLU_CHECKPOINT_ALIGN_H
#define SLU_CHECKPOINT_ALIGN_H

#include <sluice/status.h>

#include <stdbool.h>

typedef struct slu_align slu_align;

typedef struct slu_aligned {
    bool block;      /* block the channel this barrier came on */
    bool unblock;    /* unblock every channel (before blocking this one) */
    int64_t aborted; /* a checkpoint that will not come: tell downstream (cancel) and the coordinator (decline); -1: none */
    int64_t ready;   /* a checkpoint whose barrier is now complete: snapshot and forward it; -1: none */
    uint32_t flags;  /* of the ready barrier */
    int64_t wall_ms;
    int64_t began_ms; /* when its first barrier came: alignment time */
} slu_aligned;

SLU_CHECK slu_status slu_align_new(uint32_t channel_count, slu_align **out, slu_error *err);
void slu_align_free(slu_align **align);
SLU_CHECK slu_status slu_align_barrier(slu_align *align, uint32_t channel, int64_t checkpoint, uint32_t flags, int64_t wall_ms,
                                       int64_t now_ms, slu_aligned *out, slu_error *err);
void slu_align_cancel(slu_align *align, int64_t checkpoint, slu_aligned *out);
/* The channel will bring no more barriers. */
void slu_align_finish(slu_align *align, uint32_t channel, slu_aligned *out);
int64_t slu_align_current(const slu_align *align); /* -1: none under way */

#endif
