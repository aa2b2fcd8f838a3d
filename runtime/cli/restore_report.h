/* restore_report.h: a slu_restore_report for people and for scripts, and the versions that a registry's plugins have. */
#ifndef SLU_CLI_RESTORE_REPORT_H
#define SLU_CLI_RESTORE_REPORT_H

#include "host/registry.h"
#include "restore/restore.h"

#include <jansson.h>

/* `context` is a slu_registry; 0 where it does not know the plugin. */
slu_restore_version slu_cli_plugin_version;
SLU_CHECK slu_status slu_restore_report_text(const slu_restore_report *report, bool verdicts, slu_buf *out, slu_error *err);
json_t *slu_restore_report_json(const slu_restore_report *report, bool verdicts);

#endif
