/*
 * tables_move.c: `tables export` and `tables import`: tables with their rows from one cluster to another, or to and from a directory.
 *
 * A directory holds for each table DATABASE.TABLE/ with table.json (Fluss's descriptor), partitions (a name a line), a file of Fluss log
 * batches per bucket (SLOT-BUCKET.log, Arrow; the slot is the partition's line, or 0), and last of all `complete`.
 *
 * Rows of a log table keep their order within each bucket, and their buckets where both tables spread rows alike. Of a primary-key table
 * its rows as they are now are moved, not how they came about: those of its kv snapshot, and behind that of its changelog.
 * Nothing is ever added to a table, or to a table's directory, that is there already.
 */
#include "move.h"

#include "base/alloc.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>

#define MOVE_ARENA_BYTES_MAX ((size_t)64 << 20)
#define MOVE_TABLES_MAX 4096

/* "a/b", "." and whatever has no :PORT is a directory. */
static bool
place_is_directory(const char *place)
{
    const char *colon = strrchr(place, ':');
    return strchr(place, '/') != NULL || colon == NULL || colon[1] == 0 || strspn(colon + 1, "0123456789") != strlen(colon + 1);
}

/* ---- One table ------------------------------------------------------------------------------------------------------------------- */

static slu_status
table_finish(slu_move *m, slu_error *err)
{
    char path[SLU_PATH_BYTES_MAX], text[64];
    if (m->to_dir == NULL)
        return fluss_writer_wait(m->writer, SLU_MOVE_TIMEOUT_MS, err);
    (void)snprintf(text, sizeof text, "%" PRId64 " rows\n", m->rows);
    SLU_TRY(slu_move_path(m, m->to_dir, "complete", path, err));
    return slu_file_write(path, slu_view_of_text(text), true, err);
}

static slu_status
table_move(slu_move *m, slu_error *err)
{
    SLU_TRY(slu_move_open(m, err));
    SLU_TRY(slu_move_rows(m, err));
    return table_finish(m, err);
}

/* The places stay, the table is another. */
static slu_status
table_run(const slu_move *places, const char *name, slu_error *err)
{
    slu_move m = {
        .args = places->args, .from = places->from, .from_dir = places->from_dir, .to = places->to, .to_dir = places->to_dir};
    SLU_TRY(slu_table_name_parse(name, &m.name, err));
    slu_arena_init(&m.arena, MOVE_ARENA_BYTES_MAX);
    slu_buf_init(&m.bytes, SLU_MOVE_BATCH_BYTES_MAX);
    const slu_status status = table_move(&m, err);
    if (status == SLU_OK) {
        (void)printf("%s.%s: %" PRId64 " rows", m.name.database, m.name.table, m.rows);
        if (m.table.partition_column_count != 0)
            (void)printf(" in %d partitions", m.partition_count);
        (void)printf("\n");
        (void)fflush(stdout);
    }
    slu_move_close(&m);
    return status < 0 ? slu_error_in(err, status, "%s", name) : SLU_OK;
}

/* ---- Which tables ---------------------------------------------------------------------------------------------------------------- */

typedef struct chosen {
    slu_arena arena;
    const char *names[MOVE_TABLES_MAX];
    size_t count;
    const char *database;
    const char *databases[MOVE_TABLES_MAX];
    size_t database_count;
    bool more; /* than there is room for */
} chosen;

static void
table_found(void *to, const char *name)
{
    chosen *c = to;
    const char *full = slu_arena_printf(&c->arena, "%s.%s", c->database, name);
    c->more = c->more || c->count == MOVE_TABLES_MAX;
    if (full != NULL && !c->more)
        c->names[c->count++] = full;
}

static void
database_found(void *to, const char *name)
{
    chosen *c = to;
    const char *copy = slu_arena_strdup(&c->arena, name);
    c->more = c->more || c->database_count == MOVE_TABLES_MAX;
    if (copy != NULL && !c->more)
        c->databases[c->database_count++] = copy;
}

static slu_status
all_of_cluster(fluss_client *from, chosen *c, slu_error *err)
{
    SLU_TRY(fluss_admin_list_databases(from, database_found, c, err));
    for (size_t i = 0; i < c->database_count; i++) {
        c->database = c->databases[i];
        SLU_TRY(fluss_admin_list_tables(from, c->database, table_found, c, err));
    }
    return slu_arena_status(&c->arena, err);
}

