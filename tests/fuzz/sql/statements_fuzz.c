/* Any text as statements of ours: CREATE, DROP, INSERT, SHOW and DESCRIBE over a catalog that agrees with everything. */
#include "sql/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static slu_status
list(const slu_sql_catalog *catalog, void (*found)(void *, const char *, const char *), void *to, slu_error *err)
{
    found(to, "fluss", "t");
    return SLU_OK;
}

/* Whatever was heard must be readable. */
static slu_status
change(const slu_sql_catalog *catalog, const slu_sql_change *of, slu_error *err)
{
    size_t heard = strlen(of->database) + (of->table == NULL ? 0 : strlen(of->table));
    for (size_t i = 0; i < of->column_count; i++)
        heard += strlen(of->columns[i].name) + strlen(of->columns[i].type);
    for (size_t i = 0; i < of->option_count; i++)
        heard += strlen(of->options[i].key) + strlen(of->options[i].value);
    for (size_t i = 0; i < of->primary_key_count; i++)
        heard += strlen(of->primary_key[i]);
    return heard == (size_t)-1 ? SLU_INVALID : SLU_OK;
}

static slu_status
nothing_there(const slu_sql_catalog *catalog, const char *database, const char *table, const char *suffix, slu_sql_table **out,
              slu_error *err)
{
    return slu_error_set(err, SLU_NOTFOUND, "no table %s.%s$%s", database, table, suffix);
}

static slu_status
value(slu_sql_sink *sink, uint32_t k, const char *text, size_t bytes, slu_error *err)
{
    return memchr(text, 1, bytes) != NULL ? slu_error_set(err, SLU_INVALID, "value %u", k) : SLU_OK;
}

static slu_status
row(slu_sql_sink *sink, slu_error *err)
{
    return SLU_OK;
}

static void
sink_close(slu_sql_sink *sink)
{
}

static slu_status
insert(const slu_sql_catalog *catalog, const char *database, const char *table, const char *const *columns, size_t *count,
       slu_sql_sink **out, slu_error *err)
{
    static slu_sql_sink sink = {.value = value, .row = row, .finish = row, .close = sink_close};
    *count = columns == NULL ? 1 : *count;
    *out = &sink;
    return SLU_OK;
}

/* SQLite's own statements may run for ever; ours begin with these words. */
static bool
is_ours(const char *text)
{
    return strncmp(text, "create ", 7) == 0 || strncmp(text, "drop ", 5) == 0 || strncmp(text, "insert into", 11) == 0 ||
           strncmp(text, "show ", 5) == 0 || strncmp(text, "desc", 4) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const slu_sql_catalog catalog = {
        .database = "fluss", .list = list, .open = nothing_there, .change = change, .insert = insert};
    slu_error err;
    slu_sql_session *session = NULL;
    char *text = malloc(bytes + 1);
    FILE *to = fopen("/dev/null", "w");
    memcpy(text, data, bytes);
    text[bytes] = 0;
    if (bytes < 4096 && is_ours(text) && strstr(text, "recursive") == NULL && slu_sql_open(&catalog, &session, &err) == SLU_OK) {
        const slu_status status = slu_sql_run(session, text, SLU_SQL_FORMAT_CSV, to, NULL, &err);
        if (status < 0 && strlen(err.message) == 0)
            abort();
    }
    slu_sql_close(&session);
    (void)fclose(to);
    free(text);
    return 0;
}
