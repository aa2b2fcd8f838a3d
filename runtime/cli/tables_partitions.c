/* tables_partitions.c: `tables count`, and the partitions of a table: listed, added, dropped. */
#include "tables.h"

#include "base/alloc.h"
#include "table.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

/* ---- count ----------------------------------------------------------------------------------------------------------------------- */

/* What the log of a bucket holds, summed over a slot. */
static int64_t
slot_rows(const fluss_target *target, int32_t slot, const int64_t *start, const int64_t *stop)
{
    const int32_t buckets = fluss_target_table(target)->bucket_count;
    int64_t rows = 0;
    for (int32_t bucket = slot * buckets; bucket < (slot + 1) * buckets; bucket++)
        rows += stop[bucket] - start[bucket];
    return rows;
}

static void
count_show(const slu_args *args, const fluss_target *target, const int64_t *start, const int64_t *stop)
{
    int64_t total = 0;
    for (int32_t slot = 0; slot < fluss_target_slot_count(target); slot++)
        total += slot_rows(target, slot, start, stop);
    if (args->json) {
        (void)printf("{\"records\": %" PRId64 "}\n", total);
        return;
    }
    if (fluss_target_partitioned(target))
        for (int32_t slot = 0; slot < fluss_target_slot_count(target); slot++)
            (void)printf("%s %" PRId64 "\n", fluss_target_slot(target, slot).name, slot_rows(target, slot, start, stop));
    (void)printf("%" PRId64 "\n", total);
}

static slu_status
table_count(const slu_args *args, fluss_client **client, fluss_target **target, slu_error *err)
{
    SLU_TRY(slu_tables_client(args, client, err));
    SLU_TRY(slu_tables_target(*client, args->words[0], target, err));
    SLU_TRY(fluss_target_slots_wait(*target, TABLES_TIMEOUT_MS, err));
    const size_t numbers = (size_t)fluss_target_bucket_numbers(*target);
    int64_t *offsets = slu_alloc((2 * numbers + 1) * sizeof *offsets);
    if (offsets == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %zu buckets", numbers);
    slu_status status = fluss_admin_target_offsets(*target, FLUSS_OFFSETS_EARLIEST, 0, offsets, err);
    if (status == SLU_OK)
        status = fluss_admin_target_offsets(*target, FLUSS_OFFSETS_LATEST, 0, offsets + numbers, err);
    if (status == SLU_OK)
        count_show(args, *target, offsets, offsets + numbers);
    slu_free(offsets);
    return status;
}

static int
tables_count(const slu_args *args)
{
    slu_error err;
    fluss_client *client = NULL;
    fluss_target *target = NULL;
    const slu_status status = table_count(args, &client, &target, &err);
    fluss_target_close(&target);
    fluss_client_close(&client);
    return status == SLU_OK ? SLU_EXIT_DONE : slu_tables_fail(args, &err);
}

/* ---- partitions ------------------------------------------------------------------------------------------------------------------ */

typedef struct listed {
    const slu_args *args;
    json_t *rows;
} listed;

static void
partition_found(void *to, int64_t id, const fluss_spec *spec)
{
    const listed *of = to;
    json_t *keys = json_object();
    for (size_t i = 0; i < spec->count; i++)
        json_object_set_new(keys, spec->keys[i], json_string(spec->values[i]));
    json_array_append_new(of->rows, json_pack("{s:I, s:o}", "id", (json_int_t)id, "spec", keys));
}

static int
partitions_print(const json_t *rows)
{
    slu_error err;
    slu_buf out;
    slu_table table;
    slu_buf_init(&out, TABLES_OUTPUT_BYTES_MAX);
    slu_table_init(&table, "PARTITION|ID");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        SLU_AUTO(slu_buf_fini) slu_buf name = {0};
        const char *key;
        json_t *value;
        slu_buf_init(&name, 1 << 16);
        json_object_foreach(json_object_get(json_array_get(rows, i), "spec"), key, value)
            slu_buf_printf(&name, "%s%s=%s", name.bytes == 0 ? "" : "/", key, json_string_value(value));
        slu_table_cell(&table, "%s", slu_buf_cstr(&name));
        slu_table_cell(&table, "%lld", (long long)json_integer_value(json_object_get(json_array_get(rows, i), "id")));
    }
    if (slu_table_print(&table, slu_terminal_columns(), &out, &err) != SLU_OK)
        slu_buf_printf(&out, "%s\n", err.message);
    slu_table_fini(&table);
    const int code = slu_cli_print(&out);
    slu_buf_fini(&out);
    return code;
}

