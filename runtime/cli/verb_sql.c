/* verb_sql.c: SQL over streams and lake. */
#include "verbs.h"

static int
sql(const slu_args *args)
{
    return slu_cli_absent(args, "the SQL shell");
}

const slu_verb slu_verb_sql = {.name = "sql", .summary = "SQL over tables, their streams and their lake", .usage = "", .json = true, .run = sql};
