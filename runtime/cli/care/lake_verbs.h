/*
 * lake_verbs.h: what the verbs of `lake` share: the table they are about, what Fluss still names of it, and how they answer.
 *
 * Settings --datalake.iceberg.NAME: as jobs and servers take them; from the environment too (lake_settings.h).
 * Owns     a lake_subject owns its lake and its table.
 * Threads  owner; calls block.
 */
#ifndef SLU_CLI_LAKE_VERBS_H
#define SLU_CLI_LAKE_VERBS_H

#include "iceberg/catalog.h"
#include "verbs.h"

#include <jansson.h>

#include <sluice/arrow.h>

/* What --help says of the settings of every verb of `lake`. */
#define LAKE_SETTINGS_HELP                                                                                                         \
    "Settings: --datalake.iceberg.warehouse DIR or s3://bucket/path, or\n"                                                         \
    "--datalake.iceberg.type rest with --datalake.iceberg.uri URL; s3.*, token\n"                                                  \
    "and others as jobs take them; from the environment too.\n"
#define LAKE_DRY_RUN                                                                                                               \
    {                                                                                                                              \
        "dry-run", 'n', NULL, "only say what would be done"                                                                        \
    }

#define LAKE_NAMED_MAX 2

typedef struct lake_subject {
    iceberg_catalog catalog;
    iceberg_table table;
} lake_subject;

SLU_CHECK slu_status lake_subject_open(const slu_args *args, lake_subject *out, slu_error *err);
void lake_subject_close(lake_subject *subject); /* safe on a zeroed one and twice */
/* The snapshots that Fluss names of the table, with --fluss.bootstrap.servers; none without. */
SLU_CHECK slu_status lake_named_snapshots(const slu_args *args, const lake_subject *subject, int64_t *ids, size_t *count,
                                          slu_error *err);

/* One number of a summary: its key in JSON, and what people read. */
typedef struct lake_number {
    const char *key;
    const char *label;
    int64_t value;
} lake_number;

/* The numbers, as lines or as one JSON object. The exit code. */
int lake_print_numbers(const slu_args *args, const lake_subject *subject, const lake_number *numbers, size_t count);
/* The same with a list of findings beside them in JSON (borrowed); NULL: a verb that changes, with its flag --dry-run. */
int lake_print_findings(const slu_args *args, const lake_subject *subject, const lake_number *numbers, size_t count,
                        json_t *findings);
/* The rows of a batch: all columns as JSON, or the `columns` named as a table ("path:PATH|>bytes:BYTES"). The exit code. */
int lake_print_batch(const slu_args *args, const char *columns, const struct ArrowSchema *schema, const struct ArrowArray *array);

#endif
