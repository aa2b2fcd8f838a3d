/* verb_checkpoints.c: what is left of checkpoints: list, show, inspect, dispose. */
#include "asking.h"

#include "checkpoint/savepoint.h"
#include "restore_report.h"
#include "stores.h"
#include "table.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- list, show: what the job manager remembers ---------------------------------------------------------------------------------- */

static json_t *
checkpoint_json(const slu_message *c)
{
    return json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "checkpoint", (json_int_t)c->checkpoint, "state", c->state, "path",
                     c->path, "start_ms", (json_int_t)c->start_ms, "duration_ms", (json_int_t)c->duration_ms, "bytes",
                     (json_int_t)c->size, "tasks", (json_int_t)c->tasks, "text", c->text);
}

static slu_status
list_text(slu_asking *a, const slu_message *all)
{
    char start[32], duration[32];
    slu_table table;
    if (all->item_count == 0) {
        slu_buf_text(&a->out, "No checkpoints.\n");
        return SLU_OK;
    }
    slu_table_init(&table, ">CHECKPOINT|STATE|TRIGGERED|>TOOK|>BYTES|>TASKS|WHY");
    for (uint32_t i = 0; i < all->item_count; i++) {
        const slu_message *c = &all->items[i];
        slu_table_cell(&table, "%" PRId64, c->checkpoint);
        slu_table_cell(&table, "%s", c->state);
        slu_table_cell(&table, "%s", slu_time_text(c->start_ms, start));
        slu_table_cell(&table, "%s", slu_duration_text(c->duration_ms, duration));
        slu_table_cell(&table, "%" PRIu64, c->size);
        slu_table_cell(&table, "%" PRIu64, c->tasks);
        slu_table_cell(&table, "%s", c->text);
    }
    const slu_status status = slu_table_print(&table, slu_terminal_columns(), &a->out, &a->err);
    slu_table_fini(&table);
    return status;
}

static int
list(const slu_args *args)
{
    slu_asking a;
    const slu_message *all = NULL;
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_checkpoints(a.client, args->words[0], &all, &a.err);
    if (status == SLU_OK && args->json) {
        json_t *array = json_array();
        for (uint32_t i = 0; i < all->item_count; i++)
            json_array_append_new(array, checkpoint_json(&all->items[i]));
        slu_asking_json(&a, array);
    } else if (status == SLU_OK) {
        status = list_text(&a, all);
    }
    return slu_asking_close(&a, status);
}

static slu_status
show_one(slu_asking *a, const slu_message *all)
{
    char start[32], duration[32];
    char *end = NULL;
    const long long wanted = strtoll(a->args->words[1], &end, 10);
    for (uint32_t i = 0; i < all->item_count; i++) {
        const slu_message *c = &all->items[i];
        if (*end != 0 || c->checkpoint != wanted)
            continue;
        if (a->args->json)
            slu_asking_json(a, checkpoint_json(c));
        else
            slu_buf_printf(&a->out,
                           "checkpoint  %" PRId64 "\nstate       %s%s%s\ntriggered   %s, took %s\nstate size  %" PRIu64
                           " bytes of %" PRIu64 " tasks\npath        %s\n",
                           c->checkpoint, c->state, c->text[0] == 0 ? "" : ": ", c->text, slu_time_text(c->start_ms, start),
                           slu_duration_text(c->duration_ms, duration), c->size, c->tasks, c->path);
        return SLU_OK;
    }
    return slu_error_set(&a->err, SLU_NOTFOUND, "job %s has no checkpoint \"%s\" among its last %" PRIu32, a->args->words[0],
                         a->args->words[1], all->item_count);
}

static int
show(const slu_args *args)
{
    slu_asking a;
    const slu_message *all = NULL;
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_checkpoints(a.client, args->words[0], &all, &a.err);
    if (status == SLU_OK)
        status = show_one(&a, all);
    return slu_asking_close(&a, status);
}

/* ---- inspect, dispose: what lies in a directory ---------------------------------------------------------------------------------- */

