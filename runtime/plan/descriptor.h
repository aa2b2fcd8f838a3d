/*
 * descriptor.h: from the text of a job descriptor to a graph, before any plugin is asked.
 *
 * Shape    YAML (yaml.h) -> settings by option tables -> operators and edges -> slu_graph_check. What only plugins know (schemas,
 *          options, default partitions) is planner.h's.
 * Settings command line over environment (SLUICE_A_B_C for a.b.c) over a settings file over the descriptor over default, for the job's own settings and for params
 *          alike. A param of the command line that neither the file declares nor a plugin asks for is refused by the planner.
 * Errors   INVALID with line and column. slu_descriptor_report makes "file:line:col: message", the line and a caret of it.
 * Threads  any.
 */
#ifndef SLU_PLAN_DESCRIPTOR_H
#define SLU_PLAN_DESCRIPTOR_H

#include "graph.h"

/* `--a.b.c value` */
typedef struct slu_setting {
    const char *name;
    const char *text;
} slu_setting;

typedef struct slu_descriptor {
    const char *path; /* for messages */
    slu_view text;
    const slu_setting *settings; /* of the command line; -p N is {"parallelism", "N"} */
    uint32_t setting_count;
    const slu_setting *file_settings; /* of a settings file: below the environment, over the descriptor */
    uint32_t file_setting_count;
    char *const *environment; /* as environ; NULL: none */
} slu_descriptor;

SLU_CHECK slu_status slu_descriptor_read(const slu_descriptor *descriptor, slu_graph **out, slu_error *err);
/* The same from a file; `out_text` (for the report) is filled even when the descriptor is wrong. */
SLU_CHECK slu_status slu_descriptor_read_file(slu_descriptor *descriptor, slu_buf *out_text, slu_graph **out, slu_error *err);
void slu_descriptor_report(const char *path, slu_view text, const slu_error *error, slu_buf *out);

/* The value of SLUICE_A_B_C for "a.b.c"; NULL: unset. */
const char *slu_setting_environment(char *const *environment, const char *name);
/* "a.b.*" for "a.b.c.d", or the name itself. */
bool slu_param_matches(const char *declared, const char *name);

#endif
