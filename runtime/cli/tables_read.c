/* tables_read.c: `tables read`: the log of a table from its start to where it ends now, as lines of text or JSON; with --full the rows of a
 * primary-key table as its kv snapshots have them, then its changelog behind them. */
#include "tables.h"
#include "values_json.h"

#include "base/alloc.h"
#include "cli/catalog/snapshot_rows.h"
#include "fluss/client/admin.h"
#include "fluss/client/scanner.h"

#include <inttypes.h>
#include <stdlib.h>

#include <sluice/sdk/rows.h>

/* One reading: its scanner, and how many rows may still come. */
typedef struct reading {
    const slu_args *args;
    fluss_client *client;
    fluss_target *target;
    fluss_scanner *scanner;
    int64_t left;
    int kind; /* of rows that have none: SLU_ROW_APPEND, SLU_ROW_INSERT of a snapshot's */
    sdk_text text;
} reading;

/* ---- Rows ------------------------------------------------------------------------------------------------------------------------ */

static void
row_json(reading *r, const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t row, int kind)
{
    sdk_text_printf(&r->text, "{");
    if (kind != SLU_ROW_APPEND)
        sdk_text_printf(&r->text, "\"$kind\": \"%s\", ", (const char *const[]){"", "+I", "-U", "+U", "-D"}[kind]);
    for (int64_t c = 0; c < schema->n_children; c++) {
        const slu_column column = slu_column_child(schema, array, c);
        sdk_text_printf(&r->text, "%s\"%s\": ", c == 0 ? "" : ", ", schema->children[c]->name);
        slu_value_json_write(schema->children[c], &column, row, &r->text);
    }
    sdk_text_printf(&r->text, "}\n");
}

static void
row_text(reading *r, const struct ArrowSchema *schema, const struct ArrowArray *array, int64_t row, int kind)
{
    if (kind != SLU_ROW_APPEND)
        sdk_text_printf(&r->text, "%s ", (const char *const[]){"", "+I", "-U", "+U", "-D"}[kind]);
    for (int64_t c = 0; c < schema->n_children; c++) {
        const slu_column column = slu_column_child(schema, array, c);
        sdk_text_printf(&r->text, "%s", c == 0 ? "" : " | ");
        sdk_value_write(schema->children[c], &column, row, &r->text);
    }
    sdk_text_printf(&r->text, "\n");
}