static json_t *
inspect_json(const slu_manifest *m, const slu_restore_report *report)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:b, s:b, s:I, s:I, s:I, s:I, s:o}", "path", m->directory, "job", m->job_id, "name",
                     m->job_name, "checkpoint", (json_int_t)m->checkpoint, "savepoint", (int)m->savepoint, "final", (int)m->final,
                     "wall_ms", (json_int_t)m->wall_ms, "max_parallelism", (json_int_t)m->max_parallelism, "files",
                     (json_int_t)m->file_count, "bytes", (json_int_t)report->bytes, "operators",
                     slu_restore_report_json(report, false));
}

static slu_status
inspect_text(const slu_manifest *m, const slu_restore_report *report, slu_buf *out, slu_error *err)
{
    char when[32];
    slu_buf_printf(out,
                   "%s  %s\njob         %s  %s\ncheckpoint  %" PRId64 "%s of %s\nstate size  %" PRIu64 " bytes in %" PRIu32
                   " files, max parallelism %" PRIu32 "\n\n",
                   m->savepoint != 0 ? "savepoint " : "checkpoint", m->directory, m->job_id, m->job_name, m->checkpoint,
                   m->final != 0 ? " (the job's last)" : "", slu_time_text(m->wall_ms, when), report->bytes, m->file_count,
                   m->max_parallelism);
    return slu_restore_report_text(report, false, out, err);
}

static slu_status
inspect_path(const slu_args *args, slu_buf *out, slu_error *err)
{
    SLU_AUTO(slu_manifest_free) slu_manifest *manifest = NULL;
    slu_restore_report report;
    SLU_TRY(slu_manifest_load(slu_cli_stores(), args->words[0], &manifest, err));
    slu_status status = slu_restore_examine(manifest, NULL, NULL, NULL, &report, err);
    if (status == SLU_OK && args->json) {
        json_t *json = inspect_json(manifest, &report);
        char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
        slu_buf_printf(out, "%s\n", text == NULL ? "null" : text);
        free(text);
        json_decref(json);
    } else if (status == SLU_OK) {
        status = inspect_text(manifest, &report, out, err);
    }
    slu_restore_report_fini(&report);
    return status;
}

static int
inspect(const slu_args *args)
{
    slu_buf out;
    slu_error err;
    slu_buf_init(&out, SLU_ASKING_BYTES_MAX);
    const slu_status status = inspect_path(args, &out, &err);
    const int code = status == SLU_OK ? slu_cli_print(&out) : slu_cli_fail(args, &err);
    slu_buf_fini(&out);
    return code;
}

static int
dispose(const slu_args *args)
{
    slu_error err;
    if (slu_savepoint_dispose(slu_cli_stores(), args->words[0], &err) != SLU_OK)
        return slu_cli_fail(args, &err);
    (void)printf("Savepoint %s disposed.\n", args->words[0]);
    return SLU_EXIT_DONE;
}

/* ---- The verbs ------------------------------------------------------------------------------------------------------------------ */

static const slu_flag manager_flags[] = {SLU_JOBMANAGER_FLAG};

const slu_verb slu_verb_checkpoints_list = {.name = "checkpoints list",
                                            .summary = "the last checkpoints of a job",
                                            .usage = "JOB",
                                            SLU_VERB_FLAGS(manager_flags),
                                            .words_min = 1,
                                            .words_max = 1,
                                            .json = true,
                                            .run = list};
const slu_verb slu_verb_checkpoints_show = {.name = "checkpoints show",
                                            .summary = "one of them",
                                            .usage = "JOB NUMBER",
                                            SLU_VERB_FLAGS(manager_flags),
                                            .words_min = 2,
                                            .words_max = 2,
                                            .json = true,
                                            .run = show};
const slu_verb slu_verb_checkpoints_inspect = {.name = "checkpoints inspect",
                                               .summary = "what lies in a checkpoint or savepoint",
                                               .usage = "DIR",
                                               .words_min = 1,
                                               .words_max = 1,
                                               .json = true,
                                               .run = inspect};
const slu_verb slu_verb_checkpoints_dispose = {.name = "checkpoints dispose",
                                               .summary = "removes a savepoint",
                                               .usage = "DIR",
                                               .words_min = 1,
                                               .words_max = 1,
                                               .run = dispose};
