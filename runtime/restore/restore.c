#include "restore/restore.h"

#include "checkpoint/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *
slu_restore_verdict_name(uint32_t verdict)
{
    static const char *const names[] = {"matched", "left behind", "begins empty", "newer version"};
    return names[verdict];
}

void
slu_restore_report_fini(slu_restore_report *report)
{
    slu_arena_fini(&report->arena);
    memset(report, 0, sizeof *report);
}

/* ---- What lies there ----------------------------------------------------------------------------------------------------------- */

static slu_restore_line *
line_find(slu_restore_report *report, const char *operator_id)
{
    for (uint32_t i = 0; i < report->line_count; i++)
        if (strcmp(report->lines[i].operator_id, operator_id) == 0)
            return &report->lines[i];
    return NULL;
}

/* There are at most SLU_OPERATORS_MAX of one checkpoint, and as many of the job. NULL: more than that, or no memory. */
static slu_restore_line *
line_add(slu_restore_report *report, const char *operator_id)
{
    if (report->line_count >= 2 * SLU_OPERATORS_MAX)
        return NULL;
    slu_restore_line *line = &report->lines[report->line_count];
    *line = (slu_restore_line){.operator_id = slu_arena_strdup(&report->arena, operator_id)};
    report->line_count += line->operator_id != NULL;
    return line->operator_id == NULL ? NULL : line;
}

static slu_status
section_take(slu_restore_report *report, const slu_snapshot_reader *reader, uint32_t index, uint32_t parallelism, slu_error *err)
{
    const slu_section *section = slu_snapshot_section(reader, index);
    const bool shared = section->kind == SLU_SECTION_SHARED;
    if (section->entry_count == 0 && !shared) /* a state that holds nothing asks for nobody */
        return SLU_OK;
    slu_restore_line *line = line_find(report, section->operator_id);
    if (line == NULL)
        line = line_add(report, section->operator_id);
    if (line == NULL)
        return slu_error_set(err, SLU_LIMIT, "state of more than %d operators", 2 * SLU_OPERATORS_MAX);
    line->parallelism = parallelism;
    line->entries += section->kind == SLU_SECTION_FILES ? 1 : section->entry_count;
    line->bytes += shared ? (uint64_t)section->c : 0;
    report->bytes += shared ? (uint64_t)section->c : 0;
    line->state_version = section->state_version > line->state_version ? section->state_version : line->state_version;
    for (uint32_t i = 0; i < section->entry_count; i++) {
        uint32_t key_group;
        uint64_t bytes;
        slu_snapshot_entry_size(reader, index, i, &key_group, &bytes);
        line->bytes += bytes;
    }
    return SLU_OK;
}

static slu_status
file_take(slu_restore_report *report, const slu_manifest *manifest, const slu_manifest_file *file, slu_error *err)
{
    slu_snapshot_reader *reader = NULL;
    char path[SLU_PATH_BYTES_MAX];
    SLU_TRY(slu_place_join(path, manifest->directory, file->path, err));
    slu_status status = slu_snapshot_reader_index(manifest->stores, path, file->bytes, &reader, err);
    if (status == SLU_NOTFOUND)
        return slu_error_set(err, SLU_CORRUPT, "%s is missing: the checkpoint is not whole any more", path);
    for (uint32_t i = 0; status == SLU_OK && i < slu_snapshot_section_count(reader); i++)
        status = section_take(report, reader, i, file->parallelism, err);
    slu_snapshot_reader_free(&reader);
    report->bytes += (uint64_t)file->bytes;
    return status;
}

/* ---- Against a job ------------------------------------------------------------------------------------------------------------- */

static const slu_operator *
operator_find(const slu_graph *graph, const char *id)
{
    for (uint32_t i = 0; i < graph->operator_count; i++)
        if (strcmp(graph->operators[i].id, id) == 0)
            return &graph->operators[i];
    return NULL;
}

static void
compare(slu_restore_report *report, const slu_graph *graph, slu_restore_version *version, void *context)
{
    for (uint32_t i = 0; i < report->line_count; i++) {
        slu_restore_line *line = &report->lines[i];
        const slu_operator *op = operator_find(graph, line->operator_id);
        line->plugin_version = op == NULL || version == NULL ? 0 : version(context, op);
        if (op == NULL)
            line->verdict = SLU_RESTORE_LEFT;
        else if (line->plugin_version != 0 && line->state_version > line->plugin_version)
            line->verdict = SLU_RESTORE_NEWER;
    }
    for (uint32_t i = 0; i < graph->operator_count; i++) {
        const slu_operator *op = &graph->operators[i];
        slu_restore_line *line = line_find(report, op->id) == NULL ? line_add(report, op->id) : NULL;
        if (line == NULL)
            continue;
        line->verdict = SLU_RESTORE_EMPTY;
        line->plugin_version = version == NULL ? 0 : version(context, op);
    }
    report->job_max_parallelism = graph->max_parallelism;
}

slu_status
slu_restore_examine(const slu_manifest *manifest, const slu_graph *graph, slu_restore_version *version, void *context,
                    slu_restore_report *out, slu_error *err)
{
    memset(out, 0, sizeof *out);
    slu_arena_init(&out->arena, (size_t)16 << 20);
    out->lines = slu_arena_array(&out->arena, 2 * SLU_OPERATORS_MAX, sizeof *out->lines);
    SLU_TRY(slu_arena_status(&out->arena, err));
    out->max_parallelism = manifest->max_parallelism;
    for (uint32_t i = 0; i < manifest->file_count; i++)
        SLU_TRY(file_take(out, manifest, &manifest->files[i], err));
    if (graph != NULL)
        compare(out, graph, version, context);
    return slu_arena_status(&out->arena, err);
}

slu_status
slu_restore_allowed(const slu_restore_report *report, bool allow_non_restored, slu_error *err)
{
    if (report->job_max_parallelism != 0 && report->job_max_parallelism != report->max_parallelism)
        return slu_error_set(err, SLU_INVALID,
                             "the state was written with max_parallelism %" PRIu32 " and the job has %" PRIu32
                             ": key groups cannot be dealt out anew; give the job the old number",
                             report->max_parallelism, report->job_max_parallelism);
    for (uint32_t i = 0; i < report->line_count; i++) {
        const slu_restore_line *line = &report->lines[i];
        if (line->verdict == SLU_RESTORE_NEWER)
            return slu_error_set(err, SLU_INVALID,
                                 "operator %s: its state is of version %" PRIu32 ", its plugin reads up to %" PRIu32,
                                 line->operator_id, line->state_version, line->plugin_version);
        if (line->verdict == SLU_RESTORE_LEFT && !allow_non_restored)
            return slu_error_set(err, SLU_INVALID,
                                 "there is state of operator \"%s\", which the job does not have: if it may be left behind, "
                                 "--allow-non-restored-state",
                                 line->operator_id);
    }
    return SLU_OK;
}

slu_status
slu_restore_check(const slu_manifest *manifest, const slu_graph *graph, bool allow_non_restored, slu_error *err)
{
    slu_restore_report report;
    slu_status status = slu_restore_examine(manifest, graph, NULL, NULL, &report, err);
    if (status == SLU_OK)
        status = slu_restore_allowed(&report, allow_non_restored, err);
    slu_restore_report_fini(&report);
    return status;
}
