/* verb_demo.c: the whole streamhouse at work. */
#include "verbs.h"

#include "cli/demo/demo.h"
#include "lake_settings.h"

#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

static void
summary_json(const cli_demo_summary *of, slu_buf *out)
{
    slu_buf_printf(out,
                   "{\"transactions\": %" PRId64 ", \"frauds_expected\": %" PRId64 ", \"frauds_stream\": %" PRId64
                   ", \"frauds_lake\": %" PRId64 ", \"frauds_union\": %" PRId64 ", \"frauds_named\": %" PRId64
                   ", \"seconds\": %.3f, \"rows_per_second\": %.0f, \"peak_pss_bytes\": %" PRId64 "}\n",
                   of->transactions, of->frauds_expected, of->frauds_stream, of->frauds_lake, of->frauds_union, of->frauds_named,
                   of->seconds, of->rows_per_second, of->peak_pss_bytes);
}

static void
summary_text(const cli_demo_summary *of, const char *keep_dir, slu_buf *out)
{
    slu_buf_printf(out, "transactions      %" PRId64 " in %.1f s, %.0f judged per second\n", of->transactions, of->seconds,
                   of->rows_per_second);
    slu_buf_printf(out, "frauds expected   %" PRId64 "\n", of->frauds_expected);
    slu_buf_printf(out, "frauds found      %" PRId64 " in the stream, %" PRId64 " in the lake, %" PRId64 " in their union\n",
                   of->frauds_stream, of->frauds_lake, of->frauds_union);
    slu_buf_printf(out, "with a name       %" PRId64 " by the lookup join\n", of->frauds_named);
    slu_buf_printf(out, "peak memory       %.1f MiB (PSS of the whole stack)\n", (double)of->peak_pss_bytes / 1048576.0);
    if (keep_dir != NULL)
        slu_buf_printf(out, "kept              %s/server, %s/warehouse (table fluss.fraud)\n", keep_dir, keep_dir);
    slu_buf_text(out, cli_demo_right(of) ? "expected = found\n" : "WRONG: expected and found differ\n");
}

static slu_status
options_read(const slu_args *args, cli_demo_options *out, slu_error *err)
{
    SLU_TRY(slu_args_i64(args, "transactions", 10, INT64_C(1000000000000), &out->transactions, err));
    SLU_TRY(slu_args_i64(args, "parallelism", 1, 64, &out->parallelism, err));
    SLU_TRY(slu_args_i64(args, "taskmanagers", 1, 64, &out->taskmanagers, err));
    if (out->transactions % 10 != 0)
        return slu_error_set(err, SLU_INVALID, "--transactions %" PRId64 ": they come in rounds of ten; give a multiple of 10",
                             out->transactions);
    out->keep_dir = slu_args_get(args, "keep");
    return SLU_OK;
}

static int
demo(const slu_args *args)
{
    static char program[PATH_MAX];
    cli_demo_options options = {.program = program,
                                .transactions = 1000000,
                                .parallelism = 1,
                                .taskmanagers = 1,
                                .quiet = slu_args_has(args, "quiet"),
                                .stop = slu_cli_interrupted};
    cli_demo_summary summary;
    cli_lake_settings lake;
    slu_error err;
    slu_buf out;
    if (cli_lake_settings_only(args, &lake, &err) != SLU_OK || options_read(args, &options, &err) != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_USAGE;
    }
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        (void)snprintf(program, sizeof program, "sluice");
    slu_cli_catch_signals();
    options.lake = cli_lake_settings_options(&lake);
    if (cli_demo_run(slu_cli_env(), &options, &summary, &err) != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_FAILED;
    }
    slu_buf_init(&out, 1 << 16);
    if (args->json)
        summary_json(&summary, &out);
    else
        summary_text(&summary, options.keep_dir, &out);
    const int printed = slu_cli_print(&out);
    slu_buf_fini(&out);
    return cli_demo_right(&summary) ? printed : SLU_EXIT_FAILED;
}

static const slu_flag flags[] = {
    {"transactions", 'n', "N", "how many to generate, in rounds of ten with one fraud each (1000000)"},
    {"parallelism", 'p', "P", "of the generator and the fraud job (1)"},
    {"taskmanagers", 0, "T", "task managers to start (1)"},
    {"keep", 0, "DIR", "leave the data there: DIR/server, DIR/warehouse, DIR/log"},
    {"quiet", 'q', NULL, "no progress on standard error"},
};

const slu_verb slu_verb_demo = {
    .name = "demo",
    .summary = "the main job end to end, with a live view",
    .usage = "",
    .more =
        "Starts table server, job manager and task managers on free ports, generates bank transactions, finds\n"
        "the frauds among them, tiers them into an Iceberg table, and reads the result back.\n"
        "Ends with 1 when what was expected and what was found differ.\n"
        "The lake is a directory, unless --datalake.iceberg.type, .warehouse, .uri, .s3.endpoint ... say where another one is;\n"
        "keys of S3 come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY).",
    SLU_VERB_FLAGS(flags),
    .settings = true,
    .json = true,
    .run = demo};