/* "key=value" words behind the table's name, in the arena. */
static slu_status
spec_parse(const slu_args *args, slu_arena *arena, fluss_spec *out, slu_error *err)
{
    const char **keys = slu_arena_array(arena, args->word_count + 1, sizeof *keys);
    const char **values = slu_arena_array(arena, args->word_count + 1, sizeof *values);
    SLU_TRY(slu_arena_status(arena, err));
    for (uint32_t i = 1; i < args->word_count; i++) {
        const char *equal = strchr(args->words[i], '=');
        if (equal == NULL || equal == args->words[i])
            return slu_error_set(err, SLU_INVALID, "\"%s\" is no part of a partition: write KEY=VALUE", args->words[i]);
        keys[i - 1] = slu_arena_strndup(arena, args->words[i], (size_t)(equal - args->words[i]));
        values[i - 1] = equal + 1;
    }
    *out = (fluss_spec){keys, values, args->word_count - 1};
    return slu_arena_status(arena, err);
}

typedef slu_status (*partition_change)(fluss_client *client, const char *database, const char *table, const fluss_spec *spec,
                                       bool ignore, slu_error *err);

static slu_status
partition_run(const slu_args *args, partition_change change, const char *ignore, listed *list, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    SLU_AUTO(fluss_client_close) fluss_client *client = NULL;
    slu_table_name name;
    fluss_spec spec;
    slu_arena_init(&arena, 1 << 20);
    SLU_TRY(slu_table_name_parse(args->words[0], &name, err));
    SLU_TRY(spec_parse(args, &arena, &spec, err));
    SLU_TRY(slu_tables_client(args, &client, err));
    if (change != NULL)
        return change(client, name.database, name.table, &spec, slu_args_has(args, ignore), err);
    return fluss_admin_list_partitions(client, name.database, name.table, spec.count == 0 ? NULL : &spec, partition_found, list,
                                       err);
}

static int
tables_partitions(const slu_args *args)
{
    slu_error err;
    listed list = {args, json_array()};
    const slu_status status = partition_run(args, NULL, NULL, &list, &err);
    int code = SLU_EXIT_DONE;
    if (status != SLU_OK) {
        code = slu_tables_fail(args, &err);
    } else if (args->json) {
        char *text = json_dumps(list.rows, JSON_INDENT(2));
        (void)printf("%s\n", text == NULL ? "[]" : text);
        free(text);
    } else {
        code = partitions_print(list.rows);
    }
    json_decref(list.rows);
    return code;
}

static int
tables_add_partition(const slu_args *args)
{
    slu_error err;
    if (partition_run(args, fluss_admin_create_partition, "if-not-exists", NULL, &err) != SLU_OK)
        return slu_tables_fail(args, &err);
    (void)printf("partition added to %s\n", args->words[0]);
    return SLU_EXIT_DONE;
}

static int
tables_drop_partition(const slu_args *args)
{
    slu_error err;
    if (partition_run(args, fluss_admin_drop_partition, "if-exists", NULL, &err) != SLU_OK)
        return slu_tables_fail(args, &err);
    (void)printf("partition dropped from %s\n", args->words[0]);
    return SLU_EXIT_DONE;
}

/* ---- The verbs ------------------------------------------------------------------------------------------------------------------- */

static const slu_flag plain_flags[] = {TABLES_SERVERS_FLAG};
static const slu_flag add_flags[] = {TABLES_SERVERS_FLAG, {"if-not-exists", 0, NULL, "an existing partition is fine"}};
static const slu_flag drop_flags[] = {TABLES_SERVERS_FLAG, {"if-exists", 0, NULL, "a missing partition is fine"}};

const slu_verb slu_verb_tables_count = {
    .name = "tables count",
    .summary = "how many records the log of a table holds",
    .usage = "DB.TABLE",
    SLU_VERB_FLAGS(plain_flags),
    .words_min = 1,
    .words_max = 1,
    .json = true,
    .more = "Of a primary-key table these are the records of its changelog; `sluice sql` counts rows.\n",
    .run = tables_count};
const slu_verb slu_verb_tables_partitions = {.name = "tables partitions",
                                             .summary = "the partitions of a table",
                                             .usage = "DB.TABLE [KEY=VALUE ...]",
                                             SLU_VERB_FLAGS(plain_flags),
                                             .words_min = 1,
                                             .words_max = FLUSS_SPEC_KEYS_MAX + 1,
                                             .json = true,
                                             .run = tables_partitions};
const slu_verb slu_verb_tables_add_partition = {.name = "tables add-partition",
                                                .summary = "adds a partition",
                                                .usage = "DB.TABLE KEY=VALUE ...",
                                                SLU_VERB_FLAGS(add_flags),
                                                .words_min = 2,
                                                .words_max = FLUSS_SPEC_KEYS_MAX + 1,
                                                .run = tables_add_partition};
const slu_verb slu_verb_tables_drop_partition = {.name = "tables drop-partition",
                                                 .summary = "drops a partition and its rows",
                                                 .usage = "DB.TABLE KEY=VALUE ...",
                                                 SLU_VERB_FLAGS(drop_flags),
                                                 .words_min = 2,
                                                 .words_max = FLUSS_SPEC_KEYS_MAX + 1,
                                                 .run = tables_drop_partition};
