/*
 * interrupt.h: Ctrl-C while a statement runs.
 *
 * Shape    SIGINT marks the statement as unwanted: SQLite stops between rows, and every wait of the Fluss client ends within a tenth of a
 *          second (fluss_client_options.stopped). At a prompt it drops the line.
 * Threads  the main thread; the handler may run on it at any moment.
 */
#ifndef CLI_SHELL_INTERRUPT_H
#define CLI_SHELL_INTERRUPT_H

#include "sql/session.h"

#include <stdbool.h>

void cli_interrupt_catch(void);
/* The session whose statement SIGINT is to end; NULL: none. Forgets an earlier interrupt when it begins. */
void cli_interrupt_running(slu_sql_session *session);
bool cli_interrupted(void);
/* Whether SIGINT came since it was last taken. */
bool cli_interrupt_take(void);

#endif
