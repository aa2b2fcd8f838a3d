#include "restore_report.h"

#include "table.h"

#include <inttypes.h>

uint32_t
slu_cli_plugin_version(void *context, const slu_operator *op)
{
    slu_registered found;
    slu_error ignored;
    return slu_registry_find(context, op->use, op->kind, &found, &ignored) == SLU_OK ? found.plugin->state_version : 0;
}

slu_status
slu_restore_report_text(const slu_restore_report *report, bool verdicts, slu_buf *out, slu_error *err)
{
    slu_table table;
    slu_table_init(&table,
                   verdicts ? "OPERATOR|STATE|>VERSION|>ENTRIES|>BYTES|>TASKS" : "OPERATOR|>VERSION|>ENTRIES|>BYTES|>TASKS");
    for (uint32_t i = 0; i < report->line_count; i++) {
        const slu_restore_line *line = &report->lines[i];
        slu_table_cell(&table, "%s", line->operator_id);
        if (verdicts)
            slu_table_cell(&table, "%s", slu_restore_verdict_name(line->verdict));
        slu_table_cell(&table, "%" PRIu32, line->state_version);
        slu_table_cell(&table, "%" PRIu64, line->entries);
        slu_table_cell(&table, "%" PRIu64, line->bytes);
        slu_table_cell(&table, "%" PRIu32, line->parallelism);
    }
    const slu_status status = slu_table_print(&table, slu_terminal_columns(), out, err);
    slu_table_fini(&table);
    return status;
}

json_t *
slu_restore_report_json(const slu_restore_report *report, bool verdicts)
{
    json_t *lines = json_array();
    for (uint32_t i = 0; i < report->line_count; i++) {
        const slu_restore_line *line = &report->lines[i];
        json_t *one = json_pack("{s:s, s:I, s:I, s:I, s:I}", "operator", line->operator_id, "state_version",
                                (json_int_t)line->state_version, "entries", (json_int_t)line->entries, "bytes",
                                (json_int_t)line->bytes, "parallelism", (json_int_t)line->parallelism);
        if (verdicts)
            json_object_set_new(one, "verdict", json_string(slu_restore_verdict_name(line->verdict)));
        json_array_append_new(lines, one);
    }
    return lines;
}
