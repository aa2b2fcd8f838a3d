#include "interrupt.h"

#include <signal.h>
#include <string.h>

static slu_sql_session *volatile running;
static volatile sig_atomic_t interrupted;

static void
on_interrupt(int number)
{
    slu_sql_session *session = running;
    (void)number;
    interrupted = 1;
    if (session != NULL)
        slu_sql_interrupt(session);
}

void
cli_interrupt_catch(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    (void)sigaction(SIGINT, &action, NULL);
}

void
cli_interrupt_running(slu_sql_session *session)
{
    if (session != NULL)
        interrupted = 0;
    running = session;
}

bool
cli_interrupted(void)
{
    return interrupted != 0;
}

bool
cli_interrupt_take(void)
{
    const bool came = interrupted != 0;
    interrupted = 0;
    return came;
}
