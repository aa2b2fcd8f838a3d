/* verb_verify.c: `lake verify`: whether what a table says of itself is so. */
#include "lake_verbs.h"

#include "iceberg_care/verify.h"

#include <jansson.h>

typedef struct verify_run {
    const slu_args *args;
    lake_subject subject;
    iceberg_verified out;
    json_t *findings;
} verify_run;

static void
run_fini(verify_run *run)
{
    lake_subject_close(&run->subject);
    json_decref(run->findings);
}

static slu_status
finding_say(void *to, const iceberg_finding *finding, slu_error *err)
{
    verify_run *run = to;
    (void)err;
    if (!run->args->json)
        (void)printf("%s %s: %s: %s\n", finding->wrong ? "WRONG" : "odd", finding->code, finding->where, finding->text);
    else
        (void)json_array_append_new(run->findings, json_pack("{s:b, s:s, s:s, s:s}", "wrong", (int)finding->wrong, "code",
                                                             finding->code, "where", finding->where, "text", finding->text));
    return SLU_OK;
}

static slu_status
table_verify(verify_run *run, slu_error *err)
{
    const iceberg_verify_options options = {.quick = slu_args_has(run->args, "quick"), .found = finding_say, .to = run};
    SLU_TRY(lake_subject_open(run->args, &run->subject, err));
    const iceberg_store *store = iceberg_catalog_store(&run->subject.catalog, &run->subject.table);
    return iceberg_verify(store, &run->subject.table, &options, &run->out, err);
}

static int
lake_verify(const slu_args *args)
{
    slu_error err = {0};
    SLU_AUTO(run_fini) verify_run run = {.args = args, .findings = json_array()};
    if (table_verify(&run, &err) != SLU_OK)
        return slu_cli_fail(args, &err);
    const iceberg_verified *out = &run.out;
    const lake_number numbers[] = {
        {"snapshots", "snapshots", out->snapshots},    {"manifests", "manifests", out->manifests},
        {"data_files", "data files", out->data_files}, {"delete_files", "delete files", out->delete_files},
        {"footers", "footers read", out->footers},     {"rows", "rows in them", out->rows},
        {"wrong", "things wrong", out->wrong},         {"odd", "things odd", out->odd}};
    const int code = lake_print_findings(args, &run.subject, numbers, sizeof numbers / sizeof *numbers, run.findings);
    return code == SLU_EXIT_DONE && out->wrong != 0 ? SLU_EXIT_FAILED : code;
}

static const slu_flag flags[] = {{"quick", 'q', NULL, "do not open data files"}};

const slu_verb slu_verb_lake_verify = {.name = "lake verify",
                                       .summary = "whether what a table says of itself is so",
                                       .usage = "TABLE",
                                       .more = "From the metadata down to the footers of the files; of a Fluss log\n"
                                               "table also that no offset of a bucket is missing or there twice.\n"
                                               "Exit 1 when something is wrong; odd things are only told.\n" LAKE_SETTINGS_HELP,
                                       SLU_VERB_FLAGS(flags),
                                       .words_min = 1,
                                       .words_max = 1,
                                       .settings = true,
                                       .json = true,
                                       .run = lake_verify};
