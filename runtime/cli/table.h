/*
 * table.h: rows of words in columns, for people: as wide as what is in them, cut to the terminal (80 columns where there is none).
 *
 * Shape    new with headings, one call per cell in reading order, print. A heading that begins with '>' is aligned to the right.
 * Errors   sticky: NOMEM or LIMIT when printed.
 * Limits   SLU_TABLE_COLUMNS_MAX columns, SLU_TABLE_BYTES_MAX bytes.
 */
#ifndef SLU_CLI_TABLE_H
#define SLU_CLI_TABLE_H

#include "base/arena.h"

#define SLU_TABLE_COLUMNS_MAX 16
#define SLU_TABLE_BYTES_MAX ((size_t)64 << 20)

typedef struct slu_table {
    slu_arena arena;
    uint32_t column_count;
    const char *headings[SLU_TABLE_COLUMNS_MAX];
    const char **cells;
    size_t cell_count;
    size_t cell_capacity;
} slu_table;

/* `headings`: "NAME|>ROWS|STATE". */
void slu_table_init(slu_table *table, const char *headings);
void slu_table_fini(slu_table *table);
void slu_table_cell(slu_table *table, const char *format, ...) SLU_PRINTF(2, 3);
SLU_CHECK slu_status slu_table_print(const slu_table *table, uint32_t width, slu_buf *out, slu_error *err);
/* Columns of the terminal on stdout; elsewhere, where a program reads, so many that nothing is cut. */
uint32_t slu_terminal_columns(void);

#endif
