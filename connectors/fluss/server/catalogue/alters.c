/* alters.c: what ALTER TABLE has begun in a lake and not ended in the catalogue. */
#include "fluss/server/catalogue/internal.h"

const char fluss_catalogue_alters_schema[] =
    "CREATE TABLE IF NOT EXISTS lake_alters(table_id INTEGER PRIMARY KEY, json TEXT NOT NULL, schema TEXT);";

slu_status
fluss_catalogue_begin_alter(fluss_catalogue *c, int64_t table_id, const char *json, const char *schema_json, slu_error *err)
{
    return cat_run(c, err, "INSERT OR REPLACE INTO lake_alters VALUES(?1, ?2, ?3)", "itt", table_id, json, schema_json);
}

slu_status
fluss_catalogue_forget_alter(fluss_catalogue *c, int64_t table_id, slu_error *err)
{
    return cat_run(c, err, "DELETE FROM lake_alters WHERE table_id = ?1", "i", table_id);
}

slu_status
fluss_catalogue_list_alters(fluss_catalogue *c, slu_arena *arena, fluss_alter_row **out, size_t *out_count, slu_error *err)
{
    sqlite3_stmt *stmt = NULL;
    fluss_alter_row *rows = NULL;
    size_t count = 0;
    slu_status status =
        cat_prepare(c, &stmt, err, "SELECT a.table_id, a.json, a.schema FROM lake_alters a JOIN tables t ON t.id = a.table_id", "");
    while (status == SLU_OK && (status = cat_step(c, &stmt, err)) == SLU_OK) {
        rows = cat_grow(arena, rows, count, sizeof *rows);
        if (rows == NULL)
            break;
        rows[count].table_id = sqlite3_column_int64(stmt, 0);
        rows[count].json = cat_text(stmt, 1, arena);
        rows[count++].schema_json = cat_text(stmt, 2, arena);
    }
    cat_finish(&stmt);
    if (status != SLU_END)
        return status < 0 ? status : slu_arena_status(arena, err);
    *out = rows;
    *out_count = count;
    return slu_arena_status(arena, err);
}
