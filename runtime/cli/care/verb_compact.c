/* verb_compact.c: `lake compact`: many small files become few. */
#include "lake_verbs.h"

#include "iceberg_care/compact.h"

static slu_status
compact_run(const slu_args *args, lake_subject *subject, iceberg_compacted *out, slu_error *err)
{
    iceberg_compact_options options = {.dry_run = slu_args_has(args, "dry-run")};
    SLU_TRY(slu_args_i64(args, "target-bytes", 1, INT64_MAX, &options.target_bytes, err));
    SLU_TRY(slu_args_i64(args, "min-files", 1, INT32_MAX, &options.files_min, err));
    SLU_TRY(lake_subject_open(args, subject, err));
    return iceberg_compact(&subject->catalog, &subject->table, &options, out, err);
}

static int
lake_compact(const slu_args *args)
{
    slu_error err = {0};
    SLU_AUTO(lake_subject_close) lake_subject subject = {0};
    iceberg_compacted out;
    if (compact_run(args, &subject, &out, &err) != SLU_OK)
        return slu_cli_fail(args, &err);
    const lake_number numbers[] = {{"files_before", "data files replaced", out.files_before},
                                   {"files_after", "data files in their place", out.files_after},
                                   {"bytes_before", "bytes replaced", out.bytes_before},
                                   {"bytes_after", "bytes in their place", out.bytes_after},
                                   {"rows_before", "rows replaced", out.rows_before},
                                   {"rows_after", "rows in their place", out.rows_after},
                                   {"delete_files", "delete files removed", out.delete_files},
                                   {"left_files", "files of older partition specs, left", out.left_files},
                                   {"manifests_before", "manifests before", out.manifests_before},
                                   {"manifests_after", "manifests after", out.manifests_after}};
    return lake_print_numbers(args, &subject, numbers, sizeof numbers / sizeof *numbers);
}

static const slu_flag flags[] = {{"target-bytes", 0, "N", "size of a file (the table's, else 128 MiB)"},
                                 {"min-files", 0, "N", "fewer small files stay as they are (2)"},
                                 LAKE_DRY_RUN};

const slu_verb slu_verb_lake_compact = {.name = "lake compact",
                                        .summary = "small files become large ones, deletes are applied",
                                        .usage = "TABLE",
                                        .more = "One snapshot that holds the same rows. The old files stay until the\n"
                                                "snapshots that need them expire (sluice lake expire).\n" LAKE_SETTINGS_HELP,
                                        SLU_VERB_FLAGS(flags),
                                        .words_min = 1,
                                        .words_max = 1,
                                        .settings = true,
                                        .json = true,
                                        .run = lake_compact};
