#include "table.h"

#include "base/sizes.h"

#include <locale.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define TABLE_GAP 2

void
slu_table_init(slu_table *table, const char *headings)
{
    memset(table, 0, sizeof *table);
    slu_arena_init(&table->arena, SLU_TABLE_BYTES_MAX);
    char *words = slu_arena_strdup(&table->arena, headings);
    for (char *save = NULL, *word = words == NULL ? NULL : strtok_r(words, "|", &save);
         word != NULL && table->column_count < SLU_TABLE_COLUMNS_MAX; word = strtok_r(NULL, "|", &save))
        table->headings[table->column_count++] = word;
}

void
slu_table_fini(slu_table *table)
{
    slu_arena_fini(&table->arena);
}

static bool
table_grow(slu_table *table)
{
    const size_t capacity = table->cell_capacity == 0 ? 64 : table->cell_capacity * 2;
    const char **cells = slu_arena_array(&table->arena, capacity, sizeof *cells);
    if (cells == NULL)
        return false;
    if (table->cell_count != 0)
        memcpy(cells, table->cells, table->cell_count * sizeof *cells);
    table->cells = cells;
    table->cell_capacity = capacity;
    return true;
}

void
slu_table_cell(slu_table *table, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; *at != 0; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' '; /* what others wrote must not steer the terminal */
    if (table->cell_count == table->cell_capacity && !table_grow(table))
        return;
    const char *cell = slu_arena_strdup(&table->arena, text);
    if (cell != NULL)
        table->cells[table->cell_count++] = cell;
}

/* Columns that a text takes, and how many of its bytes fit into `columns_max`. */
static uint32_t
text_columns(const char *text, uint32_t columns_max, size_t *out_bytes)
{
    uint32_t columns = 0;
    const char *at = text;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    while (*at != 0) {
        wchar_t wide;
        size_t bytes = mbrtowc(&wide, at, strlen(at), &state);
        int width = 1;
        if (bytes == (size_t)-1 || bytes == (size_t)-2 || bytes == 0) {
            bytes = 1;
            memset(&state, 0, sizeof state);
        } else {
            width = wcwidth(wide) < 0 ? 1 : wcwidth(wide);
        }
        if (columns + (uint32_t)width > columns_max)
            break;
        columns += (uint32_t)width;
        at += bytes;
    }
    *out_bytes = (size_t)(at - text);
    return columns;
}

static uint32_t
whole_columns(const char *text)
{
    size_t bytes;
    return text_columns(text, UINT32_MAX, &bytes);
}

/* The widest columns give way until the row fits. */
static void
widths_fit(uint32_t *widths, uint32_t count, uint32_t width)
{
    for (;;) {
        uint32_t total = 0, widest = 0;
        for (uint32_t i = 0; i < count; i++) {
            total += widths[i] + (i == 0 ? 0 : TABLE_GAP);
            if (widths[i] > widths[widest])
                widest = i;
        }
        if (total <= width || widths[widest] <= 8)
            return;
        const uint32_t excess = total - width;
        widths[widest] = widths[widest] - SLU_MIN(excess, widths[widest] - 8);
        /* Ties share: next round takes the next widest when this one is no longer it. */
    }
}

static void
cell_print(const char *text, uint32_t width, bool right, bool last, slu_buf *out)
{
    size_t bytes;
    uint32_t columns = text_columns(text, width, &bytes);
    const bool cut = text[bytes] != 0;
    if (cut)
        columns = text_columns(text, width - 1, &bytes);
    const uint32_t padding = width - columns - cut;
    if (right)
        slu_buf_printf(out, "%*s", (int)padding, "");
    slu_buf_append(out, text, bytes);
    if (cut)
        slu_buf_text(out, "~");
    if (!right && !last)
        slu_buf_printf(out, "%*s", (int)padding, "");
}

slu_status
slu_table_print(const slu_table *table, uint32_t width, slu_buf *out, slu_error *err)
{
    uint32_t widths[SLU_TABLE_COLUMNS_MAX];
    SLU_TRY(slu_arena_status(&table->arena, err));
    for (uint32_t c = 0; c < table->column_count; c++)
        widths[c] = whole_columns(table->headings[c] + (table->headings[c][0] == '>'));
    for (size_t i = 0; i < table->cell_count; i++)
        widths[i % table->column_count] = SLU_MAX(widths[i % table->column_count], whole_columns(table->cells[i]));
    widths_fit(widths, table->column_count, width);
    for (size_t i = 0; i < table->column_count + table->cell_count; i++) {
        const uint32_t c = (uint32_t)(i % table->column_count);
        const bool right = table->headings[c][0] == '>';
        const char *text = i < table->column_count ? table->headings[c] + right : table->cells[i - table->column_count];
        if (c != 0)
            slu_buf_printf(out, "%*s", TABLE_GAP, "");
        cell_print(text, widths[c], right, c + 1 == table->column_count, out);
        if (c + 1 == table->column_count)
            slu_buf_text(out, "\n");
    }
    return slu_buf_status(out, err);
}

uint32_t
slu_terminal_columns(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO))
        return UINT32_MAX / 2;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        return size.ws_col;
    return 80;
}
