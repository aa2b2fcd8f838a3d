/*
 * limits.h: every bound of sluice that more than one file must agree on, with unit and reason.
 *
 * A bound that only one file knows lives in that file's header, beside the constructor that enforces it.
 */
#ifndef SLU_BASE_LIMITS_H
#define SLU_BASE_LIMITS_H

#include <stdint.h>

/* Rows. */
#define SLU_BATCH_ROWS_TARGET 8192                /* rows: what a source aims at */
#define SLU_BATCH_BYTES_TARGET ((int64_t)1 << 20) /* bytes: or this, whichever comes first */
#define SLU_BATCH_ROWS_MAX ((int64_t)1 << 24)     /* rows: a decoder refuses more in one batch */
#define SLU_ROW_BYTES_MAX ((int64_t)64 << 20)     /* bytes: a single row above this is LIMIT */
#define SLU_BATCH_BYTES_MAX ((int64_t)1 << 30)    /* bytes: a decoder refuses a larger body */
#define SLU_COLUMNS_MAX 1024                      /* columns of a table or batch */
#define SLU_NESTING_MAX 16                        /* levels of ROW, ARRAY and MAP */
#define SLU_NAME_BYTES_MAX 256                    /* bytes of an identifier, with its final zero */

/* Jobs. */
#define SLU_PARALLELISM_MAX 1024   /* subtasks of one operator */
#define SLU_KEY_GROUPS_DEFAULT 128 /* key groups (max parallelism), Flink's default */
#define SLU_KEY_GROUPS_MAX 32768   /* Flink's upper bound, 2^15 */
#define SLU_OPERATORS_MAX 256      /* operators of one job */
#define SLU_TASKS_MAX 4096         /* tasks of one job */

/* Links between our own processes. */
#define SLU_CONTROL_BYTES_MAX ((int64_t)16 << 20) /* bytes of one control message */
#define SLU_CONTROL_DEPTH_MAX 32                  /* nesting of one control message */

#define SLU_PATH_BYTES_MAX 4096 /* bytes of a file path, with its final zero */

_Static_assert(SLU_BATCH_ROWS_TARGET <= SLU_BATCH_ROWS_MAX, "a target is within its maximum");
_Static_assert(SLU_ROW_BYTES_MAX <= SLU_BATCH_BYTES_MAX, "one row fits a batch");
_Static_assert(SLU_KEY_GROUPS_DEFAULT <= SLU_KEY_GROUPS_MAX, "Flink's bounds");

#endif
