/* verb_tables.c: the tables of a Fluss cluster. */
#include "verbs.h"

static int
tables(const slu_args *args)
{
    return slu_cli_absent(args, "the Fluss client");
}

const slu_verb slu_verb_tables_list = {.name = "tables list", .summary = "databases and tables", .usage = "", .run = tables};
const slu_verb slu_verb_tables_create = {.name = "tables create", .summary = "creates a table", .usage = "", .run = tables};
const slu_verb slu_verb_tables_describe = {.name = "tables describe", .summary = "columns and properties of a table", .usage = "", .run = tables};
const slu_verb slu_verb_tables_load = {.name = "tables load", .summary = "rows of a file into a table", .usage = "", .run = tables};
const slu_verb slu_verb_tables_read = {.name = "tables read", .summary = "rows of a table", .usage = "", .run = tables};
const slu_verb slu_verb_tables_drop = {.name = "tables drop", .summary = "drops a table", .usage = "", .run = tables};