static void
batch_print(reading *r, const fluss_scan_batch *batch)
{
    const struct ArrowSchema *schema = fluss_scanner_schema(r->scanner);
    sdk_text_reset(&r->text);
    for (int64_t i = 0; i < batch->count && r->left > 0; i++, r->left--) {
        const int64_t row = batch->first + i;
        const int kind = batch->kinds == NULL || batch->kinds[row] > SLU_ROW_DELETE ? r->kind : batch->kinds[row];
        if (r->args->json)
            row_json(r, schema, &batch->array, row, kind);
        else
            row_text(r, schema, &batch->array, row, kind);
    }
    (void)fputs(sdk_text_cstr(&r->text), stdout);
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------------- */

/* --partition a or a$b: only this one. */
static bool
slot_wanted(const reading *r, int32_t slot)
{
    const char *only = slu_args_get(r->args, "partition");
    const char *name = fluss_target_slot(r->target, slot).name;
    return only == NULL || (name != NULL && strcmp(only, name) == 0);
}

static slu_status
snapshot_batch(void *context, fluss_scan_batch *batch, slu_error *err)
{
    reading *r = context;
    (void)err;
    batch_print(r, batch);
    fluss_scan_batch_fini(batch);
    return r->left > 0 && !slu_cli_interrupted() ? SLU_OK : SLU_END;
}

/* The rows of the snapshots; their buckets begin behind them. */
static slu_status
snapshots_print(reading *r, int64_t *starts, int64_t *ends, slu_error *err)
{
    const int32_t slots = fluss_target_slot_count(r->target);
    bool *wanted = slu_alloc((size_t)slots + 1);
    if (wanted == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %d partitions", slots);
    for (int32_t slot = 0; slot < slots; slot++)
        wanted[slot] = slot_wanted(r, slot);
    r->kind = SLU_ROW_INSERT;
    const slu_status status = cli_snapshot_rows(r->target, starts, ends, wanted, NULL, 0, snapshot_batch, r, err);
    r->kind = SLU_ROW_APPEND;
    slu_free(wanted);
    return status == SLU_END ? SLU_OK : status;
}

static slu_status
buckets_add(reading *r, slu_error *err)
{
    const bool follow = slu_args_has(r->args, "follow");
    const bool full = slu_args_has(r->args, "full") && fluss_target_table(r->target)->key_column_count > 0;
    SLU_AUTO(slu_buf_fini) slu_buf memory = {0};
    slu_buf_init(&memory, (size_t)1 << 25);
    const int32_t numbers = fluss_target_bucket_numbers(r->target);
    int64_t *ends = (int64_t *)(void *)slu_buf_extend(&memory, (size_t)numbers * 2 * sizeof *ends + 1);
    if (ends == NULL)
        return slu_buf_status(&memory, err);
    int64_t *starts = ends + numbers;
    for (int32_t bucket = 0; bucket < numbers; bucket++)
        starts[bucket] = FLUSS_OFFSET_EARLIEST;
    if (full)
        SLU_TRY(fluss_admin_target_offsets(r->target, FLUSS_OFFSETS_EARLIEST, 0, starts, err));
    SLU_TRY(fluss_admin_target_offsets(r->target, FLUSS_OFFSETS_LATEST, 0, ends, err));
    if (full)
        SLU_TRY(snapshots_print(r, starts, ends, err));
    for (int32_t bucket = 0; bucket < numbers; bucket++) {
        if (!slot_wanted(r, fluss_target_slot_of(r->target, bucket)))
            continue;
        if ((ends[bucket] > 0 && starts[bucket] < ends[bucket]) || follow)
            SLU_TRY(fluss_scanner_add(r->scanner, bucket, ends[bucket] > 0 ? starts[bucket] : 0,
                                      follow ? FLUSS_OFFSET_NEVER : ends[bucket], err));
    }
    return SLU_OK;
}

/* A named partition must be there. */
static slu_status
partition_check(const reading *r, slu_error *err)
{
    const char *only = slu_args_get(r->args, "partition");
    bool found = only == NULL;
    for (int32_t slot = 0; slot < fluss_target_slot_count(r->target) && !found; slot++)
        found = slot_wanted(r, slot);
    return found ? SLU_OK
                 : slu_error_set(err, SLU_NOTFOUND, "table %s has no partition %s; `sluice tables partitions` lists them",
                                 r->args->words[0], only);
}

static slu_status
rows_print(reading *r, slu_error *err)
{
    int64_t heard_ms = slu_now_ms(slu_cli_env());
    while (r->left > 0 && !slu_cli_interrupted()) {
        fluss_scan_batch batch;
        const slu_status status = fluss_scanner_poll(r->scanner, &batch, err);
        if (status == SLU_END)
            return SLU_OK;
        if (status == SLU_AGAIN) {
            if (!slu_args_has(r->args, "follow") && slu_now_ms(slu_cli_env()) - heard_ms > TABLES_TIMEOUT_MS)
                return slu_error_set(err, SLU_TIMEOUT, "no row for %d s", TABLES_TIMEOUT_MS / 1000);
            (void)fflush(stdout);
            fluss_client_step(r->client, 100);
            continue;
        }
        SLU_TRY(status);
        heard_ms = slu_now_ms(slu_cli_env());
        batch_print(r, &batch);
        fluss_scan_batch_fini(&batch);
    }
    return SLU_OK;
}

static slu_status
table_read(reading *r, slu_error *err)
{
    r->left = INT64_MAX;
    SLU_TRY(slu_args_i64(r->args, "limit", 0, INT64_MAX, &r->left, err));
    SLU_TRY(slu_tables_client(r->args, &r->client, err));
    SLU_TRY(slu_tables_target(r->client, r->args->words[0], &r->target, err));
    SLU_TRY(fluss_target_slots_wait(r->target, TABLES_TIMEOUT_MS, err));
    SLU_TRY(partition_check(r, err));
    SLU_TRY(fluss_scanner_open(r->target, &(fluss_scanner_options){0}, &r->scanner, err));
    SLU_TRY(buckets_add(r, err));
    return rows_print(r, err);
}

int
slu_tables_read(const slu_args *args)
{
    slu_error err;
    reading r = {.args = args};
    slu_cli_catch_signals();
    const slu_status status = table_read(&r, &err);
    fluss_scanner_close(&r.scanner);
    fluss_target_close(&r.target);
    fluss_client_close(&r.client);
    sdk_text_fini(&r.text);
    (void)fflush(stdout);
    return status == SLU_OK ? SLU_EXIT_DONE : slu_tables_fail(args, &err);
}
