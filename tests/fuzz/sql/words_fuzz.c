/* Any text as what a person types: names are found in it and quoted; where none of them is a table, nothing may change. */
#include "sql/words.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static bool
no_table(void *context, const slu_sql_name *name, char *shown, size_t shown_bytes)
{
    return false;
}

static bool
each_a_table(void *context, const slu_sql_name *name, char *shown, size_t shown_bytes)
{
    return (size_t)snprintf(shown, shown_bytes, "%s%s%s", name->table, *name->suffix == 0 ? "" : "$", name->suffix) < shown_bytes;
}

static void
quote_names(const char *text)
{
    slu_buf out;
    slu_buf_init(&out, 1 << 16);
    slu_sql_quote_names(text, no_table, NULL, &out);
    if (out.failed != SLU_OK || out.bytes != strlen(text) || (out.bytes != 0 && memcmp(out.data, text, out.bytes) != 0))
        __builtin_trap();
    slu_buf_reset(&out);
    slu_sql_quote_names(text, each_a_table, NULL, &out);
    slu_buf_fini(&out);
}

/* A text is its statements, one after another. */
static void
statements_cut(const char *text)
{
    while (*text != 0) {
        const size_t length = slu_sql_statement_bytes(text);
        const char *word = slu_sql_first_word(text);
        if (length == 0 || length > strlen(text) || word < text || word > text + strlen(text))
            __builtin_trap();
        text += length;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char text[4097];
    if (bytes >= sizeof text)
        return 0;
    if (bytes != 0)
        memcpy(text, data, bytes);
    text[bytes] = 0;
    quote_names(text);
    statements_cut(text);
    return 0;
}
