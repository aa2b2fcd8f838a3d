/* complete.c: which words may stand where the cursor is: commands, keywords, tables, and the columns of tables that the text names. */
#include "shell_internal.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define WORDS_MAX 4096
#define TABLES_ASKED_MAX 4 /* each may be a question to the cluster */

static const char *const keywords[] = {
    "AND",   "AS",       "ASC",         "AVG",        "BETWEEN",  "BY",     "CASE", "CAST",   "COUNT",  "CREATE",
    "CROSS", "DATABASE", "DESC",        "DESCRIBE",   "DISTINCT", "DROP",   "ELSE", "END",    "EXISTS", "EXPLAIN",
    "FROM",  "GROUP",    "HAVING",      "IN",         "INNER",    "INSERT", "INTO", "IS",     "JOIN",   "KEY",
    "LEFT",  "LIKE",     "LIMIT",       "MAX",        "MIN",      "NOT",    "NULL", "OFFSET", "ON",     "OR",
    "ORDER", "OVER",     "PARTITIONED", "PARTITIONS", "PRIMARY",  "SELECT", "SHOW", "SUM",    "TABLE",  "TABLES",
    "THEN",  "UNION",    "USING",       "VALUES",     "WHEN",     "WHERE",  "WITH"};

typedef struct words {
    const char *prefix;
    size_t prefix_bytes;
    char *all[WORDS_MAX];
    size_t count;
} words;

static bool
part_of_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '.' || c == '\\' || c == '@' || (unsigned char)c >= 0x80;
}

size_t
shell_word_begin(const char *line, size_t bytes)
{
    while (bytes > 0 && part_of_word(line[bytes - 1]))
        bytes--;
    return bytes;
}

static void
word_add(words *to, const char *text)
{
    if (to->count < WORDS_MAX && strncasecmp(text, to->prefix, to->prefix_bytes) == 0 &&
        (to->all[to->count] = slu_strdup(text)) != NULL)
        to->count++;
}

static void
table_found(void *context, const char *name)
{
    static const char *const suffixes[] = {"$log", "$changelog", "$lake", "$snapshots", "$files", "$partitions"};
    words *to = context;
    char whole[600];
    word_add(to, name);
    if (memchr(to->prefix, '$', to->prefix_bytes) == NULL)
        return;
    for (size_t i = 0; i < SLU_COUNT_OF(suffixes); i++) {
        (void)snprintf(whole, sizeof whole, "%s%s", name, suffixes[i]);
        word_add(to, whole);
    }
}

static void
column_found(void *context, const char *name)
{
    word_add(context, name);
}

/* The columns of the first tables that the statement names; its other words are no tables, which costs nothing to find out. */
static void
columns_add(cli_shell *shell, const char *text, size_t bytes, words *to)
{
    int asked = 0;
    for (size_t at = 0; at < bytes && asked < TABLES_ASKED_MAX;) {
        char name[300];
        size_t end = at;
        while (end < bytes && part_of_word(text[end]))
            end++;
        if (end > at && end < bytes && end - at < sizeof name) {
            (void)snprintf(name, sizeof name, "%.*s", (int)(end - at), text + at);
            asked += slu_sql_columns(shell->session, name, column_found, to, NULL) == SLU_OK;
        }
        at = end + (end == at);
    }
}

static int
word_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void
shell_words(cli_shell *shell, const char *before, size_t bytes, shell_word_found found, void *to)
{
    const size_t begin = shell_word_begin(before, bytes);
    words all = {.prefix = before + begin, .prefix_bytes = bytes - begin};
    const bool first = strspn(before, " \t\n") >= begin;
    if (first && bytes > begin && before[begin] == '.') {
        for (size_t k = 0; shell_command_name(k) != NULL; k++)
            word_add(&all, shell_command_name(k));
    } else {
        for (size_t i = 0; i < SLU_COUNT_OF(keywords); i++)
            word_add(&all, keywords[i]);
        if (!first && slu_sql_tables(shell->session, table_found, &all, NULL) == SLU_OK)
            columns_add(shell, before, begin, &all);
    }
    qsort(all.all, all.count, sizeof all.all[0], word_order);
    for (size_t i = 0; i < all.count; i++) {
        if (i == 0 || strcmp(all.all[i], all.all[i - 1]) != 0)
            found(to, all.all[i]);
        if (i > 0)
            slu_free(all.all[i - 1]);
    }
    if (all.count > 0)
        slu_free(all.all[all.count - 1]);
}
