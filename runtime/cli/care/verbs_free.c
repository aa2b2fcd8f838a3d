/* verbs_free.c: what gives room back: `lake expire`, `lake orphans`. */
#include "lake_verbs.h"

#include "iceberg_care/expire.h"
#include "iceberg_care/orphans.h"

#define ORPHAN_AGE_MS_MIN INT64_C(3600000) /* younger files may belong to a commit under way */

typedef struct freeing {
    const slu_args *args;
    lake_subject subject;
    iceberg_expired expired;
    iceberg_orphans orphans;
} freeing;

static void
freeing_fini(freeing *work)
{
    lake_subject_close(&work->subject);
}

/* ---- expire ---- */

static slu_status
expire_run(freeing *work, slu_error *err)
{
    int64_t named[LAKE_NAMED_MAX];
    iceberg_expire_options options = {
        .age_ms = ICEBERG_DEFAULT, .keep_last = ICEBERG_DEFAULT, .keep = named, .dry_run = slu_args_has(work->args, "dry-run")};
    SLU_TRY(slu_args_duration(work->args, "older-than", &options.age_ms, err));
    SLU_TRY(slu_args_i64(work->args, "keep", 1, INT32_MAX, &options.keep_last, err));
    SLU_TRY(lake_subject_open(work->args, &work->subject, err));
    SLU_TRY(lake_named_snapshots(work->args, &work->subject, named, &options.keep_count, err));
    return iceberg_expire(&work->subject.catalog, &work->subject.table, &options, &work->expired, err);
}

static int
lake_expire(const slu_args *args)
{
    slu_error err = {0};
    SLU_AUTO(freeing_fini) freeing work = {.args = args};
    if (expire_run(&work, &err) != SLU_OK)
        return slu_cli_fail(args, &err);
    const iceberg_expired *out = &work.expired;
    const lake_number numbers[] = {
        {"snapshots", "snapshots expired", out->snapshots},        {"snapshots_kept", "snapshots kept", out->snapshots_kept},
        {"data_files", "data files removed", out->data_files},     {"delete_files", "delete files removed", out->delete_files},
        {"manifests", "manifests removed", out->manifests},        {"manifest_lists", "manifest lists removed", out->lists},
        {"statistics", "statistics files removed", out->others},   {"bytes", "bytes freed", out->bytes},
        {"failed", "files that could not be removed", out->failed}};
    return lake_print_numbers(args, &work.subject, numbers, sizeof numbers / sizeof *numbers);
}

/* ---- orphans ---- */

static slu_status
orphan_say(void *to, const iceberg_listed *listed, slu_error *err)
{
    const slu_args *args = to;
    if (!args->json)
        (void)printf("%s\n", listed->location);
    return SLU_OK;
}

static slu_status
orphans_run(freeing *work, slu_error *err)
{
    iceberg_orphans_options options = {.dry_run = slu_args_has(work->args, "dry-run"), .found = orphan_say};
    options.to = (void *)(uintptr_t)work->args;
    SLU_TRY(slu_args_duration(work->args, "older-than", &options.age_ms, err));
    if (slu_args_has(work->args, "older-than") && options.age_ms < ORPHAN_AGE_MS_MIN && !slu_args_has(work->args, "force"))
        return slu_error_set(err, SLU_INVALID,
                             "--older-than below 1h: such files may belong to a commit under way. With --force it is done all the "
                             "same: for tables that nobody writes to");
    if (slu_args_has(work->args, "older-than") && options.age_ms == 0)
        options.age_ms = -1;
    SLU_TRY(lake_subject_open(work->args, &work->subject, err));
    return iceberg_orphans_remove(&work->subject.catalog, &work->subject.table, &options, &work->orphans, err);
}

static int
lake_orphans(const slu_args *args)
{
    slu_error err = {0};
    SLU_AUTO(freeing_fini) freeing work = {.args = args};
    if (orphans_run(&work, &err) != SLU_OK)
        return slu_cli_fail(args, &err);
    const iceberg_orphans *out = &work.orphans;
    const lake_number numbers[] = {{"listed", "files below the table", out->listed},
                                   {"reached", "files of the table", out->reached},
                                   {"others", "files of others, left alone", out->others},
                                   {"young", "files too young to tell", out->young},
                                   {"orphans", "orphans removed", out->orphans},
                                   {"bytes", "bytes freed", out->bytes},
                                   {"failed", "files that could not be removed", out->failed}};
    return lake_print_numbers(args, &work.subject, numbers, sizeof numbers / sizeof *numbers);
}

/* ---- The verbs ---- */

static const slu_flag expire_flags[] = {{"older-than", 0, "TIME", "default: the table's, else 5 days"},
                                        {"keep", 'k', "N", "the newest N stay, however old (1)"},
                                        LAKE_DRY_RUN,
                                        {"fluss.bootstrap.servers", 'b', "HOST:PORT", "keep what this Fluss names"}};

const slu_verb slu_verb_lake_expire = {.name = "lake expire",
                                       .summary = "old snapshots go, and the files only they need",
                                       .usage = "TABLE",
                                       .more = "Branches and tags stay with what they point at. So do the newest\n"
                                               "snapshot of a tiering service and all after it, since it finds its\n"
                                               "place by it. Files go after the commit.\n" LAKE_SETTINGS_HELP,
                                       SLU_VERB_FLAGS(expire_flags),
                                       .words_min = 1,
                                       .words_max = 1,
                                       .settings = true,
                                       .json = true,
                                       .run = lake_expire};

static const slu_flag orphans_flags[] = {{"older-than", 0, "TIME", "files younger than this stay (72h)"},
                                         {"force", 0, NULL, "allow --older-than below 1h"},
                                         LAKE_DRY_RUN};

const slu_verb slu_verb_lake_orphans = {.name = "lake orphans",
                                        .summary = "files that no snapshot needs go",
                                        .usage = "TABLE",
                                        .more = "Looks below the table's location only, and leaves alone what another\n"
                                                "table or program has there.\n" LAKE_SETTINGS_HELP,
                                        SLU_VERB_FLAGS(orphans_flags),
                                        .words_min = 1,
                                        .words_max = 1,
                                        .settings = true,
                                        .json = true,
                                        .run = lake_orphans};
