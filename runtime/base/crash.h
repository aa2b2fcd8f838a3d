/*
 * crash.h: whose code ran when this process crashed.
 *
 * Shape    a thread notes whose function it is about to call and takes the note back after it; slu_crash_say lets a fatal signal write
 *          "crashed in plugin P of operator O: ..." to standard error before the signal does what it would have done. Without an
 *          operator (NULL) it is the module's file that is being loaded.
 *          A watch lets another thread see the same, and whether calls go on.
 * Owns     nothing: the two names live at least until the note is taken back.
 * Threads  a watch is read by any. A note belongs to its thread. slu_crash_say is called once, early.
 * Limits   a stack that overflowed has no room to say anything; a sanitizer's own handler stays.
 */
#ifndef SLU_BASE_CRASH_H
#define SLU_BASE_CRASH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SLU_CRASH_LINE "crashed in plugin "

typedef struct slu_crash_note {
    const char *plugin;
    const char *operator_id;
} slu_crash_note;

extern _Thread_local slu_crash_note slu_crash_now;

typedef struct slu_crash_watch {
    _Atomic(const char *) plugin; /* NULL: none is called */
    _Atomic(const char *) operator_id;
    _Atomic uint64_t changes;
} slu_crash_watch;

/* Of this thread; NULL: nobody looks. */
extern _Thread_local slu_crash_watch *slu_crash_watched;

static inline void
slu_crash_note_set(slu_crash_note note)
{
    slu_crash_watch *watch = slu_crash_watched;
    slu_crash_now = note;
    if (watch == NULL)
        return;
    atomic_store_explicit(&watch->plugin, note.plugin, memory_order_relaxed);
    atomic_store_explicit(&watch->operator_id, note.operator_id, memory_order_relaxed);
    atomic_store_explicit(&watch->changes, atomic_load_explicit(&watch->changes, memory_order_relaxed) + 1, memory_order_release);
}

static inline slu_crash_note
slu_crash_enter(const char *plugin, const char *operator_id)
{
    const slu_crash_note before = slu_crash_now;
    slu_crash_note_set((slu_crash_note){plugin, operator_id});
    return before;
}

static inline void
slu_crash_leave(slu_crash_note before)
{
    slu_crash_note_set(before);
}

void slu_crash_say(void);

#endif
