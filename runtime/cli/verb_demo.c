/* verb_demo.c: the whole streamhouse at work. */
#include "verbs.h"

static int
demo(const slu_args *args)
{
    return slu_cli_absent(args, "the demo");
}

const slu_verb slu_verb_demo = {.name = "demo", .summary = "the main job end to end, with a live view", .usage = "", .json = true, .run = demo};
