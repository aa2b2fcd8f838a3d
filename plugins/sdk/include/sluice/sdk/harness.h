/*
 * harness.h: one plugin instance in a unit test, with a host made of memory and a clock that only the test moves.
 *
 *     sdk_harness *h;
 *     sdk_harness_new(plugin, &h);
 *     sdk_harness_with(h, "{ where: \"amount > 1000\" }", &err);
 *     sdk_harness_input(h, "id BIGINT, amount DECIMAL(10,2)", &err);
 *     sdk_harness_open(h, &err);                      plan, then open; a source gets its splits
 *     sdk_harness_push(h, 0, "1 | 0.80\n2 | 1001.00\n", &err);
 *     assert_string_equal(sdk_harness_output(h), "2 | 1001.00\n");
 *     sdk_harness_free(&h);                           aborts when the plugin leaked a batch or memory
 *
 * Owns     everything; what functions return is valid until the next call that runs the plugin, or clear.
 * Threads  the test's; wake may be called from any.
 * Errors   those of the plugin, passed through; INVALID for a wrong use of the harness.
 * Not here watched descriptors are polled only by sdk_harness_wait; stores and extensions are not served.
 */
#ifndef SLUICE_SDK_HARNESS_H
#define SLUICE_SDK_HARNESS_H

#include <sluice/plugin.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sdk_harness sdk_harness;

SLU_CHECK slu_status sdk_harness_new(const slu_plugin *plugin, sdk_harness **out);
void sdk_harness_free(sdk_harness **harness);
/* Opens a module's file; it stays open until the process ends. */
SLU_CHECK slu_status sdk_module_load(const char *path, const slu_module **out, slu_error *err);
/* The plugin of that name in a module; NULL: none. */
const slu_plugin *sdk_module_plugin(const slu_module *module, const char *name);

/* ---- Before open ---- */
SLU_CHECK slu_status sdk_harness_with(sdk_harness *harness, const char *options, slu_error *err);
SLU_CHECK slu_status sdk_harness_input(sdk_harness *harness, const char *columns, slu_error *err);
/* What a lookup plugin is asked for: its wanted columns, by name; NULL: all. */
void sdk_harness_take(sdk_harness *harness, const char *columns);
SLU_CHECK slu_status sdk_harness_keys(sdk_harness *harness, const char *columns, slu_error *err); /* "a, b": partition by hash */
void sdk_harness_subtask(sdk_harness *harness, uint32_t subtask, uint32_t parallelism);
void sdk_harness_clock(sdk_harness *harness, int64_t now_ms); /* both clocks; 0 at birth */
/* A lookup that `{ use: NAME }` finds: a table in memory. Asked for other columns or keys than it has, it answers as a plugin would. */
SLU_CHECK slu_status sdk_harness_lookup_table(sdk_harness *harness, const char *use, const char *columns, const char *rows,
                                              slu_error *err);
/* Answers wait for sdk_harness_answer; else they come before the call that asked returns to the test. */
void sdk_harness_hold_answers(sdk_harness *harness, bool hold);
/* Count emitted rows without keeping them (long runs). */
void sdk_harness_discard(sdk_harness *harness, bool discard);

SLU_CHECK slu_status sdk_harness_plan(sdk_harness *harness, slu_error *err); /* part of open; alone for tests of plan */
SLU_CHECK slu_status sdk_harness_open(sdk_harness *harness, slu_error *err);

/* ---- Running ---- */
/* An operator or sink takes the rows (text of rows.h), then MORE is followed until OK. AGAIN is passed through. */
SLU_CHECK slu_status sdk_harness_push(sdk_harness *harness, uint32_t input, const char *rows, slu_error *err);
SLU_CHECK slu_status sdk_harness_push_batch(sdk_harness *harness, uint32_t input, const slu_batch *batch, slu_error *err);
/* A batch of the harness's own from rows, under an input's schema; drop it with sdk_harness_drop. */
SLU_CHECK slu_status sdk_harness_batch(sdk_harness *harness, uint32_t input, const char *rows, const slu_batch **out,
                                       slu_error *err);
void sdk_harness_drop(sdk_harness *harness, const slu_batch **batch);
SLU_CHECK slu_status sdk_harness_poll(sdk_harness *harness, slu_error *err); /* a source, once */
SLU_CHECK slu_status sdk_harness_drain(sdk_harness *harness,
                                       slu_error *err); /* a source, while it says MORE: END, AGAIN or a failure */
SLU_CHECK slu_status sdk_harness_watermark(sdk_harness *harness, int64_t event_ms, slu_error *err);
SLU_CHECK slu_status sdk_harness_advance(sdk_harness *harness, int64_t by_ms, slu_error *err); /* timers, deadline, wake */
SLU_CHECK slu_status sdk_harness_wait(sdk_harness *harness, int64_t timeout_ms,
                                      slu_error *err);                         /* real descriptors; AGAIN: nothing came */
SLU_CHECK slu_status sdk_harness_answer(sdk_harness *harness, slu_error *err); /* held lookup answers, in order */
SLU_CHECK slu_status sdk_harness_end(sdk_harness *harness, slu_error *err);
SLU_CHECK slu_status sdk_harness_control(sdk_harness *harness, const void *message, uint64_t bytes, slu_error *err);
/* A lookup plugin is asked for keys (rows of input 0); its answers become output: "found | values ...". */
SLU_CHECK slu_status sdk_harness_submit(sdk_harness *harness, const char *keys, slu_error *err);

/* ---- Checkpoints ---- */
/* A sink is also prepared. What is saved replaces what was. */
SLU_CHECK slu_status sdk_harness_snapshot(sdk_harness *harness, slu_error *err);
SLU_CHECK slu_status sdk_harness_complete(sdk_harness *harness, slu_error *err); /* the last snapshot is whole: commit, complete */
/* As after a crash: the instance goes, a new one gets the last snapshot (or nothing). */
SLU_CHECK slu_status sdk_harness_restart(sdk_harness *harness, slu_error *err);

/* ---- Looking ---- */
const char *sdk_harness_output(sdk_harness *harness); /* rows of output 0 since the last clear */
const char *sdk_harness_output_of(sdk_harness *harness, uint32_t output);
const char *sdk_harness_schema(sdk_harness *harness, uint32_t output); /* "id BIGINT NOT NULL, ..." as planned */
int64_t sdk_harness_rows(const sdk_harness *harness);                  /* emitted in all outputs, ever */
uint32_t sdk_harness_batches(const sdk_harness *harness);              /* kept since the last clear */
const slu_batch *sdk_harness_batch_at(const sdk_harness *harness, uint32_t index);
void sdk_harness_clear(sdk_harness *harness);
int64_t sdk_harness_metric(const sdk_harness *harness, const char *name);
int64_t sdk_harness_state_entries(const sdk_harness *harness, const char *state);
uint32_t sdk_harness_pending(const sdk_harness *harness);
uint32_t sdk_harness_lookups(const sdk_harness *harness);    /* requests submitted, ever */
int64_t sdk_harness_lookup_keys(const sdk_harness *harness); /* keys in them */
bool sdk_harness_bounded(const sdk_harness *harness);
void *sdk_harness_instance(sdk_harness *harness);
slu_host *sdk_harness_host(sdk_harness *harness);

#ifdef __cplusplus
}
#endif
#endif
