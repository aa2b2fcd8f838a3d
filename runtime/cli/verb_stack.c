/* verb_stack.c: the whole stack in the background, in a data directory. */
#include "verbs.h"

static int
up(const slu_args *args)
{
    return slu_cli_absent(args, "the background stack");
}

const slu_verb slu_verb_up = {.name = "up", .summary = "starts table server, job manager and task manager in the background", .usage = "", .run = up};
const slu_verb slu_verb_down = {.name = "down", .summary = "ends what `up` started", .usage = "", .run = up};
