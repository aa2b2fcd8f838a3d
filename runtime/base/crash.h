/*
 * crash.h: whose code ran when this process crashed.
 *
 * Shape    a thread notes whose function it is about to call and takes the note back after it; slu_crash_say lets a fatal signal write
 *          "crashed in plugin P of operator O: ..." to standard error before the signal does what it would have done. Without an
 *          operator (NULL) it is the module's file that is being loaded.
 * Owns     nothing: the two names live at least until the note is taken back.
 * Threads  a note belongs to its thread. slu_crash_say is called once, early.
 * Limits   a stack that overflowed has no room to say anything; a sanitizer's own handler stays.
 */
#ifndef SLU_BASE_CRASH_H
#define SLU_BASE_CRASH_H

#define SLU_CRASH_LINE "crashed in plugin "

typedef struct slu_crash_note {
    const char *plugin;
    const char *operator_id;
} slu_crash_note;

extern _Thread_local slu_crash_note slu_crash_now;

static inline slu_crash_note
slu_crash_enter(const char *plugin, const char *operator_id)
{
    const slu_crash_note before = slu_crash_now;
    slu_crash_now = (slu_crash_note){plugin, operator_id};
    return before;
}

static inline void
slu_crash_leave(slu_crash_note before)
{
    slu_crash_now = before;
}

void slu_crash_say(void);

#endif
