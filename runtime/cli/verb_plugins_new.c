/* verb_plugins_new.c: a new plugin from the template, which is built into the program. */
#include "verbs.h"

static int
plugins_new(const slu_args *args)
{
    return slu_cli_absent(args, "the plugin template");
}

const slu_verb slu_verb_plugins_new = {.name = "plugins new",
                                       .summary = "a new plugin from the template, in a directory of its name",
                                       .usage = "NAME",
                                       .words_min = 1,
                                       .words_max = 1,
                                       .run = plugins_new};
