/*
 * writing.h: files of snapshots, written and synced while their tasks go on.
 *
 * Owns     a thread, and the snapshots handed to it until each is told: SLU_WORKER_ACK, or SLU_WORKER_DECLINED with the failure.
 * Threads  add: any task's; the event is told on this thread. free: the owner's, after the tasks are joined; what still waits is dropped.
 * Limits   as many wait as were agreed on; then add refuses, and the task writes itself, at the pace of the disk.
 */
#ifndef SLU_WORKER_WRITING_H
#define SLU_WORKER_WRITING_H

#include "worker.h"

#include "checkpoint/snapshot.h"

typedef struct slu_writing slu_writing;

typedef struct slu_writing_spec {
    const slu_worker_spec *worker; /* borrowed */
    uint32_t waiting_max;
    void *owner;
    void (*event)(void *owner, const slu_worker_event *event);
} slu_writing_spec;

SLU_CHECK slu_status slu_writing_new(const slu_writing_spec *spec, slu_writing **out, slu_error *err);
void slu_writing_free(slu_writing **writing);
/* `event` says whose it is. True: taken, and *writer is NULL; false: no room or no memory. */
bool slu_writing_add(slu_writing *writing, slu_snapshot_writer **writer, const slu_worker_event *event);

/* Writes it here and now, and completes `event`: ACK or DECLINED. */
void slu_writing_write(const slu_worker_spec *worker, slu_snapshot_writer *writer, slu_worker_event *event);

#endif