static slu_status
all_of_dir(const char *path, chosen *c, slu_error *err)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return slu_errno_set(err, errno, "open", path);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        const char *name =
            entry->d_name[0] == '.' || strchr(entry->d_name, '.') == NULL ? NULL : slu_arena_strdup(&c->arena, entry->d_name);
        c->more = c->more || (name != NULL && c->count == MOVE_TABLES_MAX);
        if (name != NULL && !c->more)
            c->names[c->count++] = name;
    }
    (void)closedir(dir);
    return slu_arena_status(&c->arena, err);
}

static slu_status
tables_choose(const slu_move *places, chosen *c, slu_error *err)
{
    for (uint32_t i = 1; i < places->args->word_count; i++)
        c->names[c->count++] = places->args->words[i];
    if (c->count == 0)
        SLU_TRY(places->from_dir != NULL ? all_of_dir(places->from_dir, c, err) : all_of_cluster(places->from, c, err));
    if (c->more) /* none is left behind unsaid */
        return slu_error_set(err, SLU_LIMIT, "there are more than %d tables: name those to move", MOVE_TABLES_MAX);
    return c->count > 0 ? SLU_OK : slu_error_set(err, SLU_NOTFOUND, "there is no table to move");
}

static slu_status
tables_run(const slu_move *places, chosen *c, slu_error *err)
{
    SLU_TRY(tables_choose(places, c, err));
    for (size_t i = 0; i < c->count; i++)
        SLU_TRY(table_run(places, c->names[i], err));
    return SLU_OK;
}

/* A place is a directory, or the address of a cluster. */
static slu_status
place_open(const slu_args *args, const char *place, fluss_client **client, const char **dir, slu_error *err)
{
    *dir = place != NULL && place_is_directory(place) ? place : NULL;
    if (*dir != NULL)
        return SLU_OK;
    return place == NULL ? slu_tables_client(args, client, err) : slu_tables_client_at(args, place, client, err);
}

static int
tables_move(const slu_args *args, const char *from, const char *to)
{
    slu_error err = {0};
    slu_move places = {.args = args};
    chosen *c = slu_alloc_zero(1, sizeof *c);
    if (c == NULL)
        return SLU_EXIT_FAILED;
    slu_arena_init(&c->arena, MOVE_ARENA_BYTES_MAX);
    slu_cli_catch_signals();
    slu_status status = place_open(args, from, &places.from, &places.from_dir, &err);
    if (status == SLU_OK)
        status = place_open(args, to, &places.to, &places.to_dir, &err);
    if (status == SLU_OK)
        status = tables_run(&places, c, &err);
    fluss_client_close(&places.from);
    fluss_client_close(&places.to);
    slu_arena_fini(&c->arena);
    slu_free(c);
    return status == SLU_OK ? SLU_EXIT_DONE : slu_tables_fail(args, &err);
}

static int
tables_export(const slu_args *args)
{
    return tables_move(args, NULL, args->words[0]);
}

static int
tables_import(const slu_args *args)
{
    return tables_move(args, args->words[0], NULL);
}

static const slu_flag move_flags[] = {TABLES_SERVERS_FLAG};

#define MOVE_MORE                                                                                                                  \
    "PLACE is a directory, or HOST:PORT of another cluster. Without a table all are moved. A table that is there already is "      \
    "refused.\n"                                                                                                                   \
    "Rows of a log table keep their order in each bucket; of a primary-key table its rows as they are now are moved. Settings\n"   \
    "change a property on the way: --table.replication.factor 1.\n"

const slu_verb slu_verb_tables_export = {.name = "tables export",
                                         .summary = "tables with their rows to another cluster or a directory",
                                         .usage = "PLACE [DB.TABLE ...]",
                                         SLU_VERB_FLAGS(move_flags),
                                         .words_min = 1,
                                         .words_max = SLU_ARGS_WORDS_MAX,
                                         .settings = true,
                                         .more = MOVE_MORE,
                                         .run = tables_export};
const slu_verb slu_verb_tables_import = {.name = "tables import",
                                         .summary = "tables with their rows from another cluster or a directory",
                                         .usage = "PLACE [DB.TABLE ...]",
                                         SLU_VERB_FLAGS(move_flags),
                                         .words_min = 1,
                                         .words_max = SLU_ARGS_WORDS_MAX,
                                         .settings = true,
                                         .more = MOVE_MORE,
                                         .run = tables_import};
