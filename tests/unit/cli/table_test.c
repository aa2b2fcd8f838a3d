/* Tables: as wide as what is in them, never wider than the terminal, whatever others wrote into the cells. */
#include "support/check.h"

#include "table.h"

#include <locale.h>

static void
printed(slu_table *table, uint32_t width, const char *wanted)
{
    slu_error err;
    slu_buf out;
    slu_buf_init(&out, 1 << 16);
    CHECK_OK(slu_table_print(table, width, &out, &err));
    CHECK_TEXT(slu_buf_cstr(&out), wanted);
    slu_buf_fini(&out);
    slu_table_fini(table);
}

static void
columns_are_as_wide_as_their_words(void **state)
{
    (void)state;
    slu_table table;
    slu_table_init(&table, "NAME|>ROWS|STATE");
    slu_table_cell(&table, "a");
    slu_table_cell(&table, "%d", 5);
    slu_table_cell(&table, "RUNNING");
    slu_table_cell(&table, "longer");
    slu_table_cell(&table, "%d", 12345);
    slu_table_cell(&table, "DONE");
    printed(&table, 80, "NAME     ROWS  STATE\na           5  RUNNING\nlonger  12345  DONE\n");
}

static void
the_widest_column_gives_way(void **state)
{
    (void)state;
    slu_table table;
    slu_table_init(&table, "NAME|TEXT");
    slu_table_cell(&table, "name");
    slu_table_cell(&table, "0123456789abcdefghij");
    printed(&table, 20, "NAME  TEXT\nname  0123456789abc~\n");
}

static void
wide_characters_take_two_columns(void **state)
{
    (void)state;
    slu_table table;
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        skip();
    slu_table_init(&table, "NAME|X");
    slu_table_cell(&table, "日本");
    slu_table_cell(&table, "1");
    slu_table_cell(&table, "é");
    slu_table_cell(&table, "2");
    printed(&table, 80, "NAME  X\n日本  1\né     2\n");
}

static void
control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    slu_table table;
    slu_table_init(&table, "NAME");
    slu_table_cell(&table, "%s", "a\x1b[31mb\nc");
    printed(&table, 80, "NAME\na [31mb c\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_words),
        cmocka_unit_test(the_widest_column_gives_way),
        cmocka_unit_test(wide_characters_take_two_columns),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
    };
    return cmocka_run_group_tests_name("cli.table", tests, NULL, NULL);
}
