/*
 * explain.h: what a planned graph and its layout decided, and why, for people (80 columns) and for programs (JSON).
 *
 * Errors   NOMEM, LIMIT: of `out`.
 * Threads  any. Reads the registry for option tables only; a plugin that is not there leaves its options out.
 */
#ifndef SLU_PLAN_EXPLAIN_H
#define SLU_PLAN_EXPLAIN_H

#include "host/registry.h"
#include "layout.h"

SLU_CHECK slu_status slu_explain_text(const slu_layout *layout, slu_registry *registry, slu_buf *out, slu_error *err);
SLU_CHECK slu_status slu_explain_json(const slu_layout *layout, slu_registry *registry, slu_buf *out, slu_error *err);
/* What weakens the promise of the job, one sentence each: calls `each` for every warning. */
void slu_explain_warnings(const slu_graph *graph, slu_registry *registry,
                          void (*each)(void *to, const char *operator_id, const char *text), void *to);

#endif
