/*
 * words.h: the small tokenizer in front of SQLite: finds our table names in a statement and quotes them.
 *
 * A name is database.table$suffix, table$suffix or one of them without a suffix; a suffix may end in @digits. Words inside quotes,
 * strings and comments are left alone. `transaction` is a keyword in SQLite and a table of ours: it is quoted where it stands as a
 * name, except after BEGIN, COMMIT, END or ROLLBACK. A table named by another keyword (`order`) is found behind FROM or JOIN, before a
 * dot, with a suffix, or in quotes; everywhere else the word is the keyword.
 */
#ifndef SLU_SQL_WORDS_H
#define SLU_SQL_WORDS_H

#include "base/bytes.h"

#define SLU_SQL_NAME_BYTES_MAX 256

typedef struct slu_sql_name {
    char database[SLU_SQL_NAME_BYTES_MAX]; /* "" when the statement gave none */
    char table[SLU_SQL_NAME_BYTES_MAX];
    char suffix[SLU_SQL_NAME_BYTES_MAX];
    bool quoted; /* the whole name stood in double quotes */
} slu_sql_name;

/* Called for every word that could name a table. True: it does; `shown` is what to write instead (quoted by the tokenizer). */
typedef bool (*slu_sql_resolve)(void *context, const slu_sql_name *name, char *shown, size_t shown_bytes);

/* Appends the statement with every resolved name quoted. */
void slu_sql_quote_names(const char *statement, slu_sql_resolve resolve, void *context, slu_buf *out);

/* Length of what must be copied untouched at `at`: a string, a quoted name, a comment; 0: none starts here. */
size_t slu_sql_untouched(const char *at);
/* Whether a word stands in the text, in any case, outside quotes, strings and comments. */
bool slu_sql_word_in(const char *text, const char *word);
/* Bytes of the first statement of a text, its ';' included; ';' inside quotes, strings and comments does not count. */
size_t slu_sql_statement_bytes(const char *text);
/* Whether the text ends behind a ';' that ends a statement. */
bool slu_sql_text_complete(const char *text);
/* Where the first word begins: behind blanks and comments. */
const char *slu_sql_first_word(const char *text);

#endif
